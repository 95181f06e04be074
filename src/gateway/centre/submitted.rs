//! What applications submit: checked, taken once, answered when it is on the disk.

use std::time::{Duration, Instant};

use ring::hmac;

use super::*;
use crate::messaging::application::{
    AGAIN, Asker, Hears, LONGEST_WORD, Part, Recent, Refused, Submission,
};
use crate::messaging::channel::NotStored;
use crate::messaging::{Address, Fingerprint, Kind};
use crate::smpp::join::{Joined, Origin};
use crate::smpp::pdu::{KIND, Message, Named, Text};
use crate::smpp::schedule;
use crate::smpp::text::Content;
use crate::smpp::tlv::tag;

/// Time after which a link that still stands has carried our answer.
const SURE: Duration = Duration::from_secs(90);
/// How often is looked what is sure by now.
const SWEEP: Duration = Duration::from_secs(10);
/// What is remembered so, at most: a minute and a half of 500 a second. Beyond it the oldest counts as answered.
const MOST_SAID: usize = 50_000;
/// Submissions that wait for the disk: a turn of it takes milliseconds.
const MOST_WAITING: usize = 4_096;
/// Characters of the longest text: what 255 parts carry of any script.
const LONGEST: usize = 255 * 66;
/// Smallest number with as many digits as an id of ours has, and how many there are of them.
const FIRST_ID: u64 = 1_000_000_000_000_000_000;

/// By what a request is answered, and whether it was a `data_sm`.
type Asked = (LinkId, Handle, bool);

/// Something that was submitted.
#[derive(Debug)]
pub(super) struct Said {
    application: ApplicationId,
    print: [u8; 16],
    /// What the application is told that it is called.
    called: String,
    /// The link on which it was said; nothing when that has ended.
    link: Option<LinkId>,
    /// Since when it is on the disk; nothing: it is on its way there.
    done: Option<Instant>,
    /// Who waits for that.
    waits: Vec<Asked>,
}

/// What was handed in.
#[derive(Debug)]
pub(super) enum Hand {
    /// A message in one part.
    One(u64),
    /// One that was put together.
    Whole(Box<Untold>),
}

/// A text that was in parts, and is not in the ledger.
#[derive(Debug)]
pub(super) struct Untold {
    submission: Submission,
    parts: Vec<ScrapId>,
    due: Instant,
}

/// Times.
impl Centre {
    pub(super) fn submitted_deadline(&self) -> Option<Instant> {
        let untold = self.untold.iter().map(|untold| untold.due).min();
        earliest(earliest(untold, self.sweep), earliest(self.until, self.joiner.deadline()))
    }

    pub(super) fn submitted_due(&mut self, now: Now) {
        let due = |untold: &mut Untold| untold.due <= now.instant;
        let due: Vec<Untold> = self.untold.extract_if(.., due).collect();
        due.into_iter().for_each(|untold| self.hand_in_whole(untold));
        if self.joiner.deadline().is_some_and(|at| at <= now.instant) {
            self.joiner.handle_timeout(now);
            self.tell_joined(now);
        }
        if self.until.is_some_and(|until| until <= now.instant) {
            self.until = None;
            let before = std::mem::take(&mut self.before);
            before.into_values().flatten().for_each(|said| drop(self.said.remove(&said)));
        }
        if self.sweep.is_some_and(|at| at <= now.instant) {
            let sure = |said: &Said| {
                said.link.is_some() && said.done.is_some_and(|at| at + SURE <= now.instant)
            };
            self.said.retain(|_, said| !sure(said));
            let open = self.said.values().any(|said| said.link.is_some());
            self.sweep = open.then(|| now.instant + SWEEP);
        }
    }
}

/// What an earlier run has left, and links that end.
impl Centre {
    pub(super) fn take_up(&mut self, now: Now, scraps: Vec<Scrap>) {
        for scrap in scraps {
            self.last = self.last.max(scrap.id.0);
            if self.settings.applications.contains_key(&scrap.application) {
                let print = self.print(&scrap.message);
                let (application, called) = (scrap.application.clone(), scrap.called.clone());
                self.remember_earlier(now, scrap.id.0, (application, print, called));
                self.join(now, scrap);
            } else {
                self.outputs.push_back(Output::Forget(vec![scrap.id]));
            }
        }
        self.tell_joined(now);
    }

    /// What was taken shortly before the box ended: an application may not have read the answer.
    pub(super) fn take_recent(&mut self, now: Now, recent: Vec<Recent>) {
        let newest = recent.iter().map(|one| one.at).max().unwrap_or_default();
        for one in recent.into_iter().filter(|one| newest.since(one.at) <= SURE) {
            self.last += 1;
            let Part { id, print, .. } = one.part;
            self.remember_earlier(now, self.last, (one.application, print.0, id));
        }
    }

