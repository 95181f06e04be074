//! The hub's page: sites, what is wrong with them, and how it looks on a desk and on a telephone, by day and by night.

use std::path::Path;
use std::time::Duration;

use branchline::driver::clock;
use branchline::driver::hub::embedded::Embedded;
use branchline::driver::hub::engine::{Batch, Contact, Engine, Outboxed};
use branchline::driver::hub::serving;
use branchline::hub::settings::Hub;
use branchline::uplink::Route;
use branchline::uplink::frame::{Class, Event};
use serde_json::json;

use crate::browser::Browser;

async fn site(engine: &Engine, name: &str, up: bool, red: bool) {
    let now = clock::now().unix;
    engine.heard(
        name,
        Contact::Connected {
            route: if red { Route::Tls } else { Route::Quic },
            version: "0.1.0".to_owned(),
            certificate_ends: Some(now + Duration::from_secs(86_400 * 300)),
            epoch: "e".to_owned(),
            newest: if red { 1_240 } else { 2 },
        },
    );
    let call = json!({ "event": "call", "at": now.0, "call": "c1" });
    let trunk =
        if red { json!({"lamp": "red", "words": "no answer for 4 min"}) } else { json!("green") };
    let health = json!({
        "event": "health", "at": now.0, "version": "0.1.0", "disk": if red { 93 } else { 41 },
        "lamps": { "trunk carrier": trunk, "modem one": "green" },
    });
    let event =
        |class, body: serde_json::Value| Event { class, body: body.to_string().into_bytes() };
    let events = vec![event(Class::CALL, call), event(Class::HEALTH, health)];
    let of = Outboxed { site: name.to_owned(), epoch: "e".to_owned() };
    let kept = engine.keep(&of, Batch::Events { first: 1, events }).await;
    assert_eq!(kept, Ok(Ok(2)));
    if !up {
        engine.heard(name, Contact::Gone);
    }
}

#[test]
fn head_office_sees_at_a_glance_which_branch_wants_attention() {
    let dir = std::env::temp_dir().join(format!("web-fleet-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a folder");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut hub = Hub::default();
    hub.page.listen = vec!["127.0.0.1:0".parse().expect("an address")];
    let (engine, serving) = runtime.block_on(async {
        let engine = Engine::Embedded(Embedded::open(&dir).expect("opened"));
        let serving = serving::start(&dir, &hub, &engine).await.expect("started");
        for (name, up, red) in [
            ("aarau", true, false),
            ("berne", true, true),
            ("geneva", false, false),
            ("zurich", true, false),
        ] {
            site(&engine, name, up, red).await;
        }
        (engine, serving)
    });
    let at = serving.page[0];
    let password = std::fs::read_to_string(&serving.password).expect("a password");
    let browser = Browser::start();
    let tab = browser.person().tab();
    // Without the password there is nothing to see.
    tab.open(&format!("http://{at}/"));
    assert!(!tab.text().contains("berne"), "{}", tab.text());
    tab.open(&format!("http://hub:{}@{at}/", password.trim()));
    tab.sees("4 sites, 3 up, 2 to look at");
    for words in [
        "its disk is 93 % full",
        "trunk carrier: no answer for 4 min",
        "its line is down",
        "1,238 events",
        "Up by QUIC",
        "Up by TLS",
    ] {
        tab.sees(words);
    }
    let first = tab.value("document.querySelector('tbody th').textContent");
    assert!(first.as_str().expect("words").starts_with("berne"), "{first}");
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pictures");
    std::fs::create_dir_all(&pictures).expect("a folder");
    for (name, width, height, dark) in [
        ("desk-light", 1366, 768, false),
        ("desk-dark", 1366, 768, true),
        ("phone-light", 390, 844, false),
        ("phone-dark", 390, 844, true),
    ] {
        tab.size(width, height);
        tab.dark(dark);
        let wide = tab.value("document.documentElement.scrollWidth <= innerWidth");
        assert_eq!(wide, true, "{name}: it is wider than the window");
        assert_eq!(tab.axe(), Vec::<String>::new(), "{name}");
        tab.picture(&pictures.join(format!("hub-{name}.png")));
    }
    tab.fill("Find a site", "gen");
    tab.until(
        "one is left",
        "[...document.querySelectorAll('tbody tr')].filter((row) => !row.hidden).length === 1",
    );
    let complaints = tab.complaints();
    // The first look, without the password, was refused: the browser says so.
    assert!(complaints.iter().all(|said| said.contains("401")), "{complaints:?}");
    drop((engine, runtime));
    let _ = std::fs::remove_dir_all(&dir);
}
