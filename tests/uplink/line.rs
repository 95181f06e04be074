//! The line between a box's outbox and a hub's engine, over real sockets.

mod blobs;
mod ended;
mod erased;
mod hostile;
mod kills;
mod readme;
mod restored;
mod town;
mod wan;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use self::wan::{Wan, Weather};
use crate::Folder;
use branchline::driver::clock;
use branchline::driver::hub::authority::Authority;
use branchline::driver::hub::embedded::Embedded;
use branchline::driver::hub::engine::{Engine, What};
use branchline::driver::hub::office::Office;
use branchline::driver::hub::sites::Sites;
use branchline::driver::line::NoLine;
use branchline::driver::outbox::{self, Derive, Derived, Keeper, Outbox, Second};
use branchline::driver::uplink::enrolling::NotEnrolled;
use branchline::driver::uplink::{self, Condition, Handle, Standing, enrolling};
use branchline::journal::chain::Sealer;
use branchline::random::Random;
use branchline::time::UnixTime;
use branchline::uplink::frame::{Class, Event, Reason};
use branchline::uplink::outbox::write_all;
use branchline::uplink::token::{Fingerprint, Token};
use branchline::uplink::{Down, Route, State};

/// As long as a condition may take: much more than it does, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// Certificates that nobody has to renew in a test.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// A hub over its folder.
struct Hub {
    sites: Sites,
    embedded: Embedded,
    print: Fingerprint,
    at: SocketAddr,
}

impl Hub {
    async fn start(folder: &Path, certificates: Duration) -> Hub {
        let authority = Authority::open(folder).expect("an authority");
        let print = authority.fingerprint();
        let sites = Sites::open(folder).expect("sites");
        let embedded = Embedded::open(folder).expect("an engine");
        let engine = Engine::Embedded(embedded.clone());
        let office = Office::open(authority, sites.clone(), engine, certificates);
        let at = office.listen("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        Hub { sites, embedded, print, at }
    }

    fn token(&self, site: &str) -> Token {
        let token = Token::new(site, self.print, &mut clock::random().expect("randomness"));
        let ends = UnixTime(clock::now().unix.0 + 60_000_000);
        self.sites.hand_out(site, token.secret, ends).expect("written");
        token
    }

    /// Everything that is kept of a site.
    fn kept(&self, site: &str) -> Vec<(u64, Event)> {
        kept(&self.embedded, site)
    }
}

/// Everything that is kept of a site, with the numbers of its outbox.
fn kept(embedded: &Embedded, site: &str) -> Vec<(u64, Event)> {
    let (mut tail, mut from, mut all) = (embedded.tail(), 1, Vec::new());
    loop {
        let (read, next) = tail.read(from).expect("readable");
        if read.is_empty() {
            return all;
        }
        from = next;
        for kept in read.into_iter().filter(|kept| *kept.site == *site) {
            match kept.what {
                What::Event { n, event } => all.push((n, event)),
                What::Lost { .. } => panic!("{kept:?}"),
            }
        }
    }
}

/// Passes TCP on to a hub, and nothing else.
struct OnlyTcp(SocketAddr);

impl OnlyTcp {
    async fn before(hub: SocketAddr) -> OnlyTcp {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut came, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut goes = tokio::net::TcpStream::connect(hub).await?;
                    tokio::io::copy_bidirectional(&mut came, &mut goes).await
                });
            }
        });
        OnlyTcp(own)
    }
}

/// An outbox whose journal is a list.
struct Written {
    list: Arc<Mutex<Vec<Event>>>,
    outbox: Outbox,
    second: Second,
}

struct Again(Arc<Mutex<Vec<Event>>>);

impl Derive for Again {
    fn derive(&mut self, after: u64, upto: u64) -> io::Result<Derived> {
        let list = self.0.lock().expect("not poisoned");
        let through = upto.min(after + 1_000);
        let mut records = Vec::new();
        for token in after + 1..=through {
            let at = usize::try_from(token - 1).expect("small");
            write_all(&mut records, token, std::slice::from_ref(&list[at]));
        }
        Ok(Derived { records, through })
    }

    fn erased(&mut self, after: u64, upto: u64) -> io::Result<Derived> {
        self.derive(after, upto)
    }
}

impl Written {
    fn open(folder: &Path) -> Written {
        Written::again(folder, Arc::default())
    }

    /// With the journal that there is.
    fn again(folder: &Path, list: Arc<Mutex<Vec<Event>>>) -> Written {
        let limit = list.lock().expect("not poisoned").len() as u64;
        let settings = outbox::Settings { most: 1 << 40, alarm: 1 << 40 };
        let sealer = Sealer::from_seed(&[7; 32]).expect("a seed");
        let again = Box::new(Again(list.clone()));
        let mut random = Random::from_number(1);
        let (outbox, feed, keeper) =
            Keeper::open(folder.join("outbox"), limit, settings, again, sealer, &mut random)
                .expect("an outbox");
        Written { list, outbox, second: keeper.start(feed).expect("a thread") }
    }

