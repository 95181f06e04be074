//! What channels tell: looked up, taken in once, and acknowledged when it is on the disk.

use std::time::Duration;

use super::{
    After, Ask, BOX, Fact, Found, Happened, LONGEST_WAIT, Ledger, Look, MOST_LOOKS, REFUSAL, Told,
    Wish, words,
};
use crate::id::{ChannelId, ContactId, ConversationId, MessageId};
use crate::messaging::address::Address;
use crate::messaging::application::Given;
use crate::messaging::channel::{Heard, NotStored, Receipt};
use crate::messaging::contract::{Arrived, Refusal, Report, Status};
use crate::messaging::entry::{Entry, Fingerprint, Way, What};
use crate::messaging::ledger::Happened::Typing;
use crate::messaging::piece::{Media, Piece};
use crate::messaging::record::Message;
use crate::time::Now;

/// People who were told lately that STOP was understood: they are not told again for whatever they repeat.
const MOST_CONFIRMED: usize = 10_000;
/// For how long.
const CONFIRMED: Duration = Duration::from_secs(24 * 3_600);
/// People of whom it is known when they wrote last by a channel that asks for it. Beyond it the provider says so.
const MOST_HEARD: usize = 20_000;

/// Taking in.
impl Ledger {
    pub(super) fn told(
        &mut self,
        now: Now,
        channel: &ChannelId,
        receipt: Receipt,
        told: Told,
        key: &dyn Fn(&str) -> Fingerprint,
    ) {
        let place = (channel.clone(), receipt);
        // One more for the receipt itself, so that it is not done before all of it has been looked at.
        self.receipts.insert(place, told.len() + 1);
        let why = match () {
            () if !self.healthy => Some(NotStored::Disk),
            () if !self.ready => Some(NotStored::NotReady),
            () if self.looks.len() + told.len() > MOST_LOOKS || self.is_full() => {
                Some(NotStored::TooMuch)
            }
            () => None,
        };
        if let Some(why) = why {
            return self.turn_away(channel, receipt, why);
        }
        for one in told {
            match one {
                Heard::Arrived(arrived) => {
                    let key = key(&arrived.key);
                    self.look_for_writer(channel, receipt, arrived, key);
                }
                Heard::Report(report) => self.report(now, channel, receipt, report),
                Heard::Typing { from, on } => {
                    let happened = Typing { channel: channel.clone(), from, on };
                    self.outputs.push_back(super::Output::Happened(happened));
                    self.done_with(channel, receipt);
                }
                Heard::ReadUpTo { from, reference, at } => match reference {
                    Some(reference) => {
                        let report = Report { reference, status: Status::Read, at: Some(at) };
                        self.report(now, channel, receipt, report);
                    }
                    None => self.read_up_to(now, (channel, receipt), &from, at),
                },
            }
        }
        self.done_with(channel, receipt);
    }

    fn look_for_writer(
        &mut self,
        channel: &ChannelId,
        receipt: Receipt,
        arrived: Box<Arrived<Media<String>>>,
        key: Fingerprint,
    ) {
        let ask = Ask {
            address: Some(arrived.from.clone()),
            thread: arrived.thread.clone(),
            channel: channel.clone(),
            keys: vec![key],
            references: arrived.answers.iter().cloned().collect(),
        };
        self.look(Look::Arrived(channel.clone(), receipt, arrived, key), ask);
    }

    /// The look-up store answers; nothing: it cannot yet.
    pub fn handle_found(&mut self, now: Now, look: u64, found: Option<Found>) {
        let Some(look) = self.looks.remove(&look) else { return };
        match (look, found) {
            // Whatever was looked up before the disk failed is looked up again by whoever comes again.
            (Look::Arrived(channel, receipt, ..) | Look::Report(channel, receipt, _), None) => {
                self.turn_away(&channel, receipt, NotStored::NotReady);
            }
            (Look::Arrived(channel, receipt, arrived, key), Some(found)) => {
                if self.receipts.contains_key(&(channel.clone(), receipt)) {
                    self.take_in(now, (&channel, receipt), *arrived, key, &found);
                }
            }
            (Look::Report(channel, receipt, report), Some(found)) => {
                if self.receipts.contains_key(&(channel.clone(), receipt)) {
                    self.named(now, (channel, receipt), report, &found);
                }
            }
            (Look::Wish(ticket, wish), found) => self.wish_found(now, ticket, *wish, found),
        }
        self.forget();
    }

