//! Conferences: dialled into by number, entered by transfer, or made by a phone of the calls that it has.
//!
//! Each party of a room belongs to a call; those who dialled in have one each, those whom a phone brought together are
//! legs of one call. A room is there from its first party to its last, and no party that the branch pays for stays when
//! no phone of the branch is left.

use std::time::Duration;

use super::{Calls, Output, Saying, What};
use crate::call::conference::{Entry, Guesser, LONGEST_PIN, MOST_WRONG, Room};
use crate::call::current::{Activity, Purpose};
use crate::call::ending::Cause;
use crate::call::plan::Origin;
use crate::call::record::Peer;
use crate::id::{CallId, ConferenceId, LegId, RoomId};
use crate::time::Now;

/// How long a caller may take to key a PIN in, with all tries.
const PIN_TIME: Duration = Duration::from_secs(60);

impl Calls {
    /// A key was pressed; it counts where a PIN is asked for.
    pub fn handle_key(&mut self, now: Now, leg: LegId, key: char) {
        let Some(state) = self.call_of(leg).and_then(|call| self.calls.get_mut(&call)) else {
            return;
        };
        let Activity::Admission(conference) = &state.activity else { return };
        let Some(settings) = self.settings.conferences.get(conference) else { return };
        let (call, conference) = (state.id, conference.clone());
        if state.caller != leg {
            return;
        }
        let entry = state.entry.get_or_insert_default();
        if key.is_ascii_digit() && entry.keyed.len() < LONGEST_PIN {
            entry.keyed.push(key);
        }
        let length = settings.pin.as_ref().map_or(0, |pin| pin.length());
        if key != '#' && entry.keyed.len() < length {
            return;
        }
        let keyed = std::mem::take(&mut entry.keyed);
        if settings.pin.as_ref().is_none_or(|pin| pin.is(&keyed)) {
            if let Some(who) = self.guesser(call) {
                self.guesses.right(&who);
            }
            return self.enter_conference(now, call, &conference);
        }
        entry.wrong += 1;
        let over = entry.wrong >= MOST_WRONG;
        if let Some(who) = self.guesser(call) {
            self.guesses.wrong(now.instant, who);
        }
        match over {
            true => self.end(call, Cause::NotAllowed),
            false => self.outputs.push_back(Output::AskPin { call, again: true }),
        }
    }

    /// Whose wrong PINs count together: a phone's, whatever number it gives, or those of one number over a trunk.
    fn guesser(&self, call: CallId) -> Option<Guesser> {
        let state = self.calls.get(&call)?;
        let peer = state.legs.get(&state.caller)?.peer.clone();
        let number = match peer {
            Peer::Extension(_) => String::new(),
            Peer::Trunk(_) | Peer::Chat(_) => state.from.clone(),
        };
        Some((peer, number))
    }

    /// The room of a conference, if somebody is in it.
    pub fn room_of(&self, conference: &ConferenceId) -> Option<RoomId> {
        let of = |room: &Room| room.conference.as_ref() == Some(conference);
        self.rooms.iter().find(|(_, room)| of(room)).map(|(id, _)| *id)
    }

    /// Whether the party at `leg` talks with anybody who can be brought along.
    pub fn is_talking(&self, leg: LegId) -> bool {
        self.partner(leg).is_some() || self.room_with(leg).is_some()
    }

    /// The caller dialled a conference.
    pub(super) fn confer(&mut self, now: Now, call: CallId, conference: &ConferenceId) {
        let Some(settings) = self.settings.conferences.get(conference) else {
            return self.failed(call, Cause::NoSuchNumber);
        };
        let asks = settings.pin.is_some();
        if !self.has_place(conference, 1) {
            return self.failed(call, Cause::Busy);
        }
        let who = self.guesser(call);
        if asks && who.is_some_and(|who| self.guesses.is_shut(now.instant, &who)) {
            return self.failed(call, Cause::NotAllowed);
        }
        self.answer_caller(now, call, None);
        if !asks {
            return self.enter_conference(now, call, conference);
        }
        let Some(state) = self.calls.get_mut(&call) else { return };
        state.activity = Activity::Admission(conference.clone());
        state.entry = Some(Entry::default());
        let caller = state.caller;
        let timer = self.timers.set(now.instant + PIN_TIME, caller);
        if let Some(leg) = state.legs.get_mut(&caller) {
            leg.ring_timer = Some(timer);
        }
        self.outputs.push_back(Output::AskPin { call, again: false });
    }

