//! `[provisioning]` and `[[phone]]`: desk phones that fetch their configuration.

use serde::Deserialize;

use crate::config::desk::{Key, Make, Way};
use crate::id::ExtensionId;

/// `[provisioning]`: what all desk phones are told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provisioning {
    /// How phones reach the box over HTTPS, such as `https://pbx.example:8443`. Needed with `[[phone]]`.
    pub url: String,
    /// Host or address that phones register with; that of `url` when empty.
    pub server: String,
    /// How phones speak SIP. Default udp; tls wants a certificate that the phones trust.
    pub transport: Way,
    /// Hours after which a phone fetches its configuration again; 1 to 720, default 24.
    pub repeat_hours: u16,
}

impl Default for Provisioning {
    fn default() -> Self {
        Provisioning {
            url: String::new(),
            server: String::new(),
            transport: Way::Udp,
            repeat_hours: 24,
        }
    }
}

impl Provisioning {
    /// `url` without a slash at its end.
    pub fn base(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// Where phones register: `server`, or the host of `url`.
    pub fn server(&self) -> &str {
        if self.server.is_empty() { self.host().unwrap_or_default() } else { &self.server }
    }

    /// The host of `url`; nothing where that is no `https` address without a path.
    pub fn host(&self) -> Option<&str> {
        let rest = self.base().strip_prefix("https://")?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
        let host = match rest.strip_prefix('[') {
            Some(v6) => v6.split(']').next()?,
            None => rest.split(':').next()?,
        };
        (!host.is_empty() && rest.bytes().all(plain)).then_some(host)
    }
}

/// `[[phone]]`: a desk phone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskPhone {
    /// Its hardware address, with or without colons.
    pub mac: Mac,
    /// Who made it.
    pub make: Make,
    /// Which it is, for people.
    #[serde(default)]
    pub model: String,
    /// Its lines, the first one for calls out.
    pub lines: Vec<ExtensionId>,
    /// Its keys, in their order.
    #[serde(default)]
    pub keys: Vec<Key>,
}

/// A hardware address: 12 hexadecimal digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Mac(String);

impl Mac {
    /// Reads an address, with colons, dashes, dots or none.
    pub fn parse(text: &str) -> Option<Mac> {
        let digits: String = text.chars().filter(|c| !":-.".contains(*c)).collect();
        let good = digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        good.then(|| Mac(digits.to_ascii_lowercase()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Mac {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Mac::parse(&text)
            .ok_or_else(|| format!("`{text}` is no hardware address, such as `00:15:65:aa:bb:cc`"))
    }
}
