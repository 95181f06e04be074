//! Queues and agents on one side, calls on the other: the roster owns who is ready, the queues who is next, the calls
//! who rings. What one says is told to the others here, and nothing is remembered but which item is which call.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::agent::{self, Presence};
use crate::call::plan::{Destination, Feature};
use crate::call::{Leaving, OfferOutcome, Saying};
use crate::config::settings;
use crate::gateway::Gateway;
use crate::gateway::sound::Playing;
use crate::id::{
    AgentId, CallId, ContactId, ExtensionId, ItemId, LegId, OfferId, QueueId, SkillId,
};
use crate::ivr::{prompts, speak};
use crate::journal::event;
use crate::journal::personal::Personal;
use crate::journal::work::{AUTO, Step, number_name, person_name};
use crate::queue::{self, Channel, Declined, Item};
use crate::time::{Now, UnixTime};

/// Which call an item is, and what is known of it here.
#[derive(Debug, Default)]
pub(super) struct Work {
    calls: BTreeMap<ItemId, CallId>,
    items: BTreeMap<CallId, ItemId>,
    /// The queue that a call waits or waited in last.
    queues: BTreeMap<CallId, QueueId>,
    /// Who offered what: a withdrawn offer names no item.
    offers: BTreeMap<OfferId, ItemId>,
    /// Agents in a conversation that a queue gave them, with the item and when it began.
    talking: BTreeMap<AgentId, (ItemId, UnixTime)>,
    /// What is offered to whom on a screen.
    screens: BTreeMap<(OfferId, AgentId), ItemId>,
}

impl Work {
    /// The item that the caller of a call is.
    pub fn item_of(&self, call: CallId) -> Option<ItemId> {
        self.items.get(&call).copied()
    }

    /// The caller need not hold the line any more: the item waits without the call.
    pub fn part(&mut self, call: CallId) {
        self.items.remove(&call);
    }

    /// The call that an item is.
    pub fn call_of(&self, item: ItemId) -> Option<CallId> {
        self.calls.get(&item).copied()
    }

    /// On whose screens an item is.
    pub fn on_screens_of(&self, item: ItemId) -> Vec<AgentId> {
        let of = self.screens.iter().filter(|(_, shown)| **shown == item);
        of.map(|((_, agent), _)| agent.clone()).collect()
    }

    /// Offers that are on screens.
    pub fn screens(&mut self) -> &mut BTreeMap<(OfferId, AgentId), ItemId> {
        &mut self.screens
    }

    /// A call waits in another queue.
    pub fn waits_in(&mut self, call: CallId, queue: QueueId) {
        self.queues.insert(call, queue);
    }

    /// An item without a line is talked about in this call.
    pub fn talks_in(&mut self, item: ItemId, call: CallId, queue: QueueId) {
        self.calls.insert(item, call);
        self.queues.insert(call, queue);
    }
}

#[cfg(test)]
impl Work {
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
            && self.items.is_empty()
            && self.queues.is_empty()
            && self.offers.is_empty()
            && self.talking.is_empty()
            && self.screens.is_empty()
    }
}

impl Gateway {
    pub(super) fn enqueue(
        &mut self,
        now: Now,
        call: CallId,
        queue: QueueId,
        priority: i32,
        skills: BTreeMap<SkillId, u8>,
        arrived: UnixTime,
    ) {
        let id = ItemId(self.random.bits());
        let item = Item {
            id,
            queue: queue.clone(),
            arrived,
            priority,
            skills,
            preferred: self.agent_of_joined(call),
            channel: Channel::Voice,
            last_agent: self.last_agent(now, call, &queue),
        };
        self.work.calls.insert(id, call);
        self.work.items.insert(call, id);
        self.work.queues.insert(call, queue.clone());
        if let Some(leg) = self.calls.caller(call) {
            self.queue_music(leg, call);
        }
        self.note_queued(now, &item, Some(call));
        match self.queues.handle_enqueue(now, item) {
            Ok(()) => {
                let place = event::QueuePlace { item: id, queue, call, arrived };
                self.keep(now, event::Event::QueuePlace(place));
            }
            Err(queue::Refused::Overflow(why, target)) => self.overflow(now, id, why, target),
            Err(queue::Refused::UnknownQueue | queue::Refused::Known) => {
                self.overflow(now, id, queue::Why::NoAgent, queue::Target::HangUp);
            }
        }
    }

