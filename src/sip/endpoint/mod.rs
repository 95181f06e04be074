//! The SIP endpoint: bytes in, sessions and requests out.
//!
//! Owns transactions, dialogs and INVITE sessions, and answers by itself what needs no decision: retransmissions, stray
//! requests, requests it does not know, digest challenges to its own requests. Who may call and where a call goes is
//! decided above. Registrations, trunks and passwords are other modules' business.

mod answers;
mod arriving;
pub mod carried;
mod challenges;
mod names;
mod offers;
mod provisional;
mod sessions;
mod timers;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use ring::hmac;

use crate::random::Random;
use crate::sip::auth::{self, Credentials};
use crate::sip::dialog::DialogId;
use crate::sip::flow::{Flow, Route};
use crate::sip::message::{self, Headers, Rejected, Request, Response, Status, Transport, Via};
use crate::sip::refer::{ReferTo, Replaces};
use crate::sip::reliable::{self, Policy};
use crate::sip::sdp::SessionDescription;
use crate::sip::session::{Invited, Phase, Session};
use crate::sip::session_timer;
use crate::sip::transaction::{self, MAGIC_COOKIE, Timing, Transactions};
use crate::sip::uri::{NameAddr, Uri, host_port};
use crate::time::{Now, Timers, earliest};

pub use names::Names;

pub use crate::sip::session::{Ended, SessionId};
pub use crate::sip::transaction::{ClientKey, ServerKey};

/// What the endpoint is told once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The User-Agent and Server header.
    pub user_agent: String,
    /// The protocol's timers.
    pub timing: Timing,
    /// Server transactions at once; each holds a message and its answer, about 4 kB.
    pub max_transactions: usize,
    /// Sessions at once.
    pub max_sessions: usize,
    /// Seconds after which a session that nobody refreshed is over (RFC 4028), 90 at least; none, when absent.
    pub session_expires: Option<u32>,
    /// Whether MESSAGE is taken (RFC 3428).
    pub messages: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            user_agent: "Branchline".to_owned(),
            timing: Timing::default(),
            max_transactions: 50_000,
            // Strangers hold none: this is above whatever the limits of calls let through.
            max_sessions: 50_000,
            session_expires: Some(1_800),
            messages: false,
        }
    }
}

/// An INVITE to send.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Where to.
    pub route: Route,
    /// Our address, for Via and Contact.
    pub local: SocketAddr,
    /// The Request-URI.
    pub uri: Uri,
    /// Who calls; the tag is added.
    pub from: NameAddr,
    /// Who is called.
    pub to: NameAddr,
    /// More headers.
    pub headers: Headers,
    /// The offer; without one the peer makes it.
    pub sdp: Option<SessionDescription>,
    /// What travels beside the offer.
    pub beside: Option<message::Part>,
    /// To answer a challenge with.
    pub credentials: Option<Credentials>,
    /// Whether provisional answers to it may or must be reliable.
    pub reliable: Policy,
}

