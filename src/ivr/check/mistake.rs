//! What can be wrong with a flow, where, and how it is told.

use std::fmt;
use std::ops::Range;

use crate::hours;
use crate::id::FlowId;

/// Which text a problem is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// This flow's.
    Flow(FlowId),
    /// The calendar at this place in the list.
    Calendar(usize),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// Its bytes in that text.
    pub span: Range<usize>,
    /// What.
    pub mistake: Mistake,
    /// What may stand there, where that is a list of names.
    pub known: Vec<String>,
}

/// What can be wrong. Names are as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// No node of that name, and no target of another form.
    Node(String),
    /// No such clip.
    Clip(String),
    /// No such queue.
    Queue(String),
    /// That queue calls nobody back.
    NoCallback(String),
    /// No such extension.
    Extension(String),
    /// No such group.
    Group(String),
    /// No extension of that number has a mailbox.
    Mailbox(String),
    /// No such flow.
    Flow(String),
    /// No such calendar.
    Calendar(String),
    /// A prompt says a variable that no node of the flow collects.
    Variable(String),
    /// Two nodes of one name.
    Twice(String),
    /// Two calendars of one name.
    TwoCalendars(String),
    /// No way leads there.
    Unreachable(String),
    /// The walk can go round these for ever without a key being pressed.
    Loop(Vec<String>),
    /// A choice that is not one key.
    Key(String),
    /// Not a number that can be dialled.
    Number(String),
    /// This value is below the least or above the most.
    Range(u16, u16, u16),
    /// More keys at least than at most.
    MinAboveMax,
    /// The calendar is wrong there.
    Hours(hours::Mistake),
}

impl Problem {
    /// What was written there, to find what was meant.
    pub fn written(&self) -> &str {
        match &self.mistake {
            Mistake::Node(name)
            | Mistake::Clip(name)
            | Mistake::Queue(name)
            | Mistake::Extension(name)
            | Mistake::Group(name)
            | Mistake::Mailbox(name)
            | Mistake::Flow(name)
            | Mistake::Calendar(name)
            | Mistake::Variable(name) => name,
            _ => "",
        }
    }

    /// What is allowed, where it is no list of names.
    pub fn allowed(&self) -> Option<String> {
        Some(match &self.mistake {
            Mistake::NoCallback(_) => {
                "a queue with `callback`, such as `callback = { dial = \"9\" }`".to_owned()
            }
            Mistake::Key(_) => "`0` to `9`, `*` or `#`".to_owned(),
            Mistake::Number(_) => "digits, `*` and `#`, with `+` in front or not".to_owned(),
            Mistake::Range(_, least, most) => format!("{least} to {most}"),
            Mistake::Loop(_) => {
                "a menu or a collect node on the way round, or a hang-up".to_owned()
            }
            Mistake::Hours(hours::Mistake::Days) => "`mon`, `mon-fri`, `sat, sun`".to_owned(),
            Mistake::Hours(hours::Mistake::Time) => "`08:00` to `24:00`".to_owned(),
            Mistake::Hours(hours::Mistake::Date) => {
                "`2026-12-24`, or `12-25` for each year".to_owned()
            }
            Mistake::Hours(hours::Mistake::Zone) => {
                "an IANA name such as `Europe/Berlin`".to_owned()
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::Node(name) => write!(f, "there is no node `{name}` in this flow"),
            Mistake::Clip(name) => write!(f, "there is no prompt `{name}`"),
            Mistake::Queue(name) => write!(f, "there is no queue `{name}`"),
            Mistake::NoCallback(name) => write!(f, "queue `{name}` calls nobody back"),
            Mistake::Extension(name) => write!(f, "there is no extension `{name}`"),
            Mistake::Group(name) => write!(f, "there is no group `{name}`"),
            Mistake::Mailbox(name) => write!(f, "extension `{name}` has no mailbox"),
            Mistake::Flow(name) => write!(f, "there is no flow `{name}`"),
            Mistake::Calendar(name) => write!(f, "there is no calendar `{name}`"),
            Mistake::Variable(name) => write!(f, "no node of this flow collects `{name}`"),
            Mistake::Twice(name) => write!(f, "two nodes are called `{name}`"),
            Mistake::TwoCalendars(name) => write!(f, "two calendars are called `{name}`"),
            Mistake::Unreachable(name) => write!(f, "no way leads to node `{name}`"),
            Mistake::Loop(names) => {
                write!(f, "callers who press no key go round for ever: {}", names.join(" -> "))
            }
            Mistake::Key(key) => write!(f, "`{key}` is not a key of a telephone"),
            Mistake::Number(text) => write!(f, "`{text}` cannot be dialled"),
            Mistake::Range(value, ..) => write!(f, "{value} is out of range"),
            Mistake::MinAboveMax => f.write_str("`min` is above `max`"),
            Mistake::Hours(mistake) => f.write_str(match mistake {
                hours::Mistake::Zone => "there is no such time zone",
                hours::Mistake::Days => "these are not days of the week",
                hours::Mistake::Time => "this is not a time of day",
                hours::Mistake::Date => "this is not a date",
                hours::Mistake::Empty => "this span ends as it begins",
            }),
        }
    }
}
