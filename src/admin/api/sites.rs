//! Events that sites and shops tell of: what they may say, and what is answered.
//!
//! Each event of a batch is read by itself: one that is wrong is refused, and the rest goes on.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::admin::access::events::EventRates;
use crate::admin::api::orders::identity;
use crate::admin::api::problem::{Kind, Problem, whole_seconds};
use crate::context::{Channel, Identity};
use crate::journal::act::Who;
use crate::journey::rule::FROM_OUTSIDE;
use crate::time::{UnixTime, rfc3339};

/// Events of one request: some seconds of a busy shop.
pub const MOST_EVENTS: usize = 100;
/// Identities of one event.
const MOST_IDENTITIES: usize = 5;
/// Attributes of one event, and characters of each name and value: what rules ask for is a word.
const MOST_ATTRIBUTES: usize = 16;
const LONGEST_ATTRIBUTE: usize = 200;
/// Characters of what an event was about: the address of a page.
const LONGEST_DETAIL: usize = 1_000;
/// Characters of an event's id, a UUID and more.
const LONGEST_ID: usize = 64;

/// Events of a site or a shop.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvents {
    /// The events, 1 to 100; each is read by itself.
    #[schema(value_type = Vec<NewEvent>, min_items = 1, max_items = 100)]
    pub events: Vec<Value>,
}

/// One event.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// What the sender calls it: told again it changes nothing.
    #[schema(min_length = 1, max_length = 64)]
    pub id: String,
    /// What happened: `appointment`, `cart`, `device`, `form`, `order`, `page-visit` or `walk-in`.
    pub kind: String,
    /// Whether the person has agreed that it is kept under their name. Without it the event is counted, and nothing else of
    /// it is looked at or kept.
    pub consent: bool,
    /// When; now when absent, and never later than that.
    #[serde(default, with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<UnixTime>,
    /// By what the person is known, the surest first: `phone:+4930123456`, `email:ann@example.com`.
    #[serde(default)]
    pub identities: Vec<String>,
    /// Whether the person was known for sure by all of these: then those that nobody has are theirs from now on.
    #[serde(default)]
    pub together: bool,
    /// Where it happened, where the sender tells several places apart: events from one are taken so often and no more.
    #[serde(default)]
    pub source: Option<String>,
    /// What it was about, such as the page; shown on the person's record.
    #[serde(default)]
    pub detail: Option<String>,
    /// What else is known of it, for the conditions of rules.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// An event that could be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteEvent {
    /// What the sender calls it.
    pub id: String,
    /// What happened.
    pub kind: String,
    /// Whether it may be kept.
    pub consent: bool,
    /// When.
    #[serde(default)]
    pub at: Option<UnixTime>,
    /// By what the person is known.
    #[serde(default)]
    pub identities: Vec<Identity<String>>,
    /// Whether all of these are theirs.
    #[serde(default)]
    pub together: bool,
    /// What it was about.
    #[serde(default)]
    pub detail: Option<String>,
    /// What else is known.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl SiteEvent {
    /// By which way it came.
    pub fn channel(&self) -> Channel {
        match self.kind.as_str() {
            "walk-in" | "device" => Channel::Visit,
            _ => Channel::Web,
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// It is on the person's record.
    Kept,
    /// It was told before.
    Again,
    /// It was counted, for want of consent.
    Counted,
    /// It cannot be taken, and why.
    Refused(String),
}

/// What became of a request's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventsTaken {
    /// How many are on the records of people now.
    pub kept: usize,
    /// How many were told before.
    pub again: usize,
    /// How many were counted only: there was no consent.
    pub counted: usize,
    /// Those that were not taken.
    pub refused: Vec<EventRefused>,
}

/// An event that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventRefused {
    /// Which, counted from 0.
    pub index: usize,
    /// `malformed` or `too-often`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What is wrong with it.
    pub detail: String,
    /// Seconds after which it may be told again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after_s: Option<u32>,
}

/// An event and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The event.
    pub event: SiteEvent,
    /// Which of the sender's places, if it says so.
    pub source: Option<String>,
}

