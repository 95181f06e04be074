//! What goes over the line: frames, the same over QUIC and over TLS.
//!
//! A frame is its length in four octets (of what follows), its kind in one, and its body; numbers are in network order.
//! What is said once in a connection is JSON, whose unknown members are ignored; what is said often is binary. Kinds from
//! 128 up may be ignored by whoever does not know them, all others end the connection: so an older office and a newer box
//! agree on what neither may lose. Events are carried as they stand in the outbox, and nothing here looks into them: what a
//! newer box wrote, an older office keeps.
//!
//! What is said of people goes by kinds that may be ignored: who speaks them says so in [`Hello`] and [`Welcome`], and
//! nobody else is sent any. What they say is JSON that nothing here looks into either.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blob::{self, Said};

/// The protocol's name in the handshake of TLS (RFC 7301).
pub const ALPN: &[u8] = b"branchline-uplink/1";
/// The version that is spoken here.
pub const VERSION: u16 = 1;
/// Octets of the longest frame: an event of the longest kind, and what a window is sent in.
pub const LONGEST: usize = 1 << 20;
/// Octets of a frame's length and kind.
const HEAD: usize = 5;
/// The first kind that may be ignored.
const OPTIONAL: u8 = 128;

/// What an event is, in the order in which it may be dropped when the disk is short: the last goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u8);

impl Class {
    /// It was dropped, and only its number is left.
    pub const SHED: Class = Class(0);
    /// Who may do what, who did it, and what people have allowed: never dropped.
    pub const AUDIT: Class = Class(1);
    /// What is known of people.
    pub const PERSON: Class = Class(2);
    /// Records of calls.
    pub const CALL: Class = Class(3);
    /// Written messages.
    pub const MESSAGE: Class = Class(4);
    /// Agents, queues and their work.
    pub const WORK: Class = Class(5);
    /// How the box does.
    pub const HEALTH: Class = Class(6);
    /// Samples of calls' quality.
    pub const QUALITY: Class = Class(7);
    /// Figures of all sorts.
    pub const METRICS: Class = Class(8);

    /// Whether it may be dropped before the office has it.
    pub fn may_be_shed(self) -> bool {
        self >= Class::HEALTH
    }
}

/// One event of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is.
    pub class: Class,
    /// What it says, as it stands in the outbox.
    pub body: Vec<u8>,
}

impl Event {
    /// Octets that it takes in a frame.
    pub fn len(&self) -> usize {
        1 + 4 + self.body.len()
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }
}

/// What a box says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The name of its site, which must be the one in its certificate.
    pub site: String,
    /// Which outbox it speaks of: a new one is begun when the old one is lost, and its numbers begin anew.
    pub epoch: String,
    /// The oldest version of the protocol that it speaks.
    pub least: u16,
    /// The newest.
    pub most: u16,
    /// The program's version.
    pub program: String,
    /// The number of the oldest event that it still has.
    pub first: u64,
    /// The number of the newest; 0 when there is none.
    pub newest: u64,
    /// Whether it speaks of people: [`Frame::Ask`], [`Frame::Took`], and what answers them. Boxes before that say nothing.
    #[serde(default)]
    pub people: bool,
    /// Whether it speaks of files: [`Frame::Blob`].
    #[serde(default)]
    pub blobs: bool,
}

/// What the office answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that is spoken from here on.
    pub version: u16,
    /// The newest event of this outbox that it has for good; 0 when it has none.
    pub have: u64,
    /// Octets of events that may be on their way to it.
    pub window: u32,
    /// Whether it speaks of people. Offices before that say nothing.
    #[serde(default)]
    pub people: bool,
    /// Whether it takes files. Offices before that say nothing.
    #[serde(default)]
    pub blobs: bool,
    /// Whether it takes [`Frame::Amend`]. Offices before that say nothing.
    #[serde(default)]
    pub amends: bool,
}

/// A question of a box: who is this?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Names the question in this connection.
    pub mark: u64,
    /// By what they are known, as it leaves the box.
    pub tokens: Vec<String>,
}

