//! Rows about what was written: messages, conversations, and what leads to them.
//!
//! A message has a row of its own, and stands in its conversation by the number of its record, the newest first. What a
//! channel calls a message leads to it, so that a report finds it, and so does the key of what arrived, so that nothing
//! arrives twice. Each message stands on its contact's timeline too. All of a contact goes when the contact is erased, but
//! for the keys: what was here once does not come again.
//!
//! The first byte of a key says which of these its row is (`super::kind`).

pub mod looking;

use std::collections::BTreeSet;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::context::{contact_key, newest_first, pair_key, second_number};
use super::kind::{
    CONTENT, MESSAGE, OPEN, ORPHAN, RECENT, REFERENCE, SAID, SEEN, STANDS, TALK, TALK_OF, THREAD,
};
use super::{Draft, numbered_key, read};
use crate::channel::Channel as Work;
use crate::context::{Channel, Happening, Moment, Way};
use crate::id::{ChannelId, ContactId, ConversationId, MessageId};
use crate::journal::personal::Personal;
use crate::messaging::{
    Content, Conversation, Entry, Fingerprint, Kind, Message, Piece, State, What,
};
use crate::time::UnixTime;

/// Every conversation's key here begins with this: the one in which something was written last comes first.
pub const RECENTS: &[u8] = &[RECENT];
/// The same of those that are not over.
pub const OPENS: &[u8] = &[OPEN];

/// What the keys of files begin with that no message has any more: the bytes are to be taken from the disk. A row stays
/// until the same file comes again; whoever takes files away looks whether a message has it.
pub const ORPHANS: &[u8] = &[ORPHAN];

/// A message as a row, with the number of the record that began it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The number.
    pub seq: u64,
    /// It.
    #[serde(flatten)]
    pub message: Message<Personal>,
}

/// The key of a message.
pub fn message_key(message: MessageId) -> Vec<u8> {
    numbered_key(MESSAGE, message.0)
}

/// The key of a conversation.
pub fn talk_key(conversation: ConversationId) -> Vec<u8> {
    numbered_key(TALK, conversation.0)
}

/// What the keys of a conversation's messages begin with; the newest comes first.
pub fn said_in(conversation: ConversationId) -> Vec<u8> {
    numbered_key(SAID, conversation.0)
}

/// Where a message stands in its conversation.
pub fn said_key(conversation: ConversationId, seq: u64) -> Vec<u8> {
    pair_key(SAID, conversation.0, u64::MAX - seq)
}

/// What the keys of a contact's conversations begin with; the rest is the conversation's id.
pub fn talks_of(contact: ContactId) -> Vec<u8> {
    numbered_key(TALK_OF, contact.0)
}

/// Where a conversation stands among all, or among those that are open.
pub fn recent_key(kind: &[u8], last: UnixTime, conversation: ConversationId) -> Vec<u8> {
    [kind, &newest_first(last), &conversation.0.to_be_bytes()].concat()
}

/// The conversation that such a key stands for.
pub fn recent_of(key: &[u8]) -> Option<ConversationId> {
    second_number(key).map(ConversationId)
}

/// What the keys of messages begin with that stand like this; nothing for those of which nobody makes a list.
pub fn standing(state: State) -> Option<Vec<u8>> {
    let byte = match state {
        State::Queued => b'q',
        State::Failed => b'f',
        State::Unknown => b'u',
        State::Stopped => b's',
        State::Received | State::Sending | State::Sent | State::Delivered | State::Read => {
            return None;
        }
    };
    Some(vec![STANDS, byte])
}

/// Where a message stands among those.
pub fn standing_key(state: State, since: UnixTime, message: MessageId) -> Option<Vec<u8>> {
    let kind = standing(state)?;
    Some([&kind[..], &newest_first(since), &message.0.to_be_bytes()].concat())
}

/// The key of the row that says that something arrived.
pub fn seen_key(key: Fingerprint) -> Vec<u8> {
    [&[SEEN], &key.0[..]].concat()
}

/// The key of what a channel calls a message.
pub fn reference_key(channel: &ChannelId, reference: &str) -> Vec<u8> {
    named(REFERENCE, channel, reference)
}

/// The key of what a channel keeps together.
pub fn thread_key(channel: &ChannelId, thread: &str) -> Vec<u8> {
    named(THREAD, channel, thread)
}

/// What the keys of messages begin with that have a file; the rest is the message's id.
pub fn messages_with(content: Content) -> Vec<u8> {
    [&[CONTENT], &content.0[..]].concat()
}

