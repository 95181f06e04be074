//! Asking services: connections are kept and used again, and whether a request went out is never guessed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::hold;
use crate::driver::clock;
use crate::driver::outward::connect;
use crate::driver::tls;
use crate::messaging::web::{Answer, Ask};
use crate::time::UnixTime;
use crate::webhook::{Reach, Target};

/// How long a connection may take, TLS and all.
const CONNECTING: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read: Telegram's hundred longest messages have some 2 MB.
const MOST_ANSWER: usize = 4 << 20;
/// Connections to one service that wait for another request, and how long: services close theirs after a minute or so.
const MOST_IDLE: usize = 4;
const IDLE: Duration = Duration::from_secs(30);

type Sender = SendRequest<Full<Bytes>>;
/// A service: whether it is TLS, its name and its port.
type Place = (bool, String, u16);

/// Connections that wait, and since when.
type Idle = BTreeMap<Place, Vec<(Instant, Sender)>>;

/// Asks services of one channel.
#[derive(Clone)]
pub struct Client {
    reach: Reach,
    tls: Option<TlsConnector>,
    idle: Arc<Mutex<Idle>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// What came of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    /// An answer.
    Replied {
        /// Its status.
        status: u16,
        /// Seconds for which it wants to be left alone.
        retry_after: Option<u32>,
        /// Its body.
        body: Bytes,
    },
    /// Nothing was sent.
    Away,
    /// It was sent, wholly or in part, and no whole answer came.
    Silent,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reply::Replied { status, body, .. } => write!(f, "{status} of {} bytes", body.len()),
            Reply::Away => f.write_str("Away"),
            Reply::Silent => f.write_str("Silent"),
        }
    }
}

impl Reply {
    /// As adapters take it.
    pub fn answer(&self) -> Answer<'_> {
        match self {
            Reply::Replied { status, retry_after, body } => {
                Answer::Replied { status: *status, retry_after: *retry_after, body }
            }
            Reply::Away => Answer::Away,
            Reply::Silent => Answer::Silent,
        }
    }
}

impl Client {
    /// Of services within `reach`, proved by the system's authorities and by those in `authorities`.
    ///
    /// # Errors
    /// When that file cannot be read.
    pub fn new(reach: Reach, authorities: Option<&Path>) -> Result<Client, tls::NoIdentity> {
        let tls = tls::client(authorities)?.map(TlsConnector::from);
        Ok(Client { reach, tls, idle: Arc::default() })
    }

    /// One request and its whole answer.
    pub async fn ask(&self, ask: &Ask) -> Reply {
        let Ok(target) = Target::parse(&ask.url) else { return Reply::Away };
        let Some(mut request) = request(ask, &target) else { return Reply::Away };
        let place = (target.tls, target.host.clone(), target.port);
        while let Some(sender) = self.idle(&place) {
            match timeout(ask.within, self.exchange(&place, sender, request)).await {
                Ok(Exchanged::Done(reply)) => return reply,
                // It had been closed over there before anything was written.
                Ok(Exchanged::Unsent(back)) => request = *back,
                Err(_) => return Reply::Silent,
            }
        }
        let Ok(Some(sender)) = timeout(CONNECTING, self.dial(&target)).await else {
            return Reply::Away;
        };
        match timeout(ask.within, self.exchange(&place, sender, request)).await {
            Ok(Exchanged::Done(reply)) => reply,
            Ok(Exchanged::Unsent(_)) => Reply::Away,
            Err(_) => Reply::Silent,
        }
    }

    async fn dial(&self, target: &Target) -> Option<Sender> {
        let stream = connect(target, self.reach, self.tls.as_ref()).await.ok()?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        // It ends when the sender is dropped, or the other side closes.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Some(sender)
    }

    /// A connection that was used before and seems open.
    fn idle(&self, place: &Place) -> Option<Sender> {
        let mut idle = hold(&self.idle);
        let own = idle.get_mut(place)?;
        let now = clock::now().instant;
        own.retain(|(since, sender)| now.duration_since(*since) < IDLE && !sender.is_closed());
        own.pop().map(|(_, sender)| sender)
    }

    fn put_back(&self, place: &Place, sender: Sender) {
        let mut idle = hold(&self.idle);
        let own = idle.entry(place.clone()).or_default();
        if own.len() < MOST_IDLE {
            own.push((clock::now().instant, sender));
        }
    }

    async fn exchange(
        &self,
        place: &Place,
        mut sender: Sender,
        request: Request<Full<Bytes>>,
    ) -> Exchanged {
        if sender.ready().await.is_err() {
            return Exchanged::Unsent(Box::new(request));
        }
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                // The request comes back when none of it was written.
                return match error.take_message() {
                    Some(request) => Exchanged::Unsent(Box::new(request)),
                    None => Exchanged::Done(Reply::Silent),
                };
            }
        };
        let reply = read(response).await;
        if matches!(reply, Reply::Replied { .. }) {
            self.put_back(place, sender);
        }
        Exchanged::Done(reply)
    }
}

/// What came of a request on one connection.
enum Exchanged {
    Done(Reply),
    Unsent(Box<Request<Full<Bytes>>>),
}

fn request(ask: &Ask, target: &Target) -> Option<Request<Full<Bytes>>> {
    let mut request = Request::builder()
        .method(ask.method)
        .uri(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, concat!("branchline/", env!("CARGO_PKG_VERSION")));
    for (name, value) in &ask.headers {
        request = request.header(*name, value);
    }
    request.body(Full::new(Bytes::from(ask.body.clone()))).ok()
}

async fn read(response: Response<Incoming>) -> Reply {
    let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = after.and_then(|text| seconds(text, clock::now().unix));
    let status = response.status().as_u16();
    match Limited::new(response.into_body(), MOST_ANSWER).collect().await {
        Ok(body) => Reply::Replied { status, retry_after, body: body.to_bytes() },
        Err(_) => Reply::Silent,
    }
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
fn seconds(text: &str, now: UnixTime) -> Option<u32> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(seconds);
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    let wait = UnixTime(date.timestamp().as_microsecond()).since(now);
    u32::try_from(wait.as_secs()).ok()
}
