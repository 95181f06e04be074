//! The machine that owns every call: what happened goes in, what to do comes out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::address::Number;
use crate::call::budget::{self, Budget};
use crate::call::conference::{Conference, Guesses, Room};
use crate::call::current::{Activity, Call, CallView, Purpose};
use crate::call::desk::{self, Choice, Chosen, Desk, Diversion};
use crate::call::ending::Cause;
use crate::call::plan::{Destination, Origin};
use crate::call::record::Peer;
use crate::id::{
    AgentId, CallId, ConferenceId, ExtensionId, LegId, OfferId, QueueId, RecordingId, RoomId,
    SkillId, TrunkId,
};
use crate::random::Random;
use crate::time::{Now, Timers, UnixTime, earliest};

mod calling_back;
mod carrying;
mod conference;
mod driving;
mod ending;
mod forward;
mod forwarding;
mod groups;
mod legs;
mod paging;
mod parking;
mod pickup;
mod routing;
mod spending;
mod survey;
mod transfer;
mod vocabulary;

pub use calling_back::CallBack;
pub use driving::Origination;
pub use vocabulary::{
    Arrival, Errand, Event, Leaving, LegEvent, OfferOutcome, Output, Saying, What,
};

/// Limits that hold for all calls.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Calls at once; emergency calls pass above it.
    pub max_calls: usize,
    /// How long an extension rings when nothing else is set.
    pub ring_time: Duration,
    /// Ring time of single extensions.
    pub ring_times: BTreeMap<ExtensionId, Duration>,
    /// Extensions with a mailbox: callers who do not get through leave a message.
    pub mailboxes: BTreeSet<ExtensionId>,
    /// How long a trunk may take from INVITE to answer.
    pub outbound_time: Duration,
    /// What calls out may cost.
    pub spending: budget::Settings,
    /// Conferences that have a number.
    pub conferences: BTreeMap<ConferenceId, Conference>,
    /// Phones, groups, parking places.
    pub desk: desk::Settings,
}

/// Every call that is up.
#[derive(Debug)]
pub struct Calls {
    settings: Settings,
    random: Random,
    calls: BTreeMap<CallId, Call>,
    /// Those of them that are for help: they count against no limit.
    help: BTreeSet<CallId>,
    by_leg: BTreeMap<LegId, CallId>,
    busy: BTreeMap<ExtensionId, u32>,
    outbound: BTreeMap<LegId, Outbound>,
    budget: Budget,
    rooms: BTreeMap<RoomId, Room>,
    guesses: Guesses,
    desk: Desk,
    timers: Timers<LegId>,
    /// Parked callers that ring back.
    comebacks: Timers<CallId>,
    outputs: VecDeque<Output>,
    draining: bool,
}

/// What is left to try when a trunk fails.
#[derive(Debug, Clone)]
struct Outbound {
    trunks: VecDeque<TrunkId>,
    number: Number,
    /// Who pays; nobody for a call for help.
    payer: Option<Origin>,
    hidden: bool,
    /// Whether a carrier was asked already.
    again: bool,
}

impl Calls {
    /// No calls yet.
    pub fn new(settings: Settings, random: Random) -> Self {
        Calls {
            budget: Budget::new(settings.spending.clone()),
            desk: Desk::new(settings.desk.clone()),
            settings,
            random,
            calls: BTreeMap::new(),
            help: BTreeSet::new(),
            by_leg: BTreeMap::new(),
            busy: BTreeMap::new(),
            outbound: BTreeMap::new(),
            rooms: BTreeMap::new(),
            guesses: Guesses::default(),
            timers: Timers::default(),
            comebacks: Timers::default(),
            outputs: VecDeque::new(),
            draining: false,
        }
    }

    /// The configuration has changed. Calls that are up go on as they were begun.
    pub fn handle_settings(&mut self, settings: Settings) {
        self.budget.handle_settings(settings.spending.clone());
        self.desk.handle_settings(settings.desk.clone());
        self.settings = settings;
    }

