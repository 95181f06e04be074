//! Files of one folder on a server elsewhere: small ones into memory, large ones onto the disk, where they go on from where the line
//! went away.
//!
//! Connects to the very address that was looked at, follows nothing, writes no more than it was told to. What the bytes are worth,
//! whoever asked for them finds out.

use std::fs::OpenOptions;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_RANGE, HOST, RANGE, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsConnector;

use crate::driver::outward::{Stream, Unreached, connect};
use crate::driver::tls::{self, NoIdentity};
use crate::webhook::{Reach, Target};

/// How long nothing may come: a line that lost its way stays silent for ever.
const SILENCE: Duration = Duration::from_secs(60);

/// Why a file is not here, or not whole.
#[derive(Debug)]
pub enum Broken {
    /// That is no address.
    Address,
    /// The server is where it may not be.
    Barred,
    /// It cannot be reached, or does not prove that it is who it should be.
    Unreachable,
    /// It answers with this status.
    Status(u16),
    /// Nothing came for a minute.
    Silent,
    /// There was no more time.
    Late,
    /// The line went away in the middle, or what is there ends early.
    CutOff(String),
    /// It is longer than it may be.
    TooLong(String),
    /// The authorities that prove the server cannot be read.
    Authorities(NoIdentity),
    /// It cannot be kept here.
    Kept(PathBuf, io::Error),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Address => f.write_str("the address cannot be read"),
            Broken::Barred => f.write_str("the server is at an address where nothing is fetched"),
            Broken::Unreachable => {
                f.write_str("the server cannot be reached, or does not prove who it is")
            }
            Broken::Status(status) => write!(f, "the server answers {status}"),
            Broken::Silent => f.write_str("the server has said nothing for a minute"),
            Broken::Late => f.write_str("there was no more time; what has come is kept"),
            Broken::CutOff(file) => write!(f, "{file} was cut off; what has come is kept"),
            Broken::TooLong(file) => write!(f, "{file} is longer than it may be"),
            Broken::Authorities(error) => write!(f, "{error}"),
            Broken::Kept(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

/// A folder on a server.
pub struct Folder {
    url: String,
    tls: Option<TlsConnector>,
}

impl Folder {
    /// The one at `url`, on a server that the system's authorities prove, or those in `authorities`.
    ///
    /// # Errors
    /// When that file cannot be read.
    pub fn new(url: &str, authorities: Option<&Path>) -> Result<Folder, Broken> {
        let tls = tls::client(authorities).map_err(Broken::Authorities)?;
        Ok(Folder { url: url.trim_end_matches('/').to_owned(), tls: tls.map(TlsConnector::from) })
    }

    /// A small file; nothing where there is none.
    ///
    /// # Errors
    /// When it does not come, or is longer than `most`.
    pub async fn small(&self, file: &str, most: usize) -> Result<Option<Vec<u8>>, Broken> {
        let mut bytes = Vec::new();
        let out = &mut bytes;
        let asked = self.ask(file, 0, move |answer| async move {
            match answer.status() {
                StatusCode::OK => body(answer.into_body(), file, out, most as u64).await,
                status => Err(Broken::Status(status.as_u16())),
            }
        });
        match asked.await {
            Ok(()) => Ok(Some(bytes)),
            Err(Broken::Status(404 | 410)) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// A file of `bytes` bytes into the one at `to`, behind what that has already.
    ///
    /// # Errors
    /// When it does not come whole; what has come is kept there.
    pub async fn large(&self, file: &str, bytes: u64, to: &Path) -> Result<(), Broken> {
        let kept = |error| Broken::Kept(to.to_owned(), error);
        let mut out = OpenOptions::new().append(true).create(true).open(to).map_err(kept)?;
        let mut have = out.seek(SeekFrom::End(0)).map_err(kept)?;
        if have >= bytes {
            out.set_len(0).map_err(kept)?;
            have = 0;
        }
        let end = &mut out;
        let asked = self.ask(file, have, move |answer| async move {
            let from = match answer.status() {
                StatusCode::OK => 0,
                StatusCode::PARTIAL_CONTENT if goes_on(&answer, have) => have,
                status => {
                    // What is here is not of what is there. A server that is ill for a moment says nothing of that.
                    if status.is_client_error() || status.is_success() {
                        end.set_len(0).map_err(kept)?;
                    }
                    return Err(Broken::Status(status.as_u16()));
                }
            };
            end.set_len(from).map_err(kept)?;
            body(answer.into_body(), file, end, bytes - from).await
        });
        asked.await?;
        let came = out.metadata().map_err(kept)?.len();
        out.sync_all().map_err(kept)?;
        if came == bytes { Ok(()) } else { Err(Broken::CutOff(file.to_owned())) }
    }

    /// Asks for a file from a byte on, and has the answer taken.
    async fn ask<T, F: Future<Output = Result<T, Broken>>>(
        &self,
        file: &str,
        from: u64,
        take: impl FnOnce(Response<Incoming>) -> F,
    ) -> Result<T, Broken> {
        let target = Target::parse(&format!("{}/{file}", self.url)).map_err(|_| Broken::Address)?;
        let reached = tokio::time::timeout(SILENCE, self.connect(&target)).await;
        let stream = reached.map_err(|_| Broken::Unreachable)??;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| Broken::Unreachable)?;
        let exchange = async {
            let answer = request(&mut sender, &target, from);
            let answer = tokio::time::timeout(SILENCE, answer).await;
            take(answer.map_err(|_| Broken::Silent)??).await
        };
        tokio::pin!(connection, exchange);
        tokio::select! {
            biased;
            done = &mut exchange => done,
            // A server that closes at once has often answered before.
            _ = &mut connection => exchange.await,
        }
    }

    async fn connect(&self, target: &Target) -> Result<Box<dyn Stream>, Broken> {
        // A branch's own server of updates may be in its own network; what comes from it is signed.
        let stream = connect(target, Reach { private: true }, self.tls.as_ref()).await;
        stream.map_err(|why| match why {
            Unreached::Barred => Broken::Barred,
            Unreached::Away => Broken::Unreachable,
        })
    }
}

async fn request(
    sender: &mut SendRequest<Empty<Bytes>>,
    target: &Target,
    from: u64,
) -> Result<Response<Incoming>, Broken> {
    let mut request = Request::builder()
        .uri(&target.path)
        .header(HOST, &target.authority)
        .header(USER_AGENT, concat!("branchline/", env!("CARGO_PKG_VERSION")));
    if from > 0 {
        request = request.header(RANGE, format!("bytes={from}-"));
    }
    let request = request.body(Empty::new()).map_err(|_| Broken::Address)?;
    sender.send_request(request).await.map_err(|_| Broken::Unreachable)
}

/// Whether a part of a file begins where it should (RFC 9110, section 14.4).
fn goes_on(answer: &Response<Incoming>, from: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}

async fn body(
    mut body: Incoming,
    file: &str,
    out: &mut impl Write,
    most: u64,
) -> Result<(), Broken> {
    let mut left = most;
    loop {
        let frame = tokio::time::timeout(SILENCE, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Broken::Silent)? else { return Ok(()) };
        let frame = frame.map_err(|_| Broken::CutOff(file.to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        left =
            left.checked_sub(data.len() as u64).ok_or_else(|| Broken::TooLong(file.to_owned()))?;
        out.write_all(&data).map_err(|error| Broken::Kept(PathBuf::from(file), error))?;
    }
}
