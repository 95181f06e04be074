//! The site sheet: what a branch says once about itself, on paper, on a stick or on the set-up page, and what that makes.
//!
//! A [`Sheet`] is six questions: who and where, which network, which line, which phones, where backups go, who may change things. [`Sheet::faults`]
//! says what cannot be; [`make`](made::make) turns a good one into a configuration, secrets and a network. It reads no file
//! and writes none, and does not know what the gateway does with a configuration: who uses it checks that like any other.

pub mod card;
pub mod code;
pub mod form;
pub mod made;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Number;
use crate::hours;
pub use card::{Card, Fixed};

/// The most phones of a branch that are asked for at once: above it, they come from a list of the office's own.
pub const MOST_PHONES: u16 = 200;
/// Characters of a name: what the display of a desk phone holds, and a good deal more.
pub const LONGEST_NAME: usize = 64;
/// Characters of a part of an address; dispatchers' screens hold about 60.
const LONGEST_PART: usize = 120;
/// Characters of an account at a carrier, or of a password there.
const LONGEST_ACCOUNT: usize = 128;
/// Days that recordings or people are kept at most: a hundred years.
const MOST_DAYS: u32 = 36_500;
/// Characters of the shortest passphrase of backups: whoever finds a disk may try as long as he likes.
pub const SHORTEST_PASSPHRASE: usize = 12;
/// Below these folders the unit that makes backups may write.
const BACKUPS_GO: [&str; 4] = ["/mnt/", "/media/", "/srv/", "/var/backups/"];
/// Characters of the shortest password of an admin; the same that the box asks for later.
pub const SHORTEST_PASSWORD: usize = 10;

/// A whole sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    /// Who and where.
    pub site: Place,
    /// How the box is in the network.
    #[serde(default)]
    pub network: Network,
    /// The line to a carrier; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Line>,
    /// How many phones there are, if they are not listed one by one.
    #[serde(default)]
    pub phones: Phones,
    /// The phones one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phone: Vec<Phone>,
    /// The SIM that texts are sent with; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modem: Option<Modem>,
    /// Where backups go; none are made when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
    /// Who may change everything on the pages; nobody when absent, until `branchline user add` makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<Admin>,
}

/// `[site]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// What the branch is called.
    pub name: String,
    /// IANA time zone.
    pub time_zone: String,
    /// ISO 3166-1 code. Emergency numbers, the digit for an outside line and how long data is kept follow from it.
    pub country: String,
    /// How callers are answered.
    #[serde(default)]
    pub kind: Kind,
    /// Where help is sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Days that recordings are kept; 0 for ever. The country's custom when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_recordings: Option<u32>,
    /// Days after which a person with whom nothing happened any more is forgotten; 0 never. The country's custom when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_people: Option<u32>,
}

/// What kind of branch it is: how callers are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Every phone rings; then a message can be left.
    #[default]
    Office,
    /// Callers wait in a line that every nurse's phone rings for; nothing leaves the premises.
    Clinic,
    /// Texts by a SIM, read and answered on pages; calls ring the first phone.
    Shop,
    /// Callers wait for agents who sign in.
    CallCentre,
}

/// `[site.address]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The street's name.
    pub street: String,
    /// The number in the street, digits alone.
    pub house_number: String,
    /// City.
    pub city: String,
    /// State, province or canton, as in post.
    #[serde(default)]
    pub state: String,
    /// Postal code.
    #[serde(default)]
    pub postal_code: String,
    /// Floor.
    #[serde(default)]
    pub floor: String,
}

/// `[network]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The branch's own network. Default `dhcp`.
    #[serde(default)]
    pub lan: Card,
    /// A second card with the carrier's line; not used when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wan: Option<Card>,
}

/// `[trunk]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The carrier's servers: host, host:port or address.
    pub servers: Vec<String>,
    /// How they are spoken to. Default `auto`.
    #[serde(default)]
    pub transport: Transport,
    /// The account at the carrier; none where the carrier knows the box by its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its password. It goes to a file, and never into the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
    /// Networks that the carrier calls from, where it does not come over the registration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept_from: Vec<String>,
    /// The branch's numbers, in full; the first is shown on calls out.
    #[serde(default)]
    pub numbers: Vec<String>,
    /// Whether phones may call abroad. Default false.
    #[serde(default)]
    pub international: bool,
}

/// How a carrier's servers are spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// As its DNS says.
    #[default]
    Auto,
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// An encrypted connection.
    Tls,
}

/// `[phones]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phones {
    /// How many, where `[[phone]]` lists none. Default 3.
    #[serde(default = "three")]
    pub count: u16,
    /// The number of the first; the others follow it. Default 201.
    #[serde(default = "first")]
    pub first: String,
    /// What is dialled for an outside line; nothing for none. The country's custom when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
}