    /// A call reached us.
    pub fn handle_arrived(&mut self, now: Now, arrival: Arrival) {
        let help = arrival.destination.is_help();
        let full = self.calls.len() - self.help.len() >= self.settings.max_calls;
        let id = arrival.call;
        let destination = self.begin(now, arrival);
        if help || !(full || self.draining) {
            self.go_to(now, id, destination);
        } else {
            let cause = if self.draining { Cause::ShuttingDown } else { Cause::Congestion };
            self.end(id, cause);
        }
    }

    /// Something happened on a leg. A leg we do not know is over and is ignored.
    pub fn handle_leg(&mut self, now: Now, leg: LegId, event: LegEvent) {
        let Some(&call) = self.by_leg.get(&leg) else { return };
        match event {
            LegEvent::Ringing => self.ringing(call),
            LegEvent::EarlyMedia => self.early_media(call, leg),
            LegEvent::Answered => self.answered(now, call, leg),
            LegEvent::Held => self.held(now, call, leg),
            LegEvent::Resumed => self.resumed(now, call, leg),
            LegEvent::Ended(cause) => self.leg_ended(now, call, leg, cause),
        }
    }

    /// The IVR flow sends the caller on. When that fails, the flow goes on.
    pub fn handle_ivr_leave(&mut self, now: Now, call: CallId, destination: Destination) {
        if let Some(state) = self.calls.get_mut(&call).filter(|c| c.activity == Activity::Ivr) {
            state.ivr_waits = true;
            self.go_to(now, call, destination);
        }
    }

    /// The IVR flow sends the caller into a queue, with what it found out.
    pub fn handle_ivr_queue(
        &mut self,
        now: Now,
        call: CallId,
        queue: QueueId,
        priority: i32,
        skills: BTreeMap<SkillId, u8>,
    ) {
        if let Some(state) = self.calls.get_mut(&call).filter(|c| c.activity == Activity::Ivr) {
            state.ivr_waits = true;
            if self.may_send(now, call) {
                self.enqueue(now, call, queue, priority, skills);
            }
        }
    }

    /// The IVR flow is done with the caller. Where the last thing that it asked for failed and the caller could leave no
    /// message either, the call did not do what it was for.
    pub fn handle_ivr_hang_up(&mut self, call: CallId) {
        let state = self.calls.get(&call).filter(|state| state.recordings.is_empty());
        let cause = state.and_then(|state| state.failed).unwrap_or(Cause::Completed);
        self.end(call, cause);
    }

    /// The caller is done with the mailbox.
    pub fn handle_visit_over(&mut self, call: CallId) {
        if self.calls.get(&call).is_some_and(|c| c.activity == Activity::Voicemail) {
            self.end(call, Cause::Completed);
        }
    }

    /// The caller left a message.
    pub fn handle_recorded(&mut self, call: CallId, recording: RecordingId) {
        if let Some(state) = self.calls.get_mut(&call) {
            state.recordings.push(recording);
        }
    }

    /// What was recorded of a call is thrown away.
    pub fn handle_unrecorded(&mut self, call: CallId, recording: RecordingId) {
        if let Some(state) = self.calls.get_mut(&call) {
            state.recordings.retain(|own| *own != recording);
        }
    }

    /// A queue offers the caller to agents, at their extensions.
    pub fn handle_offer(
        &mut self,
        now: Now,
        call: CallId,
        offer: OfferId,
        agents: &[(AgentId, ExtensionId)],
    ) {
        let waiting =
            self.calls.get(&call).is_some_and(|c| matches!(c.activity, Activity::Queued(_)));
        for (agent, extension) in agents {
            if !waiting {
                let missed = Output::Offer(offer, agent.clone(), OfferOutcome::Unreachable);
                self.outputs.push_back(missed);
                continue;
            }
            self.happened(now, call, What::Offered(agent.clone()));
            let purpose = Purpose::Offer(offer, agent.clone());
            let leg = self.add_leg(call, Peer::Extension(extension.clone()), purpose);
            let extension = extension.clone();
            self.outputs.push_back(Output::DialExtension { call, leg, extension, intercom: false });
        }
    }

