//! What a restart has to know: phones, agents, places in queues, calls that are up, messages.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::agent::Presence;
use crate::call::budget::Ledger;
use crate::call::consent::Consent;
use crate::call::desk::Diversion;
use crate::call::help::Called;
use crate::call::plan::Forced;
use crate::call::record::Peer;
use crate::context::card::Asked;
use crate::context::{Act, Change, asked};
use crate::id::{
    AgentId, CallId, ConferenceId, ContactId, ExtensionId, HookId, ItemId, QueueId, RecordingId,
    ScheduleId,
};
use crate::journal::act::Accounts;
use crate::journal::errands::Errands;
use crate::journal::event::{CallEvent, Event, PhoneChoice, QueuePlace, What};
use crate::journal::journey::Journeys;
use crate::journal::personal::Personal;
use crate::journal::phones::Phones;
use crate::journal::site::Told;
use crate::journal::surveyed::AskedNumbers;
use crate::journal::text::Text;
use crate::journal::voicemail::Mail;
use crate::journal::work::{self, Lately, Promises};
use crate::messaging::application::Owing;
use crate::messaging::kept::Kept;
use crate::messaging::owned::Owned;
use crate::messaging::shelf::Shelf;
use crate::queue::affinity::LastAgents;
use crate::stamp::Stamp;
use crate::time::UnixTime;
use crate::webhook::Standing as HookStanding;

/// Everything that is live.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Live {
    /// Registrations, by extension and Contact.
    pub bindings: BTreeMap<Box<str>, Phones>,
    /// Who watches what, by the subscription's name.
    pub subscriptions: BTreeMap<String, Text>,
    /// Agents who have ever signed in.
    pub agents: BTreeMap<AgentId, Standing>,
    /// Callers who wait.
    pub places: BTreeMap<ItemId, QueuePlace>,
    /// Calls that are up.
    pub calls: BTreeMap<CallId, OpenCall>,
    /// Calls for help of the last days, whose callers may be called back.
    pub help: BTreeMap<CallId, Called>,
    /// What calls out have cost, and which caps are lifted.
    pub spending: Ledger,
    /// Voicemail.
    pub mail: Mail,
    /// What was chosen at phones.
    pub phones: BTreeMap<ExtensionId, PhoneChoice>,
    /// Phones that somebody else has signed in at.
    pub hot_desks: BTreeMap<ExtensionId, ExtensionId>,
    /// Schedules that are overridden.
    pub schedules: BTreeMap<ScheduleId, Forced>,
    /// Desk phones that have fetched their configuration, by hardware address.
    pub desk_phones: BTreeMap<String, DeskPhone>,
    /// Calls back that are promised.
    pub promises: Promises,
    /// Those of the last day that are counted, so that nobody is promised calls without end.
    pub given: Lately,
    /// Who had whom last, where the site wants to lead people back to them.
    pub last_agents: LastAgents<Personal>,
    /// What is to be done that nobody holds a line for.
    pub errands: Errands,
    /// Who may use the box through its API.
    pub accounts: Accounts,
    /// What the branch says again and again.
    pub shelf: Shelf,
    /// How far programs elsewhere were told.
    pub hooks: BTreeMap<HookId, HookStanding>,
    /// Journeys that run, and what they wait for.
    pub journeys: Journeys,
    /// Messages that are to go out, and what was asked for under which key.
    pub messages: Kept<Personal>,
    /// Who answers in which conversation.
    pub talks: Owned,
    /// What applications of the branch are owed.
    pub applications: Owing<Personal>,
    /// What sites and shops have told lately.
    pub told: Told,
    /// Who was asked lately how it was.
    pub surveyed: Surveyed,
    /// And whose number, where nobody was known by it.
    pub asked_numbers: AskedNumbers,
    /// The latest stamp of what was said of people here, or heard: what is said next is later, whatever the clock says.
    pub stamp: Stamp,
    /// Erasures that other branches asked for lately.
    pub erasures: asked::Lately,
}

/// How long calls for help are kept here: the longest that a call back may be led to a phone.
const HELP_KEPT: Duration = Duration::from_secs(72 * 3_600);

/// How long it is known who was asked how it was: the longest that somebody may be left alone for, a year.
const SURVEY_KEPT: Duration = Duration::from_secs(365 * 86_400);
/// People of whom it is known; the one asked longest ago is forgotten for a new one. Some 16 bytes each.
const MOST_SURVEYED: usize = 20_000;

