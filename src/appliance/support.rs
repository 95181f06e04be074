//! What leaves the box for whoever helps: with the shape of everything, and without what is somebody's.
//!
//! A configuration keeps its sections, keys, switches and figures; texts stay only where the program itself knows every one
//! of them, such as a transport. Every other text of the configuration, and every secret, gets a name of its own such as
//! `[text 12]`, the same wherever it stands: so a log still shows that two lines are about one trunk. Addresses get names in the
//! same way, which say of which kind they are. In all texts, digits that could be a telephone number and whatever is written like a
//! mail address are crossed out. Pure: it reads nothing and asks nobody.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde_json::Value as Json;
use toml::{Table, Value};

/// Keys whose texts are words of the program's own, names of codecs or zones.
const KEPT: [&str; 20] = [
    "allow",
    "calls",
    "codec",
    "codecs",
    "digests",
    "digits",
    "direction",
    "encryption",
    "erasures_from_others",
    "format",
    "kind",
    "level",
    "mode",
    "order",
    "purpose",
    "security",
    "strategy",
    "time_zone",
    "transport",
    "udp",
];
/// Below these, the site has chosen the names of keys.
const FREE: [&str; 9] = [
    "channels",
    "journey",
    "labels",
    "headers",
    "flow",
    "applications",
    "skills",
    "prefers",
    "wrap_up_of",
];
/// A text shorter than this names nobody by itself, and crossing it out everywhere would leave nothing to read.
const SHORTEST: usize = 3;
/// A text of the configuration that is shorter than this goes only where it is a word by itself: `main` is a flow's name and a part
/// of `remain`.
const WORD: usize = 6;
/// As many fours as the shortest code has.
const FOURS: usize = 3;
/// As many digits in a row as the shortest number that somebody outside has.
const DIGITS: usize = 6;

/// What is crossed out of one box's texts.
#[derive(Debug, Default)]
pub struct Redaction {
    /// Texts and secrets that go wherever they stand, the longest first, each with the name that stands for it.
    long: Vec<(String, String)>,
    /// Texts that go where they are words by themselves.
    short: Vec<(String, String)>,
    /// Addresses that were met, in the order of their numbers.
    addresses: Vec<IpAddr>,
}

/// What is somebody's, and where it is from.
#[derive(Debug, Default)]
pub struct Own {
    /// Passwords, keys, codes.
    pub secrets: Vec<String>,
    /// Names of accounts, of this machine.
    pub names: Vec<String>,
}

impl Redaction {
    /// For a box with this configuration. Of one that is no TOML, whatever stands in quotes is somebody's.
    pub fn new(configuration: &str, own: &Own) -> Self {
        let mut found = BTreeMap::new();
        match configuration.parse::<Table>() {
            Ok(table) => table.iter().for_each(|(key, value)| collect(key, value, &mut found)),
            Err(_) => {
                for line in configuration.lines() {
                    let quoted = ['"', '\'']
                        .into_iter()
                        .flat_map(|mark| line.split(mark).skip(1).step_by(2));
                    let value = line.split_once('=').map(|(_, value)| value.trim());
                    quoted.chain(value).for_each(|text| note(text, "text", &mut found));
                }
            }
        }
        own.names.iter().for_each(|name| note(name, "name", &mut found));
        own.secrets.iter().for_each(|secret| note(secret, "secret", &mut found));
        let mut texts: Vec<(String, String)> = found.into_iter().collect();
        texts.sort_by(|one, other| other.0.len().cmp(&one.0.len()).then(one.0.cmp(&other.0)));
        let everywhere =
            |(text, name): &(String, String)| text.len() >= WORD || name.starts_with("[secret");
        let (long, short) = texts.into_iter().partition(everywhere);
        Redaction { long, short, addresses: Vec::new() }
    }

