//! What programs were promised to be told, over restarts: of which message, at which address, and what they heard last.
//!
//! It is a sealed file, since a program's token stands in it, with which callbacks are signed. What a message says and to
//! whom it goes does not: that is looked up when there is something to tell.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::driver::diary::Diary;
use crate::id::{AgentId, MessageId};
use crate::journal::act::Who;
use crate::messaging::adapter::door::State;
use crate::random::Random;
use crate::time::UnixTime;

/// One of them.
#[derive(Clone, Serialize, Deserialize)]
pub struct Promise {
    /// The message.
    pub message: MessageId,
    /// Who asked for it.
    pub who: Who,
    /// The agent whose own it may be about alone.
    pub own: Option<AgentId>,
    /// As which account.
    pub account: String,
    /// With which token: callbacks are signed with it.
    pub token: String,
    /// From whom it goes, as they said it.
    pub from: String,
    /// What they wrote before the number, such as `whatsapp:`.
    pub prefix: String,
    /// Where they want to be told.
    pub callback: String,
    /// When they asked.
    pub created: UnixTime,
    /// What they were told last.
    pub told: State,
}

impl std::fmt::Debug for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Promise({}, {:?})", self.message, self.told)
    }
}

#[derive(Serialize, Deserialize)]
enum Record {
    Made(Box<Promise>),
    Told(MessageId, State),
    Over(MessageId),
}

/// All of them.
#[derive(Debug)]
pub struct Promises(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    /// Nothing where its file cannot be read: then promises last as long as the box runs.
    diary: Option<Diary>,
    open: BTreeMap<MessageId, Promise>,
}

impl Promises {
    /// Those in the file at `path`, sealed by `key`. A file that cannot be read keeps nothing from starting.
    pub fn open(path: &Path, key: [u8; 32], random: Random) -> Promises {
        let mut open = BTreeMap::new();
        let diary = match Diary::open(path, key, random) {
            Ok((diary, records)) => {
                let read = records.iter().filter_map(|record| serde_json::from_slice(record).ok());
                read.for_each(|record| apply(&mut open, record));
                Some(diary)
            }
            Err(error) => {
                tracing::warn!(%error, "what programs were promised to be told cannot be read");
                None
            }
        };
        Promises(Mutex::new(Kept { diary, open }))
    }

    /// Those that are not kept yet.
    pub fn all(&self) -> Vec<Promise> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).open.values().cloned().collect()
    }

    /// Somebody is promised to be told. It is on the disk when this returns; it may wait for that.
    pub fn make(&self, promise: Promise) {
        self.note(Record::Made(Box::new(promise)));
    }

    /// They have heard this.
    pub fn told(&self, message: MessageId, state: State) {
        self.note(Record::Told(message, state));
    }

    /// There is nothing more to tell.
    pub fn over(&self, message: MessageId) {
        self.note(Record::Over(message));
    }

    fn note(&self, record: Record) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { diary, open } = &mut *kept;
        let bytes = serde_json::to_vec(&record).unwrap_or_default();
        apply(open, record);
        let Some(diary) = diary else { return };
        let written = if diary.is_stale() {
            let made = open.values().cloned().map(|promise| Record::Made(Box::new(promise)));
            let all: Vec<_> = made.filter_map(|record| serde_json::to_vec(&record).ok()).collect();
            diary.rewrite(&all)
        } else {
            diary.append(&[bytes])
        };
        if let Err(error) = written {
            tracing::warn!(%error, "a program may not be told what became of a message after a restart");
        }
    }
}

fn apply(open: &mut BTreeMap<MessageId, Promise>, record: Record) {
    match record {
        Record::Made(promise) => _ = open.insert(promise.message, *promise),
        Record::Told(message, state) => {
            if let Some(promise) = open.get_mut(&message) {
                promise.told = state;
            }
        }
        Record::Over(message) => _ = open.remove(&message),
    }
}
