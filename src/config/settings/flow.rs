//! `[flow.NAME]`: flows in files of their own.

use std::path::PathBuf;

use serde::Deserialize;

/// `[flow.NAME]` with `file`: a flow in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowFile {
    /// Path, from the folder of `gateway.toml`.
    pub file: PathBuf,
}
