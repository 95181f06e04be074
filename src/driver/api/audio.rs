//! A recording as a WAV file: read and opened a second at a time, as fast as whoever listens takes it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::driver::http::Streaming;
use crate::driver::tape::Recording;
use crate::id::RecordingId;

/// Pieces that are read ahead.
const AHEAD: usize = 2;
/// How long whoever listens may take none: a player that was stopped asks again.
const STILL: Duration = Duration::from_secs(60);

/// The answer. What turns out to be damaged on the way ends the connection, so that nobody takes a part for the whole.
pub fn response(streaming: Streaming, recording: RecordingId, opened: Recording) -> Response<Body> {
    let (pieces, body) = mpsc::channel(AHEAD);
    let length = opened.length();
    tokio::spawn(read(recording, Arc::new(opened), pieces));
    let mut response =
        Response::new(Body::new(Pieces { body, left: length, _streaming: streaming }));
    let kind = HeaderValue::from_static("audio/wav");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn read(
    recording: RecordingId,
    opened: Arc<Recording>,
    pieces: mpsc::Sender<io::Result<Bytes>>,
) {
    for number in 0.. {
        let opened = opened.clone();
        let piece = tokio::task::spawn_blocking(move || opened.piece(number)).await;
        let piece = match piece.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())) {
            Ok(Some(piece)) => Ok(Bytes::from(piece)),
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%recording, %error, "a recording is damaged");
                Err(error)
            }
        };
        let over = piece.is_err();
        if !matches!(timeout(STILL, pieces.send(piece)).await, Ok(Ok(()))) || over {
            return;
        }
    }
}

/// The body of the answer, whose length is known.
struct Pieces {
    body: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
    /// As long as somebody listens, and no longer than they take pieces.
    _streaming: Streaming,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let own = self.get_mut();
        own.body.poll_recv(context).map(|piece| match piece {
            Some(piece) => Some(piece.map(|bytes| {
                own.left = own.left.saturating_sub(bytes.len() as u64);
                Frame::data(bytes)
            })),
            // Whoever listened for too long, or the file, fell short.
            None if own.left > 0 => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::tape::{Writing, whole};
    use crate::journal::personal::Keyring;
    use crate::random::Random;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn a_sealed_recording_is_heard_to_its_end_and_a_damaged_one_is_cut_off() {
        let folder = std::env::temp_dir().join(format!("branchline-audio-{}", std::process::id()));
        let mut ring = Keyring::open(&[7; 32], &[], Random::from_number(1));
        let recording = RecordingId(7);
        let key = ring.tape("call/1", recording, 2);
        let mut writing = Writing::begin(&folder, recording, key).expect("begun");
        for (level, last) in [(1, false), (2, false), (3, true)] {
            writing.add(&[level; 32_000], last).expect("room");
        }
        writing.finish(&folder, recording).expect("whole");
        let open = || Recording::open(&folder, recording, ring.reading()).expect("ours");
        let answer = response(Streaming::default(), recording, open());
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "audio/wav");
        let length = hyper::body::Body::size_hint(answer.body()).exact();
        let heard = answer.into_body().collect().await.expect("all of it").to_bytes();
        assert_eq!((length, heard.len()), (Some(heard.len() as u64), 44 + 96_000));
        assert_eq!((heard[22], heard[44], heard[44 + 95_999]), (2, 1, 3));
        let path = whole(&folder, recording);
        let mut bent = std::fs::read(&path).expect("there");
        bent[40_000] ^= 1;
        std::fs::write(&path, bent).expect("written");
        assert!(
            response(Streaming::default(), recording, open()).into_body().collect().await.is_err()
        );
        std::fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
