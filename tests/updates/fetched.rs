//! What comes from a server: taken where it should be, and otherwise nothing but its manifest asked for.

use std::fs;

use crate::made::{Made, root, tamper};
use crate::server::Server;

/// Exit codes of sysexits.
const UNAVAILABLE: i32 = 69;
const REFUSED: i32 = 77;

/// What describes an update is all that is asked for before it is known to be good.
const DESCRIBED: [&str; 2] = ["update.json", "update.json.sig"];

fn both(name: &str, more: &str) -> (Made, Server) {
    let server = Server::start();
    let made = Made::new(name, &format!("from = \"{}\"\n{more}", server.url));
    (made, server)
}

#[test]
fn a_newer_version_is_fetched_as_a_difference_and_written() {
    let (made, server) = both("newer", "window = \"00:00-24:00\"");
    server.serves(made.difference("good"));
    let (code, said) = made.says(&["--fetch", "--scheduled"]);
    assert!(code == 0 && said.contains("version 2 is in slot b, from a difference"), "{said}");
    assert!(made.has_it() && made.fetched().is_empty(), "{:?}", made.fetched());
    let parts = ["branchline_1_2.delta", "branchline_2.hash", "branchline_2.efi"];
    assert_eq!(server.asked(), [&DESCRIBED[..], &parts[..]].concat());
    let (_, said) = made.says(&[]);
    assert!(said.contains("version 1; version 2 begins at the next start"), "{said}");
    assert!(said.contains("looked for an update 20") && said.contains(&server.url), "{said}");

    // The next hour it is there already, and nothing is fetched once more.
    let (code, said) = made.says(&["--fetch", "--scheduled"]);
    assert!(code == 0 && said.contains("is in slot b already"), "{said}");
    assert_eq!(server.asked(), DESCRIBED);

    // It had its turn and did not come up: it is not tried every night.
    made.starts("second");
    let (code, said) = made.says(&["--fetch", "--scheduled"]);
    assert!(code == REFUSED && said.contains("version 2 was taken back"), "{said}");
    assert_eq!(server.asked(), DESCRIBED);
    let (_, said) = made.says(&[]);
    assert!(said.lines().nth(1).unwrap().contains("version 2 was taken back"), "{said}");
}

#[test]
fn where_no_difference_fits_the_root_is_fetched_whole() {
    let (made, server) = both("whole", "");
    server.serves(made.update("good", 2, &[]));
    let (code, said) = made.says(&["--fetch", "--now"]);
    assert!(code == 0 && said.contains(&format!("{} bytes of root", root(2).len())), "{said}");
    assert!(made.has_it());
}

#[test]
fn what_is_not_for_this_box_is_refused_before_anything_else_is_fetched() {
    let (made, server) = both("refused", "");
    let unsigned = made.update("unsigned", 2, &[]);
    fs::remove_file(unsigned.join("update.json.sig")).unwrap();
    let changed = made.update("changed", 2, &[]);
    tamper(&changed.join("update.json"), |text| text.push(b' '));
    let long = made.update("long", 2, &[]);
    tamper(&long.join("update.json"), |text| text.resize(64 * 1024 + 1, b' '));
    made.write("usr/lib/os-release", "IMAGE_VERSION=2\nBRANCHLINE_MODEL=amd64-uefi\n");
    let older = made.update("older", 1, &[]);
    let same = made.update("same", 2, &[]);
    server.serves(older);
    let (code, said) = made.says(&["--fetch", "--now"]);
    assert!(code == REFUSED && said.contains("the update is version 1, and 2 runs"), "{said}");
    server.serves(same);
    let (code, said) = made.says(&["--fetch", "--now"]);
    assert!(code == 0 && said.contains("nothing newer than version 2 is there"), "{said}");
    made.write("usr/lib/os-release", "IMAGE_VERSION=1\nBRANCHLINE_MODEL=amd64-uefi\n");
    assert_eq!(server.asked(), [DESCRIBED, DESCRIBED].concat());

    let model = made.update("model", 2, &["--model", "arm64-uefi"]);
    let empty = made.path("empty");
    for (folder, expected, words) in [
        (unsigned, REFUSED, "the update is not signed"),
        (changed, REFUSED, "not signed by a key of this box"),
        (model, REFUSED, "the update is for arm64-uefi, this box is amd64-uefi"),
        (long, UNAVAILABLE, "update.json is longer than it may be"),
        (empty, UNAVAILABLE, "the server answers 404"),
    ] {
        server.serves(folder);
        let (code, said) = made.says(&["--fetch", "--now"]);
        assert!(code == expected && said.contains(words), "{words}: {code} {said}");
        assert!(server.asked().iter().all(|file| DESCRIBED.contains(&file.as_str())), "{words}");
        assert!(!made.has_it() && made.fetched().is_empty(), "{words}");
        let (_, said) = made.says(&[]);
        assert!(said.contains(words), "{words} stands nowhere: {said}");
    }
}

