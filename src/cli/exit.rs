//! Exit codes of sysexits, so that scripts and systemd can tell what kind of thing went wrong.

use std::process::ExitCode;

/// The command was used wrongly (EX_USAGE).
pub const USAGE: u8 = 64;
/// What was read is damaged (EX_DATAERR).
pub const DATA: u8 = 65;
/// There is nothing to read (EX_NOINPUT).
pub const NO_INPUT: u8 = 66;
/// The box that was asked is not running or not reachable (EX_UNAVAILABLE).
pub const UNAVAILABLE: u8 = 69;
/// The system would not give what is needed: a port, a file, a thread (EX_OSERR).
pub const SYSTEM: u8 = 71;
/// Something we wrote ourselves could not be read or written (EX_IOERR).
pub const IO: u8 = 74;
/// It ended to be started again, with another configuration; the unit names it (EX_TEMPFAIL).
pub const ANEW: u8 = 75;
/// The configuration is wrong (EX_CONFIG).
pub const CONFIG: u8 = 78;
/// The self-test failed (EX_SOFTWARE).
pub const SOFTWARE: u8 = 70;
/// The other side said no (EX_NOPERM).
pub const REFUSED: u8 = 77;

/// Prints `words` as an error and gives the exit code for it.
pub fn fail(code: u8, words: impl std::fmt::Display) -> ExitCode {
    eprintln!("branchline: {words}");
    ExitCode::from(code)
}
