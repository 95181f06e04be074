//! Figures in the Prometheus text exposition format, version 0.0.4.
//!
//! Owns how figures are written: names, help, labels, histograms. What there is to tell is the business of
//! [`crate::gateway`] and of the driver, each of which writes its own. The format is small, and a registry of shared
//! counters would be a second truth beside the machines' own.

use std::fmt::{Display, Write};
use std::time::Duration;

/// Every name begins with it.
const PREFIX: &str = "branchline_";

/// Upper bounds of the histograms of lateness, in seconds: what a phone notices begins at 20 ms.
const BOUNDS: [f64; 11] = [0.000_1, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0];

/// Figures, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures(String);

impl Figures {
    /// What can go down as well as up.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, help, "gauge");
        let _ = writeln!(self.0, "{PREFIX}{name} {value}");
    }

    /// What only goes up; `name` ends in `_total`.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        let _ = writeln!(self.0, "{PREFIX}{name} {value}");
    }

    /// One gauge for each value of a label; nothing when there is none.
    pub fn gauges<V: Display>(
        &mut self,
        (name, label): (&str, &str),
        help: &str,
        rows: impl IntoIterator<Item = (String, V)>,
    ) {
        self.rows((name, label), help, "gauge", rows);
    }

    /// One counter for each value of a label; nothing when there is none.
    pub fn counters(
        &mut self,
        (name, label): (&str, &str),
        help: &str,
        rows: impl IntoIterator<Item = (String, u64)>,
    ) {
        self.rows((name, label), help, "counter", rows);
    }

    /// How often something took how long.
    pub fn histogram(&mut self, name: &str, help: &str, spans: &Spans) {
        self.head(name, help, "histogram");
        let mut upto = 0;
        for (bound, count) in BOUNDS.iter().zip(&spans.counts) {
            upto += count;
            let _ = writeln!(self.0, "{PREFIX}{name}_bucket{{le=\"{bound}\"}} {upto}");
        }
        let _ = writeln!(self.0, "{PREFIX}{name}_bucket{{le=\"+Inf\"}} {}", spans.count);
        let _ = writeln!(self.0, "{PREFIX}{name}_sum {}", spans.sum.as_secs_f64());
        let _ = writeln!(self.0, "{PREFIX}{name}_count {}", spans.count);
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.0
    }

    fn rows<V: Display>(
        &mut self,
        (name, label): (&str, &str),
        help: &str,
        kind: &str,
        rows: impl IntoIterator<Item = (String, V)>,
    ) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_some() {
            self.head(name, help, kind);
        }
        for (value, figure) in rows {
            let _ = writeln!(self.0, "{PREFIX}{name}{{{label}=\"{}\"}} {figure}", escaped(&value));
        }
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.0, "# HELP {PREFIX}{name} {help}");
        let _ = writeln!(self.0, "# TYPE {PREFIX}{name} {kind}");
    }
}

/// Spans of time, counted by how long they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans {
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

impl Spans {
    /// One more.
    pub fn add(&mut self, span: Duration) {
        let seconds = span.as_secs_f64();
        if let Some(place) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.counts[place] += 1;
        }
        self.count += 1;
        self.sum += span;
    }
}

/// A label's value: three characters have another meaning there.
fn escaped(value: &str) -> String {
    value.chars().fold(String::with_capacity(value.len()), |mut text, c| {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_prometheus_reads_them() {
        let mut figures = Figures::default();
        figures.gauge("calls", "Calls up.", 3);
        figures.counters(("ended_total", "class"), "Calls.", [("a\"\\\nb".to_owned(), 2)]);
        figures.gauges::<u8>(("none", "x"), "Nothing.", []);
        assert_eq!(
            figures.into_text(),
            "# HELP branchline_calls Calls up.\n# TYPE branchline_calls gauge\nbranchline_calls 3\n\
             # HELP branchline_ended_total Calls.\n# TYPE branchline_ended_total counter\n\
             branchline_ended_total{class=\"a\\\"\\\\\\nb\"} 2\n"
        );
    }

    #[test]
    fn a_histogram_counts_up_to_each_bound() {
        let mut spans = Spans::default();
        for us in [50, 700, 700, 30_000, 5_000_000] {
            spans.add(Duration::from_micros(us));
        }
        let mut figures = Figures::default();
        figures.histogram("late_seconds", "Late.", &spans);
        let text = figures.into_text();
        for line in [
            "late_seconds_bucket{le=\"0.0001\"} 1\n",
            "late_seconds_bucket{le=\"0.001\"} 3\n",
            "late_seconds_bucket{le=\"1\"} 4\n",
            "late_seconds_bucket{le=\"+Inf\"} 5\n",
            "late_seconds_count 5\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
