//! How backups and the nightly call are, for whoever looks at the box: read from the files that `branchline backup` and
//! `branchline rehearse --loop-call` leave.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::admin::{Lamp, Part};
use crate::appliance::backup::{Outcome, RESULT};
use crate::appliance::rehearsal;
use crate::config::settings::Backup;
use crate::driver::clock;

/// Where the last one's outcome is, and how often there should be one.
#[derive(Debug)]
pub struct Backups {
    outcome: PathBuf,
    rehearsal: PathBuf,
    every: Duration,
    wanted: bool,
}

impl Backups {
    /// Of a box with its data there.
    pub fn new(data: &Path, settings: &Backup) -> Self {
        let (every, wanted) = (settings.every(), settings.folder.is_some());
        Backups { outcome: data.join(RESULT), rehearsal: data.join(rehearsal::LAST), every, wanted }
    }

    /// What came of the last nightly call; nothing where there was none.
    pub fn rehearsed(&self) -> Option<Part> {
        let report = fs::read_to_string(&self.rehearsal).ok()?;
        let (good, words) = rehearsal::glance(&report)?;
        let lamp = if good { Lamp::Green } else { Lamp::Amber };
        Some(Part { name: "own call".to_owned(), lamp, words })
    }

    /// How they are; nothing where nobody wants any. The file has some hundred octets and is read when somebody looks.
    pub fn part(&self) -> Option<Part> {
        let kept = fs::read(&self.outcome).ok();
        if kept.is_none() && !self.wanted {
            return None;
        }
        let outcome = kept.and_then(|kept| serde_json::from_slice(&kept).ok());
        let (good, words) =
            Outcome::told(&outcome.unwrap_or_default(), clock::now().unix, self.every);
        let lamp = if good { Lamp::Green } else { Lamp::Amber };
        Some(Part { name: "backup".to_owned(), lamp, words })
    }
}
