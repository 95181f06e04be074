//! Who calls is on the agent's page before the telephone is answered.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::Api;
use crate::driving::{Feed, register};
use crate::peer::{Setting, Sipp};

const KNOWN: &str = "+14085551200";

/// The contact is there with six notes.
fn prepare(api: &Api) {
    let order = |arguments: &[&str]| drop(api.branch.ask_text(arguments));
    order(&["contact", "create", KNOWN, "--set", "name=Ann Lee"]);
    for note in ["one", "two", "three", "four", "five", "six"] {
        order(&["contact", "note", KNOWN, note]);
    }
}

fn start(api: &Api, scenario: &str, port: u16, keys: &[(&str, &str)]) -> Sipp {
    let port = api.branch.free + port;
    let rtp = (port + 200).to_string();
    let mut keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    keys.push(("rtp", rtp));
    Sipp::start(
        &api.branch,
        &Setting { scenario, port, keys: &keys, account: None, transport: "u1" },
    )
}

/// Milliseconds from when SIPp sent its INVITE, by the time in its trace, until now. Only minutes and less are looked at:
/// the trace is in local time. SIPp may write it after the box has answered.
fn since_invite(api: &Api, caller: &Sipp) -> f64 {
    const QUARTER: f64 = 900.0;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let message = api.branch.until("the INVITE in SIPp's trace", || caller.message("INVITE sip:"));
    let first = message.lines().next().unwrap_or_default();
    let time = first.split([' ', 'T', '\t']).find(|part| part.contains(':')).expect("a time");
    let mut parts = time.split(':').skip(1).map(|part| part.parse::<f64>().expect("a number"));
    let sent = parts.next().expect("minutes") * 60.0 + parts.next().expect("seconds");
    (now - sent).rem_euclid(QUARTER) * 1_000.0
}

#[test]
fn who_calls_is_told_with_the_offer_before_anybody_answers() {
    let api = Api::start();
    prepare(&api);
    register(&api, &["201", "202"]);
    let desk = start(&api, "phone_answers", 2, &[("ring", "1500")]);
    // She is in after-work still, and the demo has asked to sign her out behind it: neither counts any more.
    api.order("PUT", "/api/v1/agents/ann/presence", Some(r#"{"state":"ready"}"#));
    let agents = api.order("GET", "/api/v1/agents", None);
    let mut all = agents["items"].as_array().expect("a list").iter();
    assert!(all.any(|own| own["agent"] == "ann" && own["state"] == "ready"), "{agents}");
    // Ann herself reads along, an admin's program, and one that may not read records.
    let lead = Feed::read(&api, None).begun();
    let ann = Feed::read_as(&api, &api.session("ann"), None).begun();
    let blind = Feed::read_as(&api, &api.new_token("supervisor", &["read"]), None).begun();
    let keys = [("from", KNOWN), ("to", "+15550100"), ("talk", "500"), ("press", "1")];
    let caller = start(&api, "trunk_presses", 7, &keys);
    let (_, known) = lead.next("caller_known");
    eprintln!("INVITE to caller_known on the feed: {:.1} ms", since_invite(&api, &caller));
    assert_eq!(known["caller"]["name"], "Ann Lee", "{known}");
    let (_, offered) = ann.next("call_offered");
    eprintln!("INVITE to the offer with the record: {:.1} ms", since_invite(&api, &caller));
    let record = &offered["caller"];
    assert_eq!(record["name"], "Ann Lee", "{offered}");
    let last: Vec<_> = record["last"].as_array().expect("five").iter().collect();
    let texts: Vec<_> = last.iter().map(|one| one["text"].as_str().unwrap_or_default()).collect();
    assert_eq!(texts, ["six", "five", "four", "three", "two"]);
    // The phone rings for a second and a half: nobody has answered when the record is there.
    assert!(!desk.has_got("SIP/2.0 200"), "answered before the record was told");
    ann.next("call_taken");
    let (_, offered) = blind.next("call_offered");
    assert!(offered.get("caller").is_none(), "no scope for records of people: {offered}");
    api.order(
        "DELETE",
        &format!("/api/v1/calls/{}", offered["call"].as_str().expect("an id")),
        None,
    );
    lead.next("call_ended");
    caller.succeeds();
    desk.succeeds();
}
