use super::*;
use crate::random::Random;
use crate::sms::pdu::{Coding, Content};

const SHORT: Reference = Reference::Short(7);
const WIDE: Reference = Reference::Wide(0xbeef);

fn plain(text: &str) -> Count {
    count(text, &Options::default(), SHORT)
}

fn read(parts: &[Part]) -> String {
    let one = |part: &Part| match part.user_data.read(Coding::new(part.alphabet, None)) {
        reading if !reading.flaws.is_empty() => panic!("{:?}", reading.flaws),
        reading => match reading.content {
            Content::Text(text) => text,
            Content::Octets(octets) => panic!("octets {octets:?}"),
        },
    };
    parts.iter().map(one).collect()
}

#[test]
fn lengths_are_those_that_every_phone_counts() {
    let default = Encoding::Septets(Tables::DEFAULT);
    let row = |text: String| {
        let count = plain(&text);
        (count.parts, count.units_left, count.encoding)
    };
    assert_eq!(row(String::new()), (1, 160, default));
    assert_eq!(row("a".repeat(160)), (1, 0, default));
    assert_eq!(row("a".repeat(161)), (2, 145, default));
    assert_eq!(row("a".repeat(306)), (2, 0, default));
    assert_eq!(row("€".repeat(80)), (1, 0, default));
    // An escape pair is not cut: 76 in a part, and a septet is left.
    assert_eq!(row("€".repeat(152)), (2, 1, default));
    assert_eq!(row("ж".repeat(70)), (1, 0, Encoding::Ucs2));
    assert_eq!(row("ж".repeat(71)), (2, 63, Encoding::Ucs2));
    // 33 emoji are 66 units of 67.
    assert_eq!(row("🙂".repeat(66)), (2, 1, Encoding::Ucs2));
    let wide = count(&"a".repeat(305), &Options::default(), WIDE);
    assert_eq!((wide.parts, wide.units_left), (3, 151));
}

#[test]
fn who_forces_ucs2_is_told() {
    assert_eq!(plain("Żółw").forced_by, Some((0, 'Ż')));
    assert_eq!(plain("Preis: 5 € – gut").forced_by, Some((11, '–')));
    assert_eq!(plain("Preis: 5 € - gut").forced_by, None);
    let spanish = Options { single: vec![Language::Spanish], ..Options::default() };
    assert_eq!(count("Á ы", &spanish, SHORT).forced_by, Some((2, 'ы')));
}

#[test]
fn national_tables_are_used_when_they_may_be_and_are_cheaper() {
    let text = "ışık ".repeat(20);
    assert_eq!(plain(&text).encoding, Encoding::Ucs2);
    let turkish = [Language::Turkish].to_vec();
    let single = Options { single: turkish.clone(), ..Options::default() };
    let with_single = count(&text, &single, SHORT);
    let tables = Tables { locking: None, single: Some(Language::Turkish) };
    assert_eq!(with_single.encoding, Encoding::Septets(tables));
    let both = Options { single: turkish.clone(), locking: turkish, ..Options::default() };
    let long = "ışık".repeat(50);
    let parts = segment(&long, &both, SHORT).expect("two parts");
    assert_eq!(read(&parts), long);
    let locking = Tables { locking: Some(Language::Turkish), single: None };
    assert_eq!(count(&long, &both, SHORT).encoding, Encoding::Septets(locking));
    assert_eq!(parts.len(), 2);
}

#[test]
fn looks_are_kept_unless_a_site_would_rather_pay_less() {
    let text = "“Señor’s” – œuvre…";
    assert_eq!(plain(text).encoding, Encoding::Ucs2);
    let cheap = Options { transliterate: true, ..Options::default() };
    let parts = segment(text, &cheap, SHORT).expect("one part");
    assert_eq!(read(&parts), "\"Señor's\" - oeuvre...");
    assert_eq!(count("“ok” 🙂", &cheap, SHORT).forced_by, Some((0, '“')), "as it was");
}