    /// The caller is no longer in the queue.
    pub(super) fn leave_queue(&mut self, now: Now, call: CallId, leaving: Leaving) {
        let Some(item) = self.work.items.get(&call).copied() else { return };
        match leaving {
            Leaving::GaveUp => {
                self.note_abandoned(now, item);
                self.hear_abandoned(call, item);
                self.queues.handle_abandon(now, item);
            }
            Leaving::TakenOut => {
                self.note_work(now, item, Step::TakenOut);
                self.queues.handle_taken_out(now, item);
            }
        }
    }

    /// What became of a ringing agent's phone.
    pub(super) fn offer_outcome(
        &mut self,
        now: Now,
        offer: OfferId,
        agent: AgentId,
        outcome: OfferOutcome,
    ) {
        let why = match outcome {
            OfferOutcome::Accepted => return self.offer_accepted(now, offer, agent),
            OfferOutcome::Missed => Declined::Missed,
            OfferOutcome::Refused => Declined::Refused,
            OfferOutcome::Unreachable => Declined::Unreachable,
        };
        self.queues.handle_declined(now, offer, agent, why);
    }

    /// What a caller in a queue hears between announcements.
    pub(super) fn queue_music(&mut self, leg: LegId, call: CallId) {
        let queue = self.work.queues.get(&call);
        let settings =
            queue.and_then(|queue| self.settings.queues.iter().find(|s| s.name == *queue));
        let name = settings
            .map_or_else(|| prompts::HOLD_MUSIC.to_owned(), |settings| settings.music.clone());
        self.music(leg, &name);
    }

    /// A call is over for good.
    pub(super) fn work_forget(&mut self, now: Now, call: CallId) {
        self.work.queues.remove(&call);
        self.work.calls.retain(|item, of| *of != call || self.work.items.get(&call) == Some(item));
        if let Some(item) = self.work.items.get(&call).copied() {
            self.forget_item(now, item);
        }
    }

    fn offer_accepted(&mut self, now: Now, offer: OfferId, agent: AgentId) {
        if let Ok(item) = self.queues.handle_accepted(now, offer, agent.clone()) {
            self.work.talking.insert(agent.clone(), (item, now.unix));
            self.note_taken(now, item, agent.clone());
            let done = self.roster.handle_answered(now, &agent);
            self.tell_roster(done);
            self.callback_attempted(now, offer, item, &agent);
            self.gone_from_queue(now, item);
        }
    }

    /// A conversation that a queue gave is over.
    pub(super) fn contact_ended(&mut self, now: Now, agent: &AgentId) {
        if let Some((item, began)) = self.work.talking.remove(agent) {
            let wrap_up = self.wrap_up_of(item);
            let failed = self.callback_failed(now, item);
            if !failed {
                self.queues.handle_finished(item, now.unix.since(began));
            }
            // Nobody was spoken with: there is nothing to write down.
            let wrap_up = if failed { Some(0) } else { wrap_up };
            self.work.calls.remove(&item);
            if !failed {
                self.note_closed(now, item, agent);
            }
            let done = self.roster.handle_released(now, agent, wrap_up);
            self.tell_roster(done);
        }
    }

    fn wrap_up_of(&self, item: ItemId) -> Option<u32> {
        let queue = self.work.queues.get(self.work.calls.get(&item)?)?;
        let settings = self.queue_settings(queue)?;
        Some(settings.wrap_up_after(self.queues.channel(item).unwrap_or_default()).into())
    }

    /// What the site says of a queue.
    pub(super) fn queue_settings(&self, queue: &QueueId) -> Option<&settings::Queue> {
        self.settings.queues.iter().find(|settings| settings.name == *queue)
    }

    /// It becomes known who waits, and with that perhaps who spoke with them last by another way.
    pub(super) fn caller_has_last_agent(&mut self, now: Now, call: CallId) {
        let Some(item) = self.work.item_of(call) else { return };
        let Some(queue) = self.queues.item(item).map(|waits| waits.queue.clone()) else { return };
        if let Some(agent) = self.last_agent(now, call, &queue) {
            self.queues.handle_last_agent(now, item, agent);
        }
    }

