//! Conversations and messages.

use crate::admin::api::messages::{ConversationLine, MadeMessage, MessageLine, NewMessage};
use crate::admin::api::table::query::{OF_CONVERSATIONS, PAGED};
use crate::admin::api::table::{Method, Operation, Route, Shape, WORKERS, get, one, page};
use crate::journal::act::Scope;

/// These routes.
pub(super) const ROUTES: &[Route] = &[
    get("/conversations", Operation::Conversations, page::<ConversationLine>())
        .by(WORKERS, Some(Scope::People))
        .asks(OF_CONVERSATIONS)
        .says("Conversations, the one in which something was written last first."),
    get("/conversations/{conversation}", Operation::Conversation, one::<ConversationLine>(200))
        .by(WORKERS, Some(Scope::People))
        .says("One conversation: with whom, who answers, where an answer goes."),
    get("/conversations/{conversation}/messages", Operation::Messages, page::<MessageLine>())
        .by(WORKERS, Some(Scope::People))
        .asks(PAGED)
        .says("What was written in a conversation, the newest first."),
    get("/messages", Operation::SendMessage, one::<MadeMessage>(201))
        .with(Method::Post, Some(Shape::of::<NewMessage>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Send somebody a message. It is on the disk when this answers, and goes out when it may; `Idempotency-Key` is remembered over restarts."),
    get("/messages/{message}", Operation::Message, one::<MessageLine>(200))
        .by(WORKERS, Some(Scope::People))
        .says("One message, and how it stands."),
];
