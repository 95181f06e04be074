//! Wrong passwords: who has given too many waits, each time longer. Counted for an account and a source together, so that
//! nobody locks somebody else out by guessing at their name from another machine.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Wrong passwords that cost nothing: people mistype.
const FREE: u32 = 5;
/// The first wait; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(2);
/// And the longest: a person who comes back after a coffee is let in.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Without a wrong password for so long, all is forgotten.
const MEMORY: Duration = Duration::from_secs(60 * 60);
/// Pairs of account and source that are remembered; the oldest are forgotten first.
const MOST: usize = 4_096;
/// Wrong passwords of one source for all accounts together after which it waits, whichever name it tries.
const FREE_OF_SOURCE: u32 = 20;
/// Characters of an account's name that are remembered: no user has a longer one, and a stranger's need no memory.
const LONGEST_NAME: usize = 64;

/// Wrong passwords so far.
#[derive(Debug, Default)]
pub struct Lockout {
    pairs: BTreeMap<(String, IpAddr), Wrong>,
    sources: BTreeMap<IpAddr, Wrong>,
}

#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    last: Instant,
}

impl Wrong {
    fn left(&self, now: Instant, free: u32) -> Duration {
        let Some(over) = self.count.checked_sub(free) else { return Duration::ZERO };
        let wait = FIRST.saturating_mul(1 << over.min(16)).min(LONGEST);
        wait.saturating_sub(now.saturating_duration_since(self.last))
    }
}

impl Lockout {
    /// Whether a password may be tried now; if not, after how long.
    pub fn check(&self, now: Instant, account: &str, from: IpAddr) -> Result<(), Duration> {
        let pair = self.pairs.get(&pair(account, from));
        let left = pair.map_or(Duration::ZERO, |wrong| wrong.left(now, FREE));
        let source = self.sources.get(&from);
        let left = left.max(source.map_or(Duration::ZERO, |w| w.left(now, FREE_OF_SOURCE)));
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    /// A password was wrong.
    pub fn failed(&mut self, now: Instant, account: &str, from: IpAddr) {
        count(&mut self.pairs, now, pair(account, from));
        count(&mut self.sources, now, from);
    }

    /// What was counted was no mistake after all.
    pub fn taken_back(&mut self, account: &str, from: IpAddr) {
        take_back(&mut self.pairs, &pair(account, from));
        take_back(&mut self.sources, &from);
    }

    /// A password was right: that account's mistakes from there are forgiven.
    pub fn succeeded(&mut self, account: &str, from: IpAddr) {
        self.pairs.remove(&pair(account, from));
    }
}

fn pair(account: &str, from: IpAddr) -> (String, IpAddr) {
    (account.chars().take(LONGEST_NAME).collect(), from)
}

fn take_back<K: Ord>(table: &mut BTreeMap<K, Wrong>, key: &K) {
    if let Some(wrong) = table.get_mut(key) {
        wrong.count = wrong.count.saturating_sub(1);
        if wrong.count == 0 {
            table.remove(key);
        }
    }
}

fn count<K: Ord + Clone>(table: &mut BTreeMap<K, Wrong>, now: Instant, key: K) {
    let fresh = |wrong: &Wrong| now.saturating_duration_since(wrong.last) < MEMORY;
    if table.len() >= MOST {
        table.retain(|_, wrong| fresh(wrong));
    }
    if table.len() >= MOST && !table.contains_key(&key) {
        let oldest = table.iter().min_by_key(|(_, wrong)| wrong.last).map(|(key, _)| key.clone());
        oldest.map(|key| table.remove(&key));
    }
    let wrong = table.entry(key).or_insert(Wrong { count: 0, last: now });
    if !fresh(wrong) {
        wrong.count = 0;
    }
    *wrong = Wrong { count: wrong.count.saturating_add(1), last: now };
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn waits_grow_and_end_and_hit_nobody_else() {
        let mut now = Instant::now();
        let mut lockout = Lockout::default();
        for _ in 0..FREE {
            assert_eq!(lockout.check(now, "ann", HERE), Ok(()));
            lockout.failed(now, "ann", HERE);
        }
        assert_eq!(lockout.check(now, "ann", HERE), Err(FIRST));
        assert_eq!(lockout.check(now, "ann", THERE), Ok(()), "from her own desk");
        assert_eq!(lockout.check(now, "bob", HERE), Ok(()));
        let mut before = FIRST;
        for _ in 0..30 {
            now += before;
            assert_eq!(lockout.check(now, "ann", HERE), Ok(()), "a wait ends");
            lockout.failed(now, "ann", HERE);
            let wait = lockout.check(now, "ann", HERE).unwrap_err();
            assert!(wait >= before && wait <= LONGEST);
            before = wait;
        }
        lockout.succeeded("ann", HERE);
        assert!(lockout.pairs.is_empty());
    }

    #[test]
    fn a_name_without_end_takes_no_memory() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        let long = "a".repeat(1 << 20);
        lockout.failed(now, &long, HERE);
        let held: usize = lockout.pairs.keys().map(|(account, _)| account.len()).sum();
        assert_eq!(held, LONGEST_NAME);
        lockout.taken_back(&long, HERE);
        assert!(lockout.pairs.is_empty() && lockout.sources.is_empty());
    }

    #[test]
    fn one_source_that_tries_every_name_waits_too_and_tables_stay_small() {
        let now = Instant::now();
        let mut lockout = Lockout::default();
        for number in 0..10_000_u32 {
            lockout.failed(now, &format!("user{number}"), HERE);
        }
        assert!(lockout.check(now, "ann", HERE).is_err());
        assert_eq!(lockout.check(now, "ann", THERE), Ok(()));
        assert!(lockout.pairs.len() <= MOST);
    }
}
