//! What a browser holds and the box believes: tokens to come back with, links to files, the site's word for who somebody is.
//!
//! Nothing of it is kept here: each says what it is, until when, and carries an HMAC over that under a key of the channel's
//! own. A key for one of them is none for another.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::wire::Identity;
use crate::messaging::piece::{Content, Media};
use crate::random::Random;
use crate::time::UnixTime;

/// Random bytes of a visitor's name: nobody meets one by trying.
const NAME: usize = 16;
/// What a visitor's name begins with whom the site knows.
const KNOWN: &str = "account:";
/// Characters of the site's own word for somebody.
const LONGEST_USER: usize = 128;
/// For how long ahead a site may say who somebody is: a proof that holds for ever is a password.
const LONGEST_PROOF_S: i64 = 7 * 24 * 3_600;
/// Characters of the longest token and of the longest link.
const LONGEST: usize = 2_048;

/// Names a visitor: what the box calls the browser, or `account:` and what the site calls the person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Visitor(String);

impl Visitor {
    /// Somebody new.
    pub fn new(random: &mut Random) -> Visitor {
        Visitor(random.hex(NAME))
    }

    /// The visitor of an address, if it is one that this channel has given out.
    pub fn parse(text: &str) -> Option<Visitor> {
        let own = text.len() == NAME * 2
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let known = text.strip_prefix(KNOWN).is_some_and(is_user);
        (own || known).then(|| Visitor(text.to_owned()))
    }

    /// As an address has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visitor(..)")
    }
}

/// Why something that was shown proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotProved {
    /// It was not made here, or was changed.
    Forged,
    /// It was, and is too old.
    Expired,
}

/// A file that a visitor may fetch or say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Whose link it is.
    pub visitor: Visitor,
    /// The file.
    pub media: Media<String>,
}

/// The channel's keys.
pub struct Seal {
    tokens: hmac::Key,
    files: hmac::Key,
    site: Option<hmac::Key>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

#[derive(Serialize, Deserialize)]
struct Link {
    v: Visitor,
    c: Content,
    m: String,
    s: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
}

impl Seal {
    /// With the channel's own key, and what the site and the box share.
    pub fn new(key: &[u8], site: Option<&[u8]>) -> Seal {
        let whole = hmac::Key::new(hmac::HMAC_SHA256, key);
        let part = |purpose: &[u8]| {
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&whole, purpose).as_ref())
        };
        let site = site.map(|site| hmac::Key::new(hmac::HMAC_SHA256, site));
        Seal { tokens: part(b"chat tokens v1"), files: part(b"chat files v1"), site }
    }

    /// What a visitor comes back with, until then.
    pub fn token(&self, visitor: &Visitor, until: UnixTime) -> String {
        sealed(&self.tokens, format!("{}.{}", until.seconds(), visitor.0).as_bytes())
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// When it is none, or too old.
    pub fn visitor(&self, now: UnixTime, token: &str) -> Result<Visitor, NotProved> {
        let text = opened(&self.tokens, token).ok_or(NotProved::Forged)?;
        let text = String::from_utf8(text).map_err(|_| NotProved::Forged)?;
        let (until, visitor) = text.split_once('.').ok_or(NotProved::Forged)?;
        let until: i64 = until.parse().map_err(|_| NotProved::Forged)?;
        let visitor = Visitor::parse(visitor).ok_or(NotProved::Forged)?;
        if until > now.seconds() { Ok(visitor) } else { Err(NotProved::Expired) }
    }

    /// Whom the site says this is.
    ///
    /// # Errors
    /// When its proof is none, or too old, or the channel takes none.
    pub fn known(&self, now: UnixTime, identity: &Identity) -> Result<Visitor, NotProved> {
        let Identity { user, until, proof } = identity;
        let key = self.site.as_ref().filter(|_| is_user(user)).ok_or(NotProved::Forged)?;
        let tag = from_hex(proof).ok_or(NotProved::Forged)?;
        hmac::verify(key, format!("{user}.{until}").as_bytes(), &tag)
            .map_err(|_| NotProved::Forged)?;
        match until - now.seconds() {
            1..=LONGEST_PROOF_S => Ok(Visitor(format!("{KNOWN}{user}"))),
            _ => Err(NotProved::Expired),
        }
    }

    /// The name of a file for a visitor alone.
    pub fn link(&self, visitor: &Visitor, media: &Media<String>) -> String {
        let Media { content, mime, name, size } = media.clone();
        let link = Link { v: visitor.clone(), c: content, m: mime, s: size, n: name };
        // Names and numbers: nothing that JSON could not say.
        sealed(&self.files, &serde_json::to_vec(&link).unwrap_or_default())
    }

    /// The file of a name.
    pub fn linked(&self, link: &str) -> Option<Linked> {
        let Link { v: visitor, c: content, m: mime, s: size, n: name } =
            serde_json::from_slice(&opened(&self.files, link)?).ok()?;
        Some(Linked { visitor, media: Media { content, mime, name, size } })
    }
}

