//! A customer who is known at one branch is known at the next: two demo branches and a hub, each a process of its own.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::Folder;

/// As long as a condition may take: much more than it does, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(120);
/// Ports of the two branches: nobody else's, and below those that the kernel gives away.
const PORTS: [u16; 2] = [9_000, 10_000];
/// What the branches of the house let out, and what they share.
const POLICY: &str = "\n[uplink.policy]\nname = \"send\"\nfield = \"send\"\nkey_file = \"@KEY@\"\n";

/// A program that says in one line of JSON when it is ready; it ends with the test.
struct Program {
    process: Child,
    ready: Value,
}

impl Program {
    fn start(arguments: &[&str]) -> Program {
        let mut process = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let output = process.stdout.take().expect("its output is a pipe");
        let line = BufReader::new(output).lines().next().expect("a line").expect("text");
        Program { process, ready: serde_json::from_str(&line).expect("JSON") }
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().expect("text")
    }

    fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let pid = i32::try_from(self.process.id()).expect("a pid");
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        let _ = self.process.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// A branch that is let in at the hub and lets out what the house shares.
fn branch(folder: &Path, at: usize, hub: &str) -> Program {
    let (dir, name) = (folder.join(format!("branch{at}")), ["berne", "basel"][at]);
    let (port, hub_dir) = (PORTS[at].to_string(), folder.join("hub"));
    let token = Command::new(env!("CARGO_BIN_EXE_branchline"))
        .args(["hub", "token", name, "--dir", path(&hub_dir)])
        .output()
        .expect("the program runs");
    let token = String::from_utf8(token.stdout).expect("text");
    let own = ["demo", "--json", "--dir", path(&dir), "--port-base", &port, "--hub", hub];
    Program::start(&[&own[..], &["--token", token.trim()]].concat()).stop();
    let config = dir.join("gateway.toml");
    let mut file = fs::OpenOptions::new().append(true).open(&config).expect("its configuration");
    let policy = POLICY.replace("@KEY@", path(&folder.join("key")));
    file.write_all(policy.as_bytes()).expect("written");
    Program::start(&own)
}

impl Program {
    /// Asks the branch's API.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--max-time", "20", "--write-out", "\n%{http_code}"]);
        curl.args(["--cacert", self.text("certificate"), "-X", method]);
        curl.args(["-H", &format!("Authorization: Bearer {}", self.text("token"))]);
        if let Some(body) = body {
            curl.args(["-H", "Content-Type: application/json", "--data-binary", &body.to_string()]);
        }
        let url = format!("https://{}/api/v1{path}", self.text("https"));
        let output = curl.arg(url).output().expect("curl runs; tests/run installs it");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, code) = text.rsplit_once('\n').expect("a status");
        (code.parse().expect("a number"), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// What the branch knows of whoever has a number: the one contact of theirs.
    fn contact(&self, number: &str) -> Option<Value> {
        let who = format!("phone:{}", number.replace('+', "%2B"));
        let (status, found) = self.ask("GET", &format!("/people?identity={who}"), None);
        assert!(status == 200 || status == 503, "{status} {found}");
        found["items"][0]["contacts"].get(0).cloned()
    }

    fn create(&self, number: &str, name: &str) {
        let body = json!({"fields": {"name": name}, "identities": [format!("phone:{number}")]});
        let (status, made) = self.ask("POST", "/people", Some(&body));
        assert_eq!(status, 201, "{made}");
    }

    fn erase(&self, number: &str) {
        let contact = self.contact(number).expect("a contact");
        let id = contact["contact"].as_str().expect("an id");
        let (status, done) = self.ask("DELETE", &format!("/people/{id}"), None);
        assert_eq!(status, 200, "{done}");
    }

    fn say(&self, number: &str, name: &str, value: &str) {
        let contact = self.contact(number).expect("a contact");
        let id = contact["contact"].as_str().expect("an id").to_owned();
        let body = json!({"fields": {name: value}});
        let (status, done) = self.ask("PATCH", &format!("/people/{id}"), Some(&body));
        assert_eq!(status, 200, "{done}");
    }

    fn field(&self, number: &str, name: &str) -> Option<String> {
        let contact = self.contact(number)?;
        contact["fields"][name]["now"]["value"].as_str().map(str::to_owned)
    }
}

fn wait(what: &str, mut is: impl FnMut() -> bool) -> Duration {
    let since = Instant::now();
    while !is() {
        assert!(since.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
    since.elapsed()
}

/// Calls a branch as its carrier; answers the first ring or answer.
fn call(to: &Program, port: u16, from: &str) -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time");
    let own = socket.local_addr().expect("an address");
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\n",
        own.port()
    );
    let invite = format!(
        "INVITE sip:+15550100@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKdown\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{from}@127.0.0.1>;tag=1\r\nTo: <sip:+15550100@127.0.0.1>\r\n\
         Call-ID: down@{own}\r\nCSeq: 1 INVITE\r\nContact: <sip:{own}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.send_to(invite.as_bytes(), ("127.0.0.1", port)).expect("sent");
    assert!(to.ready["ready"].as_bool().unwrap_or(false));
    let mut datagram = [0; 4_096];
    loop {
        let length = socket.recv(&mut datagram).expect("an answer");
        let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
        let status: u16 = text.get(8..11).and_then(|code| code.parse().ok()).unwrap_or(0);
        assert!(status < 300, "{text}");
        if status > 100 {
            return (socket, text);
        }
    }
}

/// Whether the hub has an event with these words.
fn hub_has(folder: &Path, words: &[&str]) -> bool {
    fn files(folder: &Path, all: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => files(&entry.path(), all),
                _ => all.push(entry.path()),
            }
        }
    }
    let mut all = Vec::new();
    files(&folder.join("hub"), &mut all);
    let has = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|at| at == word.as_bytes());
    all.iter()
        .filter_map(|file| fs::read(file).ok())
        .any(|bytes| words.iter().all(|word| has(&bytes, word)))
}

