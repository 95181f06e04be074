//! What is live of work that nobody holds a line for: tasks, and whatever is written. It waits, is in somebody's hand, or
//! has after-work; a restart changes nothing of that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, ChannelId, ContactId, ConversationId, ItemId, QueueId, SkillId};
use crate::journal::personal::Personal;
use crate::journal::work::{Step, Work};
use crate::queue::Channel;
use crate::time::UnixTime;

/// What an item is, as far as its queue does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Errand {
    /// What is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Personal>,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<UnixTime>,
    /// By which rule, or by whom, it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What the journey that made it calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The conversation that it is, and by which channel somebody writes there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk: Option<(ConversationId, ChannelId)>,
}

/// One that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// How it reaches an agent.
    pub channel: Channel,
    /// In which queue.
    pub queue: QueueId,
    /// About whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// Since when it waits: its place.
    pub arrived: UnixTime,
    /// Its own priority.
    pub priority: i32,
    /// Skills that it needs besides its queue's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skills: BTreeMap<SkillId, u8>,
    /// What it is.
    #[serde(flatten)]
    pub errand: Errand,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

/// In whose hand something is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whose.
    pub agent: AgentId,
    /// Since when.
    pub since: UnixTime,
    /// Since when it is over but for its after-work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<UnixTime>,
}

/// All that are not over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Errands(pub BTreeMap<ItemId, Open>);

impl Errands {
    /// Takes up one event.
    pub fn apply(&mut self, work: &Work) {
        if let Step::Queued { arrived, priority, skills, errand: Some(errand) } = &work.what {
            let open = Open {
                channel: work.channel,
                queue: work.queue.clone(),
                contact: work.contact,
                arrived: *arrived,
                priority: *priority,
                skills: skills.clone(),
                errand: (**errand).clone(),
                held: None,
            };
            self.0.insert(work.item, open);
            return;
        }
        let Some(open) = self.0.get_mut(&work.item) else { return };
        match &work.what {
            Step::Taken { agent, .. } => {
                let (agent, since) = (agent.clone(), work.at);
                open.held = Some(Held { agent, since, closed: None });
            }
            Step::Returned => open.held = None,
            Step::Rerouted { .. } => open.queue = work.queue.clone(),
            Step::Moved { .. } if !work.channel.is_spoken() => open.channel = work.channel,
            Step::Prioritised { priority } => open.priority = *priority,
            Step::Closed { .. } => {
                if let Some(held) = &mut open.held {
                    held.closed = Some(work.at);
                }
            }
            Step::WrappedUp { .. }
            | Step::Abandoned { .. }
            | Step::TakenOut
            | Step::FlowedOut { .. }
            | Step::Moved { .. } => _ = self.0.remove(&work.item),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::Event;
    use crate::journal::live::Live;
    use crate::journal::personal::Keyring;
    use crate::journal::work::AUTO;
    use crate::random::Random;

    fn work(at: i64, what: Step) -> Work {
        let (item, queue) = (ItemId(7), "support".into());
        let (channel, contact) = (Channel::Task, Some(ContactId(5)));
        Work { item, channel, queue, at: UnixTime(at), call: None, contact, what }
    }

    fn queued() -> Step {
        let text = Some("Call the plumber.".into());
        let due = Some(UnixTime(900));
        let errand =
            Errand { text, due, from: Some("rule sorry".to_owned()), task: None, talk: None };
        let (arrived, skills) = (UnixTime(500), BTreeMap::new());
        Step::Queued { arrived, priority: 3, skills, errand: Some(Box::new(errand)) }
    }

    #[test]
    fn it_is_live_from_coming_to_the_end_of_its_after_work() {
        let ann = AgentId::from("ann");
        let mut errands = Errands::default();
        let mut after = |at, what| {
            errands.apply(&work(at, what));
            errands.0.get(&ItemId(7)).map(|open| open.held.clone())
        };
        let taken = Step::Taken { agent: ann.clone(), waited_ms: 1, clock_ms: 1 };
        let agent = ann.clone();
        let closed = Step::Closed { agent, talk_ms: 1, hold_ms: 0, known: None };
        let held = |closed| Held { agent: ann.clone(), since: UnixTime(2), closed };
        assert_eq!(after(1, queued()), Some(None));
        assert_eq!(after(2, taken.clone()), Some(Some(held(None))));
        assert_eq!(after(3, Step::Returned), Some(None));
        assert_eq!(after(2, taken), Some(Some(held(None))));
        assert_eq!(after(4, closed), Some(Some(held(Some(UnixTime(4))))));
        let code = Some(AUTO.to_owned());
        assert_eq!(after(5, Step::WrappedUp { agent: ann.clone(), wrap_ms: 1, code }), None);
    }

    #[test]
    fn what_moves_is_elsewhere_after_a_restart_and_its_text_is_sealed() {
        let mut keys = Keyring::open(&[7; 32], &[], Random::from_number(1));
        let mut live = Live::default();
        let moved = Work { queue: "sales".into(), ..work(2, Step::Rerouted { from: "a".into() }) };
        for work in [work(1, queued()), moved, work(3, Step::Prioritised { priority: 70 })] {
            let mut event = Event::Work(work);
            event.for_each_personal(&mut |personal| keys.seal(personal));
            let text = serde_json::to_string(&event).unwrap();
            assert!(!text.contains("plumber"), "{text}");
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
            live.apply(UnixTime(1), &event);
        }
        let text = serde_json::to_string(&live).unwrap();
        let read: Live = serde_json::from_str(&text).unwrap();
        assert_eq!(read, live);
        let open = &live.errands.0[&ItemId(7)];
        assert_eq!(
            (open.queue.as_str(), open.priority, open.arrived),
            ("sales", 70, UnixTime(500))
        );
    }
}