/// What the office answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Which question.
    pub mark: u64,
    /// What it knows; nothing when it knows nobody, or cannot say.
    #[serde(default)]
    pub known: Option<Value>,
}

/// What other branches and the office say of people whom the branch knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The number of the last of these; numbers are a site's own, and grow.
    pub upto: u64,
    /// One after another. What a box does not understand it takes all the same.
    #[serde(default)]
    pub changes: Vec<Value>,
}

/// What a box answers to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// It has all up to this one for good.
    pub upto: u64,
}

/// What is left of events that the office has, because somebody in them was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amend {
    /// Names this in the answer.
    pub mark: u64,
    /// The outbox as it is called now. Events with lower numbers may have come under another name.
    pub epoch: String,
    /// The events by their numbers.
    pub events: Vec<(u64, Event)>,
}

/// What a box asks for: a certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The secret of its token, in hexadecimal, where it is enrolled; absent where it has a certificate that ends soon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The request with its public key, in PEM form (PKCS#10, RFC 2986). What else stands in it is not heeded.
    pub request: String,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Request(…)")
    }
}

/// What it gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The site that it is for.
    pub site: String,
    /// The certificate, in PEM form.
    pub certificate: String,
    /// The authority's own.
    pub authority: String,
}

/// Why somebody ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is over, in good order.
    Done,
    /// No version is spoken by both.
    Version,
    /// The site is not who its certificate says, or is not let in.
    Site,
    /// A frame that cannot be read, or that nobody may send at this point.
    Protocol,
    /// Events are missing between what the office has and what came.
    Gap,
    /// The office cannot keep anything at this moment.
    NotKept,
    /// The other side was silent for too long.
    Silent,
    /// The office says that it has what was never sent.
    Ahead,
    /// The token is not known here, has ended, or was used.
    Token,
    /// The site has said more than it may in a day; it is tried again by itself.
    TooMuch,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// From the box, first.
    Hello(Hello),
    /// From the office, in answer.
    Welcome(Welcome),
    /// From the box: events with consecutive numbers.
    Events {
        /// The number of the first.
        first: u64,
        /// All of them.
        events: Vec<Event>,
    },
    /// From the box: these are not to be had any more, from the one number to the other.
    Lost {
        /// The first.
        from: u64,
        /// The last.
        upto: u64,
    },
    /// From the office: it has all up to this one for good.
    Ack {
        /// Which.
        upto: u64,
    },
    /// From either: is somebody there? Answered with the same.
    Ping(u64),
    /// From either: the answer.
    Pong(u64),
    /// From either, last.
    Close(Reason),
    /// From the box: who is this? May be ignored.
    Ask(Ask),
    /// From the box: it has what it was told. May be ignored.
    Took(Took),
    /// From the office: what is said of people elsewhere. May be ignored.
    Told(Told),
    /// From the office: who that is. May be ignored.
    Answer(Answer),
    /// From the box: what is left of events that the office has. May be ignored.
    Amend(Amend),
    /// From the office: that is done for good. May be ignored.
    Amended(u64),
    /// From the office: the box's certificate ends before long, and it may ask for another.
    Renew,
    /// From the box, first where it is enrolled, or after [`Frame::Renew`].
    Request(Request),
    /// From the office, in answer to that.
    Certificate(Certificate),
    /// From either: what is said of files. May be ignored.
    Blob(Said),
}

/// Why something is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAFrame {
    /// It is longer than any may be, or has no kind.
    Length,
    /// A kind that may not be ignored and is not known.
    Kind(u8),
    /// Its body is not what its kind says.
    Body,
}

const HELLO: u8 = 1;
const WELCOME: u8 = 2;
const EVENTS: u8 = 3;
const LOST: u8 = 4;
const ACK: u8 = 5;
const PING: u8 = 6;
const PONG: u8 = 7;
const CLOSE: u8 = 8;
const ASK: u8 = 128;
const TOOK: u8 = 129;
const TOLD: u8 = 130;
const ANSWER: u8 = 131;
const AMEND: u8 = 132;
const AMENDED: u8 = 133;
const RENEW: u8 = 160;
const REQUEST: u8 = 161;
const CERTIFICATE: u8 = 162;

