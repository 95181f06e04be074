//! Trunks: where a carrier is, whether we are registered there, and how that looks to a person.
//!
//! One [`Trunk`] for each carrier. It finds the carrier's address, keeps a registration alive if the carrier wants one,
//! and says where calls go. It places no call, and waits for nothing but its deadline.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::sip::auth::Credentials;
use crate::sip::flow::Route;
use crate::sip::message::{Method, Request, Response, Status, Transport};
use crate::sip::uri::{Host, NameAddr, Uri};
use crate::time::{Now, UnixTime};

/// First wait after a failure; doubled up to [`MAX_BACK_OFF`] (RFC 5626 section 4.5).
const BACK_OFF: Duration = Duration::from_secs(5);
/// Longest wait after failures: a carrier that came back is found within ten minutes.
const MAX_BACK_OFF: Duration = Duration::from_secs(600);
/// How often a name is looked up again: carriers move.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(300);

/// Addresses that belong together: one, or a whole network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Text that is neither an address nor a network such as `192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotANetwork;

impl Network {
    /// Reads an address or `address/prefix`.
    pub fn parse(text: &str) -> Result<Network, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| NotANetwork)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.trim().parse().map_err(|_| NotANetwork)?,
            None => bits,
        };
        if prefix > bits { Err(NotANetwork) } else { Ok(Network { address, prefix }) }
    }

    /// Whether `address` belongs to it. An IPv4 address in IPv6 clothes is an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.prefix);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// One of a carrier's servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// An address or a name.
    pub host: String,
    /// Its port; the transport's own when absent.
    pub port: Option<u16>,
}

impl Server {
    /// Reads `host`, `host:port` or `[v6]:port`.
    pub fn parse(text: &str) -> Option<Server> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Server { host: address.to_string(), port: None });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Some(Server { host: address.ip().to_string(), port: Some(address.port()) });
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if text.starts_with('[') && bare.parse::<IpAddr>().is_ok() {
            return Some(Server { host: bare.to_owned(), port: None });
        }
        match text.split_once(':') {
            Some((host, port)) => {
                Some(Server { host: host.to_owned(), port: Some(port.parse().ok()?) })
            }
            None => Some(Server { host: text.to_owned(), port: None }),
        }
    }
}

/// The account that a carrier wants to see.
#[derive(Debug, Clone)]
pub struct Register {
    /// Its name and password.
    pub credentials: Credentials,
    /// Seconds that each registration lasts.
    pub expires_s: u32,
}

/// What a trunk is told once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The carrier's servers, in order; none for a carrier that only calls in.
    pub servers: Vec<Server>,
    /// How they are spoken to.
    pub transport: Transport,
    /// The account to register with.
    pub register: Option<Register>,
}

/// How a trunk is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It only takes calls in.
    InboundOnly,
    /// The carrier's name has not been found yet, or not any more.
    Unresolved,
    /// Ready for calls; the carrier wants no registration.
    Ready,
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
            State::InboundOnly => f.write_str("takes calls in; no server for calls out"),
            State::Unresolved => f.write_str("the carrier's server name is not found: check DNS and the name"),
            State::Ready => f.write_str("ready"),
            State::Registering => f.write_str("registering"),
            State::Registered { until } => write!(f, "registered until {until}"),
            State::Failed { status: Some(status @ (401 | 403 | 407)) } => {
                write!(f, "the carrier refused the account ({status}): check user name and secret")
            }
            State::Failed { status: Some(status) } => write!(f, "the carrier answered {status}; trying again"),
            State::Failed { status: None } => {
                f.write_str("the carrier does not answer: check the line and the server's address; trying again")
            }
        }
    }
}

/// What a trunk wants done.
#[derive(Debug)]
pub enum Output {
    /// Look a host up; answer with [`Trunk::handle_resolved`].
    Resolve(String),
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
}

/// One carrier.
#[derive(Debug)]
pub struct Trunk {
    settings: Settings,
    random: Random,
    state: State,
    /// The server in use: its place in the list, its address, and ours on the way there.
    server: usize,
    found: Option<(SocketAddr, IpAddr)>,
    failures: u32,
    due: Option<Instant>,
    look_up: Option<Instant>,
    call_id: String,
    cseq: u32,
    outputs: VecDeque<Output>,
}

impl Trunk {
    /// A carrier that nothing is known of yet.
    pub fn new(settings: Settings, mut random: Random) -> Self {
        let state =
            if settings.servers.is_empty() { State::InboundOnly } else { State::Unresolved };
        Trunk {
            call_id: random.hex(16),
            settings,
            random,
            state,
            server: 0,
            found: None,
            failures: 0,
            due: None,
            look_up: None,
            cseq: 0,
            outputs: VecDeque::new(),
        }
    }

