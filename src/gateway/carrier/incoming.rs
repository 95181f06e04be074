//! What comes: texts whole and in parts, receipts, and what is said a second time.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};

use super::scraps::{Kept, PRINT};
use super::{Carrier, LinkNumber, Output, Scrap, ScrapId, not_kept};
use crate::messaging::channel::{Heard, Input, NotStored, Receipt};
use crate::messaging::contract::{Arrived, Failure, Fault, Report, Status as Stands, Told};
use crate::messaging::{Address, Piece};
use crate::smpp::join::{Joined, Origin};
use crate::smpp::pdu::{INTERMEDIATE, KIND, Message, Pdu, RECEIPT};
use crate::smpp::receipt::{self, State};
use crate::smpp::session::Handle;
use crate::smpp::status::Status;
use crate::smpp::text::Content;
use crate::smpp::tlv::tag;
use crate::time::{Now, UnixTime, earliest};

/// Time after which a link that still stands has carried our answer: a question whether the other side is there is asked and
/// answered within it.
const SURE: Duration = Duration::from_secs(90);
/// For how long after a link is back something may be said again that was said before.
const AGAIN: Duration = Duration::from_secs(10 * 60);
/// What is remembered so, at most: a minute and a half of 500 a second. Beyond it the oldest counts as answered.
const MOST: usize = 50_000;
/// How soon a whole is told again that the ledger did not take.
const RETOLD: Duration = Duration::from_secs(2);
/// How often is looked what is sure by now.
const SWEEP: Duration = Duration::from_secs(10);
/// What is said of octets that are no text.
const DATA: &str = "application/octet-stream";

/// Who waits for what was handed in.
#[derive(Debug, Default)]
pub(super) struct Hand {
    /// To be answered once it is stored; it may have been said on several links.
    answers: Vec<(LinkNumber, Handle)>,
    /// The scrap of it; none for a report.
    scrap: Option<ScrapId>,
    /// A whole: its parts, and itself in case it is not taken.
    whole: Option<Box<Untold>>,
}

/// A text that was in parts.
#[derive(Debug)]
pub(super) struct Untold {
    told: Box<Arrived<crate::messaging::Media<String>>>,
    parts: Vec<ScrapId>,
    due: Instant,
}

/// How far something is that was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its part is on its way to the disk, and answered after that.
    Keeping,
    /// It is handed in under this.
    Handed(Receipt),
    /// It is on the disk.
    Done(Instant),
    /// It was told in an earlier run: the ledger knows by its key whether it is stored.
    Earlier,
}

#[derive(Debug)]
struct Said {
    print: [u8; PRINT],
    key: [u8; PRINT],
    at: UnixTime,
    /// The link on which it was said; nothing when that has ended.
    link: Option<LinkNumber>,
    stage: Stage,
    /// Who waits for its part.
    waits: Vec<(LinkNumber, Handle)>,
}

/// What was said and may be said again.
#[derive(Debug, Default)]
pub(super) struct Scraps {
    said: BTreeMap<ScrapId, Said>,
    /// Of links that have ended, by what it says.
    before: BTreeMap<[u8; PRINT], VecDeque<ScrapId>>,
    /// Until when that counts, once the link is back.
    until: Option<Instant>,
    parts: BTreeMap<ScrapId, Box<Message>>,
    last: u64,
    sweep: Option<Instant>,
}

impl Scraps {
    pub(super) fn up(&mut self, now: Now, _link: LinkNumber) {
        if !self.before.is_empty() {
            self.until = Some(now.instant + AGAIN);
        }
    }

    pub(super) fn down(&mut self, _now: Now, link: LinkNumber) {
        for (id, said) in &mut self.said {
            if said.link == Some(link) {
                said.link = None;
                self.before.entry(said.print).or_default().push_back(*id);
            }
        }
        self.until = None;
    }

