//! What leaves the premises of what the journal says: each record becomes no event of the uplink, one, or several.
//!
//! An event is a JSON object: `event`, its kind; `at`, when, in microseconds since 1970; and what the kind has, below. It is
//! put together by [`Sheet`] before personal data is sealed, so that what stays at home is not in it at all. The same record
//! always becomes the same number of events with the same bytes: what was missed is made again from the journal.
//!
//! Nothing here is matched with a wildcard, and no record is taken apart with `..`: whoever adds a kind or a field to the
//! journal decides here whether it leaves, and as what class, or the program does not compile.
//!
//! | kind | class | what it has |
//! |---|---|---|
//! | `call` | CALL | a call that is over: `call direction origin from to party contact arrived answered connected ended queue agent conference cause class recordings legs diversions diverted_by fee consent` |
//! | `quality` | QUALITY | how one leg of it sounded |
//! | `call_event` | CALL | one step of a call: `call what`, and what the step has |
//! | `voicemail` | MESSAGE | `what` is `begun`, `left`, `dropped`, `heard`, `deleted`, `greeting` |
//! | `message` | MESSAGE | one step of a message or conversation: `conversation contact what`, and what the step has |
//! | `consent` | AUDIT | `contact channel purpose given source through` |
//! | `person` | PERSON | a change of what is known of somebody: `what contact by`, and what the change has |
//! | `card`, `erased` | PERSON | see [`cards`] |
//! | `case` | WORK | a case: `what case contact` |
//! | `site` | PERSON | something that a site or a shop tells |
//! | `work` | WORK | one step of an item of work: `item queue channel what`, and what the step has |
//! | `agent` | WORK | `agent presence reason idle_since` |
//! | `phone`, `hot_desk`, `schedule`, `shelf`, `journey`, `spent` | WORK | what was chosen, overridden, written, begun, paid |
//! | `help`, `caps`, `account`, `act`, `webhook`, `started`, `stopped`, `gap` | AUDIT | who may do what and who did it; what befell the box |
//! | `health` | HEALTH | once a minute: `version started disk draining lamps` |
//! | `figures` | METRICS | along with it: `calls most_calls waiting agents_ready agents_signed_in phones` |
//!
//! What never leaves, and why: checkpoints and seals (they repeat what was said, or prove this journal); registrations and
//! subscriptions (addresses inside the premises, at each renewal of each phone); which desk phone fetched what, PINs,
//! passwords, hashes of tokens and codes (secrets, or half of one); places in a queue (`work` says the same); how far
//! programs of the branch were told (of use here alone).

mod calls;
pub mod cards;
mod house;
mod messages;
mod people;
mod work;

use super::Token;
use super::event::Event;
use super::personal::{Personal, Reads};
use crate::context;
use crate::time::UnixTime;
use crate::uplink::frame::{self, Class as Sort};
use crate::uplink::policy::{Class, Plain, Policy, Sheet};
use crate::uplink::{long, outbox};

/// Turns records into events as the site's policy has it.
#[derive(Debug, Clone)]
pub struct Outward {
    policy: Policy,
}

impl Outward {
    /// Under this policy.
    pub fn new(policy: Policy) -> Outward {
        Outward { policy }
    }

    /// What the site lets out.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What one record becomes. Personal data that is sealed, because nobody can read it any more, does not leave. What is
    /// longer than a frame carries is cut by rules.
    pub fn events(&self, at: UnixTime, event: &Event) -> Vec<frame::Event> {
        let all = self.whole(at, event);
        match all.iter().all(|event| event.body.len() <= long::LONGEST) {
            true => all,
            false => all.into_iter().flat_map(long::fit).collect(),
        }
    }

