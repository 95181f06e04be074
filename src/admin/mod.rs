//! What an admin asks and is told: commands, and snapshots that serialise to JSON and read well as text.
//!
//! Owns the words between `branchline status` and a running box. Gathers nothing itself: the gateway fills the
//! snapshots, the command line prints them.

pub mod access;
pub mod api;
mod ban;
pub mod configuring;
mod crm;
pub mod export;
mod exposition;
mod glance;
mod journey;
mod ladder;
mod modem;
pub mod outgoing;
pub mod pcap;
mod person;
pub mod quality;
pub mod queueing;
mod smpp;
mod spending;
mod uplink;
pub mod verdict;
pub mod web;
mod webhook;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::call::budget::Subject;
use crate::context::{Order, Ref, Refused as Refusal, Who};
use crate::id::{
    AgentId, CallId, ContactId, ConversationId, ExtensionId, HookId, ItemId, JourneyId, MessageId,
    QueueId, RecordingId,
};
use crate::journal::act::{Role, Token, User};
use crate::messaging::State;
use crate::queue::Channel;
use crate::store::context::Proof;
use crate::store::context::finding::Hits;
use crate::store::context::looking::{Dossier, Placed};
use crate::store::messages::looking::{After, Filter};
use crate::time::UnixTime;
use api::Operation;
use api::bodies::{
    ActLine, DryRun, Mode, OneCall, Page, Party, RecordingLine, TokenLine, UserLine,
};
use api::messages::{ConversationLines, ConversationPage, MessageLine};
use api::sites::{SiteEvent, Taken};
use configuring::{ConfigOrder, ConfigReply};

pub use ban::Ban;
pub use crm::{CrmLine, CrmTest};
pub use exposition::{Figures, Spans};
pub use glance::{
    ActiveCall, Agent, CallLine, DispositionLine, Held, Lamp, Mailbox, Part, Phone, PhoneSheet,
    Queue, Status, Trunk,
};
pub use journey::{JourneyLine, JourneyTold, JourneysReply, TaskLine};
pub use ladder::{Ended as LadderEnd, Ladder, Step as LadderStep, What as Told};
pub use modem::{Bundle, ModemLimit, ModemLine, ModemOrder, ModemReply, Said};
pub use person::{Ordered, PeoplePage, RecordsPage};
pub use smpp::{ApplicationLine, ApplicationLink, CarrierLine, CarrierLink, SmppLines};
pub use spending::{Cap, Spending, Spent};
pub use uplink::UplinkLine;
pub use webhook::{DeadLine, WebhookLine};

