//! Other branches: what they know of people is heard, asked for while it rings, and what is said here goes out to them.
//!
//! Nothing waits for them. What the office tells is taken up one thing after another, each as an order, and acknowledged
//! once all of it is on the disk; what could not be kept is not acknowledged, and comes again. Who calls or writes and is
//! not known here is asked for while the line is up: what comes in time is on the card when the store shows it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::admin::Reply;
use crate::context::card::{Asked, Known, Word};
use crate::context::{
    Act, Caller, Change, Heard, Identity, Kind, Order, Refused, View, Who, carded,
};
use crate::gateway::orders::Asker;
use crate::gateway::{Gateway, Output};
use crate::id::{ActorId, CallId, ContactId};
use crate::journal::context::to_seal;
use crate::journal::event::Event;
use crate::journal::{State, Token};
use crate::stamp::StampClock;
use crate::time::Now;
use crate::uplink::frame::{Answer, Ask, Told};
use crate::uplink::policy::{self, Policy, Treatment};

/// Questions on their way at a time: as many calls ring at a branch at once.
const MOST_ASKED: usize = 64;
/// How long the office may take to say who somebody is, unless the site says otherwise.
const PATIENCE: Duration = Duration::from_millis(300);
/// The rule that proofs of erasures name which another branch has asked for.
const ELSEWHERE: &str = "erased at another branch";

/// What comes from the office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromOffice {
    /// Whether somebody is there who may know people.
    Knows(bool),
    /// What is said of people elsewhere; answered with [`ToOffice::Took`].
    Told(Told),
    /// Who somebody is.
    Answer(Answer),
}

/// What goes there of people, beside what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToOffice {
    /// Who is this? Answered with [`FromOffice::Answer`].
    Ask(Ask),
    /// All that was told up to this is on the disk.
    Took(u64),
}

/// What has to do with other branches.
#[derive(Debug)]
pub(super) struct Branches {
    /// What may leave; nothing where no office is.
    policy: Option<Policy>,
    patience: Duration,
    knows: bool,
    mark: u64,
    asked: BTreeMap<u64, Asking>,
    hearing: Option<Hearing>,
    /// How questions came out.
    pub counters: Counters,
}

/// How questions to the office came out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// Somebody knew.
    pub known: u64,
    /// Nobody did.
    pub unknown: u64,
    /// The answer came too late, or not at all.
    pub late: u64,
}

/// Somebody is asked for.
#[derive(Debug)]
struct Asking {
    identity: Identity<String>,
    call: Option<CallId>,
    until: Instant,
}

/// What was told is taken up.
#[derive(Debug)]
struct Hearing {
    upto: u64,
    /// Orders that are on their way.
    open: usize,
    /// Something could not be kept.
    failed: bool,
    erasures: Vec<Erasing>,
    /// What must be on the disk before it is acknowledged.
    until: Option<Token>,
}

/// An erasure that another branch asks for.
#[derive(Debug)]
struct Erasing {
    asked: Asked,
    contacts: Vec<ContactId>,
    refused: Option<String>,
}

impl Default for Branches {
    fn default() -> Branches {
        Branches {
            policy: None,
            patience: PATIENCE,
            knows: false,
            mark: 0,
            asked: BTreeMap::new(),
            hearing: None,
            counters: Counters::default(),
        }
    }
}

/// What others hear.
impl Gateway {
    /// There is an office: what is said of people is for other branches to hear, as the policy has it. It may take so long
    /// to say who somebody is.
    pub fn share_people(&mut self, policy: Policy, patience: Duration) {
        self.branches.policy = Some(policy);
        self.branches.patience = patience;
    }

    /// What somebody did, with what other branches hear of it.
    pub(super) fn with_cards(
        &self,
        now: Now,
        by: &ActorId,
        view: &View,
        changes: Vec<Change<String>>,
    ) -> Vec<Change<String>> {
        if self.branches.policy.is_none() {
            return changes;
        }
        let mut clock = StampClock::new(0, self.journal.live().stamp);
        let stamp = clock.stamp(now.unix);
        let house = self.journal.keys().token("people shared with other branches", 16);
        carded(view, changes, &house, stamp, (by, now.unix))
    }
}

