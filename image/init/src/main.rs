//! The appliance's first program: loads what it needs to see its disk, opens the verified root, hands over to systemd.
//!
//! It owns no decision (`boot.rs`) and no cryptography: the hash tree is opened by `veritysetup`, which stands beside it.
//! Whatever fails is said on the console, and the machine starts anew: the boot loader counts, and falls to another version.

use std::ffi::CString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::unistd::{chdir, chroot, execv};
use rustix::fs::{IFlags, Mode, OFlags, ioctl_getflags, ioctl_setflags, openat};

use crate::boot::{Asked, Count, Damages, Partition, Slot, Turn};

mod boot;
#[allow(dead_code, reason = "the box's own; the recovery wants the check of it")]
#[path = "../../../src/appliance/manifest.rs"]
mod manifest;
mod mend;
mod recovery;
#[allow(dead_code, reason = "the box's own; the recovery wants the names of it")]
#[path = "../../../src/appliance/slot.rs"]
mod slot;

/// A disk is there within this, or it is not there. USB sticks need some seconds on old boards.
const DISK_APPEARS: Duration = Duration::from_secs(30);
/// And one inside within this, where one on USB was there before it.
const DISK_INSIDE_APPEARS: Duration = Duration::from_secs(5);
/// How often a disk is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long a failure stays on the screen.
const READ_THIS: Duration = Duration::from_secs(5);
/// Vendor of the boot loader's EFI variables (Boot Loader Interface).
const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// Vendor of ours.
const OWN: &str = "8a2ee0a4-5d5c-4f4e-9d0f-6d1c2f0b7c11";
/// Non-volatile, with access at boot and later: the first four bytes of every EFI variable.
const KEPT: [u8; 4] = [7, 0, 0, 0];
/// The firmware's variables.
const EFI_VARIABLES: &str = "/sys/firmware/efi/efivars";
/// From which severity on the kernel writes to the console; 4 as the command line has it.
const LOUDNESS: &str = "/proc/sys/kernel/printk";
/// Where the root is put before it becomes the root.
const NEW_ROOT: &str = "/root";
/// The root as the hash tree lets it be read.
const MAPPED: &str = "/dev/mapper/root";

/// What keeps the root from being opened.
enum Failure {
    /// The kernel's command line is not one of ours.
    CommandLine(boot::Unusable),
    /// A call to the system.
    System(&'static str, io::Error),
    /// No disk has slots.
    NoSlots,
    /// None of the slots holds the root that the kernel came with, or it was tampered with.
    NoSlotFits,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(boot::Unusable::NoRootHash) => {
                f.write_str("the kernel came without the hash of a root")
            }
            Self::System(what, error) => write!(f, "{what}: {error}"),
            Self::NoSlots => f.write_str("no disk of a Branchline box is there"),
            Self::NoSlotFits => {
                f.write_str("no slot holds the root that this kernel belongs to, or it was changed")
            }
        }
    }
}

/// How this program is called where it stays beside systemd. With the first letter it is spared when the box is shut down
/// (systemd.io/ROOT_STORAGE_DAEMONS).
const WATCH: &str = "@branchline-watch";
/// Counts what is not as it was signed, between boots.
const DAMAGES: &str = "BranchlineDamages";
/// Counts starts since the last healthy one.
const STARTS: &str = "BranchlineStarts";
/// Before a line of the kernel's log: so urgent that it stands on every console (syslog's 2).
const CRITICAL: &str = "<2>";
/// Longer lines the kernel does not write (CONSOLE_EXT_LOG_MAX).
const LONGEST_LINE: usize = 8192;

fn main() {
    let mut arguments = std::env::args();
    if arguments.next().as_deref() == Some(WATCH) {
        return watch(&arguments.next().unwrap_or_default());
    }
    if let Err(failure) = command_line().and_then(|line| go_on(&line)) {
        show(&failure);
    }
    let _never = reboot(RebootMode::RB_AUTOBOOT);
}

/// Comes back only when the machine is to start anew.
fn go_on(command_line: &str) -> Result<(), Failure> {
    if let Some(model) = recovery::asked(command_line) {
        return mend::mend(model);
    }
    let asked = open_root(command_line)?;
    start_watch(&asked);
    let failure = hand_over();
    // Where the kernel said nothing more, as it does after many blocks at once, the watch is silent too.
    note_damage(&asked);
    Err(failure)
}

