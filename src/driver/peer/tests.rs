//! A browser's half, made of the same core, against the gate: who is let in, and whom nobody else can keep out.

use std::time::Duration;

use super::link::hash;
use super::*;
use crate::media::peer::Fingerprint;

const BROWSER: &str = "192.0.2.7:40000";
/// More than a branch has browsers, each with strangers in between.
const HANDSHAKES: u32 = 1_000;
const STRANGER: &str = "203.0.113.66:6666";
const LEG: LegId = LegId(7);

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A box and a browser that know each other's descriptions.
struct Scene {
    now: Instant,
    peers: Peers,
    browser: Link,
    up: bool,
    lost: Option<Lost>,
    answered: usize,
    /// How long the box was at it, and with how many packets.
    busy: Duration,
    arrived: usize,
}

fn far(own: &Own, we_connect: bool) -> Far {
    let fingerprint = Fingerprint { hash: Hash::Sha256, value: own.fingerprint().to_vec() };
    let credentials = Credentials { ufrag: "them".to_owned(), password: "q".repeat(22) };
    Far { credentials, fingerprints: vec![fingerprint], we_connect }
}

fn check(password: &str, nominates: bool) -> Vec<u8> {
    let with = [rtc::stun::attributes::ATTR_USE_CANDIDATE];
    check::tests::check("us:them", password, if nominates { &with } else { &[] })
}

impl Scene {
    fn new() -> Scene {
        let (own, theirs) = (Own::new().expect("a key"), Own::new().expect("a key"));
        Scene::expecting(own, &theirs, far(&theirs, false))
    }

    /// A box that expects `expected`, and a browser that is `theirs`.
    fn expecting(own: Own, theirs: &Own, expected: Far) -> Scene {
        let now = Instant::now();
        let told = far(&own, true);
        let certificate = &theirs.certificate.dtls_certificate;
        let browser = Link::new(now, &theirs.provider, certificate, &told).expect("a browser");
        let mut peers = Peers::new(Arc::new(own), 0);
        peers.open(LEG, 0, check::tests::ours());
        peers.pair(now, LEG, &expected);
        let (busy, arrived) = (Duration::ZERO, 0);
        Scene { now, peers, browser, up: false, lost: None, answered: 0, busy, arrived }
    }

    fn arrives(&mut self, from: &str, bytes: &[u8]) -> Option<Opened> {
        let began = Instant::now();
        let opened = self.peers.handle_datagram(self.now, 0, at(from), bytes);
        self.busy += began.elapsed();
        self.arrived += 1;
        opened
    }

    fn checks(&mut self, from: &str, nominates: bool) {
        self.arrives(from, &check(&check::tests::ours().password, nominates));
    }

