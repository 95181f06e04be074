//! The ledger against everything at once, in virtual time: crashes at any point, a disk that fails, a slow store, outcomes
//! that get lost, reports that come early, twice and out of order. A model outside of it counts what the other sides have
//! seen. Faults are planted to show that the model would notice.

mod turns;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::*;
use crate::messaging::channel::State as Line;
use crate::messaging::contract::{Failure, Fault, Outcome, Outgoing};
use crate::messaging::kept::Stage;
use crate::messaging::{Kind, Message, What};

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// The ledger hears that something is on the disk before it is.
    StoredTooEarly,
    /// It hears that the store shows something before it does.
    ShownTooEarly,
    /// A restart takes what was about to be sent for something that waits.
    TriedForgotten,
    /// A restart forgets what was asked for under which key.
    KeysForgotten,
    /// What failed to be written is not written again.
    NotWrittenAgain,
    /// The store says that it shows what it never reads.
    StoreStandsStill,
}

const CHANNELS: [&str; 2] = ["api", "sim"];

/// Everything outside of the ledger.
struct World {
    planted: Planted,
    random: Random,
    now: Now,
    ledger: Ledger,
    /// Records, and how many of them are on the disk.
    journal: Vec<Fact>,
    stored: usize,
    /// How many of them the store shows.
    shown: usize,
    failing: bool,
    /// The store must show this before the ledger may take anything in.
    ready_at: Option<usize>,
    rows: Rows,
    looks: VecDeque<(u64, Ask)>,
    /// What arrives: the key, by whom, and whether it was acknowledged.
    inbound: BTreeMap<String, (Address, bool)>,
    receipts: BTreeMap<(ChannelId, Receipt), Vec<String>>,
    next: u64,
    /// Wishes, and which message each was told to be.
    wishes: BTreeMap<u64, (Wish, Option<MessageId>)>,
    tickets: BTreeMap<u64, u64>,
    /// What is on the wire, and not answered.
    wire: VecDeque<(ChannelId, Outgoing)>,
    /// How often each message went out for good.
    sent: BTreeMap<MessageId, u32>,
    reports: VecDeque<(ChannelId, Report)>,
    wrong: Vec<String>,
}

/// What the store shows.
#[derive(Default)]
struct Rows {
    keys: BTreeSet<Fingerprint>,
    contacts: BTreeMap<Address, ContactId>,
    talks: BTreeMap<(ContactId, ChannelId), ConversationId>,
    messages: BTreeMap<MessageId, Message<String>>,
}

impl Rows {
    fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::Met { contact, address, .. } => {
                self.contacts.entry(address.clone()).or_insert(*contact);
            }
            Fact::Consent { .. } => {}
            Fact::Entry(entry) => {
                if let What::Arrived { key, .. } = &entry.what {
                    self.keys.insert(*key);
                }
                if let Some(message) = Message::begun(entry) {
                    let talk = (entry.contact, message.way.channel.clone());
                    self.talks.insert(talk, entry.conversation);
                    self.messages.entry(message.id).or_insert(message);
                } else if let Some(message) =
                    entry.message().and_then(|id| self.messages.get_mut(&id))
                {
                    message.apply(entry);
                }
            }
        }
    }
}

fn print(text: &str) -> Fingerprint {
    let mut bytes = [0u8; 16];
    for (at, byte) in text.bytes().enumerate() {
        let place = &mut bytes[at % 16];
        *place = place.wrapping_mul(31).wrapping_add(byte);
    }
    Fingerprint(bytes)
}

fn settings() -> Settings {
    let rules = || Rules { window: 3, ..Rules::default() };
    let channels = CHANNELS.map(|name| (ChannelId::from(name), rules()));
    Settings { channels: channels.into(), languages: Vec::new(), applications: Vec::new() }
}

impl World {
    fn new(seed: u64, planted: Planted) -> World {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
        let mut random = Random::from_number(seed);
        let ledger = Ledger::new(now, settings(), Kept::default(), random.fork());
        let mut world = World {
            planted,
            random,
            now,
            ledger,
            journal: Vec::new(),
            stored: 0,
            shown: 0,
            failing: false,
            ready_at: Some(0),
            rows: Rows::default(),
            looks: VecDeque::new(),
            inbound: BTreeMap::new(),
            receipts: BTreeMap::new(),
            next: 0,
            wishes: BTreeMap::new(),
            tickets: BTreeMap::new(),
            wire: VecDeque::new(),
            sent: BTreeMap::new(),
            reports: VecDeque::new(),
            wrong: Vec::new(),
        };
        world.begin();
        world
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.random.below(100) < percent
    }

