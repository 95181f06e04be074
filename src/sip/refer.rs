//! REFER (RFC 3515) and Replaces (RFC 3891): what a phone says when it transfers a call.
//!
//! Reads and writes; who may transfer whom where is decided far above.

use crate::sip::dialog::DialogId;
use crate::sip::message::{Malformed, Method, Request, Status};
use crate::sip::uri::{NameAddr, Uri, unescape};

/// Where a REFER sends the other party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferTo {
    /// The URI, without its headers.
    pub uri: Uri,
    /// The dialog that the new call takes the place of, for a transfer after asking.
    pub replaces: Option<Replaces>,
}

/// The dialog that a call replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    call_id: String,
    to_tag: String,
    from_tag: String,
    /// Whether it may be replaced only while it rings (section 3).
    pub early_only: bool,
}

impl ReferTo {
    /// Reads the one Refer-To that a REFER must have (RFC 3515 section 2.4.2).
    pub fn of(request: &Request) -> Result<ReferTo, Malformed> {
        let mut all = request.headers.all("Refer-To");
        let (Some(text), None) = (all.next(), all.next()) else { return Err(Malformed::Missing) };
        let mut uri = NameAddr::parse(text)?.uri;
        let headers = uri.headers.take().unwrap_or_default();
        let replaces = headers.split('&').find_map(|header| {
            let (name, value) = header.split_once('=')?;
            name.eq_ignore_ascii_case("Replaces").then(|| unescape(value).unwrap_or_default())
        });
        let replaces = match replaces {
            Some(text) => Some(Replaces::parse(&text).ok_or(Malformed::Missing)?),
            None => None,
        };
        Ok(ReferTo { uri, replaces })
    }
}

impl Replaces {
    /// What an INVITE says of the dialog that it replaces, if anything. There is one such header at most, none in
    /// other requests, and none beside Join (RFC 3891 section 3, RFC 3911 section 4).
    pub fn of(request: &Request) -> Result<Option<Replaces>, Malformed> {
        let mut all = request.headers.all("Replaces");
        let (Some(text), more) = (all.next(), all.next()) else { return Ok(None) };
        let alone = more.is_none() && request.headers.get("Join").is_none();
        if !alone || request.method != Method::INVITE {
            return Err(Malformed::Syntax);
        }
        Replaces::parse(text).map(Some).ok_or(Malformed::Syntax)
    }

    /// Reads `call-id;to-tag=x;from-tag=y`.
    pub fn parse(text: &str) -> Option<Replaces> {
        let mut parts = text.split(';');
        let call_id = parts.next()?.trim().to_owned();
        let (mut tags, mut early_only) = ([None, None], false);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let place = match name.trim().to_ascii_lowercase().as_str() {
                "to-tag" => 0,
                "from-tag" => 1,
                "early-only" => {
                    early_only = true;
                    continue;
                }
                _ => continue,
            };
            tags[place] = Some(value.trim().to_owned());
        }
        let [Some(to_tag), Some(from_tag)] = tags else { return None };
        (!call_id.is_empty()).then_some(Replaces { call_id, to_tag, from_tag, early_only })
    }

    /// The dialog as we know it: the tags are written from our side of it (RFC 3891 section 3). Some phones write them
    /// from theirs.
    pub fn dialogs(&self) -> [DialogId; 2] {
        let dialog = |local: &str, remote: &str| DialogId {
            call_id: self.call_id.clone(),
            local: local.to_owned(),
            remote: remote.to_owned(),
        };
        [dialog(&self.to_tag, &self.from_tag), dialog(&self.from_tag, &self.to_tag)]
    }
}

/// The body of a NOTIFY: how far the new call is (RFC 3420).
pub fn fragment(status: Status) -> String {
    format!("SIP/2.0 {} {}\r\n", status.code(), status.reason())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::{Message, parse};

    fn refer(lines: &str) -> Result<ReferTo, Malformed> {
        let text = format!(
            "REFER sip:b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=a\r\nTo: <sip:b>;tag=b\r\n\
             Call-ID: one\r\nCSeq: 2 REFER\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        match parse(text.as_bytes(), false) {
            Ok(Message::Request(request)) => ReferTo::of(&request),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_blind_transfer_names_a_number_and_an_asked_one_a_dialog() {
        let blind = refer("Refer-To: <sip:203@192.0.2.1>\r\n").unwrap();
        assert_eq!((blind.uri.user.as_deref(), blind.replaces), (Some("203"), None));
        let short = refer("r: sip:203@192.0.2.1\r\n").unwrap();
        assert_eq!(short.uri.user.as_deref(), Some("203"));
        let asked = refer(
            "Refer-To: <sip:203@192.0.2.1?Replaces=12345%40192.0.2.9%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs&x=y>\r\n",
        )
        .unwrap();
        assert_eq!(asked.uri.headers, None);
        let [first, second] = asked.replaces.unwrap().dialogs();
        assert_eq!((first.call_id.as_str(), first.local.as_str()), ("12345@192.0.2.9", "ours"));
        assert_eq!((first.remote.as_str(), second.local.as_str()), ("theirs", "theirs"));
    }

    #[test]
    fn none_two_or_a_broken_one_are_refused() {
        for lines in [
            "",
            "Refer-To: <sip:203@h>\r\nRefer-To: <sip:204@h>\r\n",
            "Refer-To: <203>\r\n",
            "Refer-To: <sip:203@h?Replaces=a>\r\n",
            "Refer-To: <sip:203@h?Replaces=%3Bto-tag%3Da%3Bfrom-tag%3Db>\r\n",
        ] {
            assert!(refer(lines).is_err(), "{lines}");
        }
    }
}
