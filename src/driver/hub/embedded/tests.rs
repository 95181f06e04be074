use super::*;
use crate::hub::kept::What;
use crate::uplink::frame::{Class, Event};

fn dir(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("hub-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    dir
}

fn outbox(site: &str) -> Outboxed {
    Outboxed { site: site.to_owned(), epoch: "e".to_owned() }
}

fn some(first: u64, count: u64) -> Batch {
    let event = |n: u64| Event { class: Class::CALL, body: n.to_string().into_bytes() };
    Batch::Events { first, events: (first..first + count).map(event).collect() }
}

fn keep(engine: &Embedded, of: &Outboxed, batch: Batch) -> Result<u64, NotKept> {
    engine.keep(of, batch).blocking_recv().expect("an answer")
}

/// Everything in the stream: number in it, site, number in the outbox.
fn all(engine: &Embedded) -> Vec<(u64, String, u64)> {
    let (mut tail, mut from, mut all) = (engine.tail(), 1, Vec::new());
    loop {
        let (kept, next) = tail.read(from).expect("readable");
        if kept.is_empty() {
            return all;
        }
        from = next;
        all.extend(kept.into_iter().map(|kept| match kept.what {
            What::Event { n, event } => {
                assert_eq!(event.body, n.to_string().into_bytes());
                (kept.number, kept.site.to_string(), n)
            }
            What::Lost { upto, .. } => (kept.number, kept.site.to_string(), upto),
        }));
    }
}

/// A second one on the same folder begins when the first has let go of it.
fn again(dir: &Path) -> Embedded {
    again_for(dir, None)
}

fn again_for(dir: &Path, keep: Option<Duration>) -> Embedded {
    for _ in 0..1_000 {
        match Embedded::open_for(dir, keep) {
            Err(CannotOpen::Running(_)) => thread::sleep(Duration::from_millis(5)),
            opened => return opened.expect("it opens"),
        }
    }
    panic!("the first one never ends")
}

#[test]
fn everything_is_found_again_once_whatever_is_torn_off_the_end() {
    let dir = dir("torn");
    let engine = Embedded::open(&dir).expect("opened");
    assert!(matches!(Embedded::open(&dir), Err(CannotOpen::Running(_))));
    let (a, b) = (outbox("a"), outbox("b"));
    let mut expected = 0;
    for turn in 0..20 {
        assert_eq!(keep(&engine, &a, some(turn * 10 + 1, 10)), Ok(turn * 10 + 10));
        assert_eq!(keep(&engine, &b, some(turn * 3 + 1, 5)), Ok(turn * 3 + 5));
        expected = turn * 3 + 5;
    }
    assert_eq!(keep(&engine, &a, some(300, 1)), Err(NotKept::Gap));
    let before = all(&engine);
    assert_eq!(before.len() as u64, 200 + expected);
    assert!(before.iter().zip(1..).all(|(kept, number)| kept.0 == number));
    drop(engine);
    for torn in [1, 2, 40, 200] {
        let engine = again(&dir);
        let have = engine.position(&a);
        let have = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(have);
        let have = have.expect("known");
        assert_eq!(keep(&engine, &a, some(have + 1, 3)), Ok(have + 3));
        let whole = all(&engine);
        drop(engine);
        drop(again(&dir));
        let last = list(&dir.join("stream")).unwrap().pop().unwrap();
        let bytes = fs::read(&last.path).unwrap();
        // What was being written when the power went: half a record, and zeros.
        fs::write(&last.path, [&bytes[..], &bytes[..torn.min(bytes.len() - 1)]].concat()).unwrap();
        let engine = again(&dir);
        assert!(all(&engine) == whole, "{torn} torn off");
        assert_eq!(keep(&engine, &a, some(have + 2, 3)), Ok(have + 4));
    }
    fs::remove_dir_all(&dir).expect("cleaned up");
}

fn position(engine: &Embedded, of: &Outboxed) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(engine.position(of)).expect("known")
}

fn newest(dir: &Path) -> Segment {
    list(&dir.join("stream")).unwrap().pop().unwrap()
}

/// One bit of a file flips on the disk.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_bit_that_flips_in_a_head_costs_nothing_that_was_acknowledged() {
    let dir = dir("head");
    let (a, b) = (outbox("a"), outbox("b"));
    let engine = Embedded::open(&dir).expect("opened");
    assert_eq!(keep(&engine, &a, some(1, 10)), Ok(10));
    drop(engine);
    let engine = again(&dir);
    assert_eq!(keep(&engine, &b, some(1, 7)), Ok(7));
    assert_eq!(keep(&engine, &a, some(11, 5)), Ok(15));
    let before = all(&engine);
    drop(engine);
    drop(again(&dir));
    // In the mark of the head, its length, its checksum, its number, and what it says.
    for at in [0, 6, 9, 19, 40] {
        let path = newest(&dir).path;
        let whole = fs::read(&path).unwrap();
        flip(&path, at);
        let engine = again(&dir);
        assert!(all(&engine) == before, "octet {at}");
        assert_eq!((position(&engine, &a), position(&engine, &b)), (15, 7), "octet {at}");
        drop(engine);
        drop(again(&dir));
        fs::write(&path, whole).unwrap();
    }
    fs::remove_dir_all(&dir).expect("cleaned up");
}

