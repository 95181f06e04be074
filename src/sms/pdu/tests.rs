use super::*;
use crate::random::Random;

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

const FROM: &str = "0B919471163254F6";

/// A delivery in the default coding.
fn with_user_data(first: &str, coding: &str, user_data: &str) -> Deliver {
    deliver(&format!("00{first}{FROM}00{coding}{NOON}{user_data}"))
}

fn content(deliver: &Deliver) -> (Content, Vec<Flaw>) {
    let reading = deliver.reading();
    (reading.content, reading.flaws)
}

#[test]
fn torn_headers_are_ignored_and_said() {
    // An element that goes on behind the end of the header; the text behind that is sound.
    let torn = with_user_data("44", "08", "080300050100410042");
    assert_eq!(content(&torn), (Content::Text("AB".into()), vec![Flaw::TornHeader]));
    // A header longer than all there is: nobody knows where a text would begin.
    let all = with_user_data("44", "00", "04FF003032");
    assert_eq!(content(&all), (Content::Octets(vec![0xff, 0, 0x30, 0x32]), vec![Flaw::TornHeader]));
    // A header is promised, and nothing is there.
    let none = with_user_data("44", "00", "00");
    assert_eq!(content(&none), (Content::Octets(vec![]), vec![Flaw::TornHeader]));
}

#[test]
fn lone_surrogates_and_half_units_are_said_and_kept() {
    let lone = with_user_data("04", "08", "04D83D0041");
    assert_eq!(content(&lone), (Content::Text("\u{fffd}A".into()), vec![Flaw::Unreadable(1)]));
    assert_eq!(lone.user_data.octets, [0xd8, 0x3d, 0x00, 0x41]);
    let half = with_user_data("04", "08", "03004100");
    assert_eq!(content(&half), (Content::Text("A\u{fffd}".into()), vec![Flaw::Unreadable(1)]));
    let torn_escape = with_user_data("04", "00", "02C80D");
    assert_eq!(
        content(&torn_escape),
        (Content::Text("H\u{fffd}".into()), vec![Flaw::Unreadable(1)])
    );
}

#[test]
fn wrong_lengths_lose_nothing() {
    let short = read(&format!("0004{FROM}0000{NOON}05C8329B"), Direction::ToPhone);
    assert_eq!(short.flaws, [Flaw::Missing(2)]);
    let Tpdu::Deliver(deliver) = short.value.tpdu else { panic!("no delivery") };
    assert_eq!(content(&deliver).0, Content::Text("Hel".into()));
    let long = read(&format!("0004{FROM}0000{NOON}02C834DEAD"), Direction::ToPhone);
    assert_eq!(
        (long.flaws.as_slice(), long.extra.as_slice()),
        ([Flaw::Extra].as_slice(), [0xde, 0xad].as_slice())
    );
    let too_much = format!("0004{FROM}0004{NOON}C8{}", "00".repeat(200));
    assert_eq!(read(&too_much, Direction::ToPhone).flaws, [Flaw::TooLong]);
}

#[test]
fn compressed_text_is_refused_and_kept() {
    let compressed = with_user_data("04", "20", "03010203");
    assert_eq!(content(&compressed), (Content::Octets(vec![1, 2, 3]), vec![Flaw::Compressed]));
    assert_eq!(content(&with_user_data("04", "A0", "02C834")).1, [Flaw::ReservedCoding]);
}

#[test]
fn elements_that_lie_are_as_if_they_were_not_there() {
    let header = |elements: &str| {
        let octets = elements.len() / 2;
        let user_data = format!("{:02X}{:02X}{elements}0041", octets + 3, octets);
        with_user_data("44", "08", &user_data).user_data.header()
    };
    for wrong in ["0003010000", "0003010201".replace("0201", "0203").as_str(), "000301", "08030102"]
    {
        assert_eq!(header(wrong).concatenation(), None, "{wrong}");
    }
    let last = header("0003010301080412340402");
    let told = Concatenation { reference: Reference::Wide(0x1234), total: 4, sequence: 2 };
    assert_eq!((last.concatenation(), last.elements.len()), (Some(told), 2));
    let odd_language = with_user_data("44", "00", "0803240163410000");
    assert_eq!(odd_language.reading().flaws, [Flaw::UnknownTable]);
}

#[test]
fn bad_digits_and_times_are_said_and_kept() {
    let hex = format!("00040B9194711632F4FF0000{NOON}02C834");
    let parsed = read(&hex, Direction::ToPhone);
    assert_eq!(parsed.flaws, [Flaw::Digits]);
    assert_eq!(parsed.value.hex().0, hex);
    let hex = format!("0004{FROM}0000FF315121000040 02C834").replace(' ', "");
    let parsed = read(&hex, Direction::ToPhone);
    assert_eq!((parsed.flaws.as_slice(), parsed.value.hex().0), ([Flaw::Time].as_slice(), hex));
}

#[test]
fn modems_that_leave_the_centre_out_are_told_by_their_length() {
    let without = format!("04{FROM}0000{NOON}02C834");
    let told = Pdu::parse_hex(&without, Direction::ToPhone, Some(without.len() / 2)).expect("read");
    assert_eq!((told.value.centre, told.flaws), (None, vec![]));
    let with = format!("06919471060043{without}");
    let told = Pdu::parse_hex(&with, Direction::ToPhone, Some(without.len() / 2)).expect("read");
    assert_eq!(told.value.centre.as_ref().map(Address::text).as_deref(), Some("+4917600034"));
    assert_eq!(told.flaws, []);
    let wrong = Pdu::parse_hex(&with, Direction::ToPhone, Some(20)).expect("read");
    assert_eq!(wrong.flaws, [Flaw::Length]);
}

