//! `[appliance]`: the box as a thing.

use serde::Deserialize;

/// `[appliance]`: the box as a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Appliance {
    /// What becomes of data when the box is put back as it came. Default `kept`.
    pub wipe: Wipe,
}

/// What becomes of data in a factory reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wipe {
    /// It is put aside, and gone after 24 hours.
    #[default]
    Kept,
    /// Keys and secrets are overwritten, then everything is removed, at once.
    Regulated,
}
