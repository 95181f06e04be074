use super::*;

fn sheet() -> Sheet {
    let account = |number: &str, name: &str, password: &str| Account {
        number: number.to_owned(),
        name: name.to_owned(),
        password: password.to_owned(),
        encryption: if number == "205" { Encryption::Required } else { Encryption::Off },
    };
    let key = |kind, number: &str, label: &str| Key {
        kind,
        number: number.to_owned(),
        label: label.to_owned(),
    };
    Sheet {
        accounts: vec![
            account("201", "Reception", "tulip & \"rose\" <1>"),
            account("205", "", "b"),
        ],
        keys: vec![
            key(KeyKind::Lamp, "202", "Ann"),
            key(KeyKind::Speed, "95550123", ""),
            key(KeyKind::Park, "71", "Park 1"),
        ],
        server: "pbx.example".to_owned(),
        port: 5061,
        way: Way::Tls,
        expires_s: 3_600,
        codecs: vec!["pcma".to_owned(), "pcmu".to_owned()],
        messages: "*97".to_owned(),
        help: vec!["112".to_owned(), "911".to_owned(), "9911".to_owned()],
        url: "https://pbx.example:8443/p/0123/".to_owned(),
        again_h: 24,
        zone: TimeZone::get("America/Chicago").expect("a zone"),
        now: UnixTime(1_795_000_000_000_000),
    }
}

#[test]
fn a_yealink_s_file_is_as_it_was_read_and_approved() {
    let expected = include_str!("golden/yealink.cfg");
    assert_eq!(Make::Yealink.write(&sheet()).expect("a file"), expected);
}

#[test]
fn a_snom_s_file_is_as_it_was_read_and_approved() {
    let expected = include_str!("golden/snom.xml");
    assert_eq!(Make::Snom.write(&sheet()).expect("a file"), expected);
}

#[test]
fn nothing_that_is_written_begins_a_setting_of_its_own() {
    let mut sheet = sheet();
    let evil = "x\naccount.1.password = gotcha\r\n</user_realname><user_pass>gotcha";
    sheet.accounts[0].name = evil.to_owned();
    sheet.keys[0].label = evil.to_owned();
    sheet.keys[0].number = format!("{evil}\" perm=\"RW");
    let file = Make::Yealink.write(&sheet).expect("a file");
    assert!(file.lines().all(|line| !line.starts_with("account.1.password = gotcha")), "{file}");
    assert_eq!(file.lines().count(), include_str!("golden/yealink.cfg").lines().count());
    let file = Make::Snom.write(&sheet).expect("a file");
    assert_eq!(file.matches("<user_pass").count(), 2, "{file}");
    assert_eq!(file.matches("perm=\"RW").count(), 0, "{file}");
    assert_eq!(file.lines().count(), include_str!("golden/snom.xml").lines().count());
}

#[test]
fn a_password_that_would_become_another_one_is_not_written() {
    for make in [Make::Yealink, Make::Snom] {
        let mut sheet = sheet();
        sheet.accounts[0].password = "two\nlines".to_owned();
        assert_eq!(make.write(&sheet), Err(NotWritable::Password));
        sheet.accounts.clear();
        assert_eq!(make.write(&sheet), Err(NotWritable::NoLine));
    }
}
