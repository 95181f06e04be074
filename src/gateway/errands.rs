//! Work that nobody holds a line for, joined: tasks today, and the one entrance for whatever is written. The queues say
//! who is asked, the roster when after-work is over, the journal what is still open; a screen shows it, or a program does.
//!
//! A channel comes in with [`Gateway::errand_arrives`]: an item of that channel for a queue, about a contact. Taken,
//! returned, finished and wrapped up it is alike whatever it is. What carries the words of a chat or a letter is not here.

use std::time::Duration;

use crate::admin::api::errands::{Doing, EndOfWork, NewTask};
use crate::admin::{Command, Reply};
use crate::agent::Presence;
use crate::config::settings::Wanted;
use crate::context::{Order, Who};
use crate::gateway::no::No;
use crate::gateway::{By, Gateway};
use crate::id::{ActorId, AgentId, ContactId, ItemId, OfferId, QueueId, SkillId};
use crate::journal::State;
use crate::journal::context::contact_name;
use crate::journal::errands::{Errand, Held, Open};
use crate::journal::personal::Personal;
use crate::journal::work::{AUTO, Step};
use crate::journey::Key;
use crate::journey::daily::NOBODY;
use crate::journey::rule::fingerprint;
use crate::queue::{self, Channel, Declined, Item, NotPicked, Skills, Standing, Target};
use crate::time::{Now, UnixTime};

/// Pieces of work that are open at a time: beyond it nobody comes to the end of them. Each takes some 300 bytes of every
/// checkpoint.
pub(super) const MOST_ERRANDS: usize = 10_000;
/// Characters of what is to be done: a page.
const LONGEST_TEXT: usize = 2_000;

/// Something came that is to be done.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    /// What it is called: said again under the same name it changes nothing.
    pub item: ItemId,
    /// How it reaches an agent; nothing that takes a phone.
    pub channel: Channel,
    /// For whom.
    pub queue: QueueId,
    /// About whom.
    pub contact: Option<ContactId>,
    /// Since when it waits.
    pub arrived: UnixTime,
    pub priority: i32,
    pub skills: Skills,
    pub errand: Errand,
}

/// Why something did not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// It takes a phone: calls come in by themselves.
    Spoken,
    /// There is no such queue.
    NoQueue,
    /// As much is open as may be.
    Full,
    /// Nothing is kept at this moment: it would be lost.
    NoDisk,
    /// The queue sends it elsewhere.
    Elsewhere(Target),
}

/// The entrance.
impl Gateway {
    /// An item of a channel arrived for a queue, about a contact. It is offered to whoever may have it and has room.
    ///
    /// # Errors
    /// When it does not come in; then there is nothing of it.
    pub(super) fn errand_arrives(&mut self, now: Now, arrival: Arrival) -> Result<(), NotTaken> {
        let Arrival { item, channel, queue, contact, arrived, priority, skills, errand } = arrival;
        let open = &self.journal.live().errands.0;
        if open.contains_key(&item) {
            return Ok(());
        }
        if channel.is_spoken() {
            return Err(NotTaken::Spoken);
        }
        if self.queue_settings(&queue).is_none() {
            return Err(NotTaken::NoQueue);
        }
        if open.len() >= MOST_ERRANDS {
            return Err(NotTaken::Full);
        }
        if self.journal.state() != State::Healthy {
            return Err(NotTaken::NoDisk);
        }
        let last_agent = contact.and_then(|contact| self.last_agent_of(now, contact, &queue));
        let (id, preferred) = (item, None);
        let item = Item { id, queue, arrived, priority, skills, preferred, channel, last_agent };
        let due = errand.due;
        self.know_work(now, &item, None);
        self.work_is_of(id, contact);
        self.note_arrival(now, &item, Some(Box::new(errand)));
        match self.queues.handle_enqueue(now, item) {
            Ok(()) => {
                due.into_iter().for_each(|due| self.queues.handle_due(now, id, due));
                Ok(())
            }
            Err(queue::Refused::Overflow(why, target)) => {
                self.note_work(now, id, Step::FlowedOut { why, target: target.clone() });
                self.forget_work(id);
                Err(NotTaken::Elsewhere(target))
            }
            Err(queue::Refused::UnknownQueue | queue::Refused::Known) => {
                self.note_work(now, id, Step::TakenOut);
                self.forget_work(id);
                Err(NotTaken::NoQueue)
            }
        }
    }

