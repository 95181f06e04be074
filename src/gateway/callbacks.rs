//! Promises to call back: queues on one side, calls on the other. A promise is in the journal before the caller is told;
//! who is called may be called by the dial plan, as if the agent who calls had dialled.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::call::plan::{Asked, Destination, Origin};
use crate::call::promise::{Given, Whose};
use crate::call::{CallBack, Leaving, OfferOutcome};
use crate::config::settings;
use crate::gateway::Gateway;
use crate::gateway::sound::Playing;
use crate::id::{AgentId, CallId, ExtensionId, ItemId, OfferId, QueueId};
use crate::ivr::{ClipName, prompts, speak};
use crate::journal::context::of_call;
use crate::journal::event::Event;
use crate::journal::personal::Personal;
use crate::journal::work::{Open, Promise, Step, Wish};
use crate::queue::{Channel, Item};
use crate::time::Now;

/// How long after a number was read out its confirmation counts: reading it takes ten seconds.
const CONFIRM_WITHIN: Duration = Duration::from_secs(40);

/// Promises, and calls that are made to keep them.
#[derive(Debug, Default)]
pub(super) struct Promises {
    /// Whom to call for which item.
    numbers: BTreeMap<ItemId, String>,
    /// Calls to agents and on to persons.
    attempts: BTreeMap<CallId, Attempt>,
    /// Who has been read the number and may confirm it until then.
    asked: BTreeMap<CallId, Instant>,
    /// What was promised in flows.
    pub(super) given: Given,
}

#[derive(Debug)]
struct Attempt {
    item: ItemId,
    offer: OfferId,
    agent: AgentId,
    /// Whether the person was reached.
    kept: bool,
}

impl Promises {
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.attempts.is_empty()
    }

    /// Remembers whom to call.
    pub fn insert(&mut self, item: ItemId, number: String) {
        self.numbers.insert(item, number);
    }

    /// Whether somebody waits to be called at a number.
    pub fn has(&self, number: &str) -> bool {
        self.numbers.values().any(|known| known == number)
    }

    fn ringing(&self, offer: OfferId, agent: &AgentId) -> Option<CallId> {
        let found = self.attempts.iter().find(|(_, a)| a.offer == offer && a.agent == *agent);
        found.map(|(call, _)| *call)
    }
}

/// Giving promises.
impl Gateway {
    /// A key pressed by a caller who waits: the one that the queue has for it asks to be called back, pressed again it
    /// confirms the number that was read out. Answers whether it was that.
    pub(super) fn callback_key(&mut self, now: Now, call: CallId, key: char) -> bool {
        let offered = self.callback_offered(call).is_some_and(|offered| offered.key == key);
        if !offered || !self.calls.is_queued(call) {
            return false;
        }
        let asked = self.promises.asked.remove(&call);
        if asked.is_some_and(|until| now.instant < until) && self.promise_callback(now, call) {
            return true;
        }
        let Some(leg) = self.calls.caller(call) else { return true };
        let names = match self.number_to_call(now, call) {
            Some(number) => {
                self.promises.asked.insert(call, now.instant + CONFIRM_WITHIN);
                let mut names = vec![ClipName::from(prompts::CALLBACK_NUMBER)];
                names.extend(speak::digits(&number));
                names.push(ClipName::from(prompts::CALLBACK_CONFIRM));
                names
            }
            None => vec![ClipName::from(prompts::CALLBACK_NOT_POSSIBLE)],
        };
        let clips = self.prompts.clips(&names);
        self.play(leg, Playing::Announcement(call), clips, false, false);
        true
    }

    /// What a waiting caller is told of being called back.
    pub(super) fn callback_words(&self, now: Now, call: CallId) -> Vec<ClipName> {
        let offered = self.callback_offered(call).map(|offered| offered.key);
        match offered.filter(|_| self.number_to_call(now, call).is_some()) {
            Some(key) => {
                let mut names = vec![ClipName::from(prompts::CALLBACK_OFFER)];
                names.extend(speak::digits(&key.to_string()));
                names
            }
            None => Vec::new(),
        }
    }

