//! Why an order of somebody is not carried out: because it is not theirs to give, or because it cannot be done.

use crate::admin::Reply;

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum No {
    /// Whoever is bound to one agent acts on what is that agent's alone.
    NotYours(&'static str),
    /// Somebody else has what it is about.
    Taken(String),
    /// Nobody could do it at this moment, or here.
    Cannot(String),
}

impl From<String> for No {
    fn from(why: String) -> No {
        No::Cannot(why)
    }
}

impl From<&str> for No {
    fn from(why: &str) -> No {
        No::Cannot(why.to_owned())
    }
}

impl From<No> for Reply {
    fn from(no: No) -> Reply {
        match no {
            No::NotYours(why) => Reply::NotAllowed(why.to_owned()),
            No::Taken(why) => Reply::Conflict(why),
            No::Cannot(why) => Reply::Refused(why),
        }
    }
}
