//! `[backup]`: where backups go, and what is in them.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// `[backup]`: what `branchline backup` makes, and the timer every night.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Backup {
    /// The folder that backups go to: a disk of its own, or a share that is mounted. Default none: none is made by itself.
    pub folder: Option<PathBuf>,
    /// The file with the recovery key. Default `keys/backup` below the data folder, made with the first backup.
    pub key_file: Option<PathBuf>,
    /// A file with a passphrase in its first line, in place of a recovery key. Default none.
    pub passphrase_file: Option<PathBuf>,
    /// Backups that are kept there; 1 to 1000, default 14.
    pub keep: u16,
    /// Hours within which there should be another one; 1 to 720, default 24.
    pub every_hours: u16,
    /// Whether sound is in it: messages that callers left, and recordings; default yes.
    pub recordings: bool,
}

impl Default for Backup {
    fn default() -> Self {
        Backup {
            folder: None,
            key_file: None,
            passphrase_file: None,
            keep: 14,
            every_hours: 24,
            recordings: true,
        }
    }
}

impl Backup {
    /// Within which there should be another one.
    pub fn every(&self) -> Duration {
        Duration::from_secs(u64::from(self.every_hours) * 3_600)
    }
}
