//! One person over three channels: a chat becomes text messages and those a call, and the agent sees all of it before
//! answering. And as much at once as one agent works: a call and three chats, while a fourth waits.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::browser::Person;
use crate::chat::ROOT;
use crate::pages::Site;
use crate::peer::{Setting, Sipp};
use crate::seen::keep;
use crate::shift::{pictures, register};
use crate::tab::Tab;

/// The customer's mobile phone.
const MOBILE: &str = "+14085551300";
/// A telephone of somebody else's.
const OTHER: &str = "+14085559999";

/// A visitor at the chat of the site.
pub struct Visitor {
    pub tab: Tab,
    _person: Person,
}

impl Visitor {
    /// Opens the page of the site, and the chat.
    pub fn at(site: &Site) -> Visitor {
        let person = site.browser.person();
        let tab = person.tab();
        tab.open(&format!("{}/chat/site/try", site.url));
        tab.opens_chat();
        Visitor { tab, _person: person }
    }

    /// Waits until the chat says so somewhere.
    pub fn is_told(&self, words: &str) {
        let has = format!("{ROOT}.textContent.includes({})", json!(words));
        self.tab.until(&format!("the visitor is told {words}"), &has);
    }

    pub fn reads(&self, words: &str) {
        let has =
            format!("{ROOT}.querySelector('ol, .lines').textContent.includes({})", json!(words));
        self.tab.until(&format!("the visitor reads {words}"), &has);
    }
}

/// A text message arrives at the branch's SIM.
fn texts(site: &Site, text: &str) {
    let pipe = site.branch.ready("texts");
    let pipe = pipe.as_str().expect("the demo has a SIM");
    let mut pipe = OpenOptions::new().write(true).open(pipe).expect("the pipe");
    writeln!(pipe, "{MOBILE} {text}").expect("it is taken");
}

/// An INFO for each key, as SIPp says them.
fn infos(keys: &str) -> String {
    let one = |(at, key): (usize, char)| {
        let cseq = at + 2;
        format!(
            "<send retrans=\"500\"><![CDATA[\nINFO [next_url] SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n\
             From: \"SIPp\" <sip:[from]@[local_ip]:[local_port]>;tag=[call_number]c[pid]\n\
             To: <sip:[to]@[remote_ip]:[remote_port]>[peer_tag_param]\nCall-ID: [call_id]\n\
             CSeq: {cseq} INFO\nMax-Forwards: 70\nContent-Type: application/dtmf-relay\n\
             Content-Length: [len]\n\nSignal={key}\nDuration=160\n\n]]></send>\n\
             <recv response=\"200\"/>\n<pause milliseconds=\"300\"/>\n"
        )
    };
    keys.chars().enumerate().map(one).collect()
}

/// Somebody calls the branch over the carrier, keys this in, and hangs up after so many seconds.
fn calls(site: &Site, from: &str, keyed: &str, seconds: u32) -> Sipp {
    let port = site.branch.free + 7;
    let keys = [
        ("infos", infos(keyed)),
        ("from", from.to_owned()),
        ("to", "+15550100".to_owned()),
        ("rtp", (port + 200).to_string()),
        ("talk", "700".to_owned()),
        ("after", (seconds * 1_000).to_string()),
        ("more", "Subject: none".to_owned()),
    ];
    let setting =
        Setting { scenario: "trunk_keys_in", port, keys: &keys, account: None, transport: "u1" };
    Sipp::start(&site.branch, &setting)
}

/// A telephone on the agent's desk that rings for so many milliseconds before it is picked up.
fn desk_phone(site: &Site, ring: &str) -> Sipp {
    let rtp = (site.branch.free + 202).to_string();
    let keys = [("ring", ring.to_owned()), ("rtp", rtp)];
    let port = site.branch.free + 2;
    let setting =
        Setting { scenario: "phone_answers", port, keys: &keys, account: None, transport: "u1" };
    Sipp::start(&site.branch, &setting)
}

pub fn is_ready(tab: &Tab) {
    tab.points_at("Ready");
    let words = "document.querySelector('.presence .now').innerText.startsWith('Ready')";
    tab.until("she is ready", words);
}

