//! Reports over the journal that a running box has written: SIPp calls, a person answers, hangs up, puts on hold, and what was
//! done by hand is what the figures say, over the API and on the command line.

use serde_json::{Value, json};

use crate::Api;
use crate::driving::Feed;
use crate::peer::{Setting, Sipp};

const CONFIG: &str = r#"
[sip]
udp = ["127.0.0.1:@PORT@"]
tcp = []
tls = []
digests = ["md5"]
[http]
listen = ["127.0.0.1:@SECOND@"]
[media]
port_min = @RTP_FIRST@
port_max = @RTP_LAST@
[[extension]]
number = "202"
secret = { file = "@DIR@/phone" }
[[trunk]]
name = "carrier"
accept_from = ["127.0.0.1"]
[[inbound]]
number = "+15550102"
to = "queue:support"
[[inbound]]
number = "+15550103"
to = "ivr:hours"
[[queue]]
name = "support"
members = ["ann"]
wrap_up = 2
service_level = 20
[[agent]]
id = "ann"
extension = "202"
[reports]
hourly_cost = 3600
goals = ["told"]
[flow.hours]
start = "told"
[flow.hours.hang_up.told]
prompt = "goodbye"
"#;

fn start(api: &Api, scenario: &str, port: u16, keys: &[(&str, &str)]) -> Sipp {
    let port = api.branch.free + port;
    let rtp = (port + 200).to_string();
    let mut keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    keys.push(("rtp", rtp));
    let account = (scenario == "register").then_some(("202", "tulip"));
    let setting = Setting { scenario, port, keys: &keys, account, transport: "u1" };
    Sipp::start(&api.branch, &setting)
}

/// Whoever calls the support queue; they hang up `talk` ms after the queue has answered.
fn caller(api: &Api, port: u16, from: &str, talk: &str) -> Sipp {
    let keys = [("from", from), ("to", "+15550102"), ("talk", talk), ("more", "Subject: none")];
    start(api, "trunk_says", port, &keys)
}

/// A figure of the totals.
fn figure(report: &Value, group: Option<&str>, id: &str) -> Value {
    let totals = report["totals"].as_array().expect("totals");
    let own = totals.iter().find(|total| total["group"].as_str() == group);
    let own = own.unwrap_or_else(|| panic!("{group:?} in {report}"));
    let mut figures = own["figures"].as_array().expect("figures").iter();
    figures
        .find(|figure| figure["formula"] == id)
        .unwrap_or_else(|| panic!("{id} in {own}"))
        .clone()
}

fn parts(figure: &Value) -> (f64, f64) {
    (
        figure["numerator"].as_f64().expect("a number"),
        figure["denominator"].as_f64().expect("a number"),
    )
}

/// Whether a call's record shows what was done by hand.
fn call_of<'a>(calls: &'a Value, from: &str) -> &'a Value {
    let items = calls["items"].as_array().expect("calls");
    items.iter().find(|call| call["from"] == from).unwrap_or_else(|| panic!("{from} in {calls}"))
}

