//! `branchline drain`: no new calls, and the end when the last is over.

use std::io::{self, Read};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::admin::Command;
use crate::cli::ask;
use crate::cli::exit;

/// What `branchline drain` takes.
#[derive(Debug, Args)]
pub struct Drain {
    /// Wait for the end, for so many seconds at most; calls that are up by then are not cut by this command.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=3600))]
    wait: Option<u16>,
    #[command(flatten)]
    options: ask::Options,
}

/// Asks, and waits where that is wanted.
pub fn main(asked: &Drain) -> ExitCode {
    let Some(wait) = asked.wait else {
        return ask::main(&asked.options, &Command::Drain, ask::Form::Text);
    };
    match until_gone(asked, Duration::from_secs(wait.into())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => exit::fail(exit::ANEW, format!("calls are still up after {wait} s")),
        Err(error) => exit::fail(exit::UNAVAILABLE, format!("no box answers: {error}")),
    }
}

/// Whether the box has ended within this time: then it hangs up on us.
fn until_gone(asked: &Drain, wait: Duration) -> io::Result<bool> {
    let mut line = ask::Line::open(&asked.options.socket)?;
    line.send(&Command::Drain)?;
    line.hear()?;
    let mut stream = line.into_stream();
    stream.set_read_timeout(Some(wait))?;
    match stream.read(&mut [0]) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
