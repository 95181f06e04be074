//! Requests that arrive: what is refused by itself, what belongs to a session, what is new.

use super::{Ended, Endpoint, Event, SUPPORTED, ServerKey, SessionId, offers};
use crate::sip::dialog::{DialogId, Order};
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Request, Response, Status};
use crate::sip::refer::{ReferTo, Replaces};
use crate::sip::sdp::{BadSdp, SessionDescription};
use crate::sip::session::{Invited, Phase, Session, Side};
use crate::sip::session_timer;
use crate::sip::subscribe::Package;
use crate::sip::uri::Scheme;
use crate::sip::{outbound, registrar};
use crate::time::Now;

/// Most bytes in a body. The description of a browser that names every way to itself has 8 kB, that of a desk phone one.
const MAX_BODY: usize = 16_384;

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
        // Subscriptions have dialogs of their own, and an owner above.
        let own = (request.method != Method::SUBSCRIBE).then_some(&request.headers);
        let dialog = own.and_then(DialogId::of_request);
        match (dialog, &request.method) {
            (Some(dialog), _) => match self.by_dialog.get(&dialog).copied() {
                Some(id) => self.within(now, id, key, request, flow),
                None => self.no_such_call(now, key, &request),
            },
            (None, method) if *method == Method::INVITE => self.invited(now, key, request, flow),
            (None, method) if WITHIN.contains(method) => self.no_such_call(now, key, &request),
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
            // A constant without line breaks.
            let _ = response.headers.push("Allow", self.allow());
            return Some(response);
        }
        if request.max_forwards().ok().flatten() == Some(0) && request.method != Method::OPTIONS {
            return Some(Response::to(request, Status::TOO_MANY_HOPS));
        }
        if matches!(request.uri.scheme, Scheme::Other(_)) {
            return Some(Response::to(request, Status::UNSUPPORTED_URI_SCHEME));
        }
        if request.body.len() > MAX_BODY {
            return Some(Response::to(request, Status::REQUEST_ENTITY_TOO_LARGE));
        }
        if let Some(response) = unreadable(request) {
            return Some(response);
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
            .filter(|option| !is_known(method, option))
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
        let name = Invited::of(&request);
        if name.as_ref().is_some_and(|name| self.by_invite.contains_key(name)) {
            let response = Response::to(&request, Status::LOOP_DETECTED);
            return self.respond_once(now, key, &request, response);
        }
        let offer = match self.offer_of(&request) {
            Ok(offer) => offer,
            Err(response) => return self.respond_once(now, key, &request, response),
        };
        let Ok(replaces) = Replaces::of(&request) else {
            let response = Response::to(&request, Status::BAD_REQUEST);
            return self.respond_once(now, key, &request, response);
        };
        let id = SessionId(self.mint());
        let tag = self.random.hex(8);
        let phase = Phase::Incoming { key, request: Box::new(request.clone()), flow };
        let mut session = Session::new(tag, phase);
        session.open = offer.is_some().then_some(Side::Theirs);
        session.invited = name.clone();
        self.sessions.insert(id, Box::new(session));
        self.by_server.insert(key, id);
        name.map(|name| self.by_invite.insert(name, id));
        self.tell(Event::Invited { session: id, request, offer, replaces, flow });
    }

    /// The offer in a new call's INVITE, or the answer that refuses it.
    fn offer_of(&self, request: &Request) -> Result<Option<SessionDescription>, Response> {
        if self.sessions.len() >= self.settings.max_sessions {
            return Err(Response::to(request, Status::SERVICE_UNAVAILABLE));
        }
        if !takes_sdp(request) {
            return Err(Response::to(request, Status::NOT_ACCEPTABLE));
        }
        description(request).map_err(|response| *response)
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
        let name = DialogId::of_request(&request.headers);
        let session = self.sessions.get_mut(&id);
        let dialog = session.zip(name).and_then(|(session, name)| session.dialog_mut(&name));
        if dialog.map(|dialog| dialog.host()) == Some(flow.peer.ip()) {
            self.admitted(now, id, key, request, flow);
        } else {
            self.tell(Event::Elsewhere { session: id, key, request, flow });
        }
    }

    fn admitted(&mut self, now: Now, id: SessionId, key: ServerKey, request: Request, flow: Flow) {
        let number = request.cseq().map(|cseq| cseq.number).unwrap_or(0);
        let name = DialogId::of_request(&request.headers);
        let session = self.sessions.get_mut(&id);
        let dialog = session.zip(name).and_then(|(session, name)| session.dialog_mut(&name));
        let order = dialog.map(|dialog| dialog.receive(number));
        if order != Some(Order::Next) {
            let response = self.try_later(&request);
            return self.answer_now(now, key, response);
        }
        match &request.method {
            m if *m == Method::BYE => self.bye_arrived(now, id, key, &request),
            m if *m == Method::INVITE => self.reinvited(now, id, key, request, flow),
            m if *m == Method::UPDATE => self.updated(now, id, key, request, flow),
            m if *m == Method::PRACK => self.prack_arrived(now, id, key, request),
            m if *m == Method::INFO => match info_refusal(&request) {
                Some(response) => self.answer_now(now, key, response),
                None => {
                    self.answer_now(now, key, Response::to(&request, Status::OK));
                    let content_type = request.content_type().unwrap_or_default();
                    self.tell(Event::Info { session: id, content_type, body: request.body });
                }
            },
            m if *m == Method::OPTIONS => self.answer_now(now, key, self.capabilities(&request)),
            m if *m == Method::REFER => match ReferTo::of(&request) {
                Ok(to) => self.tell(Event::Refer { session: id, key, request, to, flow }),
                Err(_) => self.answer_now(now, key, Response::to(&request, Status::BAD_REQUEST)),
            },
            _ => {
                let response = self.not_allowed(&request);
                self.answer_now(now, key, response);
            }
        }
    }

    /// A 405 that says what we do (RFC 3261 section 8.2.1).
    pub fn not_allowed(&self, request: &Request) -> Response {
        let mut response = Response::to(request, Status::METHOD_NOT_ALLOWED);
        // A constant without line breaks.
        let _ = response.headers.push("Allow", self.allow());
        response
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
        let told = [
            ("Allow", self.allow()),
            ("Accept", "application/sdp"),
            ("Supported", &supported),
            ("Allow-Events", Package::ALL),
        ];
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
        let stage = self.sessions.get(&id).map(|session| &session.phase);
        if let Some(Phase::Calling(_)) = stage {
            // Section 15: whoever has not answered refuses, and does not hang up.
            return self.no_such_call(now, key, request);
        }
        self.answer_now(now, key, Response::to(request, Status::OK));
        if let Some(Session { phase: Phase::Incoming { key, request, .. }, tag, .. }) =
            self.sessions.get(&id).map(Box::as_ref)
        {
            // The caller hangs up before the answer: as good as a CANCEL.
            let response = Response::to(request, Status::REQUEST_TERMINATED).with_to_tag(tag);
            let key = *key;
            self.transactions.respond(now, key, &response);
            return self.end(id, Ended::Cancelled);
        }
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
        let sdp = match description(&request) {
            Ok(sdp) => sdp,
            Err(response) => return self.answer_now(now, key, *response),
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let why = match (&session.phase, &session.waiting_ack) {
            (Phase::Calling(_), _) => Some(offers::NotNow::Crossed),
            (Phase::Incoming { .. }, _) | (_, Some(_)) => Some(offers::NotNow::Busy),
            (Phase::Confirmed, None) => offers::in_the_way(session),
        };
        if let Some(why) = why {
            return self.not_now(now, key, &request, why);
        }
        if let Some(dialog) = &mut session.dialog {
            dialog.refresh(request.contact().ok().flatten(), Some(flow));
        }
        session.reoffer = Some((key, request));
        self.by_server.insert(key, id);
        self.tell(Event::Reoffered { session: id, sdp });
    }

    /// UPDATE (RFC 3311): an offer that is answered like a re-INVITE but without an ACK, also before the call is
    /// answered, once the first offer and answer are through (section 5.2).
    pub(super) fn updated(
        &mut self,
        now: Now,
        id: SessionId,
        key: ServerKey,
        request: Request,
        flow: Flow,
    ) {
        let sdp = match description(&request) {
            Ok(sdp) => sdp,
            Err(response) => return self.answer_now(now, key, *response),
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let name = DialogId::of_request(&request.headers);
        if let Some(dialog) = name.and_then(|name| session.dialog_mut(&name)) {
            dialog.refresh(request.contact().ok().flatten(), Some(flow));
        }
        let why = sdp.as_ref().and_then(|_| offers::in_the_way(session));
        if let Some(why) = why {
            return self.not_now(now, key, &request, why);
        }
        let Some(sdp) = sdp else {
            let Some(mut response) = self.success_within(id, &request) else { return };
            self.answer_timer(now, id, &request, &mut response);
            return self.answer_now(now, key, response);
        };
        session.reoffer = Some((key, request));
        self.by_server.insert(key, id);
        self.tell(Event::Reoffered { session: id, sdp: Some(sdp) });
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
        session.open = None;
        let hang_up = session.hang_up.take();
        let sdp = request.sdp().and_then(Result::ok);
        self.tell(Event::Confirmed { session: id, sdp });
        match hang_up {
            Some(reason) => self.bye(now, id, reason.as_deref(), Ended::HungUp),
            None => self.offer_if_wanted(id),
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

/// What makes no sense outside of a dialog: 481 there.
const WITHIN: [Method; 3] = [Method::BYE, Method::UPDATE, Method::PRACK];

/// The description in a request, or the answer that refuses its body (RFC 3261 section 8.2.3).
pub(super) fn description(request: &Request) -> Result<Option<SessionDescription>, Box<Response>> {
    match request.sdp() {
        Some(Ok(sdp)) => Ok(Some(sdp)),
        // Bad-input table row 17: what could be read and cannot be had is not a broken message.
        Some(Err(BadSdp::Port | BadSdp::TooLarge)) => {
            Err(Box::new(Response::to(request, Status::NOT_ACCEPTABLE_HERE)))
        }
        Some(Err(_)) => Err(Box::new(Response::to(request, Status::BAD_REQUEST))),
        None if request.body.is_empty() || is_optional(request) => Ok(None),
        None => {
            let mut response = Response::to(request, Status::UNSUPPORTED_MEDIA_TYPE);
            // A constant without line breaks.
            let _ = response.headers.push("Accept", "application/sdp");
            Err(Box::new(response))
        }
    }
}

/// Bodies of an INFO that we know: key presses, in the two ways of before RFC 6086.
const KEY_PRESSES: [&str; 2] = ["application/dtmf-relay", "application/dtmf"];

/// The refusal of an INFO that we do not understand: of a package that nobody offered (RFC 6086 section 4.2.2), or of a
/// body that is no key press (RFC 3261 section 21.4.13). One without a body asks only whether we are there.
fn info_refusal(request: &Request) -> Option<Response> {
    if request.headers.get("Info-Package").is_some() {
        let mut response = Response::to(request, Status::new(469)?);
        // Nothing in it: there is no package that we take.
        let _ = response.headers.push("Recv-Info", "");
        return Some(response);
    }
    let kind = request.content_type().unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if request.body.is_empty() || KEY_PRESSES.contains(&kind) || is_optional(request) {
        return None;
    }
    let mut response = Response::to(request, Status::UNSUPPORTED_MEDIA_TYPE);
    // Constants without line breaks.
    let _ = response.headers.push("Accept", KEY_PRESSES.join(", "));
    Some(response)
}

/// Whether we do what a request demands. Path means something in a REGISTER alone (RFC 3327 section 4.1).
fn is_known(method: &Method, option: &str) -> bool {
    let register = *method == Method::REGISTER
        && [registrar::PATH, outbound::OPTION].iter().any(|own| own.eq_ignore_ascii_case(option));
    register || SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(option))
}

/// Whether a body may be passed over (section 20.11).
fn is_optional(request: &Request) -> bool {
    let disposition = request.headers.get("Content-Disposition").unwrap_or_default();
    disposition.split(';').any(|param| param.trim().eq_ignore_ascii_case("handling=optional"))
}

/// The refusal of a body that is packed in a way that we do not know (section 8.2.3).
fn unreadable(request: &Request) -> Option<Response> {
    let packed = |coding: &&str| !coding.eq_ignore_ascii_case("identity");
    let codings = request.headers.list("Content-Encoding");
    if request.body.is_empty() || !codings.iter().any(packed) {
        return None;
    }
    let mut response = Response::to(request, Status::UNSUPPORTED_MEDIA_TYPE);
    // A constant without line breaks.
    let _ = response.headers.push("Accept-Encoding", "identity");
    Some(response)
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
