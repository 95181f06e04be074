//! What reading the journal from end to end has shown: whether it is as it was written, and where it stands.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::journal::replay::Replay;
use crate::time::{UnixTime, rfc3339};

/// The journal, read from end to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdict {
    /// When it was read.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Who wanted it.
    pub by: String,
    /// Whether every record is as it was written.
    pub whole: bool,
    /// Records.
    pub records: u64,
    /// Segments that they are in.
    pub segments: usize,
    /// Seals that hold.
    pub seals: usize,
    /// Seals that do not.
    pub broken_seals: usize,
    /// Places where the chain does not fit: something was changed, lost or put in.
    pub breaks: usize,
    /// Bytes that are no record.
    pub bytes: usize,
    /// Times that the disk failed, and a checkpoint stands for what was not kept.
    pub gaps: usize,
    /// The last record; the box writes on meanwhile.
    pub record: u64,
    /// The head of the chain there. With the record's number, `RECORD:HEAD`, it is what an auditor writes down.
    pub head: String,
    /// The box's public key, which seals are checked with, in hexadecimal.
    pub key: String,
    /// Whether what was noted before still stands; nothing where nobody said it.
    pub stands: Option<bool>,
}

impl Verdict {
    /// Of a replay that has read so much.
    pub fn new(
        (at, by): (UnixTime, String),
        key: String,
        (records, segments): (u64, usize),
        replay: &Replay,
        noted: bool,
    ) -> Verdict {
        let damage = replay.damage;
        Verdict {
            at,
            by,
            whole: damage.is_none(),
            records,
            segments,
            seals: damage.seals,
            broken_seals: damage.broken_seals,
            breaks: damage.breaks,
            bytes: damage.bytes,
            gaps: damage.gaps,
            record: replay.resume.next.saturating_sub(1),
            head: replay.resume.chain.to_string(),
            key,
            stands: noted.then_some(replay.found),
        }
    }
}
