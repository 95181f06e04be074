//! The machine as an update finds it: where its slots and kernels are, which version runs, what is noted.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use nix::fcntl::{Flock, FlockArg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::appliance::manifest::Own;
use crate::appliance::slot::Slot;
use crate::config::{self, settings};
use crate::driver::whole;
use crate::hours;
use crate::time::UnixTime;

/// Where the first program writes down which slot it opened.
const RUNNING_SLOT: &str = "/run/branchline-slot";
/// Kernels of both slots.
const KERNELS: &str = "/efi/EFI/Linux";
/// Kind of box and version, as the image was built.
const RELEASE: &str = "/usr/lib/os-release";
/// What became of the last update; both versions see it.
const LAST: &str = "/var/lib/branchline-update/last.json";
/// What came of looking for one on the server.
const LOOKED: &str = "/var/lib/branchline-update/looked.json";
/// Where the kernel says which start of the machine this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// The same for everybody, gone with this start: a unit or a container may be shown another number by the kernel than others.
const START: &str = "/run/branchline-update/start";
/// Whoever has the lock on it may write to the slots, and start the box anew.
const LOCK: &str = "/run/branchline-update/lock";
/// What is written down of a version that stays.
pub const HEALTHY: &str = "healthy";
/// Why a version went whose root is damaged.
pub const DAMAGED: &str = "blocks of its root on the disk are not what was signed: the disk is failing, or somebody changed them";

/// What is written down of an update, for the version that comes and for the one that may come back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Last {
    pub from: u32,
    pub to: u32,
    /// Trunks that were up when it was written.
    pub trunks: BTreeSet<String>,
    /// Whether its kernel is there: before, nothing could start it, whatever cut the writing short.
    #[serde(default = "yes")]
    pub offered: bool,
    /// The start of the machine that wrote it: until the next one it has not had its turn.
    #[serde(default)]
    pub boot: String,
    /// Nothing yet; "healthy"; or why it was not.
    #[serde(default)]
    pub outcome: Option<String>,
}

fn yes() -> bool {
    true
}

impl Last {
    /// Whether it had its turn, and is not what runs. What rotted on the disk was good: a stick is to mend it.
    pub fn was_taken_back(&self, boot: &str) -> bool {
        let good = [HEALTHY, DAMAGED].map(Some).contains(&self.outcome.as_deref());
        self.offered && !good && !self.waits(boot)
    }

    /// Whether it is written, and begins with the next start of the machine.
    pub fn waits(&self, boot: &str) -> bool {
        self.offered && self.outcome.is_none() && !boot.is_empty() && self.boot == boot
    }
}

/// What came of looking for an update.
#[derive(Debug, Serialize, Deserialize)]
pub struct Looked {
    pub at: UnixTime,
    pub words: String,
}

pub fn at<T>(what: impl Display, done: io::Result<T>) -> Result<T, Failure> {
    done.map_err(|error| Failure::Io(what.to_string(), error))
}

/// The root of everything: `/`, but for tests.
#[derive(Debug, Clone)]
pub struct Place(PathBuf);

impl Place {
    pub fn new(root: &Path) -> Place {
        Place(root.to_owned())
    }

