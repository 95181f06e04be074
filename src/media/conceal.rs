//! Filling what was lost: the last pitch period again, quieter each time, for as long as the ear believes it.
//!
//! In the manner of G.711 appendix I, simpler: where a packet is missing, the last period of the voice (or, of a sound
//! without one, the last piece) is repeated. After 10 ms it fades, and after 60 ms there is silence: what goes on longer
//! sounds like a machine. When sound comes back, the two are blended over 4 ms. Works on single samples, so that a loss
//! may begin and end anywhere.

use crate::media::RATE;
use crate::media::codec::Rate;

// All of them in samples at 8 kHz; at 16 kHz there are twice as many.

/// The longest period looked for: a voice of 66 Hz.
const LONGEST: usize = RATE as usize * 15 / 1_000;
/// The shortest: a voice of 200 Hz; a higher one has a multiple of its period in between.
const SHORTEST: usize = RATE as usize * 5 / 1_000;
/// What is compared with the past to find the period: 20 ms.
const COMPARED: usize = RATE as usize / 50;
/// Sound that is remembered: what is compared, and a longest period before it.
const HISTORY: usize = COMPARED + LONGEST;
/// Full volume for 10 ms.
const FULL: usize = RATE as usize / 100;
/// Silent after 60 ms.
const GONE: usize = RATE as usize * 60 / 1_000;
/// Sound that comes back is blended in over 4 ms.
const BLEND: usize = RATE as usize * 4 / 1_000;

/// Fills gaps in one stream.
#[derive(Debug)]
pub struct Conceal {
    /// Samples in place of one at 8 kHz.
    factor: usize,
    /// The last samples, oldest at `place`.
    history: Vec<i16>,
    place: usize,
    /// What is repeated, while something is missing or blending.
    period: Vec<i16>,
    /// Samples made up since sound was lost.
    made: usize,
    /// Samples still to be blended.
    blending: usize,
}

impl Default for Conceal {
    fn default() -> Self {
        Conceal::new(Rate::Narrow)
    }
}

impl Conceal {
    /// For sound at a rate.
    pub fn new(rate: Rate) -> Conceal {
        let factor = rate.factor();
        let history = vec![0; HISTORY * factor];
        Conceal { factor, history, place: 0, period: Vec::new(), made: 0, blending: 0 }
    }

    /// The next sample is here. Answers what to play.
    pub fn good(&mut self, sample: i16) -> i16 {
        let mut played = sample;
        if self.made > 0 {
            let most = BLEND * self.factor;
            if self.blending == 0 {
                self.blending = most;
            }
            let made_up = i32::from(self.make());
            let share = (most - self.blending + 1) as i32;
            let most = most as i32;
            played = ((i32::from(sample) * share + made_up * (most - share)) / most) as i16;
            self.blending -= 1;
            if self.blending == 0 {
                self.made = 0;
            }
        }
        self.remember(played);
        played
    }

    /// The next sample is missing. Answers what to play, and whether that is anything but silence.
    pub fn missing(&mut self) -> (i16, bool) {
        if self.made == 0 || self.blending > 0 {
            self.period = self.last_period();
            (self.made, self.blending) = (0, 0);
        }
        let made = self.make();
        let audible = self.made < self.gone();
        (if audible { made } else { 0 }, audible)
    }

    /// Nothing is missing: the far end has nothing to say.
    pub fn rest(&mut self) {
        if self.made < self.gone() {
            let rate = if self.factor == 1 { Rate::Narrow } else { Rate::Wide };
            *self = Conceal::new(rate);
        }
        self.made = self.gone();
    }

    fn gone(&self) -> usize {
        GONE * self.factor
    }

    /// The next sample of the repetition.
    fn make(&mut self) -> i16 {
        let (at, gone, full) = (self.made, self.gone(), FULL * self.factor);
        self.made = (at + 1).min(gone);
        let Some(sample) = self.period.get(at % self.period.len().max(1)) else { return 0 };
        if at >= gone {
            return 0;
        }
        let left = if at < full { gone - full } else { gone - at };
        (i32::from(*sample) * left as i32 / (gone - full) as i32) as i16
    }

