//! Takes the tones of keys (ITU-T Q.23) out of sound before anybody hears it, and leaves the voice in.
//!
//! Whoever listens for keys to act on them ([`keys`]) must not take speech for one; here it is the other way round: what
//! only looks like a key falls silent, and with it what lies around it, so that nothing of a card number is heard where a
//! tone begins or ends. For that the sound is held back a little, and comes out as long as it went in.

use std::collections::VecDeque;

use crate::media::keys;
use crate::media::leg::Sound;

/// Samples that fall silent to both sides of what looks like a key: 20 ms, longer than a tone may be before a block is
/// mostly made of it.
const GUARD: usize = 160;
/// How long sound is held back: until every block that has a sample in it was looked at, and its guard; 40 ms, which
/// nobody notices who talks.
const DELAY: usize = 320;
const _: () = assert!(DELAY >= keys::BLOCK + keys::HOP + GUARD);
/// Mean square below which nothing is looked at: -55 dBm0, hardly above the noise of a line.
const FAINT: f64 = 800.0;
/// The least share in the energy of the strongest row's and the strongest column's tone together, and of each: a key
/// under a voice as loud as itself is found.
const TOGETHER: f64 = 0.4;
const EACH: f64 = 0.05;
/// Sound without a key after which none is held down any more: 200 ms.
const REST: usize = 1_600;

/// The mask over one stream.
#[derive(Debug)]
pub struct Mask {
    narrow: VecDeque<i16>,
    /// At 16 kHz, twice as many; empty while nobody wants that.
    wide: VecDeque<i16>,
    /// Which of the narrow samples fall silent.
    struck: VecDeque<bool>,
    block: [i16; keys::BLOCK],
    filled: usize,
    /// How many of the samples to come do.
    coming: usize,
    /// Samples since something last looked like a key.
    since: usize,
    filters: [f64; 8],
}

impl Default for Mask {
    fn default() -> Self {
        Mask {
            narrow: VecDeque::from([0; DELAY]),
            wide: VecDeque::new(),
            struck: VecDeque::from([false; DELAY]),
            block: [0; keys::BLOCK],
            filled: 0,
            coming: 0,
            // A key may be held down already.
            since: 0,
            filters: keys::filters(),
        }
    }
}

impl Mask {
    /// Lets sound through, later and without keys.
    pub fn take(&mut self, mut sound: Sound) -> Sound {
        for sample in &sound.narrow {
            self.hear(*sample);
        }
        let most = sound.wide.as_ref().map_or(0, Vec::len).div_ceil(2);
        let struck: Vec<bool> =
            self.struck.iter().take(sound.narrow.len().max(most)).copied().collect();
        let is_struck = |at: usize| struck.get(at).copied().unwrap_or(true);
        let count = sound.narrow.len();
        for (at, (sample, held)) in
            sound.narrow.iter_mut().zip(self.narrow.drain(..count)).enumerate()
        {
            *sample = if is_struck(at) { 0 } else { held };
        }
        match &mut sound.wide {
            Some(samples) => {
                if self.wide.is_empty() {
                    self.wide.resize(2 * DELAY, 0);
                }
                self.wide.extend(samples.iter());
                for (at, sample) in samples.iter_mut().enumerate() {
                    let held = self.wide.pop_front().unwrap_or_default();
                    *sample = if is_struck(at / 2) { 0 } else { held };
                }
            }
            None => self.wide.clear(),
        }
        self.struck.drain(..count);
        sound
    }

    /// Whether no key has been held down for a while.
    pub fn is_at_rest(&self) -> bool {
        self.since >= REST
    }

    fn hear(&mut self, sample: i16) {
        self.narrow.push_back(sample);
        self.struck.push_back(self.coming > 0);
        self.coming = self.coming.saturating_sub(1);
        self.since = self.since.saturating_add(1);
        if let Some(place) = self.block.get_mut(self.filled) {
            *place = sample;
        }
        self.filled += 1;
        if self.filled < keys::BLOCK {
            return;
        }
        if looks_like_a_key(&self.block, &self.filters) {
            let from = self.struck.len().saturating_sub(keys::BLOCK + GUARD);
            self.struck.iter_mut().skip(from).for_each(|struck| *struck = true);
            (self.coming, self.since) = (GUARD, 0);
        }
        self.block.copy_within(keys::HOP.., 0);
        self.filled = keys::BLOCK - keys::HOP;
    }
}

