//! The settings of the dial plan: what a site writes down, before it is compiled.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DeskRules, Features, Origin};
use crate::address::Number;
use crate::call::country::{Class, Country};
use crate::call::pattern::{NotAPattern, Pattern};
use crate::id::{
    ConferenceId, ExtensionId, FlowId, GroupId, LocationId, QueueId, ScheduleId, TrunkId,
};

/// Where a configured number leads: `ivr:main`, `extension:201`, `group:sales`, `queue:support`, `conference:board`,
/// `schedule:office`, `voicemail:201`, `messages` or `echo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// The start of an IVR flow.
    Ivr(FlowId),
    /// A desk phone.
    Extension(ExtensionId),
    /// The end of a queue.
    Queue(QueueId),
    /// To leave a message for this extension.
    Voicemail(ExtensionId),
    /// To hear messages from anywhere.
    Messages,
    /// A conference.
    Conference(ConferenceId),
    /// The phones of a ring group.
    Group(GroupId),
    /// Wherever a schedule leads at that moment.
    Schedule(ScheduleId),
    /// Everything said is played back.
    Echo,
}

/// Text that is not a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotATarget(pub String);

/// A number that callers on trunks dial (a DID).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbound {
    /// The number, as the carrier sends it or in full with `+`.
    pub number: Number,
    /// Only calls that come over this trunk; any trunk when absent.
    #[serde(default)]
    pub trunk: Option<TrunkId>,
    /// Where the call goes.
    pub to: Target,
}

/// A number inside the branch that is not a desk phone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Internal {
    /// The number as extensions dial it.
    pub number: Number,
    /// Where the call goes.
    pub to: Target,
}

/// A class of number that an outbound rule opens beyond national ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Allow {
    /// Numbers of other countries.
    International,
    /// Numbers charged above usual rates.
    Premium,
    /// Codes of the carrier, with whatever follows them.
    Service,
}

/// A way out over trunks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// What the rule is called in answers of `branchline route`.
    pub name: String,
    /// Dialled numbers it takes, in the pattern language; exactly one of `pattern` and `prefix` is given.
    #[serde(default)]
    pub pattern: Option<Pattern>,
    /// Digits that the dialled numbers begin with.
    #[serde(default)]
    pub prefix: Option<Number>,
    /// Leading characters to take off before sending; 0 to 32, fewer than the shortest number that matches.
    #[serde(default)]
    pub strip: u8,
    /// Digits put in front after that.
    #[serde(default)]
    pub prepend: Option<Number>,
    /// Trunks to try, in this order.
    pub trunks: Vec<TrunkId>,
    /// Extensions that may use the rule; all when empty.
    #[serde(default)]
    pub extensions: Vec<ExtensionId>,
    /// Trunks whose callers may use the rule. Empty, and best left so: a call from trunk to trunk is paid by the branch.
    #[serde(default)]
    pub from_trunks: Vec<TrunkId>,
    /// Classes of number beyond national ones. Empty by default.
    #[serde(default)]
    pub allow: Vec<Allow>,
}

/// Calls for help.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Emergency {
    /// Numbers that reach help; those of the country when absent.
    pub numbers: Option<Vec<Number>>,
    /// What people dial before an outside number, so that help is reached with and without it. Default: `9`.
    pub outside_prefixes: Vec<Number>,
    /// Trunks in the order they are tried; all others, as configured, come behind them.
    pub trunks: Vec<TrunkId>,
    /// Extensions that are told of the call while it goes out.
    pub notify: Vec<ExtensionId>,
    /// Networks whose phones reach help without a password, registered or not: `192.168.1.0/24`. The private networks of
    /// this box's own interfaces when absent, nobody when empty.
    pub networks: Option<Vec<String>>,
    /// Where a phone is that has no place of its own.
    pub location: Option<LocationId>,
    /// Hours for which a call back reaches the phone that called; 0 to 72, default 12.
    pub callback_hours: u8,
    /// What is dialled to hear which number and place help would see; nothing leaves the box. Default: the country's, 933
    /// in the US.
    pub test_number: Option<Number>,
}

impl Default for Emergency {
    fn default() -> Self {
        let outside_prefixes = Number::parse("9").into_iter().collect();
        Emergency {
            numbers: None,
            outside_prefixes,
            trunks: Vec::new(),
            notify: Vec::new(),
            networks: None,
            location: None,
            callback_hours: 12,
            test_number: None,
        }
    }
}

