use super::*;

fn ext(name: &str) -> ExtensionId {
    name.into()
}

fn boxes(messages: u64) -> Mailboxes {
    let settings = Settings {
        pin: Some("4711".to_owned()),
        greeting: None,
        max_length: Duration::from_secs(60),
        max_messages: 3,
        retention: Some(Duration::from_secs(86_400)),
    };
    let mut boxes = Mailboxes::new([(ext("201"), settings)].into(), TimeZone::UTC);
    for id in 1..=messages {
        boxes.add(&ext("201"), message(id));
    }
    boxes
}

fn message(id: u64) -> Message {
    Message {
        id: RecordingId(id),
        taken: UnixTime(1_700_000_000_000_000) + Duration::from_secs(id),
        length: Duration::from_secs(5),
        from: Some("+1555".to_owned()),
        heard: false,
    }
}

/// A caller at a mailbox.
struct Bench {
    now: Now,
    boxes: Mailboxes,
    visit: Visit,
}

impl Bench {
    fn new(boxes: Mailboxes, visit: Visit) -> (Bench, Vec<Output>) {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_100_000_000) };
        let mut bench = Bench { now, boxes, visit };
        bench.visit.handle_started(now, &mut bench.boxes);
        let first = bench.wishes();
        (bench, first)
    }

    fn own(messages: u64) -> (Bench, Vec<Output>) {
        Bench::new(boxes(messages), Visit::Retrieval(Retrieval::own(ext("201"))))
    }

    fn wishes(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.visit.poll_output()).collect()
    }

    fn press(&mut self, keys: &str) -> Vec<Output> {
        for key in keys.chars() {
            self.visit.handle_digit(self.now, &mut self.boxes, key);
        }
        self.wishes()
    }

    fn played(&mut self) -> Vec<Output> {
        self.visit.handle_played(self.now, &mut self.boxes);
        self.wishes()
    }

    fn fetched(&mut self, id: u64) -> Vec<Output> {
        self.visit.handle_fetched(&mut self.boxes, RecordingId(id), true);
        self.wishes()
    }

    fn recorded(&mut self, outcome: Outcome) -> Vec<Output> {
        self.visit.handle_recorded(&mut self.boxes, outcome);
        self.wishes()
    }

    fn wait(&mut self, seconds: u64) -> Vec<Output> {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.visit.handle_timeout(self.now, &mut self.boxes);
        self.wishes()
    }

    fn counts(&self) -> (u32, u32) {
        let Counts { new, old } = self.boxes.counts(&ext("201"));
        (new, old)
    }
}

