//! The modems of one channel: between their SIMs and the ledger.
//!
//! Owns what stands between: parts that wait for the rest of their message, which SIM a message takes, and what is answered
//! to whom once it is on a disk. It opens nothing: [`Output`] says what the driver is to do, [`Record`] what is to be known
//! again after a restart. Two disks are waited for: a message is deleted from its modem when the ledger has it, a part of one
//! when the diary has it, and what the network took is told when the diary knows by which number its report will come.

mod diary;
mod texts;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use ring::hmac;

use crate::call::country::Country;
use crate::messaging::channel::{Heard, Input, Order, Receipt, State};
use crate::messaging::contract::{Capabilities, Failure, Fault, Outcome, Outgoing, Report, Told};
use crate::sms::assemble::{self, Assembler, Message};
use crate::sms::at;
use crate::sms::modem::pool::{self, Limits, Pool, Rule, Used};
use crate::sms::modem::{self, Change, Condition, Kept};
use crate::sms::pdu::{Deliver, Direction, Pdu, StatusReport, Tpdu};
use crate::sms::segment;
use crate::time::{Now, earliest};

use diary::Diary;
pub use diary::Record;

/// How long a message may wait for a SIM that may send it. One that no SIM may send for longer is given back: the ledger keeps
/// it on the disk, and here it would be doubtful after a crash.
const WAIT: Duration = Duration::from_secs(45);
/// When the ledger may come again with such a one: limits of an hour and more move slowly.
const COME_AGAIN: Duration = Duration::from_secs(60);
/// How long a message may wait in a modem for those before it; the ledger gives an outcome up after five minutes.
const IN_MODEM: Duration = Duration::from_secs(120);
/// How soon something is told again that the ledger could not keep.
const TELL_AGAIN: Duration = Duration::from_secs(2);
/// How often what has no use any more is forgotten.
const TIDY: Duration = Duration::from_secs(3_600);
/// Characters of a part that is one of several, in the default alphabet (TS 23.040 clause 9.2.3.24.1).
const CHARACTERS: usize = 153;
/// Bytes of a digest that stands for a person: no two of a site's people share one.
const PRINT: usize = 12;

/// What the site says of a channel's modems.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The SIMs and what each may send.
    pub sims: Vec<(String, Limits)>,
    /// Which of them may send where.
    pub routes: Vec<Rule>,
    /// Which alphabets may be used.
    pub options: segment::Options,
    /// Whether the network is asked what becomes of each part.
    pub reports: bool,
    /// Most parts of a message.
    pub most_parts: u8,
    /// In which country a number is that says none.
    pub country: Country,
    /// What digests of people are made with.
    pub key: [u8; 32],
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Order something of the modem with a SIM.
    Order(String, modem::Order),
    /// Tell the ledger.
    Tell(Input),
    /// Write this down; [`Modems::handle_kept`] says that it is on the disk. The first is 1.
    Keep(Record),
}

/// How one SIM does here; its modem knows the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Parts that wait for the rest of their message.
    pub parts: usize,
    /// Messages that cannot be read, and are kept.
    pub unreadable: usize,
    /// What was sent.
    pub used: Used,
    /// What may be.
    pub limits: Limits,
}

