//! The ways in which work comes, as queues give it out, the configuration names it and reports count it.

use serde::{Deserialize, Serialize};

/// How an item of work reaches an agent.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Somebody is on the line.
    #[default]
    Voice,
    /// Somebody was promised a call, and waits for it without a line.
    Callback,
    /// Somebody writes and looks at the screen.
    Chat,
    /// A text message: answered today, not this minute.
    Message,
    /// A letter.
    Mail,
    /// Work that nobody waits for on a line: a form, a reminder.
    Task,
}

impl Channel {
    /// Every one.
    pub const ALL: [Channel; 6] = [
        Channel::Voice,
        Channel::Callback,
        Channel::Chat,
        Channel::Message,
        Channel::Mail,
        Channel::Task,
    ];

    /// Whether it takes the agent's phone.
    pub fn is_spoken(self) -> bool {
        matches!(self, Channel::Voice | Channel::Callback)
    }

    /// Whether somebody looks at a screen or holds a line until it is their turn: only they are told their place, sent on
    /// after the longest wait, and turned away where nobody works.
    pub fn is_live(self) -> bool {
        matches!(self, Channel::Voice | Channel::Chat)
    }

    /// Whether nobody waits for it at the other end for now: who is not answered did not abandon.
    pub fn is_async(self) -> bool {
        matches!(self, Channel::Message | Channel::Mail)
    }

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Voice => "voice",
            Channel::Callback => "callback",
            Channel::Chat => "chat",
            Channel::Message => "message",
            Channel::Mail => "mail",
            Channel::Task => "task",
        }
    }
}
