//! Our goldens, each looked at by three decoders that others wrote: gammu's library, pycrate and tshark.
//!
//! The goldens were put together by hand from the rules of 23.040 and 23.038, not by what is tested here. Each must be
//! read by at least two of the three as by us. None of the three applies shift tables; for those, `ofono.rs` is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use branchline::sms::pdu::{
    Address, Content, Direction, Options, Parsed, Pdu, Reading, Reference, ServiceTime, Tpdu,
    UserData,
};
use serde_json::{Value, json};

/// A message, and what it says.
type Golden = serde_json::Map<String, Value>;
/// What a decoder found: who, text or data, time, quarters, part, status, failure.
type Facts = BTreeMap<&'static str, Value>;

const FACTS: [&str; 8] = ["who", "text", "data", "time", "quarters", "part", "status", "failure"];

/// The goldens.
pub fn goldens() -> Vec<Golden> {
    serde_json::from_str(include_str!("goldens.json")).expect("the goldens are a list of objects")
}

fn word<'a>(golden: &'a Golden, key: &str) -> &'a str {
    golden[key].as_str().unwrap_or_else(|| panic!("{golden:?} has no {key}"))
}

fn direction(golden: &Golden) -> Direction {
    match word(golden, "kind") {
        "deliver" | "status" | "submit_report" => Direction::ToPhone,
        _ => Direction::FromPhone,
    }
}

/// Every one is read as it says, without a flaw, and written again it is what it was.
#[test]
fn goldens_are_read_as_they_say_and_written_as_they_were() {
    let goldens = goldens();
    assert!(goldens.len() >= 32, "{}", goldens.len());
    for golden in &goldens {
        let name = word(golden, "name");
        let facts = ours(golden);
        for key in FACTS {
            if let Some(told) = golden.get(key) {
                assert_eq!(facts.get(key), Some(told), "{name}: {key}");
            }
        }
    }
    println!("{} goldens are read as they say", goldens.len());
}

#[test]
fn at_least_two_other_decoders_agree_on_every_golden() {
    let goldens: Vec<_> = goldens().into_iter().filter(|one| !one.contains_key("shift")).collect();
    assert!(goldens.len() >= 32);
    let pythons = read_by_python();
    let mut agreed: BTreeMap<&str, usize> = BTreeMap::new();
    let tsharks = read_by_tshark(&goldens);
    for (golden, by_tshark) in goldens.iter().zip(&tsharks) {
        let name = word(golden, "name");
        let ours = ours(golden);
        let both = &pythons[name];
        let theirs = [
            ("gammu", both["gammu"].as_object().cloned().unwrap_or_default()),
            ("pycrate", both["pycrate"].as_object().cloned().unwrap_or_default()),
            ("tshark", by_tshark.clone()),
        ];
        let agree: Vec<&str> = theirs
            .iter()
            .filter(|(who, facts)| agrees(who, &ours, facts))
            .map(|(who, _)| *who)
            .collect();
        assert!(agree.len() >= 2, "{name}: only {agree:?} agree with {ours:?}: {theirs:?}");
        for who in agree {
            *agreed.entry(who).or_default() += 1;
        }
    }
    println!("{} goldens; read as by us: {agreed:?}", goldens.len());
}

/// Whether everything that a decoder says is what we say, and it says what the message is about.
fn agrees(who: &str, ours: &Facts, theirs: &Golden) -> bool {
    let same = |key: &str, said: &Value| match (who, key) {
        // It writes numbers without a sign, and zones too.
        ("tshark", "who") => ours.get(key).is_some_and(|ours| {
            ours.as_str().map(|ours| ours.trim_start_matches('+')) == said.as_str()
        }),
        ("tshark", "quarters") => {
            ours.get(key).and_then(Value::as_i64).map(i64::abs) == said.as_i64()
        }
        // It invents words for what became of a message.
        ("gammu", "text") if ours.contains_key("status") && !ours.contains_key("text") => true,
        _ => ours.get(key) == Some(said),
    };
    let about = ["text", "data", "status", "failure"];
    let told = about.iter().filter(|key| ours.contains_key(*key));
    let told: Vec<_> = told.filter(|key| who != "gammu" || **key != "status").collect();
    let enough = match told.as_slice() {
        [] => !theirs.is_empty(),
        told => told.iter().all(|key| theirs.contains_key(**key)),
    };
    enough && theirs.iter().all(|(key, said)| same(key, said))
}