#[test]
fn what_ends_too_early_says_where() {
    let whole = format!("06919471060043 04{FROM}0000{NOON}").replace(' ', "");
    let fields = [
        (0, Field::Centre),
        (2, Field::Centre),
        (14, Field::First),
        (16, Field::Originator),
        (30, Field::Originator),
        (32, Field::Protocol),
        (34, Field::Coding),
        (36, Field::CentreTime),
        (50, Field::UserDataLength),
    ];
    for (length, field) in fields {
        let read = Pdu::parse_hex(&whole[..length], Direction::ToPhone, None).map(|_| ());
        assert_eq!(read, Err(Verdict::Truncated(field)), "{length}");
    }
    let verdict = |text: &str| Pdu::parse_hex(text, Direction::ToPhone, None).map(|_| ());
    assert_eq!(verdict("0"), Err(Verdict::NotHexadecimal));
    assert_eq!(verdict("00é4"), Err(Verdict::NotHexadecimal));
    assert_eq!(verdict(&"00".repeat(3_000)), Err(Verdict::TooLong));
    assert_eq!(verdict("0004FF91"), Err(Verdict::AddressTooLong(0xff)));
}

#[test]
fn reports_say_what_became_of_it() {
    let outcomes = [
        (0x00, Outcome::Delivered, true),
        (0x22, Outcome::Trying, false),
        (0x46, Outcome::Failed, true),
        (0x65, Outcome::GivenUp, true),
        (0x80, Outcome::GivenUp, true),
    ];
    for (status, outcome, last) in outcomes {
        let status = Status(status);
        assert_eq!((status.outcome(), status.is_final()), (outcome, last));
    }
    assert_eq!(Status(0x46).words(), Some("validity period expired"));
}

fn any_octets(random: &mut Random) -> Vec<u8> {
    let mut octets = vec![0; random.below(200) as usize];
    random.fill(&mut octets);
    // Most of what is random ends in its first address: give it lengths that go on.
    for (at, octet) in octets.iter_mut().enumerate() {
        let small = random.below(4) > 0;
        if small && at < 30 {
            *octet &= 0x0f;
        }
    }
    octets
}

/// What was read is written, and reads back as the same.
#[test]
fn any_octets_are_read_without_a_panic_and_come_back_as_they_were() {
    let mut random = Random::from_number(4);
    let mut read = 0;
    for round in 0..30_000 {
        let octets = any_octets(&mut random);
        let direction = if round % 2 == 0 { Direction::ToPhone } else { Direction::FromPhone };
        let Ok(parsed) = Pdu::parse(&octets, direction) else { continue };
        read += 1;
        let written = parsed.value.octets();
        let again =
            Pdu::parse(&written, direction).unwrap_or_else(|why| panic!("{octets:02x?}: {why:?}"));
        assert_eq!(again.value, parsed.value, "{octets:02x?}");
        if let Tpdu::Deliver(deliver) = &parsed.value.tpdu {
            let reading = deliver.reading();
            let replaced = match &reading.content {
                Content::Text(text) => text.contains(char::REPLACEMENT_CHARACTER),
                Content::Octets(_) => false,
            };
            let unreadable = |flaw: &Flaw| matches!(flaw, Flaw::Unreadable(_));
            let ucs2 = deliver.coding.alphabet() == Alphabet::Ucs2;
            assert!(!replaced || ucs2 || reading.flaws.iter().any(unreadable), "{octets:02x?}");
        }
    }
    assert!(read > 5_000, "{read}");
}

/// Whatever is put together is what is read.
#[test]
fn what_is_written_is_read_as_it_was() {
    let mut random = Random::from_number(5);
    for _ in 0..3_000 {
        let mut digits: String =
            (0..1 + random.below(20)).map(|_| char::from(b'0' + random.below(10) as u8)).collect();
        if random.below(2) == 0 {
            digits.insert(0, '+');
        }
        let address = Address::number(&digits).expect("digits");
        let tables = crate::sms::alphabet::Tables::DEFAULT;
        let part = (random.below(2) == 0).then(|| Concatenation {
            reference: Reference::Wide(random.bits() as u16),
            total: 9,
            sequence: 1 + random.below(9) as u8,
        });
        let septets: Vec<u8> = (0..random.below(150)).map(|_| random.below(27) as u8).collect();
        let header = Header::new(part, tables);
        let user_data = UserData::septets(&header, &septets).expect("it fits");
        let validity = match random.below(4) {
            0 => Validity::Unsaid,
            1 => Validity::Relative(random.bits() as u8),
            2 => Validity::seconds(random.bits() as u8),
            _ => Validity::Absolute(ServiceTime([0x32, 0x11, 0x51, 0x21, 0x00, 0x00, 0x40])),
        };
        let submit = Submit {
            report: random.below(2) == 0,
            reject_duplicates: random.below(2) == 0,
            reference: random.bits() as u8,
            validity,
            ..Submit::new(address, Coding::SEPTETS, user_data)
        };
        let pdu = Pdu { centre: None, tpdu: Tpdu::Submit(submit.clone()) };
        let (hex, length) = pdu.hex();
        let parsed = Pdu::parse_hex(&hex, Direction::FromPhone, Some(length)).expect("ours");
        assert_eq!((parsed.flaws, parsed.value), (vec![], pdu));
        assert_eq!(submit.destination.text(), digits);
        assert_eq!(submit.reading().content, Content::Text(tables.decode(&septets).text));
    }
}

#[test]
fn user_data_that_is_too_long_is_refused() {
    let none = Header::default();
    assert!(UserData::septets(&none, &[0; 160]).is_ok());
    assert_eq!(UserData::septets(&none, &[0; 161]), Err(TooMuch(141)));
    assert_eq!(UserData::octets(&none, &[0; 300]), Err(TooMuch(300)));
}
