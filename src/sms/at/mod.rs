//! The dialogue with a modem: commands out, answers and what was not asked for in (TS 27.005, TS 27.007, ITU-T V.250).
//!
//! It owns the line discipline alone: one command at a time, echo or none, any end of line, the prompt for a body, messages
//! on a line of their own, lines that land in the middle of an answer, time limits, and finding the way back when a modem
//! answers to something that was asked before. It does not know what any command is for.

mod command;
mod fields;
mod reader;
mod resync;
mod verdict;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use command::{Answer, Command, Line, Unsolicited, Wants};
pub use fields::{after, fields, hex, loose, octets};
pub use verdict::Verdict;

use crate::time::{Now, earliest};
use reader::{Reader, Token};
use resync::{Resync, Step};

/// Ends a body (TS 27.005 section 3.5.1).
const CTRL_Z: u8 = 0x1a;
/// How long a modem may take to ask for the body. Ten seconds were seen on one that was registering.
const PROMPT_PATIENCE: Duration = Duration::from_secs(15);
/// Lines of one answer: a full memory of 255 messages and room for more; the rest is dropped.
const MOST_LINES: usize = 600;
/// How long a message may come after the line that announces it.
const HEAD_LIFE: Duration = Duration::from_secs(5);
/// Announced messages that are awaited at once. Two was the most that was seen.
const MOST_HEADS: usize = 4;
/// Lines of one text of USSD. The text is at most 182 characters (TS 23.038 section 5); many are line ends.
const MOST_TEXT_LINES: usize = 24;
/// Shortest message, in digits: an SMSC's length, a first octet, and what a report must have.
const SHORTEST_PDU: usize = 20;

/// What to do, and what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write to the line.
    Write(Vec<u8>),
    /// The answer to the command, once for each.
    Answered(Box<Answer>),
    /// Something that was not asked for.
    Unsolicited(Unsolicited),
    /// The way back was found: nothing that was asked before is answered any more.
    Synchronised,
    /// The modem does not answer at all.
    Silent,
}

/// One line's dialogue.
#[derive(Debug, Default)]
pub struct Dialogue {
    reader: Reader,
    state: State,
    /// Lines that announced a message, which has not come.
    heads: Vec<Head>,
    /// A quoted text that goes on over several lines.
    text: Option<(String, usize)>,
    slow: Slow,
    resyncs: usize,
    garbage: u64,
    outputs: VecDeque<Output>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Asking(Box<Asking>),
    Resyncing(Resync),
}

#[derive(Debug)]
struct Asking {
    answer: Answer,
    stage: Stage,
    deadline: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Result,
    Prompt,
    Body,
}

#[derive(Debug)]
struct Head {
    /// The unsolicited line; nothing: the last line of the answer.
    line: Option<String>,
    at: Instant,
}

/// Writing one octet after another, for modems that lose what comes too fast.
#[derive(Debug, Default)]
struct Slow {
    pace: Duration,
    waiting: VecDeque<u8>,
    next: Option<Instant>,
}

impl Dialogue {
    /// From now on, so much time passes between two octets.
    pub fn set_pace(&mut self, pace: Duration) {
        self.slow.pace = pace;
    }

    /// From now on so much time passes between two octets, and nothing is written before `rest` is over: what came too fast
    /// may still fill the modem's room, and the next octet would be lost with it.
    pub fn slow_down(&mut self, now: Now, pace: Duration, rest: Duration) {
        self.slow.pace = pace;
        self.slow.next = Some(now.instant + rest);
    }

    /// Whether something may be asked.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Lines so far that meant nothing.
    pub fn garbage(&self) -> u64 {
        self.garbage + self.reader.garbage()
    }

    /// Asks. Answers false, and does nothing, while something else is asked.
    pub fn ask(&mut self, now: Now, command: Command) -> bool {
        if !self.is_idle() {
            return false;
        }
        let stage = if command.body.is_some() { Stage::Prompt } else { Stage::Result };
        let patience = if stage == Stage::Prompt { PROMPT_PATIENCE } else { command.patience };
        let deadline = now.instant + patience + self.slow_for(command.line.len());
        self.write_line(now, &command.line);
        let answer =
            Answer { command, lines: Vec::new(), verdict: Verdict::TimedOut, body_written: false };
        self.state = State::Asking(Box::new(Asking { answer, stage, deadline }));
        true
    }

    /// Finds the way back: whatever was asked before is answered no more, and echo is off when it is found. Where a line
    /// was just opened, it is the way in. A command under way is given up.
    pub fn synchronise(&mut self, now: Now) {
        self.give_up(Verdict::TimedOut);
        self.heads.clear();
        self.text = None;
        self.reader.clear();
        self.resyncs = self.resyncs.wrapping_add(1);
        self.resync(now, |resyncs| Resync::new(now, resyncs));
    }

    /// The line went away: a command under way has no answer, and nothing is known of the next line.
    pub fn handle_gone(&mut self) {
        self.give_up(Verdict::Gone);
        *self = Dialogue {
            outputs: std::mem::take(&mut self.outputs),
            slow: Slow { pace: self.slow.pace, ..Slow::default() },
            resyncs: self.resyncs,
            garbage: self.garbage(),
            ..Dialogue::default()
        };
    }