/// Asking.
impl Gateway {
    /// It is known what is known of a caller: if that is not even a name, the office is asked. Nothing waits for it.
    pub(super) fn ask_office_who_calls(&mut self, now: Now, call: CallId, known: Option<&Caller>) {
        if known.is_some_and(|caller| caller.name.is_some() || caller.shared.is_some()) {
            return;
        }
        if let Some(identity) = self.caller_identity(call) {
            self.ask_office(now, identity, Some(call));
        }
    }

    /// Somebody is not known here: the office is asked.
    pub(super) fn ask_office(
        &mut self,
        now: Now,
        identity: Identity<String>,
        call: Option<CallId>,
    ) {
        let token = self.branches.policy.as_ref().and_then(|policy| token(policy, &identity));
        let Some(token) = token.filter(|_| self.branches.knows) else { return };
        let asked = &mut self.branches.asked;
        let before = asked.len();
        asked.retain(|_, asking| asking.until > now.instant);
        self.branches.counters.late += (before - asked.len()) as u64;
        if asked.len() >= MOST_ASKED {
            return;
        }
        self.branches.mark += 1;
        let (mark, until) = (self.branches.mark, now.instant + self.branches.patience);
        asked.insert(mark, Asking { identity, call, until });
        let ask = ToOffice::Ask(Ask { mark, tokens: vec![token] });
        self.outputs.push_back(Output::Office(ask));
    }

    fn office_answers(&mut self, now: Now, answer: Answer) {
        let Some(asking) = self.branches.asked.remove(&answer.mark) else { return };
        if asking.until <= now.instant {
            self.branches.counters.late += 1;
            return;
        }
        let known = answer.known.and_then(|known| serde_json::from_value::<Vec<Known>>(known).ok());
        let heard: Vec<Heard<String>> = known.into_iter().flatten().map(Heard::from).collect();
        let Some(first) = heard.first() else {
            self.branches.counters.unknown += 1;
            return;
        };
        self.branches.counters.known += 1;
        let by = ActorId::from(first.site.as_str());
        let order = Order::Hear { contact: None, identity: Some(asking.identity), heard };
        self.take_order_for(now, asking.call.into_iter().collect(), by, order);
    }
}

/// Hearing.
impl Gateway {
    /// The office says something.
    pub fn handle_office(&mut self, now: Now, office: FromOffice) {
        match office {
            FromOffice::Knows(knows) => {
                self.branches.knows = knows;
                if !knows {
                    let lost = std::mem::take(&mut self.branches.asked);
                    self.branches.counters.late += lost.len() as u64;
                }
            }
            FromOffice::Told(told) => self.office_tells(now, told),
            FromOffice::Answer(answer) => self.office_answers(now, answer),
        }
        self.settle(now);
    }

    /// One thing at a time: what comes meanwhile comes again.
    fn office_tells(&mut self, now: Now, told: Told) {
        if self.branches.hearing.is_some() || self.branches.policy.is_none() {
            return;
        }
        let (mut orders, mut erasures) = (Vec::new(), Vec::new());
        for word in told.changes.into_iter().filter_map(|change: Value| {
            // What a newer office says besides is nothing that could be done here.
            serde_json::from_value::<Word>(change).ok()
        }) {
            match word {
                Word::Card { to, known } => {
                    let heard = Heard::from(known);
                    for contact in ids(&to) {
                        let by = ActorId::from(heard.site.as_str());
                        let heard = vec![heard.clone()];
                        let order = Order::Hear { contact: Some(contact), identity: None, heard };
                        orders.push((by, None, order));
                    }
                }
                Word::Erase { to, asked } => {
                    let contacts = ids(&to);
                    for contact in &contacts {
                        let by = ActorId::from(format!("erased at {}", asked.site).as_str());
                        // By a rule, so that it goes no further: whoever shares something with this contact and
                        // nothing with the person who was erased is somebody else.
                        let rule = Some(ELSEWHERE.to_owned());
                        let order = Order::Erase { who: Who::Contact(*contact), rule };
                        orders.push((by, Some(erasures.len()), order));
                    }
                    erasures.push(Erasing { asked, contacts, refused: None });
                }
            }
        }
        let (upto, open) = (told.upto, orders.len());
        let hearing = Hearing { upto, open, failed: false, erasures, until: None };
        self.branches.hearing = Some(hearing);
        for (by, erasure, order) in orders {
            self.take_order_of_office(now, by, erasure, order);
        }
        self.heard_all(now);
    }

