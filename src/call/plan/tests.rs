use super::*;

fn number(text: &str) -> Number {
    Number::parse(text).unwrap()
}

fn way_out(name: &str, pattern: &str, strip: u8) -> Outbound {
    Outbound {
        name: name.into(),
        pattern: Some(Pattern::parse(pattern).unwrap()),
        prefix: None,
        strip,
        prepend: None,
        trunks: vec!["carrier".into(), "spare".into()],
        extensions: vec![],
        from_trunks: vec![],
        allow: vec![],
    }
}

fn rules() -> Rules {
    let inbound = |n: &str, trunk: Option<&str>, to: &str| Inbound {
        number: number(n),
        trunk: trunk.map(TrunkId::from),
        to: Target::try_from(to.to_owned()).unwrap(),
    };
    let internal = |n: &str, to: &str| Internal {
        number: number(n),
        to: Target::try_from(to.to_owned()).unwrap(),
    };
    Rules {
        country: Country::from_code("US").unwrap(),
        extensions: vec!["201".into(), "202".into()],
        trunks: vec!["carrier".into(), "spare".into()],
        inbound: vec![
            inbound("+15550100", None, "ivr:main"),
            inbound("+15550101", None, "extension:201"),
            inbound("+14085551200", None, "queue:support"),
            inbound("+14085551200", Some("spare"), "echo"),
        ],
        conferences: Vec::new(),
        internal: vec![
            internal("500", "ivr:main"),
            internal("600", "echo"),
            internal("700", "queue:support"),
        ],
        outbound: vec![way_out("outside", "9.", 1)],
        emergency: Emergency::default(),
        features: Features::default(),
        desk: DeskRules::default(),
    }
}

fn ask(rules: Rules, from: Origin, dialled: &str) -> Destination {
    Plan::new(rules).decide(&Asked { dialled, from, unix: UnixTime(0) }).destination
}

fn inside(dialled: &str) -> Destination {
    ask(rules(), Origin::Extension("201".into()), dialled)
}

fn outside(dialled: &str) -> Destination {
    ask(rules(), Origin::Trunk("carrier".into()), dialled)
}

fn help(sent: &str) -> Destination {
    Destination::Emergency { trunks: vec!["carrier".into(), "spare".into()], number: number(sent) }
}

#[test]
fn help_is_reached_with_and_without_the_outside_prefix() {
    for dialled in ["911", "9911", "tel:911", "TEL:911;phone-context=x", "9-1-1", "(911)", " 911 "]
    {
        assert_eq!(inside(dialled), help("911"), "{dialled}");
    }
    // Where 911 is the number, a carrier need not know 112.
    for dialled in ["112", "9112", "urn:service:sos", "urn:service:sos.fire", "URN:SERVICE:SOS"] {
        assert_eq!(inside(dialled), help("911"), "{dialled}");
    }
    for dialled in ["%39%31%31", "tel:9-1-1;phone-context=+1", "911;phone-context=branch.example"] {
        assert_eq!(inside(dialled), help("911"), "{dialled}");
    }
}

#[test]
fn elsewhere_help_is_112_or_what_the_site_wrote_down() {
    let mut german = Rules { country: Country::from_code("DE").unwrap(), ..rules() };
    german.emergency.outside_prefixes = vec![number("0")];
    let ask = |rules: &Rules, dialled| ask(rules.clone(), Origin::Extension("201".into()), dialled);
    assert_eq!(ask(&german, "0110"), help("110"));
    assert_eq!(ask(&german, "112"), help("112"));
    assert_eq!(ask(&german, "urn:service:sos.police"), help("112"));
    german.emergency.numbers = Some(vec![number("110")]);
    assert_eq!(ask(&german, "urn:service:sos"), help("110"));
}

