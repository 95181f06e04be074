//! Who has connected and not said yet who it is: few at a time, and few from one address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Guests at a time. A thousand branches that come back at once have their turn within seconds.
const MOST: usize = 1_024;
/// From one address, or one network of IPv6: a data centre behind which many sites are, and no flood.
const MOST_FROM_ONE: usize = 128;

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Guests(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Guest {
    guests: Guests,
    from: IpAddr,
}

impl Guests {
    /// Somebody comes. Nobody more is let in when there are too many.
    pub fn enter(&self, from: IpAddr) -> Option<Guest> {
        let from = network(from);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.values().sum::<usize>() >= MOST
            || all.get(&from).is_some_and(|n| *n >= MOST_FROM_ONE)
        {
            return None;
        }
        *all.entry(from).or_default() += 1;
        Some(Guest { guests: self.clone(), from })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

/// Whoever has one address of IPv6 has the 2^64 of its network (RFC 4291 section 2.5.4).
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(own) => Ipv6Addr::from_bits(own.to_bits() & !u128::from(u64::MAX)).into(),
        own => own,
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut all = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_keep_the_others_out() {
        let guests = Guests::default();
        let flood: IpAddr = "192.0.2.1".parse().unwrap();
        let held: Vec<_> = (0..MOST).filter_map(|_| guests.enter(flood)).collect();
        assert_eq!(held.len(), MOST_FROM_ONE);
        let other = guests.enter("192.0.2.2".parse().unwrap());
        assert!(other.is_some());
        drop((held, other));
        assert_eq!(guests.count(), 0);
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let guests = Guests::default();
        let enter = |host: usize, network: &str| {
            guests.enter(format!("2001:db8:0:{network}::{host:x}").parse().unwrap())
        };
        let held: Vec<_> = (1..MOST).filter_map(|host| enter(host, "1")).collect();
        assert_eq!(held.len(), MOST_FROM_ONE);
        assert!(enter(1, "2").is_some());
        let mapped = |host| guests.enter(format!("::ffff:192.0.2.{host}").parse().unwrap());
        let held: Vec<_> = (1..250).filter_map(mapped).collect();
        assert_eq!(held.len(), 249, "each is an address of its own");
    }
}
