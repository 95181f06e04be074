//! Legs in browsers: who is let in at the port that a media thread's share, and what is made of their packets.
//!
//! The only file, with its folder, that names `webrtc` and its core `rtc`. Of those come the certificate, STUN, DTLS and
//! SRTP; ours is the gate before them (RFC 8445 as a lite agent, RFC 7983): a packet is looked at only if it is a check
//! that knows a leg's password, or comes over a way that such a check has proven. So whoever sprays the port with hellos,
//! alerts and sound ends nothing, is heard by nobody, and costs a look at a few bytes each.
//!
//! A leg's way in, its `Home`, stays at the thread whose port the browser was told. Its association goes along when the
//! leg moves to another thread; what arrives is then passed on. Opens no socket and reads no clock.

mod check;
mod link;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use rcgen::CertificateParams;
use rtc::crypto::{RTCCryptoProvider, SignatureScheme, default_provider};
use webrtc::peer_connection::RTCCertificate;

use crate::driver::peer::check::Checked;
use crate::driver::peer::link::{Came, Link};
use crate::id::LegId;
use crate::media::Kind;
use crate::media::peer::{Credentials, Far, Hash, Lost};
use crate::media::srtp::Refused;
use crate::time::earliest;

/// Ways to one browser that are remembered: a laptop has three interfaces with two addresses each, and a relay or two.
const MOST_WAYS: usize = 16;

/// Who this box is to browsers: a key and a certificate of its own, new with each start, so that no two runs can be told
/// to be the same box by it.
pub struct Own {
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: RTCCertificate,
    fingerprint: Vec<u8>,
}

impl Own {
    /// A new one; nothing if the system gives no key.
    pub fn new() -> Option<Own> {
        let provider = default_provider().ok()?;
        let params = CertificateParams::new(vec!["branchline".to_owned()]).ok()?;
        let scheme = SignatureScheme::EcdsaP256Sha256;
        let certificate = RTCCertificate::generate(provider.crypto(), scheme, params).ok()?;
        let shown = certificate.dtls_certificate.certificate.first()?;
        let fingerprint = link::hash(Hash::Sha256, shown);
        Some(Own { provider, certificate, fingerprint })
    }

    /// The SHA-256 of the certificate, which descriptions tell.
    pub fn fingerprint(&self) -> &[u8] {
        &self.fingerprint
    }
}

/// What one thread says to another of a leg that has its port there and its association here, or the other way round.
#[derive(Debug)]
pub enum Word {
    /// A packet that is no check came over a proven way.
    Packet {
        /// From there.
        from: SocketAddr,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// The browser is to be sent to there now.
    Chosen(SocketAddr),
    /// The browser is to know us by these from now on, at this shared port.
    Ours(SocketAddr, Credentials),
    /// The association is at that thread now.
    MovedTo(usize),
    /// The leg is gone.
    Gone,
}

/// What is to be carried out.
#[derive(Debug)]
pub enum Output {
    /// Send from the leg's shared port.
    Send {
        /// Whose.
        leg: LegId,
        /// Where to.
        to: SocketAddr,
        /// What.
        bytes: BytesMut,
    },
    /// The browser has shown who it is.
    Up {
        /// Which.
        leg: LegId,
        /// Where it is.
        at: SocketAddr,
    },
    /// It has not, or has gone.
    Lost {
        /// Which.
        leg: LegId,
        /// Why.
        why: Lost,
    },
    /// A packet that came over a proven way could not be opened.
    Refused {
        /// Whose.
        leg: LegId,
        /// Why.
        why: Refused,
    },
    /// Tell another thread.
    Tell {
        /// Which thread.
        thread: usize,
        /// Of which leg.
        leg: LegId,
        /// What.
        word: Word,
    },
}

/// A packet of sound or a report, opened.
pub type Opened = (LegId, Kind, Vec<u8>);

/// A leg's way in.
struct Home {
    /// The shared port, by its number at this thread.
    port: usize,
    /// By which the browser knows us: what was told last, and what was told before, until the last is used.
    ours: Vec<Credentials>,
    /// Where it has shown that it knows us, the latest last.
    ways: VecDeque<SocketAddr>,
    chosen: Option<SocketAddr>,
    /// The thread that its association is at.
    at: usize,
}

/// A leg's association.
pub struct Held {
    home: usize,
    to: Option<SocketAddr>,
    link: Option<Link>,
}

/// The browsers of one media thread.
pub struct Peers {
    own: Arc<Own>,
    thread: usize,
    homes: BTreeMap<LegId, Home>,
    names: BTreeMap<String, LegId>,
    ways: BTreeMap<(usize, SocketAddr), LegId>,
    held: BTreeMap<LegId, Held>,
    /// Those of them whose association is not up yet.
    shaking: BTreeSet<LegId>,
    outputs: VecDeque<Output>,
    strangers: u64,
}

impl Peers {
    /// Of the thread with this number.
    pub fn new(own: Arc<Own>, thread: usize) -> Peers {
        Peers {
            own,
            thread,
            homes: BTreeMap::new(),
            names: BTreeMap::new(),
            ways: BTreeMap::new(),
            held: BTreeMap::new(),
            shaking: BTreeSet::new(),
            outputs: VecDeque::new(),
            strangers: 0,
        }
    }

