//! Letters that come.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::servers::Servers;
use crate::whole::{Whole, said, text};

/// A letter by hand.
fn letter(from: &str, headers: &str, words: &str) -> String {
    format!("From: {from}\nTo: support@branch.test\n{headers}\n\n{words}\n")
}

#[test]
fn a_letter_is_pushed_with_its_file_and_marked_when_it_is_kept() {
    let servers = Servers::start();
    let whole = Whole::start(&servers, "done = \"Kept\"");
    let bytes: Vec<u8> =
        b"%PDF-1.7\n".iter().copied().chain((0..=255).cycle().take(200_000)).collect();
    let file: Vec<String> = STANDARD
        .encode(&bytes)
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let body = format!(
        "From: =?utf-8?q?Ann_M=C3=BCller?= <ann@shop.test>\nTo: support@branch.test\nMessage-ID: <a1@shop.test>\n\
         Subject: =?utf-8?q?R=C3=BCckgabe?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nI send it back. ✓\n--x\n\
         Content-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''%E2%82%AC%20bill.pdf\n\
         Content-Transfer-Encoding: base64\n\n{}\n--x--\n",
        file.join("\n")
    );
    let begun = Instant::now();
    servers.swaks("ann@shop.test", "support@branch.test", &body);
    let (_, message) = whole.says("I send it back. ✓");
    let took = begun.elapsed();
    println!("from the sender's program to the API: {took:?}");
    // A box that is not optimised on a machine that is busy; with neither it takes some tenths of a second.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(text(&message["subject"]), "Rückgabe");
    assert_eq!(text(&message["way"]["address"]), "ann@shop.test");
    let file = &message["pieces"][1];
    let hash: String =
        digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(file.to_string().contains("€ bill.pdf"), "{file}");
    assert!(file.to_string().contains(&hash) || file["size"] == 200_009, "{file}");
    servers.until("the mark", || {
        (servers.marks("support@branch.test", ".Kept") == ["S"]).then_some(())
    });
    assert_eq!(servers.marks("support@branch.test", ""), Vec::<String>::new());
}

#[test]
fn what_machines_write_is_kept_and_never_answered() {
    let servers = Servers::start();
    let whole = Whole::start(&servers, "");
    for (headers, words) in [
        ("Auto-Submitted: auto-replied", "STOP"),
        ("Precedence: bulk", "STOP"),
        ("List-Id: <shop.shop.test>", "STOP"),
        ("X-Auto-Response-Suppress: All", "STOP"),
    ] {
        let body = letter("bob@shop.test", &format!("{headers}\nSubject: {headers}"), words);
        servers.swaks("bob@shop.test", "support@branch.test", &body);
    }
    whole.until("four letters", || (whole.written().len() == 4).then_some(()));
    // What a person writes is answered, once: whatever was to be answered before has been by then.
    servers.swaks(
        "ann@shop.test",
        "support@branch.test",
        &letter("ann@shop.test", "Subject: x", "STOP"),
    );
    let answer = servers.until("the answer", || servers.letters("ann@shop.test").pop());
    assert!(answer.contains("\nTo: ann@shop.test"), "{answer}");
    assert_eq!(servers.letters("bob@shop.test"), Vec::<String>::new());
}

#[test]
fn a_box_that_is_killed_again_and_again_shows_each_letter_once() {
    const LETTERS: usize = 60;
    let servers = Servers::start();
    let mut whole = Whole::start(&servers, "");
    for number in 0..LETTERS {
        let headers = format!(
            "Subject: {number}\nMessage-ID: <k{number}@shop.test>\nReferences: <k@shop.test>"
        );
        servers.swaks(
            "ann@shop.test",
            "support@branch.test",
            &letter("ann@shop.test", &headers, &format!("No. {number}.")),
        );
        if number % 5 == 4 {
            whole.branch.kill_and_start_again();
        }
    }
    let mut numbers = whole.until("all of them", || {
        let written = whole.written();
        (written.len() >= LETTERS)
            .then(|| written.iter().map(|(_, _, one)| said(one)).collect::<Vec<_>>())
    });
    servers.until("all marks", || {
        let marks = servers.marks("support@branch.test", "");
        (marks.len() == LETTERS && marks.iter().all(|mark| mark == "S")).then_some(())
    });
    numbers.sort();
    let mut wanted: Vec<_> = (0..LETTERS).map(|number| format!("No. {number}.")).collect();
    wanted.sort();
    assert_eq!(numbers, wanted);
    assert_eq!(whole.written().len(), LETTERS);
}

#[test]
fn a_server_that_goes_away_is_waited_for() {
    let servers = Servers::start();
    let whole = Whole::start(&servers, "");
    servers.stop_dovecot();
    let words =
        whole.until("the lamp", || Some(whole.lamp()).filter(|(lamp, _)| lamp == "amber")).1;
    assert!(words.contains("letters cannot be fetched"), "{words}");
    servers.swaks(
        "ann@shop.test",
        "support@branch.test",
        &letter("ann@shop.test", "Subject: x", "While you were away"),
    );
    servers.start_dovecot();
    whole.says("While you were away");
    whole.until("the lamp", || (whole.lamp().0 == "green").then_some(()));
}

#[test]
fn a_letter_without_a_sender_stays_as_it_is() {
    let servers = Servers::start();
    let whole = Whole::start(&servers, "");
    servers.swaks("", "support@branch.test", "Subject: nobody\n\nhello\n");
    servers.swaks(
        "ann@shop.test",
        "support@branch.test",
        &letter("ann@shop.test", "Subject: x", "From somebody"),
    );
    whole.says("From somebody");
    servers.until("the mark", || {
        let marks = servers.marks("support@branch.test", "");
        (marks.iter().filter(|mark| *mark == "S").count() == 1).then_some(())
    });
    assert_eq!(whole.written().len(), 1);
    assert_eq!(servers.letters("support@branch.test").len(), 2);
}
