//! Text messages: what modems print, and parts in whatever order they come.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use branchline::sms::alphabet::{Language, Tables};
use branchline::sms::assemble::{Assembler, Output, Settings};
use branchline::sms::pdu::{
    Address, Coding, Concatenation, Content, Deliver, Direction, Header, Pdu, Protocol, Reference,
    ServiceTime, Tpdu, UserData,
};
use branchline::sms::segment::{self, Options};
use branchline::time::{Now, UnixTime};

/// What was read is written, and reads back as the same; a text that is read can be cut and is the same again.
pub fn pdu(bytes: &[u8]) {
    for direction in [Direction::ToPhone, Direction::FromPhone] {
        if let Ok(parsed) = Pdu::parse(bytes, direction) {
            let (hex, length) = parsed.value.hex();
            let again = Pdu::parse_hex(&hex, direction, None).expect("what we print, we read");
            assert_eq!(again.value, parsed.value);
            assert_eq!(parsed.value.octets().len() * 2, hex.len());
            assert!(length <= hex.len() / 2);
            look_at(&parsed.value.tpdu);
        }
        let text = String::from_utf8_lossy(bytes);
        let _ = Pdu::parse_hex(&text, direction, Some(bytes.len() / 2));
    }
}

fn look_at(tpdu: &Tpdu) {
    let reading = match tpdu {
        Tpdu::Deliver(message) => {
            let _ = (message.originator.text(), message.time.unix(), message.time.quarters());
            message.reading()
        }
        Tpdu::Submit(message) => {
            let _ = (message.destination.text(), message.validity.span());
            message.reading()
        }
        Tpdu::StatusReport(message) => {
            let _ = (message.status.outcome(), message.status.words());
            match message.options.reading() {
                Some(reading) => reading,
                None => return,
            }
        }
        _ => return,
    };
    let _ = (reading.header.ports(), reading.header.tables());
    if let Content::Text(text) = reading.content {
        same_in_parts(&text, &[]);
    }
}

/// Cuts a text, and puts its parts together in the order that `order` says.
fn same_in_parts(text: &str, order: &[u8]) {
    let national = order.first().is_some_and(|first| first % 8 == 0);
    let tables = if national { Language::ALL.to_vec() } else { Vec::new() };
    let options = Options { locking: tables.clone(), single: tables, transliterate: false };
    let reference = Reference::Wide(7);
    let count = segment::count(text, &options, reference);
    let Ok(mut parts) = segment::segment(text, &options, reference) else {
        assert!(count.parts > segment::MAX_PARTS);
        return;
    };
    assert_eq!(parts.len(), count.parts);
    for (at, with) in order.iter().enumerate().take(parts.len()) {
        let with = usize::from(*with) % parts.len();
        parts.swap(at, with);
    }
    let mut assembler = Assembler::new(Settings::default());
    for (id, part) in parts.into_iter().enumerate() {
        let coding = Coding::new(part.alphabet, None);
        assembler.handle_deliver(now(), id, deliver(1, 0, coding, part.user_data));
    }
    let Some(Output::Message(message)) = assembler.poll_output() else { panic!("no message") };
    assert_eq!(message.content, Content::Text(text.to_owned()));
    assert!(message.is_whole() && message.flaws.is_empty() && assembler.is_empty());
}

/// Parts that the bytes describe: each comes out once, within the bounds, whatever they say. Where the first byte is odd,
/// the rest is a text that is cut and put together.
pub fn assemble(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    if first % 2 == 1 {
        let (order, text) = rest.split_at(rest.len().min(16));
        return same_in_parts(&String::from_utf8_lossy(text), order);
    }
    let settings = Settings { per_sender: 12, total: 30, ..Settings::default() };
    let mut assembler = Assembler::new(settings);
    let mut at = now();
    let mut out = BTreeSet::new();
    let mut handed = 0usize;
    for step in rest.chunks_exact(6).take(400) {
        let [sender, reference, total, sequence, what, word] = *step else { continue };
        at = at.after(Duration::from_secs(u64::from(what & 0x1f) * 40));
        assembler.handle_timeout(at);
        let reference = if reference & 1 == 0 {
            Reference::Short(reference & 6)
        } else {
            Reference::Wide((reference & 6).into())
        };
        let part = Concatenation { reference, total: total % 6, sequence: sequence % 6 };
        let header = Header::new(Some(part), Tables::DEFAULT);
        let (coding, user_data) = match what >> 6 {
            0 => (Coding::SEPTETS, UserData::septets(&header, &[word & 0x7f, 0x1b])),
            1 => (Coding::UCS2, UserData::octets(&header, &[0xd8 | word & 7, word])),
            2 => (Coding::OCTETS, UserData::octets(&header, &[word])),
            _ => (Coding(word), UserData::octets(&Header::default(), &[3, 0, word, what])),
        };
        let mut user_data = user_data.expect("it is short");
        user_data.has_header |= what >> 6 == 3;
        assembler.handle_deliver(at, handed, deliver(sender % 4, word, coding, user_data));
        handed += 1;
        assert!(assembler.len() <= 30);
        drain(&mut assembler, &mut out);
    }
    while let Some(due) = assembler.deadline() {
        at = Now { instant: due.max(at.instant), unix: at.unix };
        assembler.handle_timeout(at);
        drain(&mut assembler, &mut out);
    }
    assert!(assembler.is_empty() && out.len() == handed, "each part comes out");
}

fn drain(assembler: &mut Assembler<usize>, out: &mut BTreeSet<usize>) {
    while let Some(output) = assembler.poll_output() {
        match output {
            Output::Message(message) => {
                message.ids().for_each(|id| assert!(out.insert(*id), "each part comes out once"));
            }
            Output::Repeated { id, .. } => assert!(out.insert(id), "each part comes out once"),
        }
    }
}

fn deliver(sender: u8, second: u8, coding: Coding, user_data: UserData) -> Deliver {
    let digits = ((second % 10) << 4) | (second / 10 % 6);
    Deliver {
        more: false,
        loops: false,
        report: false,
        reply_path: false,
        originator: Address::number(&sender.to_string()).expect("digits"),
        protocol: Protocol::PLAIN,
        coding,
        time: ServiceTime([0x32, 0x11, 0x51, 0x21, digits, 0x00, 0x40]),
        user_data,
    }
}

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
}
