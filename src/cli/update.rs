//! `branchline update`: a new version of the whole box, into the slot that does not run; `branchline health`: whether it stays.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::UdpSocket;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::time::{Duration, Instant};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::admin::{Command, Lamp, Reply};
use crate::appliance::gate::{ANSWERS_WITHIN, Gate, Seen, Verdict};
use crate::appliance::manifest::{self, LONGEST, Manifest, Own, Part, Refused};
use crate::appliance::slot::{Slot, Step, damaged, steps, version_of, was_tried};
use crate::cli::{ask, exit};

/// Where the first program writes down which slot it opened.
const RUNNING_SLOT: &str = "/run/branchline-slot";
/// Keys of who may sign updates: one file each, 64 hexadecimal digits. In the verified root, so that nobody adds one.
const KEYS: &str = "/usr/share/branchline/keys";
/// Kernels of both slots.
const KERNELS: &str = "/efi/EFI/Linux";
/// Kind of box and version, as the image was built.
const RELEASE: &str = "/usr/lib/os-release";
/// What became of the last update; both versions see it.
const LAST: &str = "/var/lib/branchline-update/last.json";
/// The kernel counts starts in this variable of the firmware; health takes it back.
const STARTS: &str =
    "/sys/firmware/efi/efivars/BranchlineStarts-8a2ee0a4-5d5c-4f4e-9d0f-6d1c2f0b7c11";
/// The first program writes down here which version's root was not what was signed, and how often.
const DAMAGES: &str =
    "/sys/firmware/efi/efivars/BranchlineDamages-8a2ee0a4-5d5c-4f4e-9d0f-6d1c2f0b7c11";
/// Why a version went whose root is damaged.
const DAMAGED: &str = "blocks of its root on the disk are not what was signed: the disk is failing, or somebody changed them";
/// The root that runs, and the difference to it, while they are put together: in memory, for the disk may be nearly full of what
/// the branch keeps.
const OLD_ROOT: &str = "/run/branchline-update.root";
const DIFFERENCE: &str = "/run/branchline-update.difference";
/// More than any signature has: what is longer is none.
const LONGEST_SIGNATURE: u64 = 1 << 10;
/// Attributes that stand before the value of each of the firmware's variables.
const ATTRIBUTES: usize = 4;
/// Starts that a new version has to get healthy. Power cuts cost one each: three flaps of the mains condemn none.
const TRIES: u8 = 5;
/// Read and written at once.
const PIECE: usize = 1 << 20;
/// What is written down of a version that stays.
const HEALTHY: &str = "healthy";
/// How often health looks.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// `branchline update`.
#[derive(Debug, Args)]
pub struct Options {
    /// A folder with `update.json`, `update.json.sig` and the parts; without it, what became of the last update.
    folder: Option<PathBuf>,
    /// In office hours too: calls are let end, and the box starts anew.
    #[arg(long)]
    now: bool,
    /// Though this version was taken back before.
    #[arg(long)]
    again: bool,
    /// Start anew when it is written, as soon as no call is up.
    #[arg(long)]
    restart: bool,
    /// Starts that the new version has to get healthy, 1 to 9.
    #[arg(long, default_value_t = TRIES, value_parser = clap::value_parser!(u8).range(1..=9))]
    tries: u8,
}

/// `branchline health`.
#[derive(Debug, Args)]
pub struct Health {
    /// Where SIP is heard.
    #[arg(long, default_value = "127.0.0.1:5060")]
    sip: std::net::SocketAddr,
    /// Seconds until it has to answer.
    #[arg(long, default_value_t = ANSWERS_WITHIN.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    within: u64,
    /// The control socket of the box.
    #[arg(long, env = "BRANCHLINE_SOCKET", default_value = "/run/branchline/admin.sock")]
    socket: PathBuf,
}

/// What is written down of an update, for the version that comes and for the one that may come back.
#[derive(Debug, Serialize, Deserialize)]
struct Last {
    from: u32,
    to: u32,
    /// Trunks that were up when it was written.
    trunks: BTreeSet<String>,
    /// Whether its kernel is there: before, nothing could start it, whatever cut the writing short.
    #[serde(default = "yes")]
    offered: bool,
    /// Nothing yet; "healthy"; or why it was not.
    #[serde(default)]
    outcome: Option<String>,
}

fn yes() -> bool {
    true
}