/// The modems of one channel.
#[derive(Debug)]
pub struct Modems {
    settings: Settings,
    print: hmac::Key,
    pool: Pool,
    assemblers: BTreeMap<String, Assembler<String>>,
    conditions: BTreeMap<String, Condition>,
    diary: Diary,
    /// Records that were given out, and those that are on the disk.
    given: u64,
    kept: u64,
    /// Parts that may be deleted once a record is on the disk.
    parts: VecDeque<(u64, String, String)>,
    /// What is told once a record is on the disk.
    held: VecDeque<(u64, Input)>,
    /// What the ledger has not answered yet.
    waiting: BTreeMap<Receipt, Waiting>,
    /// Keys of it, so that nothing is told twice at a time.
    pending: BTreeSet<String>,
    again: VecDeque<(Instant, Waiting)>,
    /// Parts of which nothing more is awaited, as soon as the ledger has the report that says so.
    over: Option<(String, String)>,
    sending: BTreeMap<u64, Sending>,
    next: u64,
    receipts: u64,
    reference: u8,
    state: Option<State>,
    tidy: Instant,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
struct Waiting {
    sim: String,
    heard: Heard,
    after: After,
}

/// What is done when the ledger has it.
#[derive(Debug)]
enum After {
    /// These are done with; some are on the modem, some in the diary.
    Message { key: String, parts: Vec<String> },
    /// The modem may delete the report, and nothing more is awaited for this part.
    Report { key: String, over: Option<String> },
}

impl After {
    fn key(&self) -> &str {
        match self {
            After::Message { key, .. } | After::Report { key, .. } => key,
        }
    }
}

#[derive(Debug)]
struct Sending {
    outgoing: Box<Outgoing>,
    to: String,
    person: String,
    parts: Vec<Vec<u8>>,
    sim: Option<String>,
    since: Instant,
}

impl Sending {
    fn count(&self) -> u32 {
        u32::try_from(self.parts.len()).unwrap_or(u32::MAX)
    }
}

impl Modems {
    /// The modems of a channel, with what was written down before.
    pub fn new(now: Now, settings: Settings, records: impl IntoIterator<Item = Record>) -> Modems {
        let mut diary = Diary::default();
        records.into_iter().for_each(|record| diary.apply(&record));
        diary.tidy(now);
        let mut pool = Pool::new(settings.sims.iter().cloned(), settings.routes.clone());
        for record in diary.whole() {
            match record {
                Record::Sent { sim, person, parts, at } => {
                    pool.note_sent(at, &sim, &person, parts);
                }
                Record::Heard { sim, person, at } => pool.handle_heard(at, &person, &sim),
                _ => {}
            }
        }
        let named = settings.sims.iter().map(|(name, _)| (name.clone(), Condition::Starting));
        let mut modems = Modems {
            print: hmac::Key::new(hmac::HMAC_SHA256, &settings.key),
            pool,
            assemblers: BTreeMap::new(),
            conditions: named.collect(),
            diary,
            given: 0,
            kept: 0,
            parts: VecDeque::new(),
            held: VecDeque::new(),
            waiting: BTreeMap::new(),
            pending: BTreeSet::new(),
            again: VecDeque::new(),
            over: None,
            sending: BTreeMap::new(),
            next: 0,
            receipts: 0,
            // Another than before the restart, most likely: phones mix parts up that have one in common.
            reference: now.unix.seconds().to_le_bytes()[0],
            state: None,
            tidy: now.instant + TIDY,
            outputs: VecDeque::new(),
            settings,
        };
        modems.tell_capabilities();
        modems.take_up_parts(now);
        modems.tell_state();
        modems
    }

    /// What the modem with a SIM must know when it is started.
    pub fn known(&self, sim: &str) -> Kept {
        self.diary.modem(sim)
    }

    /// Everything that must be known after a restart, in place of all records before.
    pub fn whole(&self) -> Vec<Record> {
        self.diary.whole()
    }

    /// A modem tells something.
    pub fn handle_told(&mut self, now: Now, sim: &str, told: modem::Told) {
        let over = self.over.take();
        let report = match &told {
            modem::Told::Report { reference, .. } => reference.clone(),
            _ => None,
        };
        // What is over by its report is so when the ledger has that report; what is over by its age is so at once.
        let over = match over {
            Some((at, reference)) if at == sim && report.as_ref() == Some(&reference) => {
                Some(reference)
            }
            Some((at, reference)) => {
                self.keep(Record::Modem { sim: at, change: Change::Over(reference) });
                None
            }
            None => None,
        };
        match told {
            modem::Told::Arrived { key, deliver: Some(deliver), pdu } => {
                self.arrived(now, sim, key, *deliver, &pdu);
            }
            modem::Told::Arrived { key, deliver: None, pdu } => self.unreadable(sim, key, &pdu),
            modem::Told::Report { key, reference, report } => {
                self.reported(sim, key, reference, &report, over);
            }
            modem::Told::Sent { id, outcome } => self.sent(now, id, outcome),
            modem::Told::Remember(Change::Over(reference)) => {
                self.over = Some((sim.to_owned(), reference));
            }
            modem::Told::Remember(change) => {
                self.keep(Record::Modem { sim: sim.to_owned(), change });
            }
            modem::Told::Condition(condition) => self.is(now, sim, condition),
            // Whoever asked for it is answered by the driver.
            modem::Told::Ussd { .. } => {}
        }
        self.settle(now);
    }

