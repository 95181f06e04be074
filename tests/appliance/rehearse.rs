//! A box that tries itself: real calls that are heard, a report that nobody can change, and the truth where something is missing.

use std::net::UdpSocket;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::boxed::{Boxed, until};
use crate::hub::with_a_hub;
use crate::life::{register, with_calls};

#[test]
fn a_rehearsal_calls_hears_and_signs_what_came_of_it() {
    let own = Boxed::boot();
    own.settle();
    own.ready();
    let report = own.inside("cd /root && branchline rehearse --out report.txt");
    println!("{report}");
    let line = |name: &str| {
        let found =
            report.lines().find(|line| line.get(13..).is_some_and(|rest| rest.starts_with(name)));
        found.unwrap_or_else(|| panic!("no {name}: {report}")).to_owned()
    };
    for (name, outcome, words) in [
        ("line down", "not tried", "no line to head office"),
        ("echo", "passed", "600 answered and heard"),
        ("menu", "passed", "500 answered and heard"),
        ("queue", "not tried", "no [[internal]] number leads to a queue"),
        ("trunk", "not tried", "--trunk"),
        ("emergency", "not tried", "--emergency-test 933"),
        ("text", "not tried", "--sms"),
    ] {
        let said = line(name);
        assert!(said.trim_start().starts_with(outcome) && said.contains(words), "{said}");
    }
    assert!(report.contains("2 passed, 0 failed, 5 not tried"), "{report}");
    let good = own.inside("branchline rehearse --verify /root/report.txt");
    assert!(good.contains("as it was signed"), "{good}");
    // A word more, and it is another report; and another box's key has not signed it.
    own.inside("sed 's/5 not tried/0 not tried/' /root/report.txt >/root/better.txt");
    assert!(own.try_inside("branchline rehearse --verify /root/better.txt").is_none());
    let other = "00".repeat(32);
    let refused = format!("branchline rehearse --verify /root/report.txt --key {other}");
    assert!(own.try_inside(&refused).is_none());

    // A real emergency number is never tried, and one that leads nowhere fails with what to do.
    let said = own.inside("branchline rehearse --emergency-test 911 --trunk 15550199 || true");
    assert!(said.contains("911 is a real emergency number"), "{said}");
    assert!(
        said.contains("FAILED     trunk") && said.contains("branchline route 15550199"),
        "{said}"
    );

    // As the timer does it, and what `status` says of it.
    own.inside("systemctl start branchline-loop-call.service");
    let status = own.inside("branchline status");
    let said = status.lines().find(|line| line.contains("own call")).expect("it is told");
    assert!(said.contains("2 heard"), "{said}");
    own.inside("systemctl is-enabled branchline-loop-call.timer");
    // Where nothing answers at the echo's number any more.
    own.inside(
        "sed -i 's/^to = \"echo\"/to = \"extension:203\"/; s/^number = \"600\"/number = \"601\"/' /etc/branchline/gateway.toml && \
         printf '\\n[[internal]]\\nnumber = \"600\"\\nto = \"echo\"\\n' >/root/echo && systemctl restart branchline.service",
    );
    own.ready();
    own.inside("cat /root/echo >>/etc/branchline/gateway.toml");
    assert!(own.try_inside("systemctl start branchline-loop-call.service").is_none());
    let told = until("status says so", || {
        own.try_inside("branchline status")?
            .lines()
            .find(|line| line.contains("own call"))
            .map(str::to_owned)
    });
    assert!(told.contains("echo") && told.contains("not heard"), "{told}");
}

/// A branch that has everything: a queue, a carrier who answers, a phone that takes texts, a line to head office.
const WHOLE: &str = "\n[limits]\nlateness_ms = 0\n\n[[queue]]\nname = \"support\"\n\n\
     [[internal]]\nnumber = \"700\"\nto = \"queue:support\"\n\n\
     [[outbound]]\nname = \"outside\"\nprefix = \"9\"\nstrip = 1\ntrunks = [\"carrier\"]\n\n\
     [channels.phones]\nkind = \"sip\"\n\n";

#[test]
fn a_whole_branch_is_rehearsed_with_its_line_down_and_gets_it_back() {
    let own = with_calls("", WHOLE);
    with_a_hub(&own);
    let secret = own.inside("cat /etc/branchline/secrets/201");
    register(&own, secret.trim());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            own.enter();
            takes_texts(&over);
        });
        // The carrier's side: it answers, and sends back what it hears.
        let mut carrier = own.beside("sipp");
        carrier.args(["-sn", "uas", "-i", "127.0.0.1", "-p", "5090", "-mi", "127.0.0.1"]);
        carrier.args(["-mp", "6000", "-rtp_echo", "-nostdin"]).stdout(Stdio::null());
        let mut carrier = carrier.spawn().expect("sipp starts");
        let report = own.inside(
            "branchline rehearse --from 202 --uplink-seconds 20 --trunk 94085550123 --emergency-test 933 --sms phones:201@127.0.0.1 || true",
        );
        over.store(true, Ordering::Relaxed);
        let _ = carrier.kill();
        let _ = carrier.wait();
        println!("{report}");
        assert!(report.contains("8 passed, 0 failed, 0 not tried"), "{report}");
    });
    // What happened meanwhile is with the hub, and the line is as it was.
    assert!(own.inside("branchline uplink").contains("last heard"));
}

/// A phone that takes every text.
fn takes_texts(over: &AtomicBool) {
    let own = UdpSocket::bind("127.0.0.1:5077").expect("the port that it registered");
    own.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
    let mut buffer = [0; 4096];
    while !over.load(Ordering::Relaxed) {
        let Ok((length, from)) = own.recv_from(&mut buffer) else { continue };
        let text = String::from_utf8_lossy(&buffer[..length]);
        let same = |line: &&str| {
            ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
        };
        let headers: Vec<_> = text.lines().filter(same).collect();
        let answer =
            format!("SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n", headers.join("\r\n"));
        own.send_to(answer.as_bytes(), from).expect("sent");
    }
}
