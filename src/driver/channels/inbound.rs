//! What services call us with: `/channels/NAME`, straight or through a relay.
//!
//! The box has no public address, as a rule. A relay that is not trusted passes on method, headers and body as they came and
//! says in `X-Branchline-Url` which address the service called, since signatures are over that. Whatever it changes is
//! refused by the signature; what it keeps back comes again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Runner;
use crate::driver::clock;
use crate::id::ChannelId;
use crate::messaging::web::{self, Heard, NotHeard};

/// What a relay says.
const ORIGINAL: &str = "x-branchline-url";
/// Characters of the longest address: what servers and proxies take.
const LONGEST_URL: usize = 8 << 10;
/// Bytes of a body: Meta's largest batch has 3 MB.
const MOST_BODY: usize = 4 << 20;
/// How long a body may take to come. Services send from data centres; whoever is slower holds a place for nothing.
const SLOWEST_BODY: Duration = Duration::from_secs(10);
/// Requests that are worked on at once, over all channels: with the largest bodies they hold 128 MiB.
const MOST_CALLS: usize = 32;
/// Bodies that are read at once: a text of JSON takes many times its size while it is.
const MOST_READING: usize = 2;
/// How soon a service that found no place may come again, in seconds.
const SOON: &str = "2";

/// Who answers which channel.
#[derive(Debug, Clone)]
pub struct Calls {
    channels: Arc<BTreeMap<ChannelId, Arc<Runner>>>,
    places: Arc<Semaphore>,
    reading: Arc<Semaphore>,
}

impl Calls {
    /// These channels.
    pub fn new(channels: BTreeMap<ChannelId, Arc<Runner>>) -> Calls {
        let (places, reading) = (Semaphore::new(MOST_CALLS), Semaphore::new(MOST_READING));
        Calls { channels: Arc::new(channels), places: places.into(), reading: reading.into() }
    }
}

/// The paths that services call.
pub fn router(calls: Calls) -> Router {
    let answer = |State(calls): State<Calls>, Path(name): Path<String>, request: Request| async move {
        calls.answer(&name, request).await
    };
    // What is behind the name is the site's own, so that one service may call several ways.
    let deeper = |State(calls): State<Calls>,
                  Path((name, _)): Path<(String, String)>,
                  request: Request| async move { calls.answer(&name, request).await };
    Router::new()
        .route("/channels/{name}", any(answer))
        .route("/channels/{name}/{*rest}", any(deeper))
        .with_state(calls)
}

impl Calls {
    async fn answer(&self, name: &str, request: Request) -> Response {
        let Some(runner) = self.channels.iter().find(|(own, _)| own.as_str() == name) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let Ok(_place) = self.places.try_acquire() else { return busy() };
        let (head, body) = request.into_parts();
        let Some(url) = original(&head.headers, &head.uri) else {
            return (StatusCode::BAD_REQUEST, "the original address cannot be read\n")
                .into_response();
        };
        let body = match timeout(SLOWEST_BODY, read(body)).await {
            Ok(Ok(body)) => body,
            Ok(Err(refused)) => return refused,
            Err(_) => {
                return (StatusCode::REQUEST_TIMEOUT, "the body comes too slowly\n")
                    .into_response();
            }
        };
        let headers = plain(&head.headers);
        let call = web::Request {
            method: head.method.as_str(),
            url: &url,
            headers: &headers,
            body: &body,
        };
        let heard = {
            let Ok(_turn) = self.reading.acquire().await else { return busy() };
            runner.1.adapter.hear(clock::now().unix, call)
        };
        match heard {
            Ok(heard) => runner.1.take(heard).await,
            Err(why) => runner.1.refuse(why),
        }
    }
}

impl Runner {
    async fn take(&self, heard: Heard) -> Response {
        self.odd(heard.odd);
        let known = heard.once.as_deref().is_some_and(|name| self.knows(name));
        if !known && let Err(why) = self.keep(heard.told).await {
            tracing::warn!(channel = %self.channel, ?why, "what a service tells cannot be kept now");
            return busy();
        }
        heard.once.into_iter().filter(|_| !known).for_each(|name| self.took(name));
        let status = StatusCode::from_u16(heard.reply.status).unwrap_or(StatusCode::OK);
        match heard.reply.mime {
            Some(mime) => (status, [("content-type", mime)], heard.reply.body).into_response(),
            None => status.into_response(),
        }
    }

    fn refuse(&self, why: NotHeard) -> Response {
        tracing::warn!(channel = %self.channel, ?why, "a request to a channel is refused");
        StatusCode::from_u16(why.status()).unwrap_or(StatusCode::BAD_REQUEST).into_response()
    }
}

/// Come again.
fn busy() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", SOON)]).into_response()
}

async fn read(body: Body) -> Result<Vec<u8>, Response> {
    // A body that says beforehand that it is too large is not read at all.
    let large = || {
        let words = format!("a body may have {MOST_BODY} bytes\n");
        (StatusCode::PAYLOAD_TOO_LARGE, words).into_response()
    };
    if HttpBody::size_hint(&body).lower() > MOST_BODY as u64 {
        return Err(large());
    }
    match Limited::new(body, MOST_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(why) if why.is::<LengthLimitError>() => Err(large()),
        Err(_) => Err(StatusCode::BAD_REQUEST.into_response()),
    }
}

/// The address that the service called: as a relay says, or as it came here.
fn original(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let mut said = headers.get_all(ORIGINAL).iter();
    let url = match (said.next(), said.next()) {
        (Some(url), None) => url.to_str().ok()?.to_owned(),
        (Some(_), Some(_)) => return None,
        (None, _) => {
            let host = headers.get("host")?.to_str().ok()?;
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            format!("https://{host}{path}")
        }
    };
    let known = url.starts_with("https://") || url.starts_with("http://");
    (known && url.len() <= LONGEST_URL && !url.contains(char::is_control)).then_some(url)
}

/// Headers as adapters read them. One whose value is no text proves nothing.
fn plain(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
