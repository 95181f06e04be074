//! Events of sites, and what rules make of events.

use crate::admin::api::errands::{MadeTask, NewTask};
use crate::admin::api::sites::{EventsTaken, NewEvents};
use crate::admin::api::table::query::PAGED;
use crate::admin::api::table::{
    Answer, EVERYBODY, LEADERS, LOOKERS, Method, Operation, Route, Shape, WORKERS, get, one, page,
};
use crate::admin::{JourneyLine, JourneyTold, TaskLine};
use crate::journal::act::Scope;

/// These routes.
pub(super) const ROUTES: &[Route] = &[
    get("/events", Operation::SiteEvents, one::<EventsTaken>(200))
        .with(Method::Post, Some(Shape::of::<NewEvents>()))
        .by(WORKERS, Some(Scope::Events))
        .says("Tell of what happened at a site or a shop; with consent it goes onto the person's record and begins journeys, without it is counted."),
    get("/journeys", Operation::Journeys, page::<JourneyLine>())
        .by(LOOKERS, Some(Scope::Read))
        .asks(PAGED)
        .says("Journeys that run, and what each waits for."),
    get("/journeys/steps", Operation::JourneySteps, page::<JourneyTold>())
        .by(LOOKERS, Some(Scope::Read))
        .says("What came of the last steps and journeys, and why something was not done; the newest first."),
    get("/journeys/{journey}", Operation::StopJourney, Answer::Nothing)
        .with(Method::Delete, None)
        .by(LEADERS, Some(Scope::Control))
        .says("Stop a journey: nothing more comes of it."),
    get("/tasks", Operation::NewTask, one::<MadeTask>(201))
        .with(Method::Post, Some(Shape::of::<NewTask>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Make a task for the agents of a queue."),
    get("/tasks", Operation::Tasks, page::<TaskLine>())
        .by(EVERYBODY, Some(Scope::Read))
        .says("Tasks that rules have made and nobody has done, the oldest first."),
    get("/tasks/{task}/done", Operation::TaskDone, Answer::Nothing)
        .with(Method::Post, None)
        .by(WORKERS, Some(Scope::Records))
        .says("Say that a task is done with."),
];
