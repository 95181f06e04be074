//! A small sealed file of records, one behind the other: what a device must know again after a restart.
//!
//! Each start writes it anew with what still matters, under another file key, so that no two records are ever sealed alike. A
//! record counts once [`Diary::append`] has returned. What a power cut tore at the end was never said to be kept, and is
//! passed over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

use crate::random::Random;

/// What the file begins with; the digit is the version of its form.
const MAGIC: &[u8; 8] = b"BLDIARY1";
/// Bytes behind it that make the file's key another one each time.
const SALT: usize = 16;
/// The longest record, sealed: far above what any is.
const LONGEST: usize = 1 << 20;
/// A file that has grown by this much since it was written anew is written anew.
const GROWS: u64 = 4 << 20;

/// The file.
pub struct Diary {
    path: PathBuf,
    key: [u8; 32],
    random: Random,
    open: Option<Open>,
}

struct Open {
    file: File,
    cipher: LessSafeKey,
    count: u64,
    grown: u64,
}

impl std::fmt::Debug for Diary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Diary({})", self.path.display())
    }
}

impl Diary {
    /// The file at `path`, sealed by `key`, and its records. Nothing is written before [`Diary::rewrite`].
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(path: &Path, key: [u8; 32], random: Random) -> io::Result<(Diary, Vec<Vec<u8>>)> {
        let records = match fs::read(path) {
            Ok(bytes) => read(&bytes, &key, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok((Diary { path: path.to_owned(), key, random, open: None }, records))
    }

    /// Adds records. Once this returns they are on the disk; after an error the file must be written anew.
    ///
    /// # Errors
    /// When the disk does not take them, or the file was never written.
    pub fn append(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let mut open =
            self.open.take().ok_or_else(|| io::Error::other("it is to be written anew"))?;
        let bytes = open.seal(records)?;
        open.file.write_all(&bytes)?;
        open.file.sync_data()?;
        open.grown += bytes.len() as u64;
        self.open = Some(open);
        Ok(())
    }

    /// Writes these records in place of all before.
    ///
    /// # Errors
    /// When the disk does not take them: the file is as it was.
    pub fn rewrite(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut salt = [0; SALT];
        self.random.fill(&mut salt);
        let cipher = cipher(&self.key, &salt).ok_or_else(|| io::Error::other("no cipher"))?;
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        let mut open = Open { file, cipher, count: 0, grown: 0 };
        let bytes = open.seal(records)?;
        open.file.write_all(&[&MAGIC[..], &salt, &bytes].concat())?;
        open.file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.open = Some(open);
        Ok(())
    }

    /// Whether it is to be written anew: it has grown long, or was never written or not to its end.
    pub fn is_stale(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.grown > GROWS)
    }
}

impl Open {
    fn seal(&mut self, records: &[Vec<u8>]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for record in records {
            let mut sealed = record.clone();
            self.cipher
                .seal_in_place_append_tag(nonce(self.count), Aad::empty(), &mut sealed)
                .map_err(|_| io::Error::other("a record cannot be sealed"))?;
            self.count += 1;
            let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
            bytes.extend(length.to_le_bytes());
            bytes.extend(sealed);
        }
        Ok(bytes)
    }
}

fn cipher(key: &[u8; 32], salt: &[u8]) -> Option<LessSafeKey> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let tag = hmac::sign(&key, &[b"branchline diary v1".as_slice(), salt].concat());
    UnboundKey::new(&AES_256_GCM, tag.as_ref()).ok().map(LessSafeKey::new)
}

/// The number of a record in its file, which no two share.
fn nonce(count: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&count.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn read(bytes: &[u8], key: &[u8; 32], path: &Path) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let head = MAGIC.len() + SALT;
    let salt = bytes.strip_prefix(MAGIC).and_then(|rest| rest.get(..SALT));
    let Some(cipher) = salt.and_then(|salt| cipher(key, salt)) else {
        tracing::error!(path = %path.display(), "no diary of this box: it is begun anew");
        return records;
    };
    let mut rest = &bytes[head..];
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some(mut sealed) = behind.get(..length.min(LONGEST)).map(<[u8]>::to_vec) else { break };
        let number = nonce(records.len() as u64);
        let Ok(record) = cipher.open_in_place(number, Aad::empty(), &mut sealed) else { break };
        records.push(record.to_vec());
        rest = &behind[length..];
    }
    if !rest.is_empty() {
        tracing::warn!(path = %path.display(), bytes = rest.len(), "the end of a diary is torn");
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("branchline-diary-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn open(path: &Path, key: u8) -> (Diary, Vec<Vec<u8>>) {
        Diary::open(path, [key; 32], Random::from_number(key.into())).expect("it can be read")
    }

    #[test]
    fn what_was_appended_is_there_and_what_was_torn_is_not() {
        let folder = folder("torn");
        let path = folder.join("diary");
        let (mut diary, records) = open(&path, 1);
        assert_eq!((records.len(), diary.is_stale()), (0, true));
        assert!(diary.append(&[b"early".to_vec()]).is_err(), "it was not written yet");
        diary.rewrite(&[b"one".to_vec()]).expect("written");
        diary.append(&[b"two".to_vec(), b"three".to_vec()]).expect("appended");
        let all = [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
        assert_eq!(open(&path, 1).1, all);
        let bytes = fs::read(&path).expect("it is there");
        assert!(!bytes.windows(3).any(|three| three == b"one"), "it is sealed");
        for cut in MAGIC.len() + SALT..bytes.len() {
            fs::write(&path, &bytes[..cut]).expect("cut");
            let left = open(&path, 1).1;
            assert_eq!(left, all[..left.len()], "{cut}");
            assert!(left.len() < 3, "{cut}");
        }
        fs::write(&path, &bytes).expect("whole again");
        assert!(open(&path, 2).1.is_empty(), "another box's key opens nothing");
        fs::remove_dir_all(&folder).expect("cleaned up");
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_and_what_was_there_stays() {
        let folder = folder("full");
        let path = folder.join("diary");
        let (mut diary, _) = open(&path, 1);
        diary.rewrite(&[b"one".to_vec()]).expect("written");
        fs::create_dir(path.with_extension("new")).expect("in the way");
        assert!(diary.rewrite(&[b"other".to_vec()]).is_err());
        assert_eq!(open(&path, 1).1, [b"one".to_vec()]);
        diary.append(&[b"two".to_vec()]).expect("the old one is still good");
        assert_eq!(open(&path, 1).1.len(), 2);
        fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
