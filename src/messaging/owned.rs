//! Who answers where, as a restart has to know it: one at a time for each conversation.
//!
//! What nobody has is not here: it is in the store, and is looked up when somebody wants it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Owner, What};
use crate::id::{ContactId, ConversationId};

/// Conversations that somebody has at a time: twice what queues hold. Each takes some 150 bytes of every checkpoint.
pub const MOST_OWNED: usize = 20_000;

/// Conversations that somebody has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owned(pub BTreeMap<ConversationId, Talk>);

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
        self.0.get(&conversation).map_or(&Owner::Nobody, |talk| &talk.owner)
    }

    /// Somebody was erased.
    pub fn forget(&mut self, contact: ContactId) {
        self.0.retain(|_, talk| talk.contact != contact);
    }

    /// Takes up one entry.
    pub fn apply<P>(&mut self, entry: &Entry<P>) {
        match &entry.what {
            What::Owner { owner: Owner::Nobody, .. } | What::Closed { .. } => {
                self.0.remove(&entry.conversation);
            }
            What::Owner { owner, .. } => {
                let talk = Talk { contact: entry.contact, owner: owner.clone() };
                self.0.insert(entry.conversation, talk);
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
