//! `branchline reset`: puts the box back as it came. Asked for by a word on the console or by a button that is held; the request
//! lies in /run, so that no start of the machine can be one, and it is taken away before anything else is done.
//!
//! What was there is moved aside and kept for a day; where a regulated wipe was chosen, it is overwritten and removed at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::time::Instant;

use clap::Args;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::appliance::console::WORD;
use crate::appliance::reset::{Button, is_due};
use crate::cli::{exit, hardware};
use crate::driver::clock;
use crate::driver::site::put;
use crate::time::UnixTime;

/// What the unit that does it looks for.
const REQUEST: &str = "/run/branchline-reset";
/// Bytes of an event of the kernel's on a 64-bit machine: a time, and then type, code and value (linux/input.h).
const EVENT: usize = 24;
/// Says that nothing was kept, to whoever can destroy the key of the whole disk too (the image does).
const WIPED: &str = "/run/branchline-wiped";
/// Its type for keys.
const EV_KEY: u16 = 1;
/// The value of a key that is held and repeats.
const REPEATS: u8 = 2;
/// Bytes that are overwritten at a time.
const PIECE: usize = 64 << 10;

/// What it takes.
#[derive(Debug, Args)]
pub struct Options {
    /// The word RESET, typed out: asks for it.
    #[arg(long, conflicts_with_all = ["carry_out", "forget", "button"])]
    word: Option<String>,
    /// Do what was asked for; the unit's.
    #[arg(long, hide = true)]
    carry_out: bool,
    /// Remove what was put aside a day ago; the timer's.
    #[arg(long, hide = true)]
    forget: bool,
    /// Watch a button of the kernel's.
    #[arg(long, hide = true)]
    button: Option<PathBuf>,
    /// The code of its key, where it is not the one that this kind of box has.
    #[arg(long, hide = true)]
    key: Option<u16>,
    /// The root of everything, for tests.
    #[arg(long, hide = true, default_value = "/")]
    root: PathBuf,
    /// As if the clock said so, in seconds since 1970; for tests.
    #[arg(long, hide = true)]
    at: Option<i64>,
}

/// Does it, and gives the exit code.
pub fn main(options: &Options) -> ExitCode {
    let told = |done: io::Result<()>| match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::fail(exit::IO, error),
    };
    let now =
        options.at.map_or_else(|| clock::now().unix, |at| UnixTime(at.saturating_mul(1_000_000)));
    if options.carry_out {
        told(carry_out(&options.root, now))
    } else if options.forget {
        told(forget(&options.root, now))
    } else if let Some(device) = &options.button {
        let key = match options.key {
            Some(key) => Some(key),
            None => match hardware::kind(Path::new(hardware::FIRMWARE)).reset_code() {
                Ok(key) => key,
                Err(wrong) => return exit::fail(exit::CONFIG, wrong),
            },
        };
        match key {
            Some(key) => told(watch(device, key)),
            None => {
                println!("this kind of box has no button");
                ExitCode::SUCCESS
            }
        }
    } else if options.word.as_deref() == Some(WORD) {
        told(ask_for("command line"))
    } else {
        exit::fail(exit::USAGE, "nothing was reset: type `branchline reset --word RESET` to do it")
    }
}

/// Asks for it: systemd sees the file.
pub fn ask_for(by: &str) -> io::Result<()> {
    let request = Path::new(REQUEST);
    let folder = request.parent().unwrap_or(Path::new("/run"));
    put(folder, "branchline-reset", by, 0o600, None)
}

/// The folders that are emptied, each with the name that its content has while it is kept: what the branch has told the box, in each
/// version of it, and what the box has kept since. The folders stay: the first of the versions is what is mounted as the other.
fn folders(root: &Path) -> Vec<(PathBuf, String)> {
    let mut all = vec![
        (root.join("etc/branchline"), "configuration".to_owned()),
        (root.join("var/lib/branchline"), "data".to_owned()),
    ];
    for entry in
        fs::read_dir(root.join("var/lib/branchline-config")).into_iter().flatten().flatten()
    {
        let name = format!("version-{}", entry.file_name().to_string_lossy());
        // Beside them stands which of them was good last.
        if entry.path().is_dir() {
            all.push((entry.path(), name));
        }
    }
    all
}

