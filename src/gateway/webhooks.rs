//! Programs elsewhere that are told what happens: what is remembered of them, and what an admin asks.

use crate::admin::{DeadLine, Reply, WebhookLine};
use crate::gateway::{Gateway, Output};
use crate::id::HookId;
use crate::journal::Token;
use crate::journal::event::Event;
use crate::time::{Now, UnixTime};
use crate::webhook::{Change, Span};

impl Gateway {
    /// Something is to be remembered of a receiver. Answers the token that says when it is on the disk.
    pub fn handle_webhook(&mut self, now: Now, change: Change) -> Token {
        self.keep(now, Event::Webhook(change))
    }

    pub(super) fn webhook_lines(&self) -> Vec<WebhookLine> {
        let known = &self.journal.live().hooks;
        let stored = self.journal.stored().0;
        let line = |hook: &crate::config::settings::Webhook| {
            let standing = known.get(&hook.name).cloned().unwrap_or_default();
            WebhookLine {
                name: hook.name.clone(),
                url: hook.url.clone(),
                upto: standing.upto,
                behind: stored.saturating_sub(standing.upto),
                replays: standing.again.len(),
                given_up: standing.given_up,
                trouble: None,
            }
        };
        self.settings.webhooks.iter().map(line).collect()
    }

    pub(super) fn dead_webhooks(&self, hook: &HookId) -> Reply {
        if let Some(refused) = self.no_webhook(hook) {
            return refused;
        }
        let dead = self.journal.live().hooks.get(hook).into_iter().flat_map(|known| &known.dead);
        let line = |dead: &crate::webhook::Dead| DeadLine {
            first: dead.first,
            last: dead.last,
            at: dead.at,
            tries: dead.tries,
            why: dead.why.to_string(),
        };
        Reply::DeadWebhooks(dead.map(line).collect())
    }

    /// Sends records again: those of a span of time, or between two of them.
    pub(super) fn replay_webhook(
        &mut self,
        hook: &HookId,
        (since, until): (Option<UnixTime>, Option<UnixTime>),
        records: Option<(u64, u64)>,
    ) -> Reply {
        if let Some(refused) = self.no_webhook(hook) {
            return refused;
        }
        if since.is_none() && records.is_none() {
            return Reply::Refused("say which: --since, or --record".to_owned());
        }
        let (next, end) = records.unwrap_or((1, u64::MAX));
        let since = since.unwrap_or(UnixTime(i64::MIN));
        let span = Span { next, end, since, until: until.unwrap_or(UnixTime(i64::MAX)) };
        tracing::info!(%hook, "an admin has webhook messages sent again");
        self.outputs.push_back(Output::Replay(hook.clone(), span));
        Reply::Done
    }

    fn no_webhook(&self, hook: &HookId) -> Option<Reply> {
        let known = self.settings.webhooks.iter().any(|other| other.name == *hook);
        let words = || format!("there is no webhook {hook}; `branchline webhooks` lists them");
        (!known).then(|| Reply::Refused(words()))
    }
}
