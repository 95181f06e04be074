//! Locating SIP servers (RFC 3263 section 4): from a name to addresses with port and transport, in the order to try.
//!
//! Pure decisions: a [`Search`] says which questions to ask the DNS and is told the answers. Who asks, how long that may
//! take and what to do while there is no answer is decided elsewhere.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::random::Random;
use crate::sip::message::Transport;

/// Servers of one name that are tried: carriers have two to six.
const MAX_SERVERS: usize = 8;
/// Addresses of one server that are tried.
const MAX_ADDRESSES: usize = 4;
/// NAPTR records that are looked at: one for each transport, and room.
const MAX_NAPTRS: usize = 16;

/// What the DNS is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Which transports (RFC 3403).
    Naptr,
    /// Which servers (RFC 2782).
    Srv,
    /// Which addresses: A and AAAA.
    Address,
}

/// A question to the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Question {
    /// The name that the search began with: a server found in its course proves to be that one's (RFC 5922 section 4).
    pub domain: String,
    /// The name that is asked about.
    pub name: String,
    /// What is asked for.
    pub kind: Kind,
}

/// What the DNS answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// These records.
    Found {
        /// At least one.
        records: Records,
        /// Seconds that they are good for.
        ttl: u32,
    },
    /// There are none: that is certain.
    None,
    /// Nobody knows: no resolver answered, or it could not find out.
    Failed,
}

/// Records of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// To [`Kind::Naptr`].
    Naptr(Vec<Naptr>),
    /// To [`Kind::Srv`].
    Srv(Vec<Srv>),
    /// To [`Kind::Address`]: each with our own address on the way there.
    Addresses(Vec<(IpAddr, IpAddr)>),
}

/// A NAPTR record (RFC 3403 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower first; a record of a higher one counts only if none of this can be used.
    pub order: u16,
    /// Lower first, within one order.
    pub preference: u16,
    /// `s` where the replacement names SRV records.
    pub flags: String,
    /// Such as `SIP+D2U`.
    pub service: String,
    /// The name to go on with.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower first.
    pub priority: u16,
    /// How often it comes first among those of one priority, in proportion to theirs.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The server; `.` where there is no such service.
    pub target: String,
}

/// A place where a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// How it is spoken to.
    pub transport: Transport,
    /// Its address.
    pub peer: SocketAddr,
    /// Ours on the way there.
    pub local: IpAddr,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// These, the first to be tried first.
    Found {
        /// At least one.
        places: Vec<Place>,
        /// Seconds that they are good for.
        ttl: u32,
    },
    /// There is no such server: that is certain.
    Nowhere,
    /// The DNS did not tell.
    Failed,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// A name, or an address.
    pub host: String,
    /// The port, if it is written.
    pub port: Option<u16>,
    /// The transport, if it is written.
    pub transport: Option<Transport>,
}

/// One server that is being looked up.
#[derive(Debug, Clone)]
struct Server {
    transport: Transport,
    port: u16,
    name: String,
}

/// A search under way.
#[derive(Debug)]
pub struct Search {
    wanted: Wanted,
    /// Whether a question that nobody answers ends the search: there is an older outcome to stay with.
    strict: bool,
    /// SRV names that are still to be asked about.
    services: VecDeque<(Transport, String)>,
    /// Of which transport the SRV records are that are asked for now.
    asking: Transport,
    servers: Vec<Server>,
    addresses: BTreeMap<String, Vec<(IpAddr, IpAddr)>>,
    open: Vec<Question>,
    questions: VecDeque<Question>,
    ttl: u32,
    failed: bool,
    outcome: Option<Outcome>,
}

impl Search {
    /// Begins. With `strict`, a question that nobody answers ends the search; else it goes on with what RFC 3263 would
    /// do without such records, since many a router in front of a branch knows no NAPTR and no SRV.
    pub fn new(wanted: Wanted, strict: bool) -> Search {
        let mut search = Search {
            wanted,
            strict,
            services: VecDeque::new(),
            asking: Transport::Udp,
            servers: Vec::new(),
            addresses: BTreeMap::new(),
            open: Vec::new(),
            questions: VecDeque::new(),
            ttl: u32::MAX,
            failed: false,
            outcome: None,
        };
        search.begin();
        search
    }

