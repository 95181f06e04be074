//! What calls out have cost, as an admin sees it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::call::budget::{Measure, Subject, Within};
use crate::time::{UnixTime, rfc3339};

/// What was spent in the last hour and day, and how far each cap is used up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Spending {
    /// What amounts are shown with.
    pub currency: String,
    /// For each who has spent something, in each of both times.
    pub spent: Vec<Spent>,
    /// Every cap, the fullest first.
    pub caps: Vec<Cap>,
}

/// What somebody has spent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Spent {
    /// Whose: `site`, `extension:201`, `trunk:carrier`.
    #[schema(value_type = String)]
    pub of: Subject,
    /// In which time.
    #[schema(value_type = String)]
    pub within: Within,
    /// Calls that were sent to a carrier.
    pub calls: u32,
    /// Minutes that were charged.
    pub minutes: f64,
    /// Money.
    pub money: f64,
}

/// A cap, and how far it is used up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cap {
    /// Whose.
    #[schema(value_type = String)]
    pub of: Subject,
    /// In which time.
    #[schema(value_type = String)]
    pub within: Within,
    /// Of what.
    #[schema(value_type = String)]
    pub measure: Measure,
    /// What was spent: calls, minutes, or money.
    pub spent: f64,
    /// What may be.
    pub cap: f64,
    /// The first in percent of the second.
    pub percent: u64,
    /// Until when an admin has lifted it.
    #[serde(with = "rfc3339::option")]
    pub lifted_until: Option<UnixTime>,
}
