//! What lamps show while calls come and go.

use super::scenes::scene;
use super::*;
use crate::sip::message::{Message, parse};

impl World {
    /// Whether `bytes` are a NOTIFY of a subscription; a party takes it and says so. Endpoints know dialogs of calls alone.
    pub(super) fn is_notified(&mut self, at: usize, bytes: &[u8]) -> bool {
        let Ok(Message::Request(request)) = parse(bytes, false) else { return false };
        let event = request.headers.get("Event").unwrap_or_default();
        if request.method != Method::NOTIFY || event.starts_with("refer") {
            return false;
        }
        let bytes = Response::to(&request, Status::OK).encode();
        let from = self.parties[at].address;
        self.later(1, 30, Due::Sip { from, to: OURS, bytes });
        self.parties[at].notified.push(request);
        true
    }

    /// A phone subscribes to `watched`, with this Event and for so many seconds.
    fn watch(&mut self, at: usize, watched: &str, event: &str, expires: u32) {
        let party = &mut self.parties[at];
        let user = party.user.unwrap_or("carrier");
        let uri = Uri::sip(Some(watched), Host::Ip(OURS.ip()), None);
        let mut request = Request::new(Method::SUBSCRIBE, uri);
        for (name, value) in [
            ("From", format!("<sip:{user}@192.0.2.1>")),
            ("To", format!("<sip:{watched}@192.0.2.1>")),
            ("Contact", format!("<sip:{user}@{}>", party.address)),
            ("Event", event.to_owned()),
            ("Expires", expires.to_string()),
        ] {
            request.headers.push(name, value).unwrap();
        }
        let route = Route::Address { transport: Transport::Udp, peer: OURS };
        let account = party.user.and_then(credentials);
        party.endpoint.request(self.now, route, party.address, request, account);
        self.seconds(1);
    }

    /// The body of the last NOTIFY that a party got.
    fn lamp(&self, at: usize) -> String {
        let last = self.parties[at].notified.last().expect("a NOTIFY");
        String::from_utf8(last.body.clone()).unwrap()
    }

