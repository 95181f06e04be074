//! What is decided at boot: which root is asked for, where it may stand, and when another version gets its turn.
//!
//! Owns no file and no device; `main.rs` reads and writes what this module says.

use std::fmt;

/// So many starts without a healthy end, and the other version gets a turn. Three, as the boot loader gives a new one: a
/// power cut or two do not condemn a version.
pub const STARTS_BEFORE_OTHER: u8 = 3;

/// So many starts that ended at a block of the root which is not what was signed, and the other version gets its turn. Two:
/// one may be a cable, and each costs a restart in the middle of a day.
pub const DAMAGES_BEFORE_OTHER: u8 = 2;

/// So many versions' damages are kept. The box has two slots: more than these are history, and the firmware has little room.
const DAMAGED_AT_MOST: usize = 8;

/// The last resort among the boot loader's entries.
pub const RECOVERY: &str = "recovery.efi";

/// The kernel's command line, as far as it concerns the root.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// Root hash of the verity tree: 64 hexadecimal digits.
    pub root_hash: String,
    /// The image's version.
    pub version: String,
}

/// Why there is no root to be opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Unusable {
    /// The command line names no root hash, or one that is not 64 hexadecimal digits.
    NoRootHash,
}

/// Reads the kernel's command line.
///
/// # Errors
/// A command line without a whole root hash: it is not one of ours, and nothing is started from it.
pub fn asked(command_line: &str) -> Result<Asked, Unusable> {
    let value = |name: &str| {
        command_line
            .split_ascii_whitespace()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    let root_hash = value("branchline.root").ok_or(Unusable::NoRootHash)?;
    let whole = root_hash.len() == 64 && root_hash.bytes().all(|b| b.is_ascii_hexdigit());
    if !whole {
        return Err(Unusable::NoRootHash);
    }
    let version = value("branchline.version").unwrap_or("0");
    Ok(Asked { root_hash: root_hash.to_owned(), version: version.to_owned() })
}

/// A partition as the kernel names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The disk it is on, such as `vda`.
    pub disk: String,
    /// Its device, such as `vda2`.
    pub device: String,
    /// Its name in the partition table.
    pub name: String,
    /// Whether its disk hangs on a USB socket, where people plug in what is another box's.
    pub usb: bool,
}

/// The name of the partition that the box makes at its first start.
const DATA: &str = "branchline-data";

/// One place for a root: the squashfs and its hash tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The disk that it is on, such as `vda`.
    pub disk: String,
    /// `a` or `b`.
    pub letter: char,
    /// Device of the root.
    pub root: String,
    /// Device of the hash tree.
    pub tree: String,
    /// Whether it hangs on USB.
    pub usb: bool,
}

/// Every slot there is. Which one holds the root that is asked for shows when it is opened: the hash decides, no label.
#[must_use]
pub fn slots(partitions: &[Partition]) -> Vec<Slot> {
    let named = |disk: &str, name: String| {
        partitions.iter().find(|p| p.disk == disk && p.name == name).map(|p| p.device.clone())
    };
    let mut disks: Vec<&str> = partitions.iter().map(|p| p.disk.as_str()).collect();
    // The disk inside comes first, whether it was started from or not: what hangs on a socket may be a stick with the same
    // version on it, or another box's disk with all that one knows. Of two that hang there, a stick has no data.
    let usb = |disk: &str| partitions.iter().any(|p| p.disk == disk && p.usb);
    let empty = |disk: &str| named(disk, DATA.to_owned()).is_none();
    disks.sort_unstable_by_key(|disk| (usb(disk), empty(disk), *disk));
    disks.dedup();
    let each = disks.iter().flat_map(|disk| ['a', 'b'].map(|letter| (*disk, letter)));
    each.filter_map(|(disk, letter)| {
        let root = named(disk, format!("root-{letter}"))?;
        let tree = named(disk, format!("hash-{letter}"))?;
        Some(Slot { disk: disk.to_owned(), letter, root, tree, usb: usb(disk) })
    })
    .collect()
}

/// What the box remembers between boots: a version, and how often something happened to it. One is kept of starts since it was
/// last healthy, one of damages that were found in its root.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Count {
    /// The version.
    pub version: String,
    /// How often.
    pub count: u8,
}

