//! A configuration on trial: it breaks the line, nobody confirms it, the power goes, the program does not start with it;
//! and whoever talks notices nothing.

use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};

/// How soon a change that breaks a line is back: what `config::trial` gives it, and a start of a thread.
const BACK_WITHIN: Duration = Duration::from_secs(15);

/// A carrier that answers whatever it is asked, and counts probes and calls.
struct Carrier {
    probes: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl Carrier {
    fn at(port: u16) -> Carrier {
        let socket = UdpSocket::bind(("127.0.0.1", port)).expect("the carrier's port");
        let (probes, calls) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, called) = (probes.clone(), calls.clone());
        thread::spawn(move || {
            let mut buffer = [0; 65_535];
            while let Ok((count, peer)) = socket.recv_from(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                let counted = match text.split(' ').next() {
                    Some("OPTIONS") => Some(&seen),
                    Some("INVITE") => Some(&called),
                    Some("BYE") => None,
                    _ => continue,
                };
                if let Some(counted) = counted {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                let _ = socket.send_to(answer(&text, port).as_bytes(), peer);
            }
        });
        Carrier { probes, calls }
    }
}

/// 200 to a request, with sound for an INVITE.
fn answer(request: &str, port: u16) -> String {
    let kept = |line: &&str| {
        ["Via:", "From:", "Call-ID:", "CSeq:", "Record-Route:"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let mut head: Vec<String> = request.split("\r\n").filter(kept).map(str::to_owned).collect();
    let to = request.split("\r\n").find(|line| line.starts_with("To:")).unwrap_or_default();
    head.push(if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=carrier") });
    head.push(format!("Contact: <sip:127.0.0.1:{port}>"));
    let body = match request.starts_with("INVITE ") {
        true => {
            "v=0\r\no=c 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 19002 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        }
        false => "",
    };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 200 OK\r\n{}\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        head.join("\r\n"),
        body.len()
    )
}

/// A phone, a carrier, and what a person has written beside them.
fn branch() -> Branch {
    let text = "# The line that the whole branch hangs on.\n\
         [sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\ndigests = [\"md5\"]\n\
         [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
         [[extension]]\nnumber = \"201\"\nsecret = { file = \"@DIR@/phone\" }\n\
         [[trunk]]\nname = \"carrier\"\nservers = [\"127.0.0.1:@CARRIER@\"] # theirs, by letter of 3 May\n\
         [[outbound]]\nname = \"outside\"\nprefix = \"9\"\nstrip = 1\ntrunks = [\"carrier\"]\n";
    Branch::run_with(text, "127.0.0.1:@PORT@", &[("phone", "phonesecret\n")])
}

fn file(branch: &Branch) -> PathBuf {
    branch.folder().join("gateway.toml")
}

fn text(branch: &Branch) -> String {
    fs::read_to_string(file(branch)).expect("the configuration")
}

/// Applies a text. Answers what the box said.
fn apply(branch: &Branch, text: &str, within: &str) -> Value {
    let new = branch.folder().join("new.toml");
    fs::write(&new, text).expect("a file");
    let new = new.display().to_string();
    let arguments = ["config", "apply", &new, "--confirm-within", within, "--why", "a test"];
    branch.ask(&arguments)["value"].clone()
}

/// The newest version that has run.
fn newest(branch: &Branch) -> Value {
    branch.ask(&["config", "history"])["value"][0].clone()
}

fn went_back(branch: &Branch) -> Option<Value> {
    let newest = newest(branch);
    (newest["fate"]["state"] == "rolled_back").then_some(newest)
}

fn dials(branch: &Branch, port: u16, talk: &str) -> Sipp {
    let rtp = (19_000 + port * 10).to_string();
    let keys = [("to", "95550123"), ("rtp", rtp.as_str()), ("talk", talk), ("code", "403")];
    let keys = keys.map(|(key, value)| (key, value.to_owned()));
    let account = Some(("201", "phonesecret"));
    let setting = Setting {
        scenario: "phone_dials_hangs_up",
        port: branch.free + port,
        keys: &keys,
        account,
        transport: "u1",
    };
    Sipp::start(branch, &setting)
}

fn has_extension(branch: &Branch, number: &str) -> bool {
    let phones = branch.ask(&["phones"]);
    phones.as_array().into_iter().flatten().any(|phone| phone["extension"] == number)
}

/// The same branch with an extension more.
fn with_extension(branch: &Branch) -> String {
    let folder = branch.folder();
    text(branch)
        + &format!(
            "[[extension]]\nnumber = \"202\"\nsecret = {{ file = \"{}/phone\" }}\n",
            folder.display()
        )
}

#[test]
fn a_change_that_breaks_the_line_takes_itself_back_and_the_call_that_is_up_stays_up() {
    let branch = branch();
    let carrier = Carrier::at(branch.free + 1);
    branch.until("a probe", || (carrier.probes.load(Ordering::SeqCst) > 0).then_some(()));
    let talking = dials(&branch, 3, "25000");
    branch.until("the call", || {
        let calls = branch.ask(&["calls", "--active"]);
        calls.as_array()?.iter().any(|call| call["doing"] == "talking").then_some(())
    });
    let old = text(&branch);
    let right = format!("127.0.0.1:{}", branch.free + 1);
    let began = Instant::now();
    let applied = apply(&branch, &old.replace(&right, "127.0.0.1:9"), "10m");
    assert_eq!(applied["trial"]["watched"], serde_json::json!(["carrier"]), "{applied}");
    assert_eq!(applied["changes"], serde_json::json!([{ "key": "trunk", "live": true }]));
    assert!(text(&branch).contains("127.0.0.1:9"), "it is in its place at once");
    let status = branch.ask_text(&["status"]);
    assert!(status.contains("is on trial until"), "{status}");
    let gone = branch.until("the change to go back", || went_back(&branch));
    let took = began.elapsed();
    assert!(took < BACK_WITHIN, "{took:?}");
    assert_eq!(gone["fate"]["words"], "the trunk carrier worked before it and not with it");
    assert_eq!(text(&branch), old, "with every comment");
    let calls = branch.ask(&["calls", "--active"]);
    assert_eq!(calls.as_array().map(Vec::len), Some(1), "the call is up: {calls}");
    let next = dials(&branch, 4, "200");
    next.succeeds();
    assert_eq!(carrier.calls.load(Ordering::SeqCst), 2, "the next call went out");
    talking.succeeds();
    let acts = branch.ask(&["acts"]);
    let own = |act: &&Value| act["what"] == "roll_back_config" && act["who"]["by"] == "gateway";
    assert!(acts["items"].as_array().into_iter().flatten().any(|act| own(&act)), "{acts}");
    println!("back after {took:.1?}; one call stayed up, the next went out");
}

#[test]
fn a_box_that_is_killed_before_anybody_confirms_goes_back_in_time() {
    let mut branch = branch();
    let old = text(&branch);
    let began = Instant::now();
    apply(&branch, &with_extension(&branch), "10s");
    assert!(has_extension(&branch, "202"), "it runs at once");
    branch.kill_and_start_again();
    assert!(has_extension(&branch, "202") || began.elapsed() > Duration::from_secs(9));
    let gone = branch.until("the change to go back", || went_back(&branch));
    assert_eq!(gone["fate"]["reason"]["why"], "time", "{gone}");
    assert!(began.elapsed() >= Duration::from_secs(10) && began.elapsed() < BACK_WITHIN);
    branch.until("the extension to go", || (!has_extension(&branch, "202")).then_some(()));
    assert_eq!(text(&branch), old);
    println!("killed, started, back after {:.1?}", began.elapsed());
}

#[test]
fn what_is_confirmed_stays_over_a_restart_and_can_be_gone_back_from() {
    let mut branch = branch();
    let old = text(&branch);
    apply(&branch, &with_extension(&branch), "10s");
    branch.ask(&["config", "confirm"]);
    assert!(branch.answer(&["config", "confirm"]).is_none(), "there is nothing to confirm");
    branch.kill_and_start_again();
    assert!(has_extension(&branch, "202"));
    assert_eq!(newest(&branch)["fate"]["state"], "confirmed");
    let part = branch.ask_text(&["status"]);
    assert!(!part.contains("on trial"), "{part}");
    branch.ask(&["config", "apply", "--version", "1"]);
    assert!(!has_extension(&branch, "202"), "an apply like any other");
    branch.ask(&["config", "rollback"]);
    assert!(has_extension(&branch, "202"), "somebody changed their mind");
    assert_ne!(text(&branch), old);
    let history = branch.ask_text(&["config", "history"]);
    assert!(
        history.contains("back to version 1") && history.contains("somebody rolled it back"),
        "{history}"
    );
}

#[test]
fn a_change_that_the_program_does_not_start_with_goes_back_at_that_start() {
    let mut branch = branch();
    let old = text(&branch);
    // No address of this box.
    let wrong = old.replace(&format!("udp = [\"{}\"]", branch.sip), "udp = [\"192.0.2.1:5060\"]");
    let applied = apply(&branch, &wrong, "10m");
    assert_eq!(applied["changes"], serde_json::json!([{ "key": "sip.udp", "live": false }]));
    branch.kill_and_start_again();
    let gone = branch.until("the change to go back", || went_back(&branch));
    assert_eq!(gone["fate"]["reason"]["why"], "start", "{gone}");
    assert_eq!(text(&branch), old);
}

#[test]
fn a_listener_that_moved_with_a_restart_moves_back_with_another() {
    let branch = branch();
    let old = text(&branch);
    let moved = format!("127.0.0.1:{}", branch.free + 50);
    apply(
        &branch,
        &old.replace(&format!("udp = [\"{}\"]", branch.sip), &format!("udp = [\"{moved}\"]")),
        "15s",
    );
    let listens = |address: &str| {
        let status = branch.answer(&["status"])?;
        let all = status["listeners"].as_array()?;
        all.iter().any(|own| own == &format!("udp {address}")).then_some(())
    };
    assert!(listens(&branch.sip.to_string()).is_some(), "not before a restart");
    assert!(branch.orders(&["restart"]));
    branch.until("the new listener", || listens(&moved));
    branch.until("the old listener", || listens(&branch.sip.to_string()));
    assert_eq!(text(&branch), old);
    assert_eq!(newest(&branch)["fate"]["reason"]["why"], "time");
}
