//! How often sites and shops may tell of events: each program, each of its places, and about each person.

use std::time::{Duration, Instant};

use crate::admin::access::rate::{Limit, Rates};
use crate::journal::act::Who;

/// Events of one program in a second, and how many at once: a shop that was away tells what it has saved up.
const PROGRAM: Limit = Limit { each_second: 20, burst: 500 };
/// Of one of its places, such as a page or a door.
const SOURCE: Limit = Limit { each_second: 5, burst: 100 };
/// About one person: nobody fills in thirty forms at once; whoever does is a script with somebody else's address.
const PERSON: Limit = Limit { each_second: 1, burst: 30 };

/// Everybody's buckets.
#[derive(Debug)]
pub struct EventRates {
    programs: Rates<String>,
    sources: Rates<String>,
    people: Rates<String>,
}

impl Default for EventRates {
    fn default() -> Self {
        EventRates {
            programs: Rates::new(PROGRAM),
            sources: Rates::new(SOURCE),
            people: Rates::new(PERSON),
        }
    }
}

impl EventRates {
    /// Takes one event.
    ///
    /// # Errors
    /// After how long it may be told again.
    pub fn take<'p>(
        &mut self,
        now: Instant,
        who: &Who,
        source: Option<&str>,
        people: impl IntoIterator<Item = &'p String>,
    ) -> Result<(), Duration> {
        if let Some(source) = source {
            self.sources.take(now, format!("{who} {source}"))?;
        }
        // Before people: else a program that is refused could go on naming new ones until there is no bucket left for
        // anybody else's.
        self.programs.take(now, who.to_string())?;
        for person in people {
            // However it is written, as far as that is seen here.
            let plain = person.chars().filter(|c| c.is_alphanumeric());
            self.people.take(now, plain.flat_map(char::to_lowercase).collect())?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_person_a_place_and_a_program_have_limits_of_their_own() {
        let now = Instant::now();
        let shop = Who::Token("bl_1".to_owned());
        let mut rates = EventRates::default();
        let person = ["+49 30 123456".to_owned()];
        let same = ["+4930123456".to_owned()];
        let taken = (0..100).filter(|n| {
            let about = if n % 2 == 0 { &person } else { &same };
            rates.take(now, &shop, None, about).is_ok()
        });
        assert_eq!(taken.count(), 30, "however it is written");
        let door = (0..200).filter(|_| rates.take(now, &shop, Some("door"), []).is_ok());
        assert_eq!(door.count(), 100);
        let rest = (0..1_000).filter(|_| rates.take(now, &shop, None, []).is_ok()).count();
        assert_eq!(rest, 300, "what is refused for a person's sake counts for the program");
        let flood = (0..10_000).map(|n| [format!("+49301{n:05}")]);
        assert!(flood.into_iter().all(|person| rates.take(now, &shop, None, &person).is_err()));
        let other = Who::Token("bl_3".to_owned());
        let new = ["+4930999".to_owned()];
        assert_eq!(rates.take(now, &other, None, &new), Ok(()), "nobody else pays for a flood");
        let wait = rates.take(now, &shop, None, []).unwrap_err();
        assert_eq!(rates.take(now + wait, &shop, None, []), Ok(()));
        assert_eq!(rates.take(now, &Who::Token("bl_2".to_owned()), None, []), Ok(()));
    }
}
