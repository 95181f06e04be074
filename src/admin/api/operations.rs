//! From a request to what the box is asked, and from the box's reply to an answer.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::access::{Principal, idempotency::Given};
use crate::admin::api::bodies::{
    BegunCall, Collect, Lifting, ListenIn, LogoutToken, Mode, MoveWaiting, NewCall, NewToken,
    NewUser, Page, Pausing, Play, PresenceChange, Priority, Replay, SignIn, Transfer, UserChange,
    Wanted,
};
use crate::admin::api::errands::{CameOut, Doing, ForAgent, MadeTask};
use crate::admin::api::figures::Wish;
use crate::admin::api::messages::MadeMessage;
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::api::reading;
use crate::admin::api::sites::NewEvents;
use crate::admin::api::table::{Answer, Operation, Route, path_parameter};
use crate::admin::api::{MOST_ROWS, USUAL_ROWS};
use crate::admin::{Command, JourneysReply, Reply};
use crate::id::{AgentId, CallId, ExtensionId, MessageId, QueueId, RecordingId};
use crate::journal::act::{Role, Scope};
use crate::messaging::Content;
use crate::queue::Channel;

/// Days of a token that ends at all: ten years.
const MOST_DAYS: u16 = 3_650;

/// A request, taken apart.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Parameters in the path, decoded.
    pub path: BTreeMap<String, String>,
    /// Those behind the question mark.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The last event that was seen of the feed.
    pub last_event: Option<String>,
    /// The version that a change is of.
    pub if_match: Option<String>,
    /// What a browser kept while somebody signed in elsewhere.
    pub away: Option<String>,
    /// What a body that is a file says that it is, and what it is called.
    pub file: (Option<String>, Option<String>),
    /// The key by which the same request is known.
    pub once: Option<String>,
}

/// What a provider sends a browser back with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    /// What the browser left with.
    pub state: String,
    /// What a token is had for.
    pub code: Option<String>,
    /// Who answers, where the provider says so.
    pub issuer: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// What is to be done for a request.
#[derive(Debug)]
pub enum Ask {
    /// Ask the gateway.
    Command(Command),
    /// Look at a password and open a session.
    SignIn(SignIn),
    /// End sessions of whoever has signed out at the provider.
    SignedOutThere(LogoutToken),
    /// Send somebody to the provider.
    Provider,
    /// Let in who comes back from there.
    Back(Back),
    /// List formulas.
    Formulas,
    /// Make a report, and answer its figures.
    Report(Wish),
    /// Make a report, and answer what this formula counted.
    OpenFigure(String, Wish),
    /// Make a report for planners.
    Planners(Wish),
    /// Close the session that asks.
    SignOut,
    /// Tell who asks.
    Me,
    /// List sessions.
    Sessions,
    /// End a session.
    EndSession(String),
    /// Hash a password, and then make the user.
    NewUser(NewUser),
    /// The same to change one.
    ChangeUser(String, UserChange),
    /// Make a token.
    NewToken(NewToken),
    /// Send a recording, once it is in the journal that it was asked for.
    Audio(RecordingId),
    /// Send a file of a message, to whoever may read that.
    File(MessageId, Content),
    /// Keep a file: what it says that it is, and its name.
    KeepFile(Option<String>, Option<String>),
    /// Take events of a site, as often as that may be.
    SiteEvents(NewEvents),
    /// Read the journal, and look whether this record still has this head.
    VerifyJournal(Option<(u64, String)>),
    /// Send events, behind this one.
    Feed(Option<String>),
    /// Send the document.
    Document,
}

