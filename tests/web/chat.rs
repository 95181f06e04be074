//! The chat on the pages of the site: what a visitor sees, and what the box takes from whoever speaks to it.

use branchline::random::Random;
use serde_json::{Value, json};

use crate::pages::Site;
use crate::tab::Tab;

/// A page that speaks as the widget does, without being it: `chat.say`, `chat.told`, `chat.end`.
const SPEAKER: &str = "window.speaks = (hello) => new Promise((done) => { const told = [], socket = new WebSocket(\
    `wss://${location.host || BOX}/chat/site`, 'branchline.chat.1'); const own = { told, socket, end: null, \
    say: (what) => socket.send(JSON.stringify(what)) }; window.chat = own; socket.onopen = () => { if (hello) \
    own.say({ type: 'hello', ...hello }); done(true) }; socket.onmessage = (event) => told.push(JSON.parse(event.data)); \
    socket.onclose = (event) => { own.end = [event.code, event.reason]; done(false) } })";

fn speaker(tab: &Tab, site: &Site) {
    let host = site.url.trim_start_matches("https://");
    tab.value(&format!("window.BOX = {}; {SPEAKER}; true", json!(host)));
}

/// Says hello, and waits for the welcome.
fn enters(tab: &Tab, hello: &Value) -> Value {
    assert_eq!(tab.value(&format!("speaks({hello})")), true);
    let welcome = tab.comes_true("chat.told.find((what) => what.type === 'welcome')");
    welcome.unwrap_or_else(|_| panic!("no welcome: {}", tab.value("[chat.told, chat.end]")))
}

/// The conversations that the branch sees.
fn conversations(site: &Site) -> Vec<Value> {
    let all = site.order("GET", "/conversations", &Value::Null);
    all["items"].as_array().expect("a list").clone()
}

#[test]
fn a_visitor_writes_and_is_answered_over_the_api() {
    let site = Site::start();
    let person = site.browser.person();
    let tab = person.tab();
    tab.open(&format!("{}/chat/site/try", site.url));
    speaker(&tab, &site);
    let welcome = enters(&tab, &json!({ "page": "Boots" }));
    tab.value("chat.say({ type: 'say', client: 'a', text: 'Do you have boots in 44?' })");
    let ack = tab.until("an ack", "chat.told.find((what) => what.type === 'ack')");
    assert_eq!((&ack["client"], &ack["seq"]), (&json!("a"), &json!(1)));
    let talk = site.branch.until("the conversation", || conversations(&site).into_iter().next());
    assert_eq!(talk["preview"], "Do you have boots in 44?");
    let visitor = talk["way"]["address"].as_str().expect("an address").to_owned();
    let text = "We do, in black and in brown.";
    let wish = json!({ "channel": "site", "to": visitor, "text": text, "purpose": "service" });
    let sent = site.order("POST", "/messages", &wish);
    let line = tab.until("the answer", "chat.told.find((what) => what.type === 'line')");
    assert_eq!((&line["pieces"][0]["text"], &line["from"]), (&json!(text), &json!("branch")));
    // The visitor goes, is written to, comes back, and reads.
    tab.value("chat.socket.close()");
    let wish =
        json!({ "channel": "site", "to": visitor, "text": "Still there?", "purpose": "service" });
    let late = site.order("POST", "/messages", &wish);
    let state = |message: &Value| {
        let id = message["message"].as_str().expect("an id");
        let token = site.branch.ready("token").as_str().expect("text");
        let authorised = format!("Authorization: Bearer {token}");
        let (_, body) = site.fetch(&format!("/api/v1/messages/{id}"), &["-H", &authorised]);
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        told["state"].as_str().unwrap_or_default().to_owned()
    };
    site.branch.until("it is sent", || (state(&late) == "sent").then_some(()));
    let again =
        json!({ "token": welcome["token"], "epoch": welcome["epoch"], "upto": line["seq"] });
    let welcome = enters(&tab, &again);
    assert_eq!(welcome["lines"][0]["pieces"][0]["text"], "Still there?");
    assert_eq!(welcome["lines"].as_array().map(Vec::len), Some(1));
    tab.value("chat.say({ type: 'seen', upto: 3 })");
    for message in [&sent, &late] {
        site.branch.until("it is read", || (state(message) == "read").then_some(()));
    }
}

