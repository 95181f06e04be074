//! Recordings and files of messages at the office: by their content, each once, whoever sent it.
//!
//! In the folder `blobs` below the hub's own: `whole/AB/HASH` are files that were looked through; `part/SITE.HASH` one of
//! each site that is on its way; `by/SITE/CONTACT/KIND.NAME.HASH` a second name of a whole file for each that speaks of it
//! (`_` where nobody is known whose it is). So the number of names says who still refers to a file: when the last goes with
//! an erasure, the file does. `erased/SITE` lists contacts of whom nothing is taken any more.

mod following;
mod taking;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::statvfs::statvfs;
use ring::digest::{Context, SHA256};

pub use following::follow;
pub(super) use taking::Taking;

use crate::hub::blobs::Found;
use crate::hub::settings;
use crate::uplink::blob::{Hash, Named, Offer, Refusal, Waiting};
use crate::uplink::token::is_site;

/// Octets that are read at once when a file is looked through.
const READING: usize = 256 << 10;
/// Where what has no contact is.
const NOBODY: &str = "_";

/// How much of the disk it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of all files together.
    pub quota: u64,
    /// Octets of the disk that are left free for events.
    pub floor: u64,
}

/// The files. Copies are the same ones.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Octets of whole files and parts.
    used: u64,
    /// By site.
    erased: BTreeMap<String, BTreeSet<String>>,
}

