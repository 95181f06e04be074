//! An auditor has the journal read from end to end, and finds later whether what was noted still stands.

use std::fs;

use crate::Api;

#[test]
fn an_auditor_verifies_the_chain_and_what_was_noted_stands_until_somebody_changes_a_byte() {
    let api = Api::start();
    let audit = api.session("audit");
    let ask = |path: &str| api.ask(&audit, "GET", path, None);
    let first = ask("/api/v1/journal/verification");
    assert_eq!(first.status, 200, "{}", first.body);
    let first = first.json();
    assert_eq!((&first["whole"], &first["stands"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(first["by"], "user audit");
    let (record, head) = (first["record"].as_u64().expect("a number"), first["head"].as_str());
    let noted = format!("{record}:{}", head.expect("a head"));
    let again = ask(&format!("/api/v1/journal/verification?noted={noted}")).json();
    assert_eq!((&again["whole"], &again["stands"]), (&true.into(), &true.into()), "{again}");
    let acts = api.order("GET", "/api/v1/acts", None);
    let own = |act: &&serde_json::Value| act["what"] == "verify_journal" && act["done"] == true;
    assert!(acts["items"].as_array().into_iter().flatten().any(|act| own(&act)), "{acts}");
    // A byte in the middle of what is written.
    let folder = api.branch.folder().join("data/journal");
    let files = fs::read_dir(&folder).expect("the journal").flatten().map(|file| file.path());
    let file = files.min().expect("a segment");
    let mut bytes = fs::read(&file).expect("it");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).expect("changed");
    let changed = ask(&format!("/api/v1/journal/verification?noted={noted}")).json();
    assert_eq!(changed["whole"], false, "{changed}");
    let wrong = ask("/api/v1/journal/verification?noted=12:zz");
    assert_eq!(wrong.is_problem(400, "malformed")["at"], "query/noted");
}
