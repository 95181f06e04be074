//! `branchline support-bundle`: what somebody elsewhere needs to help, in one file, without what is somebody's.
//!
//! It asks the running box, reads its files, and has systemd say what it knows. What cannot be had is said in its place: a
//! bundle of a box that does not start is worth most. What is crossed out is [`appliance::support`](crate::appliance::support)'s.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, ExitCode, Stdio};

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::admin::{Command, Reply};
use crate::appliance::support::{Own, Redaction};
use crate::cli::{ask, check, exit};
use crate::config::SecretRef;
use crate::driver::{self, clock};

/// Secrets shorter than this would be found in half of the words.
const SHORTEST_SECRET: usize = 4;
/// The longest file of a secret that is read: keys and passwords are lines.
const MOST_SECRET: u64 = 64 << 10;
/// What the box is asked, each with the name of its file and what a person finds there.
const ANSWERS: [(&str, &str, &str); 6] = [
    ("status.json", "status --json", "the box at a glance, and what is wrong with the machine"),
    ("trunks.json", "trunks --json", "each carrier, and why it is away"),
    ("queues.json", "queues --json", "how many wait, and since when"),
    ("modems.json", "modems --json", "each modem and its state"),
    ("uplink.json", "uplink --json", "head office: what waits, and why"),
    ("hardware.txt", "hardware", "which kind of box this is"),
];
/// What systemd and the kernel are asked. None of it waits or changes anything.
const ASKED: [(&str, &str, &str); 9] = [
    (
        "systemd.txt",
        "systemctl --no-pager --full --lines 0 status branchline*",
        "every unit, whether it runs, and how it ended",
    ),
    ("timers.txt", "systemctl --no-pager list-timers branchline*", "what runs when"),
    (
        "log.txt",
        "journalctl --no-pager --quiet --no-hostname -o short-iso --lines 3000 -u branchline*",
        "the last 3,000 lines of the log: ids, no numbers and no texts",
    ),
    (
        "kernel.txt",
        "journalctl --no-pager --quiet --no-hostname -o short-iso --lines 500 --dmesg --priority warning",
        "what the kernel warned of",
    ),
    ("clock.txt", "timedatectl --no-pager status", "the clock"),
    ("disk.txt", "df -h -T", "how full the disks are"),
    ("memory.txt", "free -m", "memory, in MB"),
    ("addresses.txt", "ip -brief address", "network cards"),
    ("routes.txt", "ip route", "ways out"),
];
/// Files that say which machine this is and how it fares.
const MACHINE: [&str; 4] =
    ["/usr/lib/os-release", "/proc/version", "/proc/uptime", "/proc/loadavg"];

/// What `branchline support-bundle` takes.
#[derive(Debug, Args)]
pub struct Options {
    /// The file that it goes to. [default: branchline-support-TIME.tar.gz here]
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Print what would be in it, and write nothing.
    #[arg(long, conflicts_with = "output")]
    preview: bool,
    /// The configuration file.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
    /// The control socket of the box.
    #[arg(long, env = "BRANCHLINE_SOCKET", default_value = "/run/branchline/admin.sock")]
    socket: PathBuf,
}

/// One file of it.
struct Part {
    name: &'static str,
    /// What a person finds there.
    what: &'static str,
    text: String,
}

/// Writes it, and says what is in it.
pub fn main(options: &Options) -> ExitCode {
    // What is crossed out is learned from it: without it nothing would be.
    let configuration = match fs::read_to_string(&options.config) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let words = format!(
                "{}: {error}\n  Without it nobody knows what to cross out: be root, or in group branchline.",
                options.config.display()
            );
            return exit::fail(exit::NO_INPUT, words);
        }
    };
    let parts = parts(options, &configuration);
    if options.preview {
        for part in &parts {
            println!("==== {}: {}\n{}", part.name, part.what, part.text);
        }
        return ExitCode::SUCCESS;
    }
    let time = clock::now().unix.seconds();
    let own = || PathBuf::from(format!("branchline-support-{time}.tar.gz"));
    let path = options.output.clone().unwrap_or_else(own);
    match write(&path, &parts) {
        Ok(()) => {
            print!("{}:\n{}", path.display(), contents(&parts));
            println!(
                "Look into it before you send it: names, texts, secrets, addresses and numbers are crossed out."
            );
            ExitCode::SUCCESS
        }
        Err(error) => exit::fail(exit::IO, format!("{}: {error}", path.display())),
    }
}

