//! What a browser's leg costs: CPU and memory of the box beside Janus on the same work in the same run.
//!
//! `cargo bench --bench browser` starts the release binary on cores 0 and 1 and calls a desk phone from 10, 25 and 50
//! browsers, which are `PeerConnection`s of the crate `webrtc` here: with G.711, which the box opens, seals and passes on,
//! and with Opus, which it decodes and codes. The phone says back what it hears. Janus (Debian's package `janus`, its echo
//! test) has the browser's side alone of that: what comes goes back as it is. CPU is what the kernel counted for the server
//! over the measured window; a packet counts that was heard back. `-- 25` does one size alone.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

mod branch;
mod janus;
#[path = "../common/legs.rs"]
#[allow(dead_code)]
mod legs;
#[path = "../common/line.rs"]
#[allow(dead_code)]
mod line;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/sip.rs"]
#[allow(dead_code)]
mod sip;
#[path = "../common/socket.rs"]
mod socket;
#[path = "../common/voice.rs"]
mod voice;

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use legs::{Leg, Sound, speak};

/// Browsers at a time.
const SIZES: [usize; 3] = [10, 25, 50];
/// How long each line measures, and how long everybody speaks before.
const WINDOW: Duration = Duration::from_secs(5);
const FIRST: Duration = Duration::from_secs(1);
/// How long an expected thing may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() {
    let given: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let sizes = if given.is_empty() { SIZES.to_vec() } else { given };
    // On a machine of two cores there is no other place, and the figures are worse for it.
    let own = std::process::id().to_string();
    let _ = Command::new("taskset").args(["-acp", "2-3", &own]).stdout(Stdio::null()).status();
    for count in &sizes {
        for sound in [Sound::G711, Sound::Opus] {
            let branch = branch::Branch::start(*count);
            let before = process::memory(branch.id());
            let mut line = branch.line().await;
            let mut legs = Vec::new();
            for call in 0..*count {
                let (leg, offer) = Leg::offer(sound, Ipv4Addr::LOCALHOST.into()).await;
                leg.accept(line.call(call, &offer).await.sdp).await;
                legs.push(leg);
            }
            let what = if sound == Sound::G711 { "passed on" } else { "Opus <-> G.711" };
            measure("branchline", what, &legs, branch.id(), before).await;
        }
    }
    if !process::is_installed("janus") {
        return println!("janus: not installed");
    }
    let Some(host) = janus::host() else {
        return println!("janus: it takes no address of loopback, and there is no other");
    };
    for count in sizes {
        let janus = janus::Janus::start();
        let before = process::memory(janus.id());
        let mut session = janus.session().await;
        let mut legs = Vec::new();
        for _ in 0..count {
            let (leg, offer) = Leg::offer(Sound::Opus, host).await;
            leg.accept(session.echo(&offer).await).await;
            legs.push(leg);
        }
        measure("janus", "echo test, Opus", &legs, janus.id(), before).await;
    }
}

async fn measure(who: &str, what: &str, legs: &[Leg], process: u32, before: f64) {
    for leg in legs {
        leg.is_connected().await;
    }
    speak(legs, 0, FIRST).await;
    let heard_before: usize = legs.iter().map(Leg::heard).sum();
    let cpu = process::cpu(process);
    let sent = speak(legs, 50, WINDOW).await;
    let used = process::cpu(process) - cpu;
    let heard = legs.iter().map(Leg::heard).sum::<usize>() - heard_before;
    let count = legs.len();
    println!(
        "{who:<10}  {what:<16} {count:>3} browsers {:8.1} us CPU a packet, {:6.2} ms a second and leg, {heard} of {sent} \
         heard, {:.0} kB a leg",
        used / heard as f64,
        used / 1e3 / WINDOW.as_secs_f64() / count as f64,
        (process::memory(process) - before) / count as f64
    );
    for leg in legs {
        leg.close().await;
    }
}