    fn write(&mut self, count: u64) {
        self.write_long(count, 0);
    }

    /// Events with so many octets besides.
    fn write_long(&mut self, count: u64, octets: usize) {
        let more = "x".repeat(octets);
        let mut list = self.list.lock().expect("not poisoned");
        let (mut records, mut token) = (Vec::new(), list.len() as u64);
        for _ in 0..count {
            token += 1;
            let at = 1_795_356_676_050_086_u64;
            let body = format!(r#"{{"event":"call","at":{at},"number":{token},"more":"{more}"}}"#);
            let event = Event { class: Class::CALL, body: body.into_bytes() };
            write_all(&mut records, token, std::slice::from_ref(&event));
            list.push(event);
        }
        drop(list);
        self.second.feed.stored(token, records);
    }

    fn all(&self) -> Vec<(u64, Event)> {
        (1..).zip(self.list.lock().expect("not poisoned").clone()).collect()
    }
}

fn settings(hub: SocketAddr, folder: &Path) -> uplink::Settings {
    uplink::Settings {
        hubs: vec![hub.to_string()],
        site: None,
        tls: true,
        ceiling: None,
        dscp: 8,
        folder: folder.to_owned(),
    }
}

fn start(settings: uplink::Settings, written: &Written) -> Handle {
    uplink::start(settings, written.outbox.clone(), Random::from_number(2)).expect("threads")
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what} took too long");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn until_line(handle: &Handle, what: &str, is: impl Fn(&Condition) -> bool) {
    let mut watch = handle.watch();
    let found = tokio::time::timeout(PATIENCE, watch.wait_for(|now| is(now))).await;
    assert!(found.is_ok(), "{what} took too long: {:?}", handle.condition());
}

fn is_up(route: Route) -> impl Fn(&Condition) -> bool {
    move |now| now.state == Standing::Line(State::Up(route))
}

fn is_shut_out(now: &Condition) -> bool {
    matches!(now.state, Standing::Line(State::Down(Down::Closed(Reason::Site), _)))
}

/// A box that has been enrolled, in its folder.
async fn enrolled(hub: &Hub, folder: &Folder, site: &str) -> PathBuf {
    let own = folder.0.join(site);
    enrolled_in(hub, &own, site).await;
    own
}

