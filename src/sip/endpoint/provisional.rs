//! Provisional answers: ours to a caller, reliable where the caller wants that (RFC 3262), and the peer's to us.

use super::{Due, Endpoint, Event, MAX_FORKS, Purpose, ServerKey, SessionId, offers, own_side};
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Request, Response, Status};
use crate::sip::reliable::{self, Policy, RAck, Waiting};
use crate::sip::sdp::SessionDescription;
use crate::sip::session::{Early, Phase, Side};
use crate::time::Now;

/// Provisional answers that wait for the PRACK of an earlier one: more than ringing and early sound nobody has to say.
const MOST_WAITING: usize = 8;

/// Our provisional answers.
impl Endpoint {
    /// A provisional answer to a new call. It is reliable where the caller requires that, and where it holds a
    /// description and the caller knows how.
    pub fn ring(
        &mut self,
        now: Now,
        id: SessionId,
        status: Status,
        sdp: Option<&SessionDescription>,
    ) {
        let Some((key, response)) = self.answer_to(id, status) else { return };
        if !self.begin_dialog(id) {
            return self.reject(now, id, Status::BAD_REQUEST, None);
        }
        if self.is_reliable(id, sdp.is_some()) {
            self.ring_reliably(now, id, status, sdp.cloned());
        } else {
            let response = sdp.map_or(response.clone(), |sdp| response.with_sdp(sdp));
            self.transactions.respond(now, key, &response);
        }
        self.settle(now);
    }

    /// Whether the next provisional answer must hold an offer of ours: the caller made none and takes only reliable
    /// answers, of which the first has one (RFC 3262 section 5).
    pub fn wants_description(&self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        let Phase::Incoming { request, .. } = &session.phase else { return false };
        request.body.is_empty() && reliable::is_required(request) && !session.described
    }

    fn is_reliable(&self, id: SessionId, described: bool) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        let Phase::Incoming { request, .. } = &session.phase else { return false };
        reliable::is_required(request) || (described && reliable::is_known(request))
    }

    /// The dialog that our answer makes: at the first provisional one, or at the 200 (RFC 3261 section 12.1.1). Answers
    /// whether there is one.
    pub(super) fn begin_dialog(&mut self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        if session.dialog.is_some() {
            return true;
        }
        let Phase::Incoming { request, flow, .. } = &session.phase else { return false };
        let Ok(dialog) = Dialog::of_server(request, &session.tag, *flow) else { return false };
        self.by_dialog.insert(dialog.id.clone(), id);
        session.dialog = Some(dialog);
        true
    }

    fn ring_reliably(
        &mut self,
        now: Now,
        id: SessionId,
        status: Status,
        sdp: Option<SessionDescription>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let provisional = session.provisional.get_or_insert_default();
        if provisional.waiting.is_none() {
            return self.send_provisional(now, id, status, sdp);
        }
        // Who says the same again says nothing new.
        let new = provisional.next.back().is_none_or(|(last, _)| *last != status) || sdp.is_some();
        if new && provisional.next.len() < MOST_WAITING {
            provisional.next.push_back((status, sdp));
        }
    }

    fn send_provisional(
        &mut self,
        now: Now,
        id: SessionId,
        status: Status,
        sdp: Option<SessionDescription>,
    ) {
        let first = 1 + self.random.below(1 << 31) as u32;
        let Some((key, mut response)) = self.answer_to(id, status) else { return };
        let timing = self.settings.timing;
        let again = self.timers.set(now.instant + timing.t1, Due::ProvisionalAgain(id));
        let over = self.timers.set(now.instant + timing.patience(), Due::NoPrack(id));
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Phase::Incoming { request, .. } = &session.phase else { return };
        let late = request.body.is_empty();
        let Some(provisional) = session.provisional.as_mut() else { return };
        provisional.rseq = if provisional.rseq == 0 { first } else { provisional.rseq + 1 };
        // Digits and a constant hold no line break.
        let _ = response.headers.push("Require", reliable::OPTION);
        let _ = response.headers.push("RSeq", provisional.rseq.to_string());
        // One description is enough: what was said reliably once is not said again (section 5).
        if let Some(sdp) = sdp.filter(|_| !session.described) {
            response = response.with_sdp(&sdp);
            session.described = true;
            session.open = late.then_some(Side::Ours);
        }
        self.transactions.respond(now, key, &response);
        provisional.waiting = Some(Waiting { response, interval: timing.t1, again, over });
    }

    /// Section 3: at T1, then at twice the time each, without the limit that T2 is to other answers.
    pub(super) fn repeat_provisional(&mut self, now: Now, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Phase::Incoming { key, .. } = session.phase else { return };
        let Some(waiting) = session.provisional.as_mut().and_then(|p| p.waiting.as_mut()) else {
            return;
        };
        waiting.interval *= 2;
        waiting.again = self.timers.set(now.instant + waiting.interval, Due::ProvisionalAgain(id));
        self.transactions.respond(now, key, &waiting.response);
    }

    /// The caller never acknowledged it: the call is refused (section 3).
    pub(super) fn no_prack(&mut self, now: Now, id: SessionId) {
        self.reject(now, id, Status::SERVER_TIME_OUT, None);
    }

    /// Nothing is repeated any more. A PRACK that is still on its way will be known.
    pub(super) fn stop_provisional(&mut self, id: SessionId) {
        let session = self.sessions.get_mut(&id);
        let Some(provisional) = session.and_then(|session| session.provisional.as_mut()) else {
            return;
        };
        provisional.next.clear();
        if let Some(waiting) = &provisional.waiting {
            self.timers.cancel(waiting.again);
            self.timers.cancel(waiting.over);
        }
    }

    /// Whether the 200 has to wait for a PRACK; if so, it is kept.
    pub(super) fn answer_waits(&mut self, id: SessionId, sdp: &SessionDescription) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        let Some(provisional) = session.provisional.as_mut() else { return false };
        let described = provisional.waiting.as_ref().is_some_and(Waiting::has_description);
        if described {
            provisional.next.clear();
            provisional.answer = Some(sdp.clone());
        }
        described
    }
}

