//! A customer with a phone that writes and is written to (RFC 3428): SIPp writes, a socket of the test's reads.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::pages::Site;
use crate::peer::{Setting, Sipp};
use crate::shift::register;

/// The branch takes texts of its phones, and the agents of support answer.
const CHANNEL: &str = "\n[channels.phones]\nkind = \"sip\"\nqueue = \"support\"\n";

impl Site {
    /// A demo branch with a channel of texts, and a browser before it.
    pub fn with_texts() -> Site {
        Site::with(|text| format!("{text}{CHANNEL}"))
    }
}

/// One customer at an extension of the branch.
pub struct Customer {
    user: &'static str,
    port: u16,
    got: Arc<Mutex<Vec<String>>>,
}

impl Customer {
    /// A phone that is registered, and reads. `port`: above the first free one.
    pub fn at(site: &Site, user: &'static str, port: u16) -> Customer {
        register(site, user, port);
        let socket = UdpSocket::bind((site.branch.sip.ip(), site.branch.free + port));
        let socket = socket.expect("the phone's port is free");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a time");
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::downgrade(&got);
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            // For as long as the customer is there.
            while let Some(kept) = kept.upgrade() {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let _ = socket.send_to(answer(head).as_bytes(), from);
                    if head.starts_with("MESSAGE ") {
                        kept.lock().expect("nobody panics").push(body.to_owned());
                    }
                }
            }
        });
        Customer { user, port: port + 20, got }
    }

    /// Writes to the branch, which has it on the disk when this returns.
    pub fn writes(&self, site: &Site, text: &str) {
        let keys = [("to", "700".to_owned()), ("text", text.to_owned())];
        let setting = Setting {
            scenario: "phone_writes",
            port: site.branch.free + self.port,
            keys: &keys,
            account: Some((self.user, &site.branch.password(self.user))),
            transport: "u1",
        };
        Sipp::start(&site.branch, &setting).succeeds();
    }

    /// What was written to this phone, in the order in which it came.
    pub fn got(&self) -> Vec<String> {
        self.got.lock().expect("nobody panics").clone()
    }

    /// Waits until the last text is this one.
    pub fn reads(&self, site: &Site, text: &str) {
        let last = || self.got().last().is_some_and(|last| last == text);
        site.branch.until(&format!("the text {text}"), || last().then_some(()));
    }
}

/// 200 with the head of the request (RFC 3261 section 8.2.6). `To` stands last, so that its tag is put behind it.
fn answer(head: &str) -> String {
    let own = |name: &str| -> Vec<&str> {
        head.lines().filter(|line| line.to_lowercase().starts_with(name)).collect()
    };
    let lines = ["via:", "from:", "call-id:", "cseq:", "to:"].map(own).concat().join("\r\n");
    format!("SIP/2.0 200 OK\r\n{lines};tag=customer\r\nContent-Length: 0\r\n\r\n")
}
