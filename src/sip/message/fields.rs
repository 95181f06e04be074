//! The small structured values of a message: transports, Via and CSeq, and what may be wrong with a header.
//!
//! Owns their reading and printing; which of them a message must have is up to [`super::parse`].

use std::fmt;

use super::{Method, is_token};
use crate::sip::uri::{BadUri, Host, Params, split_top};

/// How a message travels.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A plain stream.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// A WebSocket (RFC 7118).
    Ws,
    /// A WebSocket under TLS.
    Wss,
}

impl Transport {
    /// Reads the name without regard to case.
    pub fn parse(text: &str) -> Option<Transport> {
        use Transport::*;
        [Udp, Tcp, Tls, Ws, Wss].into_iter().find(|t| t.as_str().eq_ignore_ascii_case(text))
    }

    /// Whether nothing needs to be sent twice on it.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// The name as it stands in a Via.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// The port when none is written (RFC 3261 18.2.2, RFC 7118 5.2).
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a header that was asked for cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The header is not there.
    Missing,
    /// It has no such form as its name asks for.
    Syntax,
    /// A number is out of its range.
    Range,
    /// It holds an address that cannot be read.
    Address(BadUri),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Missing => f.write_str("the header is missing"),
            Malformed::Syntax => f.write_str("the header cannot be read"),
            Malformed::Range => f.write_str("a number in the header is out of range"),
            Malformed::Address(bad) => bad.fmt(f),
        }
    }
}

impl std::error::Error for Malformed {}

impl From<BadUri> for Malformed {
    fn from(bad: BadUri) -> Malformed {
        Malformed::Address(bad)
    }
}

/// One hop of the way a request came (RFC 3261 20.42).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The transport as it was written.
    pub transport: String,
    /// Where the hop says it listens.
    pub host: Host,
    /// The port, when written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and others.
    pub params: Params,
}

impl Via {
    /// A Via of our own, with a branch and an empty `rport` (RFC 3581 3).
    pub fn new(transport: Transport, host: Host, port: Option<u16>, branch: &str) -> Via {
        let mut params = Params::default();
        params.set("branch", Some(branch));
        params.set("rport", None);
        Via { transport: transport.as_str().to_owned(), host, port, params }
    }

    /// Reads one value.
    pub fn parse(text: &str) -> Result<Via, Malformed> {
        let at = text.find(';').unwrap_or(text.len());
        let mut parts = text[..at].splitn(3, '/').map(str::trim);
        let (protocol, version) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let rest = parts.next().ok_or(Malformed::Syntax)?;
        if !protocol.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return Err(Malformed::Syntax);
        }
        let (transport, sent_by) = rest.split_once([' ', '\t']).ok_or(Malformed::Syntax)?;
        if !is_token(transport) {
            return Err(Malformed::Syntax);
        }
        let (host, port) = Host::parse_with_port(sent_by.trim())?;
        let params = Params::parse(&text[at..])?;
        if at < text.len() && params.is_empty() {
            return Err(Malformed::Syntax);
        }
        Ok(Via { transport: transport.to_owned(), host, port, params })
    }

    /// Reads a comma-separated list.
    pub fn parse_list(text: &str) -> Result<Vec<Via>, Malformed> {
        split_top(text, b',').map(|part| Via::parse(part?.trim())).collect()
    }

    /// The transport, when it is one of ours.
    pub fn known_transport(&self) -> Option<Transport> {
        Transport::parse(&self.transport)
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch").filter(|b| !b.is_empty())
    }

    /// The address in `received`, with brackets or without (RFC 5118 4.5), IPv4-mapped turned into IPv4.
    pub fn received(&self) -> Option<std::net::IpAddr> {
        let text = self.params.get("received")?.trim_start_matches('[').trim_end_matches(']');
        text.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_canonical())
    }

    /// The port in `rport`; nothing when it is absent or still empty.
    pub fn rport(&self) -> Option<u16> {
        self.params.get("rport")?.parse().ok()
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}

/// A sequence number and its method (RFC 3261 20.16).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Below 2^31 (RFC 3261 8.1.1.5).
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

impl CSeq {
    /// Reads the value of a CSeq header.
    pub fn parse(text: &str) -> Result<CSeq, Malformed> {
        let (number, method) = text.trim().split_once([' ', '\t']).ok_or(Malformed::Syntax)?;
        let number = number_below(number, 1 << 31)?;
        let method = Method::parse(method.trim()).ok_or(Malformed::Syntax)?;
        Ok(CSeq { number, method })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// Digits only, leading zeros allowed, less than `end`.
pub(super) fn number_below(text: &str, end: u32) -> Result<u32, Malformed> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Malformed::Syntax);
    }
    text.parse().ok().filter(|n| *n < end).ok_or(Malformed::Range)
}
