//! What records say of journeys, and what of them is live: what runs and waits, and events that nobody has taken up yet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::context::{Act, Identity};
use crate::id::{ContactId, JourneyId, MessageId};
use crate::journal::live::erased;
use crate::journal::personal::Personal;
use crate::journey::{Change, Kept};
use crate::time::UnixTime;

/// Something that happened to a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    /// What.
    #[serde(flatten)]
    pub change: Change,
    /// What an event came with, or where a message is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Identity<Personal>>,
    /// What it writes on the person's record: in the same record of the journal, so that it is there once or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Act<Personal>>,
    /// The message that it is, where a channel of the box's carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
}

impl From<Change> for Journey {
    fn from(change: Change) -> Journey {
        Journey { change, to: None, act: None, message: None }
    }
}

impl Journey {
    /// Hands every piece of personal data to `touch`.
    pub fn for_each_personal(&mut self, touch: &mut dyn FnMut(&mut Personal)) {
        if let Some(to) = &mut self.to {
            touch(&mut to.value);
        }
        self.act = self.act.take().map(|act| {
            act.map(&mut |_, mut personal| {
                touch(&mut personal);
                personal
            })
        });
    }
}

/// What is live of journeys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Journeys {
    /// What the machine keeps.
    pub kept: Kept,
    /// Events that nobody has taken up yet, by id.
    pub heard: BTreeMap<String, Heard>,
    /// What the events of running journeys came with.
    pub came_with: BTreeMap<JourneyId, Identity<Personal>>,
}

/// An event that nobody has taken up yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// When.
    pub at: UnixTime,
    /// What kind.
    pub kind: String,
    /// About whom, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<ContactId>,
    /// By what the person is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Identity<Personal>>,
    /// What rules ask for of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl Journeys {
    /// Takes up one event; its personal data is sealed already.
    pub fn apply(&mut self, at: UnixTime, journey: &Journey) {
        match &journey.change {
            Change::Heard { id, kind, person, attributes } => {
                let (kind, person, to) = (kind.clone(), *person, journey.to.clone());
                let heard = Heard { at, kind, person, to, attributes: attributes.clone() };
                self.heard.insert(id.clone(), heard);
            }
            Change::Passed { id, .. } => _ = self.heard.remove(id),
            Change::Began { journey: id, .. } => {
                self.came_with.extend(journey.to.clone().map(|to| (*id, to)));
            }
            Change::Ended { journey, .. } => _ = self.came_with.remove(journey),
            _ => {}
        }
        self.kept.apply(at, &journey.change);
    }

    /// Whoever was erased is forgotten here too.
    pub fn apply_act(&mut self, act: &Act<Personal>) {
        for contact in erased(act) {
            self.kept.forget(*contact);
            self.heard.retain(|_, heard| heard.person != Some(*contact));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Kind;
    use crate::journal::event::Event;
    use crate::journal::live::Live;
    use crate::journal::personal::Keyring;
    use crate::journey::{Action, Carrier, Channel, Key, Outcome, Passed, Standing, Why};
    use crate::random::Random;

    const AT: UnixTime = UnixTime(1_700_000_000_000_000);

    fn identity() -> Identity<Personal> {
        Identity { kind: Kind::Phone, value: "+14085551200".into() }
    }

    /// One of each, in an order that could be.
    fn all() -> Vec<Journey> {
        let (journey, person) = (JourneyId(5), ContactId(7));
        let key = Key { journey, step: 0 };
        let attributes = BTreeMap::from([("queue".to_owned(), "support".to_owned())]);
        let text = "We missed you.".to_owned();
        let action = Action::Message { channel: Channel::Sms, text };
        let standing = Standing { zone: Some("Asia/Tokyo".to_owned()), ..Standing::default() };
        let heard = Change::Heard {
            id: "call/1/missed".to_owned(),
            kind: "call-missed".to_owned(),
            person: None,
            attributes: attributes.clone(),
        };
        let (rule, print) = ("sorry".to_owned(), u64::MAX);
        let carrier = Some(Carrier::Webhook("sender".into()));
        let queue = "support".into();
        let task = Action::Task { queue, text: "Call them.".to_owned() };
        let next = Key { journey, step: 1 };
        let plain = [
            Change::Standing { person, standing },
            Change::Waits { journey, until: UnixTime(9) },
            Change::Intends { key, purpose: Some("service".to_owned()) },
        ];
        let with = |change, to| Journey { change, to: Some(to), act: None, message: None };
        let mut all = vec![with(heard, identity())];
        all.push(with(Change::Began { journey, rule, print, person, attributes }, identity()));
        let id = "call/1/missed".to_owned();
        all.push(Change::Passed { id, why: Passed::Taken }.into());
        all.extend(plain.map(Journey::from));
        all.push(with(Change::Due { key, person, action, carrier }, identity()));
        all.push(Change::Did { key, outcome: Outcome::Done }.into());
        all.push(Change::Due { key: next, person, action: task, carrier: None }.into());
        all.push(Change::Did { key: next, outcome: Outcome::Done }.into());
        all.push(Change::Ended { journey, why: Why::Finished }.into());
        all
    }

    #[test]
    fn what_is_live_is_the_same_after_a_restart_at_any_point() {
        let mut keys = Keyring::open(&[7; 32], &[], Random::from_number(1));
        let mut live = Live::default();
        for journey in all() {
            let mut event = Event::Journey(journey);
            event.for_each_personal(&mut |personal| keys.seal(personal));
            let text = serde_json::to_string(&event).unwrap();
            assert!(!text.contains("4085551200"), "{text}");
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event, "{text}");
            live.apply(AT, &event);
            let checkpoint = Event::Checkpoint {
                before: Default::default(),
                gap: false,
                live: Box::new(live.clone()),
            };
            let text = serde_json::to_string(&checkpoint).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), checkpoint, "{text}");
        }
        let journeys = &live.journeys;
        assert!(journeys.heard.is_empty() && journeys.came_with.is_empty());
        assert!(journeys.kept.running.is_empty() && journeys.kept.over.len() == 1);
        assert_eq!((journeys.kept.tasks.len(), journeys.kept.written.len()), (1, 1));
        live.journeys.kept.forget(ContactId(7));
        assert!(live.journeys.kept.tasks.is_empty() && live.journeys.kept.written.is_empty());
    }
}