    /// Promises the caller who waits in a queue a call back at the same place, where the number that calls may be called.
    /// The caller is told once the promise is on the disk.
    pub(super) fn promise_callback(&mut self, now: Now, call: CallId) -> bool {
        let Some(id) = self.work.item_of(call) else { return false };
        let Some(number) = self.number_to_call(now, call) else { return false };
        let dialled = self.calls.numbers(call).map(|(_, to)| to.to_owned()).unwrap_or_default();
        let Some(item) = self.queues.item(id) else { return false };
        if self.promises.has(&number) {
            // One call is enough, at the place of the first.
            let words = self.promised_words(now, &item.queue.clone());
            self.leave_queue(now, call, Leaving::TakenOut);
            self.calls.handle_feature(call, words);
            return true;
        }
        let queue = item.queue.clone();
        let promise = Promise {
            number: of_call(call, number.clone()),
            dialled: of_call(call, dialled),
            arrived: item.arrived,
            priority: item.priority,
            skills: item.skills.clone(),
            // Whoever has waited in the queue has paid for it.
            wish: None,
        };
        let Some(event) = self.promised(now, id, promise) else { return false };
        self.promises.numbers.insert(id, number);
        self.hear_promise(call, id);
        let words = self.promised_words(now, &queue);
        self.say_when_kept(now, event, call, words);
        self.keep(now, Event::QueueLeft { item: id });
        self.work.part(call);
        self.queues.handle_move_channel(now, id, Channel::Callback);
        true
    }

    /// What a queue offers to the caller of a call who waits in it.
    pub(super) fn callback_offered(&self, call: CallId) -> Option<&settings::CallbackOffer> {
        let queue = self.calls.queue(call)?;
        let settings = self.settings.queues.iter().find(|settings| settings.name == *queue)?;
        settings.callback.as_ref()
    }

    /// The number that calls, if somebody of the queue's agents may call it: the same rules as of any call out. Nothing while
    /// the disk fails: whoever hangs up on a promise has nothing else, and the next restart would forget it.
    fn number_to_call(&self, now: Now, call: CallId) -> Option<String> {
        let queue = self.calls.queue(call)?;
        Some(self.callable(now, call, queue, None)?.number)
    }

    /// Whether somebody of a queue's agents may call a number: the same rules as of any call out.
    pub(super) fn may_be_called(&self, now: Now, queue: &QueueId, number: &str) -> bool {
        let members = self.queues.members(queue).iter();
        let mut members = members.filter_map(|agent| self.roster.settings(agent));
        let may = |extension: &ExtensionId| {
            let way = self.way_to(now, extension, number, queue);
            matches!(way, Destination::Outbound { hidden: false, .. } | Destination::Extension(_))
        };
        members.any(|agent| may(&agent.extension))
    }

    /// A rule has somebody called, who waits from now on like anybody who was promised a call. Answers whether the number
    /// may be called; said again under the same name it changes nothing.
    pub(super) fn promise_by_rule(
        &mut self,
        now: Now,
        id: ItemId,
        queue: QueueId,
        number: &str,
    ) -> bool {
        if self.journal.live().promises.0.contains_key(&id) {
            return true;
        }
        // Where the number is from, a form perhaps, strangers write too.
        let Ok(number) = self.plan.may_promise(number, Whose::Own) else { return false };
        if !self.may_be_called(now, &queue, &number) {
            return false;
        }
        let item = Item {
            id,
            queue,
            arrived: now.unix,
            priority: 0,
            skills: BTreeMap::new(),
            preferred: None,
            channel: Channel::Callback,
            last_agent: None,
        };
        let promise = Promise {
            // A number in full: it goes with whoever has it.
            number: Personal::Clear(number.clone()),
            dialled: Personal::Clear(String::new()),
            arrived: item.arrived,
            priority: item.priority,
            skills: BTreeMap::new(),
            wish: None,
        };
        self.note_queued(now, &item, None);
        self.work_calls(id, &number);
        let Some(event) = self.promised(now, id, promise) else { return false };
        self.keep(now, event);
        self.promises.numbers.insert(id, number);
        if self.queues.handle_promised_before(now, item, 0, None).is_err() {
            self.drop_promise(now, id, 0);
            return false;
        }
        true
    }

