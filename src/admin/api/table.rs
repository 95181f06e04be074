//! Every route of the API: one line each.

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::admin::api::bodies::{
    ActLine, BegunCall, Collect, DryRun, Lifting, MadeToken, Me, MoveWaiting, NewCall, NewToken,
    NewUser, OneCall, Page, Pausing, Play, PresenceChange, Priority, RecordingLine, Replay,
    SessionLine, SignIn, TokenLine, Transfer, UserChange, UserLine,
};
use crate::admin::api::figures::{FormulaLine, OpenedLine, ReportPage};
use crate::admin::api::orders::{
    CaseChange, ConsentChange, Moments, NewCase, NewDisposition, NewHold, NewNote, NewPerson,
    NewPin, NewSharing, OneIdentity, OtherCase, OtherContact, PersonChange, Preference,
    Verification,
};
use crate::admin::api::people::{ErasureLine, HitLine, MomentLine, PersonRecord};
use crate::admin::api::sites::{EventsTaken, NewEvents};
use crate::admin::queueing::{Explanation, WaitingItem};
use crate::admin::{
    self, ActiveCall, Agent, Ban, CallLine, DeadLine, JourneyLine, JourneyTold, Mailbox, Ordered,
    Phone, Queue, Status, TaskLine, Trunk, WebhookLine,
};
use crate::journal::act::{Role, Scope};

/// How something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// To have it.
    Get,
    /// To do or make something.
    Post,
    /// To have it like this.
    Put,
    /// To have parts of it like this.
    Patch,
    /// To have it away.
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// Whether it changes something: such a request of a session carries its CSRF token.
    pub fn changes(self) -> bool {
        self != Method::Get
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What is asked for; the document's `operationId`, and what the journal calls it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Operation { $($(#[$doc])* $name),+ }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Operation] = &[$(Operation::$name),+];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$name => $text),+ }
            }
        }
    };
}

