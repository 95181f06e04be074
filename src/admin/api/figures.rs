//! Reports over the API: figures with their formulas' ids, and what stands behind each.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use crate::hours::State;
use crate::id::CallId;
use crate::report::formula::{self, Formula, Unit};
use crate::report::grid::{Every, Grid};
use crate::report::wfm::{self, Export};
use crate::report::{self, By, Counted, Done, Group, Hours, Opening, Query, Refused, span, totals};
use crate::time::UnixTime;

use super::problem::{Kind, Problem};

/// Formulas where none is named.
const USUAL: &str = "F1,F4,F5,F7";
/// Most formulas in one answer; there are some forty.
const MOST_FORMULAS: usize = 64;

/// A formula.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FormulaLine {
    /// Its id, which stands beside each of its figures.
    pub id: String,
    /// What it says.
    pub title: &'static str,
    /// What it is given in: `share`, `seconds`, `number`, `points/100`, `money`.
    pub unit: &'static str,
    /// What it can be grouped by.
    pub by: Vec<&'static str>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReportPage {
    /// The first moment that counts.
    pub since: String,
    /// The first that no longer does.
    pub until: String,
    /// What rows are grouped by; absent for all together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<&'static str>,
    /// What the ids stand for.
    pub formulas: Vec<FormulaLine>,
    /// By interval and group; what had nothing has none.
    pub items: Vec<ReportRow>,
    /// All intervals added up, by group: from counts, never from figures.
    pub totals: Vec<ReportTotal>,
    /// What did not fit and was left out.
    pub left_out: LeftOut,
    /// Give this as `after` to have more rows; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
}

/// An interval of a group.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReportRow {
    /// Its beginning, on the site's clock.
    pub start: String,
    /// Its end, which does not belong to it.
    pub end: String,
    /// Its group; null for what belongs to none.
    pub group: Option<String>,
    /// Its figures.
    pub figures: Vec<FigureLine>,
}

/// A group over all intervals.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReportTotal {
    /// The group; null for what belongs to none.
    pub group: Option<String>,
    /// Its figures.
    pub figures: Vec<FigureLine>,
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FigureLine {
    /// Its formula.
    pub formula: String,
    /// What stands above the line.
    pub numerator: f64,
    /// And below it.
    pub denominator: f64,
    /// One over the other; null when nothing stands below.
    pub value: Option<f64>,
    /// The lower end of its 95 % interval, where it has one.
    pub low: Option<f64>,
    /// The upper one.
    pub high: Option<f64>,
    /// What was counted beside it and in neither: too young to say, not known.
    pub beside: Option<i64>,
}

/// What did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeftOut {
    /// Facts that were out of order, and counted as if they had come in time.
    pub late: u64,
    /// Facts about work that began before the first one.
    pub strays: u64,
    /// Answers to surveys that do not count.
    pub answers: u64,
}

/// What a figure counted.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OpenedLine {
    /// What it is: `contact`, `case`, `journey`, `survey`, or `time` of an agent without work.
    pub kind: &'static str,
    /// Which; a contact by voice is its call: `/api/v1/calls/{id}`.
    pub id: Option<String>,
    /// What it adds above the line.
    pub above: f64,
    /// And below it.
    pub below: f64,
}

/// What somebody wants to have reported, in their words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// From here on; today when absent.
    pub since: Option<String>,
    /// Until here; a date counts whole.
    pub until: Option<String>,
    /// How long intervals are; a day when absent.
    pub interval: Option<String>,
    /// `queue`, `agent` or `channel`.
    pub by: Option<String>,
    /// Ids of formulas.
    pub formula: Option<String>,
    /// `open`, `closed` or `holiday`: only what began while the calendar stood so.
    pub hours: Option<String>,
    /// Which calendar; each queue's own when absent.
    pub calendar: Option<String>,
    /// A group, whose contacts are wanted.
    pub group: Option<String>,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// At most so many rows.
    pub limit: usize,
}

/// What a site is, as far as reports want to know.
#[derive(Debug, Clone, Copy)]
pub struct Site<'s> {
    /// Its zone.
    pub zone: &'s TimeZone,
    /// What it means by its words.
    pub words: &'s report::Settings,
    /// When it is open.
    pub opening: &'s Opening,
    /// The time there is it.
    pub now: UnixTime,
}

/// A wish that can be carried out.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What the report is asked.
    pub query: Query,
    formulas: Vec<Formula>,
    after: Option<String>,
    limit: usize,
}

fn wrong(at: &str, detail: impl Into<String>, advice: &str) -> Problem {
    Problem::new(Kind::Malformed, detail, advice).at(format!("query/{at}"))
}

