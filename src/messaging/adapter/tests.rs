use std::time::Duration;

use serde_json::{Value, json};

use super::proof::{hex, sha256, to_base64};
use super::*;
use crate::id::MessageId;
use crate::messaging::contract::{Fault, Outcome, Outgoing, Refusal, Status, Told};
use crate::messaging::web::{Adapter, Answer, Ask, Files, Heard, NotHeard, Request};
use crate::messaging::{Address, Attachment, Content, Kind, Media, Piece, Place};
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime(1_795_000_000_000_000);
const URL: &str = "https://box.example/channels/text";

/// An account as tests have it.
pub fn twilio(token: &str) -> Twilio {
    Twilio {
        api: "https://api.twilio.com".to_owned(),
        account: "AC00000000000000000000000000000001".to_owned(),
        token: Secret::new(token),
        key: None,
        shared: vec![("shared_1".to_owned(), Secret::new("another"))],
        sender: "+15550100".to_owned(),
        callback: Some(URL.to_owned()),
        discard: true,
    }
}

fn meta(service: Service) -> Meta {
    Meta {
        service,
        api: "https://graph.facebook.com/v23.0".to_owned(),
        id: "1001".to_owned(),
        app_secret: Secret::new("app"),
        verify: Secret::new("word"),
        access: Secret::new("shown"),
    }
}

fn telegram(called: Option<&str>) -> Telegram {
    let called = called.map(Secret::new);
    Telegram { api: "https://api.telegram.org".to_owned(), token: Secret::new("1:a"), called }
}

fn hook() -> Hook {
    Hook {
        url: "https://crm.example/out".to_owned(),
        service: "slack".to_owned(),
        secrets: vec![Secret::standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()],
        capabilities: telegram(None).capabilities(),
        within: Duration::from_secs(10),
    }
}

/// Files of which there is one, which has an address when there is one.
struct Shelf(Option<&'static str>);

impl Files for Shelf {
    fn bytes(&self, _: Content) -> Option<Vec<u8>> {
        Some(b"bytes".to_vec())
    }

    fn url(&self, _: Content) -> Option<String> {
        self.0.map(str::to_owned)
    }
}

fn media(mime: &str) -> Piece<String> {
    let (name, mime) = (Some("a\"b\r\n.pdf".to_owned()), mime.to_owned());
    Piece::Media { media: Media { content: Content([7; 32]), mime, name, size: 5 } }
}

fn outgoing(to: Address, pieces: Vec<Piece<String>>) -> Outgoing {
    Outgoing {
        message: MessageId(9),
        attempt: 1,
        to,
        from: None,
        pieces,
        answers: None,
        thread: None,
        subject: None,
        until: NOW + Duration::from_secs(600),
        urgent: false,
    }
}

fn phone() -> Address {
    Address::new(Kind::Phone, "+15551234567")
}

fn person(value: &str) -> Address {
    Address::new(Kind::Business, value)
}

fn replied(status: u16, body: &str) -> Answer<'_> {
    Answer::Replied { status, retry_after: None, body: body.as_bytes() }
}

fn json_of(ask: &Ask) -> Value {
    serde_json::from_slice(&ask.body).expect("JSON")
}

/// What WhatsApp tells, signed.
fn whatsapp(value: Value) -> Result<Heard, NotHeard> {
    let entry = json!([{"id": "1", "changes": [{"field": "messages", "value": value}]}]);
    let body = json!({"object": "whatsapp_business_account", "entry": entry}).to_string();
    signed_by_meta(Service::WhatsApp, body.as_bytes())
}

fn signed_by_meta(service: Service, body: &[u8]) -> Result<Heard, NotHeard> {
    let tag = Secret::new("app").sign(ring::hmac::HMAC_SHA256, &[body]);
    let header = ("X-Hub-Signature-256".to_owned(), format!("sha256={}", hex(tag)));
    meta(service).hear(NOW, Request { method: "POST", url: URL, headers: &[header], body })
}

/// A message's key, who wrote it, and its pieces.
type Written<'a> = (&'a str, &'a Address, &'a [Piece<String, Attachment>]);

