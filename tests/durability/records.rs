//! Whole records of people out of a box, into an empty one, and out again: with the real program and real files.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::site::{Folder, Site};

const ANN: &str = "phone:+14085551200";
const BEA: &str = "email:bea@canary.example";
/// The family's telephone.
const HOME: &str = "phone:+14085551210";

fn contact(site: &Site, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_branchline"))
        .arg("contact")
        .args(arguments)
        .arg("--socket")
        .arg(site.data.parent().expect("a folder").join("admin.sock"))
        .output()
        .expect("it runs")
}

/// Gives an order as the API does; answers the ids that it made.
fn order(site: &Site, order: &Value) -> Value {
    let socket = site.data.parent().expect("a folder").join("admin.sock");
    let mut stream = UnixStream::connect(socket).expect("a box");
    let line = json!({ "command": "contact", "order": order }).to_string() + "\n";
    stream.write_all(line.as_bytes()).expect("sent");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).expect("an answer");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["reply"], "ordered", "{order}: {answer}");
    answer["value"].clone()
}

fn identity(text: &str) -> Value {
    let (kind, value) = text.split_once(':').expect("a kind");
    json!({ "kind": kind, "value": value })
}

/// Where the moments of a person stand, the newest first.
fn places(site: &Site, who: &str) -> Vec<Value> {
    let shown = site.ask(&["contact", "show", who]).expect("shown");
    shown["timeline"].as_array().expect("moments").iter().map(|one| one["place"].clone()).collect()
}

/// People of whom much is known.
fn fill(site: &Site) {
    let order = |value: Value| order(site, &value);
    let create = |name: &str, who: &str, source: &str, channel: &str| {
        order(json!({ "order": "create", "fields": { "name": name, "company": "Canary Ltd" },
            "identities": [identity(who)], "source": source, "channel": channel }))
    };
    create("Ann Lee", ANN, "customer", "voice");
    create("Bea Canary", BEA, "import", "mail");
    create("Cid", "account:c-7", "agent", "visit");
    create("Dora", "business:whatsapp:A1b2", "crm", "message");
    for (name, source) in [("Ann Leeson", "agent"), ("Ann Leigh", "customer")] {
        order(
            json!({ "order": "edit", "who": ANN, "fields": { "name": name }, "source": source, "channel": "mail" }),
        );
    }
    order(json!({ "order": "edit", "who": ANN, "fields": { "company": null } }));
    // A number of the family's, with what was said on it.
    order(json!({ "order": "link", "who": "account:c-7", "identity": identity(HOME) }));
    let line = order(json!({ "order": "share", "identity": identity(HOME), "sharing": "family" }));
    order(json!({ "order": "link", "who": "business:whatsapp:A1b2", "identity": identity(HOME) }));
    let line = line["contact"].as_str().expect("an id").to_owned();
    order(json!({ "order": "note", "who": line, "text": "ask who speaks" }));
    // Consent by channel and purpose, and all that an agent notes.
    for (channel, purpose, given) in [
        ("sms", "offers", true),
        ("sms", "offers", false),
        ("mail", "offers", true),
        ("sms", "service", true),
    ] {
        order(json!({ "order": "consent", "who": ANN, "channel": channel, "purpose": purpose,
            "given": given, "source": "customer", "through": "voice" }));
    }
    order(json!({ "order": "prefer", "who": ANN, "channel": "sms" }));
    order(json!({ "order": "tag", "who": BEA, "tag": "vip", "on": true }));
    order(
        json!({ "order": "pin", "who": ANN, "fact": "deaf in the canary ear", "source": "customer",
        "channel": "visit", "until": 4_000_000_000_000_000_i64 }),
    );
    order(json!({ "order": "pin", "who": BEA, "fact": "pays by invoice" }));
    order(json!({ "order": "verify", "who": ANN, "level": 3, "minutes": 10_000 }));
    order(json!({ "order": "hold", "who": "account:c-7", "reason": "file 7/26" }));
    // Two messages at the same time, a call, a note, and how it came out.
    let record = |happening: Value| {
        order(json!({ "order": "record", "identities": [identity(ANN)],
            "at": 1_700_000_000_000_000_i64, "happening": happening }));
    };
    for text in ["where is my canary?", "and the lamp?"] {
        record(
            json!({ "what": "message", "channel": "sms", "way": "in", "text": text, "reference": "m-1" }),
        );
    }
    record(json!({ "what": "call", "call": "0000000000007", "way": "in", "queue": "support",
        "agent": "ann", "seconds": 61, "talked": 50, "cause": "completed", "recordings": ["0000000000009"] }));
    order(json!({ "order": "note", "who": BEA, "text": "bea asks about the same lamp" }));
    // Ann and Bea are one; a case over what happened with both, split, merged and closed.
    order(json!({ "order": "merge", "kept": ANN, "gone": BEA }));
    let opened = order(json!({ "order": "open_case", "who": BEA, "title": "the canary lamp",
        "moments": places(site, ANN) }));
    let case = opened["case"].clone();
    order(json!({ "order": "verify", "who": ANN, "case": case, "level": 2 }));
    order(json!({ "order": "note", "who": ANN, "case": case, "text": "sent another" }));
    order(json!({ "order": "dispose", "who": ANN, "case": case, "call": "0000000000007",
        "code": "sold", "fields": { "amount": "12" } }));
    let some = places(site, ANN);
    let part = order(json!({ "order": "split_case", "case": case, "title": "an invoice",
        "moments": [some[0], some[3]] }));
    let more = order(json!({ "order": "split_case", "case": case, "moments": [some[1]] }));
    order(json!({ "order": "merge_cases", "kept": case, "gone": more["case"] }));
    order(json!({ "order": "close_case", "case": part["case"], "closed": true }));
}