    /// Carries packets both ways until nobody says anything more; `before` each of the browser's something else may happen.
    fn settle(&mut self, mut before: impl FnMut(&mut Scene)) {
        for _ in 0..40 {
            while let Some(bytes) = self.browser.poll_output() {
                before(self);
                self.arrives(BROWSER, &bytes);
            }
            let mut quiet = true;
            while let Some(output) = self.peers.poll_output() {
                match output {
                    Output::Send { to, bytes, .. } if to == at(BROWSER) => {
                        let stun = bytes.first().is_some_and(|first| *first < 4);
                        self.answered += usize::from(stun);
                        if !stun {
                            quiet = false;
                            self.browser.handle_dtls(self.now, &bytes);
                        }
                    }
                    Output::Up { leg: LEG, .. } => self.up = true,
                    Output::Lost { leg: LEG, why } => self.lost = Some(why),
                    _ => {}
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn says(&mut self, packet: &[u8]) -> Option<Opened> {
        let sealed = self.browser.seal(Kind::Rtp, packet).expect("keys");
        self.arrives(BROWSER, &sealed)
    }
}

fn sound(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 160, 1, 2, 3, 4]);
    packet.extend([0x55; 160]);
    packet
}

#[test]
fn a_browser_that_checks_and_shakes_hands_is_heard_and_hears() {
    let mut scene = Scene::new();
    scene.checks(BROWSER, true);
    scene.settle(|_| {});
    assert!(scene.up && scene.browser.is_up() && scene.answered == 1);
    let (leg, kind, opened) = scene.says(&sound(1)).expect("it is heard");
    assert_eq!((leg, kind, &opened[..]), (LEG, Kind::Rtp, &sound(1)[..]));
    let Sealed::To(to, sealed) = scene.peers.seal(LEG, Kind::Rtp, &sound(9)) else {
        panic!("nothing is sent")
    };
    assert_eq!(to, at(BROWSER));
    assert_eq!(
        &scene.browser.open(Kind::Rtp, &sealed).expect("keys").expect("it hears")[..],
        &sound(9)[..]
    );
    assert_eq!(scene.peers.deadline(), None, "nothing is waited for");
}

/// Bad-input table row 34. Hellos, alerts and data of strangers before every packet of the browser's own, also with its
/// address, where that needs no key.
#[test]
fn strangers_end_no_handshake() {
    let other = Own::new().expect("a key");
    let certificate = &other.certificate.dtls_certificate;
    let (mut busy, mut packets) = (Duration::ZERO, 0);
    for number in 0..HANDSHAKES {
        let round = number as u8;
        let mut scene = Scene::new();
        scene.checks(BROWSER, true);
        let told = far(&scene.peers.own, true);
        let mut stranger =
            Link::new(scene.now, &other.provider, certificate, &told).expect("a stranger");
        let hello = stranger.poll_output().expect("a hello");
        scene.settle(|scene| {
            scene.arrives(STRANGER, &hello);
            for kind in 20..=25 {
                scene.arrives(STRANGER, &[kind, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40]);
            }
            scene.arrives(BROWSER, &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, round, 0, 2, 2, 40]);
            scene.arrives(BROWSER, &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, round, 0, 2, 1, 0]);
            scene.arrives(BROWSER, &[23, 254, 253, 0, 0, 0, 0, 0, 0, 0, round, 0, 2, 1, 0]);
            scene.arrives(BROWSER, &[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, round, 0, 1, round]);
        });
        assert!(scene.up && scene.lost.is_none(), "handshake {number}");
        scene.arrives(BROWSER, &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 200, 0, 2, 2, 40]);
        assert!(scene.says(&sound(1)).is_some(), "handshake {number}: it is heard afterwards");
        busy += scene.busy;
        packets += scene.arrived;
    }
    let each = busy / HANDSHAKES;
    println!("all of {HANDSHAKES} handshakes, {packets} packets, {each:?} of the box for each");
}

#[test]
fn whoever_has_not_checked_is_not_looked_at() {
    let mut scene = Scene::new();
    scene.arrives(BROWSER, &check("wrong", true));
    scene.settle(|_| {});
    assert!(!scene.up, "a check with a wrong password opens no way");
    assert!(scene.peers.strangers() > 0);
    scene.checks(STRANGER, false);
    assert!(scene.arrives(STRANGER, &sound(1)).is_none(), "and no keys, no sound");
}

#[test]
fn another_certificate_than_described_is_nobody() {
    let (own, theirs) = (Own::new().expect("a key"), Own::new().expect("a key"));
    let mut expected = far(&theirs, false);
    expected.fingerprints[0].value = hash(Hash::Sha256, b"somebody else");
    let mut scene = Scene::expecting(own, &theirs, expected);
    scene.checks(BROWSER, true);
    scene.settle(|_| {});
    assert_eq!((scene.up, scene.lost), (false, Some(Lost::Stranger)));
}

#[test]
fn a_packet_is_heard_once_and_a_changed_one_never() {
    let mut scene = Scene::new();
    scene.checks(BROWSER, true);
    scene.settle(|_| {});
    let sealed = scene.browser.seal(Kind::Rtp, &sound(1)).expect("keys");
    assert!(scene.arrives(BROWSER, &sealed).is_some());
    assert!(scene.arrives(BROWSER, &sealed).is_none(), "again");
    let mut changed = scene.browser.seal(Kind::Rtp, &sound(2)).expect("keys");
    changed[20] ^= 1;
    assert!(scene.arrives(BROWSER, &changed).is_none());
    let why = |output| match output {
        Output::Refused { leg: LEG, why } => Some(why),
        _ => None,
    };
    let refused: Vec<_> =
        std::iter::from_fn(|| scene.peers.poll_output()).filter_map(why).collect();
    assert_eq!(refused, [Refused::Replayed, Refused::Forged]);
    // Neither is a report that says it is in the clear and brings no tag (RFC 3711 section 3.4, the E flag).
    let goodbye = [0x80, 203, 0, 1, 1, 2, 3, 4];
    let sealed = scene.browser.seal(Kind::Rtcp, &goodbye).expect("keys");
    assert!(scene.arrives(BROWSER, &sealed).is_some());
    let mut clear = goodbye.to_vec();
    clear.extend([0, 0, 0, 9]);
    clear.extend([0; 16]);
    assert!(scene.arrives(BROWSER, &clear).is_none());
    clear.truncate(goodbye.len() + 4 + 10);
    assert!(scene.arrives(BROWSER, &clear).is_none());
    // Sources without end cost a little each, and then nothing.
    for source in 0..10_000u32 {
        let mut forged = sound(3);
        forged[8..12].copy_from_slice(&source.to_be_bytes());
        assert!(scene.arrives(BROWSER, &forged).is_none());
    }
    assert!(scene.says(&sound(4)).is_some(), "and the browser is heard all the same");
}