impl Last {
    /// Whether it had its turn, and is not what runs. What rotted on the disk was good: a stick is to mend it.
    fn was_taken_back(&self) -> bool {
        let good = [HEALTHY, DAMAGED].map(Some).contains(&self.outcome.as_deref());
        self.offered && !good
    }
}

/// Why nothing was written, or not all of it.
#[derive(Debug)]
enum Failure {
    Refused(Refused),
    /// Not on this machine: there are no slots.
    NoAppliance,
    /// It is not night, and nobody said `--now`.
    OfficeHours(i8),
    /// This very version was tried, and is not what runs: a stick that stays in would try it for ever.
    TakenBack(u32, Option<String>),
    /// What was read back is not what was written: the disk is failing.
    Disk(char),
    Io(String, io::Error),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "{why}; nothing was changed"),
            Self::NoAppliance => f.write_str("this machine was not started from an image of Branchline; update its package instead"),
            Self::OfficeHours(hour) => write!(f, "it is {hour} o'clock: updates are taken from 1 to 5, or with --now"),
            Self::TakenBack(version, why) => {
                let why = why.as_deref().unwrap_or("it did not come up far enough to say why");
                write!(f, "version {version} was taken back: {why}; --again tries it once more, or a file named again.txt on a stick that is put in while the box runs")
            }
            Self::Disk(slot) => write!(f, "slot {slot} does not read back as written: its disk is failing; the running version stays"),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

fn at<T>(what: impl std::fmt::Display, done: io::Result<T>) -> Result<T, Failure> {
    done.map_err(|error| Failure::Io(what.to_string(), error))
}

/// Takes an update, or says what became of the last one.
pub fn main(options: &Options) -> ExitCode {
    let Some(folder) = &options.folder else { return show() };
    match take(folder, options) {
        Ok(words) => {
            println!("{words}");
            if options.restart { start_anew() } else { ExitCode::SUCCESS }
        }
        Err(failure @ (Failure::Refused(_) | Failure::TakenBack(..))) => {
            exit::fail(exit::REFUSED, failure)
        }
        Err(failure @ Failure::OfficeHours(_)) => exit::fail(exit::UNAVAILABLE, failure),
        Err(failure) => exit::fail(exit::IO, failure),
    }
}

fn take(folder: &Path, options: &Options) -> Result<String, Failure> {
    let running =
        at(RUNNING_SLOT, fs::read_to_string(RUNNING_SLOT)).map_err(|_| Failure::NoAppliance)?;
    let running = Slot::from_letter(&running).ok_or(Failure::NoAppliance)?;
    let own = own()?;
    let manifest = signed(folder, &own)?;
    let hour = jiff::Zoned::now().hour();
    if !options.now && !(1..5).contains(&hour) {
        return Err(Failure::OfficeHours(hour));
    }
    if let Some(last) = last()
        && last.to == manifest.version
        && last.was_taken_back()
        && !options.again
    {
        return Err(Failure::TakenBack(last.to, last.outcome));
    }
    let parts = Parts::read(folder, &manifest, &own, running)?;
    let entries = names(Path::new(KERNELS))?;
    let mut last = Last {
        from: own.version,
        to: manifest.version,
        trunks: trunks_up(),
        offered: false,
        outcome: None,
    };
    for step in steps(running, own.version, &entries, manifest.version, options.tries) {
        match step {
            Step::Forget(name) => at(
                &name,
                fs::remove_file(Path::new(KERNELS).join(&name)).and_then(|()| settle(KERNELS)),
            )?,
            Step::Write(slot) => {
                write_and_read(&partition("root", slot), &parts.root, slot)?;
                write_and_read(&partition("hash", slot), &parts.hash, slot)?;
                note(&last)?;
            }
            Step::Offer(name) => {
                at(&name, offer(Path::new(KERNELS), &name, &parts.kernel))?;
                last.offered = true;
                note(&last)?;
            }
        }
    }
    let slot = running.other().letter();
    Ok(format!(
        "version {} is in slot {slot}, {}; it begins at the next start",
        manifest.version, parts.how
    ))
}

/// The bytes of an update, every one of them checked.
struct Parts {
    root: Vec<u8>,
    hash: Vec<u8>,
    kernel: Vec<u8>,
    /// How much came, for people.
    how: String,
}

impl Parts {
    fn read(folder: &Path, manifest: &Manifest, own: &Own, running: Slot) -> Result<Self, Failure> {
        let (root, how) = root(folder, manifest, own, running)?;
        let hash = part(folder, &manifest.hash)?;
        let kernel = part(folder, &manifest.kernel)?;
        Ok(Self { root, hash, kernel, how })
    }
}