/// When people were asked last how it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Surveyed(pub BTreeMap<ContactId, UnixTime>);

impl Surveyed {
    fn apply(&mut self, at: UnixTime, what: &What) {
        let What::Surveyed { contact: Some(contact), .. } = what else { return };
        self.0.retain(|_, asked| at.since(*asked) < SURVEY_KEPT);
        if self.0.len() >= MOST_SURVEYED {
            let oldest =
                self.0.iter().min_by_key(|(_, asked)| **asked).map(|(contact, _)| *contact);
            oldest.map(|contact| self.0.remove(&contact));
        }
        self.0.insert(*contact, at);
    }
}

/// A desk phone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeskPhone {
    /// When it last fetched its configuration.
    pub fetched: Option<UnixTime>,
    /// How often its secret address was replaced.
    pub renewed: u32,
}

/// An agent's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What the agent is doing.
    pub presence: Presence,
    /// Since when.
    pub since: UnixTime,
    /// Without a contact since.
    pub idle_since: UnixTime,
}

/// A call that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCall {
    /// When it reached us.
    pub arrived: UnixTime,
    /// Over this.
    pub peer: Peer,
    /// The caller's number, sealed.
    pub from: Personal,
    /// The dialled number, sealed.
    pub to: Personal,
    /// What became of it so far. Not in records of versions before this was kept.
    #[serde(default)]
    pub so_far: SoFar,
}

/// What a call has come to, for the record of one that a restart cuts off.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SoFar {
    /// It was dialled over a trunk.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dialled: bool,
    /// When somebody or something of ours answered the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<UnixTime>,
    /// When a person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<UnixTime>,
    /// The last queue it waited in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    /// Who took it from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// The last conference that it was in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conference: Option<ConferenceId>,
    /// What was recorded of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<RecordingId>,
    /// Whose phones forwarded it, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diversions: Vec<Diversion>,
    /// What was said last to being recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

/// Recordings and forwards that are kept of a call that is up: no call of a branch has more.
const MOST_KEPT: usize = 32;

impl SoFar {
    fn apply(&mut self, at: UnixTime, what: &What) {
        match what {
            What::Dialled { .. } => self.dialled = true,
            What::Ivr { .. } | What::Voicemail { .. } => {
                self.answered.get_or_insert(at);
            }
            What::Queued { queue } => {
                self.answered.get_or_insert(at);
                self.queue = Some(queue.clone());
            }
            What::Answered { .. } => {
                self.answered.get_or_insert(at);
                self.connected.get_or_insert(at);
            }
            What::TakenBy { agent } => self.agent = Some(agent.clone()),
            What::Entered { conference, .. } => {
                self.answered.get_or_insert(at);
                self.connected.get_or_insert(at);
                self.conference.clone_from(conference);
            }
            What::Taped { recording, .. } | What::Recorded { recording }
                if self.recordings.len() < MOST_KEPT =>
            {
                self.recordings.push(*recording);
            }
            What::Untaped { recording } => self.recordings.retain(|own| own != recording),
            What::Consented { consent, .. } => self.consent = Some(*consent),
            What::Forwarded { by, when } if self.diversions.len() < MOST_KEPT => {
                self.diversions.push(Diversion { by: by.clone(), when: *when });
            }
            _ => {}
        }
    }
}

/// Who was erased.
pub(super) fn erased(act: &Act<Personal>) -> impl Iterator<Item = &ContactId> {
    let erased = act.changes.iter().filter_map(|change| match change {
        Change::Erased { contacts, .. } => Some(contacts),
        _ => None,
    });
    erased.flatten()
}

/// Erasures that other branches asked for.
fn wanted(act: &Act<Personal>) -> impl Iterator<Item = &Asked> {
    act.changes.iter().filter_map(|change| match change {
        Change::Confirmed { asked, .. } => Some(asked),
        _ => None,
    })
}

/// Stamps of what was said or heard of people.
fn stamps(act: &Act<Personal>) -> impl Iterator<Item = Stamp> {
    act.changes.iter().filter_map(|change| match change {
        Change::Carded { card, .. } => Some(card.stamp),
        Change::Heard { heard, .. } => heard.latest(),
        _ => None,
    })
}

