//! What agents order in conversations: to write, to have one, to give it away, to end it.
//!
//! One agent has a conversation at a time: whoever comes second is told who it is. Who has it is known here at once, from
//! the journal; with whom and by which way is looked up first.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::admin::api::messages::{Doing, NewReply};
use crate::admin::{Command, Reply};
use crate::gateway::conversations::{Entering, Talk};
use crate::gateway::no::No;
use crate::gateway::orders::NOT_READY;
use crate::gateway::{By, Gateway, LookFor, Output, ReplyTo};
use crate::id::{ActorId, AgentId, ChannelId, ConversationId, ItemId, MessageId, QueueId};
use crate::journal::event::Event;
use crate::journal::message::to_seal;
use crate::journal::{State, Token};
use crate::messaging::channel::Order;
use crate::messaging::ledger::{LONGEST_WAIT, Wish};
use crate::messaging::owned::MOST_OWNED;
use crate::messaging::{Conversation, Entry, Media, Message, Owner, Piece, Way, What};
use crate::queue::Skills;
use crate::store::context::looking::{Answer, Question};
use crate::store::messages::looking::Viewer;
use crate::time::Now;

/// Orders that wait for the look-up store at a time: a page keeps a handful.
const MOST_WAITING: usize = 1_024;
/// Characters of a text: what most services carry at once.
const LONGEST_TEXT: usize = 4_096;
/// Characters of a note: a page.
const LONGEST_NOTE: usize = 2_000;
/// Files of one message: what most services show together.
const MOST_FILES: usize = 10;
/// For how long after somebody has written an answer is one: quiet hours do not hold it.
const ANSWERS: Duration = Duration::from_secs(24 * 3_600);
/// What an answer is for.
const SERVICE: &str = "service";

/// Orders that are looked up.
#[derive(Debug, Default)]
pub(super) struct Talking {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    /// To be looked up when the store shows this record: whoever asks sees all that was written before.
    looks: Vec<(Token, LookFor, Question)>,
    /// Done; to be answered when the store shows this record: whoever looks then sees it.
    done: Vec<(Token, Waiting)>,
}

/// One of them.
#[derive(Debug, Clone)]
struct Waiting {
    to: ReplyTo,
    by: By,
    command: Command,
    /// The conversation, once it is known and another way is looked up.
    found: Option<Box<Conversation<String>>>,
}

/// Looking up.
impl Gateway {
    /// Somebody wants something done in a conversation, or with a message.
    pub(super) fn take_talk(&mut self, now: Now, to: ReplyTo, by: &By, command: &Command) {
        let refusal = match command {
            // For whom somebody acts is looked at before what there is.
            Command::Talk { doing: Doing::Claim { agent }, .. } => {
                self.who(by, agent.as_ref()).err().map(Reply::from)
            }
            _ if self.talking.waiting.len() >= MOST_WAITING => {
                Some(Reply::NotReady("too much is being done at a time; ask again soon".to_owned()))
            }
            _ => None,
        };
        if let Some(reply) = refusal {
            return self.reply(now, to, by, command, reply);
        }
        self.talking.next += 1;
        let id = self.talking.next;
        let (by, command) = (by.clone(), command.clone());
        self.talking.waiting.insert(id, Waiting { to, by, command, found: None });
        self.look_for_talk(id);
    }

    fn look_for_talk(&mut self, id: u64) {
        let question = match self.talking.waiting.get(&id).map(|waiting| &waiting.command) {
            Some(Command::Talk { conversation, .. }) => {
                Question::Conversation(*conversation, None, 1)
            }
            Some(Command::Replay { message } | Command::Withdraw { message }) => {
                Question::Message(*message)
            }
            _ => return,
        };
        self.look_when_shown(LookFor::Talk(id), question);
    }

    /// A question as somebody may ask it: an agent about what they may see alone.
    pub(super) fn seen_by(&self, by: &By, question: Question) -> Question {
        match self.viewer(by) {
            Some(viewer) => Question::Seen(Box::new(viewer), Box::new(question)),
            None => question,
        }
    }