fn formulas(list: &str) -> Result<Vec<Formula>, Problem> {
    let advice = "GET /api/v1/reports/formulas lists them";
    let found = formula::named(list)
        .map_err(|id| wrong("formula", format!("there is no formula {id}"), advice))?;
    match found.len() {
        1..=MOST_FORMULAS => Ok(found),
        _ => Err(wrong("formula", "those are none, or too many", advice)),
    }
}

impl Wish {
    fn by(&self) -> By {
        match self.by.as_deref() {
            Some("queue") => By::Queue,
            Some("agent") => By::Agent,
            Some("channel") => By::Channel,
            _ => By::Nothing,
        }
    }

    fn query(
        &self,
        Site { zone, words, opening, now }: Site<'_>,
        by: By,
    ) -> Result<Query, Problem> {
        let hours = self.hours(opening)?;
        let span = span::read(self.since.as_deref(), self.until.as_deref(), zone, now);
        let (from, to) = span.map_err(|_| {
            let advice =
                "a date such as 2026-11-16, a local time such as 2026-11-16T08:00, or RFC 3339";
            wrong("since", "since or until is no date and no time", advice)
        })?;
        let every = self.interval.as_deref().and_then(Every::named).unwrap_or(Every::Day);
        let (zone, settings) = (zone.clone(), words.clone());
        Ok(Query { from, to, zone, every, by, hours, open: None, settings })
    }

    fn hours(&self, opening: &Opening) -> Result<Option<Hours>, Problem> {
        let state = match self.hours.as_deref() {
            Some("open") => State::Open,
            Some("closed") => State::Closed,
            Some("holiday") => State::Holiday,
            _ if self.calendar.is_some() => {
                return Err(wrong("calendar", "what should it say?", "say `hours` too"));
            }
            _ => return Ok(None),
        };
        let calendar = self.calendar.as_deref();
        let none =
            || wrong("calendar", "there is no such calendar", "name one of the configuration");
        opening.hours(state, calendar).map(Some).ok_or_else(none)
    }

    fn asked(self, query: Query, formulas: Vec<Formula>) -> Asked {
        Asked { query, formulas, after: self.after, limit: self.limit }
    }

    /// As figures by interval.
    ///
    /// # Errors
    /// When a part of it cannot be read.
    pub fn figures(self, site: Site<'_>) -> Result<Asked, Problem> {
        let query = self.query(site, self.by())?;
        let formulas = formulas(self.formula.as_deref().unwrap_or(USUAL))?;
        Ok(self.asked(query, formulas))
    }

    /// As the export for planners.
    ///
    /// # Errors
    /// As [`Wish::figures`].
    pub fn planners(self, site: Site<'_>) -> Result<Asked, Problem> {
        let query = self.query(site, By::QueueAndChannel)?;
        Ok(self.asked(query, Vec::new()))
    }

    /// As what a formula counted.
    ///
    /// # Errors
    /// As [`Wish::figures`]; and when that formula cannot be given by that.
    pub fn opened(self, site: Site<'_>, id: &str) -> Result<Asked, Problem> {
        let none = || Problem::nothing("formula", id);
        let mut all = formula::named(id).map_err(|_| none())?;
        all.retain(|formula| formula.id.eq_ignore_ascii_case(id));
        let formula = all.first().cloned().ok_or_else(none)?;
        let by = self.by();
        if !formula.fits(by) {
            let detail = format!("{} cannot be given by that", formula.id);
            return Err(wrong("by", detail, "GET /api/v1/reports/formulas says by what"));
        }
        if self.group.is_some() && by == By::Nothing {
            return Err(wrong("group", "a group of what?", "say `by` too"));
        }
        let mut query = self.query(site, by)?;
        query.every = Every::Day;
        query.open = Some((formula, self.group.as_deref().map(Arc::from)));
        Ok(self.asked(query, all))
    }
}

/// Why a report is not made.
impl From<Refused> for Problem {
    fn from(why: Refused) -> Problem {
        match why {
            Refused::Empty => wrong("until", "it ends before it begins", "give a later one"),
            Refused::TooLong => {
                wrong("interval", "that would be too many intervals", "take longer ones")
            }
        }
    }
}

fn by_name(by: By) -> Option<&'static str> {
    match by {
        By::Nothing | By::QueueAndChannel => None,
        By::Queue => Some("queue"),
        By::Agent => Some("agent"),
        By::Channel => Some("channel"),
    }
}

/// What a figure of this kind is given in.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Percent => "share",
        Unit::Points => "points/100",
        Unit::Seconds => "seconds",
        Unit::Number => "number",
        Unit::Money => "money",
    }
}

impl From<&Formula> for FormulaLine {
    fn from(formula: &Formula) -> FormulaLine {
        FormulaLine {
            id: formula.id.clone(),
            title: formula.title,
            unit: unit(formula.unit),
            by: formula.by.iter().filter_map(|by| by_name(*by)).collect(),
        }
    }
}

/// Every formula.
pub fn formula_lines() -> Vec<FormulaLine> {
    formula::all().iter().map(FormulaLine::from).collect()
}

