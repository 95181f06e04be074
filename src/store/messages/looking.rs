//! Looking up what was written: for the ledger before it takes something in, and for whoever reads.

use serde::{Deserialize, Serialize};

use super::{
    OPENS, RECENTS, Said, message_key, recent_key, recent_of, reference_key, said_in, said_key,
    seen_key, standing, standing_key, talk_key, talks_of, thread_key,
};
use crate::context::{Identity, Kind, Known};
use crate::id::{ActorId, AgentId, ChannelId, ContactId, ConversationId, MessageId, QueueId};
use crate::journal::personal::Personal;
use crate::messaging::{Conversation, Fingerprint, Message, Owner, Piece, State};
use crate::store::context::looking::{Eyes, Named, Writer};
use crate::store::context::{get, second_number};
use crate::time::UnixTime;

/// A conversation that is over goes on when the person writes again within so many microseconds: three days, a long
/// weekend.
const REOPENS: i64 = 3 * 24 * 3_600 * 1_000_000;
/// Rows that are looked at for one page: of conversations that somebody else has there may be many in between.
const MOST_LOOKED_AT: usize = 2_000;
/// Characters of the last message that a list shows.
pub const PREVIEW: usize = 120;
/// Messages of a conversation, the newest first, among which a list looks for words.
const PREVIEWED: usize = 3;

/// An agent who looks: at what is theirs, what waits where they answer, and what was written with people whose work they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Who.
    pub agent: AgentId,
    /// Queues in which they answer.
    pub queues: Vec<QueueId>,
    /// Channels whose queue that is: what nobody has there may become theirs.
    pub channels: Vec<ChannelId>,
    /// Whose work they have.
    pub contacts: Vec<ContactId>,
    /// How the journal names them: what they have wanted sent is theirs to look at.
    pub actor: ActorId,
}

impl Viewer {
    /// Whether a conversation is shown to them.
    pub fn sees<P>(&self, talk: &Conversation<P>) -> bool {
        let theirs = match (&talk.owner, &talk.closed) {
            // What a colleague has where they answer too: so that nobody wonders where it went.
            (Owner::Agent { agent, .. }, over) => {
                *agent == self.agent || over.is_none() && self.channels.contains(&talk.way.channel)
            }
            (Owner::Queue { queue, .. }, _) => self.queues.contains(queue),
            (Owner::Nobody | Owner::Flow { .. }, None) => self.channels.contains(&talk.way.channel),
            // What they have ended stays before their eyes.
            (Owner::Nobody | Owner::Flow { .. }, Some((_, by))) => {
                by.as_str() == self.agent.as_str()
            }
        };
        theirs || self.contacts.contains(&talk.contact)
    }
}

/// Which conversations somebody wants to see. What is not said is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Also those that are over.
    pub closed: bool,
    /// This agent's.
    pub agent: Option<AgentId>,
    /// Those that wait in this queue.
    pub queue: Option<QueueId>,
    /// Those that somebody wrote in last by this channel.
    pub channel: Option<ChannelId>,
    /// This contact's.
    pub contact: Option<ContactId>,
    /// With something that nobody has read.
    pub unread: bool,
    /// What this agent may see; everything when absent.
    #[serde(skip)]
    pub viewer: Option<Viewer>,
}

impl Filter {
    fn admits<P>(&self, talk: &Conversation<P>) -> bool {
        let (agent, queue) = match &talk.owner {
            Owner::Agent { agent, .. } => (Some(agent), None),
            Owner::Queue { queue, .. } => (None, Some(queue)),
            Owner::Nobody | Owner::Flow { .. } => (None, None),
        };
        (self.closed || talk.closed.is_none())
            && self.agent.as_ref().is_none_or(|wanted| agent == Some(wanted))
            && self.queue.as_ref().is_none_or(|wanted| queue == Some(wanted))
            && self.channel.as_ref().is_none_or(|wanted| talk.way.channel == *wanted)
            && self.contact.is_none_or(|wanted| talk.contact == wanted)
            && (!self.unread || talk.unread > 0)
            && self.viewer.as_ref().is_none_or(|viewer| viewer.sees(talk))
    }
}

