//! Channels of messages as tasks: a bounded way of orders to each, by name.
//!
//! A task says what it hears with [`Letter::Channel`](crate::driver::turn::Letter::Channel) and is ordered through here. A
//! task that takes no orders has its sends answered for it: what was not handed over was not sent.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use crate::id::ChannelId;
use crate::messaging::channel::{Input, Order};
use crate::messaging::contract::Outcome;

/// Orders that wait for one task: its window of messages, and acknowledgements of a second.
pub const WAITING: usize = 4_096;

/// The ways to all of them.
#[derive(Debug, Default)]
pub struct Channels(BTreeMap<ChannelId, mpsc::Sender<Order>>);

impl Channels {
    /// A channel's task takes orders from here on.
    pub fn add(&mut self, channel: ChannelId) -> mpsc::Receiver<Order> {
        let (orders, taken) = mpsc::channel(WAITING);
        self.0.insert(channel, orders);
        taken
    }

    /// Orders something. Answers what the gateway is to be told when the task does not take it.
    pub fn order(&self, channel: &ChannelId, order: Order) -> Option<Input> {
        let left = match self.0.get(channel) {
            Some(orders) => match orders.try_send(order) {
                Ok(()) => return None,
                Err(mpsc::error::TrySendError::Full(order)) => order,
                Err(mpsc::error::TrySendError::Closed(order)) => order,
            },
            None => order,
        };
        match left {
            Order::Send(outgoing) => {
                let (message, attempt) = (outgoing.message, outgoing.attempt);
                Some(Input::Outcome { message, attempt, outcome: Outcome::Away })
            }
            // The other side is not acknowledged, and comes again: its key is known by then.
            Order::Stored(_) | Order::NotStored(..) => {
                tracing::warn!(%channel, "a channel takes no orders");
                None
            }
            Order::Typing { .. }
            | Order::Read { .. }
            | Order::Place { .. }
            | Order::Call { .. } => None,
        }
    }
}
