//! A box whose channel is a carrier: npm `smpp` plays it.

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
