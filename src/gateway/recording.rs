//! Recordings of conversations: who is recorded, who is told so first, and what is kept of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::admin::api::feed::{Happening, Tape};
use crate::call::consent::{Consent, ConsentBy};
use crate::call::record::Peer;
use crate::config::settings::Recording;
use crate::gateway::sound::Playing;
use crate::gateway::voicemail::Order;
use crate::gateway::{Gateway, Output};
use crate::id::{CallId, LegId, RecordingId};
use crate::journal::context::call_name;
use crate::journal::event::What;
use crate::media;
use crate::time::Now;

/// The longest recording: no conversation takes longer, and a forgotten one must not fill the disk.
const LONGEST: Duration = Duration::from_secs(4 * 3_600);

/// Recordings of conversations.
#[derive(Debug, Default)]
pub(super) struct Tapes {
    /// Those that run, with their two legs.
    running: BTreeMap<RecordingId, [LegId; 2]>,
    /// Pairs who are being told, by each leg that has not heard all of it.
    telling: BTreeMap<LegId, [LegId; 2]>,
    /// Those that somebody wants nothing on for a while.
    paused: BTreeSet<RecordingId>,
    /// Those that have ended and are taken off the disk once it is done with them: somebody refused them.
    unwanted: BTreeSet<RecordingId>,
    /// Legs that pressed a star just now.
    star: BTreeMap<LegId, ()>,
}

impl Tapes {
    /// Whether a recording is thrown away.
    pub fn is_unwanted(&self, recording: RecordingId) -> bool {
        self.unwanted.contains(&recording)
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.running.len()
    }
}

impl Tapes {
    /// Whether one of these is on a tape, or is being told that it will be.
    pub fn has(&self, legs: [LegId; 2]) -> bool {
        let any = |pair: &[LegId; 2]| legs.iter().any(|leg| pair.contains(leg));
        self.running.values().any(any) || self.telling.values().any(any)
    }
}

impl Gateway {
    /// Two parties are joined: whoever has to be is recorded, from the moment that both have been told.
    pub(super) fn record_joined(&mut self, now: Now, a: LegId, b: LegId) {
        self.consent_comes_along(now, [a, b]);
        let pair = |legs: &[LegId; 2]| legs.contains(&a) && legs.contains(&b);
        let others = self.tapes.running.iter();
        let others =
            others.filter(|(_, legs)| (legs.contains(&a) || legs.contains(&b)) && !pair(legs));
        let others: Vec<_> = others.map(|(recording, legs)| (*recording, legs[0])).collect();
        others.into_iter().for_each(|(recording, leg)| self.stop_tape(recording, leg));
        let runs = self.tapes.running.values().any(pair);
        if !runs && self.policy_of(a).max(self.policy_of(b)) == Recording::Always {
            self.tell_and_tape(now, a, b);
        }
    }

    /// A key was pressed in a conversation: a star and a one begin or end a recording, where the phone may have that.
    pub(super) fn record_on_demand(&mut self, now: Now, leg: LegId, key: char) {
        let star = self.tapes.star.remove(&leg).is_some();
        let Some(partner) = self.calls.partner(leg) else { return };
        if key == '*' {
            self.tapes.star.insert(leg, ());
        }
        let phone = self
            .legs
            .get(leg)
            .is_some_and(|leg| matches!(leg.peer, Peer::Extension(_)) && leg.unchecked.is_none());
        if !star || key != '1' || !phone || self.own_policy(leg) != Recording::OnDemand {
            return;
        }
        let running = self.tapes.running.iter().find(|(_, legs)| legs.contains(&leg));
        match running.map(|(recording, _)| *recording) {
            Some(recording) => self.stop_tape(recording, leg),
            None if self.refused_to_record([leg, partner]).is_some() => self.say_not_recorded(leg),
            None => self.tell_and_tape(now, leg, partner),
        }
    }

    /// A leg has heard that it is recorded.
    pub(super) fn notice_played(&mut self, now: Now, leg: LegId) {
        let Some(pair @ [a, b]) = self.tapes.telling.remove(&leg) else { return };
        if self.tapes.telling.contains_key(&a) || self.tapes.telling.contains_key(&b) {
            return;
        }
        if self.calls.partner(a) == Some(b) {
            self.join(a, b);
            self.notice_heard(now, pair);
            self.tape(now, a, b);
        } else {
            self.notice_broken_off(pair);
        }
    }

