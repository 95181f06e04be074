//! What somebody above wants with sessions: begin, answer, offer anew, end.

use super::{
    ALLOW, Due, Ended, Endpoint, Event, Invite, Purpose, SUPPORTED, ServerKey, SessionId, contact,
};
use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Request, Response, Status};
use crate::sip::refer;
use crate::sip::reliable::{self, Policy};
use crate::sip::sdp::SessionDescription;
use crate::sip::session::{Calling, Phase, Session, Side, Unacknowledged};
use crate::sip::session_timer;
use crate::time::Now;

/// Sessions that others begin.
impl Endpoint {
    /// Says that a new call is being worked on (RFC 3261 section 17.2.1). Not before its caller may call: whoever
    /// forges an INVITE makes us send as little as possible to the address that he names.
    pub fn trying(&mut self, now: Now, id: SessionId) {
        let Some(Session { phase: Phase::Incoming { key, request, .. }, .. }) =
            self.sessions.get(&id).map(Box::as_ref)
        else {
            return;
        };
        let (key, response) = (*key, Response::to(request, Status::TRYING));
        self.transactions.respond(now, key, &response);
        self.settle(now);
    }

    /// Refuses a new call whose caller is not known, and keeps nothing of it.
    pub fn refuse_once(&mut self, now: Now, id: SessionId, response: Response) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Phase::Incoming { key, request, .. } = &session.phase else { return };
        let (key, request, status) = (*key, request.clone(), response.status);
        self.respond_once(now, key, &request, response);
        self.end(id, Ended::Declined(status));
    }

    /// Passes a new call over in silence.
    pub fn ignore(&mut self, id: SessionId) {
        let Some(Session { phase: Phase::Incoming { key, .. }, .. }) =
            self.sessions.get(&id).map(Box::as_ref)
        else {
            return;
        };
        self.transactions.forget(*key);
        self.end(id, Ended::Declined(Status::FORBIDDEN));
    }

    /// Refuses a new call with a response made from its INVITE.
    pub fn refuse(&mut self, now: Now, id: SessionId, response: Response) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Phase::Incoming { key, .. } = session.phase else { return };
        let (tag, status) = (session.tag.clone(), response.status);
        self.respond(now, key, response.with_to_tag(&tag));
        self.end(id, Ended::Declined(status));
    }

    /// Refuses a new call with a status, and the seconds after which it may be tried again.
    pub fn reject(&mut self, now: Now, id: SessionId, status: Status, retry_after: Option<u32>) {
        self.reject_because(now, id, status, retry_after, None);
    }

    /// The same with a Warning that says why (RFC 3261 section 20.43).
    pub fn reject_because(
        &mut self,
        now: Now,
        id: SessionId,
        status: Status,
        retry_after: Option<u32>,
        warning: Option<&str>,
    ) {
        let Some(Session { phase: Phase::Incoming { request, .. }, .. }) =
            self.sessions.get(&id).map(Box::as_ref)
        else {
            return;
        };
        let mut response = Response::to(request, status);
        if let Some(seconds) = retry_after {
            let _ = response.headers.push("Retry-After", seconds.to_string());
        }
        if let Some(warning) = warning {
            // One with a line break is left out.
            let _ = response.headers.push("Warning", warning);
        }
        self.refuse(now, id, response);
    }

    /// Answers a new call. Where the caller has yet to acknowledge a description in a provisional answer, the 200 waits
    /// for that (RFC 3262 section 3).
    pub fn answer(&mut self, now: Now, id: SessionId, sdp: &SessionDescription) {
        if self.answer_waits(id, sdp) {
            return;
        }
        let Some((key, response)) = self.answer_to(id, Status::OK) else { return };
        if !self.begin_dialog(id) {
            return self.reject(now, id, Status::BAD_REQUEST, None);
        }
        self.stop_provisional(id);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Phase::Incoming { request, .. } = &session.phase else { return };
        let request = request.clone();
        session.phase = Phase::Confirmed;
        // An offer of ours is answered in the ACK.
        let offers = request.body.is_empty() && !session.described;
        session.open = offers.then_some(Side::Ours);
        let mut response = if session.described { response } else { response.with_sdp(sdp) };
        self.by_server.remove(&key);
        let cseq = request.cseq().map(|cseq| cseq.number).unwrap_or(0);
        self.answer_timer(now, id, &request, &mut response);
        self.send_success(now, id, key, cseq, response);
        self.settle(now);
    }

    /// An answer with our tag and, where it makes or refreshes a dialog, our Contact and the route set.
    pub(super) fn answer_to(&self, id: SessionId, status: Status) -> Option<(ServerKey, Response)> {
        let session = self.sessions.get(&id)?;
        let Phase::Incoming { key, request, flow } = &session.phase else { return None };
        let mut response = Response::to(request, status).with_to_tag(&session.tag);
        for route in request.headers.all("Record-Route") {
            let _ = response.headers.push("Record-Route", route);
        }
        let _ = response.headers.push("Contact", contact(flow.local, flow.transport).to_string());
        let _ = response.headers.push("Allow", ALLOW);
        let _ = response.headers.push("Supported", SUPPORTED.join(", "));
        let _ = response.headers.push("Server", self.settings.user_agent.clone());
        Some((*key, response))
    }

    /// Sends a 2xx to an INVITE and repeats it until the ACK comes.
    pub(super) fn send_success(
        &mut self,
        now: Now,
        id: SessionId,
        key: ServerKey,
        cseq: u32,
        response: Response,
    ) {
        self.transactions.respond(now, key, &response);
        let timing = self.settings.timing;
        let again = Some(self.timers.set(now.instant + timing.t1, Due::Again(id)));
        let over = self.timers.set(now.instant + timing.patience(), Due::NoAck(id));
        if let Some(session) = self.sessions.get_mut(&id) {
            let waiting = Unacknowledged { key, response, cseq, interval: timing.t1, again, over };
            session.waiting_ack = Some(waiting);
        }
    }

    pub(super) fn repeat_answer(&mut self, now: Now, id: SessionId) {
        let t2 = self.settings.timing.t2;
        let Some(waiting) = self.sessions.get_mut(&id).and_then(|s| s.waiting_ack.as_mut()) else {
            return;
        };
        waiting.interval = (waiting.interval * 2).min(t2);
        waiting.again = Some(self.timers.set(now.instant + waiting.interval, Due::Again(id)));
        self.transactions.respond(now, waiting.key, &waiting.response);
    }

    pub(super) fn no_ack(&mut self, now: Now, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(waiting) = session.waiting_ack.take() else { return };
        waiting.again.map(|timer| self.timers.cancel(timer));
        let cause = if session.hang_up.is_some() { Ended::HungUp } else { Ended::NoAck };
        self.bye(now, id, None, cause);
    }
}