    /// Octets came.
    pub fn handle_bytes(&mut self, now: Now, octets: &[u8]) {
        for octet in octets {
            let awaits =
                matches!(&self.state, State::Asking(asking) if asking.stage == Stage::Prompt);
            match self.reader.push(*octet, awaits) {
                Some(Token::Line(line)) => self.handle_line(now, &line),
                Some(Token::Prompt) => self.write_body(now),
                None => {}
            }
        }
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.slow.next.is_some_and(|at| at <= now.instant) {
            self.write_next(now);
        }
        match &self.state {
            State::Asking(asking) if asking.deadline <= now.instant => self.synchronise(now),
            State::Resyncing(resync) if resync.deadline() <= now.instant => {
                self.resync_step(now, Resync::handle_timeout);
            }
            _ => {}
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        let own = match &self.state {
            State::Idle => None,
            State::Asking(asking) => Some(asking.deadline),
            State::Resyncing(resync) => Some(resync.deadline()),
        };
        earliest(own, self.slow.next)
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn give_up(&mut self, verdict: Verdict) {
        if let State::Asking(asking) = std::mem::take(&mut self.state) {
            self.outputs.push_back(Output::Answered(Box::new(Answer { verdict, ..asking.answer })));
        }
    }

    fn resync(&mut self, now: Now, begin: impl FnOnce(usize) -> (Resync, Vec<u8>)) {
        let (resync, octets) = begin(self.resyncs);
        self.slow.waiting.clear();
        self.slow.next = None;
        self.write(now, &octets);
        self.state = State::Resyncing(resync);
    }

    fn resync_step(&mut self, now: Now, step: impl FnOnce(&mut Resync, Now) -> Step) {
        let State::Resyncing(resync) = &mut self.state else { return };
        match step(resync, now) {
            Step::Wait => {}
            Step::Write(octets) => self.write(now, &octets),
            Step::Found => {
                self.state = State::Idle;
                self.outputs.push_back(Output::Synchronised);
            }
            Step::Silent => {
                self.state = State::Idle;
                self.outputs.push_back(Output::Silent);
            }
        }
    }

    fn handle_line(&mut self, now: Now, line: &str) {
        let text = line.trim();
        if text.is_empty() || self.continues_text(text) || self.is_message(now, text) {
            return;
        }
        if let State::Resyncing(resync) = &self.state
            && resync.is_concerned(line)
        {
            return self.resync_step(now, |resync, now| resync.handle_line(now, line));
        }
        if self.is_echo(text) {
            return;
        }
        match &mut self.state {
            State::Asking(asking) => {
                if let Some(verdict) = Verdict::read(text) {
                    self.finish(verdict);
                } else if asking.belongs(text) {
                    self.keep(now, text);
                } else {
                    self.unsolicited(now, text);
                }
            }
            _ => self.unsolicited(now, text),
        }
    }

    fn finish(&mut self, verdict: Verdict) {
        self.heads.retain(|head| head.line.is_some());
        self.give_up(verdict);
    }

    fn keep(&mut self, now: Now, text: &str) {
        let State::Asking(asking) = &mut self.state else { return };
        if asking.answer.lines.len() >= MOST_LINES {
            self.garbage += 1;
            return;
        }
        asking.answer.lines.push(Line { text: text.to_owned(), pdu: None });
        if matches!(asking.answer.command.wants, Wants::Listing(_)) {
            // Whatever the one before had to say, it is late.
            self.heads.retain(|head| head.line.is_some());
            self.await_message(None, now);
        }
    }

    fn unsolicited(&mut self, now: Now, text: &str) {
        if announces_message(text) {
            return self.await_message(Some(text.to_owned()), now);
        }
        if opens_text(text) {
            self.text = Some((text.to_owned(), 1));
            return;
        }
        if !is_code(text) {
            self.garbage += 1;
            return;
        }
        self.say(text.to_owned(), None);
    }

    fn say(&mut self, text: String, pdu: Option<String>) {
        self.outputs.push_back(Output::Unsolicited(Unsolicited { text, pdu }));
    }

    fn await_message(&mut self, line: Option<String>, now: Now) {
        if self.heads.len() >= MOST_HEADS {
            self.heads.remove(0);
            self.garbage += 1;
        }
        self.heads.push(Head { line, at: now.instant });
    }

    /// A message in hexadecimal goes to the line that announced one last.
    fn is_message(&mut self, now: Now, text: &str) -> bool {
        self.heads.retain(|head| head.line.is_none() || now.instant < head.at + HEAD_LIFE);
        let digits = text.len() >= SHORTEST_PDU && text.bytes().all(|c| c.is_ascii_hexdigit());
        let Some(head) = self.heads.last().filter(|_| digits) else { return false };
        let bare = matches!(&self.state, State::Asking(asking) if asking.answer.command.wants == Wants::Bare);
        // A serial number is made of digits too.
        if bare && !head.line.as_deref().is_some_and(|line| fits(line, text)) {
            return false;
        }
        match self.heads.pop().and_then(|head| head.line) {
            Some(line) => self.say(line, Some(text.to_owned())),
            None => {
                if let State::Asking(asking) = &mut self.state
                    && let Some(line) = asking.answer.lines.last_mut()
                {
                    line.pdu = Some(text.to_owned());
                }
            }
        }
        true
    }

    /// Text between quotes may have ends of lines in it, as answers of USSD do.
    fn continues_text(&mut self, text: &str) -> bool {
        let Some((mut whole, lines)) = self.text.take() else { return false };
        // Nobody closed the quotes: better half a text than a command without its end.
        if Verdict::read(text).is_some() || lines >= MOST_TEXT_LINES {
            self.say(whole, None);
            return false;
        }
        whole.push('\n');
        whole.push_str(text);
        match text.contains('"') {
            true => self.say(whole, None),
            false => self.text = Some((whole, lines + 1)),
        }
        true
    }

    /// What we wrote comes back where echo is on, sometimes behind the prompt.
    fn is_echo(&self, text: &str) -> bool {
        let State::Asking(asking) = &self.state else { return is_command(text) };
        let body = text.trim_start_matches(['>', ' ']).trim_end_matches(char::from(CTRL_Z));
        asking.answer.command.body.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(body))
            || text.eq_ignore_ascii_case(&asking.answer.command.line)
            || is_command(text)
    }

    fn write_body(&mut self, now: Now) {
        let State::Asking(asking) = &mut self.state else { return };
        let Some(body) = asking.answer.command.body.clone() else { return };
        asking.stage = Stage::Body;
        asking.answer.body_written = true;
        asking.deadline =
            now.instant + asking.answer.command.patience + self.slow.pace * count(body.len() + 1);
        let mut octets = body.into_bytes();
        octets.push(CTRL_Z);
        self.write(now, &octets);
    }

    fn write_line(&mut self, now: Now, line: &str) {
        let octets = [line.as_bytes(), b"\r"].concat();
        self.write(now, &octets);
    }

    fn write(&mut self, now: Now, octets: &[u8]) {
        if self.slow.pace.is_zero() {
            self.outputs.push_back(Output::Write(octets.to_vec()));
            return;
        }
        self.slow.waiting.extend(octets);
        if self.slow.next.is_none() {
            self.write_next(now);
        }
    }

    fn write_next(&mut self, now: Now) {
        self.slow.next = None;
        if let Some(octet) = self.slow.waiting.pop_front() {
            self.outputs.push_back(Output::Write(vec![octet]));
            self.slow.next = Some(now.instant + self.slow.pace);
        }
    }

    fn slow_for(&self, octets: usize) -> Duration {
        self.slow.pace * count(octets + 1)
    }
}

impl Asking {
    fn belongs(&self, text: &str) -> bool {
        match self.answer.command.wants {
            Wants::Nothing => false,
            Wants::Prefix(prefix) | Wants::Listing(prefix) => after(text, prefix).is_some(),
            Wants::Bare => !is_code(text) || self.names_own_command(text),
        }
    }

