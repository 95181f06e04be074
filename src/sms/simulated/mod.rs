//! A modem that is not there, for tests and the demo: the other end of the dialogue.
//!
//! It behaves as TS 27.005 and TS 27.007 say, so that programs which others wrote for real modems work with it, and
//! misbehaves in the ways that real ones do, each behind a [`Quirk`]. The network side is function calls: a message
//! arrives, a report, the line is cut. It owns no line: octets in, octets out.

mod commands;
mod memory;
mod network;
mod quirk;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

pub use network::{Registration, Sent, deliver};
pub use quirk::{Quirk, Quirks};

use crate::time::{Now, Timers};
use memory::Memory;

/// Longest command line; what is longer is refused.
const LONGEST_LINE: usize = 2_048;
/// How long a modem takes to start.
const BOOT: Duration = Duration::from_secs(5);
/// How long a SIM is busy after that, where it is.
const SIM_BUSY: Duration = Duration::from_secs(60);
/// How late a late answer is.
const LATE: Duration = Duration::from_secs(10);
/// Octets that a slow reader takes at once.
const SLOW_ROOM: usize = 4;
/// How long it takes for one.
const SLOW_OCTET: Duration = Duration::from_millis(2);
/// Digits of a message that come at once, of which one is lost where the port overruns: as many as a 16550 holds.
const OVERRUN: usize = 16;
/// How long an acknowledgement is awaited (TS 27.005 section 3.4.4); then messages are kept in memory instead.
const ACKNOWLEDGEMENT: Duration = Duration::from_secs(20);
/// How often positions are told on the port for them.
const POSITION: Duration = Duration::from_secs(1);
/// How often a modem that restarts does.
const RESTART: Duration = Duration::from_secs(40);

/// What it is, and what it begins with.
#[derive(Debug, Clone)]
pub struct Make {
    /// Answer to CGMI.
    pub manufacturer: String,
    /// Answer to CGMM.
    pub model: String,
    /// Serial number of the device.
    pub imei: String,
    /// Serial number of the SIM; nothing: there is none.
    pub iccid: Option<String>,
    /// Subscriber.
    pub imsi: String,
    /// What unlocks the SIM; nothing: it is open.
    pub pin: Option<String>,
    /// Tries that are left.
    pub tries: u8,
    /// What it does that the standard does not say.
    pub quirks: Quirks,
}

impl Default for Make {
    fn default() -> Self {
        Make {
            manufacturer: "Branchline".to_owned(),
            model: "Simulated".to_owned(),
            imei: "490154203237518".to_owned(),
            iccid: Some("8901260000000000018".to_owned()),
            imsi: "001010000000001".to_owned(),
            pin: None,
            tries: 3,
            quirks: Quirks::new(),
        }
    }
}

/// What it does to its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Octets for whoever holds the other end.
    Write(Vec<u8>),
    /// The port is gone.
    HangUp,
    /// It is there again, under another name.
    Return,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Say(usize),
    Booted,
    Unacknowledged(u64),
    Position,
    Restart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Command,
    /// A message of so many octets without the service centre follows; to be sent, or kept.
    Body {
        length: usize,
        send: bool,
    },
    Booting,
    /// It answers nothing until it is reset.
    Hung,
}