operations! {
    /// This document.
    Document = "get_document",
    /// Signs in.
    SignIn = "sign_in",
    /// Goes to sign in at the provider.
    Provider = "sign_in_elsewhere",
    /// Comes back from there.
    Back = "return_from_provider",
    /// Who asks.
    Me = "get_session",
    /// Signs out.
    SignOut = "sign_out",
    /// Everybody's sessions.
    Sessions = "list_sessions",
    /// Ends somebody's session.
    EndSession = "end_session",
    /// The whole box at a glance.
    Status = "get_status",
    /// Calls that are up.
    LiveCalls = "list_live_calls",
    /// Calls that are over.
    Calls = "list_calls",
    /// One call.
    OneCall = "get_call",
    /// Makes a call.
    Originate = "make_call",
    /// Ends a call.
    HangUp = "hang_up",
    /// Sends the other party on.
    Transfer = "transfer_call",
    /// Puts the other party on hold.
    Hold = "hold_call",
    /// Takes it off hold.
    Resume = "resume_call",
    /// Begins a recording.
    Record = "start_recording",
    /// Ends it.
    StopRecording = "stop_recording",
    /// Lets nothing onto a recording.
    PauseRecording = "pause_recording",
    /// Lets everything onto it again.
    GoOnRecording = "go_on_recording",
    /// Plays a prompt.
    Play = "play_prompt",
    /// Asks for keys.
    Collect = "collect_keys",
    /// What happens, as it happens.
    Feed = "read_feed",
    /// Queues.
    Queues = "list_queues",
    /// Those who wait in a queue.
    Waiting = "list_waiting",
    /// Why one of them waits.
    Explain = "explain_waiting",
    /// Lets one wait elsewhere or otherwise.
    MoveWaiting = "move_waiting",
    /// Puts one forward or back.
    Prioritise = "set_priority",
    /// Agents.
    Agents = "list_agents",
    /// Sets an agent's state.
    SetPresence = "set_presence",
    /// Formulas of reports.
    Formulas = "list_formulas",
    /// Figures by interval.
    Report = "get_report",
    /// What a figure counted.
    OpenFigure = "open_figure",
    /// The export for planners of shifts.
    Planners = "export_intervals",
    /// Trunks.
    Trunks = "list_trunks",
    /// Phones.
    Phones = "list_phones",
    /// Mailboxes.
    Mailboxes = "list_mailboxes",
    /// Messages that callers left.
    Recordings = "list_recordings",
    /// The sound of one.
    Audio = "get_recording_audio",
    /// What calls out have cost.
    Spending = "get_spending",
    /// Lifts caps on spending.
    LiftCaps = "lift_caps",
    /// Where a number would go.
    DryRun = "try_route",
    /// Sources that are not heard.
    Bans = "list_bans",
    /// Hears a source again.
    Unban = "lift_ban",
    /// Users.
    Users = "list_users",
    /// Makes a user.
    NewUser = "add_user",
    /// Changes a user.
    ChangeUser = "change_user",
    /// Tokens.
    Tokens = "list_tokens",
    /// Makes a token.
    NewToken = "add_token",
    /// Revokes a token.
    RevokeToken = "revoke_token",
    /// Programs elsewhere that are told what happens.
    Webhooks = "list_webhooks",
    /// Messages to one of them that were given up.
    DeadWebhooks = "list_dead_messages",
    /// Sends it again what happened before.
    ReplayWebhook = "replay_webhook",
    /// Sends it nothing for a time.
    PauseWebhook = "pause_webhook",
    /// Who did what.
    Acts = "list_acts",
    /// People by what they are known by.
    FindPeople = "find_people",
    /// Makes a contact.
    NewPerson = "add_person",
    /// One person.
    OnePerson = "get_person",
    /// Everything of one person.
    ExportPerson = "export_person",
    /// What happened with a person.
    Timeline = "list_moments",
    /// People, cases and moments that some words fit.
    Search = "search_people",
    /// Says fields.
    EditPerson = "edit_person",
    /// Erases a person.
    ErasePerson = "erase_person",
    /// Writes a note.
    Note = "add_note",
    /// Says how something came out.
    Dispose = "add_disposition",
    /// Gives an identity.
    LinkIdentity = "link_identity",
    /// Takes it away.
    UnlinkIdentity = "unlink_identity",
    /// Several people share an identity.
    ShareIdentity = "share_identity",
    /// One person has it after all.
    UnshareIdentity = "unshare_identity",
    /// Makes one person of two contacts.
    MergePerson = "merge_person",
    /// And two again.
    UnmergePerson = "unmerge_person",
    /// Puts a tag on.
    Tag = "add_tag",
    /// Takes it off.
    Untag = "remove_tag",
    /// Pins a fact.
    Pin = "add_pin",
    /// Takes it off.
    Unpin = "remove_pin",
    /// Notes consent.
    Consent = "set_consent",
    /// Notes the preferred channel.
    Prefer = "set_preferred_channel",
    /// Notes that somebody was identified.
    Verify = "set_verified",
    /// Opens a case.
    OpenCase = "open_case",
    /// Closes a case, or opens it again.
    ChangeCase = "change_case",
    /// Adds to a case.
    LinkCase = "link_case",
    /// Takes out of a case.
    UnlinkCase = "unlink_case",
    /// Makes two of a case.
    SplitCase = "split_case",
    /// Makes one of two cases.
    MergeCases = "merge_cases",
    /// Lets nothing of a person be erased.
    HoldPerson = "hold_person",
    /// Ends that.
    ReleasePerson = "release_person",
    /// Erasures that were.
    Erasures = "list_erasures",
    /// Tells of events of a site or a shop.
    SiteEvents = "tell_events",
    /// Journeys that run.
    Journeys = "list_journeys",
    /// What came of the last steps.
    JourneySteps = "list_journey_steps",
    /// Stops a journey.
    StopJourney = "stop_journey",
    /// Tasks that rules have made.
    Tasks = "list_tasks",
    /// A task is done with.
    TaskDone = "finish_task",
}

/// A type as the document has it.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Its name.
    pub name: fn() -> String,
    /// Itself.
    pub schema: fn() -> RefOr<Schema>,
    /// What it is made of.
    pub parts: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shape({})", (self.name)())
    }
}

impl Shape {
    /// Of a type.
    pub const fn of<T: ToSchema>() -> Shape {
        fn name<T: ToSchema>() -> String {
            T::name().into_owned()
        }
        Shape { name: name::<T>, schema: <T as PartialSchema>::schema, parts: T::schemas }
    }

    /// Of a page: a generic type does not count what it is filled with among its parts.
    const fn of_page<T: ToSchema>() -> Shape {
        fn parts<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
            schemas.push((T::name().into_owned(), T::schema()));
            T::schemas(schemas);
        }
        fn name<T: ToSchema>() -> String {
            format!("{}Page", T::name())
        }
        Shape { name: name::<T>, parts: parts::<T>, ..Shape::of::<Page<T>>() }
    }
}