    fn begin(&mut self) {
        for channel in CHANNELS {
            self.say(&channel.into(), Input::State(Line::Up));
        }
    }

    fn say(&mut self, channel: &ChannelId, input: Input) {
        self.ledger.handle_channel(self.now, channel, input, &print);
        self.drain();
    }

    /// The program dies: what is not on the disk may be there in part.
    fn crash(&mut self) {
        let torn = self.random.below((self.journal.len() - self.stored) as u64 + 1) as usize;
        self.journal.truncate(self.stored + torn);
        self.stored = self.journal.len();
        let mut kept = Kept::default();
        for fact in &self.journal {
            if let Fact::Entry(entry) = fact {
                kept.apply(entry);
            }
        }
        if self.planted == Planted::TriedForgotten {
            let trying = kept.open.values_mut().filter(|one| one.stage == Stage::Trying);
            trying.for_each(|one| one.stage = Stage::Waiting);
        }
        if self.planted == Planted::KeysForgotten {
            kept.once.clear();
        }
        // What was on the wire may have gone out, and nobody is told.
        for (_, outgoing) in std::mem::take(&mut self.wire) {
            if self.chance(50) {
                *self.sent.entry(outgoing.message).or_default() += 1;
            }
        }
        self.looks.clear();
        self.receipts.clear();
        self.tickets.clear();
        self.failing = false;
        self.ready_at = Some(self.journal.len());
        self.shown = self.shown.min(self.journal.len());
        self.ledger = Ledger::new(self.now, settings(), kept, self.random.fork());
        self.drain();
        self.begin();
    }

    fn drain(&mut self) {
        while let Some(output) = self.ledger.poll_output() {
            match output {
                Output::Look(look, ask) => self.looks.push_back((look, ask)),
                Output::Record(facts) => {
                    // A failing disk keeps nothing; what is written then is numbered past everything.
                    if self.failing {
                        self.ledger.handle_recorded(u64::MAX);
                    } else {
                        self.journal.extend(facts);
                        self.ledger.handle_recorded(self.journal.len() as u64);
                    }
                    if self.planted == Planted::StoredTooEarly {
                        self.ledger.handle_stored(self.now, self.journal.len() as u64);
                    }
                }
                Output::Order(channel, Order::Send(outgoing)) => self.send(channel, *outgoing),
                Output::Order(channel, Order::Stored(receipt)) => {
                    let keys = self.receipts.remove(&(channel, receipt)).unwrap_or_default();
                    for key in keys {
                        if !self.is_stored(print(&key)) {
                            self.wrong.push(format!("{key} was acknowledged and is not kept"));
                        }
                        self.inbound.entry(key).and_modify(|(_, done)| *done = true);
                    }
                }
                Output::Order(channel, Order::NotStored(receipt, _)) => {
                    self.receipts.remove(&(channel, receipt));
                }
                Output::Order(..) | Output::Happened(_) => {}
                Output::MayGo(going) => {
                    let permission = match self.random.below(10) {
                        0 => Permission::NotBefore(self.now.unix + Duration::from_secs(60)),
                        1 => Permission::NotKnown,
                        _ => Permission::Go,
                    };
                    self.ledger.handle_permission(self.now, going.message, permission);
                }
                Output::Read(message) => {
                    let found = self.rows.messages.get(&message).cloned();
                    let ready = self.ready_at.is_none();
                    self.ledger.handle_words(self.now, found.filter(|_| ready), message, ready);
                }
                Output::Quote { message, .. } => {
                    self.ledger.handle_quote(self.now, message, None, true);
                }
                Output::Reach { message, .. } => self.ledger.handle_reach(self.now, message, None),
                Output::Wished(ticket, wished) => self.wished(ticket, wished),
            }
        }
    }

    fn is_stored(&self, wanted: Fingerprint) -> bool {
        self.journal.iter().take(self.stored).any(|fact| {
            matches!(fact, Fact::Entry(entry)
                if matches!(entry.what, What::Arrived { key, .. } if key == wanted))
        })
    }

    fn send(&mut self, channel: ChannelId, outgoing: Outgoing) {
        let tried = self.journal.iter().take(self.stored).any(|fact| {
            matches!(fact, Fact::Entry(entry) if matches!(entry.what,
                What::Attempt { message, attempt }
                    if message == outgoing.message && attempt == outgoing.attempt))
        });
        if !tried {
            self.wrong.push(format!("{} goes out, and no attempt is kept", outgoing.message));
        }
        let same = self.wire.iter().filter(|(on, other)| *on == channel && other.to == outgoing.to);
        if same.count() > 0 {
            self.wrong.push("two messages of one person are on their way".to_owned());
        }
        self.wire.push_back((channel, outgoing));
    }

