//! Who may bind to us, from where, how and how often; and over which of an application's links something goes to it.
//!
//! It is one table for all links of a listener. Passwords are proved by the driver, for that takes its time; everything
//! else about a bind is decided here. It keeps no messages: without a link their owner keeps them and is told of a bind.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::pdu::{Bind, BindKind};
use super::session::{Grant, Rate, Senders};
use super::status::Status;
use crate::address::Network;

/// Connections at once from one address, bound or not: an application opens a few.
pub const MOST_FROM_ONE: usize = 20;
/// Connections at once from everywhere.
pub const MOST: usize = 500;

/// When a bind that is refused is answered the first time: whoever guesses waits, and cannot tell by the time how far he came.
const REFUSAL: Duration = Duration::from_secs(1);
/// The longest such wait: a connection has little more time to bind.
const LONGEST_REFUSAL: Duration = Duration::from_secs(8);
/// After which time a guess is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);
/// Addresses whose guesses are counted.
const MOST_GUESSERS: usize = 1_000;

/// An application that may bind.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its `system_id`.
    pub system_id: String,
    /// From where; empty: from anywhere.
    pub networks: Vec<Network>,
    /// How.
    pub kinds: Vec<BindKind>,
    /// How many links it may have at once.
    pub most: usize,
    /// Messages a second on each of them.
    pub rate: Option<u32>,
    /// Its requests that may wait for an answer on each.
    pub window: usize,
    /// From which addresses it may send.
    pub senders: Senders,
}

/// Names a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

#[derive(Debug)]
struct Link {
    system_id: String,
    kind: BindKind,
    /// Messages on their way over it.
    load: usize,
}

/// The table.
#[derive(Debug, Default)]
pub struct Desk {
    accounts: BTreeMap<String, Account>,
    sources: BTreeMap<IpAddr, usize>,
    connections: usize,
    links: BTreeMap<LinkId, Link>,
    /// Who was refused, how often, and when last.
    guesses: BTreeMap<IpAddr, (u32, Instant)>,
}

impl Desk {
    /// With these accounts.
    pub fn new(accounts: Vec<Account>) -> Desk {
        let mut desk = Desk::default();
        desk.replace_accounts(accounts);
        desk
    }

    /// Other accounts from now on. Links that stand, stay.
    pub fn replace_accounts(&mut self, accounts: Vec<Account>) {
        let named = accounts.into_iter().map(|account| (account.system_id.clone(), account));
        self.accounts = named.collect();
    }

    /// Whether one more connection from there is taken.
    pub fn connect(&mut self, source: IpAddr) -> bool {
        let from = self.sources.entry(source.to_canonical()).or_default();
        let room = *from < MOST_FROM_ONE && self.connections < MOST;
        if room {
            *from += 1;
            self.connections += 1;
        } else if *from == 0 {
            self.sources.remove(&source.to_canonical());
        }
        room
    }

    /// A connection is gone. The application whose link it was, if it was one.
    pub fn disconnect(&mut self, id: LinkId, source: IpAddr) -> Option<(String, BindKind)> {
        let source = source.to_canonical();
        if let Some(from) = self.sources.get_mut(&source) {
            *from -= 1;
            self.connections -= 1;
            if *from == 0 {
                self.sources.remove(&source);
            }
        }
        self.links.remove(&id).map(|link| (link.system_id, link.kind))
    }

    /// Whether a bind may go on to its password. What is wrong is not told apart from a wrong password: whoever guesses
    /// learns nothing.
    pub fn knows(&self, bind: &Bind, source: IpAddr) -> bool {
        self.accounts.get(&bind.system_id.to_string()).is_some_and(|account| {
            let networks = &account.networks;
            networks.is_empty() || networks.iter().any(|network| network.contains(source))
        })
    }

    /// A bind whose password is right becomes a link, or is told why not.
    pub fn bind(&mut self, id: LinkId, bind: &Bind) -> Result<Grant, Status> {
        let system_id = bind.system_id.to_string();
        let account = self.accounts.get(&system_id).ok_or(Status::BIND_FAILED)?;
        if !account.kinds.contains(&bind.kind) {
            return Err(Status::BIND_FAILED);
        }
        let have = self.links.values().filter(|link| link.system_id == system_id).count();
        if have >= account.most {
            return Err(Status::ALREADY_BOUND);
        }
        let rate = account.rate.map(Rate::per_second);
        let (senders, window) = (account.senders.clone(), Some(account.window));
        let grant = Grant { rate, senders, window };
        self.links.insert(id, Link { system_id, kind: bind.kind, load: 0 });
        Ok(grant)
    }

    /// Over which link something goes to an application: of those that receive, the one with the least on its way.
    pub fn link_to(&mut self, system_id: &str) -> Option<LinkId> {
        let receiving = self
            .links
            .iter_mut()
            .filter(|(_, link)| link.system_id == system_id && link.kind.receives());
        let (id, link) = receiving.min_by_key(|(_, link)| link.load)?;
        link.load += 1;
        Some(*id)
    }

