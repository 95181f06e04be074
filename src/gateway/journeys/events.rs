//! What happens on the box, as rules are told of it.

use std::collections::BTreeMap;

use super::{For, MOST_HEARD};
use crate::context::{Change as Said, Identity, Kind, View, Who};
use crate::gateway::Gateway;
use crate::id::{CallId, ContactId, ExtensionId, ItemId, QueueId};
use crate::journal::Token;
use crate::journal::context::personal;
use crate::journal::event::{CallRecord, Direction, Event};
use crate::journal::journey::Journey;
use crate::journey::Change;
use crate::time::Now;

/// What is known of a call besides its record.
#[derive(Debug, Default)]
pub(super) struct Facts {
    abandoned: Option<QueueId>,
    overflowed: Option<(QueueId, &'static str)>,
    promised: Option<QueueId>,
    voicemail: Option<ExtensionId>,
}

type Attributes = BTreeMap<String, String>;

/// Attributes that have a value.
fn attributes(all: &[(&str, Option<String>)]) -> Attributes {
    let with = all.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
    with.collect()
}

/// Hearing.
impl Gateway {
    /// Something happened with somebody. If a rule wants to know, it is in the journal before anything comes of it.
    pub(super) fn hear(&mut self, now: Now, kind: &str, id: String, who: Who, known: &Attributes) {
        if !self.journeys.machine.wants(kind) {
            return;
        }
        let heard = &self.journal.live().journeys.heard;
        if heard.len() >= MOST_HEARD || heard.contains_key(&id) {
            self.journeys.missed += u64::from(heard.len() >= MOST_HEARD);
            return;
        }
        let attributes = self.journeys.machine.wanted(kind, known);
        let (person, to) = match &who {
            Who::Contact(contact) => (Some(*contact), None),
            Who::Identity(kind, value) => {
                let identity = Identity { kind: *kind, value: value.clone() };
                (None, Some(identity.map(&mut personal)))
            }
        };
        let change = Change::Heard { id: id.clone(), kind: kind.to_owned(), person, attributes };
        let token =
            self.keep(now, Event::Journey(Journey { change, to, act: None, message: None }));
        // While the disk fails the store shows nothing new: it is looked up as it is.
        let after = if token == Token(u64::MAX) { Token(0) } else { token };
        self.look_for_journey(after, who, For::Event(id));
    }

    fn hear_number(&mut self, now: Now, kind: &str, id: String, number: &str, known: &Attributes) {
        if let Some(value) = self.full_number(number) {
            self.hear(now, kind, id, Who::Identity(Kind::Phone, value), known);
        }
    }
}

/// Calls.
impl Gateway {
    /// What is known of a call whose record is not kept yet.
    fn facts(&mut self, call: CallId) -> &mut Facts {
        self.journeys.facts.entry(call).or_default()
    }

    /// A caller gave up waiting.
    pub(in crate::gateway) fn hear_abandoned(&mut self, call: CallId, item: ItemId) {
        let queue = self.queue_of_work(item).cloned();
        self.facts(call).abandoned = queue;
    }

    /// A caller was sent elsewhere.
    pub(in crate::gateway) fn hear_overflow(
        &mut self,
        call: CallId,
        item: ItemId,
        why: crate::queue::Why,
    ) {
        let why = match why {
            crate::queue::Why::Full => "full",
            crate::queue::Why::Waited => "waited",
            crate::queue::Why::NoAgent => "no-agent",
        };
        let queue = self.queue_of_work(item).cloned();
        self.facts(call).overflowed = queue.map(|queue| (queue, why));
    }

    /// A caller is to be called back.
    pub(in crate::gateway) fn hear_promise(&mut self, call: CallId, item: ItemId) {
        let queue = self.queue_of_work(item).cloned();
        self.facts(call).promised = queue;
    }

    /// A caller has left a message.
    pub(in crate::gateway) fn hear_voicemail(
        &mut self,
        now: Now,
        call: CallId,
        recording: crate::id::RecordingId,
        mailbox: &ExtensionId,
    ) {
        if self.calls.numbers(call).is_some() || self.keeping.is_ending(call) {
            self.facts(call).voicemail = Some(mailbox.clone());
            return;
        }
        // The call is over, and its record kept.
        let message = self.journal.live().mail.messages.get(&recording);
        let from = message.and_then(|kept| self.journal.keys().read(&kept.begun.from));
        let known = attributes(&[("mailbox", Some(mailbox.to_string()))]);
        if let Some(from) = from {
            self.hear_number(
                now,
                "voicemail-left",
                format!("voicemail/{recording}"),
                &from,
                &known,
            );
        }
    }