    /// The ledger orders something.
    pub fn handle_order(&mut self, now: Now, order: Order) {
        match order {
            Order::Send(outgoing) => self.send(now, outgoing),
            Order::Stored(receipt) => self.stored(receipt),
            Order::NotStored(receipt, _) => {
                if let Some(waiting) = self.waiting.remove(&receipt) {
                    self.again.push_back((now.instant + TELL_AGAIN, waiting));
                }
            }
            // A text message shows neither.
            Order::Typing { .. }
            | Order::Read { .. }
            | Order::Place { .. }
            | Order::Call { .. } => {}
        }
        self.settle(now);
    }

    /// Records up to this one are on the disk.
    pub fn handle_kept(&mut self, now: Now, upto: u64) {
        self.kept = self.kept.max(upto);
        while let Some((_, sim, key)) = self.parts.pop_front_if(|(at, ..)| *at <= self.kept) {
            self.outputs.push_back(Output::Order(sim, modem::Order::Stored(key)));
        }
        while let Some((_, input)) = self.held.pop_front_if(|(at, _)| *at <= self.kept) {
            self.outputs.push_back(Output::Tell(input));
        }
        self.settle(now);
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.pool.handle_timeout(now);
        self.assemblers.values_mut().for_each(|assembler| assembler.handle_timeout(now));
        while let Some((_, waiting)) = self.again.pop_front_if(|(at, _)| *at <= now.instant) {
            self.tell(waiting);
        }
        let late = |sending: &Sending| sending.sim.is_none() && sending.since + WAIT <= now.instant;
        let late: Vec<_> =
            self.sending.iter().filter(|(_, one)| late(one)).map(|(id, _)| *id).collect();
        for id in late {
            self.pool.withdraw(id);
            self.came_of(id, Outcome::Later(COME_AGAIN));
        }
        if self.tidy <= now.instant {
            self.tidy = now.instant + TIDY;
            self.diary.tidy(now);
        }
        self.settle(now);
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        let assembled = self.assemblers.values().map(Assembler::deadline);
        let again = self.again.front().map(|(at, _)| *at);
        let waits = self.sending.values().filter(|one| one.sim.is_none());
        let waits = waits.map(|one| one.since + WAIT).min();
        [self.pool.deadline(), again, waits, Some(self.tidy)]
            .into_iter()
            .chain(assembled)
            .fold(None, earliest)
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How a SIM does; nothing for one that is not known.
    pub fn figures(&mut self, now: Now, sim: &str) -> Option<Figures> {
        let limits = self.settings.sims.iter().find(|(name, _)| name == sim)?.1;
        Some(Figures {
            parts: self.assemblers.get(sim).map_or(0, Assembler::len),
            unreadable: self.diary.odd(sim),
            used: self.pool.used(now, sim)?,
            limits,
        })
    }

    fn keep(&mut self, record: Record) -> u64 {
        self.diary.apply(&record);
        self.given += 1;
        self.outputs.push_back(Output::Keep(record));
        self.given
    }

    /// Takes what other machines say.
    fn settle(&mut self, now: Now) {
        while let Some(output) = self.pool.poll_output() {
            self.pooled(now, output);
        }
        let sims: Vec<_> = self.assemblers.keys().cloned().collect();
        for sim in sims {
            while let Some(output) = self.assemblers.get_mut(&sim).and_then(Assembler::poll_output)
            {
                match output {
                    assemble::Output::Message(message) => self.tell_message(&sim, message),
                    // Its message has parts of its own.
                    assemble::Output::Repeated { id, .. } => self.done(&sim, vec![id]),
                }
            }
        }
    }

    fn order(&mut self, sim: &str, order: modem::Order) {
        self.outputs.push_back(Output::Order(sim.to_owned(), order));
    }

    fn person(&self, number: &str) -> String {
        let tag = hmac::sign(&self.print, number.as_bytes());
        at::hex(&tag.as_ref()[..PRINT]).to_lowercase()
    }
}

/// What arrives.
impl Modems {
    /// Parts that were here before a restart.
    fn take_up_parts(&mut self, now: Now) {
        let parts: Vec<_> = self
            .diary
            .parts()
            .map(|(key, sim, pdu)| (key.clone(), sim.clone(), pdu.clone()))
            .collect();
        for (key, sim, pdu) in parts {
            let parsed = at::octets(&pdu).map(|pdu| Pdu::parse(&pdu, Direction::ToPhone));
            if let Some(Ok(parsed)) = parsed
                && let Tpdu::Deliver(deliver) = parsed.value.tpdu
            {
                self.assembler(&sim).handle_deliver(now, key, deliver);
            }
        }
        self.settle(now);
    }

