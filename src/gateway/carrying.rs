//! Calls that live through a restart of the program: what is left of each for the next run, and how that one takes it up.
//!
//! # What lives through a restart
//!
//! A conversation of two, by telephone or over a trunk, in the clear or with SRTP, on hold or not, passed on as it is or
//! coded anew. Whoever speaks is heard by the other a moment later, hangs up as ever, and the call has one record, with its
//! true length. Its sockets wait in systemd's store of descriptors; what it is stands in a file of each call in memory
//! (`/run`), which is gone when the box is switched off. Both are written while the call is up, so that the program may
//! also be killed. A dialog over TCP or TLS loses its connection, and goes on over the next: the one that we open where the
//! far end takes any, else the one that the phone comes back with.
//!
//! What does not: calls that are not answered yet, flows, queues, mailboxes, rooms, pages, callers who are parked, browsers,
//! calls that somebody is taking a payment in, transfers under way, conversations that are being recorded: a half of it would
//! be missing. Before a restart they are ended as they are before a stop; after a kill they are recorded as cut off, and the
//! callers call again. An agent who was given a call by a queue keeps it, without a wrap-up behind it.
//!
//! A run that finds what it cannot read (an older or newer version's, or damage) ends the call where it can tell to whom it
//! was, and counts it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::call::Output as Said;
use crate::call::carried;
use crate::call::protection::Protection;
use crate::call::record::Peer;
use crate::gateway::legs::{Leg, Unchecked};
use crate::gateway::{Gateway, Output};
use crate::id::{CallId, ExtensionId, LegId};
use crate::ivr::prompts;
use crate::media;
use crate::sip::auth::Credentials;
use crate::sip::endpoint::carried::Session;
use crate::sip::flow::ConnectionId;
use crate::sip::registrar::Binding;
use crate::sip::sdp::{Negotiated, SessionDescription};
use crate::time::Now;

/// How [`Left`] is written. Counted up when an older program would misread it.
const VERSION: u32 = 1;
/// The Reason header of a BYE for a call that could not be taken up (RFC 3326; Q.850 cause 41: temporary failure).
const NOT_TAKEN_UP: &str = "Q.850;cause=41;text=\"Temporary failure\"";

/// What is left of a call, for the driver to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What [`Gateway::handle_left`] takes.
    pub bytes: Vec<u8>,
    /// Its legs: on which media thread, and at which port its sockets are.
    pub legs: Vec<(LegId, usize, SocketAddr)>,
}

/// Which calls are left for the next run.
#[derive(Debug, Default)]
pub(super) struct Carrying {
    /// Whether there is a store of descriptors, and so a next run that could take anything up.
    on: bool,
    /// Whether the program ends to begin anew at once: calls are left then and not ended.
    leaving: bool,
    /// Calls of which something may have changed.
    touched: BTreeSet<CallId>,
    /// What was written of each last.
    written: BTreeMap<CallId, Kept>,
    /// Calls that this run has taken up, and those that it could not.
    pub taken_up: u64,
    pub given_up: u64,
}

/// A call as it is left.
#[derive(Serialize, Deserialize)]
struct Left {
    version: u32,
    call: carried::Call,
    /// The caller's, and the other one.
    legs: [LeftLeg; 2],
}

/// What any version says of a call's legs: enough to hang up.
#[derive(Deserialize)]
struct LeftByAny {
    legs: Vec<LeftByAnyLeg>,
}

#[derive(Deserialize)]
struct LeftByAnyLeg {
    session: Session,
}

/// A leg as it is left.
#[derive(Serialize, Deserialize)]
struct LeftLeg {
    session: Session,
    /// The host that it is signalled from.
    host: IpAddr,
    account: Option<ExtensionId>,
    unchecked: Option<Unchecked>,
    /// Our address toward it, and the port of its sound.
    address: IpAddr,
    port: u16,
    /// What it described last, and what we did.
    theirs: Option<String>,
    ours: Option<String>,
    agreed: Negotiated,
    told: Option<Protection>,
    optional_keys: bool,
    hops: u8,
    hides: bool,
}

/// What one run leaves.
impl Gateway {
    /// There is a store of descriptors: calls are left in it.
    pub fn carry_calls(&mut self) {
        self.carrying.on = true;
    }

    /// The program is told to end soon, and begins anew right after: calls stay up meanwhile. Nothing where there is no store.
    pub fn handle_leave(&mut self, now: Now) -> bool {
        self.carrying.leaving = self.carrying.on;
        self.touch_all();
        self.leave_calls(now);
        self.carrying.leaving
    }

