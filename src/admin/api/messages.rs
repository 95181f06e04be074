//! Conversations and messages as the API shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::api::Operation;
use crate::admin::api::people::Named;
use crate::context::Way as Direction;
use crate::id::{
    ActorId, AgentId, CallId, ChannelId, ContactId, ConversationId, FlowId, ItemId, MessageId,
    QueueId,
};
use crate::messaging::contract::Fault;
use crate::messaging::{Conversation, Kind, Message, Owner, Piece, State, Stop, Turn, Way, Why};
use crate::store::messages::looking::{After, PREVIEW, Page, Talk};
use crate::time::{UnixTime, rfc3339};

/// By which way somebody writes and is written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WayLine {
    /// The channel, as the configuration names it.
    pub channel: ChannelId,
    /// How it counts in queues and reports: `chat`, `message` or `mail`.
    pub counts_as: String,
    /// What the address is.
    pub kind: Kind,
    /// The address.
    pub address: String,
}

impl From<Way<String>> for WayLine {
    fn from(way: Way<String>) -> WayLine {
        let Way { channel, work, kind, peer: address, thread: _, own: _ } = way;
        WayLine { channel, counts_as: work.name().to_owned(), kind, address }
    }
}

/// Who answers in a conversation: a flow, a queue, an agent; nobody when all are absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct OwnerLine {
    /// This flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub flow: Option<FlowId>,
    /// Whoever of this queue gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub queue: Option<QueueId>,
    /// This agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub agent: Option<AgentId>,
    /// As this piece of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub item: Option<ItemId>,
}

impl From<Owner> for OwnerLine {
    fn from(owner: Owner) -> OwnerLine {
        match owner {
            Owner::Nobody => OwnerLine::default(),
            Owner::Flow { flow, .. } => OwnerLine { flow: Some(flow), ..OwnerLine::default() },
            Owner::Queue { queue, item } => {
                OwnerLine { queue: Some(queue), item: Some(item), ..OwnerLine::default() }
            }
            Owner::Agent { agent, item } => {
                OwnerLine { agent: Some(agent), item, ..OwnerLine::default() }
            }
        }
    }
}

/// Somebody else answers in a conversation from a moment on, or nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TurnLine {
    /// From when on.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// Who.
    pub owner: OwnerLine,
    /// Who says so, where somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<ActorId>,
    /// It was over then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

impl From<Turn> for TurnLine {
    fn from(Turn { at, owner, by, closed }: Turn) -> TurnLine {
        TurnLine { at, owner: owner.into(), by, closed }
    }
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConversationLine {
    /// Which.
    pub conversation: ConversationId,
    /// With whom.
    pub person: Named,
    /// Who answers.
    pub owner: OwnerLine,
    /// Where an answer goes: by which way the person wrote last.
    pub way: WayLine,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subject: Option<String>,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub opened: UnixTime,
    /// When something was last written in it.
    #[serde(with = "rfc3339")]
    pub last: UnixTime,
    /// When the person last wrote.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_in: Option<UnixTime>,
    /// Messages in it.
    pub messages: u32,
    /// Messages of the person that nobody has read.
    pub unread: u32,
    /// Calls in which it went on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallId>,
    /// Who answered from when on, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<TurnLine>,
    /// What whoever handed it over had to say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<String>,
    /// Since when it is over.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub closed: Option<UnixTime>,
    /// The beginning of what was written last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub preview: Option<String>,
}

impl ConversationLine {
    fn new(talk: Conversation<String>, person: Named, preview: Option<String>) -> Self {
        ConversationLine {
            conversation: talk.id,
            person,
            owner: talk.owner.into(),
            way: talk.way.into(),
            subject: talk.subject,
            opened: talk.opened,
            last: talk.last,
            last_in: talk.last_in,
            messages: talk.messages,
            unread: talk.unread,
            calls: talk.calls,
            turns: talk.turns.into_iter().map(TurnLine::from).collect(),
            note: talk.note,
            closed: talk.closed.map(|(at, _)| at),
            preview,
        }
    }
}

impl From<Talk> for ConversationLine {
    fn from(talk: Talk) -> Self {
        let Talk { conversation, person, preview } = talk;
        let person = Named { contact: person.contact, name: person.name };
        ConversationLine::new(conversation, person, preview)
    }
}

impl From<&Page> for ConversationLine {
    fn from(page: &Page) -> Self {
        let person = Named { contact: page.person.contact, name: page.person.name.clone() };
        let words = page.messages.iter().flat_map(|message| &message.pieces);
        let preview = words.into_iter().find_map(|piece| match piece {
            Piece::Text { text } | Piece::Choice { label: text, .. } => {
                Some(text.chars().take(PREVIEW).collect())
            }
            _ => None,
        });
        ConversationLine::new(page.conversation.clone(), person, preview)
    }
}

/// Conversations of a list, and where it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationLines {
    /// They.
    pub items: Vec<ConversationLine>,
    /// Behind this one; nothing at the end.
    pub next: Option<After>,
}

