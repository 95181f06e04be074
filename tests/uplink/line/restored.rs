//! A box that was restored from a copy.

use super::*;

/// Bodies of everything that is kept of a site, and the spans that an outbox of it never had.
fn bodies(hub: &Hub, site: &str) -> (Vec<Vec<u8>>, Vec<(u64, u64)>) {
    let (mut tail, mut from, mut all, mut lost) = (hub.embedded.tail(), 1, Vec::new(), Vec::new());
    loop {
        let (read, next) = tail.read(from).expect("readable");
        if read.is_empty() {
            return (all, lost);
        }
        from = next;
        for kept in read.into_iter().filter(|kept| *kept.site == *site) {
            match kept.what {
                What::Event { event, .. } => all.push(event.body),
                What::Lost { from, upto } => lost.push((from, upto)),
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("a folder");
    for file in fs::read_dir(from).expect("a folder").flatten() {
        fs::copy(file.path(), to.join(file.file_name())).expect("copied");
    }
}

/// What it makes after that gets numbers that the hub knows for other events: it is there all the same, and nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_was_restored_loses_nothing_to_its_own_earlier_numbers() {
    let folder = Folder::new("restored");
    let hub = Hub::start(&folder.0.join("hub"), YEAR).await;
    let own = enrolled(&hub, &folder, "berne").await;
    let (outbox, backup) = (own.join("outbox"), folder.0.join("backup"));
    let mut written = Written::open(&own);
    let handle = start(settings(hub.at, &own), &written);
    written.write(50);
    until("fifty", || written.outbox.arrived() == 50).await;
    drop(handle);
    let Written { list, second, .. } = written;
    second.finish();
    copy(&outbox, &backup);
    let before = list.lock().expect("not poisoned").clone();

    let mut written = Written::again(&own, list);
    let handle = start(settings(hub.at, &own), &written);
    written.write(70);
    until("a hundred and twenty", || written.outbox.arrived() == 120).await;
    drop(handle);
    let mut wanted: Vec<_> = written.all().into_iter().map(|(_, event)| event.body).collect();
    written.second.finish();

    copy(&backup, &outbox);
    let mut written = Written::again(&own, Arc::new(Mutex::new(before)));
    let name = written.outbox.epoch();
    written.write_long(10, 3);
    let handle = start(settings(hub.at, &own), &written);
    until("another outbox", || written.outbox.epoch() != name).await;
    until("the ten", || written.outbox.arrived() == 60).await;
    written.write_long(90, 4);
    until("the rest", || written.outbox.arrived() == 150).await;
    wanted.extend(written.all().into_iter().skip(50).map(|(_, event)| event.body));
    let (kept, lost) = bodies(&hub, "berne");
    assert!(kept == wanted, "{} of {}", kept.len(), wanted.len());
    assert_eq!(lost, [(1, 50)], "the other one had those");
    // It is the same one after a new start.
    let name = written.outbox.epoch();
    drop(handle);
    let Written { list, second, .. } = written;
    second.finish();
    let mut written = Written::again(&own, list);
    assert_eq!((written.outbox.epoch(), written.outbox.is_behind_office()), (name, false));
    let _handle = start(settings(hub.at, &own), &written);
    written.write_long(5, 5);
    until("five more", || written.outbox.arrived() == 155).await;
    assert_eq!(bodies(&hub, "berne").0.len(), 225);
    println!("120 events, restored to 50, 105 made since: 225 at the hub, none twice");
}
