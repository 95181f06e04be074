//! What was spent, as the journal keeps it: amounts in slices of time, for whom, and which caps an admin has lifted.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Measure, Money};
use crate::id::{CallId, ExtensionId, TrunkId};
use crate::time::UnixTime;

/// Whose spending is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// Everybody's.
    Site,
    /// Calls that this phone made, transferred or forwarded out.
    Extension(ExtensionId),
    /// Calls over this carrier.
    Trunk(TrunkId),
}

/// Whose spending a cap is on: `site`, `extensions` or `trunks` for each of them, `extension:201`, `trunk:carrier`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Scope {
    /// One subject.
    One(Subject),
    /// Each extension for itself.
    Extensions,
    /// Each trunk for itself.
    Trunks,
}

/// Text that names nobody's spending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotASubject(pub String);

/// The time that a cap counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Within {
    /// The last 60 minutes.
    Hour,
    /// The last 24 hours.
    Day,
}

impl Within {
    /// Seconds in a slice, and slices that are counted: the one that runs and as many as fill the time.
    fn slices(self) -> (i64, i64) {
        match self {
            Within::Hour => (300, 12),
            Within::Day => (3_600, 24),
        }
    }
}

/// What was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Used {
    /// Calls that were sent to a carrier.
    pub calls: u32,
    /// Seconds that were charged.
    pub seconds: u64,
    /// Money.
    pub money: Money,
}

impl Used {
    /// The sum.
    pub fn plus(self, other: Used) -> Used {
        Used {
            calls: self.calls.saturating_add(other.calls),
            seconds: self.seconds.saturating_add(other.seconds),
            money: self.money.plus(other.money),
        }
    }

    /// One of the three, in its unit: calls, seconds, millionths of the currency.
    pub fn of(self, measure: Measure) -> u64 {
        match measure {
            Measure::Calls => self.calls.into(),
            Measure::Minutes => self.seconds,
            Measure::Money => self.money.0,
        }
    }
}

/// Something was spent. It names no number: who was called is the call record's business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// The phone that pays; nothing for callers from outside.
    pub payer: Option<ExtensionId>,
    /// The carrier.
    pub trunk: TrunkId,
    /// The call; nothing in journals from before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// Calls, for the phone and the site.
    pub calls: u32,
    /// Calls, for the carrier: one that is tried over a second carrier counts with both.
    pub attempts: u32,
    /// Seconds.
    pub seconds: u64,
    /// Money.
    pub money: Money,
}

impl Spent {
    pub(super) fn subjects(&self) -> Vec<Subject> {
        let payer = self.payer.clone().map(Subject::Extension);
        payer.into_iter().chain([Subject::Trunk(self.trunk.clone()), Subject::Site]).collect()
    }
}

/// An admin lifts caps for a time, or puts them back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lift {
    /// Whose; everybody's when absent.
    pub subject: Option<Subject>,
    /// Until then; a moment that has passed puts them back.
    pub until: UnixTime,
}

/// Everything that was spent and is not too long ago to matter.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    used: BTreeMap<Subject, Usage>,
    lifts: Vec<Lift>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Usage {
    /// Each slice's place since 1970, and what was spent in it; the oldest first.
    hour: Vec<(i64, Used)>,
    day: Vec<(i64, Used)>,
}

impl Usage {
    fn of(&self, within: Within) -> &Vec<(i64, Used)> {
        match within {
            Within::Hour => &self.hour,
            Within::Day => &self.day,
        }
    }

    fn add(&mut self, at: UnixTime, within: Within, more: Used) {
        let (length, count) = within.slices();
        let slice = at.seconds().div_euclid(length);
        let slices = match within {
            Within::Hour => &mut self.hour,
            Within::Day => &mut self.day,
        };
        slices.retain(|(old, _)| *old >= slice - count);
        match slices.iter_mut().find(|(old, _)| *old == slice) {
            Some((_, used)) => *used = used.plus(more),
            None => slices.push((slice, more)),
        }
    }
}

impl Ledger {
    /// Takes up what was spent.
    pub fn apply(&mut self, at: UnixTime, spent: &Spent) {
        for subject in spent.subjects() {
            let calls =
                if matches!(subject, Subject::Trunk(_)) { spent.attempts } else { spent.calls };
            let more = Used { calls, seconds: spent.seconds, money: spent.money };
            let usage = self.used.entry(subject).or_default();
            usage.add(at, Within::Hour, more);
            usage.add(at, Within::Day, more);
        }
    }

    /// Lifts caps; of one subject only the newest word counts.
    pub fn lift(&mut self, lift: Lift) {
        self.lifts.retain(|old| old.subject != lift.subject);
        self.lifts.push(lift);
    }

    /// Until when the caps of `subject` are lifted, if they are. A clock that was set back ends no lift early.
    pub fn lifted(&self, at: UnixTime, subject: &Subject) -> Option<UnixTime> {
        let counts =
            |lift: &&Lift| lift.subject.is_none() || lift.subject.as_ref() == Some(subject);
        self.lifts.iter().filter(counts).map(|lift| lift.until).filter(|until| *until > at).max()
    }

    /// What `subject` has spent. The slice that is only partly within the time counts whole: rather a little too much.
    pub fn used(&self, at: UnixTime, subject: &Subject, within: Within) -> Used {
        let (length, count) = within.slices();
        let oldest = at.seconds().div_euclid(length) - count;
        let slices = self.used.get(subject).map(|usage| usage.of(within).as_slice());
        let counted = slices.unwrap_or_default().iter().filter(|(slice, _)| *slice >= oldest);
        counted.fold(Used::default(), |sum, (_, used)| sum.plus(*used))
    }

    /// Everybody who has spent something.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.used.keys()
    }
}

impl Scope {
    /// The one subject that it names.
    pub fn subject(&self) -> Option<Subject> {
        match self {
            Scope::One(subject) => Some(subject.clone()),
            Scope::Extensions | Scope::Trunks => None,
        }
    }

    /// Whether it is for every subject of this one's kind.
    pub fn is_every(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Site => false,
            Subject::Extension(_) => *self == Scope::Extensions,
            Subject::Trunk(_) => *self == Scope::Trunks,
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = NotASubject;
    fn try_from(text: String) -> Result<Self, NotASubject> {
        match text.split_once(':') {
            None if text == "site" => Ok(Subject::Site),
            Some(("extension", name)) if !name.is_empty() => Ok(Subject::Extension(name.into())),
            Some(("trunk", name)) if !name.is_empty() => Ok(Subject::Trunk(name.into())),
            _ => Err(NotASubject(text)),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = NotASubject;
    fn try_from(text: String) -> Result<Self, NotASubject> {
        match text.as_str() {
            "extensions" => Ok(Scope::Extensions),
            "trunks" => Ok(Scope::Trunks),
            _ => Subject::try_from(text).map(Scope::One),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> String {
        match subject {
            Subject::Site => "site".to_owned(),
            Subject::Extension(extension) => format!("extension:{extension}"),
            Subject::Trunk(trunk) => format!("trunk:{trunk}"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Site => f.write_str("the site"),
            Subject::Extension(extension) => write!(f, "extension {extension}"),
            Subject::Trunk(trunk) => write!(f, "trunk {trunk}"),
        }
    }
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Within::Hour => "hour",
            Within::Day => "day",
        })
    }
}

impl fmt::Display for NotASubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = "`site`, `extension:NUMBER`, `trunk:NAME`, `extensions`, `trunks`";
        write!(f, "unknown variant `{}`, expected one of {kinds}", self.0)
    }
}

impl std::error::Error for NotASubject {}
