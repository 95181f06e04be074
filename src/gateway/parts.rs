//! What a text would cost: in how many parts it goes, and which character makes it dear.

use super::Gateway;
use crate::admin::Reply;
use crate::admin::api::messages::{Forcing, Parts, PartsLine};
use crate::config::settings::{Channel, ChannelKind};
use crate::context::Channel as Consents;
use crate::id::ChannelId;
use crate::smpp::text::{self, Plain};
use crate::sms::alphabet::Tables;
use crate::sms::pdu::Reference;
use crate::sms::segment::{self, Count, Encoding, Options};

/// Characters of the longest text that is counted, as the document says: some way beyond what any channel sends.
const LONGEST_TEXT: usize = 65_536;

impl Gateway {
    /// Counts a text as its channel would send it.
    pub(super) fn count_parts(&self, parts: &Parts) -> Reply {
        if parts.text.chars().nth(LONGEST_TEXT).is_some() {
            return Reply::Refused(format!("a text has at most {LONGEST_TEXT} characters"));
        }
        let channel = ChannelId::from(parts.channel.as_str());
        match self.settings.channels.get(&channel) {
            Some(own) => Reply::Parts(line(own, &parts.text)),
            None => Reply::Refused(format!("no channel is called {channel}")),
        }
    }
}

fn line(own: &Channel, text: &str) -> PartsLine {
    let shared = own.modem.as_ref().filter(|_| own.kind == ChannelKind::Modem);
    if own.kind.consents() != Consents::Sms {
        let count = Count { parts: 1, units_left: 0, encoding: Encoding::Ucs2, forced_by: None };
        return PartsLine { encoding: "characters".to_owned(), ..counted(count, None) };
    }
    if let Some(carrier) = own.smpp.as_ref().filter(|_| own.kind == ChannelKind::Smpp) {
        return carried(text::count(text, carrier.wording()));
    }
    let most = match own.kind {
        ChannelKind::Modem => shared.cloned().unwrap_or_default().max_parts,
        _ => u8::MAX,
    };
    let options = shared.map_or_else(Options::default, |shared| shared.options());
    counted(segment::count(text, &options, Reference::Short(0)), Some(most))
}

/// As a carrier's link writes it.
fn carried(count: text::Count) -> PartsLine {
    let encoding = match count.plain {
        None => "ucs2",
        Some(Plain::Gsm | Plain::Packed) => "gsm7",
        Some(Plain::Latin1) => "latin1",
        Some(Plain::Ascii) => "ascii",
        Some(Plain::Utf8) => "utf8",
    };
    PartsLine {
        parts: count.parts,
        units_left: count.left,
        encoding: encoding.to_owned(),
        forced_by: count.forced_by.map(|(at, char)| Forcing { at, character: char.to_string() }),
        max_parts: Some(u8::MAX),
    }
}

fn counted(count: Count, most: Option<u8>) -> PartsLine {
    let encoding = match count.encoding {
        Encoding::Ucs2 => "ucs2",
        Encoding::Septets(Tables::DEFAULT) => "gsm7",
        Encoding::Septets(_) => "gsm7_national",
    };
    PartsLine {
        parts: count.parts,
        units_left: count.units_left,
        encoding: encoding.to_owned(),
        forced_by: count.forced_by.map(|(at, char)| Forcing { at, character: char.to_string() }),
        max_parts: most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(table: &str) -> Channel {
        toml::from_str(table).expect("a channel")
    }

    #[test]
    fn the_character_that_makes_a_text_dear_is_named() {
        let plain = channel("kind = 'modem'");
        let line = line(&plain, &"x".repeat(153));
        assert_eq!((line.parts, line.units_left, line.encoding.as_str()), (1, 7, "gsm7"));
        let dear = super::line(&plain, &format!("{}\u{1f6b2}", "x".repeat(80)));
        assert_eq!((dear.parts, dear.encoding.as_str()), (2, "ucs2"));
        let forcing = Forcing { at: 80, character: "\u{1f6b2}".to_owned() };
        assert_eq!((dear.forced_by, dear.max_parts), (Some(forcing), Some(10)));
        let turkish = channel("kind = 'modem'\nmodem = { alphabets = ['tr'] }");
        assert_eq!(super::line(&turkish, "\u{131}\u{15f}\u{131}k").encoding, "gsm7_national");
        assert_eq!(super::line(&plain, "\u{131}\u{15f}\u{131}k").encoding, "ucs2");
        let carrier = |dcs0: &str| {
            channel(&format!(
                "kind = 'smpp'\n[smpp]\nhosts = ['a:1']\nsystem_id = 'a'\ndcs0 = '{dcs0}'\n\
                 password = {{ credential = 'a' }}"
            ))
        };
        let latin = super::line(&carrier("latin1"), &"\u{ea}".repeat(140));
        assert_eq!((latin.parts, latin.units_left, latin.encoding.as_str()), (1, 0, "latin1"));
        let gsm = super::line(&carrier("gsm"), &"\u{ea}".repeat(140));
        assert_eq!((gsm.parts, gsm.encoding.as_str()), (3, "ucs2"));
        let mail = channel("kind = 'mail'");
        let mail = super::line(&mail, &"\u{131}".repeat(1_000));
        assert_eq!((mail.parts, mail.encoding.as_str(), mail.max_parts), (1, "characters", None));
    }
}