    fn take_in(
        &mut self,
        now: Now,
        (channel, receipt): (&ChannelId, Receipt),
        arrived: Arrived<Media<String>>,
        key: Fingerprint,
        found: &Found,
    ) {
        let done = After::Receipt(channel.clone(), receipt);
        if self.memory.has(key) || found.seen.contains(&key) {
            self.counts.repeated += 1;
            // What stands before it may not be on the disk yet.
            return self.record(Vec::new(), vec![done], Vec::new());
        }
        let mut facts = Vec::new();
        let mut memos = vec![self.memory.note_key(key)];
        let contact = self.person(&arrived.from, found, &arrived.name, &mut facts, &mut memos);
        let refusal = arrived.refusal.or_else(|| self.meaning(&arrived));
        let way = Way {
            channel: channel.clone(),
            work: self.work(channel),
            kind: arrived.from.kind,
            peer: arrived.from.value.clone(),
            thread: arrived.thread.clone(),
            own: arrived.to.clone(),
        };
        let answered = arrived.answers.as_ref();
        let answered = answered.and_then(|reference| self.answered(channel, reference, found));
        // Whoever answers goes on with what they were told, though the channel has lost or never had a thread.
        let theirs = answered.filter(|(_, _, with)| *with == contact);
        let conversation = match theirs {
            Some((_, conversation, _)) => {
                let talk = (contact, way.channel.clone(), way.thread.clone());
                memos.push(self.memory.note_talk(talk, conversation));
                conversation
            }
            None => self.talk(contact, &way, found, &mut memos),
        };
        let message = MessageId(self.random.bits());
        let given = self.given(channel, arrived.to.as_ref(), &arrived.pieces);
        let answers = answered.map(|(message, ..)| message);
        let what = What::Arrived {
            message,
            way: way.clone(),
            key,
            sent: arrived.at,
            pieces: arrived.pieces,
            subject: arrived.subject,
            answers,
            refusal,
            automatic: arrived.automatic,
            name: Some(arrived.reference.unwrap_or_else(|| arrived.key.clone())),
            proved: arrived.proved,
            given,
        };
        let entry = Entry { at: now.unix, conversation, contact, what };
        let message = Message::begun(&entry).map(Box::new);
        facts.push(Fact::Entry(Box::new(entry)));
        if let Some(given) = consent(refusal) {
            facts.push(Fact::Consent { contact, channel: channel.clone(), given });
        }
        self.note_heard(now, channel, &arrived.from);
        let automatic = arrived.automatic;
        let told = message.map(|message| {
            After::Tell(Happened::Written { message, reference: Some(arrived.key) })
        });
        self.record(facts, [done].into_iter().chain(told).collect(), memos);
        if arrived.refusal.is_none() && !automatic {
            self.confirm(now, way, (contact, conversation), refusal);
        }
    }

    /// The message that a channel calls so, in which conversation, and with whom.
    fn answered(
        &self,
        channel: &ChannelId,
        reference: &str,
        found: &Found,
    ) -> Option<(MessageId, ConversationId, ContactId)> {
        let place = (channel.clone(), reference.to_owned());
        let open = self.references.get(&place).and_then(|message| {
            let out = self.outs.get(message)?;
            Some((*message, out.conversation, out.contact))
        });
        let named = found.named.iter().find(|named| named.reference == reference);
        open.or(named.map(|named| (named.message, named.conversation, named.contact)))
    }

