//! `[prompts]`: the site's own sound files.

use std::path::PathBuf;

use serde::Deserialize;

/// `[prompts]`: the site's own sound files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prompts {
    /// Folder of WAV files; each is a clip with the file's name. Built-in clips only when absent.
    pub dir: Option<PathBuf>,
}
