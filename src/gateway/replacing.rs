//! INVITE with Replaces (RFC 3891): a phone answers a call that rings elsewhere, or goes on with its own conversation.

use crate::call::Arrival;
use crate::call::plan::{Destination, Origin, Why};
use crate::call::record::Peer;
use crate::gateway::Gateway;
use crate::id::{CallId, ExtensionId, LegId};
use crate::sip::endpoint::{SessionId, Stage};
use crate::sip::flow::Flow;
use crate::sip::message::{Request, Response, Status};
use crate::sip::refer::Replaces;
use crate::sip::sdp::SessionDescription;
use crate::time::Now;

impl Gateway {
    /// A party that has shown who it is wants the place of another in a call. Desk phones may answer what rings at a
    /// colleague's phone of their pickup group, and go on with a conversation of their own; nobody else may anything.
    pub(super) fn replace(
        &mut self,
        now: Now,
        session: SessionId,
        (request, offer, flow): (&Request, Option<SessionDescription>, Flow),
        (peer, dialled): (Peer, String),
        replaces: &Replaces,
    ) {
        let found = match &peer {
            Peer::Extension(phone) => self.replaced(phone, replaces),
            Peer::Trunk(_) | Peer::Chat(_) => Err(Status::FORBIDDEN),
        };
        let (extension, replaced) = match (&peer, found) {
            (Peer::Extension(extension), Ok(replaced)) => (extension.clone(), replaced),
            (_, found) => {
                let status = found.err().unwrap_or(Status::FORBIDDEN);
                return self.endpoint.refuse_once(now, session, Response::to(request, status));
            }
        };
        let destination = Destination::Nowhere(Why::Unknown);
        self.endpoint.trying(now, session);
        let leg = self.caller_leg(session, &peer, offer, flow, false);
        let call = CallId(self.random.bits());
        tracing::info!(%call, from = %peer, "a call takes the place of another");
        self.watch(call, leg, session);
        let (origin, from) = (Origin::Extension(extension.clone()), extension.to_string());
        let (name, to, diverted_by) = (None, dialled, None);
        let arrival = Arrival { call, leg, peer, origin, from, name, to, diverted_by, destination };
        self.calls.handle_replacing(now, arrival, replaced);
    }

    /// The same right as by the feature code: every lamp tells the dialog's name, and is not the right to answer there.
    fn may_answer(&self, phone: &ExtensionId, peer: &Peer) -> bool {
        matches!(peer, Peer::Extension(other) if self.calls.may_pick_up(phone, other))
    }

    /// The leg that `phone` may take the place of, or the refusal (RFC 3891 section 3).
    fn replaced(&self, phone: &ExtensionId, replaces: &Replaces) -> Result<LegId, Status> {
        let session = self.endpoint.session_of(&replaces.dialogs());
        let stage = session.and_then(|session| self.endpoint.stage(session));
        let leg = session.and_then(|session| self.legs.of_session(session));
        let (Some(stage), Some(id)) = (stage, leg) else { return Err(Status::CALL_DOES_NOT_EXIST) };
        let Some(leg) = self.legs.get(id) else { return Err(Status::CALL_DOES_NOT_EXIST) };
        let of_branch = matches!(leg.peer, Peer::Extension(_)) && !leg.help;
        match stage {
            // A caller's own dialog does not ring anywhere: it is not one that may be picked up.
            Stage::CallsUs => Err(Status::CALL_DOES_NOT_EXIST),
            Stage::Called if of_branch && self.may_answer(phone, &leg.peer) => Ok(id),
            Stage::Up if replaces.early_only => Err(Status::BUSY_HERE),
            Stage::Up if of_branch && leg.peer == Peer::Extension(phone.clone()) => {
                self.calls.partner(id).map(|_| id).ok_or(Status::DECLINE)
            }
            Stage::Called | Stage::Up => Err(Status::FORBIDDEN),
        }
    }
}
