//! `[[group]]`: phones that ring together or in turn.

use serde::Deserialize;

use crate::address::Number;
use crate::call::desk::Strategy;
use crate::call::plan::Target;
use crate::id::{ExtensionId, GroupId};

/// `[[group]]`: phones that ring together or in turn.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What rules call it: `group:NAME`.
    pub name: GroupId,
    /// What colleagues dial; none when absent.
    #[serde(default)]
    pub number: Option<Number>,
    /// Extensions, in order; 1 to 32. Those that are busy, not to be disturbed, forwarded or not registered are passed
    /// over.
    pub members: Vec<ExtensionId>,
    /// Who rings when. Default `ring-all`.
    #[serde(default)]
    pub strategy: Strategy,
    /// Seconds that each step rings; 5 to 180, default 20.
    #[serde(default = "ring_time")]
    pub ring_time: u16,
    /// Where callers go whom nobody answers; they are refused when absent.
    #[serde(default)]
    pub overflow: Option<Target>,
}

fn ring_time() -> u16 {
    20
}