    /// A step of a journey puts a task into a queue.
    pub(super) fn task_of_rule(
        &mut self,
        now: Now,
        (key, person): (Key, ContactId),
        (rule, queue, text): (&str, &QueueId, &str),
        since: UnixTime,
    ) -> Result<(), NotTaken> {
        let contact = (person != NOBODY).then_some(person);
        let errand = Errand {
            text: Some(words(contact, item_of_task(key), text)),
            due: None,
            from: Some(format!("rule {rule}")),
            task: Some(super::journeys::task_name(key)),
            talk: None,
        };
        let arrival = Arrival {
            item: item_of_task(key),
            channel: Channel::Task,
            queue: queue.clone(),
            contact,
            arrived: since,
            priority: 0,
            skills: Skills::new(),
            errand,
        };
        self.errand_arrives(now, arrival)
    }

    /// Somebody makes a task, about whoever goes under this contact.
    pub(super) fn new_task(
        &mut self,
        now: Now,
        by: &By,
        new: &NewTask,
        contact: Option<ContactId>,
    ) -> Reply {
        let item = ItemId(self.random.bits());
        let length = new.text.chars().count();
        if new.text.trim().is_empty() || length > LONGEST_TEXT {
            return Reply::Refused(format!(
                "a task says in 1 to {LONGEST_TEXT} characters what is to be done"
            ));
        }
        if !(0..=queue::CEILING).contains(&new.priority) {
            return Reply::Refused(format!("a priority is 0 to {}", queue::CEILING));
        }
        let good = |(skill, level): (&SkillId, &u8)| {
            (1..=LONGEST_SKILL).contains(&skill.as_str().len()) && (1..=10).contains(level)
        };
        if new.skills.len() > MOST_SKILLS || !new.skills.iter().all(good) {
            return Reply::Refused(format!(
                "at most {MOST_SKILLS} skills, each with a name of 1 to {LONGEST_SKILL} characters and of a level of 1 to 10"
            ));
        }
        let text = words(contact, item, &new.text);
        let (due, from) = (new.due, Some(by.who.to_string()));
        let arrival = Arrival {
            item,
            channel: Channel::Task,
            queue: new.queue.as_str().into(),
            contact,
            arrived: now.unix,
            priority: new.priority,
            skills: new.skills.clone(),
            errand: Errand { text: Some(text), due, from, task: None, talk: None },
        };
        match self.errand_arrives(now, arrival) {
            Ok(()) => Reply::Made(item),
            Err(NotTaken::NoQueue) => Reply::Refused(format!("no queue is called {}", new.queue)),
            Err(NotTaken::Full) => Reply::NotReady(format!(
                "{MOST_ERRANDS} pieces of work are open, which is the most: finish some"
            )),
            Err(NotTaken::NoDisk) => {
                Reply::NotReady("the disk does not work: nothing would be kept".to_owned())
            }
            Err(NotTaken::Spoken | NotTaken::Elsewhere(_)) => {
                Reply::Refused("that queue takes no tasks".to_owned())
            }
        }
    }
}

/// Skills that one task may ask for.
const MOST_SKILLS: usize = 16;
/// Bytes of a skill's name: what a site calls one. Each is in every checkpoint while the task is open.
const LONGEST_SKILL: usize = 64;

/// What is to be done, sealed under whom it is about, else under a key of its own.
pub(super) fn words(contact: Option<ContactId>, item: ItemId, text: &str) -> Personal {
    let subject = contact.map_or_else(|| format!("item/{item}"), contact_name);
    Personal::Named { subject, text: text.to_owned() }
}

/// The item that a task of a journey is.
pub(super) fn item_of_task(key: Key) -> ItemId {
    ItemId(fingerprint(&["task", &key.to_string()]))
}

/// What the queues and the roster say.
impl Gateway {
    pub(super) fn offer_errand(
        &mut self,
        now: Now,
        (offer, item): (OfferId, ItemId),
        agents: &[AgentId],
        shown_for: Duration,
    ) {
        self.note_offered(now, item, offer, agents);
        for agent in agents {
            self.work.screens().insert((offer, agent.clone()), item);
        }
        for agent in agents {
            self.tell_errand_offered(now, (offer, item), agent, shown_for);
        }
    }

    /// Whether an offer is on an agent's screen, not at their phone.
    pub(super) fn errand_is_offered(&mut self, offer: OfferId, agent: &AgentId) -> bool {
        self.work.screens().contains_key(&(offer, agent.clone()))
    }

