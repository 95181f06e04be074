//! The box with a mailbox, and a program that asks it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use branchline::driver::channels::{Client, Reply};
use branchline::journal::act::Scope;
use branchline::messaging::web::Ask;
use branchline::webhook::Reach;
use serde_json::{Value, json};

use crate::branch::Branch;
use crate::servers::{PASSWORD, SOON, Servers};

/// It.
pub struct Whole {
    pub branch: Branch,
    url: String,
    client: Client,
    token: String,
}

impl Whole {
    /// A box whose mailbox is on these servers; `more` stands in its table.
    pub fn start(servers: &Servers, more: &str) -> Whole {
        let security = match more.contains("starttls") {
            true => servers.starting,
            false => servers.submission,
        };
        let config = format!(
            "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\n\
             [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n[http]\nlisten = [\"127.0.0.1:@SECOND@\"]\n\
             [channels.post]\nkind = \"mail\"\n[channels.post.mail]\naddress = \"support@branch.test\"\n\
             name = \"Branch\"\nsignature = \"Your branch\"\nimap = \"localhost:{}\"\nsmtp = \"localhost:{security}\"\n\
             user = \"support@branch.test\"\npassword = {{ file = \"@DIR@/password\" }}\n\
             authorities = \"{}\"\nplus = true\n{more}\n",
            servers.imap,
            servers.path("cert.pem"),
        );
        let branch = Branch::run_with(&config, "127.0.0.1:@PORT@", &[("password", PASSWORD)]);
        let url = format!("https://127.0.0.1:{}", branch.free + 2);
        let certificate: PathBuf = branch.folder().join("data/tls/certificate.pem");
        let client = Client::new(Reach { private: true }, Some(&certificate))
            .expect("the box's certificate");
        let mut add = vec!["token", "add", "test", "--role", "admin"];
        add.extend(Scope::ALL.iter().flat_map(|scope| ["--scope", scope.name()]));
        let token = branch.ask(&add)["token"].as_str().expect("a token").to_owned();
        let whole = Whole { branch, url, client, token };
        whole.until("the mailbox", || (whole.lamp().0 == "green").then_some(()));
        whole
    }

    /// Asks the API: the answer's status and its body.
    pub fn api(&self, method: &'static str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut headers = vec![("authorization", format!("Bearer {}", self.token))];
        headers.extend(body.as_ref().map(|_| ("content-type", "application/json".to_owned())));
        let body = body.map(|body| body.to_string()).unwrap_or_default().into_bytes();
        let ask =
            Ask { method, url: format!("{}/api/v1{path}", self.url), headers, body, within: SOON };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // A new connection each: the box may have been killed in between.
        let reply = runtime.block_on(self.client.clone().ask(&ask));
        match reply {
            Reply::Replied { status, body, .. } => {
                (status, serde_json::from_slice(&body).unwrap_or_default())
            }
            _ => (0, Value::Null),
        }
    }

    /// Everything that people have written, in all conversations: who, in which conversation, and the message.
    pub fn written(&self) -> Vec<(String, String, Value)> {
        let (_, talks) = self.api("GET", "/conversations?limit=200", None);
        let mut written = Vec::new();
        for talk in talks["items"].as_array().into_iter().flatten() {
            let conversation = text(&talk["conversation"]);
            let (_, messages) =
                self.api("GET", &format!("/conversations/{conversation}/messages?limit=200"), None);
            for message in messages["items"].as_array().into_iter().flatten() {
                if message["direction"] == "in" {
                    written.push((
                        text(&message["way"]["address"]),
                        conversation.clone(),
                        message.clone(),
                    ));
                }
            }
        }
        written
    }

    /// The one that says this, once it is there.
    pub fn says(&self, words: &str) -> (String, Value) {
        self.until(words, || {
            let found =
                self.written().into_iter().find(|(_, _, message)| said(message).contains(words));
            found.map(|(_, conversation, message)| (conversation, message))
        })
    }

    /// Sends a message at any hour: its id.
    pub fn sends(&self, to: &str, words: &str) -> String {
        let body = json!({"channel": "post", "to": to, "text": words, "purpose": "code"});
        let (status, answer) = self.until("a box that is ready", || {
            Some(self.api("POST", "/messages", Some(body.clone())))
                .filter(|(status, _)| *status != 503)
        });
        assert!((200..300).contains(&status), "{status} {answer}");
        text(&answer["message"])
    }

    /// A message, once it stands like this.
    pub fn stands(&self, message: &str, state: &str) -> Value {
        let path = format!("/messages/{message}");
        let mut last = Value::Null;
        let end = Instant::now() + SOON;
        while Instant::now() < end {
            last = self.api("GET", &path, None).1;
            if last["state"] == state {
                return last;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{message} is not {state}: {last}");
    }

    /// What the status page says of the mailbox: its lamp and the words beside it.
    pub fn lamp(&self) -> (String, String) {
        let status = self.branch.ask(&["status"]);
        let parts = status["parts"].as_array().expect("parts");
        let own = parts.iter().find(|part| part["name"] == "channel post");
        own.map(|part| (text(&part["lamp"]), text(&part["words"]))).unwrap_or_default()
    }

    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + SOON;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < end, "{what} did not come: {:?}", self.lamp());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The words of a message.
pub fn said(message: &Value) -> String {
    text(&message["pieces"][0]["text"])
}
