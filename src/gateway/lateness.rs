//! How late the box is, and that it takes on no more calls than it can serve in time.
//!
//! Owns the last two seconds of the loop and of each media thread, and the verdict on new calls. It measures nothing: the
//! driver does, and hands it in. Calls for help are not asked about here; they are always taken on.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use crate::admin::{Figures, Lamp, Part};
use crate::gateway::Gateway;

/// How long back it is looked: one slow moment is no overload, and who calls now is spared what is wrong now.
const WINDOW: Duration = Duration::from_secs(2);
/// What is told within this counts as one: a window is nine of them at most.
const STEP: Duration = Duration::from_millis(250);
/// Percent of the window in which something was late, from which on new calls are refused. Work that is more than the box
/// can do piles up and soon is late all the time; a box that shares its processors has moments of half a second and more.
const REFUSE: u32 = 50;
/// Percent below which they are taken on again: well below, or the first call that is let in would close the door again.
const ADMIT: u32 = 10;

/// Who may be late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The loop: signalling.
    Loop,
    /// A media thread: sound.
    Media(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Loop => f.write_str("loop"),
            Place::Media(thread) => write!(f, "media-{thread}"),
        }
    }
}

/// How late one of them was of late.
#[derive(Debug, Default)]
struct Past {
    late: VecDeque<(Instant, Duration)>,
    /// What a media thread had counted when it was last looked at.
    counted: Option<(Instant, Duration)>,
}

impl Past {
    fn add(&mut self, now: Instant, late: Duration) {
        while self.late.front().is_some_and(|(at, _)| *at + WINDOW <= now) {
            self.late.pop_front();
        }
        match self.late.back_mut() {
            Some((at, sum)) if now < *at + STEP => *sum += late,
            _ => self.late.push_back((now, late)),
        }
    }

    /// Percent of the last two seconds.
    fn share(&self, now: Instant) -> u32 {
        let of_late = self.late.iter().filter(|(at, _)| now < *at + WINDOW);
        let sum: Duration = of_late.map(|(_, late)| *late).sum();
        (sum.min(WINDOW).as_millis() * 100 / WINDOW.as_millis()) as u32
    }

    /// What has come since a media thread was last looked at. What came over more than the window counts in part: nobody
    /// knows when in that time it was.
    fn since(&mut self, now: Instant, counted: Duration) -> Duration {
        let before = self.counted.replace((now, counted));
        let Some((at, already)) = before else { return Duration::ZERO };
        let new = counted.saturating_sub(already);
        let passed = now.saturating_duration_since(at).max(WINDOW);
        new.mul_f64(WINDOW.as_secs_f64() / passed.as_secs_f64())
    }
}

/// Whether the box is in time.
#[derive(Debug)]
pub(super) struct Lateness {
    /// What is late; nothing is, when absent.
    limit: Option<Duration>,
    places: BTreeMap<Place, Past>,
    /// Whether new calls were refused when it was last looked at.
    refusing: bool,
    /// Calls refused so far.
    pub refused: u64,
}

impl Lateness {
    /// `limit` is the lateness that is too much; with zero, no call is ever refused for it.
    pub fn new(limit: Duration) -> Self {
        let limit = Some(limit).filter(|limit| !limit.is_zero());
        Lateness { limit, places: BTreeMap::new(), refusing: false, refused: 0 }
    }

    /// The loop was busy for so long: what arrived meanwhile waited.
    pub fn handle_turn(&mut self, now: Instant, took: Duration) {
        if self.limit.is_some_and(|limit| took > limit) {
            self.add(now, Place::Loop, took);
        }
    }

    /// A media thread has been late by so much since it started, moments within the limit not counted.
    pub fn handle_media(&mut self, now: Instant, thread: usize, counted: Duration) {
        if self.limit.is_none() {
            return;
        }
        let place = Place::Media(thread);
        let new = self.places.entry(place).or_default().since(now, counted);
        if !new.is_zero() {
            self.add(now, place, new);
        }
    }

    fn add(&mut self, now: Instant, place: Place, late: Duration) {
        self.places.entry(place).or_default().add(now, late);
        self.look(now);
    }

    /// Takes one call on, or counts it as refused.
    pub fn admit(&mut self, now: Instant) -> bool {
        self.look(now);
        self.refused += u64::from(self.refusing);
        !self.refusing
    }

    fn look(&mut self, now: Instant) {
        let late = self.too_late(now);
        if late.is_some() != self.refusing {
            self.refusing = late.is_some();
            match late {
                Some((place, percent)) => {
                    tracing::warn!(%place, percent, "too late too often: new calls are refused");
                }
                None => tracing::info!("in time again: new calls are taken on"),
            }
        }
    }

    /// Who is too late to take on calls, and in how much of the last two seconds, in percent.
    fn too_late(&self, now: Instant) -> Option<(Place, u32)> {
        let most = if self.refusing { ADMIT } else { REFUSE };
        let shares = self.places.iter().map(|(place, past)| (*place, past.share(now)));
        shares.max_by_key(|(_, share)| *share).filter(|(_, share)| *share >= most)
    }
}

impl Gateway {
    /// A turn of the loop took so long, from the end of its wait until `now`.
    pub fn handle_turn(&mut self, now: Instant, took: Duration) {
        self.lateness.handle_turn(now, took);
    }

