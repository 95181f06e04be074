//! A carrier's SMPP as a channel of messages: what the ledger wants sent becomes requests, what the carrier asks becomes what
//! is told, and each side is answered only by what the other has said.
//!
//! Parts of long texts: a carrier with a window of one sends no second part before the first is answered, so waiting for the
//! whole would wait for ever. Each part is therefore kept on the disk by itself ([`Scrap`]), answered, and put together here;
//! after a restart the scraps come back. The whole has a name made of its parts' names, so that a crash between telling and
//! forgetting shows nothing twice.
//!
//! What a carrier says twice: SMPP gives a `deliver_sm` no name, and a person may write "ok" twice. What is the same counts as
//! said again only where the link ended, or the box did, before the carrier can be known to have read our answer; on one
//! link everything is something of its own. For that a scrap remembers what was taken until its answer is sure.
//!
//! Parts that go out go one after the other. Once one is taken, the rest is not given up for a link that is away or a refusal
//! that may pass: they are tried for some minutes, and then nobody knows. It owns no socket and no file.

mod incoming;
mod numbers;
mod outgoing;
mod scraps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::messaging::channel::{Input, NotStored, Order, Receipt, State};
use crate::messaging::contract::Capabilities;
use crate::random::Random;
use crate::smpp::client::Down;
use crate::smpp::join::Joiner;
use crate::smpp::pdu::{BindKind, Text};
use crate::smpp::receipt::Rules;
use crate::smpp::session::{Ended, Handle, Sending, Ticket};
use crate::smpp::status::Status;
use crate::smpp::text::Wording;
use crate::time::{Now, earliest};

pub use numbers::Numbers;
pub use scraps::{Scrap, ScrapId};

use incoming::{Hand, Scraps, Untold};
use outgoing::Job;

/// Which of the links to one carrier: the first sends.
pub type LinkNumber = usize;

/// Longest text that is taken, in characters: what 255 parts carry of any script.
const LONGEST: usize = 255 * 66;

/// What the site has said of a carrier.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How it is bound: a link for each.
    pub binds: Vec<BindKind>,
    /// How texts are written.
    pub wording: Wording,
    /// How receipts are read.
    pub rules: Rules,
    /// How numbers are written.
    pub numbers: Numbers,
    /// `service_type`.
    pub service_type: Text,
    /// Whether receipts are asked for.
    pub receipts: bool,
    /// How it is told until when a message is of use.
    pub validity: Validity,
}

/// How a carrier is told until when a message is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Not at all.
    None,
    /// As a span.
    Relative,
    /// As a moment.
    Absolute,
}

/// What the machine wants or tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Tell the ledger.
    Tell(Input),
    /// Send a request over the first link; its fate comes back.
    Send(Sending),
    /// Answer a request of theirs.
    Answer(LinkNumber, Handle, Status),
    /// Keep a scrap. Where it is a part, say when it is on the disk with [`Carrier::handle_kept`].
    Keep(Scrap),
    /// Forget scraps.
    Forget(Vec<ScrapId>),
}

/// What went wrong without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// What was said again and is not told again.
    pub repeated: u64,
    /// Receipts that name no message.
    pub nameless: u64,
    /// Requests that are none of a carrier's.
    pub odd: u64,
}

/// How a carrier is, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// How the channel is.
    pub state: State,
    /// Each link: how it is bound, and why it is down where it is.
    pub links: Vec<(BindKind, Option<String>)>,
    /// Messages on their way, with rests of long ones.
    pub on_their_way: usize,
    /// Parts from there that wait for others.
    pub parts: usize,
    /// What was counted.
    pub tally: Tally,
    /// What it refused last, or why the link ended last.
    pub last_error: Option<String>,
}

/// What is counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Messages that it has taken.
    pub taken: u64,
    /// Messages that it has refused.
    pub refused: u64,
    /// Messages and receipts of its that were taken in.
    pub received: u64,
    /// How often it wanted less.
    pub throttled: u64,
}

/// A carrier.
#[derive(Debug)]
pub struct Carrier {
    settings: Settings,
    random: Random,
    /// Of each link: nothing while it is up.
    down: Vec<Option<String>>,
    /// Until when the carrier wants less.
    throttled: Option<Instant>,
    told: Option<State>,
    jobs: BTreeMap<Ticket, Job>,
    /// Rests of long texts that wait for the link, or for a while.
    resting: Vec<Job>,
    tickets: u64,
    /// Reference of the last text in parts.
    reference: u16,
    /// What was handed in, until it is stored or not.
    hands: BTreeMap<Receipt, Hand>,
    receipts: u64,
    scraps: Scraps,
    joiner: Joiner<ScrapId>,
    /// Wholes that the ledger did not take yet.
    untold: Vec<Untold>,
    counters: Counters,
    tally: Tally,
    last_error: Option<String>,
    outputs: VecDeque<Output>,
}

