//! A report as a table, as JSON, as comma-separated values.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::id::{CaseId, WorkId};
use crate::report::counter::{Counter, Counts};
use crate::report::formula::{Figure, Formula, Unit};
use crate::report::grid::Grid;
use crate::report::wfm::{self, Export, field};
use crate::report::{By, Counted, Done, Group, Opened, totals};

/// Columns of plain counts that stand before the figures.
const COUNTS: [(&str, Counter); 3] = [
    ("QUEUED", Counter::Queued),
    ("ANSWERED", Counter::Answered),
    ("ABANDONED", Counter::Abandoned),
];

fn heading(by: By) -> Option<&'static str> {
    match by {
        By::Nothing => None,
        By::Queue => Some("QUEUE"),
        By::Agent => Some("AGENT"),
        By::Channel => Some("CHANNEL"),
        By::QueueAndChannel => Some("QUEUE AND CHANNEL"),
    }
}

fn named(group: &Group) -> String {
    let text = group.as_deref().unwrap_or("-");
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A table for a terminal; what nothing can be said of is a dash. Below it the totals, and what the ids mean.
pub(super) fn table(done: &Done, grid: &Grid, by: By, formulas: &[Formula]) -> String {
    let mut head = vec!["INTERVAL".to_owned()];
    head.extend(heading(by).map(str::to_owned));
    head.extend(COUNTS.iter().map(|(name, _)| (*name).to_owned()));
    head.extend(formulas.iter().map(|formula| formula.id.clone()));
    let totals = totals(&done.rows);
    let rows = done.rows.iter().map(|row| (grid.name(row.slot.start), &row.group, &row.counts));
    let rows = rows.chain(totals.iter().map(|(group, counts)| ("all".to_owned(), group, counts)));
    let rows = rows.map(|(start, group, counts)| line(start, group, counts, by, formulas));
    // What these formulas do not count has rows of dashes: they would only hide the others.
    let first = 1 + usize::from(heading(by).is_some());
    let says = |row: &Vec<String>| row.iter().skip(first).any(|cell| cell != "0" && cell != "-");
    let rows: Vec<_> = std::iter::once(head).chain(rows.filter(says)).collect();
    let mut out = aligned(&rows) + "\n";
    for formula in formulas {
        let _ = writeln!(out, "{:<24} {}", formula.id, formula.title);
    }
    out + &misfits(done)
}

fn line(
    start: String,
    group: &Group,
    counts: &Counts,
    by: By,
    formulas: &[Formula],
) -> Vec<String> {
    let mut line = vec![start];
    line.extend(heading(by).map(|_| named(group)));
    line.extend(COUNTS.iter().map(|(_, counter)| counts.get(*counter).to_string()));
    line.extend(formulas.iter().map(|formula| match formula.fits(by) {
        true => cell(formula, &formula.figure(counts)),
        false => "-".to_owned(),
    }));
    line
}

fn misfits(done: &Done) -> String {
    let counts = [
        (done.misfits.late, "facts out of order"),
        (done.misfits.strays, "facts of contacts that began before the first fact"),
        (done.misfits.answers, "answers to surveys that do not count"),
    ];
    let told = counts.iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("left out: {count} {what}\n")).collect()
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A figure with its parts, so that nobody takes 2 of 3 for 200 of 300: `66.7% 60/90`.
fn cell(formula: &Formula, figure: &Figure) -> String {
    let Some(value) = figure.value else { return "-".to_owned() };
    let parts = format!("{}/{}", count(figure.numerator), count(figure.denominator));
    let beside = figure.beside.filter(|count| *count > 0);
    let beside = beside.map(|count| format!(" +{count}")).unwrap_or_default();
    let band = figure.interval.map(|(low, high)| {
        format!(" [{}..{}]", shown(formula.unit, low), shown(formula.unit, high))
    });
    match formula.unit {
        // Microseconds above and below say nothing to anybody.
        Unit::Percent | Unit::Points if figure.denominator < 1e6 => {
            let band = band.unwrap_or_default();
            format!("{} {parts}{beside}{band}", shown(formula.unit, value))
        }
        unit => format!("{}{}", shown(unit, value), band.unwrap_or_default()),
    }
}

fn shown(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Percent => format!("{:.1}%", value * 100.0),
        Unit::Points => format!("{:+.1}", value * 100.0),
        Unit::Seconds => format!("{value:.1}s"),
        Unit::Number | Unit::Money => format!("{value:.2}"),
    }
}