    /// Whether there are rules at all: calls are many.
    pub(in crate::gateway) fn hears_calls(&self) -> bool {
        !self.settings.journeys.is_empty()
    }

    /// A call is over and its record kept: by now whoever called is somebody. `party` is the number outside.
    pub(in crate::gateway) fn hear_call(
        &mut self,
        now: Now,
        call: CallId,
        record: Option<&CallRecord>,
        party: Option<String>,
    ) {
        let facts = self.journeys.facts.remove(&call).unwrap_or_default();
        let (Some(record), Some(party)) = (record, party) else { return };
        let inbound = record.direction == Direction::Inbound;
        let called = self.journal.keys().read(&record.to).filter(|_| inbound);
        let answered = record.connected.is_some();
        let known = |queue: Option<&QueueId>| {
            attributes(&[
                ("direction", Some(if inbound { "inbound" } else { "outbound" }.to_owned())),
                ("queue", queue.or(record.queue.as_ref()).map(ToString::to_string)),
                ("agent", record.agent.as_ref().map(ToString::to_string)),
                ("called", called.clone()),
                ("answered", Some(if answered { "yes" } else { "no" }.to_owned())),
                ("cause", Some(record.cause.name())),
                ("reason", facts.overflowed.as_ref().map(|(_, why)| (*why).to_owned())),
                ("mailbox", facts.voicemail.as_ref().map(ToString::to_string)),
            ])
        };
        let tried = record.queue.is_some() || record.legs.len() > 1;
        let cared_for = answered || facts.promised.is_some() || facts.voicemail.is_some();
        let overflowed = facts.overflowed.as_ref().map(|(queue, _)| queue);
        let happened = [
            ("call-ended", true, None),
            ("queue-overflow", overflowed.is_some(), overflowed),
            ("callback-promised", facts.promised.is_some(), facts.promised.as_ref()),
            ("voicemail-left", facts.voicemail.is_some(), None),
            ("call-abandoned", facts.abandoned.is_some(), facts.abandoned.as_ref()),
            ("call-missed", inbound && tried && !cared_for, None),
        ];
        for (kind, _, queue) in happened.into_iter().filter(|(_, is, _)| *is) {
            let id = format!("call/{}/{kind}", record.call);
            self.hear_number(now, kind, id, &party, &known(queue));
        }
    }

    /// A promised call was kept, or given up.
    pub(in crate::gateway) fn hear_callback(
        &mut self,
        now: Now,
        item: ItemId,
        kept: bool,
        number: &str,
    ) {
        let kind = if kept { "callback-kept" } else { "callback-failed" };
        let queue = self.queue_of_work(item).map(ToString::to_string);
        let id = format!("item/{item}/{kind}");
        self.hear_number(now, kind, id, number, &attributes(&[("queue", queue)]));
    }
}

/// People.
impl Gateway {
    /// Somebody has changed what is known of people, in this record.
    pub(in crate::gateway) fn hear_changes(
        &mut self,
        now: Now,
        token: Token,
        changes: &[Said<String>],
        view: &View,
    ) {
        for (place, change) in changes.iter().enumerate() {
            if let Some((kind, contact, known)) = told(change, view) {
                let id = format!("act/{}/{}/{place}", now.unix.0, token.0);
                self.hear(now, kind, id, Who::Contact(contact), &known);
            }
            if let Said::Erased { contacts, .. } = change {
                for contact in contacts {
                    self.journeys.machine.handle_gone(now, *contact);
                }
            }
        }
    }
}

/// What a change is to rules.
fn told(change: &Said<String>, view: &View) -> Option<(&'static str, ContactId, Attributes)> {
    let owner = |case| view.cases.get(case).map(|case: &crate::context::Case<String>| case.contact);
    Some(match change {
        Said::CaseOpened { contact, .. } => ("case-opened", *contact, Attributes::new()),
        Said::CaseClosed { case, closed: true } => ("case-closed", owner(case)?, Attributes::new()),
        Said::CaseClosed { case, closed: false } => {
            ("case-opened", owner(case)?, Attributes::new())
        }
        Said::Field { contact, name, .. } => {
            ("contact-changed", *contact, attributes(&[("field", Some(name.clone()))]))
        }
        Said::Consented { contact, channel, purpose, given, .. } => {
            let kind = if *given { "consent-given" } else { "consent-refused" };
            let channel = Some(channel.to_string());
            let known = [("channel", channel), ("purpose", Some(purpose.clone()))];
            (kind, *contact, attributes(&known))
        }
        Said::Tagged { contact, tag, on: true } => {
            ("tag-added", *contact, attributes(&[("tag", Some(tag.clone()))]))
        }
        _ => return None,
    })
}
