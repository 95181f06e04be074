//! Going on by telephone: a code that is given in a conversation joins the call in which it is keyed in to that.
//!
//! Whoever keys in a good code is the person of the conversation: the call is on their timeline and in their record, and
//! is offered first to who answers there. The code is in the journal, as a fingerprint, before anybody is told it; it is
//! good once, and for some minutes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::admin::Reply;
use crate::admin::api::feed::{Happening, TalkLine};
use crate::admin::api::messages::PhoneCode;
use crate::call::plan::Target;
use crate::context::{Caller, Evidence, Identity, Order, Who};
use crate::gateway::chats::{PRINT, bytes};
use crate::gateway::conversations::Talk;
use crate::gateway::{Gateway, LookFor, Output};
use crate::id::{AgentId, CallId, ContactId, ConversationId};
use crate::ivr::CODE_DIGITS;
use crate::journal::event::Event;
use crate::journal::message::to_seal;
use crate::messaging::guesses::{Guesses, WITHIN};
use crate::messaging::ledger::BOX;
use crate::messaging::owned::Code;
use crate::messaging::{Entry, Fingerprint, Owner, What};
use crate::store::context::looking::Question;
use crate::time::Now;

/// How long a code is good: time to read a message, dial, and listen to a menu.
const GOOD_FOR: Duration = WITHIN;
/// Codes that are tried before there is none: of a million, a thousand are good at most.
const MOST_TRIES: usize = 20;

/// Where a flow writes the code, and the number to call.
const CODE: &str = "{code}";
const NUMBER: &str = "{number}";

/// Codes, and calls that were joined by one.
#[derive(Debug, Default)]
pub(super) struct PhoneCodes {
    guesses: Guesses,
    joined: BTreeMap<CallId, Talk>,
}

impl PhoneCodes {
    /// The conversation that a call was joined to.
    pub fn talk(&self, call: CallId) -> Option<Talk> {
        self.joined.get(&call).copied()
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty()
    }
}

/// Giving.
impl Gateway {
    /// A code for a conversation. Any that was given before is good no more.
    pub(super) fn give_phone_code(&mut self, now: Now, talk: Talk) -> Result<Reply, String> {
        let number = self.number_for_codes().ok_or(
            "no number of the branch leads to a flow that asks for a code (`conversation_code`)",
        )?;
        let code = self.mint_code(now).ok_or("too many codes are good at this moment")?;
        let until = now.unix + GOOD_FOR;
        self.keep_in(now, talk, What::Code { code: self.print_of(&code), until });
        Ok(Reply::PhoneCode(PhoneCode { code, number, until }))
    }

    /// What a flow says, with a code in it where it wants one.
    pub(super) fn with_phone_code(&mut self, now: Now, talk: Talk, words: String) -> String {
        if !words.contains(CODE) && !words.contains(NUMBER) {
            return words;
        }
        match self.give_phone_code(now, talk) {
            Ok(Reply::PhoneCode(given)) => {
                words.replace(CODE, &given.code).replace(NUMBER, &given.number)
            }
            other => {
                tracing::warn!(conversation = %talk.0, ?other, "a flow could give no code");
                words.replace(CODE, "-").replace(NUMBER, "-")
            }
        }
    }

    /// The number that callers with a code call.
    fn number_for_codes(&self) -> Option<String> {
        let takes = |to: &Target| matches!(to, Target::Ivr(flow) if self.flows.takes_codes(flow));
        let found = self.settings.inbound.iter().find(|rule| takes(&rule.to));
        found.map(|rule| rule.number.to_string())
    }

    fn mint_code(&mut self, now: Now) -> Option<String> {
        (0..MOST_TRIES).find_map(|_| {
            let most = 10_u64.pow(u32::try_from(CODE_DIGITS).unwrap_or(0));
            let code = format!("{:0CODE_DIGITS$}", self.random.below(most));
            let talks = &self.journal.live().talks;
            talks.by_code(now.unix, self.print_of(&code)).is_none().then_some(code)
        })
    }

    fn print_of(&self, code: &str) -> Fingerprint {
        Fingerprint(bytes(&self.journal.keys().token(&format!("phone code {code}"), PRINT)))
    }