    /// What a call is may have changed.
    pub(super) fn touch(&mut self, leg: LegId) {
        if self.carrying.on {
            self.carrying.touched.extend(self.calls.call_of(leg));
        }
    }

    /// So it may have when calls say something of one.
    pub(super) fn touch_said(&mut self, said: &Said) {
        let call = match said {
            Said::Happened(event) => Some(event.call),
            Said::Ended(record) => Some(record.call),
            Said::Say(call, _)
            | Said::Visit(call, _)
            | Said::Route(call, _)
            | Said::ResumeIvr(call, _)
            | Said::StartIvr { call, .. }
            | Said::StartSurvey { call, .. }
            | Said::Enqueue { call, .. }
            | Said::AskPin { call, .. }
            | Said::Supervise { call, .. } => Some(*call),
            Said::HangUp(leg, _)
            | Said::Transferred(leg, _)
            | Said::Join(leg, _)
            | Said::Music(leg)
            | Said::Ringback(leg)
            | Said::Echo(leg)
            | Said::Enter { leg, .. }
            | Said::Page { leg, .. } => self.calls.call_of(*leg),
            _ => None,
        };
        call.into_iter().for_each(|call| self.touch_call(call));
    }

    fn touch_call(&mut self, call: CallId) {
        if self.carrying.on {
            self.carrying.touched.insert(call);
        }
    }

    /// Looks at every call: numbers of requests count up without anybody being told.
    pub(super) fn touch_all(&mut self) {
        if self.carrying.on {
            self.carrying.touched.extend(self.calls.views().iter().map(|view| view.call));
        }
    }

    /// Ends what the next run cannot take up, and leaves the rest.
    pub(super) fn end_or_leave(&mut self, now: Now) {
        self.touch_all();
        self.leave_calls(now);
        let stay = match self.carrying.leaving {
            true => self.carrying.written.keys().copied().collect(),
            false => BTreeSet::new(),
        };
        self.calls.handle_stop(&stay);
    }

    /// Whether every call that is still up is left for the next run.
    pub(super) fn only_left(&self) -> bool {
        self.calls.is_empty()
            || self.carrying.leaving && self.calls.len() <= self.carrying.written.len()
    }

    /// Has the driver write down what has changed.
    pub(super) fn leave_calls(&mut self, now: Now) {
        for call in std::mem::take(&mut self.carrying.touched) {
            let kept = self.left(now, call);
            if kept.as_ref() == self.carrying.written.get(&call) {
                continue;
            }
            match &kept {
                Some(kept) => self.carrying.written.insert(call, kept.clone()),
                None => self.carrying.written.remove(&call),
            };
            self.outputs.push_back(Output::Carry(call, kept.map(Box::new)));
        }
    }

    fn left(&self, now: Now, call: CallId) -> Option<Kept> {
        let call = self.calls.carried(call)?;
        let ids = [call.caller.leg, call.other.leg];
        if self.tapes.has(ids) || self.payments.has(ids) {
            return None;
        }
        let [a, b] = ids.map(|id| self.left_leg(now, id));
        let legs = [a?, b?];
        let place = |id: &LegId, leg: &LeftLeg| {
            let thread = self.legs.get(*id).map_or(0, |leg| leg.thread);
            (*id, thread, SocketAddr::new(leg.address, leg.port))
        };
        let places = ids.iter().zip(&legs).map(|(id, leg)| place(id, leg)).collect();
        let bytes = serde_json::to_vec(&Left { version: VERSION, call, legs }).ok()?;
        Some(Kept { bytes, legs: places })
    }

    fn left_leg(&self, now: Now, id: LegId) -> Option<LeftLeg> {
        let leg = self.legs.get(id).filter(|leg| leg.browser.is_none() && leg.room.is_none())?;
        let agreed = leg.negotiated.clone().filter(|agreed| agreed.secured.is_none())?;
        Some(LeftLeg {
            session: self.endpoint.carried(now, leg.chosen?)?,
            host: leg.host()?,
            account: leg.account.clone(),
            unchecked: leg.unchecked,
            address: leg.address,
            port: leg.port?,
            theirs: leg.theirs.as_ref().map(SessionDescription::to_string),
            ours: leg.ours.as_ref().map(SessionDescription::to_string),
            agreed,
            told: leg.told,
            optional_keys: leg.optional_keys,
            hops: leg.hops,
            hides: leg.hides,
        })
    }
}

/// What the next run takes up.
impl Gateway {
    /// An earlier run has left this of a call, whose sockets are at hand. Before [`Gateway::handle_started`]: sound comes
    /// first. Answers where the legs' sockets are, if the call goes on.
    pub fn handle_left(&mut self, now: Now, bytes: &[u8]) -> Option<[SocketAddr; 2]> {
        let left = serde_json::from_slice::<Left>(bytes).ok();
        let taken = left.filter(|left| left.version == VERSION).and_then(|l| self.take_up(now, l));
        match taken {
            Some(_) => self.carrying.taken_up += 1,
            None => self.give_up(now, bytes),
        }
        taken
    }

