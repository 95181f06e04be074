//! Delivery receipts: optional parameters, and the text of SMPP 3.4 appendix B in the shapes that carriers give it.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::pdu::{INTERMEDIATE, KIND, Message, RECEIPT, Text};
use super::tlv::{Tlvs, tag};
use crate::time::UnixTime;

/// What became of a message (SMPP 3.4 section 5.2.28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Not due yet (5.0).
    Scheduled,
    /// On its way.
    Enroute,
    /// Delivered to its receiver.
    Delivered,
    /// Its validity ended.
    Expired,
    /// Taken out of the message centre.
    Deleted,
    /// It cannot be delivered.
    Undeliverable,
    /// Accepted: somebody has read it on behalf of the receiver.
    Accepted,
    /// Nobody knows.
    Unknown,
    /// Refused.
    Rejected,
    /// Accepted and not sent (5.0).
    Skipped,
}

/// Number and word of each (SMPP 3.4 appendix B, table B-2; 5.0 section 4.7.15).
const STATES: [(u8, &str, State); 10] = [
    (0, "SCHEDLD", State::Scheduled),
    (1, "ENROUTE", State::Enroute),
    (2, "DELIVRD", State::Delivered),
    (3, "EXPIRED", State::Expired),
    (4, "DELETED", State::Deleted),
    (5, "UNDELIV", State::Undeliverable),
    (6, "ACCEPTD", State::Accepted),
    (7, "UNKNOWN", State::Unknown),
    (8, "REJECTD", State::Rejected),
    (9, "SKIPPED", State::Skipped),
];

/// First letters that tell a carrier's own spelling: `DELIVERED`, `UNDELIVERABLE`, `Accepted`, `FAILED`.
const SPELLINGS: [(&str, State); 13] = [
    ("DELIV", State::Delivered),
    ("DLVRD", State::Delivered),
    ("UNDEL", State::Undeliverable),
    ("FAIL", State::Undeliverable),
    ("EXPIR", State::Expired),
    ("DELET", State::Deleted),
    ("ACCEP", State::Accepted),
    ("ACKED", State::Accepted),
    ("BUFF", State::Enroute),
    ("ENROU", State::Enroute),
    ("SCHED", State::Scheduled),
    ("REJ", State::Rejected),
    ("SKIP", State::Skipped),
];

impl State {
    /// By the number of `message_state`.
    pub fn of_number(number: u32) -> State {
        let found = STATES.iter().find(|(own, ..)| u32::from(*own) == number);
        found.map_or(State::Unknown, |(.., state)| *state)
    }

    /// By the word of `stat:`, in a carrier's own spelling too.
    pub fn of_word(word: &str) -> State {
        let word = word.to_ascii_uppercase();
        let exact = STATES.iter().find(|(_, own, _)| *own == word).map(|(.., state)| *state);
        let alike = || SPELLINGS.iter().find(|(start, _)| word.starts_with(start));
        exact.or_else(|| alike().map(|(_, state)| *state)).unwrap_or(State::Unknown)
    }

    /// Its number.
    pub fn number(self) -> u8 {
        STATES.iter().find(|(.., state)| *state == self).map_or(7, |(number, ..)| *number)
    }

    /// Its word of seven letters.
    pub fn word(self) -> &'static str {
        STATES.iter().find(|(.., state)| *state == self).map_or("UNKNOWN", |(_, word, _)| *word)
    }

    /// Whether nothing else comes after it.
    pub fn is_final(self) -> bool {
        !matches!(self, State::Scheduled | State::Enroute)
    }
}

/// A carrier has two ways to write one number, and often uses one in `submit_sm_resp` and the other in receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdForm {
    /// As it stands.
    #[default]
    AsIs,
    /// Hexadecimal digits, of either case, leading noughts or not.
    Hex,
    /// Decimal digits, leading noughts or not.
    Decimal,
}

/// How a carrier's receipts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// How it writes ids in `submit_sm_resp`.
    pub answers: IdForm,
    /// How it writes them in receipts.
    pub receipts: IdForm,
    /// Whether a text that reads as a receipt is one though `esm_class` does not say so.
    pub unmarked: bool,
    /// How far its clock is ahead of UTC, in minutes: the text has no zone.
    pub zone: i16,
}

impl Rules {
    /// What a message is called here by the id that an answer named.
    pub fn of_answer(&self, id: &str) -> String {
        canonical(self.answers, id)
    }

    /// What it is called by the id in a receipt: the same, where the rules are right.
    pub fn of_receipt(&self, id: &str) -> String {
        canonical(self.receipts, id)
    }
}

