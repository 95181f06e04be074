//! Who and where: dialled numbers, the parties of a call, and networks, without any protocol.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Longest number we dial or accept: E.164 allows 15 digits; prefixes and feature codes need some room.
pub const MAX_DIGITS: usize = 32;

/// A number as it is dialled or shown: an optional leading `+`, then digits, `*` and `#`. Nothing else can be in it,
/// so a number can go into a header, a file name or a prompt without escaping.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number(String);

/// Why text is not a [`Number`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotANumber {
    /// Nothing to dial.
    Empty,
    /// More than [`MAX_DIGITS`] characters.
    TooLong,
    /// A character other than `0-9`, `*`, `#` or a leading `+`.
    Character(char),
}

impl fmt::Display for NotANumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotANumber::Empty => f.write_str("the number is empty"),
            NotANumber::TooLong => write!(f, "the number has more than {MAX_DIGITS} digits"),
            NotANumber::Character(c) => {
                write!(
                    f,
                    "{c:?} cannot be dialled; a number has digits, * and #, and may begin with +"
                )
            }
        }
    }
}

impl std::error::Error for NotANumber {}

impl Number {
    /// Reads a number. The visual separators of RFC 3966 (`-`, `.`, `(`, `)`) and spaces are taken out.
    pub fn parse(text: &str) -> Result<Self, NotANumber> {
        let mut digits = String::with_capacity(text.len().min(MAX_DIGITS));
        for c in text.trim().chars() {
            match c {
                '0'..='9' | '*' | '#' => digits.push(c),
                '+' if digits.is_empty() => digits.push(c),
                '-' | '.' | '(' | ')' | ' ' => {}
                other => return Err(NotANumber::Character(other)),
            }
            if digits.len() > MAX_DIGITS {
                return Err(NotANumber::TooLong);
            }
        }
        if digits.is_empty() || digits == "+" { Err(NotANumber::Empty) } else { Ok(Number(digits)) }
    }

    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Number {
    type Error = NotANumber;
    fn try_from(text: String) -> Result<Self, NotANumber> {
        Number::parse(&text)
    }
}

impl From<Number> for String {
    fn from(number: Number) -> String {
        number.0
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Numbers are personal data: debug output, which may reach a log, shows only how long one is.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({} characters)", self.0.len())
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_go_and_everything_else_is_refused() {
        assert_eq!(Number::parse("+1 (555) 01-00").unwrap().as_str(), "+15550100");
        assert_eq!(Number::parse("*98#").unwrap().as_str(), "*98#");
        assert_eq!(Number::parse(""), Err(NotANumber::Empty));
        assert_eq!(Number::parse("+"), Err(NotANumber::Empty));
        assert_eq!(Number::parse("12;rm"), Err(NotANumber::Character(';')));
        assert_eq!(Number::parse("1\r\n2"), Err(NotANumber::Character('\r')));
        assert_eq!(Number::parse(&"1".repeat(33)), Err(NotANumber::TooLong));
    }

    #[test]
    fn debug_output_hides_the_digits() {
        assert!(!format!("{:?}", Number::parse("+15550100").unwrap()).contains("555"));
    }

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
}
