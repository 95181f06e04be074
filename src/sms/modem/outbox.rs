//! What is sent, part by part, and what the network reports of it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Change, Modem, Outstanding, Phase, SLOWER, SLOWLY, Send, Task, Told, digest};
use crate::sms::at::{Answer, Command, Verdict, hex};
use crate::sms::pdu::StatusReport;
use crate::time::{Now, UnixTime};

/// How long a network may take for a part: 60 s is what most modems allow themselves, and LTE with a fallback takes longer.
const PART_PATIENCE: Duration = Duration::from_secs(120);
/// Messages that wait in a modem: the pool keeps the rest.
const MOST_WAITING: usize = 64;
/// Parts whose report is awaited. Their numbers have 256 values for each recipient.
const MOST_OUTSTANDING: usize = 4_096;
/// Networks try for a week at most (TS 23.040 section 9.2.3.12.1 allows 63; none was seen to); a day more for the report.
const REPORT_LIFE: Duration = Duration::from_secs(8 * 86_400);
/// A report may come before the answer that tells its number.
const HOLD: Duration = Duration::from_secs(60);
/// Reports that are held so.
const MOST_HELD: usize = 64;
/// Before what came torn is given once more: the modem takes in meanwhile what it still has of the first try.
const REST: Duration = Duration::from_millis(500);
/// Digits of two numbers that must agree: networks report a national number as an international one.
const DIGITS: usize = 7;
/// Invalid PDU mode parameter (TS 27.005 section 3.2.5).
const INVALID_PDU: u16 = 304;

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The network has every part, each by what its report will be told under.
    Accepted {
        /// One for each part.
        references: Vec<String>,
    },
    /// A part was refused, after these were taken: whoever it is for never sees it as one.
    Refused {
        /// One for each part that was taken.
        references: Vec<String>,
        /// Why the next one was not.
        why: Refusal,
    },
    /// Nothing was sent: the modem is not up, or has enough to do.
    Away,
    /// A part was given to the modem, and no answer came: it may have been sent or not.
    Doubtful {
        /// One for each part that was certainly taken.
        references: Vec<String>,
    },
}

/// Why a part was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Whose doing it is.
    pub whose: Whose,
    /// The number of `+CMS ERROR`; nothing: none was given.
    pub code: Option<u16>,
}

/// Whose doing a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The number: there is nobody, or nobody who takes messages.
    Address,
    /// What it says, or how it is written.
    Content,
    /// The SIM or its contract.
    Account,
    /// Its time was over before its turn came.
    Expired,
    /// The network: another try may help.
    Network,
    /// They do not say.
    Unknown,
}

impl Refusal {
    /// The causes of TS 24.011 annex E-2 and the failures of TS 27.005 section 3.2.5.
    fn of(verdict: Verdict) -> Refusal {
        let Verdict::Cms(code) = verdict else {
            return Refusal { whose: Whose::Unknown, code: None };
        };
        let whose = match code {
            1 | 28 | 30 | 128..=131 | 143 | 144 => Whose::Address,
            21 | 27 | 38 | 41 | 42 | 47 | 192 | 194 | 314 | 331 | 332 => Whose::Network,
            8 | 10 | 29 | 50 | 69 | 310..=313 | 315..=318 | 330 => Whose::Account,
            81 | 95..=111 | 145 | 153..=155 | 160 | 304 | 305 => Whose::Content,
            _ => Whose::Unknown,
        };
        Refusal { whose, code: Some(code) }
    }
}

#[derive(Debug)]
struct Active {
    send: Send,
    next: usize,
    references: Vec<String>,
    asked: bool,
    /// The part came torn, and is given once more with this time between two octets.
    again: Option<Duration>,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Send>,
    active: Option<Active>,
    outstanding: Vec<Outstanding>,
    held: Vec<(Instant, String, StatusReport)>,
}

impl Outbox {
    pub(super) fn restore(&mut self, outstanding: Vec<Outstanding>) {
        self.outstanding = outstanding;
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + usize::from(self.active.is_some())
    }

    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.iter().map(|(until, ..)| *until).min()
    }

    /// The part that a report is about: the same number and recipient, sent nearest to when the centre got it.
    fn matching(&self, sim: &str, report: &StatusReport) -> Option<usize> {
        let to = check(&report.recipient.text());
        let got = report.time.unix();
        let fits = |part: &Outstanding| {
            part.sim == sim && part.number == report.reference && Some(part.check) == to
        };
        let distance = |at: UnixTime| got.map_or(0, |got| (got.0 - at.0).abs());
        let found = self.outstanding.iter().enumerate().filter(|(_, part)| fits(part));
        found.min_by_key(|(_, part)| distance(part.at)).map(|(at, _)| at)
    }
}

