//! What a call in a page outlasts: the page loaded anew, its connection lost, a tab closed, a session that is over; and that
//! whoever was only rung at loses nothing by any of these. How long either side heard nothing is measured and printed.

use serde_json::Value;

use crate::pages::Site;
use crate::shift::{KNOWN, register};
use crate::tab::Tab;
use crate::whole_shift::{AGENT, CALLER, Outside, at_work, colleague, hears, longest_silence, up};

/// Keeps the page's channels, so that one can be cut as a network would.
const CHANNELS: &str = "(() => { window.channels = []; const Own = WebSocket; window.WebSocket = class extends Own { \
    constructor(...all) { super(...all); channels.push(this) } } })()";

impl Tab {
    /// Cuts the page's channel.
    fn loses_its_channel(&self) {
        let count = self.value("channels.length");
        self.value("channels.at(-1).close()");
        self.until("another channel", &format!("channels.length > {count}"));
        self.sees("ring here too");
    }

    fn is_offered(&self) {
        self.until("an offer", "[...document.querySelectorAll('.ringing kbd')].length === 2");
    }

    fn is_not_paused(&self) {
        let words = self.value("document.querySelector('.presence .now').innerText");
        let words = words.as_str().expect("text").to_owned();
        assert!(!words.starts_with("Paused"), "{words}");
    }
}