impl Count {
    /// Reads `VERSION COUNT`; whatever else stands there counts as nothing.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (version, count) = text.trim().rsplit_once(' ')?;
        Some(Self { version: version.to_owned(), count: count.parse().ok()? })
    }

    /// One more of this version; another one begins anew.
    #[must_use]
    pub fn one_more(before: Option<Self>, version: &str) -> Self {
        let count = before.filter(|b| b.version == version).map_or(0, |b| b.count);
        Self { version: version.to_owned(), count: count.saturating_add(1) }
    }

    /// As it is kept.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.version, self.count)
    }
}

/// Damages that were found in roots, by version, as they are kept: one `VERSION COUNT` per line, the youngest last.
#[derive(Debug, PartialEq, Eq, Clone, Default)]
pub struct Damages(pub Vec<Count>);

impl Damages {
    /// Reads them; a line that is no count is passed over.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Self(text.lines().filter_map(Count::read).collect())
    }

    /// One more of this version.
    #[must_use]
    pub fn one_more(self, version: &str) -> Self {
        let (own, mut all): (Vec<_>, Vec<_>) =
            self.0.into_iter().partition(|count| count.version == version);
        all.push(Count::one_more(own.into_iter().next(), version));
        Self(all.split_off(all.len().saturating_sub(DAMAGED_AT_MOST)))
    }

    /// As they are kept.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.iter().map(Count::text).collect::<Vec<_>>().join("\n")
    }

    /// Whether this version's root is not started from any more.
    #[must_use]
    pub fn condemn(&self, version: &str) -> bool {
        self.0.iter().any(|d| d.version == version && d.count >= DAMAGES_BEFORE_OTHER)
    }
}

/// What to do at this start.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Go on, and keep this count of starts.
    GoOn(Count),
    /// This version has had its chances: start the other entry once, for this reason.
    Other(String, Why),
}

/// Why another version has its turn.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Why {
    /// Its starts did not end healthy.
    NotHealthy,
    /// Blocks of its root are not what was signed.
    Damaged,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHealthy => "did not get healthy",
            Self::Damaged => "is damaged on the disk",
        })
    }
}

/// Decides whether this version goes on. `entries` are the boot loader's, `own` is the one that runs; `damages` are those that
/// were found in a root before.
#[must_use]
pub fn turn(
    version: &str,
    starts: Option<Count>,
    damages: &Damages,
    entries: &[String],
    own: &str,
) -> Turn {
    let now = Count::one_more(starts, version);
    let why = match (damages.condemn(version), now.count > STARTS_BEFORE_OTHER) {
        (true, _) => Why::Damaged,
        (false, true) => Why::NotHealthy,
        (false, false) => return Turn::GoOn(now),
    };
    let other =
        entries.iter().find(|entry| stem(entry) != stem(own) && has_chances(entry, damages));
    // A root that can be read, and does not get healthy, is not mended by writing it again.
    let last = entries.iter().find(|entry| *entry == RECOVERY && why == Why::Damaged);
    match other.or(last) {
        Some(other) => Turn::Other(other.clone(), why),
        // Nothing else to try: better the hundredth start than none.
        None => Turn::GoOn(now),
    }
}

/// Whether this line of the kernel's log says that a block of a verified device is not what was signed. A line begins with
/// its priority; what programs write there has a facility, and is not believed.
#[must_use]
pub fn tells_damage(line: &str) -> bool {
    let Some((head, text)) = line.split_once(';') else { return false };
    let priority = head.split(',').next().and_then(|number| number.parse::<u32>().ok());
    priority.is_some_and(|number| number < KERNELS_OWN)
        && text.starts_with("device-mapper: verity: ")
        && text.contains(" is corrupted")
}

/// Priorities below are of the kernel's own lines (Documentation/ABI/testing/dev-kmsg).
const KERNELS_OWN: u32 = 8;

/// Whether these are the 32 digits of a machine's identity, not all zero.
#[must_use]
pub fn is_machine_id(text: &[u8]) -> bool {
    text.len() == 32
        && text.iter().all(u8::is_ascii_hexdigit)
        && text.iter().any(|digit| *digit != b'0')
}

