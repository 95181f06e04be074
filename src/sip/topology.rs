//! What leaves the site with our messages: no address of its inside, no name of the product.
//!
//! Owns the last look at a message on its way to a carrier, or to anybody outside a site that is behind address
//! translation. What is agreed on and remembered inside stays as it is; only the text that leaves is another. Session
//! descriptions are made with the right address in the first place. Whom to hide from is decided above.

use std::borrow::Cow;
use std::net::IpAddr;

/// Headers that say what we are made of; nobody needs them to make a call.
const NAMES_OF_US: [&str; 4] = ["Server", "User-Agent", "Warning", "Organization"];

/// Headers of our requests that hold an address of ours. Call-ID, To, Route and what answers a challenge do not, and are
/// left as they are: a peer compares them.
const OURS_IN_REQUESTS: [&str; 9] = [
    "Via",
    "From",
    "Contact",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "Diversion",
    "History-Info",
    "Geolocation",
];

/// What is kept from a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden<'h> {
    /// Addresses of this box, and the one that stands for all of them outside; nothing where they may be seen.
    pub addresses: Option<(&'h [IpAddr], IpAddr)>,
    /// Whether the product's name is left out.
    pub product: bool,
}

/// The message without what is hidden. Bodies are left alone.
pub fn hide(message: Vec<u8>, hidden: Hidden<'_>) -> Vec<u8> {
    if hidden.addresses.is_none() && !hidden.product {
        return message;
    }
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(message.len());
    let (head, body) = message.split_at(end);
    // Every message of ours is text up to its body.
    let Ok(head) = std::str::from_utf8(head) else { return message };
    let request = !head.starts_with("SIP/2.0 ");
    let mut out = String::with_capacity(message.len() + 16);
    for (place, line) in head.split("\r\n").enumerate() {
        let name = line.split_once(':').map_or("", |(name, _)| name);
        if place > 0 && hidden.product && NAMES_OF_US.contains(&name) {
            continue;
        }
        if place > 0 {
            out.push_str("\r\n");
        }
        let ours = if request { OURS_IN_REQUESTS.contains(&name) } else { name == "Contact" };
        match hidden.addresses.filter(|_| place > 0 && ours) {
            Some((inside, outside)) => out.push_str(&translated(line, inside, outside)),
            None => out.push_str(line),
        }
    }
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out
}

/// The line with every address of `inside` replaced.
fn translated<'l>(line: &'l str, inside: &[IpAddr], outside: IpAddr) -> Cow<'l, str> {
    let mut line = Cow::Borrowed(line);
    for address in inside.iter().filter(|address| **address != outside) {
        let text = written(*address);
        if let Some(changed) = replaced(&line, &text, &written(outside)) {
            line = Cow::Owned(changed);
        }
    }
    line
}

/// As it stands in SIP text, IPv6 in brackets.
fn written(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// `line` with each `from` that is not part of a longer address replaced; nothing when there is none.
fn replaced(line: &str, from: &str, to: &str) -> Option<String> {
    let part = |c: char| c.is_ascii_digit() || c == '.';
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(from) {
        let (before, found) = rest.split_at(at);
        let after = found.split_at(from.len()).1;
        let longer = before.ends_with(part) || after.starts_with(part);
        out.push_str(before);
        out.push_str(if longer { from } else { to });
        rest = after;
    }
    if out.is_empty() && rest.len() == line.len() {
        return None;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "INVITE sip:5550123@192.0.2.100 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1\r\n\
        From: <sip:+15550100@10.0.0.5>;tag=a\r\nTo: <sip:5550123@192.0.2.100>\r\n\
        Contact: <sip:10.0.0.5:5060>\r\nCall-ID: 10.0.0.5\r\nUser-Agent: Branchline/1\r\n\
        Diversion: <sip:+15550101@[fd00::5]>;reason=unknown\r\n\
        Content-Length: 9\r\n\r\nServer: x";

    fn hide_from(message: &str, product: bool) -> String {
        let inside = ["10.0.0.5".parse().unwrap(), "fd00::5".parse().unwrap()];
        let outside = "203.0.113.7".parse().unwrap();
        let hidden = Hidden { addresses: Some((&inside, outside)), product };
        String::from_utf8(hide(message.as_bytes().to_vec(), hidden)).unwrap()
    }

    #[test]
    fn a_request_says_where_we_are_outside_and_not_what() {
        let seen = hide_from(REQUEST, true);
        assert!(seen.contains("Via: SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bK1\r\n"), "{seen}");
        assert!(seen.contains("From: <sip:+15550100@203.0.113.7>;tag=a\r\n"));
        assert!(seen.contains("Contact: <sip:203.0.113.7:5060>\r\nCall-ID: 10.0.0.5\r\n"));
        assert!(seen.contains("Diversion: <sip:+15550101@203.0.113.7>;"));
        assert!(
            !seen.contains("User-Agent") && seen.ends_with("Content-Length: 9\r\n\r\nServer: x")
        );
    }

    #[test]
    fn a_response_keeps_what_the_peer_wrote() {
        let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.5\r\nTo: <sip:1@10.0.0.5>;tag=b\r\n\
                    Contact: <sip:10.0.0.5>\r\nServer: Branchline\r\n\r\n";
        let seen = hide_from(text, true);
        assert!(
            seen.contains("Via: SIP/2.0/UDP 10.0.0.5\r\nTo: <sip:1@10.0.0.5>;tag=b\r\n"),
            "{seen}"
        );
        assert!(seen.ends_with("Contact: <sip:203.0.113.7>\r\n\r\n"));
    }

    #[test]
    fn a_longer_address_is_another_and_nothing_hidden_changes_nothing() {
        assert_eq!(
            replaced("10.0.0.50 110.0.0.5 10.0.0.5:5", "10.0.0.5", "x").unwrap(),
            "10.0.0.50 110.0.0.5 x:5"
        );
        assert_eq!(replaced("10.0.0.6", "10.0.0.5", "x"), None);
        let open = Hidden { addresses: None, product: false };
        assert_eq!(hide(REQUEST.as_bytes().to_vec(), open), REQUEST.as_bytes());
    }
}
