//! A program drives a call from its beginning to its end, and follows it on the feed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use serde_json::Value;

use crate::branch::PATIENCE;
use crate::peer::{Setting, Sipp};
use crate::{Api, Way};

/// The feed, read along.
pub struct Feed {
    process: Child,
    events: mpsc::Receiver<(String, Value)>,
}

impl Feed {
    /// Reads from now on, or behind an event.
    pub fn read(api: &Api, last: Option<&str>) -> Feed {
        Feed::read_as(api, &Way::token(&api.token), last)
    }

    /// The same as somebody else.
    pub fn read_as(api: &Api, way: &Way, last: Option<&str>) -> Feed {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--no-buffer", "--cacert", &api.certificate]);
        curl.args(&way.0);
        if let Some(last) = last {
            curl.args(["-H", &format!("Last-Event-ID: {last}")]);
        }
        let mut process = curl
            .arg(format!("{}/api/v1/feed", api.url))
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl runs");
        let lines = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            let mut id = String::new();
            for line in lines.map_while(Result::ok) {
                if let Some(own) = line.strip_prefix("id: ") {
                    id = own.to_owned();
                } else if line.starts_with("retry:") {
                    let _ = sender.send((String::new(), Value::Null));
                } else if let Some(data) = line.strip_prefix("data: ") {
                    let event = serde_json::from_str(data).expect("JSON");
                    if sender.send((id.clone(), event)).is_err() {
                        return;
                    }
                }
            }
        });
        Feed { process, events }
    }

    /// The next event of a kind, with its id.
    pub fn next(&self, kind: &str) -> (String, Value) {
        self.find(kind, |event| event["event"] == kind)
    }

    /// Waits until it has begun.
    pub fn begun(self) -> Feed {
        self.find("the beginning", Value::is_null);
        self
    }

    fn find(&self, what: &str, is: impl Fn(&Value) -> bool) -> (String, Value) {
        loop {
            let (id, event) = self
                .events
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain for {what}"));
            if is(&event) {
                return (id, event);
            }
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Phones that are registered, at ports in their order.
pub fn register(api: &Api, users: &[&str]) {
    for (at, user) in users.iter().enumerate() {
        let setting = Setting {
            scenario: "register",
            port: api.branch.free + 1 + at as u16,
            keys: &[("expires", "300".to_owned())],
            account: Some((user, &api.branch.password(user))),
            transport: "u1",
        };
        Sipp::start(&api.branch, &setting).succeeds();
    }
}

/// A phone that answers.
pub fn phone(api: &Api, at: u16) -> Sipp {
    let rtp = (api.branch.free + 100 + 10 * at).to_string();
    let setting = Setting {
        scenario: "phone_answers",
        port: api.branch.free + at,
        keys: &[("rtp", rtp), ("ring", "200".to_owned())],
        account: None,
        transport: "u1",
    };
    Sipp::start(&api.branch, &setting)
}

#[test]
fn a_program_makes_a_call_follows_it_sends_it_on_and_ends_it() {
    let api = Api::start();
    register(&api, &["201", "202", "203"]);
    let (first, second, third) = (phone(&api, 1), phone(&api, 2), phone(&api, 3));
    let feed = Feed::read(&api, None).begun();
    let begun = api.order("POST", "/api/v1/calls", Some(r#"{"from":"201","to":"202"}"#));
    let call = begun["call"].as_str().expect("an id").to_owned();
    let (arrived, event) = feed.next("call_arrived");
    assert_eq!((&event["from"], &event["to"]), (&"201".into(), &"202".into()), "{event}");
    assert_eq!(feed.next("call_answered").1["by"], "extension 201");
    assert_eq!(feed.next("call_answered").1["by"], "extension 202");
    let path = |verb: &str| format!("/api/v1/calls/{call}{verb}");
    let live = api.order("GET", &path(""), None);
    assert_eq!(live["live"]["with"], "extension 202", "{live}");
    api.order("POST", &path("/play"), Some(r#"{"prompt":"goodbye","party":"both"}"#));
    assert_eq!(feed.next("call_played").1["call"], call.as_str());
    api.order("POST", &path("/collect"), Some(r#"{"party":"caller","keys":4,"seconds":1}"#));
    let (_, event) = feed.next("call_collected");
    assert_eq!((&event["digits"], &event["complete"]), (&"".into(), &false.into()));
    api.order("POST", &path("/hold"), None);
    feed.next("call_held");
    api.order("DELETE", &path("/hold"), None);
    feed.next("call_resumed");
    api.order("POST", &path("/transfer"), Some(r#"{"to":"203"}"#));
    feed.next("call_transferred");
    assert_eq!(feed.next("call_answered").1["by"], "extension 203");
    // Whoever was cut off goes on behind what was seen last.
    let again = Feed::read(&api, Some(&arrived)).begun();
    assert_eq!(again.next("call_answered").1["by"], "extension 201");
    let foreign = Feed::read(&api, Some("1-1"));
    foreign.next("reset");
    api.order("DELETE", &path(""), None);
    let (_, ended) = feed.next("call_ended");
    assert_eq!(ended["call"], call.as_str(), "{ended}");
    for phone in [first, second, third] {
        phone.succeeds();
    }
    let record = api.branch.until("its record", || {
        let one = api.order("GET", &path(""), None);
        one["record"].is_object().then(|| one["record"].clone())
    });
    assert_eq!(record["origin"], "extension 201", "{record}");
    let acts = api.order("GET", "/api/v1/acts", None).to_string();
    for act in ["make_call", "play_prompt", "collect_keys", "hold_call", "transfer_call", "hang_up"]
    {
        assert!(acts.contains(act), "{act} in {acts}");
    }
}

#[test]
fn a_program_may_not_what_the_phone_may_not() {
    let api = Api::start();
    let refused = [
        (r#"{"from":"201","to":"911"}"#, 422),
        (r#"{"from":"201","to":"9911"}"#, 422),
        (r#"{"from":"201","to":"*41"}"#, 422),
        (r#"{"from":"201","to":"12345678"}"#, 422),
        (r#"{"from":"299","to":"202"}"#, 422),
        (r#"{"from":"201","to":""}"#, 400),
    ];
    let way = crate::Way::token(&api.token);
    for (body, status) in refused {
        let answer = api.ask(&way, "POST", "/api/v1/calls", Some(body));
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    let ann = api.session("ann");
    let answer = api.ask(&ann, "POST", "/api/v1/calls", Some(r#"{"from":"201","to":"202"}"#));
    assert_eq!(answer.status, 403, "ann sits at 202: {}", answer.body);
    assert_eq!(api.branch.ask(&["calls", "--active"]).as_array().map(Vec::len), Some(0));
    // A phone that is not there ends the call that was begun, and says so.
    let feed = Feed::read(&api, None).begun();
    api.order("POST", "/api/v1/calls", Some(r#"{"from":"203","to":"202"}"#));
    assert_eq!(feed.next("call_ended").1["cause"], "not_registered");
}
