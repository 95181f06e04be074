//! A call as an agent works it in the browser, by keyboard, with the telephone on the desk; and what stands on each page.
//! Pictures of it go to `target/tour`, for the README.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::pages::Site;
use crate::peer::{Setting, Sipp};
use crate::tab::Tab;

pub const KNOWN: &str = "+14085551200";

/// Somebody who is known, with a past.
pub fn prepare(site: &Site) {
    let who = json!({
        "fields": { "name": "Ann Lee", "company": "Lee & Sons" }, "identities": [format!("phone:{KNOWN}")]
    });
    let made = site.order("POST", "/people", &who);
    let person = format!("/people/{}", made["contact"].as_str().expect("an id"));
    let more = |method: &str, path: &str, body: Value| {
        site.order(method, &format!("{person}{path}"), &body);
    };
    more("POST", "/notes", json!({ "text": "Asked for the brochure about heat pumps" }));
    more("POST", "/notes", json!({ "text": "Sent it; she calls back about the date of delivery" }));
    more("PUT", "/tags/vip", Value::Null);
    more("POST", "/pins", json!({ "fact": "Speak slowly: bad line at the farm" }));
    more("POST", "/cases", json!({ "title": "Delivery of the heat pump" }));
}

fn start(site: &Site, scenario: &str, port: u16, keys: &[(&str, &str)]) -> Sipp {
    let port = site.branch.free + port;
    let rtp = (port + 200).to_string();
    let mut keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    keys.push(("rtp", rtp));
    let setting = Setting { scenario, port, keys: &keys, account: None, transport: "u1" };
    Sipp::start(&site.branch, &setting)
}

pub fn register(site: &Site, user: &str, port: u16) {
    let setting = Setting {
        scenario: "register",
        port: site.branch.free + port,
        keys: &[("expires", "300".to_owned())],
        account: Some((user, &site.branch.password(user))),
        transport: "u1",
    };
    Sipp::start(&site.branch, &setting).succeeds();
}

/// The page as it is, on a desk and in a hand, light and dark; without a mistake that axe knows.
pub fn pictures(tab: &Tab, name: &str) {
    let folder = PathBuf::from(env!("CARGO_BIN_EXE_branchline"));
    let folder = folder.ancestors().nth(2).expect("target").join("tour");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (width, height) in [(1366, 768), (390, 844)] {
        tab.size(width, height);
        for dark in [false, true] {
            tab.dark(dark);
            tab.value(
                "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
            );
            let shade = if dark { "dark" } else { "light" };
            tab.picture(&folder.join(format!("{name}-{width}-{shade}.png")));
            assert_eq!(tab.axe(), Vec::<String>::new(), "{name} {width} {shade}");
            let wider = tab.value(&format!("document.documentElement.scrollWidth > {width}"));
            assert_eq!(wider, Value::Bool(false), "{name} {width}: wider than the window");
        }
    }
    tab.size(1366, 768);
    tab.dark(false);
}

/// Whether the page says so of the support queue.
fn waits(words: &str) -> String {
    format!(
        "[...document.querySelectorAll('.lines li')].some((line) => line.innerText.startsWith('support') && \
         line.innerText.includes('{words}'))"
    )
}

/// The page is told to look at everything anew; what the box says of its queues is kept back until `give` is called.
const HOLD_QUEUES: &str = "
    window.plain = window.fetch
    window.fetch = async (url, ...more) => {
        const answer = await window.plain(url, ...more)
        if (!String(url).endsWith('/queues')) return answer
        window.kept = new Promise((give) => (window.give = () => give(answer)))
        return window.kept
    }
    window.plain('/api/v1/session').then((told) => told.json()).then(({ who }) => {
        const other = new BroadcastChannel('branchline-feed')
        other.postMessage({ who: JSON.stringify(who), id: null, event: { event: 'reset' } })
    })
    0";

