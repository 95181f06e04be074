//! What the hub says to have is there, once and in order, whatever is killed and when.
//!
//! The hub's engine runs in a process of its own, which is this program again: it feeds an engine as sites do, and prints what
//! was acknowledged. It is killed with -9, stopped and let go on, and the cluster behind it loses its servers.

mod acquainted;
mod exported;
mod tables;
mod told;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use branchline::driver::hub::embedded::Embedded;
use branchline::driver::hub::engine::{Batch, Engine, Outboxed, Tail, What};
use branchline::driver::hub::jetstream::{JetStream, Settings};
use branchline::random::Random;
use branchline::uplink::frame::{Class, Event};

/// Tells a process that it is to feed an engine, and which.
const FEEDS: &str = "BRANCHLINE_TEST_FEEDS";
const SITES: [&str; 3] = ["berne", "basle", "st.gallen"];
/// How long anything may take that has to come.
const PATIENCE: Duration = Duration::from_secs(60);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("one")
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("uplink-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn event(site: &str, n: u64) -> Event {
    let class = if n.is_multiple_of(7) { Class::HEALTH } else { Class::CALL };
    let body = format!("{{\"event\":\"call\",\"at\":{n},\"site\":\"{site}\",\"n\":{n}}}");
    Event { class, body: body.into_bytes() }
}

fn outbox(site: &str) -> Outboxed {
    Outboxed { site: site.to_owned(), epoch: "0f1e".to_owned() }
}

async fn open(which: &str) -> Engine {
    match which.split_once(' ').expect("an engine") {
        ("embedded", dir) => Engine::Embedded(loop {
            match Embedded::open(Path::new(dir)) {
                Ok(embedded) => break embedded,
                // The one before it is not quite dead.
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }),
        (_, servers) => Engine::JetStream(loop {
            let joined = JetStream::join(settings(servers)).await;
            match joined {
                Ok(joined) => break joined,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }),
    }
}

fn settings(servers: &str) -> Settings {
    Settings {
        servers: servers.split(',').map(str::to_owned).collect(),
        replicas: 3,
        credentials_file: None,
        authorities: None,
        keep: None,
    }
}

/// Feeds an engine for ever, as sites do: from where it is, several batches on their way, anew after any that is not kept.
fn feed(which: &str) -> ! {
    runtime().block_on(async {
        let engine = open(which).await;
        let feeding = SITES.map(|site| tokio::spawn(feed_site(engine.clone(), site)));
        for site in feeding {
            site.await.expect("it feeds for ever");
        }
    });
    unreachable!("sites never end")
}

async fn feed_site(engine: Engine, site: &'static str) {
    let of = outbox(site);
    loop {
        let Ok(have) = engine.position(&of).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        tell(site, have);
        let (mut next, mut on_way) = (have + 1, std::collections::VecDeque::new());
        loop {
            let events: Vec<_> = (next..next + 40).map(|n| event(site, n)).collect();
            on_way.push_back(engine.keep(&of, Batch::Events { first: next, events }));
            next += 40;
            if on_way.len() < 4 {
                continue;
            }
            match on_way.pop_front().expect("one").await {
                Ok(Ok(upto)) => tell(site, upto),
                _ => break,
            }
        }
    }
}

fn tell(site: &str, upto: u64) {
    // A line at a time: a kill tears none. Whoever does not read any more has killed this one.
    let line = format!("{site} {upto}\n");
    let _ = std::io::stdout().write_all(line.as_bytes());
    let _ = std::io::stdout().flush();
}

/// A process that feeds an engine, and what it said to be kept.
struct Feeder {
    child: Child,
    lines: mpsc::Receiver<(String, u64)>,
    acknowledged: BTreeMap<String, u64>,
}

impl Feeder {
    fn start(which: &str) -> Feeder {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([
                "hub::this_program_feeds_an_engine_when_it_is_told_to",
                "--exact",
                "--nocapture",
            ])
            .env(FEEDS, which)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let Some((site, upto)) = line.split_once(' ') else { continue };
                let Ok(upto) = upto.parse() else { continue };
                if SITES.contains(&site) && send.send((site.to_owned(), upto)).is_err() {
                    return;
                }
            }
        });
        Feeder { child, lines, acknowledged: BTreeMap::new() }
    }

    /// Takes in what it says for so long.
    fn listen(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while let Ok(said) =
            self.lines.recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            self.note(said);
        }
    }

    /// Waits until every site has so many events more than `before`.
    fn go_on(&mut self, before: &BTreeMap<String, u64>, more: u64) {
        let until = Instant::now() + PATIENCE;
        let there = |own: &Feeder, site: &str| {
            own.acknowledged.get(site).copied().unwrap_or(0)
                >= before.get(site).copied().unwrap_or(0) + more
        };
        while !SITES.iter().all(|site| there(self, site)) {
            let left = until.saturating_duration_since(Instant::now());
            let said = self.lines.recv_timeout(left);
            self.note(said.unwrap_or_else(|_| {
                panic!("it does not go on: {:?} after {before:?}", self.acknowledged)
            }));
        }
    }

    fn note(&mut self, (site, upto): (String, u64)) {
        let known = self.acknowledged.entry(site).or_default();
        *known = upto.max(*known);
    }

    fn kill(mut self) -> BTreeMap<String, u64> {
        self.child.kill().expect("killed");
        self.child.wait().expect("dead");
        while let Ok(said) = self.lines.recv_timeout(PATIENCE) {
            self.note(said);
        }
        std::mem::take(&mut self.acknowledged)
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().expect("a process"));
        nix::sys::signal::kill(pid, signal).expect("sent");
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn most(into: &mut BTreeMap<String, u64>, of: BTreeMap<String, u64>) {
    for (site, upto) in of {
        let known = into.entry(site).or_default();
        *known = upto.max(*known);
    }
}