/// PRACKs that arrive.
impl Endpoint {
    pub(super) fn prack_arrived(
        &mut self,
        now: Now,
        id: SessionId,
        key: ServerKey,
        request: Request,
    ) {
        let rack = match RAck::of(&request.headers) {
            Ok(rack) => rack,
            Err(_) => {
                return self.answer_now(now, key, Response::to(&request, Status::BAD_REQUEST));
            }
        };
        if !self.acknowledged(id, &rack) {
            let response = Response::to(&request, Status::CALL_DOES_NOT_EXIST);
            return self.answer_now(now, key, response);
        }
        if let Some(tag) = self.sessions.get(&id).map(|session| session.tag.clone()) {
            self.tell(Event::Heard { tag });
        }
        let description = match super::arriving::description(&request) {
            Ok(description) => description,
            Err(response) => {
                self.answer_now(now, key, *response);
                return self.after_prack(now, id);
            }
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match description {
            Some(sdp) if session.open == Some(Side::Ours) => {
                session.open = None;
                self.answer_now(now, key, Response::to(&request, Status::OK));
                self.tell(Event::ReofferAnswered { session: id, sdp: Some(sdp) });
            }
            Some(sdp) => return self.offered_in_prack(now, id, key, request, sdp),
            None => self.answer_now(now, key, Response::to(&request, Status::OK)),
        }
        self.after_prack(now, id);
    }

    /// Whether `rack` names the answer that waits for it (section 3: 481 if not).
    fn acknowledged(&mut self, id: SessionId, rack: &RAck) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        let number = match &session.phase {
            Phase::Incoming { request, .. } => request.cseq().map(|cseq| cseq.number).ok(),
            // The 200 may be faster than the PRACK of an answer without a description.
            _ => Some(rack.cseq.number),
        };
        let Some(provisional) = session.provisional.as_mut() else { return false };
        let ours = rack.cseq.method == Method::INVITE
            && Some(rack.cseq.number) == number
            && rack.rseq == provisional.rseq;
        let Some(waiting) = provisional.waiting.take_if(|_| ours) else { return false };
        self.timers.cancel(waiting.again);
        self.timers.cancel(waiting.over);
        true
    }

    /// An offer in a PRACK is answered in its 200 (section 5).
    fn offered_in_prack(
        &mut self,
        now: Now,
        id: SessionId,
        key: ServerKey,
        request: Request,
        sdp: SessionDescription,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        // The answer to the INVITE's offer was in what this PRACK acknowledges, or has yet to be given.
        if let Some(why) = offers::in_the_way(session) {
            self.not_now(now, key, &request, why);
            return self.after_prack(now, id);
        }
        session.reoffer = Some((key, request));
        self.by_server.insert(key, id);
        self.tell(Event::Reoffered { session: id, sdp: Some(sdp) });
    }

