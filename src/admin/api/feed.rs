//! What happens on the box, as it happens: the events of the live feed.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::api::bodies::Mode;
use crate::admin::api::errands::{StillWaits, WorkLine, WorkOffer};
use crate::admin::api::messages::{MessageLine, OwnerLine};
use crate::admin::api::people::CallerCard;
use crate::admin::queueing::Chosen;
use crate::admin::{Agent, Queue, Trunk};
use crate::call::consent::ConsentBy;
use crate::id::{
    ActorId, AgentId, CallId, ContactId, ConversationId, ExtensionId, ItemId, MessageId, QueueId,
    RecordingId,
};
use crate::journal::act::Role;
use crate::messaging::State;
use crate::time::{UnixTime, rfc3339};

/// How a recording of a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tape {
    /// It runs, anew or again.
    Runs,
    /// Nothing of what is said goes onto it.
    Paused,
    /// It has ended.
    Ended,
}

/// How a version of the configuration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigState {
    /// It runs.
    Applied,
    /// It stays.
    Confirmed,
    /// It went back.
    RolledBack,
}

/// Something that was written in a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WrittenLine {
    /// It.
    #[serde(flatten)]
    pub line: MessageLine,
    /// Who answers there.
    pub owner: OwnerLine,
    /// Which agents see it.
    #[serde(skip)]
    pub to: Vec<AgentId>,
}

/// Who answers in a conversation from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TalkLine {
    /// In which.
    pub conversation: ConversationId,
    /// With whom.
    pub contact: ContactId,
    /// Who; nobody when it is over.
    pub owner: OwnerLine,
    /// Whether it is over, until somebody writes again.
    pub closed: bool,
    /// It goes on in this call from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub call: Option<CallId>,
    /// Who says so, where somebody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<ActorId>,
    /// What whoever hands it over has to say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<String>,
    /// Which agents see it.
    #[serde(skip)]
    pub to: Vec<AgentId>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// A call reached us.
    CallArrived {
        /// The call.
        call: CallId,
        /// Where it came from, such as `trunk carrier`.
        origin: String,
        /// The caller's number.
        from: String,
        /// The dialled number.
        to: String,
    },
    /// It began to wait.
    CallQueued {
        /// The call.
        call: CallId,
        /// In this queue.
        queue: QueueId,
    },
    /// It is offered to an agent.
    CallOffered {
        /// The call.
        call: CallId,
        /// Whom.
        agent: AgentId,
        /// Out of this queue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        queue: Option<QueueId>,
        /// The caller's number.
        from: String,
        /// The dialled number.
        to: String,
        /// Who calls, as far as that is known by then; for whoever may read records of people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<Box<CallerCard>>,
        /// The conversation that it goes on with; the caller has keyed in its code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        conversation: Option<ConversationId>,
        /// Why it is offered to them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Box<Chosen>>,
    },
    /// Why a caller or a piece of work waits: when it began to, and when it waits once more.
    Waits(Box<StillWaits>),
    /// A piece of work that nobody holds a line for came, or something about it has changed.
    Work(Box<WorkLine>),
    /// It is on an agent's screen.
    WorkOffered(Box<WorkOffer>),
    /// It is over, or went elsewhere.
    WorkOver {
        /// Which.
        item: ItemId,
    },
    /// Something was written in a conversation, by the person or to them.
    Message(Box<WrittenLine>),
    /// A message stands otherwise than before.
    MessageState {
        /// Which.
        message: MessageId,
        /// In which conversation.
        conversation: ConversationId,
        /// How.
        state: State,
        /// Which agents see it.
        #[serde(skip)]
        to: Vec<AgentId>,
    },
    /// Somebody else answers in a conversation from now on, or it is over.
    Conversation(Box<TalkLine>),
    /// The person of a conversation writes at this moment, or no more.
    Typing {
        /// In which.
        conversation: ConversationId,
        /// Whether.
        on: bool,
        /// Which agents see it.
        #[serde(skip)]
        to: Vec<AgentId>,
    },
    /// It is known who calls, while it rings.
    CallerKnown {
        /// The call.
        call: CallId,
        /// To whom it is offered at this moment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        /// Who calls.
        caller: Box<CallerCard>,
    },
    /// A person was erased: what is shown of them goes off the screen. Events from before are not told any more.
    PersonErased {
        /// Their contacts.
        contacts: Vec<ContactId>,
    },
    /// An agent took it.
    CallTaken {
        /// The call.
        call: CallId,
        /// Who.
        agent: AgentId,
    },
    /// Somebody answered.
    CallAnswered {
        /// The call.
        call: CallId,
        /// Who, such as `extension 201`.
        by: String,
    },
    /// A caller waits at a program's node of a flow: whoever it is for gives orders now.
    CallWaits {
        /// The call.
        call: CallId,
        /// The node's name.
        program: String,
        /// The caller's number, as it is shown.
        from: String,
        /// What was dialled.
        to: String,
    },
    /// A recording of a conversation.
    CallRecording {
        /// The call.
        call: CallId,
        /// The recording.
        recording: RecordingId,
        /// Whether it runs, is paused, or has ended.
        state: Tape,
    },
    /// Somebody outside lets the conversation be recorded, or refuses it.
    CallConsent {
        /// The call.
        call: CallId,
        /// Whether they do.
        given: bool,
        /// How they said so.
        how: ConsentBy,
    },
    /// A supervisor listens in, takes another part in it, or listens in no more.
    CallSupervised {
        /// The call.
        call: CallId,
        /// The phone that does.
        by: ExtensionId,
        /// How; nothing when it is over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        mode: Option<Mode>,
        /// Whether agents are told.
        shown: bool,
    },
    /// A payment pause.
    CallPayment {
        /// The call.
        call: CallId,
        /// Whether it runs from now on, or has ended.
        on: bool,
    },
    /// Somebody is on hold.
    CallHeld {
        /// The call.
        call: CallId,
        /// Who has put the other on hold, such as `extension 202`.
        by: String,
    },
    /// And no longer.
    CallResumed {
        /// The call.
        call: CallId,
        /// Who talks again.
        by: String,
    },
    /// Somebody was transferred.
    CallTransferred {
        /// The call.
        call: CallId,
    },
    /// What a program had played came to its end.
    CallPlayed {
        /// The call.
        call: CallId,
    },
    /// What a program wanted keyed in.
    CallCollected {
        /// The call.
        call: CallId,
        /// The keys.
        digits: String,
        /// Whether it is all that was wanted; else the time was over.
        complete: bool,
    },
    /// It is over.
    CallEnded {
        /// The call.
        call: CallId,
        /// Why, such as `no_answer`.
        cause: String,
        /// Whose doing that was.
        class: String,
    },
    /// Something happened at a site or a shop.
    SiteEvent {
        /// What, such as `cart`.
        kind: String,
        /// When.
        #[serde(with = "rfc3339")]
        at: UnixTime,
        /// With whom, where that is known by now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<ContactId>,
    },
    /// The configuration has changed, or what changed stays or went back.
    Configuration {
        /// Which version.
        version: u32,
        /// How it is.
        state: ConfigState,
        /// Why it went back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        why: Option<String>,
    },
    /// An agent's state.
    Agent(Agent),
    /// A queue's figures.
    Queue(Queue),
    /// A trunk's lamp.
    Trunk(Trunk),
}

