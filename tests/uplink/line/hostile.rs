//! Hubs that lie or are silent, boxes that are not who they say, and whoever else comes to a hub's port.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use branchline::driver::clock;
use branchline::driver::hub::authority::Authority;
use branchline::driver::line::{self, Line, proving};
use branchline::driver::uplink::keys;
use branchline::time::UnixTime;
use branchline::uplink::Route;
use branchline::uplink::frame::{Certificate, Frame, Hello, Reason, Welcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A hub that says what a test wants: to whoever has said hello, and then to each frame.
pub(super) async fn hub_that(
    authority: &Authority,
    says: impl Fn(&Frame) -> Vec<Frame> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let proof = authority.hub().expect("a certificate");
    let config = proving::hub(authority.certificate(), proof).expect("a hub's");
    let says = Arc::new(says);
    tokio::spawn(async move {
        while let Ok((stream, from)) = listener.accept().await {
            let (config, says) = (config.clone(), says.clone());
            tokio::spawn(async move {
                let Ok(line) = line::accept(stream, from, config).await else { return };
                answer(line, &*says).await;
            });
        }
    });
    at
}

async fn answer(line: Line, says: &(dyn Fn(&Frame) -> Vec<Frame> + Send + Sync)) {
    let Line { mut coming, mut going, .. } = line;
    loop {
        tokio::select! {
            came = coming.next() => match came {
                Ok(frame) => says(&frame).iter().for_each(|frame| going.push(frame)),
                Err(_) => return,
            },
            gone = going.go_on() => if gone.is_err() { return },
        }
    }
}

/// A box that an authority has let in, without any hub.
pub(super) fn let_in(authority: &Authority, folder: &Path, site: &str) {
    let request = keys::request(&keys::make(folder).expect("a key")).expect("a request");
    let ends = UnixTime(clock::now().unix.0 + 3_600_000_000);
    let (certificate, _) = authority.certify(site, &request, ends).expect("a certificate");
    let authority = authority.pem().to_owned();
    keys::keep(folder, &Certificate { site: site.to_owned(), certificate, authority })
        .expect("kept");
}

fn is_down(why: Down) -> impl Fn(&Condition) -> bool {
    move |now| matches!(&now.state, Standing::Line(State::Down(down, _)) if *down == why)
}

fn welcome(version: u16, have: u64) -> Frame {
    Frame::Welcome(Welcome {
        version,
        have,
        window: 1 << 20,
        people: false,
        blobs: false,
        amends: false,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_claims_what_it_cannot_have_is_not_believed_and_nothing_is_dropped() {
    let folder = Folder::new("liar");
    let authority = Authority::open(&folder.0).expect("an authority");
    let own = folder.0.join("box");
    let_in(&authority, &own, "berne");
    let mut written = Written::open(&own);
    written.write(100);
    let claims_at_once = hub_that(&authority, |frame| match frame {
        Frame::Hello(_) => vec![welcome(1, 101)],
        _ => Vec::new(),
    });
    let claims_later = hub_that(&authority, |frame| match frame {
        Frame::Hello(_) => vec![welcome(1, 0)],
        Frame::Events { .. } => vec![Frame::Ack { upto: 1_000_000 }],
        _ => Vec::new(),
    });
    for at in [claims_at_once.await, claims_later.await] {
        let handle = start(settings(at, &own), &written);
        until_line(&handle, "the lie", is_down(Down::Ahead)).await;
        assert_eq!((written.outbox.arrived(), handle.condition().arrived), (0, 0));
        let line = handle.line();
        assert!(!line.up && line.words.contains("never sent"), "{}", line.words);
        assert_eq!(line.backlog, 100);
    }
    // An honest hub has all of it afterwards.
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    enrolled_in(&hub, &own, "berne").await;
    let _handle = start(settings(hub.at, &own), &written);
    until("all of it", || written.outbox.arrived() == 100).await;
    assert!(hub.kept("berne") == written.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_of_another_version_or_without_words_is_told_apart() {
    let folder = Folder::new("versions");
    let authority = Authority::open(&folder.0).expect("an authority");
    let own = folder.0.join("box");
    let_in(&authority, &own, "berne");
    let mut written = Written::open(&own);
    written.write(10);
    let newer = hub_that(&authority, |_| vec![welcome(9, 0)]).await;
    let refuses = hub_that(&authority, |_| vec![Frame::Close(Reason::Version)]).await;
    let greeted = Arc::new(AtomicBool::new(false));
    let hears = greeted.clone();
    let silent = hub_that(&authority, move |_| {
        hears.store(true, Ordering::Release);
        Vec::new()
    });
    let silent = silent.await;
    // It takes connections and does not even say hello by TLS.
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mute = (mute.local_addr().expect("an address"), mute);
    for (at, why, says) in [
        (newer, Down::Protocol, "another version"),
        (refuses, Down::Closed(Reason::Version), "another version"),
        (silent, Down::Silent, "does not answer"),
        (mute.0, Down::Silent, "does not answer"),
    ] {
        let handle = start(settings(at, &own), &written);
        if at == silent {
            until("the greeting", || greeted.load(Ordering::Acquire)).await;
        }
        until_line(&handle, says, is_down(why)).await;
        let words = handle.line().words;
        assert!(words.contains(says), "{words}");
        assert_eq!(written.outbox.arrived(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_certificate_lets_nobody_in_whoever_has_signed_it() {
    let folder = Folder::new("forged");
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    let ours = Authority::open(&folder.0.join("hub")).expect("the hub's own");
    fs::create_dir_all(folder.0.join("other")).expect("a folder");
    let other = Authority::open(&folder.0.join("other")).expect("another");
    // Signed by another authority, the box knowing the hub's.
    let own = folder.0.join("strange");
    let_in(&other, &own, "berne");
    fs::write(own.join("ca.pem"), ours.pem()).expect("written");
    let mut written = Written::open(&own);
    written.write(10);
    let handle = start(settings(hub.at, &own), &written);
    until_line(&handle, "the refusal", is_down(Down::Unproved)).await;
    let words = handle.line().words;
    assert!(words.contains("prove"), "{words}");
    // Signed by the hub's own, and never given by it to anybody: somebody has its key.
    let own = folder.0.join("known");
    let_in(&ours, &own, "berne");
    let mut known = Written::open(&own);
    known.write(10);
    let handle = start(settings(hub.at, &own), &known);
    until_line(&handle, "the refusal", is_shut_out).await;
    // A site that is let in and says that it is another.
    let own = enrolled(&hub, &folder, "basel").await;
    fs::write(own.join("site"), "berne").expect("written");
    let mut another = Written::open(&own);
    another.write(10);
    let handle = start(settings(hub.at, &own), &another);
    until_line(&handle, "the refusal", is_shut_out).await;
    // And no box believes a hub of another authority.
    let own = enrolled(&hub, &folder, "geneva").await;
    fs::write(own.join("ca.pem"), other.pem()).expect("written");
    let mut wary = Written::open(&own);
    wary.write(10);
    let handle = start(settings(hub.at, &own), &wary);
    until_line(&handle, "the refusal", is_down(Down::Unproved)).await;
    assert!(hub.kept("berne").is_empty() && hub.kept("geneva").is_empty());
    for outbox in [&written, &known, &another, &wary] {
        assert_eq!(outbox.outbox.arrived(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_nothing_is_shown_out_and_keeps_nobody_else_waiting() {
    let folder = Folder::new("loris");
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let begun = Instant::now();
    // As many as one address may have, and more: they say nothing, or half of something.
    let mut guests = Vec::new();
    for number in 0..120 {
        let mut stream = TcpStream::connect(hub.at).await.expect("a connection");
        if number % 2 == 0 {
            stream.write_all(&[22, 3, 1, 2, 0, 1]).await.expect("half of a hello by TLS");
        }
        guests.push(stream);
    }
    let mut written = Written::open(&own);
    written.write(1_000);
    let _handle = start(settings(hub.at, &own), &written);
    until("all of it", || written.outbox.arrived() == 1_000).await;
    assert!(begun.elapsed() < Duration::from_secs(9), "it took {:?}", begun.elapsed());
    for mut stream in guests {
        let end = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 16])).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "it is still there: {end:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "it took {:?}", begun.elapsed());
}

/// A connection of a site that has been let in, by TLS, to say anything.
pub(super) async fn connection(hub: &Hub, own: &Path) -> Line {
    let keys = keys::Keys::read(own, None).expect("keys");
    line::connect(Route::Tls, hub.at, keys.config, 0).await.expect("a line")
}

pub(super) fn hello(site: &str, least: u16, most: u16) -> Frame {
    Frame::Hello(Hello {
        site: site.to_owned(),
        epoch: "e".to_owned(),
        least,
        most,
        program: "9".to_owned(),
        first: 1,
        newest: 9,
        people: false,
        blobs: false,
    })
}

/// What the hub says last, when the first is said to it, and the others once it has welcomed that.
async fn last_word(line: Line, says: &[Frame]) -> Option<Frame> {
    let Line { mut coming, mut going, .. } = line;
    let (first, rest) = says.split_first().expect("something to say");
    going.push(first);
    let mut last = None;
    loop {
        tokio::select! {
            came = coming.next() => match came {
                Ok(frame) => {
                    if let Frame::Welcome(_) = frame {
                        rest.iter().for_each(|frame| going.push(frame));
                    }
                    last = Some(frame);
                }
                Err(_) => return last,
            },
            gone = going.go_on() => if gone.is_err() { return last },
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_speaks_out_of_turn_is_told_why_it_is_hung_up_on() {
    let folder = Folder::new("turn");
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let event = Event { class: Class::CALL, body: b"{}".to_vec() };
    let events = |first| Frame::Events { first, events: vec![event.clone()] };
    for (says, why) in [
        (vec![hello("berne", 2, 9)], Reason::Version),
        (vec![hello("basel", 1, 1)], Reason::Site),
        (vec![events(1)], Reason::Protocol),
        (vec![hello("berne", 1, 1), hello("berne", 1, 1)], Reason::Protocol),
        (vec![hello("berne", 1, 9), events(7)], Reason::Gap),
    ] {
        let line = connection(&hub, &own).await;
        let last = tokio::time::timeout(PATIENCE, last_word(line, &says)).await.expect("an end");
        assert_eq!(last, Some(Frame::Close(why)), "{says:?}");
    }
    assert!(hub.kept("berne").is_empty());
}

/// A disk in memory, of so many megabytes.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, megabytes: u32) -> Disk {
        fs::create_dir_all(at).expect("a folder");
        Disk::run(&["-t", "tmpfs", "-o", &format!("size={megabytes}M"), "tmpfs"], at);
        Disk(at.to_owned())
    }

    fn grow(&self, megabytes: u32) {
        Disk::run(&["-o", &format!("remount,size={megabytes}M")], &self.0);
    }

    fn run(words: &[&str], at: &Path) {
        let done = std::process::Command::new("mount").args(words).arg(at).status();
        assert!(done.expect("mount").success(), "disks for these tests need root");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_whose_disk_is_full_says_so_and_goes_on_when_there_is_room() {
    let folder = Folder::new("full");
    let disk = Disk::mount(&folder.0.join("hub"), 12);
    let hub = Hub::start(&disk.0, YEAR).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let mut written = Written::open(&own);
    written.write_long(2_000, 10_000);
    let handle = start(settings(hub.at, &own), &written);
    until_line(&handle, "the full disk", is_down(Down::Closed(Reason::NotKept))).await;
    let line = handle.line();
    assert!(!line.up && line.words.contains("disk full"), "{}", line.words);
    assert!(written.outbox.arrived() < 2_000 && line.backlog > 0);
    disk.grow(100);
    until("all of it", || written.outbox.arrived() == 2_000).await;
    assert!(hub.kept("berne") == written.all());
}
