//! What the look-up store does not show yet: the last seconds of the journal, by what is asked of them.

use std::collections::{BTreeMap, VecDeque};

use crate::id::{ChannelId, ContactId, ConversationId, MessageId};
use crate::messaging::address::Address;
use crate::messaging::entry::Fingerprint;
use crate::messaging::record::State;

/// Where a conversation is found: whoever it is with, by which channel, under what the channel keeps it together.
pub type Talk = (ContactId, ChannelId, Option<String>);

/// One thing that was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memo {
    /// Something arrived under this key.
    Key(Fingerprint),
    /// This address is somebody's.
    Contact(Address),
    /// A conversation goes on here.
    Talk(Talk),
    /// A message stands otherwise than before.
    State(MessageId),
    /// Nothing is to be done about a message any more.
    Out(MessageId),
}

/// It.
#[derive(Debug, Default)]
pub struct Memory {
    keys: Counted<Fingerprint, ()>,
    contacts: Counted<Address, ContactId>,
    talks: Counted<Talk, ConversationId>,
    states: Counted<MessageId, State>,
    /// By the record that holds it.
    written: VecDeque<(u64, Memo)>,
    /// How much there is, on its way to the disk or on it.
    held: usize,
    /// The store shows everything up to a record, to every question behind this one.
    fences: VecDeque<(u64, u64)>,
}

/// Values with how many records stand for each: it is forgotten with the last.
#[derive(Debug)]
struct Counted<K, V>(BTreeMap<K, (V, u32)>);

impl<K, V> Default for Counted<K, V> {
    fn default() -> Self {
        Counted(BTreeMap::new())
    }
}

impl<K: Ord, V> Counted<K, V> {
    fn set(&mut self, key: K, value: V) {
        let count = self.0.get(&key).map_or(0, |(_, count)| *count);
        self.0.insert(key, (value, count + 1));
    }

    fn unset(&mut self, key: &K) {
        if let Some((_, count)) = self.0.get_mut(key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(key);
            }
        }
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key).map(|(value, _)| value)
    }
}

impl Memory {
    /// How much is remembered.
    pub fn len(&self) -> usize {
        self.held
    }

    /// So much is about to be written.
    pub fn hold(&mut self, memos: &[Memo]) {
        self.held += memos.len();
    }

    pub fn note_key(&mut self, key: Fingerprint) -> Memo {
        self.keys.set(key, ());
        Memo::Key(key)
    }

    pub fn note_contact(&mut self, address: &Address, contact: ContactId) -> Memo {
        self.contacts.set(address.clone(), contact);
        Memo::Contact(address.clone())
    }

    pub fn note_talk(&mut self, talk: Talk, conversation: ConversationId) -> Memo {
        self.talks.set(talk.clone(), conversation);
        Memo::Talk(talk)
    }

    pub fn note_state(&mut self, message: MessageId, state: State) -> Memo {
        self.states.set(message, state);
        Memo::State(message)
    }

    pub fn has(&self, key: Fingerprint) -> bool {
        self.keys.get(&key).is_some()
    }

    pub fn contact(&self, address: &Address) -> Option<ContactId> {
        self.contacts.get(address).copied()
    }

    pub fn talk(&self, talk: &Talk) -> Option<ConversationId> {
        self.talks.get(talk).copied()
    }

    pub fn state(&self, message: MessageId) -> Option<State> {
        self.states.get(&message).copied()
    }

    /// It is on the disk, in this record.
    pub fn written(&mut self, number: u64, memos: Vec<Memo>) {
        self.written.extend(memos.into_iter().map(|memo| (number, memo)));
    }

    /// The store shows everything up to a record to whoever asks from now on; `asked` is the last question so far.
    pub fn shown(&mut self, upto: u64, asked: u64) {
        if self.fences.back().is_none_or(|(_, shown)| *shown < upto) {
            self.fences.push_back((asked, upto));
        }
    }

    /// Forgets what every answer from `oldest` on shows.
    pub fn forget(&mut self, oldest: u64) -> Vec<Memo> {
        let mut upto = 0;
        while let Some((_, shown)) = self.fences.pop_front_if(|(asked, _)| *asked < oldest) {
            upto = shown;
        }
        let mut gone = Vec::new();
        while let Some((_, memo)) = self.written.pop_front_if(|(number, _)| *number <= upto) {
            match &memo {
                Memo::Key(key) => self.keys.unset(key),
                Memo::Contact(address) => self.contacts.unset(address),
                Memo::Talk(talk) => self.talks.unset(talk),
                Memo::State(message) => self.states.unset(message),
                Memo::Out(_) => {}
            }
            self.held = self.held.saturating_sub(1);
            gone.push(memo);
        }
        gone
    }
}