async fn enrolled_in(hub: &Hub, own: &Path, site: &str) {
    let token = hub.token(site);
    let name = enrolling::enrol(own, &hub.at.to_string(), &token).await.expect("enrolled");
    assert_eq!(name, site);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_are_at_the_hub_once_and_in_order_by_either_route() {
    let folder = Folder::new("both");
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    for (site, route) in [("berne", Route::Quic), ("basel", Route::Tls)] {
        let own = enrolled(&hub, &folder, site).await;
        let mut written = Written::open(&own);
        written.write(4_000);
        let at = match route {
            Route::Quic => hub.at,
            Route::Tls => OnlyTcp::before(hub.at).await.0,
        };
        let handle = start(settings(at, &own), &written);
        until_line(&handle, "the line", is_up(route)).await;
        for _ in 0..6 {
            written.write(1_000);
        }
        until("all of it", || written.outbox.arrived() == 10_000).await;
        let kept = hub.kept(site);
        assert!(kept == written.all(), "{site}: {} of 10000", kept.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_enrols_one_box_once_at_the_hub_that_it_is_from() {
    let folder = Folder::new("token");
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    let other = Hub::start(&folder.0.join("other"), YEAR).await;
    let (at, token) = (hub.at.to_string(), hub.token("berne"));
    let (own, second) = (folder.0.join("own"), folder.0.join("second"));
    assert_eq!(enrolling::enrol(&own, &at, &token).await.as_deref(), Ok("berne"));
    // The same box may ask again: it may not have heard the answer.
    assert_eq!(enrolling::enrol(&own, &at, &token).await.as_deref(), Ok("berne"));
    let refused = Err(NotEnrolled::Refused(Reason::Token));
    assert_eq!(enrolling::enrol(&second, &at, &token).await, refused);
    let unproved = Err(NotEnrolled::Line(NoLine::Unproved));
    let token = hub.token("berne");
    assert_eq!(enrolling::enrol(&second, &other.at.to_string(), &token).await, unproved);
    // One that nobody has used in time.
    hub.sites.hand_out("berne", token.secret, clock::now().unix).expect("written");
    assert_eq!(enrolling::enrol(&second, &at, &token).await, refused);
    // Its key is readable by its owner only, and nowhere at the hub.
    let key = fs::read_to_string(own.join("key.pem")).expect("a key");
    let mode = fs::metadata(own.join("key.pem")).expect("a key").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    let secret = key.lines().nth(1).expect("a line of it");
    assert!(!holds(&folder.0.join("hub"), secret), "the key is at the hub");
}

/// Whether a text stands in any file below a folder.
fn holds(folder: &Path, text: &str) -> bool {
    let files = fs::read_dir(folder).expect("a folder").flatten();
    files.map(|file| file.path()).any(|path| match path.is_dir() {
        true => holds(&path, text),
        false => {
            let bytes = fs::read(&path).expect("readable");
            bytes.windows(text.len()).any(|part| part == text.as_bytes())
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_is_shut_out_is_so_at_once_and_loses_nothing() {
    let folder = Folder::new("revoked");
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let mut written = Written::open(&own);
    let handle = start(settings(hub.at, &own), &written);
    written.write(10);
    until("ten", || written.outbox.arrived() == 10).await;
    let begun = Instant::now();
    assert!(hub.sites.revoke("berne", clock::now().unix).expect("written"));
    until_line(&handle, "the end", is_shut_out).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    written.write(10);
    // It tries, and is turned away each time.
    let since = handle.condition().since;
    until_line(&handle, "another try", |now| is_shut_out(now) && now.since > since).await;
    assert_eq!(hub.kept("berne").len(), 10);
    // Let in again it goes on where it was.
    let token = hub.token("berne");
    enrolling::enrol(&own, &hub.at.to_string(), &token).await.expect("enrolled");
    until("the rest", || written.outbox.arrived() == 20).await;
    assert!(hub.kept("berne") == written.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_before_it_ends_and_the_line_goes_on() {
    let folder = Folder::new("renewed");
    let hub = Hub::start(&folder.0.join("hub"), Duration::from_secs(6)).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let mut written = Written::open(&own);
    let handle = start(settings(hub.at, &own), &written);
    until_line(&handle, "the line", is_up(Route::Quic)).await;
    let first = handle.condition().certificate_ends.expect("an end");
    let later = |now: &Condition| now.certificate_ends.is_some_and(|ends| ends > first);
    until_line(&handle, "another certificate", later).await;
    assert!(clock::now().unix < first, "it is late");
    // Long after the first has ended.
    let long_after = UnixTime(first.0 + 4_000_000);
    until("the first certificate's end", || clock::now().unix > long_after).await;
    written.write(1_000);
    until("all of it", || written.outbox.arrived() == 1_000).await;
    assert!(hub.kept("berne") == written.all());
}

/// SHA-256 over all events, in order, with their numbers.
fn hash(events: &[(u64, Event)]) -> String {
    let mut all = Vec::new();
    for (number, event) in events {
        all.extend(number.to_be_bytes());
        all.push(event.class.0);
        all.extend((event.body.len() as u64).to_be_bytes());
        all.extend(&event.body);
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, &all);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_bad_line_that_is_cut_and_moves_everything_is_there_once() {
    let folder = Folder::new("weather");
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let wan = Wan::before(hub.at).await;
    let mut written = Written::open(&own);
    let mut settings = settings(wan.at, &own);
    settings.tls = false;
    let handle = start(settings, &written);
    written.write(1_000);
    until("a thousand", || written.outbox.arrived() == 1_000).await;
    // The line is cut, and what happens waits.
    wan.set(Weather { cut: true, ..Weather::default() });
    written.write(2_000);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(written.outbox.arrived(), 1_000);
    // It comes back, as bad as lines are: 5 % lost, 5 % doubled, 200 ms there and back, and swapped.
    let bad = Weather {
        cut: false,
        lost: 50,
        doubled: 50,
        delay: Duration::from_millis(90),
        jitter: Duration::from_millis(20),
    };
    wan.set(bad);
    let begun = Instant::now();
    for _ in 0..3 {
        written.write(2_000);
        let half = written.outbox.arrived() + 500;
        until("some of it", || written.outbox.arrived() >= half).await;
        // LTE takes over: the hub sees another address, and the same connection goes on.
        wan.move_box();
    }
    until("all of it", || written.outbox.arrived() == 9_000).await;
    let (kept, all) = (hub.kept("berne"), written.all());
    let passed = wan.passed();
    println!(
        "9000 events, {:?} after the cut, {passed:?}, line since {}",
        begun.elapsed(),
        handle.condition().since
    );
    println!("outbox {}\nhub    {}", hash(&all), hash(&kept));
    assert_eq!(hash(&all), hash(&kept));
    assert!(passed.lost > 20 && passed.doubled > 5, "{passed:?}");
}
