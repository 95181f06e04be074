//! What calls out cost, and may cost: the last lock on the door that toll fraud goes through.
//!
//! Owns prices, caps and what was spent, in the last hour and the last day, for each extension, each trunk and the site.
//! A call out asks here before it is dialled and pays here step by step while it talks, before each step: a cap is never
//! passed, however many calls run at once. It places and ends no call itself, knows no carrier's bill, and is not asked
//! about calls for help at all.
//!
//! Hour and day are the last 60 minutes and the last 24 hours, not the clock's: a fraudster who waits for midnight gains
//! nothing. The [`Ledger`] is what the journal keeps of it.

mod ledger;
mod money;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::address::Number;
use crate::call::country::Country;
use crate::call::plan::Origin;
use crate::id::{CallId, ExtensionId, LegId, TrunkId};
use crate::time::{Now, TimerId, Timers, UnixTime};

pub use ledger::{Ledger, Lift, Scope, Spent, Subject, Used, Within};
pub use money::Money;

/// Percent of a cap at which an admin is told: late enough to be rare, early enough to look before calls fail.
const WARN_AT: u64 = 80;

/// `[[rate]]`: what calls to some numbers cost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// What the numbers begin with, in full: `+44`. The longest that fits counts.
    pub prefix: Number,
    /// For each minute.
    pub per_minute: Money,
    /// For being answered. Default 0.
    #[serde(default)]
    pub per_call: Money,
    /// Seconds that are charged at once; 1 to 600, default 60: most carriers count begun minutes.
    #[serde(default = "step")]
    pub step: u16,
}

/// What a call costs. Times are charged in whole steps, each when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Price {
    /// For each minute.
    pub per_minute: Money,
    /// For being answered.
    pub per_call: Money,
    /// Seconds that are charged at once.
    pub step: u16,
}

impl Price {
    /// What a call costs that was up for so long: every step that began, the first one at the answer.
    pub fn of(&self, up: Duration) -> Money {
        let step = u64::from(self.step.max(1));
        let begun = up.as_micros().div_ceil(u128::from(step) * 1_000_000).max(1);
        let each = self.per_minute.for_seconds(step);
        let steps = u64::try_from(begun).unwrap_or(u64::MAX);
        self.per_call.plus(Money(each.0.saturating_mul(steps)))
    }
}

/// Seconds that are charged at once when nothing is said.
fn step() -> u16 {
    60
}

impl Default for Price {
    fn default() -> Self {
        Price { per_minute: Money::default(), per_call: Money::default(), step: step() }
    }
}

impl Rate {
    fn price(&self) -> Price {
        Price { per_minute: self.per_minute, per_call: self.per_call, step: self.step }
    }
}

/// `[[cap]]`: how much may be spent. At least one of the three is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// Whose spending.
    pub of: Scope,
    /// In which time.
    pub within: Within,
    /// Calls that were sent to a carrier, answered or not.
    #[serde(default)]
    pub calls: Option<u32>,
    /// Minutes of conversation.
    #[serde(default)]
    pub minutes: Option<u32>,
    /// Money.
    #[serde(default)]
    pub money: Option<Money>,
}

/// What a budget is told once.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How numbers are written in full.
    pub country: Country,
    /// Prices of numbers.
    pub rates: Vec<Rate>,
    /// The price of every other number.
    pub price: Price,
    /// The caps.
    pub caps: Vec<Cap>,
}

/// What there is a cap on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Calls.
    Calls,
    /// Minutes.
    Minutes,
    /// Money.
    Money,
}

/// One cap of one subject, and how far it is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Whose.
    pub subject: Subject,
    /// In which time.
    pub within: Within,
    /// Of what.
    pub measure: Measure,
    /// What was spent: calls, seconds, or millionths of the currency.
    pub spent: u64,
    /// What may be, in the same unit.
    pub cap: u64,
    /// Until when an admin has lifted it.
    pub lifted: Option<UnixTime>,
}

impl Mark {
    /// How much of it is used up, in percent.
    pub fn percent(&self) -> u64 {
        self.spent.saturating_mul(100) / self.cap.max(1)
    }

    /// Whether somebody should look.
    pub fn is_near(&self) -> bool {
        self.percent() >= WARN_AT
    }
}

/// A call out that wants to begin.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// Its leg to the carrier.
    pub leg: LegId,
    /// Who pays: who dialled, transferred or forwarded it there.
    pub payer: &'w Origin,
    /// The carrier.
    pub trunk: &'w TrunkId,
    /// The number.
    pub number: &'w Number,
    /// The call that it is a leg of.
    pub call: CallId,
    /// Whether another carrier was asked for the same call before: for the rest it is one call.
    pub again: bool,
}

/// A cap that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Whose.
    pub subject: Subject,
    /// In which time.
    pub within: Within,
    /// Of what.
    pub measure: Measure,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Keep this.
    Spent(Spent),
    /// End this leg: the next step would pass the cap.
    Over(LegId, Reached),
    /// Most of a cap is used up. Said once, until it was further away again.
    Near(Mark),
}

