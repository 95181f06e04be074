//! Other people's message centres, at the other end of our link.

use std::sync::Arc;
use std::time::Duration;

use branchline::driver::certificate::Certificate;
use branchline::driver::clock;
use branchline::driver::smpp::{Order, Told};
use branchline::driver::tls::{self, Files};
use branchline::smpp::pdu::{Message, RECEIPT};
use branchline::smpp::receipt::{IdForm, Receipt, Rules, State};
use branchline::smpp::session::{Fate, Limits, Ticket, Unsent};
use branchline::smpp::text::{Cut, Plain, Wording, parts};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::peers::{Centre, Program, free_port, message, submit, to_carrier, told, up};

fn short(to: &str, text: &str) -> Message {
    Message { short_message: Bytes::copy_from_slice(text.as_bytes()), ..message("+15550100", to) }
}

async fn npm(port: u16) -> Program {
    let mut npm = Program::node(&["server", &port.to_string()]);
    npm.event("ready").await;
    npm
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_reach_npm_in_parts_and_receipts_come_back() {
    let port = free_port();
    let mut npm = npm(port).await;
    let mut link = to_carrier(port, Limits::default(), None);
    up(&mut link).await;
    let text = "Grüße € ".repeat(50);
    for (number, cut) in
        [(0, Cut::Header), (100, Cut::WideHeader), (200, Cut::Sar), (300, Cut::Payload)]
    {
        let parts = parts(&text, Wording { plain: Plain::Gsm, cut }, 0x1234).expect("short enough");
        let many = parts.len() as u64;
        assert_eq!(many, if cut == Cut::Payload { 1 } else { 3 });
        for (at, part) in (0..).zip(parts) {
            submit(&link, number + at, part.put(message("+15550100", "+15550101"))).await;
        }
        for at in 1..=many {
            let got = npm.event("submit_sm").await;
            seen_by_npm(&got, cut, at);
        }
        for at in 0..many {
            let answered = told(&mut link).await;
            let Told::Fate(Ticket(ticket), Fate::Answered(status, pdu)) = answered else {
                panic!("{answered:?}")
            };
            assert!(status.is_ok() && pdu.id().is_some());
            assert_eq!(ticket, number + at, "one receiver, so in their order");
        }
    }
    // In the text, with an id in another form than the answer had.
    npm.order(json!({
        "command": "deliver", "esm_class": 4, "source_addr": "15550101", "destination_addr": "15550100",
        "short_message": "id:000000001 sub:001 dlvrd:001 submit date:2611220300 done date:2611220301 stat:DELIVRD err:000 text:",
    }));
    let rules = Rules { answers: IdForm::Hex, receipts: IdForm::Decimal, ..Rules::default() };
    let told = told(&mut link).await;
    let Told::Asked(handle, pdu) = told else { panic!("{told:?}") };
    let receipt = Receipt::read(pdu.message().expect("a message"), rules).expect("a receipt");
    assert_eq!((receipt.id, receipt.state), (rules.of_answer("1"), State::Delivered));
    let done = branchline::smpp::status::Status::OK;
    link.orders.send(Order::Answer(handle, done, None)).await.expect("it runs");
    assert_eq!(npm.event("answered").await["status"], json!(0));
}

#[track_caller]
fn seen_by_npm(got: &Value, cut: Cut, at: u64) {
    match cut {
        Cut::Header => assert_eq!(got["udh"], json!(format!("00033403{at:02x}")), "{got}"),
        Cut::WideHeader => assert_eq!(got["udh"], json!(format!("0804123403{at:02x}")), "{got}"),
        Cut::Sar => assert_eq!(got["sar"], json!([0x1234, 3, at]), "{got}"),
        Cut::Payload => {
            assert!(got["payload"].as_str().is_some_and(|text| text.len() > 254), "{got}")
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_in_parameters_alone_are_read() {
    let port = free_port();
    let mut npm = npm(port).await;
    let mut link = to_carrier(port, Limits::default(), None);
    up(&mut link).await;
    npm.order(json!({
        "command": "deliver", "esm_class": RECEIPT, "source_addr": "15550101", "destination_addr": "15550100",
        "tlvs": {"receipted_message_id": "a-77", "message_state": 5},
    }));
    let told = told(&mut link).await;
    let Told::Asked(_, pdu) = told else { panic!("{told:?}") };
    let receipt = Receipt::read(pdu.message().expect("a message"), Rules::default());
    let receipt = receipt.expect("a receipt");
    assert_eq!((receipt.id.as_str(), receipt.state), ("a-77", State::Undeliverable));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_throttles_gets_everything_in_order() {
    let port = free_port();
    let mut npm = npm(port).await;
    let limits = Limits { pause: Duration::from_millis(50), ..Limits::default() };
    let mut link = to_carrier(port, limits, None);
    up(&mut link).await;
    npm.order(json!({"command": "throttle", "count": 7}));
    npm.event("throttling").await;
    for number in 0..40u64 {
        submit(&link, number, short(&format!("+1555010{}", number % 4), &number.to_string())).await;
    }
    let mut last = [None; 4];
    for _ in 0..40 {
        let got = npm.event("submit_sm").await;
        let number: u64 =
            got["text"].as_str().and_then(|text| text.parse().ok()).expect("a number");
        let of = &mut last[(number % 4) as usize];
        assert!(of.is_none_or(|before| before < number), "{number} after {of:?}");
        *of = Some(number);
    }
    let (mut taken, mut pauses) = (0, 0);
    while taken < 40 {
        match told(&mut link).await {
            Told::Fate(_, Fate::Answered(status, _)) if status.is_ok() => taken += 1,
            Told::Throttled(_) => pauses += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(pauses >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_dies_in_mid_window_leaves_doubts_and_no_more_than_were_sent() {
    let port = free_port();
    let mut carrier = npm(port).await;
    let limits = Limits { window: 5, ..Limits::default() };
    let mut link = to_carrier(port, limits, None);
    up(&mut link).await;
    carrier.order(json!({"command": "silent"}));
    carrier.event("silent").await;
    for number in 0..12u64 {
        submit(&link, number, short(&format!("+155501{number:02}"), "x")).await;
    }
    while carrier.event("held").await["count"] != json!(5) {}
    carrier.kill();
    let (mut doubtful, mut unsent) = (Vec::new(), Vec::new());
    while doubtful.len() + unsent.len() < 12 {
        match told(&mut link).await {
            Told::Fate(ticket, Fate::Doubtful) => doubtful.push(ticket.0),
            Told::Fate(ticket, Fate::NotSent(Unsent::Away)) => unsent.push(ticket.0),
            Told::Down(..) => {}
            other => panic!("{other:?}"),
        }
    }
    doubtful.sort_unstable();
    assert_eq!(doubtful, [0, 1, 2, 3, 4], "what filled the window was on the wire");
    assert_eq!(unsent.len(), 7);
    // It comes back, and so do we.
    let mut carrier = npm(port).await;
    up(&mut link).await;
    carrier.event("bound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_goes_both_ways() {
    let folder = std::env::temp_dir().join(format!("branchline-smpp-{}", std::process::id()));
    let files = Files { certificate: folder.join("smpp.pem"), key: folder.join("smpp.key") };
    let own = Certificate::new(files.clone(), vec!["127.0.0.1".to_owned()]);
    own.begin(clock::now().unix).expect("an identity");
    let identity = tls::read(&files).expect("an identity");
    let proving = tls::client(Some(&files.certificate)).expect("readable").expect("an authority");
    let port = free_port();
    let (certificate, key) = (files.certificate.to_string_lossy(), files.key.to_string_lossy());
    let mut npm = Program::node(&["server", &port.to_string(), &certificate, &key]);
    npm.event("ready").await;
    let mut link = to_carrier(port, Limits::default(), Some(Arc::clone(&proving)));
    up(&mut link).await;
    submit(&link, 1, short("+15550101", "in secret")).await;
    assert_eq!(npm.event("submit_sm").await["text"], json!("in secret"));
    assert!(matches!(told(&mut link).await, Told::Fate(_, Fate::Answered(..))));

    let mut centre = Centre::open(Limits::default(), None, Some(identity)).await;
    let mut shop = Program::node(&["client", &centre.port.to_string(), "tls"]);
    shop.event("ready").await;
    shop.order(json!({"command": "bind", "system_id": "shop", "password": "secret"}));
    assert_eq!(shop.event("bound").await["status"], json!(0));
    shop.order(
        json!({"command": "submit", "destination_addr": "15550101", "short_message": "hidden"}),
    );
    assert_eq!(centre.take("t-1").await.short_message, "hidden");
    let _ = std::fs::remove_dir_all(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_fails_over_to_a_host_that_is_there() {
    let (dead, port) = (free_port(), free_port());
    let mut npm = npm(port).await;
    let mut link = crate::peers::to_carriers(&[dead, port], Limits::default());
    up(&mut link).await;
    npm.event("bound").await;
    link.orders.send(Order::Stop).await.expect("it runs");
    npm.event("closed").await;
}
