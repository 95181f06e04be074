//! Somebody who listens in: hears what two say to each other, and speaks to nobody, to one of them, or to both.
//!
//! The two stay bridged. Who is not spoken to hears the other as before, packet by packet; who is hears a mix instead, on
//! the beat of the rooms. What counts is whether they hear each other at that moment: of one on hold nothing is heard.

use super::{Plane, hears};
use crate::id::LegId;
use crate::media::jitter::Jitter;
use crate::media::leg::{Heard, Sound, Source};
use crate::media::mixer::FRAME;
use crate::media::rtp::Packet;
use crate::media::{Kind, Part};
use crate::time::Now;

/// One who listens in.
#[derive(Debug)]
pub(super) struct Tap {
    /// Who may be whispered to, and the other.
    pair: [LegId; 2],
    part: Part,
    /// What each of the pair says, and what the listener does.
    said: [Jitter; 3],
    /// What each of them is to hear that did not fill a packet yet.
    pending: [Vec<i16>; 3],
}

impl Tap {
    fn new(pair: [LegId; 2], part: Part) -> Tap {
        let (said, pending) = Default::default();
        Tap { pair, part, said, pending }
    }

    /// Whether this one of the pair hears the listener.
    fn reaches(&self, leg: LegId) -> bool {
        match self.part {
            Part::Monitor => false,
            Part::Whisper => leg == self.pair[0],
            Part::Barge => self.pair.contains(&leg),
        }
    }
}

impl Plane {
    pub(super) fn tap(&mut self, now: Now, id: LegId, pair: [LegId; 2], part: Part) {
        let all = [pair[0], pair[1], id];
        if !all.iter().all(|leg| self.legs.contains_key(leg)) {
            return;
        }
        // Only the part is another.
        if let Some(tap) = self.taps.get_mut(&id).filter(|tap| tap.pair == pair) {
            tap.part = part;
        } else {
            all.into_iter().for_each(|leg| self.stop_tap_of(leg));
            self.unmix(id);
            self.taps.insert(id, Tap::new(pair, part));
            for leg in all {
                self.with(leg, |leg| leg.tap = Some(id));
            }
            self.with(id, |leg| leg.hear(Source::Tap));
        }
        // What they hear from now on is another stream to go on with.
        for leg in pair {
            self.with(leg, |leg| leg.hear_anew());
        }
        if self.mixing.is_none() {
            self.mixing = Some(self.next_beat(now.instant));
        }
    }

    pub(super) fn stop_tap_of(&mut self, leg: LegId) {
        let Some(id) = self.legs.get(&leg).and_then(|leg| leg.tap) else { return };
        let Some(tap) = self.taps.remove(&id) else { return };
        for leg in [tap.pair[0], tap.pair[1], id] {
            self.with(leg, |leg| {
                leg.tap = None;
                match leg.source {
                    Source::Tap => leg.hear(Source::Silence),
                    _ => leg.hear_anew(),
                }
            });
        }
        self.beat_if_needed();
    }

    /// Whether what `speaker` says reaches `listener` in a mix, and not by itself.
    pub(super) fn is_tapped(&self, listener: LegId, speaker: LegId) -> bool {
        let tap = self.legs.get(&listener).and_then(|leg| self.taps.get(&leg.tap?));
        tap.is_some_and(|tap| tap.pair.contains(&speaker) && tap.reaches(listener))
    }

    /// One of the three said something.
    pub(super) fn put_on_tap(
        &mut self,
        id: LegId,
        packet: &Packet<'_>,
        heard: Heard,
        sound: Option<&Sound>,
    ) {
        let Some(leg) = self.legs.get(&id).and_then(|leg| leg.tap) else { return };
        let Some(tap) = self.taps.get_mut(&leg) else { return };
        let place = tap.pair.iter().position(|own| *own == id).unwrap_or(2);
        if place == 2 && tap.part == Part::Monitor {
            return;
        }
        let barges = place == 2 && tap.part == Part::Barge;
        put(&mut tap.said[place], packet, heard, sound);
        // What both hear belongs to the conversation, on the side of the one who is led.
        let beside = tap.pair[0];
        let tape = self.legs.get(&beside).and_then(|leg| leg.tape).filter(|_| barges);
        if let Some(guest) = tape.and_then(|tape| self.tapes.get_mut(&tape)?.guest(beside)) {
            put(guest, packet, heard, sound);
        }
    }

    /// The next 20 ms for everybody who listens in, and whom they speak to.
    pub(super) fn tap_on(&mut self, now: Now) {
        let mut taps = std::mem::take(&mut self.taps);
        for (id, tap) in &mut taps {
            let [led, other] = tap.pair;
            let mut said = [[0i16; FRAME]; 3];
            for (jitter, frame) in tap.said.iter_mut().zip(&mut said) {
                jitter.take(frame);
            }
            let hears = |a: LegId, b: LegId| self.legs.get(&a).is_some_and(|leg| hears(leg, b, a));
            let (led_hears, other_hears) = (hears(led, other), hears(other, led));
            let listens = self.legs.get(id).is_some_and(|leg| matches!(leg.source, Source::Tap));
            let nothing = [0; FRAME];
            let of = |is: bool, at: usize| if is { said[at] } else { nothing };
            let heard = [
                (led, led_hears && tap.reaches(led), [said[1], said[2]]),
                (other, other_hears && tap.reaches(other), [said[0], said[2]]),
                (*id, listens, [of(other_hears, 0), of(led_hears, 1)]),
            ];
            for ((leg, is, [a, b]), pending) in heard.into_iter().zip(&mut tap.pending) {
                if !is {
                    pending.clear();
                    continue;
                }
                pending.extend(a.iter().zip(&b).map(|(a, b)| a.saturating_add(*b)));
                let taken = self.say_to(now, leg, pending);
                pending.drain(..taken);
            }
        }
        self.taps = taps;
    }

    /// Sends a leg sound of our making, in packets of the length that it wants. Answers how many samples that took.
    pub(super) fn say_to(&mut self, now: Now, id: LegId, samples: &[i16]) -> usize {
        let Some(leg) = self.legs.get(&id) else { return samples.len() };
        let length = leg.packet_samples().max(1);
        let packets = samples.chunks_exact(length);
        let taken = samples.len() - packets.remainder().len();
        for packet in packets {
            let mut buffer = self.spare.pop().unwrap_or_default();
            let leg = self.legs.get_mut(&id);
            match leg.is_some_and(|leg| leg.say(now.instant, packet, &mut buffer)) {
                true => self.send(id, Kind::Rtp, buffer),
                false => self.recycle(buffer),
            }
        }
        taken
    }
}

fn put(jitter: &mut Jitter, packet: &Packet<'_>, heard: Heard, sound: Option<&Sound>) {
    match heard {
        Heard::Sound => {
            sound.into_iter().for_each(|sound| jitter.put(sound.timestamp, &sound.narrow));
        }
        Heard::Noise => jitter.put_noise(packet.payload),
        Heard::Press { .. } | Heard::Nothing => {}
    }
}