    fn keep_in(&mut self, now: Now, (conversation, contact): Talk, what: What<String>) {
        let entry = Entry { at: now.unix, conversation, contact, what };
        self.keep(now, Event::Message(Box::new(to_seal(entry))));
    }
}

/// Keying in.
impl Gateway {
    /// A caller has keyed in a code.
    pub(super) fn code_keyed(&mut self, now: Now, call: CallId, digits: &str) {
        let from = self.calls.numbers(call).map_or("", |(from, _)| from).to_owned();
        let may = self.codes.guesses.may(now, &from);
        let talks = &self.journal.live().talks;
        let found = talks.by_code(now.unix, self.print_of(digits)).filter(|_| may);
        let found = found.map(|Code { conversation, contact, .. }| (*conversation, *contact));
        match found {
            Some(talk) => self.joins(now, call, talk),
            None => {
                tracing::info!(%call, looked_at = may, "a code leads to no conversation");
                self.codes.guesses.wrong(now, &from);
            }
        }
        self.with_walk(now, call, |walk, now| walk.handle_code(now, found.is_some()));
    }

    /// A call belongs to a conversation from now on, and to its person.
    pub(super) fn joins(&mut self, now: Now, call: CallId, talk: Talk) {
        tracing::info!(%call, conversation = %talk.0, "a call goes on with a conversation");
        self.keep_in(now, talk, What::Call { call });
        self.codes.joined.insert(call, talk);
        self.number_belongs_to(now, call, talk.1);
        self.outputs
            .push_back(Output::Look { to: LookFor::Card(call), question: Question::Known(talk.1) });
        let owner = self.journal.live().talks.owner(talk.0).clone();
        let to = self.answerers(talk.0);
        let told = TalkLine {
            conversation: talk.0,
            contact: talk.1,
            owner: owner.into(),
            closed: false,
            call: Some(call),
            by: None,
            note: None,
            to,
        };
        self.publish(Happening::Conversation(Box::new(told)));
    }

    /// The number that calls is the person's, where it is nobody's yet, or that of somebody of whom nothing else is known: who
    /// has called before. One that is somebody else's may be the same person: that is for people to say.
    fn number_belongs_to(&mut self, now: Now, call: CallId, contact: ContactId) {
        let Some(identity) = self.caller_identity(call) else { return };
        let who = Who::Contact(contact);
        let order = match self.known_caller(call) {
            Some(caller) if caller.contact == contact || caller.shared.is_some() => return,
            Some(caller) if is_nobody(caller) => {
                Order::Merge { kept: who, gone: Who::Contact(caller.contact) }
            }
            Some(_) => {
                let Identity { kind, value } = identity;
                let evidence = [Evidence::SameInteraction].into();
                Order::Suggest { a: who, b: Who::Identity(kind, value), evidence }
            }
            None => Order::Link { who, identity },
        };
        self.take_order_of(now, BOX.into(), order);
    }

    /// Who answers in the conversation that a call was joined to.
    pub(super) fn agent_of_joined(&self, call: CallId) -> Option<AgentId> {
        let (conversation, _) = self.codes.talk(call)?;
        match self.journal.live().talks.owner(conversation) {
            Owner::Agent { agent, .. } => Some(agent.clone()),
            _ => None,
        }
    }

    /// The conversation that a call goes on with.
    pub(super) fn talk_of_call(&self, call: CallId) -> Option<ConversationId> {
        self.codes.talk(call).map(|(conversation, _)| conversation)
    }

    /// A call is over: who was in it, where it goes on with what is written, by a code or as the person's conversation is open.
    pub(super) fn goes_on_with(&mut self, call: CallId) -> Option<ContactId> {
        if let Some((_, contact)) = self.codes.joined.remove(&call) {
            return Some(contact);
        }
        let known = self.known_caller(call).filter(|known| known.shared.is_none())?;
        let mut open = self.journal.live().talks.open.values();
        open.any(|talk| talk.contact == known.contact).then_some(known.contact)
    }
}

/// Whether nothing is known of who calls but the number.
fn is_nobody(caller: &Caller) -> bool {
    let marks = caller.tags.len() + caller.pins.len();
    caller.name.is_none() && caller.identities.len() <= 1 && marks == 0 && caller.crm.is_none()
}
