//! Calls, and recordings of them.

use crate::admin::api::bodies::{
    BegunCall, Collect, ListenIn, NewCall, OneCall, Play, RecordingLine, Transfer,
};
use crate::admin::api::table::query::PAGED;
use crate::admin::api::table::{
    Answer, EVERYBODY, LEADERS, LOOKERS, Method, Operation, Route, Shape, WORKERS, get, one, page,
};
use crate::admin::quality::CallQuality;
use crate::admin::{ActiveCall, CallLine};
use crate::journal::act::Scope;

/// These routes.
pub(super) const ROUTES: &[Route] = &[
    get("/calls/live", Operation::LiveCalls, page::<ActiveCall>())
        .by(EVERYBODY, Some(Scope::Calls))
        .says("Calls that are up, the oldest first. Agents see those of their own phone."),
    get("/calls", Operation::Calls, page::<CallLine>())
        .by(LOOKERS, Some(Scope::Calls))
        .asks(PAGED)
        .says("Calls that are over, the newest first."),
    get("/calls/{call}", Operation::OneCall, one::<OneCall>(200))
        .by(LOOKERS, Some(Scope::Calls))
        .says("One call, with its ladder while that is remembered."),
    get("/calls/{call}/quality", Operation::CallQuality, one::<CallQuality>(200))
        .by(LOOKERS, Some(Scope::Calls))
        .says("How a call that is up sounds, second by second, from when somebody first looks: loss, jitter, round trip, score."),
    get("/calls/{call}", Operation::HangUp, Answer::Nothing)
        .with(Method::Delete, None)
        .by(WORKERS, Some(Scope::Control))
        .says("End a call that is up. Agents end conversations of their own phone alone."),
    get("/calls", Operation::Originate, one::<BegunCall>(201))
        .with(Method::Post, Some(Shape::of::<NewCall>()))
        .by(WORKERS, Some(Scope::Control))
        .says("Make a call: a phone rings first, and whoever answers there is sent on. Agents from their own alone."),
    get("/calls/{call}/transfer", Operation::Transfer, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Transfer>()))
        .by(WORKERS, Some(Scope::Control))
        .says("Send the other party on, to a number or into another call of the same phone."),
    get("/calls/{call}/hold", Operation::Hold, Answer::Nothing)
        .with(Method::Post, None)
        .by(WORKERS, Some(Scope::Control))
        .says("Put the party that a phone of ours talks with on hold."),
    get("/calls/{call}/hold", Operation::Resume, Answer::Nothing)
        .with(Method::Delete, None)
        .by(WORKERS, Some(Scope::Control))
        .says("Take it off hold."),
    get("/calls/{call}/recording", Operation::Record, Answer::Nothing)
        .with(Method::Post, None)
        .by(WORKERS, Some(Scope::Control))
        .says("Record a conversation; both are told first where the site says so."),
    get("/calls/{call}/recording", Operation::StopRecording, Answer::Nothing)
        .with(Method::Delete, None)
        .by(WORKERS, Some(Scope::Control))
        .says("End the recording; beginning again makes another."),
    get("/calls/{call}/recording/pause", Operation::PauseRecording, Answer::Nothing)
        .with(Method::Post, None)
        .by(WORKERS, Some(Scope::Control))
        .says("Let nothing of what is said onto the recording, as while a card number is told: it stays one file, silent there."),
    get("/calls/{call}/recording/pause", Operation::GoOnRecording, Answer::Nothing)
        .with(Method::Delete, None)
        .by(WORKERS, Some(Scope::Control))
        .says("Let everything onto it again."),
    get("/calls/{call}/monitor", Operation::Monitor, Answer::Nothing)
        .with(Method::Put, Some(Shape::of::<ListenIn>()))
        .by(LEADERS, None)
        .says("Listen in, heard by nobody: the phone that is named rings, and whoever answers there hears both. For people alone, and never in calls for help."),
    get("/calls/{call}/whisper", Operation::Whisper, Answer::Nothing)
        .with(Method::Put, Some(Shape::of::<ListenIn>()))
        .by(LEADERS, None)
        .says("Listen in, heard by the phone of the branch alone. Whoever listens in already takes this part."),
    get("/calls/{call}/barge", Operation::Barge, Answer::Nothing)
        .with(Method::Put, Some(Shape::of::<ListenIn>()))
        .by(LEADERS, None)
        .says("Listen in, heard by both, and on the recording. Whoever listens in already takes this part."),
    get("/calls/{call}/supervision", Operation::Unsupervise, Answer::Nothing)
        .with(Method::Delete, None)
        .by(LEADERS, None)
        .says("Listen in no more: the phone that does is hung up, and the two talk on."),
    get("/calls/{call}/payment", Operation::BeginPayment, Answer::Nothing)
        .with(Method::Post, None)
        .by(WORKERS, Some(Scope::Control))
        .says("Begin a payment pause: nothing goes onto the recording, and the keys that the customer presses reach nobody and are kept nowhere."),
    get("/calls/{call}/payment", Operation::EndPayment, Answer::Nothing)
        .with(Method::Delete, None)
        .by(WORKERS, Some(Scope::Control))
        .says("End it. A hang-up, a transfer and the site's time limit end it too."),
    get("/calls/{call}/play", Operation::Play, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Play>()))
        .by(WORKERS, Some(Scope::Control))
        .says("Play a prompt to a party, or to both."),
    get("/calls/{call}/collect", Operation::Collect, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Collect>()))
        .by(WORKERS, Some(Scope::Control))
        .says("Ask a party for keys; the feed tells what was pressed, and nobody else hears it."),
    get("/recordings", Operation::Recordings, page::<RecordingLine>())
        .by(LOOKERS, Some(Scope::Recordings))
        .asks(PAGED)
        .says("Messages that callers left, the newest first."),
    get("/recordings/{recording}/audio", Operation::Audio, Answer::Audio)
        .by(LOOKERS, Some(Scope::Recordings))
        .says("The sound of a message or a taped conversation, as a WAV file. Whoever listens is written down first."),
];