/// What an answer is when all went well.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// JSON, with this status.
    Json(u16, Shape),
    /// Nothing: 204.
    Nothing,
    /// A WAV file.
    Audio,
    /// Server-Sent Events.
    Events,
    /// Comma-separated values.
    Lines,
    /// The way to somewhere else: 303.
    Redirect,
    /// A page that leads a browser on.
    Page,
    /// This document.
    Document,
}

/// A parameter behind the question mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Its name.
    pub name: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// The pattern that it matches; a number from 1 to [`MOST_ROWS`](crate::admin::api::MOST_ROWS) for none.
    pub pattern: Option<&'static str>,
    /// What it is.
    pub words: &'static str,
}

const LIMIT: Query = Query {
    name: "limit",
    required: false,
    pattern: None,
    words: "At most so many; 100 when absent.",
};
const AFTER: Query = Query {
    name: "after",
    required: false,
    pattern: Some("^[0-9A-Za-z-]{1,64}$"),
    words: "The `next` of the page before.",
};
const LAST: Query = Query {
    name: "after",
    required: false,
    pattern: Some("^[0-9A-Za-z-]{1,64}$"),
    words: "The id of the last event that was seen, where no Last-Event-ID can be sent.",
};
/// Parameters of a list that has pages.
const PAGED: &[Query] = &[LIMIT, AFTER];
/// Those of a search.
const WORDS: &[Query] = &[
    LIMIT,
    AFTER,
    Query {
        name: "q",
        required: true,
        pattern: Some(r"^[^\u0000-\u001F]{1,200}$"),
        words: "Beginnings of words, all of which fit, with or without accents; or how a number ends, in any form.",
    },
];
const KNOWN_BY: &[Query] = &[Query {
    name: "identity",
    required: true,
    pattern: Some("^[0-9A-Za-z+*#.@:_-]{1,254}$"),
    words: "What the person is known by, exactly: `phone:+4930123456`, `email:ann@example.com`.",
}];
const ROUTE: &[Query] = &[
    Query {
        name: "number",
        required: true,
        pattern: Some("^[0-9A-Za-z+*#.@:-]{1,64}$"),
        words: "The number as it would be dialled.",
    },
    Query {
        name: "from",
        required: true,
        pattern: Some("^[0-9A-Za-z._:-]{1,64}$"),
        words: "Who would dial it: an extension, or `trunk:NAME`.",
    },
];

const MOMENT: Option<&str> = Some("^[0-9A-Za-z:+.-]{8,40}$");
const SINCE: Query = Query {
    name: "since",
    required: false,
    pattern: MOMENT,
    words: "From here on: a date, a local time such as 2026-11-16T08:00, or an RFC 3339 time; today when absent.",
};
const UNTIL: Query = Query {
    name: "until",
    required: false,
    pattern: MOMENT,
    words: "Until here; a date counts whole.",
};
const INTERVAL: Query = Query {
    name: "interval",
    required: false,
    pattern: Some("^(15m|30m|60m|day)$"),
    words: "How long intervals are; a day when absent.",
};
const GROUPED: Query = Query {
    name: "by",
    required: false,
    pattern: Some("^(queue|agent|channel)$"),
    words: "What rows are grouped by.",
};
const REPORT: &[Query] = &[
    SINCE,
    UNTIL,
    INTERVAL,
    GROUPED,
    Query {
        name: "formula",
        required: false,
        pattern: Some("^[0-9A-Za-z,+-]{1,200}$"),
        words: "Ids with commas between, `all` for every one; F1,F4,F5,F7 when absent. F3 has what Asterisk, Connect and \
                Genesys print; Genesys has switches: F3-genesys+flow-outs, +no-short, +no-abandons, +rewrite.",
    },
    LIMIT,
    AFTER,
];
const OPENED: &[Query] = &[
    SINCE,
    UNTIL,
    GROUPED,
    Query {
        name: "group",
        required: false,
        pattern: Some("^[0-9A-Za-z._-]{1,64}$"),
        words: "Only of this queue, agent or channel.",
    },
    LIMIT,
    AFTER,
];
const PLANNED: &[Query] = &[SINCE, UNTIL, INTERVAL];
const GIVEN: Option<&str> = Some("^[ -~]{1,2048}$");
/// What a provider sends a browser back with (RFC 6749 section 4.1.2, RFC 9207); whatever else it adds is passed over.
const BACK: &[Query] = &[
    Query { name: "state", required: true, pattern: GIVEN, words: "What the browser left with." },
    Query { name: "code", required: false, pattern: GIVEN, words: "What a token is had for." },
    Query { name: "iss", required: false, pattern: GIVEN, words: "Who answers." },
    Query { name: "error", required: false, pattern: GIVEN, words: "Why there is no code." },
    Query { name: "error_description", required: false, pattern: GIVEN, words: "In words." },
    Query { name: "session_state", required: false, pattern: GIVEN, words: "Not looked at." },
];

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// How.
    pub method: Method,
    /// Where, behind [`BASE`](crate::admin::api::BASE); names in braces are parameters.
    pub path: &'static str,
    /// What.
    pub operation: Operation,
    /// Which roles may; anybody, without saying who they are, when nothing.
    pub roles: Option<&'static [Role]>,
    /// Which scope a token needs. A token without one never may: that is for people alone.
    pub scope: Option<Scope>,
    /// What it does, in words.
    pub summary: &'static str,
    /// Parameters behind the question mark.
    pub query: &'static [Query],
    /// What the request carries.
    pub body: Option<Shape>,
    /// What the answer is.
    pub answer: Answer,
}

