//! Schemathesis makes requests from the document, good ones and bad ones, and holds the answers against it.

use std::process::Command;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::Api;

/// Where tests/run puts what comes from the Python registry.
pub fn tool(name: &str) -> String {
    let folder = std::env::var("BRANCHLINE_PYTHON")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/target/python").to_owned());
    format!("{folder}/bin/{name}")
}

/// Every check but these: whether good data is taken depends on what there is in the branch. And each event of a batch is
/// read by itself: the answer to a bad one among good ones is 200, and says which it was. A text that is longer than the
/// document allows may be longer than any body: 413 refuses it as well (RFC 9110 section 15.5.14).
const CHECKS: &str = r#"
[checks]
positive_data_acceptance.enabled = false
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
[[operations]]
include-operation-id = "tell_events"
checks.negative_data_rejection.enabled = false
"#;

/// Which requests are made: `BRANCHLINE_SEED` asks for others.
fn seed() -> String {
    std::env::var("BRANCHLINE_SEED").unwrap_or_else(|_| "7".to_owned())
}

/// What went wrong, whole: every failed check with its request as it was made and its answer as it came.
fn failures(events: &str) -> String {
    let mut told = String::new();
    for line in events.lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        let recorder = &event["ScenarioFinished"]["recorder"];
        for (case, checks) in recorder["checks"].as_object().into_iter().flatten() {
            let checks = checks.as_array().into_iter().flatten();
            let wrong: Vec<_> = checks.filter(|check| check["status"] != "success").collect();
            if !wrong.is_empty() {
                let asked = readable(recorder["interactions"][case].clone());
                told.push_str(&format!("{}: {wrong:#?}\n{asked:#}\n", recorder["label"]));
            }
        }
    }
    told
}

/// Bodies as text.
fn readable(mut value: Value) -> Value {
    if let Some(encoded) = value.get("$base64").and_then(Value::as_str) {
        let bytes = STANDARD.decode(encoded).unwrap_or_default();
        return Value::String(String::from_utf8_lossy(&bytes).into_owned());
    }
    match &mut value {
        Value::Object(own) => {
            own.values_mut().for_each(|value| *value = readable(value.take()));
        }
        Value::Array(own) => own.iter_mut().for_each(|value| *value = readable(value.take())),
        _ => {}
    }
    value
}

#[test]
fn whatever_is_asked_no_answer_is_undocumented_and_none_is_a_fault() {
    let api = Api::start();
    let folder = api.branch.folder();
    let document = folder.join("openapi.json");
    std::fs::write(&document, api.curl("/api/v1/openapi.json", &[]).body).expect("a file");
    let (events, settings) = (folder.join("requests.ndjson"), folder.join("schemathesis.toml"));
    std::fs::write(&settings, CHECKS).expect("a file");
    let began = Instant::now();
    let output = Command::new(tool("schemathesis"))
        .current_dir(&folder)
        .arg("--config-file")
        .arg(&settings)
        .arg("run")
        .arg(&document)
        .args(["--url", &api.url, "--tls-verify", &api.certificate])
        .args(["-H", &format!("Authorization: Bearer {}", api.token)])
        // The feed does not end.
        .args(["--exclude-operation-id", "read_feed"])
        .args([
            "--phases",
            "coverage,fuzzing",
            "--max-time",
            "60",
            "--seed",
            &seed(),
            "--max-examples",
            "20",
        ])
        .args(["--rate-limit", "45/s", "--request-timeout", "10", "--continue-on-failure"])
        .args(["--no-color", "--warnings", "off", "--output-truncate", "false"])
        .args(["--report", "ndjson", "--report-ndjson-path"])
        .arg(&events)
        .output()
        .expect("schemathesis runs; tests/run installs it");
    let told = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let events = std::fs::read_to_string(&events).unwrap_or_default();
        eprintln!("the box is asked with seed {}\n{}", seed(), failures(&events));
    }
    let end: Vec<_> = told.lines().rev().take(12).collect();
    eprintln!("{}", end.into_iter().rev().collect::<Vec<_>>().join("\n"));
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(began.elapsed().as_secs() < 90, "{:?}", began.elapsed());
}
