//! Lamps: phones subscribe to calls and messages, and are told what a person then sees.

use std::fs;
use std::process::{Command, Stdio};

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;
use crate::tls::{Foreign, folder};

/// A SIPp that subscribes as `user`.
fn subscriber(
    branch: &Branch,
    scenario: &'static str,
    (user, port): (&str, u16),
    keys: &[(&str, &str)],
    transport: &'static str,
) -> Sipp {
    let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    let setting = Setting {
        scenario,
        port: branch.free + port,
        keys: &keys,
        account: Some((user, &branch.password(user))),
        transport,
    };
    Sipp::start(branch, &setting)
}

fn register(branch: &Branch, user: &str, port: u16) {
    subscriber(branch, "register", (user, port), &[("expires", "300")], "u1").succeeds();
}

/// What the lamp showed with each NOTIFY that a SIPp got: the states of all dialogs.
fn lamp(messages: &str) -> Vec<Vec<String>> {
    let bodies = messages.split("<dialog-info").skip(1).map(|rest| {
        let body = rest.split("</dialog-info>").next().unwrap_or_default();
        body.split("<state>")
            .skip(1)
            .map(|state| state.split('<').next().unwrap_or_default().to_owned())
            .collect()
    });
    bodies.collect()
}

#[test]
fn a_subscription_is_made_refreshed_and_taken_back_over_udp_and_tcp() {
    let branch = Branch::start();
    for (port, transport) in [(1, "u1"), (2, "t1")] {
        for (watched, event, body) in
            [("202", "dialog", "state=.full."), ("201", "message-summary", "Messages-Waiting: no")]
        {
            let keys = [("watched", watched), ("event", event), ("body", body)];
            let sipp = subscriber(&branch, "subscribe_life", ("201", port), &keys, transport);
            let messages = sipp.succeeds();
            assert_eq!(
                messages.matches("Messages-Waiting").count(),
                3 * (watched == "201") as usize
            );
            if event == "dialog" {
                let versions = ["version=\"0\"", "version=\"1\"", "version=\"2\""];
                assert!(versions.iter().all(|version| messages.contains(version)), "{messages}");
            }
        }
    }
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let branch = Branch::start();
    let cases = [
        ("202", "presence", "300", "489"),
        ("202", "dialog", "10", "423"),
        ("299", "dialog", "300", "404"),
        ("202", "message-summary", "300", "403"),
    ];
    for (watched, event, span, code) in cases {
        let keys = [("watched", watched), ("event", event), ("span", span), ("code", code)];
        let sipp = subscriber(&branch, "subscribe_refused", ("201", 1), &keys, "u1");
        let messages = sipp.succeeds();
        match code {
            "489" => assert!(messages.contains("Allow-Events: message-summary, dialog")),
            "423" => assert!(messages.contains("Min-Expires: 60")),
            _ => {}
        }
        assert!(messages.contains("WWW-Authenticate: Digest"), "{messages}");
    }
}

#[test]
fn a_lamp_blinks_burns_and_goes_out_with_the_call_that_it_stands_for() {
    let branch = Branch::start();
    let (caller, called) =
        (Party::new(branch.free + 100, 550.0), Party::new(branch.free + 110, 900.0));
    register(&branch, "202", 2);
    let keys = [("watched", "202"), ("event", "dialog"), ("span", "300")];
    let watcher = subscriber(&branch, "subscribe_watches", ("201", 1), &keys, "u1");
    let keys = [
        ("rtp", called.port.to_string()),
        ("ring", "1500".to_owned()),
        ("talk", "1500".to_owned()),
    ];
    let answers = Setting {
        scenario: "phone_answers_hangs_up",
        port: branch.free + 2,
        keys: &keys,
        account: None,
        transport: "u1",
    };
    let phone = Sipp::start(&branch, &answers);
    branch.until("the watcher's first NOTIFY", || watcher.has_got("<dialog-info").then_some(()));
    let rtp = caller.port.to_string();
    let keys = [("to", "202"), ("rtp", rtp.as_str())];
    let dials = subscriber(&branch, "phone_dials", ("203", 3), &keys, "u1");
    phone.succeeds();
    dials.succeeds();
    let messages = watcher.succeeds();
    let shown: Vec<_> = lamp(&messages);
    let words: Vec<_> = shown.iter().map(|states| states.join(",")).collect();
    assert_eq!(words.first().map(String::as_str), Some(""), "dark before the call: {words:?}");
    assert_eq!(words.last().map(String::as_str), Some(""), "dark after it: {words:?}");
    let lit: Vec<_> = words.iter().filter(|word| !word.is_empty()).map(String::as_str).collect();
    assert!(lit.ends_with(&["early", "confirmed"]), "it blinks, then burns: {words:?}");
    assert!(messages.contains("direction=\"recipient\""), "{messages}");
    assert!(!messages.contains("<remote>"), "201 may not see who calls its colleagues");
}

#[test]
fn a_subscription_that_nobody_refreshes_ends_with_a_last_word() {
    let text = "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\n\
                digests = [\"md5\"]\n[sip.timers]\nregister_min_s = 30\n\
                [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
                [[extension]]\nnumber = \"201\"\nsecret = { file = \"@DIR@/201\" }\n";
    let branch = Branch::run_with(text, "127.0.0.1:@PORT@", &[("201", "secret\n")]);
    let keys = [("watched", "201"), ("event", "dialog"), ("span", "30")];
    let keys = keys.map(|(key, value)| (key, value.to_owned()));
    let setting = Setting {
        scenario: "subscribe_expires",
        port: branch.free + 1,
        keys: &keys,
        account: Some(("201", "secret")),
        transport: "u1",
    };
    let messages = Sipp::start(&branch, &setting).succeeds();
    assert!(messages.contains("Subscription-State: active;expires=30"), "{messages}");
    assert!(messages.contains("Subscription-State: terminated;reason=timeout"), "{messages}");
}

/// baresip asks for its messages by itself and prints what it is told.
#[test]
fn baresip_shows_that_no_message_waits() {
    let branch = Branch::start();
    let folder = folder(&branch, "lamp");
    let first = branch.free + 200;
    let config = format!(
        "sip_listen 127.0.0.1:{first}\nnet_interface 127.0.0.1\nmodule_path /usr/lib/baresip/modules\n\
         module g711.so\nmodule_tmp account.so\nmodule_app mwi.so\nmodule_app menu.so\n"
    );
    fs::write(folder.join("config"), config).unwrap();
    let account = format!(
        "<sip:203@{}>;auth_user=203;auth_pass={};regint=60;mwi=yes\n",
        branch.sip,
        branch.password("203")
    );
    fs::write(folder.join("accounts"), account).unwrap();
    fs::write(folder.join("contacts"), "").unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let process = Command::new("baresip")
        .args(["-f", &folder.display().to_string(), "-t", "60"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("baresip starts; tests/run installs it");
    let baresip = Foreign { process, folder };
    branch.until("baresip to show its mailbox", || {
        let log = baresip.log();
        (log.contains("Messages-Waiting: no") && log.contains("Voice-Message: 0/0")).then_some(())
    });
}
