//! `branchline journal`: reads the journal of a data folder from end to end and says whether it is whole.
//!
//! For an auditor: needs no running box, only the folder (or a copy of it) and the public key that was noted earlier.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
    /// Print every record as one line of JSON; personal data stays sealed.
    #[arg(long)]
    dump: bool,
}

/// Reads, prints, and gives the exit code.
pub fn main(options: &Options) -> ExitCode {
    match read(options) {
        Ok(damage) if damage.is_none() => ExitCode::SUCCESS,
        Ok(_) => exit::fail(exit::DATA, "the journal is not as it was written"),
        Err(error) => exit::fail(exit::NO_INPUT, format!("{}: {error}", options.data.display())),
    }
}

fn read(options: &Options) -> io::Result<Damage> {
    let noted = match &options.key {
        Some(key) => key.clone(),
        None => fs::read_to_string(options.data.join("keys/seal.pub"))?,
    };
    let key = unhex(noted.trim()).ok_or_else(|| io::Error::other("the key is not hexadecimal"))?;
    let segments = segments::list(&options.data.join("journal"))?;
    let mut replay = Replay::new(Some(key));
    let mut records = 0_u64;
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
    Ok(replay.damage)
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
    let torn = if damage.torn { ", the last one cut short and never acknowledged" } else { "" };
    let gaps = match damage.gaps {
        0 => String::new(),
        gaps => {
            format!("; {gaps} times the disk failed, and a checkpoint stands for what was not kept")
        }
    };
    format!(
        "{verdict}: {records} records in {segments} segments{torn}; {} seals hold{gaps}\nhead {} before record {}",
        damage.seals, replay.resume.chain, replay.resume.next
    )
}
