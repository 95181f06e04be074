//! A conversation on tape: what one party says on the left, what the other says on the right, in time.
//!
//! Each side goes through a jitter buffer with concealment of its own, so that both stay together whatever packets do.
//! Makes samples; files are the driver's.

use std::time::Duration;

use crate::id::LegId;
use crate::media::RATE;
use crate::media::jitter::Jitter;
use crate::media::mixer::FRAME;

/// Samples of each side that are written at once: a second.
const CHUNK: usize = RATE as usize;

/// A tape that runs.
#[derive(Debug)]
pub(super) struct Tape {
    sides: [(LegId, Jitter); 2],
    /// Who speaks to both beside one of them, and beside whom.
    guest: Option<(LegId, Jitter)>,
    /// Left and right in turn, not handed over yet.
    ready: Vec<i16>,
    /// Samples of each side so far, and the most there may be.
    length: usize,
    most: usize,
    /// Nothing that is said goes onto it: a card number, as a rule.
    paused: bool,
}

impl Tape {
    pub fn new(left: LegId, right: LegId, max: Duration) -> Tape {
        Tape {
            sides: [(left, Jitter::default()), (right, Jitter::default())],
            guest: None,
            ready: Vec::new(),
            length: 0,
            most: (max.as_millis() * u128::from(RATE) / 1_000) as usize,
            paused: false,
        }
    }

    /// The buffer of what a leg says.
    pub fn side(&mut self, leg: LegId) -> Option<&mut Jitter> {
        self.sides.iter_mut().find(|(of, _)| *of == leg).map(|(_, said)| said)
    }

    /// The buffer of what somebody says to both, on the side of `beside`.
    pub fn guest(&mut self, beside: LegId) -> Option<&mut Jitter> {
        self.side(beside)?;
        let (of, said) = self.guest.get_or_insert_with(|| (beside, Jitter::default()));
        *of = beside;
        Some(said)
    }

    /// Nothing goes onto it from now on, or everything again. What was said a moment ago and waits for its turn is not on
    /// it either: rather too little than a digit too many.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// The legs on it.
    pub fn legs(&self) -> [LegId; 2] {
        [self.sides[0].0, self.sides[1].0]
    }

    /// The next 20 ms. Answers whether the tape is full.
    pub fn tick(&mut self) -> bool {
        let [left, right] = &mut self.sides;
        let (mut a, mut b) = ([0; FRAME], [0; FRAME]);
        left.1.take(&mut a);
        right.1.take(&mut b);
        if let Some((beside, said)) = &mut self.guest {
            let mut guest = [0; FRAME];
            said.take(&mut guest);
            let side = if *beside == left.0 { &mut a } else { &mut b };
            side.iter_mut().zip(&guest).for_each(|(own, guest)| *own = own.saturating_add(*guest));
        }
        if self.paused {
            (a, b) = ([0; FRAME], [0; FRAME]);
        }
        self.ready.extend(a.iter().zip(&b).flat_map(|(a, b)| [*a, *b]));
        self.length += FRAME;
        self.length >= self.most
    }

    /// A second of both sides that is ready to be written.
    pub fn chunk(&mut self) -> Option<Vec<i16>> {
        (self.ready.len() >= 2 * CHUNK).then(|| std::mem::take(&mut self.ready))
    }

    /// What is left, and how long the whole tape is.
    pub fn finish(self) -> (Vec<i16>, Duration) {
        let length = Duration::from_millis(self.length as u64 * 1_000 / u64::from(RATE));
        (self.ready, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_as_long_on_tape_and_silent() {
        let mut tape = Tape::new(LegId(1), LegId(2), Duration::from_secs(60));
        let mut timestamp = 0;
        let mut speak = |tape: &mut Tape, frames: usize| {
            for _ in 0..frames {
                for leg in [LegId(1), LegId(2)] {
                    tape.side(leg).unwrap().put(timestamp, &[7_000; FRAME]);
                }
                timestamp += FRAME as u32;
                tape.tick();
            }
        };
        speak(&mut tape, 50);
        tape.pause(true);
        speak(&mut tape, 50);
        tape.pause(false);
        speak(&mut tape, 50);
        let (samples, length) = tape.finish();
        assert_eq!(length, Duration::from_secs(3), "one file, as long as the conversation");
        let part = |second: usize| &samples[second * 2 * CHUNK..(second + 1) * 2 * CHUNK];
        assert!(part(1).iter().all(|sample| *sample == 0), "nothing of the pause is on it");
        for second in [0, 2] {
            assert!(part(second).iter().filter(|sample| **sample != 0).count() > CHUNK);
        }
    }
}