#[test]
fn this_program_feeds_an_engine_when_it_is_told_to() {
    match std::env::var(FEEDS) {
        Ok(which) => feed(&which),
        // Told nothing, it shows at least that what it would feed differs from event to event.
        Err(_) => assert_ne!(event("berne", 1), event("berne", 2)),
    }
}

/// Reads every stream to its end: of each site the numbers, in the order in which they stand there. A server of a cluster that has
/// just come back may name an end that was one long ago: whoever reads asks again until what was acknowledged is there.
async fn everything(
    engine: &Engine,
    acknowledged: &BTreeMap<String, u64>,
) -> BTreeMap<String, Vec<u64>> {
    let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let streams = engine.streams().await.expect("streams");
    let mut tails: Vec<_> = streams.iter().map(|stream| engine.tail(stream, 1)).collect();
    let began = Instant::now();
    loop {
        for tail in &mut tails {
            read_on(tail, &mut all).await;
        }
        let there = |site: &String| all.get(site).map_or(0, |numbers| numbers.len() as u64);
        if acknowledged.iter().all(|(site, upto)| there(site) >= *upto)
            || began.elapsed() > PATIENCE
        {
            return all;
        }
        println!("a stream ended before what was acknowledged: it is asked again");
        for tail in &mut tails {
            // Nothing more may come of it, and that shows at the end.
            let _ = tokio::time::timeout(Duration::from_secs(1), tail.grown()).await;
        }
    }
}

async fn read_on(tail: &mut Tail, all: &mut BTreeMap<String, Vec<u64>>) {
    loop {
        let page = tail.read().await.expect("readable");
        if page.kept.is_empty() {
            return;
        }
        for kept in page.kept {
            let What::Event { n, event: found } = kept.what else { panic!("nothing was lost") };
            assert_eq!(found, event(&kept.site, n), "as it was sent");
            all.entry(kept.site.to_string()).or_default().push(n);
        }
    }
}

/// What was acknowledged is there, each event once and in order. Answers how many.
fn check(all: &BTreeMap<String, Vec<u64>>, acknowledged: &BTreeMap<String, u64>) -> u64 {
    let mut sum = 0;
    for (site, numbers) in all {
        let upto = numbers.len() as u64;
        let in_order = numbers.iter().copied().eq(1..=upto);
        assert!(in_order, "{site}: {:?}", numbers.iter().zip(1..).find(|(n, at)| *n != at));
        let told = acknowledged.get(site).copied().unwrap_or(0);
        assert!(upto >= told, "{site}: {told} were acknowledged and {upto} are there");
        sum += upto;
    }
    assert_eq!(all.len(), SITES.len(), "every site has sent something");
    sum
}

#[test]
fn a_hundred_kills_lose_nothing_that_was_acknowledged_and_double_nothing() {
    let dir = folder("kills");
    let which = format!("embedded {}", dir.display());
    let (mut random, mut acknowledged) = (Random::from_number(7), BTreeMap::new());
    for _ in 0..100 {
        let mut feeder = Feeder::start(&which);
        feeder.listen(Duration::from_millis(random.below(120)));
        most(&mut acknowledged, feeder.kill());
    }
    // However the dice fell, the last one comes to its first acknowledgement.
    let mut feeder = Feeder::start(&which);
    feeder.go_on(&acknowledged, 1);
    most(&mut acknowledged, feeder.kill());
    let sum = runtime().block_on(async {
        let engine = open(&which).await;
        for site in SITES {
            let have = engine.position(&outbox(site)).await.expect("known");
            assert!(have >= acknowledged[site], "{site} has {have}");
        }
        check(&everything(&engine, &acknowledged).await, &acknowledged)
    });
    println!("100 kills: {sum} events of {} sites, none lost, none twice", SITES.len());
    std::fs::remove_dir_all(&dir).expect("cleaned up");
}

/// Three servers of Debian's NATS.
struct Cluster {
    dir: PathBuf,
    servers: Vec<Option<Child>>,
    ports: Vec<(u16, u16)>,
}

