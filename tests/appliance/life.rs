//! A box's life: dial tone after the first start, calls, restarts, an upgrade, the end.

use std::net::UdpSocket;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::boxed::{Boxed, package, until};
use crate::{root, run, sip};

/// What the factory has, with a carrier on the box's own loopback. SIPp looks at the first challenge alone, and knows MD5.
fn with_carrier(limits: &str, more: &str) -> String {
    let factory = root().join("firmware-config/defaults/site.toml");
    let mut text = std::fs::read_to_string(factory).expect("the factory's configuration");
    text += "\n[sip]\ndigests = [\"md5\", \"sha-256\"]\n";
    text += limits;
    text += "\n[[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.1\"]\nservers = [\"127.0.0.1:5090\"]\n\n\
             [[inbound]]\nnumber = \"+15550100\"\nto = \"ivr:main\"\n";
    text + more
}

/// What a machine that others use too does not keep to.
const NO_LATENESS: &str = "\n[limits]\nlateness_ms = 0\n";

/// A box that takes the carrier's calls, with these limits and more of a configuration.
pub fn with_calls(limits: &str, more: &str) -> Boxed {
    let own = Boxed::boot();
    own.settle();
    own.write("/etc/branchline/gateway.toml", &with_carrier(limits, more));
    own.inside(
        "chown branchline: /etc/branchline/gateway.toml && systemctl restart branchline.service",
    );
    own.ready();
    own
}

#[test]
fn a_new_box_has_dial_tone_at_once() {
    let own = Boxed::boot();
    let on = own.on;
    let answered = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            own.enter();
            sip::first_answer(on)
        });
        asking.join().expect("no panic")
    });
    println!("OPTIONS answered {answered:?} after the box was switched on");
    own.settle();
    assert_eq!(own.inside("systemctl --failed --no-legend --plain").trim(), "", "failed units");
    assert!(answered < Duration::from_secs(2), "{answered:?}");
    let status = own.inside("branchline status");
    assert!(status.contains("listens  tls [::]:5061"), "{status}");
    // The log by its fields: what is ready, and how urgent that is.
    let line = own.inside(
        "journalctl --no-pager -o json --output-fields=MESSAGE,PRIORITY,BRANCHLINE_VERSION,_SYSTEMD_UNIT BRANCHLINE_VERSION=0.1.0",
    );
    for has in [
        "\"MESSAGE\":\"ready version=",
        "\"PRIORITY\":\"6\"",
        "\"_SYSTEMD_UNIT\":\"branchline.service\"",
    ] {
        assert!(line.contains(has), "{has}: {line}");
    }
    // Every phone of the factory has a password of its own, which its account alone reads.
    let secrets = own.inside("cd /etc/branchline/secrets && cat 201 202 203 && stat -c %a.%U 201");
    assert!(secrets.ends_with("640.branchline\n") && secrets.len() == 3 * 24 + 15, "{secrets}");
    let fed = || {
        let told = own.inside("systemctl show -P WatchdogTimestampMonotonic branchline.service");
        told.trim().parse::<u64>().expect("a time")
    };
    let first = fed();
    until("the watchdog is fed", || (fed() > first).then_some(()));
    let log = own.inside("journalctl --no-pager -u branchline.service");
    assert!(!log.contains("fence") && !log.contains("OPTIONS"), "{log}");
}

#[test]
fn a_caller_hears_the_menu() {
    let own = with_calls(NO_LATENESS, "");
    let heard = call(&own);
    println!("heard {heard:?}");
    assert!(heard.packets > 100 && heard.loud > 50, "{heard:?}");
    assert!(records(&own).contains("+15550199"));
}

/// One call of SIPp's to the menu, of three seconds: what it heard.
fn call(own: &Boxed) -> sip::Heard {
    thread::scope(|scope| {
        let calling = scope.spawn(|| {
            own.enter();
            let ear = UdpSocket::bind("127.0.0.1:0").expect("a port");
            let port = ear.local_addr().expect("bound").port().to_string();
            let mut sipp = own.beside("sipp");
            sipp.arg("-sf").arg(root().join("tests/appliance/sipp/call.xml"));
            sipp.args(["-m", "1", "-key", "to", "+15550100", "-d", "3000"]);
            sipp.args([
                "-key",
                "rtp",
                &port,
                "-i",
                "127.0.0.1",
                "-timeout",
                "20",
                "-nostdin",
                sip::BOX,
            ]);
            let mut sipp = sipp.stdout(Stdio::null()).spawn().expect("sipp starts");
            let heard = sip::listen(&ear, Duration::from_secs(4));
            assert!(sipp.wait().expect("it ends").success(), "the call failed");
            heard
        });
        calling.join().expect("no panic")
    })
}

/// Carries out `act` inside while 500 questions a second come.
fn under_load(own: &Boxed, act: &str) -> sip::Flood {
    thread::scope(|scope| {
        let flooding = scope.spawn(|| {
            own.enter();
            sip::flood(500, Duration::from_secs(6))
        });
        for _ in 0..2 {
            thread::sleep(Duration::from_millis(1_200));
            own.inside(act);
            own.ready();
        }
        flooding.join().expect("no panic")
    })
}

