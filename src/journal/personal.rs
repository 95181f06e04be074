//! Personal data: numbers and names, sealed so that forgetting a person is forgetting one key.
//!
//! Each subject has a key of its own (AES-256-GCM), found by an HMAC of the number, or of a name such as a contact's, so
//! that the file of keys names nobody. Subject keys are wrapped by the box's master key. Clear text cannot be serialised
//! at all: whoever forgets to seal gets an error and no record. [`Reading`] is the half of the ring that reads, for
//! whoever looks things up away from the journal.

use std::collections::BTreeMap;
use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::RecordingId;
use crate::journal::chain::{hex, unhex};
use crate::journal::tape::{self, Shut};
use crate::random::Random;

/// Bytes that name a subject.
const NAME: usize = 16;
/// Bytes of a key, and of the tag behind each sealed text.
pub(super) const KEY: usize = 32;
pub(super) const TAG: usize = 16;
/// One entry of the file of keys: the subject, a nonce, the wrapped key.
pub const ENTRY: usize = NAME + NONCE_LEN + KEY + TAG;

/// Names a subject without telling who it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject([u8; NAME]);

impl Subject {
    /// How many bytes it has.
    pub(super) const LENGTH: usize = NAME;

    /// Its bytes, for keys of rows.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its first 64 bits: enough to tell people apart in a report.
    pub fn number(&self) -> u64 {
        self.0.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }
}

impl From<[u8; NAME]> for Subject {
    fn from(bytes: [u8; NAME]) -> Subject {
        Subject(bytes)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A piece of personal data.
#[derive(Clone, PartialEq, Eq)]
pub enum Personal {
    /// In clear; never written. The text itself, a number, is the subject.
    Clear(String),
    /// In clear; never written. The subject has a name.
    Named {
        /// Such as `contact/5R2T0QW8N4K1C`.
        subject: String,
        /// The text.
        text: String,
    },
    /// Sealed with the subject's key.
    Sealed(Subject, Vec<u8>),
}

impl From<&str> for Personal {
    fn from(text: &str) -> Self {
        Personal::Clear(text.to_owned())
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Personal::Clear(_) | Personal::Named { .. } => f.write_str("Personal"),
            Personal::Sealed(subject, _) => write!(f, "Personal({subject:?})"),
        }
    }
}

impl Serialize for Personal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Personal::Clear(_) | Personal::Named { .. } => {
                Err(serde::ser::Error::custom("personal data is not sealed"))
            }
            Personal::Sealed(Subject(subject), sealed) => {
                serializer.collect_str(&format_args!("{}:{}", hex(subject), hex(sealed)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Personal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = text.split_once(':').and_then(|(subject, sealed)| {
            Some(Personal::Sealed(Subject(unhex(subject)?.try_into().ok()?), unhex(sealed)?))
        });
        parts.ok_or_else(|| serde::de::Error::custom("not sealed personal data"))
    }
}

/// Who can read sealed data, and knows what subjects are called.
pub trait Reads: fmt::Debug {
    /// The clear text; nothing once the subject was forgotten.
    fn read(&self, personal: &Personal) -> Option<String>;

    /// Whose it is.
    fn subject(&self, personal: &Personal) -> Subject;

    /// Who has a name. No number has the same subject.
    fn by_name(&self, name: &str) -> Subject;

    /// What the recording is read with whose file begins like this.
    ///
    /// # Errors
    /// When it is no such recording, or its subject was forgotten.
    fn tape(&self, header: &[u8; tape::HEADER], recording: RecordingId) -> Result<tape::Key, Shut>;
}

impl Reads for Reading {
    fn read(&self, personal: &Personal) -> Option<String> {
        match personal {
            Personal::Clear(text) | Personal::Named { text, .. } => Some(text.clone()),
            Personal::Sealed(subject, sealed) => {
                let key = self.keys.get(subject)?;
                String::from_utf8(unseal(&cipher(key), &subject.0, sealed)?).ok()
            }
        }
    }

    fn subject(&self, personal: &Personal) -> Subject {
        match personal {
            Personal::Clear(number) => self.by_number(number),
            Personal::Named { subject, .. } => self.by_name(subject),
            Personal::Sealed(subject, _) => *subject,
        }
    }

    fn by_name(&self, name: &str) -> Subject {
        // A number has no blank in it.
        self.tagged(&[b"name: ", name.as_bytes()].concat())
    }

    fn tape(&self, header: &[u8; tape::HEADER], recording: RecordingId) -> Result<tape::Key, Shut> {
        let subject = tape::subject(header, recording)?;
        let key = self.keys.get(&subject).ok_or(Shut::Erased)?;
        Ok(tape::Key::of(header, key))
    }
}

/// Takes the entries of subjects out of a file of keys. Answers how many there were.
pub fn take_out(file: &mut Vec<u8>, subjects: &[Subject]) -> usize {
    let before = file.len();
    let goes = |entry: &&[u8]| subjects.iter().any(|subject| entry.starts_with(&subject.0));
    *file = file.chunks(ENTRY).filter(|entry| !goes(entry)).flatten().copied().collect();
    (before - file.len()) / ENTRY
}

/// The keys that sealed data is read with.
#[derive(Clone)]
pub struct Reading {
    wrap: [u8; KEY],
    naming: hmac::Key,
    keys: BTreeMap<Subject, [u8; KEY]>,
    unreadable: usize,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reading({} subjects)", self.keys.len())
    }
}

impl Reading {
    /// As [`Keyring::token`].
    pub fn token(&self, purpose: &str, bytes: usize) -> String {
        let key = hmac::sign(&self.naming, b"branchline tokens v1: ");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), purpose.as_bytes());
        hex(tag.as_ref().get(..bytes).unwrap_or_default())
    }

    /// Takes up what was added to the file of keys. A torn last entry and entries of another master key are passed over.
    pub fn add(&mut self, entries: &[u8]) {
        let wrap = cipher(&self.wrap);
        for entry in entries.chunks_exact(ENTRY) {
            let Some((subject, wrapped)) = entry.split_at_checked(NAME) else { continue };
            let Ok(subject) = <[u8; NAME]>::try_from(subject) else { continue };
            let key = unseal(&wrap, &subject, wrapped).and_then(|key| key.try_into().ok());
            match key {
                Some(key) => drop(self.keys.insert(Subject(subject), key)),
                None => self.unreadable += 1,
            }
        }
    }

    /// Forgets subjects.
    pub fn forget(&mut self, subjects: &[Subject]) {
        for subject in subjects {
            self.keys.remove(subject);
        }
    }

    /// Whether there is a key for it.
    pub fn knows(&self, subject: &Subject) -> bool {
        self.keys.contains_key(subject)
    }

    /// Who it is: what a number is written with besides digits does not make another person.
    pub fn by_number(&self, text: &str) -> Subject {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = if plain.is_empty() { text } else { &plain };
        self.tagged(name.to_ascii_lowercase().as_bytes())
    }

    fn tagged(&self, name: &[u8]) -> Subject {
        let mut subject = [0; NAME];
        let tag = hmac::sign(&self.naming, name);
        subject.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        Subject(subject)
    }
}