impl Store {
    /// Opens what is below a folder, which is made where it is not there.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub fn open(folder: &Path, limits: Limits) -> io::Result<Store> {
        for name in ["whole", "part", "by", "erased", "waiting", "next"] {
            make(&folder.join(name))?;
        }
        let mut state = State::default();
        for prefix in files(&folder.join("whole"))? {
            for path in files(&prefix)? {
                state.used += fs::metadata(path)?.len();
            }
        }
        for path in files(&folder.join("part"))? {
            state.used += fs::metadata(path)?.len();
        }
        for path in files(&folder.join("erased"))? {
            let contacts = fs::read_to_string(&path)?.lines().map(str::to_owned).collect();
            state.erased.insert(name_of(&path), contacts);
        }
        let state = Mutex::new(state);
        Ok(Store(Arc::new(Inner { folder: folder.to_owned(), limits, state })))
    }

    /// Octets of all files.
    pub fn used(&self) -> u64 {
        self.hold().used
    }

    /// A whole file.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    pub fn read(&self, hash: Hash) -> io::Result<Vec<u8>> {
        fs::read(self.whole(hash))
    }

    /// What there is of one that a site offers.
    pub fn look(&self, site: &str, offer: &Offer) -> Found {
        if self.is_erased(site, &offer.named) {
            return Found::Refused(Refusal::Erased);
        }
        let _ = self.drop_parts(site, Some(offer.hash));
        if self.whole(offer.hash).exists() {
            return match self.refer(site, &offer.named, offer.hash) {
                Ok(()) => Found::Whole,
                Err(error) => full("a file cannot be referred to", &error),
            };
        }
        let have = fs::metadata(self.part(site, offer.hash)).map_or(0, |data| data.len());
        if have > offer.size {
            let _ = self.drop_parts(site, None);
            return Found::Part(0);
        }
        match self.has_room(offer.size - have) {
            true => Found::Part(have),
            false => Found::Refused(Refusal::Full),
        }
    }

    /// Writes a piece behind what is there, or over it: a connection that was replaced may have written a little more. Answers
    /// up to where.
    ///
    /// # Errors
    /// When it does not follow, or there is no room.
    pub fn write(&self, site: &str, hash: Hash, offset: u64, bytes: &[u8]) -> io::Result<u64> {
        let size = bytes.len() as u64;
        if !self.has_room(size) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(self.part(site, hash))?;
        let there = file.metadata()?.len();
        if there < offset {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if let Err(error) = file.write_all_at(bytes, offset) {
            // Half a piece is none: it comes again.
            let _ = file.set_len(there);
            return Err(error);
        }
        let end = offset + size;
        self.hold().used += end.saturating_sub(there);
        Ok(end)
    }

    /// Looks a whole one through and gives it its place.
    ///
    /// # Errors
    /// When its bytes are not what its name says, or the disk does not take it.
    pub fn finish(&self, site: &str, offer: &Offer) -> Result<(), Refusal> {
        let part = self.part(site, offer.hash);
        match hash_of(&part) {
            Ok(hash) if hash == offer.hash => {}
            Ok(_) => {
                tracing::warn!(
                    site,
                    size = offer.size,
                    "a file is not what its site says: thrown away"
                );
                let _ = self.drop_parts(site, None);
                return Err(Refusal::Hash);
            }
            Err(error) => return Err(not_taken(&error)),
        }
        let placed = self.place(site, offer, &part);
        placed.map_err(|error| not_taken(&error))?;
        // Somebody may have been erased while it came.
        if self.is_erased(site, &offer.named) {
            let contacts: Vec<_> = offer.named.contact.iter().cloned().collect();
            let _ = self.erase(site, &contacts);
            return Err(Refusal::Erased);
        }
        Ok(())
    }

    /// Nothing of these contacts of a site is kept or taken from here on; files that nobody else refers to go. Answers how
    /// many did.
    ///
    /// # Errors
    /// When the disk does not let it.
    pub fn erase(&self, site: &str, contacts: &[String]) -> io::Result<u64> {
        if !is_site(site) {
            return Ok(0);
        }
        let plain = |contact: &&String| {
            !contact.is_empty()
                && contact.len() <= 64
                && contact.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let contacts: Vec<&String> = contacts.iter().filter(plain).collect();
        let mut state = self.hold();
        let known = state.erased.entry(site.to_owned()).or_default();
        let new: Vec<_> = contacts.iter().filter(|one| !known.contains(**one)).collect();
        if !new.is_empty() {
            let path = self.0.folder.join("erased").join(site);
            let mut options = OpenOptions::new();
            let mut file = options.append(true).create(true).mode(0o600).open(path)?;
            let lines: String = new.iter().map(|one| format!("{one}\n")).collect();
            file.write_all(lines.as_bytes())?;
            file.sync_all()?;
            known.extend(new.into_iter().map(|one| (*one).clone()));
        }
        let mut gone = 0;
        for contact in contacts {
            gone += self.forget(&mut state, site, contact)?;
        }
        drop(state);
        // What is on its way may be theirs: it is offered anew, and looked at then.
        self.drop_parts(site, None)?;
        Ok(gone)
    }

    /// So much waits at a site.
    pub fn waits(&self, site: &str, waiting: Waiting) {
        let path = self.0.folder.join("waiting").join(site);
        let text = serde_json::to_string(&waiting).unwrap_or_default();
        if let Err(error) = fs::write(path, text) {
            tracing::warn!(site, %error, "what waits at a site cannot be noted");
        }
    }
}

/// What waits at each site, as it said last, in a hub's folder of files.
pub fn waiting(folder: &Path) -> BTreeMap<String, Waiting> {
    let all = files(&folder.join("waiting")).unwrap_or_default();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        Some((name_of(&path), serde_json::from_str(&text).ok()?))
    };
    all.into_iter().filter_map(read).collect()
}

/// The folder of files of a hub.
pub fn folder(dir: &Path, said: &settings::Blobs) -> PathBuf {
    said.dir.clone().unwrap_or_else(|| dir.join("blobs"))
}

/// Opens the files of a hub as its operator has said.
///
/// # Errors
/// When the folder cannot be read or made.
pub fn open(dir: &Path, said: &settings::Blobs) -> io::Result<Store> {
    let octets = |megabytes: u64| megabytes.saturating_mul(1 << 20);
    let limits = Limits { quota: octets(said.quota_mb), floor: octets(said.keep_free_mb) };
    Store::open(&folder(dir, said), limits)
}

