//! SIPp as the other side.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::branch::{Branch, PATIENCE};

/// One SIPp run of one scenario.
pub struct Sipp {
    process: Child,
    folder: PathBuf,
    name: String,
}

/// What differs between runs.
pub struct Setting<'a> {
    /// The scenario's file.
    pub scenario: &'a str,
    /// SIPp's own port.
    pub port: u16,
    /// What stands for `[key]` in the scenario.
    pub keys: &'a [(&'a str, String)],
    /// The line of the CSV file: user and credentials.
    pub account: Option<(&'a str, &'a str)>,
    /// `u1` for UDP, `t1` for TCP.
    pub transport: &'a str,
}

impl Sipp {
    /// Starts it.
    pub fn start(branch: &Branch, setting: &Setting<'_>) -> Sipp {
        Sipp::start_many(branch, setting, 1)
    }

    /// The same for several calls, one after another: forty of them in a second.
    pub fn start_many(branch: &Branch, setting: &Setting<'_>, calls: u16) -> Sipp {
        let name = format!("{}-{}", setting.scenario, setting.port);
        let folder =
            std::env::temp_dir().join(format!("branchline-sipp-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for traces");
        // SIPp takes no keywords in pauses and status codes, so all of ours are put in here.
        let template = Branch::scenario(&format!("{}.xml", setting.scenario));
        let text = fs::read_to_string(&template).expect("the scenario");
        let text = setting
            .keys
            .iter()
            .fold(text, |text, (key, value)| text.replace(&format!("[{key}]"), value));
        fs::write(folder.join("scenario.xml"), text).expect("a scenario of our own");
        let talk = setting.keys.iter().find(|(key, _)| *key == "talk");
        let talk = talk.and_then(|(_, time)| time.parse::<u64>().ok()).unwrap_or(0) / 1_000;
        let mut command = Command::new("sipp");
        command
            .current_dir(&folder)
            .args(["-sf", "scenario.xml"])
            .args(["-i", &branch.sip.ip().to_string(), "-p", &setting.port.to_string()])
            .args(["-m", &calls.to_string(), "-r", "40"])
            .args([
                "-t",
                setting.transport,
                "-nostdin",
                "-timeout",
                // The longest scene waits for a session timer to run out and for 64 T1 after it.
                &(100 + talk).to_string(),
                "-timeout_error",
            ])
            .args([
                "-trace_err",
                "-trace_msg",
                "-message_file",
                "messages.log",
                "-error_file",
                "errors.log",
            ]);
        if let Some((user, password)) = setting.account {
            let line = format!(
                "SEQUENTIAL\n{user};[authentication username={user} password={password}]\n"
            );
            fs::write(folder.join("account.csv"), line).expect("the account's file");
            command.args(["-inf", "account.csv"]);
        }
        let process = command
            .arg(branch.sip.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sipp starts; tests/run installs it");
        Sipp { process, folder, name }
    }

    /// Waits until it is done and demands that the scenario went as written. Answers the messages.
    pub fn succeeds(mut self) -> String {
        let limit = Instant::now() + PATIENCE + Duration::from_secs(75);
        while self.process.try_wait().expect("it can be waited for").is_none() {
            assert!(Instant::now() < limit, "{} hangs\n{}", self.name, self.traces());
            std::thread::sleep(Duration::from_millis(10));
        }
        let status = self.process.wait().expect("it can be waited for");
        assert!(status.success(), "{}: {status}\n{}", self.name, self.traces());
        fs::read_to_string(self.folder.join("messages.log")).unwrap_or_default()
    }

    /// Where the branch wants sound, once it has said so.
    pub fn audio_port(&self) -> Option<u16> {
        let messages = fs::read_to_string(self.folder.join("messages.log")).ok()?;
        let (_, received) = messages.split_once("message received")?;
        let (_, after) = received.split_once("m=audio ")?;
        after.split(' ').next()?.parse().ok()
    }

    /// The newest message so far that has `text` in it.
    pub fn message(&self, text: &str) -> Option<String> {
        let messages = fs::read_to_string(self.folder.join("messages.log")).ok()?;
        let at = messages.rfind(text)?;
        let start = messages[..at].rfind("-----------------------------------------------")?;
        let end = messages[at..].find("-----------------------------------------------");
        let end = end.map_or(messages.len(), |length| at + length);
        Some(messages[start..end].to_owned())
    }

    /// How many messages with `text` in them have come or gone so far.
    pub fn count(&self, text: &str) -> usize {
        let messages = fs::read_to_string(self.folder.join("messages.log"));
        messages.map_or(0, |messages| messages.matches(text).count())
    }

    /// Whether a message with `text` in it has come or gone so far.
    pub fn has_got(&self, text: &str) -> bool {
        let messages = fs::read_to_string(self.folder.join("messages.log"));
        messages.is_ok_and(|messages| messages.contains(text))
    }

    /// The same, once the branch has answered a call that was challenged first.
    pub fn answered_port(&self) -> Option<u16> {
        let messages = fs::read_to_string(self.folder.join("messages.log")).ok()?;
        let (_, answer) = messages.split_once("SIP/2.0 200")?;
        let (_, after) = answer.split_once("m=audio ")?;
        after.split(' ').next()?.parse().ok()
    }

    fn traces(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        format!("{}\n{}", read("errors.log"), read("messages.log"))
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
