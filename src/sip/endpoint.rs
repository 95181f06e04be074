//! The SIP endpoint: bytes in, sessions and requests out.
//!
//! Owns transactions, dialogs and INVITE sessions, and answers by itself what needs no decision: retransmissions, stray
//! requests, requests it does not know, digest challenges to its own requests. Who may call and where a call goes is
//! decided above. Registrations, trunks and passwords are other modules' business.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use crate::random::Random;
use crate::sip::auth::{self, Credentials};
use crate::sip::dialog::{Dialog, DialogId, Order};
use crate::sip::flow::{Flow, Route};
use crate::sip::message::{
    self, Headers, Method, Rejected, Request, Response, Status, Transport, Via,
};
use crate::sip::sdp::SessionDescription;
use crate::sip::session::{Calling, OwnOffer, Phase, Session, Unacknowledged};
use crate::sip::transaction::{self, MAGIC_COOKIE, Timing, Transactions};
use crate::sip::uri::{NameAddr, Uri, host_port};
use crate::time::{Now, Timers, earliest};

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
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            user_agent: "Branchline".to_owned(),
            timing: Timing::default(),
            max_transactions: 50_000,
            max_sessions: 5_000,
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
    /// To answer a challenge with.
    pub credentials: Option<Credentials>,
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
    /// The session is over. Once for each session; after it the id means nothing.
    Ended {
        /// The session.
        session: SessionId,
        /// Why.
        cause: Ended,
    },
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
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REGISTER";
/// Extensions that we know; a `Require` for another is refused with 420.
const SUPPORTED: [&str; 0] = [];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Repeat a 2xx.
    Again(SessionId),
    /// Its ACK never came.
    NoAck(SessionId),
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
    /// The INVITE of a session.
    Invite(SessionId),
    /// An INVITE within a session.
    Reinvite(SessionId),
    /// A request whose answer changes nothing: BYE, CANCEL.
    Farewell,
    /// An INFO: 481 ends the session.
    Within(SessionId),
}

/// The endpoint.
#[derive(Debug)]
pub struct Endpoint {
    settings: Settings,
    random: Random,
    transactions: Transactions,
    sessions: HashMap<SessionId, Session>,
    by_dialog: HashMap<DialogId, SessionId>,
    by_server: HashMap<ServerKey, SessionId>,
    purposes: HashMap<ClientKey, Purpose>,
    timers: Timers<Due>,
    outputs: VecDeque<Output>,
    next: u64,
    refused: std::collections::BTreeMap<&'static str, u64>,
}

impl Endpoint {
    /// An endpoint without calls.
    pub fn new(settings: Settings, random: Random) -> Self {
        Endpoint {
            transactions: Transactions::new(settings.timing, settings.max_transactions),
            settings,
            random,
            sessions: HashMap::new(),
            by_dialog: HashMap::new(),
            by_server: HashMap::new(),
            purposes: HashMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            next: 0,
            refused: std::collections::BTreeMap::new(),
        }
    }

    /// One datagram or one framed message arrived.
    pub fn handle_received(&mut self, now: Now, flow: Flow, bytes: &[u8]) {
        match message::parse(bytes, flow.transport.is_reliable()) {
            Ok(message) => self.transactions.handle_message(now, flow, message),
            Err(Rejected::Drop(_)) => *self.refused.entry("SIP messages dropped").or_default() += 1,
            Err(Rejected::Answer(response, _)) => {
                *self.refused.entry("SIP requests malformed").or_default() += 1;
                self.send(Route::Flow(flow), response.encode());
            }
        }
        self.settle(now);
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
                transaction::Output::Cancelled(key) => self.cancel_arrived(now, key),
                transaction::Output::Response { key, response, flow } => {
                    self.response_arrived(now, key, response, flow);
                }
                transaction::Output::Failed { key, unreachable } => {
                    self.request_failed(now, key, unreachable);
                }
                transaction::Output::Gone(key) => {
                    self.purposes.remove(&key);
                }
            }
        }
    }
}

