//! What the branch says again and again: written once by who keeps the box, used by agents, and said by a flow in the chat.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use branchline::driver::clock;
use branchline::messaging::adapter::Secret;
use branchline::messaging::adapter::proof::to_base64;
use serde_json::{Value, json};

use crate::branch::Branch;
use crate::chat::ROOT;
use crate::journey::{Visitor, focuses, has_in, is_ready};
use crate::pages::Site;
use crate::shift::pictures;
use crate::tab::Tab;

/// The chat is answered by what the branch knows, before anybody is asked.
const ASKS: &str = r#"
[flow.ask]
start = "question"
[flow.ask.knowledge.question]
text = "What would you like to know?"
next = "more"
otherwise = "queue:support"
[flow.ask.menu.more]
prompt = "welcome"
text = "Did that help?"
labels = { 1 = "Yes", 2 = "No, a person please" }
choices = { 1 = "hang-up", 2 = "queue:support" }
"#;

fn writes_article(tab: &Tab, fields: &[(&str, &str)]) {
    tab.points_at("New article");
    for (label, text) in fields {
        tab.fill(label, text);
    }
    tab.points_at("Save");
    tab.until("the window is gone", "!document.querySelector('dialog')");
}

#[test]
fn a_reply_is_written_once_and_used_by_one_key_with_the_names_in_it() {
    let site = Site::start();
    let (_root, root) = site.signed_in("admin");
    root.open(&format!("{}/admin/knowledge", site.url));
    root.sees("Nothing is written down yet");
    let greeting = "Good day {customer}, this is {agent}. How can I help?";
    let fields = [
        ("Title", "Greeting"),
        ("What it says", greeting),
        ("Short name", "hi"),
        ("Tags", "hello"),
    ];
    writes_article(&root, &fields);
    let hours = "We are open Monday to Friday from 8 to 17 o'clock.";
    writes_article(&root, &[("Title", "Opening hours"), ("What it says", hours)]);
    root.sees("Opening hours");
    pictures(&root, "knowledge");
    // What is wrong is said, and nothing is lost.
    root.points_at("New article");
    root.fill("Title", "Second greeting");
    root.fill("What it says", "Hello!");
    root.fill("Short name", "hi");
    root.points_at("Save");
    root.sees("has that short name already");
    pictures(&root, "knowledge-edit");
    root.press("Escape");
    let (_ann, ann) = site.signed_in("ann");
    is_ready(&ann);
    let visitor = Visitor::at(&site);
    visitor.tab.chats("Hello?");
    ann.until("an offer", "document.querySelector('.ringing.written')");
    ann.press("a");
    has_in(&ann, ".conversation ol", "Hello?");
    let contact = site.order("GET", "/conversations", &Value::Null);
    let contact = contact["items"][0]["person"]["contact"].as_str().expect("an id").to_owned();
    let named = json!({ "fields": { "name": "Lee Miller" } });
    site.order("PATCH", &format!("/people/{contact}"), &named);
    has_in(&ann, ".details", "Lee Miller");
    ann.reload();
    ann.until(
        "the field",
        "document.activeElement === document.querySelector('.composer textarea')",
    );
    ann.press("/");
    ann.until("replies", "document.querySelectorAll('.picker [role=option]').length === 1");
    ann.types("open");
    has_in(&ann, ".picker ul", "from 8 to 17");
    pictures(&ann, "replies");
    // Another word: by its short name, and taken by one key.
    ann.value("document.querySelector('.picker input').select()");
    ann.types("hi");
    let first =
        "document.querySelector('.picker [aria-selected=true]')?.innerText.includes('Greeting')";
    ann.until("the greeting", first);
    ann.press("Enter");
    let field = "document.querySelector('.composer textarea').value";
    let says = "Good day Lee Miller, this is ann. How can I help?";
    ann.until("the names in it", &format!("{field} === {}", json!(says)));
    ann.press("Ctrl+Enter");
    visitor.reads(says);
    assert_eq!(ann.complaints(), Vec::<String>::new());
    assert_eq!(root.complaints(), Vec::<String>::new());
}

