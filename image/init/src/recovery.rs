//! The last resort: what is decided when no version of the box can be read from its disk, and what it says to people.
//!
//! Owns no file and no device; `mend.rs` reads and writes what this module says. Whether an update is taken is decided by the
//! box's own check (`src/appliance/manifest.rs`), once.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read, Write};
use std::time::Duration;

use ring::digest::{Context, SHA256};

use crate::boot::{Damages, Partition};
use crate::manifest::{Manifest, Own, Part, Refused, hex};
use crate::slot::version_of;

/// Without a stick for so long, the box tries its versions again: it may have been a cable, and nobody may be there.
pub const GIVES_UP: Duration = Duration::from_secs(600);
/// Starts that a version which was written here has to get healthy: as an update has them.
const TRIES: u8 = 5;
/// Read and written at once: a root is never held in memory, which may be 1 GB.
const PIECE: usize = 1 << 20;
/// What the kernel calls disks that nobody plugged in.
const NO_STICKS: [&str; 4] = ["loop", "ram", "zram", "dm-"];

/// The kind of this box, where the command line is that of the recovery.
#[must_use]
pub fn asked(command_line: &str) -> Option<String> {
    let mut words = command_line.split_ascii_whitespace();
    words.clone().find(|word| *word == "branchline.recovery")?;
    let model = words.find_map(|word| word.strip_prefix("branchline.model="));
    Some(model.unwrap_or_default().to_owned())
}

/// What is left of the box.
#[derive(Debug, Default)]
pub struct Left {
    /// Names of the kernels on the ESP.
    pub entries: Vec<String>,
    /// Damages that were found in roots.
    pub damages: Damages,
}

impl Left {
    /// The kernels that belong to versions; never the recovery's own.
    pub fn kernels(&self) -> impl Iterator<Item = &String> {
        self.entries.iter().filter(|entry| version_of(entry).is_some())
    }

    /// The highest version that the box is known to have had: an older one is not taken.
    #[must_use]
    pub fn highest(&self) -> u32 {
        let offered = self.entries.iter().filter_map(|entry| version_of(entry));
        let damaged = self.damages.0.iter().filter_map(|count| count.version.parse().ok());
        offered.chain(damaged).max().unwrap_or(0)
    }

    /// The box as its check of an update is to see it: the version that it had may be written again.
    #[must_use]
    pub fn own(&self, model: &str) -> Own {
        Own { model: model.to_owned(), version: self.highest().saturating_sub(1) }
    }

    /// Whether there is something to start again. Where writing was cut off there is not, and then the damages are all
    /// that tells which version the box had.
    #[must_use]
    pub fn may_forget(&self) -> bool {
        self.kernels().next().is_some()
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\nThe system of this box cannot be read from its disk.\n")?;
        if self.kernels().next().is_none() {
            f.write_str("There is no version on it any more: writing one was cut off.\n")?;
        }
        for count in &self.damages.0 {
            let (version, times) = (&count.version, count.count);
            writeln!(f, "Version {version} is not as it was signed, seen {times} times.")?;
        }
        f.write_str("What the branch knows is not touched.\n")?;
        f.write_str(WHAT_TO_DO)
    }
}

/// The way out, in plain words.
pub const WHAT_TO_DO: &str = "What to do: put a whole update (all files of its folder) on a stick, plug it in;\n\
                              the box writes it and starts anew. Without one it tries its disk again in 10 minutes.\n";

/// The name under which the boot loader finds a version that was written here.
#[must_use]
pub fn entry(version: u32) -> String {
    format!("branchline_{version}+{TRIES}.efi")
}

/// The box's own disk, by its partitions.
#[derive(Debug, PartialEq, Eq)]
pub enum OwnDisk {
    /// None is there, or not yet.
    None,
    /// This one.
    Is(String),
    /// Several might be it: somebody plugged in a whole image. None of them is written before one is left.
    Several,
}

/// Finds the disk that has the slots. The kernel names partitions in their order: with the last half of a slot all are there.
#[must_use]
pub fn own_disk(partitions: &[Partition]) -> OwnDisk {
    let with_slots = partitions.iter().filter(|p| p.name == "hash-b").map(|p| p.disk.as_str());
    let disks: BTreeSet<&str> = with_slots.collect();
    match (disks.first(), disks.len()) {
        (Some(disk), 1) => OwnDisk::Is((*disk).to_owned()),
        (None, _) => OwnDisk::None,
        _ => OwnDisk::Several,
    }
}

/// Something that may hold an update: a disk, or a partition of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device {
    /// Its name, such as `sdb1`.
    pub name: String,
    /// The disk it is on, or itself.
    pub disk: String,
    /// The kernel's number of this plugging in: another one means another stick, or the same once more.
    pub sequence: u64,
}

/// Sticks that were looked at already: each is, once.
#[derive(Debug, Default)]
pub struct Sticks(BTreeSet<Device>);

