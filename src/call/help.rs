//! Calls for help: where the caller is, who is rung when help calls back, what the branch is told.
//!
//! Owns the places of a site, which of them a phone is at, and the memory of calls for help that a call back needs. It
//! places no call and knows no network: which places a caller's address belongs to is an argument. What is dialled for
//! help is [`crate::call::plan`]'s business.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address::Number;
use crate::id::{CallId, ExtensionId, LocationId};
use crate::time::UnixTime;

/// Calls for help that are remembered at once: more are a drill or a fault, and the newest count.
const MOST_REMEMBERED: usize = 200;

/// Somewhere in the branch that help can be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name in the configuration.
    pub name: LocationId,
    /// In words, for people.
    pub words: String,
    /// The number that help calls back.
    pub callback: Option<Number>,
    /// Whether the networks that it lies in are known.
    pub has_networks: bool,
}

/// Every place, and who is where.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// By name.
    pub places: BTreeMap<LocationId, Place>,
    /// Phones that are always at one place.
    pub phones: BTreeMap<ExtensionId, LocationId>,
    /// Where whoever is nowhere else is taken to be.
    pub default: Option<LocationId>,
}

impl Places {
    /// Where a caller is. `here` are the places whose networks the caller's address belongs to, the narrowest first: a
    /// phone's own place stands, unless that has networks and the phone is in none of them but in another place's.
    pub fn of(&self, phone: &ExtensionId, here: &[LocationId]) -> Option<&Place> {
        let own = self.phones.get(phone).and_then(|name| self.places.get(name));
        let found = here.iter().find_map(|name| self.places.get(name));
        match (own, found) {
            (Some(own), Some(found)) if own.has_networks && !here.contains(&own.name) => {
                Some(found)
            }
            (Some(own), _) => Some(own),
            (None, Some(found)) => Some(found),
            (None, None) => self.places.get(self.default.as_ref()?),
        }
    }
}

/// One call for help: what a restart must know of it, and what the branch is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// The call.
    pub call: CallId,
    /// When.
    pub at: UnixTime,
    /// Whose phone; the address of one that nobody knows.
    pub phone: ExtensionId,
    /// What was dialled for help, without any outside prefix.
    pub number: Number,
    /// Where the caller is.
    #[serde(default)]
    pub place: Option<LocationId>,
    /// What help sees as the caller's number, where it leads to this phone.
    #[serde(default)]
    pub callback: Option<Number>,
    /// Whether it did come from this phone, or was taken by whoever was called; else anybody may have called in the
    /// phone's name. Those that were kept before this was asked count as proven.
    #[serde(default = "yes")]
    pub proven: bool,
}

fn yes() -> bool {
    true
}

/// The calls for help of the last hours.
#[derive(Debug, Default)]
pub struct Memory {
    /// How long a number leads back to the phone that called for help.
    keep: Duration,
    calls: Vec<Called>,
}

impl Memory {
    /// Remembers calls for `keep`.
    pub fn new(keep: Duration) -> Self {
        Memory { keep, calls: Vec::new() }
    }

    /// A call for help goes out, or did before a restart.
    pub fn handle_called(&mut self, now: UnixTime, called: Called) {
        self.calls.retain(|known| now.since(known.at) < self.keep);
        self.calls.push(called);
        if self.calls.len() > MOST_REMEMBERED {
            self.calls.remove(0);
        }
    }

    /// It has come out that a call came from the phone that it names, or it was answered. Answers what to keep; nothing
    /// where that was known.
    pub fn prove(&mut self, call: CallId) -> Option<Called> {
        let known = |own: &&mut Called| own.call == call && !own.proven;
        let called = self.calls.iter_mut().find(known)?;
        called.proven = true;
        Some(called.clone())
    }

    /// The call that is meant when help calls `number` back: the last from there that is proven, else the last. `same`
    /// says whether two numbers are one line.
    pub fn last(
        &self,
        now: UnixTime,
        number: &Number,
        same: impl Fn(&Number, &Number) -> bool,
    ) -> Option<&Called> {
        let calls = self.recent(now).filter(|called| {
            called.callback.as_ref().is_some_and(|own| own == number || same(own, number))
        });
        // Of equals the last.
        calls.max_by_key(|called| called.proven)
    }