    fn wished(&mut self, ticket: u64, wished: Wished) {
        let Some(wish) = self.tickets.remove(&ticket) else { return };
        let Some((_, told)) = self.wishes.get_mut(&wish) else { return };
        if let Wished::Queued(message, _) = wished {
            if told.is_some_and(|before| before != message) {
                self.wrong.push(format!("wish {wish} is two messages"));
            }
            *told = Some(message);
            let kept = self.journal.iter().take(self.stored).any(|fact| {
                matches!(fact, Fact::Entry(entry)
                    if matches!(entry.what, What::Queued { message: one, .. } if one == message))
            });
            if !kept {
                self.wrong.push(format!("wish {wish} was promised and is not kept"));
            }
        }
    }

    /// One thing happens.
    fn step(&mut self, calm: bool) {
        match self.random.below(if calm { 9 } else { 13 }) {
            0 => self.disk(),
            1 => self.store(),
            2 | 3 => (0..self.random.below(12)).for_each(|_| self.answer_look()),
            4 => self.outcome(),
            5 => self.report(),
            6 => {
                let wait = Duration::from_millis(self.random.below(20_000));
                self.pass(wait);
            }
            7 => self.come_again(),
            8 => self.wish_again(),
            9 => self.arrive(),
            10 => self.wish(),
            11 if self.chance(6) => self.crash(),
            12 if self.chance(6) => self.fail(),
            _ => {}
        }
        self.drain();
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
        self.ledger.handle_timeout(self.now);
    }

    fn disk(&mut self) {
        if self.failing {
            self.failing = false;
            if self.planted == Planted::NotWrittenAgain {
                self.ledger.unstored.clear();
            }
            self.ledger.handle_mended(self.now);
            self.drain();
            self.ready_at = Some(self.journal.len());
        }
        let left = self.journal.len() - self.stored;
        self.stored += self.random.below(left as u64 + 1) as usize;
        self.ledger.handle_stored(self.now, self.stored as u64);
    }

    fn fail(&mut self) {
        if !self.failing {
            self.failing = true;
            // Of what was handed over some is there all the same.
            let left = (self.journal.len() - self.stored) as u64;
            let there = self.stored + self.random.below(left + 1) as usize;
            self.journal.truncate(there);
            self.stored = there;
            self.ledger.handle_failed();
        }
    }

    fn store(&mut self) {
        let left = self.stored - self.shown;
        let more = self.random.below(left as u64 + 1) as usize;
        if self.planted == Planted::ShownTooEarly {
            self.ledger.handle_shown(self.stored as u64);
        }
        for fact in &self.journal[self.shown..self.shown + more] {
            if self.planted != Planted::StoreStandsStill {
                self.rows.take(fact);
            }
        }
        self.shown += more;
        self.ledger.handle_shown(self.shown as u64);
        if !self.failing && self.ready_at.take_if(|at| *at <= self.shown).is_some() {
            self.ledger.handle_ready(self.now);
        }
    }

    /// Answers are of the moment when the store was read, which may be long before they are heard.
    fn answer_look(&mut self) {
        let Some((look, ask)) = self.looks.pop_front() else { return };
        let contact = ask.address.as_ref().and_then(|one| self.rows.contacts.get(one)).copied();
        let talk = contact.and_then(|one| self.rows.talks.get(&(one, ask.channel.clone())));
        let named = ask.references.iter().filter_map(|reference| {
            let has = |message: &&Message<String>| {
                message.out.as_ref().is_some_and(|out| out.references.contains(reference))
            };
            let message = self.rows.messages.values().find(has)?;
            let (id, state) = (message.id, message.state);
            let (conversation, contact) = (message.conversation, message.contact);
            Some(Named { reference: reference.clone(), message: id, conversation, contact, state })
        });
        let found = Found {
            seen: ask.keys.iter().filter(|key| self.rows.keys.contains(key)).copied().collect(),
            contact,
            conversation: talk.copied(),
            named: named.collect(),
        };
        if self.chance(40) {
            // Much happens before it is heard.
            self.disk();
            self.store();
            self.drain();
        }
        let ready = !self.chance(3);
        self.ledger.handle_found(self.now, look, ready.then_some(found));
        self.drain();
    }

