//! A client that openapi-python-client generates from the document drives a whole call.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::Api;
use crate::driving::{Feed, phone, register};
use crate::fuzzing::tool;

/// What a programmer would write over the generated package.
const PROGRAM: &str = include_str!("drives_a_call.py");

#[test]
fn a_client_made_from_the_document_drives_a_whole_call() {
    let api = Api::start();
    let folder = api.branch.folder();
    let document = folder.join("openapi.json");
    std::fs::write(&document, api.curl("/api/v1/openapi.json", &[]).body).expect("a file");
    let made = Command::new(tool("openapi-python-client"))
        .current_dir(&folder)
        .args(["generate", "--meta", "none", "--output-path", "branchline_client", "--path"])
        .arg(&document)
        // It formats what it makes with a tool beside it.
        .env("PATH", format!("{}:{}", tool(""), std::env::var("PATH").unwrap_or_default()))
        .output()
        .expect("openapi-python-client runs; tests/run installs it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    std::fs::write(folder.join("drives_a_call.py"), PROGRAM).expect("a file");
    register(&api, &["201", "202", "203"]);
    let phones = [phone(&api, 1), phone(&api, 2), phone(&api, 3)];
    let feed = Feed::read(&api, None).begun();
    let mut program = Command::new(tool("python3"))
        .current_dir(&folder)
        .args(["drives_a_call.py", &api.url, &api.token, &api.certificate])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut hints = program.stdin.take().expect("its input is a pipe");
    assert_eq!(feed.next("call_played").1["event"], "call_played");
    hints.write_all(b"\n").expect("it listens");
    assert_eq!(feed.next("call_collected").1["complete"], false);
    hints.write_all(b"\n").expect("it listens");
    let output = program.wait_with_output().expect("python runs");
    let told = String::from_utf8_lossy(&output.stdout);
    eprintln!("{told}");
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(feed.next("call_ended").1["event"], "call_ended");
    for phone in phones {
        phone.succeeds();
    }
}
