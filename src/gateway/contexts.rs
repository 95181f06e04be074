//! People: who calls is looked up while it rings, and what is known of them is changed by order.

use std::collections::BTreeMap;

use crate::address::Number;
use crate::admin::api::feed::Happening;
use crate::admin::api::messages::ConversationLines;
use crate::admin::api::people::CallerCard;
use crate::admin::{Command, PeoplePage, RecordsPage, Reply};
use crate::call::plan::Origin;
use crate::call::record::{Peer, Record};
use crate::context::{Caller, Identity, Kind, Refused, Who, normalise};
use crate::gateway::orders::NOT_READY;
use crate::gateway::unanswered::Wanted;
use crate::gateway::{By, Gateway, Output, ReplyTo};
use crate::id::{AgentId, CallId, ContactId};
use crate::journal::Token;
use crate::journal::act::Act;
use crate::journal::event::Event;
use crate::store::context::looking::{Answer, Question};
use crate::time::Now;

/// Who wants to know something of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookFor {
    /// A call that rings.
    Call(CallId),
    /// Whom a call goes out to.
    Called(CallId),
    /// A call whose card is made anew: nobody else is asked for that.
    Card(CallId),
    /// An order that has to be decided.
    Order(u64),
    /// Somebody who asks over the control socket.
    Reader(ReplyTo),
    /// Somebody who wants the CRM to be asked about a person.
    Crm(ReplyTo),
    /// Messages that were kept for long enough.
    OldMail,
    /// The rules on how long records are kept.
    Retention,
    /// A journey, or an event that may begin one.
    Journey(u64),
    /// Rules that begin with the time, for whoever has a date.
    Dated,
    /// The ledger of messages.
    Ledger(super::messages::Asked),
    /// What somebody wants done in a conversation.
    Talk(u64),
    /// What an application is to be told that somebody wrote, by its place.
    Application(u64),
    /// What somebody wrote before a crash and nobody was told of.
    Unanswered(Wanted),
}

/// What is known of people who are in a call.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    /// Who calls, as far as the store knows.
    callers: BTreeMap<CallId, Caller>,
    /// Whom a call went out to.
    dialled: BTreeMap<CallId, Number>,
    /// To which agent a call was offered last.
    offered: BTreeMap<CallId, AgentId>,
    /// Who waits for a record that is taken along, and the journal's record of that.
    readers: Vec<(ReplyTo, Token)>,
}

impl Contexts {
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.callers.is_empty() && self.dialled.is_empty() && self.offered.is_empty()
    }
}

impl Gateway {
    /// Who is in a call from outside, as far as is known by now.
    pub fn known_caller(&self, call: CallId) -> Option<&Caller> {
        self.contexts.callers.get(&call)
    }

    /// A call came in: who it is, is asked at once. Nothing waits for the answer.
    pub(super) fn look_for_caller(&mut self, call: CallId, peer: &Peer, from: &str) {
        let Some(value) = self.full_number(from).filter(|_| matches!(peer, Peer::Trunk(_))) else {
            return;
        };
        let question = Question::Caller(Identity { kind: Kind::Phone, value });
        self.outputs.push_back(Output::Look { to: LookFor::Call(call), question });
    }

    /// More is known of who is in these calls: their cards are made anew.
    pub(super) fn look_for_callers_again(&mut self, calls: &[CallId]) {
        for call in calls {
            let question = match (self.codes.talk(*call), self.caller_identity(*call)) {
                (Some((_, contact)), _) => Question::Known(contact),
                (None, Some(identity)) => Question::Caller(identity),
                (None, None) => continue,
            };
            self.outputs.push_back(Output::Look { to: LookFor::Card(*call), question });
        }
    }

    /// People were erased: nothing of them is shown any more to whoever looks at a call of theirs, or comes back to the feed.
    pub(super) fn forget_callers(&mut self, contacts: &[ContactId]) {
        self.contexts.callers.retain(|_, caller| !contacts.contains(&caller.contact));
        self.consents.forget(contacts);
        self.publish(Happening::PersonErased { contacts: contacts.to_vec() });
    }

