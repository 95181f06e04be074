//! Transactions (RFC 3261 section 17, with the Accepted states of RFC 6026): requests and their answers are matched,
//! retransmitted where the transport may lose them, and given up in time.
//!
//! Owns the two tables and the timers A to M. Knows nothing of dialogs; ACKs to 2xx and what a request means are the
//! business of [`crate::sip::endpoint`]. [`client`] and [`server`] hold the state machines.

pub mod client;
pub mod server;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sip::flow::{Flow, Route};
use crate::sip::message::{Headers, Message, Method, Request, Response, Status};
use crate::time::{Now, TimerId, Timers};

use client::Client;
use server::Server;

/// What every branch of ours begins with, and what tells RFC 3261 branches from older ones (section 8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// The timers that everything else is computed from (RFC 3261 section 17.1.1.1).
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Estimated round trip; default 500 ms.
    pub t1: Duration,
    /// Longest interval between retransmissions; default 4 s.
    pub t2: Duration,
    /// How long a message may stay in the network; default 5 s.
    pub t4: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// 64 times T1: when a transaction is given up (timers B, F, H, J, L, M).
    pub fn patience(&self) -> Duration {
        self.t1 * 64
    }
}

/// A server transaction: a request that came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerKey(pub u64);

/// A client transaction: a request that we sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientKey(pub u64);

/// What comes of an input.
#[derive(Debug)]
pub enum Output {
    /// Send this.
    Send {
        /// Where to.
        route: Route,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A request that is new.
    Request {
        /// Its transaction.
        key: ServerKey,
        /// The request.
        request: Request,
        /// How it came.
        flow: Flow,
    },
    /// An ACK that belongs to no transaction: to a 2xx of ours.
    Ack(Request),
    /// The ACK to a refusal of ours carries this To tag, which the refusal gave: whoever sent it hears what goes to the
    /// address that its INVITE came from.
    Heard(String),
    /// A CANCEL for an INVITE that has no final answer yet; the CANCEL itself has been answered.
    Cancelled(ServerKey),
    /// An answer to a request of ours.
    Response {
        /// Its transaction.
        key: ClientKey,
        /// The answer.
        response: Response,
        /// How it came.
        flow: Flow,
    },
    /// No final answer in time, or no way to send: the request is given up.
    Failed {
        /// Its transaction.
        key: ClientKey,
        /// Whether it could not be sent at all.
        unreachable: bool,
    },
    /// An answered request is forgotten: no repeated answer will be told of any more.
    Gone(ClientKey),
}

/// How long an INVITE may be worked on: longer than anybody lets a phone or a carrier ring.
const LONGEST_RING: Duration = Duration::from_secs(600);

/// Part of the table that one source may fill: one that floods, or is forged, leaves room for the rest.
const SHARE: usize = 4;

/// Transactions that there is always room for: what a branch has in an ordinary hour.
const KEPT_ROOM: usize = 512;

/// What one source has in the table.
#[derive(Debug, Default)]
struct Share {
    count: usize,
    /// Requests other than INVITEs whose final answer was sent, oldest first: they only absorb repetitions. Some may be
    /// gone already.
    answered: VecDeque<ServerKey>,
}

/// How a request finds its transaction (RFC 3261 section 17.2.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Match {
    branch: String,
    sent_by: String,
    /// INVITE stands for its ACK too.
    method: Method,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Timers A, E: send the request again.
    ClientAgain(ClientKey),
    /// Timers B, F, D, K, M.
    ClientOver(ClientKey),
    /// Timer G: send the answer again.
    ServerAgain(ServerKey),
    /// Timers H, I, J, L.
    ServerOver(ServerKey),
}

/// Every transaction that is alive.
#[derive(Debug)]
pub struct Transactions {
    timing: Timing,
    limit: usize,
    next: u64,
    servers: HashMap<ServerKey, Server>,
    by_match: HashMap<Arc<Match>, ServerKey>,
    /// Requests outside of dialogs by what they are called wherever they came from (see [`Transactions::name_of`]).
    by_name: HashMap<u64, ServerKey>,
    /// Server transactions by where they came from.
    by_source: HashMap<IpAddr, Share>,
    clients: HashMap<ClientKey, Client>,
    by_branch: HashMap<String, ClientKey>,
    timers: Timers<Due>,
    outputs: VecDeque<Output>,
    /// Requests dropped because there were too many transactions.
    pub overflowed: u64,
}

