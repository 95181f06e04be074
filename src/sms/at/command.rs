//! What a modem is asked, and what it said.

use std::time::Duration;

use super::verdict::Verdict;

/// A modem answers most things at once; this leaves room for one that is busy with its SIM.
const PATIENCE: Duration = Duration::from_secs(5);

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What is written, without the end of line.
    pub line: String,
    /// Which lines of the answer belong to it.
    pub wants: Wants,
    /// What is written when the modem asks for it: a message in hexadecimal (TS 27.005 section 3.5.1).
    pub body: Option<String>,
    /// How long the answer may take; with a body, counted anew from the body.
    pub patience: Duration,
    /// Nothing of it may be kept for people to read.
    pub secret: bool,
}

/// Which lines belong to an answer. Everything else that comes meanwhile was not asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wants {
    /// None but the result.
    Nothing,
    /// Lines that begin with this and a colon.
    Prefix(&'static str),
    /// The same, each with a message in hexadecimal on the next line.
    Listing(&'static str),
    /// Lines with no mark of their own, as serial numbers come.
    Bare,
}

impl Command {
    /// A command whose answer is its result alone.
    pub fn new(line: impl Into<String>) -> Command {
        let line = line.into();
        Command { line, wants: Wants::Nothing, body: None, patience: PATIENCE, secret: false }
    }

    /// With lines that begin so in the answer.
    pub fn prefix(line: impl Into<String>, prefix: &'static str) -> Command {
        Command { wants: Wants::Prefix(prefix), ..Command::new(line) }
    }

    /// With messages in the answer.
    pub fn listing(line: impl Into<String>, prefix: &'static str) -> Command {
        Command { wants: Wants::Listing(prefix), ..Command::new(line) }
    }

    /// With lines that have no mark in the answer.
    pub fn bare(line: impl Into<String>) -> Command {
        Command { wants: Wants::Bare, ..Command::new(line) }
    }

    /// With something to write when the modem asks for it.
    pub fn with_body(self, body: String) -> Command {
        Command { body: Some(body), ..self }
    }

    /// With so long a time for its answer.
    pub fn patient(self, patience: Duration) -> Command {
        Command { patience, ..self }
    }

    /// With a number that nobody else may read.
    pub fn secret(self) -> Command {
        Command { secret: true, ..self }
    }
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// The message on the line behind it, in hexadecimal.
    pub pdu: Option<String>,
}

/// What a modem answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it was asked.
    pub command: Command,
    /// The lines that belong to it, in order.
    pub lines: Vec<Line>,
    /// How it ended.
    pub verdict: Verdict,
    /// The body was written: where there is no answer, it may have been sent or not.
    pub body_written: bool,
}

impl Answer {
    /// What stands behind `prefix` on the first line that begins so.
    pub fn value(&self, prefix: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| super::after(&line.text, prefix))
    }
}

/// What a modem says without being asked (TS 27.007: unsolicited result code).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsolicited {
    /// The line.
    pub text: String,
    /// The message on the line behind it, in hexadecimal.
    pub pdu: Option<String>,
}