#[test]
fn whoever_breaks_the_rules_hears_which() {
    let site = Site::start();
    let person = site.browser.person();
    let tab = person.tab();
    let ends = |what: &str| tab.until(what, "chat.end");
    // A page of anybody else's.
    tab.open("data:text/html,<title>elsewhere</title>");
    speaker(&tab, &site);
    assert_eq!(tab.value("speaks({})"), false);
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    let mut more = vec![
        "-H",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "-H",
        "Origin: https://evil.example",
    ];
    more.extend(upgrade.iter().flat_map(|line| ["-H", line]));
    let (head, body) = site.fetch("/chat/site", &more);
    assert!(head.starts_with("http/1.1 403"), "{head}");
    assert!(String::from_utf8_lossy(&body).contains("origins"), "it says where to allow it");
    let (head, _) = site.fetch("/chat/site/settings", &["-H", "Origin: https://evil.example"]);
    assert!(head.starts_with("http/1.1 403"), "{head}");
    let (head, _) = site.fetch("/chat/none", &[]);
    assert!(head.starts_with("http/1.1 404"), "{head}");
    // Pages of the box's own.
    tab.open(&format!("{}/chat/site/try", site.url));
    speaker(&tab, &site);
    enters(&tab, &json!({}));
    tab.value("chat.socket.send('x'.repeat(10 << 20))");
    assert_eq!(ends("an end for 10 MB")[0], 1009);
    tab.value("speaks({ token: 'AAAA' })");
    assert_eq!(ends("an end for a forged token"), json!([1008, "refused"]));
    assert_eq!(tab.value("chat.told"), json!([{ "type": "refused", "why": "token" }]));
    tab.value("speaks({})");
    tab.value(
        "for (let i = 0; i < 500; i++) chat.say({ type: 'say', client: 'c' + i, text: 'flood' })",
    );
    assert_eq!(ends("an end for a flood")[0], 1008);
    let why = tab.value("chat.told.at(-1)");
    assert_eq!(why, json!({ "type": "refused", "why": "flood" }));
    tab.value("speaks(null)");
    tab.value("chat.socket.send(new Blob(['bytes']))");
    assert_eq!(ends("an end for bytes")[0], 1003);
    enters(&tab, &json!({}));
    assert_eq!(tab.value("chat.end"), Value::Null, "others go on");
}

/// The widget's own tree.
pub const ROOT: &str = "document.querySelector('branchline-chat')?.shadowRoot";

/// What can be read in the widget's list of lines, in order, without who said it.
const LINES: &str = "[...document.querySelector('branchline-chat').shadowRoot.querySelectorAll('.line > .box')].map((box) => \
     [...box.childNodes].slice(1).map((part) => part.textContent).join(''))";

impl Tab {
    /// Something of the widget, by a selector.
    fn of_chat(&self, what: &str, rest: &str) -> Value {
        let own = format!("{ROOT}?.querySelector({}){rest}", json!(what));
        self.until(what, &own)
    }

    /// Opens the chat and waits for its line to the box.
    pub fn opens_chat(&self) {
        self.of_chat(".open", " && true");
        self.value(&format!("{ROOT}.querySelector('.open').click()"));
        self.until("a field to write in", &format!("{ROOT}.activeElement?.id === 'text'"));
    }

    /// Writes a line as a person would.
    pub fn chats(&self, text: &str) {
        self.value(&format!("{ROOT}.querySelector('#text').focus()"));
        self.types(text);
        self.press("Enter");
    }
}

/// The last conversation of the branch, and the name of its visitor.
fn visitor(site: &Site) -> String {
    let talk = site.branch.until("the conversation", || conversations(site).into_iter().next());
    talk["way"]["address"].as_str().expect("an address").to_owned()
}

fn answers(site: &Site, visitor: &str, text: &str) {
    let wish = json!({ "channel": "site", "to": visitor, "text": text, "purpose": "service" });
    site.order("POST", "/messages", &wish);
}

#[test]
fn the_widget_is_small() {
    const MOST: usize = 50_000;
    let files = branchline::web::sizes();
    let (_, size) = files.iter().find(|(name, _)| name == "chat.js").expect("the script");
    eprintln!("chat.js, packed: {size} bytes");
    assert!(*size < MOST, "{size}");
}