    /// Some modems mark even serial numbers: `AT+CGSN` is answered by `+CGSN: 35…`.
    fn names_own_command(&self, text: &str) -> bool {
        let own = self.answer.command.line.trim_start_matches("AT");
        let own = own.split(['=', '?']).next().unwrap_or_default();
        own.len() > 1 && after(text, own).is_some()
    }
}

fn count(octets: usize) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}

/// Marks of vendors, and words that modems say by themselves.
fn is_code(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "RING",
        "RDY",
        "START",
        "SMS READY",
        "SMS DONE",
        "CALL READY",
        "PB DONE",
        "POWERED DOWN",
        "NORMAL POWER DOWN",
        "NO CARRIER",
        "BUSY",
        "NO ANSWER",
    ];
    text.starts_with(['+', '^', '*', '%', '$', '!', '_', '#'])
        || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The codes that have a message on the line behind them (TS 27.005 section 3.4.1).
fn announces_message(text: &str) -> bool {
    ["+CMT", "+CDS", "+CBM"].iter().any(|code| after(text, code).is_some())
}

/// Only a text of USSD may go on (TS 27.007 section 7.15).
fn opens_text(text: &str) -> bool {
    after(text, "+CUSD").is_some() && text.matches('"').count() == 1
}

/// Whether what a line announced is as long as it says: without the SMSC, which the message begins with.
fn fits(line: &str, pdu: &str) -> bool {
    let declared =
        loose(line).last().and_then(|field| field.rsplit([':', ' ']).next()?.parse().ok());
    let smsc = octets(pdu.get(..2).unwrap_or_default()).map_or(0, |octets| octets[0].into());
    declared == Some((pdu.len() / 2).saturating_sub(1 + smsc))
}

fn is_command(text: &str) -> bool {
    let mark = text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("AT"));
    mark && text
        .get(2..3)
        .is_none_or(|next| !next.chars().all(char::is_alphabetic) || next.eq_ignore_ascii_case("E"))
}

#[cfg(test)]
mod tests;
