use super::made::{self, Ground};
use super::*;
use crate::random::Random;

fn sheet(text: &str) -> Sheet {
    toml::from_str(text).expect(text)
}

const PLAIN: &str = "[site]\nname = \"A\"\ntime_zone = \"Europe/Berlin\"\ncountry = \"DE\"\n";

fn made(text: &str) -> made::Made {
    made::make(&sheet(text), &Ground::default(), &mut Random::from_number(1))
}

#[test]
fn four_lines_are_a_sheet() {
    let own = sheet(PLAIN);
    assert_eq!(own.faults(), []);
    let numbers: Vec<_> = own.all_phones().into_iter().map(|phone| phone.number).collect();
    assert_eq!(numbers, ["201", "202", "203"]);
    assert_eq!(own.network.lan, Card::Dhcp);
}

#[test]
fn every_fault_is_told_with_its_place() {
    let wrong = r#"
        phone = [{ number = "2" }, { number = "202", mac = "00:15" }, { number = "202", direct = "030 55" }]
        [site]
        name = ""
        time_zone = "Berlin"
        country = "DE"
        kind = "shop"
        keep_people = 40000
        address = { street = "", house_number = "7", city = "Hamburg" }
        [network]
        lan = { address = "192.168.10.0/24" }
        [trunk]
        servers = ["sip example"]
        user = "x"
        accept_from = ["0.0.0.0/0"]
        numbers = ["0301"]
        [phones]
        outside = "123"
        [admin]
        user = "a b"
        password = "short"
    "#;
    let faults = sheet(wrong).faults();
    let places: Vec<String> = faults
        .iter()
        .map(|fault| {
            fault
                .at
                .iter()
                .map(|way| match way {
                    Key(key) => format!(".{key}"),
                    Nth(place) => format!("[{place}]"),
                })
                .collect()
        })
        .collect();
    assert_eq!(
        places,
        [
            ".site.name",
            ".site.time_zone",
            ".site.keep_people",
            ".site.address.street",
            ".network.lan.address",
            ".trunk.servers[0]",
            ".trunk.user",
            ".trunk.accept_from[0]",
            ".trunk.numbers[0]",
            ".phones.outside",
            ".phone[0].number",
            ".phone[1].mac",
            ".phone[1].mac",
            ".phone[2].number",
            ".phone[2].direct",
            ".site.kind",
            ".admin.user",
            ".admin.password",
        ]
    );
}

#[test]
fn phones_are_not_numbered_past_their_digits() {
    let with = |count: u16, first: &str| {
        sheet(&format!("{PLAIN}[phones]\ncount = {count}\nfirst = \"{first}\"\n")).faults().len()
    };
    assert_eq!(
        (with(200, "201"), with(3, "98"), with(2, "98"), with(0, "201"), with(201, "201")),
        (0, 1, 0, 1, 1)
    );
    assert_eq!(sheet(&format!("{PLAIN}[phones]\nfirst = \"098\"\n")).all_phones()[2].number, "100");
}

#[test]
fn no_secret_is_in_the_configuration_nor_in_what_is_printed() {
    let text = format!(
        "{PLAIN}[trunk]\nservers = [\"sip.example.net\"]\nuser = \"u\"\npassword = \"hunter22\"\n\
         [modem]\nport = \"/dev/m\"\npin = \"4711\"\n[admin]\nuser = \"ann\"\npassword = \"tulips in may\"\n"
    );
    let own = made(&text);
    let names: Vec<_> = own.secrets.iter().map(|secret| secret.name.as_str()).collect();
    assert_eq!(names, ["201", "202", "203", "carrier", "sim-front-pin"]);
    let printed = format!("{:?}{:?}{}", sheet(&text), own, own.configuration);
    for secret in own.secrets.iter().map(|secret| secret.value.reveal()).chain(["tulips"]) {
        assert!(!printed.contains(secret), "{secret}");
    }
}

#[test]
fn names_cannot_break_out_of_their_place() {
    let mut own = sheet(PLAIN);
    own.site.name = "A\" \\ \u{1F600} ]\n[http]".to_owned();
    assert_eq!(own.faults().len(), 1, "a line end is refused");
    own.site.name = "A\" \\ [http]".to_owned();
    let text = made::make(&own, &Ground::default(), &mut Random::from_number(1)).configuration;
    let table: toml::Table = text.parse().expect("TOML");
    assert_eq!(table["site"]["name"].as_str(), Some("A\" \\ [http]"));
}

#[test]
fn how_long_things_are_kept_follows_the_country() {
    assert_eq!(made::kept("DE"), made::Kept { recordings: 90, people: 1095 });
    assert_eq!(made::kept("US"), made::Kept { recordings: 0, people: 0 });
    assert_eq!((made::outside("US"), made::outside("DE")), ("9", "0"));
    assert!(made(PLAIN).configuration.contains("recordings = 90\npeople = 1095"));
    let own = format!("{PLAIN}keep_recordings = 7\n");
    assert!(made(&own).configuration.contains("recordings = 7\npeople = 1095"));
}

#[test]
fn passwords_of_phones_are_long_and_each_its_own() {
    let own = made(PLAIN);
    let mut words: Vec<_> =
        own.secrets.iter().map(|secret| secret.value.reveal().to_owned()).collect();
    assert!(
        words.iter().all(|word| word.len() == 19 && !word.contains(['0', '1', 'i', 'l', 'o'])),
        "{words:?}"
    );
    words.sort();
    words.dedup();
    assert_eq!(words.len(), 3);
}
