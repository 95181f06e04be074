//! Times of night are the branch's own: on the image, whose units these are, no admin has told the system where it stands.

use std::fs;

use crate::boxed::{Boxed, until};
use crate::root;

/// When the backup of the next night is made, as hour and minute of UTC.
fn backup(own: &Boxed) -> String {
    own.inside("TZ=UTC date -d \"$(systemctl show -P NextElapseUSecRealtime branchline-backup.timer)\" +%H:%M")
        .trim()
        .to_owned()
}

#[test]
fn timers_of_the_night_go_by_the_branchs_zone() {
    let own = Boxed::boot();
    own.settle();
    let overlay = root().join("image/overlay/usr/lib");
    for (from, to) in [
        ("branchline/zone", "/usr/lib/branchline/zone"),
        ("systemd/system/branchline-zone.service", "/etc/systemd/system/branchline-zone.service"),
        ("systemd/system/branchline-zone.path", "/etc/systemd/system/branchline-zone.path"),
    ] {
        own.write(to, &fs::read_to_string(overlay.join(from)).expect("there"));
    }
    own.inside(
        "chmod 755 /usr/lib/branchline/zone && ln -sfn ../run/branchline-localtime /etc/localtime",
    );
    let before = backup(&own);
    assert!(("02:15".."03:01").contains(&before.as_str()), "{before}");

    own.inside("systemctl daemon-reload && systemctl enable --now --quiet branchline-zone.path branchline-zone.service");
    own.inside("sed -i '/^\\[site\\]/a time_zone = \"Asia/Tokyo\"' /etc/branchline/gateway.toml");
    until("the clock is Tokyo's", || (own.inside("date +%Z").trim() == "JST").then_some(()));
    // A quarter past two there is a quarter past five in the afternoon before in Greenwich.
    let after = until("the timer is too", || Some(backup(&own)).filter(|at| *at != before));
    println!("the backup was made at {before}, and is at {after} UTC");
    assert!(("17:15".."18:01").contains(&after.as_str()), "{after}");
    assert_eq!(own.inside("systemctl --failed --no-legend --plain").trim(), "", "failed units");
}
