//! Who carries messages: the seam between what rules want sent and whatever can send it.
//!
//! A message that is to go out is a [`Change::Due`](super::Change::Due) record with its carrier. A receiver of webhooks
//! reads it there and has it as long as the journal does; whatever sends by itself is told once the record is on the disk.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Channel, Outcome};
use crate::id::{ChannelId, HookId};

/// What the name of a receiver stands behind.
const WEBHOOK: &str = "webhook:";
/// What the name of a channel stands behind.
const CHANNEL: &str = "channel:";
const PHONE: &str = "phone";

/// Who carries messages of a channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carrier {
    /// A program of the site's own, which is told by webhook: under the same id however often, so that it sends once.
    Webhook(HookId),
    /// A channel of the box's own: the ledger of messages has it from there on, and sends it once.
    Channel(ChannelId),
    /// The registered phone whose number is the person's (RFC 3428).
    Phone,
}

/// Who carries messages, by channel.
pub type Carriers = BTreeMap<Channel, Carrier>;

impl Carrier {
    /// What is known of a message that was handed over before a crash, and of no answer.
    pub fn after_crash(&self) -> Outcome {
        match self {
            // Whoever is told by webhook is told until they have said that they know.
            Carrier::Webhook(_) => Outcome::Done,
            // What the ledger has is in the journal before this is.
            Carrier::Channel(_) => Outcome::Done,
            Carrier::Phone => Outcome::Unknown,
        }
    }
}

/// Text that names no carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotACarrier;

impl fmt::Display for NotACarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`webhook:NAME`, `channel:NAME` or `phone`")
    }
}

impl FromStr for Carrier {
    type Err = NotACarrier;

    fn from_str(text: &str) -> Result<Carrier, NotACarrier> {
        match text.strip_prefix(WEBHOOK) {
            Some(name) if !name.is_empty() => Ok(Carrier::Webhook(HookId::from(name))),
            _ if text == PHONE => Ok(Carrier::Phone),
            _ => match text.strip_prefix(CHANNEL) {
                Some(name) if !name.is_empty() => Ok(Carrier::Channel(ChannelId::from(name))),
                _ => Err(NotACarrier),
            },
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Carrier::Webhook(name) => write!(f, "{WEBHOOK}{name}"),
            Carrier::Channel(name) => write!(f, "{CHANNEL}{name}"),
            Carrier::Phone => f.write_str(PHONE),
        }
    }
}

impl Serialize for Carrier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Carrier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carrier_is_read_as_it_is_written() {
        for text in ["webhook:sender", "channel:sms", "phone"] {
            assert_eq!(text.parse::<Carrier>().unwrap().to_string(), text);
        }
        for wrong in ["", "webhook:", "channel:", "fax", "phones"] {
            assert_eq!(wrong.parse::<Carrier>(), Err(NotACarrier), "{wrong}");
        }
    }
}