    /// A path of the box.
    pub fn at(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    pub fn kernels(&self) -> PathBuf {
        self.at(KERNELS)
    }

    /// The partition of the disk that the box started from, whatever else is plugged in: a rule of udev's names them.
    pub fn partition(&self, half: &str, slot: Slot) -> PathBuf {
        self.at(&format!("/dev/branchline/{half}-{}", slot.letter()))
    }

    /// The slot that runs.
    pub fn running(&self) -> Result<Slot, Failure> {
        let letter = fs::read_to_string(self.at(RUNNING_SLOT)).ok();
        letter.and_then(|letter| Slot::from_letter(&letter)).ok_or(Failure::NoAppliance)
    }

    /// What the box is.
    pub fn own(&self) -> Result<Own, Failure> {
        let text = at(RELEASE, fs::read_to_string(self.at(RELEASE)))?;
        let value =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let version = value("IMAGE_VERSION").and_then(|number| number.parse().ok());
        match (value("BRANCHLINE_MODEL"), version) {
            (Some(model), Some(version)) => Ok(Own { model: model.to_owned(), version }),
            _ => Err(Failure::NoAppliance),
        }
    }

    /// Which start of the machine this is; nothing where no update was written in it.
    pub fn boot(&self) -> String {
        fs::read_to_string(self.at(START)).unwrap_or_default().trim().to_owned()
    }

    /// The same for whoever is about to write one.
    pub fn mark_boot(&self) -> Result<String, Failure> {
        if self.boot().is_empty() {
            let number = at(BOOT, fs::read(self.at(BOOT)))?;
            at(START, whole::write(&self.at(START), &number, 0o644))?;
        }
        Ok(self.boot())
    }

    /// What became of the last update.
    pub fn last(&self) -> Option<Last> {
        self.noted(LAST)
    }

    /// Writes down what became of it.
    pub fn note(&self, last: &Last) -> Result<(), Failure> {
        self.keep(LAST, last)
    }

    pub fn looked(&self) -> Option<Looked> {
        self.noted(LOOKED)
    }

    pub fn note_looked(&self, looked: &Looked) -> Result<(), Failure> {
        self.keep(LOOKED, looked)
    }

    fn noted<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.at(path)).ok()?).ok()
    }

    fn keep(&self, path: &str, what: &impl Serialize) -> Result<(), Failure> {
        let file = self.at(path);
        let kept = || -> io::Result<()> {
            file.parent().map_or(Ok(()), fs::create_dir_all)?;
            whole::write(&file, &serde_json::to_vec(what)?, 0o644)
        };
        at(path, kept())
    }

    /// What the branch's configuration says of updates, and its time zone. Other mistakes in it do not matter here: a version to come
    /// may mend them. One that cannot be read leaves the system's zone.
    pub fn settings(&self, config: &Path) -> (settings::Update, TimeZone) {
        let draft = config::draft(config, &|path| fs::read_to_string(path)).ok();
        let settings = draft.map(|draft| draft.loaded.settings);
        let zone = settings.as_ref().and_then(|own| hours::zone(&own.site.time_zone));
        (settings.map(|own| own.update).unwrap_or_default(), zone.unwrap_or_else(TimeZone::system))
    }

    /// The right to write to the slots; nothing while somebody else has it.
    pub fn lock(&self) -> Result<Option<Flock<File>>, Failure> {
        let path = self.at(LOCK);
        let file = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| OpenOptions::new().write(true).create(true).truncate(false).open(&path));
        Ok(Flock::lock(at(LOCK, file)?, FlockArg::LockExclusiveNonblock).ok())
    }
}

/// What is in a folder, in order.
pub fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = at(folder.display(), fs::read_dir(folder))?;
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

/// Has the names in a folder reach the disk.
pub fn settle(folder: impl AsRef<Path>) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Puts a kernel there: all of it on the disk before it has its name.
pub fn offer(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let early = folder.join("update.tmp");
    let mut file = File::create(&early)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    settle(folder)?;
    fs::rename(&early, folder.join(name))?;
    settle(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(rest: &str) -> Last {
        let text = format!(r#"{{"from":1,"to":2,"trunks":[]{rest}}}"#);
        serde_json::from_str(&text).expect("a note")
    }

    #[test]
    fn what_was_never_offered_or_rotted_is_taken_again() {
        // As notes were before they said whether the kernel was there.
        assert!(last("").was_taken_back("now"));
        assert!(last(r#","outcome":"no trunk is up""#).was_taken_back("now"));
        assert!(last(r#","offered":true"#).was_taken_back("now"));
        let cut_off = last(r#","offered":false"#);
        assert!(!cut_off.was_taken_back("now"), "it was cut off while it was written");
        assert!(!last(r#","outcome":"healthy""#).was_taken_back("now"));
        let damaged = last(&format!(r#","outcome":{}"#, serde_json::json!(DAMAGED)));
        assert!(!damaged.was_taken_back("now"), "its stick mends it");
    }

    #[test]
    fn what_waits_for_a_start_was_not_taken_back() {
        let written = last(r#","boot":"now""#);
        assert!(written.waits("now") && !written.was_taken_back("now"));
        assert!(!written.waits("later") && written.was_taken_back("later"), "it had its turn");
        let ill = last(r#","boot":"now","outcome":"no trunk is up""#);
        assert!(!ill.waits("now"));
        assert!(!last("").waits(""), "a machine that does not say which start this is");
    }
}
