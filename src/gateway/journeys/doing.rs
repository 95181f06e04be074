//! Steps of journeys, carried out: each by whoever does such things anyway.

use std::time::Duration;

use super::Due;
use crate::context::{Act, Change as Said, Identity, Kind};
use crate::gateway::Gateway;
use crate::id::{ChannelId, ContactId, ExtensionId, ItemId};
use crate::journal::context::{personal, to_seal};
use crate::journal::event::Event;
use crate::journal::journey::Journey;
use crate::journal::personal::Personal;
use crate::journal::{State, Token};
use crate::journey::rule::fingerprint;
use crate::journey::{Action, Carrier, Channel, Key, Outcome};
use crate::messaging::Piece;
use crate::messaging::ledger::{LONGEST_WAIT, Wish, Wished};
use crate::sip::endpoint::ClientKey;
use crate::sip::message::Status;
use crate::store::context::looking::Stands;
use crate::time::Now;

/// How long the disk may take to keep an intention before the person is looked up once more: by then it may be night.
const STALE: Duration = Duration::from_secs(60);

/// A message to a registered phone.
#[derive(Debug)]
pub(super) struct Texting {
    key: Key,
    extension: ExtensionId,
    text: String,
}

/// A message of a journey that the ledger was asked to take.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Ruled {
    whose: (Key, ContactId),
    action: Action,
    channel: ChannelId,
    to: Identity<String>,
}

impl Gateway {
    pub(super) fn carry_out_step(&mut self, now: Now, due: Due) {
        let Due { since, key, rule, person, action, .. } = due;
        let stands = self.journeys.known.remove(&key);
        if !self.journeys.machine.is_asked(key) {
            return;
        }
        if now.unix.since(since) > STALE {
            return self.journeys.machine.handle_put_off(now, key);
        }
        let outcome = match &action {
            Action::Message { channel, .. } => {
                let to = stands.and_then(|stands| self.address(key, *channel, &stands));
                match self.message(now, (key, person), &action, to) {
                    Some(outcome) => outcome,
                    None => return,
                }
            }
            Action::Webhook { name } => {
                let carrier = Some(Carrier::Webhook(name.as_str().into()));
                self.hand_over(now, (key, person), action, carrier, None, None);
                Outcome::Done
            }
            Action::Task { queue, text } => {
                let what = (rule.as_str(), queue, text.as_str());
                match self.task_of_rule(now, (key, person), what, now.unix) {
                    Ok(()) => {
                        self.hand_over(now, (key, person), action, None, None, None);
                        Outcome::Done
                    }
                    Err(_) => Outcome::Refused,
                }
            }
            Action::Callback { queue } => {
                let number = stands.and_then(|stands| self.number_of(key, &stands));
                let item = ItemId(fingerprint(&["callback", &key.to_string()]));
                match number {
                    None => Outcome::NoAddress,
                    Some(number) if self.promise_by_rule(now, item, queue.clone(), &number) => {
                        Outcome::Done
                    }
                    Some(_) => Outcome::Refused,
                }
            }
            Action::Tag { tag, on } => {
                let said = Said::Tagged { contact: person, tag: tag.clone(), on: *on };
                self.write_down(now, (key, person), &rule, action, said)
            }
            Action::Note { text } => {
                let said = Said::Noted { contact: person, case: None, text: text.clone() };
                self.write_down(now, (key, person), &rule, action, said)
            }
        };
        self.step_done(now, key, outcome);
    }

    /// Writes on the record of a person, in the same record of the journal that says that the step is handed over.
    fn write_down(
        &mut self,
        now: Now,
        whose: (Key, ContactId),
        rule: &str,
        action: Action,
        said: Said<String>,
    ) -> Outcome {
        let by = format!("rule {rule}").as_str().into();
        let act = to_seal(Act { by, at: now.unix, changes: vec![said] });
        let token = self.hand_over(now, whose, action, None, None, Some(act));
        self.orders.handle_written(whose.1, token);
        Outcome::Done
    }

