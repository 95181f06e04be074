//! The journal against its own replay.

use std::time::Instant;

use super::event::{CallEvent, QueuePlace, What};
use super::personal::Personal;
use super::replay::{Damage, Entry, Replay};
use super::text::Text;
use super::*;
use crate::agent::Presence;
use crate::call::record::Peer;
use crate::id::{AgentId, CallId, ExtensionId, ItemId, QueueId};
use crate::random::Random;
use crate::time::UnixTime;

fn start() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_000_000) }
}

fn journal(now: Now, resume: Resume, keys: &[u8]) -> Journal {
    let keys = Keyring::open(&[1; 32], keys, Random::from_number(3));
    Journal::new(now, resume, keys, Sealer::from_seed(&[2; 32]).unwrap())
}

/// A disk that keeps what it is given.
struct Disk {
    keys: Vec<u8>,
    leaving: Option<Vec<u8>>,
    segments: Vec<Vec<u8>>,
    upto: Token,
}

impl Default for Disk {
    fn default() -> Self {
        let (keys, segments) = (Vec::new(), Vec::new());
        Disk { keys, leaving: Some(Vec::new()), segments, upto: Token(0) }
    }
}

impl Disk {
    fn take(&mut self, journal: &mut Journal) {
        while let Some(output) = journal.poll_output() {
            match output {
                Output::Keys(bytes) => self.keys.extend(bytes),
                Output::Forget(subjects) => drop(personal::take_out(&mut self.keys, &subjects)),
                Output::Segment { .. } => self.segments.push(Vec::new()),
                Output::Write { bytes, upto, outbox } => {
                    self.segments.last_mut().unwrap().extend(bytes);
                    self.leaving =
                        self.leaving.take().zip(outbox).map(|(one, more)| [one, more].concat());
                    self.upto = upto;
                }
                Output::Hurry => {}
            }
        }
    }

    fn replay(&self) -> (Vec<Entry>, Replay) {
        let mut replay =
            Replay::new(Some(Sealer::from_seed(&[2; 32]).unwrap().public_key().to_vec()));
        let mut entries = Vec::new();
        for segment in &self.segments {
            replay.read(segment, &mut |entry| entries.push(entry));
        }
        (entries, replay)
    }
}

fn arrived(call: u64, number: &str) -> Event {
    let peer = Peer::Extension(ExtensionId::from("201"));
    let what = What::Arrived {
        peer,
        from: Personal::from(number),
        to: Personal::from("+15550199"),
        nobody: false,
    };
    Event::Call(CallEvent { call: CallId(call), at: UnixTime(1), what })
}

fn agent(presence: Presence) -> Event {
    Event::Agent { agent: AgentId::from("ann"), presence, idle_since: UnixTime(9) }
}

#[test]
fn the_key_of_a_recording_goes_to_the_disk_before_any_record_needs_it_and_again_after_a_failure() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    disk.take(&mut journal);
    journal.handle_stored(now, disk.upto);
    journal.tape("call/1", crate::id::RecordingId(1), 1);
    let Some(Output::Keys(keys)) = journal.poll_output() else { panic!("no key") };
    assert!(journal.poll_output().is_none() && keys.len() == personal::ENTRY);
    // What was stored before says nothing of it.
    journal.handle_stored(now, disk.upto);
    journal.handle_failed(now, Failure::Broken);
    let later = Now { instant: now.instant + RETRY, ..now };
    journal.handle_timeout(later);
    disk.take(&mut journal);
    assert_eq!(disk.keys, keys);
}

