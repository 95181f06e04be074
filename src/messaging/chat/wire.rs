//! What a page and the box say to each other: one JSON object in each text frame, `type` says which.
//!
//! | from the page | means |
//! |---|---|
//! | `hello` | the first frame: who is there, and what of it they have already |
//! | `about` | what a visitor calls themselves, where the channel asks |
//! | `say` | a line, under a name that the page gives out once |
//! | `got`, `seen` | every line up to a number is on the page, or was looked at |
//! | `typing` | the visitor writes, or no more |
//! | `call` | of a call by voice: [`crate::messaging::voice`] |
//!
//! | from the box | means |
//! |---|---|
//! | `welcome` | the token to come back with, and the lines that the page does not have |
//! | `ack` | a line is on the box's disk: never before |
//! | `nack` | it is not; `later` and `slowly` pass, the others do not |
//! | `line` | something that was said, here or there |
//! | `typing`, `seen` | somebody of the branch writes, or has read every line up to a number |
//! | `place` | how many people are ahead in the queue; nothing: nobody waits any more |
//! | `call` | of a call by voice |
//! | `refused` | nothing of this goes on; why |
//!
//! A page says `hello` and waits for the `welcome`: what it says between the two is not taken, and is said again after it.
//!
//! Lines of one visitor are numbered from 1 up within an `epoch`. A page that comes back says the epoch and the highest
//! number that it has, and gets the lines behind it. Where the epoch is another one, `fresh` says that these are all the
//! lines there are; a line's `id` is the same in every epoch, so that nothing is shown twice. A line that was not
//! acknowledged is said again under the same name, and is taken once.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::messaging::voice;

/// Bytes of the longest frame that a page sends: the longest text in the longest script, with room around it.
pub const LONGEST_FRAME: usize = 32 << 10;
/// Characters of the longest line: what other services carry at once.
pub const LONGEST_TEXT: usize = 4_096;
/// Characters of the name that a page gives a line.
pub const LONGEST_NAME: usize = 64;
/// Names of lines that a page waits for at once.
pub const MOST_PENDING: usize = 64;

/// What a page says.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromPage {
    /// Who is there.
    Hello(Hello),
    /// What they call themselves.
    About(About),
    /// A line.
    Say(Say),
    /// Every line up to this one is on the page.
    Got {
        /// Its number.
        upto: u64,
    },
    /// Every line up to this one was looked at.
    Seen {
        /// Its number.
        upto: u64,
    },
    /// The visitor writes, or no more.
    Typing {
        /// Whether they do.
        on: bool,
    },
    /// Of a call by voice.
    Call(voice::Said),
}

/// Personal data is in it: only the kind is told.
impl fmt::Debug for FromPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FromPage::Hello(_) => "hello",
            FromPage::About(_) => "about",
            FromPage::Say(_) => "say",
            FromPage::Got { .. } => "got",
            FromPage::Seen { .. } => "seen",
            FromPage::Typing { .. } => "typing",
            FromPage::Call(_) => "call",
        })
    }
}

/// The first frame.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// What the box gave to come back with.
    pub token: Option<String>,
    /// The epoch of the lines that the page has.
    pub epoch: Option<String>,
    /// The highest number among them.
    pub upto: u64,
    /// Lines that were said and not acknowledged, by the names that the page gave them.
    pub pending: Vec<String>,
    /// What the site says who this is.
    pub identity: Option<Identity>,
    /// What they call themselves.
    pub about: Option<About>,
    /// The page that they look at: its title or its path.
    pub page: Option<String>,
}

/// A visitor whom the site knows: its word for them, and its proof.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// What the site calls them: 1 to 128 printable characters without spaces.
    pub user: String,
    /// Until when the proof holds: seconds since 1970.
    pub until: i64,
    /// HMAC-SHA256 over `USER.UNTIL` with the secret that the site and the box share, in lower-case hexadecimal.
    pub proof: String,
}

/// What a visitor calls themselves. Nobody has proved it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct About {
    /// Their name.
    pub name: Option<String>,
    /// Their mail address.
    pub mail: Option<String>,
}

