//! The demo's SIM: a person writes a text to it from the shell, and sees what the branch sends.
//!
//! A text is a line in a named pipe of the demo's folder, the number first. What the branch sends is reported as delivered, as
//! a network does.

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::driver::clock;
use crate::driver::simulated::Plugged;
use crate::sms::pdu::{
    Address, Coding, Content, Deliver, Direction, Protocol, Reference, ServiceTime, Tpdu,
};
use crate::sms::segment::{self, Options, segment};
use crate::sms::simulated::{Make, Sent};
use crate::time::UnixTime;

/// How soon what the branch has sent is reported: people see it leave and arrive.
const LOOKS: Duration = Duration::from_millis(300);
/// How long a modem whose memory is full is waited for; the box empties it within seconds.
const ROOM: Duration = Duration::from_secs(30);

/// The SIM, until this is dropped.
#[derive(Debug)]
pub struct Sim {
    plugged: Arc<Plugged>,
    pipe: PathBuf,
}

impl Sim {
    /// A modem at `port`, and the pipe at `pipe`.
    pub fn new(port: &Path, pipe: &Path) -> io::Result<Sim> {
        let make = Make {
            model: "Demo".to_owned(),
            imei: "490154203237500".to_owned(),
            iccid: Some("8901260000000000034".to_owned()),
            ..Make::default()
        };
        let plugged = Arc::new(Plugged::new(port, make)?);
        if let Err(error) = std::fs::remove_file(pipe)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mode = nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR;
        nix::unistd::mkfifo(pipe, mode)?;
        Ok(Sim { plugged, pipe: pipe.to_owned() })
    }

    /// Where a text is written to.
    pub fn pipe(&self) -> &Path {
        &self.pipe
    }

    /// Takes texts and shows what is sent from now on; says so on the terminal where `aloud`.
    pub fn start(&self, aloud: bool) -> io::Result<()> {
        let (plugged, pipe) = (self.plugged.clone(), self.pipe.clone());
        let hears = move || hear(&plugged, &pipe);
        thread::Builder::new().name("texts".to_owned()).spawn(hears)?;
        let plugged = self.plugged.clone();
        thread::Builder::new().name("network".to_owned()).spawn(move || show(&plugged, aloud))?;
        Ok(())
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // The folder may be gone already.
        let _ = std::fs::remove_file(&self.pipe);
    }
}

fn hear(plugged: &Plugged, pipe: &Path) {
    // Open for writing too, so that it does not end with the first who writes.
    let opened = OpenOptions::new().read(true).write(true).open(pipe);
    let Ok(opened) = opened else { return };
    let mut reference = 0u8;
    for line in BufReader::new(opened).lines() {
        let Ok(line) = line else { return };
        let Some((from, words)) = line.trim().split_once(' ') else { continue };
        reference = reference.wrapping_add(1);
        for part in parts(from, words.trim(), reference, clock::now().unix) {
            arrive(plugged, &part);
        }
    }
}

fn arrive(plugged: &Plugged, part: &[u8]) {
    let end = clock::now().instant + ROOM;
    while clock::now().instant < end {
        let own = part.to_vec();
        match plugged.with(move |now, modem| modem.receive(now, &own)) {
            Some(false) => thread::sleep(LOOKS),
            _ => return,
        }
    }
}

/// The messages in which a network delivers a text; none from what is no number.
fn parts(from: &str, words: &str, reference: u8, at: UnixTime) -> Vec<Vec<u8>> {
    let from = Address::number(from).or_else(|_| Address::name(from));
    let (Ok(from), Some(time)) = (from, ServiceTime::at(at, 0)) else { return Vec::new() };
    let parts = segment(words, &Options::default(), Reference::Short(reference));
    let deliver = |part: segment::Part| {
        Tpdu::Deliver(Deliver {
            more: false,
            loops: false,
            report: false,
            reply_path: false,
            originator: from.clone(),
            protocol: Protocol::PLAIN,
            coding: Coding::new(part.alphabet, None),
            time,
            user_data: part.user_data,
        })
        .octets()
    };
    parts.unwrap_or_default().into_iter().map(deliver).collect()
}

fn show(plugged: &Plugged, aloud: bool) {
    let mut seen = 0;
    loop {
        let Some(sent) = plugged.with(|_, modem| modem.sent().to_vec()) else { return };
        for part in sent.iter().skip(seen) {
            if aloud {
                println!("text to {}: {}", part.to(), words(part));
            }
            let number = part.reference;
            plugged.with(move |now, modem| modem.report(now, number, 0));
        }
        seen = sent.len();
        thread::sleep(LOOKS);
    }
}

/// What whoever gets it reads.
fn words(sent: &Sent) -> String {
    match Tpdu::parse(&sent.tpdu, Direction::FromPhone).map(|parsed| parsed.value) {
        Ok(Tpdu::Submit(submit)) => match submit.reading().content {
            Content::Text(text) => text.chars().filter(|c| !c.is_control()).collect(),
            Content::Octets(_) => "(for a program)".to_owned(),
        },
        _ => "(nobody can read it)".to_owned(),
    }
}
