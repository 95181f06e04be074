//! Small records on the disk that are of use for minutes: one file, appended to, and written anew when most of it is over.
//!
//! A record is there for whoever ends by `kill -9` as soon as it is written, and after a power cut once it is synced, which
//! costs its time and is asked for where it matters. What is torn at the end was never said to be kept. Records are sealed
//! with the box's key: they hold what people write.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

use crate::random::Random;

/// What such a file begins with; the digit is the version of its form.
const MAGIC: &[u8; 8] = b"BLSCRP1\n";
/// Bytes of the salt that no two files share.
const SALT: usize = 16;
/// Bytes of the key.
const KEY: usize = 32;
/// Bytes before a record: its length.
const LENGTH: usize = 4;
/// A file with fewer bytes is not worth writing anew.
const SMALL: u64 = 1 << 20;
/// It is written anew once it is so many times as long as what is of use.
const WASTE: u64 = 4;

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is there, or is another from now on.
    Put(u64, Vec<u8>),
    /// It is not there any more.
    Gone(u64),
}

/// The file.
pub struct Drawer {
    path: PathBuf,
    key: hmac::Key,
    random: Random,
    /// Nothing once the disk has failed: what it holds then, nobody knows.
    open: Option<Open>,
    records: BTreeMap<u64, Vec<u8>>,
}

struct Open {
    file: File,
    cipher: LessSafeKey,
    written: u64,
    number: u64,
}

impl std::fmt::Debug for Drawer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Drawer({} records)", self.records.len())
    }
}

impl Drawer {
    /// Opens it with what an earlier run has left.
    ///
    /// # Errors
    /// When it can be neither read nor written.
    pub fn open(path: PathBuf, key: &[u8; KEY], random: Random) -> io::Result<Drawer> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let records = match fs::read(&path) {
            Ok(bytes) => read(&key, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let mut drawer = Drawer { path, key, random, open: None, records };
        // Numbers of a torn end may have been used: a file that is gone on with is a new one.
        drawer.write_anew()?;
        Ok(drawer)
    }

    /// What is in it.
    pub fn records(&self) -> &BTreeMap<u64, Vec<u8>> {
        &self.records
    }

    /// Makes changes, and with `sync` answers when they are on the disk.
    ///
    /// # Errors
    /// When they are not: none of them then counts. After a sync that failed nothing is taken any more.
    pub fn change(&mut self, changes: Vec<Change>, sync: bool) -> io::Result<()> {
        let open = self.open.as_mut().ok_or(io::ErrorKind::Other)?;
        let mut bytes = Vec::new();
        for change in &changes {
            open.seal(change, &mut bytes)?;
        }
        if let Err(error) = open.file.write_all(&bytes) {
            // The disk may be full: what is half there must not stand before what comes next.
            if open.file.set_len(open.written).is_err() {
                self.open = None;
            }
            return Err(error);
        }
        open.written += bytes.len() as u64;
        if sync && let Err(error) = open.file.sync_data() {
            self.open = None;
            return Err(error);
        }
        let written = open.written;
        for change in changes {
            match change {
                Change::Put(id, record) => drop(self.records.insert(id, record)),
                Change::Gone(id) => drop(self.records.remove(&id)),
            }
        }
        if written > SMALL && written > WASTE * self.used() {
            self.write_anew()?;
        }
        Ok(())
    }

    fn used(&self) -> u64 {
        self.records.values().map(|record| record.len() as u64 + 64).sum()
    }

    /// Under another name first: a name that is there is a file that is whole.
    fn write_anew(&mut self) -> io::Result<()> {
        let mut salt = [0; SALT];
        self.random.fill(&mut salt);
        let cipher = cipher(&self.key, &salt).ok_or(io::ErrorKind::Other)?;
        let part = self.path.with_extension("part");
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        let mut open = Open { file, cipher, written: 0, number: 0 };
        let mut bytes = [MAGIC.as_slice(), &salt].concat();
        for (id, record) in &self.records {
            open.seal(&Change::Put(*id, record.clone()), &mut bytes)?;
        }
        open.file.write_all(&bytes)?;
        open.file.sync_all()?;
        open.written = bytes.len() as u64;
        fs::rename(&part, &self.path)?;
        if let Some(folder) = self.path.parent().filter(|folder| *folder != Path::new("")) {
            File::open(folder)?.sync_all()?;
        }
        self.open = Some(open);
        Ok(())
    }
}

impl Open {
    fn seal(&mut self, change: &Change, out: &mut Vec<u8>) -> io::Result<()> {
        let mut body = match change {
            Change::Put(id, record) => [&[0], id.to_be_bytes().as_slice(), record].concat(),
            Change::Gone(id) => [&[1], id.to_be_bytes().as_slice()].concat(),
        };
        let sealed =
            self.cipher.seal_in_place_append_tag(nonce(self.number), Aad::empty(), &mut body);
        sealed.map_err(|_| io::ErrorKind::Other)?;
        self.number += 1;
        let length = u32::try_from(body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&body);
        Ok(())
    }
}

/// What is in a file, up to where it is torn.
fn read(key: &hmac::Key, bytes: &[u8]) -> BTreeMap<u64, Vec<u8>> {
    let mut records = BTreeMap::new();
    let head = bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_at_checked(SALT));
    let Some((salt, mut rest)) = head else { return records };
    let Some(cipher) = cipher(key, salt) else { return records };
    let mut number = 0;
    while let Some((length, after)) = rest.split_first_chunk::<LENGTH>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some((sealed, next)) = after.split_at_checked(length) else { break };
        let mut sealed = sealed.to_vec();
        let opened = cipher.open_in_place(nonce(number), Aad::empty(), &mut sealed);
        let Some((kind, body)) =
            opened.ok().and_then(|opened| opened.split_first().map(|(k, b)| (*k, b)))
        else {
            break;
        };
        let Some((id, record)) = body.split_first_chunk::<8>() else { break };
        let id = u64::from_be_bytes(*id);
        match kind {
            0 => drop(records.insert(id, record.to_vec())),
            _ => drop(records.remove(&id)),
        }
        (rest, number) = (next, number + 1);
    }
    records
}

