//! Walks in virtual time: what a caller hears, key by key.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::ivr::check::{Known, Mistake, check};
use crate::ivr::{Destination, flow};
use crate::random::Random;
use crate::time::UnixTime;

fn known() -> Known {
    let clips = crate::ivr::prompts::builtin().map(|(name, _)| name.to_owned());
    Known {
        clips: clips.chain(["hello".to_owned(), "bye".to_owned()]).collect(),
        queues: BTreeSet::from(["support".to_owned(), "sales".to_owned()]),
        callbacks: BTreeSet::from(["support".to_owned()]),
        extensions: BTreeSet::from(["201".to_owned()]),
        groups: BTreeSet::new(),
        mailboxes: BTreeSet::from(["201".to_owned()]),
        zone: hours::zone("UTC").unwrap(),
    }
}

fn mistakes(text: &str) -> Vec<(Mistake, String)> {
    let settings: flow::Settings = toml::from_str(text).unwrap();
    let calendar = toml::from_str("name = 'office'").unwrap();
    match check(&[(FlowId::from("main"), settings)], &[calendar], &known()) {
        Ok(_) => Vec::new(),
        Err(found) => {
            found.into_iter().map(|p| (p.mistake, text.get(p.span).unwrap().to_owned())).collect()
        }
    }
}

struct Caller {
    walk: Walk,
    now: Now,
}

impl Caller {
    fn new(text: &str) -> Caller {
        let settings: flow::Settings = toml::from_str(text).unwrap();
        let calendar = toml::from_str(
            "name = 'office'\nopen = [{ days = 'mon-fri', from = '08:00', to = '17:00' }]\nholidays = ['01-01']",
        );
        let flows =
            check(&[(FlowId::from("main"), settings)], &[calendar.unwrap()], &known()).unwrap();
        let mut walk = Walk::new(Arc::new(flows), &FlowId::from("main"));
        // Thursday, 1970-01-01: a holiday.
        let now = Now { instant: Instant::now(), unix: UnixTime(0) };
        walk.handle_started(now);
        Caller { walk, now }
    }

    /// What is heard and where it leads since the last time, in short.
    fn hears(&mut self) -> String {
        let mut heard = Vec::new();
        while let Some(output) = self.walk.poll_output() {
            heard.push(match output {
                Output::Play { clips, .. } => {
                    format!(
                        "\"{}\"",
                        clips.iter().map(ClipName::as_str).collect::<Vec<_>>().join(" ")
                    )
                }
                Output::StopPlaying => "hush".to_owned(),
                Output::Waits { node } => format!("waits {node}"),
                Output::Record { max, .. } => format!("record {}", max.as_secs()),
                Output::Leave(Destination::Queue { queue, priority, .. }) => {
                    format!("queue {queue} {priority}")
                }
                Output::Leave(Destination::Extension(extension)) => {
                    format!("extension {extension}")
                }
                Output::Leave(Destination::Group(group)) => format!("group {group}"),
                Output::Leave(Destination::Voicemail(mailbox)) => format!("voicemail {mailbox}"),
                Output::Leave(Destination::Number(number)) => format!("number {number}"),
                Output::Callable { keyed, .. } => format!("may {}?", keyed.unwrap_or_default()),
                Output::CallBack { keyed, place, .. } => {
                    format!("call {} back in {}", keyed.unwrap_or_default(), place.queue)
                }
                Output::HangUp => "hang up".to_owned(),
                Output::Echo => "echo".to_owned(),
                Output::Collected { name, digits } => format!("{name}={digits}"),
                Output::Code { digits } => format!("code {digits}?"),
                Output::Visited { .. } => continue,
            });
        }
        heard.join(", ")
    }

    fn presses(&mut self, keys: &str) -> String {
        keys.chars().for_each(|key| self.walk.handle_digit(self.now, key));
        self.hears()
    }

    fn listens(&mut self) -> String {
        self.walk.handle_played(self.now);
        self.hears()
    }

