//! What an admin sees, read by the tools of others: a call's ladder and capture (tshark), the mirror of its messages
//! (sngrep takes the place of Homer), and the figures (promtool).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};

const SITE: &str = "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\n\
                    [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
                    [metrics]\nlisten = \"127.0.0.1:@CARRIER@\"\n\
                    [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\n\
                    [[inbound]]\nnumber = \"+15550100\"\nto = \"echo\"\n";

/// The carrier calls the echo test and hangs up.
fn call(branch: &Branch) {
    let keys = [
        ("from", "+15557654321".to_owned()),
        ("to", "+15550100".to_owned()),
        ("rtp", (branch.free + 100).to_string()),
        ("talk", "500".to_owned()),
    ];
    let setting = Setting {
        scenario: "trunk_hangs_up",
        port: branch.free + 2,
        keys: &keys,
        account: None,
        transport: "u1",
    };
    Sipp::start(branch, &setting).succeeds();
}

/// A carrier calls the menu.
fn menu_call(branch: &Branch, scenario: &str, port: u16, more: (&str, &str)) -> Sipp {
    let keys = [
        ("from", "+15557654321".to_owned()),
        ("to", "+15550100".to_owned()),
        ("rtp", (branch.free + 100 + 2 * port).to_string()),
        (more.0, more.1.to_owned()),
    ];
    let setting =
        Setting { scenario, port: branch.free + port, keys: &keys, account: None, transport: "u1" };
    Sipp::start(branch, &setting)
}

/// A prompt that came most of a second late: who calls next would hear no better.
#[test]
fn a_box_that_stood_still_under_a_call_refuses_the_next_says_why_and_recovers() {
    let branch =
        Branch::demo_in(&[], |text, _| text.replace("lateness_ms = 0", "lateness_ms = 100"));
    let up = menu_call(&branch, "trunk_hangs_up", 2, ("talk", "6000"));
    // The menu speaks once the answer is acknowledged; nothing that is due is late before.
    branch.until("the menu", || up.message("ACK sip:"));
    assert_eq!(branch.ask(&["calls", "--active"]).as_array().map(Vec::len), Some(1));
    let late = || branch.ask_text(&["status"]).contains("new calls are refused");
    // Again where the box stood still in the one moment in which nothing was due.
    branch.until("the lamp", || {
        branch.stands_still(Duration::from_millis(1_500));
        late().then_some(())
    });
    let refused = menu_call(&branch, "trunk_refused", 3, ("code", "503")).succeeds();
    for words in ["Retry-After: 5\r\n", "Reason: Q.850;cause=42;text="] {
        assert!(refused.contains(words), "{words} in {refused}");
    }
    let figures = branch.ask_text(&["metrics"]);
    assert!(figures.contains("branchline_calls_refused_late_total 1\n"), "{figures}");
    branch.until("the end of it", || (!late()).then_some(()));
    menu_call(&branch, "trunk_hangs_up", 4, ("talk", "100")).succeeds();
    up.succeeds();
}

/// What tshark makes of a capture: from where, and which method or status.
fn read_by_tshark(file: &Path) -> Vec<(String, String)> {
    let output = Command::new("tshark")
        .args(["-r", &file.display().to_string(), "-T", "fields", "-E", "separator=,"])
        .args(["-d", "udp.port==1-65535,sip"])
        .args(["-o", "udp.check_checksum:TRUE", "-Y", "sip && udp.checksum.status == 1"])
        .args(["-e", "udp.srcport", "-e", "sip.Method", "-e", "sip.Status-Code"])
        .output()
        .expect("tshark runs; tests/run installs it");
    let text = String::from_utf8_lossy(&output.stdout);
    let fields = |line: &str| {
        let (port, what) = line.split_once(',').expect("fields");
        (port.to_owned(), what.trim_matches(',').to_owned())
    };
    text.lines().map(fields).collect()
}

