use super::*;
use crate::call::record::Peer;
use crate::driver::clock;
use crate::id::CallId;
use crate::journal::event::{CallEvent, Event, What};
use crate::journal::personal::Personal;

fn start(data: &Path) -> Result<Opened, CannotOpen> {
    let mut random = Random::from_number(1);
    open(data, clock::now(), &mut random, |_| {})
}

/// A data folder with one call in its journal.
fn used(name: &str) -> PathBuf {
    let data = std::env::temp_dir().join(format!("branchline-keys-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(&data).expect("a folder");
    let mut opened = start(&data).expect("a new journal");
    let now = clock::now();
    let from = Personal::from("+15550123");
    let what = What::Arrived {
        peer: Peer::Trunk("carrier".into()),
        from,
        to: "201".into(),
        nobody: false,
    };
    let event = CallEvent { call: CallId(1), at: now.unix, what };
    opened.journal.append(now, Event::Call(event));
    opened.journal.handle_stop(now);
    while let Some(output) = opened.journal.poll_output() {
        opened.handle.submit(output).expect("room");
    }
    opened.handle.finish();
    data
}

/// A branch that was killed at its start once more left the name of the next segment taken. Twice in a row, with
/// nothing, with half a checkpoint and with the zeros of a power cut in it: nothing fails, and nothing is lost.
#[test]
fn a_start_that_was_cut_short_does_not_stop_the_next_one_from_keeping() {
    let data = used("cut-short");
    let last = |data: &Path| segments::list(&folder(data)).expect("segments").pop();
    let whole = fs::read(last(&data).expect("one").path).expect("a checkpoint first");
    for left in [&[][..], &whole[..20], &whole[..200], &[0; 99]] {
        let opened = start(&data).expect("the journal");
        let next = opened.before.0 + 1;
        opened.handle.finish();
        fs::write(segments::path(&folder(&data), next), left).expect("what a kill leaves");
        let (says, hears) = mpsc::channel();
        let report = move |done| {
            let _ = says.send(done);
        };
        let mut random = Random::from_number(1);
        let mut opened = open(&data, clock::now(), &mut random, report).expect("opened");
        assert_eq!(opened.before.0 + 1, next);
        assert!(opened.damage.is_none(), "{:?}", opened.damage);
        let kept = opened.journal.append(clock::now(), Event::Stopped);
        while let Some(output) = opened.journal.poll_output() {
            opened.handle.submit(output).expect("room");
        }
        opened.handle.finish();
        let done: Vec<_> = hears.iter().filter(|done| !matches!(done, Done::Room(_))).collect();
        assert!(done.iter().all(|done| matches!(done, Done::Stored(_))), "{done:?}");
        assert_eq!(done.last(), Some(&Done::Stored(kept)), "{} bytes", left.len());
        assert_eq!(last(&data).expect("one").first, next);
    }
    fs::remove_dir_all(&data).expect("cleaned up");
}

/// A segment that could not even be begun is not left for the next start to stumble over, however often it is tried.
#[test]
fn a_disk_that_takes_nothing_is_not_littered_with_segments() {
    let data = used("littered");
    let segments = || segments::list(&folder(&data)).expect("segments").len();
    let before = segments();
    let keys = Keys::open(&data, &mut Random::from_number(1)).expect("keys");
    let mut writer = Writer {
        data: data.clone(),
        folder: folder(&data),
        segment: None,
        unproven: None,
        subjects: keys.subjects,
        good: 0,
        torn: false,
        failed: false,
        hurried: Arc::default(),
        second: None,
        report: Box::new(|_| {}),
    };
    writer.begin(900).expect("begun");
    assert_eq!(segments(), before + 1);
    writer.fail(&io::ErrorKind::StorageFull.into());
    assert_eq!(segments(), before);
    writer.begin(901).expect("begun");
    writer.sync().expect("synced");
    writer.fail(&io::ErrorKind::StorageFull.into());
    assert_eq!(segments(), before + 1, "what may have been acknowledged stays");
    fs::remove_dir_all(&data).expect("cleaned up");
}

#[test]
fn behind_what_was_lost_on_the_way_nothing_is_kept_before_a_fresh_segment() {
    let (outputs, waiting) = mpsc::sync_channel(1);
    let hurried = Arc::default();
    let mut handle = Handle { outputs: Some(outputs), broken_off: false, thread: None, hurried };
    let write =
        |upto| Output::Write { bytes: vec![1], upto: Token(upto), outbox: Some(Vec::new()) };
    handle.submit(write(1)).expect("room for one");
    assert_eq!(handle.submit(write(2)), Err(Full));
    assert_eq!(waiting.try_iter().collect::<Vec<_>>(), [write(1)]);
    handle.submit(write(3)).expect("it was told once");
    assert_eq!(waiting.try_iter().next(), None, "there is room, but 2 is missing");
    let segment = Output::Segment { first: 4 };
    handle.submit(segment.clone()).expect("room");
    assert_eq!(waiting.try_iter().collect::<Vec<_>>(), [segment]);
    handle.submit(write(4)).expect("room");
    assert_eq!(waiting.try_iter().collect::<Vec<_>>(), [write(4)]);
}

#[test]
fn writes_in_a_row_are_one_behind_their_keys_and_none_passes_the_end_of_a_segment() {
    let write = |byte, upto| {
        let outbox = Some(vec![byte + 100]);
        Output::Write { bytes: vec![byte], upto: Token(upto), outbox }
    };
    let keys = |keys: &[u8]| Output::Keys(keys.to_vec());
    let (segment, forget) = (Output::Segment { first: 4 }, Output::Forget(Vec::new()));
    let batch = vec![
        write(1, 1),
        write(2, 2),
        keys(&[8]),
        write(3, 3),
        keys(&[9]),
        segment.clone(),
        write(4, 4),
        write(5, 6),
        forget.clone(),
        keys(&[7]),
    ];
    let outbox = Some(vec![101, 102, 103]);
    let one = Output::Write { bytes: vec![1, 2, 3], upto: Token(3), outbox };
    let last = Output::Write { bytes: vec![4, 5], upto: Token(6), outbox: Some(vec![104, 105]) };
    assert_eq!(joined(batch), [keys(&[8, 9]), one, segment, last, forget, keys(&[7])]);
}

#[test]
fn a_journal_whose_key_is_gone_is_set_aside_whole_and_calls_go_on() {
    for key in ["master", "seal"] {
        for wrong in [None, Some("not a key"), Some(&*hex(&[9; 32]))] {
            if key == "seal" && wrong.is_some_and(|text| text.len() == 64) {
                continue; // Another seal key is noticed by the seals.
            }
            let data = used(key);
            let opened = start(&data).expect("the same keys");
            assert!(opened.aside.is_none() && opened.before.0 > 0);
            opened.handle.finish();
            let path = data.join("keys").join(key);
            let right = fs::read(&path).expect("a key");
            match wrong {
                None => fs::remove_file(&path).expect("it is gone"),
                Some(text) => fs::write(&path, text).expect("another"),
            }
            let opened = start(&data).expect("a new journal");
            let aside = opened.aside.expect("the old one is kept");
            assert_eq!(opened.before.0, 0);
            opened.handle.finish();
            // Whoever puts the key back has everything again.
            fs::write(aside.join("keys").join(key), right).expect("restored");
            let again = start(&aside).expect("the old journal");
            assert!(again.aside.is_none() && again.before.0 > 0);
            again.handle.finish();
            fs::remove_dir_all(&data).expect("cleaned up");
        }
    }
}
