use super::*;
use crate::sip::flow::ConnectionId;
use crate::sip::message::Transport;

fn trust() -> Trust {
    let parse = |text: &str| vec![Network::parse(text).unwrap()];
    let settings = Settings {
        site: parse("10.0.0.0/8"),
        trunks: parse("198.51.100.0/24"),
        ..Settings::default()
    };
    Trust::new(settings, Random::from_number(7))
}

fn now() -> Now {
    Now { instant: Instant::now(), unix: UnixTime(1_000_000_000) }
}

fn flow(transport: Transport, source: &str) -> Flow {
    let peer = SocketAddr::new(source.parse().unwrap(), 5060);
    Flow { transport, local: peer, peer, connection: ConnectionId(0) }
}

fn udp(source: &str) -> Flow {
    flow(Transport::Udp, source)
}

fn tcp(source: &str) -> Flow {
    flow(Transport::Tcp, source)
}

const STRANGER: &str = "203.0.113.9";

/// How many times somebody may do something before nobody listens.
fn patience(trust: &mut Trust, start: Now, flow: &Flow, sin: Sin, proof: Proof) -> usize {
    (0..10_000)
        .find(|turn| {
            let now = start.after(Duration::from_millis(10 * *turn));
            trust.sinned(now, flow, sin, proof);
            !trust.admits(now, flow)
        })
        .map_or(usize::MAX, |turn| turn as usize + 1)
}

#[test]
fn what_datagrams_tell_is_suspicion_and_what_is_shown_a_ban() {
    let (mut trust, start) = (trust(), now());
    trust.sinned(start, &udp(STRANGER), Sin::Scanner, Proof::Claimed);
    assert!(!trust.admits(start, &udp(STRANGER)), "datagrams go unread");
    assert!(trust.admits(start, &tcp(STRANGER)), "who shakes hands is heard");
    assert_eq!(trust.poll_change(), None, "no connection is closed for what a datagram says");
    let later = start.after(SUSPICION);
    assert!(trust.admits(later, &udp(STRANGER)), "suspicion is short");

    trust.sinned(later, &udp(STRANGER), Sin::Scanner, Proof::Shown);
    assert!(!trust.admits(later, &udp(STRANGER)) && !trust.admits(later, &tcp(STRANGER)));
    let address = STRANGER.parse().unwrap();
    assert_eq!(trust.poll_change(), Some(Change::Barred(address)));
    let ban = *trust.bans(later.instant).next().expect("a ban");
    assert_eq!((ban.source, ban.proven, ban.why, ban.dropped), (address, true, Sin::Scanner, 2));
    let freed = later.after(Duration::from_secs(600));
    assert!(trust.admits(freed, &tcp(STRANGER)));
    assert_eq!(trust.poll_change(), Some(Change::Freed(address)));
}

#[test]
fn a_ban_that_is_earned_again_lasts_twice_as_long() {
    let (mut trust, mut now) = (trust(), now());
    for seconds in [600, 1_200, 2_400, 4_800] {
        trust.sinned(now, &tcp(STRANGER), Sin::Scanner, Proof::Shown);
        assert!(!trust.admits(now.after(Duration::from_secs(seconds - 1)), &tcp(STRANGER)));
        now = now.after(Duration::from_secs(seconds));
        assert!(trust.admits(now, &tcp(STRANGER)));
        trust.forget_old(now.instant);
    }
    (0..20).for_each(|_| {
        trust.sinned(now, &tcp(STRANGER), Sin::Scanner, Proof::Shown);
        now = now.after(LONGEST);
        assert!(trust.admits(now, &tcp(STRANGER)), "a day is the longest");
    });
}

#[test]
fn the_site_carriers_and_known_phones_are_never_banned() {
    let (mut trust, start) = (trust(), now());
    trust.vouch(start.instant, udp(STRANGER).peer);
    for source in ["10.1.2.3", "198.51.100.7", STRANGER, "127.0.0.1", "::ffff:10.1.2.3"] {
        for sin in [Sin::Scanner, Sin::WrongPassword, Sin::TooFast, Sin::Malformed] {
            (0..1_000).for_each(|_| trust.sinned(start, &udp(source), sin, Proof::Shown));
            assert!(trust.admits(start, &udp(source)), "{source} {sin:?}");
        }
    }
    assert!(trust.is_empty());
}

