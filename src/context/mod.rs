//! The record of a person: contacts, the identities they are known by, what happened with them, their cases.
//!
//! Owns what a contact is and how each [`Change`] alters it, how numbers and addresses are written so that the same one
//! is the same, which merges make one person of several contacts, and what is allowed: [`decide`] takes an [`Order`] and
//! what the store knows, and answers changes or why not. Keeps nothing itself: the journal keeps changes, the store rows.
//!
//! Every type that holds personal text is generic over it: `P` is `String` here, and sealed in journal and store. [`Whose`]
//! says under which key each piece belongs, so that forgetting a person is forgetting a few keys.
//!
//! Decisions: a merge is an edge between two contacts and moves nothing, so that taking it back leaves both as they were;
//! a number that several people share (a family's, an office's, a kiosk's) belongs to a contact of its own and names
//! nobody; an erased contact never comes back: the next call of that number is a new contact.

pub mod asked;
mod caller;
pub mod card;
mod case;
mod change;
mod contact;
mod decide;
mod elsewhere;
mod identity;
mod import;
mod order;
mod person;
mod quality;
pub mod shared;
mod timeline;
mod whole;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use caller::{Caller, FromCrm, Known, OpenCase, RECORDING, SURVEY};
pub use case::{Case, MOST_LINKED, Ref};
pub use change::{Act, Change, Whose};
pub use contact::{
    Consent, Contact, Field, Hold, Learned, Link, Past, Pin, Said, Source, Verified,
};
pub use decide::{Disposition, Refused, Rules, View, decide, unchanged};
pub use elsewhere::{Carded, Elsewhere, Heard, carded};
pub use identity::{Edge, How, Identity, Kind, NotAnIdentity, Sharing, normalise};
pub use import::{Held, Imported, Person, Row};
pub use order::{Needs, Order, Who};
pub use person::{Evidence, Merge, Suggestion, probable, root};
pub use quality::{Double, Of, Quality, Survey};
pub use timeline::{Happening, Moment, Tape, Way};
pub use whole::{Filed, Line, Piece, Spot, Standing, Told, Whole, filed};

/// The way somebody is reached, or reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A telephone call.
    Voice,
    /// A text message.
    Sms,
    /// The site's chat.
    Chat,
    /// Mail.
    Mail,
    /// A messaging service such as WhatsApp.
    Message,
    /// The site's pages or shop.
    Web,
    /// In person.
    Visit,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Channel::Voice => "voice",
            Channel::Sms => "sms",
            Channel::Chat => "chat",
            Channel::Mail => "mail",
            Channel::Message => "message",
            Channel::Web => "web",
            Channel::Visit => "visit",
        })
    }
}

/// Which channel to use for a purpose: of those `offered`, the cheapest first, the one the customer prefers where that is
/// allowed, else the first that is. What the customer prefers outranks cost; what the customer refused outranks all.
pub fn choose(
    contacts: &[&Contact<String>],
    purpose: &str,
    offered: &[Channel],
) -> Option<Channel> {
    let refused = |channel: Channel| {
        let said = contacts.iter().flat_map(|contact| &contact.consents);
        let said = said.filter(|c| c.channel == channel && c.purpose == purpose);
        // The last word counts, whichever of the person's contacts it was said under.
        said.max_by_key(|consent| consent.said.at).is_some_and(|consent| !consent.given)
    };
    let allowed = || offered.iter().copied().filter(|channel| !refused(*channel));
    let preferred = contacts.iter().find_map(|contact| contact.preferred);
    allowed().find(|channel| Some(*channel) == preferred).or_else(|| allowed().next())
}

#[cfg(test)]
mod tests;
