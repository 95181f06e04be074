//! What somebody wrote and nobody was told of: it is offered as soon as it can be, and once.
//!
//! That is what was on the disk when the box was killed, and what found no room in the queues. Whether something was told
//! is known from the journal alone: a conversation that somebody has, that was answered or is over is not looked at again.
//! Work and the conversation behind it are two records; where only one of them reached the disk, the work is believed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::gateway::conversations::Entering;
use crate::gateway::errands::NotTaken;
use crate::gateway::{Gateway, LookFor, Output};
use crate::id::{AgentId, ContactId, ConversationId, ItemId, MessageId, QueueId};
use crate::journal::errands::{Held, Open};
use crate::journal::work::Step;
use crate::messaging::Owner;
use crate::messaging::owned::MOST_UNANSWERED;
use crate::queue::Skills;
use crate::store::context::looking::{Answer, Question};
use crate::time::Now;

/// Messages that are looked up at a time: after a start, the questions of people are not kept waiting by thousands of them.
const MOST_ASKED: usize = 32;
/// How soon is tried again what could not be looked up, or found no room.
const AGAIN: Duration = Duration::from_secs(5);

/// It.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    /// To be looked up.
    left: VecDeque<Wanted>,
    /// Being looked up.
    asked: BTreeSet<Wanted>,
    /// What found no room, and where it was to wait.
    stuck: BTreeMap<ConversationId, (Entering, QueueId)>,
    /// When both are tried again.
    again: Option<Instant>,
}

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// A message that nobody was told of.
    Message(MessageId),
    /// A conversation whose place in a queue is lost.
    Place(ConversationId),
}

impl Unanswered {
    pub fn deadline(&self) -> Option<Instant> {
        self.again
    }

    /// Somebody has it from now on, or nobody need have it.
    pub fn forget(&mut self, conversation: ConversationId) {
        self.stuck.remove(&conversation);
    }

    fn try_again(&mut self, now: Now) {
        self.again.get_or_insert(now.instant + AGAIN);
    }
}

/// Over a restart.
impl Gateway {
    /// What the journal says that nobody was told of. The work of before the restart is restored already.
    pub(super) fn restore_unanswered(&mut self) {
        let talks = &self.journal.live().talks;
        let messages = talks.unanswered.values().copied().map(Wanted::Message);
        let errands = &self.journal.live().errands.0;
        let lost = talks.open.iter().filter(|(_, talk)| {
            matches!(&talk.owner, Owner::Queue { item, .. } if !errands.contains_key(item))
        });
        let lost = lost.map(|(conversation, _)| Wanted::Place(*conversation));
        self.unanswered.left = messages.chain(lost).collect();
    }

    /// The store may be asked: whatever is left is looked up.
    pub(super) fn look_for_unanswered(&mut self) {
        while self.unanswered.asked.len() < MOST_ASKED
            && let Some(wanted) = self.unanswered.left.pop_front()
        {
            let question = match wanted {
                Wanted::Message(message) => Question::Message(message),
                Wanted::Place(conversation) => Question::Conversation(conversation, None, 1),
            };
            if self.unanswered.asked.insert(wanted) {
                let to = LookFor::Unanswered(wanted);
                self.outputs.push_back(Output::Look { to, question });
            }
        }
    }