#[test]
fn a_known_phone_is_heard_beside_a_banned_neighbour_at_one_address() {
    let (mut trust, start) = (trust(), now());
    let phone = udp(STRANGER);
    let neighbour = Flow { peer: SocketAddr::new(phone.peer.ip(), 9_999), ..phone };
    trust.shown(start, &phone);
    trust.sinned(start, &neighbour, Sin::Scanner, Proof::Shown);
    assert!(!trust.admits(start, &neighbour));
    assert!(trust.admits(start, &phone));
}

#[test]
fn whoever_forges_the_address_of_a_known_phone_takes_nothing_from_its_rate() {
    let (mut trust, start) = (trust(), now());
    let phone = udp(STRANGER);
    trust.vouch(start.instant, phone.peer);
    let mut forger = udp(STRANGER);
    forger.peer.set_port(6_000);
    assert!((0..450).any(|_| !trust.admits(start, &forger)), "its measure is full");
    assert!(trust.admits(start, &phone));
}

#[test]
fn sins_are_weighed() {
    let start = now();
    let patience = |sin, proof| patience(&mut trust(), start, &udp(STRANGER), sin, proof);
    assert_eq!(patience(Sin::Scanner, Proof::Claimed), 1);
    let guesses = patience(Sin::WrongPassword, Proof::Shown);
    assert!((20..=35).contains(&guesses), "ten for one user are not half: {guesses}");
    assert!((9..=13).contains(&patience(Sin::UnknownUser, Proof::Shown)));
    assert!((14..=21).contains(&patience(Sin::Enumeration, Proof::Claimed)));
    assert!((45..=65).contains(&patience(Sin::Malformed, Proof::Claimed)));
    assert!((180..=250).contains(&patience(Sin::Unanswered, Proof::Claimed)));
}

#[test]
fn one_name_asked_for_again_and_again_is_a_phone_that_was_taken_out() {
    let (mut trust, start) = (trust(), now());
    for turn in 0..1_000 {
        let now = start.after(Duration::from_secs(30 * turn));
        trust.asked_for(now, &udp(STRANGER), "299", Sin::Enumeration, Proof::Claimed);
        trust.asked_for(now, &udp(STRANGER), "299", Sin::UnknownUser, Proof::Shown);
        assert!(trust.admits(now, &udp(STRANGER)), "after {turn}");
    }
    let end = start.after(Duration::from_secs(30_000));
    let heard = (0..100).take_while(|name| {
        let name = (100 + name).to_string();
        trust.asked_for(end, &udp(STRANGER), &name, Sin::Enumeration, Proof::Claimed);
        trust.admits(end, &udp(STRANGER))
    });
    assert!((10..25).contains(&heard.count()));
}

#[test]
fn an_office_behind_one_router_comes_back_after_a_power_cut() {
    let (mut trust, start) = (trust(), now());
    for phone in 0..200_u16 {
        let office = udp(STRANGER);
        let flow = Flow { peer: SocketAddr::new(office.peer.ip(), 20_000 + phone), ..office };
        let now = start.after(Duration::from_millis(u64::from(phone) * 5));
        assert!(trust.admits(now, &flow), "phone {phone} asks");
        trust.sinned(now, &flow, Sin::Unanswered, Proof::Claimed);
        assert!(trust.admits(now, &flow), "phone {phone} shows its password");
        trust.shown(now, &flow);
    }
    assert!(trust.is_empty());
}

#[test]
fn one_source_that_floods_is_held_to_its_rate_and_then_not_read() {
    let (mut trust, start) = (trust(), now());
    let mut read = 0;
    for packet in 0..50_000_u64 {
        let now = start.after(Duration::from_micros(packet * 200));
        read += u32::from(trust.admits(now, &udp(STRANGER)));
        if packet % 100 == 0 {
            assert!(trust.admits(now, &udp("203.0.113.10")), "another is heard at {packet}");
        }
    }
    assert!(read < 1_000, "{read} of 50,000 were read");
}

