//! Conversations and messages.

use crate::admin::api::messages::{ConversationLine, MessageLine};
use crate::admin::api::table::query::{OF_CONVERSATIONS, PAGED};
use crate::admin::api::table::{Operation, Route, WORKERS, get, one, page};
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
    get("/messages/{message}", Operation::Message, one::<MessageLine>(200))
        .by(WORKERS, Some(Scope::People))
        .says("One message, and how it stands."),
];