/// What is heard, recordings in brackets.
fn heard(wishes: &[Output]) -> String {
    let sounds = wishes.iter().filter_map(|wish| match wish {
        Output::Play { sounds, .. } => Some(sounds),
        _ => None,
    });
    let words = sounds.flatten().map(|sound| match sound {
        Sound::Clip(name) => name.to_string(),
        Sound::Recording(id) => format!("[{}]", id.0),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn deposit(boxes: Mailboxes) -> (Bench, Vec<Output>) {
    Bench::new(boxes, Visit::Deposit(Deposit::new(ext("201"))))
}

#[test]
fn a_message_is_taken_and_thanked_for_once_it_is_kept() {
    let (mut bench, first) = deposit(boxes(0));
    assert_eq!(heard(&first), "vm-extension n2 n0 n1 vm-not-there leave-message");
    let wishes = bench.played();
    let record = |wish: &Output| matches!(wish, Output::Record { purpose: Purpose::Message, .. });
    assert!(record(&wishes[0]), "{wishes:?}");
    assert_eq!(bench.press("#"), [], "the key that ends a recording is nothing else");
    let wishes = bench.recorded(Outcome::Kept(RecordingId(1)));
    assert_eq!(heard(&wishes), "message-saved");
    assert_eq!(bench.played(), [Output::HangUp]);
}

#[test]
fn a_message_that_was_not_kept_is_not_thanked_for() {
    for (outcome, word) in [(Outcome::TooShort, "goodbye"), (Outcome::Failed, "vm-not-saved")] {
        let (mut bench, _) = deposit(boxes(0));
        bench.press("1");
        assert_eq!(heard(&bench.recorded(outcome)), word);
    }
}

#[test]
fn a_full_mailbox_takes_nothing_and_a_recorded_greeting_is_heard() {
    let (mut bench, first) = deposit(boxes(3));
    assert_eq!(heard(&first), "vm-full");
    assert_eq!(bench.played(), [Output::HangUp]);
    let mut with_greeting = boxes(0);
    let greeting = Change::Greeting { now: Some(RecordingId(9)), before: None };
    with_greeting.apply(&ext("201"), &greeting);
    let (mut bench, first) = deposit(with_greeting);
    assert_eq!(first, [Output::Fetch(RecordingId(9))]);
    assert_eq!(heard(&bench.fetched(9)), "[9]");
}

#[test]
fn messages_are_heard_in_order_and_count_as_old_afterwards() {
    let (mut bench, first) = Bench::own(2);
    assert_eq!(heard(&first), "vm-you-have n2 vm-new-messages vm-menu");
    let wishes = bench.press("1");
    assert_eq!(wishes, [Output::StopPlaying, Output::Fetch(RecordingId(1))], "a key cuts in");
    assert_eq!(
        heard(&bench.fetched(1)),
        "vm-message n1 vm-from plus n1 n5 n5 n5 weekday-2 month-11 day-14 n10 n13 pm [1]"
    );
    assert_eq!(bench.counts(), (2, 0), "not before it was heard");
    let wishes = bench.played();
    assert_eq!(wishes[0], Output::Changed(ext("201"), Change::Heard(RecordingId(1), true)));
    assert_eq!((heard(&wishes).as_str(), bench.counts()), ("vm-message-menu", (1, 1)));
    assert_eq!(bench.press("6"), [Output::StopPlaying, Output::Fetch(RecordingId(2))]);
    bench.fetched(2);
    assert_eq!(heard(&bench.press("9")), "vm-saved vm-message-menu");
    assert_eq!(heard(&bench.press("6")), "vm-no-more vm-menu");
    assert_eq!(bench.counts(), (0, 2));
}

#[test]
fn what_was_deleted_can_be_taken_back_until_the_caller_leaves() {
    let (mut bench, _) = Bench::own(2);
    bench.press("1");
    bench.fetched(1);
    assert_eq!(heard(&bench.press("7")), "vm-deleted vm-message-menu");
    bench.press("8");
    bench.press("6");
    bench.fetched(2);
    bench.press("7");
    bench.visit.handle_gone(&mut bench.boxes);
    assert_eq!(bench.wishes(), [Output::Changed(ext("201"), Change::Deleted(RecordingId(2)))]);
    assert_eq!(bench.boxes.messages(&ext("201")).len(), 1);
}

#[test]
fn a_greeting_is_recorded_heard_and_taken_away() {
    let (mut bench, _) = Bench::own(0);
    bench.press("0");
    assert_eq!(heard(&bench.press("1")), "vm-greeting-record");
    let wishes = bench.played();
    let record = |wish: &Output| matches!(wish, Output::Record { purpose: Purpose::Greeting, .. });
    assert!(record(&wishes[0]), "{wishes:?}");
    let wishes = bench.recorded(Outcome::Kept(RecordingId(5)));
    let change = Change::Greeting { now: Some(RecordingId(5)), before: None };
    assert_eq!(wishes[0], Output::Changed(ext("201"), change));
    bench.press("2");
    assert_eq!(heard(&bench.fetched(5)), "[5] vm-greeting-menu");
    let change = Change::Greeting { now: None, before: Some(RecordingId(5)) };
    assert!(bench.press("3").contains(&Output::Changed(ext("201"), change)));
}

#[test]
fn from_elsewhere_a_pin_is_wanted_and_a_wrong_mailbox_sounds_like_a_wrong_pin() {
    let elsewhere = || Bench::new(boxes(1), Visit::Retrieval(Retrieval::from_elsewhere()));
    let (mut bench, first) = elsewhere();
    assert_eq!(heard(&first), "vm-mailbox");
    assert_eq!(heard(&bench.press("201#")), "vm-pin");
    assert_eq!(heard(&bench.press("4711#")), "vm-you-have n1 vm-new-message vm-menu");
    let said = |mailbox: &str| {
        let (mut bench, _) = elsewhere();
        [bench.press(mailbox), bench.press("1234#")].map(|wishes| heard(&wishes))
    };
    assert_eq!(said("201#"), said("999#"));
}

#[test]
fn a_caller_may_try_three_pins_and_a_mailbox_shuts_after_five() {
    let mut mailboxes = boxes(1);
    for call in 1..=2 {
        let (mut bench, _) = Bench::new(mailboxes, Visit::Retrieval(Retrieval::from_elsewhere()));
        for n in 0..3 {
            bench.press("201#");
            let wishes = bench.press("0000#");
            let parts = heard(&wishes) == "goodbye";
            assert_eq!(parts, n == 2, "call {call}, try {n}: {wishes:?}");
        }
        mailboxes = bench.boxes;
    }
    let (mut bench, _) = Bench::new(mailboxes, Visit::Retrieval(Retrieval::from_elsewhere()));
    let verdict = |bench: &mut Bench| {
        let now = bench.now;
        bench.boxes.try_pin(now, &ext("201"), "4711")
    };
    assert_eq!(verdict(&mut bench), Verdict::Shut, "the right one is not taken while it is shut");
    bench.now = bench.now.after(SHUT * 2);
    assert_eq!(verdict(&mut bench), Verdict::Open);
}

#[test]
fn a_guesser_with_all_the_time_there_is_gets_few_tries() {
    let mut boxes = boxes(0);
    let mut now = Now { instant: Instant::now(), unix: UnixTime(0) };
    let mut counted = 0;
    for minute in 0..30 * 24 * 60_u32 {
        let before = boxes.boxes[&ext("201")].wrong;
        boxes.try_pin(now, &ext("201"), &format!("{:04}", minute % 4_000));
        counted += boxes.boxes[&ext("201")].wrong - before;
        now = now.after(Duration::from_secs(60));
    }
    assert!(counted < 45, "{counted} tries in a month");
}

#[test]
fn who_says_nothing_is_let_go() {
    let (mut bench, _) = Bench::own(1);
    let mut said = Vec::new();
    for _ in 0..3 {
        bench.played();
        said.push(heard(&bench.wait(9)));
    }
    assert_eq!(said, ["vm-menu", "vm-menu", "goodbye"]);
    assert_eq!(bench.played(), [Output::HangUp]);
}

#[test]
fn a_star_in_the_greeting_is_for_the_owner_and_wants_the_pin() {
    let (mut bench, _) = deposit(boxes(1));
    assert_eq!(heard(&bench.press("*")), "vm-pin");
    assert_eq!(heard(&bench.press("4711#")), "vm-you-have n1 vm-new-message vm-menu");
}

#[test]
fn old_messages_expire() {
    let boxes = boxes(2);
    let day = UnixTime(1_700_000_000_000_000) + Duration::from_secs(86_400);
    assert_eq!(boxes.expired(day), []);
    assert_eq!(boxes.expired(day + Duration::from_secs(2)), [(ext("201"), RecordingId(1))]);
}

#[test]
fn every_word_has_a_sound() {
    let known: std::collections::BTreeSet<_> =
        crate::ivr::prompts::builtin().map(|(name, _)| name).collect();
    let sources = [include_str!("deposit.rs"), include_str!("retrieval.rs")].concat();
    let named = sources.split('"').filter(|word| word.starts_with("vm-"));
    let missing: Vec<_> = named.filter(|word| !known.contains(word)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_disk_that_does_not_answer_is_told_of_and_the_message_refused() {
    let (mut bench, _) = deposit(boxes(0));
    bench.played();
    bench.visit.handle_heard(bench.now);
    assert_eq!(bench.wait(4), [], "it may take its time");
    let wishes = bench.wait(2);
    assert_eq!(wishes[0], Output::Refuse, "what comes later is not kept either");
    assert_eq!(heard(&wishes), "vm-not-saved");
    assert_eq!(bench.recorded(Outcome::Kept(RecordingId(1))), []);
    assert_eq!(bench.played(), [Output::HangUp]);
}

#[test]
fn a_recording_whose_end_nobody_tells_ends_by_itself() {
    let (mut bench, _) = deposit(boxes(0));
    bench.played();
    assert_eq!(bench.wait(69), [], "60 s of message, and the word of it");
    assert_eq!(heard(&bench.wait(2)), "vm-not-saved");
}

#[test]
fn who_waits_for_a_file_that_cannot_be_read_goes_on_without() {
    let mut with_greeting = boxes(1);
    let greeting = Change::Greeting { now: Some(RecordingId(9)), before: None };
    with_greeting.apply(&ext("201"), &greeting);
    let (mut bench, _) = deposit(with_greeting);
    assert_eq!(heard(&bench.wait(6)), "vm-extension n2 n0 n1 vm-not-there leave-message");
    let (mut bench, _) = Bench::own(1);
    bench.press("1");
    assert_eq!(heard(&bench.wait(6)), "vm-not-playable vm-message-menu");
    bench.press("01");
    bench.played();
    bench.visit.handle_heard(bench.now);
    let wishes = bench.wait(6);
    assert_eq!(
        (&wishes[0], heard(&wishes).as_str()),
        (&Output::Refuse, "vm-not-possible-now vm-greeting-menu")
    );
}

#[test]
fn an_owner_chooses_a_pin_and_the_one_before_opens_no_more() {
    let (mut bench, _) = Bench::own(0);
    bench.boxes.seal_with(Seal::new("box"));
    assert_eq!(heard(&bench.press("2")), "vm-new-pin");
    assert_eq!(heard(&bench.press("0000#")), "vm-pin-too-easy vm-new-pin");
    assert_eq!(heard(&bench.press("2468#")), "vm-pin-again");
    assert_eq!(heard(&bench.press("2469#")), "vm-pin-differs vm-new-pin");
    bench.press("2468#");
    let wishes = bench.press("2468#");
    assert_eq!(heard(&wishes), "vm-pin-changed vm-menu");
    let kept = wishes.iter().find_map(|wish| match wish {
        Output::Changed(_, change @ Change::Pin(_)) => Some(change.clone()),
        _ => None,
    });
    let kept = kept.expect("it is to be kept");
    assert!(!format!("{kept:?}").contains("2468"), "never as digits");
    let opens = |boxes: &mut Mailboxes, pin| boxes.try_pin(bench.now, &ext("201"), pin);
    assert_eq!(opens(&mut bench.boxes, "4711"), Verdict::Shut);
    assert_eq!(opens(&mut bench.boxes, "2468"), Verdict::Open);
    // A restart, and one with another PIN configured.
    let mut again = boxes(0);
    again.seal_with(Seal::new("box"));
    again.apply(&ext("201"), &kept);
    assert_eq!(opens(&mut again, "2468"), Verdict::Open);
    let mut reset = boxes(0);
    reset.seal_with(Seal::new("box"));
    reset.boxes.get_mut(&ext("201")).unwrap().settings.pin = Some("1357".to_owned());
    reset.apply(&ext("201"), &kept);
    assert_eq!(opens(&mut reset, "2468"), Verdict::Shut);
    assert_eq!(opens(&mut reset, "1357"), Verdict::Open);
}

#[test]
fn a_mailbox_without_a_pin_is_not_opened_to_the_world_by_phone() {
    let mut without = boxes(0);
    without.boxes.get_mut(&ext("201")).unwrap().settings.pin = None;
    let (mut bench, _) = Bench::new(without, Visit::Retrieval(Retrieval::own(ext("201"))));
    assert_eq!(heard(&bench.press("2")), "vm-no-pin vm-menu");
}
