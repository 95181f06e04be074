//! Playing clips: which sample comes next.

use std::fmt;
use std::sync::Arc;

use crate::media::tone::Tone;

/// Sound that is ready to be played: 8 kHz mono. Cheap to clone; a prompt is in memory once.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip(Arc<[i16]>);

impl Clip {
    /// A clip of these samples.
    pub fn new(samples: Vec<i16>) -> Self {
        Clip(samples.into())
    }

    /// Its samples.
    pub fn samples(&self) -> &[i16] {
        &self.0
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({} samples)", self.0.len())
    }
}

/// What a player plays.
#[derive(Debug)]
enum What {
    Clips { clips: Vec<Clip>, clip: usize, at: usize, repeat: bool },
    Tone { tone: Tone, at: u64 },
}

/// A player under way.
#[derive(Debug)]
pub(super) struct Player {
    what: What,
    /// Names it in the event at its end; a tone has none.
    pub token: Option<u64>,
    pub stop_on_digit: bool,
}

impl Player {
    pub fn clips(token: u64, clips: Vec<Clip>, repeat: bool, stop_on_digit: bool) -> Self {
        let repeat = repeat && clips.iter().any(|clip| !clip.samples().is_empty());
        Player {
            what: What::Clips { clips, clip: 0, at: 0, repeat },
            token: Some(token),
            stop_on_digit,
        }
    }

    pub fn tone(tone: Tone) -> Self {
        Player { what: What::Tone { tone, at: 0 }, token: None, stop_on_digit: false }
    }

    /// Fills `out` with the next samples, silence after the last. Answers whether any were left.
    pub fn fill(&mut self, out: &mut [i16]) -> bool {
        let mut any = false;
        for place in out.iter_mut() {
            let next = self.next();
            any |= next.is_some();
            *place = next.unwrap_or(0);
        }
        any
    }

    fn next(&mut self) -> Option<i16> {
        match &mut self.what {
            What::Tone { tone, at } => {
                let sample = tone.sample(*at)?;
                *at += 1;
                Some(sample)
            }
            What::Clips { clips, clip, at, repeat } => loop {
                if *clip >= clips.len() {
                    if !*repeat {
                        return None;
                    }
                    *clip = 0;
                }
                match clips.get(*clip)?.samples().get(*at) {
                    Some(sample) => {
                        *at += 1;
                        return Some(*sample);
                    }
                    None => {
                        *clip += 1;
                        *at = 0;
                    }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_follow_each_other_and_end() {
        let clips = vec![Clip::new(vec![1, 2]), Clip::new(vec![]), Clip::new(vec![3])];
        let mut player = Player::clips(7, clips.clone(), false, false);
        let mut out = [9; 2];
        assert!(player.fill(&mut out) && out == [1, 2]);
        assert!(player.fill(&mut out) && out == [3, 0]);
        assert!(!player.fill(&mut out) && out == [0, 0]);
        let mut forever = Player::clips(7, clips, true, false);
        let mut out = [0; 7];
        forever.fill(&mut out);
        assert_eq!(out, [1, 2, 3, 1, 2, 3, 1]);
        assert!(
            !Player::clips(7, vec![], true, false).fill(&mut out),
            "nothing repeated is nothing"
        );
    }
}