    fn waits(&mut self, seconds: u64) -> String {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.walk.handle_timeout(self.now);
        self.hears()
    }
}

const MENU: &str = "start = 'top'\n[menu.top]\nprompt = 'hello'\nretries = 1\n\
                    choices = { 1 = 'queue:support', 0 = 'extension:201', 9 = 'echo', '*' = 'repeat', 4 = 'voicemail:201', 5 = 'number:+1555' }\n";

#[test]
fn a_key_during_the_prompt_counts_and_a_wrong_one_is_told() {
    let mut caller = Caller::new(MENU);
    assert_eq!(caller.hears(), "\"hello\"");
    assert_eq!(caller.presses("7"), "hush, \"invalid-choice\"");
    assert_eq!(caller.listens(), "\"hello\"");
    assert_eq!(caller.presses("1"), "hush, queue support 0");
    caller.walk.handle_refused(caller.now, Outcome::NoAnswer);
    assert_eq!(caller.hears(), "\"unavailable\"");
    assert_eq!(caller.listens(), "hang up");
}

#[test]
fn silence_counts_from_the_end_of_the_prompt() {
    let mut caller = Caller::new(MENU);
    caller.hears();
    assert_eq!(caller.waits(60), "", "the prompt is still being played");
    assert_eq!(caller.listens(), "");
    assert_eq!(caller.waits(4), "");
    assert_eq!(caller.waits(1), "\"hello\"");
    caller.listens();
    assert_eq!(caller.waits(5), "\"goodbye\"");
    assert_eq!(caller.presses("1"), "", "too late");
    assert_eq!(caller.listens(), "hang up");
}

#[test]
fn every_kind_of_target_leads_there() {
    for (key, there) in [
        ("0", "extension 201"),
        ("4", "voicemail 201"),
        ("9", "echo"),
        ("5", "number +1555"),
        ("*", "\"hello\""),
    ] {
        let mut caller = Caller::new(MENU);
        caller.hears();
        assert_eq!(caller.presses(key), format!("hush, {there}"));
    }
}

#[test]
fn keys_pressed_ahead_are_kept_for_who_asks() {
    let text = "start = 'intro'\n[say.intro]\nprompt = 'welcome'\nnext = 'id'\n\
                [collect.id]\nprompt = 'enter-customer-number'\nvariable = 'customer'\nmin = 3\nmax = 4\nnext = 'said'\n\
                [say.said]\nprompt = ['you-entered', { digits = 'customer' }, { number = 'customer' }]\nnext = 'hang-up'\n";
    let mut caller = Caller::new(text);
    assert_eq!(caller.hears(), "\"welcome\"");
    assert_eq!(
        caller.presses("1234"),
        "hush, customer=1234, \"you-entered n1 n2 n3 n4 n1 thousand n2 hundred and n30 n4\""
    );
    assert_eq!(caller.listens(), "hang up");
}

#[test]
fn an_entry_ends_by_terminator_by_length_or_by_waiting_and_too_few_keys_are_told() {
    let text = "start = 'id'\n[collect.id]\nprompt = 'enter-customer-number'\nvariable = 'c'\nmin = 2\nmax = 4\nnext = 'hang-up'\n";
    let mut caller = Caller::new(text);
    caller.hears();
    assert_eq!(caller.presses("1"), "hush");
    assert_eq!(caller.presses("#"), "\"invalid-entry\"");
    assert_eq!(caller.presses("12"), "hush");
    assert_eq!(caller.waits(2), "");
    assert_eq!(caller.waits(1), "c=12, hang up");
    let mut caller = Caller::new(text);
    assert_eq!(caller.presses("12#"), "\"enter-customer-number\", hush, c=12, hang up");
    let mut caller = Caller::new(text);
    assert_eq!(caller.presses("99999"), "\"enter-customer-number\", hush, c=9999, hang up");
    let mut caller = Caller::new(text);
    for _ in 0..3 {
        assert_eq!(caller.hears(), "\"enter-customer-number\"");
        caller.listens();
        caller.now = caller.now.after(Duration::from_secs(5));
        caller.walk.handle_timeout(caller.now);
    }
    assert_eq!(caller.hears(), "\"goodbye\"");
}