/// A question or an order for a running box; one JSON object on one line of the control socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// The whole box at a glance.
    Status,
    /// Calls that are up.
    ActiveCalls,
    /// Call records, the newest first.
    CallRecords {
        /// At most this many.
        limit: usize,
        /// Those behind this one: the last of the page before.
        #[serde(default)]
        after: Option<String>,
    },
    /// One call: live, its record, its ladder.
    OneCall {
        /// Which.
        call: CallId,
    },
    /// How a call that is up sounds.
    CallQuality {
        /// Which.
        call: CallId,
    },
    /// Messages that callers left, the newest first.
    Recordings {
        /// At most this many.
        limit: usize,
        /// Those behind this one.
        #[serde(default)]
        after: Option<RecordingId>,
    },
    /// Somebody wants to hear a message.
    Listen {
        /// Which.
        recording: RecordingId,
    },
    /// Signs an agent in or out, or lets them pause.
    SetPresence {
        /// Who.
        agent: AgentId,
        /// How they are to be.
        state: api::bodies::Wanted,
        /// Why they pause.
        reason: Option<String>,
    },
    /// Makes a call: a phone rings first.
    Originate {
        /// Which phone.
        from: ExtensionId,
        /// What it would dial.
        to: String,
    },
    /// Sends the other party of a conversation on.
    Transfer {
        /// In which call.
        call: CallId,
        /// To this number.
        to: Option<String>,
        /// Or into this call.
        with: Option<CallId>,
    },
    /// Puts the other party on hold, or takes it off.
    Hold {
        /// In which call.
        call: CallId,
        /// On hold, or off.
        on: bool,
    },
    /// Begins or ends a recording.
    Tape {
        /// Of which call.
        call: CallId,
        /// Begins, or ends.
        on: bool,
    },
    /// Lets nothing onto a recording that runs, or everything again.
    PauseTape {
        /// Of which call.
        call: CallId,
        /// Nothing, or everything.
        on: bool,
    },
    /// Lets a supervisor listen in, or take another part in it.
    Supervise {
        /// To which call.
        call: CallId,
        /// The phone that rings for it; not needed to take another part.
        phone: Option<ExtensionId>,
        /// How.
        mode: Mode,
    },
    /// Ends that.
    Unsupervise {
        /// In which call.
        call: CallId,
    },
    /// Begins or ends a payment pause.
    Payment {
        /// In which call.
        call: CallId,
        /// Begins, or ends.
        on: bool,
    },
    /// Plays a prompt.
    Play {
        /// In which call.
        call: CallId,
        /// Which.
        prompt: String,
        /// To whom.
        party: Party,
    },
    /// Asks for keys.
    Collect {
        /// In which call.
        call: CallId,
        /// Whom.
        party: Party,
        /// At most so many.
        keys: u8,
        /// For so long.
        seconds: u16,
        /// With this prompt.
        prompt: Option<String>,
    },
    /// Where a number would go, and why.
    Route {
        /// As it would be dialled.
        number: String,
        /// The extension or `trunk:NAME` that would dial it.
        from: String,
    },
    /// Users of the API.
    Users,
    /// Makes one. The password is hashed already.
    AddUser {
        /// The user.
        user: User,
    },
    /// Writes down that somebody has signed in or out, or has tried to; the API keeps sessions itself.
    Session {
        /// What they did.
        what: SessionAct,
        /// Whose session it is, or would be; nothing where nobody is called so.
        user: Option<String>,
        /// Whether it was done.
        done: bool,
    },
    /// Lets in somebody who has signed in at the provider.
    Enter {
        /// As the provider has them.
        user: User,
    },
    /// Changes one; what is absent stays.
    ChangeUser {
        /// Which.
        name: String,
        /// What they may do.
        #[serde(default)]
        role: Option<Role>,
        /// A new password's hash.
        #[serde(default)]
        password: Option<String>,
        /// The agent that they are.
        #[serde(default)]
        agent: Option<AgentId>,
        /// Whether they may not sign in.
        #[serde(default)]
        disabled: Option<bool>,
    },
    /// Tokens of programs.
    Tokens,
    /// Makes one; what is secret of it stays with whoever made it up.
    AddToken {
        /// The token.
        token: Token,
    },
    /// Revokes one.
    RevokeToken {
        /// Its first characters.
        prefix: String,
    },
    /// Who did what, the newest first.
    Acts {
        /// At most this many.
        limit: usize,
        /// Those behind this one.
        #[serde(default)]
        after: Option<u64>,
    },
    /// Queues and who waits.
    Queues,
    /// Those who wait in a queue, by place.
    Waiting {
        /// In which.
        queue: QueueId,
    },
    /// Why an item still waits, and to whom it was offered and why.
    Explain {
        /// In this queue, if that is said.
        #[serde(default)]
        queue: Option<QueueId>,
        /// Which.
        item: ItemId,
    },
    /// Lets one who waits wait in another queue, with what they have waited.
    MoveToQueue {
        /// In this queue, if that is said.
        #[serde(default)]
        queue: Option<QueueId>,
        /// Which.
        item: ItemId,
        /// Where to.
        to: QueueId,
    },
    /// Lets one who waits wait in another way, at their place.
    MoveToChannel {
        /// In this queue, if that is said.
        #[serde(default)]
        queue: Option<QueueId>,
        /// Which.
        item: ItemId,
        /// How.
        to: Channel,
    },
    /// Gives one who waits another priority.
    Prioritise {
        /// In this queue, if that is said.
        #[serde(default)]
        queue: Option<QueueId>,
        /// Which.
        item: ItemId,
        /// 0 to 100.
        priority: i32,
    },
    /// Agents and their states.
    Agents,
    /// Trunks and their lamps.
    Trunks,
    /// Phones and where they are registered.
    Phones,
    /// One call's ladder, live or of late.
    ShowCall {
        /// Which.
        call: CallId,
        /// Whether whole messages are asked for.
        whole: bool,
    },
    /// Every figure, for Prometheus.
    Metrics,
    /// Sources that are not heard.
    Bans,
    /// Hears a source again.
    Unban {
        /// Its address.
        address: IpAddr,
    },
    /// What calls out have cost.
    Spending,
    /// Lifts caps on spending for a time.
    LiftCaps {
        /// Whose; everybody's when absent.
        of: Option<Subject>,
        /// For so many hours, 168 at most; 0 puts them back in force.
        hours: u16,
    },
    /// Ways in which a contact may come out.
    Dispositions,
    /// Mailboxes and how many messages are in them.
    Mailboxes,
    /// Gives the address that a desk phone fetches its configuration from.
    PhoneUrl {
        /// The phone's hardware address.
        mac: String,
        /// An address for the first contact instead: short, for one fetch within a quarter of an hour.
        #[serde(default)]
        once: bool,
        /// Another address in place of the one it has, which is shut.
        #[serde(default)]
        renew: bool,
    },
    /// Changes what is known of a person.
    Contact {
        /// How.
        order: Order,
        /// Versions of the contact that whoever orders may have seen: of another one nothing is changed. Not looked at when
        /// nothing.
        #[serde(default)]
        seen: Option<Vec<u64>>,
    },
    /// Everything that is known of a person.
    Person {
        /// Who.
        who: Who,
        /// So many moments of the timeline at most.
        moments: usize,
    },
    /// All people, a page at a time.
    People {
        /// Behind this one.
        #[serde(default)]
        after: Option<ContactId>,
        /// So many contacts are looked at, 256 at most.
        limit: usize,
    },
    /// Whole records, as a file takes them along.
    Records {
        /// Of the contacts behind this one.
        #[serde(default)]
        after: Option<ContactId>,
        /// At most so many contacts.
        limit: usize,
    },
    /// People, cases and moments that some words fit.
    Search {
        /// The words: beginnings of them, or how a number ends.
        text: String,
        /// Behind this one.
        #[serde(default)]
        after: Option<i64>,
        /// So many at most, 256 at most.
        limit: usize,
    },
    /// What happened with a person, the newest first.
    Timeline {
        /// Who.
        who: Who,
        /// So many moments at most.
        limit: usize,
        /// Those behind this one.
        #[serde(default)]
        after: Option<Ref>,
    },
    /// Conversations, the one in which something was written last first.
    Conversations {
        /// Which.
        filter: Filter,
        /// Behind this one.
        #[serde(default)]
        after: Option<After>,
        /// So many at most.
        limit: usize,
    },
    /// A conversation and its messages, the newest first.
    Conversation {
        /// Which.
        conversation: ConversationId,
        /// Messages behind this one.
        #[serde(default)]
        after: Option<MessageId>,
        /// So many at most.
        limit: usize,
    },
    /// One message.
    Message {
        /// Which.
        message: MessageId,
    },
    /// Messages that stand like this, the one that came to last first.
    Messages {
        /// How.
        state: State,
        /// Behind this one, which has stood so since then.
        #[serde(default)]
        after: Option<(UnixTime, MessageId)>,
        /// So many at most.
        limit: usize,
    },
    /// Does something in a conversation.
    Talk {
        /// In which.
        conversation: ConversationId,
        /// What.
        doing: api::messages::Doing,
    },
    /// Sends a message again.
    Replay {
        /// Which.
        message: MessageId,
    },
    /// Takes a message back.
    Withdraw {
        /// Which.
        message: MessageId,
    },
    /// Erasures that were.
    Erasures,
    /// The site's CRM.
    Crm,
    /// Asks what it says of somebody.
    TestCrm {
        /// A number as it would be dialled here, an address, or KIND:VALUE.
        who: String,
        /// Whether that goes on the record; else nothing is changed.
        #[serde(default)]
        keep: bool,
    },
    /// Journeys that run, tasks, and what came of the last steps.
    Journeys {
        /// So many that run at most.
        limit: usize,
        /// Those behind this one.
        #[serde(default)]
        after: Option<JourneyId>,
    },
    /// Something happened at a site or a shop.
    SiteEvents {
        /// What.
        events: Vec<SiteEvent>,
    },
    /// Stops a journey.
    StopJourney {
        /// Which.
        journey: JourneyId,
    },
    /// A task is done with.
    TaskDone {
        /// Which.
        task: String,
    },
    /// Work that nobody holds a line for and that is not over.
    Errands {
        /// Of this queue.
        #[serde(default)]
        queue: Option<QueueId>,
        /// On the screen or in the hand of this agent.
        #[serde(default)]
        agent: Option<AgentId>,
        /// So much at most.
        limit: usize,
        /// Behind this one.
        #[serde(default)]
        after: Option<ItemId>,
    },
    /// Makes a task.
    NewTask {
        /// What.
        task: api::errands::NewTask,
    },
    /// Sends somebody a message.
    SendMessage {
        /// What.
        message: api::messages::NewMessage,
        /// The key by which the same wish is known.
        #[serde(default)]
        once: Option<String>,
    },
    /// Counts a text.
    CountParts {
        /// Which, and for which channel.
        parts: api::messages::Parts,
    },
    /// Lists articles.
    Articles {
        /// Which.
        wanted: crate::messaging::shelf::Wanted,
        /// At most so many.
        limit: usize,
    },
    /// Shows one.
    Article {
        /// Which.
        name: crate::id::ArticleId,
    },
    /// Has an article be like this.
    PutArticle {
        /// Which.
        name: crate::id::ArticleId,
        /// How.
        article: Box<api::knowledge::NewArticle>,
    },
    /// Takes one off the shelf.
    RemoveArticle {
        /// Which.
        name: crate::id::ArticleId,
    },
    /// Does something with a piece of work.
    Errand {
        /// Which.
        item: ItemId,
        /// For which agent, where that is said.
        #[serde(default)]
        agent: Option<AgentId>,
        /// What.
        doing: api::errands::Doing,
    },
    /// Ends an agent's after-work.
    WrapUp {
        /// Whose.
        agent: AgentId,
        /// How.
        end: api::errands::EndOfWork,
    },
    /// Programs elsewhere that are told what happens.
    Webhooks,
    /// Messages to one of them that were given up.
    DeadWebhooks {
        /// Which.
        hook: HookId,
    },
    /// Sends one of them again what happened before.
    ReplayWebhook {
        /// Which.
        hook: HookId,
        /// What happened at this time or later, in microseconds since 1970.
        since: Option<UnixTime>,
        /// And before this one.
        until: Option<UnixTime>,
        /// From this record of the journal to that one.
        records: Option<(u64, u64)>,
        /// Or what an id of a message or an event names.
        #[serde(default)]
        id: Option<String>,
    },
    /// Sends one of them nothing until somebody says so; or goes on.
    PauseWebhook {
        /// Which.
        hook: HookId,
        /// Nothing is sent, or it goes on.
        on: bool,
    },
    /// Ends a call.
    HangUp {
        /// Which.
        call: CallId,
    },
    /// Something about the configuration; whoever keeps its files answers.
    Config {
        /// What.
        order: ConfigOrder,
    },
    /// How SMPP is, both ways; whoever speaks it answers.
    Smpp,
    /// How the line to head office is; whoever holds it answers.
    Uplink,
    /// Holds the line to head office down for a while, after which it comes back by itself: a rehearsal. At the control socket alone.
    HoldUplink {
        /// So long, 1 to 300.
        seconds: u16,
    },
    /// Something about modems; whoever runs them answers.
    Modem {
        /// What.
        order: ModemOrder,
    },
    /// Writes down that the configuration was changed, or was not.
    ConfigAct {
        /// What was done.
        what: ConfigWhat,
        /// Which version it is about, where there is one.
        version: Option<u32>,
        /// Whether it was done.
        done: bool,
    },
    /// Writes down that somebody had the journal read from end to end.
    Verified {
        /// Up to this record.
        record: u64,
        /// Whether it is as it was written.
        whole: bool,
    },
    /// Carriers that work, and whether there are phones: what a change of the configuration is measured by.
    Health,
    /// Starts the program anew as soon as no call is up.
    Restart,
    /// Takes no new calls, ends when the last is over.
    Drain,
    /// The program is stopped and started again at once: calls that can be stay up meanwhile.
    Leave,
}

