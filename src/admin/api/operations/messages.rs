//! Conversations and messages.

use super::{Asked, Reading, json};
use crate::admin::access::idempotency::Given;
use crate::admin::api::bodies::Page;
use crate::admin::api::errands::ForAgent;
use crate::admin::api::messages::{Doing, Ending, HandOver, Release, Seen, Typing};
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::api::table::{Operation, Route};
use crate::admin::{Command, Reply};
use crate::id::{ContactId, ConversationId, MessageId};
use crate::messaging::State;
use crate::store::messages::looking::{After, Filter};
use crate::time::UnixTime;

/// What a request about them asks for.
pub fn ask(asked: &Reading) -> Result<Command, Problem> {
    Ok(match asked.route.operation {
        Operation::Conversations => Command::Conversations {
            filter: filter(asked)?,
            after: asked
                .query("after")
                .map(|text| cursor(text).ok_or_else(|| asked.no_cursor()))
                .transpose()?,
            limit: asked.limit(),
        },
        Operation::Standing => {
            let state = match asked.query("state") {
                Some("queued") => State::Queued,
                Some("failed") => State::Failed,
                Some("unknown") => State::Unknown,
                Some("stopped") => State::Stopped,
                _ => {
                    let detail = "no list is made of messages that stand so";
                    let advice = "give queued, failed, unknown or stopped";
                    return Err(Problem::new(Kind::Malformed, detail, advice).at("query/state"));
                }
            };
            let after = asked.query("after");
            let after = after.map(|text| place(text).ok_or_else(|| asked.no_cursor()));
            Command::Messages { state, after: after.transpose()?, limit: asked.limit() }
        }
        Operation::Message => Command::Message { message: asked.id("message")? },
        operation => {
            let after =
                asked.query("after").map(|text| text.parse().map_err(|_| asked.no_cursor()));
            let limit = if operation == Operation::Messages { asked.limit() } else { 1 };
            let conversation = asked.id("conversation")?;
            Command::Conversation { conversation, after: after.transpose()?, limit }
        }
    })
}

/// What somebody wants done in a conversation, or with a message.
pub fn order(asked: &Reading) -> Result<Command, Problem> {
    let doing = match asked.route.operation {
        Operation::Replay => return Ok(Command::Replay { message: asked.id("message")? }),
        Operation::Withdraw => return Ok(Command::Withdraw { message: asked.id("message")? }),
        Operation::Reply => {
            let (reply, once) = (asked.body()?, asked.asked.once.clone());
            Doing::Reply { reply: Box::new(reply), once }
        }
        Operation::Claim => {
            let ForAgent { agent } = asked.body()?;
            Doing::Claim { agent: named(asked, "agent", agent)? }
        }
        Operation::Release => {
            let Release { queue, flow } = asked.body()?;
            if queue.is_some() && flow.is_some() {
                let detail = "`queue` and `flow` do not go together";
                let problem = Problem::new(Kind::Malformed, detail, "say one of them, or none");
                return Err(problem.at("body"));
            }
            Doing::Release {
                queue: named(asked, "queue", queue)?,
                flow: named(asked, "flow", flow)?,
            }
        }
        Operation::HandOver => hand_over(asked)?,
        Operation::CloseTalk => {
            let Ending { code, fields } = asked.body()?;
            Doing::Close { code, fields }
        }
        Operation::PhoneCode => Doing::Phone,
        Operation::InviteToCall => Doing::Invite,
        Operation::Typing => {
            let Typing { on } = asked.body()?;
            Doing::Typing { on }
        }
        _ => {
            let Seen { upto } = asked.body()?;
            Doing::Seen { upto }
        }
    };
    Ok(Command::Talk { conversation: asked.id("conversation")?, doing })
}

fn hand_over(asked: &Reading) -> Result<Doing, Problem> {
    let HandOver { agent, queue, note } = asked.body()?;
    if agent.is_some() == queue.is_some() {
        let detail = "one of `agent` and `queue` has to be there";
        let problem = Problem::new(Kind::Malformed, detail, "say who goes on with it");
        return Err(problem.at("body"));
    }
    let (agent, queue) = (named(asked, "agent", agent)?, named(asked, "queue", queue)?);
    Ok(Doing::HandOver { agent, queue, note })
}

fn named<T: for<'a> From<&'a str>>(
    asked: &Reading,
    name: &str,
    text: Option<String>,
) -> Result<Option<T>, Problem> {
    let text = text.map(|text| asked.short(name, text)).transpose()?;
    Ok(text.map(|text| T::from(text.as_str())))
}

fn filter(asked: &Reading) -> Result<Filter, Problem> {
    Ok(Filter {
        closed: asked.query("closed").is_some(),
        agent: asked.query("agent").map(Into::into),
        queue: asked.query("queue").map(Into::into),
        channel: asked.query("channel").map(Into::into),
        contact: asked.query("contact").map(contact).transpose()?,
        unread: asked.query("unread").is_some(),
        viewer: None,
    })
}

fn contact(text: &str) -> Result<ContactId, Problem> {
    let none =
        || Problem::new(Kind::Malformed, "contact is no contact's id", "give one of a record");
    text.parse().map_err(|_| none().at("query/contact"))
}

/// Microseconds and a conversation, with a hyphen between.
fn cursor(text: &str) -> Option<After> {
    let (last, conversation) = text.split_once('-')?;
    Some((UnixTime(last.parse().ok()?), conversation.parse::<ConversationId>().ok()?))
}

/// Microseconds and a message, with a hyphen between.
fn place(text: &str) -> Option<(UnixTime, MessageId)> {
    let (since, message) = text.split_once('-')?;
    Some((UnixTime(since.parse().ok()?), message.parse().ok()?))
}

/// The answer.
pub fn answer(route: &Route, asked: &Asked, reply: Reply) -> Result<Given, Problem> {
    match (route.operation, reply) {
        (_, Reply::Messages(items)) => {
            let full = items.len() >= (Reading { route, asked }).limit();
            let next = items.last().filter(|_| full);
            let next = next.map(|last| format!("{}-{}", last.since.0, last.message));
            json(route, &Page { items, next })
        }
        (_, Reply::Conversations(talks)) => {
            let next = talks.next.map(|(UnixTime(last), id)| format!("{last}-{id}"));
            json(route, &Page { items: talks.items, next })
        }
        (Operation::Messages, Reply::Conversation(page)) => {
            let next = page.messages.last().filter(|_| page.more);
            let next = next.map(|last| last.message.to_string());
            json(route, &Page { items: page.messages, next })
        }
        (_, Reply::Conversation(page)) => json(route, &page.conversation),
        (_, Reply::Message(message)) => json(route, &message),
        _ => Err(Problem::busy()),
    }
}
