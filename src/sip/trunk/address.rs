//! How an admin writes where a carrier is.

use std::net::{IpAddr, SocketAddr};

pub use crate::address::{Network, NotANetwork};

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
    fn servers_are_read_in_every_form() {
        let read = |text: &str| Server::parse(text).map(|server| (server.host, server.port));
        assert_eq!(read("sip.example:5080"), Some(("sip.example".into(), Some(5080))));
        assert_eq!(read("2001:db8::1"), Some(("2001:db8::1".into(), None)));
        assert_eq!(read("[2001:db8::1]:5070"), Some(("2001:db8::1".into(), Some(5070))));
        assert_eq!(read("sip.example:x"), None);
    }
}
