//! Nobody is cut off by an update: the box starts anew behind the last call.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

use crate::made::Made;
use crate::site::{Folder, PATIENCE, Site};

/// Several looks at what is up.
const TALK: Duration = Duration::from_secs(3);

/// Somebody outside who talks to the echo.
struct Caller {
    line: UdpSocket,
    branch: SocketAddr,
    to: String,
}

impl Caller {
    fn call(branch: SocketAddr) -> Caller {
        let line = UdpSocket::bind("127.0.0.1:0").unwrap();
        line.connect(branch).unwrap();
        line.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut caller = Caller { line, branch, to: format!("<sip:+15550100@{branch}>") };
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 9000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
        caller.send("INVITE", 1, sdp);
        let answer = caller.answer("INVITE");
        let to = answer.lines().find_map(|line| line.strip_prefix("To: "));
        caller.to = to.unwrap().to_owned();
        caller.send("ACK", 1, "");
        caller
    }

    fn hang_up(&self) {
        self.send("BYE", 2, "");
        self.answer("BYE");
    }

    fn send(&self, method: &str, cseq: u32, sdp: &str) {
        let own = self.line.local_addr().unwrap();
        let (Caller { branch, to, .. }, length) = (self, sdp.len());
        let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} sip:+15550100@{branch} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{cseq}{method}\r\n\
             From: <sip:+15557654321@{own}>;tag=1\r\nTo: {to}\r\nCall-ID: updates-{own}\r\nCSeq: {cseq} {method}\r\n\
             Max-Forwards: 70\r\nContact: <sip:+15557654321@{own}>\r\n{kind}Content-Length: {length}\r\n\r\n{sdp}"
        );
        self.line.send(text.as_bytes()).unwrap();
    }

    /// The final answer to a request, which is good.
    fn answer(&self, method: &str) -> String {
        let mut buffer = [0; 4_096];
        loop {
            let length = self.line.recv(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let of = text.lines().any(|line| line.starts_with("CSeq: ") && line.ends_with(method));
            if of && !text.starts_with("SIP/2.0 1") {
                assert!(text.starts_with("SIP/2.0 200"), "{text}");
                return text;
            }
        }
    }
}

#[test]
fn the_box_starts_anew_when_the_last_call_is_over() {
    let folder = Folder::new("updates-branch");
    let site = Site::new(&folder.0, &folder.0.join("data"));
    let (running, _) = site.start();
    let caller = Caller::call(site.sip);
    let up = site.ask(&["calls", "--active"]).unwrap();
    assert_eq!(up.as_array().unwrap().len(), 1);

    let made = Made::new("calls", "");
    let anew = made.path("anew");
    let update = made.difference("good");
    let mut command = made.command(&[]);
    command.arg(&update).args(["--now", "--restart"]);
    command.arg("--socket").arg(folder.0.join("admin.sock"));
    command.arg("--order").arg(format!("touch {}", anew.display()));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.next().unwrap().starts_with("version 2 is in slot b"));
    assert_eq!(said.next().unwrap(), "1 call is up: the box starts anew when the last is over");
    assert!(made.has_it());
    // Longer than it looks for calls, and longer than nothing: it goes on waiting.
    let talked = std::time::Instant::now();
    site.until("three seconds of talk", || (talked.elapsed() > TALK).then_some(()));
    assert!(child.try_wait().unwrap().is_none() && !anew.exists(), "a call was up");

    caller.hang_up();
    assert_eq!(said.next().unwrap(), "the box starts anew");
    assert!(child.wait().unwrap().success() && anew.exists());
    running.stop();
}
