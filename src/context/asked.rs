//! Erasures that other branches ask for: what the site does with them, and how many of one branch it hears in a day.
//!
//! A branch that was taken over could have everybody erased everywhere. So another branch's word is a question to a person
//! here unless the site says otherwise, and however it is, no branch asks for more than so many in a day.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::card::Asked;
use crate::time::UnixTime;

/// Erasures that one branch may ask for in a day: a large branch has a handful of people a week who want to be forgotten.
const MOST_OF_A_SITE: usize = 50;
/// And all branches together, whatever names the office gives them.
const MOST: usize = 200;
const DAY: Duration = Duration::from_secs(86_400);

/// What becomes of an erasure that another branch asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Erasures {
    /// A person of this branch is asked.
    #[default]
    Ask,
    /// It is done.
    Obey,
}

/// Another branch wants a person erased, and they are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Which branch, and what it calls the erasure.
    pub asked: Asked,
    /// When that was heard.
    pub at: UnixTime,
    /// Whether somebody here has to say yes or no; else it was refused.
    pub waits: bool,
}

/// What other branches have asked for lately.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lately(BTreeMap<String, Day>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    since: UnixTime,
    erasures: BTreeSet<String>,
}

impl Day {
    /// A clock that was set back begins another day.
    fn is_over(&self, now: UnixTime) -> bool {
        now < self.since || now.since(self.since) >= DAY
    }
}

impl Lately {
    /// Whether a branch may ask for this, beside what it has asked for today. The same may be asked for again.
    pub fn allows(&self, now: UnixTime, asked: &Asked) -> bool {
        let days = || self.0.iter().filter(|(_, day)| !day.is_over(now));
        let own = days().find(|(site, _)| **site == asked.site).map(|(_, day)| &day.erasures);
        if own.is_some_and(|own| own.contains(&asked.erasure)) {
            return true;
        }
        let all: usize = days().map(|(_, day)| day.erasures.len()).sum();
        own.map_or(0, BTreeSet::len) < MOST_OF_A_SITE && all < MOST
    }

    /// A branch has asked for this.
    pub fn note(&mut self, now: UnixTime, asked: &Asked) {
        if !self.allows(now, asked) {
            return;
        }
        self.0.retain(|_, day| !day.is_over(now));
        let new = || Day { since: now, erasures: BTreeSet::new() };
        let day = self.0.entry(asked.site.clone()).or_insert_with(new);
        day.erasures.insert(asked.erasure.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(site: usize, erasure: usize) -> Asked {
        Asked { site: format!("s{site}"), erasure: format!("e{erasure}") }
    }

    #[test]
    fn a_branch_asks_for_so_many_in_a_day_and_all_of_them_for_so_many() {
        let mut lately = Lately::default();
        let now = UnixTime(1_000_000);
        for erasure in 0..MOST_OF_A_SITE {
            assert!(lately.allows(now, &asked(0, erasure)));
            lately.note(now, &asked(0, erasure));
            // The same comes again after a line broke, and is counted once.
            lately.note(now, &asked(0, erasure));
        }
        assert!(!lately.allows(now, &asked(0, MOST_OF_A_SITE)));
        assert!(lately.allows(now, &asked(0, 3)) && lately.allows(now, &asked(1, 0)));
        // An office that makes branches up gets no further than all of them.
        for site in 1..10 {
            (0..MOST_OF_A_SITE).for_each(|erasure| lately.note(now, &asked(site, erasure)));
        }
        let all: usize = lately.0.values().map(|day| day.erasures.len()).sum();
        assert_eq!(all, MOST);
        assert!(!lately.allows(now, &asked(99, 0)));
        let tomorrow = UnixTime(now.0 + 86_400_000_000);
        assert!(lately.allows(tomorrow, &asked(0, MOST_OF_A_SITE)));
        assert!(lately.allows(UnixTime(0), &asked(99, 0)), "a clock that was set back");
    }
}
