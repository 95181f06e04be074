//! How key presses are sent to a phone or a carrier.

use serde::Deserialize;

/// How key presses are sent to a phone or a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keys {
    /// As telephone-events (RFC 4733) where they are agreed on, else in the sound.
    #[default]
    Auto,
    /// By SIP INFO.
    Info,
}
