//! Call-progress tones, as North America hears them (ITU-T E.180 supplement 2), and plain test tones.

use std::f64::consts::TAU;

use crate::media::RATE;

/// Level of each frequency: about -16 dBm0, as exchanges send them.
const LEVEL: f64 = 3_600.0;

/// A tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It rings at the other end: 440 + 480 Hz, 2 s of 6.
    Ringback,
    /// The other end is busy: 480 + 620 Hz, 0.5 s of 1.
    Busy,
    /// No way through: 480 + 620 Hz, 0.25 s of 0.5.
    Congestion,
    /// Speak after this: 1,000 Hz for 0.4 s, once.
    Beep,
    /// One frequency without a break.
    Hz(u32),
}

impl Tone {
    /// The sample at `at` samples from its start; nothing when it is over.
    pub fn sample(self, at: u64) -> Option<i16> {
        let rate = u64::from(RATE);
        let (frequencies, on, period): (&[u32], u64, u64) = match &self {
            Tone::Ringback => (&[440, 480], rate * 2, rate * 6),
            Tone::Busy => (&[480, 620], rate / 2, rate),
            Tone::Congestion => (&[480, 620], rate / 4, rate / 2),
            Tone::Beep if at >= rate * 2 / 5 => return None,
            Tone::Beep => (&[1_000], 1, 1),
            Tone::Hz(hertz) => (std::slice::from_ref(hertz), 1, 1),
        };
        if at % period >= on {
            return Some(0);
        }
        // Whole seconds hold whole periods of every frequency, so the sine needs only the place within its second.
        let within = (at % rate) as f64;
        let sum: f64 = frequencies
            .iter()
            .map(|hz| (TAU * f64::from(*hz) * within / f64::from(RATE)).sin())
            .sum();
        Some((sum * LEVEL) as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::detect::Goertzel;

    #[test]
    fn a_ringing_tone_has_its_two_frequencies_and_its_pause() {
        let samples: Vec<_> = (0..8_000).filter_map(|at| Tone::Ringback.sample(at)).collect();
        for hz in [440.0, 480.0] {
            assert!(Goertzel::share(&samples, hz, 8_000.0) > 0.4, "{hz}");
        }
        assert_eq!(Tone::Ringback.sample(3 * 8_000), Some(0));
    }

    #[test]
    fn a_beep_ends() {
        assert!(Tone::Beep.sample(10).is_some() && Tone::Beep.sample(4_000).is_none());
    }
}
