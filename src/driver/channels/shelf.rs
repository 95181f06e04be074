//! Files of messages, on the disk by what they are: the same file sent twice is kept once.
//!
//! Each is sealed with a key made of the box's own and of its name, so that a disk that is taken away tells nothing, and what
//! was changed on it is noticed. Erasing is deleting: who may, the ledger knows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hmac;

use crate::messaging::Content;
use crate::messaging::web::Files;
use crate::time::UnixTime;

/// What every such file begins with; the digit is the version of its form.
const MAGIC: &[u8; 8] = b"BLFILE1\n";
/// Bytes of a key.
const KEY: usize = 32;

/// The folder.
pub struct Shelf {
    folder: PathBuf,
    key: hmac::Key,
    budget: u64,
    used: AtomicU64,
    begun: AtomicU64,
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shelf({} of {} bytes)", self.used(), self.budget)
    }
}

/// Why a file is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unkept {
    /// All files together have as many bytes as they may.
    Full,
    /// The disk does not take it.
    Disk,
}

impl Shelf {
    /// In `folder`, sealed by `key`, with `budget` bytes for all files together. What an earlier run left half-written is
    /// taken away.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: PathBuf, key: &[u8; KEY], budget: u64) -> io::Result<Shelf> {
        fs::create_dir_all(&folder)?;
        let mut used = 0;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            match entry.path().extension() {
                Some(_) => fs::remove_file(entry.path())?,
                None => used += entry.metadata()?.len(),
            }
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let (used, begun) = (AtomicU64::new(used), AtomicU64::new(0));
        Ok(Shelf { folder, key, budget, used, begun })
    }

    /// Bytes of all files together.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Keeps a file: once this answers, it is on the disk.
    ///
    /// # Errors
    /// When it is not kept.
    pub fn keep(&self, bytes: &[u8]) -> Result<Content, Unkept> {
        let content = content(bytes);
        let path = self.path(content);
        if path.exists() {
            // Whoever takes away what nobody has leaves it alone until this message is known.
            let now = &TimeSpec::UTIME_NOW;
            let touched = utimensat(AT_FDCWD, &path, now, now, UtimensatFlags::FollowSymlink);
            touched.map_err(|_| Unkept::Disk)?;
            return Ok(content);
        }
        let sealed = self.seal(content, bytes).ok_or(Unkept::Disk)?;
        let size = sealed.len() as u64;
        if self.used.fetch_add(size, Ordering::Relaxed) + size > self.budget {
            self.used.fetch_sub(size, Ordering::Relaxed);
            return Err(Unkept::Full);
        }
        self.write(&path, &sealed).map_err(|error| {
            self.used.fetch_sub(size, Ordering::Relaxed);
            tracing::error!(%error, "a file of a message cannot be kept");
            Unkept::Disk
        })?;
        Ok(content)
    }

    /// A file's bytes; nothing when it is not here, or not as it was.
    pub fn read(&self, content: Content) -> Option<Vec<u8>> {
        let mut sealed = fs::read(self.path(content)).ok()?;
        if !sealed.starts_with(MAGIC) {
            return None;
        }
        let body = sealed.get_mut(MAGIC.len()..)?;
        let bytes =
            self.cipher(content)?.open_in_place(nonce(), Aad::from(content.0), body).ok()?;
        Some(bytes.to_vec())
    }

    /// Whether a file is here.
    pub fn has(&self, content: Content) -> bool {
        self.path(content).exists()
    }

    /// Takes a file away; one that is gone already is as wanted.
    ///
    /// # Errors
    /// When the disk does not let it.
    pub fn forget(&self, content: Content) -> io::Result<()> {
        let path = self.path(content);
        let size = match fs::metadata(&path) {
            Ok(data) => data.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        fs::remove_file(&path)?;
        self.used.fetch_sub(size, Ordering::Relaxed);
        File::open(&self.folder)?.sync_all()
    }

    /// The same with one that was not kept anew for `rest`. Answers whether it was there, and that old.
    ///
    /// # Errors
    /// When the disk does not let it.
    pub fn forget_old(&self, content: Content, now: UnixTime, rest: Duration) -> io::Result<bool> {
        let kept = match fs::metadata(self.path(content)) {
            Ok(data) => UnixTime(data.mtime().saturating_mul(1_000_000)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let old = now.since(kept) >= rest;
        if old {
            self.forget(content)?;
        }
        Ok(old)
    }

    /// Files that were not kept anew for `rest`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn kept_before(&self, now: UnixTime, rest: Duration) -> io::Result<Vec<Content>> {
        let mut old = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Some(content) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let kept = UnixTime(entry.metadata()?.mtime().saturating_mul(1_000_000));
            if now.since(kept) >= rest {
                old.push(content);
            }
        }
        Ok(old)
    }

    fn path(&self, content: Content) -> PathBuf {
        self.folder.join(content.to_string())
    }

    /// What a file is sealed with: a key that no other content has, so that one nonce is enough.
    fn cipher(&self, content: Content) -> Option<LessSafeKey> {
        let tag = hmac::sign(&self.key, &[b"branchline file v1".as_slice(), &content.0].concat());
        UnboundKey::new(&AES_256_GCM, tag.as_ref()).ok().map(LessSafeKey::new)
    }

    fn seal(&self, content: Content, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = bytes.to_vec();
        let cipher = self.cipher(content)?;
        cipher.seal_in_place_append_tag(nonce(), Aad::from(content.0), &mut sealed).ok()?;
        Some([MAGIC.as_slice(), &sealed].concat())
    }

    /// Under another name first: a name that is there is a file that is whole.
    fn write(&self, path: &Path, sealed: &[u8]) -> io::Result<()> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let part = path.with_extension(format!("{number}.part"));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let written = file.write_all(sealed).and_then(|()| file.sync_all());
        if let Err(error) = written.and_then(|()| fs::rename(&part, path)) {
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        File::open(&self.folder)?.sync_all()
    }
}