/// What comes of an input.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // an event is moved once, from here to whoever carries it out
pub enum Output {
    /// Send this.
    Send {
        /// Where to.
        route: Route,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Somebody above must know.
    Event(Event),
}

/// What somebody above must know.
#[derive(Debug)]
pub enum Event {
    /// A request outside of calls; to be answered with [`Endpoint::respond`].
    Request {
        /// Its transaction.
        key: ServerKey,
        /// The request.
        request: Request,
        /// How it came.
        flow: Flow,
    },
    /// The final answer to a request of ours.
    Response {
        /// The key that [`Endpoint::request`] gave.
        key: ClientKey,
        /// The answer.
        response: Response,
    },
    /// A request of ours got no answer.
    Failed {
        /// The key that [`Endpoint::request`] gave.
        key: ClientKey,
        /// Why.
        why: Failure,
    },
    /// A new call.
    Invited {
        /// Its session.
        session: SessionId,
        /// The INVITE.
        request: Request,
        /// The offer in it.
        offer: Option<SessionDescription>,
        /// The dialog whose place it wants to take.
        replaces: Option<Replaces>,
        /// How it came.
        flow: Flow,
    },
    /// A provisional answer to our INVITE.
    Progress {
        /// The session.
        session: SessionId,
        /// Which.
        status: Status,
        /// An early answer to our offer.
        sdp: Option<SessionDescription>,
    },
    /// Our INVITE was answered; the ACK is sent.
    Answered {
        /// The session.
        session: SessionId,
        /// The answer to our offer.
        sdp: Option<SessionDescription>,
    },
    /// Our answer was acknowledged.
    Confirmed {
        /// The session.
        session: SessionId,
        /// The answer, where the offer was ours.
        sdp: Option<SessionDescription>,
    },
    /// The peer offers anew within the call.
    Reoffered {
        /// The session.
        session: SessionId,
        /// The offer; without one the peer asks for ours.
        sdp: Option<SessionDescription>,
    },
    /// Our offer within the call was answered.
    ReofferAnswered {
        /// The session.
        session: SessionId,
        /// The answer.
        sdp: Option<SessionDescription>,
    },
    /// Our offer within the call was refused; what was agreed before stands.
    ReofferRefused {
        /// The session.
        session: SessionId,
        /// With this.
        status: Status,
    },
    /// An INFO within the call; it has been answered.
    Info {
        /// The session.
        session: SessionId,
        /// Its Content-Type.
        content_type: String,
        /// Its body.
        body: Vec<u8>,
    },
    /// The peer wants to transfer the call; answer with [`Endpoint::accept_refer`] or a refusal.
    Refer {
        /// The session.
        session: SessionId,
        /// Its transaction.
        key: ServerKey,
        /// The request.
        request: Request,
        /// Where to.
        to: ReferTo,
        /// Where it came from.
        flow: Flow,
    },
    /// Offer anew what was agreed: the session is to be refreshed and the peer takes no UPDATE, or an offer of ours
    /// could not be made when it was wanted.
    OfferDue {
        /// The session.
        session: SessionId,
    },
    /// A request within the session came from another host than the session's; answer with [`Endpoint::admit`] or a
    /// refusal.
    Elsewhere {
        /// The session.
        session: SessionId,
        /// Its transaction.
        key: ServerKey,
        /// The request.
        request: Request,
        /// How it came.
        flow: Flow,
    },
    /// Somebody who called us has heard our answer: what came back names the tag of ours that was in it. Maybe after the
    /// session is over.
    Heard {
        /// Our tag ([`Endpoint::names`]).
        tag: String,
    },
    /// The session is over. Once for each session; after it the id means nothing.
    Ended {
        /// The session.
        session: SessionId,
        /// Why.
        cause: Ended,
    },
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The peer called and has no final answer yet.
    CallsUs,
    /// We called and have no final answer yet.
    Called,
    /// Answered.
    Up,
}

/// Why a request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing came back in time.
    Timeout,
    /// It could not be sent.
    Unreachable,
}

/// What we do (RFC 3261 section 20.5).
const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, OPTIONS, INFO, REFER, REGISTER, SUBSCRIBE";
/// The same where somebody is written to.
const ALLOW_AND_MESSAGE: &str =
    "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, OPTIONS, INFO, REFER, REGISTER, SUBSCRIBE, MESSAGE";
/// Extensions that we know; a `Require` for another is refused with 420.
const SUPPORTED: [&str; 3] = [session_timer::OPTION, reliable::OPTION, "replaces"];

/// Answers of lost forks that are acknowledged and hung up on, for one INVITE (bad-input table row 20): a phone forks to
/// a few others, a forger to as many as he likes.
const MAX_FORKS: u8 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Repeat a 2xx.
    Again(SessionId),
    /// Its ACK never came.
    NoAck(SessionId),
    /// A session is to be refreshed, or was not in time.
    Session(SessionId),
    /// Repeat a reliable provisional answer.
    ProvisionalAgain(SessionId),
    /// Its PRACK never came.
    NoPrack(SessionId),
    /// Make an offer again that crossed one of the peer's.
    Offer(SessionId),
}