#[test]
fn the_test_of_calls_for_help_stays_inside_and_gives_way_to_a_phone() {
    assert_eq!(inside("933"), Destination::TestOfHelp);
    assert!(!matches!(inside("9933"), Destination::TestOfHelp));
    assert!(!matches!(outside("933"), Destination::TestOfHelp));
    let mut taken = rules();
    taken.extensions.push("933".into());
    assert_eq!(
        ask(taken, Origin::Extension("201".into()), "933"),
        Destination::Extension("933".into())
    );
}

#[test]
fn numbers_that_only_look_like_help_are_not() {
    for dialled in [
        "1911",
        "99911",
        "9110",
        "+911",
        "4085551200",
        "94085551200",
        "5551911",
        "95551911",
        "91",
        "911911",
        "911*",
        "911x",
        "urn:service:sosx",
        "urn:service:counseling",
    ] {
        assert!(!matches!(inside(dialled), Destination::Emergency { .. }), "{dialled}");
    }
    assert_eq!(inside("4085551200"), Destination::Nowhere(Why::Unknown));
    assert!(!matches!(outside("911"), Destination::Emergency { .. }));
}

#[test]
fn help_stands_above_extensions_features_and_every_outbound_rule() {
    let mut shadowed = rules();
    shadowed.extensions.push("911".into());
    shadowed.features.pause = Some(number("911"));
    shadowed.internal.push(Internal { number: number("9911"), to: Target::Echo });
    shadowed
        .outbound
        .push(Outbound { extensions: vec!["202".into()], ..way_out("narrow", "9911", 4) });
    assert_eq!(ask(shadowed.clone(), Origin::Extension("201".into()), "911"), help("911"));
    assert_eq!(ask(shadowed, Origin::Extension("201".into()), "9911"), help("911"));
}

#[test]
fn a_rule_that_would_send_an_emergency_number_makes_it_a_call_for_help() {
    let mut eight = rules();
    eight.outbound.push(way_out("eight", "8.", 1));
    assert_eq!(ask(eight, Origin::Extension("201".into()), "8911"), help("911"));
}

#[test]
fn the_sites_own_trunks_for_help_come_before_the_rest() {
    let mut own = rules();
    own.emergency.trunks = vec!["spare".into()];
    let trunks = vec!["spare".into(), "carrier".into()];
    let expected = Destination::Emergency { trunks, number: number("911") };
    assert_eq!(ask(own, Origin::Extension("201".into()), "911"), expected);
}

#[test]
fn inside_numbers_lead_where_they_are_told() {
    assert_eq!(inside("202"), Destination::Extension("202".into()));
    assert_eq!(inside("500"), Destination::Ivr("main".into()));
    assert_eq!(inside("600"), Destination::Echo);
    assert_eq!(inside("700"), Destination::Queue("support".into()));
    assert_eq!(inside("*43"), Destination::Feature(Feature::Pause, None));
    assert_eq!(inside("%2A44"), Destination::Feature(Feature::Resume, None));
    assert_eq!(
        inside("nobody"),
        Destination::Nowhere(Why::NotDialable(NotANumber::Character('n')))
    );
}

#[test]
fn inbound_numbers_match_however_the_carrier_writes_them() {
    for dialled in ["+15550100", "15550100"] {
        assert_eq!(outside(dialled), Destination::Ivr("main".into()), "{dialled}");
    }
    for dialled in ["+14085551200", "14085551200", "4085551200", "+1-408-555-1200"] {
        assert_eq!(outside(dialled), Destination::Queue("support".into()), "{dialled}");
    }
    assert_eq!(ask(rules(), Origin::Trunk("spare".into()), "4085551200"), Destination::Echo);
}

#[test]
fn a_caller_on_a_trunk_reaches_neither_extensions_nor_other_trunks() {
    assert_eq!(outside("201"), Destination::Nowhere(Why::Unknown));
    assert_eq!(outside("*41"), Destination::Nowhere(Why::Unknown));
    assert_eq!(outside("914085559999"), Destination::Nowhere(Why::TrunkToTrunk));
    let mut open = rules();
    open.outbound[0].from_trunks = vec!["carrier".into()];
    let sent = ask(open, Origin::Trunk("carrier".into()), "914085559999");
    assert!(matches!(sent, Destination::Outbound { .. }));
}

