//! What a good sheet makes: a configuration with comments, files of secrets, what each network card is told, and a list for
//! people of what they need at the phones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Backup, Card, Kind, Line, Make, Modem, Password, Phone, Sheet, Transport};
use crate::random::Random;

/// Days that things are kept, by country.
const RETENTION: &str = include_str!("../../../firmware-config/regulatory/retention.toml");
/// Countries where an outside line is had with a 9; elsewhere with a 0.
const NINE: [&str; 6] = ["US", "CA", "GB", "IE", "IN", "NZ"];
/// Phones that ring at once for one caller (what a group takes at most).
const RING_AT_ONCE: usize = 32;

/// The file of the passphrase of backups.
const BACKUP_SECRET: &str = "backup";

/// What a sheet does not know, and the box does.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Where HTTPS listens, as it does now.
    pub listen: Vec<String>,
    /// Where phones fetch their configuration, such as `https://192.168.10.2:8443`.
    pub url: Option<String>,
    /// The folder of secrets.
    pub secrets: String,
}

impl Default for Ground {
    fn default() -> Self {
        Ground {
            listen: vec!["0.0.0.0:8443".to_owned(), "[::]:8443".to_owned()],
            url: None,
            secrets: "/etc/branchline/secrets".to_owned(),
        }
    }
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// `gateway.toml`.
    pub configuration: String,
    /// Secrets, by the names of their files.
    pub secrets: Vec<Secret>,
    /// What the cards are told: the branch's own, then the carrier's.
    pub network: super::Network,
    /// The phones, for whoever sets them up.
    pub phones: Vec<Phone>,
}

/// A secret and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The name of the file.
    pub name: String,
    /// What is in it.
    pub value: Password,
    /// Made here: a file that is there already stays as it is, so that phones that know it go on.
    pub made: bool,
}

/// Days that things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Recordings; 0 for ever.
    pub recordings: u32,
    /// People with whom nothing happens any more; 0 for ever.
    pub people: u32,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    countries: Vec<String>,
    recordings: u32,
    people: u32,
}

/// How long data is kept where the sheet does not say.
pub fn kept(country: &str) -> Kept {
    static ROWS: LazyLock<BTreeMap<String, Row>> =
        // A test reads the table.
        LazyLock::new(|| toml::from_str(RETENTION).unwrap_or_default());
    let own = |row: &&Row| row.countries.iter().any(|own| own == country);
    let row = ROWS.values().find(own).or_else(|| ROWS.get("any"));
    row.map_or(Kept { recordings: 0, people: 0 }, |row| Kept {
        recordings: row.recordings,
        people: row.people,
    })
}

/// What is dialled for an outside line where the sheet does not say.
pub fn outside(country: &str) -> &'static str {
    if NINE.contains(&country) { "9" } else { "0" }
}

/// Makes everything. The sheet has no faults.
pub fn make(sheet: &Sheet, ground: &Ground, random: &mut Random) -> Made {
    let phones = sheet.all_phones();
    let mut writing =
        Writing { sheet, ground, phones: &phones, text: String::new(), secrets: Vec::new() };
    writing.whole(random);
    let Writing { text, secrets, .. } = writing;
    Made { configuration: text, secrets, network: sheet.network.clone(), phones }
}

struct Writing<'a> {
    sheet: &'a Sheet,
    ground: &'a Ground,
    phones: &'a [Phone],
    text: String,
    secrets: Vec<Secret>,
}