/// A call out that is up or is to be.
#[derive(Debug)]
struct Open {
    payer: Option<ExtensionId>,
    trunk: TrunkId,
    call: CallId,
    price: Price,
    /// When the next step is to be paid; nothing while nobody has answered, or after the end was asked for.
    next: Option<TimerId>,
    answered: bool,
}

/// Who pays what for a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paying {
    payer: Option<ExtensionId>,
    trunk: TrunkId,
    price: Price,
}

impl Open {
    fn subjects(&self) -> Vec<Subject> {
        let payer = self.payer.clone().map(Subject::Extension);
        let trunk = Subject::Trunk(self.trunk.clone());
        payer.into_iter().chain([trunk, Subject::Site]).collect()
    }

    /// What the next step costs; the first one includes being answered.
    fn step(&self) -> Used {
        let step = u64::from(self.price.step.max(1));
        let setup = if self.answered { Money::default() } else { self.price.per_call };
        Used { calls: 0, seconds: step, money: setup.plus(self.price.per_minute.for_seconds(step)) }
    }
}

/// The machine.
#[derive(Debug, Default)]
pub struct Budget {
    settings: Settings,
    ledger: Ledger,
    open: BTreeMap<LegId, Open>,
    timers: Timers<LegId>,
    outputs: VecDeque<Output>,
}

impl Budget {
    /// A budget of which nothing is spent.
    pub fn new(settings: Settings) -> Self {
        Budget { settings, ..Budget::default() }
    }

    /// Other caps or prices count from now on; what is spent is spent.
    pub fn handle_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Takes up what was spent before a restart.
    pub fn restore(&mut self, ledger: Ledger) {
        self.ledger = ledger;
    }

    /// Whether a call out may begin. One that may has its first step set aside, so that calls that begin together cannot
    /// pass a cap together.
    pub fn begin(&mut self, now: Now, wanted: Wanted<'_>) -> Result<(), Reached> {
        let payer = match wanted.payer {
            Origin::Extension(extension) => Some(extension.clone()),
            Origin::Trunk(_) | Origin::Chat(_) => None,
        };
        let (trunk, price) = (wanted.trunk.clone(), self.price(wanted.number));
        let call = wanted.call;
        let open = Open { payer, trunk, call, price, next: None, answered: false };
        let calls = |subject: &Subject| match subject {
            Subject::Trunk(_) => 1,
            _ => u32::from(!wanted.again),
        };
        let step = open.step();
        for subject in open.subjects() {
            self.room(now, &subject, Used { calls: calls(&subject), ..step })?;
        }
        let spent = Spent {
            payer: open.payer.clone(),
            trunk: open.trunk.clone(),
            call: Some(open.call),
            calls: u32::from(!wanted.again),
            attempts: 1,
            seconds: 0,
            money: Money::default(),
        };
        self.open.insert(wanted.leg, open);
        self.spend(now, spent);
        Ok(())
    }

    /// The far end of a leg answered: its first step is paid. Legs that never asked are none of ours.
    pub fn answered(&mut self, now: Now, leg: LegId) {
        if self.open.get(&leg).is_some_and(|open| !open.answered) {
            self.pay(now, leg);
        }
    }

    /// What the next run of the program has to know of a leg that was answered, to go on charging for it.
    pub fn carried(&self, leg: LegId) -> Option<Paying> {
        let open = self.open.get(&leg).filter(|open| open.answered)?;
        Some(Paying { payer: open.payer.clone(), trunk: open.trunk.clone(), price: open.price })
    }

    /// Goes on charging for a leg that was answered `since`. A step that began while the program was away is not charged.
    pub fn resume(&mut self, now: Now, leg: LegId, call: CallId, paying: Paying, since: UnixTime) {
        let Paying { payer, trunk, price } = paying;
        let step = Duration::from_secs(u64::from(price.step.max(1)));
        let into = now.unix.since(since).as_micros() % step.as_micros();
        let left = step.saturating_sub(Duration::from_micros(into as u64));
        let next = Some(self.timers.set(now.instant + left, leg));
        self.open.insert(leg, Open { payer, trunk, call, price, next, answered: true });
    }

    /// A leg is over.
    pub fn ended(&mut self, leg: LegId) {
        if let Some(timer) = self.open.remove(&leg).and_then(|open| open.next) {
            self.timers.cancel(timer);
        }
    }

