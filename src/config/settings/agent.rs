//! `[[agent]]`: who takes calls from queues.

use serde::Deserialize;

use crate::config::settings::Distribution;
use crate::id::{AgentId, ExtensionId, QueueId, SkillId};

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
    /// What of `[distribution]` is otherwise for this agent.
    #[serde(default)]
    pub distribution: Distribution,
    /// Whether the agent is signed in when the gateway starts for the first time. Default false.
    #[serde(default)]
    pub signed_in: bool,
}
