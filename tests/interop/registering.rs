//! Phones register: with both digests, over UDP and TCP, with a wrong password, and take it back.

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};

fn bindings(branch: &Branch, extension: &str) -> usize {
    let phones = branch.ask(&["phones"]);
    let line = phones.as_array().into_iter().flatten().find(|line| line["extension"] == extension);
    line.and_then(|line| line["bindings"].as_array()).map_or(0, Vec::len)
}

fn register(
    branch: &Branch,
    scenario: &'static str,
    password: &str,
    expires: &str,
    transport: &str,
    port: u16,
) -> Sipp {
    let keys = [("expires", expires.to_owned())];
    let setting = Setting {
        scenario,
        port: branch.free + port,
        keys: &keys,
        account: Some(("201", password)),
        transport,
    };
    Sipp::start(branch, &setting)
}

#[test]
fn a_phone_registers_with_md5_and_unregisters() {
    let branch = Branch::start();
    let password = branch.password("201");
    let messages = register(&branch, "register", &password, "300", "u1", 1).succeeds();
    let answered =
        messages.lines().find(|line| line.starts_with("Authorization:")).expect("an answer");
    assert!(answered.contains("algorithm=MD5") && answered.contains("qop=auth"), "{answered}");
    assert_eq!(bindings(&branch, "201"), 1);
    register(&branch, "register", &password, "0", "u1", 1).succeeds();
    assert_eq!(bindings(&branch, "201"), 0);
}

#[test]
fn a_phone_registers_over_tcp_and_is_gone_with_its_connection() {
    let branch = Branch::start();
    let sipp = register(&branch, "register", &branch.password("201"), "300", "t1", 1);
    sipp.succeeds();
    // SIPp closes its connection when it ends; nobody can call a phone behind a closed one.
    branch.until("the binding to go with its connection", || {
        (bindings(&branch, "201") == 0).then_some(())
    });
}

#[test]
fn a_wrong_password_is_refused_and_counted() {
    let branch = Branch::start();
    register(&branch, "register_refused", "wrong", "60", "u1", 1).succeeds();
    assert_eq!(bindings(&branch, "201"), 0);
    let status = branch.ask(&["status"]);
    let counters = status["counters"].as_array().unwrap();
    let wrong = counters.iter().find(|counter| counter[0] == "wrong passwords").unwrap();
    assert_eq!(wrong[1], 1);
}

#[test]
fn too_short_a_registration_is_told_the_shortest() {
    let branch = Branch::start();
    let messages =
        register(&branch, "register_brief", &branch.password("201"), "10", "u1", 1).succeeds();
    assert!(messages.contains("Min-Expires: 60"), "{messages}");
}

#[test]
fn the_branch_registers_with_a_carrier_that_challenges_it() {
    let text = "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\n\
                [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
                [[trunk]]\nname = \"carrier\"\nservers = [\"127.0.0.1:@CARRIER@\"]\nprobe = 0\n\
                register = { username = \"branch-17\", secret = { file = \"@DIR@/line\" } }\n";
    let branch = Branch::run_with(text, "127.0.0.1:@PORT@", &[("line", "line secret\n")]);
    let setting = Setting {
        scenario: "carrier_registers",
        port: branch.free + 1,
        keys: &[],
        account: None,
        transport: "u1",
    };
    let messages = Sipp::start(&branch, &setting).succeeds();
    assert!(!messages.contains("403 Forbidden"), "the digest was wrong: {messages}");
    let words = branch.until("the registration", || {
        let trunks = branch.ask(&["trunks"]);
        let line = trunks.as_array()?.first()?.clone();
        (line["lamp"] == "green").then(|| line["words"].as_str().unwrap_or_default().to_owned())
    });
    assert!(words.starts_with("registered until "), "{words}");
}