    /// What whoever calls is known by.
    pub(super) fn caller_identity(&self, call: CallId) -> Option<Identity<String>> {
        let (from, _) = self.calls.numbers(call)?;
        let value = self.full_number(from)?;
        Some(Identity { kind: Kind::Phone, value })
    }

    /// The store answers.
    pub fn handle_looked(&mut self, now: Now, to: LookFor, answer: Answer) {
        match (to, answer) {
            // Who they are is known better than by the number.
            (LookFor::Call(call), _) if self.codes.talk(call).is_some() => {}
            (LookFor::Call(call), Answer::Caller(caller)) => {
                self.ask_crm(now, call, caller.as_deref());
                self.ask_office_who_calls(now, call, caller.as_deref());
                self.caller_found(now, call, caller.map(|caller| *caller));
            }
            (LookFor::Card(call), Answer::Caller(caller)) => {
                self.caller_found(now, call, caller.map(|caller| *caller));
            }
            (LookFor::Called(call), Answer::Caller(Some(caller))) => {
                if self.calls.numbers(call).is_some() {
                    self.consents.called(call, *caller);
                }
            }
            // The ring goes on without it.
            (LookFor::Call(_) | LookFor::Card(_) | LookFor::Called(_), _) => {}
            (LookFor::Crm(to), Answer::Caller(caller)) => {
                self.ask_crm_for(now, to, caller.as_deref());
            }
            (LookFor::Crm(to), _) => self.ask_crm_for(now, to, None),
            (LookFor::Dated, answer) => self.dated_found(now, answer),
            (LookFor::OldMail, Answer::Held(held)) => {
                self.old_mail_looked_up(now, &held);
            }
            // They are looked for again.
            (LookFor::OldMail, _) => {}
            (LookFor::Retention, Answer::Old(old)) => self.old_found(now, Some(old)),
            (LookFor::Retention, _) => self.old_found(now, None),
            (LookFor::Journey(id), answer) => self.journey_looked_up(now, id, answer),
            (LookFor::Ledger(asked), answer) => self.ledger_looked_up(now, asked, answer),
            (LookFor::Application(place), answer) => {
                self.application_looked_up(now, place, answer);
            }
            (LookFor::Unanswered(wanted), answer) => self.unanswered_found(now, wanted, answer),
            (LookFor::Talk(id), answer) => self.talk_looked_up(now, id, answer),
            (LookFor::Order(id), answer) => self.order_looked_up(now, id, answer),
            (LookFor::Reader(to), answer) => {
                let reply = match answer {
                    Answer::Dossier(Some(dossier)) => Reply::Person(dossier),
                    Answer::People(people, next) => Reply::People(PeoplePage { people, next }),
                    Answer::Records(records, next) => Reply::Records(RecordsPage { records, next }),
                    Answer::Dossier(None) => Reply::Declined(Refused::UnknownContact),
                    Answer::Timeline(Some(moments)) => Reply::Timeline(moments),
                    Answer::Timeline(None) => Reply::Declined(Refused::UnknownContact),
                    Answer::Found(hits) => Reply::Hits(hits),
                    Answer::Conversations(talks, next) => {
                        let items = talks.into_iter().map(Into::into).collect();
                        Reply::Conversations(ConversationLines { items, next })
                    }
                    Answer::Conversation(Some(page)) => {
                        Reply::Conversation(Box::new((*page).into()))
                    }
                    Answer::Conversation(None) => {
                        Reply::Refused("there is no conversation with that id".to_owned())
                    }
                    Answer::Messages(all) => {
                        Reply::Messages(all.into_iter().map(Into::into).collect())
                    }
                    Answer::Message(Some(message)) => Reply::Message(Box::new((*message).into())),
                    Answer::Message(None) => {
                        Reply::Refused("there is no message with that id".to_owned())
                    }
                    Answer::Proofs(proofs) => Reply::Erasures(proofs),
                    _ => Reply::NotReady(NOT_READY.to_owned()),
                };
                self.reply_to_reader(to, reply);
            }
        }
        self.settle(now);
    }

    /// The store reflects the journal up to here.
    pub fn handle_projected(&mut self, now: Now, position: Token) {
        self.orders_are_shown(now, position);
        self.journeys_are_shown(position);
        self.messages_are_shown(now, position);
        self.talks_are_shown(now, position);
        self.records_are_shown(position);
        self.settle(now);
    }

