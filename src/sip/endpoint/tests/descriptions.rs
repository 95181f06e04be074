//! What comes of descriptions that cannot be had, row 17 of the bad-input table, and of bodies with several parts, row 16.

use super::super::arriving::description;
use crate::sip::message::{Message, Request, parse};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n";

fn invite(content_type: &str, body: &str) -> Request {
    let text = format!(
        "INVITE sip:201@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:201@192.0.2.1>\r\nCall-ID: one\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
         Contact: <sip:a@192.0.2.9>\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match parse(text.as_bytes(), false) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn answer(content_type: &str, body: &str) -> Option<u16> {
    description(&invite(content_type, body)).err().map(|response| response.status.code())
}

#[test]
fn row_17_what_cannot_be_had_is_488_and_what_cannot_be_read_400() {
    let audio = "m=audio 4000 RTP/AVP 0\r\n";
    let sdp = |more: &str| answer("application/sdp", &format!("{SDP}{more}"));
    assert_eq!(sdp(audio), None);
    assert_eq!(sdp(&audio.repeat(9)), Some(488));
    assert_eq!(sdp("m=audio 70000 RTP/AVP 0\r\n"), Some(488));
    let candidates = "a=candidate:1 1 UDP 1 192.0.2.9 4000 typ host\r\n".repeat(65);
    assert_eq!(sdp(&format!("{audio}{candidates}")), Some(488));
    assert_eq!(sdp("m=audio\r\n"), Some(400));
    assert_eq!(answer("application/sdp", "nonsense"), Some(400));
}

#[test]
fn row_16_parts_that_cannot_be_told_apart_are_400_and_parts_without_an_offer_415() {
    let kind = "multipart/mixed;boundary=b";
    let part = |kind: &str, body: &str| format!("--b\r\nContent-Type: {kind}\r\n\r\n{body}\r\n");
    let offer = part("application/sdp", &format!("{SDP}m=audio 4000 RTP/AVP 0\r\n"));
    let place = part("application/pidf+xml", "<presence/>");
    assert_eq!(answer(kind, &format!("{offer}{place}--b--\r\n")), None);
    let found = description(&invite(kind, &format!("{place}{offer}--b--\r\n"))).unwrap();
    assert_eq!(found.unwrap().media[0].port, 4_000, "wherever it stands");
    assert_eq!(answer(kind, &format!("{place}--b--\r\n")), Some(415));
    assert_eq!(answer("multipart/mixed", &format!("{offer}--b--\r\n")), Some(400), "no boundary");
    assert_eq!(answer(kind, &offer), Some(400), "no end");
    assert_eq!(answer(kind, &format!("{}--b--\r\n", offer.repeat(11))), Some(400));
    assert_eq!(
        answer(kind, "--b\r\nContent-Type: application/sdp\r\n\r\n\r\n--b--\r\n"),
        Some(400)
    );
}