    /// A text without what is somebody's.
    pub fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (own, name) in &self.long {
            if text.contains(own) {
                text = text.replace(own, name);
            }
        }
        // Before the short ones, which could be a part of an address, as an extension is.
        text = self.without_addresses(&text);
        for (own, name) in &self.short {
            if text.contains(own) {
                text = words(&text, own, name);
            }
        }
        without_numbers(&without_codes(&without_mail(&without_accounts(&text))))
    }

    /// Figures of the kind that Prometheus reads: what a line counts goes the way of any text, the figure stays.
    pub fn figures(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for line in text.lines() {
            match line.rsplit_once(' ').filter(|_| !line.starts_with('#')) {
                Some((what, figure)) => out.push_str(&(self.text(what) + " " + figure)),
                None => out.push_str(line),
            }
            out.push('\n');
        }
        out
    }

    /// An answer of the box: its texts and names go the way of any text, its numbers and switches stay.
    pub fn answer(&mut self, text: &str) -> String {
        match serde_json::from_str(text) {
            Ok(json) => {
                let told = self.json(json);
                serde_json::to_string_pretty(&told).unwrap_or_default() + "\n"
            }
            Err(_) => self.text(text),
        }
    }

    fn json(&mut self, json: Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.text(&text)),
            Json::Array(all) => all.into_iter().map(|one| self.json(one)).collect(),
            Json::Object(object) => {
                let each =
                    object.into_iter().map(|(key, value)| (self.text(&key), self.json(value)));
                Json::Object(each.collect())
            }
            other => other,
        }
    }

    /// Every address by a number of its own; loopback and "any" are everybody's.
    fn without_addresses(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let belongs = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
        let mut rest = text;
        while let Some(from) = rest.find(belongs) {
            let (before, behind) = rest.split_at(from);
            let (run, after) =
                behind.split_at(behind.find(|c| !belongs(c)).unwrap_or(behind.len()));
            out.push_str(before);
            out.push_str(&self.address(run));
            rest = after;
        }
        out + rest
    }

    fn address(&mut self, run: &str) -> String {
        let bare = run.trim_matches(['.', ':']);
        let Some((before, behind)) = run.split_once(bare).filter(|_| !bare.is_empty()) else {
            return run.to_owned();
        };
        // `::1` begins with what else is a mark.
        let whole = run.trim_end_matches(['.', ':']);
        if let Ok(ip) = whole.parse() {
            return self.named(ip, whole) + run.get(whole.len()..).unwrap_or_default();
        }
        let own = match bare.parse::<SocketAddr>() {
            Ok(at) => format!("{}:{}", self.named(at.ip(), &at.ip().to_string()), at.port()),
            Err(_) if is_card(bare) => "[card]".to_owned(),
            Err(_) => match bare.parse() {
                Ok(ip) => self.named(ip, bare),
                Err(_) => self.quads(bare),
            },
        };
        format!("{before}{own}{behind}")
    }

    /// What is no address as a whole may have one between its colons: `ace:192.0.2.1`, of `trace:192.0.2.1`.
    fn quads(&mut self, run: &str) -> String {
        let each = run.split(':').map(|part| {
            let digits = part.trim_start_matches(|c: char| !c.is_ascii_digit());
            match digits.parse::<std::net::Ipv4Addr>() {
                Ok(ip) => {
                    let before = part.get(..part.len() - digits.len()).unwrap_or_default();
                    format!("{before}{}", self.named(ip.into(), digits))
                }
                Err(_) => part.to_owned(),
            }
        });
        each.collect::<Vec<_>>().join(":")
    }

    fn named(&mut self, ip: IpAddr, text: &str) -> String {
        if ip.is_loopback() || ip.is_unspecified() {
            return text.to_owned();
        }
        let number = self.addresses.iter().position(|own| *own == ip).unwrap_or_else(|| {
            self.addresses.push(ip);
            self.addresses.len() - 1
        });
        format!("[{} address {}]", kind(ip), number + 1)
    }

    /// The configuration, without its comments.
    pub fn configuration(&mut self, configuration: &str) -> String {
        match configuration.parse::<Table>() {
            Ok(table) => {
                let masked = Value::Table(self.table(&table));
                without_numbers(&toml::to_string(&masked).unwrap_or_default())
            }
            Err(error) => format!("# This is no TOML: {}", self.text(error.message())),
        }
    }

    fn table(&self, table: &Table) -> Table {
        table.iter().map(|(key, value)| (self.key(key), self.value(key, value))).collect()
    }

    fn key(&self, key: &str) -> String {
        self.name(key).unwrap_or(key).to_owned()
    }

    fn name(&self, text: &str) -> Option<&str> {
        let mut all = self.long.iter().chain(&self.short);
        all.find(|(own, _)| own == text).map(|(_, name)| name.as_str())
    }

    fn value(&self, key: &str, value: &Value) -> Value {
        match value {
            Value::String(text) if is_kept(key, text) => value.clone(),
            Value::String(text) => Value::String(self.name(text).unwrap_or("[short]").to_owned()),
            Value::Array(all) => Value::Array(all.iter().map(|one| self.value(key, one)).collect()),
            Value::Table(table) => Value::Table(self.table(table)),
            other => other.clone(),
        }
    }
}

