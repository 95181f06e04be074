//! The registrar, step by step.

use super::*;
use crate::sip::message::{Message, parse};

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_000_000_000) }
}

fn flow() -> Flow {
    let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
    Flow { transport: Transport::Udp, local: at(5060), peer: at(6000), connection: ConnectionId(0) }
}

fn register(cseq: u32, lines: &str) -> Request {
    let text = format!(
        "REGISTER sip:branch SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:6000;branch=z9hG4bK{cseq}\r\n\
         From: <sip:201@branch>;tag=a\r\nTo: <sip:201@branch>\r\nCall-ID: one\r\nCSeq: {cseq} REGISTER\r\n\
         {lines}Content-Length: 0\r\n\r\n"
    );
    match parse(text.as_bytes(), false) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn go(registrar: &mut Registrar, now: Now, cseq: u32, lines: &str) -> (u16, usize) {
    let outcome = registrar.handle(now, "201", &register(cseq, lines), flow());
    (outcome.response.status.code(), outcome.changes.len())
}

#[test]
fn a_phone_registers_renews_and_leaves() {
    let mut registrar = Registrar::new(Settings::default());
    let contact = "Contact: <sip:201@192.0.2.1:6000>\r\n";
    assert_eq!(go(&mut registrar, now(), 1, contact), (200, 1));
    assert_eq!(go(&mut registrar, now(), 2, contact), (200, 1));
    assert_eq!(registrar.contacts(now(), "201").len(), 1);
    assert_eq!(go(&mut registrar, now(), 2, contact), (500, 0), "an old CSeq changes nothing");
    assert_eq!(go(&mut registrar, now(), 3, &format!("{contact}Expires: 0\r\n")), (200, 1));
    assert!(registrar.contacts(now(), "201").is_empty());
}

#[test]
fn too_brief_too_many_and_wrong_wildcards_are_refused() {
    let mut registrar = Registrar::new(Settings::default());
    let one = "Contact: <sip:201@192.0.2.1>;expires=10\r\n";
    let outcome = registrar.handle(now(), "201", &register(1, one), flow());
    assert_eq!(outcome.response.status.code(), 423);
    assert_eq!(outcome.response.headers.get("Min-Expires"), Some("60"));
    let many: String = (0..11).map(|n| format!("Contact: <sip:201@192.0.2.{n}>\r\n")).collect();
    assert_eq!(go(&mut registrar, now(), 2, &many), (403, 0));
    assert_eq!(go(&mut registrar, now(), 3, "Contact: *\r\n"), (400, 0));
    assert_eq!(go(&mut registrar, now(), 4, "Contact: *\r\nExpires: 60\r\n"), (400, 0));
}

#[test]
fn the_wildcard_takes_everything_back() {
    let mut registrar = Registrar::new(Settings::default());
    let two = "Contact: <sip:a@192.0.2.1>, <sip:b@192.0.2.2>;q=0.5\r\n";
    assert_eq!(go(&mut registrar, now(), 1, two), (200, 2));
    assert_eq!(registrar.contacts(now(), "201")[0].uri().unwrap().user.as_deref(), Some("a"));
    assert_eq!(go(&mut registrar, now(), 2, "Contact: *\r\nExpires: 0\r\n"), (200, 2));
}

#[test]
fn a_registration_expires_and_survives_a_restart_until_then() {
    let mut registrar = Registrar::new(Settings::default());
    let contact = "Contact: <sip:201@192.0.2.1:6000>;expires=100\r\n";
    let outcome = registrar.handle(now(), "201", &register(1, contact), flow());
    let Change::Bound(binding) = &outcome.changes[0] else { panic!("no binding") };
    let mut restarted = Registrar::new(Settings::default());
    restarted.restore(binding.clone());
    for registrar in [&mut registrar, &mut restarted] {
        assert_eq!(registrar.contacts(now(), "201").len(), 1);
        let late = now().after(Duration::from_secs(101));
        assert!(registrar.contacts(late, "201").is_empty());
        registrar.handle_timeout(late);
        assert!(matches!(registrar.poll_output(), Some(Change::Unbound { .. })));
        assert_eq!(registrar.deadline(late), None);
    }
}

#[test]
fn a_phone_with_a_name_of_its_own_moves_without_leaving_a_ghost() {
    let mut registrar = Registrar::new(Settings::default());
    let line =
        |port| format!("Contact: <sip:201@192.0.2.1:{port}>;+sip.instance=\"<urn:uuid:1>\"\r\n");
    assert_eq!(go(&mut registrar, now(), 1, &line(6000)), (200, 1));
    let before = registrar.contacts(now(), "201")[0].contact.clone();
    let moved = registrar.handle(now(), "201", &register(2, &line(7000)), flow());
    let after = registrar.contacts(now(), "201");
    assert_eq!(after.len(), 1);
    let user = "201".to_owned();
    let expected = [Change::Unbound { user, contact: before }, Change::Bound(after[0].clone())];
    assert_eq!(moved.changes, expected, "what is kept loses the old place as well");
}

#[test]
fn what_is_taken_back_is_named_as_it_was_kept() {
    let mut registrar = Registrar::new(Settings::default());
    let bound =
        registrar.handle(now(), "201", &register(1, "Contact: <sip:201@192.0.2.1>\r\n"), flow());
    let [Change::Bound(binding)] = &bound.changes[..] else { panic!("{bound:?}") };
    let end = "Contact: \"me\" <sip:201@192.0.2.1>;expires=0\r\n";
    let gone = registrar.handle(now(), "201", &register(2, end), flow());
    let user = "201".to_owned();
    assert_eq!(gone.changes, [Change::Unbound { user, contact: binding.contact.clone() }]);
}

#[test]
fn a_lost_connection_takes_its_phone_along() {
    let mut registrar = Registrar::new(Settings::default());
    let over = Flow { connection: ConnectionId(9), transport: Transport::Tls, ..flow() };
    let request = register(1, "Contact: <sip:201@192.0.2.1;transport=tls>\r\n");
    registrar.handle(now(), "201", &request, over);
    registrar.handle_closed(ConnectionId(9));
    assert!(registrar.contacts(now(), "201").is_empty());
    assert!(registrar.poll_output().is_some());
}

#[test]
fn a_phone_that_renews_in_a_loop_is_told_to_wait() {
    let mut registrar = Registrar::new(Settings::default());
    let contact = "Contact: <sip:201@192.0.2.1:6000>\r\n";
    let start = now();
    let renewed =
        (1..=1_000).filter(|cseq| go(&mut registrar, start, *cseq, contact).0 == 200).count();
    assert_eq!(renewed, 100);
    assert_eq!(go(&mut registrar, start, 2_000, contact), (503, 0));
    assert_eq!(go(&mut registrar, start, 2_001, "").0, 200, "asking is free");
    let later = start.after(Duration::from_secs(30));
    assert_eq!(go(&mut registrar, later, 2_002, contact), (200, 1));
}

#[test]
fn what_is_too_long_to_keep_is_refused() {
    let mut registrar = Registrar::new(Settings::default());
    let long = format!("Contact: <sip:201@192.0.2.1;x={}>\r\n", "y".repeat(600));
    assert_eq!(go(&mut registrar, now(), 1, &long), (400, 0));
}

const PROXIED: &str = "Contact: <sip:201@192.0.2.1:6000>\r\nSupported: path\r\n\
    Path: <sip:edge.example;lr>, <sip:10.0.0.7:5080;lr>\r\n";

#[test]
fn proxies_on_the_way_are_kept_told_and_passed_but_never_sent_to() {
    let mut registrar = Registrar::new(Settings::default());
    let outcome = registrar.handle(now(), "201", &register(1, PROXIED), flow());
    let hops = ["<sip:edge.example;lr>", "<sip:10.0.0.7:5080;lr>"];
    assert_eq!(outcome.response.headers.all("Path").collect::<Vec<_>>(), hops);
    let kept = serde_json::to_string(registrar.contacts(now(), "201")[0]).unwrap();
    let binding: Binding = serde_json::from_str(&kept).unwrap();
    let request = binding.request(Method::MESSAGE).unwrap();
    assert_eq!(request.uri.to_string(), "sip:201@192.0.2.1:6000");
    assert_eq!(request.headers.all("Route").collect::<Vec<_>>(), hops);
    assert_eq!(binding.route(), Route::Flow(flow()), "whoever sent the REGISTER passes it on");
    let bare = "Contact: <sip:201@192.0.2.1:6000>\r\n";
    registrar.handle(now(), "201", &register(2, bare), flow());
    assert!(registrar.contacts(now(), "201")[0].path.is_empty(), "the proxy is gone");
}

#[test]
fn a_binding_that_was_kept_before_there_were_paths_is_read() {
    let mut registrar = Registrar::new(Settings::default());
    go(&mut registrar, now(), 1, "Contact: <sip:201@192.0.2.1:6000>\r\n");
    let kept = serde_json::to_string(registrar.contacts(now(), "201")[0]).unwrap();
    assert!(!kept.contains("path"), "{kept}");
    assert!(serde_json::from_str::<Binding>(&kept).unwrap().path.is_empty());
}

#[test]
fn a_path_that_the_phone_does_not_know_of_is_refused() {
    let mut registrar = Registrar::new(Settings::default());
    let lines = PROXIED.replace("Supported: path\r\n", "");
    let outcome = registrar.handle(now(), "201", &register(1, &lines), flow());
    assert_eq!(outcome.response.status, Status::BAD_EXTENSION);
    assert_eq!(outcome.response.headers.get("Unsupported"), Some("path"));
    assert!(outcome.changes.is_empty() && registrar.contacts(now(), "201").is_empty());
}

fn flow_line(number: u32, port: u16) -> String {
    format!(
        "Supported: outbound, path\r\nContact: <sip:201@192.0.2.1:{port}>;reg-id={number};+sip.instance=\"<urn:uuid:1>\"\r\n"
    )
}

#[test]
fn a_phone_has_several_flows_and_rings_over_the_newest_that_is_there() {
    let mut registrar = Registrar::new(Settings::default());
    let over = |id| Flow { connection: ConnectionId(id), transport: Transport::Tcp, ..flow() };
    let first = registrar.handle(now(), "201", &register(1, &flow_line(1, 6000)), over(1));
    assert_eq!(first.response.headers.get("Require"), Some("outbound"));
    assert_eq!(first.response.headers.get("Flow-Timer"), Some("120"));
    let second = registrar.handle(now(), "201", &register(2, &flow_line(2, 6000)), over(2));
    let listed: Vec<_> = second.response.headers.all("Contact").collect();
    assert_eq!(listed.len(), 2);
    assert!(listed[0].contains("reg-id=2") && listed[0].contains("urn:uuid:1"), "{listed:?}");
    let used = |registrar: &Registrar| {
        let contacts = registrar.contacts(now(), "201");
        assert_eq!(contacts.len(), 1, "it rings once");
        let others = registrar.other_flows(now(), contacts[0]);
        (contacts[0].connection, others.iter().map(|b| b.connection).collect::<Vec<_>>())
    };
    assert_eq!(used(&registrar), (2, vec![1]));
    registrar.handle(now(), "201", &register(3, &flow_line(1, 6001)), over(3));
    assert_eq!(used(&registrar), (3, vec![2]), "the first flow came back another way");
    registrar.handle_closed(ConnectionId(3));
    assert_eq!(used(&registrar), (2, vec![]));
    let other = flow_line(1, 6000).replace("uuid:1", "uuid:2");
    registrar.handle(now(), "201", &register(4, &other), over(4));
    assert_eq!(registrar.contacts(now(), "201").len(), 2, "another phone rings as well");
    let end = flow_line(2, 6000).replace("\"\r", "\";expires=0\r");
    registrar.handle(now(), "201", &register(5, &end), over(2));
    assert_eq!(registrar.contacts(now(), "201").len(), 1);
}

#[test]
fn flows_survive_being_kept_side_by_side() {
    let mut registrar = Registrar::new(Settings::default());
    let mut restarted = Registrar::new(Settings::default());
    for number in 1..=2 {
        let line = flow_line(number, 6000);
        let outcome = registrar.handle(now(), "201", &register(number, &line), flow());
        let [Change::Bound(binding)] = &outcome.changes[..] else { panic!("{outcome:?}") };
        let kept = serde_json::to_string(binding).unwrap();
        restarted.restore(serde_json::from_str(&kept).unwrap());
    }
    assert_eq!(restarted.flows(now(), "201").len(), 2);
    assert_eq!(restarted.contacts(now(), "201").len(), 1);
}

#[test]
fn what_is_no_flow_is_no_flow() {
    let mut registrar = Registrar::new(Settings::default());
    let twice = format!("{}Contact: <sip:201@192.0.2.7>\r\n", flow_line(1, 6000));
    assert_eq!(go(&mut registrar, now(), 1, &twice).0, 400);
    let via = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKp\r\n";
    let proxied = format!("{via}Path: <sip:edge.example;lr>\r\n{}", flow_line(1, 6000));
    assert_eq!(go(&mut registrar, now(), 2, &proxied).0, 439);
    let knowing = proxied.replace(";lr", ";lr;ob");
    let outcome = registrar.handle(now(), "201", &register(3, &knowing), flow());
    assert_eq!(outcome.response.status, Status::OK);
    assert_eq!(outcome.response.headers.get("Flow-Timer"), None, "the proxy's business");
    for line in [
        flow_line(3, 6000).replace("Supported: outbound, path\r\n", ""),
        flow_line(3, 6000).replace("+sip.instance", "x"),
        flow_line(0, 6000),
        flow_line(3, 6000).replace("reg-id=3", "reg-id=-3"),
    ] {
        let mut registrar = Registrar::new(Settings::default());
        let outcome = registrar.handle(now(), "201", &register(4, &line), flow());
        assert_eq!(outcome.response.status, Status::OK, "{line}");
        assert_eq!(outcome.response.headers.get("Require"), None, "{line}");
    }
}

#[test]
fn paths_that_are_strict_too_long_or_unreadable_are_refused() {
    let mut registrar = Registrar::new(Settings::default());
    let long = format!("<sip:edge.example;lr;x={}>", "y".repeat(1_100));
    let many = ["<sip:edge.example;lr>"; 9].join(", ");
    for path in ["<sip:edge.example>", "<tel:+15550100;lr>", "<sip:", &long, &many] {
        let lines =
            format!("Contact: <sip:201@192.0.2.1:6000>\r\nSupported: path\r\nPath: {path}\r\n");
        assert_eq!(go(&mut registrar, now(), 1, &lines), (400, 0), "{path}");
    }
}
