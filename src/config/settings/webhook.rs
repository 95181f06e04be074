//! `[[webhook]]`: programs elsewhere that are told what happens.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::SecretRef;
use crate::id::HookId;
use crate::webhook::{JOURNEY_DUE, Limits, Reach, Wanted, delivery};

/// `[[webhook]]`: a program elsewhere that is told what happens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// What it is called here.
    pub name: HookId,
    /// Where messages are posted to.
    pub url: String,
    /// Events that it gets: names, `call.*`, `*`.
    pub events: Vec<String>,
    /// What signatures are made with: `whsec_` and 24 to 64 bytes in base64.
    pub secret: SecretRef,
    /// The secret before, while it is being changed: messages are signed with either. Default none.
    #[serde(default)]
    pub old_secret: Option<SecretRef>,
    /// Whether numbers and names of people go out; default no.
    #[serde(default)]
    pub personal: bool,
    /// Whether it may be at a private address, over plain HTTP too; default no.
    #[serde(default)]
    pub private: bool,
    /// Authorities that prove its server besides the system's: a PEM file. Default none.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
    /// Events in one message at most; 1 to 100, default 1.
    #[serde(default = "delivery::batch")]
    pub batch: u16,
    /// Seconds that it may take to answer; 1 to 120, default 15.
    #[serde(default = "delivery::timeout_s")]
    pub timeout_s: u16,
    /// Tries after which a message is given up; 0 to 10000, default 50, which is two hours and more; 0: never.
    #[serde(default = "delivery::tries")]
    pub tries: u32,
    /// The longest wait between two tries, in seconds; 5 to 86400, default 300.
    #[serde(default = "delivery::longest_wait_s")]
    pub longest_wait_s: u32,
}

impl Webhook {
    /// One with everything else as it is by default.
    pub fn new(name: HookId, url: String, events: Vec<String>, secret: SecretRef) -> Webhook {
        Webhook {
            name,
            url,
            events,
            secret,
            old_secret: None,
            personal: false,
            private: false,
            authorities: None,
            batch: delivery::batch(),
            timeout_s: delivery::timeout_s(),
            tries: delivery::tries(),
            longest_wait_s: delivery::longest_wait_s(),
        }
    }

    /// How it is treated.
    pub fn limits(&self) -> Limits {
        Limits::said(self.batch, self.tries, self.longest_wait_s)
    }

    /// Whether it gets what rules of journeys have for it.
    pub fn is_told_of_journeys(&self) -> bool {
        let wanted = Wanted::new(self.events.iter().map(String::as_str));
        wanted.is_ok_and(|wanted| wanted.has(JOURNEY_DUE))
    }

    /// Which addresses it may have.
    pub fn reach(&self) -> Reach {
        Reach { private: self.private }
    }
}
