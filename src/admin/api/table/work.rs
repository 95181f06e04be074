//! Queues, agents, and reports about both.

use crate::admin::api::bodies::{MoveWaiting, PresenceChange, Priority};
use crate::admin::api::errands::{CameOut, EndOfWork, ForAgent, WorkLine};
use crate::admin::api::figures::{FormulaLine, OpenedLine, ReportPage};
use crate::admin::api::table::query::{OF_WORK, OPENED, PLANNED, REPORT};
use crate::admin::api::table::{
    Answer, EVERYBODY, LEADERS, LOOKERS, Method, Operation, Route, Shape, WORKERS, get, one, page,
};
use crate::admin::queueing::{Explanation, WaitingItem};
use crate::admin::{Agent, DispositionLine, Queue};
use crate::journal::act::Scope;

/// These routes.
pub(super) const ROUTES: &[Route] = &[
    get("/queues", Operation::Queues, page::<Queue>())
        .by(EVERYBODY, Some(Scope::Read))
        .says("Queues and who waits in them."),
    get("/queues/{queue}/items", Operation::Waiting, page::<WaitingItem>())
        .by(LOOKERS, Some(Scope::Read))
        .says("The first hundred of those who wait in a queue, by place, and why each still waits."),
    get("/queues/{queue}/items/{item}/explain", Operation::Explain, one::<Explanation>(200))
        .by(LOOKERS, Some(Scope::Read))
        .says("Why one still waits, how each agent stands to it, and to whom it was offered and why."),
    get("/queues/{queue}/items/{item}/move", Operation::MoveWaiting, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<MoveWaiting>()))
        .by(LEADERS, Some(Scope::Calls))
        .says("Let one who waits wait in another queue, or be called back instead, at the same place."),
    get("/queues/{queue}/items/{item}/priority", Operation::Prioritise, Answer::Nothing)
        .with(Method::Put, Some(Shape::of::<Priority>()))
        .by(LEADERS, Some(Scope::Calls))
        .says("Give one who waits another priority."),
    get("/agents", Operation::Agents, page::<Agent>())
        .by(EVERYBODY, Some(Scope::Read))
        .says("Agents and their states."),
    get("/agents/{agent}/wrap-up", Operation::WrapUp, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<EndOfWork>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("End after-work, and say how the contact came out. Agents do so for themselves alone."),
    get("/work", Operation::Work, page::<WorkLine>())
        .by(WORKERS, Some(Scope::People))
        .asks(OF_WORK)
        .says("Tasks and whatever is written that is not over: what waits, on whose screen it is, who has it, and why."),
    get("/work/{item}/take", Operation::TakeWork, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<ForAgent>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Take a piece of work, offered or not, as far as skills and room allow. Agents do so for themselves alone."),
    get("/work/{item}/decline", Operation::DeclineWork, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<ForAgent>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Turn an offer down: others are asked."),
    get("/work/{item}/return", Operation::ReturnWork, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<ForAgent>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Give a piece of work back: it waits again at its place."),
    get("/work/{item}/finish", Operation::FinishWork, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<CameOut>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Say that a piece of work is over. With a code there is no after-work."),
    get("/agents/{agent}/presence", Operation::SetPresence, Answer::Nothing)
        .with(Method::Put, Some(Shape::of::<PresenceChange>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Sign an agent in or out, or let them pause. Agents do so for themselves alone."),
    get("/desk", Operation::Desk, Answer::Channel)
        .by(WORKERS, None)
        .says("Open the channel of an agent's page that is a telephone: a WebSocket with the subprotocol `branchline.desk.1`, for the box's own pages and those of `[web] origins` alone."),
    get("/dispositions", Operation::Dispositions, page::<DispositionLine>())
        .by(EVERYBODY, Some(Scope::Read))
        .says("Codes that say how a contact came out; with none, any code is taken."),
    get("/reports", Operation::Report, one::<ReportPage>(200))
        .by(LOOKERS, Some(Scope::Calls))
        .asks(REPORT)
        .says("Figures by interval and group, each under the id of its formula."),
    get("/reports/formulas", Operation::Formulas, page::<FormulaLine>())
        .by(LOOKERS, Some(Scope::Calls))
        .says("Every formula, and by what it can be given."),
    get("/reports/intervals", Operation::Planners, Answer::Lines)
        .by(LOOKERS, Some(Scope::Calls))
        .asks(PLANNED)
        .says("What planners of shifts read: a line for each interval, queue and channel."),
    get("/reports/{formula}/contacts", Operation::OpenFigure, page::<OpenedLine>())
        .by(LOOKERS, Some(Scope::Calls))
        .asks(OPENED)
        .says("What a figure counted, above and below the line."),
];
