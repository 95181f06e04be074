//! The message centre for applications of the branch: what they submit becomes wishes of the ledger, and what they are owed
//! goes to them as `deliver_sm`.
//!
//! An application is answered once what it submitted is on the disk. Parts of a long text are kept on the disk each for
//! itself ([`Scrap`]), answered, and put together here: an application with a window of one sends no second part before the
//! first is answered. The whole is one message, which the ledger takes once though it is handed in again after a crash.
//!
//! An application whose link ends before it has read an answer submits the same once more. What is the same counts as said
//! again only then: where the link ended, or the box did, before the answer can be known to have been read. It gets the same
//! id, and nothing is sent a second time.
//!
//! What an application is told is gone only when it has answered; until then it is told again, on whatever link it has. This
//! owns no socket and no file, and does not know what is owed but is told: that is in the journal.

mod outgoing;
mod scraps;
mod submitted;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::carrier::Numbers;
use crate::id::{ApplicationId, ChannelId};
use crate::messaging::application::{Input, Order, Ticket as WishTicket};
use crate::random::Random;
use crate::smpp::desk::LinkId;
use crate::smpp::join::Joiner;
use crate::smpp::pdu::{BindKind, Pdu};
use crate::smpp::session::{Handle, Sending, Ticket};
use crate::smpp::status::Status;
use crate::smpp::text::Wording;
use crate::time::{Now, earliest};

pub use scraps::{Scrap, ScrapId};

use outgoing::Outbox;
use submitted::{Hand, Said, Untold};

/// What the site has said of an application.
#[derive(Debug, Clone)]
pub struct Application {
    /// By what it binds.
    pub system_id: String,
    /// By which channels its messages go.
    pub channels: Vec<ChannelId>,
    /// To which addresses they may.
    pub destinations: Vec<String>,
    /// What they are for.
    pub purpose: String,
    /// How texts are written.
    pub wording: Wording,
}

/// What the site has said.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Of each application.
    pub applications: BTreeMap<ApplicationId, Application>,
    /// How numbers are read.
    pub numbers: Numbers,
    /// By what is known that something is the same, though nobody can tell from it what that is.
    pub print: hmac::Key,
}

/// What the machine wants or tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Tell the gateway.
    Tell(Input),
    /// Answer a request.
    Answer(LinkId, Handle, Status, Option<Pdu>),
    /// Send a request to whoever binds by this; its fate comes back.
    Send(String, Sending),
    /// Keep a scrap, and say when it is on the disk with [`Centre::handle_kept`].
    Keep(Scrap),
    /// Forget scraps.
    Forget(Vec<ScrapId>),
}

/// How an application does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its name.
    pub application: ApplicationId,
    /// By what it binds.
    pub system_id: String,
    /// How many links it has, and how many of them receive.
    pub links: (usize, usize),
    /// Messages that were taken since the start.
    pub taken: u64,
    /// Messages that were refused since the start, for what they are.
    pub refused: u64,
    /// Receipts and texts that it has taken since the start.
    pub told: u64,
    /// Receipts and texts that wait for it here.
    pub waiting: usize,
    /// Receipts and texts that it has refused for good.
    pub given_up: u64,
    /// What was refused last, as `command_status` calls it.
    pub last_error: Option<String>,
}

#[derive(Debug, Default)]
struct Links {
    /// Each, and whether it receives.
    bound: BTreeMap<LinkId, bool>,
    taken: u64,
    refused: u64,
    told: u64,
    given_up: u64,
    last_error: Option<String>,
}

/// The message centre.
#[derive(Debug)]
pub struct Centre {
    settings: Settings,
    random: Random,
    /// Which application binds by what.
    names: BTreeMap<String, ApplicationId>,
    links: BTreeMap<ApplicationId, Links>,
    said: BTreeMap<u64, Said>,
    /// Of links that have ended, by what it says.
    before: BTreeMap<(ApplicationId, [u8; 16]), VecDeque<u64>>,
    /// Until when that counts.
    until: Option<Instant>,
    sweep: Option<Instant>,
    last: u64,
    parts: BTreeMap<ScrapId, Scrap>,
    joiner: Joiner<ScrapId>,
    hands: BTreeMap<WishTicket, Hand>,
    untold: Vec<Untold>,
    outbox: BTreeMap<ApplicationId, Outbox>,
    /// Whose a request of ours is.
    flights: BTreeMap<Ticket, ApplicationId>,
    tickets: u64,
    /// Reference of the last text in parts.
    reference: u16,
    stated: Option<(bool, String)>,
    /// What was told again, and not taken again.
    repeated: u64,
    outputs: VecDeque<Output>,
}