/// Reads one event; what is wrong with it else. Without consent nothing but its kind is taken.
///
/// # Errors
/// When it is none.
pub fn read(value: &Value) -> Result<Told, String> {
    if !value.is_object() {
        return Err("an event is an object".to_owned());
    }
    let new = NewEvent::deserialize(value).map_err(|error| error.to_string())?;
    let short = |text: &str, most: usize| (1..=most).contains(&text.chars().count());
    if !short(&new.id, LONGEST_ID) {
        return Err(format!("id has 1 to {LONGEST_ID} characters"));
    }
    if !FROM_OUTSIDE.contains(&new.kind.as_str()) {
        return Err(format!("kind is one of {}", FROM_OUTSIDE.join(", ")));
    }
    let source = new.source.filter(|_| new.consent);
    if source.as_ref().is_some_and(|source| !short(source, LONGEST_ID)) {
        return Err(format!("source has 1 to {LONGEST_ID} characters"));
    }
    let mut event = SiteEvent {
        id: new.id,
        kind: new.kind,
        consent: new.consent,
        at: None,
        identities: Vec::new(),
        together: false,
        detail: None,
        attributes: BTreeMap::new(),
    };
    if !new.consent {
        return Ok(Told { event, source });
    }
    if new.identities.is_empty() || new.identities.len() > MOST_IDENTITIES {
        return Err(format!("identities are 1 to {MOST_IDENTITIES}"));
    }
    let identities = new.identities.iter().map(|text| identity(text));
    event.identities = identities
        .collect::<Result<_, _>>()
        .map_err(|_| "an identity is such as phone:+4930123456 or email:ann@example.com")?;
    if new.detail.as_ref().is_some_and(|text| !short(text, LONGEST_DETAIL)) {
        return Err(format!("detail has 1 to {LONGEST_DETAIL} characters"));
    }
    let fits = |(name, value): (&String, &String)| {
        short(name, LONGEST_ATTRIBUTE) && value.chars().count() <= LONGEST_ATTRIBUTE
    };
    if new.attributes.len() > MOST_ATTRIBUTES || !new.attributes.iter().all(fits) {
        return Err(format!(
            "attributes are at most {MOST_ATTRIBUTES}, each of {LONGEST_ATTRIBUTE} characters"
        ));
    }
    (event.at, event.together, event.detail) = (new.at, new.together, new.detail);
    event.attributes = new.attributes;
    Ok(Told { event, source })
}

/// A request's events, sorted: those that are handed on, and those that are not.
#[derive(Debug)]
pub struct Batch {
    /// Events that can be read and do not come too often, in their order.
    pub events: Vec<SiteEvent>,
    /// Where each of them stood.
    places: Vec<usize>,
    refused: Vec<EventRefused>,
}

