//! What the office tells of its own: taken up one thing after another, each as an order, and acknowledged once all of it is
//! on the disk. What could not be kept is not acknowledged, and comes again.
//!
//! However much one telling names, so many orders are on their way at a time, and what they say is held once. An erasure
//! that another branch asks for waits for a person here, unless the site has said otherwise.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::{FromOffice, Spoken, ToOffice};
use crate::admin::Reply;
use crate::context::asked::Erasures;
use crate::context::card::{Asked, Known, Word};
use crate::context::{Act, Change, Heard, Order, Refused, Who};
use crate::gateway::orders::Asker;
use crate::gateway::{Gateway, Output};
use crate::id::{ActorId, ContactId};
use crate::journal::context::to_seal;
use crate::journal::event::Event;
use crate::journal::{State, Token};
use crate::time::Now;
use crate::uplink::frame::Told;

/// Orders of one telling that are on their way at a time: other orders find room beside them.
const MOST_AT_A_TIME: usize = 64;
/// Things of one telling that are taken up: an office looks at no more entries for one.
const MOST_WORDS: usize = 256;
/// Contacts that one thing may be about: a person has no more here.
const MOST_TO: usize = 64;
/// Characters of a branch's name, and of what it calls an erasure.
const LONGEST_NAME: usize = 64;
/// The rule that proofs of erasures name which another branch has asked for.
const ELSEWHERE: &str = "erased at another branch";
/// Why an erasure is not done.
const UNFIT: &str = "nobody here is known by what the person was known by there";
const TOO_MANY: &str = "that branch has asked for too many erasures today";
const A_PERSON: &str = "a person of this branch is asked";

/// What was told is taken up.
#[derive(Debug)]
pub(super) struct Hearing {
    upto: u64,
    /// What is still to be ordered.
    waiting: VecDeque<Waiting>,
    /// Orders that are on their way.
    open: usize,
    /// They are being ordered: what comes of one at once orders no others.
    ordering: bool,
    /// Something could not be kept.
    failed: bool,
    erasures: Vec<Erasing>,
    /// What must be on the disk before it is acknowledged.
    until: Option<Token>,
}

/// Something that was told of a contact.
#[derive(Debug)]
struct Waiting {
    contact: ContactId,
    tokens: Arc<BTreeSet<String>>,
    what: What,
}

#[derive(Debug)]
enum What {
    Heard(Arc<Heard<String>>),
    /// Which of the erasures.
    Erase(usize),
}

