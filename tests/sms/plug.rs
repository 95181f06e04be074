//! A simulated modem for programs that are not written in Rust: `plug PORT` makes its line a link at PORT and stays until its
//! input ends. A line `NUMBER TEXT` of its input is a message from there; each message that it sends is a line `sent NUMBER`.

// What a machine of the product may not do, a program that stands for a piece of hardware does.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use branchline::driver::simulated::Plugged;
use branchline::sms::simulated::{Make, deliver};

/// How often it is looked whether something was sent.
const LOOK: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let Some(port) = std::env::args().nth(1) else {
        eprintln!("plug PORT");
        return ExitCode::from(64);
    };
    let modem = match Plugged::new(Path::new(&port), Make::default()) {
        Ok(modem) => modem,
        Err(error) => {
            eprintln!("{port}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (typed, lines) = channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            // Who does not listen any more has ended.
            let _over = typed.send(line);
        }
    });
    say("ready");
    let (mut seen, mut waiting) = (0, VecDeque::new());
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(line) => waiting.push_back(line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return ExitCode::SUCCESS,
        }
        // A modem without room or network takes it later.
        if waiting.front().is_some_and(|line| receive(&modem, line)) {
            waiting.pop_front();
            say("received");
        }
        let sent = modem.with(|_, modem| modem.sent().to_vec()).unwrap_or_default();
        for one in sent.iter().skip(seen) {
            say(&format!("sent {}", one.to()));
        }
        seen = sent.len();
    }
}

fn receive(modem: &Plugged, line: &str) -> bool {
    let (from, text) = line.split_once(' ').unwrap_or((line, ""));
    let (from, text) = (from.to_owned(), text.to_owned());
    modem
        .with(move |now, modem| {
            let tpdu = deliver(&from, &text, now.unix);
            modem.receive(now, &tpdu)
        })
        .unwrap_or(false)
}

fn say(words: &str) {
    println!("{words}");
    // Who reads is a program.
    let _unread = io::stdout().flush();
}
