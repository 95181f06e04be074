//! Calls for help while what is kept cannot be kept or read, and what a kill leaves of them.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use branchline::journal::event::Event;

use crate::site::{Folder, PATIENCE, Site};

/// A socket that speaks SIP by hand.
struct Peer(UdpSocket);

impl Peer {
    fn new(at: &str) -> Peer {
        let socket = UdpSocket::bind(at).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Peer(socket)
    }

    fn at(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn invite(&self, branch: SocketAddr, to: &str, from: &str, call: &str) {
        let own = self.at();
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n",
            own.ip()
        );
        let message = format!(
            "INVITE {to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{call}\r\nFrom: <sip:{from}@{own}>;tag={call}\r\n\
             To: <{to}>\r\nCall-ID: {call}\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{from}@{own}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.send_to(message.as_bytes(), branch).unwrap();
    }

    /// Takes a call: 200 with sound, as the help centre does.
    fn answer(&self, branch: SocketAddr, invite: &str) {
        let own = self.at();
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 9002 RTP/AVP 0\r\n",
            own.ip()
        );
        let head = |line: &&str| {
            ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
        };
        let mut lines: Vec<_> = invite.lines().filter(head).map(str::to_owned).collect();
        let to = invite.lines().find(|line| line.starts_with("To:")).expect("a To header");
        lines.push(format!("{to};tag=help"));
        let message = format!(
            "SIP/2.0 200 OK\r\n{}\r\nContact: <sip:help@{own}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            lines.join("\r\n"),
            body.len()
        );
        self.0.send_to(message.as_bytes(), branch).unwrap();
    }

    /// The next message that begins with one of these.
    fn hears(&self, beginnings: &[&str]) -> String {
        let limit = Instant::now() + PATIENCE;
        let mut buffer = [0; 65_536];
        loop {
            assert!(Instant::now() < limit, "waited in vain for {beginnings:?}");
            let Ok(length) = self.0.recv(&mut buffer) else { continue };
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if beginnings.iter().any(|text| message.starts_with(text)) {
                return message;
            }
        }
    }
}

#[test]
fn help_is_reached_with_store_and_journal_broken_and_calls_back_after_a_kill() {
    let folder = Folder::new("help");
    // The carrier is at another address of this host, so that phones here are not taken for it.
    let carrier = Peer::new("127.0.0.9:0");
    let phone = Peer::new("127.0.0.1:0");
    let more = format!(
        "location = \"hall\"\n[[trunk]]\nname = \"help\"\naccept_from = [\"127.0.0.9\"]\nservers = [\"{}\"]\nprobe = 0\n\
         [emergency]\nnetworks = [\"127.0.0.1\"]\ntrunks = [\"help\"]\n\
         [[location]]\nname = \"hall\"\nhouse_number = \"1\"\nstreet = \"Main\"\ncity = \"Springfield\"\n\
         callback = \"+14085550199\"\n",
        carrier.at()
    );
    let data = folder.0.join("data");
    let site = Site::with(&folder.0, &data, &more);
    let (running, _) = site.start();
    phone.invite(site.sip, "sip:911@branch", "499", "one");
    let call = carrier.hears(&["INVITE"]);
    assert!(call.contains("<ca:RD>Main</ca:RD>"));
    // Whoever took it has heard who calls: from then on a call back may lead there.
    carrier.answer(site.sip, &call);
    phone.hears(&["SIP/2.0 200"]);
    site.until("the proven call on the disk", || {
        let (entries, _) = site.journal();
        let proven = |event: &Event| matches!(event, Event::CalledForHelp(call) if call.proven);
        entries.iter().any(|entry| entry.event.as_ref().is_some_and(proven)).then_some(())
    });
    running.kill();
    // The store is noise now: it is set aside and made again while calls pass.
    fs::remove_dir_all(data.join("store")).unwrap();
    fs::write(data.join("store"), [0x55; 10_000]).unwrap();
    let (running, _) = site.start();
    phone.invite(site.sip, "tel:911", "499", "two");
    carrier.hears(&["INVITE"]);
    // Help calls the number back that it was shown before the kill: it leads to the phone, which is not registered.
    carrier.invite(site.sip, "sip:+14085550199@branch", "911", "three");
    assert!(carrier.hears(&["SIP/2.0 4"]).starts_with("SIP/2.0 480"));
    let status = site.ask(&["status"]).unwrap();
    let parts = status["parts"].as_array().unwrap();
    let told = parts.iter().filter(|part| part["name"] == "call for help").count();
    assert_eq!(told, 2, "the one before the kill is told of too");
    running.kill();
    // The journal cannot be written any more, from the first record on.
    let journal = data.join("journal");
    fs::remove_dir_all(&journal).unwrap();
    fs::write(&journal, "in the way").unwrap();
    let (running, _) = site.start();
    phone.invite(site.sip, "urn:service:sos", "499", "four");
    carrier.hears(&["INVITE"]);
    let (lamp, words) = site.part("data folder");
    assert!(lamp == "red" && words.contains("nothing is kept"), "{words}");
    running.kill();
}
