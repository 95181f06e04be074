//! `[limits]`: what the box takes on.

use serde::Deserialize;

/// `[limits]`: what the box takes on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls at a time, calls for help not counted; 1 to 10,000, default 500.
    pub calls: u16,
    /// Calls of one extension at a time; 1 to 100, default 4.
    pub calls_per_extension: u16,
    /// New calls in a second; 1 to 1,000, default 50.
    pub new_calls_per_second: u16,
    /// Lateness of signalling or sound, in ms, that is too much: where it is met in half of two seconds, new calls are
    /// refused, those for help not; 10 to 1,000, default 100, 0 to refuse none for it.
    pub lateness_ms: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { calls: 500, calls_per_extension: 4, new_calls_per_second: 50, lateness_ms: 100 }
    }
}
