//! A message and a conversation as they stand by now: what the entries about them add up to.
//!
//! Whoever keeps them (the ledger while something is to be done, the store for good) applies entries in the journal's order
//! and has the same.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::contract::{Failure, Refusal, Status};
use super::entry::{Entry, Fingerprint, Owner, Stop, Way, What};
use super::piece::Piece;
use crate::id::{ActorId, AgentId, CallId, ContactId, ConversationId, MessageId};
use crate::time::UnixTime;

/// Calls that a conversation names: more is a matter for the timeline.
const MOST_CALLS: usize = 32;

/// Turns that a conversation names: a day of a lively one.
const MOST_TURNS: usize = 48;

/// How a message stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It came in.
    Received,
    /// It is to go out.
    Queued,
    /// It was given to its channel.
    Sending,
    /// The other side has it.
    Sent,
    /// It is where it should be.
    Delivered,
    /// It was read.
    Read,
    /// It will not arrive.
    Failed,
    /// Nobody knows whether it was sent.
    Unknown,
    /// The branch itself does not send it.
    Stopped,
}

impl State {
    /// Whether something told of it leads on. A status never goes back, and a failure ends; one that was unknown is settled
    /// by whatever is told of it.
    pub fn leads_to(self, status: &Status) -> bool {
        let to = match status {
            Status::Sent => State::Sent,
            Status::Delivered => State::Delivered,
            Status::Read => State::Read,
            Status::Failed(_) => {
                return matches!(
                    self,
                    State::Queued | State::Sending | State::Sent | State::Unknown
                );
            }
        };
        match self {
            State::Queued | State::Sending | State::Unknown => true,
            State::Sent | State::Delivered => self < to,
            State::Received | State::Read | State::Failed | State::Stopped => false,
        }
    }

    /// Whether nothing becomes of it any more unless somebody wants it sent again.
    pub fn is_final(self) -> bool {
        matches!(self, State::Received | State::Read | State::Failed | State::Stopped)
    }

    /// Whether somebody may want it sent again.
    pub fn may_be_replayed(self) -> bool {
        matches!(self, State::Failed | State::Unknown | State::Stopped)
    }
}

impl From<&Status> for State {
    fn from(status: &Status) -> State {
        match status {
            Status::Sent => State::Sent,
            Status::Delivered => State::Delivered,
            Status::Read => State::Read,
            Status::Failed(_) => State::Failed,
        }
    }
}

/// Why a message did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The other side says so.
    Failure(Failure),
    /// The branch has its own reason.
    Stop(Stop),
}

/// What only a message that goes out has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Out {
    /// Who wants it sent.
    pub by: ActorId,
    /// What it is for.
    pub purpose: String,
    /// It answers what the person wrote last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reply: bool,
    /// After this it is of no use.
    pub until: UnixTime,
    /// Before this it is not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<UnixTime>,
    /// Tries so far.
    #[serde(default)]
    pub attempts: u8,
    /// What the other side calls it: one for each part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// Instead of which message that did not arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<MessageId>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message<P> {
    /// Which.
    pub id: MessageId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// When it came to the branch, or was wanted sent.
    pub at: UnixTime,
    /// By which way.
    pub way: Way<P>,
    /// What.
    pub pieces: Vec<Piece<P>>,
    /// What it is about.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub subject: Option<P>,
    /// Which message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<MessageId>,
    /// When, by the other side's clock, where it came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<UnixTime>,
    /// Of what the channel calls it, where it came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Fingerprint>,
    /// It refuses messages, or allows them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// A machine wrote it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
    /// What its channel calls it, where it came in.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub name: Option<P>,
    /// Whether its sender is who it says; nothing: nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved: Option<bool>,
    /// What only one that goes out has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<Out>,
    /// How it stands.
    pub state: State,
    /// Since when.
    pub since: UnixTime,
    /// Why it did not arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

