//! Keep-alives of ours toward a carrier (RFC 5626 section 4.4): what keeps the way open for its calls to us.
//!
//! Says when servers are to be written to, and which have not answered; what is written, and what follows from silence, is
//! the trunk's business.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::time::earliest;

/// A double line end: over a connection it asks for a single one (section 4.4.1).
pub const PING: &[u8] = b"\r\n\r\n";
/// A line end in a datagram: it refreshes what address translation remembers and asks for nothing.
pub const REFRESH: &[u8] = b"\r\n";
/// How long a server may take to answer a ping (section 4.4.1).
const PONG_TIME: Duration = Duration::from_secs(10);
/// The longest wait between datagrams: many translators forget a binding after 30 s (section 4.4.2).
pub const DATAGRAMS: Duration = Duration::from_secs(29);

/// When which servers are written to.
#[derive(Debug, Default)]
pub struct KeepAlive {
    next: Option<Instant>,
    /// Those that were pinged and have said nothing since, and until when they may.
    asked: BTreeSet<SocketAddr>,
    until: Option<Instant>,
    /// Those that have ever answered a ping. Others may not know of them, and are not held to it.
    able: BTreeSet<SocketAddr>,
}

impl KeepAlive {
    /// The next round, at random between eight tenths and the whole of `every` (section 4.4).
    pub fn set(&mut self, now: Instant, every: Duration, random: &mut Random) {
        let thousandths = 800 + random.below(201) as u32;
        self.next = Some(now + every * thousandths / 1_000);
    }

    /// Whether a round is due.
    pub fn is_due(&self, now: Instant) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// These were pinged. What is known of others is forgotten: the carrier has them no more.
    pub fn pinged(&mut self, now: Instant, peers: BTreeSet<SocketAddr>) {
        self.able.retain(|peer| peers.contains(peer));
        self.until = (!peers.is_empty()).then_some(now + PONG_TIME);
        self.asked = peers;
    }

    /// A server said something over its connection, which shows that the connection works.
    pub fn heard(&mut self, peer: SocketAddr) {
        self.asked.remove(&peer);
    }

    /// A server answered a ping.
    pub fn ponged(&mut self, peer: SocketAddr) {
        if self.asked.remove(&peer) {
            self.able.insert(peer);
        }
    }

    /// Those that can answer pings and have not in time.
    pub fn missing(&mut self, now: Instant) -> Vec<SocketAddr> {
        if self.until.is_none_or(|until| until > now) {
            return Vec::new();
        }
        self.until = None;
        let asked = std::mem::take(&mut self.asked);
        asked.into_iter().filter(|peer| self.able.contains(peer)).collect()
    }

    /// When something is due.
    pub fn deadline(&self) -> Option<Instant> {
        earliest(self.next, self.until)
    }
}