    /// Who spoke with a caller last, where the queue wants to know.
    fn last_agent(&self, now: Now, call: CallId, queue: &QueueId) -> Option<AgentId> {
        let contact = self.known_caller(call).map(|caller| person_name(caller.contact));
        let keys = self.journal.keys();
        let number =
            self.number_in(call).map(|number| number_name(&keys.reading().by_number(&number)));
        self.last_of(now, contact.into_iter().chain(number).collect(), queue)
    }

    /// Who had something of a person last, where the queue wants to know.
    pub(super) fn last_agent_of(
        &self,
        now: Now,
        contact: ContactId,
        queue: &QueueId,
    ) -> Option<AgentId> {
        self.last_of(now, vec![person_name(contact)], queue)
    }

    fn last_of(&self, now: Now, names: Vec<String>, queue: &QueueId) -> Option<AgentId> {
        let within = self.queues.last_agent_within(queue);
        let holds = |number: &Personal| self.journal.keys().read(number).is_some();
        let known = &self.journal.live().last_agents;
        known.find(names.iter().map(String::as_str), now.unix, within, holds).cloned()
    }

    /// The number of who calls, or is called back, by whatever way it is written.
    pub(super) fn number_in(&self, call: CallId) -> Option<String> {
        let (from, to) = self.calls.numbers(call)?;
        let number = if self.calls.is_back(call) { to } else { from };
        let full = self.settings.site.country.full(number);
        Some(full.unwrap_or_else(|| number.to_owned())).filter(|number| !number.is_empty())
    }

    /// An agent's phone is in a call that no queue gave, or no longer.
    pub(super) fn phone_busy(&mut self, extension: &ExtensionId, busy: bool) {
        for agent in self.agents_at(extension) {
            let done = if busy {
                self.roster.handle_busy(&agent)
            } else {
                self.roster.handle_idle(&agent)
            };
            self.tell_roster(done);
        }
    }

    pub(super) fn agents_at(&self, extension: &ExtensionId) -> Vec<AgentId> {
        let at = |(settings, _): (&agent::Settings, &Presence)| {
            (settings.extension == *extension).then(|| settings.id.clone())
        };
        self.roster.iter().filter_map(at).collect()
    }

    /// The roster and the queues disagree only about what is over already: that is no fault, but worth a trace.
    pub(super) fn tell_roster(&self, done: Result<(), agent::Misfit>) {
        if let Err(misfit) = done {
            tracing::debug!(?misfit, "an agent was no longer in the state that an event was for");
        }
    }

    /// Carries out a feature code of an agent and says how it went.
    pub(super) fn agent_feature(
        &mut self,
        now: Now,
        call: CallId,
        feature: Feature,
        extension: &ExtensionId,
    ) {
        let agents = self.agents_at(extension);
        let mut saying = Saying::NotPossible;
        for agent in agents {
            let (done, said) = match feature {
                Feature::SignIn => (self.roster.handle_sign_in(now, &agent), Saying::SignedIn),
                Feature::SignOut => (self.roster.handle_sign_out(now, &agent), Saying::SignedOut),
                Feature::Pause => {
                    let reason = agent::Reason::Chosen("phone".to_owned());
                    (self.roster.handle_pause(now, &agent, reason), Saying::Paused)
                }
                Feature::Resume => (self.roster.handle_resume(now, &agent), Saying::Resumed),
                _ => continue,
            };
            let already = done.is_err() && self.is_already(&agent, feature);
            if done.is_ok() || already {
                saying = said;
            }
        }
        self.calls.handle_feature(call, saying);
    }

    /// Signing in twice is no mistake: the agent hears that they are signed in.
    fn is_already(&self, agent: &AgentId, feature: Feature) -> bool {
        match (feature, self.roster.presence(agent)) {
            (Feature::SignOut, Some(presence)) => *presence == Presence::SignedOut,
            (Feature::SignIn | Feature::Resume, Some(presence)) => {
                !matches!(presence, Presence::SignedOut | Presence::Paused(_))
            }
            (Feature::Pause, Some(presence)) => matches!(presence, Presence::Paused(_)),
            _ => false,
        }
    }

