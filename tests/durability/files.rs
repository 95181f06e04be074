//! People out of a file, into a file, and out of that into another box: with the real program.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::site::{Folder, Site};

const ROWS: usize = 500;

/// A spreadsheet as it is saved: byte order mark, semicolons, CR LF, a note of two lines, and one bad number.
fn spreadsheet() -> String {
    let mut text = "\u{feff}ID;Full Name;Phone;E-Mail;Note\r\n".to_owned();
    for n in 0..ROWS {
        text += &format!(
            "{n};Person {n};408555{n:04};p{n}@example.com;\"first; of {n}\r\nsecond \"\"line\"\"\"\r\n"
        );
    }
    text + "bad;Nobody;12ab;;\r\n"
}

fn contact(site: &Site, arguments: &[&str]) -> Output {
    let socket = site.data.parent().expect("a folder").join("admin.sock");
    Command::new(env!("CARGO_BIN_EXE_branchline"))
        .arg("contact")
        .args(arguments)
        .arg("--socket")
        .arg(socket)
        .output()
        .expect("it runs")
}

fn import(site: &Site, file: &str, more: &[&str]) -> Value {
    let output = contact(site, &[&["import", file, "--json"], more].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{errors}"))
}

fn counts(summary: &Value) -> [u64; 4] {
    ["created", "changed", "unchanged", "refused"].map(|name| summary[name].as_u64().unwrap())
}

/// People of an export, in order, with what a flat table has of them.
fn people(export: &[u8]) -> Vec<String> {
    let lines = std::str::from_utf8(export).expect("text").lines();
    let mut people: Vec<String> = lines
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("an object");
            let contact = &line["person"]["contacts"][0];
            let identities = contact["identities"].as_array().expect("identities").iter();
            let mut all: Vec<_> =
                identities.map(|one| format!("{}:{}", one["kind"], one["value"])).collect();
            let fields = contact["fields"].as_object().expect("fields").iter();
            all.extend(fields.map(|(name, field)| format!("{name}={}", field["value"])));
            all.sort();
            all.join(" ")
        })
        .collect();
    people.sort();
    people
}

#[test]
fn a_file_of_people_goes_round_through_two_boxes() {
    let folder = Folder::new("files");
    let path = |name: &str| folder.0.join(name).to_str().expect("text").to_owned();
    let site = Site::new(&folder.0.join("a"), &folder.0.join("a/data"));
    let (running, _) = site.start();
    site.until("the store", || site.ask(&["contact", "erasures"]));
    let file = path("people.csv");
    fs::write(&file, spreadsheet()).expect("written");
    let maps = ["--source", "crm", "--map", "Full Name=name"];
    let all = ROWS as u64;
    let tried = import(&site, &file, &[&maps[..], &["--dry-run"]].concat());
    assert_eq!(counts(&tried), [all, 0, 0, 1]);
    assert_eq!(contact(&site, &["export"]).stdout, b"", "it was only tried");
    let first = import(&site, &file, &maps);
    assert_eq!(counts(&first), [all, 0, 0, 1], "{first}");
    let bad = &first["rows"][0];
    // Each person takes two lines, behind one heading.
    assert_eq!((&bad["line"], &bad["column"]), (&(all * 2 + 2).into(), &"Phone".into()));
    assert_eq!(counts(&import(&site, &file, &maps)), [0, 0, all, 1], "once more changes nothing");
    let found = site.ask(&["contact", "quality", "--months", "0"]).expect("a report");
    assert_eq!(found["people"], all);
    assert_eq!(found["stale"].as_array().map(Vec::len), Some(2 * ROWS), "a name and a note each");
    assert_eq!(
        (&found["duplicates"], &found["malformed"]),
        (&Value::from([0; 0]), &Value::from([0; 0]))
    );
    let jsonl = contact(&site, &["export"]).stdout;
    assert_eq!(people(&jsonl).len(), ROWS);
    assert!(people(&jsonl).iter().any(|one| one.contains("second \\\"line\\\"")));
    let csv = contact(&site, &["export", "--format", "csv"]).stdout;
    fs::write(path("all.jsonl"), &jsonl).expect("written");
    fs::write(path("all.csv"), &csv).expect("written");
    running.stop();
    for format in ["csv", "jsonl"] {
        let other = folder.0.join(format);
        let other = Site::new(&other, &other.join("data"));
        let (running, _) = other.start();
        other.until("the store", || other.ask(&["contact", "erasures"]));
        let file = path(&format!("all.{format}"));
        assert_eq!(counts(&import(&other, &file, &[])), [all, 0, 0, 0], "{format}");
        assert_eq!(counts(&import(&other, &file, &[])), [0, 0, all, 0], "{format}");
        assert_eq!(people(&contact(&other, &["export"]).stdout), people(&jsonl), "{format}");
        running.stop();
    }
    let log = site.log();
    assert!(!log.contains("Person 7") && !log.contains("p7@example.com"), "logs carry ids");
}
