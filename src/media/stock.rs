//! Ports whose sockets are open before anybody needs them: what a description promises is there when it is read.
//!
//! A port of the pool may be another program's at any moment. A leg that learnt of that only after its port was written
//! into an offer would end, and with it a caller's turn in a queue. So sockets are held open for a few ports of each
//! address, and a leg is given one of those; the driver says which could be had. Owns which ports those are; the sockets are the
//! driver's. Where more legs begin at once than there is stock for, the rest take ports as they come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::media::port::Pool;

/// Ports held open at one address: a queue that rings a dozen phones at once, and their caller.
const DEPTH: usize = 16;
/// How many are left when more are opened: four at a time cost one word to a media thread, not four.
const LOW: usize = 12;
/// The part of all ports that is held at most, as 1/n: the rest is for whoever has no stock.
const SHARE: usize = 8;
/// Addresses with a stock: a branch has one or two, and each costs descriptors.
const MOST_ADDRESSES: usize = 4;
/// Ports in a row that could not be had, after which no other is tried until a leg wants one: then it is not the port.
const MOST_FAILURES: usize = 64;

/// What the driver is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Open sockets here, RTP at this port and RTCP one above, and hold them; answer with [`Stock::handle_held`].
    Hold(SocketAddr),
    /// Close them: the port is used at another address.
    Release(SocketAddr),
}

/// The ports of one address.
#[derive(Debug, Default)]
struct Shelf {
    /// Held open, the oldest first.
    ready: VecDeque<u16>,
    /// Being opened.
    asked: BTreeSet<u16>,
    /// Failures since the last success.
    failures: usize,
}

/// The pool, with what is held open.
#[derive(Debug)]
pub struct Stock {
    pool: Pool,
    depth: usize,
    shelves: BTreeMap<IpAddr, Shelf>,
    /// What was being opened at addresses that have gone meanwhile.
    gone: BTreeSet<SocketAddr>,
    wishes: VecDeque<Wish>,
}

impl Stock {
    /// A stock of nothing, from this pool.
    pub fn new(pool: Pool) -> Self {
        let depth = DEPTH.min(pool.capacity() / SHARE);
        let (shelves, gone) = (BTreeMap::new(), BTreeSet::new());
        Stock { pool, depth, shelves, gone, wishes: VecDeque::new() }
    }

    /// Legs will be at this address: ports are opened there.
    pub fn prepare(&mut self, now: Instant, address: IpAddr) {
        let known = self.shelves.contains_key(&address);
        if !known && (self.shelves.len() >= MOST_ADDRESSES || address.is_unspecified()) {
            return;
        }
        let shelf = self.shelves.entry(address).or_default();
        shelf.failures = 0;
        if shelf.ready.len() + shelf.asked.len() <= LOW {
            self.fill(now, address);
        }
    }

    fn fill(&mut self, now: Instant, address: IpAddr) {
        // What is held at all addresses together is a part of the pool, whatever their number.
        let held: usize = self.shelves.values().map(|s| s.ready.len() + s.asked.len()).sum();
        let mut room = (self.pool.capacity() / SHARE).saturating_sub(held);
        let Some(shelf) = self.shelves.get_mut(&address) else { return };
        while room > 0 && shelf.ready.len() + shelf.asked.len() < self.depth {
            let Some(port) = self.pool.take(now, false) else { return };
            shelf.asked.insert(port);
            self.wishes.push_back(Wish::Hold(SocketAddr::new(address, port)));
            room -= 1;
        }
    }

    /// A port for a leg at `address`, whose sockets are open where that could be; nothing if all are in use or resting. The
    /// last few are for calls for `help`.
    pub fn take(&mut self, now: Instant, address: IpAddr, help: bool) -> Option<u16> {
        let ready = self.shelves.get_mut(&address).and_then(|shelf| shelf.ready.pop_front());
        let port = ready.or_else(|| self.pool.take(now, help)).or_else(|| self.elsewhere());
        self.prepare(now, address);
        port
    }

    /// Takes this very port, for a leg that has it from before; answers whether it was to be had.
    pub fn take_again(&mut self, port: u16) -> bool {
        self.pool.take_again(port)
    }

    /// A port that is held at another address, where nobody needs it so much.
    fn elsewhere(&mut self) -> Option<u16> {
        let (address, shelf) = self.shelves.iter_mut().max_by_key(|(_, s)| s.ready.len())?;
        let port = shelf.ready.pop_back()?;
        self.wishes.push_back(Wish::Release(SocketAddr::new(*address, port)));
        Some(port)
    }