#[test]
fn a_family_stays_together_if_it_costs_no_part() {
    let family = "👨‍👩‍👧‍👦";
    let text = format!("{}{family}", "ж".repeat(62));
    let parts = segment(&text, &Options::default(), SHORT).expect("two parts");
    let texts: Vec<_> = parts.iter().map(|part| read(std::slice::from_ref(part))).collect();
    assert_eq!(texts, ["ж".repeat(62), family.to_owned()]);
    // 67 accented letters are 134 units: two parts hold them, if one of them is cut.
    let many = "e\u{301}".repeat(67);
    let parts = segment(&many, &Options::default(), SHORT).expect("two parts");
    assert_eq!((parts.len(), read(&parts)), (2, many));
    let accents = format!("e{}", "\u{301}".repeat(500));
    let parts = segment(&accents, &Options::default(), SHORT).expect("eight parts");
    assert_eq!((parts.len(), read(&parts)), (8, accents));
}

#[test]
fn what_is_too_long_says_how_long_it_may_be() {
    let longest = "a".repeat(153 * 255);
    let parts = segment(&longest, &Options::default(), SHORT).expect("255 parts");
    assert_eq!(parts.len(), 255);
    let last = parts[254].part.expect("a part");
    assert_eq!((last.total, last.sequence), (255, 255));
    let refused = segment(&format!("{longest}a"), &Options::default(), SHORT);
    assert_eq!(refused, Err(TooLong { parts: 256, longest: 153 * 255 }));
    let emoji = "🙂".repeat(9_000);
    let refused = segment(&emoji, &Options::default(), WIDE).map_err(|why| why.longest);
    assert_eq!(refused, Err(33 * 255));
}

#[test]
fn octets_are_cut_behind_their_ports() {
    let ports = Element { id: 0x05, data: vec![0x0b, 0x84, 0x23, 0xf0] };
    let data: Vec<u8> = (0..=255).collect();
    let parts = segment_octets(&data, &[ports], WIDE).expect("three parts");
    assert_eq!(parts.len(), 3);
    let mut joined = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let reading = part.user_data.read(Coding::OCTETS);
        let ports = reading.header.ports().expect("ports");
        assert_eq!((ports.destination, ports.origin), (2948, 9200));
        let part = reading.header.concatenation().expect("a part");
        assert_eq!((usize::from(part.sequence), part.reference), (at + 1, WIDE));
        let Content::Octets(octets) = reading.content else { panic!("text") };
        joined.extend(octets);
    }
    assert_eq!(joined, data);
    assert_eq!(segment_octets(&[], &[], WIDE).map(|parts| parts.len()), Ok(1));
    assert!(segment_octets(&vec![0; 134 * 256], &[], SHORT).is_err());
    let no_room = Element { id: 0x70, data: vec![0; 200] };
    assert!(segment_octets(&[1], &[no_room], SHORT).is_err());
}

/// Text of every sort: plain, extension, national, emoji, families, accents, controls.
pub fn any_text(random: &mut Random, longest: u64) -> String {
    const PIECES: [&str; 24] = [
        "a",
        "Z",
        "é",
        "€",
        "[",
        "\n",
        "\u{c}",
        " ",
        "ş",
        "ğ",
        "ç",
        "Á",
        "ã",
        "नम",
        "স",
        "ک",
        "ж",
        "漢",
        "🙂",
        "👨‍👩‍👧‍👦",
        "e\u{301}",
        "\u{1b}",
        "🇩🇪",
        "\u{fffd}",
    ];
    // A text has few sorts of pieces, as what people write has.
    let sorts = 1 + random.below(4);
    let sorts: Vec<_> = (0..sorts).map(|_| PIECES[random.below(24) as usize]).collect();
    let length = random.below(longest);
    (0..length).map(|_| sorts[random.below(sorts.len() as u64) as usize]).collect()
}

#[test]
fn parts_of_any_text_hold_it_in_order_and_as_counted() {
    let mut random = Random::from_number(3);
    let all = Language::ALL.to_vec();
    let national = Options { locking: all.clone(), single: all, transliterate: false };
    for round in 0..1_500 {
        let text = any_text(&mut random, 500);
        let options = if round % 50 == 0 { national.clone() } else { Options::default() };
        let reference = if round % 2 == 0 { SHORT } else { WIDE };
        let parts = segment(&text, &options, reference).expect("not that long");
        let count = count(&text, &options, reference);
        assert_eq!((read(&parts), parts.len()), (text, count.parts));
        assert_eq!(count.forced_by.is_some(), count.encoding == Encoding::Ucs2);
        for part in &parts {
            assert!(part.user_data.octets.len() <= MAX_USER_DATA);
            assert_eq!(part.user_data.header().concatenation(), part.part);
        }
    }
}
