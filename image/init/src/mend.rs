//! The last resort at work: looks for a stick with a whole update, writes it, and lets the box start from it.
//!
//! It decides nothing (`recovery.rs`), and never opens the data partition. Each step is on the disk before the next begins.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, umount};
use nix::unistd::sync;

use crate::boot::{self, Slot};
use crate::manifest::{self, LONGEST, Manifest, Part, Refused};
use crate::recovery::{
    Cut, Device, GIVES_UP, Left, OwnDisk, Sticks, Trouble, WHAT_TO_DO, copy, entry, own_disk, whole,
};
use crate::{
    DAMAGES, DISK_APPEARS, EFI_VARIABLES, Failure, LOOK_AGAIN, OWN, STARTS, attach, damages,
    device, keep, load_modules, partitions, variable,
};

/// How often it looks for a stick.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// Where the ESP is mounted.
const ESP: &str = "/esp";
/// Kernels, on the ESP.
const KERNELS: &str = "/esp/EFI/Linux";
/// Where a stick is mounted.
const STICK: &str = "/stick";
/// Keys of who may sign updates: those of the root, which this one came with.
const KEYS: &str = "/keys";
/// What sticks are formatted as.
const FORMATS: [&str; 2] = ["vfat", "exfat"];
/// Nothing on a stick is a program or a device; the kernel is not to write what a file system is not.
const STICKS: MsFlags = MsFlags::MS_RDONLY
    .union(MsFlags::MS_NOSUID)
    .union(MsFlags::MS_NODEV)
    .union(MsFlags::MS_NOEXEC)
    .union(MsFlags::MS_SILENT);
/// Bytes that the kernel counts the length of a disk in.
const SECTOR: u64 = 512;

/// Where a hash tree says what it is, and a root too.
const FIRST_BLOCK: usize = 4096;

/// The box, as far as it can be read.
struct Patient {
    /// The kind of box.
    model: String,
    /// Its disk.
    disk: String,
    /// The partition that the firmware starts from.
    esp: String,
    /// Places for a root.
    slots: Vec<Slot>,
    /// What is known of its versions.
    left: Left,
}

/// Waits for a stick that mends the box. Comes back when the machine is to start anew.
pub fn mend(model: String) -> Result<(), Failure> {
    load_modules();
    let _firmware_without = attach("efivarfs", EFI_VARIABLES, "efivarfs", MsFlags::empty(), None);
    let mut patient = Patient::find(model)?;
    say(&patient.left.to_string());
    let (mut sticks, mut since) = (Sticks::default(), Instant::now());
    while since.elapsed() < GIVES_UP {
        for stick in sticks.new_ones(devices(), &patient.disk) {
            since = Instant::now();
            match patient.try_stick(&stick) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(trouble) => {
                    say(&format!("\nThe stick {}: {trouble}.\n{WHAT_TO_DO}", stick.name))
                }
            }
        }
        sleep(LOOKS_EVERY);
    }
    if patient.left.may_forget() {
        forget(DAMAGES);
    }
    say("\nNo stick came: the box tries its disk again.\n");
    Ok(())
}

impl Patient {
    fn find(model: String) -> Result<Self, Failure> {
        let disk = wait_for_disk()?;
        let partitions: Vec<_> = partitions().into_iter().filter(|p| p.disk == disk).collect();
        let slots = boot::slots(&partitions);
        let esp = partitions.iter().find(|p| p.name == "esp").map(|p| p.device.clone());
        let esp = esp.ok_or(Failure::NoSlots)?;
        let mut patient = Self { model, disk, esp, slots, left: Left::default() };
        patient.look().map_err(|error| Failure::System("the ESP", error))?;
        Ok(patient)
    }

    /// What is left, as it is now.
    fn look(&mut self) -> io::Result<()> {
        let entries = self.with_esp(MsFlags::MS_RDONLY, || names(KERNELS))?;
        self.left = Left { entries, damages: damages() };
        Ok(())
    }

    fn with_esp<T>(&self, flags: MsFlags, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        within(&device(&self.esp), ESP, &["vfat"], flags, act)
            .unwrap_or_else(|| Err(io::ErrorKind::InvalidData.into()))
    }

    /// True when the box is mended by this stick, false when there is no file system on it.
    fn try_stick(&mut self, stick: &Device) -> Result<bool, Trouble> {
        let take = || self.take(Path::new(STICK), &stick.name);
        let tried = within(&device(&stick.name), STICK, &FORMATS, STICKS, take);
        // Where something was begun and not ended, the next stick meets another box.
        let _as_it_was_before = self.look();
        tried.transpose().map(|taken| taken.is_some())
    }