    pub(super) fn errand_withdrawn(&mut self, now: Now, offer: OfferId, agent: &AgentId) {
        if let Some(item) = self.work.screens().remove(&(offer, agent.clone())) {
            self.tell_errand(now, item);
        }
    }

    pub(super) fn errand_missed(
        &mut self,
        now: Now,
        offer: OfferId,
        agent: &AgentId,
        why: Declined,
        pauses: bool,
    ) {
        let Some(item) = self.work.screens().remove(&(offer, agent.clone())) else { return };
        self.note_work(now, item, Step::Declined { agent: agent.clone(), offer, why });
        if pauses {
            let done = self.roster.handle_pause(now, agent, crate::agent::Reason::Missed);
            self.tell_roster(done);
        }
        self.tell_errand(now, item);
        self.tell_waits(now, item);
    }

    /// After-work of something that is written is over.
    pub(super) fn errand_wrapped_up(
        &mut self,
        now: Now,
        agent: &AgentId,
        item: ItemId,
        code: Option<&str>,
    ) {
        self.tell_errand_gone(item);
        self.note_wrapped_up_of(now, agent, item, code);
        self.queues.handle_wrapped_up(now, agent, item);
    }
}

/// Over a restart, and when somebody is forgotten.
impl Gateway {
    /// What was open before a restart is open again: at its place, or in the hand that it was in. After-work did not
    /// survive it. Tasks of journeys that are no work yet, from before there was any, are from now on.
    pub(super) fn restore_errands(&mut self, now: Now) {
        for (item, open) in self.journal.live().errands.0.clone() {
            self.restore_errand(now, item, open);
        }
        let tasks = self.journal.live().journeys.kept.tasks.clone();
        for (key, task) in tasks {
            let what = (task.rule.as_str(), &task.queue, task.text.as_str());
            if let Err(why) = self.task_of_rule(now, (key, task.person), what, task.at) {
                tracing::warn!(queue = %task.queue, ?why, "a task of before the restart cannot be offered");
            }
        }
    }

    fn restore_errand(&mut self, now: Now, id: ItemId, open: Open) {
        let before = open.clone();
        let Open { channel, queue, contact, arrived, priority, skills, errand, held } = open;
        let last_agent = contact.and_then(|contact| self.last_agent_of(now, contact, &queue));
        let preferred = None;
        let item = Item { id, queue, arrived, priority, skills, preferred, channel, last_agent };
        self.know_work(now, &item, None);
        self.work_is_of(id, contact);
        let gone =
            errand.text.as_ref().is_some_and(|text| self.journal.keys().read(text).is_none());
        if gone {
            // Whoever it was about was erased.
            self.note_work(now, id, Step::TakenOut);
            return self.forget_work(id);
        }
        if !self.talk_agrees(now, id, &before) {
            return self.forget_work(id);
        }
        match held {
            Some(Held { agent, closed: Some(_), .. }) => {
                self.note_work_over(now, id, &agent);
                self.forget_work(id);
            }
            Some(Held { agent, since, .. }) if self.roster.presence(&agent).is_some() => {
                self.work_is_taken(id, since);
                self.restored(id, &item.queue.clone(), |queues| {
                    queues.handle_held_before(now, item, agent)
                });
            }
            held => {
                if held.is_some() {
                    // Whoever had it works here no more.
                    self.note_work(now, id, Step::Returned);
                    self.conversation_waits_again(now, id, &item.queue);
                }
                self.restored(id, &item.queue.clone(), |queues| {
                    queues.handle_promised_before(now, item, 0, None)
                });
            }
        }
        errand.due.into_iter().for_each(|due| self.queues.handle_due(now, id, due));
    }

    fn restored(
        &mut self,
        item: ItemId,
        queue: &QueueId,
        put: impl FnOnce(&mut queue::Queues) -> Result<(), queue::Refused>,
    ) {
        if put(&mut self.queues).is_err() {
            // It stays in the journal: whoever puts the queue back finds it there.
            tracing::warn!(%item, %queue, "work waits for a queue that is not configured any more");
        }
    }

    pub(super) fn note_work_over(&mut self, now: Now, item: ItemId, agent: &AgentId) {
        let (agent, code) = (agent.clone(), Some(AUTO.to_owned()));
        self.note_work(now, item, Step::WrappedUp { agent, wrap_ms: 0, code });
    }

