//! The bytes of files: recordings out of their sealed files, files of messages off their shelf.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ring::digest::{Context, SHA256};

use super::Sends;
use crate::driver::channels::Shelf;
use crate::driver::recordings::Keys;
use crate::driver::tape::{self, Recording};
use crate::id::RecordingId;
use crate::messaging::Content;
use crate::uplink::blob::{Hash, Kind, Named};
use crate::uplink::blobs::NotOpened;

/// Where files are, and which of them may leave.
#[derive(Clone)]
pub struct Source {
    /// What the site's policy lets out.
    pub sends: Sends,
    /// The folder of recordings.
    pub recordings: PathBuf,
    /// Who reads them.
    pub keys: Keys,
    /// Files of messages; nothing where there is no channel that has any.
    pub shelf: Option<Arc<Shelf>>,
}

/// One that can be read.
pub(in crate::driver::uplink) struct Opened {
    pub(super) reading: Reading,
    pub(super) hash: Hash,
    pub(super) size: u64,
}

/// One that is being read.
pub(super) enum Reading {
    Recording(Box<Sound>),
    File { shelf: Arc<Shelf>, content: Content, bytes: Vec<u8> },
}

/// A recording as a WAV file, of which a piece is at hand.
pub(super) struct Sound {
    folder: PathBuf,
    id: RecordingId,
    file: Recording,
    /// The piece that comes next.
    next: usize,
    /// Where the piece at hand begins.
    at: u64,
    piece: Vec<u8>,
}

impl Source {
    /// Octets that a recording has about, by its file.
    pub(super) fn size(&self, named: &Named) -> Option<u64> {
        if named.kind != Kind::Recording {
            return None;
        }
        let id = named.name.parse().ok()?;
        let whole = std::fs::metadata(tape::whole(&self.recordings, id));
        let found = whole.or_else(|_| std::fs::metadata(tape::part(&self.recordings, id)));
        found.ok().map(|data| data.len())
    }

    /// Opens one and finds out what it is. Reads all of it.
    pub(super) fn open(&self, named: &Named) -> Result<Opened, NotOpened> {
        match named.kind {
            Kind::Recording => self.recording(named.name.parse().map_err(|_| NotOpened::Gone)?),
            Kind::File => self.file(named.name.parse().map_err(|_| NotOpened::Gone)?),
            Kind::Unknown => Err(NotOpened::Gone),
        }
    }

    fn recording(&self, id: RecordingId) -> Result<Opened, NotOpened> {
        let folder = self.recordings.clone();
        let file = match Recording::open(&folder, id, &*self.keys) {
            Ok(file) => file,
            Err(_) if tape::part(&folder, id).exists() => return Err(NotOpened::NotNow),
            Err(error) => return Err(verdict(&error)),
        };
        let mut sound = Sound { folder, id, file, next: 0, at: 0, piece: Vec::new() };
        let (mut hash, mut size) = (Context::new(&SHA256), 0);
        while sound.step().map_err(|error| verdict(&error))? {
            hash.update(&sound.piece);
            size += sound.piece.len() as u64;
        }
        Ok(Opened { reading: Reading::Recording(Box::new(sound)), hash: named_by(hash), size })
    }

    fn file(&self, content: Content) -> Result<Opened, NotOpened> {
        let shelf = self.shelf.clone().ok_or(NotOpened::Gone)?;
        let bytes = shelf.read(content).ok_or(NotOpened::Gone)?;
        let mut hash = Context::new(&SHA256);
        hash.update(&bytes);
        let size = bytes.len() as u64;
        let reading = Reading::File { shelf, content, bytes };
        Ok(Opened { reading, hash: named_by(hash), size })
    }
}

/// A disk that fails may work again; what is not there, or whose key is gone, will never be.
fn verdict(error: &io::Error) -> NotOpened {
    match error.raw_os_error() {
        Some(code) if code != nix::libc::ENOENT => NotOpened::NotNow,
        _ => NotOpened::Gone,
    }
}

fn named_by(hash: Context) -> Hash {
    // SHA-256 has 32 octets.
    Hash(hash.finish().as_ref().try_into().unwrap_or_default())
}

impl Reading {
    /// Octets from there on; nothing where they are not to be had any more. What was erased a moment ago is not read, although
    /// it is open still.
    pub(super) fn read(&mut self, offset: u64, count: usize) -> Option<Vec<u8>> {
        match self {
            Reading::Recording(sound) => sound.read(offset, count),
            Reading::File { shelf, content, bytes } => {
                let from = usize::try_from(offset).ok()?;
                let piece = bytes.get(from..from.checked_add(count)?)?;
                shelf.has(*content).then(|| piece.to_vec())
            }
        }
    }
}

impl Sound {
    /// Takes the next piece to hand; answers whether there is one.
    fn step(&mut self) -> io::Result<bool> {
        self.at += self.piece.len() as u64;
        self.piece.clear();
        let Some(piece) = self.file.piece(self.next)? else { return Ok(false) };
        (self.piece, self.next) = (piece, self.next + 1);
        Ok(true)
    }

    fn read(&mut self, offset: u64, count: usize) -> Option<Vec<u8>> {
        let here = [tape::whole(&self.folder, self.id), self.plain()];
        if !here.iter().any(|path| path.exists()) {
            return None;
        }
        if offset < self.at {
            (self.next, self.at) = (0, 0);
            self.piece.clear();
        }
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            let wanted = offset + bytes.len() as u64;
            let end = self.at + self.piece.len() as u64;
            if wanted >= end {
                if !self.step().ok()? {
                    return None;
                }
                continue;
            }
            let from = usize::try_from(wanted - self.at).ok()?;
            let rest = self.piece.get(from..)?;
            bytes.extend(rest.get(..rest.len().min(count - bytes.len()))?);
        }
        Some(bytes)
    }

    fn plain(&self) -> PathBuf {
        tape::whole(&self.folder, self.id).with_extension("wav")
    }
}
