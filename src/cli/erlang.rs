//! `branchline erlang`: how many agents a load needs.

use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::cli::exit;
use crate::report::erlang::{Impossible, Load, MOST_AGENTS, Outlook, agents_for, outlook};

/// What `branchline erlang` takes.
#[derive(Debug, Args)]
pub struct Options {
    /// Contacts that come in the span of --per.
    #[arg(long)]
    calls: f64,
    /// The span that --calls counts, in minutes.
    #[arg(long, default_value_t = 60.0, value_name = "MINUTES")]
    per: f64,
    /// Mean handle time in seconds, after-work included.
    #[arg(long)]
    aht: f64,
    /// Percent of contacts that are to be answered, and within how many seconds.
    #[arg(long, default_value = "80/20", value_name = "PERCENT/SECONDS")]
    target: Target,
    /// Mean seconds until somebody gives up (Erlang A). Without it everybody waits for ever (Erlang C).
    #[arg(long)]
    patience: Option<f64>,
    /// How it goes with so many agents, instead of how many are needed.
    #[arg(long)]
    agents: Option<u32>,
    /// JSON.
    #[arg(long)]
    json: bool,
}

/// `80/20`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Target {
    level: f64,
    within: Duration,
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(percent, seconds)| {
            let percent: f64 = percent.parse().ok().filter(|p| (0.0..100.0).contains(p))?;
            let within = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
            Some(Target { level: percent / 100.0, within })
        });
        parts.ok_or("a percentage below 100, a slash, and seconds, such as 80/20")
    }
}

/// Computes, prints, and gives the exit code.
pub fn main(options: &Options) -> ExitCode {
    let Some(load) = load(options) else {
        return exit::fail(exit::USAGE, "calls, handle time and patience are numbers above zero");
    };
    let found = match options.agents {
        Some(agents) => outlook(&load, agents, options.target.within),
        None => agents_for(&load, options.target.level, options.target.within),
    };
    match found {
        Ok(outlook) if options.json => print!("{}", as_json(&load, &outlook)),
        Ok(outlook) => print!("{}", as_text(&load, &options.target, &outlook)),
        Err(Impossible::Number) => {
            let words = format!("that is no load for 1 to {MOST_AGENTS} agents");
            return exit::fail(exit::USAGE, words);
        }
        Err(Impossible::TooMany) => {
            return exit::fail(exit::USAGE, format!("not even {MOST_AGENTS} agents would do"));
        }
    }
    ExitCode::SUCCESS
}

fn load(options: &Options) -> Option<Load> {
    let span = |seconds: f64| {
        Duration::try_from_secs_f64(seconds).ok().filter(|span| *span > Duration::ZERO)
    };
    let patience = match options.patience {
        Some(seconds) => Some(span(seconds)?),
        None => None,
    };
    let calls = options.calls * 60.0 / options.per;
    let sound = options.per > 0.0 && calls.is_finite() && calls > 0.0;
    Some(Load { calls, handle_time: span(options.aht)?, patience }).filter(|_| sound)
}

fn as_text(load: &Load, target: &Target, outlook: &Outlook) -> String {
    let seconds = |seconds: Option<f64>| match seconds {
        Some(seconds) => format!("{seconds:.1} s"),
        None => "grows for ever: more comes than is served".to_owned(),
    };
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let model = if load.patience.is_some() { "Erlang A" } else { "Erlang C" };
    format!(
        "load               {:.2} erlangs ({model})\n\
         agents             {}\n\
         service level      {} within {} s\n\
         have to wait       {}\n\
         speed of answer    {}\n\
         abandon            {}\n\
         occupancy          {}\n",
        load.erlangs(),
        outlook.agents,
        percent(outlook.service_level),
        target.within.as_secs_f64(),
        percent(outlook.waits),
        seconds(outlook.answer_seconds),
        percent(outlook.abandons),
        percent(outlook.occupancy),
    )
}

fn as_json(load: &Load, outlook: &Outlook) -> String {
    let document = json!({
        "erlangs": load.erlangs(),
        "agents": outlook.agents,
        "service_level": outlook.service_level,
        "waits": outlook.waits,
        "answer_seconds": outlook.answer_seconds,
        "wait_seconds": outlook.wait_seconds,
        "abandons": outlook.abandons,
        "occupancy": outlook.occupancy,
    });
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_percentage_and_seconds() {
        let target = Target { level: 0.8, within: Duration::from_secs(20) };
        assert_eq!("80/20".parse(), Ok(target));
        for wrong in ["80", "100/20", "80/-1", "x/20", "80/NaN"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}
