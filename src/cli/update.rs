//! `branchline update`: a new version of the whole box, into the slot that does not run; `branchline health`: whether it stays.

mod anew;
mod fetching;
mod health;
mod parts;
mod place;

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::appliance::anew::LONGEST_WAIT;
use crate::appliance::manifest::{Manifest, Refused};
use crate::appliance::slot::{Slot, Step, steps};
use crate::appliance::window::Window;
use crate::cli::exit;
use crate::driver::clock;
use crate::driver::download::Broken;
use parts::Parts;
use place::{Last, Place, at, names, offer, settle};

pub use health::{Health, main as health};

/// Starts that a new version has to get healthy. Power cuts cost one each: three flaps of the mains condemn none.
const TRIES: u8 = 5;
/// Read and written at once.
const PIECE: usize = 1 << 20;
/// The configuration, where nobody names another.
const CONFIG: &str = "/etc/branchline/gateway.toml";

/// `branchline update`.
#[derive(Debug, Args)]
pub struct Options {
    /// A folder with `update.json`, `update.json.sig` and the parts; without it, what became of the last update.
    #[arg(conflicts_with = "fetch")]
    folder: Option<PathBuf>,
    /// From the server that `[update] from` names, where it has a newer version for this kind of box.
    #[arg(long)]
    fetch: bool,
    /// As the timer does it: nothing to do without `[update] from`, or outside of `[update] window`.
    #[arg(long, requires = "fetch", conflicts_with = "now")]
    scheduled: bool,
    /// Outside of `[update] window` too. No call is cut either way.
    #[arg(long)]
    now: bool,
    /// Though this version was taken back before.
    #[arg(long)]
    again: bool,
    /// Start the box anew when it is written, as soon as no call is up; of a version that is written already where no folder is
    /// named. Where there is always one, for four hours or until the window's end, it begins at the next start.
    #[arg(long)]
    restart: bool,
    /// Starts that the new version has to get healthy, 1 to 9.
    #[arg(long, default_value_t = TRIES, value_parser = clap::value_parser!(u8).range(1..=9))]
    tries: u8,
    /// The configuration file: its window and its time zone. [default: /etc/branchline/gateway.toml]
    #[arg(short, long)]
    config: Option<PathBuf>,
    /// The control socket of the box.
    #[arg(long, env = "BRANCHLINE_SOCKET", default_value = "/run/branchline/admin.sock")]
    socket: PathBuf,
    /// The root of everything, for tests.
    #[arg(long, hide = true, default_value = "/")]
    root: PathBuf,
    /// What starts the box anew, for tests.
    #[arg(long, hide = true, default_value = "systemctl --no-block reboot")]
    order: String,
}

impl Options {
    fn config(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| Place::new(&self.root).at(CONFIG))
    }
}

/// Why nothing was written, or not all of it.
#[derive(Debug)]
enum Failure {
    Refused(Refused),
    /// Not on this machine: there are no slots.
    NoAppliance,
    /// It is not night, and nobody said `--now`.
    OfficeHours(Window),
    /// This very version was tried, and is not what runs: a stick that stays in would try it for ever.
    TakenBack(u32, Option<String>),
    /// Somebody else writes to the slots.
    Busy,
    /// It did not come from its server, or not all of it.
    NotFetched(Broken),
    /// So many bytes do not fit onto the disk beside what the branch keeps.
    NoRoom(u64),
    /// What was read back is not what was written: the disk is failing.
    Disk(char),
    Io(String, io::Error),
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        Self::NotFetched(broken)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "{why}; nothing was changed"),
            Self::NoAppliance => f.write_str("this machine was not started from an image of Branchline; update its package instead"),
            Self::OfficeHours(window) => write!(f, "updates are taken from {window} by the branch's clock, or with --now"),
            Self::TakenBack(version, why) => {
                let why = why.as_deref().unwrap_or("it did not come up far enough to say why");
                write!(f, "version {version} was taken back: {why}; --again tries it once more, or a file named again.txt on a stick that is put in while the box runs")
            }
            Self::Busy => f.write_str("another update is being written at this moment"),
            Self::NotFetched(why) => write!(f, "{why}; nothing was changed"),
            Self::NoRoom(bytes) => write!(f, "{} MB do not fit onto the disk beside what the branch keeps; nothing was changed", bytes.div_ceil(1 << 20)),
            Self::Disk(slot) => write!(f, "slot {slot} does not read back as written: its disk is failing; the running version stays"),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

