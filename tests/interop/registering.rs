//! Phones register: with both digests, over UDP and TCP, with a wrong password, and take it back.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

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
        keys: &[("more", "Subject: none".to_owned())],
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

/// What comes next over a connection: a message, a keep-alive, or nothing any more.
fn next(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut byte = [0];
    // Both end so; a REGISTER has no body.
    while !text.ends_with("\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => text.push(char::from(byte[0])),
            Ok(_) => break,
            Err(error) => panic!("{error} after {text}"),
        }
    }
    text
}

/// Takes the branch's connection and grants its registration.
fn grants(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().expect("the branch connects");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    let request = next(&mut stream);
    assert!(request.starts_with("REGISTER "), "{request}");
    assert!(request.contains(";transport=tcp>"), "calls to us come by TCP as well: {request}");
    let kept = |line: &&str| {
        ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Contact:"]
            .iter()
            .any(|n| line.starts_with(n))
    };
    let lines: Vec<&str> = request.split("\r\n").filter(kept).collect();
    let answer = format!(
        "SIP/2.0 200 OK\r\n{}\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n",
        lines.join("\r\n")
    );
    stream.write_all(answer.as_bytes()).expect("an answer");
    stream
}

/// RFC 5626 section 4.4.1: a carrier that has answered keep-alives falls silent, as behind a router that has forgotten the
/// connection. The branch closes it within ten seconds and registers over another.
#[test]
fn a_dead_connection_to_the_carrier_is_noticed_and_registered_over_anew() {
    let text = "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = [\"127.0.0.1:@PORT@\"]\ntls = []\n\
                [media]\nport_min = 10000\nport_max = 10999\n\
                [[trunk]]\nname = \"carrier\"\nservers = [\"127.0.0.1:@CARRIER@\"]\nprobe = 0\n\
                transport = \"tcp\"\nkeep_alive = 20\n\
                register = { username = \"branch-17\", secret = { file = \"@DIR@/line\" } }\n";
    let branch = Branch::run_with(text, "127.0.0.1:@PORT@", &[("line", "line secret\n")]);
    let listener = TcpListener::bind(("127.0.0.1", branch.free + 1)).expect("the carrier's port");
    let mut first = grants(&listener);
    assert_eq!(next(&mut first), "\r\n\r\n");
    first.write_all(b"\r\n").expect("a pong");
    assert_eq!(next(&mut first), "\r\n\r\n");
    assert_eq!(next(&mut first), "", "no pong came: the connection is closed");
    let _second = grants(&listener);
    branch.until("the registration", || {
        let trunks = branch.ask(&["trunks"]);
        (trunks.as_array()?.first()?["lamp"] == "green").then_some(())
    });
}