    fn step_done(&mut self, now: Now, key: Key, outcome: Outcome) {
        tracing::info!(journey = %key.journey, step = key.step + 1, %outcome, "a step of a journey");
        self.journeys.machine.handle_done(now, key, outcome);
    }

    /// In the journal it stands who has the step from here on.
    fn hand_over(
        &mut self,
        now: Now,
        whose: (Key, ContactId),
        action: Action,
        carrier: Option<Carrier>,
        to: Option<Identity<Personal>>,
        act: Option<Act<Personal>>,
    ) -> Token {
        let change = self.journeys.machine.handle_handed(now, whose, action, carrier);
        self.keep(now, Event::Journey(Journey { change, to, act, message: None }))
    }

    /// Hands a message to whoever carries it. Answers what came of it, if that is known at once.
    fn message(
        &mut self,
        now: Now,
        whose: (Key, ContactId),
        action: &Action,
        to: Option<Identity<String>>,
    ) -> Option<Outcome> {
        let Action::Message { channel, text } = action else { return Some(Outcome::Refused) };
        let Some(carrier) = self.journeys.carriers.get(channel).cloned() else {
            return Some(Outcome::NoCarrier);
        };
        let Some(to) = to else { return Some(Outcome::NoAddress) };
        let extension = match &carrier {
            Carrier::Channel(name) => {
                let name = name.clone();
                return self.message_by_channel(now, whose, action, name, to);
            }
            Carrier::Webhook(_) => None,
            Carrier::Phone => match self.phone_of(now, &to) {
                Some(extension) => Some(extension),
                None => return Some(Outcome::NoAddress),
            },
        };
        let to = Some(to.map(&mut personal));
        let token = self.hand_over(now, whose, action.clone(), Some(carrier), to, None);
        match extension {
            None => Some(Outcome::Done),
            Some(extension) => {
                let texting = Texting { key: whose.0, extension, text: text.clone() };
                self.journeys.texts.push((token, texting));
                None
            }
        }
    }

    /// Hands a message to the ledger, under a key of its own: asked for once more after a crash it is the same message.
    /// What comes of that is told by [`Gateway::rule_wished`].
    fn message_by_channel(
        &mut self,
        now: Now,
        (key, person): (Key, ContactId),
        action: &Action,
        channel: ChannelId,
        to: Identity<String>,
    ) -> Option<Outcome> {
        let Action::Message { text, .. } = action else { return Some(Outcome::Refused) };
        let Some(way) = self.written_way(&channel, &to) else { return Some(Outcome::NoAddress) };
        let running = self.journal.live().journeys.kept.running.get(&key.journey);
        let rule = running.map(|running| running.rule.clone()).unwrap_or_default();
        let purpose = self.settings.journeys.get(&rule).map(|rule| rule.purpose.clone());
        let wish = Wish {
            way,
            known: Some((person, None)),
            pieces: vec![Piece::text(text.clone())],
            subject: None,
            answers: None,
            quote: None,
            by: format!("rule {rule}").as_str().into(),
            purpose: purpose.unwrap_or_else(|| "service".to_owned()),
            reply: false,
            until: now.unix + LONGEST_WAIT,
            not_before: None,
            once: Some(self.once("rules", &format!("journey {key}"), text)),
            asker: None,
        };
        let ruled = Ruled { whose: (key, person), action: action.clone(), channel, to };
        self.rule_wishes(now, ruled, wish);
        None
    }

    /// The ledger has a message of a journey, or does not take it.
    pub(in crate::gateway) fn rule_wished(&mut self, now: Now, ruled: Ruled, wished: Wished) {
        let Ruled { whose, action, channel, to } = ruled;
        if !self.journeys.machine.is_asked(whose.0) {
            return;
        }
        match wished {
            Wished::Queued(message, _) => {
                let carrier = Some(Carrier::Channel(channel));
                let change = self.journeys.machine.handle_handed(now, whose, action, carrier);
                let (to, message) = (Some(to.map(&mut personal)), Some(message));
                self.keep(now, Event::Journey(Journey { change, to, act: None, message }));
                self.step_done(now, whose.0, Outcome::Done);
            }
            Wished::Different | Wished::NoChannel => {
                self.step_done(now, whose.0, Outcome::Refused);
            }
            Wished::NotNow(_) => self.journeys.machine.handle_put_off(now, whose.0),
        }
    }

