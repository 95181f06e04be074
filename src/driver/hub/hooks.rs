//! Programs that are told of events, such as a CRM: one task for each of them and each stream, which reads on, posts, and
//! remembers how far it is. Signatures, tries and giving up are those of a branch's webhooks ([`Courier`]).
//!
//! Of several hubs on one cluster one does this at a time: it holds a lease, a row that it puts anew every few seconds. One
//! that sees the row unchanged for long takes it over; nobody's clock is compared with another's.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::engine::{Engine, Kept, NotRead, What};
use super::rows::Rows;
use super::watching::put;
use crate::driver::clock;
use crate::driver::post::Client;
use crate::hub::people::{Book, NotPut};
use crate::hub::settings::Webhook;
use crate::hub::subject;
use crate::id::HookId;
use crate::random::Random;
use crate::webhook::{Courier, Item, Limits, Output, Page, Post, Reach, Reading, Secret, Standing};

/// How often it is looked whether there are more streams, and the lease is put anew.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// A lease that nobody has put anew for so long is anybody's.
const LEASE: Duration = Duration::from_secs(20);
/// After something could not be read or kept.
const REST: Duration = Duration::from_secs(1);
/// Letters of a receiver's name: it stands in the names of rows.
const LONGEST_NAME: usize = 63;
const LEASE_ROW: &str = "hooks/lease";
const PREFIX_ROW: &str = "hooks/prefix";

/// Why a receiver cannot be told anything.
#[derive(Debug)]
pub enum NoHook {
    /// The file of its secret.
    Secret(PathBuf, std::io::Error),
    /// What is in it is no secret.
    NoSecret(PathBuf),
    /// Its name has other letters than ASCII's, or is too long.
    Name(String),
    /// Its address or its authorities cannot be used.
    Target(String),
}

impl fmt::Display for NoHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoHook::Secret(path, error) => write!(f, "{}: {error}", path.display()),
            NoHook::NoSecret(path) => write!(
                f,
                "{}: that is no secret: `whsec_` and 24 to 64 octets in base64",
                path.display()
            ),
            NoHook::Name(name) => write!(f, "a webhook cannot be called `{name}`"),
            NoHook::Target(name) => {
                write!(f, "address or authorities of the webhook `{name}` cannot be used")
            }
        }
    }
}

impl std::error::Error for NoHook {}

/// A receiver, ready to be told.
#[derive(Clone)]
pub struct Hook {
    name: HookId,
    client: Client,
    limits: Limits,
    events: Vec<String>,
    sites: Vec<String>,
}

impl Hook {
    /// What it is called.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }
}

/// Reads the secrets and makes clients.
///
/// # Errors
/// The first thing that cannot be used.
pub fn open(webhooks: &BTreeMap<String, Webhook>) -> Result<Vec<Hook>, NoHook> {
    webhooks.iter().map(|(name, webhook)| hook(name, webhook)).collect()
}

fn hook(name: &str, said: &Webhook) -> Result<Hook, NoHook> {
    let fit = |letter: u8| letter.is_ascii_alphanumeric() || b"-_".contains(&letter);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(fit) {
        return Err(NoHook::Name(name.to_owned()));
    }
    let path = &said.secret_file;
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| NoHook::Secret(path.clone(), error))?;
    let secret = Secret::parse(text.trim()).map_err(|_| NoHook::NoSecret(path.clone()))?;
    let (reach, timeout) =
        (Reach { private: said.private }, Duration::from_secs(said.timeout_s.into()));
    let client = Client::new(&said.url, said.authorities.as_deref(), &secret, reach, timeout);
    let Ok(Some(client)) = client else { return Err(NoHook::Target(name.to_owned())) };
    Ok(Hook {
        name: HookId::from(name),
        client,
        limits: Limits::said(said.batch, said.tries, said.longest_wait_s),
        events: said.events.clone(),
        sites: said.sites.clone(),
    })
}