fn command_line() -> Result<String, Failure> {
    file_systems()?;
    fs::read_to_string("/proc/cmdline").map_err(|e| Failure::System("cmdline", e))
}

fn show(failure: &Failure) {
    println!("branchline-init: {failure}; the machine starts anew in {READ_THIS:?}");
    sleep(READ_THIS);
}

fn open_root(command_line: &str) -> Result<Asked, Failure> {
    let asked = boot::asked(command_line).map_err(Failure::CommandLine)?;
    load_modules();
    let slots = wait_for_slots()?;
    count_this_start(&asked);
    // The slot of another version is passed over; what the kernel says of it would only frighten.
    let _loud_as_it_was = fs::write(LOUDNESS, "1");
    let opened = slots.iter().find(|slot| opens(slot, &asked));
    let _loud_as_it_was = fs::write(LOUDNESS, "4");
    let Some(opened) = opened else {
        note_damage(&asked);
        return Err(Failure::NoSlotFits);
    };
    println!("branchline-init: version {} from slot {}", asked.version, opened.letter);
    // The letter is wanted later by whoever writes the other slot.
    let _for_later = fs::write("/run/branchline-slot", format!("{}\n", opened.letter));
    // And which of the disks is the box's own.
    let _for_later = fs::write("/run/branchline-disk", format!("{}\n", opened.disk));
    Ok(asked)
}

