//! Recordings' files, which are sealed: written a chunk at a time, and read so.
//!
//! The form is [`journal::tape`](crate::journal::tape)'s. Files of before they were sealed are plain WAV, and are read still.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::id::RecordingId;
use crate::journal::personal::Reads;
use crate::journal::tape::{self, HEADER, Key, PREFIX, Shut};
use crate::media::wav;

/// Bytes of a WAV header as we write it.
const WAV_HEADER: u64 = 44;
/// How whole recordings' names end, and those of recordings that are under way.
pub const WHOLE: &str = "tape";
const PART: &str = "part";
const PLAIN: &str = "wav";

/// Where a recording is that is under way.
pub fn part(folder: &Path, recording: RecordingId) -> PathBuf {
    folder.join(format!("{recording}.{PART}"))
}

/// Where it is once it is whole.
pub fn whole(folder: &Path, recording: RecordingId) -> PathBuf {
    folder.join(format!("{recording}.{WHOLE}"))
}

/// Recordings that an earlier run did not finish. To be asked before this one begins any.
pub fn unfinished(folder: &Path) -> Vec<RecordingId> {
    // A folder that is not there has none.
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let files = files.map(|file| file.path());
    let parts = files.filter(|path| path.extension().is_some_and(|end| end == PART));
    parts.filter_map(|path| path.file_stem()?.to_str()?.parse().ok()).collect()
}

/// A file that is being written.
#[derive(Debug)]
pub struct Writing {
    file: File,
    key: Key,
    next: u32,
}

impl Writing {
    /// Begins it.
    pub fn begin(folder: &Path, recording: RecordingId, key: Key) -> io::Result<Writing> {
        fs::create_dir_all(folder)?;
        let mut file = OpenOptions::new();
        let file = file.write(true).create(true).truncate(true).mode(0o600);
        let mut file = file.open(part(folder, recording))?;
        file.write_all(key.header())?;
        Ok(Writing { file, key, next: 0 })
    }

    /// Adds some sound: from here on it outlives this program, whatever becomes of that.
    pub fn add(&mut self, sound: &[u8], last: bool) -> io::Result<()> {
        self.file.write_all(&self.key.seal(self.next, last, sound))?;
        self.next += 1;
        Ok(())
    }

    /// Gives it its name, after the last chunk.
    pub fn finish(self, folder: &Path, recording: RecordingId) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(part(folder, recording), whole(folder, recording))?;
        // The new name is on the disk once its folder is.
        File::open(folder)?.sync_all()
    }
}

/// A recording that can be read.
#[derive(Debug)]
pub enum Recording {
    /// Sealed.
    Sealed(Sealed),
    /// From before recordings were sealed: the whole file as it is.
    Plain(File, u64),
}

/// A sealed file.
#[derive(Debug)]
pub struct Sealed {
    file: File,
    key: Key,
    /// Where each chunk begins behind its length, and how long it is.
    chunks: Vec<(u64, usize)>,
}

impl Recording {
    /// Opens a whole one.
    pub fn open(folder: &Path, recording: RecordingId, keys: &dyn Reads) -> io::Result<Recording> {
        match File::open(whole(folder, recording)) {
            Ok(file) => Sealed::open(file, recording, keys).map(Recording::Sealed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = File::open(whole(folder, recording).with_extension(PLAIN))?;
                let length = file.metadata()?.len();
                Ok(Recording::Plain(file, length))
            }
            Err(error) => Err(error),
        }
    }

    /// Bytes of it as a WAV file.
    pub fn length(&self) -> u64 {
        match self {
            Recording::Sealed(sealed) => WAV_HEADER + sealed.sound(),
            Recording::Plain(_, length) => *length,
        }
    }

    /// A piece of the WAV file, counted from 0; nothing behind the last.
    pub fn piece(&self, number: usize) -> io::Result<Option<Vec<u8>>> {
        /// Of a plain file: two seconds of both sides.
        const PIECE: u64 = 64 << 10;
        match self {
            Recording::Sealed(sealed) => match number.checked_sub(1) {
                None => Ok(Some(sealed.wav_header())),
                Some(chunk) => sealed.chunk(chunk),
            },
            Recording::Plain(file, length) => {
                let from = number as u64 * PIECE;
                let size = length.saturating_sub(from).min(PIECE);
                let mut piece = vec![0; usize::try_from(size).unwrap_or_default()];
                file.read_exact_at(&mut piece, from)?;
                Ok((size > 0).then_some(piece))
            }
        }
    }

    /// All of it, if it is no longer than `most` bytes.
    pub fn read(&self, most: u64) -> io::Result<Vec<u8>> {
        if self.length() > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut all = Vec::new();
        let mut number = 0;
        while let Some(piece) = self.piece(number)? {
            all.extend(piece);
            number += 1;
        }
        Ok(all)
    }
}

