//! One request to a server elsewhere over HTTPS, and its whole answer: for what the box has to look up there.
//!
//! Connects to the very address that was looked at, follows nothing, reads no more than it was told to.

use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsConnector;

use crate::driver::outward::{Stream, Unreached, connect};
use crate::driver::tls;
use crate::webhook::{Reach, Target};

/// How long a server may take for all of it: somebody waits before a page.
const PATIENCE: Duration = Duration::from_secs(8);
/// Bytes of the longest answer; a provider's keys have a few thousand.
const MOST: usize = 256 << 10;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// That is no address.
    Address,
    /// The server is where it may not be.
    Barred,
    /// It cannot be reached, or does not prove that it is who it should be.
    Unreachable,
    /// It took too long.
    Late,
    /// Its answer is no HTTP, or longer than is read.
    Nonsense,
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NoAnswer::Address => "its address cannot be read",
            NoAnswer::Barred => "it is at an address where the configuration does not allow it",
            NoAnswer::Unreachable => "it cannot be reached, or does not prove who it is",
            NoAnswer::Late => "it takes too long",
            NoAnswer::Nonsense => "its answer cannot be read",
        })
    }
}

/// What is sent.
#[derive(Debug, Default)]
pub struct Ask {
    /// The Authorization header.
    pub authorization: Option<String>,
    /// A form; nothing for a question without a body.
    pub form: Option<String>,
}

/// Asks servers of one kind.
#[derive(Clone)]
pub struct Client {
    reach: Reach,
    tls: Option<TlsConnector>,
}

impl Client {
    /// Of servers that are within `reach`, and proved by the system's authorities and by those in `authorities`.
    ///
    /// # Errors
    /// When that file cannot be read.
    pub fn new(reach: Reach, authorities: Option<&Path>) -> Result<Client, tls::NoIdentity> {
        Ok(Client { reach, tls: tls::client(authorities)?.map(TlsConnector::from) })
    }

    /// Status and body of the answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn fetch(&self, url: &str, ask: Ask) -> Result<(u16, Bytes), NoAnswer> {
        let target = Target::parse(url).map_err(|_| NoAnswer::Address)?;
        let answer = tokio::time::timeout(PATIENCE, self.attempt(&target, ask));
        answer.await.unwrap_or(Err(NoAnswer::Late))
    }

    async fn attempt(&self, target: &Target, ask: Ask) -> Result<(u16, Bytes), NoAnswer> {
        let stream = connect(target, self.reach, self.tls.as_ref()).await;
        let stream = stream.map_err(|why| match why {
            Unreached::Barred => NoAnswer::Barred,
            Unreached::Away => NoAnswer::Unreachable,
        })?;
        exchange(stream, target, ask).await
    }
}

async fn exchange(
    stream: Box<dyn Stream>,
    target: &Target,
    ask: Ask,
) -> Result<(u16, Bytes), NoAnswer> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| NoAnswer::Unreachable)?;
    let mut request = hyper::Request::builder()
        .method(if ask.form.is_some() { "POST" } else { "GET" })
        .uri(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, concat!("branchline/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "application/json");
    if let Some(authorization) = ask.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    if ask.form.is_some() {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let body = Full::new(Bytes::from(ask.form.unwrap_or_default()));
    let request = request.body(body).map_err(|_| NoAnswer::Address)?;
    let answer = async move {
        let response = sender.send_request(request).await.map_err(|_| NoAnswer::Unreachable)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MOST).collect().await;
        Ok((status, body.map_err(|_| NoAnswer::Nonsense)?.to_bytes()))
    };
    tokio::pin!(connection, answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        // A server that closes at once has often answered before.
        _ = &mut connection => answer.await,
    }
}
