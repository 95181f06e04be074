//! Conversations over the API: what may be done in one, who may, and what is refused how.

use serde_json::{Value, json};

use crate::{Api, Way};

/// Phones may write and are written to; support answers. Nobody is registered: what goes out waits.
const CONFIG: &str = r#"
[sip]
udp = ["127.0.0.1:@PORT@"]
tcp = []
tls = []
digests = ["md5"]
[http]
listen = ["127.0.0.1:@SECOND@"]
[media]
port_min = @RTP_FIRST@
port_max = @RTP_LAST@
[[extension]]
number = "201"
secret = { file = "@DIR@/phone" }
[[extension]]
number = "202"
secret = { file = "@DIR@/phone" }
[[agent]]
id = "ann"
extension = "201"
signed_in = true
[[agent]]
id = "bob"
extension = "202"
signed_in = true
[[queue]]
name = "support"
members = ["ann", "bob"]
[[queue]]
name = "sales"
members = ["bob"]
[channels.phones]
kind = "sip"
queue = "support"
"#;

/// Sends one message, under a key; answers the whole answer.
fn send(api: &Api, way: &Way, path: &str, key: &str, body: &Value) -> crate::Answer {
    let mut way = way.clone();
    way.0.extend(["-H".to_owned(), format!("Idempotency-Key: {key}")]);
    api.ask(&way, "POST", path, Some(&body.to_string()))
}

