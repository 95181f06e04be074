//! How the line is, in words.

use std::io::ErrorKind;

use super::keys::NoKeys;
use super::{Condition, Standing};
use crate::admin::UplinkLine;
use crate::driver::outbox::Outbox;
use crate::time::UnixTime;
use crate::uplink::frame::Reason;
use crate::uplink::{Down, Route, State};

/// The line as it is shown.
pub(super) fn line(condition: &Condition, outbox: &Outbox) -> UplinkLine {
    let backlog = condition.newest.saturating_sub(condition.arrived);
    let route = match &condition.state {
        Standing::Line(State::Up(route)) => Some(name(*route).to_owned()),
        _ => None,
    };
    UplinkLine {
        up: route.is_some(),
        words: with_files(words(&condition.state), condition.files.full),
        since: condition.since,
        route,
        hub: condition.hub.map(|hub| hub.to_string()),
        site: condition.site.clone(),
        certificate_ends: condition.certificate_ends,
        arrived: condition.arrived,
        backlog,
        oldest: if backlog > 0 { oldest(outbox, condition.arrived + 1) } else { None },
        acknowledged: condition.acknowledged,
        files: condition.files.waiting.files,
        files_octets: condition.files.waiting.octets,
        files_struck: condition.files.struck,
    }
}

fn with_files(words: String, full: bool) -> String {
    match full {
        true => format!("{words}; the hub has no room for recordings and files, which wait here"),
        false => words,
    }
}

fn name(route: Route) -> &'static str {
    match route {
        Route::Quic => "quic",
        Route::Tls => "tls",
    }
}

fn words(state: &Standing) -> String {
    match state {
        Standing::NoKeys(why) => no_keys(*why).to_owned(),
        Standing::Line(State::Trying(route)) => format!("connecting by {}", name(*route)),
        Standing::Line(State::Up(route)) => format!("up by {}", name(*route)),
        Standing::Line(State::Down(why, _)) => format!("down: {}", down(*why)),
    }
}

fn no_keys(why: NoKeys) -> &'static str {
    match why {
        NoKeys::NotEnrolled => {
            "not enrolled: `branchline hub token SITE` at the hub, `branchline enroll` here"
        }
        NoKeys::File(ErrorKind::PermissionDenied) => {
            "its keys cannot be read: the folder `uplink` in the data folder belongs to another user"
        }
        NoKeys::File(_) => "its keys cannot be read: look at the disk",
        NoKeys::Content => "its keys are damaged: enrol the box anew",
        NoKeys::OtherSite => "it was enrolled as another site than [uplink] site says",
    }
}

fn down(why: Down) -> &'static str {
    match why {
        Down::Away => "the hub is not reached; it is tried again by itself",
        Down::Silent => "the hub does not answer; it is tried again by itself",
        Down::Unproved => {
            "box and hub do not prove who they are: the certificate has ended, or it is another hub; enrol the box anew"
        }
        Down::Protocol => "the hub says what cannot be read: is it of another version?",
        Down::Ahead => {
            "the hub claims to have what was never sent: this box was restored from a copy, it is another hub, or another box has this site's name; nothing is dropped here, and what may be missing there is sent again"
        }
        Down::Closed(reason) => closed(reason),
    }
}

fn closed(reason: Reason) -> &'static str {
    match reason {
        Reason::Done => "the hub has ended; it is tried again by itself",
        Reason::Version => "the hub speaks another version: bring both up to date",
        Reason::Site => "the hub does not let this site in: it was revoked; a new token lets it in",
        Reason::TooMuch => {
            "the hub takes no more from this site for a while ([hub] site_mb_a_day there): what happened waits here"
        }
        Reason::NotKept => "the hub cannot keep anything at this moment: is its disk full?",
        Reason::Silent => "the hub heard nothing for too long; it is tried again by itself",
        Reason::Gap => "the hub misses events; it is tried again by itself",
        Reason::Protocol | Reason::Ahead | Reason::Token | Reason::Unknown => {
            "the hub does not understand this box: is it of another version?"
        }
    }
}

/// When an event happened, as it says itself.
fn oldest(outbox: &Outbox, number: u64) -> Option<UnixTime> {
    #[derive(serde::Deserialize)]
    struct When {
        at: i64,
    }
    let events = outbox.read(number, 1).ok()?;
    let when = serde_json::from_slice::<When>(&events.first()?.body).ok()?;
    Some(UnixTime(when.at))
}
