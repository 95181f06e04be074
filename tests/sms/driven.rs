//! One modem's task on a real line, in real time: found, read, sent through, pulled out and put back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use branchline::driver::modem::{self, Lines, Running};
use branchline::driver::simulated::Plugged;
use branchline::sms::modem::{
    Condition, Kept, Modem, Order, Outcome, Profiles, Send, Settings, Told,
};
use branchline::sms::simulated::{Make, deliver};
use branchline::time::UnixTime;
use tokio::sync::mpsc;

/// How long anything may take: a modem that is put back needs five seconds to start.
const PATIENCE: Duration = Duration::from_secs(40);

struct Desk {
    runtime: tokio::runtime::Runtime,
    running: Running,
    told: mpsc::Receiver<Told>,
}

impl Desk {
    fn new(port: PathBuf) -> Desk {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (sender, told) = mpsc::channel(64);
        let profiles = Arc::new(Profiles::shipped().expect("profiles"));
        let supervisor = Modem::new(Settings::default(), profiles, Kept::default());
        let running = modem::start(runtime.handle(), supervisor, Lines::One(port), sender);
        Desk { runtime, running, told }
    }

    /// Waits for something that is told, and stores what arrives meanwhile.
    #[track_caller]
    fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(&Told) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let told = &mut self.told;
            let next =
                async { tokio::time::timeout(Duration::from_millis(100), told.recv()).await };
            let Ok(Some(told)) = self.runtime.block_on(next) else { continue };
            if let Told::Arrived { key, .. } | Told::Report { key, .. } = &told {
                assert!(self.running.order(Order::Stored(key.clone())));
            }
            if let Some(found) = wanted(&told) {
                return found;
            }
        }
        let look = self.runtime.block_on(self.running.look());
        panic!("{what}: {look:?}");
    }

    #[track_caller]
    fn wait_for(&mut self, condition: Condition) {
        self.wait(&format!("never {condition}"), |told| {
            (*told == Told::Condition(condition)).then_some(())
        });
    }
}

#[test]
fn a_modem_on_a_line_is_used_and_survives_being_pulled_out() {
    let folder = std::env::temp_dir().join(format!("driven-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let plugged = Plugged::new(&folder.join("port"), Make::default()).expect("a modem");
    let mut desk = Desk::new(plugged.port().to_owned());
    desk.wait_for(Condition::Ready);

    plugged.with(|now, modem| {
        let tpdu = deliver("+15550001", "over a line", now.unix);
        assert!(modem.receive(now, &tpdu));
    });
    desk.wait("nothing arrived", |told| matches!(told, Told::Arrived { .. }).then_some(()));

    // SMS-SUBMIT of "hi" in UCS-2 to +15550002, with a report.
    let tpdu = vec![0x21, 0, 8, 0x91, 0x51, 0x55, 0x00, 0x20, 0, 8, 4, 0, b'h', 0, b'i'];
    let (id, to, urgent) = (1, "+15550002".to_owned(), false);
    let send = Send { id, to, parts: vec![tpdu], until: UnixTime(i64::MAX), urgent };
    assert!(desk.running.order(Order::Send(send)));
    let outcome = desk.wait("no outcome", |told| match told {
        Told::Sent { outcome, .. } => Some(outcome.clone()),
        _ => None,
    });
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let to = plugged.with(|_, modem| modem.sent()[0].to());
    assert_eq!(to.as_deref(), Some("+15550002"));

    plugged.with(|_, modem| modem.unplug());
    desk.wait_for(Condition::Absent);
    plugged.with(|now, modem| modem.plug(now));
    desk.wait_for(Condition::Ready);
    let (snapshot, transcript) = desk.runtime.block_on(desk.running.look()).expect("it runs");
    assert_eq!(snapshot.resets, 0);
    assert!(transcript.iter().any(|entry| entry.text == "-- the line is gone"));
    drop(plugged);
    let _ = std::fs::remove_dir_all(folder);
}
