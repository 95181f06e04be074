//! What applications are owed: receipts and texts, each until it was taken.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::messaging::application::{Due, Owed};
use crate::messaging::contract::Fault;
use crate::messaging::{State as Stands, Stop, Why};
use crate::smpp::pdu::{Address, Message, RECEIPT};
use crate::smpp::receipt::{Receipt, State};
use crate::smpp::session::{Fate, Unsent};
use crate::smpp::status::Meaning;
use crate::smpp::text::parts;
use crate::time::UnixTime;

/// What is on its way to one application at a time: a window's worth.
const MOST_FLYING: usize = 20;
/// The longest pause after an application has taken nothing; the first is [`BREATH`], and each twice as long.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One thing that an application is owed.
#[derive(Debug)]
struct Item {
    place: u64,
    /// What of it has not been taken.
    messages: VecDeque<Message>,
}

/// What waits for one application.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// By its place: the order in which it became due.
    items: BTreeMap<u64, Item>,
    flying: BTreeMap<Ticket, Item>,
    paused: Option<Instant>,
    pauses: u32,
}

impl Outbox {
    pub(super) fn waiting(&self) -> usize {
        self.items.len() + self.flying.len()
    }
}

impl Centre {
    pub(super) fn outgoing_deadline(&self) -> Option<Instant> {
        self.outbox.values().filter_map(|outbox| outbox.paused).min()
    }

    pub(super) fn outgoing_due(&mut self, now: Now) {
        let over = |outbox: &Outbox| outbox.paused.is_some_and(|until| until <= now.instant);
        let over: Vec<_> = self
            .outbox
            .iter()
            .filter(|(_, outbox)| over(outbox))
            .map(|(name, _)| name.clone())
            .collect();
        for name in over {
            self.outbox.entry(name.clone()).or_default().paused = None;
            self.pump(&name);
        }
    }

    /// An application is owed something; the words of a text are with it.
    pub(super) fn owe(&mut self, _now: Now, place: u64, due: Due<String>, words: Option<String>) {
        let name = due.application.clone();
        let Some(own) = self.settings.applications.get(&name) else {
            // It is no application of the site any more.
            return self.tell(Input::Heard(place));
        };
        let messages: VecDeque<Message> = match &due.what {
            Owed::Receipt { .. } => [receipt(&due)].into_iter().flatten().collect(),
            Owed::Text { to } => {
                self.reference = self.reference.wrapping_add(1);
                let head = Message {
                    from: Address::of(&due.peer),
                    to: to.as_deref().map(Address::of).unwrap_or_default(),
                    ..Message::default()
                };
                let words = words.unwrap_or_default();
                // A text that is too long for any number of parts never came in as one.
                let parts = parts(&words, own.wording, self.reference).unwrap_or_default();
                parts.into_iter().map(|part| part.put(head.clone())).collect()
            }
        };
        if messages.is_empty() {
            return self.tell(Input::Heard(place));
        }
        let outbox = self.outbox.entry(name.clone()).or_default();
        let flies = outbox.flying.values().any(|item| item.place == place);
        if !flies {
            outbox.items.entry(place).or_insert(Item { place, messages });
        }
        self.pump(&name);
        self.tell_state();
    }

    /// An application has bound: what waits goes out at once.
    pub(super) fn listens(&mut self, _now: Now, name: &ApplicationId) {
        let outbox = self.outbox.entry(name.clone()).or_default();
        (outbox.paused, outbox.pauses) = (None, 0);
        self.pump(name);
    }

    fn pump(&mut self, name: &ApplicationId) {
        let links = self.links.get(name);
        let listens = links.is_some_and(|links| links.bound.values().any(|receives| *receives));
        let own = self.settings.applications.get(name);
        let Some(system_id) = own.map(|own| own.system_id.clone()).filter(|_| listens) else {
            return;
        };
        let Some(outbox) = self.outbox.get_mut(name).filter(|own| own.paused.is_none()) else {
            return;
        };
        while outbox.flying.len() < MOST_FLYING {
            let Some((_, item)) = outbox.items.pop_first() else { return };
            let Some(message) = item.messages.front().cloned() else { continue };
            self.tickets += 1;
            let ticket = Ticket(self.tickets);
            let pdu = Pdu::Deliver(Box::new(message));
            outbox.flying.insert(ticket, item);
            self.flights.insert(ticket, name.clone());
            let sending = Sending { ticket, pdu, until: None };
            self.outputs.push_back(Output::Send(system_id.clone(), sending));
        }
    }

