//! What an admin says about one queue.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::id::{AgentId, ExtensionId, FlowId, GroupId, QueueId, ScheduleId, SkillId};
use crate::queue::Channel;
use crate::queue::waiting::Waiting;

/// How the agent for an item is chosen among those who are ready and able.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Everybody rings, and so does who becomes ready meanwhile and has nothing better; the first to answer has the call.
    RingAll,
    /// Whoever has been without a contact for longest.
    #[default]
    LongestIdle,
    /// The next in the list after the one who was offered last.
    RoundRobin,
    /// The first in the list who is ready.
    FixedOrder,
}

/// Where an item goes that the queue does not keep.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Nowhere: the call ends.
    #[default]
    HangUp,
    /// An IVR flow.
    Flow(FlowId),
    /// Another queue.
    Queue(QueueId),
    /// A phone in the branch.
    Extension(ExtensionId),
    /// To leave a message for this extension.
    Voicemail(ExtensionId),
    /// The phones of a ring group.
    Group(GroupId),
    /// Wherever a schedule leads at that moment.
    Schedule(ScheduleId),
    /// A number outside.
    Number(String),
}

/// One agent's place in a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Who.
    pub agent: AgentId,
    /// Lower is asked first by fixed order and round robin; equal ones in the order of the list. Default 0.
    #[serde(default)]
    pub order: u32,
}

/// What waiting callers are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Announce {
    /// Say the position. Default true.
    pub position: bool,
    /// Say the expected wait. Default true.
    pub wait: bool,
    /// Seconds between announcements; 0 for none. Default 30.
    pub every: u32,
}

impl Default for Announce {
    fn default() -> Self {
        Announce { position: true, wait: true, every: 30 }
    }
}

/// Where items go that cannot stay.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OverflowTargets {
    /// The queue holds `max_waiting` already. Default: hang up.
    pub on_full: Target,
    /// The item waited `max_wait`. Default: hang up.
    pub on_wait: Target,
    /// No member is signed in. Default: absent, which means wait for one.
    pub on_no_agent: Option<Target>,
}

/// One step by which a queue asks for less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relax {
    /// Seconds of waiting.
    pub after: u32,
    /// Which skill.
    pub skill: SkillId,
    /// This level is enough from then on; 0: the skill is not asked for any more.
    pub level: u8,
}

/// Skills that whoever has them is asked for first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Prefers {
    /// Least levels.
    pub skills: BTreeMap<SkillId, u8>,
    /// Seconds for which only they are asked. Default 0: whoever is free, they first.
    pub wait: u32,
}

/// How often, and how far apart, somebody is called back who does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Callback {
    /// Attempts in all. Default 3.
    pub tries: u8,
    /// Seconds between them. Default 600: who was on the phone is done by then.
    pub every: u32,
}

impl Default for Callback {
    fn default() -> Self {
        Callback { tries: 3, every: 600 }
    }
}

/// One queue. The name must be given; [`Settings::default`] has an empty one, to be replaced, which no file can say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The queue's name. Required, and not blank.
    #[serde(deserialize_with = "not_blank")]
    pub name: QueueId,
    /// How an agent is chosen. Default longest-idle.
    #[serde(default)]
    pub strategy: Strategy,
    /// Who works here.
    #[serde(default)]
    pub members: Vec<Member>,
    /// Least level in each skill that every item of this queue needs, besides its own.
    #[serde(default)]
    pub skills: BTreeMap<SkillId, u8>,
    /// Seconds a phone rings before the offer is missed. Default 20; 0 counts as 1.
    #[serde(default = "ring_time")]
    pub ring_time: u32,
    /// Seconds for which something that nobody holds a line or looks at a screen for is offered to one agent before the
    /// next is asked. Default 120: who writes a letter finishes the sentence first. 0 counts as 1.
    #[serde(default = "offer_time")]
    pub offer_time: u32,
    /// Seconds of after-work for contacts of this queue, for the gateway to hand to the agent. Default: the agent's.
    #[serde(default)]
    pub wrap_up: Option<u32>,
    /// The clip that waiting callers hear. Default `music`.
    #[serde(default = "music")]
    pub music: String,
    /// What waiting callers are told.
    #[serde(default)]
    pub announce: Announce,
    /// Items that may wait at once. Default 50: more than a branch can answer within the longest wait.
    #[serde(default = "max_waiting")]
    pub max_waiting: usize,
    /// Seconds of waiting until an item overflows; time with an agent does not count. 0 for never. Default 1800.
    #[serde(default = "max_wait")]
    pub max_wait: u32,
    /// Where items go that cannot stay.
    #[serde(default)]
    pub overflow: OverflowTargets,
    /// Added to each item's own priority. Default 0.
    #[serde(default)]
    pub priority: i32,
    /// Points of priority gained per minute of waiting. Default 5; at 0 a steady stream of better items starves others.
    #[serde(default = "ageing")]
    pub ageing: u32,
    /// Seconds within which an answer counts as in target. Default 20.
    #[serde(default = "service_level")]
    pub service_level: u32,
    /// Whether an unanswered offer puts the agent on pause. Default true; if not, others are asked first for a while.
    #[serde(default = "miss_pauses")]
    pub miss_pauses: bool,
    /// Seconds one contact is taken to last before any was measured. Default 180.
    #[serde(default = "handle_time")]
    pub handle_time: u32,
    /// Steps by which waiting makes less skill enough. Default none.
    #[serde(default)]
    pub relax: Vec<Relax>,
    /// Who is asked first. Default nobody.
    #[serde(default)]
    pub prefers: Prefers,
    /// Seconds for which whoever had the person last is waited for, when they are at work. Default 0: only when free.
    #[serde(default)]
    pub last_agent_for: u32,
    /// Hours within which who comes again is led to the agent of the last time. Default 0: not at all.
    #[serde(default)]
    pub last_agent_hours: u16,
    /// How calls back are tried.
    #[serde(default)]
    pub callback: Callback,
}