#[test]
fn the_next_run_knows_what_was_live_and_the_chain_goes_on() {
    let now = start();
    let mut disk = Disk::default();
    let mut first = journal(now, Resume::default(), &[]);
    first.append(
        now,
        Event::Bound { user: "201".into(), contact: "a".into(), binding: Text::of(&1).unwrap() },
    );
    first.append(
        now,
        Event::Bound { user: "201".into(), contact: "b".into(), binding: Text::of(&2).unwrap() },
    );
    first.append(now, Event::Unbound { user: "201".into(), contact: "a".into() });
    first.append(now, agent(Presence::Ready));
    first.append(now, arrived(7, "+15550123"));
    let place = |item| QueuePlace {
        item: ItemId(item),
        queue: QueueId::from("q"),
        call: CallId(7),
        arrived: UnixTime(5),
    };
    first.append(now, Event::QueuePlace(place(1)));
    first.append(now, Event::QueuePlace(place(2)));
    first.append(now, Event::QueueLeft { item: ItemId(1) });
    disk.take(&mut first);
    let (_, replay) = disk.replay();
    let mut second = journal(now, replay.resume.clone(), &disk.keys);
    assert_eq!(second.live(), first.live());
    let live = second.live().clone();
    assert_eq!(live.bindings["201"].iter().map(|(contact, _)| contact).collect::<Vec<_>>(), ["b"]);
    assert_eq!(live.places.keys().collect::<Vec<_>>(), [&ItemId(2)]);
    assert_eq!(second.keys().read(&live.calls[&CallId(7)].from).as_deref(), Some("+15550123"));
    second.append(now, agent(Presence::SignedOut));
    let signed_out = &second.live().agents.values().next().expect("kept with its time").presence;
    assert_eq!(*signed_out, Presence::SignedOut);
    second.handle_stop(now);
    disk.take(&mut second);
    let (entries, replay) = disk.replay();
    assert_eq!(replay.damage, Damage { seals: 1, ..Damage::default() });
    assert!(
        entries.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1),
        "numbers follow each other over runs"
    );
    assert_eq!(replay.resume.next, disk.upto.0 + 1);
}

/// What goes to the outbox along with the records is what is made of them again when they are read back, byte for byte; what
/// came while the disk failed is to be made again.
#[test]
fn what_leaves_is_what_is_made_again_from_what_was_written() {
    use crate::uplink::policy::Policy;
    let outward = Outward::new(Policy::new(&Default::default(), b"key"));
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    journal.tell_outward(outward.clone());
    (0..40).for_each(|call| {
        journal.append(now, arrived(call, &format!("+1555777{call:04}")));
        journal.append(now, agent(Presence::Ready));
    });
    disk.take(&mut journal);
    let again = |disk: &Disk| {
        let keys = Keyring::open(&[1; 32], &disk.keys, Random::from_number(3));
        let mut made = Vec::new();
        for Entry { seq, at, event } in disk.replay().0 {
            let mut event = event.expect("it can be read");
            outward::open(&mut event, keys.reading());
            outward.write(&mut made, Token(seq), at, &event);
        }
        made
    };
    assert!(disk.leaving.as_ref().is_some_and(|leaving| leaving.len() > 5_000));
    assert!(disk.leaving == Some(again(&disk)));
    journal.handle_stored(now, disk.upto);
    journal.handle_failed(now, Failure::Full);
    journal.append(now, agent(Presence::SignedOut));
    journal.handle_timeout(now.after(RETRY));
    journal.append(now, agent(Presence::Ready));
    disk.leaving = Some(Vec::new());
    disk.take(&mut journal);
    assert_eq!(disk.leaving, None, "the failure stands");
    journal.handle_stored(now, disk.upto);
    disk.leaving = Some(Vec::new());
    journal.append(now, agent(Presence::Ready));
    disk.take(&mut journal);
    assert_eq!(disk.leaving, None, "among it may be what was held");
    disk.leaving = Some(Vec::new());
    let before = again(&disk).len();
    journal.append(now, agent(Presence::Ready));
    disk.take(&mut journal);
    assert_eq!(disk.leaving.as_deref(), again(&disk).get(before..), "and then it goes on");
}

