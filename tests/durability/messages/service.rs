//! A program of the site's with customers of its own: it tells the box by signed calls, and takes what the box sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use branchline::driver::channels::Reply;
use branchline::driver::clock;
use branchline::messaging::adapter::{Secret, proof};
use serde_json::{Value, json};

use tokio::sync::Semaphore;

use super::desk::Desk;
use super::seen::Seen;

/// What it and the box share.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// How soon it calls again when the box was not there.
const AGAIN: Duration = Duration::from_millis(100);
/// How long it takes to answer at most.
const SLOW: u64 = 30;

/// The program.
#[derive(Clone)]
pub struct Service {
    desk: Desk,
    seen: Arc<Seen>,
    /// Calls that the box has not answered for.
    open: Arc<AtomicUsize>,
    /// Reports that it makes at once: others may wait long for the box.
    reports: Arc<Semaphore>,
}

impl Service {
    /// One that listens there for good.
    pub fn new(desk: &Desk, port: u16, seen: Arc<Seen>) -> Service {
        let service = Service {
            desk: desk.clone(),
            seen,
            open: Arc::default(),
            reports: Semaphore::new(2).into(),
        };
        let (own, names) = (service.clone(), Arc::new(AtomicU64::new(0)));
        let take = move |body: Bytes| async move {
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            own.seen.given(body["content"][0]["text"].as_str().expect("a text"));
            let number = names.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(number * 7 % SLOW)).await;
            let name = format!("out-{number}");
            own.report(&name);
            json!({"id": name}).to_string()
        };
        let router = Router::new().route("/out", post(take));
        desk.runtime.spawn(async move {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
            axum::serve(listener.expect("its port"), router).await
        });
        service
    }

    /// A customer writes.
    pub fn write(&self, from: &str, text: &str) {
        let event = json!({"type": "message", "id": format!("{text:.6}"), "from": {"id": from},
            "content": [{"type": "text", "text": text}]});
        let (own, text) = (self.clone(), text[..6].to_owned());
        self.open.fetch_add(1, Ordering::Relaxed);
        self.desk.runtime.spawn(async move {
            own.tell(&format!("w-{text}"), &event).await;
            own.open.fetch_sub(1, Ordering::Relaxed);
            own.seen.answered();
        });
    }

    /// Something arrived. Whether the box wants to know is its affair: of what it has forgotten, it does not for a while.
    fn report(&self, name: &str) {
        let event = json!({"type": "status", "message": name, "status": "delivered"});
        let (own, id) = (self.clone(), format!("r-{name}"));
        self.desk.runtime.spawn(async move {
            let _turn = own.reports.acquire().await;
            own.tell(&id, &event).await
        });
    }

    /// Calls the box.
    pub async fn call(&self, id: &str, event: &Value) -> Reply {
        let body = json!({"events": [event]}).to_string();
        let headers = signed(id, body.as_bytes());
        self.desk.ask("POST", "/channels/hook", headers, body.as_bytes()).await
    }

    /// Calls the box until it takes this.
    async fn tell(&self, id: &str, event: &Value) {
        loop {
            match self.call(id, event).await {
                Reply::Replied { status: 200, .. } => return,
                // It says when to come again; nobody has patience for that here.
                Reply::Replied { status: 503, retry_after: Some(_), .. } => self.seen.refused(503),
                Reply::Replied { status, .. } => panic!("{id}: {status}"),
                _ => {}
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Calls that the box has not answered for.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

/// The headers of a call, as Standard Webhooks has them.
fn signed(id: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let at = clock::now().unix.seconds().to_string();
    let secret = Secret::standard(SECRET).expect("a secret");
    let tag =
        secret.sign(ring::hmac::HMAC_SHA256, &[id.as_bytes(), b".", at.as_bytes(), b".", body]);
    let signature = format!("v1,{}", proof::to_base64(tag));
    vec![("webhook-id", id.to_owned()), ("webhook-timestamp", at), ("webhook-signature", signature)]
}
