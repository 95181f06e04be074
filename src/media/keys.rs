//! Keys pressed in the sound itself (ITU-T Q.23): heard where telephone-events were not agreed on, and made where the
//! other side knows no other.
//!
//! Heard by the rules of Q.24: both tones within 4 dB one way and 8 dB the other, hardly anything else in the sound, 40
//! ms at least, told once however long; a break of 10 ms is none. Tones may be 1.5 % off, and not 3.5 %: where a tone
//! really lies is seen by whether its power is less to both sides.

use std::f64::consts::TAU;
use std::time::Duration;

use crate::media::RATE;

/// The tones of rows and columns.
const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// The keys, row by row.
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// A press is told when it has lasted this long.
pub const LEAST: Duration = Duration::from_millis(40);

/// Samples judged at a time, long enough to tell the tones of a group apart, and how far the next begins after.
pub(super) const BLOCK: usize = 102;
pub(super) const HOP: usize = BLOCK / 2;
/// Mean square below which nothing is a key: each tone at about -30 dBm0, 5 dB below the least that Q.24 wants taken.
const QUIET: f64 = 300_000.0;
/// The two tones' least share in the energy; what is left is noise, 15 dB below at most.
const SHARE: f64 = 0.9;
/// The same where each tone should be: one that is 1.5 % off has lost up to a third there.
const ROUGHLY: f64 = 0.5;
/// Places beside a tone: it is where it should be if its power is less there, which is so for one that is up to half as far
/// off; and where the power of one that is a little off is measured.
const BESIDE: [f64; 2] = [0.955, 1.045];
const NEAR: [f64; 3] = [0.9875, 1.0, 1.0125];
/// Other tones of a group are at least 8 dB below the one that counts.
const ALONE: f64 = 6.3;
/// How much stronger the column's tone may be, 4 dB, and the row's, 8 dB.
const TWIST_HIGH: f64 = 2.5;
const TWIST_LOW: f64 = 6.3;
/// Blocks of a press: a tone of 40 ms fills four whichever way they fall, one of 20 ms never does.
const PRESSED: usize = 4;
/// A block counts if it is at least this full of tone, measured by the fullest.
const FULL: f64 = 0.7;
/// Blocks without the key after which it has been let go: a pause of 40 ms makes as many, a break of 10 ms does not.
const LET_GO: u8 = 5;

/// Hears keys in one stream of samples.
#[derive(Debug)]
pub struct Listener {
    block: [i16; BLOCK],
    filled: usize,
    /// The key that sounds, the energy of its blocks so far, and the blocks since without it.
    run: Option<(char, Vec<f64>, u8)>,
    told: bool,
    /// The filters of all tones, rows first.
    filters: [f64; 8],
}

impl Default for Listener {
    fn default() -> Self {
        Listener { block: [0; BLOCK], filled: 0, run: None, told: false, filters: filters() }
    }
}

impl Listener {
    /// Takes the next samples. Answers a key once it is sure to be pressed; at most one for a packet.
    pub fn hear(&mut self, samples: &[i16]) -> Option<char> {
        let mut key = None;
        for sample in samples {
            if let Some(place) = self.block.get_mut(self.filled) {
                *place = *sample;
            }
            self.filled += 1;
            if self.filled == BLOCK {
                let heard = judge(&self.block, &self.filters);
                self.block.copy_within(HOP.., 0);
                self.filled = BLOCK - HOP;
                key = self.note(heard).or(key);
            }
        }
        key
    }

    fn note(&mut self, heard: Option<(char, f64)>) -> Option<char> {
        match (&mut self.run, heard) {
            (Some((key, energies, missing)), Some((same, energy))) if *key == same => {
                *missing = 0;
                if self.told {
                    return None;
                }
                energies.push(energy);
                let most = energies.iter().copied().fold(0.0, f64::max);
                energies.retain(|energy| *energy >= most * FULL);
                self.told = energies.len() >= PRESSED;
                self.told.then_some(*key)
            }
            (Some((_, _, missing)), _) if *missing + 1 < LET_GO => {
                *missing += 1;
                None
            }
            (_, heard) => {
                self.told = false;
                self.run = heard.map(|(key, energy)| (key, vec![energy], 0));
                None
            }
        }
    }
}

