//! The flow language: what an admin writes for an IVR, with the place of everything that can be wrong.
//!
//! A flow has nodes of fourteen kinds, each in a table of its kind: `[menu.NAME]`, `[say.NAME]` and so on. Where one leads to
//! another, a target stands: the name of a node, or `queue:NAME`, `callback:NAME`, `extension:NUMBER`, `group:NAME`,
//! `voicemail:NUMBER`, `number:NUMBER`, `flow:NAME`, `echo` or `hang-up` outright. Nothing here decides whether that makes sense; [`super::check`] does.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::id::SkillId;

/// A text with its place in the file.
pub type Text = Spanned<String>;

/// Seconds that are waited for a key where nothing is written.
pub(super) const WAIT: u16 = 5;
/// How often it is asked again where nothing is written.
pub(super) const RETRIES: u16 = 2;

/// Nodes of one kind, by name.
pub type Nodes<T> = BTreeMap<Text, T>;

/// One flow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The node it begins with.
    pub start: Text,
    /// Nodes that ask for one key.
    #[serde(default)]
    pub menu: Nodes<Menu>,
    /// Nodes that say something.
    #[serde(default)]
    pub say: Nodes<Say>,
    /// Nodes that ask for several keys.
    #[serde(default)]
    pub collect: Nodes<Collect>,
    /// Nodes that join the caller to a conversation.
    #[serde(default)]
    pub conversation_code: Nodes<ConversationCode>,
    /// Nodes that answer in writing from what the branch knows.
    #[serde(default)]
    pub knowledge: Nodes<Knowledge>,
    /// Nodes that take a message.
    #[serde(default)]
    pub record: Nodes<Record>,
    /// Nodes that look at a calendar.
    #[serde(default)]
    pub hours: Nodes<Hours>,
    /// Nodes that send the caller to a queue.
    #[serde(default)]
    pub queue: Nodes<Queue>,
    /// Nodes that promise to call the caller back.
    #[serde(default)]
    pub callback: Nodes<Callback>,
    /// Nodes that ring a desk phone.
    #[serde(default)]
    pub extension: Nodes<Extension>,
    /// Nodes that call a number outside.
    #[serde(default)]
    pub number: Nodes<Number>,
    /// Nodes that lead to another flow or node.
    #[serde(default)]
    pub goto: Nodes<Goto>,
    /// Nodes where a program outside takes the caller over.
    #[serde(default)]
    pub program: Nodes<Program>,
    /// Nodes that say a last word and hang up.
    #[serde(default)]
    pub hang_up: Nodes<HangUp>,
}

/// `[menu.NAME]`: asks for one key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// What is said.
    pub prompt: Prompt,
    /// The same in writing, for channels that this flow answers.
    #[serde(default)]
    pub text: Option<String>,
    /// What each key stands for, in writing.
    #[serde(default)]
    pub labels: BTreeMap<Text, String>,
    /// Where each key (`0` to `9`, `*`, `#`) leads. `repeat` says the menu again.
    pub choices: BTreeMap<Text, Text>,
    /// Seconds of silence, after the prompt, before it is said again; 1 to 60, default 5.
    #[serde(default = "wait")]
    pub wait: Spanned<u16>,
    /// How often it is said again; 0 to 10, default 2.
    #[serde(default = "retries")]
    pub retries: Spanned<u16>,
    /// Said after a key that leads nowhere. Default `invalid-choice`.
    #[serde(default = "invalid")]
    pub invalid: Prompt,
    /// Said after silence. Default nothing.
    #[serde(default)]
    pub silence: Prompt,
    /// Where the caller goes after all retries. Default: `goodbye`, and hang up.
    #[serde(default)]
    pub otherwise: Option<Text>,
    /// Whether a key press cuts the prompt short. Default true.
    #[serde(default = "yes")]
    pub interruptible: bool,
    /// Whether keys that were pressed before it are forgotten. Default false.
    #[serde(default)]
    pub flush: bool,
}

/// `[say.NAME]`: says something and goes on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// What is said.
    pub prompt: Prompt,
    /// The same in writing.
    #[serde(default)]
    pub text: Option<String>,
    /// Where it goes on.
    pub next: Text,
    /// Whether a key press cuts it short; the key counts for the next node that asks for one. Default true.
    #[serde(default = "yes")]
    pub interruptible: bool,
}

