//! Asking a running box over its control socket: one JSON line each way.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::admin::configuring::ConfigReply;
use crate::admin::{Command, Reply};
use crate::cli::{exit, text};

/// How long the box may take to answer. It answers within one turn of its loop, or it is in trouble.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// The longest answer we read: 100,000 call records.
const MAX_ANSWER: u64 = 64 << 20;

/// What every question takes.
#[derive(Debug, Args)]
pub struct Options {
    /// JSON instead of text.
    #[arg(long)]
    pub json: bool,
    /// The control socket of the box.
    #[arg(long, env = "BRANCHLINE_SOCKET", default_value = "/run/branchline/admin.sock")]
    pub socket: PathBuf,
}

/// How an answer is printed when JSON was not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Tables for people.
    Text,
    /// Comma-separated values (RFC 4180).
    Csv,
}

/// Asks, prints, and gives the exit code.
pub fn main(options: &Options, command: &Command, form: Form) -> ExitCode {
    let reply = match ask(&options.socket, command) {
        Ok(reply) => reply,
        Err(error) => {
            let socket = options.socket.display();
            let words = format!(
                "no box answers at {socket}: {error}\n  Is it running? `systemctl status branchline`; \
                 for another socket give --socket or set BRANCHLINE_SOCKET."
            );
            return exit::fail(exit::UNAVAILABLE, words);
        }
    };
    if let Reply::Refused(why)
    | Reply::NotAllowed(why)
    | Reply::Conflict(why)
    | Reply::NotReady(why) = &reply
    {
        return exit::fail(exit::REFUSED, why);
    }
    if let Reply::Declined(why) = &reply {
        return exit::fail(exit::REFUSED, why.to_string());
    }
    if let Reply::Config(reply) = &reply
        && let ConfigReply::Refused(why) = reply.as_ref()
    {
        return exit::fail(exit::REFUSED, super::config::refusal(why));
    }
    let printed = match (options.json, form) {
        (true, _) => text::json(&reply),
        (false, Form::Text) => text::table(&reply),
        (false, Form::Csv) => text::csv(&reply),
    };
    // A reader that closed the pipe early, such as `head`, has seen what it wanted.
    let _ = io::stdout().write_all(printed.as_bytes());
    ExitCode::SUCCESS
}

/// One question, one answer.
pub fn ask(socket: &Path, command: &Command) -> io::Result<Reply> {
    let mut line = Line::open(socket)?;
    line.send(command)?;
    line.hear()
}

/// The same, of somebody who takes longer to answer.
pub fn ask_patiently(socket: &Path, command: &Command, patience: Duration) -> io::Result<Reply> {
    let mut line = Line::open(socket)?;
    line.0.get_ref().set_read_timeout(Some(patience))?;
    line.send(command)?;
    line.hear()
}

/// A connection for any number of questions, one after the other.
pub struct Line(BufReader<UnixStream>);

impl Line {
    /// Connects.
    pub fn open(socket: &Path) -> io::Result<Line> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER_TIME))?;
        Ok(Line(BufReader::new(stream)))
    }

    /// Asks.
    pub fn send(&mut self, command: &Command) -> io::Result<()> {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        self.0.get_mut().write_all(&line)
    }

    /// The connection itself, once everything was asked.
    pub fn into_stream(self) -> UnixStream {
        self.0.into_inner()
    }

    /// The answer to what was asked last.
    pub fn hear(&mut self) -> io::Result<Reply> {
        let mut answer = String::new();
        (&mut self.0).take(MAX_ANSWER).read_line(&mut answer)?;
        serde_json::from_str(&answer).map_err(io::Error::from)
    }
}
