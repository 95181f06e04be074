//! Key presses, whichever of three ways they come and go: telephone-events, INFO, and tones in the sound.
//!
//! The media threads hear the first and the last and pass them on between themselves; INFO passes through here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::call::record::Peer;
use crate::config::settings::Keys;
use crate::gateway::Gateway;
use crate::id::LegId;
use crate::media;
use crate::sip::endpoint::SessionId;
use crate::time::Now;

/// The same key by another way within this time is the same press: nobody presses a key twice as fast.
const SAME_PRESS: Duration = Duration::from_millis(250);
/// Presses by INFO of the whole box that are held at once, against who floods it: more than 500 fingers can make. Those
/// above it are passed on at once.
const MOST_HELD: usize = 1_000;
/// How long a key that we press by INFO is held, in milliseconds: what phones tell for a brief press.
const HELD_MS: u32 = 160;

/// How a key press came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In the RTP stream, as an event or a tone.
    Media,
    /// In a SIP message.
    Info,
}

/// The last press of a leg.
pub(super) type Pressed = (Way, char, Instant);

/// Presses by INFO that are not passed on yet, the oldest first. A phone that says each press twice says it in the stream
/// as well, where it has gone to the partner before anybody can stop it: then the INFO is the one to be dropped.
#[derive(Debug, Default)]
pub(super) struct HeldKeys(VecDeque<(Instant, LegId, char)>);

impl HeldKeys {
    /// When the next is passed on.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.front().map(|(at, ..)| *at)
    }

    fn pop_due(&mut self, now: Instant) -> Option<(LegId, char)> {
        if self.deadline()? > now {
            return None;
        }
        self.0.pop_front().map(|(_, leg, key)| (leg, key))
    }

    /// Passes nothing on of what a leg has pressed.
    pub fn forget(&mut self, leg: LegId) {
        self.0.retain(|(_, from, _)| *from != leg);
    }

    fn drop_one(&mut self, leg: LegId, key: char) {
        if let Some(at) = self.0.iter().position(|(_, from, held)| (*from, *held) == (leg, key)) {
            self.0.remove(at);
        }
    }
}

impl Gateway {
    /// A key press by INFO, as some phones and carriers send it: `application/dtmf-relay` with a line `Signal=5`, or
    /// `application/dtmf` with nothing but the key. There is no RFC for either.
    pub(super) fn info(&mut self, now: Now, session: SessionId, content_type: &str, body: &[u8]) {
        let Some(leg) = self.legs.of_session(session) else { return };
        if self.keys_are_secret(leg) {
            return;
        }
        let text = String::from_utf8_lossy(body);
        let key = match content_type.to_ascii_lowercase().as_str() {
            "application/dtmf-relay" => text
                .lines()
                .find_map(|line| line.trim().strip_prefix("Signal=").map(str::trim))
                .and_then(|signal| signal.chars().next()),
            "application/dtmf" => text.trim().chars().next(),
            _ => None,
        };
        if let Some(key) = key.filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#')) {
            self.key(now, leg, key, Way::Info);
        }
    }

    /// A key was pressed. It goes to whoever is talked with, in the way that one understands, or to the flow.
    pub(super) fn key(&mut self, now: Now, leg: LegId, key: char, way: Way) {
        // Told by a media thread before it was told to be silent.
        if self.keys_are_secret(leg) {
            return;
        }
        if self.is_same_press(now, leg, key, way) {
            return self.held_keys.drop_one(leg, key);
        }
        if self.supervisor_key(now, leg, key) || self.is_collected(now, leg, key) {
            return;
        }
        if self.refuses_by_key(now, leg, key) {
            return;
        }
        self.record_on_demand(now, leg, key);
        match self.calls.partner(leg) {
            Some(partner) if self.wants_info(partner) => self.press_by_info(now, partner, key),
            // Who is talked with hears it as if it had come as an event, or in the sound.
            Some(partner) if way == Way::Info && self.held_keys.0.len() >= MOST_HELD => {
                self.press_in_stream(partner, key);
            }
            Some(_) if way == Way::Info => {
                self.held_keys.0.push_back((now.instant + SAME_PRESS, leg, key));
            }
            Some(_) => {}
            None => self.digit(now, leg, key),
        }
    }

    /// Presses by INFO that came no other way: they go to whoever is talked with by now.
    pub(super) fn keys_time_out(&mut self, now: Now) {
        while let Some((leg, key)) = self.held_keys.pop_due(now.instant) {
            if let Some(partner) = self.calls.partner(leg) {
                self.press_in_stream(partner, key);
            }
        }
    }

    fn press_in_stream(&mut self, leg: LegId, key: char) {
        let digits = key.to_string();
        self.tell_leg(leg, |leg| media::Command::SendDigits { leg, digits });
    }

    /// Whether keys go to a leg by INFO: its settings say that it understands nothing else.
    pub(super) fn wants_info(&self, leg: LegId) -> bool {
        let keys = match self.legs.get(leg).map(|leg| &leg.peer) {
            Some(Peer::Extension(number)) => self.extension(number.as_str()).map(|e| e.keys),
            Some(Peer::Trunk(trunk)) => self.trunk_settings(trunk).map(|trunk| trunk.keys),
            Some(Peer::Chat(_)) | None => None,
        };
        keys == Some(Keys::Info)
    }

    fn press_by_info(&mut self, now: Now, leg: LegId, key: char) {
        let Some(session) = self.legs.get(leg).and_then(|leg| leg.session()) else { return };
        let body = format!("Signal={key}\r\nDuration={HELD_MS}\r\n");
        self.endpoint.info(now, session, "application/dtmf-relay", body.as_bytes());
    }

    fn is_same_press(&mut self, now: Now, leg: LegId, key: char, way: Way) -> bool {
        let Some(leg) = self.legs.get_mut(leg) else { return false };
        let same = leg.pressed.is_some_and(|(other, before, at)| {
            other != way && before == key && now.instant.saturating_duration_since(at) < SAME_PRESS
        });
        leg.pressed = if same { None } else { Some((way, key, now.instant)) };
        same
    }
}
