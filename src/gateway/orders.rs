//! Orders about people: looked up, decided, kept, and answered once the store shows them.
//!
//! The decision is [`crate::context::decide`]'s. What the store knew when it was asked may be out of date: an order whose
//! people were changed since is looked up once more, so that any number of them may be on their way at a time.

use std::collections::{BTreeMap, BTreeSet};

use crate::admin::{Command, Ordered, Reply};
use crate::context::{
    Act, Change, Identity, Imported, Order, Refused, View, Who, decide, root, unchanged,
};
use crate::gateway::branches::Spoken;
use crate::gateway::voicemail::Order as FileOrder;
use crate::gateway::{By, Gateway, LookFor, Output, ReplyTo};
use crate::id::{ActorId, CallId, CaseId, ContactId, RecordingId};
use crate::journal::act::Act as Done;
use crate::journal::context::to_seal;
use crate::journal::event::Event;
use crate::journal::{State, Token};
use crate::store::context::looking::{Answer, Doomed, Question};
use crate::time::Now;

/// Orders on their way at a time: an import keeps far fewer, and a page a handful.
const MOST_WAITING: usize = 1_024;

/// Orders that are on their way.
#[derive(Debug, Default)]
pub(super) struct Orders {
    next: u64,
    /// Being looked up, or waiting to be.
    waiting: BTreeMap<u64, Waiting>,
    /// To be looked up once more when the store shows this record.
    again: Vec<(Token, u64)>,
    /// Decided; to be answered when the store shows this record.
    decided: Vec<(Token, Asker, Ordered)>,
    /// What was changed by records that the store does not show yet.
    touched: BTreeMap<Touched, Token>,
    /// What the store shows.
    shown: Token,
}

#[derive(Debug)]
struct Waiting {
    to: Asker,
    by: ActorId,
    /// What is written down of it beside what it changes; nothing of what a rule does.
    done: Option<Done>,
    order: Order,
    /// Versions that whoever ordered may have seen, where they said so.
    seen: Option<Vec<u64>>,
    /// Recordings of whoever is to be erased that are on the disk yet, and those that are not any more.
    files: BTreeSet<RecordingId>,
    deleted: BTreeSet<RecordingId>,
}

/// Who is told what came of an order.
#[derive(Debug, Clone)]
pub(super) enum Asker {
    /// Whoever asked.
    Reader(ReplyTo),
    /// The office: one thing of what it told.
    Office(Spoken),
    /// Calls, whose cards are made anew.
    Calls(Vec<CallId>),
    /// Whoever makes a task about somebody.
    Task(Box<Tasking>),
    /// Nobody.
    Nobody,
}

/// A task that somebody makes, as soon as it is known whom it is about.
#[derive(Debug, Clone)]
pub(super) struct Tasking {
    to: ReplyTo,
    by: By,
    command: Command,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Touched {
    Contact(ContactId),
    Identity(Identity<String>),
    Case(CaseId),
}

impl Orders {
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty() && self.decided.is_empty()
    }

    /// The last record that changed a contact and that the store does not show yet.
    pub(super) fn written(&self, contact: ContactId) -> Token {
        self.touched.get(&Touched::Contact(contact)).copied().unwrap_or_default()
    }

    /// Somebody else has changed a contact, in this record.
    pub(super) fn handle_written(&mut self, contact: ContactId, token: Token) {
        if token > self.shown && token != Token(u64::MAX) {
            self.touched.insert(Touched::Contact(contact), token);
        }
    }

    /// Somebody else has given a contact an identity, in this record.
    pub(super) fn handle_linked(&mut self, identity: &Identity<String>, token: Token) {
        if token > self.shown && token != Token(u64::MAX) {
            self.touched.insert(Touched::Identity(identity.clone()), token);
        }
    }

    /// The last record that changed anything that this is about.
    fn changed(&self, about: &BTreeSet<Touched>) -> Option<Token> {
        about.iter().filter_map(|one| self.touched.get(one)).max().copied()
    }
}