fn file_systems() -> Result<(), Failure> {
    for (kind, target) in
        [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/run")]
    {
        let _there = fs::create_dir_all(target);
        attach(kind, target, kind, MsFlags::MS_NOSUID, None)
            .map_err(|e| Failure::System(kind, e))?;
    }
    Ok(())
}

fn attach(from: &str, to: &str, kind: &str, flags: MsFlags, data: Option<&str>) -> io::Result<()> {
    Ok(mount(Some(from), to, Some(kind), flags, data)?)
}

/// Loads the modules of `/modules` in their order. One that is not for this machine is none of our concern.
fn load_modules() {
    let list = fs::read_to_string("/modules").unwrap_or_default();
    for name in list.lines() {
        if let Ok(file) = File::open(Path::new("/lib/modules").join(name)) {
            let _not_for_this_machine = finit_module(&file, c"", ModuleInitFlags::empty());
        }
    }
}

fn wait_for_slots() -> Result<Vec<Slot>, Failure> {
    let begun = Instant::now();
    loop {
        let slots = boot::slots(&partitions());
        // What hangs on USB is there first now and then; a disk inside has its time to appear.
        let inside = slots.first().is_some_and(|slot| !slot.usb);
        if inside || (!slots.is_empty() && begun.elapsed() > DISK_INSIDE_APPEARS) {
            return Ok(slots);
        }
        if begun.elapsed() > DISK_APPEARS {
            return Err(Failure::NoSlots);
        }
        sleep(LOOK_AGAIN);
    }
}

/// The partitions that the kernel sees.
fn partitions() -> Vec<Partition> {
    let Ok(entries) = fs::read_dir("/sys/class/block") else { return Vec::new() };
    entries.flatten().filter_map(|entry| partition(&entry.path())).collect()
}

fn partition(folder: &Path) -> Option<Partition> {
    let events = fs::read_to_string(folder.join("uevent")).ok()?;
    let name = events.lines().find_map(|line| line.strip_prefix("PARTNAME="))?.to_owned();
    let device = folder.file_name()?.to_str()?.to_owned();
    // A partition's folder lies in that of its disk.
    let place = fs::canonicalize(folder).ok()?;
    let disk = place.parent()?.file_name()?.to_str()?.to_owned();
    // The way to it leads through a bus that the kernel calls `usb1`.
    let bus = |part: &str| part.strip_prefix("usb").is_some_and(|n| n.parse::<u16>().is_ok());
    let usb = place.iter().filter_map(|part| part.to_str()).any(bus);
    Some(Partition { disk, device, name, usb })
}

/// Opens the slot and puts its file system in place. False where it is not the root that is asked for.
fn opens(slot: &Slot, asked: &Asked) -> bool {
    // A block that is not what was signed is never handed out, here and later; what then happens is for `watch`, which can
    // write it down first. The kernel's own order to restart cannot.
    let fits = verity_open(slot, asked)
        && File::open(MAPPED).and_then(|f| first_block(&f)).is_ok()
        && attach(MAPPED, NEW_ROOT, "squashfs", MsFlags::MS_RDONLY, None).is_ok();
    if !fits {
        verity(&["close", "root"]);
    }
    fits
}

fn first_block(mut file: &File) -> io::Result<()> {
    file.read_exact(&mut [0; 4096])
}

fn verity_open(slot: &Slot, asked: &Asked) -> bool {
    let (root, tree) = (device(&slot.root), device(&slot.tree));
    verity(&["open", &root, "root", &tree, &asked.root_hash])
}

fn device(name: &str) -> String {
    format!("/dev/{name}")
}

fn verity(arguments: &[&str]) -> bool {
    // There is no udev yet, and nobody who would wait for it.
    let mut command = Command::new("/sbin/veritysetup");
    let ran = command.args(arguments).env("DM_DISABLE_UDEV", "1").stderr(Stdio::null()).status();
    ran.is_ok_and(|status| status.success())
}

/// Counts this start in an EFI variable; health takes the count back. A version that was healthy once has no counter of
/// the boot loader's any more: without this a disk that rots later would start for ever.
fn count_this_start(asked: &Asked) {
    let _firmware_without = attach("efivarfs", EFI_VARIABLES, "efivarfs", MsFlags::empty(), None);
    let entries = words(&variable("LoaderEntries", LOADER).unwrap_or_default());
    let own = words(&variable("LoaderEntrySelected", LOADER).unwrap_or_default());
    let own = own.first().map_or("", String::as_str);
    match boot::turn(&asked.version, counted(STARTS), &damages(), &entries, own) {
        Turn::GoOn(now) => keep(STARTS, OWN, now.text().as_bytes()),
        Turn::Other(entry, why) => {
            println!("branchline-init: version {} {why}; {entry} has its turn", asked.version);
            keep(STARTS, OWN, b"");
            keep("LoaderEntryOneShot", LOADER, &wide(&entry));
            let _never = reboot(RebootMode::RB_AUTOBOOT);
        }
    }
}

fn counted(name: &str) -> Option<Count> {
    Count::read(&String::from_utf8_lossy(&variable(name, OWN)?))
}

fn damages() -> Damages {
    Damages::read(&String::from_utf8_lossy(&variable(DAMAGES, OWN).unwrap_or_default()))
}

/// The root of this version is not what was signed: after some times another version has its turn.
fn note_damage(asked: &Asked) {
    keep(DAMAGES, OWN, damages().one_more(&asked.version).text().as_bytes());
}

/// Leaves this program running beside systemd. It lives in the initrd's memory and needs nothing of the root that it watches.
fn start_watch(asked: &Asked) {
    let started = || -> io::Result<()> {
        let mut log = File::open("/dev/kmsg")?;
        // From here on, whenever it comes to read: what other slots gave rise to while one was looked for is said already.
        log.seek(SeekFrom::End(0))?;
        let mut watch = Command::new("/init");
        watch.arg0(WATCH).arg(&asked.version).stdin(log).stdout(Stdio::piped());
        // Until it has opened what it needs, the root stays as it is: then the names lead elsewhere.
        let ready = watch.spawn()?.stdout.map(|mut ready| ready.read_exact(&mut [0]));
        ready.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))
    };
    if let Err(error) = started() {
        println!("branchline-init: the root is not watched: {error}");
    }
}

/// Reads the kernel's log, its standard input, until it tells that a block of the root is not what was signed; writes that down, and the machine
/// starts anew. Everything that it needs is opened before the root is changed under it: it says so with an octet.
fn watch(version: &str) {
    let Ok(variables) = File::open(EFI_VARIABLES) else { return };
    // A terminal may be hung up or held (^S), and then whoever writes to it waits for ever: the kernel's own lines come through.
    let Ok(mut console) = File::options().write(true).open("/dev/kmsg") else { return };
    let before = damages();
    if io::stdout().write_all(b".").and_then(|()| io::stdout().flush()).is_err() {
        return;
    }
    let mut log = io::stdin();
    let mut line = vec![0; LONGEST_LINE];
    loop {
        // Lines that were lost (EPIPE) are none that could be read.
        let length = log.read(&mut line).unwrap_or_else(|_| {
            sleep(LOOK_AGAIN);
            0
        });
        if boot::tells_damage(&String::from_utf8_lossy(&line[..length])) {
            break;
        }
    }
    let now = before.one_more(version);
    let kept = keep_in(&variables, DAMAGES, now.text().as_bytes());
    let mut say = |words: String| {
        let _nobody_may_listen =
            console.write_all(format!("{CRITICAL}branchline-init: {words}\n").as_bytes());
    };
    say(format!(
        "a block of version {version}'s root is not what was signed; the machine starts anew"
    ));
    if let Err(error) = kept {
        say(format!("the firmware does not keep {DAMAGES}: {error}"));
    }
    let _never = reboot(RebootMode::RB_AUTOBOOT);
}