/// The key whose tones make up a block, and its energy. Nearly all sound is no key, and the first look tells.
fn judge(block: &[i16; BLOCK], filters: &[f64; 8]) -> Option<(char, f64)> {
    let energy: f64 = block.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if energy < QUIET * BLOCK as f64 {
        return None;
    }
    let powers = powers(block, filters);
    let (lows, highs) = powers.split_at(LOW.len());
    let (row, low) = strongest(lows)?;
    let (column, high) = strongest(highs)?;
    // A pure tone of N samples has a power of N times half its energy.
    let share = |low: f64, high: f64| 2.0 * (low + high) / (BLOCK as f64 * energy);
    if share(low, high) < ROUGHLY {
        return None;
    }
    let low = really(block, *LOW.get(row)?, low)?;
    let high = really(block, *HIGH.get(column)?, high)?;
    let twisted = high > low * TWIST_HIGH || low > high * TWIST_LOW;
    if twisted || share(low, high) < SHARE {
        return None;
    }
    Some((*KEYS.get(row)?.get(column)?, energy))
}

/// The strongest of four tones and its power; nothing if another comes near.
fn strongest(powers: &[f64]) -> Option<(usize, f64)> {
    let (place, most) = powers.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let near = powers.iter().enumerate().any(|(at, power)| at != place && *power * ALONE > most);
    (!near).then_some((place, most))
}

/// The power of a tone where it really lies; nothing if that is not where it should be.
fn really(block: &[i16; BLOCK], hertz: f64, power: f64) -> Option<f64> {
    let [below, above] = BESIDE;
    let [a, b, c] = NEAR;
    let around = powers(block, &[below, above, a, b, c].map(|off| filter(hertz * off)));
    let (beside, near) = around.split_at(BESIDE.len());
    let elsewhere = beside.iter().any(|beside| *beside > power);
    (!elsewhere).then(|| near.iter().copied().fold(power, f64::max))
}

/// The filters of all tones, rows first.
pub(super) fn filters() -> [f64; 8] {
    let [a, b, c, d] = LOW.map(filter);
    let [e, f, g, h] = HIGH.map(filter);
    [a, b, c, d, e, f, g, h]
}

/// What makes Goertzel's filter the filter of a tone.
fn filter(hertz: f64) -> f64 {
    2.0 * (TAU * hertz / f64::from(RATE)).cos()
}

/// Goertzel's filters, all over the block at once.
pub(super) fn powers<const N: usize>(block: &[i16; BLOCK], filters: &[f64; N]) -> [f64; N] {
    let (mut before, mut last) = ([0.0; N], [0.0; N]);
    for sample in block {
        let sample = f64::from(*sample);
        let next: [f64; N] = std::array::from_fn(|n| sample + filters[n] * last[n] - before[n]);
        (before, last) = (last, next);
    }
    std::array::from_fn(|n| {
        last[n] * last[n] + before[n] * before[n] - filters[n] * last[n] * before[n]
    })
}

/// Level of each tone that we send: about -7 dBm0, and the row's 2 dB less, as exchanges do.
const LEVEL: f64 = 9_000.0;
const LEVEL_LOW: f64 = 7_150.0;