impl Modem {
    pub(super) fn order_send(&mut self, now: Now, send: Send) {
        if !self.condition.is_up()
            || self.outbox.waiting.len() >= MOST_WAITING
            || send.parts.is_empty()
        {
            return self.sent(send.id, Outcome::Away);
        }
        if send.until <= now.unix {
            return self.expired(send.id);
        }
        let urgent = self.outbox.waiting.iter().take_while(|other| other.urgent).count();
        match send.urgent {
            true => self.outbox.waiting.insert(urgent, send),
            false => self.outbox.waiting.push_back(send),
        }
    }

    fn sent(&mut self, id: u64, outcome: Outcome) {
        self.tell(Told::Sent { id, outcome });
    }

    fn expired(&mut self, id: u64) {
        let why = Refusal { whose: Whose::Expired, code: None };
        self.sent(id, Outcome::Refused { references: Vec::new(), why });
    }

    pub(super) fn next_part(&mut self, now: Now) -> Option<Task> {
        if self.phase != Phase::Up {
            return None;
        }
        if self.outbox.active.is_none() {
            let send = self.next_message(now)?;
            let several = send.parts.len() > 1;
            let references = Vec::new();
            let active = Active { send, next: 0, references, asked: false, again: None };
            self.outbox.active = Some(active);
            if several {
                return Some(Task::Together);
            }
        }
        let active = self.outbox.active.as_mut().filter(|active| !active.asked)?;
        active.asked = true;
        Some(Task::Part)
    }

    fn next_message(&mut self, now: Now) -> Option<Send> {
        while let Some(send) = self.outbox.waiting.pop_front() {
            match send.until > now.unix {
                true => return Some(send),
                false => self.expired(send.id),
            }
        }
        None
    }

    pub(super) fn part_command(&mut self) -> Option<Command> {
        let active = self.outbox.active.as_ref()?;
        let part = active.send.parts.get(active.next)?;
        // No service centre in front: the one on the SIM.
        let body = format!("00{}", hex(part));
        let command = Command::prefix(format!("AT+CMGS={}", part.len()), "+CMGS");
        Some(command.with_body(body).patient(PART_PATIENCE))
    }

    pub(super) fn part_answered(&mut self, now: Now, answer: &Answer) {
        let Some(active) = self.outbox.active.take() else { return };
        if answer.verdict.is_ok() {
            return self.part_taken(now, active, answer);
        }
        let slower = slower(active.again.unwrap_or_else(|| self.pace()));
        if let Some(pace) = slower.filter(|_| is_torn(answer)) {
            return self.part_again(now, active, pace);
        }
        let Active { send: Send { id, .. }, references, again, .. } = active;
        match again {
            // It was heard and refused: it was not for the pace.
            Some(_) if answer.verdict.is_answer() => self.set_pace(),
            Some(pace) => self.slow = self.slow.max(pace),
            None => {}
        }
        match answer.verdict {
            verdict if verdict.is_answer() => {
                let why = Refusal::of(verdict);
                self.sent(id, Outcome::Refused { references, why });
            }
            _ if answer.body_written || !references.is_empty() => {
                self.sent(id, Outcome::Doubtful { references });
            }
            _ => self.sent(id, Outcome::Away),
        }
    }

    /// Some hear commands as they come and lose octets of what is longer. What was not understood was not sent.
    fn part_again(&mut self, now: Now, mut active: Active, pace: Duration) {
        self.transcript.note(now.unix, "a part came torn: once more, slowly");
        active.again = Some(pace);
        active.asked = false;
        self.outbox.active = Some(active);
        self.dialogue.slow_down(now, pace, REST);
    }

