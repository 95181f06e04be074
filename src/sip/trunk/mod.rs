//! Trunks: where a carrier is, whether it answers, whether we are registered there, and how that looks to a person.
//!
//! One [`Trunk`] for each carrier. It finds the addresses of the carrier's servers, asks each now and then whether it is
//! there, keeps a registration alive if the carrier wants one, and says where calls go, best first. It places no call:
//! whoever does tells it who answered and who did not.

mod address;
mod finding;
mod keep_alive;
mod rest;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::sip::auth::Credentials;
use crate::sip::flow::Route;
use crate::sip::locate::Question;
use crate::sip::message::{Method, Request, Response, Status, Transport};
use crate::sip::registrar;
use crate::sip::uri::{Host, NameAddr, Scheme, Uri};
use crate::time::{Now, UnixTime, earliest};

use finding::Finding;
use keep_alive::KeepAlive;
use rest::Rests;

pub use address::{Network, NotANetwork, Server};

/// First wait after a failure; doubled up to [`MAX_BACK_OFF`] (RFC 5626 section 4.5).
const BACK_OFF: Duration = Duration::from_secs(5);
/// Longest wait after failures: a carrier that came back is found within ten minutes.
const MAX_BACK_OFF: Duration = Duration::from_secs(600);
/// Hops of a Service-Route, and their bytes together: they travel in every INVITE, which is to fit into a datagram.
const MAX_HOPS: usize = 4;
const MAX_HOP_BYTES: usize = 512;

/// The account that a carrier wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Its name and password.
    pub credentials: Credentials,
    /// Seconds that each registration lasts.
    pub expires_s: u32,
}

/// What a trunk is told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The carrier's servers, in order; none for a carrier that only calls in.
    pub servers: Vec<Server>,
    /// How they are spoken to; as the DNS says, when absent (RFC 3263 section 4.1).
    pub transport: Option<Transport>,
    /// The account to register with.
    pub register: Option<Register>,
    /// The account that calls out show when they are challenged, where it is not the one to register with.
    pub account: Option<Credentials>,
    /// How often each server is asked whether it is there; never, when absent.
    pub probe: Option<Duration>,
    /// The longest wait between keep-alives over connections (RFC 5626 section 4.4.1), at least 20 s; none, when absent.
    pub keep_alive: Option<Duration>,
}

/// How a trunk is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It only takes calls in.
    InboundOnly {
        /// When the carrier last said anything.
        heard: Option<UnixTime>,
    },
    /// The carrier's name has not been found yet, or not any more.
    Unresolved,
    /// Ready for calls; the carrier wants no registration.
    Ready,
    /// Its servers are known, and nobody asks them whether they are there.
    Unasked {
        /// When one last said anything.
        heard: Option<UnixTime>,
    },
    /// Some servers were asked for the first time only just now, as after a start or a new configuration.
    Unheard {
        /// Those that have not answered yet.
        servers: Vec<SocketAddr>,
        /// Whether one of the others has.
        others: bool,
    },
    /// Some servers do not answer; calls go over the others.
    Partly {
        /// Those that do not.
        silent: Vec<SocketAddr>,
    },
    /// Some servers are overloaded and said for how long; calls go over the others.
    Resting {
        /// Those that are.
        servers: Vec<SocketAddr>,
    },
    /// No server answers.
    Silent,
    /// The first registration is under way.
    Registering,
    /// Registered.
    Registered {
        /// Until when.
        until: UnixTime,
    },
    /// Refused or not answered; it is tried again by itself.
    Failed {
        /// The carrier's answer; nothing if there was none.
        status: Option<u16>,
    },
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::InboundOnly { heard } => {
                f.write_str("takes calls in; no server for calls out; ")?;
                write_heard(f, *heard)
            }
            State::Unasked { heard } => {
                f.write_str("its servers are not asked whether they answer; ")?;
                write_heard(f, *heard)
            }
            State::Unresolved => {
                f.write_str("the carrier's server name is not found: check DNS and the name")
            }
            State::Ready => f.write_str("ready"),
            State::Unheard { servers, others } => {
                let servers: Vec<_> = servers.iter().map(SocketAddr::to_string).collect();
                f.write_str(if *others { "ready; " } else { "" })?;
                write!(f, "not heard from yet: {}", servers.join(", "))
            }
            State::Partly { silent } => {
                let silent: Vec<_> = silent.iter().map(SocketAddr::to_string).collect();
                write!(f, "ready; no answer from {}", silent.join(", "))
            }
            State::Resting { servers } => {
                let servers: Vec<_> = servers.iter().map(SocketAddr::to_string).collect();
                write!(f, "ready; the carrier is overloaded and wants no calls for a while at {}", servers.join(", "))
            }
            State::Silent => f.write_str(
                "no server answers: check the line and the servers' addresses; calls are tried all the same",
            ),
            State::Registering => f.write_str("registering"),
            State::Registered { until } => write!(f, "registered until {until}"),
            State::Failed { status: Some(status @ (401 | 403 | 407)) } => {
                write!(f, "the carrier refused the account ({status}): check user name and secret")
            }
            State::Failed { status: Some(status) } => {
                write!(f, "the carrier answered {status}; trying again")
            }
            State::Failed { status: None } => f.write_str(
                "the carrier does not answer: check the line and the server's address; trying again",
            ),
        }
    }
}