#[test]
fn a_call_outlasts_a_reload_a_lost_channel_and_a_closed_tab() {
    let site = Site::that_hears(AGENT);
    let (ann, tab) = at_work(&site);
    tab.begins_with(CHANNELS);
    tab.reload();
    tab.sees("ring here too");
    let caller = Outside::calls(&site, 7);
    tab.is_offered();
    tab.points_at("Answer");
    tab.hears(CALLER);
    caller.hears(&site, AGENT);
    let call = up(&site);
    let silence = longest_silence(&caller.sound, AGENT, || {
        tab.reload();
        tab.is_talking();
        tab.hears(CALLER);
        caller.hears(&site, AGENT);
    });
    eprintln!("reload: the caller heard nothing for {:.2} s", silence.as_secs_f64());
    assert_eq!(up(&site), call, "the same call");
    // It is shown as it is: on hold too.
    tab.points_at("Hold");
    tab.until("on hold", "document.querySelector('.talking')?.innerText.includes('on hold')");
    tab.reload();
    tab.until("still", "document.querySelector('.talking')?.innerText.includes('on hold')");
    tab.points_at("Resume");
    tab.hears(CALLER);
    caller.hears(&site, AGENT);
    let silence = longest_silence(&caller.sound, AGENT, || {
        tab.loses_its_channel();
        tab.hears(CALLER);
        caller.hears(&site, AGENT);
    });
    eprintln!("lost channel: the caller heard nothing for {:.2} s", silence.as_secs_f64());
    assert!(silence.as_secs_f64() < 1.0, "sound needs no channel");
    tab.points_at("Hang up");
    tab.until("after-work", "document.querySelector('.wrapup')");
    tab.points_at("Save and be ready");
    caller.sipp.succeeds();
    drop(caller.sound);
    // Two tabs are one agent: both ring, one answers, and when that one goes the other goes on.
    let other = ann.tab();
    other.open(&format!("{}/desk", site.url));
    other.sees("ring here too");
    let caller = Outside::calls(&site, 8);
    other.is_offered();
    tab.is_offered();
    other.points_at("Answer");
    other.hears(CALLER);
    tab.until("it rings no more there", "!document.querySelector('.ringing')");
    caller.hears(&site, AGENT);
    let call = up(&site);
    let silence = longest_silence(&caller.sound, AGENT, || {
        other.close();
        tab.to_front();
        tab.points_at("Talk here");
        tab.hears(CALLER);
        caller.hears(&site, AGENT);
    });
    eprintln!("closed tab: the caller heard nothing for {:.2} s", silence.as_secs_f64());
    assert_eq!(up(&site), call, "the same call");
    tab.points_at("Hang up");
    caller.sipp.succeeds();
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

#[test]
fn a_page_that_is_lost_while_it_rings_is_rung_again_and_nobody_is_paused() {
    let site = Site::that_hears(AGENT);
    let (_ann, tab) = at_work(&site);
    tab.begins_with(CHANNELS);
    tab.reload();
    tab.sees("ring here too");
    let caller = Outside::calls(&site, 7);
    tab.is_offered();
    let arrived = site.order("GET", "/queues/support/items", &Value::Null);
    tab.loses_its_channel();
    tab.is_offered();
    tab.is_not_paused();
    let again = site.order("GET", "/queues/support/items", &Value::Null);
    assert_eq!(arrived["items"][0]["arrived"], again["items"][0]["arrived"], "with its place");
    tab.reload();
    tab.is_offered();
    tab.is_not_paused();
    tab.points_at("Answer");
    tab.hears(CALLER);
    caller.hears(&site, AGENT);
    tab.points_at("Hang up");
    caller.sipp.succeeds();
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

#[test]
fn a_session_that_ends_in_the_middle_of_a_call_says_so_and_the_call_goes_on() {
    let site = Site::that_hears(AGENT);
    let (_ann, tab) = at_work(&site);
    let caller = Outside::calls(&site, 7);
    tab.is_offered();
    tab.points_at("Answer");
    tab.hears(CALLER);
    caller.hears(&site, AGENT);
    let silence = longest_silence(&caller.sound, AGENT, || {
        for session in
            site.order("GET", "/sessions", &Value::Null)["items"].as_array().expect("a list")
        {
            let path = format!("/sessions/{}", session["session"].as_str().expect("text"));
            site.order("DELETE", &path, &Value::Null);
        }
        tab.sees("Your session has ended");
        tab.sees("Your call with Ann Lee goes on");
        assert_eq!(tab.axe(), Vec::<String>::new());
        tab.hears(CALLER);
        tab.fill("Password", &site.password("ann"));
        tab.press("Enter");
        tab.until("she is back", "!document.querySelector('dialog')");
        tab.sees("ring here too");
        tab.hears(CALLER);
        caller.hears(&site, AGENT);
    });
    eprintln!("session over: the caller heard nothing for {:.2} s", silence.as_secs_f64());
    assert!(silence.as_secs_f64() < 1.0, "{silence:?}");
    tab.points_at("Hang up");
    tab.until("after-work", "document.querySelector('.wrapup')");
    caller.sipp.succeeds();
}

#[test]
fn a_whole_call_is_worked_without_a_mouse() {
    let site = Site::that_hears(AGENT);
    crate::shift::prepare(&site);
    register(&site, "201", 1);
    let person = site.browser.person();
    let tab = person.tab();
    tab.begins_with(
        "window.mice = 0; for (const name of ['pointerdown', 'mousedown', 'touchstart']) addEventListener(name, () => \
         (mice += 1), true)",
    );
    tab.open(&site.url);
    tab.until("the form", "document.activeElement?.name === 'name'");
    tab.types("ann");
    tab.press("Tab");
    tab.types(&site.password("ann"));
    tab.press("Enter");
    tab.sees("Nobody calls.");
    tab.tab_to("Microphone, loudspeaker, network");
    tab.press("Enter");
    tab.tab_to("Take out echo and noise");
    tab.press(" ");
    tab.press("Escape");
    tab.tab_to("Talk in this browser");
    tab.press(" ");
    tab.sees("ring here too");
    tab.tab_to("Ready");
    tab.press("Enter");
    let caller = Outside::calls(&site, 7);
    tab.is_offered();
    tab.press("a");
    tab.hears(CALLER);
    caller.hears(&site, AGENT);
    tab.press("h");
    tab.until("on hold", "document.querySelector('.talking')?.innerText.includes('on hold')");
    tab.hears_nothing_of(CALLER);
    tab.press("h");
    tab.hears(CALLER);
    let (phone, desk) = colleague(&site);
    tab.press("t");
    tab.until("where to", "document.activeElement?.name === 'to'");
    tab.types("201");
    tab.press("Enter");
    hears(&site, &desk, CALLER);
    tab.until("after-work", "document.querySelector('.wrapup')");
    tab.press("w");
    tab.types("resolved");
    tab.tab_to("Save and be ready");
    tab.press("Enter");
    tab.sees("Came out as resolved");
    let record = site.branch.ask(&["contact", "show", KNOWN]).to_string();
    assert!(record.contains("resolved"), "{record}");
    site.order("DELETE", &format!("/calls/{}", up(&site)), &Value::Null);
    caller.sipp.succeeds();
    phone.succeeds();
    assert_eq!(tab.value("mice"), 0, "no mouse, no finger");
    assert_eq!(tab.complaints(), Vec::<String>::new());
}
