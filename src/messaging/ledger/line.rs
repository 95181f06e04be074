//! One channel on the way out: who is next, and how much it is given at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::Rules;
use crate::id::MessageId;
use crate::messaging::address::Address;
use crate::messaging::channel::State;
use crate::messaging::contract::Capabilities;
use crate::time::{TimerId, UnixTime};

/// A place in the row: codes first, then by age.
pub type Place = (bool, u64);

/// It.
#[derive(Debug)]
pub struct Line {
    pub rules: Rules,
    pub state: State,
    pub capable: Option<Capabilities>,
    /// Since when it carries nothing.
    pub down_since: Option<UnixTime>,
    /// Messages that are between their turn and what came of it.
    pub given: usize,
    /// Nothing is given before this: the other side asked for less.
    pub paused: Option<Instant>,
    /// When more may be given.
    pub waking: Option<TimerId>,
    peers: BTreeMap<Address, Peer>,
    ready: BTreeSet<(Place, Address)>,
    tokens: f64,
    filled: Option<Instant>,
}

/// How a channel does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// How it is.
    pub state: State,
    /// Messages that wait for their turn.
    pub waiting: usize,
    /// Messages that were given away and are not answered.
    pub given: usize,
}

/// One person on one channel.
#[derive(Debug, Default)]
struct Peer {
    waiting: BTreeMap<Place, MessageId>,
    /// One of theirs is on its way.
    busy: bool,
    /// One of theirs is tried again later: only codes pass it.
    stuck: BTreeSet<MessageId>,
    /// How it stands among those who are ready.
    listed: Option<Place>,
}

impl Default for Line {
    fn default() -> Self {
        Line {
            rules: Rules::default(),
            state: State::Down("it has not said how it is".to_owned()),
            capable: None,
            down_since: None,
            given: 0,
            paused: None,
            waking: None,
            peers: BTreeMap::new(),
            ready: BTreeSet::new(),
            tokens: 1.0,
            filled: None,
        }
    }
}

impl Line {
    pub fn figures(&self) -> Figures {
        let waiting = self.peers.values().map(|peer| peer.waiting.len()).sum();
        Figures { state: self.state.clone(), waiting, given: self.given }
    }

    /// A message waits.
    pub fn enter(&mut self, to: &Address, place: Place, message: MessageId) {
        self.with(to, |peer| _ = peer.waiting.insert(place, message));
    }

    /// It waits no more.
    pub fn leave(&mut self, to: &Address, place: Place) {
        self.with(to, |peer| _ = peer.waiting.remove(&place));
    }

    /// It is tried again later: others of the same person wait behind it.
    pub fn sticks(&mut self, to: &Address, message: MessageId, sticks: bool) {
        self.with(to, |peer| {
            match sticks {
                true => peer.stuck.insert(message),
                false => peer.stuck.remove(&message),
            };
        });
    }

    /// One of theirs is on its way, or not any more.
    pub fn busy(&mut self, to: &Address, busy: bool) {
        self.given = if busy { self.given + 1 } else { self.given.saturating_sub(1) };
        self.with(to, |peer| peer.busy = busy);
    }

    /// Every message that waits.
    pub fn waiting(&self) -> impl Iterator<Item = MessageId> + '_ {
        self.peers.values().flat_map(|peer| peer.waiting.values().copied())
    }

    /// Who is next, taken out of the row.
    pub fn next(&mut self) -> Option<MessageId> {
        let (place, to) = self.ready.first().cloned()?;
        let message = self.peers.get(&to)?.waiting.get(&place).copied()?;
        self.leave(&to, place);
        Some(message)
    }

    /// Whether one more may be given; else, where time helps, when.
    pub fn may_give(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        if !self.state.carries() || self.given >= self.rules.window.max(1) || self.ready.is_empty()
        {
            return Err(None);
        }
        if let Some(until) = self.paused.filter(|until| *until > now) {
            return Err(Some(until));
        }
        self.paused = None;
        let Some(rate) = self.rules.rate.filter(|rate| *rate > 0.0) else { return Ok(()) };
        let since = self.filled.replace(now).map_or(Duration::ZERO, |then| now - then);
        // A second's worth at most: who was silent for an hour does not send an hour's worth at once.
        self.tokens = (self.tokens + since.as_secs_f64() * rate).min(rate.max(1.0));
        if self.tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - self.tokens) / rate);
            return Err(Some(now + wait.max(Duration::from_millis(1))));
        }
        Ok(())
    }

    /// One was given.
    pub fn spend(&mut self) {
        if self.rules.rate.is_some() {
            self.tokens -= 1.0;
        }
    }

    fn with(&mut self, to: &Address, change: impl FnOnce(&mut Peer)) {
        let peer = self.peers.entry(to.clone()).or_default();
        change(peer);
        let head = peer.waiting.keys().next().copied();
        let wanted = head.filter(|(usual, _)| !peer.busy && (peer.stuck.is_empty() || !*usual));
        let listed = std::mem::replace(&mut peer.listed, wanted);
        let empty = peer.waiting.is_empty() && !peer.busy && peer.stuck.is_empty();
        if listed != wanted {
            listed.map(|place| self.ready.remove(&(place, to.clone())));
            wanted.map(|place| self.ready.insert((place, to.clone())));
        }
        if empty {
            self.peers.remove(to);
        }
    }
}
