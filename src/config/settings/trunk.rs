//! `[[trunk]]`: lines to carriers.

use serde::Deserialize;

use crate::address::Number;
use crate::config::secret::SecretRef;
use crate::id::TrunkId;
use crate::sip::reliable::Policy;

/// `[[trunk]]`: a line to a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// What rules call it.
    pub name: TrunkId,
    /// Addresses or networks (`192.0.2.0/24`) whose calls are taken without a password.
    #[serde(default)]
    pub accept_from: Vec<String>,
    /// Servers that calls are sent to, in order: `host`, `host:port`, `[v6]:port`.
    #[serde(default)]
    pub servers: Vec<String>,
    /// How servers are spoken to. Default `udp`.
    #[serde(default)]
    pub transport: Transport,
    /// The account to register with, where the carrier wants that.
    #[serde(default)]
    pub register: Option<Register>,
    /// Calls at a time; 1 to 10,000, default 100.
    #[serde(default = "trunk_calls")]
    pub max_calls: u16,
    /// Seconds between questions (OPTIONS) whether each server is there; 0 for none, 10 to 3,600, default 30.
    #[serde(default = "probe")]
    pub probe: u16,
    /// Whether provisional answers (ringing, early sound) are acknowledged: `never`, `offer` or `require`. Default
    /// `offer`.
    #[serde(default)]
    pub prack: Policy,
    /// Whether a server of the carrier may send a call to another of `servers` (3xx). Default false.
    #[serde(default)]
    pub follow_redirects: bool,
    /// Number shown on calls out.
    #[serde(default)]
    pub caller_id: Option<Number>,
    /// Whether calls for help carry the caller's place (RFC 6442). A carrier that refuses such a call gets it without at
    /// once. Default true.
    #[serde(default = "yes")]
    pub pidf_lo: bool,
}

fn yes() -> bool {
    true
}

fn probe() -> u16 {
    30
}

fn trunk_calls() -> u16 {
    100
}

/// How a trunk's servers are spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// A plain connection.
    Tcp,
    /// An encrypted connection.
    Tls,
}

/// `[trunk.register]`: the account at the carrier.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The account's user name.
    pub username: String,
    /// Where its password is kept.
    pub secret: SecretRef,
    /// Seconds that each registration lasts; 60 to 86,400, default 600.
    #[serde(default = "register_span")]
    pub expires: u32,
}

fn register_span() -> u32 {
    600
}