/// A word of the program's own: by its key and by its look, since a key of another section may have the same name.
fn is_kept(key: &str, text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c == '-' || c == '_' || c == '/';
    let zone = key == "time_zone" && text.chars().all(|c| plain(c.to_ascii_lowercase()));
    KEPT.contains(&key) && (zone || text.chars().all(plain))
}

fn collect(key: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::String(text) if !is_kept(key, text) => note(text, "text", found),
        Value::Array(all) => all.iter().for_each(|one| collect(key, one, found)),
        Value::Table(table) => {
            for (inner, value) in table {
                // Below these, the site has chosen the names.
                if FREE.contains(&key) {
                    note(inner, "name", found);
                }
                collect(inner, value, found);
            }
        }
        _ => {}
    }
}

fn note(text: &str, what: &str, found: &mut BTreeMap<String, String>) {
    let number = found.len() + 1;
    if text.chars().count() >= SHORTEST {
        found.entry(text.to_owned()).or_insert_with(|| format!("[{what} {number}]"));
    }
}

/// Where a text is a word by itself, its name.
fn words(text: &str, own: &str, name: &str) -> String {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let (mut out, mut rest, mut before) = (String::with_capacity(text.len()), text, None);
    while let Some((left, right)) = rest.split_once(own) {
        let last = left.chars().next_back().or(before);
        let alone = !last.is_some_and(joins) && !right.chars().next().is_some_and(joins);
        out.push_str(left);
        out.push_str(if alone { name } else { own });
        before = own.chars().next_back();
        rest = right;
    }
    out + rest
}

/// Six pairs, what a network card calls itself; the kernel writes two of them and a type in a row.
fn is_card(text: &str) -> bool {
    let two = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    text.split(':').count() >= 6 && text.split(':').all(two)
}

fn kind(ip: IpAddr) -> &'static str {
    match ip.to_canonical() {
        IpAddr::V4(own) if own.is_link_local() => "link",
        IpAddr::V6(own) if own.is_unicast_link_local() => "link",
        IpAddr::V4(own) if own.is_private() => "private",
        IpAddr::V6(own) if own.is_unique_local() => "private",
        _ => "public",
    }
}

/// Accounts as the log writes them, `by=user ann`: of a box that does not answer nobody knows them.
fn without_accounts(text: &str) -> String {
    let mut pieces = text.split("=user ");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let name = piece.find(char::is_whitespace).unwrap_or(piece.len());
        out.push_str("=user [name]");
        out.push_str(piece.get(name..).unwrap_or_default());
    }
    out
}

