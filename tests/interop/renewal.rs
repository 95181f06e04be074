//! A certificate is renewed while a call over TLS is up.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::{Heard, Party};
use crate::tls::{BARESIP, baresip};

/// The certificate that a new connection is shown.
fn shown(branch: &Branch) -> Option<String> {
    let address = branch.address("tls").to_string();
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-showcerts"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .expect("openssl starts; tests/run installs it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    Some(rest.split("-----END").next()?.split_whitespace().collect())
}

/// Makes a new pair beside the old one and puts it in its place, as tools that renew do.
fn renew(folder: &Path, days: &str) {
    let (certificate, key) = (folder.join("new.pem"), folder.join("new-key.pem"));
    let status = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=branch", "-days", days, "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("openssl starts; tests/run installs it");
    assert!(status.success());
    std::fs::rename(key, folder.join("key.pem")).unwrap();
    std::fs::rename(certificate, folder.join("certificate.pem")).unwrap();
}

/// The lamp and the words of the certificate in the status.
fn lamp(branch: &Branch) -> (String, String) {
    let status = branch.ask(&["status"]);
    let parts = status["parts"].as_array().expect("parts").clone();
    let part = parts.iter().find(|part| part["name"] == "tls certificate").expect("the part");
    let text = |key: &str| part[key].as_str().unwrap_or_default().to_owned();
    (text("lamp"), text("words"))
}

/// What was heard since `before`.
fn since(party: &Party, before: usize) -> Heard {
    let heard = party.heard();
    Heard { samples: heard.samples.get(before..).unwrap_or_default().to_vec(), ..heard }
}

#[test]
fn a_call_over_tls_goes_on_while_the_certificate_is_renewed() {
    let branch = Branch::start();
    let folder: PathBuf = branch.folder().join("data/tls");
    let agent = Party::new(branch.free + 110, 900.0);
    let register = Setting {
        scenario: "register",
        port: branch.free + 1,
        keys: &[("expires", "300".to_owned())],
        account: Some(("202", &branch.password("202"))),
        transport: "u1",
    };
    Sipp::start(&branch, &register).succeeds();
    let before = branch.records();
    let talk = ("talk", "20000".to_owned());
    let keys = [("rtp", agent.port.to_string()), ("ring", "100".to_owned()), talk];
    let answers = Setting {
        scenario: "phone_answers_hangs_up",
        port: branch.free + 1,
        keys: &keys,
        account: None,
        transport: "u1",
    };
    let phone = Sipp::start(&branch, &answers);
    let caller = baresip(&branch, "202");
    branch.until(&format!("the call; {}", caller.log()), || {
        agent.heard().hears(BARESIP).then_some(())
    });
    let first = shown(&branch).expect("a certificate");
    assert_eq!(lamp(&branch).0, "green");

    renew(&folder, "10");
    let second = branch.until("the new certificate", || shown(&branch).filter(|c| *c != first));
    let (colour, words) = lamp(&branch);
    assert!(colour == "amber" && words.ends_with("days from now: renew it"), "{words}");

    // A pair that does not work: the certificate that works stays.
    std::fs::write(folder.join("certificate.pem"), "nonsense\n").unwrap();
    branch.until("the reason", || {
        lamp(&branch).1.contains("certificate.pem: no certificate or key").then_some(())
    });
    assert_eq!(shown(&branch).as_ref(), Some(&second));

    // All that time they talked.
    let heard = agent.heard().samples.len();
    branch.until("a second of the call after all that", || {
        (agent.heard().samples.len() > heard + 8_000).then_some(())
    });
    assert!(since(&agent, heard).hears(BARESIP), "the agent no longer hears the caller");
    phone.succeeds();
    let record = branch.record(before + 1);
    assert_eq!(record["cause"], "completed", "{record}");
}
