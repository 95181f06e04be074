//! From the INVITE to the eyes: how long until who calls stands on the agent's page, and until the wallboard says so.
//!
//! `cargo bench --bench page` starts the release binary as its demo, takes up 200,000 people (`-- 20000` for fewer), signs
//! an agent and a supervisor in at their pages in headless Chromium, and has known people call the agent's queue over SIP.
//! The moment of the INVITE is taken where it is sent, the moment of the page by a MutationObserver in it: the offer stands
//! there, with the caller's name; the supervisor's tile counts one who waits. Both clocks are the system's. Prints p50, p99
//! and the worst in milliseconds; the aim is a p99 of 50 ms. What is left out is the screen: a frame later, 17 ms at most.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, missing_docs)]

mod branch;
#[path = "../../tests/web/browser.rs"]
#[allow(dead_code)]
mod browser;
mod caller;
#[path = "../common/sip.rs"]
#[allow(dead_code)]
mod sip;
#[path = "../../tests/web/tab.rs"]
#[allow(dead_code)]
mod tab;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use branch::Branch;
use browser::Browser;
use caller::{Carrier, Phone};
use serde_json::Value;
use tab::Tab;

/// People in the store, unless it is said how many.
const PEOPLE: usize = 200_000;
/// Calls that are timed.
const CALLS: usize = 300;
/// Calls before, which open connections and fill what is kept for the next time.
const FIRST: usize = 10;

/// Keeps the first moment at which something stands on the page.
const WATCH: &str = "window.watchFor = (found) => { window.at = 0; \
    const look = () => { if (!window.at && found()) window.at = performance.timeOrigin + performance.now() }; \
    window.eye?.disconnect(); window.eye = new MutationObserver(look); \
    window.eye.observe(document.body, { childList: true, subtree: true, characterData: true }) }; true";

fn main() {
    let given: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let people = given.first().copied().unwrap_or(PEOPLE);
    let branch = Branch::start(people);
    let (mut phone, mut carrier) = (Phone::register(&branch), Carrier::new(&branch));
    let browser = Browser::start();
    let desk = signed_in(&branch, &browser, "ann");
    let board = signed_in(&branch, &browser, "lead");
    board.open(&format!("{}/watch", branch.url));
    board.until("the wallboard", "document.querySelector('.tiles dd')");
    desk.click("Ready");
    desk.until("ready", "document.querySelector('.presence .now').innerText.startsWith('Ready')");
    for tab in [&desk, &board] {
        tab.value(WATCH);
    }
    let (mut offers, mut tiles) = (Vec::new(), Vec::new());
    for call in 0..FIRST + CALLS {
        let person = call * 7_919 % people;
        let name = format!("Customer {person}");
        desk.value(&format!(
            "watchFor(() => document.querySelector('.ringing')?.textContent.includes('{name}')), true"
        ));
        board
            .value("watchFor(() => document.querySelector('.tiles dd').textContent === '1'), true");
        let sent = now();
        carrier.dial(call, person);
        let (mut offer, mut tile) = (0.0, 0.0);
        let limit = Instant::now() + Duration::from_secs(10);
        while offer == 0.0 || tile == 0.0 {
            assert!(
                Instant::now() < limit,
                "{name}: {offer} {tile}\n{}\n{}",
                desk.text(),
                board.text()
            );
            phone.turn();
            carrier.turn();
            (offer, tile) = (number(&desk.value("window.at")), number(&board.value("window.at")));
        }
        carrier.hang_up();
        let gone = "!document.querySelector('.ringing')";
        while carrier.is_busy() || desk.value(gone) != Value::Bool(true) {
            assert!(Instant::now() < limit, "{name} does not go: {}", desk.text());
            phone.turn();
            carrier.turn();
        }
        board.until("nobody waits", "document.querySelector('.tiles dd').textContent === '0'");
        if call >= FIRST {
            offers.push(offer - sent);
            tiles.push(tile - sent);
        }
    }
    println!("{people} people, {CALLS} calls{:>24} {:>8} {:>8}", "p50 ms", "p99 ms", "worst");
    line("INVITE -> who calls, on the desk", offers);
    line("INVITE -> one waits, on the board", tiles);
}

fn signed_in(branch: &Branch, browser: &Browser, user: &str) -> Tab {
    let tab = browser.person().tab();
    tab.open(&branch.url);
    tab.fill("Name", user);
    tab.fill("Password", &branch.password("users", "name", user));
    tab.click("Sign in");
    tab.until("a page", "document.querySelector('.frame main h1, .frame main h2')");
    tab
}

/// Milliseconds since 1970, as pages count.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_secs_f64() * 1e3
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

fn line(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{what:<36} {:>8.1} {:>8.1} {:>8.1}", at(0.5), at(0.99), at(1.0));
}
