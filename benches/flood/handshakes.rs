//! Handshakes with the box in a process of its own, in calm and under a spray of hellos, alerts and checks: from elsewhere,
//! from the browsers' own address, and alerts with a browser's own port.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::attack::{Attack, Kind, Known};
use crate::branch::{self, BROWSERS, BROWSERS_AT, PLACE, SHARED};
use crate::browsers::{overheard, phones, runtime};
use crate::legs::{Leg, Sound};
use crate::line::Line;
use crate::process;

/// Ports of media threads that strangers try: more than a box of the usual size has.
const TRIED: usize = 8;
/// Calls of one line are far from those of the next.
const APART: usize = 1_000_000;
/// How long the spray alone is looked at.
const ALONE: Duration = Duration::from_secs(5);
/// What the box may have more of afterwards, in MB: freed pages that its allocator keeps.
const GROWN: f64 = 32.0;

struct Done {
    up: usize,
    /// CPU of the box in microseconds.
    cpu: f64,
    took: Duration,
}

/// All of it, `count` times each. Answers whether every one came to be.
pub fn shake(box_: u32, count: usize) -> bool {
    let runtime = runtime();
    let _phones = phones();
    let known = Arc::new(Mutex::new(Known::default()));
    // So that what is made once is there before anything is counted.
    runtime.block_on(all(box_, BROWSERS * 2, &known));
    let calm = runtime.block_on(all(box_, count, &known));
    let memory = branch::memory(box_);
    println!("handshakes in calm: {}", words(&calm, count, 0.0));
    known.lock().expect("nobody fails").busy = SHARED.take(TRIED).collect();
    let going = Arc::new(AtomicBool::new(true));
    let attack = Attack::start(Kind::Handshakes, branch::HOST, going.clone(), known.clone());
    std::thread::sleep(Duration::from_secs(1));
    let before = process::cpu(box_);
    std::thread::sleep(ALONE);
    let alone = (process::cpu(box_) - before) / ALONE.as_secs_f64();
    let sprayed = runtime.block_on(all(box_, count, &known));
    let (sent, got) = attack.stop(&going);
    let grown = branch::memory(box_) - memory;
    println!(
        "handshakes under {sent} hellos, alerts and checks of strangers: {}\n  the spray alone costs {:.1} % of a core; \
         memory {grown:+.1} MB\n  {}",
        words(&sprayed, count, alone),
        alone / 1e4,
        got.words()
    );
    let stood = calm.up == count
        && sprayed.up == count
        && got.sound == 0
        && got.other == 0
        && grown <= GROWN;
    println!("  {}", if stood { "stands" } else { "FALLS" });
    stood
}

/// With what the spray by itself costs in the same time taken off.
fn words(done: &Done, count: usize, alone: f64) -> String {
    let each = |cpu: f64| cpu / 1e3 / count as f64;
    let spray = alone * done.took.as_secs_f64();
    let less = if alone > 0.0 {
        format!(", {:.2} ms without what the spray costs by itself", each(done.cpu - spray))
    } else {
        String::new()
    };
    format!(
        "{} of {count} done in {:.1} s, {:.2} ms CPU of the box for each call{less}",
        done.up,
        done.took.as_secs_f64(),
        each(done.cpu)
    )
}

/// So many calls of browsers that come to be connected, some at a time.
async fn all(box_: u32, count: usize, known: &Arc<Mutex<Known>>) -> Done {
    static LINES: AtomicUsize = AtomicUsize::new(1);
    let (next, up) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (cpu, began) = (process::cpu(box_), Instant::now());
    let mut tasks = Vec::new();
    for who in 0..BROWSERS {
        let (next, up, known) = (next.clone(), up.clone(), known.clone());
        let first = APART * LINES.fetch_add(1, Ordering::Relaxed);
        tasks.push(tokio::spawn(async move {
            let mut line = Line::open(PLACE, first).await;
            while next.fetch_add(1, Ordering::Relaxed) < count {
                let done = one(&mut line, who, &known).await;
                up.fetch_add(usize::from(done), Ordering::Relaxed);
            }
        }));
    }
    for task in tasks {
        task.await.expect("it ends");
    }
    Done { up: up.load(Ordering::Relaxed), cpu: process::cpu(box_) - cpu, took: began.elapsed() }
}

async fn one(line: &mut Line, who: usize, known: &Mutex<Known>) -> bool {
    let (leg, offer) = Leg::offer(Sound::G711, IpAddr::from(BROWSERS_AT)).await;
    let call = line.call(who, &offer).await;
    let mut own = Known::default();
    overheard(&mut own, &offer, &call.sdp);
    // Strangers know of it before the browser does.
    let publish = |known: &mut Known| {
        known.names.clone_from(&own.names);
        known.browsers.clone_from(&own.browsers);
    };
    publish(&mut known.lock().expect("nobody fails"));
    leg.accept(call.sdp.clone()).await;
    let up = leg.connects().await;
    leg.close().await;
    line.hang_up(call).await;
    up
}
