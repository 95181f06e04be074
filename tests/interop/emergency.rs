//! Calls for help with a foreign carrier and foreign phones: who hears whom, and what is on the wire.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::Party;

const SITE: &str = r#"[sip]
udp = ["127.0.0.1:@PORT@"]
tcp = ["127.0.0.1:@PORT@"]
tls = []
[media]
port_min = @RTP_FIRST@
port_max = @RTP_LAST@
[[extension]]
number = "201"
secret = { file = "@DIR@/secret" }
location = "hall"
[[trunk]]
name = "carrier"
servers = ["127.0.0.1:@CARRIER@"]
probe = 0
[emergency]
networks = ["127.0.0.0/8"]
[[location]]
name = "hall"
house_number = "12"
street = "Main & <First>"
city = "Springfield"
state = "IL"
postal_code = "62701"
floor = "2"
callback = "+14085550199"
"#;

const CALLER: f64 = 550.0;
const HELP: f64 = 900.0;

/// A call for help from a phone that nobody knows, to `uri`. Answers what the carrier got.
fn call_for_help(uri: &str) -> (Branch, String) {
    let branch = Branch::run_with(SITE, "127.0.0.1:@PORT@", &[("secret", "secret")]);
    let caller = Party::new(branch.free + 100, CALLER);
    let help = Party::new(branch.free + 110, HELP);
    let sipp = |scenario, port, keys: &[(&str, String)]| {
        let setting =
            Setting { scenario, port: branch.free + port, keys, account: None, transport: "u1" };
        Sipp::start(&branch, &setting)
    };
    let carrier =
        sipp("carrier_early", 1, &[("rtp", help.port.to_string()), ("ring", "200".to_owned())]);
    let keys = [
        ("uri", uri.to_owned()),
        ("user", "201".to_owned()),
        ("rtp", caller.port.to_string()),
        ("talk", "3000".to_owned()),
    ];
    let phone = sipp("phone_calls_help", 2, &keys);
    // A phone waits for somebody to speak first: the caller does.
    let port = branch.until("a port for the caller's sound", || phone.audio_port());
    caller.speak_to(port);
    let port = branch.until("a port for help's sound", || carrier.audio_port());
    help.speak_to(port);
    branch.until("help to hear the caller", || help.heard().hears(CALLER).then_some(()));
    branch.until("the caller to hear help", || caller.heard().hears(HELP).then_some(()));
    phone.succeeds();
    (branch, carrier.succeeds())
}

/// Between two texts.
fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from:?} in {text}"));
    rest.split_once(to).unwrap_or_else(|| panic!("no {to:?} in {rest}")).0
}

/// What a foreign XML reader finds at an XPath.
fn xpath(document: &str, path: &str) -> String {
    let mut reader = Command::new("xmllint")
        .args(["--xpath", path, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("xmllint starts; tests/run installs it");
    let mut input = reader.stdin.take().expect("a pipe");
    input.write_all(document.as_bytes()).expect("it reads");
    drop(input);
    let output = reader.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{path} in {document}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_phone_that_nobody_knows_reaches_help_which_learns_where_it_is() {
    let (branch, messages) = call_for_help("urn:service:sos");
    let invite = between(&messages, "INVITE sip:911@", "----");
    assert!(invite.contains("From: <sip:+14085550199@127.0.0.1>"), "{invite}");
    assert!(invite.contains("P-Asserted-Identity: <sip:+14085550199@127.0.0.1>"), "{invite}");
    assert!(invite.contains("Geolocation-Routing: yes"), "{invite}");
    let id = between(invite, "Geolocation: <cid:", ">");
    let boundary = between(invite, "multipart/mixed;boundary=\"", "\"");
    let place = between(invite, &format!("Content-ID: <{id}>"), &format!("--{boundary}--"));
    let document = place.trim();
    let at = |name: &str| xpath(document, &format!("string(//*[local-name()='{name}'])"));
    assert_eq!(at("RD"), "Main & <First>");
    assert_eq!((at("HNO"), at("A3"), at("A1")), ("12".into(), "Springfield".into(), "IL".into()));
    assert_eq!((at("FLR"), at("PC"), at("country")), ("2".into(), "62701".into(), "US".into()));
    let namespace = "namespace-uri(//*[local-name()='civicAddress'])";
    assert_eq!(xpath(document, namespace), "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr");
    assert_eq!(xpath(document, "string(/*/@entity)"), "sip:+14085550199@127.0.0.1");
    // RFC 5139 section 4: in the order of the schema.
    let order = "count(//*[local-name()='HNO']/preceding-sibling::*[local-name()='FLR'])";
    assert_eq!(xpath(document, order), "0");
    let record = branch.record(1);
    assert_eq!(record["cause"], "completed", "{record}");
    let status = branch.ask(&["status"]);
    let parts = status["parts"].as_array().expect("parts");
    let told = parts.iter().find(|part| part["name"] == "call for help").expect("it is told");
    let words = told["words"].as_str().expect("words");
    assert!(words.contains("12 Main & <First>") && words.contains("+14085550199"), "{words}");
}

#[test]
fn help_is_reached_by_a_tel_address_without_a_password() {
    let (branch, messages) = call_for_help("tel:911;phone-context=branch.example");
    assert!(messages.contains("INVITE sip:911@"), "{messages}");
    assert_eq!(branch.record(1)["cause"], "completed");
}
