//! Hours at half load: does anything grow that should not?
//!
//! `cargo bench --bench soak -- --minutes 120 --calls 100 --mean 20` starts the release binary with a limit of twice as many calls,
//! keeps that many up for so long, each of random length, and prints once a minute what the kernel says of the process
//! and what the box says of itself: memory, descriptors, threads, ports for audio, calls. At the end, when all calls are
//! over, everything must be back where it was; the slope of the memory over the second half is printed.
//!
//! The calls come over one trunk: to another trunk (relayed, some refused, some given up while it rings), to the echo,
//! to a flow. Each party sends 50 packets a second and counts what comes.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use branchline::random::Random;

const PORT: u16 = 29_060;
const CARRIER: [u8; 4] = [127, 0, 0, 9];
const FAR: [u8; 4] = [127, 0, 0, 8];
const FAR_PORT: u16 = 29_070;
/// Mean length of a call, seconds. Short, so that two hours see tens of thousands of beginnings and ends.
const MEAN_S: usize = 20;
/// Everybody speaks so often.
const FRAME: Duration = Duration::from_millis(20);
/// How long after the last call the box may take to forget it: retransmission timers, and ports that rest.
const QUIET: Duration = Duration::from_secs(45);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let after = |name: &str, usual: usize| {
        let at = words.iter().position(|word| word == name);
        at.and_then(|at| words.get(at + 1)?.parse().ok()).unwrap_or(usual)
    };
    let (minutes, calls) = (after("--minutes", 120), after("--calls", 100));
    let mean = Duration::from_secs(after("--mean", MEAN_S) as u64);
    let site = Site::start(calls * 2);
    site.wait_until_up();
    let before = site.look();
    println!("{calls} calls of {} for {minutes} minutes, {mean:?} each on average", calls * 2);
    println!("{:>7}  {}", "start", before.line());
    let mut load = Load::new(site.sip, calls, mean);
    let mut looks = Vec::new();
    let began = Instant::now();
    let mut next = Duration::from_secs(60);
    while began.elapsed() < Duration::from_secs(60 * minutes as u64) {
        load.turn();
        if began.elapsed() >= next {
            let look = site.look();
            println!("{:>4} min  {}  {}", next.as_secs() / 60, look.line(), load.line());
            looks.push((began.elapsed(), look));
            next += Duration::from_secs(60);
        }
    }
    load.stop();
    let quiet = Instant::now();
    while quiet.elapsed() < QUIET {
        load.turn();
    }
    let end = site.look();
    println!("{:>7}  {}  {}", "end", end.line(), load.line());
    println!("memory, second half: {:+.0} kB an hour", slope(&looks[looks.len() / 2..]));
    let flat = end.ports == 0 && end.calls == 0 && end.descriptors <= before.descriptors + 4;
    let flat = flat && end.threads == before.threads && load.failed == 0;
    println!("{}", if flat { "nothing is left over" } else { "SOMETHING IS LEFT OVER" });
    if flat { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Least squares through memory over time.
fn slope(looks: &[(Duration, Look)]) -> f64 {
    let count = looks.len() as f64;
    let hours = |(at, _): &(Duration, Look)| at.as_secs_f64() / 3_600.0;
    let mean_x = looks.iter().map(hours).sum::<f64>() / count;
    let mean_y = looks.iter().map(|(_, look)| look.memory).sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for look in looks {
        above += (hours(look) - mean_x) * (look.1.memory - mean_y);
        below += (hours(look) - mean_x).powi(2);
    }
    if below == 0.0 { 0.0 } else { above / below }
}

/// What is seen of the box at one moment.
struct Look {
    /// Resident, kB.
    memory: f64,
    descriptors: usize,
    threads: usize,
    ports: u64,
    calls: u64,
}

impl Look {
    fn line(&self) -> String {
        format!(
            "{:7.0} kB  {:3} descriptors  {:2} threads  {:4} ports  {:3} calls",
            self.memory, self.descriptors, self.threads, self.ports, self.calls
        )
    }
}

/// The box under load.
struct Site {
    process: Child,
    folder: PathBuf,
    sip: SocketAddr,
}

impl Site {
    fn start(limit: usize) -> Site {
        let folder = std::env::temp_dir().join(format!("branchline-soak-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let config = folder.join("gateway.toml");
        let text = format!(
            "[site]\ndata_dir = \"{0}/data\"\n[admin]\nsocket = \"{0}/admin.sock\"\n\
             [sip]\nudp = [\"127.0.0.1:{PORT}\"]\ntcp = []\ntls = []\n\
             [media]\nport_min = 10000\nport_max = 27999\n\
             [limits]\ncalls = {limit}\nnew_calls_per_second = 500\n\
             [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.9\"]\nmax_calls = {limit}\n\
             [[trunk]]\nname = \"far\"\nservers = [\"127.0.0.8:{FAR_PORT}\"]\nmax_calls = {limit}\n\
             [[outbound]]\nname = \"through\"\npattern = \"+1408NXXXXXX\"\ntrunks = [\"far\"]\n\
             from_trunks = [\"carrier\"]\n\
             [[inbound]]\nnumber = \"+15550100\"\nto = \"ivr:main\"\n\
             [[inbound]]\nnumber = \"+15550101\"\nto = \"echo\"\n\
             [flow.main]\nstart = \"menu\"\n[flow.main.menu.menu]\nprompt = \"office-menu\"\n\
             choices = {{ 9 = \"echo\" }}\n",
            folder.display()
        );
        fs::write(&config, text).expect("the configuration");
        let process = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(["run", "-c"])
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .expect("the box starts");
        Site { process, folder, sip: SocketAddr::from(([127, 0, 0, 1], PORT)) }
    }

    fn wait_until_up(&self) {
        let limit = Instant::now() + Duration::from_secs(20);
        while self.status().is_none() {
            assert!(Instant::now() < limit, "the box does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        // What it does once after the start is done.
        std::thread::sleep(Duration::from_secs(3));
    }

    fn status(&self) -> Option<serde_json::Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(["status", "--json"])
            .env("BRANCHLINE_SOCKET", self.folder.join("admin.sock"))
            .output()
            .ok()?;
        serde_json::from_slice(&output.stdout).ok()
    }

    fn look(&self) -> Look {
        let process = format!("/proc/{}", self.process.id());
        let status = fs::read_to_string(format!("{process}/status")).expect("it runs");
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number")
        };
        let told = self.status().expect("a status");
        Look {
            memory: of("VmRSS:"),
            threads: of("Threads:") as usize,
            descriptors: fs::read_dir(format!("{process}/fd")).expect("it runs").count(),
            ports: told["ports_in_use"].as_u64().expect("a number"),
            calls: told["calls"].as_u64().expect("a number"),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn socket(at: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(at).expect("an address");
    socket.set_nonblocking(true).expect("no waiting");
    socket
}

/// A header's value; the first where there are several.
fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let mut lines = message.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

fn sound_of(message: &str) -> Option<SocketAddr> {
    let (_, rest) = message.split_once("m=audio ")?;
    let port = rest.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}

fn description(at: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0\r\n",
        at.ip(),
        at.port()
    )
}

fn with_body(mut message: String, body: &str) -> String {
    if !body.is_empty() {
        message += "Content-Type: application/sdp\r\n";
    }
    write!(message, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("text");
    message
}

/// One party's sound.
struct Sound {
    socket: UdpSocket,
    to: Option<SocketAddr>,
    sent: u16,
}

impl Sound {
    fn new(host: [u8; 4], to: Option<SocketAddr>) -> Sound {
        Sound { socket: socket(SocketAddr::from((host, 0))), to, sent: 0 }
    }

    fn at(&self) -> SocketAddr {
        self.socket.local_addr().expect("bound")
    }

    /// Sends a packet; answers how many have come.
    fn frame(&mut self) -> u64 {
        if let Some(to) = self.to {
            let mut packet = [0x55; 172];
            packet[..2].copy_from_slice(&[0x80, 0]);
            packet[2..4].copy_from_slice(&self.sent.to_be_bytes());
            packet[4..8].copy_from_slice(&(u32::from(self.sent) * 160).to_be_bytes());
            packet[8..12].copy_from_slice(&[0, 0, 0, 7]);
            let _ = self.socket.send_to(&packet, to);
            self.sent = self.sent.wrapping_add(1);
        }
        let mut buffer = [0; 2_048];
        std::iter::from_fn(|| self.socket.recv(&mut buffer).ok()).count() as u64
    }
}

/// A call that the carrier makes.
struct Call {
    /// The INVITE, to be repeated in parts.
    to: String,
    /// The whole of the To header once the box has answered.
    tagged: Option<String>,
    ends: Instant,
    /// Whether a BYE or CANCEL has gone.
    ending: bool,
    sound: Sound,
    dialled: Instant,
}

/// Everybody but the box.
struct Load {
    sip: SocketAddr,
    carrier: UdpSocket,
    far: UdpSocket,
    random: Random,
    wanted: usize,
    mean: Duration,
    calls: BTreeMap<u64, Call>,
    /// The far trunk's side, by Call-ID.
    answered: BTreeMap<String, Sound>,
    number: u64,
    done: u64,
    failed: u64,
    sent: u64,
    heard: u64,
    next: Instant,
}

impl Load {
    fn new(sip: SocketAddr, wanted: usize, mean: Duration) -> Load {
        Load {
            sip,
            carrier: socket(SocketAddr::from((CARRIER, 5_060))),
            far: socket(SocketAddr::from((FAR, FAR_PORT))),
            random: Random::from_number(1),
            wanted,
            mean,
            calls: BTreeMap::new(),
            answered: BTreeMap::new(),
            number: 0,
            done: 0,
            failed: 0,
            sent: 0,
            heard: 0,
            next: Instant::now(),
        }
    }

    fn line(&self) -> String {
        format!("{} done, {} failed, {} packets heard", self.done, self.failed, self.heard)
    }

    fn stop(&mut self) {
        self.wanted = 0;
        self.calls.values_mut().for_each(|call| call.ends = Instant::now());
    }

    /// One frame: who is to begin begins, who is to end ends, everybody speaks and listens.
    fn turn(&mut self) {
        self.next += FRAME;
        std::thread::sleep(self.next.saturating_duration_since(Instant::now()));
        // Not all at once, as no branch is called.
        if self.calls.len() < self.wanted {
            self.dial();
        }
        self.end_calls();
        self.carrier_hears();
        self.far_hears();
        for sound in
            self.calls.values_mut().map(|call| &mut call.sound).chain(self.answered.values_mut())
        {
            self.heard += sound.frame();
            self.sent += 1;
        }
    }

    fn dial(&mut self) {
        self.number += 1;
        let number = self.number;
        let to = match self.random.below(10) {
            0 => "+15550100".to_owned(),
            1 | 2 => "+15550101".to_owned(),
            // The last digit says what the far end does: 8 is busy, 9 rings for ever.
            _ => format!("+1408555{:04}", number % 10_000),
        };
        let share = (self.random.below(1_000_000) as f64 + 1.0) / 1_000_001.0;
        let length = self.mean.mul_f64(-share.ln()).min(self.mean * 8);
        let sound = Sound::new(CARRIER, None);
        self.send("INVITE", number, &to, None, &description(sound.at()));
        let now = Instant::now();
        let call =
            Call { to, tagged: None, ends: now + length, ending: false, sound, dialled: now };
        self.calls.insert(number, call);
    }

    fn send(&self, method: &str, number: u64, to: &str, tagged: Option<&str>, body: &str) {
        let own = self.carrier.local_addr().expect("bound");
        let (branch, cseq) = match method {
            "BYE" => ("b", 2),
            _ => ("i", 1),
        };
        let plain = format!("<sip:{to}@127.0.0.1>");
        let message = format!(
            "{method} sip:{to}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch}{number}\r\n\
             From: <sip:+15557654321@127.0.0.9>;tag=c{number}\r\nTo: {}\r\nCall-ID: soak{number}\r\n\
             CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:carrier@{own}>\r\n",
            tagged.unwrap_or(&plain)
        );
        let _ = self.carrier.send_to(with_body(message, body).as_bytes(), self.sip);
    }

    fn end_calls(&mut self) {
        let now = Instant::now();
        let due: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, call)| call.ends <= now && !call.ending)
            .map(|(number, _)| *number)
            .collect();
        for number in due {
            let Some(call) = self.calls.get_mut(&number) else { continue };
            call.ending = true;
            let (to, tagged) = (call.to.clone(), call.tagged.clone());
            let method = if tagged.is_some() { "BYE" } else { "CANCEL" };
            self.send(method, number, &to, tagged.as_deref(), "");
        }
        // Loopback loses next to nothing; what hangs for a minute after its end hangs in the box.
        let limit = Duration::from_secs(60);
        let hanging = |call: &Call| {
            call.ending && now.saturating_duration_since(call.ends.max(call.dialled)) > limit
        };
        let before = self.calls.len();
        self.calls.retain(|_, call| !hanging(call));
        self.failed += (before - self.calls.len()) as u64;
    }

    fn carrier_hears(&mut self) {
        let mut buffer = [0; 65_536];
        while let Ok((length, _)) = self.carrier.recv_from(&mut buffer) {
            let Ok(message) = std::str::from_utf8(&buffer[..length]) else { continue };
            if !message.starts_with("SIP/2.0") {
                // A BYE of the box's, when the other side has hung up.
                let ended = number_of(message).filter(|_| message.starts_with("BYE"));
                let answer = answer_to(message, 200, "OK", "");
                let _ = self.carrier.send_to(answer.as_bytes(), self.sip);
                if ended.is_some_and(|number| self.calls.remove(&number).is_some()) {
                    self.done += 1;
                }
                continue;
            }
            self.carrier_is_answered(message);
        }
    }

    fn carrier_is_answered(&mut self, message: &str) {
        let code: u16 = message.get(8..11).and_then(|code| code.parse().ok()).unwrap_or(0);
        let Some(number) = number_of(message) else { return };
        let cseq = header(message, "CSeq");
        if code < 200 || cseq.ends_with("CANCEL") {
            return;
        }
        if cseq.ends_with("BYE") {
            self.done += u64::from(self.calls.remove(&number).is_some());
            return;
        }
        let (to, tagged) = match self.calls.get(&number) {
            Some(call) => (call.to.clone(), header(message, "To").to_owned()),
            None => return,
        };
        let request = if code < 300 { "ACK" } else { "ACK " };
        self.acknowledge(number, &to, &tagged, request.trim_end(), code);
        if code >= 300 {
            // Nobody answered, busy, given up; anything else is a reason of the box's own.
            self.failed += u64::from(!matches!(code, 480 | 486 | 487));
            self.done += u64::from(self.calls.remove(&number).is_some());
        } else if let Some(call) = self.calls.get_mut(&number) {
            call.sound.to = sound_of(message);
            let answered_too_late = call.ending;
            call.tagged = Some(tagged);
            call.ending = false;
            if answered_too_late {
                call.ends = Instant::now();
            }
        }
    }

    fn acknowledge(&self, number: u64, to: &str, tagged: &str, method: &str, code: u16) {
        let own = self.carrier.local_addr().expect("bound");
        // The ACK of a refusal belongs to the INVITE's transaction, that of a 200 is one of its own.
        let branch = if code < 300 { "a" } else { "i" };
        let message = format!(
            "{method} sip:{to}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch}{number}\r\n\
             From: <sip:+15557654321@127.0.0.9>;tag=c{number}\r\nTo: {tagged}\r\nCall-ID: soak{number}\r\n\
             CSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let _ = self.carrier.send_to(message.as_bytes(), self.sip);
    }

    /// The far trunk: takes calls, is busy, or lets it ring.
    fn far_hears(&mut self) {
        let mut buffer = [0; 65_536];
        while let Ok((length, _)) = self.far.recv_from(&mut buffer) {
            let Ok(message) = std::str::from_utf8(&buffer[..length]) else { continue };
            let call = header(message, "Call-ID").to_owned();
            let answers = match message.split(' ').next().unwrap_or_default() {
                "INVITE" => self.far_is_called(message, call),
                "CANCEL" => {
                    let invite = message.replace("CANCEL", "INVITE");
                    vec![
                        answer_to(message, 200, "OK", ""),
                        answer_to(&invite, 487, "Request Terminated", ""),
                    ]
                }
                "BYE" => {
                    self.answered.remove(&call);
                    vec![answer_to(message, 200, "OK", "")]
                }
                "OPTIONS" => vec![answer_to(message, 200, "OK", "")],
                _ => Vec::new(),
            };
            for answer in answers {
                let _ = self.far.send_to(answer.as_bytes(), self.sip);
            }
        }
    }

    fn far_is_called(&mut self, message: &str, call: String) -> Vec<String> {
        let dialled = message.split(['@', ' ']).nth(1).unwrap_or_default();
        if dialled.ends_with('8') {
            return vec![answer_to(message, 486, "Busy Here", "")];
        }
        let ringing = answer_to(message, 180, "Ringing", "");
        if dialled.ends_with('9') {
            return vec![ringing];
        }
        let sound = self.answered.entry(call).or_insert_with(|| Sound::new(FAR, sound_of(message)));
        let answer = answer_to(message, 200, "OK", &description(sound.at()));
        vec![ringing, answer]
    }
}

fn number_of(message: &str) -> Option<u64> {
    header(message, "Call-ID").strip_prefix("soak")?.parse().ok()
}

fn answer_to(request: &str, code: u16, phrase: &str, body: &str) -> String {
    let tag = if header(request, "To").contains("tag=") { "" } else { ";tag=far" };
    let mut answer = format!("SIP/2.0 {code} {phrase}\r\n");
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        write!(answer, "{name}: {}\r\n", header(request, name)).expect("text");
    }
    let contact = SocketAddr::from((FAR, FAR_PORT));
    write!(answer, "To: {}{tag}\r\nContact: <sip:far@{contact}>\r\n", header(request, "To"))
        .expect("text");
    with_body(answer, body)
}