    /// Steps that begin now.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(leg) = self.timers.pop_due(now.instant) {
            let Some(open) = self.open.get_mut(&leg) else { continue };
            open.next = None;
            let (step, subjects) = (open.step(), open.subjects());
            let room = subjects.iter().try_for_each(|subject| self.room(now, subject, step));
            match room {
                Ok(()) => self.pay(now, leg),
                Err(reached) => self.outputs.push_back(Output::Over(leg, reached)),
            }
        }
    }

    /// When the next step begins.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.deadline()
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// An admin lifts caps until then, or puts them back in force by a moment that has passed.
    pub fn handle_lift(&mut self, lift: Lift) {
        self.ledger.lift(lift);
    }

    /// Every cap of everybody who has spent anything, the fullest first.
    pub fn marks(&self, now: Now) -> Vec<Mark> {
        let mut subjects: Vec<_> = self.ledger.subjects().cloned().collect();
        for cap in &self.settings.caps {
            let named = cap.of.subject().filter(|subject| !subjects.contains(subject));
            subjects.extend(named);
        }
        let mut marks: Vec<_> =
            subjects.iter().flat_map(|subject| self.marks_of(now, subject)).collect();
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.percent()));
        marks
    }

    /// What everybody has spent, whether there is a cap on it or not.
    pub fn spent(&self, now: Now) -> Vec<(Subject, Within, Used)> {
        let both = [Within::Hour, Within::Day];
        let used = |subject: &Subject| {
            both.map(|within| {
                (subject.clone(), within, self.ledger.used(now.unix, subject, within))
            })
        };
        let all = self.ledger.subjects().flat_map(used);
        all.filter(|(_, _, used)| *used != Used::default()).collect()
    }

    /// The price of a number: that of the longest prefix of its full form.
    fn price(&self, number: &Number) -> Price {
        let full = self.settings.country.full(number.as_str());
        let full = full.as_deref().unwrap_or(number.as_str());
        let fits = |rate: &&Rate| full.starts_with(rate.prefix.as_str());
        let longest =
            self.settings.rates.iter().filter(fits).max_by_key(|r| r.prefix.as_str().len());
        longest.map_or(self.settings.price, Rate::price)
    }

    fn pay(&mut self, now: Now, leg: LegId) {
        let Some(open) = self.open.get_mut(&leg) else { return };
        let step = open.step();
        open.answered = true;
        open.next = Some(self.timers.set(now.instant + Duration::from_secs(step.seconds), leg));
        let spent = Spent {
            payer: open.payer.clone(),
            trunk: open.trunk.clone(),
            call: Some(open.call),
            calls: 0,
            attempts: 0,
            seconds: step.seconds,
            money: step.money,
        };
        self.spend(now, spent);
    }

    fn spend(&mut self, now: Now, spent: Spent) {
        let near = |budget: &Budget, subject: &Subject| -> Vec<Mark> {
            let marks = budget.marks_of(now, subject);
            marks.into_iter().filter(Mark::is_near).collect()
        };
        let before: Vec<_> = spent.subjects().iter().flat_map(|s| near(self, s)).collect();
        self.ledger.apply(now.unix, &spent);
        let known = |mark: &Mark| {
            let same = |old: &Mark| {
                (&old.subject, old.within, old.measure)
                    == (&mark.subject, mark.within, mark.measure)
            };
            before.iter().any(same)
        };
        let after: Vec<_> = spent.subjects().iter().flat_map(|s| near(self, s)).collect();
        self.outputs.push_back(Output::Spent(spent));
        self.outputs.extend(after.into_iter().filter(|mark| !known(mark)).map(Output::Near));
    }

    /// Whether `more` still fits under every cap of a subject, beside what is set aside for calls that nobody has answered.
    fn room(&self, now: Now, subject: &Subject, more: Used) -> Result<(), Reached> {
        let aside = self.open.values().filter(|open| !open.answered);
        let aside = aside
            .filter(|open| open.subjects().contains(subject))
            .fold(Used::default(), |sum, open| sum.plus(open.step()));
        for mark in self.marks_of(now, subject).into_iter().filter(|mark| mark.lifted.is_none()) {
            let asked = aside.plus(more).of(mark.measure);
            if asked > 0 && mark.spent.saturating_add(asked) > mark.cap {
                let Mark { subject, within, measure, .. } = mark;
                return Err(Reached { subject, within, measure });
            }
        }
        Ok(())
    }

    /// The caps of a subject. One that names it stands in the place of one for all of its kind.
    fn marks_of(&self, now: Now, subject: &Subject) -> Vec<Mark> {
        let mut marks = Vec::new();
        for within in [Within::Hour, Within::Day] {
            let caps = || self.settings.caps.iter().filter(move |cap| cap.within == within);
            let own: Vec<_> =
                caps().filter(|cap| cap.of.subject().as_ref() == Some(subject)).collect();
            let caps = match own.is_empty() {
                true => caps().filter(|cap| cap.of.is_every(subject)).collect(),
                false => own,
            };
            let used = self.ledger.used(now.unix, subject, within);
            for (measure, cap) in caps.into_iter().flat_map(measures) {
                let (subject, spent) = (subject.clone(), used.of(measure));
                let lifted = self.ledger.lifted(now.unix, &subject);
                marks.push(Mark { subject, within, measure, spent, cap, lifted });
            }
        }
        marks
    }
}

/// What a cap says, each in its unit.
fn measures(cap: &Cap) -> impl Iterator<Item = (Measure, u64)> {
    let each = [
        (Measure::Calls, cap.calls.map(u64::from)),
        (Measure::Minutes, cap.minutes.map(|minutes| u64::from(minutes) * 60)),
        (Measure::Money, cap.money.map(|money| money.0)),
    ];
    each.into_iter().filter_map(|(measure, cap)| Some((measure, cap?)))
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Measure::Calls => "calls",
            Measure::Minutes => "minutes",
            Measure::Money => "money",
        })
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} of {} for one {}", self.measure, self.subject, self.within)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests;
