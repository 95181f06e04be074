//! Requests that arrive: what is refused by itself, what belongs to a session, what is new.

use super::{ALLOW, Ended, Endpoint, Event, SUPPORTED, ServerKey, SessionId, contact};
use crate::sip::dialog::{Dialog, DialogId, Order};
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Request, Response, Status};
use crate::sip::refer::ReferTo;
use crate::sip::sdp::SessionDescription;
use crate::sip::session::{Phase, Session};
use crate::sip::session_timer;
use crate::sip::uri::Scheme;
use crate::time::Now;

/// Requests that arrive.
impl Endpoint {
    pub(super) fn request_arrived(
        &mut self,
        now: Now,
        key: ServerKey,
        request: Request,
        flow: Flow,
    ) {
        if let Some(response) = self.refusal(&request) {
            return self.respond_once(now, key, &request, response);
        }
        let dialog = DialogId::of_request(&request.headers);
        match (dialog, &request.method) {
            (Some(dialog), _) => match self.by_dialog.get(&dialog).copied() {
                Some(id) => self.within(now, id, key, request, flow),
                None => self.no_such_call(now, key, &request),
            },
            (None, method) if *method == Method::INVITE => self.invited(now, key, request, flow),
            (None, method) if *method == Method::BYE || *method == Method::UPDATE => {
                self.no_such_call(now, key, &request);
            }
            (None, _) => self.tell(Event::Request { key, request, flow }),
        }
    }

    /// Takes a request within a session from another host than the session's: it is the peer's all the same.
    pub fn admit(&mut self, now: Now, id: SessionId, key: ServerKey, request: Request, flow: Flow) {
        self.admitted(now, id, key, request, flow);
        self.settle(now);
    }

    fn no_such_call(&mut self, now: Now, key: ServerKey, request: &Request) {
        let response = Response::to(request, Status::CALL_DOES_NOT_EXIST);
        self.respond_once(now, key, request, response);
    }

