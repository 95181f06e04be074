//! The hash chain through all records, and the seals on it.
//!
//! Each record's hash covers the hash before it (SHA-256), so a record that was changed, taken out or put in breaks all
//! that follow. Once a minute the head of the chain is signed (Ed25519) with a key that only this box has.

use std::fmt;

use ring::digest::{Context, SHA256};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is signed begins with this, so that the key's signatures mean nothing anywhere else.
const CONTEXT: &[u8] = b"branchline journal seal v1";

/// The chain's head: 32 bytes; zeros before the first record.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain([u8; 32]);

impl Chain {
    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds a record.
    pub fn add(&mut self, record: &[u8]) {
        let mut linked = Context::new(&SHA256);
        linked.update(&self.0);
        linked.update(record);
        self.0.copy_from_slice(linked.finish().as_ref());
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Chain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = unhex(&text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Chain).ok_or_else(|| serde::de::Error::custom("not a hash of 32 bytes"))
    }
}

/// A seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The last record that it covers.
    pub upto: u64,
    /// The head of the chain there.
    pub head: Chain,
    /// Signature (RFC 8032) over both, in hexadecimal.
    pub signature: String,
}

impl Seal {
    /// Whether the signature is that of the key.
    pub fn is_genuine(&self, public_key: &[u8]) -> bool {
        let Some(signature) = unhex(&self.signature) else { return false };
        let key = UnparsedPublicKey::new(&ED25519, public_key);
        key.verify(&signed(self.upto, &self.head), &signature).is_ok()
    }
}

/// The box's own key.
pub struct Sealer(Ed25519KeyPair);

/// Bytes that are no key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAKey;

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    /// From the 32 secret bytes of an Ed25519 key.
    pub fn from_seed(seed: &[u8]) -> Result<Self, NotAKey> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Sealer).map_err(|_| NotAKey)
    }

    /// The public half: what an auditor keeps.
    pub fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// Signs something else than the journal's chain: what `context` says. In hexadecimal.
    pub fn sign(&self, context: &[u8], what: &[u8]) -> String {
        hex(self.0.sign(&[context, what].concat()).as_ref())
    }

    pub(super) fn seal(&self, upto: u64, head: &Chain) -> Seal {
        let signature = hex(self.0.sign(&signed(upto, head)).as_ref());
        Seal { upto, head: *head, signature }
    }
}

/// Whether something was signed by [`Sealer::sign`] with the key whose public half this is.
pub fn is_signed(public_key: &[u8], context: &[u8], what: &[u8], signature: &str) -> bool {
    let Some(signature) = unhex(signature) else { return false };
    let key = UnparsedPublicKey::new(&ED25519, public_key);
    key.verify(&[context, what].concat(), &signature).is_ok()
}

fn signed(upto: u64, head: &Chain) -> Vec<u8> {
    [CONTEXT, &upto.to_be_bytes(), &head.0].concat()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' - 10 + half });
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    text
}

/// Bytes from hexadecimal.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_holds_for_its_head_its_place_and_its_key_alone() {
        let (ours, other) =
            (Sealer::from_seed(&[1; 32]).unwrap(), Sealer::from_seed(&[2; 32]).unwrap());
        let mut chain = Chain::default();
        chain.add(b"a record");
        let seal = ours.seal(7, &chain);
        assert!(seal.is_genuine(ours.public_key()));
        assert!(!seal.is_genuine(other.public_key()));
        assert!(!Seal { upto: 8, ..seal.clone() }.is_genuine(ours.public_key()));
        assert!(!Seal { head: Chain::default(), ..seal.clone() }.is_genuine(ours.public_key()));
        assert!(!Seal { signature: "0x".into(), ..seal }.is_genuine(ours.public_key()));
    }

    #[test]
    fn the_chain_depends_on_every_record_and_their_order() {
        let of = |records: &[&[u8]]| {
            let mut chain = Chain::default();
            records.iter().for_each(|record| chain.add(record));
            chain
        };
        assert_ne!(of(&[b"a", b"b"]), of(&[b"b", b"a"]));
        assert_ne!(of(&[b"a", b"b"]), of(&[b"a"]));
        let text = serde_json::to_string(&of(&[b"a"])).unwrap();
        assert_eq!(serde_json::from_str::<Chain>(&text).unwrap(), of(&[b"a"]));
    }
}