/// An erasure that another branch asks for.
#[derive(Debug)]
struct Erasing {
    asked: Asked,
    /// Of whom a person is asked.
    wanted: Vec<ContactId>,
    /// Why it is not done, and whose it would be.
    refused: Option<(String, ContactId)>,
}

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
        let (waiting, erasures) = (VecDeque::new(), Vec::new());
        let upto = told.upto;
        let mut hearing = Hearing {
            upto,
            waiting,
            open: 0,
            ordering: false,
            failed: false,
            erasures,
            until: None,
        };
        let words = told.changes.into_iter().take(MOST_WORDS).filter_map(|change: Value| {
            // What a newer office says besides is nothing that could be done here.
            serde_json::from_value::<Word>(change).ok()
        });
        for word in words {
            match word {
                Word::Card { to, known } => hearing.card(&to, known),
                Word::Erase { to, asked, tokens } => {
                    let allowed = self.journal.live().erasures.allows(now.unix, &asked);
                    hearing.erase(&to, asked, tokens, allowed);
                }
            }
        }
        self.branches.hearing = Some(hearing);
        self.order_what_was_told(now);
    }

    /// So many orders at a time, until there are none left.
    fn order_what_was_told(&mut self, now: Now) {
        let Some(hearing) = &mut self.branches.hearing else { return };
        if std::mem::replace(&mut hearing.ordering, true) {
            return;
        }
        while let Some(hearing) = &mut self.branches.hearing
            && hearing.open < MOST_AT_A_TIME
            && !hearing.failed
            && let Some(waiting) = hearing.waiting.pop_front()
        {
            hearing.open += 1;
            let Waiting { contact, tokens, what } = waiting;
            let (by, erasure, order) = match what {
                What::Heard(heard) => {
                    let by = ActorId::from(heard.site.as_str());
                    let heard = vec![Heard::clone(&heard)];
                    (by, None, Order::Hear { contact: Some(contact), identity: None, heard })
                }
                What::Erase(at) => {
                    let site = hearing.erasures.get(at).map(|erasing| erasing.asked.site.as_str());
                    let by = format!("erased at {}", site.unwrap_or_default());
                    let who = Who::Contact(contact);
                    let order = match self.branches.erasures {
                        Erasures::Ask => Order::Find { who },
                        // By a rule, so that it goes no further: whoever shares something with this contact and nothing
                        // with the person who was erased is somebody else.
                        Erasures::Obey => Order::Erase { who, rule: Some(ELSEWHERE.to_owned()) },
                    };
                    (ActorId::from(by.as_str()), Some(at), order)
                }
            };
            let spoken = Spoken { erasure, tokens, contact };
            self.take(now, (Asker::Office(spoken), by, None), order, None);
        }
        if let Some(hearing) = &mut self.branches.hearing {
            hearing.ordering = false;
        }
        self.heard_all(now);
    }

    /// An order of the office was carried out, or was not.
    pub(in crate::gateway) fn office_order_is_over(
        &mut self,
        now: Now,
        spoken: &Spoken,
        reply: &Reply,
    ) {
        let asks = self.branches.erasures == Erasures::Ask;
        let Some(hearing) = &mut self.branches.hearing else { return };
        hearing.open = hearing.open.saturating_sub(1);
        let erasing = spoken.erasure.and_then(|at| hearing.erasures.get_mut(at));
        match (reply, erasing) {
            // Who is not there any more has nothing to be erased, and nothing to hear.
            (Reply::Declined(Refused::UnknownContact), _) => {}
            (Reply::Ordered(_), Some(erasing)) if asks => erasing.wanted.push(spoken.contact),
            (Reply::Ordered(_), _) => {}
            (Reply::Declined(why), Some(erasing)) => {
                erasing.refused = Some((why.to_string(), spoken.contact));
            }
            (Reply::Declined(_), None) => {}
            _ => hearing.failed = true,
        }
        self.order_what_was_told(now);
    }

    /// What the office said is not about the contact that it names: nothing of it is done.
    pub(in crate::gateway) fn office_order_does_not_fit(&mut self, now: Now, spoken: &Spoken) {
        self.branches.counters.unfit += 1;
        tracing::warn!(contact = %spoken.contact, "the office names a contact that is known by something else");
        let Some(hearing) = &mut self.branches.hearing else { return };
        hearing.open = hearing.open.saturating_sub(1);
        let erasing = spoken.erasure.and_then(|at| hearing.erasures.get_mut(at));
        erasing.into_iter().for_each(|one| one.refused = Some((UNFIT.to_owned(), ContactId(0))));
        self.order_what_was_told(now);
    }

    /// All that was told is done: what came of erasures is written down, and then it is acknowledged.
    fn heard_all(&mut self, now: Now) {
        let done = |hearing: &mut Hearing| {
            let all = hearing.waiting.is_empty() || hearing.failed;
            hearing.open == 0 && all && hearing.until.is_none()
        };
        let Some(mut hearing) = self.branches.hearing.take_if(done) else { return };
        if hearing.failed {
            return;
        }
        hearing.until = Some(Token::default());
        for erasing in std::mem::take(&mut hearing.erasures) {
            let changes = erasing.came_of_it();
            let act = Act { by: crate::store::context::BOX.into(), at: now.unix, changes };
            let token = self.keep(now, Event::Context(to_seal(act)));
            hearing.until = Some(token);
        }
        self.branches.hearing = Some(hearing);
        self.hearing_is_stored();
    }

    /// The journal's thread has said something.
    pub(in crate::gateway) fn hearing_is_stored(&mut self) {
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

impl Hearing {
    fn card(&mut self, to: &[String], known: Known) {
        let tokens = Arc::new(known.card.tokens.clone());
        let heard = Arc::new(Heard::from(known));
        for contact in ids(to) {
            let (tokens, what) = (tokens.clone(), What::Heard(heard.clone()));
            self.waiting.push_back(Waiting { contact, tokens, what });
        }
    }

    fn erase(&mut self, to: &[String], asked: Asked, tokens: BTreeSet<String>, allowed: bool) {
        if asked.site.len() > LONGEST_NAME || asked.erasure.len() > LONGEST_NAME {
            return;
        }
        let tokens = Arc::new(tokens);
        let at = self.erasures.len();
        for contact in ids(to).filter(|_| allowed) {
            let tokens = tokens.clone();
            self.waiting.push_back(Waiting { contact, tokens, what: What::Erase(at) });
        }
        let refused = (!allowed).then(|| (TOO_MANY.to_owned(), ContactId(0)));
        self.erasures.push(Erasing { asked, wanted: Vec::new(), refused });
    }
}

impl Erasing {
    /// What came of it: one word for each contact that somebody is asked about, else one.
    fn came_of_it(self) -> Vec<Change<String>> {
        let Erasing { asked, wanted, refused } = self;
        if let Some((why, contact)) = refused {
            let why = Some(why);
            return vec![Change::Confirmed { asked, contact, done: false, waits: false, why }];
        }
        if wanted.is_empty() {
            return vec![super::confirmed(asked, ContactId(0))];
        }
        let ask = |contact| {
            tracing::warn!(%contact, site = asked.site, "another branch wants a person erased");
            let (asked, why) = (asked.clone(), Some(A_PERSON.to_owned()));
            Change::Confirmed { asked, contact, done: false, waits: true, why }
        };
        wanted.into_iter().map(ask).collect()
    }
}

fn ids(texts: &[String]) -> impl Iterator<Item = ContactId> {
    texts.iter().take(MOST_TO).filter_map(|text| text.parse().ok())
}