#[test]
fn a_customer_of_one_branch_is_known_at_the_next() {
    const ANN: &str = "+14085551201";
    const BEA: &str = "+14085551202";
    let folder = Folder::new("down");
    fs::write(folder.0.join("key"), [7; 32]).expect("a key");
    let hub_dir = folder.0.join("hub");
    let own = ["hub", "--dir", path(&hub_dir), "--listen", "127.0.0.1:0", "--json"];
    let hub = Program::start(&own);
    let at = hub.ready["listen"][0].as_str().expect("an address").to_owned();
    let (berne, basel) = (branch(&folder.0, 0, &at), branch(&folder.0, 1, &at));

    // Both know Ann; what the one says is seen at the other.
    berne.create(ANN, "Ann Lee");
    basel.create(ANN, "Ann Lee");
    wait("basel to be known at berne", || {
        berne.contact(ANN).is_some_and(|contact| contact["elsewhere"][0]["site"] == "basel")
    });
    berne.say(ANN, "city", "Berne");
    let took = wait("the city at basel", || basel.field(ANN, "city").as_deref() == Some("Berne"));
    println!("a change at berne was seen at basel after {:.2} s", took.as_secs_f64());
    let contact = basel.contact(ANN).expect("a contact");
    assert_eq!(contact["fields"]["city"]["now"]["source"], "branch", "{contact}");
    assert_eq!(contact["fields"]["city"]["now"]["by"], "berne", "{contact}");

    // Nobody at basel knows Bea, who calls there.
    berne.create(BEA, "Bea Muster");
    wait("Bea at the hub", || hub_has(&folder.0, &["Bea Muster"]));
    assert_eq!(basel.contact(BEA), None);
    let (_socket, answer) = call(&basel, PORTS[1], BEA);
    let began = Instant::now();
    wait("Bea at basel", || basel.field(BEA, "name").as_deref() == Some("Bea Muster"));
    let first = answer.lines().next().unwrap_or_default();
    println!("after `{first}` she was known in {:.2} s", began.elapsed().as_secs_f64());

    // Berne erases Bea: at basel a person is asked, who says yes, and basel confirms it.
    berne.erase(BEA);
    let took = wait("the question at basel", || {
        basel.contact(BEA).is_some_and(|contact| contact["wanted"][0]["waits"] == true)
    });
    let contact = basel.contact(BEA).expect("a contact");
    assert_eq!(contact["wanted"][0]["site"], "berne", "{contact}");
    wait("that somebody is asked to be at the hub", || {
        hub_has(&folder.0, &["\"event\":\"confirmed\"", "\"done\":false,\"waits\":true"])
    });
    basel.erase(BEA);
    assert_eq!(basel.contact(BEA), None);
    wait("the confirmation at the hub", || {
        hub_has(&folder.0, &["\"event\":\"confirmed\"", "\"site\":\"berne\"", "\"done\":true"])
    });
    println!("her erasure at berne was a question at basel after {:.2} s", took.as_secs_f64());
    let number = BEA.trim_start_matches('+');
    assert!(!hub_has(&folder.0, &[number]), "her number never reached the hub");
    assert_eq!(basel.field(ANN, "city").as_deref(), Some("Berne"), "and Ann is still known");
}
