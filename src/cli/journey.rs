//! `branchline journey`: checks a rule, and says what it would do after an event, without doing it. `branchline journeys`:
//! what runs, and what came of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::admin::{Command, JourneysReply};
use crate::cli::{ask, check, exit, text};
use crate::config::{self, journeys};
use crate::driver::clock;
use crate::hours;
use crate::id::JourneyId;
use crate::journey::daily;
use crate::journey::engine::{Journeys as Machine, Output};
use crate::journey::rule::Rule;
use crate::journey::{Action, Change, Event, Outcome, Person, Standing};
use crate::time::{Now, UnixTime};

/// Steps that a terminal shows.
const LAST: usize = 30;
/// Most turns of a dry run: a rule has at most 50 steps, and each takes a few.
const TURNS: usize = 1_000;

/// What `branchline journey` takes.
#[derive(Debug, Args)]
pub struct Options {
    /// The rule's file.
    rule: PathBuf,
    /// The kind of event that happens; without it the rule is only checked.
    #[arg(long)]
    kind: Option<String>,
    /// What else is known of the event.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// IANA time zone of the person; the site's when absent.
    #[arg(long)]
    zone: Option<String>,
    /// What the person has agreed to, such as sms/service.
    #[arg(long, value_name = "CHANNEL/PURPOSE")]
    consent: Vec<String>,
    /// What the person has refused, such as voice/service.
    #[arg(long, value_name = "CHANNEL/PURPOSE")]
    refused: Vec<String>,
    /// A case of theirs is open.
    #[arg(long)]
    open_case: bool,
    /// When it happens, in RFC 3339; now when absent.
    #[arg(long)]
    at: Option<Timestamp>,
    /// The configuration file, for queues and the site's zone.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
}

/// What is asked of journeys that run.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Journeys {
    #[command(subcommand)]
    order: Option<Order>,
    /// At most this many that run.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    options: ask::Options,
}