/// What a request asks for.
pub fn ask(route: &Route, who: Option<&Principal>, asked: &Asked) -> Result<Ask, Problem> {
    let asked = Reading { route, asked };
    asked.check_query()?;
    Ok(match route.operation {
        Operation::Document => Ask::Document,
        Operation::SignIn => Ask::SignIn(asked.body()?),
        Operation::SignedOutThere => Ask::SignedOutThere(logout_token(asked.asked)?),
        Operation::Provider => Ask::Provider,
        Operation::Back => Ask::Back(back(&asked)),
        Operation::Formulas => Ask::Formulas,
        Operation::Report => Ask::Report(wish(&asked)),
        Operation::Planners => Ask::Planners(wish(&asked)),
        Operation::OpenFigure => Ask::OpenFigure(asked.name("formula")?.to_owned(), wish(&asked)),
        Operation::Me => Ask::Me,
        Operation::SignOut => Ask::SignOut,
        Operation::Sessions => Ask::Sessions,
        Operation::EndSession => Ask::EndSession(asked.name("session")?.to_owned()),
        Operation::NewUser => Ask::NewUser(asked.body()?),
        Operation::ChangeUser => Ask::ChangeUser(asked.name("user")?.to_owned(), asked.body()?),
        Operation::NewToken => Ask::NewToken(new_token(&asked)?),
        Operation::SiteEvents => Ask::SiteEvents(asked.body()?),
        Operation::Audio => Ask::Audio(asked.id("recording")?),
        Operation::KeepFile => {
            let (mime, name) = asked.asked.file.clone();
            Ask::KeepFile(mime, name)
        }
        Operation::MessageFile => Ask::File(asked.id("message")?, asked.id("content")?),
        Operation::SetPresence => Ask::Command(presence(who, &asked)?),
        Operation::LiftCaps => {
            let Lifting { of, hours } = asked.body()?;
            Ask::Command(Command::LiftCaps { of, hours })
        }
        Operation::ReplayWebhook => {
            let Replay { since, until, id } = asked.body()?;
            let id = id.map(|id| asked.short("id", id)).transpose()?;
            if since.is_some() == id.is_some() || (until.is_some() && since.is_none()) {
                let detail = "one of `since` and `id` has to be there; `until` goes with `since`";
                let problem = Problem::new(Kind::Malformed, detail, "say a time, or an id");
                return Err(problem.at("body"));
            }
            let hook = asked.name("webhook")?.into();
            Ask::Command(Command::ReplayWebhook { hook, since, until, records: None, id })
        }
        Operation::MoveWaiting => Ask::Command(moving(&asked)?),
        Operation::Prioritise => {
            let Priority { priority } = asked.body()?;
            let (queue, item) = (Some(asked.name("queue")?.into()), asked.id("item")?);
            Ask::Command(Command::Prioritise { queue, item, priority })
        }
        Operation::NewTask => Ask::Command(Command::NewTask { task: asked.body()? }),
        Operation::Replies
        | Operation::Knowledge
        | Operation::Article
        | Operation::PutArticle
        | Operation::RemoveArticle => Ask::Command(knowledge::ask(&asked)?),
        Operation::CountParts => Ask::Command(Command::CountParts { parts: asked.body()? }),
        Operation::SendMessage => {
            let (message, once) = (asked.body()?, asked.asked.once.clone());
            Ask::Command(Command::SendMessage { message, once })
        }
        Operation::TakeWork
        | Operation::DeclineWork
        | Operation::ReturnWork
        | Operation::FinishWork => Ask::Command(errand(&asked)?),
        Operation::WrapUp => {
            let (agent, end) = (AgentId::from(asked.name("agent")?), asked.body()?);
            Ask::Command(Command::WrapUp { agent, end })
        }
        Operation::PauseWebhook => {
            let Pausing { paused: on } = asked.body()?;
            Ask::Command(Command::PauseWebhook { hook: asked.name("webhook")?.into(), on })
        }
        Operation::Config
        | Operation::CheckConfig
        | Operation::ApplyConfig
        | Operation::ConfirmConfig
        | Operation::RollBackConfig
        | Operation::ConfigVersions
        | Operation::ConfigVersion => Ask::Command(config::ask(&asked)?),
        Operation::VerifyJournal => {
            let noted = asked.query("noted").and_then(|text| text.split_once(':'));
            let read = |(record, head): (&str, &str)| Some((record.parse().ok()?, head.to_owned()));
            Ask::VerifyJournal(noted.and_then(read))
        }
        Operation::Feed => Ask::Feed(asked.query("after").map(str::to_owned)),
        Operation::Originate => {
            let NewCall { from, to } = asked.body()?;
            Ask::Command(Command::Originate { from, to: asked.short("to", to)? })
        }
        Operation::Transfer
        | Operation::Hold
        | Operation::Resume
        | Operation::Record
        | Operation::StopRecording
        | Operation::PauseRecording
        | Operation::BeginPayment
        | Operation::Monitor
        | Operation::Whisper
        | Operation::Barge
        | Operation::Unsupervise
        | Operation::EndPayment
        | Operation::GoOnRecording
        | Operation::Play
        | Operation::Collect => Ask::Command(order(&asked)?),
        Operation::Conversations
        | Operation::Conversation
        | Operation::Messages
        | Operation::Message
        | Operation::Standing => Ask::Command(messages::ask(&asked)?),
        Operation::Reply
        | Operation::Claim
        | Operation::Release
        | Operation::HandOver
        | Operation::CloseTalk
        | Operation::Typing
        | Operation::SeeTalk
        | Operation::PhoneCode
        | Operation::InviteToCall
        | Operation::Replay
        | Operation::Withdraw => Ask::Command(messages::order(&asked)?),
        _ => match people::ask(&asked)? {
            Some(command) => Ask::Command(command),
            None => Ask::Command(question(&asked)?),
        },
    })
}