/// The root: whole, or made of the one that runs and the difference to it.
fn root(
    folder: &Path,
    manifest: &Manifest,
    own: &Own,
    running: Slot,
) -> Result<(Vec<u8>, String), Failure> {
    let delta = manifest.delta(own.version).filter(|delta| folder.join(&delta.part.file).exists());
    let Some(delta) = delta.filter(|_| !folder.join(&manifest.root.file).exists()) else {
        return Ok((
            part(folder, &manifest.root)?,
            format!("{} bytes of root", manifest.root.bytes),
        ));
    };
    // The difference is signed as well: no unknown bytes reach the unpacker.
    let difference = part(folder, &delta.part)?;
    let ran = copy_start(&partition("root", running), Path::new(OLD_ROOT), delta.from_bytes)
        // Not from the stick once more, which could answer otherwise the second time.
        .and_then(|_| fs::write(DIFFERENCE, &difference))
        .and_then(|()| {
            process::Command::new("zstd")
                .args(["-d", "-q", "-c", "--long=31"])
                .arg(format!("--patch-from={OLD_ROOT}"))
                .arg(DIFFERENCE)
                .output()
        });
    let _gone = [OLD_ROOT, DIFFERENCE].map(fs::remove_file);
    let made = at("zstd", ran)?.stdout;
    manifest.root.check(&made).map_err(Failure::Refused)?;
    Ok((made, format!("from a difference of {} bytes", delta.part.bytes)))
}

fn copy_start(from: &Path, to: &Path, bytes: u64) -> io::Result<u64> {
    io::copy(&mut File::open(from)?.take(bytes), &mut File::create(to)?)
}

fn part(folder: &Path, part: &Part) -> Result<Vec<u8>, Failure> {
    let bytes = match bounded(&folder.join(&part.file), part.bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::Refused(Refused::Missing(part.file.clone())));
        }
        read => at(&part.file, read)?,
    };
    part.check(&bytes).map_err(Failure::Refused)?;
    Ok(bytes)
}

/// A file of whoever put the stick in, before anything of it is believed: no link, which would lead elsewhere, nothing that does
/// not end; and one byte more than there may be, so that a longer one shows as such.
fn bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn signed(folder: &Path, own: &Own) -> Result<Manifest, Failure> {
    let path = folder.join("update.json");
    let text = at(path.display(), bounded(&path, LONGEST as u64))?;
    let signature = bounded(&folder.join("update.json.sig"), LONGEST_SIGNATURE).ok();
    let keys: Vec<Vec<u8>> = names(Path::new(KEYS))?
        .iter()
        .filter_map(|name| {
            manifest::from_hex(&fs::read_to_string(Path::new(KEYS).join(name)).ok()?)
        })
        .collect();
    manifest::accept(&text, signature.as_deref(), &keys, own).map_err(Failure::Refused)
}

fn own() -> Result<Own, Failure> {
    let text = at(RELEASE, fs::read_to_string(RELEASE))?;
    let value =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let version = value("IMAGE_VERSION").and_then(|number| number.parse().ok());
    match (value("BRANCHLINE_MODEL"), version) {
        (Some(model), Some(version)) => Ok(Own { model: model.to_owned(), version }),
        _ => Err(Failure::NoAppliance),
    }
}

fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = at(folder.display(), fs::read_dir(folder))?;
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

/// Of the disk that the box started from, whatever else is plugged in: a rule of udev's names them.
fn partition(half: &str, slot: Slot) -> PathBuf {
    PathBuf::from(format!("/dev/branchline/{half}-{}", slot.letter()))
}

/// Writes, lets it reach the disk, forgets what is cached of it, and reads it back.
fn write_and_read(device: &Path, bytes: &[u8], slot: Slot) -> Result<(), Failure> {
    let written = || -> io::Result<bool> {
        let mut file = OpenOptions::new().read(true).write(true).open(device)?;
        for piece in bytes.chunks(PIECE) {
            file.write_all(piece)?;
        }
        file.sync_all()?;
        // From the disk, not from memory.
        nix::fcntl::posix_fadvise(
            &file,
            0,
            0,
            nix::fcntl::PosixFadviseAdvice::POSIX_FADV_DONTNEED,
        )?;
        file.seek(SeekFrom::Start(0))?;
        let mut read = vec![0; PIECE];
        for piece in bytes.chunks(PIECE) {
            file.read_exact(&mut read[..piece.len()])?;
            if read[..piece.len()] != *piece {
                return Ok(false);
            }
        }
        Ok(true)
    };
    match at(device.display(), written())? {
        true => Ok(()),
        false => Err(Failure::Disk(slot.letter())),
    }
}

