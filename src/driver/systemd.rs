//! What systemd is told (sd_notify): ready, alive, stopping. Nothing when the program was not started by systemd.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

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
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let told = UnixDatagram::unbound().and_then(|socket| {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::net::SocketAddr;
        let address = match path.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(&path)?,
        };
        socket.send_to_addr(state.as_bytes(), &address)
    });
    if let Err(error) = told {
        tracing::warn!(%error, "systemd could not be told {state}");
    }
}
