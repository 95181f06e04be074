//! Asking callers how it was: whom, and what they answer, on the way from the flow to the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::call::record::Peer;
use crate::config::settings::{SCORE, Survey};
use crate::context::{Channel, Order, SURVEY, Source, Who};
use crate::gateway::Gateway;
use crate::id::{ActorId, AgentId, CallId, FlowId};
use crate::journal::event::What;
use crate::journal::personal::Personal;
use crate::time::{Now, UnixTime};

/// The key that asks for no more questions, in the place of an answer.
const NEVER: char = '*';
/// The highest score of any question.
const HIGHEST: u8 = 10;
const DAY: Duration = Duration::from_secs(86_400);

/// Calls whose callers are asked, or have agreed to be.
#[derive(Debug, Default)]
pub(super) struct Surveys {
    agreed: BTreeSet<CallId>,
    /// Each once, whatever becomes of the call; and whether there is an answer.
    asked: BTreeMap<CallId, bool>,
}

impl Gateway {
    fn survey_of(&self, call: CallId) -> Option<&Survey> {
        let queue = self.calls.queue(call)?;
        self.settings.queues.iter().find(|own| own.name == *queue)?.survey.as_ref()
    }

    /// An agent has taken a call: whether its caller is asked afterwards. Colleagues are not, nor whoever was asked lately,
    /// nor whoever did not agree where that is asked for.
    pub(super) fn plan_survey(&mut self, now: Now, call: CallId) {
        let flow = self.survey_of(call).filter(|survey| self.may_be_asked(now, call, survey));
        let flow = flow.map(|survey| survey.flow.clone());
        self.calls.handle_survey(call, flow);
    }

    fn may_be_asked(&self, now: Now, call: CallId, survey: &Survey) -> bool {
        let outside = self.calls.caller(call).and_then(|leg| self.legs.get(leg));
        if !outside.is_some_and(|leg| matches!(leg.peer, Peer::Trunk(_))) {
            return false;
        }
        if self.surveys.asked.contains_key(&call) {
            return false;
        }
        if survey.consent.is_some() && !self.surveys.agreed.contains(&call) {
            return false;
        }
        let known = self.known_caller(call);
        if known.is_some_and(|caller| caller.no_surveys) {
            return false;
        }
        let live = self.journal.live();
        let last = known.and_then(|caller| live.surveyed.0.get(&caller.contact)).copied();
        let last = last.max(self.number_asked(call));
        last.is_none_or(|last| now.unix.since(last) >= DAY * u32::from(survey.every_days))
    }

    /// When the number of a caller was asked last, as long as nobody was known by it.
    fn number_asked(&self, call: CallId) -> Option<UnixTime> {
        let keys = self.journal.keys();
        let subject = keys.reading().by_number(&self.caller_identity(call)?.value);
        let readable = |number: &Personal| keys.read(number).is_some();
        self.journal.live().asked_numbers.last(&subject, readable)
    }

    /// The agent has hung up, and the caller is asked.
    pub(super) fn start_survey(&mut self, now: Now, call: CallId, flow: &FlowId, agent: AgentId) {
        let queue = self.calls.queue(call).cloned();
        let question = self.survey_of(call).map(|survey| survey.question);
        if let (Some(queue), Some(question)) = (queue, question) {
            let contact = self.known_caller(call).map(|caller| caller.contact);
            let number = self.caller_identity(call).filter(|_| contact.is_none());
            let number = number.map(|identity| Personal::Clear(identity.value));
            self.surveys.asked.insert(call, false);
            let asked = What::Surveyed { queue, agent, question, contact, number };
            self.keep_walk_event(now, call, asked);
        }
        self.start_walk(now, call, flow);
    }

    /// A caller has come to a node: it may be the one by which they agree.
    pub(super) fn survey_node(&mut self, call: CallId, node: &str) {
        let mut all = self.settings.queues.iter().filter_map(|queue| queue.survey.as_ref());
        if all.any(|survey| survey.consent.as_deref() == Some(node)) {
            self.surveys.agreed.insert(call);
        }
    }

    /// A caller has keyed something in: the answer, where they are asked for one. The first one counts; [`NEVER`] in its
    /// place says that they are to be asked no more.
    pub(super) fn survey_collected(&mut self, now: Now, call: CallId, name: &str, digits: &str) {
        if name == SCORE && digits.contains(NEVER) && self.surveys.asked.contains_key(&call) {
            return self.survey_refused(now, call);
        }
        let score = digits.parse::<u8>().ok().filter(|score| *score <= HIGHEST);
        if let Some(score) = score
            && name == SCORE
            && let Some(answered @ false) = self.surveys.asked.get_mut(&call)
        {
            *answered = true;
            self.keep_walk_event(now, call, What::Scored { score });
        }
    }

    /// The refusal goes on the person's record, where whoever may can take it back. Whoever is known by nothing yet is by the
    /// number from now on; whoever hides it cannot be known again.
    fn survey_refused(&mut self, now: Now, call: CallId) {
        let (source, through) = (Source::Customer, Some(Channel::Voice));
        let known = self.known_caller(call).map(|caller| caller.contact);
        let identity = self.caller_identity(call);
        let by = || ActorId::from(SURVEY);
        let who = match (known, identity) {
            (Some(contact), _) => Who::Contact(contact),
            (None, Some(identity)) => {
                let who = Who::Identity(identity.kind, identity.value.clone());
                let (fields, identities) = (BTreeMap::new(), vec![identity]);
                let new = Order::Create { fields, identities, source, channel: through };
                self.take_order_of(now, by(), new);
                who
            }
            (None, None) => return,
        };
        let (channel, purpose, given) = (Channel::Voice, SURVEY.to_owned(), false);
        let order = Order::Consent { who, channel, purpose, given, source, through };
        self.take_order_of(now, by(), order);
    }

    /// The call is over.
    pub(super) fn survey_over(&mut self, call: CallId) {
        self.surveys.agreed.remove(&call);
        self.surveys.asked.remove(&call);
    }
}
