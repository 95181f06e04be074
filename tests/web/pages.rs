//! The pages: how they come, who gets in, what they say when something is wrong.

use std::process::Command;

use serde_json::Value;

use crate::branch::Branch;
use crate::browser::{Browser, Person};
use crate::tab::Tab;

/// A demo branch and a browser before it.
pub struct Site {
    /// The branch.
    pub branch: Branch,
    /// `https://HOST:PORT`.
    pub url: String,
    /// The browser.
    pub browser: Browser,
}

impl Site {
    /// Both.
    pub fn start() -> Site {
        Site::of(Branch::start())
    }

    /// A browser before this one.
    pub fn of(branch: Branch) -> Site {
        let url = format!("https://{}", branch.ready("https").as_str().expect("text"));
        Site { branch, url, browser: Browser::start() }
    }

    /// The same with a configuration that `change` makes of the demo's.
    pub fn with(change: impl FnOnce(&str) -> String) -> Site {
        Site::of(Branch::demo_in(&[], |text, _| change(text)))
    }

    /// The same whose browser hears a tone of so many hertz.
    pub fn that_hears(hertz: f64) -> Site {
        let branch = Branch::start();
        let url = format!("https://{}", branch.ready("https").as_str().expect("text"));
        Site { branch, url, browser: Browser::that_hears(&crate::browser::tone(hertz)) }
    }

    /// The password of one of the demo's users.
    pub fn password(&self, user: &str) -> String {
        let users = self.branch.ready("users").as_array().expect("users").clone();
        let own = users.iter().find(|own| own["name"] == user).expect("the user");
        own["password"].as_str().expect("text").to_owned()
    }

    /// Somebody who has signed in, and the tab where they did.
    pub fn signed_in(&self, user: &str) -> (Person, Tab) {
        let person = self.browser.person();
        let tab = person.tab();
        tab.open(&self.url);
        self.sign_in(&tab, user);
        tab.until("a page", "document.querySelector('.frame main h1, .frame main h2')");
        (person, tab)
    }

    /// Fills in the form.
    pub fn sign_in(&self, tab: &Tab, user: &str) {
        tab.fill("Name", user);
        tab.fill("Password", &self.password(user));
        tab.click("Sign in");
    }