fn cipher(key: &hmac::Key, salt: &[u8]) -> Option<LessSafeKey> {
    let tag = hmac::sign(key, &[b"branchline scraps v1".as_slice(), salt].concat());
    UnboundKey::new(&AES_256_GCM, tag.as_ref()).ok().map(LessSafeKey::new)
}

/// No number comes twice in a file, and no two files have one salt.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    for (own, byte) in nonce.iter_mut().zip(number.to_be_bytes()) {
        *own = byte;
    }
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let name = format!("branchline-drawer-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&folder);
            Folder(folder)
        }

        fn open(&self, seed: u64) -> Drawer {
            let path = self.0.join("carrier.scraps");
            Drawer::open(path, &[7; KEY], Random::from_number(seed)).expect("a folder")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn put(id: u64, text: &str) -> Change {
        Change::Put(id, text.as_bytes().to_vec())
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart_and_in_no_clear_form() {
        let folder = Folder::new("kept");
        let mut drawer = folder.open(1);
        drawer.change(vec![put(1, "hello there"), put(2, "gone soon")], true).expect("kept");
        drawer.change(vec![Change::Gone(2), put(3, "third")], false).expect("kept");
        let bytes = fs::read(folder.0.join("carrier.scraps")).expect("a file");
        assert!(!bytes.windows(5).any(|some| some == b"hello"));
        let again = folder.open(2);
        let wanted: BTreeMap<u64, Vec<u8>> =
            [(1, b"hello there".to_vec()), (3, b"third".to_vec())].into();
        assert_eq!(again.records(), &wanted);
    }

    #[test]
    fn a_torn_end_takes_nothing_else_with_it() {
        let folder = Folder::new("torn");
        let mut drawer = folder.open(1);
        drawer.change(vec![put(1, "first"), put(2, "second")], true).expect("kept");
        let path = folder.0.join("carrier.scraps");
        let bytes = fs::read(&path).expect("a file");
        for cut in 1..30 {
            fs::write(&path, &bytes[..bytes.len() - cut]).expect("written");
            let again = folder.open(2);
            assert_eq!(again.records().len(), 1, "{cut} bytes are gone");
        }
        fs::write(&path, b"something else").expect("written");
        assert!(folder.open(3).records().is_empty());
    }

    #[test]
    fn a_file_that_is_mostly_over_is_written_anew() {
        let folder = Folder::new("anew");
        let mut drawer = folder.open(1);
        drawer.change(vec![put(0, "stays")], true).expect("kept");
        let text = "x".repeat(1_000);
        for id in 1..2_000 {
            drawer.change(vec![put(id, &text)], false).expect("kept");
            drawer.change(vec![Change::Gone(id)], false).expect("kept");
        }
        let size = fs::metadata(folder.0.join("carrier.scraps")).expect("a file").len();
        assert!(size <= SMALL + 4_096, "{size}");
        assert_eq!(folder.open(2).records().len(), 1);
    }
}