impl Sealed {
    /// Opens a file, and finds its chunks. One that was cut off in the middle is no chunk.
    pub fn open(file: File, recording: RecordingId, keys: &dyn Reads) -> io::Result<Sealed> {
        let length = file.metadata()?.len();
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0)?;
        let key = keys.tape(&header, recording).map_err(io::Error::other)?;
        let (mut chunks, mut at) = (Vec::new(), HEADER as u64);
        loop {
            let begin = at + PREFIX as u64;
            let mut prefix = [0; PREFIX];
            if begin > length {
                break;
            }
            file.read_exact_at(&mut prefix, at)?;
            let Some(size) = tape::length(prefix).filter(|size| begin + *size as u64 <= length)
            else {
                break;
            };
            chunks.push((begin, size));
            at = begin + size as u64;
        }
        Ok(Sealed { file, key, chunks })
    }

    /// Bytes of sound in it.
    pub fn sound(&self) -> u64 {
        self.chunks.iter().map(|(_, size)| tape::sound_in(*size) as u64).sum()
    }

    /// How many channels it has.
    pub fn channels(&self) -> u8 {
        self.key.channels()
    }

    fn wav_header(&self) -> Vec<u8> {
        let length = u32::try_from(self.sound()).unwrap_or(u32::MAX);
        wav::header_of(length, self.key.channels()).to_vec()
    }

    /// A chunk of a whole file; nothing behind the last.
    fn chunk(&self, number: usize) -> io::Result<Option<Vec<u8>>> {
        let last = number + 1 == self.chunks.len();
        match number < self.chunks.len() {
            true => self.opened(number, last).map(Some),
            // A file without any is one that was cut off.
            false if self.chunks.is_empty() => Err(io::Error::other(Shut::Damaged)),
            false => Ok(None),
        }
    }

    fn opened(&self, number: usize, last: bool) -> io::Result<Vec<u8>> {
        let (at, size) = self.chunks.get(number).copied().unwrap_or_default();
        let mut chunk = vec![0; size];
        self.file.read_exact_at(&mut chunk, at)?;
        let count = u32::try_from(number).unwrap_or(u32::MAX);
        self.key.open(count, last, chunk).map_err(io::Error::other)
    }

    /// Makes a whole file of one that a run did not finish: what can be read is kept, and the end is marked. Answers how
    /// many bytes of sound there are.
    fn mend(mut self) -> io::Result<u64> {
        let count = self.chunks.len();
        if count > 0 && self.opened(count - 1, true).is_ok() {
            return Ok(self.sound());
        }
        // A power cut may leave something else than what was written.
        let good = (0..count).find(|number| self.opened(*number, false).is_err()).unwrap_or(count);
        self.chunks.truncate(good);
        let end = self.chunks.last().map_or(HEADER as u64, |(at, size)| at + *size as u64);
        self.file.set_len(end)?;
        let number = u32::try_from(good).unwrap_or(u32::MAX);
        self.file.write_all_at(&self.key.seal(number, true, &[]), end)?;
        Ok(self.sound())
    }
}

/// Makes a whole file of what an earlier run left. Answers how many bytes of sound there are, and of how many channels. A
/// file that has its name already was complete. Done twice at a time it does no harm: both write the same.
pub fn recover(folder: &Path, recording: RecordingId, keys: &dyn Reads) -> io::Result<(u64, u8)> {
    let path = whole(folder, recording);
    match mend(folder, recording, keys) {
        // Somebody else was faster, or it was complete before.
        Err(_) if path.exists() => {}
        mended => mended?,
    }
    let sealed = Sealed::open(File::open(path)?, recording, keys)?;
    Ok((sealed.sound(), sealed.channels()))
}

fn mend(folder: &Path, recording: RecordingId, keys: &dyn Reads) -> io::Result<()> {
    let path = part(folder, recording);
    let file = OpenOptions::new().read(true).write(true).open(&path)?;
    let again = file.try_clone()?;
    Sealed::open(file, recording, keys)?.mend()?;
    again.sync_all()?;
    fs::rename(path, whole(folder, recording))?;
    File::open(folder)?.sync_all()
}

