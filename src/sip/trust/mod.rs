//! Who is let as far as the parser: a score for each source, weighed by what proves it, and bans that come of it.
//!
//! Owns levels, scores, bans and rates of sources. What a sin is, is for [`crate::sip::access`] to say; this machine
//! weighs it. A datagram can name any address, so what only a datagram tells earns suspicion: a minute of silence
//! towards datagrams of strangers. What somebody proves, who answered a challenge that was sent to the address or
//! shook hands over TCP, earns a ban. The site's own networks, carriers, and phones that have shown their password are
//! never banned, whatever a neighbour does. Bans are not in the journal: a scanner earns his again within a second, and
//! a restart is what an admin tries first who has locked himself out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::sip::flow::Flow;
use crate::sip::trunk::Network;
use crate::time::{Now, UnixTime};

/// The score at which a source is banned. Weights below are in the same points.
const FULL: f32 = 100.0;
/// Time in which half of a score is forgotten: a phone with a wrong password that tries every half minute stays below.
const HALF_LIFE: Duration = Duration::from_secs(120);
/// How long datagrams of a suspect go unread. Short, since the suspect may be the victim of a forger.
const SUSPICION: Duration = Duration::from_secs(60);
/// The longest ban, however often it was earned.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Sources that are scored at once, 200 bytes each; the ones with the least proof that were quiet longest give way.
pub const MAX_SOURCES: usize = 16_384;
/// Bans at once, 150 bytes each; suspicions give way first, then what ends soonest.
pub const MAX_BANS: usize = 8_192;
/// Peers that have shown a password, 100 bytes each: more phones than a branch has.
const MAX_VOUCHED: usize = 20_000;
/// How long a peer is known after it has shown its password: the longest registration and some.
const VOUCHED: Duration = Duration::from_secs(9_000);
/// Names that a source may be seen asking for before older ones count anew.
const MAX_NAMES: usize = 64;

/// Messages a second of one stranger's address; twice that at once. A router with a hundred phones behind it that all
/// come back together stays below.
const STRANGER_RATE: f32 = 200.0;
/// Messages a second of all strangers together: reading and challenging them costs a tenth of a core.
const STRANGERS_RATE: f32 = 2_000.0;
/// Messages a second of one address of the site, or of one phone that is known.
const KNOWN_RATE: f32 = 1_000.0;
/// Messages a second of one carrier's address: 200 calls a second and their answers.
const TRUNK_RATE: f32 = 4_000.0;
/// A bucket holds so many seconds of its rate.
const BURST_S: f32 = 2.0;

/// What the machine knows.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether anybody is banned; rates hold all the same.
    pub bans: bool,
    /// The site's own networks.
    pub site: Vec<Network>,
    /// Where carriers are.
    pub trunks: Vec<Network>,
    /// How long a first ban lasts; each later one twice as long as the one before.
    pub first: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            bans: true,
            site: Vec::new(),
            trunks: Vec::new(),
            first: Duration::from_secs(600),
        }
    }
}

/// How well a source is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nobody has vouched for it.
    Stranger,
    /// This very peer has shown a password, or is one that we wrote to.
    Known,
    /// A carrier's address.
    Trunk,
    /// An address of the site's own networks.
    Site,
}

/// What shows that a message came from the address that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// Nothing: a datagram.
    Claimed,
    /// A TCP handshake, or an answer to a challenge that was sent there.
    Shown,
}

impl Proof {
    /// What the transport alone proves.
    pub fn of(flow: &Flow) -> Proof {
        if flow.transport.is_reliable() { Proof::Shown } else { Proof::Claimed }
    }
}

/// What a source did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sin {
    /// A wrong password for a user of ours.
    WrongPassword,
    /// A password for a user who does not exist.
    UnknownUser,
    /// A request for a user who does not exist, a new name each time.
    Enumeration,
    /// A request without credentials, which earns a challenge.
    Unanswered,
    /// Another try of somebody who is shut out for one user.
    Knocking,
    /// The name of a known scanner.
    Scanner,
    /// A message that cannot be read.
    Malformed,
    /// More messages than its rate.
    TooFast,
}