/// A line of a visitor: exactly one of its three kinds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Say {
    /// What the page calls it: 1 to 64 letters, digits, `-` and `_`, never given to another line of this visitor.
    pub client: String,
    /// Words.
    pub text: Option<String>,
    /// An answer that was offered.
    pub choice: Option<Choice>,
    /// A file that was sent before, by the name that the box gave it.
    pub file: Option<String>,
}

/// An answer that is offered and taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What it is called in the flow that offered it.
    pub id: String,
    /// What is to be read on it.
    pub label: String,
}

/// What the box says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToPage {
    /// Come in.
    Welcome(Box<Welcome>),
    /// A line is on the disk.
    Ack {
        /// What the page calls it.
        client: String,
        /// What everybody calls it.
        id: String,
        /// Its number.
        seq: u64,
        /// When it was said: milliseconds since 1970.
        at: i64,
    },
    /// A line was not taken.
    Nack {
        /// What the page calls it.
        client: String,
        /// Why.
        why: NotTaken,
    },
    /// Something that was said.
    Line(Line),
    /// Somebody of the branch writes, or no more.
    Typing {
        /// Whether they do.
        on: bool,
    },
    /// Somebody of the branch has read every line up to this one.
    Seen {
        /// Its number.
        upto: u64,
    },
    /// Where the visitor stands in the queue.
    Place {
        /// People ahead of them; nothing: they wait no more.
        #[serde(skip_serializing_if = "Option::is_none")]
        ahead: Option<u32>,
    },
    /// Of a call by voice.
    Call(voice::Told),
    /// It does not go on.
    Refused {
        /// Why.
        why: Refusal,
    },
}

/// The answer to `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Welcome {
    /// What to come back with. It is a secret of this browser's.
    pub token: String,
    /// The epoch of the numbers of these lines.
    pub epoch: String,
    /// These are all the lines there are: whatever else the page shows and the box has acknowledged is not there any more.
    pub fresh: bool,
    /// Lines that the page does not have.
    pub lines: Vec<Line>,
    /// The highest number that was given out.
    pub upto: u64,
    /// Up to which of them somebody of the branch has read.
    pub seen: u64,
    /// Whether somebody of the branch writes.
    pub typing: bool,
    /// People ahead of the visitor in the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u32>,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its number in this epoch.
    pub seq: u64,
    /// Its name, the same for good.
    pub id: String,
    /// What the page called it that said it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// By whom.
    pub from: From,
    /// What.
    pub pieces: Vec<Part>,
    /// When: milliseconds since 1970.
    pub at: i64,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// The visitor.
    Visitor,
    /// The branch.
    Branch,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "piece", rename_all = "snake_case")]
pub enum Part {
    /// Words.
    Text {
        /// They.
        text: String,
    },
    /// A file.
    File {
        /// Behind `/chat/NAME/files/`.
        link: String,
        /// Its MIME type.
        mime: String,
        /// Bytes.
        size: u64,
        /// What its sender calls it.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A file that could not be had.
    Missing {
        /// What its sender calls it.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A place on the map.
    Location {
        /// Latitude and longitude in degrees.
        at: String,
        /// What it is called.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// From the branch: an answer that may be taken. From the visitor: the one that was.
    Choice(Choice),
}

/// Why a line was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotTaken {
    /// It could not be kept at this moment. The page says it again after a while.
    Later,
    /// Too many lines in too short a time. The page says it again after a while.
    Slowly,
    /// It is longer than [`LONGEST_TEXT`] characters.
    TooLong,
    /// It says nothing, or not one thing, or has no name.
    Empty,
    /// The box did not give that file to this visitor.
    File,
}

/// Why nothing goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The token is not one of ours. The page forgets it and comes as somebody new.
    Token,
    /// The token is too old, and so is what was said under it. The page forgets it and comes as somebody new.
    Expired,
    /// The site's word for who this is proves nothing.
    Identity,
    /// That is no message of this channel, or not at this place.
    Senseless,
    /// More than any person says.
    Flood,
    /// Nothing was said for a long while. The page comes again when its visitor does.
    Idle,
    /// There is no room. The page comes again after a while.
    Full,
}
