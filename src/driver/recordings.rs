//! Recordings that were made before: read, taken away, and saved from a run that died.
//!
//! Each order runs on a thread of its own kind, away from the loop; writing new ones is the media threads' neighbour's
//! work (see [`taping`](crate::driver::taping)).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::driver::mailbox::Sender;
use crate::driver::tape::{self, Recording};
use crate::driver::turn::Letter;
use crate::gateway::voicemail::{self, Order};
use crate::id::RecordingId;
use crate::journal::personal::Reads;
use crate::media::{Clip, RATE, wav};

/// Bytes of a sample in our files.
const SAMPLE: u64 = 2;
/// The longest file that is read as a whole: an hour of ours, and a header.
const MOST: u64 = 3_600 * RATE as u64 * SAMPLE + 1_024;

/// Who reads recordings: the keys, kept up with those who are erased.
pub type Keys = Arc<dyn Reads + Send + Sync>;

/// Starts carrying an order out; what comes of it goes to the loop.
pub fn carry_out(
    runtime: &tokio::runtime::Handle,
    (folder, keys): (&Path, Keys),
    order: Order,
    letters: &Sender<Letter>,
) {
    let (folder, letters) = (folder.to_owned(), letters.clone());
    runtime.spawn_blocking(move || {
        let (recording, file) = match order {
            Order::Read(recording) => {
                let clip = read(&folder, recording, &*keys);
                if let Err(error) = &clip {
                    tracing::error!(%recording, %error, "a recording cannot be read");
                }
                (recording, voicemail::File::Read(clip.ok()))
            }
            Order::Recover(recording) => {
                let found = recover(&folder, recording, &*keys);
                if let Err(error) = &found {
                    tracing::warn!(%recording, %error, "nothing is left of a recording");
                }
                (recording, voicemail::File::Recovered(found.ok()))
            }
            Order::Erase(recording) => match erase(&folder, recording) {
                Ok(()) => (recording, voicemail::File::Erased),
                Err(error) => {
                    tracing::error!(%recording, %error, "a recording cannot be erased");
                    return;
                }
            },
            Order::Delete(recording) => {
                if let Err(error) = tape::delete(&folder, recording) {
                    tracing::error!(%recording, %error, "a recording cannot be deleted");
                }
                return;
            }
        };
        // A loop that has stopped has no use for it.
        let _ = letters.deliver_blocking(Letter::Recording(recording, file));
    });
}

fn read(folder: &Path, recording: RecordingId, keys: &dyn Reads) -> io::Result<Clip> {
    let file = Recording::open(folder, recording, keys)?.read(MOST)?;
    wav::read(&file).map_err(io::Error::other)
}

/// Makes whole files of what an earlier run did not finish, away from the loop. Messages among them are looked for by the
/// gateway besides, whoever comes first; conversations are found by their ids in the journal.
pub fn finish(
    runtime: &tokio::runtime::Handle,
    folder: PathBuf,
    parts: Vec<RecordingId>,
    keys: Keys,
) {
    if parts.is_empty() {
        return;
    }
    runtime.spawn_blocking(move || {
        let (mut saved, mut empty, mut lost) = (0, 0, 0);
        for recording in parts {
            match recover(&folder, recording, &*keys) {
                Ok(Duration::ZERO) => empty += 1,
                Ok(_) => saved += 1,
                Err(error) => {
                    lost += 1;
                    tracing::error!(%recording, %error, "an unfinished recording cannot be saved");
                }
            }
        }
        tracing::warn!(
            saved,
            empty,
            lost,
            "recordings were under way when the box ended; what was on the disk is saved"
        );
    });
}

/// Takes a recording off the disk, and says so when a power cut does not bring it back.
fn erase(folder: &Path, recording: RecordingId) -> io::Result<()> {
    tape::delete(folder, recording)?;
    match File::open(folder) {
        Ok(folder) => folder.sync_all(),
        // Nothing was ever recorded here.
        Err(_) => Ok(()),
    }
}

/// Makes a whole file of what there is, and tells how long it is.
fn recover(folder: &Path, recording: RecordingId, keys: &dyn Reads) -> io::Result<Duration> {
    let (sound, channels) = tape::recover(folder, recording, keys)?;
    let samples = sound / SAMPLE / u64::from(channels.max(1));
    Ok(Duration::from_millis(samples * 1_000 / u64::from(RATE)))
}