impl Sin {
    /// In points. A scanner that names itself is believed at once; whoever asks for names that do not exist is found
    /// out after about sixteen; ten wrong passwords for one user, after which that user is shut out, are not half.
    fn weight(self) -> f32 {
        match self {
            Sin::WrongPassword => 4.0,
            Sin::UnknownUser => 10.0,
            Sin::Enumeration => 6.0,
            Sin::Unanswered => 0.5,
            Sin::Knocking => 1.0,
            Sin::Scanner => FULL,
            Sin::Malformed => 2.0,
            Sin::TooFast => 0.2,
        }
    }
}

impl fmt::Display for Sin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sin::WrongPassword => "wrong passwords",
            Sin::UnknownUser => "passwords for users who do not exist",
            Sin::Enumeration => "asks for users who do not exist",
            Sin::Unanswered => "leaves challenges unanswered",
            Sin::Knocking => "goes on guessing while shut out",
            Sin::Scanner => "a scanner by its own name",
            Sin::Malformed => "messages that cannot be read",
            Sin::TooFast => "too many messages",
        })
    }
}

/// A source that is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// Its address; of IPv6 the network of 64 bits.
    pub source: IpAddr,
    /// Whether it is more than suspicion: connections are closed too.
    pub proven: bool,
    /// What filled the measure.
    pub why: Sin,
    /// Since when.
    pub since: UnixTime,
    /// Until when.
    pub until: UnixTime,
    /// Messages and connections that were not read meanwhile.
    pub dropped: u64,
}

/// What the driver has to know of bans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Close this source's connections as they come.
    Barred(IpAddr),
    /// No longer.
    Freed(IpAddr),
}

/// Why messages went unread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Of banned and suspected sources.
    pub banned: u64,
    /// Above the rate of their source.
    pub too_fast: u64,
    /// Above the rate of all strangers together.
    pub strangers: u64,
    /// Bans since the start.
    pub bans: u64,
    /// Suspicions since the start.
    pub suspicions: u64,
}

/// The machine.
#[derive(Debug)]
pub struct Trust {
    settings: Settings,
    sources: BTreeMap<IpAddr, Source>,
    /// Sources, those that may be forgotten first in front: without proof, quiet for long.
    order: BTreeSet<(bool, Instant, IpAddr)>,
    bans: BTreeMap<IpAddr, Kept>,
    /// Bans, the weakest in front.
    weakest: BTreeSet<(bool, Instant, IpAddr)>,
    vouched: BTreeMap<SocketAddr, Instant>,
    vouched_until: BTreeSet<(Instant, SocketAddr)>,
    strangers: Option<Bucket>,
    random: Random,
    changes: VecDeque<Change>,
    /// What went unread.
    pub counters: Counters,
}

#[derive(Debug)]
struct Kept {
    ban: Ban,
    until: Instant,
}

#[derive(Debug)]
struct Source {
    claimed: Score,
    shown: Score,
    /// Hashes of names that it asked for in vain.
    names: Vec<u64>,
    bucket: Bucket,
    /// Of the peers there that are known: strangers who come from there too, or forge it, take nothing from them.
    known: Bucket,
    /// Bans that it has earned.
    times: u32,
    last: Instant,
    keep: bool,
}

#[derive(Debug, Clone, Copy)]
struct Score {
    points: f32,
    at: Instant,
}

impl Score {
    fn add(&mut self, now: Instant, points: f32) -> f32 {
        let halves = now.saturating_duration_since(self.at).as_secs_f32() / HALF_LIFE.as_secs_f32();
        self.points = self.points * (-halves).exp2() + points;
        self.at = now;
        self.points
    }
}

/// Tokens that come back with time.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f32,
    at: Instant,
}