/// Whatever has an at-sign inside is somebody's.
fn without_mail(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || "\"'<>(),;=".contains(c);
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(ends) {
        let word = piece.trim_end_matches(ends);
        let at = word.split_once('@').or_else(|| word.split_once("%40"));
        let is = at.is_some_and(|(own, at)| !own.is_empty() && !at.is_empty());
        // A unit's name of systemd's is nobody's.
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_unit =
            [".service", ".device", ".socket", ".timer"].iter().any(|end| bare.ends_with(end));
        out.push_str(if is && !is_unit { "[mail address]" } else { word });
        out.push_str(piece.get(word.len()..).unwrap_or_default());
    }
    out
}

/// Set-up codes and recovery keys, which are written in fours: one that is spent is in no file any more.
fn without_codes(text: &str) -> String {
    let belongs = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(from) = rest.find(belongs) {
        let (before, behind) = rest.split_at(from);
        let (run, after) = behind.split_at(behind.find(|c| !belongs(c)).unwrap_or(behind.len()));
        let is = run.split('-').count() >= FOURS && run.split('-').all(|four| four.len() == 4);
        out.push_str(before);
        out.push_str(if is { "[code]" } else { run });
        rest = after;
    }
    out + rest
}

/// The same with every long row of digits crossed out; blanks, hyphens, points and brackets inside one belong to it, as people
/// write numbers. Times and dates, whose groups are short and stand between colons or whole dates, stay.
pub fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut row = String::new();
    for c in text.chars() {
        let inside = c.is_ascii_digit()
            || (!row.is_empty() && matches!(c, ' ' | '-' | '.' | '(' | ')' | '/'));
        if inside || (c == '+' && row.is_empty()) {
            row.push(c);
            continue;
        }
        put(&row, &mut out);
        row.clear();
        out.push(c);
    }
    put(&row, &mut out);
    out
}

fn put(row: &str, out: &mut String) {
    let digits = row.chars().filter(char::is_ascii_digit).count();
    // Of addresses only everybody's are left by now.
    let is_address = row.trim_end_matches(['.', ' ']).parse::<IpAddr>().is_ok();
    if digits < DIGITS || is_date(row) || is_address {
        return out.push_str(row);
    }
    // Blanks behind it part it from the next word.
    let number = row.trim_end_matches(|c: char| !c.is_ascii_digit());
    out.push_str("[number]");
    out.push_str(row.get(number.len()..).unwrap_or_default());
}