    /// What an agent may see of what was written; whoever leads sees everything.
    pub(super) fn viewer(&self, by: &By) -> Option<Viewer> {
        let agent = by.own.clone()?;
        let queues = self.settings.queues.iter().map(|queue| &queue.name);
        let queues = queues.filter(|queue| self.queues.members(queue).contains(&agent));
        let queues: Vec<_> = queues.cloned().collect();
        let channels = self
            .settings
            .channels
            .iter()
            .filter(|(_, own)| own.queue.as_ref().is_some_and(|queue| queues.contains(queue)));
        let channels = channels.map(|(name, _)| name.clone()).collect();
        let open = self.journal.live().errands.0.values();
        let held = open.filter(|open| open.held.as_ref().is_some_and(|held| held.agent == agent));
        let calls = self.calls.views().into_iter().filter(|call| self.may_see(by, call));
        let callers = calls.filter_map(|call| Some(self.known_caller(call.call)?.contact));
        let contacts = held.filter_map(|open| open.contact).chain(callers).collect();
        Some(Viewer { agent, queues, channels, contacts, actor: actor(by) })
    }

    /// Looks something up once the store shows all that was written by now.
    pub(super) fn look_when_shown(&mut self, to: LookFor, question: Question) {
        let newest = self.journal.newest();
        if self.journal.state() != State::Healthy || newest <= self.messages_shown() {
            return self.outputs.push_back(Output::Look { to, question });
        }
        self.talking.looks.push((newest, to, question));
        self.talks_are_stored();
    }

    /// The journal's thread has said something.
    pub(super) fn talks_are_stored(&mut self) {
        let (stored, shown) = (self.journal.stored(), self.messages_shown());
        let looks = self.talking.looks.iter().map(|(token, ..)| *token);
        let mut waits = looks.chain(self.talking.done.iter().map(|(token, _)| *token));
        if waits.any(|token| token <= stored && token > shown) {
            self.outputs.push_back(Output::Project);
        }
    }

    /// The store shows the journal up to here.
    pub(super) fn talks_are_shown(&mut self, now: Now, position: Token) {
        let done = self.talking.done.extract_if(.., |(token, _)| *token <= position);
        for (_, Waiting { to, by, command, .. }) in done.collect::<Vec<_>>() {
            self.reply(now, to, &by, &command, Reply::Done);
        }
        let looks = self.talking.looks.extract_if(.., |(token, ..)| *token <= position);
        let looks = looks.map(|(_, to, question)| Output::Look { to, question });
        self.outputs.extend(looks);
    }

    /// The store says what somebody wants something done with.
    pub(super) fn talk_looked_up(&mut self, now: Now, id: u64, answer: Answer) {
        let Some(waiting) = self.talking.waiting.remove(&id) else { return };
        let reply = match (answer, &waiting.command) {
            (Answer::Conversation(Some(page)), Command::Talk { doing, .. }) => {
                let talk = page.conversation;
                match self.other_way(&talk, doing) {
                    Some(question) => {
                        let found = Some(Box::new(talk));
                        self.talking.waiting.insert(id, Waiting { found, ..waiting });
                        let to = LookFor::Talk(id);
                        return self.outputs.push_back(Output::Look { to, question });
                    }
                    None => self.do_in(now, &waiting, &talk, Some(talk.way.clone()), doing),
                }
            }
            (Answer::Stands(stands), Command::Talk { doing, .. }) => {
                let Some(talk) = waiting.found.clone() else { return };
                let channel = channel_of(doing);
                let way = stands.and_then(|stands| self.way_by(&channel?, &stands));
                self.do_in(now, &waiting, &talk, way, doing)
            }
            (Answer::Conversation(None), _) => {
                Err(No::Cannot("there is no conversation with that id".to_owned()))
            }
            (Answer::Message(Some(message)), command) => {
                self.do_with(now, &waiting, &message, command)
            }
            (Answer::Message(None), _) => {
                Err(No::Cannot("there is no message with that id".to_owned()))
            }
            _ => Ok(Some(Reply::NotReady(NOT_READY.to_owned()))),
        };
        let newest = self.journal.newest();
        if matches!(reply, Ok(Some(Reply::Done))) && newest > self.messages_shown() {
            self.talking.done.push((newest, waiting));
            return self.talks_are_stored();
        }
        let Waiting { to, by, command, .. } = waiting;
        match reply {
            // The ledger answers.
            Ok(None) => {}
            Ok(Some(reply)) => self.reply(now, to, &by, &command, reply),
            Err(no) => self.reply(now, to, &by, &command, no.into()),
        }
    }

