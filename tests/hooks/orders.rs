//! What an admin orders over the API: replay, pause, resume; and what others may not.

use serde_json::Value;

use crate::Scene;
use crate::receiver::{in_order, rising};

/// A problem document of this status.
fn is_problem(answer: &(u16, String), status: u16, kind: &str) -> Value {
    assert_eq!(answer.0, status, "{}", answer.1);
    let problem: Value = serde_json::from_str(&answer.1).expect("a problem document");
    assert_eq!(problem["type"], format!("urn:branchline:problem:{kind}"), "{problem}");
    assert!(problem["detail"].is_string() && problem["do"].is_string(), "{problem}");
    problem
}

#[test]
fn what_was_ordered_outlives_a_kill() {
    let mut scene = Scene::usual();
    let receiver = scene.receiver("ok");
    scene.happen(6);
    scene.drained();
    let ids: Vec<_> =
        receiver.messages().iter().map(|m| m["id"].as_str().expect("an id").to_owned()).collect();
    let times: Vec<_> = receiver
        .events()
        .iter()
        .map(|e| e["timestamp"].as_str().expect("a time").to_owned())
        .collect();
    drop(receiver);
    // Nobody is there: what is ordered now has to wait.
    let by_id = format!("{{\"id\":\"{}\"}}", ids[1]);
    assert_eq!(scene.api("POST", "/webhooks/desk/replay", Some(&by_id)).0, 204);
    let by_time = format!("{{\"since\":\"{}\",\"until\":\"{}\"}}", times[3], times[5]);
    assert_eq!(scene.api("POST", "/webhooks/desk/replay", Some(&by_time)).0, 204);
    scene.branch.kill_and_start_again();
    assert_eq!(scene.line()["replays"], 2);
    scene.happen(2);
    let receiver = scene.receiver("ok");
    scene
        .branch
        .until("both orders and the rest", || (receiver.messages().len() >= 5).then_some(()));
    scene.drained();
    let came: Vec<_> =
        receiver.messages().iter().map(|m| m["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(came[..3], [ids[1].clone(), ids[3].clone(), ids[4].clone()], "old ones first");
    // A box that starts tells the agent's state once more.
    assert_eq!(came.len(), 6);
    // A pause too.
    assert_eq!(scene.api("PUT", "/webhooks/desk/paused", Some("{\"paused\":true}")).0, 204);
    scene.branch.kill_and_start_again();
    scene.happen(4);
    let (lamp, words) = scene.lamp();
    assert_eq!(lamp, "amber", "{words}");
    assert!(words.contains("paused by an admin"), "{words}");
    assert!(scene.branch.ask_text(&["metrics"]).contains("webhook_paused{webhook=\"desk\"} 1"));
    assert_eq!(receiver.messages().len(), 6);
    assert_eq!(scene.api("PUT", "/webhooks/desk/paused", Some("{\"paused\":false}")).0, 204);
    scene.drained();
    assert_eq!(receiver.messages().len(), 11);
    rising(&receiver.events()[3..]);
    let acts = scene.branch.ask(&["acts"]).to_string();
    for act in ["replay_webhook", "pause_webhook"] {
        assert!(acts.contains(act), "{act} in {acts}");
    }
}

#[test]
fn row_39_and_40_bad_requests_get_clear_problems_and_nothing_is_lost() {
    let scene = Scene::usual();
    let receiver = scene.receiver("ok");
    scene.happen(2);
    scene.drained();
    let replay = "/webhooks/desk/replay";
    let long = scene.branch.folder().join("long");
    std::fs::write(&long, vec![b' '; 10 << 20]).expect("a file");
    let long = format!("@{}", long.display());
    let deep = scene.branch.folder().join("deep");
    std::fs::write(&deep, "[".repeat(10_000)).expect("a file");
    let deep = format!("@{}", deep.display());
    is_problem(&scene.api("POST", replay, Some(&long)), 413, "too-long");
    is_problem(&scene.api("POST", replay, Some(&deep)), 400, "malformed");
    let bad = [
        "{}",
        "{",
        "null",
        "{\"since\":\"yesterday\"}",
        "{\"since\":\"2026-01-01T00:00:00Z\",\"id\":\"x-1\"}",
        "{\"until\":\"2026-01-01T00:00:00Z\"}",
        "{\"id\":\"\"}",
        "{\"id\":1}",
        "{\"id\":\"x-1\",\"more\":1}",
    ];
    for body in bad {
        is_problem(&scene.api("POST", replay, Some(body)), 400, "malformed");
    }
    // Read, and not to be done: another box's id, what does not exist, what was never sent.
    let messages = receiver.messages();
    let own = messages[0]["id"].as_str().expect("an id").rsplit_once('-').expect("a prefix").0;
    let ids = ["zzzzzz-1", "x", "../../etc/passwd", "<script>alert(1)</script>", "' OR 1=1 --"];
    let ids = ids.map(str::to_owned).into_iter().chain([
        format!("{own}-99999999"),
        format!("{own}-2-1"),
        format!("{own}--1"),
        format!("{own}-1-99999999999999999999"),
    ]);
    for id in ids {
        let body = serde_json::json!({ "id": id }).to_string();
        let answer = scene.api("POST", replay, Some(&body));
        is_problem(&answer, 422, "refused");
        assert!(!answer.1.contains("<script>"), "{}", answer.1);
    }
    for name in ["nobody", "..", "%2e%2e%2fetc", "%3Cscript%3E", "desk%00"] {
        let path = format!("/webhooks/{name}/dead");
        let answer = scene.api("GET", &path, None);
        assert!(matches!(answer.0, 404 | 400), "{name}: {}", answer.1);
        assert!(!answer.1.contains("<script>"), "{}", answer.1);
    }
    // Nobody, a token that is none, one without the scope, a role that may only look.
    let body = Some("{\"since\":\"2000-01-01T00:00:00Z\"}");
    is_problem(&scene.api_by(None, "POST", replay, body), 401, "sign-in-needed");
    let forged = format!("bl_{}", "0".repeat(64));
    is_problem(&scene.api_by(Some(&forged), "POST", replay, body), 401, "sign-in-needed");
    let token = |role: &str, scope: &str| {
        let made = scene.branch.ask(&["token", "add", "t", "--role", role, "--scope", scope]);
        made["token"].as_str().expect("text").to_owned()
    };
    for (role, scope) in [("admin", "read"), ("supervisor", "admin"), ("auditor", "admin")] {
        let own = token(role, scope);
        is_problem(&scene.api_by(Some(&own), "POST", replay, body), 403, "not-allowed");
        let pause = Some("{\"paused\":true}");
        let answer = scene.api_by(Some(&own), "PUT", "/webhooks/desk/paused", pause);
        is_problem(&answer, 403, "not-allowed");
    }
    let auditor = token("auditor", "admin");
    let list = scene.api_by(Some(&auditor), "GET", "/webhooks", None);
    assert_eq!(list.0, 200, "who audits looks: {}", list.1);
    assert!(list.1.contains("\"name\":\"desk\"") && !list.1.contains("whsec_"), "{}", list.1);
    // None of it sent anything, and none of it lost anything.
    scene.happen(2);
    scene.drained();
    assert_eq!(receiver.messages().len(), 4);
    in_order(&receiver.events());
    // The same order under the same key is one order.
    let body = format!(
        "{{\"id\":\"{own}-{}\"}}",
        messages[0]["id"].as_str().expect("an id").rsplit('-').next().expect("a number")
    );
    for _ in 0..2 {
        let mut curl = std::process::Command::new("curl");
        curl.args(["--silent", "--insecure", "-X", "POST", "-H", "Idempotency-Key: k1"]);
        curl.args(["-H", "Content-Type: application/json", "--data-binary", &body]);
        curl.args(["-H", &format!("Authorization: Bearer {}", scene.token)]);
        curl.args(["-o", "/dev/null", "--write-out", "%{http_code}"]);
        curl.arg(format!("https://127.0.0.1:{}/api/v1{replay}", scene.branch.free + 1));
        assert_eq!(curl.output().expect("curl runs").stdout, b"204");
    }
    scene.branch.until("the order", || (receiver.messages().len() == 5).then_some(()));
    scene.happen(1);
    scene.drained();
    assert_eq!(receiver.messages().len(), 6, "once");
}
