//! One request: who asks, whether they may, what they carry; then it is done, and answered.

use std::net::IpAddr;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Query, RawPathParams, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::admin::Command;
use crate::admin::access::idempotency::{Given, LONGEST_KEY, Verdict};
use crate::admin::access::{Denied, Principal};
use crate::admin::api::operations::{self, Asked};
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::api::table::Operation;
use crate::admin::api::{FORM, MOST_BODY, MOST_FILE, Route};
use crate::driver::api::Api;
use crate::driver::api::doing::{self, Done};
use crate::driver::clock;
use crate::driver::http::Peer;
use crate::gateway::By;
use crate::journal::act::{Role, Who};

/// The session's cookie: `__Host-` binds it to this host, to TLS and to the whole of it (RFC 6265bis).
pub const COOKIE: &str = "__Host-branchline";
/// What a browser keeps while somebody signs in elsewhere. It has to come along when another site sends the browser back.
pub const AWAY: &str = "__Host-branchline-away";
const CSRF: &str = "x-csrf-token";
const KEY: &str = "idempotency-key";
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);
/// The same of a file: the largest by a slow line.
const FILE_TIME: Duration = Duration::from_secs(120);

/// Answers one request of the table.
pub async fn answer(api: Api, route: &'static Route, request: Request<Body>) -> Response<Body> {
    match carry_out(&api, route, request).await {
        Ok(response) => response,
        Err(problem) => refusal(&problem),
    }
}

async fn carry_out(
    api: &Api,
    route: &'static Route,
    request: Request<Body>,
) -> Result<Response<Body>, Problem> {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().cloned().ok_or_else(Problem::busy)?;
    api.access.hold().admit(clock::now(), peer.from)?;
    if route.method.changes() && !parts.headers.contains_key(header::AUTHORIZATION) {
        from_a_page_of_ours(api, route, &parts.headers)?;
    }
    let who = match route.roles {
        None => None,
        Some(_) => Some(let_in(api, route, &parts.headers, peer.from)?),
    };
    let asked = read(api, route, &mut parts, body).await?;
    let key = match &who {
        Some(who) if route.method.changes() => under_key(api, who, &parts, &asked)?,
        _ => Key::None,
    };
    let name = match key {
        Key::Again(given) => return Ok(given_response(given)),
        Key::New(name) => Some(Begun { api, name }),
        Key::None => None,
    };
    let by = By {
        who: who.as_ref().map_or(Who::Stranger, |who| who.who.clone()),
        from: Some(peer.from),
        own: who.as_ref().and_then(|who| who.own().cloned()),
    };
    let done = match operations::ask(route, who.as_ref(), &asked) {
        Ok(ask) => doing::carry_out(api, route, &peer, by, who.as_ref(), &asked, ask).await,
        Err(problem) => Err(problem),
    };
    if let Some(begun) = name {
        begun.end(&done);
    }
    done.map(|done| match done {
        Done::Given(given) => given_response(given),
        Done::Signed(given, cookie) => {
            let mut response = given_response(given);
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Done::Stream(response) => with_safety(response),
    })
}

/// A browser sends the session along from wherever a page asks, and would keep one that a page elsewhere has signed in for:
/// pages of others change nothing here and sign nobody in, whatever else they know.
fn from_a_page_of_ours(api: &Api, route: &Route, headers: &HeaderMap) -> Result<(), Problem> {
    let personal = route.roles.is_some() || route.operation == Operation::SignIn;
    if !personal || api.origins.allow(headers) {
        return Ok(());
    }
    let detail = "the request is made by a page that is not this box's";
    let problem = Problem::new(Kind::Forged, detail, "ask from there; see [web] origins");
    Err(problem.at("header/Origin"))
}

/// Who asks, and whether that is enough for this route.
pub fn let_in(
    api: &Api,
    route: &Route,
    headers: &HeaderMap,
    from: IpAddr,
) -> Result<Principal, Problem> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).map(|value| {
        let token = value.split_once(' ').filter(|(way, _)| way.eq_ignore_ascii_case("bearer"));
        token.map_or("", |(_, token)| token.trim())
    });
    let mut access = api.access.hold();
    let now = clock::now();
    let who = if let Some(token) = bearer {
        access.by_token(now, token)?
    } else if let Some(cookie) = cookie(headers, COOKIE) {
        let csrf = text(HeaderName::from_static(CSRF));
        access.by_session(now, cookie, route.method.changes(), csrf)?
    } else {
        return Err(Denied::Unknown.into());
    };
    if who.role == Role::Admin && !api.admins.is_empty() {
        let near = api.admins.iter().any(|network| network.contains(from));
        if !near {
            let detail = "nobody acts as an admin from there";
            let advice = "come from a network of [api] admin_networks, or as somebody else";
            return Err(Problem::new(Kind::NotAllowed, detail, advice));
        }
    }
    may(route, &who)?;
    Ok(who)
}

