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

#[cfg(test)]
mod tests {
    use super::super::{Asked, Features, Inbound, Origin, Outbound, Rules};
    use super::*;
    use crate::call::country::Country;
    use crate::call::pattern::Pattern;
    use crate::call::plan::{Emergency, Feature, Why};

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    fn plan() -> Plan {
        let calendar = "name = 'office'\nopen = [{ days = 'mon-fri', from = '08:00', to = '18:00' }]\nholidays = ['12-25']";
        let zone = crate::hours::zone("UTC").unwrap();
        let calendar = Calendar::new(&toml::from_str(calendar).unwrap(), &zone).unwrap();
        let schedule = "name = 'day'\ncalendar = 'office'\nopen = 'group:sales'\nclosed = 'extension:202'\nholiday = 'echo'\ncode = '*28'\nextensions = ['201']";
        let to = Target::Schedule("day".into());
        let way_out = Outbound {
            name: "outside".into(),
            pattern: Some(Pattern::parse("9.").unwrap()),
            prefix: None,
            strip: 1,
            prepend: None,
            trunks: vec!["carrier".into()],
            extensions: vec!["202".into()],
            from_trunks: vec![],
            allow: vec![],
        };
        Plan::new(Rules {
            country: Country::from_code("US").unwrap(),
            extensions: vec!["201".into(), "202".into()],
            trunks: vec!["carrier".into()],
            inbound: vec![Inbound { number: number("+15550100"), trunk: None, to }],
            internal: vec![],
            conferences: vec![],
            outbound: vec![way_out],
            emergency: Emergency::default(),
            features: Features::default(),
            desk: DeskRules {
                groups: vec![(number("300"), "sales".into()), (number("702"), "sales".into())],
                pages: vec![(number("390"), "all".into())],
                slots: Slots::default(),
                schedules: vec![(toml::from_str(schedule).unwrap(), Some(calendar))],
            },
        })
    }

    /// 2026-11-20 is a Friday.
    fn at(text: &str) -> UnixTime {
        UnixTime(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn inside(from: &str, dialled: &str) -> Destination {
        let from = Origin::Extension(from.into());
        plan().decide(&Asked { dialled, from, unix: UnixTime(0) }).destination
    }

    #[test]
    fn a_schedule_leads_by_the_hour_and_by_order() {
        let mut plan = plan();
        let to = |plan: &Plan, when: &str| {
            let from = Origin::Trunk("carrier".into());
            plan.decide(&Asked { dialled: "+15550100", from, unix: at(when) }).destination
        };
        let (sales, night) =
            (Destination::Group("sales".into()), Destination::Extension("202".into()));
        assert_eq!(to(&plan, "2026-11-20T17:59:59Z"), sales);
        assert_eq!(to(&plan, "2026-11-20T18:00:00Z"), night);
        assert_eq!(to(&plan, "2026-12-25T12:00:00Z"), Destination::Echo);
        plan.force(&"day".into(), Some(Forced::Open));
        assert_eq!(to(&plan, "2026-12-25T12:00:00Z"), sales);
        plan.force(&"day".into(), None);
        assert_eq!(to(&plan, "2026-12-25T12:00:00Z"), Destination::Echo);
    }

    #[test]
    fn what_phones_dial_of_all_this() {
        assert_eq!(inside("201", "300"), Destination::Group("sales".into()));
        assert_eq!(inside("201", "390"), Destination::Page("all".into()));
        assert_eq!(inside("201", "701"), Destination::Slot(crate::call::desk::Slot(701)));
        assert_eq!(inside("201", "702"), Destination::Group("sales".into()), "the site's number");
        let order = Order::Force(Forced::Closed);
        assert_eq!(inside("201", "*282"), Destination::Override("day".into(), order));
        assert_eq!(inside("201", "*28"), Destination::Override("day".into(), Order::Tell));
        assert!(matches!(inside("202", "*282"), Destination::Nowhere(Why::NotThisCaller { .. })));
        assert!(matches!(inside("201", "*284"), Destination::Nowhere(Why::Unknown)));
    }

    #[test]
    fn a_forward_leads_where_its_extension_may_dial_and_never_to_help() {
        let onward = |by: &str, to: &str| {
            let number = number(to);
            plan().onward(Destination::Dial { number, by: by.into() }, UnixTime(0))
        };
        let out = onward("202", "95550123");
        assert!(
            matches!(&out, Destination::Outbound { payer, .. } if *payer == Origin::Extension("202".into())),
            "{out:?}"
        );
        assert!(matches!(
            onward("201", "95550123"),
            Destination::Nowhere(Why::NotThisCaller { .. })
        ));
        assert!(matches!(
            onward("202", "9011442071234567"),
            Destination::Nowhere(Why::Class { .. })
        ));
        for never in ["911", "9911", "*6795550123*", "*41", "701", "*282", "*67911"] {
            assert!(matches!(onward("202", never), Destination::Nowhere(_)), "{never}");
        }
        let schedule = Destination::Schedule("day".into());
        assert_eq!(
            plan().onward(schedule, at("2026-11-20T12:00:00Z")),
            Destination::Group("sales".into())
        );
        assert_eq!(inside("201", "*68"), Destination::Feature(Feature::Park, None));
    }
}
