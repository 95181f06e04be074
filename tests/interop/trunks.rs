//! Carriers as they are: they ask for passwords, break down while a phone waits, and look at who calls.

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};

/// A phone, and a carrier at the port beside the one where nobody is.
fn branch(trunk: &str) -> Branch {
    let text = format!(
        "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\ndigests = [\"md5\"]\n\
         [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
         [[extension]]\nnumber = \"201\"\nname = \"Canary Ann\"\nsecret = {{ file = \"@DIR@/phone\" }}\n\
         [[trunk]]\nname = \"carrier\"\nprobe = 0\ncaller_id = \"+15550100\"\n{trunk}\n\
         [[outbound]]\nname = \"outside\"\nprefix = \"9\"\nstrip = 1\ntrunks = [\"carrier\"]\n"
    );
    let files = [("phone", "phonesecret\n"), ("line", "line secret\n")];
    Branch::run_with(&text, "127.0.0.1:@PORT@", &files)
}

const SERVER: &str = "servers = [\"127.0.0.1:@CARRIER@\"]";
const ACCOUNT: &str = "auth = { username = \"branch-17\", secret = { file = \"@DIR@/line\" }, realm = \"carrier.example\" }";

fn carrier(branch: &Branch, scenario: &str, keys: &[(&str, String)]) -> Sipp {
    let port = branch.free + 1;
    Sipp::start(branch, &Setting { scenario, port, keys, account: None, transport: "u1" })
}

fn dials(branch: &Branch, scenario: &str, number: &str) -> Sipp {
    let keys = [("to", number), ("rtp", "19000"), ("talk", "300"), ("code", "403")];
    let keys = keys.map(|(key, value)| (key, value.to_owned()));
    let account = Some(("201", "phonesecret"));
    let port = branch.free + 3;
    Sipp::start(branch, &Setting { scenario, port, keys: &keys, account, transport: "u1" })
}

fn asks(status: &str, realm: &str) -> Vec<(&'static str, String)> {
    let proxy = status == "407";
    let challenge = if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
    let answer = if proxy { "Proxy-Authorization" } else { "Authorization" };
    let told = [("status", status), ("realm", realm), ("challenge", challenge), ("answer", answer)];
    let mut keys = told.map(|(key, value)| (key, value.to_owned())).to_vec();
    keys.push(("rtp", "19002".to_owned()));
    // SIPp can verify the digest that answers a 401, and of one that answers a 407 only that it is there.
    keys.push(("sure", if proxy { "" } else { "test=\"right\"" }.to_owned()));
    keys
}

/// Row 24 of the bad-input table, the good half: the account is shown to its own realm, for the call and for its end.
#[test]
fn a_call_and_its_end_are_paid_for_with_a_password_by_401_and_by_407() {
    for status in ["401", "407"] {
        let branch = branch(&format!("{SERVER}\n{ACCOUNT}"));
        let carrier = carrier(&branch, "carrier_challenges", &asks(status, "carrier.example"));
        dials(&branch, "phone_dials_hangs_up", "95550123").succeeds();
        let messages = carrier.succeeds();
        assert!(
            !messages.contains("403 Wrong Password"),
            "{status}: the digest was wrong: {messages}"
        );
    }
}

/// The other half: a server that names another realm learns nothing.
#[test]
fn a_realm_that_is_not_the_accounts_gets_no_digest() {
    let branch = branch(&format!("{SERVER}\n{ACCOUNT}"));
    let carrier = carrier(&branch, "carrier_phishes", &asks("407", "elsewhere.example"));
    dials(&branch, "phone_is_refused", "95550123").succeeds();
    let messages = carrier.succeeds();
    assert!(!messages.contains("uthorization:"), "{messages}");
}

/// Servers that nobody answers at are passed over while the phone waits; what leaves names no phone, no product.
#[test]
fn a_dead_server_is_passed_over_and_the_living_one_learns_nothing_of_the_inside() {
    let servers = "servers = [{ host = \"127.0.0.1:9\", priority = 1, weight = 9 }, \
                   { host = \"127.0.0.1:@CARRIER@\", priority = 2 }]\n\
                   identity = \"p-asserted-identity\"\ntrusted = true";
    for (number, shown) in
        [("95550123", "From: <sip:+15550100@"), ("*6795550123", "From: \"Anonymous\"")]
    {
        let branch = branch(servers);
        let keys = [("ring", "100".to_owned()), ("rtp", "19002".to_owned())];
        let carrier = carrier(&branch, "carrier_early", &keys);
        dials(&branch, "phone_dials_hangs_up", number).succeeds();
        let messages = carrier.succeeds();
        assert!(messages.contains(shown), "{messages}");
        assert!(messages.contains("P-Asserted-Identity: <sip:+15550100@"), "{messages}");
        assert_eq!(messages.contains("Privacy: id"), number.starts_with('*'));
        for canary in ["ranchline", "sip:201@", "Canary Ann"] {
            assert!(!messages.contains(canary), "{canary}: {messages}");
        }
    }
}