#[test]
fn a_flood_in_many_names_leaves_carriers_and_known_phones_alone_and_little_memory() {
    let (mut trust, start) = (trust(), now());
    let phone = udp(STRANGER);
    trust.vouch(start.instant, phone.peer);
    let mut read = 0;
    for packet in 0..100_000_u32 {
        let now = start.after(Duration::from_micros(u64::from(packet) * 200));
        let forged = IpAddr::from((0xc612_0000 + packet % 65_536).to_be_bytes());
        let forged = Flow { peer: SocketAddr::new(forged, 5060), ..phone };
        read += u32::from(trust.admits(now, &forged));
        trust.sinned(now, &forged, Sin::Scanner, Proof::Claimed);
        if packet % 20 == 0 {
            assert!(trust.admits(now, &phone) && trust.admits(now, &udp("198.51.100.7")));
        }
    }
    assert!(read <= 20 * STRANGERS_RATE as u32 + 2 * STRANGERS_RATE as u32, "{read}");
    assert!(trust.sources() <= MAX_SOURCES && trust.len() <= MAX_BANS);
    assert_eq!(trust.order.len(), trust.sources.len());
    assert_eq!(trust.weakest.len(), trust.bans.len());
    let later = start.after(Duration::from_secs(3_600));
    trust.forget_old(later.instant);
    assert!(trust.is_empty() && trust.sources() == 0 && trust.order.is_empty());
}

#[test]
fn suspicions_give_way_to_bans_when_the_list_is_full() {
    let (mut trust, start) = (trust(), now());
    let at = |number: u32| udp(&IpAddr::from((0xcb00_0000 + number).to_be_bytes()).to_string());
    trust.sinned(start, &at(1), Sin::Scanner, Proof::Shown);
    for number in 2..MAX_BANS as u32 + 100 {
        trust.sinned(start, &at(number), Sin::Scanner, Proof::Claimed);
    }
    assert!(!trust.admits(start, &at(1)), "the proven one stays");
    assert_eq!(trust.len(), MAX_BANS);
    trust.sinned(start, &at(999_999), Sin::Scanner, Proof::Shown);
    assert!(!trust.admits(start, &at(999_999)));
    assert_eq!(trust.bans(start.instant).filter(|ban| ban.proven).count(), 2);
}

#[test]
fn of_ipv6_the_network_counts() {
    let (mut trust, start) = (trust(), now());
    trust.sinned(start, &udp("2001:db8::1"), Sin::Scanner, Proof::Shown);
    assert!(!trust.admits(start, &udp("2001:db8::ffff:1")));
    assert!(trust.admits(start, &udp("2001:db8:0:1::1")));
    assert!(trust.unban("2001:db8::77".parse().unwrap()));
    assert!(trust.admits(start, &udp("2001:db8::1")));
    assert!(!trust.unban("2001:db8::77".parse().unwrap()), "nothing is left to lift");
}

#[test]
fn a_carrier_s_gateway_in_the_house_may_send_as_much_as_a_carrier() {
    let inside = vec![Network::parse("10.0.0.9").unwrap()];
    let site = vec![Network::parse("10.0.0.0/8").unwrap()];
    let settings = Settings { site, trunks: inside, ..Settings::default() };
    let (mut trust, start) = (Trust::new(settings, Random::from_number(1)), now());
    assert_eq!(trust.level(start.instant, udp("10.0.0.9").peer), Level::Trunk);
    assert_eq!(trust.level(start.instant, udp("10.0.0.8").peer), Level::Site);
    let read = |trust: &mut Trust, source: &str| {
        (0..10_000).filter(|_| trust.admits(start, &udp(source))).count()
    };
    assert_eq!(read(&mut trust, "10.0.0.8"), 2_000);
    assert_eq!(read(&mut trust, "10.0.0.9"), 8_000);
}

#[test]
fn with_bans_off_rates_hold() {
    let mut trust =
        Trust::new(Settings { bans: false, ..Settings::default() }, Random::from_number(1));
    let start = now();
    trust.sinned(start, &udp(STRANGER), Sin::Scanner, Proof::Shown);
    let read = (0..10_000).filter(|_| trust.admits(start, &udp(STRANGER))).count();
    assert_eq!(read, (STRANGER_RATE * BURST_S) as usize);
}
