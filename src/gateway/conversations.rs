//! Conversations: who answers. One at a time: a queue's next agent, an agent, or nobody.
//!
//! What arrives in a conversation that nobody has becomes an item of its channel's queue; whoever takes the item has the
//! conversation, and whoever finishes it ends that. What is written and who answers is told to those who answer there, or
//! may; what agents order is `talking`'s.

use std::collections::BTreeMap;

use crate::admin::api::feed::{Happening, TalkLine, WrittenLine};
use crate::gateway::Gateway;
use crate::gateway::errands::{Arrival, NotTaken, words};
use crate::gateway::writing::Turns;
use crate::id::{ActorId, AgentId, ChannelId, ContactId, ConversationId, ItemId, QueueId};
use crate::journal::errands::{Errand, Open};
use crate::journal::event::Event;
use crate::journal::message::to_seal;
use crate::messaging::ledger::{BOX, Happened};
use crate::messaging::owned::MOST_OWNED;
use crate::messaging::{Address, Entry, Message, Owner, Piece, Way, What};
use crate::queue::{Channel, Skills, Target};
use crate::time::Now;

/// Characters of what was written last that stand beside a piece of work.
const LAST_WORDS: usize = 300;
/// Queues through which a conversation flows over before it stays where it is: more is a circle.
const MOST_OVERFLOWS: usize = 4;

/// A conversation, and with whom.
pub(super) type Talk = (ConversationId, ContactId);

/// What is known of conversations that somebody has, besides who: all of it is in the store too.
#[derive(Debug, Default)]
pub(super) struct Talks {
    last: BTreeMap<ConversationId, Last>,
    /// In which of them somebody writes.
    by_address: BTreeMap<(ChannelId, Address), ConversationId>,
    /// How often flows have answered in them.
    turns: BTreeMap<ConversationId, Turns>,
}

/// What was written last.
#[derive(Debug, Clone)]
struct Last {
    words: Option<String>,
    /// By which way the person wrote last, and what its channel calls that.
    way: Option<(Way<String>, Option<String>)>,
}

impl Talks {
    /// What the channel calls the message that the person wrote last.
    pub fn reference(&self, conversation: ConversationId) -> Option<String> {
        self.last.get(&conversation)?.way.as_ref()?.1.clone()
    }

    /// By which way the person wrote last.
    pub fn way(&self, conversation: ConversationId) -> Option<&Way<String>> {
        self.last.get(&conversation)?.way.as_ref().map(|(way, _)| way)
    }

    /// The conversation in which somebody writes.
    pub fn at(&self, place: &(ChannelId, Address)) -> Option<ConversationId> {
        self.by_address.get(place).copied()
    }

    /// How often a flow has answered in a conversation.
    pub fn turns(&mut self, conversation: ConversationId) -> &mut Turns {
        if self.turns.len() >= MOST_OWNED && !self.turns.contains_key(&conversation) {
            self.turns.pop_first();
        }
        self.turns.entry(conversation).or_default()
    }

    fn note(&mut self, message: &Message<String>, reference: Option<String>) {
        if self.last.len() >= MOST_OWNED && !self.last.contains_key(&message.conversation) {
            return;
        }
        let empty = || Last { words: None, way: None };
        let last = self.last.entry(message.conversation).or_insert_with(empty);
        last.words = said(message).or(last.words.take());
        if message.out.is_none() {
            let place = (message.way.channel.clone(), message.way.address());
            last.way = Some((message.way.clone(), reference));
            self.by_address.insert(place, message.conversation);
        }
    }

    fn forget(&mut self, conversation: ConversationId) {
        if let Some((way, _)) = self.last.remove(&conversation).and_then(|last| last.way) {
            self.by_address.remove(&(way.channel.clone(), way.address()));
        }
    }
}

/// The words of a message, cut.
pub(super) fn said(message: &Message<String>) -> Option<String> {
    message.pieces.iter().find_map(|piece| match piece {
        Piece::Text { text } | Piece::Choice { label: text, .. } => {
            Some(text.chars().take(LAST_WORDS).collect())
        }
        _ => None,
    })
}

/// What the ledger tells.
impl Gateway {
    /// Something happened to a message and is on the disk.
    pub(super) fn message_happened(&mut self, now: Now, happened: Happened) {
        self.messages.counted.note(&happened);
        match happened {
            Happened::Written { message, reference } => {
                self.message_written(now, *message, reference);
            }
            Happened::Stands { message, conversation, state, .. } => {
                self.owed_for(message, None);
                let to = self.answerers(conversation);
                self.publish(Happening::MessageState { message, conversation, state, to });
            }
            Happened::Typing { channel, from, on } => {
                let place = (channel, from);
                if let Some(conversation) = self.talks.by_address.get(&place).copied() {
                    let to = self.answerers(conversation);
                    self.publish(Happening::Typing { conversation, on, to });
                }
            }
        }
    }

