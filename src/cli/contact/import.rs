//! Taking people up from a file: some rows on their way at a time, each answered for itself.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::rows::{Bad, Columns, Format, Line, read};
use crate::admin::{Command, Reply};
use crate::cli::{ask, exit};
use crate::context::{Imported, NotAnIdentity, Order};

/// Rows on their way at a time: one write of the disk carries them all, and the box takes 1,024.
const AT_A_TIME: usize = 64;
/// Bad rows that are listed one by one; the rest is counted.
const MOST_LISTED: usize = 1_000;

/// How to import.
#[derive(Debug, clap::Args)]
pub struct FromFile {
    /// The file: CSV with a heading, or an object in each line.
    pub file: PathBuf,
    /// How it is written, if its name does not say so.
    #[arg(long)]
    pub format: Option<Format>,
    /// What a column means, as COLUMN=FIELD: `phone`, `email`, `handle`, `sip`, `account`, `business`, `id`, `tags`,
    /// `shared`, `-` to leave it out, or any field's name; may be given several times.
    #[arg(long = "map", value_parser = super::field)]
    pub maps: Vec<(String, String)>,
    /// Where the file comes from: stands beside each value, and in front of ids.
    #[arg(long, default_value = "import")]
    pub source: String,
    /// Only say what it would do.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub ask: ask::Options,
}

/// What came of a file.
#[derive(Debug, Default, Serialize)]
struct Summary {
    created: u64,
    changed: u64,
    unchanged: u64,
    refused: u64,
    rows: Vec<Bad>,
}

impl Summary {
    fn refuse(&mut self, bad: Bad) {
        self.refused += 1;
        if self.rows.len() < MOST_LISTED {
            let column = bad.column.as_ref().map(|name| format!(", column {name}"));
            eprintln!("line {}{}: {}", bad.line, column.unwrap_or_default(), bad.why);
            self.rows.push(bad);
        }
    }

    fn count(&self) -> u64 {
        self.created + self.changed + self.unchanged + self.refused
    }

    fn text(&self) -> String {
        format!(
            "created {}, changed {}, unchanged {}, refused {}\n",
            self.created, self.changed, self.unchanged, self.refused
        )
    }
}

/// Carries out what the arguments say.
pub fn main(options: &FromFile) -> ExitCode {
    let Some(format) = options.format.or_else(|| format_of(&options.file)) else {
        return exit::fail(exit::USAGE, "is it CSV or JSONL? --format says so");
    };
    let columns = Columns::new(&options.maps, &options.source);
    let rows = File::open(&options.file).and_then(|file| read(file, format, columns));
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            let words = format!("{} cannot be read: {error}", options.file.display());
            return exit::fail(exit::NO_INPUT, words);
        }
    };
    match import(options, rows) {
        Ok(summary) => {
            let text = if options.ask.json {
                serde_json::to_string_pretty(&summary).unwrap_or_default() + "\n"
            } else {
                summary.text()
            };
            // A reader that closed the pipe early has seen what it wanted.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::from(if summary.refused > 0 { exit::DATA } else { 0 })
        }
        Err((summary, why)) => {
            let words = format!("{why}\n  until then: {}", summary.text().trim_end());
            exit::fail(exit::UNAVAILABLE, words + "; it may be imported once more")
        }
    }
}

fn format_of(file: &Path) -> Option<Format> {
    match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "csv" | "tsv" | "txt" => Some(Format::Csv),
        "jsonl" | "ndjson" | "json" => Some(Format::Jsonl),
        _ => None,
    }
}