impl Frame {
    /// Writes it behind what is there.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0; 4]);
        match self {
            Frame::Hello(hello) => json(out, HELLO, hello),
            Frame::Welcome(welcome) => json(out, WELCOME, welcome),
            Frame::Events { first, events } => {
                out.push(EVENTS);
                out.extend(first.to_be_bytes());
                for Event { class, body } in events {
                    out.push(class.0);
                    out.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
                    out.extend(body);
                }
            }
            Frame::Lost { from, upto } => {
                out.push(LOST);
                out.extend(from.to_be_bytes());
                out.extend(upto.to_be_bytes());
            }
            Frame::Ack { upto } => number(out, ACK, *upto),
            Frame::Ping(mark) => number(out, PING, *mark),
            Frame::Pong(mark) => number(out, PONG, *mark),
            Frame::Close(reason) => json(out, CLOSE, reason),
            Frame::Ask(ask) => json(out, ASK, ask),
            Frame::Took(took) => json(out, TOOK, took),
            Frame::Told(told) => json(out, TOLD, told),
            Frame::Answer(answer) => json(out, ANSWER, answer),
            Frame::Amend(amend) => amend.write(out),
            Frame::Amended(mark) => number(out, AMENDED, *mark),
            Frame::Renew => out.push(RENEW),
            Frame::Request(request) => json(out, REQUEST, request),
            Frame::Certificate(certificate) => json(out, CERTIFICATE, certificate),
            Frame::Blob(said) => {
                out.push(said.kind());
                said.write(out);
            }
        }
        let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        if let Some(head) = out.get_mut(start..start + 4) {
            head.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// As octets.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn read(kind: u8, body: &[u8]) -> Result<Option<Frame>, NotAFrame> {
        let read = match kind {
            HELLO => serde_json::from_slice(body).ok().map(Frame::Hello),
            WELCOME => serde_json::from_slice(body).ok().map(Frame::Welcome),
            EVENTS => events(body),
            LOST => body.split_at_checked(8).and_then(|(from, upto)| {
                Some(Frame::Lost { from: whole(from)?, upto: whole(upto)? })
            }),
            ACK => whole(body).map(|upto| Frame::Ack { upto }),
            PING => whole(body).map(Frame::Ping),
            PONG => whole(body).map(Frame::Pong),
            CLOSE => serde_json::from_slice(body).ok().map(Frame::Close),
            OPTIONAL.. => return Frame::read_optional(kind, body),
            _ => return Err(NotAFrame::Kind(kind)),
        };
        read.map(Some).ok_or(NotAFrame::Body)
    }

    fn read_optional(kind: u8, body: &[u8]) -> Result<Option<Frame>, NotAFrame> {
        let read = match kind {
            ASK => serde_json::from_slice(body).ok().map(Frame::Ask),
            TOOK => serde_json::from_slice(body).ok().map(Frame::Took),
            TOLD => serde_json::from_slice(body).ok().map(Frame::Told),
            ANSWER => serde_json::from_slice(body).ok().map(Frame::Answer),
            AMEND => Amend::read(body).map(Frame::Amend),
            AMENDED => whole(body).map(Frame::Amended),
            RENEW => Some(Frame::Renew),
            REQUEST => serde_json::from_slice(body).ok().map(Frame::Request),
            CERTIFICATE => serde_json::from_slice(body).ok().map(Frame::Certificate),
            kind if blob::KINDS.contains(&kind) => Said::read(kind, body).map(Frame::Blob),
            _ => return Ok(None),
        };
        read.map(Some).ok_or(NotAFrame::Body)
    }
}

impl Amend {
    fn write(&self, out: &mut Vec<u8>) {
        number(out, AMEND, self.mark);
        out.push(u8::try_from(self.epoch.len()).unwrap_or(0));
        out.extend(self.epoch.as_bytes());
        for (n, Event { class, body }) in &self.events {
            out.extend(n.to_be_bytes());
            out.push(class.0);
            out.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend(body);
        }
    }