impl Happening {
    /// Whether somebody may see it: agents see queues, colleagues, and the calls that they are offered. What becomes of
    /// those afterwards a [`View`] knows.
    pub fn is_for(&self, role: Role, agent: Option<&AgentId>) -> bool {
        match self {
            Happening::Agent(_)
            | Happening::Queue(_)
            | Happening::Waits(_)
            | Happening::PersonErased { .. }
            | Happening::WorkOver { .. } => true,
            Happening::WorkOffered(offer) => role != Role::Agent || agent == Some(&offer.agent),
            Happening::Work(work) => {
                let own = |agent: &AgentId| work.agents.contains(agent);
                role != Role::Agent || work.agents.is_empty() || agent.is_some_and(own)
            }
            Happening::Message(told) => reads_people(role) && is_told(role, agent, &told.to),
            Happening::Conversation(told) => reads_people(role) && is_told(role, agent, &told.to),
            Happening::MessageState { to, .. } | Happening::Typing { to, .. } => {
                reads_people(role) && is_told(role, agent, to)
            }
            Happening::CallOffered { agent: own, .. } | Happening::CallTaken { agent: own, .. } => {
                role != Role::Agent || agent == Some(own)
            }
            Happening::CallerKnown { agent: offered, .. } => match role {
                Role::Agent => agent.is_some() && offered.as_ref() == agent,
                role => reads_people(role),
            },
            _ => role != Role::Agent,
        }
    }