#[test]
fn the_chat_is_answered_from_what_the_branch_knows_and_then_by_a_person() {
    let site = Site::with(|text| {
        let chat = "[channels.site]\nkind = \"chat\"\n";
        assert!(text.contains(chat));
        format!("{}{ASKS}", text.replace(chat, &format!("{chat}flow = \"ask\"\n")))
    });
    let (_ann, ann) = site.signed_in("ann");
    is_ready(&ann);
    let put = |name: &str, title: &str, text: &str| {
        let article = json!({ "title": title, "text": text });
        site.order("PUT", &format!("/knowledge/{name}"), &article);
    };
    put("hours", "Opening hours", "We are open Monday to Friday from 8 to 17 o'clock.");
    put("returns", "Returning goods", "Within 14 days, with the invoice.");
    let visitor = Visitor::at(&site);
    visitor.tab.chats("Hello");
    visitor.reads("What would you like to know?");
    visitor.tab.chats("When are you open on Friday?");
    visitor.reads("from 8 to 17 o'clock");
    visitor.reads("Did that help?");
    let all = format!("{ROOT}.textContent.includes('14 days')");
    assert_eq!(visitor.tab.value(&all), Value::Bool(false), "the best article alone");
    assert_eq!(ann.value("!!document.querySelector('.ringing.written')"), Value::Bool(false));
    visitor.tab.chats("2");
    ann.until("an offer", "document.querySelector('.ringing.written')");
    ann.press("a");
    // Whoever takes over reads what was asked and answered.
    for words in ["When are you open on Friday?", "from 8 to 17 o'clock", "ask answers by itself"] {
        has_in(&ann, ".conversation ol", words);
    }
}

/// The smallest picture there is, as a browser sends it.
const PICTURE: &str = "Uint8Array.from(atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='), (c) => c.charCodeAt(0))";

#[test]
fn an_agent_sends_a_picture_along_and_what_nobody_could_open_stays_here() {
    let site = Site::start();
    let (_ann, ann) = site.signed_in("ann");
    is_ready(&ann);
    let visitor = Visitor::at(&site);
    visitor.tab.chats("How does it look?");
    ann.until("an offer", "document.querySelector('.ringing.written')");
    ann.press("a");
    focuses(&ann, ".composer textarea");
    let chosen = |name: &str, bytes: &str, mime: &str| {
        format!(
            "(() => {{ const all = new DataTransfer(); all.items.add(new File([{bytes}], {}, {{ type: '{mime}' }})); \
             const field = document.querySelector('.composer input[type=file]'); field.files = all.files; \
             field.dispatchEvent(new Event('change', {{ bubbles: true }})); return true }})()",
            json!(name)
        )
    };
    ann.value(&chosen("tool.exe", "new Uint8Array([77, 90, 144, 0, 3, 0, 0, 0])", ""));
    has_in(&ann, ".attached", "tool.exe: nobody could open that");
    ann.value(&chosen("front door.png", PICTURE, "image/png"));
    has_in(&ann, ".attached", "front door.png");
    pictures(&ann, "attached");
    focuses(&ann, ".composer textarea");
    ann.types("Like this.");
    ann.press("Ctrl+Enter");
    visitor.reads("Like this.");
    let picture = format!(
        "{ROOT}.querySelector('.line:not(.own) a, .line:not(.own) img')?.getAttribute('href') ?? \
                           {ROOT}.querySelector('.line:not(.own) img')?.src"
    );
    let link = visitor.tab.until("the picture", &picture);
    let link = link.as_str().expect("a link").replace(&site.url, "");
    let (head, body) = site.fetch(&link, &[]);
    assert!(head.starts_with("http/1.1 200") && body.starts_with(b"\x89PNG"), "{link} {head}");
    // The agent sees it as it went.
    let seen = "document.querySelector('.line.out .picture img')?.naturalWidth === 1";
    ann.until("it is shown", seen);
    ann.until("nothing is left", "!document.querySelector('.attached')");
    // Ten megabytes and one are too many, whoever sends them.
    let token = site.branch.ready("token").as_str().expect("text").to_owned();
    let large = std::env::temp_dir().join(format!("branchline-large-{}", std::process::id()));
    std::fs::write(&large, vec![b'x'; (10 << 20) + 1]).expect("a file");
    let more = [
        "-H",
        &format!("Authorization: Bearer {token}"),
        "-H",
        "Content-Type: text/plain",
        "--data-binary",
    ];
    let (head, _) =
        site.fetch("/api/v1/files", &[&more[..], &[&format!("@{}", large.display())]].concat());
    std::fs::remove_file(&large).expect("the file");
    assert!(head.starts_with("http/1.1 413"), "{head}");
    assert_eq!(ann.complaints(), Vec::<String>::new());
}