#[test]
fn a_call_is_drawn_and_captured_after_its_end() {
    let branch = Branch::run(SITE, "127.0.0.1:@PORT@");
    call(&branch);
    let id = branch.record(1)["call"].as_str().expect("an id").to_owned();
    let ladder = branch.ask(&["calls", "show", &id]);
    assert_eq!(ladder["legs"], serde_json::json!(["trunk carrier"]));
    assert_eq!(ladder["ended"]["class"], "success", "{ladder}");
    let file = branch.folder().join("call.pcap");
    branch.ask_text(&["calls", "capture", &id, "--out", &file.display().to_string()]);
    let (ours, theirs) = (branch.sip.port().to_string(), (branch.free + 2).to_string());
    let read = read_by_tshark(&file);
    let said: Vec<_> = read.iter().map(|(port, what)| (port.as_str(), what.as_str())).collect();
    let (ours, theirs) = (ours.as_str(), theirs.as_str());
    let expected = [
        (theirs, "INVITE"),
        (ours, "100"),
        (ours, "200"),
        (theirs, "ACK"),
        (theirs, "BYE"),
        (ours, "200"),
    ];
    assert_eq!(said, expected);
    let drawn = branch.ask_text(&["calls", "show", &id]);
    assert!(
        drawn.contains("INVITE (SDP)") && drawn.contains("ended: completed (success)"),
        "{drawn}"
    );
}

#[test]
fn a_capture_server_reads_the_copies_of_every_message() {
    // Below the ports of all branches; this one has to know it beforehand.
    let port = 10_060;
    let folder = std::env::temp_dir().join(format!("branchline-hep-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("copies.pcap");
    // It takes copies with the right key alone.
    let (key, asks) = (folder.join("key"), folder.join("sngreprc"));
    std::fs::write(&key, "sesame\n").expect("a key");
    std::fs::write(&asks, "set eep.listen.pass sesame\n").expect("its settings");
    let mut server = Command::new("sngrep")
        .args(["-f", &asks.display().to_string()])
        .args(["-N", "-q", "-L", &format!("udp:127.0.0.1:{port}"), "-O"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .spawn()
        .expect("sngrep starts; tests/run installs it");
    let key = key.display();
    let text =
        format!("{SITE}[capture]\nhep = \"127.0.0.1:{port}\"\nhep_key = {{ file = \"{key}\" }}\n");
    let branch = Branch::run(&text, "127.0.0.1:@PORT@");
    // A datagram to a port on which nobody listens yet would be lost.
    let listens = || {
        std::fs::read_to_string("/proc/net/udp")
            .ok()
            .filter(|t| t.contains(&format!(":{port:04X} ")))
            .map(drop)
    };
    branch.until("the capture server", listens);
    call(&branch);
    branch.record(1);
    let closed = kill(Pid::from_raw(server.id() as i32), Signal::SIGINT);
    closed.expect("it is there");
    server.wait().expect("it ends");
    let methods: Vec<_> = read_by_tshark_any(&file);
    let _ = std::fs::remove_dir_all(&folder);
    for expected in ["INVITE", "100", "200", "ACK", "BYE"] {
        assert!(methods.iter().any(|what| what == expected), "{expected} in {methods:?}");
    }
}

/// The same without looking at checksums: what sngrep writes has none.
fn read_by_tshark_any(file: &Path) -> Vec<String> {
    let output = Command::new("tshark")
        .args(["-r", &file.display().to_string(), "-T", "fields", "-E", "separator=,"])
        .args(["-d", "udp.port==1-65535,sip", "-e", "sip.Method", "-e", "sip.Status-Code"])
        .output()
        .expect("tshark runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.trim_matches(',').to_owned()).collect()
}

#[test]
fn figures_are_what_prometheus_reads() {
    let branch = Branch::run(SITE, "127.0.0.1:@PORT@");
    call(&branch);
    branch.record(1);
    let text = branch.ask_text(&["metrics"]);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts; tests/run installs it");
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let said = promtool.wait_with_output().expect("it ends");
    let words =
        String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success() && words.is_empty(), "{words}\n{text}");
    for line in [
        "branchline_calls_ended_total{class=\"success\"} 1\n",
        "branchline_calls 0\n",
        "branchline_trunk_up{trunk=\"carrier\"} 1\n",
        "branchline_loop_turn_seconds_count ",
        "branchline_store_up 1\n",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    let address = SocketAddr::from(([127, 0, 0, 1], branch.free + 1));
    let page = |question: &str| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "{question}\r\nHost: x\r\n\r\n").expect("it reads");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("it answers");
        page
    };
    let found = page("GET /metrics HTTP/1.1");
    assert!(
        found.starts_with("HTTP/1.1 200 OK\r\n") && found.contains("\nbranchline_calls 0\n"),
        "{found}"
    );
    assert!(page("GET / HTTP/1.1").starts_with("HTTP/1.1 404"));
    assert!(page("POST /metrics HTTP/1.1").starts_with("HTTP/1.1 405"));
}
