//! `[reports]`: what the site means by its words.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{Queue, Settings};
use crate::call::budget::Money;
use crate::hours::{self, Calendar};
use crate::id::AgentId;
use crate::report;
use crate::report::fact::Words;

/// `[reports]`: what the site means by its words. A queue's target is its own `service_level`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reports {
    /// Seconds before which somebody who hangs up does not count as lost; 0 to 60, default 5.
    pub short_abandon: u16,
    /// Hours after which a message or mail counts as unanswered; 1 to 720, default 24.
    pub unanswered_hours: u16,
    /// What an hour of an agent costs; default 0.
    pub hourly_cost: Money,
    /// Agents who cost something else.
    pub hourly_costs: BTreeMap<AgentId, Money>,
    /// Nodes of flows that callers came for: who reached one was served without a human. Default none.
    pub goals: Vec<String>,
    /// Days for which a journey over channels goes on without an open case; 1 to 30, default 7.
    pub journey_days: u16,
}

impl Default for Reports {
    fn default() -> Self {
        Reports {
            short_abandon: 5,
            unanswered_hours: 24,
            hourly_cost: Money::default(),
            hourly_costs: BTreeMap::new(),
            goals: Vec::new(),
            journey_days: 7,
        }
    }
}

impl Settings {
    /// Opening hours, in the site's zone where a calendar has none of its own.
    pub fn opening(&self) -> report::Opening {
        // The site's zone was checked with its section.
        let zone = hours::zone(&self.site.time_zone).unwrap_or(TimeZone::UTC);
        let read = |calendar: &hours::Settings| {
            let name = calendar.name.get_ref().clone();
            Some((name, Calendar::new(calendar, &zone).ok()?))
        };
        let calendars: BTreeMap<_, _> = self.calendars.iter().filter_map(read).collect();
        let own = |queue: &Queue| {
            let calendar = calendars.get(queue.calendar.as_deref()?)?;
            Some((queue.name.clone(), calendar.clone()))
        };
        let queues = self.queues.iter().filter_map(own).collect();
        report::Opening { calendars, queues }
    }

    /// What facts are made with.
    pub fn fact_words(&self) -> Words {
        let own = &self.reports;
        let journey = Duration::from_secs(u64::from(own.journey_days) * 86_400);
        Words { goals: own.goals.clone(), journey }
    }

    /// What reports are made with.
    pub fn report_words(&self) -> report::Settings {
        let own = &self.reports;
        let seconds = |seconds: u64| i64::try_from(seconds * 1_000_000).unwrap_or(i64::MAX);
        let money = |money: &Money| i64::try_from(money.0).unwrap_or(i64::MAX);
        let target = |queue: &Queue| (queue.name.clone(), seconds(queue.service_level.into()));
        report::Settings {
            targets: self.queues.iter().map(target).collect(),
            short: seconds(own.short_abandon.into()),
            unanswered: seconds(u64::from(own.unanswered_hours) * 3_600),
            rate: money(&own.hourly_cost),
            rates: own.hourly_costs.iter().map(|(id, cost)| (id.clone(), money(cost))).collect(),
            ..report::Settings::default()
        }
    }
}
