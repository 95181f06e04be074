//! Carriers given by name: a DNS of the test's own says where they are, says nothing, or is not there at all.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};

const NAPTR: u16 = 35;
const SRV: u16 = 33;
const A: u16 = 1;

/// A name server with a handful of records; ends with the test.
struct Dns {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Dns {
    /// Answers from `zone`: name, type, data. With `mute` it takes questions and answers none.
    fn start(zone: Vec<(&'static str, u16, Vec<u8>)>, mute: bool) -> Dns {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time limit");
        let address = socket.local_addr().expect("an address");
        let (over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (ends, counts) = (over.clone(), asked.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 1_500];
            while !ends.load(Ordering::Relaxed) {
                let Ok((count, peer)) = socket.recv_from(&mut buffer) else { continue };
                counts.fetch_add(1, Ordering::Relaxed);
                if !mute {
                    let _ = socket.send_to(&answer(&buffer[..count], &zone), peer);
                }
            }
        });
        Dns { address, over, asked }
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// The answer to one question (RFC 1035 section 4).
fn answer(query: &[u8], zone: &[(&str, u16, Vec<u8>)]) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + length]).to_lowercase());
        at += 1 + length;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let name = labels.join(".");
    let found: Vec<_> = zone.iter().filter(|(own, k, _)| *own == name && *k == kind).collect();
    let exists = zone.iter().any(|(own, ..)| *own == name);
    let code = if exists { 0 } else { 3 };
    let mut out = query[..2].to_vec();
    out.extend([0x84, code, 0, 1, 0, found.len() as u8, 0, 0, 0, 0]);
    out.extend(&query[12..at + 5]);
    for (_, _, data) in found {
        out.extend([0xC0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    out
}

fn encoded(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.push(0);
    out
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Vec<u8> {
    let numbers = [priority, weight, port].into_iter().flat_map(u16::to_be_bytes);
    numbers.chain(encoded(target)).collect()
}

fn naptr(order: u16, service: &str, replacement: &str) -> Vec<u8> {
    let mut out: Vec<u8> = [order, 10].into_iter().flat_map(u16::to_be_bytes).collect();
    for text in ["s", service, ""] {
        out.push(text.len() as u8);
        out.extend(text.bytes());
    }
    out.extend(encoded(replacement));
    out
}

/// A branch with one phone and a carrier that it registers with and knows by name alone.
fn branch(dns: SocketAddr) -> Branch {
    let text = format!(
        "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\ndigests = [\"md5\"]\nname_servers = [\"{dns}\"]\n\
         [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
         [[extension]]\nnumber = \"201\"\nsecret = {{ file = \"@DIR@/201\" }}\n\
         [[trunk]]\nname = \"carrier\"\nservers = [\"carrier.test\"]\nprobe = 0\n\
         register = {{ username = \"branch-17\", secret = {{ file = \"@DIR@/line\" }} }}\n"
    );
    let files = [("line", "line secret\n"), ("201", "secret\n")];
    Branch::run_with(&text, "127.0.0.1:@PORT@", &files)
}

fn words(branch: &Branch) -> String {
    branch.ask(&["trunks"])[0]["words"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_carrier_is_found_by_naptr_srv_and_a_and_kept_when_the_dns_goes_away() {
    // The port of the carrier is known once the branch is there, and the branch wants the name server first: the records
    // name a port that only this test uses.
    let port = 9_907;
    let zone = vec![
        ("carrier.test", NAPTR, naptr(20, "SIP+D2T", "_sip._tcp.carrier.test")),
        ("carrier.test", NAPTR, naptr(10, "SIP+D2U", "_sip._udp.carrier.test")),
        ("_sip._udp.carrier.test", SRV, srv(1, 10, port, "edge.carrier.test")),
        ("_sip._tcp.carrier.test", SRV, srv(1, 10, 9, "nowhere.carrier.test")),
        ("edge.carrier.test", A, vec![127, 0, 0, 1]),
    ];
    let dns = Dns::start(zone, false);
    let branch = branch(dns.address);
    let setting = Setting {
        scenario: "carrier_registers",
        port,
        keys: &[("more", "Subject: none".to_owned())],
        account: None,
        transport: "u1",
    };
    let messages = Sipp::start(&branch, &setting).succeeds();
    assert!(messages.contains("REGISTER sip:carrier.test SIP/2.0"), "{messages}");
    branch.until("the registration", || words(&branch).starts_with("registered").then_some(()));
    let asked = dns.asked.load(Ordering::Relaxed);
    assert!(asked >= 3, "{asked} questions");
    drop(dns);
    assert!(words(&branch).starts_with("registered until "));
}

#[test]
fn a_dns_that_hangs_holds_up_nothing_but_its_own_carrier() {
    let dns = Dns::start(Vec::new(), true);
    let branch = branch(dns.address);
    let keys = [("expires", "300".to_owned())];
    let began = Instant::now();
    for _ in 0..3 {
        let setting = Setting {
            scenario: "register",
            port: branch.free + 2,
            keys: &keys,
            account: Some(("201", "secret")),
            transport: "u1",
        };
        Sipp::start(&branch, &setting).succeeds();
    }
    assert!(began.elapsed() < Duration::from_secs(5), "phones waited {:?}", began.elapsed());
    branch.until("questions", || (dns.asked.load(Ordering::Relaxed) > 0).then_some(()));
    assert!(words(&branch).contains("check DNS and the name"), "{}", words(&branch));
}

#[test]
fn a_name_that_does_not_exist_is_told_and_looked_up_again() {
    let dns = Dns::start(Vec::new(), false);
    let branch = branch(dns.address);
    // NAPTR, SRV twice, A and AAAA; then, within seconds, once more.
    branch.until("a second search", || (dns.asked.load(Ordering::Relaxed) >= 10).then_some(()));
    assert!(words(&branch).contains("check DNS and the name"), "{}", words(&branch));
}
