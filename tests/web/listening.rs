//! Who leads listens in from the board: the phone beside them rings, and each of the three parts is heard by whom it should.

use serde_json::Value;

use crate::pages::Site;
use crate::shift::{pictures, register};
use crate::tab::Tab;
use crate::whole_shift::{
    AGENT, CALLER, COLLEAGUE, Outside, at_work, colleague, hears, hears_nothing_of,
};

/// Whether the button of a part is the one that is pressed.
fn takes_part(tab: &Tab, name: &str) {
    let pressed = "document.querySelector('dialog [aria-pressed=true]')?.innerText.trim()";
    tab.until(&format!("the part: {name}"), &format!("{pressed} === {}", serde_json::json!(name)));
}

#[test]
fn who_leads_listens_in_speaks_to_the_agent_and_to_both_and_leaves() {
    let site = Site::that_hears(AGENT);
    register(&site, "201", 1);
    let (_ann, desk) = at_work(&site);
    let caller = Outside::calls(&site, 7);
    desk.points_at("Answer");
    desk.hears(CALLER);
    caller.hears(&site, AGENT);
    let (_lead, board) = site.signed_in("lead");
    board.until("the call", "document.body.innerText.includes('talks ·')");
    board.tab_to("Listen in");
    board.press("Enter");
    board.sees("Your phone rings.");
    // A phone that is none: said in words, and nothing has happened.
    board.fill("Extension of your phone", "999");
    board.points_at("Listen in");
    board
        .until("a problem", "document.querySelector('dialog [role=alert]')?.innerText.length > 10");
    let (phone, own) = colleague(&site);
    board.fill("Extension of your phone", "201");
    board.points_at("Listen in");
    takes_part(&board, "Listen in");
    for tone in [CALLER, AGENT] {
        site.branch.until(&format!("{tone} Hz on the supervisor's phone"), || {
            (own.heard().share(tone) > 0.2).then_some(())
        });
    }
    hears_nothing_of(&site, &caller.sound, COLLEAGUE);
    desk.hears_nothing_of(COLLEAGUE);
    desk.sees("a supervisor listens in");
    pictures(&board, "watch-listen");
    board.points_at("Speak to the agent");
    takes_part(&board, "Speak to the agent");
    desk.hears(COLLEAGUE);
    hears_nothing_of(&site, &caller.sound, COLLEAGUE);
    board.goes_on_in_german();
    board.points_at("Mithören");
    board.until("the window", "document.querySelector('dialog')");
    takes_part(&board, "Zum Agenten sprechen");
    pictures(&board, "de-watch-listen");
    board.points_at("Zu beiden sprechen");
    takes_part(&board, "Zu beiden sprechen");
    site.branch.until("the caller to hear the supervisor", || {
        (caller.sound.heard().share(COLLEAGUE) > 0.2).then_some(())
    });
    desk.hears(COLLEAGUE);
    board.points_at("Verlassen");
    board.until("nobody listens", "!document.querySelector('dialog [aria-pressed=true]')");
    phone.succeeds();
    // The two talk on as before.
    hears_nothing_of(&site, &caller.sound, COLLEAGUE);
    hears(&site, &caller.sound, AGENT);
    desk.hears(CALLER);
    desk.until(
        "no word of it",
        "!document.querySelector('.talking').innerText.includes('supervisor')",
    );
    for tab in [&desk, &board] {
        assert_eq!(tab.complaints(), Vec::<String>::new());
    }
    assert_eq!(
        site.order("GET", "/calls/live", &Value::Null)["items"].as_array().map(Vec::len),
        Some(1)
    );
}
