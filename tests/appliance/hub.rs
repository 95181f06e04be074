//! Head office's end as the package installs it: its own account, its own folder of settings, and a branch that sends to it.

use crate::boxed::{Boxed, until};
use crate::root;

/// Makes the box its own head office, and lets it in there.
pub fn with_a_hub(own: &Boxed) {
    let sample = std::fs::read_to_string(root().join("firmware-config/hub.toml")).expect("there");
    own.write("/etc/branchline-hub/hub.toml", &sample);
    own.inside("cd /etc/branchline-hub && chmod 640 hub.toml && chgrp branchline-hub hub.toml");
    own.inside("systemctl enable --now --quiet branchline-hub.service");
    until("the hub has made its authority", || {
        own.try_inside("test -e /var/lib/branchline-hub/page.password")
    });
    // As root, whose files the hub could not read.
    let token = own.inside("branchline hub token berne");
    own.inside("printf '[uplink]\\nhub = [\"127.0.0.1:7443\"]\\n' >> /etc/branchline/gateway.toml");
    own.inside(&format!("branchline enroll 127.0.0.1:7443 --token {}", token.trim()));
    own.inside("systemctl restart branchline.service");
    own.ready();
    let has = until("the hub has what the box sent", || {
        let said = own.try_inside("branchline uplink")?;
        let line = said.lines().find(|line| line.starts_with("the hub has"))?.to_owned();
        (said.contains("last heard") && !line.ends_with(" 0")).then_some(line)
    });
    println!("{has}");
}

#[test]
fn the_packages_hub_lets_a_box_in_and_has_what_it_sends() {
    let own = Boxed::boot();
    own.settle();
    // Whoever broke into the program lays a link where root is about to hand files over.
    let was = own.inside("stat -c %U:%a /etc/shadow");
    own.inside("cd /var/lib/branchline && setpriv --reuid branchline --regid branchline --clear-groups sh -c 'mkdir -p uplink && ln -s /etc/shadow uplink/notes'");
    with_a_hub(&own);
    assert_eq!(own.inside("stat -c %U:%a /etc/shadow"), was, "the link was followed");
    assert_eq!(
        own.inside("stat -c %U /var/lib/branchline/uplink/* | sort -u").trim(),
        "branchline"
    );
    assert!(own.inside("branchline hub sites").contains("berne"));
    assert!(own.inside("branchline hub revoke berne").contains("shut out"));
    let state = own.inside("systemctl show -P NRestarts branchline-hub.service");
    assert_eq!(state.trim(), "0", "the hub was started anew");
    assert_eq!(own.inside("systemctl --failed --no-legend --plain").trim(), "", "failed units");
}
