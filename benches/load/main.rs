//! CPU of a whole box per unit of work, and the same work done by Kamailio and rtpengine in the same run.
//!
//! `cargo bench --bench load` starts the release binary on cores 0 and 1 with its journal on the disk, drives it over
//! loopback from the other cores, and prints one line for each kind of work and each of three sizes. The CPU time is
//! what the kernel counted for the server over the measured window, divided by the work that was seen done at this end.
//! `cargo bench --bench load calls relay` runs these kinds alone: `start`, `memory`, `calls`, `relay`,
//! `transcode`, `digits`, `registrations`.
//!
//! The peers are Debian's `kamailio` and `rtpengine-daemon`; without them their lines are missing. Kamailio is a
//! transaction-stateful proxy here, so of each call it handles half the messages that a B2BUA does, and keeps no record.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

mod calls;
#[path = "../common/process.rs"]
mod process;
mod registrations;
#[path = "../common/rtpengine.rs"]
mod rtpengine;
mod server;
#[path = "../common/sip.rs"]
mod sip;
mod sound;
#[path = "../common/voice.rs"]
mod voice;
mod wire;

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use server::{Kind, Server};
use wire::Peer;

/// Phones that the server knows.
const PHONES: usize = 4_000;
/// Their password.
const PASSWORD: &str = "a load of phones";
/// How long each line measures.
const WINDOW: Duration = Duration::from_secs(5);
/// How long a call of the `calls` lines lasts.
const TALK: Duration = Duration::from_secs(2);
/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Hosts that the phones of the `registrations` lines are at: a box gives no single host all of its room.
const HOSTS: u8 = 16;
/// Where the phones take calls.
const PHONE_PORT: u16 = 28_070;
/// Until a server has forgotten the transactions of registrations (RFC 3261 timer J, 32 s): what they take is not the
/// phones'.
const AFTERMATH: Duration = Duration::from_secs(34);
/// Starts of a server that the middle one is taken of.
const STARTS: usize = 5;

/// The extension of a phone.
fn number(phone: usize) -> String {
    format!("{}", 200_000 + phone)
}

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wants =
        |kind: &str| wanted.is_empty() || wanted.iter().any(|word| kind.contains(word.as_str()));
    // On a machine of two cores there is no other place, and the figures are worse for it.
    let own = std::process::id().to_string();
    let _ = Command::new("taskset").args(["-acp", "2-3", &own]).stdout(Stdio::null()).status();
    for kind in [Kind::Branchline, Kind::Kamailio] {
        if !kind.is_there() {
            println!("{kind}: not installed");
            continue;
        }
        if wants("start") {
            start(kind);
        }
        let kinds = ["memory", "calls", "relay srtp", "transcode", "digits", "registrations"];
        if kinds.into_iter().any(wants) {
            drive(kind, wants);
        }
    }
    if wants("relay") {
        sound::relay_by_rtpengine();
    }
    if wants("transcode") {
        [10, 25, 50].into_iter().for_each(sound::transcode_by_rtpengine);
    }
}

/// The line of how long a start takes.
fn start(kind: Kind) {
    let mut starts: Vec<(Duration, f64)> = (0..STARTS).map(|_| Server::time_start(kind)).collect();
    starts.sort_by_key(|(took, _)| *took);
    let (took, memory) = starts[STARTS / 2];
    let took = took.as_secs_f64() * 1e3;
    println!(
        "{kind:<10}  start -> first 200 OK        {took:8.1} ms, {:.1} MB then",
        memory / 1_024.0
    );
}

/// Every line of one SIP server.
fn drive(kind: Kind, wants: impl Fn(&str) -> bool) {
    let server = Server::start(kind, PHONES);
    let phones = Peer::at(SocketAddr::from(([127, 0, 0, 8], PHONE_PORT)), server.sip);
    let carrier = Peer::new([127, 0, 0, 9], server.sip);
    server.wait_until_up();
    let before = server.memory();
    registrations::register_all(&phones);
    if wants("memory") {
        std::thread::sleep(AFTERMATH);
        let each = (server.memory() - before) / PHONES as f64;
        println!("{kind:<10}  memory of a registration      {each:8.2} kB, of {PHONES}");
    }
    if wants("calls") {
        for rate in [50, 200, 400] {
            calls::calls(&server, &carrier, &phones, rate);
        }
    }
    if kind == Kind::Branchline && wants("relay") {
        for count in [100, 200, 400] {
            sound::relay(&server, &carrier, &phones, count, false);
        }
    }
    if kind == Kind::Branchline && wants("relay srtp") {
        for count in [100, 200, 400] {
            sound::relay(&server, &carrier, &phones, count, true);
        }
    }
    if kind == Kind::Branchline && wants("transcode") {
        for count in [10, 25, 50] {
            sound::transcode(&server, &carrier, &phones, count);
        }
    }
    if kind == Kind::Branchline && wants("digits") {
        for count in [25, 50, 100] {
            sound::digits(&server, &carrier, &phones, count);
        }
    }
    // Last, for it moves the phones to other hosts.
    if wants("registrations") {
        for rate in [200, 1_000, 4_000] {
            registrations::registrations(&server, rate);
        }
    }
}
