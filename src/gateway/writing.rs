//! Flows that answer in writing: before the people of a queue do, and after them where they say so.
//!
//! What a flow makes of a message is [`ivr::text`](crate::ivr::text)'s; where somebody stands in it is who has the
//! conversation, and so in the journal. A flow answers nothing that a machine wrote and nobody who refuses messages, and not
//! without end: two machines that take each other for people are parted.

use std::time::Duration;

use crate::gateway::conversations::{Entering, Talk, said};
use crate::gateway::no::No;
use crate::gateway::{By, Gateway};
use crate::id::{ActorId, FlowId};
use crate::ivr::text::{Stand, Then, Turn};
use crate::messaging::contract::Refusal;
use crate::messaging::ledger::{LONGEST_WAIT, Wish};
use crate::messaging::{Conversation, Message, Owner, Piece, Way};
use crate::queue::Skills;
use crate::time::{Now, UnixTime};

/// Answers of a flow to one person within [`SPAN`]: nobody goes through more menus, and machines do.
const MOST_TURNS: u16 = 60;
/// The span.
const SPAN: Duration = Duration::from_secs(3_600);
/// What a flow's answers are for.
const SERVICE: &str = "service";
/// The ticket of wishes that nobody waits for: those of people are numbered from one.
const NOBODY: u64 = 0;

/// How often a flow has answered lately.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turns {
    since: UnixTime,
    count: u16,
}

impl Turns {
    /// Whether it may once more.
    fn take(&mut self, now: UnixTime) -> bool {
        if now.since(self.since) > SPAN {
            *self = Turns { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= MOST_TURNS
    }
}

impl Gateway {
    /// Somebody wrote where nobody answers, or a flow does.
    pub(super) fn flow_hears(&mut self, now: Now, message: &Message<String>, owner: &Owner) {
        let talk = (message.conversation, message.contact);
        if message.refusal == Some(Refusal::Stop) && matches!(owner, Owner::Flow { .. }) {
            return self.close_conversation(now, talk, actor(owner));
        }
        // Nobody need answer a word that the box has answered, or a machine.
        if message.out.is_some() || message.refusal.is_some() || message.automatic {
            return;
        }
        let settings = self.settings.channels.get(&message.way.channel);
        let first = settings.and_then(|settings| settings.flow.clone());
        let turn = match (owner, first) {
            (Owner::Flow { flow, node, wrong }, _) => {
                let (flow, node) = (flow.clone(), node.clone());
                let stand = Stand { flow, node, wrong: *wrong };
                let (shelf, work) = (&self.journal.live().shelf, message.way.work);
                let knows = |question: &str| {
                    shelf.answer(question, Some(work)).map(|article| article.text.clone())
                };
                self.flows.hear(now.unix, &stand, &heard(message), &knows)
            }
            (_, Some(flow)) => self.flows.begin_in_writing(now.unix, &flow),
            (_, None) => return self.conversation_waits(now, talk, message),
        };
        if !self.talks.turns(message.conversation).take(now.unix) {
            tracing::warn!(conversation = %talk.0, "a flow answers no more: it may talk to a machine");
            return self.conversation_waits(now, talk, message);
        }
        let entering = Entering {
            talk,
            channel: message.way.channel.clone(),
            work: message.way.work,
            words: said(message),
            skills: Skills::new(),
            priority: 0,
        };
        self.flow_says(now, turn, &message.way, entering);
    }

    /// A flow answers, and what it leads to is done.
    fn flow_says(&mut self, now: Now, turn: Turn, way: &Way<String>, entering: Entering) {
        let Turn { say, then } = turn;
        let talk = entering.talk;
        let by = ActorId::from(
            match &then {
                Then::Waits(stand) => format!("flow {}", stand.flow),
                _ => "flow".to_owned(),
            }
            .as_str(),
        );
        if !say.is_empty() {
            let words = self.with_phone_code(now, talk, say.join("\n\n"));
            self.flow_writes(now, talk, way, words, by.clone());
        }
        match then {
            Then::Waits(Stand { flow, node, wrong }) => {
                self.owned(now, talk, Owner::Flow { flow, node, wrong }, Some(by), None)
            }
            Then::Over => self.close_conversation(now, talk, by),
            Then::Queue { queue, skills, priority } => {
                let entering = Entering { skills, priority, ..entering };
                let _ = self.conversation_comes_in(now, entering, queue);
            }
            Then::Person => {
                let settings = self.settings.channels.get(&entering.channel);
                let Some(queue) = settings.and_then(|settings| settings.queue.clone()) else {
                    return self.owned(now, talk, Owner::Nobody, None, None);
                };
                let _ = self.conversation_comes_in(now, entering, queue);
            }
        }
    }

    fn flow_writes(&mut self, now: Now, talk: Talk, way: &Way<String>, text: String, by: ActorId) {
        let wish = Wish {
            way: way.clone(),
            known: Some((talk.1, Some(talk.0))),
            pieces: vec![Piece::text(text)],
            subject: None,
            answers: None,
            quote: None,
            by,
            purpose: SERVICE.to_owned(),
            reply: true,
            until: now.unix + LONGEST_WAIT,
            not_before: None,
            once: None,
            asker: None,
        };
        self.messages_wish(now, NOBODY, wish);
    }

    /// Whoever answers gives a conversation to a flow, which begins anew.
    pub(super) fn goes_to_flow(
        &mut self,
        now: Now,
        by: &By,
        talk: &Conversation<String>,
        flow: &FlowId,
    ) -> Result<(), No> {
        if !self.settings.channels.values().any(|channel| channel.flow.as_ref() == Some(flow)) {
            return Err(format!("no channel is answered by a flow {flow}").into());
        }
        if let Some(item) = self.item_of_talk(talk.id) {
            if matches!(self.journal.live().talks.owner(talk.id), Owner::Agent { .. }) {
                self.queues.handle_given_back(now, item);
            }
            self.errand_taken_out(now, item);
        }
        tracing::info!(conversation = %talk.id, by = %by.who, "a conversation goes to a flow");
        let turn = self.flows.begin_in_writing(now.unix, flow);
        let entering = Entering {
            talk: (talk.id, talk.contact),
            channel: talk.way.channel.clone(),
            work: talk.way.work,
            words: None,
            skills: Skills::new(),
            priority: 0,
        };
        self.flow_says(now, turn, &talk.way, entering);
        Ok(())
    }
}

/// Who has a conversation, as the journal names whoever does something.
fn actor(owner: &Owner) -> ActorId {
    match owner {
        Owner::Flow { flow, .. } => format!("flow {flow}").as_str().into(),
        _ => crate::messaging::ledger::BOX.into(),
    }
}

/// What somebody says to a flow: the choice that they tapped, or their words.
fn heard(message: &Message<String>) -> String {
    let word = message.pieces.iter().find_map(|piece| match piece {
        Piece::Choice { id, .. } => Some(id.clone()),
        Piece::Text { text } => Some(text.clone()),
        _ => None,
    });
    word.unwrap_or_default()
}
