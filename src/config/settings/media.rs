//! `[media]`: where audio flows.

use std::net::IpAddr;

use serde::Deserialize;

/// A voice codec that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 mu-law: North America and Japan.
    Pcmu,
    /// G.711 A-law: elsewhere.
    Pcma,
    /// G.722: 7 kHz of sound; made from others where a call has nothing in common.
    G722,
    /// Opus: what browsers and softphones like best; made from others where a call has nothing in common.
    Opus,
}

/// Whether sound is encrypted (SRTP, keys in the signalling by RFC 4568).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Never.
    #[default]
    Off,
    /// Where the other side can.
    Offered,
    /// Always: what cannot be encrypted is refused.
    Required,
}

/// Over which signalling keys for sound may travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeysOver {
    /// TLS alone.
    #[default]
    Tls,
    /// Any: somebody else protects the way, such as a VPN.
    Any,
}

/// `[media]`: where audio flows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// Address told to peers; the one that faces each peer when absent.
    pub address: Option<IpAddr>,
    /// First port of the pool; even, 1,024 to 65,000, default 16,384.
    pub port_min: u16,
    /// Last port of the pool; above `port_min` by 3 at least, default 32,767.
    pub port_max: u16,
    /// First of the UDP ports that browsers share, one for each media thread from this one on; 1,024 to 65,000 and outside
    /// the pool. When absent the 64 ports below `port_min`, so that one rule of a firewall is enough for both.
    pub browser_port: Option<u16>,
    /// Media threads; 0 (one for each core) to 64, default 0.
    pub threads: u16,
    /// Codecs in the order they are offered; default pcmu, pcma, g722, opus.
    pub codecs: Vec<Codec>,
    /// Whether both parties hear that they are recorded before they are; default yes. Many places ask for it by law.
    pub recording_notice: bool,
    /// Whether a call for help goes through unencrypted where `required` cannot be had. Default true.
    pub help_unencrypted: bool,
}

impl Default for Media {
    fn default() -> Self {
        let codecs = vec![Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];
        Media {
            address: None,
            port_min: 16_384,
            port_max: 32_767,
            browser_port: None,
            threads: 0,
            codecs,
            recording_notice: true,
            help_unencrypted: true,
        }
    }
}

/// The most media threads there are, and so ports that browsers share.
pub const MOST_THREADS: u16 = 64;

impl Media {
    /// The first of the ports that browsers share.
    pub fn first_browser_port(&self) -> u16 {
        self.browser_port.unwrap_or(self.port_min.saturating_sub(MOST_THREADS))
    }
}
