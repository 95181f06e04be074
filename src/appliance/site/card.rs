//! A network card: an address that the network gives, or one of its own; and what systemd-networkd is told of it.
//!
//! What is written is made of addresses that were read, never of the text they were read from: nothing else can get into a
//! file that root's programs read.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Faults, Way};

/// The address that every box has besides, on the branch's own card: the one on the paper in the box. It is nobody's (RFC 5737).
pub const RESCUE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Its network's length: a laptop that is given another address of it is answered.
const RESCUE_BITS: u8 = 24;
/// Name servers that are asked in turn; the system asks no more.
const MOST_SERVERS: usize = 3;

/// How a card gets its address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Card {
    /// From the network.
    #[default]
    Dhcp,
    /// One of its own.
    Fixed(Fixed),
}

/// An address of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixed {
    /// Address and length of the network's prefix: `192.168.10.2/24`.
    pub address: String,
    /// The way out; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Name servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
}

impl Serialize for Card {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Card::Dhcp => to.serialize_str("dhcp"),
            Card::Fixed(own) => {
                let mut table = to.serialize_struct("Fixed", 3)?;
                table.serialize_field("address", &own.address)?;
                match own.gateway {
                    Some(gateway) => table.serialize_field("gateway", &gateway)?,
                    None => table.skip_field("gateway")?,
                }
                table.serialize_field("dns", &own.dns)?;
                table.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Card {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Card, D::Error> {
        from.deserialize_any(ACard)
    }
}

/// Reads a card in either form, so that a mistake in one is told as such.
struct ACard;

impl<'de> Visitor<'de> for ACard {
    type Value = Card;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`\"dhcp\"` or `{ address = \"192.168.10.2/24\", gateway = …, dns = […] }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Card, E> {
        match text {
            "dhcp" => Ok(Card::Dhcp),
            other => Err(E::unknown_variant(other, &["dhcp"])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Card, A::Error> {
        Fixed::deserialize(MapAccessDeserializer::new(map)).map(Card::Fixed)
    }
}

/// An address and the length of its network's prefix; an address alone is a network of its own.
pub fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address.parse().ok()?, Some(bits)),
        None => (text.parse::<IpAddr>().ok()?, None),
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
    (bits <= most).then_some((address, bits))
}

/// Whether two addresses are in one network of so many bits.
fn together(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    let kept = |bits: u8, width: u8| {
        // A shift by the whole width is no shift.
        u128::MAX.checked_shl(u32::from(width - bits.min(width))).unwrap_or(0)
    };
    match (one, other) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (u128::from(a.to_bits()) ^ u128::from(b.to_bits())) & kept(bits, 32) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()) & kept(bits, 128) == 0,
        _ => false,
    }
}

/// Whether somebody has come to the rescue address by a laptop with another address of its network: somebody at the box, for
/// nobody routes that network (RFC 5737).
pub fn is_rescue(from: IpAddr, to: IpAddr) -> bool {
    let rescue = IpAddr::from(RESCUE);
    to.to_canonical() == rescue && together(from.to_canonical(), rescue, RESCUE_BITS)
}

impl Fixed {
    /// The address, if it is one that a machine can have in a network with others.
    pub fn host(&self) -> Option<(IpAddr, u8)> {
        let (address, bits) = network(&self.address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let usual = !address.is_loopback() && !address.is_unspecified() && !address.is_multicast();
        let first_or_last = match address {
            IpAddr::V4(own) if bits < 31 => {
                let host = u32::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
                own.to_bits() & host == 0 || own.to_bits() & host == host
            }
            _ => false,
        };
        let good = self.address.contains('/') && (1..most).contains(&bits);
        (good && usual && !first_or_last).then_some((address, bits))
    }
}

impl Card {
    pub(super) fn look(&self, at: &[Way], out: &mut Faults) {
        let Card::Fixed(own) = self else { return };
        let below = |key| [at, &[Way::Key(key)]].concat();
        let Some((address, bits)) = own.host() else {
            let allowed =
                "an address of a machine and the length of its network, such as `192.168.10.2/24`";
            return out.tell(&below("address"), "no address for a card", allowed);
        };
        if own.gateway.is_some_and(|way| way == address || !together(way, address, bits)) {
            let allowed = "the router's address, in the same network";
            out.tell(&below("gateway"), "no way out of this network", allowed);
        }
        if own.dns.len() > MOST_SERVERS {
            out.tell(&below("dns"), "more than the system asks", "3 at most");
        }
    }

    /// What systemd-networkd reads: the card's section and all that belongs to it. `first` is the branch's own card, which is
    /// found on the link alone and at the rescue address too. Nothing if it is not good.
    pub fn networkd(&self, interface: &str, first: bool) -> Option<String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if !(1..16).contains(&interface.len()) || !interface.bytes().all(plain) {
            return None;
        }
        let mut text = format!(
            "# Written by Branchline's set-up; the next set-up writes it anew.\n[Match]\nName={interface}\n\n[Network]\n"
        );
        let line = |text: String, more: &str| text + more + "\n";
        text = match self {
            Card::Dhcp => line(text, "DHCP=yes"),
            Card::Fixed(own) => {
                let (address, bits) = own.host()?;
                let mut own_lines = format!("Address={address}/{bits}\n");
                if let Some(gateway) = own.gateway {
                    own_lines += &format!("Gateway={gateway}\n");
                }
                for server in own.dns.iter().take(MOST_SERVERS) {
                    own_lines += &format!("DNS={server}\n");
                }
                text + &own_lines
            }
        };
        text = match first {
            true => line(
                text,
                &format!(
                    "LinkLocalAddressing=yes\nIPv6AcceptRA=yes\nAddress={RESCUE}/{RESCUE_BITS}"
                ),
            ),
            false => line(text, "LinkLocalAddressing=ipv6"),
        };
        let names = if first { "UseNTP=yes" } else { "RouteMetric=2048\nUseNTP=no" };
        Some(line(text, &format!("\n[DHCPv4]\nClientIdentifier=mac\nUseHostname=no\n{names}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(address: &str) -> Fixed {
        Fixed { address: address.to_owned(), gateway: None, dns: Vec::new() }
    }

    #[test]
    fn only_addresses_that_a_machine_can_have() {
        for good in ["192.168.10.2/24", "10.0.0.1/8", "10.0.0.0/31", "fd00::2/64"] {
            assert!(fixed(good).host().is_some(), "{good}");
        }
        for bad in [
            "192.168.10.0/24",
            "192.168.10.255/24",
            "192.168.10.2",
            "192.168.10.2/33",
            "127.0.0.1/8",
            "0.0.0.0/0",
            "224.0.0.1/4",
            "x/24",
            "192.168.10.2/32",
            "192.168.10.2/24\nDNS=1.1.1.1",
        ] {
            assert!(fixed(bad).host().is_none(), "{bad}");
        }
    }

    #[test]
    fn a_router_of_another_network_is_no_way_out() {
        let faults = |gateway: &str| {
            let own = Fixed { gateway: gateway.parse().ok(), ..fixed("192.168.10.2/24") };
            let mut out = Faults(Vec::new());
            Card::Fixed(own).look(&[Way::Key("lan")], &mut out);
            out.0.len()
        };
        assert_eq!(
            (faults("192.168.10.1"), faults("192.168.11.1"), faults("192.168.10.2")),
            (0, 1, 1)
        );
        assert_eq!(faults("fd00::1"), 1);
    }

    #[test]
    fn a_laptop_with_an_address_beside_the_rescue_address_is_let_in_there_alone() {
        let comes = |from: &str, to: &str| is_rescue(from.parse().unwrap(), to.parse().unwrap());
        assert!(comes("192.0.2.2", "192.0.2.1") && comes("::ffff:192.0.2.2", "::ffff:192.0.2.1"));
        assert!(!comes("198.51.100.2", "192.0.2.1") && !comes("192.0.2.2", "192.168.10.2"));
        assert!(!comes("2001:db8::2", "192.0.2.1"));
    }

    #[test]
    fn what_is_written_is_what_was_meant_and_the_rescue_address_stays() {
        let own = Fixed {
            gateway: "192.168.10.1".parse().ok(),
            dns: vec!["192.168.10.1".parse().unwrap()],
            ..fixed("192.168.10.2/24")
        };
        let text = Card::Fixed(own.clone()).networkd("lan0", true).unwrap();
        for line in [
            "Name=lan0",
            "Address=192.168.10.2/24",
            "Gateway=192.168.10.1",
            "DNS=192.168.10.1",
            "Address=192.0.2.1/24",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}: {text}");
        }
        assert!(!text.contains("DHCP=yes"));
        let wan = Card::Dhcp.networkd("wan0", false).unwrap();
        assert!(
            wan.contains("DHCP=yes")
                && wan.contains("RouteMetric=2048")
                && !wan.contains("192.0.2.1")
        );
        assert_eq!(Card::Fixed(own).networkd("lan0\n[Network]", true), None);
        assert_eq!(Card::Fixed(fixed("192.168.10.2/24\nDNS=6.6.6.6")).networkd("lan0", true), None);
    }
}
