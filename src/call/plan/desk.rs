//! Numbers of the branch that are no single phone: groups, loudspeakers, parking places; and schedules, which decide by
//! the hour.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Destination, Plan, Step, Target, note};
use crate::address::Number;
use crate::call::desk::Slots;
use crate::hours::{Calendar, State};
use crate::id::{ExtensionId, GroupId, PageId, ScheduleId};
use crate::time::UnixTime;

/// What a plan knows about these.
#[derive(Debug, Clone, Default)]
pub struct DeskRules {
    /// Numbers of ring groups.
    pub groups: Vec<(Number, GroupId)>,
    /// Numbers of groups of loudspeakers.
    pub pages: Vec<(Number, PageId)>,
    /// Parking places.
    pub slots: Slots,
    /// Schedules; the order of the configuration.
    pub schedules: Vec<(Schedule, Option<Calendar>)>,
}

/// `[[schedule]]`: where callers go by the hour.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// What rules call it: `schedule:NAME`.
    pub name: ScheduleId,
    /// The calendar whose hours count.
    pub calendar: String,
    /// Where callers go while it is open.
    pub open: Target,
    /// Where they go while it is closed.
    pub closed: Target,
    /// Where they go on holidays. Default: `closed`.
    #[serde(default)]
    pub holiday: Option<Target>,
    /// What phones dial to override it, with 0 (by the calendar), 1 (open), 2 (closed) or 3 (holiday) behind; none when
    /// absent.
    #[serde(default)]
    pub code: Option<Number>,
    /// Extensions that may override it; all when empty.
    #[serde(default)]
    pub extensions: Vec<ExtensionId>,
}

/// How a schedule is told to be, whatever its calendar says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forced {
    /// Open.
    Open,
    /// Closed.
    Closed,
    /// On holiday.
    Holiday,
}

/// What a code orders a schedule to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Nothing: tell how it is.
    Tell,
    /// Follow the calendar.
    Follow,
    /// Be so until told otherwise.
    Force(Forced),
}

/// Which schedules are overridden.
pub(super) type Overrides = BTreeMap<ScheduleId, Forced>;

impl Schedule {
    fn target(&self, state: State) -> &Target {
        match state {
            State::Open => &self.open,
            State::Closed => &self.closed,
            State::Holiday => self.holiday.as_ref().unwrap_or(&self.closed),
        }
    }

    fn allows(&self, extension: &ExtensionId) -> bool {
        self.extensions.is_empty() || self.extensions.contains(extension)
    }

    /// Every target with its key.
    pub fn targets(&self) -> impl Iterator<Item = (&'static str, &Target)> {
        let holiday = self.holiday.as_ref().map(|target| ("holiday", target));
        [("open", &self.open), ("closed", &self.closed)].into_iter().chain(holiday)
    }
}

impl Plan {
    /// Overrides a schedule, or lets it follow its calendar again.
    pub fn force(&mut self, schedule: &ScheduleId, forced: Option<Forced>) {
        match forced {
            Some(forced) => self.overrides.insert(schedule.clone(), forced),
            None => self.overrides.remove(schedule),
        };
    }

    /// How a schedule is at a moment, and whether that is an override. Closed where its calendar cannot be read.
    pub fn state(&self, schedule: &ScheduleId, at: UnixTime) -> Option<(State, bool)> {
        let (_, calendar) =
            self.rules.desk.schedules.iter().find(|(known, _)| known.name == *schedule)?;
        Some(match self.overrides.get(schedule) {
            Some(Forced::Open) => (State::Open, true),
            Some(Forced::Closed) => (State::Closed, true),
            Some(Forced::Holiday) => (State::Holiday, true),
            None => (calendar.as_ref().map_or(State::Closed, |calendar| calendar.state(at)), false),
        })
    }

    /// Follows schedules to where they lead now. A schedule may lead to another one, and none to itself.
    pub(super) fn by_the_hour(
        &self,
        destination: Destination,
        at: UnixTime,
        because: &mut Vec<Step>,
    ) -> Destination {
        let mut destination = destination;
        for _ in 0..=self.rules.desk.schedules.len() {
            let Destination::Schedule(name) = &destination else { return destination };
            let schedules = &self.rules.desk.schedules;
            let found = schedules.iter().find(|(known, _)| known.name == *name);
            let (Some((schedule, _)), Some((state, forced))) = (found, self.state(name, at)) else {
                break;
            };
            let how = match state {
                State::Open => "open",
                State::Closed => "closed",
                State::Holiday => "on holiday",
            };
            let by = if forced { "an override" } else { &schedule.calendar };
            let target = schedule.target(state).clone();
            note(because, format!("schedule {name} is {how} by {by}, which leads to {target}"));
            destination = target.into();
        }
        note(because, "schedules lead round in a circle, or to none".to_owned());
        Destination::Nowhere(super::Why::Unknown)
    }

    /// What an extension dials that is a group, a loudspeaker, a parking place or the code of a schedule.
    pub(super) fn desk_number(
        &self,
        number: &Number,
        caller: &ExtensionId,
        because: &mut Vec<Step>,
    ) -> Option<Destination> {
        let desk = &self.rules.desk;
        if let Some((_, group)) = desk.groups.iter().find(|(own, _)| own == number) {
            note(because, format!("it is the number of group {group}"));
            return Some(Destination::Group(group.clone()));
        }
        if let Some((_, page)) = desk.pages.iter().find(|(own, _)| own == number) {
            note(because, format!("it is the number of page {page}"));
            return Some(Destination::Page(page.clone()));
        }
        let order = |(schedule, _): &(Schedule, _)| {
            let rest = number.as_str().strip_prefix(schedule.code.as_ref()?.as_str())?;
            let order = match rest {
                "" => Order::Tell,
                "0" => Order::Follow,
                "1" => Order::Force(Forced::Open),
                "2" => Order::Force(Forced::Closed),
                "3" => Order::Force(Forced::Holiday),
                _ => return None,
            };
            Some((schedule.name.clone(), order, schedule.allows(caller)))
        };
        let (schedule, order, allowed) = desk.schedules.iter().find_map(order)?;
        note(because, format!("it is the code of schedule {schedule}"));
        if allowed {
            return Some(Destination::Override(schedule, order));
        }
        note(because, format!("extension {caller} is not among its `extensions`"));
        Some(Destination::Nowhere(super::Why::NotThisCaller { rule: schedule.to_string() }))
    }

    /// A parking place with this number.
    pub(super) fn slot(&self, number: &Number, because: &mut Vec<Step>) -> Option<Destination> {
        let slot = self.rules.desk.slots.find(number)?;
        note(because, format!("it is parking place {slot}"));
        Some(Destination::Slot(slot))
    }
}
