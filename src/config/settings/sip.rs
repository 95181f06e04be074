//! `[sip]`: where signalling listens, and as whom.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::sip::reliable::Policy;

/// `[sip]`: where signalling listens, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sip {
    /// UDP addresses. Default port 5060 on every IPv4 and IPv6 address.
    pub udp: Vec<SocketAddr>,
    /// TCP addresses. Default as for UDP.
    pub tcp: Vec<SocketAddr>,
    /// TLS addresses. Default port 5061 on every address.
    pub tls: Vec<SocketAddr>,
    /// Our address as peers outside the site's networks (`[trust]`) see it, where the site is behind address translation.
    pub external_address: Option<IpAddr>,
    /// Realm of the digest challenge; phones show it. Default `branchline`.
    pub realm: String,
    /// Hashes that phones may prove their password with, in the order they are offered. Default sha-256, md5.
    pub digests: Vec<DigestAlgorithm>,
    /// PEM certificate chain for TLS; a self-signed one is made at first start when absent.
    pub certificate: Option<PathBuf>,
    /// PEM private key that belongs to the certificate.
    pub private_key: Option<PathBuf>,
    /// PEM certificates of authorities that prove carriers over TLS, besides those of the system.
    pub authorities: Option<PathBuf>,
    /// Whether provisional answers of phones are acknowledged: `never`, `offer` or `require`. Default `offer`.
    pub prack: Policy,
    /// Whether a phone may forward a call by answering 302, to wherever it may call itself. Default true.
    pub follow_redirects: bool,
    /// Name servers for carriers' names; those of `/etc/resolv.conf` when empty.
    pub name_servers: Vec<SocketAddr>,
    /// `[sip.timers]`.
    pub timers: Timers,
}

impl Default for Sip {
    fn default() -> Self {
        let everywhere =
            |port| vec![SocketAddr::from(([0; 4], port)), SocketAddr::from(([0u16; 8], port))];
        Sip {
            udp: everywhere(5060),
            tcp: everywhere(5060),
            tls: everywhere(5061),
            external_address: None,
            realm: "branchline".into(),
            digests: vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
            certificate: None,
            private_key: None,
            authorities: None,
            name_servers: Vec::new(),
            prack: Policy::default(),
            follow_redirects: true,
            timers: Timers::default(),
        }
    }
}

/// A hash for passwords (RFC 8760).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum DigestAlgorithm {
    /// Preferred where the phone knows it.
    #[serde(rename = "sha-256")]
    Sha256,
    /// What every phone knows.
    #[serde(rename = "md5")]
    Md5,
}

/// `[sip.timers]`: RFC 3261 section 17.1.1.1, and how long registrations and subscriptions last.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timers {
    /// T1, the round trip estimate, in milliseconds; 100 to 2,000, default 500.
    pub t1_ms: u32,
    /// T2, the longest retransmit interval, in milliseconds; 1,000 to 16,000, default 4,000.
    pub t2_ms: u32,
    /// T4, how long a message stays in the network, in milliseconds; 1,000 to 16,000, default 5,000.
    pub t4_ms: u32,
    /// Seconds after which a call that nobody refreshed is over (RFC 4028); 0 for no timer, 90 to 86,400, default 1,800.
    pub session_s: u32,
    /// Shortest registration or subscription in seconds; 30 to 3,600, default 60.
    pub register_min_s: u32,
    /// Registration or subscription for phones that ask for no span, in seconds; 60 to 86,400, default 3,600.
    pub register_default_s: u32,
    /// Longest registration or subscription in seconds; 60 to 86,400, default 7,200.
    pub register_max_s: u32,
}

impl Default for Timers {
    fn default() -> Self {
        Timers {
            t1_ms: 500,
            t2_ms: 4_000,
            t4_ms: 5_000,
            session_s: 1_800,
            register_min_s: 60,
            register_default_s: 3_600,
            register_max_s: 7_200,
        }
    }
}