    fn take_up(&mut self, now: Now, left: Left) -> Option<[SocketAddr; 2]> {
        let Left { call, legs, .. } = left;
        let (id, ends) = (call.call, [call.caller.clone(), call.other.clone()]);
        let places = legs.each_ref().map(|leg| SocketAddr::new(leg.address, leg.port));
        let apart = places[0].port() != places[1].port();
        let fits = apart && legs.iter().all(|leg| !self.pool.is_taken(leg.port));
        let mut sessions = Vec::new();
        for (leg, end) in legs.iter().zip(&ends) {
            let account = self.credentials_of(&end.peer);
            sessions.push(self.endpoint.resume(now, &leg.session, account).ok());
        }
        let both = match sessions.as_slice() {
            [Some(a), Some(b)] => Some([*a, *b]),
            _ => None,
        };
        let Some(sessions) = both.filter(|_| fits && self.calls.resume(now, call)) else {
            // They are hung up on from what is left, whatever that was.
            sessions.into_iter().flatten().for_each(|session| self.endpoint.drop_left(session));
            return None;
        };
        let thread = self.next_thread();
        for ((left, end), session) in legs.into_iter().zip(&ends).zip(sessions) {
            let mut leg = Leg::new(end.peer.clone(), left.address, thread);
            (leg.chosen, leg.port, leg.resumed) = (Some(session), Some(left.port), true);
            (leg.account, leg.unchecked) = (left.account, left.unchecked);
            (leg.told, leg.hops, leg.hides) = (left.told, left.hops, left.hides);
            let read = |text: Option<String>| SessionDescription::parse(text?.as_bytes()).ok();
            (leg.theirs, leg.ours) = (read(left.theirs), read(left.ours));
            // What another codec would have been asked for was asked before.
            leg.matched = ends.iter().map(|other| other.leg).find(|other| *other != end.leg);
            leg.help = self.calls.is_for_help(id);
            self.legs.insert(end.leg, leg);
            self.legs.add_session(end.leg, session, left.host);
            self.pool.take_again(left.port);
            let local = SocketAddr::new(left.address, left.port);
            self.command(thread, media::Command::Open { leg: end.leg, local });
            self.configure(now, end.leg, left.agreed);
            if let Some(leg) = self.legs.get_mut(end.leg) {
                leg.optional_keys = left.optional_keys;
            }
            self.watch(id, end.leg, session);
            self.leg_changed(end.leg);
        }
        self.sound_again(&ends);
        self.touch_call(id);
        tracing::info!(call = %id, "a call goes on");
        Some(places)
    }

    /// A phone has registered over a connection: calls of its own whose connection ended with an earlier run go on over it.
    pub(super) fn phone_is_back(&mut self, binding: &Binding) {
        let flow = binding.flow();
        if self.carrying.taken_up == 0 || flow.connection == ConnectionId(0) {
            return;
        }
        let phone = Peer::Extension(binding.user.as_str().into());
        for id in self.legs.of_peer(&phone) {
            let leg = self.legs.get(id).filter(|leg| leg.resumed);
            if let Some(session) = leg.and_then(Leg::session) {
                self.endpoint.reconnect(session, flow);
            }
        }
    }

    /// Who hears whom.
    fn sound_again(&mut self, ends: &[carried::Leg; 2]) {
        let [a, b] = ends;
        if !a.held && !b.held {
            return self.join(a.leg, b.leg);
        }
        for (holds, waits) in [(a, b), (b, a)] {
            if holds.held {
                self.music(waits.leg, prompts::HOLD_MUSIC);
            }
        }
    }

    fn credentials_of(&self, peer: &Peer) -> Option<Credentials> {
        let Peer::Trunk(trunk) = peer else { return None };
        self.trunks.get(trunk)?.credentials().cloned()
    }

    /// Ends a call that cannot be taken up, as well as that can be.
    fn give_up(&mut self, now: Now, bytes: &[u8]) {
        self.carrying.given_up += 1;
        tracing::warn!("what is left of a call cannot be read or taken up; it ends");
        let Ok(left) = serde_json::from_slice::<LeftByAny>(bytes) else { return };
        for leg in left.legs.iter().take(2) {
            if let Ok(session) = self.endpoint.resume(now, &leg.session, None) {
                self.endpoint.hang_up(now, session, Some(NOT_TAKEN_UP));
            }
        }
    }
}
