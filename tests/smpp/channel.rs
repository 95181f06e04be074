//! A box whose channel is a carrier: npm `smpp` plays it.

use branchline::driver::certificate::Certificate;
use branchline::driver::clock;
use branchline::driver::tls::Files;
use serde_json::json;

use crate::branch::Branch;
use crate::peers::{Program, free_port};

/// `[channels.texts]` at a carrier on that port.
pub fn texts(port: u16, more: &str) -> String {
    format!(
        "[channels.texts]\nkind = \"smpp\"\n[channels.texts.smpp]\nhosts = [\"127.0.0.1:{port}\"]\n\
         system_id = \"branch\"\npassword = {{ file = \"@DIR@/password\" }}\nfrom = \"+15550100\"\n{more}"
    )
}

async fn carrier() -> (Program, u16) {
    let port = free_port();
    let mut npm = Program::node(&["server", &port.to_string()]);
    npm.event("ready").await;
    (npm, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_go_out_and_come_in_and_are_reported() {
    let (mut npm, port) = carrier().await;
    let branch = Branch::start(&texts(port, "")).await;
    assert_eq!(npm.event("bound").await["system_id"], json!("branch"));
    branch.lamp("channel texts", "green").await;

    let id = branch.send("texts", "+15550101", "Your code is 4711 €").await;
    let submitted = npm.event("submit_sm").await;
    assert_eq!(
        (&submitted["from"], &submitted["to"], &submitted["registered"]),
        (&json!("15550100"), &json!("15550101"), &json!(1))
    );
    assert_eq!(submitted["text"], json!("Your code is 4711 €"));
    branch.stands(&id, "sent").await;
    let name = submitted["id"].as_str().expect("an id");
    let receipt = format!(
        "id:{name} sub:001 dlvrd:001 submit date:2611220700 done date:2611220701 stat:DELIVRD err:000 text:"
    );
    npm.order(json!({
        "command": "deliver", "source_addr": "15550101", "source_addr_ton": 1,
        "destination_addr": "15550100", "esm_class": 4, "short_message": receipt,
    }));
    assert_eq!(npm.event("answered").await["status"], json!(0));
    branch.stands(&id, "delivered").await;

    npm.order(json!({
        "command": "deliver", "source_addr": "15550101", "source_addr_ton": 1,
        "destination_addr": "15550100", "short_message": "thank you",
    }));
    assert_eq!(npm.event("answered").await["status"], json!(0));
    assert_eq!(branch.arrived(1).await, ["thank you"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_refuses_is_shown_with_its_reason() {
    let (_npm, port) = carrier().await;
    let channel = texts(port, "").replace("\"branch\"", "\"stranger\"");
    let branch = Branch::start(&channel).await;
    let words = branch.lamp("channel texts", "red").await;
    let start = std::time::Instant::now();
    let mut words = words;
    while !words.contains("it refuses the bind (ESME_RBINDFAIL)") {
        assert!(start.elapsed() < crate::peers::LONG, "{words}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        words = branch.lamp("channel texts", "red").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_dies_while_it_sends_says_unknown_and_sends_nothing_twice() {
    let (mut npm, port) = carrier().await;
    let mut branch = Branch::start(&texts(port, "")).await;
    branch.lamp("channel texts", "green").await;
    npm.order(json!({"command": "silent"}));
    npm.event("silent").await;
    let id = branch.send("texts", "+15550101", "your table is ready").await;
    npm.event("held").await;
    branch.start_again().await;
    branch.stands(&id, "unknown").await;
    branch.lamp("channel texts", "green").await;
    // What is behind it in the same row would come after a second try of it.
    let next = branch.send("texts", "+15550101", "or the one beside it").await;
    let held = npm.event("held").await;
    assert_eq!(held["count"], json!(2), "one of each");
    branch.stands(&next, "sending").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_were_answered_are_there_after_the_box_has_died() {
    let (mut npm, port) = carrier().await;
    let mut branch = Branch::start(&texts(port, "")).await;
    branch.lamp("channel texts", "green").await;
    let part = |number: u8, text: &str| {
        json!({
            "command": "deliver", "source_addr": "15550101", "source_addr_ton": 1,
            "destination_addr": "15550100", "short_message": text,
            "tlvs": {"sar_msg_ref_num": 7, "sar_total_segments": 3, "sar_segment_seqnum": number},
        })
    };
    for (number, text) in [(3, "three"), (1, "one ")] {
        npm.order(part(number, text));
        assert_eq!(npm.event("answered").await["status"], json!(0));
        branch.start_again().await;
        branch.lamp("channel texts", "green").await;
        // The carrier cannot know that its answer was ours.
        npm.order(part(number, text));
        assert_eq!(npm.event("answered").await["status"], json!(0));
    }
    assert_eq!(branch.arrived(0).await, Vec::<String>::new());
    npm.order(part(2, "two "));
    assert_eq!(npm.event("answered").await["status"], json!(0));
    assert_eq!(branch.arrived(1).await, ["one two three"]);
    branch.start_again().await;
    branch.lamp("channel texts", "green").await;
    npm.order(part(2, "two "));
    assert_eq!(npm.event("answered").await["status"], json!(0));
    assert_eq!(branch.arrived(1).await, ["one two three"]);
}

/// A `deliver_sm` of somebody's, with `more` in it.
fn deliver(text: &str, more: &serde_json::Value) -> serde_json::Value {
    let mut order = json!({
        "command": "deliver", "source_addr": "15550101", "source_addr_ton": 1,
        "destination_addr": "15550100", "short_message": text,
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        order[key] = value.clone();
    }
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_wants_less_gets_everything_in_order_and_once() {
    let (mut npm, port) = carrier().await;
    let branch = Branch::start(&texts(port, "")).await;
    branch.lamp("channel texts", "green").await;
    npm.order(json!({"command": "throttle", "count": 2}));
    npm.event("throttling").await;
    let mut sent = Vec::new();
    for number in 0..5 {
        sent.push(branch.send("texts", "+15550101", &format!("number {number}")).await);
    }
    for number in 0..5 {
        let submitted = npm.event("submit_sm").await;
        assert_eq!(submitted["text"], json!(format!("number {number}")));
        assert_eq!(submitted["id"], json!((number + 1).to_string()), "none came twice");
    }
    for id in &sent {
        branch.stands(id, "sent").await;
    }
    branch.lamp("channel texts", "green").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_text_goes_in_parts_and_is_delivered_when_all_of_them_are() {
    let (mut npm, port) = carrier().await;
    let branch = Branch::start(&texts(port, "long = \"sar\"\n")).await;
    branch.lamp("channel texts", "green").await;
    let id = branch.send("texts", "+15550101", &"naïve 日本 ".repeat(20)).await;
    let mut names = Vec::new();
    for part in 1..=3 {
        let submitted = npm.event("submit_sm").await;
        assert_eq!((&submitted["sar"][1], &submitted["sar"][2]), (&json!(3), &json!(part)));
        names.push(submitted["id"].as_str().expect("an id").to_owned());
    }
    branch.stands(&id, "sent").await;
    for (number, name) in names.iter().enumerate() {
        branch.stands(&id, "sent").await;
        let receipt = format!(
            "id:{name} sub:001 dlvrd:001 submit date:2611220700 done date:2611220701 stat:DELIVRD err:000 text:"
        );
        npm.order(deliver(&receipt, &json!({"esm_class": 4})));
        assert_eq!(npm.event("answered").await["status"], json!(0), "part {number}");
    }
    branch.stands(&id, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_receipts_change_nothing_and_a_message_of_255_parts_is_one() {
    let (mut npm, port) = carrier().await;
    let branch = Branch::start(&texts(port, "")).await;
    branch.lamp("channel texts", "green").await;
    let id = branch.send("texts", "+15550101", "hello").await;
    npm.event("submit_sm").await;
    branch.stands(&id, "sent").await;
    // One that names nothing, and one that anybody could have written.
    npm.order(deliver("call me back", &json!({"esm_class": 4})));
    assert_eq!(npm.event("answered").await["status"], json!(0));
    let forged = "id:1 sub:001 dlvrd:001 submit date:2611220700 done date:2611220701 stat:DELIVRD err:000 text:";
    npm.order(deliver(forged, &json!({})));
    assert_eq!(npm.event("answered").await["status"], json!(0));
    assert_eq!(branch.arrived(1).await, [forged], "somebody wrote that, and it is shown as that");
    branch.stands(&id, "sent").await;

    for number in (1..=255).rev() {
        let sar =
            json!({"sar_msg_ref_num": 9, "sar_total_segments": 255, "sar_segment_seqnum": number});
        npm.order(deliver(&format!("{number:03} "), &json!({"tlvs": sar})));
        assert_eq!(npm.event("answered").await["status"], json!(0), "part {number}");
    }
    let whole: String = (1..=255).map(|number| format!("{number:03} ")).collect();
    assert_eq!(branch.arrived(2).await[1], whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_over_tls_is_bound_where_it_is_proved_and_not_where_it_is_not() {
    let port = free_port();
    let folder = std::env::temp_dir().join(format!("branchline-carrier-{}", std::process::id()));
    let files = Files { certificate: folder.join("c.pem"), key: folder.join("c.key") };
    let own = Certificate::new(files.clone(), vec!["127.0.0.1".to_owned()]);
    own.begin(clock::now().unix).expect("an identity");
    let (certificate, key) = (files.certificate.to_string_lossy(), files.key.to_string_lossy());
    let mut npm = Program::node(&["server", &port.to_string(), &certificate, &key]);
    npm.event("ready").await;
    let doubting = Branch::start(&texts(port, "tls = true\n")).await;
    let proved = format!("tls = true\nauthorities = \"{certificate}\"\n");
    let branch = Branch::start(&texts(port, &proved)).await;
    npm.event("bound").await;
    branch.lamp("channel texts", "green").await;
    branch.send("texts", "+15550101", "sealed").await;
    assert_eq!(npm.event("submit_sm").await["text"], json!("sealed"));
    doubting.lamp("channel texts", "red").await;
    let _ = std::fs::remove_dir_all(folder);
}
