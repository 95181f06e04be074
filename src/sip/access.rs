//! The gate: who may start something, by address or by password.
//!
//! Judges requests that begin something: a call, a registration. What an authenticated caller may then dial is the dial
//! plan's business. Counts wrong passwords for each source and user and slows a guesser down, without ever shutting out
//! a carrier, or a desk phone for its neighbour's sins. Tells [`crate::sip::trust`] who did what; that machine bans.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::id::TrunkId;
use crate::random::Random;
use crate::sip::auth::{self, Algorithm, Digest, Secret};
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Request, Response, Status};
use crate::sip::trunk::Network;
use crate::sip::trust::{self, Level, Proof, Sin, Trust};
use crate::time::Now;

/// Wrong passwords for one user from one source before it has to wait. A person who mistypes while setting a phone up
/// stays below.
const MISTAKES: u32 = 10;
/// Wrong passwords from one source for users that do not exist, all together.
const MISTAKES_UNKNOWN: u32 = 50;
/// How long a guesser waits, and after which quiet time mistakes are forgotten. At ten guesses each ten minutes, a
/// password of eight letters takes longer than the universe has.
const BAN: Duration = Duration::from_secs(600);
/// How often a call for help is judged while its source is shut out.
const HELP_EVERY: Duration = Duration::from_secs(1);
/// Pairs of source and user that are counted at once; 100 bytes each. When there are more, the longest quiet is
/// forgotten.
const MAX_SOURCES: usize = 20_000;

/// What the gate knows.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Shown by phones, and part of what they hash.
    pub realm: String,
    /// Hashes to choose from, the preferred first.
    pub algorithms: Vec<Algorithm>,
    /// Carriers and where their calls come from.
    pub trunks: Vec<(TrunkId, Vec<Network>)>,
    /// Passwords.
    pub users: BTreeMap<String, Secret>,
    /// Who is banned when.
    pub trust: trust::Settings,
}

/// What the gate says.
#[derive(Debug)]
pub enum Verdict {
    /// It comes from a carrier.
    Trunk(TrunkId),
    /// It comes from this user, who has shown the password.
    User {
        /// The user.
        username: String,
    },
    /// Anybody may: a probe.
    Open,
    /// Send this challenge.
    Challenge(Response),
    /// Send this refusal.
    Refuse(Response),
    /// Say nothing.
    Drop,
}

/// The gate.
#[derive(Debug)]
pub struct Gate {
    settings: Settings,
    digest: Digest,
    guesses: BTreeMap<Guesser, Guesses>,
    /// Who is let as far as the parser.
    pub trust: Trust,
    /// Wrong passwords so far.
    pub mistakes: u64,
    /// Requests from sources that have to wait.
    pub shut_out: u64,
}

/// A source and the user it tries to be; no user for those that do not exist. Of IPv6 the network counts: one host has
/// 2^64 addresses.
type Guesser = (IpAddr, Option<String>);

#[derive(Debug)]
struct Guesses {
    mistakes: u32,
    last: Instant,
    /// When a call for help was last judged in spite of the mistakes.
    help: Option<Instant>,
}

impl Gate {
    /// A gate.
    pub fn new(settings: Settings, mut random: Random) -> Self {
        let trust = Trust::new(settings.trust.clone(), random.fork());
        let digest = Digest::new(&settings.realm, &settings.algorithms, random);
        Gate { settings, digest, guesses: BTreeMap::new(), trust, mistakes: 0, shut_out: 0 }
    }

    /// Other passwords and carriers count from now on. Realm, hashes and bans stay as they were begun.
    pub fn handle_settings(&mut self, settings: Settings) {
        self.trust.handle_trunks(settings.trust.trunks);
        (self.settings.users, self.settings.trunks) = (settings.users, settings.trunks);
    }