    /// Somebody refuses it: whoever is being told hears no more of that, and what is on tape already is thrown away.
    pub(super) fn record_no_more(&mut self, now: Now, leg: LegId) {
        let told = self.tapes.telling.values().find(|pair| pair.contains(&leg)).copied();
        if let Some([a, b]) = told {
            for own in [a, b] {
                self.tapes.telling.remove(&own);
                self.stop_playing(own);
            }
            if self.calls.partner(a) == Some(b) {
                self.join(a, b);
            }
        }
        let running = self.tapes.running.iter().find(|(_, legs)| legs.contains(&leg));
        if let Some((recording, left)) = running.map(|(recording, legs)| (*recording, legs[0])) {
            self.tapes.unwanted.insert(recording);
            self.stop_tape(recording, left);
            if let Some(call) = self.calls.call_of(left) {
                self.calls.handle_unrecorded(call, recording);
                self.keep_walk_event(now, call, What::Untaped { recording });
            }
        }
    }

    /// The disk is done with a recording that nobody may have.
    pub(super) fn throw_away(&mut self, recording: RecordingId) {
        self.tapes.unwanted.remove(&recording);
        self.outputs.push_back(Output::Recording(Order::Delete(recording)));
    }

    /// A recording has come to its end.
    pub(super) fn taped(&mut self, recording: RecordingId, duration: Duration) {
        self.tapes.running.remove(&recording);
        self.tapes.paused.remove(&recording);
        if self.tapes.is_unwanted(recording) {
            return;
        }
        tracing::info!(%recording, seconds = duration.as_secs(), "a conversation was recorded");
    }

    /// Begins a recording of two parties at a program's wish.
    pub(super) fn start_tape(&mut self, now: Now, a: LegId, b: LegId) -> Result<(), String> {
        let runs = |legs: &[LegId; 2]| legs.contains(&a) && legs.contains(&b);
        if self.tapes.running.values().any(runs) || self.tapes.telling.values().any(runs) {
            return Err("it is being recorded".to_owned());
        }
        if let Some((_, consent)) = self.refused_to_record([a, b]) {
            return Err(not_recorded(consent).to_owned());
        }
        if !self.may_record() {
            return Err("the disk is nearly full: nothing is recorded".to_owned());
        }
        self.tell_and_tape(now, a, b);
        Ok(())
    }

    /// Lets nothing onto it, or everything again.
    pub(super) fn pause_tape(&mut self, a: LegId, b: LegId, paused: bool) -> Result<(), String> {
        let own =
            self.tapes.running.iter().find(|(_, legs)| legs.contains(&a) && legs.contains(&b));
        let Some((recording, left)) = own.map(|(recording, legs)| (*recording, legs[0])) else {
            return Err("it is not being recorded".to_owned());
        };
        if !paused && self.is_paying(left) {
            return Err("a payment pause runs: that is ended first".to_owned());
        }
        match paused {
            true => self.tapes.paused.insert(recording),
            false => self.tapes.paused.remove(&recording),
        };
        self.pause_as_is(recording, left);
        Ok(())
    }

    /// A payment pause of these two has begun or ended: a recording of theirs falls silent, or goes on.
    pub(super) fn settle_tape(&mut self, a: LegId, b: LegId) {
        let own =
            self.tapes.running.iter().find(|(_, legs)| legs.contains(&a) && legs.contains(&b));
        if let Some((recording, left)) = own.map(|(recording, legs)| (*recording, legs[0])) {
            self.pause_as_is(recording, left);
        }
    }

    fn pause_as_is(&mut self, recording: RecordingId, left: LegId) {
        let state = self.tape_is(recording, left);
        let paused = state == Tape::Paused;
        self.tell_leg(left, |_| media::Command::PauseTape { recording, paused });
        self.tell_tape(left, recording, state);
    }

    /// How the recording of a call is that runs.
    pub(super) fn tape_of(&self, call: CallId) -> Option<Tape> {
        let own = |legs: &[LegId; 2]| self.calls.call_of(legs[0]) == Some(call);
        let (recording, [left, _]) = self.tapes.running.iter().find(|(_, legs)| own(legs))?;
        Some(self.tape_is(*recording, *left))
    }

    fn tape_is(&self, recording: RecordingId, left: LegId) -> Tape {
        let paused = self.is_paying(left) || self.tapes.paused.contains(&recording);
        if paused { Tape::Paused } else { Tape::Runs }
    }