/// Puts a kernel there: all of it on the disk before it has its name.
fn offer(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let early = folder.join("update.tmp");
    let mut file = File::create(&early)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    settle(folder)?;
    fs::rename(&early, folder.join(name))?;
    settle(folder)
}

fn settle(folder: impl AsRef<Path>) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn note(last: &Last) -> Result<(), Failure> {
    let path = Path::new(LAST);
    let early = path.with_extension("new");
    let kept = || -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        let mut file = File::create(&early)?;
        file.write_all(serde_json::to_string(last)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&early, path)?;
        path.parent().map_or(Ok(()), settle)
    };
    at(LAST, kept())
}

fn last() -> Option<Last> {
    serde_json::from_slice(&fs::read(LAST).ok()?).ok()
}

fn trunks_up() -> BTreeSet<String> {
    seen_trunks(Path::new("/run/branchline/admin.sock"))
}

fn seen_trunks(socket: &Path) -> BTreeSet<String> {
    let Ok(Reply::Trunks(trunks)) = ask::ask(socket, &Command::Trunks) else {
        return BTreeSet::new();
    };
    trunks
        .into_iter()
        .filter(|trunk| trunk.lamp != Lamp::Red)
        .map(|trunk| trunk.trunk.to_string())
        .collect()
}

fn start_anew() -> ExitCode {
    // Calls that are up go on until they are over; the unit's stop does the same with an end.
    let ran = process::Command::new("systemctl").args(["--no-block", "reboot"]).status();
    if ran.is_ok_and(|status| status.success()) {
        ExitCode::SUCCESS
    } else {
        exit::fail(exit::SYSTEM, "systemctl reboot")
    }
}

fn show() -> ExitCode {
    let version = own().map_or(0, |own| own.version);
    match last() {
        None => println!("version {version}; no update was taken yet"),
        Some(Last { to, outcome, .. }) if to == version => {
            println!(
                "version {version}; {}",
                outcome.unwrap_or_else(|| "not healthy yet".to_owned())
            );
        }
        Some(Last { to, offered: false, .. }) => {
            println!(
                "version {version}; version {to} was not written to its end: put its stick in again"
            );
        }
        Some(Last { to, outcome, .. }) => {
            let why =
                outcome.unwrap_or_else(|| "it did not come up far enough to say why".to_owned());
            println!("version {version}; version {to} was taken back: {why}");
        }
    }
    ExitCode::SUCCESS
}

/// Watches a start until it is known to be healthy or ill; writes down which.
pub fn health(options: &Health) -> ExitCode {
    let version = own().map_or(0, |own| own.version);
    let mut last =
        last().filter(|last| last.to == version && last.outcome.as_deref() != Some(HEALTHY));
    let before = last.as_ref().map(|last| last.trunks.clone()).unwrap_or_default();
    let mut gate = Gate::new(before, Duration::from_secs(options.within));
    let begun = Instant::now();
    let verdict = loop {
        let seen = Seen { answers: answers(options.sip), trunks_up: seen_trunks(&options.socket) };
        match gate.handle_seen(begun.elapsed(), &seen) {
            Verdict::NotYet => std::thread::sleep(LOOK_AGAIN),
            verdict => break verdict,
        }
    };
    let outcome = match &verdict {
        Verdict::Ill(reason) => reason.to_string(),
        _ => HEALTHY.to_owned(),
    };
    if let Some(last) = &mut last {
        last.offered = true;
        last.outcome = Some(outcome.clone());
        if let Err(failure) = note(last) {
            eprintln!("branchline: {failure}");
        }
    }
    println!("version {version}: {outcome}");
    match (verdict, last) {
        // Who starts anew for a fault that was there before starts anew for ever.
        (Verdict::Ill(_), None) => ExitCode::SUCCESS,
        (Verdict::Ill(_), Some(_)) => ExitCode::from(exit::SOFTWARE),
        _ => {
            forget_variable(STARTS);
            for forgotten in [forget_damaged(version), forget_taken_back(version)] {
                if let Err(failure) = forgotten {
                    eprintln!("branchline: {failure}");
                }
            }
            ExitCode::SUCCESS
        }
    }
}

