//! Answers to our own requests: challenges, progress, success on one branch or several, and none at all.

use super::{Ended, Endpoint, Event, Failure, MAX_FORKS, Purpose, SessionId, own_side, sent_by};
use crate::sip::dialog::Dialog;
use crate::sip::flow::{Flow, Route};
use crate::sip::message::{Method, Request, Response, Status, Via};
use crate::sip::sdp::SessionDescription;
use crate::sip::session::{Phase, Session};
use crate::sip::session_timer;
use crate::sip::transaction::{ClientKey, MAGIC_COOKIE};
use crate::sip::uri::{NameAddr, Uri, host_port};
use crate::time::Now;

/// Contacts of a redirection that are looked at: a person has one or two other phones.
const MAX_CONTACTS: usize = 4;

/// Answers to our requests.
impl Endpoint {
    pub(super) fn response_arrived(
        &mut self,
        now: Now,
        key: ClientKey,
        response: Response,
        flow: Flow,
    ) {
        if self.answer_challenge(now, key, &response, flow) {
            return;
        }
        match self.purposes.get(&key) {
            Some(Purpose::Invite(id, _)) => {
                let id = *id;
                self.invite_response(now, id, key, response, flow);
            }
            _ if response.status.is_provisional() => {}
            Some(Purpose::Plain { .. }) => self.plain_response(now, key, response, flow),
            Some(Purpose::Reinvite(id)) => {
                let id = *id;
                self.reinvite_response(now, id, key, &response);
            }
            Some(Purpose::Within(id)) => {
                let id = *id;
                self.purposes.remove(&key);
                if response.status == Status::CALL_DOES_NOT_EXIST {
                    self.bye(now, id, None, Ended::ProtocolError);
                }
            }
            Some(Purpose::Refresh(id, before)) => {
                let (id, before) = (*id, *before);
                self.purposes.remove(&key);
                let gone = [Status::CALL_DOES_NOT_EXIST, Status::REQUEST_TIMEOUT];
                if gone.contains(&response.status) {
                    return self.bye(now, id, None, Ended::Expired);
                }
                self.refreshed(now, id, &response, before);
            }
            Some(Purpose::Farewell) => {
                self.purposes.remove(&key);
            }
            None => {}
        }
    }

    pub(super) fn plain_response(
        &mut self,
        now: Now,
        key: ClientKey,
        response: Response,
        flow: Flow,
    ) {
        let Some(Purpose::Plain { asked, mut request, route, credentials, challenged }) =
            self.purposes.remove(&key)
        else {
            return;
        };
        // Our proof is for whom we asked, not for whoever has seen the request (bad-input table row 24).
        let asked_there = flow.peer.ip() == route.peer().ip();
        let authorized = !challenged
            && asked_there
            && self.authorize(&mut request, &response, credentials.as_ref());
        if !authorized {
            return self.tell(Event::Response { key: asked.unwrap_or(key), response });
        }
        let asked = asked.or(Some(key));
        let Some(local) = sent_by(&request) else { return };
        let again = self.send_request(now, route, local, &mut request);
        let purpose = Purpose::Plain { asked, request, route, credentials, challenged: true };
        self.purposes.insert(again, purpose);
    }

    pub(super) fn invite_response(
        &mut self,
        now: Now,
        id: SessionId,
        key: ClientKey,
        response: Response,
        flow: Flow,
    ) {
        let status = response.status;
        let sdp = response.sdp().and_then(Result::ok);
        let Some(session) = self.sessions.get_mut(&id) else {
            return self.late_success(now, key, &response, flow);
        };
        let Phase::Calling(calling) = &mut session.phase else {
            return self.repeated_success(now, id, key, &response, flow);
        };
        if status.is_provisional() {
            calling.provisional = true;
            let ending = calling.cancelled.is_some();
            if ending {
                return self.cancel_if_possible(now, id);
            }
            if self.provisional_arrived(now, id, &response, flow) {
                self.tell(Event::Progress { session: id, status, sdp });
            }
            return;
        }
        if status.is_success() {
            return self.invite_answered(now, id, &response, sdp, flow);
        }
        self.purposes.remove(&key);
        if self.invite_again(now, id, &response, flow) {
            return;
        }
        let cancelled = matches!(&self.sessions.get(&id).map(|s| &s.phase),
            Some(Phase::Calling(calling)) if calling.cancelled.is_some());
        let retry_after = response.headers.retry_after();
        let contacts = redirected(&response);
        let refused = Ended::Refused { status, retry_after, contacts };
        let cause = if cancelled { Ended::HungUp } else { refused };
        self.end(id, cause);
    }

