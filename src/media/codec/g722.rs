//! ITU-T G.722 at 64 kbit/s: two halves of the spectrum, each by ADPCM, six bits and two for every two samples at 16 kHz.
//!
//! Whole-number arithmetic as the Recommendation has it, block by block, so that what is coded here and elsewhere is the
//! same to the bit. An octet is two samples at 16 kHz, though RTP counts it as one tick of 8 kHz (RFC 3551 section 4.5.2).

/// Samples at 16 kHz in an octet.
pub const SAMPLES_AN_OCTET: usize = 2;

/// The quadrature mirror filter of section 3.1, every second coefficient; the others are the same in reverse.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// Decision levels of the lower band's sixty-level quantizer (table 7), for a step of 8.
const LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023,
    1_121, 1_219, 1_339, 1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];
/// The decision level of the upper band (table 11).
const LEVEL_HIGH: i32 = 564;

/// What the four upper bits of a lower band's code are worth (table 13).
const WORTH_4: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288,
    4_240, 2_584, 1_200, 0,
];
/// What all six are worth.
const WORTH_6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192,
    -10_232, -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008,
    -3_576, -3_168, -2_776, -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008,
    16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000,
    5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432,
    136, -432, -136,
];
/// What the two bits of the upper band are worth.
const WORTH_2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];

/// How the logarithm of the step grows or falls with a code: the lower band by its four upper bits, the upper by its two.
const GROWTH_LOW: [i32; 16] =
    [-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60];
const GROWTH_HIGH: [i32; 4] = [798, -214, 798, -214];
/// The logarithm's upper bounds.
const MOST_LOW: i32 = 18_432;
const MOST_HIGH: i32 = 22_528;

/// Powers of two in 32 steps (table of block 3L and 3H).
const POWERS: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656,
    2_714, 2_774, 2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520,
    3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];

fn saturate(value: i32) -> i32 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

/// The predictor and the step of one half of the spectrum: the same in coder and decoder, which is why they agree.
#[derive(Debug, Clone)]
struct Band {
    /// What the next sample is predicted to be, and the part of it that comes of the zeros.
    predicted: i32,
    by_zeros: i32,
    /// Reconstructed, partially reconstructed and difference signals, newest first.
    reconstructed: [i32; 2],
    partial: [i32; 2],
    differences: [i32; 6],
    poles: [i32; 2],
    zeros: [i32; 6],
    /// The logarithm of the step, and the step.
    logarithm: i32,
    step: i32,
}

impl Band {
    fn new(step: i32) -> Band {
        Band {
            predicted: 0,
            by_zeros: 0,
            reconstructed: [0; 2],
            partial: [0; 2],
            differences: [0; 6],
            poles: [0; 2],
            zeros: [0; 6],
            logarithm: 0,
            step,
        }
    }

    /// Blocks 3L and 3H: the step follows the codes. `shift` is 8 for the lower band and 10 for the upper.
    fn scale(&mut self, growth: i32, most: i32, shift: i32) {
        self.logarithm = (((self.logarithm * 127) >> 7) + growth).clamp(0, most);
        let power = POWERS.get(((self.logarithm >> 6) & 31) as usize).copied().unwrap_or_default();
        let down = shift - (self.logarithm >> 11);
        let step = if down < 0 { power << -down } else { power >> down };
        self.step = step << 2;
    }

    /// Block 4: takes the difference from what was predicted, adapts, and predicts the next.
    fn adapt(&mut self, difference: i32) {
        let reconstructed = saturate(self.predicted + difference);
        let partial = saturate(self.by_zeros + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];
        self.predict();
    }

    /// Blocks UPPOL2 and UPPOL1.
    fn adapt_poles(&mut self, partial: i32) {
        let [a1, a2] = self.poles;
        let same = |before: i32| (partial < 0) == (before < 0);
        let four = saturate(a1 << 2);
        let turned = if same(self.partial[0]) { -four } else { four }.min(i16::MAX.into());
        let push = if same(self.partial[1]) { 128 } else { -128 };
        let second = ((turned >> 7) + push + ((a2 * 32_512) >> 15)).clamp(-12_288, 12_288);
        let push = if same(self.partial[0]) { 192 } else { -192 };
        let bound = saturate(15_360 - second);
        let first = saturate(push + ((a1 * 32_640) >> 15)).clamp(-bound, bound);
        self.poles = [first, second];
    }

