//! What is said on the line of files: recordings and files of messages, each named by its content.
//!
//! Kinds of frames from 140 to 145, which an older end passes over; each end says in its first frame whether it speaks them.
//! The box offers a file, the office says how much of it it has, the box sends the rest in pieces, and the office says that
//! it has it for good once its content is what its name says. Bytes go behind everything else on the line.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Kinds of frames that speak of files.
pub const KINDS: RangeInclusive<u8> = OFFER..=WAITING;
/// Octets of a piece: an event that comes while one is written waits for 13 ms on a line of 20 Mbit/s.
pub const PIECE: usize = 32 << 10;
/// Octets of the largest file: nine hours of a call with both sides, or what no mail server carries.
pub const LARGEST: u64 = 1 << 30;
/// Octets of a name or a contact: ids have 13 letters, contents 64.
const LONGEST_NAME: usize = 64;

const OFFER: u8 = 140;
const HAVE: u8 = 141;
const BYTES: u8 = 142;
const REFUSED: u8 = 143;
const STORED: u8 = 144;
const WAITING: u8 = 145;

/// SHA-256 of a file's bytes: its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no hash: 64 hexadecimal digits in small letters are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAHash;

impl FromStr for Hash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Hash, NotAHash> {
        let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() != 64 || !plain {
            return Err(NotAHash);
        }
        let mut hash = [0; 32];
        for (byte, two) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let two = std::str::from_utf8(two).map_err(|_| NotAHash)?;
            *byte = u8::from_str_radix(two, 16).map_err(|_| NotAHash)?;
        }
        Ok(Hash(hash))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| de::Error::custom("no SHA-256"))
    }
}

/// What sort of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Of a call, or what somebody left: a WAV file.
    Recording,
    /// Of a message.
    File,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Kind {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Recording => "recording",
            Kind::File => "file",
            Kind::Unknown => "unknown",
        }
    }
}

/// A file that an event speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Named {
    /// What it is.
    pub kind: Kind,
    /// What the event calls it: a recording's id, or the content of a message's file.
    pub name: String,
    /// Whose it is, by the box's own id; nobody's where the event does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
}

impl Named {
    /// Whether its names are what ids are made of. They stand in names of files at the office.
    pub fn is_sound(&self) -> bool {
        let plain = |text: &str| {
            (1..=LONGEST_NAME).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        self.kind != Kind::Unknown && plain(&self.name) && self.contact.as_deref().is_none_or(plain)
    }
}

/// From the box: it has this file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its content.
    pub hash: Hash,
    /// Its octets.
    pub size: u64,
    /// What it is.
    #[serde(flatten)]
    pub named: Named,
    /// The event that speaks of it.
    pub n: u64,
}

/// From the office: so much of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Have {
    /// Of which.
    pub hash: Hash,
    /// Octets from its beginning.
    pub offset: u64,
}

/// Why the office does not take one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// There is no room, or the disk fails: later.
    Full,
    /// It is larger than any may be, or has nothing in it.
    Size,
    /// Its bytes are not what its name says; what came is thrown away.
    Hash,
    /// Whose it is was erased.
    Erased,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// From the office: it does not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which.
    pub hash: Hash,
    /// Why.
    pub why: Refusal,
}

/// From the box: what it still has to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Waiting {
    /// Files.
    pub files: u64,
    /// Octets of them.
    pub octets: u64,
}

/// What is said of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// From the box.
    Offer(Offer),
    /// From the office.
    Have(Have),
    /// From the box: a piece.
    Bytes {
        /// Of which.
        hash: Hash,
        /// Where it begins.
        offset: u64,
        /// It.
        bytes: Vec<u8>,
    },
    /// From the office.
    Refused(Refused),
    /// From the office: it has the file for good.
    Stored(Hash),
    /// From the box.
    Waiting(Waiting),
}

impl Said {
    /// The kind of its frame.
    pub fn kind(&self) -> u8 {
        match self {
            Said::Offer(_) => OFFER,
            Said::Have(_) => HAVE,
            Said::Bytes { .. } => BYTES,
            Said::Refused(_) => REFUSED,
            Said::Stored(_) => STORED,
            Said::Waiting(_) => WAITING,
        }
    }

    /// Writes the body of its frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Said::Offer(offer) => json(out, offer),
            Said::Have(have) => json(out, have),
            Said::Bytes { hash, offset, bytes } => {
                out.extend(hash.0);
                out.extend(offset.to_be_bytes());
                out.extend(bytes);
            }
            Said::Refused(refused) => json(out, refused),
            Said::Stored(hash) => out.extend(hash.0),
            Said::Waiting(waiting) => json(out, waiting),
        }
    }

    /// Reads the body of a frame of one of [`KINDS`]; nothing where it is none.
    pub fn read(kind: u8, body: &[u8]) -> Option<Said> {
        match kind {
            OFFER => serde_json::from_slice(body).ok().map(Said::Offer),
            HAVE => serde_json::from_slice(body).ok().map(Said::Have),
            BYTES => {
                let (hash, rest) = body.split_at_checked(32)?;
                let (offset, bytes) = rest.split_at_checked(8)?;
                let offset = u64::from_be_bytes(offset.try_into().ok()?);
                Some(Said::Bytes { hash: Hash(hash.try_into().ok()?), offset, bytes: bytes.into() })
            }
            REFUSED => serde_json::from_slice(body).ok().map(Said::Refused),
            STORED => body.try_into().ok().map(|hash| Said::Stored(Hash(hash))),
            WAITING => serde_json::from_slice(body).ok().map(Said::Waiting),
            _ => None,
        }
    }
}

fn json<T: Serialize>(out: &mut Vec<u8>, what: &T) {
    // Texts and numbers always have a form.
    out.extend(serde_json::to_vec(what).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, contact: Option<&str>) -> Named {
        Named { kind: Kind::File, name: name.to_owned(), contact: contact.map(str::to_owned) }
    }

    #[test]
    fn what_is_said_is_read_back_the_same() {
        let hash = Hash([7; 32]);
        let all = [
            Said::Offer(Offer { hash, size: 9, named: named("abc", Some("0J3")), n: 4 }),
            Said::Have(Have { hash, offset: 5 }),
            Said::Bytes { hash, offset: 1 << 40, bytes: vec![1, 2, 3] },
            Said::Refused(Refused { hash, why: Refusal::Full }),
            Said::Stored(hash),
            Said::Waiting(Waiting { files: 2, octets: 70 }),
        ];
        for said in all {
            let mut body = Vec::new();
            said.write(&mut body);
            assert!(KINDS.contains(&said.kind()));
            assert_eq!(Said::read(said.kind(), &body), Some(said.clone()), "{said:?}");
            if !matches!(said, Said::Bytes { .. }) {
                assert_eq!(Said::read(said.kind(), &body[..body.len() - 1]), None, "{said:?}");
            }
        }
        assert_eq!(Said::read(142, &[0; 39]), None);
    }

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        assert!(named("0J3M8ZQ4T1ABC", Some("0J3")).is_sound());
        for bad in ["", "..", "../x", "a/b", "a\0b", "a.b", "ü", &"a".repeat(65)] {
            assert!(!named(bad, None).is_sound(), "{bad}");
            assert!(!named("good", Some(bad)).is_sound(), "{bad}");
        }
        for bad in ["", "../../etc/passwd", &"G".repeat(64), &"a".repeat(63), &"A".repeat(64)] {
            assert_eq!(bad.parse::<Hash>(), Err(NotAHash), "{bad}");
        }
        let hash = Hash([0xab; 32]);
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }
}