/// One simulated modem.
#[derive(Debug)]
pub struct Simulated {
    make: Make,
    mode: Mode,
    line: Vec<u8>,
    echo: bool,
    errors: u8,
    cnmi: [u8; 5],
    service: u8,
    memories: BTreeMap<&'static str, Memory>,
    /// The memories to read from, to write to, and for what arrives.
    chosen: [&'static str; 3],
    unlocked: bool,
    puk: bool,
    radio: bool,
    registration: Registration,
    told: bool,
    signal: u8,
    reference: u8,
    sent: Vec<Sent>,
    awaiting: Option<(u64, Vec<u8>, bool)>,
    announced: u64,
    answers: u64,
    dialog: bool,
    cut: bool,
    /// The answer to the next message that is sent gets lost.
    loses: bool,
    /// What every message that is sent is answered by instead.
    refusal: Option<&'static str>,
    /// Nothing can be deleted.
    worn: bool,
    gone: bool,
    started: Option<Instant>,
    heard: Option<(Instant, usize)>,
    timers: Timers<Due>,
    late: BTreeMap<usize, Vec<u8>>,
    outputs: VecDeque<Output>,
}

impl Simulated {
    /// One that has just been switched on.
    pub fn new(now: Now, make: Make) -> Simulated {
        let first = match () {
            () if make.quirks.contains(&Quirk::FromZero) => 0,
            () if make.quirks.contains(&Quirk::From900) => 900,
            () => 1,
        };
        let sr = (!make.quirks.contains(&Quirk::NoSr)).then_some("SR");
        let names = ["SM", "ME"].into_iter().chain(sr);
        let mut modem = Simulated {
            unlocked: make.pin.is_none(),
            make,
            mode: Mode::Command,
            line: Vec::new(),
            echo: true,
            errors: 0,
            cnmi: [0; 5],
            service: 0,
            memories: names.map(|name| (name, Memory::new(first))).collect(),
            chosen: ["SM"; 3],
            puk: false,
            radio: true,
            registration: Registration::Home,
            told: false,
            signal: 21,
            reference: 0,
            sent: Vec::new(),
            awaiting: None,
            announced: 0,
            answers: 0,
            dialog: false,
            cut: false,
            loses: false,
            refusal: None,
            worn: false,
            gone: false,
            started: Some(now.instant),
            heard: None,
            timers: Timers::default(),
            late: BTreeMap::new(),
            outputs: VecDeque::new(),
        };
        if modem.has(Quirk::PositionPort) {
            modem.timers.set(now.instant + POSITION, Due::Position);
        }
        if modem.has(Quirk::Restarts) {
            modem.timers.set(now.instant + RESTART, Due::Restart);
        }
        modem
    }

