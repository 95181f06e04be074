//! Transfers: what a phone asks for by REFER (RFC 3515), and may.

use crate::call::ending::Cause;
use crate::call::plan::{Asked, Destination, Feature, Origin};
use crate::call::record::Peer;
use crate::gateway::{Gateway, causes};
use crate::id::{ExtensionId, LegId};
use crate::media;
use crate::sip::access::Verdict;
use crate::sip::endpoint::{ServerKey, SessionId};
use crate::sip::flow::Flow;
use crate::sip::message::{Request, Response, Status};
use crate::sip::refer::{ReferTo, Replaces};
use crate::time::Now;

impl Gateway {
    /// Whether a REFER is looked at. Who was let in to call for help without a password shows it now: where the call
    /// would go on to may cost money, and the phone in whose name it was made would pay. Otherwise it is answered here.
    pub(super) fn may_refer(
        &mut self,
        now: Now,
        session: SessionId,
        key: ServerKey,
        request: &Request,
        flow: Flow,
    ) -> bool {
        let leg = self.legs.of_session(session).and_then(|id| self.legs.get(id));
        let Some(peer) = leg.filter(|leg| leg.unchecked.is_some()).map(|leg| leg.peer.clone())
        else {
            return true;
        };
        let response = match self.judge(now, request, flow, false) {
            Verdict::User { username } if peer == Peer::Extension(username.as_str().into()) => {
                return true;
            }
            Verdict::Drop => {
                self.endpoint.forget(key);
                return false;
            }
            Verdict::Challenge(response) | Verdict::Refuse(response) => response,
            Verdict::User { .. } | Verdict::Trunk(_) | Verdict::Open => {
                Response::to(request, Status::FORBIDDEN)
            }
        };
        self.endpoint.respond(now, key, response);
        false
    }

    /// A party wants to transfer the one it talks with. Desk phones may, to wherever they may call themselves, except
    /// for help; carriers may not: the branch would pay for it.
    pub(super) fn refer(
        &mut self,
        now: Now,
        session: SessionId,
        key: ServerKey,
        request: &Request,
        to: &ReferTo,
    ) {
        let leg = self.legs.of_session(session);
        let peer = leg.and_then(|id| self.legs.get(id)).map(|leg| leg.peer.clone());
        let (Some(leg), Some(Peer::Extension(phone))) = (leg, peer) else {
            return self.refuse_refer(now, key, request, Status::FORBIDDEN);
        };
        match &to.replaces {
            Some(replaces) => {
                self.refer_to_dialog(now, session, key, request, (leg, &phone), replaces)
            }
            None => self.refer_to_number(now, session, key, request, (leg, phone), to),
        }
    }

    fn refer_to_number(
        &mut self,
        now: Now,
        session: SessionId,
        key: ServerKey,
        request: &Request,
        (leg, phone): (LegId, ExtensionId),
        to: &ReferTo,
    ) {
        let dialled = to.uri.user.clone().unwrap_or_else(|| to.uri.to_string());
        let asked = Asked { dialled: &dialled, from: Origin::Extension(phone), unix: now.unix };
        let refusal = match self.plan.decide(&asked).destination {
            // A caller who is passed on for help would be found at the wrong place.
            Destination::Feature(Feature::Park, None) if self.calls.partner(leg).is_some() => {
                self.endpoint.accept_refer(now, session, key, request);
                self.calls.handle_transfer(now, leg, Destination::Feature(Feature::Park, None));
                None
            }
            Destination::Emergency { .. }
            | Destination::Feature(..)
            | Destination::Override(..)
            | Destination::Page(_) => Some(Status::FORBIDDEN),
            Destination::Nowhere(why) => Some(causes::to_status(Cause::from(&why))),
            _ if self.calls.partner(leg).is_none() => Some(Status::DECLINE),
            destination => {
                self.endpoint.accept_refer(now, session, key, request);
                self.calls.handle_transfer(now, leg, destination);
                None
            }
        };
        if let Some(status) = refusal {
            self.refuse_refer(now, key, request, status);
        }
    }

    /// The dialog must be one of the same phone: nobody takes over another's conversation.
    fn refer_to_dialog(
        &mut self,
        now: Now,
        session: SessionId,
        key: ServerKey,
        request: &Request,
        (leg, phone): (LegId, &ExtensionId),
        replaces: &Replaces,
    ) {
        let found = self.endpoint.session_of(&replaces.dialogs());
        let other = found.and_then(|session| self.legs.of_session(session));
        let owner = other.and_then(|id| self.legs.get(id)).map(|leg| leg.peer.clone());
        let (Some(other), Some(owner)) = (other, owner) else {
            return self.refuse_refer(now, key, request, Status::CALL_DOES_NOT_EXIST);
        };
        if owner != Peer::Extension(phone.clone()) {
            return self.refuse_refer(now, key, request, Status::FORBIDDEN);
        }
        let two = [leg, other].iter().all(|leg| self.calls.is_talking(*leg));
        if !two || self.calls.call_of(leg) == self.calls.call_of(other) {
            return self.refuse_refer(now, key, request, Status::DECLINE);
        }
        self.endpoint.accept_refer(now, session, key, request);
        self.calls.handle_join(now, leg, other);
    }

    fn refuse_refer(&mut self, now: Now, key: ServerKey, request: &Request, status: Status) {
        self.endpoint.respond(now, key, Response::to(request, status));
    }

    /// How a transfer went: whoever asked for it is told.
    pub(super) fn transferred(&mut self, now: Now, leg: LegId, failed: Option<Cause>) {
        if self.was_sent_on(leg) {
            return;
        }
        let status = failed.map_or(Status::OK, causes::to_status);
        if let Some(session) = self.legs.get(leg).and_then(|leg| leg.session()) {
            self.endpoint.notify_refer(now, session, status);
        }
    }

    /// Lets two legs hear each other that may be on different media threads: both legs of a bridge are on one.
    pub(super) fn bring_together(&mut self, a: LegId, b: LegId) {
        let thread = |id| self.legs.get(id).map(|leg| leg.thread);
        let (Some(there), Some(here)) = (thread(a), thread(b)) else { return };
        if there != here {
            self.move_to(b, there);
        }
    }

    /// Takes a leg to another media thread, with its sockets: the far end notices nothing.
    pub(super) fn move_to(&mut self, id: LegId, thread: usize) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let here = std::mem::replace(&mut leg.thread, thread);
        if leg.has_media() {
            self.command(thread, media::Command::Expect { leg: id });
            self.command(here, media::Command::Move { leg: id, to: thread });
        }
    }
}
