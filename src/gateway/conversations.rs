//! Conversations: who answers. One at a time: a queue's next agent, an agent, or nobody.
//!
//! What arrives in a conversation that nobody has becomes an item of its channel's queue; whoever takes the item has the
//! conversation, and whoever finishes it ends that.

use crate::gateway::Gateway;
use crate::gateway::errands::Arrival;
use crate::id::{AgentId, ContactId, ConversationId, ItemId};
use crate::journal::errands::Errand;
use crate::journal::event::Event;
use crate::journal::message::to_seal;
use crate::messaging::ledger::{BOX, Happened};
use crate::messaging::{Entry, Owner, Way, What};
use crate::queue::Skills;
use crate::time::Now;

/// What of a task's origin says that it is a conversation.
const FROM: &str = "conversation ";

impl Gateway {
    /// Something happened to a message and is on the disk.
    pub(super) fn message_happened(&mut self, now: Now, happened: Happened) {
        match happened {
            Happened::Arrived { conversation, contact, way, refusal, automatic, .. } => {
                // Nobody need answer a word that the box has answered, or a machine.
                if refusal.is_none() && !automatic {
                    self.conversation_waits(now, conversation, contact, &way);
                }
            }
            Happened::Stands { .. } | Happened::Typing { .. } => {}
        }
    }

    fn conversation_waits(
        &mut self,
        now: Now,
        conversation: ConversationId,
        contact: ContactId,
        way: &Way<String>,
    ) {
        let from = format!("{FROM}{conversation}");
        let open = &self.journal.live().errands.0;
        if open.values().any(|open| open.errand.from.as_deref() == Some(from.as_str())) {
            return;
        }
        let settings = self.settings.channels.get(&way.channel);
        let Some(queue) = settings.and_then(|settings| settings.queue.clone()) else { return };
        let item = ItemId(self.random.bits());
        let arrival = Arrival {
            item,
            channel: way.work,
            queue: queue.clone(),
            contact: Some(contact),
            arrived: now.unix,
            priority: 0,
            skills: Skills::new(),
            errand: Errand { text: None, due: None, from: Some(from), task: None },
        };
        match self.errand_arrives(now, arrival) {
            Ok(()) => self.owned(now, (conversation, contact), Owner::Queue { queue, item }),
            Err(why) => tracing::warn!(%queue, ?why, "a conversation could not be queued"),
        }
    }

    fn owned(
        &mut self,
        now: Now,
        (conversation, contact): (ConversationId, ContactId),
        owner: Owner,
    ) {
        let entry = Entry { at: now.unix, conversation, contact, what: What::Owner { owner } };
        self.keep(now, Event::Message(Box::new(to_seal(entry))));
    }

    /// An agent has taken an item: the conversation behind it, if there is one, is theirs.
    pub(super) fn conversation_taken(&mut self, now: Now, item: ItemId, agent: &AgentId) {
        if let Some(whose) = self.conversation_of(item) {
            let owner = Owner::Agent { agent: agent.clone(), item: Some(item) };
            self.owned(now, whose, owner);
        }
    }

    /// It is over: the conversation is, until somebody writes again.
    pub(super) fn conversation_closed(&mut self, now: Now, item: ItemId, by: Option<&AgentId>) {
        if let Some((conversation, contact)) = self.conversation_of(item) {
            let by = by.map_or(BOX, AgentId::as_str).into();
            let entry = Entry { at: now.unix, conversation, contact, what: What::Closed { by } };
            self.keep(now, Event::Message(Box::new(to_seal(entry))));
        }
    }

    fn conversation_of(&self, item: ItemId) -> Option<(ConversationId, ContactId)> {
        let open = self.journal.live().errands.0.get(&item)?;
        let name = open.errand.from.as_deref()?.strip_prefix(FROM)?;
        Some((name.parse().ok()?, open.contact?))
    }
}
