//! Segment files of the journal: their names, their order, and reading them.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A segment file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// Number of its first record.
    pub first: u64,
    /// The file.
    pub path: PathBuf,
}

/// The file of the segment that begins with record `first`.
pub fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("journal-{first:020}.blj"))
}

/// Every segment in `folder`, the oldest first. Other files are passed over.
pub fn list(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("journal-").and_then(|rest| rest.strip_suffix(".blj"));
        if let Some(first) = number.and_then(|number| number.parse().ok()) {
            segments.push(Segment { first, path });
        }
    }
    segments.sort();
    Ok(segments)
}

/// What a file holds from `offset` on, at most `limit` bytes.
pub fn read_from(path: &Path, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let there = file.metadata()?.len().saturating_sub(offset);
    file.seek(SeekFrom::Start(offset))?;
    // Room for all of it at once: a list that grows while it is read is copied again and again.
    let mut bytes = Vec::with_capacity(usize::try_from(there.min(limit)).unwrap_or_default());
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
