//! `voicemail` of an `[[extension]]`: its mailbox.

use serde::Deserialize;

use crate::config::secret::SecretRef;

/// `voicemail` of an `[[extension]]`: callers who do not get through leave a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Voicemail {
    /// Where the PIN is kept that opens the mailbox from elsewhere, 4 to 12 digits. Without one, messages are heard at
    /// the extension's own phone alone.
    pub pin: Option<SecretRef>,
    /// Clip that greets callers until a greeting is recorded; standard words when absent.
    pub greeting: Option<String>,
    /// Seconds of the longest message; 10 to 3,600, default 180.
    pub max_length: u16,
    /// Most messages; 1 to 1,000, default 100.
    pub max_messages: u16,
    /// Days that a message is kept; 1 to 3,650, 0 (the default) for ever.
    pub retention_days: u16,
}

impl Default for Voicemail {
    fn default() -> Self {
        Voicemail {
            pin: None,
            greeting: None,
            max_length: 180,
            max_messages: 100,
            retention_days: 0,
        }
    }
}