fn write_heard(f: &mut fmt::Formatter<'_>, heard: Option<UnixTime>) -> fmt::Result {
    match heard {
        Some(at) => write!(f, "last heard {at}"),
        None => f.write_str("nothing heard since the start"),
    }
}

/// One way to the carrier: an address of one of its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// How it is reached.
    pub route: Route,
    /// Our address on the way there.
    pub local: IpAddr,
    /// The host to name in a Request-URI.
    pub host: Uri,
    /// What the carrier wants a call to pass after this server, in order (Service-Route, RFC 3608 section 6.1).
    pub routes: Vec<String>,
}

/// What a trunk wants done.
#[derive(Debug)]
pub enum Output {
    /// Ask the DNS; answer with [`Trunk::handle_answer`].
    Resolve(Question),
    /// Send this REGISTER; answer with [`Trunk::handle_response`] or [`Trunk::handle_failed`].
    Register {
        /// Where to.
        route: Route,
        /// Our address on the way there.
        local: IpAddr,
        /// The request, without a Contact.
        request: Box<Request>,
        /// The account.
        credentials: Credentials,
    },
    /// Send this OPTIONS; answer with [`Trunk::handle_heard`] or [`Trunk::handle_missed`].
    Probe {
        /// Where to.
        route: Route,
        /// Our address on the way there.
        local: IpAddr,
        /// The request.
        request: Box<Request>,
    },
    /// Send these bytes, which are no message. Tell of a line end that comes back by [`Trunk::handle_pong`].
    KeepAlive {
        /// Where to.
        route: Route,
        /// What.
        bytes: &'static [u8],
    },
    /// Close our connection there: it is dead, and what is sent next opens another.
    Disconnect(Route),
}

/// An address of one of the servers, and what is known of it.
#[derive(Debug, Clone)]
struct Target {
    /// The server's place in the settings.
    server: usize,
    transport: Transport,
    peer: SocketAddr,
    local: IpAddr,
    /// Whether the last thing that was asked of it was not answered.
    silent: bool,
    /// Whether it has ever answered.
    heard: bool,
}

/// One carrier.
#[derive(Debug)]
pub struct Trunk {
    settings: Settings,
    random: Random,
    state: State,
    /// Whether a look-up has come back, with whatever it found.
    looked_up: bool,
    /// In the order of the servers, and of the addresses that each name has.
    targets: Vec<Target>,
    /// The one that we register with.
    registrar: usize,
    /// What its last answer wants calls to pass.
    service_route: Vec<String>,
    failures: u32,
    due: Option<Instant>,
    /// By the server's place in the settings.
    findings: Vec<Finding>,
    probe: Option<Instant>,
    /// When the carrier last said anything: a request, or an answer to one of ours.
    heard: Option<UnixTime>,
    alive: KeepAlive,
    rests: Rests,
    call_id: String,
    cseq: u32,
    outputs: VecDeque<Output>,
}

impl Trunk {
    /// A carrier that nothing is known of yet.
    pub fn new(settings: Settings, mut random: Random) -> Self {
        let state = if settings.servers.is_empty() {
            State::InboundOnly { heard: None }
        } else {
            State::Unresolved
        };
        let findings = settings.servers.iter().map(|_| Finding::default()).collect();
        Trunk {
            call_id: random.hex(16),
            settings,
            random,
            state,
            targets: Vec::new(),
            registrar: 0,
            service_route: Vec::new(),
            failures: 0,
            due: None,
            looked_up: false,
            findings,
            probe: None,
            heard: None,
            alive: KeepAlive::default(),
            rests: Rests::default(),
            cseq: 0,
            outputs: VecDeque::new(),
        }
    }

