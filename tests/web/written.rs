//! Written conversations in the browser: a customer's phone writes, agents at their pages answer, and what arrives is looked
//! at where it arrives.

use std::process::{Command, Stdio};

use branchline::sms::pdu::Reference;
use branchline::sms::segment::{Encoding, Options, count};
use serde_json::{Value, json};

use crate::customer::Customer;
use crate::pages::Site;
use crate::seen::{keep, shown_in_the_readme};
use crate::shift::pictures;
use crate::tab::Tab;

impl Tab {
    /// Waits until an offer of something written is on the page, with these words in it.
    fn is_offered_text(&self, words: &str) {
        let offer = "document.querySelector('.ringing.written')?.innerText";
        self.until(&format!("an offer: {words}"), &format!("{offer}?.includes({})", json!(words)));
    }

    /// Waits until these words stand in the conversation that is in front.
    fn reads(&self, words: &str) {
        let lines = "document.querySelector('.conversation ol')?.innerText";
        self.until(&format!("a line: {words}"), &format!("{lines}?.includes({})", json!(words)));
    }

    /// Waits until the last line that went out stands so.
    fn stands(&self, state: &str) {
        let last = "[...document.querySelectorAll('.line.out .under')].at(-1)?.innerText";
        self.until(state, &format!("{last}?.includes({})", json!(state)));
    }

    fn is_ready_by_keyboard(&self, name: &str) {
        self.tab_to(name);
        self.press("Enter");
        let now = format!(
            "document.querySelector('.presence .now').innerText.startsWith({})",
            json!(name)
        );
        self.until("ready", &now);
        self.value("document.activeElement.blur()");
    }

    fn writes_in_the_field(&self) {
        let field = "document.activeElement === document.querySelector('.composer textarea')";
        self.until("the field", field);
    }
}

/// What the box knows of the one conversation there is.
fn conversation(site: &Site) -> Value {
    site.order("GET", "/conversations?closed=true", &Value::Null)["items"][0].clone()
}

