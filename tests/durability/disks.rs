//! Disks that lose power, fill up, or break.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::disk::{Disk, run};
use crate::kills::live_of;
use crate::phones::Phones;
use crate::site::{Folder, START, Site};

/// The writer is stopped, the image cloned, the clone mounted: fifty times, at random moments.
#[test]
fn nothing_acknowledged_is_lost_by_fifty_power_cuts() {
    let folder = Folder::new("cuts");
    let disk = Disk::new(&folder.0.join("disk.img"), &folder.0.join("disk"), 96);
    let site = Site::new(&folder.0.join("site"), &disk.mount.join("data"));
    let mut phones = Phones::new(site.sip, 51);
    let (running, _) = site.start();
    let mut slowest = Duration::ZERO;
    let mut cuts = 0;
    // More where the disk is so slow that few were answered in between.
    for round in 0..500_u64 {
        if round >= 50 && phones.answered > 500 {
            break;
        }
        cuts += 1;
        let what = format!("power cut {round}");
        phones.go(Duration::from_millis(10 + (round * 53) % 150));
        running.signal(Signal::SIGSTOP);
        let clone = disk.cut(&folder.0.join("clone.img"), &folder.0.join("clone"));
        let after = Site::new(&folder.0.join("after"), &clone.mount.join("data"));
        let live = live_of(&after, &what);
        // What is open stays open: the branch goes on, and may answer it yet.
        let open: Vec<_> =
            phones.promises.iter().map(|(name, promise)| (name.clone(), *promise)).collect();
        phones.compare(&live, &what);
        phones.promises.extend(open);
        if round % 5 == 0 {
            let (again, took) = after.start();
            slowest = slowest.max(took);
            again.stop();
        }
        running.signal(Signal::SIGCONT);
    }
    assert!(slowest < START, "the slowest start after a power cut took {slowest:?}");
    assert!(phones.answered > 500, "only {} registrations", phones.answered);
    println!(
        "{cuts} power cuts: {} registrations answered, slowest start {slowest:?}",
        phones.answered
    );
}

/// Writes until nothing more fits.
pub fn fill(path: &std::path::Path) {
    let mut file = fs::File::create(path).unwrap();
    for size in [1 << 20, 4 << 10, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
    let _ = file.sync_all();
}

#[test]
fn a_full_disk_stops_keeping_but_never_calls() {
    let folder = Folder::new("full");
    let disk = Disk::new(&folder.0.join("disk.img"), &folder.0.join("disk"), 128);
    let site = Site::new(&folder.0.join("site"), &disk.mount.join("data"));
    let mut phones = Phones::new(site.sip, 52);
    let (running, _) = site.start();
    phones.go(Duration::from_millis(200));
    phones.settle();
    site.until("the reserve", || site.data.join("ballast").exists().then_some(()));
    let before = phones.answered;
    fill(&disk.mount.join("filler"));
    site.until("the journal to say that the disk is full", || {
        phones.go(Duration::from_millis(50));
        let (lamp, words) = site.part("journal");
        (lamp == "red" && words.contains("the disk is full")).then_some(())
    });
    let talked = phones.talked;
    phones.go(Duration::from_millis(500));
    phones.settle();
    assert!(phones.answered > before + 20, "phones are served from memory");
    assert!(phones.talked > talked, "calls go on");
    let (lamp, _) = site.part("disk");
    assert_eq!(lamp, "amber");
    // Room again: what is live is kept as a whole, and only then is the journal well again.
    fs::remove_file(disk.mount.join("filler")).unwrap();
    site.until("the journal to be well again", || {
        (site.part("journal").0 == "green").then_some(())
    });
    phones.go(Duration::from_millis(100));
    phones.settle();
    running.kill();
    let (entries, damage) = site.journal();
    assert!(damage.is_none() && damage.gaps > 0, "{damage:?}");
    let mut live = branchline::journal::live::Live::default();
    entries.iter().for_each(|entry| live.apply(entry.at, entry.event.as_ref().unwrap()));
    phones.compare(&live, "after the disk was full");
    // And at no byte free the branch starts all the same.
    fill(&disk.mount.join("filler"));
    let (running, took) = site.start();
    assert!(took < START, "{took:?}");
    phones.turn_to(site.sip);
    phones.go(Duration::from_millis(200));
    phones.settle();
    running.kill();
}

/// The image lies on a tmpfs that fills up: what the kernel takes from us it cannot write, and a sync fails with EIO.
#[test]
fn a_broken_disk_is_noticed_and_never_believed_again() {
    let folder = Folder::new("broken");
    let below = folder.0.join("below");
    fs::create_dir_all(&below).unwrap();
    run("mount", &["-t", "tmpfs", "-o", "size=12M", "tmpfs", below.to_str().unwrap()]);
    struct Below(std::path::PathBuf);
    impl Drop for Below {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).output();
        }
    }
    let _below = Below(below.clone());
    let disk = Disk::new(&below.join("disk.img"), &folder.0.join("disk"), 100);
    let site = Site::new(&folder.0.join("site"), &disk.mount.join("data"));
    let mut phones = Phones::new(site.sip, 53);
    let (running, _) = site.start();
    phones.go(Duration::from_millis(300));
    phones.settle();
    let promised = phones.promises.clone();
    // What lies below is full from here on.
    fill(&below.join("filler"));
    let began = Instant::now();
    site.until("the journal to say that the disk is broken", || {
        phones.go(Duration::from_millis(100));
        let (lamp, words) = site.part("journal");
        (lamp == "red" && words.contains("does not take writes")).then_some(())
    });
    println!("EIO noticed after {:?}", began.elapsed());
    let (answered, talked) = (phones.answered, phones.talked);
    phones.go(Duration::from_millis(300));
    phones.settle();
    assert!(phones.answered > answered && phones.talked > talked, "calls and phones go on");
    running.kill();
    // What was promised before the disk broke is still there, in what can be read of it.
    let (entries, _) = site.journal();
    let known = |name: &str| {
        let (user, contact) = name.split_once(' ').unwrap();
        let contact = contact.trim_matches(['<', '>']).to_owned();
        entries.iter().any(|entry| match &entry.event {
            Some(branchline::journal::event::Event::Bound { user: bound, contact: at, .. }) => {
                bound == user && at.contains(&contact)
            }
            _ => false,
        })
    };
    let kept = promised.iter().filter(|(_, promise)| **promise == crate::phones::Promise::Kept);
    for (name, _) in kept {
        assert!(known(name), "{name} was acknowledged before the disk broke, and is lost");
    }
}