    fn remember_earlier(
        &mut self,
        now: Now,
        number: u64,
        (application, print, called): (ApplicationId, [u8; 16], String),
    ) {
        let place = (application.clone(), print);
        let (link, done, waits) = (None, Some(now.instant), Vec::new());
        self.said.insert(number, Said { application, print, called, link, done, waits });
        self.before.entry(place).or_default().push_back(number);
        self.until = Some(now.instant + AGAIN);
    }

    pub(super) fn link_ended(&mut self, now: Now, link: LinkId) {
        let theirs = self.said.iter_mut().filter(|(_, said)| said.link == Some(link));
        let mut sure = Vec::new();
        for (number, said) in theirs {
            said.link = None;
            said.waits.retain(|(own, ..)| *own != link);
            if said.done.is_some_and(|at| at + SURE <= now.instant) {
                sure.push(*number);
            } else {
                let place = (said.application.clone(), said.print);
                self.before.entry(place).or_default().push_back(*number);
            }
        }
        for number in sure {
            self.said.remove(&number);
        }
        if !self.before.is_empty() {
            self.until = Some(now.instant + AGAIN);
        }
    }
}

/// What is asked.
impl Centre {
    /// An application asks something.
    pub fn handle_asked(
        &mut self,
        now: Now,
        link: LinkId,
        system_id: &str,
        (handle, pdu): (Handle, Pdu),
    ) {
        let from = (link, handle);
        let Some(name) = self.names.get(system_id).cloned() else {
            return self.answer(from, Status::SYSTEM_ERROR, None);
        };
        let (message, data) = match pdu {
            Pdu::Submit(message) => (message, false),
            Pdu::Data(message) => (message, true),
            // What is in the ledger is asked and taken back over the API.
            Pdu::Query(_) => return self.answer(from, Status::QUERY_FAILED, None),
            Pdu::Cancel(_) => return self.answer(from, Status::CANCEL_FAILED, None),
            Pdu::Replace(_) => return self.answer(from, Status::REPLACE_FAILED, None),
            _ => return self.answer(from, Status::INVALID_COMMAND, None),
        };
        if let Err(status) = self.submit(now, (link, handle, data), &name, message) {
            let links = self.links.entry(name.clone()).or_default();
            links.refused += 1;
            self.error(&name, status);
            self.answer(from, status, None);
        }
    }

    fn submit(
        &mut self,
        now: Now,
        from: Asked,
        name: &ApplicationId,
        message: Box<Message>,
    ) -> Result<(), Status> {
        let submission = self.submission(now, name, &message)?;
        let print = self.print(&message);
        if let Some(number) = self.same(name, print) {
            return self.said_again(now, from, number);
        }
        if self.hands.len() >= MOST_WAITING {
            return Err(Status::THROTTLED);
        }
        self.last += 1;
        let number = self.last;
        let called = (FIRST_ID + self.random.below(9 * FIRST_ID)).to_string();
        let (application, link, waits) = (name.clone(), Some(from.0), vec![from]);
        let said = Said { application, print, called: called.clone(), link, done: None, waits };
        self.make_room();
        self.said.insert(number, said);
        self.sweep.get_or_insert(now.instant + SWEEP);
        if self.content(name, &message).part.is_some_and(|part| part.total > 1) {
            let (id, application, at) = (ScrapId(number), name.clone(), now.unix);
            let scrap = Scrap { id, application, at, called, message };
            self.parts.insert(id, scrap.clone());
            self.outputs.push_back(Output::Keep(scrap));
            return Ok(());
        }
        let part = Part { id: called, print: Fingerprint(print), hears: hears(&message) };
        let submission =
            Submission { asker: Asker { parts: vec![part], ..submission.asker }, ..submission };
        self.hands.insert(WishTicket(number), Hand::One(number));
        self.tell(Input::Submit(WishTicket(number), Box::new(submission)));
        Ok(())
    }

    /// The application did not read our answer, or had none.
    fn said_again(&mut self, now: Now, from: Asked, number: u64) -> Result<(), Status> {
        self.repeated += 1;
        let said = self.said.get_mut(&number).ok_or(Status::SYSTEM_ERROR)?;
        said.link = Some(from.0);
        said.waits.push(from);
        if said.done.is_some() {
            self.done(now, number);
        }
        self.sweep.get_or_insert(now.instant + SWEEP);
        Ok(())
    }

    fn same(&mut self, name: &ApplicationId, print: [u8; 16]) -> Option<u64> {
        let place = (name.clone(), print);
        let numbers = self.before.get_mut(&place)?;
        let number = numbers.pop_front();
        if numbers.is_empty() {
            self.before.remove(&place);
        }
        number
    }

