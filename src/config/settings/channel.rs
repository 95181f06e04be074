//! `[channels.NAME]`: ways by which messages come and go.

use serde::Deserialize;

use crate::context::Channel as Consents;
use crate::id::{ChannelId, QueueId, TrunkId};
use crate::messaging::Kind;
use crate::queue::Channel as Work;

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Texts to and from the phones of the branch (RFC 3428).
    Sip,
}

impl ChannelKind {
    /// How what comes by it counts in queues and reports.
    pub fn work(self) -> Work {
        match self {
            ChannelKind::Sip => Work::Message,
        }
    }

    /// What consents call it.
    pub fn consents(self) -> Consents {
        match self {
            ChannelKind::Sip => Consents::Message,
        }
    }

    /// What addresses it reaches, the best first.
    pub fn reaches(self) -> &'static [Kind] {
        match self {
            ChannelKind::Sip => &[Kind::Sip, Kind::Phone],
        }
    }
}

/// `[channels.NAME]`: a way by which messages come and go.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// What it is.
    pub kind: ChannelKind,
    /// Whose agents answer what comes by it. Nobody is asked when absent; it is kept all the same.
    #[serde(default)]
    pub queue: Option<QueueId>,
    /// Trunks over which it takes messages too. None by default: a carrier's address is easily forged.
    #[serde(default)]
    pub trunks: Vec<TrunkId>,
    /// Messages a second that go out at most; 0.01 to 1,000. As many as it takes when absent.
    #[serde(default)]
    pub rate: Option<f64>,
    /// Messages that are on their way to the other side at a time; 1 to 1,000, default 16.
    #[serde(default = "window")]
    pub window: u16,
    /// Another channel of the same person, for what does not arrive.
    #[serde(default)]
    pub fallback: Option<ChannelId>,
    /// Seconds after which what was not delivered counts as not arrived; 10 to 86,400. Only what failed when absent.
    #[serde(default)]
    pub fallback_after_s: Option<u32>,
}

fn window() -> u16 {
    16
}
