//! Whose call it was before it was passed on: Diversion (RFC 5806) and History-Info (RFC 7044).
//!
//! Reads both into one list and writes either. Which calls were passed on, and whether a carrier is told, is decided
//! above.

use crate::sip::message::Headers;
use crate::sip::uri::{Host, NameAddr, Uri, split_top};

/// Steps that are read: RFC 5806 section 4 wants a limit, and no call that is meant goes through more.
const MOST_STEPS: usize = 10;

/// Why a call was passed on (RFC 5806 section 5.4, RFC 7044 section 5 with the causes of RFC 4458 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Not said, or in a word of the peer's own.
    Unknown,
    /// Every call is.
    Unconditional,
    /// The called party was busy.
    UserBusy,
    /// The called party did not answer.
    NoAnswer,
    /// The called party could not be reached.
    Unavailable,
    /// By the hour.
    TimeOfDay,
    /// By hand, while it rang.
    Deflection,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diverted {
    /// Who passed the call on.
    pub by: String,
    /// Why.
    pub reason: Reason,
}

const REASONS: [(Reason, &str, u16); 7] = [
    (Reason::Unconditional, "unconditional", 302),
    (Reason::UserBusy, "user-busy", 486),
    (Reason::NoAnswer, "no-answer", 408),
    (Reason::Unavailable, "unavailable", 503),
    (Reason::TimeOfDay, "time-of-day", 404),
    (Reason::Deflection, "deflection", 480),
    (Reason::Unknown, "unknown", 404),
];

impl Reason {
    /// The reason behind a word of RFC 5806.
    pub fn of_word(word: &str) -> Reason {
        let found = REASONS.iter().find(|(_, name, _)| name.eq_ignore_ascii_case(word));
        found.map_or(Reason::Unknown, |(reason, _, _)| *reason)
    }

    fn of_cause(cause: u16) -> Reason {
        let found = REASONS.iter().find(|(_, _, code)| *code == cause);
        found.filter(|(_, _, code)| *code != 404).map_or(Reason::Unknown, |(reason, _, _)| *reason)
    }

    fn word(self) -> &'static str {
        REASONS.iter().find(|(reason, _, _)| *reason == self).map_or("unknown", |(_, name, _)| name)
    }

    fn cause(self) -> u16 {
        REASONS.iter().find(|(reason, _, _)| *reason == self).map_or(404, |(_, _, code)| *code)
    }
}

/// The steps that a call has behind it, the first first. What cannot be read is passed over: a call is not refused for
/// the history that a stranger gave it.
pub fn read(headers: &Headers) -> Vec<Diverted> {
    let diversions = diversions(headers);
    if diversions.is_empty() { history(headers) } else { diversions }
}

/// Diversion has the newest on top (RFC 5806 section 5.1).
fn diversions(headers: &Headers) -> Vec<Diverted> {
    let lines = headers.all("Diversion").flat_map(|line| split_top(line, b','));
    let read = lines.filter_map(|part| NameAddr::parse(part.ok()?).ok());
    let step = |address: NameAddr| {
        let by = super::identity::user(&address.uri)?;
        let reason = address.params.get("reason").map_or(Reason::Unknown, Reason::of_word);
        Some(Diverted { by, reason })
    };
    let mut steps: Vec<_> = read.filter_map(step).take(MOST_STEPS).collect();
    steps.reverse();
    steps
}

/// History-Info has one entry for each target, in order; why an entry came about is the `cause` of its own URI, and it
/// was passed on by the entry before it.
fn history(headers: &Headers) -> Vec<Diverted> {
    let lines = headers.all("History-Info").flat_map(|line| split_top(line, b','));
    let read: Vec<_> =
        lines.filter_map(|part| NameAddr::parse(part.ok()?).ok()).take(MOST_STEPS + 1).collect();
    let steps = read.iter().zip(read.iter().skip(1));
    let step = |(from, to): (&NameAddr, &NameAddr)| {
        let cause = to.uri.params.get("cause")?.parse().ok()?;
        Some(Diverted { by: super::identity::user(&from.uri)?, reason: Reason::of_cause(cause) })
    };
    steps.filter_map(step).collect()
}

/// Writes the steps as Diversion, one line each, the newest first. `host` is ours.
pub fn write_diversion(headers: &mut Headers, steps: &[Diverted], host: &Host) {
    for step in steps.iter().rev().take(MOST_STEPS) {
        let by = NameAddr::new(Uri::sip(Some(&step.by), host.clone(), None));
        let value = format!("{by};reason={};counter=1", step.reason.word());
        // The user is escaped, the rest are constants and a host.
        let _ = headers.push("Diversion", value);
    }
}

/// Writes the steps as History-Info, up to the number that is called now. `host` is ours.
pub fn write_history(headers: &mut Headers, steps: &[Diverted], called: &str, host: &Host) {
    let targets = steps.iter().map(|step| step.by.as_str()).chain([called]);
    let causes = std::iter::once(None).chain(steps.iter().map(|step| Some(step.reason.cause())));
    let mut index = String::new();
    for (target, cause) in targets.zip(causes).take(MOST_STEPS + 1) {
        index = if index.is_empty() { "1".to_owned() } else { format!("{index}.1") };
        let mut uri = Uri::sip(Some(target), host.clone(), None);
        if let Some(cause) = cause {
            uri.params.set("cause", Some(&cause.to_string()));
        }
        let _ = headers.push("History-Info", format!("{};index={index}", NameAddr::new(uri)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(by: &str, reason: Reason) -> Diverted {
        Diverted { by: by.to_owned(), reason }
    }

    #[test]
    fn what_is_written_either_way_is_read_back() {
        let host = Host::Name("us.example".into());
        let steps = [step("+15550101", Reason::NoAnswer), step("+15550102", Reason::UserBusy)];
        let mut diversion = Headers::default();
        write_diversion(&mut diversion, &steps, &host);
        assert_eq!(
            diversion.get("Diversion"),
            Some("<sip:+15550102@us.example>;reason=user-busy;counter=1"),
            "the newest is on top"
        );
        assert_eq!(read(&diversion), steps);
        let mut history = Headers::default();
        write_history(&mut history, &steps, "+15550199", &host);
        let lines: Vec<_> = history.all("History-Info").collect();
        assert_eq!(
            lines,
            [
                "<sip:+15550101@us.example>;index=1",
                "<sip:+15550102@us.example;cause=408>;index=1.1",
                "<sip:+15550199@us.example;cause=486>;index=1.1.1",
            ]
        );
        assert_eq!(read(&history), steps);
    }

    #[test]
    fn broken_and_endless_histories_do_no_harm() {
        let mut headers = Headers::default();
        let many = vec!["<sip:1@x>;reason=no-answer"; 5_000].join(", ");
        headers.push("Diversion", format!("<<<, \"x, <sip:@>;reason=, {many}")).unwrap();
        assert!(read(&headers).len() <= MOST_STEPS);
        let mut headers = Headers::default();
        headers.push("History-Info", "<sip:1@x>;index=1, garbage, <sip:2@x;cause=zz>").unwrap();
        assert_eq!(read(&headers), []);
    }
}