/// What a plan is made of. References are not checked here: an unknown trunk is simply never reached.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Whose numbering applies.
    pub country: Country,
    /// Desk phones.
    pub extensions: Vec<ExtensionId>,
    /// Trunks in the order of the configuration: those that calls can be sent over.
    pub trunks: Vec<TrunkId>,
    /// Numbers dialled by callers on trunks.
    pub inbound: Vec<Inbound>,
    /// Numbers dialled inside.
    pub internal: Vec<Internal>,
    /// Numbers of conferences.
    pub conferences: Vec<(Number, ConferenceId)>,
    /// Ways out.
    pub outbound: Vec<Outbound>,
    /// Calls for help.
    pub emergency: Emergency,
    /// Feature codes.
    pub features: Features,
    /// Groups, loudspeakers, parking places, schedules.
    pub desk: DeskRules,
}

impl Outbound {
    /// The pattern, from whichever of `pattern` and `prefix` is given.
    pub fn matcher(&self) -> Result<Pattern, NotAPattern> {
        match (&self.pattern, &self.prefix) {
            (Some(pattern), _) => Ok(pattern.clone()),
            (None, Some(prefix)) => Pattern::prefix(prefix.as_str()),
            (None, None) => Err(NotAPattern::Empty),
        }
    }

    pub(super) fn serves(&self, from: &Origin) -> bool {
        match from {
            Origin::Extension(extension) => {
                self.extensions.is_empty() || self.extensions.contains(extension)
            }
            Origin::Trunk(trunk) => self.from_trunks.contains(trunk),
            Origin::Chat(_) => false,
        }
    }

    pub(super) fn allows(&self, class: Class) -> bool {
        match class {
            Class::National => true,
            Class::International => self.allow.contains(&Allow::International),
            Class::Premium => self.allow.contains(&Allow::Premium),
            Class::Service => self.allow.contains(&Allow::Service),
        }
    }

    pub(super) fn rewritten(&self, number: &Number) -> Option<Number> {
        let rest = number.as_str().get(usize::from(self.strip)..)?;
        if rest.is_empty() {
            return None;
        }
        let prepend = self.prepend.as_ref().map_or("", Number::as_str);
        Number::parse(&format!("{prepend}{rest}")).ok()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Ivr(flow) => write!(f, "ivr:{flow}"),
            Target::Extension(extension) => write!(f, "extension:{extension}"),
            Target::Queue(queue) => write!(f, "queue:{queue}"),
            Target::Voicemail(extension) => write!(f, "voicemail:{extension}"),
            Target::Messages => f.write_str("messages"),
            Target::Conference(conference) => write!(f, "conference:{conference}"),
            Target::Group(group) => write!(f, "group:{group}"),
            Target::Schedule(schedule) => write!(f, "schedule:{schedule}"),
            Target::Echo => f.write_str("echo"),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = NotATarget;
    fn try_from(text: String) -> Result<Self, NotATarget> {
        match text.split_once(':') {
            _ if text == "echo" => Ok(Target::Echo),
            _ if text == "messages" => Ok(Target::Messages),
            Some(("ivr", name)) if !name.is_empty() => Ok(Target::Ivr(name.into())),
            Some(("extension", name)) if !name.is_empty() => Ok(Target::Extension(name.into())),
            Some(("conference", name)) if !name.is_empty() => Ok(Target::Conference(name.into())),
            Some(("queue", name)) if !name.is_empty() => Ok(Target::Queue(name.into())),
            Some(("voicemail", name)) if !name.is_empty() => Ok(Target::Voicemail(name.into())),
            Some(("group", name)) if !name.is_empty() => Ok(Target::Group(name.into())),
            Some(("schedule", name)) if !name.is_empty() => Ok(Target::Schedule(name.into())),
            _ => Err(NotATarget(text)),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> String {
        target.to_string()
    }
}

impl fmt::Display for NotATarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = "`ivr:`, `extension:`, `group:`, `queue:`, `conference:`, `schedule:`, `voicemail:`, `messages`, \
                     `echo`";
        write!(f, "unknown variant `{}`, expected one of {kinds}", self.0)
    }
}

impl std::error::Error for NotATarget {}