impl Transactions {
    /// None yet. More than `limit` at once are not taken on: new requests are dropped then, and peers retransmit.
    pub fn new(timing: Timing, limit: usize) -> Self {
        Transactions {
            timing,
            limit,
            next: 0,
            servers: HashMap::new(),
            by_match: HashMap::new(),
            by_name: HashMap::new(),
            by_source: HashMap::new(),
            clients: HashMap::new(),
            by_branch: HashMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            overflowed: 0,
        }
    }

    /// A well-formed message arrived.
    pub fn handle_message(&mut self, now: Now, flow: Flow, message: Message) {
        match message {
            Message::Request(request) => self.handle_request(now, flow, request),
            Message::Response(response) => self.handle_response(now, flow, response),
        }
    }

    fn handle_request(&mut self, now: Now, flow: Flow, request: Request) {
        let Some(found) = match_of(&request.headers, &request.method) else { return };
        let known = self.by_match.get(&found).copied();
        match (known, request.method == Method::ACK) {
            (Some(key), true) => self.acknowledged(now, key, request),
            (Some(key), false) => self.server_repeats(key),
            (None, true) => self.outputs.push_back(Output::Ack(request)),
            (None, false) => {
                let Some(key) = self.new_server(found.clone(), &request, flow) else { return };
                if request.method == Method::CANCEL {
                    self.cancel(now, key, found, &request);
                } else if self.is_merged(key, &request) {
                    let response = Response::to(&request, Status::LOOP_DETECTED);
                    self.respond_once(key, &response.with_to_tag("none"));
                } else {
                    self.outputs.push_back(Output::Request { key, request, flow });
                }
            }
        }
    }

    /// Whether a request outside of any dialog has come before, another way, and is still known (RFC 3261
    /// section 8.2.2.2). INVITEs are told apart by their sessions.
    fn is_merged(&mut self, key: ServerKey, request: &Request) -> bool {
        let Some(name) = self.name_of(request) else { return false };
        if self.by_name.contains_key(&name) {
            return true;
        }
        self.by_name.insert(name, key);
        if let Some(server) = self.servers.get_mut(&key) {
            server.name = Some(name);
        }
        false
    }

    /// Call-ID, From tag and CSeq in short, under the table's own key, so that nobody can make up two of one name.
    fn name_of(&self, request: &Request) -> Option<u64> {
        if request.method == Method::INVITE || request.headers.to().ok()?.tag().is_some() {
            return None;
        }
        let (from, cseq) = (request.headers.from().ok()?, request.headers.cseq().ok()?);
        let name = (request.headers.call_id().ok()?, from.tag()?, cseq.number, &cseq.method);
        Some(self.by_match.hasher().hash_one(name))
    }

    fn new_server(&mut self, found: Match, request: &Request, flow: Flow) -> Option<ServerKey> {
        // A CANCEL for a call that is being set up makes room.
        let wanted = request.method == Method::CANCEL && self.invite_of(&found).is_some();
        let source = flow.peer.ip();
        let share = self.by_source.get(&source).map_or(0, |share| share.count);
        let full = self.servers.len() >= self.limit || share >= self.limit / SHARE;
        if full && !wanted && !self.forget_answered(source) {
            self.overflowed += 1;
            return None;
        }
        self.by_source.entry(source).or_default().count += 1;
        let key = ServerKey(self.mint());
        let found = Arc::new(found);
        self.by_match.insert(found.clone(), key);
        self.servers.insert(key, Server::new(found, request, flow));
        Some(key)
    }

    /// Makes room with the oldest request of `source` that was answered: its repetitions are new requests from now on,
    /// which harms less than a request that nobody answers. Answers whether there was one.
    fn forget_answered(&mut self, source: IpAddr) -> bool {
        let share = self.by_source.get_mut(&source);
        let answered = share.map(|share| std::mem::take(&mut share.answered));
        let mut answered = answered.unwrap_or_default();
        let oldest =
            std::iter::from_fn(|| answered.pop_front()).find(|key| self.servers.contains_key(key));
        if let Some(share) = self.by_source.get_mut(&source) {
            share.answered = answered;
        }
        oldest.is_some_and(|key| {
            self.remove_server(key);
            true
        })
    }