    /// It was not taken, and is said again. An earlier run, or a disk that failed late, may have kept it nevertheless: it keeps
    /// its key, by which the ledger knows that.
    fn comes_again(&mut self, now: Now, id: ScrapId) {
        let Some(said) = self.said.get_mut(&id) else { return };
        (said.link, said.stage) = (None, Stage::Earlier);
        self.before.entry(said.print).or_default().push_back(id);
        self.until.get_or_insert(now.instant + AGAIN);
    }

    /// What was said before and is the same.
    fn same(&mut self, print: &[u8; PRINT]) -> Option<ScrapId> {
        let ids = self.before.get_mut(print)?;
        let id = ids.pop_front();
        if ids.is_empty() {
            self.before.remove(print);
        }
        id
    }

    fn forget(&mut self, id: ScrapId) {
        self.parts.remove(&id);
        let Some(said) = self.said.remove(&id) else { return };
        if let Some(ids) = self.before.get_mut(&said.print) {
            ids.retain(|own| *own != id);
            if ids.is_empty() {
                self.before.remove(&said.print);
            }
        }
    }
}

/// Times.
impl Carrier {
    pub(super) fn incoming_deadline(&self) -> Option<Instant> {
        let retold = self.untold.iter().map(|untold| untold.due).min();
        let own = earliest(self.scraps.until, self.scraps.sweep);
        earliest(earliest(own, retold), self.joiner.deadline())
    }

    pub(super) fn incoming_due(&mut self, now: Now) {
        if self.scraps.until.is_some_and(|until| until <= now.instant) {
            self.scraps.until = None;
            let before = std::mem::take(&mut self.scraps.before);
            let ids: Vec<ScrapId> = before.into_values().flatten().collect();
            self.drop_sure(ids);
        }
        if self.scraps.sweep.is_some_and(|at| at <= now.instant) {
            self.sweep(now);
        }
        self.joiner.handle_timeout(now);
        self.tell_joined(now);
        let due = |untold: &mut Untold| untold.due <= now.instant;
        let again: Vec<Untold> = self.untold.extract_if(.., due).collect();
        again.into_iter().for_each(|untold| self.tell_whole(untold));
    }

    /// What the other side has certainly read our answer to is no longer remembered.
    fn sweep(&mut self, now: Now) {
        let sure = self.scraps.said.iter().filter(|(_, said)| {
            let old = matches!(said.stage, Stage::Done(at) if at + SURE <= now.instant);
            old && said.link.is_some()
        });
        let sure: Vec<ScrapId> = sure.map(|(id, _)| *id).collect();
        self.drop_sure(sure);
        let open = self.scraps.said.values().any(|said| said.link.is_some());
        self.scraps.sweep = open.then(|| now.instant + SWEEP);
    }

    /// Parts that wait for others stay; they only count as said once.
    fn drop_sure(&mut self, ids: Vec<ScrapId>) {
        let mut gone = Vec::new();
        for id in ids {
            if self.scraps.parts.contains_key(&id) {
                if let Some(said) = self.scraps.said.get_mut(&id) {
                    said.link = None;
                }
            } else {
                self.scraps.forget(id);
                gone.push(id);
            }
        }
        self.forget(gone);
    }

    fn forget(&mut self, ids: Vec<ScrapId>) {
        if !ids.is_empty() {
            self.outputs.push_back(Output::Forget(ids));
        }
    }
}

/// What is asked.
impl Carrier {
    /// Takes up what an earlier run has left.
    pub(super) fn take_up(&mut self, now: Now, scraps: Vec<Scrap>) {
        for scrap in scraps {
            let Scrap { id, at, print, key, what } = scrap;
            self.scraps.last = self.scraps.last.max(id.0);
            let stage = match what {
                Kept::Taken => Stage::Earlier,
                Kept::Part(_) | Kept::Whole => Stage::Done(now.instant),
            };
            let said = Said { print, key, at, link: None, stage, waits: Vec::new() };
            self.scraps.said.insert(id, said);
            self.scraps.before.entry(print).or_default().push_back(id);
            if let Kept::Part(message) = what {
                self.join(now, id, message);
            }
        }
        self.tell_joined(now);
    }

