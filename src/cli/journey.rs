//! `branchline journey`: checks a rule, and says what it would do after an event, without doing it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use jiff::Timestamp;

use crate::cli::{check, exit};
use crate::config::{self, journeys};
use crate::driver::clock;
use crate::hours;
use crate::journey::engine::{Journeys, Output};
use crate::journey::rule::Rule;
use crate::journey::{Action, Change, Event, Outcome, Person, Standing};
use crate::time::{Now, UnixTime};

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
    let queues = loaded.settings.queues.iter().map(|queue| queue.name.to_string()).collect();
    let rule = match journeys::rule(&options.rule, &text, &queues) {
        Ok(rule) => rule,
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
        kind: kind.clone(),
        person: Person(1),
        attributes: options.attributes.iter().cloned().collect(),
        standing: Standing {
            zone: Some(zone.to_owned()),
            consents: options.consent.iter().cloned().collect(),
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
    let mut machine = Journeys::new(BTreeMap::from([("try".to_owned(), rule)]), zone.clone());
    let mut out = String::new();
    let mut now = begin;
    machine.handle_event(now, event);
    for _ in 0..TURNS {
        while let Some(output) = machine.poll_output() {
            let words = match &output {
                Output::Record(change) => told(change),
                Output::Do { action, .. } => Some(order(action)),
            };
            if let Some(words) = words {
                let clock = Timestamp::from_microsecond(now.unix.0).unwrap_or_default();
                let clock =
                    clock.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S").to_string();
                out += &format!("{clock}  {words}\n");
            }
            if let Output::Do { key, .. } = output {
                machine.handle_done(now, key, Outcome::Done);
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
fn next(machine: &Journeys, now: Now) -> Option<Now> {
    let _: Instant = machine.deadline(now)?;
    let until = machine.kept().running.values().filter_map(|running| running.until).min()?;
    Some(now.after(until.since(now.unix)))
}

fn told(change: &Change) -> Option<String> {
    Some(match change {
        Change::Began { .. } => "begins".to_owned(),
        Change::Waits { .. } => "waits".to_owned(),
        Change::Did { outcome: Outcome::NotMeant, key } => {
            format!("step {} is passed over: its condition does not hold", key.step + 1)
        }
        Change::Did { outcome: Outcome::NoConsent, key } => {
            format!("step {} is passed over: they have not agreed to it", key.step + 1)
        }
        Change::Did { outcome: Outcome::Capped, key } => {
            format!("step {} is passed over: they have had enough messages", key.step + 1)
        }
        Change::Ended { why, .. } => format!("ends: {why:?}").to_lowercase(),
        _ => return None,
    })
}

fn order(action: &Action) -> String {
    match action {
        Action::Message { channel, text } => format!("writes by {}: {text}", channel.name()),
        Action::Callback { queue } => format!("has queue {queue} call them"),
        Action::Task { queue, text } => format!("makes a task in queue {queue}: {text}"),
        Action::Webhook { name } => format!("tells webhook {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_when_each_step_comes() {
        let text =
            "on = 'cart'\n[[step]]\nwait = '2h'\n[[step]]\nmessage = 'sms'\ntext = 'Hello.'\n";
        let rule = journeys::rule("j".as_ref(), text, &Default::default()).unwrap();
        let mut event = Event {
            id: "1".to_owned(),
            kind: "cart".to_owned(),
            person: Person(1),
            attributes: BTreeMap::new(),
            standing: Standing {
                zone: Some("Europe/Berlin".to_owned()),
                consents: ["sms/service".to_owned()].into(),
                open_case: false,
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
