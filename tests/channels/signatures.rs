//! Each adapter takes what its provider's library signs, and nothing that it refuses: every single bit of body, address and
//! signed headers is turned over.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use branchline::messaging::adapter::{
    Hook, Line, Meta, Plivo, Secret, Service, Sinch, Telegram, Telnyx, Twilio, Viber, Vonage,
};
use branchline::messaging::contract::Capabilities;
use branchline::messaging::web::{Adapter, Heard, NotHeard, Request};
use branchline::time::UnixTime;
use serde::Deserialize;

use crate::libraries::python;

#[derive(Deserialize)]
struct Case {
    provider: String,
    what: String,
    now: i64,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    key: Option<String>,
    sdk: bool,
}

impl Case {
    fn heard(&self) -> Result<Heard, NotHeard> {
        let body = STANDARD.decode(&self.body).expect("base64");
        let request =
            Request { method: "POST", url: &self.url, headers: &self.headers, body: &body };
        adapter(&self.provider, self.key.as_deref()).hear(UnixTime(self.now * 1_000_000), request)
    }
}

#[derive(Debug, Default)]
struct Count {
    refused: usize,
    /// Written otherwise, and meaning the same.
    same: usize,
    /// That the library takes and we do not.
    stricter: usize,
}

#[test]
fn adapters_take_what_libraries_sign_and_no_bit_that_is_turned_over() {
    let lines: Vec<Case> = python("sdks.py", &[])
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of sdks.py"))
        .collect();
    let mut good = BTreeMap::new();
    let mut counts = BTreeMap::<&str, Count>::new();
    for line in &lines {
        let heard = line.heard();
        if line.what == "good" {
            let heard = heard.unwrap_or_else(|why| panic!("{}: {why:?}", line.provider));
            assert!(line.sdk, "{}: its own library refuses it", line.provider);
            assert_eq!((heard.told.len(), heard.odd), (1, 0), "{}", line.provider);
            good.insert(line.provider.as_str(), heard);
            continue;
        }
        let count = counts.entry(&line.provider).or_default();
        match heard {
            Ok(heard) => {
                // `%2b` for `%2B`: other bytes, and not another message.
                assert!(
                    line.sdk,
                    "{}: we take a {} that its library refuses",
                    line.provider, line.what
                );
                assert_eq!(Some(&heard), good.get(line.provider.as_str()), "{}", line.what);
                count.same += 1;
            }
            Err(why) => {
                let wanted = if line.what == "old" { NotHeard::Stale } else { NotHeard::Unproved };
                let stale = line.what.ends_with("timestamp") && why == NotHeard::Stale;
                assert!(why == wanted || stale, "{}, {}: {why:?}", line.provider, line.what);
                count.refused += 1;
                count.stricter += usize::from(line.sdk);
            }
        }
    }
    for (provider, count) in &counts {
        println!("{provider}: {count:?}");
        assert!(count.refused > 500 && count.same < 10, "{provider}: {count:?}");
    }
    assert_eq!((good.len(), counts.len()), (12, 12));
    // What its library leaves to whoever calls: the body's hash, and how old the token is.
    assert!(counts["vonage"].stricter > 1_000 && counts["twilio_form"].stricter < 10);
}

#[test]
fn telegram_is_known_by_what_was_set_and_by_nothing_near_it() {
    let secret = "Set_when-2026";
    let bot = Telegram {
        api: String::new(),
        token: Secret::new("1:a"),
        called: Some(Secret::new(secret)),
    };
    let body =
        br#"{"update_id":1,"message":{"message_id":1,"chat":{"id":5},"date":1,"text":"Hi"}}"#;
    let hear = |shown: &[u8]| {
        let shown = String::from_utf8_lossy(shown).into_owned();
        let headers = [("X-Telegram-Bot-Api-Secret-Token".to_owned(), shown)];
        let url = "https://box.example/channels/bot";
        bot.hear(UnixTime(0), Request { method: "POST", url, headers: &headers, body })
    };
    assert_eq!(hear(secret.as_bytes()).expect("ours").told.len(), 1);
    for bit in 0..secret.len() * 8 {
        let mut other = secret.as_bytes().to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(hear(&other), Err(NotHeard::Unproved), "bit {bit}");
    }
    assert_eq!(hear(b""), Err(NotHeard::Unproved));
}

/// An adapter with the secrets that `sdks.py` signs with.
fn adapter(provider: &str, key: Option<&str>) -> Box<dyn Adapter> {
    let (api, sender) = (String::new(), "+15550100".to_owned());
    match provider {
        "whatsapp" => Box::new(Meta {
            service: Service::WhatsApp,
            api,
            id: "1".to_owned(),
            app_secret: Secret::new("app"),
            verify: Secret::new("word"),
            access: Secret::new("access"),
        }),
        "vonage" => Box::new(Vonage {
            api,
            key: "key".to_owned(),
            secret: Secret::new("secret"),
            signature: Secret::new("s".repeat(32)),
            service: "sms".to_owned(),
            sender,
        }),
        "telnyx" => Box::new(Telnyx {
            api,
            public_key: key.expect("a key").to_owned(),
            access: Secret::new("access"),
            sender,
            callback: None,
        }),
        "plivo" => Box::new(Plivo {
            api,
            account: "MA".to_owned(),
            token: Secret::new("token"),
            sender,
            callback: None,
        }),
        "sinch" => Box::new(Sinch {
            api,
            project: "p".to_owned(),
            app: "a".to_owned(),
            key: ("k".to_owned(), Secret::new("secret")),
            signature: Secret::new("secret"),
            service: "SMS".to_owned(),
        }),
        "line" => Box::new(Line {
            api: api.clone(),
            data: api,
            secret: Secret::new("secret"),
            access: Secret::new("access"),
        }),
        "viber" => Box::new(Viber { api, token: Secret::new("token"), name: "box".to_owned() }),
        "hook" => Box::new(hook()),
        _ => Box::new(Twilio {
            api,
            account: "AC1".to_owned(),
            token: Secret::new("token"),
            key: None,
            shared: vec![("shared_1".to_owned(), Secret::new("shared"))],
            sender,
            callback: None,
            discard: false,
        }),
    }
}

/// A program of the site that speaks our own form.
pub fn hook() -> Hook {
    let capabilities = Capabilities {
        longest: 4_000,
        media: 1 << 20,
        templates: false,
        delivered: true,
        read: true,
        typing: true,
        window: None,
    };
    Hook {
        url: "https://crm.example/out".to_owned(),
        service: "slack".to_owned(),
        secrets: vec![
            Secret::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret"),
        ],
        capabilities,
        within: Duration::from_secs(10),
    }
}
