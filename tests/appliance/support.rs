//! What leaves the box for whoever helps: everything that shows what is wrong, and nothing that is anybody's.

use std::process::Command;

use crate::boxed::{Boxed, until};
use crate::root;

/// What is somebody's, wherever a box has it: the sheet, secrets, accounts, the log of a unit, the names of files.
const PLANTED: [&str; 14] = [
    "Praxis Sonnenschein",
    "Sonnenschein",
    "sip.carrier-of-ours.example",
    "trunk-account-77",
    "as-the-carrier-wrote-it",
    "4085550100",
    "408 555 0100",
    "Erika Mustermann",
    "annegret",
    "erika@example.org",
    "+493012345678",
    "030 1234-5678",
    "203.0.113.77",
    "aa:bb:cc:11:22:33",
];

/// All files of a bundle, one behind the other.
fn unpacked(own: &Boxed, file: &str) -> String {
    own.inside(&format!("tar -xzOf {file}"))
}

#[test]
fn a_bundle_shows_what_is_wrong_and_nothing_that_is_somebodys() {
    let own = Boxed::boot();
    own.settle();
    own.ready();
    let code = own.inside("cat /etc/branchline/credentials/setup-code").trim().to_owned();
    let sheet = std::fs::read_to_string(root().join("firmware-config/stick/small-office.toml"));
    let mut sheet = sheet.expect("a sample");
    for (from, to) in [
        ("Small office", "Praxis Sonnenschein"),
        ("sip.example.net", "sip.carrier-of-ours.example"),
        ("\"ann\"", "\"annegret\""),
        ("branch-17", "trunk-account-77"),
    ] {
        assert!(sheet.contains(from), "{from} is in the sample");
        sheet = sheet.replace(from, to);
    }
    own.write("/root/site.toml", &sheet);
    own.inside("branchline setup /root/site.toml");
    until("the new configuration runs", || {
        own.try_inside("branchline status").filter(|status| status.contains("Sonnenschein"))
    });
    own.ready();
    let extension = "# of Erika Mustermann, erika@example.org\n[[extension]]\nnumber = \"299\"\nname = \"Erika Mustermann\"\n\
                     secret = { file = \"/etc/branchline/secrets/planted-name.key\" }\n";
    own.write("/root/extension", extension);
    own.inside("cat /root/extension >>/etc/branchline/gateway.toml");
    let phone = own.inside("cat /etc/branchline/secrets/201").trim().to_owned();
    own.inside("printf hidden-token-of-somebody >/etc/branchline/secrets/planted-name.key");
    let said = "Erika Mustermann of Praxis Sonnenschein (erika@example.org, +493012345678, 030 1234-5678, 408 555 0100) at \
                203.0.113.77 and 203.0.113.77 by aa:bb:cc:11:22:33 with hidden-token-of-somebody";
    let unit = format!("[Service]\nType=oneshot\nExecStart=/bin/echo '{said} {phone} {code}'\n");
    own.write("/run/systemd/system/branchline-planted.service", &unit);
    own.inside("systemctl daemon-reload && systemctl start branchline-planted.service");
    until("it is in the log", || {
        own.try_inside("journalctl --no-pager -u branchline-planted | grep -q Mustermann")
    });

    let listed = own.inside("branchline support-bundle -o /root/bundle.tar.gz");
    println!("{listed}");
    assert!(
        listed.contains("log.txt") && listed.contains("Look into it before you send it"),
        "{listed}"
    );
    assert_eq!(own.inside("stat -c %a /root/bundle.tar.gz"), "600\n");
    let all = unpacked(&own, "/root/bundle.tar.gz");
    for planted in
        PLANTED.into_iter().chain([phone.as_str(), code.as_str(), "hidden-token-of-somebody"])
    {
        assert!(!all.contains(planted), "{planted} is in it");
    }
    // Who helps sees the same address twice, which units run, what the configuration is made of, and that the journal is whole.
    let line = all.lines().find(|line| line.contains(" with [secret")).expect("the planted line");
    assert_eq!(line.matches("[public address").count(), 2, "{line}");
    for needed in [
        "[[trunk]]",
        "branchline.service",
        "active (running)",
        "whole: ",
        "network card",
        "\"version\"",
    ] {
        assert!(all.to_lowercase().contains(&needed.to_lowercase()), "{needed} is not in it");
    }
    let shown = own.inside("branchline support-bundle --preview");
    assert!(shown.contains("==== gateway.toml") && !shown.contains("Sonnenschein"));

    // Of a box that does not run, and of one whose configuration is no TOML any more.
    own.inside("systemctl stop branchline.service branchline-sip.socket branchline-sips.socket");
    own.inside("echo '[[[' >>/etc/branchline/gateway.toml");
    own.inside("branchline support-bundle -o /root/down.tar.gz");
    let down = unpacked(&own, "/root/down.tar.gz");
    assert!(down.contains("no box answers") && down.contains("This is no TOML"), "{down}");
    for planted in PLANTED {
        assert!(!down.contains(planted), "{planted} is in it");
    }
    // Whoever may not read what is to be crossed out gets none.
    let mut other = Command::new("nsenter");
    other.args([
        "--all",
        "-t",
        &own.init().to_string(),
        "--",
        "setpriv",
        "--reuid=nobody",
        "--clear-groups",
    ]);
    let refused =
        other.args(["branchline", "support-bundle", "--preview"]).output().expect("it starts");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && told.contains("be root"), "{told}");
}