/// Numbers in decimal without leading noughts; what is none, or too long for one, stays as it is.
fn canonical(form: IdForm, id: &str) -> String {
    let id = id.trim();
    let number = match form {
        IdForm::AsIs => None,
        IdForm::Hex => u128::from_str_radix(id.trim_start_matches("0x"), 16).ok(),
        IdForm::Decimal => id.parse::<u128>().ok(),
    };
    number.map_or_else(|| id.to_owned(), |number| number.to_string())
}

/// What a receipt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which message, as [`Rules`] call it.
    pub id: String,
    /// What became of it.
    pub state: State,
    /// The network's error, as it is written; empty without one.
    pub error: String,
    /// When, by the carrier's clock.
    pub done: Option<UnixTime>,
    /// Whether it only says how it goes on, and another comes.
    pub intermediate: bool,
}

impl Receipt {
    /// Reads a receipt. Nothing where the message is none: then somebody wrote it.
    ///
    /// Optional parameters go before the text: they have no shapes.
    pub fn read(message: &Message, rules: Rules) -> Option<Receipt> {
        let kind = message.esm_class & KIND;
        let marked = matches!(kind, RECEIPT | INTERMEDIATE) || kind == RECEIPT | INTERMEDIATE;
        let id = message.tlvs.text(tag::RECEIPTED_MESSAGE_ID).filter(|id| !id.is_empty());
        if !(marked || rules.unmarked || id.is_some()) {
            return None;
        }
        let text: String = message.octets().iter().map(|octet| char::from(*octet)).collect();
        let read = Fields::read(&text);
        // Without the mark, somebody may just have written "id:" at the start.
        if !marked && id.is_none() && (read.stat.is_none() || read.id.is_none()) {
            return None;
        }
        let named = message.tlvs.number(tag::MESSAGE_STATE).map(State::of_number);
        let state = named.or_else(|| read.stat.map(State::of_word)).unwrap_or(State::Unknown);
        let id = id.or_else(|| read.id.map(str::to_owned))?;
        Some(Receipt {
            id: rules.of_receipt(&id),
            state,
            error: error(&message.tlvs, read.err),
            done: read.done.and_then(|done| date(done, rules.zone)),
            intermediate: kind & INTERMEDIATE != 0 || !state.is_final(),
        })
    }

    /// What a receipt of ours says in its text (appendix B). `submitted` and the id are ours; `sample` is how the message
    /// began, 20 characters at most, in ASCII.
    pub fn text(&self, submitted: UnixTime, sample: &str) -> String {
        let delivered = u8::from(self.state == State::Delivered);
        let sample: String = sample.chars().filter(char::is_ascii).take(20).collect();
        let done = self.done.unwrap_or(submitted);
        let (submitted, done) = (minute(submitted), minute(done));
        let (id, word, error) = (&self.id, self.state.word(), &self.error);
        let error = if error.is_empty() { "000" } else { error };
        format!(
            "id:{id} sub:001 dlvrd:{delivered:03} submit date:{submitted} done date:{done} stat:{word} err:{error} text:{sample}"
        )
    }

    /// The same in optional parameters.
    pub fn tlvs(&self) -> Tlvs {
        let mut id = Text::from(self.id.as_str()).0.to_vec();
        id.push(0);
        Tlvs::default()
            .with(tag::RECEIPTED_MESSAGE_ID, id)
            .with(tag::MESSAGE_STATE, vec![self.state.number()])
    }
}

/// Three octets by the standard (section 5.3.2.31): which network, and its error. Else what the text says.
fn error(tlvs: &Tlvs, err: Option<&str>) -> String {
    match tlvs.get(tag::NETWORK_ERROR).map(|value| &value[..]) {
        Some([_, high, low, ..]) => u16::from_be_bytes([*high, *low]).to_string(),
        _ => err.filter(|err| !err.trim_matches('0').is_empty()).unwrap_or_default().to_owned(),
    }
}

/// The fields of the text, as they are written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fields<'a> {
    id: Option<&'a str>,
    stat: Option<&'a str>,
    err: Option<&'a str>,
    done: Option<&'a str>,
}

/// Names of the fields, longest first where one begins like another. `text` ends them: what comes behind it is the message.
const NAMES: [&str; 12] = [
    "submit date",
    "submit_date",
    "submitdate",
    "done date",
    "done_date",
    "donedate",
    "dlvrd",
    "status",
    "stat",
    "sub",
    "err",
    "id",
];

