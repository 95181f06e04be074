//! Sessions that one run of the program leaves for the next: what has to be known of a call that is up so that whoever is
//! at its far end notices nothing.
//!
//! Transactions are not carried: a request that is under way when the program ends is repeated by whoever sent it, or is
//! lost. A stream connection ends with the program; the dialog goes on over the next one.

use serde::{Deserialize, Serialize};

use super::{Due, Endpoint, SessionId};
use crate::sip::auth::Credentials;
use crate::sip::dialog::{Dialog, Record};
use crate::sip::flow::{ConnectionId, Flow};
use crate::sip::message::Malformed;
use crate::sip::session::{Phase, Session as State};
use crate::sip::session_timer::{Agreed, SHORTEST_S};
use crate::time::{Now, UnixTime};

/// Requests of ours within a call that may have gone out since it was last written down, far more than do: numbers go on
/// above them (RFC 3261 section 12.2.2: a higher number is always in order).
const UNKNOWN_REQUESTS: u32 = 1_000;

/// A session that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Our tag.
    tag: String,
    /// Whether we began it.
    ours: bool,
    dialog: Record,
    /// The number of our last request, at least.
    cseq: u32,
    pinned: bool,
    /// Whether the peer takes UPDATE.
    updates: bool,
    timer: Option<Timer>,
}

/// A session timer that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Timer {
    seconds: u32,
    ours: bool,
    due: UnixTime,
}

impl Endpoint {
    /// What the next run has to know of a session; nothing before it is answered and after it is over.
    pub fn carried(&self, now: Now, id: SessionId) -> Option<Session> {
        let state = self.sessions.get(&id)?;
        let dialog = state.dialog.as_ref().filter(|_| matches!(state.phase, Phase::Confirmed))?;
        let timer = state.timer.map(|(timer, agreed)| Timer {
            seconds: agreed.seconds,
            ours: agreed.ours,
            due: whole(now.unix + timer.due().saturating_duration_since(now.instant)),
        });
        Some(Session {
            tag: state.tag.clone(),
            ours: state.ours,
            dialog: dialog.record(),
            cseq: dialog.local_cseq(),
            pinned: dialog.is_pinned(),
            updates: state.updates,
            timer,
        })
    }

    /// Takes a session up that an earlier run has left. `credentials` are for a peer that asks for them within the call.
    ///
    /// # Errors
    /// When the dialog cannot be read, or is one that is up.
    pub fn resume(
        &mut self,
        now: Now,
        left: &Session,
        credentials: Option<Credentials>,
    ) -> Result<SessionId, Malformed> {
        let cseq = left.cseq.saturating_add(UNKNOWN_REQUESTS);
        let mut dialog = Dialog::resume(&left.dialog, cseq)?;
        if left.pinned {
            dialog = dialog.pinned();
        }
        if self.by_dialog.contains_key(&dialog.id) {
            return Err(Malformed::Syntax);
        }
        let id = SessionId(self.mint());
        let mut state = State::new(left.tag.clone(), Phase::Confirmed);
        (state.ours, state.updates, state.credentials) = (left.ours, left.updates, credentials);
        state.timer = left.timer.map(|timer| {
            let left = timer.due.since(now.unix);
            let seconds = timer.seconds.max(SHORTEST_S);
            let agreed = Agreed { seconds, ours: timer.ours };
            (self.timers.set(now.instant + left.min(agreed.due()), Due::Session(id)), agreed)
        });
        self.by_dialog.insert(dialog.id.clone(), id);
        state.dialog = Some(dialog);
        self.sessions.insert(id, Box::new(state));
        Ok(id)
    }

    /// The peer has a connection again, in the place of the one that ended with an earlier run: the dialog goes on over it.
    pub fn reconnect(&mut self, id: SessionId, flow: Flow) {
        let dialog = self.sessions.get_mut(&id).and_then(|session| session.dialog.as_mut());
        let Some(dialog) = dialog else { return };
        let before = dialog.flow();
        let lost = before.transport.is_reliable() && before.connection == ConnectionId(0);
        if lost && before.transport == flow.transport && before.peer.ip() == flow.peer.ip() {
            dialog.refresh(None, Some(flow));
        }
    }

    /// Forgets a session that was taken up, without a word to anybody.
    pub fn drop_left(&mut self, id: SessionId) {
        let Some(state) = self.sessions.remove(&id) else { return };
        state.timer.map(|(timer, _)| self.timers.cancel(timer));
        state.dialog.map(|dialog| self.by_dialog.remove(&dialog.id));
    }
}

/// To the second, so that what was written down of a session that stays as it is stays the same too.
fn whole(time: UnixTime) -> UnixTime {
    UnixTime((time.0 + 500_000).div_euclid(1_000_000) * 1_000_000)
}