impl Route {
    /// Names of the parameters in the path.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether it changes a contact that its path names: then the header `If-Match` may say which version was seen.
    pub fn honours_if_match(&self) -> bool {
        self.method.changes() && self.path.contains("{contact}")
    }

    /// Whether the answer carries the version of the contact that its path names, as an `ETag`.
    pub fn carries_etag(&self) -> bool {
        matches!(self.operation, Operation::OnePerson | Operation::ExportPerson)
    }
}

/// The pattern that a parameter in the path matches, and what it is.
pub fn path_parameter(name: &str) -> (&'static str, &'static str) {
    const MINTED: &str = "^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{13}$";
    match name {
        "call" => (MINTED, "A call's id."),
        "item" => (MINTED, "The id of one who waits."),
        "queue" => ("^[0-9A-Za-z._-]{1,64}$", "A queue's name."),
        "recording" => (MINTED, "A recording's id."),
        "agent" => ("^[0-9A-Za-z._-]{1,64}$", "An agent's name."),
        "user" => ("^[0-9A-Za-z._@-]{1,64}$", "A user's name."),
        "token" => ("^bl_[0-9a-f]{8}$", "A token's first characters."),
        "session" => ("^[0-9a-f]{16}$", "A session's name."),
        "contact" => (MINTED, "A contact's id."),
        "case" => (MINTED, "A case's id."),
        "pin" => (MINTED, "A pinned fact's id."),
        "hold" => (MINTED, "A legal hold's id."),
        "journey" => (MINTED, "A journey's id."),
        "task" => ("^[0-9A-Za-z-]{15,20}$", "A task's name."),
        "tag" => ("^[0-9a-z._-]{1,64}$", "A tag."),
        "formula" => ("^[0-9A-Za-z+-]{2,64}$", "A formula's id."),
        "source" => ("^[0-9A-Fa-f.:]{2,45}$", "An address."),
        "webhook" => ("^[0-9A-Za-z._-]{1,64}$", "A receiver's name."),
        _ => ("^[0-9A-Za-z._-]{1,64}$", "A name."),
    }
}

const EVERYBODY: Option<&[Role]> =
    Some(&[Role::Agent, Role::Supervisor, Role::Admin, Role::Auditor]);
const LOOKERS: Option<&[Role]> = Some(&[Role::Supervisor, Role::Admin, Role::Auditor]);
const WORKERS: Option<&[Role]> = Some(&[Role::Agent, Role::Supervisor, Role::Admin]);
const LEADERS: Option<&[Role]> = Some(&[Role::Supervisor, Role::Admin]);
const ADMINS: Option<&[Role]> = Some(&[Role::Admin]);
const AUDITORS: Option<&[Role]> = Some(&[Role::Admin, Role::Auditor]);

const fn get(path: &'static str, operation: Operation, answer: Answer) -> Route {
    Route {
        method: Method::Get,
        path,
        operation,
        roles: None,
        scope: None,
        summary: "",
        query: &[],
        body: None,
        answer,
    }
}