    fn outcome(&mut self) {
        let Some((channel, outgoing)) = self.wire.pop_front() else { return };
        let (message, attempt) = (outgoing.message, outgoing.attempt);
        let network = Failure { fault: Fault::Network, code: "5".to_owned() };
        let nobody = Failure { fault: Fault::Address, code: "1".to_owned() };
        let outcome = match self.random.below(20) {
            0 => Outcome::Refused(network),
            1 => Outcome::Refused(nobody),
            2 => Outcome::Later(Duration::from_secs(3)),
            3 => Outcome::Away,
            4 => {
                if self.chance(50) {
                    *self.sent.entry(message).or_default() += 1;
                }
                Outcome::Doubtful
            }
            number => {
                *self.sent.entry(message).or_default() += 1;
                let parts = 1 + number % 3;
                let references: Vec<_> =
                    (0..parts).map(|part| format!("{message}-{attempt}-{part}")).collect();
                for reference in &references {
                    self.report_later(&channel, reference);
                }
                if self.chance(30) {
                    // It is reported on before we know its name.
                    self.report();
                }
                Outcome::Accepted { references }
            }
        };
        self.say(&channel, Input::Outcome { message, attempt, outcome });
    }

    fn report_later(&mut self, channel: &ChannelId, reference: &str) {
        let mut all = vec![Status::Sent, Status::Delivered];
        if self.chance(30) {
            all.push(Status::Read);
        }
        for status in all {
            for _ in 0..1 + self.random.below(2) {
                let reference = reference.to_owned();
                let report = Report { reference, status: status.clone(), at: None };
                let at = self.random.below(self.reports.len() as u64 + 1) as usize;
                self.reports.insert(at, (channel.clone(), report));
            }
        }
    }

    /// The other side tells what became of something, until it is acknowledged; which this one takes for given.
    fn report(&mut self) {
        let Some((channel, report)) = self.reports.pop_front() else { return };
        self.next += 1;
        let receipt = Receipt(self.next);
        let told = vec![Heard::Report(report)];
        self.say(&channel, Input::Told { receipt, told });
    }

    fn person(&mut self) -> Address {
        Address::new(Kind::Phone, format!("+1555010{}", self.random.below(6)))
    }

    fn arrive(&mut self) {
        self.next += 1;
        let from = self.person();
        self.inbound.insert(format!("in-{}", self.next), (from, false));
        self.come_again();
    }

    /// What is not acknowledged comes again, and now and then what is.
    fn come_again(&mut self) {
        let left: Vec<_> = self.inbound.iter().filter(|(_, (_, done))| !done).collect();
        let all: Vec<_> = match self.random.below(10) {
            0 => self.inbound.iter().collect(),
            _ => left,
        };
        let all: Vec<_> = all.into_iter().map(|(k, (f, _))| (k.clone(), f.clone())).collect();
        let from = self.random.below(all.len() as u64) as usize;
        let some: Vec<_> = all.into_iter().skip(from).take(3).collect();
        if some.is_empty() {
            return;
        }
        self.next += 1;
        let (channel, receipt) = (ChannelId::from(CHANNELS[0]), Receipt(self.next));
        let keys = some.iter().map(|(key, _)| key.clone()).collect();
        self.receipts.insert((channel.clone(), receipt), keys);
        let arrived = |(key, from)| Heard::Arrived(Box::new(Arrived::text(key, from, "hello")));
        let told = some.into_iter().map(arrived).collect();
        self.say(&channel, Input::Told { receipt, told });
    }

    fn wish(&mut self) {
        self.next += 1;
        let number = self.next;
        let Address { kind, value } = self.person();
        let channel = ChannelId::from(CHANNELS[self.random.below(2) as usize]);
        let way =
            Way { channel, work: Channel::Message, kind, peer: value, thread: None, own: None };
        let wish = Wish {
            way,
            known: None,
            pieces: vec![Piece::text(format!("wish {number}"))],
            subject: None,
            answers: None,
            quote: None,
            by: "ann".into(),
            purpose: if self.chance(10) { CODE } else { "service" }.to_owned(),
            reply: false,
            until: self.now.unix + LONGEST_WAIT,
            not_before: None,
            once: Some((print(&format!("key {number}")), print(&format!("body {number}")))),
            asker: None,
        };
        self.wishes.insert(number, (wish, None));
        self.wish_again();
    }

    /// Who was told nothing asks again, and now and then who was.
    fn wish_again(&mut self) {
        let every = self.chance(10);
        let left = self.wishes.iter().filter(|(_, (_, told))| every || told.is_none());
        let left: Vec<_> = left.map(|(number, (wish, _))| (*number, wish.clone())).collect();
        if left.is_empty() {
            return;
        }
        let (number, wish) = left[self.random.below(left.len() as u64) as usize].clone();
        self.next += 1;
        self.tickets.insert(self.next, number);
        self.ledger.handle_wish(self.now, self.next, wish);
    }