    /// What it was told.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The box is up.
    pub fn handle_started(&mut self, now: Now) {
        self.look_up(now);
    }

    fn begin(&mut self, now: Now) {
        self.failures = 0;
        self.probe = self.settings.probe.map(|_| now.instant);
        self.set_keep_alive(now);
        if self.settings.register.is_none() {
            self.state = State::Ready;
            return;
        }
        self.state = State::Registering;
        self.register();
    }

    fn register(&mut self) {
        let Some(register) = &self.settings.register else { return };
        let Some(way) = self.targets.get(self.registrar).and_then(|target| self.way(target)) else {
            return;
        };
        let account = Uri { user: Some(register.credentials.username.clone()), ..way.host.clone() };
        let mut request = Request::new(Method::REGISTER, way.host);
        self.cseq += 1;
        let account = NameAddr::new(account).to_string();
        for (name, value) in [
            ("From", account.clone()),
            ("To", account),
            ("Call-ID", self.call_id.clone()),
            ("CSeq", format!("{} REGISTER", self.cseq)),
            ("Expires", register.expires_s.to_string()),
            // RFC 3327 section 5.1: a carrier's edge may put itself on the way to us.
            ("Supported", registrar::PATH.to_owned()),
        ] {
            // Made from the configuration, whose check refuses control characters.
            let _ = request.headers.push(name, value);
        }
        // The endpoint counts one further for the answer to a challenge.
        self.cseq += 1;
        self.due = None;
        self.outputs.push_back(Output::Register {
            route: way.route,
            local: way.local,
            request: Box::new(request),
            credentials: register.credentials.clone(),
        });
    }

    /// The carrier answered our REGISTER.
    pub fn handle_response(&mut self, now: Now, response: &Response) {
        self.hear(self.registrar);
        if response.status != Status::OK {
            self.state = State::Failed { status: Some(response.status.code()) };
            let overloaded = response.status == Status::SERVICE_UNAVAILABLE;
            let seconds = response.headers.retry_after().filter(|_| overloaded);
            let asked = self.targets.get(self.registrar).map(|target| target.peer);
            if let (Some(peer), Some(seconds)) = (asked, seconds) {
                self.handle_overloaded(now, peer, seconds);
            }
            return self.fail_over(now);
        }
        let asked = self.settings.register.as_ref().map_or(0, |register| register.expires_s);
        let granted = response
            .contacts()
            .ok()
            .into_iter()
            .flatten()
            .filter_map(|contact| contact.params.get("expires")?.parse::<u32>().ok())
            .min()
            .or(response.expires())
            .unwrap_or(asked)
            .max(10);
        self.failures = 0;
        self.service_route = service_route(response);
        self.state = State::Registered { until: now.unix + Duration::from_secs(granted.into()) };
        // Between half and nine tenths of the time, so that a thousand branches do not come at once.
        let tenths = 500 + self.random.below(400) as u32;
        self.due = Some(now.instant + Duration::from_secs(granted.into()) * tenths / 1_000);
    }

    /// Where its servers are, each with our address on the way there.
    pub fn locals(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> + '_ {
        self.targets.iter().map(|target| (target.peer.ip(), target.local))
    }

    /// Our address on the way to a server is another now. Where we are registered there, or want to be, the carrier is
    /// told at once. Answers whether it is.
    pub fn handle_moved(&mut self, peer: IpAddr, local: IpAddr) -> bool {
        let mut tells = false;
        for (place, target) in self.targets.iter_mut().enumerate() {
            let moved = target.peer.ip() == peer && target.local != local;
            if moved {
                target.local = local;
                tells |= place == self.registrar && self.settings.register.is_some();
            }
        }
        if tells {
            self.register_anew();
        }
        tells
    }

    /// What the carrier knows of us is out of date.
    pub fn register_anew(&mut self) {
        self.failures = 0;
        self.register();
    }

    /// The carrier did not answer our REGISTER.
    pub fn handle_failed(&mut self, now: Now) {
        if let Some(target) = self.targets.get_mut(self.registrar) {
            target.silent = true;
        }
        self.state = State::Failed { status: None };
        self.fail_over(now);
    }