    /// The store has it: it goes on as if it had come now.
    pub(super) fn unanswered_found(&mut self, now: Now, wanted: Wanted, answer: Answer) {
        self.unanswered.asked.remove(&wanted);
        let talks = &self.journal.live().talks;
        match (wanted, answer) {
            (Wanted::Message(_), Answer::Message(Some(message))) => {
                if talks.unanswered.get(&message.conversation) == Some(&message.id) {
                    self.message_written(now, *message, None);
                }
            }
            (Wanted::Place(conversation), Answer::Conversation(Some(page))) => {
                let talk = page.conversation;
                let Owner::Queue { queue, item } = talks.owner(conversation).clone() else {
                    return;
                };
                if !self.journal.live().errands.0.contains_key(&item) {
                    let entering = Entering {
                        talk: (talk.id, talk.contact),
                        channel: talk.way.channel.clone(),
                        work: talk.way.work,
                        words: talk.subject.clone(),
                        skills: Skills::new(),
                        priority: 0,
                    };
                    let _ = self.conversation_comes_in(now, entering, queue);
                }
            }
            // Whoever wrote it was erased meanwhile.
            (_, Answer::Message(None) | Answer::Conversation(None)) => {}
            _ => {
                self.unanswered.left.push_back(wanted);
                return self.unanswered.try_again(now);
            }
        }
        self.look_for_unanswered();
    }
}

/// What finds no room.
impl Gateway {
    /// A conversation becomes an item of a queue, now or as soon as there is room.
    ///
    /// # Errors
    /// When it has to wait for that, or no such queue takes it.
    pub(super) fn conversation_comes_in(
        &mut self,
        now: Now,
        entering: Entering,
        queue: QueueId,
    ) -> Result<ItemId, NotTaken> {
        let conversation = entering.talk.0;
        let entered = self.conversation_enters(now, entering.clone(), queue.clone());
        if let Err(why) = &entered {
            tracing::warn!(%conversation, %queue, ?why, "a conversation could not be queued");
            let passes = matches!(why, NotTaken::Full | NotTaken::NoDisk);
            if passes && self.unanswered.stuck.len() < MOST_UNANSWERED {
                self.unanswered.stuck.insert(conversation, (entering, queue));
                self.unanswered.try_again(now);
            }
        }
        entered
    }

    pub(super) fn unanswered_times_out(&mut self, now: Now) {
        if self.unanswered.again.take_if(|at| *at <= now.instant).is_none() {
            return;
        }
        self.look_for_unanswered();
        while let Some((_, (entering, queue))) = self.unanswered.stuck.pop_first() {
            if self.conversation_comes_in(now, entering, queue).is_err() {
                // Where one finds no room, the next does not either.
                return;
            }
        }
    }
}

/// Work and the conversation behind it.
impl Gateway {
    /// Who has a conversation follows from the work that it is. Answers whether that work is to be restored: not where it is
    /// over, or another one stands for the same conversation.
    pub(super) fn talk_agrees(&mut self, now: Now, item: ItemId, open: &Open) -> bool {
        let (Some((conversation, _)), Some(contact)) = (&open.errand.talk, open.contact) else {
            return true;
        };
        let owner = self.journal.live().talks.owner(*conversation).clone();
        let other = match &owner {
            Owner::Queue { item, .. } => Some(*item),
            Owner::Agent { item, .. } => *item,
            Owner::Flow { .. } | Owner::Nobody => None,
        };
        let twice = other.is_some_and(|other| {
            other != item && self.journal.live().errands.0.contains_key(&other)
        });
        if twice {
            self.note_work(now, item, Step::TakenOut);
            return false;
        }
        let wanted = match &open.held {
            Some(Held { closed: Some(_), .. }) => return true,
            // Whoever has something had it queued before: nobody has it any more, so it is over.
            Some(held) if owner == Owner::Nobody => return self.over(now, item, &held.agent),
            Some(held) => Owner::Agent { agent: held.agent.clone(), item: Some(item) },
            None => Owner::Queue { queue: open.queue.clone(), item },
        };
        self.agreed(now, (*conversation, contact), owner, wanted);
        true
    }

    fn over(&mut self, now: Now, item: ItemId, agent: &AgentId) -> bool {
        self.note_closed(now, item, agent);
        self.note_work_over(now, item, agent);
        false
    }

    fn agreed(&mut self, now: Now, talk: (ConversationId, ContactId), owner: Owner, wanted: Owner) {
        if owner != wanted {
            self.owned(now, talk, wanted, None, None);
        }
    }
}