    fn remember(&mut self, sample: i16) {
        if let Some(place) = self.history.get_mut(self.place) {
            *place = sample;
        }
        self.place = (self.place + 1) % self.history.len().max(1);
    }

    /// The last period of the sound: the distance at which the last 20 ms look most like what was before.
    fn last_period(&self) -> Vec<i16> {
        let mut past = self.history.clone();
        past.rotate_left(self.place);
        let (whole, compared) = (past.len(), COMPARED * self.factor);
        let newest = past.get(whole - compared..).unwrap_or_default();
        let likeness = |lag: usize| -> f64 {
            let before = past.get(whole - compared - lag..).unwrap_or_default();
            let (product, energy) = newest.iter().zip(before).fold((0i64, 1i64), |sum, (a, b)| {
                let (a, b) = (i64::from(*a), i64::from(*b));
                (sum.0 + a * b, sum.1 + b * b)
            });
            product as f64 / (energy as f64).sqrt()
        };
        let best = (SHORTEST * self.factor..=LONGEST * self.factor)
            .map(|lag| (lag, likeness(lag)))
            .fold((SHORTEST, f64::MIN), |best, next| if next.1 > best.1 { next } else { best });
        past.get(whole - best.0..).unwrap_or_default().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::detect::Goertzel;

    fn tone(hertz: f64, at: usize) -> i16 {
        ((std::f64::consts::TAU * hertz * at as f64 / 8_000.0).sin() * 8_000.0) as i16
    }

    fn hear(conceal: &mut Conceal, hertz: f64, range: std::ops::Range<usize>) {
        for at in range {
            conceal.good(tone(hertz, at));
        }
    }

    #[test]
    fn a_short_loss_in_a_voice_goes_on_as_the_voice() {
        let mut conceal = Conceal::default();
        hear(&mut conceal, 125.0, 0..800);
        let made: Vec<i16> = (0..80).map(|_| conceal.missing().0).collect();
        for (at, sample) in made.iter().enumerate() {
            let ought = tone(125.0, 800 + at);
            assert!((i32::from(*sample) - i32::from(ought)).abs() < 400, "{at}: {sample} {ought}");
        }
    }

    #[test]
    fn it_goes_on_as_the_voice_at_16_khz_too() {
        let wide = |at: usize| {
            ((std::f64::consts::TAU * 125.0 * at as f64 / 16_000.0).sin() * 8_000.0) as i16
        };
        let mut conceal = Conceal::new(Rate::Wide);
        for at in 0..1_600 {
            conceal.good(wide(at));
        }
        for at in 0..160 {
            let (made, ought) = (conceal.missing().0, wide(1_600 + at));
            assert!((i32::from(made) - i32::from(ought)).abs() < 400, "{at}: {made} {ought}");
        }
    }

    #[test]
    fn a_long_loss_fades_and_is_silent_after_sixty_milliseconds() {
        let mut conceal = Conceal::default();
        hear(&mut conceal, 200.0, 0..800);
        let made: Vec<_> = (0..1_000).map(|_| conceal.missing()).collect();
        let loud = |range: std::ops::Range<usize>| {
            made[range].iter().map(|(sample, _)| i32::from(*sample).abs()).max().unwrap()
        };
        assert!(loud(0..80) > 7_000 && loud(240..280) < 5_000 && loud(480..1_000) == 0);
        assert!(made[100].1 && !made[500].1);
    }

    #[test]
    fn sound_comes_back_without_a_click() {
        let mut conceal = Conceal::default();
        let mut out: Vec<i16> = (0..800).map(|at| conceal.good(tone(200.0, at))).collect();
        out.extend((0..160).map(|_| conceal.missing().0));
        out.extend((960..1_600).map(|at| conceal.good(tone(200.0, at))));
        let step = out.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap();
        assert!(step < 2_600, "{step}: a 200 Hz tone moves by 1,256 at most");
        assert!(Goertzel::share(&out[1_000..], 200.0, 8_000.0) > 0.98);
    }

    #[test]
    fn after_silence_there_is_nothing_to_repeat() {
        let mut conceal = Conceal::default();
        assert_eq!(conceal.missing().0, 0);
        hear(&mut conceal, 300.0, 0..400);
        conceal.rest();
        assert_eq!(conceal.missing(), (0, false));
    }
}
