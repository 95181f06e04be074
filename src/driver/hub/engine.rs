//! What keeps the sites' events: on this machine's disk, or in a cluster.
//!
//! Whoever serves connections knows this file alone. Whatever stands behind it, three things hold: what is said to be kept is
//! on a disk; of each outbox every event is there once and in order; and a batch that comes a second time is answered like
//! the first.

use std::fmt;

use tokio::sync::oneshot;

use super::embedded::Embedded;
pub use crate::hub::kept::{Batch, Kept, Outboxed, What};
use crate::time::UnixTime;
use crate::uplink::Route;

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

/// What is heard of a site beside its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// It was welcomed.
    Connected {
        /// By which route.
        route: Route,
        /// Its program's version.
        version: String,
        /// When its certificate ends; unknown where it has none that says so.
        certificate_ends: Option<UnixTime>,
        /// Which outbox it speaks of, and the newest event in it.
        epoch: String,
        /// See `epoch`.
        newest: u64,
    },
    /// Its line is gone.
    Gone,
}

/// An engine. Copies are the same one.
#[derive(Debug, Clone)]
pub enum Engine {
    /// Files on this machine.
    Embedded(Embedded),
}

impl Engine {
    /// All of this outbox up to here is kept for good, 0 for nothing. What was asked to be kept before has its turn first.
    ///
    /// # Errors
    /// When that cannot be known at this moment.
    pub async fn position(&self, of: &Outboxed) -> Result<u64, NotKept> {
        match self {
            Engine::Embedded(embedded) => embedded.position(of).await,
        }
    }

    /// Keeps a batch, in the order of the calls; the answer comes when it is durable, and says how much of the outbox is.
    /// Many may be under way. After one that is not kept those behind it are not either.
    pub fn keep(&self, of: &Outboxed, batch: Batch) -> oneshot::Receiver<Result<u64, NotKept>> {
        match self {
            Engine::Embedded(embedded) => embedded.keep(of, batch),
        }
    }

    /// Something was heard of a site.
    pub fn heard(&self, site: &str, what: Contact) {
        match self {
            Engine::Embedded(embedded) => embedded.heard(site, what),
        }
    }
}
