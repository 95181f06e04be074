//! `branchline work`: what is to be done that nobody holds a line for, who has it and why.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::admin::Command;
use crate::admin::api::errands::{Doing, EndOfWork, NewTask, WorkLine, WorkState};
use crate::cli::contact::field;
use crate::cli::{ask, text};
use crate::id::{AgentId, ContactId, ItemId};
use crate::time::UnixTime;

/// What is asked of it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Work {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    options: ask::Options,
}

/// What can be done about it.
#[derive(Debug, Subcommand)]
enum Order {
    /// Make a task for the agents of a queue.
    #[command(
        after_help = "Example: branchline work add support 'Send the offer' --due 2026-11-23T16:00:00+01:00"
    )]
    Add {
        /// The queue.
        queue: String,
        /// What is to be done.
        text: String,
        /// About whom.
        #[arg(long)]
        contact: Option<ContactId>,
        /// 0 to 100; the queue's comes on top.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i32).range(0..=100))]
        priority: i32,
        /// By when, in RFC 3339.
        #[arg(long)]
        due: Option<Timestamp>,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Give a piece of work to an agent who has room for it.
    #[command(after_help = "Example: branchline work take 5R2T0QW8N4K1C ann")]
    Take {
        /// Which.
        item: ItemId,
        /// Who takes it.
        agent: AgentId,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Put what somebody has back into its queue, at its place.
    #[command(after_help = "Example: branchline work return 5R2T0QW8N4K1C")]
    Return {
        /// Which.
        item: ItemId,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Turn down for an agent what is on their screen: others are asked.
    #[command(after_help = "Example: branchline work decline 5R2T0QW8N4K1C ann")]
    Decline {
        /// Which.
        item: ItemId,
        /// Who does not want it.
        agent: AgentId,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Say that what somebody has is over. With a code there is no after-work.
    #[command(after_help = "Example: branchline work finish 5R2T0QW8N4K1C --code sold \
                      --set amount=120 --set note='wants it in blue'")]
    Finish {
        /// Which.
        item: ItemId,
        /// Who has it; nothing is done if somebody else has it by now.
        #[arg(long)]
        agent: Option<AgentId>,
        #[command(flatten)]
        outcome: Outcome,
        #[command(flatten)]
        options: ask::Options,
    },
    /// End an agent's after-work.
    #[command(after_help = "Example: branchline work wrap-up ann --code sold --set amount=120")]
    WrapUp {
        /// Whose.
        agent: AgentId,
        /// After-work of what; of the call when absent, or of the one thing that there is.
        #[arg(long)]
        item: Option<ItemId>,
        #[command(flatten)]
        outcome: Outcome,
        #[command(flatten)]
        options: ask::Options,
    },
}

/// How a contact came out.
#[derive(Debug, Args)]
struct Outcome {
    /// One of the site's codes.
    #[arg(long)]
    code: Option<String>,
    /// What the code requires, and more, as NAME=VALUE; may be given several times.
    #[arg(long = "set", value_parser = field, requires = "code")]
    fields: Vec<(String, String)>,
}

/// Most lines of a list.
const LINES: usize = 1_000;

/// Asks, prints, and gives the exit code.
pub fn main(asked: Work) -> ExitCode {
    let errand = |item, agent, doing| Command::Errand { item, agent, doing };
    let (options, command) = match asked.order {
        None => {
            let (queue, agent, after) = (None, None, None);
            (asked.options, Command::Errands { queue, agent, limit: LINES, after })
        }
        Some(Order::Add { queue, text, contact, priority, due, options }) => {
            let due = due.map(|due| UnixTime(due.as_microsecond()));
            let skills = BTreeMap::new();
            let task = NewTask { queue, text, contact, priority, skills, due };
            (options, Command::NewTask { task })
        }
        Some(Order::Take { item, agent, options }) => {
            (options, errand(item, Some(agent), Doing::Take))
        }
        Some(Order::Return { item, options }) => (options, errand(item, None, Doing::Return)),
        Some(Order::Decline { item, agent, options }) => {
            (options, errand(item, Some(agent), Doing::Decline))
        }
        Some(Order::Finish { item, agent, outcome: Outcome { code, fields }, options }) => {
            let fields = fields.into_iter().collect();
            (options, errand(item, agent, Doing::Finish { code, fields }))
        }
        Some(Order::WrapUp { agent, item, outcome: Outcome { code, fields }, options }) => {
            let end = EndOfWork { item, code, fields: fields.into_iter().collect() };
            (options, Command::WrapUp { agent, end })
        }
    };
    ask::main(&options, &command, ask::Form::Text)
}

/// What is open.
pub fn table(lines: &[WorkLine]) -> String {
    let rows = lines.iter().map(|line| {
        let agents: Vec<_> = line.agents.iter().map(|agent| agent.as_str()).collect();
        let state = match line.state {
            WorkState::Waiting => "waits".to_owned(),
            WorkState::Offered => format!("offered to {}", agents.join(", ")),
            WorkState::InHand => format!("{} has it", agents.join(", ")),
            WorkState::WrapUp => format!("after-work of {}", agents.join(", ")),
        };
        let late = if line.overdue { ", overdue" } else { "" };
        let due = line.due.map_or("-".to_owned(), |due| format!("{due}{late}"));
        vec![
            line.item.to_string(),
            line.channel.clone(),
            line.queue.to_string(),
            line.since.to_string(),
            due,
            state,
            line.why.clone(),
            line.text.clone().unwrap_or_default(),
        ]
    });
    let head = &["ITEM", "CHANNEL", "QUEUE", "SINCE", "DUE", "STATE", "WHY", "WHAT"];
    text::columns(head, rows, "nothing is to be done")
}
