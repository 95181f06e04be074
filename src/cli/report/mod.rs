//! `branchline report`: figures of a span of time, from the journal or from a file of facts.
//!
//! Needs no running box: it reads the data folder, or a copy of it, and numbers in it stay sealed.

mod print;

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::exit;
use crate::config::problem::nearest;
use crate::config::{self, Settings};
use crate::driver::{clock, reports};
use crate::hours;
use crate::report::fact::{Fact, Words};
use crate::report::formula::{self, Formula};
use crate::report::grid::{Every, Grid};
use crate::report::{self, By, Done, MOST_INTERVALS, Query, Refused, Report};
use crate::time::UnixTime;

/// What `branchline report` takes.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    over: Over,
    /// Length of intervals: 15m, 30m, 60m or day.
    #[arg(long, default_value = "day", value_parser = every)]
    interval: Every,
    /// What rows are grouped by.
    #[arg(long)]
    by: Option<Grouping>,
    /// Formulas by their ids, with commas between; `all` for every one. Genesys has switches: F3-genesys+flow-outs,
    /// +no-short, +no-abandons, +rewrite.
    #[arg(long, default_value = "F1,F4,F5,F7")]
    formula: String,
    /// JSON: each figure with what stands above and below the line, and its 95 % interval.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// The same as comma-separated values.
    #[arg(long)]
    csv: bool,
    /// The export for planners: one line for each interval, queue and channel.
    #[arg(long, conflicts_with_all = ["csv", "json", "by"])]
    wfm: bool,
    #[command(subcommand)]
    open: Option<Open>,
}

/// What can be done with a figure.
#[derive(Debug, Subcommand)]
enum Open {
    /// List the contacts that a figure counted, above and below the line.
    #[command(
        after_help = "Example: branchline report open F7 --queue support --from 2026-11-16 --to 2026-11-16"
    )]
    Open {
        /// The formula's id.
        id: String,
        /// Only of this queue.
        #[arg(long, conflicts_with_all = ["agent", "channel"])]
        queue: Option<String>,
        /// Only of this agent.
        #[arg(long, conflicts_with = "channel")]
        agent: Option<String>,
        /// Only of this channel.
        #[arg(long)]
        channel: Option<String>,
        /// JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        over: Over,
    },
}

