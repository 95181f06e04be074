use std::time::{Duration, Instant};

use super::*;
use crate::id::{CallId, ContactId};
use crate::time::{Now, UnixTime};

const ANN: &str = "phone:+4930123456";
const LIMITS: Limits =
    Limits { fresh: Duration::from_secs(3_600), unknown: Duration::from_secs(600) };

struct Scene {
    now: Now,
    lookups: Lookups,
    asks: Vec<Ask>,
    learned: Vec<(Answer, Vec<CallId>)>,
    tested: Vec<Result<Answer, Fault>>,
}

impl Scene {
    fn new() -> Scene {
        let now = Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) };
        let (asks, learned, tested) = (Vec::new(), Vec::new(), Vec::new());
        Scene { now, lookups: Lookups::new(LIMITS), asks, learned, tested }
    }

    fn turn(&mut self) {
        while let Some(output) = self.lookups.poll_output() {
            match output {
                Output::Ask(ask) => self.asks.push(ask),
                Output::Learned { answer, calls, .. } => self.learned.push((answer, calls)),
                Output::Tested { result, .. } => self.tested.push(result),
            }
        }
    }

    fn calls(&mut self, call: u64, identity: &str, age: Option<u64>) -> Asked {
        let asked = age.map(|age| UnixTime(self.now.unix.0 - age as i64 * 1_000_000));
        let known =
            age.is_some().then_some(Known { contact: ContactId(7), also: Vec::new(), asked });
        let asked = self.lookups.handle_caller(self.now, CallId(call), identity, known);
        self.turn();
        asked
    }

    fn answer(&mut self, result: Result<Answer, Fault>) {
        let id = self.asks.last().expect("something was asked").id;
        self.answer_to(id, result);
    }

    fn answer_to(&mut self, id: AskId, result: Result<Answer, Fault>) {
        self.lookups.handle_answer(self.now, id, Duration::from_millis(80), result);
        self.turn();
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }
}