/// `[collect.NAME]`: asks for several keys, such as a customer number.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collect {
    /// What is said.
    pub prompt: Prompt,
    /// The same in writing.
    #[serde(default)]
    pub text: Option<String>,
    /// What the keys are called; prompts can say them back.
    pub variable: Text,
    /// Fewest keys; 1 to 32, default 1.
    #[serde(default = "min")]
    pub min: Spanned<u16>,
    /// Most keys: the last of them ends the entry; 1 to 32, default 32.
    #[serde(default = "max")]
    pub max: Spanned<u16>,
    /// The key that ends the entry, `#` or `*`, or nothing. Default `#`.
    #[serde(default = "terminator")]
    pub terminator: Text,
    /// Seconds of silence, after the prompt, before it is said again; 1 to 60, default 5.
    #[serde(default = "wait")]
    pub wait: Spanned<u16>,
    /// Seconds between keys after which the entry is over; 1 to 30, default 3.
    #[serde(default = "key_wait")]
    pub key_wait: Spanned<u16>,
    /// How often it is asked again; 0 to 10, default 2.
    #[serde(default = "retries")]
    pub retries: Spanned<u16>,
    /// Said after too few keys. Default `invalid-entry`.
    #[serde(default = "invalid_entry")]
    pub invalid: Prompt,
    /// Whether the entry is said back, to be confirmed with 1 or corrected with 2. Default false.
    #[serde(default)]
    pub confirm: bool,
    /// Where it goes on.
    pub next: Text,
    /// Where the caller goes after all retries. Default: `goodbye`, and hang up.
    #[serde(default)]
    pub otherwise: Option<Text>,
}

/// `[conversation_code.NAME]`: asks for the code with which somebody goes on by telephone who has written before. Whoever keys
/// in a good one is the person of that conversation from then on, and is offered first to who answers there. In writing it
/// gives such a code, and whoever writes on comes to a person.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationCode {
    /// What is said. Default `conversation-code`.
    #[serde(default = "asks_code")]
    pub prompt: Prompt,
    /// What is written where this flow answers a channel; `{code}` and `{number}` are filled in.
    #[serde(default)]
    pub text: Option<String>,
    /// Seconds of silence, after the prompt, before it is said again; 1 to 60, default 5.
    #[serde(default = "wait")]
    pub wait: Spanned<u16>,
    /// Seconds between keys after which the entry is over; 1 to 30, default 3.
    #[serde(default = "key_wait")]
    pub key_wait: Spanned<u16>,
    /// How often it is asked again; 0 to 3, default 2: a code is to be known, not found.
    #[serde(default = "retries")]
    pub retries: Spanned<u16>,
    /// Said after a wrong code, or one whose time is over. Default `conversation-code-wrong`.
    #[serde(default = "wrong_code")]
    pub invalid: Prompt,
    /// Where it goes on with a good one: to a queue.
    pub next: Text,
    /// Where the caller goes after all retries, such as the ordinary menu. Default: `goodbye`, and hang up.
    #[serde(default)]
    pub otherwise: Option<Text>,
}

/// `[knowledge.NAME]`: asks in writing, and answers with the article that fits best. Callers are led on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knowledge {
    /// What is asked.
    #[serde(default)]
    pub text: Option<String>,
    /// Where it goes on behind an answer.
    pub next: Text,
    /// Where it goes on where nothing fits, and for callers: to a person. Default: `goodbye`, and hang up.
    #[serde(default)]
    pub otherwise: Option<Text>,
}

/// `[record.NAME]`: takes a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What is said before the tone. Default `leave-message`.
    #[serde(default = "leave_message")]
    pub prompt: Prompt,
    /// Longest message in seconds; 5 to 600, default 120.
    #[serde(default = "longest")]
    pub max: Spanned<u16>,
    /// Seconds of silence that end it; 0 (never) to 30, default 5.
    #[serde(default = "wait")]
    pub silence: Spanned<u16>,
    /// Where it goes on. Default: `message-saved`, and hang up.
    #[serde(default)]
    pub next: Option<Text>,
}