fn import(
    options: &FromFile,
    rows: impl Iterator<Item = Result<Line, Bad>>,
) -> Result<Summary, (Summary, String)> {
    let mut summary = Summary::default();
    let mut lines = Vec::new();
    for _ in 0..AT_A_TIME {
        match ask::Line::open(&options.ask.socket) {
            Ok(line) => lines.push(line),
            Err(error) => return Err((summary, format!("no box answers: {error}"))),
        }
    }
    let mut batch = Batch::default();
    for row in rows {
        match row {
            Err(bad) => summary.refuse(bad),
            Ok(read) => {
                if batch.rows.len() == AT_A_TIME || batch.knows(&read) {
                    if let Err(why) = batch.send(options, &mut lines, &mut summary) {
                        return Err((summary, why));
                    }
                    progress(&summary);
                }
                batch.take(read);
            }
        }
    }
    if let Err(why) = batch.send(options, &mut lines, &mut summary) {
        return Err((summary, why));
    }
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    Ok(summary)
}

fn progress(summary: &Summary) {
    if io::stderr().is_terminal() {
        eprint!("\r{} rows", summary.count());
    }
}

/// Rows that go together. None is about whom another is about: of two that are, the later has the last word.
#[derive(Default)]
struct Batch {
    rows: Vec<Line>,
    about: BTreeSet<String>,
}

impl Batch {
    fn knows(&self, read: &Line) -> bool {
        about(read).any(|one| self.about.contains(&one))
    }

    fn take(&mut self, read: Line) {
        self.about.extend(about(&read));
        self.rows.push(read);
    }

    /// Sends all, and counts what comes of each.
    fn send(
        &mut self,
        options: &FromFile,
        lines: &mut [ask::Line],
        summary: &mut Summary,
    ) -> Result<(), String> {
        let rows = std::mem::take(&mut self.rows);
        self.about.clear();
        let lost = |error: io::Error| format!("the box does not answer any more: {error}");
        for (read, line) in rows.iter().zip(lines.iter_mut()) {
            let (source, dry_run) = (options.source.clone(), options.dry_run);
            let order = match &read.piece {
                Some(piece) => Order::Restore { piece: piece.clone(), source, dry_run },
                None => Order::Import { row: read.row.clone(), source, dry_run },
            };
            line.send(&Command::Contact { order, seen: None }).map_err(lost)?;
        }
        for (read, line) in rows.into_iter().zip(lines.iter_mut()) {
            match line.hear().map_err(lost)? {
                Reply::Ordered(done) => match done.imported {
                    Some(Imported::Created) => summary.created += 1,
                    Some(Imported::Changed) => summary.changed += 1,
                    _ => summary.unchanged += 1,
                },
                Reply::NotReady(why) => return Err(why),
                Reply::Refused(why) => summary.refuse(refused(read, why)),
                Reply::Declined(why) => summary.refuse(refused(read, why.to_string())),
                _ => return Err("the box answered something else".to_owned()),
            }
        }
        Ok(())
    }
}

fn refused(read: Line, why: String) -> Bad {
    let number = why == NotAnIdentity::Number.to_string() && !read.numbers.is_empty();
    Bad { line: read.line, column: number.then(|| read.numbers.join(" or ")), why }
}

/// What a row is about, roughly: a number is its last digits, as it may stand with a country's code or without.
fn about(read: &Line) -> impl Iterator<Item = String> {
    const LAST: usize = 6;
    let row = read.row.identities.iter().map(|held| &held.identity);
    let piece = read.piece.iter();
    let named = piece.clone().flat_map(|piece| piece.identities());
    let identities = row.chain(named).map(|identity| {
        let value: String = identity.value.chars().filter(|c| c.is_alphanumeric()).collect();
        let value = value.to_lowercase();
        let from = value.char_indices().rev().nth(LAST - 1).map_or(0, |(at, _)| at);
        match identity.kind {
            crate::context::Kind::Phone => format!("phone {}", value.get(from..).unwrap_or(&value)),
            kind => format!("{kind} {value}"),
        }
    });
    let contacts = piece.flat_map(|piece| piece.contacts()).chain(read.row.contact);
    identities.chain(contacts.map(|contact| format!("contact {contact}")))
}
