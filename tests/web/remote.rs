//! Agents far from the branch: over a relay (coturn), and on a network whose address changes while they talk.

use std::process::{Child, Stdio};

use crate::branch::Branch;
use crate::desk::desk_at;
use crate::network::{BRANCH, Network, RELAY, Town};
use crate::phones::{Phone, Place};

/// What the relay and the box share.
const SECRET: &str = "a word between the two";

/// A relay that takes passwords made of a shared secret; ends with the test.
struct Coturn(Child);

impl Coturn {
    fn start(town: &Town) -> Coturn {
        let process = town
            .relay
            .command("turnserver")
            .args([
                "-n",
                "--no-cli",
                "--no-tls",
                "--no-dtls",
                "--pidfile",
                "",
                "--log-file",
                "stdout",
            ])
            .args(["--listening-ip", RELAY, "--relay-ip", RELAY, "--listening-port", "3478"])
            .args(["--realm", "branch.example", "--fingerprint"])
            .args(["--use-auth-secret", "--static-auth-secret", SECRET])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("coturn starts; tests/run installs it");
        Coturn(process)
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The demo, reachable from the town, whose pages are told of the relay.
pub fn branch_in(town: &Town) -> Branch {
    Branch::demo_in(&town.branch.enter(), |text, folder| {
        std::fs::write(folder.join("turn"), SECRET).expect("the secret");
        let https = "listen = [\"127.0.0.1:@HTTPS@\"";
        assert!(text.contains(https), "the demo's HTTPS");
        let networks = "networks = [\"0.0.0.0/0\"]";
        text.replace(https, &format!("{networks}\n{https}, \"{BRANCH}:@HTTPS@\""))
            + &format!(
                "\n[web.turn]\nurls = [\"turn:{RELAY}:3478?transport=udp\", \
                 \"turn:{RELAY}:3478?transport=tcp\"]\nsecret = {{ file = \"{}/turn\" }}\n",
                folder.display()
            )
    })
}

/// In one of the town's networks.
pub fn place(branch: &Branch, network: &Network) -> Place {
    let own = branch.ready("https").as_str().expect("an address");
    let port = own.rsplit_once(':').expect("a port").1;
    Place { enter: network.enter(), https: format!("{BRANCH}:{port}") }
}

/// How the agent's sound goes now: kinds of the two ends of the way in use, and the protocol to the relay.
fn way(agent: &mut Phone) -> String {
    let way = agent.run("phone.way()");
    way.as_str().unwrap_or("no way").to_owned()
}

#[test]
fn an_agent_at_home_talks_over_a_relay_where_nothing_else_gets_through() {
    let town = Town::new();
    town.block_direct_sound();
    let _relay = Coturn::start(&town);
    let branch = branch_in(&town);
    let (here, home) = (place(&branch, &town.branch), place(&branch, &town.home));
    let password = branch.password("201");
    let mut reception = Phone::registered_at(&here, "sip.js", "201", &password, 523.0);
    let mut agent = desk_at(&branch, &home, "ann", 659.0);
    for (by, block) in [("udp", false), ("tcp", true)] {
        if block {
            town.block_all_datagrams();
        }
        agent.run("phone.call('201')");
        reception.until("a ring", "phone.ringing");
        reception.run("phone.answer()");
        agent.hears(523.0);
        reception.hears(659.0);
        assert_eq!(way(&mut agent), format!("relay over {by}"));
        agent.run("phone.hangUp()");
        reception.until("the end", "phone.ended !== ''");
        agent.until("the end", "phone.ended !== ''");
    }
}

/// The agent's network gets another address in mid-call. Each has its own way to follow; the box only sees that somebody who
/// knows the passwords comes from elsewhere, and that a call is told anew over another connection.
fn the_address_changes(kind: &str) {
    let town = Town::new();
    let branch = branch_in(&town);
    let (here, home) = (place(&branch, &town.branch), place(&branch, &town.home));
    let mut reception =
        Phone::registered_at(&here, "sip.js", "201", &branch.password("201"), 523.0);
    let mut agent = match kind {
        "desk" => desk_at(&branch, &home, "ann", 659.0),
        _ => Phone::registered_at(&home, kind, "202", &branch.password("202"), 659.0),
    };
    reception.run("phone.call('202')");
    agent.until("a ring", "phone.ringing");
    agent.run("phone.answer()");
    agent.hears(523.0);
    reception.hears(659.0);
    agent.run("phone.follows(); phone.listen(523)");
    reception.run("phone.listen(659)");
    town.move_home();
    agent.until("it follows", "phone.followed === 'done'");
    agent.hears(523.0);
    reception.hears(659.0);
    let longest = |phone: &mut Phone| phone.run("phone.longest").as_f64().expect("seconds");
    let (at_home, at_branch) = (longest(&mut agent), longest(&mut reception));
    println!(
        "{kind}: another address in mid-call, {at_home:.1} s of silence at home, {at_branch:.1} s at the branch"
    );
    // People say "hello?" for some ten seconds before they hang up.
    assert!(at_home < 15.0 && at_branch < 15.0);
    agent.run("phone.hangUp()");
    reception.until("the end", "phone.ended !== ''");
    let record = branch.record(1);
    assert_eq!(record["class"], "success", "{record}");
}

#[test]
fn sip_js_goes_on_when_its_network_gets_another_address() {
    the_address_changes("sip.js");
}

#[test]
fn jssip_goes_on_when_its_network_gets_another_address() {
    the_address_changes("jssip");
}

#[test]
fn a_page_goes_on_when_its_network_gets_another_address() {
    the_address_changes("desk");
}
