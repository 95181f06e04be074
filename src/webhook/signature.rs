//! Signatures as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`, with the body's bytes as they are sent.
//!
//! While a secret is being changed there are two: each message carries a signature by either, so that whoever checks with
//! one of them takes it.

use std::fmt;

use ring::hmac;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Lengths of secrets that the standard allows, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// What a receiver and the box share. Its debug form says nothing.
#[derive(Clone)]
pub struct Secret {
    new: hmac::Key,
    /// The one before, while some receivers know that alone.
    old: Option<hmac::Key>,
}

/// Text that is no secret for signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongSecret;

impl fmt::Display for WrongSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a webhook's secret is `whsec_` and 24 to 64 bytes in base64: \
             `echo whsec_$(openssl rand -base64 32)` makes one",
        )
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// When it is not base64 of 24 to 64 bytes behind `whsec_`.
    pub fn parse(text: &str) -> Result<Secret, WrongSecret> {
        let text = text.trim().strip_prefix("whsec_").ok_or(WrongSecret)?;
        let bytes = from_base64(text).filter(|bytes| LENGTHS.contains(&bytes.len()));
        let new = hmac::Key::new(hmac::HMAC_SHA256, &bytes.ok_or(WrongSecret)?);
        Ok(Secret { new, old: None })
    }

    /// The same while `old` is on its way out.
    pub fn beside(self, old: Secret) -> Secret {
        Secret { old: Some(old.new), ..self }
    }

    /// The value of `webhook-signature` for a message that is sent at `seconds` since 1970.
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let keys = [Some(&self.new), self.old.as_ref()];
        let signed = keys.into_iter().flatten().map(|key| sign(key, id, seconds, body));
        signed.collect::<Vec<_>>().join(" ")
    }
}

fn sign(key: &hmac::Key, id: &str, seconds: i64, body: &[u8]) -> String {
    let mut signing = hmac::Context::with_key(key);
    signing.update(format!("{id}.{seconds}.").as_bytes());
    signing.update(body);
    format!("v1,{}", to_base64(signing.sign().as_ref()))
}

/// RFC 4648 section 4.
fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, b| bits << 8 | u32::from(*b));
        let bits = bits << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// RFC 4648 section 4; padding may be left out.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.chunks(4) {
        let digit = |c: &u8| DIGITS.iter().position(|d| d == c).map(|at| at as u32);
        let bits = chunk.iter().try_fold(0, |bits, c| Some(bits << 6 | digit(c)?))?;
        let whole = chunk.len() * 6 / 8;
        if whole == 0 {
            return None;
        }
        let spread = (bits << (6 * (4 - chunk.len()))).to_be_bytes();
        bytes.extend_from_slice(&spread[1..=whole]);
    }
    Some(bytes)
}
