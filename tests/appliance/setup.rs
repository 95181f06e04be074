//! From a box that nobody has set up to one that works, what it says when something is wrong, and back: in a container, by what a
//! person at the box types and reads.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::boxed::{Boxed, until};
use crate::browser::Browser;
use crate::{root, run};

/// A box, ready; the console's page and the status are read from it.
fn ready() -> Boxed {
    let own = Boxed::boot();
    own.settle();
    own.ready();
    own
}

fn console(own: &Boxed) -> String {
    own.inside("branchline console --once")
}

/// What `branchline status` and the console say is wrong; they say the same.
#[track_caller]
fn troubles(own: &Boxed, around: &str) -> Vec<String> {
    let lines = |text: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("  ! "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let said = lines(&own.inside(&around.replace("{}", "branchline status")));
    assert_eq!(said, lines(&own.inside(&around.replace("{}", "branchline console --once"))));
    said
}

/// The box's cards, one after the other: a card, its cable, an address, a way out.
fn network(own: &Boxed, line: &str) {
    run(own.beside("sh").args(["-c", line]));
}

const CARD: &str = "ip link add lan0 type veth peer name far0";
const CABLE: &str = "ip link set lan0 up && ip link set far0 up";
const ADDRESS: &str = "ip address add 192.168.77.2/24 dev lan0";
const WAY_OUT: &str = "ip route add default via 192.168.77.1";

fn sheet(name: &str) -> String {
    fs::read_to_string(root().join("firmware-config/stick").join(name)).expect("a sample")
}

#[test]
fn a_sheet_sets_the_box_up_once_and_a_reset_makes_it_new() {
    let own = ready();
    let first = console(&own);
    let code = own.inside("cat /etc/branchline/credentials/setup-code");
    assert!(first.contains("Not set up yet. Open https://ADDRESS:8443/setup"), "{first}");
    assert!(first.contains(code.trim()), "{first}");
    assert_eq!(own.inside("stat -c %a.%U /etc/branchline/credentials/setup-code"), "600.root\n");
    // The certificate that a browser meets is the one on the screen.
    let served = "openssl s_client -connect 127.0.0.1:8443 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256";
    let served = run(own.beside("sh").args(["-c", served]));
    let print = served.trim().split('=').nth(1).expect("a print").to_owned();
    let shown: String =
        first.lines().filter(|line| line.matches(':').count() > 10).map(str::trim).collect();
    assert_eq!(shown, print, "{first}");

    own.write("/root/site.toml", &sheet("small-office.toml"));
    let checked = own.inside("branchline setup /root/site.toml --check");
    assert!(checked.contains("site.toml: good") && checked.contains("201 to 203"), "{checked}");
    let said = own.inside("branchline setup /root/site.toml --result /root/result.txt");
    println!("{said}");
    assert!(said.starts_with("The box is set up."), "{said}");
    // The password that is shown is the phone's; what may lie on a stick has none.
    let password = own.inside("cat /etc/branchline/secrets/201");
    let result = own.inside("cat /root/result.txt");
    assert!(said.contains(&password) && !result.contains(&password), "{result}");
    own.ready();
    let status = until("the new configuration runs", || {
        own.try_inside("branchline status").filter(|status| status.contains("Small office"))
    });
    assert!(status.contains("carrier"), "{status}");
    own.inside("branchline check");
    assert!(own.inside("branchline user list").contains("ann"));
    let configuration = own.inside("cat /etc/branchline/gateway.toml");
    assert!(!configuration.contains("as-the-carrier-wrote-it"), "{configuration}");
    assert_eq!(own.inside("cat /etc/branchline/secrets/carrier"), "as-the-carrier-wrote-it");
    assert!(!console(&own).contains("Not set up"), "the code is gone");
    assert!(own.try_inside("branchline setup /root/site.toml").is_none(), "a box is set up once");
    assert!(own.try_inside("test -e /etc/branchline/credentials/setup-code").is_none());

    // The word alone does it, on the console, and only behind the question.
    own.inside("printf 'RESET\\nf\\nno\\n' | branchline console || true");
    assert!(own.try_inside("test -e /run/branchline-reset").is_none());
    own.inside("printf 'f\\nRESET\\n' | branchline console || true");
    let fresh = until("the box is as it came", || {
        let page = own.try_inside("branchline console --once")?;
        (page.contains("Not set up yet") && page.contains("New branch")).then_some(page)
    });
    let new_code = own.inside("cat /etc/branchline/credentials/setup-code");
    assert!(new_code != code && fresh.contains(new_code.trim()), "{fresh}");
    own.ready();
    assert!(!own.inside("branchline user list").contains("ann"), "whoever it knew is gone");
    let log = own.inside("journalctl --no-pager -u branchline-reset.service");
    assert!(
        log.contains("factory reset, asked for by console") && log.contains("kept for 24 hours"),
        "{log}"
    );
    // What was there lies aside for a day.
    let old = own.inside("cat /var/lib/branchline-before/configuration/gateway.toml");
    assert!(old.contains("Small office"), "{old}");
    assert!(
        own.inside("ls /var/lib/branchline-before/data").contains("journal"),
        "its journal too"
    );
    assert_eq!(own.inside("stat -c %a /var/lib/branchline-before"), "700\n");
    own.inside("branchline reset --forget && test -d /var/lib/branchline-before");
    own.inside("branchline reset --forget --at $(($(date +%s) + 86000)) && test -d /var/lib/branchline-before");
    own.inside("branchline reset --forget --at $(($(date +%s) + 86400)) && test ! -e /var/lib/branchline-before");
}

#[test]
fn after_a_regulated_wipe_nothing_is_left() {
    let own = ready();
    own.inside("printf '\\n[appliance]\\nwipe = \"regulated\"\\n' >>/etc/branchline/gateway.toml");
    let secret = own.inside("cat /etc/branchline/secrets/201");
    // The button: a key of the kernel's goes down (type 1, code 408, value 1), and stays so for more than ten seconds.
    own.inside("mkfifo /root/button");
    let event = "\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\001\\000\\230\\001\\001\\000\\000\\000";
    own.inside(
        "setsid branchline reset --button /root/button --key 408 >/dev/null 2>&1 </dev/null &",
    );
    own.inside(&format!(
        "setsid sh -c \"(printf '{event}'; sleep 60) >/root/button\" >/dev/null 2>&1 </dev/null &"
    ));
    let held = std::time::Instant::now();
    until("it was held long enough", || {
        own.try_inside(
            "journalctl --no-pager -u branchline-reset.service | grep -q 'asked for by button'",
        )
    });
    assert!(held.elapsed() >= std::time::Duration::from_secs(9), "{:?}", held.elapsed());
    until("the box is as it came", || {
        own.try_inside("branchline status && ! grep -q regulated /etc/branchline/gateway.toml")
    });
    let log = own.inside("journalctl --no-pager -u branchline-reset.service");
    assert!(log.contains("regulated wipe"), "{log}");
    own.inside("test ! -e /var/lib/branchline-before");
    assert_ne!(own.inside("cat /etc/branchline/secrets/201"), secret, "phones get new passwords");
    // What a boot loader says is no request: nothing on the disk asks for another.
    own.inside("systemctl start branchline-reset.service");
    assert!(
        own.inside("journalctl --no-pager -u branchline-reset.service")
            .matches("factory reset, asked for")
            .count()
            == 1
    );
}

#[test]
fn what_lacks_is_said_with_what_to_do() {
    let own = ready();
    let only = |around: &str| {
        let said = troubles(&own, around);
        assert_eq!(said.len(), 1, "{said:?}");
        println!("{}", said[0]);
        said[0].clone()
    };
    // The network, step by step.
    assert!(only("{}").contains("no network card"));
    network(&own, CARD);
    assert!(only("{}").starts_with("No cable leads anywhere from lan0: plug it"));
    network(&own, CABLE);
    assert!(only("{}").starts_with("The network gives lan0 no address: look whether the router"));
    network(&own, ADDRESS);
    assert!(only("{}").starts_with("There is no way out"));
    network(&own, WAY_OUT);
    assert_eq!(troubles(&own, "{}"), Vec::<String>::new());
    let page = console(&own);
    assert!(page.contains("address  192.168.77.2"), "{page}");
    assert!(page.contains("https://192.168.77.2:8443/setup"), "{page}");

    // A clock of 1970.
    assert!(only("{} --at 90000").starts_with("The clock says 1970-01-02"));

    // A full disk, as this look alone sees it.
    let full = "unshare --mount sh -c 'mount -t tmpfs -o size=1m none /var/lib/branchline && \
                { head -c 2000000 /dev/zero >/var/lib/branchline/fill || true; } 2>/dev/null && {}'";
    assert!(only(full).starts_with("The disk is 100 % full"));

    // A wrong sheet on a stick, which is told on the stick too; mended, it is taken.
    let script =
        fs::read_to_string(root().join("image/overlay/usr/lib/branchline/site")).expect("there");
    own.write("/root/site-script", &script);
    own.inside("mkdir /root/stick");
    own.write("/root/stick/site.toml", &sheet("small-office.toml").replace("[trunk]", "[trunks]"));
    assert!(own.try_inside("sh /root/site-script /root/stick").is_none(), "it is refused");
    let result = own.inside("cat /root/stick/site.result.txt");
    assert!(
        result.contains("site.toml:18:2") && result.contains("did you mean `trunk`?"),
        "{result}"
    );
    assert!(only("{}").contains("unknown section `trunks`, did you mean `trunk`"));
    own.write(
        "/root/stick/site.toml",
        &(sheet("small-office.toml") + "\n[modem]\nport = \"/dev/branchline/modem/gone/at\"\n"),
    );
    let said = own.inside("sh /root/site-script /root/stick");
    assert_eq!(
        said, "",
        "what a stick's unit prints is in the log for ever, and passwords are not"
    );
    assert!(own.inside("cat /root/stick/site.result.txt").starts_with("The box is set up."));
    own.ready();

    // The modem that was pulled.
    let modem = until("the modem is missed", || {
        own.try_inside("branchline status")?
            .lines()
            .find(|line| line.contains("! The modem"))
            .map(str::to_owned)
    });
    println!("{modem}");
    assert!(modem.contains("The modem of front is not there: plug it back"), "{modem}");

    // And a service that does not run.
    own.inside("systemctl stop branchline.service branchline-sip.socket branchline-sips.socket");
    let said = own.inside("branchline status 2>/dev/null || true");
    assert!(said.contains("! The telephone service does not answer: restart it"), "{said}");
}

/// The stick of a box that takes another one's place: its newest backup and what opens it.
#[test]
fn a_backup_on_a_stick_makes_a_new_box_the_one_that_it_was_made_on() {
    let files = |own: &Boxed| {
        ["secrets/201", "secrets/carrier", "network.json", "set-up"]
            .map(|name| own.inside(&format!("cat /etc/branchline/{name}")))
    };
    let first = ready();
    first.write("/root/site.toml", &sheet("clinic.toml"));
    first.inside("branchline setup /root/site.toml");
    first.ready();
    // The disk that the sheet speaks of is not in yet.
    first.inside("mount -t tmpfs -o ro none /mnt && ! systemctl start branchline-backup.service");
    let log = first.inside("journalctl --no-pager -u branchline-backup.service");
    assert!(log.contains("plug the backup disk in"), "{log}");
    first.inside("umount /mnt && install -d -o branchline -m 0700 /mnt/backup && systemctl start branchline-backup.service");
    let status = first.inside("branchline status");
    assert!(status.contains("backup"), "{status}");
    let name = first.inside("ls /mnt/backup").trim().to_owned();
    let kept = crate::boxed::work().join(&name);
    let there = |own: &Boxed, path: &str| PathBuf::from(format!("/proc/{}/root{path}", own.init()));
    fs::copy(there(&first, &format!("/mnt/backup/{name}")), &kept).expect("copied");
    let (known, users) = (files(&first), first.inside("branchline user list"));
    drop(first);

    let own = ready();
    let script =
        fs::read_to_string(root().join("image/overlay/usr/lib/branchline/site")).expect("there");
    own.write("/root/site-script", &script);
    own.inside("mkdir /root/stick");
    fs::copy(&kept, there(&own, &format!("/root/stick/{name}"))).expect("copied");
    own.try_inside("sh /root/site-script /root/stick");
    let result = own.inside("cat /root/stick/site.result.txt");
    assert!(result.contains("no passphrase.txt"), "{result}");
    // The screen obeys nothing that is quoted from a stick.
    own.inside("printf 'NOT set up: line 1: \\033[2J\\r\\n' >/run/branchline-site.result");
    let said = console(&own);
    assert!(said.contains("[2J") && !said.contains('\u{1b}'), "{said:?}");
    own.write("/root/stick/passphrase.txt", "another one altogether\n");
    assert!(own.try_inside("sh /root/site-script /root/stick").is_none(), "it is refused");
    let result = own.inside("cat /root/stick/site.result.txt");
    println!("{result}");
    assert!(result.starts_with("NOT set up: ") && result.contains("passphrase"), "{result}");
    assert!(console(&own).contains("Not set up yet"), "nothing was changed");
    assert!(own.inside("branchline status").contains("! The stick"), "it is on the screen");
    own.write("/root/stick/passphrase.txt", "\u{feff}write this down in two places\r\n");
    // A box that somebody configured by hand takes none.
    own.inside("echo '# mine' >>/etc/branchline/gateway.toml && rm /root/stick/site.result.txt");
    own.inside("sh /root/site-script /root/stick && test ! -e /root/stick/site.result.txt");
    own.inside("sed -i '/# mine/d' /etc/branchline/gateway.toml");
    own.inside("sh /root/site-script /root/stick");
    println!("{}", own.inside("cat /root/stick/site.result.txt"));
    own.ready();
    until("the box is what the other one was", || {
        own.try_inside("branchline status").filter(|status| status.contains("Clinic"))
    });
    assert_eq!((files(&own), own.inside("branchline user list")), (known, users));
    own.inside("branchline check && branchline journal");
    let page = console(&own);
    assert!(!page.contains("Not set up"), "{page}");
    assert!(own.inside("branchline status").contains("backup"), "and it goes on making them");
    assert!(
        own.try_inside("sh /root/site-script /root/stick").is_some(),
        "a second look does nothing"
    );
    a_restore_that_is_cut_off_is_ended_by_the_next_start(&own, &format!("/root/stick/{name}"));
}

/// Root brings a backup back, and the program's own account has to live with what a cut left of that.
fn a_restore_that_is_cut_off_is_ended_by_the_next_start(own: &Boxed, backup: &str) {
    let users = own.inside("branchline user list");
    let strange = "find /var/lib/branchline /etc/branchline -path '*/credentials*' -prune -o ! -user branchline -printf '%u %p\\n' | sort";
    let others = own.inside(strange);
    let mut cuts = 0;
    for cut in [2, 3, 5, 8, 10, 13] {
        // Ended by root, as at the start of a machine; and by the program itself, which is only started anew.
        let root_too = if cut % 2 == 0 { " branchline-first-start.service" } else { "" };
        let all = "branchline-sip.socket branchline-sips.socket branchline.service";
        own.inside(&format!("systemctl stop {all}{root_too}"));
        let moves = "rename,renameat,renameat2";
        let killed = Command::new("strace")
            .args(["--follow-forks", "--quiet=all", "-o", "/dev/null", "-e"])
            .arg(format!("trace={moves}"))
            .arg("-e")
            .arg(format!("inject={moves}:signal=KILL:when={cut}"))
            .args(["nsenter", "--all", "-t", &own.init().to_string(), "--"])
            .args(["/usr/bin/branchline", "restore", backup, "--over"])
            .args(["--data", "/var/lib/branchline"])
            .args(["--passphrase-file", "/root/stick/passphrase.txt"])
            .output()
            .expect("strace starts");
        cuts += usize::from(!killed.status.success());
        own.inside(
            "systemctl start branchline-sip.socket branchline-sips.socket branchline.service",
        );
        own.ready();
        own.inside("branchline check && branchline journal");
        assert_eq!(own.inside("branchline user list"), users, "cut at move {cut}");
        assert_eq!(own.inside(strange), others, "cut at move {cut}");
        let rest = own.try_inside("ls -d /var/lib/branchline/.restore /etc/branchline/.restore");
        assert!(rest.is_none(), "cut at move {cut}: {rest:?}");
    }
    assert!(cuts > 4, "only {cuts} were cut off");
    // Whoever broke into the program may write such a plan too; root moves no more with it than the program could.
    own.inside("install -d -m 0700 /root/others && touch /root/others/file");
    own.write("/root/plan", r#"{"config":"/etc/branchline","data":"/root/others","time":1}"#);
    own.inside("install -d -o branchline -g branchline -m 0700 /etc/branchline/.restore");
    own.inside(
        "install -o branchline -g branchline /root/plan /etc/branchline/.restore/ready.json",
    );
    assert!(own.try_inside("branchline restore").is_none());
    assert_eq!(own.inside("ls /root/others"), "file\n");
    own.inside("rm -r /etc/branchline/.restore");
}

/// What the unprivileged program asks of root for the network: addresses become files, and nothing else does.
#[test]
fn root_writes_the_network_that_was_asked_for_and_nothing_besides() {
    let own = ready();
    network(&own, CARD);
    let written = "/run/systemd/network/05-branchline-lan.network";
    let ask = |text: &str| {
        own.write("/etc/branchline/network.new", text);
        own.inside("mv /etc/branchline/network.new /etc/branchline/network.json");
    };
    ask(r#"{"lan":{"address":"192.168.10.2/24","gateway":"192.168.10.1","dns":["192.168.10.1"]}}"#);
    let text = until("the path unit has noticed", || own.try_inside(&format!("cat {written}")));
    assert!(text.contains("Name=lan0\n") && text.contains("Address=192.168.10.2/24\n"), "{text}");
    for bad in [
        r#"{"lan":{"address":"192.168.10.3/24\nDNS=6.6.6.6"}}"#,
        r#"{"lan":{"address":"192.168.10.3/24","gateway":"10.0.0.1"}}"#,
        r#"{"lan":"dhcp","command":"reboot"}"#,
        "[]",
    ] {
        own.write("/root/network.json", bad);
        own.inside("cp /root/network.json /root/gateway.toml");
        let refused = own.try_inside("branchline setup network -c /root/gateway.toml");
        assert!(refused.is_none(), "{bad}");
    }
    own.inside("ln -sf /etc/shadow /root/network.json");
    assert!(
        own.try_inside("branchline setup network -c /root/gateway.toml").is_none(),
        "a link is not followed"
    );
    assert_eq!(own.inside(&format!("cat {written}")), text, "what was refused changes nothing");
}

/// A laptop at the box's cable, where nothing gives addresses: the one on the paper is answered, through the box's own firewall.
#[test]
fn a_laptop_beside_the_rescue_address_reaches_set_up_and_a_stranger_does_not() {
    let own = ready();
    own.inside("systemctl enable --quiet --now branchline-firewall.service");
    let mut laptop =
        Command::new("unshare").args(["--net", "sleep", "600"]).spawn().expect("a laptop");
    let there = laptop.id();
    let own_net = || fs::read_link("/proc/self/ns/net").expect("a namespace");
    until("the laptop has a network", || {
        fs::read_link(format!("/proc/{there}/ns/net"))
            .ok()
            .filter(|net| *net != own_net())
            .map(drop)
    });
    network(&own, &format!("ip link add lan0 type veth peer name box netns {there}"));
    let networkd =
        fs::read_to_string(root().join("firmware-config/network/20-branchline-lan.network"));
    let networkd = networkd.expect("there");
    let address = networkd.lines().find_map(|line| line.strip_prefix("Address=")).expect("one");
    network(&own, &format!("ip address add {address} dev lan0 && ip link set lan0 up"));
    network(&own, "ip address add 198.51.100.1/24 dev lan0");
    let at_laptop = |line: &str| {
        let there = there.to_string();
        let output =
            Command::new("nsenter").args(["--net", "-t", &there, "--", "sh", "-c", line]).output();
        String::from_utf8_lossy(&output.expect("nsenter starts").stdout).into_owned()
    };
    let from = |address: &str, to: &str| {
        at_laptop(&format!(
            "ip link set box up; ip address flush dev box; ip address add {address} dev box"
        ));
        at_laptop(&format!("curl --silent --insecure --max-time 5 https://{to}:8443/setup"))
    };
    let page = from("192.0.2.2/24", "192.0.2.1");
    assert!(page.contains("Set-up code"), "{page}");
    let strange = from("198.51.100.2/24", "198.51.100.1");
    assert_eq!(strange, "", "an address of nobody's network");
    at_laptop("ip route add 192.0.2.0/24 via 198.51.100.1 dev box");
    let strange = at_laptop("curl --silent --insecure --max-time 5 https://192.0.2.1:8443/setup");
    assert_eq!(strange, "", "from elsewhere to the rescue address");
    laptop.kill().expect("it ran");
    laptop.wait().expect("it ended");
}

#[test]
fn a_box_that_nobody_touched_has_what_the_factory_gives_today() {
    let own = ready();
    let begin = "systemctl restart branchline-first-start.service";
    let today = own.inside("cat /etc/branchline/gateway.toml");
    // As a version before left it; and the same, changed by hand.
    own.inside("cd /etc/branchline && echo '# older' | tee -a gateway.toml >>.factory");
    assert!(!console(&own).contains("Not set up yet"), "another file than the factory's");
    own.inside(
        "cp -p /etc/branchline/gateway.toml /root && echo '# mine' >>/etc/branchline/gateway.toml",
    );
    own.inside(begin);
    assert!(own.inside("cat /etc/branchline/gateway.toml").ends_with("# older\n# mine\n"));
    own.inside(&format!("cp -p /root/gateway.toml /etc/branchline/ && {begin}"));
    assert_eq!(own.inside("cat /etc/branchline/gateway.toml"), today);
    assert!(console(&own).contains("Not set up yet"));
    assert_eq!(own.inside("stat -c %U.%a /etc/branchline/gateway.toml"), "branchline.640\n");
}

#[test]
fn the_firewall_lets_a_new_carrier_in_as_soon_as_it_is_written_down() {
    let own = ready();
    own.inside("systemctl enable --quiet --now branchline-firewall.service");
    let rules = || own.inside("nft list table inet branchline");
    assert!(!rules().contains("192.0.2.77"));
    let text = own.inside("cat /etc/branchline/gateway.toml");
    let carrier = |address: &str| {
        format!(
            "\n[[trunk]]\nname = \"carrier\"\naccept_from = [\"{address}\"]\nservers = [\"{address}\"]\n"
        )
    };
    own.write("/etc/branchline/next.toml", &(text + &carrier("192.0.2.77")));
    // As an admin's command does it, and as an editor does.
    own.inside("branchline config apply /etc/branchline/next.toml --why 'another carrier'");
    until("the new carrier may call", || rules().contains("192.0.2.77").then_some(()));
    own.inside("sed -i s/192.0.2.77/192.0.2.78/ /etc/branchline/gateway.toml");
    until("the next one may", || rules().contains("192.0.2.78").then_some(()));
    assert!(!rules().contains("192.0.2.77"), "the old one may no more");
    // What cannot be read leaves the rules as they are.
    own.inside("echo nonsense >>/etc/branchline/gateway.toml");
    let failed =
        "systemctl show -P Result branchline-firewall.service branchline-firewall-again.service";
    until("it was refused", || own.inside(failed).contains("exit-code").then_some(()));
    assert!(rules().contains("192.0.2.78"));
}

/// A box without a clock chip goes on from the last time that it knew.
#[test]
fn time_does_not_go_back() {
    let folder = crate::boxed::work().join("time");
    let file: PathBuf = folder.join("clock");
    let keep = |now: &str, what: &[&str], server: &str| {
        let mut script = Command::new("faketime");
        script.arg(now).arg(root().join("image/overlay/usr/lib/branchline/keep-time")).arg(&file);
        // It says what it would set; the clock of this machine stays as it is.
        script
            .args(what)
            .env("KEEP_TIME_SET", "echo")
            .env("KEEP_TIME_ASK", format!("echo {server}"));
        run(script.env("NO_FAKE_STAT", "1"))
    };
    let start = |now: &str| keep(now, &[], "0,Not synchronised");
    let known = || run(Command::new("date").args(["-u", "+%F", "-r"]).arg(&file));
    let _ = fs::remove_dir_all(&folder);
    // The first start of all, before anything is on the disk.
    assert_eq!(start("2026-11-21 12:00:00 UTC"), "");
    assert_eq!(known(), "2026-11-21\n");
    run(Command::new("touch").args(["-d", "2026-11-22 12:00:00 UTC"]).arg(&file));
    let said = start("1970-01-02 00:00:00 UTC");
    assert_eq!(
        said.trim(),
        "the clock was behind what is known; it goes on from 2026-11-22T12:00:00Z"
    );
    assert_eq!(start("2026-11-23 12:00:00 UTC"), "");
    assert_eq!(known(), "2026-11-23\n");
    // A firmware that was wrong once is not believed for ever.
    assert_eq!(start("2035-01-01 12:00:00 UTC"), "");
    assert_eq!(known(), "2035-01-01\n");
    assert!(start("2026-11-24 12:00:00 UTC").contains("had leapt to 2035-01-01"));
    assert_eq!(known(), "2026-11-24\n");
    // Nor is one that a time server corrects.
    keep("2027-06-01 12:00:00 UTC", &["note"], "0,Not synchronised");
    keep("2026-11-25 12:00:00 UTC", &["note"], "0,Not synchronised");
    assert_eq!(known(), "2027-06-01\n");
    keep("2026-11-25 12:00:00 UTC", &["note"], "A29FC87B,192.0.2.1,3,0.0,Normal");
    assert_eq!(known(), "2026-11-25\n");
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn the_page_sets_the_box_up_without_a_network_beyond_the_cable() {
    let own = ready();
    let page = own.work_page();
    assert!(page.contains("Einrichtungscode") && page.contains("<fieldset>"), "{page}");
    let code = own.inside("cat /etc/branchline/credentials/setup-code").trim().to_owned();
    seen(&own, &code);
    let good = [
        ("site.name", "Filiale Hafen"),
        ("site.time_zone", "Europe/Berlin"),
        ("site.country", "DE"),
        ("site.kind", "office"),
        ("lan.how", "dhcp"),
        ("trunk.how", "line"),
        ("trunk.servers", "sip.example.net"),
        ("trunk.user", "filiale"),
        ("trunk.password", "geheim-17"),
        ("trunk.numbers", "+49 30 5550 1000"),
        ("phones.list", "201 Empfang\r\n202 Werkstatt"),
        ("backup.how", "folder"),
        ("backup.folder", "/srv/backup"),
        ("backup.passphrase", "sieben braune hennen"),
        ("admin.user", "ann"),
        ("admin.password", "tulpen im mai"),
    ];
    let send = |path: &str, code: &str, changed: &[(&str, &str)]| {
        let mut curl = own.beside("curl");
        curl.args(["-sk", "--max-time", "20", "-H", "Accept-Language: de", "-w", "\n%{http_code}"]);
        curl.arg("--data-urlencode").arg(format!("code={code}"));
        for (key, value) in good.iter().filter(|(key, _)| changed.iter().all(|(own, _)| own != key))
        {
            curl.arg("--data-urlencode").arg(format!("{key}={value}"));
        }
        for (key, value) in changed {
            curl.arg("--data-urlencode").arg(format!("{key}={value}"));
        }
        run(curl.arg(format!("https://127.0.0.1:8443{path}")))
    };
    let wrong = send("/setup", "2222-2222-2222", &[]);
    assert!(wrong.ends_with("\n403") && wrong.contains("nicht der Code"), "{wrong}");
    let wrong = send(
        "/setup",
        &code,
        &[
            ("site.time_zone", "Europe/Berln"),
            ("trunk.numbers", "030 5550"),
            ("backup.folder", "/root"),
        ],
    );
    assert!(
        wrong.ends_with("\n422") && wrong.contains("aria-describedby=\"wrong-site-time_zone\""),
        "{wrong}"
    );
    assert!(
        wrong.contains("aria-describedby=\"wrong-trunk-numbers\""),
        "every mistake at once: {wrong}"
    );
    assert!(wrong.contains("aria-describedby=\"wrong-backup-folder\""), "{wrong}");
    assert!(wrong.contains("keine vollst\u{e4}ndige Nummer"), "{wrong}");
    assert!(
        !wrong.contains("hennen") && !wrong.contains("geheim-17") && !wrong.contains("tulpen"),
        "no password goes back"
    );
    let look = send("/setup", &code, &[]);
    assert!(
        look.ends_with("\n200") && look.contains("Filiale Hafen") && !look.contains("geheim-17"),
        "{look}"
    );
    assert!(own.inside("branchline status").contains("New branch"), "a look changes nothing");
    let plan = look
        .split("name=\"plan\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a plan");
    let done = send("/setup/apply", &code, &[("plan", plan)]);
    assert!(done.ends_with("\n200") && done.contains("Werkstatt"), "{done}");
    let password = own.inside("cat /etc/branchline/secrets/202");
    assert!(done.contains(password.trim()), "the sheet for the phones");
    until("the new configuration runs", || {
        own.try_inside("branchline status").filter(|status| status.contains("Filiale Hafen"))
    });
    own.ready();
    assert!(own.inside("branchline user list").contains("ann"));
    assert!(!own.inside("cat /etc/branchline/gateway.toml").contains("geheim"));
    until("the code is gone", || {
        own.try_inside("test ! -e /etc/branchline/credentials/setup-code")
    });
    let after = send("/setup", &code, &[]);
    assert!(!after.contains("Filiale Hafen") && !after.contains("<form"), "{after}");
    until("the page is gone", || {
        let own = own.work_page();
        (!own.contains("<form")).then_some(())
    });
}

impl Boxed {
    /// The set-up page, asked for from the box's own network, in German.
    fn work_page(&self) -> String {
        let mut curl = self.beside("curl");
        curl.args([
            "-sk",
            "--max-time",
            "20",
            "-H",
            "Accept-Language: de-DE,de;q=0.9",
            "https://127.0.0.1:8443/setup",
        ]);
        until("the page answers", || {
            let output = curl.output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        })
    }
}

/// The page in a browser that is in the box's network and in no other: pictures of it, and whoever sees or hears it otherwise finds
/// nothing in the way, before a mistake and after.
fn seen(own: &Boxed, code: &str) {
    let enter = ["nsenter", "--net", "-t", &own.init().to_string(), "--"].map(str::to_owned);
    let browser = Browser::start_in(&enter, None, &[]);
    let person = browser.person();
    let tab = person.tab();
    for (name, width, dark) in [("desk", 1280, false), ("phone", 390, false), ("dark", 1280, true)]
    {
        tab.size(width, 1400);
        tab.dark(dark);
        tab.open("https://127.0.0.1:8443/setup");
        tab.sees("Set-up code");
        assert_eq!(tab.axe(), Vec::<String>::new(), "{name}");
        tab.picture(&crate::boxed::work().join(format!("setup-{name}.png")));
    }
    tab.fill("Set-up code", code);
    tab.click("Look at it");
    tab.sees("no name of a branch");
    assert_eq!(tab.axe(), Vec::<String>::new());
    tab.picture(&crate::boxed::work().join("setup-mistakes.png"));
    assert_eq!(tab.complaints(), Vec::<String>::new());
}
