//! Foreign phones of a whole: baresip over TLS, linphone with SHA-256 over TCP.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::branch::Branch;
use crate::peer::{Setting, Sipp};
use crate::sound::{Heard, Party};

/// What each side sends, in hertz.
pub const BARESIP: f64 = 440.0;
const AGENT: f64 = 900.0;

/// A program that ends with the test, and its folder.
pub struct Foreign {
    pub process: Child,
    pub folder: PathBuf,
}

impl Foreign {
    /// What it has printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A folder of its own for `what`.
pub fn folder(branch: &Branch, what: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!(
        "branchline-{what}-{}-{}",
        std::process::id(),
        branch.free
    ));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// baresip as 203 over TLS; it dials `to` once it has started.
pub fn baresip(branch: &Branch, to: &str) -> Foreign {
    let folder = folder(branch, "baresip");
    let tls = branch.address("tls");
    let first = branch.free + 200;
    tone(&folder.join("tone.wav"));
    let here = folder.display();
    let config = format!(
        "sip_listen 127.0.0.1:{first}\nrtp_ports {}-{}\nnet_interface 127.0.0.1\n\
         module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\n\
         module sndfile.so\nmodule_tmp account.so\nmodule_app menu.so\n\
         audio_source aufile,{here}/tone.wav\naudio_player aubridge,nil\nsnd_path {here}\n",
        first + 10,
        first + 30,
    );
    fs::write(folder.join("config"), config).unwrap();
    let account = format!(
        "<sip:203@{tls};transport=tls>;auth_user=203;auth_pass={};regint=60\n",
        branch.password("203")
    );
    fs::write(folder.join("accounts"), account).unwrap();
    fs::write(folder.join("contacts"), "").unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let process = Command::new("baresip")
        .args([
            "-f",
            &folder.display().to_string(),
            "-t",
            "60",
            "-e",
            &format!("/dial sip:{to}@{tls};transport=tls"),
        ])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("baresip starts; tests/run installs it");
    Foreign { process, folder }
}

/// Half a minute of baresip's tone, as a WAV file.
pub fn tone(path: &Path) {
    tone_of(path, BARESIP);
}

/// The same of another tone.
pub fn tone_of(path: &Path, hertz: f64) {
    let samples = (0..8_000 * 30).map(|n| {
        let angle = std::f64::consts::TAU * hertz * f64::from(n) / 8_000.0;
        (angle.sin() * 8_000.0) as i16
    });
    let sound: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let length = sound.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(sound);
    fs::write(path, file).unwrap();
}

#[test]
fn baresip_registers_and_talks_over_tls() {
    let branch = Branch::start();
    let agent = Party::new(branch.free + 110, AGENT);
    let register = Setting {
        scenario: "register",
        port: branch.free + 1,
        keys: &[("expires", "300".to_owned())],
        account: Some(("202", &branch.password("202"))),
        transport: "u1",
    };
    Sipp::start(&branch, &register).succeeds();
    let before = branch.records();
    let keys =
        [("rtp", agent.port.to_string()), ("ring", "100".to_owned()), ("talk", "4000".to_owned())];
    let answers = Setting {
        scenario: "phone_answers_hangs_up",
        port: branch.free + 1,
        keys: &keys,
        account: None,
        transport: "u1",
    };
    let phone = Sipp::start(&branch, &answers);
    let baresip = baresip(&branch, "202");
    branch.until(&format!("the agent to hear baresip's tone; {}", baresip.log()), || {
        agent.heard().hears(BARESIP).then_some(())
    });
    let phones = branch.ask(&["phones"]);
    let registered = phones[2]["bindings"][0].as_str().unwrap_or_default().to_owned();
    assert!(registered.starts_with("tls 127.0.0.1:"), "{registered}: {}", baresip.log());
    phone.succeeds();
    let record = branch.record(before + 1);
    assert_eq!(
        (record["from"].as_str(), record["cause"].as_str()),
        (Some("203"), Some("completed")),
        "{record}"
    );
    let heard = branch.until("what baresip heard", || {
        let mut files =
            fs::read_dir(&baresip.folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let bytes =
            fs::read(files.find(|path| path.to_string_lossy().ends_with("dec.wav"))?).ok()?;
        let samples: Vec<i16> = bytes
            .get(44..)?
            .chunks_exact(2)
            .map(|two| i16::from_le_bytes([two[0], two[1]]))
            .collect();
        (samples.len() > 16_000).then_some(samples)
    });
    // The middle of the call: its beginning is silence until the phone speaks.
    let middle = heard[heard.len() / 2..heard.len() * 3 / 4].to_vec();
    let heard = Heard { samples: middle, ..Heard::default() };
    assert!(heard.hears(AGENT), "baresip hears the agent: {}", heard.share(AGENT));
}

/// linphone as 201 over TCP: it takes SHA-256 where it is offered.
#[test]
fn linphone_registers_with_sha_256() {
    let branch = Branch::start();
    let folder = folder(&branch, "linphone");
    let tcp = branch.address("tcp");
    let password = branch.password("201");
    let config = format!(
        "[sip]\nsip_port=-1\nsip_tcp_port={}\nsip_tls_port=-1\ndefault_proxy=0\n\
         [auth_info_0]\nusername=201\npasswd={password}\nrealm=branchline\nalgorithm=SHA-256\n\
         [proxy_0]\nreg_proxy=<sip:{tcp};transport=tcp>\nreg_identity=sip:201@{tcp}\nreg_sendregister=1\nreg_expires=300\n",
        branch.free + 300,
    );
    // linphone gives up when it cannot make its database.
    fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
    fs::write(folder.join("linphonerc"), config).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let process = Command::new("linphonec")
        .args(["-d", "6", "-c", &folder.join("linphonerc").display().to_string()])
        .env("HOME", &folder)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("linphonec starts; tests/run installs it");
    let linphone = Foreign { process, folder };
    branch.until("linphone to register", || {
        let phones = branch.ask(&["phones"]);
        let binding = phones[0]["bindings"][0].as_str().unwrap_or_default().to_owned();
        binding.starts_with("tcp 127.0.0.1:").then_some(())
    });
    let log = linphone.log();
    let answered = log
        .lines()
        .find(|line| line.trim_start().starts_with("Authorization:"))
        .unwrap_or_default();
    assert!(answered.contains("algorithm=SHA-256"), "{answered}\n{log}");
}
