//! Comfort noise (RFC 3389): the sound of a quiet room, made from a few bytes.
//!
//! A payload tells how loud the noise is and, if the sender took the trouble, its colour as reflection coefficients of a
//! filter. The noise itself is ours: a simple sequence of numbers is random enough for a hiss.

/// The static payload type at 8 kHz (RFC 3551 section 6).
pub const PAYLOAD_TYPE: u8 = 13;
/// Coefficients that are used; more cannot be heard.
const MOST: usize = 10;

/// A noise as described by the far end.
#[derive(Debug, Clone)]
pub struct Noise {
    /// Root of the mean square of the noise, in samples.
    level: f64,
    /// Reflection coefficients, between -1 and 1.
    colour: Vec<f64>,
    /// The state of the filter.
    memory: [f64; MOST + 1],
    state: u32,
}

impl Noise {
    /// The noise of a payload; nothing if it is empty. A byte of level, -0 to -127 dB below the loudest (section 3.1),
    /// then coefficients in steps of 1/128 about 127 (section 3.2).
    pub fn read(payload: &[u8]) -> Option<Noise> {
        let (level, colour) = payload.split_first()?;
        let decibels = f64::from(level & 0x7f);
        // The loudest is a square wave from one end to the other (section 3.1).
        let level = 32_767.0 * 10f64.powf(-decibels / 20.0);
        let coefficient = |code: &u8| ((f64::from(*code) - 127.0) / 128.0).clamp(-0.98, 0.98);
        let colour = colour.iter().take(MOST).map(coefficient).collect();
        Some(Noise { level, colour, memory: [0.0; MOST + 1], state: 0x2545_f491 })
    }

    /// Takes up a new description without a click.
    pub fn renew(&mut self, newer: Noise) {
        self.level = newer.level;
        self.colour = newer.colour;
    }

    /// The next sample.
    pub fn sample(&mut self) -> i16 {
        // Numerical Recipes' generator: its high bits pass for noise.
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let white = f64::from(self.state as i32) / f64::from(i32::MAX);
        // An even spread between -1 and 1 has a root mean square of 0.577; the filter makes it louder by the inverse of
        // what each coefficient lets through.
        let through: f64 = self.colour.iter().map(|k| 1.0 - k * k).product();
        let mut forward = white * 1.732 * self.level * through.sqrt();
        for (stage, k) in self.colour.iter().enumerate().rev() {
            let delayed = self.memory.get(stage).copied().unwrap_or_default();
            forward -= k * delayed;
            if let Some(place) = self.memory.get_mut(stage + 1) {
                *place = delayed + k * forward;
            }
        }
        if let Some(first) = self.memory.first_mut() {
            *first = forward;
        }
        forward.clamp(-32_768.0, 32_767.0) as i16
    }
}

/// A payload for noise as loud as `samples`.
pub fn describe(samples: &[i16]) -> [u8; 1] {
    let square = |sample: &i16| f64::from(*sample).powi(2);
    let mean = samples.iter().map(square).sum::<f64>() / samples.len().max(1) as f64;
    let decibels = 20.0 * (32_767.0 / mean.sqrt().max(0.1)).log10();
    [decibels.clamp(0.0, 127.0) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loudness(samples: &[i16]) -> f64 {
        (samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
    }

    #[test]
    fn noise_is_as_loud_as_described_whatever_its_colour() {
        for colour in [&[][..], &[200, 90, 130][..]] {
            for level in [30u8, 45, 60] {
                let mut payload = vec![level];
                payload.extend(colour);
                let mut noise = Noise::read(&payload).unwrap();
                let samples: Vec<i16> = (0..8_000).map(|_| noise.sample()).collect();
                let told = f64::from(describe(&samples)[0]);
                assert!((told - f64::from(level)).abs() <= 2.0, "{level} {told} {colour:?}");
                assert!(loudness(&samples) > 0.0);
            }
        }
        assert!(Noise::read(&[]).is_none());
    }

    #[test]
    fn no_payload_makes_it_howl() {
        let mut random = crate::random::Random::from_number(1);
        for _ in 0..300 {
            let mut payload = vec![0; 1 + random.below(14) as usize];
            random.fill(&mut payload);
            payload[0] = 40;
            let mut noise = Noise::read(&payload).unwrap();
            let samples: Vec<i16> = (0..4_000).map(|_| noise.sample()).collect();
            assert!(loudness(&samples) < 8_000.0, "{payload:?}");
        }
    }
}