impl<P: Clone> Message<P> {
    /// The message that an entry begins; nothing if it begins none.
    pub fn begun(entry: &Entry<P>) -> Option<Message<P>> {
        let Entry { at, conversation, contact, what } = entry.clone();
        let (id, way, pieces, subject, answers) = match what {
            What::Arrived { message, way, pieces, subject, answers, .. }
            | What::Queued { message, way, pieces, subject, answers, .. } => {
                (message, way, pieces, subject, answers)
            }
            _ => return None,
        };
        let mut begun = Message {
            id,
            conversation,
            contact,
            at,
            way,
            pieces,
            subject,
            answers,
            sent: None,
            key: None,
            refusal: None,
            automatic: false,
            name: None,
            proved: None,
            out: None,
            state: State::Received,
            since: at,
            why: None,
        };
        match entry.what.clone() {
            What::Arrived { key, sent, refusal, automatic, name, proved, .. } => {
                (begun.key, begun.sent) = (Some(key), sent);
                (begun.refusal, begun.automatic) = (refusal, automatic);
                (begun.name, begun.proved) = (name, proved);
            }
            What::Queued { by, purpose, reply, until, not_before, instead_of, .. } => {
                let (attempts, references) = (0, Vec::new());
                begun.state = State::Queued;
                begun.out = Some(Out {
                    by,
                    purpose,
                    reply,
                    until,
                    not_before,
                    attempts,
                    references,
                    instead_of,
                });
            }
            _ => {}
        }
        Some(begun)
    }
}

impl<P> Message<P> {
    /// Takes up what an entry says of it.
    pub fn apply<Q>(&mut self, entry: &Entry<Q>) {
        let Some(out) = &mut self.out else { return };
        match &entry.what {
            What::Attempt { attempt, .. } => {
                out.attempts = *attempt;
                self.stands(State::Sending, entry.at);
            }
            What::Accepted { references, .. } => {
                out.references.clone_from(references);
                if self.state.leads_to(&Status::Sent) {
                    self.stands(State::Sent, entry.at);
                }
            }
            What::Retry { again, .. } => {
                out.not_before = Some(*again);
                self.stands(State::Queued, entry.at);
            }
            What::Became { status, .. } if self.state.leads_to(status) => {
                self.stands(State::from(status), entry.at);
                if let Status::Failed(failure) = status {
                    self.why = Some(Why::Failure(failure.clone()));
                }
            }
            What::Unknown { .. } => self.stands(State::Unknown, entry.at),
            What::Stopped { why, .. } => {
                self.stands(State::Stopped, entry.at);
                self.why = Some(Why::Stop(*why));
            }
            What::Replayed { .. } => {
                (out.attempts, out.not_before) = (0, None);
                out.references.clear();
                self.stands(State::Queued, entry.at);
            }
            _ => {}
        }
    }

    fn stands(&mut self, state: State, at: UnixTime) {
        (self.state, self.since, self.why) = (state, at, None);
    }

    /// The same with its texts turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(P) -> Q) -> Message<Q> {
        Message {
            id: self.id,
            conversation: self.conversation,
            contact: self.contact,
            at: self.at,
            way: self.way.map(to),
            pieces: self.pieces.into_iter().map(|piece| piece.map(to)).collect(),
            subject: self.subject.map(&mut *to),
            answers: self.answers,
            sent: self.sent,
            key: self.key,
            refusal: self.refusal,
            automatic: self.automatic,
            name: self.name.map(to),
            proved: self.proved,
            out: self.out,
            state: self.state,
            since: self.since,
            why: self.why,
        }
    }
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation<P> {
    /// Which.
    pub id: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// Since when.
    pub opened: UnixTime,
    /// When something was last written in it.
    pub last: UnixTime,
    /// When the person last wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_in: Option<UnixTime>,
    /// What the person wrote last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<MessageId>,
    /// By which way the person wrote last, else was written to: where an answer goes.
    pub way: Way<P>,
    /// What it is about.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub subject: Option<P>,
    /// Who answers.
    #[serde(default)]
    pub owner: Owner,
    /// What whoever handed it over had to say about it.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub note: Option<P>,
    /// Messages in it.
    pub messages: u32,
    /// Messages of the person since somebody of the branch last read or wrote.
    pub unread: u32,
    /// Who read last, and up to which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<(AgentId, MessageId)>,
    /// Calls in which it went on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallId>,
    /// Who answered from when on, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// Since when it is over, and who says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<(UnixTime, ActorId)>,
}

