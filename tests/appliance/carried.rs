//! Calls that are up while the service is started anew, or killed: how many live through it, and for how long nobody is heard.

use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::boxed::{Boxed, until};
use crate::life::{register, with_calls};
use crate::sip::BOX;

/// Calls that are up at once.
const CALLS: usize = 50;
/// How long an answer may take to come.
const LATE: Duration = Duration::from_secs(5);
/// One packet of sound.
const BEAT: Duration = Duration::from_millis(20);
/// The column of a record that tells for how long they talked.
const TALKED: usize = 12;
/// How far back somebody must have been heard at the end to be heard at all.
const HEARD: Duration = Duration::from_secs(1);

/// Somebody at the carrier who calls a phone of the branch.
struct Caller {
    number: usize,
    signals: UdpSocket,
    sound: UdpSocket,
    /// The dialog's To, and where its requests go.
    to: String,
    target: String,
    /// Where the box hears him.
    ear: SocketAddr,
}

/// What a caller heard.
#[derive(Debug, Clone, Copy)]
struct Heard {
    packets: usize,
    last: Instant,
    gap: Duration,
}

impl Caller {
    /// Calls, and is answered.
    fn call(number: usize) -> Caller {
        let own = || UdpSocket::bind("127.0.0.1:0").expect("a port");
        let (signals, sound) = (own(), own());
        signals.connect(BOX).expect("an address");
        signals.set_read_timeout(Some(LATE)).expect("set");
        let mut caller = Caller {
            number,
            signals,
            sound,
            to: "<sip:+15550101@127.0.0.1>".to_owned(),
            target: format!("sip:+15550101@{BOX}"),
            ear: "127.0.0.1:0".parse().expect("an address"),
        };
        let port = caller.sound.local_addr().expect("bound").port();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        );
        caller.send("INVITE", 1, &sdp);
        let answer = caller.answer("INVITE").expect("the phone answers");
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
        caller.to = header(&answer, "To").to_owned();
        let contact = header(&answer, "Contact");
        caller.target = contact.trim_start_matches('<').trim_end_matches('>').to_owned();
        let line = answer.lines().find_map(|line| line.strip_prefix("m=audio "));
        let port = line.and_then(|line| line.split(' ').next()?.parse().ok()).expect("a port");
        caller.ear.set_port(port);
        caller.send("ACK", 1, "");
        caller.sound.connect(caller.ear).expect("an address");
        caller.sound.set_nonblocking(true).expect("set");
        caller
    }

    fn send(&self, method: &str, cseq: u32, sdp: &str) {
        let at = self.signals.local_addr().expect("bound");
        let Caller { number, to, target, .. } = self;
        let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK-{port}-{cseq}{method};rport\r\n\
             From: <sip:+15550199@{at}>;tag={number}\r\nTo: {to}\r\nCall-ID: carried-{port}\r\n\
             CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:+15550199@{at}>\r\n\
             {kind}Content-Length: {}\r\n\r\n{sdp}",
            sdp.len(),
            port = at.port(),
        );
        self.signals.send(text.as_bytes()).expect("systemd holds the port");
    }

    /// The final answer to a request.
    fn answer(&self, method: &str) -> Option<String> {
        let mut buffer = [0; 4096];
        loop {
            let length = self.signals.recv(&mut buffer).ok()?;
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let of = text.starts_with("SIP/2.0 ") && header(&text, "CSeq").ends_with(method);
            if of && !text.starts_with("SIP/2.0 1") {
                return Some(text);
            }
        }
    }

    /// Hangs up. Answers whether the box knew of the call.
    fn hangs_up(&self) -> bool {
        // What came meanwhile is no answer: a BYE of the box, where the call was cut.
        self.send("BYE", 2, "");
        self.answer("BYE").is_some_and(|answer| answer.starts_with("SIP/2.0 200"))
    }
}

fn header<'t>(text: &'t str, name: &str) -> &'t str {
    let value = |line: &'t str| line.strip_prefix(name)?.strip_prefix(": ");
    text.lines().find_map(value).unwrap_or_default()
}

