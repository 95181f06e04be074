//! One call: drawn as a ladder, or written to a file for Wireshark.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Subcommand;

use crate::admin::{Command, Ladder, LadderStep, Reply, Told, pcap};
use crate::cli::{ask, exit, text};
use crate::id::CallId;

/// How often a call that is waited for is looked for.
const LOOK: Duration = Duration::from_millis(200);
/// Width of one column of a ladder.
const COLUMN: usize = 30;

/// What can be done with one call.
#[derive(Debug, Subcommand)]
pub enum One {
    /// Draw what was said in a call: who sent what when, on each leg, and how it ended.
    #[command(after_help = "Example: branchline calls show 5R2T0QW8N4K1C")]
    Show {
        /// The call's id, as `branchline calls` shows it.
        call: CallId,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Write a call's SIP messages to a file that Wireshark reads.
    #[command(
        after_help = "Examples: branchline calls capture 5R2T0QW8N4K1C --out call.pcap\n          \
                      branchline calls capture --next 201 --out call.pcap"
    )]
    Capture {
        /// The call's id, as `branchline calls` shows it.
        #[arg(required_unless_present = "next", conflicts_with = "next")]
        call: Option<CallId>,
        /// Wait for the next call of this extension or trunk, and for its end.
        #[arg(long)]
        next: Option<String>,
        /// The file.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        options: ask::Options,
    },
}

/// Carries out what the arguments say.
pub fn main(one: &One) -> ExitCode {
    match one {
        One::Show { call, options } => {
            ask::main(options, &Command::ShowCall { call: *call, whole: false }, ask::Form::Text)
        }
        One::Capture { call, next, out, options } => {
            let found = match (call, next) {
                (Some(call), _) => Ok(*call),
                (None, next) => wait_for(&options.socket, next.as_deref().unwrap_or_default()),
            };
            match found {
                Ok(call) => capture(&options.socket, call, out),
                Err(error) => exit::fail(exit::UNAVAILABLE, format!("no box answers: {error}")),
            }
        }
    }
}

/// Waits until a new call of `who` has come and gone.
fn wait_for(socket: &Path, who: &str) -> io::Result<CallId> {
    let before = theirs(socket, who)?;
    let call = loop {
        if let Some(new) = theirs(socket, who)?.difference(&before).next() {
            break *new;
        }
        thread::sleep(LOOK);
    };
    eprintln!("call {call} is up; waiting for its end");
    while theirs(socket, who)?.contains(&call) {
        thread::sleep(LOOK);
    }
    // What its end says is still on its way for a moment.
    thread::sleep(LOOK);
    Ok(call)
}

fn theirs(socket: &Path, who: &str) -> io::Result<BTreeSet<CallId>> {
    let Reply::ActiveCalls(calls) = ask::ask(socket, &Command::ActiveCalls)? else {
        return Err(io::Error::other("it answers something else"));
    };
    let ladders = calls
        .iter()
        .filter(|active| active.from == who || active.to == who || is_on(socket, active.call, who));
    Ok(ladders.map(|active| active.call).collect())
}

/// Whether one of a call's legs is `who`'s.
fn is_on(socket: &Path, call: CallId, who: &str) -> bool {
    let ask = Command::ShowCall { call, whole: false };
    let names = [format!("extension {who}"), format!("trunk {who}")];
    matches!(ask::ask(socket, &ask), Ok(Reply::Ladder(ladder)) if ladder.legs.iter().any(|leg| names.contains(leg)))
}

fn capture(socket: &Path, call: CallId, out: &Path) -> ExitCode {
    let ladder = match ask::ask(socket, &Command::ShowCall { call, whole: true }) {
        Ok(Reply::Ladder(ladder)) => ladder,
        Ok(Reply::Refused(why)) => return exit::fail(exit::REFUSED, why),
        Ok(_) => return exit::fail(exit::DATA, "the box answers something else"),
        Err(error) => return exit::fail(exit::UNAVAILABLE, format!("no box answers: {error}")),
    };
    let (file, messages) = packets(&ladder);
    match fs::write(out, file) {
        Ok(()) => {
            println!("{messages} messages of call {call} are in {}", out.display());
            ExitCode::SUCCESS
        }
        Err(error) => exit::fail(exit::IO, format!("{} cannot be written: {error}", out.display())),
    }
}