    fn read(body: &[u8]) -> Option<Amend> {
        let (mark, rest) = body.split_at_checked(8)?;
        let (length, rest) = rest.split_first()?;
        let (epoch, mut rest) = rest.split_at_checked((*length).into())?;
        let mut events = Vec::new();
        while !rest.is_empty() {
            let (n, tail) = rest.split_at_checked(8)?;
            let (class, tail) = tail.split_first()?;
            let (length, tail) = tail.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (body, tail) = tail.split_at_checked(length)?;
            events.push((whole(n)?, Event { class: Class(*class), body: body.to_vec() }));
            rest = tail;
        }
        let epoch = std::str::from_utf8(epoch).ok()?.to_owned();
        Some(Amend { mark: whole(mark)?, epoch, events })
    }
}

fn json<T: Serialize>(out: &mut Vec<u8>, kind: u8, what: &T) {
    out.push(kind);
    // Texts and numbers always have a form.
    out.extend(serde_json::to_vec(what).unwrap_or_default());
}

fn number(out: &mut Vec<u8>, kind: u8, number: u64) {
    out.push(kind);
    out.extend(number.to_be_bytes());
}

fn whole(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

fn events(body: &[u8]) -> Option<Frame> {
    let (first, mut rest) = body.split_at_checked(8)?;
    let mut events = Vec::new();
    while !rest.is_empty() {
        let (head, tail) = rest.split_at_checked(5)?;
        let (class, length) = head.split_first()?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        let (body, tail) = tail.split_at_checked(usize::try_from(length).ok()?)?;
        events.push(Event { class: Class(*class), body: body.to_vec() });
        rest = tail;
    }
    let first = whole(first)?;
    let last = first.checked_add(u64::try_from(events.len()).ok()?)?;
    (first > 0 && last > first).then_some(Frame::Events { first, events })
}

/// Frames out of octets as they come.
#[derive(Debug)]
pub struct Reader {
    held: Vec<u8>,
    /// Octets at the beginning that were read.
    read: usize,
    /// Octets that a frame may have.
    longest: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Reader::up_to(LONGEST)
    }
}

impl Reader {
    /// Of frames with no more octets than that: of somebody who has not said who it is.
    pub fn up_to(longest: usize) -> Reader {
        Reader { held: Vec::new(), read: 0, longest }
    }

    /// From now on they may be as long as any.
    pub fn trust(&mut self) {
        self.longest = LONGEST;
    }