    /// Whether a call is remembered.
    pub fn knows(&self, call: CallId) -> bool {
        self.calls.iter().any(|called| called.call == call)
    }

    /// What is remembered, the newest last.
    pub fn recent(&self, now: UnixTime) -> impl DoubleEndedIterator<Item = &Called> {
        self.calls.iter().filter(move |called| now.since(called.at) < self.keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, has_networks: bool) -> (LocationId, Place) {
        let name = LocationId::from(name);
        (name.clone(), Place { name, words: String::new(), callback: None, has_networks })
    }

    fn places() -> Places {
        let phones = [("201", "desk"), ("202", "hall")];
        Places {
            places: [place("desk", false), place("hall", true), place("shed", true)].into(),
            phones: phones.map(|(phone, name)| (phone.into(), name.into())).into(),
            default: None,
        }
    }

    fn found(places: &Places, phone: &str, here: &[&str]) -> Option<String> {
        let here: Vec<_> = here.iter().map(|name| LocationId::from(*name)).collect();
        places.of(&phone.into(), &here).map(|place| place.name.to_string())
    }

    #[test]
    fn a_phone_is_at_its_own_place_unless_it_was_carried_to_another() {
        let places = places();
        assert_eq!(found(&places, "201", &[]).as_deref(), Some("desk"));
        assert_eq!(
            found(&places, "201", &["shed"]).as_deref(),
            Some("desk"),
            "it names no network"
        );
        assert_eq!(found(&places, "202", &[]).as_deref(), Some("hall"), "nowhere that is known");
        assert_eq!(found(&places, "202", &["shed"]).as_deref(), Some("shed"));
        assert_eq!(found(&places, "202", &["shed", "hall"]).as_deref(), Some("hall"));
        assert_eq!(found(&places, "209", &["shed"]).as_deref(), Some("shed"));
        assert_eq!(found(&places, "209", &[]), None);
        let default = Places { default: Some("hall".into()), ..places };
        assert_eq!(found(&default, "209", &[]).as_deref(), Some("hall"));
    }

    #[test]
    fn a_call_back_reaches_who_called_last_and_only_for_some_hours() {
        let phone = |found: Option<&Called>| found.map(|called| called.phone.to_string());
        let mut memory = Memory::new(Duration::from_secs(3_600));
        let own = Number::parse("+14085550199").unwrap();
        let called = |call: u64, phone: &str, at: i64, callback: Option<&Number>| Called {
            call: CallId(call),
            at: UnixTime(at),
            phone: phone.into(),
            number: Number::parse("911").unwrap(),
            place: None,
            callback: callback.cloned(),
            proven: true,
        };
        memory.handle_called(UnixTime(0), called(1, "201", 0, Some(&own)));
        memory.handle_called(UnixTime(5), called(2, "202", 5, Some(&own)));
        memory.handle_called(UnixTime(6), called(3, "203", 6, None));
        let same = |a: &Number, b: &Number| a.as_str().ends_with(b.as_str());
        let bare = Number::parse("4085550199").unwrap();
        assert_eq!(phone(memory.last(UnixTime(9), &bare, same)).as_deref(), Some("202"));
        let other = Number::parse("5550198").unwrap();
        assert_eq!(phone(memory.last(UnixTime(9), &other, same)), None);
        let forged = Called { proven: false, ..called(5, "204", 7, Some(&own)) };
        memory.handle_called(UnixTime(7), forged);
        assert_eq!(phone(memory.last(UnixTime(9), &bare, same)).as_deref(), Some("202"));
        assert_eq!(memory.prove(CallId(5)).map(|called| called.proven), Some(true));
        assert_eq!(memory.prove(CallId(5)), None, "that is known");
        assert_eq!(phone(memory.last(UnixTime(9), &bare, same)).as_deref(), Some("204"));
        let later = UnixTime(3_600_000_007);
        assert_eq!(phone(memory.last(later, &own, same)), None);
        memory.handle_called(later, called(4, "201", later.0, Some(&own)));
        assert_eq!(memory.recent(later).count(), 1);
    }
}
