//! Other people's applications at our message centre.

use std::time::Instant;

use branchline::driver::smpp::Told;
use branchline::smpp::join::{Joiner, Origin};
use branchline::smpp::pdu::{Address, Message, RECEIPT};
use branchline::smpp::receipt::{Receipt, State};
use branchline::smpp::session::{Fate, Limits};
use branchline::smpp::text::{Content, Cut, Plain, Wording, parts};
use branchline::smpp::tlv::tag;
use branchline::time::{Now, UnixTime};
use bytes::Bytes;
use serde_json::json;

use crate::peers::{Centre, Program, message};

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_700_000_000_000_000) }
}

fn receipt(id: &str) -> Message {
    let receipt = Receipt {
        id: id.to_owned(),
        state: State::Delivered,
        error: String::new(),
        done: Some(UnixTime(1_700_000_000_000_000)),
        intermediate: false,
    };
    let text = receipt.text(UnixTime(1_700_000_000_000_000), "hello");
    let short_message = Bytes::from(text.into_bytes());
    let tlvs = receipt.tlvs();
    Message { esm_class: RECEIPT, short_message, tlvs, ..message("+15550101", "+15550100") }
}

fn text_of(message: &Message) -> String {
    Content::of(message, Plain::Gsm).text().expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_binds_submits_and_gets_its_receipt() {
    let mut centre = Centre::plain().await;
    let mut npm = Program::node(&["client", &centre.port.to_string()]);
    npm.event("ready").await;
    npm.order(json!({"command": "bind", "system_id": "shop", "password": "secret"}));
    let bound = npm.event("bound").await;
    assert_eq!((&bound["status"], &bound["system_id"]), (&json!(0), &json!("branch")));
    centre.bound().await;

    npm.order(json!({
        "command": "submit", "source_addr": "15550100", "destination_addr": "15550101",
        "short_message": "hello €", "registered_delivery": 1,
        "tlvs": {"user_message_reference": 77, "sar_total_segments": 1},
    }));
    let got = centre.take("m-1").await;
    assert_eq!(got.tlvs.number(tag::USER_MESSAGE_REFERENCE), Some(77), "parameters are kept");
    assert!(got.wants_receipt());
    let answered = npm.event("answered").await;
    assert_eq!((&answered["status"], &answered["id"]), (&json!(0), &json!("m-1")));

    centre.deliver(receipt("m-1"));
    let delivered = npm.event("deliver_sm").await;
    assert!(
        delivered["text"].as_str().is_some_and(|text| text.starts_with("id:m-1 sub:001 dlvrd:001"))
    );
    assert_eq!(delivered["esm_class"], json!(4));
    assert!(matches!(centre.fate().await, Told::Fate(_, Fate::Answered(..))));

    npm.order(json!({"command": "enquire"}));
    assert_eq!(npm.event("alive").await["status"], json!(0));
    npm.order(json!({"command": "unbind"}));
    npm.event("unbound").await;
    assert!(matches!(centre.next().await.told, Told::Down(..)));
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_is_throttled_above_its_rate_and_refused_with_a_wrong_password() {
    let mut centre = Centre::open(Limits::default(), Some(3), None).await;
    let mut stranger = Program::node(&["client", &centre.port.to_string()]);
    stranger.event("ready").await;
    stranger.order(json!({"command": "bind", "system_id": "shop", "password": "guess"}));
    assert_eq!(stranger.event("bound").await["status"], json!(0x0D));

    let mut npm = Program::node(&["client", &centre.port.to_string()]);
    npm.event("ready").await;
    npm.order(json!({"command": "bind", "system_id": "shop", "password": "secret"}));
    npm.event("bound").await;
    for number in 0..20 {
        npm.order(json!({"command": "submit", "destination_addr": "15550101", "short_message": number.to_string()}));
    }
    let mut throttled = 0;
    for _ in 0..17 {
        throttled += usize::from(npm.event("answered").await["status"] == json!(0x58));
    }
    assert!(throttled >= 14, "{throttled} of 20 in far less than a second, at 3 a second");
    assert_eq!(text_of(&centre.take("1").await), "0", "the first was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_waits_for_its_application_to_come_back() {
    let mut centre = Centre::plain().await;
    let mut npm = Program::node(&["client", &centre.port.to_string()]);
    npm.event("ready").await;
    npm.order(json!({"command": "bind", "system_id": "shop", "password": "secret"}));
    let link = centre.bound().await;
    npm.order(json!({"command": "submit", "destination_addr": "15550101", "short_message": "x", "registered_delivery": 1}));
    centre.take("m-1").await;
    npm.event("answered").await;
    npm.kill();
    loop {
        let from = centre.next().await;
        if from.link == link && matches!(from.told, Told::Down(..)) {
            break;
        }
    }
    let nobody = branchline::smpp::session::Sending {
        ticket: branchline::smpp::session::Ticket(9),
        pdu: branchline::smpp::pdu::Pdu::Deliver(Box::new(receipt("m-1"))),
        until: None,
    };
    let unsent = centre.server.send("shop", nobody);
    assert_eq!(unsent, Err(branchline::driver::smpp::NotSent::Away), "its owner keeps it");

    let mut again = Program::node(&["client", &centre.port.to_string()]);
    again.event("ready").await;
    again.order(json!({"command": "bind", "system_id": "shop", "password": "secret"}));
    centre.bound().await;
    centre.deliver(receipt("m-1"));
    assert!(
        again.event("deliver_sm").await["text"]
            .as_str()
            .is_some_and(|text| text.contains("id:m-1"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn smpplib_sends_long_texts_in_parts_that_become_one() {
    let mut centre = Centre::plain().await;
    let mut esme = Program::python("esme.py", &[&centre.port.to_string(), "shop", "secret"]);
    esme.event("bound").await;
    let mut joiner = Joiner::default();
    for text in ["plain ".repeat(60), "naïve € ".repeat(60), "日本 😀 ".repeat(40)] {
        esme.order(
            json!({"command": "submit", "from": "15550100", "to": "15550101", "text": text}),
        );
        let many = esme.event("sent").await["parts"].as_u64().expect("a number");
        assert!(many > 1, "smpplib cuts it");
        for part in 0..many {
            let got = centre.take(&format!("p-{part}")).await;
            let origin = Origin { link: "shop".into(), from: got.from.shown(), to: got.to.shown() };
            joiner.handle_part(now(), origin, Content::of(&got, Plain::Gsm), part);
            assert_eq!(esme.event("answered").await["status"], json!(0));
        }
        let joined = joiner.poll_output().expect("it is whole");
        assert_eq!(joined.text.as_deref(), Some(text.as_str()));
        assert_eq!(joined.parts.len() as u64, many);
    }
    centre.deliver(receipt("p-1"));
    assert!(
        esme.event("deliver_sm").await["text"].as_str().is_some_and(|text| text.contains("id:p-1"))
    );
    esme.order(json!({"command": "unbind"}));
    esme.event("unbound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aiosmpplib_sends_208_octets_at_once_and_they_go_on_in_parts() {
    let mut centre = Centre::plain().await;
    let text = "0123456789 abcde ".repeat(13)[..208].to_owned();
    let mut esme = Program::python("aio.py", &[&centre.port.to_string(), "shop", "secret", &text]);
    let got = centre.take("a-1").await;
    assert_eq!(got.short_message.len(), 208, "one submit_sm without a header");
    assert!(!got.headed());
    assert_eq!(esme.event("answered").await["id"], json!("a-1"));

    let whole = text_of(&got);
    assert_eq!(whole, text);
    let parts = parts(&whole, Wording { plain: Plain::Gsm, cut: Cut::Header }, 7).expect("short");
    assert_eq!(parts.len(), 2);
    // To an application at our centre too nothing longer than a message goes at once.
    let mut npm = Program::node(&["client", &centre.port.to_string()]);
    npm.event("ready").await;
    esme.kill();
    npm.order(json!({"command": "bind", "system_id": "shop", "password": "secret"}));
    centre.bound().await;
    for part in parts {
        centre.deliver(part.put(message("+15550100", "+15550101")));
        let delivered = npm.event("deliver_sm").await;
        assert!(delivered["udh"].as_str().is_some_and(|udh| udh.contains("000307")), "{delivered}");
        assert_eq!(delivered["esm_class"], json!(0x40));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn perl_binds_submits_and_takes_a_message() {
    let mut centre = Centre::plain().await;
    let mut perl = Program::perl(&[&centre.port.to_string(), "shop", "secret"]);
    assert_eq!(perl.event("bound").await["status"], json!(0));
    assert_eq!(centre.take("p-1").await.short_message, "from Perl");
    assert_eq!(perl.event("answered").await["id"], json!("p-1"));
    assert_eq!(perl.event("alive").await["status"], json!(0));
    let short_message = Bytes::from_static(b"to Perl");
    let to = Address::of("+15550100");
    centre.deliver(Message { short_message, to, ..message("+15550101", "+15550100") });
    assert_eq!(perl.event("deliver_sm").await["text"], json!("to Perl"));
    assert_eq!(perl.event("unbound").await["status"], json!(0));
}