#[test]
fn what_cannot_be_read_is_set_aside_and_its_numbers_are_given_to_nobody() {
    let dir = dir("aside");
    let (a, b) = (outbox("a"), outbox("b"));
    let engine = Embedded::open(&dir).expect("opened");
    assert_eq!(keep(&engine, &a, some(1, 10)), Ok(10));
    drop(engine);
    let engine = again(&dir);
    assert_eq!(keep(&engine, &a, some(11, 5)), Ok(15));
    let mut tail = engine.tail();
    let read = |tail: &mut Tail, from| {
        let (kept, next) = tail.read(from).expect("readable");
        (kept.iter().map(|kept| (kept.site.to_string(), kept.number)).collect::<Vec<_>>(), next)
    };
    let (_, next) = read(&mut tail, 11);
    assert_eq!(next, 16, "a reader has had fifteen");
    drop((tail, engine));
    drop(again(&dir));
    let path = newest(&dir).path;
    let bytes: Vec<u8> = fs::read(&path).unwrap().iter().map(|byte| byte ^ 0x55).collect();
    fs::write(&path, &bytes).unwrap();

    let engine = again(&dir);
    assert_eq!(fs::read(aside(&path)).expect("it is kept"), bytes);
    assert_eq!(position(&engine, &a), 10, "the site is asked for it again");
    assert_eq!(keep(&engine, &b, some(1, 2)), Ok(2));
    // Neither does the reader miss what is new, nor is it told before there is anything.
    let mut tail = engine.tail();
    let (found, next) = read(&mut tail, next);
    assert_eq!(found.iter().map(|(site, _)| &**site).collect::<Vec<_>>(), ["b", "b"]);
    assert_eq!(read(&mut tail, next), (Vec::new(), next));
    assert_eq!(*engine.grows().borrow(), next);
    drop((tail, engine));

    // The last record is damaged: the copy of it is kept, the site has it still.
    drop(again(&dir));
    let segment = newest(&dir);
    flip(&segment.path, fs::read(&segment.path).unwrap().len() - 1);
    let engine = again(&dir);
    assert_eq!((position(&engine, &a), position(&engine, &b)), (10, 0));
    assert!(aside(&segment.path).exists());
    assert_eq!(read(&mut engine.tail(), next).0, [], "nothing yet");
    assert_eq!(read(&mut engine.tail(), next).1, *engine.grows().borrow());
    assert_eq!(keep(&engine, &b, some(1, 2)), Ok(2));
    assert_eq!(read(&mut engine.tail(), next).0.len(), 2);
    drop(engine);
    fs::remove_dir_all(&dir).expect("cleaned up");
}

/// A site that says very much in tiny pieces has its share of the queue, and others find room.
#[test]
fn one_site_does_not_crowd_out_the_others() {
    let dir = dir("crowd");
    let engine = Embedded::open(&dir).expect("opened");
    let (greedy, other) = (outbox("greedy"), outbox("other"));
    let answers: Vec<_> =
        (1..=WAITING as u64 * 4).map(|n| engine.keep(&greedy, some(n, 1))).collect();
    assert_eq!(keep(&engine, &other, some(1, 1)), Ok(1));
    let answers: Vec<_> = answers.into_iter().map(oneshot::Receiver::blocking_recv).collect();
    assert!(answers.contains(&Ok(Err(NotKept::Busy))), "it has its share");
    assert!(answers.iter().all(Result::is_ok), "nothing was dropped for a full queue");
    assert!(engine.shared.of_sites.lock().expect("not poisoned").is_empty());
    assert_eq!(engine.shared.waiting.load(Ordering::Acquire), 0);
    fs::remove_dir_all(&dir).expect("cleaned up");
}

