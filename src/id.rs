//! Names for things: one newtype for each kind of id, so that a leg is never passed for a call.
//!
//! Two families. *Minted* ids ([`CallId`], [`LegId`], …) are 64 random bits drawn from the random source that the
//! driver hands in, printed as 13 characters of Crockford base 32; they are what logs carry. *Configured* ids
//! ([`ExtensionId`], [`TrunkId`], …) are the short names an admin gave in `gateway.toml`.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The digits of Crockford base 32: no I, L, O or U, so an id can be read out on the phone.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters that 64 bits take in base 32.
const MINTED_CHARS: usize = 13;

/// What a minted id looks like, for whoever reads the API's document.
const MINTED_PATTERN: &str = "^[0-9A-HJKMNP-TV-Z]{13}$";

/// Text that is not a minted id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id is 13 characters of 0-9 and A-Z without I, L, O, U")
    }
}

impl std::error::Error for NotAnId {}

fn print_base32(value: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0u8; MINTED_CHARS];
    let mut rest = value;
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn parse_base32(text: &str) -> Result<u64, NotAnId> {
    if text.len() != MINTED_CHARS {
        return Err(NotAnId);
    }
    text.bytes().try_fold(0u64, |value, byte| {
        let digit = ALPHABET.iter().position(|c| *c == byte.to_ascii_uppercase()).ok_or(NotAnId)?;
        if value >> 59 != 0 {
            return Err(NotAnId);
        }
        Ok((value << 5) | digit as u64)
    })
}

macro_rules! minted_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                print_base32(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse_base32(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let mut text = Object::with_type(Type::String);
                text.pattern = Some(MINTED_PATTERN.to_owned());
                RefOr::T(Schema::Object(text))
            }
        }

        impl ToSchema for $name {}
    };
}

macro_rules! configured_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as it stands in the configuration.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::Object(Object::with_type(Type::String)))
            }
        }

        impl ToSchema for $name {}
    };
}

minted_id!(
    /// One call: from the first INVITE to the last BYE, however many legs it had.
    CallId
);
minted_id!(
    /// One leg of a call: one party's signalling dialog and its media.
    LegId
);
minted_id!(
    /// One thing waiting in a queue.
    ItemId
);
minted_id!(
    /// One piece of work as reports count it: a call, a chat, a mail. A call's is the call's own id.
    WorkId
);
minted_id!(
    /// One journey: one rule begun by one event. Made from the two, so that the same event begins nothing twice.
    JourneyId
);
minted_id!(
    /// One offer of a waiting item to one agent.
    OfferId
);
minted_id!(
    /// One recording on the disk.
    RecordingId
);
minted_id!(
    /// One room where several legs hear each other.
    RoomId
);
minted_id!(
    /// One contact: what is known of a person under one name; several may turn out to be one person.
    ContactId
);
minted_id!(
    /// One case: what a person wants, over as many interactions as it takes.
    CaseId
);
minted_id!(
    /// One merge of two contacts, to take it back by.
    MergeId
);
minted_id!(
    /// One fact pinned to a contact.
    PinId
);
minted_id!(
    /// One legal hold.
    HoldId
);
minted_id!(
    /// One written message, in or out.
    MessageId
);
minted_id!(
    /// One conversation: what a person and the branch write each other about one thing, over as many channels as it takes.
    ConversationId
);
minted_id!(
    /// One erasure.
    ErasureId
);
configured_id!(
    /// A program on the premises that has messages sent.
    ApplicationId
);
configured_id!(
    /// Who does something to a record: a user's or an agent's name, `console` for the command line, `box` for a rule.
    ActorId
);
configured_id!(
    /// A conference that people dial into.
    ConferenceId
);

configured_id!(
    /// A desk phone's number inside the branch, such as `201`.
    ExtensionId
);
configured_id!(
    /// A carrier trunk.
    TrunkId
);
configured_id!(
    /// A queue of waiting calls.
    QueueId
);
configured_id!(
    /// An agent: a person who takes work from queues.
    AgentId
);
configured_id!(
    /// An article: what the branch says again and again.
    ArticleId
);
configured_id!(
    /// An IVR flow.
    FlowId
);
configured_id!(
    /// A place in the branch that help can be sent to.
    LocationId
);
configured_id!(
    /// A group of extensions that ring together or in turn.
    GroupId
);
configured_id!(
    /// A group of phones that are spoken to through their loudspeakers.
    PageId
);
configured_id!(
    /// What decides by the hour where callers go.
    ScheduleId
);
configured_id!(
    /// A skill that a caller needs and an agent has at some level.
    SkillId
);

configured_id!(
    /// A program elsewhere that is told what happens.
    HookId
);
configured_id!(
    /// A way by which messages come and go: a SIM, a link to a carrier, a provider's account, a mailbox, the chat of a page.
    ChannelId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_id_reads_back_as_it_was_printed() {
        for value in [0, 1, 31, 32, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(CallId(value).to_string().parse::<CallId>().unwrap(), CallId(value));
        }
    }

    #[test]
    fn text_that_is_no_id_is_refused() {
        for text in ["", "0", "ZZZZZZZZZZZZZ", "000000000000I", "00000000000000"] {
            assert_eq!(text.parse::<LegId>(), Err(NotAnId), "{text}");
        }
    }
}
