//! kill -9 in the middle of calls and registrations.

use std::collections::BTreeSet;
use std::time::Duration;

use branchline::journal::event::Event;
use branchline::journal::live::Live;

use crate::phones::Phones;
use crate::site::{Folder, START, Site};

/// What the branch logs when it goes on from memory. A disk that is only slow is no reason.
const CANNOT_KEEP: &str = "the journal cannot be written";

/// The live state that a journal leads to.
pub fn live_of(site: &Site, what: &str) -> Live {
    let (entries, damage) = site.journal();
    assert!(damage.is_none(), "{what}: {damage:?}");
    let mut live = Live::default();
    for entry in entries {
        let event =
            entry.event.unwrap_or_else(|| panic!("{what}: record {} says nothing", entry.seq));
        live.apply(entry.at, &event);
    }
    live
}

/// Extensions and Contacts that the running branch would ring.
fn rung(site: &Site) -> usize {
    let phones = site.ask(&["phones"]).unwrap();
    phones.as_array().unwrap().iter().map(|phone| phone["bindings"].as_array().unwrap().len()).sum()
}

#[test]
fn nothing_acknowledged_is_lost_by_fifty_kills() {
    let folder = Folder::new("kills");
    let site = Site::new(&folder.0, &folder.0.join("data"));
    let mut phones = Phones::new(site.sip, 50);
    let (mut running, _) = site.start();
    let mut slowest = Duration::ZERO;
    let mut kills = 0;
    let mut records: BTreeSet<String> = BTreeSet::new();
    // More where the disk is so slow that few were answered in between.
    for round in 0..500 {
        if round >= 50 && phones.answered > 500 && phones.talked > 20 {
            break;
        }
        kills += 1;
        let span = Duration::from_millis(20 + (round * 37) % 180);
        phones.go(span);
        assert!(!site.log().contains(CANNOT_KEEP), "kill {round}: {}", site.log());
        if round % 5 == 4 {
            records.extend(site.calls());
            phones.go(span / 4);
        }
        running.kill();
        let what = format!("kill {round}");
        let live = live_of(&site, &what);
        phones.compare(&live, &what);
        let (again, took) = site.start();
        running = again;
        slowest = slowest.max(took);
        let kept: usize = live.bindings.values().map(|phones| phones.iter().count()).sum();
        assert_eq!(rung(&site), kept, "{what}: the branch rings who was registered");
        phones.turn_to(site.sip);
    }
    assert!(slowest < START, "the slowest of {kills} starts took {slowest:?}");
    let after: BTreeSet<String> = site.calls().into_iter().collect();
    assert!(records.is_subset(&after), "a call record that was shown is gone");
    assert!(
        phones.answered > 500 && phones.talked > 20,
        "{} registrations, {} calls",
        phones.answered,
        phones.talked
    );
    // Calls that were cut off are told so, each once.
    let (entries, _) = site.journal();
    let ended = entries.iter().filter_map(|entry| match &entry.event {
        Some(Event::CallRecord(record)) => Some(record.call),
        _ => None,
    });
    let ended: Vec<_> = ended.collect();
    assert_eq!(ended.iter().collect::<BTreeSet<_>>().len(), ended.len(), "a call has two records");
    println!(
        "{kills} kills: {} registrations and {} calls answered, slowest start {slowest:?}",
        phones.answered, phones.talked
    );
    running.stop();
}

/// A slow disk: the branch is killed after it made the file of its segment and before the first record in it is whole, as
/// often as you like. What the next start acknowledges is kept all the same.
#[test]
fn a_start_that_was_cut_short_costs_nothing_that_comes_after() {
    let folder = Folder::new("cut-short");
    let site = Site::new(&folder.0, &folder.0.join("data"));
    let mut phones = Phones::new(site.sip, 54);
    let journal = folder.0.join("data/journal");
    for left in [0, 1, 27, 28, 400] {
        let (running, _) = site.start();
        phones.turn_to(site.sip);
        let before = phones.answered;
        phones.go(Duration::from_millis(100));
        phones.settle();
        assert!(phones.answered > before, "{left} bytes: it was seen to promise something");
        assert!(!site.log().contains(CANNOT_KEEP), "{left} bytes: {}", site.log());
        running.kill();
        let what = format!("{left} bytes of a checkpoint");
        phones.compare(&live_of(&site, &what), &what);
        let (entries, _) = site.journal();
        let next = entries.last().map_or(0, |entry| entry.seq) + 1;
        let segments = branchline::driver::segments::list(&journal).unwrap();
        let begins = std::fs::read(&segments.last().unwrap().path).unwrap();
        let path = branchline::driver::segments::path(&journal, next);
        std::fs::write(path, &begins[..left]).unwrap();
    }
}
