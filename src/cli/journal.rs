//! `branchline journal`: reads the journal of a data folder from end to end and says whether it is whole.
//!
//! For an auditor: needs no running box, only the folder (or a copy of it) and the public key that was noted earlier.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;

use crate::cli::exit;
use crate::driver::segments;
use crate::journal::chain::unhex;
use crate::journal::replay::{Damage, Replay};

/// What `branchline journal` takes.
#[derive(Debug, Args)]
pub struct Options {
    /// The data folder of the site.
    #[arg(default_value = "/var/lib/branchline")]
    data: PathBuf,
    /// The box's public key in hexadecimal, as it was noted before; that in the folder when absent.
    #[arg(long)]
    key: Option<String>,
    /// What an earlier run printed behind `noted`: nothing up to there may have been changed or be missing. Without it,
    /// records cut off at the end cannot be told from records that were never written.
    #[arg(long, value_name = "RECORD:HEAD")]
    noted: Option<Noted>,
    /// Print every record as one line of JSON; personal data stays sealed.
    #[arg(long)]
    dump: bool,
}

/// A place in the chain that somebody wrote down.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Noted {
    record: u64,
    head: String,
}

impl FromStr for Noted {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once(':').and_then(|(record, head)| {
            Some(Noted { record: record.parse().ok()?, head: head.to_owned() })
        });
        parts.ok_or("a record's number, a colon, and the head of the chain")
    }
}

/// Reads, prints, and gives the exit code.
pub fn main(options: &Options) -> ExitCode {
    match read(options) {
        Ok((damage, true)) if damage.is_none() => ExitCode::SUCCESS,
        Ok(_) => exit::fail(exit::DATA, "the journal is not as it was written"),
        Err(error) => exit::fail(exit::NO_INPUT, format!("{}: {error}", options.data.display())),
    }
}

/// What is damaged, and whether what was noted still stands.
fn read(options: &Options) -> io::Result<(Damage, bool)> {
    let noted = match &options.key {
        Some(key) => key.clone(),
        None => fs::read_to_string(options.data.join("keys/seal.pub"))?,
    };
    let key = unhex(noted.trim()).ok_or_else(|| io::Error::other("the key is not hexadecimal"))?;
    let segments = segments::list(&options.data.join("journal"))?;
    if segments.is_empty() {
        return Err(io::Error::other("there is no journal here"));
    }
    let mut replay = Replay::new(Some(key));
    let mut records = 0_u64;
    if let Some(noted) = &options.noted {
        replay.look_for(noted.record, &noted.head);
    }
    for segment in &segments {
        let bytes = fs::read(&segment.path)?;
        let before = replay.damage;
        replay.read(&bytes, &mut |entry| {
            records += 1;
            if options.dump {
                let line = serde_json::json!({ "seq": entry.seq, "at": entry.at.to_string(), "event": entry.event });
                // A reader that closed the pipe early has seen what it wanted.
                let _ = writeln!(io::stdout(), "{line}");
            }
        });
        tell(&segment.path, before, replay.damage);
    }
    if !options.dump {
        println!("{}", summary(segments.len(), records, &replay));
    }
    let stands = options.noted.is_none() || replay.found;
    if let (Some(noted), false) = (&options.noted, stands) {
        let record = noted.record;
        eprintln!(
            "what was noted of record {record} does not stand: records are gone or were changed"
        );
    }
    Ok((replay.damage, stands))
}

/// What is new in one segment, on standard error.
fn tell(path: &Path, before: Damage, after: Damage) {
    let counts = [
        ("bytes that are no record", before.bytes, after.bytes),
        ("places where the chain does not fit", before.breaks, after.breaks),
        ("seals that do not hold", before.broken_seals, after.broken_seals),
    ];
    for (what, before, after) in counts {
        if after > before {
            eprintln!("{}: {} {what}", path.display(), after - before);
        }
    }
}

fn summary(segments: usize, records: u64, replay: &Replay) -> String {
    let damage = replay.damage;
    let verdict = if damage.is_none() { "whole" } else { "DAMAGED" };
    let torn = match damage.torn {
        true => {
            "; the last one is cut short, as by a power cut: compare with what was noted before"
        }
        false => "",
    };
    let gaps = match damage.gaps {
        0 => String::new(),
        gaps => {
            format!("; {gaps} times the disk failed, and a checkpoint stands for what was not kept")
        }
    };
    format!(
        "{verdict}: {}{torn}; {}{gaps}\nnoted {}:{}",
        format_args!("{} in {}", counted(records, "record"), counted(segments as u64, "segment")),
        match damage.seals {
            1 => "1 seal holds".to_owned(),
            seals => format!("{seals} seals hold"),
        },
        replay.resume.next.saturating_sub(1),
        replay.resume.chain
    )
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