#[test]
fn no_personal_data_stands_in_the_journal() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    (0..50).for_each(|call| {
        journal.append(now, arrived(call, &format!("+1555777{call:04}")));
    });
    disk.take(&mut journal);
    let written = disk.segments.concat();
    assert!(!written.windows(6).any(|window| window == b"555777"));
    assert!(!disk.keys.windows(6).any(|window| window == b"555777"));
    assert_eq!(disk.keys.len(), 51 * personal::ENTRY, "one key for each number");
}

#[test]
fn a_long_journal_goes_on_in_a_new_segment_that_stands_alone() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    journal.append(now, agent(Presence::Ready));
    let long = "x".repeat(1 << 20);
    for _ in 0..40 {
        journal.append(now, Event::Unbound { user: long.clone(), contact: String::new() });
    }
    disk.take(&mut journal);
    assert_eq!(disk.segments.len(), 3);
    assert!(disk.replay().1.damage.is_none());
    let mut alone = Replay::default();
    assert!(alone.read(disk.segments.last().unwrap(), &mut |_| {}));
    assert_eq!((&alone.resume.live, alone.resume.next), (journal.live(), disk.upto.0 + 1));
    assert_eq!(alone.resume.chain, journal.chain);
}

#[test]
fn a_segment_goes_on_though_what_is_live_is_longer_than_one() {
    let now = start();
    let mut journal = journal(now, Resume::default(), &[]);
    let mut disk = Disk::default();
    let long = "5".repeat(100_000);
    let calls = SEGMENT / long.len() as u64;
    for call in 0..calls {
        journal.append(now, arrived(call, &long));
        disk.take(&mut journal);
    }
    assert!(
        disk.segments.iter().any(|segment| segment.len() as u64 > SEGMENT + SEGMENT / 2),
        "a long one"
    );
    assert!(disk.segments.len() <= 3, "{} segments", disk.segments.len());
}

#[test]
fn a_changed_a_missing_and_a_swapped_record_break_the_chain() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    (0..9).for_each(|call| {
        journal.append(now, arrived(call, "+15550123"));
    });
    let later = now.after(SEAL_EVERY);
    assert_eq!(journal.deadline(), Some(later.instant));
    journal.handle_timeout(later);
    disk.take(&mut journal);
    assert_eq!(disk.replay().1.damage, Damage { seals: 1, ..Damage::default() });
    let whole = disk.segments[0].clone();
    let mut places = vec![0];
    while let record::Found::Record(found) = record::decode(&whole[*places.last().unwrap()..]) {
        places.push(places.last().unwrap() + found.bytes.len());
    }
    // One record rewritten with a good checksum, as somebody with an editor and this program's source would.
    let (from, to) = (places[4], places[5]);
    let record::Found::Record(found) = record::decode(&whole[from..]) else { panic!() };
    let forged = String::from_utf8(found.payload.to_vec()).unwrap().replace("201", "202");
    let mut bytes = whole[..from].to_vec();
    record::encode(&mut bytes, found.seq, found.at, forged.as_bytes());
    bytes.extend(&whole[to..]);
    disk.segments = vec![bytes];
    assert_eq!(disk.replay().1.damage.broken_seals, 1, "changed");
    disk.segments = vec![[&whole[..from], &whole[to..]].concat()];
    assert_eq!(
        (disk.replay().1.damage.breaks, disk.replay().1.damage.broken_seals),
        (1, 1),
        "taken out"
    );
    let swapped =
        [&whole[..from], &whole[to..places[6]], &whole[from..to], &whole[places[6]..]].concat();
    disk.segments = vec![swapped];
    assert!(disk.replay().1.damage.breaks > 0, "swapped");
}

