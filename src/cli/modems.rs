//! `branchline modems`: how they are, what one lacks, questions to the network.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::admin::{Bundle, Command, ModemLimit, ModemLine, ModemOrder, ModemReply, Reply};
use crate::cli::{ask, exit, text};
use crate::driver::modem::off_and_on;
use crate::driver::serial::ports::Ports;

/// Networks take up to a minute for a question.
const NETWORK: Duration = Duration::from_secs(80);

/// What is asked of them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Modems {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    options: ask::Options,
}

/// What can be done about one of them.
#[derive(Debug, Subcommand)]
enum Order {
    /// Print all that helps to find out what a modem lacks: its profile, signal, resets, what was asked and answered
    /// lately. No text and no number of anybody is in it: it can be given away.
    #[command(after_help = "Example: branchline modems doctor front -o front.json")]
    Doctor {
        /// The SIM's name, as `branchline modems` shows it; CHANNEL/NAME where there are several.
        name: String,
        /// Into this file instead.
        #[arg(short, long)]
        output: Option<PathBuf>,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Ask the network something by USSD, such as the balance of a prepaid SIM; or answer what it asks.
    #[command(after_help = "Example: branchline modems ask front '*100#'")]
    Ask {
        /// Which.
        name: String,
        /// What.
        text: String,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Reset one now, whatever was tried before. What it has received stays.
    #[command(after_help = "Example: branchline modems reset front")]
    Reset {
        /// Which.
        name: String,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Take the power from the USB socket of a line for three seconds, as root. The box asks for it where nothing else
    /// helped a modem (branchline-modem@.path); a hub that cannot switch its sockets lets go of the modem and finds it anew.
    #[command(after_help = "Example: branchline modems power ttyUSB2")]
    Power {
        /// What the kernel calls the line.
        device: String,
        /// So many seconds it does nothing more afterwards; its unit hears nobody meanwhile.
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        rest: u64,
    },
}

/// Asks, prints, and gives the exit code.
pub fn main(asked: Modems) -> ExitCode {
    let (order, options, output) = match asked.order {
        None => (ModemOrder::List, asked.options, None),
        Some(Order::Doctor { name, output, options }) => {
            (ModemOrder::Doctor { name }, options, output)
        }
        Some(Order::Ask { name, text, options }) => (ModemOrder::Ask { name, text }, options, None),
        Some(Order::Reset { name, options }) => (ModemOrder::Reset { name }, options, None),
        Some(Order::Power { device, rest }) => return power(&device, Duration::from_secs(rest)),
    };
    let reply = match ask::ask_patiently(&options.socket, &Command::Modem { order }, NETWORK) {
        Ok(reply) => reply,
        Err(error) => {
            let words = format!("no box answers at {}: {error}", options.socket.display());
            return exit::fail(exit::UNAVAILABLE, words);
        }
    };
    let reply = match reply {
        Reply::Modem(ModemReply::Refused(why)) | Reply::Refused(why) => {
            return exit::fail(exit::REFUSED, why);
        }
        Reply::Modem(reply) => reply,
        _ => return exit::fail(exit::SOFTWARE, "the box answers something else"),
    };
    let printed = match (&reply, options.json) {
        (ModemReply::Doctor(bundle), _) => pretty(bundle),
        (ModemReply::List(lines), true) => pretty(lines),
        (_, true) => pretty(&reply),
        (_, false) => words(&reply),
    };
    match output.map(|path| (std::fs::write(&path, &printed), path)) {
        Some((Err(error), path)) => {
            return exit::fail(exit::IO, format!("{}: {error}", path.display()));
        }
        Some((Ok(()), _)) => {}
        // A reader that closed the pipe early has seen what it wanted.
        None => _ = io::stdout().write_all(printed.as_bytes()),
    }
    ExitCode::SUCCESS
}

fn power(device: &str, rest: Duration) -> ExitCode {
    let ports = Ports::system();
    let Some(port) = ports.named(device) else {
        let words =
            format!("{device}: no modem's line is called so; `ls /sys/class/tty` has them all");
        return exit::fail(exit::NO_INPUT, words);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let switched = runtime.and_then(|runtime| runtime.block_on(off_and_on(&ports, &port)));
    if let Err(error) = switched {
        let words = format!(
            "{device}: its socket cannot be switched: {error}. Root may, at hubs that can; else unplug the modem and plug it in again"
        );
        return exit::fail(exit::UNAVAILABLE, words);
    }
    let socket = port.place.unwrap_or_default();
    println!("{device}: its socket {socket} was without power for a moment");
    std::thread::sleep(rest);
    ExitCode::SUCCESS
}

fn pretty(value: &impl serde::Serialize) -> String {
    // What came as JSON can be written as JSON.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// An answer for a terminal.
pub fn words(reply: &ModemReply) -> String {
    match reply {
        ModemReply::List(lines) => table(lines),
        ModemReply::Doctor(bundle) => doctor(bundle),
        ModemReply::Answer { text, more } => {
            let more = if *more { "\n(it waits for an answer: `ask` again)" } else { "" };
            format!("{text}{more}\n")
        }
        ModemReply::Done => "ordered\n".to_owned(),
        ModemReply::Refused(why) => format!("{why}\n"),
    }
}

fn table(lines: &[ModemLine]) -> String {
    let rows = lines.iter().map(|line| {
        vec![
            line.name.clone(),
            line.channel.clone(),
            line.words.clone(),
            line.signal.map_or_else(|| "-".to_owned(), signal),
            line.device.clone(),
            line.iccid.clone().unwrap_or_else(|| "-".to_owned()),
            line.used.iter().filter_map(limit).collect::<Vec<_>>().join(" "),
            waits(line),
        ]
    });
    let head = &["SIM", "CHANNEL", "STATE", "SIGNAL", "MODEM", "ICCID", "SENT", "WAITS"];
    text::columns(head, rows, "no channel has modems")
}

/// Of 31 (TS 27.007 section 8.5): 10 and more is good, below 5 messages are lost now and then.
fn signal(value: u8) -> String {
    let words = match value {
        0 => "none",
        1..=4 => "weak",
        5..=9 => "fair",
        10..=19 => "good",
        _ => "strong",
    };
    format!("{words} ({value}/31)")
}

fn limit(limit: &ModemLimit) -> Option<String> {
    let ModemLimit { span, used, limit } = limit;
    match limit {
        Some(limit) => Some(format!("{used}/{limit} a {span}")),
        None if span == "day" => Some(format!("{used} a day")),
        None => None,
    }
}

fn waits(line: &ModemLine) -> String {
    let counts = [
        (line.waiting, "to send"),
        (line.outstanding, "reports"),
        (line.parts, "parts"),
        (line.unstored, "to keep"),
        (line.unreadable, "unreadable"),
    ];
    let mut words: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if line.full {
        words.push("its memory is full".to_owned());
    }
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn doctor(bundle: &Bundle) -> String {
    let mut out = table(std::slice::from_ref(&bundle.modem));
    for rung in &bundle.ladder {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{rung}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_what_waits_and_what_was_sent() {
        let line = ModemLine {
            channel: "sms".to_owned(),
            name: "front".to_owned(),
            state: "ready".to_owned(),
            words: "ready".to_owned(),
            device: "Branchline Simulated".to_owned(),
            imei: None,
            iccid: Some("8901".to_owned()),
            signal: Some(21),
            full: true,
            waiting: 2,
            outstanding: 0,
            unstored: 0,
            parts: 1,
            unreadable: 0,
            used: vec![ModemLimit { span: "day".to_owned(), used: 3, limit: Some(200) }],
            resets: 0,
        };
        let printed = words(&ModemReply::List(vec![line]));
        assert!(printed.contains("strong (21/31)"), "{printed}");
        assert!(printed.contains("3/200 a day"), "{printed}");
        assert!(printed.contains("2 to send, 1 parts, its memory is full"), "{printed}");
        assert!(words(&ModemReply::List(Vec::new())).contains("no channel has modems"));
    }
}