    /// Judges one request. With `help` it is a call for help: the right password passes, whatever happened before.
    pub fn handle(&mut self, now: Now, request: &Request, flow: Flow, help: bool) -> Verdict {
        let source = flow.peer.ip();
        if request.method != Method::REGISTER
            && !self.claims_to_be_a_user(request)
            && let Some(trunk) = self.trunk_at(source)
        {
            return Verdict::Trunk(trunk);
        }
        if !help && self.is_scanner(now, request, &flow) {
            return Verdict::Drop;
        }
        let header = match self.own_credentials(request) {
            Some(header) => header,
            None if request.method == Method::OPTIONS => {
                self.probes(now, request, &flow);
                return Verdict::Open;
            }
            None => {
                self.asks(now, request, &flow);
                return self.challenge(now, source, request, false);
            }
        };
        let guesser = self.guesser(source, auth::claimed_user(&header));
        let shut_out = self.is_shut_out(now, &guesser);
        if shut_out && !(help && self.may_ask_for_help(now, &guesser)) {
            self.shut_out += 1;
            let proof = self.digest.proves(now, source, &header);
            let proof = if proof { Proof::Shown } else { Proof::Claimed };
            self.trust.sinned(now, &flow, Sin::Knocking, proof);
            return Verdict::Drop;
        }
        let users = &self.settings.users;
        let secret = |user: &str| users.get(user);
        let (method, uri) = (&request.method, &request.uri);
        match self.digest.verify(now, source, method, uri, &header, secret) {
            auth::Verdict::Right { username } => {
                self.trust.shown(now, &flow);
                self.is_own_name(request, username)
            }
            auth::Verdict::Stale => self.challenge(now, source, request, true),
            auth::Verdict::Wrong { .. } if shut_out => Verdict::Drop,
            auth::Verdict::Wrong { .. } => {
                self.guessed(now, &flow, &header, &guesser);
                self.mistake(now, source, guesser);
                self.challenge(now, source, request, false)
            }
            auth::Verdict::Missing => {
                self.asks(now, request, &flow);
                self.challenge(now, source, request, false)
            }
        }
    }

    /// A scanner that says so is not answered: it has nothing to find out. The site's own are: a pentest in the house
    /// wants to see how the box behaves.
    fn is_scanner(&mut self, now: Now, request: &Request, flow: &Flow) -> bool {
        let agent = request.headers.get("User-Agent").unwrap_or_default();
        let is =
            trust::is_scanner(agent) && self.trust.level(now.instant, flow.peer) == Level::Stranger;
        if is {
            self.trust.sinned(now, flow, Sin::Scanner, Proof::Claimed);
        }
        is
    }

    /// A request without credentials, which anybody begins with; whoever asks for many users in vain looks for those
    /// that there are.
    fn asks(&mut self, now: Now, request: &Request, flow: &Flow) {
        let named =
            if request.method == Method::REGISTER { request.to_header() } else { request.from() };
        let user = named.ok().and_then(|named| named.uri.user).unwrap_or_default();
        if self.settings.users.contains_key(&user) {
            self.trust.sinned(now, flow, Sin::Unanswered, Proof::Claimed);
        } else {
            self.trust.asked_for(now, flow, &user, Sin::Enumeration, Proof::Claimed);
        }
    }

    /// OPTIONS: anybody may ask the box what it can do; who asks for one user after the other looks for those there are.
    fn probes(&mut self, now: Now, request: &Request, flow: &Flow) {
        let user = request.uri.user.as_deref().unwrap_or_default();
        if !user.is_empty() && !self.settings.users.contains_key(user) {
            self.trust.asked_for(now, flow, user, Sin::Enumeration, Proof::Claimed);
        }
    }

    /// A wrong password. It answers a challenge of ours, so it came from where it says.
    fn guessed(&mut self, now: Now, flow: &Flow, header: &str, guesser: &Guesser) {
        match guesser {
            (_, Some(_)) => self.trust.sinned(now, flow, Sin::WrongPassword, Proof::Shown),
            (_, None) => {
                let user = auth::claimed_user(header).unwrap_or_default();
                self.trust.asked_for(now, flow, &user, Sin::UnknownUser, Proof::Shown);
            }
        }
    }

