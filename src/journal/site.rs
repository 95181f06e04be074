//! What records say of events that sites and shops tell of: a page that was visited, a cart, a form, somebody who walks in.

use serde::{Deserialize, Serialize};

use crate::context::{Channel, Identity};
use crate::journal::personal::Personal;
use crate::time::UnixTime;

/// Something that happened at a site or a shop, with somebody who has agreed that it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// What kind: one of those that come from outside.
    pub kind: String,
    /// What the sender calls it, under a key: the same event told twice is kept once.
    pub id: String,
    /// When it happened.
    pub at: UnixTime,
    /// Where.
    pub channel: Channel,
    /// By what the person is known, the surest first; at least one.
    pub identities: Vec<Identity<Personal>>,
    /// Whether they came in one interaction in which the person was known for sure: then they are one person's.
    #[serde(default)]
    pub together: bool,
    /// What it was about, such as the page; read with the first identity's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Personal>,
}

impl Site {
    /// Hands every piece of personal data to `touch`.
    pub fn for_each_personal(&mut self, touch: &mut dyn FnMut(&mut Personal)) {
        self.identities.iter_mut().for_each(|identity| touch(&mut identity.value));
        self.detail.iter_mut().for_each(touch);
    }
}

/// Ids of events that were told lately; told again they change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Told(std::collections::VecDeque<String>);

/// Ids that are remembered: a shop repeats within minutes, and a branch's shop has a few thousand events in a day.
const MOST_TOLD: usize = 10_000;

impl Told {
    /// Takes one up.
    pub fn apply(&mut self, site: &Site) {
        self.0.push_back(site.id.clone());
        self.0.drain(..self.0.len().saturating_sub(MOST_TOLD));
    }

    /// The ids, for a look-up that is made once.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        self.0.iter()
    }
}