    /// Where a message goes: to what the event came with, if that will do and is the person's, else to the first that will.
    fn address(&self, key: Key, channel: Channel, stands: &Stands) -> Option<Identity<String>> {
        let kinds: &[Kind] = match channel {
            Channel::Sms => &[Kind::Phone],
            Channel::Mail => &[Kind::Email],
            Channel::Chat => &[Kind::Handle, Kind::Business, Kind::Sip],
        };
        self.reached_by(key, kinds, stands)
    }

    fn number_of(&self, key: Key, stands: &Stands) -> Option<String> {
        self.reached_by(key, &[Kind::Phone], stands).map(|identity| identity.value)
    }

    fn reached_by(&self, key: Key, kinds: &[Kind], stands: &Stands) -> Option<Identity<String>> {
        let with = self.journal.live().journeys.came_with.get(&key.journey);
        let with = with.and_then(|with| {
            let value = self.journal.keys().read(&with.value)?;
            Some(Identity { kind: with.kind, value })
        });
        let good = |one: &&Identity<String>| kinds.contains(&one.kind);
        let theirs = |one: &&Identity<String>| stands.identities.contains(one);
        let came_with = with.as_ref().filter(good).filter(theirs);
        came_with.or_else(|| stands.identities.iter().find(good)).cloned()
    }

    /// The phone of ours that a number or a SIP address is, while it is registered.
    fn phone_of(&self, now: Now, to: &Identity<String>) -> Option<ExtensionId> {
        let extension = match to.kind {
            Kind::Sip => ExtensionId::from(to.value.split('@').next()?),
            Kind::Phone => {
                let number = crate::address::Number::parse(&to.value).ok()?;
                ExtensionId::from(self.caller_ids.whose(&number)?)
            }
            _ => return None,
        };
        let known = self.directory.contains_key(&extension);
        (known && !self.phones_of(now, &extension).is_empty()).then_some(extension)
    }

    /// The record of a message is on the disk: now it may be on the wire. What comes of it is told by the phone.
    pub(super) fn send_text(&mut self, now: Now, texting: Texting) {
        let Texting { key, extension, text } = texting;
        let sent = self.write_to(now, &extension, "message", &text);
        if sent.is_empty() {
            return self.step_done(now, key, Outcome::Refused);
        }
        self.journeys.sent.extend(sent.into_iter().map(|sent| (sent, key)));
    }

    /// A phone has answered; nothing: it has not, in time. Answers whether it was about a message of a journey.
    pub(in crate::gateway) fn text_answered(
        &mut self,
        now: Now,
        sent: ClientKey,
        status: Option<Status>,
    ) -> bool {
        if status.is_some_and(Status::is_provisional) {
            return self.journeys.sent.contains_key(&sent);
        }
        let Some(key) = self.journeys.sent.remove(&sent) else { return false };
        // Of several phones of one number the first that has it is enough.
        let others = self.journeys.sent.values().any(|other| *other == key);
        match status {
            Some(status) if status.is_success() => self.step_done(now, key, Outcome::Done),
            _ if others => {}
            Some(_) => self.step_done(now, key, Outcome::Refused),
            // It may have been read, and the answer lost.
            None => self.step_done(now, key, Outcome::Unknown),
        }
        true
    }

    /// Nothing came back for a message to a phone. Answers whether it was one of a journey.
    pub(in crate::gateway) fn text_failed(
        &mut self,
        now: Now,
        sent: ClientKey,
        unreachable: bool,
    ) -> bool {
        // What found no way was not on the wire.
        let status = unreachable.then_some(Status::SERVICE_UNAVAILABLE);
        self.text_answered(now, sent, status)
    }

    /// Whether the disk keeps what journeys do.
    pub(super) fn journeys_are_kept(&self) -> bool {
        self.journal.state() == State::Healthy
    }
}
