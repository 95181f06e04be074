//! Where a simulated modem keeps messages.

use std::collections::BTreeMap;

/// Places on a SIM, as most have.
const CAPACITY: usize = 30;

/// What a message is to whoever reads it (TS 27.005 section 3.1, `<stat>`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Unread = 0,
    Read = 1,
    Unsent = 2,
}

#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) status: Status,
    /// With the address of the service centre in front.
    pub(super) pdu: Vec<u8>,
}

/// One memory.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    pub(super) first: u16,
    pub(super) capacity: usize,
    pub(super) slots: BTreeMap<u16, Slot>,
}

impl Memory {
    pub(super) fn new(first: u16) -> Memory {
        Memory { first, capacity: CAPACITY, slots: BTreeMap::new() }
    }

    /// Puts a message into the first place that is free.
    pub(super) fn put(&mut self, status: Status, pdu: Vec<u8>) -> Option<u16> {
        if self.slots.len() >= self.capacity {
            return None;
        }
        let index = (self.first..).find(|index| !self.slots.contains_key(index))?;
        self.slots.insert(index, Slot { status, pdu });
        Some(index)
    }
}