    pub(super) fn roster_says(&mut self, now: Now, output: agent::Output) {
        match output {
            agent::Output::Ready { agent, since } => {
                let skills =
                    self.roster.settings(&agent).map(|s| s.skills.clone()).unwrap_or_default();
                self.queues.handle_agent_ready(now, agent, skills, since);
            }
            agent::Output::Unready { agent } | agent::Output::Leaving { agent } => {
                self.queues.handle_agent_gone(now, agent);
            }
            agent::Output::Staying { agent } => self.queues.handle_agent_stays(now, &agent),
            agent::Output::WrappedUp { agent, item, ran_out } => {
                self.errand_wrapped_up(now, &agent, item, ran_out.then_some(AUTO));
            }
            agent::Output::RanOut { agent } => self.note_wrapped_up(now, &agent, Some(AUTO)),
            agent::Output::Changed { agent, from, to, at } => {
                tracing::info!(%agent, ?from, ?to, "an agent's state");
                if matches!(from, Presence::Talking | Presence::WrapUp) && to != Presence::WrapUp {
                    self.note_wrapped_up(now, &agent, None);
                }
                if from == Presence::SignedOut {
                    let skills =
                        self.roster.settings(&agent).map(|s| s.skills.clone()).unwrap_or_default();
                    self.queues.handle_agent_present(agent.clone(), skills);
                }
                if to == Presence::SignedOut {
                    self.queues.handle_agent_absent(now, agent.clone());
                }
                let idle_since = self.roster.idle_since(&agent).unwrap_or(at);
                self.keep_presence(now, agent.clone(), &to, idle_since);
                self.tell_agent(&agent);
                self.figures_changed(now);
            }
        }
    }

    pub(super) fn queues_say(&mut self, now: Now, output: queue::Output) {
        self.figures_changed(now);
        match output {
            queue::Output::Offer { offer, item, agents, ring_for } => {
                match self.channel_of_work(item).is_some_and(|channel| !channel.is_spoken()) {
                    true => self.offer_errand(now, (offer, item), &agents, ring_for),
                    false => self.offer(now, offer, item, &agents),
                }
            }
            queue::Output::Withdraw { offer, agent } if self.errand_is_offered(offer, &agent) => {
                self.errand_withdrawn(now, offer, &agent);
            }
            queue::Output::Missed { agent, offer, why, pauses }
                if self.errand_is_offered(offer, &agent) =>
            {
                self.errand_missed(now, offer, &agent, why, pauses);
            }
            queue::Output::Withdraw { offer, agent } => {
                let done = self.roster.handle_withdrawn(now, &agent);
                self.tell_roster(done);
                self.stop_ringing(offer, &agent, false);
            }
            queue::Output::Missed { agent, offer, why, pauses } => {
                if let Some(item) = self.work.offers.get(&offer).copied() {
                    self.note_work(now, item, Step::Declined { agent: agent.clone(), offer, why });
                }
                let done = self.roster.handle_missed(now, &agent, pauses);
                self.tell_roster(done);
                self.stop_ringing(offer, &agent, why == Declined::Missed);
            }
            queue::Output::Announce { item, position, wait } => {
                self.announce(now, item, position, wait);
            }
            queue::Output::Overflow { item, why, target } => {
                self.overflow(now, item, why, target);
            }
            queue::Output::Abandoned { item } => {
                self.tell_errand_gone(item);
                self.forget_item(now, item);
            }
            queue::Output::Moved { item, from, to } => self.note_moved(now, item, from, to),
            queue::Output::Rerouted { item, from, to } => self.rerouted(now, item, from, to),
            queue::Output::Returned { item } => {
                self.note_work(now, item, Step::Returned);
                if let Some(queue) = self.queue_of_work(item).cloned() {
                    self.conversation_waits_again(now, item, &queue);
                }
                self.tell_waits(now, item);
            }
            queue::Output::TriedAgain { item, attempts, at } => {
                self.callback_tried(now, item, attempts, Some(at));
            }
            queue::Output::GaveUp { item, attempts } => {
                self.callback_tried(now, item, attempts, None);
            }
            queue::Output::Entered { item, .. } => self.tell_waits(now, item),
            queue::Output::Connected { .. } => {}
        }
    }