#[test]
fn an_entry_can_be_confirmed_or_corrected() {
    let text = "start = 'id'\n[collect.id]\nprompt = 'hello'\nvariable = 'c'\nmax = 2\nconfirm = true\nnext = 'hang-up'\n";
    let mut caller = Caller::new(text);
    assert_eq!(caller.presses("12"), "\"hello\", hush, \"you-entered n1 n2 confirm-entry\"");
    assert_eq!(caller.presses("2"), "hush, \"hello\"");
    assert_eq!(caller.presses("34"), "hush, \"you-entered n3 n4 confirm-entry\"");
    assert_eq!(caller.presses("1"), "hush, c=34, hang up");
}

#[test]
fn a_message_is_recorded_and_the_clock_is_told() {
    let text = "start = 'when'\n[say.when]\nprompt = ['the-time-is', { time = 'now' }, { date = 'now' }]\nnext = 'message'\n\
                [record.message]\nmax = 60\n";
    let mut caller = Caller::new(text);
    assert_eq!(caller.hears(), "\"the-time-is n12 oclock am weekday-4 month-1 day-1\"");
    assert_eq!(caller.listens(), "\"leave-message\"");
    assert_eq!(caller.listens(), "record 60");
    assert_eq!(caller.presses("#"), "", "the recorder ends at a key by itself");
    caller.walk.handle_recorded(caller.now, RecordingId(1), Duration::from_secs(3));
    assert_eq!(caller.hears(), "\"message-saved\"");
    assert_eq!(caller.listens(), "hang up");
}

#[test]
fn the_calendar_decides() {
    let text = "start = 'open'\n[hours.open]\ncalendar = 'office'\nopen = 'queue:support'\nclosed = 'night'\nholiday = 'away'\n\
                [hang_up.night]\nprompt = 'closed'\n[hang_up.away]\nprompt = 'closed-holiday'\n";
    let mut caller = Caller::new(text);
    assert_eq!(caller.hears(), "\"closed-holiday\"");
    let mut walk = Walk::new(caller.walk.flows.clone(), &FlowId::from("main"));
    let friday_morning = Now { unix: UnixTime((24 + 9) * 3_600 * 1_000_000), ..caller.now };
    walk.handle_started(friday_morning);
    caller.walk = walk;
    assert_eq!(caller.hears(), "queue support 0");
}

