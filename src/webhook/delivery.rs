//! How messages are delivered where nothing else is said, and what may be said: the same for a branch's receivers and a hub's.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::courier::Limits;

/// Events in one message.
pub const BATCH: RangeInclusive<u16> = 1..=100;
/// Seconds that a receiver may take to answer.
pub const TIMEOUT_S: RangeInclusive<u16> = 1..=120;
/// Tries after which a message is given up; 0: never.
pub const TRIES: RangeInclusive<u32> = 0..=10_000;
/// Seconds between two tries, at the longest.
pub const LONGEST_WAIT_S: RangeInclusive<u32> = 5..=86_400;
/// The wait after the first try that failed: a program that is started anew is back by then.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// One event in one message.
pub fn batch() -> u16 {
    1
}

/// Seconds that a receiver may take to answer.
pub fn timeout_s() -> u16 {
    15
}

/// Two hours and more.
pub fn tries() -> u32 {
    50
}

/// Seconds between two tries, at the longest.
pub fn longest_wait_s() -> u32 {
    300
}

impl Limits {
    /// As an admin has said.
    pub fn said(batch: u16, tries: u32, longest_wait_s: u32) -> Limits {
        Limits {
            batch: batch.into(),
            tries,
            first_wait: FIRST_WAIT,
            longest_wait: Duration::from_secs(longest_wait_s.into()),
        }
    }
}