impl Default for Phones {
    fn default() -> Self {
        Phones { count: three(), first: first(), outside: None }
    }
}

fn three() -> u16 {
    3
}

fn first() -> String {
    "201".to_owned()
}

/// `[[phone]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phone {
    /// What colleagues dial; 2 to 8 digits.
    pub number: String,
    /// Who or where it is.
    #[serde(default)]
    pub name: String,
    /// A number of the branch that rings this phone alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<String>,
    /// The hardware address of a phone that fetches its configuration by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Who made it. Needed with `mac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub make: Option<Make>,
}

/// Makers whose phones fetch their configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Make {
    /// Yealink.
    Yealink,
    /// Snom.
    Snom,
}

/// `[modem]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modem {
    /// The device, by the port that it is plugged into.
    pub port: String,
    /// The SIM's PIN, where it has one; it goes to a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Password>,
}

/// `[backup]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The folder. Default `/mnt/backup`, where the box has a disk that is named BL-BACKUP.
    #[serde(default = "backup_disk")]
    pub folder: String,
    /// What they are locked with: whoever has it reads them, and nobody without; 12 characters at least. It goes to a file.
    pub passphrase: Password,
}

/// Where the box has a disk that is named BL-BACKUP.
pub const BACKUP_DISK: &str = "/mnt/backup";

fn backup_disk() -> String {
    BACKUP_DISK.to_owned()
}

/// `[admin]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// The name to sign in with.
    pub user: String,
    /// The password; 10 characters at least. The box keeps a hash of it.
    pub password: Password,
}

/// Something that is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// Of this text.
    pub fn new(text: impl Into<String>) -> Password {
        Password(text.into())
    }

    /// For whoever writes it to its file.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

/// A step to what a [`Fault`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Into a table.
    Key(&'static str),
    /// Into a list.
    Nth(usize),
}

/// Something that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it is about.
    pub at: Vec<Way>,
    /// What is wrong with it.
    pub what: String,
    /// What would be right.
    pub allowed: &'static str,
}

use Way::{Key, Nth};

impl Sheet {
    /// Everything that cannot be. A country is looked up by whoever knows countries.
    pub fn faults(&self) -> Vec<Fault> {
        let mut out = Faults(Vec::new());
        self.site.look(&mut out);
        self.network.look(&mut out);
        if let Some(line) = &self.trunk {
            line.look(&mut out);
        }
        self.look_at_phones(&mut out);
        self.look_at_modem(&mut out);
        if let Some(backup) = &self.backup {
            backup.look(&mut out);
        }
        if let Some(admin) = &self.admin {
            admin.look(&mut out);
        }
        out.0
    }

    /// The phones, as listed or as counted.
    pub fn all_phones(&self) -> Vec<Phone> {
        if !self.phone.is_empty() {
            return self.phone.clone();
        }
        let first: u32 = self.phones.first.parse().unwrap_or_default();
        let width = self.phones.first.len();
        let number = |n: u32| format!("{:0width$}", first.saturating_add(n));
        let count = u32::from(self.phones.count);
        (0..count).map(|n| Phone { number: number(n), ..Phone::default() }).collect()
    }

    fn look_at_phones(&self, out: &mut Faults) {
        let own = &self.phones;
        if self.phone.is_empty() {
            if !(1..=MOST_PHONES).contains(&own.count) {
                out.tell(&[Key("phones"), Key("count")], "a branch has phones", "1 to 200");
            }
            let last =
                own.first.parse::<u64>().map(|first| first + u64::from(own.count.max(1)) - 1);
            let grows = last.is_ok_and(|last| last.to_string().len() > own.first.len());
            if !is_extension(&own.first) || grows {
                let what = "phones cannot be numbered from there";
                out.tell(&[Key("phones"), Key("first")], what, EXTENSION);
            }
        }
        let outside = own.outside.as_deref().unwrap_or_default();
        if outside.len() > 2 || !outside.bytes().all(|b| b.is_ascii_digit()) {
            let allowed = "one or two digits, or \"\" for none";
            out.tell(&[Key("phones"), Key("outside")], "this cannot be dialled", allowed);
        }
        self.each_phone(out);
    }

    fn each_phone(&self, out: &mut Faults) {
        if self.phone.len() > usize::from(MOST_PHONES) {
            out.tell(&[Key("phone")], "these are too many phones for a sheet", "200 at most");
        }
        for (i, phone) in self.phone.iter().enumerate() {
            let at = |key| [Key("phone"), Nth(i), Key(key)];
            let earlier = self.phone.get(..i).unwrap_or_default();
            if !is_extension(&phone.number) {
                out.tell(&at("number"), "no number of a phone", EXTENSION);
            } else if earlier.iter().any(|other| other.number == phone.number) {
                out.tell(&at("number"), "another phone has this number", "a number of its own");
            }
            if !is_line(&phone.name, LONGEST_NAME) {
                out.tell(&at("name"), "no name for a display", "one line of at most 64 characters");
            }
            if phone.direct.as_deref().is_some_and(|direct| !is_full(direct)) {
                out.tell(&at("direct"), "no number in full", FULL);
            }
            phone.look_at_make(&at, out);
        }
    }

