//! What a look at the box shows: the box as a whole, its calls, queues, agents, trunks, mailboxes and phones as they are now.
//!
//! The shape alone, the same for the console, the API and the pages. Who may look stands in `access`, who fills it in
//! `gateway`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::api::bodies::Mode;
use crate::admin::api::feed::Tape;
use crate::call::consent::Consent;
use crate::id::{AgentId, CallId, ConferenceId, ExtensionId, QueueId, RecordingId, TrunkId};
use crate::time::{UnixTime, rfc3339};

/// How a part of the box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lamp {
    /// As it should be.
    Green,
    /// Works, but somebody should look.
    Amber,
    /// Does not work.
    Red,
}

/// One part of the box and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Part {
    /// Its name, such as `journal`.
    pub name: String,
    /// How it is.
    pub lamp: Lamp,
    /// In words; for a lamp that is not green, also what to do.
    pub words: String,
}

/// The whole box at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Name of the site.
    pub site: String,
    /// When the program started.
    #[serde(with = "rfc3339")]
    pub started: UnixTime,
    /// When this was written.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Whether it takes no new calls.
    pub draining: bool,
    /// Where SIP is spoken, such as `udp 0.0.0.0:5060`.
    pub listeners: Vec<String>,
    /// Calls up.
    pub calls: usize,
    /// Calls allowed at once.
    pub max_calls: usize,
    /// Callers waiting in queues.
    pub waiting: usize,
    /// Agents ready for work, and signed in.
    pub agents_ready: usize,
    /// Agents signed in.
    pub agents_signed_in: usize,
    /// Extensions with a phone.
    pub phones_registered: usize,
    /// Extensions that are configured.
    pub extensions: usize,
    /// RTP port pairs in use.
    pub ports_in_use: usize,
    /// RTP port pairs there are.
    pub ports: usize,
    /// How often the waits that were told to callers were right, of queues where that is known.
    #[serde(default)]
    pub estimates: Vec<Held>,
    /// Journal, store, media, trunks: how each is.
    pub parts: Vec<Part>,
    /// What was counted since the start: SIP requests refused, strangers' packets dropped and the like.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    pub counters: Vec<(String, u64)>,
}

/// A call that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActiveCall {
    /// The call.
    pub call: CallId,
    /// The caller's number.
    pub from: String,
    /// The dialled number.
    pub to: String,
    /// What the caller is doing.
    pub doing: String,
    /// With whom the caller talks.
    pub with: Option<String>,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub arrived: UnixTime,
    /// Parties that share no codec, and what is decoded and coded between them, such as `extension 201 opus <-> trunk
    /// carrier pcma`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coded: Vec<String>,
    /// Whether a payment pause runs: nothing is recorded, and the keys of the customer reach nobody.
    #[serde(default)]
    pub paying: bool,
    /// What whoever is outside said to being recorded; absent while nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub consent: Option<Consent>,
    /// How the recording of it is; nothing while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tape: Option<Tape>,
    /// How a supervisor listens in; nothing while nobody does, or where that is not for whoever asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub supervised: Option<Mode>,
    /// Who has put the other on hold, such as `extension 202`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<String>,
}

/// One line of the call list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CallLine {
    /// The call.
    pub call: CallId,
    /// When it reached us.
    #[serde(with = "rfc3339")]
    pub arrived: UnixTime,
    /// When we answered; an IVR counts.
    #[serde(with = "rfc3339::option")]
    pub answered: Option<UnixTime>,
    /// When a person first spoke with the caller.
    #[serde(with = "rfc3339::option")]
    pub connected: Option<UnixTime>,
    /// When it was over.
    #[serde(with = "rfc3339")]
    pub ended: UnixTime,
    /// `inbound`, `outbound` or `internal`.
    pub direction: String,
    /// Where it came from, such as `trunk carrier` or `extension 201`.
    pub origin: String,
    /// Who answered, in the same words; the last one if there were several.
    pub reached: Option<String>,
    /// The caller's number; `erased` after an erasure.
    pub from: String,
    /// The dialled number.
    pub to: String,
    /// The number that was called first, where a trusted carrier says that it passed the call on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverted_by: Option<String>,
    /// Seconds from arrival to the end.
    pub duration_s: f64,
    /// Seconds from arrival to the first person, or to the end if none was reached.
    pub wait_s: f64,
    /// Seconds of conversation.
    pub talk_s: f64,
    /// The queue.
    pub queue: Option<QueueId>,
    /// The agent who took it from the queue.
    pub agent: Option<AgentId>,
    /// The longest round trip of a leg, in milliseconds, where peers report.
    pub round_trip_ms: Option<f64>,
    /// Whether a party was sent sound and not heard for seconds.
    pub one_way: bool,
    /// The last conference that it was in.
    pub conference: Option<ConferenceId>,
    /// Why it ended, such as `no_answer`.
    pub cause: String,
    /// Whose doing that was.
    pub class: String,
    /// The worst leg's estimated listening quality, 1 to 4.5 (ITU-T G.107).
    pub mos: Option<f64>,
    /// The worst leg's packet loss in percent.
    pub loss_percent: Option<f64>,
    /// The worst leg's interarrival jitter in milliseconds (RFC 3550).
    pub jitter_ms: Option<f64>,
    /// Messages and tapes of it, sealed in the data folder; `branchline recording ID` opens one.
    pub recordings: Vec<RecordingId>,
    /// How the sound of each leg was encrypted, where that was asked for or agreed on, such as
    /// `extension 201 encrypted: SRTP AES_CM_128_HMAC_SHA1_80`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encryption: Vec<String>,
    /// What whoever was outside said to being recorded; absent where nobody was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub consent: Option<Consent>,
}

