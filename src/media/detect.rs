//! Looking for one frequency in a block of samples (Goertzel).

use std::f64::consts::TAU;

/// The filter.
#[derive(Debug, Clone, Copy)]
pub struct Goertzel;

impl Goertzel {
    /// The share of `hertz` in the energy of `samples` taken `rate` times a second: 0 to 1; 0 for silence.
    pub fn share(samples: &[i16], hertz: f64, rate: f64) -> f64 {
        let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        if energy == 0.0 {
            return 0.0;
        }
        let factor = 2.0 * (TAU * hertz / rate).cos();
        let (mut before, mut last) = (0.0, 0.0);
        for sample in samples {
            let next = f64::from(*sample) + factor * last - before;
            (before, last) = (last, next);
        }
        let power = last * last + before * before - factor * last * before;
        (2.0 * power / (samples.len() as f64 * energy)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pure_tone_is_found_and_another_is_not() {
        let tone = |hz: f64| -> Vec<i16> {
            (0..4_000)
                .map(|n| ((TAU * hz * f64::from(n) / 8_000.0).sin() * 8_000.0) as i16)
                .collect()
        };
        assert!(Goertzel::share(&tone(550.0), 550.0, 8_000.0) > 0.98);
        assert!(Goertzel::share(&tone(550.0), 900.0, 8_000.0) < 0.02);
        assert_eq!(Goertzel::share(&[0; 100], 550.0, 8_000.0), 0.0);
    }
}
