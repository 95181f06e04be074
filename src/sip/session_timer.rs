//! Session timers (RFC 4028): how both sides notice that the other is gone for good.
//!
//! Owns the headers and the rules of who refreshes when. Sends nothing and keeps no time: the endpoint does.

use std::time::Duration;

use crate::sip::message::{Headers, Request, Response};

/// The option tag.
pub const OPTION: &str = "timer";
/// Shortest interval that anybody may ask for, in seconds (section 4).
pub const SHORTEST_S: u32 = 90;

/// Who refreshes, seen from one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// Whoever sent the request.
    Uac,
    /// Whoever answered it.
    Uas,
}

/// A Session-Expires header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds after which a session that was not refreshed is over.
    pub seconds: u32,
    /// Who refreshes, if it says so.
    pub refresher: Option<Refresher>,
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Seconds after which a session that was not refreshed is over.
    pub seconds: u32,
    /// Whether that is our task.
    pub ours: bool,
}

impl SessionExpires {
    /// Reads it, in its long or its compact form.
    pub fn of(headers: &Headers) -> Option<SessionExpires> {
        let text = headers.get("Session-Expires")?;
        let (seconds, params) = text.split_once(';').unwrap_or((text, ""));
        let role = params.split(';').find_map(|param| {
            let (name, value) = param.split_once('=')?;
            name.trim().eq_ignore_ascii_case("refresher").then(|| value.trim().to_ascii_lowercase())
        });
        let refresher = match role.as_deref() {
            Some("uac") => Some(Refresher::Uac),
            Some("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(SessionExpires { seconds: seconds.trim().parse().ok()?, refresher })
    }
}

/// The shortest interval that the message allows.
pub fn min_se(headers: &Headers) -> u32 {
    let text = headers.get("Min-SE").and_then(|text| text.split(';').next());
    text.and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(SHORTEST_S).max(SHORTEST_S)
}

/// Whether the sender knows session timers.
pub fn is_supported(headers: &Headers) -> bool {
    headers.list("Supported").iter().any(|option| option.eq_ignore_ascii_case(OPTION))
}

/// Whether a request asks for less than anybody may (section 9: 422).
pub fn is_too_small(request: &Request) -> bool {
    SessionExpires::of(&request.headers).is_some_and(|asked| asked.seconds < SHORTEST_S)
        && is_supported(&request.headers)
}

/// Adds the interval that we would like to a request of ours.
pub fn ask(request: &mut Request, seconds: u32, refresher: Option<Refresher>) {
    let role = match refresher {
        Some(Refresher::Uac) => ";refresher=uac",
        Some(Refresher::Uas) => ";refresher=uas",
        None => "",
    };
    let fixed =
        [("Session-Expires", format!("{seconds}{role}")), ("Min-SE", SHORTEST_S.to_string())];
    for (name, value) in fixed {
        // Digits and constants hold no line break.
        let _ = request.headers.set(name, value);
    }
}

/// Answers what a request asks for, in a 2xx to it (section 9). `own` is the longest interval that we like. A peer that
/// knows no timers is refreshed by us.
pub fn answer(request: &Request, response: &mut Response, own: u32) -> Agreed {
    let asked = SessionExpires::of(&request.headers);
    let least = min_se(&request.headers);
    let seconds = asked.map_or(own, |asked| asked.seconds.min(own)).max(least);
    let knows = is_supported(&request.headers);
    let refresher = match asked.and_then(|asked| asked.refresher) {
        _ if !knows => Refresher::Uas,
        Some(wanted) => wanted,
        None => Refresher::Uac,
    };
    let role = if refresher == Refresher::Uac { "uac" } else { "uas" };
    // Digits and constants hold no line break.
    let _ = response.headers.set("Session-Expires", format!("{seconds};refresher={role}"));
    if refresher == Refresher::Uac {
        let _ = response.headers.set("Require", OPTION.to_owned());
    }
    Agreed { seconds, ours: refresher == Refresher::Uas }
}

/// What a 2xx to a request of ours agrees on; nothing where the peer wants no timer (section 7.2).
pub fn agreed(response: &Response) -> Option<Agreed> {
    let told = SessionExpires::of(&response.headers)?;
    let seconds = told.seconds.max(SHORTEST_S);
    Some(Agreed { seconds, ours: told.refresher != Some(Refresher::Uas) })
}

impl Agreed {
    /// How long until something is due: the refresh, at half of the time, or the end, a little before the time is over
    /// (section 10).
    pub fn due(self) -> Duration {
        let seconds = match self.ours {
            true => self.seconds / 2,
            false => self.seconds - (self.seconds / 3).min(32),
        };
        Duration::from_secs(seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::{Message, Status, parse};

    fn invite(lines: &str) -> Request {
        let text = format!(
            "INVITE sip:b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=a\r\nTo: <sip:b>\r\n\
             Call-ID: one\r\nCSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        match parse(text.as_bytes(), false) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn answered(lines: &str) -> (String, bool, Agreed) {
        let request = invite(lines);
        let mut response = Response::to(&request, Status::OK);
        let agreed = answer(&request, &mut response, 1_800);
        let header = response.headers.get("Session-Expires").unwrap_or_default().to_owned();
        (header, response.headers.get("Require").is_some(), agreed)
    }

    #[test]
    fn the_answer_says_who_refreshes_and_how_often() {
        let knows = "Supported: timer\r\n";
        for (asks, header, require, ours) in [
            (String::new(), "1800;refresher=uas", false, true),
            (knows.to_owned(), "1800;refresher=uac", true, false),
            (format!("{knows}Session-Expires: 600\r\n"), "600;refresher=uac", true, false),
            (format!("{knows}x: 600;refresher=uas\r\n"), "600;refresher=uas", false, true),
            (
                format!("{knows}Session-Expires: 7200\r\nMin-SE: 3600\r\n"),
                "3600;refresher=uac",
                true,
                false,
            ),
            ("Session-Expires: 600;refresher=uac\r\n".to_owned(), "600;refresher=uas", false, true),
        ] {
            let (told, required, agreed) = answered(&asks);
            assert_eq!((told.as_str(), required, agreed.ours), (header, require, ours), "{asks}");
        }
    }

    #[test]
    fn too_small_is_only_what_a_peer_that_knows_asks_for() {
        assert!(is_too_small(&invite("Supported: 100rel, timer\r\nSession-Expires: 89\r\n")));
        assert!(!is_too_small(&invite("Supported: timer\r\nSession-Expires: 90\r\n")));
        assert!(!is_too_small(&invite("Session-Expires: 5\r\n")));
    }

    #[test]
    fn the_refresh_is_due_at_half_and_the_end_a_little_before_the_whole() {
        let due = |seconds, ours| Agreed { seconds, ours }.due().as_secs();
        assert_eq!((due(1_800, true), due(1_800, false), due(90, false)), (900, 1_768, 60));
    }
}
