//! Every route of the API: one line each, in a file for each area.

mod access;
mod calls;
mod config;
mod journeys;
mod knowledge;
mod messages;
mod operation;
mod people;
mod query;
mod shape;
mod site;
mod work;

use utoipa::ToSchema;

use crate::journal::act::{Role, Scope};

pub use operation::Operation;
pub use query::Query;
pub use shape::Shape;

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

/// What an answer is when all went well.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// JSON, with this status.
    Json(u16, Shape),
    /// Nothing: 204.
    Nothing,
    /// A WAV file.
    Audio,
    /// A file that somebody has sent.
    File,
    /// Server-Sent Events.
    Events,
    /// Comma-separated values.
    Lines,
    /// The way to somewhere else: 303.
    Redirect,
    /// A page that leads a browser on.
    Page,
    /// A channel: the connection is no HTTP from then on, 101.
    Channel,
    /// This document.
    Document,
}

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
    /// Whether that is a form, and not JSON.
    pub form: bool,
    /// Whether it carries a file as it is.
    pub file: bool,
    /// What the answer is.
    pub answer: Answer,
}

impl Route {
    /// Names of the parameters in the path.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let parts = self.path.split('/');
        parts.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether it changes a contact that its path names, or the configuration: then the header `If-Match` may say which version was seen.
    pub fn honours_if_match(&self) -> bool {
        self.operation == Operation::ApplyConfig
            || (self.method.changes() && self.path.contains("{contact}"))
    }

    /// Whether the answer carries the version of the contact that its path names, or of the configuration, as an `ETag`.
    pub fn carries_etag(&self) -> bool {
        matches!(
            self.operation,
            Operation::OnePerson
                | Operation::ExportPerson
                | Operation::Config
                | Operation::ApplyConfig
        )
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
        "version" => ("^[1-9][0-9]{0,8}$", "A version's number."),
        "token" => ("^bl_[0-9a-f]{8}$", "A token's first characters."),
        "session" => ("^[0-9a-f]{16}$", "A session's name."),
        "contact" => (MINTED, "A contact's id."),
        "conversation" => (MINTED, "A conversation's id."),
        "message" => (MINTED, "A message's id."),
        "content" => ("^[0-9a-f]{64}$", "The SHA-256 of a file's bytes."),
        "article" => ("^[0-9a-z._-]{1,64}$", "An article's name."),
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
        form: false,
        file: false,
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

    const fn with_form(mut self, body: Shape) -> Route {
        (self.method, self.body, self.form) = (Method::Post, Some(body), true);
        self
    }

    const fn with_file(mut self) -> Route {
        (self.method, self.file) = (Method::Post, true);
        self
    }

    const fn with(mut self, method: Method, body: Option<Shape>) -> Route {
        self.method = method;
        self.body = body;
        self
    }
}

/// The areas, in the order of the document.
const AREAS: [&[Route]; 9] = [
    access::ROUTES,
    site::ROUTES,
    config::ROUTES,
    calls::ROUTES,
    work::ROUTES,
    people::ROUTES,
    messages::ROUTES,
    knowledge::ROUTES,
    journeys::ROUTES,
];

const COUNT: usize = {
    let (mut count, mut area) = (0, 0);
    while area < AREAS.len() {
        count += AREAS[area].len();
        area += 1;
    }
    count
};

/// Put together while it is compiled: whoever reads the table reads one list.
static WHOLE: [Route; COUNT] = {
    let mut whole = [AREAS[0][0]; COUNT];
    let (mut at, mut area) = (0, 0);
    while area < AREAS.len() {
        let mut row = 0;
        while row < AREAS[area].len() {
            whole[at] = AREAS[area][row];
            at += 1;
            row += 1;
        }
        area += 1;
    }
    whole
};

/// Every route.
pub static TABLE: &[Route] = &WHOLE;

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
                Operation::Document
                    | Operation::SignIn
                    | Operation::Provider
                    | Operation::Back
                    | Operation::SignedOutThere
            );
            assert_eq!(free, known, "{}: only these are for anybody", route.path);
            if route.method.changes() {
                let auditor = route.roles.is_some_and(|roles| roles.contains(&Role::Auditor));
                assert!(!auditor || route.operation == Operation::SignOut, "{}", route.path);
            }
        }
    }
}
