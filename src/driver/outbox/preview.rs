//! What would leave the premises, without anything leaving: read from the journal of a folder, for whoever decides about the
//! policy, and for somebody who asks what head office is told of them.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::Value;

use crate::context::{Identity, Kind};
use crate::driver::{journal, segments};
use crate::id::ContactId;
use crate::journal::chain::hex;
use crate::journal::context::{contact_subject, identity_subject};
use crate::journal::event::Event;
use crate::journal::outward::{self, Outward};
use crate::journal::personal::{Reading, Subject};
use crate::journal::record::{Found, Record, decode};
use crate::time::UnixTime;
use crate::uplink::frame;

/// Of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Of everything.
    All,
    /// Of what was written from this moment on and before that one.
    Time(UnixTime, UnixTime),
    /// Of a person, by the contact's id, a number in full, or an address.
    Person(String),
}

/// Hands over every event that would leave under `outward`, in order.
///
/// # Errors
/// When the journal or its keys cannot be read.
pub fn preview(
    data: &Path,
    outward: &Outward,
    about: &About,
    each: &mut dyn FnMut(frame::Event),
) -> io::Result<()> {
    let keys = journal::reading(data).map_err(io::Error::other)?;
    let wanted = match about {
        About::Person(who) => Some(Trail::follow(data, &keys, who)?),
        About::All | About::Time(..) => None,
    };
    records(data, &mut |record| {
        let then = match about {
            About::Time(from, until) => *from <= record.at && record.at < *until,
            About::All | About::Person(_) => true,
        };
        if !then || wanted.as_ref().is_some_and(|trail| !trail.has(record.payload)) {
            return;
        }
        if let Ok(mut event) = serde_json::from_slice::<Event>(record.payload) {
            outward::open(&mut event, &keys);
            outward.events(record.at, &event).into_iter().for_each(&mut *each);
        }
    })
}

fn records(data: &Path, each: &mut dyn FnMut(&Record<'_>)) -> io::Result<()> {
    for segment in segments::list(&journal::folder(data))? {
        let bytes = std::fs::read(&segment.path)?;
        let mut rest = &bytes[..];
        loop {
            let skip = match decode(rest) {
                Found::Record(record) => {
                    each(&record);
                    record.bytes.len()
                }
                Found::Damage(skip) => skip,
                Found::Torn | Found::End => break,
            };
            rest = rest.get(skip..).unwrap_or_default();
        }
    }
    Ok(())
}

/// By what records are a person's: names of keys and contacts that stand in them, and calls, conversations and items of work
/// that were theirs.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Trail {
    names: BTreeSet<String>,
    things: BTreeSet<String>,
}

/// What of a record says whose it is.
const THINGS: [&str; 3] = ["call", "conversation", "item"];
/// Rounds of following: a number leads to a contact, that to other numbers, those to calls.
const ROUNDS: usize = 4;

impl Trail {
    fn follow(data: &Path, keys: &Reading, who: &str) -> io::Result<Trail> {
        let mut trail = Trail::default();
        match who.parse::<ContactId>() {
            Ok(contact) => trail.contact(keys, contact),
            Err(_) => trail.name(identified(keys, who)),
        }
        for _ in 0..ROUNDS {
            let before = trail.clone();
            records(data, &mut |record| {
                if trail.has(record.payload) {
                    trail.learn(keys, record.payload);
                }
            })?;
            if trail == before {
                break;
            }
        }
        Ok(trail)
    }

    fn contact(&mut self, keys: &Reading, contact: ContactId) {
        self.names.insert(contact.to_string());
        self.name(contact_subject(keys, contact));
    }

    fn name(&mut self, subject: Subject) {
        self.names.insert(hex(subject.as_bytes()));
    }

    /// A checkpoint has everybody in it, and nothing of it leaves.
    fn has(&self, payload: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(payload) else { return false };
        let all = self.names.iter().chain(&self.things);
        !text.starts_with("{\"type\":\"checkpoint\"")
            && all.into_iter().any(|name| text.contains(&**name))
    }

    fn learn(&mut self, keys: &Reading, payload: &[u8]) {
        let Ok(said) = serde_json::from_slice::<Value>(payload) else { return };
        let is = |kind: &str| said.get("type").is_some_and(|own| own == kind);
        // A seal or a figure has nobody in it; an item's queue is everybody's.
        for thing in THINGS {
            let named = said.get(thing).and_then(Value::as_str);
            self.things.extend(named.map(str::to_owned));
        }
        if let Some(contact) = said.get("contact").and_then(Value::as_str)
            && let (Ok(contact), false) = (contact.parse(), is("bound"))
        {
            self.contact(keys, contact);
        }
        let changes = said.get("changes").and_then(Value::as_array);
        for change in changes.into_iter().flatten() {
            if !self.is_about(change) {
                continue;
            }
            let linked = change.get("change").is_some_and(|kind| kind == "linked");
            let value = change.pointer("/identity/value").and_then(Value::as_str);
            if let (true, Some((subject, _))) =
                (linked, value.and_then(|text| text.split_once(':')))
            {
                self.names.insert(subject.to_owned());
            }
            let contact = change.get("contact").and_then(Value::as_str);
            if let Some(Ok(contact)) = contact.map(str::parse) {
                self.contact(keys, contact);
            }
        }
    }

    fn is_about(&self, change: &Value) -> bool {
        let text = change.to_string();
        self.names.iter().any(|name| text.contains(&**name))
    }
}

/// A number in full, or an address.
fn identified(keys: &Reading, who: &str) -> Subject {
    let kind = match () {
        () if who.contains('@') => Kind::Email,
        () if who.contains(':') => Kind::Handle,
        () => Kind::Phone,
    };
    identity_subject(keys, &Identity { kind, value: who.to_owned() })
}