    /// Section 4.1: an address or a port leaves nothing to ask but addresses, a transport only its servers.
    fn begin(&mut self) {
        let host = self.wanted.host.clone();
        if self.wanted.port.is_some() || host.parse::<IpAddr>().is_ok() {
            return self.ask_host();
        }
        match self.wanted.transport {
            Some(transport) => {
                self.services.extend(service(transport, &host));
                self.ask_service();
            }
            None => self.ask(Kind::Naptr, host),
        }
    }

    /// The next question.
    pub fn poll_question(&mut self) -> Option<Question> {
        self.questions.pop_front()
    }

    /// An answer came. One to a question that this search did not ask is ignored. The lot decides among servers of one
    /// priority.
    pub fn handle_answer(&mut self, random: &mut Random, question: &Question, answer: &Answer) {
        let Some(at) = self.open.iter().position(|open| open == question) else { return };
        self.open.swap_remove(at);
        if let Answer::Found { ttl, .. } = answer {
            self.ttl = self.ttl.min(*ttl);
        }
        if *answer == Answer::Failed {
            self.failed = true;
            if self.strict {
                return self.end(Outcome::Failed);
            }
        }
        match question.kind {
            Kind::Naptr => self.take_naptrs(answer),
            Kind::Srv => self.take_servers(random, answer),
            Kind::Address => self.take_addresses(question, answer),
        }
    }

    /// What came of it, once that is known.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The services that we speak, in the carrier's order; without such records, those that we would try by ourselves.
    fn take_naptrs(&mut self, answer: &Answer) {
        let mut usable: Vec<(u16, u16, Transport, String)> = match answer {
            Answer::Found { records: Records::Naptr(records), .. } => records
                .iter()
                .take(MAX_NAPTRS)
                .filter(|naptr| naptr.flags.eq_ignore_ascii_case("s"))
                .filter_map(|naptr| {
                    let transport = of_service(&naptr.service)?;
                    Some((naptr.order, naptr.preference, transport, naptr.replacement.clone()))
                })
                .collect(),
            _ => Vec::new(),
        };
        usable.sort_by_key(|(order, preference, ..)| (*order, *preference));
        self.services.extend(usable.into_iter().map(|(_, _, transport, name)| (transport, name)));
        if self.services.is_empty() {
            let host = &self.wanted.host;
            let own = [Transport::Udp, Transport::Tcp].into_iter();
            self.services.extend(own.filter_map(|transport| service(transport, host)));
        }
        self.ask_service();
    }

    fn take_servers(&mut self, random: &mut Random, answer: &Answer) {
        let Answer::Found { records: Records::Srv(records), .. } = answer else {
            return self.ask_service();
        };
        if let [only] = records.as_slice()
            && (only.target == "." || only.target.is_empty())
        {
            // RFC 2782: decidedly not available at this domain; another transport may be.
            return match self.services.is_empty() {
                true => self.end(Outcome::Nowhere),
                false => self.ask_service(),
            };
        }
        let transport = self.asking;
        self.servers = in_order(records, random)
            .into_iter()
            .take(MAX_SERVERS)
            .map(|srv| Server { transport, port: srv.port, name: srv.target.clone() })
            .collect();
        self.ask_addresses();
    }

    fn take_addresses(&mut self, question: &Question, answer: &Answer) {
        if let Answer::Found { records: Records::Addresses(found), .. } = answer {
            self.addresses.insert(question.name.clone(), found.clone());
        }
        if !self.open.is_empty() {
            return;
        }
        let none = Vec::new();
        let place = |server: &Server| {
            let found = self.addresses.get(&server.name).unwrap_or(&none);
            let Server { transport, port, .. } = *server;
            let at = move |(ip, local): &(IpAddr, IpAddr)| Place {
                transport,
                peer: SocketAddr::new(*ip, port),
                local: *local,
            };
            found.iter().take(MAX_ADDRESSES).map(at).collect::<Vec<_>>()
        };
        let places: Vec<_> = self.servers.iter().flat_map(place).collect();
        match (places.is_empty(), self.failed) {
            (false, _) => self.end(Outcome::Found { places, ttl: self.ttl }),
            (true, true) => self.end(Outcome::Failed),
            (true, false) => self.end(Outcome::Nowhere),
        }
    }