    /// What has to be looked up of the person where something goes by another way than theirs.
    fn other_way(&self, talk: &Conversation<String>, doing: &Doing) -> Option<Question> {
        let channel = channel_of(doing)?;
        let there = self.settings.channels.contains_key(&channel);
        let who = crate::context::Who::Contact(talk.contact);
        (there && channel != talk.way.channel).then_some(Question::Stands(who))
    }
}

/// The channel by which somebody wants something to go.
fn channel_of(doing: &Doing) -> Option<ChannelId> {
    match doing {
        Doing::Reply { reply, .. } => reply.channel.as_deref().map(ChannelId::from),
        _ => None,
    }
}

/// Deciding. Nothing: whoever asked is answered later.
type Done = Result<Option<Reply>, No>;

impl Gateway {
    fn do_in(
        &mut self,
        now: Now,
        waiting: &Waiting,
        talk: &Conversation<String>,
        way: Option<Way<String>>,
        doing: &Doing,
    ) -> Done {
        let by = &waiting.by;
        if self.journal.state() != State::Healthy {
            let words = "the disk does not work: nothing would be kept";
            return Ok(Some(Reply::NotReady(words.to_owned())));
        }
        let here = (talk.id, talk.contact);
        match doing {
            Doing::Reply { reply, once } => {
                self.may_act(by, talk.id)?;
                let wish = self.reply_wish(now, by, talk, way, reply, once.as_deref())?;
                self.wish_for(now, (waiting.to, by, &waiting.command), wish);
                return Ok(None);
            }
            Doing::Claim { agent } => {
                let agent = self.who(by, agent.as_ref())?.ok_or("say which agent has it")?;
                self.may_know(by, talk)?;
                self.claim(now, talk, &agent)?;
            }
            Doing::Release { queue: None, flow: Some(flow) } => {
                self.may_act(by, talk.id)?;
                self.goes_to_flow(now, by, talk, flow)?;
            }
            Doing::Release { queue, .. } => {
                self.may_act(by, talk.id)?;
                self.goes_to_queue(now, by, talk, queue.as_ref(), None)?;
            }
            Doing::HandOver { agent, queue, note } => {
                self.may_act(by, talk.id)?;
                self.talk_handed_over(
                    now,
                    by,
                    talk,
                    (agent.as_ref(), queue.as_ref()),
                    note.as_ref(),
                )?;
            }
            Doing::Close { code, fields } => {
                self.may_act(by, talk.id)?;
                self.close_talk(now, by, here, code.as_deref(), fields)?;
            }
            Doing::Typing { on } => {
                self.may_act(by, talk.id)?;
                let Way { channel, thread, .. } = talk.way.clone();
                let order = Order::Typing { to: talk.way.address(), thread, on: *on };
                self.order_channel(now, channel, order);
            }
            Doing::Phone => {
                self.may_act(by, talk.id)?;
                return Ok(Some(self.give_phone_code(now, here)?));
            }
            Doing::Invite => {
                self.may_act(by, talk.id)?;
                self.invite_to_call(now, talk)?;
            }
            Doing::Seen { upto } => {
                self.may_read(by, talk)?;
                self.seen(now, by, talk, *upto);
            }
        }
        Ok(Some(Reply::Done))
    }

    /// Whether somebody may claim a conversation: where another one answers, whoever comes second is told who that is.
    fn may_know(&self, by: &By, talk: &Conversation<String>) -> Result<(), No> {
        match self.journal.live().talks.owner(talk.id) {
            Owner::Agent { .. } => Ok(()),
            _ => self.may_read(by, talk),
        }
    }

