//! What requests about people carry, and which order each is. What a name, a text or a level may be is looked at where
//! the order is decided.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::context::{Channel, Identity, Order, Ref, Sharing, Source, Who};
use crate::id::{CallId, CaseId, ContactId};
use crate::time::{UnixTime, rfc3339};

use super::people::read_place;
use super::table::Operation;

/// A new contact.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// What is known, such as `name`, `company`, `birthday`.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// By what the person is known, such as `phone:+4930123456` or `email:ann@example.com`.
    #[serde(default)]
    pub identities: Vec<String>,
    /// Who says so; somebody of the branch when absent.
    #[serde(default)]
    pub source: Source,
    /// By which channel it came.
    #[serde(default)]
    pub channel: Option<Channel>,
}

/// Fields to say or to take away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    /// By name; null takes one away.
    pub fields: BTreeMap<String, Option<String>>,
    /// The version that was seen: an edit of another one changes nothing. The header `If-Match` says the same.
    #[serde(default)]
    pub version: Option<u64>,
    /// Who says so; somebody of the branch when absent.
    #[serde(default)]
    pub source: Source,
    /// By which channel it came.
    #[serde(default)]
    pub channel: Option<Channel>,
}

/// A note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNote {
    /// What it says.
    #[schema(min_length = 1, max_length = 16384)]
    pub text: String,
    /// For which case.
    #[serde(default)]
    pub case: Option<CaseId>,
}

/// How something came out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDisposition {
    /// The site's code.
    pub code: String,
    /// What the code requires, and more.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// For which case.
    #[serde(default)]
    pub case: Option<CaseId>,
    /// Of which call.
    #[serde(default)]
    pub call: Option<CallId>,
}

/// One identity.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OneIdentity {
    /// Such as `phone:+4930123456`.
    pub identity: String,
}

/// An identity that several people share.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSharing {
    /// Which.
    pub identity: String,
    /// Why.
    pub sharing: Sharing,
}

/// Another contact of the same person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherContact {
    /// Which.
    pub gone: ContactId,
}

/// A fact to be shown before all else.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPin {
    /// It.
    #[schema(min_length = 1, max_length = 16384)]
    pub fact: String,
    /// Until when it is shown; for ever when absent.
    #[serde(default, with = "rfc3339::option")]
    pub until: Option<UnixTime>,
    /// Who says so.
    #[serde(default)]
    pub source: Source,
    /// By which channel it came.
    #[serde(default)]
    pub channel: Option<Channel>,
}

/// Whether somebody may be reached by a channel for a purpose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentChange {
    /// By this channel.
    pub channel: Channel,
    /// For this, such as `offers`.
    pub purpose: String,
    /// Given, or refused.
    pub given: bool,
    /// Who says so.
    #[serde(default)]
    pub source: Source,
    /// By which channel that came.
    #[serde(default)]
    pub through: Option<Channel>,
}

/// The channel that somebody prefers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Preference {
    /// Which; none in particular when null or absent.
    #[serde(default)]
    pub channel: Option<Channel>,
}

/// That somebody was identified.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// How surely, 1 to 9; 0: not any more.
    #[schema(maximum = 9)]
    pub level: u8,
    /// For so many minutes; as long as the site has it when absent.
    #[serde(default)]
    pub minutes: Option<u32>,
    /// In which case: the level goes with it.
    #[serde(default)]
    pub case: Option<CaseId>,
}

/// A legal hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Why.
    #[schema(min_length = 1, max_length = 16384)]
    pub reason: String,
}

/// A new case.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCase {
    /// What it is about.
    #[serde(default)]
    pub title: Option<String>,
    /// What belongs to it: places of a timeline.
    #[serde(default)]
    pub moments: Vec<String>,
}

/// A change of a case.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseChange {
    /// Closed, or open again.
    #[serde(default)]
    pub closed: Option<bool>,
    /// What is known of it, by name, such as `due`; null takes a field away. A date in one can begin a journey.
    #[serde(default)]
    pub fields: BTreeMap<String, Option<String>>,
}

/// Places of a timeline.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Moments {
    /// Each the `place` of a moment.
    pub moments: Vec<String>,
}

/// A case that goes up in another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherCase {
    /// Which.
    pub gone: CaseId,
}

/// What stands in a body and is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong(
    /// Which member of the body.
    pub &'static str,
    /// What it should be.
    pub &'static str,
);

const IDENTITY: Wrong = Wrong("identity", "an identity, such as phone:+4930123456");
const MOMENT: Wrong = Wrong("moments", "places, each the `place` of a moment on a timeline");

/// Reads an identity; a contact's id is none.
pub fn identity(text: &str) -> Result<Identity<String>, Wrong> {
    match text.parse() {
        Ok(Who::Identity(kind, value)) => Ok(Identity { kind, value }),
        _ => Err(IDENTITY),
    }
}

fn places(moments: &[String]) -> Result<Vec<Ref>, Wrong> {
    moments.iter().map(|text| read_place(text).ok_or(MOMENT)).collect()
}

impl NewPerson {
    /// As an order.
    ///
    /// # Errors
    /// When what should be an identity is none.
    pub fn order(self) -> Result<Order, Wrong> {
        let NewPerson { fields, identities, source, channel } = self;
        let identities = identities.iter().map(|text| identity(text)).collect::<Result<_, _>>()?;
        Ok(Order::Create { fields, identities, source, channel })
    }
}