impl Batch {
    /// Sorts them.
    ///
    /// # Errors
    /// When there are none or too many, or when all of them come too often.
    pub fn new(
        values: &[Value],
        rates: &mut EventRates,
        now: Instant,
        who: &Who,
    ) -> Result<Batch, Problem> {
        if values.is_empty() || values.len() > MOST_EVENTS {
            let detail = format!("events are 1 to {MOST_EVENTS}");
            let advice = "send them in pieces";
            return Err(Problem::new(Kind::Malformed, detail, advice).at("body/events"));
        }
        let mut batch = Batch { events: Vec::new(), places: Vec::new(), refused: Vec::new() };
        let mut late = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let Told { event, source } = match read(value) {
                Ok(told) => told,
                Err(detail) => {
                    batch.refuse(index, "malformed", detail, None);
                    continue;
                }
            };
            let people = event.identities.iter().map(|identity| &identity.value);
            match rates.take(now, who, source.as_deref(), people) {
                Ok(()) => {
                    batch.events.push(event);
                    batch.places.push(index);
                }
                Err(wait) => {
                    let wait = whole_seconds(wait);
                    let detail = "more events than are taken of one program, place or person";
                    batch.refuse(index, "too-often", detail.to_owned(), Some(wait));
                    late.push(wait);
                }
            }
        }
        match late.iter().max() {
            Some(wait) if late.len() == values.len() => {
                let detail = "more events than are taken of one program, place or person";
                let advice = "wait as long as Retry-After says, and tell them again";
                Err(Problem::new(Kind::TooOften, detail, advice).at("body/events").after(*wait))
            }
            _ => Ok(batch),
        }
    }

    fn refuse(&mut self, index: usize, kind: &'static str, detail: String, wait: Option<u32>) {
        // A stranger's text in an answer is short.
        let detail = detail.chars().filter(|c| !c.is_control()).take(200).collect();
        self.refused.push(EventRefused { index, kind, detail, retry_after_s: wait });
    }

    /// What is answered once the box has taken those that were handed on.
    pub fn answer(mut self, taken: Vec<Taken>) -> EventsTaken {
        let mut answer = EventsTaken { kept: 0, again: 0, counted: 0, refused: Vec::new() };
        let places = std::mem::take(&mut self.places);
        for (index, taken) in places.into_iter().zip(taken) {
            match taken {
                Taken::Kept => answer.kept += 1,
                Taken::Again => answer.again += 1,
                Taken::Counted => answer.counted += 1,
                Taken::Refused(why) => self.refuse(index, "malformed", why, None),
            }
        }
        self.refused.sort_by_key(|refused| refused.index);
        answer.refused = self.refused;
        answer
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(value: &Value) -> Result<Told, String> {
        read(value)
    }

    #[test]
    fn an_event_says_who_what_and_whether_it_may_be_kept() {
        let good = json!({"id": "1", "kind": "cart", "consent": true, "at": "2026-11-16T12:00:00Z",
            "identities": ["+4930123456"], "attributes": {"value": "100"}, "source": "shop-2"});
        let read = told(&good).unwrap();
        assert_eq!((read.event.identities.len(), read.source.as_deref()), (1, Some("shop-2")));
        assert!(read.event.at.is_some());
        let with = |name: &str, value: Value| {
            let mut bad = good.clone();
            bad[name] = value;
            told(&bad)
        };
        let long = "x".repeat(2_000);
        let wrong = [
            ("id", json!("")),
            ("id", json!(long)),
            ("kind", json!("call-ended")),
            ("consent", json!("yes")),
            ("consent", Value::Null),
            ("identities", json!([])),
            ("identities", json!(["nobody"])),
            ("identities", json!(vec!["+4930123456"; 6])),
            ("detail", json!(long)),
            ("source", json!(long)),
            ("at", json!("yesterday")),
            ("attributes", json!({"a": long})),
            ("attributes", json!({"a": 1})),
            ("more", json!(1)),
        ];
        for (name, value) in wrong {
            assert!(with(name, value.clone()).is_err(), "{name} = {value}");
        }
        for value in [json!(1), json!([]), json!("cart"), Value::Null] {
            assert!(told(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_batch_survives_its_worst_member_and_says_which_it_was() {
        let event = |id: u32| {
            json!({"id": id.to_string(), "kind": "cart", "consent": true,
                "identities": [format!("phone:+49301234{id:03}")]})
        };
        let values = vec![event(1), json!("nonsense"), event(2), json!({"id": "3"}), event(4)];
        let (mut rates, who) = (EventRates::default(), Who::Token("bl_1".to_owned()));
        let batch = Batch::new(&values, &mut rates, Instant::now(), &who).unwrap();
        assert_eq!(batch.events.len(), 3);
        let bad = Taken::Refused("no such number".to_owned());
        let answer = batch.answer(vec![Taken::Kept, bad, Taken::Again]);
        let refused: Vec<_> = answer.refused.iter().map(|refused| refused.index).collect();
        assert_eq!((answer.kept, answer.again, refused), (1, 1, vec![1, 2, 3]));
        for count in [0, MOST_EVENTS + 1] {
            let values: Vec<_> = (0..count).map(|n| event(n as u32)).collect();
            let problem = Batch::new(&values, &mut rates, Instant::now(), &who).unwrap_err();
            assert_eq!((problem.status, problem.at.as_deref()), (400, Some("body/events")));
        }
        let now = Instant::now();
        let flood = || vec![event(9); MOST_EVENTS];
        let first = Batch::new(&flood(), &mut rates, now, &who).unwrap();
        assert_eq!((first.events.len(), first.refused.len()), (30, 70));
        let problem = Batch::new(&flood(), &mut rates, now, &who).unwrap_err();
        assert_eq!((problem.status, problem.retry_after_s), (429, Some(1)));
    }

    #[test]
    fn without_consent_nothing_is_left_but_what_it_was() {
        let event = json!({"id": "1", "kind": "page-visit", "consent": false, "source": "home",
            "identities": ["email:ann@example.com"], "detail": "/baldness", "attributes": {"a": "b"}});
        let read = told(&event).unwrap();
        let text = format!("{read:?}");
        for gone in ["ann", "baldness", "\"b\"", "home"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
    }
}
