//! The look-up store damaged in a hundred ways, and deleted: calls pass at once, and it is made again as it was.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use branchline::driver::store;
use branchline::random::Random;

use crate::disk::run;
use crate::phones::Phones;
use crate::site::{Folder, START, Site};

/// Trials; a quarter of them on each of four threads.
const TRIALS: u64 = 100;

#[test]
fn a_damaged_store_is_made_again_and_calls_do_not_wait() {
    let folder = Folder::new("stores");
    let original = folder.0.join("original");
    let site = Site::new(&folder.0, &original);
    let (running, _) = site.start();
    let mut phones = Phones::new(site.sip, 54);
    // Calls alone leave rows there.
    while phones.talked < 30 {
        phones.go(Duration::from_millis(100));
    }
    phones.settle();
    site.calls();
    running.stop();
    let rows = store::fingerprint(&original.join("store")).unwrap().1;
    assert!(rows > 100, "only {rows} rows");
    let results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let (folder, original) = (&folder.0, &original);
                scope.spawn(move || {
                    let trials = (0..TRIALS).filter(|trial| trial % 4 == worker);
                    trials.map(|trial| trial_of(folder, original, trial)).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let slowest = results.iter().map(|(took, _)| *took).max().unwrap();
    let aside = results.iter().filter(|(_, aside)| *aside).count();
    assert!(slowest < START, "the slowest start took {slowest:?}");
    assert!(aside > 30, "only {aside} stores were found to be damaged: the trials are too mild");
    println!(
        "{TRIALS} damaged stores: {aside} set aside, the others mended by sled; slowest start {slowest:?}"
    );
}

/// One damage. Answers how long the start took and whether the store was set aside.
fn trial_of(folder: &Path, original: &Path, trial: u64) -> (Duration, bool) {
    let data = folder.join(format!("trial-{trial}"));
    run("cp", &["-r", original.to_str().unwrap(), data.to_str().unwrap()]);
    let kind = damage(&data.join("store"), trial);
    let site = Site::new(&folder.join(format!("site-{trial}")), &data);
    let (running, took) = site.start();
    // A call, at once.
    // Call-IDs that the first phones have not used.
    let mut phones = Phones::new(site.sip, 1_000 + trial);
    while phones.talked == 0 {
        phones.go(Duration::from_millis(20));
    }
    phones.settle();
    site.until(&format!("the store after {kind}"), || {
        (site.part("store").1.contains("at record")).then_some(())
    });
    site.calls();
    running.stop();
    let mended = store::fingerprint(&data.join("store"));
    // What the journal alone leads to.
    fs::remove_dir_all(data.join("store")).unwrap();
    let aside = data.join("store.damaged").exists();
    let last = site.journal().0.last().unwrap().seq;
    let rebuilt = store::open(&data, branchline::journal::Token(last), None, |_| {}).unwrap();
    site.until("the rebuilt store", || (rebuilt.state() == store::State::Ready).then_some(()));
    let position = rebuilt.position().0;
    drop(rebuilt);
    let from_journal =
        site.until("the rebuilt store to close", || store::fingerprint(&data.join("store")));
    // The stop wrote records after the store had last looked: it is the rows up to its own position that must agree.
    let mended = mended.unwrap_or_else(|| panic!("{kind}: the mended store does not open"));
    assert_eq!(position, last);
    if mended.0 == from_journal.0 {
        assert_eq!(mended, from_journal, "{kind}");
    } else {
        panic!("{kind}: the store stopped at {} of {last}", mended.0);
    }
    fs::remove_dir_all(&data).unwrap();
    (took, aside)
}

/// Damages a store in one of five ways. Answers which.
fn damage(store: &Path, trial: u64) -> &'static str {
    let mut random = Random::from_number(trial);
    let files = files(store);
    let file = &files[random.below(files.len() as u64) as usize];
    let length = fs::metadata(file).unwrap().len().max(1);
    let open = fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    match trial % 5 {
        0 => {
            for _ in 0..8 {
                let at = random.below(length);
                let mut byte = [0];
                open.read_at(&mut byte, at).unwrap();
                open.write_at(&[byte[0] ^ 1 << random.below(8)], at).unwrap();
            }
            "bit flips"
        }
        1 => {
            open.write_at(&[0; 4_096], random.below(length) / 4_096 * 4_096).unwrap();
            "a zeroed page"
        }
        2 => {
            open.set_len(random.below(length)).unwrap();
            "a truncation"
        }
        3 => {
            let mut noise = vec![0; 32_768];
            random.fill(&mut noise);
            open.write_at(&noise, random.below(length)).unwrap();
            "noise"
        }
        _ => {
            fs::remove_dir_all(store).unwrap();
            "deletion"
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}