/// Every subject's key.
pub struct Keyring {
    reading: Reading,
    wrap: LessSafeKey,
    fresh: Vec<u8>,
    random: Random,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} subjects)", self.reading.keys.len())
    }
}

impl Keyring {
    /// Opens the ring: `file` is the file of keys, of which a torn last entry and entries of another master key are
    /// passed over.
    pub fn open(master: &[u8; KEY], file: &[u8], random: Random) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, master);
        let mut wrap = [0; KEY];
        wrap.copy_from_slice(hmac::sign(&master, b"branchline subject keys v1").as_ref());
        let naming = hmac::sign(&master, b"branchline subject names v1");
        let naming = hmac::Key::new(hmac::HMAC_SHA256, naming.as_ref());
        let mut reading = Reading { wrap, naming, keys: BTreeMap::new(), unreadable: 0 };
        reading.add(file);
        Keyring { reading, wrap: cipher(&wrap), fresh: Vec::new(), random }
    }

    /// The half that reads.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Whether it has no key.
    pub fn is_empty(&self) -> bool {
        self.reading.keys.is_empty()
    }

    /// Entries of the file that could not be read: damaged, or of another master key.
    pub fn unreadable(&self) -> usize {
        self.reading.unreadable
    }

    /// Seals clear text in place.
    pub fn seal(&mut self, personal: &mut Personal) {
        let subject = self.reading.subject(personal);
        let (Personal::Clear(text) | Personal::Named { text, .. }) = personal else { return };
        let key = self.key(subject);
        let sealed = seal(&cipher(&key), &subject.0, text.as_bytes(), &mut self.random);
        *personal = Personal::Sealed(subject, sealed);
    }

    /// What a new recording of whoever has this name is sealed with.
    pub fn tape(&mut self, name: &str, recording: RecordingId, channels: u8) -> tape::Key {
        let subject = self.reading.by_name(name);
        let key = self.key(subject);
        tape::Key::new((subject, &key), recording, channels, &mut self.random)
    }

    /// The clear text; nothing once the subject was forgotten.
    pub fn read(&self, personal: &Personal) -> Option<String> {
        self.reading.read(personal)
    }

    /// Forgets a subject by its number: all that was sealed for it can be read no more, once the file of keys has been
    /// replaced by [`Self::file`]. Answers whether there was one.
    pub fn forget(&mut self, text: &str) -> bool {
        let subject = self.reading.by_number(text);
        self.reading.keys.remove(&subject).is_some()
    }

    /// Forgets subjects, also those whose keys are not in the file yet.
    pub(super) fn forget_all(&mut self, subjects: &[Subject]) {
        self.reading.forget(subjects);
        take_out(&mut self.fresh, subjects);
    }

    /// Text that nobody makes up who does not have the box's master key: so many bytes of it, in hexadecimal, always the
    /// same for the same `purpose`.
    pub fn token(&self, purpose: &str, bytes: usize) -> String {
        self.reading.token(purpose, bytes)
    }

    /// The whole file of keys.
    pub fn file(&mut self) -> Vec<u8> {
        let keys: Vec<_> =
            self.reading.keys.iter().map(|(subject, key)| (*subject, *key)).collect();
        keys.into_iter().flat_map(|(subject, key)| self.entry(subject, &key)).collect()
    }

    /// Entries for the file of keys that are not in it yet.
    pub(super) fn take_fresh(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.fresh)
    }

    fn key(&mut self, subject: Subject) -> [u8; KEY] {
        if let Some(key) = self.reading.keys.get(&subject) {
            return *key;
        }
        let mut key = [0; KEY];
        self.random.fill(&mut key);
        self.reading.keys.insert(subject, key);
        let entry = self.entry(subject, &key);
        self.fresh.extend(entry);
        key
    }

    fn entry(&mut self, subject: Subject, key: &[u8; KEY]) -> Vec<u8> {
        let wrapped = seal(&self.wrap, &subject.0, key, &mut self.random);
        [&subject.0[..], &wrapped].concat()
    }
}

