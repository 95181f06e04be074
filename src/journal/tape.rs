//! A recording's file: a header, then sound in sealed chunks that can each be read on their own.
//!
//! The key of each recording comes from its subject's (HKDF, RFC 5869) and a salt in the header, so whoever forgets the
//! subject has forgotten the recording, here and in every copy of the file. Chunks are sealed as the STREAM construction
//! has it (Hoang, Reyhanitabar, Rogaway and Vizár, "Online authenticated-encryption", 2015): their nonces count them and
//! mark the last, so that none can be moved, left out or cut off unnoticed. What was written before a crash is read as
//! far as it came. Knows no files; sound is whatever bytes it is given.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

use crate::id::RecordingId;
use crate::journal::personal::{KEY, Subject, TAG};
use crate::random::Random;

/// What every such file begins with; the digit is the version of its form.
const MAGIC: &[u8; 8] = b"BLTAPE1\n";
/// Bytes of the salt: as many as the hash makes of a key.
const SALT: usize = 32;
/// Bytes of the header: the mark above, the recording's id, the subject, the salt, the number of channels.
pub const HEADER: usize = 8 + 8 + Subject::LENGTH + SALT + 1;
/// Bytes before each chunk that tell its sealed length.
pub const PREFIX: usize = 4;
/// The longest chunk, sealed: ours hold a second of sound, 32 kB.
const LONGEST: usize = 1 << 20;
/// What keys of recordings are made for, and nothing else.
const PURPOSE: &[u8] = b"branchline recording v1";

/// What one recording is sealed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    header: [u8; HEADER],
    key: [u8; KEY],
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// Why a recording is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// It does not begin as ours do.
    NoTape,
    /// It is another recording than its name says.
    Another,
    /// The key is not there: whoever it was about was erased, or the file of keys is another box's.
    Erased,
    /// A chunk is damaged, is not where it was, or the end is missing.
    Damaged,
}

impl fmt::Display for Shut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shut::NoTape => "this is not a recording of ours",
            Shut::Another => "the file holds another recording than its name says",
            Shut::Erased => "its key is gone: whoever it was of was erased",
            Shut::Damaged => "the recording is damaged or its end is missing",
        })
    }
}

impl std::error::Error for Shut {}

impl Key {
    /// A new recording's, of a subject with this key.
    pub(super) fn new(
        (subject, subject_key): (Subject, &[u8; KEY]),
        recording: RecordingId,
        channels: u8,
        random: &mut Random,
    ) -> Key {
        let mut salt = [0; SALT];
        random.fill(&mut salt);
        let parts =
            [&MAGIC[..], &recording.0.to_be_bytes(), subject.as_bytes(), &salt, &[channels]];
        let mut header = [0; HEADER];
        header.iter_mut().zip(parts.concat()).for_each(|(to, from)| *to = from);
        Key { key: derived(subject_key, &header), header }
    }

    /// That of a recording which begins like this, of a subject with this key.
    pub(super) fn of(header: &[u8; HEADER], subject_key: &[u8; KEY]) -> Key {
        Key { key: derived(subject_key, header), header: *header }
    }

    /// What the file begins with.
    pub fn header(&self) -> &[u8; HEADER] {
        &self.header
    }

    /// How many channels the sound has.
    pub fn channels(&self) -> u8 {
        self.header[HEADER - 1]
    }

    /// Seals the chunk with this number, counted from 0; the length is before it. Sound of a mebibyte at most.
    pub fn seal(&self, number: u32, last: bool, sound: &[u8]) -> Vec<u8> {
        let length = u32::try_from(sound.len() + TAG).unwrap_or(u32::MAX);
        let mut chunk = Vec::with_capacity(PREFIX + sound.len() + TAG);
        chunk.extend(length.to_be_bytes());
        chunk.extend(sound);
        let (_, text) = chunk.split_at_mut(PREFIX);
        // The only error is a text of more than 64 GB.
        let tag = cipher(&self.key)
            .seal_in_place_separate_tag(nonce(number, last), Aad::from(&self.header), text)
            .expect("the chunk is short");
        chunk.extend(tag.as_ref());
        chunk
    }

    /// Opens the chunk with this number; its length is not before it any more.
    ///
    /// # Errors
    /// [`Shut::Damaged`] when it is not that chunk, whole and as it was sealed.
    pub fn open(&self, number: u32, last: bool, mut chunk: Vec<u8>) -> Result<Vec<u8>, Shut> {
        let opened = cipher(&self.key).open_in_place(
            nonce(number, last),
            Aad::from(&self.header),
            &mut chunk,
        );
        let length = opened.map_err(|_| Shut::Damaged)?.len();
        chunk.truncate(length);
        Ok(chunk)
    }
}