#[derive(Debug)]
enum Purpose {
    /// A request that somebody above sent.
    Plain {
        /// The key that whoever sent it knows, if this is the second try.
        asked: Option<ClientKey>,
        request: Box<Request>,
        route: Route,
        credentials: Option<Credentials>,
        challenged: bool,
    },
    /// The INVITE of a session, and how many answers of forks that lost were taken.
    Invite(SessionId, u8),
    /// An INVITE within a session.
    Reinvite(SessionId),
    /// A request whose answer changes nothing: BYE, CANCEL.
    Farewell,
    /// An INFO: 481 ends the session.
    Within(SessionId),
    /// An UPDATE that keeps the session alive.
    Refresh(SessionId, session_timer::Agreed),
}

/// The endpoint.
#[derive(Debug)]
pub struct Endpoint {
    settings: Settings,
    random: Random,
    transactions: Transactions,
    /// Each on its own: they are large, and a table of them that grows would move them all.
    sessions: HashMap<SessionId, Box<Session>>,
    by_dialog: HashMap<DialogId, SessionId>,
    by_server: HashMap<ServerKey, SessionId>,
    by_invite: HashMap<Invited, SessionId>,
    purposes: HashMap<ClientKey, Purpose>,
    timers: Timers<Due>,
    outputs: VecDeque<Output>,
    next: u64,
    refused: BTreeMap<&'static str, u64>,
    /// Requests within calls that may be challenged.
    challengeable: HashMap<ClientKey, challenges::Sent>,
    /// The strongest hash that each account of ours was asked for.
    strongest: challenges::Strongest,
    /// What To tags of stateless answers are made with.
    tag_key: hmac::Key,
}

impl Endpoint {
    /// What we do outside of a dialog.
    fn allow(&self) -> &'static str {
        if self.settings.messages { ALLOW_AND_MESSAGE } else { ALLOW }
    }
}

impl Endpoint {
    /// An endpoint without calls.
    pub fn new(settings: Settings, mut random: Random) -> Self {
        let mut key = [0; 32];
        random.fill(&mut key);
        Endpoint {
            tag_key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            transactions: Transactions::new(settings.timing, settings.max_transactions),
            settings,
            random,
            sessions: HashMap::new(),
            by_dialog: HashMap::new(),
            by_server: HashMap::new(),
            by_invite: HashMap::new(),
            purposes: HashMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            next: 0,
            refused: BTreeMap::new(),
            challengeable: HashMap::new(),
            strongest: Vec::new(),
        }
    }

    /// So many calls' legs are taken at once from now on.
    pub fn handle_most_sessions(&mut self, most: usize) {
        self.settings.max_sessions = most;
    }

    /// Whether MESSAGE is taken from now on.
    pub fn handle_messages(&mut self, taken: bool) {
        self.settings.messages = taken;
    }

    /// One datagram or one framed message arrived. Answers whether it could be read.
    pub fn handle_received(&mut self, now: Now, flow: Flow, bytes: &[u8]) -> bool {
        let parsed = message::parse(bytes, flow.transport.is_reliable());
        let readable = parsed.is_ok();
        match parsed {
            Ok(message) => self.transactions.handle_message(now, flow, message),
            Err(Rejected::Drop(_)) => *self.refused.entry("SIP messages dropped").or_default() += 1,
            Err(Rejected::Answer(response, _)) => {
                *self.refused.entry("SIP requests malformed").or_default() += 1;
                self.send(Route::Flow(flow), response.encode());
            }
        }
        self.settle(now);
        readable
    }

    /// The driver could not send there.
    pub fn handle_unreachable(&mut self, now: Now, route: &Route) {
        self.transactions.handle_unreachable(route);
        self.settle(now);
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.transactions.handle_timeout(now);
        self.settle(now);
        while let Some(due) = self.timers.pop_due(now.instant) {
            match due {
                Due::Again(id) => self.repeat_answer(now, id),
                Due::NoAck(id) => self.no_ack(now, id),
                Due::Session(id) => self.session_due(now, id),
                Due::ProvisionalAgain(id) => self.repeat_provisional(now, id),
                Due::NoPrack(id) => self.no_prack(now, id),
                Due::Offer(id) => self.offer_again(id),
            }
        }
        self.settle(now);
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        earliest(self.transactions.deadline(), self.timers.deadline())
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Sessions and transactions that are alive.
    pub fn alive(&self) -> (usize, usize) {
        (self.sessions.len(), self.transactions.len())
    }

    /// The most sessions and transactions at a time.
    pub fn limits(&self) -> (usize, usize) {
        (self.settings.max_sessions, self.settings.max_transactions)
    }

    /// What was refused or dropped so far, by reason.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let full = ("SIP requests dropped: too many transactions", self.transactions.overflowed);
        self.refused.iter().map(|(name, count)| (*name, *count)).chain([full])
    }

