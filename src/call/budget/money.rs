//! Amounts of money, without a currency: what one is called is the site's business.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Millionths in one unit: a carrier's prices have up to five places behind the point.
const MICRO: u64 = 1_000_000;

/// An amount in millionths of the currency. Never negative; sums stay at the largest there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Money(pub u64);

/// A number that is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotMoney;

impl fmt::Display for NotMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount of money is a number from 0 to 1,000,000,000")
    }
}

impl std::error::Error for NotMoney {}

impl Money {
    /// The sum.
    pub fn plus(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }

    /// What a price for a minute makes for so many seconds, rounded up.
    pub fn for_seconds(self, seconds: u64) -> Money {
        Money(self.0.saturating_mul(seconds).div_ceil(60))
    }
}

impl TryFrom<f64> for Money {
    type Error = NotMoney;
    fn try_from(amount: f64) -> Result<Self, NotMoney> {
        // Below 2^53 millionths a float holds every one of them.
        match (0.0..=1e9).contains(&amount) {
            true => Ok(Money((amount * MICRO as f64).round() as u64)),
            false => Err(NotMoney),
        }
    }
}

impl From<Money> for f64 {
    fn from(money: Money) -> f64 {
        money.0 as f64 / MICRO as f64
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.0.div_ceil(MICRO / 100);
        write!(f, "{}.{:02}", cents / 100, cents % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_never_negative() {
        let money = |amount: f64| Money::try_from(amount).unwrap();
        assert_eq!(money(0.0125).0, 12_500);
        assert_eq!(money(0.1).plus(money(0.2)), money(0.3));
        assert_eq!(money(0.01).for_seconds(1).0, 167);
        assert_eq!(money(1.5).to_string(), "1.50");
        assert_eq!(money(0.001).to_string(), "0.01", "what was spent is never shown as nothing");
        for bad in [-0.01, 1e10, f64::NAN, f64::INFINITY] {
            assert_eq!(Money::try_from(bad), Err(NotMoney), "{bad}");
        }
    }
}