/// Requests that arrive.
impl Endpoint {
    fn request_arrived(&mut self, now: Now, key: ServerKey, request: Request, flow: Flow) {
        if let Some(response) = self.refusal(&request) {
            return self.answer_now(now, key, response);
        }
        let dialog = DialogId::of_request(&request.headers);
        match (dialog, &request.method) {
            (Some(dialog), _) => match self.by_dialog.get(&dialog).copied() {
                Some(id) => self.within(now, id, key, request, flow),
                None => {
                    self.answer_now(now, key, Response::to(&request, Status::CALL_DOES_NOT_EXIST));
                }
            },
            (None, method) if *method == Method::INVITE => self.invited(now, key, request, flow),
            (None, method) if *method == Method::BYE || *method == Method::UPDATE => {
                self.answer_now(now, key, Response::to(&request, Status::CALL_DOES_NOT_EXIST));
            }
            (None, _) => self.tell(Event::Request { key, request, flow }),
        }
    }

    /// What is refused before anybody looks at what it means (RFC 3261 section 8.2).
    fn refusal(&self, request: &Request) -> Option<Response> {
        if !request.method.is_known() {
            let mut response = Response::to(request, Status::NOT_IMPLEMENTED);
            // ALLOW is a constant without line breaks.
            let _ = response.headers.push("Allow", ALLOW);
            return Some(response);
        }
        if request.max_forwards().ok().flatten() == Some(0) && request.method != Method::OPTIONS {
            return Some(Response::to(request, Status::TOO_MANY_HOPS));
        }
        let unknown: Vec<_> = request
            .headers
            .list("Require")
            .into_iter()
            .filter(|option| !SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(option)))
            .collect();
        if unknown.is_empty() || request.method == Method::CANCEL {
            return None;
        }
        let mut response = Response::to(request, Status::BAD_EXTENSION);
        // The names were read from a header: they hold no line breaks.
        let _ = response.headers.push("Unsupported", unknown.join(", "));
        Some(response)
    }

    fn invited(&mut self, now: Now, key: ServerKey, request: Request, flow: Flow) {
        let offer = match request.sdp() {
            Some(Ok(offer)) => Some(offer),
            Some(Err(_)) => {
                return self.answer_now(now, key, Response::to(&request, Status::BAD_REQUEST));
            }
            None if request.body.is_empty() => None,
            None => {
                let mut response = Response::to(&request, Status::UNSUPPORTED_MEDIA_TYPE);
                // A constant without line breaks.
                let _ = response.headers.push("Accept", "application/sdp");
                return self.answer_now(now, key, response);
            }
        };
        if self.sessions.len() >= self.settings.max_sessions {
            return self.answer_now(now, key, Response::to(&request, Status::SERVICE_UNAVAILABLE));
        }
        self.transactions.respond(now, key, &Response::to(&request, Status::TRYING));
        let id = SessionId(self.mint());
        let tag = self.random.hex(8);
        let phase = Phase::Incoming { key, request: Box::new(request.clone()), flow };
        self.sessions.insert(id, Session::new(tag, phase));
        self.by_server.insert(key, id);
        self.tell(Event::Invited { session: id, request, offer, flow });
    }

    fn within(&mut self, now: Now, id: SessionId, key: ServerKey, request: Request, flow: Flow) {
        let number = request.cseq().map(|cseq| cseq.number).unwrap_or(0);
        let order =
            self.sessions.get_mut(&id).and_then(|s| s.dialog.as_mut()).map(|d| d.receive(number));
        if order != Some(Order::Next) {
            let response = self.try_later(&request);
            return self.answer_now(now, key, response);
        }
        match &request.method {
            m if *m == Method::BYE => self.bye_arrived(now, id, key, &request),
            m if *m == Method::INVITE => self.reinvited(now, id, key, request, flow),
            m if *m == Method::UPDATE => self.updated(now, id, key, request, flow),
            m if *m == Method::INFO => {
                self.answer_now(now, key, Response::to(&request, Status::OK));
                let content_type = request.content_type().unwrap_or_default();
                self.tell(Event::Info { session: id, content_type, body: request.body });
            }
            m if *m == Method::OPTIONS => self.answer_now(now, key, self.capabilities(&request)),
            _ => {
                let mut response = Response::to(&request, Status::METHOD_NOT_ALLOWED);
                let _ = response.headers.push("Allow", ALLOW);
                self.answer_now(now, key, response);
            }
        }
    }

    /// RFC 3261 section 14.2: 500, to be tried again after a random time of up to 10 s.
    fn try_later(&mut self, request: &Request) -> Response {
        let mut response = Response::to(request, Status::SERVER_INTERNAL_ERROR);
        let _ = response.headers.push("Retry-After", self.random.below(11).to_string());
        response
    }

    /// A 200 that says what we can do (RFC 3261 section 11.2).
    pub fn capabilities(&self, request: &Request) -> Response {
        let mut response = Response::to(request, Status::OK);
        for (name, value) in [("Allow", ALLOW), ("Accept", "application/sdp")] {
            // Constants without line breaks.
            let _ = response.headers.push(name, value);
        }
        response
    }

    fn bye_arrived(&mut self, now: Now, id: SessionId, key: ServerKey, request: &Request) {
        self.answer_now(now, key, Response::to(request, Status::OK));
        if let Some((key, pending)) = self.sessions.get_mut(&id).and_then(|s| s.reoffer.take()) {
            self.answer_now(now, key, Response::to(&pending, Status::REQUEST_TERMINATED));
        }
        let reason = request.headers.get("Reason").map(str::to_owned);
        self.end(id, Ended::ByeReceived { reason });
    }

    fn reinvited(&mut self, now: Now, id: SessionId, key: ServerKey, request: Request, flow: Flow) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.own_offer.is_some() {
            return self.answer_now(now, key, Response::to(&request, Status::REQUEST_PENDING));
        }
        if session.reoffer.is_some() || session.waiting_ack.is_some() {
            let response = self.try_later(&request);
            return self.answer_now(now, key, response);
        }
        let sdp = match request.sdp() {
            Some(Ok(sdp)) => Some(sdp),
            Some(Err(_)) => {
                return self.answer_now(now, key, Response::to(&request, Status::BAD_REQUEST));
            }
            None => None,
        };
        if let Some(dialog) = &mut session.dialog {
            dialog.refresh(request.contact().ok().flatten(), Some(flow));
        }
        session.reoffer = Some((key, request));
        self.by_server.insert(key, id);
        self.tell(Event::Reoffered { session: id, sdp });
    }

    /// UPDATE (RFC 3311): an offer that is answered like a re-INVITE but without an ACK.
    fn updated(&mut self, now: Now, id: SessionId, key: ServerKey, request: Request, flow: Flow) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Some(dialog) = &mut session.dialog {
            dialog.refresh(request.contact().ok().flatten(), Some(flow));
        }
        match request.sdp() {
            None => self.answer_now(now, key, Response::to(&request, Status::OK)),
            Some(Err(_)) => self.answer_now(now, key, Response::to(&request, Status::BAD_REQUEST)),
            Some(Ok(_)) if session.own_offer.is_some() || session.reoffer.is_some() => {
                self.answer_now(now, key, Response::to(&request, Status::REQUEST_PENDING));
            }
            Some(Ok(sdp)) => {
                session.reoffer = Some((key, request));
                self.tell(Event::Reoffered { session: id, sdp: Some(sdp) });
            }
        }
    }

    fn ack_arrived(&mut self, now: Now, request: &Request) {
        let Some(id) = DialogId::of_request(&request.headers)
            .and_then(|dialog| self.by_dialog.get(&dialog).copied())
        else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let number = request.cseq().map(|cseq| cseq.number).ok();
        if session.waiting_ack.as_ref().map(|waiting| waiting.cseq) != number {
            return;
        }
        if let Some(waiting) = session.waiting_ack.take() {
            self.timers.cancel(waiting.over);
            waiting.again.map(|timer| self.timers.cancel(timer));
        }
        let hang_up = session.hang_up.take();
        let sdp = request.sdp().and_then(Result::ok);
        self.tell(Event::Confirmed { session: id, sdp });
        if let Some(reason) = hang_up {
            self.bye(now, id, reason.as_deref(), Ended::HungUp);
        }
    }

    fn cancel_arrived(&mut self, now: Now, key: ServerKey) {
        let Some(id) = self.by_server.get(&key).copied() else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let tag = session.tag.clone();
        if let Phase::Incoming { request, .. } = &session.phase {
            let response = Response::to(request, Status::REQUEST_TERMINATED).with_to_tag(&tag);
            self.transactions.respond(now, key, &response);
            self.end(id, Ended::Cancelled);
        } else if let Some((key, request)) = session.reoffer.take() {
            // Only the offer is taken back; the call goes on.
            self.answer_now(now, key, Response::to(&request, Status::REQUEST_TERMINATED));
        }
    }

    /// Answers at once; an answer that has no To tag yet gets a new one (section 8.2.6.2).
    fn answer_now(&mut self, now: Now, key: ServerKey, response: Response) {
        self.respond(now, key, response);
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

/// Sessions that others begin.
impl Endpoint {
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
        let Some(Session { phase: Phase::Incoming { request, .. }, .. }) = self.sessions.get(&id)
        else {
            return;
        };
        let mut response = Response::to(request, status);
        if let Some(seconds) = retry_after {
            let _ = response.headers.push("Retry-After", seconds.to_string());
        }
        self.refuse(now, id, response);
    }

    /// A provisional answer to a new call.
    pub fn ring(
        &mut self,
        now: Now,
        id: SessionId,
        status: Status,
        sdp: Option<&SessionDescription>,
    ) {
        let Some((key, mut response)) = self.answer_to(id, status) else { return };
        if let Some(sdp) = sdp {
            response = response.with_sdp(sdp);
        }
        self.transactions.respond(now, key, &response);
        self.settle(now);
    }

    /// Answers a new call.
    pub fn answer(&mut self, now: Now, id: SessionId, sdp: &SessionDescription) {
        let Some((key, response)) = self.answer_to(id, Status::OK) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Phase::Incoming { request, flow, .. } = &session.phase else { return };
        let (request, flow) = (request.clone(), *flow);
        let Ok(dialog) = Dialog::of_server(&request, &session.tag, flow) else {
            return self.reject(now, id, Status::BAD_REQUEST, None);
        };
        self.by_dialog.insert(dialog.id.clone(), id);
        session.dialog = Some(dialog);
        session.phase = Phase::Confirmed;
        self.by_server.remove(&key);
        let cseq = request.cseq().map(|cseq| cseq.number).unwrap_or(0);
        self.send_success(now, id, key, cseq, response.with_sdp(sdp));
        self.settle(now);
    }

    /// An answer with our tag and, where it makes or refreshes a dialog, our Contact and the route set.
    fn answer_to(&self, id: SessionId, status: Status) -> Option<(ServerKey, Response)> {
        let session = self.sessions.get(&id)?;
        let Phase::Incoming { key, request, flow } = &session.phase else { return None };
        let mut response = Response::to(request, status).with_to_tag(&session.tag);
        for route in request.headers.all("Record-Route") {
            let _ = response.headers.push("Record-Route", route);
        }
        let _ = response.headers.push("Contact", contact(flow.local, flow.transport).to_string());
        let _ = response.headers.push("Allow", ALLOW);
        let _ = response.headers.push("Server", self.settings.user_agent.clone());
        Some((*key, response))
    }

    /// Sends a 2xx to an INVITE and repeats it until the ACK comes.
    fn send_success(
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

    fn repeat_answer(&mut self, now: Now, id: SessionId) {
        let t2 = self.settings.timing.t2;
        let Some(waiting) = self.sessions.get_mut(&id).and_then(|s| s.waiting_ack.as_mut()) else {
            return;
        };
        waiting.interval = (waiting.interval * 2).min(t2);
        waiting.again = Some(self.timers.set(now.instant + waiting.interval, Due::Again(id)));
        self.transactions.respond(now, waiting.key, &waiting.response);
    }

    fn no_ack(&mut self, now: Now, id: SessionId) {
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
        if let Some(sdp) = &invite.sdp {
            request = request.with_sdp(sdp);
        }
        let key = self.send_request(now, invite.route, invite.local, &mut request);
        let calling = Calling {
            key,
            request,
            route: invite.route,
            credentials: invite.credentials,
            challenged: false,
            provisional: false,
            cancelled: None,
        };
        self.purposes.insert(key, Purpose::Invite(id));
        self.sessions.insert(id, Session::new(tag, Phase::Calling(Box::new(calling))));
        self.settle(now);
        id
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
    fn cancel_if_possible(&mut self, now: Now, id: SessionId) {
        let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get(&id) else {
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

    /// Sends a BYE; the session is over without waiting for its answer.
    fn bye(&mut self, now: Now, id: SessionId, reason: Option<&str>, cause: Ended) {
        if let Some(mut dialog) = self.sessions.get_mut(&id).and_then(|s| s.dialog.take()) {
            self.by_dialog.remove(&dialog.id);
            self.send_bye(now, &mut dialog, reason);
        }
        self.end(id, cause);
    }

    fn send_bye(&mut self, now: Now, dialog: &mut Dialog, reason: Option<&str>) {
        let mut bye = dialog.request(Method::BYE, None);
        if let Some(reason) = reason {
            let _ = bye.headers.push("Reason", reason);
        }
        let key = self.send_request(now, dialog.route(), dialog.local_address(), &mut bye);
        self.purposes.insert(key, Purpose::Farewell);
    }

    fn end(&mut self, id: SessionId, cause: Ended) {
        let Some(session) = self.sessions.remove(&id) else { return };
        if let Some(dialog) = &session.dialog {
            self.by_dialog.remove(&dialog.id);
        }
        if let Phase::Incoming { key, .. } = &session.phase {
            self.by_server.remove(key);
        }
        if let Some((key, _)) = &session.reoffer {
            self.by_server.remove(key);
        }
        if let Some(waiting) = session.waiting_ack {
            self.timers.cancel(waiting.over);
            waiting.again.map(|timer| self.timers.cancel(timer));
        }
        self.tell(Event::Ended { session: id, cause });
    }
}

/// Offers within a session.
impl Endpoint {
    /// Offers anew.
    pub fn reoffer(&mut self, now: Now, id: SessionId, sdp: &SessionDescription) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(dialog) = session.dialog.as_mut() else { return };
        if session.own_offer.is_some() || session.reoffer.is_some() {
            return;
        }
        let route = dialog.route();
        let local = dialog.local_address();
        let mut request = dialog.request(Method::INVITE, None);
        let _ = request.headers.push("Contact", contact(local, route.transport()).to_string());
        let _ = request.headers.push("Allow", ALLOW);
        let mut request = request.with_sdp(sdp);
        let key = self.send_request(now, route, local, &mut request);
        self.purposes.insert(key, Purpose::Reinvite(id));
        if let Some(session) = self.sessions.get_mut(&id) {
            session.own_offer = Some(OwnOffer { key, sdp: sdp.to_string() });
        }
        self.settle(now);
    }

    /// Answers the peer's offer within the call.
    pub fn answer_reoffer(&mut self, now: Now, id: SessionId, sdp: &SessionDescription) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some((key, request)) = session.reoffer.take() else { return };
        self.by_server.remove(&key);
        let Some(dialog) = session.dialog.as_ref() else { return };
        let mut response = Response::to(&request, Status::OK);
        let transport = dialog.route().transport();
        let _ = response
            .headers
            .push("Contact", contact(dialog.local_address(), transport).to_string());
        let _ = response.headers.push("Allow", ALLOW);
        let response = response.with_sdp(sdp);
        if request.method == Method::INVITE {
            let cseq = request.cseq().map(|cseq| cseq.number).unwrap_or(0);
            self.send_success(now, id, key, cseq, response);
        } else {
            self.transactions.respond(now, key, &response);
        }
        self.settle(now);
    }

    /// Refuses the peer's offer within the call; what was agreed before stands.
    pub fn refuse_reoffer(&mut self, now: Now, id: SessionId, status: Status) {
        let Some((key, request)) = self.sessions.get_mut(&id).and_then(|s| s.reoffer.take()) else {
            return;
        };
        self.by_server.remove(&key);
        self.answer_now(now, key, Response::to(&request, status));
    }

    /// Sends an INFO.
    pub fn info(&mut self, now: Now, id: SessionId, content_type: &str, body: &[u8]) {
        let Some(dialog) = self.sessions.get_mut(&id).and_then(|s| s.dialog.as_mut()) else {
            return;
        };
        let (route, local) = (dialog.route(), dialog.local_address());
        let request = dialog.request(Method::INFO, None);
        let Ok(mut request) = request.with_body(content_type, body.to_vec()) else { return };
        let key = self.send_request(now, route, local, &mut request);
        self.purposes.insert(key, Purpose::Within(id));
        self.settle(now);
    }
}

/// Answers to our requests.
impl Endpoint {
    fn response_arrived(&mut self, now: Now, key: ClientKey, response: Response, flow: Flow) {
        match self.purposes.get(&key) {
            Some(Purpose::Invite(id)) => {
                let id = *id;
                self.invite_response(now, id, key, response, flow);
            }
            _ if response.status.is_provisional() => {}
            Some(Purpose::Plain { .. }) => self.plain_response(now, key, response),
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
            Some(Purpose::Farewell) => {
                self.purposes.remove(&key);
            }
            None => {}
        }
    }

    fn plain_response(&mut self, now: Now, key: ClientKey, response: Response) {
        let Some(Purpose::Plain { asked, mut request, route, credentials, challenged }) =
            self.purposes.remove(&key)
        else {
            return;
        };
        let authorized =
            !challenged && self.authorize(&mut request, &response, credentials.as_ref());
        if !authorized {
            return self.tell(Event::Response { key: asked.unwrap_or(key), response });
        }
        let asked = asked.or(Some(key));
        let Some(local) = sent_by(&request) else { return };
        let again = self.send_request(now, route, local, &mut request);
        let purpose = Purpose::Plain { asked, request, route, credentials, challenged: true };
        self.purposes.insert(again, purpose);
    }

    /// Adds the answer to a challenge and counts CSeq up (section 22.2). Answers whether there was one to give.
    fn authorize(
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
        let cnonce = self.random.hex(8);
        let uri = request.uri.to_string();
        let answer = auth::answer(&challenges, credentials, &request.method, &uri, 1, &cnonce);
        let (Some(answer), Ok(cseq)) = (answer, request.cseq()) else { return false };
        let number = format!("{} {}", cseq.number + 1, request.method.as_str());
        request.headers.set(header, answer).is_ok() && request.headers.set("CSeq", number).is_ok()
    }

    fn invite_response(
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
            return self.late_success(now, &response, flow);
        };
        let Phase::Calling(calling) = &mut session.phase else {
            return self.repeated_success(now, id, &response, flow);
        };
        if status.is_provisional() {
            calling.provisional = true;
            let ending = calling.cancelled.is_some();
            if ending {
                return self.cancel_if_possible(now, id);
            }
            if status != Status::TRYING {
                self.tell(Event::Progress { session: id, status, sdp });
            }
            return;
        }
        if status.is_success() {
            return self.invite_answered(now, id, &response, sdp, flow);
        }
        self.purposes.remove(&key);
        if self.invite_again(now, id, &response) {
            return;
        }
        let cancelled = matches!(&self.sessions.get(&id).map(|s| &s.phase),
            Some(Phase::Calling(calling)) if calling.cancelled.is_some());
        let retry_after = response.headers.get("Retry-After").and_then(|text| {
            text.split([';', '(', ' ']).next().and_then(|digits| digits.parse().ok())
        });
        let cause = if cancelled { Ended::HungUp } else { Ended::Refused { status, retry_after } };
        self.end(id, cause);
    }

    /// Answers one challenge to our INVITE. Answers whether it was sent again.
    fn invite_again(&mut self, now: Now, id: SessionId, response: &Response) -> bool {
        let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get(&id) else {
            return false;
        };
        if calling.challenged || calling.cancelled.is_some() {
            return false;
        }
        let (mut request, credentials, route) =
            (calling.request.clone(), calling.credentials.clone(), calling.route);
        if !self.authorize(&mut request, response, credentials.as_ref()) {
            return false;
        }
        let Some(local) = sent_by(&request) else { return false };
        let key = self.send_request(now, route, local, &mut request);
        self.purposes.insert(key, Purpose::Invite(id));
        if let Some(Session { phase: Phase::Calling(calling), .. }) = self.sessions.get_mut(&id) {
            calling.key = key;
            calling.request = request;
            calling.challenged = true;
            calling.provisional = false;
        }
        true
    }

    fn invite_answered(
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
        let Ok(mut dialog) = Dialog::of_client(&request, response, own_side(flow, &request)) else {
            return self.end(id, Ended::ProtocolError);
        };
        let ack = self.acknowledge(&mut dialog, &request);
        self.by_dialog.insert(dialog.id.clone(), id);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.phase = Phase::Confirmed;
            session.dialog = Some(dialog);
            session.ack = ack;
        }
        match cancelled {
            // It was answered before our CANCEL got there (section 15): BYE.
            Some(reason) => self.bye(now, id, reason.as_deref(), Ended::HungUp),
            None => self.tell(Event::Answered { session: id, sdp }),
        }
    }

    /// Sends the ACK to a 2xx (section 13.2.2.4): a request of its own, outside of any transaction.
    fn acknowledge(
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
    fn repeated_success(&mut self, now: Now, id: SessionId, response: &Response, flow: Flow) {
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
            _ if !same => self.late_success(now, response, flow),
            _ => {}
        }
    }

    /// A 2xx for a session that is over, or from a fork that lost: acknowledged, then hung up on.
    fn late_success(&mut self, now: Now, response: &Response, flow: Flow) {
        if !response.status.is_success() {
            return;
        }
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
        if let Ok(mut dialog) = Dialog::of_client(&invite, response, flow) {
            self.acknowledge(&mut dialog, &invite);
            self.send_bye(now, &mut dialog, None);
        }
    }

    fn reinvite_response(&mut self, now: Now, id: SessionId, key: ClientKey, response: &Response) {
        self.purposes.remove(&key);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(offer) = session.own_offer.take_if(|offer| offer.key == key) else { return };
        let _ = offer.sdp;
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
            }
            let sdp = response.sdp().and_then(Result::ok);
            return self.tell(Event::ReofferAnswered { session: id, sdp });
        }
        // Section 12.2.1.2: these two say that the dialog is gone.
        if status == Status::CALL_DOES_NOT_EXIST || status == Status::REQUEST_TIMEOUT {
            return self.bye(now, id, None, Ended::ProtocolError);
        }
        self.tell(Event::ReofferRefused { session: id, status });
    }

    fn request_failed(&mut self, now: Now, key: ClientKey, unreachable: bool) {
        match self.purposes.remove(&key) {
            Some(Purpose::Plain { asked, .. }) => {
                let why = if unreachable { Failure::Unreachable } else { Failure::Timeout };
                self.tell(Event::Failed { key: asked.unwrap_or(key), why });
            }
            Some(Purpose::Invite(id)) => {
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
            Some(Purpose::Farewell) | None => {}
        }
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
    if transport != Transport::Udp {
        uri.params.set("transport", Some(&transport.as_str().to_ascii_lowercase()));
    }
    NameAddr::new(uri)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
#[path = "endpoint_tests.rs"]
mod tests;
