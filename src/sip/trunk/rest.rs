//! Servers that asked for a rest: a 503 with Retry-After (RFC 3261 section 21.5.4).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{State, Trunk};
use crate::time::{Now, earliest};

/// Longest rest that is granted: a carrier that is well again is used within ten minutes, whatever it said in its trouble.
const LONGEST: Duration = Duration::from_secs(600);

/// Until when each of them rests.
#[derive(Debug, Default)]
pub(super) struct Rests(BTreeMap<SocketAddr, Instant>);

impl Rests {
    pub fn has(&self, peer: SocketAddr) -> bool {
        self.0.contains_key(&peer)
    }

    pub fn until(&self, peer: SocketAddr) -> Option<Instant> {
        self.0.get(&peer).copied()
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.0.values().map(|until| Some(*until)).fold(None, earliest)
    }

    /// Those whose time is over are called again.
    pub fn end(&mut self, now: Instant) {
        self.0.retain(|_, until| *until > now);
    }
}

impl Trunk {
    /// A server refused a call or a registration with 503 and wants to be left alone for so many seconds.
    pub fn handle_overloaded(&mut self, now: Now, peer: SocketAddr, seconds: u32) {
        let ours = self.targets.iter().any(|target| target.peer == peer);
        if ours && seconds > 0 {
            let rest = Duration::from_secs(seconds.into()).min(LONGEST);
            self.rests.0.insert(peer, now.instant + rest);
        }
    }

    /// Whether every server rests.
    pub fn is_resting(&self) -> bool {
        !self.targets.is_empty() && self.targets.iter().all(|target| self.rests.has(target.peer))
    }

    /// How it is where some servers rest.
    pub(super) fn resting(&self) -> Option<State> {
        let resting = self.targets.iter().map(|target| target.peer);
        let servers: Vec<_> = resting.filter(|peer| self.rests.has(*peer)).collect();
        (!servers.is_empty()).then_some(State::Resting { servers })
    }
}
