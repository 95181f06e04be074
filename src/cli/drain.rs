//! `branchline drain`: no new calls, and the end when the last is over.

use std::io::{self, Read};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::admin::{Command, Reply};
use crate::cli::ask;
use crate::cli::exit;
use crate::driver::systemd;

/// What `branchline drain` takes.
#[derive(Debug, Args)]
pub struct Drain {
    /// Wait for the end, for so many seconds at most; calls that are up by then are not cut by this command.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=3600))]
    wait: Option<u16>,
    /// Where systemd is about to start this unit anew, have calls stay up for the next run instead, and do not wait.
    #[arg(long, value_name = "UNIT", hide = true)]
    unless_restarting: Option<String>,
    #[command(flatten)]
    options: ask::Options,
}

/// Asks, and waits where that is wanted.
pub fn main(asked: &Drain) -> ExitCode {
    if asked.unless_restarting.as_deref().is_some_and(systemd::begins_anew)
        && matches!(ask::ask(&asked.options.socket, &Command::Leave), Ok(Reply::Done))
    {
        return ExitCode::SUCCESS;
    }
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
