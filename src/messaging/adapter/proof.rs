//! Proofs of who sent a request: what is expected is worked out and compared as it is written, in constant time.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{digest, hmac};

use crate::messaging::web::NotHeard;
use crate::time::UnixTime;

/// How far a request's own time may be from ours: five minutes, as Standard Webhooks, Telnyx and Slack have it. What is
/// older may have been kept by somebody and sent again.
pub const SLACK_SECONDS: i64 = 300;

/// What a service and the box share. Its debug form says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Bytes, or text as its file holds it without the line's end.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Secret {
        Secret(bytes.into())
    }

    /// The secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
    pub fn standard(text: &str) -> Option<Secret> {
        let bytes = STANDARD.decode(text.trim().strip_prefix("whsec_")?).ok()?;
        (24..=64).contains(&bytes.len()).then_some(Secret(bytes))
    }

    /// As text; what is not text cannot stand in a header.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// An HMAC over parts, as if they were one (RFC 2104).
    pub fn sign(&self, algorithm: hmac::Algorithm, parts: &[&[u8]]) -> hmac::Tag {
        let mut signing = hmac::Context::with_key(&hmac::Key::new(algorithm, &self.0));
        parts.iter().for_each(|part| signing.update(part));
        signing.sign()
    }

    /// The value of an Authorization header that names `user` and has this as its password (RFC 7617).
    pub fn basic(&self, user: &str) -> String {
        format!("Basic {}", to_base64(format!("{user}:{}", self.text()).as_bytes()))
    }

    /// The value of an Authorization header that shows this (RFC 6750).
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.text())
    }

    /// Whether what was shown is this.
    pub fn is(&self, shown: &str) -> bool {
        !self.0.is_empty() && same(&self.0, shown.as_bytes())
    }
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub fn same(expected: &[u8], shown: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, expected);
    hmac::verify(&key, expected, hmac::sign(&key, shown).as_ref()).is_ok()
}

/// Whether a request that says `seconds` is of now.
///
/// # Errors
/// When it is too old, or from the future.
pub fn fresh(now: UnixTime, seconds: i64) -> Result<(), NotHeard> {
    let near = now.seconds().abs_diff(seconds) <= SLACK_SECONDS.unsigned_abs();
    near.then_some(()).ok_or(NotHeard::Stale)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        text.extend(
            [byte >> 4, byte & 15].map(|half| char::from(b"0123456789abcdef"[half as usize])),
        );
        text
    })
}

/// RFC 4648 section 4.
pub fn to_base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// RFC 4648 section 4, as it is written without a way to write it otherwise.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes))
}

/// What a JSON Web Token says that is signed by HMAC-SHA256 with this secret (RFC 7519, RFC 7515). No other algorithm is
/// taken, whatever the token's own header asks for.
pub fn claims(secret: &Secret, token: &str) -> Option<serde_json::Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let expected = URL_SAFE_NO_PAD.encode(secret.sign(hmac::HMAC_SHA256, &[signed.as_bytes()]));
    if secret.0.is_empty() || !same(expected.as_bytes(), signature.as_bytes()) {
        return None;
    }
    let json = |part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let header: serde_json::Value = json(header)?;
    let plain = header.get("alg")?.as_str() == Some("HS256") && header.get("crit").is_none();
    plain.then(|| json(payload)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_another_algorithm_is_refused_though_its_signature_fits() {
        let secret = Secret::new("key");
        let token = |header: &str| {
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let signed = format!("{}.{}", part(header), part(r#"{"jti":"1"}"#));
            let tag = secret.sign(hmac::HMAC_SHA256, &[signed.as_bytes()]);
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
        };
        assert_eq!(claims(&secret, &token(r#"{"alg":"HS256"}"#)).unwrap()["jti"], "1");
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS512"}"#, r#"{"alg":"HS256","crit":["x"]}"#]
        {
            assert_eq!(claims(&secret, &token(header)), None, "{header}");
        }
        assert_eq!(claims(&Secret::new(""), &token(r#"{"alg":"HS256"}"#)), None);
    }

    #[test]
    fn a_request_is_of_now_for_five_minutes_either_way() {
        let now = UnixTime(1_000 * 1_000_000);
        for (seconds, good) in
            [(700, true), (699, false), (1_300, true), (1_301, false), (i64::MIN, false)]
        {
            assert_eq!(fresh(now, seconds).is_ok(), good, "{seconds}");
        }
    }
}
