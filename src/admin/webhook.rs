//! Programs elsewhere that are told what happens, as an admin reads of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::{Figures, Lamp, Part};
use crate::id::HookId;
use crate::time::{UnixTime, rfc3339};
use crate::webhook::{Condition, Why};

/// Tries of one message after which somebody should look: a program that is started anew is back before.
const TRIES_TO_LOOK: u32 = 3;
/// How long a receiver may take nothing before it counts as down.
const DOWN: Duration = Duration::from_secs(3_600);
/// How long somebody should look at what was given up.
const FRESH: Duration = Duration::from_secs(86_400);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookLine {
    /// Its name.
    pub name: HookId,
    /// Where messages go, without what is behind a question mark: that may be a secret.
    pub url: String,
    /// The journal's record up to which everything is delivered or given up.
    pub upto: u64,
    /// Records behind that, wanted or not.
    pub behind: u64,
    /// When the oldest happened that is owed to it, as far as is known.
    #[serde(default, with = "rfc3339::option")]
    pub oldest: Option<UnixTime>,
    /// Orders to send again that wait.
    pub replays: usize,
    /// Messages that were ever given up.
    pub given_up: u64,
    /// When the last of them was.
    #[serde(default, with = "rfc3339::option")]
    pub last_given_up: Option<UnixTime>,
    /// Why nothing is sent for the time being, in words.
    #[serde(default)]
    pub paused: Option<String>,
    /// Whether that is so because it answered that it is gone.
    #[serde(default)]
    pub gone: bool,
    /// Messages that were sent since the start, every try counted.
    #[serde(default)]
    pub tries: u64,
    /// Those of them that were not taken.
    #[serde(default)]
    pub failed: u64,
    /// How often the message that is under way was tried in vain.
    #[serde(default)]
    pub tried: u32,
    /// What went wrong with it, in words.
    pub trouble: Option<String>,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLine {
    /// What it was sent under: `webhook-id`. Replaying by it sends the same again.
    #[serde(default)]
    pub id: String,
    /// The first of its records.
    pub first: u64,
    /// And the last.
    pub last: u64,
    /// When it was given up.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// After so many tries.
    pub tries: u32,
    /// Why, in words.
    pub why: String,
}

impl WebhookLine {
    /// Takes up how it is at this moment.
    pub fn take(&mut self, now: &Condition) {
        (self.behind, self.oldest) = (now.behind, now.oldest);
        (self.tries, self.failed) = (now.tries, now.failed);
        self.tried = now.trouble.map_or(0, |(_, tries)| tries);
        let words = |(why, tries): (Why, u32)| format!("{why}, tried {tries} times");
        self.trouble = now.trouble.map(words);
    }

    /// Its lamp.
    pub fn part(&self, now: UnixTime) -> Part {
        let (lamp, words) = self.lamp(now);
        Part { name: format!("webhook {}", self.name), lamp, words }
    }

    fn lamp(&self, now: UnixTime) -> (Lamp, String) {
        let name = &self.name;
        let old = self.oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
        if let Some(why) = &self.paused {
            let words = format!(
                "{why}, {} records behind: nothing is lost; `branchline webhooks resume {name}` goes on",
                self.behind
            );
            return (if self.gone { Lamp::Red } else { Lamp::Amber }, words);
        }
        if let Some(trouble) = self.trouble.as_ref().filter(|_| self.tried >= TRIES_TO_LOOK) {
            let words = format!(
                "{trouble}; {} records behind, the oldest for {} minutes: look at the receiver",
                self.behind,
                old.as_secs() / 60
            );
            return (if old >= DOWN { Lamp::Red } else { Lamp::Amber }, words);
        }
        if self.last_given_up.is_some_and(|at| now.since(at) < FRESH) {
            let words = format!("messages were given up: `branchline webhooks dead {name}`");
            return (Lamp::Amber, words);
        }
        match self.behind {
            0 => (Lamp::Green, "has been told everything".to_owned()),
            behind => (Lamp::Green, format!("{behind} records behind")),
        }
    }

    /// Figures of all of them.
    pub fn figures(lines: &[WebhookLine], now: UnixTime, figures: &mut Figures) {
        let each = |of: fn(&WebhookLine) -> u64| {
            lines.iter().map(|line| (line.name.to_string(), of(line))).collect::<Vec<_>>()
        };
        let help = "Records of the journal that nobody has looked at for it, wanted or not.";
        figures.gauges(("webhook_behind_records", "webhook"), help, each(|line| line.behind));
        let age =
            |line: &WebhookLine| line.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
        let ages = lines.iter().map(|line| (line.name.to_string(), age(line)));
        let help = "Age of the oldest that is owed to it; 0 when nothing is.";
        figures.gauges(("webhook_oldest_seconds", "webhook"), help, ages);
        let help = "Whether nothing is sent for the time being.";
        let paused = each(|line| u64::from(line.paused.is_some()));
        figures.gauges(("webhook_paused", "webhook"), help, paused);
        let help = "Messages that were sent, every try counted.";
        figures.counters(("webhook_tries_total", "webhook"), help, each(|line| line.tries));
        let help = "Those of them that were not taken.";
        figures.counters(("webhook_failed_total", "webhook"), help, each(|line| line.failed));
        let help = "Messages that were given up, since there is a journal.";
        figures.counters(("webhook_dead_total", "webhook"), help, each(|line| line.given_up));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_700_000_000_000_000);

    fn line() -> WebhookLine {
        WebhookLine {
            name: HookId::from("crm"),
            url: "https://crm.example.com/in".to_owned(),
            upto: 10,
            behind: 0,
            oldest: None,
            replays: 0,
            given_up: 0,
            last_given_up: None,
            paused: None,
            gone: false,
            tries: 0,
            failed: 0,
            tried: 0,
            trouble: None,
        }
    }

    #[test]
    fn the_lamp_says_when_to_look_and_what_to_do() {
        assert_eq!(line().part(NOW).lamp, Lamp::Green);
        let ago = |seconds: u64| Some(UnixTime(NOW.0 - seconds as i64 * 1_000_000));
        let trouble = |tries, oldest| {
            let mut line = line();
            let trouble = Some((Why::Unreachable, tries));
            line.take(&Condition { behind: 5, oldest, trouble, tries: 9, failed: 9 });
            line.part(NOW)
        };
        assert_eq!(trouble(1, ago(5)).lamp, Lamp::Green, "one try that failed is nothing yet");
        assert_eq!(trouble(3, ago(60)).lamp, Lamp::Amber);
        let down = trouble(30, ago(3_700));
        assert_eq!(down.lamp, Lamp::Red);
        assert!(down.words.contains("61 minutes") && down.words.contains("30 times"), "{down:?}");
        let dead = WebhookLine { given_up: 1, last_given_up: ago(600), ..line() };
        assert_eq!(dead.part(NOW).lamp, Lamp::Amber);
        let old = WebhookLine { given_up: 1, last_given_up: ago(90_000), ..line() };
        assert_eq!(old.part(NOW).lamp, Lamp::Green);
        let paused = WebhookLine { paused: Some("paused by an admin".to_owned()), ..line() };
        assert_eq!(paused.part(NOW).lamp, Lamp::Amber);
        let gone = WebhookLine { gone: true, ..paused };
        assert_eq!(gone.part(NOW).lamp, Lamp::Red);
        assert!(gone.part(NOW).words.contains("webhooks resume crm"));
    }

    #[test]
    fn figures_have_the_age_of_the_oldest() {
        let mut figures = Figures::default();
        let oldest = Some(UnixTime(NOW.0 - 90_000_000));
        let line = WebhookLine { behind: 7, oldest, given_up: 2, ..line() };
        WebhookLine::figures(&[line], NOW, &mut figures);
        let text = figures.into_text();
        for figure in [
            "branchline_webhook_behind_records{webhook=\"crm\"} 7",
            "branchline_webhook_oldest_seconds{webhook=\"crm\"} 90",
            "branchline_webhook_dead_total{webhook=\"crm\"} 2",
        ] {
            assert!(text.contains(figure), "{figure} in {text}");
        }
    }
}
