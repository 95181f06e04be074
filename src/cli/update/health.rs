//! `branchline health`: whether a version stays.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::time::{Duration, Instant};

use clap::Args;

use super::Failure;
use super::place::{DAMAGED, HEALTHY, Last, Place, at, names, settle};
use crate::admin::{Command, Lamp, Reply};
use crate::appliance::gate::{ANSWERS_WITHIN, Gate, Seen, Verdict};
use crate::appliance::slot::{damaged, version_of, was_tried};
use crate::cli::{ask, exit};

/// The kernel counts starts in this variable of the firmware; health takes it back.
const STARTS: &str =
    "/sys/firmware/efi/efivars/BranchlineStarts-8a2ee0a4-5d5c-4f4e-9d0f-6d1c2f0b7c11";
/// The first program writes down here which version's root was not what was signed, and how often.
const DAMAGES: &str =
    "/sys/firmware/efi/efivars/BranchlineDamages-8a2ee0a4-5d5c-4f4e-9d0f-6d1c2f0b7c11";
/// Attributes that stand before the value of each of the firmware's variables.
const ATTRIBUTES: usize = 4;
/// How often health looks.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// `branchline health`.
#[derive(Debug, Args)]
pub struct Health {
    /// Where SIP is heard.
    #[arg(long, default_value = "127.0.0.1:5060")]
    sip: std::net::SocketAddr,
    /// Seconds until it has to answer.
    #[arg(long, default_value_t = ANSWERS_WITHIN.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    within: u64,
    /// The control socket of the box.
    #[arg(long, env = "BRANCHLINE_SOCKET", default_value = "/run/branchline/admin.sock")]
    socket: PathBuf,
}

/// Trunks that a box has up.
pub fn seen_trunks(socket: &Path) -> BTreeSet<String> {
    let Ok(Reply::Trunks(trunks)) = ask::ask(socket, &Command::Trunks) else {
        return BTreeSet::new();
    };
    trunks
        .into_iter()
        .filter(|trunk| trunk.lamp != Lamp::Red)
        .map(|trunk| trunk.trunk.to_string())
        .collect()
}

/// Watches a start until it is known to be healthy or ill; writes down which.
pub fn main(options: &Health) -> ExitCode {
    let place = Place::new(Path::new("/"));
    let version = place.own().map_or(0, |own| own.version);
    let mut last =
        place.last().filter(|last| last.to == version && last.outcome.as_deref() != Some(HEALTHY));
    let before = last.as_ref().map(|last| last.trunks.clone()).unwrap_or_default();
    let mut gate = Gate::new(before, Duration::from_secs(options.within));
    let begun = Instant::now();
    let verdict = loop {
        let seen = Seen { answers: answers(options.sip), trunks_up: seen_trunks(&options.socket) };
        match gate.handle_seen(begun.elapsed(), &seen) {
            Verdict::NotYet => std::thread::sleep(LOOK_AGAIN),
            verdict => break verdict,
        }
    };
    let outcome = match &verdict {
        Verdict::Ill(reason) => reason.to_string(),
        _ => HEALTHY.to_owned(),
    };
    if let Some(last) = &mut last {
        last.offered = true;
        last.outcome = Some(outcome.clone());
        if let Err(failure) = place.note(last) {
            eprintln!("branchline: {failure}");
        }
    }
    println!("version {version}: {outcome}");
    match (verdict, last) {
        // Who starts anew for a fault that was there before starts anew for ever.
        (Verdict::Ill(_), None) => ExitCode::SUCCESS,
        (Verdict::Ill(_), Some(_)) => ExitCode::from(exit::SOFTWARE),
        _ => {
            forget_variable(STARTS);
            for forgotten in [forget_damaged(&place, version), forget_taken_back(&place, version)] {
                if let Err(failure) = forgotten {
                    eprintln!("branchline: {failure}");
                }
            }
            ExitCode::SUCCESS
        }
    }
}

/// This version had its turn because another one's root is damaged: that one's kernel goes, so that nobody starts it again, and
/// why is written down.
fn forget_damaged(place: &Place, version: u32) -> Result<(), Failure> {
    let Ok(written) = fs::read(DAMAGES) else { return Ok(()) };
    let written = String::from_utf8_lossy(written.get(ATTRIBUTES..).unwrap_or_default());
    let gone = damaged(&written, version);
    let Some(youngest) = gone.iter().copied().max() else { return Ok(()) };
    forget(place, |name| version_of(name).is_some_and(|found| gone.contains(&found)))?;
    place.note(&Last {
        from: version,
        to: youngest,
        trunks: BTreeSet::new(),
        offered: true,
        boot: place.boot(),
        outcome: Some(DAMAGED.to_owned()),
    })?;
    forget_variable(DAMAGES);
    Ok(())
}

/// The last update had its turns, and this version is healthy in its place: what is left of that one's tries would start it at
/// some power cut to come, with nobody there.
fn forget_taken_back(place: &Place, version: u32) -> Result<(), Failure> {
    let boot = place.boot();
    let taken_back = place.last().filter(|last| last.to != version && last.was_taken_back(&boot));
    let Some(last) = taken_back else { return Ok(()) };
    forget(place, |name| version_of(name) == Some(last.to) && was_tried(name))
}

/// Takes kernels away.
fn forget(place: &Place, which: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let folder = place.kernels();
    for name in names(&folder)?.iter().filter(|name| which(name)) {
        at(name, fs::remove_file(folder.join(name)).and_then(|()| settle(&folder)))?;
    }
    Ok(())
}

/// An OPTIONS through the whole stack, answered with 200 (RFC 3261, section 11).
fn answers(sip: std::net::SocketAddr) -> bool {
    let asked = || -> io::Result<bool> {
        let line = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        line.set_read_timeout(Some(Duration::from_secs(1)))?;
        line.connect(sip)?;
        let own = line.local_addr()?;
        let text = format!(
            "OPTIONS sip:{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKhealth{port}\r\nFrom: <sip:health@{own}>;tag=h\r\n\
             To: <sip:{sip}>\r\nCall-ID: health-{port}@localhost\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\nContent-Length: 0\r\n\r\n",
            port = own.port()
        );
        line.send(text.as_bytes())?;
        let mut answer = [0; 2048];
        let length = line.recv(&mut answer)?;
        Ok(answer[..length].starts_with(b"SIP/2.0 200"))
    };
    asked().unwrap_or(false)
}

/// Takes back what the first program wrote down. The kernel guards such variables against `rm -r`, so the guard goes first.
fn forget_variable(path: &str) {
    if Path::new(path).exists() {
        let _guard = process::Command::new("chattr").args(["-i", path]).status();
        if let Err(error) = fs::remove_file(path) {
            eprintln!("branchline: {path} stays: {error}");
        }
    }
}