/// The sample of a key at `at` samples after it was pressed; silence for what is no key.
pub fn sample(key: char, at: u32) -> i16 {
    let found = KEYS.iter().enumerate().find_map(|(row, keys)| {
        let column = keys.iter().position(|known| *known == key)?;
        Some((*LOW.get(row)?, *HIGH.get(column)?))
    });
    let Some((low, high)) = found else { return 0 };
    let angle = |hertz: f64| (TAU * hertz * f64::from(at) / f64::from(RATE)).sin();
    (LEVEL_LOW * angle(low) + LEVEL * angle(high)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Two tones for so many milliseconds, with silence after.
    fn tones(low: (f64, f64), high: (f64, f64), ms: usize, pause_ms: usize) -> Vec<i16> {
        let sample = |n: usize| {
            let part =
                |(hertz, level): (f64, f64)| level * (TAU * hertz * n as f64 / 8_000.0).sin();
            (part(low) + part(high)) as i16
        };
        (0..ms * 8).map(sample).chain((0..pause_ms * 8).map(|_| 0)).collect()
    }

    fn key(key: char, ms: usize, pause_ms: usize) -> Vec<i16> {
        (0..ms as u32 * 8).map(|at| sample(key, at)).chain((0..pause_ms * 8).map(|_| 0)).collect()
    }

    /// What is heard, whichever way the blocks fall.
    fn heard(samples: &[i16], offset: usize) -> String {
        let mut listener = Listener::default();
        let mut all = vec![0; offset];
        all.extend(samples);
        all.extend([0; 400]);
        all.chunks(160).filter_map(|packet| listener.hear(packet)).collect()
    }

    #[test]
    fn every_key_is_heard_once_however_short_or_long() {
        for ms in [40, 60, 100, 800] {
            for offset in (0..BLOCK).step_by(7) {
                let all: Vec<i16> =
                    KEYS.iter().flatten().flat_map(|name| key(*name, ms, 40)).collect();
                assert_eq!(heard(&all, offset), "123A456B789C*0#D", "{ms} ms at {offset}");
            }
        }
    }

    #[test]
    fn twenty_milliseconds_are_no_press_and_ten_no_pause() {
        for offset in (0..BLOCK).step_by(5) {
            assert_eq!(heard(&key('5', 20, 100), offset), "", "{offset}");
            let broken = [key('5', 60, 8), key('5', 60, 60)].concat();
            assert_eq!(heard(&broken, offset), "5", "{offset}");
            let twice = [key('5', 50, 45), key('5', 50, 45)].concat();
            assert_eq!(heard(&twice, offset), "55", "{offset}");
        }
    }

    #[test]
    fn level_twist_and_frequency_are_judged_as_q_24_says() {
        let db = |decibels: f64| 10f64.powf(decibels / 20.0);
        let five = |low: f64, high: f64, off: f64| {
            let samples = tones((770.0 * off, low), (1_336.0 * off, high), 60, 60);
            heard(&samples, 11)
        };
        assert_eq!(five(16_000.0, 16_000.0, 1.0), "5", "loud");
        assert_eq!(five(1_300.0, 1_300.0, 1.0), "5", "-25 dBm");
        assert_eq!(five(300.0, 300.0, 1.0), "", "too quiet to be meant");
        assert_eq!(five(4_000.0, 4_000.0 * db(3.8), 1.0), "5");
        assert_eq!(five(4_000.0 * db(7.5), 4_000.0, 1.0), "5");
        assert_eq!(five(4_000.0, 4_000.0 * db(6.0), 1.0), "");
        assert_eq!(five(4_000.0 * db(11.0), 4_000.0, 1.0), "");
        assert_eq!(five(4_000.0, 4_000.0, 1.015), "5");
        assert_eq!(five(4_000.0, 4_000.0, 0.985), "5");
        assert_eq!(five(4_000.0, 4_000.0, 1.035), "");
        assert_eq!(five(4_000.0, 4_000.0, 0.965), "");
    }

    #[test]
    fn keys_are_heard_through_noise() {
        let mut random = Random::from_number(3);
        // 15 dB below the tones.
        let mut noise = || random.below(5_000) as i32 - 2_500;
        let all: Vec<i16> = "1590#".chars().flat_map(|name| key(name, 70, 60)).collect();
        let noisy: Vec<i16> = all.iter().map(|s| (i32::from(*s) + noise()) as i16).collect();
        assert_eq!(heard(&noisy, 3), "1590#");
    }

    /// Voices are harmonics of 80 to 300 Hz through two moving resonances. Ten minutes of them press no key.
    #[test]
    fn nobody_talks_a_key_off() {
        for seed in 0..10 {
            let mut random = Random::from_number(seed);
            let mut listener = Listener::default();
            let mut pressed = String::new();
            let (mut phase, mut state) = (0.0, [[0.0f64; 2]; 2]);
            let (mut pitch, mut formants) = (120.0, [500.0, 1_500.0]);
            for n in 0..8_000 * 60 {
                if n % 800 == 0 {
                    pitch = 80.0 + random.below(220) as f64;
                    formants =
                        [300.0 + random.below(700) as f64, 900.0 + random.below(1_500) as f64];
                }
                phase += pitch / 8_000.0;
                let mut sample = (random.below(200) as f64 - 100.0) * 2.0;
                if phase >= 1.0 {
                    phase -= 1.0;
                    sample += 20_000.0;
                }
                let mut out = 0.0;
                for (memory, hertz) in state.iter_mut().zip(formants) {
                    let (r, angle) = (0.96f64, TAU * hertz / 8_000.0);
                    let next =
                        sample * 0.08 + 2.0 * r * angle.cos() * memory[0] - r * r * memory[1];
                    (memory[1], memory[0]) = (memory[0], next);
                    out += next;
                }
                pressed.extend(listener.hear(&[out.clamp(-32_000.0, 32_000.0) as i16]));
            }
            assert_eq!(pressed, "", "seed {seed}");
        }
    }
}
