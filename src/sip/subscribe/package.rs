//! Event packages: what can be watched, and how a SUBSCRIBE names it (RFC 6665 section 7.1).

use serde::{Deserialize, Serialize};

use crate::sip::message::{Headers, is_token};
use crate::sip::uri::Params;

/// Longest `id` that we echo: phones count or use a few hexadecimal digits.
const MAX_ID: usize = 64;

/// A kind of thing to watch.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Package {
    /// How many messages wait in a mailbox (RFC 3842).
    MessageSummary,
    /// Which calls a phone, a group or a parking place has (RFC 4235).
    Dialog,
}

impl Package {
    /// Every package, as `Allow-Events` lists them.
    pub const ALL: &'static str = "message-summary, dialog";

    /// The name in the Event header.
    pub fn name(self) -> &'static str {
        match self {
            Package::MessageSummary => "message-summary",
            Package::Dialog => "dialog",
        }
    }

    /// The media type of its NOTIFY bodies.
    pub fn content_type(self) -> &'static str {
        match self {
            Package::MessageSummary => "application/simple-message-summary",
            Package::Dialog => "application/dialog-info+xml",
        }
    }

    /// Whether whoever sent `headers` reads such bodies; without Accept the package's own type is meant
    /// (RFC 6665 section 3.1.3).
    pub fn is_read_by(self, headers: &Headers) -> bool {
        let accepted = headers.list("Accept");
        let fits = |range: &&str| {
            let kind = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            kind == self.content_type() || kind == "application/*" || kind == "*/*"
        };
        accepted.is_empty() || accepted.iter().any(fits)
    }
}

/// What an Event header says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The package.
    pub package: Package,
    /// Tells several subscriptions of one dialog apart; echoed in each NOTIFY (RFC 6665 section 4.5.2).
    pub id: Option<String>,
}

impl Event {
    /// Reads the Event header; nothing for one that is missing, that cannot be read, or of a package we do not have.
    pub fn of(headers: &Headers) -> Option<Event> {
        let text = headers.get("Event")?;
        let at = text.find(';').unwrap_or(text.len());
        let package = match text[..at].trim() {
            "message-summary" => Package::MessageSummary,
            "dialog" => Package::Dialog,
            _ => return None,
        };
        let params = Params::parse(text[at..].trim_end()).ok()?;
        let id = params.get("id").map(str::to_owned);
        if id.as_ref().is_some_and(|id| id.len() > MAX_ID || !is_token(id)) {
            return None;
        }
        Some(Event { package, id })
    }
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.package.name())?;
        self.id.as_ref().map_or(Ok(()), |id| write!(f, ";id={id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Option<Event> {
        let mut headers = Headers::default();
        headers.push("Event", text).unwrap();
        Event::of(&headers)
    }

    #[test]
    fn packages_are_read_with_their_id_and_strange_ones_are_not() {
        assert_eq!(event("dialog").unwrap().to_string(), "dialog");
        assert_eq!(event("message-summary ; id=7").unwrap().to_string(), "message-summary;id=7");
        assert_eq!(event("dialog;sla;ma").unwrap().package, Package::Dialog);
        for strange in
            ["presence", "", "Dialog", "dialog.winfo", "dialog;id=a b", "dialog;id=\"x\""]
        {
            assert_eq!(event(strange), None, "{strange}");
        }
        assert_eq!(Event::of(&Headers::default()), None);
    }

    #[test]
    fn who_reads_other_bodies_only_is_told_so() {
        let reads = |accept: &str| {
            let mut headers = Headers::default();
            headers.push("Accept", accept).unwrap();
            Package::Dialog.is_read_by(&headers)
        };
        assert!(reads("application/pidf+xml, application/dialog-info+xml;q=0.5"));
        assert!(reads("application/*") && !reads("application/pidf+xml"));
        assert!(Package::Dialog.is_read_by(&Headers::default()));
    }
}