/// `[hours.NAME]`: by the clock.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Which calendar.
    pub calendar: Text,
    /// Where it goes on in opening hours.
    pub open: Text,
    /// And outside of them.
    pub closed: Text,
    /// And on holidays. Default: as when closed.
    #[serde(default)]
    pub holiday: Option<Text>,
}

/// `[queue.NAME]`: the caller waits for an agent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Which queue.
    pub queue: Text,
    /// Higher goes first; 0 to 1,000, default 0.
    #[serde(default = "nothing")]
    pub priority: Spanned<u16>,
    /// Least levels of skills that the caller needs; 1 to 10.
    #[serde(default)]
    pub skills: BTreeMap<SkillId, u8>,
    /// Where the caller goes when the queue gives up. Default: `unavailable`, and hang up.
    #[serde(default)]
    pub otherwise: Option<Text>,
}

/// `[callback.NAME]`: the caller is called back instead of waiting, at the number that calls or one that is keyed in. Either is
/// read out and has to be confirmed; neither may be one that nobody of the queue may call. Promised in a queue that has
/// `callback`; while that is closed, for its next opening time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// In which queue the promise waits.
    pub queue: Text,
    /// Higher goes first; 0 to 1,000, default 0.
    #[serde(default = "nothing")]
    pub priority: Spanned<u16>,
    /// Least levels of skills that the caller needs; 1 to 10.
    #[serde(default)]
    pub skills: BTreeMap<SkillId, u8>,
    /// What is said first. Default nothing.
    #[serde(default)]
    pub prompt: Prompt,
    /// Whether another number may be keyed in. Default false: strangers choose then whom the branch calls.
    #[serde(default)]
    pub keyed: bool,
    /// Whether that one may be in another country, where the dial plan lets agents call there. Default false.
    #[serde(default)]
    pub abroad: bool,
    /// Seconds of silence before it is asked again; 1 to 60, default 5.
    #[serde(default = "wait")]
    pub wait: Spanned<u16>,
    /// How often it is asked again; 0 to 10, default 2.
    #[serde(default = "retries")]
    pub retries: Spanned<u16>,
    /// Where the caller goes who cannot be called back, or does not want to. Default: `goodbye`, and hang up.
    #[serde(default)]
    pub otherwise: Option<Text>,
}

/// `[extension.NAME]`: rings a desk phone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Which extension.
    pub extension: Text,
    /// Where the caller goes when it is in use. Default: as `otherwise`.
    #[serde(default)]
    pub busy: Option<Text>,
    /// Where the caller goes when nobody answers. Default: as `otherwise`.
    #[serde(default)]
    pub no_answer: Option<Text>,
    /// Where the caller goes when it cannot be had. Default: `unavailable`, and hang up.
    #[serde(default)]
    pub otherwise: Option<Text>,
}

/// `[number.NAME]`: calls a number outside, by the rules of the dial plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The number, as a phone would dial it.
    pub number: Text,
    /// As for an extension.
    #[serde(default)]
    pub busy: Option<Text>,
    /// As for an extension.
    #[serde(default)]
    pub no_answer: Option<Text>,
    /// As for an extension.
    #[serde(default)]
    pub otherwise: Option<Text>,
}

/// `[goto.NAME]`: goes on elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goto {
    /// Where.
    pub to: Text,
}

/// `[program.NAME]`: a program outside takes the caller over: the live feed tells that the caller waits, and orders of the
/// API play, ask for keys, record, send the caller on or hang up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// What is said first. Default nothing.
    #[serde(default)]
    pub prompt: Prompt,
    /// Seconds without an order after which the caller goes on: no program is there. 1 to 60, default 5.
    #[serde(default = "wait")]
    pub wait: Spanned<u16>,
    /// Where the caller goes then, and when the program sent them where nobody took them. Default: `unavailable`, and hang
    /// up.
    #[serde(default)]
    pub otherwise: Option<Text>,
}

/// `[hang_up.NAME]`: a last word.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HangUp {
    /// What is said. Default `goodbye`.
    #[serde(default = "goodbye")]
    pub prompt: Prompt,
    /// The same in writing. Default nothing.
    #[serde(default)]
    pub text: Option<String>,
}