    /// Waits for a leg's browser at one of the shared ports, or at the same with other secrets.
    pub fn open(&mut self, leg: LegId, port: usize, ours: Credentials) {
        self.know_by(leg, port, ours);
        let home = self.thread;
        if self.homes.get(&leg).is_some_and(|own| own.at == home) {
            self.held.entry(leg).or_insert(Held { home, to: None, link: None });
        }
    }

    /// The thread whose port a leg's browser comes to, if that is another.
    pub fn home_elsewhere(&self, leg: LegId) -> Option<usize> {
        self.held.get(&leg).map(|held| held.home).filter(|home| *home != self.thread)
    }

    /// The thread that has the association of a leg whose port is here.
    pub fn at(&self, leg: LegId) -> Option<usize> {
        self.homes.get(&leg).map(|home| home.at)
    }

    fn know_by(&mut self, leg: LegId, port: usize, ours: Credentials) {
        self.names.insert(ours.ufrag.clone(), leg);
        let thread = self.thread;
        let home = self.homes.entry(leg).or_insert_with(|| Home {
            port,
            ours: Vec::new(),
            ways: VecDeque::new(),
            chosen: None,
            at: thread,
        });
        if home.port != port {
            // An address of the box is gone, and with it every way there.
            let before = std::mem::replace(&mut home.port, port);
            for way in home.ways.drain(..) {
                if self.ways.get(&(before, way)) == Some(&leg) {
                    self.ways.remove(&(before, way));
                }
            }
        }
        home.ours.push(ours);
        if home.ours.len() > 2 {
            let old = home.ours.remove(0);
            self.names.remove(&old.ufrag);
        }
    }

    /// Says who the browser is. The same certificate as before is the same association: only its network is another.
    pub fn pair(&mut self, now: Instant, leg: LegId, far: &Far) {
        let Some(held) = self.held.get_mut(&leg) else { return };
        if held.link.as_ref().is_some_and(|link| link.fingerprints == far.fingerprints) {
            return;
        }
        let certificate = &self.own.certificate.dtls_certificate;
        match Link::new(now, &self.own.provider, certificate, far) {
            Ok(link) => {
                held.link = Some(link);
                self.shaking.insert(leg);
            }
            Err(error) => {
                tracing::warn!(%leg, %error, "no association can be made");
                self.outputs.push_back(Output::Lost { leg, why: Lost::Handshake });
            }
        }
        self.flush(leg);
    }

    /// Takes a datagram that came to a shared port. Answers what the plane is to hear.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        port: usize,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Option<Opened> {
        // RFC 7983 section 7: the first byte tells what it is.
        match bytes.first()? {
            0..=3 => {
                self.check(port, from, bytes);
                None
            }
            20..=63 | 128..=191 => {
                let Some(leg) = self.ways.get(&(port, from)).copied() else {
                    self.strangers += 1;
                    return None;
                };
                let at = self.homes.get(&leg)?.at;
                if at == self.thread {
                    return self.packet(now, leg, bytes);
                }
                let word = Word::Packet { from, bytes: bytes.to_vec() };
                self.outputs.push_back(Output::Tell { thread: at, leg, word });
                None
            }
            _ => {
                self.strangers += 1;
                None
            }
        }
    }

