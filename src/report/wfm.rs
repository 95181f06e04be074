//! The export that planners of shifts read: one line for each interval, queue and channel, as comma-separated values.

use std::fmt::Write as _;

use crate::report::Row;
use crate::report::counter::Counter::*;
use crate::report::formula::{self, Formula};
use crate::report::grid::Grid;

/// The first line.
pub const HEADER: &str = "interval_start,interval_minutes,queue,channel,offered,answered,abandoned,short_abandoned,\
callbacks,flowed_out,handled,aht_seconds,asa_seconds,service_level_f1,abandon_rate_f7\n";

/// Writes the lines.
#[derive(Debug)]
pub struct Export {
    formulas: Vec<(Formula, usize)>,
}

impl Default for Export {
    fn default() -> Self {
        // Seconds to a tenth, shares to four places.
        let places = [("F5", 1), ("F5-focus", 1), ("F4", 1), ("F1", 4), ("F7", 4)];
        let all = formula::all();
        let find = |(id, places): &(&str, usize)| {
            Some((all.iter().find(|formula| formula.id == *id)?.clone(), *places))
        };
        Export { formulas: places.iter().filter_map(find).collect() }
    }
}

impl Export {
    /// One line for a row of a report by queue and channel. Figures that there are none for are empty, so that nobody
    /// takes "no calls" for "0 %".
    pub fn line(&self, out: &mut String, grid: &Grid, row: &Row) {
        let minutes = (row.slot.end.0 - row.slot.start.0) / 60_000_000;
        let group = row.group.as_deref().unwrap_or_default();
        let (queue, channel) = group.split_once('\t').unwrap_or((group, ""));
        let start = grid.name(row.slot.start);
        let _ = write!(out, "{start},{minutes},{},{}", field(queue), field(channel));
        for counter in [Queued, Answered, Abandoned, Short, Callbacks, FlowedOut, Handled] {
            let _ = write!(out, ",{}", row.counts.get(counter));
        }
        let spoken = row.counts.get(Handled) > row.counts.get(HandledDigital);
        let other = if spoken { "F5-focus" } else { "F5" };
        for (formula, places) in self.formulas.iter().filter(|(formula, _)| formula.id != other) {
            out.push(',');
            if let Some(value) = formula.figure(&row.counts).value {
                let _ = write!(out, "{value:.places$}");
            }
        }
        out.push('\n');
    }
}

/// A field of comma-separated values (RFC 4180 section 2). One that a spreadsheet would take for a formula gets a quote
/// before it: names come from whoever writes the configuration, and this file is opened by somebody else.
pub fn field(text: &str) -> String {
    let text = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}