#[test]
fn dear_numbers_need_a_rule_that_allows_them() {
    let refused = |class| Destination::Nowhere(Why::Class { rule: "outside".into(), class });
    assert_eq!(inside("90114420712345"), refused(Class::International));
    assert_eq!(inside("918765551200"), refused(Class::International));
    assert_eq!(inside("919005551200"), refused(Class::Premium));
    let mut open = rules();
    open.outbound[0].allow = vec![Allow::International];
    let ask = |dialled| ask(open.clone(), Origin::Extension("201".into()), dialled);
    assert!(matches!(ask("90114420712345"), Destination::Outbound { .. }));
    assert_eq!(ask("919005551200"), refused(Class::Premium));
}

#[test]
fn a_wider_rule_does_not_open_what_a_narrower_one_closed() {
    let mut tiered = rules();
    tiered
        .outbound
        .push(Outbound { extensions: vec!["202".into()], ..way_out("long", "91NXXNXXXXXX", 1) });
    let ask = |from: &str| ask(tiered.clone(), Origin::Extension(from.into()), "914085559999");
    assert_eq!(ask("201"), Destination::Nowhere(Why::NotThisCaller { rule: "long".into() }));
    assert!(matches!(ask("202"), Destination::Outbound { .. }));
}

#[test]
fn strip_and_prepend_make_what_is_sent() {
    let mut rewritten = rules();
    rewritten.outbound[0].prepend = Some(number("+1"));
    let expected = Destination::Outbound {
        trunks: vec!["carrier".into(), "spare".into()],
        number: number("+14085559999"),
        payer: Origin::Extension("201".into()),
        hidden: false,
    };
    assert_eq!(ask(rewritten, Origin::Extension("201".into()), "94085559999"), expected);
    let mut empty = rules();
    empty.outbound[0].strip = 3;
    let nothing = Destination::Nowhere(Why::NothingLeft { rule: "outside".into() });
    assert_eq!(ask(empty, Origin::Extension("201".into()), "912"), nothing);
}

#[test]
fn the_answer_says_what_was_looked_at() {
    let plan = Plan::new(rules());
    let asked = Asked { dialled: "9011", from: Origin::Extension("201".into()), unix: UnixTime(0) };
    let lines: Vec<_> = plan.decide(&asked).because.iter().map(Step::to_string).collect();
    assert_eq!(lines[0], "9011 is not an emergency number");
    assert!(lines[2].contains("outbound rule `outside` (9.)"), "{lines:?}");
    assert_eq!(asked.unix, UnixTime(0));
}

#[test]
fn codes_of_the_carrier_are_refused_unless_the_rule_writes_or_allows_them() {
    let mut rules = rules();
    rules.outbound = vec![way_out("outside", "9.", 1)];
    let service = |rule: &str| {
        Destination::Nowhere(Why::Class { rule: rule.to_owned(), class: Class::Service })
    };
    let from = || Origin::Extension("201".into());
    for dialled in [
        "9*6719005551212",
        "9*67011442071234567",
        "9*725551234",
        "91010288011442071838750",
        "9#5551234",
    ] {
        assert_eq!(ask(rules.clone(), from(), dialled), service("outside"), "{dialled}");
    }
    rules.outbound.push(way_out("forward", "9*72.", 1));
    let forwarded = ask(rules.clone(), from(), "9*725551234");
    assert!(matches!(forwarded, Destination::Outbound { .. }), "{forwarded:?}");
    // What follows the code is still looked at.
    let dear = ask(rules.clone(), from(), "9*7219005551212");
    assert!(
        matches!(dear, Destination::Nowhere(Why::Class { class: Class::Premium, .. })),
        "{dear:?}"
    );
    assert_eq!(ask(rules, from(), "9*72*675551234"), service("forward"));
}
