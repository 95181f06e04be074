//! What is not the API's: desk phones that ask for their configuration. A whole question goes to the gateway, its answer
//! comes back.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::admin::web::{self, Method};
use crate::driver::api::{ANSWER_TIME, Api};
use crate::driver::http::Peer;
use crate::driver::turn::Letter;

/// Asks the gateway. A body is not read: no question of a phone has one, and the connection ends with it.
pub async fn answer(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response<Body> {
    let method = match *request.method() {
        axum::http::Method::GET => Method::Get,
        axum::http::Method::HEAD => Method::Head,
        _ => Method::Other,
    };
    let path = request.uri().path().to_owned();
    let response = ask(&api, web::Request { method, path, from: peer.from }).await;
    let body = if method == Method::Head { Vec::new() } else { response.body };
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(response.content_type));
    // Secrets are in it: nobody on the way keeps them, and no browser takes them for something else.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if response.status == 405 {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    if let Some(wait) = response.retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    if method == Method::Other {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

async fn ask(api: &Api, request: web::Request) -> web::Response {
    let Ok(_turn) = api.questions.try_acquire() else {
        let busy = web::Response::refusal(503, "busy; ask again soon");
        return web::Response { retry_after_s: Some(5), ..busy };
    };
    let (answer, answered) = oneshot::channel();
    let asked = api.letters.deliver(Letter::Web(request, answer)).await;
    match timeout(ANSWER_TIME, answered).await {
        Ok(Ok(response)) if asked.is_ok() => response,
        _ => web::Response::refusal(503, "the box does not answer; ask again soon"),
    }
}
