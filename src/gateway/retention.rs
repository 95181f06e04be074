//! Records of people that were kept as long as the site wants: looked for some at a time, and ended like by anybody's order.

use std::time::Duration;

use crate::context::{Act, Change, Order, Who};
use crate::gateway::{Gateway, LookFor, Output};
use crate::id::ContactId;
use crate::journal::context::to_seal;
use crate::journal::event::Event;
use crate::journal::{State, Token};
use crate::store::context::BOX;
use crate::store::context::looking::{Old, Question};
use crate::time::{Now, UnixTime};

/// Contacts that are looked at in one go: a few milliseconds of a thread that nobody waits for. With one go each half
/// minute, 200,000 contacts are gone through in some hours.
const AT_A_TIME: usize = 500;
/// The rule that proofs of erasures name.
const RULE: &str = "retention.people";

/// Where the search is.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// The last contact that was looked at.
    after: Option<ContactId>,
    /// Whether an answer is on its way.
    asked: bool,
}

impl Gateway {
    /// Looks for records that are too old, if the site has said how old they may be.
    pub(super) fn look_for_old(&mut self, now: Now) {
        let retention = &self.settings.retention;
        let before = |days: u32| {
            let span = Duration::from_secs(u64::from(days) * 86_400);
            (days > 0).then(|| now.unix - span)
        };
        let (idle, moments) = (before(retention.people), before(retention.timeline));
        let nothing = idle.is_none() && moments.is_none();
        if nothing || self.search.asked || self.journal.state() != State::Healthy {
            return;
        }
        self.search.asked = true;
        let held = self.rules.held_tags.keys().cloned().collect();
        let (after, limit) = (self.search.after, AT_A_TIME);
        let question = Question::Old { after, limit, idle, moments, held };
        self.outputs.push_back(Output::Look { to: LookFor::Retention, question });
    }

    /// The store says what is too old; nothing when it cannot say.
    pub(super) fn old_found(&mut self, now: Now, old: Option<Old>) {
        self.search.asked = false;
        let Some(Old { idle, moments, next }) = old else { return };
        self.search.after = next;
        for contact in idle {
            let (who, rule) = (Who::Contact(contact), Some(RULE.to_owned()));
            self.take_order_of(now, BOX.into(), Order::Erase { who, rule });
        }
        self.prune(now, moments);
    }

    fn prune(&mut self, now: Now, moments: Vec<(ContactId, UnixTime)>) {
        if moments.is_empty() || self.journal.state() != State::Healthy {
            return;
        }
        let change = |(contact, before)| Change::Pruned { contact, before };
        let changes = moments.into_iter().map(change).collect();
        let act = Act { by: BOX.into(), at: now.unix, changes };
        let _: Token = self.keep(now, Event::Context(to_seal(act)));
    }
}