#[test]
fn what_was_cut_off_goes_on_where_it_ended() {
    let (made, server) = both("cut", "");
    server.serves(made.update("good", 2, &[]));
    server.cuts(".root");
    let (code, said) = made.says(&["--fetch", "--now"]);
    assert!(code == UNAVAILABLE && said.contains("branchline_2.root was cut off"), "{said}");
    assert!(!made.has_it());
    assert_eq!(made.fetched(), ["branchline_2.root.part", "update.json", "update.json.sig"]);
    server.asked();

    server.cuts(".hash");
    let (code, said) = made.says(&["--fetch", "--now"]);
    assert!(code == UNAVAILABLE && said.contains("branchline_2.hash was cut off"), "{said}");
    let half = format!("branchline_2.root from {}", root(2).len() / 2);
    assert_eq!(server.asked(), [DESCRIBED[0], DESCRIBED[1], &half, "branchline_2.hash"]);

    // What is whole is not asked for again.
    let (code, said) = made.says(&["--fetch", "--now"]);
    assert!(code == 0 && made.has_it() && made.fetched().is_empty(), "{said}");
    assert_eq!(server.asked()[2..], ["branchline_2.hash from 3", "branchline_2.efi"]);
}

#[test]
fn parts_that_are_longer_or_other_than_signed_are_not_kept() {
    let (made, server) = both("parts", "");
    let longer = made.update("longer", 2, &[]);
    tamper(&longer.join("branchline_2.root"), |bytes| bytes.push(b'!'));
    server.serves(longer);
    let (code, said) = made.says(&["--fetch", "--now"]);
    assert!(code == UNAVAILABLE && said.contains("branchline_2.root is longer"), "{said}");
    assert!(!made.has_it() && !made.fetched().iter().any(|file| file.contains("root")));

    let other = made.update("other", 2, &[]);
    tamper(&other.join("branchline_2.efi"), |bytes| bytes[0] ^= 1);
    server.serves(other);
    let (code, said) = made.says(&["--fetch", "--now"]);
    assert!(code == REFUSED && said.contains("part branchline_2.efi is damaged"), "{said}");
    assert!(!made.has_it() && made.fetched().is_empty());
}

#[test]
fn a_timer_leaves_a_box_alone_that_has_no_server_or_works() {
    let made = Made::new("none", "");
    assert_eq!(made.says(&["--fetch", "--scheduled"]), (0, String::new()));
    let (code, said) = made.says(&["--fetch", "--now"]);
    assert!(code == 78 && said.contains("[update] from"), "{said}");

    let (made, server) = both("works", "");
    server.serves(made.update("good", 2, &[]));
    // Two hours from now.
    let hour = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour();
    let window = format!("{:02}:00-{:02}:00", (hour + 2) % 24, (hour + 3) % 24);
    let text = format!("[update]\nfrom = \"{}\"\nwindow = \"{window}\"\n", server.url);
    made.write("etc/branchline/gateway.toml", &text);
    assert_eq!(made.says(&["--fetch", "--scheduled"]), (0, String::new()));
    let (code, said) = made.says(&["--fetch"]);
    assert!(code == UNAVAILABLE && said.contains("updates are taken from"), "{said}");
    let folder = made.path("good");
    let (code, said) = made.says(&[folder.to_str().unwrap()]);
    assert!(code == UNAVAILABLE && said.contains("updates are taken from"), "{said}");
    assert!(server.asked().is_empty() && !made.has_it());

    // Two hours further east the same window is open: GMT-2 is what the zone database calls it.
    let text = format!("[site]\ntime_zone = \"Etc/GMT-2\"\n{text}");
    made.write("etc/branchline/gateway.toml", &text);
    let (code, said) = made.says(&["--fetch", "--scheduled"]);
    assert!(code == 0 && made.has_it(), "{said}");
}