#[test]
fn figures_are_what_was_done_by_hand_and_each_opens_to_its_calls() {
    let api = Api::start_own(CONFIG, &[("phone", "tulip")]);
    start(&api, "register", 2, &[("expires", "300")]).succeeds();
    let report = |query: &str| api.order("GET", &format!("/api/v1/reports?{query}"), None);
    let all = "formula=F1,F2,F3,F4,F5,F7,F9,F10,F14&by=queue";
    let empty = report(all);
    assert_eq!(empty["items"], json!([]), "nothing has happened yet");
    api.order("PUT", "/api/v1/agents/ann/presence", Some(r#"{"state":"ready"}"#));
    let feed = Feed::read(&api, None).begun();
    // One that ann answers, one that gives up at once, one that gives up after six seconds: nobody is there any more.
    let desk = start(&api, "phone_answers", 2, &[("ring", "500")]);
    let first = caller(&api, 5, "+14085551201", "4000");
    assert_eq!(feed.next("call_taken").1["agent"], "ann");
    first.succeeds();
    desk.succeeds();
    api.order("PUT", "/api/v1/agents/ann/presence", Some(r#"{"state":"signed_out"}"#));
    api.branch.until("ann to be away", || {
        let agents = api.order("GET", "/api/v1/agents", None);
        let mut all = agents["items"].as_array().expect("a list").iter();
        all.any(|own| own["agent"] == "ann" && own["state"] == "signed out").then_some(())
    });
    let short = caller(&api, 6, "+14085551202", "1000");
    let long = caller(&api, 7, "+14085551201", "6500");
    short.succeeds();
    long.succeeds();
    // And one who is told what they came for, by the box alone: too young to say that it was enough.
    let keys = [("from", "+14085551203"), ("to", "+15550103")];
    start(&api, "trunk_waits", 8, &keys).succeeds();
    let calls = api.branch.until("their records", || {
        let calls = api.order("GET", "/api/v1/calls", None);
        let items = calls["items"].as_array().expect("calls");
        (items.len() == 4).then_some(calls)
    });
    let after = report(all);
    let more = |id: &str| parts(&figure(&after, Some("support"), id));
    // In target of answered and abandoned, without the short one and with it; and what others would print of the same day.
    assert_eq!(more("F1"), (1.0, 2.0), "{after}");
    assert_eq!(more("F2"), (1.0, 3.0));
    assert_eq!(more("F3-asterisk-1"), (1.0, 1.0));
    assert_eq!(more("F3-asterisk-2"), (3.0, 3.0));
    assert_eq!(more("F3-connect-old"), (3.0, 3.0));
    assert_eq!(more("F3-genesys"), (1.0, 3.0));
    assert_eq!(more("F7"), (1.0, 2.0));
    // Half a second of ringing, at least; some four seconds of talk.
    let (wait, answered) = more("F4");
    assert!((0.4..4.0).contains(&wait) && answered == 1.0, "{wait}");
    let (talk, handled) = more("F5");
    assert!((2.0..30.0).contains(&talk) && handled == 1.0, "{talk}");
    // A second of her costs one.
    let (cost, _) = more("F14");
    assert!((talk - 1.0..=talk + 1.0).contains(&cost), "{cost} for {talk} s");
    // One of the three callers came again; that is counted by channel.
    let again = report("formula=F9-7&by=channel");
    let (repeats, _) = parts(&figure(&again, Some("voice"), "F9-7"));
    assert_eq!(repeats, 1.0, "{again}");
    let served = figure(&report("formula=F10&by=channel"), Some("voice"), "F10");
    assert_eq!((&served["beside"], parts(&served)), (&json!(1), (0.0, 0.0)), "{served}");
    // Every number opens to its calls, in pages.
    let open = |query: &str| {
        api.order(
            "GET",
            &format!("/api/v1/reports/F7/contacts?by=queue&group=support&{query}"),
            None,
        )
    };
    let whole = open("limit=100");
    let items = whole["items"].as_array().expect("contacts").clone();
    let lost: Vec<&Value> = items.iter().filter(|item| item["above"] == 1.0).collect();
    // The newest of that caller's two: the one that was lost.
    let id = call_of(&calls, "+14085551201")["call"].clone();
    assert_eq!(lost.len(), 1, "the short one is taken off again: {whole}");
    assert!(lost.iter().any(|item| item["id"] == id), "{id} in {whole}");
    let one = api.order("GET", &format!("/api/v1/calls/{}", id.as_str().expect("an id")), None);
    assert_eq!(one["record"]["queue"], "support", "{one}");
    let (mut paged, mut after_page) = (Vec::new(), String::new());
    loop {
        let page = open(&format!("limit=1{after_page}"));
        paged.extend(page["items"].as_array().expect("contacts").clone());
        match page["next"].as_str() {
            Some(next) => after_page = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(paged, items);
    // The command line says the same of the same journal.
    let config = api.branch.folder().join("gateway.toml").display().to_string();
    let arguments = ["report", "--config", &config, "--by", "queue", "--formula", "F1,F7,F14"];
    let printed = api.branch.ask(&arguments);
    for id in ["F1", "F7", "F14"] {
        assert_eq!(
            parts(&figure(&printed, Some("support"), id)),
            parts(&figure(&after, Some("support"), id)),
            "{printed}"
        );
    }
    // By agent, by interval, for planners.
    let agents = report("formula=F5,F6&by=agent&interval=15m");
    assert!(
        figure(&agents, Some("ann"), "F6")["value"].as_f64().is_some_and(|v| v <= 1.0),
        "{agents}"
    );
    let way = crate::Way::token(&api.token);
    let lines = api.ask(&way, "GET", "/api/v1/reports/intervals?interval=60m", None);
    assert_eq!(lines.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(lines.body.lines().any(|line| line.contains(",support,voice,")), "{}", lines.body);
    let formulas = api.order("GET", "/api/v1/reports/formulas", None);
    assert!(formulas["items"].as_array().is_some_and(|all| all.len() > 40), "{formulas}");
    // Nobody's calendar is closed here, so all of it was in opening hours.
    let open_hours = report("formula=F1&by=queue&hours=open");
    assert_eq!(parts(&figure(&open_hours, Some("support"), "F1")), (1.0, 2.0), "{open_hours}");
    assert_eq!(report("formula=F1&by=queue&hours=closed")["items"], json!([]));
    // Bad questions have answers.
    for (query, status) in [
        ("formula=F99", 400),
        ("since=yesterday", 400),
        ("since=2026-11-02&until=2026-11-01", 400),
        ("since=1990-01-01&until=2026-01-01&interval=15m", 400),
        ("by=colour", 400),
        ("hours=always", 400),
        ("calendar=office", 400),
        ("hours=open&calendar=office", 400),
        ("after=x", 400),
    ] {
        let answer = api.ask(&way, "GET", &format!("/api/v1/reports?{query}"), None);
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
    }
    for path in ["F99/contacts", "F3/contacts"] {
        let answer = api.ask(&way, "GET", &format!("/api/v1/reports/{path}"), None);
        assert_eq!(answer.status, 404, "{path}: {}", answer.body);
    }
    let answer = api.ask(&way, "GET", "/api/v1/reports/F1/contacts?by=agent", None);
    assert_eq!(answer.status, 400, "nobody's abandons belong to an agent: {}", answer.body);
    assert_eq!(json!(after["left_out"]["late"]), json!(0), "{after}");
    at_once(&api, &after["since"], &after["until"]);
}

/// Asked side by side, by one session, each says what it says when it is asked alone.
fn at_once(api: &Api, from: &Value, to: &Value) {
    let (from, to) = (from.as_str().expect("a time"), to.as_str().expect("a time"));
    let span = format!("since={}&until={}", from.replace('+', "%2B"), to.replace('+', "%2B"));
    let parts = ["F1&by=queue", "F2,F7&by=queue", "F5,F6&by=agent", "F9-7&by=channel", "all"];
    let mut paths: Vec<String> = parts
        .into_iter()
        .flat_map(|part| {
            ["15m", "60m", "day"]
                .map(|every| format!("/api/v1/reports?formula={part}&interval={every}&{span}"))
        })
        .collect();
    paths.push(format!("/api/v1/reports/F7/contacts?by=queue&group=support&{span}"));
    paths.push(format!("/api/v1/reports/intervals?interval=60m&{span}"));
    let way = crate::Way::token(&api.token);
    let ask = |path: &String| api.ask(&way, "GET", path, None);
    let alone: Vec<_> = paths.iter().map(|path| ask(path).body).collect();
    assert!(alone.iter().all(|body| !body.is_empty() && !body.contains("\"items\":[]")));
    let together: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = paths.iter().map(|path| scope.spawn(move || ask(path))).collect();
        asked.into_iter().map(|one| one.join().expect("asked")).collect()
    });
    for ((path, alone), together) in paths.iter().zip(alone).zip(together) {
        assert_eq!(together.status, 200, "{path}: {}", together.body);
        assert_eq!(together.body, alone, "{path}");
    }
}
