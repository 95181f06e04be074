//! Conferences: rooms in which any number of parties talk, and who may come in.
//!
//! Owns the settings of a room that has a number, its PIN, and who is in each room. How a party gets there is the
//! business of [`Calls`](crate::call::Calls); mixing that of the media plane.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

use crate::call::record::Peer;
use crate::id::{ConferenceId, LegId};

/// Wrong PINs before a caller is let go.
pub(super) const MOST_WRONG: u8 = 3;
/// Wrong PINs of one caller, over calls, after which the caller is let into no conference that has one.
const MOST_WRONG_EVER: u32 = 6;
/// How long the first time; twice as long after each further wrong PIN.
const SHUT: Duration = Duration::from_secs(15 * 60);
/// The longest, and how long tries are remembered.
const SHUT_MOST: Duration = Duration::from_secs(24 * 3_600);
/// Callers whose tries are remembered: whoever gives another number with each call pushes out what is oldest, and is
/// held up by three tries a call.
const MOST_GUESSERS: usize = 1_000;
/// The longest PIN.
pub const LONGEST_PIN: usize = 12;

/// A conference that has a number.
#[derive(Debug, Clone)]
pub struct Conference {
    /// What callers have to key in, if anything.
    pub pin: Option<Pin>,
    /// Parties at a time.
    pub most: usize,
}

/// Digits that open a conference. Its debug form shows none.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(String);

impl Pin {
    /// A PIN of 4 to 12 digits; nothing if it is none.
    pub fn new(text: &str) -> Option<Pin> {
        let good = (4..=LONGEST_PIN).contains(&text.len());
        (good && text.bytes().all(|b| b.is_ascii_digit())).then(|| Pin(text.to_owned()))
    }

    /// Whether these keys are it.
    pub fn is(&self, keyed: &str) -> bool {
        self.0 == keyed
    }

    /// How many digits it has.
    pub fn length(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// A caller who is asked for a PIN.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    pub keyed: String,
    pub wrong: u8,
}

/// Who guesses: a phone, or a number over a trunk.
pub(super) type Guesser = (Peer, String);

/// Callers who keyed in wrong PINs, over all their calls.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    by: BTreeMap<Guesser, Tries>,
}

#[derive(Debug)]
struct Tries {
    wrong: u32,
    last: Instant,
    shut_until: Option<Instant>,
}

impl Guesses {
    /// Whether a caller is not asked for a PIN any more for now.
    pub fn is_shut(&self, now: Instant, who: &Guesser) -> bool {
        let until = self.by.get(who).and_then(|tries| tries.shut_until);
        until.is_some_and(|until| now < until)
    }

    /// A PIN was wrong.
    pub fn wrong(&mut self, now: Instant, who: Guesser) {
        self.by.retain(|_, tries| now.saturating_duration_since(tries.last) < SHUT_MOST * 2);
        let oldest = self.by.iter().min_by_key(|(_, tries)| tries.last).map(|(who, _)| who.clone());
        if let (true, Some(oldest)) =
            (self.by.len() >= MOST_GUESSERS && !self.by.contains_key(&who), oldest)
        {
            self.by.remove(&oldest);
        }
        let tries = self.by.entry(who).or_insert(Tries { wrong: 0, last: now, shut_until: None });
        tries.wrong += 1;
        tries.last = now;
        if tries.wrong >= MOST_WRONG_EVER {
            let doublings = (tries.wrong - MOST_WRONG_EVER).min(16);
            tries.shut_until = Some(now + (SHUT * (1 << doublings)).min(SHUT_MOST));
        }
    }

    /// A PIN was right.
    pub fn right(&mut self, who: &Guesser) {
        self.by.remove(who);
    }
}

/// Who is in a room.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// The conference whose room it is; nothing for one that a phone made of its own calls.
    pub conference: Option<ConferenceId>,
    pub members: BTreeSet<LegId>,
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_over_many_calls_is_shut_out_for_longer_and_longer() {
        let who: Guesser = (Peer::Trunk("carrier".into()), "+15550123".to_owned());
        let other: Guesser = (Peer::Trunk("carrier".into()), "+15550124".to_owned());
        let start = Instant::now();
        let mut guesses = Guesses::default();
        for n in 0..MOST_WRONG_EVER {
            assert!(!guesses.is_shut(start, &who), "{n}");
            guesses.wrong(start, who.clone());
        }
        assert!(guesses.is_shut(start, &who) && !guesses.is_shut(start, &other));
        assert!(!guesses.is_shut(start + SHUT, &who), "a mistake is forgiven");
        guesses.wrong(start + SHUT, who.clone());
        assert!(guesses.is_shut(start + SHUT * 2, &who), "and the next one costs twice the time");
        let mut tries = 0;
        for minute in 0..30 * 24 * 60_u32 {
            let now = start + SHUT + Duration::from_secs(60) * minute;
            if !guesses.is_shut(now, &who) {
                guesses.wrong(now, who.clone());
                tries += 1;
            }
        }
        assert!(tries < 45, "{tries} tries in a month");
        for n in 0..2 * MOST_GUESSERS {
            guesses.wrong(start, (Peer::Trunk("carrier".into()), n.to_string()));
        }
        assert!(guesses.by.len() <= MOST_GUESSERS);
    }

    #[test]
    fn a_pin_is_digits_and_is_not_shown() {
        let pin = Pin::new("4711").unwrap();
        assert!(pin.is("4711") && !pin.is("471") && !pin.is(""));
        assert_eq!(format!("{pin:?}"), "Pin(..)");
        for bad in ["", "123", "12a4", "1234567890123"] {
            assert_eq!(Pin::new(bad), None, "{bad}");
        }
    }
}
