//! Who may use the box through its API, and what each of them did with it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::AgentId;
use crate::time::UnixTime;

/// What somebody is to the box; the API says of each route who may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes calls: sees queues and colleagues, and sets their own state.
    Agent,
    /// Leads agents: sees calls and recordings, and acts on calls and on agents' states.
    Supervisor,
    /// Runs the box: all of that, and users, tokens, trunks, caps.
    Admin,
    /// Looks and changes nothing: everything that a supervisor sees, and who did what.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 4] = [Role::Agent, Role::Supervisor, Role::Admin, Role::Auditor];

    /// Its name, as the configuration and the API have it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Supervisor => "supervisor",
            Role::Admin => "admin",
            Role::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Text that names no role or scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotKnown(&'static str);

impl fmt::Display for NotKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", self.0)
    }
}

impl std::error::Error for NotKnown {}

impl FromStr for Role {
    type Err = NotKnown;
    fn from_str(text: &str) -> Result<Role, NotKnown> {
        let known = Role::ALL.into_iter().find(|role| role.name() == text);
        known.ok_or(NotKnown("agent, supervisor, admin, auditor"))
    }
}

/// What a token may be used for; a person who signs in is bound by the role alone.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Looking at the box: status, queues, agents, trunks, phones, spending, live feed.
    Read,
    /// Looking at calls and whom they were with.
    Calls,
    /// Acting on calls: originate, transfer, hang up.
    Control,
    /// Setting agents' states.
    Agents,
    /// Listening to recordings.
    Recordings,
    /// Reading the records of people; the live feed tells with it who calls.
    People,
    /// Writing in them.
    Records,
    /// Telling of what happens at a site or a shop, and nothing else.
    Events,
    /// Users, tokens, caps.
    Admin,
    /// Reading who did what.
    Audit,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 10] = [
        Scope::Read,
        Scope::Calls,
        Scope::Control,
        Scope::Agents,
        Scope::Recordings,
        Scope::People,
        Scope::Records,
        Scope::Events,
        Scope::Admin,
        Scope::Audit,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Calls => "calls",
            Scope::Control => "control",
            Scope::Agents => "agents",
            Scope::Recordings => "recordings",
            Scope::People => "people",
            Scope::Records => "records",
            Scope::Events => "events",
            Scope::Admin => "admin",
            Scope::Audit => "audit",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = NotKnown;
    fn from_str(text: &str) -> Result<Scope, NotKnown> {
        let known = Scope::ALL.into_iter().find(|scope| scope.name() == text);
        known.ok_or(NotKnown(
            "read, calls, control, agents, recordings, people, records, events, admin, audit",
        ))
    }
}

/// Somebody who signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name to sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The agent that they are, where they take calls.
    #[serde(default)]
    pub agent: Option<AgentId>,
    /// Argon2id, as a PHC string; nothing for one who signs in elsewhere only.
    #[serde(default)]
    pub password: Option<String>,
    /// Whether they may not sign in.
    #[serde(default)]
    pub disabled: bool,
    /// Who they are at the provider where they sign in: its name, a space, and its own name for them. Nothing for one
    /// who was made here.
    #[serde(default)]
    pub subject: Option<String>,
}

/// A hash of a password is nobody's business.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User({}, {}, disabled: {})", self.name, self.role, self.disabled)
    }
}

/// What a program signs in with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its first characters, which are no secret: it is recognised by them.
    pub prefix: String,
    /// SHA-256 of the whole, in hexadecimal. A token is random: it needs no slow hash.
    pub hash: String,
    /// What it is for, in an admin's words.
    pub name: String,
    /// What it may do at most.
    pub role: Role,
    /// And of that, these.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub made: UnixTime,
    /// When it ends; never when nothing.
    #[serde(default)]
    pub expires: Option<UnixTime>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, {}, {:?})", self.prefix, self.role, self.scopes)
    }
}

/// A change of who may use the box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "account", rename_all = "snake_case")]
pub enum Account {
    /// A user is like this from now on.
    User(User),
    /// There is this token from now on.
    Token(Token),
    /// And this one no longer.
    TokenRevoked {
        /// Its first characters.
        prefix: String,
    },
}

/// Everybody who may use the box.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Accounts {
    /// By name.
    pub users: BTreeMap<String, User>,
    /// By first characters.
    pub tokens: BTreeMap<String, Token>,
}

impl Accounts {
    /// Takes up one change.
    pub fn apply(&mut self, change: &Account) {
        match change {
            Account::User(user) => {
                self.users.insert(user.name.clone(), user.clone());
            }
            Account::Token(token) => {
                self.tokens.insert(token.prefix.clone(), token.clone());
            }
            Account::TokenRevoked { prefix } => {
                self.tokens.remove(prefix);
            }
        }
    }
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", content = "name", rename_all = "snake_case")]
pub enum Who {
    /// Somebody who signed in.
    User(String),
    /// A program, by its token's first characters.
    Token(String),
    /// Whoever may open the control socket.
    Console,
    /// Somebody who has not proved who they are.
    Stranger,
    /// The provider where people sign in.
    Provider,
    /// The box by itself.
    Gateway,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::User(name) => write!(f, "user {name}"),
            Who::Token(prefix) => write!(f, "token {prefix}"),
            Who::Console => f.write_str("the console"),
            Who::Stranger => f.write_str("a stranger"),
            Who::Provider => f.write_str("the provider"),
            Who::Gateway => f.write_str("the box itself"),
        }
    }
}

/// Something that somebody did, or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who.
    pub who: Who,
    /// From where; nothing at the console.
    #[serde(default)]
    pub from: Option<IpAddr>,
    /// What, by the name that the API has for it.
    pub what: String,
    /// To what: an id or a configured name, never a number or a text.
    #[serde(default)]
    pub on: Option<String>,
    /// Whether it was done.
    pub done: bool,
    /// The number of the record that told it first, where that was on its way when the disk failed and nobody knows whether
    /// it is there: both tell of one act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_secrets_are_not_shown() {
        for role in Role::ALL {
            assert_eq!(role.name().parse::<Role>(), Ok(role));
        }
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse::<Scope>(), Ok(scope));
        }
        let user = User {
            name: "ann".to_owned(),
            role: Role::Agent,
            agent: None,
            password: Some("$argon2id$secret".to_owned()),
            disabled: false,
            subject: None,
        };
        let mut accounts = Accounts::default();
        accounts.apply(&Account::User(user));
        assert!(!format!("{accounts:?}").contains("secret"));
    }

    #[test]
    fn a_revoked_token_is_gone() {
        let token = Token {
            prefix: "bl_0123".to_owned(),
            hash: String::new(),
            name: "crm".to_owned(),
            role: Role::Supervisor,
            scopes: vec![Scope::Read],
            made: UnixTime(0),
            expires: None,
        };
        let mut accounts = Accounts::default();
        accounts.apply(&Account::Token(token));
        assert_eq!(accounts.tokens.len(), 1);
        accounts.apply(&Account::TokenRevoked { prefix: "bl_0123".to_owned() });
        assert_eq!(accounts, Accounts::default());
    }
}