/// What is asked without a body.
fn question(asked: &Reading) -> Result<Command, Problem> {
    let text = |name| asked.query(name).unwrap_or_default().to_owned();
    Ok(match asked.route.operation {
        Operation::Status => Command::Status,
        Operation::LiveCalls => Command::ActiveCalls,
        Operation::Calls => {
            let after = asked.query("after").map(str::to_owned);
            Command::CallRecords { limit: asked.limit(), after }
        }
        Operation::OneCall => Command::OneCall { call: asked.id("call")? },
        Operation::CallQuality => Command::CallQuality { call: asked.id("call")? },
        Operation::HangUp => Command::HangUp { call: asked.id("call")? },
        Operation::Queues => Command::Queues,
        Operation::Waiting => Command::Waiting { queue: asked.name("queue")?.into() },
        Operation::Explain => {
            let (queue, item) = (Some(asked.name("queue")?.into()), asked.id("item")?);
            Command::Explain { queue, item }
        }
        Operation::Agents => Command::Agents,
        Operation::Trunks => Command::Trunks,
        Operation::Phones => Command::Phones,
        Operation::Dispositions => Command::Dispositions,
        Operation::Mailboxes => Command::Mailboxes,
        Operation::Recordings => {
            let after = match asked.query("after") {
                Some(text) => Some(text.parse().map_err(|_| asked.no_cursor())?),
                None => None,
            };
            Command::Recordings { limit: asked.limit(), after }
        }
        Operation::Spending => Command::Spending,
        Operation::DryRun => Command::Route { number: text("number"), from: text("from") },
        Operation::Bans => Command::Bans,
        Operation::Unban => {
            let source = asked.name("source")?;
            let address = source.parse().map_err(|_| Problem::nothing("source", source))?;
            Command::Unban { address }
        }
        Operation::Journeys => {
            let after = match asked.query("after") {
                Some(text) => Some(text.parse().map_err(|_| asked.no_cursor())?),
                None => None,
            };
            Command::Journeys { limit: asked.limit(), after }
        }
        Operation::Work => {
            let after = match asked.query("after") {
                Some(text) => Some(text.parse().map_err(|_| asked.no_cursor())?),
                None => None,
            };
            let queue = asked.query("queue").map(QueueId::from);
            let agent = asked.query("agent").map(AgentId::from);
            Command::Errands { queue, agent, limit: asked.limit(), after }
        }
        Operation::JourneySteps | Operation::Tasks => Command::Journeys { limit: 0, after: None },
        Operation::StopJourney => Command::StopJourney { journey: asked.id("journey")? },
        Operation::TaskDone => Command::TaskDone { task: asked.name("task")?.to_owned() },
        Operation::Users => Command::Users,
        Operation::Webhooks => Command::Webhooks,
        Operation::DeadWebhooks => Command::DeadWebhooks { hook: asked.name("webhook")?.into() },
        Operation::Tokens => Command::Tokens,
        Operation::RevokeToken => Command::RevokeToken { prefix: asked.name("token")?.to_owned() },
        Operation::Acts => {
            let after = match asked.query("after") {
                Some(text) => Some(text.parse().map_err(|_| asked.no_cursor())?),
                None => None,
            };
            Command::Acts { limit: asked.limit(), after }
        }
        // The rest is told apart above.
        _ => Command::Status,
    })
}

