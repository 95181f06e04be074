//! What a new box is enrolled with: a word of head office, which can be used once.
//!
//! It names the site, it has the fingerprint of the authority by which the hub proves itself, and a secret that the hub
//! knows. Whoever has it can be the site until it is used or ends; it says nothing of the box's own key, which the box makes
//! and keeps.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

use crate::random::Random;

/// The protocol's name in the handshake of TLS (RFC 7301) when a box is enrolled.
pub const PROTOCOL: &[u8] = b"branchline-enrol/1";
/// Longest name of a site: what a label of a domain name may have (RFC 1035 section 2.3.4).
pub const LONGEST_SITE: usize = 63;

/// SHA-256 of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is said once, in confidence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 16]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Whose.
    pub site: String,
    /// What the hub knows it by.
    pub secret: Secret,
    /// By whom the hub is proved.
    pub authority: Fingerprint,
}

/// It is none: something is missing, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAToken;

impl fmt::Display for NotAToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no token as `branchline hub token SITE` prints it: is all of it there?")
    }
}

impl std::error::Error for NotAToken {}

impl Token {
    /// A new one.
    pub fn new(site: &str, authority: Fingerprint, random: &mut Random) -> Token {
        let mut secret = [0; 16];
        random.fill(&mut secret);
        Token { site: site.to_owned(), secret: Secret(secret), authority }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = [&self.secret.0[..], &self.authority.0].concat();
        write!(f, "{}.{}", self.site, BASE64.encode(rest))
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Token, NotAToken> {
        let (site, rest) = text.trim().split_once('.').ok_or(NotAToken)?;
        let rest = BASE64.decode(rest).map_err(|_| NotAToken)?;
        let (secret, authority) = rest.split_at_checked(16).ok_or(NotAToken)?;
        let secret = Secret(secret.try_into().map_err(|_| NotAToken)?);
        let authority = Fingerprint(authority.try_into().map_err(|_| NotAToken)?);
        let site = Some(site).filter(|site| is_site(site)).ok_or(NotAToken)?;
        Ok(Token { site: site.to_owned(), secret, authority })
    }
}

/// Whether a site may be called so: it is a file's name and a part of subjects at the hub. Letters of ASCII, digits, `-` and
/// `_`, 63 at most.
pub fn is_site(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=LONGEST_SITE).contains(&name.len()) && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_printed_and_no_other_text_is_one() {
        let mut random = Random::from_number(1);
        let token = Token::new("berne-2", Fingerprint([7; 32]), &mut random);
        let text = token.to_string();
        assert_eq!(text.parse(), Ok(token.clone()));
        assert_eq!(format!(" {text}\n").parse(), Ok(token.clone()));
        assert!(!format!("{token:?}").contains(&format!("{:?}", token.secret.0)));
        for wrong in ["", ".", "berne", &text[1..text.len() - 1], "../x.AAAA", "a b.AAAA"] {
            assert_eq!(wrong.parse::<Token>(), Err(NotAToken), "{wrong}");
        }
        let elsewhere = text.replace("berne-2", "../../etc");
        assert_eq!(elsewhere.parse::<Token>(), Err(NotAToken));
    }
}
