//! `branchline crm`: the site's book of customers.

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::admin::{Command, CrmLine, CrmTest};
use crate::cli::{ask, text};
use crate::crm::Answer;

/// What is asked of it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Crm {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    options: ask::Options,
}

/// What can be done.
#[derive(Debug, Subcommand)]
enum Order {
    /// Ask it about somebody, and show what would be taken of the answer. Nothing is changed.
    #[command(
        after_help = "Example: branchline crm test +4930123456\n         branchline crm test account:C-1001"
    )]
    Test {
        /// A number as it would be dialled here, an address, or KIND:VALUE.
        who: String,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Ask it about somebody now, and take what it says up on their record.
    #[command(after_help = "Example: branchline crm ask ann@example.com")]
    Ask {
        /// A number as it would be dialled here, an address, or KIND:VALUE.
        who: String,
        #[command(flatten)]
        options: ask::Options,
    },
}

/// Asks, prints, and gives the exit code.
pub fn main(asked: Crm) -> ExitCode {
    let (command, options) = match asked.order {
        None => (Command::Crm, asked.options),
        Some(Order::Test { who, options }) => (Command::TestCrm { who, keep: false }, options),
        Some(Order::Ask { who, options }) => (Command::TestCrm { who, keep: true }, options),
    };
    ask::main(&options, &command, ask::Form::Text)
}

/// How it is, for a terminal.
pub fn page(line: &CrmLine) -> String {
    let mut out = format!("{}\n", line.url);
    let answered = line.answered.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let _ = writeln!(out, "last answered: {answered}");
    if let Some(trouble) = &line.trouble {
        let rests = line.rests_s.filter(|left| *left > 0);
        let rests = rests.map_or_else(String::new, |left| format!("; left alone for {left} s"));
        let _ = writeln!(out, "trouble: it {trouble}{rests}");
    }
    let CrmLine { found, unknown, faults, dropped, open, .. } = line;
    let _ = writeln!(
        out,
        "asked: {found} found, {unknown} unknown, {faults} without an answer, {dropped} not asked, {open} waiting"
    );
    let CrmLine { fresh, stale, missed, unknown_again, .. } = line;
    let _ = writeln!(
        out,
        "callers: {fresh} with a new answer, {stale} with an old one, {missed} with none, {unknown_again} unknown"
    );
    out
}

/// What came of a try, for a terminal.
pub fn tried(test: &CrmTest) -> String {
    let took = test.took_ms;
    let found = match (&test.answer, &test.fault) {
        (Some(Answer::Found(found)), _) => found,
        (Some(Answer::Unknown), _) => return format!("answered in {took} ms: not known there\n"),
        (None, fault) => {
            return format!(
                "after {took} ms: it {}\n",
                fault.as_deref().unwrap_or("did not answer")
            );
        }
    };
    let mut out = format!("answered in {took} ms\n");
    let named = [("id", &found.id), ("link", &found.link)];
    let named = named.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
    for (name, text) in named.chain(found.fields.iter().map(|(name, text)| (name.as_str(), text))) {
        let _ = writeln!(out, "  {name}: {}", text::printable(text));
    }
    if !found.left_out.is_empty() {
        let _ = writeln!(out, "left out: {}", found.left_out.join(", "));
    }
    out
}