    /// The carrier asks something.
    pub fn handle_asked(&mut self, now: Now, link: LinkNumber, handle: Handle, pdu: Pdu) {
        let message = match pdu {
            Pdu::Deliver(message) | Pdu::Data(message) => message,
            _ => {
                self.counters.odd += 1;
                return self.answer(link, handle, Status::INVALID_COMMAND);
            }
        };
        let kind = message.esm_class & KIND;
        match receipt::Receipt::read(&message, self.settings.rules) {
            Some(receipt) => self.receipt((link, handle), &receipt),
            // A receipt that names nothing: nobody wrote it.
            None if kind & (RECEIPT | INTERMEDIATE) != 0 => {
                self.counters.nameless += 1;
                self.answer(link, handle, Status::OK);
            }
            None => self.written(now, (link, handle), message),
        }
    }

    fn receipt(&mut self, from: (LinkNumber, Handle), receipt: &receipt::Receipt) {
        let Some(status) = stands(receipt) else {
            return self.answer(from.0, from.1, Status::OK);
        };
        let report = Report { reference: receipt.id.clone(), status, at: receipt.done };
        let hand = Hand { answers: vec![from], ..Hand::default() };
        self.hand_in(Told::Report(report), hand);
    }

    /// Somebody has written.
    fn written(&mut self, now: Now, from: (LinkNumber, Handle), message: Box<Message>) {
        let print = print(&message);
        if let Some(id) = self.scraps.same(&print) {
            return self.said_again(now, from, id, message);
        }
        self.scraps.last += 1;
        let id = ScrapId(self.scraps.last);
        let mut key = [0; PRINT];
        self.random.fill(&mut key);
        self.make_room();
        let content = Content::of(&message, self.settings.wording.plain);
        let part = content.part.is_some_and(|part| part.total > 1);
        let what = if part { Kept::Part(message.clone()) } else { Kept::Taken };
        let scrap = Scrap { id, at: now.unix, print, key, what };
        let said = Said {
            print,
            key,
            at: now.unix,
            link: Some(from.0),
            stage: Stage::Keeping,
            waits: if part { vec![from] } else { Vec::new() },
        };
        self.scraps.said.insert(id, said);
        self.scraps.sweep.get_or_insert(now.instant + SWEEP);
        self.outputs.push_back(Output::Keep(scrap));
        if part {
            self.scraps.parts.insert(id, message);
        } else {
            self.tell_one(from, id, &message);
        }
    }

    /// The carrier did not read our answer, or had none.
    fn said_again(
        &mut self,
        now: Now,
        from: (LinkNumber, Handle),
        id: ScrapId,
        message: Box<Message>,
    ) {
        self.counters.repeated += 1;
        let Some(said) = self.scraps.said.get_mut(&id) else { return };
        said.link = Some(from.0);
        match said.stage {
            Stage::Keeping => said.waits.push(from),
            Stage::Handed(receipt) => {
                if let Some(hand) = self.hands.get_mut(&receipt) {
                    hand.answers.push(from);
                }
            }
            Stage::Done(_) => {
                said.stage = Stage::Done(now.instant);
                self.answer(from.0, from.1, Status::OK);
            }
            Stage::Earlier => self.tell_one(from, id, &message),
        }
        self.scraps.sweep.get_or_insert(now.instant + SWEEP);
    }

    fn make_room(&mut self) {
        if self.scraps.said.len() < MOST {
            return;
        }
        let done = |said: &Said| matches!(said.stage, Stage::Done(_) | Stage::Earlier);
        let parts = &self.scraps.parts;
        let oldest =
            self.scraps.said.iter().find(|(id, said)| done(said) && !parts.contains_key(id));
        if let Some(id) = oldest.map(|(id, _)| *id) {
            self.drop_sure(vec![id]);
        }
    }

