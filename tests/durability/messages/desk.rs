//! Who orders messages of the box and reads what it has, over its API.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use branchline::driver::channels::{Client, Reply};
use branchline::messaging::web::Ask;
use branchline::webhook::Reach;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::site::PATIENCE;

/// How long one request may take.
const SOON: Duration = Duration::from_secs(20);
/// How soon what was not taken is asked again.
const AGAIN: Duration = Duration::from_millis(100);
/// Requests at once: the box takes 20 connections of one address.
const AT_ONCE: usize = 8;

/// A program with a token.
#[derive(Clone)]
pub struct Desk {
    pub runtime: Handle,
    url: String,
    /// Known once the box has run: its certificate's client, and a token of its.
    key: Arc<OnceLock<(Client, String)>>,
    places: Arc<Semaphore>,
}

/// Something that was ordered, and the box's name of it once it has said so.
#[derive(Debug, Clone)]
pub struct Ordered {
    pub text: String,
    pub named: Arc<Mutex<Option<String>>>,
}

impl Ordered {
    pub fn name(&self) -> Option<String> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Desk {
    pub fn new(runtime: &Handle, https: u16) -> Desk {
        Desk {
            runtime: runtime.clone(),
            url: format!("https://127.0.0.1:{https}"),
            key: Arc::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// From here on it can ask.
    pub fn knows(&self, certificate: &Path, token: String) {
        let client = Client::new(Reach { private: true }, Some(certificate)).expect("roots");
        assert!(self.key.set((client, token)).is_ok(), "it is told once");
    }

    /// Asks the box for anything.
    pub async fn ask(
        &self,
        method: &'static str,
        path: &str,
        headers: Vec<(&'static str, String)>,
        body: &[u8],
    ) -> Reply {
        let _place = self.places.acquire().await.expect("it is never closed");
        let url = format!("{}{path}", self.url);
        let (client, _) = self.key.get().expect("the box has run");
        client.ask(&Ask { method, url, headers, body: body.to_vec(), within: SOON }).await
    }

    fn authorised(&self) -> (&'static str, String) {
        let (_, token) = self.key.get().expect("the box has run");
        ("authorization", format!("Bearer {token}"))
    }

    /// Orders a message, again and again under one key, until the box says that it has it.
    pub fn order(&self, channel: &str, to: &str, text: &str) -> Ordered {
        let ordered = Ordered { text: text.to_owned(), named: Arc::default() };
        let body =
            json!({"channel": channel, "to": to, "text": text, "purpose": "code"}).to_string();
        let (own, done, key) = (self.clone(), ordered.clone(), format!("order-{text:.6}"));
        self.runtime.spawn(async move {
            loop {
                let headers = vec![
                    own.authorised(),
                    ("content-type", "application/json".to_owned()),
                    ("idempotency-key", key.clone()),
                ];
                match own.ask("POST", "/api/v1/messages", headers, body.as_bytes()).await {
                    Reply::Replied { status: 200 | 201, body, .. } => {
                        let made: Value = serde_json::from_slice(&body).expect("JSON");
                        let name = made["message"].as_str().expect("a name").to_owned();
                        *done.named.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
                        return;
                    }
                    Reply::Replied { status: 429 | 503, .. } => {}
                    Reply::Replied { status, body, .. } => {
                        panic!("{key}: {status} {}", String::from_utf8_lossy(&body))
                    }
                    _ => {}
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
        ordered
    }

    /// Asks for something once: the status and what it says.
    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let headers = vec![self.authorised(), ("content-type", "application/json".to_owned())];
        let (path, body) = (format!("/api/v1{path}"), body.to_string());
        match self.runtime.block_on(self.ask("POST", &path, headers, body.as_bytes())) {
            Reply::Replied { status, body, .. } => {
                (status, serde_json::from_slice(&body).unwrap_or_default())
            }
            reply => panic!("{path}: {reply:?}"),
        }
    }

    /// Reads something, once the box is there and ready to say it.
    pub fn read(&self, path: &str) -> Value {
        let (path, end) = (format!("/api/v1{path}"), Instant::now() + PATIENCE);
        self.runtime.block_on(async {
            loop {
                match self.ask("GET", &path, vec![self.authorised()], b"").await {
                    Reply::Replied { status: 200, body, .. } => {
                        return serde_json::from_slice(&body).expect("JSON");
                    }
                    reply => assert!(Instant::now() < end, "{path}: {reply:?}"),
                }
                tokio::time::sleep(AGAIN).await;
            }
        })
    }

    /// All pages of a list.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let mut page = self.read(&format!("{path}?limit=200{after}"));
            all.append(page["items"].as_array_mut().expect("a list"));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    /// Every message of every conversation that the box lists.
    pub fn messages(&self) -> Vec<Value> {
        let talks = self.list("/conversations");
        let names = talks.iter().map(|talk| talk["conversation"].as_str().expect("a name"));
        names.flat_map(|name| self.list(&format!("/conversations/{name}/messages"))).collect()
    }
}
