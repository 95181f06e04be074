//! Janus and its echo test.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::PATIENCE;
use crate::socket::Socket;

const PORT: u16 = 26_188;

/// Where it can be reached: an address of this machine that is not loopback's. Nothing leaves the machine for that.
pub fn host() -> Option<IpAddr> {
    let all = nix::ifaddrs::getifaddrs().ok()?;
    let addresses = all.filter_map(|own| Some(own.address?.as_sockaddr_in()?.ip()));
    addresses.into_iter().find(|ip| !ip.is_loopback()).map(IpAddr::from)
}

pub struct Janus {
    process: Child,
    folder: PathBuf,
}

impl Janus {
    pub fn start() -> Janus {
        let folder = std::env::temp_dir().join(format!("browser-janus-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).expect("its configuration");
        };
        write(
            "janus.jcfg",
            "general: { debug_level = 1 }\nmedia: { rtp_port_range = \"20000-25999\" }\n\
             nat: { ice_lite = true }\n\
             plugins: { disable = \"libjanus_audiobridge.so,libjanus_duktape.so,libjanus_lua.so,libjanus_nosip.so,\
             libjanus_recordplay.so,libjanus_sip.so,libjanus_streaming.so,libjanus_textroom.so,libjanus_videocall.so,\
             libjanus_videoroom.so,libjanus_voicemail.so\" }\n\
             transports: { disable = \"libjanus_http.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,\
             libjanus_rabbitmq.so\" }\nevents: { broadcast = false }\n",
        );
        write(
            "janus.transport.websockets.jcfg",
            &format!(
                "general: {{ ws = true, ws_port = {PORT}, ws_ip = \"127.0.0.1\", wss = false }}\n"
            ),
        );
        write("janus.plugin.echotest.jcfg", "general: { events = false }\n");
        let mut command = Command::new("taskset");
        command.args(["-c", "0,1", "janus", "--configs-folder"]).arg(&folder);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        Janus { process: command.spawn().expect("taskset (util-linux) and janus start"), folder }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub async fn session(&self) -> Session {
        let limit = Instant::now() + PATIENCE;
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", PORT)).await {
                Ok(stream) => break stream,
                Err(_) => assert!(Instant::now() < limit, "janus does not start"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let url = format!("ws://127.0.0.1:{PORT}/");
        let socket = Socket::open(stream, &url, "janus-protocol", "http://127.0.0.1").await;
        let mut session = Session { socket, asked: 0, id: Value::Null };
        session.id = session.ask(json!({ "janus": "create" })).await["data"]["id"].clone();
        session
    }
}

impl Drop for Janus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub struct Session {
    socket: Socket<TcpStream>,
    asked: usize,
    id: Value,
}

impl Session {
    async fn ask(&mut self, mut question: Value) -> Value {
        self.asked += 1;
        question["transaction"] = self.asked.to_string().into();
        if !self.id.is_null() {
            question["session_id"] = self.id.clone();
        }
        self.socket.say(question.to_string()).await;
        loop {
            let told: Value = serde_json::from_str(&self.socket.hear().await).expect("JSON");
            if told["transaction"] == question["transaction"] && told["janus"] != "ack" {
                assert_ne!(told["janus"], "error", "{told}");
                return told;
            }
        }
    }

    /// Has what a browser offers said back to it; its answer.
    pub async fn echo(&mut self, offer: &str) -> String {
        let attach = json!({ "janus": "attach", "plugin": "janus.plugin.echotest" });
        let handle = self.ask(attach).await["data"]["id"].clone();
        let answer = self
            .ask(json!({
                "janus": "message", "handle_id": handle, "body": { "audio": true, "video": false },
                "jsep": { "type": "offer", "sdp": offer }
            }))
            .await;
        answer["jsep"]["sdp"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}