/// The file that such a key stands for.
pub fn orphan_of(key: &[u8]) -> Option<Content> {
    key.strip_prefix(ORPHANS)?.try_into().ok().map(Content)
}

fn orphan_key(content: Content) -> Vec<u8> {
    [ORPHANS, &content.0[..]].concat()
}

/// A foreign name may be long, and is written by whoever sends it.
fn named(kind: u8, channel: &ChannelId, name: &str) -> Vec<u8> {
    let said = [channel.as_str().as_bytes(), &[0], name.as_bytes()].concat();
    let hash = digest(&SHA256, &said);
    [&[kind], hash.as_ref().get(..16).unwrap_or_default()].concat()
}

fn content_key(content: Content, message: MessageId) -> Vec<u8> {
    [messages_with(content), message.0.to_be_bytes().to_vec()].concat()
}

/// The files of a message.
pub fn contents(message: &Message<Personal>) -> impl Iterator<Item = Content> {
    message.pieces.iter().filter_map(|piece| match piece {
        Piece::Media { media } => Some(media.content),
        _ => None,
    })
}

/// How the record names what queues count a way as.
fn channel_of(work: Work, kind: Kind) -> Channel {
    match (work, kind) {
        (Work::Chat, _) => Channel::Chat,
        (Work::Mail, _) => Channel::Mail,
        (_, Kind::Phone | Kind::Short) => Channel::Sms,
        _ => Channel::Message,
    }
}

/// What happened in conversations.
impl Draft<'_> {
    /// Takes up what an entry says.
    pub(super) fn take_message(&mut self, seq: u64, entry: &Entry<Personal>) {
        if let Some(message) = Message::begun(entry) {
            return self.begin_message(seq, message, entry);
        }
        match (entry.message(), &entry.what) {
            (Some(message), what) => {
                if let What::Accepted { references, .. } = what {
                    self.put_references(message, references);
                }
                let Some(mut said) = self.said(message) else { return };
                let was = (said.message.state, said.message.since);
                said.message.apply(entry);
                self.put_standing(Some(was), &said.message);
                self.put(message_key(message), &said);
            }
            (None, _) => {
                let Some(was) = self.talk(entry.conversation) else { return };
                let mut talk = was.clone();
                talk.apply(entry);
                self.put_talk(Some(&was), &talk);
            }
        }
    }

    /// A message of somebody who was erased meanwhile is none.
    fn begin_message(&mut self, seq: u64, message: Message<Personal>, entry: &Entry<Personal>) {
        if let What::Arrived { key, .. } = &entry.what {
            self.put(seen_key(*key), &message.id);
        }
        if !self.is_there(&contact_key(message.contact)) {
            contents(&message).for_each(|content| self.note_orphan(content));
            return;
        }
        let was = self.talk(message.conversation);
        let mut talk = was.clone().unwrap_or_else(|| Conversation::begun(&message));
        if was.is_some() {
            talk.add(&message);
        }
        self.put_talk(was.as_ref(), &talk);
        self.put_first(said_key(message.conversation, seq), &message.id);
        for content in contents(&message) {
            self.put(content_key(content, message.id), &());
            self.delete(&orphan_key(content));
        }
        if let Some(thread) = &message.way.thread {
            self.put(thread_key(&message.way.channel, thread), &message.conversation);
        }
        self.note_on_timeline(seq, &message);
        self.put_standing(None, &message);
        self.put(message_key(message.id), &Said { seq, message });
    }

    fn note_on_timeline(&mut self, seq: u64, message: &Message<Personal>) {
        let words = message.pieces.iter().find_map(|piece| match piece {
            Piece::Text { text } => Some(text.clone()),
            Piece::Choice { label, .. } => Some(label.clone()),
            _ => None,
        });
        let what = Happening::Message {
            channel: channel_of(message.way.work, message.way.kind),
            way: if message.out.is_some() { Way::Out } else { Way::In },
            text: words,
            reference: Some(message.id.to_string()),
        };
        let by = message.out.as_ref().map(|out| out.by.clone());
        let case = self.case_that_goes_on(message.contact);
        let moment = Moment { at: message.at, by, case, what };
        self.happened(seq, message.contact, &moment);
    }

    fn put_standing(&mut self, was: Option<(State, UnixTime)>, message: &Message<Personal>) {
        let now = (message.state, message.since);
        if was == Some(now) {
            return;
        }
        let key = |(state, since)| standing_key(state, since, message.id);
        was.and_then(key).into_iter().for_each(|key| self.delete(&key));
        key(now).into_iter().for_each(|key| self.put(key, &()));
    }

    fn put_references(&mut self, message: MessageId, references: &[String]) {
        let Some(channel) = self.said(message).map(|said| said.message.way.channel) else { return };
        for reference in references {
            self.put(reference_key(&channel, reference), &message);
        }
    }

    fn put_talk(&mut self, was: Option<&Conversation<Personal>>, talk: &Conversation<Personal>) {
        self.put(talk_key(talk.id), talk);
        if was.is_none_or(|was| was.contact != talk.contact) {
            self.put(pair_key(TALK_OF, talk.contact.0, talk.id.0), &());
        }
        let place = |talk: &Conversation<Personal>| (talk.last, talk.closed.is_none());
        let (old, new) = (was.map(place), place(talk));
        if old == Some(new) {
            return;
        }
        // Each row is touched where it changes: a conversation in which much is written has them moved by every message.
        let moves = |kind: &'static [u8], shown: bool, draft: &mut Self| {
            if let Some((last, open)) = old.filter(|old| (old.0, true) != (new.0, shown))
                && (kind == RECENTS || open)
            {
                draft.delete(&recent_key(kind, last, talk.id));
            }
            if shown {
                draft.put(recent_key(kind, new.0, talk.id), &());
            }
        };
        moves(RECENTS, true, self);
        moves(OPENS, new.1, self);
    }

    fn said(&self, message: MessageId) -> Option<Said> {
        self.row(&message_key(message))
    }

    fn talk(&self, conversation: ConversationId) -> Option<Conversation<Personal>> {
        self.row(&talk_key(conversation))
    }
}

