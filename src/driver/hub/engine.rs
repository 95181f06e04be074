//! What keeps the sites' events: on this machine's disk, or in a cluster.
//!
//! Whoever serves connections knows this file alone. Whatever stands behind it, three things hold: what is said to be kept is
//! on a disk; of each outbox every event is there once and in order; and a batch that comes a second time is answered like
//! the first.

use std::fmt;

use tokio::sync::{oneshot, watch};

use super::embedded::{self, Embedded};
use super::jetstream::JetStream;
use super::rows::Rows;
use super::watching;
use crate::driver::clock;
pub use crate::hub::fleet::Contact;
use crate::hub::kept;
pub use crate::hub::kept::{Batch, Kept, Outboxed, What};
use crate::uplink::frame::Amend;

/// Why something is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// Events are missing before these: the site has to begin where the engine is.
    Gap,
    /// A site or an outbox has no name, or one that is too long.
    Name,
    /// The disk is full, or fails. It is tried again by itself.
    Disk,
    /// The cluster is away, or has no majority. It is tried again by itself.
    Cluster,
    /// Another hub has kept something for the same outbox meanwhile.
    Elsewhere,
    /// More waits than may.
    Busy,
    /// The hub ends.
    Over,
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotKept::Gap => "events are missing before these",
            NotKept::Name => "the name of the site or of its outbox cannot be kept",
            NotKept::Disk => "the disk is full or fails",
            NotKept::Cluster => "the cluster is away or has no majority",
            NotKept::Elsewhere => "another hub serves this outbox",
            NotKept::Busy => "more waits for the disk than may",
            NotKept::Over => "the hub ends",
        })
    }
}

impl std::error::Error for NotKept {}

/// What is kept cannot be read at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRead;

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what is kept cannot be read at this moment")
    }
}

impl std::error::Error for NotRead {}

/// Some of what a stream has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order of the stream.
    pub kept: Vec<Kept>,
    /// Where to go on.
    pub next: u64,
}

/// An engine. Copies are the same one.
#[derive(Debug, Clone)]
pub enum Engine {
    /// Files on this machine.
    Embedded(Embedded),
    /// A cluster.
    JetStream(JetStream),
}

impl Engine {
    /// All of this outbox up to here is kept for good, 0 for nothing. What was asked to be kept before has its turn first.
    ///
    /// # Errors
    /// When that cannot be known at this moment.
    pub async fn position(&self, of: &Outboxed) -> Result<u64, NotKept> {
        match self {
            Engine::Embedded(embedded) => embedded.position(of).await,
            Engine::JetStream(cluster) => cluster.position(of).await,
        }
    }

    /// Keeps a batch, in the order of the calls; the answer comes when it is durable, and says how much of the outbox is.
    /// Many may be under way. After one that is not kept those behind it are not either.
    pub fn keep(&self, of: &Outboxed, batch: Batch) -> oneshot::Receiver<Result<u64, NotKept>> {
        match self {
            Engine::Embedded(embedded) => embedded.keep(of, batch),
            Engine::JetStream(cluster) => cluster.keep(of, batch),
        }
    }

    /// Whether kept events can be less than they were.
    pub fn amends(&self) -> bool {
        matches!(self, Engine::Embedded(_))
    }

    /// What is left of a site's events that are kept, because somebody in them was erased: each is that for good when it is
    /// answered, and whoever reads the stream is told behind it. Doing so again changes nothing.
    ///
    /// # Errors
    /// When that cannot be done at this moment, or not by this engine.
    pub async fn amend(&self, site: &str, amend: Amend) -> Result<(), NotKept> {
        let Engine::Embedded(embedded) = self else { return Err(NotKept::Cluster) };
        let (own, name) = (embedded.clone(), site.to_owned());
        let done = tokio::task::spawn_blocking(move || {
            let changed = own.amend(&name, &amend.epoch, &amend.events);
            (amend, changed)
        });
        let (amend, changed) = done.await.map_err(|_| NotKept::Over)?;
        match changed {
            Ok(changed) => {
                tracing::warn!(site, changed, "somebody was erased from events of a site")
            }
            Err(error) => {
                tracing::error!(%error, site, "nobody can be erased from what is kept");
                return Err(NotKept::Disk);
            }
        }
        let at = clock::now().unix;
        let told = amend.events.iter().map(|(n, event)| kept::amended(at, &amend.epoch, *n, event));
        let of = Outboxed { site: site.to_owned(), epoch: kept::OF_HUB.to_owned() };
        let (mut events, mut left) = (Vec::new(), told.collect::<Vec<_>>());
        while !left.is_empty() {
            events.extend(left.drain(..left.len().min(TOLD_TOGETHER)));
            let first = self.position(&of).await? + 1;
            let batch = Batch::Events { first, events: std::mem::take(&mut events) };
            self.keep(&of, batch).await.unwrap_or(Err(NotKept::Over))?;
        }
        Ok(())
    }

