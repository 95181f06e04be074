//! Ring groups: one number, several phones.

use serde::{Deserialize, Serialize};

use crate::call::plan::Target;
use crate::id::ExtensionId;

/// Members of a group. Each one that rings takes two ports and a session for each of its phones; a larger team is a
/// queue.
pub const MOST_MEMBERS: usize = 32;

/// Who of a group rings when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All at once; the first to answer has the call.
    #[default]
    RingAll,
    /// One after the other, from the first of the list.
    Hunt,
    /// One after the other, from the one after whoever rang first for the call before.
    RoundRobin,
}

/// One ring group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Who rings, in order.
    pub members: Vec<ExtensionId>,
    /// Who rings when.
    pub strategy: Strategy,
    /// How long each step rings, in seconds.
    pub ring_time: u16,
    /// Where callers go whom nobody answers.
    pub overflow: Option<Target>,
}

impl Group {
    /// The steps of a call that begins at the `turn`th member: who rings together, and then who.
    pub fn steps(&self, turn: usize) -> Vec<Vec<ExtensionId>> {
        let one = |member: &ExtensionId| vec![member.clone()];
        match self.strategy {
            Strategy::RingAll => vec![self.members.clone()],
            Strategy::Hunt => self.members.iter().map(one).collect(),
            Strategy::RoundRobin => {
                let from = turn.checked_rem(self.members.len()).unwrap_or(0);
                let (before, after) = self.members.split_at(from);
                after.iter().chain(before).map(one).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_rings_when() {
        let steps = |strategy, turn| {
            let members = ["1", "2", "3"].map(ExtensionId::from).to_vec();
            let group = Group { members, strategy, ring_time: 20, overflow: None };
            let steps = group.steps(turn).into_iter();
            steps
                .map(|step| step.iter().map(ExtensionId::as_str).collect::<String>())
                .collect::<Vec<_>>()
        };
        assert_eq!(steps(Strategy::RingAll, 1), ["123"]);
        assert_eq!(steps(Strategy::Hunt, 1), ["1", "2", "3"]);
        assert_eq!(steps(Strategy::RoundRobin, 1), ["2", "3", "1"]);
        assert_eq!(steps(Strategy::RoundRobin, 5), ["3", "1", "2"]);
    }
}