/// What can be done about one of them.
#[derive(Debug, Subcommand)]
enum Order {
    /// Stop a journey: nothing more comes of it.
    #[command(after_help = "Example: branchline journeys stop 5R2T0QW8N4K1C")]
    Stop {
        /// Which.
        journey: JourneyId,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Say that a task is done with.
    #[command(after_help = "Example: branchline journeys done 5R2T0QW8N4K1C-2")]
    Done {
        /// Which.
        task: String,
        #[command(flatten)]
        options: ask::Options,
    },
}

/// Asks the running box, prints, and gives the exit code.
pub fn running(asked: Journeys) -> ExitCode {
    let (command, options) = match asked.order {
        None => (Command::Journeys { limit: asked.limit as usize, after: None }, asked.options),
        Some(Order::Stop { journey, options }) => (Command::StopJourney { journey }, options),
        Some(Order::Done { task, options }) => (Command::TaskDone { task }, options),
    };
    ask::main(&options, &command, ask::Form::Text)
}

/// What runs, what is to be done, what came of the last steps: for a terminal.
pub fn table(found: &JourneysReply) -> String {
    let rows = found.running.iter().map(|line| {
        let until = line.until.map(|until| format!(" until {until}")).unwrap_or_default();
        vec![
            line.journey.to_string(),
            line.rule.clone(),
            line.person.to_string(),
            line.since.to_string(),
            format!("{}/{} {}", line.step, line.steps, line.does),
            format!("{}{until}", line.words),
        ]
    });
    let head = &["JOURNEY", "RULE", "PERSON", "SINCE", "STEP", "STATE"];
    let mut out = text::columns(head, rows, "no journey runs");
    if found.count > found.running.len() {
        out += &format!("{} run in all\n", found.count);
    }
    if !found.tasks.is_empty() {
        let rows = found.tasks.iter().map(|task| {
            let (since, person) = (task.since.to_string(), task.person.to_string());
            vec![task.task.clone(), task.queue.to_string(), since, person, task.text.clone()]
        });
        let head = &["TASK", "QUEUE", "SINCE", "PERSON", "WHAT"];
        out += &format!("\n{}", text::columns(head, rows, ""));
    }
    if !found.last.is_empty() {
        let rows = found.last.iter().take(LAST).map(|line| {
            let step = line.step.map_or("-".to_owned(), |step| step.to_string());
            let (at, journey) = (line.at.to_string(), line.journey.to_string());
            vec![at, journey, line.rule.clone(), step, line.words.clone()]
        });
        let head = &["AT", "JOURNEY", "RULE", "STEP", "WHAT CAME OF IT"];
        out += &format!("\n{}", text::columns(head, rows, ""));
    }
    if found.events_waiting > 0 {
        out += &format!("\n{} events wait for the look-up store\n", found.events_waiting);
    }
    if found.events_missed > 0 {
        out += &format!("{} events were not taken: too many waited\n", found.events_missed);
    }
    out
}

fn attribute(text: &str) -> Result<(String, String), &'static str> {
    let parts = text.split_once('=').ok_or("a name, =, and a value")?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

/// Checks, tries, prints, and gives the exit code.
pub fn main(options: &Options) -> ExitCode {
    let loaded = match config::load(&options.config, &|path| fs::read_to_string(path)) {
        Ok(loaded) => loaded,
        Err(problems) => {
            eprint!("{}", check::problems(&problems));
            return ExitCode::from(exit::CONFIG);
        }
    };
    let text = match fs::read_to_string(&options.rule) {
        Ok(text) => text,
        Err(error) => {
            return exit::fail(exit::NO_INPUT, format!("{}: {error}", options.rule.display()));
        }
    };
    let rule = match journeys::rule(&options.rule, &text, &loaded.settings.known_to_rules()) {
        Ok((rule, warnings)) => {
            warnings.iter().for_each(|warning| eprintln!("{warning}\n"));
            rule
        }
        Err(problems) => {
            eprint!("{}", check::problems(&problems));
            return ExitCode::from(exit::CONFIG);
        }
    };
    let zone = options.zone.as_deref().unwrap_or(&loaded.settings.site.time_zone);
    let Some(kind) = &options.kind else {
        println!("{}: good; {} steps", options.rule.display(), rule.steps.len());
        return ExitCode::SUCCESS;
    };
    if hours::zone(zone).is_none() {
        return exit::fail(exit::USAGE, format!("there is no time zone {zone}"));
    }
    let now = options.at.map_or(clock::now().unix, |at| UnixTime(at.as_microsecond()));
    let event = Event {
        id: "try".to_owned(),
        // Whatever is tried is called so.
        kind: if kind == "time" { daily::kind_of("try") } else { kind.clone() },
        person: Person(1),
        attributes: options.attributes.iter().cloned().collect(),
        standing: Standing {
            zone: Some(zone.to_owned()),
            abroad: Vec::new(),
            consents: options.consent.iter().cloned().collect(),
            refused: options.refused.iter().cloned().collect(),
            open_case: options.open_case,
        },
    };
    // The steady clock only has to begin somewhere: the run takes no time.
    print!("{}", tried(rule, &event, Now { instant: clock::now().instant, unix: now }));
    ExitCode::SUCCESS
}

/// What would happen, a line for each thing, by the person's own clock.
fn tried(rule: Rule, event: &Event, begin: Now) -> String {
    let zone =
        event.standing.zone.as_deref().and_then(hours::zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let mut machine = Machine::new(BTreeMap::from([("try".to_owned(), rule)]), zone.clone());
    let mut out = String::new();
    let mut now = begin;
    machine.handle_event(now, event);
    for _ in 0..TURNS {
        while let Some(output) = machine.poll_output() {
            let words = match &output {
                Output::Record(change) => told(change),
                Output::Do { action, .. } => Some(order(action)),
                Output::Look { .. } | Output::Begin { .. } => None,
            };
            if let Some(words) = words {
                let clock = Timestamp::from_microsecond(now.unix.0).unwrap_or_default();
                let clock =
                    clock.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S").to_string();
                out += &format!("{clock}  {words}\n");
            }
            match output {
                Output::Do { key, .. } => machine.handle_done(now, key, Outcome::Done),
                Output::Look { key, .. } => {
                    machine.handle_standing(now, key, Some(event.standing.clone()));
                }
                Output::Record(_) | Output::Begin { .. } => {}
            }
        }
        let Some(next) = next(&machine, now) else { break };
        now = next;
        machine.handle_timeout(now);
    }
    if out.is_empty() {
        "nothing: the event is not what the rule begins with\n".to_owned()
    } else {
        out
    }
}

/// The moment at which something is due; the machine would look at the clock in between.
fn next(machine: &Machine, now: Now) -> Option<Now> {
    let _: Instant = machine.deadline(now)?;
    let until = machine.kept().running.values().filter_map(|running| running.until).min()?;
    Some(now.after(until.since(now.unix)))
}

fn told(change: &Change) -> Option<String> {
    Some(match change {
        Change::Began { .. } => "begins".to_owned(),
        Change::Waits { .. } => "waits".to_owned(),
        Change::Did { outcome: Outcome::Done, .. } => return None,
        Change::Did { outcome, key } => format!("step {}: {outcome}", key.step + 1),
        Change::Ended { why, .. } => format!("ends: {why}"),
        _ => return None,
    })
}

fn order(action: &Action) -> String {
    match action {
        Action::Message { channel, text } => format!("writes by {}: {text}", channel.name()),
        Action::Callback { queue } => format!("has queue {queue} call them"),
        Action::Task { queue, text } => format!("makes a task in queue {queue}: {text}"),
        Action::Webhook { name } => format!("tells webhook {name}"),
        Action::Tag { tag, on: true } => format!("puts on the tag {tag}"),
        Action::Tag { tag, on: false } => format!("takes off the tag {tag}"),
        Action::Note { text } => format!("notes: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_when_each_step_comes() {
        let text =
            "on = 'cart'\n[[step]]\nwait = '2h'\n[[step]]\nmessage = 'sms'\ntext = 'Hello.'\n";
        let (rule, _) = journeys::rule("j".as_ref(), text, &Default::default()).unwrap();
        let mut event = Event {
            id: "1".to_owned(),
            kind: "cart".to_owned(),
            person: Person(1),
            attributes: BTreeMap::new(),
            standing: Standing {
                zone: Some("Europe/Berlin".to_owned()),
                consents: ["sms/service".to_owned()].into(),
                ..Standing::default()
            },
        };
        let at: Timestamp = "2026-11-16T18:30:00Z".parse().unwrap();
        let now = Now { unix: UnixTime(at.as_microsecond()), ..clock::now() };
        let lines = [
            "Mon 2026-11-16 19:30:00  begins",
            "Mon 2026-11-16 19:30:00  waits",
            "Mon 2026-11-16 21:30:00  waits",
            "Tue 2026-11-17 08:00:00  writes by sms: Hello.",
            "Tue 2026-11-17 08:00:00  ends: finished\n",
        ];
        assert_eq!(tried(rule.clone(), &event, now), lines.join("\n"));
        event.kind = "form".to_owned();
        assert!(tried(rule, &event, now).starts_with("nothing"));
    }
}