    fn offer(&mut self, now: Now, offer: OfferId, item: ItemId, agents: &[AgentId]) {
        self.work.offers.insert(offer, item);
        self.note_offered(now, item, offer, agents);
        let promised = self.queues.channel(item) == Some(Channel::Callback);
        let call = self.work.calls.get(&item).copied().filter(|_| !promised);
        let phones: Vec<_> = agents
            .iter()
            .filter_map(|agent| {
                Some((agent.clone(), self.roster.settings(agent)?.extension.clone()))
            })
            .collect();
        for agent in agents {
            let done = self.roster.handle_offered(now, agent);
            self.tell_roster(done);
        }
        match call {
            Some(call) => self.calls.handle_offer(now, call, offer, &phones),
            None => self.offer_callback(now, offer, item, agents),
        }
    }

    fn stop_ringing(&mut self, offer: OfferId, agent: &AgentId, missed: bool) {
        if self.stop_callback(offer, agent, missed) {
            return;
        }
        let Some(call) = self.work.offers.get(&offer).and_then(|item| self.work.calls.get(item))
        else {
            return;
        };
        self.calls.handle_withdraw(*call, offer, agent, missed);
    }

    fn announce(
        &mut self,
        now: Now,
        item: ItemId,
        position: Option<usize>,
        wait: Option<std::ops::RangeInclusive<Duration>>,
    ) {
        let Some(call) = self.work.calls.get(&item).copied() else { return };
        let Some(leg) = self.calls.caller(call).filter(|_| self.calls.is_queued(call)) else {
            return;
        };
        let mut names = speak::queue_place(position, wait.map(|wait| *wait.end()));
        names.extend(self.callback_words(now, call));
        let clips = self.prompts.clips(&names);
        self.play(leg, Playing::Announcement(call), clips, false, false);
    }

    fn overflow(&mut self, now: Now, item: ItemId, why: queue::Why, target: queue::Target) {
        let talk = self.conversation_of(item).zip(self.queue_of_work(item).cloned());
        self.note_work(now, item, Step::FlowedOut { why, target: target.clone() });
        self.tell_errand_gone(item);
        if let Some(((_, entering), from)) = talk {
            self.forget_item(now, item);
            return self.conversation_flows_over(now, entering, from, &target);
        }
        let Some(call) = self.work.calls.get(&item).copied() else {
            return self.forget_item(now, item);
        };
        self.hear_overflow(call, item, why);
        self.forget_item(now, item);
        let destination = match target {
            queue::Target::HangUp => None,
            queue::Target::Flow(flow) => Some(Destination::Ivr(flow)),
            queue::Target::Queue(queue) => Some(Destination::Queue(queue)),
            queue::Target::Extension(extension) => Some(Destination::Extension(extension)),
            queue::Target::Voicemail(extension) => Some(Destination::Voicemail(extension)),
            queue::Target::Group(group) => Some(Destination::Group(group)),
            queue::Target::Schedule(schedule) => Some(Destination::Schedule(schedule)),
            // An overflow that calls out follows the dial plan of the site, as if the caller's trunk had dialled it.
            queue::Target::Number(number) => self.outside(now, call, &number),
        };
        self.calls.handle_overflow(now, call, destination);
    }

    fn forget_item(&mut self, now: Now, item: ItemId) {
        self.forget_work(item);
        self.work.offers.retain(|_, offered| *offered != item);
        if let Some(call) = self.work.calls.remove(&item) {
            self.work.items.remove(&call);
            self.keep(now, event::Event::QueueLeft { item });
        }
    }

    fn gone_from_queue(&mut self, now: Now, item: ItemId) {
        self.work.offers.retain(|_, offered| *offered != item);
        if let Some(call) = self.work.calls.get(&item) {
            self.work.items.remove(call);
        }
        self.keep(now, event::Event::QueueLeft { item });
    }
}
