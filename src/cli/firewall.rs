//! `branchline firewall`: the rules for the machine's firewall that a configuration asks for, in nftables' words.
//!
//! Only definitions are made here; the rules themselves stand in a file that they include, for people to read.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::{check, exit};
use crate::config::Settings;
use crate::driver::files;
use crate::sip::trunk::{Network, Server};

/// What `branchline firewall` takes.
#[derive(Debug, Args)]
pub struct Firewall {
    /// The configuration file.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
    /// The rules that use the definitions.
    #[arg(long, default_value = "/usr/share/branchline/nftables/branchline.nft")]
    rules: PathBuf,
}

/// Reads the configuration, prints, and gives the exit code.
pub fn main(asked: &Firewall) -> ExitCode {
    match files::check(&asked.config) {
        Ok(checked) => {
            print!("{}", definitions(&checked.loaded.settings, &asked.rules));
            ExitCode::SUCCESS
        }
        Err(found) => {
            eprint!("{}", check::problems(&found));
            ExitCode::from(exit::CONFIG)
        }
    }
}

/// What the rules are told, one line each, and the rules.
fn definitions(settings: &Settings, rules: &Path) -> String {
    let ports = |all: &mut dyn Iterator<Item = &SocketAddr>| {
        let ports: BTreeSet<_> = all.map(SocketAddr::port).collect();
        // Nothing listens at port 0, and a set must not be empty.
        let ports = if ports.is_empty() { BTreeSet::from([0]) } else { ports };
        listed(ports.into_iter().map(|port| port.to_string()))
    };
    let sip = &settings.sip;
    let reachable = settings.metrics.listen.iter().filter(|at| !at.ip().is_loopback());
    let pages = settings.http.listen.iter().chain(&settings.api.listen).chain(reachable);
    let (smpp, media) = (&settings.smpp_server, &settings.media);
    let sound = std::iter::once(format!("{}-{}", media.port_min, media.port_max));
    let browsers = media.browser_port.iter().map(u16::to_string);
    let (lan4, lan6) = by_family(lan(settings).into_iter());
    let (trunks4, trunks6) = by_family(trunks(settings).into_iter());
    let lines = [
        ("lan4", lan4),
        ("lan6", lan6),
        ("trunks4", trunks4),
        ("trunks6", trunks6),
        ("sip_udp", ports(&mut sip.udp.iter())),
        ("sip_tcp", ports(&mut sip.tcp.iter().chain(&sip.tls))),
        ("https", ports(&mut pages.chain(&smpp.listen).chain(&smpp.listen_tls))),
        ("rtp", listed(sound.chain(browsers))),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        text += &format!("define branchline_{name} = {value}\n");
    }
    text + &format!("include \"{}\"\n", rules.display())
}

/// Networks of the branch.
fn lan(settings: &Settings) -> BTreeSet<String> {
    settings.trust.networks.iter().chain(&settings.http.networks).cloned().collect()
}

/// Carriers by their addresses; one that is known by a name alone has to be named in `accept_from` too.
fn trunks(settings: &Settings) -> BTreeSet<String> {
    let each = settings.trunks.iter();
    let sources = each.clone().flat_map(|trunk| trunk.accept_from.iter().cloned());
    let servers = each.flat_map(|trunk| trunk.servers.iter());
    let servers =
        servers.filter_map(|server| Server::parse(&server.host)).map(|server| server.host);
    sources.chain(servers.filter(|host| host.parse::<IpAddr>().is_ok())).collect()
}

/// Both families' sets, neither of them empty: loopback is let in anyway.
fn by_family(networks: impl Iterator<Item = String>) -> (String, String) {
    let good = networks.filter(|text| Network::parse(text).is_ok());
    let (six, four): (BTreeSet<_>, BTreeSet<_>) = good.partition(|text| text.contains(':'));
    let with = |mut set: BTreeSet<String>, own: &str| {
        if set.is_empty() {
            set.insert(own.to_owned());
        }
        listed(set.into_iter())
    };
    (with(four, "127.0.0.1"), with(six, "::1"))
}

fn listed(items: impl Iterator<Item = String>) -> String {
    format!("{{ {} }}", items.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn settings(text: &str) -> Settings {
        let read = |_: &Path| Ok(text.to_owned());
        load(Path::new("gateway.toml"), &read).unwrap_or_else(|_| panic!("good")).settings
    }

    #[test]
    fn carriers_and_networks_are_those_of_the_configuration() {
        let own = settings(
            "[trust]\nnetworks = [\"10.1.0.0/16\", \"fd00::/8\"]\n[http]\nnetworks = [\"10.2.0.0/16\"]\n\
             [[trunk]]\nname = \"a\"\naccept_from = [\"192.0.2.0/24\"]\nservers = [\"198.51.100.7:5062\", \"sip.example.net\"]\n",
        );
        let text = definitions(&own, Path::new("/rules.nft"));
        let line = |name: &str| {
            let start = format!("define branchline_{name} = ");
            text.lines()
                .find_map(|line| line.strip_prefix(start.as_str()))
                .expect("there")
                .to_owned()
        };
        assert_eq!(line("lan4"), "{ 10.1.0.0/16, 10.2.0.0/16 }");
        assert_eq!(line("lan6"), "{ fd00::/8 }");
        assert_eq!(line("trunks4"), "{ 192.0.2.0/24, 198.51.100.7 }");
        assert_eq!(line("trunks6"), "{ ::1 }");
        assert_eq!(line("sip_tcp"), "{ 5060, 5061 }");
        assert_eq!(line("https"), "{ 0 }");
        assert_eq!(line("rtp"), "{ 16384-32767 }");
        assert!(text.ends_with("include \"/rules.nft\"\n"));
    }
}
