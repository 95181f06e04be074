//! How an admin writes where a carrier is: networks and servers.

use std::net::{IpAddr, SocketAddr};

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

    /// How many leading bits its addresses share: more are a narrower network.
    pub fn prefix(&self) -> u8 {
        self.prefix
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
    /// Lower ones are tried first (RFC 2782).
    pub priority: u16,
    /// How often it comes first among those of its priority, in proportion to theirs.
    pub weight: u16,
}

impl Server {
    /// Reads `host`, `host:port` or `[v6]:port`.
    pub fn parse(text: &str) -> Option<Server> {
        let at = |host: &str, port| Server { host: host.to_owned(), port, priority: 0, weight: 1 };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(at(&address.to_string(), None));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Some(at(&address.ip().to_string(), Some(address.port())));
        }
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if text.starts_with('[') && bare.parse::<IpAddr>().is_ok() {
            return Some(at(bare, None));
        }
        match text.split_once(':') {
            Some((host, port)) => Some(at(host, Some(port.parse().ok()?))),
            None => Some(at(text, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