impl Carrier {
    /// One whose links are not up yet, with the scraps of earlier runs.
    pub fn new(now: Now, settings: Settings, scraps: Vec<Scrap>, mut random: Random) -> Carrier {
        let waiting = Some("it is not reached yet".to_owned());
        let mut carrier = Carrier {
            down: vec![waiting; settings.binds.len()],
            throttled: None,
            told: None,
            jobs: BTreeMap::new(),
            resting: Vec::new(),
            tickets: 0,
            reference: u16::try_from(random.below(1 << 16)).unwrap_or(0),
            hands: BTreeMap::new(),
            receipts: 0,
            scraps: Scraps::default(),
            joiner: Joiner::default(),
            untold: Vec::new(),
            counters: Counters::default(),
            tally: Tally::default(),
            last_error: None,
            outputs: VecDeque::new(),
            settings,
            random,
        };
        let capable = Capabilities {
            longest: LONGEST,
            media: 0,
            templates: false,
            delivered: carrier.settings.receipts,
            read: false,
            typing: false,
            window: None,
        };
        carrier.outputs.push_back(Output::Tell(Input::Capable(capable)));
        carrier.take_up(now, scraps);
        carrier.tell_state();
        carrier
    }

    /// The next thing to do or to tell.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Carrier::handle_timeout) is due.
    pub fn deadline(&self) -> Option<Instant> {
        let own = earliest(self.throttled, self.incoming_deadline());
        earliest(own, self.resting.iter().map(|job| job.due()).min())
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.throttled.is_some_and(|until| until <= now.instant) {
            self.throttled = None;
            self.tell_state();
        }
        self.incoming_due(now);
        self.resting_due(now);
    }

    /// The ledger orders something.
    pub fn handle_order(&mut self, now: Now, order: Order) {
        match order {
            Order::Send(outgoing) => self.send(now, *outgoing),
            Order::Stored(receipt) => self.stored(now, receipt),
            Order::NotStored(receipt, why) => self.not_stored(now, receipt, why),
            // Nobody's phone shows either.
            Order::Typing { .. }
            | Order::Read { .. }
            | Order::Place { .. }
            | Order::Call { .. } => {}
        }
    }

    /// A link is bound.
    pub fn handle_up(&mut self, now: Now, link: LinkNumber) {
        if let Some(down) = self.down.get_mut(link) {
            *down = None;
        }
        self.scraps.up(now, link);
        self.tell_state();
        if link == 0 {
            self.resume(now);
        }
    }

    /// A link is down, and tried again after a while.
    pub fn handle_down(&mut self, now: Now, link: LinkNumber, why: Down, again: Option<Duration>) {
        self.last_error = Some(words(why, None));
        if let Some(down) = self.down.get_mut(link) {
            *down = Some(words(why, again));
        }
        if link == 0 {
            self.throttled = None;
        }
        self.scraps.down(now, link);
        self.tell_state();
    }

    /// The carrier wants less: for so long nothing goes out.
    pub fn handle_throttled(&mut self, now: Now, pause: Duration) {
        self.throttled = Some(now.instant + pause);
        self.tally.throttled += 1;
        self.tell_state();
    }

    /// What went wrong without harm.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How it is.
    pub fn snapshot(&self) -> Snapshot {
        let kinds = self.settings.binds.iter().copied();
        Snapshot {
            state: self.state(),
            links: kinds.zip(self.down.iter().cloned()).collect(),
            on_their_way: self.jobs.len() + self.resting.len(),
            parts: self.joiner.waiting(),
            tally: self.tally,
            last_error: self.last_error.clone(),
        }
    }

    /// Parts that wait for others.
    pub fn parts_waiting(&self) -> usize {
        self.joiner.waiting()
    }

    fn tell(&mut self, input: Input) {
        self.outputs.push_back(Output::Tell(input));
    }

    fn tell_state(&mut self) {
        let state = self.state();
        if self.told.as_ref() != Some(&state) {
            self.told = Some(state.clone());
            self.tell(Input::State(state));
        }
    }

    fn state(&self) -> State {
        let mut down = self.down.iter();
        match (down.next().and_then(Option::as_ref), down.flatten().next()) {
            (Some(why), _) => State::Down(why.clone()),
            (None, Some(why)) => State::Degraded(format!("nothing comes from it: {why}")),
            (None, None) if self.throttled.is_some() => {
                State::Degraded("the carrier wants less at a time: what goes out waits".to_owned())
            }
            (None, None) => State::Up,
        }
    }
}

/// Why a link is down, for a person.
pub fn words(why: Down, again: Option<Duration>) -> String {
    let what = match why {
        Down::Unreachable => "it cannot be reached".to_owned(),
        Down::Ended(ended) => match ended {
            Ended::Unbound => "we have unbound".to_owned(),
            Ended::UnboundByPeer => "it has unbound".to_owned(),
            Ended::Refused(status) => format!("it refuses the bind ({status})"),
            Ended::NotBound => "it does not answer the bind".to_owned(),
            Ended::Dead => "it does not answer whether it is there".to_owned(),
            Ended::Inactive => "no message for too long".to_owned(),
            Ended::Slow => "it began to say something and did not end".to_owned(),
            Ended::Stalled => "it does not read what we write".to_owned(),
            Ended::Length(octets) => format!("it says that something has {octets} octets"),
            Ended::Closed => "it has closed the connection".to_owned(),
        },
    };
    match again.map(|wait| wait.as_secs()) {
        None => what,
        Some(0) => format!("{what}; it is tried again now"),
        Some(seconds) => format!("{what}; it is tried again in {seconds} s"),
    }
}

/// By what a carrier is told that something was not kept. It comes again, and it comes slower.
fn not_kept(why: NotStored) -> Status {
    match why {
        NotStored::TooMuch | NotStored::NotReady => Status::THROTTLED,
        // A standard answer to deliver_sm for what passes (SMPP 3.4 section 5.1.3).
        NotStored::Disk => Status::RECEIVER_TEMPORARY,
    }
}
