//! A hub that is told to end says good-bye: its sites know at once that it is away.

use std::process::{Child, Command, Stdio};

use branchline::driver::hub::running;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;

/// The line is down for as long as was said, and comes back by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_held_down_comes_back_by_itself() {
    let folder = Folder::new("held");
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let mut written = Written::open(&own);
    let handle = start(settings(hub.at, &own), &written);
    until_line(&handle, "the line", is_up(Route::Quic)).await;
    let (begun, span) = (Instant::now(), Duration::from_secs(2));
    handle.hold(span);
    until_line(&handle, "the end", |now| !is_up(Route::Quic)(now)).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    written.write(100);
    until_line(&handle, "the line again", is_up(Route::Quic)).await;
    let took = begun.elapsed();
    assert!(took >= span && took < span + AT_ONCE, "{took:?}");
    until("all of it", || written.outbox.arrived() == 100).await;
}

/// Much less than the silence after which a line that says nothing is given up.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Ends with the test, whatever comes of it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended where all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_know_at_once_that_their_hub_was_ended() {
    let folder = Folder::new("ended");
    let dir = folder.0.join("hub");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = port.local_addr().expect("an address");
    drop(port);
    let mut hub = Command::new(env!("CARGO_BIN_EXE_branchline"));
    hub.args(["hub", "--listen", &at.to_string(), "--page", "127.0.0.1:0", "--dir"]).arg(&dir);
    let hub = hub.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut hub = Running(hub.expect("a hub"));
    let (authority, sites) = running::open(&dir).expect("a hub's files");
    let mut boxes = Vec::new();
    for (site, route) in [("berne", Route::Quic), ("basel", Route::Tls)] {
        let own = folder.0.join(site);
        let token = Token::new(site, authority.fingerprint(), &mut Random::from_number(3));
        let ends = UnixTime(clock::now().unix.0 + 60_000_000);
        sites.hand_out(site, token.secret, ends).expect("written");
        let begun = Instant::now();
        while let Err(why) = enrolling::enrol(&own, &at.to_string(), &token).await {
            assert!(begun.elapsed() < PATIENCE, "{why}");
        }
        let to = if route == Route::Tls { OnlyTcp::before(at).await.0 } else { at };
        let written = Written::open(&own);
        let handle = start(settings(to, &own), &written);
        until_line(&handle, "the line", is_up(route)).await;
        boxes.push((route, handle, written));
    }
    let told = Instant::now();
    let pid = Pid::from_raw(hub.0.id().try_into().expect("a process"));
    kill(pid, Signal::SIGTERM).expect("told");
    for (route, handle, _) in &boxes {
        until_line(handle, "the end", |now| !is_up(*route)(now)).await;
        println!("{route:?}: known after {:?}", told.elapsed());
        assert!(told.elapsed() < AT_ONCE, "{route:?}: {:?}", told.elapsed());
    }
    assert!(hub.0.wait().expect("ended").success());
}
