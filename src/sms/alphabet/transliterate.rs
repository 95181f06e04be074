//! Characters that look alike in the default alphabet: for sites that would rather send one part than a dash of the
//! right length. Off unless a site asks for it, because it changes what somebody wrote.

use super::Tables;

/// What stands for a character that the default alphabet lacks. Only what any reader takes for the same.
const ALIKE: [(&str, &str); 62] = [
    ("‘’‚‛ʼ´`′", "'"),
    ("“”„‟″«»", "\""),
    ("‐‑‒–—―−", "-"),
    ("…", "..."),
    ("\u{a0}\u{2002}\u{2003}\u{2007}\u{2009}\u{202f}", " "),
    ("•·", "*"),
    ("‹", "<"),
    ("›", ">"),
    ("⁄", "/"),
    ("™", "TM"),
    ("©", "(c)"),
    ("®", "(R)"),
    ("№", "No"),
    ("áâãāăą", "a"),
    ("ÀÁÂÃĀĂĄ", "A"),
    ("çćčĉċ", "c"),
    ("ĆČĈĊ", "C"),
    ("ďđ", "d"),
    ("ĎĐ", "D"),
    ("êëēĕėęě", "e"),
    ("ÈÊËĒĔĖĘĚ", "E"),
    ("ĝğġģ", "g"),
    ("ĜĞĠĢ", "G"),
    ("ĥħ", "h"),
    ("ĤĦ", "H"),
    ("íîïĩīĭįı", "i"),
    ("ÌÍÎÏĨĪĬĮİ", "I"),
    ("ĵ", "j"),
    ("Ĵ", "J"),
    ("ķ", "k"),
    ("Ķ", "K"),
    ("ĺļľł", "l"),
    ("ĹĻĽŁ", "L"),
    ("ńņň", "n"),
    ("ŃŅŇ", "N"),
    ("óôõōŏ", "o"),
    ("ő", "ö"),
    ("ÒÓÔÕŌŎ", "O"),
    ("Ő", "Ö"),
    ("ŕŗř", "r"),
    ("ŔŖŘ", "R"),
    ("śŝşșš", "s"),
    ("ŚŜŞȘŠ", "S"),
    ("ţțťŧ", "t"),
    ("ŢȚŤŦ", "T"),
    ("úûũūŭůų", "u"),
    ("ű", "ü"),
    ("ÙÚÛŨŪŬŮŲ", "U"),
    ("Ű", "Ü"),
    ("ŵ", "w"),
    ("Ŵ", "W"),
    ("ýÿŷ", "y"),
    ("ÝŸŶ", "Y"),
    ("źżž", "z"),
    ("ŹŻŽ", "Z"),
    ("œ", "oe"),
    ("Œ", "OE"),
    ("ẞ", "SS"),
    ("µ", "u"),
    ("\u{200b}\u{200c}\u{2060}\u{feff}", ""),
    ("\t", " "),
    ("\u{2028}\u{2029}\u{85}", "\n"),
];

/// The text in the default alphabet, where every character has one or some there that look alike. Nothing where a single
/// one has not: half of it changed, it would still need UCS-2.
pub fn transliterate(text: &str) -> Option<String> {
    text.chars().try_fold(String::with_capacity(text.len()), |mut written, char| {
        match Tables::DEFAULT.write(char) {
            Some(_) => written.push(char),
            None => written.push_str(alike(char)?),
        }
        Some(written)
    })
}

fn alike(char: char) -> Option<&'static str> {
    ALIKE.iter().find(|(lacking, _)| lacking.contains(char)).map(|(_, alike)| *alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_that_fits_as_a_whole_is_changed() {
        assert_eq!(transliterate("“Señor’s” – œuvre…").as_deref(), Some("\"Señor's\" - oeuvre..."));
        assert_eq!(transliterate("“ok” 🙂"), None);
        assert_eq!(transliterate("Ω €").as_deref(), Some("Ω €"));
    }

    #[test]
    fn what_stands_for_something_is_in_the_default_alphabet() {
        for (lacking, alike) in ALIKE {
            assert!(alike.chars().all(|char| Tables::DEFAULT.write(char).is_some()), "{alike}");
            assert!(lacking.chars().all(|char| Tables::DEFAULT.write(char).is_none()), "{lacking}");
        }
    }
}
