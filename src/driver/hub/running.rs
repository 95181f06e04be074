//! A hub as a whole: its folder, its authority, what keeps events, where sites connect.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::signal::unix::{SignalKind, signal};

use super::authority::{Authority, NoAuthority};
use super::files;
use super::office::Office;
use super::serving::{self, CannotServe, Serving};
use super::sites::Sites;
use crate::hub::quota::Quota;
use crate::hub::settings::Hub;

/// How long a site's certificate lasts. It is renewed when a third is left, so that a branch may be cut off for four months;
/// who is not to come any more is shut out at once, whatever is left of it.
pub const CERTIFICATE: Duration = Duration::from_secs(365 * 86_400);

/// Why a hub does not start.
#[derive(Debug)]
pub enum CannotStart {
    /// Its folder.
    Folder(PathBuf, io::Error),
    /// Its authority.
    Authority(NoAuthority),
    /// What keeps events, or what is done with them.
    Serve(CannotServe),
    /// An address cannot be had.
    Listen(SocketAddr, io::Error),
    /// Something of the system's.
    System(io::Error),
}

impl fmt::Display for CannotStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CannotStart::Folder(path, error) => {
                write!(f, "the hub's folder {} cannot be used: {error}", path.display())
            }
            CannotStart::Authority(error) => error.fmt(f),
            CannotStart::Serve(error) => error.fmt(f),
            CannotStart::Listen(address, error) => write!(
                f,
                "sites cannot connect at {address}: {error}\n  Is another program there? `ss -lpn` tells; give --listen."
            ),
            CannotStart::System(error) => write!(f, "the system refused: {error}"),
        }
    }
}

impl std::error::Error for CannotStart {}

impl From<Errno> for CannotStart {
    fn from(error: Errno) -> Self {
        CannotStart::System(error.into())
    }
}

/// The authority and the sites of a hub's folder; both are made where there are none.
///
/// # Errors
/// When files cannot be read or made.
pub fn open(dir: &Path) -> Result<(Authority, Sites), CannotStart> {
    let wrong = |error| CannotStart::Folder(dir.to_owned(), error);
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(wrong)?;
    let _lock = lock(dir).map_err(wrong)?;
    let authority = Authority::open(dir).map_err(CannotStart::Authority)?;
    let sites = Sites::open(dir).map_err(wrong)?;
    Ok((authority, sites))
}

/// Of two commands that come to a new folder at once, one makes the authority.
fn lock(dir: &Path) -> io::Result<Flock<File>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(dir.join("ca.lock"))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
}

/// A hub that runs.
#[derive(Debug)]
pub struct Running {
    /// Where sites connect.
    pub listens: Vec<SocketAddr>,
    /// What else it does.
    pub serving: Serving,
    office: Office,
    runtime: tokio::runtime::Runtime,
    ends: tokio::task::JoinHandle<()>,
}

/// Starts a hub.
///
/// # Errors
/// When it lacks something.
pub fn start(dir: &Path, hub: &Hub) -> Result<Running, CannotStart> {
    let (authority, sites) = open(dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("hub")
        .enable_all()
        .build()
        .map_err(CannotStart::System)?;
    let mut listens = Vec::new();
    let ends = runtime.block_on(async {
        // Before anybody could want it to end.
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }))
    });
    let ends = ends.map_err(CannotStart::System)?;
    let (serving, office) = runtime.block_on(async {
        let engine = serving::engine(dir, hub).await.map_err(CannotStart::Serve)?;
        let serving = serving::start(dir, hub, &engine).await.map_err(CannotStart::Serve)?;
        let quota = Quota::new(hub.a_day());
        let office = Office::open_with(authority, sites, engine, CERTIFICATE, quota);
        if hub.blobs.quota_mb > 0 {
            let store = files::open(dir, &hub.blobs);
            office.keep_files(store.map_err(|error| CannotStart::Folder(dir.to_owned(), error))?);
        }
        for address in &hub.listen {
            let at = office.listen(*address).await;
            listens.push(at.map_err(|error| CannotStart::Listen(*address, error))?);
        }
        Ok::<_, CannotStart>((serving, office))
    })?;
    Ok(Running { listens, serving, office, runtime, ends })
}

impl Running {
    /// Waits until it is told to end. What is not acknowledged by then the sites send again.
    pub fn wait(self) {
        // The task ends when it was told.
        let _ = self.runtime.block_on(self.ends);
        self.runtime.block_on(self.office.close());
        self.runtime.shutdown_background();
    }
}