fn export(site: &Site) -> String {
    let output = contact(site, &["export"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn import(site: &Site, file: &str) -> Value {
    let output = contact(site, &["import", file, "--json", "--source", "old-box"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{errors}"))
}

/// What came of the lines: made, changed, known, refused.
fn counts(summary: &Value) -> [u64; 4] {
    ["created", "changed", "unchanged", "refused"].map(|name| summary[name].as_u64().expect("one"))
}

#[test]
fn an_empty_box_that_takes_whole_records_in_writes_the_same_file() {
    let folder = Folder::new("records");
    let at = |name: &str| folder.0.join(name).to_str().expect("text").to_owned();
    let box_in = |name: &str| {
        let own = folder.0.join(name);
        Site::new(&own, &own.join("data"))
    };
    let site = box_in("a");
    let (running, _) = site.start();
    site.until("the store", || site.ask(&["contact", "erasures"]));
    fill(&site);
    let first = export(&site);
    println!("{} lines, {} bytes", first.lines().count(), first.len());
    for word in [
        "\"given\":false",
        "\"preferred\":\"sms\"",
        "\"until\":4000000000000000",
        "file 7/26",
        "\"vip\"",
        "ask who speaks",
        "and the lamp?",
        "\"sold\"",
        "Ann Leeson",
        "the canary lamp",
        "\"family\"",
        "\"split_from\"",
        "\"merged_into\"",
        "\"closed\"",
        "\"source\":\"customer\"",
    ] {
        assert!(first.contains(word), "{word} in {first}");
    }
    assert!(!first.contains("0000000000009"), "recordings stay with the box that has their keys");
    let file = at("all.jsonl");
    fs::write(&file, &first).expect("written");
    let lines = first.lines().count() as u64;
    assert_eq!(counts(&import(&site, &file)), [0, 0, lines, 0], "all of it is known at home");
    assert_eq!(export(&site), first);
    let csv = contact(&site, &["export", "--format", "csv"]);
    let (rows, left_out) = (csv.stdout, String::from_utf8_lossy(&csv.stderr).into_owned());
    assert!(left_out.contains("consent") && left_out.contains("jsonl"), "{left_out}");
    assert!(String::from_utf8_lossy(&rows).contains("Ann Leigh"));
    let acts = site.ask(&["acts"]).expect("acts").to_string();
    assert!(acts.contains("export_person"), "who takes all records along is written down: {acts}");
    running.stop();
    // Another box.
    let other = box_in("b");
    let (running, _) = other.start();
    other.until("the store", || other.ask(&["contact", "erasures"]));
    let tried = contact(&other, &["import", &file, "--dry-run", "--json"]);
    assert_eq!(export(&other), "", "it was only tried: {}", String::from_utf8_lossy(&tried.stdout));
    let done = import(&other, &file);
    assert_eq!(counts(&done)[2..], [0, 0], "{done}");
    assert_eq!(export(&other), first, "byte for byte");
    assert_eq!(counts(&import(&other, &file)), [0, 0, lines, 0], "once more changes nothing");
    assert_eq!(export(&other), first);
    let shown = other.ask(&["contact", "show", ANN]).expect("shown");
    let at_home = shown["merges"].as_array().map(Vec::len);
    assert_eq!(at_home, Some(1), "{shown}");
    other.until("what somebody searches for", || {
        let found = other.ask(&["contact", "search", "canary lamp"])?;
        found["hits"].as_array().filter(|hits| !hits.is_empty()).map(drop)
    });
    assert!(
        !contact(&other, &["erase", "account:c-7", "--yes"]).status.success(),
        "a hold came along"
    );
    // It outlasts a kill, and a store that is made again.
    running.kill();
    fs::remove_dir_all(other.data.join("store")).expect("the store");
    let (running, _) = other.start();
    other.until("the store", || other.ask(&["contact", "show", ANN]));
    assert_eq!(export(&other), first, "from the journal alone");
    // Whoever is erased there does not come back from the file, and nothing of them is in a file of the box.
    assert!(contact(&other, &["erase", ANN, "--yes"]).status.success());
    let rest = export(&other);
    assert!(!rest.contains("canary") && rest.contains("ask who speaks"), "{rest}");
    let again = import(&other, &file);
    let [created, changed, unchanged, refused] = counts(&again);
    assert_eq!((created, changed, unchanged + refused), (0, 0, lines), "{again}");
    assert!(refused >= 4 && again.to_string().contains("was erased here"), "{again}");
    assert_eq!(export(&other), rest);
    assert!(other.ask(&["contact", "show", ANN]).is_none());
    running.stop();
    for canary in ["canary ear", "canary lamp", "Bea Canary", "bea@canary"] {
        assert!(!crate::erasure::is_in_a_file(&other.data, canary.as_bytes()), "{canary}");
    }
    for log in [site.log(), other.log()] {
        assert!(!log.contains("canary") && !log.contains("4085551200"), "logs carry ids");
    }
}