/// `2026-11-22`, alone or before a time of day.
fn is_date(row: &str) -> bool {
    let row = row.trim_end();
    let (date, hour) = row.split_once(' ').unwrap_or((row, "00"));
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let within = |text: &str, most: u8| {
        text.len() == 2 && text.parse::<u8>().is_ok_and(|value| value <= most)
    };
    let is_year = year.len() == 4 && year.starts_with("20");
    is_year && within(month, 12) && within(day, 31) && within(hour, 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_keeps_its_shape_alone() {
        let configuration = "[site]\nname = \"Praxis Muster\"\ntime_zone = \"Europe/Berlin\"\n[sip]\nudp = [\"192.0.2.1:5060\"]\n\
             [[extension]]\nnumber = \"2011\"\nname = \"Erika\"\nsecret = { file = \"/etc/x\" }\nring_s = 20\n\
             [channels.praxis-sms]\nkind = \"modem\"\nfrom = \"+4930123456\"\n";
        let own = Own { secrets: vec!["hunter2".to_owned()], names: vec!["ann".to_owned()] };
        let mut redaction = Redaction::new(configuration, &own);
        let text = redaction.configuration(configuration);
        for gone in ["Praxis", "Erika", "192.0.2", "2011", "/etc/x", "praxis-sms", "4930"] {
            assert!(!text.contains(gone), "{gone}: {text}");
        }
        for kept in ["Europe/Berlin", "ring_s = 20", "kind = \"modem\"", "[[extension]]"] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        let log =
            redaction.text("Erika has xhunter2x; Erika of praxis-sms, 030 123-4567, ann cannot");
        assert!(log.matches("[text").count() == 2, "the same name twice: {log}");
        for gone in ["Erika", "hunter2", "praxis-sms", "4567", " ann "] {
            assert!(!log.contains(gone), "{gone}: {log}");
        }
        assert!(log.ends_with("cannot"), "{log}");
    }

    #[test]
    fn what_is_no_toml_tells_nothing() {
        let mut redaction = Redaction::new("name = \"Praxis Muster\"\n[[[", &Own::default());
        let text = redaction.configuration("name = \"Praxis Muster\"\n[[[");
        assert!(text.starts_with("# This is no TOML") && !text.contains("Praxis"), "{text}");
        assert_eq!(redaction.text("of Praxis Muster"), "of [text 1]");
    }

    #[test]
    fn addresses_and_mail_get_names() {
        let mut redaction = Redaction::default();
        let text = redaction.text(
            "2345-ABCD-EFGH from 192.168.1.7:5060 to [2001:db8::7]:443, 198.51.100.9. again 192.168.1.7, at 12:34:56 on 127.0.0.1:8443 \
             by aa:bb:cc:00:11:22 of erika@example.org, getty@tty1.service",
        );
        assert_eq!(
            text,
            "[code] from [private address 1]:5060 to [[public address 2]]:443, [public address 3]. again [private address 1], at \
             12:34:56 on 127.0.0.1:8443 by [card] of [mail address], getty@tty1.service"
        );
    }

    #[test]
    fn addresses_are_found_behind_words_and_accounts_behind_theirs() {
        let mut redaction = Redaction::default();
        let text = redaction.text(
            "sip:203.0.113.9:5060 trace:192.0.2.1 peer:192.168.1.7. ::1 2001:db8::1 MAC=aa:bb:cc:00:11:22:33:44:55:66:77:88:08:00 \
             by=user annegret done erika@praxis.services a%40b",
        );
        assert_eq!(
            text,
            "sip:[public address 1]:5060 trace:[public address 2] peer:[private address 3]. ::1 [public address 4] MAC=[card] \
             by=user [name] done [mail address] [mail address]"
        );
        let broken = "name = Erika Mustermann\nother = 'Max'\n";
        let mut redaction = Redaction::new(broken, &Own::default());
        assert_eq!(redaction.text("of Erika Mustermann, Max"), "of [text 1], [text 2]");
    }

    #[test]
    fn figures_and_answers_keep_their_numbers() {
        let own = Own { names: vec!["telnet-nord".to_owned()], ..Own::default() };
        let mut redaction = Redaction::new("", &own);
        let told = redaction.figures("# HELP x y\nbytes{trunk=\"telnet-nord\"} 123456789\n");
        assert_eq!(told, "# HELP x y\nbytes{trunk=\"[name 1]\"} 123456789\n");
        let told = redaction.answer(r#"{"telnet-nord":{"at":1795356676,"to":"+4930123456"}}"#);
        assert!(
            told.contains("1795356676")
                && told.contains("\"[name 1]\"")
                && told.contains("\"[number]\""),
            "{told}"
        );
    }

    #[test]
    fn numbers_go_and_times_stay() {
        for (text, left) in [
            ("call +4930123456 up", "call [number] up"),
            ("(030) 123-456", "([number]"),
            ("at 2026-11-22T22:30:01.123", "at 2026-11-22T22:30:01.123"),
            ("2026-11-22 22:30:01", "2026-11-22 22:30:01"),
            ("12345 of 99", "12345 of 99"),
            ("030.123.4567, then", "[number], then"),
            ("2030 12 34 and 2026-19-39", "[number] and [number]"),
            ("at 22:30:01.123", "at 22:30:01.123"),
            ("tel:004930123456;x", "tel:[number];x"),
        ] {
            assert_eq!(without_numbers(text), left);
        }
    }
}