    fn take(&self, folder: &Path, stick: &str) -> Result<(), Trouble> {
        if !folder.join("update.json").exists() {
            return Err(Trouble::NoUpdate);
        }
        let manifest = self.signed(folder)?;
        whole(&manifest, |file| folder.join(file).exists())?;
        self.has_room(&manifest)?;
        say(&format!(
            "\nThe stick {stick} has version {}; it is looked through.\n",
            manifest.version
        ));
        let mut kernel = Vec::new();
        read(folder, &manifest.root, &mut io::sink())?;
        read(folder, &manifest.hash, &mut io::sink())?;
        read(folder, &manifest.kernel, &mut kernel)?;
        say(&format!("Version {} is whole, and is being written.\n", manifest.version));
        self.write(folder, &manifest, &kernel)
    }

    fn signed(&self, folder: &Path) -> Result<Manifest, Trouble> {
        let text = short(folder, "update.json").map_err(Trouble::Stick)?;
        let signature = short(folder, "update.json.sig").ok();
        let own = self.left.own(&self.model);
        manifest::accept(&text, signature.as_deref(), &keys(), &own)
            .map_err(|why| Trouble::refused(why, self.left.highest()))
    }

    /// Every part is let into its place before anything is taken away.
    fn has_room(&self, manifest: &Manifest) -> Result<(), Trouble> {
        let slots = self.slots.iter();
        let places = slots.flat_map(|s| [(&manifest.root, &s.root), (&manifest.hash, &s.tree)]);
        let mut all = places.chain([(&manifest.kernel, &self.esp)]);
        let small = all.find(|(part, place)| part.bytes > length(place));
        small.map_or(Ok(()), |(part, _)| Err(Trouble::TooLarge(part.file.clone())))
    }

    fn write(&self, folder: &Path, manifest: &Manifest, kernel: &[u8]) -> Result<(), Trouble> {
        let disk = |what| move |error| Trouble::Disk(what, error);
        // From here on until the last step the recovery is all that starts: none of these has a whole root.
        let forgotten = self.with_esp(MsFlags::empty(), || forget_kernels(&self.left));
        forgotten.map_err(disk("its old kernels"))?;
        self.write_root(folder, manifest)?;
        let name = entry(manifest.version);
        let offered = self.with_esp(MsFlags::empty(), || offer(&name, kernel));
        offered.map_err(disk("its kernel"))?;
        forget(DAMAGES);
        forget(STARTS);
        say(&format!(
            "Version {} is written and was read back; the box starts anew.\n",
            manifest.version
        ));
        Ok(())
    }

    /// Into the first slot that gives back what was written.
    fn write_root(&self, folder: &Path, manifest: &Manifest) -> Result<(), Trouble> {
        for slot in &self.slots {
            match write_slot(folder, manifest, slot) {
                Err(Trouble::Disk(what, error)) => {
                    say(&format!("Slot {} fails, {what}: {error}.\n", slot.letter));
                    let _its_disk_fails = spoil(slot);
                }
                written => return written,
            }
        }
        Err(Trouble::NoSlot)
    }
}

fn wait_for_disk() -> Result<String, Failure> {
    let (begun, mut said) = (Instant::now(), false);
    loop {
        match own_disk(&partitions()) {
            OwnDisk::Is(disk) => return Ok(disk),
            OwnDisk::None if begun.elapsed() > DISK_APPEARS => return Err(Failure::NoSlots),
            OwnDisk::None => sleep(LOOK_AGAIN),
            OwnDisk::Several if begun.elapsed() > GIVES_UP => return Err(Failure::NoSlots),
            OwnDisk::Several => {
                if !said {
                    say(
                        "\nThere are two disks of a Branchline box: take out the one that is not the box's own.\n",
                    );
                }
                said = true;
                sleep(LOOKS_EVERY);
            }
        }
    }
}

/// Does something while a file system is mounted. Nothing where it is none of these.
fn within<T>(
    from: &str,
    to: &str,
    formats: &[&str],
    flags: MsFlags,
    act: impl FnOnce() -> T,
) -> Option<T> {
    let _there = fs::create_dir_all(to);
    formats.iter().find(|format| attach(from, to, format, flags, None).is_ok())?;
    let done = act();
    let _what_was_written_is_on_the_disk = umount(to);
    Some(done)
}

