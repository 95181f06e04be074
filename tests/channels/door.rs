//! Twilio's own libraries send through a door of ours that is shaped as Twilio's.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use branchline::id::MessageId;
use branchline::messaging::adapter::door::{self, Refused, Resource, Wanted};
use branchline::messaging::adapter::{Secret, Twilio};
use branchline::messaging::web::{Adapter, Request};
use branchline::time::UnixTime;
use serde_json::Value;

use crate::libraries::{node, python};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const TOKEN: &str = "a token of the box";
const NOW: UnixTime = UnixTime(1_795_316_400_000_000);

/// What was asked for, by number.
type Made = Arc<Mutex<Vec<Wanted>>>;

fn json((status, body): (u16, Value)) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

fn resource(wanted: &Wanted, number: usize) -> Value {
    let resource = Resource {
        account: ACCOUNT,
        message: MessageId(number as u64),
        to: &wanted.to,
        from: &wanted.from,
        body: &wanted.body,
        media: wanted.media.len(),
        parts: Some(1),
        state: door::State::Queued,
        created: NOW,
        updated: NOW,
    };
    resource.answer()
}

async fn make(State(made): State<Made>, headers: HeaderMap, body: Bytes) -> Response {
    let own = Secret::new(TOKEN).basic(ACCOUNT);
    if headers.get("authorization").is_none_or(|shown| shown != own.as_str()) {
        return json(Refused::Unproved.answer());
    }
    let wanted = match door::wanted(&body) {
        Ok(wanted) if wanted.to == "+15559999999" => return json(Refused::Unwanted.answer()),
        Ok(wanted) => wanted,
        Err(why) => return json(why.answer()),
    };
    let mut made = made.lock().expect("nobody panics with it");
    made.push(wanted);
    let last = made.last().expect("it is there");
    json((201, resource(last, made.len())))
}

async fn tell(State(made): State<Made>, Path((_, sid)): Path<(String, String)>) -> Response {
    let sid = sid.trim_end_matches(".json");
    let made = made.lock().expect("nobody panics with it");
    let number = door::message(sid).map_or(0, |message| message.0 as usize);
    match number.checked_sub(1).and_then(|at| made.get(at)) {
        Some(wanted) => json((200, resource(wanted, number))),
        None => json(Refused::NotFound.answer()),
    }
}

/// Opens a door and has `visit` come to it.
fn with_door(visit: impl FnOnce(&str) -> String) -> (Value, Vec<Wanted>) {
    let made = Made::default();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let router = Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(make))
        .route("/2010-04-01/Accounts/{account}/Messages/{sid}", get(tell))
        .with_state(made.clone());
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    runtime.spawn(axum::serve(listener, router).into_future());
    let said = serde_json::from_str(&visit(&base)).expect("JSON");
    let made = made.lock().expect("nobody panics with it").clone();
    (said, made)
}

#[test]
fn twilios_library_for_python_sends_through_our_door() {
    let (said, made) = with_door(|base| python("sends.py", &[base, ACCOUNT, TOKEN]));
    let first = &said["made"];
    assert_eq!(first["sid"], door::sid(MessageId(1)));
    assert_eq!((&first["status"], &first["body"]), (&"queued".into(), &"café 😀".into()));
    assert_eq!(first["created"], "2026-11-22T03:00:00+00:00");
    assert_eq!((said["fetched"].as_str(), said["media"].as_str()), (Some("queued"), Some("2")));
    let errors = serde_json::json!([[400, 21604], [400, 21602], [400, 21617], [400, 21610]]);
    assert_eq!((&said["errors"], &said["stranger"]), (&errors, &serde_json::json!([401, 20003])));
    assert_eq!((made.len(), made[0].callback.as_deref()), (2, Some("https://app.example/told")));
    assert_eq!(made[1].media, ["https://a/1", "https://a/2"]);
}

#[test]
fn twilios_library_for_node_sends_through_our_door_and_signs_what_we_take() {
    let (said, made) = with_door(|base| node("sends.mjs", &[base, ACCOUNT, TOKEN]));
    assert_eq!(
        (&said["sid"], &said["status"]),
        (&door::sid(MessageId(1)).into(), &"queued".into())
    );
    assert_eq!(said["created"], "2026-11-22T03:00:00.000Z");
    assert_eq!(
        (&said["wrong"], made[0].body.as_str()),
        (&serde_json::json!([400, 21610]), "from node")
    );
    let signature = said["signature"].as_str().expect("a signature").to_owned();
    let headers = [("X-Twilio-Signature".to_owned(), signature)];
    let hear = |body: &[u8]| {
        let url = "https://box.example/in";
        twilio().hear(NOW, Request { method: "POST", url, headers: &headers, body })
    };
    let body = b"MessageSid=SM1&From=%2B15551234567&Body=hi";
    assert_eq!(hear(body).expect("signed").told.len(), 1);
    assert!(hear(b"MessageSid=SM1&From=%2B15551234567&Body=hj").is_err());
}

#[test]
fn twilios_library_takes_what_our_door_tells_of_a_message() {
    let url = "https://app.example/told?x=1";
    let resource = Resource {
        account: ACCOUNT,
        message: MessageId(7),
        to: "+15551234567",
        from: "+15550100",
        body: "",
        media: 0,
        parts: None,
        state: door::State::Failed(30_008),
        created: NOW,
        updated: NOW,
    };
    let ask = resource.callback(url, &Secret::new(TOKEN));
    let signature = ask.headers.iter().find(|(name, _)| *name == "x-twilio-signature");
    let signature = &signature.expect("it is signed").1;
    let body = String::from_utf8(ask.body).expect("a form");
    assert!(body.contains("ErrorCode=30008") && body.contains("MessageStatus=failed"), "{body}");
    let judged = |body: &str| python("validates.py", &[TOKEN, url, signature, body]);
    assert_eq!(judged(&body).trim(), "True");
    assert_eq!(judged(&body.replace("failed", "sent")).trim(), "False");
}

pub fn twilio() -> Twilio {
    Twilio {
        api: String::new(),
        account: ACCOUNT.to_owned(),
        token: Secret::new(TOKEN),
        key: None,
        shared: Vec::new(),
        sender: "+15550100".to_owned(),
        callback: None,
        discard: false,
    }
}