/// What is said: one clip, or a list of clips and things to be spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompt(pub Vec<Piece>);

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub what: Said,
    /// Its place in the file; nothing for a default.
    pub span: Option<Range<usize>>,
}

/// What a piece of a prompt is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A clip.
    Clip(String),
    /// A collected variable, key by key.
    Digits(String),
    /// A collected variable as one number.
    Number(String),
    /// The sound of an article, as it is at that moment; nothing where it has none.
    Article(String),
    /// The time of day.
    Time,
    /// The day of the week, the month and its day.
    Date,
}

impl Prompt {
    fn of(name: &str) -> Prompt {
        Prompt(vec![Piece { what: Said::Clip(name.to_owned()), span: None }])
    }
}

impl<'de> Deserialize<'de> for Prompt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = Spanned::<Written>::deserialize(deserializer)?;
        let span = whole.span();
        let pieces = whole
            .into_inner()
            .0
            .into_iter()
            .map(|(what, own)| Piece { what, span: Some(own.unwrap_or_else(|| span.clone())) });
        Ok(Prompt(pieces.collect()))
    }
}

/// A prompt as it was written, before single clips have learnt their place.
struct Written(Vec<(Said, Option<Range<usize>>)>);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WrittenVisitor)
    }
}

struct WrittenVisitor;

impl<'de> Visitor<'de> for WrittenVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a clip such as `\"welcome\"`, or a list of clips and things to be spoken")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Written, E> {
        Ok(Written(vec![(Said::Clip(name.to_owned()), None)]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Written, A::Error> {
        let mut pieces = Vec::new();
        while let Some(piece) = list.next_element::<Spanned<Said>>()? {
            let span = piece.span();
            pieces.push((piece.into_inner(), Some(span)));
        }
        Ok(Written(pieces))
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SaidVisitor)
    }
}

struct SaidVisitor;

impl<'de> Visitor<'de> for SaidVisitor {
    type Value = Said;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a clip such as `\"welcome\"`, `{ digits = \"VARIABLE\" }`, `{ number = \"VARIABLE\" }`, \
             `{ article = \"NAME\" }`, `{ time = \"now\" }` or `{ date = \"now\" }`",
        )
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Said, E> {
        Ok(Said::Clip(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said, A::Error> {
        let Some((key, value)) = map.next_entry::<String, String>()? else {
            return Err(de::Error::invalid_length(0, &self));
        };
        match (key.as_str(), value) {
            ("digits", variable) => Ok(Said::Digits(variable)),
            ("number", variable) => Ok(Said::Number(variable)),
            ("article", name) => Ok(Said::Article(name)),
            ("time", _) => Ok(Said::Time),
            ("date", _) => Ok(Said::Date),
            (other, _) => Err(de::Error::unknown_field(
                other,
                &["digits", "number", "article", "time", "date"],
            )),
        }
    }
}

/// A default, which has no place in any file.
fn unwritten<T>(value: T) -> Spanned<T> {
    Spanned::new(0..0, value)
}

fn wait() -> Spanned<u16> {
    unwritten(WAIT)
}

fn key_wait() -> Spanned<u16> {
    unwritten(3)
}

fn retries() -> Spanned<u16> {
    unwritten(RETRIES)
}

fn min() -> Spanned<u16> {
    unwritten(1)
}

fn max() -> Spanned<u16> {
    unwritten(32)
}

fn longest() -> Spanned<u16> {
    unwritten(120)
}

fn nothing() -> Spanned<u16> {
    unwritten(0)
}

fn terminator() -> Text {
    unwritten("#".to_owned())
}

fn yes() -> bool {
    true
}

fn invalid() -> Prompt {
    Prompt::of("invalid-choice")
}

fn invalid_entry() -> Prompt {
    Prompt::of("invalid-entry")
}

fn asks_code() -> Prompt {
    Prompt::of("conversation-code")
}

fn wrong_code() -> Prompt {
    Prompt::of("conversation-code-wrong")
}

fn leave_message() -> Prompt {
    Prompt::of("leave-message")
}

fn goodbye() -> Prompt {
    Prompt::of("goodbye")
}