fn ours(golden: &Golden) -> Facts {
    let hex = word(golden, "hex");
    let Parsed { value, flaws, extra } = Pdu::parse_hex(hex, direction(golden), None)
        .unwrap_or_else(|why| panic!("{}: {why:?}", word(golden, "name")));
    assert!(flaws.is_empty() && extra.is_empty(), "{}: {flaws:?}", word(golden, "name"));
    assert_eq!(value.hex().0, hex, "{}", word(golden, "name"));
    let mut facts = Facts::new();
    match &value.tpdu {
        Tpdu::Deliver(message) => {
            who(&message.originator, &mut facts);
            when(message.time, &mut facts);
            said(&message.user_data, message.reading(), &mut facts);
        }
        Tpdu::Submit(message) => {
            who(&message.destination, &mut facts);
            said(&message.user_data, message.reading(), &mut facts);
        }
        Tpdu::StatusReport(message) => {
            who(&message.recipient, &mut facts);
            when(message.time, &mut facts);
            facts.insert("status", message.status.0.into());
            options(&message.options, &mut facts);
        }
        Tpdu::Command(message) => who(&message.destination, &mut facts),
        Tpdu::DeliverReport(message) => {
            facts.insert("failure", message.failure.map(|failure| failure.0).into());
        }
        Tpdu::SubmitReport(message) => when(message.time, &mut facts),
    }
    facts
}

fn who(address: &Address, facts: &mut Facts) {
    facts.insert("who", address.text().into());
}

fn when(time: ServiceTime, facts: &mut Facts) {
    let digits = time.0[..6].iter().map(|octet| format!("{}{}", octet & 15, octet >> 4));
    facts.insert("time", digits.collect::<String>().into());
    facts.insert("quarters", time.quarters().into());
}

fn said(user_data: &UserData, reading: Reading, facts: &mut Facts) {
    assert!(reading.flaws.is_empty(), "{:?}", reading.flaws);
    match reading.content {
        Content::Text(text) => facts.insert("text", text.into()),
        Content::Octets(octets) => facts.insert("data", hex(&octets).into()),
    };
    if let Some(part) = user_data.header().concatenation() {
        let reference = match part.reference {
            Reference::Short(reference) => u16::from(reference),
            Reference::Wide(reference) => reference,
        };
        facts.insert("part", json!([reference, part.total, part.sequence]));
    }
}