    /// Nothing bad happens any more, until nothing is left to do.
    fn calm_down(&mut self) {
        for _ in 0..6_000 {
            self.step(true);
        }
        for _ in 0..400 {
            self.pass(Duration::from_secs(600));
            for _ in 0..10 {
                self.step(true);
            }
        }
        self.stored = self.journal.len();
        self.ledger.handle_stored(self.now, self.stored as u64);
        self.drain();
        while self.shown < self.stored {
            self.store();
            self.drain();
        }
    }

    /// What is wrong in the end.
    fn verdict(mut self) -> Vec<String> {
        self.calm_down();
        let mut wrong = std::mem::take(&mut self.wrong);
        let (mut arrived, mut people, mut asked) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut all: BTreeMap<MessageId, Message<String>> = BTreeMap::new();
        let mut ranks: BTreeMap<MessageId, State> = BTreeMap::new();
        for fact in &self.journal {
            match fact {
                Fact::Entry(entry) => {
                    match &entry.what {
                        What::Arrived { key, message, .. } => {
                            arrived.entry(*key).or_insert_with(BTreeSet::new).insert(*message);
                        }
                        What::Queued { once: Some((key, _)), message, .. } => {
                            asked.entry(*key).or_insert_with(BTreeSet::new).insert(*message);
                        }
                        What::Became { message, status }
                            if !matches!(status, Status::Failed(_)) =>
                        {
                            let state = State::from(status);
                            let before = ranks.insert(*message, state);
                            if before.is_some_and(|before| before > state) {
                                wrong.push(format!("{message} went back to {state:?}"));
                            }
                        }
                        _ => {}
                    }
                    if let Some(message) = Message::begun(entry) {
                        all.entry(message.id).or_insert(message);
                    } else if let Some(one) = entry.message().and_then(|id| all.get_mut(&id)) {
                        one.apply(entry);
                    }
                }
                Fact::Met { address, contact, .. } => {
                    people.entry(address.clone()).or_insert_with(BTreeSet::new).insert(*contact);
                }
                Fact::Consent { .. } => {}
            }
        }
        for (key, (_, done)) in &self.inbound {
            let times = arrived.get(&print(key)).map_or(0, BTreeSet::len);
            if times != 1 || !done {
                wrong.push(format!("{key} is there {times} times, acknowledged: {done}"));
            }
        }
        for (address, contacts) in people {
            if contacts.len() != 1 {
                wrong.push(format!("{address:?} is {} people", contacts.len()));
            }
        }
        for (number, (wish, told)) in &self.wishes {
            let key = wish.once.unwrap().0;
            let made = asked.get(&key).map_or(0, BTreeSet::len);
            if made != 1 || told.is_none() {
                wrong.push(format!("wish {number} made {made} messages, told: {told:?}"));
            }
        }
        for (id, message) in &all {
            let times = self.sent.get(id).copied().unwrap_or(0);
            if times > 1 {
                wrong.push(format!("{id} was sent {times} times"));
            }
            let good = match (message.state, times) {
                (State::Received | State::Unknown, _) => true,
                (State::Sent | State::Delivered | State::Read, times) => times == 1,
                (State::Failed | State::Stopped, times) => times == 0,
                (State::Queued | State::Sending, _) => false,
            };
            if !good {
                wrong.push(format!(
                    "{id} stands as {:?}, and was sent {times} times",
                    message.state
                ));
            }
        }
        wrong
    }
}

fn run(seed: u64, planted: Planted) -> Vec<String> {
    let mut world = World::new(seed, planted);
    for _ in 0..1_500 {
        world.step(false);
    }
    world.verdict()
}

/// Runs of one fault: it is caught in one of them, and in how many.
const RUNS: u64 = 40;

#[test]
fn nothing_is_lost_or_doubled_and_what_nobody_knows_is_said_to_be_so() {
    for seed in 0..RUNS {
        let wrong = run(seed, Planted::Nothing);
        assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    }
}

#[test]
fn every_planted_fault_is_noticed() {
    for planted in [
        Planted::StoredTooEarly,
        Planted::ShownTooEarly,
        Planted::TriedForgotten,
        Planted::KeysForgotten,
        Planted::NotWrittenAgain,
        Planted::StoreStandsStill,
    ] {
        let caught = (0..RUNS).any(|seed| !run(seed, planted).is_empty());
        assert!(caught, "{planted:?} passes");
    }
}
