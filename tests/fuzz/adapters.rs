//! What services tell and answer, signed as they sign: the first byte says which, the rest is the body.

use std::time::Duration;

use branchline::messaging::adapter::door;
use branchline::messaging::adapter::form::Fields;
use branchline::messaging::adapter::proof::{hex, sha256, to_base64};
use branchline::messaging::adapter::{
    Hook, Line, Meta, Plivo, Secret, Service, Sinch, Telegram, Twilio, Viber, Vonage,
};
use branchline::messaging::contract::{Capabilities, Told};
use branchline::messaging::kind;
use branchline::messaging::web::{Adapter, Answer, Heard, NotHeard, Request};
use branchline::time::UnixTime;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256};

const NOW: UnixTime = UnixTime(1_700_000_000_000_000);
const AT: &str = "1700000000";
const URL: &str = "https://box.example/in";

/// Nothing panics, what is signed is never called unproved, and what is told has a name and says the same again.
pub fn adapters(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else { return };
    let (adapter, headers, url) = signed(*which, body);
    let request = Request { method: "POST", url: &url, headers: &headers, body };
    match adapter.hear(NOW, request) {
        Ok(heard) => {
            look_at(&heard);
            assert_eq!(adapter.hear(NOW, request).as_ref(), Ok(&heard), "it says the same again");
        }
        // Too many fields are not looked at, and so not proved.
        Err(NotHeard::Unproved) => assert!(Fields::read(body).is_none(), "it is signed"),
        Err(why) => assert_eq!(why, NotHeard::Form),
    }
    for status in [200, 400, 403, 429, 500] {
        let answer = Answer::Replied { status, retry_after: None, body };
        let _ = (adapter.outcome(&[answer]), adapter.polled(answer), adapter.located(answer));
    }
    let _ = (door::wanted(body), kind::agreed(body, std::str::from_utf8(body).ok()));
}

fn look_at(heard: &Heard) {
    for told in &heard.told {
        if let Told::Arrived(arrived) = told {
            assert!(!arrived.key.is_empty() && !arrived.from.value.is_empty());
            assert!(arrived.key.len() < 2_000 && arrived.from.value.len() < 600);
            assert!(!arrived.pieces.is_empty() || arrived.refusal.is_some(), "nothing is lost");
        }
    }
}

type Signed = (Box<dyn Adapter>, Vec<(String, String)>, String);

