//! Who calls, as headers say it: From, P-Asserted-Identity and P-Preferred-Identity (RFC 3325), Remote-Party-ID (the
//! draft that older carriers still speak), and Privacy (RFC 3323).
//!
//! Reads what a peer claims and writes what we say. Whom to believe, and which number may be shown, is decided above.

use serde::Deserialize;

use crate::sip::message::Headers;
use crate::sip::uri::{Host, NameAddr, Uri};

/// Longest name that is shown: a phone's display has 20 to 40 places.
const LONGEST_NAME: usize = 64;

/// The header that proves a caller besides From.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assertion {
    /// None.
    #[default]
    None,
    /// P-Asserted-Identity: between those who trust each other.
    PAssertedIdentity,
    /// P-Preferred-Identity: what a customer asks the carrier to assert.
    PPreferredIdentity,
    /// Remote-Party-ID.
    RemotePartyId,
}

/// Who calls, as a peer claims.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    /// The number, or another user name; nothing when the caller does not want to be known.
    pub user: Option<String>,
    /// The name, fit to be shown.
    pub name: Option<String>,
}

/// Whom we show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'s> {
    /// The number to call back; nothing when there is none to show.
    pub number: Option<&'s str>,
    /// The name.
    pub name: Option<&'s str>,
    /// Whether the caller is hidden from the called party.
    pub hidden: bool,
    /// Our host.
    pub host: &'s Host,
    /// What proves the number.
    pub assertion: Assertion,
    /// Whether the peer is trusted to keep what is hidden to itself (RFC 3325 section 7).
    pub trusted: bool,
}

/// Reads who calls. Only a `trusted` peer is believed beyond From (RFC 3325 section 5). A caller who asks for privacy is
/// nobody here: we stand at the edge, and behind us people look at displays (RFC 3323 section 4.3).
pub fn claimed(headers: &Headers, trusted: bool) -> Claimed {
    let from = headers.from().ok();
    let asserted = trusted.then(|| asserted(headers)).flatten();
    let party = trusted.then(|| headers.address("Remote-Party-ID").ok()).flatten();
    let party_hides = party.as_ref().and_then(|party| party.params.get("privacy"));
    let anonymous = asserted.is_none() && from.as_ref().is_some_and(is_anonymous);
    if wants_privacy(headers) || party_hides.is_some_and(|privacy| privacy != "off") || anonymous {
        return Claimed::default();
    }
    let name = |address: &NameAddr| address.display.as_deref().and_then(fit_to_show);
    let best = asserted.or(party).or_else(|| from.clone());
    let Some(best) = best else { return Claimed::default() };
    Claimed { user: user(&best.uri), name: name(&best).or_else(|| from.as_ref().and_then(name)) }
}

/// What one of our own phones wishes for its call: not to be shown, or to be shown as one of its numbers. Whether the number
/// is its own is judged above; what it asserts itself counts for nothing (RFC 3325 sections 5 and 9.2).
pub fn wished(headers: &Headers) -> (bool, Option<String>) {
    let hides = wants_privacy(headers) || headers.from().is_ok_and(|from| is_anonymous(&from));
    let preferred = headers.addresses("P-Preferred-Identity").unwrap_or_default();
    (hides, preferred.iter().find_map(|address| user(&address.uri)))
}

/// The first address of P-Asserted-Identity that names somebody; there may be a sip: and a tel: one (section 9.1).
fn asserted(headers: &Headers) -> Option<NameAddr> {
    let all = headers.addresses("P-Asserted-Identity").ok()?;
    all.into_iter().find(|address| user(&address.uri).is_some())
}

/// The number that an address names.
pub fn user(uri: &Uri) -> Option<String> {
    let opaque = (!uri.opaque.is_empty()).then(|| uri.opaque.clone());
    uri.user.clone().or(opaque).filter(|user| !user.is_empty())
}

/// RFC 3323 section 4.1.1.3 for the address, section 4.2 for the words.
fn is_anonymous(from: &NameAddr) -> bool {
    let nowhere = Host::Name("anonymous.invalid".to_owned());
    from.uri.host == nowhere
        || from.uri.user.as_deref().is_some_and(|u| u.eq_ignore_ascii_case("anonymous"))
}

/// Whether Privacy asks to hide who calls. `none` asks for the opposite, `session` is about media, and `critical` says
/// only how much it matters.
fn wants_privacy(headers: &Headers) -> bool {
    let values = headers.all("Privacy").flat_map(|line| line.split([';', ',']));
    let words: Vec<_> = values.map(|word| word.trim().to_ascii_lowercase()).collect();
    let hides = |word: &String| ["id", "user", "header"].contains(&word.as_str());
    !words.iter().any(|word| word == "none") && words.iter().any(hides)
}

/// A name without what would break a display, a log line or a terminal: control characters, marks that turn the
/// direction of writing, bytes that are no text.
pub fn fit_to_show(name: &str) -> Option<String> {
    let turns = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let raw = |c: char| matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}');
    let kept = name.chars().filter(|c| !c.is_control() && !turns(*c) && !raw(*c));
    let kept: String = kept.take(LONGEST_NAME).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// From, and the headers that go with it.
