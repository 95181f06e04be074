//! Recordings that were made before: read, taken away, and saved from a run that died.
//!
//! Each order runs on a thread of its own kind, away from the loop; writing new ones is the media threads' neighbour's
//! work (see [`media`](crate::driver::media)).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
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
            Order::Erase(recording) => match erase(&folder, recording) {
                Ok(()) => (recording, voicemail::File::Erased),
                Err(error) => {
                    tracing::error!(%recording, %error, "a recording cannot be erased");
                    return;
                }
            },
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

/// Recordings that an earlier run did not finish. To be asked before this one begins any.
pub fn unfinished(folder: &Path) -> Vec<PathBuf> {
    // A folder that is not there has none.
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let files = files.map(|file| file.path());
    files.filter(|path| path.extension().is_some_and(|end| end == "part")).collect()
}

/// Makes whole files of them, away from the loop. Messages among them are looked for by the gateway besides, whoever
/// comes first; conversations are found by their ids in the journal.
pub fn finish(runtime: &tokio::runtime::Handle, parts: Vec<PathBuf>) {
    if parts.is_empty() {
        return;
    }
    runtime.spawn_blocking(move || {
        let (mut saved, mut empty, mut lost) = (0, 0, 0);
        for part in parts {
            match make_whole(&part) {
                Ok(Duration::ZERO) => empty += 1,
                Ok(_) => saved += 1,
                Err(error) => {
                    lost += 1;
                    tracing::error!(file = %part.display(), %error, "an unfinished recording cannot be saved");
                }
            }
        }
        tracing::warn!(saved, empty, lost, "recordings were under way when the box ended; what was on the disk is saved");
    });
}

/// Takes a recording off the disk, and says so when a power cut does not bring it back.
fn erase(folder: &Path, recording: RecordingId) -> io::Result<()> {
    let part = part(folder, recording);
    for path in [part.with_extension("wav"), part] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match File::open(folder) {
        Ok(folder) => folder.sync_all(),
        // Nothing was ever recorded here.
        Err(_) => Ok(()),
    }
}

/// Makes a whole file of what there is, and tells how long it is. A file that has its name already was complete.
fn recover(folder: &Path, recording: RecordingId) -> io::Result<Duration> {
    make_whole(&part(folder, recording))
}

fn make_whole(part: &Path) -> io::Result<Duration> {
    let whole = part.with_extension("wav");
    match repair(part, &whole) {
        // Somebody else was faster, or it was complete before.
        Err(_) if whole.exists() => {}
        repaired => repaired?,
    }
    let mut file = File::open(&whole)?;
    let samples = file.metadata()?.len().saturating_sub(HEADER) / frame(&mut file)?;
    Ok(Duration::from_millis(samples * 1_000 / u64::from(RATE)))
}

/// Gives a file the header that its length asks for, and its name. Done twice at a time it does no harm: both write the
/// same.
fn repair(part: &Path, whole: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(part)?;
    let frame = frame(&mut file)?;
    let length = file.metadata()?.len().saturating_sub(HEADER) / frame * frame;
    file.set_len(HEADER + length)?;
    file.seek(SeekFrom::Start(0))?;
    let channels = u8::try_from(frame / SAMPLE).unwrap_or(1);
    file.write_all(&wav::header_of(u32::try_from(length).unwrap_or(u32::MAX), channels))?;
    file.sync_all()?;
    fs::rename(part, whole)?;
    part.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Bytes of one sample of all channels, as the header says that a recording begins with; one channel where a power cut
/// left no whole header.
fn frame(file: &mut File) -> io::Result<u64> {
    let mut header = [0; HEADER as usize];
    file.seek(SeekFrom::Start(0))?;
    let stereo = match file.read_exact(&mut header) {
        Ok(()) => header[22] == 2,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(error),
    };
    Ok(if stereo { 2 * SAMPLE } else { SAMPLE })
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

    #[test]
    fn a_conversation_keeps_its_two_sides_and_what_holds_nothing_is_counted_as_empty() {
        let folder = std::env::temp_dir().join(format!("branchline-tapes-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let mut cut = wav::header_of(0, 2).to_vec();
        cut.extend([1, 0, 2, 0].repeat(8_000));
        cut.extend([3, 0, 4]);
        fs::write(part(&folder, RecordingId(1)), cut).expect("a file");
        fs::write(part(&folder, RecordingId(2)), [0; 10]).expect("a file of a torn header");
        fs::write(folder.join("3.wav"), b"whole").expect("a file");
        let parts = unfinished(&folder);
        assert_eq!(parts.len(), 2);
        let lengths: Vec<_> = parts.iter().map(|part| make_whole(part).expect("whole")).collect();
        assert_eq!(lengths.iter().max(), Some(&Duration::from_secs(1)));
        assert_eq!(lengths.iter().min(), Some(&Duration::ZERO));
        let file = fs::read(part(&folder, RecordingId(1)).with_extension("wav")).expect("there");
        assert_eq!((file.len(), file[22]), (44 + 32_000, 2));
        assert_eq!(u32::from_le_bytes(file[40..44].try_into().expect("four")), 32_000);
        assert!(unfinished(&folder).is_empty());
        fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