/// Somebody else answers from a moment on, or nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// From when on.
    pub at: UnixTime,
    /// Who.
    pub owner: Owner,
    /// Who says so, where somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<ActorId>,
    /// It was over then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

impl Turn {
    /// Whether it says the same as another one. Where somebody stands in a flow is nobody's business.
    fn is_like(&self, other: &Turn) -> bool {
        let same = match (&self.owner, &other.owner) {
            (Owner::Flow { flow, .. }, Owner::Flow { flow: other, .. }) => flow == other,
            (Owner::Agent { agent, .. }, Owner::Agent { agent: other, .. }) => agent == other,
            (Owner::Queue { queue, .. }, Owner::Queue { queue: other, .. }) => queue == other,
            (Owner::Nobody, Owner::Nobody) => true,
            _ => false,
        };
        same && self.closed == other.closed
    }
}

impl<P: Clone> Conversation<P> {
    /// The conversation that a message opens.
    pub fn begun(message: &Message<P>) -> Conversation<P> {
        let mut begun = Conversation {
            id: message.conversation,
            contact: message.contact,
            opened: message.at,
            last: message.at,
            last_in: None,
            heard: None,
            way: message.way.clone(),
            subject: message.subject.clone(),
            owner: Owner::Nobody,
            note: None,
            messages: 0,
            unread: 0,
            seen: None,
            calls: Vec::new(),
            turns: Vec::new(),
            closed: None,
        };
        begun.add(message);
        begun
    }

    /// One more message; one of the person opens it again.
    pub fn add(&mut self, message: &Message<P>) {
        self.messages = self.messages.saturating_add(1);
        self.last = self.last.max(message.at);
        if self.subject.is_none() {
            self.subject.clone_from(&message.subject);
        }
        if message.out.is_some() {
            // A flow that writes has read nothing.
            if !matches!(self.owner, Owner::Flow { .. }) {
                self.unread = 0;
            }
            return;
        }
        self.unread = self.unread.saturating_add(1);
        self.last_in = Some(message.at);
        self.heard = Some(message.id);
        self.way = message.way.clone();
        self.closed = None;
    }
}

impl<P: Clone> Conversation<P> {
    /// Takes up what an entry says of it besides messages.
    pub fn apply(&mut self, entry: &Entry<P>) {
        match &entry.what {
            What::Owner { owner, note, by } => {
                self.turns_to(entry.at, owner, by.clone(), false);
                self.owner = owner.clone();
                // Who goes on with it sees what was said of it until it goes elsewhere.
                if note.is_some() || matches!(owner, Owner::Nobody | Owner::Flow { .. }) {
                    self.note.clone_from(note);
                }
                self.closed = None;
            }
            What::Seen { by, upto } => {
                self.seen = Some((by.clone(), *upto));
                self.unread = 0;
            }
            What::Call { call } if !self.calls.contains(call) => {
                self.calls.push(*call);
                let more = self.calls.len().saturating_sub(MOST_CALLS);
                self.calls.drain(..more);
            }
            What::Closed { by } => {
                self.turns_to(entry.at, &Owner::Nobody, Some(by.clone()), true);
                (self.owner, self.note) = (Owner::Nobody, None);
                self.unread = 0;
                self.closed = Some((entry.at, by.clone()));
            }
            _ => {}
        }
    }
}

impl<P> Conversation<P> {
    fn turns_to(&mut self, at: UnixTime, owner: &Owner, by: Option<ActorId>, closed: bool) {
        let turn = Turn { at, owner: owner.clone(), by, closed };
        if self.turns.last().is_some_and(|last| last.is_like(&turn)) {
            return;
        }
        self.turns.push(turn);
        let more = self.turns.len().saturating_sub(MOST_TURNS);
        self.turns.drain(..more);
    }