/// Sessions that we begin, and their end.
impl Endpoint {
    /// Calls.
    pub fn invite(&mut self, now: Now, invite: Invite) -> SessionId {
        let id = SessionId(self.mint());
        let tag = self.random.hex(8);
        let mut request = Request::new(Method::INVITE, invite.uri);
        let fixed = [
            ("From", invite.from.with_tag(&tag).to_string()),
            ("To", invite.to.to_string()),
            ("Contact", contact(invite.local, invite.route.transport()).to_string()),
            ("Allow", ALLOW.to_owned()),
        ];
        let extra = invite.headers.iter().map(|(name, value)| (name, value.to_owned()));
        for (name, value) in fixed.into_iter().chain(extra) {
            // A value with a line break is left out rather than sent: whoever made it, it must not make a header.
            let _ = request.headers.push(name, value);
        }
        self.complete(&mut request);
        // Without an offer of ours the first reliable answer would hold one, and its PRACK would have to answer it.
        let reliable = if invite.sdp.is_some() { invite.reliable } else { Policy::Never };
        self.name_options(&mut request, reliable);
        if let Some(seconds) = self.settings.session_expires {
            session_timer::ask(&mut request, seconds, None);
        }
        request = match (&invite.sdp, &invite.beside) {
            (Some(sdp), Some(beside)) => {
                let boundary = self.random.hex(12);
                request.with_sdp_and(sdp, beside, &boundary)
            }
            (Some(sdp), None) => request.with_sdp(sdp),
            (None, _) => request,
        };
        let key = self.send_request(now, invite.route, invite.local, &mut request);
        let calling = Calling {
            key,
            request,
            route: invite.route,
            credentials: invite.credentials,
            challenged: false,
            provisional: false,
            raised: false,
            cancelled: None,
            reliable,
            early: Vec::new(),
        };
        self.purposes.insert(key, Purpose::Invite(id, 0));
        let mut session = Session::new(tag, Phase::Calling(Box::new(calling)));
        session.open = invite.sdp.is_some().then_some(Side::Ours);
        self.sessions.insert(id, Box::new(session));
        self.settle(now);
        id
    }

    /// Says in an INVITE which extensions we know (RFC 3261 section 20.37).
    fn name_options(&self, request: &mut Request, reliable: Policy) {
        let wanted = |option: &&&str| **option != reliable::OPTION || reliable == Policy::Offer;
        let known: Vec<_> = SUPPORTED.iter().filter(wanted).copied().collect();
        // Constants without line breaks.
        let _ = request.headers.set("Supported", known.join(", "));
        if reliable == Policy::Require {
            let _ = request.headers.push("Require", reliable::OPTION);
        }
    }

