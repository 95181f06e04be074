//! The site's CRM, as an admin reads of it.

use serde::{Deserialize, Serialize};

use crate::crm::Answer;
use crate::time::{UnixTime, rfc3339};

/// How it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmLine {
    /// Where it is.
    pub url: String,
    /// When it answered last.
    #[serde(with = "rfc3339::option")]
    pub answered: Option<UnixTime>,
    /// Questions that wait.
    pub open: usize,
    /// Answers that it knew somebody, since the start.
    pub found: u64,
    /// Answers that it did not.
    pub unknown: u64,
    /// Questions without an answer.
    pub faults: u64,
    /// Questions that were not asked: it rests, or there are too many.
    pub dropped: u64,
    /// Callers with an answer that was new enough.
    pub fresh: u64,
    /// Callers with an older one.
    pub stale: u64,
    /// Callers with none.
    pub missed: u64,
    /// Callers whom it had just not known.
    pub unknown_again: u64,
    /// What went wrong last.
    pub trouble: Option<String>,
    /// For how many seconds it is left alone.
    pub rests_s: Option<u64>,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmTest {
    /// How long it took.
    pub took_ms: u64,
    /// What it says, as far as it is taken.
    pub answer: Option<Answer>,
    /// Why there is no answer, in words.
    pub fault: Option<String>,
}
