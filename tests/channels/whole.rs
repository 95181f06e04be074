//! The whole box: a service calls, and what it told is read over the API; somebody sends over the API, and it is with the
//! service, and what became of it too.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use branchline::driver::channels::{Client, Reply};
use branchline::journal::act::Scope;
use branchline::messaging::web::Ask;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::branch::Branch;
use crate::libraries::python;
use crate::runner::{NEAR, SOON, StandIn, call, hold, serve, signed, status};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A box, and a program that asks it.
pub struct Whole {
    pub branch: Branch,
    pub url: String,
    pub client: Client,
    pub token: String,
}

impl Whole {
    /// One with these channels; `@SECOND@` in it is where it listens for HTTPS.
    pub fn start(channels: &str, files: &[(&str, &str)]) -> Whole {
        let config = format!(
            "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\n\
             [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n[http]\nlisten = [\"127.0.0.1:@SECOND@\"]\n{channels}"
        );
        let branch = Branch::run_with(&config, "127.0.0.1:@PORT@", files);
        let url = format!("https://127.0.0.1:{}", branch.free + 2);
        let certificate: PathBuf = branch.folder().join("data/tls/certificate.pem");
        let client = Client::new(NEAR, Some(&certificate)).expect("the box's certificate");
        let mut add = vec!["token", "add", "test", "--role", "admin"];
        add.extend(Scope::ALL.iter().flat_map(|scope| ["--scope", scope.name()]));
        let token = branch.ask(&add)["token"].as_str().expect("a token").to_owned();
        Whole { branch, url, client, token }
    }

