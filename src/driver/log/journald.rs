//! Log lines for systemd's journal, with their fields: `journalctl BRANCHLINE_TRUNK=carrier` finds what a line says of a trunk.
//!
//! Speaks the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram a line. It never waits: where the journal
//! takes no more, lines are counted and the next one says how many are missing.

use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::stat::fstat;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// The longest field's name that the journal takes (systemd.journal-fields(7)).
const LONGEST_NAME: usize = 64;
/// What a field of ours begins with, so that none is taken for one of systemd's.
const PREFIX: &str = "BRANCHLINE_";

/// The journal, as lines go there.
#[derive(Debug)]
pub struct Journald {
    socket: UnixDatagram,
    missing: AtomicU64,
}

impl Journald {
    /// The journal, where standard error leads there (`$JOURNAL_STREAM`, systemd.exec(5)); nothing where it does not.
    pub fn of_stderr() -> Option<Journald> {
        let stream = std::env::var("JOURNAL_STREAM").ok()?;
        let (device, inode) = stream.split_once(':')?;
        let own = fstat(io::stderr()).ok()?;
        if (device.parse().ok()?, inode.parse().ok()?) != (own.st_dev, own.st_ino) {
            return None;
        }
        // One that is not there now is not there later: the journal is the first to start.
        std::fs::metadata(SOCKET).ok().filter(|about| about.mode() & 0o170_000 == 0o140_000)?;
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Journald { socket, missing: AtomicU64::new(0) })
    }

    fn send(&self, datagram: &[u8], stands_for: u64) {
        if self.socket.send_to(datagram, SOCKET).is_err() {
            self.missing.fetch_add(stands_for, Ordering::Relaxed);
        }
    }
}

impl<S: Subscriber> Layer<S> for Journald {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let missing = self.missing.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let mut line = Line::new(Level::WARN, module_path!());
            line.field("lines", &missing.to_string());
            line.message = "the journal took no lines for a while".to_owned();
            self.send(&line.finish(), missing);
        }
        let mut line = Line::new(*event.metadata().level(), event.metadata().target());
        event.record(&mut line);
        self.send(&line.finish(), 1);
    }
}

/// One line on its way.
struct Line {
    message: String,
    /// The fields again, as people read them behind the message.
    shown: String,
    datagram: Vec<u8>,
}

impl Line {
    fn new(level: Level, target: &str) -> Line {
        let mut line = Line { message: String::new(), shown: String::new(), datagram: Vec::new() };
        line.put("PRIORITY", priority(level));
        line.put("SYSLOG_IDENTIFIER", "branchline");
        line.put("CODE_MODULE", target);
        line
    }

    fn field(&mut self, name: &str, value: &str) {
        let _ = write!(self.shown, " {name}={value}");
        self.put(&named(name), value);
    }

    /// A value of more than one line goes with its length before it.
    fn put(&mut self, name: &str, value: &str) {
        self.datagram.extend(name.as_bytes());
        if value.contains('\n') {
            self.datagram.push(b'\n');
            self.datagram.extend((value.len() as u64).to_le_bytes());
        } else {
            self.datagram.push(b'=');
        }
        self.datagram.extend(value.as_bytes());
        self.datagram.push(b'\n');
    }

    fn finish(mut self) -> Vec<u8> {
        let message = format!("{}{}", self.message, self.shown);
        self.put("MESSAGE", &message);
        self.datagram
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.field(name, value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Syslog's levels (RFC 5424 section 6.2.1), as journalctl -p filters by them.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        Level::DEBUG | Level::TRACE => "7",
    }
}

/// Capitals, digits and underscores alone are names of fields.
fn named(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    PREFIX.chars().chain(name.chars().map(letter)).take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_with_its_fields_and_reads_as_before() {
        let mut line = Line::new(Level::WARN, "branchline::gateway");
        line.message = "a trunk is away".to_owned();
        line.field("trunk.name", "carrier");
        line.field("why", "two\nlines");
        let own = line.finish();
        let text = String::from_utf8_lossy(&own);
        assert!(text.starts_with("PRIORITY=4\nSYSLOG_IDENTIFIER=branchline\n"), "{text}");
        assert!(text.contains("\nBRANCHLINE_TRUNK_NAME=carrier\n"), "{text}");
        let long = b"\nBRANCHLINE_WHY\n\x09\0\0\0\0\0\0\0two\nlines\n";
        assert!(own.windows(long.len()).any(|window| window == long), "{text}");
        assert!(text.contains("a trunk is away trunk.name=carrier why=two\nlines"), "{text}");
        assert_eq!(named(&"x".repeat(99)).len(), LONGEST_NAME);
    }
}