fn wish(asked: &Reading) -> Wish {
    let text = |name| asked.query(name).map(str::to_owned);
    Wish {
        since: text("since"),
        until: text("until"),
        interval: text("interval"),
        by: text("by"),
        formula: text("formula"),
        hours: text("hours"),
        calendar: text("calendar"),
        group: text("group"),
        after: text("after"),
        limit: asked.limit(),
    }
}

fn back(asked: &Reading) -> Back {
    let text = |name| asked.query(name).map(str::to_owned);
    let error = text("error").map(|error| shown(&error));
    Back {
        state: text("state").unwrap_or_default(),
        code: text("code"),
        issuer: text("iss"),
        error,
    }
}

/// Where or how one who waits is to wait.
fn moving(asked: &Reading) -> Result<Command, Problem> {
    let (queue, item) = (Some(asked.name("queue")?.into()), asked.id("item")?);
    let wrong =
        |detail: &str, advice: &str| Err(Problem::new(Kind::Malformed, detail, advice).at("body"));
    match asked.body()? {
        MoveWaiting { queue: Some(to), channel: None } => {
            let to = asked.short("queue", to)?.as_str().into();
            Ok(Command::MoveToQueue { queue, item, to })
        }
        MoveWaiting { queue: None, channel: Some(name) } => {
            match Channel::ALL.into_iter().find(|channel| channel.name() == name) {
                Some(to) => Ok(Command::MoveToChannel { queue, item, to }),
                None => wrong("there is no such channel", "say `callback`"),
            }
        }
        _ => wrong(
            "one of `queue` and `channel` has to be there",
            "say `queue` for another queue, or `channel` for another way",
        ),
    }
}

/// What is to be done with a piece of work.
fn errand(asked: &Reading) -> Result<Command, Problem> {
    let item = asked.id("item")?;
    let (agent, doing) = match asked.route.operation {
        Operation::FinishWork => {
            let CameOut { agent, code, fields } = asked.body()?;
            (agent, Doing::Finish { code, fields })
        }
        operation => {
            let ForAgent { agent } = asked.body()?;
            let doing = match operation {
                Operation::TakeWork => Doing::Take,
                Operation::DeclineWork => Doing::Decline,
                _ => Doing::Return,
            };
            (agent, doing)
        }
    };
    let agent = agent.map(|agent| asked.short("agent", agent)).transpose()?;
    Ok(Command::Errand { item, agent: agent.map(|agent| agent.as_str().into()), doing })
}

