//! PINs that owners chose by phone: kept as what they give under the box's own key, never as digits.
//!
//! Four digits are found in a blink by whoever holds a plain hash of them, salted or not. Under a key that is not in the
//! journal, what is kept there opens nothing.

use std::fmt;

use ring::hmac;

use crate::id::ExtensionId;

/// Fewest and most digits.
pub(super) const LENGTH: std::ops::RangeInclusive<usize> = 4..=12;

/// A PIN that an owner chose, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// What the PIN gives under the box's key, in hexadecimal.
    pub hash: String,
    /// The same of the configured PIN that it took the place of: an admin who configures another one resets it.
    pub over: String,
}

/// The key that PINs are kept under.
pub struct Seal(hmac::Key);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// From what only this box knows.
    pub fn new(secret: &str) -> Seal {
        Seal(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }

    /// What a mailbox's PIN gives.
    pub(super) fn of(&self, mailbox: &ExtensionId, pin: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{mailbox} {pin}").as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Whether a PIN may be chosen: of digits, not one digit over and over, not the number that everybody knows.
pub(super) fn is_good(mailbox: &ExtensionId, pin: &str) -> bool {
    let first = pin.chars().next();
    LENGTH.contains(&pin.len())
        && pin.bytes().all(|byte| byte.is_ascii_digit())
        && pin.chars().any(|digit| Some(digit) != first)
        && pin != mailbox.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_tells_no_pin_and_differs_by_mailbox_and_box() {
        let (seal, ann, bob) = (Seal::new("box"), "201".into(), "202".into());
        let kept = seal.of(&ann, "4711");
        assert_eq!((kept.len(), kept.contains("4711")), (64, false));
        assert_eq!(kept, seal.of(&ann, "4711"));
        assert!(kept != seal.of(&bob, "4711") && kept != Seal::new("other").of(&ann, "4711"));
        assert!(kept != seal.of(&ann, "4712"));
    }

    #[test]
    fn pins_that_everybody_guesses_are_refused() {
        let bad = ["", "123", "0000", "20201", "1234567890123", "12a4"];
        assert!(bad.iter().all(|pin| !is_good(&"20201".into(), pin)));
        assert!(is_good(&"20201".into(), "4711"));
    }
}