/// A conversation and a page of its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationPage {
    /// It.
    pub conversation: ConversationLine,
    /// The newest first.
    pub messages: Vec<MessageLine>,
    /// There are more behind the last of these.
    pub more: bool,
}

impl From<Page> for ConversationPage {
    fn from(page: Page) -> ConversationPage {
        let conversation = ConversationLine::from(&page);
        let messages = page.messages.into_iter().map(MessageLine::from).collect();
        ConversationPage { conversation, messages, more: page.more }
    }
}

/// One part of a message. What it is says `piece`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct PieceLine {
    /// `text`, `media`, `missing`, `location`, `choice`, `reaction` or `template`.
    pub piece: String,
    /// Words; the label of a choice, the sign of a reaction, the values of a template one to a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
    /// The name of a file, of a place, of a template, or of a choice in its flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// The SHA-256 of a file's bytes in hexadecimal: what it is fetched by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub content: Option<String>,
    /// The MIME type of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mime: Option<String>,
    /// Bytes of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub size: Option<u64>,
    /// Latitude and longitude of a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub at: Option<String>,
}

impl From<Piece<String>> for PieceLine {
    fn from(piece: Piece<String>) -> PieceLine {
        let one = |name: &str| PieceLine { piece: name.to_owned(), ..PieceLine::default() };
        match piece {
            Piece::Text { text } => PieceLine { text: Some(text), ..one("text") },
            Piece::Media { media } => PieceLine {
                name: media.name,
                content: Some(media.content.to_string()),
                mime: Some(media.mime),
                size: Some(media.size),
                ..one("media")
            },
            Piece::Missing { name, mime } => PieceLine { name, mime, ..one("missing") },
            Piece::Location { at, name } => PieceLine { at: Some(at), name, ..one("location") },
            Piece::Choice { id, label } => {
                PieceLine { name: Some(id), text: Some(label), ..one("choice") }
            }
            Piece::Reaction { sign, .. } => PieceLine { text: sign, ..one("reaction") },
            Piece::Template { name, values, .. } => {
                PieceLine { name: Some(name), text: Some(values.join("\n")), ..one("template") }
            }
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageLine {
    /// Which.
    pub message: MessageId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// Whether it came from the person or went to them.
    pub direction: Direction,
    /// When it came to the branch, or was wanted sent.
    #[serde(with = "rfc3339")]
    pub at: UnixTime,
    /// By which way.
    pub way: WayLine,
    /// What.
    pub pieces: Vec<PieceLine>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subject: Option<String>,
    /// Which message it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub answers: Option<MessageId>,
    /// A machine wrote it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
    /// Whether its sender is who it says, as the site's mail server has found (SPF, DKIM, DMARC); absent: nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub proved: Option<bool>,
    /// How it stands.
    pub state: State,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: UnixTime,
    /// Whose doing it is that it did not arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub fault: Option<Fault>,
    /// What the other side calls that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub code: Option<String>,
    /// Why the branch itself does not send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub stopped: Option<Stop>,
    /// Who wanted it sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<ActorId>,
    /// What it is for, in the words of consents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub purpose: Option<String>,
    /// Before this it is not sent.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub not_before: Option<UnixTime>,
    /// After this it is of no use.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until: Option<UnixTime>,
}

impl From<Message<String>> for MessageLine {
    fn from(message: Message<String>) -> MessageLine {
        let out = message.out.as_ref();
        let (fault, code, stopped) = match message.why {
            Some(Why::Failure(failure)) => {
                (Some(failure.fault), Some(failure.code).filter(|code| !code.is_empty()), None)
            }
            Some(Why::Stop(stop)) => (None, None, Some(stop)),
            None => (None, None, None),
        };
        MessageLine {
            message: message.id,
            conversation: message.conversation,
            contact: message.contact,
            direction: if out.is_some() { Direction::Out } else { Direction::In },
            at: message.at,
            by: out.map(|out| out.by.clone()),
            purpose: out.map(|out| out.purpose.clone()),
            not_before: out.and_then(|out| out.not_before),
            until: out.map(|out| out.until),
            way: message.way.into(),
            pieces: message.pieces.into_iter().map(PieceLine::from).collect(),
            subject: message.subject,
            answers: message.answers,
            proved: message.proved,
            automatic: message.automatic,
            state: message.state,
            since: message.since,
            fault,
            code,
            stopped,
        }
    }
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// By which channel of the configuration.
    #[schema(min_length = 1, max_length = 64)]
    pub channel: String,
    /// To whom: a number, a mail or SIP address, or what a service calls a person.
    #[schema(min_length = 1, max_length = 256)]
    pub to: String,
    /// What it says; absent where a template does.
    #[serde(default)]
    #[schema(max_length = 4096)]
    pub text: String,
    /// A template in place of words, for services that let nothing else through at this time.
    #[serde(default)]
    pub template: Option<FilledTemplate>,
    /// What it is for: a `code` that somebody waits for goes ahead and at any hour, anything else keeps to consents of that
    /// purpose and to quiet hours. `service` when absent.
    #[serde(default = "service")]
    #[schema(min_length = 1, max_length = 32)]
    pub purpose: String,
    /// After this it is of no use: three days when absent.
    #[serde(default, with = "rfc3339::option")]
    pub until: Option<UnixTime>,
}

fn service() -> String {
    "service".to_owned()
}

/// A text that may be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// By which channel of the configuration.
    #[schema(min_length = 1, max_length = 64)]
    pub channel: String,
    /// What it says so far.
    #[schema(max_length = 65536)]
    pub text: String,
}

/// What a text would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartsLine {
    /// In how many parts it goes: each costs as much as a message.
    pub parts: usize,
    /// How many more units fit into the last one: septets, octets, or halves of UCS-2.
    pub units_left: usize,
    /// What it is written in: `gsm7`, `gsm7_national`, `ucs2`; `latin1`, `ascii` or `utf8` where a carrier means that by its
    /// default; `characters` where the channel has no parts.
    pub encoding: String,
    /// The first character for which `ucs2` is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub forced_by: Option<Forcing>,
    /// Most parts that the channel sends; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub max_parts: Option<u8>,
}

/// A character that the alphabets of text messages lack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Forcing {
    /// Which character of the text, from 0.
    pub at: usize,
    /// It.
    pub character: String,
}

