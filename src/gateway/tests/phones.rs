//! Desk phones that fetch their configuration, and others who would like to have it.

use super::*;
use crate::admin::web::{Method, Request, Response};
use crate::admin::{Command, Reply};

const PHONES: &str = r#"
[http]
listen = ["127.0.0.1:8443"]
[provisioning]
url = "https://192.0.2.1:8443/"
[[phone]]
mac = "00:15:65:AA:BB:CC"
make = "yealink"
lines = ["201", "202"]
keys = [{ kind = "lamp", number = "203" }]
[[phone]]
mac = "000413aabbcc"
make = "snom"
lines = ["203"]
"#;

const YEALINK: &str = "001565aabbcc";
const SNOM: &str = "000413aabbcc";

fn scene() -> World {
    World::of(1, &format!("{CONFIG}{PHONES}"), 0)
}

impl World {
    /// Somebody at `host` asks.
    fn fetch_as(&mut self, host: u8, method: Method, path: &str) -> Option<Response> {
        let id = self.answers.keys().next_back().map_or(0, |last| last + 1);
        let from = IpAddr::from([192, 0, 2, host]);
        let request = Request { method, path: path.to_owned(), from };
        self.gateway.handle_web(self.now, ReplyTo(id), &request);
        self.carry_out();
        self.answers.get(&id).cloned()
    }

    fn fetch(&mut self, path: &str) -> Response {
        self.fetch_as(50, Method::Get, path).expect("an answer")
    }

    /// What an admin is told, without the part that the phone has already.
    fn url(&mut self, mac: &str, once: bool, renew: bool) -> String {
        let command = Command::PhoneUrl { mac: mac.to_owned(), once, renew };
        self.gateway.handle_control(self.now, ReplyTo(1), &command);
        let mut outputs = Vec::new();
        let mut url = None;
        while let Some(output) = self.gateway.poll_output() {
            match output {
                Output::Reply(_, Reply::PhoneUrl { url: told, .. }) => url = Some(told),
                other => outputs.push(other),
            }
        }
        outputs.into_iter().for_each(|output| self.carry_out_one(output));
        let url = url.expect("an address");
        url.strip_prefix("https://192.0.2.1:8443").expect("our address").to_owned()
    }

    fn fetched(&mut self, extension: &str) -> Option<UnixTime> {
        self.gateway.handle_control(self.now, ReplyTo(1), &Command::Phones);
        std::iter::from_fn(|| self.gateway.poll_output()).find_map(|output| match output {
            Output::Reply(_, Reply::Phones(phones)) => {
                phones.into_iter().find(|phone| phone.extension.as_str() == extension)?.sheets[0]
                    .fetched
            }
            _ => None,
        })
    }
}

fn text(response: &Response) -> String {
    String::from_utf8(response.body.clone()).expect("text")
}

#[test]
fn a_phone_gets_its_own_passwords_at_its_own_address_and_the_fetch_is_kept() {
    let mut world = scene();
    let url = world.url("00-15-65-aa-bb-cc", false, false);
    assert_eq!(world.fetched("201"), None);
    let told = world.fetch(&format!("{url}{YEALINK}.cfg"));
    assert_eq!((told.status, told.content_type), (200, "text/plain; charset=utf-8"));
    let file = text(&told);
    for line in [
        "account.1.user_name = 201",
        "account.1.password = secret",
        "account.2.user_name = 202",
        "account.1.sip_server.1.address = 192.0.2.1",
        "linekey.3.value = 203",
        "voice_mail.number.1 = *97",
    ] {
        assert!(file.lines().any(|own| own == line), "{line} is not in\n{file}");
    }
    assert!(
        file.contains(&format!("static.auto_provision.server.url = https://192.0.2.1:8443{url}"))
    );
    assert_eq!(world.fetched("201"), Some(world.now.unix));
    let snom = world.url(SNOM, false, false);
    let told = world.fetch(&snom);
    assert!(
        snom.ends_with(&format!("/{SNOM}.xml")) && text(&told).contains("<user_name idx=\"1\"")
    );
    // The common file that a phone asks for first is not there, and is not held against it.
    for _ in 0..100 {
        assert_eq!(world.fetch(&format!("{url}y000000000065.cfg")).status, 404);
    }
    assert_eq!(world.gateway.phones.mistakes, 0);
    assert_eq!(world.fetch(&format!("{url}{YEALINK}.cfg")).status, 200);
}