    /// The store says who calls.
    fn caller_found(&mut self, now: Now, call: CallId, caller: Option<Caller>) {
        if let Some(caller) = caller.filter(|_| self.calls.numbers(call).is_some()) {
            tracing::debug!(%call, contact = %caller.contact, "the caller is known");
            let agent = self.contexts.offered.get(&call).cloned();
            let card = Box::new(CallerCard::from(&caller));
            self.contexts.callers.insert(call, caller);
            agent.iter().for_each(|agent| self.card_goes_to(now, call, agent));
            self.publish(Happening::CallerKnown { call, agent, caller: card });
            self.caller_has_last_agent(now, call);
        }
    }

    /// Somebody asks for everything that is known of a person.
    pub(super) fn look_for_person(
        &mut self,
        to: ReplyTo,
        who: &Who,
        ask: impl Fn(Who) -> Question,
    ) {
        let who = match who {
            Who::Identity(kind, value) => {
                let country = self.settings.site.country;
                match normalise(*kind, value, &|digits| country.full(digits)) {
                    Ok(value) => Who::Identity(*kind, value),
                    Err(why) => {
                        return self.reply_to_reader(to, Reply::Declined(why.into()));
                    }
                }
            }
            who => who.clone(),
        };
        let question = ask(who);
        self.outputs.push_back(Output::Look { to: LookFor::Reader(to), question });
    }

    /// A call is offered to an agent: if it becomes known later who calls, the agent is told.
    pub(super) fn caller_offered_to(&mut self, call: CallId, agent: &AgentId) {
        self.contexts.offered.insert(call, agent.clone());
    }

    /// Somebody takes a record along: who, is on the disk before they have it.
    pub(super) fn note_reader(&mut self, now: Now, to: ReplyTo, by: &By, command: &Command) {
        if let Some((operation, on)) = command.act() {
            let what = operation.name().to_owned();
            let act = Act { who: by.who.clone(), from: by.from, what, on, done: true, first: None };
            let token = self.keep(now, Event::Act(act));
            self.contexts.readers.push((to, token));
        }
    }

    fn reply_to_reader(&mut self, to: ReplyTo, reply: Reply) {
        let at = self.contexts.readers.iter().position(|(reader, _)| *reader == to);
        match at.map(|at| self.contexts.readers.swap_remove(at)) {
            Some((_, token)) => {
                self.keeping.replies.push((token, to, reply));
                self.send_replies();
            }
            None => self.outputs.push_back(Output::Reply(to, reply)),
        }
    }

    /// A call goes out to this number.
    pub(super) fn note_dialled(&mut self, call: CallId, number: &Number) {
        self.contexts.dialled.entry(call).or_insert_with(|| number.clone());
    }

    /// Whoever is called may have said before whether they let themselves be recorded: that is asked while it rings.
    pub(super) fn look_for_called(&mut self, call: CallId) {
        if let Some(identity) = self.called_identity(call) {
            let question = Question::Caller(identity);
            self.outputs.push_back(Output::Look { to: LookFor::Called(call), question });
        }
    }

    /// What whoever is called outside is known by.
    pub(super) fn called_identity(&self, call: CallId) -> Option<Identity<String>> {
        let value = self.full_number(self.contexts.dialled.get(&call)?.as_str())?;
        Some(Identity { kind: Kind::Phone, value })
    }

    /// The number of whoever is outside of a call that has ended, in full.
    pub(super) fn party_of(&mut self, record: &Record) -> Option<String> {
        self.contexts.callers.remove(&record.call);
        self.contexts.offered.remove(&record.call);
        let dialled = self.contexts.dialled.remove(&record.call);
        match record.origin {
            Origin::Trunk(_) => self.full_number(&record.from),
            Origin::Extension(_) => self.full_number(dialled?.as_str()),
            Origin::Chat(_) => None,
        }
    }

    /// A number in full as people here dial it; nothing for one that has no full form, or is hidden.
    pub(super) fn full_number(&self, number: &str) -> Option<String> {
        let country = self.settings.site.country;
        normalise(Kind::Phone, number, &|digits| country.full(digits)).ok()
    }
}
