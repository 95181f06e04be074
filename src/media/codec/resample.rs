//! Between 8 kHz and 16 kHz: a half-band filter, of which every second coefficient is zero.
//!
//! Opus makes either rate itself and G.722 has 16 kHz alone, so that no other ratio is ever needed here. What is below
//! 3.5 kHz stays as it is, what is above 4.5 kHz goes down by 60 dB and more: below the noise of G.711. Both ways take
//! 2 ms.

/// Coefficients beside the middle, at odd places, in 32,768ths; each stands for its mirror image too. A sinc under a Kaiser
/// window (beta 5.8). Together they are a quarter, with the middle's half and their images one.
const SIDE: [i32; 16] =
    [10_410, -3_398, 1_956, -1_312, 937, -689, 510, -378, 276, -199, 139, -94, 61, -37, 20, -10];
/// One half, the coefficient in the middle.
const MIDDLE: i32 = 16_384;
/// Samples at the lower rate that the coefficients look at.
const SPAN: usize = 2 * SIDE.len();

/// What is remembered of one stream. New samples are put behind, and looked at with the ones before.
#[derive(Debug, Clone, Default)]
struct Line(Vec<i16>);

impl Line {
    /// Adds a sample of the past and of now; `least` are kept.
    fn extend(&mut self, samples: impl Iterator<Item = i16>, least: usize) {
        if self.0.is_empty() {
            self.0.resize(least, 0);
        }
        self.0.extend(samples);
    }

    fn keep(&mut self, least: usize) {
        let over = self.0.len().saturating_sub(least);
        self.0.drain(..over);
    }
}

/// The sum over a window of [`SPAN`] samples, mirrored about its middle, in 32,768ths.
fn sum(window: &[i16]) -> i32 {
    let (before, after) = window.split_at(SPAN / 2);
    let pairs = before.iter().rev().zip(after);
    pairs.zip(&SIDE).map(|((a, b), factor)| (i32::from(*a) + i32::from(*b)) * factor).sum()
}

fn rounded(value: i32) -> i16 {
    (value.saturating_add(1 << 14) >> 15).clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

/// From 8 kHz to 16 kHz.
#[derive(Debug, Clone, Default)]
pub struct Double {
    line: Line,
}

impl Double {
    /// Adds twice as many samples to `out`.
    pub fn process(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        self.line.extend(samples.iter().copied(), SPAN - 1);
        out.reserve(samples.len() * 2);
        for window in self.line.0.windows(SPAN) {
            let here = window.get(SPAN / 2 - 1).copied().unwrap_or_default();
            // Between two samples the filter gives half, since every second sample is missing.
            out.extend([here, rounded(sum(window).saturating_mul(2))]);
        }
        self.line.keep(SPAN - 1);
    }
}

/// From 16 kHz to 8 kHz.
#[derive(Debug, Clone, Default)]
pub struct Halve {
    /// Samples at even places, which the middle of the filter meets, and at odd ones.
    even: Line,
    odd: Line,
}

impl Halve {
    /// Adds half as many samples to `out`. A last odd sample is left out.
    pub fn process(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let (pairs, _) = samples.as_chunks::<2>();
        self.even.extend(pairs.iter().map(|[even, _]| *even), SPAN / 2 - 1);
        self.odd.extend(pairs.iter().map(|[_, odd]| *odd), SPAN - 1);
        let windows = self.odd.0.windows(SPAN);
        out.extend(
            windows
                .zip(&self.even.0)
                .map(|(odd, even)| rounded(sum(odd) + i32::from(*even) * MIDDLE)),
        );
        self.even.keep(SPAN / 2 - 1);
        self.odd.keep(SPAN - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn tone(hertz: f64, rate: f64, count: usize) -> Vec<i16> {
        (0..count)
            .map(|n| ((TAU * hertz * n as f64 / rate).sin() * 10_000.0).round() as i16)
            .collect()
    }

    /// Decibels of the part of `samples` that is this tone, against one of the test's size.
    fn level(samples: &[i16], hertz: f64, rate: f64) -> f64 {
        let (sine, cosine) = samples.iter().enumerate().fold((0.0, 0.0), |sum, (n, sample)| {
            let (s, c) = (TAU * hertz * n as f64 / rate).sin_cos();
            (sum.0 + s * f64::from(*sample), sum.1 + c * f64::from(*sample))
        });
        let size = (sine * sine + cosine * cosine).sqrt() * 2.0 / samples.len() as f64;
        20.0 * (size.max(0.001) / 10_000.0).log10()
    }

    /// In packets, as they come.
    fn in_packets(samples: &[i16], mut process: impl FnMut(&[i16], &mut Vec<i16>)) -> Vec<i16> {
        let mut out = Vec::new();
        samples.chunks(160).for_each(|packet| process(packet, &mut out));
        out
    }

    #[test]
    fn what_a_telephone_carries_goes_up_as_it_is_and_leaves_no_image() {
        for hertz in [100.0, 1_000.0, 2_000.0, 3_000.0, 3_400.0] {
            let mut double = Double::default();
            let out = in_packets(&tone(hertz, 8_000.0, 8_160), |s, o| double.process(s, o));
            assert_eq!(out.len(), 16_320);
            let out = &out[320..];
            assert!(level(out, hertz, 16_000.0).abs() < 0.1, "{hertz}");
            let image = level(out, 8_000.0 - hertz, 16_000.0);
            assert!(image < -60.0, "{hertz}: its image has {image} dB");
        }
    }

    #[test]
    fn what_a_telephone_cannot_carry_goes_and_the_rest_stays() {
        for hertz in [100.0, 1_000.0, 3_000.0, 3_400.0] {
            let mut halve = Halve::default();
            let out = in_packets(&tone(hertz, 16_000.0, 16_320), |s, o| halve.process(s, o));
            assert_eq!(out.len(), 8_160);
            assert!(level(&out[160..], hertz, 8_000.0).abs() < 0.1, "{hertz}");
        }
        for hertz in [4_600.0, 5_000.0, 6_000.0, 7_500.0] {
            let mut halve = Halve::default();
            let out = in_packets(&tone(hertz, 16_000.0, 16_320), |s, o| halve.process(s, o));
            let folded = level(&out[160..], 8_000.0 - hertz, 8_000.0);
            assert!(folded < -60.0, "{hertz}: folds back with {folded} dB");
        }
    }

    #[test]
    fn the_loudest_is_cut_off_and_does_not_turn_over() {
        let mut double = Double::default();
        let loud: Vec<i16> =
            (0..800).map(|n| if n / 2 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let out = in_packets(&loud, |s, o| double.process(s, o));
        for pair in out[100..].chunks(4) {
            assert!(pair[0].unsigned_abs() > 30_000 && pair[2].unsigned_abs() > 30_000);
        }
        let mut halve = Halve::default();
        let back = in_packets(&out, |s, o| halve.process(s, o));
        assert!(
            back[100..].iter().all(|sample| sample.unsigned_abs() > 20_000),
            "{:?}",
            &back[100..108]
        );
    }
}