    fn make_room(&mut self) {
        if self.said.len() < MOST_SAID {
            return;
        }
        let oldest = self.said.iter().find(|(_, said)| said.done.is_some());
        if let Some(number) = oldest.map(|(number, _)| *number)
            && let Some(said) = self.said.remove(&number)
            && let Some(numbers) = self.before.get_mut(&(said.application, said.print))
        {
            numbers.retain(|own| *own != number);
        }
    }

    /// It is on the disk: everybody who waits for it is answered.
    fn done(&mut self, now: Now, number: u64) {
        let Some(said) = self.said.get_mut(&number) else { return };
        said.done = Some(now.instant);
        let (waits, called) = (std::mem::take(&mut said.waits), said.called.clone());
        for (link, handle, data) in waits {
            let named = Named { id: Text::from(called.as_str()), ..Named::default() };
            let pdu = if data { Pdu::DataResp(named) } else { Pdu::SubmitResp(named) };
            self.answer((link, handle), Status::OK, Some(pdu));
        }
    }

    fn not_done(&mut self, number: u64, status: Status) {
        let Some(said) = self.said.remove(&number) else { return };
        if let Some(numbers) = self.before.get_mut(&(said.application.clone(), said.print)) {
            numbers.retain(|own| *own != number);
        }
        self.error(&said.application, status);
        for (link, handle, _) in said.waits {
            self.answer((link, handle), status, None);
        }
    }

    pub(super) fn stored(&mut self, now: Now, ticket: WishTicket) {
        match self.hands.remove(&ticket) {
            Some(Hand::One(number)) => {
                self.count_taken(number);
                self.done(now, number);
            }
            Some(Hand::Whole(whole)) => self.forget_parts(whole.parts),
            None => {}
        }
    }

    fn count_taken(&mut self, number: u64) {
        if let Some(said) = self.said.get(&number) {
            self.links.entry(said.application.clone()).or_default().taken += 1;
        }
    }

    pub(super) fn not_stored(&mut self, now: Now, ticket: WishTicket, why: Refused) {
        let status = match why {
            // It comes again, and it comes slower.
            Refused::NotNow(NotStored::TooMuch | NotStored::NotReady) => Status::THROTTLED,
            Refused::NotNow(NotStored::Disk) => Status::SYSTEM_ERROR,
            Refused::NoChannel | Refused::Different => Status::SUBMIT_FAILED,
        };
        match self.hands.remove(&ticket) {
            Some(Hand::One(number)) => self.not_done(number, status),
            Some(Hand::Whole(whole)) if matches!(why, Refused::NotNow(_)) => {
                self.untold.push(Untold { due: now.instant + BREATH, ..*whole });
            }
            // Nothing would be other the next time.
            Some(Hand::Whole(whole)) => self.forget_parts(whole.parts),
            None => {}
        }
    }

    fn forget_parts(&mut self, parts: Vec<ScrapId>) {
        parts.iter().for_each(|id| drop(self.parts.remove(id)));
        self.outputs.push_back(Output::Forget(parts));
    }
}

/// Parts.
impl Centre {
    /// A part is on the disk, or it is not.
    pub fn handle_kept(&mut self, now: Now, id: ScrapId, kept: bool) {
        if !kept {
            self.parts.remove(&id);
            self.outputs.push_back(Output::Forget(vec![id]));
            return self.not_done(id.0, Status::SYSTEM_ERROR);
        }
        self.count_taken(id.0);
        self.done(now, id.0);
        if let Some(scrap) = self.parts.get(&id).cloned() {
            self.join(now, scrap);
            self.tell_joined(now);
        }
    }

    fn join(&mut self, now: Now, scrap: Scrap) {
        let content = self.content(&scrap.application, &scrap.message);
        let origin = Origin {
            link: scrap.application.to_string(),
            from: shown(&scrap.message.from),
            to: shown(&scrap.message.to),
        };
        let id = scrap.id;
        self.parts.insert(id, scrap);
        if let Some(again) = self.joiner.handle_part(now, origin, content, id) {
            // The same part is there already; it was answered, and is nobody's message.
            self.forget_parts(vec![again]);
        }
    }

    fn tell_joined(&mut self, now: Now) {
        while let Some(joined) = self.joiner.poll_output() {
            let Joined { parts, text, .. } = joined;
            let scraps: Vec<Scrap> =
                parts.iter().filter_map(|id| self.parts.get(id).cloned()).collect();
            let first = scraps.first().map(|scrap| (scrap.application.clone(), scrap.clone()));
            let made = first.and_then(|(name, first)| {
                let made = self.submission(now, &name, &first.message).ok()?;
                Some(Submission { text: text?, ..made })
            });
            let Some(made) = made else {
                self.forget_parts(parts);
                continue;
            };
            let part = |scrap: &Scrap| Part {
                id: scrap.called.clone(),
                print: Fingerprint(self.print(&scrap.message)),
                hears: hears(&scrap.message),
            };
            let asker = Asker { parts: scraps.iter().map(part).collect(), ..made.asker };
            let submission = Submission { asker, whole: true, ..made };
            self.hand_in_whole(Untold { submission, parts, due: now.instant });
        }
    }