    /// Whose an address is: as was just written down, else as the store knows, else a new contact's.
    pub(super) fn person(
        &mut self,
        address: &Address,
        found: &Found,
        name: &Option<String>,
        facts: &mut Vec<Fact>,
        memos: &mut Vec<super::Memo>,
    ) -> ContactId {
        if let Some(contact) = self.memory.contact(address).or(found.contact) {
            return contact;
        }
        let contact = ContactId(self.random.bits());
        memos.push(self.memory.note_contact(address, contact));
        facts.push(Fact::Met { contact, address: address.clone(), name: name.clone() });
        contact
    }

    /// The conversation in which something is said.
    pub(super) fn talk(
        &mut self,
        contact: ContactId,
        way: &Way<String>,
        found: &Found,
        memos: &mut Vec<super::Memo>,
    ) -> ConversationId {
        let talk = (contact, way.channel.clone(), way.thread.clone());
        let conversation = match self.memory.talk(&talk).or(found.conversation) {
            Some(conversation) => conversation,
            None => ConversationId(self.random.bits()),
        };
        memos.push(self.memory.note_talk(talk, conversation));
        conversation
    }

    /// The application that gets a text, where the site says so.
    fn given(
        &self,
        channel: &ChannelId,
        to: Option<&Address>,
        pieces: &[Piece<String>],
    ) -> Option<Box<Given>> {
        let text = pieces.iter().find_map(|piece| match piece {
            Piece::Text { text } => Some(text.as_str()),
            _ => None,
        });
        let rules = &self.settings.applications;
        let rule = rules.iter().find(|rule| rule.takes(channel, to, text))?;
        let (application, to) = (rule.application.clone(), to.map(|to| to.value.clone()));
        Some(Box::new(Given { application, to }))
    }

    /// What somebody means who wrote nothing but one word.
    fn meaning(&self, arrived: &Arrived<Media<String>>) -> Option<Refusal> {
        match arrived.pieces.as_slice() {
            [Piece::Text { text }] if !arrived.automatic => {
                words::meaning(text, &self.settings.languages)
            }
            _ => None,
        }
    }

    /// Answers STOP or START, once.
    fn confirm(
        &mut self,
        now: Now,
        way: Way<String>,
        (contact, conversation): (ContactId, ConversationId),
        refusal: Option<Refusal>,
    ) {
        let text = refusal.and_then(|of| words::confirmation(of, &self.settings.languages));
        let Some(text) = text else { return };
        let address = way.address();
        let stop = refusal == Some(Refusal::Stop);
        let before = self.confirmed.get(&address).copied();
        if stop && before.is_some_and(|at| now.unix.since(at) < CONFIRMED) {
            return;
        }
        if stop {
            if self.confirmed.len() >= MOST_CONFIRMED {
                self.confirmed.retain(|_, at| now.unix.since(*at) < CONFIRMED);
            }
            if self.confirmed.len() >= MOST_CONFIRMED {
                self.confirmed.pop_first();
            }
            self.confirmed.insert(address, now.unix);
        } else {
            self.confirmed.remove(&address);
        }
        let wish = Wish {
            way,
            known: Some((contact, Some(conversation))),
            pieces: vec![Piece::text(text)],
            subject: None,
            answers: None,
            quote: None,
            by: BOX.into(),
            purpose: REFUSAL.to_owned(),
            reply: true,
            until: now.unix + LONGEST_WAIT,
            not_before: None,
            once: None,
            asker: None,
        };
        self.queue(now, None, wish, &Found::default());
    }

    fn note_heard(&mut self, now: Now, channel: &ChannelId, from: &Address) {
        let Some(window) = self.window(channel) else { return };
        if self.heard.len() >= MOST_HEARD {
            self.heard.retain(|_, at| now.unix.since(*at) < window);
        }
        if self.heard.len() < MOST_HEARD {
            self.heard.insert((channel.clone(), from.clone()), now.unix);
        }
    }
}

/// Whether somebody allows messages by what they wrote.
fn consent(refusal: Option<Refusal>) -> Option<bool> {
    match refusal? {
        Refusal::Stop => Some(false),
        Refusal::Start => Some(true),
        Refusal::Help => None,
    }
}
