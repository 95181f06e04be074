//! Conferences: rooms in which any number of parties talk, and who may come in.
//!
//! Owns the settings of a room that has a number, its PIN, and who is in each room. How a party gets there is the
//! business of [`Calls`](crate::call::Calls); mixing that of the media plane.

use std::collections::BTreeSet;
use std::fmt;

use crate::id::{ConferenceId, LegId};

/// Wrong PINs before a caller is let go.
pub(super) const MOST_WRONG: u8 = 3;
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

/// Who is in a room.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// The conference whose room it is; nothing for one that a phone made of its own calls.
    pub conference: Option<ConferenceId>,
    pub members: BTreeSet<LegId>,
}

#[cfg(test)]
mod tests {
    use super::*;

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
