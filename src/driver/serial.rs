//! Serial lines: opened raw and for us alone, read and written without blocking, and found by what stands behind them.
//!
//! The only file that names termios, with what it has below itself. It knows nothing of modems.

pub mod ports;
pub mod pty;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::termios::{self, BaudRate, ControlFlags, FlushArg, SetArg};
use tokio::io::unix::AsyncFd;

/// Octets read at once: more than a modem sends in one packet of USB.
const READ: usize = 4_096;

/// Why a line is not to be had.
#[derive(Debug)]
pub enum CannotOpen {
    /// There is nothing at that path.
    Absent(PathBuf),
    /// Another program has it; this process, where it says so.
    Taken(PathBuf, Option<u32>),
    /// We may not use it.
    Forbidden(PathBuf),
    /// It is no serial line.
    NoLine(PathBuf),
    /// The system refused.
    System(PathBuf, io::Error),
}

impl fmt::Display for CannotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CannotOpen::Absent(path) => write!(f, "{} is not there", path.display()),
            CannotOpen::Taken(path, Some(process)) => {
                write!(
                    f,
                    "{} is used by process {process}: stop it, or give it another port",
                    path.display()
                )
            }
            CannotOpen::Taken(path, None) => {
                write!(f, "{} is used by another program: `fuser {0}` tells which", path.display())
            }
            CannotOpen::Forbidden(path) => {
                write!(
                    f,
                    "{} may not be used: put the user into the group `dialout`",
                    path.display()
                )
            }
            CannotOpen::NoLine(path) => write!(f, "{} is no serial line", path.display()),
            CannotOpen::System(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for CannotOpen {}

/// A line that is open, raw with 8 bits, no parity and one stop bit, and ours alone.
#[derive(Debug)]
pub struct Line {
    file: AsyncFd<File>,
    _lock: Flock<File>,
}

impl Line {
    /// Opens one. `baud` matters to real serial lines alone; a modem on USB takes any. It must be called inside a runtime.
    pub fn open(path: &Path, baud: u32) -> Result<Line, CannotOpen> {
        let wrong = |error: io::Error| refused(path, error);
        if let Some(process) = lock_file_of(path) {
            return Err(CannotOpen::Taken(path.to_owned(), Some(process)));
        }
        let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits())
            .open(path)
            .map_err(wrong)?;
        let copy = file.try_clone().map_err(wrong)?;
        let lock = Flock::lock(copy, FlockArg::LockExclusiveNonblock)
            .map_err(|_| CannotOpen::Taken(path.to_owned(), None))?;
        make_raw(&file, baud).map_err(|_| CannotOpen::NoLine(path.to_owned()))?;
        // Whoever opens it from now on is refused by the kernel, whether they look at locks or not.
        rustix::termios::ioctl_tiocexcl(&file).map_err(|error| wrong(error.into()))?;
        let file = waiting(file).map_err(wrong)?;
        Ok(Line { file, _lock: lock })
    }

    /// Waits for octets. Nothing: the line is gone, whatever the system calls that.
    pub async fn read(&self) -> Option<Vec<u8>> {
        let mut octets = vec![0; READ];
        loop {
            let mut ready = self.file.readable().await.ok()?;
            match ready.try_io(|file| file.get_ref().read(&mut octets)) {
                Ok(Ok(0)) => return None,
                Ok(Ok(read)) => {
                    octets.truncate(read);
                    return Some(octets);
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                // A modem that was pulled out: EIO, ENXIO or ENODEV.
                Ok(Err(_)) => return None,
                Err(_would_block) => {}
            }
        }
    }

    /// Writes all of it. Answers whether the line took it.
    pub async fn write(&self, mut octets: &[u8]) -> bool {
        while !octets.is_empty() {
            let Ok(mut ready) = self.file.writable().await else { return false };
            match ready.try_io(|file| file.get_ref().write(octets)) {
                Ok(Ok(0)) => return false,
                Ok(Ok(written)) => octets = &octets[written..],
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(_)) => return false,
                Err(_would_block) => {}
            }
        }
        true
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Others may have it again. A line that is gone refuses, and needs nothing.
        let _ = rustix::termios::ioctl_tiocnxcl(self.file.get_ref());
    }
}

/// A file that says when it can be read or written.
// A `File` keeps its descriptor for as long as it lives, which is all that the form which is not deprecated asks for; but
// that one is unsafe, and no unsafe code is in this package.
#[allow(deprecated)]
fn waiting(file: File) -> io::Result<AsyncFd<File>> {
    AsyncFd::new(file)
}