#[test]
fn an_agent_answers_by_keyboard_and_the_customer_gets_each_answer_once() {
    let site = Site::with_texts();
    let (_ann, tab) = site.signed_in("ann");
    tab.sees("Nobody writes.");
    tab.is_ready_by_keyboard("Ready");
    let customer = Customer::at(&site, "201", 1);
    customer.writes(&site, "Is the printer repaired?");
    tab.is_offered_text("Is the printer repaired?");
    pictures(&tab, "written-offer");
    tab.press("a");
    tab.reads("Is the printer repaired?");
    tab.writes_in_the_field();
    tab.types("It comes back tomorrow.");
    pictures(&tab, "written-draft");
    // A reload in the middle of a word keeps the word, and what is in front.
    tab.reload();
    let kept = "document.querySelector('.composer textarea')?.value === 'It comes back tomorrow.'";
    tab.until("the draft", kept);
    tab.reads("Is the printer repaired?");
    tab.value("document.querySelector('.composer textarea').blur()");
    tab.press("i");
    tab.writes_in_the_field();
    tab.press("Ctrl+Enter");
    customer.reads(&site, "It comes back tomorrow.");
    tab.stands("delivered");
    tab.until("an empty field", "document.querySelector('.composer textarea').value === ''");
    // What they write next is there by itself, and is read.
    customer.writes(&site, "Good. At what time?");
    tab.reads("Good. At what time?");
    site.branch.until("nothing unread", || (conversation(&site)["unread"] == 0).then_some(()));
    // With the Enter key, where the agent wants that.
    tab.tab_to("Enter sends");
    tab.press(" ");
    tab.press("Escape");
    tab.value("document.activeElement.blur()");
    tab.press("i");
    tab.types("At nine.");
    tab.press("Enter");
    customer.reads(&site, "At nine.");
    tab.stands("delivered");
    pictures(&tab, "written-conversation");
    // Closed, with how it came out.
    tab.value("document.activeElement.blur()");
    tab.press("x");
    tab.until("the window", "document.activeElement?.closest('dialog')");
    tab.types("resolved");
    pictures(&tab, "written-close");
    tab.press("Enter");
    tab.until("it is closed", "!document.querySelector('dialog, .conversation')");
    assert_eq!(customer.got(), ["It comes back tomorrow.", "At nine."]);
    site.branch.until("the end", || conversation(&site)["closed"].is_string().then_some(()));
    tab.sees("Came out as resolved");
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

/// What the box got and could not acknowledge is sent again under its key, by the page itself and after a reload.
#[test]
fn a_send_whose_answer_is_lost_arrives_once() {
    let site = Site::with_texts();
    let (_ann, tab) = site.signed_in("ann");
    tab.is_ready_by_keyboard("Ready");
    let customer = Customer::at(&site, "201", 1);
    customer.writes(&site, "Hello?");
    tab.is_offered_text("Hello?");
    tab.press("a");
    tab.writes_in_the_field();
    let lose = "window.lost = 0; window.plain = window.fetch; window.fetch = async (url, init) => { const own = await \
                window.plain(url, init); if (init?.method === 'POST' && String(url).endsWith('/messages') && \
                window.lost < 2) { window.lost++; throw new TypeError('lost') } return own }; 0";
    tab.value(lose);
    tab.types("Hello! How can we help?");
    tab.press("Ctrl+Enter");
    tab.until("two lost answers", "window.lost === 2");
    tab.stands("delivered");
    // And with a reload between the order and its answer.
    tab.value("window.fetch = async (url, init) => { const own = await window.plain(url, init); if (init?.method === \
               'POST' && String(url).endsWith('/messages')) { window.gone = true; await new Promise(() => {}) } \
               return own }; 0");
    tab.types("Are you there?");
    tab.press("Ctrl+Enter");
    tab.until("an order without an answer", "window.gone");
    tab.reload();
    tab.reads("Are you there?");
    tab.until("one line for it", "document.querySelectorAll('.line.out').length === 2 && !sessionStorage.getItem('branchline-pending')?.includes('there')");
    tab.stands("delivered");
    assert_eq!(customer.got(), ["Hello! How can we help?", "Are you there?"]);
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

#[test]
fn who_has_a_conversation_has_it_alone_and_hands_it_over_with_a_word() {
    let site = Site::with_texts();
    let (_ann, ann) = site.signed_in("ann");
    ann.is_ready_by_keyboard("Ready");
    let customer = Customer::at(&site, "201", 1);
    customer.writes(&site, "My invoice is wrong.");
    ann.is_offered_text("My invoice is wrong.");
    let user =
        json!({ "name": "bob", "password": "a few good words", "role": "agent", "agent": "bob" });
    site.order("POST", "/users", &user);
    let person = site.browser.person();
    let bob = person.tab();
    bob.open(&site.url);
    bob.fill("Name", "bob");
    bob.fill("Password", "a few good words");
    bob.click("Sign in");
    bob.sees("Conversations");
    bob.is_ready_by_keyboard("Ready");
    bob.sees("1 waits");
    ann.press("a");
    ann.writes_in_the_field();
    // Bob may look as it stands open at his, and cannot write in it.
    let one = conversation(&site)["conversation"].as_str().expect("an id").to_owned();
    bob.value(&format!("sessionStorage.setItem('branchline-talk', '{one}')"));
    bob.reload();
    bob.sees("ann has this conversation.");
    bob.reads("My invoice is wrong.");
    assert_eq!(bob.value("!!document.querySelector('.composer')"), Value::Bool(false));
    pictures(&bob, "written-locked");
    ann.value("document.activeElement.blur()");
    ann.press("t");
    ann.until("the window", "document.activeElement?.closest('dialog')");
    ann.value(
        "(() => { const own = document.querySelector('dialog select'); own.value = 'agent:bob'; \
               own.dispatchEvent(new Event('change', { bubbles: true })) })()",
    );
    ann.fill("A word about it", "She is right: refund 20.");
    pictures(&ann, "written-transfer");
    ann.press("Tab");
    ann.tab_to("Send");
    ann.press("Enter");
    ann.until("it is gone", "!document.querySelector('dialog, .composer')");
    bob.until("it is his", "document.querySelector('.composer')");
    bob.sees("She is right: refund 20.");
    bob.writes_in_the_field();
    bob.types("We pay back 20.");
    bob.press("Ctrl+Enter");
    customer.reads(&site, "We pay back 20.");
    assert_eq!(customer.got().len(), 1);
    // Given back, it waits for anybody again.
    bob.value("document.activeElement.blur()");
    bob.click("Give back");
    site.branch
        .until("the queue", || (conversation(&site)["owner"]["queue"] == "support").then_some(()));
    assert_eq!(ann.complaints(), Vec::<String>::new());
    assert_eq!(bob.complaints(), Vec::<String>::new());
}

#[test]
fn what_is_written_is_there_in_german() {
    let site = Site::with_texts();
    let person = site.browser.person();
    let tab = person.tab();
    tab.open(&site.url);
    tab.click("Deutsch");
    tab.fill("Name", "ann");
    tab.fill("Passwort", &site.password("ann"));
    tab.click("Anmelden");
    tab.sees("Niemand schreibt.");
    tab.is_ready_by_keyboard("Bereit");
    let customer = Customer::at(&site, "201", 1);
    customer.writes(&site, "Ist der Drucker fertig?");
    tab.is_offered_text("Ist der Drucker fertig?");
    pictures(&tab, "de-written-offer");
    tab.press("a");
    tab.writes_in_the_field();
    tab.types("Ja, seit heute.");
    tab.press("Ctrl+Enter");
    customer.reads(&site, "Ja, seit heute.");
    tab.stands("zugestellt");
    pictures(&tab, "de-written-conversation");
    tab.value("document.activeElement.blur()");
    tab.press("x");
    tab.until("the window", "document.querySelector('dialog')");
    pictures(&tab, "de-written-close");
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

/// The README shows a conversation as the agent sees it who answers.
#[test]
fn the_tour_of_the_readme_shows_a_conversation() {
    let site = Site::with_texts();
    let (_ann, tab) = site.signed_in("ann");
    tab.is_ready_by_keyboard("Ready");
    let customer = Customer::at(&site, "201", 1);
    customer.writes(&site, "Hello, is the heat pump on its way? Nobody called so far.");
    tab.is_offered_text("Nobody called so far.");
    tab.press("a");
    tab.writes_in_the_field();
    tab.types("It is: the van comes on Tuesday, between nine and ten. Does that suit you?");
    tab.press("Ctrl+Enter");
    tab.stands("delivered");
    let who = conversation(&site)["person"]["contact"].as_str().expect("an id").to_owned();
    let fields = json!({ "fields": { "name": "Ann Lee", "company": "Lee & Sons" } });
    site.order("PATCH", &format!("/people/{who}"), &fields);
    let note = json!({ "text": "Asked for the brochure about heat pumps" });
    site.order("POST", &format!("/people/{who}/notes"), &note);
    customer.writes(&site, "Tuesday is good. Please call when you set out.");
    tab.reads("Please call when you set out.");
    // Another customer waits to be taken meanwhile.
    Customer::at(&site, "203", 3).writes(&site, "Are you open on Saturday?");
    tab.is_offered_text("Are you open on Saturday?");
    tab.types("We will call you then");
    tab.reload();
    tab.reads("Please call when you set out.");
    tab.sees("Lee & Sons");
    tab.sees("brochure about heat pumps");
    keep(&tab, "conversation");
    shown_in_the_readme("conversation");
}

/// The page's own counting of parts says what the box's says, which is what is paid for.
#[test]
fn parts_are_counted_as_the_box_cuts() {
    let long = |piece: &str, times: usize| piece.repeat(times);
    let texts = [
        String::new(),
        "Hello".to_owned(),
        long("a", 160),
        long("a", 161),
        long("€", 80),
        long("€", 81),
        format!("{}€", long("a", 152)) + &long("b", 100),
        long("^{}\\[~]|\u{c}", 30),
        "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉÄÖÑÜ§¿äöñüà".to_owned(),
        "Na – was".to_owned(),
        long("ж", 70),
        long("ж", 71),
        format!("{}🙂{}", long("ж", 66), long("ж", 10)),
        long("🙂", 100),
        long("e\u{301}", 67),
        format!("{}\u{1f1e9}\u{1f1ea}{}", long("x", 64), long("y", 90)),
        format!("a{}", long("\u{301}", 200)),
        "👩‍👩‍👧‍👦".repeat(20),
    ];
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_branchline"));
    let node = program.ancestors().nth(2).expect("target").join("node/node_modules");
    // The page's own file, with its types taken off.
    let script = "const { transformSync } = require(process.argv[2] + '/esbuild'); const { readFileSync } = \
                  require('fs'); const file = readFileSync(process.argv[1], 'utf8'); const { code } = \
                  transformSync(file, { loader: 'ts', format: 'cjs' }); const module = { exports: {} }; new \
                  Function('module', 'exports', code)(module, module.exports); const texts = \
                  JSON.parse(readFileSync(0, 'utf8')); console.log(JSON.stringify(texts.map(module.exports.costOf)))";
    let mut run = Command::new("node")
        .args(["-e", script])
        .arg(root.join("src/web/pages/desk/written/parts.ts"))
        .arg(node)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs; tests/run installs it");
    serde_json::to_writer(run.stdin.take().expect("a pipe"), &texts).expect("it reads");
    let told = run.wait_with_output().expect("it ends").stdout;
    let told: Vec<Value> = serde_json::from_slice(&told).expect("JSON");
    assert_eq!(told.len(), texts.len());
    for (text, told) in texts.iter().zip(told) {
        let own = count(text, &Options::default(), Reference::Short(1));
        let forced = own.forced_by.map(|(_, char)| char.to_string());
        let wide = own.encoding == Encoding::Ucs2;
        let own =
            json!({ "parts": own.parts, "left": own.units_left, "wide": wide, "forced": forced });
        assert_eq!(told, own, "{text:?}");
    }
}
