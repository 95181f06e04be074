//! `branchline config`: the configuration of the running box, seen, compared, applied on trial, confirmed, rolled back.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::admin::configuring::{
    ConfigApplied, ConfigChecked, ConfigOrder, ConfigProblem, ConfigRefused, ConfigReply, Draft,
    NewConfig, VersionText,
};
use crate::admin::{Command, Reply};
use crate::cli::{ask, exit, text};
use crate::config::uptake::Difference;
use crate::config::versions::{Fate, Version};

/// What is done with it.
#[derive(Debug, Args)]
pub struct Config {
    #[command(subcommand)]
    order: Order,
}

/// What can be done.
#[derive(Debug, Subcommand)]
enum Order {
    /// Print the configuration as it is on the disk.
    #[command(after_help = "Example: branchline config show > gateway.toml")]
    Show(ask::Options),
    /// Say what is wrong with a file, how it differs from what runs, and what of it waits for the next start.
    #[command(
        after_help = "Examples: branchline config diff gateway.toml\n          branchline config diff -c gateway.toml"
    )]
    Diff {
        /// The file, `-c FILE` says the same; the one that the box was started with when absent.
        #[arg(conflicts_with = "config")]
        file: Option<PathBuf>,
        /// The file, as for `branchline check`.
        #[arg(short, long)]
        config: Option<PathBuf>,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Run a file at once, on trial: it goes back by itself unless it is confirmed in time, or if a trunk that worked fails.
    #[command(
        after_help = "Examples: branchline config apply gateway.toml --confirm-within 5m --why 'another carrier'\n          \
                      branchline config apply --version 7"
    )]
    Apply {
        /// The file.
        #[arg(required_unless_present = "version", conflicts_with = "version")]
        file: Option<PathBuf>,
        /// A version that has run before instead of a file.
        #[arg(long)]
        version: Option<u32>,
        /// How long there is to confirm it, from 10s to 1h: seconds, or a number with s, m or h.
        #[arg(long, default_value = "5m", value_parser = seconds)]
        confirm_within: u32,
        /// Why, for whoever reads the history.
        #[arg(long)]
        why: Option<String>,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Let the version on trial stay.
    #[command(after_help = "Example: branchline config confirm")]
    Confirm(ask::Options),
    /// Put the version back that ran before the one on trial.
    #[command(after_help = "Example: branchline config rollback")]
    Rollback(ask::Options),
    /// List versions that have run: who, when, why, what became of them; or show one.
    #[command(
        after_help = "Examples: branchline config history\n          branchline config history 7"
    )]
    History {
        /// One version: how it differs from the one before.
        version: Option<u32>,
        #[command(flatten)]
        options: ask::Options,
    },
}

/// A span such as `90`, `90s`, `5m` or `1h`.
fn seconds(text: &str) -> Result<u32, String> {
    let wrong = || "a number of seconds, or a number with s, m or h, such as 5m".to_owned();
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3_600),
        _ => (text, 1),
    };
    let number: u32 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

/// Asks, prints, and gives the exit code.
pub fn main(asked: Config) -> ExitCode {
    let done = match asked.order {
        Order::Show(options) => order(options, ConfigOrder::Show),
        Order::Diff { file, config, options } => diff(file.or(config).as_deref(), options),
        Order::Apply { file, version, confirm_within, why, options } => {
            apply((file.as_deref(), version), confirm_within, why, options)
        }
        Order::Confirm(options) => order(options, ConfigOrder::Confirm),
        Order::Rollback(options) => order(options, ConfigOrder::RollBack),
        Order::History { version: None, options } => order(options, ConfigOrder::History),
        Order::History { version: Some(version), options } => {
            order(options, ConfigOrder::Version { version })
        }
    };
    done.unwrap_or_else(|code| code)
}

type Done = Result<ExitCode, ExitCode>;

fn order(options: ask::Options, order: ConfigOrder) -> Done {
    Ok(ask::main(&options, &Command::Config { order }, ask::Form::Text))
}

fn read(file: &Path) -> Result<String, ExitCode> {
    let told = |error| exit::fail(exit::NO_INPUT, format!("{}: {error}", file.display()));
    fs::read_to_string(file).map_err(told)
}

/// What the box says, for what goes on with it.
fn hear(options: &ask::Options, order: ConfigOrder) -> Result<ConfigReply, ExitCode> {
    match ask::ask(&options.socket, &Command::Config { order }) {
        Ok(Reply::Config(reply)) => match *reply {
            ConfigReply::Refused(why) => Err(exit::fail(exit::REFUSED, refusal(&why))),
            reply => Ok(reply),
        },
        Ok(reply) => Err(exit::fail(exit::REFUSED, text::table(&reply).trim_end())),
        Err(error) => {
            let socket = options.socket.display();
            Err(exit::fail(exit::UNAVAILABLE, format!("no box answers at {socket}: {error}")))
        }
    }
}

/// What stands in the file, and what it is named by.
fn shown(options: &ask::Options) -> Result<(String, String), ExitCode> {
    match hear(options, ConfigOrder::Show)? {
        ConfigReply::Shown(shown) => Ok((shown.text, shown.digest)),
        _ => Err(exit::fail(exit::SOFTWARE, "the box answered something else")),
    }
}