#[test]
fn after_a_failure_nothing_counts_until_a_fresh_segment_is_stored() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    let early = journal.append(now, agent(Presence::Ready));
    disk.take(&mut journal);
    journal.handle_stored(now, disk.upto);
    assert!(journal.is_stored(early));
    let doubtful = journal.append(now, arrived(1, "+15550123"));
    while journal.poll_output().is_some() {}
    journal.handle_failed(now, Failure::Broken);
    let unwritten = journal.append(now, agent(Presence::Paused(crate::agent::Reason::Missed)));
    assert!(journal.poll_output().is_none_or(|output| matches!(output, Output::Keys(_))));
    assert_eq!(journal.state(), State::Failed(Failure::Broken));
    assert!(!journal.is_stored(doubtful) && !journal.is_stored(unwritten));
    // A late word about what was handed over before the failure proves nothing about what comes now.
    journal.handle_timeout(now.after(RETRY));
    journal.handle_stored(now, early);
    assert_eq!(journal.state(), State::Failed(Failure::Broken));
    disk.take(&mut journal);
    journal.handle_stored(now, disk.upto);
    assert_eq!(journal.state(), State::Healthy);
    disk.take(&mut journal);
    let (entries, replay) = disk.replay();
    assert!(entries.iter().any(|entry| entry.event == Some(Event::Gap { lost: 0 })));
    assert_eq!((replay.damage.gaps, replay.damage.breaks), (1, 0));
    assert_eq!(&replay.resume.live, journal.live(), "what could not be written is there");
    assert!(!journal.is_stored(unwritten), "and was never acknowledged");
}

fn bound(contact: &str) -> Event {
    let binding = Text::of(&1).unwrap();
    Event::Bound { user: "201".into(), contact: contact.into(), binding }
}

/// More was waiting for the disk than may: some of it was dropped, and the disk goes on with what came before.
#[test]
fn what_was_dropped_for_a_slow_disk_is_never_said_to_be_on_it() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    let early = journal.append(now, bound("early"));
    disk.take(&mut journal);
    let dropped = journal.append(now, bound("dropped"));
    while journal.poll_output().is_some() {}
    journal.handle_failed(now, Failure::Slow);
    journal.handle_stored(now, early);
    assert_eq!(journal.state(), State::Failed(Failure::Slow), "a word from before");
    assert!(!journal.is_stored(dropped));
    journal.handle_timeout(now.after(RETRY));
    disk.take(&mut journal);
    journal.handle_stored(now, disk.upto);
    disk.take(&mut journal);
    assert_eq!(journal.state(), State::Healthy);
    let (_, replay) = disk.replay();
    assert_eq!(&replay.resume.live, journal.live());
    assert_eq!((replay.damage.gaps, replay.damage.breaks), (1, 0));
}

/// Phones are served from memory while the disk fails. One that came while the checkpoint was on its way is not in it.
#[test]
fn what_came_while_the_checkpoint_was_on_its_way_is_kept_once_the_disk_works() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    disk.take(&mut journal);
    journal.handle_failed(now, Failure::Full);
    journal.append(now, bound("before"));
    let later = now.after(RETRY);
    journal.handle_timeout(later);
    disk.take(&mut journal);
    journal.append(later, bound("between"));
    journal.append(later, arrived(1, "+15550123"));
    disk.take(&mut journal);
    journal.handle_stored(later, disk.upto);
    assert_eq!(journal.state(), State::Healthy);
    disk.take(&mut journal);
    let (_, replay) = disk.replay();
    assert_eq!(&replay.resume.live, journal.live());
    assert_eq!((replay.damage.gaps, replay.damage.breaks), (1, 0));
    let again = super::tests::journal(later, replay.resume, &disk.keys);
    let number = again.keys().read(&again.live().calls[&CallId(1)].from);
    assert_eq!(number.as_deref(), Some("+15550123"), "with the key that it needs");
    // A disk that works has no reason for another segment.
    journal.handle_stored(later, disk.upto);
    let segments = disk.segments.len();
    disk.take(&mut journal);
    assert_eq!(disk.segments.len(), segments);
}

