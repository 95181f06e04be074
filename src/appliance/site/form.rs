//! The set-up page's answers as a sheet: what a browser sends becomes the text that a stick would have, so that both are read,
//! judged and told about by the same code.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// What was typed into each field.
pub type Fields = BTreeMap<String, String>;

/// The fields that the page has, in the order of its steps.
pub const FIELDS: [&str; 32] = [
    "code",
    "site.name",
    "site.time_zone",
    "site.country",
    "site.kind",
    "site.address.street",
    "site.address.house_number",
    "site.address.city",
    "site.address.state",
    "site.address.postal_code",
    "lan.how",
    "lan.address",
    "lan.gateway",
    "lan.dns",
    "wan.how",
    "wan.address",
    "wan.gateway",
    "wan.dns",
    "trunk.how",
    "trunk.servers",
    "trunk.user",
    "trunk.password",
    "trunk.accept_from",
    "trunk.numbers",
    "trunk.international",
    "phones.list",
    "modem.port",
    "backup.how",
    "backup.folder",
    "backup.passphrase",
    "admin.user",
    "admin.password",
];

/// The sheet that was meant, as TOML.
pub fn sheet(fields: &Fields) -> String {
    let get = |name: &str| fields.get(name).map_or("", |value| value.trim());
    let mut whole = Table::new();
    whole.insert("site".to_owned(), Value::Table(site(&get)));
    whole.insert("network".to_owned(), Value::Table(network(&get)));
    if get("trunk.how") == "line" {
        whole.insert("trunk".to_owned(), Value::Table(trunk(&get)));
    }
    let phones: Vec<Value> = get("phones.list").lines().filter_map(phone).collect();
    if !phones.is_empty() {
        whole.insert("phone".to_owned(), Value::Array(phones));
    }
    if !get("modem.port").is_empty() {
        whole.insert("modem".to_owned(), Value::Table(table(&[("port", get("modem.port"))])));
    }
    if !matches!(get("backup.how"), "" | "none") {
        whole.insert("backup".to_owned(), Value::Table(backup(&get)));
    }
    let admin = [("user", get("admin.user")), ("password", get("admin.password"))];
    // Whoever sets a box up by the page goes on with the pages: there is always an admin.
    whole.insert(
        "admin".to_owned(),
        Value::Table(
            admin.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect(),
        ),
    );
    whole.to_string()
}

/// Which field a key of the sheet was typed into.
pub fn field(key: &str) -> &str {
    let key = key.split('[').next().unwrap_or(key);
    if key.starts_with("phone") {
        return "phones.list";
    }
    let key = key.strip_prefix("network.").unwrap_or(key);
    match key {
        "lan" => "lan.how",
        "wan" => "wan.how",
        "trunk" => "trunk.user",
        "backup" => "backup.how",
        "site.address" => "site.address.street",
        key => key,
    }
}

/// The keys that were filled in.
fn table(pairs: &[(&str, &str)]) -> Table {
    let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
}

fn list(text: &str) -> Value {
    let words = text.split([',', ' ', '\n', '\r', '\t', ';']).filter(|word| !word.is_empty());
    words.map(Value::from).collect::<Vec<_>>().into()
}

fn site<'a>(get: &impl Fn(&str) -> &'a str) -> Table {
    let mut own = table(&[("kind", get("site.kind"))]);
    for key in ["name", "time_zone", "country"] {
        own.insert(key.to_owned(), get(&format!("site.{key}")).into());
    }
    let part = |key| (key, get(&format!("site.address.{key}")));
    let address = table(&["street", "house_number", "city", "state", "postal_code"].map(part));
    if !address.is_empty() {
        let mut address = address;
        for key in ["street", "house_number", "city"] {
            address.entry(key).or_insert_with(|| "".into());
        }
        own.insert("address".to_owned(), Value::Table(address));
    }
    own
}