    /// Ends a session as its state asks: CANCEL, BYE, or a refusal. `reason` becomes the Reason header (RFC 3326).
    pub fn hang_up(&mut self, now: Now, id: SessionId, reason: Option<&str>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match &mut session.phase {
            Phase::Incoming { .. } => self.reject(now, id, Status::TEMPORARILY_UNAVAILABLE, None),
            Phase::Calling(calling) => {
                if calling.cancelled.is_none() {
                    calling.cancelled = Some(reason.map(str::to_owned));
                    self.cancel_if_possible(now, id);
                }
            }
            Phase::Confirmed if session.waiting_ack.is_some() => {
                session.hang_up = Some(reason.map(str::to_owned));
            }
            Phase::Confirmed => self.bye(now, id, reason, Ended::HungUp),
        }
        self.settle(now);
    }

    /// RFC 3261 section 9.1: a CANCEL waits for the first provisional answer.
    pub(super) fn cancel_if_possible(&mut self, now: Now, id: SessionId) {
        let Some(Session { phase: Phase::Calling(calling), .. }) =
            self.sessions.get(&id).map(Box::as_ref)
        else {
            return;
        };
        let (Some(reason), true) = (&calling.cancelled, calling.provisional) else { return };
        let mut cancel = Request::new(Method::CANCEL, calling.request.uri.clone());
        let number = calling.request.cseq().map(|cseq| cseq.number).unwrap_or(0);
        for name in ["Via", "From", "To", "Call-ID"] {
            if let Some(value) = calling.request.headers.get(name) {
                let _ = cancel.headers.push(name, value);
            }
        }
        // The proxies on the way must find the INVITE that it belongs to.
        for route in calling.request.headers.all("Route") {
            let _ = cancel.headers.push("Route", route);
        }
        let _ = cancel.headers.push("CSeq", format!("{number} CANCEL"));
        let _ = cancel.headers.push("Max-Forwards", "70");
        if let Some(reason) = reason {
            let _ = cancel.headers.push("Reason", reason.clone());
        }
        let (route, invite) = (calling.route, calling.key);
        let key = self.transactions.request(now, route, &cancel);
        self.purposes.insert(key, Purpose::Farewell);
        self.transactions.cancelled(now, invite);
    }

    /// Sends a BYE; the session is over without waiting for its answer. A call that was not answered yet is refused
    /// instead: its INVITE would wait for a final answer for ever.
    pub(super) fn bye(&mut self, now: Now, id: SessionId, reason: Option<&str>, cause: Ended) {
        if let Some(Session { phase: Phase::Incoming { .. }, .. }) =
            self.sessions.get(&id).map(Box::as_ref)
        {
            return self.reject(now, id, Status::TEMPORARILY_UNAVAILABLE, None);
        }
        if let Some(mut dialog) = self.sessions.get_mut(&id).and_then(|s| s.dialog.take()) {
            self.by_dialog.remove(&dialog.id);
            self.send_bye(now, Some(id), &mut dialog, reason);
        }
        self.end(id, cause);
    }

    pub(super) fn send_bye(
        &mut self,
        now: Now,
        session: Option<SessionId>,
        dialog: &mut Dialog,
        reason: Option<&str>,
    ) {
        let mut bye = dialog.request(Method::BYE, None);
        if let Some(reason) = reason {
            let _ = bye.headers.push("Reason", reason);
        }
        let route = dialog.route();
        let key = self.send_request(now, route, dialog.local_address(), &mut bye);
        self.purposes.insert(key, Purpose::Farewell);
        if let Some(session) = session {
            self.may_be_challenged(key, session, route, &bye);
        }
    }

    pub(super) fn end(&mut self, id: SessionId, cause: Ended) {
        self.stop_provisional(id);
        self.dialogs_of(id).iter().for_each(|dialog| {
            self.by_dialog.remove(dialog);
        });
        let Some(session) = self.sessions.remove(&id) else { return };
        session.retry.map(|timer| self.timers.cancel(timer));
        session.invited.map(|name| self.by_invite.remove(&name));
        if let Phase::Incoming { key, .. } = &session.phase {
            self.by_server.remove(key);
        }
        if let Some((key, _)) = &session.reoffer {
            self.by_server.remove(key);
        }
        if let Some((timer, _)) = session.timer {
            self.timers.cancel(timer);
        }
        if let Some(waiting) = session.waiting_ack {
            self.timers.cancel(waiting.over);
            waiting.again.map(|timer| self.timers.cancel(timer));
        }
        self.tell(Event::Ended { session: id, cause });
    }
}

/// Transfers.
impl Endpoint {
    /// Takes on a transfer: 202, and the peer will hear how it goes (RFC 3515 section 2.4.4).
    pub fn accept_refer(&mut self, now: Now, id: SessionId, key: ServerKey, request: &Request) {
        let mut response = Response::to(request, Status::ACCEPTED);
        let dialog = self.sessions.get(&id).and_then(|session| session.dialog.as_ref());
        if let Some(dialog) = dialog {
            let own = contact(dialog.local_address(), dialog.route().transport());
            // Made of an address.
            let _ = response.headers.push("Contact", own.to_string());
        }
        self.answer_now(now, key, response);
        self.notify_refer(now, id, Status::TRYING);
    }

