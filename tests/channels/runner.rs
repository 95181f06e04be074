//! What carries a channel over HTTP, against a stand-in for Telegram that others wrote, and against servers of our own for
//! what that lacks: forged, large, slow and repeated calls, answers that do not come, files that lead elsewhere.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use branchline::driver::channels::{
    Calls, Client, Fetching, NotFetched, Reply, Runner, Shelf, router,
};
use branchline::driver::clock;
use branchline::id::{ChannelId, MessageId};
use branchline::messaging::adapter::{Secret, Telegram};
use branchline::messaging::channel::{Heard, Input, NotStored, Order, State};
use branchline::messaging::contract::{Outcome, Outgoing, Told};
use branchline::messaging::web::{Adapter, Ask};
use branchline::messaging::{Address, Kind, Piece};
use branchline::random::Random;
use branchline::webhook::Reach;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::libraries::path;
use crate::signatures::hook;

/// How long anything here may take.
pub const SOON: Duration = Duration::from_secs(20);
pub const NEAR: Reach = Reach { private: true };

/// A stand-in for the ledger: it keeps what it is told, or does not, as it was said.
struct Ledger {
    orders: mpsc::Sender<Order>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    full: bool,
    told: Vec<Heard>,
    refused: usize,
    outcomes: Vec<Outcome>,
    states: Vec<State>,
}

impl Ledger {
    /// A channel by `adapter`, and its ledger.
    fn with(adapter: Box<dyn Adapter>) -> (Arc<Runner>, Ledger, Folder) {
        let folder = Folder::new();
        let shelf = Arc::new(Shelf::open(folder.0.clone(), &[7; 32], 1 << 20).expect("a folder"));
        let client = Client::new(NEAR, None).expect("no file");
        let fetching = Fetching::new(NEAR, None).expect("no file");
        let (tell, mut told) = mpsc::channel(16);
        let (orders, given) = mpsc::channel(16);
        let runner = Runner::new(ChannelId::from("text"), adapter, (client, fetching), shelf, tell);
        tokio::spawn(runner.clone().run(given, Random::from_number(1)));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (own, answers) = (seen.clone(), orders.clone());
        tokio::spawn(async move {
            while let Some(input) = told.recv().await {
                let order = hold(&own).take(input);
                if let Some(order) = order {
                    let _ = answers.send(order).await;
                }
            }
        });
        (runner, Ledger { orders, seen }, folder)
    }

    /// Waits until what was seen is as wanted.
    async fn wait<T>(&self, what: &str, wanted: impl Fn(&Seen) -> Option<T>) -> T {
        let end = Instant::now() + SOON;
        while Instant::now() < end {
            if let Some(found) = wanted(&hold(&self.seen)) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what} did not come");
    }

    async fn send(&self, to: &str, text: &str) -> Outcome {
        let before = hold(&self.seen).outcomes.len();
        let order = Order::Send(Box::new(outgoing(to, text)));
        self.orders.send(order).await.expect("it runs");
        self.wait("an outcome", |seen| seen.outcomes.get(before).cloned()).await
    }
}

impl Seen {
    fn take(&mut self, input: Input) -> Option<Order> {
        match input {
            Input::Told { receipt, .. } if self.full => {
                self.refused += 1;
                return Some(Order::NotStored(receipt, NotStored::Disk));
            }
            Input::Told { receipt, told } => {
                self.told.extend(told);
                return Some(Order::Stored(receipt));
            }
            Input::Outcome { outcome, .. } => self.outcomes.push(outcome),
            Input::State(state) => self.states.push(state),
            Input::Capable(_) | Input::Call { .. } => {}
        }
        None
    }

    fn words(&self) -> Vec<String> {
        let arrived = self.told.iter().filter_map(|told| match told {
            Told::Arrived(arrived) => Some(&arrived.pieces),
            _ => None,
        });
        let words = arrived.flatten().filter_map(|piece| match piece {
            Piece::Text { text } => Some(text.clone()),
            _ => None,
        });
        words.collect()
    }
}