/// Forgetting.
impl Draft<'_> {
    /// All that was written with a contact is gone.
    pub(super) fn erase_messages(&mut self, contact: ContactId) {
        for key in self.keys(&talks_of(contact)) {
            if let Some(conversation) = second_number(&key).map(ConversationId) {
                self.prune_talk(conversation, None);
            }
        }
    }

    /// What was written with a contact before a time is gone.
    pub(super) fn prune_messages(&mut self, contact: ContactId, before: UnixTime) {
        for key in self.keys(&talks_of(contact)) {
            if let Some(conversation) = second_number(&key).map(ConversationId) {
                self.prune_talk(conversation, Some(before));
            }
        }
    }

    /// Messages of a conversation from before a time are gone, or all of them; with the last of them the conversation.
    fn prune_talk(&mut self, conversation: ConversationId, before: Option<UnixTime>) {
        let mut kept = false;
        for key in self.keys(&said_in(conversation)) {
            let message = self.row::<MessageId>(&key);
            let said = message.and_then(|message| self.said(message));
            match said {
                Some(said) if before.is_some_and(|before| said.message.at >= before) => kept = true,
                Some(said) => {
                    self.delete(&key);
                    self.forget_message(&said.message);
                }
                None => self.delete(&key),
            }
        }
        if !kept && let Some(talk) = self.talk(conversation) {
            self.delete(&recent_key(RECENTS, talk.last, talk.id));
            self.delete(&recent_key(OPENS, talk.last, talk.id));
            self.delete(&pair_key(TALK_OF, talk.contact.0, talk.id.0));
            self.delete(&talk_key(talk.id));
        }
    }

    fn forget_message(&mut self, message: &Message<Personal>) {
        let channel = &message.way.channel;
        for reference in message.out.iter().flat_map(|out| &out.references) {
            self.delete(&reference_key(channel, reference));
        }
        if let Some(thread) = &message.way.thread {
            self.delete(&thread_key(channel, thread));
        }
        for content in contents(message).collect::<BTreeSet<_>>() {
            self.delete(&content_key(content, message.id));
            self.note_orphan(content);
        }
        let stands = standing_key(message.state, message.since, message.id);
        stands.into_iter().for_each(|key| self.delete(&key));
        self.delete(&message_key(message.id));
    }

    fn note_orphan(&mut self, content: Content) {
        if self.keys(&messages_with(content)).is_empty() {
            self.put(orphan_key(content), &());
        }
    }
}

/// A conversation's row, read. Nothing if it is damaged.
pub fn talk(row: &[u8]) -> Option<Conversation<Personal>> {
    read(row)
}

/// A message's row, read. Nothing if it is damaged.
pub fn said(row: &[u8]) -> Option<Said> {
    read(row)
}