    fn look_at_modem(&self, out: &mut Faults) {
        if self.site.kind == Kind::Shop && self.modem.is_none() {
            let what = "a shop writes by a SIM, and there is none";
            out.tell(&[Key("site"), Key("kind")], what, "a `[modem]`, or another kind");
        }
        let Some(modem) = &self.modem else { return };
        let port = &modem.port;
        if !port.starts_with("/dev/") || port.contains("..") || !is_line(port, LONGEST_PART) {
            let allowed = "such as `/dev/branchline/modem/pci-0000:00:14.0-usb-0:3/at`";
            out.tell(&[Key("modem"), Key("port")], "this is no device", allowed);
        }
        let digits =
            |pin: &str| (4..=8).contains(&pin.len()) && pin.bytes().all(|b| b.is_ascii_digit());
        if modem.pin.as_ref().is_some_and(|pin| !digits(pin.reveal())) {
            out.tell(&[Key("modem"), Key("pin")], "this is no PIN of a SIM", "4 to 8 digits");
        }
    }
}

impl Place {
    /// One of which only the name is known.
    pub fn named(name: &str) -> Place {
        Place {
            name: name.to_owned(),
            time_zone: "UTC".to_owned(),
            country: "US".to_owned(),
            kind: Kind::default(),
            address: None,
            keep_recordings: None,
            keep_people: None,
        }
    }

    fn look(&self, out: &mut Faults) {
        let at = |key| [Key("site"), Key(key)];
        if self.name.trim().is_empty() || !is_line(&self.name, LONGEST_NAME) {
            out.tell(&at("name"), "no name of a branch", "one line of 1 to 64 characters");
        }
        if hours::zone(&self.time_zone).is_none() {
            let what = format!("`{}` is no time zone", self.time_zone);
            out.tell(&at("time_zone"), what, "an IANA name, such as `Europe/Berlin`");
        }
        for (key, days) in
            [("keep_recordings", self.keep_recordings), ("keep_people", self.keep_people)]
        {
            if days.is_some_and(|days| days > MOST_DAYS) {
                out.tell(&at(key), "longer than a hundred years", "0 (for ever) to 36500 days");
            }
        }
        if let Some(address) = &self.address {
            address.look(out);
        }
    }
}

impl Address {
    /// Each part with its key.
    pub fn parts(&self) -> [(&'static str, &str); 6] {
        [
            ("house_number", &self.house_number),
            ("street", &self.street),
            ("city", &self.city),
            ("state", &self.state),
            ("postal_code", &self.postal_code),
            ("floor", &self.floor),
        ]
    }

    fn look(&self, out: &mut Faults) {
        for (key, value) in self.parts() {
            let at = [Key("site"), Key("address"), Key(key)];
            if !is_line(value, LONGEST_PART) {
                out.tell(&at, "no part of an address", "one line of at most 120 characters");
            } else if value.trim().is_empty() && ["street", "house_number", "city"].contains(&key) {
                out.tell(&at, "help does not find a place without it", "what stands at the door");
            }
        }
    }
}

impl Network {
    /// Everything that cannot be.
    pub fn faults(&self) -> Vec<Fault> {
        let mut out = Faults(Vec::new());
        self.look(&mut out);
        out.0
    }