    /// These people were erased: nothing is done about them any more.
    pub(super) fn forget_errands(&mut self, now: Now, gone: &[ContactId]) {
        let open = self.journal.live().errands.0.iter();
        let about = |open: &Open| open.contact.is_some_and(|contact| gone.contains(&contact));
        let theirs: Vec<_> = open
            .filter(|(_, open)| about(open))
            .map(|(item, open)| (*item, open.held.clone()))
            .collect();
        for (item, held) in theirs {
            // Nothing that is said of it from now on is said of them.
            self.work_is_of(item, None);
            match held {
                None => self.errand_taken_out(now, item),
                Some(Held { agent, closed: None, .. }) => {
                    self.close_errand(now, item, &agent, Some(AUTO))
                }
                Some(Held { agent, .. }) => self.end_after_work(now, &agent, item, Some(AUTO)),
            }
        }
    }

    /// What waits is taken out of its queue.
    pub(super) fn errand_taken_out(&mut self, now: Now, item: ItemId) {
        self.conversation_dropped(now, item);
        let open = self.journal.live().errands.0.get(&item);
        if let Some(task) = open.and_then(|open| open.errand.task.clone()) {
            self.task_is_over(now, &task);
        }
        self.note_work(now, item, Step::TakenOut);
        match self.queues.item(item).is_some() {
            true => self.queues.handle_taken_out(now, item),
            false => self.forget_work(item),
        }
    }
}

/// What agents do.
impl Gateway {
    /// Carries out an order about work.
    pub(super) fn order_errand(&mut self, now: Now, by: &By, command: &Command) -> Reply {
        match command {
            Command::NewTask { task } => self.new_task(now, by, task, None),
            Command::Errand { item, agent, doing } => {
                let done = self
                    .who(by, agent.as_ref())
                    .and_then(|agent| self.do_errand(now, by, *item, agent.as_ref(), doing));
                done.map_or_else(Reply::from, |()| Reply::Done)
            }
            Command::WrapUp { agent, end } => {
                let done =
                    self.who(by, Some(agent)).and_then(|_| self.end_wrap_up(now, by, agent, end));
                done.map_or_else(Reply::from, |()| Reply::Done)
            }
            _ => Reply::Refused("that is no order about work".to_owned()),
        }
    }

    /// For which agent somebody acts: for the own one alone, if bound to one.
    pub(super) fn who(&self, by: &By, asked: Option<&AgentId>) -> Result<Option<AgentId>, No> {
        let agent = match (&by.own, asked) {
            (Some(own), Some(asked)) if own != asked => {
                return Err(No::NotYours("agents act for themselves alone"));
            }
            (own, asked) => asked.or(own.as_ref()),
        };
        match agent {
            Some(agent) if self.roster.presence(agent).is_none() => match by.own {
                Some(_) => Err(No::NotYours("whoever asks is no agent here")),
                None => Err(format!("there is no agent {agent}").into()),
            },
            agent => Ok(agent.cloned()),
        }
    }

    fn do_errand(
        &mut self,
        now: Now,
        by: &By,
        item: ItemId,
        agent: Option<&AgentId>,
        doing: &Doing,
    ) -> Result<(), No> {
        if !self.journal.live().errands.0.contains_key(&item) {
            return Err(format!("there is no item {item} that is open").into());
        }
        match doing {
            Doing::Take => {
                let agent = agent.ok_or("say which agent takes it")?;
                Ok(self.take_errand(now, item, agent)?)
            }
            Doing::Decline => {
                let agent = agent.ok_or("say which agent does not want it")?;
                let offers = self.work.screens().iter();
                let offer = offers.filter(|((_, who), of)| who == agent && **of == item);
                let offer = offer.map(|((offer, _), _)| *offer).next();
                let offer = offer.ok_or_else(|| format!("it is not offered to {agent}"))?;
                self.queues.handle_declined(now, offer, agent.clone(), Declined::Refused);
                Ok(())
            }
            Doing::Return => {
                self.holder(item, agent)?;
                self.queues.handle_given_back(now, item);
                Ok(())
            }
            Doing::Finish { code, fields } => {
                let agent = self.holder(item, agent)?;
                Ok(self.finish_errand(now, by, (item, &agent), code.as_deref(), fields)?)
            }
        }
    }

