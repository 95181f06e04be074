//! What others may need to know of a session: the names of its dialog, and how far it is.

use super::{Endpoint, SessionId};
use crate::sip::session::Phase;

/// A session's dialog, from our side of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub ours: String,
    /// The peer's tag; nothing until it has answered something with one.
    pub theirs: Option<String>,
    /// Whether the INVITE was answered.
    pub confirmed: bool,
}

impl Endpoint {
    /// The names of a session's dialog.
    pub fn names(&self, id: SessionId) -> Option<Names> {
        let session = self.sessions.get(&id)?;
        if let Some(dialog) = &session.dialog {
            let confirmed = matches!(session.phase, Phase::Confirmed);
            let (ours, theirs) = (dialog.id.local.clone(), Some(dialog.id.remote.clone()));
            return Some(Names { call_id: dialog.id.call_id.clone(), ours, theirs, confirmed });
        }
        let (headers, theirs) = match &session.phase {
            Phase::Incoming { request, .. } => {
                let from = request.headers.from().ok();
                (&request.headers, from.and_then(|from| from.tag().map(str::to_owned)))
            }
            Phase::Calling(calling) => {
                // Of several phones behind the peer, the last that rang.
                let rang = calling.early.last().map(|early| early.dialog.id.remote.clone());
                (&calling.request.headers, rang)
            }
            Phase::Confirmed => return None,
        };
        let call_id = headers.call_id().ok()?.to_owned();
        Some(Names { call_id, ours: session.tag.clone(), theirs, confirmed: false })
    }
}
