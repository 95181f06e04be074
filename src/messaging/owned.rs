//! Who answers where, as a restart has to know it: one at a time for each conversation.
//!
//! What nobody has is not here: it is in the store, and is looked up when somebody wants it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Owner, What};
use crate::id::{ContactId, ConversationId, MessageId};

/// Conversations that somebody has at a time: twice what queues hold. Each takes some 150 bytes of every checkpoint.
pub const MOST_OWNED: usize = 20_000;

/// Messages that wait to be seen at a time; more than that nobody answers, as on a channel that has no queue.
const MOST_UNANSWERED: usize = 1_000;

/// Conversations that somebody has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Owned {
    /// Who has each.
    pub open: BTreeMap<ConversationId, Talk>,
    /// What somebody wrote last where nobody has it, or a flow, and that was not answered: after a crash in that moment it
    /// would be lost from sight.
    pub unanswered: BTreeMap<ConversationId, MessageId>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    /// With whom.
    pub contact: ContactId,
    /// Who has it.
    pub owner: Owner,
}

impl Owned {
    /// Who has a conversation.
    pub fn owner(&self, conversation: ConversationId) -> &Owner {
        self.open.get(&conversation).map_or(&Owner::Nobody, |talk| &talk.owner)
    }

    /// Somebody was erased. What they wrote is not found any more.
    pub fn forget(&mut self, contact: ContactId) {
        self.open.retain(|_, talk| talk.contact != contact);
    }

    /// Takes up one entry.
    pub fn apply<P>(&mut self, entry: &Entry<P>) {
        self.note_unanswered(entry);
        match &entry.what {
            What::Owner { owner: Owner::Nobody, .. } | What::Closed { .. } => {
                self.open.remove(&entry.conversation);
            }
            What::Owner { owner, .. } => {
                let talk = Talk { contact: entry.contact, owner: owner.clone() };
                self.open.insert(entry.conversation, talk);
            }
            _ => {}
        }
    }

    fn note_unanswered<P>(&mut self, entry: &Entry<P>) {
        let conversation = entry.conversation;
        match &entry.what {
            What::Arrived { message, refusal: None, automatic: false, .. }
                if matches!(self.owner(conversation), Owner::Nobody | Owner::Flow { .. }) =>
            {
                if self.unanswered.len() >= MOST_UNANSWERED {
                    self.unanswered.pop_first();
                }
                self.unanswered.insert(conversation, *message);
            }
            What::Owner { .. } | What::Closed { .. } | What::Queued { reply: true, .. } => {
                self.unanswered.remove(&conversation);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AgentId;
    use crate::time::UnixTime;

    #[test]
    fn a_conversation_has_one_owner_until_it_is_over() {
        let mut owned = Owned::default();
        let (id, contact) = (ConversationId(7), ContactId(1));
        let entry = |what| Entry::<String> { at: UnixTime(1), conversation: id, contact, what };
        let owner = |agent: &str| Owner::Agent { agent: AgentId::from(agent), item: None };
        for agent in ["ann", "bob"] {
            owned.apply(&entry(What::Owner { owner: owner(agent), by: None, note: None }));
            assert_eq!(*owned.owner(id), owner(agent));
        }
        let text = serde_json::to_string(&owned).unwrap();
        assert_eq!(serde_json::from_str::<Owned>(&text).unwrap(), owned);
        owned.apply(&entry(What::Closed { by: "bob".into() }));
        assert_eq!(*owned.owner(id), Owner::Nobody);
    }
}
