//! The record of a person over the API: what is ordered is seen, and what is refused says why.

use serde_json::{Value, json};

use crate::{Api, Way};

const BASE: &str = "/api/v1/people";

fn make(api: &Api, name: &str, identity: &str) -> String {
    let body = json!({ "fields": { "name": name }, "identities": [identity] }).to_string();
    let made = api.order("POST", BASE, Some(&body));
    made["contact"].as_str().expect("an id").to_owned()
}

fn get(api: &Api, contact: &str) -> Value {
    api.order("GET", &format!("{BASE}/{contact}"), None)
}

fn post(api: &Api, way: &Way, path: &str, body: Value) -> crate::Answer {
    api.ask(way, "POST", &format!("{BASE}{path}"), Some(&body.to_string()))
}

fn etag(api: &Api, way: &Way, path: &str) -> String {
    let answer = api.ask(way, "GET", path, None);
    answer.header("etag").unwrap_or_else(|| panic!("{}", answer.head)).to_owned()
}

#[test]
fn what_is_ordered_is_seen_and_a_stale_edit_changes_nothing() {
    let api = Api::start();
    let way = Way::token(&api.token);
    let ann = make(&api, "Ann", "phone:+14085551200");
    let found = api.order("GET", &format!("{BASE}?identity=phone:%2B14085551200"), None);
    assert_eq!(found["items"][0]["person"], ann.as_str(), "{found}");
    let nobody = api.order("GET", &format!("{BASE}?identity=phone:%2B14085559999"), None);
    assert_eq!(nobody["items"], json!([]));
    let version = get(&api, &ann)["contacts"][0]["version"].as_u64().expect("a number");
    let edit = |name: &str, version: u64, header: bool| {
        let mut body = json!({ "fields": { "name": name } });
        let mut way = way.clone();
        match header {
            true => way.0.extend(["-H".to_owned(), format!("If-Match: \"{version}\"")]),
            false => body["version"] = version.into(),
        }
        api.ask(&way, "PATCH", &format!("{BASE}/{ann}"), Some(&body.to_string()))
    };
    assert_eq!(edit("Ann Lee", version, true).status, 200);
    edit("Bob", version, true).is_problem(412, "stale");
    edit("Bob", version, false).is_problem(409, "conflict");
    let field = get(&api, &ann)["contacts"][0]["fields"]["name"].clone();
    assert_eq!(
        (&field["now"]["value"], &field["before"][0]["value"]),
        (&json!("Ann Lee"), &json!("Ann"))
    );
    let seen = etag(&api, &way, &format!("{BASE}/{ann}"));
    let tag = |version: &str, tag: &str| {
        let mut way = way.clone();
        way.0.extend(["-H".to_owned(), format!("If-Match: {version}")]);
        api.ask(&way, "PUT", &format!("{BASE}/{ann}/tags/{tag}"), None)
    };
    // Weak tags match nothing (RFC 9110 section 13.1.1), nor does what is no version of ours; one of a list is enough.
    for other in [&format!("W/{seen}"), "\"0\"", "\"abc\"", "\"99999999999999999999\""] {
        tag(other, "vip").is_problem(412, "stale");
    }
    tag("7", "vip").is_problem(400, "malformed");
    assert_eq!(get(&api, &ann)["contacts"][0]["tags"], json!([]));
    assert_eq!(tag(&format!("\"0\", {seen}"), "vip").status, 200);
    tag(&seen, "vip").is_problem(412, "stale");
    let again = etag(&api, &way, &format!("{BASE}/{ann}/export"));
    assert!(again != seen, "{again}");
    assert_eq!(tag("*", "new").status, 200);
    let gone = format!("{BASE}/0000000000000/tags/vip");
    let mut stale = way.clone();
    stale.0.extend(["-H".to_owned(), "If-Match: \"1\"".to_owned()]);
    api.ask(&stale, "PUT", &gone, None).is_problem(404, "not-found");
    let erase = api.ask(&stale, "DELETE", &format!("{BASE}/{ann}"), None);
    erase.is_problem(412, "stale");
    for text in ["one", "two", "three"] {
        assert_eq!(post(&api, &way, &format!("/{ann}/notes"), json!({ "text": text })).status, 201);
    }
    let mut texts = Vec::new();
    let mut after = String::new();
    loop {
        let page = api.order("GET", &format!("{BASE}/{ann}/timeline?limit=2{after}"), None);
        let items = page["items"].as_array().expect("moments");
        texts.extend(items.iter().map(|one| one["text"].as_str().expect("a note").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(texts, ["three", "two", "one"]);
    let acts = api.order("GET", "/api/v1/acts", None).to_string();
    for act in ["add_person", "edit_person", "add_note"] {
        assert!(acts.contains(act), "{act} in {acts}");
    }
    assert!(!acts.contains("4085551200") && !acts.contains("Ann Lee"), "{acts}");
}

#[test]
fn two_are_merged_and_parted_and_one_is_held_released_erased() {
    let api = Api::start();
    let way = Way::token(&api.token);
    let (ann, lee) =
        (make(&api, "Ann", "phone:+14085551200"), make(&api, "Lee", "email:lee@example.com"));
    let before = (get(&api, &ann), get(&api, &lee));
    let agent = api.session("ann");
    post(&api, &agent, &format!("/{ann}/merge"), json!({ "gone": lee }))
        .is_problem(403, "not-allowed");
    assert_eq!(post(&api, &way, &format!("/{ann}/merge"), json!({ "gone": lee })).status, 200);
    post(&api, &way, &format!("/{ann}/merge"), json!({ "gone": lee })).is_problem(409, "conflict");
    assert_eq!(get(&api, &lee)["person"], ann.as_str());
    api.order("POST", &format!("{BASE}/{lee}/unmerge"), None);
    assert_eq!((get(&api, &ann), get(&api, &lee)), before, "as before");
    let taken = json!({ "identity": "email:lee@example.com" });
    post(&api, &way, &format!("/{ann}/identities"), taken).is_problem(409, "conflict");
    // A case, from its beginning to its end.
    let note = |text: &str| post(&api, &way, &format!("/{ann}/notes"), json!({ "text": text }));
    assert_eq!((note("first").status, note("second").status), (201, 201));
    let line = get(&api, &ann)["timeline"].clone();
    let places = json!([line[0]["place"], line[1]["place"]]);
    let opened =
        post(&api, &way, &format!("/{ann}/cases"), json!({ "title": "late", "moments": places }));
    let case = opened.json()["case"].as_str().expect("an id").to_owned();
    let split = json!({ "moments": [places[0]] }).to_string();
    let part = api.order("POST", &format!("/api/v1/cases/{case}/split"), Some(&split));
    let gone = json!({ "gone": part["case"] }).to_string();
    api.order("POST", &format!("/api/v1/cases/{case}/merge"), Some(&gone));
    api.order("PATCH", &format!("/api/v1/cases/{case}"), Some(r#"{"closed":true}"#));
    let cases = get(&api, &ann)["cases"].clone();
    assert!(
        cases
            .as_array()
            .expect("two")
            .iter()
            .all(|one| { one["closed"].is_string() || one["merged_into"].is_string() }),
        "{cases}"
    );
    // What agents note of a day.
    let put = |path: &str, body: &str| {
        api.order("PUT", &format!("{BASE}/{ann}{path}"), Some(body).filter(|body| !body.is_empty()))
    };
    put("/tags/vip", "");
    put("/consent", r#"{"channel":"sms","purpose":"offers","given":false}"#);
    put("/preferred", r#"{"channel":"mail"}"#);
    put("/verified", r#"{"level":2}"#);
    let pin =
        api.order("POST", &format!("{BASE}/{ann}/pins"), Some(r#"{"fact":"deaf in one ear"}"#));
    let contact = get(&api, &ann)["contacts"][0].clone();
    assert_eq!((&contact["tags"][0], &contact["preferred"]), (&json!("vip"), &json!("mail")));
    assert_eq!(
        (&contact["verified"]["level"], &contact["consents"][0]["given"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(contact["pins"][0]["pin"], pin["pin"]);
    // A hold stands against erasure.
    let held = api.order("POST", &format!("{BASE}/{ann}/holds"), Some(r#"{"reason":"case 7"}"#));
    let problem =
        api.ask(&way, "DELETE", &format!("{BASE}/{ann}"), None).is_problem(409, "conflict");
    assert!(problem["detail"].as_str().is_some_and(|why| why.contains("case 7")), "{problem}");
    let hold = held["hold"].as_str().expect("an id");
    api.order("DELETE", &format!("{BASE}/{ann}/holds/{hold}"), None);
    let export = api.order("GET", &format!("{BASE}/{ann}/export"), None);
    assert_eq!(export["timeline"].as_array().map(Vec::len), Some(2), "{export}");
    let erased = api.order("DELETE", &format!("{BASE}/{ann}"), None);
    api.ask(&way, "GET", &format!("{BASE}/{ann}"), None).is_problem(404, "not-found");
    let auditor = api.session("audit");
    let proofs = api.ask(&auditor, "GET", "/api/v1/erasures", None).json();
    assert_eq!(proofs["items"][0]["erasure"], erased["erasure"], "{proofs}");
    api.ask(&auditor, "GET", &format!("{BASE}/{lee}"), None).is_problem(403, "not-allowed");
    let acts = api.order("GET", "/api/v1/acts?limit=100", None).to_string();
    for act in ["merge_person", "unmerge_person", "hold_person", "export_person", "erase_person"] {
        assert!(acts.contains(act), "{act} in {acts}");
    }
}

#[test]
fn whoever_a_body_names_is_there_and_goes_under_the_contact_that_is_kept() {
    let api = Api::start();
    let way = Way::token(&api.token);
    // Every body that names a contact, as the document has it.
    let document = api.curl("/api/v1/openapi.json", &[]).json();
    let mut naming = Vec::new();
    for (path, ways) in document["paths"].as_object().expect("paths") {
        for own in ways.as_object().expect("methods").values() {
            let body = &own["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let Some(name) = body.as_str().and_then(|text| text.rsplit('/').next()) else {
                continue;
            };
            let parts = document["components"]["schemas"][name]["properties"].to_string();
            if parts.contains("schemas/ContactId") {
                naming.push((path.as_str(), own["operationId"].as_str().expect("a name")));
            }
        }
    }
    let merge = "/api/v1/people/{contact}/merge";
    assert_eq!(naming, [(merge, "merge_person"), ("/api/v1/tasks", "add_task")]);
    let (kept, gone, erased) = (
        make(&api, "Ann", "phone:+14085551200"),
        make(&api, "Lee", "email:lee@example.com"),
        make(&api, "Bob", "email:bob@example.com"),
    );
    api.order("POST", &format!("{BASE}/{kept}/merge"), Some(&json!({ "gone": gone }).to_string()));
    api.order("DELETE", &format!("{BASE}/{erased}"), None);
    let task = |contact: &str| {
        let body = json!({ "queue": "support", "text": "Write.", "contact": contact }).to_string();
        api.ask(&way, "POST", "/api/v1/tasks", Some(&body))
    };
    for nobody in ["0000000000001", erased.as_str()] {
        let problem = task(nobody).is_problem(422, "refused");
        assert_eq!(problem["at"], "body/contact", "{problem}");
        let other = json!({ "gone": nobody });
        post(&api, &way, &format!("/{kept}/merge"), other).is_problem(404, "not-found");
    }
    task("nonsense").is_problem(400, "malformed");
    assert_eq!(api.order("GET", "/api/v1/work", None)["items"], json!([]), "nothing is stored");
    assert_eq!(task(&gone).status, 201);
    let work = api.order("GET", "/api/v1/work", None);
    assert_eq!(work["items"][0]["contact"], kept.as_str(), "{work}");
    let again = json!({ "gone": gone });
    post(&api, &way, &format!("/{kept}/merge"), again).is_problem(409, "conflict");
}

#[test]
fn a_case_has_fields_and_a_body_is_one_object_that_says_nothing_twice() {
    let api = Api::start();
    let way = Way::token(&api.token);
    let ann = make(&api, "Ann", "phone:+14085551200");
    let opened = post(&api, &way, &format!("/{ann}/cases"), json!({ "title": "lease" })).json();
    let path = format!("/api/v1/cases/{}", opened["case"].as_str().expect("an id"));
    let patch = |body: &str| api.ask(&way, "PATCH", &path, Some(body));
    assert_eq!(patch(r#"{"fields":{"due":"2026-12-01","rate":"3"}}"#).status, 200);
    assert_eq!(patch(r#"{"fields":{"rate":null}}"#).status, 200);
    assert_eq!(get(&api, &ann)["cases"][0]["fields"], json!({ "due": "2026-12-01" }));
    for body in [
        "{}",
        r#"{"closed":true,"fields":{"due":"2027-01-01"}}"#,
        r#"{"fields":{"due":"2027-01-01","due":"2028-01-01"}}"#,
        r#"{"closed":true,"closed":false}"#,
        "[true]",
        "[null,{}]",
    ] {
        patch(body).is_problem(400, "malformed");
    }
    patch(r#"{"fields":{"Due":"2026-12-01"}}"#).is_problem(422, "refused");
    assert_eq!(patch(r#"{"closed":true}"#).status, 200);
    patch(r#"{"fields":{"due":"2027-01-01"}}"#).is_problem(409, "conflict");
    assert_eq!(get(&api, &ann)["cases"][0]["fields"], json!({ "due": "2026-12-01" }));
    let export = api.order("GET", &format!("{BASE}/{ann}/export"), None);
    assert_eq!(export["cases"][0]["fields"]["due"], "2026-12-01", "{export}");
    // Names that look like another in a list.
    for name in ["\u{202e}crm", "   ", "crm\u{200b}"] {
        let body = json!({ "name": name, "role": "agent", "scopes": ["read"] }).to_string();
        api.ask(&way, "POST", "/api/v1/tokens", Some(&body)).is_problem(422, "refused");
    }
}

#[test]
fn words_find_people_and_what_happened_with_them_page_by_page() {
    let api = Api::start();
    let ann = make(&api, "Änne Müller", "phone:+14085551200");
    let way = Way::token(&api.token);
    for text in ["a lamp, please", "the lamp is broken"] {
        assert_eq!(post(&api, &way, &format!("/{ann}/notes"), json!({ "text": text })).status, 201);
    }
    let search = |query: &str| api.order("GET", &format!("/api/v1/search?q={query}"), None);
    let count = |found: &Value| found["items"].as_array().map_or(0, Vec::len);
    // The index follows some moments later.
    let found = (0..200).map(|_| search("lamp")).find(|found| count(found) == 2);
    let found = found.expect("both notes");
    assert_eq!(found["items"][0]["moment"]["text"], "the lamp is broken", "{found}");
    let first = search("lamp&limit=1");
    let next = first["next"].as_str().expect("there is more");
    let second = search(&format!("lamp&limit=1&after={next}"));
    assert_eq!(second["items"][0]["moment"]["text"], "a lamp, please", "{second}");
    for words in ["muller", "m%C3%BCll%20%C3%A4n", "555-1200"] {
        let found = search(words);
        let hit = &found["items"][0];
        let about = (&hit["found"], &hit["name"], &hit["person"]);
        assert_eq!(about, (&json!("contact"), &json!("Änne Müller"), &json!(ann)), "{words}");
        assert_eq!(hit["identities"], json!(["phone:+14085551200"]));
    }
    assert_eq!(count(&search("m")), 0, "who types goes on");
    let ask = |query: &str| api.ask(&way, "GET", &format!("/api/v1/search{query}"), None);
    ask("?q=").is_problem(400, "malformed");
    ask("?q=lamp&after=x").is_problem(400, "malformed");
    ask("").is_problem(400, "malformed");
}
