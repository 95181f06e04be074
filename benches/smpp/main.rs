//! How many messages go from an application to a carrier and back, on the disk, beside Kannel in the same run.
//!
//! `cargo bench --bench smpp` prints it; `/usr/sbin/bearerbox` and `smsbox` must be there for Kannel's half, and `strace` for
//! its syncs. `BOX=FILE` in the environment drives another binary. Two tables, and what stands in one compares with nothing in
//! the other:
//!
//! - The whole way. Ours: `branchline run` with its journal on the disk; an application submits over SMPP with its window full,
//!   is answered when its message is synced, the message goes to the carrier, and its receipt is synced before the carrier is
//!   answered and then goes to the application. Kannel: bearerbox with `store-type = file` on the same disk and smsbox in front,
//!   fed over HTTP by 16 connections that stay open, for it takes messages in no other way; its receipts are kept in memory
//!   (`dlr-storage = internal`) and told over HTTP. The carrier is the same program, and answers everything at once. From the
//!   first message to the last receipt; processor time is that of the processes, the feeding and the carrier not counted.
//! - A link alone, ours, in memory: what the protocol itself costs. `in` is `deliver_sm` from a centre, `out` is `submit_sm`
//!   with receipts, `centre` is the server with an application at it; time of the one thread that it is on.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

mod centre;
mod kannel;
mod whole;

use std::collections::VecDeque;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use branchline::driver::smpp::{Link, Listener, Order, Password, Server, Told, link};
use branchline::random::Random;
use branchline::smpp::client::{Host, Settings};
use branchline::smpp::desk::Account;
use branchline::smpp::pdu::{Address, Bind, BindKind, Message, Named, Pdu, Text};
use branchline::smpp::session::{Fate, Limits, Senders, Sending, Ticket};
use branchline::smpp::status::Status;
use nix::time::{ClockId, clock_gettime};

/// Messages of one measurement of a link alone: some seconds.
const OURS: u64 = 60_000;
/// Of the whole way, unless a number on the command line says otherwise.
const WHOLE: u64 = 20_000;
/// Of Kannel while its syncs are counted, which makes it slow.
const COUNTED: u64 = 500;
/// Receivers: as a branch has customers, so that keeping each one's order costs no window.
const RECEIVERS: u64 = 5_000;

/// Messages that are given to a link before they have their fate: less than its channel holds.
const AHEAD: u64 = 200;

fn main() {
    let whole = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(WHOLE);
    println!("from an application to a carrier, and its receipt back:");
    println!(
        "{:<12} {:>6} {:>12} {:>14} {:>12}",
        "who", "window", "messages/s", "us of CPU each", "syncs/1000"
    );
    for window in [10, 100, 500] {
        row("branchline", window, &whole::measure(window, whole));
        if kannel::installed() {
            row("kannel", window, &kannel::outgoing(window, whole));
        }
    }
    match kannel::installed() {
        true => println!("kannel syncs {} of 1000 messages", kannel::syncs(COUNTED)),
        false => println!("kannel is not installed"),
    }
    println!("\na link alone, in memory:");
    for window in [10, 100] {
        row("in", window, &incoming(window));
        row("out", window, &outgoing(window));
        row("centre", window, &as_centre(window));
    }
}

/// How many messages in which time, how much of a processor that took, and how many syncs.
pub struct Cost {
    pub messages: u64,
    pub time: Duration,
    pub cpu: Duration,
    pub syncs: Option<u64>,
}

fn row(who: &str, window: usize, cost: &Cost) {
    let many = cost.messages as f64;
    let (rate, each) = (many / cost.time.as_secs_f64(), cost.cpu.as_micros() as f64 / many);
    let syncs = cost
        .syncs
        .map_or_else(|| "-".to_owned(), |syncs| format!("{:.0}", syncs as f64 * 1_000.0 / many));
    println!("{who:<12} {window:>6} {rate:>12.0} {each:>14.1} {syncs:>12}");
}

fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock").into()
}

pub fn limits(window: usize) -> Limits {
    Limits { window, theirs: window.max(100), ..Limits::default() }
}

pub fn message(number: u64) -> Message {
    Message {
        from: Address::of("+15550100"),
        to: Address::of(&format!("+1555{:07}", number % RECEIVERS)),
        registered_delivery: 1,
        // Each its own words: the same to the same receiver over a new link is one that was sent again.
        short_message: format!(
            "Your appointment {number} is tomorrow at 10:30. Reply STOP to end."
        )
        .into(),
        ..Message::default()
    }
}

fn bind(system_id: &str) -> Bind {
    Bind {
        kind: BindKind::Transceiver,
        system_id: Text::from(system_id),
        password: Text::from("secret"),
        system_type: Text::default(),
        version: 0x34,
        range: Address::default(),
    }
}

