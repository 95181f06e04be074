//! Both ends of a line that is not there, for a modem that is not there either.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use tokio::io::unix::AsyncFd;

/// One pseudo terminal: its own end, and the name of the other.
#[derive(Debug)]
pub struct Pty {
    master: AsyncFd<File>,
    name: PathBuf,
    /// The other end stays open, so that a program which closes it and opens it again finds the same line.
    _other: OwnedFd,
}

impl Pty {
    /// Makes one. It must be called inside a runtime.
    pub fn open() -> io::Result<Pty> {
        let master =
            posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = PathBuf::from(ptsname_r(&master)?);
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let other = nix::fcntl::open(&name, flags, Mode::empty())?;
        super::make_raw(&other, 115_200)?;
        let master = File::from(OwnedFd::from(master));
        Ok(Pty { master: super::waiting(master)?, name, _other: other })
    }

    /// What the other end is opened by.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Waits for octets from the other end.
    pub async fn read(&self) -> Option<Vec<u8>> {
        let mut octets = vec![0; 4_096];
        loop {
            let mut ready = self.master.readable().await.ok()?;
            match ready.try_io(|file| file.get_ref().read(&mut octets)) {
                Ok(Ok(0)) | Ok(Err(_)) => return None,
                Ok(Ok(read)) => {
                    octets.truncate(read);
                    return Some(octets);
                }
                Err(_would_block) => {}
            }
        }
    }

    /// Writes what there is room for, as a line does whose other end nobody reads. Answers whether all of it went.
    pub fn write(&self, octets: &[u8]) -> bool {
        matches!(self.master.get_ref().write(octets), Ok(written) if written == octets.len())
    }
}
