//! `branchline console`: what stands on the box's screen and serial line in place of a login. The menu is
//! [`appliance::console`](crate::appliance::console)'s; this prints, waits for lines, and does what was chosen.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::time::Duration;

use clap::Args;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::admin::{Command, Lamp, Reply, Status};
use crate::appliance::console::{Act, Console, KEYS};
use crate::cli::{ask, exit, look, text};
use crate::driver::site::Beside;
use crate::driver::tls;

/// How often the page is drawn anew while nobody types.
const REFRESH: Duration = Duration::from_secs(15);
/// After so many looks the page is drawn though nothing on it has changed: the kernel may have written over it.
const LOOKS: u32 = 20;
/// Where the pages of a box are that nobody has set up: the factory's configuration says so.
const PORT: u16 = 8443;
/// The longest line that is kept.
const LONGEST_LINE: usize = 256;

/// What it takes.
#[derive(Debug, Args)]
pub struct Options {
    /// Print the page once, and no menu.
    #[arg(long)]
    once: bool,
    /// The configuration file.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
    /// The control socket of the box.
    #[arg(long, env = "BRANCHLINE_SOCKET", default_value = "/run/branchline/admin.sock")]
    socket: PathBuf,
    /// As if the clock said so, in seconds since 1970; for tests.
    #[arg(long, hide = true)]
    at: Option<i64>,
}

/// Shows the page and does what is asked for, until the line is hung up.
pub fn main(options: &Options) -> ExitCode {
    if options.once {
        print!("{}", plain(&page(options)));
        return ExitCode::SUCCESS;
    }
    let (mut console, mut typed) = (Console::default(), Vec::new());
    let (mut shown, mut looks) = (page(options), 0);
    show(&shown);
    loop {
        match line(&mut typed) {
            Ok(Some(line)) => {
                shown.clear();
                act(&mut console, &line, options);
            }
            Ok(None) => {
                console.handle_silence();
                let page = page(options);
                looks += 1;
                // Whoever keeps what a serial line says gets what is new.
                if page != shown || looks >= LOOKS {
                    show(&page);
                    (shown, looks) = (page, 0);
                }
            }
            // Hung up: the unit starts it anew.
            Err(_) => return ExitCode::from(exit::IO),
        }
    }
}

fn act(console: &mut Console, line: &str, options: &Options) {
    match console.handle_line(line) {
        Act::Home => show(&page(options)),
        Act::Status => show(&(status_page(options) + PAUSE)),
        Act::Network => show(&(network_page() + PAUSE)),
        Act::Restart => run("The service begins anew", &["restart", "branchline.service"]),
        Act::Reset => match super::reset::ask_for("console") {
            Ok(()) => show(
                "The box is put back as it came. This page shows the new set-up code in a minute.\n",
            ),
            Err(error) => show(&format!("It cannot be reset: {error}\n{PAUSE}")),
        },
        Act::PowerOff => run("The box switches itself off", &["poweroff"]),
        Act::Ask(question) => {
            print!("\n{question}");
            let _ = io::stdout().flush();
        }
        Act::Unknown => show(&(page(options) + "\nThis key has no meaning.\n")),
    }
}

const PAUSE: &str = "\nEnter: back\n";

fn run(what: &str, arguments: &[&str]) {
    let ran = process::Command::new("systemctl").arg("--no-block").args(arguments).status();
    let said = match ran {
        Ok(status) if status.success() => format!("{what}.\n"),
        _ => "systemd did not take the order.\n".to_owned(),
    };
    show(&said);
}

/// A page on an empty screen; a printer, or a log of a serial line, gets lines and nothing else.
fn show(page: &str) {
    let clear =
        if nix::unistd::isatty(io::stdout()).unwrap_or(false) { "\u{1b}[2J\u{1b}[H" } else { "" };
    let mut out = io::stdout().lock();
    // A line that was hung up shows when it is read next.
    let _ = out.write_all(format!("{clear}{}", plain(page)).as_bytes());
    let _ = out.flush();
}

