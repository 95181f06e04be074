//! What an application that has bound may do.

use std::time::{Duration, Instant};

use crate::smpp::pdu::{Address, Text};

/// What comes with a bind. By default everything.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// How many messages a second it may send.
    pub rate: Option<Rate>,
    /// From which addresses.
    pub senders: Senders,
    /// How many of its requests may wait for our answer, where that is fewer than the link allows.
    pub window: Option<usize>,
}

/// So many a second, and as many at once.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    each: Duration,
    burst: u32,
    /// When the bucket is full again.
    full: Option<Instant>,
}

impl Rate {
    /// `per_second` messages, at least one; a second's worth may come at once.
    pub fn per_second(per_second: u32) -> Rate {
        let burst = per_second.max(1);
        Rate { each: Duration::from_secs(1) / burst, burst, full: None }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let full = self.full.map_or(now, |full| full.max(now)) + self.each;
        let taken = full <= now + self.each * self.burst;
        if taken {
            self.full = Some(full);
        }
        taken
    }
}

/// From which addresses an application may send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Senders {
    /// From any.
    #[default]
    Any,
    /// From these: as they are written without a plus, or with a `*` at the end for all that begin so.
    Only(Vec<String>),
}

impl Senders {
    /// Whether it may be used. No address at all is always allowed: the box then uses its own.
    pub fn allow(&self, address: &Address) -> bool {
        let Senders::Only(patterns) = self else { return true };
        let Address { text, .. } = address;
        text.is_empty() || patterns.iter().any(|pattern| fits(pattern, text))
    }
}

fn fits(pattern: &str, text: &Text) -> bool {
    let pattern = pattern.trim_start_matches('+').as_bytes();
    let text = text.0.strip_prefix(b"+").unwrap_or(&text.0);
    match pattern.strip_suffix(b"*") {
        Some(start) => text.starts_with(start),
        None => text == pattern,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_gives_a_second_s_worth_at_once_and_then_its_share() {
        let start = Instant::now();
        let mut rate = Rate::per_second(10);
        let taken = |rate: &mut Rate, at| (0..100).filter(|_| rate.take(at)).count();
        assert_eq!(taken(&mut rate, start), 10);
        assert_eq!(taken(&mut rate, start + Duration::from_millis(500)), 5);
        assert_eq!(taken(&mut rate, start + Duration::from_secs(60)), 10);
    }

    #[test]
    fn senders_are_compared_with_and_without_their_plus() {
        let senders = Senders::Only(vec!["+15550100".into(), "Bran*".into()]);
        for (text, allowed) in [
            ("15550100", true),
            ("+15550100", true),
            ("155501001", false),
            ("Branch", true),
            ("", true),
        ] {
            let address = Address { text: Text::from(text), ..Address::default() };
            assert_eq!(senders.allow(&address), allowed, "{text}");
        }
    }
}