    /// The addresses that have a stock.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.shelves.keys().copied()
    }

    /// An address is the box's no more: nothing is held there, and another one may have its place.
    pub fn handle_gone(&mut self, now: Instant, address: IpAddr) {
        let Some(shelf) = self.shelves.remove(&address) else { return };
        let at = |port: u16| SocketAddr::new(address, port);
        self.gone.extend(shelf.asked.into_iter().map(at));
        for port in shelf.ready {
            self.pool.give_back(now, port);
            self.wishes.push_back(Wish::Release(at(port)));
        }
    }

    /// The driver holds the sockets that it was to open, or could not have them.
    pub fn handle_held(&mut self, now: Instant, local: SocketAddr, held: bool) {
        if self.gone.remove(&local) {
            self.pool.give_back(now, local.port());
            if held {
                self.wishes.push_back(Wish::Release(local));
            }
            return;
        }
        let Some(shelf) = self.shelves.get_mut(&local.ip()) else { return };
        if !shelf.asked.remove(&local.port()) {
            return;
        }
        if held {
            shelf.failures = 0;
            return shelf.ready.push_back(local.port());
        }
        shelf.failures += 1;
        let again = shelf.failures < MOST_FAILURES;
        // It rests like one that was used, and is tried again some time.
        self.pool.give_back(now, local.port());
        if again {
            self.fill(now, local.ip());
        }
    }

    /// What to do next.
    pub fn poll_wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    /// Gives a port of a leg back; it rests first.
    pub fn give_back(&mut self, now: Instant, port: u16) {
        self.pool.give_back(now, port);
    }

    /// Whether `port` or, for RTCP, the one below is ours just now.
    pub fn is_taken(&self, port: u16) -> bool {
        self.pool.is_taken(port)
    }

    /// Ports that legs use.
    pub fn in_use(&self) -> usize {
        let held: usize = self.shelves.values().map(|s| s.ready.len() + s.asked.len()).sum();
        self.pool.in_use().saturating_sub(held + self.gone.len())
    }

    /// Ports there are.
    pub fn capacity(&self) -> usize {
        self.pool.capacity()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::random::Random;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const REST: Duration = Duration::from_secs(10);

    fn stock(pairs: u16) -> Stock {
        let last = 20_000 + pairs * 2 - 1;
        Stock::new(Pool::new(20_000, last, REST, Random::from_number(1)))
    }

    /// A driver in whose system some ports are others'. Answers how many sockets it tried to open.
    fn carry_out(stock: &mut Stock, now: Instant, foreign: impl Fn(u16) -> bool) -> usize {
        let mut tried = 0;
        while let Some(wish) = stock.poll_wish() {
            if let Wish::Hold(local) = wish {
                tried += 1;
                stock.handle_held(now, local, !foreign(local.port()));
            }
        }
        tried
    }

    #[test]
    fn a_leg_never_gets_a_port_that_somebody_else_has() {
        let now = Instant::now();
        let mut stock = stock(400);
        let foreign = |port: u16| port % 8 < 6;
        stock.prepare(now, HERE);
        carry_out(&mut stock, now, foreign);
        for leg in 0..40 {
            let port = stock.take(now, HERE, false).expect("there are some");
            assert!(!foreign(port), "leg {leg} got {port}");
            carry_out(&mut stock, now, foreign);
        }
        assert_eq!(stock.in_use(), 40);
    }

    #[test]
    fn what_is_held_counts_as_nobodys_and_is_a_part_of_the_pool() {
        let now = Instant::now();
        let mut stock = stock(80);
        for last in 1..=6 {
            stock.prepare(now, IpAddr::from([192, 0, 2, last]));
        }
        carry_out(&mut stock, now, |_| false);
        assert_eq!((stock.in_use(), stock.pool.in_use()), (0, 10), "an eighth");
        stock.prepare(now, IpAddr::from([0; 4]));
        assert_eq!(stock.shelves.len(), MOST_ADDRESSES);
        let mut tiny = self::stock(4);
        tiny.prepare(now, HERE);
        assert_eq!(tiny.poll_wish(), None);
        assert!(tiny.take(now, HERE, false).is_some(), "as it comes");
    }

    #[test]
    fn every_port_can_be_had_by_a_leg_at_any_address() {
        let now = Instant::now();
        let mut stock = stock(80);
        let there = IpAddr::from([192, 0, 2, 9]);
        stock.prepare(now, HERE);
        carry_out(&mut stock, now, |_| false);
        let all: BTreeSet<_> = std::iter::from_fn(|| stock.take(now, there, true)).collect();
        assert_eq!(all.len(), 80, "those that were held elsewhere too");
        assert!(all.iter().all(|port| stock.is_taken(*port) && stock.is_taken(port + 1)));
        let released = std::iter::from_fn(|| stock.poll_wish());
        assert!(released.filter(|wish| matches!(wish, Wish::Release(_))).count() > 0);
    }

    #[test]
    fn an_address_that_goes_takes_its_stock_along_and_others_come_in_its_place() {
        let mut now = Instant::now();
        let mut stock = stock(200);
        let own = |last| IpAddr::from([192, 0, 2, last]);
        for day in 1..=20 {
            let address = own(day);
            now += REST;
            stock.handle_gone(now, own(day - 1));
            stock.prepare(now, address);
            // Every other day it goes again before its sockets are open.
            if day % 2 == 0 {
                carry_out(&mut stock, now, |_| false);
                assert_eq!(stock.shelves[&address].ready.len(), DEPTH, "day {day}");
            }
        }
        stock.handle_gone(now, own(20));
        carry_out(&mut stock, now, |_| false);
        carry_out(&mut stock, now, |_| false);
        assert_eq!((stock.pool.in_use(), stock.in_use()), (0, 0), "every port is back");
        assert!(stock.shelves.is_empty() && stock.gone.is_empty());
    }

    #[test]
    fn a_system_that_gives_no_sockets_is_not_asked_without_end() {
        let now = Instant::now();
        let mut stock = stock(2_000);
        stock.prepare(now, HERE);
        let tried = carry_out(&mut stock, now, |_| true);
        assert!((MOST_FAILURES..MOST_FAILURES + DEPTH).contains(&tried), "{tried}");
        assert!(stock.take(now, HERE, false).is_some(), "a leg takes its chance");
        assert!(carry_out(&mut stock, now, |_| true) >= MOST_FAILURES, "and it is tried anew");
        stock.handle_held(now, SocketAddr::new(HERE, 20_000), true);
        assert!(stock.shelves[&HERE].ready.is_empty(), "nobody had asked for that one");
    }
}
