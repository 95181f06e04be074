//! Where a URI leads without asking anybody: literal addresses (RFC 3263 section 4.2).
//!
//! Names need DNS; the trunks look theirs up themselves, and phones are reached along the way that they registered.

use std::net::SocketAddr;

use crate::sip::flow::Route;
use crate::sip::message::Transport;
use crate::sip::uri::{Host, Scheme, Uri};

/// The route to a URI whose host is an address; nothing for a name. `sips:` goes over TLS alone (RFC 3261 section 26.2.2).
pub fn literal(uri: &Uri) -> Option<Route> {
    let Host::Ip(ip) = uri.host else { return None };
    let transport = match (&uri.scheme, uri.transport()) {
        (Scheme::Sips, _) => Transport::Tls,
        (_, Some(transport)) => transport,
        (_, None) => Transport::Udp,
    };
    let peer = SocketAddr::new(ip, uri.port.unwrap_or(transport.default_port()));
    Some(Route::Address { transport, peer })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_somewhere_and_names_do_not() {
        let route = |text: &str| literal(&Uri::parse(text).unwrap());
        let address =
            |transport, peer: &str| Some(Route::Address { transport, peer: peer.parse().unwrap() });
        assert_eq!(route("sip:a@192.0.2.1"), address(Transport::Udp, "192.0.2.1:5060"));
        assert_eq!(
            route("sip:a@[2001:db8::1]:5080;transport=tcp"),
            address(Transport::Tcp, "[2001:db8::1]:5080")
        );
        assert_eq!(route("sips:a@192.0.2.1"), address(Transport::Tls, "192.0.2.1:5061"));
        assert_eq!(route("sip:a@example.com"), None);
    }
}
