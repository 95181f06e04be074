//! `[spending]`: what calls out cost where no `[[rate]]` says otherwise.

use serde::Deserialize;

use crate::call::budget::{Money, Price};

/// `[spending]`: what calls out cost where no `[[rate]]` says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spending {
    /// What amounts are shown with; it means nothing else. Default empty.
    pub currency: String,
    /// For each minute; needed where a cap counts money.
    pub per_minute: Option<Money>,
    /// For being answered. Default 0.
    pub per_call: Money,
    /// Seconds that are charged at once; 1 to 600, default 60.
    pub step: u16,
}

impl Default for Spending {
    fn default() -> Self {
        let Price { per_call, step, .. } = Price::default();
        Spending { currency: String::new(), per_minute: None, per_call, step }
    }
}

impl Spending {
    /// The price of numbers without a rate.
    pub fn price(&self) -> Price {
        let per_minute = self.per_minute.unwrap_or_default();
        Price { per_minute, per_call: self.per_call, step: self.step }
    }
}