/// An order to a call that is up.
fn order(asked: &Reading) -> Result<Command, Problem> {
    let call = asked.id("call")?;
    Ok(match asked.route.operation {
        Operation::Transfer => {
            let Transfer { to, with } = asked.body()?;
            if to.is_some() == with.is_some() {
                let advice = "say `to` for a number, or `with` for a call";
                let detail = "one of `to` and `with` has to be there";
                return Err(Problem::new(Kind::Malformed, detail, advice).at("body"));
            }
            let to = to.map(|to| asked.short("to", to)).transpose()?;
            Command::Transfer { call, to, with }
        }
        Operation::Hold => Command::Hold { call, on: true },
        Operation::Resume => Command::Hold { call, on: false },
        Operation::Record => Command::Tape { call, on: true },
        Operation::StopRecording => Command::Tape { call, on: false },
        Operation::PauseRecording => Command::PauseTape { call, on: true },
        Operation::GoOnRecording => Command::PauseTape { call, on: false },
        Operation::Monitor => listen_in(asked, call, Mode::Monitor)?,
        Operation::Whisper => listen_in(asked, call, Mode::Whisper)?,
        Operation::Barge => listen_in(asked, call, Mode::Barge)?,
        Operation::Unsupervise => Command::Unsupervise { call },
        Operation::BeginPayment => Command::Payment { call, on: true },
        Operation::EndPayment => Command::Payment { call, on: false },
        Operation::Play => {
            let Play { prompt, party } = asked.body()?;
            Command::Play { call, prompt: asked.short("prompt", prompt)?, party }
        }
        _ => {
            let Collect { party, keys, seconds, prompt } = asked.body()?;
            if !(1..=32).contains(&keys) || !(1..=120).contains(&seconds) {
                let detail = "keys are 1 to 32, seconds 1 to 120";
                let problem = Problem::new(Kind::Malformed, detail, "ask for so many");
                return Err(problem.at("body"));
            }
            let prompt = prompt.map(|prompt| asked.short("prompt", prompt)).transpose()?;
            Command::Collect { call, party, keys, seconds, prompt }
        }
    })
}

fn listen_in(asked: &Reading, call: CallId, mode: Mode) -> Result<Command, Problem> {
    let ListenIn { phone } = asked.body()?;
    let phone = phone.map(|phone| asked.short("phone", phone)).transpose()?;
    Ok(Command::Supervise { call, phone: phone.as_deref().map(ExtensionId::from), mode })
}

fn presence(who: Option<&Principal>, asked: &Reading) -> Result<Command, Problem> {
    let agent = AgentId::from(asked.name("agent")?);
    let own = who.is_some_and(|who| who.agent.as_ref() == Some(&agent));
    if who.is_some_and(|who| who.role == Role::Agent) && !own {
        return Err(Problem::new(
            Kind::NotAllowed,
            "agents set their own state alone",
            "ask a supervisor; an admin says which agent a user is: `branchline user agent`",
        ));
    }
    let PresenceChange { state, reason } = asked.body()?;
    let reason = reason.map(|reason| asked.short("reason", reason)).transpose()?;
    if reason.is_some() && state != Wanted::Paused {
        return Err(Problem::new(
            Kind::Malformed,
            "a reason goes with the state paused alone",
            "leave the reason out",
        )
        .at("body/reason"));
    }
    Ok(Command::SetPresence { agent, state, reason })
}

/// A request and the line of the table that it is for.
struct Reading<'a> {
    route: &'a Route,
    asked: &'a Asked,
}