    /// Where a number leads that an agent calls back.
    fn way_to(
        &self,
        now: Now,
        extension: &ExtensionId,
        number: &str,
        queue: &crate::id::QueueId,
    ) -> Destination {
        let settings = self.settings.queues.iter().find(|settings| settings.name == *queue);
        let before = settings.and_then(|queue| Some(queue.callback.as_ref()?.dial.as_str()));
        let country = self.settings.site.country;
        let full = country.full(number).and_then(|full| country.as_dialled(&full));
        // A colleague inside has no full number.
        let dialled = match (full, self.extension(number)) {
            (Some(full), None) => format!("{}{full}", before.unwrap_or_default()),
            _ => number.to_owned(),
        };
        let from = Origin::Extension(extension.clone());
        self.plan.decide(&Asked { dialled: &dialled, from, unix: now.unix }).destination
    }
}

/// Keeping them.
impl Gateway {
    /// Promises from before a restart wait again, each at its place.
    pub(super) fn restore_promises(&mut self, now: Now) {
        self.count_promises();
        let open = self.journal.live().promises.0.clone();
        for (item, open) in open {
            self.restore_promise(now, item, open);
        }
    }

    /// What was promised in the last day, of those that are not forgotten.
    fn count_promises(&mut self) {
        let keys = self.journal.keys();
        self.promises.given = Given::default();
        for given in &self.journal.live().given.0 {
            let Some(number) = keys.read(&given.number) else { continue };
            let asks = match &given.wish {
                Wish::Own => None,
                Wish::Hidden => Some(None),
                Wish::Of(asks) => match keys.read(asks) {
                    Some(asks) => Some(Some(asks)),
                    None => continue,
                },
            };
            let asks = asks.as_ref().map(Option::as_deref);
            self.promises.given.note(given.at, &number, asks);
        }
    }

    fn restore_promise(&mut self, now: Now, id: ItemId, open: Open) {
        let Open { queue, promise, attempts, again, contact, .. } = open;
        let number = self.journal.keys().read(&promise.number);
        let item = Item {
            id,
            queue,
            arrived: promise.arrived,
            priority: promise.priority,
            skills: promise.skills,
            preferred: None,
            channel: Channel::Callback,
            last_agent: None,
        };
        self.know_work(now, &item, None);
        self.work_is_of(id, contact);
        // Whoever is forgotten is not called; where the queue is gone nobody is there to call.
        let Some(number) = number else { return self.drop_promise(now, id, attempts) };
        self.work_calls(id, &number);
        match self.queues.handle_promised_before(now, item, attempts, again) {
            Ok(()) => _ = self.promises.numbers.insert(id, number),
            Err(_) => self.drop_promise(now, id, attempts),
        }
    }

    fn drop_promise(&mut self, now: Now, item: ItemId, attempts: u8) {
        self.note_work(now, item, Step::AttemptFailed { attempts, again: None });
        if let Some(number) = self.promises.numbers.remove(&item) {
            self.hear_callback(now, item, false, &number);
        }
        self.forget_work(item);
    }

    /// Somebody was erased: whoever is forgotten is not called. A promise that an agent is carrying out just now goes on.
    pub(super) fn forget_promises(&mut self, now: Now) {
        self.count_promises();
        let keys = self.journal.keys();
        let promises = self.journal.live().promises.0.iter();
        let gone = promises.filter(|(_, open)| keys.read(&open.promise.number).is_none());
        let gone: Vec<_> = gone.map(|(item, _)| *item).collect();
        for item in gone {
            if self.queues.position(now, item).is_some() {
                self.note_work(now, item, Step::TakenOut);
                self.queues.handle_taken_out(now, item);
                self.forget_work(item);
                self.promises.numbers.remove(&item);
            }
        }
    }

