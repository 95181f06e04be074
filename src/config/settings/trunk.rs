//! `[[trunk]]`: lines to carriers.

use std::fmt;
use std::net::IpAddr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::media::{Codec, Encryption, KeysOver};
use super::{Keys, RecordNotice, Recording};
use crate::address::Number;
use crate::call::budget::Price;
use crate::call::numbers::Form;
use crate::config::secret::SecretRef;
use crate::id::TrunkId;
use crate::sip::identity::Assertion;
use crate::sip::reliable::Policy;

/// Our address as a carrier sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum External {
    /// What the carrier's answers tell (`auto`).
    Auto,
    /// This one.
    Is(IpAddr),
}

impl TryFrom<String> for External {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "auto" => Ok(External::Auto),
            text => text.parse().map(External::Is).map_err(|_| "an IP address, or \"auto\""),
        }
    }
}

/// `[[trunk]]`: a line to a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// What rules call it.
    pub name: TrunkId,
    /// Addresses or networks (`192.0.2.0/24`) whose calls are taken without a password.
    #[serde(default)]
    pub accept_from: Vec<String>,
    /// Servers that calls are sent to: `host`, `host:port`, `[v6]:port` in order, or `{ host, priority, weight }`.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// How servers are spoken to. Default `auto`.
    #[serde(default)]
    pub transport: Transport,
    /// The account to register with, where the carrier wants that.
    #[serde(default)]
    pub register: Option<Register>,
    /// The account that calls out show when the carrier asks for a password, where none is registered with.
    #[serde(default)]
    pub auth: Option<Account>,
    /// Calls at a time; 1 to 10,000, default 100.
    #[serde(default = "trunk_calls")]
    pub max_calls: u16,
    /// New calls in a second that are taken from it; 1 to 1,000, default 1,000.
    #[serde(default = "any_rate")]
    pub calls_in_per_second: u16,
    /// New calls in a second that are sent over it; 1 to 1,000, default 1,000.
    #[serde(default = "any_rate")]
    pub calls_out_per_second: u16,
    /// Seconds between questions (OPTIONS) whether each server is there; 0 for none, 10 to 3,600, default 30.
    #[serde(default = "probe")]
    pub probe: u16,
    /// Most seconds between keep-alives over connections that we opened to register or to probe; 0 for none, 20 to 840,
    /// default 120. Datagrams take at most 29, and only where there are no probes.
    #[serde(default = "keep_alive")]
    pub keep_alive: u16,
    /// Whether provisional answers (ringing, early sound) are acknowledged: `never`, `offer` or `require`. Default
    /// `offer`.
    #[serde(default)]
    pub prack: Policy,
    /// Whether a server of the carrier may send a call to another of `servers` (3xx). Default false.
    #[serde(default)]
    pub follow_redirects: bool,
    /// What the carrier takes for calls that come in and are answered. Default nothing.
    #[serde(default)]
    pub inbound_price: Option<Price>,
    /// Number shown on calls out.
    #[serde(default)]
    pub caller_id: Option<Number>,
    /// Whether calls for help carry the caller's place (RFC 6442). A carrier that refuses such a call gets it without at
    /// once. Default true.
    #[serde(default = "yes")]
    pub pidf_lo: bool,
    /// Which numbers calls out may show: `own`, those of the branch, or `any`. Default `own`.
    #[serde(default)]
    pub shows: Shows,
    /// Whether the carrier is believed about callers (P-Asserted-Identity, Remote-Party-ID) and about who passed a call on
    /// before (Diversion, History-Info), and told of ours who hide
    /// (RFC 3325 section 2.2). Default false.
    #[serde(default)]
    pub trusted: bool,
    /// The header that proves our caller besides From. Default `none`.
    #[serde(default)]
    pub identity: Assertion,
    /// Whether calls out that the branch passes on say whose they were: `diversion`, `history-info`, `both` or `none`.
    /// Default `diversion`.
    #[serde(default)]
    pub forwarded: Forwarded,
    /// How numbers are written.
    #[serde(default)]
    pub numbers: Numbers,
    /// Codecs in the order they are offered, and no others; those of `[media]` when empty.
    #[serde(default)]
    pub codecs: Vec<Codec>,
    /// What a caller hears before the called party answers. Default `pass`.
    #[serde(default)]
    pub early_media: EarlyMedia,
    /// Our address as the carrier sees it; that of `[sip]` when absent.
    #[serde(default)]
    pub external_address: Option<External>,
    /// Whether its conversations are recorded.
    #[serde(default)]
    pub record: Recording,
    /// What whoever calls or is called over it hears before, and how they refuse. Default: the site's notice.
    #[serde(default)]
    pub record_notice: Option<RecordNotice>,
    /// How key presses are sent to the carrier.
    #[serde(default)]
    pub keys: Keys,
    /// Whether sound is encrypted. Default `off`.
    #[serde(default)]
    pub media_encryption: Encryption,
    /// Over which signalling keys for that may travel. Default `tls`.
    #[serde(default)]
    pub media_keys_over: KeysOver,
}

