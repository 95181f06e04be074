//! Offers and answers within a session: re-INVITE (RFC 3261 section 14), UPDATE (RFC 3311), and offers that cross.

use std::net::SocketAddr;
use std::time::Duration;

use super::{ALLOW, Due, Endpoint, Event, Purpose, SUPPORTED, SessionId, contact};
use crate::sip::dialog::DialogId;
use crate::sip::message::{Method, Request, Response, Status};
use crate::sip::sdp::SessionDescription;
use crate::sip::session::{OwnOffer, Phase, Session, Side};
use crate::sip::session_timer::{self, Refresher};
use crate::time::Now;

/// Times that an offer which crossed the peer's is made again: two phones that go on crossing share a clock, and the
/// next hold or resume of either offers anew.
const MOST_RETRIES: u8 = 5;

/// Why an offer of the peer's cannot be taken right now.
pub(super) enum NotNow {
    /// One of ours is open: 491.
    Crossed,
    /// One of theirs is open: 500, to be tried again.
    Busy,
}

/// Our offers.
impl Endpoint {
    /// Our address toward the peer of a session is another now. Whoever says so offers anew as well: that tells the peer.
    pub fn relocate(&mut self, id: SessionId, local: SocketAddr) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Some(dialog) = &mut session.dialog {
            dialog.relocate(local);
        }
        match &mut session.phase {
            Phase::Incoming { flow, .. } => flow.local = local,
            Phase::Calling(calling) => {
                calling.early.iter_mut().for_each(|early| early.dialog.relocate(local));
            }
            Phase::Confirmed => {}
        }
    }

    /// Offers anew. While another exchange is open the offer waits: [`Event::OfferDue`] asks for it again then.
    pub fn reoffer(&mut self, now: Now, id: SessionId, sdp: &SessionDescription) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.wants_offer = true;
        if !may_offer(session) {
            return;
        }
        session.wants_offer = false;
        let Some(dialog) = session.dialog.as_mut() else { return };
        let route = dialog.route();
        let local = dialog.local_address();
        let mut request = dialog.request(Method::INVITE, None);
        let own = contact(local, route.transport()).to_string();
        let fixed = [("Contact", own.as_str()), ("Allow", ALLOW)];
        for (name, value) in fixed {
            // Made of an address, and a constant.
            let _ = request.headers.push(name, value);
        }
        let _ = request.headers.push("Supported", SUPPORTED.join(", "));
        if let Some((_, agreed)) = session.timer {
            let role = if agreed.ours { Refresher::Uac } else { Refresher::Uas };
            session_timer::ask(&mut request, agreed.seconds, Some(role));
        }
        let mut request = request.with_sdp(sdp);
        let key = self.send_request(now, route, local, &mut request);
        self.purposes.insert(key, Purpose::Reinvite(id));
        self.may_be_challenged(key, id, route, &request);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.own_offer = Some(OwnOffer { key });
        }
        self.settle(now);
    }

    /// Asks for the offer that had to wait, once nothing is in its way.
    pub(super) fn offer_if_wanted(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.wants_offer && may_offer(session) {
            session.wants_offer = false;
            self.tell(Event::OfferDue { session: id });
        }
    }

    /// Our offer crossed the peer's: it is made again after a random time, which is longer for whoever began the call
    /// (RFC 3261 section 14.1). Answers whether it will be.
    pub(super) fn retry_offer(&mut self, now: Now, id: SessionId) -> bool {
        let ours = self.sessions.get(&id).is_some_and(|session| session.ours);
        let tens = match ours {
            true => 210 + self.random.below(191),
            false => self.random.below(201),
        };
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        session.retries += 1;
        if session.retries > MOST_RETRIES {
            session.retries = 0;
            return false;
        }
        let at = now.instant + Duration::from_millis(tens * 10);
        session.retry = Some(self.timers.set(at, Due::Offer(id)));
        true
    }

    pub(super) fn offer_again(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.retry = None;
            session.wants_offer = true;
        }
        self.offer_if_wanted(id);
    }
}