/// The answer to a [`Command`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", content = "value", rename_all = "snake_case")]
pub enum Reply {
    /// To [`Command::Status`].
    Status(Box<Status>),
    /// To [`Command::ActiveCalls`].
    ActiveCalls(Vec<ActiveCall>),
    /// To [`Command::CallRecords`].
    CallRecords(Vec<CallLine>),
    /// To [`Command::Queues`].
    Queues(Vec<Queue>),
    /// To [`Command::Waiting`].
    Waiting(Vec<queueing::WaitingItem>),
    /// To [`Command::Explain`].
    Explained(Box<queueing::Explanation>),
    /// To [`Command::Agents`].
    Agents(Vec<Agent>),
    /// To [`Command::Trunks`].
    Trunks(Vec<Trunk>),
    /// To [`Command::Phones`].
    Phones(Vec<Phone>),
    /// To [`Command::ShowCall`].
    Ladder(Ladder),
    /// To [`Command::Metrics`]: the text exposition format.
    Metrics(String),
    /// To [`Command::Bans`].
    Bans(Vec<Ban>),
    /// To [`Command::Spending`].
    Spending(Spending),
    /// To [`Command::Dispositions`].
    Dispositions(Vec<DispositionLine>),
    /// To [`Command::Mailboxes`].
    Mailboxes(Vec<Mailbox>),
    /// To [`Command::PhoneUrl`]. A secret.
    PhoneUrl {
        /// What is entered at the phone.
        url: String,
        /// How long it can be used, and then once; for ever when nothing.
        minutes: Option<u64>,
    },
    /// To [`Command::CallQuality`].
    CallQuality(quality::CallQuality),
    /// To [`Command::OneCall`].
    OneCall(Box<OneCall>),
    /// To [`Command::Recordings`].
    Recordings(Page<RecordingLine>),
    /// To [`Command::Route`].
    Route(DryRun),
    /// To [`Command::Users`].
    Users(Vec<UserLine>),
    /// To [`Command::AddUser`], [`Command::ChangeUser`] and [`Command::Enter`].
    User(UserLine),
    /// To [`Command::Originate`].
    Begun(CallId),
    /// To [`Command::Tokens`].
    Tokens(Vec<TokenLine>),
    /// To [`Command::Acts`].
    Acts(Page<ActLine>),
    /// To [`Command::Contact`].
    Ordered(Ordered),
    /// To [`Command::Person`].
    Person(Box<Dossier>),
    /// To [`Command::People`].
    People(PeoplePage),
    /// To [`Command::Records`].
    Records(RecordsPage),
    /// To [`Command::Search`].
    Hits(Hits),
    /// To [`Command::Timeline`].
    Timeline(Vec<Placed>),
    /// To [`Command::Conversations`].
    Conversations(ConversationLines),
    /// To [`Command::Conversation`].
    Conversation(Box<ConversationPage>),
    /// To [`Command::Message`].
    Message(Box<MessageLine>),
    /// To [`Command::Messages`].
    Messages(Vec<MessageLine>),
    /// To [`Command::Erasures`].
    Erasures(Vec<Proof>),
    /// To [`Command::Crm`].
    Crm(Box<CrmLine>),
    /// To [`Command::TestCrm`].
    CrmTest(Box<CrmTest>),
    /// To [`Command::SiteEvents`], in their order.
    SiteEvents(Vec<Taken>),
    /// To [`Command::Journeys`].
    Journeys(JourneysReply),
    /// To [`Command::Errands`].
    Errands(Vec<api::errands::WorkLine>),
    /// To [`Command::NewTask`].
    Made(ItemId),
    /// To [`Command::Articles`].
    Articles(Vec<api::knowledge::ArticleLine>),
    /// To [`Command::Article`], and to [`Command::PutArticle`].
    Article(Box<api::knowledge::ArticleLine>),
    /// To [`Command::Talk`], where somebody is to go on by telephone.
    PhoneCode(api::messages::PhoneCode),
    /// To [`Command::CountParts`].
    Parts(api::messages::PartsLine),
    /// To [`Command::SendMessage`].
    Queued {
        /// Which message.
        message: crate::id::MessageId,
        /// In which conversation.
        conversation: crate::id::ConversationId,
    },
    /// To [`Command::Webhooks`].
    Webhooks(Vec<WebhookLine>),
    /// To [`Command::DeadWebhooks`].
    DeadWebhooks(Vec<DeadLine>),
    /// To [`Command::Config`].
    Config(Box<ConfigReply>),
    /// To [`Command::Modem`].
    Modem(ModemReply),
    /// To [`Command::Smpp`].
    Smpp(SmppLines),
    /// To [`Command::Uplink`]; nothing where there is no hub.
    Uplink(Option<Box<UplinkLine>>),
    /// To [`Command::Health`]: trunks that work, and whether there are phones.
    Health(Vec<crate::id::TrunkId>, bool),
    /// An order about a person was not carried out, and why.
    Declined(Refusal),
    /// It was done.
    Done,
    /// It was not done, and why.
    Refused(String),
    /// It was not done because whoever asks may not, and why.
    NotAllowed(String),
    /// It was not done because somebody else was faster, and who.
    Conflict(String),
    /// It cannot be done yet, and why.
    NotReady(String),
}