    /// What is refused before anybody looks at what it means (RFC 3261 section 8.2).
    pub(super) fn refusal(&self, request: &Request) -> Option<Response> {
        if !request.method.is_known() {
            let mut response = Response::to(request, Status::NOT_IMPLEMENTED);
            // ALLOW is a constant without line breaks.
            let _ = response.headers.push("Allow", ALLOW);
            return Some(response);
        }
        if request.max_forwards().ok().flatten() == Some(0) && request.method != Method::OPTIONS {
            return Some(Response::to(request, Status::TOO_MANY_HOPS));
        }
        if matches!(request.uri.scheme, Scheme::Other(_)) {
            return Some(Response::to(request, Status::UNSUPPORTED_URI_SCHEME));
        }
        let method = &request.method;
        let offers = *method == Method::INVITE || *method == Method::UPDATE;
        if offers && self.settings.session_expires.is_some() && session_timer::is_too_small(request)
        {
            let mut response = Response::to(request, Status::SESSION_INTERVAL_TOO_SMALL);
            // Digits hold no line break.
            let _ = response.headers.push("Min-SE", session_timer::SHORTEST_S.to_string());
            return Some(response);
        }
        let unknown: Vec<_> = request
            .headers
            .list("Require")
            .into_iter()
            .filter(|option| !SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(option)))
            .collect();
        if unknown.is_empty() || request.method == Method::CANCEL {
            return None;
        }
        let mut response = Response::to(request, Status::BAD_EXTENSION);
        // The names were read from a header: they hold no line breaks.
        let _ = response.headers.push("Unsupported", unknown.join(", "));
        Some(response)
    }

    pub(super) fn invited(&mut self, now: Now, key: ServerKey, request: Request, flow: Flow) {
        let offer = match self.offer_of(&request) {
            Ok(offer) => offer,
            Err(response) => return self.respond_once(now, key, &request, response),
        };
        let id = SessionId(self.mint());
        let tag = self.random.hex(8);
        let phase = Phase::Incoming { key, request: Box::new(request.clone()), flow };
        self.sessions.insert(id, Session::new(tag, phase));
        self.by_server.insert(key, id);
        self.tell(Event::Invited { session: id, request, offer, flow });
    }

    /// The offer in a new call's INVITE, or the answer that refuses it.
    fn offer_of(&self, request: &Request) -> Result<Option<SessionDescription>, Response> {
        if self.sessions.len() >= self.settings.max_sessions {
            return Err(Response::to(request, Status::SERVICE_UNAVAILABLE));
        }
        if !takes_sdp(request) {
            return Err(Response::to(request, Status::NOT_ACCEPTABLE));
        }
        match request.sdp() {
            Some(Ok(offer)) => Ok(Some(offer)),
            Some(Err(_)) => Err(Response::to(request, Status::BAD_REQUEST)),
            None if request.body.is_empty() => Ok(None),
            None => {
                let mut response = Response::to(request, Status::UNSUPPORTED_MEDIA_TYPE);
                // A constant without line breaks.
                let _ = response.headers.push("Accept", "application/sdp");
                Err(response)
            }
        }
    }

    /// A request within a session. One from another host than the session's may be the peer's, which has moved, or a
    /// stranger's who has seen its ids: somebody above decides.
    pub(super) fn within(
        &mut self,
        now: Now,
        id: SessionId,
        key: ServerKey,
        request: Request,
        flow: Flow,
    ) {
        let host = self.sessions.get(&id).and_then(|s| s.dialog.as_ref()).map(Dialog::host);
        if host == Some(flow.peer.ip()) {
            self.admitted(now, id, key, request, flow);
        } else {
            self.tell(Event::Elsewhere { session: id, key, request, flow });
        }
    }

    fn admitted(&mut self, now: Now, id: SessionId, key: ServerKey, request: Request, flow: Flow) {
        let number = request.cseq().map(|cseq| cseq.number).unwrap_or(0);
        let order =
            self.sessions.get_mut(&id).and_then(|s| s.dialog.as_mut()).map(|d| d.receive(number));
        if order != Some(Order::Next) {
            let response = self.try_later(&request);
            return self.answer_now(now, key, response);
        }
        match &request.method {
            m if *m == Method::BYE => self.bye_arrived(now, id, key, &request),
            m if *m == Method::INVITE => self.reinvited(now, id, key, request, flow),
            m if *m == Method::UPDATE => self.updated(now, id, key, request, flow),
            m if *m == Method::INFO => {
                self.answer_now(now, key, Response::to(&request, Status::OK));
                let content_type = request.content_type().unwrap_or_default();
                self.tell(Event::Info { session: id, content_type, body: request.body });
            }
            m if *m == Method::OPTIONS => self.answer_now(now, key, self.capabilities(&request)),
            m if *m == Method::REFER => match ReferTo::of(&request) {
                Ok(to) => self.tell(Event::Refer { session: id, key, request, to }),
                Err(_) => self.answer_now(now, key, Response::to(&request, Status::BAD_REQUEST)),
            },
            _ => {
                let mut response = Response::to(&request, Status::METHOD_NOT_ALLOWED);
                let _ = response.headers.push("Allow", ALLOW);
                self.answer_now(now, key, response);
            }
        }
    }

    /// RFC 3261 section 14.2: 500, to be tried again after a random time of up to 10 s.
    pub(super) fn try_later(&mut self, request: &Request) -> Response {
        let mut response = Response::to(request, Status::SERVER_INTERNAL_ERROR);
        let _ = response.headers.push("Retry-After", self.random.below(11).to_string());
        response
    }

    /// A 200 that says what we can do (RFC 3261 section 11.2).
    pub fn capabilities(&self, request: &Request) -> Response {
        let mut response = Response::to(request, Status::OK);
        let supported = SUPPORTED.join(", ");
        let told = [("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", &supported)];
        for (name, value) in told {
            // Constants without line breaks.
            let _ = response.headers.push(name, value);
        }
        response
    }

    pub(super) fn bye_arrived(
        &mut self,
        now: Now,
        id: SessionId,
        key: ServerKey,
        request: &Request,
    ) {
        self.answer_now(now, key, Response::to(request, Status::OK));
        if let Some((key, pending)) = self.sessions.get_mut(&id).and_then(|s| s.reoffer.take()) {
            self.answer_now(now, key, Response::to(&pending, Status::REQUEST_TERMINATED));
        }
        let reason = request.headers.get("Reason").map(str::to_owned);
        self.end(id, Ended::ByeReceived { reason });
    }

    pub(super) fn reinvited(
        &mut self,
        now: Now,
        id: SessionId,
        key: ServerKey,
        request: Request,
        flow: Flow,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.own_offer.is_some() {
            return self.answer_now(now, key, Response::to(&request, Status::REQUEST_PENDING));
        }
        if session.reoffer.is_some() || session.waiting_ack.is_some() {
            let response = self.try_later(&request);
            return self.answer_now(now, key, response);
        }
        let sdp = match request.sdp() {
            Some(Ok(sdp)) => Some(sdp),
            Some(Err(_)) => {
                return self.answer_now(now, key, Response::to(&request, Status::BAD_REQUEST));
            }
            None => None,
        };
        if let Some(dialog) = &mut session.dialog {
            dialog.refresh(request.contact().ok().flatten(), Some(flow));
        }
        session.reoffer = Some((key, request));
        self.by_server.insert(key, id);
        self.tell(Event::Reoffered { session: id, sdp });
    }

    /// UPDATE (RFC 3311): an offer that is answered like a re-INVITE but without an ACK.
    pub(super) fn updated(
        &mut self,
        now: Now,
        id: SessionId,
        key: ServerKey,
        request: Request,
        flow: Flow,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Some(dialog) = &mut session.dialog {
            dialog.refresh(request.contact().ok().flatten(), Some(flow));
        }
        match request.sdp() {
            None => {
                let mut response = Response::to(&request, Status::OK);
                // Made of an address.
                let own = contact(flow.local, flow.transport).to_string();
                let _ = response.headers.push("Contact", own);
                self.answer_timer(now, id, &request, &mut response);
                self.answer_now(now, key, response);
            }
            Some(Err(_)) => self.answer_now(now, key, Response::to(&request, Status::BAD_REQUEST)),
            Some(Ok(_)) if session.own_offer.is_some() || session.reoffer.is_some() => {
                self.answer_now(now, key, Response::to(&request, Status::REQUEST_PENDING));
            }
            Some(Ok(sdp)) => {
                session.reoffer = Some((key, request));
                self.tell(Event::Reoffered { session: id, sdp: Some(sdp) });
            }
        }
    }

    pub(super) fn ack_arrived(&mut self, now: Now, request: &Request) {
        let Some(id) = DialogId::of_request(&request.headers)
            .and_then(|dialog| self.by_dialog.get(&dialog).copied())
        else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let number = request.cseq().map(|cseq| cseq.number).ok();
        if session.waiting_ack.as_ref().map(|waiting| waiting.cseq) != number {
            return;
        }
        if let Some(waiting) = session.waiting_ack.take() {
            self.timers.cancel(waiting.over);
            waiting.again.map(|timer| self.timers.cancel(timer));
        }
        let hang_up = session.hang_up.take();
        let sdp = request.sdp().and_then(Result::ok);
        self.tell(Event::Confirmed { session: id, sdp });
        if let Some(reason) = hang_up {
            self.bye(now, id, reason.as_deref(), Ended::HungUp);
        }
    }

    pub(super) fn cancel_arrived(&mut self, now: Now, key: ServerKey) {
        let Some(id) = self.by_server.get(&key).copied() else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let tag = session.tag.clone();
        if let Phase::Incoming { request, .. } = &session.phase {
            let response = Response::to(request, Status::REQUEST_TERMINATED).with_to_tag(&tag);
            self.transactions.respond(now, key, &response);
            self.end(id, Ended::Cancelled);
        } else if let Some((key, request)) = session.reoffer.take() {
            // Only the offer is taken back; the call goes on.
            self.answer_now(now, key, Response::to(&request, Status::REQUEST_TERMINATED));
        }
    }

    /// Answers at once; an answer that has no To tag yet gets a new one (section 8.2.6.2).
    pub(super) fn answer_now(&mut self, now: Now, key: ServerKey, response: Response) {
        self.respond(now, key, response);
    }
}

/// Whether the sender could read an answer of ours (RFC 3261 section 20.1: no Accept means SDP).
fn takes_sdp(request: &Request) -> bool {
    let accepted = request.headers.list("Accept");
    let fits = |range: &&str| {
        let kind = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        ["application/sdp", "application/*", "*/*"].contains(&kind.as_str())
    };
    accepted.is_empty() || accepted.iter().any(fits)
}
