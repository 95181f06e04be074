//! One caller's walk through a flow that was checked beforehand: what is said, which keys are pressed, where it leads.
//!
//! Owns the flow language ([`flow`]), its checks ([`check`]), the [`walk`] itself, opening hours (`crate::hours`), and how
//! numbers and times are put into words ([`speak`], [`prompts`]), and the same flow in writing ([`text`]); beside it the [`mailbox`]es, whose callers leave and
//! hear messages. Knows clips by name only, never a sound; says where a caller
//! goes and leaves the going to the call.

pub mod check;
pub mod flow;
pub mod mailbox;
pub mod prompts;
pub mod speak;
pub mod text;
pub mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::address::Number;
use crate::id::{ExtensionId, GroupId, QueueId, SkillId};

pub use check::{Flows, Known, Problem};
pub use walk::Walk;

/// What the name of a clip begins with that stands for an article: its sound is played.
pub const ARTICLE: &str = "article:";

/// Digits of the code with which somebody goes on by telephone: a million codes, of which few are good at a time, and
/// guesses are bounded.
pub const CODE_DIGITS: usize = 6;

/// Names a piece of sound: a built-in one or a file of the site's own, without `.wav`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClipName(Arc<str>);

impl ClipName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ClipName {
    fn from(name: &str) -> Self {
        ClipName(name.into())
    }
}

impl fmt::Display for ClipName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a walk wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Play these, one after the other; answer with [`Walk::handle_played`].
    Play {
        /// What.
        clips: Vec<ClipName>,
        /// Whether a key press ends it.
        interruptible: bool,
    },
    /// Fall silent.
    StopPlaying,
    /// Record the caller; answer with [`Walk::handle_recorded`].
    Record {
        /// At most this long.
        max: Duration,
        /// End after this much silence.
        silence: Option<Duration>,
        /// Beep first.
        beep: bool,
    },
    /// Send the caller there; answer with [`Walk::handle_refused`] if that does not work out.
    Leave(Destination),
    /// A program outside may take the caller over from here; tell it. Its orders come as [`Walk::handle_order`] and what
    /// follows there.
    Waits {
        /// The node that waits.
        node: String,
    },
    /// The caller would be called back: say with [`Walk::handle_callable`] whether that may be. The number that calls, or one
    /// that was keyed in, which is personal data.
    Callable {
        /// The number as it was keyed in; nothing for the one that calls.
        keyed: Option<String>,
        /// Whether a keyed number may be in another country.
        abroad: bool,
        /// In which queue.
        queue: QueueId,
    },
    /// Promise it, say so and let the caller go; answer with [`Walk::handle_refused`] if that does not work out.
    CallBack {
        /// As in [`Output::Callable`].
        keyed: Option<String>,
        /// As in [`Output::Callable`].
        abroad: bool,
        /// Where the promise waits.
        place: Promised,
    },
    /// The caller keyed in the code of a conversation: say with [`Walk::handle_code`] whether it is good. Personal data.
    Code {
        /// The digits.
        digits: String,
    },
    /// The walk is over: let the caller go.
    HangUp,
    /// Send the caller his own sound.
    Echo,
    /// The walk has come to this node; for the record.
    Visited {
        /// Its name.
        node: String,
    },
    /// The caller keyed something in; for the record. Personal data.
    Collected {
        /// What it is called.
        name: String,
        /// The keys.
        digits: String,
    },
}

/// Where a caller is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To wait for an agent.
    Queue {
        /// Which queue.
        queue: QueueId,
        /// Least levels of skills that the caller needs.
        skills: BTreeMap<SkillId, u8>,
        /// Higher goes first; 0 to 1,000.
        priority: i32,
    },
    /// To a desk phone.
    Extension(ExtensionId),
    /// To the phones of a ring group.
    Group(GroupId),
    /// To leave a message for an extension.
    Voicemail(ExtensionId),
    /// To a number outside, by the dial plan.
    Number(Number),
}

/// Where a promise to call back waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promised {
    /// In which queue.
    pub queue: QueueId,
    /// Least levels of skills that the caller needs.
    pub skills: BTreeMap<SkillId, u8>,
    /// Higher goes first; 0 to 1,000.
    pub priority: i32,
}

/// Why a caller is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The phone is in use.
    Busy,
    /// Nobody answered, or waiting took too long.
    NoAnswer,
    /// It could not be reached at all.
    Failed,
}
