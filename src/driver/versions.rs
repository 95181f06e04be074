//! The files of configurations that have run: beside `gateway.toml` a folder `gateway.history` with every version's
//! text, a list of them, and the trial that is on.
//!
//! They stand beside the configuration and not in the data folder, since the trial has to be found before anything of
//! the configuration is believed. Each file is written anew beside the old one, made durable and renamed into its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::trial::{Pending, Reason};
use crate::config::versions::{Fate, LONGEST_TEXT, Version, Versions, diff, digest};
use crate::time::UnixTime;

/// The list of versions.
const LIST: &str = "versions.json";
/// The trial that is on.
const TRIAL: &str = "trial.json";
/// Bytes of the longest list: 200 versions with reasons of 300 characters.
const LONGEST_LIST: u64 = 4 << 20;

/// The versions of one configuration file.
#[derive(Debug)]
pub struct Shelf {
    file: PathBuf,
    folder: PathBuf,
    versions: Versions,
    pending: Option<Pending>,
}

impl Shelf {
    /// Those beside this file; none where nothing was applied yet. What cannot be read is an error, and is left alone.
    pub fn open(file: &Path) -> io::Result<Shelf> {
        let folder = file.with_extension("history");
        let versions = read_json(&folder.join(LIST))?.unwrap_or_default();
        let pending = read_json(&folder.join(TRIAL))?;
        Ok(Shelf { file: file.to_owned(), folder, versions, pending })
    }

    /// The configuration file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Every version that has run.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// The trial that is on.
    pub fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// The text of a version.
    pub fn text(&self, version: u32) -> io::Result<String> {
        read_text(&self.folder.join(format!("{version:06}.toml")))
    }

    /// How a version differs from the one before it.
    pub fn diff(&self, version: u32) -> io::Result<String> {
        let before = self.versions.get(version).and_then(|own| own.before);
        let old = before.map(|before| self.text(before)).transpose().unwrap_or_default();
        let names =
            before.map_or_else(|| "nothing".to_owned(), |before| format!("version {before}"));
        Ok(diff(
            &old.unwrap_or_default(),
            &self.text(version)?,
            (&names, &format!("version {version}")),
        ))
    }

    /// What the configuration file says now.
    pub fn current(&self) -> io::Result<String> {
        read_text(&self.file)
    }

    /// Before anything is read: a trial that was over while the program did not run goes back, and one that was cut off
    /// before its file was in place never began. Answers the version that went back, and why.
    pub fn begin(&mut self, now: UnixTime) -> io::Result<Option<(u32, Reason)>> {
        let Some(pending) = self.pending.clone() else { return Ok(None) };
        if self.versions.get(pending.version).is_some_and(Version::is_confirmed) {
            self.forget_trial()?;
            return Ok(None);
        }
        let own = self.versions.get(pending.version).map(|own| own.digest.clone());
        if own.is_none_or(|own| self.current().is_ok_and(|text| digest(&text) != own)) {
            // The power went between two steps of an apply or of a rollback, or somebody has edited the file by hand:
            // what stands there is not what is on trial.
            self.end(pending.version, Reason::Absent, now)?;
            return Ok(Some((pending.version, Reason::Absent)));
        }
        match pending.is_over_at_start(now) {
            Some(reason) => {
                self.roll_back(reason.clone(), now)?;
                Ok(Some((pending.version, reason)))
            }
            None => {
                self.pending = Some(Pending { starts: pending.starts + 1, ..pending });
                self.keep_trial()?;
                Ok(None)
            }
        }
    }

    /// Takes up what the program has started with, where it is none of the versions that it knows. Answers its number.
    pub fn read(&mut self, text: &str, now: UnixTime) -> io::Result<u32> {
        let name = digest(text);
        if let Some(pending) = &self.pending {
            return Ok(pending.version);
        }
        if let Some(known) = self.running().filter(|known| known.digest == name) {
            return Ok(known.version);
        }
        let why = "found in the file when the program started".to_owned();
        let before = self.running().map(|known| known.version);
        self.add(text, ("the file".to_owned(), why), before, Fate::Read, now)
    }

    /// The version that runs when none is on trial: the newest that has not gone back.
    fn running(&self) -> Option<&Version> {
        let stays = |own: &&Version| !matches!(own.fate, Fate::RolledBack { .. });
        self.versions.0.iter().rev().find(stays)
    }

