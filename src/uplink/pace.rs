//! A ceiling on what leaves: so many octets a second, in bursts as short as a voice packet can wait.

use std::time::{Duration, Instant};

/// How much may leave at once after a rest: what a line of that speed carries in so long. A call's packets wait no longer.
const BURST: Duration = Duration::from_millis(20);
/// Octets that may always leave at once: one frame of a usual size, or nothing would on a slow line.
const LEAST_BURST: f64 = 16_384.0;

/// How fast something may go.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Octets a second; nothing: as fast as it can.
    rate: Option<f64>,
    /// What may leave now; below zero what left too early.
    room: f64,
    at: Option<Instant>,
}

impl Pace {
    /// So many octets a second; as fast as it can without.
    pub fn new(rate: Option<u64>) -> Pace {
        #[allow(clippy::cast_precision_loss)]
        let rate = rate.map(|rate| rate.max(1) as f64);
        Pace { rate, room: 0.0, at: None }
    }

    /// Octets that leave at once at most, where there is a ceiling: a call's packets wait behind no more.
    pub fn mouthful(&self) -> Option<usize> {
        let rate = self.rate?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let octets = (rate * BURST.as_secs_f64()).max(LEAST_BURST) as usize;
        Some(octets)
    }

    /// When something may leave: at once when that is now or was before.
    pub fn ready(&mut self, now: Instant) -> Instant {
        let Some(rate) = self.rate else { return now };
        let burst = (rate * BURST.as_secs_f64()).max(LEAST_BURST);
        let rested =
            self.at.map_or(f64::INFINITY, |at| now.saturating_duration_since(at).as_secs_f64());
        self.room = (self.room + rate * rested).min(burst);
        self.at = Some(now);
        match self.room > 0.0 {
            true => now,
            // One octet more than nothing, so that it is ready when it wakes.
            false => now + Duration::from_secs_f64(((1.0 - self.room) / rate).min(3_600.0)),
        }
    }

    /// So many octets leave.
    pub fn spend(&mut self, octets: usize) {
        if self.rate.is_some() {
            #[allow(clippy::cast_precision_loss)]
            let octets = octets as f64;
            self.room -= octets;
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn over_a_minute_no_more_leaves_than_may() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(100_000));
        let (mut now, mut sent) = (start, 0usize);
        while now < start + Duration::from_secs(60) {
            let ready = pace.ready(now);
            if ready > now {
                now = ready;
                continue;
            }
            pace.spend(9_000);
            sent += 9_000;
        }
        assert!((5_990_000..=6_030_000).contains(&sent), "{sent}");
    }

    #[test]
    fn without_a_ceiling_it_is_always_ready() {
        let now = Instant::now();
        let mut pace = Pace::new(None);
        pace.spend(usize::MAX);
        assert_eq!(pace.ready(now), now);
    }
}
