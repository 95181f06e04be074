//! A box that is the message centre for applications of the branch, and whose channel is a carrier that npm `smpp` plays:
//! what an application submits is on the disk when it is answered, goes out once, and what becomes of it comes back once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::branch::Branch;
use crate::channel::texts;
use crate::kannel::Kannel;
use crate::peers::{LONG, Program, free_port};

/// A box, its carrier, and where applications bind.
struct Scene {
    branch: Branch,
    carrier: Program,
    port: u16,
    tls: u16,
}

impl Scene {
    /// With these lines more about the application `shop`.
    async fn start(more: &str) -> Scene {
        let (carrier, port, tls) = (free_port(), free_port(), free_port());
        let mut npm = Program::node(&["server", &carrier.to_string()]);
        npm.event("ready").await;
        let server = format!(
            "\n[smpp_server]\nlisten = [\"127.0.0.1:{port}\"]\nlisten_tls = [\"127.0.0.1:{tls}\"]\n\
             [smpp_server.applications.shop]\nsystem_id = \"shop\"\n\
             password = {{ file = \"@DIR@/password\" }}\nchannels = [\"texts\"]\npurpose = \"code\"\n\
             destinations = [\"+1*\", \"15550101\"]\nsources = [\"+15550100\"]\n{more}"
        );
        let branch = Branch::start(&(texts(carrier, "") + &server)).await;
        branch.lamp("channel texts", "green").await;
        Scene { branch, carrier: npm, port, tls }
    }

    /// npm `smpp` as the application; its bind is answered so.
    async fn application(&self, password: &str) -> (Program, Value) {
        bind(&["client", &self.port.to_string()], password).await
    }

    /// What the carrier says of a message that it has taken.
    fn report(&mut self, submitted: &Value) {
        let name = submitted["id"].as_str().expect("an id");
        let receipt = format!(
            "id:{name} sub:001 dlvrd:001 submit date:2611220700 done date:2611220701 stat:DELIVRD err:000 text:"
        );
        self.carrier.order(json!({
            "command": "deliver", "source_addr": submitted["to"], "source_addr_ton": 1,
            "destination_addr": "15550100", "esm_class": 4, "short_message": receipt,
        }));
    }