/// 8 bits, no parity, one stop bit, no flow control in software, modem lines ignored, nothing translated.
fn make_raw<F: AsFd>(file: &F, baud: u32) -> nix::Result<()> {
    let mut settings = termios::tcgetattr(file)?;
    termios::cfmakeraw(&mut settings);
    settings.control_flags &=
        !(ControlFlags::CSTOPB | ControlFlags::PARENB | ControlFlags::CRTSCTS);
    settings.control_flags |= ControlFlags::CS8 | ControlFlags::CREAD | ControlFlags::CLOCAL;
    termios::cfsetspeed(&mut settings, rate(baud))?;
    termios::tcsetattr(file, SetArg::TCSANOW, &settings)?;
    termios::tcflush(file, FlushArg::TCIOFLUSH)
}

/// The nearest rate that modems use at all.
fn rate(baud: u32) -> BaudRate {
    match baud {
        0..=9_600 => BaudRate::B9600,
        9_601..=19_200 => BaudRate::B19200,
        19_201..=38_400 => BaudRate::B38400,
        38_401..=57_600 => BaudRate::B57600,
        57_601..=115_200 => BaudRate::B115200,
        115_201..=230_400 => BaudRate::B230400,
        230_401..=460_800 => BaudRate::B460800,
        _ => BaudRate::B921600,
    }
}

fn refused(path: &Path, error: io::Error) -> CannotOpen {
    let path = path.to_owned();
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::NotFound, _) => CannotOpen::Absent(path),
        (io::ErrorKind::PermissionDenied, _) => CannotOpen::Forbidden(path),
        (_, Some(code)) if code == nix::errno::Errno::EBUSY as i32 => CannotOpen::Taken(path, None),
        (_, Some(code)) if code == nix::errno::Errno::ENXIO as i32 => CannotOpen::Absent(path),
        _ => CannotOpen::System(path, error),
    }
}

/// The process that holds a line by the custom of old (FHS section 5.9, `LCK..ttyUSB0`), as long as it lives. Programs for
/// modems keep to it that know no other lock.
fn lock_file_of(path: &Path) -> Option<u32> {
    let device = path.canonicalize().ok()?;
    let name = device.file_name()?.to_str()?;
    let text = std::fs::read_to_string(format!("/var/lock/LCK..{name}")).ok()?;
    let process: u32 = text.split_whitespace().next()?.parse().ok()?;
    let lives = Path::new("/proc").join(process.to_string()).exists();
    (lives && process != std::process::id()).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::pty::Pty;
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
    }

    #[test]
    fn a_line_is_ours_alone_carries_octets_and_says_when_it_is_gone() {
        runtime().block_on(async {
            let pty = Pty::open().expect("a pty");
            let line = Line::open(pty.name(), 115_200).expect("the line");
            let again = Line::open(pty.name(), 115_200);
            assert!(matches!(again, Err(CannotOpen::Taken(..))), "{again:?}");

            // No line end is changed, nothing is echoed.
            assert!(line.write(b"AT\r\n\x03\x11").await);
            assert_eq!(pty.read().await.as_deref(), Some(&b"AT\r\n\x03\x11"[..]));
            assert!(pty.write(b"\r\nOK\r\n\x00\xff"));
            assert_eq!(line.read().await.as_deref(), Some(&b"\r\nOK\r\n\x00\xff"[..]));

            drop(pty);
            assert_eq!(line.read().await, None);
            assert!(!line.write(b"AT\r").await);
        });
    }

    #[test]
    fn what_is_no_line_is_said_to_be_none() {
        runtime().block_on(async {
            let absent = Line::open(Path::new("/dev/serial/none"), 9_600);
            assert!(matches!(absent, Err(CannotOpen::Absent(_))), "{absent:?}");
            let file = Line::open(Path::new("/dev/null"), 9_600);
            assert!(matches!(file, Err(CannotOpen::NoLine(_))), "{file:?}");
        });
    }

    #[test]
    fn a_line_that_was_closed_is_free_again() {
        runtime().block_on(async {
            let pty = Pty::open().expect("a pty");
            drop(Line::open(pty.name(), 115_200).expect("the line"));
            drop(Line::open(pty.name(), 115_200).expect("the line again"));
        });
    }
}