impl<'a> Fields<'a> {
    /// Any order, any case, any white space or none but between a field and the next name, a colon or an equals sign.
    fn read(text: &'a str) -> Fields<'a> {
        let mut fields = Fields::default();
        let mut rest = text;
        while let Some((name, value, after)) = next_field(rest) {
            rest = after;
            let place = match name {
                "id" => &mut fields.id,
                "stat" | "status" => &mut fields.stat,
                "err" => &mut fields.err,
                "done date" | "done_date" | "donedate" => &mut fields.done,
                _ => continue,
            };
            // The first of a name: a later one may be the message's own words.
            *place = place.or(Some(value));
        }
        fields
    }
}

/// The next field's name and value, and what comes behind.
fn next_field(text: &str) -> Option<(&'static str, &str, &str)> {
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let begins = at == 0
            || text.as_bytes()[at - 1].is_ascii_whitespace()
            || b",;".contains(&text.as_bytes()[at - 1]);
        if begins && rest.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("text:")) {
            return None;
        }
        if begins && let Some((name, behind)) = name_of(rest) {
            let behind = behind.trim_start_matches(' ');
            let end = behind.find([' ', '\t', '\r', '\n', ',', ';', '\0']).unwrap_or(behind.len());
            let (value, after) = behind.split_at(end);
            return Some((name, value.trim_matches(['"', '\'']), after));
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    None
}

fn name_of(rest: &str) -> Option<(&'static str, &str)> {
    NAMES.into_iter().find_map(|name| {
        let start = rest.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name))?;
        let behind = rest[start.len()..].trim_start_matches(' ');
        behind.strip_prefix([':', '=']).map(|behind| (name, behind))
    })
}

/// `YYMMDDhhmm`, with seconds, or with the century: by how many digits there are.
fn date(text: &str, zone: i16) -> Option<UnixTime> {
    let digits = match text.len() {
        10 => format!("20{text}00"),
        12 if text.starts_with("20") && text.get(4..6).is_some_and(|month| month <= "12") => {
            // Ambiguous: `2026…` is a century before it is the twentieth day of a month in 2020.
            format!("{text}00")
        }
        12 => format!("20{text}"),
        14 => text.to_owned(),
        _ => return None,
    };
    let at = DateTime::strptime("%Y%m%d%H%M%S", &digits).ok()?;
    let at = at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond();
    Some(UnixTime(at - i64::from(zone) * 60_000_000))
}