    /// The next server, after a wait.
    fn fail_over(&mut self, now: Now) {
        self.service_route.clear();
        self.registrar = (self.registrar + 1) % self.targets.len().max(1);
        let peer = self.targets.get(self.registrar).map(|target| target.peer);
        let rests = peer.and_then(|peer| self.rests.until(peer)).unwrap_or(now.instant);
        self.due = Some(rests.max(now.instant + back_off(&mut self.random, self.failures)));
        self.failures += 1;
    }

    /// A server answered something: a call, or a probe, whatever the answer was.
    pub fn handle_heard(&mut self, now: Now, peer: SocketAddr) {
        self.heard = Some(now.unix);
        if let Some(place) = self.targets.iter().position(|target| target.peer == peer) {
            self.hear(place);
        }
    }

    /// The carrier sent a request.
    pub fn handle_request(&mut self, now: Now) {
        self.heard = Some(now.unix);
    }

    /// A server did not answer.
    pub fn handle_missed(&mut self, peer: SocketAddr) {
        if let Some(target) = self.targets.iter_mut().find(|target| target.peer == peer) {
            target.silent = true;
        }
    }

    fn hear(&mut self, place: usize) {
        if let Some(target) = self.targets.get_mut(place) {
            (target.silent, target.heard) = (false, true);
        }
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.rests.end(now.instant);
        if self.due.is_some_and(|due| due <= now.instant) {
            self.due = None;
            self.register();
        }
        if self.look_up_due().is_some_and(|due| due <= now.instant) {
            self.look_up(now);
        }
        if self.probe.is_some_and(|due| due <= now.instant) {
            self.probe(now);
        }
        for peer in self.alive.missing(now.instant) {
            self.flow_failed(peer);
        }
        if self.alive.is_due(now.instant) {
            self.keep_alive(now);
        }
    }

    fn set_keep_alive(&mut self, now: Now) {
        let Some(every) = self.settings.keep_alive else { return };
        // Probes keep the way open as well; without either there is none that we had opened.
        let (registers, probed) = (self.settings.register.is_some(), self.settings.probe.is_some());
        let datagrams = self.targets.iter().any(|target| target.transport == Transport::Udp);
        let every = if datagrams && !probed { every.min(keep_alive::DATAGRAMS) } else { every };
        if registers || probed {
            self.alive.set(now.instant, every, &mut self.random);
        }
    }

    /// Writes to every server that we hold a way open to.
    fn keep_alive(&mut self, now: Now) {
        self.set_keep_alive(now);
        let mut pinged = BTreeSet::new();
        let probed = self.settings.probe.is_some();
        for (place, target) in self.targets.iter().enumerate() {
            let Target { transport, peer, .. } = *target;
            let datagrams = transport == Transport::Udp;
            // We have written nothing to servers that we neither register with nor probe.
            let refreshed = probed || place != self.registrar;
            let skipped = if datagrams { refreshed } else { !probed && place != self.registrar };
            if skipped {
                continue;
            }
            let bytes = if datagrams { keep_alive::REFRESH } else { keep_alive::PING };
            let route = Route::Address { transport, peer };
            self.outputs.push_back(Output::KeepAlive { route, bytes });
            if !datagrams {
                pinged.insert(peer);
            }
        }
        self.alive.pinged(now.instant, pinged);
    }

    /// A connection is dead (RFC 5626 section 4.4.1): it is closed, and we register anew, over another.
    fn flow_failed(&mut self, peer: SocketAddr) {
        let Some(place) = self.targets.iter().position(|target| target.peer == peer) else {
            return;
        };
        self.handle_missed(peer);
        let transport = self.targets.get(place).map_or(Transport::Tcp, |target| target.transport);
        self.outputs.push_back(Output::Disconnect(Route::Address { transport, peer }));
        // Without a time for the next one, a REGISTER is under way.
        let registered = matches!(self.state, State::Registered { .. }) && self.due.is_some();
        if place == self.registrar && registered {
            self.register();
        }
    }

    /// A line end came back from a server, over our connection to it.
    pub fn handle_pong(&mut self, peer: SocketAddr) {
        self.alive.ponged(peer);
    }

    /// A message came over a connection from a server: no pong, but the connection works.
    pub fn handle_spoken(&mut self, peer: SocketAddr) {
        self.alive.heard(peer);
    }