    fn answer(&mut self, link: LinkNumber, handle: Handle, status: Status) {
        self.outputs.push_back(Output::Answer(link, handle, status));
    }

    /// A message in one part.
    fn tell_one(&mut self, from: (LinkNumber, Handle), id: ScrapId, message: &Message) {
        let Some(said) = self.scraps.said.get(&id) else { return };
        let text = Content::of(message, self.settings.wording.plain).text();
        let numbers = &self.settings.numbers;
        let (writer, own) = (numbers.read(&message.from), numbers.read(&message.to));
        let arrived = arrived(hex(&said.key), writer, own, text);
        let hand = Hand { answers: vec![from], scrap: Some(id), whole: None };
        let receipt = self.hand_in(Told::Arrived(arrived), hand);
        if let Some(said) = self.scraps.said.get_mut(&id) {
            said.stage = Stage::Handed(receipt);
        }
    }

    fn hand_in(&mut self, told: Heard, hand: Hand) -> Receipt {
        self.receipts += 1;
        let receipt = Receipt(self.receipts);
        self.hands.insert(receipt, hand);
        self.tell(Input::Told { receipt, told: vec![told] });
        receipt
    }

    pub(super) fn stored(&mut self, now: Now, receipt: Receipt) {
        let Some(hand) = self.hands.remove(&receipt) else { return };
        self.tally.received += 1;
        if let Some(said) = hand.scrap.and_then(|id| self.scraps.said.get_mut(&id)) {
            said.stage = Stage::Done(now.instant);
        }
        for part in hand.whole.into_iter().flat_map(|whole| whole.parts) {
            self.part_is_whole(now, part);
        }
        for (link, handle) in hand.answers {
            self.answer(link, handle, Status::OK);
        }
    }

    /// It stays with the carrier, which says it again.
    pub(super) fn not_stored(&mut self, now: Now, receipt: Receipt, why: NotStored) {
        let Some(hand) = self.hands.remove(&receipt) else { return };
        if let Some(whole) = hand.whole {
            self.untold.push(Untold { due: now.instant + RETOLD, ..*whole });
        }
        if let Some(id) = hand.scrap {
            self.scraps.comes_again(now, id);
        }
        for (link, handle) in hand.answers {
            self.answer(link, handle, not_kept(why));
        }
    }
}

/// Parts.
impl Carrier {
    /// A part is on the disk, or it is not.
    pub fn handle_kept(&mut self, now: Now, id: ScrapId, kept: bool) {
        let Some(said) = self.scraps.said.get_mut(&id) else { return };
        let waits = std::mem::take(&mut said.waits);
        said.stage = Stage::Done(now.instant);
        let status = if kept { Status::OK } else { not_kept(NotStored::Disk) };
        for (link, handle) in waits {
            self.answer(link, handle, status);
        }
        match self.scraps.parts.get(&id).cloned().filter(|_| kept) {
            Some(message) => {
                self.join(now, id, message);
                self.tell_joined(now);
            }
            None => {
                self.scraps.forget(id);
                self.forget(vec![id]);
            }
        }
    }

    fn join(&mut self, now: Now, id: ScrapId, message: Box<Message>) {
        let content = Content::of(&message, self.settings.wording.plain);
        let origin =
            Origin { link: String::new(), from: shown(&message.from), to: shown(&message.to) };
        self.scraps.parts.insert(id, message);
        if let Some(again) = self.joiner.handle_part(now, origin, content, id) {
            // The same part is there already.
            self.scraps.parts.remove(&again);
            self.write_whole(again);
        }
    }

    fn tell_joined(&mut self, now: Now) {
        while let Some(joined) = self.joiner.poll_output() {
            let Joined { parts, text, .. } = joined;
            let keys = parts.iter().filter_map(|id| self.scraps.said.get(id));
            let keys: Vec<u8> = keys.flat_map(|said| said.key).collect();
            let first = parts.first().and_then(|id| self.scraps.parts.get(id));
            let Some(message) = first else { continue };
            let numbers = &self.settings.numbers;
            let (writer, own) = (numbers.read(&message.from), numbers.read(&message.to));
            let told = arrived(hex(&hash(&keys)), writer, own, text);
            self.tell_whole(Untold { told, parts, due: now.instant });
        }
    }

