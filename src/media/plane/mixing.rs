//! Rooms in the plane: who is in which, and their common beat, which runs only while there is a room.

use std::time::Duration;

use super::Plane;
use crate::id::{LegId, RoomId};
use crate::media::jitter::Jitter;
use crate::media::leg::{Heard, Leg, Sound, Source};
use crate::media::mixer::FRAME;
use crate::media::rtp::Packet;
use crate::media::{Event, RATE};
use crate::time::Now;

/// What is mixed at a time.
const TICK: Duration = Duration::from_millis(FRAME as u64 * 1_000 / RATE as u64);
/// Ticks that are made up for after a late turn; beyond, the beat begins anew instead of hurrying.
const HURRY: u32 = 5;

impl Plane {
    pub(super) fn mix(&mut self, now: Now, room: RoomId, id: LegId, speaks: bool, hears: bool) {
        let Some(leg) = self.legs.get(&id) else { return };
        let before = leg.room;
        if before != Some(room) {
            self.unbridge(id);
            self.unmix(id);
        }
        let mix = self.rooms.entry(room).or_default();
        if mix.join(id, speaks, hears).is_err() {
            return self.tell(Event::RoomFull { leg: id, room });
        }
        if before != Some(room) {
            self.with(id, |leg| {
                leg.room = Some(room);
                if !matches!(leg.source, Source::Player(_)) {
                    leg.hear(Source::Room);
                }
                leg.listening = leg.listening.map(|_| now.instant);
            });
        }
        self.carry_data(id);
        if self.mixing.is_none() {
            self.mixing = Some(self.next_beat(now.instant));
        }
    }

    pub(super) fn unmix(&mut self, id: LegId) {
        let Some(room) = self.legs.get_mut(&id).and_then(|leg| leg.room.take()) else { return };
        self.with(id, |leg| {
            if matches!(leg.source, Source::Room) {
                leg.hear(Source::Silence);
            }
        });
        if self.rooms.get_mut(&room).is_some_and(|mix| mix.leave(id)) {
            self.rooms.remove(&room);
        }
        self.beat_if_needed();
    }

    /// A member said something.
    pub(super) fn speak(
        &mut self,
        id: LegId,
        packet: &Packet<'_>,
        heard: Heard,
        sound: Option<&Sound>,
    ) {
        let Some(leg) = self.legs.get(&id) else { return };
        let Some(speaker) = leg.room.and_then(|room| self.rooms.get_mut(&room)?.speaker(id)) else {
            return;
        };
        match heard {
            Heard::Sound => {
                sound.into_iter().for_each(|sound| speaker.put(sound.timestamp, &sound.narrow));
            }
            Heard::Noise => speaker.put_noise(packet.payload),
            Heard::Press { .. } | Heard::Nothing => {}
        }
    }

    /// Where a leg says data in tones, it is not stretched, cut or made up where it is mixed or put on tape, whichever began
    /// first.
    pub(super) fn carry_data(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.carries_data()) else { return };
        let speaker = leg.room.and_then(|room| self.rooms.get_mut(&room)?.speaker(id));
        let side = leg.tape.and_then(|tape| self.tapes.get_mut(&tape)?.side(id));
        speaker.into_iter().chain(side).for_each(Jitter::carry_data);
    }

    /// The next 20 ms of every room.
    pub(super) fn mix_on(&mut self, now: Now) {
        let Some(at) = self.mixing else { return };
        let next = at + TICK;
        let late = next + TICK * HURRY < now.instant;
        self.mixing = Some(if late { now.instant + TICK } else { next });
        let mut rooms = std::mem::take(&mut self.rooms);
        for mix in rooms.values_mut() {
            mix.tick(|id, samples| self.deliver(now, id, samples));
        }
        self.rooms = rooms;
        self.tap_on(now);
        self.tape_on();
    }

    /// Sends a listener what it is to hear, in packets of the length that it wants. Answers how many samples that took.
    fn deliver(&mut self, now: Now, id: LegId, samples: &[i16]) -> usize {
        let hears = |leg: &Leg| matches!(leg.source, Source::Room);
        match self.legs.get(&id).is_some_and(hears) {
            true => self.say_to(now, id, samples),
            false => samples.len(),
        }
    }
}