/// The subject of a recording that begins like this.
///
/// # Errors
/// When none of ours does, or it is another than `recording`.
pub fn subject(header: &[u8; HEADER], recording: RecordingId) -> Result<Subject, Shut> {
    let rest = header.strip_prefix(MAGIC).ok_or(Shut::NoTape)?;
    let rest = rest.strip_prefix(&recording.0.to_be_bytes()).ok_or(Shut::Another)?;
    rest.first_chunk().copied().map(Subject::from).ok_or(Shut::NoTape)
}

/// How long the sealed chunk behind this is; nothing if there is no such chunk.
pub fn length(prefix: [u8; PREFIX]) -> Option<usize> {
    let length = usize::try_from(u32::from_be_bytes(prefix)).ok()?;
    (TAG..=LONGEST).contains(&length).then_some(length)
}

/// How much sound is in a sealed chunk of this length.
pub fn sound_in(sealed: usize) -> usize {
    sealed.saturating_sub(TAG)
}

fn derived(subject_key: &[u8; KEY], header: &[u8; HEADER]) -> [u8; KEY] {
    let (said, _) = header.split_at(HEADER - 1);
    let (said, salt) = said.split_at(HEADER - 1 - SALT);
    let mut key = [0; KEY];
    let parts = [PURPOSE, said];
    // The only error is a key longer than 255 hashes.
    Salt::new(HKDF_SHA256, salt)
        .extract(subject_key)
        .expand(&parts, HKDF_SHA256)
        .and_then(|made| made.fill(&mut key))
        .expect("the key is as long as one hash");
    key
}

fn cipher(key: &[u8; KEY]) -> LessSafeKey {
    // The only error is a key of another length.
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has 32 bytes"))
}

/// STREAM's nonce: nothing of its own, since the key is this recording's alone; the count; whether it is the last.
fn nonce(number: u32, last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    let count = number.to_be_bytes().into_iter().chain([u8::from(last)]);
    nonce.iter_mut().skip(NONCE_LEN - 5).zip(count).for_each(|(to, from)| *to = from);
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::personal::{Keyring, Reads};

    const RECORDING: RecordingId = RecordingId(7);

    fn ring(file: &[u8]) -> Keyring {
        Keyring::open(&[7; KEY], file, Random::from_number(1))
    }

    #[test]
    fn chunks_are_read_where_they_were_and_nowhere_else() {
        let mut ring = ring(&[]);
        let key = ring.tape("call/1", RECORDING, 2);
        let sealed = key.seal(3, false, b"good morning");
        let (prefix, chunk) = sealed.split_first_chunk().unwrap();
        assert_eq!(length(*prefix), Some(chunk.len()));
        assert_eq!(sound_in(chunk.len()), 12);
        let opens = |number, last| key.open(number, last, chunk.to_vec());
        assert_eq!(opens(3, false).unwrap(), b"good morning");
        assert_eq!(opens(2, false), Err(Shut::Damaged), "moved");
        assert_eq!(opens(3, true), Err(Shut::Damaged), "what came behind it was cut off");
        let other = ring.tape("call/1", RECORDING, 2);
        assert_eq!(other.open(3, false, chunk.to_vec()), Err(Shut::Damaged), "another salt");
        let mut bent = chunk.to_vec();
        bent[4] ^= 1;
        assert_eq!(key.open(3, false, bent), Err(Shut::Damaged));
        for nonsense in [0, 15, u32::MAX] {
            assert_eq!(length(nonsense.to_be_bytes()), None);
        }
    }

    #[test]
    fn a_key_that_was_destroyed_opens_no_copy_that_was_taken_before() {
        let mut own = ring(&[]);
        let key = own.tape("call/1", RECORDING, 1);
        let others = own.tape("call/2", RecordingId(8), 1);
        let (header, chunk) = (*key.header(), key.seal(0, true, b"secret").split_off(PREFIX));
        let file = own.file();
        let again = ring(&file).reading().tape(&header, RECORDING).unwrap();
        assert_eq!(again.open(0, true, chunk.clone()).unwrap(), b"secret");
        let subject = own.reading().by_name("call/1");
        own.forget_all(&[subject]);
        let later = ring(&own.file());
        assert_eq!(later.reading().tape(&header, RECORDING).unwrap_err(), Shut::Erased);
        assert!(later.reading().tape(others.header(), RecordingId(8)).is_ok(), "others stay");
        let wrong = later.reading().tape(others.header(), RECORDING);
        assert_eq!(wrong.unwrap_err(), Shut::Another, "a file under another's name");
        assert_eq!(later.reading().tape(&[0; HEADER], RECORDING).unwrap_err(), Shut::NoTape);
        assert!(others.open(0, true, chunk).is_err());
    }
}