fn names(folder: &str) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// A text of the stick that is no longer than such texts are.
fn short(folder: &Path, name: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(folder.join(name))?.take(LONGEST as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn keys() -> Vec<Vec<u8>> {
    let names = names(KEYS).unwrap_or_default();
    let texts = names.iter().filter_map(|name| fs::read_to_string(Path::new(KEYS).join(name)).ok());
    texts.filter_map(|text| manifest::from_hex(&text)).collect()
}

/// Reads a part of the stick to its end, and on to somewhere.
fn read(folder: &Path, part: &Part, to: &mut impl Write) -> Result<(), Trouble> {
    let missing = || Trouble::Refused(Refused::Missing(part.file.clone()));
    let file = File::open(folder.join(&part.file)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing(),
        // Such as a stick that was pulled out.
        _ => Trouble::Stick(error),
    })?;
    copy(part, file, to).map_err(|cut| match cut {
        Cut::Source(error) => Trouble::Stick(error),
        Cut::Target(error) => Trouble::Disk("writing", error),
        Cut::Other => Trouble::Refused(Refused::Corrupted(part.file.clone())),
    })
}

fn write_slot(folder: &Path, manifest: &Manifest, slot: &Slot) -> Result<(), Trouble> {
    for (part, place) in [(&manifest.root, &slot.root), (&manifest.hash, &slot.tree)] {
        let place = device(place);
        let failed = |error| Trouble::Disk("writing", error);
        let mut disk = File::options().write(true).open(&place).map_err(failed)?;
        read(folder, part, &mut disk).map_err(|trouble| match trouble {
            // It was there a moment ago: the stick was pulled out.
            Trouble::Refused(Refused::Missing(_)) => Trouble::PulledOut,
            trouble => trouble,
        })?;
        disk.sync_all().map_err(failed)?;
        read_back(part, &place).map_err(|error| Trouble::Disk("reading back", error))?;
    }
    Ok(())
}

/// Makes a slot one that nothing opens. One that is good but for some blocks would be opened before the one that is whole.
fn spoil(slot: &Slot) -> io::Result<()> {
    for place in [&slot.tree, &slot.root] {
        let mut disk = File::options().write(true).open(device(place))?;
        disk.write_all(&[0; FIRST_BLOCK])?;
        disk.sync_all()?;
    }
    Ok(())
}

/// From the disk, not from memory.
fn read_back(part: &Part, place: &str) -> io::Result<()> {
    fs::write("/proc/sys/vm/drop_caches", "1")?;
    let written = File::open(place)?.take(part.bytes);
    copy(part, written, &mut io::sink()).map_err(|cut| match cut {
        Cut::Source(error) | Cut::Target(error) => error,
        Cut::Other => io::Error::other("it is not what was written"),
    })
}

fn forget_kernels(left: &Left) -> io::Result<()> {
    for name in left.kernels() {
        fs::remove_file(Path::new(KERNELS).join(name))?;
    }
    settle()
}

/// Puts the kernel there: all of it is on the disk before it has its name.
fn offer(name: &str, kernel: &[u8]) -> io::Result<()> {
    let early = Path::new(KERNELS).join("update.tmp");
    let mut file = File::create(&early)?;
    file.write_all(kernel)?;
    file.sync_all()?;
    settle()?;
    fs::rename(&early, Path::new(KERNELS).join(name))?;
    settle()
}

fn settle() -> io::Result<()> {
    File::open(KERNELS)?.sync_all()?;
    sync();
    Ok(())
}

fn forget(name: &str) {
    if variable(name, OWN).is_some() {
        keep(name, OWN, b"");
    }
}

/// Disks and partitions that hold something.
fn devices() -> Vec<Device> {
    let Ok(entries) = fs::read_dir("/sys/class/block") else { return Vec::new() };
    entries.flatten().filter_map(|entry| found(&entry.path())).collect()
}

fn found(folder: &Path) -> Option<Device> {
    let name = folder.file_name()?.to_str()?.to_owned();
    // A partition's folder lies in that of its disk.
    let place = fs::canonicalize(folder).ok()?;
    let whole = if place.join("partition").exists() { place.parent()? } else { &place };
    let disk = whole.file_name()?.to_str()?.to_owned();
    let sequence = fs::read_to_string(whole.join("diskseq")).ok();
    let sequence = sequence.and_then(|number| number.trim().parse().ok()).unwrap_or(0);
    (length(&name) > 0).then_some(Device { name, disk, sequence })
}

/// Bytes of a disk or a partition.
fn length(name: &str) -> u64 {
    let sectors = fs::read_to_string(format!("/sys/class/block/{name}/size")).ok();
    sectors.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0) * SECTOR
}

/// Says something on every console: on the screen as well as on the serial line.
fn say(words: &str) {
    let active = fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default();
    for name in active.split_ascii_whitespace() {
        let console = File::options().write(true).open(device(name));
        let _nobody_is_there = console.and_then(|mut c| c.write_all(words.as_bytes()));
    }
}