    /// The servers of the next service; when there is none left, the host itself (section 4.2).
    fn ask_service(&mut self) {
        match self.services.pop_front() {
            Some((transport, name)) => {
                self.asking = transport;
                self.ask(Kind::Srv, name);
            }
            None => self.ask_host(),
        }
    }

    fn ask_host(&mut self) {
        let transport = self.wanted.transport.unwrap_or(Transport::Udp);
        let port = self.wanted.port.unwrap_or(transport.default_port());
        self.servers = vec![Server { transport, port, name: self.wanted.host.clone() }];
        self.ask_addresses();
    }

    fn ask_addresses(&mut self) {
        let mut names: Vec<_> = self.servers.iter().map(|server| server.name.clone()).collect();
        names.sort();
        names.dedup();
        names.into_iter().for_each(|name| self.ask(Kind::Address, name));
    }

    fn ask(&mut self, kind: Kind, name: String) {
        let question = Question { domain: self.wanted.host.clone(), name, kind };
        self.open.push(question.clone());
        self.questions.push_back(question);
    }

    fn end(&mut self, outcome: Outcome) {
        self.open.clear();
        self.questions.clear();
        self.outcome = Some(outcome);
    }
}

/// The SRV name of a transport (section 4.1).
fn service(transport: Transport, host: &str) -> Option<(Transport, String)> {
    let label = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws | Transport::Wss => return None,
    };
    Some((transport, format!("{label}.{host}")))
}

/// The transport of a NAPTR service (section 4.1).
fn of_service(service: &str) -> Option<Transport> {
    let services =
        [("SIP+D2U", Transport::Udp), ("SIP+D2T", Transport::Tcp), ("SIPS+D2T", Transport::Tls)];
    services.into_iter().find(|(name, _)| service.eq_ignore_ascii_case(name)).map(|(_, way)| way)
}