    fn tell_tape(&mut self, leg: LegId, recording: RecordingId, state: Tape) {
        if let Some(call) = self.calls.call_of(leg) {
            self.publish(Happening::CallRecording { call, recording, state });
        }
    }

    /// Ends it.
    pub(super) fn end_tape(&mut self, a: LegId, b: LegId) -> Result<(), String> {
        let own =
            self.tapes.running.iter().find(|(_, legs)| legs.contains(&a) && legs.contains(&b));
        let Some((recording, left)) = own.map(|(recording, legs)| (*recording, legs[0])) else {
            return Err("it is not being recorded".to_owned());
        };
        self.stop_tape(recording, left);
        Ok(())
    }

    pub(super) fn forget_tapes(&mut self, leg: LegId) {
        self.forget_driven(leg);
        self.tapes.telling.retain(|_, legs| !legs.contains(&leg));
        self.tapes.running.retain(|_, legs| !legs.contains(&leg));
        let running = &self.tapes.running;
        self.tapes.paused.retain(|recording| running.contains_key(recording));
        self.tapes.star.remove(&leg);
    }

    fn tell_and_tape(&mut self, now: Now, a: LegId, b: LegId) {
        if !self.may_record() {
            tracing::warn!(leg = %a, "a conversation is not recorded: the disk is nearly full");
            return;
        }
        if let Some((leg, consent)) = self.refused_to_record([a, b]) {
            return self.said(now, leg, consent);
        }
        let notices = self.record_notices([a, b]);
        if notices.is_empty() {
            return self.tape(now, a, b);
        }
        self.may_refuse([a, b]);
        for (leg, clips) in notices {
            self.tapes.telling.insert(leg, [a, b]);
            self.play(leg, Playing::Notice, clips, false, false);
        }
    }

    fn tape(&mut self, now: Now, a: LegId, b: LegId) {
        let Some(call) = self.calls.call_of(a) else { return };
        let [left, right] = if self.calls.caller(call) == Some(b) { [b, a] } else { [a, b] };
        let recording = RecordingId(self.random.bits());
        self.tapes.running.insert(recording, [left, right]);
        self.seal(recording, &call_name(call), 2);
        self.calls.handle_recorded(call, recording);
        self.keep_walk_event(now, call, What::Taped { recording, left, right });
        let max = LONGEST;
        self.tell_leg(left, |_| media::Command::Tape { left, right, recording, max });
        self.tell_tape(left, recording, Tape::Runs);
        if self.is_paying(left) {
            self.pause_as_is(recording, left);
        }
    }

    /// A recording begins: whoever writes it is told what it is sealed with, before there is any sound.
    pub(super) fn seal(&mut self, recording: RecordingId, whose: &str, channels: u8) {
        let key = self.journal.tape(whose, recording, channels);
        self.outputs.push_back(Output::Seal(recording, Box::new(key)));
    }

    fn stop_tape(&mut self, recording: RecordingId, leg: LegId) {
        self.tapes.running.remove(&recording);
        self.tapes.paused.remove(&recording);
        self.tell_leg(leg, |_| media::Command::StopTape { recording });
        self.tell_tape(leg, recording, Tape::Ended);
    }

    /// What the settings of a leg's phone, line and queue say together.
    fn policy_of(&self, leg: LegId) -> Recording {
        let queue = self.calls.call_of(leg).and_then(|call| self.calls.queue(call));
        let queue = self.settings.queues.iter().find(|settings| Some(&settings.name) == queue);
        self.own_policy(leg).max(queue.map(|queue| queue.record).unwrap_or_default())
    }

    fn own_policy(&self, leg: LegId) -> Recording {
        let own = match self.legs.get(leg).map(|leg| &leg.peer) {
            Some(Peer::Extension(number)) => self.extension(number.as_str()).map(|e| e.record),
            Some(Peer::Trunk(trunk)) => self.trunk_settings(trunk).map(|trunk| trunk.record),
            Some(Peer::Chat(_)) | None => None,
        };
        own.unwrap_or_default()
    }
}

/// Why a conversation is not recorded, for whoever wants it to be.
fn not_recorded(consent: Consent) -> &'static str {
    match consent.how {
        ConsentBy::Earlier => {
            "whoever is outside refused in an earlier call to be recorded, and is not asked again: it stands on \
             the person's record"
        }
        ConsentBy::Key | ConsentBy::Heard => {
            "whoever is outside has refused to be recorded in this call"
        }
    }
}
