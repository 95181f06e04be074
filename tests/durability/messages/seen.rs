//! What the other sides of the box have seen: their own record, which no kill touches.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What happened elsewhere so far.
#[derive(Debug, Default)]
pub struct Happened {
    /// What the box gave out, by the name in it: its parts, one after the other as they came.
    pub given: BTreeMap<String, String>,
    /// Parts of what people wrote that the box has answered for.
    pub answered: u64,
    /// Times that the box asked to be told later, by the status that it gave.
    pub refused: BTreeMap<u64, u64>,
    /// Whatever happened, counted.
    pub events: u64,
}

/// One record for all of them.
#[derive(Debug, Default)]
pub struct Seen {
    happened: Mutex<Happened>,
    more: Condvar,
}

impl Seen {
    pub fn hold(&self) -> MutexGuard<'_, Happened> {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The box gave this out.
    pub fn given(&self, text: &str) {
        let name = text.split(' ').find(|word| is_name(word)).unwrap_or(text).to_owned();
        let mut happened = self.hold();
        happened.given.entry(name).or_default().push_str(text);
        happened.events += 1;
        self.more.notify_all();
    }

    /// The box answered for something that it was told.
    pub fn answered(&self) {
        let mut happened = self.hold();
        happened.answered += 1;
        happened.events += 1;
        self.more.notify_all();
    }

    /// The box asked to be told later.
    pub fn refused(&self, status: u64) {
        *self.hold().refused.entry(status).or_default() += 1;
    }

    /// Waits until so much more has happened, but no longer than this.
    pub fn more(&self, events: u64, longest: Duration) {
        let until = self.hold().events + events;
        let end = Instant::now() + longest;
        let mut happened = self.hold();
        while happened.events < until {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return };
            let waited = self.more.wait_timeout(happened, left);
            happened = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Whether it is what a message of this test is called: `o00042` went out, `i00042` came in.
fn is_name(word: &str) -> bool {
    let digits = word.strip_prefix('o').or_else(|| word.strip_prefix('i'));
    digits.is_some_and(|digits| digits.len() == 5 && digits.bytes().all(|b| b.is_ascii_digit()))
}
