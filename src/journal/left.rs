//! The log of what left the premises: for an auditor who wants to know what head office was told, and that nobody has changed
//! the list since.
//!
//! Each line tells of a row of events that the office says it has: which, how many of each class, and a hash over all of
//! them. A line's hash covers the line before it, and is signed with the box's own key: a line that was changed, taken out or
//! put in is noticed. The events themselves are not in it: they are what the office has.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::journal::chain::{Chain, Sealer, hex, is_signed};
use crate::time::UnixTime;
use crate::uplink::blob::{Hash, Named};
use crate::uplink::frame::{Class, Event};

/// What is signed begins with this.
const CONTEXT: &[u8] = b"branchline left home v1";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it says.
    #[serde(flatten)]
    pub said: Said,
    /// The chain's head with this line.
    pub head: Chain,
    /// The head, signed (RFC 8032), in hexadecimal.
    pub signature: String,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Which outbox.
    pub epoch: String,
    /// The first event.
    pub from: u64,
    /// The last.
    pub upto: u64,
    /// When the office was known to have it.
    pub at: UnixTime,
    /// Octets of all of them.
    pub octets: u64,
    /// How many of each class; `shed`: only the number left.
    pub classes: BTreeMap<String, u64>,
    /// SHA-256 over all of them, each with its class and length, in hexadecimal.
    pub hash: String,
    /// Recordings and files of messages that the office has besides. Lines of before such left have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
}

/// A recording, or a file of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// What it is.
    #[serde(flatten)]
    pub named: Named,
    /// SHA-256 of it, in hexadecimal.
    pub content: Hash,
    /// Its octets.
    pub size: u64,
    /// The event that speaks of it.
    pub n: u64,
}

impl Line {
    /// The next line.
    pub fn new(before: Chain, said: Said, sealer: &Sealer) -> Line {
        let head = linked(before, &said);
        let signature = sealer.sign(CONTEXT, head.as_bytes());
        Line { said, head, signature }
    }

    /// Whether it follows the line with this head, and was signed with this key.
    pub fn follows(&self, before: Chain, public_key: &[u8]) -> bool {
        linked(before, &self.said) == self.head
            && is_signed(public_key, CONTEXT, self.head.as_bytes(), &self.signature)
    }
}

fn linked(mut before: Chain, said: &Said) -> Chain {
    // Texts and numbers always have a form.
    before.add(&serde_json::to_vec(said).unwrap_or_default());
    before
}

/// Events that left, while they are counted.
#[derive(Clone)]
pub struct Count {
    hash: Context,
    octets: u64,
    classes: BTreeMap<String, u64>,
}

impl std::fmt::Debug for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Count({:?})", self.classes)
    }
}

impl Default for Count {
    fn default() -> Self {
        Count { hash: Context::new(&SHA256), octets: 0, classes: BTreeMap::new() }
    }
}

impl Count {
    /// Adds one.
    pub fn add(&mut self, event: &Event) {
        let length = u32::try_from(event.body.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.hash.update(&[event.class.0]);
        self.hash.update(&length);
        self.hash.update(&event.body);
        self.octets += event.body.len() as u64;
        *self.classes.entry(name(event.class)).or_default() += 1;
    }

    /// What a line says of them.
    pub fn said(self, epoch: &str, (from, upto): (u64, u64), at: UnixTime) -> Said {
        let hash = hex(self.hash.finish().as_ref());
        let epoch = epoch.to_owned();
        let (octets, classes, files) = (self.octets, self.classes, Vec::new());
        Said { epoch, from, upto, at, octets, classes, hash, files }
    }
}

/// What a class is called.
pub fn name(class: Class) -> String {
    match class {
        Class::SHED => "shed",
        Class::AUDIT => "audit",
        Class::PERSON => "person",
        Class::CALL => "call",
        Class::MESSAGE => "message",
        Class::WORK => "work",
        Class::HEALTH => "health",
        Class::QUALITY => "quality",
        Class::METRICS => "metrics",
        Class(other) => return format!("class_{other}"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_changed_moved_or_anothers_is_noticed() {
        let ours = Sealer::from_seed(&[1; 32]).unwrap();
        let other = Sealer::from_seed(&[2; 32]).unwrap();
        let mut count = Count::default();
        count.add(&Event { class: Class::CALL, body: b"{}".to_vec() });
        let said = count.said("e", (1, 1), UnixTime(5));
        let first = Line::new(Chain::default(), said.clone(), &ours);
        let second = Line::new(first.head, Said { from: 2, upto: 2, ..said.clone() }, &ours);
        let text = serde_json::to_string(&second).unwrap();
        let second: Line = serde_json::from_str(&text).unwrap();
        let key = ours.public_key();
        assert!(first.follows(Chain::default(), key) && second.follows(first.head, key));
        assert!(!second.follows(Chain::default(), key), "a line before it is gone");
        assert!(!first.follows(Chain::default(), other.public_key()));
        let said = Said { octets: 9, ..said };
        assert!(!Line { said, ..first }.follows(Chain::default(), key), "changed");
    }
}