    /// What an agent has in hand is over.
    pub(super) fn finish_errand(
        &mut self,
        now: Now,
        by: &By,
        (item, agent): (ItemId, &AgentId),
        code: Option<&str>,
        fields: &std::collections::BTreeMap<String, String>,
    ) -> Result<(), String> {
        let queue = self.queue_of_work(item).cloned();
        let limit = queue.as_ref().map_or(0, |queue| self.after_work(queue, item));
        if code.is_some() || limit == 0 {
            self.check_code(queue.as_ref(), code, fields)?;
        }
        self.came_out(now, by, item, code, fields);
        self.close_errand(now, item, agent, code);
        Ok(())
    }

    /// Who has an item that is in work: the agent that is meant, where one is.
    fn holder(&self, item: ItemId, agent: Option<&AgentId>) -> Result<AgentId, String> {
        let held = self.journal.live().errands.0.get(&item).and_then(|open| open.held.as_ref());
        match (held, agent) {
            (Some(Held { closed: Some(_), .. }), _) => {
                Err("it is over but for its after-work".to_owned())
            }
            (Some(held), Some(agent)) if held.agent != *agent => {
                Err(format!("{} has it, not {agent}", held.agent))
            }
            (Some(held), _) => Ok(held.agent.clone()),
            (None, _) => Err("nobody has it: take it first".to_owned()),
        }
    }

    pub(super) fn take_errand(
        &mut self,
        now: Now,
        item: ItemId,
        agent: &AgentId,
    ) -> Result<(), String> {
        let picked = self.queues.handle_picked(now, item, agent);
        picked.map_err(|why| not_picked(why, agent))?;
        self.work.screens().retain(|(_, who), of| *of != item || who != agent);
        self.note_taken(now, item, agent.clone());
        self.conversation_taken(now, item, agent);
        self.tell_errand(now, item);
        Ok(())
    }

    /// What one agent has in hand goes to another.
    pub(super) fn pass_errand(
        &mut self,
        now: Now,
        item: ItemId,
        to: &AgentId,
    ) -> Result<(), String> {
        let passed = self.queues.handle_passed(now, item, to);
        passed.map_err(|why| not_picked(why, to))?;
        self.note_work(now, item, Step::Returned);
        self.note_taken(now, item, to.clone());
        Ok(())
    }

    /// It is over; after-work begins, or is over with it where it is known how it came out.
    pub(super) fn close_errand(
        &mut self,
        now: Now,
        item: ItemId,
        agent: &AgentId,
        code: Option<&str>,
    ) {
        let queue = self.queue_of_work(item).cloned();
        let limit = queue.map_or(0, |queue| self.after_work(&queue, item));
        let task =
            self.journal.live().errands.0.get(&item).and_then(|open| open.errand.task.clone());
        if let Some(task) = task {
            // First: of a task that was done there is nothing left in the journal that a start could make work of.
            self.task_is_over(now, &task);
        }
        self.conversation_closed(now, item, Some(agent));
        self.note_closed(now, item, agent);
        self.queues.handle_finished(item, Duration::ZERO);
        if code.is_some() {
            self.errand_wrapped_up(now, agent, item, code);
        } else {
            let done = self.roster.handle_written_released(now, agent, item, limit);
            self.tell_roster(done);
            self.tell_errand(now, item);
        }
    }

    fn after_work(&self, queue: &QueueId, item: ItemId) -> u32 {
        let channel = self.channel_of_work(item).unwrap_or_default();
        self.queue_settings(queue).map_or(0, |queue| queue.wrap_up_after(channel).into())
    }

    /// A task of a journey is said to be done, by its name there: whoever has it has finished it, and where nobody has, it
    /// waits no more. Answers whether it was open.
    pub(super) fn errand_of_task_done(&mut self, now: Now, by: &By, key: Key) -> Result<bool, No> {
        let item = item_of_task(key);
        let Some(open) = self.journal.live().errands.0.get(&item) else { return Ok(false) };
        match open.held.clone() {
            Some(Held { closed: Some(_), .. }) => {}
            Some(held) => {
                let by_hand = self.who(by, None)?;
                let agent = self.holder(item, by_hand.as_ref().or(Some(&held.agent)))?;
                self.close_errand(now, item, &agent, None);
            }
            None => match self.who(by, None)? {
                Some(agent) => {
                    self.take_errand(now, item, &agent)?;
                    self.close_errand(now, item, &agent, None);
                }
                None => self.errand_taken_out(now, item),
            },
        }
        Ok(true)
    }
}