    fn send(&mut self, route: Route, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Send { route, bytes });
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn settle(&mut self, now: Now) {
        while let Some(output) = self.transactions.poll_output() {
            match output {
                transaction::Output::Send { route, bytes } => self.send(route, bytes),
                transaction::Output::Request { key, request, flow } => {
                    self.request_arrived(now, key, request, flow);
                }
                transaction::Output::Ack(request) => self.ack_arrived(now, &request),
                transaction::Output::Heard(tag) => self.tell(Event::Heard { tag }),
                transaction::Output::Cancelled(key) => self.cancel_arrived(now, key),
                transaction::Output::Response { key, response, flow } => {
                    self.response_arrived(now, key, response, flow);
                }
                transaction::Output::Failed { key, unreachable } => {
                    self.request_failed(now, key, unreachable);
                }
                transaction::Output::Gone(key) => {
                    self.challengeable.remove(&key);
                    self.purposes.remove(&key);
                }
            }
        }
    }
}

/// What somebody above wants with requests.
impl Endpoint {
    /// Answers a request.
    pub fn respond(&mut self, now: Now, key: ServerKey, mut response: Response) {
        if response.headers.to().is_ok_and(|to| to.tag().is_none()) {
            let tag = self.random.hex(8);
            response = response.with_to_tag(&tag);
        }
        let agent = self.settings.user_agent.clone();
        // A product name from the settings; one with a line break would simply not be sent.
        let _ = response.headers.push("Server", agent);
        self.transactions.respond(now, key, &response);
        self.settle(now);
    }

    /// Answers a request and keeps nothing of it: for answers that anybody can provoke without a password. A repeated
    /// request is answered again, with the same To tag (RFC 3261 section 8.2.7).
    pub fn respond_once(
        &mut self,
        now: Now,
        key: ServerKey,
        request: &Request,
        response: Response,
    ) {
        let mut response = response;
        if response.headers.to().is_ok_and(|to| to.tag().is_none()) {
            response = response.with_to_tag(&self.stateless_tag(request));
        }
        let _ = response.headers.push("Server", self.settings.user_agent.clone());
        self.transactions.respond_once(key, &response);
        self.settle(now);
    }

    /// The session of a dialog, in either of the ways that it may be written.
    pub fn session_of(&self, dialogs: &[DialogId]) -> Option<SessionId> {
        dialogs.iter().find_map(|dialog| self.by_dialog.get(dialog).copied())
    }

    /// How far a session is.
    pub fn stage(&self, id: SessionId) -> Option<Stage> {
        Some(match self.sessions.get(&id)?.phase {
            Phase::Incoming { .. } => Stage::CallsUs,
            Phase::Calling(_) => Stage::Called,
            Phase::Confirmed => Stage::Up,
        })
    }

    /// The way that a session's requests come and go; nothing before its peer has answered.
    pub fn flow(&self, id: SessionId) -> Option<Flow> {
        let session = self.sessions.get(&id)?;
        match &session.phase {
            Phase::Incoming { flow, .. } => Some(*flow),
            _ => session.dialog.as_ref().map(|dialog| dialog.flow()),
        }
    }

    /// The dialogs of a session: one, or those of the phones that ring for it.
    pub fn dialogs_of(&self, id: SessionId) -> Vec<DialogId> {
        let Some(session) = self.sessions.get(&id) else { return Vec::new() };
        let early = match &session.phase {
            Phase::Calling(calling) => calling.early.as_slice(),
            _ => &[],
        };
        let early = early.iter().map(|early| &early.dialog);
        session.dialog.iter().chain(early).map(|dialog| dialog.id.clone()).collect()
    }