    /// Calls a channel as a service does.
    pub async fn call(
        &self,
        channel: &str,
        headers: &[(&'static str, String)],
        body: &[u8],
    ) -> u16 {
        let url = format!("{}/channels/{channel}", self.url);
        status(&self.ask("POST", url, headers.to_vec(), body).await)
    }

    async fn ask(
        &self,
        method: &'static str,
        url: String,
        headers: Vec<(&'static str, String)>,
        body: &[u8],
    ) -> Reply {
        self.client.ask(&Ask { method, url, headers, body: body.to_vec(), within: SOON }).await
    }

    /// Asks the API: the answer's status and its body.
    pub async fn api(&self, method: &'static str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut headers = vec![("authorization", format!("Bearer {}", self.token))];
        headers.extend(body.as_ref().map(|_| ("content-type", "application/json".to_owned())));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let url = format!("{}/api/v1{path}", self.url);
        let reply = self.ask(method, url, headers, body.as_bytes()).await;
        let Reply::Replied { status, body, .. } = reply else { panic!("{path}: {reply:?}") };
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Everything that people have written, by channel, as the API has it: the newest first.
    pub async fn written(&self) -> Vec<(String, String, String)> {
        let (_, talks) = self.api("GET", "/conversations?limit=200", None).await;
        let mut written = Vec::new();
        for talk in talks["items"].as_array().into_iter().flatten() {
            let path = format!("/conversations/{}/messages?limit=200", text(&talk["conversation"]));
            let (_, messages) = self.api("GET", &path, None).await;
            for message in messages["items"].as_array().into_iter().flatten() {
                if message["direction"] == "in" {
                    let way = &message["way"];
                    let words = text(&message["pieces"][0]["text"]);
                    written.push((text(&way["channel"]), text(&way["address"]), words));
                }
            }
        }
        written
    }

    /// Waits until `look` finds something.
    pub async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let end = std::time::Instant::now() + SOON;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(std::time::Instant::now() < end, "{what} did not come");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it takes what services tell: before, it asks them to come again.
    pub async fn awake(&self) {
        let body = r#"{"events":[{"type":"typing","from":{"id":"U0"},"on":false}]}"#;
        let mut number = 0;
        self.until("the box", async || {
            number += 1;
            let headers = signed(&format!("w-awake-{number}"), body.as_bytes());
            let url = format!("{}/channels/text", self.url);
            let reply = self.ask("POST", url, headers, body.as_bytes()).await;
            matches!(reply, Reply::Replied { status: 200, .. }).then_some(())
        })
        .await;
    }

    /// A message, once it stands like this.
    pub async fn stands(&self, message: &str, state: &str) -> Value {
        let path = format!("/messages/{message}");
        self.until(state, async || {
            let (_, own) = self.api("GET", &path, None).await;
            (own["state"] == state).then_some(own)
        })
        .await
    }

    /// What stands on the status page of a channel.
    pub fn lamp(&self, channel: &str) -> String {
        let status = self.branch.ask(&["status"]);
        let parts = status["parts"].as_array().expect("parts");
        let own = parts.iter().find(|part| part["name"] == format!("channel {channel}"));
        own.map(|part| text(&part["lamp"])).unwrap_or_default()
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A message that goes at any hour.
pub fn wanted(channel: &str, to: &str, text: &str) -> Value {
    json!({"channel": channel, "to": to, "text": text, "purpose": "code"})
}

/// A program of the site: what it was told, and what it answers.
#[derive(Default)]
struct Program {
    told: Vec<(HeaderMap, Value)>,
    answers: Vec<(u16, &'static str)>,
}

async fn program() -> (String, Arc<Mutex<Program>>) {
    let program = Arc::new(Mutex::new(Program::default()));
    let own = program.clone();
    let take = move |headers: HeaderMap, body: Bytes| async move {
        let body = serde_json::from_slice(&body).expect("JSON");
        let mut program = hold(&own);
        program.told.push((headers, body));
        let number = program.told.len() - 1;
        let (status, body) = program.answers.get(number).copied().unwrap_or((500, ""));
        (StatusCode::from_u16(status).expect("a status"), body)
    };
    (serve(Router::new().route("/out", post(take))).await, program)
}

fn hooked(url: &str) -> String {
    format!(
        "[channels.text]\nkind = \"hook\"\n[channels.text.service]\nurl = \"{url}/out\"\nnetwork = \"slack\"\nprivate = true\n\
         delivered = true\nsigning = {{ file = \"@DIR@/hook\" }}\n"
    )
}

fn event(id: &str, words: &str) -> String {
    json!({"events": [{"type": "message", "id": id, "from": {"id": "U1", "name": "Kim"},
        "content": [{"type": "text", "text": words}]}]})
    .to_string()
}

#[tokio::test]
async fn a_program_of_the_site_is_heard_and_told_through_the_whole_box() {
    let (base, program) = program().await;
    hold(&program).answers =
        vec![(200, r#"{"id":"out-7"}"#), (200, r#"{"id":"out-8"}"#), (204, "")];
    let whole = Whole::start(&hooked(&base), &[("hook", SECRET)]);
    let body = event("m-1", "Is it ready?");
    whole
        .until("the box", async || {
            (whole.call("text", &signed("w-1", body.as_bytes()), body.as_bytes()).await == 200)
                .then_some(())
        })
        .await;
    // Said again, by another request too, it changes nothing.
    for name in ["w-1", "w-2"] {
        assert_eq!(whole.call("text", &signed(name, body.as_bytes()), body.as_bytes()).await, 200);
    }
    let mut forged = signed("w-3", body.as_bytes());
    forged[0].1.push('x');
    assert_eq!(whole.call("text", &forged, body.as_bytes()).await, 403);
    let written = whole.until("the message", async || {
        let written = whole.written().await;
        (!written.is_empty()).then_some(written)
    });
    let once = ("text".to_owned(), "slack:U1".to_owned(), "Is it ready?".to_owned());
    assert_eq!(written.await, [once]);
    let lamp = whole.until("green", async || (whole.lamp("text") == "green").then_some(()));
    lamp.await;

    let order = wanted("text", "slack:U1", "It is.");
    let (made, sent) = whole.api("POST", "/messages", Some(order)).await;
    assert_eq!(made, 201, "{sent}");
    let message = text(&sent["message"]);
    whole.stands(&message, "sent").await;
    let (headers, told) = hold(&program).told[0].clone();
    assert_eq!((&told["to"]["id"], &told["content"][0]["text"]), (&json!("U1"), &json!("It is.")));
    assert_eq!(headers["webhook-id"].to_str().expect("text"), format!("msg_{message}"));
    let report = json!({"events": [{"type": "status", "message": "out-7", "status": "delivered"}]})
        .to_string();
    assert_eq!(whole.call("text", &signed("w-4", report.as_bytes()), report.as_bytes()).await, 200);
    whole.stands(&message, "delivered").await;
    // Whoever answers without a name leaves open whether it went.
    let another = wanted("text", "slack:U1", "More.");
    let (_, sent) = whole.api("POST", "/messages", Some(another.clone())).await;
    whole.stands(&text(&sent["message"]), "sent").await;
    let (_, sent) = whole.api("POST", "/messages", Some(another)).await;
    whole.stands(&text(&sent["message"]), "unknown").await;
}

#[tokio::test]
async fn telegram_as_others_play_it_is_asked_by_the_whole_box() {
    let (_stand_in, base) = StandIn::start().await;
    let channel = format!(
        "[channels.bot]\nkind = \"telegram\"\n[channels.bot.service]\nurl = \"{base}\"\nprivate = true\n\
         token = {{ file = \"@DIR@/bot\" }}\n"
    );
    let whole = Whole::start(&channel, &[("bot", "1:a\n")]);
    let says = json!({"botToken": "1:a", "text": "Hi \u{1f600}", "date": 1_795_000_000, "chat": {"id": 5, "type": "private", "first_name": "Kim"},
        "from": {"id": 5, "first_name": "Kim", "is_bot": false}})
    .to_string();
    let json_type = [("content-type", "application/json".to_owned())];
    let said = call("POST", &format!("{base}/sendMessage"), &json_type, says.as_bytes()).await;
    assert_eq!(status(&said), 200);
    let written = whole.until("the message", async || {
        let written = whole.written().await;
        (!written.is_empty()).then_some(written)
    });
    let once = ("bot".to_owned(), "telegram:5".to_owned(), "Hi \u{1f600}".to_owned());
    assert_eq!(written.await, [once]);
    let order = wanted("bot", "telegram:5", "It is.");
    let (_, sent) = whole.api("POST", "/messages", Some(order)).await;
    whole.stands(&text(&sent["message"]), "sent").await;
    let asked = json!({"token": "1:a", "chatId": 5}).to_string();
    let got = call("POST", &format!("{base}/getUpdates"), &json_type, asked.as_bytes()).await;
    let Reply::Replied { body, .. } = got else { panic!("{got:?}") };
    let got: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(got["result"][0]["message"]["text"], "It is.");
}

/// Channels of every provider, with the secrets that `sdks.py` signs with.
const PROVIDERS: &str = r#"
[channels.twilio]
kind = "twilio"
[channels.twilio.service]
account = "AC1"
token = { file = "@DIR@/token" }
sender = "+15550100"
signing_key = "shared_1"
signing = { file = "@DIR@/shared" }
[channels.whatsapp]
kind = "whatsapp"
[channels.whatsapp.service]
account = "1"
token = { file = "@DIR@/token" }
signing = { file = "@DIR@/app" }
verify = { file = "@DIR@/word" }
[channels.vonage]
kind = "vonage"
[channels.vonage.service]
account = "key"
token = { file = "@DIR@/token" }
signing = { file = "@DIR@/s32" }
sender = "+15550100"
[channels.telnyx]
kind = "telnyx"
[channels.telnyx.service]
token = { file = "@DIR@/token" }
public_key = "@TELNYX@"
sender = "+15550100"
[channels.plivo]
kind = "plivo"
[channels.plivo.service]
account = "MA"
token = { file = "@DIR@/token" }
sender = "+15550100"
[channels.sinch]
kind = "sinch"
[channels.sinch.service]
account = "p"
app = "a"
key = "k"
key_secret = { file = "@DIR@/secret" }
signing = { file = "@DIR@/secret" }
[channels.line]
kind = "line"
[channels.line.service]
token = { file = "@DIR@/token" }
signing = { file = "@DIR@/secret" }
[channels.viber]
kind = "viber"
[channels.viber.service]
token = { file = "@DIR@/token" }
sender = "box"
[channels.hook]
kind = "hook"
[channels.hook.service]
url = "https://crm.example/out"
network = "slack"
signing = { file = "@DIR@/hook" }
"#;

/// Of all that is turned over, one in so many goes through the whole box: `signatures.rs` tries every one.
const ONE_IN: usize = 97;

#[tokio::test]
async fn what_libraries_sign_is_a_conversation_and_one_bit_turned_is_nothing() {
    let lines: Vec<Value> = python("sdks.py", &[])
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of sdks.py"))
        .collect();
    let good = |line: &&Value| line["what"] == "good";
    let key = lines.iter().filter(good).find_map(|line| line["key"].as_str()).expect("Telnyx's");
    let channels = PROVIDERS.replace("@TELNYX@", key);
    let files = [
        ("token", "token"),
        ("shared", "shared"),
        ("app", "app"),
        ("word", "word"),
        ("s32", "ssssssssssssssssssssssssssssssss"),
        ("secret", "secret"),
        ("hook", SECRET),
    ];
    let whole = Whole::start(&channels, &files);
    let send = async |line: &Value| {
        let provider = text(&line["provider"]);
        let channel = provider.split('_').next().expect("a name");
        let body = STANDARD.decode(text(&line["body"])).expect("base64");
        let mut headers = vec![("x-branchline-url", text(&line["url"]))];
        for header in line["headers"].as_array().expect("headers") {
            let name: &'static str = text(&header[0]).to_ascii_lowercase().leak();
            headers.push((name, text(&header[1])));
        }
        let url = format!("{}/channels/{channel}", whole.url);
        whole.ask("POST", url, headers, &body).await
    };
    let ready = lines.iter().find(good).expect("a good one");
    whole.until("the box", async || (status(&send(ready).await) == 200).then_some(())).await;
    let mut counts = BTreeMap::<String, (usize, usize)>::new();
    for line in lines.iter().filter(|line| !line["sdk"].as_bool().unwrap_or(true)).step_by(ONE_IN) {
        let count = counts.entry(text(&line["provider"])).or_default();
        // What cannot stand in a header at all is not sent.
        match send(line).await {
            Reply::Away => {}
            reply => {
                let status = status(&reply);
                assert!([400, 403].contains(&status), "{}: {status}", line["what"]);
                count.0 += 1;
            }
        }
    }
    for line in lines.iter().filter(good) {
        assert_eq!(status(&send(line).await), 200, "{}", line["provider"]);
        counts.entry(text(&line["provider"])).or_default().1 += 1;
    }
    println!("refused and taken: {counts:?}");
    assert!(
        counts.len() == 12 && counts.values().all(|(refused, taken)| *refused > 4 && *taken == 1)
    );
    // Twilio's four are three messages: that with a port is the first once more.
    let mut written = whole
        .until("all of them", async || {
            let written = whole.written().await;
            (written.len() >= 11).then_some(written)
        })
        .await;
    written.sort();
    let channels: Vec<&str> = written.iter().map(|(channel, _, _)| channel.as_str()).collect();
    let wanted = [
        "hook", "line", "plivo", "sinch", "telnyx", "twilio", "twilio", "twilio", "viber",
        "vonage", "whatsapp",
    ];
    assert_eq!(channels, wanted);
    assert!(written.iter().filter(|(_, _, words)| words == "h\u{e9}").count() >= 7, "{written:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twilios_library_orders_messages_of_the_box_and_is_told_what_becomes_of_them() {
    let (base, program) = program().await;
    hold(&program).answers =
        vec![(200, r#"{"id":"o-1"}"#), (200, r#"{"id":"o-2"}"#), (200, r#"{"id":"o-3"}"#)];
    let told = Arc::new(Mutex::new(Vec::new()));
    let own = told.clone();
    let take = move |headers: HeaderMap, body: Bytes| async move {
        let signature = headers["x-twilio-signature"].to_str().expect("text").to_owned();
        hold(&own).push((signature, String::from_utf8(body.to_vec()).expect("a form")));
        StatusCode::NO_CONTENT
    };
    let callback = serve(Router::new().route("/told", post(take))).await + "/told";
    let channel =
        hooked(&base).replace("delivered = true\n", "delivered = true\nsender = \"+15550100\"\n");
    let mut whole = Whole::start(&channel, &[("hook", SECRET)]);
    whole.awake().await;
    let certificate = whole.branch.folder().join("data/tls/certificate.pem").display().to_string();
    let arguments = [whole.url.clone(), whole.token.clone(), certificate, callback.clone()];
    let said = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        serde_json::from_str::<Value>(&python("orders.py", &arguments)).expect("JSON")
    });
    let said = said.await.expect("it ends");
    assert_eq!(
        (&said["made"]["status"], &said["made"]["body"]),
        (&json!("queued"), &json!("café 😀"))
    );
    assert_eq!((&said["sent"], &said["by_name"]), (&json!(["sent", "sent"]), &json!("queued")));
    let errors = json!([[400, 21_211], [400, 21_603], [400, 21_617], [400, 21_620], [401, 20_003]]);
    assert_eq!(said["errors"], errors);
    assert_eq!((&said["once"][0], &said["once"][0][0]), (&said["once"][1], &json!(201)));
    assert_eq!((&said["once"][2][0], &said["twice"]), (&json!(409), &json!(20_409)));
    let words = |told: &(HeaderMap, Value)| text(&told.1["content"][0]["text"]);
    whole.until("three messages", async || (hold(&program).told.len() == 3).then_some(())).await;
    let mut sent: Vec<String> = hold(&program).told.iter().map(words).collect();
    sent.sort();
    assert_eq!(sent, ["by the channel's name", "café 😀", "once"]);
    // What became of the first is told, signed with the token, as Twilio's library judges it.
    let (signature, form) = whole.until("a status", async || hold(&told).last().cloned()).await;
    assert!(
        form.contains("MessageStatus=sent") && form.contains(&text(&said["made"]["sid"])),
        "{form}"
    );
    let judged = [whole.token.clone(), callback, signature, form];
    let judged = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = judged.iter().map(String::as_str).collect();
        python("validates.py", &arguments)
    });
    assert_eq!(judged.await.expect("it ends").trim(), "True");

    // The box is killed before the message arrives: what was promised is kept, and told once.
    let before = hold(&told).len();
    whole.branch.kill_and_start_again();
    whole.awake().await;
    let first = hold(&program).told.iter().position(|told| words(told) == "café 😀");
    let name = format!("o-{}", first.expect("it was sent") + 1);
    let report = json!({"events": [{"type": "status", "message": name, "status": "delivered"}]});
    let report = report.to_string();
    let headers = signed("w-delivered", report.as_bytes());
    assert_eq!(whole.call("text", &headers, report.as_bytes()).await, 200);
    let forms = || -> Vec<String> {
        hold(&told)[before..].iter().map(|(_, form): &(String, String)| form.clone()).collect()
    };
    let is_told = |form: &String| form.contains("MessageStatus=delivered");
    whole.until("a delivery", async || forms().iter().any(is_told).then_some(())).await;
    let sid = text(&said["made"]["sid"]);
    assert!(forms().iter().all(|form| is_told(form) && form.contains(&sid)), "{:?}", forms());
    assert!(forms()[0].contains("To=%2B15551234567"), "{:?}", forms());
}

/// A connection with TLS, unless the box has no room for it.
async fn connected(whole: &Whole) -> Option<tokio_rustls::client::TlsStream<TcpStream>> {
    let certificate = whole.branch.folder().join("data/tls/certificate.pem");
    let tls = branchline::driver::tls::client(Some(&certificate)).expect("a file").expect("roots");
    let address = whole.url.trim_start_matches("https://").to_owned();
    let stream = TcpStream::connect(&address).await.expect("it listens");
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").expect("an address");
    tokio_rustls::TlsConnector::from(tls).connect(name, stream).await.ok()
}

#[tokio::test]
async fn a_relay_has_room_for_what_many_services_tell_at_once() {
    let (base, _program) = program().await;
    for (relays, most) in [("", 20), ("relays = [\"127.0.0.1\"]\n", 128)] {
        let whole = Whole::start(&format!("{relays}{}", hooked(&base)), &[("hook", SECRET)]);
        let mut open = Vec::new();
        while let Some(stream) = connected(&whole).await {
            open.push(stream);
        }
        // One that asked before may not have ended.
        assert!((most - 1..=most).contains(&open.len()), "{} of {most}", open.len());
        let body = event("m-1", "Is it ready?");
        let url = format!("{}/channels/text", whole.url);
        let call = async || {
            whole.ask("POST", url.clone(), signed("w-1", body.as_bytes()), body.as_bytes()).await
        };
        open.pop();
        let taken =
            async || matches!(call().await, Reply::Replied { status: 200, .. }).then_some(());
        whole.until("a place", taken).await;
    }
}

#[tokio::test]
async fn what_is_too_large_too_slow_or_leads_inside_harms_nothing() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (base, _program) = program().await;
    let inside = Arc::new(Mutex::new(0));
    let asked = inside.clone();
    let secret = serve(Router::new().route(
        "/secret",
        axum::routing::get(move || async move {
            *hold(&asked) += 1;
            "of the branch alone"
        }),
    ))
    .await;
    let whole = Whole::start(&hooked(&base), &[("hook", SECRET)]);
    whole.awake().await;
    // Ten megabytes are refused, at once or when the way is closed; the next is taken.
    let large = vec![b' '; 10 << 20];
    let url = format!("{}/channels/text", whole.url);
    let answer = whole.ask("POST", url, signed("w-large", &large), &large).await;
    assert!(matches!(answer, Reply::Replied { status: 413, .. } | Reply::Silent), "{answer:?}");
    // As many as are worked on at once drip a body each, and are cut off.
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = connected(&whole).await.expect("TLS");
        let head = "POST /channels/text HTTP/1.1\r\nhost: box\r\ncontent-length: 100\r\n\r\nx";
        stream.write_all(head.as_bytes()).await.expect("written");
        slow.push(stream);
    }
    let file = json!({"events": [{"type": "message", "id": "m-f", "from": {"id": "U1"}, "content": [
        {"type": "text", "text": "Look"}, {"type": "file", "url": format!("{secret}/secret"), "mime": "text/plain"},
        {"type": "file", "url": "http://169.254.169.254/latest", "mime": "text/plain"},
        {"type": "file", "data": "aGk=", "mime": "text/plain", "name": "a.txt"}]}]})
    .to_string();
    assert_eq!(whole.call("text", &signed("w-f", file.as_bytes()), file.as_bytes()).await, 200);
    let message = whole.until("the message", async || {
        let (_, talks) = whole.api("GET", "/conversations", None).await;
        let talk = text(&talks["items"][0]["conversation"]);
        let (_, messages) =
            whole.api("GET", &format!("/conversations/{talk}/messages"), None).await;
        messages["items"].get(0).cloned()
    });
    let message = message.await;
    let pieces: Vec<String> = message["pieces"]
        .as_array()
        .expect("pieces")
        .iter()
        .map(|one| text(&one["piece"]))
        .collect();
    assert_eq!(pieces, ["text", "missing", "missing", "media"], "{message}");
    assert_eq!(*hold(&inside), 0, "nothing of the branch's own is fetched for a stranger");
    // The file that came is given to who may read the message, to be kept; another's name gives nothing.
    let (id, content) = (text(&message["message"]), text(&message["pieces"][3]["content"]));
    let url = format!("{}/api/v1/messages/{id}/files/{content}", whole.url);
    let out = whole.branch.folder().join("head");
    let certificate = whole.branch.folder().join("data/tls/certificate.pem");
    let curl = |url: &str, token: &str| {
        let output = std::process::Command::new("curl")
            .args(["--silent", "--max-time", "20", "--dump-header"])
            .arg(&out)
            .arg("--cacert")
            .arg(&certificate)
            .args(["-H", &format!("Authorization: Bearer {token}"), url])
            .output();
        let body = output.expect("curl runs").stdout;
        (std::fs::read_to_string(&out).expect("a head").to_ascii_lowercase(), body)
    };
    let (head, body) = curl(&url, &whole.token);
    assert_eq!(body, b"hi", "{head}");
    for line in
        ["http/1.1 200", "content-type: text/plain", "nosniff", "attachment; filename=\"a.txt\""]
    {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(curl(&url.replace(&content, &"0".repeat(64)), &whole.token).0.contains("404"));
    assert!(curl(&url, "bl_00000000_wrong").0.contains("401"));
    for mut stream in slow {
        let mut answer = [0; 12];
        let read = tokio::time::timeout(SOON, stream.read_exact(&mut answer)).await;
        read.expect("in time").expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 408");
    }
}