    /// The same for somebody with this role, who `may` read records of people or not; nothing if all of it is such a
    /// record.
    pub fn within(&self, role: Role, may: bool) -> Option<Cow<'_, Happening>> {
        let reads = may && reads_people(role);
        match self {
            Happening::CallerKnown { .. }
            | Happening::Message(_)
            | Happening::MessageState { .. }
            | Happening::Conversation(_)
            | Happening::Typing { .. }
                if !reads =>
            {
                None
            }
            Happening::CallOffered {
                call,
                agent,
                queue,
                from,
                to,
                caller: Some(_),
                reason,
                ..
            } if !reads => {
                let (call, agent, queue, caller) = (*call, agent.clone(), queue.clone(), None);
                let (from, to, reason) = (from.clone(), to.clone(), reason.clone());
                Some(Cow::Owned(Happening::CallOffered {
                    call,
                    agent,
                    queue,
                    from,
                    to,
                    caller,
                    conversation: None,
                    reason,
                }))
            }
            Happening::Work(work) if !reads => {
                Some(Cow::Owned(Happening::Work(Box::new(work.as_ref().clone().for_strangers()))))
            }
            Happening::WorkOffered(offer) if !reads => {
                let mut offer = offer.clone();
                offer.work = offer.work.for_strangers();
                Some(Cow::Owned(Happening::WorkOffered(offer)))
            }
            other => Some(Cow::Borrowed(other)),
        }
    }

    /// What the feed calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Happening::CallArrived { .. } => "call_arrived",
            Happening::CallQueued { .. } => "call_queued",
            Happening::CallOffered { .. } => "call_offered",
            Happening::CallerKnown { .. } => "caller_known",
            Happening::Message(_) => "message",
            Happening::MessageState { .. } => "message_state",
            Happening::Conversation(_) => "conversation",
            Happening::Typing { .. } => "typing",
            Happening::PersonErased { .. } => "person_erased",
            Happening::Waits(_) => "waits",
            Happening::Work(_) => "work",
            Happening::WorkOffered(_) => "work_offered",
            Happening::WorkOver { .. } => "work_over",
            Happening::CallTaken { .. } => "call_taken",
            Happening::CallAnswered { .. } => "call_answered",
            Happening::CallWaits { .. } => "call_waits",
            Happening::CallRecording { .. } => "call_recording",
            Happening::CallConsent { .. } => "call_consent",
            Happening::CallSupervised { .. } => "call_supervised",
            Happening::CallPayment { .. } => "call_payment",
            Happening::CallHeld { .. } => "call_held",
            Happening::CallResumed { .. } => "call_resumed",
            Happening::CallTransferred { .. } => "call_transferred",
            Happening::CallPlayed { .. } => "call_played",
            Happening::CallCollected { .. } => "call_collected",
            Happening::CallEnded { .. } => "call_ended",
            Happening::SiteEvent { .. } => "site_event",
            Happening::Configuration { .. } => "configuration",
            Happening::Agent(_) => "agent",
            Happening::Queue(_) => "queue",
            Happening::Trunk(_) => "trunk",
        }
    }
}

/// What one reader sees: an agent also what becomes of the calls that they were offered, until somebody else takes them.
#[derive(Debug)]
pub struct View {
    role: Role,
    agent: Option<AgentId>,
    own: BTreeSet<CallId>,
}

impl View {
    /// Of somebody with this role, who is that agent.
    pub fn new(role: Role, agent: Option<AgentId>) -> View {
        View { role, agent, own: BTreeSet::new() }
    }

    /// Whether this is for them. Events come in their order, also those that happened before somebody began to read.
    pub fn sees(&mut self, happening: &Happening) -> bool {
        let own = self.follow(happening);
        own || happening.is_for(self.role, self.agent.as_ref())
    }

    /// Whether it is about a call of theirs, which it may begin or end to be.
    fn follow(&mut self, happening: &Happening) -> bool {
        let agent = self.agent.as_ref();
        match happening {
            Happening::CallOffered { call, agent: who, .. } if Some(who) == agent => {
                // A call that ended long ago is told of no more: the smallest number is forgotten first.
                if self.own.len() >= MOST_FOLLOWED {
                    self.own.pop_first();
                }
                self.own.insert(*call)
            }
            Happening::CallTaken { call, agent: who } if Some(who) != agent => {
                self.own.remove(call);
                false
            }
            Happening::CallEnded { call, .. } => self.own.remove(call),
            Happening::CallHeld { call, .. }
            | Happening::CallResumed { call, .. }
            | Happening::CallTransferred { call }
            | Happening::CallPayment { call, .. }
            | Happening::CallConsent { call, .. }
            | Happening::CallRecording { call, .. } => self.own.contains(call),
            Happening::CallSupervised { call, shown, .. } => *shown && self.own.contains(call),
            _ => false,
        }
    }
}

