//! The box itself: status, feed, lines, phones, money, sources that are not heard, programs elsewhere.

use crate::admin;
use crate::admin::api::bodies::{DryRun, Lifting, Pausing, Replay};
use crate::admin::api::table::query::{LAST, ROUTE};
use crate::admin::api::table::{
    ADMINS, AUDITORS, Answer, EVERYBODY, LOOKERS, Method, Operation, Route, Shape, get, one, page,
};
use crate::admin::{Ban, DeadLine, Mailbox, Phone, Status, Trunk, WebhookLine};
use crate::journal::act::Scope;

/// These routes.
pub(super) const ROUTES: &[Route] = &[
    get("/status", Operation::Status, one::<Status>(200))
        .by(EVERYBODY, Some(Scope::Read))
        .says("The whole box at a glance."),
    get("/feed", Operation::Feed, Answer::Events)
        .by(EVERYBODY, Some(Scope::Read))
        .asks(&[LAST])
        .says("What happens, as it happens (Server-Sent Events). Agents see the calls that they are offered."),
    get("/trunks", Operation::Trunks, page::<Trunk>())
        .by(LOOKERS, Some(Scope::Read))
        .says("Trunks and their lamps."),
    get("/phones", Operation::Phones, page::<Phone>())
        .by(LOOKERS, Some(Scope::Read))
        .says("Extensions and where their phones are registered."),
    get("/mailboxes", Operation::Mailboxes, page::<Mailbox>())
        .by(LOOKERS, Some(Scope::Read))
        .says("Mailboxes and how many messages are in them."),
    get("/spending", Operation::Spending, one::<admin::Spending>(200))
        .by(LOOKERS, Some(Scope::Read))
        .says("What calls out have cost, and how far each cap is used up."),
    get("/spending/lift", Operation::LiftCaps, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Lifting>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Lift caps on spending for some hours, or put them back in force."),
    get("/route", Operation::DryRun, one::<DryRun>(200))
        .by(LOOKERS, Some(Scope::Read))
        .asks(ROUTE)
        .says("Where a dialled number would go, and why, without calling."),
    get("/bans", Operation::Bans, page::<Ban>())
        .by(AUDITORS, Some(Scope::Admin))
        .says("Sources that are not heard."),
    get("/bans/{source}", Operation::Unban, Answer::Nothing)
        .with(Method::Delete, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("Hear a source again."),
    get("/webhooks", Operation::Webhooks, page::<WebhookLine>())
        .by(AUDITORS, Some(Scope::Admin))
        .says("Programs elsewhere that are told what happens: how far each is, and what is wrong."),
    get("/webhooks/{webhook}/dead", Operation::DeadWebhooks, page::<DeadLine>())
        .by(AUDITORS, Some(Scope::Admin))
        .says("Messages that were given up of late, the newest first."),
    get("/webhooks/{webhook}/replay", Operation::ReplayWebhook, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Replay>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Send again what happened in a span of time, or what an id names. It goes before what else is owed."),
    get("/webhooks/{webhook}/paused", Operation::PauseWebhook, Answer::Nothing)
        .with(Method::Put, Some(Shape::of::<Pausing>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Send nothing for the time being, or go on. What is owed stays owed."),
];