/// A message that is to go out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeMessage {
    /// Which.
    pub message: MessageId,
    /// In which conversation.
    pub conversation: ConversationId,
}

/// The code with which a person goes on by telephone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhoneCode {
    /// What they key in when they are asked: six digits.
    pub code: String,
    /// What they call.
    pub number: String,
    /// It is good once, before this.
    #[serde(with = "rfc3339")]
    pub until: UnixTime,
}

/// A template of a provider, filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilledTemplate {
    /// What the provider calls it.
    #[schema(min_length = 1, max_length = 512)]
    pub name: String,
    /// In which language, as the provider names it.
    #[schema(min_length = 1, max_length = 16)]
    pub language: String,
    /// What its places say, in order.
    #[serde(default)]
    pub values: Vec<String>,
}

/// A file that is on the box already, as a message names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeptFile {
    /// The SHA-256 of its bytes in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub content: String,
    /// Its MIME type.
    #[schema(min_length = 1, max_length = 128)]
    pub mime: String,
    /// What it is called.
    #[serde(default)]
    #[schema(max_length = 255)]
    pub name: Option<String>,
    /// Bytes.
    pub size: u64,
}

/// What is written in a conversation: words, a template, files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewReply {
    /// Words.
    #[schema(min_length = 1, max_length = 4096)]
    pub text: Option<String>,
    /// A template in place of words, for services that let nothing else through at this time.
    pub template: Option<FilledTemplate>,
    /// Files.
    #[schema(max_items = 10)]
    pub files: Vec<KeptFile>,
    /// By this channel; by the way the person used last when absent.
    #[schema(max_length = 64)]
    pub channel: Option<String>,
    /// The message that it answers, which the channel shows with it where it can; what the person wrote last when absent.
    pub answers: Option<MessageId>,
}

