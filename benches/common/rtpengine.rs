//! rtpengine, and just enough of its control protocol (`ng`: a cookie and a bencoded dictionary in a datagram).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::sip::sound_of;

const CONTROL: u16 = 28_080;
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(5);

/// The daemon in user space, begun by `command`, with its sound at `host`. It ends with `Drop`.
pub struct Daemon(pub Child);

impl Daemon {
    pub fn start(mut command: Command, host: IpAddr, ports: &RangeInclusive<u16>) -> Daemon {
        command.args([
            "--foreground",
            "--log-stderr",
            "--log-level=2",
            "--table=-1",
            "--num-threads=2",
        ]);
        command.arg(format!("--interface={host}"));
        command.arg(format!("--port-min={}", ports.start()));
        command.arg(format!("--port-max={}", ports.end()));
        command.arg(format!("--listen-ng={host}:{CONTROL}"));
        Daemon(command.spawn().expect("rtpengine starts"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Who tells it of calls.
pub struct Control {
    socket: UdpSocket,
    cookie: usize,
}

impl Control {
    /// Asks at `host` until it answers.
    pub fn connect(host: IpAddr) -> Control {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
        socket.connect((host, CONTROL)).expect("a way");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a time limit");
        let mut control = Control { socket, cookie: 0 };
        let limit = Instant::now() + PATIENCE;
        while control.ask([("command", word("ping"))]).is_none() {
            assert!(Instant::now() < limit, "rtpengine does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        control
    }

    /// A call with an offer and an answer, under `flags`. Answers where each of the two sends to.
    pub fn call(
        &mut self,
        call: usize,
        offer: &str,
        answer: &str,
        flags: &[&str],
    ) -> Option<[SocketAddr; 2]> {
        self.call_with(call, offer, answer, flags, None)
    }

    /// The same, where who is called is offered this codec as well.
    pub fn call_with(
        &mut self,
        call: usize,
        offer: &str,
        answer: &str,
        flags: &[&str],
        codec: Option<&str>,
    ) -> Option<[SocketAddr; 2]> {
        let common = |command| {
            let flags: String = flags.iter().map(|flag| word(flag)).collect();
            [
                ("call-id", word(&format!("call{call}"))),
                ("command", word(command)),
                ("flags", format!("l{flags}e")),
                ("from-tag", word("a")),
            ]
        };
        let codec =
            codec.map(|codec| ("codec", format!("d{}l{}ee", word("transcode"), word(codec))));
        let first = [("sdp", word(offer))].into_iter().chain(codec);
        let offered = self.ask(common("offer").into_iter().chain(first))?;
        let last = [("sdp", word(answer)), ("to-tag", word("b"))];
        let answered = self.ask(common("answer").into_iter().chain(last))?;
        Some([sound_of(&answered)?, sound_of(&offered)?])
    }

    pub fn forget(&mut self, call: usize) {
        let id = word(&format!("call{call}"));
        let _ = self.ask([("call-id", id), ("command", word("delete")), ("from-tag", word("a"))]);
    }

    /// Sends a command. Answers the whole reply.
    fn ask<'k>(&mut self, fields: impl IntoIterator<Item = (&'k str, String)>) -> Option<String> {
        self.cookie += 1;
        // Keys go in their order.
        let fields: BTreeMap<&str, String> = fields.into_iter().collect();
        let body: String = fields.into_iter().map(|(key, value)| word(key) + &value).collect();
        self.socket.send(format!("{} d{body}e", self.cookie).as_bytes()).ok()?;
        let mut buffer = [0; 65_536];
        let length = self.socket.recv(&mut buffer).ok()?;
        let reply = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let whose = reply.split(' ').next()?.parse::<usize>().ok()?;
        (whose == self.cookie && !reply.contains("6:result5:error")).then_some(reply)
    }
}

fn word(text: &str) -> String {
    format!("{}:{text}", text.len())
}