    /// Takes what another thread says of a leg.
    pub fn handle_word(&mut self, now: Instant, leg: LegId, word: Word) -> Option<Opened> {
        match word {
            Word::Packet { bytes, .. } => return self.packet(now, leg, &bytes),
            // Whoever has the ports takes this one.
            Word::Ours(..) => {}
            Word::Chosen(to) => self.chosen(leg, to),
            Word::MovedTo(thread) => {
                let home = self.homes.get_mut(&leg)?;
                home.at = thread;
                if let Some(to) = home.chosen {
                    self.tell_chosen(leg, to);
                }
            }
            Word::Gone => self.forget_home(leg),
        }
        None
    }

    /// What is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let legs: Vec<_> = self.shaking.iter().copied().collect();
        for leg in legs {
            let link = self.held.get_mut(&leg).and_then(|held| held.link.as_mut());
            let Some(link) = link.filter(|link| link.deadline().is_some_and(|due| due <= now))
            else {
                continue;
            };
            if let Came::Lost(why) = link.handle_timeout(now) {
                self.lost(leg, why);
            }
            self.flush(leg);
        }
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        let links = self.shaking.iter().filter_map(|leg| self.held.get(leg)?.link.as_ref());
        links.filter_map(Link::deadline).fold(None, |first, due| earliest(first, Some(due)))
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Seals a packet of the plane's, if the leg's packets go to a browser. Answers whether they do, and where to.
    pub fn seal(&mut self, leg: LegId, kind: Kind, bytes: &[u8]) -> Sealed {
        let Some(held) = self.held.get_mut(&leg) else { return Sealed::NotOurs };
        let Some(link) = held.link.as_mut() else { return Sealed::NotOurs };
        match held.to.zip(link.seal(kind, bytes)) {
            Some((to, bytes)) => Sealed::To(to, bytes),
            None => Sealed::Not,
        }
    }

    /// Lets a leg go, with a farewell to its browser.
    pub fn close(&mut self, now: Instant, leg: LegId) {
        if let Some(link) = self.held.get_mut(&leg).and_then(|held| held.link.as_mut()) {
            link.close(now);
            self.flush(leg);
        }
        self.shaking.remove(&leg);
        let Some(held) = self.held.remove(&leg) else { return };
        if held.home == self.thread {
            return self.forget_home(leg);
        }
        self.outputs.push_back(Output::Tell { thread: held.home, leg, word: Word::Gone });
    }

    /// Gives a leg's association to another thread.
    pub fn hand_over(&mut self, leg: LegId, to: usize) -> Option<Held> {
        let held = self.held.remove(&leg)?;
        self.shaking.remove(&leg);
        if held.home == self.thread {
            self.homes.get_mut(&leg).into_iter().for_each(|home| home.at = to);
        } else {
            let word = Word::MovedTo(to);
            self.outputs.push_back(Output::Tell { thread: held.home, leg, word });
        }
        Some(held)
    }

    /// Takes over a leg's association. It may have come back to where its port is.
    pub fn arrived(&mut self, leg: LegId, mut held: Held) {
        if let Some(home) = self.homes.get_mut(&leg) {
            home.at = self.thread;
            held.to = home.chosen.or(held.to);
        }
        if held.link.as_ref().is_some_and(|link| !link.is_up()) {
            self.shaking.insert(leg);
        }
        self.held.insert(leg, held);
    }

    /// Datagrams that were nobody's, so far.
    pub fn strangers(&self) -> u64 {
        self.strangers
    }
}

/// What became of a packet that is to be sent.
#[derive(Debug)]
pub enum Sealed {
    /// The leg is not in a browser.
    NotOurs,
    /// There is nobody to send it to yet.
    Not,
    /// To be sent there.
    To(SocketAddr, Vec<u8>),
}