/// Where it is put aside.
const ASIDE: &str = "var/lib/branchline-before";

fn carry_out(root: &Path, now: UnixTime) -> io::Result<()> {
    let request = root.join(REQUEST.trim_start_matches('/'));
    let by = fs::read_to_string(&request)?;
    // Once: whatever happens now, the next start does not do it again.
    fs::remove_file(&request)?;
    let by: String = by.chars().filter(|c| !c.is_control()).take(40).collect();
    let regulated = regulated(&root.join("etc/branchline/gateway.toml"));
    println!(
        "factory reset, asked for by {by}; {}",
        if regulated { "regulated wipe" } else { "what was there is kept for 24 hours" }
    );
    let aside = root.join(ASIDE);
    // What an earlier reset put aside goes: there is one day for one box. And what the last stick was answered.
    if regulated {
        shred(&aside)?;
    }
    remove(&aside)?;
    remove(&root.join(super::look::STICK.trim_start_matches('/')))?;
    if !regulated {
        // First: what a cut leaves aside is gone after a day too.
        fs::create_dir_all(&aside)?;
        fs::write(aside.join("since"), now.seconds().to_string())?;
    }
    for (folder, name) in folders(root) {
        if regulated { shred(&folder)? } else { put_aside(&folder, &aside, &name)? }
    }
    if regulated {
        fs::write(root.join(WIPED.trim_start_matches('/')), "")?;
    }
    nix::unistd::sync();
    println!("factory reset: done");
    Ok(())
}

/// Whether the site chose that nothing is kept. A configuration that cannot be read says nothing; a word in it is enough.
fn regulated(config: &Path) -> bool {
    let bytes = fs::read(config).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    match text.parse::<toml::Table>() {
        Ok(table) => {
            let wipe = table.get("appliance").and_then(|own| own.get("wipe"));
            wipe.and_then(toml::Value::as_str) == Some("regulated")
        }
        Err(_) => text.contains("\"regulated\""),
    }
}

/// Moves what is in a folder. The folder itself stays: it may be where something is mounted.
fn put_aside(folder: &Path, aside: &Path, name: &str) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    let to = aside.join(name);
    fs::create_dir_all(&to)?;
    fs::set_permissions(aside, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    for entry in entries.flatten() {
        // It moves over the border of a mount too, which a rename does not.
        let ran = process::Command::new("mv").arg("--").arg(entry.path()).arg(&to).status()?;
        if !ran.success() {
            return Err(io::Error::other(format!("{} cannot be moved", entry.path().display())));
        }
    }
    Ok(())
}

/// Overwrites every file and removes it, keys and secrets before the rest: without them nothing sealed can be read.
fn shred(folder: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    list(folder, &mut files);
    files.sort_by_key(|(path, length)| {
        let path = path.to_string_lossy();
        (!["key", "secret", "credential", "sealed"].iter().any(|word| path.contains(word)), *length)
    });
    for (file, length) in files {
        // A link that was put there meanwhile leads nowhere.
        let mut options = OpenOptions::new();
        let open = options.write(true).custom_flags(nix::libc::O_NOFOLLOW).open(&file);
        if let Err(error) = &open {
            eprintln!("{} was removed and not overwritten: {error}", file.display());
        }
        if let Ok(mut open) = open {
            let zeros = [0; PIECE];
            let mut left = usize::try_from(length).unwrap_or(usize::MAX);
            while left > 0 {
                let piece = zeros.get(..left.min(PIECE)).unwrap_or_default();
                open.write_all(piece)?;
                left -= piece.len();
            }
            open.sync_data()?;
        }
        fs::remove_file(&file)?;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        remove(&entry.path())?;
    }
    Ok(())
}