    /// Tells whoever asked for a transfer how far it is; a final status is the last that it hears.
    pub fn notify_refer(&mut self, now: Now, id: SessionId, status: Status) {
        let Some(dialog) = self.sessions.get_mut(&id).and_then(|s| s.dialog.as_mut()) else {
            return;
        };
        let (route, local) = (dialog.route(), dialog.local_address());
        let mut request = dialog.request(Method::NOTIFY, None);
        let state = match status.is_final() {
            true => "terminated;reason=noresource",
            false => "active;expires=180",
        };
        let own = contact(local, route.transport()).to_string();
        for (name, value) in [("Event", "refer"), ("Subscription-State", state), ("Contact", &own)]
        {
            // Constants, and an address.
            let _ = request.headers.push(name, value);
        }
        let body = refer::fragment(status).into_bytes();
        let Ok(mut request) = request.with_body("message/sipfrag;version=2.0", body) else {
            return;
        };
        let key = self.send_request(now, route, local, &mut request);
        self.purposes.insert(key, Purpose::Farewell);
        self.settle(now);
    }
}

/// The phone's side of a transfer, for tests.
#[cfg(test)]
impl Endpoint {
    /// What stands behind a Refer-To to name a session.
    pub fn replaces(&self, id: SessionId) -> String {
        let dialog = self.sessions.get(&id).and_then(|session| session.dialog.as_ref());
        let id = &dialog.expect("it is up").id;
        let call_id = id.call_id.replace('@', "%40");
        format!("?Replaces={call_id}%3Bto-tag%3D{}%3Bfrom-tag%3D{}", id.remote, id.local)
    }

    /// What stands in a Replaces header to name a session, also one that only rings.
    pub fn named(&self, id: SessionId, more: &str) -> String {
        let all = self.dialogs_of(id);
        let id = all.last().expect("it has a dialog");
        format!("{};to-tag={};from-tag={}{more}", id.call_id, id.remote, id.local)
    }

    /// Sends a request within a session, whatever it may be good for. Answers whether there was a dialog.
    pub fn within_session(
        &mut self,
        now: Now,
        id: SessionId,
        method: Method,
        header: (&str, &str),
    ) {
        let Some(name) = self.dialogs_of(id).pop() else { return };
        let session = self.sessions.get_mut(&id);
        let Some(dialog) = session.and_then(|session| session.dialog_mut(&name)) else { return };
        let (route, local) = (dialog.route(), dialog.local_address());
        let mut request = dialog.request(method, None);
        request.headers.push(header.0, header.1).expect("no line break");
        let key = self.send_request(now, route, local, &mut request);
        self.purposes.insert(key, Purpose::Farewell);
        self.settle(now);
    }

    /// The session with this Call-ID.
    pub fn session_called(&self, call_id: &str) -> Option<SessionId> {
        let named =
            |id: &&SessionId| self.names(**id).is_some_and(|names| names.call_id == call_id);
        self.sessions.keys().find(named).copied()
    }

    /// What tables still hold although no session is alive.
    pub fn left_over(&self) -> Vec<&'static str> {
        let tables = [
            ("dialogs", self.by_dialog.len()),
            ("INVITEs", self.by_invite.len()),
            ("answers to give", self.by_server.len()),
            ("timers", usize::from(self.timers.deadline().is_some())),
        ];
        tables.iter().filter(|(_, count)| *count > 0).map(|(name, _)| *name).collect()
    }

    /// Sends the caller elsewhere.
    pub fn redirect(&mut self, now: Now, id: SessionId, contact: &str) {
        let (_, mut response) = self.answer_to(id, Status::MOVED_TEMPORARILY).expect("it rings");
        response.headers.set("Contact", contact).expect("no line break");
        self.refuse(now, id, response);
    }

    /// Asks the peer to go on at `to`; with `other`, in the place of that session's peer.
    pub fn refer(&mut self, now: Now, id: SessionId, to: &str, other: Option<SessionId>) {
        let replaces = other.map(|other| self.replaces(other));
        let Some(dialog) = self.sessions.get_mut(&id).and_then(|s| s.dialog.as_mut()) else {
            return;
        };
        let (route, local) = (dialog.route(), dialog.local_address());
        let mut request = dialog.request(Method::REFER, None);
        let to = format!("<{to}{}>", replaces.unwrap_or_default());
        request.headers.push("Refer-To", to).expect("no line break");
        let key = self.send_request(now, route, local, &mut request);
        self.purposes.insert(key, Purpose::Farewell);
        self.settle(now);
    }
}