#[test]
fn what_is_old_goes_when_everybody_has_had_it_and_nothing_of_it_comes_twice() {
    let dir = dir("old");
    let a = outbox("a");
    for turn in 0..4 {
        assert_eq!(keep(&again(&dir), &a, some(turn * 5 + 1, 5)), Ok(turn * 5 + 5));
    }
    let count = || list(&dir.join("stream")).expect("segments").len();
    assert_eq!(count(), 4);
    let open = |hold| {
        let engine = again_for(&dir, Some(Duration::ZERO));
        engine.hold("tables", hold);
        engine.hold("crm", 100);
        engine
    };
    // The tables have had the first seven: the first segment goes, which has five.
    let engine = open(8);
    assert_eq!(keep(&engine, &a, some(18, 5)), Ok(22));
    assert_eq!(all(&engine).first().map(|kept| kept.0), Some(6));
    drop(engine);
    let engine = open(23);
    assert_eq!(keep(&engine, &a, some(20, 5)), Ok(24), "where it is, is known all the same");
    let left: Vec<_> = all(&engine).iter().map(|kept| kept.2).collect();
    assert_eq!(left, [23, 24]);
    drop(engine);
    fs::remove_dir_all(&dir).expect("cleaned up");
}

#[test]
fn a_disk_that_fails_keeps_nothing_and_is_used_again_by_itself() {
    let dir = dir("fails");
    let engine = Embedded::open(&dir).expect("opened");
    let a = outbox("a");
    assert_eq!(keep(&engine, &a, some(1, 5)), Ok(5));
    drop(engine);
    let engine = again(&dir);
    // A folder that is gone takes no fresh segment.
    let (stream, away) = (dir.join("stream"), dir.join("away"));
    fs::rename(&stream, &away).expect("away");
    assert_eq!(keep(&engine, &a, some(6, 5)), Err(NotKept::Disk));
    assert_eq!(keep(&engine, &a, some(6, 5)), Err(NotKept::Disk));
    fs::rename(&away, &stream).expect("back");
    let deadline = Instant::now() + Duration::from_secs(20);
    while keep(&engine, &a, some(6, 5)) != Ok(10) {
        assert!(Instant::now() < deadline, "it never heals");
        thread::sleep(Duration::from_millis(20));
    }
    let numbers: Vec<_> = all(&engine).iter().map(|kept| (kept.0, kept.2)).collect();
    assert_eq!(numbers, (1..=10).map(|n| (n, n)).collect::<Vec<_>>());
    fs::remove_dir_all(&dir).expect("cleaned up");
}

/// Somebody is erased while a reader stands in the middle, a site goes on, and a draft of a kill lies about.
#[test]
fn events_are_less_with_the_same_numbers_wherever_they_are() {
    let dir = dir("less");
    let (a, b) = (outbox("a"), outbox("b"));
    let said = |n: u64, mark: &str| {
        let body = format!(r#"{{"event":"call","at":{n}{mark}}}"#);
        Event { class: Class::CALL, body: body.into_bytes() }
    };
    let full = |first: u64| Batch::Events {
        first,
        events: (first..first + 50).map(|n| said(n, r#","from":"MARK""#)).collect(),
    };
    let engine = Embedded::open(&dir).expect("opened");
    assert_eq!(keep(&engine, &a, full(1)), Ok(50));
    assert_eq!(keep(&engine, &b, full(1)), Ok(50));
    drop(engine);
    let draft = dir.join("stream").join("hub-7.new");
    fs::write(&draft, "MARK").expect("a draft");
    let engine = again(&dir);
    assert!(!draft.exists());
    assert_eq!(keep(&engine, &a, full(51)), Ok(100));
    let mut tail = engine.tail();
    let (_, next) = tail.read(1).expect("readable");
    assert_eq!(keep(&engine, &b, full(51)), Ok(100));
    let left: Vec<_> = [7, 60, 100, 2_000].map(|n| (n, said(n, ""))).into();
    assert_eq!(engine.amend("a", "e", &left).expect("done"), 3);
    assert_eq!(keep(&engine, &a, full(101)), Ok(150));
    assert_eq!(engine.amend("a", "e", &left).expect("done again"), 0);
    // Where the reader was is another file now.
    let (mut from, mut rest) = (next, Vec::new());
    loop {
        let (kept, next) = tail.read(from).expect("readable");
        if kept.is_empty() {
            break;
        }
        from = next;
        rest.extend(kept.into_iter().map(|kept| kept.number));
    }
    assert_eq!(rest, (next..=250).collect::<Vec<_>>());
    drop(tail);
    drop(engine);
    let engine = again(&dir);
    let (mut tail, mut from, mut without) = (engine.tail(), 1, Vec::new());
    loop {
        let (kept, next) = tail.read(from).expect("readable");
        if kept.is_empty() {
            break;
        }
        from = next;
        for kept in kept {
            let What::Event { n, event } = kept.what else { panic!("an event") };
            if !event.body.windows(4).any(|part| part == b"MARK") {
                without.push((kept.site.to_string(), n, event == said(n, "")));
            }
        }
    }
    let a = |n| ("a".to_owned(), n, true);
    assert_eq!(without, [a(7), a(60), a(100)]);
    drop((tail, engine));
    fs::remove_dir_all(&dir).expect("cleaned up");
}
