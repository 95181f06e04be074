//! Fetching what messages name: an address that somebody else chose is not trusted.
//!
//! Each step of the way is looked at as the first: its scheme, and where its name leads (nothing of the branch's own networks
//! unless the site says so). What a service is shown to give a file is shown to no other.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::shelf::Unkept;
use crate::driver::outward::{Unreached, connect};
use crate::driver::tls;
use crate::messaging::contract::Arrived;
use crate::messaging::web::Ask;
use crate::messaging::{Attachment, Media, Piece};
use crate::webhook::{Reach, Target};

/// Steps that an address may lead on: services have one, to where their files are.
const MOST_STEPS: usize = 3;
/// Bytes of the largest file, whatever the service allows: each is held in memory while it is sealed.
const MOST: usize = 32 << 20;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fetches files of one channel.
#[derive(Clone)]
pub struct Fetching {
    reach: Reach,
    /// Whose files alone are fetched from where only `reach` allows it; anybody's where nothing was said.
    near: Option<Vec<(String, u16)>>,
    tls: Option<TlsConnector>,
}

impl fmt::Debug for Fetching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetching")
    }
}

/// Why there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFetched {
    /// The address is none, or leads where nothing may be fetched.
    Barred,
    /// It leads from one address to another without an end.
    Loop,
    /// It cannot be reached.
    Away,
    /// It took too long.
    Late,
    /// It is larger than is taken.
    TooLarge,
    /// It is not there, or not for us.
    Gone,
    /// It cannot be kept here.
    Unkept(Unkept),
}

impl fmt::Display for NotFetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotFetched::Barred => "its address is not allowed",
            NotFetched::Loop => "its address leads on too often",
            NotFetched::Away => "it cannot be reached",
            NotFetched::Late => "it takes too long",
            NotFetched::TooLarge => "it is too large",
            NotFetched::Gone => "it is not there",
            NotFetched::Unkept(Unkept::Full) => "there is no room for it",
            NotFetched::Unkept(Unkept::Disk) => "the disk does not take it",
        })
    }
}

impl Fetching {
    /// From servers within `reach`, proved by the system's authorities and by those in `authorities`.
    ///
    /// # Errors
    /// When that file cannot be read.
    pub fn new(reach: Reach, authorities: Option<&Path>) -> Result<Fetching, tls::NoIdentity> {
        let tls = tls::client(authorities)?.map(TlsConnector::from);
        Ok(Fetching { reach, near: None, tls })
    }

    /// The same, with its reach for the servers of these addresses alone: of all others, public ones only.
    #[must_use]
    pub fn near<'a>(mut self, own: impl Iterator<Item = &'a String>) -> Fetching {
        let place = |target: Target| (target.host, target.port);
        self.near = Some(own.filter_map(|url| Target::parse(url).ok()).map(place).collect());
        self
    }

    fn reach(&self, target: &Target) -> Reach {
        let is = |(host, port): &(String, u16)| (host, *port) == (&target.host, target.port);
        let good = self.near.as_ref().is_none_or(|near| near.iter().any(is));
        if good { self.reach } else { Reach::default() }
    }

    /// A file of `most` bytes at most.
    ///
    /// # Errors
    /// When there is none.
    pub async fn fetch(&self, ask: Ask, most: usize) -> Result<Vec<u8>, NotFetched> {
        let all = self.follow(ask, most.min(MOST));
        timeout(PATIENCE, all).await.unwrap_or(Err(NotFetched::Late))
    }

    async fn follow(&self, mut ask: Ask, most: usize) -> Result<Vec<u8>, NotFetched> {
        for _ in 0..=MOST_STEPS {
            let target = Target::parse(&ask.url).map_err(|_| NotFetched::Barred)?;
            let response = self.get(&target, &ask).await?;
            match response.status().as_u16() {
                200 => return read(response.into_body(), most).await,
                301 | 302 | 303 | 307 | 308 => {
                    let next = next(&target, &response).ok_or(NotFetched::Barred)?;
                    let there = Target::parse(&next).map_err(|_| NotFetched::Barred)?;
                    // Nothing that was private on the way is told in clear.
                    if target.tls && !there.tls {
                        return Err(NotFetched::Barred);
                    }
                    if (&there.host, there.port) != (&target.host, target.port) {
                        ask.headers.clear();
                    }
                    ask.url = next;
                }
                _ => return Err(NotFetched::Gone),
            }
        }
        Err(NotFetched::Loop)
    }

    /// One step. The connection is not kept: the next leads elsewhere.
    async fn get(&self, target: &Target, ask: &Ask) -> Result<Response<Incoming>, NotFetched> {
        let stream = connect(target, self.reach(target), self.tls.as_ref()).await;
        let stream = stream.map_err(|why| match why {
            Unreached::Barred => NotFetched::Barred,
            Unreached::Away => NotFetched::Away,
        })?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| NotFetched::Away)?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        let mut request = Request::get(&target.path)
            .header(HOST, &target.authority)
            .header(USER_AGENT, concat!("branchline/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|_| NotFetched::Barred)?;
        sender.send_request(request).await.map_err(|_| NotFetched::Away)
    }
}

/// Where an address leads on: in full, or from the root of the same server.
fn next(target: &Target, response: &Response<Incoming>) -> Option<String> {
    let place = response.headers().get(LOCATION)?.to_str().ok()?;
    if place.starts_with("https://") || place.starts_with("http://") {
        return Some(place.to_owned());
    }
    let scheme = if target.tls { "https" } else { "http" };
    let rooted = place.starts_with('/') && !place.starts_with("//");
    rooted.then(|| format!("{scheme}://{}{place}", target.authority))
}

async fn read(mut body: Incoming, most: usize) -> Result<Vec<u8>, NotFetched> {
    if body.size_hint().lower() > most as u64 {
        return Err(NotFetched::TooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| NotFetched::Away)?.into_data() else { continue };
        if bytes.len() + data.len() > most {
            return Err(NotFetched::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// A message with other pieces.
pub fn with_pieces<N>(arrived: Arrived<Attachment>, pieces: Vec<Piece<String, N>>) -> Arrived<N> {
    Arrived {
        key: arrived.key,
        from: arrived.from,
        to: arrived.to,
        reference: arrived.reference,
        proved: arrived.proved,
        at: arrived.at,
        pieces,
        answers: arrived.answers,
        thread: arrived.thread,
        subject: arrived.subject,
        name: arrived.name,
        refusal: arrived.refusal,
        automatic: arrived.automatic,
    }
}

/// A piece without the bytes of a file.
pub fn without_file(piece: &Piece<String, Attachment>) -> Piece<String, Media<String>> {
    match piece.clone() {
        Piece::Text { text } => Piece::Text { text },
        Piece::Location { at, name } => Piece::Location { at, name },
        Piece::Choice { id, label } => Piece::Choice { id, label },
        Piece::Reaction { to, sign } => Piece::Reaction { to, sign },
        Piece::Template { name, language, values } => Piece::Template { name, language, values },
        Piece::Missing { name, mime } => Piece::Missing { name, mime },
        Piece::Media { media } => Piece::Missing { name: media.name, mime: media.mime },
    }
}