/// Writes one of our variables by its folder, wherever that is mounted by now.
fn keep_in(variables: &File, name: &str, value: &[u8]) -> io::Result<()> {
    let name = format!("{name}-{OWN}");
    if let Ok(there) = openat(variables, &*name, OFlags::RDONLY, Mode::empty()) {
        let flags = ioctl_getflags(&there).unwrap_or(IFlags::empty());
        let _no_guard_there = ioctl_setflags(&there, flags - IFlags::IMMUTABLE);
    }
    let file = openat(variables, &*name, OFlags::WRONLY | OFlags::CREATE, Mode::RUSR | Mode::WUSR)?;
    File::from(file).write_all(&[&KEPT, value].concat())
}

fn variable_path(name: &str, vendor: &str) -> String {
    format!("{EFI_VARIABLES}/{name}-{vendor}")
}

fn variable(name: &str, vendor: &str) -> Option<Vec<u8>> {
    let bytes = fs::read(variable_path(name, vendor)).ok()?;
    Some(bytes.get(KEPT.len()..)?.to_vec())
}

/// Writes a variable in one piece, as the firmware wants it. A firmware that takes none does not keep the box from starting.
fn keep(name: &str, vendor: &str, value: &[u8]) {
    let bytes = if value.is_empty() { vec![] } else { [&KEPT, value].concat() };
    let path = variable_path(name, vendor);
    unguard(&path);
    let done = if bytes.is_empty() { fs::remove_file(path) } else { fs::write(path, bytes) };
    if let Err(error) = done {
        println!("branchline-init: the firmware does not keep {name}: {error}");
    }
}

/// The kernel guards variables that it does not know against `rm -r`; the guard goes before they can be written again.
fn unguard(path: &str) {
    if let Ok(file) = File::open(path) {
        let flags = ioctl_getflags(&file).unwrap_or(IFlags::empty());
        let _no_guard_there = ioctl_setflags(&file, flags - IFlags::IMMUTABLE);
    }
}

/// Who this box is in its own log: made once, kept by the firmware, for nothing can be written into the root.
fn machine_id() -> CString {
    let kept = variable("BranchlineMachine", OWN).filter(|id| boot::is_machine_id(id));
    let id = kept.unwrap_or_else(|| {
        let mut random = [0; 16];
        let _zeros_are_refused_below =
            File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random));
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        keep("BranchlineMachine", OWN, id.as_bytes());
        id.into_bytes()
    });
    CString::new([b"--machine-id=", &*id].concat()).unwrap_or_default()
}

/// Words of a variable of the boot loader's: UTF-16, each ended by zero.
fn words(bytes: &[u8]) -> Vec<String> {
    let units: Vec<u16> =
        bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    units
        .split(|unit| *unit == 0)
        .filter(|word| !word.is_empty())
        .map(String::from_utf16_lossy)
        .collect()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// Makes the opened root the root, and its `/sbin/init` this process. Comes back only with what went wrong.
fn hand_over() -> Failure {
    let id = machine_id();
    let moved = || -> io::Result<()> {
        for inner in ["/dev", "/proc", "/sys", "/run"] {
            mount(
                Some(inner),
                &*format!("{NEW_ROOT}{inner}"),
                None::<&str>,
                MsFlags::MS_MOVE,
                None::<&str>,
            )?;
        }
        chdir(NEW_ROOT)?;
        mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)?;
        chroot(".")?;
        chdir("/")?;
        execv(c"/sbin/init", &[c"/sbin/init", &id])?;
        Ok(())
    };
    Failure::System("hand over", moved().err().unwrap_or_else(|| io::ErrorKind::Other.into()))
}
