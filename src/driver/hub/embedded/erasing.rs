//! Erasure in what is kept: segments in which events have to be less are written anew.
//!
//! A segment is written beside the old one and takes its name when it is on the disk; its numbers, its age and all other events
//! are as they were. What a kill has cut short the site says again. Events come in meanwhile: the segment that is being
//! written is ended first, and only those before it are gone through.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::PoisonError;

use tokio::sync::oneshot;

use super::{Embedded, Job, Segment, list};
use crate::hub::kept;
use crate::journal::record::{self, Found, decode};
use crate::uplink::frame::Event;

impl Embedded {
    /// What is left of events of a site that are kept, by their numbers in the outbox of that name. Answers how many are less than
    /// they were. Blocks on the disk, for as long as all that is kept takes to be read.
    ///
    /// # Errors
    /// Of the disk. Some may be done then.
    pub fn amend(&self, site: &str, epoch: &str, events: &[(u64, Event)]) -> io::Result<u64> {
        let with: BTreeMap<u64, &Event> = events.iter().map(|(n, event)| (*n, event)).collect();
        // One after another: each reads all that there is.
        let _turn = self.shared.amending.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = self.end_segment()?;
        let mut changed = 0;
        for segment in list(&self.shared.folder)? {
            if segment.first < closed {
                changed += self.amend_in(&segment, &|of, n, event| {
                    if of.site != site {
                        return None;
                    }
                    crate::hub::less::less(event, with.get(&n)?, of.epoch == epoch)
                })?;
            }
        }
        Ok(changed)
    }

    /// Has the writer go on in another segment. Answers before which number all is in segments that are ended.
    fn end_segment(&self) -> io::Result<u64> {
        let (answer, answered) = oneshot::channel();
        let busy = || io::Error::from(io::ErrorKind::ResourceBusy);
        self.jobs.try_send(Job::End(answer)).map_err(|_| busy())?;
        answered.blocking_recv().map_err(|_| busy())?.map_err(|_| busy())
    }

    fn amend_in(&self, segment: &Segment, less: &kept::Less<'_>) -> io::Result<u64> {
        let bytes = match fs::read(&segment.path) {
            // It was old enough to go.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            bytes => bytes?,
        };
        let (mut left, mut at, mut changed) = (Vec::with_capacity(bytes.len()), 0, 0);
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let size = match decode(rest) {
                Found::Record(found) => {
                    match kept::amend(&found, less) {
                        Some((payload, count)) => {
                            record::encode(&mut left, found.seq, found.at, &payload);
                            changed += count;
                        }
                        None => left.extend(found.bytes),
                    }
                    found.bytes.len()
                }
                Found::Damage(skip) => {
                    left.extend(rest.get(..skip).unwrap_or_default());
                    skip
                }
                Found::Torn | Found::End => break,
            };
            at += size;
        }
        left.extend(bytes.get(at..).unwrap_or_default());
        if changed > 0 {
            self.replace(&segment.path, &left)?;
        }
        Ok(changed)
    }

    /// Who reads is between two readings when the file becomes another one, and knows it by the count.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let draft = path.with_extension(DRAFT);
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(bytes)?;
        let age = fs::metadata(path).and_then(|file| file.modified());
        age.and_then(|age| file.set_modified(age))?;
        file.sync_all()?;
        let mut rewritten = self.shared.rewritten.write().unwrap_or_else(PoisonError::into_inner);
        *rewritten += 1;
        if !path.exists() {
            return fs::remove_file(&draft);
        }
        fs::rename(&draft, path)?;
        drop(rewritten);
        File::open(&self.shared.folder)?.sync_all()
    }
}

/// How the name of a segment ends that is being written anew.
const DRAFT: &str = "new";

/// What a kill left of one goes.
pub(super) fn remove_drafts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == DRAFT) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
