//! Calls by voice over a page's connection: which page of a visitor's has the call, and what the others hear of it.
//!
//! Whether there may be one, and what becomes of it, the gateway says; here it is only brought to the right page.

use super::wire::ToPage;
use super::{Chat, ConnectionId, Output, Visitor, address, say_to, visit_of};
use crate::messaging::Address;
use crate::messaging::channel::Input;
use crate::messaging::voice::{Ends, No, Said, Told};

/// What a visitor has of calls.
#[derive(Debug, Default)]
pub struct Voice {
    /// Whether somebody of the branch would like to speak.
    invited: bool,
    /// Whether a call is up.
    up: bool,
    /// The page that has it, or asks for it.
    page: Option<ConnectionId>,
}

impl Chat {
    /// A visitor's page says something of a call.
    pub(super) fn speaks(&mut self, id: ConnectionId, visitor: &Visitor, said: Said) {
        let Some(visit) = self.visits.get_mut(visitor) else { return };
        let other = visit.voice.page.filter(|page| *page != id);
        match (&said, other) {
            (Said::Resume { .. }, Some(other)) => {
                let why = "elsewhere".to_owned();
                self.outputs.push_back(Output::Say(other, ToPage::Call(Told::Ended { why })));
                self.is_calling(other, false);
            }
            // One call of a visitor's at a time.
            (Said::Ask | Said::Offer { .. }, Some(_)) => {
                let busy = Told::Refused { why: No::Busy };
                return self.outputs.push_back(Output::Say(id, ToPage::Call(busy)));
            }
            (Said::Hangup, Some(_)) => return,
            _ => {}
        }
        if matches!(said, Said::Ask | Said::Offer { .. } | Said::Resume { .. }) {
            if let Some(visit) = self.visits.get_mut(visitor) {
                visit.voice.page = Some(id);
            }
            self.is_calling(id, true);
        }
        if said == Said::Decline {
            self.call_told(&address(visitor), Told::Invited { on: false });
        }
        self.pass_on(id, visitor, said);
    }

    /// The gateway says something of a visitor's call.
    pub(super) fn call_told(&mut self, to: &Address, told: Told) {
        let Some(visit) = visit_of(&mut self.visits, to) else { return };
        let what = ToPage::Call(told.clone());
        match told {
            Told::Invited { on } => {
                visit.voice.invited = on;
                return say_to(&mut self.outputs, visit, &what);
            }
            Told::Answer { .. } => visit.voice.up = true,
            _ => {}
        }
        let page = visit.voice.page;
        if let Some(page) = page {
            self.outputs.push_back(Output::Say(page, what));
        }
        let refused = matches!(told, Told::Refused { .. }) && !visit.voice.up;
        if refused || matches!(told, Told::Ended { .. }) {
            let invited = std::mem::take(&mut visit.voice).invited;
            visit.voice.invited = invited;
            page.into_iter().for_each(|page| self.is_calling(page, false));
        }
    }

    /// A page was welcomed: what it has missed.
    pub(super) fn catch_up_on_calls(&mut self, id: ConnectionId, visitor: &Visitor) {
        let Some(visit) = self.visits.get(visitor) else { return };
        let invited = visit.voice.invited.then_some(Told::Invited { on: true });
        let waits = (visit.voice.up && visit.voice.page.is_none()).then_some(Told::Waiting);
        let missed = invited.into_iter().chain(waits);
        self.outputs.extend(missed.map(|told| Output::Say(id, ToPage::Call(told))));
    }

    /// A page is gone, and with it whoever spoke there.
    pub(super) fn page_of_call_gone(&mut self, id: ConnectionId, visitor: &Visitor, ends: Ends) {
        let Some(visit) = self.visits.get_mut(visitor) else { return };
        if visit.voice.page.take_if(|page| *page == id).is_some() {
            let from = address(visitor);
            self.outputs.push_back(Output::Tell(Input::Call { from, ends, said: Said::Gone }));
        }
    }

    fn pass_on(&mut self, id: ConnectionId, visitor: &Visitor, said: Said) {
        let Some(ends) = self.pages.get(&id).map(|page| page.ends) else { return };
        self.outputs.push_back(Output::Tell(Input::Call { from: address(visitor), ends, said }));
    }

    fn is_calling(&mut self, id: ConnectionId, on: bool) {
        if let Some(page) = self.pages.get_mut(&id) {
            page.calling = on;
        }
    }
}
