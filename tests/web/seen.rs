//! The desk in every state that a call brings, in both languages: without a mistake that axe knows, on a desk and in a hand,
//! light and dark; and the pictures of the README's tour.
//!
//! The pictures go to `target/tour`; with `BRANCHLINE_TOUR` set, those of the README go to `tests/web/tour` too.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::pages::Site;
use crate::shift::{pictures, prepare, register};
use crate::tab::Tab;
use crate::whole_shift::{AGENT, CALLER, COLLEAGUE, Outside, colleague};

/// The most that one picture of the tour may take in the repository.
const MOST_BYTES: u64 = 150_000;

/// What the test looks for on the page, in one language.
struct Words {
    tongue: &'static str,
    name: &'static str,
    password: &'static str,
    sign_in: &'static str,
    here: &'static str,
    devices: &'static str,
    clean: &'static str,
    close: &'static str,
    ready: &'static str,
    rings_here: &'static str,
    answer: &'static str,
    hold: &'static str,
    resume: &'static str,
    keys: &'static str,
    transfer: &'static str,
    ask: &'static str,
    number: &'static str,
    call: &'static str,
    all: &'static str,
    end: &'static str,
    missed: &'static str,
    again: &'static str,
}

const ENGLISH: Words = Words {
    tongue: "English",
    name: "Name",
    password: "Password",
    sign_in: "Sign in",
    here: "Talk in this browser",
    devices: "Microphone, loudspeaker, network",
    clean: "Take out echo and noise",
    close: "Close",
    ready: "Ready",
    rings_here: "ring here too",
    answer: "Answer",
    hold: "Hold",
    resume: "Resume",
    keys: "Keys",
    transfer: "Transfer",
    ask: "Ask somebody",
    number: "Number or colleague",
    call: "Call",
    all: "Bring all together",
    end: "Hang up",
    missed: "You missed",
    again: "Ready again",
};

const GERMAN: Words = Words {
    tongue: "Deutsch",
    name: "Name",
    password: "Passwort",
    sign_in: "Anmelden",
    here: "In diesem Browser sprechen",
    devices: "Mikrofon, Lautsprecher, Netz",
    clean: "Echo und Rauschen herausnehmen",
    close: "Schließen",
    ready: "Bereit",
    rings_here: "auch hier",
    answer: "Annehmen",
    hold: "Halten",
    resume: "Fortsetzen",
    keys: "Tasten",
    transfer: "Weitergeben",
    ask: "Rückfrage",
    number: "Nummer oder Kollege",
    call: "Anrufen",
    all: "Alle zusammenbringen",
    end: "Auflegen",
    missed: "verpasst",
    again: "Wieder bereit",
};

