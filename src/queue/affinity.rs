//! Who had whom last: to be asked first when the same person comes again.
//!
//! A person is known here by names that the caller makes up, one for each way in which they may come again. What a name
//! stands for may be forgotten: a proof goes with it, and whoever looks says whether that still holds.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::AgentId;
use crate::time::UnixTime;

/// Names that are remembered: a branch's callers of some weeks; in every checkpoint, about 1 MB.
pub const MOST_REMEMBERED: usize = 10_000;

/// Who had somebody last, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last<P> {
    /// Who.
    pub agent: AgentId,
    /// When it ended.
    pub at: UnixTime,
    /// What holds as long as the name is not forgotten.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub proof: Option<P>,
}

fn none<P>() -> Option<P> {
    None
}

/// All that are remembered, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LastAgents<P>(BTreeMap<String, Last<P>>);

impl<P> Default for LastAgents<P> {
    fn default() -> Self {
        LastAgents(BTreeMap::new())
    }
}

impl<P> LastAgents<P> {
    /// An agent had somebody of this name. Where too many are remembered, whoever was longest ago is not any more.
    pub fn remember(&mut self, name: String, last: Last<P>) {
        if self.0.len() >= MOST_REMEMBERED && !self.0.contains_key(&name) {
            let oldest = self.0.iter().min_by_key(|(_, last)| last.at);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                self.0.remove(&name);
            }
        }
        self.0.insert(name, last);
    }

    /// Nobody of this name is remembered any more.
    pub fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Who had whoever goes by the first of these names that is remembered, less than so long before now.
    pub fn find<'a>(
        &'a self,
        mut names: impl Iterator<Item = &'a str>,
        now: UnixTime,
        within: Duration,
        holds: impl Fn(&P) -> bool,
    ) -> Option<&'a AgentId> {
        let last = names.find_map(|name| {
            let last = self.0.get(name)?;
            (now.since(last.at) < within && last.proof.as_ref().is_none_or(&holds)).then_some(last)
        })?;
        Some(&last.agent)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Last<P>)> {
        self.0.iter().map(|(name, last)| (name.as_str(), last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(agent: &str, at: i64, proof: Option<u8>) -> Last<u8> {
        Last { agent: agent.into(), at: UnixTime(at * 1_000_000), proof }
    }

    #[test]
    fn whoever_had_them_last_is_found_within_the_time_and_while_the_proof_holds() {
        let mut known = LastAgents::default();
        known.remember("number".to_owned(), last("ann", 10, Some(1)));
        known.remember("person".to_owned(), last("bob", 20, None));
        let find = |names: &[&str], at: i64, holds: bool| {
            let (now, within) = (UnixTime(at * 1_000_000), Duration::from_secs(100));
            let names = names.iter().copied();
            known.find(names, now, within, |_| holds).map(|agent| agent.to_string())
        };
        assert_eq!(find(&["person", "number"], 30, true).as_deref(), Some("bob"));
        assert_eq!(find(&["number"], 30, true).as_deref(), Some("ann"));
        assert_eq!(find(&["number"], 30, false), None, "it was forgotten");
        assert_eq!(find(&["number"], 110, true), None, "too long ago");
        assert_eq!(find(&["person", "number"], 119, true).as_deref(), Some("bob"));
    }

    #[test]
    fn the_oldest_goes_where_too_many_are_remembered() {
        let mut known = LastAgents::default();
        for n in 0..=MOST_REMEMBERED as i64 {
            known.remember(format!("p{n}"), last("ann", n, None));
        }
        assert_eq!(known.iter().count(), MOST_REMEMBERED);
        assert!(known.iter().all(|(name, _)| name != "p0"));
        known.remember("p5".to_owned(), last("bob", 99_999, None));
        assert_eq!(known.iter().count(), MOST_REMEMBERED, "said again it takes nobody's place");
    }
}