    /// Asks every server whether it is there (RFC 3261 section 11). Any answer will do.
    fn probe(&mut self, now: Now) {
        let Some(every) = self.settings.probe else { return };
        let tenths = 900 + self.random.below(200) as u32;
        self.probe = Some(now.instant + every * tenths / 1_000);
        let ways: Vec<_> = self.targets.iter().filter_map(|target| self.way(target)).collect();
        self.probe_ways(ways);
    }

    /// The connection to a server is gone while it works for us: whether the server is gone with it shows when it is asked.
    pub fn handle_hung_up(&mut self, peer: SocketAddr) {
        let there = self.targets.iter().filter(|target| target.peer == peer);
        let ways = there.filter_map(|target| self.way(target)).collect();
        self.probe_ways(ways);
    }

    fn probe_ways(&mut self, ways: Vec<Way>) {
        for Way { route, local, host, .. } in ways {
            let mut request = Request::new(Method::OPTIONS, host.clone());
            // RFC 3261 section 11.1 leaves the user open: neither our name nor an address of the site goes out.
            let own = Uri::sip(Some("probe"), host.host.clone(), None);
            for (name, value) in [
                ("From", NameAddr::new(own).to_string()),
                ("To", NameAddr::new(host).to_string()),
                ("Accept", "application/sdp".to_owned()),
            ] {
                // Made of addresses and of hosts that the configuration's check has read.
                let _ = request.headers.push(name, value);
            }
            self.outputs.push_back(Output::Probe { route, local, request: Box::new(request) });
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        let asking = earliest(earliest(self.due, self.look_up_due()), self.probe);
        earliest(earliest(asking, self.alive.deadline()), self.rests.deadline())
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The ways that calls out may take, the best first: with the server that knows us, then by priority, and among
    /// equals by lot, as their weights say (RFC 2782); servers that do not answer come last, and are tried all the same.
    /// Servers that asked for a rest are left alone (RFC 3261 section 21.5.4).
    pub fn ways(&mut self) -> Vec<Way> {
        let order = self.order();
        let targets = order.iter().filter_map(|place| self.targets.get(*place));
        let awake = targets.filter(|target| !self.rests.has(target.peer));
        awake.filter_map(|target| self.way(target)).collect()
    }

    /// The same for a call for help, which may disturb whoever rests, after all others.
    pub fn ways_for_help(&mut self) -> Vec<Way> {
        let mut order = self.order();
        let rests = |place: &usize| {
            self.targets.get(*place).is_some_and(|target| self.rests.has(target.peer))
        };
        order.sort_by_key(rests);
        let targets = order.iter().filter_map(|place| self.targets.get(*place));
        targets.filter_map(|target| self.way(target)).collect()
    }

    /// The places of all targets, in the order to try them.
    fn order(&mut self) -> Vec<usize> {
        let mut rest: Vec<usize> = (0..self.targets.len()).collect();
        let mut order = Vec::with_capacity(rest.len());
        while let Some(best) = rest.iter().map(|place| self.rank(*place)).min() {
            let equals: Vec<_> =
                rest.iter().copied().filter(|place| self.rank(*place) == best).collect();
            let drawn = self.draw(&equals);
            rest.retain(|place| *place != drawn);
            order.push(drawn);
        }
        order
    }

    /// What a way is judged by before the lot: silent ones last, who knows us first, then priority.
    fn rank(&self, place: usize) -> (bool, bool, u16) {
        let target = self.targets.get(place);
        let priority = target.and_then(|target| self.settings.servers.get(target.server));
        let registered = self.settings.register.is_some() && place == self.registrar;
        (
            target.is_none_or(|target| target.silent),
            !registered,
            priority.map_or(u16::MAX, |server| server.priority),
        )
    }

    /// One of `equals`. The addresses of one name share its weight and keep their order among themselves.
    fn draw(&mut self, equals: &[usize]) -> usize {
        let server = |place: &usize| self.targets.get(*place).map_or(0, |target| target.server);
        let mut firsts: Vec<usize> = Vec::new();
        for place in equals {
            if !firsts.iter().any(|first| server(first) == server(place)) {
                firsts.push(*place);
            }
        }
        let weight = |place: &usize| {
            self.settings.servers.get(server(place)).map_or(0, |server| u64::from(server.weight))
        };
        let weights: Vec<u64> = firsts.iter().map(weight).collect();
        let all: u64 = weights.iter().sum();
        let mut lot = if all > 0 { self.random.below(all) } else { 0 };
        for (place, weight) in firsts.iter().zip(weights) {
            if lot < weight {
                return *place;
            }
            lot -= weight;
        }
        firsts.first().copied().unwrap_or(0)
    }

    fn way(&self, target: &Target) -> Option<Way> {
        let server = self.settings.servers.get(target.server)?;
        let host = server.host.parse().map_or_else(|_| Host::Name(server.host.clone()), Host::Ip);
        let route = Route::Address { transport: target.transport, peer: target.peer };
        let host = Uri::sip(None, host, server.port);
        let registrar = self.targets.get(self.registrar).map(|target| target.peer);
        let is_registrar = self.settings.register.is_some() && registrar == Some(target.peer);
        let routes = if is_registrar { self.service_route.clone() } else { Vec::new() };
        Some(Way { route, local: target.local, host, routes })
    }

    /// Whether one of its servers is at an address.
    pub fn is_at(&self, address: IpAddr) -> bool {
        self.targets.iter().any(|target| target.peer.ip().to_canonical() == address.to_canonical())
    }

    /// Whether nothing has come back yet of the first look-up: the box has only just started.
    pub fn is_starting(&self) -> bool {
        !self.looked_up && !self.settings.servers.is_empty()
    }

    /// Whether there are servers and none answers.
    pub fn is_silent(&self) -> bool {
        !self.targets.is_empty() && self.targets.iter().all(|target| target.silent)
    }

    /// The account to answer challenges to our calls with.
    pub fn credentials(&self) -> Option<&Credentials> {
        let registered = self.settings.register.as_ref().map(|register| &register.credentials);
        self.settings.account.as_ref().or(registered)
    }

    /// Whether a call could go over it, as far as that is known: it is registered, or has answered where it is asked.
    pub fn works(&self) -> bool {
        match self.state() {
            State::InboundOnly { .. }
            | State::Unasked { .. }
            | State::Registered { .. }
            | State::Partly { .. }
            | State::Resting { .. } => true,
            State::Ready | State::Unheard { .. } => self.heard.is_some(),
            State::Registering | State::Unresolved | State::Silent | State::Failed { .. } => false,
        }
    }

    /// Servers that have never answered, where there are any.
    fn unheard(&self) -> Option<State> {
        let never = self.targets.iter().filter(|target| !target.heard);
        let servers: Vec<_> = never.map(|target| target.peer).collect();
        let others = servers.len() < self.targets.len();
        (!servers.is_empty()).then_some(State::Unheard { servers, others })
    }

    /// How it is.
    pub fn state(&self) -> State {
        let silent = self.targets.iter().filter(|target| target.silent);
        match self.state {
            State::Ready | State::Registered { .. } if self.is_silent() => State::Silent,
            State::Ready if self.targets.iter().any(|target| target.silent) => {
                State::Partly { silent: silent.map(|target| target.peer).collect() }
            }
            State::InboundOnly { .. } => State::InboundOnly { heard: self.heard },
            State::Ready | State::Registered { .. } => self.resting().unwrap_or(match self.state {
                State::Ready if self.settings.probe.is_none() => {
                    State::Unasked { heard: self.heard }
                }
                State::Ready => self.unheard().unwrap_or(State::Ready),
                _ => self.state.clone(),
            }),
            _ => self.state.clone(),
        }
    }
}

/// What a 200 to our REGISTER wants calls to pass. The INVITE goes to the server that we registered with all the same,
/// which passes it on: no name in there makes us send to somebody else. Hops that are no loose routers would take the
/// Request-URI's place and with it the number (RFC 3608 section 6.1 has none); then there is no Service-Route.
fn service_route(response: &Response) -> Vec<String> {
    let hops = response.routes("Service-Route");
    let is_loose = |hop: &NameAddr| {
        matches!(hop.uri.scheme, Scheme::Sip | Scheme::Sips) && hop.uri.params.has("lr")
    };
    let written: Vec<_> = hops.iter().map(NameAddr::to_string).collect();
    let bytes: usize = written.iter().map(String::len).sum();
    let fits = written.len() <= MAX_HOPS && bytes <= MAX_HOP_BYTES;
    if fits && hops.iter().all(is_loose) { written } else { Vec::new() }
}

/// A wait that grows with each failure and is never the same twice.
fn back_off(random: &mut Random, failures: u32) -> Duration {
    let doubled = BACK_OFF * 2u32.saturating_pow(failures.min(7));
    let most = doubled.min(MAX_BACK_OFF).as_millis() as u64;
    Duration::from_millis(most / 2 + random.below(most / 2))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
