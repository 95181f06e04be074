//! How many questions a site may ask of who somebody is.
//!
//! A branch may ask by any token, and whoever has taken one over could ask for everybody. So a site has so many questions at
//! a time, and so many more as time passes, over all its connections. What is asked is written down besides, by whoever
//! answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Questions that a site may ask at once: a line that is back finds every call of a large branch ringing.
const AT_ONCE: u32 = 256;
/// After so long it may ask one more: 3,600 strangers in an hour are more than call at a branch. All numbers of a country of
/// ten million would take four months.
const EVERY: Duration = Duration::from_secs(1);

/// What all sites have asked lately. There are no more than were let in.
#[derive(Debug, Default)]
pub struct Questions(BTreeMap<String, Asked>);

#[derive(Debug)]
struct Asked {
    /// Questions that it has left, and when that was so.
    left: u32,
    at: Instant,
    refused: u64,
}

impl Questions {
    /// Whether a site may ask now; nothing: not so soon. Else how many of its questions were refused since the last that was
    /// not.
    pub fn ask(&mut self, now: Instant, site: &str) -> Option<u64> {
        let new = || Asked { left: AT_ONCE, at: now, refused: 0 };
        let asked = self.0.entry(site.to_owned()).or_insert_with(new);
        let more = now.saturating_duration_since(asked.at).as_secs() / EVERY.as_secs();
        if more > 0 {
            asked.left =
                AT_ONCE.min(asked.left.saturating_add(u32::try_from(more).unwrap_or(AT_ONCE)));
            asked.at = now;
        }
        let Some(left) = asked.left.checked_sub(1) else {
            asked.refused = asked.refused.saturating_add(1);
            return None;
        };
        asked.left = left;
        Some(std::mem::take(&mut asked.refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn a_site_that_asks_for_everybody_gets_so_far_and_others_are_answered() {
        let mut now = Instant::now();
        let mut questions = Questions::default();
        let answered = (0..10_000).filter(|_| questions.ask(now, "berne").is_some()).count();
        assert_eq!(answered, 256);
        assert_eq!(questions.ask(now, "basel"), Some(0));
        // In an hour of a thousand a second.
        let mut more = 0;
        for _ in 0..3_600_000 {
            now += Duration::from_millis(1);
            more += u32::from(questions.ask(now, "berne").is_some());
        }
        assert_eq!(more, 3_600);
        (0..500).for_each(|_| assert_eq!(questions.ask(now, "berne"), None));
        now += Duration::from_secs(1);
        assert_eq!(questions.ask(now, "berne"), Some(500), "and it is known how much it asked");
    }
}