impl Sticks {
    /// What was plugged in since it was asked last. The box's own disk is no stick.
    pub fn new_ones(&mut self, there: Vec<Device>, own_disk: &str) -> Vec<Device> {
        let sticks: BTreeSet<Device> = there
            .into_iter()
            .filter(|device| device.disk != own_disk)
            .filter(|device| !NO_STICKS.iter().any(|kind| device.name.starts_with(kind)))
            .collect();
        let new = sticks.difference(&self.0).cloned().collect();
        self.0 = sticks;
        new
    }
}

/// Why a stick did not mend the box.
#[derive(Debug)]
pub enum Trouble {
    /// There is no update on it, or not where it is looked for.
    NoUpdate,
    /// The box's check refuses it.
    Refused(Refused),
    /// It is older than what the box had.
    Older {
        /// Its version.
        theirs: u32,
        /// The highest that the box had.
        highest: u32,
    },
    /// Its root is there only as a difference to another version, which cannot be read.
    OnlyDifference,
    /// A part is larger than its place on the disk.
    TooLarge(String),
    /// It went while it was being written to the box.
    PulledOut,
    /// The stick cannot be read.
    Stick(io::Error),
    /// The box's disk takes nothing, or gives back something else.
    Disk(&'static str, io::Error),
    /// Neither slot reads back as it was written.
    NoSlot,
}

impl Trouble {
    /// Of the box's check, in words that fit a box that runs nothing.
    #[must_use]
    pub fn refused(why: Refused, highest: u32) -> Self {
        match why {
            Refused::NotNewer { theirs, .. } => Self::Older { theirs, highest },
            why => Self::Refused(why),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUpdate => f.write_str(
                "there is no update.json on it; the files go to its top, into no folder",
            ),
            Self::Refused(why) => write!(f, "{why}"),
            Self::Older { theirs, highest } => {
                write!(f, "the update is version {theirs}, and this box had {highest}: bring that one, or a newer one")
            }
            Self::OnlyDifference => f.write_str(
                "the update has its root only as a difference to another version: bring a whole one",
            ),
            Self::TooLarge(file) => write!(f, "the update's part {file} is larger than its place"),
            Self::PulledOut => f.write_str("it was pulled out while it was read"),
            Self::Stick(error) => write!(f, "it cannot be read to its end: {error}"),
            Self::Disk(what, error) => write!(f, "the disk of this box fails, {what}: {error}"),
            Self::NoSlot => f.write_str(
                "the disk of this box does not give back what is written to it: it needs a new disk",
            ),
        }
    }
}

/// Whether the root is on the stick as a whole.
///
/// # Errors
/// It is not, or only as a difference.
pub fn whole(manifest: &Manifest, is_there: impl Fn(&str) -> bool) -> Result<(), Trouble> {
    if is_there(&manifest.root.file) {
        return Ok(());
    }
    let by_difference = manifest.deltas.iter().any(|delta| is_there(&delta.part.file));
    let missing = || Trouble::Refused(Refused::Missing(manifest.root.file.clone()));
    Err(if by_difference { Trouble::OnlyDifference } else { missing() })
}

/// Why a part did not come over.
#[derive(Debug)]
pub enum Cut {
    /// It cannot be read.
    Source(io::Error),
    /// It cannot be written.
    Target(io::Error),
    /// These are not the bytes that were signed.
    Other,
}

/// Copies a part piece by piece, and tells whether it is what was signed.
///
/// # Errors
/// Whatever kept it from coming over whole.
pub fn copy(part: &Part, from: impl Read, to: &mut impl Write) -> Result<(), Cut> {
    // One more than there may be: a longer one shows as such.
    let mut from = from.take(part.bytes + 1);
    let (mut sum, mut length) = (Context::new(&SHA256), 0);
    let mut piece = vec![0; PIECE];
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Cut::Source(error)),
        };
        sum.update(&piece[..read]);
        length += read as u64;
        to.write_all(&piece[..read]).map_err(Cut::Target)?;
    }
    let same = length == part.bytes && hex(sum.finish().as_ref()) == part.sha256;
    if same { Ok(()) } else { Err(Cut::Other) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Delta;
    use ring::digest::digest;

    fn left(entries: &[&str], damages: &str) -> Left {
        let entries = entries.iter().map(|entry| (*entry).to_owned()).collect();
        Left { entries, damages: Damages::read(damages) }
    }

    fn part(file: &str, bytes: &[u8]) -> Part {
        let sha256 = hex(digest(&SHA256, bytes).as_ref());
        Part { file: file.into(), bytes: bytes.len() as u64, sha256 }
    }

    fn device(name: &str, disk: &str, sequence: u64) -> Device {
        Device { name: name.into(), disk: disk.into(), sequence }
    }

    #[test]
    fn only_its_own_command_line_is_a_recovery() {
        let line = "branchline.model=amd64-uefi quiet branchline.recovery console=ttyS0";
        assert_eq!(asked(line).as_deref(), Some("amd64-uefi"));
        assert_eq!(asked("branchline.recovery").as_deref(), Some(""), "a model nothing is for");
        for other in ["quiet", "branchline.recovery=no", "branchline.root=1"] {
            assert_eq!(asked(other), None, "{other}");
        }
    }

    #[test]
    fn the_highest_version_is_found_on_the_esp_and_in_the_damages() {
        for (entries, damages, highest) in [
            (&["branchline_3.efi", "branchline_4+0-5.efi", "recovery.efi"][..], "3 2", 4),
            (&["recovery.efi"], "3 2\n5 1", 5),
            (&["recovery.efi"], "", 0),
        ] {
            let left = left(entries, damages);
            assert_eq!(left.highest(), highest);
            assert_eq!(left.own("m").version, highest.saturating_sub(1));
        }
    }

    #[test]
    fn the_recovery_itself_is_no_kernel_that_goes() {
        let left = left(&["branchline_3.efi", "recovery.efi", "memtest.efi"], "");
        assert_eq!(left.kernels().collect::<Vec<_>>(), ["branchline_3.efi"]);
        assert_eq!(version_of(&entry(3)), Some(3));
    }

    #[test]
    fn where_writing_was_cut_off_the_damages_are_kept() {
        assert!(left(&["branchline_3.efi", "recovery.efi"], "3 2").may_forget());
        let cut = left(&["recovery.efi"], "3 2");
        assert!(!cut.may_forget());
        assert!(cut.to_string().contains("writing one was cut off"));
    }

    #[test]
    fn it_says_what_is_wrong_and_what_to_do() {
        let said = left(&["branchline_3.efi"], "3 2").to_string();
        for words in ["cannot be read from its disk", "Version 3", "not touched", "What to do"] {
            assert!(said.contains(words), "{words}");
        }
    }

    #[test]
    fn with_two_disks_of_a_box_none_is_written() {
        let part = |disk: &str, number: u8, name: &str| Partition {
            disk: disk.into(),
            device: format!("{disk}{number}"),
            name: name.into(),
            usb: false,
        };
        let root = |disk: &str| part(disk, 5, "hash-b");
        assert_eq!(own_disk(&[part("sda", 2, "root-a")]), OwnDisk::None, "more are to come");
        assert_eq!(own_disk(&[]), OwnDisk::None);
        assert_eq!(own_disk(&[root("sda")]), OwnDisk::Is("sda".into()));
        assert_eq!(own_disk(&[root("sda"), root("sdb")]), OwnDisk::Several);
    }

    #[test]
    fn each_stick_is_looked_at_once_and_again_when_it_is_plugged_in_again() {
        let mut sticks = Sticks::default();
        let own = [device("vda", "vda", 1), device("vda2", "vda", 1), device("loop0", "loop0", 2)];
        let there = |more: &[Device]| own.iter().chain(more).cloned().collect::<Vec<_>>();
        let (stick, again) = ([device("sda1", "sda", 7)], [device("sda1", "sda", 8)]);
        for (plugged, new) in [
            (&[][..], &[][..]),
            (&stick, &stick),
            (&stick, &[]),
            (&again, &again),
            (&[], &[]),
            (&stick, &stick),
        ] {
            assert_eq!(sticks.new_ones(there(plugged), "vda"), new);
        }
    }

    #[test]
    fn a_root_that_is_only_a_difference_is_refused_with_words() {
        let delta = Delta { from: 1, from_bytes: 3, part: part("d", b"abc") };
        let manifest = Manifest {
            model: "m".into(),
            version: 2,
            root: part("r", b"abc"),
            hash: part("h", b"abc"),
            kernel: part("k", b"abc"),
            deltas: vec![delta],
            sbom: None,
        };
        assert!(whole(&manifest, |name| name == "r").is_ok());
        let only = whole(&manifest, |name| name == "d").expect_err("no root");
        assert!(only.to_string().contains("bring a whole one"));
        let none = whole(&manifest, |_| false).expect_err("no root");
        assert!(none.to_string().contains("part r is missing"));
    }

    #[test]
    fn an_older_one_is_named_beside_what_the_box_had() {
        let why = Refused::NotNewer { theirs: 2, ours: 3 };
        let said = Trouble::refused(why, 4).to_string();
        assert!(said.contains("version 2") && said.contains("had 4"), "{said}");
        assert!(matches!(Trouble::refused(Refused::Unsigned, 4), Trouble::Refused(_)));
    }

    #[test]
    fn a_part_comes_over_whole_or_it_shows() {
        let bytes: Vec<u8> = (0..3 * PIECE + 7).map(|n| (n % 251) as u8).collect();
        let signed = part("r", &bytes);
        let mut written = Vec::new();
        assert!(copy(&signed, &*bytes, &mut written).is_ok());
        assert!(written == bytes);
        let mut changed = bytes.clone();
        changed[2 * PIECE] ^= 1;
        let longer = [&*bytes, &[0; 9]].concat();
        for bad in [&changed[..], &bytes[1..], &longer, &[]] {
            assert!(matches!(copy(&signed, bad, &mut io::sink()), Err(Cut::Other)));
        }
    }

    #[test]
    fn it_shows_whether_stick_or_disk_fails() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        struct Gone;
        impl Read for Gone {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::NotFound.into())
            }
        }
        let signed = part("r", b"abc");
        assert!(matches!(copy(&signed, &b"abc"[..], &mut Full), Err(Cut::Target(_))));
        assert!(matches!(copy(&signed, Gone, &mut io::sink()), Err(Cut::Source(_))));
    }
}
