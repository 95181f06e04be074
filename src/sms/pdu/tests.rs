use super::*;

fn read(hex: &str, direction: Direction) -> Parsed<Pdu> {
    Pdu::parse_hex(hex, direction, None).unwrap_or_else(|why| panic!("{hex}: {why:?}"))
}

fn deliver(hex: &str) -> Deliver {
    match read(hex, Direction::ToPhone).value.tpdu {
        Tpdu::Deliver(deliver) => deliver,
        other => panic!("{other:?}"),
    }
}

fn text(hex: &str) -> String {
    match deliver(hex).reading() {
        Reading { content: Content::Text(text), flaws, .. } if flaws.is_empty() => text,
        other => panic!("{other:?}"),
    }
}

/// 15 November 2023, 12:00:00, an hour east of Greenwich.
const NOON: &str = "32115121000040";

#[test]
fn a_delivery_says_who_when_and_what() {
    let hex = format!("0791947106004034040B919471163254F60000{NOON}04D4F29C0E");
    let Deliver { originator, time, .. } = deliver(&hex);
    assert_eq!(originator.text(), "+49176123456");
    assert_eq!(
        time.unix().map(|time| time.to_string()).as_deref(),
        Some("2023-11-15T11:00:00.000Z")
    );
    assert_eq!(text(&hex), "Test");
}

#[test]
fn numbers_are_read_as_they_are_dialled() {
    for (number, ton) in [
        ("+4917612345678", TypeOfNumber::International),
        ("+491761234567", TypeOfNumber::International),
        ("12345", TypeOfNumber::Unknown),
        ("*100#", TypeOfNumber::Unknown),
    ] {
        let address = Address::number(number).expect("a number");
        assert_eq!((address.ton(), address.text().as_str()), (ton, number));
        assert!(!format!("{address:?}").contains("1234"), "logs carry no numbers");
    }
    for name in ["Shop", "ABCDEFGHIJK", "A", "Grüß Gott!"] {
        let address = Address::name(name).expect("a name");
        assert_eq!(address.text(), name);
        assert!(address.is_name());
    }
    assert_eq!(Address::name("ABCDEFGHIJKL"), Err(NotAnAddress::TooLong));
    assert_eq!(Address::name("жук"), Err(NotAnAddress::Character('ж')));
    assert_eq!(Address::number("+"), Err(NotAnAddress::Empty));
    assert_eq!(Address::number("12 34"), Err(NotAnAddress::Character(' ')));
    assert_eq!(Address::number(&"1".repeat(21)), Err(NotAnAddress::TooLong));
}