    /// Puts a text into its place, on trial. All of it is on the disk when this returns; and whenever the power goes,
    /// either the old text stands there, or the new one with its trial.
    pub fn apply(
        &mut self,
        text: &str,
        said: (String, String),
        pending: Pending,
        now: UnixTime,
    ) -> io::Result<u32> {
        let version = self.add(text, said, Some(pending.before), Fate::OnTrial, now)?;
        self.pending = Some(Pending { version, ..pending });
        let placed = self.keep_trial().and_then(|()| replace(&self.file, text.as_bytes()));
        if let Err(error) = placed {
            // Nothing stands there that was not there before.
            self.end(version, Reason::Absent, now)?;
            return Err(error);
        }
        Ok(version)
    }

    /// The version on trial stays. Answers which.
    pub fn confirm(&mut self, by: String, now: UnixTime) -> io::Result<Option<u32>> {
        let Some(version) = self.pending.as_ref().map(|pending| pending.version) else {
            return Ok(None);
        };
        self.versions.set(version, Fate::Confirmed { by, at: now });
        // Once the list says so it stays, whether or not its trial is gone by then.
        self.keep_list()?;
        self.forget_trial()?;
        Ok(Some(version))
    }

    /// Puts the text back that was there before the one on trial. Answers the version that went.
    pub fn roll_back(&mut self, reason: Reason, now: UnixTime) -> io::Result<Option<u32>> {
        let Some(pending) = self.pending.clone() else { return Ok(None) };
        let old = self.text(pending.before)?;
        let own = self.versions.get(pending.version).map(|own| own.digest.as_str());
        if let Ok(edited) = self.current()
            && Some(digest(&edited).as_str()) != own
        {
            // Somebody has edited the file by hand meanwhile, and will look for it.
            replace(&self.folder.join("edited.toml"), edited.as_bytes())?;
        }
        replace(&self.file, old.as_bytes())?;
        self.end(pending.version, reason, now)?;
        Ok(Some(pending.version))
    }

    fn end(&mut self, version: u32, reason: Reason, now: UnixTime) -> io::Result<()> {
        let words = reason.to_string();
        self.versions.set(version, Fate::RolledBack { reason, words, at: now });
        self.forget_trial()?;
        self.keep_list()
    }

    fn add(
        &mut self,
        text: &str,
        (by, why): (String, String),
        before: Option<u32>,
        fate: Fate,
        now: UnixTime,
    ) -> io::Result<u32> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let version = self.versions.next();
        replace(&self.folder.join(format!("{version:06}.toml")), text.as_bytes())?;
        let own = Version { version, at: now, by, why, before, digest: digest(text), fate };
        for forgotten in self.versions.add(own) {
            // Nobody finds it any more; the next one tries again for the next.
            let _ = fs::remove_file(self.folder.join(format!("{forgotten:06}.toml")));
        }
        self.keep_list()?;
        Ok(version)
    }

    fn keep_list(&self) -> io::Result<()> {
        write_json(&self.folder.join(LIST), &self.versions)
    }

    fn keep_trial(&self) -> io::Result<()> {
        write_json(&self.folder.join(TRIAL), &self.pending)
    }

    fn forget_trial(&mut self) -> io::Result<()> {
        self.pending = None;
        match fs::remove_file(self.folder.join(TRIAL)) {
            Ok(()) => sync_folder(&self.folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > LONGEST_TEXT as u64 {
        return Err(io::Error::other(format!("it has more than {LONGEST_TEXT} bytes")));
    }
    fs::read_to_string(path)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(about) if about.len() > LONGEST_LIST => {
            return Err(io::Error::other(format!("{} is too long", path.display())));
        }
        Ok(_) => {}
    }
    let told = |error| io::Error::other(format!("{}: {error}", path.display()));
    serde_json::from_slice(&fs::read(path)?).map_err(told)
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    replace(path, &serde_json::to_vec_pretty(value)?)
}

/// Writes a file anew beside the old one, makes it durable, and renames it into its place: whoever reads it, and
/// whenever the power goes, finds the old one or the new one. It stays as open to others as the old one was.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A name that leads elsewhere goes on leading there.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let mode = fs::metadata(&path).map_or(0o600, |old| old.permissions().mode());
    file.set_permissions(fs::Permissions::from_mode(mode & 0o777))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    sync_folder(path.parent().unwrap_or(Path::new("/")))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