impl Reading<'_> {
    fn name(&self, name: &str) -> Result<&str, Problem> {
        let text = self.asked.path.get(name).map_or("", String::as_str);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-@:+".contains(&b);
        match text.len() <= 64 && !text.is_empty() && text.bytes().all(plain) {
            true => Ok(text),
            false => Err(Problem::new(
                Kind::NotFound,
                format!("{:?} cannot be the name of a {name}", shown(text)),
                format!("give a name that matches {}", path_parameter(name).0),
            )
            .at(format!("path/{name}"))),
        }
    }

    fn id<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        let text = self.name(name)?;
        text.parse().map_err(|_| Problem::nothing(name, text))
    }

    /// A text of the body: not empty, and short.
    fn short(&self, name: &str, text: String) -> Result<String, Problem> {
        if (1..=64).contains(&text.chars().count()) {
            return Ok(text);
        }
        let detail = format!("{name} has 1 to 64 characters");
        Err(Problem::new(Kind::Malformed, detail, "give such a text").at(format!("body/{name}")))
    }

    fn query(&self, name: &str) -> Option<&str> {
        let own = self.asked.query.iter().find(|(known, _)| known == name);
        own.map(|(_, value)| value.as_str())
    }

    fn limit(&self) -> usize {
        self.query("limit").and_then(|text| text.parse().ok()).unwrap_or(USUAL_ROWS)
    }

    fn no_cursor(&self) -> Problem {
        Problem::new(
            Kind::Malformed,
            "after is not the `next` of a page of this list",
            "begin without after, and give each page's next",
        )
        .at("query/after")
    }

    /// Each parameter is known, there once, and says what it may.
    fn check_query(&self) -> Result<(), Problem> {
        let wrong = |name: &str, detail: String, advice: String| {
            Err(Problem::new(Kind::Malformed, detail, advice).at(format!("query/{}", shown(name))))
        };
        for (at, (name, value)) in self.asked.query.iter().enumerate() {
            let Some(own) = self.route.query.iter().find(|own| own.name == name) else {
                if self.route.operation == Operation::Back {
                    // RFC 6749 section 4.1.2: what a client does not know it ignores.
                    continue;
                }
                let known: Vec<_> = self.route.query.iter().map(|own| own.name).collect();
                let detail = format!("there is no parameter {:?} here", shown(name));
                return wrong(name, detail, format!("parameters are: {}", known.join(", ")));
            };
            if self.asked.query[..at].iter().any(|(other, _)| other == name) {
                return wrong(name, format!("{name} is there twice"), "give it once".to_owned());
            }
            let good = match own.pattern {
                Some(_) => fits(name, value),
                None => is_row_count(value),
            };
            if !good {
                let allowed = own.pattern.map_or_else(
                    || format!("a number from 1 to {MOST_ROWS}"),
                    |pattern| format!("something that matches {pattern}"),
                );
                return wrong(name, format!("{name} cannot be that"), format!("give {allowed}"));
            }
        }
        let missing =
            self.route.query.iter().find(|own| own.required && self.query(own.name).is_none());
        match missing {
            Some(own) => wrong(own.name, format!("{} is missing", own.name), own.words.to_owned()),
            None => Ok(()),
        }
    }

    fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let wrong = |detail: String| {
            let advice = "send the JSON object that /api/v1/openapi.json describes";
            Problem::new(Kind::Malformed, detail, advice).at("body")
        };
        reading::read(&self.asked.body).map_err(|why| wrong(shown(&why)))
    }
}

/// The one field of a form that counts (section 2.5). A token has no character that a form writes otherwise.
fn logout_token(asked: &Asked) -> Result<LogoutToken, Problem> {
    let text = String::from_utf8_lossy(&asked.body);
    let mut fields = text.split('&').filter_map(|pair| pair.split_once('='));
    let token = fields.find(|(name, _)| *name == "logout_token").map(|(_, token)| token);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match token.filter(|token| !token.is_empty() && token.bytes().all(plain)) {
        Some(token) => Ok(LogoutToken { logout_token: token.to_owned() }),
        None => {
            let detail = "there is no logout_token in the form";
            let advice = "send one as OpenID Connect Back-Channel Logout 1.0 section 2.5 asks";
            Err(Problem::new(Kind::Malformed, detail, advice).at("body/logout_token"))
        }
    }
}

/// A token's scopes are a set: said twice they are said once, and nobody needs to say more of them than there are.
fn new_token(asked: &Reading<'_>) -> Result<NewToken, Problem> {
    let mut new: NewToken = asked.body()?;
    if !(1..=Scope::ALL.len()).contains(&new.scopes.len()) {
        let detail = format!("scopes are 1 to {}", Scope::ALL.len());
        let problem = Problem::new(Kind::Malformed, detail, "name each scope once");
        return Err(problem.at("body/scopes"));
    }
    if new.days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        let detail = format!("days are 1 to {MOST_DAYS}");
        return Err(Problem::new(Kind::Malformed, detail, "give such a number").at("body/days"));
    }
    new.scopes.sort_unstable();
    new.scopes.dedup();
    Ok(new)
}

