//! `[[page]]`: phones that are spoken to through their loudspeakers.

use serde::Deserialize;

use crate::address::Number;
use crate::id::{ExtensionId, PageId};

/// `[[page]]`: phones that are spoken to through their loudspeakers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// What the plan calls it.
    pub name: PageId,
    /// What colleagues dial.
    pub number: Number,
    /// Extensions; 1 to 32. Those that are busy, not to be disturbed or not registered are passed over.
    pub members: Vec<ExtensionId>,
}
