//! How good the records of people are.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use super::export;
use crate::cli::{ask, exit};
use crate::context::{Quality, Survey};
use crate::driver::clock;

/// A month, for fields that are so many old.
const MONTH: Duration = Duration::from_secs(2_629_746);
/// Lines of each kind on a terminal; `--json` has all.
const SHOWN: usize = 20;

/// Goes through all people, and prints what was found.
pub fn main(options: &ask::Options, months: u32) -> ExitCode {
    let mut survey = Survey::new(clock::now().unix, MONTH * months);
    let read = export::people(options, &mut |person| {
        survey.take(&person);
        Ok(())
    });
    if let Err(error) = read {
        return exit::fail(exit::UNAVAILABLE, format!("not everybody was looked at: {error}"));
    }
    let found = survey.done();
    let printed = if options.json {
        serde_json::to_string_pretty(&found).unwrap_or_default() + "\n"
    } else {
        page(&found, months)
    };
    // A reader that closed the pipe early has seen what it wanted.
    let _ = io::stdout().write_all(printed.as_bytes());
    ExitCode::SUCCESS
}

fn page(found: &Quality, months: u32) -> String {
    let mut out = format!("{} people\n", found.people);
    let doubles = found.duplicates.iter().map(|double| {
        let why = double.evidence.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>();
        format!("{} and {}: {}", double.a, double.b, why.join(", "))
    });
    list(&mut out, "may be there twice (merge, or say that they are two)", doubles.collect());
    let malformed = found.malformed.iter().map(|of| format!("{}: {}", of.contact, of.field));
    list(&mut out, "numbers that are none", malformed.collect());
    let stale = found.stale.iter().map(|of| format!("{}: {}", of.contact, of.field));
    list(&mut out, &format!("fields older than {months} months"), stale.collect());
    let unknown = found.unknown.iter().map(ToString::to_string);
    list(&mut out, "people without a number or address", unknown.collect());
    out
}

fn list(out: &mut String, heading: &str, lines: Vec<String>) {
    let _ = writeln!(out, "{}: {heading}", lines.len());
    for line in lines.iter().take(SHOWN) {
        let _ = writeln!(out, "  {line}");
    }
    if lines.len() > SHOWN {
        let _ = writeln!(out, "  and {} more; --json lists them", lines.len() - SHOWN);
    }
}