/// Tells them for as long as the hub runs.
pub async fn run(engine: Engine, hooks: Vec<Hook>, mut random: Random) {
    let rows = engine.rows();
    let prefix = loop {
        match prefix(&rows, random.hex(8)).await {
            Some(prefix) => break prefix,
            None => tokio::time::sleep(REST).await,
        }
    };
    let mut lease = Lease::new(random.hex(8));
    let mut tasks: BTreeMap<String, JoinSet<()>> = BTreeMap::new();
    loop {
        if !lease.hold(&rows).await {
            // Who sends without it would send what another one sends.
            tasks.clear();
        } else if let Ok(streams) = engine.streams().await {
            for stream in streams {
                let (engine, hooks, prefix) = (&engine, &hooks, &prefix);
                tasks.entry(stream.clone()).or_insert_with(|| {
                    let mut set = JoinSet::new();
                    for hook in hooks {
                        let task = Task {
                            hook: hook.clone(),
                            engine: engine.clone(),
                            rows: engine.rows(),
                            stream: stream.clone(),
                        };
                        set.spawn(task.run(format!("{prefix}-{stream}"), random.fork()));
                    }
                    set
                });
            }
        }
        tokio::time::sleep(RENEW_EVERY).await;
    }
}

/// What ids begin with, the same for ever: made once.
async fn prefix(rows: &Rows, new: String) -> Option<String> {
    let rows = rows.clone();
    let made = tokio::task::spawn_blocking(move || match rows.put(PREFIX_ROW, new.as_bytes(), 0) {
        Ok(()) | Err(NotPut::Raced) => rows.get(PREFIX_ROW).ok()?,
        Err(NotPut::Away) => None,
    });
    let (row, _) = made.await.ok()??;
    String::from_utf8(row).ok()
}

/// Who tells.
struct Lease {
    own: String,
    /// The row's revision as it was seen last, and since when it has been that.
    seen: Option<(u64, tokio::time::Instant)>,
    held: bool,
}

impl Lease {
    fn new(own: String) -> Lease {
        Lease { own, seen: None, held: false }
    }

    /// Puts it anew, or takes it. Answers whether it is held.
    async fn hold(&mut self, rows: &Rows) -> bool {
        if matches!(rows, Rows::Here(_)) {
            return true;
        }
        let (asked, own) = (rows.clone(), self.own.clone());
        let known = tokio::task::spawn_blocking(move || asked.get(LEASE_ROW)).await;
        let Ok(Ok(known)) = known else {
            self.held = false;
            return false;
        };
        let now = tokio::time::Instant::now();
        let (holder, revision) = known.unwrap_or_default();
        match self.seen {
            Some((seen, _)) if seen == revision => {}
            _ => self.seen = Some((revision, now)),
        }
        let stale = self.seen.is_some_and(|(_, since)| since + LEASE < now);
        let mine = holder == own.as_bytes();
        self.held = (mine || stale || revision == 0) && {
            let asked = rows.clone();
            let put = move || asked.put(LEASE_ROW, own.as_bytes(), revision);
            matches!(tokio::task::spawn_blocking(put).await, Ok(Ok(())))
        };
        self.held
    }
}

/// One receiver and one stream.
struct Task {
    hook: Hook,
    engine: Engine,
    rows: Rows,
    stream: String,
}

