//! How fast a backlog gets home, beside a bare stream of QUIC in the same run, and what 50 live calls notice of it.
//!
//! `cargo bench --bench uplink` starts `branchline hub` with its embedded engine on the disk, fills an outbox with 1,000,000
//! events as calls leave them, and measures from the start of the line until the hub has acknowledged the last: each is on
//! its disk then. The box's end is in this program, the hub's is the release binary. `bare` is the same octets over one
//! stream of quinn between two processes, with the same certificates and windows and nothing behind it. Then a branch with
//! 50 calls is started beside all that: what their sound lost, and its jitter (RFC 3550 section 6.4.1), alone and while
//! another such backlog goes. `cargo bench --bench uplink 100000` takes so many events.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

mod bare;
#[path = "../load/calls.rs"]
#[allow(dead_code)]
mod calls;
#[path = "../common/process.rs"]
mod process;
#[path = "../load/registrations.rs"]
#[allow(dead_code)]
mod registrations;
#[path = "../load/server.rs"]
#[allow(dead_code)]
mod server;
#[path = "../common/sip.rs"]
mod sip;
mod sound;
#[path = "../load/wire.rs"]
#[allow(dead_code)]
mod wire;

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use branchline::driver::outbox::{self, Derive, Derived, Keeper, Outbox, Second};
use branchline::driver::uplink::{self, Handle, enrolling};
use branchline::journal::chain::Sealer;
use branchline::random::Random;
use branchline::uplink::frame::{Class, Event};
use branchline::uplink::outbox::write_all;

/// Events of a backlog.
const EVENTS: u64 = 1_000_000;
/// Records that are handed over to the outbox at a time.
const AT_ONCE: u64 = 1_000;
/// Calls that are up meanwhile.
const CALLS: usize = 50;
/// Phones that the branch knows.
const PHONES: usize = 60;
const PASSWORD: &str = "a load of phones";
/// How long sound is listened to without a backlog.
const WINDOW: Duration = Duration::from_secs(5);
const TALK: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);
const HOSTS: u8 = 16;
const PHONE_PORT: u16 = 28_070;

fn number(phone: usize) -> String {
    format!("{}", 20_000 + phone)
}

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    match (words.next(), words.next()) {
        (Some(word), Some(folder)) if word == "--bare" => bare::serve(Path::new(&folder)),
        (count, _) => measure(count.and_then(|word| word.parse().ok()).unwrap_or(EVENTS)),
    }
}

fn measure(count: u64) {
    let folder = Folder::new();
    let hub = Hub::start(&folder.0.join("hub"));
    println!(
        "{:<22} {:>10} {:>8} {:>7} {:>12} {:>12} {:>12}",
        "who", "events/s", "MB/s", "s", "CPU us each", "box MB", "hub MB"
    );
    let alone = backlog(&folder, &hub, "alone", count, || {});
    let bare = bare::measure(&folder.0.join("hub"), &folder.0.join("alone"), alone.octets);
    println!(
        "{:<22} {:>10.0} {:>8.1} {:>7.2}",
        "bare quinn stream",
        count as f64 / bare.as_secs_f64(),
        megabytes(alone.octets) / bare.as_secs_f64(),
        bare.as_secs_f64()
    );
    println!(
        "the line carries {:.0} % of a bare stream",
        100.0 * bare.as_secs_f64() / alone.took.as_secs_f64()
    );
    let branch = server::Server::start(server::Kind::Branchline, PHONES);
    let phones = wire::Peer::at(SocketAddr::from(([127, 0, 0, 8], PHONE_PORT)), branch.sip);
    let carrier = wire::Peer::new([127, 0, 0, 9], branch.sip);
    branch.wait_until_up();
    registrations::register_all(&phones);
    let mut talk = sound::Talk::begin(&carrier, &phones, CALLS);
    talk.line("without a backlog", WINDOW);
    let mut begun = false;
    backlog(&folder, &hub, "calls", count, || {
        if !std::mem::replace(&mut begun, true) {
            talk.start();
        }
        talk.turn();
    });
    talk.print("meanwhile");
    talk.end();
}

fn megabytes(octets: u64) -> f64 {
    octets as f64 / 1e6
}

/// What a backlog took.
struct Took {
    took: Duration,
    octets: u64,
}