    /// What had to wait for the PRACK goes out: the next provisional answer, or the 200.
    pub(super) fn after_prack(&mut self, now: Now, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(provisional) = session.provisional.as_mut() else { return };
        if provisional.waiting.is_some() {
            return;
        }
        if let Some(sdp) = provisional.answer.take() {
            self.answer(now, id, &sdp);
        } else if let Some((status, sdp)) = provisional.next.pop_front() {
            self.send_provisional(now, id, status, sdp);
        }
    }
}

/// The peer's provisional answers.
impl Endpoint {
    /// Takes note of a provisional answer to our INVITE. Answers whether it is to be told: one that comes out of order,
    /// again, or from yet another fork is not (section 4).
    pub(super) fn provisional_arrived(
        &mut self,
        now: Now,
        id: SessionId,
        response: &Response,
        flow: Flow,
    ) -> bool {
        let tagged = response.headers.to().is_ok_and(|to| to.tag().is_some());
        if response.status == Status::TRYING || !tagged {
            return true;
        }
        let Some(at) = self.early_dialog(id, response, flow) else { return false };
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        let Phase::Calling(calling) = &mut session.phase else { return false };
        let Some(number) = reliable::rseq(response).filter(|_| calling.reliable != Policy::Never)
        else {
            return true;
        };
        let Some(early) = calling.early.get_mut(at) else { return false };
        let in_order = early.rseq.is_none_or(|last| last.checked_add(1) == Some(number));
        if !in_order {
            return false;
        }
        early.rseq = Some(number);
        let invite = calling.request.cseq().map(|cseq| cseq.number).unwrap_or(0);
        let mut prack = early.dialog.request(Method::PRACK, None);
        let (route, local) = (early.dialog.route(), early.dialog.local_address());
        if !response.body.is_empty() && session.open == Some(Side::Ours) {
            session.open = None;
        }
        // Digits and a method's name.
        let _ = prack.headers.push("RAck", RAck::text(number, invite));
        let key = self.send_request(now, route, local, &mut prack);
        // Should it fail, so will the INVITE.
        self.purposes.insert(key, Purpose::Farewell);
        self.may_be_challenged(key, id, route, &prack);
        true
    }

    /// The place of the dialog that `response` begins or goes on with; nothing where there are too many.
    fn early_dialog(&mut self, id: SessionId, response: &Response, flow: Flow) -> Option<usize> {
        let session = self.sessions.get_mut(&id)?;
        let Phase::Calling(calling) = &mut session.phase else { return None };
        let side = own_side(flow, &calling.request);
        let dialog = Dialog::of_client(&calling.request, response, side).ok()?;
        let known = calling.early.iter().position(|early| early.dialog.id == dialog.id);
        if let Some(at) = known {
            let early = calling.early.get_mut(at)?;
            early.dialog.refresh(response.contact().ok().flatten(), None);
            return Some(at);
        }
        if calling.early.len() >= usize::from(MAX_FORKS) {
            *self.refused.entry("SIP answers of too many forks dropped").or_default() += 1;
            return None;
        }
        self.by_dialog.insert(dialog.id.clone(), id);
        calling.early.push(Early { dialog, rseq: None });
        Some(calling.early.len() - 1)
    }

    /// Forgets the dialogs of an INVITE that was answered or is sent again. Answers the one of this name.
    pub(super) fn forget_early(
        &mut self,
        id: SessionId,
        name: Option<&DialogId>,
    ) -> Option<Dialog> {
        let session = self.sessions.get_mut(&id)?;
        let Phase::Calling(calling) = &mut session.phase else { return None };
        let early = std::mem::take(&mut calling.early);
        for early in &early {
            self.by_dialog.remove(&early.dialog.id);
        }
        early.into_iter().map(|early| early.dialog).find(|dialog| Some(&dialog.id) == name)
    }
}

/// Offers that come at the wrong moment.
impl Endpoint {
    /// Says why an offer of the peer's cannot be taken now.
    pub(super) fn not_now(
        &mut self,
        now: Now,
        key: ServerKey,
        request: &Request,
        why: offers::NotNow,
    ) {
        let response = match why {
            offers::NotNow::Crossed => Response::to(request, Status::REQUEST_PENDING),
            offers::NotNow::Busy => self.try_later(request),
        };
        self.answer_now(now, key, response);
    }
}