fn signed(which: u8, body: &[u8]) -> Signed {
    let secret = Secret::new("secret");
    let own = |name: &str, value: String| (name.to_owned(), value);
    let hmac = |parts: &[&[u8]]| secret.sign(HMAC_SHA256, parts);
    let (api, url) = (String::new(), URL.to_owned());
    match which % 11 {
        0 => {
            let rest = Fields::read(body).map(|fields| joined(&fields, true)).unwrap_or_default();
            let tag =
                secret.sign(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[URL.as_bytes(), rest.as_bytes()]);
            (twilio(), vec![own("x-twilio-signature", to_base64(tag))], url)
        }
        1 => {
            let url = format!("{URL}?bodySHA256={}", sha256(body));
            let tag = secret.sign(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[url.as_bytes()]);
            let mime = own("content-type", "application/json".to_owned());
            (twilio(), vec![own("x-twilio-signature", to_base64(tag)), mime], url)
        }
        which @ 2..=4 => {
            let service = [Service::WhatsApp, Service::Messenger, Service::Instagram];
            let service = service[usize::from(which - 2)];
            let (app_secret, id) = (secret.clone(), "1".to_owned());
            let (verify, access) = (secret.clone(), secret.clone());
            let meta = Meta { service, api, id, app_secret, verify, access };
            let tag = format!("sha256={}", hex(hmac(&[body])));
            (Box::new(meta), vec![own("x-hub-signature-256", tag)], url)
        }
        5 => {
            let bot = Telegram { api, token: secret.clone(), called: Some(secret) };
            let header = own("x-telegram-bot-api-secret-token", "secret".to_owned());
            (Box::new(bot), vec![header], url)
        }
        6 => {
            let (header, claims) = (
                r#"{"alg":"HS256"}"#,
                format!(r#"{{"iat":{AT},"jti":"j","payload_hash":"{}"}}"#, sha256(body)),
            );
            let part = |text: &str| to_url(&to_base64(text));
            let signed = format!("{}.{}", part(header), part(&claims));
            let token = format!("{signed}.{}", to_url(&to_base64(hmac(&[signed.as_bytes()]))));
            let (key, signature) = ("key".to_owned(), secret.clone());
            let (service, sender) = ("sms".to_owned(), "1".to_owned());
            let vonage = Vonage { api, key, secret, signature, service, sender };
            (Box::new(vonage), vec![own("authorization", format!("Bearer {token}"))], url)
        }
        7 => {
            let fields = Fields::read(body).unwrap_or_default();
            let mark = if fields.is_empty() { "" } else { "?" };
            let rest = joined(&fields, false);
            let text = format!("{URL}{mark}{rest}.n");
            let tag = to_base64(hmac(&[text.as_bytes()]));
            let nonce = own("x-plivo-signature-v3-nonce", "n".to_owned());
            let (account, sender) = ("a".to_owned(), "1".to_owned());
            let plivo = Plivo { api, account, token: secret, sender, callback: None };
            (Box::new(plivo), vec![own("x-plivo-signature-v3", tag), nonce], url)
        }
        8 => {
            let tag = to_base64(hmac(&[body, b".n.", AT.as_bytes()]));
            let headers = vec![
                own("x-sinch-webhook-signature", tag),
                own("x-sinch-webhook-signature-nonce", "n".to_owned()),
                own("x-sinch-webhook-signature-timestamp", AT.to_owned()),
            ];
            let (project, app, service) = ("p".to_owned(), "a".to_owned(), "SMS".to_owned());
            let key = ("k".to_owned(), secret.clone());
            let sinch = Sinch { api, project, app, key, signature: secret, service };
            (Box::new(sinch), headers, url)
        }
        9 if body.len().is_multiple_of(2) => {
            let tag = to_base64(hmac(&[body]));
            let line = Line { api: api.clone(), data: api, access: secret.clone(), secret };
            (Box::new(line), vec![own("x-line-signature", tag)], url)
        }
        9 => {
            let tag = hex(hmac(&[body]));
            let viber = Viber { api, token: secret, name: "box".to_owned() };
            (Box::new(viber), vec![own("x-viber-content-signature", tag)], url)
        }
        _ => {
            let tag = to_base64(hmac(&[b"id.", AT.as_bytes(), b".", body]));
            let headers = vec![
                own("webhook-id", "id".to_owned()),
                own("webhook-timestamp", AT.to_owned()),
                own("webhook-signature", format!("v1,{tag}")),
            ];
            (Box::new(hook(secret)), headers, url)
        }
    }
}

fn joined(fields: &Fields, once: bool) -> String {
    let mut text = String::new();
    for (name, mut values) in fields.sorted() {
        if once {
            values.dedup();
        }
        values.iter().for_each(|value| text.extend([name, value]));
    }
    text
}

fn to_url(base64: &str) -> String {
    base64.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

fn twilio() -> Box<dyn Adapter> {
    Box::new(Twilio {
        api: String::new(),
        account: "AC1".to_owned(),
        token: Secret::new("secret"),
        key: None,
        shared: Vec::new(),
        sender: "+15550100".to_owned(),
        callback: None,
        discard: false,
    })
}

fn hook(secret: Secret) -> Hook {
    let capabilities = Capabilities {
        longest: 4_000,
        media: 0,
        templates: false,
        delivered: true,
        read: true,
        typing: true,
        window: None,
    };
    let (url, service) = (URL.to_owned(), "own".to_owned());
    Hook { url, service, secrets: vec![secret], capabilities, within: Duration::from_secs(10) }
}
