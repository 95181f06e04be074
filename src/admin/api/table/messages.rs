//! Conversations and messages.

use crate::admin::api::errands::ForAgent;
use crate::admin::api::messages::{
    ConversationLine, Ending, HandOver, KeptFile, MadeMessage, MessageLine, NewMessage, NewReply,
    Parts, PartsLine, PhoneCode, Release, Seen, Typing,
};
use crate::admin::api::table::query::{OF_CONVERSATIONS, OF_MESSAGES, PAGED};
use crate::admin::api::table::{Answer, Method, Operation, Route, Shape, WORKERS, get, one, page};
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
    get("/conversations/{conversation}/messages", Operation::Reply, one::<MadeMessage>(201))
        .with(Method::Post, Some(Shape::of::<NewReply>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Write in a conversation: by the way the person used last, or by another channel. Agents do so where they have claimed it."),
    get("/conversations/{conversation}/claim", Operation::Claim, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<ForAgent>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Have a conversation, which nobody else has then. Whoever comes second is told who has it: 409. Agents do so for themselves alone."),
    get("/conversations/{conversation}/release", Operation::Release, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Release>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Give a conversation back into its queue, into another, or to a flow."),
    get("/conversations/{conversation}/transfer", Operation::HandOver, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<HandOver>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Hand a conversation over to another agent, as far as skills and room allow, or to a queue, with a note for whoever goes on."),
    get("/conversations/{conversation}/close", Operation::CloseTalk, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Ending>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Say that a conversation is over, until somebody writes again. With a code there is no after-work."),
    get("/conversations/{conversation}/phone", Operation::PhoneCode, one::<PhoneCode>(201))
        .with(Method::Post, None)
        .by(WORKERS, Some(Scope::Agents))
        .says("Let a person go on by telephone: a code that joins whoever keys it in to this conversation, once and for some minutes, and the number to call. It takes the place of an earlier one. Agents do so in conversations that they have."),
    get("/conversations/{conversation}/call", Operation::InviteToCall, Answer::Nothing)
        .with(Method::Post, None)
        .by(WORKERS, Some(Scope::Agents))
        .says("Invite a visitor of the site to go on by voice in the browser, for some minutes. The call belongs to the conversation and is offered first to who has it. Agents do so in conversations that they have; the chat's setting `calls` allows it."),
    get("/conversations/{conversation}/typing", Operation::Typing, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Typing>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Show the person that somebody writes, or no more, where the channel can."),
    get("/conversations/{conversation}/seen", Operation::SeeTalk, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Seen>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Say up to which message somebody has read; the person is shown that, where the channel can."),
    get("/messages", Operation::Standing, page::<MessageLine>())
        .by(WORKERS, Some(Scope::People))
        .asks(OF_MESSAGES)
        .says("Messages that wait, failed, are unknown or were stopped, the one that came to last first."),
    get("/messages", Operation::SendMessage, one::<MadeMessage>(201))
        .with(Method::Post, Some(Shape::of::<NewMessage>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Send somebody a message. It is on the disk when this answers, and goes out when it may; `Idempotency-Key` is remembered over restarts."),
    get("/messages/parts", Operation::CountParts, one::<PartsLine>(200))
        .with(Method::Post, Some(Shape::of::<Parts>()))
        .by(WORKERS, Some(Scope::Records))
        .says("In how many parts a text would go, and which character makes it dear. Nothing is sent."),
    get("/messages/{message}", Operation::Message, one::<MessageLine>(200))
        .by(WORKERS, Some(Scope::People))
        .says("One message, and how it stands."),
    get("/messages/{message}/replay", Operation::Replay, one::<MadeMessage>(200))
        .with(Method::Post, None)
        .by(WORKERS, Some(Scope::Records))
        .says("Send a message again that failed, is unknown, or was stopped. Agents do so in conversations that they have."),
    get("/messages/{message}/withdraw", Operation::Withdraw, Answer::Nothing)
        .with(Method::Post, None)
        .by(WORKERS, Some(Scope::Records))
        .says("Take a message back that is not given to its channel yet. Agents do so in conversations that they have."),
    get("/files", Operation::KeepFile, one::<KeptFile>(201))
        .with_file()
        .by(WORKERS, Some(Scope::Records))
        .says("Keep a file that is to go with a message: the body as it is, 10 MB at most; `X-File-Name` says its name, percent-encoded. One that no message has is taken away after a day."),
    get("/messages/{message}/files/{content}", Operation::MessageFile, Answer::File)
        .by(WORKERS, Some(Scope::People))
        .says("A file of a message, to be kept: its type is what it is where nothing of it runs, else plain bytes."),
];
