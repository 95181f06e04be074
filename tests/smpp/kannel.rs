//! Kannel's bearerbox and smsbox at our message centre.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use branchline::smpp::join::{Joiner, Origin};
use branchline::smpp::pdu::{Message, RECEIPT};
use branchline::smpp::receipt::{Receipt, State};
use branchline::smpp::session::Limits;
use branchline::smpp::status::Status;
use branchline::smpp::text::{Content, Plain};
use branchline::time::{Now, UnixTime};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::peers::{Centre, LONG, free_port, message};

/// Both programs, their folder, and what they ask over HTTP.
pub struct Kannel {
    processes: Vec<Child>,
    folder: PathBuf,
    sendsms: u16,
    page: u16,
    asked: mpsc::UnboundedReceiver<String>,
}

impl Kannel {
    pub async fn start(centre: u16) -> Kannel {
        let (admin, boxes, sendsms) = (free_port(), free_port(), free_port());
        let (page, asked) = listen().await;
        let folder = std::env::temp_dir()
            .join(format!("branchline-kannel-{}-{sendsms}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("kannel.conf");
        fs::write(&file, settings(admin, boxes, sendsms, page, centre)).expect("written");
        let run = |program: &str| {
            let quiet = Stdio::null;
            let mut command = Command::new(format!("/usr/sbin/{program}"));
            command.arg(&file).current_dir(&folder).stdin(quiet()).stdout(quiet()).stderr(quiet());
            command.spawn().expect("it runs; tests/run installs it")
        };
        let mut processes = vec![run("bearerbox")];
        reachable(boxes).await;
        processes.push(run("smsbox"));
        reachable(sendsms).await;
        Kannel { processes, folder, sendsms, page, asked }
    }

    /// Sends a text; `more` are further parameters of Kannel's.
    async fn send(&self, text: &str, more: &str) {
        self.send_to("15550101", text, more).await;
    }

    pub async fn send_to(&self, to: &str, text: &str, more: &str) {
        let to = escaped(to);
        let receipts = escaped(&format!("http://127.0.0.1:{}/dlr?d=%d", self.page));
        let text = escaped(text);
        let path = format!(
            "/cgi-bin/sendsms?username=u&password=p&from=15550100&to={to}&text={text}\
             &charset=UTF-8&dlr-mask=31&dlr-url={receipts}{more}"
        );
        let answer = get(self.sendsms, &path).await;
        assert!(answer.contains("202"), "{answer}");
    }

    /// The next thing it asks the page for.
    pub async fn asks(&mut self) -> String {
        timeout(LONG, self.asked.recv()).await.expect("in time").expect("it listens")
    }
}

impl Drop for Kannel {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn settings(admin: u16, boxes: u16, sendsms: u16, page: u16, centre: u16) -> String {
    format!(
        "group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = secret
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
dlr-storage = internal
sms-resend-freq = 1
log-level = 4

group = smsc
smsc = smpp
smsc-id = branch
host = 127.0.0.1
port = {centre}
smsc-username = shop
smsc-password = secret
system-type = \"\"
transceiver-mode = 1
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-level = 4

group = sendsms-user
username = u
password = p
concatenation = true
max-messages = 10

group = sms-service
keyword = default
get-url = \"http://127.0.0.1:{page}/mo?from=%p&text=%a\"
max-messages = 0
"
    )
}

/// A page that answers everything with nothing, and tells what it was asked for.
async fn listen() -> (u16, mpsc::UnboundedReceiver<String>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = socket.local_addr().expect("its address").port();
    let (tells, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let tells = tells.clone();
            tokio::spawn(async move {
                let mut octets = vec![0; 4_096];
                let taken = stream.read(&mut octets).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&octets[..taken]).into_owned();
                let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                let empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(empty).await;
                let _ = tells.send(path);
            });
        }
    });
    (port, told)
}

async fn reachable(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(start.elapsed() < LONG, "nobody listens on {port}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    timeout(LONG, stream.read_to_end(&mut answer)).await.expect("in time").expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

fn escaped(text: &str) -> String {
    text.bytes().map(|octet| format!("%{octet:02X}")).collect()
}

fn receipt(id: &str) -> Message {
    let done = UnixTime(1_700_000_000_000_000);
    let (id, error) = (id.to_owned(), String::new());
    let receipt =
        Receipt { id, state: State::Delivered, error, done: Some(done), intermediate: false };
    let short_message = Bytes::from(receipt.text(done, "hello").into_bytes());
    Message {
        esm_class: RECEIPT,
        short_message,
        tlvs: receipt.tlvs(),
        ..message("+15550101", "+15550100")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kannel_binds_is_throttled_comes_again_and_gets_its_receipts() {
    let mut centre = Centre::open(Limits::default(), None, None).await;
    let mut kannel = Kannel::start(centre.port).await;
    centre.bound().await;

    kannel.send("hello @ from Kannel", "").await;
    let (link, handle, first) = centre.message().await;
    assert_eq!(Content::of(&first, Plain::Gsm).text().as_deref(), Some("hello @ from Kannel"));
    assert!(first.wants_receipt());
    centre.server.answer(link, handle, Status::THROTTLED, None);
    let again = centre.take("1001").await;
    assert_eq!(again.short_message, first.short_message, "it is put back and comes again");
    assert_eq!(kannel.asks().await, "/dlr?d=8", "accepted");
    centre.deliver(receipt("1001"));
    assert_eq!(kannel.asks().await, "/dlr?d=1", "delivered");

    let text = Bytes::from_static(b"hello from the branch");
    centre.deliver(Message { short_message: text, ..message("+15550101", "+15550100") });
    let asked = kannel.asks().await;
    assert!(asked.starts_with("/mo?") && asked.ends_with("text=hello+from+the+branch"), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_of_kannel_become_one() {
    let mut centre = Centre::plain().await;
    let kannel = Kannel::start(centre.port).await;
    centre.bound().await;
    let mut joiner = Joiner::default();
    let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
    for (text, more) in [("Kannel ".repeat(60), ""), ("日本 ".repeat(50), "&coding=2")] {
        kannel.send(&text, more).await;
        let joined = loop {
            let got = centre.take("7").await;
            assert!(got.headed() && got.short_message.len() <= 160);
            let origin = Origin { link: "shop".into(), from: got.from.shown(), to: got.to.shown() };
            joiner.handle_part(now, origin, Content::of(&got, Plain::Gsm), got.short_message.len());
            if let Some(joined) = joiner.poll_output() {
                break joined;
            }
        };
        assert_eq!(joined.text.as_deref(), Some(text.as_str()));
        assert!(joined.parts.len() > 1);
    }
}
