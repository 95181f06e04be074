use super::*;

fn uri(text: &str) -> Uri {
    Uri::parse(text).unwrap_or_else(|bad| panic!("{text}: {bad}"))
}

#[test]
fn uris_print_as_they_were_read() {
    for text in [
        "sip:a@example.com",
        "sips:a:secret@example.com:5061;transport=tcp;lr",
        "sip:[2001:db8::1]:5070",
        "sip:a@[2001:db8::10:5070]",
        "sip:a%40b@h;p=[::1]?Replaces=x%3Bto-tag%3D1",
        "sip:%00@host5.example.com",
        "sip:%FF%F4@h",
        "tel:+1-555-0100;phone-context=example.com",
        "urn:service:sos",
    ] {
        assert_eq!(uri(text).to_string(), text);
    }
}

#[test]
fn equivalence_follows_the_examples_of_the_rfc() {
    for (a, b) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:a@h?priority=urgent&to=x", "sip:a@h?to=x&Priority=urgent"),
        ("sip:a@[::ffff:192.0.2.1]", "sip:a@192.0.2.1"),
        ("sip:a@[2001:DB8:0::1]", "sip:a@[2001:db8::1]"),
        ("tel:+1-555-0100", "tel:+15550100"),
    ] {
        assert!(uri(a).equivalent(&uri(b)) && uri(b).equivalent(&uri(a)), "{a} {b}");
    }
    for (a, b) in [
        ("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next"),
        ("sip:a@h", "sips:a@h"),
    ] {
        assert!(!uri(a).equivalent(&uri(b)), "{a} {b}");
    }
}

#[test]
fn broken_uris_are_refused() {
    for text in [
        "",
        "201",
        "sip:",
        "sip:a@",
        "sip:@h",
        "sip:h:",
        "sip:h:65536",
        "sip:2001:db8::1",
        "sip:[::1",
        "sip:[2001:db8:::1]",
        "sip:a%4@h",
        "sip:a%zz@h",
        "sip:a b@h",
        "<sip:a@h>",
        "sip:a@h;;lr",
        "sip:a@h\r\n",
        "1sip:a",
        "sip:a@b@c",
    ] {
        assert!(Uri::parse(text).is_err(), "{text}");
    }
    assert_eq!(Uri::parse(&format!("sip:h{}", ";p".repeat(33))), Err(BadUri::TooManyParameters));
}

#[test]
fn names_and_lists_respect_quotes_and_brackets() {
    let list =
        NameAddr::parse_list("\"a, \\\"b\\\" <x>\" <sip:a,b@h>;q=0.5 , sip:c@h;tag=9").unwrap();
    assert_eq!(list[0].display.as_deref(), Some("a, \"b\" <x>"));
    assert_eq!(list[0].uri.user.as_deref(), Some("a,b"));
    assert_eq!(list[1].tag(), Some("9"));
    assert_eq!(list[1].to_string(), "<sip:c@h>;tag=9");
    for name in &list {
        assert_eq!(NameAddr::parse(&name.to_string()).as_ref(), Ok(name));
    }
    assert_eq!(NameAddr::parse("<sip:a@h;lr>;x").unwrap().uri.params.get("lr"), Some(""));
    for text in [
        "\"a <sip:a@h>",
        "a, b <sip:a@h>",
        "< sip:a@h >",
        "<sip:a@h",
        "<sip:a@h> x",
        "sip:a@h?x=y",
        "*",
    ] {
        assert!(NameAddr::parse(text).is_err(), "{text}");
    }
}

/// Found by fuzzing: a phone with such a Contact would have filled its bindings with itself.
#[test]
fn an_address_with_a_parameter_twice_is_equivalent_to_itself() {
    let twice = Uri::parse("sip:a@192.0.2.9;user=phone;user=ip").unwrap();
    assert!(twice.equivalent(&twice));
    assert!(!twice.equivalent(&Uri::parse("sip:a@192.0.2.9;user=ip").unwrap()));
}
