//! Reports: figures over intervals, made from facts.
//!
//! Owns what is counted and how: facts in order of time go in once ([`Report::handle`]), rows of counts come out
//! ([`Report::finish`]), and [`formula`] makes figures of them, F1 to F14 with their variants. Memory is bounded by what is
//! open and by intervals, not by how many facts there are. Also here: intervals on the site's clock ([`grid`]), the export
//! for planners ([`wfm`]), and how many agents a load needs ([`erlang`]). Knows no journal: who has one makes facts of it.

pub mod counter;
pub mod erlang;
pub mod fact;
pub mod formula;
pub mod grid;
pub mod interaction;
mod issues;
mod moves;
mod service;
mod sheet;
pub mod span;
mod surveys;
pub mod wfm;
pub mod wilson;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::hours::{Calendar, State};
use crate::id::{AgentId, QueueId};
use crate::report::counter::{Counter, Counts};
use crate::report::fact::{Fact, Place, What};
use crate::report::formula::Formula;
use crate::report::grid::{Every, Grid, Slot};
use crate::report::sheet::{Behind, Sheet};
pub use crate::report::sheet::{Counted, Group};
use crate::time::UnixTime;

/// What rows are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// One row for each interval.
    Nothing,
    /// By queue.
    Queue,
    /// By agent.
    Agent,
    /// By channel.
    Channel,
    /// By queue and channel, as [`wfm`] exports it: both names, with a tab between.
    QueueAndChannel,
}

/// What the site means by its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Answered within this is in target, T, where a queue has none of its own; in microseconds. Default 20 s.
    pub target: i64,
    /// Targets of queues as they are today; in microseconds.
    pub targets: BTreeMap<QueueId, i64>,
    /// Abandoned before this is short, s; in microseconds. Default 5 s.
    pub short: i64,
    /// How long a message or mail may go unanswered; in microseconds. Default 24 h.
    pub unanswered: i64,
    /// What an hour of an agent costs, in millionths of the currency. Default 0.
    pub rate: i64,
    /// Agents who cost something else.
    pub rates: BTreeMap<AgentId, i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            target: 20_000_000,
            targets: BTreeMap::new(),
            short: 5_000_000,
            unanswered: 24 * 3_600_000_000,
            rate: 0,
            rates: BTreeMap::new(),
        }
    }
}

impl Settings {
    fn target(&self, queue: &QueueId) -> i64 {
        self.targets.get(queue).copied().unwrap_or(self.target)
    }

    fn rate(&self, agent: &AgentId) -> i64 {
        self.rates.get(agent).copied().unwrap_or(self.rate)
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct Query {
    /// The first moment that counts.
    pub from: UnixTime,
    /// The first that no longer does.
    pub to: UnixTime,
    /// The site's zone.
    pub zone: TimeZone,
    /// How long intervals are.
    pub every: Every,
    /// What rows are grouped by.
    pub by: By,
    /// Only what began while the calendar said so.
    pub hours: Option<Hours>,
    /// A formula whose contacts are to be listed, and the group to list them for; for all groups when absent.
    pub open: Option<(Formula, Option<Arc<str>>)>,
    /// What the site means by its words.
    pub settings: Settings,
}

/// When something has to have begun to count.
#[derive(Debug, Clone)]
pub struct Hours {
    /// How the calendar has to stand then.
    pub state: State,
    /// Which calendar.
    pub of: HoursOf,
}

/// Whose opening hours count.
#[derive(Debug, Clone)]
pub enum HoursOf {
    /// One calendar's, for everything.
    Calendar(Calendar),
    /// Each queue's own. A queue without one is always open, and so is what waits in none.
    Queues(BTreeMap<QueueId, Calendar>),
}

/// Opening hours of a site.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// Every calendar.
    pub calendars: BTreeMap<String, Calendar>,
    /// Those of queues that have one.
    pub queues: BTreeMap<QueueId, Calendar>,
}

impl Opening {
    /// When something has to have begun; by that calendar, or by each queue's own where none is named. Nothing if there is
    /// no such calendar.
    pub fn hours(&self, state: State, calendar: Option<&str>) -> Option<Hours> {
        let of = match calendar {
            Some(name) => HoursOf::Calendar(self.calendars.get(name)?.clone()),
            None => HoursOf::Queues(self.queues.clone()),
        };
        Some(Hours { state, of })
    }
}

impl Hours {
    fn admit(&self, at: UnixTime, place: &Place) -> bool {
        let calendar = match &self.of {
            HoursOf::Calendar(calendar) => Some(calendar),
            HoursOf::Queues(own) => place.queue.as_ref().and_then(|queue| own.get(queue)),
        };
        calendar.map_or(State::Open, |calendar| calendar.state(at)) == self.state
    }
}

/// Why a report is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It ends before it begins.
    Empty,
    /// It would have more intervals than [`MOST_INTERVALS`].
    TooLong,
}