    /// Waits until a message of the newest conversation stands so.
    async fn newest(&self, state: &str) {
        let start = Instant::now();
        loop {
            let get = |path: &str| self.branch.call("GET", path, &Value::Null, &[]).1;
            let talks = get("/conversations?limit=1");
            let talk = talks["items"][0]["conversation"].as_str().unwrap_or("none").to_owned();
            let messages = get(&format!("/conversations/{talk}/messages?limit=200"));
            let all = messages["items"].as_array().cloned().unwrap_or_default();
            if all.iter().any(|message| message["state"] == state) {
                return;
            }
            assert!(start.elapsed() < LONG, "none is {state}: {messages}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn restart(&mut self) {
        self.branch.start_again().await;
        self.branch.lamp("channel texts", "green").await;
    }
}

async fn bind(args: &[&str], password: &str) -> (Program, Value) {
    let mut npm = Program::node(args);
    npm.event("ready").await;
    npm.order(json!({"command": "bind", "system_id": "shop", "password": password}));
    let bound = npm.event("bound").await;
    (npm, bound["status"].clone())
}

fn submit(text: &str) -> Value {
    json!({
        "command": "submit", "source_addr": "15550100", "source_addr_ton": 1, "destination_addr": "12125550123",
        "dest_addr_ton": 1, "short_message": text, "registered_delivery": 1,
    })
}

fn with(mut order: Value, key: &str, value: Value) -> Value {
    order[key] = value;
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_application_submits_goes_out_once_and_its_receipt_comes_back_once() {
    let mut scene = Scene::start("").await;
    let (mut npm, status) = scene.application("secret").await;
    assert_eq!(status, json!(0));
    npm.order(submit("Your table is ready €"));
    let answered = npm.event("answered").await;
    assert_eq!(answered["status"], json!(0), "{}", scene.branch.log());
    let submitted = scene.carrier.event("submit_sm").await;
    assert_eq!(submitted["text"], json!("Your table is ready €"));
    assert_eq!((&submitted["from"], &submitted["to"]), (&json!("15550100"), &json!("12125550123")));
    scene.report(&submitted);
    let receipt = npm.event("deliver_sm").await;
    let text = receipt["text"].as_str().expect("text");
    let id = answered["id"].as_str().expect("an id");
    assert!(text.starts_with(&format!("id:{id} sub:001 dlvrd:001 ")), "{text}");
    assert!(text.contains("stat:DELIVRD err:000"), "{text}");
    assert_eq!((&receipt["from"], &receipt["to"]), (&json!("12125550123"), &json!("15550100")));
    assert_eq!(receipt["esm_class"], json!(4));

    let told = scene.branch.ask(&["smpp"]);
    let (carrier, shop) = (&told["carriers"][0], &told["applications"][0]);
    assert_eq!((&carrier["channel"], &carrier["taken"]), (&json!("texts"), &json!(1)), "{told}");
    assert_eq!((&shop["application"], &shop["taken"]), (&json!("shop"), &json!(1)), "{told}");
    assert_eq!(shop["links"][0]["bind"], json!("transceiver"), "{told}");
    let (lamp, words) = scene.branch.part("smpp server");
    assert_eq!(lamp, "green", "{words}");
    assert!(words.starts_with("1 of 1 applications are bound"), "{words}");

    // Nothing of it comes again to a link that is new.
    npm.order(json!({"command": "unbind"}));
    npm.event("unbound").await;
    scene.restart().await;
    let (mut again, _) = scene.application("secret").await;
    again.order(submit("and another"));
    assert_eq!(again.event("answered").await["status"], json!(0));
    let submitted = scene.carrier.event("submit_sm").await;
    assert_eq!(submitted["text"], json!("and another"));
    scene.report(&submitted);
    let receipt = again.event("deliver_sm").await;
    assert!(!receipt["text"].as_str().expect("text").contains(id), "{receipt}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_binds_or_sends_who_may_not() {
    let scene = Scene::start("rate = 3\n").await;
    let (_, status) = scene.application("guess").await;
    assert_eq!(status, json!(0x0D), "a wrong password");
    let (mut npm, status) = scene.application("secret").await;
    assert_eq!(status, json!(0));
    let to = |number: &str| with(submit("x"), "destination_addr", json!(number));
    npm.order(to("442071838750"));
    assert_eq!(npm.event("answered").await["status"], json!(0x0B), "a number abroad");
    npm.order(with(submit("x"), "source_addr", json!("15550199")));
    assert_eq!(npm.event("answered").await["status"], json!(0x0A), "somebody else's number");
    sleep(Duration::from_secs(1)).await;
    let mut throttled = 0;
    for number in 0..10 {
        npm.order(submit(&format!("number {number}")));
    }
    for _ in 0..10 {
        throttled += usize::from(npm.event("answered").await["status"] == json!(0x58));
    }
    assert!((5..=7).contains(&throttled), "{throttled} of 10 at 3 a second");
    let shop = &scene.branch.ask(&["smpp"])["applications"][0];
    assert!(shop["links"][0]["throttled"].as_u64() >= Some(5), "{shop}");
    assert_eq!(shop["refused"], json!(1), "{shop}");

    let elsewhere = Scene::start("networks = [\"192.0.2.0/24\"]\n").await;
    let (_, status) = elsewhere.application("secret").await;
    assert_eq!(status, json!(0x0D), "from an address that is not allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_there_once_though_box_and_application_were_killed_before_it() {
    let mut scene = Scene::start("").await;
    let (mut npm, _) = scene.application("secret").await;
    npm.order(submit("Your code is 4711"));
    let answered = npm.event("answered").await;
    let submitted = scene.carrier.event("submit_sm").await;
    scene.newest("sent").await;
    npm.kill();
    scene.restart().await;
    // A box that has just begun says that it cannot keep it yet.
    while {
        scene.report(&submitted);
        scene.carrier.event("answered").await["status"] != json!(0)
    } {}
    let words = scene.branch.lamp("smpp server", "amber").await;
    assert!(words.contains("something waits for shop to bind"), "{words}");
    scene.restart().await;
    let (mut again, _) = scene.application("secret").await;
    let receipt = again.event("deliver_sm").await;
    let id = answered["id"].as_str().expect("an id");
    assert!(receipt["text"].as_str().expect("text").contains(id), "{receipt}");
    let words = scene.branch.lamp("smpp server", "green").await;
    assert!(words.contains("0 things to tell"), "{words}");
    again.kill();
    scene.restart().await;
    let (mut third, _) = scene.application("secret").await;
    third.order(with(submit("next"), "registered_delivery", json!(0)));
    third.event("answered").await;
    assert_eq!(
        scene.carrier.event("submit_sm").await["text"],
        json!("next"),
        "the first went once"
    );
    third.order(json!({"command": "enquire"}));
    third.event("alive").await;
    assert!(!third.has_seen("deliver_sm"), "the receipt came once");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_become_one_message_whichever_way_they_come() {
    let mut scene = Scene::start("rate = 100\n").await;
    let (mut npm, _) = scene.application("secret").await;
    let part = |number: u8, text: &str| {
        let tlvs =
            json!({"sar_msg_ref_num": 7, "sar_total_segments": 3, "sar_segment_seqnum": number});
        with(submit(text), "tlvs", tlvs)
    };
    // Each part is answered for itself, and is there after a crash.
    for (number, text) in [(3, "three"), (1, "one ")] {
        npm.order(part(number, text));
        assert_eq!(npm.event("answered").await["status"], json!(0));
    }
    npm.kill();
    scene.restart().await;
    let (mut npm, _) = scene.application("secret").await;
    // Its answer may not have been read: the same again is the same.
    npm.order(part(1, "one "));
    assert_eq!(npm.event("answered").await["status"], json!(0));
    npm.order(part(2, "two "));
    assert_eq!(npm.event("answered").await["status"], json!(0));
    let submitted = scene.carrier.event("submit_sm").await;
    assert_eq!(submitted["text"], json!("one two three"));
    scene.report(&submitted);
    for _ in 0..3 {
        npm.event("deliver_sm").await;
    }

    let long = "A long text of an application. ".repeat(12);
    let mut whole = submit("");
    whole["tlvs"] = json!({"message_payload": long});
    npm.order(whole);
    assert_eq!(npm.event("answered").await["status"], json!(0));
    assert_eq!(scene.carrier.text_in_parts(3).await, long);

    let port = scene.port.to_string();
    let mut smpplib = Program::python("esme.py", &[&port, "shop", "secret"]);
    smpplib.event("bound").await;
    let text = "日本 😀 ".repeat(40);
    let order = json!({"command": "submit", "from": "15550100", "to": "12125550123", "text": text});
    smpplib.order(order);
    let parts = smpplib.event("sent").await["parts"].as_u64().expect("a number");
    for _ in 0..parts {
        assert_eq!(smpplib.event("answered").await["status"], json!(0));
    }
    assert_eq!(scene.carrier.text_in_parts(parts).await, text);
    let conversations = scene.branch.call("GET", "/conversations?limit=10", &Value::Null, &[]).1;
    assert_eq!(conversations["items"][0]["messages"], json!(3), "{conversations}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_submitted_and_not_read_is_not_sent_twice() {
    let mut scene = Scene::start("").await;
    // An application that says a thing and does not wait for the answer.
    let (mut npm, _) = scene.application("secret").await;
    npm.order(submit("once"));
    let first = npm.event("answered").await;
    assert_eq!(scene.carrier.event("submit_sm").await["text"], json!("once"));
    npm.kill();
    let (mut npm, _) = scene.application("secret").await;
    npm.order(submit("once"));
    assert_eq!(npm.event("answered").await["id"], first["id"], "it is the same");
    npm.kill();
    scene.restart().await;
    let (mut npm, _) = scene.application("secret").await;
    npm.order(submit("once"));
    assert_eq!(npm.event("answered").await["id"], first["id"], "after a crash too");
    // On one link it is something of its own.
    npm.order(submit("once"));
    assert_ne!(npm.event("answered").await["id"], first["id"]);
    assert_eq!(scene.carrier.event("submit_sm").await["id"], json!("2"), "the second in all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_with_its_word_goes_to_the_application_and_waits_for_it() {
    let rule = "texts_by = [\"texts\"]\ntexts_to = [\"+15550100\"]\ntexts_words = [\"book\"]\n";
    let mut scene = Scene::start(rule).await;
    let write = |text: &str| {
        json!({
            "command": "deliver", "source_addr": "12125550123", "source_addr_ton": 1,
            "destination_addr": "15550100", "destination_addr_ton": 1, "dest_addr_ton": 1, "short_message": text,
        })
    };
    for text in ["hello you", "BOOK two at eight"] {
        scene.carrier.order(write(text));
        assert_eq!(scene.carrier.event("answered").await["status"], json!(0));
    }
    scene.restart().await;
    let (mut npm, _) = scene.application("secret").await;
    let told = npm.event("deliver_sm").await;
    assert_eq!(told["text"], json!("BOOK two at eight"), "and not the other");
    assert_eq!((&told["from"], &told["to"]), (&json!("12125550123"), &json!("15550100")));
    let long = format!("book {}", "and a long wish ".repeat(20));
    let mut whole = write("");
    whole["tlvs"] = json!({"message_payload": long});
    scene.carrier.order(whole);
    assert_eq!(npm.text_delivered(3).await, long);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_tls_with_the_boxs_own_certificate() {
    let mut scene = Scene::start("").await;
    let (mut npm, status) = bind(&["client", &scene.tls.to_string(), "tls"], "secret").await;
    assert_eq!(status, json!(0));
    npm.order(submit("over TLS"));
    assert_eq!(npm.event("answered").await["status"], json!(0));
    assert_eq!(scene.carrier.event("submit_sm").await["text"], json!("over TLS"));
    assert_eq!(scene.branch.ask(&["smpp"])["applications"][0]["links"][0]["tls"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn aiosmpplib_and_perl_have_their_texts_sent() {
    let mut scene = Scene::start("").await;
    let text = "0123456789 abcde ".repeat(13)[..208].to_owned();
    let port = scene.port.to_string();
    let mut aio = Program::python("aio.py", &[&port, "shop", "secret", &text]);
    assert_eq!(aio.event("answered").await["status"], json!(0));
    assert_eq!(scene.carrier.text_in_parts(2).await, text, "208 octets in one submit_sm");
    // A receipt goes over whichever link of the application has the least to do.
    aio.kill();
    let mut perl = Program::perl(&[&port, "shop", "secret"]);
    assert_eq!(perl.event("bound").await["status"], json!(0));
    assert_eq!(perl.event("answered").await["status"], json!(0));
    let submitted = scene.carrier.event("submit_sm").await;
    assert_eq!(submitted["text"], json!("from Perl"));
    scene.report(&submitted);
    let receipt = perl.event("deliver_sm").await;
    assert!(receipt["text"].as_str().expect("text").contains("stat:DELIVRD"), "{receipt}");
    assert_eq!(perl.event("unbound").await["status"], json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_half_a_thing_or_guesses_is_cut_off_and_nobody_else_notices() {
    let mut scene = Scene::start("").await;
    let mut slow = Vec::new();
    for octets in
        [&b"\0\0\0\x40\0\0\0\x09\0\0"[..], b"\0", b"", b"\0\0\0\x50\0\0\0\x04\0\0\0\0\0\0\0\x01"]
    {
        let mut stream = TcpStream::connect(("127.0.0.1", scene.port)).await.expect("it listens");
        stream.write_all(octets).await.expect("written");
        slow.push(stream);
    }
    let mut long = TcpStream::connect(("127.0.0.1", scene.port)).await.expect("it listens");
    long.write_all(b"\x7f\xff\xff\xff\0\0\0\x04").await.expect("written");
    let mut answer = Vec::new();
    timeout(LONG, long.read_to_end(&mut answer)).await.expect("in time").expect("closed");
    assert_eq!(&answer[4..12], b"\x80\0\0\0\0\0\0\x02", "a generic_nack: no such length");
    // Somebody else goes on meanwhile.
    let (mut npm, status) = scene.application("secret").await;
    assert_eq!(status, json!(0));
    npm.order(submit("hello"));
    assert_eq!(npm.event("answered").await["status"], json!(0));
    scene.carrier.event("submit_sm").await;
    for mut stream in slow {
        let mut rest = Vec::new();
        timeout(LONG, stream.read_to_end(&mut rest)).await.expect("cut off").expect("closed");
    }
    // Guesses are answered later each time: the third after four seconds.
    let start = Instant::now();
    for _ in 0..3 {
        let (_, status) = scene.application("guess").await;
        assert_eq!(status, json!(0x0D));
    }
    assert!(start.elapsed() >= Duration::from_secs(7), "{:?}", start.elapsed());
    let (_, status) = scene.application("secret").await;
    assert_eq!(status, json!(0), "whoever knows it is not kept out");
}

#[tokio::test(flavor = "multi_thread")]
async fn kannel_sends_through_the_box_and_hears_of_it_though_the_box_was_killed() {
    let rule = "rate = 100\ntexts_by = [\"texts\"]\n";
    let mut scene = Scene::start(rule).await;
    let mut kannel = Kannel::start(scene.port).await;
    bound(&scene, 1).await;
    kannel.send_to("+12125550123", "hello @ from Kannel", "").await;
    let submitted = scene.carrier.event("submit_sm").await;
    assert_eq!(submitted["text"], json!("hello @ from Kannel"));
    assert_eq!(kannel.asks().await, "/dlr?d=8", "accepted: it is on the disk");
    scene.newest("sent").await;
    scene.restart().await;
    while {
        scene.report(&submitted);
        scene.carrier.event("answered").await["status"] != json!(0)
    } {}
    assert_eq!(kannel.asks().await, "/dlr?d=1", "delivered, once Kannel has bound again");

    bound(&scene, 1).await;
    let text = "Kannel cuts a long text. ".repeat(20);
    kannel.send_to("+12125550123", &text, "").await;
    assert_eq!(scene.carrier.text_in_parts(4).await, text);
    scene.carrier.order(json!({
        "command": "deliver", "source_addr": "12125550123", "source_addr_ton": 1,
        "destination_addr": "15550100", "short_message": "thank you",
    }));
    loop {
        let asked = kannel.asks().await;
        if asked.starts_with("/mo?") {
            assert!(asked.ends_with("text=thank+you"), "{asked}");
            break;
        }
    }
}

/// Waits until the application has so many links.
async fn bound(scene: &Scene, links: usize) {
    let start = Instant::now();
    loop {
        let told = scene.branch.ask(&["smpp"]);
        if told["applications"][0]["links"].as_array().map(Vec::len) == Some(links) {
            return;
        }
        assert!(start.elapsed() < LONG, "{told}");
        sleep(Duration::from_millis(50)).await;
    }
}
