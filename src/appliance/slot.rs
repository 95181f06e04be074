//! Which slot is written, and in which order, so that the plug can be pulled between any two steps.

/// One of the two places for a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The first, which the factory fills.
    A,
    /// The second.
    B,
}

impl Slot {
    /// From its letter, as the first program writes it down.
    #[must_use]
    pub fn from_letter(text: &str) -> Option<Self> {
        match text.trim() {
            "a" => Some(Self::A),
            "b" => Some(Self::B),
            _ => None,
        }
    }

    /// The one that does not run.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its letter.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }
}

/// One step of an update. Each is on the disk before the next begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Take away the kernel whose root is about to be written over: it must never be started again.
    Forget(String),
    /// Write root and hash tree into this slot, and read them back.
    Write(Slot),
    /// Put the new kernel there under this name, in one act.
    Offer(String),
}

/// The steps from what runs to an update. `entries` are the names of the kernels on the ESP.
#[must_use]
pub fn steps(running: Slot, version: u32, entries: &[String], new: u32, tries: u8) -> Vec<Step> {
    let ours = |entry: &&String| version_of(entry).is_some_and(|found| found != version);
    let forgotten = entries.iter().filter(ours).cloned().map(Step::Forget);
    let rest = [Step::Write(running.other()), Step::Offer(format!("branchline_{new}+{tries}.efi"))];
    forgotten.chain(rest).collect()
}

/// The version of a kernel by its name: `branchline_2+1-2.efi` is 2. None for files that are not ours.
#[must_use]
pub fn version_of(entry: &str) -> Option<u32> {
    let name = entry.strip_prefix("branchline_")?.strip_suffix(".efi")?;
    name.split('+').next()?.parse().ok()
}

/// Whether a kernel on trial was started at least once, by its name: `branchline_2+1-4.efi` was, four times.
#[must_use]
pub fn was_tried(entry: &str) -> bool {
    let counter = entry.strip_suffix(".efi").and_then(|name| name.rsplit_once('+'));
    counter.is_some_and(|(_, counter)| counter.contains('-'))
}

/// Damages after which the first program starts the other version: as `DAMAGES_BEFORE_OTHER` in `image/init`.
const DAMAGES_BEFORE_OTHER: u8 = 2;

/// The versions whose roots are damaged on the disk, by what the first program wrote down (`VERSION COUNT` on each line). Not
/// what is running: it came up again. None to which it happened once: that may have been a cable.
#[must_use]
pub fn damaged(written: &str, running: u32) -> Vec<u32> {
    let counts = written.lines().filter_map(|line| line.trim().rsplit_once(' '));
    counts
        .filter_map(|(version, count)| Some((version.parse().ok()?, count.parse::<u8>().ok()?)))
        .filter(|(version, count)| *version != running && *count >= DAMAGES_BEFORE_OTHER)
        .map(|(version, _)| version)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn the_old_kernel_of_the_other_slot_goes_first_and_the_new_one_comes_last() {
        let there = names(&["branchline_3.efi", "branchline_2+0-5.efi", "memtest.efi"]);
        let expected = [
            Step::Forget("branchline_2+0-5.efi".into()),
            Step::Write(Slot::B),
            Step::Offer("branchline_4+5.efi".into()),
        ];
        assert_eq!(steps(Slot::A, 3, &there, 4, 5), expected);
    }

    #[test]
    fn what_runs_is_never_forgotten_whatever_counter_it_has() {
        for own in ["branchline_3.efi", "branchline_3+2-3.efi"] {
            let steps = steps(Slot::B, 3, &names(&[own]), 4, 5);
            assert_eq!(steps[0], Step::Write(Slot::A), "{own}");
        }
    }

    #[test]
    fn after_every_step_there_is_a_kernel_whose_root_is_whole() {
        // Version 2 in A runs, 1 in B is what was before.
        let there = names(&["branchline_1.efi", "branchline_2.efi"]);
        let (mut entries, mut b_holds) = (there.clone(), Some(1));
        for step in steps(Slot::A, 2, &there, 3, 5) {
            match step {
                Step::Forget(name) => entries.retain(|entry| *entry != name),
                Step::Write(slot) => {
                    assert_eq!(slot, Slot::B);
                    // While it is written it holds nothing whole.
                    let startable = entries.iter().filter_map(|entry| version_of(entry));
                    assert_eq!(
                        startable.collect::<Vec<_>>(),
                        [2],
                        "a kernel without its root could start"
                    );
                    b_holds = Some(3);
                }
                Step::Offer(name) => entries.push(name),
            }
            assert!(entries.contains(&"branchline_2.efi".to_owned()));
        }
        assert_eq!((b_holds, entries.len()), (Some(3), 2));
    }

    #[test]
    fn a_kernel_that_was_never_started_is_known_from_one_that_was() {
        assert!(was_tried("branchline_2+1-4.efi") && was_tried("branchline_2+0-5.efi"));
        assert!(!was_tried("branchline_2+5.efi") && !was_tried("branchline_2.efi"));
    }

    #[test]
    fn a_damaged_version_is_another_one_that_failed_twice() {
        assert_eq!(damaged("2 2", 1), [2]);
        assert_eq!(damaged("1 2\n2 1\n3 4\n4 2", 1), [3, 4]);
        for (written, running) in [("2 1", 1), ("2 2", 2), ("", 1), ("x 2", 1), ("2 many", 1)] {
            assert!(damaged(written, running).is_empty(), "{written:?}");
        }
    }

    #[test]
    fn no_update_takes_the_recovery_away() {
        assert_eq!(version_of("recovery.efi"), None);
        let there = names(&["branchline_1.efi", "branchline_2.efi", "recovery.efi"]);
        let forgotten = Step::Forget("recovery.efi".into());
        assert!(!steps(Slot::A, 2, &there, 3, 5).contains(&forgotten));
    }

    #[test]
    fn foreign_names_have_no_version() {
        for name in [
            "branchline_.efi",
            "branchline_x.efi",
            "branchline_2",
            "linux_2.efi",
            "branchline_-1.efi",
        ] {
            assert_eq!(version_of(name), None, "{name}");
        }
        assert_eq!(Slot::from_letter("b\n"), Some(Slot::B));
        assert_eq!(Slot::from_letter("c"), None);
    }
}
