//! What goes into [`Queues`](super::Queues), and what comes out.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, ItemId, OfferId, QueueId};
use crate::queue::{Channel, Skills, Target};
use crate::time::UnixTime;

/// A contact that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub id: ItemId,
    /// Where it waits.
    pub queue: QueueId,
    /// When it came to wait; kept when it comes back. The time of entering, but for one that waited before a restart or
    /// in another queue.
    pub arrived: UnixTime,
    /// Its own priority, 0..=[`CEILING`](super::CEILING).
    pub priority: i32,
    /// Least level it needs in each skill.
    pub skills: Skills,
    /// Who should have it if ready.
    pub preferred: Option<AgentId>,
    /// How it reaches an agent.
    pub channel: Channel,
    /// Who had the same person last; asked first, and alone for as long as the queue says.
    pub last_agent: Option<AgentId>,
}

/// Why an item was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// `max_waiting` items wait already.
    Full,
    /// It waited `max_wait`.
    Waited,
    /// No member is signed in.
    NoAgent,
}

/// The verdict on an item that was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It goes elsewhere.
    Overflow(Why, Target),
    /// No such queue.
    UnknownQueue,
    /// An item of that id waits or is being handled already.
    Known,
}

/// Why an agent did not take an offer. Who is not put on pause for it is not asked about that item for [`REFUSAL_HOLD`](super::REFUSAL_HOLD).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Declined {
    /// Rang out.
    Missed,
    /// Turned down; never a pause.
    Refused,
    /// The phone could not be reached.
    Unreachable,
}

/// The offer is over, or was never made to this agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// An item began to wait.
    Entered {
        /** Which. */
        item: ItemId,
        /** Where. */
        queue: QueueId,
    },
    /// Ring these agents. Comes again with the same offer for those who join a ring, each with the whole time.
    Offer {
        /** The offer. */
        offer: OfferId,
        /** What is offered. */
        item: ItemId,
        /** To whom. */
        agents: Vec<AgentId>,
        /** For how long. */
        ring_for: Duration,
    },
    /// Stop ringing; the agent is free again.
    Withdraw {
        /** The offer. */
        offer: OfferId,
        /** Whose. */
        agent: AgentId,
    },
    /// Join the two.
    Connected {
        /** The caller. */
        item: ItemId,
        /** The agent. */
        agent: AgentId,
    },
    /// Tell the caller where they stand, 1 being next.
    Announce {
        /** To whom. */
        item: ItemId,
        /** The place, if it is said. */
        position: Option<usize>,
        /** The expected wait, if said and known. */
        wait: Option<RangeInclusive<Duration>>,
    },
    /// The item left for elsewhere.
    Overflow {
        /** Which. */
        item: ItemId,
        /** Why. */
        why: Why,
        /** Where to. */
        target: Target,
    },
    /// The agent did not take the offer: stop ringing, and pause them if `pauses`.
    Missed {
        /** Who. */
        agent: AgentId,
        /** Which offer. */
        offer: OfferId,
        /** How. */
        why: Declined,
        /** Whether the agent goes on pause. */
        pauses: bool,
    },
    /// The caller gave up, or was taken out.
    Abandoned {
        /** Which. */
        item: ItemId,
    },
    /// A failed connection: the item waits again, at its old place.
    Returned {
        /** Which. */
        item: ItemId,
    },
    /// It waits for another channel now, at its old place.
    Moved {
        /** Which. */
        item: ItemId,
        /** Before. */
        from: Channel,
        /** From now on. */
        to: Channel,
    },
    /// It waits in another queue now, with what it has waited.
    Rerouted {
        /** Which. */
        item: ItemId,
        /** Before. */
        from: QueueId,
        /** From now on. */
        to: QueueId,
    },
    /// A call back did not reach the person and is tried again later, at its old place.
    TriedAgain {
        /** Which. */
        item: ItemId,
        /** Attempts so far. */
        attempts: u8,
        /** Not before. */
        at: UnixTime,
    },
    /// A call back was tried as often as promised, in vain.
    GaveUp {
        /** Which. */
        item: ItemId,
        /** Attempts. */
        attempts: u8,
    },
}