fn settings(port: u16, window: usize) -> Settings {
    let hosts = vec![Host { name: "127.0.0.1".into(), port, tls: false }];
    Settings { hosts, bind: bind("shop"), limits: limits(window) }
}

/// Runs something on a thread with a runtime of its own, and says what processor time that thread took.
fn alone<F: Future<Output = u64>>(work: impl FnOnce() -> F + Send + 'static) -> Cost {
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (start, before) = (Instant::now(), thread_time());
        let messages = runtime.expect("a runtime").block_on(work());
        let (time, cpu) = (start.elapsed(), thread_time() - before);
        let _ = done.send(Cost { messages, time, cpu, syncs: None });
    });
    result.recv().expect("it ends")
}

async fn up(link: &mut Link) {
    while !matches!(link.told.recv().await, Some(Told::Up(..))) {}
}

fn incoming(window: usize) -> Cost {
    let centre = centre::Centre::start(window, OURS);
    let port = centre.port;
    alone(move || async move {
        let (mut link, task) = link(settings(port, window), None, Random::from_number(1));
        tokio::spawn(task);
        let mut taken = 0;
        while taken < OURS {
            if let Told::Asked(handle, _) = link.told.recv().await.expect("it goes on") {
                taken += 1;
                link.orders.send(Order::Answer(handle, Status::OK, None)).await.expect("it runs");
            }
        }
        taken
    })
}

fn outgoing(window: usize) -> Cost {
    let centre = centre::Centre::start(window, 0);
    let port = centre.port;
    alone(move || async move {
        let (mut link, task) = link(settings(port, window), None, Random::from_number(1));
        tokio::spawn(task);
        up(&mut link).await;
        let (mut sent, mut fates, mut receipts) = (0, 0, 0);
        while fates < OURS || receipts < OURS {
            // As many ahead as the machine keeps in order without being full.
            while sent < OURS && sent - fates < AHEAD {
                let sending = submit(sent);
                link.orders.send(Order::Send(sending)).await.expect("it runs");
                sent += 1;
            }
            match link.told.recv().await.expect("it goes on") {
                Told::Fate(_, Fate::Answered(Status::OK, _)) => fates += 1,
                Told::Asked(handle, _) => {
                    receipts += 1;
                    link.orders
                        .send(Order::Answer(handle, Status::OK, None))
                        .await
                        .expect("it runs");
                }
                other => panic!("{other:?}"),
            }
        }
        OURS
    })
}

fn submit(number: u64) -> Sending {
    let pdu = Pdu::Submit(Box::new(message(number)));
    Sending { ticket: Ticket(number), pdu, until: None }
}

/// The centre is measured; the application is on a thread of its own.
fn as_centre(window: usize) -> Cost {
    let (tells, told) = mpsc::channel();
    let application = thread::spawn(move || {
        let port: u16 = told.recv().expect("it listens");
        centre::application(port, window, OURS);
    });
    let cost = alone(move || async move {
        let account = Account {
            system_id: "shop".into(),
            networks: Vec::new(),
            kinds: vec![BindKind::Transceiver],
            most: 1,
            rate: None,
            window: 1_000,
            senders: Senders::Any,
        };
        let accounts = vec![(account, Password::of_file("secret"))];
        let (server, mut told) =
            Server::new("branch", limits(window), accounts, Random::from_number(1));
        let address = "127.0.0.1:0".parse().expect("an address");
        let (local, accept) = server.listen(Listener { address, tls: None }).await.expect("a port");
        tokio::spawn(accept);
        tells.send(local.port()).expect("somebody waits");
        let (mut ids, mut due, mut out, mut receipts) = (0u64, VecDeque::new(), 0, 0);
        while receipts < OURS {
            let from = told.recv().await.expect("it goes on");
            match from.told {
                Told::Asked(handle, pdu) => {
                    ids += 1;
                    let id = Text::from(ids.to_string().as_str());
                    let answer = Some(Pdu::SubmitResp(Named { id, ..Named::default() }));
                    server.answer(from.link, handle, Status::OK, answer);
                    due.push_back(centre::receipt(pdu.message().expect("a message"), ids));
                }
                Told::Fate(_, Fate::Answered(..)) => (receipts, out) = (receipts + 1, out - 1),
                Told::Fate(_, other) => panic!("{other:?}"),
                _ => {}
            }
            while let Some(pdu) = (out < AHEAD).then(|| due.pop_front()).flatten() {
                out += 1;
                let sending = Sending { ticket: Ticket(ids), pdu, until: None };
                server.send("shop", sending).expect("it is bound and has room");
            }
        }
        OURS
    });
    application.join().expect("it ends");
    cost
}
