//! Events that sites and shops tell of: kept with consent, counted without, once each, and not too many.

use serde_json::{Value, json};

use crate::driving::Feed;
use crate::{Answer, Api, Way};

const EVENTS: &str = "/api/v1/events";

fn tell(api: &Api, way: &Way, events: &Value) -> Answer {
    let body = json!({ "events": events }).to_string();
    api.ask(way, "POST", EVENTS, Some(&body))
}

fn cart(id: &str) -> Value {
    json!({"id": id, "kind": "cart", "consent": true, "identities": ["phone:+14085551200"],
        "detail": "/basket", "attributes": {"value": "high"}})
}

fn person(api: &Api) -> Value {
    let found = api.order("GET", "/api/v1/people?identity=phone:%2B14085551200", None);
    found["items"].clone()
}

#[test]
fn an_event_is_kept_with_consent_counted_without_and_taken_once() {
    let api = Api::start();
    let shop = api.new_token("agent", &["events"]);
    let feed = Feed::read(&api, None).begun();
    // The token is for this and nothing else.
    api.ask(&shop, "GET", "/api/v1/people?identity=phone:%2B14085551200", None)
        .is_problem(403, "not-allowed");
    let reader = api.new_token("admin", &["read", "people", "records"]);
    tell(&api, &reader, &json!([cart("1")])).is_problem(403, "not-allowed");
    let mut silent = cart("0");
    silent["consent"] = json!(false);
    let answer = tell(&api, &shop, &json!([silent])).json();
    assert_eq!((&answer["kept"], &answer["counted"]), (&json!(0), &json!(1)));
    assert_eq!(person(&api), json!([]), "nobody is made of it");
    let answer = tell(&api, &shop, &json!([cart("1")]));
    assert_eq!((answer.status, &answer.json()["kept"]), (200, &json!(1)), "{}", answer.body);
    let (_, event) = feed.next("site_event");
    assert_eq!(event["kind"], "cart");
    let known = person(&api);
    assert_eq!(known[0]["person"], event["person"], "the feed names the contact, and no number");
    let moments = known[0]["timeline"].as_array().expect("moments");
    assert_eq!(moments.len(), 1, "{known}");
    assert_eq!((&moments[0]["name"], &moments[0]["text"]), (&json!("cart"), &json!("/basket")));
    // The same once more, as a whole and one by one.
    assert_eq!(tell(&api, &shop, &json!([cart("1")])).json()["again"], 1);
    let mut keyed = shop.clone();
    keyed.0.extend(["-H".to_owned(), "Idempotency-Key: a-key".to_owned()]);
    let first = tell(&api, &keyed, &json!([cart("2")]));
    let second = tell(&api, &keyed, &json!([cart("2")]));
    assert_eq!((first.json()["kept"].clone(), first.body), (json!(1), second.body));
    tell(&api, &keyed, &json!([cart("3")])).is_problem(409, "conflict");
    // It is on the disk when it is answered, and on the record when the feed tells of it.
    feed.next("site_event");
    assert_eq!(person(&api)[0]["timeline"].as_array().expect("moments").len(), 2);
}

#[test]
fn a_batch_survives_its_worst_member_and_what_is_too_much_is_said() {
    let api = Api::start();
    let shop = api.new_token("agent", &["events"]);
    let mut unasked = cart("3");
    unasked.as_object_mut().expect("an object").remove("consent");
    let mut nobody = cart("4");
    nobody["identities"] = json!(["phone:112"]);
    let mixed = json!([cart("1"), "nonsense", unasked, nobody, cart("2")]);
    let answer = tell(&api, &shop, &mixed).json();
    assert_eq!(answer["kept"], 2, "{answer}");
    let refused: Vec<_> = answer["refused"].as_array().expect("a list").iter().collect();
    let places: Vec<_> =
        refused.iter().map(|one| one["index"].as_u64().expect("a place")).collect();
    assert_eq!(places, [1, 2, 3]);
    assert!(refused[1]["detail"].as_str().expect("words").contains("consent"), "{answer}");
    for body in ["", "{", "[]", "{\"events\":1}", "{\"events\":[]}", "{\"events\":[1],\"x\":1}"] {
        api.ask(&shop, "POST", EVENTS, Some(body)).is_problem(400, "malformed");
    }
    let many: Vec<_> = (0..101).map(|n| cart(&format!("m{n}"))).collect();
    tell(&api, &shop, &json!(many)).is_problem(400, "malformed");
    let long = json!([{"id": "1", "kind": "cart", "consent": true, "detail": "x".repeat(1 << 20)}]);
    let path = std::env::temp_dir().join(format!("branchline-events-{}", std::process::id()));
    std::fs::write(&path, json!({"events": long}).to_string()).expect("a file");
    let from = format!("@{}", path.display());
    api.ask(&shop, "POST", EVENTS, Some(&from)).is_problem(413, "too-long");
    std::fs::remove_file(&path).expect("the file");
    // About one person so many, whoever tells of them; then the whole is put off.
    let flood =
        |from: usize| -> Vec<_> { (from..from + 50).map(|n| cart(&format!("f{n}"))).collect() };
    let answer = tell(&api, &shop, &json!(flood(0))).json();
    assert!(answer["kept"].as_u64().expect("a count") <= 35, "{answer}");
    let late = answer["refused"].as_array().expect("a list").last().expect("some").clone();
    assert_eq!((&late["type"], late["retry_after_s"].is_u64()), (&json!("too-often"), true));
    let answer = tell(&api, &shop, &json!(vec![cart("g1"), cart("g2")]));
    if answer.status == 429 {
        answer.is_problem(429, "too-often");
        assert!(answer.header("retry-after").is_some());
    } else {
        assert!(answer.json()["kept"].as_u64().expect("a count") <= 2, "a second has passed");
    }
}
