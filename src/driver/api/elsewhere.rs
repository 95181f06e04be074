//! Signing in at a provider: sending a browser there, and letting in who comes back.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

use crate::admin::access::idempotency::Given;
use crate::admin::api::Route;
use crate::admin::api::bodies::EndedThere;
use crate::admin::api::operations::{self, Asked, Back};
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::{Command, Reply, SessionAct};
use crate::driver::api::Api;
use crate::driver::api::answering::AWAY;
use crate::driver::api::doing::{Done, cookie_of, tell};
use crate::driver::api::provider::Provider;
use crate::driver::clock;
use crate::driver::http::Peer;
use crate::gateway::By;
use crate::journal::act::{User, Who};

/// How long a browser keeps what it leaves with: a little longer than it counts.
const KEPT_S: u64 = crate::admin::access::provider::LONGEST.as_secs() + 60;

/// Sends a browser to the provider.
pub async fn leave(api: &Api) -> Result<Done, Problem> {
    let (url, away) = provider(api)?.begin().await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    // The browser comes back from another site, and has to bring this along: hence Lax, not Strict.
    let cookie = format!("{AWAY}={away}; Path=/; Max-Age={KEPT_S}; HttpOnly; Secure; SameSite=Lax");
    let cookie = HeaderValue::from_str(&cookie).map_err(|_| Problem::busy())?;
    headers.insert(header::SET_COOKIE, cookie);
    let url = HeaderValue::from_str(&url).map_err(|_| Problem::busy())?;
    headers.insert(header::LOCATION, url);
    Ok(Done::Stream(response))
}

/// Lets in who comes back from there.
pub async fn come_back(
    api: &Api,
    peer: &Peer,
    by: By,
    asked: &Asked,
    back: Back,
) -> Result<Done, Problem> {
    let provider = provider(api)?;
    api.access.hold().begin_return(clock::now(), peer.from)?;
    let done = enter(api, provider, peer, by, asked, back).await;
    // A provider that is away is nobody's guess.
    if done.as_ref().is_err_and(|problem| problem.status != Kind::Busy.status()) {
        api.access.hold().failed_return(clock::now(), peer.from);
    }
    tracing::info!(from = %peer.from, done = done.is_ok(), "somebody signs in at the provider");
    done
}

async fn enter(
    api: &Api,
    provider: &Provider,
    peer: &Peer,
    by: By,
    asked: &Asked,
    back: Back,
) -> Result<Done, Problem> {
    let person = provider.end(asked.away.as_deref().unwrap_or_default(), &back).await?;
    let user = User {
        name: person.name,
        role: person.role,
        agent: person.agent,
        password: None,
        disabled: false,
        subject: Some(format!("{} {}", provider.issuer(), person.subject)),
    };
    let by = By { who: Who::User(user.name.clone()), ..by };
    let name = match tell(api, by, Command::Enter { user }).await? {
        Reply::User(line) => line.name,
        Reply::Refused(why) => {
            let advice = "an admin can tell: `branchline user list`";
            return Err(Problem::new(Kind::NotAllowed, why, advice));
        }
        _ => return Err(Problem::busy()),
    };
    let there = person.session;
    let (_, session) = api.access.hold().end_return(clock::now(), &name, peer.from, there)?;
    page(provider.landing(), &cookie_of(&session))
}

/// Ends sessions of whoever has signed out at the provider. Each is in the journal.
pub async fn leave_all(api: &Api, route: &Route, by: By, token: &str) -> Result<Given, Problem> {
    let provider = provider(api)?;
    let leaver = provider.end_sessions(token).await?;
    let gone = api.access.hold().sign_out_there(&provider.issuer(), &leaver);
    let users = gone.len();
    for user in gone {
        let by = By { who: Who::Provider, ..by.clone() };
        let what = SessionAct::EndThere;
        // The session is over by now: whether the journal keeps that does not bring it back.
        if tell(api, by, Command::Session { what, user: Some(user), done: true }).await.is_err() {
            tracing::warn!("the end of a session at the provider is not in the journal");
        }
    }
    operations::json(route, &EndedThere { users })
}

/// A page of our own that leads on. The session's cookie is one that no other site's links bring along, so the browser
/// is not sent on in one go: the next request would still count as the provider's.
fn page(landing: &str, cookie: &str) -> Result<Done, Problem> {
    let text = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"0;url={landing}\">\
         <title>Branchline</title><p>Signed in. <a href=\"{landing}\">Go on</a>"
    );
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let gone = format!("{AWAY}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax");
    for cookie in [cookie, &gone] {
        let cookie = HeaderValue::from_str(cookie).map_err(|_| Problem::busy())?;
        headers.append(header::SET_COOKIE, cookie);
    }
    Ok(Done::Stream(response))
}

fn provider(api: &Api) -> Result<&Provider, Problem> {
    api.provider.as_deref().ok_or_else(|| {
        let detail = "this box has no provider where people sign in";
        Problem::new(Kind::Refused, detail, "sign in with POST /api/v1/session; see [oidc]")
    })
}