impl Writing<'_> {
    fn whole(&mut self, random: &mut Random) {
        self.site();
        self.extensions(random);
        if let Some(line) = &self.sheet.trunk {
            self.line(line);
        }
        self.answered();
        self.emergency();
        if let Some(modem) = &self.sheet.modem {
            self.modem(modem);
        }
        self.pages();
        self.retention();
        if let Some(backup) = &self.sheet.backup {
            self.backup(backup);
        }
    }

    fn put(&mut self, text: impl AsRef<str>) {
        self.text += text.as_ref();
        self.text.push('\n');
    }

    /// `key = "value"`, escaped as TOML wants it.
    fn says(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.text, "{key} = {}", quoted(value));
    }

    fn keeps(&mut self, name: &str, value: Password, made: bool) -> String {
        self.secrets.push(Secret { name: name.to_owned(), value, made });
        format!("{{ file = {} }}", quoted(&format!("{}/{name}", self.ground.secrets)))
    }

    fn first(&self) -> &str {
        self.phones.first().map_or("201", |phone| &phone.number)
    }

    fn site(&mut self) {
        let place = &self.sheet.site;
        self.put("# Made by set-up from the branch's answers. Change what you like: `branchline config` and the page do it safely,");
        self.put(
            "# and /usr/share/doc/branchline/examples/gateway.toml explains every key.\n\n[site]",
        );
        self.says("name", place.name.trim());
        self.says("time_zone", &place.time_zone);
        self.says("country", &place.country);
    }

    fn extensions(&mut self, random: &mut Random) {
        for (i, phone) in self.phones.iter().enumerate() {
            let secret = self.keeps(&phone.number, easily_keyed(random), true);
            self.put("\n[[extension]]");
            self.says("number", &phone.number);
            if !phone.name.is_empty() {
                self.says("name", &phone.name);
            }
            self.put(format!("secret = {secret}"));
            if let Some(direct) = phone.direct.as_deref().filter(|_| self.sheet.trunk.is_some()) {
                self.says("caller_id", &full(direct));
            }
            if i == 0 {
                self.put(
                    "# Whom nobody answers leaves a message here; *97 plays them.\nvoicemail = {}",
                );
            }
        }
    }

    fn line(&mut self, line: &Line) {
        self.put("\n[[trunk]]\nname = \"carrier\"");
        self.put(format!("servers = {}", list(&line.servers)));
        match line.transport {
            Transport::Auto => {}
            Transport::Udp => self.says("transport", "udp"),
            Transport::Tcp => self.says("transport", "tcp"),
            Transport::Tls => self.says("transport", "tls"),
        }
        if !line.accept_from.is_empty() {
            self.put(format!("accept_from = {}", list(&line.accept_from)));
        }
        if let (Some(user), Some(password)) = (&line.user, &line.password) {
            let secret = self.keeps("carrier", password.clone(), false);
            let account = format!("{{ username = {}, secret = {secret} }}", quoted(user));
            self.put(format!("register = {account}"));
        }
        if let Some(number) = line.numbers.first() {
            self.says("caller_id", &full(number));
        }
        self.inbound(line);
        self.outbound(line);
    }

    fn inbound(&mut self, line: &Line) {
        let main = self.main();
        let direct = |number: &str| {
            self.phones.iter().any(|p| p.direct.as_deref().map(full) == Some(number.to_owned()))
        };
        let numbers: Vec<_> =
            line.numbers.iter().map(|number| full(number)).filter(|n| !direct(n)).collect();
        let own: Vec<_> = self
            .phones
            .iter()
            .filter_map(|phone| {
                Some((full(phone.direct.as_deref()?), format!("extension:{}", phone.number)))
            })
            .collect();
        for (number, to) in numbers.into_iter().map(|number| (number, main.clone())).chain(own) {
            self.put("\n[[inbound]]");
            self.says("number", &number);
            self.says("to", &to);
        }
    }

    fn outbound(&mut self, line: &Line) {
        let country = &self.sheet.site.country;
        let digit = self.sheet.phones.outside.as_deref().unwrap_or(outside(country)).to_owned();
        self.put("\n[[outbound]]\nname = \"outside\"");
        if digit.is_empty() {
            self.put("pattern = \"XXXXX.\"");
        } else {
            self.says("prefix", &digit);
            self.put(format!("strip = {}", digit.len()));
        }
        self.put("trunks = [\"carrier\"]");
        if line.international {
            self.put("allow = [\"international\"]");
            self.put("\n# Calls abroad are open: a phone that somebody misuses costs so much in an hour, and then somebody looks.");
            self.put("[[cap]]\nof = \"extensions\"\nwithin = \"hour\"\ncalls = 60\nminutes = 120");
        }
    }

    /// Where the main number leads.
    fn main(&self) -> String {
        match self.sheet.site.kind {
            Kind::Office if self.phones.len() > 1 => "group:everybody".to_owned(),
            Kind::Office | Kind::Shop => format!("extension:{}", self.first()),
            Kind::Clinic => "queue:front".to_owned(),
            Kind::CallCentre => "queue:support".to_owned(),
        }
    }

    /// The queue that reads texts and, in some kinds of branch, takes calls.
    fn queue(&self) -> Option<&'static str> {
        match self.sheet.site.kind {
            Kind::Clinic => Some("front"),
            Kind::CallCentre => Some("support"),
            Kind::Shop => Some("shop"),
            Kind::Office => self.sheet.modem.is_some().then_some("messages"),
        }
    }

    fn answered(&mut self) {
        let message = format!("voicemail:{}", self.first());
        if self.sheet.site.kind == Kind::Office && self.phones.len() > 1 {
            let members: Vec<_> =
                self.phones.iter().take(RING_AT_ONCE).map(|phone| phone.number.clone()).collect();
            self.put("\n[[group]]\nname = \"everybody\"");
            self.put(format!("members = {}", list(&members)));
            self.says("overflow", &message);
        }
        let Some(queue) = self.queue() else { return };
        let members: Vec<_> =
            self.phones.iter().map(|phone| format!("agent-{}", phone.number)).collect();
        self.put("\n[[queue]]");
        self.says("name", queue);
        if self.sheet.site.kind == Kind::Clinic {
            self.put("strategy = \"ring-all\"\nmax_wait = 300");
        }
        self.put(format!("members = {}", list(&members)));
        self.says("overflow", &message);
        let waiting = self.sheet.site.kind == Kind::Clinic;
        for phone in self.phones {
            self.put("\n[[agent]]");
            self.says("id", &format!("agent-{}", phone.number));
            self.says("extension", &phone.number);
            if waiting {
                self.put("signed_in = true");
            }
        }
    }

    fn emergency(&mut self) {
        if self.sheet.trunk.is_none() {
            return;
        }
        let country = &self.sheet.site.country;
        let digit = self.sheet.phones.outside.as_deref().unwrap_or(outside(country));
        let digits: Vec<_> =
            Some(digit.to_owned()).filter(|digit| !digit.is_empty()).into_iter().collect();
        let (digits, first) = (list(&digits), list(&[self.first().to_owned()]));
        self.put("\n[emergency]");
        self.put(format!("outside_prefixes = {digits}"));
        self.put(format!("notify = {first}"));
        let Some(address) = &self.sheet.site.address else { return };
        self.put("# Where every phone is that has no place of its own: what help is told.");
        self.put("location = \"office\"\n\n[[location]]\nname = \"office\"");
        for (key, value) in address.parts().into_iter().filter(|(_, value)| !value.is_empty()) {
            self.says(key, value);
        }
    }

    fn modem(&mut self, modem: &Modem) {
        let queue = self.queue().unwrap_or("messages");
        self.put("\n[channels.sms]\nkind = \"modem\"");
        self.says("queue", queue);
        self.put("\n# Prepaid cards are blocked when they send like a machine: what most contracts allow, less a little.");
        self.put("[channels.sms.sim.front]");
        self.says("port", &modem.port);
        self.put("per_hour = 60\nper_day = 200\nrecipients = 200");
        if let Some(pin) = &modem.pin {
            let secret = self.keeps("sim-front-pin", pin.clone(), false);
            self.put(format!("pin = {secret}"));
        }
    }

    fn pages(&mut self) {
        self.put("\n# Pages, and what phones fetch.\n[http]");
        self.put(format!("listen = {}", list(&self.ground.listen)));
        let fetching: Vec<_> = self.phones.iter().filter(|phone| phone.mac.is_some()).collect();
        if fetching.is_empty() {
            return;
        }
        let url = self.ground.url.clone().unwrap_or_else(|| "https://192.0.2.1:8443".to_owned());
        self.put("\n[provisioning]");
        self.says("url", &url);
        for phone in fetching {
            let (Some(mac), Some(make)) = (&phone.mac, phone.make) else { continue };
            self.put("\n[[phone]]");
            self.says("mac", mac);
            self.says("make", if make == Make::Yealink { "yealink" } else { "snom" });
            self.put(format!("lines = {}", list(std::slice::from_ref(&phone.number))));
        }
    }

    fn backup(&mut self, backup: &Backup) {
        self.keeps(BACKUP_SECRET, backup.passphrase.clone(), false);
        let file = format!("{}/{BACKUP_SECRET}", self.ground.secrets);
        self.put(
            "\n# One encrypted file every night; whoever has the passphrase reads it.\n[backup]",
        );
        self.says("folder", &backup.folder);
        self.says("passphrase_file", &file);
    }

    fn retention(&mut self) {
        let place = &self.sheet.site;
        let custom = kept(&place.country);
        let recordings = place.keep_recordings.unwrap_or(custom.recordings);
        let people = place.keep_people.unwrap_or(custom.people);
        self.put("\n# Days; 0 is for ever.\n[retention]");
        self.put(format!("recordings = {recordings}\npeople = {people}"));
    }
}

/// Escaped as TOML wants it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

/// Without what people put between digits.
fn full(number: &str) -> String {
    crate::address::Number::parse(number).map_or_else(|_| number.to_owned(), String::from)
}

/// A password that somebody can key in at a desk phone: 16 letters and digits out of 31, 79 bits, in fours.
fn easily_keyed(random: &mut Random) -> Password {
    const LETTERS: [char; 31] = [
        '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k',
        'm', 'n', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
    ];
    let mut text = String::new();
    for place in 0..16 {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        let letter = usize::try_from(random.below(31)).unwrap_or_default();
        text.extend(LETTERS.get(letter));
    }
    Password::new(text)
}

/// A card's network file, by the name that systemd-networkd reads it under.
pub fn network_files(
    network: &super::Network,
    lan: &str,
    wan: Option<&str>,
) -> Vec<(String, Option<String>)> {
    let name = |role: &str| format!("05-branchline-{role}.network");
    let carrier = match (&network.wan, wan) {
        (Some(card), Some(interface)) => Card::networkd(card, interface, false),
        _ => None,
    };
    vec![(name("lan"), network.lan.networkd(lan, true)), (name("wan"), carrier)]
}