    /// Block UPZERO.
    fn adapt_zeros(&mut self, difference: i32) {
        let push = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            let push = if (*before < 0) == (difference < 0) { push } else { -push };
            *zero = saturate(push + ((*zero * 32_640) >> 15));
        }
    }

    /// Blocks FILTEP, FILTEZ and PREDIC.
    fn predict(&mut self) {
        let term = |factor: &i32, value: &i32| (factor * saturate(value + value)) >> 15;
        let sum = |factors: &[i32], values: &[i32]| -> i32 {
            saturate(factors.iter().zip(values).map(|(a, b)| term(a, b)).sum())
        };
        let by_poles = sum(&self.poles, &self.reconstructed);
        self.by_zeros = sum(&self.zeros, &self.differences);
        self.predicted = saturate(by_poles + self.by_zeros);
    }

    /// Takes what a code of the lower band is worth.
    fn take_low(&mut self, code: u8) {
        let upper = usize::from(code >> 2 & 0x0f);
        let worth = WORTH_4.get(upper).copied().unwrap_or_default();
        let difference = (self.step * worth) >> 15;
        self.scale(GROWTH_LOW.get(upper).copied().unwrap_or_default(), MOST_LOW, 8);
        self.adapt(difference);
    }

    /// The same of the upper band. Answers the difference.
    fn take_high(&mut self, code: u8) -> i32 {
        let place = usize::from(code & 3);
        let worth = WORTH_2.get(place).copied().unwrap_or_default();
        let difference = (self.step * worth) >> 15;
        self.scale(GROWTH_HIGH.get(place).copied().unwrap_or_default(), MOST_HIGH, 10);
        self.adapt(difference);
        difference
    }
}

/// The two bands in their first state.
fn bands() -> (Band, Band) {
    (Band::new(32), Band::new(8))
}

/// The sums over the even and the odd places of the filter's window.
fn filter(window: &[i32; 24]) -> (i32, i32) {
    let (pairs, _) = window.as_chunks::<2>();
    let backwards = QMF.iter().rev();
    pairs
        .iter()
        .zip(QMF.iter().zip(backwards))
        .fold((0, 0), |(even, odd), ([a, b], (c, d))| (even + a * c, odd + b * d))
}

fn shift_in(window: &mut [i32; 24], first: i32, second: i32) {
    window.copy_within(2.., 0);
    window[22] = first;
    window[23] = second;
}

/// Makes octets of samples.
#[derive(Debug, Clone)]
pub struct Encoder {
    low: Band,
    high: Band,
    window: [i32; 24],
}

impl Default for Encoder {
    fn default() -> Self {
        let (low, high) = bands();
        Encoder { low, high, window: [0; 24] }
    }
}

impl Encoder {
    /// Adds the octets of `samples`, at 16 kHz, to `out`. A last odd sample is left out.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        let (pairs, _) = samples.as_chunks::<2>();
        out.extend(pairs.iter().map(|[first, second]| self.octet(*first, *second)));
    }

    fn octet(&mut self, first: i16, second: i16) -> u8 {
        shift_in(&mut self.window, first.into(), second.into());
        let (even, odd) = filter(&self.window);
        let low = quantize_low((even + odd) >> 14, &self.low);
        self.low.take_low(low);
        let high = quantize_high((odd - even) >> 14, &self.high);
        self.high.take_high(high);
        high << 6 | low
    }
}

/// Block 1L: six bits for the difference from what was predicted.
fn quantize_low(sample: i32, band: &Band) -> u8 {
    let difference = saturate(sample - band.predicted);
    let size = if difference < 0 { -(difference + 1) } else { difference };
    let level = LEVELS.partition_point(|level| size >= (level * band.step) >> 12) as u8;
    match (difference < 0, level) {
        // Tables 7 and 12: the two smallest negative codes stand apart.
        (true, 0) => 63,
        (true, 1) => 62,
        (true, _) => 33 - level,
        (false, _) => 61 - level,
    }
}

/// Block 1H: two bits.
fn quantize_high(sample: i32, band: &Band) -> u8 {
    let difference = saturate(sample - band.predicted);
    let size = if difference < 0 { -(difference + 1) } else { difference };
    let large = size >= (LEVEL_HIGH * band.step) >> 12;
    match (difference < 0, large) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    }
}

/// Makes samples of octets.
#[derive(Debug, Clone)]
pub struct Decoder {
    low: Band,
    high: Band,
    window: [i32; 24],
}