    fn may_read(&self, by: &By, talk: &Conversation<String>) -> Result<(), No> {
        match self.viewer(by) {
            Some(viewer) if !viewer.sees(talk) => {
                Err(No::Cannot("there is no conversation with that id".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Whether somebody may act in a conversation: an agent in those that they have, whoever leads in all.
    fn may_act(&self, by: &By, conversation: ConversationId) -> Result<(), No> {
        let Some(own) = &by.own else { return Ok(()) };
        match self.journal.live().talks.owner(conversation) {
            Owner::Agent { agent, .. } if agent == own => Ok(()),
            Owner::Agent { agent, .. } => Err(No::Taken(format!("{agent} has this conversation"))),
            Owner::Queue { .. } | Owner::Flow { .. } | Owner::Nobody => {
                let words = "no agent has this conversation: claim it first";
                Err(No::Taken(words.to_owned()))
            }
        }
    }

    fn claim(&mut self, now: Now, talk: &Conversation<String>, agent: &AgentId) -> Result<(), No> {
        let here = (talk.id, talk.contact);
        match self.journal.live().talks.owner(talk.id).clone() {
            Owner::Agent { agent: own, .. } if own == *agent => Ok(()),
            Owner::Agent { agent, .. } => Err(No::Taken(format!("{agent} has this conversation"))),
            Owner::Queue { item, .. } => Ok(self.take_errand(now, item, agent)?),
            Owner::Flow { .. } | Owner::Nobody => {
                let queue = self.queue_for(talk);
                match queue {
                    Some(queue) => {
                        let item = self.enters(now, talk, queue)?;
                        if let Err(why) = self.take_errand(now, item, agent) {
                            // It was nobody's, and is again.
                            self.errand_taken_out(now, item);
                            return Err(why.into());
                        }
                        Ok(())
                    }
                    None if self.journal.live().talks.open.len() >= MOST_OWNED => {
                        Err(format!("{MOST_OWNED} conversations are open, which is the most")
                            .into())
                    }
                    None => {
                        let owner = Owner::Agent { agent: agent.clone(), item: None };
                        self.owned(now, here, owner, None, None);
                        Ok(())
                    }
                }
            }
        }
    }

    /// The queue whose agents answer where somebody wrote last.
    fn queue_for(&self, talk: &Conversation<String>) -> Option<QueueId> {
        self.settings.channels.get(&talk.way.channel)?.queue.clone()
    }

    /// A conversation becomes an item of a queue.
    fn enters(
        &mut self,
        now: Now,
        talk: &Conversation<String>,
        queue: QueueId,
    ) -> Result<ItemId, No> {
        let (channel, work) = (talk.way.channel.clone(), talk.way.work);
        let entering = Entering {
            talk: (talk.id, talk.contact),
            channel,
            work,
            words: talk.subject.clone(),
            skills: Skills::new(),
            priority: 0,
        };
        let entered = self.conversation_enters(now, entering, queue.clone());
        entered.map_err(|_| No::Cannot(format!("queue {queue} takes nothing at this moment")))
    }

    fn talk_handed_over(
        &mut self,
        now: Now,
        by: &By,
        talk: &Conversation<String>,
        (agent, queue): (Option<&AgentId>, Option<&QueueId>),
        note: Option<&String>,
    ) -> Result<(), No> {
        if note.is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
            return Err(format!("a note has at most {LONGEST_NOTE} characters").into());
        }
        match agent {
            Some(agent) => self.goes_to_agent(now, by, talk, agent, note.cloned()),
            None => self.goes_to_queue(now, by, talk, queue, note.cloned()),
        }
    }

    /// A conversation goes to an agent.
    fn goes_to_agent(
        &mut self,
        now: Now,
        by: &By,
        talk: &Conversation<String>,
        to: &AgentId,
        note: Option<String>,
    ) -> Result<(), No> {
        if self.roster.presence(to).is_none() {
            return Err(format!("there is no agent {to}").into());
        }
        let item = match self.journal.live().talks.owner(talk.id).clone() {
            Owner::Agent { agent, .. } if agent == *to => {
                return Err(format!("{to} has it already").into());
            }
            Owner::Agent { item: Some(item), .. } => {
                self.pass_errand(now, item, to)?;
                Some(item)
            }
            Owner::Agent { item: None, .. } => None,
            Owner::Queue { .. } | Owner::Flow { .. } | Owner::Nobody => {
                self.claim(now, talk, to)?;
                self.item_of_talk(talk.id)
            }
        };
        let owner = Owner::Agent { agent: to.clone(), item };
        self.owned(now, (talk.id, talk.contact), owner, Some(actor(by)), note);
        item.into_iter().for_each(|item| self.tell_errand(now, item));
        Ok(())
    }

    /// A conversation goes to a queue; to the one it came from, or to its channel's, when none is named.
    fn goes_to_queue(
        &mut self,
        now: Now,
        by: &By,
        talk: &Conversation<String>,
        queue: Option<&QueueId>,
        note: Option<String>,
    ) -> Result<(), No> {
        if let Some(unknown) = queue.filter(|queue| self.queue_settings(queue).is_none()) {
            return Err(format!("no queue is called {unknown}").into());
        }
        let here: Talk = (talk.id, talk.contact);
        let Some(item) = self.item_of_talk(talk.id) else {
            let Some(queue) = queue.cloned().or_else(|| self.queue_for(talk)) else {
                self.owned(now, here, Owner::Nobody, Some(actor(by)), note);
                return Ok(());
            };
            let item = self.enters(now, talk, queue.clone())?;
            if note.is_some() {
                self.owned(now, here, Owner::Queue { queue, item }, Some(actor(by)), note);
            }
            return Ok(());
        };
        let held = matches!(self.journal.live().talks.owner(talk.id), Owner::Agent { .. });
        let old = self.queue_of_work(item).cloned();
        let Some(to) = queue.cloned().or_else(|| old.clone()) else {
            return Err("it is in no queue".into());
        };
        self.owned(now, here, Owner::Queue { queue: to.clone(), item }, Some(actor(by)), note);
        if held {
            self.queues.handle_given_back(now, item);
        }
        if old.as_ref() != Some(&to) {
            // It is there: that was looked at above.
            let _ = self.queues.handle_move_queue(now, item, &to);
        }
        Ok(())
    }

    pub(super) fn item_of_talk(&self, conversation: ConversationId) -> Option<ItemId> {
        match self.journal.live().talks.owner(conversation) {
            Owner::Queue { item, .. } => Some(*item),
            Owner::Agent { item, .. } => *item,
            Owner::Flow { .. } | Owner::Nobody => None,
        }
    }

    fn close_talk(
        &mut self,
        now: Now,
        by: &By,
        talk: Talk,
        code: Option<&str>,
        fields: &BTreeMap<String, String>,
    ) -> Result<(), No> {
        match self.journal.live().talks.owner(talk.0).clone() {
            Owner::Agent { agent, item: Some(item) } => {
                Ok(self.finish_errand(now, by, (item, &agent), code, fields)?)
            }
            Owner::Queue { item, .. } => {
                self.errand_taken_out(now, item);
                self.close_conversation(now, talk, actor(by));
                Ok(())
            }
            Owner::Agent { agent, item: None } => {
                self.close_conversation(now, talk, agent.as_str().into());
                Ok(())
            }
            Owner::Flow { .. } | Owner::Nobody => {
                self.close_conversation(now, talk, actor(by));
                Ok(())
            }
        }
    }

    /// Somebody has read. Whoever answers there shows it to the person too.
    fn seen(&mut self, now: Now, by: &By, talk: &Conversation<String>, upto: MessageId) {
        let reader = by.own.clone().unwrap_or_else(|| by.who.to_string().as_str().into());
        let (conversation, contact) = (talk.id, talk.contact);
        let what = What::Seen { by: reader, upto };
        let entry = Entry { at: now.unix, conversation, contact, what };
        if talk.seen.as_ref().is_none_or(|(_, before)| *before != upto) || talk.unread > 0 {
            self.keep(now, Event::Message(Box::new(to_seal(entry))));
        }
        if self.may_act(by, conversation).is_ok() {
            let Way { channel, thread, .. } = talk.way.clone();
            let reference = self.talks.reference(conversation);
            let order = Order::Read { to: talk.way.address(), thread, reference };
            self.order_channel(now, channel, order);
        }
    }

    fn do_with(
        &mut self,
        now: Now,
        waiting: &Waiting,
        message: &Message<String>,
        command: &Command,
    ) -> Done {
        self.may_act(&waiting.by, message.conversation)?;
        if message.out.is_none() {
            return Err("it came in: only what goes out is sent again or taken back".into());
        }
        let by = actor(&waiting.by);
        let asked = (waiting.to, &waiting.by, &waiting.command);
        match command {
            Command::Replay { .. } => self.replay_for(now, asked, (message.id, by)),
            _ => self.withdraw_for(now, asked, message.id),
        }
        Ok(None)
    }
}

/// Answers.
impl Gateway {
    fn reply_wish(
        &self,
        now: Now,
        by: &By,
        talk: &Conversation<String>,
        way: Option<Way<String>>,
        reply: &NewReply,
        once: Option<&str>,
    ) -> Result<Wish, No> {
        let way = way.ok_or("the person has no address that this channel reaches")?;
        let channel = reply.channel.as_deref().unwrap_or(way.channel.as_str());
        if channel != way.channel.as_str() || !self.settings.channels.contains_key(&way.channel) {
            return Err(format!("no channel is called {channel}").into());
        }
        let pieces = pieces(reply)?;
        let fresh = talk.last_in.is_some_and(|at| now.unix.since(at) < ANSWERS);
        let answers = match &reply.answers {
            Some(message) => Some(*message),
            None => talk.heard.filter(|_| fresh),
        };
        let said = format!("{}\0{pieces:?}\0{:?}\0{:?}", talk.id, reply.channel, reply.answers);
        Ok(Wish {
            way,
            known: Some((talk.contact, Some(talk.id))),
            pieces,
            subject: talk.subject.clone(),
            answers,
            quote: None,
            by: actor(by),
            purpose: SERVICE.to_owned(),
            reply: fresh,
            until: now.unix + LONGEST_WAIT,
            not_before: None,
            once: once.map(|key| self.once(&by.who.to_string(), key, &said)),
            asker: None,
        })
    }
}

/// What a reply is made of.
fn pieces(reply: &NewReply) -> Result<Vec<Piece<String>>, String> {
    let length = reply.text.as_deref().map_or(0, |text| text.chars().count());
    if length > LONGEST_TEXT || reply.text.as_deref().is_some_and(|text| text.trim().is_empty()) {
        return Err(format!("a message says something in 1 to {LONGEST_TEXT} characters"));
    }
    if reply.text.is_some() && reply.template.is_some() {
        return Err("words and a template do not go together".to_owned());
    }
    if reply.files.len() > MOST_FILES {
        return Err(format!("a message has at most {MOST_FILES} files"));
    }
    let text = reply.text.iter().map(|text| Ok(Piece::text(text.clone())));
    let template = reply.template.iter().cloned().map(|filled| {
        let (name, language, values) = (filled.name, filled.language, filled.values);
        Ok(Piece::Template { name, language, values })
    });
    let files = reply.files.iter().cloned().map(|file| {
        let content = file.content.parse().map_err(|_| "a file is named by its SHA-256")?;
        let media = Media { content, mime: file.mime, name: file.name, size: file.size };
        Ok(Piece::Media { media })
    });
    let pieces = text.chain(template).chain(files).collect::<Result<Vec<_>, String>>()?;
    match pieces.is_empty() {
        true => Err("a message has words, a template or files".to_owned()),
        false => Ok(pieces),
    }
}

/// Who does it, as the journal has them.
fn actor(by: &By) -> ActorId {
    ActorId::from(by.who.to_string().as_str())
}
