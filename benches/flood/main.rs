//! What a flood does to a branch: `cargo bench --bench flood`, as root on Linux with `ip` (iproute2) and `unshare`.
//!
//! Two network namespaces with a cable between them: the release binary with its journal in one; in the other a
//! carrier, phones and browsers whose calls are up and whose sound is counted packet by packet, good callers, and an
//! attacker who sends 5,000 INVITEs a second from one address, then from a forged network of 65,536, then in the known
//! carrier's name, and then sprays every port for sound and those that browsers share: 10,000 packets of RTP a second, and as
//! many with sealed sound, checks, hellos and alerts; the same at rtpengine, where it is installed. Last, browsers shake
//! hands with the box under a spray of hellos and alerts: 100 of them, or as many as are named. Each line prints what was
//! lost; the exit code says whether all of it is within what the issue allows. `cargo bench --bench flood spoofed` runs one
//! kind, `cargo bench --bench flood handshakes 1000` the last in full.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

mod attack;
mod branch;
mod browsers;
mod callers;
mod control;
mod handshakes;
#[path = "../common/legs.rs"]
mod legs;
#[path = "../common/line.rs"]
mod line;
#[path = "../common/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "../common/rtpengine.rs"]
mod rtpengine;
#[path = "../common/sip.rs"]
mod sip;
#[path = "../common/socket.rs"]
mod socket;
mod sound;
mod strangers;
#[path = "../common/voice.rs"]
mod voice;

use std::io::{BufRead, Write};
use std::net::IpAddr;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use attack::{Attack, Kind, Known};
use branch::{BROWSERS, Branch};
use browsers::Browsers;
use callers::Callers;
use rtpengine::Daemon;
use sound::Sound;

/// How long an expected thing may take.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Handshakes, where nobody says how many.
const HANDSHAKES: usize = 100;
/// How long each flood lasts.
const WINDOW: Duration = Duration::from_secs(10);
/// How long after a flood everything is normal again.
const CALM: Duration = Duration::from_secs(2);
/// The same after calls in a known carrier's name: until what nobody acknowledged is given up (RFC 3261 timer H, 32 s).
const AFTERMATH: Duration = Duration::from_secs(35);
/// Calls that are up all the time.
const TALKING: usize = 50;
/// More of them that begin while RTP is sprayed.
const LATE: usize = 20;
/// Good callers a second while a flood lasts: half from the carrier, half from phones that show their password.
const CALLERS: usize = 40;

