use std::time::Duration;

use super::*;
use crate::config::trial::USUAL;

const OLD: &str = "# old\n[site]\nname = \"a\"\n";
const NEW: &str = "# new\n[site]\nname = \"b\"\n";

struct Site(PathBuf);

impl Site {
    fn new(name: &str) -> Site {
        let folder = std::env::temp_dir().join(format!("branchline-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("gateway.toml"), OLD).expect("a file");
        Site(folder)
    }

    fn shelf(&self) -> Shelf {
        Shelf::open(&self.file()).expect("a shelf")
    }

    fn file(&self) -> PathBuf {
        self.0.join("gateway.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("the file")
    }

    /// Version 1 from the file, version 2 on trial.
    fn on_trial(&self) -> Shelf {
        let mut shelf = self.shelf();
        let before = shelf.read(OLD, at(0)).expect("read");
        let pending = Pending {
            version: 0,
            before,
            begun: at(10),
            until: at(10) + USUAL,
            trunks: Vec::new(),
            phones: false,
            starts: 0,
        };
        let said = ("user ann".to_owned(), "another carrier".to_owned());
        assert_eq!(shelf.apply(NEW, said, pending, at(10)).expect("applied"), 2);
        shelf
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(seconds: u64) -> UnixTime {
    UnixTime(1_700_000_000_000_000) + Duration::from_secs(seconds)
}

fn fate(shelf: &Shelf, version: u32) -> &Fate {
    &shelf.versions().get(version).expect("that version").fate
}

#[test]
fn what_is_applied_is_there_with_its_trial_and_goes_back_with_every_comment() {
    let site = Site::new("goes-back");
    let mut shelf = site.on_trial();
    assert_eq!(site.text(), NEW);
    assert_eq!(site.shelf().pending(), shelf.pending(), "on the disk");
    assert_eq!(shelf.roll_back(Reason::Time, at(400)).expect("rolled back"), Some(2));
    assert_eq!(site.text(), OLD);
    let again = site.shelf();
    assert!(again.pending().is_none());
    assert!(matches!(fate(&again, 2), Fate::RolledBack { reason: Reason::Time, .. }));
    assert_eq!(shelf.roll_back(Reason::Time, at(401)).expect("nothing to do"), None);
}

#[test]
fn a_start_within_the_time_goes_on_with_the_trial_and_one_after_it_goes_back() {
    let site = Site::new("starts");
    drop(site.on_trial());
    let mut shelf = site.shelf();
    assert_eq!(shelf.begin(at(20)).expect("begun"), None);
    assert_eq!((site.text().as_str(), shelf.read(NEW, at(20)).expect("read")), (NEW, 2));
    let mut later = site.shelf();
    assert_eq!(later.pending().map(|pending| pending.starts), Some(1));
    assert_eq!(later.begin(at(10) + USUAL).expect("begun"), Some((2, Reason::Time)));
    assert_eq!((site.text().as_str(), later.read(OLD, at(500)).expect("read")), (OLD, 1));
}

#[test]
fn one_that_brings_the_program_down_again_and_again_goes_back_before_its_time() {
    let site = Site::new("falls");
    drop(site.on_trial());
    for _ in 0..crate::config::trial::MOST_STARTS {
        assert_eq!(site.shelf().begin(at(20)).expect("begun"), None);
    }
    assert_eq!(site.shelf().begin(at(20)).expect("begun"), Some((2, Reason::Starts)));
    assert_eq!(site.text(), OLD);
}

#[test]
fn a_power_cut_between_the_steps_leaves_the_old_text_or_the_new_one_with_its_trial() {
    let site = Site::new("power");
    drop(site.on_trial());
    // The trial is on the disk, the file was not renamed yet.
    fs::write(site.file(), OLD).expect("written");
    let mut shelf = site.shelf();
    assert_eq!(shelf.begin(at(20)).expect("begun"), Some((2, Reason::Absent)));
    assert_eq!((site.text().as_str(), site.shelf().pending()), (OLD, None));
    assert_eq!(shelf.read(OLD, at(20)).expect("read"), 1);
}

#[test]
fn what_is_confirmed_stays_after_its_time() {
    let site = Site::new("stays");
    let mut shelf = site.on_trial();
    assert_eq!(shelf.confirm("user ann".to_owned(), at(30)).expect("confirmed"), Some(2));
    let mut later = site.shelf();
    assert_eq!(later.begin(at(4_000)).expect("begun"), None);
    assert_eq!((site.text().as_str(), later.read(NEW, at(4_000)).expect("read")), (NEW, 2));
    assert_eq!(later.confirm("user ann".to_owned(), at(4_001)).expect("nothing to do"), None);
    let diff = later.diff(2).expect("a diff");
    assert!(diff.contains("-# old\n") && diff.contains("+# new\n"), "{diff}");
}

#[test]
fn a_power_cut_while_it_is_confirmed_does_not_take_it_back() {
    let site = Site::new("confirming");
    let mut shelf = site.on_trial();
    let trial = site.0.join("gateway.history").join(TRIAL);
    let kept = fs::read(&trial).expect("the trial");
    shelf.confirm("user ann".to_owned(), at(30)).expect("confirmed");
    fs::write(&trial, kept).expect("written");
    let mut later = site.shelf();
    assert_eq!(later.begin(at(4_000)).expect("begun"), None);
    assert_eq!((site.text().as_str(), later.pending()), (NEW, None));
    assert!(!trial.exists());
}

#[test]
fn a_text_that_somebody_edited_by_hand_is_a_version_too() {
    let site = Site::new("by-hand");
    let mut shelf = site.shelf();
    assert_eq!(shelf.read(OLD, at(0)).expect("read"), 1);
    assert_eq!(shelf.read(NEW, at(1)).expect("read"), 2);
    assert_eq!(shelf.read(NEW, at(2)).expect("read"), 2, "the same again is no other");
    let about = shelf.versions().get(2).expect("it");
    assert_eq!((about.before, &about.fate), (Some(1), &Fate::Read));
}

#[test]
fn a_list_that_cannot_be_read_is_left_alone() {
    let site = Site::new("damaged");
    drop(site.on_trial());
    let list = site.0.join("gateway.history").join(LIST);
    fs::write(&list, "no json").expect("written");
    assert!(Shelf::open(&site.file()).is_err());
    assert_eq!(fs::read_to_string(&list).expect("it"), "no json");
}
