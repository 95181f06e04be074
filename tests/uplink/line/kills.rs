//! Both ends killed with -9 at any moment: the hub has exactly the journal, filtered by the policy, and nothing twice.

use std::env;
use std::process::{Child, Command, Stdio};

use branchline::driver::hub::running;

use super::*;
use crate::out;

/// Tell the child where to work, and for whom.
const DATA: &str = "BRANCHLINE_TEST_BOX";
const HUB: &str = "BRANCHLINE_TEST_HUB";

/// The box that is killed: writes and tells without end. Does nothing when it runs as a test among others.
#[test]
fn child() {
    let (Ok(data), Ok(hub)) = (env::var(DATA), env::var(HUB)) else { return };
    let (data, hub) = (PathBuf::from(data), hub.parse().expect("an address"));
    let seed = u64::from(std::process::id());
    let mut random = Random::from_number(seed);
    let (mut opened, hears) = out::open(&data, seed);
    let outbox = opened.outbox.clone().expect("an outbox");
    let settings = settings(hub, &uplink::folder(&data));
    let _handle = uplink::start(settings, outbox, random.fork()).expect("threads");
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        for _ in 0..random.below(30) {
            opened.journal.append(clock::now(), out::something(&mut random));
        }
        out::go_on(&mut opened, &hears);
        std::thread::sleep(Duration::from_micros(random.below(5_000)));
    }
}

fn start_box(data: &Path, hub: SocketAddr) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "line::kills::child", "--nocapture"]);
    command.env(DATA, data).env(HUB, hub.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a box")
}

fn start_hub(dir: &Path, at: SocketAddr) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_branchline"));
    command.args(["hub", "--listen", &at.to_string(), "--dir"]).arg(dir);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a hub")
}

fn kill(child: &mut Option<Child>) -> bool {
    let Some(mut child) = child.take() else { return false };
    child.kill().expect("killed");
    child.wait().expect("gone");
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn after_any_kill_of_either_end_the_hub_has_the_journal_once() {
    let folder = Folder::new("kills");
    let (dir, data) = (folder.0.join("hub"), folder.0.join("box"));
    fs::create_dir_all(&data).expect("a folder");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = port.local_addr().expect("an address");
    drop(port);
    // The outbox begins with the journal's first record.
    out::open(&data, 1).0.handle.finish();
    let (mut hub, mut own) = (Some(start_hub(&dir, at)), None);
    let (authority, sites) = running::open(&dir).expect("a hub's files");
    let token = Token::new("berne", authority.fingerprint(), &mut Random::from_number(3));
    let ends = UnixTime(clock::now().unix.0 + 60_000_000);
    sites.hand_out("berne", token.secret, ends).expect("written");
    let keys = uplink::folder(&data);
    let begun = Instant::now();
    while let Err(why) = enrolling::enrol(&keys, &at.to_string(), &token).await {
        assert!(begun.elapsed() < PATIENCE, "{why}");
    }
    let mut random = Random::from_number(7);
    let mut killed = [0, 0];
    while killed[0] + killed[1] < crate::kills() {
        own.get_or_insert_with(|| start_box(&data, at));
        hub.get_or_insert_with(|| start_hub(&dir, at));
        tokio::time::sleep(Duration::from_millis(random.below(1_000))).await;
        let which = random.below(10);
        killed[0] += u32::from(which < 5 && kill(&mut own));
        killed[1] += u32::from(which > 3 && kill(&mut hub));
    }
    kill(&mut own);
    hub.get_or_insert_with(|| start_hub(&dir, at));
    let (opened, _hears) = out::open(&data, 2);
    let outbox = opened.outbox.clone().expect("an outbox");
    let handle = uplink::start(settings(at, &keys), outbox.clone(), Random::from_number(5));
    let handle = handle.expect("threads");
    opened.handle.finish();
    let filtered = out::filtered(&data);
    until("the outbox", || outbox.span().borrow().newest == filtered.1).await;
    let begun = Instant::now();
    while outbox.arrived() < filtered.1 {
        assert!(begun.elapsed() < 3 * PATIENCE, "{:?}", handle.condition());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kill(&mut hub);
    let kept = kept(&Embedded::open(&dir).expect("an engine"), "berne");
    for (expected, (number, _)) in (1..).zip(&kept) {
        assert_eq!(*number, expected, "without gap, none twice");
    }
    let at_hub = out::hashed(kept.into_iter().map(|(_, event)| event));
    println!(
        "box killed {} times, hub {} times; {} events: journal {}, hub {}",
        killed[0], killed[1], at_hub.1, filtered.0, at_hub.0
    );
    assert!(at_hub.1 > 2_000, "{} events are few", at_hub.1);
    assert_eq!(at_hub, filtered);
}