fn list(folder: &Path, out: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(about) if about.is_dir() => list(&entry.path(), out),
            Ok(about) if about.is_file() => out.push((entry.path(), about.len())),
            _ => {}
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        // As deep as somebody may have made it: the system's own goes down without a file open for each step.
        Ok(about) if about.is_dir() => {
            let ran = process::Command::new("rm").args(["-rf", "--"]).arg(path).status()?;
            if ran.success() {
                Ok(())
            } else {
                Err(io::Error::other("`rm` could not remove it all"))
            }
        }
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn forget(root: &Path, now: UnixTime) -> io::Result<()> {
    let aside = root.join(ASIDE);
    let Ok(since) = fs::read_to_string(aside.join("since")) else { return Ok(()) };
    // What says nothing goes a day after it was seen first.
    let Ok(seconds) = since.trim().parse::<i64>() else {
        return fs::write(aside.join("since"), now.seconds().to_string());
    };
    if is_due(UnixTime(seconds.saturating_mul(1_000_000)), now) {
        remove(&aside)?;
        println!("what a factory reset had put aside is gone");
    }
    Ok(())
}

/// Waits until the button has been held.
fn watch(device: &Path, key: u16) -> io::Result<()> {
    let mut events = File::open(device)?;
    let mut button = Button::default();
    loop {
        let left = button.deadline().map(|due| due.saturating_duration_since(Instant::now()));
        let wait = left.map_or(PollTimeout::NONE, |left| {
            // A moment later rather than sooner.
            PollTimeout::try_from(left + std::time::Duration::from_millis(5))
                .unwrap_or(PollTimeout::MAX)
        });
        let mut ready = [PollFd::new(events.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, wait)? > 0 {
            let mut event = [0; EVENT];
            events.read_exact(&mut event)?;
            let word = |at: usize| u16::from_ne_bytes([event[at], event[at + 1]]);
            // What repeats is held already, or was held long enough.
            if word(16) == EV_KEY && word(18) == key && event[20] != REPEATS {
                button.handle_key(clock::now(), event[20] != 0);
            }
        }
        if button.handle_deadline(clock::now()) {
            println!("the button was held for ten seconds");
            ask_for("button")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn box_with(config: &str) -> PathBuf {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("branchline-reset-{}-{count}", process::id()));
        for folder in ["etc/branchline/secrets", "var/lib/branchline/recordings", "run"] {
            fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        fs::write(root.join("etc/branchline/gateway.toml"), config).expect("written");
        fs::write(root.join("etc/branchline/secrets/201"), "hunter2").expect("written");
        fs::write(root.join("var/lib/branchline/recordings/call"), "hello").expect("written");
        fs::write(root.join(REQUEST.trim_start_matches('/')), "test").expect("written");
        root
    }

    fn at(seconds: i64) -> UnixTime {
        UnixTime(seconds * 1_000_000)
    }

    #[test]
    fn what_was_there_is_kept_for_a_day_and_a_request_counts_once() {
        let root = box_with("[site]\nname = \"A\"\n");
        carry_out(&root, at(1_790_000_000)).expect("done");
        let there = |path: &str| root.join(path).exists();
        assert!(!there("etc/branchline/gateway.toml") && !there("var/lib/branchline/recordings"));
        assert!(there("etc/branchline"), "the folder itself stays");
        assert!(there("var/lib/branchline-before/configuration/secrets/201"));
        assert!(there("var/lib/branchline-before/data/recordings/call"));
        assert!(carry_out(&root, at(1_790_000_001)).is_err(), "the request has gone");
        forget(&root, at(1_790_000_000 + 86_399)).expect("looked");
        assert!(there("var/lib/branchline-before"));
        forget(&root, at(1_790_000_000 + 86_400)).expect("looked");
        assert!(!there("var/lib/branchline-before"));
        fs::remove_dir_all(&root).expect("cleaned up");
    }

    #[test]
    fn a_regulated_wipe_keeps_nothing() {
        for config in
            ["[appliance]\nwipe = \"regulated\"\n", "[appliance]\nwipe = \"regulated\"\n[["]
        {
            let root = box_with(config);
            // A second name of the same file shows whether its bytes were overwritten.
            fs::hard_link(root.join("etc/branchline/secrets/201"), root.join("witness"))
                .expect("linked");
            carry_out(&root, at(1_790_000_000)).expect("done");
            assert_eq!(fs::read(root.join("witness")).expect("there"), [0; 7]);
            assert!(!root.join("var/lib/branchline-before").exists());
            assert!(root.join("run/branchline-wiped").exists());
            assert_eq!(fs::read_dir(root.join("var/lib/branchline")).expect("there").count(), 0);
            fs::remove_dir_all(&root).expect("cleaned up");
        }
    }
}