    /// Answers one challenge to our INVITE. Answers whether it was sent again.
    pub(super) fn invite_again(
        &mut self,
        now: Now,
        id: SessionId,
        response: &Response,
        flow: Flow,
    ) -> bool {
        let Some(Session { phase: Phase::Calling(calling), .. }) =
            self.sessions.get(&id).map(Box::as_ref)
        else {
            return false;
        };
        let raises = response.status == Status::SESSION_INTERVAL_TOO_SMALL && !calling.raised;
        if calling.cancelled.is_some() || (calling.challenged && !raises) {
            return false;
        }
        let (mut request, credentials, route) =
            (calling.request.clone(), calling.credentials.clone(), calling.route);
        if raises {
            raise_interval(&mut request, response);
        } else if flow.peer.ip() != route.peer().ip()
            || !self.authorize(&mut request, response, credentials.as_ref())
        {
            return false;
        }
        let Some(local) = sent_by(&request) else { return false };
        self.forget_early(id, None);
        let key = self.send_request(now, route, local, &mut request);
        self.purposes.insert(key, Purpose::Invite(id, 0));
        if let Some(Session { phase: Phase::Calling(calling), .. }) =
            self.sessions.get_mut(&id).map(Box::as_mut)
        {
            calling.key = key;
            calling.request = request;
            calling.challenged |= !raises;
            calling.raised |= raises;
            calling.provisional = false;
        }
        true
    }

