//! What requests carry and answers are, besides the snapshots that the command line prints too.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::api::table::Operation;
use crate::admin::{ActiveCall, CallLine, Ladder};
use crate::call::budget::Subject;
use crate::id::{AgentId, CallId, ExtensionId, RecordingId};
use crate::journal::act::{Role, Scope, Token, User, Who};
use crate::time::{UnixTime, rfc3339};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Give this as `after` to have the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
}

/// What is to be sent again to a program elsewhere: since a time, or what an id names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// What happened at this time or later.
    #[serde(default, with = "rfc3339::option")]
    pub since: Option<UnixTime>,
    /// And before this one; until now when absent.
    #[serde(default, with = "rfc3339::option")]
    pub until: Option<UnixTime>,
    /// The `webhook-id` of a message, or the `id` of an event.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub id: Option<String>,
}

/// Whether something is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pausing {
    /// Nothing is sent, or it goes on.
    pub paused: bool,
}

/// Where or how one who waits is to wait: one of both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveWaiting {
    /// In this queue.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub queue: Option<String>,
    /// In this way: `callback`.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub channel: Option<String>,
}

/// How much one who waits matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Priority {
    /// 0 to 100; the queue's comes on top.
    #[schema(minimum = 0, maximum = 100)]
    pub priority: i32,
}

/// Signing in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The user's name.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// The password.
    #[schema(format = Password, max_length = 256)]
    pub password: String,
}

/// A password is nobody's business.
impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignIn({})", self.name)
    }
}

/// What a provider sends when somebody has signed out there.
#[derive(Clone, ToSchema)]
pub struct LogoutToken {
    /// Says so, signed by the provider.
    #[schema(min_length = 1, max_length = 65536, pattern = r"^[0-9A-Za-z_.-]+$")]
    pub logout_token: String,
}

/// Until it was shown once it is worth something.
impl std::fmt::Debug for LogoutToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LogoutToken")
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct EndedThere {
    /// Users whose sessions ended.
    pub users: usize,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// Who.
    pub who: Who,
    /// What they may do.
    pub role: Role,
    /// What a token is bound to; absent for a person, who is bound by the role alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scopes: Option<Vec<Scope>>,
    /// The agent that a person is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent: Option<AgentId>,
    /// What a request of this session that changes something carries in the header `X-CSRF-Token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub csrf: Option<String>,
    /// Seconds without a request after which the session is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub idle_s: Option<u64>,
    /// Where somebody who signed in at the provider ends the session there too, once this one is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub leave: Option<String>,
}

impl std::fmt::Debug for Me {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Me({}, {})", self.who, self.role)
    }
}

/// A session of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionLine {
    /// Its name, which is no secret.
    pub session: String,
    /// Whose.
    pub user: String,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: UnixTime,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserLine {
    /// The name to sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The agent that they are.
    pub agent: Option<AgentId>,
    /// Whether they may not sign in.
    pub disabled: bool,
    /// Whether there is a password: without one they sign in at the provider alone.
    pub has_password: bool,
}

impl From<&User> for UserLine {
    fn from(user: &User) -> UserLine {
        UserLine {
            name: user.name.clone(),
            role: user.role,
            agent: user.agent.clone(),
            disabled: user.disabled,
            has_password: user.password.is_some(),
        }
    }
}

/// A user to be made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name to sign in with: lower-case letters, digits, dots and dashes.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$")]
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The first password.
    #[schema(format = Password, min_length = 10, max_length = 256)]
    pub password: String,
    /// The agent that they are.
    #[serde(default)]
    pub agent: Option<AgentId>,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewUser({}, {})", self.name, self.role)
    }
}

/// What is to be different about a user; what is absent stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// What they may do.
    #[serde(default)]
    pub role: Option<Role>,
    /// A new password; every session of theirs ends.
    #[serde(default)]
    #[schema(format = Password, min_length = 10, max_length = 256)]
    pub password: Option<String>,
    /// The agent that they are.
    #[serde(default)]
    pub agent: Option<AgentId>,
    /// Whether they may not sign in.
    #[serde(default)]
    pub disabled: Option<bool>,
}

impl std::fmt::Debug for UserChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UserChange({:?}, disabled: {:?})", self.role, self.disabled)
    }
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenLine {
    /// Its first characters, by which it is recognised.
    pub prefix: String,
    /// What it is for.
    pub name: String,
    /// What it may do at most.
    pub role: Role,
    /// And of that, these.
    pub scopes: Vec<Scope>,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub made: UnixTime,
    /// When it ends.
    #[serde(with = "rfc3339::option")]
    pub expires: Option<UnixTime>,
}

impl From<&Token> for TokenLine {
    fn from(token: &Token) -> TokenLine {
        TokenLine {
            prefix: token.prefix.clone(),
            name: token.name.clone(),
            role: token.role,
            scopes: token.scopes.clone(),
            made: token.made,
            expires: token.expires,
        }
    }
}