/// A conversation in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    /// It.
    #[serde(flatten)]
    pub conversation: Conversation<String>,
    /// With whom.
    pub person: Known,
    /// What was written last, cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
}

/// Where a list goes on.
pub type After = (UnixTime, ConversationId);

/// A page of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// It.
    pub conversation: Conversation<String>,
    /// With whom.
    pub person: Known,
    /// Messages, the newest first.
    pub messages: Vec<Message<String>>,
    /// There are more behind the last of these.
    pub more: bool,
}

/// For the ledger.
impl Eyes<'_> {
    /// Who writes or is written to, and what is known of what they say.
    pub fn writer(
        &self,
        now: UnixTime,
        (channel, address, thread): (&ChannelId, Option<&Identity<String>>, Option<&str>),
        keys: &[Fingerprint],
        references: &[String],
    ) -> Writer {
        let contact = address.and_then(|address| self.edge(address)).map(|edge| edge.owner);
        let seen = keys.iter().filter(|key| self.rows.get(&seen_key(**key)).is_some());
        let threaded = thread.and_then(|thread| get(self.rows, &thread_key(channel, thread)));
        let letter = address.is_some_and(|address| address.kind == Kind::Email);
        let conversation = match threaded {
            Some(conversation) => self.talk(conversation),
            // A letter that continues none is about something else.
            None if letter && thread.is_some() => None,
            None => contact.and_then(|contact| self.goes_on(now, contact)),
        };
        Writer {
            seen: seen.copied().collect(),
            contact,
            conversation: conversation.map(|talk| (talk.id, talk.owner)),
            named: references.iter().filter_map(|one| self.named_by(channel, one)).collect(),
        }
    }

    /// The conversation that goes on with a person: the last one that is open, else one that was over a little while ago.
    fn goes_on(&self, now: UnixTime, contact: ContactId) -> Option<Conversation<Personal>> {
        let fresh = |talk: &Conversation<Personal>| match &talk.closed {
            None => true,
            Some((at, _)) => now.0.saturating_sub(at.0) < REOPENS,
        };
        let all = self.talks(contact).into_iter().filter(fresh);
        all.max_by_key(|talk| (talk.closed.is_none(), talk.last, talk.id))
    }

    /// Every conversation with the person that a contact belongs to.
    fn talks(&self, contact: ContactId) -> Vec<Conversation<Personal>> {
        let (_, members) = self.person(contact);
        let keys = members.iter().flat_map(|member| self.rows.keys(&talks_of(*member)));
        let ids = keys.filter_map(|key| second_number(&key).map(ConversationId));
        ids.filter_map(|id| self.talk(id)).collect()
    }

    fn talk(&self, conversation: ConversationId) -> Option<Conversation<Personal>> {
        get(self.rows, &talk_key(conversation))
    }

    fn named_by(&self, channel: &ChannelId, reference: &str) -> Option<Named> {
        let id: MessageId = get(self.rows, &reference_key(channel, reference))?;
        let Said { message, .. } = get(self.rows, &message_key(id))?;
        Some(Named {
            reference: reference.to_owned(),
            message: message.id,
            conversation: message.conversation,
            contact: message.contact,
            state: message.state,
        })
    }
}

