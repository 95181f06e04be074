//! Who is not heard, as an admin reads it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::{UnixTime, rfc3339};

/// A source that is not heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ban {
    /// Its address; of IPv6 the network of 64 bits.
    #[schema(value_type = String)]
    pub source: IpAddr,
    /// `banned`, or `suspected` where only datagrams tell against it, which anybody may have sent in its name.
    pub kind: String,
    /// What it did last.
    pub why: String,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: UnixTime,
    /// Until when.
    #[serde(with = "rfc3339")]
    pub until: UnixTime,
    /// Messages that were not read meanwhile.
    pub dropped: u64,
}
