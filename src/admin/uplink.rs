//! How the line to head office is: for a person, and as a part of the box.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Lamp, Part};
use crate::time::{UnixTime, rfc3339};

/// A backlog older than this is a person's business, in seconds: the office should have learned of it by now.
const OLD: i64 = 3_600;
/// So long before its end somebody looks at a certificate that was not renewed, in seconds: a week.
const ENDS_SOON: i64 = 7 * 86_400;

/// The line to head office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UplinkLine {
    /// Whether events go now.
    pub up: bool,
    /// How it is, for a person; when it is down, also what to do.
    pub words: String,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: UnixTime,
    /// By which route: `quic` or `tls`. Absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub route: Option<String>,
    /// The hub's address that is used, or was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hub: Option<String>,
    /// The site's name at the hub, once it is enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub site: Option<String>,
    /// When the site's certificate ends.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(nullable = false)]
    pub certificate_ends: Option<UnixTime>,
    /// The hub has all events up to this one.
    pub arrived: u64,
    /// Events that wait.
    pub backlog: u64,
    /// When the oldest of them happened; absent when none waits.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(nullable = false)]
    pub oldest: Option<UnixTime>,
    /// When the hub has acknowledged something last, since the start.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    #[schema(nullable = false)]
    pub acknowledged: Option<UnixTime>,
    /// Recordings and files of messages that wait.
    #[serde(default)]
    pub files: u64,
    /// Their octets.
    #[serde(default)]
    pub files_octets: u64,
    /// How many of them did not go since the start, and will not: erased, past their time, or not taken.
    #[serde(default)]
    pub files_struck: u64,
}

impl UplinkLine {
    /// As a part of the box. It is never red: the branch works without it.
    pub fn part(&self, now: UnixTime) -> Part {
        let age = self.oldest.map(|oldest| now.seconds() - oldest.seconds());
        let old = age.is_some_and(|age| age > OLD);
        let ends =
            self.certificate_ends.is_some_and(|ends| ends.seconds() - now.seconds() < ENDS_SOON);
        let good = self.up && !old && !ends;
        let mut words = self.words.clone();
        if self.backlog > 0 {
            words.push_str(&format!("; {} events wait", self.backlog));
        }
        if let Some(age) = age.filter(|age| *age > 60) {
            words.push_str(&format!(", the oldest for {} minutes", age / 60));
        }
        if self.files > 0 {
            let megabytes = self.files_octets.div_ceil(1 << 20);
            words.push_str(&format!("; {} files wait, {megabytes} MB", self.files));
        }
        if ends {
            words.push_str("; its certificate ends within a week: `branchline enroll`");
        }
        let lamp = if good { Lamp::Green } else { Lamp::Amber };
        Part { name: "uplink".to_owned(), lamp, words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_amber_when_it_is_down_or_late_and_never_red() {
        let now = UnixTime(1_800_000_000_000_000);
        let line = UplinkLine {
            up: true,
            words: "up".to_owned(),
            since: now,
            route: Some("quic".to_owned()),
            hub: None,
            site: Some("berne".to_owned()),
            certificate_ends: None,
            arrived: 7,
            backlog: 0,
            oldest: None,
            acknowledged: Some(now),
            files: 0,
            files_octets: 0,
            files_struck: 0,
        };
        assert_eq!(line.part(now).lamp, Lamp::Green);
        let down = UplinkLine { up: false, ..line.clone() };
        assert_eq!(down.part(now).lamp, Lamp::Amber);
        let before = |seconds: i64| Some(UnixTime(now.0 - seconds * 1_000_000));
        let behind = UplinkLine { backlog: 9, oldest: before(120), ..line.clone() };
        let part = behind.part(now);
        assert_eq!(
            (part.lamp, &part.words[..]),
            (Lamp::Green, "up; 9 events wait, the oldest for 2 minutes")
        );
        let late = UplinkLine { oldest: before(OLD + 1), ..behind };
        assert_eq!(late.part(now).lamp, Lamp::Amber);
        let ends = UplinkLine { certificate_ends: before(-60), ..line };
        assert_eq!(ends.part(now).lamp, Lamp::Amber);
    }
}