/// Enrols a site, fills its outbox, starts the line, and waits until the hub has all of it; `meanwhile` is called all the
/// time.
fn backlog(
    folder: &Folder,
    hub: &Hub,
    site: &str,
    count: u64,
    mut meanwhile: impl FnMut(),
) -> Took {
    let own = folder.0.join(site);
    hub.enrol(&own, site);
    let filled = Filled::new(&own, count);
    let (cpu, begun) = (hub.cpu() + own_cpu(), Instant::now());
    let handle = filled.start_line(hub.at, &own);
    let (mut most, mut hubs, mut looked) = (0.0_f64, 0.0_f64, Instant::now());
    while filled.outbox.arrived() < count {
        assert!(begun.elapsed() < 4 * PATIENCE, "{:?}", handle.condition());
        meanwhile();
        if looked.elapsed() > Duration::from_millis(200) {
            looked = Instant::now();
            most = most.max(process::memory(std::process::id()) / 1_024.0);
            hubs = hubs.max(process::memory(hub.child.id()) / 1_024.0);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let took = begun.elapsed();
    let each = (hub.cpu() + own_cpu() - cpu) / count as f64;
    println!(
        "{:<22} {:>10.0} {:>8.1} {:>7.2} {:>12.2} {:>12.0} {:>12.0}",
        format!("line ({site})"),
        count as f64 / took.as_secs_f64(),
        megabytes(filled.octets) / took.as_secs_f64(),
        took.as_secs_f64(),
        each,
        most,
        hubs
    );
    let octets = filled.octets;
    filled.second.finish();
    Took { took, octets }
}

fn own_cpu() -> f64 {
    process::cpu(std::process::id())
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("uplink-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `branchline hub`.
struct Hub {
    child: Child,
    folder: PathBuf,
    at: SocketAddr,
}

impl Hub {
    fn start(folder: &Path) -> Hub {
        let mut child = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(["hub", "--listen", "127.0.0.1:0", "--json", "--dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the hub");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("a line");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let at = ready["listen"][0].as_str().expect("an address").parse().expect("an address");
        Hub { child, folder: folder.to_owned(), at }
    }

    fn enrol(&self, own: &Path, site: &str) {
        let token = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(["hub", "token", site, "--dir"])
            .arg(&self.folder)
            .output()
            .expect("a token");
        let token = String::from_utf8(token.stdout).expect("text").parse().expect("a token");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime
            .expect("a runtime")
            .block_on(enrolling::enrol(&uplink::folder(own), &self.at.to_string(), &token))
            .expect("enrolled");
    }

    fn cpu(&self) -> f64 {
        process::cpu(self.child.id())
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An outbox with a backlog.
struct Filled {
    outbox: Outbox,
    second: Second,
    octets: u64,
}

struct Again;

impl Derive for Again {
    fn derive(&mut self, after: u64, upto: u64) -> io::Result<Derived> {
        let through = upto.min(after + AT_ONCE);
        let mut records = Vec::new();
        for token in after + 1..=through {
            write_all(&mut records, token, &[event(token)]);
        }
        Ok(Derived { records, through })
    }

    /// Nobody is erased.
    fn erased(&mut self, _after: u64, upto: u64) -> io::Result<Derived> {
        Ok(Derived { records: Vec::new(), through: upto })
    }
}

/// What a call leaves: some two hundred octets.
fn event(number: u64) -> Event {
    let body = format!(
        r##"{{"event":"call","at":{},"call":"5R2T0QW8N4K1C{number:08}","from":"#0b5c0a9f7d3e{:04}","to":"support","agent":"ann","ended":"answered","waited_ms":{},"talked_ms":{}}}"##,
        1_795_356_676_050_086 + number * 1_000,
        number % 5_000,
        number % 60_000,
        number % 600_000
    );
    Event { class: Class::CALL, body: body.into_bytes() }
}

impl Filled {
    fn new(own: &Path, count: u64) -> Filled {
        let settings = outbox::Settings { most: 1 << 40, alarm: 1 << 40 };
        let sealer = Sealer::from_seed(&[7; 32]).expect("a seed");
        let mut random = Random::from_number(1);
        let folder = own.join("outbox");
        let (outbox, feed, keeper) =
            Keeper::open(folder, 0, settings, Box::new(Again), sealer, &mut random)
                .expect("an outbox");
        let mut second = keeper.start(feed).expect("a thread");
        let octets = (1..=count).map(|number| event(number).len() as u64).sum();
        // It makes all that it misses again.
        second.feed.stored(count, Vec::new());
        let mut span = outbox.span();
        let begun = Instant::now();
        while span.borrow_and_update().newest < count {
            assert!(begun.elapsed() < 4 * PATIENCE, "the outbox is not filled");
            second.feed.stored(count, Vec::new());
            std::thread::sleep(Duration::from_millis(50));
        }
        Filled { outbox, second, octets }
    }

    fn start_line(&self, hub: SocketAddr, own: &Path) -> Handle {
        let settings = uplink::Settings {
            hubs: vec![hub.to_string()],
            site: None,
            tls: false,
            ceiling: None,
            dscp: 8,
            folder: uplink::folder(own),
        };
        uplink::start(settings, self.outbox.clone(), Random::from_number(2)).expect("threads")
    }
}