/// Something with its HMAC behind it.
fn sealed(key: &hmac::Key, text: &[u8]) -> String {
    let tag = hmac::sign(key, text);
    URL_SAFE_NO_PAD.encode([tag.as_ref(), text].concat())
}

fn opened(key: &hmac::Key, sealed: &str) -> Option<Vec<u8>> {
    if sealed.len() > LONGEST {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (tag, text) = bytes.split_at_checked(ring::digest::SHA256_OUTPUT_LEN)?;
    hmac::verify(key, text, tag).ok()?;
    Some(text.to_vec())
}

fn is_user(user: &str) -> bool {
    (1..=LONGEST_USER).contains(&user.len()) && user.bytes().all(|byte| byte.is_ascii_graphic())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
        _ => None,
    };
    (text.len() <= 128).then(|| pairs.map(byte).collect::<Option<Vec<_>>>()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000_000_000);

    fn seal() -> Seal {
        Seal::new(&[7; 32], Some(b"shared"))
    }

    fn later(seconds: i64) -> UnixTime {
        UnixTime(NOW.0 + seconds * 1_000_000)
    }

    #[test]
    fn a_token_is_good_until_its_end_and_no_other_key_makes_one() {
        let visitor = Visitor::new(&mut Random::from_number(1));
        let token = seal().token(&visitor, later(60));
        assert_eq!(seal().visitor(NOW, &token), Ok(visitor.clone()));
        assert_eq!(seal().visitor(later(60), &token), Err(NotProved::Expired));
        let other = Seal::new(&[8; 32], Some(b"shared"));
        assert_eq!(other.visitor(NOW, &token), Err(NotProved::Forged));
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("text");
            assert_eq!(seal().visitor(NOW, &changed), Err(NotProved::Forged), "at {place}");
        }
        for bad in ["", "x", &"A".repeat(5_000)] {
            assert_eq!(seal().visitor(NOW, bad), Err(NotProved::Forged));
        }
    }

    #[test]
    fn a_link_is_no_token_and_opens_only_what_it_was_made_for() {
        let visitor = Visitor::new(&mut Random::from_number(1));
        let media = Media {
            content: Content([9; 32]),
            mime: "image/png".to_owned(),
            name: Some("me & you.png".to_owned()),
            size: 12,
        };
        let link = seal().link(&visitor, &media);
        assert_eq!(seal().linked(&link), Some(Linked { visitor: visitor.clone(), media }));
        assert_eq!(seal().visitor(NOW, &link), Err(NotProved::Forged));
        assert_eq!(seal().linked(&seal().token(&visitor, later(60))), None);
    }

    #[test]
    fn nobody_is_who_they_say_without_the_sites_proof() {
        let sign = |user: &str, until: i64, secret: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            let tag = hmac::sign(&key, format!("{user}.{until}").as_bytes());
            let proof = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            Identity { user: user.to_owned(), until, proof }
        };
        let soon = later(3_600).seconds();
        let known = seal().known(NOW, &sign("c-17", soon, b"shared")).expect("proved");
        assert_eq!(known.as_str(), "account:c-17");
        assert_eq!(Visitor::parse(known.as_str()), Some(known));
        for bad in [
            sign("c-17", soon, b"guessed"),
            Identity { user: "c-18".to_owned(), ..sign("c-17", soon, b"shared") },
            Identity { until: soon + 1, ..sign("c-17", soon, b"shared") },
            Identity { proof: "é".repeat(9), ..sign("c-17", soon, b"shared") },
            sign("two words", soon, b"shared"),
        ] {
            assert_eq!(seal().known(NOW, &bad), Err(NotProved::Forged), "{bad:?}");
        }
        for old in [NOW.seconds(), soon + LONGEST_PROOF_S] {
            let shown = sign("c-17", old, b"shared");
            assert_eq!(seal().known(NOW, &shown), Err(NotProved::Expired));
        }
        let alone = Seal::new(&[7; 32], None);
        let shown = sign("c-17", soon, b"");
        assert_eq!(alone.known(NOW, &shown), Err(NotProved::Forged), "no secret is no proof");
    }
}
