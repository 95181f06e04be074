//! A visitor of the site's page goes on by voice in the browser: an agent invites, the page asks for the microphone, and
//! both hear each other; the call belongs to the conversation.

use serde_json::json;

use crate::browser::{Browser, tone};
use crate::chat::ROOT;
use crate::pages::Site;
use crate::tab::Tab;
use crate::whole_shift::{AGENT, EAR};

/// What the visitor's microphone hears.
const VISITOR: f64 = 659.0;

/// A steady tone is noise to what makes speech better; the widget always asks for that. Counts how often it asks.
const MICROPHONE: &str = "window.asked = 0; { const own = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices); \
    navigator.mediaDevices.getUserMedia = () => { asked += 1; return own({ audio: { echoCancellation: false, \
    noiseSuppression: false, autoGainControl: false } }) } }; true";

/// The demo whose chat lets visitors call so.
fn site(calls: &str) -> Site {
    let branch = crate::branch::Branch::demo_in(&[], |text, _| {
        let own = "greeting = \"Good day. How can we help?\"";
        assert!(text.contains(own), "the demo's chat");
        text.replace(own, &format!("{own}\ncalls = \"{calls}\""))
    });
    let url = format!("https://{}", branch.ready("https").as_str().expect("text"));
    Site { branch, url, browser: Browser::that_hears(&tone(AGENT)) }
}

impl Tab {
    /// Waits until the row of the call says this.
    fn call_says(&self, words: &str) {
        let says = format!("{ROOT}?.querySelector('.speak:not([hidden]) p')?.textContent");
        self.until(&format!("the call: {words}"), &format!("{says}?.includes({})", json!(words)));
    }

    /// Presses a button of the row.
    fn call_press(&self, name: &str) {
        let all = format!("[...{ROOT}.querySelectorAll('.speak button:not([hidden])')]");
        let own = format!("{all}.find((own) => own.textContent === {})", json!(name));
        self.until(name, &format!("{own} && true"));
        self.value(&format!("{own}.click()"));
    }

    /// Waits until this tone is heard in the widget.
    fn hears_in_chat(&self, hertz: f64) {
        let ear = EAR.replace("document.querySelectorAll", &format!("({ROOT}).querySelectorAll"));
        let what = format!("{hertz} Hz in the widget");
        self.until(&what, &format!("{ear} && stands({hertz}) > 20"));
    }
}

/// Opens the chat on the page to try it on, and writes a line.
fn visitor(site: &Site, browser: &Browser) -> Tab {
    let tab = browser.person().tab();
    tab.open(&format!("{}/chat/site/try", site.url));
    tab.value(MICROPHONE);
    tab.opens_chat();
    tab.chats("My boots leak.");
    tab
}

#[test]
fn a_visitor_is_invited_and_both_hear_each_other_in_the_conversation() {
    let site = site("invited");
    let other = Browser::that_hears(&tone(VISITOR));
    let (_ann, desk) = site.signed_in("ann");
    desk.talks_here();
    desk.is_ready();
    let page = visitor(&site, &other);
    desk.until("an offer", "document.querySelector('.ringing.written')");
    desk.press("a");
    desk.sees("My boots leak.");
    let row = format!("{ROOT}.querySelector('.speak').hidden");
    assert_eq!(page.value(&row), true, "nothing is offered before the agent does");
    desk.points_at("Invite to a call here");
    desk.sees("sees the invitation");
    page.call_says("We would like to speak with you");
    assert_eq!(page.value("asked"), 0, "no microphone before the visitor wants it");
    page.call_press("Speak with us here");
    page.call_says("Somebody will be with you soon");
    // What was written is before the agent while it rings, and the call stands in it.
    desk.until("a ring", "document.querySelector('.ringing:not(.written)')");
    let talk = site.order("GET", "/conversations", &serde_json::Value::Null)["items"][0].clone();
    let talk = talk["conversation"].as_str().expect("an id").to_owned();
    let path = format!("/conversations/{talk}");
    let calls = || site.order("GET", &path, &serde_json::Value::Null)["calls"].clone();
    let call = site.branch.until("the call in it", || calls()[0].as_str().map(str::to_owned));
    desk.points_at("Answer");
    desk.is_talking();
    page.call_says("You are speaking with us");
    page.hears_in_chat(AGENT);
    desk.hears(VISITOR);
    let active = site.branch.ask(&["calls", "--active"]);
    assert_eq!(active[0]["call"].as_str(), Some(call.as_str()), "{active}");
    page.call_press("End the call");
    page.call_says("The call has ended");
    desk.until("it is over", "!document.querySelector('.middle .talking .controls')");
    let record = site.branch.record(1);
    assert_eq!(
        (&record["class"], &record["agent"]),
        (&json!("success"), &json!("ann")),
        "{record}"
    );
    let tracks = format!("{ROOT}.querySelector('.speak audio').srcObject === null");
    assert_eq!(page.value(&tracks), true, "nothing is played any more");
    assert_eq!(page.value("asked"), 1);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn the_agent_hangs_up_and_a_visitor_who_may_asks_by_himself() {
    let site = site("always");
    let other = Browser::that_hears(&tone(VISITOR));
    let (_ann, desk) = site.signed_in("ann");
    desk.talks_here();
    desk.is_ready();
    let page = visitor(&site, &other);
    desk.until("an offer", "document.querySelector('.ringing.written')");
    desk.press("a");
    desk.sees("My boots leak.");
    page.call_press("Speak with us here");
    desk.until("a ring", "document.querySelector('.ringing:not(.written)')");
    desk.points_at("Answer");
    desk.is_talking();
    page.hears_in_chat(AGENT);
    // The page is loaded anew: the call waits, and goes on there.
    page.reload();
    page.value(MICROPHONE);
    page.opens_chat();
    page.call_says("Your call goes on");
    page.call_press("Go on here");
    page.call_says("You are speaking with us");
    page.hears_in_chat(AGENT);
    desk.hears(VISITOR);
    desk.points_at("Hang up");
    page.call_says("The call has ended");
}

#[test]
fn nobody_calls_where_the_setting_is_off() {
    let site = site("never");
    let other = Browser::that_hears(&tone(VISITOR));
    let (_ann, desk) = site.signed_in("ann");
    desk.is_ready();
    let page = visitor(&site, &other);
    desk.until("an offer", "document.querySelector('.ringing.written')");
    desk.press("a");
    desk.sees("My boots leak.");
    desk.points_at("Invite to a call here");
    desk.sees("allows no calls in the browser");
    let row = format!("{ROOT}.querySelector('.speak').hidden");
    assert_eq!(page.value(&row), true);
    // Nor where a page of somebody's own making asks for it.
    let asks = "window.told = []; const socket = new WebSocket(`wss://${location.host}/chat/site`, 'branchline.chat.1'); \
        socket.onmessage = ({ data }) => { told.push(JSON.parse(data)); const what = { welcome: 'ask', call: 'offer' }[told.at(-1).type]; \
        if (told.length < 3) socket.send(JSON.stringify({ type: 'call', what, sdp: 'v=0' })) }; socket.onopen = () => \
        socket.send(JSON.stringify({ type: 'hello' })); true";
    page.value(asks);
    let no = "told.filter((what) => what.type === 'call' && what.why === 'off').length === 2";
    page.until("two refusals", no);
    assert_eq!(page.value("asked"), 0, "and nobody was asked for a microphone");
    assert!(site.branch.ask(&["calls", "--active"]).as_array().is_some_and(Vec::is_empty));
}
