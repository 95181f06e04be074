//! Session timers in the endpoint: who refreshes, when, and what happens when nobody does (RFC 4028).

use super::{Due, Ended, Endpoint, Event, Purpose, SessionId};
use crate::sip::message::{Method, Request, Response};
use crate::sip::session::{Phase, Session};
use crate::sip::session_timer::{self, Agreed, Refresher};
use crate::time::Now;

impl Endpoint {
    /// What a 2xx of ours to an INVITE or UPDATE says of the timer, which begins anew.
    pub(super) fn answer_timer(
        &mut self,
        now: Now,
        id: SessionId,
        request: &Request,
        response: &mut Response,
    ) {
        let Some(own) = self.settings.session_expires else { return };
        let up = |session: &Session| matches!(session.phase, Phase::Confirmed);
        if !self.sessions.get(&id).map(Box::as_ref).is_some_and(up) {
            // RFC 4028 section 7.4: the timer begins with the call.
            return;
        }
        let agreed = session_timer::answer(request, response, own);
        self.learn_updates(id, request.headers.list("Allow").as_slice());
        self.run_timer(now, id, Some(agreed));
    }

    /// What a 2xx of the peer's to a request of ours says of the timer.
    pub(super) fn timer_answered(&mut self, now: Now, id: SessionId, response: &Response) {
        self.learn_updates(id, response.headers.list("Allow").as_slice());
        self.run_timer(now, id, session_timer::agreed(response));
    }

    fn learn_updates(&mut self, id: SessionId, allow: &[&str]) {
        if let Some(session) = self.sessions.get_mut(&id)
            && !allow.is_empty()
        {
            session.updates = allow.iter().any(|method| method.eq_ignore_ascii_case("UPDATE"));
        }
    }

    fn run_timer(&mut self, now: Now, id: SessionId, agreed: Option<Agreed>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Some((before, _)) = session.timer.take() {
            self.timers.cancel(before);
        }
        session.timer = agreed
            .map(|agreed| (self.timers.set(now.instant + agreed.due(), Due::Session(id)), agreed));
    }

    /// A session is to be refreshed by us, or was not refreshed by the peer.
    pub(super) fn session_due(&mut self, now: Now, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some((_, agreed)) = session.timer.take() else { return };
        if !agreed.ours {
            return self.bye(now, id, None, Ended::Expired);
        }
        if !session.updates {
            // The answer to the new offer sets the timer again; should it fail, there is another half to try in.
            self.run_timer(now, id, Some(agreed));
            return self.tell(Event::OfferDue { session: id });
        }
        let Some(dialog) = session.dialog.as_mut() else { return };
        let (route, local) = (dialog.route(), dialog.local_address());
        let mut request = dialog.request(Method::UPDATE, None);
        let contact = super::contact(local, route.transport()).to_string();
        // Made of an address.
        let _ = request.headers.push("Contact", contact);
        let _ = request.headers.push("Supported", super::SUPPORTED.join(", "));
        session_timer::ask(&mut request, agreed.seconds, Some(Refresher::Uac));
        let key = self.send_request(now, route, local, &mut request);
        self.purposes.insert(key, Purpose::Refresh(id, agreed));
        self.may_be_challenged(key, id, route, &request);
    }

    /// The peer answered our UPDATE. Whatever it said except that the call is gone, it is there.
    pub(super) fn refreshed(
        &mut self,
        now: Now,
        id: SessionId,
        response: &Response,
        before: Agreed,
    ) {
        let agreed = match response.status.is_success() {
            true => session_timer::agreed(response).unwrap_or(before),
            false => before,
        };
        self.run_timer(now, id, Some(agreed));
    }
}