#[test]
fn each_refusal_goes_its_own_way() {
    let text = "start = 'desk'\n[extension.desk]\nextension = '201'\nbusy = 'a'\nno_answer = 'b'\notherwise = 'c'\n\
                [hang_up.a]\nprompt = 'all-agents-busy'\n[hang_up.b]\nprompt = 'bye'\n[hang_up.c]\nprompt = 'closed'\n";
    for (outcome, heard) in [
        (Outcome::Busy, "\"all-agents-busy\""),
        (Outcome::NoAnswer, "\"bye\""),
        (Outcome::Failed, "\"closed\""),
    ] {
        let mut caller = Caller::new(text);
        assert_eq!(caller.hears(), "extension 201");
        caller.walk.handle_refused(caller.now, outcome);
        assert_eq!(caller.hears(), heard);
    }
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let text = "start = 'tpo'\n[menu.top]\nprompt = ['hello', 'helo']\nwait = 99\nchoices = { 12 = 'queue:suport', 3 = 'flow:nihgt', 4 = 'voicemail:202' }\n\
                [say.top]\nprompt = { digits = 'x' }\nnext = 'extension:299'\n\
                [number.n]\nnumber = '12x'\n[hours.h]\ncalendar = 'offic'\nopen = 'top'\nclosed = 'top'\n\
                [collect.c]\nprompt = 'hello'\nvariable = 'v'\nmin = 9\nmax = 3\nnext = 'top'\n";
    let text = text.replace("{ digits = 'x' }", "[{ digits = 'x' }]");
    let found = mistakes(&text);
    let expected = [
        (Mistake::Node("tpo".into()), "'tpo'"),
        (Mistake::Clip("helo".into()), "'helo'"),
        (Mistake::Range(99, 1, 60), "99"),
        (Mistake::Key("12".into()), "12"),
        (Mistake::Queue("suport".into()), "'queue:suport'"),
        (Mistake::Flow("nihgt".into()), "'flow:nihgt'"),
        (Mistake::Mailbox("202".into()), "'voicemail:202'"),
        (Mistake::Twice("top".into()), "top"),
        (Mistake::Variable("x".into()), "{ digits = 'x' }"),
        (Mistake::Extension("299".into()), "'extension:299'"),
        (Mistake::Number("12x".into()), "'12x'"),
        (Mistake::Calendar("offic".into()), "'offic'"),
        (Mistake::MinAboveMax, "9"),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(what, at)| (what, at.to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_never_reached_and_what_never_ends_is_told() {
    let text = "start = 'a'\n[say.a]\nprompt = 'hello'\nnext = 'b'\n[goto.b]\nto = 'a'\n[say.lost]\nprompt = 'bye'\nnext = 'hang-up'\n";
    assert_eq!(
        mistakes(text),
        [
            (Mistake::Loop(vec!["a".into(), "b".into(), "a".into()]), "a".to_owned()),
            (Mistake::Unreachable("lost".into()), "lost".to_owned()),
        ]
    );
    let silent =
        "start = 'm'\n[menu.m]\nprompt = 'hello'\nchoices = { 1 = 'm' }\notherwise = 'm'\n";
    assert_eq!(mistakes(silent), [(Mistake::Loop(vec!["m".into(), "m".into()]), "m".to_owned())]);
    let asked = "start = 'm'\n[menu.m]\nprompt = 'hello'\nchoices = { 1 = 'm', 2 = 's' }\n[say.s]\nprompt = 'bye'\nnext = 'm'\n";
    assert_eq!(mistakes(asked), [], "a circle with a key in it is a menu");
}

/// Random flows that pass the check, walked by random callers: every walk ends, or waits for the caller.
#[test]
fn a_checked_flow_never_runs_away() {
    let mut checked = 0;
    for seed in 0..20_000 {
        let mut random = Random::from_number(seed);
        let text = random_flow(&mut random);
        let settings: flow::Settings = toml::from_str(&text).unwrap();
        let Ok(flows) = check(&[(FlowId::from("main"), settings)], &[], &known()) else { continue };
        checked += 1;
        stroll(Arc::new(flows), &mut random, seed);
    }
    assert!(checked > 300, "only {checked} of the random flows were good");
}

fn random_flow(random: &mut Random) -> String {
    let nodes = 2 + random.below(4);
    let target = |random: &mut Random| match random.below(nodes + 2) {
        at if at < nodes => format!("'n{at}'"),
        at if at == nodes => "'hang-up'".to_owned(),
        _ => "'queue:support'".to_owned(),
    };
    let mut text = "start = 'n0'\n".to_owned();
    for node in 0..nodes {
        let (a, b, c) = (target(random), target(random), target(random));
        text += &match random.below(5) {
            0 => format!("[say.n{node}]\nprompt = 'hello'\nnext = {a}\n"),
            1 => format!(
                "[menu.n{node}]\nprompt = 'hello'\nchoices = {{ 1 = {a}, 2 = {b} }}\notherwise = {c}\n"
            ),
            2 => format!(
                "[collect.n{node}]\nprompt = 'hello'\nvariable = 'v'\nmax = 3\nnext = {a}\notherwise = {b}\n"
            ),
            3 => format!("[goto.n{node}]\nto = {a}\n"),
            _ => format!("[queue.n{node}]\nqueue = 'support'\notherwise = {a}\n"),
        };
    }
    text
}

fn stroll(flows: Arc<Flows>, random: &mut Random, seed: u64) {
    let mut now = Now { instant: Instant::now(), unix: UnixTime(0) };
    let mut walk = Walk::new(flows, &FlowId::from("main"));
    walk.handle_started(now);
    for _ in 0..60 {
        let mut outputs = 0;
        while let Some(output) = walk.poll_output() {
            outputs += 1;
            assert!(outputs < 200, "seed {seed} runs away");
            match output {
                Output::HangUp | Output::Echo => return,
                _ => {}
            }
        }
        let waits = walk.deadline().is_some()
            || matches!(walk.doing, Doing::Away | Doing::Playing | Doing::Scolding);
        assert!(waits, "seed {seed} is stuck in {:?}", walk.doing);
        match random.below(4) {
            0 => walk.handle_digit(now, char::from(b'0' + random.below(10) as u8)),
            1 => walk.handle_refused(now, Outcome::Failed),
            2 => walk.handle_played(now),
            _ => {
                now = now.after(Duration::from_secs(random.below(8)));
                walk.handle_timeout(now);
            }
        }
    }
}

#[test]
fn a_program_gives_orders_in_time_or_the_caller_goes_on() {
    let text =
        "start = 'it'\n[program.it]\nprompt = 'hello'\nwait = 3\notherwise = 'extension:201'";
    let mut caller = Caller::new(text);
    assert_eq!(caller.hears(), "\"hello\"");
    assert!(!caller.walk.takes_orders(), "not while it speaks itself");
    caller.walk.handle_played(caller.now);
    assert_eq!(caller.hears(), "waits it");
    // An order may take as long as it takes; the next one has its own time.
    caller.walk.handle_order();
    assert_eq!(caller.walk.deadline(), None);
    caller.now = caller.now.after(Duration::from_secs(60));
    caller.walk.handle_order_done(caller.now);
    assert_eq!(caller.walk.deadline(), Some(caller.now.instant + Duration::from_secs(3)));
    caller.walk.handle_digit(caller.now, '5');
    assert!(caller.walk.takes_orders());
    // Sent where nobody takes them, callers are where no program was.
    caller.walk.handle_sent_on();
    assert!(!caller.walk.takes_orders() && caller.walk.deadline().is_none());
    caller.walk.handle_refused(caller.now, Outcome::Busy);
    assert_eq!(caller.hears(), "extension 201");
    let mut alone = Caller::new(text);
    alone.walk.handle_played(alone.now);
    alone.now = alone.now.after(Duration::from_secs(3));
    alone.walk.handle_timeout(alone.now);
    assert!(alone.hears().ends_with("extension 201"));
}

const BACK: &str = "start = 'top'\n[menu.top]\nprompt = 'hello'\nchoices = { 5 = 'back' }\n\
                    [callback.back]\nqueue = 'support'\npriority = 7\nkeyed = true\nretries = 1\notherwise = 'bye'\n\
                    [hang_up.bye]\nprompt = 'bye'";

impl Caller {
    /// The box says whether a number may be called.
    fn told(&mut self, readable: Option<&str>) -> String {
        self.walk.handle_callable(self.now, readable);
        self.hears()
    }

    /// The same, and the caller listens to the end.
    fn told_whole(&mut self, readable: Option<&str>) -> String {
        let heard = self.told(readable);
        self.listens();
        heard
    }
}

#[test]
fn a_caller_is_called_back_at_the_own_number_that_is_read_out_and_confirmed() {
    let mut caller = Caller::new(BACK);
    caller.hears();
    assert_eq!(caller.presses("51"), "hush, may ?", "what is typed ahead confirms nothing");
    assert_eq!(caller.presses("1"), "", "nor before it is read out");
    let heard = caller.told(Some("+49"));
    assert_eq!(heard, "\"callback-number plus n4 n9 callback-or-other\"");
    assert_eq!(caller.presses("71"), "hush, call  back in support", "another key is a slip");
    assert_eq!(caller.presses("1"), "", "once");
    assert_eq!(caller.walk.deadline(), None);
    caller.walk.handle_refused(caller.now, Outcome::Failed);
    assert_eq!(caller.hears(), "\"callback-sorry\"", "the disk failed meanwhile");
    assert_eq!(caller.listens(), "\"bye\"");
}

#[test]
fn another_number_is_keyed_read_back_keyed_again_and_confirmed() {
    let mut caller = Caller::new(BACK);
    caller.presses("5");
    caller.told(Some("12"));
    assert_eq!(caller.presses("2"), "hush, \"callback-key\"");
    assert_eq!(caller.presses("300#"), "hush, may 300?");
    let heard = caller.told_whole(Some("300"));
    assert_eq!(heard, "\"callback-number n3 n0 n0 callback-or-again\"");
    assert_eq!(caller.presses("2"), "\"callback-key\"");
    caller.listens();
    caller.presses("45");
    assert_eq!(caller.waits(5), "may 45?", "silence ends a number");
    caller.told_whole(Some("45"));
    assert_eq!(caller.presses("1"), "call 45 back in support");
    let mut caller = Caller::new(BACK);
    caller.presses("5");
    caller.told(Some("12"));
    caller.presses("2");
    let longest = "1234567890123456789";
    assert_eq!(caller.presses(longest), format!("hush, may {longest}?"), "no longer one");
    caller.told(Some(longest));
    assert_eq!(caller.presses("*"), "hush, \"bye\"", "neither");
}

#[test]
fn who_hides_the_number_is_asked_for_one_and_who_cannot_be_called_is_told_so() {
    let mut caller = Caller::new(BACK);
    caller.presses("5");
    assert_eq!(caller.told(None), "\"callback-key\"");
    caller.presses("911#");
    assert_eq!(caller.told(None), "\"callback-refused callback-key\"");
    caller.presses("900#");
    assert_eq!(caller.told(None), "\"callback-sorry\"", "as often as it may be tried");
    assert_eq!(caller.presses("12345#"), "", "it is over");
    assert_eq!(caller.listens(), "\"bye\"");
    // Where none may be keyed in.
    let own_alone =
        "start = 'top'\n[menu.top]\nprompt = 'hello'\nchoices = { 5 = 'callback:support' }";
    let mut caller = Caller::new(own_alone);
    caller.presses("5");
    assert_eq!(caller.told(None), "\"callback-sorry\"");
    assert_eq!(caller.listens(), "\"goodbye\"");
    let mut caller = Caller::new(own_alone);
    caller.presses("5");
    assert_eq!(caller.told_whole(Some("12")), "\"callback-number n1 n2 callback-or-not\"");
    assert_eq!(caller.presses("2"), "");
    assert_eq!(caller.waits(5), "may ?", "asked once more, and read out as it is by then");
    caller.told_whole(Some("12"));
    assert_eq!(caller.waits(5), "may ?");
    caller.told_whole(Some("12"));
    assert_eq!(caller.waits(5), "\"goodbye\"");
}

/// Whatever is pressed and answered: a walk never stops, and confirms no number but one that was read out.
#[test]
fn a_callback_never_gets_stuck_and_promises_what_was_read_out_alone() {
    for seed in 0..3_000 {
        let mut random = Random::from_number(seed);
        let mut caller = Caller::new(BACK);
        let mut read: Option<Option<String>> = None;
        for _ in 0..200 {
            let mut ask = None;
            while let Some(output) = caller.walk.poll_output() {
                match output {
                    Output::Callable { keyed, .. } => ask = Some(keyed),
                    Output::CallBack { keyed, place, .. } => {
                        assert_eq!(Some(&keyed), read.as_ref(), "seed {seed}");
                        assert_eq!((place.queue.as_str(), place.priority), ("support", 7));
                    }
                    _ => {}
                }
            }
            if let Some(keyed) = ask {
                let may = random.below(2) == 0;
                let number = keyed.clone().unwrap_or_else(|| "+49".to_owned());
                read = may.then_some(keyed);
                caller.walk.handle_callable(caller.now, may.then_some(number.as_str()));
                continue;
            }
            if caller.walk.doing == Doing::Over {
                break;
            }
            let waits = caller.walk.deadline().is_some()
                || matches!(caller.walk.doing, Doing::Away | Doing::Playing | Doing::Scolding);
            assert!(waits, "seed {seed} is stuck in {:?}", caller.walk);
            let key = char::from(b"0123456789*#125"[random.below(15) as usize]);
            match random.below(4) {
                0 | 1 => caller.walk.handle_digit(caller.now, key),
                2 if caller.walk.doing == Doing::Away => {
                    caller.walk.handle_refused(caller.now, Outcome::Failed);
                }
                2 => caller.walk.handle_played(caller.now),
                _ => {
                    caller.now = caller.now.after(Duration::from_secs(random.below(8)));
                    caller.walk.handle_timeout(caller.now);
                }
            }
        }
    }
}

#[test]
fn a_callback_in_a_queue_that_calls_nobody_back_is_a_mistake() {
    let text = BACK.replace("support", "sales").replace("retries = 1", "retries = 11");
    assert_eq!(
        mistakes(&text),
        [
            (Mistake::NoCallback("sales".to_owned()), "'sales'".to_owned()),
            (Mistake::Range(11, 0, 10), "11".to_owned()),
        ]
    );
    let text = MENU.replace("'queue:support'", "'callback:suport'");
    assert_eq!(
        mistakes(&text),
        [(Mistake::Queue("suport".to_owned()), "'callback:suport'".to_owned())]
    );
}

const CODE: &str = "start = 'top'\n[menu.top]\nprompt = 'hello'\nchoices = { 1 = 'queue:support', 6 = 'code' }\n\
                    [conversation_code.code]\nretries = 1\nnext = 'queue:support'\notherwise = 'top'\n";

#[test]
fn a_good_code_leads_on_and_a_wrong_one_back_to_the_menu_in_the_end() {
    let mut caller = Caller::new(CODE);
    caller.hears();
    assert_eq!(caller.presses("6"), "hush, \"conversation-code\"");
    // The digits are looked at by somebody else; whatever is pressed meanwhile changes nothing.
    assert_eq!(caller.presses("4711529"), "hush, code 471152?");
    caller.walk.handle_code(caller.now, true);
    assert_eq!(caller.hears(), "queue support 0");
    let mut caller = Caller::new(CODE);
    caller.presses("6");
    assert_eq!(caller.presses("12#"), "hush, \"conversation-code-wrong\"", "too short");
    assert_eq!(caller.listens(), "\"conversation-code\"");
    assert_eq!(caller.presses("111111"), "hush, code 111111?");
    caller.walk.handle_code(caller.now, false);
    assert_eq!(caller.hears(), "\"conversation-code-wrong\"", "a polite word");
    assert_eq!(caller.listens(), "\"hello\"", "and the ordinary menu");
    // Said without being asked it changes nothing.
    caller.walk.handle_code(caller.now, true);
    assert_eq!(caller.hears(), "");
    assert_eq!(caller.presses("1"), "hush, queue support 0");
}

#[test]
fn a_code_that_is_typed_ahead_is_looked_at_once() {
    let mut caller = Caller::new(CODE);
    assert_eq!(caller.presses("6"), "\"hello\", hush, \"conversation-code\"");
    caller.presses("12");
    assert_eq!(caller.waits(10), "\"conversation-code-wrong\"", "nothing more came");
}
