//! Work that nobody holds a line for, as the API tells of it and is told: tasks, and whatever is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::queueing::Chosen;
use crate::id::{
    AgentId, CallId, ChannelId, ContactId, ConversationId, ItemId, OfferId, QueueId, SkillId,
};
use crate::time::{UnixTime, rfc3339};

/// How far a piece of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WorkState {
    /// It waits.
    Waiting,
    /// It waits, and is on somebody's screen.
    Offered,
    /// An agent has it.
    InHand,
    /// It is over but for its after-work.
    WrapUp,
}

/// A piece of work that nobody holds a line for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkLine {
    /// Its id.
    pub item: ItemId,
    /// `task`, `message`, `mail` or `chat`.
    pub channel: String,
    /// In which queue.
    pub queue: QueueId,
    /// How far it is.
    pub state: WorkState,
    /// Who has it, or on whose screen it is.
    pub agents: Vec<AgentId>,
    /// Since when it waits, or waited.
    #[serde(with = "rfc3339")]
    pub since: UnixTime,
    /// By when it is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(nullable = false)]
    pub due: Option<UnixTime>,
    /// Whether that is past.
    pub overdue: bool,
    /// Its own priority.
    pub priority: i32,
    /// Its place in the queue, 1 being next, while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub position: Option<usize>,
    /// Why it still waits, or why it went to whom it went.
    pub why: String,
    /// About whom; for whoever may read records of people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact: Option<ContactId>,
    /// What is to be done, for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
    /// Who, or which rule, has made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from: Option<String>,
    /// The task of a journey that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub task: Option<String>,
    /// The conversation that it is; `text` is what was written last in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conversation: Option<ConversationId>,
    /// By which channel of the configuration somebody writes there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by_channel: Option<ChannelId>,
}

impl WorkLine {
    /// Without what is of people.
    pub fn for_strangers(mut self) -> WorkLine {
        (self.contact, self.text) = (None, None);
        self
    }
}

/// Something is on an agent's screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkOffer {
    /// What.
    pub work: WorkLine,
    /// On whose.
    pub agent: AgentId,
    /// The offer.
    pub offer: OfferId,
    /// Until when, in seconds from now.
    pub for_s: u64,
    /// Why it is offered to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<Box<Chosen>>,
}

/// Why somebody or something waits, said when it began to wait or waits once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StillWaits {
    /// What.
    pub item: ItemId,
    /// The call that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub call: Option<CallId>,
    /// In which queue.
    pub queue: QueueId,
    /// How it reaches an agent.
    pub channel: String,
    /// Its place, 1 being next.
    pub position: usize,
    /// Why.
    pub why: String,
}

/// A new task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// For the agents of this queue.
    #[schema(min_length = 1, max_length = 64)]
    pub queue: String,
    /// What is to be done.
    #[schema(min_length = 1, max_length = 2000)]
    pub text: String,
    /// About whom.
    #[serde(default)]
    pub contact: Option<ContactId>,
    /// 0 to 100; the queue's comes on top. 0 when absent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100)]
    pub priority: i32,
    /// Least levels of skills that it needs besides the queue's; 1 to 10.
    #[serde(default)]
    pub skills: BTreeMap<SkillId, u8>,
    /// By when it is to be done: half an hour before, nothing goes before it any more.
    #[serde(default, with = "rfc3339::option")]
    pub due: Option<UnixTime>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeTask {
    /// What it is called as work.
    pub item: ItemId,
}

/// Who takes, returns or finishes something.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForAgent {
    /// Which agent: who asks where that is one; whoever has it where it is returned or finished.
    #[schema(max_length = 64)]
    pub agent: Option<String>,
}

/// How a contact came out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CameOut {
    /// Which agent: who asks where that is one; whoever has it where it is finished.
    #[schema(max_length = 64)]
    pub agent: Option<String>,
    /// The site's code.
    #[schema(max_length = 64)]
    pub code: Option<String>,
    /// What the code requires, and more.
    pub fields: BTreeMap<String, String>,
}

/// The end of after-work.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EndOfWork {
    /// After-work of what; of the call when absent, or of the one thing that there is.
    pub item: Option<ItemId>,
    /// The site's code.
    #[schema(max_length = 64)]
    pub code: Option<String>,
    /// What the code requires, and more.
    pub fields: BTreeMap<String, String>,
}

/// What is done with a piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// An agent takes it, asked or not.
    Take,
    /// An agent does not want it, and others are asked.
    Decline,
    /// It goes back to its place in the queue.
    Return,
    /// It is over.
    Finish {
        /// How it came out, where that is known already: then there is no after-work.
        code: Option<String>,
        /// What the code requires, and more.
        fields: BTreeMap<String, String>,
    },
}