/// Every state that a call brings to the desk.
fn states(words: &Words) {
    let site = Site::that_hears(AGENT);
    prepare(&site);
    register(&site, "201", 1);
    let person = site.browser.person();
    let tab = person.tab();
    let seen = |name: &str| pictures(&tab, &format!("{}-{name}", words.tongue.to_lowercase()));
    tab.open(&site.url);
    tab.points_at(words.tongue);
    seen("door");
    tab.fill(words.name, "ann");
    tab.fill(words.password, &site.password("ann"));
    tab.points_at(words.sign_in);
    tab.points_at(words.devices);
    tab.until("a microphone", "document.querySelector('meter')?.value > 0");
    tab.points_at(words.clean);
    seen("devices");
    tab.points_at(words.close);
    tab.points_at(words.here);
    tab.sees(words.rings_here);
    tab.press("?");
    seen("keys");
    tab.press("Escape");
    tab.press("/");
    tab.until("the search", "document.activeElement?.closest('dialog')");
    tab.types("heat");
    tab.until("somebody", "document.querySelector('.hits li')");
    seen("search");
    tab.press("Escape");
    tab.points_at(words.ready);
    // Nobody answers: the agent is told, and is ready again by one click.
    let caller = Outside::calls(&site, 7);
    tab.until("an offer", "document.querySelectorAll('.ringing kbd').length === 2");
    seen("offer");
    tab.sees(words.missed);
    seen("missed");
    tab.points_at(words.again);
    tab.points_at(words.answer);
    tab.hears(CALLER);
    tab.until("how it sounds", "/ms/.test(document.querySelector('.talking').innerText)");
    seen("call");
    tab.points_at(words.keys);
    seen("call-keys");
    tab.points_at(words.transfer);
    seen("call-transfer");
    tab.points_at(words.transfer);
    tab.points_at(words.hold);
    tab.until(words.resume, &has(words.resume));
    seen("call-held");
    tab.points_at(words.resume);
    tab.until(words.hold, &has(words.hold));
    let (phone, desk) = colleague(&site);
    tab.points_at(words.ask);
    seen("dial");
    tab.fill(words.number, "201");
    tab.points_at(words.call);
    tab.hears(COLLEAGUE);
    tab.until("the one beside", "document.querySelector('.beside')");
    seen("call-two");
    tab.points_at(words.all);
    tab.hears(CALLER);
    tab.until("the room", "!document.querySelector('.beside')");
    seen("call-all");
    tab.points_at(words.end);
    tab.until("after-work", "document.querySelector('.wrapup')");
    seen("after");
    drop((caller, phone, desk));
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

/// Whether a button among the call's is called so.
fn has(name: &str) -> String {
    let name = json!(name);
    format!(
        "[...document.querySelectorAll('.controls button')].some((e) => e.innerText.trim().startsWith({name}))"
    )
}

#[test]
fn every_state_of_a_call_is_fit_for_everybody() {
    states(&ENGLISH);
}

#[test]
fn and_in_german() {
    states(&GERMAN);
}

/// Where the pictures of the README are.
fn tour() -> PathBuf {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web/tour");
    match std::env::var_os("BRANCHLINE_TOUR") {
        Some(_) => kept,
        None => {
            let program = PathBuf::from(env!("CARGO_BIN_EXE_branchline"));
            program.ancestors().nth(2).expect("target").join("tour")
        }
    }
}

/// Keeps a picture of the page for the README.
pub fn keep(tab: &Tab, name: &str) {
    std::fs::create_dir_all(tour()).expect("a folder");
    let file = tour().join(format!("{name}.webp"));
    tab.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    tab.small_picture(&file);
    let bytes = std::fs::metadata(&file).expect("the picture").len();
    eprintln!("{name}.webp: {bytes} bytes");
    assert!(bytes < MOST_BYTES, "{name}: {bytes} bytes");
}

/// The README shows an agent in a call, the supervisor's board while it is up, and the admin's lines.
#[test]
fn the_tour_of_the_readme_is_what_people_see() {
    let site = Site::that_hears(AGENT);
    prepare(&site);
    register(&site, "201", 1);
    let (_ann, tab) = site.signed_in("ann");
    tab.talks_here();
    tab.is_ready();
    let caller = Outside::calls(&site, 7);
    tab.points_at("Answer");
    tab.hears(CALLER);
    tab.until("how it sounds", "/ms/.test(document.querySelector('.talking').innerText)");
    keep(&tab, "agent");
    let second = Outside::calls(&site, 8);
    let (_lead, board) = site.signed_in("lead");
    board.until("who waits", "document.querySelector('.tile .number').innerText === '1'");
    board.until("all of it", "!document.body.innerText.includes('Loading…')");
    keep(&board, "supervisor");
    let (_admin, admin) = site.signed_in("admin");
    admin.open(&format!("{}/admin/lines", site.url));
    admin.sees("carrier");
    admin.until("all of it", "!document.body.innerText.includes('Loading…')");
    keep(&admin, "admin");
    ["agent", "supervisor", "admin"].into_iter().for_each(shown_in_the_readme);
    drop((caller, second));
}

/// Whether the README shows a picture, and the repository keeps it.
pub fn shown_in_the_readme(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let file = format!("tests/web/tour/{name}.webp");
    assert!(text.contains(&format!("({file})")), "the README shows {file}");
    let kept = std::fs::metadata(root.join(&file));
    assert!(kept.is_ok_and(|file| file.len() < MOST_BYTES), "{file}");
}