    fn assembler(&mut self, sim: &str) -> &mut Assembler<String> {
        let new = || Assembler::new(assemble::Settings::default());
        self.assemblers.entry(sim.to_owned()).or_insert_with(new)
    }

    fn arrived(&mut self, now: Now, sim: &str, key: String, deliver: Deliver, pdu: &[u8]) {
        if self.diary.knows(&key) || deliver.protocol.is_silent() {
            return self.order(sim, modem::Order::Stored(key));
        }
        if self.pending.contains(&key) {
            return;
        }
        self.heard(now, sim, &deliver);
        let several = deliver.user_data.header().concatenation().is_some_and(|part| part.total > 1);
        if several {
            let (part, name) = (key.clone(), sim.to_owned());
            let at = self.keep(Record::Part { key: part, sim: name, pdu: at::hex(pdu) });
            self.parts.push_back((at, sim.to_owned(), key.clone()));
        }
        self.assembler(sim).handle_deliver(now, key, deliver);
    }

    /// Whoever writes to a SIM is answered by it.
    fn heard(&mut self, now: Now, sim: &str, deliver: &Deliver) {
        let person = self.person(&deliver.originator.text());
        if self.diary.sim_of(&person) != Some(sim) {
            let (sim, at) = (sim.to_owned(), now.unix);
            self.keep(Record::Heard { sim, person: person.clone(), at });
        }
        self.pool.handle_heard(now.unix, &person, sim);
    }

    fn unreadable(&mut self, sim: &str, key: String, pdu: &[u8]) {
        if self.diary.has_odd(&key) {
            return self.order(sim, modem::Order::Stored(key));
        }
        let (name, odd) = (sim.to_owned(), key.clone());
        let at = self.keep(Record::Odd { key: odd, sim: name, pdu: at::hex(pdu) });
        self.parts.push_back((at, sim.to_owned(), key));
    }

    fn tell_message(&mut self, sim: &str, message: Message<String>) {
        let parts: Vec<_> = message.ids().cloned().collect();
        let key = name_of(&parts);
        let arrived = texts::arrived(self.settings.country, key.clone(), message);
        self.pending.extend(parts.iter().cloned());
        let after = After::Message { key, parts };
        let heard = Told::Arrived(Box::new(arrived));
        self.tell(Waiting { sim: sim.to_owned(), heard, after });
    }

    fn tell(&mut self, waiting: Waiting) {
        self.receipts += 1;
        let receipt = Receipt(self.receipts);
        let told = vec![waiting.heard.clone()];
        self.waiting.insert(receipt, waiting);
        self.outputs.push_back(Output::Tell(Input::Told { receipt, told }));
    }

