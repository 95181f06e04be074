//! A disk that fills up while people write on every way.

use std::fs;
use std::time::Duration;

use branchline::driver::channels::Reply;
use serde_json::{Value, json};

use super::{World, judge_incoming, judge_outgoing};
use crate::disk::Disk;
use crate::disks::fill;
use crate::phones::Phones;
use crate::servers::{PASSWORD, Servers};
use crate::site::Folder;

/// Statuses by which a carrier is told to come again: ESME_RTHROTTLED, ESME_RX_T_APPN (SMPP 3.4 section 5.1.3).
const LATER: [u64; 2] = [0x58, 0x64];
/// Whose mailbox it is, who writes there, and what.
const OURS: &str = "support@branch.test";
const THEIRS: &str = "ann@shop.test";

/// The mailbox, as a channel.
fn post(servers: &Servers, folder: &Folder) -> String {
    fs::write(folder.0.join("post"), PASSWORD).expect("a file");
    format!(
        "[channels.post]\nkind = \"mail\"\n[channels.post.mail]\naddress = \"{OURS}\"\nimap = \"localhost:{}\"\n\
         smtp = \"localhost:{}\"\nuser = \"{OURS}\"\npassword = {{ file = \"{}/post\" }}\nauthorities = \"{}\"\n",
        servers.imap,
        servers.submission,
        folder.0.display(),
        servers.path("cert.pem"),
    )
}

fn letter(name: &str) -> String {
    format!(
        "From: {THEIRS}\nTo: {OURS}\nMessage-ID: <{name}@shop.test>\nSubject: {name}\n\nThis is {name}.\n"
    )
}

/// How many letters of ours a program has opened.
fn opened(servers: &Servers) -> usize {
    servers.marks(OURS, ".").iter().filter(|mark| mark.contains('S')).count()
}

impl World {
    fn some(&mut self, count: usize) {
        for _ in 0..count {
            self.write();
            self.order();
        }
    }

    /// What the box says now to somebody who calls with a signature.
    fn called(&self, name: &str) -> Reply {
        let event = json!({"type": "message", "id": name, "from": {"id": "U0"},
            "content": [{"type": "text", "text": name}]});
        self.desk.runtime.block_on(self.service.call(name, &event))
    }
}

#[test]
fn a_full_disk_refuses_messages_on_every_way_and_takes_them_when_there_is_room() {
    let folder = Folder::new("full-messages");
    let disk = Disk::new(&folder.0.join("disk.img"), &folder.0.join("disk"), 128);
    let servers = Servers::start();
    let mut world = World::new(&folder, &disk.mount.join("data"), 8, &post(&servers, &folder));
    let mut phones = Phones::new(world.site.sip, 55);
    world.some(6);
    servers.swaks(THEIRS, OURS, &letter("one"));
    servers.until("the letter to be kept", || (opened(&servers) == 1).then_some(()));
    world.settled();
    world.site.until("the reserve", || world.site.data.join("ballast").exists().then_some(()));

    // These are on their way while it fills up.
    world.some(6);
    fill(&disk.mount.join("filler"));
    world.site.until("the journal to say that the disk is full", || {
        phones.go(Duration::from_millis(50));
        let (lamp, words) = world.site.part("journal");
        (lamp == "red" && words.contains("the disk is full")).then_some(())
    });
    world.seen.hold().refused.clear();
    let before = world.open();
    world.some(12);
    servers.swaks(THEIRS, OURS, &letter("two"));
    let refused = world.called("i-refused");
    assert!(
        matches!(refused, Reply::Replied { status: 503, retry_after: Some(_), .. }),
        "{refused:?}"
    );
    let wanted = json!({"channel": "hook", "to": "slack:U0", "text": "not now", "purpose": "code"});
    let (status, said) = world.desk.post("/messages", &wanted);
    assert_eq!(status, 503, "{said}");
    // Each way asks to be told later, and calls go on.
    world.site.until("refusals on each way", || {
        phones.go(Duration::from_millis(50));
        let refused = world.seen.hold().refused.clone();
        let carrier = LATER.iter().any(|status| refused.contains_key(status));
        (carrier && refused.contains_key(&503) && world.network.sim.kept() > 0).then_some(())
    });
    let talked = phones.talked;
    phones.go(Duration::from_secs(2));
    phones.settle();
    assert!(phones.talked > talked, "calls go on");
    let (held, open) = (world.written.len() + world.ordered.len(), world.open());
    assert!(open.iter().zip(before).all(|(now, before)| *now >= before), "{before:?} {open:?}");
    assert!(open.iter().sum::<usize>() >= 24, "nothing of these is taken: {open:?} of {held}");
    assert_eq!(opened(&servers), 1, "a letter that is not kept is not opened");

    fs::remove_file(disk.mount.join("filler")).expect("it is there");
    world.site.until("the journal to be well again", || {
        (world.site.part("journal").0 == "green").then_some(())
    });
    world.settled();
    servers.until("the second letter to be kept", || (opened(&servers) == 2).then_some(()));
    let messages: Vec<Value> = world.site.until("the letters", || {
        let all = world.desk.messages();
        let letters = all.iter().filter(|one| one["way"]["channel"] == "post").count();
        (letters == 2).then_some(all)
    });
    let others: Vec<Value> =
        messages.into_iter().filter(|one| one["way"]["channel"] != "post").collect();
    judge_incoming(&world.written, &others);
    let seen = world.seen.hold();
    let states = judge_outgoing(&world.ordered, &others, &seen.given);
    println!(
        "{} came in, {} went out through a full disk: {states:?}; look-ups were opened anew {} times",
        world.written.len(),
        world.ordered.len(),
        world.site.log().matches("was opened anew").count()
    );
}
