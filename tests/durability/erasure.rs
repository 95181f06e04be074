//! A person is erased from a branch that runs: nothing of them is in any file, before or after a restart.

use std::fs;
use std::path::Path;

use branchline::journal::chain::unhex;
use branchline::journal::personal::{Keyring, Reads};
use branchline::random::Random;

use crate::site::{Folder, Site};

const NUMBER: &str = "+14085559981";
const CANARIES: [&str; 5] = [
    "4085559981",
    "Canary Kestrel",
    "kestrel@canary.example",
    "the canary sang at noon",
    "CANARY77",
];

#[test]
fn nothing_of_an_erased_person_is_in_any_file() {
    let folder = Folder::new("erasure");
    let data = folder.0.join("data");
    let site = Site::new(&folder.0, &data);
    let (running, _) = site.start();
    let order = |arguments: &[&str]| site.ask(&[&["contact"], arguments].concat());
    site.until("the store", || {
        order(&["create", NUMBER, "account:canary-77", "--set", "name=Canary Kestrel"])
    });
    order(&["link", NUMBER, CANARIES[2]]).expect("linked");
    order(&["note", NUMBER, CANARIES[3]]).expect("noted");
    order(&["create", "+14085550001", "--set", "name=Somebody Else"]).expect("made");
    let known = order(&["show", NUMBER]).expect("shown").to_string();
    for canary in CANARIES {
        assert!(known.contains(canary), "{canary} is known: {known}");
        assert!(!is_in_a_file(&data, canary.as_bytes()), "{canary} stands in clear in a file");
    }
    assert!(readable(&site).iter().any(|text| text == CANARIES[3]), "the journal can be read");
    let finds = |words: &str| {
        let found = order(&["search", words])?;
        found["hits"].as_array().map(Vec::len)
    };
    for words in ["kestrel", "canary sang", "555-9981", "kestrel@canary", "canary77"] {
        site.until("what somebody searches for", || finds(words).filter(|count| *count > 0));
    }
    let held = order(&["hold", NUMBER, "--reason", "a court asks"]).expect("held");
    assert!(order(&["erase", NUMBER, "--yes"]).is_none(), "a hold stands");
    let hold = held["hold"].as_str().expect("an id").to_owned();
    order(&["release", NUMBER, &hold]).expect("released");
    let before = fs::read(data.join("keys/subjects")).expect("keys");
    order(&["erase", NUMBER, "--yes"]).expect("erased");
    assert!(order(&["show", NUMBER]).is_none() && order(&["show", CANARIES[2]]).is_none());
    for words in ["kestrel", "canary", "5559981"] {
        site.until("nothing to be found any more", || finds(words).filter(|count| *count == 0));
    }
    assert_eq!(finds("somebody else"), Some(1));
    nothing_is_left(&site, &before);
    running.kill();
    nothing_is_left(&site, &before);
    let (running, _) = site.start();
    site.until("the store", || order(&["show", "+14085550001"]));
    assert!(order(&["show", NUMBER]).is_none(), "a restart brings nobody back");
    let proofs = order(&["erasures"]).expect("proofs");
    assert_eq!(proofs[0]["keys"], 4, "a contact, a number, an address, an account: {proofs}");
    running.stop();
    nothing_is_left(&site, &before);
    // Made again from the journal alone it is the same.
    fs::remove_dir_all(data.join("store")).expect("the store");
    let (running, _) = site.start();
    site.until("the store", || order(&["show", "+14085550001"]));
    assert!(order(&["show", NUMBER]).is_none());
    assert_eq!(order(&["erasures"]).expect("proofs"), proofs);
    running.stop();
    nothing_is_left(&site, &before);
}

/// No canary is in a file, none can be read with what keys there are, and the journal is whole.
fn nothing_is_left(site: &Site, keys_before: &[u8]) {
    for canary in CANARIES {
        assert!(!is_in_a_file(&site.data, canary.as_bytes()), "{canary} is in a file");
    }
    let readable = readable(site);
    assert!(!readable.iter().any(|text| CANARIES.iter().any(|canary| text.contains(canary))));
    assert!(readable.iter().any(|text| text == "Somebody Else"), "others stay");
    // Wrapped keys that are gone from the file are nowhere else in the folder either.
    let keys = fs::read(site.data.join("keys/subjects")).expect("keys");
    let entry = branchline::journal::personal::ENTRY;
    let gone: Vec<_> = keys_before
        .chunks(entry)
        .filter(|before| !keys.chunks(entry).any(|now| now == *before))
        .collect();
    assert!(gone.len() >= 4, "{} keys are gone", gone.len());
    assert!(gone.iter().all(|key| !is_in_a_file(&site.data, &key[16..])));
    let damage = site.journal().1;
    assert!(damage.is_none(), "{damage:?}");
}

/// Every text in the journal that can be read with the keys on the disk.
fn readable(site: &Site) -> Vec<String> {
    let master = fs::read_to_string(site.data.join("keys/master")).expect("a key");
    let master = unhex(master.trim()).and_then(|key| key.try_into().ok()).expect("32 bytes");
    let file = fs::read(site.data.join("keys/subjects")).expect("keys");
    let keys = Keyring::open(&master, &file, Random::from_number(1));
    let mut texts = Vec::new();
    for mut event in site.journal().0.into_iter().filter_map(|entry| entry.event) {
        event.for_each_personal(&mut |personal| texts.extend(keys.reading().read(personal)));
    }
    texts
}

pub fn is_in_a_file(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return is_in_a_file(&path, bytes);
        }
        // A file may go while we look, such as one of sled's that was replaced.
        let text = fs::read(&path).unwrap_or_default();
        text.windows(bytes.len()).any(|window| window == bytes)
    })
}
