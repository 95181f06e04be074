//! Posting signed messages to programs elsewhere: webhooks, and questions to the site's CRM.
//!
//! One request on a connection of its own, to the very address that was looked at; nothing is followed, nothing is kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsConnector;

use crate::driver::clock;
use crate::driver::outward::{Stream, Unreached, connect};
use crate::driver::tls;
use crate::time::UnixTime;
use crate::webhook::{Answer, Post, Reach, Secret, Target, Why};

/// Posts to one program. A connection serves one message: a receiver that was away is not found out by a dead one.
#[derive(Clone)]
pub struct Client {
    target: Arc<Target>,
    secret: Secret,
    reach: Reach,
    tls: Option<TlsConnector>,
    timeout: Duration,
}

/// What was answered.
#[derive(Debug)]
pub struct Answered {
    /// With this status.
    pub status: u16,
    /// And wants to be left alone for so long.
    pub retry_after: Option<Duration>,
    /// As much of the body as was wanted.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It has an address that it may not have.
    Barred,
    /// It could not be reached, or broke off.
    Wire,
    /// It took too long.
    Late,
    /// The answer's body is longer than was wanted.
    TooLong,
}

impl Client {
    /// Nothing where the address cannot be used, which the configuration's check has told.
    ///
    /// # Errors
    /// When the file of authorities cannot be used.
    pub fn new(
        url: &str,
        authorities: Option<&Path>,
        secret: &Secret,
        reach: Reach,
        timeout: Duration,
    ) -> Result<Option<Client>, tls::NoIdentity> {
        let Ok(target) = Target::parse(url) else { return Ok(None) };
        let tls = tls::client(authorities)?.map(TlsConnector::from);
        let (target, secret) = (Arc::new(target), secret.clone());
        Ok(Some(Client { target, secret, reach, tls, timeout }))
    }

    /// Sends a message to somebody of whose answer nobody needs the body: nothing of it is read; redirects are not followed.
    pub async fn tell(self, post: Post) -> Answer {
        match self.post(post, 0).await {
            Ok(answer) => Answer::Status { status: answer.status, retry_after: answer.retry_after },
            Err(Broken::Barred) => Answer::Not(Why::Barred),
            Err(Broken::Late) => Answer::Not(Why::Late),
            Err(Broken::Wire | Broken::TooLong) => Answer::Not(Why::Unreachable),
        }
    }

    /// Sends a message, and reads so many bytes of the answer's body at most; none when that is 0.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(self, post: Post, most: usize) -> Result<Answered, Broken> {
        tokio::time::timeout(self.timeout, self.attempt(post, most))
            .await
            .unwrap_or(Err(Broken::Late))
    }

    async fn attempt(&self, post: Post, most: usize) -> Result<Answered, Broken> {
        let stream = connect(&self.target, self.reach, self.tls.as_ref()).await;
        let stream = stream.map_err(|why| match why {
            Unreached::Barred => Broken::Barred,
            Unreached::Away => Broken::Wire,
        })?;
        self.exchange(stream, post, most).await
    }

    /// One request, one answer. Redirects are not followed.
    async fn exchange(
        &self,
        stream: Box<dyn Stream>,
        post: Post,
        most: usize,
    ) -> Result<Answered, Broken> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| Broken::Wire)?;
        let signature = self.secret.sign(&post.id, post.seconds, post.body.as_bytes());
        let request = hyper::Request::post(&self.target.path)
            .header(HOST, &self.target.authority)
            .header(USER_AGENT, concat!("branchline/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &post.id)
            .header("webhook-timestamp", post.seconds)
            .header("webhook-signature", signature)
            .body(Full::new(Bytes::from(post.body)));
        let request = request.map_err(|_| Broken::Wire)?;
        let answered = async move {
            let response = sender.send_request(request).await.map_err(|_| Broken::Wire)?;
            let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let retry_after = after.and_then(|text| retry_after(text, clock::now().unix));
            let status = response.status().as_u16();
            let body = if most > 0 { read(response.into_body(), most).await? } else { Vec::new() };
            Ok(Answered { status, retry_after, body })
        };
        tokio::pin!(connection, answered);
        tokio::select! {
            biased;
            answered = &mut answered => answered,
            // A server that closes at once has often answered before. It is over, and is not asked again.
            _ = &mut connection => answered.await,
        }
    }
}

/// A body that is no longer than wanted.
async fn read(mut body: Incoming, most: usize) -> Result<Vec<u8>, Broken> {
    let mut kept = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Broken::Wire)?.into_data() else { continue };
        if kept.len() + data.len() > most {
            return Err(Broken::TooLong);
        }
        kept.extend_from_slice(&data);
    }
    Ok(kept)
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
fn retry_after(text: &str, now: UnixTime) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(UnixTime(date.timestamp().as_microsecond()).since(now))
}
