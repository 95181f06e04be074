//! How a connection ends: what the box said last is heard, whatever the other side was still saying.
//!
//! A socket that is closed while bytes lie in it unread sends a reset (RFC 1122 section 4.2.2.13), and a reset takes from
//! the other side what it has not read yet: the answer that its body is too long, the reason why its channel ends. So our
//! half is closed first, and the other side's is read and thrown away, for a while (RFC 9112 section 9.6). It knows
//! nothing of HTTP: it is the stream below it.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::driver::http::Places;

/// How long a connection that is over is read in all.
const LINGER: Duration = Duration::from_secs(30);
/// How long nothing may come meanwhile.
const QUIET: Duration = Duration::from_secs(5);
/// Bytes that are thrown away: the longest text of a form there is, written in JSON's longest way.
const MOST_THROWN_AWAY: u64 = 16 << 20;

/// A TLS connection that does not end before what was written last had time to be read. It goes on by itself once it is
/// dropped, if its source has a place left among `places` then; else it is closed at once.
pub struct Lingering {
    /// Taken when it is dropped.
    stream: Option<TlsStream<TcpStream>>,
    from: IpAddr,
    room: usize,
    places: Places,
}

impl Lingering {
    /// Of a source that may have so many.
    pub fn new(
        stream: TlsStream<TcpStream>,
        (from, room): (IpAddr, usize),
        places: Places,
    ) -> Self {
        Lingering { stream: Some(stream), from, room, places }
    }

    fn stream(self: Pin<&mut Self>) -> io::Result<Pin<&mut TlsStream<TcpStream>>> {
        self.get_mut().stream.as_mut().map(Pin::new).ok_or(io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let (stream, place) = (self.stream.take(), self.places.enter(self.from, self.room));
        if let (Some(stream), Some(place), Ok(runtime)) = (stream, place, Handle::try_current()) {
            runtime.spawn(async move {
                let _ = timeout(LINGER, throw_away(stream)).await;
                drop(place);
            });
        }
    }
}

/// Says that nothing more comes from here, and reads until the other side says so.
async fn throw_away(mut stream: TlsStream<TcpStream>) -> io::Result<()> {
    stream.shutdown().await?;
    // What comes is not even deciphered.
    let (mut stream, _) = stream.into_inner();
    let (mut buffer, mut left) = ([0; 16 << 10], MOST_THROWN_AWAY);
    while left > 0 {
        let length = match timeout(QUIET, stream.read(&mut buffer)).await {
            Ok(Ok(length)) if length > 0 => length,
            _ => return Ok(()),
        };
        left = left.saturating_sub(length as u64);
    }
    Ok(())
}

impl AsyncRead for Lingering {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}