    /// The INVITE that a CANCEL is for.
    fn invite_of(&self, cancel: &Match) -> Option<ServerKey> {
        self.by_match.get(&Match { method: Method::INVITE, ..cancel.clone() }).copied()
    }

    /// RFC 3261 section 9.2: the CANCEL is answered by itself; its INVITE is told if it has no final answer yet.
    fn cancel(&mut self, now: Now, own: ServerKey, found: Match, request: &Request) {
        let own_source = |key: &ServerKey| self.servers.get(key).map(Server::source);
        let from = own_source(&own);
        let Some(target) = self.invite_of(&found).filter(|key| own_source(key) == from) else {
            let response = Response::to(request, Status::CALL_DOES_NOT_EXIST).with_to_tag("none");
            return self.respond_once(own, &response);
        };
        let tag = self.servers.get(&target).map(Server::tag).unwrap_or_default();
        let tag = if tag.is_empty() { "none" } else { &tag };
        self.respond(now, own, &Response::to(request, Status::OK).with_to_tag(tag));
        if self.servers.get(&target).is_some_and(Server::is_open) {
            self.outputs.push_back(Output::Cancelled(target));
        }
    }

    fn acknowledged(&mut self, now: Now, key: ServerKey, request: Request) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        if server.is_accepted() {
            // RFC 6026 section 7.1: an ACK that matches goes up, whatever branch the peer gave it.
            return self.outputs.push_back(Output::Ack(request));
        }
        let tag = server.tag();
        if !tag.is_empty() && request.headers.to().is_ok_and(|to| to.tag() == Some(&tag)) {
            self.outputs.push_back(Output::Heard(tag));
        }
        let Some(server) = self.servers.get_mut(&key) else { return };
        if server.acknowledged() {
            let wait = if server.is_reliable() { Duration::ZERO } else { self.timing.t4 };
            self.server_ends_in(now, key, wait);
        }
    }

    fn server_repeats(&mut self, key: ServerKey) {
        if let Some((route, bytes)) = self.servers.get(&key).and_then(Server::again) {
            self.outputs.push_back(Output::Send { route, bytes });
        }
    }

    /// Answers a request. Answers after a final one are ignored, except repeated 2xx to an INVITE (RFC 6026).
    pub fn respond(&mut self, now: Now, key: ServerKey, response: &Response) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        let Some(step) = server.respond(response) else { return };
        let (route, bytes) = (server.route(), step.bytes);
        let reliable = server.is_reliable();
        self.outputs.push_back(Output::Send { route, bytes });
        match step.then {
            server::Then::Nothing => {}
            server::Then::Repeat => {
                if !reliable {
                    let timer =
                        self.timers.set(now.instant + self.timing.t1, Due::ServerAgain(key));
                    self.set_server_timer(key, timer, self.timing.t1);
                }
                self.server_ends_in(now, key, self.timing.patience());
            }
            server::Then::Linger => {
                let invite = self.servers.get(&key).is_some_and(Server::is_invite);
                let wait =
                    if reliable && !invite { Duration::ZERO } else { self.timing.patience() };
                self.server_ends_in(now, key, wait);
                if !invite {
                    self.is_answered(key);
                }
            }
        }
    }

    /// Answers a request and keeps nothing of it (RFC 3261 section 8.2.7): for answers that anybody can provoke. A
    /// repeated request is a new one and is answered again; the answer itself is not repeated.
    pub fn respond_once(&mut self, key: ServerKey, response: &Response) {
        let Some(server) = self.servers.get_mut(&key) else { return };
        if let Some(step) = server.respond(response) {
            let (route, bytes) = (server.route(), step.bytes);
            self.outputs.push_back(Output::Send { route, bytes });
        }
        self.remove_server(key);
    }

    /// Forgets a request without an answer: for what must be dropped in silence.
    pub fn forget(&mut self, key: ServerKey) {
        self.remove_server(key);
    }

    /// Whether `key` can still be answered.
    pub fn is_open(&self, key: ServerKey) -> bool {
        self.servers.get(&key).is_some_and(Server::is_open)
    }

    fn set_server_timer(&mut self, key: ServerKey, timer: TimerId, interval: Duration) {
        if let Some(server) = self.servers.get_mut(&key) {
            server.repeat = Some((timer, interval));
        }
    }

    fn server_ends_in(&mut self, now: Now, key: ServerKey, wait: Duration) {
        let timer = self.timers.set(now.instant + wait, Due::ServerOver(key));
        if let Some(server) = self.servers.get_mut(&key)
            && let Some(before) = server.end.replace(timer)
        {
            self.timers.cancel(before);
        }
        if wait.is_zero() {
            self.remove_server(key);
        }
    }

    fn is_answered(&mut self, key: ServerKey) {
        let Some(source) = self.servers.get(&key).map(Server::source) else { return };
        if let Some(share) = self.by_source.get_mut(&source) {
            share.answered.push_back(key);
        }
    }

    fn remove_server(&mut self, key: ServerKey) {
        let Some(server) = self.servers.remove(&key) else { return };
        for timer in [server.end, server.repeat.map(|(timer, _)| timer)].into_iter().flatten() {
            self.timers.cancel(timer);
        }
        if let Entry::Occupied(mut share) = self.by_source.entry(server.source()) {
            let own = share.get_mut();
            own.count -= 1;
            // They end in the order in which they were answered, so this keeps the list as short as the table.
            while own.answered.pop_front_if(|oldest| !self.servers.contains_key(oldest)).is_some() {
            }
            if own.count == 0 {
                share.remove();
            }
        }
        server.name.map(|name| self.by_name.remove(&name));
        self.by_match.remove(server.matching());
        self.give_back_room();
    }

    /// After a flood, or a power cut when every phone comes back at once, the tables would keep the room for it for ever.
    fn give_back_room(&mut self) {
        if self.servers.capacity() > KEPT_ROOM && self.servers.len() < self.servers.capacity() / 8 {
            let room = KEPT_ROOM.max(2 * self.servers.len());
            self.servers.shrink_to(room);
            self.by_match.shrink_to(room);
            self.by_name.shrink_to(room);
        }
    }

    /// Sends a request that has its Via already; its branch names the transaction.
    pub fn request(&mut self, now: Now, route: Route, request: &Request) -> ClientKey {
        let key = ClientKey(self.mint());
        let bytes = request.encode();
        let branch = request.top_via().ok().and_then(|via| via.branch().map(str::to_owned));
        let branch = branch.unwrap_or_default();
        let mut client = Client::new(route, request, bytes.clone(), &branch);
        if !route.transport().is_reliable() {
            let timer = self.timers.set(now.instant + self.timing.t1, Due::ClientAgain(key));
            client.repeat = Some((timer, self.timing.t1));
        }
        client.end =
            Some(self.timers.set(now.instant + self.timing.patience(), Due::ClientOver(key)));
        self.by_branch.insert(branch_key(&branch, &request.method), key);
        self.clients.insert(key, client);
        self.outputs.push_back(Output::Send { route, bytes });
        key
    }

    fn handle_response(&mut self, now: Now, flow: Flow, response: Response) {
        let Ok(via) = response.top_via() else { return };
        let (Some(branch), Ok(cseq)) = (via.branch(), response.cseq()) else { return };
        let Some(key) = self.by_branch.get(&branch_key(branch, &cseq.method)).copied() else {
            return;
        };
        let Some(client) = self.clients.get_mut(&key) else { return };
        let step = client.response(&response);
        let (route, reliable) = (client.route(), client.route().transport().is_reliable());
        if let Some(bytes) = step.ack {
            self.outputs.push_back(Output::Send { route, bytes });
        }
        if step.tell {
            self.outputs.push_back(Output::Response { key, response, flow });
        }
        match step.then {
            client::Then::Nothing => {}
            client::Then::Slow => self.client_slows(now, key),
            client::Then::Wait => self.client_waits(now, key),
            client::Then::Linger => {
                let wait = match (step.accepted, reliable) {
                    (true, _) => self.timing.patience(),
                    (false, true) => Duration::ZERO,
                    (false, false) if step.invite => Duration::from_secs(32),
                    (false, false) => self.timing.t4,
                };
                self.client_ends_in(now, key, wait);
            }
        }
    }

    /// A non-INVITE request that is being worked on is repeated every T2 (section 17.1.2.2).
    fn client_slows(&mut self, now: Now, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        if let Some((timer, _)) = client.repeat.take() {
            self.timers.cancel(timer);
            let timer = self.timers.set(now.instant + self.timing.t2, Due::ClientAgain(key));
            client.repeat = Some((timer, self.timing.t2));
        }
    }

    /// An INVITE that is being worked on is not repeated, and its caller decides how long it may ring. One within a call
    /// that ends meanwhile has nobody who decides, and must not be kept for ever.
    fn client_waits(&mut self, now: Now, key: ClientKey) {
        self.client_ends_in(now, key, LONGEST_RING);
    }

    fn stop_timers(&mut self, key: ClientKey) {
        let Some(client) = self.clients.get_mut(&key) else { return };
        let timers = [client.repeat.take().map(|(timer, _)| timer), client.end.take()];
        for timer in timers.into_iter().flatten() {
            self.timers.cancel(timer);
        }
    }

    /// Gives an INVITE that was cancelled 64 T1 to be answered (section 9.1).
    pub fn cancelled(&mut self, now: Now, key: ClientKey) {
        self.client_ends_in(now, key, self.timing.patience());
    }

    fn client_ends_in(&mut self, now: Now, key: ClientKey, wait: Duration) {
        if wait.is_zero() {
            self.remove_client(key);
            return self.outputs.push_back(Output::Gone(key));
        }
        self.stop_timers(key);
        let timer = self.timers.set(now.instant + wait, Due::ClientOver(key));
        if let Some(client) = self.clients.get_mut(&key) {
            client.end = Some(timer);
        }
    }

    fn remove_client(&mut self, key: ClientKey) {
        let Some(client) = self.clients.remove(&key) else { return };
        for timer in [client.end, client.repeat.map(|(timer, _)| timer)].into_iter().flatten() {
            self.timers.cancel(timer);
        }
        self.by_branch.remove(&branch_key(client.branch(), client.method()));
    }

    /// The driver could not send to `route`: requests that wait for an answer from there have failed
    /// (section 17.1.4).
    pub fn handle_unreachable(&mut self, route: &Route) {
        let same = |client: &Client| {
            client.route().peer() == route.peer()
                && client.route().transport() == route.transport()
                && client.waits()
        };
        let mut failed: Vec<_> = Vec::new();
        #[allow(clippy::iter_over_hash_type)]
        // sorted below: the order of a hash map never gets out
        for (key, client) in &self.clients {
            if same(client) {
                failed.push(*key);
            }
        }
        failed.sort_unstable();
        for key in failed {
            self.remove_client(key);
            self.outputs.push_back(Output::Failed { key, unreachable: true });
        }
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(due) = self.timers.pop_due(now.instant) {
            match due {
                Due::ClientAgain(key) => self.client_again(now, key),
                Due::ClientOver(key) => self.client_over(key),
                Due::ServerAgain(key) => self.server_again(now, key),
                Due::ServerOver(key) => self.remove_server(key),
            }
        }
    }

    fn client_again(&mut self, now: Now, key: ClientKey) {
        let t2 = self.timing.t2;
        let Some(client) = self.clients.get_mut(&key) else { return };
        let Some((_, interval)) = client.repeat else { return };
        // Timer A doubles without limit, timer E up to T2 (sections 17.1.1.2 and 17.1.2.2).
        let next =
            if *client.method() == Method::INVITE { interval * 2 } else { (interval * 2).min(t2) };
        client.repeat = Some((self.timers.set(now.instant + next, Due::ClientAgain(key)), next));
        let (route, bytes) = (client.route(), client.bytes().to_vec());
        self.outputs.push_back(Output::Send { route, bytes });
    }

    fn client_over(&mut self, key: ClientKey) {
        let waits = self.clients.get(&key).is_some_and(Client::waits);
        self.remove_client(key);
        self.outputs.push_back(match waits {
            true => Output::Failed { key, unreachable: false },
            false => Output::Gone(key),
        });
    }

    fn server_again(&mut self, now: Now, key: ServerKey) {
        let t2 = self.timing.t2;
        let Some(server) = self.servers.get_mut(&key) else { return };
        let (Some((_, interval)), Some((route, bytes))) = (server.repeat, server.again()) else {
            return;
        };
        let next = (interval * 2).min(t2);
        server.repeat = Some((self.timers.set(now.instant + next, Due::ServerAgain(key)), next));
        self.outputs.push_back(Output::Send { route, bytes });
    }

    /// When the next timer is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many transactions are alive.
    pub fn len(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn mint(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn branch_key(branch: &str, method: &Method) -> String {
    // A CANCEL has the branch of the INVITE that it cancels (section 9.1).
    if *method == Method::CANCEL { format!("{branch} CANCEL") } else { branch.to_owned() }
}

/// RFC 3261 section 17.2.3; for a branch without the magic cookie, the fields that RFC 2543 matched by.
fn match_of(headers: &Headers, method: &Method) -> Option<Match> {
    let via = headers.top_via().ok()?;
    let sent_by = format!("{}:{}", via.host, via.port.unwrap_or(0));
    let method = if *method == Method::ACK { Method::INVITE } else { method.clone() };
    let branch = match via.branch() {
        Some(branch) if branch.starts_with(MAGIC_COOKIE) => branch.to_owned(),
        _ => {
            let cseq = headers.cseq().ok()?.number;
            let from = headers.from().ok()?;
            let tag = from.tag().unwrap_or_default();
            format!("{}|{tag}|{cseq}|{}", headers.call_id().ok()?, via.branch().unwrap_or_default())
        }
    };
    Some(Match { branch, sent_by, method })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::sip::flow::ConnectionId;
    use crate::sip::message::{Transport, parse};
    use crate::time::UnixTime;

    #[test]
    fn one_source_fills_its_share_of_the_table_and_no_more() {
        let mut table = Transactions::new(Timing::default(), 100);
        let now = Now { instant: Instant::now(), unix: UnixTime(0) };
        let mut arrives = |host: u8, number: u32| {
            let peer = SocketAddr::from(([192, 0, 2, host], 5060));
            let local = SocketAddr::from(([192, 0, 2, 1], 5060));
            let flow = Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) };
            let text = format!(
                "OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.{host};branch=z9hG4bK{number}\r\n\
                 From: <sip:a@b>;tag=a\r\nTo: <sip:b>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n\r\n"
            );
            let Ok(message) = parse(text.as_bytes(), false) else { panic!("{text}") };
            table.handle_message(now, flow, message);
            std::iter::from_fn(|| table.poll_output()).count()
        };
        let flooded: usize = (0..1_000).map(|number| arrives(66, number)).sum();
        assert_eq!(flooded, 25);
        assert_eq!(arrives(9, 1), 1, "others are served");
        assert_eq!(table.overflowed, 975);
        let keys: Vec<_> = (1..=26).map(ServerKey).collect();
        keys.into_iter().for_each(|key| table.forget(key));
        assert!(table.is_empty() && table.by_source.is_empty());
    }

    #[test]
    fn what_is_answered_gives_way_to_what_is_not() {
        let mut table = Transactions::new(Timing::default(), 100);
        let now = Now { instant: Instant::now(), unix: UnixTime(0) };
        let address = SocketAddr::from(([192, 0, 2, 66], 5060));
        let transport = Transport::Udp;
        let flow = Flow { transport, local: address, peer: address, connection: ConnectionId(0) };
        let ask = |table: &mut Transactions, number: u32| {
            let text = format!(
                "OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66;branch=z9hG4bK{number}\r\n\
                 From: <sip:a@b>;tag=a\r\nTo: <sip:b>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n\r\n"
            );
            let Ok(message) = parse(text.as_bytes(), false) else { panic!("{text}") };
            table.handle_message(now, flow, message);
            std::iter::from_fn(|| table.poll_output()).find_map(|output| match output {
                Output::Request { key, request, .. } => Some((key, request)),
                _ => None,
            })
        };
        for number in 0..1_000 {
            let (key, request) = ask(&mut table, number).expect("each finds room");
            table.respond(now, key, &Response::to(&request, Status::OK));
            while table.poll_output().is_some() {}
        }
        assert_eq!((table.overflowed, table.by_source[&address.ip()].count), (0, 25));
        assert!(ask(&mut table, 999).is_none(), "the newest still absorb repetitions");
        let open = (2_000..2_100).filter(|number| ask(&mut table, *number).is_some()).count();
        assert_eq!(open, 25, "what is not answered gives way to nothing");
        assert!(table.by_source[&address.ip()].answered.is_empty());
    }

    #[test]
    fn a_request_that_comes_two_ways_is_answered_once_and_the_second_is_a_loop() {
        let mut table = Transactions::new(Timing::default(), 100);
        let now = Now { instant: Instant::now(), unix: UnixTime(0) };
        let address = SocketAddr::from(([192, 0, 2, 66], 5060));
        let transport = Transport::Udp;
        let flow = Flow { transport, local: address, peer: address, connection: ConnectionId(0) };
        let mut arrives = |branch: &str, method: &str, cseq: u32, tag: &str| {
            let text = format!(
                "{method} sip:b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66;branch=z9hG4bK{branch}\r\n\
                 From: <sip:a@b>;tag=a\r\nTo: <sip:b>{tag}\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\n\r\n"
            );
            let Ok(message) = parse(text.as_bytes(), false) else { panic!("{text}") };
            table.handle_message(now, flow, message);
            let mut merged = false;
            while let Some(output) = table.poll_output() {
                match output {
                    Output::Send { bytes, .. } => merged |= bytes.starts_with(b"SIP/2.0 482 "),
                    Output::Request { key, request, .. } => {
                        table.respond(now, key, &Response::to(&request, Status::OK));
                    }
                    _ => {}
                }
            }
            (merged, table.by_name.len())
        };
        for (number, method) in [(0, "REGISTER"), (1, "OPTIONS"), (2, "SUBSCRIBE"), (3, "REFER")] {
            assert_eq!(arrives(&format!("1{method}"), method, 7, ""), (false, number + 1));
            assert_eq!(arrives(&format!("2{method}"), method, 7, ""), (true, number + 1));
            assert_eq!(arrives(&format!("1{method}"), method, 7, ""), (false, number + 1), "again");
        }
        assert_eq!(arrives("3", "REGISTER", 8, ""), (false, 5), "the next one is another");
        assert_eq!(
            arrives("4", "REGISTER", 8, ";tag=x"),
            (false, 5),
            "within a dialog its CSeq tells"
        );
        let later = now.after(Duration::from_secs(40));
        table.handle_timeout(later);
        assert!(
            table.by_name.is_empty() && table.by_match.is_empty(),
            "gone with their transactions"
        );
    }

    #[test]
    fn room_that_a_flood_took_is_given_back() {
        let mut table = Transactions::new(Timing::default(), 40_000);
        let now = Now { instant: Instant::now(), unix: UnixTime(0) };
        let address = SocketAddr::from(([192, 0, 2, 66], 5060));
        let transport = Transport::Udp;
        let flow = Flow { transport, local: address, peer: address, connection: ConnectionId(0) };
        for number in 0..10_000 {
            let text = format!(
                "OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66;branch=z9hG4bK{number}\r\n\
                 From: <sip:a@b>;tag=a\r\nTo: <sip:b>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n\r\n"
            );
            let Ok(message) = parse(text.as_bytes(), false) else { panic!("{text}") };
            table.handle_message(now, flow, message);
        }
        assert!(table.servers.capacity() >= 10_000);
        (1..=9_900).for_each(|key| table.forget(ServerKey(key)));
        assert_eq!((table.len(), table.by_match.len()), (100, 100), "what is alive stays");
        assert!(table.servers.capacity() <= 4 * KEPT_ROOM);
        assert!(table.by_match.capacity() <= 4 * KEPT_ROOM);
    }
}
