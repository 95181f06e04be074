//! A connection, and what every link waits for.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::time::{self, Duration};

use super::TOLD;

/// Octets that are read at once: a window of long messages.
const PIECE: usize = 16 << 10;
/// While so many octets are not taken by the peer, nothing is read from it: it asks and does not listen.
const MOST_UNWRITTEN: usize = 256 << 10;
/// For the last octets to go out before a connection is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// Either kind of connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection with what is to be written to it.
pub(super) struct Wire {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    out: BytesMut,
    input: BytesMut,
    /// Octets that the socket has taken since the beginning.
    pub(super) written: u64,
    flushed: bool,
}

/// What happened on a connection.
pub(super) enum Happened {
    /// These came.
    Read(Bytes),
    /// The socket took something, and stands at this many octets.
    Wrote(u64),
    /// It ended.
    Ended,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>) -> Wire {
        let (reader, writer) = split(stream);
        let (out, input) = (BytesMut::new(), BytesMut::with_capacity(PIECE));
        Wire { reader, writer, out, input, written: 0, flushed: true }
    }

    pub(super) fn push(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// Waits for the next thing. Safe to be given up: what was not said did not happen.
    pub(super) async fn next(&mut self, listening: bool) -> Happened {
        let listening = listening && self.out.len() < MOST_UNWRITTEN;
        self.input.reserve(PIECE);
        let taken = tokio::select! {
            biased;
            taken = put(&mut self.writer, &self.out, self.flushed) => taken,
            read = self.reader.read_buf(&mut self.input), if listening => return match read {
                Ok(1..) => Happened::Read(self.input.split().freeze()),
                _ => Happened::Ended,
            },
        };
        let Ok(taken) = taken else { return Happened::Ended };
        self.flushed = self.out.is_empty();
        self.out.advance(taken);
        self.written += taken as u64;
        Happened::Wrote(self.written)
    }

    /// Writes what is left, for a moment at most. How far it came is what counts.
    pub(super) async fn close(mut self) -> u64 {
        let rest = async {
            while !self.out.is_empty() {
                let taken = self.writer.write(&self.out).await?;
                if taken == 0 {
                    break;
                }
                self.out.advance(taken);
                self.written += taken as u64;
            }
            self.writer.shutdown().await
        };
        let _: Result<io::Result<()>, _> = time::timeout(FAREWELL, rest).await;
        self.written
    }
}

/// Writes what there is; then what is written is sent on, which matters to TLS; then there is nothing to do.
async fn put(
    writer: &mut WriteHalf<Box<dyn Stream>>,
    out: &[u8],
    flushed: bool,
) -> io::Result<usize> {
    if !out.is_empty() {
        let taken = writer.write(out).await?;
        return if taken == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(taken) };
    }
    if !flushed {
        return writer.flush().await.map(|()| 0);
    }
    pending().await
}

/// Until then; for ever without a deadline.
pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => time::sleep_until(at.into()).await,
        None => pending().await,
    }
}

/// What waits to be told, and the channel that it goes into.
pub(super) struct Teller<T> {
    waiting: VecDeque<T>,
    channel: mpsc::Sender<T>,
}

impl<T> Teller<T> {
    pub(super) fn new(channel: mpsc::Sender<T>) -> Teller<T> {
        Teller { waiting: VecDeque::new(), channel }
    }

    pub(super) fn push(&mut self, told: T) {
        self.waiting.push_back(told);
    }

    /// Whether there is room for what the peer may say next.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < TOLD
    }

    /// Hands on what there is room for, and waits while there is none. False when nobody listens any more; never when
    /// there is nothing to tell.
    pub(super) async fn tell(&mut self) -> bool {
        if self.waiting.is_empty() {
            return pending().await;
        }
        let many = self.waiting.len().min(self.channel.max_capacity());
        let free = self.channel.capacity().clamp(1, many);
        let Ok(permits) = self.channel.reserve_many(free).await else { return false };
        for (permit, told) in permits.zip(self.waiting.drain(..free)) {
            permit.send(told);
        }
        true
    }

    /// The last things, before the task ends.
    pub(super) async fn finish(mut self) {
        while !self.waiting.is_empty() && self.tell().await {}
    }
}
