//! How many messages a box takes in over webhooks, each on the disk before it is answered, and what each costs.
//!
//! `cargo bench --bench webhooks` starts the release binary on cores 0 and 1 with its journal on the disk and a channel of
//! kind `hook`, and posts signed batches over HTTPS from the other cores: of 1 (over four connections, and over many), 10,
//! 100 and 500 messages of 5,000 people who are known by then. A line for each: messages a second from the first post to the
//! last answer (an answer means that all of its messages are on the disk), how long answers took, writes of the journal's
//! thread for each thousand messages (it syncs once for each), the box's processor time for each message, and how much later
//! the last message was listed by the API. `cargo bench --bench webhooks 100` measures that size alone; `BOX=FILE` in the
//! environment drives another binary.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

#[path = "../common/process.rs"]
#[allow(dead_code)]
mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use branchline::driver::channels::{Client, Reply};
use branchline::messaging::adapter::{Secret, proof};
use branchline::messaging::web::Ask;
use branchline::webhook::Reach;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// People who write.
const PEOPLE: u64 = 5_000;
/// How long each line measures.
const WINDOW: Duration = Duration::from_secs(5);
/// How long anything else may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Messages in a post, and posts that wait for their answers at once: as many as a provider keeps open to one receiver.
const SIZES: [(u64, usize); 5] = [(1, 4), (1, 24), (10, 16), (100, 8), (500, 4)];
/// Below the ports that are for audio.
const PORT: u16 = 15_443;