    fn hand_in_whole(&mut self, untold: Untold) {
        self.last += 1;
        let ticket = WishTicket(self.last);
        let submission = Box::new(untold.submission.clone());
        self.hands.insert(ticket, Hand::Whole(Box::new(untold)));
        self.tell(Input::Submit(ticket, submission));
    }
}

/// What it says.
impl Centre {
    fn content(&self, name: &ApplicationId, message: &Message) -> Content {
        let own = self.settings.applications.get(name);
        Content::of(message, own.map(|own| own.wording.plain).unwrap_or_default())
    }

    /// What a message asks for, but for what its application is told that it is called.
    fn submission(
        &self,
        now: Now,
        name: &ApplicationId,
        message: &Message,
    ) -> Result<Submission, Status> {
        let own = self.settings.applications.get(name).ok_or(Status::SYSTEM_ERROR)?;
        if message.esm_class & KIND != 0 {
            return Err(Status::INVALID_ESM_CLASS);
        }
        if message.replace != 0 {
            return Err(Status::INVALID_REPLACE_FLAG);
        }
        let to = self.settings.numbers.read(&message.to);
        if !own.destinations.iter().any(|pattern| allows(pattern, &to)) {
            return Err(Status::INVALID_DESTINATION);
        }
        let not_before = schedule::read(&message.schedule, now);
        let not_before = not_before.map_err(|_| Status::INVALID_SCHEDULE)?;
        let until = schedule::read(&message.validity, now);
        let until = until.map_err(|_| Status::INVALID_VALIDITY)?;
        if until.is_some_and(|until| until <= not_before.unwrap_or(now.unix)) {
            return Err(Status::INVALID_VALIDITY);
        }
        let content = self.content(name, message);
        let text = content.text().ok_or(Status::INVALID_DATA_CODING)?;
        let length = text.chars().count();
        if length == 0 || length > LONGEST {
            return Err(Status::INVALID_MESSAGE_LENGTH);
        }
        let asker =
            Asker { application: name.clone(), from: message.from.shown(), parts: Vec::new() };
        Ok(Submission {
            asker,
            channels: own.channels.clone(),
            to,
            text,
            purpose: own.purpose.clone(),
            until,
            not_before,
            whole: false,
        })
    }

    /// The same said again has the same.
    fn print(&self, message: &Message) -> [u8; 16] {
        let mut said = Vec::with_capacity(64 + message.octets().len());
        for address in [&message.from, &message.to] {
            said.extend_from_slice(&[address.ton, address.npi]);
            said.extend_from_slice(&address.text.0);
            said.push(0);
        }
        said.extend_from_slice(&[message.esm_class, message.data_coding]);
        for tag in
            [tag::USER_MESSAGE_REFERENCE, tag::SAR_REFERENCE, tag::SAR_TOTAL, tag::SAR_NUMBER]
        {
            let value = message.tlvs.number(tag).map_or(u64::MAX, u64::from);
            said.extend_from_slice(&value.to_be_bytes());
        }
        said.extend_from_slice(message.octets());
        let tag = hmac::sign(&self.settings.print, &said);
        let mut print = [0; 16];
        for (own, byte) in print.iter_mut().zip(tag.as_ref()) {
            *own = *byte;
        }
        print
    }
}

/// Whether an address is one that a pattern means.
fn allows(pattern: &str, to: &Address) -> bool {
    let good = match to.kind {
        Kind::Phone => to.value.len() <= LONGEST_WORD && to.value.starts_with('+'),
        _ => to.value.len() <= LONGEST_WORD && to.value.bytes().all(|b| b.is_ascii_alphanumeric()),
    };
    good && !to.value.is_empty()
        && match pattern.strip_suffix('*') {
            Some(start) => to.value.starts_with(start),
            None => to.value == pattern,
        }
}

/// SMPP 3.4 section 5.2.17, and 5.0 for the last.
fn hears(message: &Message) -> Hears {
    match message.registered_delivery & 0x03 {
        0 => Hears::Nothing,
        1 => Hears::End,
        2 => Hears::Failure,
        _ => Hears::Success,
    }
}

fn shown(address: &crate::smpp::pdu::Address) -> String {
    format!("{} {} {}", address.ton, address.npi, address.text)
}
