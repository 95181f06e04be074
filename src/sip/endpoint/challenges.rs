//! Challenges to our own requests: what is answered, to whom, and what never is.
//!
//! An account's password is worth something to whoever can guess it from a digest, so one is made only for the server
//! that the request was sent to, only for the account's realm, and never with a weaker hash than the carrier has already
//! asked that account for: who forges a challenge with MD5 alone gets nothing.

use super::{ClientKey, Endpoint, SessionId};
use crate::sip::auth::{self, Algorithm, Credentials};
use crate::sip::dialog::DialogId;
use crate::sip::flow::{Flow, Route};
use crate::sip::message::{Request, Response, Status};
use crate::sip::session::Phase;
use crate::time::Now;

/// A request within a call that may be challenged, as it was sent.
#[derive(Debug)]
pub(super) struct Sent {
    session: SessionId,
    request: Box<Request>,
    route: Route,
    credentials: Credentials,
}

impl Endpoint {
    /// Adds the answer to a challenge and counts CSeq up (RFC 3261 section 22.2). Answers whether there was one to give.
    pub(super) fn authorize(
        &mut self,
        request: &mut Request,
        response: &Response,
        credentials: Option<&Credentials>,
    ) -> bool {
        let (challenge, header) = match response.status {
            Status::UNAUTHORIZED => ("WWW-Authenticate", "Authorization"),
            Status::PROXY_AUTHENTICATION_REQUIRED => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return false,
        };
        let Some(credentials) = credentials else { return false };
        let challenges: Vec<_> = response.headers.all(challenge).collect();
        if !self.is_strong_enough(&challenges, credentials) {
            return false;
        }
        let cnonce = self.random.hex(8);
        let uri = request.uri.to_string();
        let answer = auth::answer(&challenges, credentials, &request.method, &uri, 1, &cnonce);
        let (Some(answer), Ok(cseq)) = (answer, request.cseq()) else { return false };
        let number = format!("{} {}", cseq.number + 1, request.method.as_str());
        request.headers.set(header, answer).is_ok() && request.headers.set("CSeq", number).is_ok()
    }

    /// Whether the strongest of these challenges is no weaker than what this account was asked for before (RFC 8760
    /// section 2.4 has the downgrade).
    fn is_strong_enough(&mut self, challenges: &[&str], credentials: &Credentials) -> bool {
        let Some(strongest) = auth::strongest(challenges, credentials) else { return false };
        let known = self.strongest.iter_mut().find(|(account, _)| account == credentials);
        match known {
            Some((_, before)) if strongest < *before => {
                tracing::warn!("a challenge with a weaker hash than before was not answered");
                *self.refused.entry("digest challenges refused: weaker hash").or_default() += 1;
                return false;
            }
            Some((_, before)) => *before = strongest,
            None => self.strongest.push((credentials.clone(), strongest)),
        }
        true
    }

    /// Remembers a request within a call of an account of ours, in case the carrier challenges it.
    pub(super) fn may_be_challenged(
        &mut self,
        key: ClientKey,
        session: SessionId,
        route: Route,
        request: &Request,
    ) {
        let credentials = self.sessions.get(&session).and_then(|own| match &own.phase {
            Phase::Calling(calling) => calling.credentials.clone(),
            _ => own.credentials.clone(),
        });
        if let Some(credentials) = credentials {
            let request = Box::new(request.clone());
            self.challengeable.insert(key, Sent { session, request, route, credentials });
        }
    }

    /// Answers a challenge to a request within a call, once, if it comes from where the request went. Answers whether
    /// it was sent again: then its outcome is another's.
    pub(super) fn answer_challenge(
        &mut self,
        now: Now,
        key: ClientKey,
        response: &Response,
        flow: Flow,
    ) -> bool {
        if response.status.is_provisional() {
            return false;
        }
        let Some(sent) = self.challengeable.remove(&key) else { return false };
        let Sent { session, mut request, route, credentials } = sent;
        let local = super::sent_by(&request).filter(|_| flow.peer.ip() == route.peer().ip());
        let Some(local) = local else { return false };
        if !self.authorize(&mut request, response, Some(&credentials)) {
            return false;
        }
        let name = DialogId::of_own_request(&request.headers);
        let own = self.sessions.get_mut(&session).zip(name);
        if let Some(dialog) = own.and_then(|(own, name)| own.dialog_mut(&name)) {
            let number = format!("{} {}", dialog.count_up(), request.method.as_str());
            // Digits and a method's name.
            let _ = request.headers.set("CSeq", number);
        }
        let again = self.send_request(now, route, local, &mut request);
        if let Some(purpose) = self.purposes.remove(&key) {
            self.purposes.insert(again, purpose);
        }
        let offer = self.sessions.get_mut(&session).and_then(|own| own.own_offer.as_mut());
        if let Some(offer) = offer.filter(|offer| offer.key == key) {
            offer.key = again;
        }
        true
    }
}

/// What each account was asked for so far.
pub(super) type Strongest = Vec<(Credentials, Algorithm)>;