fn cipher(key: &[u8; KEY]) -> LessSafeKey {
    // The only error is a key of another length.
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes"))
}

fn seal(key: &LessSafeKey, subject: &[u8], clear: &[u8], random: &mut Random) -> Vec<u8> {
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce);
    let mut text = clear.to_vec();
    // The only error is a text of more than 64 GB.
    let tag = key.seal_in_place_separate_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(subject),
        &mut text,
    );
    let tag = tag.expect("the text is short");
    [&nonce[..], &text, tag.as_ref()].concat()
}

fn unseal(key: &LessSafeKey, subject: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let length = key.open_in_place(nonce, Aad::from(subject), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(file: &[u8]) -> Keyring {
        Keyring::open(&[7; KEY], file, Random::from_number(1))
    }

    #[test]
    fn what_was_sealed_is_read_again_by_the_next_run_and_by_no_other_box() {
        let mut keys = ring(&[]);
        let mut number = Personal::from("+15550100");
        assert!(serde_json::to_string(&number).is_err(), "clear text is never written");
        keys.seal(&mut number);
        let written = serde_json::to_string(&number).unwrap();
        assert!(!written.contains("5550100") && !format!("{number:?}").contains("5550100"));
        let file = keys.take_fresh();
        assert_eq!(file.len(), ENTRY);
        let number: Personal = serde_json::from_str(&written).unwrap();
        assert_eq!(ring(&file).read(&number).as_deref(), Some("+15550100"));
        assert_eq!(ring(&file[..ENTRY - 1]).read(&number), None, "a torn entry is none");
        assert_eq!(Keyring::open(&[8; KEY], &file, Random::from_number(1)).read(&number), None);
    }

    #[test]
    fn one_person_has_one_key_and_is_forgotten_with_it() {
        let mut keys = ring(&[]);
        let mut all: Vec<_> = ["+1 555-0100", "15550100", "+15550199"].map(Personal::from).into();
        all.iter_mut().for_each(|personal| keys.seal(personal));
        assert_eq!(keys.take_fresh().len(), 2 * ENTRY);
        assert!(keys.forget("+1(555)0100") && !keys.forget("+15550111"));
        let file = keys.file();
        let later = ring(&file);
        let read: Vec<_> = all.iter().map(|personal| later.read(personal)).collect();
        assert_eq!(read, [None, None, Some("+15550199".to_owned())]);
    }
}