    /// What was on its way over a link has come to its end.
    pub fn ended(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.load = link.load.saturating_sub(1);
        }
    }

    /// Whose link it is, how it is bound, and what is on its way over it.
    pub fn link(&self, id: LinkId) -> Option<(&str, BindKind, usize)> {
        self.links.get(&id).map(|link| (link.system_id.as_str(), link.kind, link.load))
    }

    /// Whose link it is.
    pub fn owner(&self, id: LinkId) -> Option<&str> {
        self.links.get(&id).map(|link| link.system_id.as_str())
    }

    /// A bind was refused. For how long whoever is there waits for that answer: each time twice as long, and as long as at
    /// the first time once nobody has guessed for a while.
    pub fn refuse(&mut self, now: Instant, source: IpAddr) -> Duration {
        let source = source.to_canonical();
        self.guesses.retain(|_, (_, last)| *last + FORGOTTEN > now);
        if self.guesses.len() >= MOST_GUESSERS && !self.guesses.contains_key(&source) {
            self.guesses.pop_first();
        }
        let (count, last) = self.guesses.entry(source).or_insert((0, now));
        let wait = REFUSAL.saturating_mul(1 << (*count).min(8)).min(LONGEST_REFUSAL);
        (*count, *last) = (count.saturating_add(1), now);
        wait
    }

    /// How many connections there are, and how many of them are bound.
    pub fn size(&self) -> (usize, usize) {
        (self.connections, self.links.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smpp::pdu::{Address, Text};

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn account() -> Account {
        Account {
            system_id: "shop".into(),
            networks: vec![Network::parse("127.0.0.0/8").expect("a network")],
            kinds: vec![BindKind::Transmitter, BindKind::Transceiver],
            most: 2,
            rate: None,
            window: 100,
            senders: Senders::Any,
        }
    }

    fn bind(system_id: &str, kind: BindKind) -> Bind {
        Bind {
            kind,
            system_id: Text::from(system_id),
            password: Text::default(),
            system_type: Text::default(),
            version: 0x34,
            range: Address::default(),
        }
    }

    #[test]
    fn only_whom_we_know_goes_on_and_only_from_where_it_is() {
        let desk = Desk::new(vec![account()]);
        let known = bind("shop", BindKind::Transceiver);
        assert!(desk.knows(&known, HERE));
        assert!(!desk.knows(&known, IpAddr::from([192, 0, 2, 1])));
        assert!(!desk.knows(&bind("shoq", BindKind::Transceiver), HERE));
    }

    #[test]
    fn only_so_many_links_and_only_of_the_kinds_that_are_allowed() {
        let mut desk = Desk::new(vec![account()]);
        let refused = |answer: Result<Grant, Status>| answer.err();
        let receiver = bind("shop", BindKind::Receiver);
        assert_eq!(refused(desk.bind(LinkId(1), &receiver)), Some(Status::BIND_FAILED));
        let both = bind("shop", BindKind::Transceiver);
        assert_eq!(refused(desk.bind(LinkId(1), &both)), None);
        assert_eq!(refused(desk.bind(LinkId(2), &both)), None);
        assert_eq!(refused(desk.bind(LinkId(3), &both)), Some(Status::ALREADY_BOUND));
        desk.disconnect(LinkId(1), HERE);
        assert_eq!(refused(desk.bind(LinkId(3), &both)), None);
    }

    #[test]
    fn what_goes_to_an_application_goes_over_a_link_that_receives() {
        let mut desk = Desk::new(vec![account()]);
        desk.bind(LinkId(1), &bind("shop", BindKind::Transmitter)).expect("bound");
        assert_eq!(desk.link_to("shop"), None, "nobody listens");
        desk.bind(LinkId(2), &bind("shop", BindKind::Transceiver)).expect("bound");
        assert_eq!(desk.link_to("shop"), Some(LinkId(2)));
        assert_eq!(desk.link_to("elsewhere"), None);
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn whoever_guesses_waits_longer_each_time() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        let waits: Vec<_> = (0..6).map(|_| desk.refuse(now, HERE).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 8, 8]);
        let other = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(desk.refuse(now, other).as_secs(), 1);
        assert_eq!(desk.refuse(now + FORGOTTEN * 2, HERE).as_secs(), 1);
        for n in 0..2_000u32 {
            desk.refuse(now, IpAddr::from(n.to_be_bytes()));
        }
        assert!(desk.guesses.len() <= MOST_GUESSERS);
    }

    #[test]
    fn one_source_does_not_take_every_connection() {
        let mut desk = Desk::default();
        let taken = (0..MOST).filter(|_| desk.connect(HERE)).count();
        assert_eq!(taken, MOST_FROM_ONE);
        assert!(desk.connect(IpAddr::from([192, 0, 2, 1])));
        desk.disconnect(LinkId(1), HERE);
        assert!(desk.connect(HERE));
    }
}