impl Bucket {
    fn full(now: Instant, rate: f32) -> Bucket {
        Bucket { left: rate * BURST_S, at: now }
    }

    fn take(&mut self, now: Instant, rate: f32) -> bool {
        let grown = now.saturating_duration_since(self.at).as_secs_f32() * rate;
        self.left = (self.left + grown).min(rate * BURST_S);
        self.at = now;
        let has = self.left >= 1.0;
        if has {
            self.left -= 1.0;
        }
        has
    }
}

/// What counts as one source: of IPv6 the network, since one host has 2^64 addresses.
pub fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        ip => ip,
    }
}

/// Programs that look for doors, by what they call themselves (User-Agent), in small letters. Whoever hides the name is
/// found out by what he does.
const SCANNERS: [&str; 8] = [
    "friendly-scanner",
    "sipvicious",
    "friendly-request",
    "sipcli",
    "sip-scan",
    "sundayddr",
    "pplsip",
    "vaxsipuseragent",
];

/// Whether a User-Agent is a scanner's.
pub fn is_scanner(user_agent: &str) -> bool {
    let agent = user_agent.to_ascii_lowercase();
    SCANNERS.iter().any(|scanner| agent.contains(scanner))
}

/// Deciding who is read.
impl Trust {
    /// Nobody is known yet.
    pub fn new(settings: Settings, random: Random) -> Self {
        Trust {
            settings,
            sources: BTreeMap::new(),
            order: BTreeSet::new(),
            bans: BTreeMap::new(),
            weakest: BTreeSet::new(),
            vouched: BTreeMap::new(),
            vouched_until: BTreeSet::new(),
            strangers: None,
            random,
            changes: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Carriers come from these networks from now on.
    pub fn handle_trunks(&mut self, networks: Vec<Network>) {
        self.settings.trunks = networks;
    }

    /// How well the sender of a message is known.
    pub fn level(&self, now: Instant, peer: SocketAddr) -> Level {
        let ip = peer.ip();
        let within = |networks: &[Network]| networks.iter().any(|network| network.contains(ip));
        // A carrier's gateway may stand in the site's own network: it is a carrier then, who sends more than a phone.
        if within(&self.settings.trunks) {
            Level::Trunk
        } else if ip.to_canonical().is_loopback() || within(&self.settings.site) {
            Level::Site
        } else if self.vouched.get(&peer).is_some_and(|until| *until > now) {
            Level::Known
        } else {
            Level::Stranger
        }
    }

    /// Whether a message is to be read at all. Costs a look into two tables.
    pub fn admits(&mut self, now: Now, flow: &Flow) -> bool {
        let level = self.level(now.instant, flow.peer);
        let source = network(flow.peer.ip());
        if source.is_loopback() {
            return true;
        }
        if level == Level::Stranger && self.is_banned(now.instant, source, Proof::of(flow)) {
            self.counters.banned += 1;
            return false;
        }
        let rate = match level {
            Level::Stranger => STRANGER_RATE,
            Level::Known | Level::Site => KNOWN_RATE,
            Level::Trunk => TRUNK_RATE,
        };
        let counted = self.source(now.instant, source);
        let bucket = if level == Level::Known { &mut counted.known } else { &mut counted.bucket };
        if !bucket.take(now.instant, rate) {
            self.counters.too_fast += 1;
            self.weigh(now, flow, Sin::TooFast, Proof::of(flow));
            return false;
        }
        if level == Level::Stranger && !self.has_room_for_strangers(now.instant) {
            self.counters.strangers += 1;
            return false;
        }
        true
    }

    fn has_room_for_strangers(&mut self, now: Instant) -> bool {
        let full = || Bucket::full(now, STRANGERS_RATE);
        self.strangers.get_or_insert_with(full).take(now, STRANGERS_RATE)
    }

    fn is_banned(&mut self, now: Instant, source: IpAddr, proof: Proof) -> bool {
        let Some(kept) = self.bans.get_mut(&source) else { return false };
        if kept.until <= now {
            self.lift(source);
            return false;
        }
        let applies = kept.ban.proven || proof == Proof::Claimed;
        kept.ban.dropped += u64::from(applies);
        applies
    }

    fn source(&mut self, now: Instant, source: IpAddr) -> &mut Source {
        if !self.sources.contains_key(&source)
            && self.sources.len() >= MAX_SOURCES
            && let Some((.., least)) = self.order.pop_first()
        {
            self.sources.remove(&least);
        }
        let order = &mut self.order;
        let known = self.sources.entry(source).or_insert_with(|| {
            order.insert((false, now, source));
            let score = Score { points: 0.0, at: now };
            Source {
                claimed: score,
                shown: score,
                names: Vec::new(),
                // The rate of its level cuts it down with the first message.
                bucket: Bucket::full(now, TRUNK_RATE),
                known: Bucket::full(now, KNOWN_RATE),
                times: 0,
                last: now,
                keep: false,
            }
        });
        // The order is of interest when the table is full, and then to a second: moving each entry with every message
        // would cost more than reading it.
        if now.saturating_duration_since(known.last) >= Duration::from_secs(1) {
            order.remove(&(known.keep, known.last, source));
            known.last = now;
            order.insert((known.keep, known.last, source));
        }
        known
    }
}

/// What sources do.
impl Trust {
    /// Somebody sinned.
    pub fn sinned(&mut self, now: Now, flow: &Flow, sin: Sin, proof: Proof) {
        self.weigh(now, flow, sin, proof.max(Proof::of(flow)));
    }

    /// Somebody asked for a user who does not exist. Only a name that is new counts in full: a phone that was taken out
    /// of the configuration asks for one name for ever.
    pub fn asked_for(&mut self, now: Now, flow: &Flow, name: &str, sin: Sin, proof: Proof) {
        let hash = fingerprint(name);
        let source = self.source(now.instant, network(flow.peer.ip()));
        let new = !source.names.contains(&hash);
        if new {
            if source.names.len() >= MAX_NAMES {
                source.names.remove(0);
            }
            source.names.push(hash);
        }
        self.sinned(now, flow, if new { sin } else { Sin::Unanswered }, proof);
    }

    /// This peer has shown its password, or is one that we wrote to.
    pub fn vouch(&mut self, now: Instant, peer: SocketAddr) {
        let until = now + VOUCHED;
        if let Some(before) = self.vouched.insert(peer, until) {
            self.vouched_until.remove(&(before, peer));
        }
        self.vouched_until.insert((until, peer));
        if self.vouched.len() > MAX_VOUCHED
            && let Some((_, oldest)) = self.vouched_until.pop_first()
        {
            self.vouched.remove(&oldest);
        }
    }

    /// Somebody at this peer has shown the right password: he is known, and challenges of others there that are not
    /// answered yet are no sins.
    pub fn shown(&mut self, now: Now, flow: &Flow) {
        self.vouch(now.instant, flow.peer);
        if let Some(source) = self.sources.get_mut(&network(flow.peer.ip())) {
            source.claimed.points = 0.0;
            source.shown.points = (source.shown.points - 1.0).max(0.0);
        }
    }

    fn weigh(&mut self, now: Now, flow: &Flow, sin: Sin, proof: Proof) {
        let level = self.level(now.instant, flow.peer);
        if level != Level::Stranger || !self.settings.bans {
            return;
        }
        let address = network(flow.peer.ip());
        // A little chance: from the moment of a ban nobody can count which of his names exist.
        let chance = 0.8 + self.random.below(400) as f32 / 1_000.0;
        let points = if sin == Sin::Scanner { FULL } else { sin.weight() * chance };
        let source = self.source(now.instant, address);
        let score = match proof {
            Proof::Claimed => source.claimed.add(now.instant, points),
            Proof::Shown => source.shown.add(now.instant, points),
        };
        if score >= FULL {
            self.ban(now, address, sin, proof == Proof::Shown);
        }
    }

    fn ban(&mut self, now: Now, address: IpAddr, why: Sin, proven: bool) {
        if self.bans.get(&address).is_some_and(|kept| kept.ban.proven >= proven) {
            return;
        }
        let first = self.settings.first;
        let source = self.source(now.instant, address);
        let before = (source.keep, source.last, address);
        let span = if proven {
            source.shown.points = 0.0;
            source.keep = true;
            source.times += 1;
            first.saturating_mul(1 << (source.times - 1).min(16)).min(LONGEST)
        } else {
            source.claimed.points = 0.0;
            SUSPICION
        };
        let after = (source.keep, source.last, address);
        self.order.remove(&before);
        self.order.insert(after);
        self.lift(address);
        if self.bans.len() >= MAX_BANS
            && let Some((.., weakest)) = self.weakest.first().copied()
        {
            self.lift(weakest);
        }
        let until = now.instant + span;
        let (since, ends) = (now.unix, now.unix + span);
        let ban = Ban { source: address, proven, why, since, until: ends, dropped: 0 };
        self.weakest.insert((proven, until, address));
        self.bans.insert(address, Kept { ban, until });
        if proven {
            self.counters.bans += 1;
            self.changes.push_back(Change::Barred(address));
            tracing::warn!(source = %address, %why, seconds = span.as_secs(), "banned");
        } else {
            self.counters.suspicions += 1;
            tracing::info!(source = %address, %why, seconds = span.as_secs(), "suspected");
        }
    }

    fn lift(&mut self, address: IpAddr) -> bool {
        let Some(kept) = self.bans.remove(&address) else { return false };
        self.weakest.remove(&(kept.ban.proven, kept.until, address));
        if kept.ban.proven {
            self.changes.push_back(Change::Freed(address));
        }
        true
    }
}

/// What an admin does, and time.
impl Trust {
    /// Every ban, the strongest first.
    pub fn bans(&self, now: Instant) -> impl Iterator<Item = &Ban> {
        let all = self.weakest.iter().rev();
        all.filter_map(move |(_, until, address)| {
            (*until > now).then(|| self.bans.get(address).map(|kept| &kept.ban))?
        })
    }

    /// How many bans there are, suspicions among them.
    pub fn len(&self) -> usize {
        self.bans.len()
    }

    /// Whether nobody is banned.
    pub fn is_empty(&self) -> bool {
        self.bans.is_empty()
    }

    /// Sources that are scored.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Hears a source again, and forgets what it did. Answers whether it was banned.
    pub fn unban(&mut self, address: IpAddr) -> bool {
        let address = network(address);
        if let Some(source) = self.sources.remove(&address) {
            self.order.remove(&(source.keep, source.last, address));
        }
        self.lift(address)
    }

    /// What the driver has to know.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Forgets what no longer matters; to be called now and then.
    pub fn forget_old(&mut self, now: Instant) {
        let over: Vec<_> = self
            .weakest
            .iter()
            .filter(|(_, until, _)| *until <= now)
            .map(|(.., address)| *address)
            .collect();
        over.into_iter().for_each(|address| {
            self.lift(address);
        });
        while let Some((until, peer)) = self.vouched_until.first().copied()
            && until <= now
        {
            self.vouched_until.pop_first();
            self.vouched.remove(&peer);
        }
        // Ten half-lives leave a thousandth; that it was banned before is remembered as long as the longest ban.
        let quiet = |source: &Source| {
            let span = if source.times > 0 { LONGEST } else { HALF_LIFE * 10 };
            now.saturating_duration_since(source.last) >= span
        };
        let order = &mut self.order;
        self.sources.retain(|address, source| {
            let stays = !quiet(source);
            if !stays {
                order.remove(&(source.keep, source.last, *address));
            }
            stays
        });
    }
}

/// A short stand-in for a name, so that what strangers send takes 8 bytes (FNV-1a). Whoever makes two names collide
/// spares himself one of sixteen.
fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