/// Each message that is told.
fn arrived(heard: &Heard) -> Vec<Written<'_>> {
    let told = heard.told.iter().filter_map(|told| match told {
        Told::Arrived(arrived) => {
            Some((arrived.key.as_str(), &arrived.from, arrived.pieces.as_slice()))
        }
        _ => None,
    });
    told.collect()
}

fn posted_to_twilio(body: &str) -> Result<Heard, NotHeard> {
    let mut fields: Vec<(String, String)> =
        form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    fields.sort();
    let rest: String = fields.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let parts = [URL.as_bytes(), rest.as_bytes()];
    let tag = Secret::new("t").sign(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &parts);
    let header = ("x-twilio-signature".to_owned(), to_base64(tag));
    let body = body.as_bytes();
    twilio("t").hear(NOW, Request { method: "POST", url: URL, headers: &[header], body })
}

#[test]
fn twilio_tells_words_files_places_and_that_somebody_wants_no_more() {
    let heard = posted_to_twilio(
        "MessageSid=MM1&From=whatsapp%3A%2B15551234567&To=whatsapp%3A%2B15550100&Body=Hi+%F0%9F%98%80&NumMedia=2\
         &MediaUrl0=https%3A%2F%2Fapi.twilio.com%2Fa&MediaContentType0=image%2Fjpeg&MediaUrl1=https%3A%2F%2Fb&\
         Latitude=47.4&Longitude=8.5&Label=Shop&OptOutType=STOP&ProfileName=Kim",
    );
    let heard = heard.unwrap();
    let Told::Arrived(told) = &heard.told[0] else { panic!("{heard:?}") };
    assert_eq!((told.from.clone(), told.name.as_deref()), (phone(), Some("Kim")));
    assert_eq!((told.refusal, told.pieces.len()), (Some(Refusal::Stop), 4));
    assert_eq!(told.pieces[0], Piece::text("Hi \u{1f600}"));
    let place = Piece::Location { at: "47.4,8.5".to_owned(), name: Some("Shop".to_owned()) };
    assert_eq!(told.pieces[1], place);
    assert_eq!(String::from_utf8(heard.reply.body).unwrap(), "<Response/>");
    let other = posted_to_twilio("MessageSid=MM2&From=12345&Body=&MessageType=poll").unwrap();
    let unsupported = [Piece::text("[unsupported: poll]")];
    assert_eq!(arrived(&other)[0].2, unsupported);
    assert_eq!(arrived(&other)[0].1.kind, Kind::Short);
}

