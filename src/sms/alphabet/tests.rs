use super::*;
use crate::random::Random;

fn all_tables() -> Vec<Tables> {
    let languages = || std::iter::once(None).chain(Language::ALL.map(Some));
    let locking = languages().filter(|language| language.is_none_or(Language::locks));
    locking.flat_map(|locking| languages().map(move |single| Tables { locking, single })).collect()
}

#[test]
fn every_character_of_every_pair_of_tables_reads_back_as_itself() {
    for tables in all_tables() {
        let mut has = 0;
        for char in (0..=0x2300).filter_map(char::from_u32) {
            let Some(written) = tables.write(char) else { continue };
            has += 1;
            let septets = match written {
                Written::One(septet) => vec![septet],
                Written::Escaped(septet) => vec![ESCAPE, septet],
            };
            assert_eq!(tables.decode(&septets), Read { text: char.into(), unreadable: 0 });
        }
        assert!(has >= 100, "{tables:?}: {has}");
    }
}

#[test]
fn any_septets_are_read_and_what_was_read_whole_can_be_written() {
    let mut random = Random::from_number(2);
    for tables in all_tables() {
        for _ in 0..20 {
            let septets: Vec<u8> = (0..random.below(170)).map(|_| random.bits() as u8).collect();
            let read = tables.decode(&septets);
            assert!(read.text.chars().count() <= septets.len());
            if read.unreadable == 0
                && let Ok(again) = tables.encode(&read.text)
            {
                assert_eq!(tables.decode(&again).text, read.text);
            }
        }
    }
}

/// One word of each language, as it is spelt, through the tables that phones of its country use.
#[test]
fn words_of_every_language_fit_its_tables() {
    let words = [
        (Language::Turkish, "Işıklı ğöşü İçÇ"),
        (Language::Portuguese, "Não há ações às três, avó e avô"),
        (Language::Bengali, "আমার সোনার বাংলা"),
        (Language::Gujarati, "ગુજરાતી ભાષા"),
        (Language::Hindi, "नमस्ते दुनिया"),
        (Language::Malayalam, "മലയാളം"),
        (Language::Oriya, "ଓଡ଼ିଆ"),
        (Language::Punjabi, "ਪੰਜਾਬੀ"),
        (Language::Tamil, "தமிழ் மொழி"),
        (Language::Telugu, "తెలుగు భాష"),
        (Language::Urdu, "اردو زبان پاکستان"),
    ];
    for (language, text) in words {
        let tables = Tables { locking: Some(language), single: Some(language) };
        let septets = tables.encode(text);
        assert!(septets.is_ok(), "{language:?}: {septets:?}");
        assert_eq!(tables.decode(&septets.unwrap_or_default()).text, text);
    }
    let spanish = Tables { locking: None, single: Some(Language::Spanish) };
    assert_eq!(spanish.encode("Ú").as_deref(), Ok([ESCAPE, 0x55].as_slice()));
}

#[test]
fn a_septet_that_no_shift_table_has_is_of_the_table_in_use() {
    let turkish = Tables { locking: Some(Language::Turkish), single: Some(Language::Turkish) };
    assert_eq!(turkish.decode(&[ESCAPE, 0x41, ESCAPE, ESCAPE]).text, "A ");
    assert_eq!(Tables::DEFAULT.decode(&[ESCAPE, 0x65, ESCAPE, 0x47]).text, "€G");
    let torn = Tables::DEFAULT.decode(&[0x48, ESCAPE]);
    assert_eq!((torn.text.as_str(), torn.unreadable), ("H\u{fffd}", 1));
    let hindi = Tables { locking: Some(Language::Bengali), single: None };
    assert_eq!(hindi.decode(&[0x0c]).unreadable, 1, "nothing stands there");
}

#[test]
fn what_is_disputed_is_read_and_never_written() {
    for (language, shift, septet) in DISPUTED {
        let mut tables = Tables::default();
        let septets = match shift {
            Shift::Locking => {
                tables.locking = Some(language);
                vec![septet]
            }
            Shift::Single => {
                tables.single = Some(language);
                vec![ESCAPE, septet]
            }
        };
        let read = tables.decode(&septets);
        assert_eq!(read.unreadable, 0);
        assert!(tables.encode(&read.text).is_err(), "{language:?}");
    }
}

#[test]
fn halves_of_pairs_are_unreadable_and_pairs_are_not() {
    assert_eq!(from_ucs2(&ucs2("a🙂é")).text, "a🙂é");
    let lone = from_ucs2(&[0xd8, 0x3d, 0x00, 0x41, 0xde]);
    assert_eq!((lone.text.as_str(), lone.unreadable), ("\u{fffd}A\u{fffd}", 2));
}