#[test]
fn an_agent_works_a_call_by_keyboard_and_it_is_all_on_record() {
    let site = Site::start();
    prepare(&site);
    register(&site, "202", 2);
    let (_ann, tab) = site.signed_in("ann");
    tab.sees("Nobody calls.");
    pictures(&tab, "desk-idle");
    tab.tab_to("Ready");
    tab.press("Enter");
    tab.until(
        "she is ready",
        "document.querySelector('.presence .now').innerText.startsWith('Ready')",
    );
    // It rings: who calls is there before anybody has answered.
    let desk = start(&site, "phone_answers", 2, &[("ring", "8000")]);
    let keys = [("from", KNOWN), ("to", "+15550100"), ("talk", "500"), ("press", "1")];
    let caller = start(&site, "trunk_presses", 7, &keys);
    tab.until("the offer", "document.querySelector('.ringing')");
    let card = tab.value("document.querySelector('.ringing').innerText");
    let card = card.as_str().expect("text").to_owned();
    assert!(!desk.has_got("SIP/2.0 200"), "answered before the record was told");
    for part in [
        "Ann Lee",
        KNOWN,
        "Queue support",
        "Not identified",
        "Delivery of the heat pump",
        "bad line",
    ] {
        assert!(card.contains(part), "{part} in {card}");
    }
    pictures(&tab, "desk-offer");
    // An answer that was on its way meanwhile is older than what the feed tells: who talks waits no more.
    tab.until("one waits", &waits("1 waiting"));
    tab.value(HOLD_QUEUES);
    tab.until("the box was asked", "!!window.kept");
    tab.until("the call", "document.querySelector('.talking')");
    tab.until("nobody waits", &waits("0 waiting"));
    tab.value(
        "window.give(), window.kept.then(() => new Promise((done) => setTimeout(done, 300)))",
    );
    let still = tab.value(&waits("0 waiting"));
    assert_eq!(still, Value::Bool(true), "{}", tab.text());
    tab.sees("Sent it; she calls back");
    pictures(&tab, "desk-call");
    // On hold and back, by one key each.
    tab.press("h");
    tab.until("on hold", "document.querySelector('.talking')?.innerText.includes('on hold')");
    tab.press("h");
    tab.until("and back", "!document.querySelector('.talking')?.innerText.includes('on hold')");
    // A reload in the middle of the call gets the call back, and with it who it is.
    tab.value("window.before = true; location.reload()");
    tab.until(
        "the call again",
        "!window.before && document.querySelector('.talking')?.innerText.includes('Ann Lee')",
    );
    // A note while they talk.
    tab.press("n");
    tab.types("Delivery on the 4th, in the morning");
    tab.press("Ctrl+Enter");
    tab.until(
        "the note",
        "document.querySelector('.timeline')?.innerText.includes('Delivery on the 4th')",
    );
    // She hangs up from the page, and says how it came out.
    tab.value("document.activeElement.blur()");
    tab.tab_to("Hang up");
    tab.press("Enter");
    tab.until("after-work", "document.querySelector('.wrapup')");
    pictures(&tab, "desk-after");
    tab.press("w");
    tab.types("resolved");
    // Pictures take their time: after-work may have run out meanwhile, and then she is ready already.
    tab.tab_to("Save");
    tab.press("Enter");
    tab.until("done", "!document.querySelector('.wrapup')");
    tab.sees("Came out as resolved");
    caller.succeeds();
    desk.succeeds();
    // Everything is on the record, not on the page alone.
    let record = site.branch.ask(&["contact", "show", KNOWN]).to_string();
    for part in ["Delivery on the 4th, in the morning", "resolved"] {
        assert!(record.contains(part), "{part} in {record}");
    }
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

#[test]
fn whoever_leads_sees_who_waits_and_moves_them() {
    let site = Site::start();
    prepare(&site);
    let (_lead, tab) = site.signed_in("lead");
    tab.until("the board", "document.querySelector('.tiles') && location.pathname === '/watch'");
    // Nobody is there for it: it waits, and is on the board without anybody asking for that.
    let keys = [("from", KNOWN), ("to", "+15550100"), ("talk", "500"), ("press", "1")];
    let caller = start(&site, "trunk_presses", 7, &keys);
    tab.until("it waits", "document.querySelector('.tile .number').innerText === '1'");
    tab.sees("nobody is free for it");
    pictures(&tab, "watch-board");
    tab.click("Move…");
    tab.sees("To sales");
    pictures(&tab, "watch-move");
    tab.click("To sales");
    tab.until(
        "it waits elsewhere",
        "!document.querySelector('dialog') && \
         [...document.querySelectorAll('tr')].some((row) => /^1\\s+sales/.test(row.innerText))",
    );
    tab.click("Hang up");
    tab.sees("No call is up.");
    caller.succeeds();
    for (at, name) in [("/watch/calls", "watch-calls"), ("/watch/reports", "watch-reports")] {
        tab.open(&format!("{}{at}", site.url));
        tab.until(name, "document.querySelector('table td')");
        pictures(&tab, name);
    }
    // From a figure to what it counted, and from there to the call with its ladder.
    tab.click("What was counted");
    tab.until(
        "what it counted",
        "document.querySelector('dialog table a[href^=\"/watch/calls/\"]')",
    );
    pictures(&tab, "watch-counted");
    tab.value("document.querySelector('dialog table a').click()");
    tab.until("the ladder", "document.querySelector('.ladder .rung')");
    pictures(&tab, "watch-call");
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

#[test]
fn whoever_keeps_the_box_sees_all_of_it() {
    let site = Site::start();
    register(&site, "202", 2);
    let (_admin, tab) = site.signed_in("admin");
    for (at, words) in [
        ("", "Parts"),
        ("/lines", "carrier"),
        ("/plan", "Where would a number go?"),
        ("/access", "Tokens of programs"),
        ("/audit", "Who did what"),
        ("/programs", "Journeys that run"),
    ] {
        tab.open(&format!("{}/admin{at}", site.url));
        tab.sees(words);
        tab.until("all of it", "!document.body.innerText.includes('Loading…')");
        pictures(&tab, &format!("admin{}", at.replace('/', "-")));
    }
    // Where a number would go, and why.
    tab.open(&format!("{}/admin/plan", site.url));
    tab.until("phones to choose", "document.querySelector('option')");
    tab.fill("Number", "700");
    tab.press("Enter");
    tab.sees("support");
    pictures(&tab, "admin-plan-told");
    // A user is made, signs in, and is kept out again.
    tab.open(&format!("{}/admin/access", site.url));
    tab.click("New user");
    tab.fill("Name", "carla");
    tab.fill("Password", "a few good words");
    pictures(&tab, "admin-user");
    tab.click("Save");
    tab.until(
        "she is on the list",
        "!document.querySelector('dialog') && document.body.innerText.includes('carla')",
    );
    // A token is shown once.
    tab.click("New token");
    tab.fill("What it is for", "the shop");
    tab.click("Make it");
    tab.until("the token", "/^bl_/.test(document.querySelector('dialog input')?.value)");
    tab.click("I have it");
    tab.sees("the shop");
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

/// In German, from the browser's own choice on.
#[test]
fn every_page_is_there_in_german() {
    let site = Site::start();
    let person = site.browser.person();
    let tab = person.tab();
    tab.open(&site.url);
    tab.click("Deutsch");
    tab.sees("Anmelden");
    assert_eq!(tab.value("document.documentElement.lang"), "de");
    tab.fill("Name", "admin");
    tab.fill("Passwort", &site.password("admin"));
    tab.click("Anmelden");
    for (at, words) in
        [("/watch", "Wer wartet"), ("/watch/reports", "Kennzahlen"), ("/admin", "Teile")]
    {
        tab.until("signed in", "document.querySelector('.frame')");
        tab.open(&format!("{}{at}", site.url));
        tab.sees(words);
        pictures(&tab, &format!("de{}", at.replace('/', "-")));
    }
}