    /// Takes octets in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..std::mem::take(&mut self.read));
        self.held.extend_from_slice(bytes);
    }

    /// The next whole frame. What may be ignored and is not known is left out.
    ///
    /// # Errors
    /// When what came is no frame. Nothing that follows can be read then.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, NotAFrame> {
        loop {
            let rest = self.held.get(self.read..).unwrap_or_default();
            let Some((head, rest)) = rest.split_at_checked(4) else { return Ok(None) };
            let length = head.try_into().map(u32::from_be_bytes).unwrap_or(u32::MAX);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length == 0 || length > self.longest + HEAD {
                return Err(NotAFrame::Length);
            }
            let Some(whole) = rest.get(..length) else { return Ok(None) };
            let Some((kind, body)) = whole.split_first() else { return Err(NotAFrame::Length) };
            let frame = Frame::read(*kind, body)?;
            self.read += 4 + length;
            if let Some(frame) = frame {
                return Ok(Some(frame));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::random::Random;

    fn all() -> Vec<Frame> {
        let hello = Hello {
            site: "berne".to_owned(),
            epoch: "0123456789abcdef".to_owned(),
            least: 1,
            most: 1,
            program: "0.1.0".to_owned(),
            first: 1,
            newest: 9,
            people: true,
            blobs: true,
        };
        let certificate = Certificate {
            site: "berne".to_owned(),
            certificate: "PEM".to_owned(),
            authority: "PEM".to_owned(),
        };
        let events = vec![
            Event { class: Class::CALL, body: b"{\"a\":1}".to_vec() },
            Event { class: Class::SHED, body: Vec::new() },
            Event { class: Class(77), body: vec![0; 70_000] },
        ];
        vec![
            Frame::Hello(hello),
            Frame::Welcome(Welcome {
                version: 1,
                have: 7,
                window: 65_536,
                people: true,
                blobs: true,
                amends: true,
            }),
            Frame::Events { first: 8, events },
            Frame::Lost { from: 3, upto: 9 },
            Frame::Ack { upto: 10 },
            Frame::Ping(1),
            Frame::Pong(1),
            Frame::Close(Reason::NotKept),
            Frame::Ask(Ask { mark: 3, tokens: vec!["#0a".to_owned(), "#0b".to_owned()] }),
            Frame::Answer(Answer { mark: 3, known: Some(json!([{"site": "basel"}])) }),
            Frame::Answer(Answer { mark: 4, known: None }),
            Frame::Told(Told { upto: 17, changes: vec![json!({"card": {}}), json!("?")] }),
            Frame::Took(Took { upto: 17 }),
            Frame::Amend(Amend {
                mark: 3,
                epoch: "e".to_owned(),
                events: vec![(7, Event { class: Class::CALL, body: b"{}".to_vec() })],
            }),
            Frame::Amended(3),
            Frame::Renew,
            Frame::Request(Request { secret: Some("0a".to_owned()), request: "PEM".to_owned() }),
            Frame::Certificate(certificate),
        ]
    }

    #[test]
    fn every_frame_is_read_as_it_was_written_however_it_is_torn() {
        let mut bytes = Vec::new();
        all().iter().for_each(|frame| frame.write(&mut bytes));
        for torn in [1, 2, 3, 7, 1_000, bytes.len()] {
            let (mut reader, mut read) = (Reader::default(), Vec::new());
            for part in bytes.chunks(torn) {
                reader.push(part);
                while let Some(frame) = reader.next_frame().unwrap() {
                    read.push(frame);
                }
            }
            assert!(read == all(), "in pieces of {torn}");
        }
    }

    #[test]
    fn what_may_be_ignored_is_and_nothing_else() {
        let mut reader = Reader::default();
        reader.push(&[0, 0, 0, 3, 200, 1, 2]);
        reader.push(&Frame::Ping(5).to_bytes());
        assert_eq!(reader.next_frame(), Ok(Some(Frame::Ping(5))));
        assert_eq!(reader.next_frame(), Ok(None));
        for (bytes, why) in [
            (&[0, 0, 0, 1, 9][..], NotAFrame::Kind(9)),
            (&[0, 0, 0, 0], NotAFrame::Length),
            (&[0xff; 4], NotAFrame::Length),
            (&[0, 0, 0, 2, ACK, 1], NotAFrame::Body),
            (&[0, 0, 0, 3, HELLO, b'{', b'}'], NotAFrame::Body),
        ] {
            let mut reader = Reader::default();
            reader.push(bytes);
            assert_eq!(reader.next_frame(), Err(why), "{bytes:?}");
        }
    }

    #[test]
    fn members_of_a_newer_box_are_no_mistake() {
        let text = br#"{"site":"b","epoch":"e","least":1,"most":9,"program":"9","first":1,"newest":0,"new":[1]}"#;
        let mut bytes = u32::try_from(text.len() + 1).unwrap().to_be_bytes().to_vec();
        bytes.push(HELLO);
        bytes.extend(text);
        let mut reader = Reader::default();
        reader.push(&bytes);
        let frame = reader.next_frame().unwrap();
        assert!(matches!(frame, Some(Frame::Hello(hello)) if hello.most == 9));
    }

    #[test]
    fn numbers_that_run_over_are_no_events() {
        let mut bytes = vec![EVENTS];
        bytes.extend(u64::MAX.to_be_bytes());
        bytes.extend([1, 0, 0, 0, 0]);
        let mut whole = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
        whole.extend(bytes);
        let mut reader = Reader::default();
        reader.push(&whole);
        assert_eq!(reader.next_frame(), Err(NotAFrame::Body));
    }

    #[test]
    fn who_has_not_said_who_it_is_is_not_listened_to_for_long() {
        let long = Frame::Events {
            first: 1,
            events: vec![Event { class: Class::CALL, body: vec![0; 9_000] }],
        };
        let mut reader = Reader::up_to(8_192);
        // Its length alone says so: nothing is waited for.
        reader.push(&long.to_bytes()[..4]);
        assert_eq!(reader.next_frame(), Err(NotAFrame::Length));
        let mut reader = Reader::up_to(8_192);
        reader.push(&all()[0].to_bytes());
        assert_eq!(reader.next_frame(), Ok(Some(all()[0].clone())));
        reader.trust();
        reader.push(&long.to_bytes());
        assert_eq!(reader.next_frame(), Ok(Some(long)));
    }

    fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(body.len() + 1).unwrap().to_be_bytes().to_vec();
        bytes.push(kind);
        bytes.extend(body);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Option<Frame>, NotAFrame> {
        let mut reader = Reader::default();
        reader.push(bytes);
        reader.next_frame()
    }

    #[test]
    fn older_ends_do_not_speak_of_people_and_newer_ones_may_say_more() {
        let hello =
            br#"{"site":"b","epoch":"e","least":1,"most":1,"program":"","first":1,"newest":0}"#;
        let read_hello = read(&framed(HELLO, hello));
        assert!(matches!(read_hello, Ok(Some(Frame::Hello(hello))) if !hello.people));
        let welcome = read(&framed(WELCOME, br#"{"version":1,"have":0,"window":9}"#));
        assert!(matches!(welcome, Ok(Some(Frame::Welcome(welcome))) if !welcome.people));
        let told = read(&framed(TOLD, br#"{"upto":4,"changes":[],"from":"nine"}"#));
        assert_eq!(told, Ok(Some(Frame::Told(Told { upto: 4, changes: Vec::new() }))));
        for frame in all() {
            let kind = frame.to_bytes()[4];
            let people =
                matches!(frame, Frame::Ask(_) | Frame::Took(_) | Frame::Told(_) | Frame::Answer(_));
            let certificates =
                matches!(frame, Frame::Renew | Frame::Request(_) | Frame::Certificate(_));
            let erased = matches!(frame, Frame::Amend(_) | Frame::Amended(_));
            // An end that does not know the kind passes over it.
            assert_eq!(kind >= OPTIONAL, people || certificates || erased, "{frame:?}");
        }
    }

    /// Octets that were changed, cut, doubled or made up: each is a frame, no frame, or the beginning of one, and what is
    /// read as a frame is written as the same frame.
    #[test]
    fn whatever_comes_is_a_frame_or_none() {
        let mut random = Random::from_number(7);
        let (mut frames, mut none) = (0, 0);
        for _ in 0..20_000 {
            let all = all();
            let mut bytes: Vec<u8> = Vec::new();
            for _ in 0..=random.below(2) {
                let at = usize::try_from(random.below(all.len() as u64)).unwrap();
                // The largest takes long and shows nothing more.
                all.get(at)
                    .filter(|_| at != 2)
                    .into_iter()
                    .for_each(|frame| frame.write(&mut bytes));
            }
            for _ in 0..random.below(4) {
                let at = usize::try_from(random.below(bytes.len().max(1) as u64)).unwrap();
                match random.below(4) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at.min(bytes.len()), random.bits().to_be_bytes()[0]),
                    _ => {
                        bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << random.below(8))
                    }
                }
            }
            let mut reader = Reader::default();
            reader.push(&bytes);
            loop {
                match reader.next_frame() {
                    Ok(Some(frame)) => {
                        frames += 1;
                        assert_eq!(read(&frame.to_bytes()), Ok(Some(frame)));
                    }
                    Ok(None) => break,
                    Err(_) => {
                        none += 1;
                        break;
                    }
                }
            }
        }
        assert!(frames > 5_000 && none > 2_000, "{frames} frames, {none} times none");
    }
}
