//! Phones with several flows to us (RFC 5626).

use super::*;
use crate::sip::message::{Message, parse};

/// A phone at 202 with a flow over a datagram, and a newer one over a connection.
fn with_two_flows(connection: u64) -> World {
    let mut world = World::of(1, CONFIG, 0);
    world.register(2, 0);
    world.carry_out();
    world.pass(Duration::from_secs(1));
    let phone = world.parties[2].address;
    let datagrams = world.flow(phone, OURS);
    let over = Flow {
        transport: Transport::Tcp,
        local: OURS,
        peer: phone,
        connection: ConnectionId(connection),
    };
    for (number, flow) in [(1, datagrams), (2, over)] {
        let text = format!(
            "REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {phone};branch=z9hG4bK{number}\r\n\
             From: <sip:202@192.0.2.1>;tag=a\r\nTo: <sip:202@192.0.2.1>\r\nCall-ID: flow{number}\r\nCSeq: 1 REGISTER\r\n\
             Supported: outbound\r\nContact: <sip:202@{phone}>;reg-id={number};+sip.instance=\"<urn:uuid:2>\"\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let Ok(Message::Request(request)) = parse(text.as_bytes(), false) else { panic!("{text}") };
        let flow = Flow { local: OURS, peer: phone, ..flow };
        let outcome = world.gateway.registrar.handle(world.now, "202", &request, flow);
        assert_eq!(outcome.response.headers.get("Require"), Some("outbound"));
    }
    world
}

#[test]
fn a_flow_that_fails_is_followed_by_the_next_of_the_same_phone() {
    let mut world = with_two_flows(99);
    world.call(1, "202");
    world.carry_out();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.parties[2].ringing.len(), 1, "over the way that is left");
    assert!(world.parties[1].ended.is_empty(), "the caller notices nothing");
    world.take_call(2);
    world.carry_out();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.joined, 1);
}

#[test]
fn a_phone_whose_flows_have_all_failed_is_not_there() {
    let mut world = with_two_flows(99);
    world.gateway.handle_connection_closed(
        world.now,
        Flow {
            transport: Transport::Tcp,
            local: OURS,
            peer: world.parties[2].address,
            connection: ConnectionId(99),
        },
    );
    world.call(1, "202");
    world.carry_out();
    world.pass(Duration::from_secs(1));
    assert_eq!(world.parties[2].ringing.len(), 1, "the older flow is the one that is left");
    world.hang_up(1);
    world.carry_out();
    world.pass(Duration::from_secs(1));
    world.register(2, 0);
    let gone = world.now.after(Duration::from_secs(7_300));
    assert!(world.gateway.registrar.contacts(gone, "202").is_empty());
}