    /// A promise is offered to agents: each is rung in a call of their own, the first to answer has it.
    pub(super) fn offer_callback(
        &mut self,
        now: Now,
        offer: OfferId,
        item: ItemId,
        to: &[AgentId],
    ) {
        for agent in to {
            if !self.ring_for_callback(now, offer, item, agent) {
                let outcome = OfferOutcome::Refused;
                self.offer_outcome(now, offer, agent.clone(), outcome);
            }
        }
    }

    fn ring_for_callback(
        &mut self,
        now: Now,
        offer: OfferId,
        item: ItemId,
        agent: &AgentId,
    ) -> bool {
        let extension = self.roster.settings(agent).map(|settings| settings.extension.clone());
        let number = self.promises.numbers.get(&item).cloned();
        let queue = self.queue_of_work(item).cloned();
        let (Some(extension), Some(number), Some(queue)) = (extension, number, queue) else {
            return false;
        };
        let destination = self.way_to(now, &extension, &number, &queue);
        if !matches!(destination, Destination::Outbound { .. } | Destination::Extension(_)) {
            return false;
        }
        let call = CallId(self.random.bits());
        let attempt = Attempt { item, offer, agent: agent.clone(), kept: false };
        self.promises.attempts.insert(call, attempt);
        let agent = agent.clone();
        let back = CallBack { call, offer, agent, extension, number, destination };
        self.calls.handle_call_back(now, back);
        true
    }

    /// Stops the phone of an agent that rings for a promise. Answers whether it does.
    pub(super) fn stop_callback(&mut self, offer: OfferId, agent: &AgentId, missed: bool) -> bool {
        let Some(call) = self.promises.ringing(offer, agent) else { return false };
        self.calls.handle_withdraw(call, offer, agent, missed);
        true
    }

    /// An agent is there for a promise: the person is being called.
    pub(super) fn callback_attempted(
        &mut self,
        now: Now,
        offer: OfferId,
        item: ItemId,
        agent: &AgentId,
    ) {
        let Some(call) = self.promises.ringing(offer, agent) else { return };
        let attempt = self.queues.attempts(item).saturating_add(1);
        if let Some(queue) = self.queue_of_work(item).cloned() {
            self.work.talks_in(item, call, queue);
        }
        self.work_is_in(item, call);
        self.note_work(now, item, Step::Attempted { agent: agent.clone(), attempt });
    }

    /// Two parties are joined: where the call is one back, the promise is kept.
    pub(super) fn callback_joined(&mut self, now: Now, call: Option<CallId>) {
        let attempt = call.and_then(|call| self.promises.attempts.get_mut(&call));
        let Some(attempt) = attempt.filter(|attempt| !attempt.kept) else { return };
        attempt.kept = true;
        let (item, agent) = (attempt.item, attempt.agent.clone());
        let number = self.promises.numbers.remove(&item);
        self.note_work(now, item, Step::Kept { agent });
        if let Some(number) = number {
            self.hear_callback(now, item, true, &number);
        }
    }

    /// The conversation of an agent who called back is over. Answers whether the person was never reached, so that the
    /// item waits again or is given up.
    pub(super) fn callback_failed(&mut self, now: Now, item: ItemId) -> bool {
        let failed = self.promises.attempts.values().any(|a| a.item == item && !a.kept);
        if failed {
            self.queues.handle_attempt_failed(now, item);
        }
        failed
    }

    /// The queues gave a promise up, or try it again later.
    pub(super) fn callback_tried(
        &mut self,
        now: Now,
        item: ItemId,
        attempts: u8,
        again: Option<crate::time::UnixTime>,
    ) {
        match again {
            Some(_) => self.note_work(now, item, Step::AttemptFailed { attempts, again }),
            None => self.drop_promise(now, item, attempts),
        }
    }

    /// A call is over for good.
    pub(super) fn callback_over(&mut self, call: CallId) {
        self.promises.attempts.remove(&call);
        self.promises.asked.remove(&call);
    }
}