/// What a terminal prints, and nothing that it obeys: the name of a file on a stick is whatever its owner likes.
fn plain(page: &str) -> String {
    page.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// A line, or nothing when nobody typed for a while. What is typed without an end is kept for the next time.
fn line(typed: &mut Vec<u8>) -> io::Result<Option<String>> {
    let input = io::stdin();
    loop {
        if let Some(end) = typed.iter().position(|b| *b == b'\n' || *b == b'\r') {
            let rest = typed.split_off(end + 1);
            let line = std::mem::replace(typed, rest);
            return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
        }
        let mut ready = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        let wait = PollTimeout::try_from(REFRESH).unwrap_or(PollTimeout::NONE);
        if poll(&mut ready, wait)? == 0 {
            typed.clear();
            return Ok(None);
        }
        let mut piece = [0; 64];
        // Not through a buffer, in which a line could wait unseen.
        match nix::unistd::read(&input, &mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => typed.extend(piece.get(..count).unwrap_or_default()),
        }
        if typed.len() > LONGEST_LINE {
            typed.clear();
        }
    }
}

fn status(socket: &Path) -> Option<Box<Status>> {
    match ask::ask(socket, &Command::Status) {
        Ok(Reply::Status(status)) => Some(status),
        _ => None,
    }
}

/// The first page: where the box is found, how it is, what is wrong and what to do.
fn page(options: &Options) -> String {
    let status = status(&options.socket);
    let links = look::cards(Path::new("/sys/class/net")).unwrap_or_default();
    let mut out = String::new();
    let name = status.as_ref().map_or("the service does not answer", |status| &status.site);
    let _ = writeln!(out, "Branchline {}   {name}\n", env!("CARGO_PKG_VERSION"));
    let addresses = look::addresses(&links);
    let beside = Beside::new(&options.config);
    if let Some(code) = beside.code().filter(|_| !beside.is_set_up()) {
        let _ = writeln!(
            out,
            "  Not set up yet. Open https://{}/setup in a browser and type this code:\n\n      {code}\n",
            addresses
                .first()
                .map_or(format!("ADDRESS:{PORT}"), |ip| SocketAddr::new(*ip, PORT).to_string())
        );
        // Nobody has signed it: who compares knows that the browser speaks with this box and with nobody between.
        if let Some(print) = tls::print(&Path::new(look::DATA).join("tls/certificate.pem")) {
            let (first, second) = print.split_at(print.len() / 2 + 1);
            let _ = writeln!(
                out,
                "  The browser shows this certificate (SHA-256):\n      {first}\n      {second}\n"
            );
        }
        let _ = writeln!(out, "  Or put a USB stick with a site.toml into the box.\n");
    }
    let _ = match addresses.as_slice() {
        [] => writeln!(out, "  address  none"),
        all => writeln!(
            out,
            "  address  {}",
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join("  ")
        ),
    };
    for part in status.iter().flat_map(|status| &status.parts) {
        let _ = writeln!(out, "  [{}] {}  {}", lamp(part.lamp), part.name, part.words);
    }
    out.push('\n');
    for trouble in look::look(&options.socket, status.as_deref(), options.at) {
        let _ = writeln!(out, "  ! {trouble}");
    }
    let _ = writeln!(out, "\n{KEYS}");
    out
}

fn lamp(lamp: Lamp) -> &'static str {
    match lamp {
        Lamp::Green => " ok ",
        Lamp::Amber => "WARN",
        Lamp::Red => "FAIL",
    }
}

fn status_page(options: &Options) -> String {
    match ask::ask(&options.socket, &Command::Status) {
        Ok(reply) => text::table(&reply),
        Err(error) => format!("The service does not answer: {error}\n"),
    }
}

fn network_page() -> String {
    let mut out = String::new();
    for link in look::cards(Path::new("/sys/class/net")).unwrap_or_default() {
        let cable = if link.carrier { "cable" } else { "no cable" };
        let all: Vec<_> = link.addresses.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "  {:<8} {cable:<9} {}", link.name, all.join("  "));
    }
    if out.is_empty() { "  no network card\n".to_owned() } else { out }
}
