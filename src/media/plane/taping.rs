//! Tapes in the plane: which run, and the end of each with either of its legs.

use std::time::Duration;

use super::Plane;
use crate::id::{LegId, RecordingId};
use crate::media::leg::{Heard, Sound};
use crate::media::rtp::Packet;
use crate::media::tape::Tape;
use crate::media::{Event, Output};
use crate::time::Now;

impl Plane {
    pub(super) fn tape(
        &mut self,
        now: Now,
        [left, right]: [LegId; 2],
        recording: RecordingId,
        max: Duration,
    ) {
        if !self.legs.contains_key(&left) || !self.legs.contains_key(&right) {
            return self.tell(Event::Taped { recording, duration: Duration::ZERO });
        }
        for leg in [left, right] {
            self.stop_tapes_of(leg);
            self.with(leg, |leg| leg.tape = Some(recording));
        }
        self.tapes.insert(recording, Tape::new(left, right, max));
        [left, right].into_iter().for_each(|leg| self.carry_data(leg));
        if self.mixing.is_none() {
            self.mixing = Some(self.next_beat(now.instant));
        }
    }

    pub(super) fn stop_tape(&mut self, recording: RecordingId) {
        let Some(tape) = self.tapes.remove(&recording) else { return };
        for leg in tape.legs() {
            self.with(leg, |leg| leg.tape = None);
        }
        let (samples, duration) = tape.finish();
        self.outputs.push_back(Output::Recording { recording, samples, channels: 2, last: true });
        self.tell(Event::Taped { recording, duration });
        self.beat_if_needed();
    }

    pub(super) fn stop_tapes_of(&mut self, leg: LegId) {
        if let Some(recording) = self.legs.get(&leg).and_then(|leg| leg.tape) {
            self.stop_tape(recording);
        }
    }

    /// A leg on a tape said something.
    pub(super) fn put_on_tape(
        &mut self,
        id: LegId,
        packet: &Packet<'_>,
        heard: Heard,
        sound: Option<&Sound>,
    ) {
        let Some(leg) = self.legs.get(&id) else { return };
        let Some(side) = leg.tape.and_then(|tape| self.tapes.get_mut(&tape)?.side(id)) else {
            return;
        };
        match heard {
            Heard::Sound => {
                sound.into_iter().for_each(|sound| side.put(sound.timestamp, &sound.narrow));
            }
            Heard::Noise => side.put_noise(packet.payload),
            Heard::Press { .. } | Heard::Nothing => {}
        }
    }

    /// The next 20 ms of every tape.
    pub(super) fn tape_on(&mut self) {
        let mut full = Vec::new();
        for (recording, tape) in &mut self.tapes {
            if tape.tick() {
                full.push(*recording);
            }
            if let Some(samples) = tape.chunk() {
                let recording = *recording;
                let piece = Output::Recording { recording, samples, channels: 2, last: false };
                self.outputs.push_back(piece);
            }
        }
        full.into_iter().for_each(|recording| self.stop_tape(recording));
    }

    /// Stops the common beat when nothing needs it.
    pub(super) fn beat_if_needed(&mut self) {
        if self.rooms.is_empty() && self.tapes.is_empty() && self.taps.is_empty() {
            self.mixing = None;
        }
    }
}
