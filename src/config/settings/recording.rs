//! Whether conversations are recorded, and what is said before they are.

use std::collections::BTreeMap;

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

/// `record_notice = { … }` of a queue or a trunk: what the parties hear before anything of their conversation is on tape,
/// in place of the site's own notice and whether the site has one or not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordNotice {
    /// Clip that is heard. Default: the built-in words, which name the key where there is one.
    pub prompt: Option<String>,
    /// Clips for whoever has another language: by what the field `language` of the person's record says, such as `fr`.
    pub languages: BTreeMap<String, String>,
    /// The key by which whoever is outside refuses: a digit, `*` or `#`. Default none: nobody is asked.
    pub refuse_digit: Option<char>,
    /// Seconds after the announcement in which that key still counts; 0 to 60, default 5. What is on tape until then is
    /// thrown away.
    pub refuse_for: u16,
    /// Whether somebody who refused the last time is asked again in the next call. Default true; if not, the refusal
    /// stands until it is taken off the person's record.
    pub ask_again: bool,
}

impl Default for RecordNotice {
    fn default() -> Self {
        RecordNotice {
            prompt: None,
            languages: BTreeMap::new(),
            refuse_digit: None,
            refuse_for: 5,
            ask_again: true,
        }
    }
}