    /// The box is up.
    pub fn handle_started(&mut self, now: Now) {
        self.look_up(now);
    }

    fn look_up(&mut self, now: Now) {
        let Some(server) = self.settings.servers.get(self.server) else { return };
        self.look_up = Some(now.instant + LOOK_UP_AGAIN);
        self.outputs.push_back(Output::Resolve(server.host.clone()));
    }

    /// A host was looked up: its addresses, each with ours on the way there. Hosts that are not this carrier's are
    /// ignored.
    pub fn handle_resolved(&mut self, now: Now, host: &str, found: &[(IpAddr, IpAddr)]) {
        let Some(server) = self.settings.servers.get(self.server) else { return };
        if server.host != host {
            return;
        }
        let port = server.port.unwrap_or(self.settings.transport.default_port());
        match found.first() {
            Some((peer, local)) => {
                let first = self.found.is_none();
                self.found = Some((SocketAddr::new(*peer, port), *local));
                if first {
                    self.begin(now);
                }
            }
            // Names that were found once stay good while DNS is away: a WAN cut must not lose the trunk.
            None if self.found.is_none() => {
                self.state = State::Unresolved;
                self.fail_over(now);
            }
            None => {}
        }
    }

    fn begin(&mut self, now: Now) {
        if self.settings.register.is_none() {
            self.state = State::Ready;
            return;
        }
        self.state = State::Registering;
        self.register(now);
    }

    fn register(&mut self, _now: Now) {
        let (Some(register), Some((peer, local))) = (&self.settings.register, self.found) else {
            return;
        };
        let Some(server) = self.settings.servers.get(self.server) else { return };
        let host = server.host.parse().map_or_else(|_| Host::Name(server.host.clone()), Host::Ip);
        let registrar = Uri::sip(None, host.clone(), server.port);
        let account = Uri::sip(Some(&register.credentials.username), host, server.port);
        let mut request = Request::new(Method::REGISTER, registrar);
        self.cseq += 1;
        let account = NameAddr::new(account).to_string();
        for (name, value) in [
            ("From", account.clone()),
            ("To", account),
            ("Call-ID", self.call_id.clone()),
            ("CSeq", format!("{} REGISTER", self.cseq)),
            ("Expires", register.expires_s.to_string()),
        ] {
            // Made from the configuration, whose check refuses control characters.
            let _ = request.headers.push(name, value);
        }
        // The endpoint counts one further for the answer to a challenge.
        self.cseq += 1;
        self.due = None;
        self.outputs.push_back(Output::Register {
            route: Route::Address { transport: self.settings.transport, peer },
            local,
            request: Box::new(request),
            credentials: register.credentials.clone(),
        });
    }