/// A program of the site, which carries messages for a service with templates: says which templates it was given.
fn carrier() -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream.expect("the box"));
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).is_ok() && !line.trim().is_empty() {
                let own = line.to_lowercase();
                if let Some(count) = own.strip_prefix("content-length:") {
                    length = count.trim().parse().expect("a number");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("a body");
            let id = format!(r#"{{"id":"out-{number}"}}"#);
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{id}", id.len());
            stream.get_mut().write_all(answer.as_bytes()).expect("the box");
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            if body["content"][0]["type"] == "template" {
                // The test may be over.
                let _ = tell.send(body);
            }
        }
    });
    (url, told)
}

/// What a service's own program says of somebody who writes, signed.
fn writes_by_the_service(site: &Site) {
    let body = r#"{"events":[{"type":"message","id":"m-1","from":{"id":"U1","name":"Kim"},"content":[{"type":"text","text":"Where is it?"}]}]}"#;
    let (secret, at) =
        (Secret::standard(SECRET).expect("a secret"), clock::now().unix.seconds().to_string());
    let parts = [b"w-1".as_slice(), b".", at.as_bytes(), b".", body.as_bytes()];
    let signature = to_base64(secret.sign(ring::hmac::HMAC_SHA256, &parts));
    let headers = [
        "Content-Type: application/json".to_owned(),
        "webhook-id: w-1".to_owned(),
        format!("webhook-timestamp: {at}"),
        format!("webhook-signature: v1,{signature}"),
    ];
    let mut more: Vec<&str> = headers.iter().flat_map(|header| ["-H", header.as_str()]).collect();
    more.extend(["--data-binary", body]);
    let end = Instant::now() + Duration::from_secs(30);
    // Before it is awake it asks to come again.
    while !site.fetch("/channels/parcels", &more).0.starts_with("http/1.1 200") {
        assert!(Instant::now() < end, "it was not taken");
        thread::sleep(Duration::from_millis(50));
    }
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[test]
fn a_template_of_a_service_is_filled_in_and_goes_as_the_service_has_it() {
    let (url, told) = carrier();
    let branch = Branch::demo_in(&[], |text, folder| {
        fs::write(folder.join("hook"), SECRET).expect("a secret");
        format!(
            "{text}\n[channels.parcels]\nkind = \"hook\"\nqueue = \"support\"\n[channels.parcels.service]\nurl = \"{url}/out\"\n\
             network = \"parcels\"\nprivate = true\ntemplates = true\nsigning = {{ file = \"@DIR@/hook\" }}\n"
        )
    });
    let site = Site::of(branch);
    let (_root, root) = site.signed_in("admin");
    root.open(&format!("{}/admin/knowledge", site.url));
    let fields = [
        ("Title", "Your parcel"),
        ("What it says", "Parcel {{1}} comes on {{2}}."),
        ("Short name", "parcel"),
        ("Template of the service", "parcel_on_its_way"),
        ("Its language there", "en_US"),
    ];
    writes_article(&root, &fields);
    root.sees("Your parcel");
    let (_ann, ann) = site.signed_in("ann");
    is_ready(&ann);
    writes_by_the_service(&site);
    ann.until("an offer", "document.querySelector('.ringing.written')");
    ann.press("a");
    focuses(&ann, ".composer textarea");
    ann.press("/");
    ann.types("parcel");
    let first =
        "document.querySelector('.picker [aria-selected=true]')?.innerText.includes('template')";
    ann.until("the template", first);
    ann.press("Enter");
    focuses(&ann, ".template input");
    ann.types("4711");
    ann.press("Enter");
    assert!(told.try_recv().is_err(), "a place was empty");
    ann.fill("In place 2", "Friday");
    has_in(&ann, ".template .text", "Parcel 4711 comes on Friday.");
    pictures(&ann, "template");
    ann.press("Enter");
    let told = told.recv_timeout(Duration::from_secs(60)).expect("it is sent");
    let wanted = json!([{"type": "template", "name": "parcel_on_its_way", "language": "en_US", "values": ["4711", "Friday"]}]);
    assert_eq!(told["content"], wanted);
    has_in(&ann, ".conversation ol", "Template parcel_on_its_way");
    focuses(&ann, ".composer textarea");
    assert_eq!(ann.complaints(), Vec::<String>::new());
    assert_eq!(root.complaints(), Vec::<String>::new());
}