    /// An order of the office was carried out, or was not.
    pub(super) fn office_order_is_over(&mut self, now: Now, erasure: Option<usize>, reply: &Reply) {
        let Some(hearing) = &mut self.branches.hearing else { return };
        hearing.open = hearing.open.saturating_sub(1);
        let erasing = erasure.and_then(|at| hearing.erasures.get_mut(at));
        match (reply, erasing) {
            // Who is not there any more has nothing to be erased, and nothing to hear.
            (Reply::Ordered(_) | Reply::Declined(Refused::UnknownContact), _) => {}
            (Reply::Declined(why), Some(erasing)) => erasing.refused = Some(why.to_string()),
            (Reply::Declined(_), None) => {}
            _ => hearing.failed = true,
        }
        self.heard_all(now);
    }

    /// All that was told is done: what came of erasures is written down, and then it is acknowledged.
    fn heard_all(&mut self, now: Now) {
        let done = |hearing: &mut Hearing| hearing.open == 0 && hearing.until.is_none();
        let Some(mut hearing) = self.branches.hearing.take_if(done) else { return };
        if hearing.failed {
            return;
        }
        hearing.until = Some(Token::default());
        for Erasing { asked, contacts, refused } in std::mem::take(&mut hearing.erasures) {
            let (done, contact) = (refused.is_none(), contacts.first().copied());
            let contact = contact.unwrap_or(ContactId(0));
            let changes = vec![Change::Confirmed { asked, contact, done, why: refused }];
            let act = Act { by: crate::store::context::BOX.into(), at: now.unix, changes };
            let token = self.keep(now, Event::Context(to_seal(act)));
            hearing.until = Some(token);
        }
        self.branches.hearing = Some(hearing);
        self.hearing_is_stored();
    }

    /// The journal's thread has said something.
    pub(super) fn hearing_is_stored(&mut self) {
        if self.journal.state() != State::Healthy {
            // It comes again.
            self.branches.hearing.take_if(|hearing| hearing.until.is_some());
            return;
        }
        let stored = self.journal.stored();
        let kept = |hearing: &mut Hearing| hearing.until.is_some_and(|token| token <= stored);
        if let Some(hearing) = self.branches.hearing.take_if(kept) {
            self.outputs.push_back(Output::Office(ToOffice::Took(hearing.upto)));
        }
    }
}

fn ids(texts: &[String]) -> Vec<ContactId> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// By what other branches know whoever has an identity; nothing where the site does not let that out.
pub(super) fn token(policy: &Policy, identity: &Identity<String>) -> Option<String> {
    let class = match identity.kind {
        Kind::Phone => policy::Class::Number,
        Kind::Email => policy::Class::Email,
        Kind::Handle | Kind::Sip | Kind::Account | Kind::Business => policy::Class::Handle,
    };
    match policy.of(class) {
        Treatment::Hash | Treatment::Send => Some(policy.token(class, &identity.value)),
        Treatment::Keep | Treatment::Mask => None,
    }
}

impl Gateway {
    fn take_order_of_office(
        &mut self,
        now: Now,
        by: ActorId,
        erasure: Option<usize>,
        order: Order,
    ) {
        self.take(now, (Asker::Office(erasure), by, None), order, None);
    }
}
