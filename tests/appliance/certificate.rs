//! The certificate that the box makes for itself: whoever reaches it by an address finds that address in it.

use crate::boxed::{Boxed, until};
use crate::run;

const FILES: &str = "/var/lib/branchline/tls";
const PAGE: &str = "https://192.168.77.2:8443/";

/// Whether a program that trusts this file alone gets a page by the box's address.
fn is_trusted(own: &Boxed) -> bool {
    let file = format!("/proc/{}/root{FILES}/certificate.pem", own.init());
    let mut curl = own.beside("curl");
    curl.args(["--silent", "--output", "/dev/null", "--cacert", &file, PAGE]);
    curl.status().expect("curl starts").success()
}

#[test]
fn it_names_the_address_that_the_box_has_got_and_keeps_its_key() {
    let own = Boxed::boot();
    own.settle();
    own.ready();
    own.inside("systemctl is-enabled branchline-certificate.timer");
    let card = "ip link add lan0 type veth peer name far0 && ip link set lan0 up && ip link set far0 up && \
                ip address add 192.168.77.2/24 dev lan0";
    run(own.beside("sh").args(["-c", card]));
    let sums = || {
        let key = own.inside(&format!("sha256sum {FILES}/key.pem"));
        (key, own.inside(&format!("sha256sum {FILES}/certificate.pem")))
    };
    let first = sums();
    assert!(own.inside("branchline certificate").contains("does not name"));
    assert!(!is_trusted(&own), "it was made before there was an address");

    // While somebody sets the box up, the browser goes on meeting the first one.
    own.inside("systemctl start branchline-certificate.service");
    assert_eq!(sums(), first);
    // Nor is it asked for again by whoever writes a configuration by hand.
    own.inside("echo '# Ours.' >>/etc/branchline/gateway.toml");
    own.inside("systemctl start branchline-certificate.service");
    let second = sums();
    assert_eq!(second.0, first.0, "the key stays");
    assert_ne!(second.1, first.1);
    until("the program has taken it up", || is_trusted(&own).then_some(()));
    let log =
        own.inside("journalctl --no-pager --output=cat --unit=branchline-certificate.service");
    assert!(log.contains("made anew: it did not name"), "{log}");
    assert!(own.inside("branchline certificate renew").contains("nothing is due"));
    assert_eq!(sums(), second);
    own.inside("systemctl is-active branchline.service");

    // One that somebody else signed is theirs.
    let root = format!("/proc/{}/root", own.init());
    let mut openssl = std::process::Command::new("openssl");
    openssl.args(["req", "-x509", "-subj", "/CN=gateway.branch.example", "-days", "30"]);
    openssl.args([
        "-key",
        &format!("{root}{FILES}/key.pem"),
        "-out",
        &format!("{root}/root/theirs.pem"),
    ]);
    run(&mut openssl);
    own.inside(&format!("cp /root/theirs.pem {FILES}/certificate.pem"));
    let theirs = sums();
    own.inside("systemctl start branchline-certificate.service");
    assert!(own.try_inside("branchline certificate renew --now").is_none());
    assert_eq!(sums(), theirs);
}