impl Default for Decoder {
    fn default() -> Self {
        let (low, high) = bands();
        Decoder { low, high, window: [0; 24] }
    }
}

impl Decoder {
    /// Adds the samples of `octets`, at 16 kHz, to `out`.
    pub fn decode(&mut self, octets: &[u8], out: &mut Vec<i16>) {
        out.reserve(octets.len() * SAMPLES_AN_OCTET);
        octets.iter().for_each(|octet| out.extend(self.samples(*octet)));
    }

    fn samples(&mut self, octet: u8) -> [i16; 2] {
        // Samples of the halves have 15 bits (blocks 6L and 6H).
        let limit = |value: i32| value.clamp(-16_384, 16_383);
        let worth = WORTH_6.get(usize::from(octet & 0x3f)).copied().unwrap_or_default();
        let low = limit(self.low.predicted + ((self.low.step * worth) >> 15));
        self.low.take_low(octet & 0x3f);
        let predicted = self.high.predicted;
        let high = limit(predicted + self.high.take_high(octet >> 6));
        shift_in(&mut self.window, low + high, low - high);
        let (even, odd) = filter(&self.window);
        [saturate(odd >> 11) as i16, saturate(even >> 11) as i16]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::detect::Goertzel;

    /// Numerical Recipes' generator, so that others can make the same signal.
    fn sequence(mut state: u32) -> impl Iterator<Item = u32> {
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state
        })
    }

    /// Noise whose loudness steps down and begins anew, on a rectangle that gets slower: it reaches every code.
    fn signal(count: usize) -> Vec<i16> {
        let sample = |(at, state): (usize, u32)| {
            let noise = ((state >> 16) as i32 - 32_768) >> (1 + at / 3_200 % 8);
            let side = if (at / (20 + at / 9_000)) % 2 == 1 { 4_000 } else { -4_000 };
            saturate(noise + side) as i16
        };
        sequence(1).take(count).enumerate().map(sample).collect()
    }

    fn sum_of(samples: &[i16]) -> u32 {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        crc32fast::hash(&bytes)
    }

    const ENCODED: u32 = 0x9362_e6a7;
    const DECODED: u32 = 0xcea5_d925;

    /// The sums were taken of what libspandsp 0.0.6 makes of the same: a codec of another family, which follows the
    /// Recommendation to the bit wherever a sample is not beyond 16 bits.
    #[test]
    fn it_is_the_same_to_the_bit_as_another_codec() {
        let mut octets = Vec::new();
        Encoder::default().encode(&signal(64_000), &mut octets);
        assert_eq!((octets.len(), crc32fast::hash(&octets)), (32_000, ENCODED));
        let mut samples = Vec::new();
        Decoder::default().decode(&octets, &mut samples);
        assert_eq!((samples.len(), sum_of(&samples)), (64_000, DECODED));
    }

    #[test]
    fn any_octets_are_sound_and_the_loudest_is_cut_off() {
        let any: Vec<u8> = sequence(7).take(32_000).map(|state| (state >> 24) as u8).collect();
        let mut samples = Vec::new();
        Decoder::default().decode(&any, &mut samples);
        assert_eq!(samples.len(), 64_000);
        assert!(samples.contains(&i16::MAX) && samples.contains(&i16::MIN));
        Encoder::default().encode(&[i16::MIN; 3_201], &mut Vec::new());
    }

    #[test]
    fn tones_of_both_halves_of_the_spectrum_come_through() {
        for hertz in [300.0, 1_000.0, 3_000.0, 5_000.0, 6_500.0] {
            let tone: Vec<i16> = (0..16_000)
                .map(|n| {
                    let angle = std::f64::consts::TAU * hertz * f64::from(n) / 16_000.0;
                    (angle.sin() * 8_000.0) as i16
                })
                .collect();
            let (mut octets, mut samples) = (Vec::new(), Vec::new());
            Encoder::default().encode(&tone, &mut octets);
            Decoder::default().decode(&octets, &mut samples);
            assert!(Goertzel::share(&samples[8_000..], hertz, 16_000.0) > 0.97, "{hertz}");
            let loud =
                samples[8_000..].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / 8_000.0;
            assert!((5_200.0..6_100.0).contains(&loud.sqrt()), "{hertz}: {}", loud.sqrt());
        }
    }
}