#[test]
fn a_conversation_is_claimed_by_one_answered_once_handed_over_and_ended() {
    let api = Api::start_own(CONFIG, &[("phone", "tulip")]);
    let all = Way::token(&api.token);
    let first =
        json!({ "channel": "phones", "to": "202@127.0.0.1", "text": "Hello.", "purpose": "code" });
    // The look-up store is made ready first.
    let made = api.branch.until("the store", || {
        let made = send(&api, &all, "/api/v1/messages", "first-wish", &first);
        (made.status != 503).then_some(made)
    });
    assert_eq!(made.status, 201, "{}", made.body);
    let talk = made.json()["conversation"].as_str().expect("text").to_owned();
    let path = format!("/api/v1/conversations/{talk}");
    // One has it, and the second is told who.
    api.order("POST", &format!("{path}/claim"), Some(r#"{"agent":"ann"}"#));
    let second = api.ask(&all, "POST", &format!("{path}/claim"), Some(r#"{"agent":"bob"}"#));
    let told = second.is_problem(409, "conflict");
    assert!(told["detail"].as_str().expect("text").contains("ann"), "{told}");
    let claimed = api.order("GET", &path, None);
    assert_eq!(claimed["owner"]["agent"], "ann", "{claimed}");
    // The same wish twice is one message; another under its key is none.
    let reply = format!("{path}/messages");
    let body = json!({ "text": "How can we help?" });
    let one = send(&api, &all, &reply, "a-reply", &body);
    let two = send(&api, &all, &reply, "a-reply", &body);
    assert_eq!((one.status, &one.body), (201, &two.body));
    let other = send(&api, &all, &reply, "a-reply", &json!({ "text": "Something else." }));
    other.is_problem(409, "conflict");
    let message = one.json()["message"].as_str().expect("text").to_owned();
    for (body, status) in [
        (json!({}), 422),
        (json!({ "text": "" }), 422),
        (json!({ "text": "x".repeat(4_097) }), 422),
        (json!({ "text": "x", "channel": "pigeon" }), 422),
        (json!({ "text": "x", "template": { "name": "a", "language": "en" } }), 422),
        (json!({ "files": [{ "content": "zz", "mime": "image/png", "size": 1 }] }), 422),
        (json!({ "words": "x" }), 400),
    ] {
        let answer = api.ask(&all, "POST", &reply, Some(&body.to_string()));
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    // It waits for a phone, and is taken back.
    let line = api.order("GET", &format!("/api/v1/messages/{message}"), None);
    assert_eq!(line["state"], "queued", "{line}");
    api.order("POST", &format!("/api/v1/messages/{message}/withdraw"), None);
    let stopped = api.order("GET", "/api/v1/messages?state=stopped", None);
    assert_eq!(stopped["items"][0]["message"], json!(message), "{stopped}");
    assert_eq!(stopped["items"][0]["stopped"], "withdrawn");
    let again = format!("/api/v1/messages/{message}/replay");
    assert_eq!(api.order("POST", &again, None)["message"], json!(message));
    api.ask(&all, "POST", &again, None).is_problem(409, "conflict");
    api.ask(&all, "GET", "/api/v1/messages?state=lost", None).is_problem(400, "malformed");
    // Handed over with a note, given back, and ended.
    let over = json!({ "agent": "bob", "note": "knows the house" }).to_string();
    api.order("POST", &format!("{path}/transfer"), Some(&over));
    let now = api.order("GET", &path, None);
    assert_eq!((&now["owner"]["agent"], &now["note"]), (&json!("bob"), &json!("knows the house")));
    let both = json!({ "agent": "bob", "queue": "sales" }).to_string();
    let wrong = api.ask(&all, "POST", &format!("{path}/transfer"), Some(&both));
    wrong.is_problem(400, "malformed");
    api.order("POST", &format!("{path}/release"), Some(r#"{"queue":"sales"}"#));
    assert_eq!(api.order("GET", &path, None)["owner"]["queue"], "sales");
    api.order("POST", &format!("{path}/typing"), Some(r#"{"on":true}"#));
    let seen = json!({ "upto": message }).to_string();
    api.order("POST", &format!("{path}/seen"), Some(&seen));
    api.order("POST", &format!("{path}/close"), Some("{}"));
    assert!(api.order("GET", &path, None)["closed"].is_string());
    // What is not there is not found, and every order stands in the journal.
    let nowhere = "/api/v1/conversations/0000000000001/claim";
    api.ask(&all, "POST", nowhere, Some(r#"{"agent":"ann"}"#)).is_problem(404, "not-found");
    let gone = "/api/v1/messages/0000000000001/replay";
    api.ask(&all, "POST", gone, None).is_problem(404, "not-found");
    let acts = api.order("GET", "/api/v1/acts?limit=100", None);
    let acts = acts["items"].as_array().expect("a list");
    for what in ["reply_in_conversation", "claim_conversation", "transfer_conversation"] {
        assert!(acts.iter().any(|act| act["what"] == what), "{what}: {acts:?}");
    }
}

/// What agents may read: what is theirs, what waits where they answer, and what was written with people whose work they have.
#[test]
fn an_agent_reads_what_is_theirs_or_waits_where_they_answer_and_whoever_leads_reads_all() {
    let api = Api::start_own(CONFIG, &[("phone", "tulip")]);
    let all = Way::token(&api.token);
    let text =
        json!({ "channel": "phones", "to": "202@127.0.0.1", "text": "Hello.", "purpose": "code" });
    let made = api.branch.until("the store", || {
        let made = send(&api, &all, "/api/v1/messages", "first-wish", &text);
        (made.status != 503).then_some(made)
    });
    let (talk, message) = (made.json()["conversation"].clone(), made.json()["message"].clone());
    let path = format!("/api/v1/conversations/{}", talk.as_str().expect("text"));
    let alone = format!("/api/v1/messages/{}", message.as_str().expect("text"));
    let session = |name: &str, role: &str, agent: Value| {
        let user =
            json!({ "name": name, "role": role, "password": "a long password", "agent": agent });
        api.order("POST", "/api/v1/users", Some(&user.to_string()));
        let signing = json!({ "name": name, "password": "a long password" }).to_string();
        let signed = api.ask(&Way::default(), "POST", "/api/v1/session", Some(&signing));
        let cookie = signed.header("set-cookie").and_then(|text| text.split(';').next());
        let csrf = signed.json()["csrf"].as_str().expect("text").to_owned();
        let headers =
            [format!("Cookie: {}", cookie.expect("a cookie")), format!("X-CSRF-Token: {csrf}")];
        Way(headers.into_iter().flat_map(|header| ["-H".to_owned(), header]).collect())
    };
    let ann = session("ann", "agent", json!("ann"));
    let bob = session("bob", "agent", json!("bob"));
    let lead = session("lead", "supervisor", Value::Null);
    let program = api.new_token("agent", &["people"]);
    let sees = |way: &Way| {
        let listed = api.ask(way, "GET", "/api/v1/conversations?closed=true", None).json();
        let items = listed["items"].as_array().expect("a list").clone();
        let listed = items.iter().any(|item| item["conversation"] == talk);
        let whole = format!("{path}/messages");
        let answers = [&path, &whole, &alone].map(|path| api.ask(way, "GET", path, None));
        for answer in &answers {
            assert_eq!(answer.status, if listed { 200 } else { 404 }, "{}", answer.body);
        }
        listed
    };
    let seen = || [&ann, &bob, &lead, &program].map(sees);
    assert_eq!(seen(), [true, true, true, false], "nobody has it where both answer");
    api.order("POST", &format!("{path}/release"), Some(r#"{"queue":"sales"}"#));
    assert_eq!(seen(), [false, true, true, false], "it waits where bob alone answers");
    let claim = api.ask(&ann, "POST", &format!("{path}/claim"), Some("{}"));
    claim.is_problem(404, "not-found");
    let upto = json!({ "upto": message }).to_string();
    api.ask(&ann, "POST", &format!("{path}/seen"), Some(&upto)).is_problem(404, "not-found");
    assert_eq!(api.ask(&bob, "POST", &format!("{path}/claim"), Some("{}")).status, 204);
    assert_eq!(seen(), [true, true, true, false], "bob has it, and she answers there too");
    let over = json!({ "agent": "ann" }).to_string();
    api.order("POST", &format!("{path}/release"), Some(r#"{"queue":"support"}"#));
    api.order("POST", &format!("{path}/transfer"), Some(&over));
    assert_eq!(seen(), [true, true, true, false], "ann has it, and he answers there too");
    assert_eq!(api.ask(&ann, "POST", &format!("{path}/close"), Some("{}")).status, 204);
    assert_eq!(seen(), [true, false, true, false], "it was hers");
}
