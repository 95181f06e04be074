//! Calls kept for the program's next run: what each is in a file in memory, its sockets in systemd's store of descriptors.
//!
//! A thread of its own writes the files and speaks with systemd, so that neither the loop nor a media thread waits for
//! either. What it has not done yet is replaced by what is newer: it is never more than there are calls. Without systemd
//! there is no store, and nothing is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::driver::held::Held;
use crate::driver::media::Handle;
use crate::driver::systemd;
use crate::gateway::KeptCall;
use crate::id::{CallId, LegId};

/// What names of sockets in the store begin with.
const NAME: &str = "call-leg-";
/// Files that are read at a start: more calls than a box has.
const MOST_CALLS: usize = 4_096;
/// The longest such file: two descriptions of a few kilobytes each, and what else a call is.
const LONGEST: u64 = 256 << 10;

/// Sound and reports.
type Pair = (UdpSocket, UdpSocket);

/// Whether a socket in the store is a call's.
pub fn is_name(name: &str) -> bool {
    name.starts_with(NAME)
}

fn name_of(leg: LegId, at: SocketAddr) -> String {
    format!("{NAME}{leg}-{}", at.port())
}

/// What media threads need: sockets that an earlier run has left, and a place for copies of their own.
#[derive(Debug, Clone, Default)]
pub struct Keeping(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    bell: Condvar,
    /// Where calls' sockets are that an earlier run has left.
    left: Mutex<BTreeMap<SocketAddr, Pair>>,
}

/// What the keeper's thread has to do.
#[derive(Debug, Default)]
struct Waiting {
    /// The newest of each call that is not written yet; nothing where the file is to go.
    files: BTreeMap<CallId, Option<Vec<u8>>>,
    /// Sockets for the store.
    sockets: Vec<(String, Pair)>,
    /// Names that are to go from the store.
    gone: Vec<String>,
    /// Names that are to be in it. What comes too late is not stored.
    wanted: BTreeSet<String>,
    /// Nothing more comes.
    over: bool,
}

impl Keeping {
    /// The sockets of a call that an earlier run has left there, once.
    pub fn take(&self, at: SocketAddr) -> Option<Pair> {
        self.left().remove(&at)
    }

    /// Puts a leg's sockets into the store.
    pub fn store(&self, name: String, rtp: UdpSocket, rtcp: UdpSocket) {
        self.waiting().sockets.push((name, (rtp, rtcp)));
        self.0.bell.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Pair>> {
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The loop's side.
#[derive(Debug)]
pub struct Keeper {
    keeping: Keeping,
    folder: PathBuf,
    /// What is in the store, as far as is known: from before, or given to a media thread.
    stored: BTreeSet<String>,
    /// The names of each call's sockets.
    names: BTreeMap<CallId, Vec<String>>,
    thread: JoinHandle<()>,
}

/// Starts keeping, where systemd keeps anything. Files are beside the control socket, which is in memory.
pub fn start(control: &Path, held: &Held) -> (Option<Keeper>, Keeping) {
    let keeping = Keeping::default();
    let Some(folder) = control.parent().filter(|_| systemd::watches()) else {
        return (None, keeping);
    };
    let folder = folder.join("calls");
    let mut stored = BTreeSet::new();
    *keeping.left() = paired(held, &mut stored);
    match begin(&folder, keeping.clone()) {
        Ok(thread) => {
            let names = BTreeMap::new();
            (Some(Keeper { keeping: keeping.clone(), folder, stored, names, thread }), keeping)
        }
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "calls will not live through a restart");
            (None, keeping)
        }
    }
}

fn begin(folder: &Path, keeping: Keeping) -> io::Result<JoinHandle<()>> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let folder = folder.to_owned();
    thread::Builder::new().name("keeper".to_owned()).spawn(move || run(&folder, &keeping))
}

/// Sound with the reports one port above; what has lost its other half is no leg's.
fn paired(held: &Held, stored: &mut BTreeSet<String>) -> BTreeMap<SocketAddr, Pair> {
    let mut single = BTreeMap::new();
    for (name, at, socket) in held.take_of_calls() {
        stored.insert(name);
        single.insert(at, socket);
    }
    let firsts: Vec<_> = single.keys().copied().filter(|at| at.port() % 2 == 0).collect();
    let mut pairs = BTreeMap::new();
    for at in firsts {
        let above = SocketAddr::new(at.ip(), at.port() + 1);
        if let (Some(rtp), Some(rtcp)) = (single.remove(&at), single.remove(&above)) {
            pairs.insert(at, (rtp, rtcp));
        }
    }
    pairs
}

