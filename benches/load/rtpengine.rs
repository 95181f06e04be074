//! rtpengine, and just enough of its control protocol (`ng`: a cookie and a bencoded dictionary in a datagram).

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::server::{cpu, is_installed, memory, on_its_cores};

const CONTROL: u16 = 28_080;

/// The daemon, in user space.
pub struct RtpEngine {
    process: Child,
    control: UdpSocket,
    cookie: usize,
}

impl RtpEngine {
    /// Starts it, if it is installed.
    pub fn start() -> Option<RtpEngine> {
        if !is_installed("rtpengine") {
            return None;
        }
        let mut command = on_its_cores("rtpengine");
        command.args([
            "--foreground",
            "--log-stderr",
            "--log-level=2",
            "--table=-1",
            "--num-threads=2",
        ]);
        command.args(["--interface=127.0.0.1", "--port-min=10000", "--port-max=27999"]);
        command.arg(format!("--listen-ng=127.0.0.1:{CONTROL}"));
        let process = command.spawn().expect("rtpengine starts");
        let control = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
        control.connect(("127.0.0.1", CONTROL)).expect("loopback");
        control.set_read_timeout(Some(Duration::from_millis(200))).expect("a time limit");
        let mut engine = RtpEngine { process, control, cookie: 0 };
        let limit = Instant::now() + PATIENCE;
        while engine.ask(&[("command", "ping")]).is_none() {
            assert!(Instant::now() < limit, "rtpengine does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(engine)
    }

    pub fn cpu(&self) -> f64 {
        cpu(self.process.id())
    }

    pub fn memory(&self) -> f64 {
        memory(self.process.id())
    }

    /// A call with an offer and an answer. Answers where each of the two sends to.
    pub fn call(&mut self, call: usize, offer: &str, answer: &str) -> Option<[SocketAddr; 2]> {
        let id = format!("call{call}");
        let offered =
            self.ask(&[("call-id", &id), ("command", "offer"), ("from-tag", "a"), ("sdp", offer)])?;
        let answered = self.ask(&[
            ("call-id", &id),
            ("command", "answer"),
            ("from-tag", "a"),
            ("sdp", answer),
            ("to-tag", "b"),
        ])?;
        Some([crate::calls::sound_of(&answered)?, crate::calls::sound_of(&offered)?])
    }

    pub fn forget(&mut self, call: usize) {
        let id = format!("call{call}");
        let _ = self.ask(&[("call-id", &id), ("command", "delete"), ("from-tag", "a")]);
    }

    /// Sends a command; keys in their order. Answers the whole reply.
    fn ask(&mut self, fields: &[(&str, &str)]) -> Option<String> {
        self.cookie += 1;
        let fields: BTreeMap<_, _> =
            fields.iter().collect::<Vec<_>>().into_iter().copied().collect();
        let words = |text: &str| format!("{}:{text}", text.len());
        let body: String =
            fields.into_iter().map(|(key, value)| words(key) + &words(value)).collect();
        self.control.send(format!("{} d{body}e", self.cookie).as_bytes()).ok()?;
        let mut buffer = [0; 65_536];
        let length = self.control.recv(&mut buffer).ok()?;
        let reply = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let whose = reply.split(' ').next()?.parse::<usize>().ok()?;
        (whose == self.cookie && !reply.contains("6:result5:error")).then_some(reply)
    }
}

impl Drop for RtpEngine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
