//! Where a receiver is, and which addresses it may have: a box inside a network must not be made to ask its neighbours.

use std::fmt;
use std::net::IpAddr;

/// An `https` or `http` address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether the way there is TLS.
    pub tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The host and port as they were written: the Host header.
    pub authority: String,
    /// Path and query, from the slash on.
    pub path: String,
}

/// Text that is not where a receiver can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATarget;

impl fmt::Display for NotATarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not `https://HOST/PATH` or `http://HOST/PATH`")
    }
}

impl Target {
    /// Reads an address. Names and passwords in it are refused: they would be shown and logged.
    ///
    /// # Errors
    /// When it is not one of `http` or `https`.
    pub fn parse(text: &str) -> Result<Target, NotATarget> {
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(NotATarget),
        };
        if !rest.bytes().all(|b| b.is_ascii_graphic())
            || rest.contains(['#', '@', '\\', '"', '<', '>'])
        {
            return Err(NotATarget);
        }
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(cut);
        let (host, port) = host_and_port(authority).ok_or(NotATarget)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(Target { tls, host, port, authority: authority.to_owned(), path })
    }
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    let good = !host.is_empty() && host.len() <= 253 && host.bytes().all(plain);
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    good.then(|| (host.to_owned(), port))
}

/// Which addresses a receiver may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// Addresses of the branch's own networks and of the box itself.
    pub private: bool,
}

/// Why nothing is sent to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barred;

impl Reach {
    /// Whether a receiver may be at `address`: private and special ones (RFC 6890) only where that was said, plain HTTP
    /// only to private ones, and never link-local ones, where clouds keep their secrets.
    ///
    /// # Errors
    /// When nothing may be sent there.
    pub fn admit(self, tls: bool, address: IpAddr) -> Result<(), Barred> {
        let good = match kind(address.to_canonical()) {
            Kind::Public => tls,
            Kind::Private => self.private,
            Kind::Never => false,
        };
        good.then_some(()).ok_or(Barred)
    }
}

enum Kind {
    Public,
    Private,
    Never,
}

fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            match (a, b, c) {
                // Where a cloud keeps its secrets among addresses that are private for everybody else.
                (100, 100, 100) if d == 200 => Kind::Never,
                (127 | 10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => {
                    Kind::Private
                }
                (0 | 224..=255, ..) | (169, 254, _) | (192, 0, 0 | 2) => Kind::Never,
                (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => Kind::Never,
                _ => Kind::Public,
            }
        }
        IpAddr::V6(v6) => match v6.segments() {
            [0xfd00, 0x0ec2, ..] => Kind::Never,
            [0, 0, 0, 0, 0, 0, 0, 1] | [0xfc00..=0xfdff, ..] => Kind::Private,
            // Ways to an IPv4 address by translation or tunnel: whoever means that address writes it.
            [0x64, 0xff9b, ..] | [0x2002, ..] | [0x2001, 0 | 0xdb8, ..] => Kind::Never,
            // Documentation (RFC 9637).
            [0x3fff, 0..=0x0fff, ..] => Kind::Never,
            [0x2000..=0x3fff, ..] => Kind::Public,
            _ => Kind::Never,
        },
    }
}
