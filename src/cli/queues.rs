//! `branchline queues`: who waits, why, and where and how they are to wait instead.

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::admin::queueing::{Explanation, WaitingItem};
use crate::admin::{Command, Queue};
use crate::cli::{ask, replay, text};
use crate::id::{ItemId, QueueId};
use crate::queue::Channel;

/// What is asked of them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Queues {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    options: ask::Options,
}

/// What can be asked and done about who waits.
#[derive(Debug, Subcommand)]
enum Order {
    /// Say why those who wait in a queue still wait; of one item, how each agent stands to it and why it was offered to whom.
    #[command(after_help = "Examples: branchline queues explain support\n          \
                            branchline queues explain 5R2T0QW8N4K1C --json")]
    Explain {
        /// A queue, or an item's id, which the queue's list shows.
        of: String,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Let one who waits wait in another queue, or be called back instead, at the same place.
    #[command(
        after_help = "Examples: branchline queues move 5R2T0QW8N4K1C --to callback\n          \
                            branchline queues move 5R2T0QW8N4K1C --to sales"
    )]
    Move {
        /// Which.
        item: ItemId,
        /// A channel (`callback`) or a queue.
        #[arg(long)]
        to: String,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Go through a past day again under today's rules and under changed ones, and print both beside how it was. Reads
    /// the journal, or a copy of it; needs no running box and changes nothing.
    #[command(
        after_help = "Example: branchline queues replay --from 2026-11-16 --rules changed.toml"
    )]
    Replay(replay::Options),
    /// Give one who waits another priority.
    #[command(after_help = "Example: branchline queues prioritise 5R2T0QW8N4K1C 80")]
    Prioritise {
        /// Which.
        item: ItemId,
        /// 0 to 100; the queue's comes on top.
        #[arg(value_parser = clap::value_parser!(i32).range(0..=100))]
        priority: i32,
        #[command(flatten)]
        options: ask::Options,
    },
}

/// Asks, prints, and gives the exit code.
pub fn main(asked: &Queues) -> ExitCode {
    let (options, command) = match &asked.order {
        None => (&asked.options, Command::Queues),
        Some(Order::Replay(options)) => return replay::main(options),
        Some(Order::Explain { of, options }) => (options, explain(of)),
        Some(Order::Move { item, to, options }) => (options, move_to(*item, to)),
        Some(Order::Prioritise { item, priority, options }) => {
            (options, Command::Prioritise { queue: None, item: *item, priority: *priority })
        }
    };
    ask::main(options, &command, ask::Form::Text)
}

fn explain(of: &str) -> Command {
    match of.parse() {
        Ok(item) => Command::Explain { queue: None, item },
        Err(_) => Command::Waiting { queue: QueueId::from(of) },
    }
}

/// Channels have their names for themselves: what is no channel is a queue.
fn move_to(item: ItemId, to: &str) -> Command {
    let name = if to == "sms" { Channel::Message.name() } else { to };
    match Channel::ALL.into_iter().find(|channel| channel.name() == name) {
        Some(to) => Command::MoveToChannel { queue: None, item, to },
        None => Command::MoveToQueue { queue: None, item, to: QueueId::from(to) },
    }
}

/// What the next caller may expect, and how often that was right of late.
pub fn expected(queue: &Queue) -> String {
    let Some([from, to]) = queue.wait_s else { return "-".to_owned() };
    match queue.estimates {
        0 => format!("{from}-{to}s"),
        of => format!("{from}-{to}s ({}/{of})", queue.estimates_held),
    }
}

/// Those who wait.
pub fn waiting(items: &[WaitingItem]) -> String {
    let rows = items.iter().map(|item| {
        vec![
            item.position.to_string(),
            item.item.to_string(),
            item.channel.clone(),
            format!("{}s", item.waited_s),
            item.priority.to_string(),
            item.why.clone(),
        ]
    });
    let head = &["PLACE", "ITEM", "CHANNEL", "WAITED", "PRIORITY", "WHY IT STILL WAITS"];
    text::columns(head, rows, "nobody waits")
}

/// One of them.
pub fn explained(told: &Explanation) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    match &told.waiting {
        Some(waits) => {
            let _ = writeln!(
                out,
                "{} waits in {} as a {}: place {}, for {} s by now, priority {}.\nWhy it still waits: {}.\n",
                told.item,
                waits.queue,
                waits.channel,
                waits.position,
                waits.waited_s,
                waits.priority,
                waits.why
            );
            let rows = told.agents.iter().map(|a| vec![a.agent.to_string(), a.words.clone()]);
            out += &text::columns(&["AGENT", "HOW THEY STAND TO IT"], rows, "nobody works there");
            if told.left_off > 0 {
                let _ = writeln!(out, "and {} more", told.left_off);
            }
        }
        None => _ = writeln!(out, "{} waits no longer.", told.item),
    }
    for chosen in &told.chosen {
        let agents: Vec<_> = chosen.agents.iter().map(|agent| agent.as_str()).collect();
        let _ = writeln!(
            out,
            "\n{} offered to {} after {} s: {} ({} could have had it).",
            chosen.at,
            agents.join(", "),
            chosen.waited_s,
            chosen.words,
            chosen.able
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_a_queue_and_what_is_no_channel_too() {
        let item = ItemId(7);
        assert_eq!(explain(&item.to_string()), Command::Explain { queue: None, item });
        assert_eq!(explain("support"), Command::Waiting { queue: "support".into() });
        let to = Channel::Callback;
        assert_eq!(move_to(item, "callback"), Command::MoveToChannel { queue: None, item, to });
        assert!(matches!(
            move_to(item, "sms"),
            Command::MoveToChannel { to: Channel::Message, .. }
        ));
        let to = "sales".into();
        assert_eq!(move_to(item, "sales"), Command::MoveToQueue { queue: None, item, to });
    }
}
