//! The messages of RFC 4475 and RFC 5118, over UDP and TCP, against a running box: what comes back on the wire.
//!
//! Every message is followed by a probe on the same way. The box answers in order, so whatever is there before the
//! probe's answer is the answer to the message, and nothing has to be waited for.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod rows;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a thing may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// One message and the answers that are wanted.
struct Case {
    name: String,
    udp: String,
    tcp: String,
    bytes: Vec<u8>,
}

fn cases(text: &str) -> Vec<Case> {
    text.strip_suffix('\n').unwrap_or(text).split("\n== ").skip(1).map(case).collect()
}

fn case(section: &str) -> Case {
    let (head, message) = section.split_once('\n').expect("a message below its name");
    let words: Vec<_> = head.split_whitespace().collect();
    let [name, udp, tcp] = words[..] else { panic!("name, UDP, TCP: {head}") };
    Case { name: name.into(), udp: udp.into(), tcp: tcp.into(), bytes: bytes_of(message) }
}

/// The notation of RFC 4475 section 2 as bytes.
fn bytes_of(message: &str) -> Vec<u8> {
    let mut text = String::new();
    let mut rest = message;
    while let Some((before, inner)) = rest.split_once("<allOneLine>\n") {
        let (line, after) = inner.split_once("\n</allOneLine>").expect("the end of the line");
        text += before;
        text += &line.replace('\n', "");
        rest = after;
    }
    text += rest;
    while let Some(start) = text.find("<repeat count=") {
        let (count, after) = text[start + 14..].split_once('>').expect("a count");
        let (what, after) = after.split_once("</repeat>").expect("an end");
        text = format!("{}{}{after}", &text[..start], what.repeat(count.parse().expect("a count")));
    }
    let mut bytes = Vec::new();
    let mut rest = text.as_str();
    loop {
        let (plain, hex) = rest.split_once("<hex>").unwrap_or((rest, ""));
        bytes.extend(plain.replace('\n', "\r\n").bytes());
        let Some((digits, after)) = hex.split_once("</hex>") else { break };
        bytes.extend(
            (0..digits.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal")),
        );
        rest = after;
    }
    bytes.extend(b"\r\n");
    bytes
}

/// A box that takes calls from everywhere on this host.
struct Site {
    /// Where the messages come from; answers go to port 5060 of it, or to the port that a message names.
    peer: &'static str,
    process: Child,
    folder: PathBuf,
    sip: SocketAddr,
}

impl Site {
    fn start(peer: &'static str, number: u16) -> Site {
        let folder = std::env::temp_dir()
            .join(format!("branchline-torture-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let port = 24_000 + (std::process::id() % 100) as u16 * 8 + number;
        let text = format!(
            "[site]\ndata_dir = \"{0}/data\"\n[admin]\nsocket = \"{0}/admin.sock\"\n\
             [sip]\nudp = [\"127.0.0.1:{port}\"]\ntcp = [\"127.0.0.1:{port}\"]\ntls = []\n\
             [media]\nport_min = 10000\nport_max = 10999\n\
             [limits]\nlateness_ms = 0\nnew_calls_per_second = 1000\n\
             [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.0/8\"]\n",
            folder.display()
        );
        let config = folder.join("gateway.toml");
        std::fs::write(&config, text).expect("the configuration");
        let process = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(["run", "-c", &config.display().to_string()])
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        let site = Site { peer, process, folder, sip: SocketAddr::from(([127, 0, 0, 1], port)) };
        let limit = Instant::now() + PATIENCE;
        while TcpStream::connect(site.sip).is_err() {
            assert!(Instant::now() < limit, "the box does not start");
            std::thread::yield_now();
        }
        site
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn probe(peer: &str, number: usize, transport: &str) -> Vec<u8> {
    format!(
        "OPTIONS sip:probe@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {peer}:5060;branch=z9hG4bKprobe{number}\r\n\
         From: <sip:probe@{peer}>;tag=p\r\nTo: <sip:probe@127.0.0.1>\r\nCall-ID: probe-{number}\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// The final statuses in what arrived, without those of earlier calls, and whether the probe was answered.
struct Answers {
    statuses: Vec<String>,
    probed: bool,
}

fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let line = message.lines().find_map(|line| line.split_once(':').filter(|(n, _)| *n == name));
    line.map_or("", |(_, value)| value.trim())
}

fn read(messages: &[String], probe: &str, earlier: &mut BTreeSet<String>) -> Answers {
    let mut answers = Answers { statuses: Vec::new(), probed: false };
    let mut calls = BTreeSet::new();
    for message in messages {
        let call = header(message, "Call-ID");
        let status = message.split(' ').nth(1).unwrap_or_default().to_owned();
        if call == probe {
            answers.probed = true;
        } else if !earlier.contains(call) && !status.starts_with('1') {
            answers.statuses.push(status);
            calls.insert(call.to_owned());
        }
    }
    earlier.extend(calls);
    answers
}

/// A port that messages name. A box that another test is just starting holds a copy of every socket of this process from
/// its fork to its exec, so a port that was closed a moment ago may still be taken.
fn bound(peer: &str, port: u16) -> UdpSocket {
    let limit = Instant::now() + PATIENCE;
    loop {
        match UdpSocket::bind((peer, port)) {
            Ok(socket) => return socket,
            Err(error) => assert!(Instant::now() < limit, "{peer}:{port}: {error}"),
        }
        std::thread::yield_now();
    }
}

fn over_udp(site: &Site, number: usize, case: &Case, earlier: &mut BTreeSet<String>) -> String {
    // Answers go to the port in the Via.
    let ports = [5060, 5050, 6050, 19_823].map(|port| bound(site.peer, port));
    let [main, others @ ..] = &ports;
    main.send_to(&case.bytes, site.sip).expect("sent");
    main.send_to(&probe(site.peer, number, "UDP"), site.sip).expect("sent");
    let wanted = format!("probe-{number}");
    let mut messages = Vec::new();
    let mut buffer = [0; 65_536];
    main.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    while !messages.iter().any(|message: &String| header(message, "Call-ID") == wanted) {
        let count = main.recv(&mut buffer).expect("the box answers the probe");
        messages.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
    }
    for other in others {
        other.set_nonblocking(true).expect("no waiting");
        while let Ok(count) = other.recv(&mut buffer) {
            messages.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
        }
    }
    let answers = read(&messages, &wanted, earlier);
    if answers.statuses.is_empty() { "-".to_owned() } else { answers.statuses.join(",") }
}

fn over_tcp(site: &Site, number: usize, case: &Case) -> String {
    let mut stream = TcpStream::connect(site.sip).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(&case.bytes).expect("sent");
    if case.tcp == "wait" {
        stream.shutdown(Shutdown::Write).expect("half closed");
    } else {
        // The box may have closed already.
        let _ = stream.write_all(&probe(site.peer, number, "TCP"));
    }
    let wanted = format!("probe-{number}");
    let mut text = String::new();
    let mut buffer = [0; 65_536];
    let closed = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break true,
            Ok(count) => text += &String::from_utf8_lossy(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break true,
            Err(error) => panic!("{}: neither an answer nor the end: {error}", case.name),
        }
        if text.contains(&format!("Call-ID: {wanted}")) {
            break false;
        }
    };
    let messages: Vec<_> = text
        .split("SIP/2.0 ")
        .filter(|part| part.contains("\r\n"))
        .map(|part| format!("SIP/2.0 {part}"))
        .filter(|message| message.get(8..11).is_some_and(|status| status.parse::<u16>().is_ok()))
        .collect();
    let answers = read(&messages, &wanted, &mut BTreeSet::new());
    match (answers.statuses.join(","), closed) {
        (none, true) if none.is_empty() => "wait".to_owned(),
        (none, false) if none.is_empty() => "-".to_owned(),
        (statuses, true) => format!("{statuses}+close"),
        (statuses, false) => statuses,
    }
}

/// One box for each way: a message that comes again over another transport is the same transaction.
fn play(rfc: &str, count: usize, peer: &'static str, number: u16) {
    let cases = cases(rfc);
    assert_eq!(cases.len(), count);
    let (udp_site, tcp_site) = (Site::start(peer, number), Site::start(peer, number + 1));
    let mut earlier = BTreeSet::new();
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let udp = over_udp(&udp_site, number, case, &mut earlier);
        let tcp = over_tcp(&tcp_site, 1_000 + number, case);
        if (udp.as_str(), tcp.as_str()) != (&case.udp, &case.tcp) {
            wrong.push(format!("{}: {udp} {tcp}, not {} {}", case.name, case.udp, case.tcp));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_message_of_rfc_4475_gets_its_answer_over_udp_and_tcp() {
    play(include_str!("rfc4475.txt"), 49, "127.0.0.77", 0);
}

#[test]
fn every_message_of_rfc_5118_gets_its_answer_over_udp_and_tcp() {
    play(include_str!("rfc5118.txt"), 12, "127.0.0.78", 2);
}
