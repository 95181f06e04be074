//! Why something was not done, for a program and for a person (RFC 9457).

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::access::Denied;

/// A problem: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Which kind, as a name that does not change: `urn:branchline:problem:KIND`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The kind in words.
    pub title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong with this request.
    pub detail: String,
    /// Where in the request it is: `path`, `query`, `header` or `body`, and a name behind a slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub at: Option<String>,
    /// What to do about it.
    #[serde(rename = "do")]
    pub advice: String,
    /// Seconds after which to ask again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retry_after_s: Option<u32>,
}

/// The kinds of problem; each has one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request does not say what it has to.
    Malformed,
    /// It has to say who asks.
    SignInNeeded,
    /// Name or password is wrong.
    WrongPassword,
    /// The role or the scope is not enough.
    NotAllowed,
    /// The CSRF token is missing or another session's.
    Forged,
    /// There is no such thing.
    NotFound,
    /// The path takes other methods.
    WrongMethod,
    /// The same key with another request, or the thing is in another state.
    Conflict,
    /// It was changed since the version that the request names.
    Stale,
    /// Longer than is read.
    TooLong,
    /// Not JSON.
    WrongType,
    /// The path is a WebSocket's.
    UpgradeNeeded,
    /// Asked too often.
    TooOften,
    /// What was asked for cannot be done on this box.
    Refused,
    /// The box is too busy, or a part of it is not ready.
    Busy,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 15] = [
        Kind::Malformed,
        Kind::SignInNeeded,
        Kind::WrongPassword,
        Kind::NotAllowed,
        Kind::Forged,
        Kind::NotFound,
        Kind::WrongMethod,
        Kind::Conflict,
        Kind::Stale,
        Kind::TooLong,
        Kind::WrongType,
        Kind::UpgradeNeeded,
        Kind::TooOften,
        Kind::Refused,
        Kind::Busy,
    ];

    /// Name, status, words.
    fn parts(self) -> (&'static str, u16, &'static str) {
        match self {
            Kind::Malformed => {
                ("urn:branchline:problem:malformed", 400, "The request cannot be read")
            }
            Kind::SignInNeeded => {
                ("urn:branchline:problem:sign-in-needed", 401, "Who asks is not known")
            }
            Kind::WrongPassword => {
                ("urn:branchline:problem:wrong-password", 401, "Name or password is wrong")
            }
            Kind::NotAllowed => ("urn:branchline:problem:not-allowed", 403, "This is not for you"),
            Kind::Forged => (
                "urn:branchline:problem:csrf",
                403,
                "The request does not carry the session's own token",
            ),
            Kind::NotFound => ("urn:branchline:problem:not-found", 404, "There is no such thing"),
            Kind::WrongMethod => {
                ("urn:branchline:problem:wrong-method", 405, "This path takes other methods")
            }
            Kind::Conflict => {
                ("urn:branchline:problem:conflict", 409, "It does not fit what is there")
            }
            Kind::Stale => {
                ("urn:branchline:problem:stale", 412, "It was changed since you have seen it")
            }
            Kind::TooLong => ("urn:branchline:problem:too-long", 413, "The request is too long"),
            Kind::WrongType => {
                ("urn:branchline:problem:wrong-type", 415, "The body is of another type")
            }
            Kind::UpgradeNeeded => {
                ("urn:branchline:problem:upgrade-needed", 426, "This path is a WebSocket's")
            }
            Kind::TooOften => ("urn:branchline:problem:too-often", 429, "Asked too often"),
            Kind::Refused => {
                ("urn:branchline:problem:refused", 422, "It was understood and not done")
            }
            Kind::Busy => {
                ("urn:branchline:problem:busy", 503, "The box cannot answer at this moment")
            }
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.parts().1
    }
}

impl Problem {
    /// One of this kind: what is wrong, and what to do.
    pub fn new(kind: Kind, detail: impl Into<String>, advice: impl Into<String>) -> Problem {
        let (name, status, title) = kind.parts();
        Problem {
            kind: name,
            title,
            status,
            detail: detail.into(),
            at: None,
            advice: advice.into(),
            retry_after_s: None,
        }
    }

    /// And where it is.
    pub fn at(self, place: impl Into<String>) -> Problem {
        Problem { at: Some(place.into()), ..self }
    }

    /// And when to ask again.
    pub fn after(self, seconds: u32) -> Problem {
        Problem { retry_after_s: Some(seconds), ..self }
    }

    /// Something named in the path that is not there.
    pub fn nothing(what: &str, name: &str) -> Problem {
        Problem::new(
            Kind::NotFound,
            format!("there is no {what} {name}"),
            format!("list what there is and name one of them; a {what} may have gone meanwhile"),
        )
        .at(format!("path/{what}"))
    }

    /// The box does not answer.
    pub fn busy() -> Problem {
        let detail = "the gateway has more to do than it can at this moment";
        Problem::new(Kind::Busy, detail, "ask again in some seconds").after(5)
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Problem {
        match denied {
            Denied::Unknown => Problem::new(
                Kind::SignInNeeded,
                "the request has neither a token nor a session",
                "send `Authorization: Bearer TOKEN`, or sign in with POST /api/v1/session",
            ),
            Denied::Token => Problem::new(
                Kind::SignInNeeded,
                "the token is unknown, over, or was revoked",
                "have an admin make another: `branchline token add`, or POST /api/v1/tokens",
            )
            .at("header/Authorization"),
            Denied::Session => Problem::new(
                Kind::SignInNeeded,
                "the session is over",
                "sign in again with POST /api/v1/session",
            ),
            Denied::Password => Problem::new(
                Kind::WrongPassword,
                "the name or the password is wrong, or the user may not sign in",
                "try again; an admin sets a new password with `branchline user password`",
            ),
            Denied::Forged => Problem::new(
                Kind::Forged,
                "the header X-CSRF-Token is missing or not this session's",
                "send the csrf value that GET /api/v1/session gives",
            )
            .at("header/X-CSRF-Token"),
            Denied::TooOften(wait) => Problem::new(
                Kind::TooOften,
                "more requests than are taken from one source or for one token",
                "wait as long as Retry-After says; the feed tells of changes without asking",
            )
            .after(whole_seconds(wait)),
        }
    }
}

/// Rounded up, so that nobody comes too early.
pub(super) fn whole_seconds(span: Duration) -> u32 {
    let seconds = span.as_millis().div_ceil(1_000).max(1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names_of_their_own_and_a_refusal_says_what_to_do() {
        let mut names: Vec<_> = Kind::ALL.iter().map(|kind| kind.parts().0).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        let problem = Problem::from(Denied::TooOften(std::time::Duration::from_millis(1_500)));
        assert_eq!((problem.status, problem.retry_after_s), (429, Some(2)));
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["type"], "urn:branchline:problem:too-often");
        assert!(json.get("at").is_none() && json["do"].is_string());
    }
}