    /// Has something done with the token for everything.
    pub fn order(&self, method: &str, path: &str, body: &Value) -> Value {
        let token = self.branch.ready("token").as_str().expect("text");
        let authorised = format!("Authorization: Bearer {token}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut more = vec!["-X", method, "-H", &authorised];
        if !body.is_empty() {
            more.extend(["-H", "Content-Type: application/json", "--data-binary", &body]);
        }
        let (head, answer) = self.fetch(&format!("/api/v1{path}"), &more);
        let text = String::from_utf8_lossy(&answer);
        assert!(head.starts_with("http/1.1 2"), "{method} {path}: {head} {text}");
        serde_json::from_slice(&answer).unwrap_or(Value::Null)
    }

    /// What curl prints for a path: head and body.
    pub fn fetch(&self, path: &str, more: &[&str]) -> (String, Vec<u8>) {
        let output = Command::new("curl")
            .args(["--silent", "--insecure", "--include", "--path-as-is"])
            .args(more)
            .arg(format!("{}{path}", self.url))
            .output()
            .expect("curl runs; tests/run installs it");
        let all = output.stdout;
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        (String::from_utf8_lossy(&all[..end]).to_lowercase(), all[end + 4..].to_vec())
    }
}

fn has(head: &str, line: &str) -> bool {
    head.lines().any(|own| own.trim() == line)
}

#[test]
fn pages_come_packed_and_are_kept_as_long_as_they_hold() {
    let site = Site::start();
    for page in ["/", "/desk", "/watch/queues", "/admin"] {
        let (head, body) = site.fetch(page, &[]);
        assert!(
            head.starts_with("http/1.1 200") && has(&head, "cache-control: no-cache"),
            "{head}"
        );
        assert!(head.contains("script-src 'self';") && !head.contains("unsafe"), "{head}");
        let text = String::from_utf8(body).expect("text");
        assert!(text.contains("/assets/"), "the program was built without npm: {text}");
    }
    let (_, document) = site.fetch("/", &[]);
    let text = String::from_utf8(document).expect("text");
    let script = text.split('"').find(|part| part.ends_with(".js")).expect("a script").to_owned();
    let (head, plain) = site.fetch(&script, &[]);
    assert!(has(&head, "cache-control: public, max-age=31536000, immutable"), "{head}");
    let (head, packed) = site.fetch(&script, &["-H", "Accept-Encoding: gzip, br"]);
    assert!(has(&head, "content-encoding: gzip") && packed.len() < plain.len(), "{head}");
    for wrong in ["/assets/none.js", "/assets/../index.html", "/index.html.gz", "/desktop"] {
        let (head, _) = site.fetch(wrong, &[]);
        assert!(head.starts_with("http/1.1 40"), "{wrong}: {head}");
    }
    let (head, _) = site.fetch("/desk", &["-X", "POST"]);
    assert!(head.starts_with("http/1.1 405"), "{head}");
}

/// The bytes that a browser fetches for every page there is, packed.
#[test]
fn all_scripts_together_stay_small() {
    const MOST: usize = 200_000;
    let files = branchline::web::sizes();
    assert!(files.iter().any(|(name, _)| name.ends_with(".js")), "{files:?}");
    let scripts = files.iter().filter(|(name, _)| name.ends_with(".js"));
    let all: usize = scripts.map(|(_, size)| size).sum();
    eprintln!("scripts, packed: {all} bytes; files: {files:?}");
    assert!(all < MOST, "{all}");
}

#[test]
fn somebody_signs_in_and_out_and_is_told_what_is_wrong() {
    let site = Site::start();
    let person = site.browser.person();
    let tab = person.tab();
    tab.open(&site.url);
    tab.fill("Name", "ann");
    tab.fill("Password", "not hers at all");
    tab.click("Sign in");
    tab.sees("The name or the password is wrong");
    assert_eq!(tab.axe(), Vec::<String>::new());
    site.sign_in(&tab, "ann");
    tab.until("the desk", "location.pathname === '/desk' && document.querySelector('.frame')");
    assert!(!tab.text().contains("Admin"), "an agent has no way to what is not hers");
    // Another tab of hers is signed in too, and out with this one.
    let other = person.tab();
    other.open(&format!("{}/desk", site.url));
    other.until("the desk", "document.querySelector('.frame')");
    tab.click("ann");
    tab.click("Sign out");
    tab.until("the door", "document.querySelector('.door') && location.pathname === '/'");
    assert_eq!(tab.complaints(), Vec::<String>::new());
}

#[test]
fn a_session_that_ends_under_a_page_loses_nothing() {
    let site = Site::start();
    let (_person, tab) = site.signed_in("ann");
    let sessions = site.branch.ready("token").as_str().expect("text").to_owned();
    let authorised = format!("Authorization: Bearer {sessions}");
    let (_, list) = site.fetch("/api/v1/sessions", &["-H", &authorised]);
    let list: Value = serde_json::from_slice(&list).expect("JSON");
    for session in list["items"].as_array().expect("a list") {
        let path = format!("/api/v1/sessions/{}", session["session"].as_str().expect("text"));
        let (head, _) = site.fetch(&path, &["-X", "DELETE", "-H", &authorised]);
        assert!(head.starts_with("http/1.1 204"), "{head}");
    }
    tab.value("window.before = 'still here'");
    tab.sees("Your session has ended");
    assert_eq!(tab.axe(), Vec::<String>::new());
    tab.fill("Password", &site.password("ann"));
    tab.click("Sign in");
    tab.until("the page as it was", "!document.querySelector('dialog') && window.before");
}

/// A page elsewhere that knows a password, or even the session's own token, does nothing here.
#[test]
fn a_page_of_another_origin_signs_nobody_in_and_changes_nothing() {
    let site = Site::start();
    let body = serde_json::json!({ "name": "ann", "password": site.password("ann") }).to_string();
    let json = "Content-Type: application/json";
    let sign_in = |more: &[&str]| {
        let own = ["-H", json, "--data-binary", &body];
        site.fetch("/api/v1/session", &[&own, more].concat())
    };
    for origin in ["https://evil.example", "null", &format!("{}.evil.example", site.url)] {
        let (head, told) = sign_in(&["-H", &format!("Origin: {origin}")]);
        let told = String::from_utf8_lossy(&told);
        assert!(head.starts_with("http/1.1 403") && told.contains("problem:csrf"), "{head} {told}");
        assert!(!head.contains("set-cookie"), "{head}");
    }
    let (head, me) = sign_in(&["-H", &format!("Origin: {}", site.url)]);
    let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.and_then(|line| line.split(';').next()).expect("a cookie");
    let cookie = format!("Cookie: {}", cookie.replacen("__host-", "__Host-", 1));
    let me: Value = serde_json::from_slice(&me).expect("JSON");
    let token = format!("X-CSRF-Token: {}", me["csrf"].as_str().expect("a token"));
    let ready = |origin: &str| {
        let (path, body) = ("/api/v1/agents/ann/presence", r#"{"state":"ready"}"#);
        let origin = format!("Origin: {origin}");
        let more = [
            "-X",
            "PUT",
            "-H",
            &cookie,
            "-H",
            &token,
            "-H",
            json,
            "-H",
            &origin,
            "--data-binary",
            body,
        ];
        site.fetch(path, &more).0
    };
    let (theirs, ours) = (ready("https://evil.example"), ready(&site.url));
    assert!(theirs.starts_with("http/1.1 403"), "{theirs}");
    assert!(ours.starts_with("http/1.1 204"), "{ours}");
}

#[test]
fn whoever_guesses_is_told_how_long_to_wait() {
    let site = Site::start();
    let tab = site.browser.person().tab();
    tab.open(&site.url);
    for _ in 0..30 {
        if tab.text().contains("Too many wrong passwords") {
            break;
        }
        tab.fill("Name", "lead");
        tab.fill("Password", "a guess");
        tab.click("Sign in");
        tab.until(
            "an answer",
            "!document.querySelector('[aria-busy]') && document.querySelector('.notice')",
        );
    }
    tab.sees("Too many wrong passwords. Try again in");
    tab.until("nothing to press", "document.querySelector('button[type=submit]').disabled");
    assert_eq!(tab.axe(), Vec::<String>::new());
}

/// The types that the pages are written against are those of the API that is in the same program.
#[test]
fn the_pages_know_the_api_as_it_is() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let told = Command::new(env!("CARGO_BIN_EXE_branchline")).arg("openapi").output();
    let document = std::env::temp_dir().join(format!("branchline-openapi-{}", std::process::id()));
    std::fs::write(&document, told.expect("it runs").stdout).expect("a file");
    let made = Command::new("node")
        .arg(root.join("schema.mjs"))
        .stdin(std::fs::File::open(&document).expect("the file"))
        .output()
        .expect("node runs; tests/run installs it");
    std::fs::remove_file(&document).expect("the file");
    let kept = std::fs::read_to_string(root.join("pages/schema.ts")).expect("the types");
    let made = String::from_utf8(made.stdout).expect("text");
    assert!(made == kept, "src/web/pages/schema.ts is old: schema.mjs says how it is made");
}
