//! The simulated modem answers what the standard says.

#![allow(clippy::disallowed_methods)]

use std::time::Instant;

use super::*;
use crate::time::UnixTime;

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_764_000_000_000_000) }
}

fn ask(modem: &mut Simulated, now: Now, line: &str) -> String {
    modem.handle_bytes(now, line.as_bytes());
    said(modem)
}

fn said(modem: &mut Simulated) -> String {
    let mut out = Vec::new();
    while let Some(output) = modem.poll_output() {
        if let Output::Write(octets) = output {
            out.extend(octets);
        }
    }
    String::from_utf8(out).expect("text")
}

#[test]
fn commands_are_answered_and_lines_may_hold_several() {
    let (now, mut modem) = (now(), Simulated::new(now(), Make::default()));
    assert_eq!(ask(&mut modem, now, "AT\r"), "AT\r\r\nOK\r\n");
    assert_eq!(ask(&mut modem, now, "ATE0V1\r"), "ATE0V1\r\r\nOK\r\n");
    assert_eq!(ask(&mut modem, now, "AT+CSQ;+CMGF=0\r"), "\r\n+CSQ: 21,99\r\n\r\nOK\r\n");
    assert_eq!(ask(&mut modem, now, "AT+NONE\r"), "\r\nERROR\r\n");
    assert_eq!(ask(&mut modem, now, "at+cimi\r"), "\r\n001010000000001\r\n\r\nOK\r\n");
}

#[test]
fn a_message_is_announced_listed_and_deleted() {
    let (now, mut modem) = (now(), Simulated::new(now(), Make::default()));
    ask(&mut modem, now, "ATE0\r");
    ask(&mut modem, now, "AT+CNMI=2,1,0,0,0\r");
    assert!(modem.receive(now, &deliver("+15550001", "hi", now.unix)));
    assert_eq!(said(&mut modem), "\r\n+CMTI: \"SM\",1\r\n");
    let listed = ask(&mut modem, now, "AT+CMGL=4\r");
    assert!(listed.starts_with("\r\n+CMGL: 1,0,,21\r\n0791515500"), "{listed}");
    assert_eq!(ask(&mut modem, now, "AT+CMGD=1\r"), "\r\nOK\r\n");
    assert_eq!(modem.kept("SM"), 0);
}

#[test]
fn a_full_memory_takes_nothing_more() {
    let (now, mut modem) = (now(), Simulated::new(now(), Make::default()));
    modem.set_capacity(1);
    let message = deliver("+15550001", "hi", now.unix);
    assert!(modem.receive(now, &message));
    assert!(!modem.receive(now, &message));
}

#[test]
fn quirks_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = Quirk::ALL.iter().map(|q| q.name()).collect();
    assert_eq!(names.len(), Quirk::ALL.len());
    assert!(Quirk::ALL.iter().all(|quirk| Quirk::named(quirk.name()) == Some(*quirk)));
}
