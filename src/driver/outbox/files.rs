//! The outbox's files: their names, and how far what is in one may be believed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::uplink::outbox::{self as form, Begin, Found, HEAD};

/// A segment's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// The number of its first event.
    pub first: u64,
    /// Its octets.
    pub size: u64,
}

impl Segment {
    /// Where it is.
    pub fn path(self, folder: &Path) -> PathBuf {
        path(folder, self.first)
    }
}

/// How far a segment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The segment's first number.
    pub segment: u64,
    /// The number of the last event; one less than the first when there is none.
    pub newest: u64,
    /// The journal's record up to which it goes.
    pub token: u64,
    /// Octets up to here.
    pub size: u64,
}

pub(super) fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("outbox-{first:020}.blo"))
}

/// Every segment, the oldest first.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        let number = name.strip_prefix("outbox-").and_then(|rest| rest.strip_suffix(".blo"));
        if let Some(first) = number.and_then(|number| number.parse().ok()) {
            segments.push(Segment { first, size: entry.metadata()?.len() });
        }
    }
    segments.sort();
    Ok(segments)
}

/// How far a segment goes: up to the last whole record of the journal, not later than `limit`, before anything damaged.
/// Answers also whether something behind that came from later records of the journal than there are. Nothing when not even
/// its head is there.
pub(super) fn look_through(bytes: &[u8], limit: u64) -> Option<(Mark, bool)> {
    let begin = Begin::read(bytes)?;
    let Begin { first, after } = begin;
    let mut good = Mark { segment: first, newest: first - 1, token: after, size: HEAD as u64 };
    let (mut newest, mut size) = (good.newest, good.size);
    let mut rest = bytes.get(HEAD..).unwrap_or_default();
    while let Found::Record(record) = form::look(rest, true) {
        if record.token > limit {
            return Some((good, true));
        }
        newest += 1;
        size += record.size() as u64;
        if record.last {
            good = Mark { segment: first, newest, token: record.token, size };
        }
        rest = rest.get(record.size()..).unwrap_or_default();
    }
    Some((good, good.token > limit))
}

/// A segment's octets. Where a bit of its head is not as it was, the head is made anew: its file's name says the number, and
/// its records say where they come from.
pub(super) fn read_mended(segment: Segment, folder: &Path) -> io::Result<Vec<u8>> {
    let path = segment.path(folder);
    let bytes = fs::read(&path)?;
    if Begin::read(&bytes).is_some_and(|begin| begin.first == segment.first) {
        return Ok(bytes);
    }
    let records = bytes.get(HEAD..).unwrap_or_default();
    let Found::Record(record) = form::look(records, true) else { return Ok(bytes) };
    tracing::error!(path = %path.display(), "the head of a part of the outbox is damaged; it is made anew");
    keep_copy(&path);
    let begin = Begin { first: segment.first, after: record.token.saturating_sub(1) };
    let mended = [&begin.to_bytes()[..], records].concat();
    write_whole(&path, &mended)?;
    Ok(mended)
}

/// Nothing can be read in it: it is out of the way and kept. One that was begun when the box died has nothing in it, and goes.
pub(super) fn set_aside(path: &Path) -> io::Result<()> {
    if fs::read(path)?.iter().all(|byte| *byte == 0) {
        return fs::remove_file(path);
    }
    tracing::error!(path = %aside(path).display(), "nothing of this part of the outbox can be read; it is set aside");
    fs::rename(path, aside(path))
}

/// What is damaged stays beside what is made of it, where there is room for that.
pub(super) fn keep_copy(path: &Path) {
    if let Err(error) = fs::copy(path, aside(path)) {
        tracing::error!(%error, path = %path.display(), "no copy of what is damaged can be kept");
    }
}

/// What is damaged is kept under this name, until a person has looked at it.
pub(super) fn aside(path: &Path) -> PathBuf {
    path.with_extension("blo.damaged")
}

/// A new segment with its head, or the same one once more: nothing but a head was in it.
pub(super) fn begin(folder: &Path, begin: Begin) -> io::Result<File> {
    let path = path(folder, begin.first);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(&begin.to_bytes())?;
    file.sync_data()?;
    sync_folder(folder)?;
    Ok(file)
}

/// A small file that is there as it was or as it is to be.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&draft, path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// What a kill left of a writing that was not finished goes.
pub(super) fn remove_drafts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "new") {
            fs::remove_file(path)?;
        }
    }
    sync_folder(folder)
}

/// A new name is on the disk when its folder is.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
