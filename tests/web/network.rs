//! Networks that are the test's own: namespaces with cables between them, addresses, and a filter.
//!
//! Where the system lets nobody make one, tests that need them fail and say so.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

/// A network of its own, as long as this is kept.
pub struct Network {
    holder: Child,
    /// It ends when nobody holds this any more, also when the test is killed.
    _word: ChildStdin,
}

impl Network {
    /// One with nothing but loopback.
    pub fn new() -> Network {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up && echo up && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare (util-linux)");
        let word = holder.stdin.take().expect("a pipe");
        let mut line = String::new();
        let _ = BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut line);
        assert_eq!(line, "up\n", "this test makes network namespaces of its own, which takes root");
        Network { holder, _word: word }
    }

    /// What is put in front of a command that is to run there.
    pub fn enter(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", self.holder.id())]
    }

    /// A command that runs there.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(&self.enter()[1..]).arg(program);
        command
    }

    /// Runs one to its end.
    pub fn run(&self, words: &str) {
        let mut words = words.split(' ');
        let program = words.next().expect("a program");
        let output = self.command(program).args(words.clone()).output().expect("nsenter");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {:?}: {said}", words.collect::<Vec<_>>());
    }

    /// Lays a cable from here to there, whose ends have these names and addresses.
    pub fn cable(&self, own: (&str, &str), other: &Network, far: (&str, &str)) {
        let there = other.holder.id();
        self.run(&format!("ip link add {} type veth peer name {} netns {there}", own.0, far.0));
        for (network, (name, address)) in [(self, own), (other, far)] {
            network.run(&format!("ip addr add {address} dev {name}"));
            network.run(&format!("ip link set {name} up"));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A branch, a relay and an agent at home, each behind a router that hides the agent's home behind one address.
pub struct Town {
    pub branch: Network,
    pub relay: Network,
    pub home: Network,
    pub router: Network,
}

/// Where they are.
pub const BRANCH: &str = "198.51.100.1";
/// Where the branch is when its lease is another.
pub const BRANCH_NEXT: &str = "198.51.100.77";
/// Where its pages are for people outside, whatever its lease.
pub const PUBLIC: &str = "192.0.2.10";
pub const RELAY: &str = "203.0.113.1";

impl Town {
    pub fn new() -> Town {
        let [branch, relay, home, router] = std::array::from_fn(|_| Network::new());
        branch.cable(("net", "198.51.100.1/24"), &router, ("branch", "198.51.100.254/24"));
        relay.cable(("net", "203.0.113.1/24"), &router, ("relay", "203.0.113.254/24"));
        home.cable(("net", "10.1.0.2/24"), &router, ("home", "10.1.0.254/24"));
        router.run("ip addr add 10.2.0.254/24 dev home");
        branch.run("ip route add default via 198.51.100.254");
        relay.run("ip route add default via 203.0.113.254");
        home.run("ip route add default via 10.1.0.254");
        router.run("sysctl -q -w net.ipv4.ip_forward=1");
        router.run("iptables -t nat -A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE");
        Town { branch, relay, home, router }
    }

    /// Lets no datagram pass between the agent's home and the branch.
    pub fn block_direct_sound(&self) {
        self.router.run("iptables -A FORWARD -p udp -i home -o branch -j DROP");
        self.router.run("iptables -A FORWARD -p udp -i branch -o home -j DROP");
    }

    /// Lets no datagram out of the agent's home at all.
    pub fn block_all_datagrams(&self) {
        self.router.run("iptables -I FORWARD -p udp -i home -j DROP");
        self.router.run("iptables -I INPUT -p udp -i home -j DROP");
    }

    /// Loses so many percent of all datagrams between the agent's home and the branch, each way.
    pub fn lose(&self, percent: u32) {
        let share =
            format!("-m statistic --mode random --probability {}", f64::from(percent) / 100.0);
        self.router.run(&format!("iptables -A FORWARD -p udp -i home {share} -j DROP"));
        self.router.run(&format!("iptables -A FORWARD -p udp -o home {share} -j DROP"));
    }

    /// Leads whoever opens `PUBLIC` at `port` to the box, wherever it is: a router's port forward, or a name.
    pub fn publish(&self, port: &str, address: &str) {
        let table = "iptables -t nat";
        self.router.run(&format!("{table} -F PREROUTING"));
        let to = format!("-d {PUBLIC} -p tcp --dport {port} -j DNAT --to-destination {address}");
        self.router.run(&format!("{table} -A PREROUTING {to}"));
    }

    /// The box has another address from now on, and the one before no more: its lease was renewed to another.
    pub fn move_branch(&self) {
        self.branch.run(&format!("ip addr del {BRANCH}/24 dev net"));
        self.branch.run(&format!("ip addr add {BRANCH_NEXT}/24 dev net"));
        self.branch.run("ip route replace default via 198.51.100.254");
    }

    /// The agent's home has another address from now on, and the one before no more.
    pub fn move_home(&self) {
        self.home.run("ip addr add 10.2.0.2/24 dev net");
        self.home.run("ip addr del 10.1.0.2/24 dev net");
        self.home.run("ip route replace default via 10.2.0.254");
    }
}