#[test]
fn a_restart_loses_nobodys_question() {
    let own = with_calls(NO_LATENESS, "");
    // What it had in its hands when it was killed nobody answers but by a second question: one datagram a kill at most.
    for (act, lost) in [
        ("systemctl restart branchline.service", 0),
        ("systemctl kill --signal=KILL --kill-whom=main branchline.service", 2),
    ] {
        let flood = under_load(&own, act);
        println!("{act}: {flood:?}");
        assert!(flood.sent > 2_500 && flood.lost <= lost, "{act}: {flood:?}");
    }
    let starts =
        own.inside("journalctl --no-pager -u branchline.service | grep -c ': ready version='");
    assert!(starts.trim().parse::<u32>().expect("a count") >= 5, "{starts}");
}

#[test]
fn an_upgrade_keeps_what_the_branch_knows_and_a_purge_nothing() {
    let own = with_calls(NO_LATENESS, "");
    let secret = own.inside("cat /etc/branchline/secrets/201");
    thread::scope(|scope| {
        let registering = scope.spawn(|| {
            own.enter();
            register(&own, secret.trim());
        });
        registering.join().expect("no panic");
    });
    let phones = own.inside("branchline phones");
    assert!(phones.contains("127.0.0.1:5077"), "{phones}");
    assert!(call(&own).loud > 50);
    let calls = records(&own);
    let before = own.inside("systemctl show -P MainPID branchline.service");

    // What an admin has switched off stays off; what a version brings for the first time is on.
    own.inside(
        "systemctl disable --quiet --now branchline-loop-call.timer branchline-certificate.timer",
    );
    own.inside("sed -i /certificate/d /var/lib/branchline-units");
    let newer = std::fs::read(package("0.1.1")).expect("a package");
    std::fs::write(format!("/proc/{}/root/newer.deb", own.init()), newer).expect("copied");
    own.inside("dpkg --install /newer.deb");
    until("the new program runs", || {
        let now = own.inside("systemctl show -P MainPID branchline.service");
        (now != before && now.trim() != "0").then_some(())
    });
    own.ready();
    assert!(own.inside("dpkg --status branchline").contains("Version: 0.1.1"));
    let on = |unit: &str| own.try_inside(&format!("systemctl --quiet is-active {unit}")).is_some();
    assert!(on("branchline-certificate.timer") && !on("branchline-loop-call.timer"));
    let phones = own.inside("branchline phones");
    assert!(phones.contains("127.0.0.1:5077"), "the registration is gone: {phones}");
    assert_eq!(records(&own), calls, "records of calls");
    assert!(call(&own).loud > 50);

    own.inside("dpkg --remove branchline");
    assert!(own.try_inside("test -d /var/lib/branchline/journal").is_some(), "data stays");
    assert_eq!(own.try_inside("pgrep -x branchline"), None, "it still runs");
    own.inside("dpkg --install /newer.deb");
    own.ready();
    assert!(on("branchline-sip.socket") && on("branchline-certificate.timer"), "as a new one");
    assert_eq!(records(&own).lines().count(), 3, "with its data");
    own.inside("rm /newer.deb /branchline.deb && dpkg --purge branchline");
    let left = own.inside("find / -xdev -name '*branchline*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/var/log/*'; getent passwd | grep branchline || true; getent group | grep branchline || true");
    assert_eq!(left.trim(), "", "left behind");
}

/// Every call that the box has written down, once its look-ups have caught up with the journal.
fn records(own: &Boxed) -> String {
    until("records are shown", || {
        own.try_inside("branchline calls --csv").filter(|text| text.lines().count() > 1)
    })
}

/// The phone 201 registers at port 5077.
pub fn register(own: &Boxed, secret: &str) {
    let accounts = crate::boxed::work().join("accounts.csv");
    std::fs::write(
        &accounts,
        format!("SEQUENTIAL\n201;[authentication username=201 password={secret}];\n"),
    )
    .expect("written");
    let mut sipp = own.beside("sipp");
    sipp.arg("-sf").arg(root().join("tests/interop/sipp/register.xml")).arg("-inf").arg(accounts);
    sipp.args(["-m", "1", "-key", "expires", "3600", "-i", "127.0.0.1", "-p", "5077"]);
    run(sipp.args(["-timeout", "20", "-nostdin", sip::BOX]));
}

#[test]
fn whoever_took_the_program_over_can_do_nothing() {
    let own = with_calls(NO_LATENESS, "");
    // The unit itself, with another command: what holds for it holds for that.
    own.inside(
        "sed -e '/^ExecStart=/s/ run / try-fence /' -e '/^ExecStop=/d' -e 's/^Type=.*/Type=oneshot/' \
         -e '/^Restart/d' -e '/^WatchdogS/d' -e '/^\\[Install/,$d' -e '/^Sockets=/d' -e 's/branchline-sip.*socket//' \
         /usr/lib/systemd/system/branchline.service > /run/systemd/system/probe.service && systemctl daemon-reload",
    );
    let ended = own.try_inside("systemctl start probe.service");
    let said = own.inside("journalctl --no-pager --output=cat -u probe.service");
    println!("{said}");
    assert!(ended.is_some(), "{said}");
    let refused = said.lines().filter(|line| line.starts_with("refused")).count();
    assert!(refused >= 28 && !said.contains("POSSIBLE"), "{refused} refused:\n{said}");
    assert!(said.contains("files: Ok(Whole), system calls: Ok(())"), "{said}");
}