impl Live {
    /// Takes up one event; its personal data is sealed already.
    pub fn apply(&mut self, at: UnixTime, event: &Event) {
        match event {
            Event::Checkpoint { live, .. } => *self = (**live).clone(),
            Event::Bound { user, contact, binding } => {
                let phones = self.bindings.entry(user.as_str().into()).or_default();
                phones.insert(contact, binding.clone());
            }
            Event::Unbound { user, contact } => self.unbind(user, contact),
            Event::Subscribed { name, subscription } => {
                self.subscriptions.insert(name.clone(), subscription.clone());
            }
            Event::Unsubscribed { name } => {
                self.subscriptions.remove(name);
            }
            Event::Agent { agent, presence, idle_since } => {
                let standing =
                    Standing { presence: presence.clone(), since: at, idle_since: *idle_since };
                self.agents.insert(agent.clone(), standing);
            }
            Event::QueuePlace(place) => {
                self.places.insert(place.item, place.clone());
            }
            Event::CalledForHelp(called) => {
                self.help.retain(|_, known| at.since(known.at) < HELP_KEPT);
                self.help.insert(called.call, called.clone());
            }
            Event::QueueLeft { item } => {
                self.places.remove(item);
            }
            Event::Call(CallEvent { call, at, what: What::Arrived { peer, from, to, .. } }) => {
                let (peer, from, to) = (peer.clone(), from.clone(), to.clone());
                self.calls.insert(
                    *call,
                    OpenCall { arrived: *at, peer, from, to, so_far: SoFar::default() },
                );
            }
            Event::Spent(spent) => self.spending.apply(at, spent),
            Event::CapsLifted(lift) => self.spending.lift(lift.clone()),
            Event::Voicemail(event) => self.mail.apply(event),
            Event::PhoneFetched { mac, .. } => {
                self.desk_phones.entry(mac.clone()).or_default().fetched = Some(at);
            }
            Event::PhoneRenewed { mac } => {
                self.desk_phones.entry(mac.clone()).or_default().renewed += 1;
            }
            Event::CallRecord(record) => {
                self.calls.remove(&record.call);
            }
            Event::Phone(choice) => {
                self.phones.insert(choice.extension.clone(), choice.clone());
            }
            Event::HotDesk { phone, person: Some(person) } => {
                self.hot_desks.insert(phone.clone(), person.clone());
            }
            Event::HotDesk { phone, person: None } => {
                self.hot_desks.remove(phone);
            }
            Event::Schedule { schedule, forced: Some(forced) } => {
                self.schedules.insert(schedule.clone(), *forced);
            }
            Event::Schedule { schedule, forced: None } => {
                self.schedules.remove(schedule);
            }
            Event::Work(work) => {
                self.promises.apply(work);
                self.given.apply(work);
                self.errands.apply(work);
                work::remember(&mut self.last_agents, work);
            }
            Event::Call(CallEvent { call, at, what }) => {
                self.surveyed.apply(*at, what);
                self.asked_numbers.apply(*at, what);
                if let Some(open) = self.calls.get_mut(call) {
                    open.so_far.apply(*at, what);
                }
            }
            // There may be hundreds of thousands of people: the store alone has them.
            Event::Context(act) => {
                self.journeys.apply_act(act);
                self.stamp = stamps(act).max().unwrap_or_default().max(self.stamp);
                wanted(act).for_each(|asked| self.erasures.note(act.at, asked));
                for contact in erased(act) {
                    self.last_agents.forget(&work::person_name(*contact));
                    self.talks.forget(*contact);
                    self.applications.forget(*contact);
                }
            }
            Event::Journey(journey) => self.journeys.apply(at, journey),
            Event::Site(site) => self.told.apply(site),
            Event::Account(change) => self.accounts.apply(change),
            Event::Shelf(change) => self.shelf.apply(at, change),
            Event::Webhook(change) => HookStanding::apply_to(&mut self.hooks, change),
            Event::Message(entry) => {
                self.messages.apply(entry);
                self.talks.apply(entry);
                self.applications.apply(entry);
            }
            Event::Act(_)
            | Event::Seal(_)
            | Event::Started { .. }
            | Event::Stopped
            | Event::Gap { .. }
            | Event::Health(_) => {}
        }
    }

    fn unbind(&mut self, user: &str, contact: &str) {
        if let Some(phones) = self.bindings.get_mut(user) {
            phones.remove(contact);
            if phones.is_empty() {
                self.bindings.remove(user);
            }
        }
    }
}
