//! The settings of the sections that no other module owns, and all sections together.
//!
//! Ranges stand beside the fields here and are checked in `check.rs`; what a setting does is the business of who uses it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use super::secret::SecretRef;
use crate::address::Number;
use crate::call::country::Country;
use crate::call::plan::{Emergency, Features, Inbound, Internal, Outbound, Rules, Target};
use crate::id::{AgentId, ExtensionId, QueueId, SkillId, TrunkId};
use crate::queue::Strategy;

/// Everything in the configuration, checked: every reference in it leads somewhere.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `[site]`.
    pub site: Site,
    /// `[sip]`.
    pub sip: Sip,
    /// `[media]`.
    pub media: Media,
    /// `[[extension]]`.
    pub extensions: Vec<Extension>,
    /// `[[trunk]]`.
    pub trunks: Vec<Trunk>,
    /// `[[inbound]]`.
    pub inbound: Vec<Inbound>,
    /// `[[internal]]`.
    pub internal: Vec<Internal>,
    /// `[[outbound]]`.
    pub outbound: Vec<Outbound>,
    /// `[emergency]`.
    pub emergency: Emergency,
    /// `[[queue]]`.
    pub queues: Vec<Queue>,
    /// `[[agent]]`.
    pub agents: Vec<Agent>,
    /// `[features]`.
    pub features: Features,
    /// `[prompts]`.
    pub prompts: Prompts,
    /// `[admin]`.
    pub admin: Admin,
    /// `[limits]`.
    pub limits: Limits,
    /// `[log]`.
    pub log: Log,
}

impl Settings {
    /// The part that the dial plan is compiled from.
    pub fn dial_rules(&self) -> Rules {
        Rules {
            country: self.site.country,
            extensions: self.extensions.iter().map(|e| e.number.clone()).collect(),
            trunks: self.trunks.iter().map(|t| t.name.clone()).collect(),
            inbound: self.inbound.clone(),
            internal: self.internal.clone(),
            outbound: self.outbound.clone(),
            emergency: self.emergency.clone(),
            features: self.features.clone(),
        }
    }
}

/// `[site]`: which branch this is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Site {
    /// Shown in status and records. Default `Branch office`.
    pub name: String,
    /// IANA name of the time zone; opening hours use it. Default `UTC`.
    pub time_zone: String,
    /// ISO 3166-1 code: emergency numbers and what counts as international. Default `US`.
    pub country: Country,
    /// Where journal, store and recordings are kept. Default `/var/lib/branchline`.
    pub data_dir: PathBuf,
}

impl Default for Site {
    fn default() -> Self {
        Site {
            name: "Branch office".into(),
            time_zone: "UTC".into(),
            country: Country::default(),
            data_dir: "/var/lib/branchline".into(),
        }
    }
}

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
            realm: "branchline".into(),
            digests: vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
            certificate: None,
            private_key: None,
            authorities: None,
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

/// `[sip.timers]`: RFC 3261 section 17.1.1.1, and how long registrations last.
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
    /// Shortest registration in seconds; 30 to 3,600, default 60.
    pub register_min_s: u32,
    /// Registration for phones that ask for no span, in seconds; 60 to 86,400, default 3,600.
    pub register_default_s: u32,
    /// Longest registration in seconds; 60 to 86,400, default 7,200.
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

/// A voice codec that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 mu-law: North America and Japan.
    Pcmu,
    /// G.711 A-law: elsewhere.
    Pcma,
    /// G.722, relayed between phones that share it.
    G722,
    /// Opus, relayed between phones that share it.
    Opus,
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
    /// Media threads; 0 (one for each core) to 64, default 0.
    pub threads: u16,
    /// Codecs in the order they are offered; default pcmu, pcma.
    pub codecs: Vec<Codec>,
}

impl Default for Media {
    fn default() -> Self {
        let codecs = vec![Codec::Pcmu, Codec::Pcma];
        Media { address: None, port_min: 16_384, port_max: 32_767, threads: 0, codecs }
    }
}

/// `[[extension]]`: a desk phone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// What colleagues dial, and the user name the phone registers with; 2 to 8 digits.
    pub number: ExtensionId,
    /// Shown on the phones that it calls.
    #[serde(default)]
    pub name: String,
    /// Where the phone's password is kept.
    pub secret: SecretRef,
    /// Number shown on calls out over a trunk; the trunk's own when absent.
    #[serde(default)]
    pub caller_id: Option<Number>,
    /// Seconds to ring before a call counts as not answered; 5 to 180, default 25.
    #[serde(default = "ring_time")]
    pub ring_time: u16,
}

