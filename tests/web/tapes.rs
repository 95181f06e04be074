//! A conversation on tape: the agent begins it and sees that it runs, a payment pause keeps what is told off it, and who
//! leads listens to it afterwards, as a drawing and by keyboard; whoever may not is told so.

use serde_json::{Value, json};

use crate::pages::Site;
use crate::shift::{KNOWN, pictures};
use crate::tab::Tab;
use crate::whole_shift::{AGENT, CALLER, Outside, at_work, up};

impl Tab {
    /// The same page in German from now on.
    pub fn goes_on_in_german(&self) {
        self.value("localStorage.setItem('branchline-language', 'de')");
        self.reload();
        self.until("German", "document.documentElement.lang === 'de'");
    }

    /// Waits until somebody who does not see the page has been told so.
    pub fn says(&self, words: &str) {
        let words = json!(words);
        self.until(
            &format!("{words} to be said"),
            &format!("[...document.querySelectorAll('[aria-live]')].some((e) => e.textContent.includes({words}))"),
        );
    }

    /// Waits until the call's head has this among what it says of the call, or has it no more.
    fn call_is(&self, tag: &str, is: bool) {
        let tags = "[...document.querySelectorAll('.talking .who .tag')].map((e) => e.innerText)";
        self.until(&format!("{tag}: {is}"), &format!("{tags}.includes({}) === {is}", json!(tag)));
    }

    /// The place that the player is at, in seconds.
    fn place(&self) -> f64 {
        self.value("document.querySelector('.player audio').currentTime").as_f64().expect("seconds")
    }
}

/// A call that was recorded, with a payment pause in it; its name.
fn recorded(site: &Site) -> String {
    let (_ann, tab) = at_work(site);
    let caller = Outside::calls(site, 7);
    tab.points_at("Answer");
    tab.hears(CALLER);
    let call = up(site);
    tab.points_at("Record");
    tab.call_is("recorded", true);
    caller.hears(site, AGENT);
    tab.points_at("Payment pause");
    tab.call_is("payment pause", true);
    tab.call_is("recorded", false);
    tab.says("Payment pause. Nothing is recorded.");
    tab.sees("Keys that the customer presses reach nobody");
    pictures(&tab, "desk-paying");
    // The page is loaded anew: the pause runs, and it says so.
    tab.goes_on_in_german();
    tab.is_talking();
    tab.call_is("Bezahlpause", true);
    pictures(&tab, "de-desk-paying");
    tab.hears(CALLER);
    tab.press("p");
    tab.says("Die Bezahlpause ist zu Ende.");
    tab.call_is("Bezahlpause", false);
    tab.call_is("wird aufgezeichnet", true);
    caller.hears(site, AGENT);
    tab.points_at("Auflegen");
    tab.until("after-work", "document.querySelector('.wrapup')");
    assert_eq!(tab.complaints(), Vec::<String>::new());
    // An agent has no way to recordings, and is told so by the box too.
    tab.open(&format!("{}/watch/calls/{call}", site.url));
    tab.until("her own page", "location.pathname === '/desk'");
    let record = site.order("GET", &format!("/calls/{call}"), &Value::Null);
    let recording = record["record"]["recordings"][0].as_str().expect("a recording");
    let refused = tab.value(&format!(
        "fetch('/api/v1/recordings/{recording}/audio').then(async (told) => [told.status, (await told.json()).detail])"
    ));
    assert_eq!(refused[0], 403, "{refused}");
    assert!(refused[1].as_str().is_some_and(|words| words.contains("may not")), "{refused}");
    call
}

#[test]
fn a_payment_pause_is_shown_and_told_and_the_recording_is_heard_by_who_may() {
    let site = Site::that_hears(AGENT);
    let call = recorded(&site);
    let (_lead, tab) = site.signed_in("lead");
    let page = format!("{}/watch/calls/{call}", site.url);
    tab.open(&page);
    tab.sees("Listen to the recording");
    // By keyboard alone: it plays, what is heard is both of them, and the place is chosen by the arrows.
    tab.tab_to("Listen to the recording");
    tab.press("Enter");
    tab.until("the player, with the finger on it", "document.activeElement?.ariaLabel === 'Pause'");
    tab.hears(CALLER);
    tab.hears(AGENT);
    let bars = "[...document.querySelectorAll('.player svg path[d*=M]')].map((e) => e.getAttribute('d').length)";
    tab.until("two sides", &format!("{bars}.filter((length) => length > 4000).length === 2"));
    let sides =
        tab.value("[...document.querySelectorAll('.player .sides span')].map((e) => e.innerText)");
    assert_eq!(sides, json!([KNOWN, "ann"]));
    tab.press("Enter");
    tab.until("it rests", "document.querySelector('.player audio').paused");
    tab.tab_to("Place in the recording");
    tab.press("Home");
    tab.until("the beginning", "document.querySelector('.player audio').currentTime === 0");
    tab.press("ArrowRight");
    assert_eq!(tab.place(), 5.0, "an arrow is five seconds");
    let told = tab.value("document.activeElement.ariaValueText");
    assert!(told.as_str().is_some_and(|own| own.starts_with("0:05 of ")), "{told}");
    tab.press("ArrowLeft");
    assert_eq!(tab.place(), 0.0);
    tab.press(" ");
    tab.until("it plays on", "document.querySelector('.player audio').currentTime > 0.2");
    tab.press(" ");
    // By mouse: where in the drawing somebody clicks.
    let at = tab.value(
        "(() => { const r = document.querySelector('.player input').getBoundingClientRect(); return [r.x + r.width * 0.75, \
         r.y + r.height / 2] })()",
    );
    tab.clicks_at(&at);
    let all = tab.value("document.querySelector('.player audio').duration").as_f64();
    let share = tab.place() / all.expect("seconds");
    assert!((share - 0.75).abs() < 0.02, "{share} of it");
    pictures(&tab, "watch-player");
    tab.goes_on_in_german();
    tab.points_at("Aufzeichnung anhören");
    tab.until("the player", "document.activeElement?.ariaLabel === 'Anhalten'");
    pictures(&tab, "de-watch-player");
    assert_eq!(tab.complaints(), Vec::<String>::new());
    // One that is not there any more; and whoever may listen no more while the page is open.
    tab.value("localStorage.setItem('branchline-language', 'en')");
    let tapes = std::fs::read_dir(site.branch.folder().join("data/recordings")).expect("a folder");
    for tape in tapes {
        std::fs::remove_file(tape.expect("a file").path()).expect("it can be deleted");
    }
    tab.open(&page);
    tab.points_at("Listen to the recording");
    tab.sees("The recording is not there any more");
    assert_eq!(tab.axe(), Vec::<String>::new());
    site.order("PATCH", "/users/lead", &json!({ "role": "agent" }));
    tab.points_at("Listen to the recording");
    tab.sees("Your session has ended");
    assert_eq!(tab.value("document.querySelector('.player')"), Value::Null);
    assert_eq!(tab.axe(), Vec::<String>::new());
}