fn may(route: &Route, who: &Principal) -> Result<(), Problem> {
    let roles = route.roles.unwrap_or_default();
    if !roles.contains(&who.role) {
        let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
        return Err(Problem::new(
            Kind::NotAllowed,
            format!("the role {} may not do this", who.role),
            format!("ask somebody who is {}", names.join(" or ")),
        ));
    }
    let scope = match route.scope {
        Some(scope) => who.has(scope),
        None => who.scopes.is_none(),
    };
    if scope {
        return Ok(());
    }
    let needed = route.scope.map_or_else(
        || "this is for people who have signed in".to_owned(),
        |scope| format!("the token does not have the scope {scope}"),
    );
    Err(Problem::new(Kind::NotAllowed, needed, "have an admin make a token for what it is to do"))
}

/// A cookie among those that a browser sends.
pub fn cookie<'a>(headers: &'a HeaderMap, own: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == own).map(|(_, value)| value).next()
}

/// Parameters and body, within bounds.
async fn read(api: &Api, route: &Route, parts: &mut Parts, body: Body) -> Result<Asked, Problem> {
    let wrong = |detail: &str, at: &str| {
        Problem::new(Kind::Malformed, detail, "write it as RFC 3986 asks").at(at)
    };
    let path = RawPathParams::from_request_parts(parts, api).await;
    let path = path.map_err(|_| wrong("the path is not UTF-8", "path"))?;
    let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let query = query.map_err(|_| wrong("the query cannot be read", "query"))?.0;
    let body = body_of(route, &parts.headers, body).await?;
    // A value that is no text is none of ours: whoever sends it has missed something all the same.
    let last = parts.headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let last_event = last.map(|last| last.chars().take(64).collect());
    // A value that is no text is none that names a version.
    let if_match = parts.headers.get(header::IF_MATCH);
    let if_match = if_match.map(|value| value.to_str().unwrap_or_default().to_owned());
    let away = cookie(&parts.headers, AWAY).map(str::to_owned);
    let said = |name: &str| {
        let value = parts.headers.get(name).filter(|_| route.file)?;
        value.to_str().ok().map(str::to_owned)
    };
    let file = (said("content-type"), said("x-file-name"));
    let once = parts.headers.get(KEY).and_then(|key| key.to_str().ok()).map(str::to_owned);
    Ok(Asked { path, query, body: body.to_vec(), last_event, if_match, away, file, once })
}

async fn body_of(route: &Route, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let most = if route.file { MOST_FILE } else { MOST_BODY };
    let too_long = || {
        let detail = format!("a body has at most {most} bytes");
        Problem::new(Kind::TooLong, detail, "send less").at("body")
    };
    let time = if route.file { FILE_TIME } else { BODY_TIME };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|text| text.parse::<usize>().ok()).is_some_and(|length| length > most) {
        return Err(too_long());
    }
    let torn = |detail: &str| Problem::new(Kind::Malformed, detail, "send it at once").at("body");
    let body = match timeout(time, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(why)) if why.is::<LengthLimitError>() => return Err(too_long()),
        Ok(Err(_)) => return Err(torn("the body did not come whole")),
        Err(_) => return Err(torn("the body did not come in time")),
    };
    if route.file {
        return Ok(body);
    }
    if route.body.is_none() {
        if !body.is_empty() {
            let advice = "send none";
            return Err(Problem::new(Kind::Malformed, "there is no body here", advice).at("body"));
        }
        return Ok(body);
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let wanted = if route.form { FORM } else { "application/json" };
    if !kind.eq_ignore_ascii_case(wanted) {
        let detail = format!("the body's Content-Type is not {wanted}");
        let problem = Problem::new(Kind::WrongType, detail, "send that, and say so");
        return Err(problem.at("header/Content-Type"));
    }
    Ok(body)
}

enum Key {
    None,
    New(String),
    Again(Given),
}

