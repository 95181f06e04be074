//! Who calls the box: datagrams at a rate, and a listener for its sound.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// Where the box is in its own network.
pub const BOX: &str = "127.0.0.1:5060";
/// How long an answer may take to come.
const LATE: Duration = Duration::from_secs(5);

/// A question that the box answers whoever asks.
pub fn options(own: &UdpSocket, number: usize) -> String {
    let at = own.local_addr().expect("bound");
    format!(
        "OPTIONS sip:{BOX} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK-{port}-{number};rport\r\n\
         From: <sip:flood@{at}>;tag={number}\r\nTo: <sip:{BOX}>\r\nCall-ID: {port}-{number}\r\n\
         CSeq: {number} OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        port = at.port()
    )
}

/// Asks until it is answered; answers how long after `since` that was. It has to be in the box's network.
pub fn first_answer(since: Instant) -> Duration {
    let own = UdpSocket::bind("127.0.0.1:0").expect("a port");
    own.connect(BOX).expect("an address");
    own.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
    let mut buffer = [0; 2048];
    for number in 1.. {
        // Nobody listens yet: the system says so by an error.
        let _ = own.send(options(&own, number).as_bytes());
        if let Ok(length) = own.recv(&mut buffer)
            && buffer[..length].starts_with(b"SIP/2.0 200")
        {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "no OPTIONS is answered");
        std::thread::sleep(Duration::from_millis(5));
    }
    since.elapsed()
}

/// What came of a flood.
#[derive(Debug, Default)]
pub struct Flood {
    /// Questions.
    pub sent: usize,
    /// Questions without an answer of 200.
    pub lost: usize,
    /// The longest time between two answers.
    pub gap: Duration,
}

/// Asks so often a second for `long`, each question once, and waits for the last answers.
pub fn flood(rate: u32, long: Duration) -> Flood {
    let own = UdpSocket::bind("127.0.0.1:0").expect("a port");
    own.connect(BOX).expect("an address");
    own.set_nonblocking(true).expect("set");
    let (pause, start) = (Duration::from_secs(1) / rate, Instant::now());
    let mut waiting = BTreeMap::new();
    let (mut flood, mut last, mut buffer) = (Flood::default(), start, [0; 2048]);
    while start.elapsed() < long || (!waiting.is_empty() && start.elapsed() < long + LATE) {
        while start.elapsed() < long && start.elapsed() > pause * flood.sent as u32 {
            flood.sent += 1;
            own.send(options(&own, flood.sent).as_bytes()).expect("systemd holds the port");
            waiting.insert(flood.sent, ());
        }
        while let Ok(length) = own.recv(&mut buffer) {
            if let Some(number) = answered(&buffer[..length]) {
                waiting.remove(&number);
                flood.gap = flood.gap.max(last.elapsed());
                last = Instant::now();
            }
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    flood.lost = waiting.len();
    flood
}

fn answered(bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok()?;
    let rest = text.strip_prefix("SIP/2.0 200")?;
    rest.split_once("CSeq: ")?.1.split(' ').next()?.parse().ok()
}

/// What somebody heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// Packets of sound.
    pub packets: usize,
    /// Those that are not silence.
    pub loud: usize,
    /// The longest time between two packets.
    pub gap: Duration,
}

/// Listens for so long.
pub fn listen(socket: &UdpSocket, long: Duration) -> Heard {
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
    let (start, mut heard, mut buffer) = (Instant::now(), Heard::default(), [0; 2048]);
    let mut last: Option<Instant> = None;
    while start.elapsed() < long {
        let Ok(length) = socket.recv(&mut buffer) else { continue };
        let Some(sound) = buffer[..length].get(12..) else { continue };
        heard.packets += 1;
        // G.711 in its American form: silence is 0xFF and 0x7F, and the steps beside it.
        heard.loud += usize::from(sound.iter().any(|code| code & 0x7F < 0x60));
        heard.gap = heard.gap.max(last.map_or(Duration::ZERO, |last| last.elapsed()));
        last = Some(Instant::now());
    }
    heard
}