    fn stored(&mut self, receipt: Receipt) {
        let Some(Waiting { sim, after, .. }) = self.waiting.remove(&receipt) else { return };
        self.pending.remove(after.key());
        match after {
            After::Message { parts, .. } => self.done(&sim, parts),
            After::Report { key, over } => {
                if let Some(reference) = over {
                    let change = Change::Over(reference);
                    self.keep(Record::Modem { sim: sim.clone(), change });
                }
                self.order(&sim, modem::Order::Stored(key));
            }
        }
    }

    /// Parts of something that is with the ledger.
    fn done(&mut self, sim: &str, parts: Vec<String>) {
        let (kept, alone): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|part| self.diary.has(part));
        for key in kept.iter().chain(&alone) {
            self.pending.remove(key);
        }
        for key in alone {
            self.order(sim, modem::Order::Stored(key));
        }
        if !kept.is_empty() {
            self.keep(Record::Done { keys: kept });
        }
    }

    fn reported(
        &mut self,
        sim: &str,
        key: String,
        reference: Option<String>,
        report: &StatusReport,
        over: Option<String>,
    ) {
        let Some(reference) = reference else {
            // None of ours, or of a program that had the SIM before.
            return self.order(sim, modem::Order::Stored(key));
        };
        if !self.pending.insert(key.clone()) {
            return;
        }
        let at = report.discharged.unix();
        let told = Told::Report(Report { reference, status: texts::status(report), at });
        let after = After::Report { key, over };
        self.tell(Waiting { sim: sim.to_owned(), heard: told, after });
    }
}

/// What goes out.
impl Modems {
    fn send(&mut self, now: Now, outgoing: Box<Outgoing>) {
        self.next += 1;
        let id = self.next;
        self.reference = self.reference.wrapping_add(1);
        let written = texts::written(&self.settings, &outgoing, now.unix, self.reference);
        let (to, parts, wrong) = match written {
            Ok(written) => (written.to, written.parts, None),
            Err(failure) => (String::new(), Vec::new(), Some(failure)),
        };
        let person = self.person(&to);
        let (until, urgent) = (outgoing.until, outgoing.urgent);
        let sending = Sending { outgoing, to, person, parts, sim: None, since: now.instant };
        let item = pool::Item {
            id,
            to: sending.to.clone(),
            person: sending.person.clone(),
            parts: sending.count(),
            until,
            urgent,
        };
        self.sending.insert(id, sending);
        match wrong {
            Some(failure) => self.came_of(id, Outcome::Refused(failure)),
            // A later try finds another SIM, or this one back; what waits here would be doubtful after a crash.
            None if self.pool.is_down(&item.to) => self.came_of(id, Outcome::Away),
            None => self.pool.handle_item(now, item),
        }
    }

    fn pooled(&mut self, now: Now, output: pool::Output) {
        let refused =
            |fault, code: &str| Outcome::Refused(Failure { fault, code: code.to_owned() });
        match output {
            pool::Output::Give { id, sim } => self.give(now, id, sim),
            pool::Output::Expired(id) => self.came_of(id, refused(Fault::Expired, "")),
            pool::Output::NoWay(id) => self.came_of(id, refused(Fault::Account, "no SIM for it")),
            pool::Output::Full(id) => self.came_of(id, Outcome::Later(COME_AGAIN)),
        }
    }

    fn give(&mut self, now: Now, id: u64, sim: String) {
        let Some(sending) = self.sending.get_mut(&id) else { return };
        sending.sim = Some(sim.clone());
        let send = modem::Send {
            id,
            to: sending.to.clone(),
            parts: sending.parts.clone(),
            until: sending.outgoing.until.min(now.unix + IN_MODEM),
            urgent: sending.outgoing.urgent,
        };
        self.order(&sim, modem::Order::Send(send));
    }

