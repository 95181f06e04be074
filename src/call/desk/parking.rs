//! Parking: places where a caller waits until somebody dials the place's number.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::address::Number;
use crate::call::plan::Target;
use crate::id::CallId;

/// One parking place, by the number that is dialled to fetch the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot(pub u32);

/// `701-709`: parking places with numbers of one length. The default is that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slots {
    first: u32,
    last: u32,
}

/// Parking places at most: more are a car park.
const MOST_SLOTS: u32 = 100;

/// Text that is not [`Slots`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSlots(String);

/// How the branch parks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parking {
    /// The places.
    pub slots: Slots,
    /// After how long a parked caller rings back at who parked; never when zero.
    pub comeback: Duration,
    /// Where callers go whom nobody answers then. When absent they stay parked, and ring back again.
    pub overflow: Option<Target>,
}

/// Which place holds which call.
#[derive(Debug)]
pub(in crate::call) struct Lot {
    slots: Slots,
    taken: BTreeMap<Slot, CallId>,
}

impl Lot {
    pub fn new(slots: Slots) -> Lot {
        Lot { slots, taken: BTreeMap::new() }
    }

    /// There are other places from now on; who is parked stays where they are.
    pub fn handle_slots(&mut self, slots: Slots) {
        self.slots = slots;
    }

    /// Takes the `wanted` place for a call, or the first that is free. Answers which, if there is one.
    pub fn take(&mut self, call: CallId, wanted: Option<Slot>) -> Option<Slot> {
        let free = |slot: &Slot| !self.taken.contains_key(slot);
        let slot = match wanted {
            Some(wanted) => self.slots.each().find(|slot| *slot == wanted).filter(free),
            None => self.slots.each().find(free),
        }?;
        self.taken.insert(slot, call);
        Some(slot)
    }

    pub fn leave(&mut self, slot: Slot) {
        self.taken.remove(&slot);
    }

    pub fn at(&self, slot: Slot) -> Option<CallId> {
        self.taken.get(&slot).copied()
    }
}

impl Slots {
    /// Every place.
    pub fn each(&self) -> impl Iterator<Item = Slot> + use<> {
        (self.first..=self.last).map(Slot)
    }

    /// The place with this number.
    pub fn find(&self, number: &Number) -> Option<Slot> {
        self.each().find(|slot| slot.to_string() == number.as_str())
    }
}

impl Default for Slots {
    fn default() -> Self {
        Slots { first: 701, last: 709 }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl TryFrom<String> for Slots {
    type Error = NotSlots;
    fn try_from(text: String) -> Result<Self, NotSlots> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        let digits =
            |part: &str| part.bytes().all(|b| b.is_ascii_digit()) && !part.starts_with('0');
        let read = |part: &str| part.parse().ok().filter(|_| digits(part));
        match (read(first), read(last)) {
            (Some(from), Some(to))
                if first.len() == last.len()
                    && (2..=8).contains(&first.len())
                    && from <= to
                    && to - from < MOST_SLOTS =>
            {
                Ok(Slots { first: from, last: to })
            }
            _ => Err(NotSlots(text)),
        }
    }
}

impl From<Slots> for String {
    fn from(slots: Slots) -> String {
        format!("{}-{}", slots.first, slots.last)
    }
}

impl fmt::Display for NotSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no row of at most {MOST_SLOTS} places, such as `701-709`", self.0)
    }
}

impl std::error::Error for NotSlots {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_taken_once() {
        let slots = |text: &str| Slots::try_from(text.to_owned());
        for bad in ["", "7", "701", "709-701", "70-701", "700-999", "a-b", "-", "701-", "01-09"] {
            assert!(slots(bad).is_err() || bad == "701", "{bad}");
        }
        let mut lot = Lot::new(slots("71-72").unwrap());
        assert_eq!(lot.take(CallId(1), None), Some(Slot(71)));
        assert_eq!(lot.take(CallId(2), Some(Slot(71))), None, "taken");
        assert_eq!(lot.take(CallId(2), Some(Slot(73))), None, "no such place");
        assert_eq!(lot.take(CallId(2), None), Some(Slot(72)));
        assert_eq!(lot.take(CallId(3), None), None, "full");
        lot.leave(Slot(71));
        assert_eq!((lot.at(Slot(71)), lot.at(Slot(72))), (None, Some(CallId(2))));
    }
}