/// The most intervals of one report: more than a year of quarter hours, which is what a planner takes at a time.
pub const MOST_INTERVALS: i64 = 40_000;

/// What facts did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Misfits {
    /// Facts earlier than the one before: taken as if they were as late.
    pub late: u64,
    /// Facts about work that began before the first fact.
    pub strays: u64,
    /// Answers to surveys out of range, late, or said twice.
    pub answers: u64,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its interval.
    pub slot: Slot,
    /// Its group; nothing for what belongs to none.
    pub group: Group,
    /// What was counted.
    pub counts: Counts,
}

/// What a number is made of: each thing, and how much it adds.
pub type Opened = Vec<(Counted, f64)>;

/// A report that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// Rows by interval and group. What had nothing has none.
    pub rows: Vec<Row>,
    /// What did not fit.
    pub misfits: Misfits,
    /// Above and below the line of the formula that was to be opened.
    pub opened: Option<(Opened, Opened)>,
}

/// A report in the making.
#[derive(Debug)]
pub struct Report {
    sheet: Sheet,
    works: work::Works,
    issues: issues::Issues,
    service: service::Service,
    moves: moves::Moves,
    surveys: surveys::Surveys,
    open: Option<Formula>,
    now: UnixTime,
    late: u64,
}

impl Report {
    /// An empty one.
    pub fn new(query: Query) -> Result<Self, Refused> {
        let span = query.to.0.checked_sub(query.from.0).filter(|span| *span > 0);
        let span = span.ok_or(Refused::Empty)? / 1_000_000;
        if span / query.every.seconds() > MOST_INTERVALS {
            return Err(Refused::TooLong);
        }
        let open = query.open.as_ref().map(|(formula, group)| (formula.counters(), group.clone()));
        let grid = Grid::new(query.zone, query.every);
        Ok(Report {
            sheet: Sheet::new(grid, (query.from, query.to), query.by, query.hours, open),
            works: work::Works::new(query.settings),
            issues: issues::Issues::default(),
            service: service::Service::default(),
            moves: moves::Moves::default(),
            surveys: surveys::Surveys::default(),
            open: query.open.map(|(formula, _)| formula),
            now: UnixTime(i64::MIN),
            late: 0,
        })
    }

    /// Takes up the next fact. Those before the report's first moment are wanted too: what was open then, and who had
    /// called before; and those after its last: whether somebody came again.
    pub fn handle(&mut self, fact: &Fact) {
        self.late += u64::from(fact.at < self.now);
        self.now = self.now.max(fact.at);
        let (sheet, at, what) = (&mut self.sheet, self.now, &fact.what);
        match what {
            What::Inbound { .. } | What::About { .. } | What::CaseClosed { .. } => {
                self.issues.handle(sheet, at, what);
                self.service.handle(sheet, at, what);
            }
            What::SurveySent { .. } | What::SurveyAnswered { .. } => {
                self.surveys.handle(sheet, at, what)
            }
            _ => {
                self.works.handle(sheet, at, what);
                self.service.handle(sheet, at, what);
                self.moves.handle(sheet, at, what);
            }
        }
    }

    /// The facts end; `now` is how far they reach. What is too young to say by then is counted as such.
    pub fn finish(mut self, now: UnixTime) -> Done {
        let now = now.max(self.now);
        self.works.finish(&mut self.sheet, now);
        self.issues.finish(&mut self.sheet, now);
        self.service.finish(&mut self.sheet, now);
        self.moves.finish(&mut self.sheet);
        let (rows, behind) = self.sheet.finish();
        let opened = self.open.map(|formula| {
            (opened(&formula.numerator, &behind), opened(&formula.denominator, &behind))
        });
        let row = |(slot, group, counts)| Row { slot, group, counts };
        let (late, strays, answers) = (self.late, self.works.strays, self.surveys.refused);
        Done {
            rows: rows.into_iter().map(row).collect(),
            misfits: Misfits { late, strays, answers },
            opened,
        }
    }
}

/// Rows of all intervals added up, by group.
pub fn totals(rows: &[Row]) -> BTreeMap<Group, Counts> {
    let mut totals: BTreeMap<Group, Counts> = BTreeMap::new();
    for row in rows {
        totals.entry(row.group.clone()).or_default().merge(&row.counts);
    }
    totals
}

/// What stands behind one side of a formula; what adds nothing, or is taken off again, does not.
fn opened(sum: &[(Counter, f64)], behind: &Behind) -> Opened {
    let mut things: BTreeMap<Counted, f64> = BTreeMap::new();
    for ((counter, thing), amount) in behind {
        let weights = sum.iter().filter(|(of, _)| of == counter);
        let weight: f64 = weights.map(|(_, weight)| weight).sum();
        *things.entry(*thing).or_default() += weight * *amount as f64;
    }
    things.into_iter().filter(|(_, amount)| amount.abs() > 1e-9).collect()
}
