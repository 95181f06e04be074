//! `branchline policy`: what would leave the premises, and what did.
//!
//! Needs no running box: the preview is made from the journal in the data folder, the log is read there.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::{check, exit};
use crate::config::Settings;
use crate::driver::outbox::{self, About};
use crate::driver::{files, journal};
use crate::journal::chain::unhex;
use crate::journal::left::File;
use crate::time::UnixTime;
use crate::uplink::frame::Event;

/// What `branchline policy` takes.
#[derive(Debug, Args)]
pub struct Policy {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Print exactly what would leave, one event in a line, under the policy of the configuration as it stands.
    #[command(
        after_help = "Examples: branchline policy preview --contact +4930123456\n          branchline policy preview --hour 2026-11-22T14"
    )]
    Preview {
        /// Only what is about this person: the contact's id, a number in full, or an address.
        #[arg(long, conflicts_with = "hour")]
        contact: Option<String>,
        /// Only what was written in this hour, in UTC, as 2026-11-22T14.
        #[arg(long, value_parser = hour)]
        hour: Option<UnixTime>,
        /// The configuration file.
        #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
        config: PathBuf,
    },
    /// Print the log of what did leave, made from what head office has acknowledged.
    #[command(after_help = "Example: branchline policy log --verify")]
    Log {
        /// Look whether it is as it was written: signed, in a chain, without a gap.
        #[arg(long)]
        verify: bool,
        /// The box's public key in hexadecimal, as it was noted before; that in the data folder when absent.
        #[arg(long)]
        key: Option<String>,
        /// The configuration file.
        #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
        config: PathBuf,
    },
}

/// The beginning of an hour.
fn hour(text: &str) -> Result<UnixTime, &'static str> {
    let moment = format!("{text}:00:00Z").parse::<jiff::Timestamp>();
    let moment = moment.map_err(|_| "an hour in UTC is written as 2026-11-22T14")?;
    Ok(UnixTime(moment.as_microsecond()))
}

/// An hour, in microseconds.
const HOUR: i64 = 3_600_000_000;

/// Reads, prints, and gives the exit code.
pub fn main(policy: Policy) -> ExitCode {
    let (Order::Preview { config, .. } | Order::Log { config, .. }) = &policy.order;
    let settings = match files::check(config) {
        Ok(checked) => checked.loaded.settings,
        Err(found) => {
            eprint!("{}", check::problems(&found));
            return ExitCode::from(exit::CONFIG);
        }
    };
    let data = settings.site.data_dir.clone();
    let done = match policy.order {
        Order::Preview { contact, hour, .. } => {
            let about = match (contact, hour) {
                (Some(who), _) => About::Person(who),
                (None, Some(from)) => About::Time(from, UnixTime(from.0 + HOUR)),
                (None, None) => About::All,
            };
            preview(&settings, &data, &about)
        }
        Order::Log { verify, key, .. } => log(&data, verify, key),
    };
    done.unwrap_or_else(|error| exit::fail(exit::NO_INPUT, format!("{}: {error}", data.display())))
}

fn preview(settings: &Settings, data: &Path, about: &About) -> io::Result<ExitCode> {
    let leaving = journal::leaving(settings)?;
    let keys = journal::reading(data).map_err(io::Error::other)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let mut print = |event: Event| {
        if written.is_ok() {
            written = out.write_all(&event.body).and_then(|()| out.write_all(b"\n"));
        }
    };
    outbox::preview(data, &leaving.outward(&keys), about, &mut print)?;
    // A reader that closed the pipe early has seen what it wanted.
    let _ = written.and_then(|()| out.flush());
    Ok(ExitCode::SUCCESS)
}

fn log(data: &Path, verify: bool, key: Option<String>) -> io::Result<ExitCode> {
    let text = match fs::read_to_string(outbox::left(data)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let key = match key {
        Some(key) => key,
        None => fs::read_to_string(data.join("keys/seal.pub"))?,
    };
    let key = unhex(key.trim()).ok_or_else(|| io::Error::other("the key is not hexadecimal"))?;
    let left = outbox::verify(&text, &key);
    if !verify {
        for line in &left.lines {
            let said = &line.said;
            let classes = said.classes.iter().map(|(class, count)| format!("{count} {class}"));
            let classes = classes.collect::<Vec<_>>().join(", ");
            if said.upto >= said.from {
                println!(
                    "{} {}..{} {} bytes: {classes}",
                    said.at, said.from, said.upto, said.octets
                );
            }
            for File { named, content, size, n } in &said.files {
                println!("{} {} {content} {size} bytes, of event {n}", said.at, named.kind.name());
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    left.faults.iter().for_each(|fault| eprintln!("{fault}"));
    if !left.faults.is_empty() {
        return Ok(exit::fail(exit::DATA, "the log of what left is not as it was written"));
    }
    let events: u64 = left.lines.iter().map(|line| line.said.upto + 1 - line.said.from).sum();
    println!("whole: {events} events in {} lines, each signed and in the chain", left.lines.len());
    if let Some(last) = left.lines.last() {
        println!("noted {}:{}", left.lines.len(), last.head);
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_read_as_it_is_written() {
        assert_eq!(hour("1970-01-01T02"), Ok(UnixTime(2 * HOUR)));
        for wrong in ["", "14", "2026-11-22", "2026-11-22T14:30", "yesterday"] {
            assert!(hour(wrong).is_err(), "{wrong}");
        }
    }
}
