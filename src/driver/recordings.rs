//! Recordings that were made before: read, taken away, and saved from a run that died.
//!
//! Each order runs on a thread of its own kind, away from the loop; writing new ones is the media threads' neighbour's
//! work (see [`media`](crate::driver::media)).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use crate::driver::mailbox::Sender;
use crate::driver::media::{HEADER, part};
use crate::driver::turn::Letter;
use crate::gateway::voicemail::{self, Order};
use crate::id::RecordingId;
use crate::media::{Clip, RATE, wav};

/// Bytes of a sample in our files.
const SAMPLE: u64 = 2;
/// The longest file that is read: an hour of ours, and a header.
const MOST: u64 = 3_600 * RATE as u64 * SAMPLE + 1_024;

/// Starts carrying an order out; what comes of it goes to the loop.
pub fn carry_out(
    runtime: &tokio::runtime::Handle,
    folder: &Path,
    order: Order,
    letters: &Sender<Letter>,
) {
    let (folder, letters) = (folder.to_owned(), letters.clone());
    runtime.spawn_blocking(move || {
        let (recording, file) = match order {
            Order::Read(recording) => {
                let clip = read(&folder, recording);
                if let Err(error) = &clip {
                    tracing::error!(%recording, %error, "a recording cannot be read");
                }
                (recording, voicemail::File::Read(clip.ok()))
            }
            Order::Recover(recording) => {
                let found = recover(&folder, recording);
                if let Err(error) = &found {
                    tracing::warn!(%recording, %error, "nothing is left of a recording");
                }
                (recording, voicemail::File::Recovered(found.ok()))
            }
            Order::Delete(recording) => {
                let part = part(&folder, recording);
                // One that is gone already is as wanted.
                let _ = fs::remove_file(part.with_extension("wav"));
                let _ = fs::remove_file(part);
                return;
            }
        };
        // A loop that has stopped has no use for it.
        let _ = letters.deliver_blocking(Letter::Recording(recording, file));
    });
}

fn read(folder: &Path, recording: RecordingId) -> io::Result<Clip> {
    let path = part(folder, recording).with_extension("wav");
    if fs::metadata(&path)?.len() > MOST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    wav::read(&fs::read(path)?).map_err(io::Error::other)
}

/// Makes a whole file of what there is, and tells how long it is. A file that has its name already was complete.
fn recover(folder: &Path, recording: RecordingId) -> io::Result<Duration> {
    let part = part(folder, recording);
    let whole = part.with_extension("wav");
    if !whole.exists() {
        let mut file = OpenOptions::new().write(true).open(&part)?;
        let length = file.metadata()?.len().saturating_sub(HEADER) / SAMPLE * SAMPLE;
        file.set_len(HEADER + length)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&wav::header(u32::try_from(length).unwrap_or(u32::MAX)))?;
        file.sync_all()?;
        fs::rename(&part, &whole)?;
        File::open(folder)?.sync_all()?;
    }
    let samples = fs::metadata(&whole)?.len().saturating_sub(HEADER) / SAMPLE;
    Ok(Duration::from_millis(samples * 1_000 / u64::from(RATE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_run_left_is_made_whole_once() {
        let folder = std::env::temp_dir().join(format!("branchline-saved-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let recording = RecordingId(7);
        let mut cut = wav::header(0).to_vec();
        cut.extend([1, 0].repeat(12_000));
        cut.push(9);
        fs::write(part(&folder, recording), cut).expect("a file");
        for _ in 0..2 {
            assert_eq!(recover(&folder, recording).expect("it is"), Duration::from_millis(1_500));
        }
        assert_eq!(read(&folder, recording).expect("a clip").samples(), [1; 12_000]);
        assert!(recover(&folder, RecordingId(8)).is_err(), "there was none");
        fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
