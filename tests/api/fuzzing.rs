//! Schemathesis makes requests from the document, good ones and bad ones, and holds the answers against it.

use std::process::Command;
use std::time::Instant;

use crate::Api;

/// Where tests/run puts what comes from the Python registry.
pub fn tool(name: &str) -> String {
    let folder = std::env::var("BRANCHLINE_PYTHON")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/target/python").to_owned());
    format!("{folder}/bin/{name}")
}

#[test]
fn whatever_is_asked_no_answer_is_undocumented_and_none_is_a_fault() {
    let api = Api::start();
    let folder = api.branch.folder();
    let document = folder.join("openapi.json");
    std::fs::write(&document, api.curl("/api/v1/openapi.json", &[]).body).expect("a file");
    let began = Instant::now();
    let output = Command::new(tool("schemathesis"))
        .current_dir(&folder)
        .arg("run")
        .arg(&document)
        .args(["--url", &api.url, "--tls-verify", &api.certificate])
        .args(["-H", &format!("Authorization: Bearer {}", api.token)])
        // The feed does not end. Whether good data is taken depends on what there is in the branch.
        .args(["--exclude-operation-id", "read_feed"])
        .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"])
        .args([
            "--phases",
            "coverage,fuzzing",
            "--max-time",
            "60",
            "--seed",
            "7",
            "--max-examples",
            "20",
        ])
        .args(["--rate-limit", "45/s", "--request-timeout", "10", "--continue-on-failure"])
        .args(["--no-color", "--warnings", "off"])
        .output()
        .expect("schemathesis runs; tests/run installs it");
    let told = String::from_utf8_lossy(&output.stdout);
    let end: Vec<_> = told.lines().rev().take(12).collect();
    eprintln!("{}", end.into_iter().rev().collect::<Vec<_>>().join("\n"));
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(began.elapsed().as_secs() < 90, "{:?}", began.elapsed());
}