/// Everybody speaks and listens until it is over.
fn talk(callers: &[Caller], over: &AtomicBool) -> Vec<Heard> {
    let start = Instant::now();
    let nothing = Heard { packets: 0, last: start, gap: Duration::ZERO };
    let mut heard = vec![nothing; callers.len()];
    let (mut beats, mut buffer) = (0u32, [0; 2048]);
    while !over.load(Ordering::Relaxed) {
        if start.elapsed() >= BEAT * beats {
            for caller in callers {
                let mut packet = vec![0x80, 0];
                packet.extend((beats as u16).to_be_bytes());
                packet.extend((beats * 160).to_be_bytes());
                packet.extend((caller.number as u32 + 1).to_be_bytes());
                packet.extend([0x55; 160]);
                // A port that is closed for a moment says so by an error.
                let _ = caller.sound.send(&packet);
            }
            beats += 1;
        }
        for (caller, heard) in callers.iter().zip(&mut heard) {
            while caller.sound.recv(&mut buffer).is_ok() {
                if heard.packets > 0 {
                    heard.gap = heard.gap.max(heard.last.elapsed());
                }
                (heard.packets, heard.last) = (heard.packets + 1, Instant::now());
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
    heard
}

/// Fifty are on the line while `act` happens. Answers how many live through it, and the longest time that one of those was not
/// heard.
fn live_through(own: &Boxed, act: &str) -> (usize, Duration) {
    let callers: Vec<_> = (0..CALLS).map(Caller::call).collect();
    let over = AtomicBool::new(false);
    let (heard, ended) = thread::scope(|scope| {
        let talking = scope.spawn(|| (talk(&callers, &over), Instant::now()));
        // Long enough to be heard by all, and for all of it to be written down.
        thread::sleep(Duration::from_secs(2));
        own.inside(act);
        own.ready();
        thread::sleep(Duration::from_secs(3));
        over.store(true, Ordering::Relaxed);
        talking.join().expect("no panic")
    });
    let known: Vec<_> = callers.iter().map(Caller::hangs_up).collect();
    let lives = |heard: &Heard| heard.packets > 0 && ended.duration_since(heard.last) < HEARD;
    let survivors = heard.iter().zip(known).filter(|(heard, known)| *known && lives(heard));
    let gaps: Vec<_> = survivors.map(|(heard, _)| heard.gap).collect();
    (gaps.len(), gaps.into_iter().max().unwrap_or_default())
}

/// For how long the parties of each call talked that is written down, in seconds.
fn records(own: &Boxed, count: usize) -> Vec<f64> {
    let column = |line: &str| line.split(',').nth(TALKED).and_then(|text| text.parse().ok());
    until("every call has its record", || {
        let text = own.try_inside("branchline calls --csv --limit 500")?;
        let all: Vec<f64> = text.lines().skip(1).filter_map(column).collect();
        (all.len() >= count).then_some(all)
    })
}

#[test]
fn calls_live_through_a_restart_and_a_kill() {
    let own = with_calls(
        "\n[limits]\nlateness_ms = 0\ncalls_per_extension = 100\nnew_calls_per_second = 500\n",
        "\n[[inbound]]\nnumber = \"+15550101\"\nto = \"extension:201\"\n",
    );
    let secret = own.inside("cat /etc/branchline/secrets/201");
    thread::scope(|scope| {
        let calling = scope.spawn(|| {
            own.enter();
            register(&own, secret.trim());
            let mut phone = own.beside("sipp");
            phone.args(["-sn", "uas", "-i", "127.0.0.1", "-p", "5077", "-mi", "127.0.0.1"]);
            phone.args(["-mp", "6000", "-rtp_echo", "-nostdin"]).stdout(Stdio::null());
            let mut phone = phone.spawn().expect("sipp starts");
            for (round, (name, act)) in [
                ("restart", "systemctl restart branchline.service"),
                ("SIGKILL", "systemctl kill --signal=KILL --kill-whom=main branchline.service"),
            ]
            .into_iter()
            .enumerate()
            {
                let (lived, gap) = live_through(&own, act);
                println!(
                    "{name}: {lived} of {CALLS} calls live, {} ms without sound",
                    gap.as_millis()
                );
                let records = records(&own, CALLS * (round + 1));
                let shortest = records.iter().copied().fold(f64::MAX, f64::min);
                println!("{name}: {} records, the shortest call {shortest:.1} s", records.len());
                assert_eq!((lived, records.len()), (CALLS, CALLS * (round + 1)), "{name}");
                assert!(shortest > 5.0, "a record tells of less than was talked: {shortest} s");
            }
            let _ = phone.kill();
            let _ = phone.wait();
        });
        calling.join().expect("no panic");
    });
}
