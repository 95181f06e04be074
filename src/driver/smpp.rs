//! SMPP over TCP and TLS: one task for each link to a carrier, and a listener with one task for each application.
//!
//! A task waits for its socket, its orders and its machine's next deadline, and decides nothing. What a link tells goes
//! into a channel of bounded length; while that is full, or while the peer does not read, nothing is read from the peer.
//! How many octets the socket took is reported to the machine, for by that it knows what was sent.
//!
//! Whoever keeps messages reads [`Told`], stores, and then says [`Order::Answer`]; it sends with [`Order::Send`], and is told
//! the fate of each under the ticket that it chose. [`carry`] does so for the ledger, with what a channel may not forget in a
//! [`Drawer`].

use std::time::Duration;

use crate::smpp::client::Down;
use crate::smpp::pdu::{BindKind, Pdu};
use crate::smpp::session::{Fate, Handle, Sending, Ticket};
use crate::smpp::status::Status;

mod cabinet;
mod carrying;
mod centre;
mod drawer;
mod link;
mod server;
mod wire;

pub use carrying::{Carrying, carry, scraps};
pub use centre::{Centring, Question as CentreQuestion, centre, parts};
pub use drawer::{Change, Drawer};
pub use link::{Link, link};
pub use server::{FromApplication, LinkLine, Listener, NotSent, Password, Server, Tls};

/// Orders that may wait for a link's task, beside those that its machine keeps.
const ORDERS: usize = 256;
/// What may wait to be told: a turn of the loop that stores takes a few milliseconds.
const TOLD: usize = 1_024;

/// What a link is told to do.
#[derive(Debug)]
pub enum Order {
    /// Send this; its fate is told.
    Send(Sending),
    /// Answer a request of theirs. Only after what it asked is kept.
    Answer(Handle, Status, Option<Pdu>),
    /// Unbind in good order, and end.
    Stop,
}

/// What a link tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is bound: how, and what the other side calls itself.
    Up(BindKind, String),
    /// It is not any more, and when it is tried again.
    Down(Down, Option<Duration>),
    /// A request of theirs, to be answered under its handle.
    Asked(Handle, Pdu),
    /// Something of theirs that has no answer.
    Notice(Pdu),
    /// What became of a request of ours.
    Fate(Ticket, Fate),
    /// An answer to a request that was told as doubtful before.
    Late(Ticket, Status, Pdu),
    /// The other side asks for less: for so long nothing is sent.
    Throttled(Duration),
}

#[cfg(test)]
mod tests;
