//! An office that says more than it may: however much that is, little waits at the box, and nothing is done twice.

#![allow(clippy::disallowed_methods)]

use super::frame::Welcome;
use super::*;

fn up(now: Instant) -> Uplink {
    let (site, epoch, program) = ("berne".to_owned(), "1".to_owned(), String::new());
    let settings = Settings { site, epoch, program, ceiling: None, tls: true };
    let mut uplink = Uplink::new(now, settings, (1, 0), 0, Random::from_number(1));
    uplink.handle_timeout(now);
    uplink.handle_connected(now);
    let welcome = Welcome {
        version: VERSION,
        have: 0,
        window: 1 << 20,
        people: true,
        blobs: false,
        amends: false,
    };
    uplink.handle_frame(now, Frame::Welcome(welcome));
    all(&mut uplink);
    uplink
}

fn all(uplink: &mut Uplink) -> Vec<Output> {
    std::iter::from_fn(|| uplink.poll_output()).collect()
}

fn told(upto: u64) -> Frame {
    Frame::Told(Told { upto, changes: Vec::new() })
}

#[test]
fn an_office_that_asks_without_end_whether_somebody_is_there_is_hung_up_on() {
    let mut now = Instant::now();
    let mut uplink = up(now);
    (0..100_000).for_each(|mark| uplink.handle_frame(now, Frame::Ping(mark)));
    let outputs = all(&mut uplink);
    let pongs = outputs.iter().filter(|one| matches!(one, Output::Send(Frame::Pong(_)))).count();
    assert!(pongs <= 32 && outputs.contains(&Output::Hangup), "{pongs}");
    // One that asks now and then is answered for ever.
    let mut uplink = up(now);
    for mark in 0..1_000 {
        now += Duration::from_secs(1);
        uplink.handle_frame(now, Frame::Ping(mark));
        assert_eq!(all(&mut uplink), [Output::Send(Frame::Pong(mark))]);
    }
}

#[test]
fn a_certificate_comes_when_it_was_asked_for_and_the_box_asks_once_at_a_time() {
    let now = Instant::now();
    let mut uplink = up(now);
    (0..10_000).for_each(|_| uplink.handle_frame(now, Frame::Renew));
    assert_eq!(all(&mut uplink), [Output::Renew]);
    uplink.handle_request(Request { secret: None, request: "PEM".to_owned() });
    all(&mut uplink);
    let text = || "PEM".to_owned();
    let certificate =
        Certificate { site: "berne".to_owned(), certificate: text(), authority: text() };
    uplink.handle_frame(now, Frame::Certificate(certificate.clone()));
    assert_eq!(all(&mut uplink), [Output::Renewed(certificate.clone())]);
    // One more nobody has asked for.
    uplink.handle_frame(now, Frame::Certificate(certificate));
    let outputs = all(&mut uplink);
    assert!(outputs.contains(&Output::Hangup), "{outputs:?}");
    assert!(!outputs.iter().any(|one| matches!(one, Output::Renewed(_))));
    // A request that failed at the office may be asked for again.
    let mut uplink = up(now);
    uplink.handle_frame(now, Frame::Renew);
    uplink.handle_frame(now + Duration::from_secs(5), Frame::Renew);
    assert_eq!(all(&mut uplink), [Output::Renew, Output::Renew]);
}

#[test]
fn one_thing_that_is_told_is_at_the_box_at_a_time() {
    let now = Instant::now();
    let mut uplink = up(now);
    (1..1_000).for_each(|upto| uplink.handle_frame(now, told(upto)));
    assert!(matches!(&all(&mut uplink)[..], [Output::Told(Told { upto: 1, .. })]));
    uplink.handle_took(1);
    uplink.handle_frame(now, told(2));
    let outputs = all(&mut uplink);
    assert!(matches!(&outputs[..], [_, Output::Told(Told { upto: 2, .. })]), "{outputs:?}");
    // What the box could not keep it does not acknowledge, and is told again.
    uplink.handle_frame(now + Duration::from_secs(15), told(2));
    assert!(matches!(&all(&mut uplink)[..], [Output::Told(Told { upto: 2, .. })]));
}

#[test]
fn nobody_is_told_the_answer_to_a_question_that_was_not_asked() {
    let now = Instant::now();
    let mut uplink = up(now);
    uplink.handle_ask(Ask { mark: 7, tokens: vec!["#1".to_owned()] });
    all(&mut uplink);
    for mark in [8, 7, 7] {
        uplink.handle_frame(now, Frame::Answer(Answer { mark, known: None }));
    }
    assert_eq!(all(&mut uplink), [Output::Answer(Answer { mark: 7, known: None })]);
}