fn count(value: f64) -> String {
    format!("{value:.0}")
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Percent => "share",
        Unit::Points => "points/100",
        Unit::Seconds => "seconds",
        Unit::Number => "number",
        Unit::Money => "money",
    }
}

/// One document: rows, and totals by group.
pub(super) fn json(done: &Done, grid: &Grid, by: By, formulas: &[Formula]) -> String {
    let figures = |counts| -> Vec<Value> {
        let fitting = formulas.iter().filter(|formula| formula.fits(by));
        fitting.map(|formula| figure(formula, &formula.figure(counts))).collect()
    };
    let rows: Vec<_> = done
        .rows
        .iter()
        .map(|row| {
            json!({
                "start": grid.name(row.slot.start),
                "end": grid.name(row.slot.end),
                "group": row.group,
                "figures": figures(&row.counts),
            })
        })
        .collect();
    let totals: Vec<_> = totals(&done.rows)
        .iter()
        .map(|(group, counts)| json!({ "group": group, "figures": figures(counts) }))
        .collect();
    let misfits = json!({
        "late": done.misfits.late,
        "strays": done.misfits.strays,
        "answers": done.misfits.answers,
    });
    let document = json!({ "by": heading(by).map(str::to_lowercase), "rows": rows, "totals": totals, "left_out": misfits });
    format!("{document:#}\n")
}

fn figure(formula: &Formula, figure: &Figure) -> Value {
    json!({
        "formula": formula.id,
        "unit": unit(formula.unit),
        "numerator": figure.numerator,
        "denominator": figure.denominator,
        "value": figure.value,
        "low": figure.interval.map(|(low, _)| low),
        "high": figure.interval.map(|(_, high)| high),
        "beside": figure.beside,
    })
}

/// One line for each interval, group and formula.
pub(super) fn csv(done: &Done, grid: &Grid, by: By, formulas: &[Formula]) -> String {
    let mut out = "interval_start,group,formula,unit,numerator,denominator,value,low,high,beside\n"
        .to_owned();
    let some = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    for row in &done.rows {
        for formula in formulas.iter().filter(|formula| formula.fits(by)) {
            let figure = formula.figure(&row.counts);
            let _ = writeln!(
                out,
                "{},{},{},{},{},{},{},{},{},{}",
                grid.name(row.slot.start),
                field(row.group.as_deref().unwrap_or_default()),
                formula.id,
                unit(formula.unit),
                figure.numerator,
                figure.denominator,
                some(figure.value),
                some(figure.interval.map(|(low, _)| low)),
                some(figure.interval.map(|(_, high)| high)),
                figure.beside.map(|count| count.to_string()).unwrap_or_default(),
            );
        }
    }
    out
}

/// The export for planners.
pub(super) fn wfm(done: &Done, grid: &Grid) -> String {
    let mut out = wfm::HEADER.to_owned();
    let export = Export::default();
    // What belongs to no queue is no load that a queue's agents are planned for.
    for row in done.rows.iter().filter(|row| row.group.is_some()) {
        export.line(&mut out, grid, row);
    }
    out
}

/// What a figure counted: `+` above the line, `/` below it.
pub(super) fn opened(formula: &Formula, done: &Done, as_json: bool) -> String {
    let (above, below) = done.opened.clone().unwrap_or_default();
    if as_json {
        let side = |side: &Opened| -> Vec<Value> {
            side.iter()
                .map(|(thing, amount)| {
                    let (kind, id) = thing_named(thing);
                    json!({ "kind": kind, "id": id, "amount": amount })
                })
                .collect()
        };
        let document = json!({ "formula": formula.id, "numerator": side(&above), "denominator": side(&below) });
        return format!("{document:#}\n");
    }
    let mut out = format!("{}: {}\n", formula.id, formula.title);
    for (sign, side) in [("above", above), ("below", below)] {
        let _ = writeln!(out, "{sign} the line: {}", side.len());
        for (thing, amount) in side {
            let (kind, id) = thing_named(&thing);
            let _ = writeln!(out, "  {kind:<8} {id:<14} {amount}");
        }
    }
    out
}

fn thing_named(thing: &Counted) -> (&'static str, String) {
    match thing {
        Counted::Work(work) => ("contact", work.to_string()),
        Counted::Case(case) => ("case", CaseId(case.0).to_string()),
        // It is called by the call, the item or the record that began it.
        Counted::Journey(journey) => ("journey", WorkId(journey.0).to_string()),
        Counted::Survey(survey) => ("survey", survey.0.to_string()),
        Counted::Nothing => ("time", "idle".to_owned()),
    }
}
