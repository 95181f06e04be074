//! What the gateway and the drivers of chats have to call the same: visitors and their lines.

use crate::context::{Identity, Kind};
use crate::id::ChannelId;
use crate::messaging::Fingerprint;

/// Bytes of a fingerprint.
pub const PRINT: usize = 16;
/// What a visitor's name begins with whom the site knows.
const KNOWN: &str = "account:";

/// Of what a channel calls something that arrived: what the journal has instead. `token` is that of the box's keys.
pub fn fingerprint(
    token: impl Fn(&str, usize) -> String,
    channel: &ChannelId,
    key: &str,
) -> Fingerprint {
    Fingerprint(bytes(&token(&format!("message {channel} {key}"), PRINT)))
}

/// By what the record knows a visitor: an account's number where the site says who they are, else the name that the box
/// gave their browser.
pub fn visitor(name: &str) -> (Kind, String) {
    match name.strip_prefix(KNOWN) {
        Some(account) => (Kind::Account, account.to_owned()),
        None => (Kind::Business, format!("visitor:{name}")),
    }
}

/// The same as the record writes it.
pub fn visitor_identity(name: &str) -> Option<Identity<String>> {
    let (kind, text) = visitor(name);
    Identity::read(kind, &text, &|_| None).ok()
}

/// A fingerprint from its hexadecimal digits.
pub fn bytes(hex: &str) -> [u8; PRINT] {
    let mut bytes = [0; PRINT];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()).unwrap_or(0);
    }
    bytes
}
