//! A connection to the server that sends (RFC 5321, RFC 6409), as `lettre` speaks over it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::{Error, response::Response};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::Server;
use crate::imap::Login;
use crate::messaging::contract::Outcome;
use crate::messaging::mail::{At, Posted, Verdict, said};

/// How long the server may take to answer a command; RFC 5321 section 4.5.3.2 has five minutes, within which the ledger wants
/// to know what came of a whole letter.
const ANSWERING: Duration = Duration::from_secs(40);
/// How long a letter may take, from its first byte to the answer behind its last.
const LETTER: Duration = Duration::from_secs(120);
/// Bytes that are handed over at once.
const PIECE: usize = 32 << 10;
/// Bytes of what the server says before TLS.
const LONGEST_WORDS: u64 = 8 << 10;

/// Where letters are handed over, and as whom.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The server.
    pub server: Server,
    /// Whether TLS begins after some words in clear.
    pub starttls: bool,
    /// The account.
    pub login: Login,
    /// What we call ourselves.
    pub name: String,
}

/// A connection that is signed in.
pub struct Link(AsyncSmtpConnection);

impl Submission {
    /// Connects and signs in.
    ///
    /// # Errors
    /// When that cannot be: why, for a person.
    pub async fn link(&self) -> Result<Link, String> {
        let server = &self.server;
        let mut stream = server.reach().await?;
        if self.starttls {
            let asking = timeout(ANSWERING, ask_for_tls(&mut stream, &self.name)).await;
            asking.ok().and_then(Result::ok).ok_or_else(|| format!("{server:?} offers no TLS"))?;
        }
        // What a server says behind STARTTLS it does not say again: it counts as greeted.
        let greeting: &[u8] = if self.starttls { b"220 ready\r\n" } else { b"" };
        let wire = Wire { greeting, stream: server.prove(stream).await? };
        let name = ClientId::Domain(self.name.clone());
        let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(wire), &name);
        let mut link = match timeout(ANSWERING, greeted).await {
            Ok(Ok(link)) => link,
            Ok(Err(error)) => {
                return Err(format!("{server:?} does not take letters{}", code(&error)));
            }
            Err(_) => return Err(format!("{server:?} does not answer")),
        };
        let ways = [Mechanism::Plain, Mechanism::Login];
        if link.server_info().get_auth_mechanism(&ways).is_some() {
            let login = Credentials::new(self.login.user.clone(), self.login.password.clone());
            match timeout(ANSWERING, link.auth(&ways, &login)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    return Err(format!("{server:?} refuses the account{}", code(&error)));
                }
                Err(_) => return Err(format!("{server:?} does not answer")),
            }
        }
        Ok(Link(link))
    }
}

impl Link {
    /// Hands a letter over. The connection is of use after [`Outcome::Accepted`] alone.
    pub async fn send(&mut self, posted: &Posted) -> Outcome {
        let wide = !AsRef::<str>::as_ref(&posted.to).is_ascii();
        if wide && !self.0.server_info().supports_feature(Extension::SmtpUtfEight) {
            return refusal(553, "5.6.7 this server takes no such address", At::Recipient);
        }
        let parameters = if wide { vec![MailParameter::SmtpUtfEight] } else { Vec::new() };
        let from = Mail::new(Some(posted.from.clone()), parameters);
        if let Err(outcome) = before(self.0.command(from).await_within(), At::Session).await {
            return outcome;
        }
        let to = Rcpt::new(posted.to.clone(), Vec::new());
        if let Err(outcome) = before(self.0.command(to).await_within(), At::Recipient).await {
            return outcome;
        }
        if let Err(outcome) = before(self.0.command(Data).await_within(), At::Letter).await {
            return outcome;
        }
        let mut pieces = Pieces { rest: &posted.bytes, all: false };
        let answer = timeout(LETTER, self.0.message_iter(&mut pieces)).await;
        match (answer, pieces.all) {
            (Ok(Ok(_)), _) => Outcome::Accepted { references: vec![posted.id.clone()] },
            (Ok(Err(error)), all) => match (refused(&error, At::Letter), all) {
                (Some(outcome), _) => outcome,
                (None, true) => Outcome::Doubtful,
                // Without its last line a server throws a letter away (RFC 5321 section 4.1.1.4).
                (None, false) => Outcome::Away,
            },
            (Err(_), true) => Outcome::Doubtful,
            (Err(_), false) => Outcome::Away,
        }
    }

    /// Whether the other side is still there.
    pub async fn is_there(&mut self) -> bool {
        timeout(ANSWERING, self.0.test_connected()).await.unwrap_or(false)
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        let _ = timeout(Duration::from_secs(2), self.0.quit()).await;
    }
}

/// A letter piece by piece, and whether the last has been taken: behind it only the line with the point is missing.
struct Pieces<'a> {
    rest: &'a [u8],
    all: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            self.all = true;
            return None;
        }
        let (piece, rest) = self.rest.split_at(self.rest.len().min(PIECE));
        self.rest = rest;
        Some(piece)
    }
}

trait Within: Future + Sized {
    async fn await_within(self) -> Option<Self::Output> {
        timeout(ANSWERING, self).await.ok()
    }
}

impl<F: Future> Within for F {}

/// What came of a command before the letter itself: without a no nothing was sent.
async fn before(
    answer: impl Future<Output = Option<Result<Response, Error>>>,
    at: At,
) -> Result<(), Outcome> {
    match answer.await {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(refused(&error, at).unwrap_or(Outcome::Away)),
        None => Err(Outcome::Away),
    }
}

/// What an answer means that is a no; nothing where there was no answer.
fn refused(error: &Error, at: At) -> Option<Outcome> {
    let code = u16::from(error.status()?);
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    Some(refusal(code, &text, at))
}

fn refusal(code: u16, text: &str, at: At) -> Outcome {
    said(&Verdict { code, text, at })
}

/// The reply code of a no, for a person.
fn code(error: &Error) -> String {
    error.status().map(|code| format!(" ({})", u16::from(code))).unwrap_or_default()
}

/// RFC 3207: what is said in clear, and nothing else.
async fn ask_for_tls(stream: &mut TcpStream, name: &str) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(tokio::io::AsyncReadExt::take(read, LONGEST_WORDS));
    reply(&mut lines, "220").await?;
    write.write_all(format!("EHLO {name}\r\n").as_bytes()).await?;
    let offers = reply(&mut lines, "250").await?;
    if !offers
        .lines()
        .any(|line| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS")))
    {
        return Err(io::ErrorKind::Unsupported.into());
    }
    write.write_all(b"STARTTLS\r\n").await?;
    reply(&mut lines, "220").await?;
    // Whatever came along in clear was put there by somebody else (RFC 3207 section 6).
    if lines.buffer().is_empty() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

async fn reply(lines: &mut (impl AsyncBufReadExt + Unpin), wanted: &str) -> io::Result<String> {
    let mut all = String::new();
    loop {
        let from = all.len();
        if lines.read_line(&mut all).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = all.get(from..).unwrap_or_default();
        match line.strip_prefix(wanted) {
            Some(rest) if rest.starts_with('-') => {}
            Some(_) => return Ok(all),
            None => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// TLS, behind a greeting of our own where the server has said its own in clear.
#[derive(Debug)]
struct Wire {
    greeting: &'static [u8],
    stream: TlsStream<TcpStream>,
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.get_ref().0.peer_addr()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        if !own.greeting.is_empty() {
            let (now, rest) = own.greeting.split_at(own.greeting.len().min(into.remaining()));
            into.put_slice(now);
            own.greeting = rest;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut own.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