#[test]
fn twilio_reports_go_by_its_numbers_and_its_own_account() {
    let status = |fields: &str| match &posted_to_twilio(fields).unwrap().told[..] {
        [Told::Report(report)] => Some(report.status.clone()),
        [] => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(status("MessageSid=SM1&MessageStatus=queued"), None);
    assert_eq!(status("MessageSid=SM1&MessageStatus=delivered"), Some(Status::Delivered));
    let Some(Status::Failed(failure)) =
        status("MessageSid=SM1&MessageStatus=undelivered&ErrorCode=21610")
    else {
        panic!()
    };
    assert_eq!((failure.fault, failure.code.as_str()), (Fault::Refused, "21610"));
    let other = posted_to_twilio("MessageSid=SM1&MessageStatus=sent&AccountSid=ACother");
    assert_eq!(other, Err(NotHeard::Form));
}

#[test]
fn twilio_json_without_its_hash_in_the_address_is_nobodys() {
    let body = br#"{"MessageSid":"SM1","From":"+15551234567","Body":"hi"}"#;
    let hear = |url: &str| {
        let parts = [url.as_bytes()];
        let tag = Secret::new("another").sign(ring::hmac::HMAC_SHA256, &parts);
        let headers = [
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("X-Twilio-Signature", to_base64(tag)),
            (
                "X-Twilio-Webhooks-Signature-Settings",
                "key=shared_1,algorithm=HMAC_SHA256".to_owned(),
            ),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        twilio("t").hear(NOW, Request { method: "POST", url, headers: &headers, body })
    };
    let good = hear(&format!("{URL}?bodySHA256={}", sha256(body))).unwrap();
    assert_eq!(arrived(&good)[0].2, [Piece::text("hi")]);
    assert_eq!(hear(URL), Err(NotHeard::Unproved));
    assert_eq!(hear(&format!("{URL}?bodySHA256={}", sha256(b""))), Err(NotHeard::Unproved));
}

#[test]
fn twilio_is_asked_with_a_form_and_its_answers_are_verdicts() {
    let message = outgoing(phone(), vec![Piece::text("A & B"), media("image/png")]);
    let shelf = Shelf(Some("https://site.example/f/7"));
    let ask = twilio("t").ask(NOW, &message, &shelf, &[]).unwrap().unwrap();
    assert!(ask.url.ends_with("/Accounts/AC00000000000000000000000000000001/Messages.json"));
    let body = String::from_utf8(ask.body).unwrap();
    for part in [
        "To=%2B15551234567",
        "From=%2B15550100",
        "Body=A+%26+B",
        "MediaUrl=https%3A%2F%2Fsite",
        "ValidityPeriod=600",
        "ContentRetention=discard",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    assert_eq!(
        twilio("t").ask(NOW, &message, &Shelf(None), &[]).unwrap_err().fault,
        Fault::Content
    );
    let outcome = |answer| twilio("t").outcome(&[answer]);
    let taken = outcome(replied(201, r#"{"sid":"SM5"}"#));
    assert_eq!(taken, Outcome::Accepted { references: vec!["SM5".to_owned()] });
    let Outcome::Refused(failure) = outcome(replied(400, r#"{"code":21610}"#)) else { panic!() };
    assert_eq!(failure.fault, Fault::Refused);
    let limited = Answer::Replied { status: 429, retry_after: Some(7), body: b"" };
    assert_eq!(outcome(limited), Outcome::Throttled(Duration::from_secs(7)));
    assert_eq!(outcome(replied(500, "")), Outcome::Doubtful);
    assert_eq!(outcome(replied(201, "<html>")), Outcome::Doubtful);
    assert_eq!(
        (outcome(Answer::Away), outcome(Answer::Silent)),
        (Outcome::Away, Outcome::Doubtful)
    );
}

#[test]
fn meta_is_told_its_challenge_only_with_the_word() {
    let hear = |url: &str| {
        meta(Service::WhatsApp).hear(NOW, Request { method: "GET", url, headers: &[], body: b"" })
    };
    let query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token";
    let good = hear(&format!("{URL}?{query}=word")).unwrap();
    assert_eq!(
        (good.reply.body.as_slice(), good.reply.mime),
        (&b"1158201444"[..], Some("text/plain"))
    );
    assert_eq!(hear(&format!("{URL}?{query}=wore")), Err(NotHeard::Unproved));
    assert_eq!(hear(URL), Err(NotHeard::Unproved));
    let script = "hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=word";
    assert_eq!(hear(&format!("{URL}?{script}")), Err(NotHeard::Form));
}

#[test]
fn whatsapp_tells_of_people_without_a_number_and_loses_nothing_that_it_does_not_know() {
    let heard = whatsapp(json!({
        "metadata": {"display_phone_number": "1 555-555-0100", "phone_number_id": "1001"},
        "contacts": [{"user_id": "US.13", "profile": {"name": "Kim", "username": "kim"}}],
        "messages": [
            {"id": "wamid.1", "from_user_id": "US.13", "timestamp": "1795000000", "type": "text",
             "text": {"body": "Hi"}, "context": {"id": "wamid.0"}},
            {"id": "wamid.2", "from": "15551234567", "type": "image",
             "image": {"id": "77", "mime_type": "image/jpeg", "caption": "Look"}},
            {"id": "wamid.3", "from": "15551234567", "type": "order", "order": {"x": 1}},
            {"id": "wamid.4", "from": "15551234567", "type": "interactive",
             "interactive": {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}},
            {"id": "wamid.5", "from": "15551234567", "type": "reaction",
             "reaction": {"message_id": "wamid.9", "emoji": "\u{1f44d}"}},
            {"id": {"an": "object"}, "from": [], "type": 7},
        ],
        "statuses": [
            {"id": "wamid.8", "status": "read", "timestamp": "1795000001"},
            {"id": "wamid.9", "status": "failed", "errors": [{"code": 131047}]},
        ],
    }))
    .unwrap();
    let told = arrived(&heard);
    assert_eq!(told[0], ("wamid.1", &person("whatsapp:US.13"), &[Piece::text("Hi")][..]));
    let place = Place::Id("77".to_owned());
    assert!(matches!(&told[1].2[0], Piece::Media { media } if media.place == place));
    assert_eq!((told[1].1, &told[1].2[1]), (&phone(), &Piece::text("Look")));
    assert_eq!(told[2].2, [Piece::text("[unsupported: order]")]);
    let label = "Yes".to_owned();
    assert_eq!(told[3].2, [Piece::Choice { id: "yes".to_owned(), label }]);
    assert!(matches!(&told[4].2[0], Piece::Reaction { to, .. } if to == "wamid.9"));
    assert_eq!((told.len(), heard.odd), (5, 1));
    let reports: Vec<&Status> = heard.told.iter().filter_map(status_of).collect();
    assert_eq!(reports[0], &Status::Read);
    assert!(matches!(reports[1], Status::Failed(failure) if failure.fault == Fault::Window));
}

fn status_of(told: &Told) -> Option<&Status> {
    match told {
        Told::Report(report) => Some(&report.status),
        _ => None,
    }
}

#[test]
fn whatsapp_takes_a_file_first_and_then_what_names_it() {
    let whatsapp = meta(Service::WhatsApp);
    let message =
        outgoing(person("whatsapp:US.13"), vec![media("application/pdf"), Piece::text("It")]);
    let ask = |answers: &[Answer<'_>]| whatsapp.ask(NOW, &message, &Shelf(None), answers).unwrap();
    let upload = ask(&[]).unwrap();
    assert!(upload.url.ends_with("/1001/media"));
    let text = String::from_utf8(upload.body).unwrap();
    assert!(text.contains("filename=\"ab.pdf\"\r\n") && text.contains("\r\n\r\nbytes\r\n--"));
    let (taken, sent) =
        (replied(200, r#"{"id":"55"}"#), replied(200, r#"{"messages":[{"id":"wamid.A"}]}"#));
    let body = json_of(&ask(&[taken]).unwrap());
    assert_eq!((&body["recipient"], &body["document"]["id"]), (&json!("US.13"), &json!("55")));
    assert_eq!(json_of(&ask(&[taken, sent]).unwrap())["text"]["body"], "It");
    assert_eq!(ask(&[taken, sent, sent]), None);
    let references = vec!["wamid.A".to_owned(); 2];
    assert_eq!(whatsapp.outcome(&[taken, sent, sent]), Outcome::Accepted { references });
    // Half of it has arrived: it is not tried again as a whole.
    assert_eq!(whatsapp.outcome(&[taken, sent, Answer::Away]), Outcome::Doubtful);
    assert_eq!(whatsapp.outcome(&[taken, Answer::Away]), Outcome::Away);
}

#[test]
fn whatsapp_sends_templates_buttons_and_reactions_in_its_own_form() {
    let body = |pieces| {
        let message = outgoing(phone(), pieces);
        let ask = meta(Service::WhatsApp).ask(NOW, &message, &Shelf(None), &[]);
        json_of(&ask.unwrap().unwrap())
    };
    let values = vec!["Kim".to_owned()];
    let (name, language) = ("hello".to_owned(), "en-US".to_owned());
    let template = body(vec![Piece::Template { name, language, values }]);
    assert_eq!(template["template"]["language"]["code"], "en_US");
    assert_eq!(template["template"]["components"][0]["parameters"][0]["text"], "Kim");
    let choice = |id: &str| Piece::Choice { id: id.to_owned(), label: format!("Label {id}") };
    let buttons = body(vec![Piece::text("Which?"), choice("a"), choice("b")]);
    assert_eq!(buttons["interactive"]["action"]["buttons"][1]["reply"]["id"], "b");
    let list =
        body(vec![Piece::text("Which?"), choice("a"), choice("b"), choice("c"), choice("d")]);
    assert_eq!(list["interactive"]["type"], "list");
    let reaction = body(vec![Piece::Reaction { to: "wamid.1".to_owned(), sign: None }]);
    assert_eq!(reaction["reaction"], json!({"message_id": "wamid.1", "emoji": ""}));
}

#[test]
fn messenger_and_instagram_tell_by_page_and_echo_nothing() {
    let events = json!([
        {"sender": {"id": "9"}, "recipient": {"id": "1"}, "timestamp": 1_795_000_000_000_i64,
         "message": {"mid": "m_1", "text": "Hi", "attachments": [{"type": "image", "payload": {"url": "https://x/1"}}]}},
        {"sender": {"id": "1"}, "recipient": {"id": "9"}, "message": {"mid": "m_2", "is_echo": true, "text": "own"}},
        {"sender": {"id": "9"}, "timestamp": 1, "delivery": {"mids": ["m_2", "m_3"]}},
        {"sender": {"id": "9"}, "timestamp": 2, "read": {"watermark": 1_795_000_000_000_i64}},
        {"sender": {"id": "9"}, "timestamp": 3, "postback": {"payload": "START", "title": "Begin"}},
        {"sender": {"id": "9"}, "timestamp": 4, "game_play": {"x": 1}},
        {"nothing": true},
    ]);
    let body = json!({"object": "page", "entry": [{"id": "1", "messaging": events}]}).to_string();
    let heard = signed_by_meta(Service::Messenger, body.as_bytes()).unwrap();
    let told = arrived(&heard);
    assert_eq!((told[0].0, told[0].1), ("m_1", &person("messenger:9")));
    assert_eq!(told[1].0, "postback:messenger:9:3");
    assert_eq!(told[2].2, [Piece::text("[unsupported: game_play]")]);
    assert_eq!((heard.told.len(), heard.odd), (6, 1));
    assert_eq!(signed_by_meta(Service::Instagram, body.as_bytes()), Err(NotHeard::Form));
}

#[test]
fn telegram_is_asked_from_where_it_was_and_goes_on_behind_the_last() {
    let bot = telegram(None);
    let ask = bot.poll(Some("8")).unwrap();
    assert_eq!(
        (json_of(&ask)["offset"].clone(), ask.within > Duration::from_secs(50)),
        (json!(8), true)
    );
    let chat = json!({"id": 5, "type": "private"});
    let message = |number: i64, rest: Value| {
        let mut message = json!({"message_id": number, "chat": chat, "date": 1_795_000_000,
            "from": {"id": 5, "first_name": "Kim", "is_bot": false}});
        for (name, value) in rest.as_object().unwrap() {
            message[name] = value.clone();
        }
        message
    };
    let markup = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]});
    let answer = json!({"ok": true, "result": [
        {"update_id": 8, "message": message(1, json!({"text": "Hi"}))},
        {"update_id": 9, "message": message(2, json!({"photo": [{"file_id": "small"}, {"file_id": "big"}], "caption": "Me"}))},
        {"update_id": 10, "edited_message": message(1, json!({"text": "Hello"}))},
        {"update_id": 11, "callback_query": {"id": "q1", "from": {"id": 5, "first_name": "Kim"}, "data": "y",
            "message": message(3, json!({"text": "?", "reply_markup": markup}))}},
        {"update_id": 12, "my_chat_member": {"chat": chat, "date": 1,
            "old_chat_member": {"status": "member"}, "new_chat_member": {"status": "kicked"}}},
        {"update_id": 13, "message": message(4, json!({"poll": {"id": "1"}}))},
        {"update_id": "x"},
    ]});
    let polled = bot.polled(replied(200, &answer.to_string())).unwrap();
    let heard = Heard { told: polled.told, ..Heard::of(Vec::new()) };
    let told = arrived(&heard);
    assert_eq!(told[0], ("5:1", &person("telegram:5"), &[Piece::text("Hi")][..]));
    let big = Place::Id("big".to_owned());
    assert!(matches!(&told[1].2[0], Piece::Media { media } if media.place == big));
    assert_eq!(told[2].0, "5:1:edit:10");
    let (id, label) = ("y".to_owned(), "Yes".to_owned());
    assert_eq!((told[3].0, &told[3].2[0]), ("tap:q1", &Piece::Choice { id, label }));
    let Told::Arrived(blocked) = &heard.told[4] else { panic!() };
    assert_eq!((blocked.refusal, blocked.pieces.len()), (Some(Refusal::Stop), 0));
    assert_eq!(told[5].2, [Piece::text("[unsupported: poll]")]);
    assert_eq!((polled.next.as_deref(), polled.odd), (Some("14"), 1));
    assert_eq!(bot.polled(replied(409, "{}")).unwrap_err().fault, Fault::Account);
    assert_eq!(bot.polled(Answer::Away).unwrap_err().fault, Fault::Network);
}

#[test]
fn telegram_waits_as_long_as_it_says_and_sends_files_with_their_words() {
    let bot = telegram(None);
    let body = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":35}}"#;
    assert_eq!(bot.outcome(&[replied(429, body)]), Outcome::Later(Duration::from_secs(35)));
    let blocked = r#"{"ok":false,"description":"Forbidden: bot was blocked by the user"}"#;
    let Outcome::Refused(failure) = bot.outcome(&[replied(403, blocked)]) else { panic!() };
    assert_eq!(failure.fault, Fault::Refused);
    let taken = r#"{"ok":true,"result":{"message_id":7,"chat":{"id":5}}}"#;
    let references = vec!["5:7".to_owned()];
    assert_eq!(bot.outcome(&[replied(200, taken)]), Outcome::Accepted { references });
    let message = outgoing(person("telegram:5"), vec![Piece::text("It"), media("image/png")]);
    let ask = bot.ask(NOW, &message, &Shelf(None), &[]).unwrap().unwrap();
    let text = String::from_utf8(ask.body).unwrap();
    assert!(
        ask.url.ends_with("/bot1:a/sendPhoto") && text.contains("name=\"caption\"\r\n\r\nIt\r\n")
    );
    assert_eq!(bot.ask(NOW, &message, &Shelf(None), &[replied(200, taken)]).unwrap(), None);
    let other = outgoing(phone(), vec![Piece::text("It")]);
    assert_eq!(bot.ask(NOW, &other, &Shelf(None), &[]).unwrap_err().fault, Fault::Address);
}

#[test]
fn nothing_of_a_secret_is_said_when_an_adapter_is_printed() {
    let text = format!("{:?} {:?} {:?}", twilio("hidden"), meta(Service::WhatsApp), hook());
    for secret in ["hidden", "another", "shown", "MfKQ", "word"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn our_own_form_says_back_what_it_was_told() {
    let hook = hook();
    let answer = outgoing(person("slack:U1"), vec![Piece::text("Hi"), media("text/plain")]);
    let ask = hook.ask(NOW, &answer, &Shelf(None), &[]).unwrap().unwrap();
    let body = json_of(&ask);
    assert_eq!(body["to"], json!({"id": "U1"}));
    assert_eq!(body["content"][1]["data"], "Ynl0ZXM=");
    // What the box sends is proved as what it is sent.
    let headers: Vec<(String, String)> =
        ask.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let request = Request { method: "POST", url: URL, headers: &headers, body: &ask.body };
    assert_eq!(hook.hear(NOW, request), Err(NotHeard::Form), "proved, and no events");
    let late = NOW + Duration::from_secs(301);
    assert_eq!(hook.hear(late, request), Err(NotHeard::Stale));
    assert_eq!(hook.outcome(&[replied(200, "{}")]), Outcome::Doubtful);
    let references = vec!["a".to_owned(), "2".to_owned()];
    assert_eq!(
        hook.outcome(&[replied(200, r#"{"ids":["a",2]}"#)]),
        Outcome::Accepted { references }
    );
    let body = r#"{"error":{"fault":"window","code":"old"}}"#;
    let Outcome::Refused(failure) = hook.outcome(&[replied(422, body)]) else { panic!() };
    assert_eq!((failure.fault, failure.code.as_str()), (Fault::Window, "old"));
}