    fn look(&self, out: &mut Faults) {
        self.lan.look(&[Key("network"), Key("lan")], out);
        if let Some(wan) = &self.wan {
            wan.look(&[Key("network"), Key("wan")], out);
        }
    }
}

impl Line {
    fn look(&self, out: &mut Faults) {
        let at = |key| [Key("trunk"), Key(key)];
        if self.servers.is_empty() {
            out.tell(&at("servers"), "there is no server to call over", SERVER);
        }
        for (i, server) in self.servers.iter().enumerate() {
            if !is_server(server) {
                let what = format!("`{server}` is no server");
                out.tell(&[Key("trunk"), Key("servers"), Nth(i)], what, SERVER);
            }
        }
        if self.user.is_some() != self.password.is_some() {
            let (key, other) =
                if self.user.is_some() { ("user", "`password`") } else { ("password", "`user`") };
            out.tell(
                &at(key),
                "half of an account",
                if other == "`user`" { "`user` beside it" } else { "`password` beside it" },
            );
        }
        let account = |text: &str| !text.is_empty() && is_line(text, LONGEST_ACCOUNT);
        if self.user.as_deref().is_some_and(|user| !account(user)) {
            out.tell(&at("user"), "no account", "1 to 128 characters on one line");
        }
        if self.password.as_ref().is_some_and(|password| !account(password.reveal())) {
            out.tell(&at("password"), "no password", "1 to 128 characters on one line");
        }
        if self.user.is_none() && self.accept_from.is_empty() {
            let what =
                "nobody could call in: the carrier has neither an account here nor an address";
            out.tell(&[Key("trunk")], what, "`user` and `password`, or `accept_from`");
        }
        for (i, network) in self.accept_from.iter().enumerate() {
            if card::network(network).is_none_or(|(_, bits)| bits == 0) {
                let at = [Key("trunk"), Key("accept_from"), Nth(i)];
                out.tell(&at, "no address or network of a carrier", "such as `192.0.2.0/24`");
            }
        }
        for (i, number) in self.numbers.iter().enumerate() {
            if !is_full(number) {
                out.tell(&[Key("trunk"), Key("numbers"), Nth(i)], "no number in full", FULL);
            }
        }
    }
}

impl Phone {
    fn look_at_make(&self, at: &impl Fn(&'static str) -> [Way; 3], out: &mut Faults) {
        let digits = |mac: &str| mac.bytes().filter(u8::is_ascii_hexdigit).count() == 12;
        let good = |mac: &str| {
            digits(mac) && mac.bytes().all(|b| b.is_ascii_hexdigit() || b":-.".contains(&b))
        };
        if self.mac.as_deref().is_some_and(|mac| !good(mac)) {
            out.tell(&at("mac"), "no hardware address", "such as `00:15:65:aa:bb:cc`");
        }
        if self.mac.is_some() && self.make.is_none() {
            out.tell(
                &at("mac"),
                "nobody says who made the phone",
                "`make` beside it: `yealink`, `snom`",
            );
        }
    }
}

impl Backup {
    fn look(&self, out: &mut Faults) {
        let at = |key| [Key("backup"), Key(key)];
        let below =
            |folder: &&str| self.folder.len() > folder.len() && self.folder.starts_with(*folder);
        let led_away = self.folder.split('/').any(|part| part == "..");
        if !BACKUPS_GO.iter().any(below) || led_away || !is_line(&self.folder, LONGEST_PART) {
            let allowed = "a folder below `/mnt`, `/media`, `/srv` or `/var/backups`";
            out.tell(&at("folder"), "no backup is written there", allowed);
        }
        let words = self.passphrase.reveal();
        let mut letters = words.chars();
        let first = letters.next();
        let dull = letters.all(|c| Some(c) == first);
        let length = words.chars().count();
        if length < SHORTEST_PASSPHRASE
            || dull
            || words.trim() != words
            || !is_line(words, LONGEST_ACCOUNT)
        {
            let allowed =
                "12 to 128 characters on one line, not one over and over, no space at an end";
            out.tell(&at("passphrase"), "this passphrase is guessed too easily", allowed);
        }
    }
}

impl Admin {
    fn look(&self, out: &mut Faults) {
        let at = |key| [Key("admin"), Key(key)];
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
        if self.user.is_empty() || self.user.len() > LONGEST_NAME || !self.user.bytes().all(plain) {
            let allowed = "1 to 64 letters, digits, `-`, `_`, `.` and `@`";
            out.tell(&at("user"), "no name to sign in with", allowed);
        }
        let password = self.password.reveal();
        let mut letters = password.chars();
        let first = letters.next();
        let dull = letters.all(|c| Some(c) == first) || password.eq_ignore_ascii_case(&self.user);
        if password.chars().count() < SHORTEST_PASSWORD || password.len() > 256 || dull {
            let allowed = "10 characters at least, not the name, nor one character over and over";
            out.tell(&at("password"), "this password is guessed too easily", allowed);
        }
    }
}

/// What is found.
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn tell(&mut self, at: &[Way], what: impl Into<String>, allowed: &'static str) {
        self.0.push(Fault { at: at.to_vec(), what: what.into(), allowed });
    }
}

const EXTENSION: &str = "2 to 8 digits, such as `201`";
const FULL: &str = "with + and the country, such as `+493055501000`";
const SERVER: &str = "`host`, `host:port`, `address` or `[v6]:port`";

fn is_extension(number: &str) -> bool {
    (2..=8).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
}

/// E.164: at most 15 digits behind the `+`.
fn is_full(number: &str) -> bool {
    let digits = |number: &Number| number.as_str().strip_prefix('+').map_or(0, str::len);
    Number::parse(number).is_ok_and(|number| {
        (6..=15).contains(&digits(&number)) && !number.as_str().contains(['*', '#'])
    })
}

fn is_line(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.contains(char::is_control)
}

fn is_server(server: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    (1..=253).contains(&server.len()) && server.bytes().all(plain)
}

#[cfg(test)]
mod tests;
