//! Where a message comes from or goes to.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an address is: the same kinds by which people are known in the record.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A telephone number in full (E.164), with its `+`.
    Phone,
    /// What only a network can reach or show: a short code or an alphanumeric sender (TS 23.040 section 9.1.2.5). It names
    /// no person.
    Short,
    /// A mail address (RFC 5321).
    Email,
    /// A SIP address, as `user@host`.
    Sip,
    /// What a service calls a person toward this business alone, as `service:id`; there may be no number behind it.
    Business,
    /// A visitor of the site's own page, by the name that the box gave the browser.
    Visitor,
}

/// An address, in the one way that it is written. It is personal data: [`fmt::Debug`] says the kind alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// What it is.
    pub kind: Kind,
    /// It.
    pub value: String,
}

impl Address {
    /// One of a kind, as its channel writes it.
    pub fn new(kind: Kind, value: impl Into<String>) -> Address {
        Address { kind, value: value.into() }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:?})", self.kind)
    }
}
