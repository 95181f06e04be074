//! The connection of one page.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, timeout};

use super::{Door, Event, GONE, HEARTBEAT, STILL, UNREAD, end_of};
use crate::driver::closing;
use crate::driver::http::Peer;
use crate::messaging::chat::ConnectionId;
use crate::messaging::chat::wire::{LONGEST_FRAME, ToPage};
use crate::messaging::voice::Ends;

/// What this channel is called, with the version of its messages.
const PROTOCOL: &str = "branchline.chat.1";

/// Bytes that wait to be written to one page: a welcome with the longest lines of the longest visit.
const MOST_UNWRITTEN: usize = 4 << 20;

/// How long the other side may take to hear that it is over.
const LAST: Duration = Duration::from_secs(2);

/// Answers the request that opens a connection.
pub(super) fn open(door: Arc<Door>, peer: Peer, upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .max_message_size(LONGEST_FRAME)
        .max_frame_size(LONGEST_FRAME)
        .write_buffer_size(0)
        .max_write_buffer_size(MOST_UNWRITTEN);
    if upgrade.selected_protocol().is_none() {
        let words = format!("the subprotocol here is `{PROTOCOL}`\n");
        return (StatusCode::BAD_REQUEST, words).into_response();
    }
    upgrade.on_upgrade(move |socket| serve(door, peer, socket))
}

async fn serve(door: Arc<Door>, peer: Peer, mut socket: WebSocket) {
    let id = ConnectionId(door.connections.fetch_add(1, Ordering::Relaxed));
    let (page, told) = mpsc::channel(UNREAD);
    let ends = Ends { from: peer.from, local: peer.local.ip() };
    if door.events.send(Event::Opened(id, ends, page)).await.is_err() {
        return;
    }
    let end = speak(&door, id, &mut socket, told).await;
    // A channel that has stopped has no use for it.
    let _ = door.events.send(Event::Closed(id)).await;
    let _ = timeout(STILL, socket.send(Message::Close(end))).await;
    // What is on its way here would have the system say that the connection broke, and not how it ended.
    let _ = timeout(LAST, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
}

/// Until it ends, and how.
async fn speak(
    door: &Door,
    id: ConnectionId,
    socket: &mut WebSocket,
    mut told: mpsc::Receiver<ToPage>,
) -> Option<CloseFrame> {
    let (mut heard, mut refused) = (Instant::now(), None);
    let mut beat = interval(HEARTBEAT);
    loop {
        tokio::select! {
            what = told.recv() => {
                let Some(what) = what else {
                    let (code, why) = end_of(refused);
                    return Some(CloseFrame { code, reason: why.into() });
                };
                if let ToPage::Refused { why } = &what {
                    refused = Some(*why);
                }
                // Names and texts: nothing that JSON could not say.
                let text = serde_json::to_string(&what).unwrap_or_default();
                send(socket, Message::Text(text.into())).await?;
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    heard = Instant::now();
                    let said = Event::Frame(id, text.as_str().to_owned());
                    door.events.send(said).await.ok()?;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => heard = Instant::now(),
                Some(Ok(Message::Binary(_))) => {
                    return Some(CloseFrame { code: 1003, reason: "messages are text".into() });
                }
                Some(Ok(Message::Close(_))) | None => return None,
                Some(Err(broken)) => return closing::frame(broken),
            },
            _ = beat.tick() => {
                if heard.elapsed() > GONE {
                    return None;
                }
                send(socket, Message::Ping(Vec::new().into())).await?;
            }
        }
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Option<()> {
    timeout(STILL, socket.send(message)).await.ok()?.ok()
}