/// Where a conversation goes back to: a queue, or a flow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Release {
    /// This queue; the one it came from when absent.
    #[schema(max_length = 64)]
    pub queue: Option<String>,
    /// Or this flow, which answers from its beginning on.
    #[schema(max_length = 64)]
    pub flow: Option<String>,
}

/// Who goes on with a conversation: an agent, or whoever of a queue gets it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HandOver {
    /// This agent.
    #[schema(max_length = 64)]
    pub agent: Option<String>,
    /// This queue.
    #[schema(max_length = 64)]
    pub queue: Option<String>,
    /// What they should know.
    #[schema(max_length = 2000)]
    pub note: Option<String>,
}

/// How a conversation came out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ending {
    /// The site's code.
    #[schema(max_length = 64)]
    pub code: Option<String>,
    /// What the code requires, and more.
    pub fields: BTreeMap<String, String>,
}

/// Whether somebody writes at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Typing {
    /// Whether.
    pub on: bool,
}

/// Up to where somebody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Up to this message.
    pub upto: MessageId,
}

/// What is done in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Something is written.
    Reply {
        /// What.
        reply: Box<NewReply>,
        /// The key by which the same wish is known.
        once: Option<String>,
    },
    /// An agent has it from now on.
    Claim {
        /// Which, where that is said.
        agent: Option<AgentId>,
    },
    /// It goes back into a queue.
    Release {
        /// Which; its own when nothing.
        queue: Option<QueueId>,
        /// Or to this flow.
        #[serde(default)]
        flow: Option<FlowId>,
    },
    /// It goes to somebody else.
    HandOver {
        /// To this agent.
        agent: Option<AgentId>,
        /// Or to this queue.
        queue: Option<QueueId>,
        /// With this note.
        note: Option<String>,
    },
    /// It is over.
    Close {
        /// The site's code.
        code: Option<String>,
        /// What the code requires, and more.
        fields: BTreeMap<String, String>,
    },
    /// The person is to go on by telephone: there is to be a code.
    Phone,
    /// The person is to go on by voice where they write: their page shows that.
    Invite,
    /// Somebody writes, or no more.
    Typing {
        /// Whether.
        on: bool,
    },
    /// Somebody has read.
    Seen {
        /// Up to this message.
        upto: MessageId,
    },
}

impl Doing {
    /// What the journal calls it; nothing for what it says in its own way, or not at all.
    pub fn operation(&self) -> Option<Operation> {
        Some(match self {
            Doing::Reply { .. } => Operation::Reply,
            Doing::Claim { .. } => Operation::Claim,
            Doing::Release { .. } => Operation::Release,
            Doing::HandOver { .. } => Operation::HandOver,
            Doing::Close { .. } => Operation::CloseTalk,
            Doing::Phone => Operation::PhoneCode,
            Doing::Invite => Operation::InviteToCall,
            Doing::Typing { .. } | Doing::Seen { .. } => return None,
        })
    }
}