    /// Octets from whoever holds the other end.
    pub fn handle_bytes(&mut self, now: Now, octets: &[u8]) {
        if self.cut || self.gone || self.has(Quirk::DeafPort) || self.has(Quirk::PositionPort) {
            return;
        }
        let taken = self.room_for(now, octets.len());
        for (at, octet) in octets.iter().enumerate() {
            // What ends a message is heard: it is not understood then, and refused.
            if at < taken || *octet == 0x1a {
                self.handle_octet(now, *octet);
            }
        }
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(due) = self.timers.pop_due(now.instant) {
            match due {
                Due::Say(key) => {
                    if let Some(octets) = self.late.remove(&key) {
                        self.write(octets);
                    }
                }
                Due::Booted => self.booted(now),
                Due::Unacknowledged(key) => self.unacknowledged(now, key),
                Due::Position => {
                    self.write(b"$GPGGA,,,,,,0,,,,,,,,*66\r\n".to_vec());
                    self.timers.set(now.instant + POSITION, Due::Position);
                }
                Due::Restart => {
                    self.boot(now);
                    self.timers.set(now.instant + RESTART, Due::Restart);
                }
            }
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether it does this.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.make.quirks.contains(&quirk)
    }

    /// The least time between two octets that it hears; nothing: it hears whatever comes.
    pub fn pace(&self) -> Option<Duration> {
        let paced = self.has(Quirk::SlowReader) || self.has(Quirk::Overruns);
        paced.then_some(SLOW_OCTET)
    }

    /// Whether this digit of a message is lost.
    fn overruns(&mut self, now: Now) -> bool {
        if !self.has(Quirk::Overruns) {
            return false;
        }
        let before = self.heard.filter(|(at, _)| now.instant < *at + SLOW_OCTET);
        let run = before.map_or(1, |(_, run)| run + 1);
        self.heard = Some((now.instant, run % OVERRUN));
        run == OVERRUN
    }

    fn room_for(&mut self, now: Now, octets: usize) -> usize {
        if !self.has(Quirk::SlowReader) {
            return octets;
        }
        let fresh = self.heard.is_none_or(|(at, _)| now.instant >= at + SLOW_OCTET);
        let had = if fresh { 0 } else { self.heard.map_or(0, |(_, octets)| octets) };
        let taken = octets.min(SLOW_ROOM.saturating_sub(had));
        self.heard = Some((now.instant, had + taken));
        taken
    }

    fn handle_octet(&mut self, now: Now, octet: u8) {
        match self.mode {
            Mode::Booting | Mode::Hung => {}
            Mode::Command => {
                if self.echoes() {
                    self.write(vec![octet]);
                }
                match octet {
                    b'\r' => {
                        let line = std::mem::take(&mut self.line);
                        self.command_line(now, String::from_utf8_lossy(&line).trim());
                    }
                    b'\n' => {}
                    0x1b => self.line.clear(),
                    _ if self.line.len() < LONGEST_LINE => self.line.push(octet),
                    _ => {}
                }
            }
            Mode::Body { length, send } => {
                if self.echoes() {
                    self.write(vec![octet]);
                }
                match octet {
                    0x1a => {
                        let body = std::mem::take(&mut self.line);
                        self.mode = Mode::Command;
                        self.body(now, &String::from_utf8_lossy(&body), length, send);
                    }
                    0x1b => {
                        self.line.clear();
                        self.mode = Mode::Command;
                        self.say(now, &[], "OK");
                    }
                    _ if self.overruns(now) => {}
                    _ if self.line.len() < LONGEST_LINE => self.line.push(octet),
                    _ => {}
                }
            }
        }
    }

    fn echoes(&self) -> bool {
        (self.echo || self.has(Quirk::EchoForced)) && !self.has(Quirk::NoEcho)
    }

    fn boot(&mut self, now: Now) {
        self.mode = Mode::Booting;
        self.line.clear();
        self.echo = true;
        self.errors = 0;
        self.cnmi = [0; 5];
        self.service = 0;
        self.told = false;
        self.dialog = false;
        self.awaiting = None;
        self.late.clear();
        self.unlocked = self.make.pin.is_none();
        self.timers.set(now.instant + BOOT, Due::Booted);
    }

    fn booted(&mut self, now: Now) {
        self.mode = Mode::Command;
        self.radio = true;
        self.started = Some(now.instant);
        if std::mem::take(&mut self.gone) {
            self.outputs.push_back(Output::Return);
        }
        self.code("RDY");
    }

    fn sim_busy(&self, now: Now) -> bool {
        self.has(Quirk::SimBusy) && self.started.is_some_and(|at| now.instant < at + SIM_BUSY)
    }

    /// Writes lines and a result, late or broken up where it does so.
    fn say(&mut self, now: Now, lines: &[String], result: &str) {
        self.answers += 1;
        let chatter = ["^RSSI: 17", "^BOOT:20078342,0,0,0,75", "^DSFLOWRPT:0000003C,00000000"];
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate() {
            if self.has(Quirk::Chatter) {
                text += &format!("\r\n{}\r\n", chatter[at % chatter.len()]);
            }
            text += &format!("\r\n{line}\r\n");
        }
        if !result.is_empty() {
            text += &format!("\r\n{result}\r\n");
        }
        if self.has(Quirk::LateAnswers) && self.answers.is_multiple_of(7) {
            let key = usize::try_from(self.answers).unwrap_or(usize::MAX);
            self.late.insert(key, self.ended(text));
            self.timers.set(now.instant + LATE, Due::Say(key));
            return;
        }
        let octets = self.ended(text);
        self.write(octets);
    }

    /// Says something that was not asked for.
    fn code(&mut self, text: &str) {
        if !self.has(Quirk::CodesElsewhere) && !self.gone {
            let octets = self.ended(format!("\r\n{text}\r\n"));
            self.write(octets);
        }
    }

    fn ended(&self, text: String) -> Vec<u8> {
        match self.has(Quirk::BareReturn) {
            true => text.replace("\r\n", "\r").into_bytes(),
            false => text.into_bytes(),
        }
    }

    fn write(&mut self, octets: Vec<u8>) {
        if self.gone || self.cut {
            return;
        }
        match self.outputs.back_mut() {
            Some(Output::Write(before)) => before.extend(octets),
            _ => self.outputs.push_back(Output::Write(octets)),
        }
    }
}

#[cfg(test)]
mod tests;
