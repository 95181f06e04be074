//! Tokens: what a letter of ours carries so that what comes back is known, and threads as they are written down.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

use super::is_id;
use crate::id::MessageId;
use crate::messaging::adapter::proof::{hex, same};

/// Characters of a message's id.
const ID: usize = 13;
/// Characters of its signature: 64 bits, of which one guess costs one letter. More would not fit beside a long name before
/// the `@`, which has 64 characters (RFC 5321 section 4.5.3.1.1).
const TAG: usize = 16;

/// The key of a mailbox: what it signs comes back as it was. Its debug form says nothing.
#[derive(Clone)]
pub struct Key {
    signing: hmac::Key,
    sealing: LessSafeKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// Of 32 secret bytes, the same after every restart; nothing, where a cipher does not take them.
    pub fn new(secret: &[u8; 32]) -> Option<Key> {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let own = |what: &[u8]| hmac::sign(&root, what);
        let signing = hmac::Key::new(hmac::HMAC_SHA256, own(b"tokens of letters").as_ref());
        let sealing = UnboundKey::new(&AES_256_GCM, own(b"threads of letters").as_ref()).ok()?;
        Some(Key { signing, sealing: LessSafeKey::new(sealing) })
    }

    /// The token of a message: letters and digits, the same in any case.
    pub fn token(&self, message: MessageId) -> String {
        let id = message.to_string().to_ascii_lowercase();
        let tag = self.tag(&id);
        id + &tag
    }

    /// The message whose token this is.
    pub fn message(&self, token: &str) -> Option<MessageId> {
        let token = token.to_ascii_lowercase();
        if token.len() != ID + TAG || !token.is_ascii() {
            return None;
        }
        let (id, tag) = token.split_at(ID);
        same(self.tag(id).as_bytes(), tag.as_bytes()).then(|| id.parse().ok()).flatten()
    }

    fn tag(&self, id: &str) -> String {
        let mut tag = hex(hmac::sign(&self.signing, id.as_bytes()));
        tag.truncate(TAG);
        tag
    }

    /// How a thread is written down that begins with the letter `id` of somebody: the same for the same two, nothing that
    /// says either. A Message-ID may hold the name of a person or of their computer. One person's threads are never
    /// another's, whatever others put into their References.
    pub fn thread(&self, peer: &str, id: &str) -> Option<String> {
        if !is_id(id) {
            return None;
        }
        let said = [b"thread\0", peer.as_bytes(), b"\0", id.as_bytes()].concat();
        let mark = hmac::sign(&self.signing, &said);
        // The nonce is of what is sealed: the same only where all of it is the same.
        let nonce: [u8; NONCE_LEN] = mark.as_ref().get(..NONCE_LEN)?.try_into().ok()?;
        let mut sealed = id.as_bytes().to_vec();
        let place = Nonce::assume_unique_for_key(nonce);
        self.sealing.seal_in_place_append_tag(place, Aad::empty(), &mut sealed).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The letter that a thread begins with.
    pub fn first(&self, thread: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(thread).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let id = self.sealing.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        String::from_utf8(id.to_vec()).ok().filter(|id| is_id(id))
    }
}
