//! What is wrong with the box, and what to do: one sentence each, for `branchline status` and the console.
//!
//! Pure: what was seen comes in, sentences come out, the worst first. It looks at nothing itself and mends nothing.

use std::fmt;
use std::net::IpAddr;

use super::site::card::RESCUE;
use crate::time::UnixTime;

/// 2026 began: no box of ours is older, so a clock before it has never been set.
const EARLIEST: UnixTime = UnixTime(1_767_225_600_000_000);
/// From so many percent on there is something to say; recordings stop then.
const FULL: u8 = 90;
/// From so many on, nothing is kept any more of what people say and write.
const FULLER: u8 = 95;

/// What was seen of the box.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Whether the telephone service answers.
    pub answers: bool,
    /// How full the disk with the data is, percent; nothing when that is not known.
    pub disk: Option<u8>,
    /// Its network cards; nothing when they could not be seen.
    pub cards: Option<Vec<Link>>,
    /// Whether there is a way out of the own network.
    pub way_out: bool,
    /// What the clock says.
    pub clock: UnixTime,
    /// What was wrong with the site sheet on the last stick.
    pub stick: Option<String>,
    /// Modems that do not work: name, state in one word, the same for a person.
    pub modems: Vec<(String, String, String)>,
}

/// A network card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Whether a cable leads somewhere.
    pub carrier: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The telephone service does not answer.
    Silent,
    /// The disk is so full, percent.
    Disk(u8),
    /// No card, a card without a cable, without an address, or no way out.
    NoCard,
    /// No cable.
    NoLink(String),
    /// No address but those that a box gives itself.
    NoAddress(String),
    /// No way out.
    NoWay,
    /// The clock was never set.
    Clock(UnixTime),
    /// The sheet on a stick was not taken.
    Stick(String),
    /// A modem was pulled, or does not work.
    Modem(String, String, String),
}

impl Trouble {
    /// One word that scripts can compare.
    pub fn name(&self) -> &'static str {
        match self {
            Trouble::Silent => "service",
            Trouble::Disk(_) => "disk",
            Trouble::NoCard => "no-card",
            Trouble::NoLink(_) => "no-link",
            Trouble::NoAddress(_) => "no-address",
            Trouble::NoWay => "no-way-out",
            Trouble::Clock(_) => "clock",
            Trouble::Stick(_) => "stick",
            Trouble::Modem(..) => "modem",
        }
    }
}

/// Says what is wrong and what to do, in one sentence.
impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Silent => f.write_str(
                "The telephone service does not answer: restart it (`systemctl restart branchline`, or its key on the console); if that \
                 does not help, `journalctl -u branchline` says why.",
            ),
            Trouble::Disk(percent) if *percent >= FULLER => write!(
                f,
                "The disk is {percent} % full, and no recordings nor conversations are kept any more, only calls: lower \
                 `recordings` in [retention], or copy recordings away and delete them."
            ),
            Trouble::Disk(percent) => write!(
                f,
                "The disk is {percent} % full, and calls are no longer recorded: lower `recordings` in [retention], or copy \
                 recordings away and delete them."
            ),
            Trouble::NoCard => {
                f.write_str("There is no network card that works: the box needs one that its kernel knows.")
            }
            Trouble::NoLink(card) => write!(
                f,
                "No cable leads anywhere from {card}: plug it into the switch, and look whether the lamps beside the socket are lit."
            ),
            Trouble::NoAddress(card) => write!(
                f,
                "The network gives {card} no address: look whether the router runs and gives addresses (DHCP), or give the box a \
                 fixed one with a site sheet, or at https://{RESCUE}:8443/setup from a laptop that has the address 192.0.2.2/24 and is \
                 plugged into the same network."
            ),
            Trouble::NoWay => f.write_str(
                "There is no way out of this network, so carriers and name servers are not reached: phones here work, the router's \
                 address (`gateway`) is missing or wrong.",
            ),
            Trouble::Clock(at) => write!(
                f,
                "The clock says {}, so records and certificates are wrong: connect the box to a network with a time server, or set \
                 the clock (`date -s`); its battery may be empty.",
                at.to_string().get(..10).unwrap_or("nothing")
            ),
            Trouble::Stick(why) => write!(
                f,
                "The stick was not taken ({why}): mend what is on it, and put it in again; site.result.txt on it says all that was \
                 wrong."
            ),
            Trouble::Modem(name, state, _) if state == "absent" => write!(
                f,
                "The modem of {name} is not there: plug it back into the port that it was in; its messages wait meanwhile."
            ),
            Trouble::Modem(name, _, words) => write!(
                f,
                "The modem of {name} does not work ({words}): `branchline modems doctor {name}` says what it lacks; its messages \
                 wait meanwhile."
            ),
        }
    }
}

/// States of a modem that mend themselves within a minute.
const PASSING: [&str; 4] = ["starting", "resetting", "searching", "sim_busy"];