pub fn hold<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics with it")
}

fn outgoing(to: &str, text: &str) -> Outgoing {
    Outgoing {
        message: MessageId(9),
        attempt: 1,
        to: Address::new(Kind::Business, to),
        from: None,
        pieces: vec![Piece::text(text)],
        answers: None,
        thread: None,
        subject: None,
        until: clock::now().unix + Duration::from_secs(600),
        urgent: false,
    }
}

/// A folder of one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let id = clock::random().expect("the kernel has some").hex(8);
        Folder(std::env::temp_dir().join(format!("branchline-channels-{id}")))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server of ours. Answers where it is.
pub async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(axum::serve(listener, router).into_future());
    base
}

fn bot(api: &str) -> Box<dyn Adapter> {
    Box::new(Telegram { api: api.to_owned(), token: Secret::new("1:a"), called: None })
}

/// A request of this test, with the client that channels ask with.
pub async fn call(
    method: &'static str,
    url: &str,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> Reply {
    let (url, headers, body) = (url.to_owned(), headers.to_vec(), body.to_vec());
    let client = Client::new(NEAR, None).expect("no file");
    client.ask(&Ask { method, url, headers, body, within: SOON }).await
}

pub fn status(reply: &Reply) -> u16 {
    match reply {
        Reply::Replied { status, .. } => *status,
        other => panic!("{other:?}"),
    }
}

/// The stand-in, which ends with the test.
pub struct StandIn(Child);

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl StandIn {
    pub async fn start() -> (StandIn, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let mut node = Command::new("node");
        node.env("NODE_PATH", path("target/phones/node_modules"))
            .arg(path("tests/channels/telegram.mjs"))
            .arg(port.to_string())
            .stdout(Stdio::null());
        let stand_in = StandIn(node.spawn().expect("node"));
        let base = format!("http://127.0.0.1:{port}");
        let end = Instant::now() + SOON;
        while !matches!(
            call("GET", &format!("{base}/bot1:a/getMe"), &[], b"").await,
            Reply::Replied { .. }
        ) {
            assert!(Instant::now() < end, "the stand-in does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (stand_in, base)
    }
}

#[tokio::test]
async fn telegram_as_others_play_it_is_heard_and_answered() {
    let (_stand_in, base) = StandIn::start().await;
    let (_runner, ledger, _folder) = Ledger::with(bot(&base));
    let json_type = [("content-type", "application/json".to_owned())];
    let says = |text: &str| {
        json!({"botToken": "1:a", "text": text, "date": 1_795_000_000, "chat": {"id": 5, "type": "private", "first_name": "Kim"},
            "from": {"id": 5, "first_name": "Kim", "is_bot": false}})
        .to_string()
    };
    for text in ["Hi", "Is it ready? \u{1f600}"] {
        let url = format!("{base}/sendMessage");
        assert_eq!(status(&call("POST", &url, &json_type, says(text).as_bytes()).await), 200);
    }
    let words = ledger.wait("both", |seen| (seen.words().len() == 2).then(|| seen.words())).await;
    assert_eq!(words, ["Hi", "Is it ready? \u{1f600}"]);
    let sent = ledger.send("telegram:5", "It is.").await;
    let Outcome::Accepted { references } = &sent else { panic!("{sent:?}") };
    assert!(references[0].starts_with("5:"), "{references:?}");
    let asked = json!({"token": "1:a", "chatId": 5}).to_string();
    let got = call("POST", &format!("{base}/getUpdates"), &json_type, asked.as_bytes()).await;
    let Reply::Replied { body, .. } = got else { panic!("{got:?}") };
    let got: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(got["result"][0]["message"]["text"], "It is.");
}

/// What a bot's server is asked, and what it still has.
#[derive(Default)]
struct Bot {
    asked: Vec<i64>,
    sent: usize,
}

#[tokio::test]
async fn a_poll_goes_on_only_behind_what_is_on_the_disk() {
    let bot_state = Arc::new(Mutex::new(Bot::default()));
    let (asked, sent) = (bot_state.clone(), bot_state.clone());
    let updates = move |body: Bytes| async move {
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        let offset = body["offset"].as_i64().unwrap_or(0);
        hold(&asked).asked.push(offset);
        if offset > 8 {
            // As the real one holds a question that has no answer yet.
            tokio::time::sleep(Duration::from_secs(5)).await;
            return json!({"ok": true, "result": []}).to_string();
        }
        let message = json!({"message_id": 1, "date": 1, "chat": {"id": 5}, "photo": [{"file_id": "f1"}], "caption": "Me"});
        json!({"ok": true, "result": [{"update_id": 8, "message": message}]}).to_string()
    };
    let send = move || async move {
        let mut bot = hold(&sent);
        bot.sent += 1;
        match bot.sent {
            1 => (StatusCode::TOO_MANY_REQUESTS, r#"{"ok":false,"parameters":{"retry_after":7}}"#),
            2 => (StatusCode::OK, r#"{"ok":true,"result":{"message_id":4,"chat":{"id":5}}}"#),
            _ => (
                StatusCode::FORBIDDEN,
                r#"{"ok":false,"description":"Forbidden: bot was blocked by the user"}"#,
            ),
        }
    };
    let router = Router::new()
        .route("/bot1:a/getUpdates", post(updates))
        .route("/bot1:a/sendMessage", post(send))
        .route(
            "/bot1:a/getFile",
            post(|| async { r#"{"ok":true,"result":{"file_path":"photos/1.jpg"}}"# }),
        )
        .route("/file/bot1:a/photos/1.jpg", get(|| async { b"\xff\xd8\xff\xe0picture".to_vec() }));
    let (_runner, ledger, folder) = Ledger::with(bot(&serve(router).await));
    hold(&ledger.seen).full = true;
    ledger.wait("a refusal", |seen| (seen.refused >= 2).then_some(())).await;
    assert!(hold(&bot_state).asked.iter().all(|offset| *offset == 0), "nothing is confirmed");
    hold(&ledger.seen).full = false;
    ledger.wait("the message", |seen| (!seen.told.is_empty()).then_some(())).await;
    let end = Instant::now() + SOON;
    while hold(&bot_state).asked.last() != Some(&9) {
        assert!(Instant::now() < end, "it goes on behind what is kept");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Told::Arrived(arrived) = hold(&ledger.seen).told[0].clone() else { panic!() };
    let Piece::Media { media } = &arrived.pieces[0] else { panic!("{arrived:?}") };
    assert_eq!((media.mime.as_str(), media.size), ("image/jpeg", 11));
    assert!(folder.0.join(media.content.to_string()).exists());
    assert_eq!(ledger.send("telegram:5", "a").await, Outcome::Later(Duration::from_secs(7)));
    let references = vec!["5:4".to_owned()];
    assert_eq!(ledger.send("telegram:5", "b").await, Outcome::Accepted { references });
    let Outcome::Refused(why) = ledger.send("telegram:5", "c").await else { panic!() };
    assert_eq!(why.code, "403");
    let degraded = |state: &State| matches!(state, State::Degraded(_));
    assert!(hold(&ledger.seen).states.iter().any(degraded), "somebody is told of the disk");
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_doubtful_and_what_was_not_sent_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let mut hooked = hook();
    (hooked.url, hooked.within) = (base, Duration::from_millis(300));
    let (_runner, ledger, _folder) = Ledger::with(Box::new(hooked));
    // Somebody listens, and says nothing.
    assert_eq!(ledger.send("slack:U1", "a").await, Outcome::Doubtful);
    drop(listener);
    assert_eq!(ledger.send("slack:U1", "b").await, Outcome::Away);
}

#[tokio::test]
async fn connections_are_used_again_and_one_that_was_closed_meanwhile_loses_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let connections = Arc::new(Mutex::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            *hold(&count) += 1;
            tokio::spawn(async move {
                // Each connection answers two requests and is closed without a word.
                for _ in 0..2 {
                    let mut buffer = [0; 4_096];
                    if stream.read(&mut buffer).await.unwrap_or(0) == 0 {
                        return;
                    }
                    let _ =
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
                }
            });
        }
    });
    let client = Client::new(NEAR, None).expect("no file");
    let ask = Ask { method: "GET", url, headers: Vec::new(), body: Vec::new(), within: SOON };
    for _ in 0..2 {
        assert_eq!(status(&client.ask(&ask).await), 200);
    }
    assert_eq!(*hold(&connections), 1);
    // The other side's end reaches us in its own time.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(status(&client.ask(&ask).await), 200);
    assert_eq!(*hold(&connections), 2);
}

/// A request as a program of the site signs it.
pub fn signed(id: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let (secret, at) =
        (Secret::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), clock::now().unix.seconds());
    let at = at.to_string();
    let parts = [id.as_bytes(), b".", at.as_bytes(), b".", body];
    let tag = secret.expect("a secret").sign(ring::hmac::HMAC_SHA256, &parts);
    let signature = format!("v1,{}", branchline::messaging::adapter::proof::to_base64(tag));
    vec![("webhook-id", id.to_owned()), ("webhook-timestamp", at), ("webhook-signature", signature)]
}

#[tokio::test]
async fn calls_are_answered_when_they_are_on_the_disk_and_never_twice_told() {
    let (runner, ledger, _folder) = Ledger::with(Box::new(hook()));
    let channels = BTreeMap::from([(ChannelId::from("text"), runner)]);
    let url = format!("{}/channels/text", serve(router(Calls::new(channels))).await);
    let body = br#"{"events":[{"type":"message","id":"m-1","from":{"id":"U1"},"content":[{"type":"text","text":"Hi"}]}]}"#;
    let post = async |headers: &[(&'static str, String)], body: &[u8]| {
        call("POST", &url, headers, body).await
    };
    hold(&ledger.seen).full = true;
    let refused = post(&signed("w-1", body), body).await;
    assert!(
        matches!(refused, Reply::Replied { status: 503, retry_after: Some(_), .. }),
        "{refused:?}"
    );
    hold(&ledger.seen).full = false;
    assert_eq!(status(&post(&signed("w-1", body), body).await), 200, "the same again is no replay");
    assert_eq!(status(&post(&signed("w-1", body), body).await), 200);
    assert_eq!(hold(&ledger.seen).words(), ["Hi"], "and then it is");
    assert_eq!(status(&post(&signed("w-2", body), b"{}").await), 403);
    assert_eq!(status(&post(&[], body).await), 403);
    assert_eq!(status(&post(&signed("w-3", b"[[[["), b"[[[[").await), 400);
    assert_eq!(status(&call("GET", &url, &[], b"").await), 404);
    assert_eq!(status(&call("POST", &url.replace("/text", "/other"), &[], b"").await), 404);
    let large = vec![b'x'; 10 << 20];
    let answer = post(&signed("w-4", &large), &large).await;
    // Whoever is told before all of it was sent may find the way closed.
    assert!(matches!(answer, Reply::Replied { status: 413, .. } | Reply::Silent), "{answer:?}");
    let mut two = signed("w-5", body);
    two.push(("x-branchline-url", "https://a/".to_owned()));
    two.push(("x-branchline-url", "https://b/".to_owned()));
    assert_eq!(status(&post(&two, body).await), 400);
}

#[tokio::test]
async fn a_relay_says_which_address_was_called() {
    let twilio = crate::door::twilio();
    let (runner, ledger, _folder) = Ledger::with(Box::new(twilio));
    let channels = BTreeMap::from([(ChannelId::from("text"), runner)]);
    let url = format!("{}/channels/text/in", serve(router(Calls::new(channels))).await);
    let original = "https://relay.example/t/7?x=1";
    let body = b"MessageSid=SM1&From=%2B15551234567&Body=Hi";
    let parts = [original.as_bytes(), b"BodyHiFrom+15551234567MessageSidSM1"];
    let tag =
        Secret::new(crate::door::TOKEN).sign(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &parts);
    let signature = branchline::messaging::adapter::proof::to_base64(tag);
    let headers = |original: &str| {
        let mime = "application/x-www-form-urlencoded".to_owned();
        [
            ("x-twilio-signature", signature.clone()),
            ("content-type", mime),
            ("x-branchline-url", original.to_owned()),
        ]
    };
    let answer = call("POST", &url, &headers(original), body).await;
    let Reply::Replied { status: 200, body: reply, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(reply, "<Response/>");
    assert_eq!(hold(&ledger.seen).words(), ["Hi"]);
    // A relay that lies about it is refused, and so is one that says nothing.
    let other = headers("https://relay.example/t/7?x=2");
    assert_eq!(status(&call("POST", &url, &other, body).await), 403);
    assert_eq!(status(&call("POST", &url, &headers(original)[..2], body).await), 403);
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (runner, _ledger, _folder) = Ledger::with(Box::new(hook()));
    let channels = BTreeMap::from([(ChannelId::from("text"), runner)]);
    let base = serve(router(Calls::new(channels))).await;
    let address = base.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    let head = "POST /channels/text HTTP/1.1\r\nhost: box\r\ncontent-length: 100\r\n\r\nx";
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = [0; 12];
    tokio::time::timeout(SOON, stream.read_exact(&mut answer))
        .await
        .expect("in time")
        .expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn files_are_fetched_by_rules_and_never_from_where_they_may_not() {
    let secrets = Arc::new(Mutex::new(Vec::new()));
    let seen = secrets.clone();
    let elsewhere = serve(Router::new().route(
        "/f",
        get(move |headers: HeaderMap| async move {
            hold(&seen).push(headers.contains_key("authorization"));
            "a file"
        }),
    ))
    .await;
    let there = format!("{elsewhere}/f");
    let lead =
        |place: String| get(move || async move { (StatusCode::FOUND, [("location", place)]) });
    let router = Router::new()
        .route("/there", lead(there))
        .route("/loop", lead("/loop".to_owned()))
        .route("/cloud", lead("http://169.254.169.254/latest".to_owned()))
        .route("/file", lead("file:///etc/passwd".to_owned()))
        .route("/large", get(|| async { Body::from(vec![0; 2_000]) }))
        .route("/gone", get(|| async { StatusCode::NOT_FOUND.into_response() }));
    let base = serve(router).await;
    let near = Fetching::new(NEAR, None).expect("no file");
    let fetch = async |fetching: &Fetching, path: &str| {
        let headers = vec![("authorization", "secret".to_owned())];
        let url = format!("{base}{path}");
        let ask = Ask { method: "GET", url, headers, body: Vec::new(), within: SOON };
        fetching.fetch(ask, 1_000).await
    };
    assert_eq!(fetch(&near, "/there").await, Ok(b"a file".to_vec()));
    assert_eq!(*hold(&secrets), [false], "what was for the service is not shown elsewhere");
    assert_eq!(fetch(&near, "/loop").await, Err(NotFetched::Loop));
    assert_eq!(fetch(&near, "/cloud").await, Err(NotFetched::Barred));
    assert_eq!(fetch(&near, "/file").await, Err(NotFetched::Barred));
    assert_eq!(fetch(&near, "/large").await, Err(NotFetched::TooLarge));
    assert_eq!(fetch(&near, "/gone").await, Err(NotFetched::Gone));
    let far = Fetching::new(Reach::default(), None).expect("no file");
    assert_eq!(fetch(&far, "/there").await, Err(NotFetched::Barred), "a neighbour is not asked");
}