impl Settings {
    /// Spans of waiting at which something changes for an item, in their order.
    pub(super) fn steps(&self) -> Vec<Duration> {
        let relaxed = self.relax.iter().map(|step| step.after);
        let prefers = (!self.prefers.skills.is_empty()).then_some(self.prefers.wait);
        let all = relaxed.chain(prefers).chain([self.last_agent_for]).filter(|after| *after > 0);
        let steps: std::collections::BTreeSet<_> = all.collect();
        steps.into_iter().map(|after| Duration::from_secs(after.into())).collect()
    }

    /// The level of a skill that is enough once an item has waited so long.
    pub(super) fn relaxed(&self, skill: &SkillId, level: u8, waited: Duration) -> u8 {
        let past = |step: &&Relax| Duration::from_secs(step.after.into()) <= waited;
        let steps = self.relax.iter().filter(|step| step.skill == *skill).filter(past);
        steps.map(|step| step.level).fold(level, u8::min)
    }

    /// How long something of a channel is offered to one agent.
    pub(super) fn offered_for(&self, channel: Channel) -> Duration {
        let rings = channel.is_live() || channel.is_spoken();
        let seconds = if rings { self.ring_time } else { self.offer_time };
        Duration::from_secs(seconds.max(1).into())
    }

    /// When an item of a channel is told its place, and when it goes elsewhere.
    pub(super) fn set_times(&self, now: Instant, waiting: &mut Waiting) {
        let live = waiting.item.channel.is_live();
        let due =
            |seconds: u32| (live && seconds > 0).then(|| now + Duration::from_secs(seconds.into()));
        waiting.announce_at = due(self.announce.every);
        waiting.overflow_at = due(self.max_wait);
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            name: QueueId::from(""),
            strategy: Strategy::default(),
            members: Vec::new(),
            skills: BTreeMap::new(),
            ring_time: 20,
            offer_time: 120,
            wrap_up: None,
            music: "music".to_owned(),
            announce: Announce::default(),
            max_waiting: 50,
            max_wait: 1800,
            overflow: OverflowTargets::default(),
            priority: 0,
            ageing: 5,
            service_level: 20,
            miss_pauses: true,
            handle_time: 180,
            relax: Vec::new(),
            prefers: Prefers::default(),
            last_agent_for: 0,
            last_agent_hours: 0,
            callback: Callback::default(),
        }
    }
}

fn not_blank<'de, D: Deserializer<'de>>(from: D) -> Result<QueueId, D::Error> {
    let name = QueueId::deserialize(from)?;
    if name.as_str().trim().is_empty() {
        return Err(D::Error::custom("a queue needs a name"));
    }
    Ok(name)
}

fn ring_time() -> u32 {
    Settings::default().ring_time
}

fn offer_time() -> u32 {
    Settings::default().offer_time
}

fn music() -> String {
    Settings::default().music
}

fn max_waiting() -> usize {
    Settings::default().max_waiting
}

fn max_wait() -> u32 {
    Settings::default().max_wait
}

fn ageing() -> u32 {
    Settings::default().ageing
}

fn service_level() -> u32 {
    Settings::default().service_level
}

fn miss_pauses() -> bool {
    Settings::default().miss_pauses
}

fn handle_time() -> u32 {
    Settings::default().handle_time
}
