//! The API of a running box, asked over HTTPS: who may what, completely; what is refused, and how; a program that
//! generates requests from the document; a client that is generated from it and drives a call.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod auditing;
#[path = "../interop/branch.rs"]
#[allow(dead_code)]
mod branch;
mod configuring;
mod doors;
mod driving;
mod elsewhere;
mod fuzzing;
#[path = "../interop/peer.rs"]
#[allow(dead_code)]
mod peer;
mod people;
mod programs;
mod reports;
mod ringing;
mod roles;
mod sites;
#[path = "../interop/sound.rs"]
#[allow(dead_code)]
mod sound;
mod taking_over;
mod talks;

use std::process::Command;

use serde_json::Value;

use branch::Branch;
use branchline::journal::act::Scope;

/// One answer.
pub struct Answer {
    /// Its status; 0 where there was none.
    pub status: u16,
    /// Its header lines.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut own = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        own.next().map(|(_, value)| value.trim())
    }

    /// Demands a problem document of this status that says what is wrong and what to do.
    pub fn is_problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.head);
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:branchline:problem:{kind}"), "{problem}");
        assert_eq!(problem["status"], status);
        for part in ["title", "detail", "do"] {
            assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        problem
    }
}

/// Who asks.
#[derive(Clone, Default)]
pub struct Way(pub Vec<String>);

impl Way {
    /// A program with a token.
    pub fn token(token: &str) -> Way {
        Way(vec!["-H".to_owned(), format!("Authorization: Bearer {token}")])
    }
}

/// The demo's API.
pub struct Api {
    /// The branch.
    pub branch: Branch,
    /// `https://HOST:PORT`.
    pub url: String,
    /// What proves the box.
    pub certificate: String,
    /// A token for everything.
    pub token: String,
}

impl Api {
    /// A branch.
    pub fn start() -> Api {
        let branch = Branch::start();
        let text = |name: &str| branch.ready(name).as_str().expect("text").to_owned();
        let (url, certificate) = (format!("https://{}", text("https")), text("certificate"));
        let token = text("token");
        Api { branch, url, certificate, token }
    }

    /// A branch of the test's own making, which serves HTTPS at `@SECOND@`.
    pub fn start_own(config: &str, files: &[(&str, &str)]) -> Api {
        let branch = Branch::run_with(config, "127.0.0.1:@PORT@", files);
        let url = format!("https://127.0.0.1:{}", branch.free + 2);
        let certificate = branch.folder().join("data/tls/certificate.pem").display().to_string();
        let mut add = vec!["token", "add", "test", "--role", "admin"];
        add.extend(Scope::ALL.iter().flat_map(|scope| ["--scope", scope.name()]));
        let made = branch.ask(&add);
        let token = made["token"].as_str().expect("a token").to_owned();
        Api { branch, url, certificate, token }
    }

    /// Asks with whatever curl takes.
    pub fn curl(&self, path: &str, arguments: &[&str]) -> Answer {
        let output = Command::new("curl")
            .args(["--silent", "--path-as-is", "--max-time", "20", "--include"])
            .args(["--write-out", "\n%{http_code}", "--cacert", &self.certificate])
            .args(arguments)
            .arg(format!("{}{path}", self.url))
            .output()
            .expect("curl runs; tests/run installs it");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (rest, code) = text.rsplit_once('\n').expect("a status");
        let (mut head, mut body) = rest.split_once("\r\n\r\n").unwrap_or((rest, ""));
        while head.starts_with("HTTP/1.1 100") {
            (head, body) = body.split_once("\r\n\r\n").unwrap_or((body, ""));
        }
        let status = code.parse().expect("a number");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Asks as somebody, with a body where there is one.
    pub fn ask(&self, way: &Way, method: &str, path: &str, body: Option<&str>) -> Answer {
        let mut arguments = vec!["-X", method];
        arguments.extend(way.0.iter().map(String::as_str));
        if let Some(body) = body {
            arguments.extend(["-H", "Content-Type: application/json", "--data-binary", body]);
        }
        self.curl(path, &arguments)
    }

    /// Asks with the token for everything, and demands that it is done.
    pub fn order(&self, method: &str, path: &str, body: Option<&str>) -> Value {
        let answer = self.ask(&Way::token(&self.token), method, path, body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// The password of one of the demo's users.
    pub fn password(&self, user: &str) -> String {
        let users = self.branch.ready("users").as_array().expect("users").clone();
        let own = users.iter().find(|own| own["name"] == user).expect("the user");
        own["password"].as_str().expect("text").to_owned()
    }

    /// Signs in; answers the cookie and the CSRF token.
    pub fn sign_in(&self, user: &str) -> (String, String) {
        let password = self.password(user);
        let body = serde_json::json!({ "name": user, "password": password }).to_string();
        let answer = self.ask(&Way::default(), "POST", "/api/v1/session", Some(&body));
        assert_eq!(answer.status, 201, "{}", answer.body);
        let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
        let csrf = answer.json()["csrf"].as_str().expect("text").to_owned();
        (cookie.split(';').next().expect("a pair").to_owned(), csrf)
    }

    /// Somebody who has signed in.
    pub fn session(&self, user: &str) -> Way {
        let (cookie, csrf) = self.sign_in(user);
        let headers = [format!("Cookie: {cookie}"), format!("X-CSRF-Token: {csrf}")];
        Way(headers.into_iter().flat_map(|header| ["-H".to_owned(), header]).collect())
    }

    /// A new token.
    pub fn new_token(&self, role: &str, scopes: &[&str]) -> Way {
        let body = serde_json::json!({ "name": "test", "role": role, "scopes": scopes });
        let made = self.order("POST", "/api/v1/tokens", Some(&body.to_string()));
        Way::token(made["token"].as_str().expect("text"))
    }
}