fn options(options: &Options, facts: &mut Facts) {
    if let (Some(user_data), Some(reading)) = (&options.user_data, options.reading()) {
        said(user_data, reading, facts);
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sms"))
}

/// A Python of tests/run.
fn python() -> Command {
    let folder = std::env::var("BRANCHLINE_PYTHON")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/target/python").to_owned());
    Command::new(format!("{folder}/bin/python3"))
}

/// By the names of the goldens.
fn read_by_python() -> BTreeMap<String, Value> {
    let output = python()
        .args([folder().join("oracles.py"), folder().join("goldens.json")])
        .output()
        .expect("python runs; tests/run installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("it prints text");
    let read = lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
    goldens().iter().map(|golden| word(golden, "name").to_owned()).zip(read).collect()
}

/// Fields of tshark, and what we call them.
const FIELDS: [(&str, &str); 18] = [
    ("gsm_sms.tp-oa", "who"),
    ("gsm_sms.tp-da", "who"),
    ("gsm_sms.tp-ra", "who"),
    ("gsm_sms.sms_text", "text"),
    ("gsm_sms.scts.year", "year"),
    ("gsm_sms.scts.month", "month"),
    ("gsm_sms.scts.day", "day"),
    ("gsm_sms.scts.hour", "hour"),
    ("gsm_sms.scts.minutes", "minutes"),
    ("gsm_sms.scts.seconds", "seconds"),
    ("gsm_sms.scts.timezone", "quarters"),
    ("gsm_sms.udh.mm.msg_id", "reference"),
    ("gsm_sms.udh.mm.msg_parts", "total"),
    ("gsm_sms.udh.mm.msg_part", "sequence"),
    ("gsm_sms.dis.field_st_reason", "reason"),
    ("gsm_sms.dis_field.st_error", "error"),
    ("gsm_sms.tp-fcs", "failure"),
    ("gsm_sms.sms_body", "data"),
];

fn read_by_tshark(goldens: &[Golden]) -> Vec<Golden> {
    let file = capture(goldens);
    let mut command = Command::new("tshark");
    command.args(["-o", "uat:user_dlts:\"User 0 (DLT=147)\",\"gsm_sms\",\"0\",\"\",\"0\",\"\""]);
    command.args(["-o", "gsm_sms.reassemble:FALSE", "-T", "json", "-r"]).arg(&file);
    for (field, _) in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark runs; tests/run installs it");
    std::fs::remove_file(&file).expect("the capture is ours");
    let packets: Vec<Value> = serde_json::from_slice(&output.stdout).expect("tshark prints JSON");
    assert_eq!(packets.len(), goldens.len(), "{}", String::from_utf8_lossy(&output.stderr));
    packets
        .iter()
        .zip(goldens)
        .map(|(packet, golden)| told(&packet["_source"]["layers"], golden))
        .collect()
}

/// What tshark found in a packet, in our words.
fn told(layers: &Value, golden: &Golden) -> Golden {
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    for (field, name) in FIELDS {
        if let Some(value) = layers[field][0].as_str() {
            found.insert(name, value);
        }
    }
    let number = |name: &str| found.get(name).and_then(|value| value.parse::<i64>().ok());
    let mut facts = Golden::new();
    for key in ["who", "text"] {
        if let Some(value) = found.get(key) {
            facts.insert(key.into(), (*value).into());
        }
    }
    // It shows no field for an empty text.
    if !found.contains_key("text") && golden.get("text").is_some_and(|text| text == "") {
        facts.insert("text".into(), "".into());
    }
    if let Some(quarters) = number("quarters").filter(|_| golden["kind"] != "submit") {
        let parts = ["year", "month", "day", "hour", "minutes", "seconds"];
        let digits = parts.map(|part| format!("{:02}", number(part).unwrap_or(-1)));
        facts.insert("time".into(), digits.concat().into());
        facts.insert("quarters".into(), quarters.into());
    }
    if let Some(reference) = number("reference") {
        let part = json!([reference, number("total"), number("sequence")]);
        facts.insert("part".into(), part);
    }
    if let (Some(error), Some(reason)) =
        (hexadecimal(&found, "error"), hexadecimal(&found, "reason"))
    {
        facts.insert("status".into(), (error << 5 | reason).into());
    }
    if let Some(failure) = hexadecimal(&found, "failure") {
        facts.insert("failure".into(), failure.into());
    }
    if let Some(data) = found.get("data").filter(|_| golden.contains_key("data")) {
        facts.insert("data".into(), data.replace(':', "").into());
    }
    facts
}

fn hexadecimal(found: &BTreeMap<&str, &str>, name: &str) -> Option<u64> {
    let value = found.get(name)?;
    match value.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => value.parse().ok(),
    }
}

/// A pcapng file of user link type 147 that says which way each message went.
fn capture(goldens: &[Golden]) -> PathBuf {
    let file = std::env::temp_dir().join(format!("branchline-sms-{}.pcapng", std::process::id()));
    let mut bytes = block(
        0x0a0d_0d0a,
        &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
    );
    bytes.extend(block(1, &[147, 0, 0, 0, 0, 0, 0, 0]));
    for golden in goldens {
        let pdu = Pdu::parse_hex(word(golden, "hex"), direction(golden), None).expect("it is read");
        let octets = pdu.value.tpdu.octets();
        let length = (octets.len() as u32).to_le_bytes();
        // tshark takes what goes out (2) for the centre's, and what comes in (1) for the phone's.
        let way = if direction(golden) == Direction::ToPhone { 2 } else { 1 };
        let padding = vec![0; octets.len().wrapping_neg() % 4];
        let packet = [
            [0; 12].as_slice(),
            &length,
            &length,
            &octets,
            &padding,
            &[2, 0, 4, 0, way, 0, 0, 0, 0, 0, 0, 0],
        ];
        bytes.extend(block(6, &packet.concat()));
    }
    std::fs::write(&file, bytes).expect("a temporary file");
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes(), length.as_slice(), body, &length].concat()
}
