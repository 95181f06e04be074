//! `[crm]`: the site's own book of customers.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Webhook;
use crate::config::SecretRef;
use crate::crm::Limits;
use crate::id::HookId;
use crate::webhook::Reach;

/// What the receiver of its events is called among webhooks.
pub const HOOK: &str = "crm";

/// `[crm]`: the site's own book of customers, which is asked who calls and told what happened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Crm {
    /// Where it is: questions go to `URL/lookup`, events to `URL/events`. Default nowhere.
    pub url: Option<String>,
    /// What questions and events are signed with: `whsec_` and 24 to 64 bytes in base64.
    pub secret: Option<SecretRef>,
    /// The secret before, while it is being changed. Default none.
    pub old_secret: Option<SecretRef>,
    /// Whether it may be at a private address, over plain HTTP too; default no.
    pub private: bool,
    /// Authorities that prove its server besides the system's: a PEM file. Default none.
    pub authorities: Option<PathBuf>,
    /// Milliseconds that it may take to answer a question; 100 to 5000, default 800.
    pub timeout_ms: u16,
    /// Minutes until an answer is asked for anew when the person calls again; 0 to 10080, default 15.
    pub fresh_minutes: u16,
    /// Minutes for which nobody asks again about somebody whom it did not know; 0 to 10080, default 10.
    pub unknown_minutes: u16,
    /// Days for which an answer is shown when no newer one comes; 1 to 3650, default 90.
    pub keep_days: u16,
    /// Events that it is told; none when empty. Default `call_record` and `person.*`.
    pub events: Vec<String>,
}

impl Default for Crm {
    fn default() -> Self {
        Crm {
            url: None,
            secret: None,
            old_secret: None,
            private: false,
            authorities: None,
            timeout_ms: 800,
            fresh_minutes: 15,
            unknown_minutes: 10,
            keep_days: 90,
            events: ["call_record", "person.*"].map(str::to_owned).into(),
        }
    }
}

impl Crm {
    /// When it is asked.
    pub fn limits(&self) -> Limits {
        let minutes = |minutes: u16| Duration::from_secs(u64::from(minutes) * 60);
        Limits { fresh: minutes(self.fresh_minutes), unknown: minutes(self.unknown_minutes) }
    }

    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }

    /// How long an answer is shown.
    pub fn keep(&self) -> Duration {
        Duration::from_secs(u64::from(self.keep_days) * 86_400)
    }

    /// Which addresses it may have.
    pub fn reach(&self) -> Reach {
        Reach { private: self.private }
    }

    /// Where questions go.
    pub fn lookup_url(&self) -> Option<String> {
        Some(format!("{}/lookup", self.url.as_ref()?.trim_end_matches('/')))
    }

    /// It as a receiver of events: with the order, the tries and the dead letters of any other.
    pub fn hook(&self) -> Option<Webhook> {
        let url = format!("{}/events", self.url.as_ref()?.trim_end_matches('/'));
        let events = Some(self.events.clone()).filter(|events| !events.is_empty())?;
        let mut hook = Webhook::new(HookId::from(HOOK), url, events, self.secret.clone()?);
        hook.old_secret = self.old_secret.clone();
        hook.authorities = self.authorities.clone();
        hook.private = self.private;
        // The site's own book knows its customers.
        hook.personal = true;
        Some(hook)
    }
}