    /// Both parties of a conversation go into a conference: one of them transferred the other there. Answers whether
    /// they did; a conference with a PIN asks each party for it, and so is entered by dialling alone.
    pub(super) fn confer_both(
        &mut self,
        now: Now,
        call: CallId,
        conference: &ConferenceId,
    ) -> bool {
        let open = self.settings.conferences.get(conference).is_some_and(|c| c.pin.is_none());
        if !open || !self.has_place(conference, 2) {
            return false;
        }
        let room = self.room_for(Some(conference));
        self.all_enter(now, call, room);
        true
    }

    /// Everybody whom the phone behind `call` talks with in its other calls comes into one room with it. Answers whether
    /// there was anybody. Help is not among them, whoever's call it is: a stranger may have made it in the phone's name.
    pub(super) fn merge(&mut self, now: Now, call: CallId) -> bool {
        let Some(phone) = self.calls.get(&call).map(|state| state.caller) else { return false };
        let Some(peer) = self.peer_of(phone) else { return false };
        let own = |leg: &LegId| *leg != phone && self.peer_of(*leg).as_ref() == Some(&peer);
        let mine: Vec<LegId> = self.by_leg.keys().copied().filter(own).collect();
        // Two phones of one extension that talk with each other are not brought along: each would be the other's guest.
        let guest = |leg: &LegId| self.partner(*leg).filter(|guest| !mine.contains(guest));
        let others: Vec<_> = mine
            .iter()
            .filter_map(|leg| Some((*leg, self.call_of(*leg)?, guest(leg)?)))
            .filter(|(_, other, _)| !self.help.contains(other))
            .collect();
        let in_room = mine.iter().find_map(|leg| Some((*leg, self.room_with(*leg)?)));
        if others.is_empty() {
            return false;
        }
        let room = in_room.map_or_else(|| self.room_for(None), |(_, room)| room);
        for (_, other, partner) in others {
            self.move_leg(partner, other, call);
            self.end(other, Cause::Completed);
        }
        self.all_enter(now, call, room);
        // The phone is in the room with the leg that it dialled from; once is enough.
        if let Some((leg, _)) = in_room {
            self.release(leg, Cause::Completed);
        }
        true
    }

    /// The party at `stays` comes into the room that the party at `member` is in.
    pub(super) fn join_room(&mut self, now: Now, stays: LegId, member: LegId) -> bool {
        let (Some(room), Some(call)) = (self.room_with(member), self.call_of(stays)) else {
            return false;
        };
        let conference = self.rooms.get(&room).and_then(|room| room.conference.clone());
        if self.help.contains(&call) {
            return false;
        }
        if conference.as_ref().is_some_and(|conference| !self.has_place(conference, 1)) {
            return false;
        }
        self.be(call, Activity::Conference(room));
        self.enter(now, call, stays, room);
        true
    }

    /// The room that a leg is in.
    pub(super) fn room_with(&self, leg: LegId) -> Option<RoomId> {
        match self.calls.get(&self.call_of(leg)?)?.activity {
            Activity::Conference(room) if self.rooms.get(&room)?.members.contains(&leg) => {
                Some(room)
            }
            _ => None,
        }
    }

    /// The room that holds a leg, whatever its call does.
    pub(super) fn room_holding(&self, leg: LegId) -> Option<RoomId> {
        self.rooms.iter().find(|(_, room)| room.members.contains(&leg)).map(|(id, _)| *id)
    }

    /// The others in the room of a call.
    pub(super) fn others_in(&self, room: RoomId, besides: LegId) -> Vec<Peer> {
        let members = self.rooms.get(&room).map(|room| &room.members);
        let others = members.into_iter().flatten().filter(|leg| **leg != besides);
        others.filter_map(|leg| self.peer_of(*leg)).collect()
    }

    /// What the conference of a room is called.
    pub(super) fn conference_of(&self, room: RoomId) -> Option<&ConferenceId> {
        self.rooms.get(&room)?.conference.as_ref()
    }

