//! Port numbers for RTP: even ones from a range, in random order, each with a rest before it is used again.
//!
//! Hands out numbers only; sockets are the driver's. The order is random so that a stranger cannot guess the next port
//! (RFC 6056), and a port rests so that late packets of one call are not heard in the next.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::random::Random;

/// Ports kept for calls for help: two legs for each of four.
const RESERVE: usize = 8;

/// The pool.
#[derive(Debug)]
pub struct Pool {
    free: Vec<u16>,
    resting: VecDeque<(Instant, u16)>,
    taken: BTreeSet<u16>,
    cool_down: Duration,
    capacity: usize,
    random: Random,
}

impl Pool {
    /// The even ports from `first` to `last` whose next port is in the range too.
    pub fn new(first: u16, last: u16, cool_down: Duration, random: Random) -> Self {
        let first = u32::from(first).next_multiple_of(2);
        let free: Vec<u16> = (first..u32::from(last))
            .step_by(2)
            .filter_map(|port| u16::try_from(port).ok())
            .collect();
        Pool {
            capacity: free.len(),
            free,
            resting: VecDeque::new(),
            taken: BTreeSet::new(),
            cool_down,
            random,
        }
    }

    /// A port; nothing if all are in use or resting. The last few are for calls for `help`, which also cut the rest short.
    pub fn take(&mut self, now: Instant, help: bool) -> Option<u16> {
        while let Some((since, port)) = self.resting.front().copied() {
            if now.saturating_duration_since(since) < self.cool_down {
                break;
            }
            self.resting.pop_front();
            self.free.push(port);
        }
        if help
            && self.free.is_empty()
            && let Some((_, port)) = self.resting.pop_front()
        {
            self.free.push(port);
        }
        let kept = if help { 0 } else { RESERVE.min(self.capacity / 4) };
        if self.free.len() <= kept {
            return None;
        }
        let place = self.random.below(self.free.len() as u64) as usize;
        let port = self.free.swap_remove(place);
        self.taken.insert(port);
        Some(port)
    }

    /// Takes this very port, for a leg that has it from before; answers whether it was to be had.
    pub fn take_again(&mut self, port: u16) -> bool {
        let Some(place) = self.free.iter().position(|free| *free == port) else { return false };
        self.free.swap_remove(place);
        self.taken.insert(port)
    }

    /// Whether `port` or, for RTCP, the one below is in use.
    pub fn is_taken(&self, port: u16) -> bool {
        self.taken.contains(&(port & !1))
    }

    /// Gives a port back; it rests first.
    pub fn give_back(&mut self, now: Instant, port: u16) {
        self.taken.remove(&port);
        self.resting.push_back((now, port));
    }

    /// Ports in use.
    pub fn in_use(&self) -> usize {
        self.taken.len()
    }

    /// Ports there are.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_even_used_once_and_rests_before_it_is_used_again() {
        let start = Instant::now();
        let rest = Duration::from_secs(30);
        let mut pool = Pool::new(10_001, 10_010, rest, Random::from_number(1));
        let mut all: Vec<_> = std::iter::from_fn(|| pool.take(start, true)).collect();
        all.sort_unstable();
        assert_eq!(all, [10_002, 10_004, 10_006, 10_008]);
        assert_eq!((pool.in_use(), pool.capacity()), (4, 4));
        pool.give_back(start, 10_004);
        assert_eq!(pool.take(start + rest / 2, false), None);
        assert_eq!(pool.take(start + rest, true), Some(10_004));
    }

    #[test]
    fn the_highest_range_does_not_overflow() {
        let mut pool = Pool::new(65_534, 65_535, Duration::ZERO, Random::from_number(1));
        assert_eq!(pool.take(Instant::now(), false), Some(65_534));
    }

    #[test]
    fn a_call_for_help_has_a_port_when_nobody_else_has() {
        let (start, rest) = (Instant::now(), Duration::from_secs(30));
        let mut pool = Pool::new(10_000, 10_099, rest, Random::from_number(1));
        let others: Vec<_> = std::iter::from_fn(|| pool.take(start, false)).collect();
        assert_eq!(others.len(), 50 - RESERVE);
        let help: Vec<_> = std::iter::from_fn(|| pool.take(start, true)).collect();
        assert_eq!(help.len(), RESERVE);
        // One that rests is better than none.
        pool.give_back(start, others[0]);
        assert_eq!(pool.take(start, false), None);
        assert_eq!(pool.take(start, true), Some(others[0]));
    }
}