    /// The carrier that owns an address.
    pub fn trunk_at(&self, source: IpAddr) -> Option<TrunkId> {
        let owns = |networks: &[Network]| networks.iter().any(|network| network.contains(source));
        self.settings
            .trunks
            .iter()
            .find(|(_, networks)| owns(networks))
            .map(|(trunk, _)| trunk.clone())
    }

    /// Whether a request is made in the name of a phone of ours. A carrier behind whose address phones are as well (a
    /// loopback test, a router that hides both) does not vouch for them: they show their password.
    fn claims_to_be_a_user(&self, request: &Request) -> bool {
        let named = request.from().ok().and_then(|from| from.uri.user);
        named.is_some_and(|user| self.settings.users.contains_key(&user))
    }

    /// The Authorization for our realm: a request may carry others, for those behind us.
    fn own_credentials(&self, request: &Request) -> Option<String> {
        let realm = format!("realm=\"{}\"", self.settings.realm);
        request
            .headers
            .all("Authorization")
            .find(|header| header.contains(&realm))
            .map(str::to_owned)
    }

    /// A user acts under their own name alone: in From for calls, in To for registrations.
    fn is_own_name(&self, request: &Request, username: String) -> Verdict {
        let named =
            if request.method == Method::REGISTER { request.to_header() } else { request.from() };
        match named.ok().and_then(|named| named.uri.user) {
            Some(user) if user == username => Verdict::User { username },
            _ => Verdict::Refuse(Response::to(request, Status::FORBIDDEN)),
        }
    }

    fn challenge(&mut self, now: Now, source: IpAddr, request: &Request, stale: bool) -> Verdict {
        let mut response = Response::to(request, Status::UNAUTHORIZED);
        for challenge in self.digest.challenge(now, source, stale, chokes_on_sha_256(request)) {
            // Made of our realm, which the configuration's check has read, and of hexadecimal digits.
            let _ = response.headers.push("WWW-Authenticate", challenge);
        }
        Verdict::Challenge(response)
    }

    fn guesser(&self, source: IpAddr, user: Option<String>) -> Guesser {
        (trust::network(source), user.filter(|user| self.settings.users.contains_key(user)))
    }

    fn is_shut_out(&mut self, now: Now, guesser: &Guesser) -> bool {
        let Some(counted) = self.guesses.get(guesser) else { return false };
        if now.instant.duration_since(counted.last) >= BAN {
            self.guesses.remove(guesser);
            return false;
        }
        counted.mistakes >= most_mistakes(guesser)
    }

    /// Calls for help of who is shut out are judged one in a second: enough for a person, and no way to guess on.
    fn may_ask_for_help(&mut self, now: Now, guesser: &Guesser) -> bool {
        let Some(counted) = self.guesses.get_mut(guesser) else { return true };
        let soon = counted.help.is_some_and(|at| now.instant.duration_since(at) < HELP_EVERY);
        if !soon {
            counted.help = Some(now.instant);
        }
        !soon
    }

    /// Counts a wrong password. Its source is proven: it has received our challenge. A forged datagram never gets here,
    /// so it cannot shut out the address that it names.
    fn mistake(&mut self, now: Now, source: IpAddr, guesser: Guesser) {
        self.mistakes += 1;
        if self.guesses.len() >= MAX_SOURCES && !self.guesses.contains_key(&guesser) {
            let quietest = self.guesses.iter().min_by_key(|(_, g)| g.last).map(|(who, _)| who);
            quietest.cloned().and_then(|who| self.guesses.remove(&who));
        }
        let most = most_mistakes(&guesser);
        let counted = self.guesses.entry(guesser).or_insert(Guesses {
            mistakes: 0,
            last: now.instant,
            help: None,
        });
        counted.mistakes += 1;
        counted.last = now.instant;
        if counted.mistakes == most {
            tracing::warn!(%source, "wrong passwords: shut out for ten minutes");
        }
    }

