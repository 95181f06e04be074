//! Whether somebody outside lets a conversation be recorded: what was said, and how.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody said to being recorded. Nobody was asked where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    /// Given, or refused.
    pub given: bool,
    /// How.
    pub how: ConsentBy,
}

/// How it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentBy {
    /// They heard that they are recorded and which key refuses, and did not press it.
    Heard,
    /// By the key that refuses.
    Key,
    /// In an earlier call: they are not asked again.
    Earlier,
}

impl Consent {
    /// They did not press the key.
    pub const GIVEN: Consent = Consent { given: true, how: ConsentBy::Heard };
    /// They pressed it.
    pub const REFUSED: Consent = Consent { given: false, how: ConsentBy::Key };
    /// They refused in an earlier call.
    pub const REFUSED_EARLIER: Consent = Consent { given: false, how: ConsentBy::Earlier };

    /// In a few words, for whoever looks at the call.
    pub fn words(self) -> &'static str {
        match self {
            Consent { given: true, .. } => "lets itself be recorded",
            Consent { how: ConsentBy::Earlier, .. } => "refused to be recorded in an earlier call",
            Consent { .. } => "refuses to be recorded",
        }
    }
}
