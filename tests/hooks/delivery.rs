//! Receivers that are down, slow, forgetful, rude and hostile.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::Scene;
use crate::receiver::{NEW, OLD, Receiver, in_order};

#[test]
fn down_then_slow_then_forgetful_everything_comes_once_and_in_order() {
    let scene = Scene::usual();
    scene.happen(40);
    let line = scene.trouble("could not be reached");
    assert!(line["oldest"].is_string(), "{line}");
    scene.branch.until("the lamp", || {
        let (lamp, words) = scene.lamp();
        (lamp == "amber").then(|| assert!(words.contains("records behind"), "{words}"))
    });
    let mut receiver = scene.receiver("slow");
    scene.branch.until("some messages", || (receiver.messages().len() >= 15).then_some(()));
    receiver.becomes("forgets");
    scene.happen(20);
    scene.drained();
    let (events, messages) = (receiver.events(), receiver.messages());
    assert_eq!(events.len(), 60);
    in_order(&events);
    let again = messages.iter().filter(|message| message["again"] == true).count();
    assert_eq!(messages.len(), 60 + again, "only what was not answered came twice");
    assert!(again >= 5, "{again}");
    let (lamp, words) = scene.lamp();
    assert_eq!((lamp.as_str(), words.as_str()), ("green", "has been told everything"));
    let figures = scene.branch.ask_text(&["metrics"]);
    for figure in ["webhook_behind_records", "webhook_oldest_seconds", "webhook_dead_total"] {
        let figure = format!("branchline_{figure}{{webhook=\"desk\"}} 0");
        assert!(figures.contains(&figure), "{figure}");
    }
    println!("60 events in {} messages, {again} again", messages.len());
}

#[test]
fn a_receiver_that_misbehaves_is_waited_for_and_costs_nothing_else() {
    let scene = Scene::usual();
    let mut receiver = scene.receiver("ok");
    let ways = [
        ("busy", None),
        ("elsewhere", Some("answered 307")),
        ("never", Some("did not answer in time")),
        ("resets", Some("could not be reached")),
        ("trickles", Some("in time")),
        ("floods", Some("could not be reached")),
    ];
    let mut expected = 0;
    for (mode, words) in ways {
        receiver.becomes(mode);
        let began = Instant::now();
        scene.happen(3);
        expected += 3;
        if let Some(words) = words {
            scene.trouble(words);
            receiver.becomes("ok");
        }
        scene.drained();
        println!("{mode}: all told {:?} after it began", began.elapsed());
        assert_eq!(receiver.events().len(), expected, "{mode}");
    }
    in_order(&receiver.events());
    // Who is gone is left alone, and nothing is lost.
    receiver.becomes("gone");
    scene.happen(3);
    scene.trouble("answered 410 Gone");
    let sent = receiver.messages().len();
    scene.happen(3);
    assert_eq!(scene.lamp().0, "red");
    receiver.becomes("ok");
    assert_eq!(scene.branch.ask_text(&["webhooks", "resume", "desk"]), "done\n");
    scene.drained();
    assert_eq!(receiver.events().len(), expected + 6);
    assert_eq!(receiver.messages().len(), sent + 6, "nothing was sent while it was gone");
    in_order(&receiver.events());
    assert!(scene.branch.ask(&["webhooks", "dead", "desk"]).as_array().expect("a list").is_empty());
}

#[test]
fn while_a_secret_is_changed_whoever_knows_either_takes_the_message() {
    let url = "https://127.0.0.1:@SECOND@/in";
    let more = "private = true\nold_secret = { file = \"@DIR@/old\" }";
    let scene = Scene::start(url, more);
    for secret in [OLD, NEW] {
        let folder = scene.branch.folder();
        let receiver = Receiver::start(&folder, scene.port, secret, "ok");
        scene.happen(2);
        scene.branch.until("two messages", || (receiver.messages().len() == 2).then_some(()));
        // `messages` has demanded that each is good by this one secret.
        assert!(receiver.messages().iter().all(|message| message["signatures"] == 2));
        scene.drained();
    }
}

#[test]
fn an_address_that_nobody_allowed_is_not_even_connected_to() {
    let scene = Scene::start("https://127.0.0.1:@SECOND@/in", "");
    let listener = TcpListener::bind(("127.0.0.1", scene.port)).expect("the receiver's port");
    listener.set_nonblocking(true).expect("a listener");
    scene.happen(1);
    scene.trouble("address that it may not have");
    assert!(listener.accept().is_err(), "nobody came");
    // A server that is somebody else's is not talked to, private or not.
    let scene = Scene::usual();
    let (certificate, key) = crate::receiver::identity();
    let folder = scene.branch.folder();
    std::fs::write(folder.join("receiver.pem"), certificate).expect("a file");
    std::fs::write(folder.join("receiver.key"), key).expect("a file");
    let receiver = scene.receiver("ok");
    scene.happen(1);
    scene.trouble("could not be reached");
    std::thread::sleep(Duration::from_millis(200));
    assert!(receiver.messages().is_empty());
}