/// A token to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What it may do at most.
    pub role: Role,
    /// And of that, these.
    #[schema(min_items = 1, max_items = 10)]
    pub scopes: Vec<Scope>,
    /// After so many days it ends; never when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3650)]
    pub days: Option<u16>,
}

/// A token that was just made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    /// The token itself: shown this once, and kept nowhere.
    pub token: String,
    /// What is shown of it from now on.
    pub about: TokenLine,
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MadeToken({})", self.about.prefix)
    }
}

/// How an agent is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PresenceChange {
    /// The new state.
    pub state: Wanted,
    /// Why they pause, such as `lunch`.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub reason: Option<String>,
}

/// States that an agent can be put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Signed in and free for work.
    Ready,
    /// Signed in, and not to be offered anything.
    Paused,
    /// Not signed in.
    SignedOut,
}

/// Lifting caps on spending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lifting {
    /// Whose: `site`, `extension:NUMBER` or `trunk:NAME`; everybody's when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub of: Option<Subject>,
    /// For so many hours; 0 puts them back in force.
    #[schema(maximum = 168)]
    pub hours: u16,
}

/// A call to be made: a phone rings first, and whoever answers there is sent on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCall {
    /// The phone that rings first, and pays.
    pub from: ExtensionId,
    /// What it would dial.
    #[schema(min_length = 1, max_length = 64)]
    pub to: String,
}

/// A call that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BegunCall {
    /// Which.
    pub call: CallId,
}

/// Sending the other party on, in one of two ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// To this number, without asking there first. A caller who waits for a program's orders may also be sent to
    /// `queue:NAME`, `group:NAME` and `voicemail:NUMBER`.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    pub to: Option<String>,
    /// To whom the same phone talks with in this call.
    #[serde(default)]
    pub with: Option<CallId>,
}

/// A party of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Who called; of a call that was begun here, the phone that rang first.
    Caller,
    /// The other one.
    #[default]
    Other,
    /// Both.
    Both,
}

/// Something to be played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Play {
    /// A prompt of the box, such as `goodbye`.
    #[schema(min_length = 1, max_length = 64)]
    pub prompt: String,
    /// Who hears it; the two hear each other again at its end, which the feed tells.
    #[serde(default)]
    pub party: Party,
}

/// Keys that are wanted of a party; the feed tells what was pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// Of whom: one of the two.
    #[serde(default)]
    pub party: Party,
    /// How many at most; a `#` ends it before.
    #[schema(minimum = 1, maximum = 32)]
    pub keys: u8,
    /// How long all of them may take.
    #[schema(minimum = 1, maximum = 120)]
    pub seconds: u16,
    /// A prompt that asks for them.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    pub prompt: Option<String>,
}

/// One call: what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OneCall {
    /// While it is up, and until its record is kept.
    pub live: Option<ActiveCall>,
    /// Once it is over.
    pub record: Option<CallLine>,
    /// Its messages, while they are remembered: what `branchline calls show --json` prints.
    #[schema(value_type = Option<serde_json::Value>)]
    pub ladder: Option<Ladder>,
}

/// A message that a caller left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordingLine {
    /// Which.
    pub recording: RecordingId,
    /// Whose mailbox it is in.
    pub mailbox: ExtensionId,
    /// In which call it was left.
    pub call: CallId,
    /// The caller's number; `erased` after an erasure.
    pub from: String,
    /// When.
    #[serde(with = "rfc3339")]
    pub taken: UnixTime,
    /// How long it is, in milliseconds.
    pub length_ms: u64,
    /// Whether it was heard.
    pub heard: bool,
}

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActLine {
    /// The journal's number of it.
    pub number: u64,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Who.
    pub who: Who,
    /// From where.
    #[schema(value_type = Option<String>)]
    pub from: Option<std::net::IpAddr>,
    /// What, by the name that this document has for the operation.
    pub what: String,
    /// To what.
    pub on: Option<String>,
    /// Whether it was done.
    pub done: bool,
}

/// Where a dialled number would go, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DryRun {
    /// In words.
    pub leads_to: String,
    /// Step by step.
    pub why: Vec<String>,
}

/// How a supervisor who listens in takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Heard by nobody.
    Monitor,
    /// Heard by the phone of the branch alone.
    Whisper,
    /// Heard by both.
    Barge,
}

impl Mode {
    /// What begins it, and what the journal calls it.
    pub fn operation(self) -> Operation {
        match self {
            Mode::Monitor => Operation::Monitor,
            Mode::Whisper => Operation::Whisper,
            Mode::Barge => Operation::Barge,
        }
    }
}

/// What listening in takes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenIn {
    /// The extension whose phone rings; not needed to take another part while it runs.
    #[serde(default)]
    #[schema(nullable = false)]
    pub phone: Option<String>,
}