/// Whether a tone of a row and one of a column make up a good part of a block.
fn looks_like_a_key(block: &[i16; keys::BLOCK], filters: &[f64; 8]) -> bool {
    let energy: f64 = block.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if energy < FAINT * keys::BLOCK as f64 {
        return false;
    }
    let powers = keys::powers(block, filters);
    let (rows, columns) = powers.split_at(powers.len() / 2);
    // A pure tone of N samples has a power of N times half its energy.
    let share = |powers: &[f64]| {
        2.0 * powers.iter().copied().fold(0.0, f64::max) / (keys::BLOCK as f64 * energy)
    };
    let (row, column) = (share(rows), share(columns));
    row >= EACH && column >= EACH && row + column >= TOGETHER
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::detect::Goertzel;
    use crate::media::wav;
    use crate::random::Random;

    fn sound(narrow: Vec<i16>) -> Sound {
        Sound { timestamp: 0, narrow, wide: None, anew: false, ssrc: 1 }
    }

    fn through(samples: &[i16]) -> Vec<i16> {
        let mut mask = Mask::default();
        let mut heard: Vec<i16> = samples
            .chunks(160)
            .flat_map(|packet| mask.take(sound(packet.to_vec())).narrow)
            .collect();
        heard.extend(mask.take(sound(vec![0; DELAY])).narrow);
        heard.split_off(DELAY)
    }

    fn voice(at: u32, hertz: f64, loud: f64) -> f64 {
        (std::f64::consts::TAU * hertz * f64::from(at) / 8_000.0).sin() * loud
    }

    /// What stands out of `samples` in blocks of 12 ms at one of the eight tones, in samples' own loudness.
    fn loudest_tone(samples: &[i16]) -> f64 {
        let tones = [697.0, 770.0, 852.0, 941.0, 1_209.0, 1_336.0, 1_477.0, 1_633.0];
        let of = |block: &[i16]| {
            let energy: f64 = block.iter().map(|sample| f64::from(*sample).powi(2)).sum();
            let share = tones.map(|hertz| Goertzel::share(block, hertz, 8_000.0));
            share.into_iter().fold(0.0, f64::max) * (energy / block.len() as f64).sqrt()
        };
        samples.chunks_exact(96).map(of).fold(0.0, f64::max)
    }

    #[test]
    fn no_key_is_heard_however_loud_long_and_twisted() {
        let mut random = Random::from_number(3);
        for _ in 0..200 {
            let at = random.below(16) as usize;
            let key = "0123456789*#ABCD".chars().nth(at).unwrap();
            // 40 ms to 300, full level to -40 dB, and 40 ms of pause or more, as Q.24 has it.
            let length = 320 + random.below(2_080) as u32;
            let quieter = 10f64.powf(-(random.below(40) as f64) / 20.0);
            let begin = random.below(160) as usize;
            let mut samples = vec![0i16; 800 + begin];
            samples
                .extend((0..length).map(|at| (f64::from(keys::sample(key, at)) * quieter) as i16));
            samples.extend([0; 800]);
            let heard = through(&samples);
            assert_eq!(heard.len(), samples.len());
            assert!(heard.iter().all(|sample| *sample == 0), "{key} of {length} at {quieter}");
        }
    }

    #[test]
    fn a_key_under_a_voice_is_taken_out_with_it_and_the_voice_goes_on() {
        let said = |at: u32| voice(at, 240.0, 6_000.0) + voice(at, 480.0, 1_500.0);
        let key = |at: u32| match at {
            4_000..4_800 => f64::from(keys::sample('5', at - 4_000)) * 0.5,
            _ => 0.0,
        };
        let samples: Vec<i16> = (0..12_000).map(|at| (said(at) + key(at)) as i16).collect();
        assert!(loudest_tone(&samples) > 1_000.0);
        let heard = through(&samples);
        assert!(loudest_tone(&heard) < 300.0, "{}", loudest_tone(&heard));
        for part in [&heard[..3_600], &heard[5_200..]] {
            assert!(Goertzel::share(part, 240.0, 8_000.0) > 0.9, "the voice");
        }
        assert_eq!(heard[1_000..3_000], samples[1_000..3_000], "not a sample of it is touched");
    }

    /// Speech loses a syllable now and then while somebody pays; it must stay speech.
    #[test]
    fn nearly_all_of_what_is_said_is_heard() {
        let prompts: [&[u8]; 8] = [
            include_bytes!("../../firmware-config/prompts/en/demo-menu.wav"),
            include_bytes!("../../firmware-config/prompts/en/vm-message-menu.wav"),
            include_bytes!("../../firmware-config/prompts/en/office-menu.wav"),
            include_bytes!("../../firmware-config/prompts/en/vm-menu.wav"),
            include_bytes!("../../firmware-config/prompts/en/vm-greeting-menu.wav"),
            include_bytes!("../../firmware-config/prompts/en/callback-or-again.wav"),
            include_bytes!("../../firmware-config/prompts/en/callback-or-other.wav"),
            include_bytes!("../../firmware-config/prompts/en/survey-satisfied.wav"),
        ];
        let (mut said, mut lost) = (0, 0);
        for prompt in prompts {
            let clip = wav::read(prompt).unwrap();
            let heard = through(clip.samples());
            let pairs = clip.samples().iter().zip(&heard);
            said += clip.samples().iter().filter(|sample| sample.unsigned_abs() > 200).count();
            lost += pairs.filter(|(said, heard)| said.unsigned_abs() > 200 && **heard == 0).count();
        }
        let percent = lost as f64 * 100.0 / said as f64;
        println!("{percent:.2} % of {:.0} s of speech falls silent", said as f64 / 8_000.0);
        assert!(said > 80_000 && percent < 12.0, "{percent} of {said}");
    }
}