    /// A queue takes an offer back.
    pub fn handle_withdraw(&mut self, call: CallId, offer: OfferId, agent: &AgentId, missed: bool) {
        let Some(state) = self.calls.get(&call) else { return };
        let wanted = Purpose::Offer(offer, agent.clone());
        let legs: Vec<_> =
            state.ringing().filter(|(_, leg)| leg.purpose == wanted).map(|(id, _)| id).collect();
        let cause = if missed { Cause::NoAnswer } else { Cause::Completed };
        legs.into_iter().for_each(|leg| self.release(leg, cause));
    }

    /// The queue gives the caller up: to `target`, to the flow that sent it, or politely to nowhere.
    pub fn handle_overflow(&mut self, now: Now, call: CallId, target: Option<Destination>) {
        match target {
            Some(target) => self.go_to(now, call, target),
            None => self.failed(call, Cause::NoAnswer),
        }
    }

    /// Whoever waits in a queue waits in another one from now on.
    pub fn handle_rerouted(&mut self, now: Now, call: CallId, queue: QueueId) {
        let state = self.calls.get_mut(&call);
        if let Some(state) = state.filter(|state| matches!(state.activity, Activity::Queued(_))) {
            state.activity = Activity::Queued(queue.clone());
            state.queue = Some(queue.clone());
            self.happened(now, call, What::Queued(queue));
        }
    }

    /// Where a destination leads that [`Output::Route`] asked for.
    pub fn handle_routed(&mut self, now: Now, call: CallId, destination: Destination) {
        if self.calls.get(&call).is_some_and(|c| c.activity == Activity::Ringing) {
            self.go_to(now, call, destination);
        }
    }

    /// Something is chosen at a phone. Answers all that is chosen there now, to be kept.
    pub fn handle_choice(&mut self, extension: &ExtensionId, choice: Choice) -> &Chosen {
        self.desk.choose(extension, choice)
    }

    /// What was chosen at a phone before a restart.
    pub fn restore_choice(&mut self, extension: ExtensionId, chosen: Chosen) {
        self.desk.restore(extension, chosen);
    }

    /// A feature code was carried out, or could not be.
    pub fn handle_feature(&mut self, call: CallId, saying: Saying) {
        self.say(call, saying);
    }

    /// The last sentence was played.
    pub fn handle_said(&mut self, call: CallId) {
        if self.calls.get(&call).is_some_and(|c| c.activity == Activity::Saying) {
            let cause = self.calls.get(&call).and_then(|c| c.cause).unwrap_or(Cause::Completed);
            self.end(call, cause);
        }
    }

    /// Ends a call at an admin's wish. Answers whether there was one.
    pub fn handle_hang_up(&mut self, call: CallId) -> bool {
        let known = self.calls.contains_key(&call);
        self.end(call, Cause::EndedByAdmin);
        known
    }

    /// No new calls from now on, except emergencies.
    pub fn handle_drain(&mut self) {
        self.draining = true;
    }

    /// Ends every call but these: the time for draining is over.
    pub fn handle_stop(&mut self, stay: &BTreeSet<CallId>) {
        let calls: Vec<_> =
            self.calls.keys().copied().filter(|call| !stay.contains(call)).collect();
        calls.into_iter().for_each(|call| self.end(call, Cause::ShuttingDown));
    }