    /// Hears a source again, and forgets its wrong passwords. Answers whether there was something to lift.
    pub fn unban(&mut self, address: IpAddr) -> bool {
        let source = trust::network(address);
        let before = self.guesses.len();
        self.guesses.retain(|(guesser, _), _| *guesser != source);
        self.trust.unban(source) || self.guesses.len() < before
    }

    /// Forgets what no longer matters; to be called now and then.
    pub fn forget_old(&mut self, now: Now) {
        self.digest.forget_old(now);
        self.trust.forget_old(now.instant);
        self.guesses.retain(|_, counted| now.instant.duration_since(counted.last) < BAN);
    }
}

fn most_mistakes((_, user): &Guesser) -> u32 {
    if user.is_some() { MISTAKES } else { MISTAKES_UNKNOWN }
}

/// Phones that give up on a challenge when any of its algorithms is new to them, instead of passing it over as
/// RFC 8760 section 2.4 asks: baresip before 2.0, and those in browsers, SIP.js and JsSIP, whose connection is encrypted.
fn chokes_on_sha_256(request: &Request) -> bool {
    let socket = |name: &str| ["WS", "WSS"].iter().any(|way| name.eq_ignore_ascii_case(way));
    if request.top_via().is_ok_and(|via| socket(&via.transport)) {
        return true;
    }
    let agent = request.headers.get("User-Agent").unwrap_or_default();
    ["baresip v0.", "baresip v1."].iter().any(|old| agent.starts_with(old))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::sip::auth::{Credentials, answer};
    use crate::sip::flow::ConnectionId;
    use crate::sip::message::{Message, Transport, parse};
    use crate::time::UnixTime;

    fn gate() -> Gate {
        let users = [("201".to_owned(), Secret::plain("right"))].into();
        let carrier = vec![Network::parse("198.51.100.0/24").unwrap()];
        let settings = Settings {
            realm: "branchline".into(),
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            trunks: vec![("carrier".into(), carrier.clone())],
            users,
            trust: trust::Settings { trunks: carrier, ..trust::Settings::default() },
        };
        Gate::new(settings, Random::from_number(1))
    }

    fn now() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(1_000_000_000) }
    }

    fn flow(source: [u8; 4]) -> Flow {
        let local = SocketAddr::from(([192, 0, 2, 1], 5060));
        let peer = SocketAddr::from((source, 5060));
        Flow { transport: Transport::Udp, local, peer, connection: ConnectionId(0) }
    }

    fn request(method: &str, from: &str, extra: &str) -> Request {
        let text = format!(
            "{method} sip:branch SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n\
             From: <sip:{from}@branch>;tag=a\r\nTo: <sip:{from}@branch>\r\nCall-ID: one\r\n\
             CSeq: 1 {method}\r\n{extra}Content-Length: 0\r\n\r\n"
        );
        match parse(text.as_bytes(), false) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn try_password(
        gate: &mut Gate,
        now: Now,
        source: [u8; 4],
        method: &str,
        user: &str,
        password: &str,
        from: &str,
    ) -> Verdict {
        let challenge = match gate.handle(now, &request(method, from, ""), flow(source), false) {
            Verdict::Challenge(response) => response,
            other => return other,
        };
        let challenges: Vec<_> = challenge.headers.all("WWW-Authenticate").collect();
        let credentials =
            Credentials { username: user.into(), secret: Secret::plain(password), realm: None };
        let header =
            answer(&challenges, &credentials, &Method::other(method), "sip:branch", 1, "c")
                .unwrap();
        gate.handle(
            now,
            &request(method, from, &format!("Authorization: {header}\r\n")),
            flow(source),
            false,
        )
    }

    #[test]
    fn carriers_pass_by_address_and_users_by_password() {
        let mut gate = gate();
        let carrier = flow([198, 51, 100, 7]);
        assert!(matches!(
            gate.handle(now(), &request("INVITE", "1", ""), carrier, false),
            Verdict::Trunk(_)
        ));
        assert!(matches!(
            gate.handle(now(), &request("REGISTER", "201", ""), carrier, false),
            Verdict::Challenge(_)
        ));
        let home = [192, 0, 2, 9];
        for method in ["INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE"] {
            let verdict = try_password(&mut gate, now(), home, method, "201", "right", "201");
            assert!(matches!(verdict, Verdict::User { .. }), "{method}: {verdict:?}");
        }
        assert!(matches!(
            gate.handle(now(), &request("OPTIONS", "x", ""), flow(home), false),
            Verdict::Open
        ));
    }

    #[test]
    fn a_phone_behind_a_carriers_address_shows_its_password() {
        let mut gate = gate();
        let carrier = [198, 51, 100, 7];
        let verdict = gate.handle(now(), &request("INVITE", "201", ""), flow(carrier), false);
        assert!(matches!(verdict, Verdict::Challenge(_)), "the carrier does not vouch for it");
        let verdict = try_password(&mut gate, now(), carrier, "INVITE", "201", "right", "201");
        assert!(matches!(verdict, Verdict::User { .. }));
    }

    #[test]
    fn a_phone_that_chokes_on_sha_256_is_not_offered_it() {
        let offered = |extra: &str| match gate().handle(
            now(),
            &request("REGISTER", "201", extra),
            flow([192, 0, 2, 9]),
            false,
        ) {
            Verdict::Challenge(response) => response.headers.all("WWW-Authenticate").count(),
            other => panic!("{other:?}"),
        };
        assert_eq!(offered("User-Agent: baresip v1.0.0 (x86_64/linux)\r\n"), 1);
        assert_eq!(offered("User-Agent: baresip v3.1.0 (x86_64/linux)\r\n"), 2);
    }

    #[test]
    fn nobody_acts_under_another_name() {
        let verdict =
            try_password(&mut gate(), now(), [192, 0, 2, 9], "REGISTER", "201", "right", "202");
        assert!(
            matches!(verdict, Verdict::Refuse(response) if response.status == Status::FORBIDDEN)
        );
    }

    #[test]
    fn a_guesser_is_shut_out_and_let_in_again_later_and_neighbours_are_not() {
        let mut gate = gate();
        let (guesser, neighbour) = ([192, 0, 2, 66], [192, 0, 2, 9]);
        for _ in 0..MISTAKES {
            let verdict =
                try_password(&mut gate, now(), guesser, "REGISTER", "201", "guess", "201");
            assert!(matches!(verdict, Verdict::Challenge(_)));
        }
        let verdict = try_password(&mut gate, now(), guesser, "REGISTER", "201", "right", "201");
        assert!(matches!(verdict, Verdict::Drop));
        let verdict = try_password(&mut gate, now(), neighbour, "REGISTER", "201", "right", "201");
        assert!(matches!(verdict, Verdict::User { .. }));
        let later = now().after(BAN + Duration::from_secs(1));
        let verdict = try_password(&mut gate, later, guesser, "REGISTER", "201", "right", "201");
        assert!(matches!(verdict, Verdict::User { .. }));
    }

    #[test]
    fn a_forged_datagram_shuts_nobody_out() {
        let mut gate = gate();
        let victim = [192, 0, 2, 9];
        let forged = "Authorization: Digest username=\"201\", realm=\"branchline\", nonce=\"x\", uri=\"sip:branch\", \
                      response=\"0\", qop=auth, nc=00000001, cnonce=\"c\"\r\n";
        for _ in 0..100 {
            gate.handle(now(), &request("REGISTER", "201", forged), flow(victim), false);
        }
        let verdict = try_password(&mut gate, now(), victim, "REGISTER", "201", "right", "201");
        assert!(matches!(verdict, Verdict::User { .. }));
    }

    #[test]
    fn known_and_unknown_users_are_answered_alike() {
        let mut gate = gate();
        let shape = |verdict: Verdict| match verdict {
            Verdict::Challenge(response) => (
                response.status,
                response.headers.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>(),
            ),
            other => panic!("{other:?}"),
        };
        let home = [192, 0, 2, 9];
        let known = shape(try_password(&mut gate, now(), home, "REGISTER", "201", "wrong", "201"));
        let unknown =
            shape(try_password(&mut gate, now(), home, "REGISTER", "999", "wrong", "999"));
        assert_eq!(known, unknown);
    }

    #[test]
    fn a_neighbour_behind_the_same_address_is_not_shut_out_with_a_guesser() {
        let mut settings = gate().settings;
        settings.users.insert("202".to_owned(), Secret::plain("right"));
        let mut gate = Gate::new(settings, Random::from_number(1));
        let router = [192, 0, 2, 66];
        for _ in 0..MISTAKES {
            try_password(&mut gate, now(), router, "REGISTER", "201", "guess", "201");
        }
        let verdict = try_password(&mut gate, now(), router, "REGISTER", "201", "right", "201");
        assert!(matches!(verdict, Verdict::Drop));
        let verdict = try_password(&mut gate, now(), router, "REGISTER", "202", "right", "202");
        assert!(matches!(verdict, Verdict::User { .. }));
    }

    #[test]
    fn a_nonce_fetched_elsewhere_shuts_nobody_out() {
        let mut gate = gate();
        let (attacker, victim) = ([192, 0, 2, 66], [192, 0, 2, 9]);
        let ask = request("REGISTER", "201", "");
        let Verdict::Challenge(challenge) = gate.handle(now(), &ask, flow(attacker), false) else {
            panic!("no challenge")
        };
        let challenges: Vec<_> = challenge.headers.all("WWW-Authenticate").collect();
        let credentials =
            Credentials { username: "201".into(), secret: Secret::plain("guess"), realm: None };
        let method = Method::REGISTER;
        let header = answer(&challenges, &credentials, &method, "sip:branch", 1, "c").unwrap();
        let forged = request("REGISTER", "201", &format!("Authorization: {header}\r\n"));
        for _ in 0..100 {
            gate.handle(now(), &forged, flow(victim), false);
        }
        let verdict = try_password(&mut gate, now(), victim, "REGISTER", "201", "right", "201");
        assert!(matches!(verdict, Verdict::User { .. }));
    }

    #[test]
    fn who_is_shut_out_still_calls_for_help_with_the_right_password() {
        let mut gate = gate();
        let home = [192, 0, 2, 9];
        for _ in 0..MISTAKES {
            try_password(&mut gate, now(), home, "REGISTER", "201", "guess", "201");
        }
        let mut help = |now: Now, password: &str| {
            let ask = request("INVITE", "201", "");
            let Verdict::Challenge(challenge) = gate.handle(now, &ask, flow(home), true) else {
                panic!("no challenge")
            };
            let challenges: Vec<_> = challenge.headers.all("WWW-Authenticate").collect();
            let credentials = Credentials {
                username: "201".into(),
                secret: Secret::plain(password),
                realm: None,
            };
            let method = Method::INVITE;
            let header = answer(&challenges, &credentials, &method, "sip:branch", 1, "c").unwrap();
            let again = request("INVITE", "201", &format!("Authorization: {header}\r\n"));
            gate.handle(now, &again, flow(home), true)
        };
        let start = now();
        assert!(matches!(help(start, "guess"), Verdict::Drop));
        assert!(matches!(help(start, "right"), Verdict::Drop), "no guessing on");
        let later = start.after(HELP_EVERY);
        assert!(matches!(help(later, "right"), Verdict::User { .. }));
    }
}
