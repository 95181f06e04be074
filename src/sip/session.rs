//! INVITE sessions: what a call is to one user agent, from the first INVITE to the last BYE (RFC 3261 sections 13 to 15).
//!
//! Holds the state of one session. [`crate::sip::endpoint`] moves it: it alone sends and tells.

use std::time::Duration;

use crate::sip::auth::Credentials;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::flow::{Flow, Route};
use crate::sip::message::{Request, Status};
use crate::sip::reliable::{Policy, Provisional};
use crate::sip::session_timer::Agreed;
use crate::sip::transaction::{ClientKey, ServerKey};
use crate::sip::uri::Uri;
use crate::time::TimerId;

/// One INVITE session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The peer refused our INVITE.
    Refused {
        /// With this.
        status: Status,
        /// Seconds after which to try again, if it said so.
        retry_after: Option<u32>,
        /// Where else to try, if it redirected us: the preferred first, a few at most.
        contacts: Vec<Uri>,
    },
    /// We refused the peer's INVITE.
    Declined(Status),
    /// The peer took its INVITE back.
    Cancelled,
    /// The peer hung up.
    ByeReceived {
        /// Its Reason header (RFC 3326), if it gave one.
        reason: Option<String>,
    },
    /// We hung up.
    HungUp,
    /// No answer at all.
    TimedOut,
    /// No way to send.
    Unreachable,
    /// Our 2xx was never acknowledged.
    NoAck,
    /// Nobody refreshed the session in time (RFC 4028).
    Expired,
    /// The peer broke the protocol beyond repair.
    ProtocolError,
}

/// What copies of one INVITE have in common that came over several ways (section 8.2.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Invited {
    call_id: String,
    from_tag: String,
    cseq: u32,
}

impl Invited {
    pub fn of(request: &Request) -> Option<Invited> {
        Some(Invited {
            call_id: request.call_id().ok()?.to_owned(),
            from_tag: request.from().ok()?.tag()?.to_owned(),
            cseq: request.cseq().ok()?.number,
        })
    }
}

/// A 2xx that is repeated until its ACK comes (section 13.3.1.4).
#[derive(Debug)]
pub(super) struct Unacknowledged {
    pub key: ServerKey,
    pub response: crate::sip::message::Response,
    pub cseq: u32,
    pub interval: Duration,
    pub again: Option<TimerId>,
    pub over: TimerId,
}

/// How far a session is.
#[derive(Debug)]
pub(super) enum Phase {
    /// The peer's INVITE has no final answer yet.
    Incoming { key: ServerKey, request: Box<Request>, flow: Flow },
    /// Our INVITE has no final answer yet.
    Calling(Box<Calling>),
    /// Up.
    Confirmed,
}

/// Our INVITE while it waits.
#[derive(Debug)]
pub(super) struct Calling {
    pub key: ClientKey,
    pub request: Request,
    pub route: Route,
    pub credentials: Option<Credentials>,
    /// Challenges answered so far: one, or the password is wrong.
    pub challenged: bool,
    /// A provisional answer came, so it may be cancelled.
    pub provisional: bool,
    /// It was sent again with a longer session interval, as the peer asked (422).
    pub raised: bool,
    /// We want it to end; the Reason header to give.
    pub cancelled: Option<Option<String>>,
    /// Whether reliable provisional answers were offered.
    pub reliable: Policy,
    /// The dialogs that provisional answers have begun, one for each phone behind the peer.
    pub early: Vec<Early>,
}

/// A dialog that a provisional answer to our INVITE has begun (section 12.1).
#[derive(Debug)]
pub(super) struct Early {
    pub dialog: Dialog,
    /// The number of the last reliable answer in it (RFC 3262).
    pub rseq: Option<u32>,
}

/// Whose offer of the first exchange has no answer yet (RFC 3264).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Ours,
    Theirs,
}

/// An offer of ours within the call.
#[derive(Debug)]
pub(super) struct OwnOffer {
    pub key: ClientKey,
}

#[derive(Debug)]
pub(super) struct Session {
    pub tag: String,
    /// The account that the call was made with: its carrier may ask for the password again within the call.
    pub credentials: Option<Credentials>,
    /// Whether we began it, and so own its Call-ID.
    pub ours: bool,
    pub phase: Phase,
    pub dialog: Option<Dialog>,
    pub waiting_ack: Option<Unacknowledged>,
    /// The peer's INVITE within the call that waits for our answer.
    pub reoffer: Option<(ServerKey, Request)>,
    pub own_offer: Option<OwnOffer>,
    /// We want to hang up as soon as the ACK is there (section 15).
    pub hang_up: Option<Option<String>>,
    /// The session timer, while one runs.
    pub timer: Option<(TimerId, Agreed)>,
    /// Whether the peer takes UPDATE.
    pub updates: bool,
    /// Our reliable provisional answers to the peer's INVITE.
    pub provisional: Option<Box<Provisional>>,
    /// Whose offer of the first exchange is open.
    pub open: Option<Side>,
    /// The name of the INVITE that began it, if the peer's did.
    pub invited: Option<Invited>,
    /// Whether our description went out in a reliable provisional answer, so that the 2xx has none.
    pub described: bool,
    /// We want to offer anew as soon as that may be.
    pub wants_offer: bool,
    /// Runs until an offer of ours that crossed one of the peer's is made again (section 14.1).
    pub retry: Option<TimerId>,
    /// How often that was so in a row.
    pub retries: u8,
    /// The last 2xx to our INVITE was acknowledged so; repeated for each repetition of the 2xx.
    pub ack: Option<(u32, Vec<u8>, Route)>,
}

impl Session {
    /// The dialog of this name, confirmed or early.
    pub fn dialog_mut(&mut self, id: &DialogId) -> Option<&mut Dialog> {
        if self.dialog.as_ref().is_some_and(|dialog| dialog.id == *id) {
            return self.dialog.as_mut();
        }
        let Phase::Calling(calling) = &mut self.phase else { return None };
        calling.early.iter_mut().map(|early| &mut early.dialog).find(|dialog| dialog.id == *id)
    }

    pub fn new(tag: String, phase: Phase) -> Self {
        Session {
            tag,
            credentials: None,
            ours: matches!(phase, Phase::Calling(_)),
            phase,
            dialog: None,
            waiting_ack: None,
            reoffer: None,
            own_offer: None,
            hang_up: None,
            timer: None,
            updates: false,
            provisional: None,
            open: None,
            invited: None,
            described: false,
            wants_offer: false,
            retry: None,
            retries: 0,
            ack: None,
        }
    }
}