impl Keeper {
    /// What an earlier run has left of calls.
    pub fn take_left(&self) -> Vec<(CallId, Vec<u8>)> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let paths = files.map(|file| file.path());
        let read = |path: PathBuf| {
            let call = path.file_name()?.to_str()?.parse().ok()?;
            let mut bytes = Vec::new();
            File::open(&path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes)).ok()?;
            Some((call, bytes))
        };
        paths.filter_map(read).take(MOST_CALLS).collect()
    }

    /// A call was not taken up: nothing is left of it.
    pub fn forget(&self, call: CallId) {
        self.keeping.waiting().files.insert(call, None);
        self.keeping.0.bell.notify_one();
    }

    /// Sockets at other places than these are nobody's: they are closed, and their ports free again.
    pub fn keep_only(&self, places: &[SocketAddr]) {
        self.keeping.left().retain(|at, _| places.contains(at));
    }

    /// Everything that goes on has been written: what else is in the store belongs to nobody.
    pub fn settle(&mut self) {
        let mut waiting = self.keeping.waiting();
        let stray: Vec<_> = self.stored.difference(&waiting.wanted).cloned().collect();
        for name in stray {
            self.stored.remove(&name);
            waiting.gone.push(name);
        }
        self.keeping.0.bell.notify_one();
    }

    /// Keeps what a call is, or lets it go.
    pub fn carry(&mut self, call: CallId, kept: Option<KeptCall>, media: &[Handle]) {
        let legs = kept.as_ref().map(|kept| kept.legs.clone()).unwrap_or_default();
        let names: Vec<_> = legs.iter().map(|(leg, _, at)| name_of(*leg, *at)).collect();
        let before = self.names.remove(&call).unwrap_or_default();
        {
            let mut waiting = self.keeping.waiting();
            waiting.files.insert(call, kept.map(|kept| kept.bytes));
            for name in before.into_iter().filter(|name| !names.contains(name)) {
                waiting.wanted.remove(&name);
                self.stored.remove(&name);
                waiting.gone.push(name);
            }
            waiting.wanted.extend(names.iter().cloned());
        }
        for ((leg, thread, _), name) in legs.iter().zip(&names) {
            let Some(media) = media.get(*thread).filter(|_| !self.stored.contains(name)) else {
                continue;
            };
            // A thread that takes no mail is asked again when the call changes.
            if media.keep(*leg, name.clone()).is_ok() {
                self.stored.insert(name.clone());
            }
        }
        if !names.is_empty() {
            self.names.insert(call, names);
        }
        self.keeping.0.bell.notify_one();
    }

    /// Does what is still to be done.
    pub fn finish(self) {
        self.keeping.waiting().over = true;
        self.keeping.0.bell.notify_one();
        // A thread that panicked has taken the program along.
        let _ = self.thread.join();
    }
}

fn run(folder: &Path, keeping: &Keeping) {
    let is_idle = |waiting: &mut Waiting| {
        let nothing = waiting.files.is_empty() && waiting.sockets.is_empty();
        nothing && waiting.gone.is_empty() && !waiting.over
    };
    loop {
        let waiting = keeping.0.bell.wait_while(keeping.waiting(), is_idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let (files, over) = (std::mem::take(&mut waiting.files), waiting.over);
        let (gone, mut sockets) =
            (std::mem::take(&mut waiting.gone), std::mem::take(&mut waiting.sockets));
        sockets.retain(|(name, _)| waiting.wanted.contains(name));
        drop(waiting);
        for (name, (rtp, rtcp)) in sockets {
            // Not to be polled: an error that waits in a socket, such as a port that nobody listens at, would have it
            // thrown out of the store.
            let state = format!("FDSTORE=1\nFDPOLL=0\nFDNAME={name}");
            systemd::notify_with(&state, &[rtp.as_fd(), rtcp.as_fd()]);
        }
        for name in gone {
            systemd::notify(&format!("FDSTOREREMOVE=1\nFDNAME={name}"));
        }
        for (call, bytes) in files {
            if let Err(error) = write(folder, call, bytes.as_deref()) {
                tracing::warn!(%call, %error, "a call would not live through a restart");
            }
        }
        if over {
            return;
        }
    }
}

/// A file is there as a whole or not at all, whenever the program is killed.
fn write(folder: &Path, call: CallId, bytes: Option<&[u8]>) -> io::Result<()> {
    let path = folder.join(call.to_string());
    let Some(bytes) = bytes else {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    };
    let new = folder.join(format!("{call}.new"));
    fs::write(&new, bytes)?;
    fs::rename(&new, &path)
}