fn network<'a>(get: &impl Fn(&str) -> &'a str) -> Table {
    let mut own = Table::new();
    for name in ["lan", "wan"] {
        let value = |key: &str| get(&format!("{name}.{key}"));
        let card = match value("how") {
            "fixed" => {
                let mut fixed = table(&[("gateway", value("gateway"))]);
                fixed.insert("address".to_owned(), value("address").into());
                if !value("dns").is_empty() {
                    fixed.insert("dns".to_owned(), list(value("dns")));
                }
                Value::Table(fixed)
            }
            "dhcp" => "dhcp".into(),
            _ => continue,
        };
        own.insert(name.to_owned(), card);
    }
    own
}

fn trunk<'a>(get: &impl Fn(&str) -> &'a str) -> Table {
    let value = |key: &str| get(&format!("trunk.{key}"));
    let mut own = table(&[("user", value("user")), ("password", value("password"))]);
    own.insert("servers".to_owned(), list(value("servers")));
    // Numbers are written with spaces.
    let numbers =
        value("numbers").split([',', '\n', '\r', ';']).map(str::trim).filter(|one| !one.is_empty());
    own.insert("numbers".to_owned(), numbers.map(Value::from).collect::<Vec<_>>().into());
    if !value("accept_from").is_empty() {
        own.insert("accept_from".to_owned(), list(value("accept_from")));
    }
    if value("international") == "yes" {
        own.insert("international".to_owned(), true.into());
    }
    own
}

fn backup<'a>(get: &impl Fn(&str) -> &'a str) -> Table {
    let mut own = Table::new();
    if get("backup.how") == "folder" {
        own.insert("folder".to_owned(), get("backup.folder").into());
    }
    own.insert("passphrase".to_owned(), get("backup.passphrase").into());
    own
}

/// `201 Reception`.
fn phone(line: &str) -> Option<Value> {
    let (number, name) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let mut own = table(&[("name", name.trim())]);
    own.insert("number".to_owned(), number.into());
    (!number.is_empty()).then_some(Value::Table(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::site::{Card, Sheet};

    fn filled(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn answers_are_a_sheet() {
        let fields = filled(&[
            ("site.name", "Caf\u{e9} \"A\""),
            ("site.time_zone", "Europe/Berlin"),
            ("site.country", "DE"),
            ("site.address.street", "Hafenstrasse"),
            ("site.address.house_number", "7"),
            ("site.address.city", "Hamburg"),
            ("lan.how", "fixed"),
            ("lan.address", "192.168.10.2/24"),
            ("lan.dns", "192.168.10.1, 9.9.9.9"),
            ("wan.how", "dhcp"),
            ("trunk.how", "line"),
            ("trunk.servers", "sip.example.net"),
            ("trunk.user", "u"),
            ("trunk.password", "p"),
            ("trunk.numbers", "+49 30 5550 1000\r\n+493055501001"),
            ("phones.list", "201 Front desk\r\n\r\n202\r\n"),
            ("backup.how", "disk"),
            ("backup.folder", "/srv/not-this-one"),
            ("backup.passphrase", "seven brown hens"),
            ("admin.user", "ann"),
            ("admin.password", "tulips in may"),
        ]);
        let sheet: Sheet = toml::from_str(&sheet(&fields)).expect("TOML");
        assert_eq!(sheet.faults(), []);
        assert_eq!(sheet.site.name, "Caf\u{e9} \"A\"");
        assert_eq!(sheet.phone[0].name, "Front desk");
        assert_eq!((sheet.phone.len(), sheet.trunk.map(|trunk| trunk.numbers.len())), (2, Some(2)));
        assert!(matches!(sheet.network.lan, Card::Fixed(own) if own.dns.len() == 2));
        assert_eq!(sheet.network.wan, Some(Card::Dhcp));
        assert_eq!(sheet.backup.map(|backup| backup.folder).as_deref(), Some("/mnt/backup"));
    }

    #[test]
    fn what_is_wrong_is_told_at_its_field() {
        for (key, there) in [
            ("site.name", "site.name"),
            ("network.lan.address", "lan.address"),
            ("trunk.servers[0]", "trunk.servers"),
            ("trunk", "trunk.user"),
            ("phone[1].number", "phones.list"),
            ("phones.first", "phones.list"),
            ("backup.passphrase", "backup.passphrase"),
            ("admin.password", "admin.password"),
        ] {
            assert!(FIELDS.contains(&field(key)) && field(key) == there, "{key}");
        }
    }
}