    /// A party of a room is gone; the call that it was the caller of goes on with another.
    pub(super) fn left_room(&mut self, call: CallId, leg: LegId, room: RoomId) {
        let Some(state) = self.rooms.get_mut(&room) else { return };
        state.members.remove(&leg);
        self.hand_caller_on(call, leg);
        let Some(state) = self.rooms.get(&room) else { return };
        let members: Vec<LegId> = state.members.iter().copied().collect();
        let own = state.conference.is_none();
        if members.is_empty() {
            self.rooms.remove(&room);
            return;
        }
        let phones =
            members.iter().any(|leg| matches!(self.peer_of(*leg), Some(Peer::Extension(_))));
        if own && (members.len() < 2 || !phones) {
            return members.into_iter().for_each(|leg| self.end_with(leg));
        }
        if !phones {
            let paid: Vec<_> = members.into_iter().filter(|leg| self.is_paid(*leg)).collect();
            paid.into_iter().for_each(|leg| self.end_with(leg));
        }
    }

    fn has_place(&self, conference: &ConferenceId, for_more: usize) -> bool {
        let inside = self.room_of(conference).and_then(|room| self.rooms.get(&room));
        let inside = inside.map_or(0, |room| room.members.len());
        self.settings.conferences.get(conference).is_some_and(|c| inside + for_more <= c.most)
    }

    fn room_for(&mut self, conference: Option<&ConferenceId>) -> RoomId {
        if let Some(room) = conference.and_then(|conference| self.room_of(conference)) {
            return room;
        }
        let id = RoomId(self.random.bits());
        self.rooms.insert(id, Room { conference: conference.cloned(), ..Room::default() });
        id
    }

    fn enter_conference(&mut self, now: Now, call: CallId, conference: &ConferenceId) {
        if !self.has_place(conference, 1) {
            return self.say(call, Saying::Unavailable);
        }
        let room = self.room_for(Some(conference));
        self.all_enter(now, call, room);
    }

    /// Every party of a call that talks comes into a room.
    fn all_enter(&mut self, now: Now, call: CallId, room: RoomId) {
        let conference = self.conference_of(room).cloned();
        let Some(state) = self.calls.get_mut(&call) else { return };
        state.activity = Activity::Conference(room);
        state.entry = None;
        state.connected.get_or_insert(now.unix);
        state.conference = conference;
        let up =
            |leg: &crate::call::current::Leg| leg.answered.is_some() && leg.releasing.is_none();
        let legs: Vec<LegId> =
            state.legs.iter().filter(|(_, leg)| up(leg)).map(|(id, _)| *id).collect();
        let ivr_waits = std::mem::take(&mut state.ivr_waits);
        let timer = state.legs.get_mut(&state.caller).and_then(|leg| leg.ring_timer.take());
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        if ivr_waits {
            self.outputs.push_back(Output::EndIvr(call));
        }
        legs.into_iter().for_each(|leg| self.enter(now, call, leg, room));
    }

    fn enter(&mut self, now: Now, call: CallId, leg: LegId, room: RoomId) {
        let Some(state) = self.rooms.get_mut(&room) else { return };
        state.members.insert(leg);
        let conference = state.conference.clone();
        self.outputs.push_back(Output::Enter { leg, room });
        self.happened(now, call, What::Entered { leg, room, conference });
    }

    /// The call goes on though its caller is gone: another party of it takes the place.
    fn hand_caller_on(&mut self, call: CallId, gone: LegId) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        let next = state.legs.iter_mut().find(|(_, leg)| leg.releasing.is_none());
        if let Some((id, leg)) = next
            && state.caller == gone
        {
            leg.purpose = Purpose::Caller;
            state.caller = *id;
        }
    }

    fn peer_of(&self, leg: LegId) -> Option<Peer> {
        Some(self.calls.get(&self.call_of(leg)?)?.legs.get(&leg)?.peer.clone())
    }

    /// Whether the branch pays for a leg: a phone of it had it dialled.
    fn is_paid(&self, leg: LegId) -> bool {
        let call = self.call_of(leg).and_then(|call| self.calls.get(&call));
        call.is_some_and(|call| matches!(call.origin, Origin::Extension(_)))
    }

    fn end_with(&mut self, leg: LegId) {
        if let Some(call) = self.call_of(leg) {
            self.end(call, Cause::Completed);
        }
    }
}