/// Calls of an agent that are followed at a time: far more than ring and are held at one desk.
const MOST_FOLLOWED: usize = 64;

/// Whether something is for somebody, which of agents only these see.
fn is_told(role: Role, agent: Option<&AgentId>, to: &[AgentId]) -> bool {
    role != Role::Agent || agent.is_some_and(|agent| to.contains(agent))
}

/// Whether a role reads records of people: an auditor reads who did what, and no more.
fn reads_people(role: Role) -> bool {
    role != Role::Auditor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_see_the_calls_that_they_are_offered_and_no_others() {
        let (call, ann, bob) = (CallId(1), AgentId::from("ann"), AgentId::from("bob"));
        let (from, to) = ("+1555".to_owned(), "700".to_owned());
        let offered = Happening::CallOffered {
            call,
            agent: ann.clone(),
            queue: None,
            from,
            to,
            caller: None,
            conversation: None,
            reason: None,
        };
        assert!(offered.is_for(Role::Agent, Some(&ann)) && offered.is_for(Role::Auditor, None));
        assert!(!offered.is_for(Role::Agent, Some(&bob)) && !offered.is_for(Role::Agent, None));
        assert!(!Happening::CallHeld { call, by: String::new() }.is_for(Role::Agent, Some(&ann)));
        let json = serde_json::to_value(&offered).unwrap();
        assert_eq!(json["event"], offered.name());
    }

    #[test]
    fn who_calls_is_told_to_whoever_may_read_records_and_is_offered_the_call() {
        let (call, ann, bob) = (CallId(1), AgentId::from("ann"), AgentId::from("bob"));
        let card =
            Box::new(CallerCard { name: Some("Ann Lee".to_owned()), ..CallerCard::default() });
        let known = Happening::CallerKnown { call, agent: Some(ann.clone()), caller: card.clone() };
        assert!(known.is_for(Role::Agent, Some(&ann)) && known.is_for(Role::Supervisor, None));
        assert!(!known.is_for(Role::Agent, Some(&bob)) && !known.is_for(Role::Agent, None));
        assert!(!known.is_for(Role::Auditor, None) && known.within(Role::Admin, false).is_none());
        let nobody = Happening::CallerKnown { call, agent: None, caller: card.clone() };
        assert!(!nobody.is_for(Role::Agent, None));
        let (from, to) = ("+1555".to_owned(), "700".to_owned());
        let queue = Some(QueueId::from("support"));
        let (caller, conversation, reason) = (Some(card), None, None);
        let agent = ann;
        let offered =
            Happening::CallOffered { call, agent, queue, from, to, caller, conversation, reason };
        let seen = |role, may| serde_json::to_string(&offered.within(role, may)).unwrap();
        assert!(seen(Role::Agent, true).contains("Ann Lee"));
        for (role, may) in [(Role::Agent, false), (Role::Auditor, true)] {
            assert!(!seen(role, may).contains("Ann Lee") && seen(role, may).contains("+1555"));
        }
    }

    #[test]
    fn agents_see_what_becomes_of_their_own_calls_and_of_no_others() {
        let (call, ann, bob) = (CallId(1), AgentId::from("ann"), AgentId::from("bob"));
        let offered = |agent: &AgentId| Happening::CallOffered {
            call,
            agent: agent.clone(),
            queue: None,
            from: "1".to_owned(),
            to: "2".to_owned(),
            caller: None,
            conversation: None,
            reason: None,
        };
        let ended =
            Happening::CallEnded { call, cause: "completed".to_owned(), class: String::new() };
        let mut view = View::new(Role::Agent, Some(ann.clone()));
        assert!(!view.sees(&Happening::CallHeld { call, by: String::new() }) && !view.sees(&ended));
        assert!(
            view.sees(&offered(&ann))
                && view.sees(&Happening::CallHeld { call, by: String::new() })
        );
        // Bob takes it: it is nobody else's business from here on.
        assert!(!view.sees(&offered(&bob)));
        assert!(!view.sees(&Happening::CallTaken { call, agent: bob }));
        assert!(!view.sees(&Happening::CallHeld { call, by: String::new() }) && !view.sees(&ended));
        assert!(view.sees(&offered(&ann)) && view.sees(&Happening::CallTaken { call, agent: ann }));
        assert!(view.sees(&ended) && !view.sees(&ended), "it has ended once");
        assert!(View::new(Role::Supervisor, None).sees(&ended));
    }
}