    /// The carrier answered our REGISTER.
    pub fn handle_response(&mut self, now: Now, response: &Response) {
        if response.status != Status::OK {
            self.state = State::Failed { status: Some(response.status.code()) };
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
        self.state = State::Registered { until: now.unix + Duration::from_secs(granted.into()) };
        // Between half and nine tenths of the time, so that a thousand branches do not come at once.
        let tenths = 500 + self.random.below(400) as u32;
        self.due = Some(now.instant + Duration::from_secs(granted.into()) * tenths / 1_000);
    }

    /// The carrier did not answer our REGISTER.
    pub fn handle_failed(&mut self, now: Now) {
        self.state = State::Failed { status: None };
        self.fail_over(now);
    }

    /// The next server, after a wait that grows with each failure and is never the same twice.
    fn fail_over(&mut self, now: Now) {
        let doubled = BACK_OFF * 2u32.saturating_pow(self.failures.min(7));
        let most = doubled.min(MAX_BACK_OFF).as_millis() as u64;
        let wait = Duration::from_millis(most / 2 + self.random.below(most / 2));
        self.failures += 1;
        if self.settings.servers.len() > 1 {
            self.server = (self.server + 1) % self.settings.servers.len();
            self.found = None;
        }
        self.due = Some(now.instant + wait);
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.due.is_some_and(|due| due <= now.instant) {
            self.due = None;
            match self.found {
                Some(_) => self.register(now),
                None => self.look_up(now),
            }
        }
        if self.look_up.is_some_and(|due| due <= now.instant) {
            self.look_up(now);
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        crate::time::earliest(self.due, self.look_up)
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Where calls out go, our address on the way, and the host to name in the Request-URI.
    pub fn route(&self) -> Option<(Route, IpAddr, Uri)> {
        let ((peer, local), server) = (self.found?, self.settings.servers.get(self.server)?);
        let host = server.host.parse().map_or_else(|_| Host::Name(server.host.clone()), Host::Ip);
        let route = Route::Address { transport: self.settings.transport, peer };
        Some((route, local, Uri::sip(None, host, server.port)))
    }

    /// The account to answer challenges to our calls with.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.settings.register.as_ref().map(|register| &register.credentials)
    }

    /// How it is.
    pub fn state(&self) -> &State {
        &self.state
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::sip::auth::Secret;

    fn now() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(0) }
    }

    fn trunk(servers: &[&str], register: bool) -> Trunk {
        let credentials =
            Credentials { username: "branch7".into(), secret: Secret::plain("x"), realm: None };
        let settings = Settings {
            servers: servers.iter().filter_map(|text| Server::parse(text)).collect(),
            transport: Transport::Udp,
            register: register.then_some(Register { credentials, expires_s: 600 }),
        };
        Trunk::new(settings, Random::from_number(1))
    }

    fn resolve(trunk: &mut Trunk, now: Now) {
        let Some(Output::Resolve(host)) = trunk.poll_output() else { panic!("asks for no name") };
        trunk.handle_resolved(
            now,
            &host,
            &[("192.0.2.5".parse().unwrap(), "192.0.2.1".parse().unwrap())],
        );
    }

    #[test]
    fn networks_contain_what_they_should() {
        let contains = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("192.0.2.0/24", "192.0.2.255") && !contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "::1"));
        assert!(
            contains("127.0.0.1", "::ffff:127.0.0.1") && contains("2001:db8::/32", "2001:db8::9")
        );
        for bad in ["", "x", "192.0.2.0/33", "192.0.2.0/-1", "::/129"] {
            assert_eq!(Network::parse(bad), Err(NotANetwork), "{bad}");
        }
    }

    #[test]
    fn servers_are_read_in_every_form() {
        let read = |text: &str| Server::parse(text).map(|server| (server.host, server.port));
        assert_eq!(read("sip.example:5080"), Some(("sip.example".into(), Some(5080))));
        assert_eq!(read("2001:db8::1"), Some(("2001:db8::1".into(), None)));
        assert_eq!(read("[2001:db8::1]:5070"), Some(("2001:db8::1".into(), Some(5070))));
        assert_eq!(read("sip.example:x"), None);
    }

    #[test]
    fn a_trunk_without_registration_is_ready_when_found_and_stays_so_without_dns() {
        let mut trunk = trunk(&["carrier.example"], false);
        trunk.handle_started(now());
        assert_eq!(*trunk.state(), State::Unresolved);
        resolve(&mut trunk, now());
        assert_eq!(*trunk.state(), State::Ready);
        trunk.handle_resolved(now(), "carrier.example", &[]);
        assert_eq!(*trunk.state(), State::Ready);
        assert!(trunk.route().is_some());
    }

    #[test]
    fn a_registration_is_renewed_before_it_ends_and_retried_after_failures() {
        let mut trunk = trunk(&["192.0.2.5:5060"], true);
        let mut now = now();
        trunk.handle_started(now);
        resolve(&mut trunk, now);
        for _ in 0..5 {
            let Some(Output::Register { request, .. }) = trunk.poll_output() else {
                panic!("no REGISTER")
            };
            let response = Response::to(&request, Status::OK);
            trunk.handle_response(now, &response);
            let State::Registered { until } = *trunk.state() else { panic!("not registered") };
            let wait = trunk.due.unwrap() - now.instant;
            assert!(
                wait >= Duration::from_secs(300) && wait < Duration::from_secs(540),
                "{wait:?}"
            );
            now = now.after(wait);
            assert!(now.unix < until);
            trunk.handle_timeout(now);
            while matches!(trunk.outputs.front(), Some(Output::Resolve(_))) {
                trunk.outputs.pop_front();
            }
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            trunk.outputs.clear();
            trunk.handle_failed(now);
            let wait = trunk.due.unwrap() - now.instant;
            waits.push(wait);
            now = now.after(wait);
            trunk.handle_timeout(now);
        }
        assert!(
            waits[0] < Duration::from_secs(6) && waits.iter().all(|wait| *wait <= MAX_BACK_OFF)
        );
        assert!(waits[7] > waits[0]);
    }

    #[test]
    fn a_carrier_that_refuses_is_shown_with_what_to_do() {
        let mut trunk = trunk(&["192.0.2.5"], true);
        trunk.handle_started(now());
        resolve(&mut trunk, now());
        let Some(Output::Register { request, .. }) = trunk.poll_output() else {
            panic!("no REGISTER")
        };
        trunk.handle_response(now(), &Response::to(&request, Status::FORBIDDEN));
        assert!(trunk.state().to_string().contains("check user name and secret"));
    }
}
