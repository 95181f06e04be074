//! SIP over WebSockets (RFC 7118), which phones in browsers speak: at `/sip` of the HTTPS listener.
//!
//! A connection is as any other from then on: a stranger's until somebody on it has shown a password, bounded as those
//! are, and its flow has failed when it closes. Each WebSocket message is one SIP message.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Entered, FIRST_MESSAGE_TIME, LOOK_AGAIN, STRANGER_TIME, Streams, is_dead};
use crate::driver::closing;
use crate::driver::http::Peer;
use crate::driver::turn::Letter;
use crate::driver::web_origin::Origins;
use crate::sip::flow::Flow;
use crate::sip::framing::{Frame, StreamFramer};
use crate::sip::message::Transport;
use crate::sip::trust::network;
use crate::sip::wire::MAX_MESSAGE;

/// The subprotocol (RFC 7118 section 4.1).
const SUBPROTOCOL: &str = "sip";
/// Bytes that may wait to be written to a browser that does not read: as many messages as wait for any stream.
const MOST_UNWRITTEN: usize = 4 * MAX_MESSAGE;

/// The stream side and whose pages may come.
pub type Door = Arc<(Streams, Origins)>;

/// Answers the request that opens a connection.
pub async fn open(
    State(door): State<Door>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let (streams, origins) = (door.0.clone(), &door.1);
    if !origins.allow(&headers) {
        return (StatusCode::FORBIDDEN, "pages of this origin may not call here: [web] origins\n")
            .into_response();
    }
    let upgrade = upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .max_write_buffer_size(MOST_UNWRITTEN);
    // RFC 7118 section 4.1: both sides must name it.
    if upgrade.selected_protocol().is_none() {
        return (StatusCode::BAD_REQUEST, "the subprotocol here is `sip` (RFC 7118)\n")
            .into_response();
    }
    let Some(entered) = streams.admit(network(peer.from)) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many connections\n").into_response();
    };
    let flow = Flow {
        transport: Transport::Wss,
        local: peer.local,
        peer: SocketAddr::new(peer.from, peer.port),
        connection: entered.id,
    };
    upgrade.on_upgrade(move |socket| streams.serve_socket(socket, flow, entered))
}

impl Streams {
    async fn serve_socket(self, mut socket: WebSocket, flow: Flow, mut entered: Entered) {
        let Entered { outgoing, trusted, silence, cut, .. } = &mut entered;
        let reading = Reading::new(trusted, silence);
        let mut reading = reading;
        let mut last = None;
        loop {
            tokio::select! {
                () = cut.notified() => break,
                () = reading.out_of_patience() => break,
                message = socket.recv() => match message {
                    Some(Ok(message)) => {
                        if !self.take(&mut reading, &mut socket, flow, message).await {
                            break;
                        }
                    }
                    Some(Err(broken)) => {
                        last = closing::frame(broken);
                        break;
                    }
                    None => break,
                },
                bytes = outgoing.recv() => {
                    let Some(bytes) = bytes else { break };
                    if socket.send(message(bytes)).await.is_err() {
                        break;
                    }
                }
            }
        }
        drop(entered);
        let _ = timeout(super::LAST_ANSWER_TIME, socket.send(Message::Close(last))).await;
        let _ = self.mailbox.deliver(Letter::ConnectionClosed(flow)).await;
    }

    /// Takes what came. Answers whether the connection goes on.
    async fn take(
        &self,
        reading: &mut Reading<'_>,
        socket: &mut WebSocket,
        flow: Flow,
        message: Message,
    ) -> bool {
        let bytes = match message {
            Message::Text(text) => text.as_bytes().to_vec(),
            Message::Binary(bytes) => bytes.to_vec(),
            // The library answers a ping as it reads.
            Message::Ping(_) | Message::Pong(_) => {
                reading.heard = Instant::now();
                return true;
            }
            Message::Close(_) => return false,
        };
        reading.heard = Instant::now();
        // RFC 5626 section 4.4.1, by way of RFC 7118 section 6.
        if bytes.iter().all(|byte| b"\r\n".contains(byte)) {
            return bytes.len() < 4 || socket.send(Message::Text("\r\n".into())).await.is_ok();
        }
        let mut framer = StreamFramer::default();
        framer.push(&with_length(bytes));
        while let Some(frame) = framer.next() {
            match frame {
                Frame::Message(bytes) => {
                    reading.patience = STRANGER_TIME;
                    if self.mailbox.deliver(Letter::Sip { flow, bytes }).await.is_err() {
                        return false;
                    }
                }
                Frame::KeepAlive => {}
                Frame::Broken(_) => return false,
            }
        }
        // Half a message is none: each comes whole (RFC 7118 section 5.2).
        framer.is_empty()
    }
}

/// The bytes to be written, as text where they are some: pages read that without a detour.
fn message(bytes: Vec<u8>) -> Message {
    match String::from_utf8(bytes) {
        Ok(text) => Message::Text(text.into()),
        Err(error) => Message::Binary(error.into_bytes().into()),
    }
}

/// A message without Content-Length has as much body as came (RFC 7118 section 5.2); what reads streams wants to be told.
fn with_length(bytes: Vec<u8>) -> Vec<u8> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return bytes };
    let told = bytes[..head].split(|byte| *byte == b'\n').any(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l")
    });
    if told {
        return bytes;
    }
    let length = bytes.len() - head - 4;
    let mut whole = bytes[..head].to_vec();
    whole.extend(format!("\r\nContent-Length: {length}").into_bytes());
    whole.extend(&bytes[head..]);
    whole
}

/// How long a connection may go on.
struct Reading<'a> {
    trusted: &'a AtomicBool,
    silence: &'a AtomicU64,
    began: Instant,
    heard: Instant,
    patience: std::time::Duration,
}

impl<'a> Reading<'a> {
    fn new(trusted: &'a AtomicBool, silence: &'a AtomicU64) -> Self {
        let now = Instant::now();
        Reading { trusted, silence, began: now, heard: now, patience: FIRST_MESSAGE_TIME }
    }

    /// Returns when the other side has been a stranger, or silent, for too long.
    async fn out_of_patience(&self) {
        loop {
            let forever = std::future::pending::<()>();
            if self.trusted.load(Ordering::Relaxed) {
                let _ = timeout(LOOK_AGAIN, forever).await;
                if is_dead(self.silence, self.heard) {
                    return;
                }
            } else {
                let _ = timeout_at(self.began + self.patience, forever).await;
                if !self.trusted.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_without_a_length_is_as_long_as_it_is() {
        let told = b"OPTIONS sip:b SIP/2.0\r\nl: 0\r\n\r\n".to_vec();
        assert_eq!(with_length(told.clone()), told);
        let untold = with_length(b"MESSAGE sip:b SIP/2.0\r\nTo: x\r\n\r\nhello".to_vec());
        assert_eq!(untold, b"MESSAGE sip:b SIP/2.0\r\nTo: x\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(with_length(b"no head".to_vec()), b"no head");
    }
}