fn main() {
    let wanted: Vec<u64> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let own = std::process::id().to_string();
    let _ = Command::new("taskset").args(["-acp", "2-3", &own]).stdout(Stdio::null()).status();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let server = Server::start();
    runtime.block_on(server.wait_until_up());
    let begun = Instant::now();
    let driven = runtime.block_on(server.drive(100, 4, Some(PEOPLE)));
    println!(
        "{PEOPLE} people of whom nobody knew wrote once in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    // What is measured from here on does not pay for what is looked up of these.
    runtime.block_on(server.listed(driven.last));
    println!(
        "{:>5} {:>6} {:>11} {:>8} {:>8} {:>8} {:>13} {:>12} {:>10} {:>6}",
        "size",
        "posts",
        "messages/s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "writes/1000",
        "us of CPU",
        "listed ms",
        "later"
    );
    for (size, posts) in SIZES {
        if wanted.is_empty() || wanted.contains(&size) {
            runtime.block_on(server.line(size, posts));
        }
    }
}

/// The box.
struct Server {
    process: Child,
    folder: PathBuf,
    token: String,
    next: AtomicU64,
}

/// What came of driving it.
#[derive(Default)]
struct Driven {
    messages: u64,
    took: Vec<Duration>,
    later: u64,
    last: u64,
}

impl Server {
    fn start() -> Arc<Server> {
        let folder = std::env::temp_dir().join(format!("webhooks-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("hook"), SECRET).expect("the secret");
        let text = format!(
            "[site]\ndata_dir = \"{0}/data\"\n[admin]\nsocket = \"{0}/admin.sock\"\n[log]\nlevel = \"error\"\n\
             [sip]\nudp = [\"127.0.0.1:{1}\"]\ntcp = []\ntls = []\n[http]\nlisten = [\"127.0.0.1:{PORT}\"]\nrelays = [\"127.0.0.1\"]\n\
             [channels.text]\nkind = \"hook\"\n[channels.text.service]\nurl = \"https://127.0.0.1:1/\"\nnetwork = \"bench\"\n\
             private = true\nsigning = {{ file = \"{0}/hook\" }}\n",
            folder.display(),
            PORT + 1,
        );
        let config = folder.join("gateway.toml");
        fs::write(&config, text).expect("the configuration");
        let process = Command::new("taskset")
            .args(["-c", "0-1"])
            .arg(program())
            .args(["run", "-c"])
            .arg(&config)
            .stdout(Stdio::null())
            .spawn()
            .expect("taskset and the box");
        let token = token(&folder);
        Arc::new(Server { process, folder, token, next: AtomicU64::new(0) })
    }

    fn client(&self) -> Client {
        let certificate = self.folder.join("data/tls/certificate.pem");
        Client::new(Reach { private: true }, Some(&certificate)).expect("a certificate")
    }

    async fn wait_until_up(&self) {
        let (end, client) = (Instant::now() + PATIENCE, self.client());
        // An empty batch is proved and read; 503 until what was there before is known.
        while self.post(&client, 0, 0).await != Some(200) {
            assert!(Instant::now() < end, "the box is not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One post of messages numbered from `first` on.
    async fn post(&self, client: &Client, first: u64, size: u64) -> Option<u16> {
        let event = |number: u64| {
            json!({"type": "message", "id": format!("m-{number}"), "from": {"id": format!("U{}", number % PEOPLE)},
                "content": [{"type": "text", "text": format!("This is message {number}, as long as people write.")}]})
        };
        let events: Vec<Value> = (first..first + size).map(event).collect();
        let body = json!({ "events": events }).to_string().into_bytes();
        let headers = signed(&format!("w-{first}-{size}"), &body);
        let url = format!("https://127.0.0.1:{PORT}/channels/text");
        match client.ask(&Ask { method: "POST", url, headers, body, within: PATIENCE }).await {
            Reply::Replied { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Keeps so many posts open for the window, or until so many messages are in.
    async fn drive(self: &Arc<Self>, size: u64, posts: usize, count: Option<u64>) -> Driven {
        let end = Instant::now() + if count.is_some() { PATIENCE } else { WINDOW };
        let enough = self.next.load(Ordering::Relaxed) + count.unwrap_or(u64::MAX / 2);
        let mut all = JoinSet::new();
        for _ in 0..posts {
            let server = self.clone();
            all.spawn(async move { server.keep_posting(size, end, enough).await });
        }
        let mut driven = Driven::default();
        while let Some(own) = all.join_next().await {
            let own = own.expect("it posts");
            driven.messages += own.messages;
            driven.took.extend(own.took);
            driven.later += own.later;
            driven.last = driven.last.max(own.last);
        }
        driven.took.sort_unstable();
        driven
    }

    async fn keep_posting(&self, size: u64, end: Instant, enough: u64) -> Driven {
        let (client, mut own) = (self.client(), Driven::default());
        while Instant::now() < end && self.next.load(Ordering::Relaxed) < enough {
            let first = self.next.fetch_add(size, Ordering::Relaxed);
            loop {
                let asked = Instant::now();
                match self.post(&client, first, size).await {
                    Some(200) => {
                        own.took.push(asked.elapsed());
                        break;
                    }
                    // Asked to come again, as a provider is.
                    Some(503) => own.later += 1,
                    other => panic!("{other:?}"),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            own.messages += size;
            own.last = own.last.max(first + size - 1);
        }
        own
    }

    async fn line(self: &Arc<Self>, size: u64, posts: usize) {
        let (writes, cpu, begun) = (self.writes(), self.cpu(), Instant::now());
        let driven = self.drive(size, posts, None).await;
        let took = begun.elapsed().as_secs_f64();
        let (writes, cpu) = (self.writes() - writes, self.cpu() - cpu);
        let listed = self.listed(driven.last).await.as_secs_f64() * 1e3;
        let at = |part: f64| {
            let place = ((driven.took.len() - 1) as f64 * part) as usize;
            driven.took[place].as_secs_f64() * 1e3
        };
        let messages = driven.messages as f64;
        println!(
            "{size:>5} {posts:>6} {:>11.0} {:>8.1} {:>8.1} {:>8.1} {:>13.1} {:>12.1} {listed:>10.0} {:>6}",
            messages / took,
            at(0.5),
            at(0.99),
            at(1.0),
            writes / messages * 1e3,
            cpu / messages,
            driven.later,
        );
    }

    /// How long until a message is listed.
    async fn listed(&self, number: u64) -> Duration {
        let (begun, client) = (Instant::now(), self.client());
        let wanted = format!("message {number},");
        let headers = vec![("authorization", format!("Bearer {}", self.token))];
        let url = format!("https://127.0.0.1:{PORT}/api/v1/conversations?limit=200");
        loop {
            let ask = Ask {
                method: "GET",
                url: url.clone(),
                headers: headers.clone(),
                body: Vec::new(),
                within: PATIENCE,
            };
            if let Reply::Replied { status: 200, body, .. } = client.ask(&ask).await {
                let text = String::from_utf8_lossy(&body);
                if text.contains(&wanted) {
                    return begun.elapsed();
                }
            }
            assert!(begun.elapsed() < PATIENCE, "message {number} is not listed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn cpu(&self) -> f64 {
        process::cpu(self.process.id())
    }

    /// Writes of the journal's thread: each batch is one, and is synced once.
    fn writes(&self) -> f64 {
        let folder = format!("/proc/{}/task", self.process.id());
        let tasks = fs::read_dir(folder).expect("it runs").filter_map(Result::ok);
        let is = |task: &Path| {
            fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "journal")
        };
        let own = tasks.map(|task| task.path()).find(|task| is(task)).expect("its thread");
        let text = fs::read_to_string(own.join("io")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("syscw: "));
        line.and_then(|count| count.parse().ok()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::env::var_os("KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn program() -> std::ffi::OsString {
    std::env::var_os("BOX").unwrap_or_else(|| env!("CARGO_BIN_EXE_branchline").into())
}

/// A token for the API, once the box answers.
fn token(folder: &Path) -> String {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let output = Command::new(program())
            .args(["token", "add", "bench", "--role", "admin", "--scope", "people", "--json"])
            .env("BRANCHLINE_SOCKET", folder.join("admin.sock"))
            .stderr(Stdio::null())
            .output()
            .expect("the command line runs");
        if output.status.success() {
            let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            return made["token"].as_str().expect("a token").to_owned();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the box does not start");
}

fn signed(id: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let secret = Secret::standard(SECRET).expect("a secret");
    let at = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs().to_string();
    let tag =
        secret.sign(ring::hmac::HMAC_SHA256, &[id.as_bytes(), b".", at.as_bytes(), b".", body]);
    let signature = format!("v1,{}", proof::to_base64(tag));
    vec![("webhook-id", id.to_owned()), ("webhook-timestamp", at), ("webhook-signature", signature)]
}
