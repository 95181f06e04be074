//! The sheet that counts are written on: one row for each interval and group, and, where a number is to be opened, the
//! contacts behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::WorkId;
use crate::report::counter::{Counter, Counts};
use crate::report::fact::{Case, Journey, Place, Survey};
use crate::report::grid::{Grid, Slot};
use crate::report::{By, Hours};
use crate::time::UnixTime;

/// What stands behind a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// A contact.
    Work(WorkId),
    /// An issue.
    Case(Case),
    /// A journey.
    Journey(Journey),
    /// A survey.
    Survey(Survey),
    /// Nothing: an agent's time without work.
    Nothing,
}

/// Where something is counted, found when it began; nowhere when that was outside of the report.
#[derive(Debug, Clone, Default)]
pub(super) struct Home {
    pub slot: Option<UnixTime>,
    pub place: Place,
}

/// A name that rows are grouped by.
pub type Group = Option<Arc<str>>;

/// What is behind the counts that are to be opened: how much each thing added to each kind.
pub(super) type Behind = BTreeMap<(Counter, Counted), i64>;

#[derive(Debug)]
pub(super) struct Sheet {
    grid: Grid,
    from: UnixTime,
    to: UnixTime,
    by: By,
    hours: Option<Hours>,
    rows: BTreeMap<(UnixTime, Group), Counts>,
    /// Kinds to be opened, and in which group.
    open: Option<(Vec<Counter>, Option<Arc<str>>)>,
    behind: Behind,
}

impl Sheet {
    pub fn new(
        grid: Grid,
        (from, to): (UnixTime, UnixTime),
        by: By,
        hours: Option<Hours>,
        open: Option<(Vec<Counter>, Option<Arc<str>>)>,
    ) -> Self {
        Sheet { grid, from, to, by, hours, rows: BTreeMap::new(), open, behind: Behind::new() }
    }

    pub fn by(&self) -> By {
        self.by
    }

    /// Where what begins now is counted.
    pub fn home(&mut self, at: UnixTime, place: Place) -> Home {
        let within = self.from <= at && at < self.to && self.is_wanted(at, &place);
        let slot = if within { self.grid.slot(at) } else { None };
        Home { slot: slot.map(|slot| slot.start), place }
    }

    fn is_wanted(&self, at: UnixTime, place: &Place) -> bool {
        self.hours.as_ref().is_none_or(|hours| hours.admit(at, place))
    }

    /// Adds to a count.
    pub fn add(&mut self, home: &Home, counter: Counter, amount: i64, of: Counted) {
        let Some(start) = home.slot else { return };
        let group = self.group(&home.place);
        if let Some((counters, wanted)) = &self.open
            && counters.contains(&counter)
            && (wanted.is_none() || *wanted == group)
        {
            *self.behind.entry((counter, of)).or_default() += amount;
        }
        self.rows.entry((start, group)).or_default().add(counter, amount);
    }

    /// Adds one.
    pub fn count(&mut self, home: &Home, counter: Counter, of: Counted) {
        self.add(home, counter, 1, of);
    }

    /// The part of a span that is in the report, cut at the ends of intervals.
    pub fn cut(&mut self, from: UnixTime, to: UnixTime) -> Vec<(UnixTime, i64)> {
        let (mut at, end) = (from.max(self.from), to.min(self.to));
        let mut parts = Vec::new();
        while at < end {
            let Some(slot) = self.grid.slot(at) else { break };
            let until = slot.end.min(end);
            parts.push((at, until.0 - at.0));
            at = until;
        }
        parts
    }

    /// The rows in order, each with its interval, and what is behind the counts that were to be opened.
    pub fn finish(mut self) -> (Vec<(Slot, Group, Counts)>, Behind) {
        let rows = std::mem::take(&mut self.rows);
        let row = |((start, group), counts): ((UnixTime, Group), Counts)| {
            Some((self.grid.slot(start)?, group, counts))
        };
        self.behind.retain(|_, amount| *amount != 0);
        (rows.into_iter().filter_map(row).collect(), self.behind)
    }

    fn group(&self, place: &Place) -> Group {
        match self.by {
            By::Nothing => None,
            By::Queue => place.queue.as_ref().map(|queue| Arc::from(queue.as_str())),
            By::Agent => place.agent.as_ref().map(|agent| Arc::from(agent.as_str())),
            By::Channel => place.channel.map(|channel| Arc::from(channel.name())),
            By::QueueAndChannel => {
                let queue = place.queue.as_ref()?;
                let channel = place.channel.unwrap_or_default();
                Some(Arc::from(format!("{queue}\t{}", channel.name())))
            }
        }
    }
}