    pub(super) fn message_written(
        &mut self,
        now: Now,
        message: Message<String>,
        reference: Option<String>,
    ) {
        let conversation = message.conversation;
        let before = self.journal.live().talks.owner(conversation).clone();
        // An application answers what it is given.
        let given = message.out.is_none() && self.owed_for(message.id, Some(&message));
        if !given && matches!(before, Owner::Nobody | Owner::Flow { .. }) {
            self.flow_hears(now, &message, &before);
        }
        let owner = self.journal.live().talks.owner(conversation).clone();
        if owner != Owner::Nobody {
            self.talks.note(&message, reference);
        }
        let to = self.answerers(conversation);
        let told = WrittenLine { line: message.into(), owner: owner.clone().into(), to };
        self.publish(Happening::Message(Box::new(told)));
        if let Owner::Queue { item, .. } | Owner::Agent { item: Some(item), .. } = owner {
            self.tell_errand(now, item);
        }
    }

    /// Agents who answer in a conversation, or may.
    pub(super) fn answerers(&self, conversation: ConversationId) -> Vec<AgentId> {
        self.answerers_of(self.journal.live().talks.owner(conversation))
    }

    fn answerers_of(&self, owner: &Owner) -> Vec<AgentId> {
        match owner {
            Owner::Agent { agent, .. } => vec![agent.clone()],
            Owner::Queue { queue, .. } => self.queues.members(queue).to_vec(),
            Owner::Nobody | Owner::Flow { .. } => Vec::new(),
        }
    }

    /// What was written last in the conversation that something is.
    pub(super) fn last_words(&self, open: &Open) -> Option<String> {
        let (conversation, _) = open.errand.talk.as_ref()?;
        self.talks.last.get(conversation)?.words.clone()
    }
}

/// Queues.
impl Gateway {
    pub(super) fn conversation_waits(&mut self, now: Now, talk: Talk, message: &Message<String>) {
        let settings = self.settings.channels.get(&message.way.channel);
        let Some(queue) = settings.and_then(|settings| settings.queue.clone()) else { return };
        let (channel, work) = (message.way.channel.clone(), message.way.work);
        let (skills, priority) = (Skills::new(), 0);
        let entering = Entering { talk, channel, work, words: said(message), skills, priority };
        let _ = self.conversation_comes_in(now, entering, queue);
    }

    /// A conversation becomes an item of a queue, or of the one that it flows over to. Whoever writes is not hung up on: where
    /// a queue sends on to something that takes calls alone, it waits there as what need not be answered at once.
    pub(super) fn conversation_enters(
        &mut self,
        now: Now,
        entering: Entering,
        queue: QueueId,
    ) -> Result<ItemId, NotTaken> {
        let Entering { talk, channel, work, words: said, skills, priority } = entering;
        let (conversation, contact) = talk;
        let item = ItemId(self.random.bits());
        let text = said.map(|said| words(Some(contact), item, &said));
        let (mut queue, mut work) = (queue, work);
        for _ in 0..MOST_OVERFLOWS {
            let arrival = Arrival {
                item,
                channel: work,
                queue: queue.clone(),
                contact: Some(contact),
                arrived: now.unix,
                priority,
                skills: skills.clone(),
                errand: Errand {
                    text: text.clone(),
                    due: None,
                    from: Some(format!("channel {channel}")),
                    task: None,
                    talk: Some((conversation, channel.clone())),
                },
            };
            match self.errand_arrives(now, arrival) {
                Ok(()) => {
                    self.owned(now, talk, Owner::Queue { queue, item }, None, None);
                    return Ok(item);
                }
                Err(NotTaken::Elsewhere(Target::Queue(next))) => queue = next,
                Err(NotTaken::Elsewhere(_)) if work.is_live() => work = Channel::Message,
                Err(why) => return Err(why),
            }
        }
        Err(NotTaken::Full)
    }

    /// What waited too long, or found nobody, goes to another queue, or stays as what need not be answered at once. Until it
    /// has its new place the journal says that it has the old one: after a crash in between it is looked for.
    pub(super) fn conversation_flows_over(
        &mut self,
        now: Now,
        entering: Entering,
        from: QueueId,
        target: &Target,
    ) {
        let (entering, queue) = match target {
            Target::Queue(queue) => (entering, queue.clone()),
            _ => (Entering { work: Channel::Message, ..entering }, from),
        };
        let talk = entering.talk;
        if let Err(NotTaken::NoQueue) = self.conversation_comes_in(now, entering, queue) {
            self.owned(now, talk, Owner::Nobody, None, None);
        }
    }

