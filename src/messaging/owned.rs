//! Who answers where, as a restart has to know it: one at a time for each conversation.
//!
//! What nobody has is not here: it is in the store, and is looked up when somebody wants it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Fingerprint, Owner, What};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::time::UnixTime;

/// Conversations that somebody has at a time: twice what queues hold. Each takes some 150 bytes of every checkpoint.
pub const MOST_OWNED: usize = 20_000;

/// Conversations that wait to be seen at a time: as many as there may be work. More than that nobody answers, as on a channel
/// that has no queue; the one that waits longest goes for a new one. Each takes some 80 bytes of every checkpoint.
pub const MOST_UNANSWERED: usize = 10_000;

/// Codes that wait to be keyed in at a time: far more than conversations go on by telephone in some minutes.
pub const MOST_CODES: usize = 1_000;

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
    /// Codes with which somebody goes on by telephone, the oldest first: one for each conversation.
    pub codes: Vec<Code>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Of the digits.
    pub code: Fingerprint,
    /// To which conversation it leads.
    pub conversation: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// It is good before this.
    pub until: UnixTime,
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
        self.codes.retain(|code| code.contact != contact);
    }

    /// The conversation to which a code leads that is good now.
    pub fn by_code(&self, now: UnixTime, code: Fingerprint) -> Option<&Code> {
        self.codes.iter().find(|known| known.code == code && now < known.until)
    }

    /// Takes up one entry.
    pub fn apply<P>(&mut self, entry: &Entry<P>) {
        self.note_unanswered(entry);
        self.note_code(entry);
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

    fn note_code<P>(&mut self, entry: &Entry<P>) {
        let Entry { at, conversation, contact, .. } = *entry;
        if matches!(entry.what, What::Code { .. } | What::Call { .. }) {
            self.codes.retain(|code| code.conversation != conversation && at < code.until);
        }
        if let What::Code { code, until } = entry.what {
            if self.codes.len() >= MOST_CODES {
                self.codes.remove(0);
            }
            self.codes.push(Code { code, conversation, contact, until });
        }
    }

    fn note_unanswered<P>(&mut self, entry: &Entry<P>) {
        let conversation = entry.conversation;
        match &entry.what {
            What::Arrived { message, refusal: None, automatic: false, given: None, .. }
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
            given: None,
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

    #[test]
    fn a_code_leads_to_one_conversation_once_and_for_its_time() {
        let mut owned = Owned::default();
        let entry = |id, at, what| {
            let (conversation, contact) = (ConversationId(id), ContactId(id));
            Entry::<String> { at: UnixTime(at), conversation, contact, what }
        };
        let code = |byte| Fingerprint([byte; 16]);
        let give = |byte, until| What::Code { code: code(byte), until: UnixTime(until) };
        let leads = |owned: &mut Owned, id, at, what| owned.apply(&entry(id, at, what));
        leads(&mut owned, 1, 0, give(1, 100));
        leads(&mut owned, 2, 0, give(2, 100));
        let to = |owned: &Owned, at, byte| {
            owned.by_code(UnixTime(at), code(byte)).map(|code| code.conversation.0)
        };
        assert_eq!((to(&owned, 99, 1), to(&owned, 99, 2)), (Some(1), Some(2)));
        assert_eq!((to(&owned, 100, 1), to(&owned, 50, 3)), (None, None), "its time is over");
        // A later one takes its place, and a call uses it up; over a restart nothing changes.
        leads(&mut owned, 1, 50, give(3, 150));
        assert_eq!((to(&owned, 60, 1), to(&owned, 60, 3)), (None, Some(1)));
        let text = serde_json::to_string(&owned).unwrap();
        assert_eq!(serde_json::from_str::<Owned>(&text).unwrap(), owned);
        leads(&mut owned, 1, 70, What::Call { call: crate::id::CallId(9) });
        assert_eq!((to(&owned, 71, 3), to(&owned, 71, 2)), (None, Some(2)));
        owned.forget(ContactId(2));
        assert_eq!(to(&owned, 71, 2), None);
    }
}
