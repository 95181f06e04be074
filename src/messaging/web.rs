//! The contract of channels that are services with an API: what they send us, and what we ask of them, over HTTP.
//!
//! An [`Adapter`] is pure: it proves a request and says what it tells, and turns a message into the request that sends it.
//! Who listens, connects, waits and keeps a list of what was seen is the driver. Signatures are over the bytes as they
//! came, compared in constant time, and what is not proved is not read.

use std::fmt;
use std::time::Duration;

use super::address::Address;
use super::contract::{Capabilities, Failure, Outcome, Outgoing, Told};
use super::piece::Content;
use crate::time::UnixTime;

/// A request that a service sent us, perhaps through a relay that is not trusted.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Its method, in capitals.
    pub method: &'a str,
    /// The address that the service called, in full: scheme, host, path and query as they were sent.
    pub url: &'a str,
    /// Its headers as they came; names in any case.
    pub headers: &'a [(String, String)],
    /// Its body as it came.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// A header's value, if it is there once.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut found = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.method, self.body.len())
    }
}

/// What a proved request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What it tells, in order. The reply is held until all of it is on the disk.
    pub told: Vec<Told>,
    /// What is replied then.
    pub reply: Reply,
    /// What shows that the same request comes again, where the service says so: a nonce, a token's id. Seen before, the
    /// request is replied to and changes nothing.
    pub once: Option<String>,
    /// Members of a batch that could not be read: the others are told, and these are counted and logged.
    pub odd: u32,
}

impl Heard {
    /// Something that is told, and replied to with nothing but that it is understood.
    pub fn of(told: Vec<Told>) -> Heard {
        Heard { told, reply: Reply::done(), once: None, odd: 0 }
    }

    /// Nothing to tell but a reply.
    pub fn reply(reply: Reply) -> Heard {
        Heard { reply, ..Heard::of(Vec::new()) }
    }
}

/// What came of asking a service for what has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// What it tells, in order.
    pub told: Vec<Told>,
    /// From where to go on once that is on the disk; nothing: from where it went on this time.
    pub next: Option<String>,
    /// As in [`Heard::odd`].
    pub odd: u32,
}

/// What is shown to somebody beside messages. It may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Somebody here is writing, or no more.
    Typing(bool),
    /// Somebody here has read it: what the channel calls the message.
    Read(String),
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its Content-Type; nothing: no body.
    pub mime: Option<&'static str>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Understood, and nothing to say.
    pub fn done() -> Reply {
        Reply { status: 200, mime: None, body: Vec::new() }
    }
}

/// Why a request is not listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHeard {
    /// No signature, or one that proves nothing. 403.
    Unproved,
    /// Proved, and too old or from the future. 403.
    Stale,
    /// Proved, and not in the form that the service documents. 400; counted, since it is a change over there.
    Form,
    /// A method or a path that the service does not use. 404.
    Unknown,
}

impl NotHeard {
    /// What is answered.
    pub fn status(self) -> u16 {
        match self {
            NotHeard::Unproved | NotHeard::Stale => 403,
            NotHeard::Form => 400,
            NotHeard::Unknown => 404,
        }
    }
}

/// A request that we send.
#[derive(Clone, PartialEq, Eq)]
pub struct Ask {
    /// Its method.
    pub method: &'static str,
    /// Where to, in full.
    pub url: String,
    /// Its headers; what they hold is secret.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// How long the service may take: more for a long poll.
    pub within: Duration,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.method, self.body.len())
    }
}

/// What came of a request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// An answer.
    Replied {
        /// Its status.
        status: u16,
        /// `Retry-After` in seconds (RFC 9110 section 10.2.3).
        retry_after: Option<u32>,
        /// Its body, at most as much as the driver reads.
        body: &'a [u8],
    },
    /// No connection was made: nothing was sent.
    Away,
    /// It was sent, wholly or in part, and no whole answer came.
    Silent,
}

/// Files that are kept here.
pub trait Files {
    /// The bytes of one.
    fn bytes(&self, content: Content) -> Option<Vec<u8>>;

    /// Where the service may fetch it for a while, where the site has an address that services reach.
    fn url(&self, content: Content) -> Option<String>;
}

/// One service. What it needs to know (addresses, secrets) it was made with.
pub trait Adapter: fmt::Debug + Send + Sync {
    /// What it can carry.
    fn capabilities(&self) -> Capabilities;

    /// Proves a request and says what it tells.
    ///
    /// # Errors
    /// When it is not listened to.
    fn hear(&self, now: UnixTime, request: Request<'_>) -> Result<Heard, NotHeard>;

    /// The next request that sends a message, asked for with the answers to those before; nothing: there are no more.
    /// Nearly always there is one; a file may have to go before what names it. `files` gives the bytes of a file that is
    /// kept here, and the address under which the service may fetch it, where there is one.
    ///
    /// # Errors
    /// When this service cannot carry it. Said before anything was sent.
    fn ask(
        &self,
        now: UnixTime,
        outgoing: &Outgoing,
        files: &dyn Files,
        answers: &[Answer<'_>],
    ) -> Result<Option<Ask>, Failure>;

    /// What came of them: asked with the answer to each, as far as they were sent. What was sent in part and not
    /// wholly is doubtful.
    fn outcome(&self, answers: &[Answer<'_>]) -> Outcome;

    /// Asks for what has come, for services that are asked and do not call: with what [`Adapter::polled`] said last.
    fn poll(&self, _from: Option<&str>) -> Option<Ask> {
        None
    }

    /// What came of that.
    ///
    /// # Errors
    /// When the service did not answer as it should.
    fn polled(&self, _answer: Answer<'_>) -> Result<Polled, Failure> {
        Ok(Polled { told: Vec::new(), next: None, odd: 0 })
    }

    /// The request that shows something to somebody, where the service can. Nobody waits for its answer.
    fn show(&self, _now: UnixTime, _to: &Address, _shown: &Shown) -> Option<Ask> {
        None
    }

    /// Fetches a file that came with an address: plainly, where the service wants nothing else.
    fn fetch(&self, url: &str) -> Ask {
        let within = Duration::from_secs(60);
        Ask { method: "GET", url: url.to_owned(), headers: Vec::new(), body: Vec::new(), within }
    }

    /// Asks where the bytes of a file are that a message named by id; none where addresses come along.
    fn locate(&self, _id: &str) -> Option<Ask> {
        None
    }

    /// What came of that: the address, and the headers that fetching it needs.
    fn located(&self, _answer: Answer<'_>) -> Option<Ask> {
        None
    }
}