impl Store {
    fn hold(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn whole(&self, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        let prefix = name.get(..2).unwrap_or_default();
        self.0.folder.join("whole").join(prefix).join(&name)
    }

    fn part(&self, site: &str, hash: Hash) -> PathBuf {
        self.0.folder.join("part").join(format!("{site}.{hash}"))
    }

    fn reference(&self, site: &str, named: &Named, hash: Hash) -> PathBuf {
        let contact = named.contact.as_deref().unwrap_or(NOBODY);
        let name = format!("{}.{}.{hash}", named.kind.name(), named.name);
        self.0.folder.join("by").join(site).join(contact).join(name)
    }

    fn is_erased(&self, site: &str, named: &Named) -> bool {
        let Some(contact) = &named.contact else { return false };
        self.hold().erased.get(site).is_some_and(|known| known.contains(contact))
    }

    fn has_room(&self, octets: u64) -> bool {
        let Limits { quota, floor } = self.0.limits;
        if self.used().saturating_add(octets) > quota {
            return false;
        }
        // A disk that does not tell how much is left tells when it is written to.
        let free =
            statvfs(&self.0.folder).map(|disk| disk.blocks_available() * disk.fragment_size());
        free.map_or(true, |free| free >= floor.saturating_add(octets))
    }

    /// Takes away what a site has on its way, but for one.
    fn drop_parts(&self, site: &str, but: Option<Hash>) -> io::Result<()> {
        let but = but.map(|hash| self.part(site, hash));
        for path in files(&self.0.folder.join("part"))? {
            let own = name_of(&path).split_once('.').is_some_and(|(of, _)| of == site);
            if own && but.as_ref() != Some(&path) {
                let size = fs::metadata(&path)?.len();
                fs::remove_file(&path)?;
                let mut state = self.hold();
                state.used = state.used.saturating_sub(size);
            }
        }
        Ok(())
    }

    fn place(&self, site: &str, offer: &Offer, part: &Path) -> io::Result<()> {
        File::open(part)?.sync_all()?;
        let whole = self.whole(offer.hash);
        let prefix = whole.parent().unwrap_or(&self.0.folder);
        make(prefix)?;
        {
            let mut state = self.hold();
            if whole.exists() {
                // Another branch was faster with the same.
                fs::remove_file(part)?;
                state.used = state.used.saturating_sub(offer.size);
            } else {
                fs::rename(part, &whole)?;
            }
        }
        File::open(prefix)?.sync_all()?;
        self.refer(site, &offer.named, offer.hash)
    }

    /// Notes that a site speaks of a file.
    fn refer(&self, site: &str, named: &Named, hash: Hash) -> io::Result<()> {
        let path = self.reference(site, named, hash);
        let folder = path.parent().unwrap_or(&self.0.folder);
        make(folder)?;
        // Nobody is erased between.
        let _state = self.hold();
        match fs::hard_link(self.whole(hash), &path) {
            Ok(()) => File::open(folder)?.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn forget(&self, state: &mut State, site: &str, contact: &str) -> io::Result<u64> {
        let own = self.0.folder.join("by").join(site);
        let theirs = own.join(contact);
        let mut gone = 0;
        for path in files(&theirs)? {
            let name = name_of(&path);
            remove(&path)?;
            // Before it was known whose it is nobody's name stood there.
            remove(&own.join(NOBODY).join(&name))?;
            let hash = name.rsplit('.').next().and_then(|hash| hash.parse::<Hash>().ok());
            let Some(whole) = hash.map(|hash| self.whole(hash)) else { continue };
            let Ok(data) = fs::metadata(&whole) else { continue };
            if data.nlink() == 1 {
                remove(&whole)?;
                state.used = state.used.saturating_sub(data.len());
                gone += 1;
            }
        }
        match fs::remove_dir(&theirs) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(gone)
    }
}

fn full(what: &str, error: &io::Error) -> Found {
    tracing::error!(%error, "{what}");
    Found::Refused(Refusal::Full)
}

fn not_taken(error: &io::Error) -> Refusal {
    tracing::error!(%error, "a file cannot be kept");
    Refusal::Full
}

fn hash_of(path: &Path) -> io::Result<Hash> {
    let mut file = File::open(path)?;
    let (mut hash, mut buffer) = (Context::new(&SHA256), vec![0; READING]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(buffer.get(..count).unwrap_or_default()),
        }
    }
    // SHA-256 has 32 octets.
    Ok(Hash(hash.finish().as_ref().try_into().unwrap_or_default()))
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What is in a folder; nothing where it is not there.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