fn group(group: &Group) -> Option<String> {
    group.as_deref().map(str::to_owned)
}

impl Asked {
    /// The figures of a report that is done.
    ///
    /// # Errors
    /// When the page is none of it.
    pub fn page(&self, done: &Done) -> Result<ReportPage, Problem> {
        let Asked { query, formulas, after, limit } = self;
        let grid = Grid::new(query.zone.clone(), query.every);
        let first = match after {
            Some(after) => after.parse::<usize>().map_err(|_| no_cursor())?,
            None => 0,
        };
        let figures = |counts: &report::counter::Counts| -> Vec<FigureLine> {
            let fitting = formulas.iter().filter(|formula| formula.fits(query.by));
            fitting.map(|formula| line(formula, &formula.figure(counts))).collect()
        };
        let rows = done.rows.iter().skip(first).take(*limit);
        let items: Vec<_> = rows
            .map(|row| ReportRow {
                start: grid.name(row.slot.start),
                end: grid.name(row.slot.end),
                group: group(&row.group),
                figures: figures(&row.counts),
            })
            .collect();
        let next = first + items.len();
        let total = |(of, counts): (&Group, &report::counter::Counts)| ReportTotal {
            group: group(of),
            figures: figures(counts),
        };
        let report::Misfits { late, strays, answers } = done.misfits;
        Ok(ReportPage {
            since: grid.name(query.from),
            until: grid.name(query.to),
            by: by_name(query.by),
            formulas: formulas.iter().map(FormulaLine::from).collect(),
            next: (next < done.rows.len()).then(|| next.to_string()),
            items,
            totals: totals(&done.rows).iter().map(total).collect(),
            left_out: LeftOut { late, strays, answers },
        })
    }

    /// What the figure counted: a page, and where the next begins.
    ///
    /// # Errors
    /// When the page is none of it.
    pub fn opened(&self, done: &Done) -> Result<(Vec<OpenedLine>, Option<String>), Problem> {
        let (above, below) = done.opened.clone().unwrap_or_default();
        let mut things: Vec<(Counted, f64, f64)> = Vec::new();
        for (thing, amount) in above {
            things.push((thing, amount, 0.0));
        }
        things.extend(below.into_iter().map(|(thing, amount)| (thing, 0.0, amount)));
        things.sort_by_key(|(thing, ..)| *thing);
        things.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 += later.1;
                kept.2 += later.2;
            }
            same
        });
        let lines: Vec<_> =
            things.iter().map(|(thing, above, below)| opened(*thing, *above, *below)).collect();
        let first = match &self.after {
            // Whoever is on the page before may have gone meanwhile, with the interval that is over.
            Some(after) => {
                let at = lines.iter().position(|line| line.cursor() == *after);
                at.map(|at| at + 1).ok_or_else(no_cursor)?
            }
            None => 0,
        };
        let more = lines.len() > first + self.limit;
        let page: Vec<_> = lines.into_iter().skip(first).take(self.limit).collect();
        let next = page.last().filter(|_| more).map(OpenedLine::cursor);
        Ok((page, next))
    }

    /// The export for planners.
    pub fn lines(&self, done: &Done) -> String {
        let grid = Grid::new(self.query.zone.clone(), self.query.every);
        let export = Export::default();
        let mut out = wfm::HEADER.to_owned();
        // What belongs to no queue is no load that a queue's agents are planned for.
        for row in done.rows.iter().filter(|row| row.group.is_some()) {
            export.line(&mut out, &grid, row);
        }
        out
    }
}

fn no_cursor() -> Problem {
    wrong("after", "after is not the `next` of a page of this report", "begin without after")
}

impl OpenedLine {
    fn cursor(&self) -> String {
        match &self.id {
            Some(id) => format!("{}-{id}", self.kind),
            None => self.kind.to_owned(),
        }
    }
}

fn line(formula: &Formula, figure: &formula::Figure) -> FigureLine {
    FigureLine {
        formula: formula.id.clone(),
        numerator: figure.numerator,
        denominator: figure.denominator,
        value: figure.value,
        low: figure.interval.map(|(low, _)| low),
        high: figure.interval.map(|(_, high)| high),
        beside: figure.beside,
    }
}

fn opened(thing: Counted, above: f64, below: f64) -> OpenedLine {
    let (kind, id) = match thing {
        Counted::Work(work) => ("contact", Some(CallId(work.0).to_string())),
        Counted::Case(case) => ("case", Some(crate::id::CaseId(case.0).to_string())),
        // It is called by the call, the item or the record that began it.
        Counted::Journey(journey) => ("journey", Some(CallId(journey.0).to_string())),
        Counted::Survey(survey) => ("survey", Some(survey.0.to_string())),
        Counted::Nothing => ("time", None),
    };
    OpenedLine { kind, id, above, below }
}