/// Orders.
impl Gateway {
    /// Somebody wants something done to the record of a person; answered with [`Reply::Ordered`] once it is on the disk
    /// and whoever looks sees it.
    pub(super) fn take_order(&mut self, now: Now, to: ReplyTo, by: &By, command: &Command) {
        let Command::Contact { order, seen } = command else { return };
        // Beside every value that a file brought stands which file it was.
        let actor = match order {
            Order::Import { source, .. } | Order::Restore { source, .. } => {
                format!("{}, import of {source}", by.who)
            }
            _ => by.who.to_string(),
        };
        let actor = ActorId::from(actor.as_str());
        let act = command.act().map(|(operation, on)| Done {
            who: by.who.clone(),
            from: by.from,
            what: operation.name().to_owned(),
            on,
            done: true,
            first: None,
        });
        self.take(now, (Asker::Reader(to), actor, act), order.clone(), seen.clone());
    }

    /// The same of somebody who need not be told.
    pub(super) fn take_order_of(&mut self, now: Now, by: ActorId, order: Order) {
        self.take(now, (Asker::Nobody, by, None), order, None);
    }

    /// The same for calls, whose cards are made anew when the store shows what was changed.
    pub(super) fn take_order_for(
        &mut self,
        now: Now,
        calls: Vec<CallId>,
        by: ActorId,
        order: Order,
    ) {
        self.take(now, (Asker::Calls(calls), by, None), order, None);
    }

    /// Somebody makes a task about a person, who has to be there; the person may go under another contact by now.
    pub(super) fn take_task_about(
        &mut self,
        now: Now,
        to: ReplyTo,
        by: &By,
        (command, contact): (&Command, ContactId),
    ) {
        let actor = ActorId::from(by.who.to_string().as_str());
        let tasking = Tasking { to, by: by.clone(), command: command.clone() };
        let order = Order::Find { who: Who::Contact(contact) };
        self.take(now, (Asker::Task(Box::new(tasking)), actor, None), order, None);
    }

    pub(super) fn take(
        &mut self,
        now: Now,
        (to, by, done): (Asker, ActorId, Option<Done>),
        order: Order,
        seen: Option<Vec<u64>>,
    ) {
        let country = self.settings.site.country;
        let order = match order.normalised(&|digits| country.full(digits)) {
            Ok(order) => order,
            Err(why) => return self.decline(now, to, done, why.into()),
        };
        if self.journal.state() != State::Healthy {
            return self.turn_away(now, to, "the disk does not work: nothing would be kept");
        }
        if self.orders.waiting.len() + self.orders.decided.len() >= MOST_WAITING {
            return self.turn_away(now, to, "too much is being done at a time; ask again soon");
        }
        let id = self.orders.next;
        self.orders.next += 1;
        let (files, deleted) = (BTreeSet::new(), BTreeSet::new());
        self.orders.waiting.insert(id, Waiting { to, by, done, order, seen, files, deleted });
        self.look_for_order(id);
    }

    fn look_for_order(&mut self, id: u64) {
        let Some(waiting) = self.orders.waiting.get(&id) else { return };
        let question = Question::View(waiting.order.needs());
        self.outputs.push_back(Output::Look { to: LookFor::Order(id), question });
    }

    /// The store says what an order needs.
    pub(super) fn order_looked_up(&mut self, now: Now, id: u64, answer: Answer) {
        let Answer::View(view, doomed) = answer else {
            if let Some(waiting) = self.orders.waiting.remove(&id) {
                self.turn_away(now, waiting.to, NOT_READY);
            }
            return;
        };
        let Some(waiting) = self.orders.waiting.get(&id) else { return };
        let about = about(&waiting.order, &view);
        match self.orders.changed(&about) {
            Some(token) if token.0 > view.position => self.orders.again.push((token, id)),
            _ => self.decide_order(now, id, &view, &doomed),
        }
    }