/// For readers.
impl Eyes<'_> {
    /// Whether an agent may see a message.
    pub fn is_seen(&self, viewer: &Viewer, message: &Message<String>) -> bool {
        let own = message.out.as_ref().is_some_and(|out| out.by == viewer.actor);
        own || self.talk(message.conversation).is_some_and(|talk| viewer.sees(&talk))
    }

    /// A message; nothing if there is none.
    pub fn message(&self, message: MessageId) -> Option<Message<String>> {
        let said: Said = get(self.rows, &message_key(message))?;
        Some(said.message.map(&mut |text| self.read(&text)))
    }

    /// Messages that stand like this, the one that came to last first, from behind one on.
    pub fn messages_standing(
        &self,
        state: State,
        after: Option<(UnixTime, MessageId)>,
        limit: usize,
    ) -> Vec<Message<String>> {
        let Some(kind) = standing(state) else { return Vec::new() };
        let begin = after.and_then(|(since, id)| standing_key(state, since, id));
        let page = self.rows.page(&kind, begin.as_deref(), limit);
        // A kind and a letter, a time, and the message.
        let id =
            |key: &[u8]| Some(MessageId(u64::from_be_bytes(key.get(10..18)?.try_into().ok()?)));
        page.iter().filter_map(|(key, _)| self.message(id(key)?)).collect()
    }

    /// Conversations, the one in which something was written last first, from behind one on; and where to go on, nothing at
    /// the end. A page may be short where many in between are not wanted.
    pub fn conversations(
        &self,
        filter: &Filter,
        after: Option<After>,
        limit: usize,
    ) -> (Vec<Talk>, Option<After>) {
        if let Some(contact) = filter.contact {
            return (self.talks_with(filter, contact, after, limit), None);
        }
        let kind = if filter.closed { RECENTS } else { OPENS };
        let mut at = after.map(|(last, id)| recent_key(kind, last, id));
        let (mut found, mut looked) = (Vec::new(), 0);
        while found.len() < limit && looked < MOST_LOOKED_AT {
            let page = self.rows.page(kind, at.as_deref(), limit);
            let whole = page.len() == limit;
            for (key, _) in page {
                looked += 1;
                let talk = recent_of(&key).and_then(|id| self.talk(id));
                if found.len() < limit {
                    at = Some(key);
                    found.extend(talk.filter(|talk| filter.admits(talk)));
                }
            }
            if !whole {
                at = None;
                break;
            }
        }
        let next = at.and_then(|key| recent_of(&key)).and_then(|id| self.talk(id));
        let next = next.map(|talk| (talk.last, talk.id));
        (found.into_iter().map(|talk| self.listed(talk)).collect(), next)
    }

    /// The conversations with one person: never many.
    fn talks_with(
        &self,
        filter: &Filter,
        contact: ContactId,
        after: Option<After>,
        limit: usize,
    ) -> Vec<Talk> {
        let filter = Filter { contact: None, ..filter.clone() };
        let mut talks = self.talks(contact);
        talks.retain(|talk| {
            filter.admits(talk) && after.is_none_or(|after| (talk.last, talk.id) < after)
        });
        talks.sort_by_key(|talk| std::cmp::Reverse((talk.last, talk.id)));
        talks.into_iter().take(limit).map(|talk| self.listed(talk)).collect()
    }

    fn listed(&self, talk: Conversation<Personal>) -> Talk {
        let last = self.rows.page(&said_in(talk.id), None, PREVIEWED);
        let last = last.iter().filter_map(|(_, row)| super::read(row));
        let preview = last.filter_map(|id| self.message(id)).find_map(|message| {
            message.pieces.into_iter().find_map(|piece| match piece {
                Piece::Text { text } => Some(text.chars().take(PREVIEW).collect()),
                Piece::Choice { label, .. } => Some(label),
                _ => None,
            })
        });
        let person = self.known(talk.contact);
        Talk { conversation: talk.map(&mut |text| self.read(&text)), person, preview }
    }

    /// A conversation with its messages, the newest first, from behind one on.
    pub fn conversation(
        &self,
        conversation: ConversationId,
        after: Option<MessageId>,
        limit: usize,
    ) -> Option<Page> {
        let talk = self.talk(conversation)?;
        let begin = after.and_then(|after| {
            let said: Said = get(self.rows, &message_key(after))?;
            Some(said_key(conversation, said.seq))
        });
        let page = self.rows.page(&said_in(conversation), begin.as_deref(), limit);
        let more = page.len() == limit;
        let ids = page.iter().filter_map(|(_, row)| super::read::<MessageId>(row));
        let messages = ids.filter_map(|id| self.message(id)).collect();
        let person = self.known(talk.contact);
        let conversation = talk.map(&mut |text| self.read(&text));
        Some(Page { conversation, person, messages, more })
    }
}
