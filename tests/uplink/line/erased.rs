//! Somebody is erased at a branch: they go from what has left as well, and from what was about to.

use std::path::Path;

use super::*;
use crate::erased::{LONG, OTHERS, Person, all, found, other, outward, until_erased, until_stored};
use crate::out::{filtered_by, go_on, hashed, open_leaving};
use branchline::hub::kept::OF_HUB;

/// The site's own events at the hub, as a hash and how many.
fn at_hub(hub: &Hub, site: &str) -> (String, u64) {
    let (mut tail, mut from, mut events) = (hub.embedded.tail(), 1, Vec::new());
    loop {
        let (read, next) = tail.read(from).expect("readable");
        if read.is_empty() {
            return hashed(events.into_iter());
        }
        from = next;
        for kept in read {
            if let What::Event { event, .. } = kept.what
                && *kept.site == *site
                && *kept.epoch != *OF_HUB
            {
                events.push(event);
            }
        }
    }
}

fn marks_in(folder: &Path, person: &Person) -> usize {
    found(folder, &person.marks()).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_erased_goes_from_what_has_left_and_from_what_was_about_to() {
    let folder = Folder::new("erased-line");
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    let own = folder.0.join("berne");
    let stream = folder.0.join("hub").join("stream");
    let (mut opened, hears) = open_leaving(&own, 1, all());
    let outbox = opened.outbox.clone().expect("an outbox");
    enrolled_in(&hub, &uplink::folder(&own), "berne").await;
    let at_home = |outbox: &Outbox| outbox.span().borrow().newest;
    let line = |outbox: &Outbox| {
        let settings = settings(hub.at, &uplink::folder(&own));
        uplink::start(settings, outbox.clone(), Random::from_number(2)).expect("threads")
    };
    let (person, somebody) = (Person(1), Person(2));
    for event in person.all().into_iter().chain(somebody.all()) {
        opened.journal.append(clock::now(), event);
    }
    for number in 0..OTHERS {
        opened.journal.append(clock::now(), other(number, LONG));
        go_on(&mut opened, &hears);
    }
    for event in person.all() {
        opened.journal.append(clock::now(), event);
    }
    until_stored(&mut opened, &hears);
    let count = filtered_by(&own, &outward(&own), usize::MAX).1;
    let handle = line(&outbox);
    until("all of it", || outbox.arrived() == count).await;
    assert!(marks_in(&stream, &person) >= 3, "it has left");
    // The line is cut, and more happens. Of the first segment nothing is here any more after a start.
    drop(handle);
    opened.handle.finish();
    let (mut opened, hears) = open_leaving(&own, 4, all());
    let outbox = opened.outbox.clone().expect("an outbox");
    until("it to be let go of", || outbox.span().borrow().first > 1).await;
    for event in person.all() {
        opened.journal.append(clock::now(), event);
    }
    until_stored(&mut opened, &hears);
    let more = filtered_by(&own, &outward(&own), usize::MAX).1;
    until("the rest in the outbox", || at_home(&outbox) == more).await;

    person.erase(&mut opened);
    until_stored(&mut opened, &hears);
    until_erased(&own, &person.marks());
    assert!(outbox.amends() > 0, "the office is to be told");
    let begun = Instant::now();
    let _handle = line(&outbox);
    until("the office to be told", || outbox.amends() == 0).await;
    until("the rest", || outbox.arrived() == more + 1).await;
    println!("erased at the hub after {:?}", begun.elapsed());
    assert_eq!(found(&folder.0.join("hub"), &person.marks()), []);
    assert_eq!(found(&outbox::folder(&own), &person.marks()), []);
    assert!(marks_in(&stream, &somebody) >= 3, "others stay");
    let (here, there) = (filtered_by(&own, &outward(&own), usize::MAX), at_hub(&hub, "berne"));
    println!("journal {} of {}\nhub     {} of {}", here.0, here.1, there.0, there.1);
    assert_eq!(here, there);
    opened.handle.finish();
}