    /// An agent has taken an item: the conversation behind it, if there is one, is theirs.
    pub(super) fn conversation_taken(&mut self, now: Now, item: ItemId, agent: &AgentId) {
        if let Some((talk, _)) = self.conversation_of(item) {
            let owner = Owner::Agent { agent: agent.clone(), item: Some(item) };
            self.owned(now, talk, owner, None, None);
        }
    }

    /// An item waits, or waits in another queue: so does the conversation behind it.
    pub(super) fn conversation_waits_again(&mut self, now: Now, item: ItemId, queue: &QueueId) {
        if let Some((talk, _)) = self.conversation_of(item) {
            self.owned(now, talk, Owner::Queue { queue: queue.clone(), item }, None, None);
        }
    }

    /// An item waits no more, and nobody has it: nor has anybody the conversation.
    pub(super) fn conversation_dropped(&mut self, now: Now, item: ItemId) {
        if let Some((talk, _)) = self.conversation_of(item) {
            self.owned(now, talk, Owner::Nobody, None, None);
        }
    }

    /// It is over: the conversation is, until somebody writes again.
    pub(super) fn conversation_closed(&mut self, now: Now, item: ItemId, by: Option<&AgentId>) {
        if let Some((talk, _)) = self.conversation_of(item) {
            self.close_conversation(now, talk, by.map_or(BOX, AgentId::as_str).into());
        }
    }

    pub(super) fn conversation_of(&self, item: ItemId) -> Option<(Talk, Entering)> {
        let open = self.journal.live().errands.0.get(&item)?;
        let (conversation, channel) = open.errand.talk.clone()?;
        let talk = (conversation, open.contact?);
        let read = |text| self.journal.keys().read(text);
        let words = self.last_words(open).or_else(|| open.errand.text.as_ref().and_then(read));
        let (work, skills, priority) = (open.channel, open.skills.clone(), open.priority);
        Some((talk, Entering { talk, channel, work, words, skills, priority }))
    }
}

/// What becomes an item of a queue.
#[derive(Debug, Clone)]
pub(super) struct Entering {
    pub talk: Talk,
    /// By which channel somebody writes.
    pub channel: ChannelId,
    /// How that counts.
    pub work: Channel,
    /// What was written last.
    pub words: Option<String>,
    /// Least levels of skills that it needs besides the queue's.
    pub skills: Skills,
    /// Its own priority.
    pub priority: i32,
}

/// Writing down.
impl Gateway {
    /// Somebody answers from now on. Said twice it is written once.
    pub(super) fn owned(
        &mut self,
        now: Now,
        (conversation, contact): Talk,
        owner: Owner,
        by: Option<ActorId>,
        note: Option<String>,
    ) {
        let before = self.journal.live().talks.owner(conversation).clone();
        if before == owner && note.is_none() {
            return;
        }
        let mut to = self.answerers_of(&before);
        to.extend(self.answerers_of(&owner));
        let told = TalkLine {
            conversation,
            contact,
            owner: owner.clone().into(),
            closed: false,
            call: None,
            by: by.clone(),
            note: note.clone(),
            to,
        };
        self.unanswered.forget(conversation);
        if owner == Owner::Nobody {
            self.talks.forget(conversation);
        }
        let told_owner = owner.clone();
        let what = What::Owner { owner, by, note };
        let entry = Entry { at: now.unix, conversation, contact, what };
        self.keep(now, Event::Message(Box::new(to_seal(entry))));
        self.figures_changed(now);
        // Where somebody stands in a flow is nobody's business.
        let flow = |owner: &Owner| matches!(owner, Owner::Flow { .. });
        if !flow(&before) || !flow(&told_owner) {
            self.publish(Happening::Conversation(Box::new(told)));
        }
    }

    /// It is over, until somebody writes again.
    pub(super) fn close_conversation(
        &mut self,
        now: Now,
        (conversation, contact): Talk,
        by: ActorId,
    ) {
        let to = self.answerers(conversation);
        let entry =
            Entry { at: now.unix, conversation, contact, what: What::Closed { by: by.clone() } };
        self.keep(now, Event::Message(Box::new(to_seal(entry))));
        self.talks.forget(conversation);
        self.unanswered.forget(conversation);
        let told = TalkLine {
            conversation,
            contact,
            owner: Owner::Nobody.into(),
            closed: true,
            call: None,
            by: Some(by),
            note: None,
            to,
        };
        self.publish(Happening::Conversation(Box::new(told)));
    }
}