fn main() -> ExitCode {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    match words.first().map(String::as_str) {
        Some("box") => in_the_box(&words[1..]),
        Some("peers") => at_the_peers(&words[1..]),
        _ => {
            let own = std::env::current_exe().expect("a program");
            let status =
                Command::new("unshare").arg("--net").arg(own).arg("box").args(&words).status();
            let status = status.expect("unshare (util-linux)");
            if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

fn wants(words: &[String], kind: Kind) -> bool {
    let mut names = words.iter().filter(|word| word.parse::<usize>().is_err()).peekable();
    names.peek().is_none() || names.any(|word| kind.name().contains(word.as_str()))
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().expect("ip (iproute2)");
    assert!(status.success(), "ip {arguments}");
}

/// The namespace of the box: it has one cable, and its way to everybody is the carrier's end of it.
fn in_the_box(words: &[String]) -> ExitCode {
    let own = std::env::current_exe().expect("a program");
    let mut peers = Command::new("unshare")
        .arg("--net")
        .arg(own)
        .arg("peers")
        .args(words)
        .stdin(Stdio::piped())
        .spawn()
        .expect("unshare (util-linux)");
    std::thread::sleep(Duration::from_millis(300));
    ip("link set lo up");
    ip(&format!("link add box type veth peer name peers netns {}", peers.id()));
    ip("addr add 192.0.2.1/24 dev box");
    ip("link set box up");
    ip("route add default via 192.0.2.100");
    ip("addr add 192.0.2.2/24 dev box");
    let branch = Branch::start();
    let _control = (wants(words, Kind::Spray) && process::is_installed("rtpengine"))
        .then(|| Daemon::start(quiet("rtpengine"), IpAddr::from(control::HOST), &branch::PORTS));
    let mut word = peers.stdin.take().expect("a pipe");
    writeln!(word, "{}", branch.id()).expect("they listen");
    let status = peers.wait().expect("they end");
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The namespace of everybody else.
fn at_the_peers(words: &[String]) -> ExitCode {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).expect("the box's process");
    let process: u32 = line.trim().parse().expect("a number");
    ip("link set lo up");
    for address in
        ["192.0.2.100/24", "192.0.2.9/24", "192.0.2.50/24", "203.0.113.66/32", "203.0.113.77/32"]
    {
        ip(&format!("addr add {address} dev peers"));
    }
    ip("link set peers up");
    let all = [Kind::OneSource, Kind::Spoofed, Kind::Carrier, Kind::Spray];
    let floods: Vec<_> = all.into_iter().filter(|kind| wants(words, *kind)).collect();
    let mut good = floods.is_empty() || stands(process, &floods);
    if wants(words, Kind::Handshakes) {
        let count = words.iter().find_map(|word| word.parse().ok());
        good &= handshakes::shake(process, count.unwrap_or(HANDSHAKES));
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each of these floods. Answers whether the branch stood them all.
fn stands(process: u32, floods: &[Kind]) -> bool {
    let mut callers = Callers::new();
    callers.register();
    let mut sound = Sound::new();
    callers.talk(&mut sound, TALKING);
    run(&mut callers, &mut sound, WINDOW / 2, 0);
    sound.count();
    println!(
        "{TALKING} calls are up; the box has {:.1} MB; set-up in calm: {}",
        branch::memory(process),
        callers.report().words()
    );
    let good: Vec<bool> =
        floods.iter().map(|kind| flood(process, *kind, &mut callers, &mut sound)).collect();
    if floods.contains(&Kind::Spray) {
        if process::is_installed("rtpengine") {
            control::spray();
        } else {
            println!("rtpengine: not installed");
        }
    }
    good.iter().all(|good| *good)
}

/// One flood and the calm after it. Answers whether the branch stood it.
fn flood(process: u32, kind: Kind, callers: &mut Callers, sound: &mut Sound) -> bool {
    let known = Arc::new(Mutex::new(Known { busy: sound.ports(), ..Known::default() }));
    let browsers = (kind == Kind::Spray).then(|| Browsers::talk(&known));
    if browsers.is_some() {
        // Nobody spoke while browsers were set up.
        sound.resume();
        run(callers, sound, CALM, 0);
        callers.finish(sound);
        callers.report();
    }
    sound.count();
    let (memory, cpu) = (branch::memory(process), process::cpu(process));
    let going = Arc::new(AtomicBool::new(true));
    let attack = Attack::start(kind, branch::HOST, going.clone(), known);
    let browsers = browsers.map(|mut own| std::thread::spawn(move || own.speak(WINDOW)));
    let mut peak = run(callers, sound, WINDOW / 2, process);
    if kind == Kind::Spray {
        // Calls whose ports nobody has told the stranger, and whose ends the box has yet to learn.
        callers.talk(sound, LATE);
    }
    peak = peak.max(run(callers, sound, WINDOW / 2, process));
    let in_browsers = browsers.map(|own| own.join().expect("they speak"));
    let (sent, got) = attack.stop(&going);
    let cpu = (process::cpu(process) - cpu) / WINDOW.as_secs_f64() / 1e4;
    callers.finish(sound);
    let (spoken, heard, foreign) = sound.count();
    let during = callers.report();
    // What was answered late by then shows in the calm's figures.
    let wait = if kind == Kind::Carrier { AFTERMATH } else { CALM };
    run(callers, sound, wait, 0);
    callers.finish(sound);
    callers.report();
    sound.count();
    run(callers, sound, CALM, 0);
    callers.finish(sound);
    let (calm_spoken, calm_heard, _) = sound.count();
    let calm = callers.report();
    // More that is heard than was said would hide what is lost: that is no good either.
    let lost = 100.0 * (1.0 - heard as f64 / spoken as f64).abs();
    let grown = peak - memory;
    println!(
        "{:<11} {sent} sent in {} s, {cpu:.0} % of a core\n  RTP of calls that are up: {} of {spoken} lost ({lost:.3} %), {foreign} \
         packets of strangers heard, {}\n  good callers: {}\n  memory +{grown:.1} MB\n  \
         {} s later: {}, {} of {calm_spoken} RTP lost",
        kind.name(),
        WINDOW.as_secs(),
        difference(spoken, heard),
        got.words(),
        during.words(),
        wait.as_secs(),
        calm.words(),
        difference(calm_spoken, calm_heard),
    );
    let undisturbed = in_browsers.as_ref().is_none_or(|count| {
        println!(
            "  {BROWSERS} browsers: {} of {} lost there and back, {} packets of strangers heard by them or their phones",
            difference(count.sent as u64, count.heard as u64),
            count.sent,
            count.strange
        );
        // A packet or two of each were on their way when the count began.
        let on_their_way = -2 * BROWSERS as i64;
        (on_their_way..=0).contains(&difference(count.sent as u64, count.heard as u64)) && count.strange == 0
    });
    if kind == Kind::Carrier {
        // What the box cannot tell from the carrier, it serves as the carrier: this line says what that costs others.
        let stood = lost < 0.1 && foreign == 0 && calm.done == calm.asked;
        println!("  {}", if stood { "stands" } else { "FALLS" });
        return stood;
    }
    let stood = lost < 0.1
        && foreign == 0
        && undisturbed
        && (kind != Kind::Spray || (got.sound == 0 && got.other == 0))
        && during.done * 1_000 >= during.asked * 999
        && grown <= 64.0
        && calm.done == calm.asked
        && calm.slowest < Duration::from_millis(500);
    println!("  {}", if stood { "stands" } else { "FALLS" });
    stood
}

/// What of it is missing; less than nothing when more was heard than said.
fn difference(said: u64, heard: u64) -> i64 {
    said.cast_signed() - heard.cast_signed()
}

/// Everybody does what they do for `span`. Answers the most memory that the box had, in MB.
fn run(callers: &mut Callers, sound: &mut Sound, span: Duration, process: u32) -> f64 {
    let began = Instant::now();
    let (mut dialled, mut peak, mut looked) = (0, 0.0_f64, Instant::now());
    while began.elapsed() < span {
        let due = (began.elapsed().as_secs_f64() * CALLERS as f64) as usize;
        while dialled < due {
            callers.dial();
            dialled += 1;
        }
        callers.turn();
        sound.turn();
        if process > 0 && looked.elapsed() > Duration::from_millis(100) {
            peak = peak.max(branch::memory(process));
            looked = Instant::now();
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    peak
}