/// What is known under the request's own key, if it carries one.
fn under_key(api: &Api, who: &Principal, parts: &Parts, asked: &Asked) -> Result<Key, Problem> {
    let Some(key) = parts.headers.get(KEY) else { return Ok(Key::None) };
    let at = "header/Idempotency-Key";
    let good = |key: &&str| {
        (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    let Some(key) = key.to_str().ok().filter(good) else {
        let detail = format!("a key has 1 to {LONGEST_KEY} printable ASCII characters");
        return Err(Problem::new(Kind::Malformed, detail, "make up a UUID").at(at));
    };
    let version = asked.if_match.as_deref().unwrap_or_default();
    let mut request = format!("{} {} {version}\n", parts.method, parts.uri).into_bytes();
    request.extend(&asked.body);
    match api.access.hold().repeats.begin(clock::now().instant, &who.who, key, &request) {
        Verdict::New(name) => Ok(Key::New(name)),
        Verdict::Again(given) => Ok(Key::Again(given)),
        Verdict::Different => {
            let detail = "the key was used for another request";
            Err(Problem::new(Kind::Conflict, detail, "make up another key").at(at))
        }
        Verdict::Running => {
            let detail = "the same request is being carried out";
            Err(Problem::new(Kind::Conflict, detail, "ask again in a second").at(at).after(1))
        }
    }
}

/// A request under a key that was begun; forgotten if whoever asks hangs up before it is done.
struct Begun<'a> {
    api: &'a Api,
    name: String,
}

impl Begun<'_> {
    fn end(self, done: &Result<Done, Problem>) {
        let given = match done {
            Ok(Done::Given(given)) => given.clone(),
            Ok(Done::Signed(..) | Done::Stream(_)) => return,
            Err(problem) => given_problem(problem),
        };
        self.api.access.hold().repeats.done(&self.name, given);
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.api.access.hold().repeats.give_up(&self.name);
    }
}

fn given_problem(problem: &Problem) -> Given {
    let body = serde_json::to_vec(problem).unwrap_or_default();
    Given { status: problem.status, content_type: "application/problem+json", body, etag: None }
}

/// A problem document.
pub fn refusal(problem: &Problem) -> Response<Body> {
    let mut response = given_response(given_problem(problem));
    let headers = response.headers_mut();
    if let Some(wait) = problem.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    if problem.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if problem.status == 413 {
        // What else comes is not read.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn given_response(given: Given) -> Response<Body> {
    let mut response = Response::new(Body::from(given.body));
    *response.status_mut() =
        StatusCode::from_u16(given.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(etag) =
        given.etag.and_then(|etag| HeaderValue::from_str(&format!("\"{etag}\"")).ok())
    {
        response.headers_mut().insert(header::ETAG, etag);
    }
    if !given.content_type.is_empty() {
        let kind = HeaderValue::from_static(given.content_type);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    with_safety(response)
}

/// Nobody on the way keeps an answer, and no browser takes it for something else, frames it, or tells others of it.
fn with_safety(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    response
}

/// The path takes other methods; axum says which.
pub async fn wrong_method(method: axum::http::Method) -> Response<Body> {
    let detail = format!("{} is not for this path", shown(method.as_str()));
    refusal(&Problem::new(Kind::WrongMethod, detail, "the header Allow says which are"))
}

/// There is no such path.
pub async fn nowhere(uri: Uri) -> Response<Body> {
    let detail = format!("there is no path {}", shown(uri.path()));
    let advice = "/api/v1/openapi.json lists every path";
    refusal(&Problem::new(Kind::NotFound, detail, advice).at("path"))
}

/// A stranger's text in an answer.
fn shown(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() && !"<>&\"".contains(*c)).take(120).collect()
}

/// Whether the program runs: it does.
pub async fn health(State(api): State<Api>, Extension(peer): Extension<Peer>) -> Response<Body> {
    match api.access.hold().admit(clock::now(), peer.from) {
        Ok(()) => plain(200, "ok\n"),
        Err(denied) => refusal(&denied.into()),
    }
}

/// Whether it takes calls: its loop answers, and it is not on its way out.
pub async fn ready(State(api): State<Api>, Extension(peer): Extension<Peer>) -> Response<Body> {
    if let Err(denied) = api.access.hold().admit(clock::now(), peer.from) {
        return refusal(&denied.into());
    }
    let by = By { who: Who::Stranger, from: Some(peer.from), own: None };
    match api.ask(by, Command::Status).await {
        Some(crate::admin::Reply::Status(status)) if !status.draining => plain(200, "ready\n"),
        Some(_) => plain(503, "draining\n"),
        None => plain(503, "the gateway does not answer\n"),
    }
}

fn plain(status: u16, words: &'static str) -> Response<Body> {
    let content_type = "text/plain; charset=utf-8";
    given_response(Given { status, content_type, body: words.as_bytes().to_vec(), etag: None })
}
