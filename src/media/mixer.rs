//! A room: everybody hears all who speak, and nobody himself.
//!
//! Owns who is in a room, what each may, and the sum of what they say, 20 ms at a time. Decodes nothing, sends nothing
//! and keeps no time: samples come in by each [`Mix::speaker`] and go out of [`Mix::tick`].

use std::collections::BTreeMap;

use crate::id::LegId;
use crate::media::jitter::Jitter;

/// Samples mixed at a time: 20 ms.
pub const FRAME: usize = 160;
/// Members of one room: every phone of a large branch may be paged at once.
pub const MOST_MEMBERS: usize = 128;
/// Of them, those who speak: more than a dozen cannot be understood, and each costs a buffer and an addition.
pub const MOST_SPEAKERS: usize = 32;

/// What a member may, and what is on its way from and to it.
#[derive(Debug)]
struct Member {
    hears: bool,
    /// What it said that was not mixed yet; nothing for one that may not speak.
    said: Option<Jitter>,
    /// What it is to hear that did not fill a packet yet.
    pending: Vec<i16>,
}

/// A room.
#[derive(Debug, Default)]
pub struct Mix {
    members: BTreeMap<LegId, Member>,
}

/// The room has as many members, or speakers, as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Mix {
    /// Lets a leg in, or changes what it may.
    pub fn join(&mut self, leg: LegId, speaks: bool, hears: bool) -> Result<(), Full> {
        let others = || self.members.iter().filter(|(id, _)| **id != leg);
        let speakers = others().filter(|(_, member)| member.said.is_some()).count();
        if others().count() >= MOST_MEMBERS || (speaks && speakers >= MOST_SPEAKERS) {
            return Err(Full);
        }
        let fresh = Member { hears, said: None, pending: Vec::new() };
        let member = self.members.entry(leg).or_insert(fresh);
        member.hears = hears;
        match (speaks, &member.said) {
            (true, None) => member.said = Some(Jitter::default()),
            (false, Some(_)) => member.said = None,
            _ => {}
        }
        Ok(())
    }

    /// Lets a leg out. Answers whether the room is empty now.
    pub fn leave(&mut self, leg: LegId) -> bool {
        self.members.remove(&leg);
        self.members.is_empty()
    }

    /// The buffer of what a member says; nothing if it may not speak.
    pub fn speaker(&mut self, leg: LegId) -> Option<&mut Jitter> {
        self.members.get_mut(&leg)?.said.as_mut()
    }

    /// Mixes the next 20 ms. What a listener has not been sent yet is handed to `deliver`, which answers how many samples
    /// it took.
    pub fn tick(&mut self, mut deliver: impl FnMut(LegId, &[i16]) -> usize) {
        let mut sum = [0i32; FRAME];
        let mut own: BTreeMap<LegId, [i16; FRAME]> = BTreeMap::new();
        for (id, member) in &mut self.members {
            let Some(said) = &mut member.said else { continue };
            let mut frame = [0; FRAME];
            if said.take(&mut frame) {
                sum.iter_mut().zip(&frame).for_each(|(sum, own)| *sum += i32::from(*own));
                own.insert(*id, frame);
            }
        }
        for (id, member) in self.members.iter_mut().filter(|(_, member)| member.hears) {
            heard(&sum, own.get(id), &mut member.pending);
            let taken = deliver(*id, &member.pending).min(member.pending.len());
            member.pending.drain(..taken);
        }
    }
}

/// The sum without what the listener says himself, cut off where it is too loud for a sample.
fn heard(sum: &[i32; FRAME], own: Option<&[i16; FRAME]>, out: &mut Vec<i16>) {
    let clip = |value: i32| value.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    match own {
        Some(own) => {
            out.extend(sum.iter().zip(own).map(|(sum, own)| clip(sum - i32::from(*own))));
        }
        None => out.extend(sum.iter().copied().map(clip)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Each hears the sum of the others, whoever they are and whatever they may.
    #[test]
    fn everybody_hears_all_others_and_nobody_himself() {
        for seed in 0..200 {
            let mut random = Random::from_number(seed);
            let mut mix = Mix::default();
            let count = 1 + random.below(12);
            let values: Vec<(LegId, i16, bool, bool)> = (0..count)
                .map(|leg| {
                    let value = random.below(40_000) as i32 - 20_000;
                    (LegId(leg), value as i16, random.below(4) > 0, random.below(4) > 0)
                })
                .collect();
            for (leg, value, speaks, hears) in &values {
                mix.join(*leg, *speaks, *hears).unwrap();
                for n in 0..10 {
                    if let Some(said) = mix.speaker(*leg) {
                        said.put(n * FRAME as u32, &[*value; FRAME]);
                    }
                }
            }
            let mut last = BTreeMap::new();
            for _ in 0..8 {
                mix.tick(|leg, samples| {
                    last.insert(leg, samples.to_vec());
                    samples.len()
                });
            }
            for (leg, _, _, hears) in &values {
                let others = values.iter().filter(|(other, _, speaks, _)| other != leg && *speaks);
                let sum: i32 = others.map(|(_, value, ..)| i32::from(*value)).sum();
                let expected = sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
                assert_eq!(last.get(leg), hears.then(|| vec![expected; FRAME]).as_ref(), "{seed}");
            }
        }
    }

    #[test]
    fn what_a_listener_did_not_take_it_is_handed_again_with_more() {
        let mut mix = Mix::default();
        mix.join(LegId(1), true, true).unwrap();
        let mut handed = Vec::new();
        for _ in 0..4 {
            mix.tick(|_, samples| {
                handed.push(samples.len());
                samples.len() / 240 * 240
            });
        }
        assert_eq!(handed, [160, 320, 240, 160]);
    }

    #[test]
    fn a_room_has_a_last_place_and_a_last_speaker() {
        let mut mix = Mix::default();
        for leg in 0..MOST_MEMBERS as u64 {
            mix.join(LegId(leg), leg < MOST_SPEAKERS as u64, true).unwrap();
        }
        assert_eq!(mix.join(LegId(999), false, true), Err(Full));
        assert_eq!(mix.join(LegId(100), true, true), Err(Full), "a listener may not speak up");
        assert_eq!(mix.join(LegId(0), false, true), Ok(()), "a member may change");
        assert_eq!(mix.join(LegId(100), true, true), Ok(()));
        assert!((1..MOST_MEMBERS as u64).all(|leg| !mix.leave(LegId(leg))));
        assert!(mix.leave(LegId(0)));
    }
}