impl Centre {
    /// One with the scraps of earlier runs.
    pub fn new(now: Now, settings: Settings, scraps: Vec<Scrap>, mut random: Random) -> Centre {
        let names = settings.applications.iter();
        let names = names.map(|(name, own)| (own.system_id.clone(), name.clone())).collect();
        let links = settings.applications.keys();
        let mut centre = Centre {
            names,
            links: links.map(|name| (name.clone(), Links::default())).collect(),
            said: BTreeMap::new(),
            before: BTreeMap::new(),
            until: None,
            sweep: None,
            last: 0,
            parts: BTreeMap::new(),
            joiner: Joiner::default(),
            hands: BTreeMap::new(),
            untold: Vec::new(),
            outbox: BTreeMap::new(),
            flights: BTreeMap::new(),
            tickets: 0,
            reference: u16::try_from(random.below(1 << 16)).unwrap_or(0),
            stated: None,
            repeated: 0,
            outputs: VecDeque::new(),
            settings,
            random,
        };
        centre.take_up(now, scraps);
        centre.tell_state();
        centre
    }

    /// The next thing to do or to tell.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Centre::handle_timeout) is due.
    pub fn deadline(&self) -> Option<Instant> {
        earliest(self.submitted_deadline(), self.outgoing_deadline())
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.submitted_due(now);
        self.outgoing_due(now);
    }

    /// The gateway orders something.
    pub fn handle_order(&mut self, now: Now, order: Order) {
        match order {
            Order::Recent(recent) => self.take_recent(now, recent),
            Order::Stored(ticket) => self.stored(now, ticket),
            Order::NotStored(ticket, why) => self.not_stored(now, ticket, why),
            Order::Tell(place, due, words) => self.owe(now, place, *due, words),
        }
    }

    /// An application has bound.
    pub fn handle_up(&mut self, now: Now, link: LinkId, system_id: &str, kind: BindKind) {
        let Some(name) = self.names.get(system_id).cloned() else { return };
        let links = self.links.entry(name.clone()).or_default();
        links.bound.insert(link, kind.receives());
        self.tell_state();
        self.listens(now, &name);
    }

    /// A link of an application has ended.
    pub fn handle_down(&mut self, now: Now, link: LinkId, system_id: &str) {
        let Some(name) = self.names.get(system_id).cloned() else { return };
        self.links.entry(name).or_default().bound.remove(&link);
        self.link_ended(now, link);
        self.tell_state();
    }

    /// How each application does.
    pub fn standing(&self) -> Vec<Standing> {
        let one = |(name, links): (&ApplicationId, &Links)| Standing {
            application: name.clone(),
            system_id: self
                .settings
                .applications
                .get(name)
                .map_or_else(String::new, |own| own.system_id.clone()),
            links: (links.bound.len(), links.bound.values().filter(|own| **own).count()),
            taken: links.taken,
            refused: links.refused,
            told: links.told,
            waiting: self.outbox.get(name).map_or(0, Outbox::waiting),
            given_up: links.given_up,
            last_error: links.last_error.clone(),
        };
        self.links.iter().map(one).collect()
    }

    /// What was submitted again and was not taken again; parts that wait for others.
    pub fn figures(&self) -> (u64, usize) {
        (self.repeated, self.joiner.waiting())
    }

    fn tell(&mut self, input: Input) {
        self.outputs.push_back(Output::Tell(input));
    }

    fn tell_state(&mut self) {
        let bound = self.links.values().filter(|links| !links.bound.is_empty()).count();
        let left: BTreeSet<&str> = self
            .links
            .iter()
            .filter(|(name, links)| {
                let waits = self.outbox.get(*name).is_some_and(|outbox| outbox.waiting() > 0);
                waits && !links.bound.values().any(|receives| *receives)
            })
            .map(|(name, _)| name.as_str())
            .collect();
        let mut words = format!("{bound} of {} applications are bound", self.links.len());
        if !left.is_empty() {
            let names = left.iter().copied().collect::<Vec<_>>().join(", ");
            words.push_str(&format!("; something waits for {names} to bind"));
        }
        let state = (left.is_empty(), words);
        if self.stated.as_ref() != Some(&state) {
            self.stated = Some(state.clone());
            self.tell(Input::State(state.0, state.1));
        }
    }

    fn answer(&mut self, (link, handle): (LinkId, Handle), status: Status, pdu: Option<Pdu>) {
        self.outputs.push_back(Output::Answer(link, handle, status, pdu));
    }

    fn error(&mut self, application: &ApplicationId, status: Status) {
        self.links.entry(application.clone()).or_default().last_error = Some(status.to_string());
    }
}

/// How soon something is tried again that was not taken.
const BREATH: Duration = Duration::from_secs(2);