fn diff(file: Option<&Path>, options: ask::Options) -> Done {
    let text = match file {
        Some(file) => read(file)?,
        None => shown(&options)?.0,
    };
    let reply = hear(&options, ConfigOrder::Check(Draft { text }))?;
    let good = matches!(&reply, ConfigReply::Checked(checked) if checked.good);
    let printed = match options.json {
        true => text::json(&Reply::Config(Box::new(reply))),
        false => page(&reply),
    };
    // A reader that closed the pipe early has seen what it wanted.
    let _ = std::io::stdout().write_all(printed.as_bytes());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(exit::CONFIG) })
}

fn apply(
    (file, version): (Option<&Path>, Option<u32>),
    within: u32,
    why: Option<String>,
    options: ask::Options,
) -> Done {
    let (_, seen) = shown(&options)?;
    let (text, said) = match (file, version) {
        (Some(file), _) => (read(file)?, format!("applied from {}", file.display())),
        (None, version) => {
            let version = version.unwrap_or_default();
            match hear(&options, ConfigOrder::Version { version })? {
                ConfigReply::Version(own) => (own.text, format!("back to version {version}")),
                _ => return Err(exit::fail(exit::SOFTWARE, "the box answered something else")),
            }
        }
    };
    let new = NewConfig { text, why: why.unwrap_or(said), confirm_within_s: Some(within) };
    order(options, ConfigOrder::Apply { new, seen: Some(seen) })
}

/// An answer for a terminal.
pub fn page(reply: &ConfigReply) -> String {
    match reply {
        ConfigReply::Shown(shown) => shown.text.clone(),
        ConfigReply::Checked(checked) => compared(checked),
        ConfigReply::Applied(applied) => taken_up(applied),
        ConfigReply::History(versions) => table(versions),
        ConfigReply::Version(version) => one(version),
        ConfigReply::Done(version) => format!("version {version}: done\n"),
        ConfigReply::Refused(why) => format!("refused: {}\n", refusal(why)),
    }
}

/// Why something was not done, with every error of a text.
pub fn refusal(why: &ConfigRefused) -> String {
    match why {
        ConfigRefused::Wrong(problems) => {
            problems.iter().map(told).collect::<String>() + &why.to_string()
        }
        _ => why.to_string(),
    }
}

fn told(problem: &ConfigProblem) -> String {
    let kind = if problem.warning { "warning" } else { "error" };
    let file = problem.file.as_ref().map_or_else(String::new, |file| format!("{file}:"));
    let mut out = format!("{kind}: {file}{}:{}: {}\n", problem.line, problem.column, problem.what);
    if let Some(allowed) = &problem.allowed {
        let _ = writeln!(out, "  allowed: {allowed}");
    }
    if let Some(nearest) = &problem.nearest {
        let _ = writeln!(out, "  did you mean {nearest}?");
    }
    out
}

fn compared(checked: &ConfigChecked) -> String {
    let problems: String = checked.problems.iter().map(told).collect();
    let same = if checked.diff.is_empty() { "no difference from what runs\n" } else { "" };
    format!("{problems}{}{same}{}", checked.diff, waiting(&checked.changes))
}

fn waiting(changes: &[Difference]) -> String {
    let waits: Vec<_> =
        changes.iter().filter(|change| !change.live).map(|change| change.key.as_str()).collect();
    match waits.is_empty() {
        true => String::new(),
        false => format!(
            "waits for the next start of the program (`branchline restart`): {}\n",
            waits.join(", ")
        ),
    }
}

fn taken_up(applied: &ConfigApplied) -> String {
    let trial = &applied.trial;
    let warnings: String = applied.warnings.iter().map(told).collect();
    let watched = match trial.watched.is_empty() {
        true => String::new(),
        false => format!(", or if one of these trunks fails: {}", trial.watched.join(", ")),
    };
    format!(
        "{warnings}version {} runs, on trial. It goes back to version {} at {}{watched}.\n{}Confirm it: branchline config confirm\n",
        trial.version,
        trial.before,
        trial.until,
        waiting(&applied.changes)
    )
}

fn fate(fate: &Fate) -> String {
    match fate {
        Fate::Read => "read at a start".to_owned(),
        Fate::OnTrial => "on trial".to_owned(),
        Fate::Confirmed { by, at } => format!("confirmed by {by} at {at}"),
        Fate::RolledBack { words, at, .. } => format!("rolled back at {at}: {words}"),
    }
}

fn table(versions: &[Version]) -> String {
    let line = |own: &Version| {
        format!(
            "{:>6}  {}  {}\n        {}\n        {}\n",
            own.version,
            own.at,
            text::printable(&own.by),
            text::printable(&own.why),
            fate(&own.fate)
        )
    };
    versions.iter().map(line).collect()
}

fn one(version: &VersionText) -> String {
    format!("{}\n{}", table(std::slice::from_ref(&version.about)), version.diff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_in_one_way_or_the_other_alike() {
        use clap::Parser as _;
        let parses = |words: &str| crate::cli::Arguments::try_parse_from(words.split(' ')).is_ok();
        for command in ["check", "config diff"] {
            for file in ["", " a.toml", " -c a.toml", " --config a.toml"] {
                assert!(parses(&format!("branchline {command}{file}")), "{command}{file}");
            }
            assert!(!parses(&format!("branchline {command} a.toml -c b.toml")), "{command}");
        }
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, expected) in [("90", 90), ("90s", 90), ("5m", 300), ("1h", 3_600)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for wrong in ["", "m", "-1", "5 m", "99999999h"] {
            assert!(seconds(wrong).is_err(), "{wrong:?}");
        }
    }
}