/// What the last line that went out says.
fn last_out(tab: &Tab) -> String {
    let last = "[...document.querySelectorAll('.line.out .bubble')].at(-1)?.innerText";
    tab.value(last).as_str().unwrap_or_default().to_owned()
}

/// Puts the focus there, as soon as it is there.
pub fn focuses(tab: &Tab, place: &str) {
    let place = json!(place);
    let focus = format!(
        "(() => {{ const own = document.querySelector({place}); own?.focus(); return !!own }})()"
    );
    tab.until(&format!("{place} to write in"), &focus);
}

pub fn has_in(tab: &Tab, place: &str, words: &str) {
    let text = format!("document.querySelector({})?.innerText", json!(place));
    tab.until(&format!("{words} in {place}"), &format!("{text}?.includes({})", json!(words)));
}

#[test]
fn a_chat_goes_on_in_texts_and_then_by_telephone_and_is_one_matter_of_one_person() {
    let site = Site::start();
    register(&site, "202", 2);
    let (_ann, ann) = site.signed_in("ann");
    is_ready(&ann);
    // In the chat of the site.
    let visitor = Visitor::at(&site);
    visitor.tab.chats("My boiler leaks. I am Lee, order 4711.");
    ann.until("an offer", "document.querySelector('.ringing.written')");
    ann.press("a");
    has_in(&ann, ".conversation ol", "order 4711");
    has_in(&ann, ".conversation ol", "ann answers");
    // The agent writes down what was said once.
    ann.points_at("Edit");
    ann.fill("Name", "Lee Miller");
    ann.points_at("Save");
    has_in(&ann, ".details", "Lee Miller");
    focuses(&ann, "[name=title]");
    ann.types("Boiler leaks");
    ann.press("Enter");
    has_in(&ann, ".details", "Boiler leaks");
    focuses(&ann, ".composer textarea");
    ann.types("I am on it. At what number do we reach you on the way?");
    ann.press("Ctrl+Enter");
    visitor.reads("At what number");
    visitor.tab.chats("+1 408 555 1300, I have to go now");
    has_in(&ann, ".conversation ol", "I have to go now");
    focuses(&ann, "[name=reach]");
    ann.types("+1 408 555 1300");
    ann.press("Enter");
    has_in(&ann, ".details", MOBILE);
    // On the way: the same conversation, by text message.
    texts(&site, "It drips on the floor now. Can I talk to you?");
    has_in(&ann, ".conversation ol", "It drips on the floor now");
    ann.points_at("Go on by telephone: a code for the customer");
    let code = "document.querySelector('.composer textarea').value.match(/code ([0-9]{6})/)?.[1]";
    let code = ann.until("a code in the answer", code);
    pictures(&ann, "journey-code");
    focuses(&ann, ".composer textarea");
    ann.press("Ctrl+Enter");
    ann.until(
        "it was delivered",
        "[...document.querySelectorAll('.line.out .under')].at(-1)?.innerText.includes('delivered')",
    );
    assert!(last_out(&ann).contains("+15550100"), "{}", last_out(&ann));
    // By telephone, from a number that nobody knows: the code says who it is.
    let desk = desk_phone(&site, "9000");
    let code = code.as_str().expect("six digits").to_owned();
    let caller = calls(&site, OTHER, &format!("8{code}"), 28);
    ann.until("it rings", "document.querySelector('.ringing:not(.written)')");
    for words in ["Lee Miller", "Goes on with what was written", "Open: Boiler leaks"] {
        has_in(&ann, ".ringing", words);
    }
    for words in ["order 4711", "I have to go now", "It drips on the floor now"] {
        has_in(&ann, ".conversation ol", words);
        has_in(&ann, ".details .history", words);
    }
    assert!(!desk.has_got("SIP/2.0 200"), "nobody has answered yet");
    pictures(&ann, "journey-offer");
    keep(&ann, "journey");
    ann.until("they talk", "document.querySelector('.talking')");
    caller.succeeds();
    has_in(&ann, ".conversation ol", "Called us");
    // One person, one conversation, one case with all of it.
    let talks = site.order("GET", "/conversations?closed=true", &Value::Null);
    assert_eq!(talks["items"].as_array().map(Vec::len), Some(1), "{talks}");
    let contact = talks["items"][0]["person"]["contact"].as_str().expect("an id").to_owned();
    for number in [MOBILE, OTHER] {
        let path = format!("/people?identity=phone:{}", number.replace('+', "%2B"));
        let found = site.order("GET", &path, &Value::Null);
        assert_eq!(found["items"][0]["person"], contact.as_str(), "{number}: {found}");
    }
    // The call is on record a moment after its end.
    let path = format!("/people/{contact}");
    let record = site.branch.until("the call on record", || {
        let record = site.order("GET", &path, &Value::Null);
        let called = record["timeline"].as_array()?.iter().any(|own| own["what"] == "call");
        called.then_some(record)
    });
    let cases = record["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 1, "{record}");
    let moments = record["timeline"].as_array().expect("moments");
    let of_case = |what: &str, channel: Option<&str>| {
        let own = moments.iter().filter(|own| {
            own["what"] == what && channel.is_none_or(|channel| own["channel"] == channel)
        });
        let linked = cases[0]["moments"].as_array().expect("moments");
        own.filter(|own| linked.contains(&own["place"])).count()
    };
    let counts =
        (of_case("message", Some("chat")), of_case("message", Some("sms")), of_case("call", None));
    assert_eq!(counts, (3, 2, 1), "{record}");
    assert_eq!(talks["items"][0]["calls"].as_array().map(Vec::len), Some(1), "{talks}");
    assert_eq!(ann.complaints(), Vec::<String>::new());
}

#[test]
fn beside_a_call_three_chats_are_on_the_page_and_the_fourth_waits_for_one_to_end() {
    let site = Site::start();
    register(&site, "202", 2);
    let (_ann, ann) = site.signed_in("ann");
    is_ready(&ann);
    let _desk = desk_phone(&site, "300");
    let _caller = calls(&site, "+14085551200", "1", 80);
    ann.until("a call", "document.querySelector('.talking')");
    let mut visitors = Vec::new();
    for number in 1..=3 {
        let visitor = Visitor::at(&site);
        visitor.tab.chats(&format!("Question {number}"));
        ann.until(
            "an offer",
            &format!("document.querySelector('.ringing.written')?.innerText.includes('Question {number}')"),
        );
        ann.press("a");
        has_in(&ann, ".conversation ol", &format!("Question {number}"));
        visitors.push(visitor);
    }
    let fourth = Visitor::at(&site);
    fourth.tab.chats("Question 4");
    has_in(&ann, ".inbox", "Question 4");
    fourth.is_told("You are next.");
    has_in(&ann, ".inbox", "1 waits");
    has_in(&ann, ".inbox", "3 of yours");
    assert_eq!(ann.value("!!document.querySelector('.ringing.written')"), Value::Bool(false));
    pictures(&ann, "call-and-three-chats");
    // The call goes on meanwhile, and each chat is answered where it is.
    ann.press("j");
    let front =
        "document.querySelector('.conversation ol')?.innerText.match(/Question ([123])/)?.[1]";
    let number = ann.until("one of them", front);
    let number: usize = number.as_str().and_then(|own| own.parse().ok()).expect("a number");
    focuses(&ann, ".composer textarea");
    ann.types(&format!("Answer {number}"));
    ann.press("Ctrl+Enter");
    visitors[number - 1].reads(&format!("Answer {number}"));
    assert_eq!(ann.value("!!document.querySelector('.talking')"), Value::Bool(true));
    // One is over: the fourth is offered.
    ann.value("document.activeElement.blur()");
    ann.press("x");
    ann.until("the window", "document.activeElement?.closest('dialog')");
    ann.types("resolved");
    ann.press("Enter");
    ann.until(
        "the fourth",
        "document.querySelector('.ringing.written')?.innerText.includes('Question 4')",
    );
    assert_eq!(
        ann.value("!!document.querySelector('.talking')"),
        Value::Bool(true),
        "the call goes on"
    );
    assert_eq!(ann.complaints(), Vec::<String>::new());
}
