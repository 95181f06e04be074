//! `hub.toml`: what an operator says of a hub. Every key may be left out; `firmware-config/hub.toml` explains each.
//!
//! Secrets are not in it: keys whose names end in `_file` name files that hold one each, on one line.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::webhook::delivery;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Everything.
    pub hub: Hub,
}

/// `[hub]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hub {
    /// Where sites connect: UDP for QUIC and TCP for TLS, on the same ports.
    pub listen: Vec<SocketAddr>,
    /// Names and addresses under which sites reach it; they stand in its certificate.
    pub names: Vec<String>,
    /// Days that events are kept at least; 0: for ever.
    pub keep_days: u32,
    /// Megabytes of events that one site may have kept in a day; 0: as many as come.
    pub site_mb_a_day: u32,
    /// `[hub.page]`.
    pub page: Page,
    /// `[hub.blobs]`: recordings and files of messages.
    pub blobs: Blobs,
    /// `[hub.jetstream]`: a cluster keeps the events instead of this machine's disk.
    pub jetstream: Option<JetStream>,
    /// `[hub.postgres]`: tables for reporting tools.
    pub postgres: Option<Postgres>,
    /// `[hub.webhooks.NAME]`: programs that are told of events.
    pub webhooks: BTreeMap<String, Webhook>,
}

impl Default for Hub {
    fn default() -> Self {
        Hub {
            listen: vec![SocketAddr::from(([0, 0, 0, 0], 7443))],
            names: Vec::new(),
            keep_days: 400,
            site_mb_a_day: 20_480,
            page: Page::default(),
            blobs: Blobs::default(),
            jetstream: None,
            postgres: None,
            webhooks: BTreeMap::new(),
        }
    }
}

/// `[hub.page]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Page {
    /// Where the page and its JSON are; nowhere when it is empty. Plain HTTP on loopback, HTTPS anywhere else.
    pub listen: Vec<SocketAddr>,
    /// Certificate and key for HTTPS; made by itself when absent.
    pub certificate: Option<PathBuf>,
    /// See `certificate`.
    pub key: Option<PathBuf>,
    /// A file with the password; one is made in the hub's folder when absent.
    pub password_file: Option<PathBuf>,
}

impl Default for Page {
    fn default() -> Self {
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 7480))];
        Page { listen, certificate: None, key: None, password_file: None }
    }
}

/// `[hub.blobs]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Blobs {
    /// Where they are; `blobs` in the hub's folder when absent.
    pub dir: Option<PathBuf>,
    /// Megabytes of all of them together; 0: none is taken.
    pub quota_mb: u64,
    /// Megabytes of the disk that are left free for events.
    pub keep_free_mb: u64,
}

impl Default for Blobs {
    fn default() -> Self {
        Blobs { dir: None, quota_mb: 100_000, keep_free_mb: 1_024 }
    }
}

/// `[hub.jetstream]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JetStream {
    /// Servers, as `nats://HOST:PORT` or `tls://HOST:PORT`.
    pub servers: Vec<String>,
    /// Copies of everything: 1, 3 or 5.
    #[serde(default = "three")]
    pub replicas: usize,
    /// A file with `user:password`, or with a token.
    #[serde(default)]
    pub credentials_file: Option<PathBuf>,
    /// Authorities that prove the servers beside the system's: a PEM file.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
}

/// `[hub.postgres]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// A file with the database's address, as PostgreSQL writes it, on a socket or loopback.
    pub url_file: PathBuf,
}

/// `[hub.webhooks.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where messages are posted to.
    pub url: String,
    /// A file with what they are signed with: `whsec_` and 24 to 64 octets in base64.
    pub secret_file: PathBuf,
    /// Kinds of events that it is told of; all when absent.
    #[serde(default)]
    pub events: Vec<String>,
    /// Sites that it is told of; all when absent.
    #[serde(default)]
    pub sites: Vec<String>,
    /// Whether it may be at a private address, over plain HTTP too.
    #[serde(default)]
    pub private: bool,
    /// Authorities that prove its server beside the system's: a PEM file.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
    /// Events in one message at most; 1 to 100.
    #[serde(default = "delivery::batch")]
    pub batch: u16,
    /// Seconds that it may take to answer; 1 to 120.
    #[serde(default = "delivery::timeout_s")]
    pub timeout_s: u16,
    /// Tries after which a message is given up, 0 to 10000; 0: never.
    #[serde(default = "delivery::tries")]
    pub tries: u32,
    /// The longest wait between two tries, in seconds; 5 to 86400.
    #[serde(default = "delivery::longest_wait_s")]
    pub longest_wait_s: u32,
}

fn three() -> usize {
    3
}

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The key, as `hub.page.listen`; the whole document when it cannot be read.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What would be right; empty where `what` says it.
    pub allowed: &'static str,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong { key, what, allowed } = self;
        let dot = if key.is_empty() { "" } else { ": " };
        write!(f, "{key}{dot}{what}")?;
        if allowed.is_empty() { Ok(()) } else { write!(f, "\n  allowed: {allowed}") }
    }
}

impl Hub {
    /// Octets of events that one site may have kept in a day; nothing: as many as come.
    pub fn a_day(&self) -> Option<u64> {
        (self.site_mb_a_day > 0).then(|| u64::from(self.site_mb_a_day) << 20)
    }
}