#[test]
fn a_browser_that_moves_is_followed_once_it_has_shown_itself() {
    let mut scene = Scene::new();
    scene.checks(BROWSER, true);
    scene.settle(|_| {});
    let moved = "198.51.100.9:1234";
    let sealed = scene.browser.seal(Kind::Rtp, &sound(1)).expect("keys");
    assert!(scene.arrives(moved, &sealed).is_none(), "a way that is not proven");
    scene.checks(moved, true);
    let sealed = scene.browser.seal(Kind::Rtp, &sound(2)).expect("keys");
    assert!(scene.arrives(moved, &sealed).is_some());
    assert!(
        matches!(scene.peers.seal(LEG, Kind::Rtp, &sound(5)), Sealed::To(to, _) if to == at(moved))
    );
    // An ICE restart: other secrets, the same certificate, the same association.
    let again = Credentials { ufrag: "us2".to_owned(), password: "r".repeat(22) };
    scene.peers.open(LEG, 0, again.clone());
    let third = "198.51.100.10:99";
    let restarted = check::tests::check(
        "us2:them2",
        &again.password,
        &[rtc::stun::attributes::ATTR_USE_CANDIDATE],
    );
    scene.arrives(third, &restarted);
    assert!(
        matches!(scene.peers.seal(LEG, Kind::Rtp, &sound(6)), Sealed::To(to, _) if to == at(third))
    );
}

#[test]
fn ways_are_bounded_and_the_one_in_use_stays() {
    let mut scene = Scene::new();
    scene.checks(BROWSER, true);
    scene.settle(|_| {});
    for port in 1..1_000 {
        scene.checks(&format!("192.0.2.7:{port}"), false);
    }
    assert!(scene.peers.ways.len() <= MOST_WAYS, "{}", scene.peers.ways.len());
    assert!(scene.says(&sound(1)).is_some());
    scene.peers.close(scene.now, LEG);
    assert!(scene.peers.ways.is_empty() && scene.peers.names.is_empty());
    assert!(scene.peers.homes.is_empty() && scene.peers.held.is_empty());
}

#[test]
fn nobody_who_comes_is_given_up_in_the_end() {
    let mut scene = Scene::new();
    let due = scene.peers.deadline().expect("it is waited for");
    scene.peers.handle_timeout(due + std::time::Duration::from_secs(20));
    scene.settle(|_| {});
    assert_eq!(scene.lost, Some(Lost::NoPath));
    assert_eq!(scene.peers.deadline(), None);
}

/// A leg whose port is at one thread and whose association is at another.
#[test]
fn a_leg_that_moves_to_another_thread_goes_on() {
    let mut scene = Scene::new();
    scene.checks(BROWSER, true);
    scene.settle(|_| {});
    let mut second = Peers::new(scene.peers.own.clone(), 1);
    let held = scene.peers.hand_over(LEG, 1).expect("it is there");
    second.arrived(LEG, held);
    assert!(scene.says(&sound(1)).is_none(), "it is not heard here any more");
    let Some(Output::Tell { thread: 1, leg: LEG, word }) = scene.peers.poll_output() else {
        panic!("it is passed on")
    };
    assert!(second.handle_word(scene.now, LEG, word).is_some(), "and heard there");
    assert!(matches!(second.seal(LEG, Kind::Rtp, &sound(2)), Sealed::To(..)));
    let moved = "198.51.100.9:1234";
    scene.checks(moved, true);
    let words: Vec<_> = std::iter::from_fn(|| scene.peers.poll_output()).collect();
    for output in words {
        if let Output::Tell { word, .. } = output {
            second.handle_word(scene.now, LEG, word);
        }
    }
    assert!(matches!(second.seal(LEG, Kind::Rtp, &sound(3)), Sealed::To(to, _) if to == at(moved)));
    second.close(scene.now, LEG);
    while let Some(output) = second.poll_output() {
        if let Output::Tell { thread: 0, word, .. } = output {
            scene.peers.handle_word(scene.now, LEG, word);
        }
    }
    assert!(scene.peers.homes.is_empty() && scene.peers.ways.is_empty());
}