/// Whether nothing stands in the way of an offer of ours (section 14.1, RFC 3311 section 5.1).
fn may_offer(session: &Session) -> bool {
    matches!(session.phase, Phase::Confirmed)
        && session.own_offer.is_none()
        && session.reoffer.is_none()
        && session.waiting_ack.is_none()
        && session.retry.is_none()
}

/// What stands in the way of an offer of the peer's (RFC 3261 section 14.2, RFC 3311 section 5.2).
pub(super) fn in_the_way(session: &Session) -> Option<NotNow> {
    if session.own_offer.is_some() || session.open == Some(Side::Ours) {
        return Some(NotNow::Crossed);
    }
    let busy = session.reoffer.is_some() || session.open == Some(Side::Theirs);
    busy.then_some(NotNow::Busy)
}

/// The peer's offers.
impl Endpoint {
    /// Answers the peer's offer within the call.
    pub fn answer_reoffer(&mut self, now: Now, id: SessionId, sdp: &SessionDescription) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some((key, request)) = session.reoffer.take() else { return };
        self.by_server.remove(&key);
        let Some(mut response) = self.success_within(id, &request) else { return };
        response = response.with_sdp(sdp);
        match &request.method {
            method if *method == Method::INVITE => {
                self.answer_timer(now, id, &request, &mut response);
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.open = request.body.is_empty().then_some(Side::Ours);
                }
                let cseq = request.cseq().map(|cseq| cseq.number).unwrap_or(0);
                self.send_success(now, id, key, cseq, response);
            }
            method if *method == Method::PRACK => {
                self.transactions.respond(now, key, &response);
                self.after_prack(now, id);
            }
            _ => {
                self.answer_timer(now, id, &request, &mut response);
                self.transactions.respond(now, key, &response);
                self.offer_if_wanted(id);
            }
        }
        self.settle(now);
    }

    /// Refuses the peer's offer within the call; what was agreed before stands.
    pub fn refuse_reoffer(&mut self, now: Now, id: SessionId, status: Status) {
        self.refuse_reoffer_because(now, id, status, None);
    }

    /// The same with a Warning that says why (RFC 3261 section 20.43).
    pub fn refuse_reoffer_because(
        &mut self,
        now: Now,
        id: SessionId,
        status: Status,
        warning: Option<&str>,
    ) {
        let Some((key, request)) = self.sessions.get_mut(&id).and_then(|s| s.reoffer.take()) else {
            return;
        };
        self.by_server.remove(&key);
        let mut response = Response::to(&request, status);
        if let Some(warning) = warning {
            // One with a line break is left out.
            let _ = response.headers.push("Warning", warning);
        }
        self.answer_now(now, key, response);
        if request.method == Method::PRACK {
            self.after_prack(now, id);
        }
        self.offer_if_wanted(id);
    }

    /// A 200 to a request within a dialog, with our Contact (RFC 3261 section 12.1.1, RFC 3311 section 5.2).
    pub(super) fn success_within(&mut self, id: SessionId, request: &Request) -> Option<Response> {
        let name = DialogId::of_request(&request.headers)?;
        let dialog = self.sessions.get_mut(&id)?.dialog_mut(&name)?;
        let own = contact(dialog.local_address(), dialog.route().transport()).to_string();
        let mut response = Response::to(request, Status::OK);
        let options = SUPPORTED.join(", ");
        for (name, value) in [("Contact", own.as_str()), ("Allow", ALLOW), ("Supported", &options)]
        {
            // Made of an address, and constants.
            let _ = response.headers.push(name, value);
        }
        Some(response)
    }

    /// Sends an INFO.
    pub fn info(&mut self, now: Now, id: SessionId, content_type: &str, body: &[u8]) {
        let Some(dialog) = self.sessions.get_mut(&id).and_then(|s| s.dialog.as_mut()) else {
            return;
        };
        let (route, local) = (dialog.route(), dialog.local_address());
        let request = dialog.request(Method::INFO, None);
        let Ok(mut request) = request.with_body(content_type, body.to_vec()) else { return };
        let key = self.send_request(now, route, local, &mut request);
        self.purposes.insert(key, Purpose::Within(id));
        self.may_be_challenged(key, id, route, &request);
        self.settle(now);
    }
}