/// Whether a parameter's value is one that its pattern allows.
fn fits(name: &str, value: &str) -> bool {
    const GIVEN: [&str; 6] =
        ["state", "code", "iss", "error", "error_description", "session_state"];
    if GIVEN.contains(&name) {
        return (1..=2_048).contains(&value.len())
            && value.bytes().all(|b| matches!(b, b' '..=b'~'));
    }
    if name == "q" {
        return (1..=200).contains(&value.chars().count()) && !value.chars().any(|c| c < ' ');
    }
    if name == "noted" {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        return value.split_once(':').is_some_and(|(record, head)| {
            (1..=18).contains(&record.len())
                && record.bytes().all(|b| b.is_ascii_digit())
                && head.len() == 64
                && head.bytes().all(hex)
        });
    }
    let moment = |b: u8| b.is_ascii_alphanumeric() || b":+.-".contains(&b);
    match name {
        "since" | "until" => return (8..=40).contains(&value.len()) && value.bytes().all(moment),
        "interval" => return ["15m", "30m", "60m", "day"].contains(&value),
        "hours" => return ["open", "closed", "holiday"].contains(&value),
        "by" => return ["queue", "agent", "channel"].contains(&value),
        "unread" | "closed" => return value == "true",
        _ => {}
    }
    let longest = match name {
        "identity" => 254,
        "formula" => 200,
        _ => 64,
    };
    let more: &[u8] = match name {
        "number" => b"+*#.@:-",
        "from" => b"._:-",
        "identity" => b"+*#.@:_-",
        "formula" => b",+-",
        "group" | "calendar" | "queue" | "agent" | "channel" => b"._-",
        _ => b"-",
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || more.contains(&b);
    (1..=longest).contains(&value.len()) && value.bytes().all(plain)
}

fn is_row_count(value: &str) -> bool {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    digits && value.parse::<usize>().is_ok_and(|count| (1..=MOST_ROWS).contains(&count))
}

/// A stranger's text in an answer: short, and nothing that a terminal or a page could take for more than text.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !"<>&".contains(*c)).take(120).collect()
}

/// Journeys, what came of them, or tasks: as the route has it.
fn journeys(route: &Route, asked: &Asked, found: JourneysReply) -> Result<Given, Problem> {
    match route.operation {
        Operation::JourneySteps => all(route, found.last),
        Operation::Tasks => all(route, found.tasks),
        _ => {
            let items = found.running;
            let full = items.len() >= (Reading { route, asked }).limit();
            let next = items.last().filter(|_| full).map(|last| last.journey.to_string());
            json(route, &Page { items, next })
        }
    }
}

