//! A box of ours, in a process of its own, with channels that a test gives it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::peers::{LONG, free_port};

/// A box and its folder; both go with the test.
pub struct Branch {
    process: Option<Child>,
    folder: PathBuf,
    https: u16,
    token: String,
}

impl Branch {
    /// With these sections beside what every box needs; `@DIR@` in them is its folder, where a file `password` says `secret`.
    pub async fn start(sections: &str) -> Branch {
        let (sip, https) = (free_port(), free_port());
        let folder =
            std::env::temp_dir().join(format!("branchline-smpp-{}-{https}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("password"), "secret\n").expect("written");
        let dir = folder.display();
        let text = format!(
            "[site]\ncountry = \"US\"\ntime_zone = \"UTC\"\ndata_dir = \"{dir}/data\"\n\
             [sip]\nudp = [\"127.0.0.1:{sip}\"]\ntcp = []\ntls = []\n\
             [media]\nthreads = 1\n[http]\nlisten = [\"127.0.0.1:{https}\"]\n\
             [admin]\nsocket = \"{dir}/admin.sock\"\n{}",
            sections.replace("@DIR@", &dir.to_string())
        );
        fs::write(folder.join("gateway.toml"), text).expect("written");
        let mut branch = Branch { process: None, folder, https, token: String::new() };
        branch.run().await;
        let made = branch.ask(&[
            "token", "add", "test", "--role", "admin", "--scope", "records", "--scope", "people",
        ]);
        branch.token = made["token"].as_str().expect("a token").to_owned();
        branch
    }

    async fn run(&mut self) {
        let log = fs::File::create(self.folder.join("log")).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_branchline"));
        command.args(["run", "-c"]).arg(self.folder.join("gateway.toml"));
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().expect("it starts"));
        let start = Instant::now();
        while self.asked(&["status"]).is_none() {
            assert!(start.elapsed() < LONG, "it does not answer: {}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it runs");
            process.wait().expect("it ends");
        }
    }

    pub async fn start_again(&mut self) {
        self.kill();
        self.run().await;
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn asked(&self, words: &[&str]) -> Option<Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(words)
            .args(["--json", "--socket"])
            .arg(self.folder.join("admin.sock"))
            .output()
            .expect("it runs");
        output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    /// What its own command line says.
    #[track_caller]
    pub fn ask(&self, words: &[&str]) -> Value {
        self.asked(words).unwrap_or_else(|| panic!("{words:?}: {}", self.log()))
    }

    /// The lamp and the words of a part.
    pub fn part(&self, name: &str) -> (String, String) {
        let status = self.ask(&["status"]);
        let parts = status["parts"].as_array().expect("parts");
        let part = parts.iter().find(|part| part["name"] == name).expect("the part");
        let text = |key: &str| part[key].as_str().expect("text").to_owned();
        (text("lamp"), text("words"))
    }

    /// Waits until a part's lamp has that colour; what its words are then.
    pub async fn lamp(&self, name: &str, lamp: &str) -> String {
        let start = Instant::now();
        loop {
            let (colour, words) = self.part(name);
            if colour == lamp {
                return words;
            }
            assert!(start.elapsed() < LONG, "{name} is {colour}: {words}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks its API: the status and what it says.
    pub fn call(&self, method: &str, path: &str, body: &Value, more: &[&str]) -> (u16, Value) {
        let authorised = format!("Authorization: Bearer {}", self.token);
        let mut command = Command::new("curl");
        command.args(["--silent", "--insecure", "-w", "\n%{http_code}", "-X", method]);
        command.args(["-H", &authorised]);
        if !body.is_null() {
            command.args(["-H", "Content-Type: application/json", "--data-binary"]);
            command.arg(body.to_string());
        }
        command.args(more).arg(format!("https://127.0.0.1:{}/api/v1{path}", self.https));
        let output = command.output().expect("curl runs; tests/run installs it");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').expect("a status");
        (status.parse().expect("a number"), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Has a text sent once the box is ready for that, and answers its id.
    pub async fn send(&self, channel: &str, to: &str, text: &str) -> String {
        let body = json!({"channel": channel, "to": to, "text": text, "purpose": "code"});
        let start = Instant::now();
        loop {
            let (status, made) = self.call("POST", "/messages", &body, &[]);
            if status == 201 {
                return made["message"].as_str().expect("an id").to_owned();
            }
            assert!(status == 503 && start.elapsed() < LONG, "{status} {made}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a message stands so.
    pub async fn stands(&self, id: &str, state: &str) -> Value {
        let start = Instant::now();
        loop {
            let (status, message) = self.call("GET", &format!("/messages/{id}"), &Value::Null, &[]);
            if status == 200 && message["state"] == state {
                return message;
            }
            assert!(start.elapsed() < LONG, "not {state}: {message}; {}", self.ask(&["status"]));
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every text that came, the oldest first, once there are as many.
    pub async fn arrived(&self, count: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let texts = self.texts();
            if texts.as_ref().is_some_and(|texts| texts.len() >= count) {
                return texts.unwrap_or_default();
            }
            assert!(start.elapsed() < LONG, "only {texts:?}; {}", self.ask(&["status"]));
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The same as they are now; nothing while the box is not ready to say so.
    fn texts(&self) -> Option<Vec<String>> {
        let list = |path: &str| {
            let (status, page) = self.call("GET", path, &Value::Null, &[]);
            assert!(status == 200 || status == 503, "{path}: {page}");
            (status == 200).then(|| page["items"].as_array().cloned().unwrap_or_default())
        };
        let mut all = Vec::new();
        for talk in list("/conversations?limit=200")? {
            let id = talk["conversation"].as_str().expect("an id");
            for message in list(&format!("/conversations/{id}/messages?limit=200"))? {
                if message["direction"] == "in" {
                    let text = message["pieces"][0]["text"].as_str().unwrap_or("no text");
                    all.push((message["at"].as_str().expect("a time").to_owned(), text.to_owned()));
                }
            }
        }
        all.sort();
        Some(all.into_iter().map(|(_, text)| text).collect())
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
