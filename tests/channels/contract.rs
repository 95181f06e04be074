//! The published contract of `firmware-config/channels.md`: its own examples are what the box takes and sends.

use branchline::id::MessageId;
use branchline::messaging::contract::{Fault, Outcome, Outgoing, Refusal, Status, Told};
use branchline::messaging::web::{Adapter, Answer, Files, Request};
use branchline::messaging::{Address, Content, Kind, Media, Piece};
use branchline::time::UnixTime;
use ring::{digest, hmac};
use serde_json::Value;

use crate::libraries::path;
use crate::signatures::hook;

const NOW: UnixTime = UnixTime(1_795_316_400_000_000);

/// The page's examples in JSON, in order.
fn examples() -> Vec<String> {
    let page = std::fs::read_to_string(path("firmware-config/channels.md")).expect("the page");
    let examples = page.split("```json\n").skip(1);
    examples.map(|rest| rest.split("\n```").next().expect("an end").to_owned()).collect()
}

/// Signed by the rule of the page, and not by our own code.
fn signed(body: &str) -> Vec<(String, String)> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
    let at = NOW.seconds();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let tag = hmac::sign(&key, format!("msg_1.{at}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(tag));
    let headers = [("webhook-id", "msg_1".to_owned()), ("webhook-timestamp", at.to_string())];
    let headers = headers.into_iter().chain([("webhook-signature", signature)]);
    headers.map(|(name, value)| (name.to_owned(), value)).collect()
}

#[test]
fn what_the_page_tells_the_box_is_taken_as_the_page_says() {
    let body = &examples()[0];
    let (headers, url) = (signed(body), "https://box.example/channels/slack");
    let request = Request { method: "POST", url, headers: &headers, body: body.as_bytes() };
    let heard = hook().hear(NOW, request).expect("the example is good");
    assert_eq!(heard.reply.body, br#"{"refused":0,"taken":6}"#);
    let Told::Arrived(first) = &heard.told[0] else { panic!("{heard:?}") };
    assert_eq!(first.from, Address::new(Kind::Business, "slack:U1"));
    assert_eq!((first.key.as_str(), first.pieces.len()), ("m-1", 6));
    assert_eq!((first.name.as_deref(), first.at), (Some("Kim"), Some(NOW)));
    assert_eq!(first.answers.as_deref(), Some("out-7"));
    let Told::Arrived(second) = &heard.told[1] else { panic!("{heard:?}") };
    assert_eq!(second.refusal, Some(Refusal::Stop));
    assert!(matches!(&heard.told[2], Told::Report(report) if report.status == Status::Delivered));
    let failed =
        |status: &Status| matches!(status, Status::Failed(why) if why.fault == Fault::Address);
    assert!(matches!(&heard.told[3], Told::Report(report) if failed(&report.status)));
    assert!(matches!(&heard.told[4], Told::Typing { on: true, .. }));
    assert!(matches!(&heard.told[5], Told::ReadUpTo { .. }));
}

struct Greeting;

impl Files for Greeting {
    fn bytes(&self, _: Content) -> Option<Vec<u8>> {
        Some(b"hi".to_vec())
    }

    fn url(&self, _: Content) -> Option<String> {
        None
    }
}

#[test]
fn what_the_page_says_is_sent_is_what_is_sent() {
    let wanted: Value = serde_json::from_str(&examples()[1]).expect("JSON");
    let message: MessageId = wanted["id"].as_str().expect("an id").parse().expect("an id");
    let content = digest::digest(&digest::SHA256, b"hi").as_ref().try_into().expect("32 bytes");
    let file = Media {
        content: Content(content),
        mime: "text/plain".to_owned(),
        name: Some("a.txt".to_owned()),
        size: 2,
    };
    let (name, language) = ("hello".to_owned(), "en-US".to_owned());
    let outgoing = Outgoing {
        message,
        attempt: 1,
        to: Address::new(Kind::Business, "slack:U1"),
        from: None,
        pieces: vec![
            Piece::text("It is ready."),
            Piece::Media { media: file },
            Piece::Choice { id: "yes".to_owned(), label: "Yes".to_owned() },
            Piece::Template { name, language, values: vec!["Kim".to_owned()] },
        ],
        answers: Some("m-1".to_owned()),
        thread: Some("t-1".to_owned()),
        subject: None,
        until: UnixTime(NOW.0 + 3_600_000_000),
        urgent: false,
    };
    let ask = hook().ask(NOW, &outgoing, &Greeting, &[]).expect("it can").expect("one");
    let sent: Value = serde_json::from_slice(&ask.body).expect("JSON");
    assert_eq!(sent, wanted);
    let id = ask.headers.iter().find(|(name, _)| *name == "webhook-id").expect("an id");
    assert_eq!(id.1, format!("msg_{message}"));
    let replied = |status, body: &'static str| {
        let answer = Answer::Replied { status, retry_after: None, body: body.as_bytes() };
        hook().outcome(&[answer])
    };
    let references = vec!["out-7".to_owned(), "out-8".to_owned()];
    assert_eq!(replied(200, r#"{"ids": ["out-7", "out-8"]}"#), Outcome::Accepted { references });
    assert_eq!(replied(204, ""), Outcome::Doubtful);
    let refused = replied(422, r#"{"error": {"fault": "window", "code": "old"}}"#);
    assert!(matches!(refused, Outcome::Refused(why) if why.fault == Fault::Window));
}