/// What is wrong, the worst first.
pub fn troubles(seen: &Seen) -> Vec<Trouble> {
    let mut all = Vec::new();
    if !seen.answers {
        all.push(Trouble::Silent);
    }
    all.extend(seen.disk.filter(|percent| *percent >= FULL).map(Trouble::Disk));
    all.extend(seen.cards.as_deref().and_then(|cards| network(cards, seen.way_out)));
    if seen.clock < EARLIEST {
        all.push(Trouble::Clock(seen.clock));
    }
    all.extend(seen.stick.clone().map(Trouble::Stick));
    let lasting = seen.modems.iter().filter(|(_, state, _)| !PASSING.contains(&state.as_str()));
    all.extend(lasting.cloned().map(|(name, state, words)| Trouble::Modem(name, state, words)));
    all
}

/// The first thing that is missing on the way from the card to the world: what comes behind it follows from it.
fn network(cards: &[Link], way_out: bool) -> Option<Trouble> {
    let Some(first) = cards.iter().find(|card| card.name == "lan0").or(cards.first()) else {
        return Some(Trouble::NoCard);
    };
    let Some(linked) = cards.iter().find(|card| card.carrier) else {
        return Some(Trouble::NoLink(first.name.clone()));
    };
    let given = |address: &IpAddr| !is_own(*address);
    if !cards.iter().any(|card| card.carrier && card.addresses.iter().any(given)) {
        return Some(Trouble::NoAddress(linked.name.clone()));
    }
    (!way_out).then_some(Trouble::NoWay)
}

/// Whether a box gives itself this address: of the link alone, or the one on the paper.
pub fn is_own(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_loopback() || v4 == RESCUE,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Seen {
        let lan = Link {
            name: "lan0".to_owned(),
            carrier: true,
            addresses: vec!["192.168.10.2".parse().expect("good")],
        };
        let clock = UnixTime(1_790_000_000_000_000);
        Seen {
            answers: true,
            disk: Some(12),
            cards: Some(vec![lan]),
            way_out: true,
            clock,
            ..Seen::default()
        }
    }

    fn names(seen: &Seen) -> Vec<&'static str> {
        troubles(seen).iter().map(Trouble::name).collect()
    }

    fn with_addresses(addresses: &[&str], carrier: bool) -> Seen {
        let addresses = addresses.iter().map(|own| own.parse().expect("an address")).collect();
        Seen { cards: Some(vec![Link { name: "lan0".to_owned(), carrier, addresses }]), ..good() }
    }

    #[test]
    fn a_good_box_has_none() {
        assert_eq!(names(&good()), Vec::<&str>::new());
        assert_eq!(names(&Seen { disk: Some(89), cards: None, ..good() }), Vec::<&str>::new());
        let passing = vec![("front".to_owned(), "starting".to_owned(), "starting".to_owned())];
        assert_eq!(names(&Seen { modems: passing, ..good() }), Vec::<&str>::new());
    }

    #[test]
    fn the_network_is_told_at_the_first_thing_that_lacks() {
        assert_eq!(names(&Seen { cards: Some(vec![]), ..good() }), ["no-card"]);
        assert_eq!(names(&with_addresses(&["192.168.10.2"], false)), ["no-link"]);
        assert_eq!(
            names(&with_addresses(&["169.254.7.7", "192.0.2.1", "fe80::1"], true)),
            ["no-address"]
        );
        assert_eq!(names(&Seen { way_out: false, ..good() }), ["no-way-out"]);
    }

    #[test]
    fn each_says_in_one_sentence_what_to_do() {
        let modem = |state: &str| vec![("front".to_owned(), state.to_owned(), "no SIM".to_owned())];
        let lost = troubles(&with_addresses(&[], true))[0].to_string();
        assert!(lost.contains("https://192.0.2.1:8443/setup from a laptop"), "{lost}");
        let all = [
            Seen { answers: false, ..good() },
            Seen { disk: Some(91), ..good() },
            Seen { disk: Some(100), ..good() },
            Seen { cards: Some(vec![]), ..good() },
            with_addresses(&[], false),
            with_addresses(&[], true),
            Seen { way_out: false, ..good() },
            Seen { clock: UnixTime(86_400_000_000), ..good() },
            Seen { stick: Some("line 5: unknown key".to_owned()), ..good() },
            Seen { modems: modem("absent"), ..good() },
            Seen { modems: modem("no_sim"), ..good() },
        ];
        for seen in &all {
            let told: Vec<String> = troubles(seen).iter().map(ToString::to_string).collect();
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(
                told[0].contains(':') && told[0].ends_with('.') && !told[0].contains(". "),
                "{}",
                told[0]
            );
        }
        assert!(troubles(&all[7])[0].to_string().contains("1970-01-02"));
    }
}
