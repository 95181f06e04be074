//! `[payment]`: conversations in which a card number is told.

use serde::Deserialize;

/// `[payment]`: conversations in which a card number is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Payment {
    /// Seconds after which a payment pause ends if nobody has ended it; 30 to 3,600, default 300. A card number is keyed in
    /// a minute, and a pause that was forgotten is a hole in the recording.
    pub limit: u16,
}

impl Default for Payment {
    fn default() -> Self {
        Payment { limit: 300 }
    }
}
