//! Subscriptions, in virtual time.

use super::dialog_info::{Dialog as Call, Direction};
use super::summary::Counts;
use super::*;
use crate::sip::message::{Message, Transport, parse};
use crate::time::UnixTime;

const PHONE: &str = "192.0.2.21:5060";

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_000_000_000_000_000) }
}

fn notifier(settings: Settings) -> Notifier {
    Notifier::new(settings, Random::from_number(1))
}

fn flow(transport: Transport, connection: u64) -> Flow {
    Flow {
        transport,
        local: "192.0.2.1:5060".parse().unwrap(),
        peer: PHONE.parse().unwrap(),
        connection: ConnectionId(connection),
    }
}

/// A SUBSCRIBE for 202; `tag` is ours, where it refreshes.
fn subscribe(call: &str, cseq: u32, tag: Option<&str>, lines: &str) -> Request {
    let tag = tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
    let text = format!(
        "SUBSCRIBE sip:202@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bK{cseq}\r\n\
         From: <sip:201@192.0.2.1>;tag=phone\r\nTo: <sip:202@192.0.2.1>{tag}\r\nCall-ID: {call}\r\n\
         CSeq: {cseq} SUBSCRIBE\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    match parse(text.as_bytes(), false) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

const CONTACT: &str = "Contact: <sip:201@192.0.2.21:5060>\r\n";

fn dialog_event(expires: u32) -> String {
    format!("Event: dialog\r\n{CONTACT}Expires: {expires}\r\n")
}

fn ask(notifier: &mut Notifier, now: Now, request: &Request) -> Response {
    let may = |_: Package, _: &str| Permission::Granted;
    notifier.handle_subscribe(now, "201", request, flow(Transport::Udp, 0), may)
}

fn tag_of(response: &Response) -> String {
    response.headers.to().unwrap().tag().unwrap().to_owned()
}

fn state(confirmed: bool) -> State {
    let call = Call {
        id: "1".into(),
        names: None,
        direction: Direction::Recipient,
        state: dialog_info::State::Confirmed,
        remote: None,
    };
    let entity = Uri::parse("sip:202@192.0.2.1").unwrap();
    State::Dialogs { entity, dialogs: confirmed.then_some(call).into_iter().collect() }
}

/// Answers every question with `state`. Gives the NOTIFYs that go out, and what is kept.
fn drain(
    notifier: &mut Notifier,
    now: Now,
    state: &State,
) -> (Vec<(SubscriptionId, Request)>, i32) {
    let (mut sent, mut kept) = (Vec::new(), 0);
    while let Some(output) = notifier.poll_output() {
        match output {
            Output::Ask { id, .. } => notifier.handle_state(now, id, Some(state.clone())),
            Output::Notify { id, request, .. } => sent.push((id, *request)),
            Output::Keep { .. } => kept += 1,
            Output::Over { .. } => kept -= 1,
        }
    }
    (sent, kept)
}

fn told(request: &Request) -> (String, String) {
    let state = request.headers.get("Subscription-State").unwrap().to_owned();
    (state, String::from_utf8(request.body.clone()).unwrap())
}

fn answer(notifier: &mut Notifier, now: Now, (id, request): &(SubscriptionId, Request), code: u16) {
    let mut response = Response::to(request, Status::new(code).unwrap());
    if code == 503 {
        response.headers.push("Retry-After", "5").unwrap();
    }
    notifier.handle_response(now, *id, &response);
}

#[test]
fn a_subscription_lives_from_its_200_to_the_notify_that_ends_it() {
    let mut notifier = notifier(Settings::default());
    let start = now();
    let response = ask(&mut notifier, start, &subscribe("a", 1, None, &dialog_event(600)));
    assert_eq!(response.status, Status::OK);
    assert_eq!(response.expires(), Some(600));
    let tag = tag_of(&response);
    let (sent, kept) = drain(&mut notifier, start, &state(false));
    assert_eq!((sent.len(), kept), (1, 1));
    let (line, body) = told(&sent[0].1);
    assert_eq!(line, "active;expires=600");
    assert!(body.contains("version=\"0\" state=\"full\""), "{body}");
    assert_eq!(sent[0].1.headers.get("Event"), Some("dialog"));
    assert_eq!(sent[0].1.headers.from().unwrap().tag(), Some(tag.as_str()));
    answer(&mut notifier, start, &sent[0], 200);

    // A refresh is told everything, though nothing has changed.
    let later = start.after(Duration::from_secs(300));
    let again = subscribe("a", 2, Some(&tag), &dialog_event(600));
    assert_eq!(ask(&mut notifier, later, &again).status, Status::OK);
    let (sent, _) = drain(&mut notifier, later, &state(false));
    assert!(told(&sent[0].1).1.contains("version=\"1\" state=\"full\""));
    answer(&mut notifier, later, &sent[0], 200);

    let end = subscribe("a", 3, Some(&tag), &dialog_event(0));
    let response = ask(&mut notifier, later, &end);
    assert_eq!((response.status, response.expires()), (Status::OK, Some(0)));
    let (sent, kept) = drain(&mut notifier, later, &state(true));
    assert_eq!((sent.len(), kept), (1, -1));
    let (line, body) = told(&sent[0].1);
    assert_eq!(line, "terminated;reason=timeout");
    assert!(body.contains("<state>confirmed</state>"), "the last one is whole as well: {body}");
    assert!(notifier.is_empty() && notifier.deadline().is_none());
    let late = subscribe("a", 4, Some(&tag), &dialog_event(600));
    assert_eq!(ask(&mut notifier, later, &late).status, Status::CALL_DOES_NOT_EXIST);
}

#[test]
fn one_that_nobody_refreshes_ends_by_itself() {
    let mut notifier = notifier(Settings::default());
    let start = now();
    ask(&mut notifier, start, &subscribe("a", 1, None, &dialog_event(60)));
    let (sent, _) = drain(&mut notifier, start, &state(false));
    answer(&mut notifier, start, &sent[0], 200);
    let end = start.after(Duration::from_secs(60));
    assert_eq!(notifier.deadline(), Some(end.instant));
    notifier.handle_timeout(end);
    let (sent, kept) = drain(&mut notifier, end, &state(false));
    assert_eq!((told(&sent[0].1).0.as_str(), kept), ("terminated;reason=timeout", -1));
    assert!(notifier.is_empty());
}

#[test]
fn what_cannot_be_watched_is_refused_as_the_rfc_asks() {
    let mut notifier = notifier(Settings::default());
    let refused = |notifier: &mut Notifier, lines: &str| {
        ask(notifier, now(), &subscribe("a", 1, None, lines))
    };
    for event in ["Event: presence\r\n", "Event: conference\r\n", ""] {
        let response = refused(&mut notifier, &format!("{event}{CONTACT}"));
        assert_eq!(response.status, Status::BAD_EVENT, "{event}");
        assert_eq!(response.headers.get("Allow-Events"), Some("message-summary, dialog"));
    }
    let brief = refused(&mut notifier, &dialog_event(30));
    assert_eq!(brief.status, Status::INTERVAL_TOO_BRIEF);
    assert_eq!(brief.headers.get("Min-Expires"), Some("60"));
    let other = format!("{}Accept: application/pidf+xml\r\n", dialog_event(600));
    assert_eq!(refused(&mut notifier, &other).status, Status::NOT_ACCEPTABLE);
    assert_eq!(refused(&mut notifier, "Event: dialog\r\n").status, Status::BAD_REQUEST);
    for (permission, status) in
        [(Permission::Denied, Status::FORBIDDEN), (Permission::NoSuch, Status::NOT_FOUND)]
    {
        let request = subscribe("a", 1, None, &dialog_event(600));
        let udp = flow(Transport::Udp, 0);
        let response = notifier.handle_subscribe(now(), "201", &request, udp, |_, _| permission);
        assert_eq!(response.status, status);
    }
    assert!(notifier.is_empty() && notifier.poll_output().is_none());
}

#[test]
fn changes_are_told_once_each_and_the_newest_wins_while_one_is_on_its_way() {
    let mut notifier = notifier(Settings::default());
    let start = now();
    ask(&mut notifier, start, &subscribe("a", 1, None, &dialog_event(600)));
    let (first, _) = drain(&mut notifier, start, &state(false));
    // Two changes while the first NOTIFY is not answered: one NOTIFY, with what is true by then.
    notifier.handle_changed(start, Package::Dialog, "202");
    notifier.handle_changed(start, Package::Dialog, "202");
    assert!(drain(&mut notifier, start, &state(true)).0.is_empty());
    answer(&mut notifier, start, &first[0], 200);
    let (second, _) = drain(&mut notifier, start, &state(true));
    assert_eq!(second.len(), 1);
    assert!(told(&second[0].1).1.contains("confirmed"));
    answer(&mut notifier, start, &second[0], 200);
    // What looks the same is not told again, and what others do is not told at all.
    notifier.handle_changed(start, Package::Dialog, "202");
    notifier.handle_changed(start, Package::Dialog, "203");
    notifier.handle_changed(start, Package::MessageSummary, "202");
    assert!(drain(&mut notifier, start, &state(true)).0.is_empty());
}

#[test]
fn a_restless_line_is_told_three_times_and_then_once_a_second() {
    let mut notifier = notifier(Settings::default());
    let mut at = now();
    ask(&mut notifier, at, &subscribe("a", 1, None, &dialog_event(600)));
    let mut count = 0;
    for step in 0..100 {
        let (sent, _) = drain(&mut notifier, at, &state(step % 7 < 3));
        sent.iter().for_each(|one| answer(&mut notifier, at, one, 200));
        count += sent.len();
        at = at.after(Duration::from_millis(100));
        notifier.handle_timeout(at);
        notifier.handle_changed(at, Package::Dialog, "202");
    }
    assert!((8..=14).contains(&count), "{count} in ten seconds");
    // The last word is not lost.
    at = at.after(Duration::from_secs(3));
    notifier.handle_timeout(at);
    notifier.handle_changed(at, Package::Dialog, "202");
    let (sent, _) = drain(&mut notifier, at, &state(true));
    assert_eq!(sent.len(), 1);
}

#[test]
fn a_phone_that_knows_nothing_of_it_is_left_alone() {
    for code in [481, 404, 489, 500, 403] {
        let mut notifier = notifier(Settings::default());
        ask(&mut notifier, now(), &subscribe("a", 1, None, &dialog_event(600)));
        let (sent, _) = drain(&mut notifier, now(), &state(false));
        answer(&mut notifier, now(), &sent[0], code);
        let (sent, kept) = drain(&mut notifier, now(), &state(false));
        assert!(notifier.is_empty() && sent.is_empty() && kept == -1, "{code}");
        assert_eq!(notifier.dropped, 1);
    }
    let mut notifier = notifier(Settings::default());
    ask(&mut notifier, now(), &subscribe("a", 1, None, &dialog_event(600)));
    let (sent, _) = drain(&mut notifier, now(), &state(false));
    notifier.handle_failed(sent[0].0, false);
    assert!(notifier.is_empty());
}

#[test]
fn a_phone_that_asks_for_time_gets_it_and_then_the_news() {
    let mut notifier = notifier(Settings::default());
    let start = now();
    ask(&mut notifier, start, &subscribe("a", 1, None, &dialog_event(600)));
    let (sent, _) = drain(&mut notifier, start, &state(false));
    answer(&mut notifier, start, &sent[0], 503);
    notifier.handle_changed(start, Package::Dialog, "202");
    let later = start.after(Duration::from_secs(5));
    notifier.handle_timeout(later);
    let (sent, _) = drain(&mut notifier, later, &state(true));
    assert_eq!(sent.len(), 1);
    assert!(told(&sent[0].1).1.contains("confirmed"));
}

#[test]
fn a_phone_that_reconnects_finds_its_lamps_and_one_that_unregisters_loses_them() {
    let mut notifier = notifier(Settings::default());
    let start = now();
    let (before, after) = (flow(Transport::Tcp, 7), flow(Transport::Tcp, 8));
    let request = subscribe("a", 1, None, &dialog_event(600));
    notifier.handle_subscribe(start, "201", &request, before, |_, _| Permission::Granted);
    let (sent, _) = drain(&mut notifier, start, &state(false));
    answer(&mut notifier, start, &sent[0], 200);
    notifier.handle_closed(ConnectionId(7));
    notifier.handle_changed(start, Package::Dialog, "202");
    assert!(drain(&mut notifier, start, &state(true)).0.is_empty(), "there is no way to it");
    let contact = Uri::parse("sip:201@192.0.2.21:5060;transport=tcp").unwrap();
    notifier.handle_unregistered("201", &contact);
    notifier.handle_registered(start, "201", &contact, after);
    let mut routes = Vec::new();
    while let Some(output) = notifier.poll_output() {
        match output {
            Output::Ask { id, .. } => notifier.handle_state(start, id, Some(state(true))),
            Output::Notify { id, route, request, .. } => {
                assert!(told(&request).1.contains("confirmed"));
                answer(&mut notifier, start, &(id, *request), 200);
                routes.push(route);
            }
            _ => {}
        }
    }
    assert_eq!(routes, [Route::Flow(after)]);
    // Another phone of the extension goes: nothing happens to this one.
    notifier.handle_unregistered("201", &Uri::parse("sip:201@192.0.2.22:5060").unwrap());
    assert_eq!(notifier.len(), 1);
    notifier.handle_unregistered("201", &contact);
    let (sent, _) = drain(&mut notifier, start, &state(true));
    assert_eq!(told(&sent[0].1).0, "terminated;reason=deactivated");
    assert!(notifier.is_empty());
}

#[test]
fn nobody_takes_more_than_a_share_and_nobody_refreshes_for_another() {
    let settings = Settings { per_user: 3, total: 4, ..Settings::default() };
    let mut notifier = notifier(settings);
    let other = |notifier: &mut Notifier, user: &str, number: u32| {
        let mut request = subscribe(&format!("{user}-{number}"), 1, None, &dialog_event(600));
        request.uri.user = Some(format!("3{number:02}"));
        let udp = flow(Transport::Udp, 0);
        notifier.handle_subscribe(now(), user, &request, udp, |_, _| Permission::Granted)
    };
    let first = other(&mut notifier, "201", 0);
    assert_eq!(first.status, Status::OK);
    for number in 1..3 {
        assert_eq!(other(&mut notifier, "201", number).status, Status::OK);
    }
    assert_eq!(other(&mut notifier, "201", 3).status, Status::FORBIDDEN);
    assert_eq!(other(&mut notifier, "202", 0).status, Status::OK);
    let full = other(&mut notifier, "202", 1);
    assert_eq!(full.status, Status::SERVICE_UNAVAILABLE);
    assert!(full.headers.get("Retry-After").is_some());
    let stolen = subscribe("201-0", 2, Some(&tag_of(&first)), &dialog_event(0));
    let udp = flow(Transport::Udp, 0);
    let response =
        notifier.handle_subscribe(now(), "203", &stolen, udp, |_, _| Permission::Granted);
    assert_eq!(response.status, Status::CALL_DOES_NOT_EXIST);
    // A phone that was switched off and on makes its own anew, and takes no second place.
    assert_eq!(other(&mut notifier, "201", 0).status, Status::OK);
    assert_eq!(notifier.len(), 4);
}

#[test]
fn a_single_look_leaves_nothing_behind() {
    let mut notifier = notifier(Settings::default());
    let request = subscribe("a", 1, None, &dialog_event(0));
    assert_eq!(ask(&mut notifier, now(), &request).expires(), Some(0));
    let (sent, kept) = drain(&mut notifier, now(), &state(true));
    assert_eq!((told(&sent[0].1).0.as_str(), kept), ("terminated;reason=timeout", 0));
    assert!(notifier.is_empty() && notifier.deadline().is_none());
}

#[test]
fn a_restart_changes_nothing_for_a_phone_but_numbers_that_go_on_above() {
    let mut before = notifier(Settings::default());
    let start = now();
    let response = ask(&mut before, start, &subscribe("a", 1, None, &dialog_event(3_600)));
    let mut kept = None;
    let mut last = 0;
    while let Some(output) = before.poll_output() {
        match output {
            Output::Ask { id, .. } => before.handle_state(start, id, Some(state(false))),
            Output::Notify { request, .. } => last = request.cseq().unwrap().number,
            Output::Keep { name, record } => kept = Some((name, record)),
            Output::Over { .. } => panic!("it is not over"),
        }
    }
    let (name, record) = kept.unwrap();
    let text = serde_json::to_string(&record).unwrap();
    let record: Record = serde_json::from_str(&text).unwrap();
    let later = start.after(Duration::from_secs(100));
    let mut after = notifier(Settings::default());
    after.restore(later, &name, &record);
    let soon = later.after(Duration::from_millis(SPREAD_MS));
    after.handle_timeout(soon);
    let (sent, _) = drain(&mut after, soon, &state(true));
    assert_eq!(sent.len(), 1);
    assert!(sent[0].1.cseq().unwrap().number > last);
    let (line, body) = told(&sent[0].1);
    assert!(line.starts_with("active;expires=34"), "{line}");
    assert!(body.contains("confirmed") && !body.contains("version=\"0\""), "{body}");
    // The phone refreshes it as if nothing had been.
    let refresh = subscribe("a", 2, Some(&tag_of(&response)), &dialog_event(3_600));
    assert_eq!(ask(&mut after, soon, &refresh).status, Status::OK);
    // One whose time has passed is not taken up, and not kept any longer.
    let mut much_later = notifier(Settings::default());
    much_later.restore(start.after(Duration::from_secs(4_000)), &name, &record);
    assert!(matches!(much_later.poll_output(), Some(Output::Over { .. })));
    assert!(much_later.is_empty());
}

#[test]
fn a_mailbox_is_counted() {
    let mut notifier = notifier(Settings::default());
    let lines = format!("Event: message-summary;id=9\r\n{CONTACT}");
    let mut request = subscribe("a", 1, None, &lines);
    request.uri.user = None;
    let udp = flow(Transport::Udp, 0);
    let mut asked = String::new();
    notifier.handle_subscribe(now(), "201", &request, udp, |_, watched| {
        asked = watched.to_owned();
        Permission::Granted
    });
    assert_eq!(asked, "201", "without a name, it is the own one");
    let account = Uri::parse("sip:201@192.0.2.1").unwrap();
    let waits = State::Messages { counts: Counts { new: 2, old: 1 }, account };
    let (sent, _) = drain(&mut notifier, now(), &waits);
    assert_eq!(sent[0].1.headers.get("Event"), Some("message-summary;id=9"));
    assert!(told(&sent[0].1).1.contains("Voice-Message: 2/1"));
    assert!(told(&sent[0].1).0.starts_with("active;expires=3600"));
}
