//! The box gets another address in mid-call.

use super::*;

const NEW: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 77));

/// A branch that listens everywhere and is registered with its carrier; 202 talks with somebody outside.
fn talk() -> World {
    let config = CONFIG.replacen(
        "servers = [\"192.0.2.100\"]\n",
        "servers = [\"192.0.2.100\"]\nregister = { username = \"line\", secret = { file = \"x\" } }\n",
        1,
    );
    let mut world = World::of(1, &config, 0);
    let everywhere = SocketAddr::new(IpAddr::from([0; 4]), OURS.port());
    world.gateway.listening = Listening { udp: vec![everywhere], ..Listening::default() };
    world.call(2, "95550123");
    world.carry_out();
    world.pass(Duration::from_secs(1));
    world.take_call(0);
    world.carry_out();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.bridged.len(), 2, "they talk");
    world.parties.iter_mut().for_each(|party| party.received.clear());
    world
}

fn addresses(world: &mut World, addresses: &[IpAddr]) {
    world.gateway.handle_addresses(world.now, addresses);
    world.carry_out();
    world.pass(Duration::from_secs(3));
}

/// Requests of a kind that reached a party.
fn requests(world: &World, at: usize, method: &str) -> Vec<String> {
    let texts = world.parties[at].received.iter().map(|bytes| String::from_utf8_lossy(bytes));
    texts.filter(|text| text.starts_with(method)).map(|text| text.into_owned()).collect()
}

#[test]
fn a_call_goes_on_and_the_carrier_is_told_when_the_box_gets_another_address() {
    let mut world = talk();
    let before = world.gateway.legs.iter().filter_map(|(_, leg)| leg.port).count();
    // The lease has ended, and there is no other yet: nothing can be done but to wait.
    addresses(&mut world, &["192.0.2.2".parse().unwrap()]);
    assert!(world.rebound.is_empty());
    world.faces = Some(NEW);
    addresses(&mut world, &[NEW]);
    assert_eq!(world.rebound.len(), before);
    assert!(world.rebound.iter().all(|local| local.ip() == NEW), "{:?}", world.rebound);
    for party in [0, 2] {
        let invites = requests(&world, party, "INVITE");
        let [invite] = invites.as_slice() else { panic!("{party}: {invites:?}") };
        for line in
            ["c=IN IP4 192.0.2.77", "Contact: <sip:192.0.2.77:5060>", "SIP/2.0/UDP 192.0.2.77:5060"]
        {
            assert!(invite.contains(line), "{party}: {line} in {invite}");
        }
    }
    let registers = requests(&world, 0, "REGISTER");
    let told = registers.iter().any(|text| text.contains("Contact: <sip:line@192.0.2.77:5060>"));
    assert!(told, "{registers:?}");
    assert_eq!(world.bridged.len(), 2, "they still hear each other");
    // The same addresses again are no news.
    world.parties.iter_mut().for_each(|party| party.received.clear());
    addresses(&mut world, &[NEW]);
    assert!(requests(&world, 0, "INVITE").is_empty() && requests(&world, 2, "INVITE").is_empty());
    world.hang_up(2);
    world.carry_out();
    world.pass(Duration::from_secs(3));
    assert!(world.gateway.calls.is_empty() && world.parties[0].up.is_empty());
}

#[test]
fn a_call_whose_own_address_stays_is_left_alone() {
    let mut world = talk();
    world.faces = Some(NEW);
    addresses(&mut world, &[OURS.ip(), NEW]);
    assert!(world.rebound.is_empty() && requests(&world, 0, "INVITE").is_empty());
    // A system that tells nothing has not lost everything.
    addresses(&mut world, &[]);
    assert!(world.rebound.is_empty() && requests(&world, 2, "INVITE").is_empty());
}

#[test]
fn calls_are_offered_anew_when_the_carrier_sees_us_at_another_address() {
    let mut world = talk();
    for (seen, offers) in [("203.0.113.5", 0), ("203.0.113.5", 0), ("203.0.113.9", 1)] {
        world.parties[0].sees = Some(seen);
        world.parties[0].received.clear();
        world.pass(Duration::from_secs(70));
        assert!(!requests(&world, 0, "OPTIONS").is_empty(), "the carrier is asked");
        assert_eq!(requests(&world, 0, "INVITE").len(), offers, "{seen}");
        assert_eq!(requests(&world, 0, "REGISTER").len(), offers, "{seen}");
    }
    assert_eq!(world.bridged.len(), 2, "they still hear each other");
    assert!(requests(&world, 2, "INVITE").is_empty(), "the phone has nothing to do with it");
}