/// The file, and how many messages are in it.
fn packets(ladder: &Ladder) -> (Vec<u8>, usize) {
    let mut file = pcap::head();
    let mut messages = 0;
    for step in &ladder.steps {
        let Told::Sip { sent, local, peer, message: Some(message), .. } = &step.what else {
            continue;
        };
        // Each character stands for one byte.
        let bytes: Vec<u8> =
            message.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        let (from, to) = if *sent { (*local, *peer) } else { (*peer, *local) };
        file.extend(pcap::packet(step.at, from, to, &bytes));
        messages += 1;
    }
    (file, messages)
}

/// The ladder for a terminal: the box in the first column, one column for each leg.
pub(super) fn drawn(ladder: &Ladder) -> String {
    let mut out = String::new();
    let call = ladder.call.map(|call| call.to_string()).unwrap_or_default();
    let _ = writeln!(out, "call {call}");
    let heads: Vec<_> = ladder.legs.iter().map(|leg| format!("{leg:^COLUMN$}")).collect();
    let _ = writeln!(
        out,
        "{:>12}  {:>8}  {}",
        "TIME UTC",
        "AFTER",
        format!("box {}", heads.concat()).trim_end()
    );
    let first = ladder.steps.first().map_or(0, |step| step.us);
    for step in &ladder.steps {
        let after = (step.us - first) as f64 / 1e6;
        let clock = step.at.to_string();
        let clock = clock.get(11..23).unwrap_or_default();
        let _ = writeln!(
            out,
            "{clock:>12}  {after:>+8.3}  {}",
            row(step, ladder.legs.len()).trim_end()
        );
    }
    match &ladder.ended {
        Some(ended) => {
            let (cause, class) = (ended.cause.replace('_', " "), &ended.class);
            let _ = writeln!(out, "ended: {cause} ({class})");
        }
        None => out += "it is up\n",
    }
    out
}

fn row(step: &LadderStep, legs: usize) -> String {
    let (label, sent) = match &step.what {
        Told::Note { words } => (format!("* {words}"), None),
        Told::Sip { sent, label, .. } => (label.clone(), Some(*sent)),
    };
    let label = text::printable(&label);
    let Some(leg) = step.leg else { return format!(" |  {label}") };
    let Some(sent) = sent else {
        return format!(" |  {}{label}", " ".repeat(COLUMN * leg));
    };
    // The line runs from the box to the leg, past the legs between.
    let width = COLUMN * (leg + 1) - 6;
    let shown: String = label.chars().take(width).collect();
    let fill = width - shown.chars().count();
    let line = format!("{}{shown}{}", "-".repeat(fill - fill / 2), "-".repeat(fill / 2));
    let beyond = "|".repeat(usize::from(leg + 1 < legs));
    match sent {
        true => format!(" |{line}->| {beyond}"),
        false => format!(" |<-{line}| {beyond}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn step(us: i64, leg: Option<usize>, what: Told) -> LadderStep {
        LadderStep { at: UnixTime(us), us, leg, what }
    }

    fn sip(sent: bool, label: &str, message: Option<&str>) -> Told {
        Told::Sip {
            sent,
            label: label.to_owned(),
            cseq: "1 INVITE".to_owned(),
            transport: "UDP".to_owned(),
            local: "192.0.2.1:5060".parse().unwrap(),
            peer: "192.0.2.9:5060".parse().unwrap(),
            message: message.map(str::to_owned),
        }
    }

    #[test]
    fn a_ladder_has_an_arrow_each_way_and_says_how_it_ended() {
        let ended = crate::admin::LadderEnd { cause: "no_answer".into(), class: "upstream".into() };
        let note = Told::Note { words: "waits in queue support".to_owned() };
        let ladder = Ladder {
            call: Some(CallId(1)),
            legs: vec!["trunk carrier".to_owned(), "extension 201".to_owned()],
            steps: vec![
                step(0, Some(0), sip(false, "INVITE (SDP)", Some("INVITE x\r\n\r\n\u{ff}"))),
                step(1_500, None, note),
                step(20_000, Some(1), sip(true, "INVITE \u{1b}[31m", None)),
            ],
            ended: Some(ended),
        };
        let text = drawn(&ladder);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[2].contains("|<-") && lines[2].contains("INVITE (SDP)"), "{text}");
        assert!(lines[3].contains("+0.002") && lines[3].contains("* waits in queue"), "{text}");
        assert!(lines[4].contains("->|") && !text.contains('\u{1b}'), "{text}");
        assert_eq!(lines[5], "ended: no answer (upstream)");
        let (file, messages) = packets(&ladder);
        assert_eq!((messages, file.last()), (1, Some(&0xff)));
    }
}
