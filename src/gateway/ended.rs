//! Calls between their end and the store's word of them: whoever asks for one at that moment finds it all the same.
//!
//! A call leaves the table of calls with its last leg. Its record waits for how the legs sounded, then for the disk, then
//! for the look-up store, which follows the journal in steps: for that long it is here.

use std::collections::BTreeMap;

use crate::admin::ActiveCall;
use crate::gateway::Gateway;
use crate::id::CallId;
use crate::journal::event::{CallRecord, Event};
use crate::journal::{State, Token};
use crate::time::Now;

/// Records that are remembered until the store has them: more calls than end while a slow disk syncs. About 2 MB.
const MOST: usize = 1_000;

/// Records that the store has yet to show.
#[derive(Debug, Default)]
pub(super) struct Unshown(BTreeMap<CallId, (Token, Box<CallRecord>)>);

impl Unshown {
    fn remember(&mut self, token: Token, record: CallRecord) {
        if self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, (token, record))| (*token, record.ended));
            if let Some(oldest) = oldest.map(|(call, _)| *call) {
                self.0.remove(&oldest);
            }
        }
        self.0.insert(record.call, (token, Box::new(record)));
    }
}

impl Gateway {
    /// Keeps the record of a call, which can be asked for from now on.
    pub(super) fn keep_record(&mut self, now: Now, record: CallRecord) {
        let token = self.keep(now, Event::CallRecord(Box::new(record.clone())));
        self.keeping.unshown.remember(token, record);
    }

    /// The store reflects the journal up to here.
    pub(super) fn records_are_shown(&mut self, position: Token) {
        self.keeping.unshown.0.retain(|_, (token, _)| *token > position);
    }

    /// Somebody was erased: what is remembered here is in clear, and is let go.
    pub(super) fn forget_unshown(&mut self) {
        self.keeping.unshown.0.clear();
    }

    /// The record of a call that the store does not show yet. Nothing before it is on the disk: what was read once must
    /// not be gone after a power cut. While the disk fails it is all there is.
    pub(super) fn unshown_record(&self, call: CallId) -> Option<&CallRecord> {
        let (token, record) = self.keeping.unshown.0.get(&call)?;
        let failed = self.journal.state() != State::Healthy;
        (failed || self.journal.is_stored(*token)).then_some(record)
    }

    /// A call whose last leg is gone and whose record is on its way.
    pub(super) fn ending_call(&self, call: CallId) -> Option<ActiveCall> {
        let line = |from: String, to: String, arrived| {
            let doing = "ended; its record is being written".to_owned();
            ActiveCall {
                call,
                from,
                to,
                doing,
                with: None,
                arrived,
                coded: Vec::new(),
                paying: false,
                consent: None,
                tape: None,
                supervised: None,
                held_by: Vec::new(),
            }
        };
        if let Some(record) = self.keeping.record_of(call) {
            return Some(line(record.from.clone(), record.to.clone(), record.arrived));
        }
        let (_, record) = self.keeping.unshown.0.get(&call)?;
        let clear = |number| self.journal.keys().read(number).unwrap_or_default();
        Some(line(clear(&record.from), clear(&record.to), record.arrived))
    }
}