    /// Ring times that are over.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(leg) = self.timers.pop_due(now.instant) {
            self.ring_time_over(now, leg);
        }
        while let Some(call) = self.comebacks.pop_due(now.instant) {
            self.come_back(now, call);
        }
        self.budget.handle_timeout(now);
        self.spent();
    }

    /// When the next ring time is over, or the next step of a call out is to be paid.
    pub fn deadline(&self) -> Option<Instant> {
        let calls = earliest(self.timers.deadline(), self.comebacks.deadline());
        earliest(calls, self.budget.deadline())
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The call that `leg` belongs to.
    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.by_leg.get(&leg).copied()
    }

    /// Who talks with the party at `leg`.
    pub fn partner(&self, leg: LegId) -> Option<LegId> {
        self.calls.get(&self.call_of(leg)?)?.partner(leg)
    }

    /// The caller's leg of `call`.
    pub fn caller(&self, call: CallId) -> Option<LegId> {
        self.calls.get(&call).map(|c| c.caller)
    }

    /// The caller's number and the dialled number of `call`.
    pub fn numbers(&self, call: CallId) -> Option<(&str, &str)> {
        self.calls.get(&call).map(|c| (c.shown.as_deref().unwrap_or(&c.from), c.to.as_str()))
    }

    /// The caller's name, where a carrier has said one and the call is still the caller's.
    pub fn name(&self, call: CallId) -> Option<&str> {
        self.calls.get(&call).filter(|call| call.shown.is_none())?.name.as_deref()
    }

    /// Where `call` came from.
    pub fn origin(&self, call: CallId) -> Option<&Origin> {
        self.calls.get(&call).map(|c| &c.origin)
    }

    /// Who has forwarded `call`, in order, since somebody last answered it: what a Diversion header tells.
    pub fn diversions(&self, call: CallId) -> &[Diversion] {
        self.calls.get(&call).and_then(|c| c.diversions.get(c.history..)).unwrap_or_default()
    }

    /// Where the calls of a phone go on to in a case.
    pub fn forward(&self, extension: &ExtensionId, when: desk::When) -> Option<desk::Onward> {
        self.desk.forward(extension, when)
    }

    /// Whether a phone is not to be disturbed.
    pub fn is_not_to_be_disturbed(&self, extension: &ExtensionId) -> bool {
        self.desk.is_not_to_be_disturbed(extension)
    }

    /// Whether `picker` may answer what rings at `other`: at its own other phones always, at a colleague's where the two
    /// share a pickup group.
    pub fn may_pick_up(&self, picker: &ExtensionId, other: &ExtensionId) -> bool {
        picker == other || self.desk.may_pick_up(picker, other)
    }

    /// What is set at a phone, as an admin reads it.
    pub fn phone_words(&self, extension: &ExtensionId) -> Vec<String> {
        self.desk.words(extension)
    }

    /// The last queue that `call` waited in.
    pub fn queue(&self, call: CallId) -> Option<&QueueId> {
        self.calls.get(&call)?.queue.as_ref()
    }

    /// Since when the caller of `call` waits for an agent, wherever that was; nothing where they have not waited.
    pub fn waits_since(&self, call: CallId) -> Option<UnixTime> {
        self.calls.get(&call)?.queued
    }

    /// Whether the caller of `call` is waiting in a queue.
    pub fn is_queued(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|c| matches!(c.activity, Activity::Queued(_)))
    }

    /// How many calls are up.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether no call is up.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The calls that are up, for an admin.
    pub fn views(&self) -> Vec<CallView> {
        self.calls.values().map(|call| self.view(call)).collect()
    }
}

impl Calls {
    fn view(&self, call: &Call) -> CallView {
        let room = match call.activity {
            Activity::Conference(room) => Some(room),
            _ => None,
        };
        let partner =
            call.partner(call.caller).and_then(|leg| Some(call.legs.get(&leg)?.peer.clone()));
        let held = call.legs.values().filter(|leg| leg.held);
        CallView {
            call: call.id,
            from: call.from.clone(),
            to: call.to.clone(),
            activity: call.activity.clone(),
            arrived: call.arrived,
            with: match room {
                Some(room) => self.others_in(room, call.caller),
                None => partner.into_iter().collect(),
            },
            conference: room.and_then(|room| self.conference_of(room)).cloned(),
            held_by: held.map(|leg| leg.peer.clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