    /// A modem says what came of a message.
    fn sent(&mut self, now: Now, id: u64, outcome: modem::Outcome) {
        let Some(sending) = self.sending.get(&id) else { return };
        let (until, all) = (sending.outgoing.until, sending.count());
        let (sim, person) = (sending.sim.clone().unwrap_or_default(), sending.person.clone());
        let count = |references: &[String]| u32::try_from(references.len()).unwrap_or(u32::MAX);
        let (outcome, parts) = match outcome {
            modem::Outcome::Accepted { references } => {
                let parts = count(&references);
                (Outcome::Accepted { references }, parts)
            }
            modem::Outcome::Refused { references, why } => {
                let mut failure = texts::refused(why);
                let parts = count(&references);
                // Its time in the modem was over, not its own.
                if failure.fault == Fault::Expired && until > now.unix {
                    (Outcome::Later(TELL_AGAIN), parts)
                } else {
                    // Somebody may have the first parts: it is not sent once more by itself.
                    if parts > 0 && failure.fault.may_pass() {
                        failure.fault = Fault::Unknown;
                    }
                    (Outcome::Refused(failure), parts)
                }
            }
            modem::Outcome::Away => (Outcome::Away, 0),
            modem::Outcome::Doubtful { references } => {
                // The one that nobody knows of counts: operators may have it.
                (Outcome::Doubtful, count(&references).saturating_add(1).min(all))
            }
        };
        self.pool.handle_unsent(&sim, all.saturating_sub(parts));
        if parts > 0 {
            self.keep(Record::Sent { sim, person, parts, at: now.unix });
        }
        self.came_of(id, outcome);
    }

    /// Tells the ledger, as soon as what must be known of it is on the disk.
    fn came_of(&mut self, id: u64, outcome: Outcome) {
        let Some(sending) = self.sending.remove(&id) else { return };
        let Outgoing { message, attempt, .. } = *sending.outgoing;
        let input = Input::Outcome { message, attempt, outcome };
        match self.given > self.kept {
            true => self.held.push_back((self.given, input)),
            false => self.outputs.push_back(Output::Tell(input)),
        }
    }
}

/// How they are.
impl Modems {
    fn is(&mut self, now: Now, sim: &str, condition: Condition) {
        self.conditions.insert(sim.to_owned(), condition);
        self.pool.handle_up(now, sim, condition.is_up());
        let waits = self.sending.iter().filter(|(_, one)| one.sim.is_none());
        let lost: Vec<_> =
            waits.filter(|(_, one)| self.pool.is_down(&one.to)).map(|(id, _)| *id).collect();
        for id in lost {
            self.pool.withdraw(id);
            self.came_of(id, Outcome::Away);
        }
        self.tell_state();
    }

    fn tell_state(&mut self) {
        let down: Vec<_> = self
            .conditions
            .iter()
            .filter(|(_, condition)| !condition.is_up())
            .map(|(sim, condition)| format!("{sim}: {condition}"))
            .collect();
        let state = match () {
            () if down.is_empty() => State::Up,
            () if down.len() < self.conditions.len() => State::Degraded(down.join("; ")),
            () => State::Down(down.join("; ")),
        };
        if self.state.as_ref() != Some(&state) {
            self.state = Some(state.clone());
            self.outputs.push_back(Output::Tell(Input::State(state)));
        }
    }

    fn tell_capabilities(&mut self) {
        let capable = Capabilities {
            longest: usize::from(self.settings.most_parts) * CHARACTERS,
            media: 0,
            templates: false,
            delivered: self.settings.reports,
            read: false,
            typing: false,
            window: None,
        };
        self.outputs.push_back(Output::Tell(Input::Capable(capable)));
    }
}

/// What a message is called that is made of these parts, in whatever order they came: always the same.
fn name_of(parts: &[String]) -> String {
    if let [alone] = parts {
        return alone.clone();
    }
    let parts: BTreeSet<_> = parts.iter().map(String::as_str).collect();
    let parts: Vec<_> = parts.into_iter().collect();
    let whole = ring::digest::digest(&ring::digest::SHA256, parts.join(" ").as_bytes());
    at::hex(&whole.as_ref()[..16]).to_lowercase()
}