#[test]
fn a_visitor_opens_the_chat_by_keyboard_and_is_answered() {
    let site = Site::start();
    let person = site.browser.person();
    let tab = person.tab();
    tab.open(&format!("{}/chat/site/try", site.url));
    tab.of_chat(".open", " && true");
    tab.press("Tab");
    assert_eq!(tab.value(&format!("{ROOT}.activeElement.className")), "open");
    tab.press("Enter");
    tab.until("a field to write in", &format!("{ROOT}.activeElement?.id === 'text'"));
    assert_eq!(tab.value(LINES), json!(["Good day. How can we help?"]));
    tab.types("Do you have boots in 44?");
    tab.press("Enter");
    tab.of_chat(".under", ".textContent.match(/^(Sent|You are next\\.)$/)");
    let visitor = visitor(&site);
    let text = "We do: https://example.org/boots.";
    answers(&site, &visitor, text);
    tab.until("the answer", &format!("{LINES}.includes({})", json!(text)));
    let link = tab.of_chat(".line a", ".href");
    assert_eq!(link, "https://example.org/boots");
    for dark in [false, true] {
        tab.dark(dark);
        let found = tab.axe();
        assert!(found.is_empty(), "{found:#?}");
    }
    // Another page of the site, another window: the same conversation.
    tab.reload();
    tab.opens_chat();
    let all = ["Good day. How can we help?", "Do you have boots in 44?", text];
    tab.until(
        "all lines",
        &format!("JSON.stringify({LINES}) === {}", json!(json!(all).to_string())),
    );
    tab.press("Escape");
    assert_eq!(tab.value(&format!("{ROOT}.activeElement.className")), "open");
    answers(&site, &visitor, "Anything else?");
    tab.of_chat(".badge", ".textContent === '1 1 new message'");
    let found = tab.axe();
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

#[test]
fn a_file_goes_to_the_branch_and_a_page_that_says_it_is_a_picture_does_not() {
    let site = Site::start();
    let person = site.browser.person();
    let tab = person.tab();
    tab.open(&format!("{}/chat/site/try", site.url));
    tab.opens_chat();
    tab.chats("Look");
    tab.of_chat(".under", ".textContent.match(/^(Sent|You are next\\.)$/)");
    let gives = |bytes: &str, name: &str, kind: &str| {
        tab.value(&format!(
            "(() => {{ const all = new DataTransfer(); all.items.add(new File([{bytes}], '{name}', {{ type: '{kind}' }})); \
             const input = {ROOT}.querySelector('input[type=file]'); input.files = all.files; \
             input.dispatchEvent(new Event('change')) }})()"
        ));
    };
    let pixel = "Uint8Array.from(atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='), (c) => c.charCodeAt(0))";
    gives(pixel, "boot.png", "image/png");
    tab.of_chat(".line.own img", ".naturalWidth === 1");
    gives("'<script>alert(1)</script>'", "boot2.png", "image/png");
    tab.of_chat(".upload .bad", ".textContent.includes('not taken')");
    gives("new Uint8Array(11 << 20)", "large.bin", "");
    tab.until("too large", &format!("{ROOT}.textContent.includes('10 MB at most')"));
    let talk = conversations(&site)[0]["conversation"].as_str().expect("an id").to_owned();
    let path = format!("/conversations/{talk}/messages");
    let all = site.order("GET", &path, &Value::Null)["items"].clone();
    assert_eq!(all.as_array().map(Vec::len), Some(2), "{all}");
    assert_eq!(all[0]["pieces"][0]["mime"], "image/png", "{all}");
    let link = tab.of_chat(".line.own a", ".href");
    let link = link.as_str().expect("text").trim_start_matches(&site.url).to_owned();
    let (head, body) = site.fetch(&link, &[]);
    assert!(
        head.contains("sandbox") && head.contains("nosniff") && body.starts_with(b"\x89PNG"),
        "{head}"
    );
    let changed = format!("{}A", &link[..link.len() - 1]);
    let (head, _) = site.fetch(&changed, &[]);
    assert!(head.starts_with("http/1.1 404") || changed == link, "{head}");
}

/// Keeps the page's connections, so that the last can be cut as a network would: nothing that comes is heard any more. How
/// it stood when it was cut; nothing where it was over already.
const CUT: &str = "(() => { window.channels = []; const Own = WebSocket; window.WebSocket = class extends Own { \
    constructor(...all) { super(...all); channels.push(this); \
    this.addEventListener('message', (event) => { const { type, why } = JSON.parse(event.data); \
    this.heard = [type, why]; this.welcomed ||= type === 'welcome' }); \
    this.addEventListener('close', (event) => { this.ended = [event.code, event.reason] }) } }; window.cut = () => { const last = channels.at(-1); \
    if (last.readyState > 1) return null; const stood = last.welcomed ? 'up' : 'early'; \
    last.onmessage = null; last.close(); return stood } })()";

#[test]
fn a_socket_that_is_cut_twenty_times_loses_no_line_and_doubles_none() {
    // Three courses of the same story; each is the same every time, but for the network's own time.
    for seed in [0x00c4_a7c0, 0x00c4_a7c1, 0x00c4_a7c2] {
        let site = Site::start();
        let person = site.browser.person();
        let tab = person.tab();
        let said = is_cut_twenty_times(&site, &tab, seed);
        all_is_kept_and_shown_once(&site, &tab, said);
    }
}

/// Cuts the chat while both sides write: between lines, before the welcome, and while it connects. What each side said.
fn is_cut_twenty_times(site: &Site, tab: &Tab, seed: u64) -> [usize; 2] {
    const CUTS: usize = 20;
    tab.begins_with(CUT);
    tab.open(&format!("{}/chat/site/try", site.url));
    tab.opens_chat();
    tab.chats("line 1 of the visitor");
    let visitor = visitor(site);
    let mut random = Random::from_number(seed);
    let (mut said, mut early) = ([1, 0], 0);
    let mut writes = |random: &mut Random| {
        let who = usize::from(random.below(2) == 1);
        said[who] += 1;
        match who {
            0 => tab.chats(&format!("line {} of the visitor", said[0])),
            _ => answers(site, &visitor, &format!("line {} of the branch", said[1])),
        }
    };
    let stand = || {
        let sockets = "channels.map((one) => [one.readyState, one.heard, one.ended])";
        tab.value(&format!("[{ROOT}.querySelector('.under').textContent, {sockets}]"))
    };
    for _ in 0..CUTS {
        (0..random.below(2)).for_each(|_| writes(&mut random));
        // Most are welcomed before they are cut; one that is only being opened can be cut too.
        let ready = if random.below(4) == 0 { "true" } else { "channels.at(-1).welcomed" };
        let ready = tab.comes_true(&format!("channels.at(-1).readyState < 2 && {ready}"));
        assert!(ready.is_ok(), "no socket came: {}", stand());
        writes(&mut random);
        let after = random.below(60);
        let cut = format!("new Promise((done) => setTimeout(() => done(cut()), {after}))");
        let stood = tab.value(&cut);
        assert!(!stood.is_null(), "there was a socket to cut: {}", stand());
        early += usize::from(stood == "early");
    }
    answers(site, &visitor, "line 0 of the branch");
    said[1] += 1;
    tab.until("the last line", &format!("{LINES}.includes('line 0 of the branch')"));
    let pending = "sessionStorage.getItem('branchline.chat.site') === '[]'";
    tab.until("an answer to each line", pending);
    let sockets = tab.value("channels.length");
    eprintln!(
        "seed {seed:#x}: {CUTS} cuts, {early} before the welcome, {sockets} sockets; the visitor said {}, the branch {}",
        said[0], said[1]
    );
    said
}

/// What the record has and what the page shows are the same lines, each once, the visitor's in the order of saying them.
fn all_is_kept_and_shown_once(site: &Site, tab: &Tab, said: [usize; 2]) {
    let shown = texts(&tab.value(LINES)).split_off(1);
    let talk = conversations(site)[0]["conversation"].as_str().expect("an id").to_owned();
    let path = format!("/conversations/{talk}/messages?limit=200");
    let kept = site.order("GET", &path, &Value::Null)["items"].clone();
    let kept = kept.as_array().expect("messages").iter().rev();
    let kept = texts(&kept.map(|own| own["pieces"][0]["text"].clone()).collect());
    eprintln!("  {} lines kept, {} shown", kept.len(), shown.len());
    let of = |all: &[String], who: &str| -> Vec<String> {
        all.iter().filter(|line| line.ends_with(who)).cloned().collect()
    };
    let visitors: Vec<_> = (1..=said[0]).map(|at| format!("line {at} of the visitor")).collect();
    let branch = (1..said[1]).chain([0]).map(|at| format!("line {at} of the branch"));
    let branch: Vec<_> = branch.collect();
    for (what, all) in [("kept", &kept), ("shown", &shown)] {
        assert_eq!(of(all, "visitor"), visitors, "{what} once, in the order of saying");
        assert_eq!(of(all, "branch"), branch, "{what} once, in the order of sending");
        assert_eq!(all.len(), said[0] + said[1], "{what}: nothing else");
    }
}

fn texts(all: &Value) -> Vec<String> {
    let text = |one: &Value| one.as_str().expect("text").to_owned();
    all.as_array().expect("a list").iter().map(text).collect()
}

#[test]
fn the_chat_speaks_the_language_of_its_page() {
    let site = Site::start();
    let person = site.browser.person();
    let tab = person.tab();
    tab.begins_with(
        "new MutationObserver(() => { const own = document.documentElement; own.lang = 'de'; own.dir = 'rtl' })\
         .observe(document, { childList: true })",
    );
    tab.open(&format!("{}/chat/site/try", site.url));
    tab.opens_chat();
    let title = tab.of_chat("h2", ".textContent");
    assert_eq!(title, "Chatten Sie mit uns");
    let side = "(() => { const r = document.querySelector('branchline-chat').shadowRoot.querySelector('.open')\
                .getBoundingClientRect(); return r.left < innerWidth / 2 })()";
    assert_eq!(tab.value(side), true, "the button stands where reading ends");
    assert!(tab.axe().is_empty());
}