    fn whole(&self, at: UnixTime, event: &Event) -> Vec<frame::Event> {
        match event {
            Event::Call(event) => self.call_event(event),
            Event::CallRecord(record) => self.call(record),
            Event::Voicemail(voicemail) => self.voicemail(at, voicemail),
            Event::Message(entry) => self.message(entry),
            Event::Context(act) => self.people(act),
            Event::Site(site) => self.site(site),
            Event::Work(work) => self.work(work),
            Event::Agent { agent, presence, idle_since } => {
                self.agent(at, agent, presence, *idle_since)
            }
            Event::Journey(journey) => self.journey(at, journey),
            Event::Phone(choice) => self.phone(at, choice),
            Event::HotDesk { phone, person } => {
                let sheet = self.sheet("hot_desk", at).plain("phone", phone);
                vec![sheet.maybe("person", person.as_ref()).done(Sort::WORK)]
            }
            Event::Schedule { schedule, forced } => {
                let sheet = self.sheet("schedule", at).plain("schedule", schedule);
                vec![sheet.maybe("forced", forced.map(Plain::word)).done(Sort::WORK)]
            }
            Event::CalledForHelp(called) => self.help(called),
            Event::Spent(spent) => self.spent(at, spent),
            Event::CapsLifted(lift) => self.caps(at, lift),
            Event::Account(account) => self.account(at, account),
            Event::Shelf(change) => self.shelf(at, change),
            Event::Act(act) => self.act(at, act),
            Event::Webhook(change) => self.webhook(at, change),
            Event::Health(health) => self.health(at, health),
            Event::Started { version } => {
                let sheet = self.sheet("started", at).plain("version", Plain::slug(version));
                vec![sheet.done(Sort::AUDIT)]
            }
            Event::Stopped => vec![self.sheet("stopped", at).done(Sort::AUDIT)],
            Event::Gap { lost } => {
                vec![self.sheet("gap", at).plain("lost", *lost).done(Sort::AUDIT)]
            }
            // They repeat what was said, or prove this journal to whoever has it.
            Event::Checkpoint { before: _, gap: _, live: _ } | Event::Seal(_) => Vec::new(),
            // Addresses inside the premises, said again at each renewal of each phone.
            Event::Bound { user: _, contact: _, binding: _ }
            | Event::Unbound { user: _, contact: _ }
            | Event::Subscribed { name: _, subscription: _ }
            | Event::Unsubscribed { name: _ }
            | Event::PhoneFetched { mac: _, from: _ }
            | Event::PhoneRenewed { mac: _ } => Vec::new(),
            // The item's own steps say the same.
            Event::QueuePlace(_) | Event::QueueLeft { item: _ } => Vec::new(),
        }
    }

    /// What one record becomes, as records of the outbox behind those that are there.
    pub fn write(&self, out: &mut Vec<u8>, token: Token, at: UnixTime, event: &Event) {
        outbox::write_all(out, token.0, &self.events(at, event));
    }

    fn sheet(&self, kind: &'static str, at: UnixTime) -> Sheet<'_> {
        Sheet::new(&self.policy, kind).plain("at", at)
    }

    fn part(&self) -> Sheet<'_> {
        Sheet::part(&self.policy)
    }
}

/// Opens what is sealed in a record that was read back, as far as its keys are there.
pub fn open(event: &mut Event, keys: &dyn Reads) {
    event.for_each_personal(&mut |personal| {
        if let Some(text) = keys.read(personal) {
            *personal = Personal::Clear(text);
        }
    });
}

/// Whether something in a record that was opened cannot be read any more: whose it was, was erased.
pub fn is_erased(event: &mut Event) -> bool {
    let mut erased = false;
    event.for_each_personal(&mut |personal| erased |= matches!(personal, Personal::Sealed(..)));
    erased
}

/// Whether an event tells that keys were destroyed: what came before it is to be made again without what they opened.
pub fn erases(class: Sort, body: &[u8]) -> bool {
    let has = |mark: &[u8]| body.windows(mark.len()).any(|part| part == mark);
    match class {
        Sort::PERSON => body.starts_with(br#"{"event":"erased""#),
        // In a text the marks of a text are escaped.
        Sort::AUDIT => has(br#""what":"tapes_forgotten""#),
        _ => false,
    }
}

/// The text, where it is not sealed.
fn text(personal: &Personal) -> Option<&str> {
    match personal {
        Personal::Clear(text) | Personal::Named { subject: _, text } => Some(text),
        Personal::Sealed(..) => None,
    }
}

fn maybe_text(personal: &Option<Personal>) -> Option<&str> {
    personal.as_ref().and_then(text)
}

/// What sort of thing an identity of a kind says.
fn class_of(kind: context::Kind) -> Class {
    match kind {
        context::Kind::Phone => Class::Number,
        context::Kind::Email => Class::Email,
        context::Kind::Handle
        | context::Kind::Sip
        | context::Kind::Account
        | context::Kind::Business => Class::Handle,
    }
}

#[cfg(test)]
mod tests;