/// Nothing is written after a failure before a segment begins: neither are keys of persons, or that they are destroyed.
#[test]
fn keys_that_a_failure_swallowed_follow_the_beginning_of_the_segment() {
    let now = start();
    let mut journal = journal(now, Resume::default(), &[]);
    journal.append(now, arrived(1, "+15550123"));
    while journal.poll_output().is_some() {}
    journal.handle_failed(now, Failure::Broken);
    journal.append(now, arrived(2, "+15550124"));
    let subjects: Vec<_> = match &journal.live().calls[&CallId(1)].from {
        Personal::Sealed(subject, _) => vec![*subject],
        clear => panic!("it is sealed: {clear:?}"),
    };
    journal.forget(now, &subjects, |_| Event::Stopped);
    let mut later = now;
    for _ in 0..2 {
        later = later.after(RETRY);
        journal.handle_timeout(later);
        let outputs: Vec<_> = std::iter::from_fn(|| journal.poll_output()).collect();
        let kinds = outputs.iter().map(|output| match output {
            Output::Segment { .. } => 's',
            Output::Forget(_) => 'f',
            Output::Keys(_) => 'k',
            Output::Write { .. } => 'w',
            Output::Hurry => 'h',
        });
        let kinds: String = kinds.collect();
        assert!(kinds.starts_with("sfk") && kinds.ends_with('w'), "{kinds}");
        assert!(!kinds[3..].contains(['s', 'f']), "{kinds}");
        journal.handle_failed(later, Failure::Broken);
    }
}

fn act(on: &str) -> Event {
    let (what, on) = ("hang_up".to_owned(), Some(on.to_owned()));
    Event::Act(act::Act { who: act::Who::Console, from: None, what, on, done: true, first: None })
}

fn taken(item: u64) -> Event {
    let what = work::Step::Taken { agent: "ann".into(), waited_ms: 1, clock_ms: 1 };
    let (item, queue, at) = (ItemId(item), "support".into(), UnixTime(1));
    let (channel, call, contact) = (crate::channel::Channel::Voice, None, None);
    Event::Work(work::Work { item, channel, queue, at, call, contact, what })
}

#[test]
fn what_happens_while_the_disk_fails_is_written_once_it_works_again_with_when_it_happened() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    disk.take(&mut journal);
    journal.handle_stored(now, disk.upto);
    // On its way when the disk fails: nobody knows whether it is there.
    journal.append(now, act("first"));
    while journal.poll_output().is_some() {}
    journal.handle_failed(now, Failure::Full);
    let mut at = now;
    for call in 0..40 {
        at = at.after(Duration::from_millis(100));
        journal.append(at, arrived(call, "+15550123"));
        journal.append(at, act(&format!("call {call}")));
        journal.append(at, taken(call));
    }
    assert_eq!(journal.held(), (121, 0));
    // Twice in vain, and then it works.
    for attempt in 0..3 {
        at = at.after(RETRY);
        journal.handle_timeout(at);
        journal.append(at, taken(100 + attempt));
        if attempt < 2 {
            while journal.poll_output().is_some() {}
            journal.handle_failed(at, Failure::Full);
        }
    }
    disk.take(&mut journal);
    journal.append(at, taken(200));
    disk.take(&mut journal);
    journal.handle_stored(at, disk.upto);
    disk.take(&mut journal);
    assert_eq!((journal.state(), journal.held()), (State::Healthy, (0, 0)));
    let (entries, replay) = disk.replay();
    assert_eq!(&replay.resume.live, journal.live(), "nothing counts twice");
    assert_eq!((replay.damage.gaps, replay.damage.breaks), (1, 0));
    let acts = entries.iter().filter(|entry| matches!(entry.event, Some(Event::Act(_))));
    let acts: Vec<_> = acts.map(|entry| entry.at.since(now.unix).as_millis()).collect();
    let wanted: Vec<_> = (0..=40).map(|n| n * 100).collect();
    assert_eq!(acts, wanted, "each once, at its own time, and that from before the failure too");
    let work = entries.iter().filter(|entry| matches!(entry.event, Some(Event::Work(_))));
    assert_eq!(work.count(), 44);
    assert!(entries.iter().any(|entry| entry.event == Some(Event::Gap { lost: 0 })));
}