const fn page<T: ToSchema>() -> Answer {
    Answer::Json(200, Shape::of_page::<T>())
}

const fn one<T: ToSchema>(status: u16) -> Answer {
    Answer::Json(status, Shape::of::<T>())
}

impl Route {
    const fn by(mut self, roles: Option<&'static [Role]>, scope: Option<Scope>) -> Route {
        self.roles = roles;
        self.scope = scope;
        self
    }

    const fn says(mut self, summary: &'static str) -> Route {
        self.summary = summary;
        self
    }

    const fn asks(mut self, query: &'static [Query]) -> Route {
        self.query = query;
        self
    }

    const fn with(mut self, method: Method, body: Option<Shape>) -> Route {
        self.method = method;
        self.body = body;
        self
    }
}

/// Every route.
pub const TABLE: &[Route] = &[
    get("/openapi.json", Operation::Document, Answer::Document).says("This document."),
    get("/session", Operation::SignIn, one::<Me>(201))
        .with(Method::Post, Some(Shape::of::<SignIn>()))
        .says("Sign in: the answer sets the session's cookie and gives its CSRF token."),
    get("/session/provider", Operation::Provider, Answer::Redirect)
        .says("Sign in at the provider of `[oidc]`: a browser is sent there."),
    get("/session/provider/back", Operation::Back, Answer::Page)
        .asks(BACK)
        .says("Come back from the provider: the answer sets the session's cookie and leads the browser on."),
    get("/session", Operation::Me, one::<Me>(200))
        .by(EVERYBODY, Some(Scope::Read))
        .says("Who asks, and what they may do."),
    get("/session", Operation::SignOut, Answer::Nothing)
        .with(Method::Delete, None)
        .by(EVERYBODY, None)
        .says("Sign out."),
    get("/sessions", Operation::Sessions, page::<SessionLine>())
        .by(AUDITORS, Some(Scope::Admin))
        .says("Who is signed in."),
    get("/sessions/{session}", Operation::EndSession, Answer::Nothing)
        .with(Method::Delete, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("End somebody's session."),
    get("/status", Operation::Status, one::<Status>(200))
        .by(EVERYBODY, Some(Scope::Read))
        .says("The whole box at a glance."),
    get("/calls/live", Operation::LiveCalls, page::<ActiveCall>())
        .by(LOOKERS, Some(Scope::Calls))
        .says("Calls that are up, the oldest first."),
    get("/calls", Operation::Calls, page::<CallLine>())
        .by(LOOKERS, Some(Scope::Calls))
        .asks(PAGED)
        .says("Calls that are over, the newest first."),
    get("/calls/{call}", Operation::OneCall, one::<OneCall>(200))
        .by(LOOKERS, Some(Scope::Calls))
        .says("One call, with its ladder while that is remembered."),
    get("/calls/{call}", Operation::HangUp, Answer::Nothing)
        .with(Method::Delete, None)
        .by(LEADERS, Some(Scope::Control))
        .says("End a call that is up."),
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
    get("/calls/{call}/play", Operation::Play, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Play>()))
        .by(WORKERS, Some(Scope::Control))
        .says("Play a prompt to a party, or to both."),
    get("/calls/{call}/collect", Operation::Collect, Answer::Nothing)
        .with(Method::Post, Some(Shape::of::<Collect>()))
        .by(WORKERS, Some(Scope::Control))
        .says("Ask a party for keys; the feed tells what was pressed, and nobody else hears it."),
    get("/feed", Operation::Feed, Answer::Events)
        .by(EVERYBODY, Some(Scope::Read))
        .asks(&[LAST])
        .says("What happens, as it happens (Server-Sent Events). Agents see the calls that they are offered."),
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
    get("/agents/{agent}/presence", Operation::SetPresence, Answer::Nothing)
        .with(Method::Put, Some(Shape::of::<PresenceChange>()))
        .by(WORKERS, Some(Scope::Agents))
        .says("Sign an agent in or out, or let them pause. Agents do so for themselves alone."),
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
    get("/trunks", Operation::Trunks, page::<Trunk>())
        .by(LOOKERS, Some(Scope::Read))
        .says("Trunks and their lamps."),
    get("/phones", Operation::Phones, page::<Phone>())
        .by(LOOKERS, Some(Scope::Read))
        .says("Extensions and where their phones are registered."),
    get("/mailboxes", Operation::Mailboxes, page::<Mailbox>())
        .by(LOOKERS, Some(Scope::Read))
        .says("Mailboxes and how many messages are in them."),
    get("/recordings", Operation::Recordings, page::<RecordingLine>())
        .by(LOOKERS, Some(Scope::Recordings))
        .asks(PAGED)
        .says("Messages that callers left, the newest first."),
    get("/recordings/{recording}/audio", Operation::Audio, Answer::Audio)
        .by(LOOKERS, Some(Scope::Recordings))
        .says("The sound of a message or a taped conversation, as a WAV file. Whoever listens is written down first."),
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
    get("/users", Operation::Users, page::<UserLine>())
        .by(AUDITORS, Some(Scope::Admin))
        .says("Users."),
    get("/users", Operation::NewUser, one::<UserLine>(201))
        .with(Method::Post, Some(Shape::of::<NewUser>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Make a user."),
    get("/users/{user}", Operation::ChangeUser, one::<UserLine>(200))
        .with(Method::Patch, Some(Shape::of::<UserChange>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Change a user's role, password or agent, or keep them from signing in."),
    get("/tokens", Operation::Tokens, page::<TokenLine>())
        .by(AUDITORS, Some(Scope::Admin))
        .says("Tokens, without what is secret of them."),
    get("/tokens", Operation::NewToken, one::<MadeToken>(201))
        .with(Method::Post, Some(Shape::of::<NewToken>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Make a token. It is shown this once."),
    get("/tokens/{token}", Operation::RevokeToken, Answer::Nothing)
        .with(Method::Delete, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("Revoke a token."),
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
    get("/acts", Operation::Acts, page::<ActLine>())
        .by(AUDITORS, Some(Scope::Audit))
        .asks(PAGED)
        .says("Who did what, the newest first."),
    get("/people", Operation::FindPeople, page::<PersonRecord>())
        .by(WORKERS, Some(Scope::People))
        .asks(KNOWN_BY)
        .says("Whoever is known by exactly this; one person or nobody."),
    get("/people", Operation::NewPerson, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewPerson>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Make a contact."),
    get("/people/{contact}", Operation::OnePerson, one::<PersonRecord>(200))
        .by(WORKERS, Some(Scope::People))
        .says("One person: contacts, identities, cases, consent, pinned facts, and what happened last."),
    get("/people/{contact}/export", Operation::ExportPerson, one::<PersonRecord>(200))
        .by(LEADERS, Some(Scope::People))
        .says("Everything that is kept of a person, for whoever has a right to it. Who takes it is written down first."),
    get("/people/{contact}/timeline", Operation::Timeline, page::<MomentLine>())
        .by(WORKERS, Some(Scope::People))
        .asks(PAGED)
        .says("What happened with a person, the newest first."),
    get("/search", Operation::Search, page::<HitLine>())
        .by(WORKERS, Some(Scope::People))
        .asks(WORDS)
        .says("People, cases and moments that words fit, people first, then cases, then what happened, the newest first."),
    get("/people/{contact}", Operation::EditPerson, one::<Ordered>(200))
        .with(Method::Patch, Some(Shape::of::<PersonChange>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Say fields, or take them away; of the version that was seen where one is named."),
    get("/people/{contact}", Operation::ErasePerson, one::<Ordered>(200))
        .with(Method::Delete, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("Erase a person: every contact, key, row and recording. A legal hold stands against it."),
    get("/people/{contact}/notes", Operation::Note, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewNote>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Write a note."),
    get("/people/{contact}/dispositions", Operation::Dispose, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewDisposition>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Say how something came out."),
    get("/people/{contact}/identities", Operation::LinkIdentity, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<OneIdentity>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Give a contact an identity that nobody else has."),
    get("/people/{contact}/identities", Operation::UnlinkIdentity, one::<Ordered>(200))
        .with(Method::Delete, None)
        .by(LEADERS, Some(Scope::Records))
        .asks(KNOWN_BY)
        .says("Take an identity away."),
    get("/people/shared", Operation::ShareIdentity, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewSharing>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Say that several people share an identity: it names nobody from then on."),
    get("/people/{contact}/unshared", Operation::UnshareIdentity, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<OneIdentity>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Say that a shared identity is this person's after all."),
    get("/people/{contact}/merge", Operation::MergePerson, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<OtherContact>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Make one person of two contacts, under the name of this one."),
    get("/people/{contact}/unmerge", Operation::UnmergePerson, one::<Ordered>(200))
        .with(Method::Post, None)
        .by(LEADERS, Some(Scope::Records))
        .says("Take back the merge by which this contact became part of another."),
    get("/people/{contact}/tags/{tag}", Operation::Tag, one::<Ordered>(200))
        .with(Method::Put, None)
        .by(WORKERS, Some(Scope::Records))
        .says("Put a tag on."),
    get("/people/{contact}/tags/{tag}", Operation::Untag, one::<Ordered>(200))
        .with(Method::Delete, None)
        .by(WORKERS, Some(Scope::Records))
        .says("Take a tag off."),
    get("/people/{contact}/pins", Operation::Pin, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewPin>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Pin a fact, which is shown before all else."),
    get("/people/{contact}/pins/{pin}", Operation::Unpin, one::<Ordered>(200))
        .with(Method::Delete, None)
        .by(WORKERS, Some(Scope::Records))
        .says("Take a pinned fact off."),
    get("/people/{contact}/consent", Operation::Consent, one::<Ordered>(200))
        .with(Method::Put, Some(Shape::of::<ConsentChange>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Note that consent was given or refused."),
    get("/people/{contact}/preferred", Operation::Prefer, one::<Ordered>(200))
        .with(Method::Put, Some(Shape::of::<Preference>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Note which channel a person prefers."),
    get("/people/{contact}/verified", Operation::Verify, one::<Ordered>(200))
        .with(Method::Put, Some(Shape::of::<Verification>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Note that a person was identified, and how surely."),
    get("/people/{contact}/cases", Operation::OpenCase, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewCase>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Open a case."),
    get("/cases/{case}", Operation::ChangeCase, one::<Ordered>(200))
        .with(Method::Patch, Some(Shape::of::<CaseChange>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Close a case, or open it again."),
    get("/cases/{case}/link", Operation::LinkCase, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<Moments>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Add moments to a case."),
    get("/cases/{case}/unlink", Operation::UnlinkCase, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<Moments>()))
        .by(WORKERS, Some(Scope::Records))
        .says("Take moments out of a case."),
    get("/cases/{case}/split", Operation::SplitCase, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewCase>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Make a part of a case a case of its own."),
    get("/cases/{case}/merge", Operation::MergeCases, one::<Ordered>(200))
        .with(Method::Post, Some(Shape::of::<OtherCase>()))
        .by(LEADERS, Some(Scope::Records))
        .says("Let another case go up in this one."),
    get("/people/{contact}/holds", Operation::HoldPerson, one::<Ordered>(201))
        .with(Method::Post, Some(Shape::of::<NewHold>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Let nothing of a person be erased."),
    get("/people/{contact}/holds/{hold}", Operation::ReleasePerson, one::<Ordered>(200))
        .with(Method::Delete, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("End a legal hold."),
    get("/erasures", Operation::Erasures, page::<ErasureLine>())
        .by(AUDITORS, Some(Scope::Audit))
        .says("Erasures that were, with nothing of whom they were about."),
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
    get("/tasks", Operation::Tasks, page::<TaskLine>())
        .by(EVERYBODY, Some(Scope::Read))
        .says("Tasks that rules have made and nobody has done, the oldest first."),
    get("/tasks/{task}/done", Operation::TaskDone, Answer::Nothing)
        .with(Method::Post, None)
        .by(WORKERS, Some(Scope::Records))
        .says("Say that a task is done with."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        for operation in Operation::ALL {
            let own = TABLE.iter().filter(|route| route.operation == *operation);
            assert_eq!(own.count(), 1, "{operation:?}");
        }
        let mut ways: Vec<_> = TABLE.iter().map(|route| (route.path, route.method)).collect();
        ways.sort_unstable();
        ways.dedup();
        assert_eq!(ways.len(), TABLE.len());
        for route in TABLE {
            assert!(route.summary.ends_with('.'), "{}", route.path);
            let free = route.roles.is_none();
            let known = matches!(
                route.operation,
                Operation::Document | Operation::SignIn | Operation::Provider | Operation::Back
            );
            assert_eq!(free, known, "{}: only these are for anybody", route.path);
            if route.method.changes() {
                let auditor = route.roles.is_some_and(|roles| roles.contains(&Role::Auditor));
                assert!(!auditor || route.operation == Operation::SignOut, "{}", route.path);
            }
        }
    }
}
