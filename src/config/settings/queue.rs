//! `[[queue]]`: where callers wait.

use serde::Deserialize;

use crate::call::plan::Target;
use crate::id::{AgentId, FlowId, QueueId, SkillId};
use crate::queue::{self, Strategy};
use crate::report::fact::Question;

/// `[[queue]]`: where callers wait.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// What rules and flows call it.
    pub name: QueueId,
    /// Who is called first. Default `longest-idle`.
    #[serde(default)]
    pub strategy: Strategy,
    /// Agents who may listen in to its agents by a feature code of their phones; each needs a user with the role
    /// supervisor or admin as well. Default: whoever has such a user.
    #[serde(default)]
    pub supervisors: Vec<AgentId>,
    /// Agents in order; an agent may also name the queue.
    #[serde(default)]
    pub members: Vec<AgentId>,
    /// Seconds that an agent's phone rings; 5 to 120, default 20.
    #[serde(default = "queue_ring")]
    pub ring_time: u16,
    /// Seconds after a call before the next one; 0 to 3,600, default 10.
    #[serde(default = "wrap_up")]
    pub wrap_up: u16,
    /// The same for a channel that has its own: `{ callback = 5, chat = 30 }`. A task has none unless it is named here.
    #[serde(default)]
    pub wrap_up_of: std::collections::BTreeMap<queue::Channel, u16>,
    /// Seconds for which a message, a mail or a task is offered to one agent before the next is asked; 10 to 3,600,
    /// default 120.
    #[serde(default = "offer_time")]
    pub offer_time: u16,
    /// Whether after-work can be ended without saying how the contact came out. Default `optional`.
    #[serde(default)]
    pub disposition: Wanted,
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
    /// Whether its callers' conversations are recorded: `never` or `always`. Default `never`.
    #[serde(default)]
    pub record: super::Recording,
    /// What callers hear before they are, and how they refuse. Default: the notice of their trunk, or the site's.
    #[serde(default)]
    pub record_notice: Option<super::RecordNotice>,
    /// Clip that callers hear. Default `hold-music`.
    #[serde(default = "music")]
    pub music: String,
    /// Whether callers who wait may choose to be called back. Default: no.
    #[serde(default)]
    pub callback: Option<CallbackOffer>,
    /// Skills of whoever is asked first; 1 to 10. Default none.
    #[serde(default)]
    pub prefers: std::collections::BTreeMap<SkillId, u8>,
    /// Seconds for which only they are asked; 0 to 3,600, default 0: whoever is free, they first.
    #[serde(default)]
    pub prefers_for: u32,
    /// Steps by which waiting makes less skill enough: `{ after = 60, skill = "french", level = 3 }`; at level 0 the skill
    /// is not asked for any more. At most 20. Default none.
    #[serde(default)]
    pub relax: Vec<queue::Relax>,
    /// Hours within which who calls again is led to the agent of the last time; 0 to 720, default 0: not at all.
    #[serde(default)]
    pub last_agent_hours: u16,
    /// Seconds for which that agent is waited for; 0 to 3,600, default 0: only when free.
    #[serde(default)]
    pub last_agent_for: u32,
    /// Seconds within which an answer is in target; 1 to 3,600, default 20.
    #[serde(default = "service_level")]
    pub service_level: u32,
    /// The calendar whose opening hours count for the service level and for calling back. Default: every hour counts.
    #[serde(default)]
    pub calendar: Option<String>,
    /// Asking callers how it was, once the agent has hung up. Default: nobody is asked.
    #[serde(default)]
    pub survey: Option<Survey>,
    /// Seconds between announcements of position and wait; 0 (none) to 600, default 45.
    #[serde(default = "announce")]
    pub announce_every: u16,
}

/// Whether something has to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// It may be.
    #[default]
    Optional,
    /// It has to be: after-work does not end without it before its time is over.
    Required,
}

impl Queue {
    /// Seconds of after-work of a contact. A task is done when it is done, unless the queue has a time for it.
    pub fn wrap_up_after(&self, channel: queue::Channel) -> u16 {
        let task = channel == queue::Channel::Task;
        let own = self.wrap_up_of.get(&channel).copied();
        own.unwrap_or(if task { 0 } else { self.wrap_up })
    }
}

/// What the flow of a survey calls the answer.
pub const SCORE: &str = "score";

/// Asking callers from outside how it was.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// The flow that asks: what its `collect` node with the variable `score` is given is the answer.
    pub flow: FlowId,
    /// What it asks: `csat` (1 to 5), `nps` (0 to 10) or `ces` (1 to 7). Default `csat`.
    #[serde(default = "csat")]
    pub question: Question,
    /// The node of the flow before the queue by which callers agree to be asked: nobody else is. Default: all are asked, and
    /// the flow itself asks first whether they want to be.
    #[serde(default)]
    pub consent: Option<String>,
    /// Days for which somebody who was asked is not asked again; 0 (always) to 365, default 30.
    #[serde(default = "every_days")]
    pub every_days: u16,
}

fn csat() -> Question {
    Question::Csat
}

fn every_days() -> u16 {
    30
}

/// Being called back instead of holding the line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallbackOffer {
    /// The key that asks for it, and confirms the number: a digit, `*` or `#`. Default `1`.
    pub key: char,
    /// What an agent dials before a number outside, where the dial plan wants that. Default nothing.
    pub dial: String,
    /// Attempts in all; 1 to 10, default 3.
    pub tries: u8,
    /// Seconds between them; 60 to 86,400, default 600.
    pub every: u32,
}

impl Default for CallbackOffer {
    fn default() -> Self {
        let queue::Callback { tries, every } = queue::Callback::default();
        CallbackOffer { key: '1', dial: String::new(), tries, every }
    }
}

fn service_level() -> u32 {
    20
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

fn offer_time() -> u16 {
    120
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