    fn tell_whole(&mut self, untold: Untold) {
        let told = Told::Arrived(untold.told.clone());
        let hand = Hand { whole: Some(Box::new(untold)), ..Hand::default() };
        self.hand_in(told, hand);
    }

    /// A part of something that is stored: what remains is that it may be said again.
    fn part_is_whole(&mut self, now: Now, id: ScrapId) {
        self.scraps.parts.remove(&id);
        let unsure = self.scraps.said.get(&id).is_some_and(|said| {
            let sure = matches!(said.stage, Stage::Done(at) if at + SURE <= now.instant);
            let waits = self.scraps.before.contains_key(&said.print);
            waits || (said.link.is_some() && !sure)
        });
        if unsure {
            self.write_whole(id);
        } else {
            self.scraps.forget(id);
            self.forget(vec![id]);
        }
    }

    fn write_whole(&mut self, id: ScrapId) {
        let Some(Said { print, key, at, .. }) = self.scraps.said.get(&id) else { return };
        let scrap = Scrap { id, at: *at, print: *print, key: *key, what: Kept::Whole };
        self.outputs.push_back(Output::Keep(scrap));
    }
}

fn arrived(
    key: String,
    from: Address,
    to: Address,
    text: Option<String>,
) -> Box<Arrived<crate::messaging::Media<String>>> {
    let mut arrived = Arrived::text(key, from, String::new());
    arrived.to = Some(to).filter(|to| !to.value.is_empty());
    arrived.pieces = vec![match text {
        Some(text) => Piece::text(text),
        None => Piece::Missing { name: None, mime: Some(DATA.to_owned()) },
    }];
    Box::new(arrived)
}

/// What a receipt tells; nothing where it tells nothing.
fn stands(receipt: &receipt::Receipt) -> Option<Stands> {
    let failed = |fault| {
        let words = [receipt.state.word(), receipt.error.as_str()];
        Stands::Failed(Failure { fault, code: words.join(" ").trim_end().to_owned() })
    };
    Some(match receipt.state {
        State::Delivered => Stands::Delivered,
        // Some carriers say so of what they have taken, and something else comes after it.
        State::Accepted | State::Enroute | State::Scheduled => Stands::Sent,
        State::Expired => failed(Fault::Expired),
        State::Undeliverable | State::Deleted | State::Skipped | State::Rejected => {
            failed(Fault::Unknown)
        }
        State::Unknown => return None,
    })
}

/// The same said again has the same; numbers that a link counts by itself are not in it.
fn print(message: &Message) -> [u8; PRINT] {
    let mut said = Vec::with_capacity(64 + message.octets().len());
    for address in [&message.from, &message.to] {
        said.extend_from_slice(&[address.ton, address.npi]);
        said.extend_from_slice(&address.text.0);
        said.push(0);
    }
    said.extend_from_slice(&[message.esm_class, message.data_coding]);
    for tag in [tag::USER_MESSAGE_REFERENCE, tag::SAR_REFERENCE, tag::SAR_TOTAL, tag::SAR_NUMBER] {
        let value = message.tlvs.number(tag).map_or(u64::MAX, u64::from);
        said.extend_from_slice(&value.to_be_bytes());
    }
    said.extend_from_slice(message.octets());
    hash(&said)
}

fn hash(bytes: &[u8]) -> [u8; PRINT] {
    let mut hash = [0; PRINT];
    for (own, byte) in hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *own = *byte;
    }
    hash
}

fn hex(bytes: &[u8; PRINT]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shown(address: &crate::smpp::pdu::Address) -> String {
    format!("{} {} {}", address.ton, address.npi, address.text)
}