    fn decide_order(&mut self, now: Now, id: u64, view: &View, doomed: &Doomed) {
        let Some(waiting) = self.orders.waiting.get(&id) else { return };
        if let Asker::Office(spoken) = &waiting.to
            && !self.fits(view, &waiting.order, spoken)
        {
            let spoken = spoken.clone();
            self.orders.waiting.remove(&id);
            return self.office_order_does_not_fit(now, &spoken);
        }
        let (by, order) = (waiting.by.clone(), waiting.order.clone());
        let random = &mut self.random;
        let decided = unchanged(&order, view, waiting.seen.as_deref())
            .and_then(|()| decide(&order, view, &self.rules, &by, now.unix, &mut || random.bits()));
        let changes = match decided {
            Ok(changes) => changes,
            Err(why) => return self.refuse_order(now, id, why),
        };
        let erases = matches!(changes.first(), Some(Change::Erased { .. }));
        if erases && self.files_are_left(id, doomed) {
            return;
        }
        let Some(waiting) = self.orders.waiting.remove(&id) else { return };
        let mut answer = Ordered::default();
        changes.iter().for_each(|change| answer.take(change));
        let tried = match order {
            Order::Import { dry_run, .. } | Order::Restore { dry_run, .. } => {
                answer.imported = Some(Imported::by(&changes));
                dry_run
            }
            _ => false,
        };
        if let Order::Find { who: Who::Contact(contact) } = order {
            answer.contact = Some(root(&view.parents, contact));
        }
        if tried || changes.is_empty() {
            return self.tell(now, waiting.to, Reply::Ordered(answer));
        }
        if let Some(done) = waiting.done {
            let made = answer.contact.map(|contact| contact.to_string());
            self.keep(now, Event::Act(Done { on: done.on.or(made), ..done }));
        }
        let changes = self.with_cards(now, &by, view, changes);
        let told = changes.clone();
        let act = Act { by, at: now.unix, changes };
        let token = if erases {
            let recordings = waiting.deleted.len();
            self.keep_erasure(now, act, doomed, recordings)
        } else {
            self.keep(now, Event::Context(to_seal(act.clone())))
        };
        for one in about(&order, view).into_iter().chain(answer.touched()) {
            self.orders.touched.insert(one, token);
        }
        self.hear_changes(now, token, &told, view);
        self.orders.decided.push((token, waiting.to, answer));
    }

    /// The store shows the journal up to here.
    pub(super) fn orders_are_shown(&mut self, now: Now, position: Token) {
        self.orders.shown = position;
        self.orders.touched.retain(|_, token| *token > position);
        let again: Vec<_> = self.orders.again.extract_if(.., |(at, _)| *at <= position).collect();
        again.into_iter().for_each(|(_, id)| self.look_for_order(id));
        let done = self.orders.decided.extract_if(.., |(at, ..)| *at <= position);
        for (_, to, answer) in done.collect::<Vec<_>>() {
            self.tell(now, to, Reply::Ordered(answer));
        }
    }

    /// The journal's thread has said something: what is on the disk should be shown, and what will not be is told.
    pub(super) fn orders_are_stored(&mut self, now: Now) {
        if self.journal.state() != State::Healthy {
            let decided = std::mem::take(&mut self.orders.decided);
            for (_, to, _) in decided {
                self.turn_away(now, to, "the disk does not work: it may have been kept or not");
            }
            let again = std::mem::take(&mut self.orders.again);
            again.into_iter().for_each(|(_, id)| self.look_for_order(id));
            return self.orders.touched.clear();
        }
        let stored = self.journal.stored();
        let decided = self.orders.decided.iter().map(|(token, ..)| *token);
        let waits = decided.chain(self.orders.again.iter().map(|(token, _)| *token));
        if waits.into_iter().any(|token| token <= stored && token > self.orders.shown) {
            self.outputs.push_back(Output::Project);
        }
    }

    fn refuse_order(&mut self, now: Now, id: u64, why: Refused) {
        if let Some(waiting) = self.orders.waiting.remove(&id) {
            self.decline(now, waiting.to, waiting.done, why);
        }
    }

    /// An order is not carried out; that it was tried is written down first, where such an order is an act of somebody's.
    fn decline(&mut self, now: Now, to: Asker, done: Option<Done>, why: Refused) {
        let (to, done) = match (to, done) {
            (Asker::Reader(to), Some(done)) => (to, done),
            (to, _) => return self.tell(now, to, Reply::Declined(why)),
        };
        let token = self.keep(now, Event::Act(Done { done: false, ..done }));
        self.keeping.replies.push((token, to, Reply::Declined(why)));
        self.send_replies();
    }