/// Everything that goes in, without what is somebody's; a page that says what it is comes first.
fn parts(options: &Options, configuration: &str) -> Vec<Part> {
    let mut redaction = Redaction::new(configuration, &own(options));
    let checked = checked(&options.config);
    let data = checked.as_ref().map(|found| found.loaded.settings.site.data_dir.clone());
    let wrong = match &checked {
        Ok(found) => found
            .loaded
            .warnings
            .iter()
            .fold("good\n".to_owned(), |text, one| format!("{text}{one}\n")),
        Err(words) => words.clone(),
    };
    let journal = match data {
        Ok(data) => ran_own(&["journal".as_ref(), data.as_os_str()]),
        Err(_) => "the configuration is wrong: nobody knows where the journal is\n".to_owned(),
    };
    let mut parts = vec![
        Part {
            name: "versions.txt",
            what: "the program and the system",
            text: redaction.text(&versions()),
        },
        Part {
            name: "gateway.toml",
            what: "the configuration's shape",
            text: redaction.configuration(configuration),
        },
        Part { name: "check.txt", what: "what is wrong with it", text: redaction.text(&wrong) },
        Part {
            name: "journal.txt",
            what: "whether the journal is whole",
            text: redaction.text(&journal),
        },
        Part {
            name: "metrics.txt",
            what: "figures since the start",
            text: redaction.figures(&figures(&options.socket)),
        },
        Part {
            name: "update.txt",
            what: "slots, the last update, and why it was taken back",
            text: redaction.text(&ran_own(&["update".as_ref()])),
        },
    ];
    for (name, words, what) in ANSWERS {
        let words: Vec<_> = words.split(' ').map(AsRef::as_ref).collect();
        let said = asked(options, &words);
        parts.push(Part { name, what, text: redaction.answer(&said) });
    }
    for (name, words, what) in ASKED {
        let mut words = words.split(' ');
        let program = Program::new(words.next().unwrap_or_default());
        let said = ran(program, &words.map(AsRef::as_ref).collect::<Vec<_>>());
        parts.push(Part { name, what, text: redaction.text(&said) });
    }
    let page = format!(
        "What somebody needs who helps with this box. Crossed out, the same thing with the same name everywhere: texts and names \
         of the\nconfiguration, secrets, accounts, addresses, telephone numbers. No calls, messages, people or recordings are in it.\n\n{}",
        contents(&parts)
    );
    parts.insert(0, Part { name: "README", what: "this list", text: page });
    parts
}

fn contents(parts: &[Part]) -> String {
    let lines = parts
        .iter()
        .map(|part| format!("  {:14} {:>8}  {}\n", part.name, part.text.len(), part.what));
    lines.collect()
}

/// Secrets wherever the box keeps them, accounts, and what the machine is called.
fn own(options: &Options) -> Own {
    let mut secrets = BTreeSet::new();
    if let Ok(found) = checked(&options.config) {
        for wanted in found.loaded.settings.secrets() {
            if let SecretRef::File(path) = wanted.from {
                secrets.extend(secret(path));
            }
        }
    }
    for folder in ["secrets", "credentials"] {
        let files =
            fs::read_dir(options.config.with_file_name(folder)).into_iter().flatten().flatten();
        secrets.extend(files.filter_map(|entry| secret(&entry.path())).collect::<Vec<_>>());
    }
    secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
    let accounts: serde_json::Value =
        serde_json::from_str(&asked(options, &["user".as_ref(), "list".as_ref()]))
            .unwrap_or_default();
    let accounts = accounts.as_array().into_iter().flatten();
    let accounts = accounts.filter_map(|one| one["name"].as_str().map(str::to_owned));
    let machine = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let names = accounts.chain([machine.trim().to_owned()]).filter(|name| name != "localhost");
    Own { secrets: secrets.into_iter().collect(), names: names.collect() }
}

fn secret(path: &Path) -> Option<String> {
    let about =
        fs::metadata(path).ok().filter(|about| about.is_file() && about.len() <= MOST_SECRET)?;
    let text = fs::read_to_string(path).ok().filter(|_| about.len() > 0)?;
    Some(text.trim().to_owned())
}

/// Without the lines themselves, which are whatever somebody typed.
fn checked(config: &Path) -> Result<driver::files::Checked, String> {
    driver::files::check(config).map_err(|mut problems| {
        problems.iter_mut().for_each(|problem| problem.source_line.clear());
        check::problems(&problems)
    })
}

fn versions() -> String {
    let mut text = format!("branchline {}\n", env!("CARGO_PKG_VERSION"));
    for path in MACHINE {
        let said = fs::read_to_string(path).unwrap_or_else(|error| format!("{error}\n"));
        let _ = write!(text, "\n{path}\n{said}");
    }
    text
}

fn figures(socket: &Path) -> String {
    match ask::ask(socket, &Command::Metrics) {
        Ok(Reply::Metrics(figures)) => figures,
        Ok(_) => String::new(),
        Err(error) => format!("# no box answers: {error}\n"),
    }
}

/// What another command of this program prints of the same box.
fn asked(options: &Options, words: &[&std::ffi::OsStr]) -> String {
    let mut all = words.to_vec();
    if words != ["hardware"] {
        all.extend(["--socket".as_ref(), options.socket.as_os_str()]);
    }
    if words.first().is_some_and(|word| *word == "user") {
        all.push("--json".as_ref());
    }
    ran_own(&all)
}

fn ran_own(words: &[&std::ffi::OsStr]) -> String {
    match std::env::current_exe() {
        Ok(own) => ran(Program::new(own), words),
        Err(error) => format!("{error}\n"),
    }
}

/// What a program prints; a machine may lack it.
fn ran(mut program: Program, words: &[&std::ffi::OsStr]) -> String {
    match program.args(words).stdin(Stdio::null()).output() {
        Ok(said) if said.stdout.is_empty() => String::from_utf8_lossy(&said.stderr).into_owned(),
        Ok(said) => String::from_utf8_lossy(&said.stdout).into_owned(),
        Err(error) => format!("{}: {error}\n", program.get_program().display()),
    }
}

fn write(path: &Path, parts: &[Part]) -> io::Result<()> {
    // Never into what is there already, which others may read.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut packed = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    for part in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(part.text.len() as u64);
        header.set_mode(0o600);
        packed.append_data(
            &mut header,
            format!("branchline-support/{}", part.name),
            part.text.as_bytes(),
        )?;
    }
    let file: File = packed.into_inner()?.finish()?;
    file.sync_all()
}
