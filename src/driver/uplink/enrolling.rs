//! Enrolling a box: by a token it gets a certificate for the key that it makes.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::keys::{self, NoKeys};
use crate::driver::line::{self, NoLine, proving};
use crate::uplink::Route;
use crate::uplink::frame::{Certificate, Frame, Reason, Request};
use crate::uplink::token::Token;

/// How long each of the hub's addresses may take by each route.
const ONE_WAY: Duration = Duration::from_secs(5);

/// Why a box is not enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotEnrolled {
    /// The hub's name is not known, or has no address.
    Name,
    /// No connection, by QUIC or TLS.
    Line(NoLine),
    /// The hub refuses.
    Refused(Reason),
    /// Its answer is not one, or it is for another site.
    Answer,
    /// The keys.
    Keys(NoKeys),
}

impl std::fmt::Display for NotEnrolled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NotEnrolled::Name => "the hub's name is not known, or has no address: `name:port`?",
            NotEnrolled::Line(NoLine::Unproved) => {
                "whoever answers there is not the hub that the token is from"
            }
            NotEnrolled::Line(_) => {
                "the hub does not answer, neither by QUIC (UDP) nor by TLS (TCP): is its port open?"
            }
            NotEnrolled::Refused(Reason::Token) => {
                "the hub does not take the token: it was used, has ended, or was not handed out there; \
                 `branchline hub token SITE` makes another"
            }
            NotEnrolled::Refused(Reason::NotKept) => {
                "the hub cannot write at this moment: is its disk full?"
            }
            NotEnrolled::Refused(_) | NotEnrolled::Answer => {
                "the hub's answer cannot be read: is it of another version?"
            }
            NotEnrolled::Keys(_) => "the box's keys cannot be read or written",
        })
    }
}

impl std::error::Error for NotEnrolled {}

/// Enrols this box at a hub. What it is given is in the folder then, and the site's name is the answer.
///
/// # Errors
/// When there is no certificate.
pub async fn enrol(folder: &Path, hub: &str, token: &Token) -> Result<String, NotEnrolled> {
    // The key is on the disk before it is certified: an answer that is not heard is asked for again with the same.
    let key = keys::make(folder).map_err(NotEnrolled::Keys)?;
    let request = keys::request(&key).map_err(NotEnrolled::Keys)?;
    let secret = token.secret.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let request = Request { secret: Some(secret), request };
    let given = ask(hub, token, request).await?;
    if given.site != token.site {
        return Err(NotEnrolled::Answer);
    }
    keys::keep(folder, &given).map_err(NotEnrolled::Keys)?;
    Ok(given.site)
}

async fn ask(hub: &str, token: &Token, request: Request) -> Result<Certificate, NotEnrolled> {
    let all = tokio::net::lookup_host(hub).await.map_err(|_| NotEnrolled::Name)?;
    let mut why = NotEnrolled::Name;
    for to in all {
        for route in [Route::Quic, Route::Tls] {
            let one = timeout(ONE_WAY, ask_by(route, to, token, request.clone()));
            match one.await.unwrap_or(Err(NotEnrolled::Line(NoLine::Silent))) {
                Err(NotEnrolled::Line(line)) => why = NotEnrolled::Line(line),
                answer => return answer,
            }
        }
    }
    Err(why)
}

async fn ask_by(
    route: Route,
    to: std::net::SocketAddr,
    token: &Token,
    request: Request,
) -> Result<Certificate, NotEnrolled> {
    let config =
        proving::newcomer(token.authority).map_err(|_| NotEnrolled::Line(NoLine::Unproved))?;
    let mut line = line::connect(route, to, config, 0).await.map_err(NotEnrolled::Line)?;
    line.going.push(&Frame::Request(request));
    let answer = loop {
        tokio::select! {
            answer = line.coming.next() => break answer.map_err(NotEnrolled::Line)?,
            gone = line.going.go_on() => gone.map_err(NotEnrolled::Line)?,
        }
    };
    line.going.end().await;
    match answer {
        Frame::Certificate(given) => Ok(given),
        Frame::Close(reason) => Err(NotEnrolled::Refused(reason)),
        _ => Err(NotEnrolled::Answer),
    }
}