/// Takes a recording off the disk, whatever it is called; one that is gone already is as wanted.
pub fn delete(folder: &Path, recording: RecordingId) -> io::Result<()> {
    let path = part(folder, recording);
    for path in [path.with_extension(WHOLE), path.with_extension(PLAIN), path] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::personal::Keyring;
    use crate::random::Random;

    const RECORDING: RecordingId = RecordingId(7);

    struct Folder(PathBuf, Keyring);

    impl Folder {
        fn new(name: &str) -> Folder {
            let name = format!("branchline-tape-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("a folder");
            Folder(folder, Keyring::open(&[7; 32], &[], Random::from_number(1)))
        }

        fn begin(&mut self, channels: u8) -> Writing {
            let key = self.1.tape("call/1", RECORDING, channels);
            Writing::begin(&self.0, RECORDING, key).expect("begun")
        }

        fn read(&self) -> io::Result<Vec<u8>> {
            Recording::open(&self.0, RECORDING, self.1.reading())?.read(u64::MAX)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_whole_recording_reads_as_a_wav_file_and_stands_in_no_file_in_clear() {
        let mut folder = Folder::new("whole");
        let mut writing = folder.begin(2);
        for (sound, last) in [([1, 0, 2, 0].repeat(8_000), false), ([3, 0, 4, 0].repeat(9), true)] {
            writing.add(&sound, last).expect("room");
        }
        writing.finish(&folder.0, RECORDING).expect("whole");
        assert!(unfinished(&folder.0).is_empty());
        let file = folder.read().expect("read");
        assert_eq!((file.len(), file[22]), (44 + 32_000 + 36, 2));
        assert_eq!(u32::from_le_bytes(file[40..44].try_into().expect("four")), 32_036);
        assert!(file[44..].starts_with(&[1, 0, 2, 0]) && file.ends_with(&[3, 0, 4, 0]));
        let stored = fs::read(whole(&folder.0, RECORDING)).expect("a file");
        assert!(!stored.windows(8).any(|some| some == [1, 0, 2, 0, 1, 0, 2, 0]));
        // Cut off between two chunks, so that every one that is left is whole.
        let shorter = stored.len() - (PREFIX + 36 + 16);
        fs::write(whole(&folder.0, RECORDING), &stored[..shorter]).expect("a shorter file");
        assert!(folder.read().is_err(), "what is missing at the end is noticed");
        fs::write(whole(&folder.0, RECORDING), &stored[..HEADER]).expect("an empty file");
        assert!(folder.read().is_err(), "even when everything is");
    }

    #[test]
    fn what_a_dead_run_left_is_made_whole_once_and_only_the_torn_end_is_lost() {
        for torn in [0, 1, 16_000] {
            let mut folder = Folder::new(&format!("torn-{torn}"));
            let mut writing = folder.begin(1);
            writing.add(&[1, 0].repeat(8_000), false).expect("room");
            writing.add(&[2, 0].repeat(8_000), false).expect("room");
            drop(writing);
            let path = part(&folder.0, RECORDING);
            let length = fs::metadata(&path).expect("there").len();
            let file = OpenOptions::new().write(true).open(&path).expect("there");
            file.set_len(length - torn).expect("cut");
            assert_eq!(unfinished(&folder.0), [RECORDING]);
            let sound = if torn == 0 { 32_000 } else { 16_000 };
            for _ in 0..2 {
                let found = recover(&folder.0, RECORDING, folder.1.reading()).expect("it is");
                assert_eq!(found, (sound, 1));
            }
            assert!(unfinished(&folder.0).is_empty());
            assert_eq!(folder.read().expect("read").len() as u64, 44 + sound);
        }
    }

    #[test]
    fn zeros_where_a_power_cut_ended_it_and_a_last_chunk_without_its_name_are_taken_as_they_are() {
        let mut folder = Folder::new("zeros");
        let mut writing = folder.begin(1);
        writing.add(&[1, 0].repeat(800), false).expect("room");
        writing.file.write_all(&[0; 4_096]).expect("room");
        assert_eq!(recover(&folder.0, RECORDING, folder.1.reading()).expect("it is"), (1_600, 1));
        let mut writing = folder.begin(1);
        writing.add(&[1, 0].repeat(800), true).expect("room");
        drop(writing);
        assert_eq!(recover(&folder.0, RECORDING, folder.1.reading()).expect("it is"), (1_600, 1));
        let torn = &[0; 10];
        fs::write(part(&folder.0, RecordingId(9)), torn).expect("a torn header");
        assert!(recover(&folder.0, RecordingId(9), folder.1.reading()).is_err());
    }

    #[test]
    fn a_recording_from_before_they_were_sealed_is_read_still() {
        let folder = Folder::new("plain");
        let mut plain = wav::header(100_000).to_vec();
        plain.extend([5; 100_000]);
        fs::write(whole(&folder.0, RECORDING).with_extension(PLAIN), &plain).expect("a file");
        assert_eq!(folder.read().expect("read"), plain);
        delete(&folder.0, RECORDING).expect("deleted");
        assert_eq!(folder.read().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