/// The answer to a reply of the gateway.
pub fn answer(route: &Route, asked: &Asked, reply: Reply) -> Result<Given, Problem> {
    match reply {
        Reply::Refused(why) => Err(refused(route, asked, why)),
        Reply::NotAllowed(why) => {
            let advice = "do so for yourself, or ask a supervisor";
            Err(Problem::new(Kind::NotAllowed, why, advice))
        }
        Reply::Conflict(why) => {
            let advice = "look at how it stands now, and decide anew";
            Err(Problem::new(Kind::Conflict, why, advice))
        }
        Reply::NotReady(why) => {
            Err(Problem::new(Kind::Busy, why, "ask again in some seconds").after(5))
        }
        Reply::Done => Ok(nothing()),
        Reply::Status(status) => json(route, &status),
        Reply::ActiveCalls(items) => all(route, items),
        Reply::CallRecords(items) => {
            let limit = Reading { route, asked }.limit();
            let next = items.last().filter(|_| items.len() >= limit);
            let next = next.map(|last| format!("{}-{}", last.arrived.0, last.call));
            json(route, &Page { items, next })
        }
        Reply::OneCall(call) => json(route, &call),
        Reply::CallQuality(quality) => json(route, &quality),
        Reply::Journeys(found) => journeys(route, asked, found),
        Reply::Queues(items) => all(route, items),
        Reply::Waiting(items) => all(route, items),
        Reply::Explained(told) => json(route, &told),
        Reply::Agents(items) => all(route, items),
        Reply::Trunks(items) => all(route, items),
        Reply::Phones(items) => all(route, items),
        Reply::Dispositions(items) => all(route, items),
        Reply::Mailboxes(items) => all(route, items),
        Reply::Recordings(page) => json(route, &page),
        Reply::Spending(spending) => json(route, &spending),
        Reply::Route(run) => json(route, &run),
        Reply::Bans(items) => all(route, items),
        Reply::Users(items) => all(route, items),
        Reply::User(user) => json(route, &user),
        Reply::Begun(call) => json(route, &BegunCall { call }),
        Reply::Tokens(items) => all(route, items),
        Reply::Acts(page) => json(route, &page),
        // Nothing that the API asks is answered so.
        Reply::Ladder(_) | Reply::Metrics(_) | Reply::PhoneUrl { .. } => Err(Problem::busy()),
        Reply::Crm(_) | Reply::CrmTest(_) => Err(Problem::busy()),
        Reply::Errands(items) => {
            let full = items.len() >= (Reading { route, asked }).limit();
            let next = items.last().filter(|_| full).map(|last| last.item.to_string());
            json(route, &Page { items, next })
        }
        Reply::Made(item) => json(route, &MadeTask { item }),
        Reply::Queued { message, conversation } => {
            json(route, &MadeMessage { message, conversation })
        }
        Reply::Articles(items) => all(route, items),
        Reply::Article(article) => json(route, &article),
        Reply::PhoneCode(code) => json(route, &code),
        Reply::Parts(line) => json(route, &line),
        Reply::Modem(_) | Reply::Smpp(_) | Reply::Uplink(_) => Err(Problem::busy()),
        Reply::Webhooks(items) => all(route, items),
        Reply::DeadWebhooks(items) => all(route, items),
        // Answered where it is asked.
        Reply::SiteEvents(_) => Err(Problem::busy()),
        Reply::Config(reply) => config::answer(route, *reply),
        Reply::Health(..) => Err(Problem::busy()),
        Reply::Conversations(_)
        | Reply::Conversation(_)
        | Reply::Message(_)
        | Reply::Messages(_) => messages::answer(route, asked, reply),
        reply => people::answer(route, asked, reply),
    }
}

/// Where the path names something, a refusal means that it is not there; else that it cannot be done.
fn refused(route: &Route, asked: &Asked, why: String) -> Problem {
    let absent = |name: &&str| why.starts_with(&format!("there is no {name} "));
    match (route.parameters().find(absent), route.operation) {
        (Some(name), _) => {
            let text = asked.path.get(name).map_or("", String::as_str);
            Problem { detail: why, ..Problem::nothing(name, &shown(text)) }
        }
        (_, Operation::NewUser) => {
            Problem::new(Kind::Conflict, why, "name another, or change the one there is")
        }
        _ => Problem::new(Kind::Refused, why, "look at what there is, and ask for that"),
    }
}

/// 204.
pub fn nothing() -> Given {
    Given { status: 204, content_type: "", body: Vec::new(), etag: None }
}

fn all<T: Serialize>(route: &Route, items: Vec<T>) -> Result<Given, Problem> {
    json(route, &Page { items, next: None })
}

/// JSON, with the status that the table has for it.
pub fn json<T: Serialize>(route: &Route, value: &T) -> Result<Given, Problem> {
    let status = match route.answer {
        Answer::Json(status, _) => status,
        _ => 200,
    };
    // Answers are plain data; there is nothing in them that JSON could not say.
    let body = serde_json::to_vec(value).map_err(|_| Problem::busy())?;
    Ok(Given { status, content_type: "application/json", body, etag: None })
}

mod config;
mod knowledge;
mod messages;
mod people;

#[cfg(test)]
mod tests;