/// The order of RFC 2782: by priority, and among equals by lot, in proportion to weight. One of weight 0 comes first
/// now and then as well.
fn in_order<'a>(records: &'a [Srv], random: &mut Random) -> Vec<&'a Srv> {
    let mut rest: Vec<&Srv> = records.iter().collect();
    rest.sort_by_key(|srv| (srv.priority, srv.weight));
    let mut ordered = Vec::with_capacity(rest.len());
    while let Some(first) = rest.first() {
        let equals = rest.iter().take_while(|srv| srv.priority == first.priority).count();
        let sum: u64 = rest[..equals].iter().map(|srv| u64::from(srv.weight)).sum();
        let lot = random.below(sum + 1);
        let mut running = 0;
        let drawn = rest[..equals].iter().position(|srv| {
            running += u64::from(srv.weight);
            running >= lot
        });
        // The sum of all is at least the lot.
        ordered.push(rest.remove(drawn.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "192.0.2.1";

    fn wanted(host: &str, port: Option<u16>, transport: Option<Transport>) -> Wanted {
        Wanted { host: host.to_owned(), port, transport }
    }

    fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Srv {
        Srv { priority, weight, port, target: target.to_owned() }
    }

    fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Naptr {
        let (flags, service) = ("s".to_owned(), service.to_owned());
        Naptr { order, preference, flags, service, replacement: replacement.to_owned() }
    }

    /// A small DNS: what is not in it does not exist, unless nobody answers for it.
    #[derive(Default)]
    struct Zone {
        records: Vec<(&'static str, Records)>,
        silent: Vec<Kind>,
    }

    impl Zone {
        fn with(mut self, name: &'static str, records: Records) -> Zone {
            self.records.push((name, records));
            self
        }

        fn a(self, name: &'static str, ip: &str) -> Zone {
            let pair = (ip.parse().unwrap(), OWN.parse().unwrap());
            self.with(name, Records::Addresses(vec![pair]))
        }

        fn answer(&self, question: &Question) -> Answer {
            if self.silent.contains(&question.kind) {
                return Answer::Failed;
            }
            let kind = |records: &Records| match records {
                Records::Naptr(_) => Kind::Naptr,
                Records::Srv(_) => Kind::Srv,
                Records::Addresses(_) => Kind::Address,
            };
            let fits = |(name, records): &&(&str, Records)| {
                *name == question.name && kind(records) == question.kind
            };
            match self.records.iter().find(fits) {
                Some((_, records)) => Answer::Found { records: records.clone(), ttl: 300 },
                None => Answer::None,
            }
        }
    }

    /// Every place that is found, as `transport address`, and what was asked on the way.
    fn find(zone: &Zone, wanted: Wanted, strict: bool, seed: u64) -> (Vec<String>, Vec<String>) {
        let mut random = Random::from_number(seed);
        let mut search = Search::new(wanted, strict);
        let mut asked = Vec::new();
        while let Some(question) = search.poll_question() {
            asked.push(format!("{:?} {}", question.kind, question.name));
            search.handle_answer(&mut random, &question, &zone.answer(&question));
        }
        let places = match search.outcome().expect("it ends") {
            Outcome::Found { places, .. } => {
                places.iter().map(|place| format!("{} {}", place.transport, place.peer)).collect()
            }
            other => vec![format!("{other:?}")],
        };
        (places, asked)
    }

    fn carrier() -> Zone {
        Zone::default()
            .with(
                "carrier.example",
                Records::Naptr(vec![
                    naptr(20, 10, "SIP+D2U", "_sip._udp.carrier.example"),
                    naptr(10, 20, "SIP+D2T", "_sip._tcp.carrier.example"),
                    naptr(10, 10, "E2U+mailto", "mail.example"),
                ]),
            )
            .with(
                "_sip._tcp.carrier.example",
                Records::Srv(vec![srv(2, 0, 5070, "b.example"), srv(1, 0, 5060, "a.example")]),
            )
            .with("_sip._udp.carrier.example", Records::Srv(vec![srv(1, 0, 5060, "a.example")]))
            .a("a.example", "198.51.100.1")
            .a("b.example", "198.51.100.2")
            .a("carrier.example", "198.51.100.9")
    }

    #[test]
    fn naptr_names_the_transport_srv_the_servers_and_a_the_addresses() {
        let (places, asked) = find(&carrier(), wanted("carrier.example", None, None), false, 1);
        assert_eq!(places, ["TCP 198.51.100.1:5060", "TCP 198.51.100.2:5070"]);
        assert_eq!(
            asked,
            [
                "Naptr carrier.example",
                "Srv _sip._tcp.carrier.example",
                "Address a.example",
                "Address b.example"
            ]
        );
    }

    #[test]
    fn what_is_written_is_not_asked_for() {
        let udp = wanted("carrier.example", None, Some(Transport::Udp));
        let (places, asked) = find(&carrier(), udp, false, 1);
        assert_eq!(places, ["UDP 198.51.100.1:5060"]);
        assert_eq!(asked[0], "Srv _sip._udp.carrier.example");
        let port = wanted("carrier.example", Some(5080), None);
        let (places, asked) = find(&carrier(), port, false, 1);
        assert_eq!((places[0].as_str(), asked.len()), ("UDP 198.51.100.9:5080", 1));
        let zone = Zone::default().a("192.0.2.7", "192.0.2.7");
        let (places, asked) = find(&zone, wanted("192.0.2.7", None, None), false, 1);
        assert_eq!((places[0].as_str(), asked.len()), ("UDP 192.0.2.7:5060", 1));
        let tls = wanted("carrier.example", None, Some(Transport::Tls));
        let (places, asked) = find(&carrier(), tls, false, 1);
        assert_eq!(asked[0], "Srv _sips._tcp.carrier.example");
        assert_eq!(places, ["TLS 198.51.100.9:5061"]);
    }

    #[test]
    fn without_records_the_next_kind_is_asked_for() {
        let zone = Zone::default().a("plain.example", "198.51.100.3");
        let (places, asked) = find(&zone, wanted("plain.example", None, None), false, 1);
        assert_eq!(places, ["UDP 198.51.100.3:5060"]);
        assert_eq!(asked.len(), 4, "{asked:?}");
        // Only TCP has servers.
        let zone = Zone::default()
            .with("_sip._tcp.t.example", Records::Srv(vec![srv(1, 1, 5066, "a.example")]))
            .a("a.example", "198.51.100.1");
        let (places, _) = find(&zone, wanted("t.example", None, None), false, 1);
        assert_eq!(places, ["TCP 198.51.100.1:5066"]);
        let (places, _) = find(&Zone::default(), wanted("no.example", None, None), false, 1);
        assert_eq!(places, ["Nowhere"]);
        let closed = Zone::default()
            .with("_sip._udp.c.example", Records::Srv(vec![srv(0, 0, 0, ".")]))
            .a("c.example", "198.51.100.4");
        let udp = wanted("c.example", None, Some(Transport::Udp));
        assert_eq!(find(&closed, udp, false, 1).0, ["Nowhere"], "decidedly not there");
    }

    #[test]
    fn a_router_that_knows_no_srv_costs_nothing_but_time_and_an_old_answer_is_better() {
        let mut zone = carrier();
        zone.silent = vec![Kind::Naptr, Kind::Srv];
        let search = wanted("carrier.example", None, None);
        assert_eq!(find(&zone, search.clone(), false, 1).0, ["UDP 198.51.100.9:5060"]);
        assert_eq!(find(&zone, search.clone(), true, 1).0, ["Failed"]);
        zone.silent.push(Kind::Address);
        assert_eq!(find(&zone, search, false, 1).0, ["Failed"]);
    }

    #[test]
    fn weights_are_the_odds_and_priority_stands_above_them() {
        let zone = Zone::default()
            .with(
                "_sip._udp.w.example",
                Records::Srv(vec![
                    srv(1, 30, 5060, "a.example"),
                    srv(1, 10, 5060, "b.example"),
                    srv(0, 0, 5060, "first.example"),
                    srv(9, 60_000, 5060, "last.example"),
                ]),
            )
            .a("first.example", "198.51.100.1")
            .a("a.example", "198.51.100.2")
            .a("b.example", "198.51.100.3")
            .a("last.example", "198.51.100.4");
        let udp = || wanted("w.example", None, Some(Transport::Udp));
        let mut heavy = 0;
        for seed in 0..4_000 {
            let (places, _) = find(&zone, udp(), false, seed);
            assert_eq!((places.len(), places[0].as_str()), (4, "UDP 198.51.100.1:5060"));
            assert_eq!(places[3], "UDP 198.51.100.4:5060");
            heavy += u32::from(places[1] == "UDP 198.51.100.2:5060");
        }
        // The lot of RFC 2782 runs from 0 to the sum: 30 of 41.
        assert!((2_800..3_150).contains(&heavy), "{heavy} of 4000");
    }

    #[test]
    fn a_zone_that_is_out_to_tire_us_is_cut_short() {
        let many = (0..100).map(|n| srv(n, 1, 5060, "a.example")).collect();
        let addresses =
            (0..100).map(|n| (IpAddr::from([198, 51, 100, n]), OWN.parse().unwrap())).collect();
        let zone = Zone::default()
            .with("_sip._udp.m.example", Records::Srv(many))
            .with("a.example", Records::Addresses(addresses));
        let udp = wanted("m.example", None, Some(Transport::Udp));
        let (places, asked) = find(&zone, udp, false, 1);
        assert_eq!((places.len(), asked.len()), (MAX_SERVERS * MAX_ADDRESSES, 2));
    }

    #[test]
    fn an_answer_that_nobody_asked_for_changes_nothing() {
        let mut search = Search::new(wanted("carrier.example", None, None), false);
        let question = search.poll_question().unwrap();
        let stray = Question { kind: Kind::Address, ..question.clone() };
        search.handle_answer(&mut Random::from_number(1), &stray, &Answer::None);
        assert!(search.outcome().is_none() && search.poll_question().is_none());
    }
}