    /// By how much a media thread has been late since it started: the sum over all moments at which it was later than
    /// `limits.lateness_ms`.
    pub fn handle_media_lateness(&mut self, now: Instant, thread: usize, counted: Duration) {
        self.lateness.handle_media(now, thread, counted);
    }

    pub(super) fn lateness_part(&self, now: Instant) -> Option<Part> {
        let (place, percent) = self.lateness.too_late(now)?;
        let words = format!(
            "{place} was more than {} ms late (limits.lateness_ms) in {percent} % of the last {} s: new calls are refused, calls for help are not; look for what else takes this box's time",
            self.settings.limits.lateness_ms,
            WINDOW.as_secs(),
        );
        Some(Part { name: "lateness".to_owned(), lamp: Lamp::Red, words })
    }

    pub(super) fn lateness_figures(&self, now: Instant, figures: &mut Figures) {
        let limit = f64::from(self.settings.limits.lateness_ms) / 1e3;
        let help = "What counts as late (limits.lateness_ms); 0 when nothing does.";
        figures.gauge("lateness_limit_seconds", help, limit);
        let share = |past: &Past| f64::from(past.share(now)) / 100.0;
        let shares = self.lateness.places.iter();
        let shares = shares.map(|(place, past)| (place.to_string(), share(past)));
        let help = "Part of the last two seconds in which it was later than that.";
        figures.gauges(("late_ratio", "place"), help, shares);
        let most = f64::from(REFUSE) / 100.0;
        figures.gauge("late_ratio_limit", "From here on new calls are refused.", most);
        let refused = self.lateness.refused;
        figures.counter("calls_refused_late_total", "Calls refused for lateness.", refused);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn start() -> (Lateness, Instant) {
        (Lateness::new(LIMIT), Instant::now())
    }

    #[test]
    fn one_slow_moment_and_any_number_of_quick_ones_refuse_nobody() {
        let (mut late, now) = start();
        for turn in 0..1_000 {
            late.handle_turn(now + millis(turn * 40), LIMIT);
        }
        assert!(late.places.is_empty() && late.admit(now + millis(40_000)));
        late.handle_turn(now + millis(41_000), millis(999));
        assert!(late.admit(now + millis(41_001)));
        assert_eq!(late.refused, 0);
    }

    #[test]
    fn who_is_late_in_half_of_the_time_refuses_until_it_is_hardly_ever() {
        let (mut late, now) = start();
        for turn in 1..=4 {
            assert!(late.admit(now + millis(turn * 300)), "turn {turn}");
            late.handle_turn(now + millis(turn * 300), millis(250));
        }
        let at = now + millis(1_200);
        assert!(!late.admit(at));
        assert_eq!(late.too_late(at), Some((Place::Loop, 50)));
        // Less than what closed the door does not open it: one call at a time would open and close it for ever.
        let at = now + millis(3_199);
        assert!(!late.admit(at), "an eighth is left");
        assert_eq!((late.too_late(at), late.refused), (Some((Place::Loop, 12)), 2));
        let at = now + millis(3_200);
        assert!(late.admit(at));
        assert_eq!((late.too_late(at), late.refused), (None, 2));
        // From now on it takes a half again.
        late.handle_turn(at, millis(990));
        assert!(late.admit(at));
        late.handle_turn(at, millis(50));
        assert!(!late.admit(at));
    }

    #[test]
    fn each_media_thread_is_looked_at_by_itself() {
        let (mut late, now) = start();
        // What was before the first look is nobody's.
        for thread in 0..3 {
            late.handle_media(now, thread, millis(5_000));
        }
        let at = now + millis(100);
        for thread in 0..3 {
            late.handle_media(at, thread, millis(5_800));
        }
        late.handle_turn(at, millis(800));
        assert!(late.admit(at), "they are not added up");
        late.handle_media(at + millis(100), 1, millis(6_000));
        assert_eq!(late.too_late(at + millis(100)), Some((Place::Media(1), 50)));
        assert!(!late.admit(at + millis(100)));
        late.handle_media(at + millis(200), 1, millis(100));
        assert!(!late.admit(at + millis(200)), "a count that runs back adds nothing");
        assert!(late.admit(at + millis(2_500)));
    }

    #[test]
    fn what_came_while_nobody_looked_counts_by_the_time_it_had() {
        let (mut late, now) = start();
        late.handle_media(now, 0, Duration::ZERO);
        late.handle_media(now + millis(20_000), 0, millis(2_000));
        assert!(late.admit(now + millis(20_000)), "a tenth of the time");
        let (mut late, now) = start();
        late.handle_media(now, 0, Duration::ZERO);
        late.handle_media(now + millis(20_000), 0, millis(12_000));
        assert!(!late.admit(now + millis(20_000)), "three fifths");
    }

    #[test]
    fn without_a_limit_nobody_is_late_and_the_past_stays_small() {
        let (_, now) = start();
        let mut never = Lateness::new(Duration::ZERO);
        never.handle_turn(now, millis(10_000));
        never.handle_media(now, 0, Duration::ZERO);
        never.handle_media(now, 0, millis(10_000));
        assert!(never.admit(now) && never.places.is_empty());
        let (mut late, now) = start();
        for turn in 0..100_000 {
            late.handle_turn(now + millis(turn * 50), millis(50));
        }
        assert!(late.places[&Place::Loop].late.len() <= 9);
        assert!(!late.admit(now + millis(5_000_000)));
    }
}
