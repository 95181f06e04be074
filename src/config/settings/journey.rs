//! `[journey.NAME]`: rules of journeys, each in a file of its own.

use std::path::PathBuf;

use serde::Deserialize;

/// `[journey.NAME]`: a rule in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JourneyFile {
    /// Path, from the folder of `gateway.toml`.
    pub file: PathBuf,
}
