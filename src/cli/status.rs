//! `branchline status`: the running box at a glance, and what is wrong with the machine it runs on. The second part is looked at
//! from here, so that it is told when nothing else answers.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use crate::admin::{Command, Reply};
use crate::appliance::trouble::Trouble;
use crate::cli::{ask, exit, look, text};

/// What it takes.
#[derive(Debug, Args)]
pub struct Glance {
    #[command(flatten)]
    asked: ask::Options,
    /// As if the clock said so, in seconds since 1970; for tests.
    #[arg(long, hide = true)]
    at: Option<i64>,
}

/// Asks, looks, prints, and gives the exit code.
pub fn main(options: &Glance) -> ExitCode {
    let socket = &options.asked.socket;
    let reply = ask::ask(socket, &Command::Status);
    let status = match &reply {
        Ok(Reply::Status(status)) => Some(status.as_ref()),
        _ => None,
    };
    let troubles = look::look(socket, status, options.at);
    let printed = match (&reply, options.asked.json) {
        (Ok(reply), true) => with_troubles(&text::json(reply), &troubles),
        (Ok(reply), false) => text::table(reply) + &told(&troubles),
        (Err(_), true) => with_troubles("{}", &troubles),
        (Err(_), false) => told(&troubles),
    };
    // A reader that closed the pipe early, such as `head`, has seen what it wanted.
    let _ = io::stdout().write_all(printed.as_bytes());
    match reply {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            let words = format!(
                "no box answers at {}: {error}\n  Is it running? `systemctl status branchline`; \
                 for another socket give --socket or set BRANCHLINE_SOCKET.",
                socket.display()
            );
            exit::fail(exit::UNAVAILABLE, words)
        }
    }
}

fn told(troubles: &[Trouble]) -> String {
    let lines: String = troubles.iter().map(|trouble| format!("  ! {trouble}\n")).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// The box's own answer with `troubles` beside the rest: an empty list when nothing is wrong.
fn with_troubles(json: &str, troubles: &[Trouble]) -> String {
    let list: Vec<_> = troubles
        .iter()
        .map(|trouble| serde_json::json!({ "name": trouble.name(), "words": trouble.to_string() }))
        .collect();
    match serde_json::from_str::<serde_json::Value>(json) {
        Ok(serde_json::Value::Object(mut object)) => {
            object.insert("troubles".to_owned(), list.into());
            serde_json::to_string_pretty(&object).unwrap_or_default() + "\n"
        }
        _ => json.to_owned(),
    }
}
