//! Conversations and messages.

use super::{Reading, json};
use crate::admin::access::idempotency::Given;
use crate::admin::api::bodies::Page;
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::api::table::{Operation, Route};
use crate::admin::{Command, Reply};
use crate::id::{ContactId, ConversationId};
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

fn filter(asked: &Reading) -> Result<Filter, Problem> {
    Ok(Filter {
        closed: asked.query("closed").is_some(),
        agent: asked.query("agent").map(Into::into),
        queue: asked.query("queue").map(Into::into),
        channel: asked.query("channel").map(Into::into),
        contact: asked.query("contact").map(contact).transpose()?,
        unread: asked.query("unread").is_some(),
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

/// The answer.
pub fn answer(route: &Route, reply: Reply) -> Result<Given, Problem> {
    match (route.operation, reply) {
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