#[test]
fn what_is_held_has_a_limit_and_what_is_lost_is_counted_and_live_all_the_same() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    disk.take(&mut journal);
    journal.handle_failed(now, Failure::Broken);
    for call in 0..MOST_HELD as u64 + 10 {
        journal.append(now, if call < 10 { arrived(call, "+15550123") } else { taken(call) });
    }
    assert_eq!(journal.held(), (MOST_HELD, 10));
    journal.handle_timeout(now.after(RETRY));
    disk.take(&mut journal);
    journal.handle_stored(now, disk.upto);
    disk.take(&mut journal);
    let (entries, replay) = disk.replay();
    assert_eq!(replay.resume.live.calls.len(), 10, "the checkpoint stands for them");
    assert_eq!(&replay.resume.live, journal.live());
    assert!(entries.iter().any(|entry| entry.event == Some(Event::Gap { lost: 10 })));
}

/// A disk that takes eleven seconds for a sync takes a segment all the same: no other one is begun meanwhile.
#[test]
fn a_sync_that_takes_longer_than_the_next_try_ends_the_failure() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    disk.take(&mut journal);
    journal.handle_failed(now, Failure::Slow);
    let mut later = now.after(RETRY);
    journal.handle_timeout(later);
    disk.take(&mut journal);
    let (written, segments) = (disk.upto, disk.segments.len());
    for call in 0..11 {
        later = later.after(Duration::from_secs(1));
        journal.handle_timeout(later);
        journal.append(later, taken(call));
        disk.take(&mut journal);
    }
    assert_eq!((journal.state(), disk.segments.len()), (State::Failed(Failure::Slow), segments));
    journal.handle_stored(later, written);
    assert_eq!(journal.state(), State::Healthy);
    let token = journal.append(later, taken(50));
    disk.take(&mut journal);
    journal.handle_stored(later, disk.upto);
    assert!(journal.is_stored(token));
    let (entries, replay) = disk.replay();
    let work = entries.iter().filter(|entry| matches!(entry.event, Some(Event::Work(_))));
    assert_eq!(work.count(), 12, "each of them, once");
    assert_eq!((&replay.resume.live, replay.damage.breaks), (journal.live(), 0));
}

/// What somebody may wait for is not let gather; what only tells of a call is.
#[test]
fn a_registration_hurries_and_what_happens_in_a_call_does_not() {
    let now = start();
    let mut journal = journal(now, Resume::default(), &[]);
    let mut hurries = |event: Option<Event>| {
        event.map(|event| journal.append(now, event));
        std::iter::from_fn(|| journal.poll_output()).last() == Some(Output::Hurry)
    };
    assert!(!hurries(None) && !hurries(Some(arrived(1, "+15550123"))));
    assert!(hurries(Some(agent(Presence::Ready))) && !hurries(None));
}

/// A segment cut anywhere gives back every whole record before the cut and nothing else.
#[test]
fn a_torn_tail_is_left_where_it_is() {
    let now = start();
    let mut disk = Disk::default();
    let mut journal = journal(now, Resume::default(), &[]);
    (0..20).for_each(|call| {
        journal.append(now, arrived(call, "+15550123"));
    });
    disk.take(&mut journal);
    let (entries, _) = disk.replay();
    let whole = disk.segments[0].clone();
    for cut in (0..whole.len()).step_by(37) {
        disk.segments = vec![whole[..cut].to_vec()];
        let (found, replay) = disk.replay();
        assert_eq!(found, entries[..found.len()]);
        assert!(replay.damage.is_none(), "a torn tail is not damage");
    }
}