impl PersonChange {
    /// As an order.
    pub fn order(self, who: Who) -> Order {
        let PersonChange { fields, version, source, channel } = self;
        Order::Edit { who, expects: version, fields, source, channel }
    }
}

impl NewDisposition {
    /// As an order.
    pub fn order(self, who: Who) -> Order {
        let NewDisposition { code, fields, case, call } = self;
        Order::Dispose { who, case, call, code, fields }
    }
}

impl NewPin {
    /// As an order.
    pub fn order(self, who: Who) -> Order {
        let NewPin { fact, until, source, channel } = self;
        Order::Pin { who, fact, source, channel, until }
    }
}

impl ConsentChange {
    /// As an order.
    pub fn order(self, who: Who) -> Order {
        let ConsentChange { channel, purpose, given, source, through } = self;
        Order::Consent { who, channel, purpose, given, source, through }
    }
}

impl NewCase {
    /// As an order.
    ///
    /// # Errors
    /// When what should be places are none.
    pub fn order(self, who: Who) -> Result<Order, Wrong> {
        Ok(Order::OpenCase { who, title: self.title, moments: places(&self.moments)? })
    }

    /// The same as a part of another case.
    ///
    /// # Errors
    /// As [`NewCase::order`].
    pub fn split(self, case: CaseId) -> Result<Order, Wrong> {
        Ok(Order::SplitCase { case, title: self.title, moments: places(&self.moments)? })
    }
}

impl CaseChange {
    /// As an order.
    ///
    /// # Errors
    /// When it is none of both, or both.
    pub fn order(self, case: CaseId) -> Result<Order, Wrong> {
        match (self.closed, self.fields) {
            (Some(closed), fields) if fields.is_empty() => Ok(Order::CloseCase { case, closed }),
            (None, fields) if !fields.is_empty() => Ok(Order::EditCase { case, fields }),
            _ => Err(Wrong("closed", "one of `closed` and `fields`")),
        }
    }
}

impl Moments {
    /// As an order to add them to a case.
    ///
    /// # Errors
    /// When what should be places are none.
    pub fn link(self, case: CaseId) -> Result<Order, Wrong> {
        Ok(Order::LinkCase { case, moments: places(&self.moments)? })
    }

    /// As an order to take them out of it.
    ///
    /// # Errors
    /// As [`Moments::link`].
    pub fn unlink(self, case: CaseId) -> Result<Order, Wrong> {
        Ok(Order::UnlinkCase { case, moments: places(&self.moments)? })
    }
}

/// By which operation an order is done, and what it is done to: an id, never a number.
/// Rows of a file say themselves where they come from.
pub fn act(order: &Order) -> Option<(Operation, Option<String>)> {
    let operation = operation(order)?;
    let on = match order {
        Order::LinkCase { case, .. }
        | Order::UnlinkCase { case, .. }
        | Order::SplitCase { case, .. }
        | Order::MergeCases { kept: case, .. }
        | Order::EditCase { case, .. }
        | Order::CloseCase { case, .. } => Some(case.to_string()),
        order => order.person().as_ref().and_then(contact_of),
    };
    Some((operation, on))
}

fn operation(order: &Order) -> Option<Operation> {
    Some(match order {
        // What another system answers is nobody's act, nor is a look at who somebody is.
        Order::Import { .. }
        | Order::Restore { .. }
        | Order::Learn { .. }
        | Order::Hear { .. }
        | Order::Find { .. } => {
            return None;
        }
        Order::Create { .. } | Order::Record { .. } => Operation::NewPerson,
        Order::Edit { .. } => Operation::EditPerson,
        Order::Link { .. } => Operation::LinkIdentity,
        Order::Unlink { .. } => Operation::UnlinkIdentity,
        Order::Share { .. } => Operation::ShareIdentity,
        Order::Unshare { .. } => Operation::UnshareIdentity,
        Order::Suggest { .. } | Order::Merge { .. } => Operation::MergePerson,
        Order::Refuse { .. } | Order::Unmerge { .. } => Operation::UnmergePerson,
        Order::OpenCase { .. } => Operation::OpenCase,
        Order::LinkCase { .. } => Operation::LinkCase,
        Order::UnlinkCase { .. } => Operation::UnlinkCase,
        Order::SplitCase { .. } => Operation::SplitCase,
        Order::MergeCases { .. } => Operation::MergeCases,
        Order::EditCase { .. } | Order::CloseCase { .. } => Operation::ChangeCase,
        Order::Note { .. } => Operation::Note,
        Order::Dispose { .. } => Operation::Dispose,
        Order::Tag { on: true, .. } => Operation::Tag,
        Order::Tag { on: false, .. } => Operation::Untag,
        Order::Pin { .. } => Operation::Pin,
        Order::Unpin { .. } => Operation::Unpin,
        Order::Consent { .. } => Operation::Consent,
        Order::Prefer { .. } => Operation::Prefer,
        Order::Verify { .. } => Operation::Verify,
        Order::Hold { .. } => Operation::HoldPerson,
        Order::Release { .. } => Operation::ReleasePerson,
        Order::Erase { .. } => Operation::ErasePerson,
    })
}

/// A contact's id where a person is named by that.
pub fn contact_of(who: &Who) -> Option<String> {
    match who {
        Who::Contact(contact) => Some(contact.to_string()),
        Who::Identity(..) => None,
    }
}
