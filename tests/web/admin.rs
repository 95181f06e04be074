//! The configuration as an admin changes it in the browser: mistakes at their lines, the difference, the trial, the way
//! back when the browser is gone; the journal verified; and how a call sounds.

use std::fs;
use std::time::Instant;

use serde_json::Value;

use crate::pages::Site;
use crate::peer::{Setting, Sipp};
use crate::shift::pictures;
use crate::sound::Party;
use crate::tab::Tab;

const CALLER: &str = "+15557654321";

/// Puts text behind the last line of the editor.
fn writes(tab: &Tab, text: &str) {
    tab.until(
        "the editor",
        "(() => { const own = document.querySelector('.editor textarea'); if (!own?.value) return false; own.focus(); \
         own.setSelectionRange(own.value.length, own.value.length); return true })()",
    );
    tab.types(text);
}

fn applies(tab: &Tab, why: &str, minutes: &str) {
    tab.until(
        "a text that can be applied",
        "[...document.querySelectorAll('button')].some((own) => own.innerText.startsWith('Apply') && !own.disabled)",
    );
    tab.click("Apply on trial …");
    tab.fill("Why", why);
    tab.fill("Minutes to confirm in", minutes);
    pictures(tab, "admin-config-apply");
    tab.click("Run it");
    tab.sees("is on trial until");
}

fn newest(site: &Site) -> Value {
    site.branch.ask(&["config", "history"])["value"][0].clone()
}

#[test]
fn an_admin_changes_the_configuration_and_a_browser_that_is_gone_changes_nothing() {
    let site = Site::start();
    let file = site.branch.folder().join("gateway.toml");
    let old = fs::read_to_string(&file).expect("the configuration");
    let (_admin, tab) = site.signed_in("admin");
    tab.open(&format!("{}/admin/config", site.url));
    tab.sees("No errors");
    tab.sees("Nothing differs from what runs.");
    writes(&tab, "\n[trsut]\n");
    tab.sees("Did you mean trust?");
    tab.sees("1 error");
    pictures(&tab, "admin-config-wrong");
    tab.click(&format!("Line {}, column 2", old.lines().count() + 2));
    let chosen = "(() => { const own = document.activeElement; return own.value.slice(own.selectionStart, own.selectionEnd) })()";
    assert_eq!(tab.value(chosen), "trsut", "the way to its place");
    tab.types("trust");
    tab.sees("No errors");
    tab.sees("Against what runs");
    pictures(&tab, "admin-config");
    let began = Instant::now();
    applies(&tab, "an empty section", "0.2");
    pictures(&tab, "admin-config-trial");
    assert_ne!(fs::read_to_string(&file).expect("the configuration"), old, "it runs at once");
    // The page is gone, and nobody confirms.
    tab.open("about:blank");
    site.branch.until("the change to go back", || {
        (newest(&site)["fate"]["state"] == "rolled_back").then_some(())
    });
    assert_eq!(fs::read_to_string(&file).expect("the configuration"), old);
    println!("applied in the browser, back {:.1?} later without it", began.elapsed());
    // The same again, and kept.
    tab.open(&format!("{}/admin/config", site.url));
    tab.sees("nobody confirmed it in time");
    writes(&tab, "# kept\n");
    applies(&tab, "a comment", "5");
    tab.click("Keep it");
    tab.sees("kept by user admin");
    assert!(fs::read_to_string(&file).expect("the configuration").ends_with("# kept\n"));
    tab.click("What changed");
    tab.until(
        "the difference",
        "document.querySelector('dialog ins')?.innerText.includes('# kept')",
    );
    pictures(&tab, "admin-config-history");
    tab.press("Escape");
    // The journal.
    tab.open(&format!("{}/admin/audit", site.url));
    tab.sees("apply config");
    tab.click("Verify");
    tab.sees("Whole: every record is as it was written.");
    pictures(&tab, "admin-audit-verified");
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

#[test]
fn a_call_that_is_up_is_drawn_as_it_sounds_and_leaves_as_one_file_without_numbers() {
    let site = Site::start();
    let party = Party::new(site.branch.free + 210, 440.0);
    let keys = [("from", CALLER), ("to", "+15550100"), ("talk", "25000")];
    let mut keys: Vec<_> = keys.map(|(key, value)| (key, value.to_owned())).to_vec();
    keys.push(("rtp", party.port.to_string()));
    let port = site.branch.free + 2;
    let scenario = "trunk_hangs_up";
    let setting = Setting { scenario, port, keys: &keys, account: None, transport: "u1" };
    let caller = Sipp::start(&site.branch, &setting);
    site.branch.until("the menu", || party.heard().loud().then_some(()));
    party.press(9);
    let (_lead, tab) = site.signed_in("lead");
    let calls = site.branch.ask(&["calls", "--active"]);
    let call = calls[0]["call"].as_str().expect("a call").to_owned();
    tab.open(&format!("{}/watch/calls/{call}", site.url));
    tab.sees("How it sounds");
    tab.until(
        "a score of some seconds",
        "/4\\.\\d/.test(document.querySelector('.sound figcaption')?.innerText) && \
         document.querySelector('.sound path.trail').getAttribute('d').split('L').length > 2",
    );
    pictures(&tab, "watch-call-live");
    tab.value(
        "(() => { const old = URL.createObjectURL; URL.createObjectURL = (own) => { window.file = own.text(); return \
         old.call(URL, own) }; return true })()",
    );
    tab.click("Save as a file");
    tab.until("the file", "window.file !== undefined");
    let file = tab.value("window.file");
    let file = file.as_str().expect("text");
    assert!(
        file.contains("<svg") && file.contains("INVITE") && file.contains("jitter_ms"),
        "{file}"
    );
    assert!(file.contains("default-src 'none'"), "it asks nobody for anything");
    assert!(!file.contains(&CALLER[1..]) && file.contains("•••"), "{file}");
    assert_eq!(tab.complaints(), Vec::<String>::new());
    caller.succeeds();
}
