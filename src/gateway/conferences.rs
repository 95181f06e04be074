//! Rooms on one side, media threads on the other: all parties of a room are on one thread, in a codec that can be mixed.

use crate::gateway::Gateway;
use crate::gateway::sound::Playing;
use crate::id::{CallId, ConferenceId, LegId, RoomId};
use crate::ivr::prompts;
use crate::media;
use crate::time::Now;

impl Gateway {
    /// Lets a leg into a room.
    pub(super) fn enter(&mut self, now: Now, id: LegId, room: RoomId) {
        self.enter_as(now, id, room, (true, true));
    }

    /// Lets a leg into a room in which it speaks, or hears, or both.
    pub(super) fn enter_as(
        &mut self,
        now: Now,
        id: LegId,
        room: RoomId,
        (speaks, hears): (bool, bool),
    ) {
        let Some(leg) = self.legs.get(id) else { return };
        let there = self.legs.thread_of(room).unwrap_or(leg.thread);
        let mixable = leg.negotiated.as_ref().is_none_or(|agreed| agreed.codec.is_decoded());
        if there != leg.thread {
            self.move_to(id, there);
        }
        if !mixable {
            self.offer_mixable(now, id);
        }
        let Some(leg) = self.legs.get_mut(id) else { return };
        leg.room = Some(room);
        self.playing.remove(&id);
        self.tell_leg(id, |leg| media::Command::StopPlay { leg });
        self.tell_leg(id, |leg| media::Command::Mix { room, leg, speaks, hears });
    }

    /// The media thread for a caller of a conference: where its room is, or will be.
    pub(super) fn thread_for(&self, conference: &ConferenceId) -> usize {
        let sum = |sum: usize, byte: u8| sum.wrapping_mul(31).wrapping_add(byte.into());
        let own = conference.as_str().bytes().fold(0, sum) % self.threads.max(1);
        self.calls.room_of(conference).and_then(|room| self.legs.thread_of(room)).unwrap_or(own)
    }

    pub(super) fn ask_pin(&mut self, call: CallId, again: bool) {
        let Some(leg) = self.calls.caller(call) else { return };
        let mut clips = if again { self.prompts.clip(prompts::INVALID_ENTRY) } else { Vec::new() };
        clips.extend(self.prompts.clip(prompts::CONFERENCE_PIN));
        self.play(leg, Playing::Background, clips, false, true);
    }

    /// Offers a leg what can be mixed, in place of what it has.
    pub(super) fn offer_mixable(&mut self, now: Now, id: LegId) {
        let Some(session) = self.legs.get(id).and_then(|leg| leg.session()) else { return };
        let Some(offer) = self.describe_offer(now, id, None) else { return };
        if let Some(offer) = self.offer_with_keys(now, id, Some(session), &offer) {
            self.endpoint.reoffer(now, session, &offer);
        }
    }
}