/// A server of a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `host`, `host:port`, `address` or `[v6]:port`.
    pub host: String,
    /// Lower ones are tried first; its place in the list when absent.
    pub priority: Option<u16>,
    /// How often it comes first among those of its priority; 1 to 1,000.
    pub weight: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Weighted {
    host: String,
    #[serde(default)]
    priority: Option<u16>,
    #[serde(default)]
    weight: Option<u16>,
}

impl<'de> Deserialize<'de> for Server {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Server, D::Error> {
        from.deserialize_any(AServer)
    }
}

/// Reads a server in either form, so that a mistake in one is told as such.
struct AServer;

impl<'de> Visitor<'de> for AServer {
    type Value = Server;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`host`, `host:port` or `{ host = …, priority = …, weight = … }`")
    }

    fn visit_str<E: de::Error>(self, host: &str) -> Result<Server, E> {
        Ok(Server { host: host.to_owned(), priority: None, weight: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Server, A::Error> {
        let read = Weighted::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Server { host: read.host, priority: read.priority, weight: read.weight })
    }
}

/// Which numbers calls out may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shows {
    /// Those of the branch: of `caller_id` and `[[inbound]]`. Others are shown the trunk's own.
    #[default]
    Own,
    /// Any, such as those of callers whose calls are passed on.
    Any,
}

/// How a passed-on call says whose it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forwarded {
    /// Not at all.
    None,
    /// RFC 5806.
    #[default]
    Diversion,
    /// RFC 7044.
    HistoryInfo,
    /// Both.
    Both,
}

/// `numbers = { … }` of a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Numbers {
    /// How called numbers are written on calls out. Default `as-is`.
    pub called: Form,
    /// Digits in front of every called number, after that.
    pub prefix: Option<Number>,
    /// How our own numbers are written on calls out. Default `as-is`.
    pub caller: Form,
    /// How the numbers of callers are shown on calls in. Default `as-is`.
    pub incoming: Form,
}

/// What a caller hears before the called party answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EarlyMedia {
    /// The carrier's own sound.
    #[default]
    Pass,
    /// A ringing tone of ours, whatever the carrier sends.
    Ringback,
    /// Nothing, until the carrier says that it rings.
    Ignore,
}

fn yes() -> bool {
    true
}

fn any_rate() -> u16 {
    1_000
}

/// `[trunk.auth]`: an account at a carrier that wants no registration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The account's user name.
    pub username: String,
    /// Where its password is kept.
    pub secret: SecretRef,
    /// The realm that may ask for it; any that the carrier's servers name when absent.
    #[serde(default)]
    pub realm: Option<String>,
}

fn probe() -> u16 {
    30
}

/// RFC 5626 section 4.4.1.
fn keep_alive() -> u16 {
    120
}

fn trunk_calls() -> u16 {
    100
}

/// How a trunk's servers are spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// As the carrier's DNS says (NAPTR, SRV); datagrams where it says nothing.
    #[default]
    Auto,
    /// Datagrams.
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
    /// The realm that may ask for it; any that the carrier's servers name when absent.
    #[serde(default)]
    pub realm: Option<String>,
    /// Seconds that each registration lasts; 60 to 86,400, default 600.
    #[serde(default = "register_span")]
    pub expires: u32,
}

fn register_span() -> u32 {
    600
}