impl Peers {
    /// A connectivity check.
    fn check(&mut self, port: usize, from: SocketAddr, bytes: &[u8]) {
        let named = check::name(bytes).and_then(|name| Some((name, *self.names.get(name)?)));
        let Some((name, leg)) = named else {
            self.strangers += 1;
            return;
        };
        let Some(home) = self.homes.get_mut(&leg).filter(|home| home.port == port) else { return };
        let Some(ours) = home.ours.iter().find(|ours| ours.ufrag == name) else { return };
        match check::answer(bytes, from, ours, self.own.provider.crypto()) {
            Checked::Good { answer, nominates } => {
                let bytes = BytesMut::from(&answer[..]);
                self.outputs.push_back(Output::Send { leg, to: from, bytes });
                self.proven(leg, from, nominates);
            }
            Checked::Refused(answer) => {
                let bytes = BytesMut::from(&answer[..]);
                self.outputs.push_back(Output::Send { leg, to: from, bytes });
            }
            Checked::Dropped => self.strangers += 1,
        }
    }

    /// A way is good; it is used if the other side says so, or if there is no other.
    fn proven(&mut self, leg: LegId, from: SocketAddr, nominated: bool) {
        let Some(home) = self.homes.get_mut(&leg) else { return };
        if !home.ways.contains(&from) {
            home.ways.push_back(from);
            self.ways.insert((home.port, from), leg);
            while home.ways.len() > MOST_WAYS {
                let Some(old) = home.ways.pop_front() else { break };
                if Some(old) == home.chosen {
                    // The one in use stays, as if it had just come.
                    home.ways.push_back(old);
                    continue;
                }
                self.ways.remove(&(home.port, old));
            }
        }
        let changes = home.chosen != Some(from) && (nominated || home.chosen.is_none());
        if changes {
            home.chosen = Some(from);
            self.tell_chosen(leg, from);
        }
    }

    fn tell_chosen(&mut self, leg: LegId, to: SocketAddr) {
        let Some(at) = self.homes.get(&leg).map(|home| home.at) else { return };
        if at == self.thread {
            return self.chosen(leg, to);
        }
        self.outputs.push_back(Output::Tell { thread: at, leg, word: Word::Chosen(to) });
    }

    fn chosen(&mut self, leg: LegId, to: SocketAddr) {
        if let Some(held) = self.held.get_mut(&leg) {
            held.to = Some(to);
            self.flush(leg);
        }
    }

    /// A packet that came over a proven way.
    fn packet(&mut self, now: Instant, leg: LegId, bytes: &[u8]) -> Option<Opened> {
        let held = self.held.get_mut(&leg)?;
        let link = held.link.as_mut()?;
        if bytes.first().is_some_and(|first| *first >= 128) {
            // RFC 5761 section 4: reports have types that no sound has.
            let report = bytes.get(1).is_some_and(|kind| (192..=223).contains(kind));
            let kind = if report { Kind::Rtcp } else { Kind::Rtp };
            return match link.open(kind, bytes)? {
                Ok(clear) => Some((leg, kind, clear)),
                Err(why) => {
                    self.outputs.push_back(Output::Refused { leg, why });
                    None
                }
            };
        }
        let was_up = link.is_up();
        match link.handle_dtls(now, bytes) {
            Came::Up if !was_up => {
                self.shaking.remove(&leg);
                if let Some(at) = held.to {
                    self.outputs.push_back(Output::Up { leg, at });
                }
            }
            Came::Lost(why) => self.lost(leg, why),
            Came::Up | Came::Nothing => {}
        }
        self.flush(leg);
        None
    }

    fn lost(&mut self, leg: LegId, why: Lost) {
        self.shaking.remove(&leg);
        self.outputs.push_back(Output::Lost { leg, why });
    }

    /// Sends what the association has to say.
    fn flush(&mut self, leg: LegId) {
        let Some(held) = self.held.get_mut(&leg) else { return };
        let (Some(to), Some(link)) = (held.to, held.link.as_mut()) else { return };
        while let Some(bytes) = link.poll_output() {
            self.outputs.push_back(Output::Send { leg, to, bytes });
        }
    }

    fn forget_home(&mut self, leg: LegId) {
        let Some(home) = self.homes.remove(&leg) else { return };
        for ours in &home.ours {
            self.names.remove(&ours.ufrag);
        }
        for way in &home.ways {
            // Another leg of the same browser's may have taken the way over.
            if self.ways.get(&(home.port, *way)) == Some(&leg) {
                self.ways.remove(&(home.port, *way));
            }
        }
    }
}

#[cfg(test)]
mod tests;
