//! What people are known by, each written in one way only, and what ties it to a contact.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change::Whose;
use crate::address::Number;
use crate::id::ContactId;

/// Longest identity, in characters: RFC 5321 section 4.5.3.1.3 allows an address 254, nothing else needs more.
const MOST_CHARACTERS: usize = 254;
/// Digits of a full number (E.164 section 6: 15 at most; the shortest in use have 7 with the country code).
const E164_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// The kinds of identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A telephone number in full (E.164).
    Phone,
    /// A mail address.
    Email,
    /// A name in a service, as `service:name`.
    Handle,
    /// A SIP address, as `user@host`.
    Sip,
    /// A customer's or an account's number in the site's own books.
    Account,
    /// What a messaging service calls a person toward this business alone, as `service:id`; there may be no number.
    Business,
}

impl Kind {
    /// A byte that stands for it in keys of rows; never given another meaning.
    pub fn code(self) -> u8 {
        match self {
            Kind::Phone => b'p',
            Kind::Email => b'e',
            Kind::Handle => b'h',
            Kind::Sip => b's',
            Kind::Account => b'a',
            Kind::Business => b'b',
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Phone => "phone",
            Kind::Email => "email",
            Kind::Handle => "handle",
            Kind::Sip => "sip",
            Kind::Account => "account",
            Kind::Business => "business",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Text that is no identity of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotAnIdentity {
    /// Nothing, or more than an address may be long.
    Length,
    /// Not a number that reads in full: a short code, a service, or hidden.
    Number,
    /// Not `name@host`.
    Address,
    /// Not `service:name`.
    Service,
    /// White space or control characters where none belong.
    Character,
}

impl fmt::Display for NotAnIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotAnIdentity::Length => "it is empty or longer than 254 characters",
            NotAnIdentity::Number => "it is not a number that reads in full, such as +4930123456",
            NotAnIdentity::Address => "it is not an address, such as name@example.com",
            NotAnIdentity::Service => "it does not say which service, as in whatsapp:1234",
            NotAnIdentity::Character => "there are characters in it that do not belong there",
        })
    }
}

impl std::error::Error for NotAnIdentity {}

/// What somebody is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity<P> {
    /// What it is.
    pub kind: Kind,
    /// In the one way it is written.
    pub value: P,
}

impl Identity<String> {
    /// Reads one as somebody wrote it. `full` says how a dialled number reads in full at this site.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(
        kind: Kind,
        text: &str,
        full: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Identity<String>, NotAnIdentity> {
        Ok(Identity { kind, value: normalise(kind, text, full)? })
    }
}

impl<P> Identity<P> {
    /// The same with its text turned into something else.
    pub fn map<Q>(self, to: &mut dyn FnMut(Whose, P) -> Q) -> Identity<Q> {
        Identity { kind: self.kind, value: to(Whose::Identity(self.kind), self.value) }
    }
}

/// The one way that an identity is written. `full` says how a dialled number reads in full at this site.
///
/// # Errors
/// When `text` is no identity of that kind.
pub fn normalise(
    kind: Kind,
    text: &str,
    full: &dyn Fn(&str) -> Option<String>,
) -> Result<String, NotAnIdentity> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MOST_CHARACTERS {
        return Err(NotAnIdentity::Length);
    }
    match kind {
        Kind::Phone => phone(text, full),
        Kind::Email => address(text, true),
        Kind::Sip => address(sip_user_at_host(text), false),
        Kind::Handle => service(text, true),
        Kind::Business => service(text, false),
        Kind::Account => account(text),
    }
}

fn phone(text: &str, full: &dyn Fn(&str) -> Option<String>) -> Result<String, NotAnIdentity> {
    let text = text.strip_prefix("tel:").unwrap_or(text);
    let number = Number::parse(text).map_err(|_| NotAnIdentity::Number)?;
    let written = full(number.as_str()).ok_or(NotAnIdentity::Number)?;
    let digits = written.strip_prefix('+').ok_or(NotAnIdentity::Number)?;
    let good = E164_DIGITS.contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    if good { Ok(written) } else { Err(NotAnIdentity::Number) }
}

/// Hosts are the same in any case (RFC 5321 section 2.4, RFC 3261 section 19.1.4). The part before the `@` is nearly always
/// the same in any case for mail, and never folded for SIP, where the rule says so and nobody else guesses.
fn address(text: &str, fold_all: bool) -> Result<String, NotAnIdentity> {
    let (user, host) = text.rsplit_once('@').ok_or(NotAnIdentity::Address)?;
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(NotAnIdentity::Character);
    }
    let host = host.trim_end_matches('.').to_lowercase();
    if user.is_empty() || host.is_empty() || user.contains('@') {
        return Err(NotAnIdentity::Address);
    }
    let user = if fold_all { user.to_lowercase() } else { user.to_owned() };
    Ok(format!("{user}@{host}"))
}

/// The address of record: without scheme, parameters, headers and port (RFC 3261 section 10.3 step 5).
fn sip_user_at_host(text: &str) -> &str {
    let scheme = text.get(..5).filter(|s| s.eq_ignore_ascii_case("sips:"));
    let scheme = scheme.or_else(|| text.get(..4).filter(|s| s.eq_ignore_ascii_case("sip:")));
    let rest = text.get(scheme.map_or(0, str::len)..).unwrap_or(text);
    let rest = rest.split(['?']).next().unwrap_or(rest);
    let at = rest.rfind('@').map_or(0, |at| at + 1);
    let host = rest.get(at..).unwrap_or_default();
    let host = host.split(';').next().unwrap_or(host);
    let port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            name.len()
        }
        _ => host.len(),
    };
    rest.get(..at + port).unwrap_or(rest)
}

fn service(text: &str, fold_name: bool) -> Result<String, NotAnIdentity> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(NotAnIdentity::Character);
    }
    let (service, name) = text.split_once(':').ok_or(NotAnIdentity::Service)?;
    let name =
        if fold_name { name.trim_start_matches('@').to_lowercase() } else { name.to_owned() };
    let good = !service.is_empty()
        && !name.is_empty()
        && service.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if good {
        Ok(format!("{}:{name}", service.to_lowercase()))
    } else {
        Err(NotAnIdentity::Service)
    }
}

/// People read account numbers out with gaps and dashes, and type either case.
fn account(text: &str) -> Result<String, NotAnIdentity> {
    if text.chars().any(char::is_control) {
        return Err(NotAnIdentity::Character);
    }
    let plain = text.chars().filter(|c| !c.is_whitespace() && !"-./".contains(*c));
    let plain: String = plain.flat_map(char::to_uppercase).collect();
    if plain.is_empty() { Err(NotAnIdentity::Length) } else { Ok(plain) }
}

/// Why several people share an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// A family's.
    Family,
    /// A switchboard's, or a team's.
    Office,
    /// A public telephone, a hotel's, a lobby's.
    Kiosk,
}

/// How an identity came to a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The contact began with it: nobody had it before.
    First,
    /// It came together with one that was known, in the same authenticated interaction.
    Together,
    /// Somebody said so.
    Said,
}

/// To whom an identity leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The contact that it belongs to; while it is shared, one that stands for the line itself.
    pub owner: ContactId,
    /// Whether several people share it, and why: then it names nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
    /// While it is shared: who uses it, as far as is known.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub users: BTreeSet<ContactId>,
}