    fn part_taken(&mut self, now: Now, mut active: Active, answer: &Answer) {
        // It was heard now: whatever is long is said as slowly from here on.
        self.slow = self.slow.max(active.again.take().unwrap_or_default());
        let number = answer.value("+CMGS");
        let number = number.and_then(|value| value.split(',').next()?.trim().parse::<u8>().ok());
        let sim = self.sim();
        let shown = number.map_or_else(|| "none".to_owned(), |number| number.to_string());
        let reference = format!("{}-{}-{}-{}", &sim[..8], now.unix.millis(), shown, active.next);
        active.references.push(reference.clone());
        if let Some(number) = number {
            let (check, at) = (check(&active.send.to).unwrap_or_default(), now.unix);
            let part = Outstanding { reference, sim, number, check, at };
            self.tell(Told::Remember(Change::Sent(part.clone())));
            self.outbox.outstanding.push(part);
        }
        active.next += 1;
        active.asked = false;
        match active.next < active.send.parts.len() {
            true => self.outbox.active = Some(active),
            false => {
                let references = active.references;
                self.sent(active.send.id, Outcome::Accepted { references });
            }
        }
        for (_, key, report) in std::mem::take(&mut self.outbox.held) {
            self.report_arrived(now, key, report);
        }
    }

    fn sim(&self) -> String {
        digest(&[self.identity.iccid.as_deref().unwrap_or_default().as_bytes()])
    }

    /// The line is gone, or the modem has begun anew.
    pub(super) fn lose_sending(&mut self, _now: Now) {
        if let Some(active) = self.outbox.active.take() {
            let (id, references) = (active.send.id, active.references);
            let doubtful = active.asked || !references.is_empty();
            self.sent(id, if doubtful { Outcome::Doubtful { references } } else { Outcome::Away });
        }
        for send in std::mem::take(&mut self.outbox.waiting) {
            self.sent(send.id, Outcome::Away);
        }
    }

    pub(super) fn report_arrived(&mut self, now: Now, key: String, report: StatusReport) {
        let Some(at) = self.outbox.matching(&self.sim(), &report) else {
            if self.outbox.held.len() >= MOST_HELD {
                let (_, key, report) = self.outbox.held.remove(0);
                self.tell(Told::Report { key, reference: None, report: Box::new(report) });
            }
            self.outbox.held.push((now.instant + HOLD, key, report));
            return;
        };
        let reference = self.outbox.outstanding[at].reference.clone();
        if report.status.is_final() {
            self.outbox.outstanding.remove(at);
            self.tell(Told::Remember(Change::Over(reference.clone())));
        }
        self.tell(Told::Report { key, reference: Some(reference), report: Box::new(report) });
    }

    pub(super) fn expire_outbox(&mut self, now: Now) {
        let held = std::mem::take(&mut self.outbox.held);
        let (over, kept): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|(until, ..)| *until <= now.instant);
        self.outbox.held = kept;
        for (_, key, report) in over {
            self.tell(Told::Report { key, reference: None, report: Box::new(report) });
        }
        let parts = &self.outbox.outstanding;
        let many = parts.len().saturating_sub(MOST_OUTSTANDING);
        let old = |part: &Outstanding| now.unix.since(part.at) > REPORT_LIFE;
        let over: Vec<_> = parts
            .iter()
            .enumerate()
            .filter(|(at, part)| *at < many || old(part))
            .map(|(_, part)| part.reference.clone())
            .collect();
        for reference in over {
            self.outbox.outstanding.retain(|part| part.reference != reference);
            self.tell(Told::Remember(Change::Over(reference)));
        }
    }
}

/// The time between two octets to try after this one; nothing: it was not for the pace.
fn slower(pace: Duration) -> Option<Duration> {
    [SLOWLY, SLOWER].into_iter().find(|slower| pace < *slower)
}

/// Whether it did not even understand what it was to send: a command with an octet missing, or a message that is not as long
/// as the command said (304, TS 27.005 section 3.2.5).
fn is_torn(answer: &Answer) -> bool {
    match answer.verdict {
        Verdict::Cms(INVALID_PDU) => true,
        Verdict::Error => !answer.body_written,
        _ => false,
    }
}

/// Of the last digits of a number: thousands of numbers have the same. Nothing for what has no digits.
fn check(number: &str) -> Option<u16> {
    let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).rev().take(DIGITS).collect();
    let whole = digest(&[&digits]);
    u16::from_str_radix(whole.get(..4)?, 16).ok().filter(|_| !digits.is_empty())
}