impl Settings {
    /// Reads the document, and says everything that is wrong with it.
    ///
    /// # Errors
    /// At least one thing.
    pub fn read(text: &str) -> Result<Settings, Vec<Wrong>> {
        let settings: Settings = toml::from_str(text).map_err(|error| {
            vec![Wrong { key: String::new(), what: error.to_string(), allowed: "" }]
        })?;
        let wrong = settings.check();
        if wrong.is_empty() { Ok(settings) } else { Err(wrong) }
    }

    fn check(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut tell = |key: String, what: &str, allowed| {
            wrong.push(Wrong { key, what: what.to_owned(), allowed });
        };
        let hub = &self.hub;
        if hub.listen.is_empty() {
            tell("hub.listen".to_owned(), "no site could connect", "`[\"0.0.0.0:7443\"]`");
        }
        if hub.keep_days > 36_500 {
            tell("hub.keep_days".to_owned(), "that is longer than a century", "0 to 36500");
        }
        if hub.site_mb_a_day > 10_000_000 {
            tell("hub.site_mb_a_day".to_owned(), "no disk has room for that", "0 to 10000000");
        }
        if hub.page.certificate.is_some() != hub.page.key.is_some() {
            tell("hub.page".to_owned(), "a certificate needs its key", "both, or neither");
        }
        if let Some(jetstream) = &hub.jetstream {
            if jetstream.servers.is_empty() {
                let allowed = "`[\"nats://HOST:4222\"]`";
                tell("hub.jetstream.servers".to_owned(), "there is no server", allowed);
            }
            if ![1, 3, 5].contains(&jetstream.replicas) {
                let what = "half of the copies could not decide";
                tell("hub.jetstream.replicas".to_owned(), what, "1, 3 or 5");
            }
        }
        for (name, hook) in &hub.webhooks {
            hook.check(|key, what, allowed| {
                tell(format!("hub.webhooks.{name}.{key}"), what, allowed);
            });
        }
        wrong
    }
}

impl Webhook {
    fn check(&self, mut tell: impl FnMut(&str, &str, &'static str)) {
        match crate::webhook::Target::parse(&self.url) {
            Err(_) => tell("url", "that is no address", "`https://HOST/PATH`"),
            Ok(target) if !target.tls && !self.private => {
                let allowed = "`https://`, or `private = true` for a receiver in the house";
                tell("url", "what happens in branches would go out in clear", allowed);
            }
            Ok(_) => {}
        }
        if !delivery::BATCH.contains(&self.batch) {
            tell("batch", "out of range", "1 to 100");
        }
        if !delivery::TIMEOUT_S.contains(&self.timeout_s) {
            tell("timeout_s", "out of range", "1 to 120");
        }
        if !delivery::TRIES.contains(&self.tries) {
            tell("tries", "out of range", "0 to 10000");
        }
        if !delivery::LONGEST_WAIT_S.contains(&self.longest_wait_s) {
            tell("longest_wait_s", "out of range", "5 to 86400");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../firmware-config/hub.toml");

    #[test]
    fn nothing_said_is_a_hub_and_the_sample_says_what_holds_then() {
        assert_eq!(Settings::read(""), Ok(Settings::default()));
        assert_eq!(Settings::read(SAMPLE), Ok(Settings::default()));
    }

    /// Every key is in the sample, and what the sample shows of sections that are left out can be read.
    #[test]
    fn the_sample_explains_every_key_and_no_other() {
        let all: String = SAMPLE
            .lines()
            .map(|line| match line.strip_prefix("#:") {
                Some(shown) => format!("{}\n", shown.trim()),
                None => format!("{line}\n"),
            })
            .collect();
        let settings = Settings::read(&all).expect("what it shows can be used");
        let shown: toml::Table = toml::from_str(&all).expect("a document");
        let whole = toml::Table::try_from(&settings).expect("a document");
        let (mut said, mut known) = (Vec::new(), Vec::new());
        keys("", &shown, &mut said);
        keys("", &whole, &mut known);
        assert_eq!(said, known);
        assert!(settings.hub.jetstream.is_some() && settings.hub.postgres.is_some());
        assert!(!settings.hub.webhooks.is_empty());
    }

    fn keys(above: &str, table: &toml::Table, out: &mut Vec<String>) {
        let mut sorted: Vec<_> = table.iter().collect();
        sorted.sort_by_key(|(key, _)| (*key).clone());
        for (key, value) in sorted {
            let path = format!("{above}{key}");
            match value {
                toml::Value::Table(table) => keys(&format!("{path}."), table, out),
                _ => out.push(path),
            }
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_key() {
        let text = "[hub]\nlisten = []\n[hub.page]\nkey = \"k\"\n[hub.jetstream]\nservers = []\nreplicas = 2\n\
                    [hub.webhooks.crm]\nurl = \"http://crm\"\nsecret_file = \"s\"\nbatch = 0\n";
        let wrong = Settings::read(text).expect_err("much is wrong");
        let keys: Vec<_> = wrong.iter().map(|wrong| wrong.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "hub.listen",
                "hub.page",
                "hub.jetstream.servers",
                "hub.jetstream.replicas",
                "hub.webhooks.crm.url",
                "hub.webhooks.crm.batch"
            ]
        );
        let unknown = Settings::read("[hub]\nlisen = []\n").expect_err("no such key");
        assert!(unknown[0].to_string().contains("lisen"), "{}", unknown[0]);
        assert!(unknown[0].to_string().contains("line 2"), "{}", unknown[0]);
    }
}
