//! Whether conversations are recorded.

use serde::Deserialize;

/// Whether the conversations of a phone, a line or a queue are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recording {
    /// Never.
    #[default]
    Never,
    /// When the phone asks for it by pressing `*1` in the conversation, until it does so again.
    OnDemand,
    /// Always.
    Always,
}
