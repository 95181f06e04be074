//! Webhooks of a running box, against a receiver that strangers wrote the checks of: HTTPS by an authority of its own, and
//! signatures looked at by the standard's own Python library.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod authorities;
#[path = "../interop/branch.rs"]
#[allow(dead_code)]
mod branch;
mod crm;
mod delivery;
mod orders;
mod page;
#[path = "../interop/peer.rs"]
#[allow(dead_code)]
mod peer;
mod receiver;

use std::process::Command;

use serde_json::Value;

use branch::Branch;
use receiver::{NEW, Receiver};

/// A branch with one agent and one receiver, and the API to it.
pub struct Scene {
    /// The branch.
    pub branch: Branch,
    /// The receiver's port.
    pub port: u16,
    /// A token for everything.
    pub token: String,
    /// How often the agent's state was changed.
    turns: std::cell::Cell<usize>,
}

impl Scene {
    /// A branch whose receiver is at `url`, in which `@SECOND@` is a free port; `more` of `[[webhook]]`.
    pub fn start(url: &str, more: &str) -> Scene {
        Scene::with(&format!(
            "[[webhook]]\nname = \"desk\"\nurl = \"{url}\"\nevents = [\"agent\"]\n\
             secret = {{ file = \"@DIR@/new\" }}\nauthorities = \"@DIR@/receiver.pem\"\n\
             timeout_s = 1\nlongest_wait_s = 5\ntries = 0\n{more}\n"
        ))
    }

    /// A branch with more in its configuration.
    pub fn with(more: &str) -> Scene {
        let (certificate, key) = receiver::identity();
        let text = format!(
            "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\n\
             certificate = \"@DIR@/own.pem\"\nprivate_key = \"@DIR@/own.key\"\n\
             [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\nthreads = 1\n\
             [http]\nlisten = [\"127.0.0.1:@CARRIER@\"]\n\
             [[extension]]\nnumber = \"201\"\nsecret = {{ file = \"@DIR@/password\" }}\n\
             [[agent]]\nid = \"ann\"\nextension = \"201\"\n\
             {more}\n"
        );
        let (own, own_key) = receiver::identity();
        let files = [
            ("password", "correct horse"),
            ("new", NEW),
            ("old", receiver::OLD),
            ("receiver.pem", &certificate),
            ("receiver.key", &key),
            ("own.pem", &own),
            ("own.key", &own_key),
        ];
        let branch = Branch::run_with(&text, "127.0.0.1:@PORT@", &files);
        let scopes =
            ["--scope", "admin", "--scope", "agents", "--scope", "read", "--scope", "people"];
        let made =
            branch.ask(&[&["token", "add", "test", "--role", "admin"][..], &scopes].concat());
        let token = made["token"].as_str().expect("text").to_owned();
        // `branch::Branch` gives the test's peers the ports behind this one.
        let port = branch.free + 2;
        Scene { branch, port, token, turns: std::cell::Cell::new(0) }
    }

    /// The usual one: a receiver of the branch over HTTPS.
    pub fn usual() -> Scene {
        Scene::start("https://127.0.0.1:@SECOND@/in", "private = true")
    }

    /// The receiver, doing so.
    pub fn receiver(&self, mode: &str) -> Receiver {
        Receiver::start(&self.branch.folder(), self.port, NEW, mode)
    }

    /// Asks the API: status and body.
    pub fn api(&self, method: &str, path: &str, body: Option<&str>) -> (u16, String) {
        self.api_by(Some(&self.token), method, path, body)
    }

    /// The same as somebody.
    pub fn api_by(
        &self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> (u16, String) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--insecure", "--max-time", "20", "-X", method]);
        curl.args(["--write-out", "\n%{http_code}"]);
        if let Some(token) = token {
            curl.args(["-H", &format!("Authorization: Bearer {token}")]);
        }
        if let Some(body) = body {
            curl.args(["-H", "Content-Type: application/json", "--data-binary", body]);
        }
        curl.arg(format!("https://127.0.0.1:{}/api/v1{path}", self.branch.free + 1));
        let output = curl.output().expect("curl runs; tests/run installs it");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').expect("a status");
        (status.parse().expect("a number"), body.to_owned())
    }

    /// Lets so many things happen: the agent signs in, pauses, goes on, pauses.
    pub fn happen(&self, count: usize) {
        for _ in 0..count {
            let turn = self.turns.replace(self.turns.get() + 1);
            let state = if turn.is_multiple_of(2) { "ready" } else { "paused" };
            let body = format!("{{\"state\":\"{state}\"}}");
            let (status, body) = self.api("PUT", "/agents/ann/presence", Some(&body));
            assert_eq!(status, 204, "{body}");
        }
    }

    /// The receiver as `branchline webhooks` shows it.
    pub fn line(&self) -> Value {
        self.branch.ask(&["webhooks"])[0].clone()
    }

    /// Lamp and words of the receiver.
    pub fn lamp(&self) -> (String, String) {
        let status = self.branch.ask(&["status"]);
        let parts = status["parts"].as_array().expect("parts");
        let part = parts.iter().find(|part| part["name"] == "webhook desk").expect("its lamp");
        let text = |name: &str| part[name].as_str().expect("text").to_owned();
        (text("lamp"), text("words"))
    }

    /// Waits until everything is delivered.
    pub fn drained(&self) {
        self.branch
            .until("everything to be delivered", || (self.line()["behind"] == 0).then_some(()));
    }

    /// Waits until it says what is wrong.
    pub fn trouble(&self, words: &str) -> Value {
        self.branch.until(words, || {
            let line = self.line();
            let has = |name: &str| line[name].as_str().is_some_and(|text| text.contains(words));
            (has("trouble") || has("paused")).then_some(line)
        })
    }
}