fn minute(at: UnixTime) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).strftime("%y%m%d%H%M").to_string()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message(esm_class: u8, text: &str, tlvs: Tlvs) -> Message {
        let short_message = Bytes::copy_from_slice(text.as_bytes());
        Message { esm_class, short_message, tlvs, ..Message::default() }
    }

    #[track_caller]
    fn read(text: &str) -> Receipt {
        let message = message(RECEIPT, text, Tlvs::default());
        Receipt::read(&message, Rules::default()).expect("a receipt")
    }

    #[test]
    fn the_text_is_read_in_every_shape_that_carriers_give_it() {
        for text in [
            "id:a-7 sub:001 dlvrd:001 submit date:2311142212 done date:2311142213 stat:DELIVRD err:000 text:hello",
            "id:a-7 sub:001 dlvrd:001 submit date:231114221300 done date:231114221300 stat:DELIVRD err:000 Text:",
            "id:a-7 sub:1 dlvrd:1 submit date:20231114221200 done date:20231114221300 stat:DELIVRD err:0",
            "ID:a-7 STAT:DELIVERED DONE DATE:2311142213",
            "id: a-7 stat: delivrd done date: 2311142213",
            "id:a-7\r\nsubmit_date:2311142212\r\ndone_date:2311142213\r\nstat:DELIVRD\r\nerr:000\r\n",
            "sub:001 dlvrd:001 stat:DELIVRD donedate:2311142213 id:a-7 err:0x00",
            "id=a-7 stat=Delivered done date=2311142213",
            "id:\"a-7\" stat:DELIVRD,err:000,done date:2311142213",
            "id:a-7 stat:DELIVRD done date:2311142213 text:id:other stat:UNDELIV err:099",
        ] {
            let receipt = read(text);
            assert_eq!((receipt.id.as_str(), receipt.state), ("a-7", State::Delivered), "{text}");
            assert_eq!(receipt.done.map(UnixTime::seconds), Some(1_699_999_980), "{text}");
        }
    }

    #[test]
    fn every_end_has_its_word_and_carriers_words_are_understood() {
        for (_, word, state) in STATES {
            assert_eq!(read(&format!("id:1 stat:{word}")).state, state);
        }
        for (word, state) in [
            ("UNDELIVERABLE", State::Undeliverable),
            ("FAILED", State::Undeliverable),
            ("Rejected", State::Rejected),
            ("ACKED", State::Accepted),
            ("BUFFRED", State::Enroute),
            ("???", State::Unknown),
        ] {
            assert_eq!(read(&format!("id:1 stat:{word}")).state, state);
        }
        assert_eq!(read("id:1 stat:UNDELIV err:00A").error, "00A");
        assert_eq!(read("id:1 stat:DELIVRD err:000").error, "");
    }

    #[test]
    fn parameters_go_before_the_text() {
        let tlvs = Tlvs::default()
            .with(tag::RECEIPTED_MESSAGE_ID, &b"77\0"[..])
            .with(tag::MESSAGE_STATE, &[5][..])
            .with(tag::NETWORK_ERROR, &[3, 0, 27][..]);
        let message = message(RECEIPT, "id:99 stat:DELIVRD err:000", tlvs);
        let receipt = Receipt::read(&message, Rules::default()).expect("a receipt");
        assert_eq!((receipt.id.as_str(), receipt.state), ("77", State::Undeliverable));
        assert_eq!(receipt.error, "27");
    }

    #[test]
    fn parameters_alone_are_a_receipt() {
        let tlvs = Tlvs::default()
            .with(tag::RECEIPTED_MESSAGE_ID, &b"77"[..])
            .with(tag::MESSAGE_STATE, &[2][..]);
        for esm_class in [0, RECEIPT] {
            let message = message(esm_class, "", tlvs.clone());
            let receipt = Receipt::read(&message, Rules::default()).expect("a receipt");
            assert_eq!((receipt.id.as_str(), receipt.state), ("77", State::Delivered));
        }
    }

    #[test]
    fn one_number_in_two_ways_of_writing_is_one_message() {
        let rules = Rules { answers: IdForm::Hex, receipts: IdForm::Decimal, ..Rules::default() };
        assert_eq!(rules.of_answer("0001F4c"), rules.of_receipt("0000008012"));
        let rules = Rules { answers: IdForm::Decimal, receipts: IdForm::Hex, ..Rules::default() };
        assert_eq!(rules.of_answer("8012"), rules.of_receipt("1f4c"));
        // As it stands, letters of either case are two messages, and noughts count.
        let rules = Rules::default();
        assert_ne!(rules.of_answer("0012"), rules.of_receipt("12"));
        assert_eq!(rules.of_answer("b1a2-x"), rules.of_receipt(" b1a2-x "));
        // What is no number stays what it is.
        let rules = Rules { answers: IdForm::Hex, receipts: IdForm::Hex, ..Rules::default() };
        assert_eq!(rules.of_answer("xyz"), "xyz");
    }

    #[test]
    fn what_somebody_wrote_is_no_receipt() {
        let rules = Rules { unmarked: true, ..Rules::default() };
        for text in ["id:1", "hello", "my id: 7, what is my status?", ""] {
            assert_eq!(Receipt::read(&message(0, text, Tlvs::default()), rules), None, "{text}");
        }
        let text = "id:1 sub:001 dlvrd:001 stat:DELIVRD err:000";
        assert!(Receipt::read(&message(0, text, Tlvs::default()), rules).is_some());
        assert_eq!(Receipt::read(&message(0, text, Tlvs::default()), Rules::default()), None);
    }

    #[test]
    fn an_intermediate_one_says_that_another_comes() {
        let text = "id:1 stat:ENROUTE";
        let message = message(INTERMEDIATE, text, Tlvs::default());
        assert!(Receipt::read(&message, Rules::default()).expect("a receipt").intermediate);
        assert!(read(text).intermediate, "by what it says");
    }

    #[test]
    fn a_carrier_s_own_zone_is_taken_off() {
        let rules = Rules { zone: 60, ..Rules::default() };
        let message = message(RECEIPT, "id:1 stat:DELIVRD done date:2311142313", Tlvs::default());
        let done = Receipt::read(&message, rules).and_then(|receipt| receipt.done);
        assert_eq!(done.map(UnixTime::seconds), Some(1_699_999_980));
    }

    #[test]
    fn what_we_write_we_read() {
        let done = Some(UnixTime(1_699_999_980_000_000));
        let (id, error) = ("17".to_owned(), String::new());
        let receipt = Receipt { id, state: State::Delivered, error, done, intermediate: false };
        let text = receipt.text(UnixTime(1_699_999_900_000_000), "h\u{e9}llo id:9");
        assert_eq!(read(&text), receipt);
        let tlvs = Receipt::read(&message(RECEIPT, "", receipt.tlvs()), Rules::default());
        assert_eq!(tlvs.expect("a receipt").id, "17");
    }
}
