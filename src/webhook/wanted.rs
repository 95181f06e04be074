//! What receivers may want to be told: names of events, single ones and whole kinds.

use std::collections::BTreeSet;

use crate::id::HookId;

/// A step of a journey that a receiver carries out: a message to send, or just the word. Only the receiver that the rule or
/// `[messages]` names is told.
pub const JOURNEY_DUE: &str = "journey.due";

/// Every event that goes out, by name. What is left out is the box's own business (registrations, seals, accounts), or
/// would give secrets away (keyed-in digits, PINs), or is told by another one.
pub const EVENTS: &[&str] = &[
    "agent",
    "call.answered",
    "call.arrived",
    "call.dialled",
    "call.entered",
    "call.forwarded",
    "call.group",
    "call.held",
    "call.ivr",
    "call.leg_ended",
    "call.machine",
    "call.node",
    "call.offered",
    "call.one_way",
    "call.parked",
    "call.queued",
    "call.recorded",
    "call.resumed",
    "call.taken_by",
    "call.taped",
    "call.transferred",
    "call.voicemail",
    "call_record",
    "hot_desk",
    JOURNEY_DUE,
    "person.changed",
    "person.disposition",
    "person.erased",
    "person.merged",
    "person.note",
    "schedule",
    "started",
    "stopped",
    "voicemail.begun",
    "voicemail.deleted",
    "voicemail.dropped",
    "voicemail.heard",
    "voicemail.left",
    "work.abandoned",
    "work.attempt_failed",
    "work.attempted",
    "work.closed",
    "work.declined",
    "work.flowed_out",
    "work.kept",
    "work.moved",
    "work.offered",
    "work.promised",
    "work.queued",
    "work.returned",
    "work.taken",
    "work.taken_out",
    "work.wrapped_up",
];

/// What one receiver wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted(BTreeSet<&'static str>, Option<HookId>);

impl Wanted {
    /// From names, kinds such as `call.*`, and `*` for everything.
    ///
    /// # Errors
    /// The first that names nothing.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Wanted, &'a str> {
        let mut wanted = BTreeSet::new();
        for name in names {
            let before = name.strip_suffix('*');
            let means = |event: &&&str| match before {
                Some("") => true,
                Some(kind) => kind.ends_with('.') && event.starts_with(kind),
                None => **event == name,
            };
            let mut found = EVENTS.iter().filter(means).peekable();
            if found.peek().is_none() {
                return Err(name);
            }
            wanted.extend(found);
        }
        Ok(Wanted(wanted, None))
    }

    /// The same of the receiver with this name: what is for one receiver alone is for this one.
    pub fn of(self, own: HookId) -> Wanted {
        Wanted(self.0, Some(own))
    }

    /// Whether what is for the receiver with this name is for this one.
    pub fn is(&self, name: &str) -> bool {
        self.1.as_ref().is_some_and(|own| own.as_str() == name)
    }

    /// Whether an event is wanted.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Whether any event of this kind is.
    pub fn has_kind(&self, kind: &str) -> bool {
        let of_kind = |event: &&str| event.split_once('.').map_or(*event, |(kind, _)| kind) == kind;
        self.0.iter().any(of_kind)
    }
}
