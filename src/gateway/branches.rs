//! Other branches: what they know of people is heard, asked for while it rings, and what is said here goes out to them.
//!
//! Nothing waits for them, and nothing that the office says is believed further than a card or an erasure fits the contact
//! that is here: by a token that both have. Who calls or writes and is not known here is asked for while the line is up:
//! what comes in time is on the card when the store shows it. What the office tells of its own is in `hearing`.

mod hearing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::hearing::Hearing;
use crate::context::asked::Erasures;
use crate::context::card::Known;
use crate::context::{Caller, Change, Contact, Heard, Identity, Kind, Order, View, carded};
use crate::gateway::{Gateway, Output};
use crate::id::{ActorId, CallId, ContactId};
use crate::stamp::StampClock;
use crate::time::Now;
use crate::uplink::frame::{Answer, Ask, Told};
use crate::uplink::policy::{self, Policy, Treatment};

/// Questions on their way at a time: as many calls ring at a branch at once.
const MOST_ASKED: usize = 64;
/// Cards of one answer that are taken up: a person has a contact at each branch, and now and then two.
const MOST_ANSWERED: usize = 32;
/// How long the office may take to say who somebody is, unless the site says otherwise.
const PATIENCE: Duration = Duration::from_millis(300);

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
    /// What becomes of erasures that others ask for.
    erasures: Erasures,
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
    /// The office said something of a contact that does not fit it: by no token that it has.
    pub unfit: u64,
}

/// Somebody is asked for.
#[derive(Debug)]
struct Asking {
    identity: Identity<String>,
    call: Option<CallId>,
    until: Instant,
}

/// What of an order the office has said: which of the erasures it told of, and by what the person should be known here.
#[derive(Debug, Clone)]
pub(super) struct Spoken {
    erasure: Option<usize>,
    tokens: Arc<BTreeSet<String>>,
    contact: ContactId,
}

impl Default for Branches {
    fn default() -> Branches {
        Branches {
            policy: None,
            patience: PATIENCE,
            erasures: Erasures::default(),
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
    /// to say who somebody is; and what becomes of erasures that others ask for.
    pub fn share_people(&mut self, policy: Policy, patience: Duration, erasures: Erasures) {
        self.branches.policy = Some(policy);
        self.branches.patience = patience;
        self.branches.erasures = erasures;
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
        let mut all = carded(view, changes, &house, stamp, (by, now.unix));
        let answers: Vec<_> = answers(view, &all).collect();
        all.extend(answers);
        all
    }

    /// Whether what the office says is about a contact that is here: whether both are known by the same. An erasure is about
    /// a person, all of whose contacts were looked up; a card about one of them.
    pub(super) fn fits(&self, view: &View, order: &Order, Spoken { tokens, .. }: &Spoken) -> bool {
        let Some(policy) = &self.branches.policy else { return false };
        let known = |contact: &Contact<String>| {
            let own = contact.identities.iter().map(|link| &link.identity);
            let own = own.filter(|identity| !view.lines.contains(identity));
            own.filter_map(|identity| token(policy, identity)).any(|token| tokens.contains(&token))
        };
        match order {
            Order::Hear { contact: Some(contact), .. } => {
                view.contacts.get(contact).is_none_or(known)
            }
            // Who is not here is not here: the decision says so.
            _ => view.contacts.is_empty() || view.contacts.values().any(known),
        }
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
        let policy = self.branches.policy.as_ref();
        let token = policy.and_then(|policy| token(policy, &asking.identity)).unwrap_or_default();
        let (fits, unfit): (Vec<_>, Vec<_>) = known
            .into_iter()
            .flatten()
            .take(MOST_ANSWERED)
            .partition(|known: &Known| known.card.tokens.contains(&token));
        self.branches.counters.unfit += unfit.len() as u64;
        let heard: Vec<Heard<String>> = fits.into_iter().map(Heard::from).collect();
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

/// What somebody here says to erasures that other branches have asked for: yes by erasing the contact, no by a hold.
fn answers(view: &View, changes: &[Change<String>]) -> impl Iterator<Item = Change<String>> {
    let said = changes.iter().flat_map(|change| match change {
        Change::Erased { contacts, .. } => contacts.iter().map(|one| (*one, None)).collect(),
        Change::Held { contact, reason, .. } => vec![(*contact, Some(reason))],
        _ => Vec::new(),
    });
    let rows = said.filter_map(|(contact, no)| Some((view.contacts.get(&contact)?, no)));
    rows.flat_map(|(row, no)| {
        let waits = row.wanted.iter().filter(move |one| one.waits || no.is_none());
        waits.map(move |one| {
            let (asked, contact) = (one.asked.clone(), row.id);
            let (done, why) = (no.is_none(), no.cloned());
            Change::Confirmed { asked, contact, done, waits: false, why }
        })
    })
}

/// An erasure that another branch has asked for is done.
fn confirmed(asked: crate::context::card::Asked, contact: ContactId) -> Change<String> {
    Change::Confirmed { asked, contact, done: true, waits: false, why: None }
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