/// Takes an update, or says what became of the last one.
pub fn main(options: &Options) -> ExitCode {
    let place = Place::new(&options.root);
    if options.fetch {
        return fetching::main(&place, options);
    }
    let Some(folder) = &options.folder else {
        return match options.restart {
            true => anew::of_what_waits(&place, options, LONGEST_WAIT),
            false => show(&place, options),
        };
    };
    match take(&place, folder, options) {
        Ok(words) => {
            println!("{words}");
            match options.restart {
                true => anew::main(&place, options, longest_wait(&place, options)),
                false => ExitCode::SUCCESS,
            }
        }
        Err(failure) => failed(failure),
    }
}

/// Who did not say `--now` is not asking for a start in office hours.
fn longest_wait(place: &Place, options: &Options) -> Duration {
    let (settings, zone) = place.settings(&options.config());
    match options.now {
        true => LONGEST_WAIT,
        false => settings.window.left(clock::now().unix, &zone).unwrap_or_default(),
    }
}

fn failed(failure: Failure) -> ExitCode {
    let code = match failure {
        Failure::Refused(_) | Failure::TakenBack(..) => exit::REFUSED,
        Failure::OfficeHours(_) | Failure::Busy | Failure::NotFetched(_) => exit::UNAVAILABLE,
        _ => exit::IO,
    };
    exit::fail(code, failure)
}

fn take(place: &Place, folder: &Path, options: &Options) -> Result<String, Failure> {
    let running = place.running()?;
    let own = place.own()?;
    let manifest = parts::signed(place, folder, &own)?;
    let (settings, zone) = place.settings(&options.config());
    if !options.now && settings.window.left(clock::now().unix, &zone).is_none() {
        return Err(Failure::OfficeHours(settings.window));
    }
    let _lock = place.lock()?.ok_or(Failure::Busy)?;
    let slot = running.other().letter();
    if taken_before(place, &manifest, options)? {
        return Ok(format!(
            "version {} is in slot {slot} already; it begins at the next start",
            manifest.version
        ));
    }
    let parts = Parts::read(place, folder, &manifest, &own, running)?;
    let last = Last {
        from: own.version,
        to: manifest.version,
        trunks: health::seen_trunks(&options.socket),
        offered: false,
        boot: place.mark_boot()?,
        outcome: None,
    };
    write(place, running, &parts, last, options.tries)?;
    Ok(format!(
        "version {} is in slot {slot}, {}; it begins at the next start",
        manifest.version, parts.how
    ))
}

/// Whether this version was written since the machine was started, and waits for the next one. One that was taken back is not taken
/// again.
fn taken_before(place: &Place, manifest: &Manifest, options: &Options) -> Result<bool, Failure> {
    let boot = place.boot();
    let last = place.last().filter(|last| last.to == manifest.version && !options.again);
    match last {
        Some(last) if last.waits(&boot) => Ok(true),
        Some(last) if last.was_taken_back(&boot) => Err(Failure::TakenBack(last.to, last.outcome)),
        _ => Ok(false),
    }
}

/// Every step on the disk before the next.
fn write(
    place: &Place,
    running: Slot,
    parts: &Parts,
    mut last: Last,
    tries: u8,
) -> Result<(), Failure> {
    let kernels = place.kernels();
    for step in steps(running, last.from, &names(&kernels)?, last.to, tries) {
        match step {
            Step::Forget(name) => {
                at(&name, fs::remove_file(kernels.join(&name)).and_then(|()| settle(&kernels)))?;
            }
            Step::Write(slot) => {
                write_and_read(&place.partition("root", slot), &parts.root, slot)?;
                write_and_read(&place.partition("hash", slot), &parts.hash, slot)?;
                place.note(&last)?;
            }
            Step::Offer(name) => {
                at(&name, offer(&kernels, &name, &parts.kernel))?;
                last.offered = true;
                place.note(&last)?;
            }
        }
    }
    Ok(())
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

/// What became of the last update, and of looking for another one.
fn show(place: &Place, options: &Options) -> ExitCode {
    let version = place.own().map_or(0, |own| own.version);
    let boot = place.boot();
    match place.last() {
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
        Some(last) if last.waits(&boot) => {
            println!("version {version}; version {} begins at the next start", last.to);
        }
        Some(Last { to, outcome, .. }) => {
            let why =
                outcome.unwrap_or_else(|| "it did not come up far enough to say why".to_owned());
            println!("version {version}; version {to} was taken back: {why}");
        }
    }
    let (_, zone) = place.settings(&options.config());
    if let Some(said) = fetching::said(place, &zone) {
        println!("{said}");
    }
    ExitCode::SUCCESS
}