pub fn write(shown: &Shown<'_>) -> (NameAddr, Headers) {
    let mut headers = Headers::default();
    let own = shown.number.map(|number| {
        let mut own = NameAddr::new(Uri::sip(Some(number), shown.host.clone(), None));
        own.display = shown.name.and_then(fit_to_show);
        own
    });
    let private = shown.hidden || own.is_none();
    let mut put = |name: &str, value: String| {
        // Made of digits, of a host and of a name without control characters.
        let _ = headers.push(name, value);
    };
    if shown.hidden {
        put("Privacy", "id".to_owned());
    }
    // Who hides is told only to those who keep it; P-Preferred-Identity is for our own carrier to judge.
    if let Some(own) =
        own.as_ref().map(NameAddr::to_string).filter(|_| !shown.hidden || shown.trusted)
    {
        let privacy = if shown.hidden { "full" } else { "off" };
        match shown.assertion {
            Assertion::None => {}
            Assertion::PAssertedIdentity => put("P-Asserted-Identity", own),
            Assertion::PPreferredIdentity => put("P-Preferred-Identity", own),
            Assertion::RemotePartyId => {
                put("Remote-Party-ID", format!("{own};party=calling;screen=yes;privacy={privacy}"))
            }
        }
    }
    let from = own.filter(|_| !private).unwrap_or_else(nobody);
    (from, headers)
}

/// The From of a caller who is not shown (RFC 3323 section 4.1.1.3).
fn nobody() -> NameAddr {
    let nowhere = Host::Name("anonymous.invalid".to_owned());
    let mut from = NameAddr::new(Uri::sip(Some("anonymous"), nowhere, None));
    from.display = Some("Anonymous".to_owned());
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::default();
        lines.iter().for_each(|(name, value)| headers.push(name, *value).unwrap());
        headers
    }

    fn who(lines: &[(&str, &str)], trusted: bool) -> (Option<String>, Option<String>) {
        let claimed = claimed(&headers(lines), trusted);
        (claimed.user, claimed.name)
    }

    const FROM: (&str, &str) = ("From", "\"Ann\" <sip:+15550100@carrier.example>;tag=a");
    const ASSERTED: (&str, &str) =
        ("P-Asserted-Identity", "\"Bob\" <sip:+15550111@carrier.example>, <tel:+15550111>");

    #[test]
    fn only_a_trusted_peer_is_believed_beyond_from() {
        let told = |number: &str, name: &str| (Some(number.to_owned()), Some(name.to_owned()));
        assert_eq!(who(&[FROM, ASSERTED], false), told("+15550100", "Ann"));
        assert_eq!(who(&[FROM, ASSERTED], true), told("+15550111", "Bob"));
        let party = ("Remote-Party-ID", "\"Cy\" <sip:+15550122@x>;party=calling;privacy=off");
        assert_eq!(who(&[FROM, party], true), told("+15550122", "Cy"));
        let tel = ("P-Asserted-Identity", "<tel:+15550111>");
        assert_eq!(who(&[FROM, tel], true), told("+15550111", "Ann"));
        let preferred = ("P-Preferred-Identity", "<sip:+15550199@x>");
        assert_eq!(who(&[FROM, preferred], true), told("+15550100", "Ann"), "it is not for us");
    }

    #[test]
    fn who_asks_for_privacy_is_nobody_whatever_else_is_said() {
        for privacy in ["id", "user;id", "header", "id; critical"] {
            let privacy = ("Privacy", privacy);
            assert_eq!(who(&[FROM, ASSERTED, privacy], true), (None, None), "{privacy:?}");
            assert_eq!(who(&[FROM, privacy], false), (None, None), "{privacy:?}");
        }
        assert_ne!(who(&[FROM, ("Privacy", "none")], false), (None, None));
        let party = ("Remote-Party-ID", "<sip:+15550122@x>;party=calling;privacy=full");
        assert_eq!(who(&[FROM, party], true), (None, None));
        let nobody = ("From", "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a");
        assert_eq!(who(&[nobody], true), (None, None));
    }

    #[test]
    fn names_lose_what_breaks_displays() {
        let clean = |name: &str| fit_to_show(name);
        assert_eq!(clean("Ann\r\nBcc: x\x1b[31m\0"), Some("AnnBcc: x[31m".into()));
        assert_eq!(clean("\u{202e}moc.knab"), Some("moc.knab".into()));
        assert_eq!(clean("\x07 \t"), None);
        assert_eq!(clean(&"x".repeat(500)).map(|name| name.len()), Some(LONGEST_NAME));
        assert_eq!(clean("Zo\u{eb} \u{10ff01}"), Some("Zo\u{eb}".into()));
    }

    fn written(shown: Shown<'_>) -> (String, String) {
        let (from, headers) = write(&shown);
        let lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        (from.to_string(), lines.join("\n"))
    }

    #[test]
    fn who_hides_is_told_only_to_who_keeps_it() {
        let host = Host::Name("us.example".into());
        let shown = Shown {
            number: Some("+15550100"),
            name: Some("Branch\x07"),
            hidden: false,
            host: &host,
            assertion: Assertion::PAssertedIdentity,
            trusted: false,
        };
        let own = "\"Branch\" <sip:+15550100@us.example>";
        assert_eq!(written(shown), (own.into(), format!("P-Asserted-Identity: {own}")));
        let nobody = "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned();
        let hidden = Shown { hidden: true, ..shown };
        assert_eq!(written(hidden), (nobody.clone(), "Privacy: id".into()));
        let trusted = Shown { trusted: true, ..hidden };
        let both = format!("Privacy: id\nP-Asserted-Identity: {own}");
        assert_eq!(written(trusted), (nobody.clone(), both));
        let party = Shown { assertion: Assertion::RemotePartyId, ..trusted };
        assert!(written(party).1.ends_with("privacy=full"));
        assert_eq!(written(Shown { number: None, ..shown }), (nobody, String::new()));
    }
}
