//! `branchline webhooks`: programs elsewhere that are told what happens.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::admin::{Command, DeadLine, WebhookLine};
use crate::cli::{ask, text};
use crate::id::HookId;
use crate::time::UnixTime;

/// What is asked of them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Webhooks {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    options: ask::Options,
}

fn hook(text: &str) -> Result<HookId, String> {
    Ok(HookId::from(text))
}

fn time(text: &str) -> Result<UnixTime, String> {
    let read = text.parse::<jiff::Timestamp>();
    let read = read.map_err(|_| "a time such as 2026-03-01T08:00:00Z".to_owned())?;
    Ok(UnixTime(read.as_microsecond()))
}

/// What can be done about one of them.
#[derive(Debug, Subcommand)]
enum Order {
    /// List messages that were given up.
    #[command(after_help = "Example: branchline webhooks dead crm --json")]
    Dead {
        /// Which receiver.
        #[arg(value_parser = hook)]
        name: HookId,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Send again what happened before: in a span of time, or by the journal's records.
    #[command(after_help = "Example: branchline webhooks replay crm --since 2026-03-01T08:00:00Z")]
    Replay {
        /// Which receiver.
        #[arg(value_parser = hook)]
        name: HookId,
        /// What happened at this time or later.
        #[arg(long, value_parser = time, required_unless_present_any = ["record", "id"])]
        since: Option<UnixTime>,
        /// And before this one.
        #[arg(long, value_parser = time)]
        until: Option<UnixTime>,
        /// What this id of a message or an event names.
        #[arg(long, conflicts_with_all = ["record", "since"])]
        id: Option<String>,
        /// This record, the number at the end of an event's id.
        #[arg(long)]
        record: Option<u64>,
        /// And all after it up to this one.
        #[arg(long, requires = "record")]
        to_record: Option<u64>,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Send nothing for the time being. What is owed stays owed.
    #[command(after_help = "Example: branchline webhooks pause crm")]
    Pause {
        /// Which receiver.
        #[arg(value_parser = hook)]
        name: HookId,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Go on, after a pause or when a receiver that was gone is back.
    #[command(after_help = "Example: branchline webhooks resume crm")]
    Resume {
        /// Which receiver.
        #[arg(value_parser = hook)]
        name: HookId,
        #[command(flatten)]
        options: ask::Options,
    },
}

/// Asks, prints, and gives the exit code.
pub fn main(asked: Webhooks) -> ExitCode {
    let (command, options) = match asked.order {
        None => (Command::Webhooks, asked.options),
        Some(Order::Dead { name, options }) => (Command::DeadWebhooks { hook: name }, options),
        Some(Order::Replay { name, since, until, id, record, to_record, options }) => {
            let records = record.map(|first| (first, to_record.unwrap_or(first)));
            (Command::ReplayWebhook { hook: name, since, until, records, id }, options)
        }
        Some(Order::Pause { name, options }) => {
            (Command::PauseWebhook { hook: name, on: true }, options)
        }
        Some(Order::Resume { name, options }) => {
            (Command::PauseWebhook { hook: name, on: false }, options)
        }
    };
    ask::main(&options, &command, ask::Form::Text)
}

/// All of them, for a terminal.
pub fn table(hooks: &[WebhookLine]) -> String {
    let rows = hooks.iter().map(|hook| {
        vec![
            hook.name.to_string(),
            hook.upto.to_string(),
            hook.behind.to_string(),
            hook.replays.to_string(),
            hook.given_up.to_string(),
            hook.oldest.map_or_else(|| "-".to_owned(), |oldest| oldest.to_string()),
            hook.paused.as_ref().or(hook.trouble.as_ref()).map_or("-", String::as_str).to_owned(),
        ]
    });
    let head = &["NAME", "UP TO", "BEHIND", "REPLAYS", "GIVEN UP", "OLDEST", "TROUBLE"];
    text::columns(head, rows, "no webhooks are configured")
}

/// Messages that were given up, for a terminal.
pub fn dead(dead: &[DeadLine]) -> String {
    let rows = dead.iter().map(|dead| {
        vec![dead.id.clone(), dead.at.to_string(), dead.tries.to_string(), dead.why.clone()]
    });
    text::columns(&["ID", "GIVEN UP", "TRIES", "WHY"], rows, "nothing was given up")
}