fn found() -> Answer {
    read(200, br#"{"found":true,"fields":{"name":"Ann Lee"}}"#).expect("an answer")
}

#[test]
fn what_is_old_is_shown_and_asked_for_anew_beside_it() {
    let mut scene = Scene::new();
    assert_eq!(scene.calls(1, ANN, Some(3_599)), Asked::Fresh);
    assert!(scene.asks.is_empty());
    assert_eq!(scene.calls(2, ANN, Some(3_600)), Asked::Stale);
    // Others who want to know the same meanwhile do not ask again.
    assert_eq!(scene.calls(3, ANN, Some(3_600)), Asked::Stale);
    assert_eq!((scene.asks.len(), scene.asks[0].contact), (1, Some(ContactId(7))));
    scene.answer(Ok(found()));
    assert_eq!(scene.learned, [(found(), vec![CallId(2), CallId(3)])]);
    assert_eq!(scene.lookups.open(), 0);
}

#[test]
fn whom_it_does_not_know_nobody_asks_about_for_a_while() {
    let mut scene = Scene::new();
    assert_eq!(scene.calls(1, ANN, None), Asked::Missed);
    scene.answer(Ok(Answer::Unknown));
    assert_eq!(scene.calls(2, ANN, None), Asked::Unknown);
    assert_eq!(scene.calls(3, "phone:+4930999999", None), Asked::Missed);
    scene.pass(600);
    assert_eq!(scene.calls(4, ANN, None), Asked::Missed);
    assert_eq!(scene.asks.len(), 3);
    for number in 0..10_000 {
        scene.calls(number, &format!("phone:+49301{number:06}"), None);
        scene.answer(Ok(Answer::Unknown));
    }
    assert!(scene.lookups.unknown_len() <= 4_096);
}

#[test]
fn after_nothing_but_trouble_it_rests_and_a_try_asks_all_the_same() {
    let mut scene = Scene::new();
    for call in 0..3 {
        scene.calls(call, ANN, Some(86_400));
        scene.answer(Err(Fault::Late));
    }
    assert_eq!(scene.calls(4, ANN, Some(86_400)), Asked::Stale, "what is known is shown");
    assert_eq!(scene.asks.len(), 3, "and nobody is asked");
    let until = scene.lookups.trouble().and_then(|(_, until)| until).expect("a rest");
    assert_eq!(until - scene.now.instant, Duration::from_secs(10));
    scene.pass(10);
    scene.calls(5, ANN, Some(86_400));
    scene.answer(Err(Fault::Unreachable));
    let until = scene.lookups.trouble().and_then(|(_, until)| until).expect("a longer rest");
    assert_eq!(until - scene.now.instant, Duration::from_secs(20));
    scene.lookups.handle_test(scene.now, 1, ANN);
    scene.turn();
    assert_eq!(scene.asks.len(), 5);
    scene.answer(Ok(found()));
    assert_eq!(scene.tested, [Ok(found())]);
    assert!(scene.learned.is_empty(), "a try changes no record");
    assert_eq!(scene.lookups.trouble(), None);
}

#[test]
fn a_slow_one_has_a_handful_of_questions_and_old_ones_are_dropped() {
    let mut scene = Scene::new();
    for number in 0..1_000 {
        scene.calls(number, &format!("phone:+49301{number:06}"), None);
    }
    assert_eq!(scene.asks.len(), 8);
    assert_eq!(scene.lookups.open(), 8 + 64);
    scene.pass(21);
    let first = scene.asks[0].id;
    scene.answer_to(first, Ok(Answer::Unknown));
    assert_eq!(scene.asks.len(), 8, "nobody waits for the others any more");
    assert_eq!(scene.lookups.open(), 7);
    assert_eq!(scene.lookups.counters.dropped, 1_000 - 8);
}

#[test]
fn of_an_answer_what_is_small_and_plain_is_taken() {
    let body = r#"{"found":true,"id":42,"link":"https://crm.example.com/c/42","more":[1],"fields":{
        "name":" Ann\u0007 \u202eLee\n","vip":true,"orders":3,"nothing":null,"Bad Name":"x","deep":{"a":1},"list":[],
        "empty":"  ","long":"LONG"}}"#
        .replace("LONG", &"x".repeat(600));
    let Ok(Answer::Found(found)) = read(200, body.as_bytes()) else { panic!("found") };
    let fields: Vec<_> = found.fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(fields, [("name", "Ann  Lee"), ("orders", "3"), ("vip", "true")]);
    assert_eq!(found.id.as_deref(), Some("42"));
    assert_eq!(found.link.as_deref(), Some("https://crm.example.com/c/42"));
    assert_eq!(found.left_out, ["BadName", "deep", "empty", "list", "long"]);
    for link in [
        "javascript:alert(1)",
        "http://x/",
        "https://",
        "https://a@b/",
        "https://x/\\\"><script>",
        "data:text/html,x",
    ] {
        let body = format!("{{\"found\":true,\"link\":\"{link}\"}}");
        let Ok(Answer::Found(found)) = read(200, body.as_bytes()) else { panic!("found") };
        assert_eq!((found.link, found.left_out), (None, vec!["link".to_owned()]), "{link}");
    }
    let many: Vec<_> = (0..100).map(|n| format!("\"f{n}\":{n}")).collect();
    let many = format!("{{\"found\":true,\"fields\":{{{}}}}}", many.join(","));
    let Ok(Answer::Found(found)) = read(200, many.as_bytes()) else { panic!("found") };
    assert_eq!((found.fields.len(), found.left_out.len()), (32, 32));
}

#[test]
fn a_hostile_answer_is_a_fault_and_nothing_else() {
    let long = format!("{{\"found\":true,\"fields\":{{\"a\":\"{}\"}}}}", "x".repeat(1 << 20));
    let deep = format!("{{\"found\":true,\"fields\":{{\"a\":{}", "[".repeat(10_000));
    let deepest = format!("{{\"found\":true,\"more\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    assert_eq!(read(200, long.as_bytes()), Err(Fault::TooLong));
    for body in [
        deep.as_str(),
        "",
        "null",
        "[]",
        "\"x\"",
        "{}",
        "{\"found\":\"yes\"}",
        "{\"found\":1}",
        "{\"found\":true,\"fields\":[]}",
        "{\"found\":true,\"fields\":\"x\"}",
        "{\"found\":true",
        "<html>",
    ] {
        assert_eq!(read(200, body.as_bytes()), Err(Fault::Unreadable), "{}", body.len());
    }
    // Members that nobody named are passed over, whatever is in them.
    assert_eq!(read(200, deepest.as_bytes()), Ok(Answer::Found(Found::default())));
    assert_eq!(read(200, b"\xff\xfe"), Err(Fault::Unreadable));
    assert_eq!(read(404, b"{"), Ok(Answer::Unknown));
    assert_eq!(read(200, b"{\"found\":false,\"fields\":{\"a\":1}}"), Ok(Answer::Unknown));
    for status in [204, 301, 401, 429, 500] {
        assert_eq!(read(status, b"{\"found\":true}"), Err(Fault::Status(status)));
    }
}