/// Whether this is a version of ours that may still come up: its root can be read, and the boot loader did not give it up.
fn has_chances(entry: &str, damages: &Damages) -> bool {
    let given_up = entry.contains("+0-") || entry.ends_with("+0.efi");
    stem(entry)
        .strip_prefix("branchline_")
        .is_some_and(|version| !given_up && !damages.condemn(version))
}

/// An entry's name without the boot loader's counters: `branchline_2+1-2.efi` is `branchline_2`.
fn stem(entry: &str) -> &str {
    let name = entry.strip_suffix(".efi").unwrap_or(entry);
    name.split('+').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn partition(device: &str, name: &str) -> Partition {
        let (disk, usb) = (device[..3].to_owned(), device.starts_with("sd"));
        Partition { disk, device: device.to_owned(), name: name.to_owned(), usb }
    }

    #[test]
    fn the_root_comes_from_the_command_line() {
        let line = format!("console=ttyS0 branchline.root={HASH} branchline.version=7 quiet");
        let asked = asked(&line).expect("a root");
        assert_eq!((asked.root_hash.as_str(), asked.version.as_str()), (HASH, "7"));
    }

    #[test]
    fn a_short_or_foreign_root_hash_starts_nothing() {
        for line in ["quiet", "branchline.root=", "branchline.root=12ab", "xbranchline.root=12"] {
            assert_eq!(asked(line), Err(Unusable::NoRootHash), "{line}");
        }
        let wrong = format!("branchline.root={}", HASH.replace('a', "g"));
        assert_eq!(asked(&wrong), Err(Unusable::NoRootHash));
    }

    #[test]
    fn a_slot_needs_both_halves_on_one_disk() {
        let found = slots(&[
            partition("vda2", "root-a"),
            partition("vda3", "hash-a"),
            partition("vda4", "root-b"),
            partition("vdb5", "hash-b"),
        ]);
        let (root, tree) = ("vda2".into(), "vda3".into());
        assert_eq!(found, [Slot { disk: "vda".into(), letter: 'a', root, tree, usb: false }]);
    }

    fn order(data: &[&str]) -> Vec<String> {
        let mut all = Vec::new();
        for disk in ["sda", "sdb", "vda"] {
            all.push(partition(&format!("{disk}2"), "root-a"));
            all.push(partition(&format!("{disk}3"), "hash-a"));
            if data.contains(&disk) {
                all.push(partition(&format!("{disk}6"), "branchline-data"));
            }
        }
        slots(&all).into_iter().map(|slot| slot.disk).collect()
    }

    #[test]
    fn the_disk_inside_comes_before_a_stick_and_before_another_boxs_disk() {
        assert_eq!(order(&["vda"]), ["vda", "sda", "sdb"]);
        assert_eq!(order(&["sda", "vda"]), ["vda", "sda", "sdb"]);
        assert_eq!(order(&["sdb"]), ["vda", "sdb", "sda"], "its own first start");
    }

    #[test]
    fn after_three_starts_without_health_the_other_version_has_its_turn() {
        let entries = ["branchline_1.efi", "branchline_2+0-3.efi", "auto-reboot"].map(String::from);
        let mut kept = None;
        for start in 1..=3 {
            match turn("2", kept, &Damages::default(), &entries, "branchline_2+2-1.efi") {
                Turn::GoOn(now) => {
                    assert_eq!(now.count, start);
                    kept = Count::read(&now.text());
                }
                other @ Turn::Other(..) => panic!("start {start}: {other:?}"),
            }
        }
        let fourth = turn("2", kept, &Damages::default(), &entries, "branchline_2+2-1.efi");
        assert_eq!(fourth, Turn::Other("branchline_1.efi".into(), Why::NotHealthy));
    }

    fn at_damages(written: &str, entries: &[&str]) -> Turn {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        turn("2", None, &Damages::read(written), &entries, "branchline_2.efi")
    }

    #[test]
    fn after_two_damages_the_other_version_has_its_turn_at_once() {
        let entries = ["branchline_1.efi", "branchline_2.efi", RECOVERY];
        let once = Damages::default().one_more("2").text();
        assert!(matches!(at_damages(&once, &entries), Turn::GoOn(_)));
        let twice = Damages::read(&once).one_more("2").text();
        let other = Turn::Other("branchline_1.efi".into(), Why::Damaged);
        assert_eq!(at_damages(&twice, &entries), other);
        assert!(matches!(at_damages(&twice, &entries[1..2]), Turn::GoOn(_)), "nothing else to try");
        assert!(matches!(at_damages("1 9", &entries), Turn::GoOn(_)));
    }

    #[test]
    fn recovery_has_its_turn_where_no_version_is_left_that_may_come_up() {
        let last = Turn::Other(RECOVERY.into(), Why::Damaged);
        assert_eq!(at_damages("2 2", &["branchline_2.efi", RECOVERY]), last);
        for (written, other) in [
            ("1 2\n2 2", "branchline_1.efi"),
            ("2 2", "branchline_1+0-5.efi"),
            ("2 2", "branchline_1+0.efi"),
        ] {
            let entries = [RECOVERY, other, "branchline_2.efi"];
            assert_eq!(at_damages(written, &entries), last, "{written:?} {other}");
        }
        // One damage may have been a cable; an entry that is still tried has its turn before.
        let other = "branchline_1+1-4.efi";
        let tried = Turn::Other(other.into(), Why::Damaged);
        assert_eq!(at_damages("1 1\n2 2", &[RECOVERY, other, "branchline_2.efi"]), tried);
    }

    #[test]
    fn what_can_be_read_and_is_not_healthy_never_goes_to_recovery() {
        let entries = ["branchline_2.efi", RECOVERY].map(String::from);
        let kept = Some(Count { version: "2".into(), count: 9 });
        let turn = turn("2", kept, &Damages::read("1 2"), &entries, "branchline_2.efi");
        assert!(matches!(turn, Turn::GoOn(_)));
    }

    #[test]
    fn damages_are_kept_by_version_and_the_old_form_is_read() {
        assert_eq!(Damages::read("2 1").0, [Count { version: "2".into(), count: 1 }]);
        let both = Damages::read("2 2").one_more("1").one_more("2");
        assert_eq!(both.text(), "1 1\n2 3");
        assert_eq!(Damages::read(&both.text()), both);
        assert_eq!(Damages::read("x\n1 2\n2 many\n"), Damages::read("1 2"));
        let many = (1..=20).fold(Damages::default(), |all, n: u8| all.one_more(&n.to_string()));
        assert_eq!((many.0.len(), many.0[7].version.as_str()), (DAMAGED_AT_MOST, "20"));
    }

    #[test]
    fn damage_is_what_the_kernel_says_and_no_program() {
        let said = "device-mapper: verity: 254:4: data block 700 is corrupted";
        assert!(tells_damage(&format!("3,812,9123456,-;{said}\n SUBSYSTEM=block")));
        for other in [
            format!("11,812,9123456,-;{said}"),
            said.into(),
            "6,1,2,-;EXT4-fs is corrupted".into(),
            String::new(),
        ] {
            assert!(!tells_damage(&other), "{other}");
        }
    }

    #[test]
    fn another_version_begins_anew_and_the_only_one_goes_on_for_ever() {
        let kept = Some(Count { version: "2".into(), count: 9 });
        assert!(matches!(
            turn("1", kept.clone(), &Damages::default(), &[], "x"),
            Turn::GoOn(Count { count: 1, .. })
        ));
        let alone = ["branchline_2.efi".to_owned()];
        let none = Damages::default();
        assert!(matches!(turn("2", kept, &none, &alone, "branchline_2.efi"), Turn::GoOn(_)));
    }

    #[test]
    fn a_machine_has_an_identity_of_32_digits_that_are_not_all_zero() {
        assert!(is_machine_id(b"0123456789abcdef0123456789abcdef"));
        for bad in [&b""[..], b"0123", &[b'0'; 32], &[b'g'; 32]] {
            assert!(!is_machine_id(bad));
        }
    }

    #[test]
    fn what_is_no_count_is_nothing() {
        assert_eq!(Count::read(""), None);
        assert_eq!(Count::read("2 many"), None);
        assert_eq!(Count::read("2 3\n"), Some(Count { version: "2".into(), count: 3 }));
    }
}