    /// The same with its texts turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(P) -> Q) -> Conversation<Q> {
        Conversation {
            id: self.id,
            contact: self.contact,
            opened: self.opened,
            last: self.last,
            last_in: self.last_in,
            heard: self.heard,
            way: self.way.map(to),
            subject: self.subject.map(&mut *to),
            owner: self.owner,
            note: self.note.map(to),
            messages: self.messages,
            unread: self.unread,
            seen: self.seen,
            calls: self.calls,
            turns: self.turns,
            closed: self.closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Channel;
    use crate::messaging::contract::Fault;
    use crate::messaging::{Address, Kind};

    fn way() -> Way<String> {
        let Address { kind, value: peer } = Address::new(Kind::Phone, "+15550123");
        Way { channel: "sim".into(), work: Channel::Message, kind, peer, thread: None, own: None }
    }

    fn entry(at: i64, what: What<String>) -> Entry<String> {
        let (conversation, contact) = (ConversationId(1), ContactId(2));
        Entry { at: UnixTime(at), conversation, contact, what }
    }

    fn arrived(at: i64, message: u64) -> Message<String> {
        let what = What::Arrived {
            message: MessageId(message),
            way: way(),
            key: Fingerprint([1; 16]),
            sent: None,
            pieces: vec![Piece::text("hello")],
            subject: None,
            answers: None,
            refusal: None,
            automatic: false,
            name: None,
            proved: None,
            given: None,
        };
        Message::begun(&entry(at, what)).unwrap()
    }

    fn queued() -> Message<String> {
        let what = What::Queued {
            message: MessageId(9),
            way: way(),
            pieces: vec![Piece::text("hello back")],
            subject: None,
            answers: None,
            by: "ann".into(),
            purpose: "service".to_owned(),
            reply: true,
            until: UnixTime(1_000),
            not_before: None,
            once: None,
            instead_of: None,
            asker: None,
        };
        Message::begun(&entry(5, what)).unwrap()
    }

    fn became(status: Status) -> Entry<String> {
        entry(7, What::Became { message: MessageId(9), status })
    }

    #[test]
    fn a_status_only_goes_forward_and_a_failure_ends() {
        let failed = || Status::Failed(Failure { fault: Fault::Address, code: "21211".to_owned() });
        let mut message = queued();
        message.apply(&entry(6, What::Attempt { message: MessageId(9), attempt: 1 }));
        assert_eq!(message.state, State::Sending);
        message.apply(&became(Status::Delivered));
        // The answer to our request came after the report: it takes nothing back.
        let references = vec!["SM1".to_owned()];
        message.apply(&entry(7, What::Accepted { message: MessageId(9), references }));
        assert_eq!(message.state, State::Delivered);
        for late in [Status::Sent, Status::Delivered, failed()] {
            message.apply(&became(late));
            assert_eq!(message.state, State::Delivered);
        }
        message.apply(&became(Status::Read));
        assert_eq!(message.state, State::Read);
        let mut other = queued();
        other.apply(&became(failed()));
        other.apply(&became(Status::Delivered));
        assert_eq!(other.state, State::Failed);
        assert!(matches!(other.why, Some(Why::Failure(Failure { fault: Fault::Address, .. }))));
    }

    #[test]
    fn what_is_unknown_is_settled_by_a_report_or_sent_again_at_somebodys_word() {
        let mut message = queued();
        message.apply(&entry(6, What::Unknown { message: MessageId(9) }));
        assert!(message.state.may_be_replayed() && !message.state.is_final());
        let mut other = message.clone();
        other.apply(&became(Status::Sent));
        assert_eq!(other.state, State::Sent);
        message.apply(&entry(8, What::Replayed { message: MessageId(9), by: "ann".into() }));
        let out = message.out.unwrap();
        assert_eq!((message.state, out.attempts), (State::Queued, 0));
    }

    #[test]
    fn a_conversation_counts_what_is_unread_and_opens_again_when_the_person_writes() {
        let mut talk = Conversation::begun(&arrived(1, 1));
        talk.add(&arrived(2, 2));
        assert_eq!((talk.messages, talk.unread, talk.last), (2, 2, UnixTime(2)));
        talk.apply(&entry(3, What::Seen { by: "ann".into(), upto: MessageId(2) }));
        assert_eq!(talk.unread, 0);
        talk.add(&queued());
        talk.apply(&entry(6, What::Closed { by: "ann".into() }));
        assert!(talk.closed.is_some());
        talk.add(&arrived(7, 3));
        assert_eq!((talk.closed, talk.unread, talk.messages), (None, 1, 4));
    }
}
