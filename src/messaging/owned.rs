//! Who answers where, as a restart has to know it: one at a time for each conversation.
//!
//! What nobody has is not here: it is in the store, and is looked up when somebody wants it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Owner, What};
use crate::id::{ContactId, ConversationId, MessageId};

/// Conversations that somebody has at a time: twice what queues hold. Each takes some 150 bytes of every checkpoint.
pub const MOST_OWNED: usize = 20_000;

/// Conversations that wait to be seen at a time: as many as there may be work. More than that nobody answers, as on a channel
/// that has no queue; the one that waits longest goes for a new one. Each takes some 80 bytes of every checkpoint.
pub const MOST_UNANSWERED: usize = 10_000;

/// Conversations that somebody has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Owned {
    /// Who has each.
    pub open: BTreeMap<ConversationId, Talk>,
    /// What somebody wrote last where nobody has it, or a flow, and that was not answered: after a crash in that moment it
    /// would be lost from sight.
    pub unanswered: BTreeMap<ConversationId, MessageId>,
    /// Those conversations by age.
    by_age: BTreeMap<u64, ConversationId>,
    /// The place of each there.
    ages: BTreeMap<ConversationId, u64>,
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
                self.unanswered.insert(conversation, *message);
                self.age(conversation);
            }
            What::Owner { .. } | What::Closed { .. } | What::Queued { reply: true, .. } => {
                self.answered(conversation);
            }
            _ => {}
        }
    }

    fn age(&mut self, conversation: ConversationId) {
        if !self.ages.contains_key(&conversation) {
            let newest = self.by_age.last_key_value().map_or(0, |(age, _)| age + 1);
            self.by_age.insert(newest, conversation);
            self.ages.insert(conversation, newest);
        }
        if self.ages.len() > MOST_UNANSWERED
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.answered(oldest);
        }
    }

    fn answered(&mut self, conversation: ConversationId) {
        self.unanswered.remove(&conversation);
        if let Some(age) = self.ages.remove(&conversation) {
            self.by_age.remove(&age);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::id::AgentId;
    use crate::messaging::{Fingerprint, Kind, Way};
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

    #[test]
    fn of_too_many_that_wait_the_oldest_goes_and_an_answered_one_makes_room() {
        let mut owned = Owned::default();
        let entry = |id: u64, what| {
            let (conversation, contact) = (ConversationId(id), ContactId(1));
            Entry::<String> { at: UnixTime(1), conversation, contact, what }
        };
        let arrived = |id: u64| What::Arrived {
            message: MessageId(id),
            way: Way {
                channel: "sms".into(),
                work: Channel::Message,
                kind: Kind::Phone,
                peer: "+15550100".to_owned(),
                thread: None,
                own: None,
            },
            key: Fingerprint([0; 16]),
            sent: None,
            pieces: Vec::new(),
            subject: None,
            answers: None,
            refusal: None,
            automatic: false,
            name: None,
            proved: None,
        };
        let most = u64::try_from(MOST_UNANSWERED).unwrap();
        // The newest has the lowest number: it is by age that they go, not by name.
        for id in (1..=most).rev() {
            owned.apply(&entry(id, arrived(id)));
        }
        owned.apply(&entry(7, What::Closed { by: "bob".into() }));
        owned.apply(&entry(most + 1, arrived(1)));
        assert!(owned.unanswered.contains_key(&ConversationId(most)), "one was answered");
        owned.apply(&entry(most + 2, arrived(1)));
        assert!(!owned.unanswered.contains_key(&ConversationId(most)));
        assert_eq!(
            (owned.unanswered.len(), owned.by_age.len()),
            (MOST_UNANSWERED, MOST_UNANSWERED)
        );
        let text = serde_json::to_string(&owned).unwrap();
        assert_eq!(serde_json::from_str::<Owned>(&text).unwrap(), owned);
    }
}