fn ring_time() -> u16 {
    25
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
    /// Number shown on calls out.
    #[serde(default)]
    pub caller_id: Option<Number>,
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

/// `[[queue]]`: where callers wait.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// What rules and flows call it.
    pub name: QueueId,
    /// Who is called first. Default `longest-idle`.
    #[serde(default)]
    pub strategy: Strategy,
    /// Agents in order; an agent may also name the queue.
    #[serde(default)]
    pub members: Vec<AgentId>,
    /// Seconds that an agent's phone rings; 5 to 120, default 20.
    #[serde(default = "queue_ring")]
    pub ring_time: u16,
    /// Seconds after a call before the next one; 0 to 3,600, default 10.
    #[serde(default = "wrap_up")]
    pub wrap_up: u16,
    /// Callers at a time; 1 to 1,000, default 50.
    #[serde(default = "max_waiting")]
    pub max_waiting: u16,
    /// Seconds before a caller goes to `overflow`; 10 to 86,400, default 1,800.
    #[serde(default = "max_wait")]
    pub max_wait: u32,
    /// Where callers go when it is full, took too long or nobody is signed in. When absent, callers of a full queue and
    /// those who waited too long hear so and are let go, and with nobody signed in they wait.
    #[serde(default)]
    pub overflow: Option<Target>,
    /// Where callers of a full queue go. Default: `overflow`.
    #[serde(default)]
    pub overflow_full: Option<Target>,
    /// Where callers go who waited `max_wait`. Default: `overflow`.
    #[serde(default)]
    pub overflow_wait: Option<Target>,
    /// Where callers go when nobody is signed in. Default: `overflow`.
    #[serde(default)]
    pub overflow_no_agent: Option<Target>,
    /// Least levels of skills that an agent needs for any caller of this queue; 1 to 10.
    #[serde(default)]
    pub skills: std::collections::BTreeMap<SkillId, u8>,
    /// Added to each caller's priority; 0 to 1,000, default 0.
    #[serde(default)]
    pub priority: u16,
    /// Points of priority that a caller gains in a minute; 0 to 100, default 5. At 0, callers with little priority may
    /// wait for ever.
    #[serde(default = "ageing")]
    pub ageing: u16,
    /// Whether an agent whose phone was not answered goes on pause. Default true.
    #[serde(default = "yes")]
    pub pause_on_miss: bool,
    /// Whether callers are told their place. Default true.
    #[serde(default = "yes")]
    pub announce_position: bool,
    /// Whether callers are told how long it will probably take. Default true.
    #[serde(default = "yes")]
    pub announce_wait: bool,
    /// Clip that callers hear. Default `hold-music`.
    #[serde(default = "music")]
    pub music: String,
    /// Seconds between announcements of position and wait; 0 (none) to 600, default 45.
    #[serde(default = "announce")]
    pub announce_every: u16,
}

fn ageing() -> u16 {
    5
}

fn yes() -> bool {
    true
}

fn queue_ring() -> u16 {
    20
}

fn wrap_up() -> u16 {
    10
}

fn max_waiting() -> u16 {
    50
}

fn max_wait() -> u32 {
    1_800
}

fn music() -> String {
    "hold-music".into()
}

fn announce() -> u16 {
    45
}

/// `[[agent]]`: a person who takes calls from queues.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// What queues call the person.
    pub id: AgentId,
    /// The person's name.
    #[serde(default)]
    pub name: String,
    /// The desk phone that rings.
    pub extension: ExtensionId,
    /// Skills with levels from 1 (some) to 10 (best).
    #[serde(default)]
    pub skills: std::collections::BTreeMap<SkillId, u8>,
    /// Queues to take calls from, besides those that list the agent.
    #[serde(default)]
    pub queues: Vec<QueueId>,
    /// Whether the agent is signed in when the gateway starts for the first time. Default false.
    #[serde(default)]
    pub signed_in: bool,
}

/// `[prompts]`: the site's own sound files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prompts {
    /// Folder of WAV files; each is a clip with the file's name. Built-in clips only when absent.
    pub dir: Option<PathBuf>,
}

/// `[admin]`: how the command line reaches the running gateway.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Unix socket. Default `/run/branchline/admin.sock`.
    pub socket: PathBuf,
}

impl Default for Admin {
    fn default() -> Self {
        Admin { socket: "/run/branchline/admin.sock".into() }
    }
}

/// `[limits]`: what the box takes on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls at a time, calls for help not counted; 1 to 10,000, default 500.
    pub calls: u16,
    /// Calls of one extension at a time; 1 to 100, default 4.
    pub calls_per_extension: u16,
    /// New calls in a second; 1 to 1,000, default 50.
    pub new_calls_per_second: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { calls: 500, calls_per_extension: 4, new_calls_per_second: 50 }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What needs somebody.
    Error,
    /// What may need somebody.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// Why it happened.
    Debug,
    /// Also numbers and text: personal data.
    Trace,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines: one object on one line.
    Json,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Default `info`. `trace` carries phone numbers and text.
    pub level: Level,
    /// Default `text`.
    pub format: Format,
}

/// `[flow.NAME]` with `file`: a flow in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowFile {
    /// Path, from the folder of `gateway.toml`.
    pub file: PathBuf,
}
