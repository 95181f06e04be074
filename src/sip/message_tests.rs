use super::super::uri::Host;
use super::*;

const INVITE: &str = "INVITE sip:bob@biloxi.com SIP/2.0\r\nVia: SIP/2.0/UDP pc33.atlanta.com:5070;branch=z9hG4bK77\r\n\
Max-Forwards: 70\r\nTo: Bob <sip:bob@biloxi.com>\r\nFrom: Alice <sip:alice@atlanta.com>;tag=1928\r\nCall-ID: a84b4c@pc33\r\n\
CSeq: 314159 INVITE\r\nContact: <sip:alice@pc33.atlanta.com>\r\nX-Own: 1\r\nContent-Length: 0\r\n\r\n";

fn invite() -> Request {
    match parse(INVITE.as_bytes(), false) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn for_what_rsip_reads_right_both_readers_agree() {
    for known in rsip::Method::all() {
        let text = INVITE.replace("INVITE", &known.to_string());
        let theirs = rsip::Request::try_from(text.as_str()).unwrap();
        let Ok(Message::Request(ours)) = parse(text.as_bytes(), false) else { panic!("{text}") };
        assert_eq!(ours.method.as_str(), theirs.method.to_string());
        assert_eq!(ours.uri.to_string(), theirs.uri.to_string());
        let named: Vec<_> =
            theirs.headers.iter().map(parts).filter(|(n, _)| *n != "Content-Length").collect();
        assert_eq!(ours.headers.iter().collect::<Vec<_>>(), named);
        let printed = rsip::Request::try_from(ours.encode()).unwrap();
        assert_eq!(printed, theirs);
    }
    for status in Status::NAMED {
        let text = INVITE.replacen(INVITE.lines().next().unwrap(), &format!("SIP/2.0 {status}"), 1);
        let theirs = rsip::Response::try_from(text.as_str()).unwrap();
        let Ok(Message::Response(ours)) = parse(text.as_bytes(), false) else { panic!("{text}") };
        assert_eq!(ours.status.code(), theirs.status_code.code());
        assert_eq!(ours.reason.as_deref(), Some(status.reason()));
        assert_eq!(ours.encode(), text.into_bytes());
    }
}

#[test]
fn headers_refuse_what_would_end_the_line() {
    let mut headers = Headers::default();
    for value in ["a\r\nVia: x", "a\nb", "a\rb", "a\0"] {
        assert_eq!(headers.push("X", value), Err(Unprintable));
        assert_eq!(headers.set("X", value), Err(Unprintable));
        assert_eq!(headers.insert_first("X", value), Err(Unprintable));
    }
    assert_eq!(headers.push("X Y", "a"), Err(Unprintable));
    assert!(headers.is_empty());
}

#[test]
fn headers_are_found_by_any_of_their_names_and_kept_in_order() {
    let mut headers = Headers::default();
    headers.push("k", "100rel, timer").unwrap();
    headers.push("X-Own", "1").unwrap();
    headers.push("SUPPORTED", "path").unwrap();
    assert_eq!(headers.list("Supported"), ["100rel", "timer", "path"]);
    assert!(headers.lists("K", "Timer"));
    headers.insert_first("Via", "a").unwrap();
    headers.set("supported", "x").unwrap();
    let all: Vec<_> = headers.iter().collect();
    assert_eq!(all, [("Via", "a"), ("Supported", "x"), ("X-Own", "1")]);
    headers.remove("x-own");
    assert_eq!(headers.len(), 2);
}

#[test]
fn a_response_carries_back_what_it_must() {
    let response = Response::to(&invite(), Status::RINGING).with_to_tag("t1").with_to_tag("t2");
    let text = String::from_utf8(response.encode()).unwrap();
    assert!(text.starts_with(
        "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP pc33.atlanta.com:5070;branch=z9hG4bK77\r\n"
    ));
    assert_eq!(response.headers.to().unwrap().tag(), Some("t1"));
    assert_eq!(response.cseq().unwrap().number, 314_159);
    assert_eq!(response.headers.len(), 5);
}

#[test]
fn a_via_knows_where_the_answer_goes() {
    let via = Via::parse(
        "SIP/2.0/TLS [2001:db8::9:1];received=[2001:db8::9:255];rport=9;branch=z9hG4bKx",
    )
    .unwrap();
    assert_eq!(via.received(), Some("2001:db8::9:255".parse().unwrap()));
    assert_eq!((via.rport(), via.known_transport()), (Some(9), Some(Transport::Tls)));
    assert_eq!(Via::parse(&via.to_string()), Ok(via));
    let unknown = Via::parse("SIP/2.0/UNKNOWN h;received=::ffff:192.0.2.1").unwrap();
    assert_eq!(
        (unknown.known_transport(), unknown.received()),
        (None, Some("192.0.2.1".parse().unwrap()))
    );
    assert_eq!(
        Via::new(Transport::Udp, Host::parse("[::1]").unwrap(), Some(5060), "z9hG4bK1").to_string(),
        "SIP/2.0/UDP [::1]:5060;branch=z9hG4bK1;rport"
    );
}

#[test]
fn a_wildcard_contact_is_told_apart() {
    let mut headers = Headers::default();
    headers.push("m", "*").unwrap();
    assert!(headers.contact_is_wildcard() && headers.contacts() == Ok(Vec::new()));
    headers.push("m", "<sip:a@h>").unwrap();
    assert!(!headers.contact_is_wildcard() && headers.contacts().is_err());
}