/// Why an agent cannot have something, in words.
fn not_picked(why: NotPicked, agent: &AgentId) -> String {
    match why {
        NotPicked::Gone => "it does not wait any more".to_owned(),
        NotPicked::Elsewhere => format!("{agent} does not work in its queue"),
        NotPicked::Stands(Standing::Unskilled) => format!("{agent} lacks a skill that it needs"),
        NotPicked::Stands(stands) => {
            format!("{agent} {}", crate::admin::queueing::words(&stands))
        }
    }
}

/// After-work.
impl Gateway {
    /// An agent has written down what there was to write down.
    fn end_wrap_up(
        &mut self,
        now: Now,
        by: &By,
        agent: &AgentId,
        end: &EndOfWork,
    ) -> Result<(), No> {
        let item = self.in_after_work(agent, end.item)?;
        let queue = self.queue_of_work(item).cloned();
        self.check_code(queue.as_ref(), end.code.as_deref(), &end.fields)?;
        self.came_out(now, by, item, end.code.as_deref(), &end.fields);
        self.end_after_work(now, agent, item, end.code.as_deref());
        Ok(())
    }

    fn in_after_work(&self, agent: &AgentId, asked: Option<ItemId>) -> Result<ItemId, String> {
        let mut all: Vec<_> = self.after_work_of(agent).collect();
        match asked {
            Some(item) if all.contains(&item) => return Ok(item),
            Some(item) => return Err(format!("{agent} has no after-work of {item}")),
            None => {}
        }
        let spoken = |item: &ItemId| self.channel_of_work(*item).is_some_and(Channel::is_spoken);
        if let Some(call) = all.iter().find(|item| spoken(item)) {
            return Ok(*call);
        }
        match (all.pop(), all.is_empty()) {
            (Some(item), true) => Ok(item),
            (Some(_), false) => Err(format!("{agent} has after-work of several: say of which")),
            (None, _) => Err(format!("{agent} has no after-work")),
        }
    }

    /// Whether after-work may end like this.
    fn check_code(
        &self,
        queue: Option<&QueueId>,
        code: Option<&str>,
        fields: &std::collections::BTreeMap<String, String>,
    ) -> Result<(), String> {
        let settings = queue.and_then(|queue| self.queue_settings(queue));
        match code {
            Some(code) if code == AUTO => {
                Err(format!("`{AUTO}` is what after-work that ran out is called"))
            }
            Some(code) => self.rules.check_disposition(code, fields).map_err(|why| why.to_string()),
            None if !fields.is_empty() => Err("fields go with a code".to_owned()),
            None if settings.is_some_and(|queue| queue.disposition == Wanted::Required) => {
                let codes: Vec<_> = self.rules.dispositions.keys().map(String::as_str).collect();
                Err(format!(
                    "this queue wants to know how a contact came out: say a code ({})",
                    if codes.is_empty() { "any".to_owned() } else { codes.join(", ") }
                ))
            }
            None => Ok(()),
        }
    }

    /// How a contact came out stands on the person's record, where it is known who it was.
    fn came_out(
        &mut self,
        now: Now,
        by: &By,
        item: ItemId,
        code: Option<&str>,
        fields: &std::collections::BTreeMap<String, String>,
    ) {
        let (Some(code), Some(contact)) = (code, self.contact_of(item)) else { return };
        let (who, call) = (Who::Contact(contact), self.call_of_work(item));
        let (code, fields) = (code.to_owned(), fields.clone());
        let order = Order::Dispose { who, case: None, call, code, fields };
        self.take_order_of(now, ActorId::from(by.who.to_string().as_str()), order);
    }

    fn end_after_work(&mut self, now: Now, agent: &AgentId, item: ItemId, code: Option<&str>) {
        let spoken = self.channel_of_work(item).is_some_and(Channel::is_spoken);
        self.tell_errand_gone(item);
        self.note_wrapped_up_of(now, agent, item, code);
        let done = match spoken {
            true => self.roster.handle_wrapped_up(now, agent),
            false => self.roster.handle_written_wrapped_up(agent, item),
        };
        self.tell_roster(done);
    }

    /// Why an agent's after-work of a call may not just end; nothing if it may.
    pub(super) fn wants_code(&self, agent: &AgentId) -> Option<String> {
        if self.roster.presence(agent) != Some(&Presence::WrapUp) {
            return None;
        }
        let item = self.in_after_work(agent, None).ok()?;
        let queue = self.queue_of_work(item)?;
        self.check_code(Some(queue), None, &Default::default()).err()
    }
}