    /// The state of each dialog that a party's lamp showed last.
    fn states(&self, at: usize) -> Vec<String> {
        let body = self.lamp(at);
        let states = body.split("<state>").skip(1);
        states.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_lamp_blinks_while_it_rings_burns_while_they_talk_and_goes_out() {
    let mut world = scene(&[]);
    world.watch(3, "201", "dialog", 3_600);
    assert!(world.states(3).is_empty(), "nobody calls yet");
    world.call(0, "+15550101");
    world.seconds(2);
    assert_eq!(world.states(3), ["early"]);
    assert!(world.lamp(3).contains("direction=\"recipient\""));
    while world.parties[1].up.is_empty() {
        assert!(!world.parties[1].ringing.is_empty(), "it was refused");
        world.take_call(1);
    }
    world.seconds(2);
    assert_eq!(world.states(3), ["confirmed"]);
    assert!(!world.lamp(3).contains("5557654321"), "the caller's number is nobody's business");
    world.hang_up(1);
    world.seconds(2);
    assert!(world.states(3).is_empty());
    let versions: Vec<_> = world.parties[3]
        .notified
        .iter()
        .map(|notify| {
            let body = String::from_utf8_lossy(&notify.body).into_owned();
            let (_, rest) = body.split_once("dialog-info\" version=\"").unwrap();
            rest.split('"').next().unwrap().parse::<u32>().unwrap()
        })
        .collect();
    assert_eq!(versions, (0..versions.len() as u32).collect::<Vec<_>>(), "each one further");
}

#[test]
fn a_caller_shows_as_one_and_numbers_show_to_who_may_see_them() {
    let sees = ("number = \"203\"", "number = \"203\"\nsees_callers = true");
    let mut world = scene(&[sees]);
    world.watch(3, "202", "dialog", 3_600);
    world.call(2, "201");
    world.seconds(2);
    let body = world.lamp(3);
    assert!(body.contains("direction=\"initiator\""), "{body}");
    assert!(body.contains("<remote><identity>sip:201@192.0.2.1:5060</identity>"), "{body}");
    world.watch(3, "201", "dialog", 3_600);
    let body = world.lamp(3);
    assert!(body.contains("<remote><identity>sip:202@192.0.2.1:5060</identity>"), "{body}");
}

#[test]
fn the_names_of_a_ringing_call_are_those_the_phone_has() {
    let mut world = scene(&[]);
    world.watch(3, "201", "dialog", 3_600);
    world.call(2, "201");
    world.seconds(2);
    let body = world.lamp(3);
    let value = |name: &str| {
        let (_, rest) = body.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{body}"));
        rest.split('"').next().unwrap().to_owned()
    };
    let (session, _) = world.parties[1].ringing[0];
    let phone = world.parties[1].endpoint.names(session).unwrap();
    assert_eq!(value("call-id"), phone.call_id);
    assert_eq!(value("local-tag"), phone.ours);
    assert_eq!(Some(value("remote-tag")), phone.theirs);
}

#[test]
fn who_may_watch_what() {
    let mut world = scene(&[]);
    let refused = |world: &mut World, at: usize, watched: &str, event: &str| {
        let before = world.parties[at].notified.len();
        world.watch(at, watched, event, 600);
        assert_eq!(world.parties[at].notified.len(), before, "{at} {watched} {event}");
    };
    refused(&mut world, 1, "202", "message-summary");
    refused(&mut world, 1, "299", "dialog");
    refused(&mut world, 1, "202", "presence");
    refused(&mut world, 0, "202", "dialog");
    assert_eq!(world.gateway.watching.notifier.len(), 0);
    world.watch(1, "201", "message-summary", 600);
    assert!(world.lamp(1).starts_with("Messages-Waiting: no\r\n"), "{}", world.lamp(1));
}

#[test]
fn a_phone_that_unregisters_watches_no_more() {
    let mut world = scene(&[]);
    world.watch(3, "201", "dialog", 3_600);
    world.register(3, 0);
    world.seconds(2);
    let last = world.parties[3].notified.last().unwrap();
    assert_eq!(last.headers.get("Subscription-State"), Some("terminated;reason=deactivated"));
    assert!(world.gateway.watching.notifier.is_empty());
}

#[test]
fn an_old_phone_is_told_of_messages_though_it_never_asked() {
    let unasked = ("number = \"201\"", "number = \"201\"\nunasked_message_lamp = true");
    let mut world = scene(&[unasked]);
    // Told as it registers, and whenever something changes.
    assert_eq!(world.parties[1].notified.len(), 1);
    world.gateway.messages_changed(world.now, &"201".into());
    world.gateway.messages_changed(world.now, &"202".into());
    world.gateway.settle(world.now);
    world.seconds(1);
    assert_eq!(world.parties[1].notified.len(), 2);
    assert!(world.parties[2].notified.is_empty());
}

#[test]
fn a_parking_place_burns_while_somebody_waits_there() {
    use crate::call::plan::{Destination, Feature};
    let mut world = scene(&[]);
    world.watch(3, "751", "dialog", 3_600);
    assert!(world.states(3).is_empty());
    world.call(0, "+15550101");
    world.seconds(2);
    world.take_call(1);
    world.seconds(2);
    assert!(world.states(3).is_empty(), "they talk, nobody is parked");
    let peer = crate::call::record::Peer::Extension("201".into());
    let leg = world.gateway.legs.of_peer(&peer)[0];
    let park = Destination::Feature(Feature::Park, None);
    assert!(world.gateway.calls.handle_transfer(world.now, leg, park));
    world.gateway.settle(world.now);
    world.seconds(2);
    assert_eq!(world.states(3), ["confirmed"]);
    world.call(2, "751");
    world.seconds(2);
    assert!(world.states(3).is_empty(), "fetched: {}", world.lamp(3));
}

#[test]
fn the_lamp_of_a_group_blinks_for_its_own_calls_alone() {
    let group =
        "[[group]]\nname = \"front\"\nnumber = \"710\"\nmembers = [\"201\", \"202\"]\n[flow.main]";
    let mut world = scene(&[("[flow.main]", group)]);
    world.watch(3, "710", "dialog", 3_600);
    world.call(0, "+15550101");
    world.seconds(2);
    assert!(world.states(3).is_empty(), "201 is called itself: {}", world.lamp(3));
    world.hang_up(0);
    world.seconds(2);
    world.call(3, "710");
    world.seconds(2);
    assert_eq!(world.states(3), ["early", "early"]);
    world.take_call(1);
    world.seconds(2);
    assert!(world.states(3).is_empty(), "somebody answered: {}", world.lamp(3));
}

#[test]
fn a_phone_that_asks_by_stun_where_it_is_hears_it_on_the_sip_port() {
    let mut world = scene(&[]);
    let peer: SocketAddr = "192.0.2.21:6060".parse().unwrap();
    let flow = Flow { transport: Transport::Udp, local: OURS, peer, connection: ConnectionId(0) };
    let mut ask = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    ask.extend([7; 12]);
    world.gateway.handle_sip(world.now, flow, &ask);
    let Some(Output::Sip { route, bytes }) = world.gateway.poll_output() else {
        panic!("no answer")
    };
    assert_eq!((route, bytes.len(), bytes[0]), (Route::Flow(flow), 32, 1));
    assert!(world.gateway.poll_output().is_none());
}
