//! What a leg says, as far as the gateway must know: whether anybody speaks at all, and whether it is a machine.
//!
//! Looks into every eighth packet, which costs the relay next to nothing: loud or quiet, and the two tones by which fax
//! machines and modems are known, 1,100 Hz of one that calls (CNG, ITU-T T.30) and 2,100 Hz of one that answers (CED;
//! ANSam of V.8 has the same tone).

use crate::media::detect::Goertzel;

/// One packet in so many is looked into.
const EVERY: u16 = 8;
/// Above this a packet's loudest sample is speech, or another sound that is meant.
const LOUD: u16 = 500;
/// The share of a tone in what is no voice.
const PURE: f64 = 0.9;
/// Looks in which an answering tone is found, one after the other: 320 ms of its 2.6 s or more.
const ANSWER_LOOKS: u8 = 3;
/// The same of a calling tone, which lasts half a second.
const CALLING_LOOKS: u8 = 2;

/// What was noticed in a leg's sound.
#[derive(Debug, Default)]
pub(super) struct Listening {
    /// Packets that were looked into, and those with something in them.
    pub looked: u64,
    pub loud: u64,
    /// Whether a fax machine or a modem is there.
    pub machine: bool,
    answering: u8,
    calling: u8,
}

impl Listening {
    /// Whether a packet with this number is looked into.
    pub fn looks_at(&self, sequence: u16) -> bool {
        sequence.is_multiple_of(EVERY)
    }

    /// Looks into a packet. Answers whether it just turned out that a machine is there.
    pub fn look(&mut self, samples: &[i16]) -> bool {
        self.looked += 1;
        let loud = samples.iter().any(|sample| sample.unsigned_abs() > LOUD);
        self.loud += u64::from(loud);
        let has = |hertz| loud && Goertzel::share(samples, hertz, 8_000.0) > PURE;
        self.answering = if has(2_100.0) { self.answering.saturating_add(1) } else { 0 };
        self.calling = if has(1_100.0) { self.calling.saturating_add(1) } else { 0 };
        let found = self.answering >= ANSWER_LOOKS || self.calling >= CALLING_LOOKS;
        let new = found && !self.machine;
        self.machine |= found;
        new
    }

    /// Seconds with something in them, out of packets of `ptime_ms`.
    pub fn spoken_s(&self, ptime_ms: u8) -> f64 {
        (self.loud * u64::from(EVERY)) as f64 * f64::from(ptime_ms) / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(hertz: f64, at: usize) -> Vec<i16> {
        let sample = |n: usize| {
            let angle = std::f64::consts::TAU * hertz * (at * 160 + n) as f64 / 8_000.0;
            (angle.sin() * 6_000.0) as i16
        };
        (0..160).map(sample).collect()
    }

    #[test]
    fn a_fax_machine_is_known_by_its_tone_and_a_voice_is_none() {
        for (hertz, looks) in [(2_100.0, 3), (1_100.0, 2)] {
            let mut listening = Listening::default();
            let found = (0..10).position(|at| listening.look(&packet(hertz, at * 8)));
            assert_eq!(found, Some(looks - 1), "{hertz}");
        }
        for hertz in [550.0, 1_300.0, 1_000.0, 2_000.0] {
            let mut listening = Listening::default();
            assert!((0..50).all(|at| !listening.look(&packet(hertz, at * 8))), "{hertz}");
            assert_eq!(listening.spoken_s(20), 8.0);
        }
    }

    #[test]
    fn silence_is_not_speech() {
        let mut listening = Listening::default();
        assert!((0..100).all(|_| !listening.look(&[8; 160])));
        assert_eq!((listening.looked, listening.loud), (100, 0));
    }
}