/// This version had its turn because another one's root is damaged: that one's kernel goes, so that nobody starts it again, and
/// why is written down.
fn forget_damaged(version: u32) -> Result<(), Failure> {
    let Ok(written) = fs::read(DAMAGES) else { return Ok(()) };
    let written = String::from_utf8_lossy(written.get(ATTRIBUTES..).unwrap_or_default());
    let gone = damaged(&written, version);
    let Some(youngest) = gone.iter().copied().max() else { return Ok(()) };
    forget(|name| version_of(name).is_some_and(|found| gone.contains(&found)))?;
    note(&Last {
        from: version,
        to: youngest,
        trunks: BTreeSet::new(),
        offered: true,
        outcome: Some(DAMAGED.to_owned()),
    })?;
    forget_variable(DAMAGES);
    Ok(())
}

/// The last update had its turns, and this version is healthy in its place: what is left of that one's tries would start it at
/// some power cut to come, with nobody there.
fn forget_taken_back(version: u32) -> Result<(), Failure> {
    let taken_back = last().filter(|last| last.to != version && last.was_taken_back());
    let Some(last) = taken_back else { return Ok(()) };
    forget(|name| version_of(name) == Some(last.to) && was_tried(name))
}

/// Takes kernels away.
fn forget(which: impl Fn(&str) -> bool) -> Result<(), Failure> {
    for name in names(Path::new(KERNELS))?.iter().filter(|name| which(name)) {
        let removed = fs::remove_file(Path::new(KERNELS).join(name));
        at(name, removed.and_then(|()| settle(KERNELS)))?;
    }
    Ok(())
}

/// An OPTIONS through the whole stack, answered with 200 (RFC 3261, section 11).
fn answers(sip: std::net::SocketAddr) -> bool {
    let asked = || -> io::Result<bool> {
        let line = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        line.set_read_timeout(Some(Duration::from_secs(1)))?;
        line.connect(sip)?;
        let own = line.local_addr()?;
        let text = format!(
            "OPTIONS sip:{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKhealth{port}\r\nFrom: <sip:health@{own}>;tag=h\r\n\
             To: <sip:{sip}>\r\nCall-ID: health-{port}@localhost\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\nContent-Length: 0\r\n\r\n",
            port = own.port()
        );
        line.send(text.as_bytes())?;
        let mut answer = [0; 2048];
        let length = line.recv(&mut answer)?;
        Ok(answer[..length].starts_with(b"SIP/2.0 200"))
    };
    asked().unwrap_or(false)
}

/// Takes back what the first program wrote down. The kernel guards such variables against `rm -r`, so the guard goes first.
fn forget_variable(path: &str) {
    if Path::new(path).exists() {
        let _guard = process::Command::new("chattr").args(["-i", path]).status();
        if let Err(error) = fs::remove_file(path) {
            eprintln!("branchline: {path} stays: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_offered_or_rotted_is_taken_again() {
        let last = |text: &str| serde_json::from_str::<Last>(text).expect("a note");
        let note = |rest: &str| last(&format!(r#"{{"from":1,"to":2,"trunks":[]{rest}}}"#));
        // As notes were before they said whether the kernel was there.
        assert!(note("").was_taken_back());
        assert!(note(r#","outcome":"no trunk is up""#).was_taken_back());
        assert!(note(r#","offered":true"#).was_taken_back());
        assert!(
            !note(r#","offered":false"#).was_taken_back(),
            "it was cut off while it was written"
        );
        assert!(!note(r#","outcome":"healthy""#).was_taken_back());
        let damaged = serde_json::json!({"from": 1, "to": 2, "trunks": [], "outcome": DAMAGED});
        assert!(!last(&damaged.to_string()).was_taken_back(), "its stick mends it");
    }

    #[test]
    fn a_stick_takes_no_more_memory_than_there_may_be() {
        let folder = std::env::temp_dir().join(format!("branchline-stick-{}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let (link, long, plain) = (folder.join("link"), folder.join("long"), folder.join("plain"));
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink("/dev/zero", &link).expect("a link");
        File::create(&long).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
        fs::write(&plain, "text").expect("a file");
        assert!(bounded(&link, 10).is_err() && bounded(&folder, 10).is_err());
        assert_eq!(bounded(&long, 10).map(|read| read.len()).ok(), Some(11));
        assert_eq!(bounded(&plain, 10).ok(), Some(b"text".to_vec()));
        fs::remove_dir_all(&folder).expect("removed");
    }
}