#[test]
fn the_hardware_address_alone_yields_nothing_and_neither_does_another_phone_s_token() {
    let mut world = scene();
    let url = world.url(YEALINK, false, false);
    let token = url.split('/').nth(2).expect("a token").to_owned();
    assert_eq!(token.len(), 32, "128 bits");
    let wrong: String = token.chars().rev().collect();
    for path in [
        format!("/{YEALINK}.cfg"),
        format!("/p/{YEALINK}.cfg"),
        format!("/p//{YEALINK}.cfg"),
        format!("/p/{wrong}/{YEALINK}.cfg"),
        format!("/first/{YEALINK}/{YEALINK}.cfg"),
        format!("/p/{token}/{SNOM}.xml"),
        format!("/p/{token}/{SNOM}.cfg"),
        format!("/p/{token}/../{token}/{YEALINK}.cfg"),
        format!("/p/{token}/%2e%2e/{YEALINK}.cfg"),
        format!("/p/{token}"),
        "/".to_owned(),
    ] {
        let told = world.fetch(&path);
        assert!([400, 404].contains(&told.status), "{path}: {told:?}");
        assert!(!text(&told).contains("password"), "{path}");
    }
    let told =
        world.fetch_as(50, Method::Other, &format!("{url}{YEALINK}.cfg")).expect("an answer");
    assert_eq!(told.status, 405);
    let head = world.fetch_as(50, Method::Head, &format!("{url}{YEALINK}.cfg")).expect("an answer");
    assert_eq!(head.status, 200);
    assert_eq!(world.fetched("201"), None, "nobody has it");
}

#[test]
fn who_guesses_is_not_answered_for_a_while_and_the_others_are() {
    let mut world = scene();
    let url = world.url(YEALINK, false, false);
    for guess in 0..20 {
        assert_eq!(world.fetch(&format!("/p/{guess:032}/{YEALINK}.cfg")).status, 404);
    }
    let right = format!("{url}{YEALINK}.cfg");
    let told = world.fetch(&right);
    assert_eq!(told.status, 429, "not even with the right one");
    assert!(told.retry_after_s.is_some_and(|wait| wait > 500));
    assert_eq!(world.fetch_as(51, Method::Get, &right).map(|told| told.status), Some(200));
    world.pass(Duration::from_secs(601));
    assert_eq!(world.fetch(&right).status, 200);
}

#[test]
fn a_code_for_the_first_contact_fits_once_and_not_for_long() {
    let mut world = scene();
    let first = world.url(YEALINK, true, false);
    let path = format!("{first}{YEALINK}.cfg");
    assert_eq!(
        world.fetch(&format!("{first}y000000000065.cfg")).status,
        404,
        "this does not use it up"
    );
    let told = world.fetch(&path);
    let own = world.url(YEALINK, false, false);
    assert!(text(&told).contains(&own), "the phone is told its own address");
    assert_eq!(world.fetch(&path).status, 404, "once");
    let late = world.url(YEALINK, true, false);
    world.pass(Duration::from_secs(15 * 60 + 1));
    assert_eq!(world.fetch(&format!("{late}{YEALINK}.cfg")).status, 404, "not later");
}

#[test]
fn an_address_that_was_seen_is_replaced_and_both_outlive_a_restart() {
    let mut world = scene();
    let before = world.url(YEALINK, false, false);
    let after = world.url(YEALINK, false, true);
    assert_ne!(before, after);
    assert_eq!(world.fetch(&format!("{before}{YEALINK}.cfg")).status, 404);
    assert_eq!(world.fetch(&format!("{after}{YEALINK}.cfg")).status, 200);
    let live = world.gateway.journal.live().clone();
    let mut world = scene();
    let keys = Keyring::open(&[1; 32], &[], Random::from_number(3));
    let resume = Resume { live, ..Resume::default() };
    world.gateway.journal =
        Journal::new(world.now, resume, keys, Sealer::from_seed(&[2; 32]).unwrap());
    world.gateway.handle_started(world.now, false);
    world.carry_out();
    assert_eq!(world.fetch(&format!("{after}{YEALINK}.cfg")).status, 200);
}

#[test]
fn no_password_leaves_before_the_fetch_is_in_the_journal() {
    let mut world = scene();
    let path = format!("{}{YEALINK}.cfg", world.url(YEALINK, false, false));
    world.disk_waits = true;
    assert_eq!(world.fetch_as(50, Method::Get, &path), None);
    world.disk_waits = false;
    world.disk_goes_on();
    world.carry_out();
    assert_eq!(world.answers.values().next_back().map(|told| told.status), Some(200));
}

#[test]
fn one_phone_does_not_fill_the_journal() {
    let mut world = scene();
    let path = format!("{}{YEALINK}.cfg", world.url(YEALINK, false, false));
    let answers: Vec<_> = (0..100).map(|_| world.fetch(&path).status).collect();
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 60);
    world.pass(Duration::from_secs(3_601));
    assert_eq!(world.fetch(&path).status, 200);
}