    fn tell(&mut self, now: Now, to: Asker, reply: Reply) {
        match (to, reply) {
            (Asker::Reader(to), reply) => self.outputs.push_back(Output::Reply(to, reply)),
            (Asker::Office(spoken), reply) => self.office_order_is_over(now, &spoken, &reply),
            (Asker::Calls(calls), Reply::Ordered(_)) => self.look_for_callers_again(&calls),
            (Asker::Task(task), reply) => {
                let Tasking { to, by, command } = *task;
                let reply = match (&command, reply) {
                    (Command::NewTask { task }, Reply::Ordered(Ordered { contact, .. })) => {
                        self.new_task(now, &by, task, contact)
                    }
                    (_, reply) => reply,
                };
                self.reply(now, to, &by, &command, reply);
            }
            (Asker::Calls(_) | Asker::Nobody, _) => {}
        }
    }

    fn turn_away(&mut self, now: Now, to: Asker, why: &str) {
        self.tell(now, to, Reply::NotReady(why.to_owned()));
    }
}

/// Why nothing can be said yet.
pub(super) const NOT_READY: &str =
    "the look-up store is being made ready; `branchline status` tells how far it is";

/// Erasure: recordings first, then keys, and last the record that proves it.
impl Gateway {
    /// Takes recordings of whoever is to be erased off the disk. Answers whether any are left: then the order is looked up
    /// once more when they are gone.
    fn files_are_left(&mut self, id: u64, doomed: &Doomed) -> bool {
        let Some(waiting) = self.orders.waiting.get_mut(&id) else { return false };
        let left: Vec<_> = doomed.recordings.difference(&waiting.deleted).copied().collect();
        waiting.files.extend(&left);
        for recording in &left {
            self.outputs.push_back(Output::Recording(FileOrder::Erase(*recording)));
        }
        !left.is_empty()
    }

    /// A recording is off the disk.
    pub(super) fn recording_erased(&mut self, now: Now, recording: RecordingId) {
        self.forget_message(now, recording);
        self.old_tape_erased(now, recording);
        let mut complete = Vec::new();
        for (id, waiting) in &mut self.orders.waiting {
            if waiting.files.remove(&recording) {
                waiting.deleted.insert(recording);
                if waiting.files.is_empty() {
                    complete.push(*id);
                }
            }
        }
        complete.into_iter().for_each(|id| self.look_for_order(id));
    }

    fn keep_erasure(
        &mut self,
        now: Now,
        mut act: Act<String>,
        doomed: &Doomed,
        files: usize,
    ) -> Token {
        let erased = act.changes.iter().filter_map(|change| match change {
            Change::Erased { contacts, .. } => Some(contacts),
            _ => None,
        });
        let erased: Vec<_> = erased.flatten().copied().collect();
        let subjects: Vec<_> = doomed.subjects.iter().copied().collect();
        let (gone, token) = self.journal.forget(now, &subjects, |gone| {
            for change in &mut act.changes {
                if let Change::Erased { keys, recordings, .. } = change {
                    *keys = gone;
                    *recordings = u32::try_from(files).unwrap_or(u32::MAX);
                }
            }
            Event::Context(to_seal(act))
        });
        tracing::warn!(keys = gone, recordings = files, "a person was erased");
        self.forget_promises(now);
        self.forget_unshown();
        self.forget_callers(&erased);
        self.forget_errands(now, &erased);
        self.forget_messages(now, &erased);
        token
    }
}

/// Everything that an order is about.
fn about(order: &Order, view: &View) -> BTreeSet<Touched> {
    let needs = order.needs();
    let contacts = view.contacts.keys().chain(&needs.contacts).copied().map(Touched::Contact);
    let identities = needs.identities.into_iter().map(Touched::Identity);
    let cases = needs.cases.into_iter().map(Touched::Case);
    contacts.chain(identities).chain(cases).collect()
}

impl Ordered {
    fn touched(&self) -> impl Iterator<Item = Touched> + use<> {
        let case = self.case.map(Touched::Case);
        self.contact.map(Touched::Contact).into_iter().chain(case)
    }
}
