//! The configuration over the API: seen, checked, applied by two at once, left alone by a browser that vanishes.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Api, Way};

fn with_match(way: &Way, digest: &str) -> Way {
    let mut way = way.clone();
    way.0.extend(["-H".to_owned(), format!("If-Match: \"{digest}\"")]);
    way
}

fn shown(api: &Api) -> Value {
    api.order("GET", "/api/v1/config", None)
}

fn body(text: &str, within: u32) -> String {
    json!({ "text": text, "why": "a test", "confirm_within_s": within }).to_string()
}

#[test]
fn two_admins_at_once_do_not_write_over_each_other_and_a_vanished_browser_changes_nothing() {
    let api = Api::start();
    let session = api.session("admin");
    let seen = shown(&api);
    let old = seen["text"].as_str().expect("a text").to_owned();
    let digest = seen["digest"].as_str().expect("a name").to_owned();
    let file = api.branch.folder().join("gateway.toml");
    assert_eq!(fs::read_to_string(&file).expect("the file"), old, "comments and all");
    let way = with_match(&session, &digest);
    let began = Instant::now();
    let one = api.ask(&way, "PUT", "/api/v1/config", Some(&body(&format!("# one\n{old}"), 10)));
    assert_eq!(one.status, 200, "{}", one.body);
    let two = api.ask(&way, "PUT", "/api/v1/config", Some(&body(&format!("# two\n{old}"), 10)));
    assert_eq!(two.is_problem(412, "stale")["at"], "header/If-Match");
    let three =
        api.ask(&session, "PUT", "/api/v1/config", Some(&body(&format!("# two\n{old}"), 10)));
    three.is_problem(409, "conflict");
    let told = api.order("GET", "/api/v1/config", None);
    assert_eq!(told["trial"]["version"], one.json()["trial"]["version"]);
    // Nobody confirms: whoever applied it has closed the page.
    api.branch.until("the change to go back", || shown(&api)["trial"].is_null().then_some(()));
    assert!(
        began.elapsed() >= Duration::from_secs(10) && began.elapsed() < Duration::from_secs(15)
    );
    assert_eq!(fs::read_to_string(&file).expect("the file"), old);
    let again = api.ask(&way, "PUT", "/api/v1/config", Some(&body(&format!("# one\n{old}"), 60)));
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(api.ask(&session, "POST", "/api/v1/config/confirm", None).status, 204);
    let late = api.ask(&way, "PUT", "/api/v1/config", Some(&body(&format!("# two\n{old}"), 60)));
    let problem = late.is_problem(412, "stale");
    assert_eq!(problem["at"], "header/If-Match");
    assert!(fs::read_to_string(&file).expect("the file").starts_with("# one\n"));
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_nothing_of_it_is_applied() {
    let api = Api::start();
    let old = shown(&api)["text"].as_str().expect("a text").to_owned();
    let wrong = format!("{old}\n[medai]\nthreads = 1\n");
    let line = old.lines().count() + 2;
    let checked =
        api.order("POST", "/api/v1/config/check", Some(&json!({ "text": wrong }).to_string()));
    assert_eq!(checked["good"], false);
    let problems = checked["problems"].as_array().expect("problems");
    let own = problems.iter().find(|problem| problem["key"] == "medai").expect("the section");
    assert_eq!((&own["line"], &own["nearest"]), (&json!(line), &json!("media")), "{own}");
    assert!(checked["diff"].as_str().expect("a diff").contains("+[medai]"));
    let way = Way::token(&api.token);
    let refused = api.ask(&way, "PUT", "/api/v1/config", Some(&body(&wrong, 60)));
    let problem = refused.is_problem(422, "refused");
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains(&format!("line {line}"))));
    for (body, at) in [
        (body(&format!("# x\n{old}"), 9), "body/confirm_within_s"),
        (body(&format!("# x\n{old}"), 3601), "body/confirm_within_s"),
        (json!({ "text": old, "why": " " }).to_string(), "body/why"),
    ] {
        let refused = api.ask(&way, "PUT", "/api/v1/config", Some(&body));
        assert_eq!(refused.is_problem(400, "malformed")["at"], at);
    }
    assert_eq!(shown(&api)["trial"], Value::Null);
    let versions = api.order("GET", "/api/v1/config/versions", None);
    assert_eq!(versions["items"].as_array().map(Vec::len), Some(1), "{versions}");
}

#[test]
fn an_auditor_reads_the_history_and_finds_no_password_in_it() {
    let api = Api::start();
    let audit = api.session("audit");
    let answer = api.ask(&audit, "GET", "/api/v1/config/versions/1", None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    for user in ["201", "202", "203"] {
        assert!(!answer.body.contains(&api.branch.password(user)), "{user}");
    }
    let refused = api.ask(&audit, "POST", "/api/v1/config/rollback", None);
    refused.is_problem(403, "not-allowed");
    let lead = api.session("lead");
    api.ask(&lead, "GET", "/api/v1/config", None).is_problem(403, "not-allowed");
}