impl Files for Shelf {
    fn bytes(&self, content: Content) -> Option<Vec<u8>> {
        self.read(content)
    }

    /// The box has no address that services reach: bytes go along, or a service takes no files from here.
    fn url(&self, _content: Content) -> Option<String> {
        None
    }
}

fn content(bytes: &[u8]) -> Content {
    let mut name = [0; 32];
    // SHA-256 has as many bytes.
    name.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Content(name)
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let name = format!("branchline-shelf-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&folder);
            Folder(folder)
        }

        fn open(&self, budget: u64) -> Shelf {
            Shelf::open(self.0.clone(), &[7; KEY], budget).expect("a folder")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_was_kept_long_ago_is_listed_and_what_was_kept_anew_is_not() {
        let folder = Folder::new("listed");
        let shelf = folder.open(1 << 20);
        let content = shelf.keep(b"never said").expect("kept");
        fs::write(folder.0.join("torn.0.part"), b"half").expect("written");
        let day = Duration::from_secs(86_400);
        let now = crate::driver::clock::now().unix;
        assert_eq!(shelf.kept_before(now, day).expect("listed"), []);
        assert_eq!(shelf.kept_before(now + day + day, day).expect("listed"), [content]);
    }

    #[test]
    fn a_file_is_kept_once_in_no_clear_form_and_read_after_a_restart() {
        let folder = Folder::new("once");
        let shelf = folder.open(1 << 20);
        let bytes = b"a picture of somebody".repeat(100);
        let content = shelf.keep(&bytes).expect("kept");
        assert_eq!(
            (shelf.keep(&bytes), fs::read_dir(&folder.0).expect("there").count()),
            (Ok(content), 1)
        );
        let stored = fs::read(shelf.path(content)).expect("a file");
        assert!(!stored.windows(9).any(|some| some == b"a picture"));
        fs::write(folder.0.join("torn.0.part"), b"half").expect("written");
        let again = folder.open(1 << 20);
        assert_eq!((again.read(content), again.used()), (Some(bytes), stored.len() as u64));
        assert!(!folder.0.join("torn.0.part").exists());
        let other = Shelf::open(folder.0.clone(), &[8; KEY], 1).expect("a folder");
        assert_eq!(other.read(content), None, "the box's key is needed");
        let mut changed = stored;
        changed[20] ^= 1;
        fs::write(shelf.path(content), changed).expect("written");
        assert_eq!(again.read(content), None, "what was changed is noticed");
        again.forget(content).expect("gone");
        again.forget(content).expect("gone before");
        assert_eq!(again.used(), 0);
    }

    #[test]
    fn what_was_kept_anew_is_not_taken_away_for_a_while() {
        let folder = Folder::new("old");
        let shelf = folder.open(1 << 20);
        let content = shelf.keep(b"again").expect("kept");
        let now = crate::driver::clock::now().unix;
        let rest = Duration::from_secs(600);
        let later = |seconds| now + Duration::from_secs(seconds);
        assert!(!shelf.forget_old(content, later(500), rest).expect("read"));
        assert!(shelf.read(content).is_some());
        assert!(shelf.forget_old(content, later(602), rest).expect("gone"));
        assert_eq!((shelf.read(content), shelf.used()), (None, 0));
        assert!(!shelf.forget_old(content, later(602), rest).expect("gone before"));
    }

    #[test]
    fn a_full_shelf_takes_nothing_and_keeps_what_it_has() {
        let folder = Folder::new("full");
        let shelf = folder.open(150);
        let first = shelf.keep(&[1; 100]).expect("room");
        assert_eq!(shelf.keep(&[2; 100]), Err(Unkept::Full));
        assert_eq!(shelf.keep(&[1; 100]), Ok(first));
        shelf.forget(first).expect("gone");
        assert!(shelf.keep(&[2; 100]).is_ok());
    }
}
