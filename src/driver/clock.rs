//! The clocks and the system's random source: read here, handed on as arguments.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};

use crate::random::Random;
use crate::time::{Now, UnixTime};

/// Both clocks, read once.
pub fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |span| span.as_micros());
    Now { instant: Instant::now(), unix: UnixTime(i64::try_from(unix).unwrap_or(i64::MAX)) }
}

/// A random stream with a seed from the kernel; nothing if the kernel has none to give.
pub fn random() -> Option<Random> {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).ok()?;
    Some(Random::from_seed(seed))
}
