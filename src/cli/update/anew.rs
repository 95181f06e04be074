//! The start of the whole box into what was written: behind the last call.

use std::process::{self, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use super::place::Place;
use super::{Failure, Options};
use crate::admin::{Command, Reply};
use crate::appliance::anew::{Next, Waiting};
use crate::cli::{ask, exit};

/// How often it is looked whether a call is up: nobody waits for the second, and it is a question of microseconds.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Waits for the last call, as long as `limit`, and starts the box anew. A call that begins in the moment between has the time that
/// the unit's stop gives it.
pub fn main(place: &Place, options: &Options, limit: Duration) -> ExitCode {
    let begun = Instant::now();
    let (mut waiting, mut told) = (Waiting::new(limit), false);
    loop {
        let calls = calls(options);
        if let Some(up) = calls.filter(|up| *up > 0 && !told) {
            println!("{}", begins_after(up));
            told = true;
        }
        match waiting.handle_calls(begun.elapsed(), calls) {
            Next::GiveUp(up) => return exit::fail(exit::ANEW, gave_up(up, limit)),
            Next::Go => match start(place, &options.order) {
                Ok(Some(code)) => return code,
                // Somebody else writes to a slot at this moment: that may be a newer version.
                Ok(None) => {}
                Err(failure) => return exit::fail(exit::IO, failure),
            },
            Next::Wait => {}
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// The same where somebody asks for it later on: of a version that is written already.
pub fn of_what_waits(place: &Place, options: &Options, limit: Duration) -> ExitCode {
    let boot = place.boot();
    match place.last().filter(|last| last.waits(&boot)) {
        Some(_) => main(place, options, limit),
        None => exit::fail(exit::UNAVAILABLE, "no version waits for a start"),
    }
}

fn begins_after(up: usize) -> String {
    let calls = if up == 1 { "1 call is up".to_owned() } else { format!("{up} calls are up") };
    format!("{calls}: the box starts anew when the last is over")
}

fn gave_up(up: usize, limit: Duration) -> String {
    let minutes = limit.as_secs() / 60;
    let calls = if up == 1 { "1 call is" } else { "calls are" };
    format!(
        "{calls} up still, after {minutes} minutes, and none is cut: the new version begins at the next start of the box"
    )
}

/// Calls that are up; nothing where nobody answers.
fn calls(options: &Options) -> Option<usize> {
    match ask::ask(&options.socket, &Command::ActiveCalls) {
        Ok(Reply::ActiveCalls(calls)) => Some(calls.len()),
        _ => None,
    }
}

/// Gives the order, unless somebody writes to a slot.
fn start(place: &Place, order: &str) -> Result<Option<ExitCode>, Failure> {
    let Some(_lock) = place.lock()? else { return Ok(None) };
    println!("the box starts anew");
    let mut words = order.split_whitespace();
    let ran = process::Command::new(words.next().unwrap_or_default()).args(words).status();
    Ok(Some(match ran {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => exit::fail(exit::SYSTEM, order),
    }))
}