    /// What became of a request of ours.
    pub fn handle_fate(&mut self, now: Now, ticket: Ticket, fate: &Fate) {
        let Some(name) = self.flights.remove(&ticket) else { return };
        let outbox = self.outbox.entry(name.clone()).or_default();
        let Some(mut item) = outbox.flying.remove(&ticket) else { return };
        match fate {
            Fate::Answered(status, _) if status.is_ok() => {
                outbox.pauses = 0;
                item.messages.pop_front();
                if item.messages.is_empty() {
                    self.links.entry(name.clone()).or_default().told += 1;
                    self.tell(Input::Heard(item.place));
                } else {
                    outbox.items.insert(item.place, item);
                }
            }
            Fate::Answered(status, _) => {
                let passes = matches!(status.meaning(), Meaning::Passing | Meaning::Throttled);
                self.error(&name, *status);
                if passes {
                    self.again(now, &name, item);
                } else {
                    // It will take this at no other time either.
                    self.links.entry(name.clone()).or_default().given_up += 1;
                    self.tell(Input::Heard(item.place));
                }
            }
            // It has not got it, and its next link gets it at once.
            Fate::NotSent(Unsent::Away | Unsent::WrongBind) => self.again(now, &name, item),
            // Whether it has it, nobody knows: it is told again, by the same id.
            Fate::NotSent(_) | Fate::Doubtful => self.again(now, &name, item),
        }
        self.pump(&name);
        self.tell_state();
    }

    fn again(&mut self, now: Now, name: &ApplicationId, item: Item) {
        let outbox = self.outbox.entry(name.clone()).or_default();
        outbox.items.insert(item.place, item);
        if outbox.paused.is_none() {
            let pause = BREATH.saturating_mul(1 << outbox.pauses.min(5)).min(LONGEST_PAUSE);
            outbox.pauses = outbox.pauses.saturating_add(1);
            outbox.paused = Some(now.instant + pause);
        }
    }
}

/// A receipt in both of its forms (SMPP 3.4 appendix B). Nothing of the text is in it: the application knows what it sent.
fn receipt(due: &Due<String>) -> Option<Message> {
    let Owed::Receipt { id, from, asked, at, state, why } = &due.what else { return None };
    let (state, error) = (outcome(*state, why.as_ref()), code(why.as_ref()));
    let done: Option<UnixTime> = Some(*at);
    let receipt = Receipt { id: id.clone(), state, error, done, intermediate: false };
    Some(Message {
        from: Address::of(&due.peer),
        to: Address::of(from),
        esm_class: RECEIPT,
        short_message: Bytes::from(receipt.text(*asked, "").into_bytes()),
        tlvs: receipt.tlvs(),
        ..Message::default()
    })
}

/// What SMPP calls it.
fn outcome(state: Stands, why: Option<&Why>) -> State {
    match (state, why) {
        (Stands::Delivered | Stands::Read, _) => State::Delivered,
        (Stands::Failed, Some(Why::Failure(failure))) => match failure.fault {
            Fault::Expired => State::Expired,
            Fault::Refused | Fault::Content | Fault::Account | Fault::Window => State::Rejected,
            Fault::Address | Fault::Network | Fault::Unknown => State::Undeliverable,
        },
        (Stands::Stopped, Some(Why::Stop(stop))) => match stop {
            Stop::Expired => State::Expired,
            Stop::Consent => State::Rejected,
            Stop::Withdrawn | Stop::Erased => State::Deleted,
            Stop::NoChannel => State::Undeliverable,
        },
        (Stands::Failed | Stands::Stopped, _) => State::Undeliverable,
        _ => State::Unknown,
    }
}

/// Three digits of the network's error, where it has one that is a number.
fn code(why: Option<&Why>) -> String {
    let Some(Why::Failure(failure)) = why else { return String::new() };
    let digits: String = failure.code.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() || digits.len() > 3 { String::new() } else { format!("{digits:0>3}") }
}
