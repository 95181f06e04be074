//! Time as an argument: what the driver read from the clocks, and a list of what is due when.
//!
//! Nothing outside `driver/` reads a clock. Every input comes with one [`Now`]; machines compare it with the
//! deadlines that they keep in [`Timers`].

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, Object, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// A point on the wall clock: microseconds since 1970-01-01T00:00:00 UTC. May jump when the clock is set.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// Whole seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// How long ago `earlier` was; zero when it lies in the future, as after a clock was set back.
    pub fn since(self, earlier: UnixTime) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }
}

impl Add<Duration> for UnixTime {
    type Output = UnixTime;
    fn add(self, span: Duration) -> UnixTime {
        UnixTime(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for UnixTime {
    type Output = UnixTime;
    fn sub(self, span: Duration) -> UnixTime {
        UnixTime(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339 in UTC with milliseconds; the raw count for a year that has no such form.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{} us", self.0),
        }
    }
}

/// In the API, times are always written as [`rfc3339`].
impl PartialSchema for UnixTime {
    fn schema() -> RefOr<Schema> {
        let mut text = Object::with_type(Type::String);
        text.format = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
        RefOr::T(Schema::Object(text))
    }
}

impl ToSchema for UnixTime {}

/// RFC 3339 in and out, for what people and scripts read: `#[serde(with = "rfc3339")]`.
pub mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::UnixTime;

    /// Writes it with milliseconds, in UTC.
    pub fn serialize<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    /// Reads any RFC 3339 time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = text.parse::<jiff::Timestamp>().map_err(D::Error::custom)?;
        Ok(UnixTime(read.as_microsecond()))
    }

    /// The same for a time that may be missing.
    pub mod option {
        use serde::{Deserialize, Deserializer, Serializer};

        use super::UnixTime;

        /// Writes the time, or null.
        pub fn serialize<S: Serializer>(
            time: &Option<UnixTime>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads a time, or null.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<UnixTime>, D::Error> {
            #[derive(Deserialize)]
            struct Time(#[serde(with = "super")] UnixTime);
            Ok(Option::<Time>::deserialize(deserializer)?.map(|time| time.0))
        }
    }
}

/// One reading of both clocks, taken once for each turn of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The steady clock: for everything that is due after a span of time.
    pub instant: Instant,
    /// The wall clock: for what a person reads, and for opening hours.
    pub unix: UnixTime,
}

impl Now {
    /// Both clocks moved on by `span`; how simulations make time pass.
    pub fn after(self, span: Duration) -> Now {
        Now { instant: self.instant + span, unix: self.unix + span }
    }
}

/// Names one entry of [`Timers`], to take it out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(Instant, u64);

impl TimerId {
    /// When it is due.
    pub fn due(self) -> Instant {
        self.0
    }
}

/// What is due when. Entries that are due at the same instant come out in the order they were set.
#[derive(Debug)]
pub struct Timers<K> {
    entries: BTreeMap<TimerId, K>,
    next: u64,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Timers { entries: BTreeMap::new(), next: 0 }
    }
}

impl<K> Timers<K> {
    /// Sets `key` to come due at `at`.
    pub fn set(&mut self, at: Instant, key: K) -> TimerId {
        let id = TimerId(at, self.next);
        self.next += 1;
        self.entries.insert(id, key);
        id
    }

    /// Takes an entry out before it came due. Answers its key, or nothing if it was gone already.
    pub fn cancel(&mut self, id: TimerId) -> Option<K> {
        self.entries.remove(&id)
    }

    /// The earliest entry that is due at `now`, taken out.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let entry = self.entries.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// When the next entry comes due.
    pub fn deadline(&self) -> Option<Instant> {
        self.entries.keys().next().map(|id| id.0)
    }

    /// How many entries wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The earlier of two deadlines, where either may be absent.
pub fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_due_in_order_and_not_early() {
        let start = Instant::now();
        let mut timers = Timers::default();
        timers.set(start + Duration::from_secs(2), "second");
        let gone = timers.set(start + Duration::from_secs(1), "cancelled");
        timers.set(start + Duration::from_secs(1), "first");
        assert_eq!(timers.cancel(gone), Some("cancelled"));
        assert_eq!(timers.cancel(gone), None);
        assert_eq!(timers.pop_due(start), None);
        assert_eq!(timers.pop_due(start + Duration::from_secs(5)), Some("first"));
        assert_eq!(timers.pop_due(start + Duration::from_secs(5)), Some("second"));
        assert_eq!(timers.deadline(), None);
    }

    #[test]
    fn a_clock_set_back_never_makes_a_negative_span() {
        assert_eq!(UnixTime(5).since(UnixTime(9)), Duration::ZERO);
        assert_eq!(UnixTime(0).to_string(), "1970-01-01T00:00:00.000Z");
    }
}
