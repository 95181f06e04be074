//! Programs elsewhere that are told what happens: what is remembered of them, and what an admin asks and orders.

use crate::admin::{Command, DeadLine, Reply, WebhookLine};
use crate::config::settings::Webhook;
use crate::gateway::{By, Gateway, Output, ReplyTo};
use crate::id::HookId;
use crate::journal::act::Act;
use crate::journal::event::Event;
use crate::journal::{State, Token};
use crate::time::{Now, UnixTime};
use crate::webhook::{Change, Dead, Pause, Span, Standing, What};

/// Told where an order would not be kept.
const NOT_KEPT: &str = "the disk does not work: it was not kept, and is not carried out for good";

impl Gateway {
    /// Something is to be remembered of a receiver. Answers the token that says when it is on the disk.
    pub fn handle_webhook(&mut self, now: Now, change: Change) -> Token {
        self.keep(now, Event::Webhook(change))
    }

    /// Every receiver, as far as the journal knows how it is.
    pub fn webhook_lines(&self) -> Vec<WebhookLine> {
        self.settings.receivers().iter().map(|hook| self.webhook_line(hook)).collect()
    }

    fn webhook_line(&self, hook: &Webhook) -> WebhookLine {
        let standing = self.standing(&hook.name);
        let url = hook.url.split('?').next().unwrap_or_default();
        WebhookLine {
            name: hook.name.clone(),
            url: url.to_owned(),
            upto: standing.upto,
            behind: self.journal.stored().0.saturating_sub(standing.upto),
            oldest: None,
            replays: standing.again.len(),
            given_up: standing.given_up,
            last_given_up: standing.dead.back().map(|dead| dead.at),
            paused: standing.paused.map(|(why, at)| format!("{why} at {at}")),
            gone: matches!(standing.paused, Some((Pause::Gone, _))),
            tries: 0,
            failed: 0,
            tried: 0,
            trouble: None,
        }
    }

    fn standing(&self, hook: &HookId) -> Standing {
        self.journal.live().hooks.get(hook).cloned().unwrap_or_default()
    }

    /// What ids of messages and events begin with: this box and no other.
    fn hook_prefix(&self) -> String {
        self.journal.keys().token("webhook", 6)
    }

    /// What was given up, the newest first.
    pub(super) fn dead_webhooks(&self, hook: &HookId) -> Reply {
        if let Some(refused) = self.no_webhook(hook) {
            return refused;
        }
        let prefix = self.hook_prefix();
        let line = |dead: &Dead| DeadLine {
            id: match dead.first == dead.last {
                true => format!("{prefix}-{}", dead.first),
                false => format!("{prefix}-{}-{}", dead.first, dead.last),
            },
            first: dead.first,
            last: dead.last,
            at: dead.at,
            tries: dead.tries,
            why: dead.why.to_string(),
        };
        Reply::DeadWebhooks(self.standing(hook).dead.iter().rev().map(line).collect())
    }

    /// Somebody orders something of a receiver: it is answered once it is on the disk, and then outlives the box.
    pub(super) fn order_webhook(&mut self, now: Now, to: ReplyTo, by: &By, command: &Command) {
        let ordered = match command {
            Command::ReplayWebhook { hook, since, until, records, id } => self
                .span(hook, (*since, *until), *records, id.as_deref())
                .map(|span| (hook, What::Replay(span))),
            Command::PauseWebhook { hook, on: true } => {
                Ok((hook, What::Paused { why: Pause::Admin, at: now.unix }))
            }
            Command::PauseWebhook { hook, .. } => Ok((hook, What::Resumed)),
            _ => return,
        };
        let ordered = ordered.and_then(|(hook, what)| match self.no_webhook(hook) {
            Some(refused) => Err(refused),
            None if self.journal.state() != State::Healthy => {
                Err(Reply::NotReady(NOT_KEPT.to_owned()))
            }
            None => Ok((hook, what)),
        });
        let (hook, what) = match ordered {
            Ok(ordered) => ordered,
            Err(refused) => return self.reply(now, to, by, command, refused),
        };
        tracing::info!(%hook, by = %by.who, "somebody orders something of a webhook");
        if let Some((operation, on)) = command.act() {
            let (who, what) = (by.who.clone(), operation.name().to_owned());
            self.keep(
                now,
                Event::Act(Act { who, from: by.from, what, on, done: true, first: None }),
            );
        }
        let change = Change { hook: hook.clone(), what: what.clone() };
        let token = self.keep(now, Event::Webhook(change));
        self.outputs.push_back(Output::Hook(hook.clone(), what));
        self.keeping.kept.push((token, to));
        self.send_kept();
    }

    /// Answers orders that are on the disk, and those that will not be.
    pub(super) fn send_kept(&mut self) {
        let failed = self.journal.state() != State::Healthy;
        for (token, to) in std::mem::take(&mut self.keeping.kept) {
            if self.journal.is_stored(token) {
                self.outputs.push_back(Output::Reply(to, Reply::Done));
            } else if failed {
                self.outputs.push_back(Output::Reply(to, Reply::NotReady(NOT_KEPT.to_owned())));
            } else {
                self.keeping.kept.push((token, to));
            }
        }
    }

    /// Which records are to be sent again: of a span of time, between two of them, or by an id. What was not sent yet
    /// comes anyway.
    fn span(
        &self,
        hook: &HookId,
        (since, until): (Option<UnixTime>, Option<UnixTime>),
        records: Option<(u64, u64)>,
        id: Option<&str>,
    ) -> Result<Span, Reply> {
        if let Some(refused) = self.no_webhook(hook) {
            return Err(refused);
        }
        let refused = |why: &str| Err(Reply::Refused(why.to_owned()));
        let named = match id {
            Some(id) => match self.records_of(id) {
                Some(records) => Some(records),
                None => return refused("that is no id of a message or an event of this box"),
            },
            None => records,
        };
        if since.is_none() && named.is_none() {
            return refused("say which: a time since when, an id, or a record");
        }
        let (next, end) = named.unwrap_or((1, u64::MAX));
        let standing = self.standing(hook);
        let span = Span {
            next: next.max(1),
            end: end.min(standing.upto),
            since: since.unwrap_or(UnixTime(i64::MIN)),
            until: until.unwrap_or(UnixTime(i64::MAX)),
        };
        if span.next > span.end || span.since >= span.until {
            return refused("nothing of that was sent yet");
        }
        if !standing.takes_more() {
            return refused("too many orders to send again wait already");
        }
        Ok(span)
    }

    /// The records that an id names: `PREFIX-RECORD`, or `PREFIX-FIRST-LAST`.
    fn records_of(&self, id: &str) -> Option<(u64, u64)> {
        let rest = id.strip_prefix(&self.hook_prefix())?.strip_prefix('-')?;
        let (first, last) = rest.split_once('-').unwrap_or((rest, rest));
        Some((first.parse().ok()?, last.parse().ok()?))
    }

    pub(super) fn no_webhook(&self, hook: &HookId) -> Option<Reply> {
        let known = self.settings.receivers().iter().any(|other| other.name == *hook);
        let words = || format!("there is no webhook {hook}; `branchline webhooks` lists them");
        (!known).then(|| Reply::Refused(words()))
    }
}
