//! What a page gets before anybody writes: the script, what it shows, and a page to try both on.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Door, Doors, door, for_page, not_ours, nowhere};
use crate::config::settings::{Ask, Calls};
use crate::driver::api::takes_gzip;
use crate::web;

/// How long a browser keeps the script: a new version of the box is on every page by the next morning at the latest.
const KEPT: &str = "public, max-age=3600";
/// The page to try it on runs the box's own script and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
     media-src 'self' blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'";
/// What a file of the chat may be, for whoever chooses one.
const KINDS: &str = "image/*,audio/*,video/*,application/pdf,application/zip,text/plain,text/csv,.docx,.xlsx,.odt,.ods";

/// The script, the same for every chat: it knows from where it came. It is no secret, and any page may name it; what may
/// have the chat is looked at when it connects.
pub(super) fn script(doors: &Doors, name: &str, headers: &HeaderMap) -> Response {
    let file = web::file("chat.js").filter(|_| door(doors, name).is_some());
    let Some(file) = file else { return nowhere() };
    let packed = file.gzip.filter(|_| takes_gzip(headers));
    let mut response = Response::new(Body::from(packed.unwrap_or(file.plain)));
    let fixed = [
        (header::CONTENT_TYPE, file.content_type),
        (header::CACHE_CONTROL, KEPT),
        (header::VARY, "accept-encoding"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    let own = response.headers_mut();
    own.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if packed.is_some() {
        own.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// What the script shows.
pub(super) async fn settings(
    State(doors): State<Doors>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(door) = door(&doors, &name) else { return nowhere() };
    // A page of the box's own asks without saying whose it is (Fetch standard, section 3.2).
    let own = headers.get("sec-fetch-site").is_some_and(|from| from == "same-origin");
    if !own && door.admits(&headers).is_err() {
        return not_ours();
    }
    let cached = [(header::CACHE_CONTROL, "no-cache")];
    for_page(&headers, (cached, axum::Json(shown(&door))).into_response())
}

fn shown(door: &Door) -> Value {
    let own = &door.settings;
    let ask = own.ask.iter().map(|ask| match ask {
        Ask::Name => "name",
        Ask::Mail => "mail",
    });
    let invite = own.invite.iter().map(|invite| {
        json!({
            "path": invite.path,
            "after_s": invite.after_s,
            "text": invite.text,
            "every_h": invite.every_h,
        })
    });
    json!({
        "title": own.title,
        "greeting": own.greeting,
        "ask": ask.collect::<Vec<_>>(),
        "file_mb": own.file_mb,
        "file_kinds": KINDS,
        "calls": own.calls == Calls::Always,
        "invite": invite.collect::<Vec<_>>(),
    })
}

/// A page that has the chat, as a page of the site would.
pub(super) async fn sample(State(doors): State<Doors>, Path(name): Path<String>) -> Response {
    let Some(door) = door(&doors, &name) else { return nowhere() };
    // A name of the configuration: letters, digits, `-` and `_`.
    let page = include_str!("try.html").replace("@NAME@", door.name.as_str());
    let fixed = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (StatusCode::OK, fixed, page).into_response()
}