impl Cluster {
    fn start(name: &str) -> Cluster {
        let free = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("its number").port()
        };
        let ports = (0..3).map(|_| (free(), free())).collect();
        let mut cluster = Cluster { dir: folder(name), servers: Vec::new(), ports };
        for number in 0..3 {
            let server = cluster.run(number);
            cluster.servers.push(Some(server));
        }
        cluster
    }

    fn run(&self, number: usize) -> Child {
        let own = self.dir.join(format!("n{number}"));
        std::fs::create_dir_all(&own).expect("a folder");
        let routes: Vec<_> =
            self.ports.iter().map(|(_, route)| format!("nats://127.0.0.1:{route}")).collect();
        let (client, route) = self.ports[number];
        let text = format!(
            "server_name: n{number}\nlisten: 127.0.0.1:{client}\nmax_payload: 2MB\n\
             jetstream {{ store_dir: \"{}\" }}\n\
             cluster {{ name: office, listen: 127.0.0.1:{route}, routes: [{}] }}\n",
            own.display(),
            routes.join(", ")
        );
        let settings = own.join("nats.conf");
        std::fs::write(&settings, text).expect("written");
        let log = std::fs::File::create(own.join("log")).expect("a log");
        Command::new("nats-server")
            .arg("-c")
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nats-server, Debian's package nats-server")
    }

    fn servers(&self) -> String {
        self.urls().join(",")
    }

    fn urls(&self) -> Vec<String> {
        self.ports.iter().map(|(client, _)| format!("nats://127.0.0.1:{client}")).collect()
    }

    fn kill(&mut self, number: usize) {
        let mut server = self.servers[number].take().expect("it runs");
        server.kill().expect("killed");
        server.wait().expect("dead");
    }

    fn restart(&mut self, number: usize) {
        self.servers[number] = Some(self.run(number));
    }

    /// Which server leads the stream of a site, once one does.
    async fn leader(&self, site: &str) -> usize {
        let until = Instant::now() + PATIENCE;
        let stream = branchline::hub::subject::stream(site);
        while Instant::now() < until {
            if let Ok(client) = async_nats::connect(self.urls()).await {
                let context = async_nats::jetstream::new(client);
                let found = context.get_stream(&stream).await;
                let leader = found.ok().and_then(|found| found.cached_info().cluster.clone());
                if let Some(name) = leader.and_then(|cluster| cluster.leader) {
                    return name.trim_start_matches('n').parse().expect("a number");
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody leads {stream}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for server in self.servers.iter_mut().flatten() {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn a_cluster_that_loses_a_server_and_then_the_leader_loses_and_doubles_nothing() {
    let mut cluster = Cluster::start("cluster");
    let which = format!("jetstream {}", cluster.servers());
    let mut feeder = Feeder::start(&which);
    let mut before = BTreeMap::new();
    feeder.go_on(&before, 2_000);
    let runtime = runtime();
    let leader = runtime.block_on(cluster.leader("berne"));
    let follower = (leader + 1) % 3;
    // One that follows.
    cluster.kill(follower);
    before.clone_from(&feeder.acknowledged);
    feeder.go_on(&before, 2_000);
    cluster.restart(follower);
    before.clone_from(&feeder.acknowledged);
    feeder.go_on(&before, 2_000);
    // The one that leads.
    let leader = runtime.block_on(cluster.leader("berne"));
    cluster.kill(leader);
    before.clone_from(&feeder.acknowledged);
    feeder.go_on(&before, 2_000);
    cluster.restart(leader);
    before.clone_from(&feeder.acknowledged);
    feeder.go_on(&before, 2_000);
    let acknowledged = feeder.kill();
    let sum = runtime.block_on(async {
        let engine = open(&which).await;
        check(&everything(&engine, &acknowledged).await, &acknowledged)
    });
    println!("a server killed, then the leader: {sum} events, none lost, none twice");
}

#[test]
fn of_two_hubs_behind_one_address_either_goes_on_where_the_other_was_killed() {
    let cluster = Cluster::start("two");
    let which = format!("jetstream {}", cluster.servers());
    let mut acknowledged = BTreeMap::new();
    // The one is killed in mid-stream, the other takes its sites over.
    let mut one = Feeder::start(&which);
    one.go_on(&acknowledged, 1_000);
    most(&mut acknowledged, one.kill());
    let mut other = Feeder::start(&which);
    other.go_on(&acknowledged, 1_000);
    // One that is stopped is thought dead, and another serves the sites.
    most(&mut acknowledged, other.acknowledged.clone());
    other.signal(nix::sys::signal::Signal::SIGSTOP);
    let mut third = Feeder::start(&which);
    third.go_on(&acknowledged, 1_000);
    most(&mut acknowledged, third.acknowledged.clone());
    most(&mut acknowledged, other.kill());
    most(&mut acknowledged, third.acknowledged.clone());
    third.go_on(&acknowledged, 200);
    most(&mut acknowledged, third.kill());
    let sum = runtime().block_on(async {
        let engine = open(&which).await;
        check(&everything(&engine, &acknowledged).await, &acknowledged)
    });
    println!("two hubs, one killed, one stopped: {sum} events, none lost, none twice");
}