/// A queue and who waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Its name.
    pub queue: QueueId,
    /// Callers waiting, and whatever else somebody waits for.
    pub waiting: usize,
    /// Tasks waiting: nobody waits for those.
    #[serde(default)]
    pub tasks: usize,
    /// Seconds that the first of them has waited.
    pub longest_wait_s: u64,
    /// Agents ready for it.
    pub ready: usize,
    /// Callers connected to agents since the start.
    pub connected: u64,
    /// Callers who gave up since the start.
    pub abandoned: u64,
    /// Callers whose wait an admin, a colleague or the end of the box ended, since the start.
    #[serde(default)]
    pub taken_out: u64,
    /// Callers sent elsewhere since the start.
    pub overflowed: u64,
    /// Seconds that the next caller may expect to wait, from and to; absent while nobody is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub wait_s: Option<[u64; 2]>,
    /// Estimates of which it is known what became of them, of the last 40.
    #[serde(default)]
    pub estimates: usize,
    /// Of those, how many waits were within the range that was told.
    #[serde(default)]
    pub estimates_held: usize,
    /// The same in percent; absent until one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub estimates_held_percent: Option<u8>,
}

/// How often the waits that a queue told were right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// Which queue.
    pub queue: QueueId,
    /// Estimates of which it is known what became of them, of the last 40.
    pub estimates: usize,
    /// Of those, how many waits were within the range that was told.
    pub held: usize,
    /// The same in percent.
    pub percent: u8,
}

/// An agent and their state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agent {
    /// The agent.
    pub agent: AgentId,
    /// Their phone.
    pub extension: ExtensionId,
    /// Their state, such as `ready`.
    pub state: String,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: UnixTime,
}

/// A trunk and its lamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trunk {
    /// Its name.
    pub trunk: TrunkId,
    /// How it is.
    pub lamp: Lamp,
    /// In words.
    pub words: String,
    /// Calls up on it.
    pub calls: usize,
}

/// A way in which a contact may come out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DispositionLine {
    /// Its code, as the site has it.
    pub code: String,
    /// Fields that have to be filled in with it.
    pub requires: Vec<String>,
}

/// A mailbox and how many messages are in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mailbox {
    /// Whose it is.
    pub mailbox: ExtensionId,
    /// Messages that were not heard yet.
    pub new: u32,
    /// Messages that were heard and kept.
    pub old: u32,
}

/// An extension and its phones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Phone {
    /// The number.
    pub extension: ExtensionId,
    /// Whose it is.
    pub name: String,
    /// Where its phones are registered, such as `udp 192.0.2.7:5060 until 12:00`.
    pub bindings: Vec<String>,
    /// What is set there, such as `do not disturb` or `forwards every call`; and who is signed in or where.
    #[serde(default)]
    pub set: Vec<String>,
    /// Desk phones that are told to register with it.
    #[serde(default)]
    pub sheets: Vec<PhoneSheet>,
}

/// A desk phone whose configuration we have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhoneSheet {
    /// Its hardware address.
    pub mac: String,
    /// Who made it.
    pub make: String,
    /// Which it is.
    pub model: String,
    /// When it last fetched its configuration.
    #[serde(with = "rfc3339::option")]
    pub fetched: Option<UnixTime>,
    /// What tells its secret address.
    pub url_command: String,
}