    /// The Call-ID of a session; none once it is over.
    pub fn call_id(&self, id: SessionId) -> Option<&str> {
        let session = self.sessions.get(&id)?;
        match (&session.dialog, &session.phase) {
            (Some(dialog), _) => Some(&dialog.id.call_id),
            (None, Phase::Incoming { request, .. }) => request.call_id().ok(),
            (None, Phase::Calling(calling)) => calling.request.call_id().ok(),
            (None, Phase::Confirmed) => None,
        }
    }

    fn stateless_tag(&self, request: &Request) -> String {
        let branch = request.top_via().ok().and_then(|via| via.branch().map(str::to_owned));
        let call = request.headers.get("Call-ID").unwrap_or_default();
        let sealed = hmac::sign(&self.tag_key, format!("{call} {branch:?}").as_bytes());
        auth::hex(sealed.as_ref().get(..8).unwrap_or_default())
    }

    /// Drops a request without an answer.
    pub fn forget(&mut self, key: ServerKey) {
        self.transactions.forget(key);
    }

    /// Sends a request outside of calls. What is missing of From tag, To, Call-ID, CSeq and Max-Forwards is added. One
    /// challenge is answered with `credentials`.
    pub fn request(
        &mut self,
        now: Now,
        route: Route,
        local: SocketAddr,
        mut request: Request,
        credentials: Option<Credentials>,
    ) -> ClientKey {
        self.complete(&mut request);
        let key = self.send_request(now, route, local, &mut request);
        let request = Box::new(request);
        let purpose =
            Purpose::Plain { asked: None, request, route, credentials, challenged: false };
        self.purposes.insert(key, purpose);
        self.settle(now);
        key
    }

    fn complete(&mut self, request: &mut Request) {
        if let Ok(from) = request.headers.from()
            && from.tag().is_none()
        {
            let tagged = from.with_tag(&self.random.hex(8));
            let _ = request.headers.set("From", tagged.to_string());
        }
        let missing = [
            ("Call-ID", self.random.hex(16)),
            ("CSeq", format!("{} {}", 1 + self.random.below(1 << 16), request.method.as_str())),
            ("Max-Forwards", "70".to_owned()),
            ("User-Agent", self.settings.user_agent.clone()),
        ];
        for (name, value) in missing {
            if request.headers.get(name).is_none() {
                // Made of hexadecimal digits, method names and the product's name.
                let _ = request.headers.push(name, value);
            }
        }
    }

    /// Gives the request a Via with a new branch, and sends it.
    fn send_request(
        &mut self,
        now: Now,
        route: Route,
        local: SocketAddr,
        request: &mut Request,
    ) -> ClientKey {
        let branch = format!("{MAGIC_COOKIE}{}", self.random.hex(12));
        let (host, port) = host_port(local);
        let via = Via::new(route.transport(), host, Some(port), &branch);
        request.headers.remove("Via");
        let _ = request.headers.insert_first("Via", via.to_string());
        self.transactions.request(now, route, request)
    }

    fn mint(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// Our side of the flow that an answer came on: its local address is what we wrote into the Via.
fn own_side(flow: Flow, request: &Request) -> Flow {
    Flow { local: sent_by(request).unwrap_or(flow.local), ..flow }
}

/// The address in our own Via.
fn sent_by(request: &Request) -> Option<SocketAddr> {
    let via = request.top_via().ok()?;
    Some(SocketAddr::new(via.host.ip()?, via.port.unwrap_or(5060)))
}

/// Our Contact on a flow.
fn contact(local: SocketAddr, transport: Transport) -> NameAddr {
    let (host, port) = host_port(local);
    let mut uri = Uri::sip(None, host, Some(port));
    match transport {
        Transport::Udp => {}
        // RFC 7118 section 5.2.3: there is one name for both.
        Transport::Ws | Transport::Wss => uri.params.set("transport", Some("ws")),
        _ => uri.params.set("transport", Some(&transport.as_str().to_ascii_lowercase())),
    }
    NameAddr::new(uri)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