    pub(super) fn invite_answered(
        &mut self,
        now: Now,
        id: SessionId,
        response: &Response,
        sdp: Option<SessionDescription>,
        flow: Flow,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Phase::Calling(calling) = &session.phase else { return };
        let (request, cancelled) = (calling.request.clone(), calling.cancelled.clone());
        let credentials = calling.credentials.clone();
        let Ok(mut dialog) = Dialog::of_client(&request, response, own_side(flow, &request)) else {
            return self.end(id, Ended::ProtocolError);
        };
        let name = dialog.id.clone();
        if let Some(early) = self.forget_early(id, Some(&name)) {
            dialog = dialog.going_on(&early);
        }
        let ack = self.acknowledge(&mut dialog, &request);
        self.by_dialog.insert(dialog.id.clone(), id);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.phase = Phase::Confirmed;
            session.dialog = Some(dialog);
            session.ack = ack;
            session.open = None;
            session.credentials = credentials;
        }
        self.timer_answered(now, id, response);
        match cancelled {
            // It was answered before our CANCEL got there (section 15): BYE.
            Some(reason) => self.bye(now, id, reason.as_deref(), Ended::HungUp),
            None => self.tell(Event::Answered { session: id, sdp }),
        }
    }

    /// Sends the ACK to a 2xx (section 13.2.2.4): a request of its own, outside of any transaction.
    pub(super) fn acknowledge(
        &mut self,
        dialog: &mut Dialog,
        invite: &Request,
    ) -> Option<(u32, Vec<u8>, Route)> {
        let number = invite.cseq().ok()?.number;
        let mut ack = dialog.request(Method::ACK, Some(number));
        for name in ["Authorization", "Proxy-Authorization"] {
            if let Some(value) = invite.headers.get(name) {
                let _ = ack.headers.push(name, value);
            }
        }
        let branch = format!("{MAGIC_COOKIE}{}", self.random.hex(12));
        let (host, port) = host_port(dialog.local_address());
        let route = dialog.route();
        let via = Via::new(route.transport(), host, Some(port), &branch);
        let _ = ack.headers.insert_first("Via", via.to_string());
        let bytes = ack.encode();
        self.send(route, bytes.clone());
        Some((number, bytes, route))
    }

    /// Another 2xx: the same one again is acknowledged again; one of another fork is hung up on (section 13.2.2.4).
    pub(super) fn repeated_success(
        &mut self,
        now: Now,
        id: SessionId,
        key: ClientKey,
        response: &Response,
        flow: Flow,
    ) {
        if !response.status.is_success() {
            return;
        }
        let Some(session) = self.sessions.get(&id) else { return };
        let tag = response.headers.to().ok().and_then(|to| to.tag().map(str::to_owned));
        let same =
            session.dialog.as_ref().is_some_and(|dialog| Some(&dialog.id.remote) == tag.as_ref());
        let number = response.cseq().map(|cseq| cseq.number).unwrap_or(0);
        match &session.ack {
            Some((cseq, bytes, route)) if same && *cseq == number => {
                let (bytes, route) = (bytes.clone(), *route);
                self.send(route, bytes);
            }
            _ if !same => self.late_success(now, key, response, flow),
            _ => {}
        }
    }

    /// A 2xx for a session that is over, or from a fork that lost: acknowledged, then hung up on.
    pub(super) fn late_success(
        &mut self,
        now: Now,
        key: ClientKey,
        response: &Response,
        flow: Flow,
    ) {
        let Some(Purpose::Invite(_, forks)) = self.purposes.get_mut(&key) else { return };
        if !response.status.is_success() || *forks >= MAX_FORKS {
            return;
        }
        *forks += 1;
        let (Ok(from), Ok(to), Ok(call_id), Ok(cseq)) = (
            response.headers.from(),
            response.headers.to(),
            response.headers.call_id(),
            response.cseq(),
        ) else {
            return;
        };
        let mut invite = Request::new(Method::INVITE, to.uri.clone());
        let fixed = [
            ("From", from.to_string()),
            ("To", to.to_string()),
            ("Call-ID", call_id.to_owned()),
            ("CSeq", format!("{} INVITE", cseq.number)),
        ];
        for (name, value) in fixed {
            let _ = invite.headers.push(name, value);
        }
        if let Ok(dialog) = Dialog::of_client(&invite, response, flow) {
            let mut dialog = dialog.pinned();
            self.acknowledge(&mut dialog, &invite);
            self.send_bye(now, None, &mut dialog, None);
        }
    }

    pub(super) fn reinvite_response(
        &mut self,
        now: Now,
        id: SessionId,
        key: ClientKey,
        response: &Response,
    ) {
        self.purposes.remove(&key);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.own_offer.take_if(|offer| offer.key == key).is_none() {
            return;
        }
        let status = response.status;
        if status.is_success() {
            let Some(mut dialog) = session.dialog.take() else { return };
            dialog.refresh(response.contact().ok().flatten(), None);
            let mut invite = Request::new(
                Method::INVITE,
                Uri::sip(None, host_port(dialog.local_address()).0, None),
            );
            let number = response.cseq().map(|cseq| cseq.number).unwrap_or(0);
            let _ = invite.headers.push("CSeq", format!("{number} INVITE"));
            let ack = self.acknowledge(&mut dialog, &invite);
            if let Some(session) = self.sessions.get_mut(&id) {
                session.dialog = Some(dialog);
                session.ack = ack;
                session.retries = 0;
            }
            self.timer_answered(now, id, response);
            let sdp = response.sdp().and_then(Result::ok);
            self.tell(Event::ReofferAnswered { session: id, sdp });
            return self.offer_if_wanted(id);
        }
        // Section 12.2.1.2: these two say that the dialog is gone.
        if status == Status::CALL_DOES_NOT_EXIST || status == Status::REQUEST_TIMEOUT {
            return self.bye(now, id, None, Ended::ProtocolError);
        }
        // Section 14.2: an offer of the peer's, or its answer that we have yet to acknowledge in its eyes, was in the way.
        let busy = status.code() == 500 && response.headers.get("Retry-After").is_some();
        if (status == Status::REQUEST_PENDING || busy) && self.retry_offer(now, id) {
            return;
        }
        self.tell(Event::ReofferRefused { session: id, status });
        self.offer_if_wanted(id);
    }

    pub(super) fn request_failed(&mut self, now: Now, key: ClientKey, unreachable: bool) {
        match self.purposes.remove(&key) {
            Some(Purpose::Plain { asked, .. }) => {
                let why = if unreachable { Failure::Unreachable } else { Failure::Timeout };
                self.tell(Event::Failed { key: asked.unwrap_or(key), why });
            }
            Some(Purpose::Invite(id, _)) => {
                let cancelled = matches!(self.sessions.get(&id).map(|s| &s.phase),
                    Some(Phase::Calling(calling)) if calling.cancelled.is_some());
                let cause = match (cancelled, unreachable) {
                    (true, _) => Ended::HungUp,
                    (false, true) => Ended::Unreachable,
                    (false, false) => Ended::TimedOut,
                };
                self.end(id, cause);
            }
            Some(Purpose::Reinvite(id)) => self.bye(now, id, None, Ended::TimedOut),
            Some(Purpose::Within(id)) => self.bye(now, id, None, Ended::TimedOut),
            Some(Purpose::Refresh(id, _)) => self.bye(now, id, None, Ended::Expired),
            Some(Purpose::Farewell) | None => {}
        }
    }
}

/// Where a 3xx sends us (RFC 3261 section 8.1.3.4), the preferred first.
fn redirected(response: &Response) -> Vec<Uri> {
    if response.status.code() / 100 != 3 {
        return Vec::new();
    }
    let preference = |contact: &NameAddr| {
        let q: f32 = contact.params.get("q").and_then(|q| q.parse().ok()).unwrap_or(1.0);
        std::cmp::Reverse((q.clamp(0.0, 1.0) * 1_000.0) as u16)
    };
    let mut contacts = response.headers.contacts().unwrap_or_default();
    contacts.sort_by_key(preference);
    contacts.into_iter().map(|contact| contact.uri).take(MAX_CONTACTS).collect()
}

/// The same INVITE with the interval that the peer wants at least (RFC 4028 section 7.3).
fn raise_interval(request: &mut Request, response: &Response) {
    let least = session_timer::min_se(&response.headers);
    session_timer::ask(request, least, None);
    let number = request.cseq().map_or(1, |cseq| cseq.number + 1);
    // Digits and a method's name.
    let _ = request.headers.set("Min-SE", least.to_string());
    let _ = request.headers.set("CSeq", format!("{number} INVITE"));
}