impl Command {
    /// What the journal calls it, if it is more than a look at the box, and what it is done to.
    pub fn act(&self) -> Option<(Operation, Option<String>)> {
        let (operation, on) = match self {
            Command::HangUp { call } => (Operation::HangUp, call.to_string()),
            Command::Originate { from, .. } => (Operation::Originate, from.to_string()),
            Command::Transfer { call, .. } => (Operation::Transfer, call.to_string()),
            Command::Hold { call, on: true } => (Operation::Hold, call.to_string()),
            Command::Hold { call, on: false } => (Operation::Resume, call.to_string()),
            Command::Tape { call, on: true } => (Operation::Record, call.to_string()),
            Command::Tape { call, on: false } => (Operation::StopRecording, call.to_string()),
            Command::PauseTape { call, on: true } => (Operation::PauseRecording, call.to_string()),
            Command::PauseTape { call, on: false } => (Operation::GoOnRecording, call.to_string()),
            Command::Supervise { call, mode, .. } => (mode.operation(), call.to_string()),
            Command::Unsupervise { call } => (Operation::Unsupervise, call.to_string()),
            Command::Payment { call, on: true } => (Operation::BeginPayment, call.to_string()),
            Command::Payment { call, on: false } => (Operation::EndPayment, call.to_string()),
            Command::Play { call, .. } => (Operation::Play, call.to_string()),
            Command::Collect { call, .. } => (Operation::Collect, call.to_string()),
            Command::Listen { recording } => (Operation::Audio, recording.to_string()),
            Command::SetPresence { agent, .. } => (Operation::SetPresence, agent.to_string()),
            Command::MoveToQueue { item, .. } | Command::MoveToChannel { item, .. } => {
                (Operation::MoveWaiting, item.to_string())
            }
            Command::Prioritise { item, .. } => (Operation::Prioritise, item.to_string()),
            Command::LiftCaps { of, .. } => {
                return Some((Operation::LiftCaps, of.as_ref().map(ToString::to_string)));
            }
            Command::StopJourney { journey } => (Operation::StopJourney, journey.to_string()),
            Command::TaskDone { task } => (Operation::TaskDone, task.clone()),
            Command::PutArticle { name, .. } => (Operation::PutArticle, name.to_string()),
            Command::RemoveArticle { name } => (Operation::RemoveArticle, name.to_string()),
            Command::NewTask { task } => (Operation::NewTask, task.queue.clone()),
            // To whom is personal.
            Command::SendMessage { message, .. } => {
                (Operation::SendMessage, message.channel.clone())
            }
            Command::Talk { conversation, doing } => (doing.operation()?, conversation.to_string()),
            Command::Replay { message } => (Operation::Replay, message.to_string()),
            Command::Withdraw { message } => (Operation::Withdraw, message.to_string()),
            Command::Errand { item, doing, .. } => {
                let operation = match doing {
                    api::errands::Doing::Take => Operation::TakeWork,
                    api::errands::Doing::Decline => Operation::DeclineWork,
                    api::errands::Doing::Return => Operation::ReturnWork,
                    api::errands::Doing::Finish { .. } => Operation::FinishWork,
                };
                (operation, item.to_string())
            }
            Command::WrapUp { agent, .. } => (Operation::WrapUp, agent.to_string()),
            Command::Unban { address } => (Operation::Unban, address.to_string()),
            Command::ReplayWebhook { hook, .. } => (Operation::ReplayWebhook, hook.to_string()),
            Command::PauseWebhook { hook, .. } => (Operation::PauseWebhook, hook.to_string()),
            Command::AddUser { user } => (Operation::NewUser, user.name.clone()),
            Command::ChangeUser { name, .. } => (Operation::ChangeUser, name.clone()),
            Command::Session { what, user, .. } => return Some((what.operation(), user.clone())),
            Command::Enter { user } => (Operation::Back, user.name.clone()),
            Command::Verified { record, .. } => (Operation::VerifyJournal, record.to_string()),
            Command::ConfigAct { what, version, .. } => {
                return Some((what.operation(), version.map(|version| version.to_string())));
            }
            Command::AddToken { token } => (Operation::NewToken, token.prefix.clone()),
            Command::RevokeToken { prefix } => (Operation::RevokeToken, prefix.clone()),
            Command::Contact { order, .. } => {
                return api::orders::act(order);
            }
            // So much of a person at once is taken along, not looked at.
            Command::Person { who, moments } if *moments > api::MOST_ROWS => {
                return Some((Operation::ExportPerson, api::orders::contact_of(who)));
            }
            // All of them: whoever begins is written down once.
            Command::Records { after: None, .. } => {
                return Some((Operation::ExportPerson, None));
            }
            _ => return None,
        };
        Some((operation, Some(on)))
    }
}

/// What somebody does with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionAct {
    /// Signs in with a password.
    SignIn,
    /// Signs out.
    SignOut,
    /// Ends somebody's.
    End,
    /// Ends it because its user has signed out at the provider.
    EndThere,
}

impl SessionAct {
    fn operation(self) -> Operation {
        match self {
            SessionAct::SignIn => Operation::SignIn,
            SessionAct::SignOut => Operation::SignOut,
            SessionAct::End => Operation::EndSession,
            SessionAct::EndThere => Operation::SignedOutThere,
        }
    }
}

/// What somebody does with the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigWhat {
    /// Lets another run.
    Apply,
    /// Lets it stay.
    Confirm,
    /// Puts the one before it back.
    RollBack,
}

impl ConfigWhat {
    fn operation(self) -> Operation {
        match self {
            ConfigWhat::Apply => Operation::ApplyConfig,
            ConfigWhat::Confirm => Operation::ConfirmConfig,
            ConfigWhat::RollBack => Operation::RollBackConfig,
        }
    }
}