#[test]
fn a_carrier_is_told_the_address_that_it_sees_where_the_settings_say_so() {
    let config = CONFIG.replacen(
        "servers = [\"192.0.2.100\"]\n",
        "servers = [\"192.0.2.100\"]\nexternal_address = \"auto\"\n\
         register = { username = \"line\", secret = { file = \"x\" } }\n",
        1,
    );
    let mut world = World::of(1, &config, 0);
    addresses(&mut world, &[OURS.ip()]);
    for seen in ["203.0.113.5", "203.0.113.9"] {
        world.parties[0].sees = Some(seen);
        world.parties[0].received.clear();
        world.pass(Duration::from_secs(140));
        let registers = requests(&world, 0, "REGISTER");
        let contact = format!("Contact: <sip:line@{seen}:5060>");
        assert!(registers.iter().any(|text| text.contains(&contact)), "{seen}: {registers:?}");
        world.call(2, "95550123");
        world.carry_out();
        world.pass(Duration::from_secs(1));
        let invites = requests(&world, 0, "INVITE");
        for line in [&*format!("c=IN IP4 {seen}"), &format!("Contact: <sip:{seen}:5060>")] {
            assert!(invites.iter().all(|text| text.contains(line)), "{line}: {invites:?}");
        }
        assert!(!invites.is_empty() && invites.iter().all(|text| !text.contains("192.0.2.1:")));
        world.hang_up(2);
        world.carry_out();
        world.pass(Duration::from_secs(2));
    }
}

/// Ports of ours that a party was told of, by its last INVITE or answer in the call.
fn told_port(world: &World, party: usize) -> u16 {
    let texts = world.parties[party].received.iter().rev();
    let texts = texts.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let line = texts.filter_map(|text| {
        let at = text.find("m=audio ")? + "m=audio ".len();
        text.get(at..)?.split(' ').next()?.parse().ok()
    });
    line.into_iter().next().expect("a description")
}

fn own_ports(world: &World) -> BTreeSet<u16> {
    world.gateway.legs.iter().filter_map(|(_, leg)| leg.port).collect()
}

/// At the new address the ports of the call are another program's: it takes others, and both sides are told.
#[test]
fn a_call_takes_another_port_where_its_own_cannot_be_had() {
    let mut world = talk();
    let before = own_ports(&world);
    world.foreign = before.clone();
    world.faces = Some(NEW);
    addresses(&mut world, &[NEW]);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.refused_ports, 2);
    let after = own_ports(&world);
    assert!(after.len() == 2 && after.is_disjoint(&before), "{before:?}, {after:?}");
    let told = BTreeSet::from([told_port(&world, 0), told_port(&world, 2)]);
    assert_eq!(told, after, "where each of them sends to");
    assert_eq!((world.bridged.len(), world.closed.len()), (2, 0), "they still hear each other");
    assert!(world.parties.iter().all(|party| party.ended.is_empty()));
    world.hang_up(2);
    world.carry_out();
    world.pass(Duration::from_secs(15));
    assert_eq!(world.gateway.pool.in_use(), 0, "every port is back");
}

/// A system that gives no sockets at all: a few ports are tried, and then the call ends for want of room.
#[test]
fn a_call_ends_where_no_port_can_be_had() {
    let mut world = talk();
    world.foreign = (0..=u16::MAX).collect();
    world.faces = Some(NEW);
    addresses(&mut world, &[NEW]);
    world.pass(Duration::from_secs(15));
    assert!(world.gateway.calls.is_empty() && world.gateway.legs.is_empty());
    assert!((4..=8).contains(&world.refused_ports), "{}", world.refused_ports);
    let ended = world.records();
    let causes: Vec<_> = ended.iter().map(|record| record.cause).collect();
    assert_eq!(causes, [crate::call::ending::Cause::Congestion]);
    assert_eq!(world.gateway.pool.in_use(), 0);
}