impl Task {
    async fn run(self, prefix: String, random: Random) {
        let known = loop {
            match self.standing().await {
                Ok(known) => break known,
                Err(()) => tokio::time::sleep(REST).await,
            }
        };
        // Who is told for the first time is told from the beginning of the stream: the hub may have run without it.
        let known = known.unwrap_or_default();
        let (name, limits) = (self.hook.name.clone(), self.hook.limits);
        let upto = known.upto;
        let mut courier = Courier::new(name, limits, prefix, Some(known), upto, random);
        let mut tail = self.engine.tail(&self.stream, upto + 1);
        self.engine.hold(self.hook.name(), upto + 1);
        loop {
            let mut posting = None;
            if !self.carry_out(&mut courier, &mut posting).await {
                tokio::time::sleep(REST).await;
                continue;
            }
            if let Some(post) = posting {
                let answer = self.hook.client.clone().tell(post).await;
                courier.handle_answer(clock::now(), answer);
                continue;
            }
            let deadline = courier.deadline().map(tokio::time::Instant::from_std);
            let due = pin!(async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            });
            tokio::select! {
                () = due => courier.handle_timeout(clock::now()),
                newest = newest(&mut tail) => courier.handle_stored(clock::now(), newest),
            }
        }
    }

    /// Carries out what the courier wants, but for the post. Answers whether all of it could be.
    async fn carry_out(&self, courier: &mut Courier, posting: &mut Option<Post>) -> bool {
        let mut done = true;
        while let Some(output) = courier.poll_output() {
            match output {
                Output::Read(reading) => {
                    let page = self.read(&reading).await.ok();
                    courier.handle_page(clock::now(), page);
                }
                Output::Post(post) => *posting = Some(post),
                // What is not remembered now is with the next thing that is.
                Output::Remember(_) => done &= self.remember(courier.standing().clone()).await,
            }
        }
        done
    }

    async fn read(&self, reading: &Reading) -> Result<Page, NotRead> {
        let mut tail = self.engine.tail(&self.stream, reading.first);
        let mut page = Page { items: Vec::new(), read_to: reading.first.saturating_sub(1) };
        while page.items.len() < reading.most && page.read_to < reading.last {
            let read = tail.read().await?;
            if read.kept.is_empty() && read.next <= page.read_to + 1 {
                break;
            }
            for kept in read.kept {
                if kept.number > reading.last || page.items.len() == reading.most {
                    return Ok(page);
                }
                page.read_to = kept.number;
                let in_time = reading.since <= kept.at && kept.at < reading.until;
                page.items.extend(self.item(&kept).filter(|_| in_time));
            }
            page.read_to = page.read_to.max(read.next.saturating_sub(1).min(reading.last));
        }
        Ok(page)
    }

    /// What this receiver is told of an event, if anything.
    fn item(&self, kept: &Kept) -> Option<Item> {
        let hook = &self.hook;
        if !hook.sites.is_empty() && !hook.sites.iter().any(|site| **site == *kept.site) {
            return None;
        }
        let What::Event { n, event } = &kept.what else { return None };
        let body: Value = serde_json::from_slice(&event.body).ok()?;
        let kind = body["event"].as_str()?;
        // Who was told of an event is told what is left of it.
        let about = if kind == "amended" { body["with"]["event"].as_str()? } else { kind };
        if !hook.events.is_empty() && !hook.events.iter().any(|wanted| wanted == about) {
            return None;
        }
        let told = json!({
            "id": format!("{}/{}/{n}", kept.site, kept.epoch),
            "type": kind,
            "timestamp": kept.at.to_string(),
            "site": &*kept.site,
            "data": body,
        });
        Some(Item { record: kept.number, at: kept.at, json: told.to_string() })
    }

    fn row(&self) -> String {
        format!("hooks/{}/{}", self.hook.name, subject::stream(&self.stream))
    }

    async fn standing(&self) -> Result<Option<Standing>, ()> {
        let (rows, row) = (self.rows.clone(), self.row());
        let known = tokio::task::spawn_blocking(move || rows.get(&row)).await;
        let known = known.map_err(drop)?.map_err(drop)?;
        Ok(known.and_then(|(row, _)| serde_json::from_slice(&row).ok()))
    }

    async fn remember(&self, standing: Standing) -> bool {
        let (rows, row, upto) = (self.rows.clone(), self.row(), standing.upto);
        let kept = tokio::task::spawn_blocking(move || {
            put(&rows, &row, |_| serde_json::to_vec(&standing).unwrap_or_default())
        });
        let kept = matches!(kept.await, Ok(Ok(())));
        if kept {
            self.engine.hold(self.hook.name(), upto + 1);
        }
        kept
    }
}

/// Waits until a stream has more, and answers the number of its newest.
async fn newest(tail: &mut super::engine::Tail) -> u64 {
    loop {
        match tail.read().await {
            Ok(page) if !page.kept.is_empty() => return page.next.saturating_sub(1),
            Ok(_) => tail.grown().await,
            Err(NotRead) => tokio::time::sleep(REST).await,
        }
    }
}