/// What a report is over.
#[derive(Debug, Args)]
struct Over {
    /// From here on: a date, a local time such as 2026-11-16T08:00, or an RFC 3339 time. Default today.
    #[arg(long)]
    from: Option<String>,
    /// Until here; a date counts whole. Default today.
    #[arg(long)]
    to: Option<String>,
    /// Only what began while the calendar said so.
    #[arg(long)]
    hours: Option<Hours>,
    /// The calendar of the configuration that counts for everything; each queue's own when absent, and a queue without one is
    /// always open.
    #[arg(long, requires = "hours")]
    calendar: Option<String>,
    /// Seconds within which an answer is in target; each queue's own `service_level` when absent, 20 without a
    /// configuration.
    #[arg(long)]
    target: Option<u32>,
    /// Seconds before which an abandon is short; that of `[reports]` when absent, 5 without a configuration.
    #[arg(long)]
    short: Option<u32>,
    /// What an hour of an agent costs; that of `[reports]` when absent.
    #[arg(long)]
    hourly_cost: Option<f64>,
    /// The data folder; that of the configuration when absent.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A file of facts, one JSON object in each line, instead of the journal.
    #[arg(long, conflicts_with = "data")]
    facts: Option<PathBuf>,
    /// IANA time zone; the site's when absent.
    #[arg(long)]
    zone: Option<String>,
    /// The configuration file. Not read where --zone and --data or --facts say all there is to know.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Grouping {
    Queue,
    Agent,
    Channel,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Hours {
    Open,
    Closed,
    Holiday,
}

fn every(text: &str) -> Result<Every, String> {
    Every::named(text).ok_or_else(|| "15m, 30m, 60m or day".to_owned())
}

/// Why there is no report: an exit code and words.
struct Failure(u8, String);

type Outcome<T> = Result<T, Failure>;

/// Reads, prints, and gives the exit code.
pub fn main(options: &Options) -> ExitCode {
    let told = match &options.open {
        Some(open) => opened(open),
        None => figures(options),
    };
    match told {
        Ok(text) => {
            // A reader that closed the pipe early, such as `head`, has seen what it wanted.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(Failure(code, words)) => exit::fail(code, words),
    }
}

fn figures(options: &Options) -> Outcome<String> {
    let by = match options.by {
        _ if options.wfm => By::QueueAndChannel,
        None => By::Nothing,
        Some(Grouping::Queue) => By::Queue,
        Some(Grouping::Agent) => By::Agent,
        Some(Grouping::Channel) => By::Channel,
    };
    let formulas = formulas(&options.formula)?;
    let (query, source) = query(&options.over, options.interval, by)?;
    let grid = Grid::new(query.zone.clone(), options.interval);
    let done = read(query, &source)?;
    Ok(match (options.wfm, options.json, options.csv) {
        (true, ..) => print::wfm(&done, &grid),
        (_, true, _) => print::json(&done, &grid, by, &formulas),
        (_, _, true) => print::csv(&done, &grid, by, &formulas),
        _ => print::table(&done, &grid, by, &formulas),
    })
}

fn opened(open: &Open) -> Outcome<String> {
    let Open::Open { id, queue, agent, channel, json, over } = open;
    let formula = formulas(id)?.into_iter().find(|formula| formula.id.eq_ignore_ascii_case(id));
    let Some(formula) = formula else {
        let words = format!("{id} stands for several formulas: name one of them");
        return Err(Failure(exit::USAGE, words));
    };
    let (by, group) = match (queue, agent, channel) {
        (Some(queue), ..) => (By::Queue, Some(queue.as_str())),
        (_, Some(agent), _) => (By::Agent, Some(agent.as_str())),
        (.., Some(channel)) => (By::Channel, Some(channel.as_str())),
        _ => (By::Nothing, None),
    };
    if !formula.fits(by) {
        let words = format!("{} cannot be given by that: see --help", formula.id);
        return Err(Failure(exit::USAGE, words));
    }
    let (mut query, source) = query(over, Every::Day, by)?;
    query.open = Some((formula.clone(), group.map(std::sync::Arc::from)));
    let done = read(query, &source)?;
    Ok(print::opened(&formula, &done, *json))
}

fn formulas(list: &str) -> Outcome<Vec<Formula>> {
    formula::named(list).map_err(|id| {
        let all = formula::all();
        let near = nearest(&id, all.iter().map(|formula| formula.id.as_str()));
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        Failure(exit::USAGE, format!("there is no formula {id}{near}"))
    })
}

/// Where facts come from.
enum Source {
    /// A folder of segments, and what the site says of facts.
    Journal(PathBuf, Words),
    Facts(PathBuf),
}

fn query(over: &Over, every: Every, by: By) -> Outcome<(Query, Source)> {
    let given = over.data.is_some() || over.facts.is_some();
    let settings = match (given, &over.zone, over.hours) {
        (true, Some(_), None) => None,
        _ => Some(configured(&over.config)?),
    };
    let site = settings.as_ref().map(|settings| &settings.site);
    let name = over.zone.as_deref().or(site.map(|site| site.time_zone.as_str())).unwrap_or("UTC");
    let usage = |words: String| Failure(exit::USAGE, words);
    let zone = hours::zone(name).ok_or_else(|| usage(format!("there is no time zone {name}")))?;
    let words = settings.as_ref().map(Settings::fact_words).unwrap_or_default();
    let source = match (&over.facts, &over.data, site) {
        (Some(file), ..) => Source::Facts(file.clone()),
        (_, Some(data), _) => Source::Journal(data.join("journal"), words),
        (.., site) => {
            Source::Journal(site.map(|s| s.data_dir.join("journal")).unwrap_or_default(), words)
        }
    };
    let now = clock::now().unix;
    let (from, to) = report::span::read(over.from.as_deref(), over.to.as_deref(), &zone, now)
        .map_err(|text| usage(format!("{text} is no date and no time")))?;
    let hours = match (over.hours, &settings) {
        (Some(state), Some(settings)) => {
            let name = over.calendar.as_deref();
            let found = settings.opening().hours(state.into(), name);
            let none = || usage(format!("there is no calendar {}", name.unwrap_or_default()));
            Some(found.ok_or_else(none)?)
        }
        _ => None,
    };
    let mut words = settings.as_ref().map(Settings::report_words).unwrap_or_default();
    if let Some(target) = over.target {
        words.target = i64::from(target) * 1_000_000;
        words.targets.clear();
    }
    if let Some(short) = over.short {
        words.short = i64::from(short) * 1_000_000;
    }
    if let Some(cost) = over.hourly_cost {
        words.rate = (cost * 1e6) as i64;
        words.rates.clear();
    }
    Ok((Query { from, to, zone, every, by, hours, open: None, settings: words }, source))
}

fn configured(path: &Path) -> Outcome<Settings> {
    match config::load(path, &|path| fs::read_to_string(path)) {
        Ok(loaded) => Ok(loaded.settings),
        Err(problems) => {
            let words = format!(
                "{} cannot be used:\n{}  Without it, give --zone and --data.",
                path.display(),
                super::check::problems(&problems)
            );
            Err(Failure(exit::CONFIG, words))
        }
    }
}

impl From<Hours> for hours::State {
    fn from(hours: Hours) -> Self {
        match hours {
            Hours::Open => hours::State::Open,
            Hours::Closed => hours::State::Closed,
            Hours::Holiday => hours::State::Holiday,
        }
    }
}

/// The report over all that the source has: what was before and after the span matters too.
fn read(query: Query, source: &Source) -> Outcome<Done> {
    let mut report = Report::new(query).map_err(|why| {
        let words = match why {
            Refused::Empty => "it ends before it begins".to_owned(),
            Refused::TooLong => {
                format!("that is more than {MOST_INTERVALS} intervals: take longer ones")
            }
        };
        Failure(exit::USAGE, words)
    })?;
    let now = match source {
        Source::Journal(folder, words) => {
            from_journal(folder, words, &mut report).map_err(|error| {
                Failure(exit::NO_INPUT, format!("{}: {error}", folder.display()))
            })?;
            Some(clock::now().unix)
        }
        Source::Facts(file) => {
            from_file(file, &mut report)?;
            None
        }
    };
    // A file reaches as far as its last fact.
    Ok(report.finish(now.unwrap_or(UnixTime(i64::MIN))))
}

fn from_journal(folder: &Path, words: &Words, report: &mut Report) -> io::Result<()> {
    if !reports::read(folder, words, report)? {
        eprintln!(
            "branchline: the journal is damaged; figures are of what can be read (see `branchline journal`)"
        );
    }
    Ok(())
}

fn from_file(path: &Path, report: &mut Report) -> Outcome<()> {
    let unreadable = |error| Failure(exit::NO_INPUT, format!("{}: {error}", path.display()));
    let file = fs::File::open(path).map_err(unreadable)?;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(unreadable)?;
        if line.trim().is_empty() {
            continue;
        }
        let fact: Fact = serde_json::from_str(&line).map_err(|error| {
            Failure(exit::DATA, format!("{}:{}: {error}", path.display(), index + 1))
        })?;
        report.handle(&fact);
    }
    Ok(())
}