    /// Streams that there are: one on this machine, one for each site in a cluster.
    ///
    /// # Errors
    /// When that cannot be known at this moment.
    pub async fn streams(&self) -> Result<Vec<String>, NotRead> {
        match self {
            Engine::Embedded(_) => Ok(vec![ON_THIS_MACHINE.to_owned()]),
            Engine::JetStream(cluster) => cluster.streams().await,
        }
    }

    /// Reads a stream on from a number.
    pub fn tail(&self, stream: &str, from: u64) -> Tail {
        match self {
            Engine::Embedded(embedded) => {
                Tail::Embedded(embedded.clone(), None, embedded.grows(), from)
            }
            Engine::JetStream(cluster) => Tail::JetStream(cluster.clone(), stream.to_owned(), from),
        }
    }

    /// Rows of what is looked up: people, cursors, the view of the sites.
    pub fn rows(&self) -> Rows {
        match self {
            Engine::Embedded(embedded) => embedded.rows(),
            Engine::JetStream(cluster) => cluster.rows_book(),
        }
    }

    /// Somebody reads a stream, and wants this number next: on this machine nothing from there on is deleted. A cluster deletes
    /// by age alone.
    pub fn hold(&self, who: &str, next: u64) {
        match self {
            Engine::Embedded(embedded) => embedded.hold(who, next),
            Engine::JetStream(_) => {}
        }
    }

    /// Something was heard of a site.
    pub fn heard(&self, site: &str, what: Contact) {
        match self {
            Engine::Embedded(embedded) => embedded.heard(site, what),
            Engine::JetStream(cluster) => {
                watching::heard_in_cluster(cluster, cluster.hub(), site, what);
            }
        }
    }
}

/// Events that readers are told to be less in one batch.
const TOLD_TOGETHER: usize = 1_000;

/// The stream of an engine on one machine.
const ON_THIS_MACHINE: &str = "hub";

/// Reads a stream from a number on.
pub enum Tail {
    /// From files; the reader is away while it reads, and made anew if nobody waited for it.
    Embedded(Embedded, Option<embedded::Tail>, watch::Receiver<u64>, u64),
    /// From a cluster.
    JetStream(JetStream, String, u64),
}

impl Tail {
    /// The number of what comes next.
    pub fn next(&self) -> u64 {
        match self {
            Tail::Embedded(_, _, _, next) | Tail::JetStream(_, _, next) => *next,
        }
    }

    /// What there is now, some of it; nothing when there is nothing yet.
    ///
    /// # Errors
    /// When it cannot be read at this moment.
    pub async fn read(&mut self) -> Result<Page, NotRead> {
        match self {
            Tail::Embedded(embedded, reader, _, next) => {
                let (mut tail, from) = (reader.take().unwrap_or_else(|| embedded.tail()), *next);
                let read = tokio::task::spawn_blocking(move || {
                    let read = tail.read(from);
                    (tail, read)
                });
                let (tail, read) = read.await.map_err(|_| NotRead)?;
                *reader = Some(tail);
                let (kept, to) = read.map_err(|_| NotRead)?;
                *next = to;
                Ok(Page { kept, next: to })
            }
            Tail::JetStream(cluster, stream, next) => {
                let page = cluster.read(stream, *next).await?;
                *next = page.next;
                Ok(page)
            }
        }
    }

    /// Waits until there may be more.
    pub async fn grown(&mut self) {
        match self {
            Tail::Embedded(_, _, grows, next) => {
                let next = *next;
                if grows.wait_for(|durable| *durable > next).await.is_err() {
                    // The engine has ended: there will never be more.
                    std::future::pending::<()>().await;
                }
            }
            Tail::JetStream(..) => tokio::time::sleep(super::jetstream::ASK_EVERY).await,
        }
    }
}
