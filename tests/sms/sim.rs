//! A simulated modem at a line, and the network that it is in.

use std::path::PathBuf;

use branchline::driver::simulated::Plugged;
use branchline::sms::pdu::{
    Address, Coding, Deliver, Direction, Protocol, Reference, ServiceTime, Tpdu,
};
use branchline::sms::segment::{Options, segment};
use branchline::sms::simulated::{Make, Sent};
use branchline::time::UnixTime;

/// A modem at a line of its own.
pub struct Sim {
    pub plugged: Plugged,
    folder: PathBuf,
}

impl Sim {
    pub fn new(name: &str, make: Make) -> Sim {
        let folder =
            std::env::temp_dir().join(format!("branchline-sim-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let plugged = Plugged::new(&folder.join("modem"), make).expect("a pseudo terminal");
        Sim { plugged, folder }
    }

    /// Its table in the configuration.
    pub fn table(&self, channel: &str, name: &str) -> String {
        format!("[channels.{channel}.sim.{name}]\nport = \"{}\"\n", self.plugged.port().display())
    }

    pub fn receive(&self, deliver: Vec<u8>) -> bool {
        self.plugged.with(move |now, modem| modem.receive(now, &deliver)).expect("it is there")
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.plugged.with(|_, modem| modem.sent().to_vec()).expect("it is there")
    }

    pub fn kept(&self) -> usize {
        let kept = |memory| self.plugged.with(move |_, modem| modem.kept(memory));
        ["SM", "ME"].into_iter().filter_map(kept).sum()
    }

    /// The network reports each part that it was given since `from` as delivered.
    pub fn report(&self, from: usize) {
        for sent in self.sent().into_iter().skip(from) {
            let number = sent.reference;
            self.plugged.with(move |now, modem| modem.report(now, number, 0));
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // Whatever is left lies in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn clock() -> UnixTime {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    UnixTime(i64::try_from(now.as_micros()).expect("a date"))
}

/// The messages in which a network delivers a text.
pub fn delivers(from: &str, text: &str, reference: u8) -> Vec<Vec<u8>> {
    let parts = segment(text, &Options::default(), Reference::Short(reference)).expect("parts");
    let time = ServiceTime::at(clock(), 0).expect("a time");
    let deliver = |part: branchline::sms::segment::Part| {
        Tpdu::Deliver(Deliver {
            more: false,
            loops: false,
            report: false,
            reply_path: false,
            originator: Address::number(from).expect("a number"),
            protocol: Protocol::PLAIN,
            coding: Coding::new(part.alphabet, None),
            time,
            user_data: part.user_data,
        })
        .octets()
    };
    parts.into_iter().map(deliver).collect()
}

/// What the recipient of these reads.
pub fn read(sent: &[Sent]) -> String {
    let part = |sent: &Sent| {
        let parsed = Tpdu::parse(&sent.tpdu, Direction::FromPhone).expect("a message");
        let Tpdu::Submit(submit) = parsed.value else { panic!("{parsed:?}") };
        match submit.reading().content {
            branchline::sms::pdu::Content::Text(text) => text,
            other => panic!("{other:?}"),
        }
    };
    sent.iter().map(part).collect()
}
