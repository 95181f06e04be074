//! What systemd is told (sd_notify): ready, alive, stopping. Nothing when the program was not started by systemd.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::socket::{
    self, AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr,
};

/// Whether systemd watches over this program, and starts it again when it ends.
pub fn watches() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Within which time systemd wants to hear again and again that the program is alive; nothing if it does not.
pub fn watchdog() -> Option<Duration> {
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    // Set for another process, it is not for us (sd_watchdog_enabled(3)).
    if number("WATCHDOG_PID").is_some_and(|id| id != u64::from(std::process::id())) {
        return None;
    }
    number("WATCHDOG_USEC").filter(|micros| *micros > 0).map(Duration::from_micros)
}

/// Tells systemd `state`, such as `READY=1`.
pub fn notify(state: &str) {
    notify_with(state, &[]);
}

/// The same with descriptors, for the store that outlives this process (`FDSTORE=1`). Waits where systemd is busy.
pub fn notify_with(state: &str, descriptors: &[BorrowedFd<'_>]) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(path.as_bytes(), state, descriptors) {
        tracing::warn!(%error, "systemd could not be told {state}");
    }
}

fn send(path: &[u8], state: &str, descriptors: &[BorrowedFd<'_>]) -> nix::Result<()> {
    let address = match path.strip_prefix(b"@") {
        Some(name) => UnixAddr::new_abstract(name)?,
        None => UnixAddr::new(path)?,
    };
    let kind = SockFlag::SOCK_CLOEXEC;
    let socket = socket::socket(AddressFamily::Unix, SockType::Datagram, kind, None)?;
    let raw: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let with = [ControlMessage::ScmRights(&raw)];
    let with = if raw.is_empty() { &[] } else { &with[..] };
    let text = [IoSlice::new(state.as_bytes())];
    socket::sendmsg(socket.as_raw_fd(), &text, with, MsgFlags::MSG_NOSIGNAL, Some(&address))?;
    Ok(())
}

/// Whether systemd is about to start `unit` anew, and not to stop it for good. For the command that it runs before it ends a
/// program: nothing else tells the two apart. False where systemd does not say.
pub fn begins_anew(unit: &str) -> bool {
    let asked = ["list-jobs", "--no-legend", "--plain", "--full", unit];
    let said = std::process::Command::new("systemctl").args(asked).stdin(Stdio::null()).output();
    let jobs = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    jobs.is_ok_and(|jobs| jobs.lines().any(|job| is_restart(job, unit)))
}

/// A line such as `123 branchline.service restart running`.
fn is_restart(job: &str, unit: &str) -> bool {
    let words: Vec<_> = job.split_whitespace().collect();
    matches!(words.as_slice(), [_, of, "restart", ..] if *of == unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_told_from_a_stop() {
        let unit = "branchline.service";
        assert!(is_restart("123 branchline.service restart running", unit));
        assert!(!is_restart("123 branchline.service stop    running", unit));
        assert!(!is_restart("123 other.service restart waiting", unit));
        assert!(!is_restart("No jobs running.", unit));
    }
}
