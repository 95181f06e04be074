//! Who has seen what is known of a person before speaking with them: hand-overs are judged by it (F12).
//!
//! A card that comes up in an open page of the agent's counts, and so does a record that the agent opens while asked or with
//! the work in hand. What a program of somebody's shows is not known here.

use crate::context::Who;
use crate::gateway::{By, Gateway};
use crate::id::{AgentId, CallId};
use crate::journal::act;
use crate::journal::work::Reading;
use crate::time::Now;

impl Gateway {
    /// The card of who calls goes to whom the call is offered: it is up where a page of theirs is open.
    pub(super) fn card_goes_to(&mut self, now: Now, call: CallId, agent: &AgentId) {
        let item = self.work.item_of(call).filter(|_| self.tabs.has(agent));
        item.into_iter().for_each(|item| self.note_read(now, item, agent, Reading::Shown));
    }

    /// Somebody opens the record of a person.
    pub(super) fn record_opened(&mut self, now: Now, by: &By, who: &Who) {
        let (Some(agent), Who::Contact(contact)) = (self.agent_behind(by), who) else { return };
        for item in self.work_about(&agent, *contact) {
            self.note_read(now, item, &agent, Reading::Opened);
        }
    }

    /// The agent that somebody is, whatever else they may do.
    fn agent_behind(&self, by: &By) -> Option<AgentId> {
        let act::Who::User(name) = &by.who else { return None };
        let user = self.journal.live().accounts.users.get(name);
        by.own.clone().or_else(|| user?.agent.clone())
    }
}
