//! `[channels.NAME.chat]`: the chat on the site's pages.

use serde::Deserialize;

use crate::config::SecretRef;

/// `[channels.NAME.chat]`: whose pages have it, and how much of it there is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// Origins whose pages may have the chat, beside the box's own: `https://HOST` or `https://HOST:PORT`. At least one.
    pub origins: Vec<String>,
    /// What stands above the chat; 1 to 60 characters. The visitor's language says it when absent.
    #[serde(default)]
    pub title: Option<String>,
    /// What is said first, before anybody wrote; 1 to 500 characters. Nothing when absent.
    #[serde(default)]
    pub greeting: Option<String>,
    /// What a visitor is asked before they write. Default nothing.
    #[serde(default)]
    pub ask: Vec<Ask>,
    /// What the site's own server and this box know, and nobody else: with it the site says who a visitor is.
    #[serde(default)]
    pub identity: Option<SecretRef>,
    /// Pages that are connected at a time; 1 to 5,000, default 500.
    #[serde(default = "connections")]
    pub connections: u16,
    /// Of one address; 1 to 5,000, default 20. More where a relay stands before the box.
    #[serde(default = "per_address")]
    pub per_address: u16,
    /// Days for which a browser is known again; 1 to 365, default 30.
    #[serde(default = "remember_days")]
    pub remember_days: u16,
    /// Megabytes of the largest file that a visitor sends; 0 to 25, default 10. 0: none.
    #[serde(default = "file_mb")]
    pub file_mb: u16,
    /// Who may go on by voice, in the browser. Default nobody.
    #[serde(default)]
    pub calls: Calls,
    /// Visitors who do so at a time; 1 to 100, default 5.
    #[serde(default = "calls_at_once")]
    pub calls_at_once: u16,
    /// Visitors to whom the chat speaks first.
    #[serde(default)]
    pub invite: Vec<Invite>,
}

/// Who may go on by voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Calls {
    /// Nobody.
    #[default]
    Never,
    /// Whom the agent invites who has the conversation.
    Invited,
    /// Whoever has a conversation open.
    Always,
}

/// What a visitor is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
    /// Their name.
    Name,
    /// Their mail address.
    Mail,
}

/// `[[channels.NAME.chat.invite]]`: the chat speaks first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// On pages whose path this is; a `*` stands for anything.
    pub path: String,
    /// After a visitor has looked at it for so many seconds; 1 to 3,600, default 30.
    #[serde(default = "after_s")]
    pub after_s: u16,
    /// What it says; 1 to 300 characters.
    pub text: String,
    /// Hours for which the same visitor hears none again; 1 to 8,760, default 24.
    #[serde(default = "every_h")]
    pub every_h: u16,
}

impl Chat {
    /// What it needs that nobody else may know.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretRef)> {
        self.identity.iter().map(|secret| ("chat.identity", secret))
    }
}

fn connections() -> u16 {
    500
}

fn per_address() -> u16 {
    20
}

fn remember_days() -> u16 {
    30
}

fn file_mb() -> u16 {
    10
}

fn calls_at_once() -> u16 {
    5
}

fn after_s() -> u16 {
    30
}

fn every_h() -> u16 {
    24
}
