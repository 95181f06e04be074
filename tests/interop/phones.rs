//! Foreign phones at work: baresip and linphone hold, resume, transfer, confer and show that messages wait, driven by
//! what their own command lines can do. Tones tell who hears whom.
//!
//! What they cannot do: baresip 1.0.0 knows no attended transfer (linphone does) and no conference of its own (linphone
//! does). linphone 5.1 knows nothing of waiting messages (baresip does). Neither shows lamps of colleagues: baresip's
//! presence.so and linphone's friends speak the package `presence` (RFC 3856) alone, so lamps are proved with SIPp in
//! `lamps`.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::branch::{Branch, PATIENCE};
use crate::peer::{Setting, Sipp};
use crate::sound::{Heard, Party};
use crate::tls::{BARESIP as PHONE, Foreign, folder, tone};
use crate::voicemail;

/// What the two others send, in hertz; the foreign phone sends `PHONE`.
pub const FIRST: f64 = 900.0;
pub const SECOND: f64 = 1_300.0;
/// Where baresip takes commands, from its SIP port; it has TLS on the port between.
const CONTROL: u16 = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Make {
    Baresip,
    Linphone,
}

/// A foreign phone that has registered, and how it is told what to do.
pub struct Phone {
    pub make: Make,
    pub program: Foreign,
    control: Box<dyn Write>,
    branch: String,
}

impl Phone {
    pub fn start(make: Make, branch: &Branch, user: &str, password: &str) -> Phone {
        Phone::start_as(make, branch, (user, password), "")
    }

    /// With `more` of what its account can be told.
    fn start_as(make: Make, branch: &Branch, account: (&str, &str), more: &str) -> Phone {
        Phone::start_at(make, branch, branch.free + 200, account, more)
    }

    /// The same on ports from `first` on.
    pub fn start_at(
        make: Make,
        branch: &Branch,
        first: u16,
        account: (&str, &str),
        more: &str,
    ) -> Phone {
        let folder = folder(branch, if make == Make::Baresip { "baresip" } else { "linphone" });
        tone(&folder.join("tone.wav"));
        let mut process = match make {
            Make::Baresip => baresip(branch, &folder, first, account, more),
            Make::Linphone => linphone(branch, &folder, first, account),
        };
        let control: Box<dyn Write> = match process.stdin.take() {
            Some(keyboard) => Box::new(keyboard),
            None => Box::new(branch.until("baresip's control port", || {
                TcpStream::connect(("127.0.0.1", first + CONTROL)).ok()
            })),
        };
        let program = Foreign { process, folder };
        let mut phone = Phone { make, program, control, branch: branch.sip.to_string() };
        branch.until("the phone to register", || {
            let phones = branch.ask(&["phones"]);
            let mut phones = phones.as_array().expect("a list").iter();
            let own = |phone: &serde_json::Value| phone["extension"] == account.0;
            phones.any(|phone| own(phone) && phone["bindings"][0].is_string()).then_some(())
        });
        if make == Make::Linphone {
            let here = phone.program.folder.display().to_string();
            phone.say("soundcard use files", "");
            phone.say("play", &format!("{here}/tone.wav"));
            phone.say("record", &format!("{here}/heard-dec.wav"));
        }
        phone
    }

    pub fn say(&mut self, command: &str, about: &str) {
        let line = match self.make {
            Make::Baresip => {
                let json = format!("{{\"command\":\"{command}\",\"params\":\"{about}\"}}");
                format!("{}:{json},", json.len())
            }
            Make::Linphone => format!("{command} {about}\n"),
        };
        self.control.write_all(line.as_bytes()).expect("the phone listens");
        self.control.flush().expect("the phone listens");
    }

    pub fn call(&mut self, to: &str) {
        let command = if self.make == Make::Baresip { "dial" } else { "call" };
        self.say(command, &format!("sip:{to}@{}", self.branch));
    }

    pub fn hold(&mut self) {
        self.say(if self.make == Make::Baresip { "hold" } else { "pause" }, "");
    }

    pub fn transfer(&mut self, to: &str) {
        self.say("transfer", &format!("sip:{to}@{}", self.branch));
    }

    /// What it has heard in its newest call, from the file that it writes.
    pub fn heard(&self) -> Heard {
        let files = fs::read_dir(&self.program.folder).into_iter().flatten();
        let paths = files.filter_map(|entry| Some(entry.ok()?.path()));
        let newest = paths
            .filter(|path| path.to_string_lossy().ends_with("dec.wav"))
            .max_by_key(|path| path.metadata().and_then(|file| file.modified()).ok());
        let bytes = newest.and_then(|path| fs::read(path).ok()).unwrap_or_default();
        Heard { samples: samples(&bytes), ..Heard::default() }
    }
}

/// The first channel of a WAV file that may still be growing, at 8 kHz.
pub fn samples(bytes: &[u8]) -> Vec<i16> {
    let two = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let Some(sound) = bytes.get(44..) else { return Vec::new() };
    let step = usize::from(two(24) / 8_000) * usize::from(two(22));
    let all = sound.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]]));
    all.step_by(step.max(1)).collect()
}

fn baresip(
    branch: &Branch,
    folder: &Path,
    first: u16,
    (user, password): (&str, &str),
    more: &str,
) -> Child {
    let here = folder.display();
    let config = format!(
        "sip_listen 127.0.0.1:{first}\nrtp_ports {}-{}\nnet_interface 127.0.0.1\n\
         ctrl_tcp_listen 127.0.0.1:{}\nmodule_path /usr/lib/baresip/modules\n\
         module g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n\
         module_tmp uuid.so\nmodule_tmp account.so\nmodule_app mwi.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
         audio_source aufile,{here}/tone.wav\naudio_player aubridge,nil\nsnd_path {here}\n\
         ausrc_srate 8000\nausrc_channels 1\n",
        first + 10,
        first + 30,
        first + CONTROL,
    );
    fs::write(folder.join("config"), config).unwrap();
    // Without a list of its own it has G.711 alone, as a plain desk phone has.
    let codecs = if more.contains("audio_codecs") { "" } else { ";audio_codecs=pcmu,pcma" };
    let account = format!(
        "<sip:{user}@{}>;auth_user={user};auth_pass={password};regint=60;mwi=yes{codecs}{more}\n",
        branch.sip
    );
    fs::write(folder.join("accounts"), account).unwrap();
    fs::write(folder.join("contacts"), "").unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    Command::new("baresip")
        .args(["-f", &folder.display().to_string(), "-t", "120"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("baresip starts; tests/run installs it")
}

fn linphone(branch: &Branch, folder: &Path, first: u16, (user, password): (&str, &str)) -> Child {
    let server = branch.sip;
    let config = format!(
        "[sip]\nsip_port={first}\nsip_tcp_port=-1\nsip_tls_port=-1\ndefault_proxy=0\n\
         [rtp]\naudio_rtp_port={}-{}\n\
         [auth_info_0]\nusername={user}\npasswd={password}\nrealm=branchline\n\
         [proxy_0]\nreg_proxy=<sip:{server}>\nreg_identity=sip:{user}@{server}\nreg_sendregister=1\nreg_expires=300\n",
        first + 10,
        first + 30,
    );
    // linphone gives up when it cannot make its database.
    fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
    fs::write(folder.join("linphonerc"), config).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    Command::new("linphonec")
        .args(["-c", &folder.join("linphonerc").display().to_string()])
        .env("HOME", folder)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("linphonec starts; tests/run installs it")
}

/// The demo's branch with the foreign phone as 203, and SIPp with a tone each as 201 and 202.
pub struct Scene {
    pub phone: Phone,
    pub first: Party,
    pub second: Party,
    pub branch: Branch,
}

impl Scene {
    pub fn new(make: Make) -> Scene {
        let branch = Branch::start();
        let phone = Phone::start(make, &branch, "203", &branch.password("203"));
        let party = |offset, tone| Party::new(branch.free + offset, tone);
        let (first, second) = (party(100, FIRST), party(110, SECOND));
        let scene = Scene { phone, first, second, branch };
        for (user, port) in [("202", 2), ("201", 1)] {
            scene.sipp("register", user, port, &[("expires", "300")]).succeeds();
        }
        scene
    }

    pub fn sipp(&self, scenario: &str, user: &str, port: u16, keys: &[(&str, &str)]) -> Sipp {
        let password = self.branch.password(user);
        let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let setting = Setting {
            scenario,
            port: self.branch.free + port,
            keys: &keys,
            account: Some((user, &password)),
            transport: "u1",
        };
        Sipp::start(&self.branch, &setting)
    }

    /// 202, the first, answers and stays until somebody else ends the call.
    pub fn first_answers(&self) -> Sipp {
        let rtp = self.first.port.to_string();
        self.sipp("phone_answers", "202", 2, &[("rtp", &rtp), ("ring", "100")])
    }

    /// 201, the second, answers and ends the call after a while.
    pub fn second_answers(&self, talk: &str) -> Sipp {
        let rtp = self.second.port.to_string();
        let keys = [("rtp", &*rtp), ("ring", "100"), ("talk", talk)];
        self.sipp("phone_answers_hangs_up", "201", 1, &keys)
    }

    pub fn until(&self, what: &str, look: impl Fn() -> bool) {
        let limit = Instant::now() + PATIENCE;
        while !look() {
            let log = || self.phone.program.log();
            assert!(
                Instant::now() < limit,
                "waited in vain for {what}; the phone printed: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn phone_and_first_talk(&self) {
        self.until("the first to hear the phone", || self.first.heard().hears(PHONE));
        self.until("the phone to hear the first", || self.phone.heard().hears(FIRST));
    }

    pub fn first_and_second_talk(&self) {
        self.until("the first to hear the second", || self.first.heard().hears(SECOND));
        self.until("the second to hear the first", || self.second.heard().hears(FIRST));
    }
}

/// Who is put on hold hears music; both hear each other again afterwards.
fn holds_and_resumes(make: Make) {
    let mut scene = Scene::new(make);
    let first = scene.first_answers();
    scene.phone.call("202");
    scene.phone_and_first_talk();
    scene.phone.hold();
    scene.until("the first to hear music", || {
        let heard = scene.first.heard();
        heard.loud() && heard.share(PHONE) < 0.2
    });
    scene.phone.say("resume", "");
    scene.phone_and_first_talk();
    let end = if make == Make::Baresip { "hangup" } else { "terminate" };
    scene.phone.say(end, "");
    first.succeeds();
}

/// The two others talk after a transfer, the phone is out of it, and one record tells it.
fn transfers(make: Make) {
    let mut scene = Scene::new(make);
    let before = scene.branch.records();
    let (first, second) = (scene.first_answers(), scene.second_answers("6000"));
    scene.phone.call("202");
    scene.phone_and_first_talk();
    scene.phone.transfer("201");
    scene.first_and_second_talk();
    scene.until("the phone to be silent", || {
        let share = |party: &Party| party.heard().share(PHONE);
        share(&scene.first) < 0.02 && share(&scene.second) < 0.02
    });
    second.succeeds();
    first.succeeds();
    let record = scene.branch.record(before + 1);
    assert_eq!(record["cause"], "completed", "{record}");
    assert_eq!(record["reached"], "extension 201", "{record}");
}

/// In the conference each of three hears the two others and not itself.
fn confers(make: Make) {
    let mut scene = Scene::new(make);
    scene.phone.call("800");
    let ports = [scene.first.port.to_string(), scene.second.port.to_string()];
    let others: Vec<_> = [("202", 3), ("201", 4)]
        .into_iter()
        .zip(&ports)
        .map(|((user, port), rtp)| {
            let keys = [("to", "800"), ("rtp", rtp), ("talk", "8000")];
            scene.sipp("phone_dials_hangs_up", user, port, &keys)
        })
        .collect();
    let both = |heard: Heard, tones: [f64; 2]| {
        tones.iter().all(|tone| (0.35..0.65).contains(&heard.share(*tone)))
    };
    scene.until("the first to hear both", || both(scene.first.heard(), [PHONE, SECOND]));
    scene.until("the second to hear both", || both(scene.second.heard(), [PHONE, FIRST]));
    scene.until("the phone to hear both", || both(scene.phone.heard(), [FIRST, SECOND]));
    others.into_iter().for_each(|other| drop(other.succeeds()));
}

#[test]
fn baresip_holds_and_resumes() {
    holds_and_resumes(Make::Baresip);
}

#[test]
fn linphone_holds_and_resumes() {
    holds_and_resumes(Make::Linphone);
}

#[test]
fn baresip_transfers() {
    transfers(Make::Baresip);
}

#[test]
fn linphone_transfers() {
    transfers(Make::Linphone);
}

#[test]
fn baresip_confers() {
    confers(Make::Baresip);
}

#[test]
fn linphone_confers() {
    confers(Make::Linphone);
}

/// The phone talks with the second first, and then lets the first have it (Replaces, RFC 3891).
#[test]
fn linphone_transfers_after_it_has_asked() {
    let mut scene = Scene::new(Make::Linphone);
    let (first, second) = (scene.first_answers(), scene.second_answers("9000"));
    scene.phone.call("202");
    scene.phone_and_first_talk();
    scene.phone.hold();
    scene.until("the first to hear music", || {
        let heard = scene.first.heard();
        heard.loud() && heard.share(PHONE) < 0.2
    });
    scene.phone.call("201");
    scene.until("the second to hear the phone", || scene.second.heard().hears(PHONE));
    scene.phone.say("transfer", "1 --to-call 2");
    scene.first_and_second_talk();
    second.succeeds();
    first.succeeds();
}

/// RFC 5626: a phone with two flows has two bindings and rings once.
#[test]
fn baresip_has_two_flows_and_rings_over_one() {
    let branch = Branch::start();
    let sip = branch.sip;
    let more = format!(
        ";sipnat=outbound;outbound=\"sip:{sip};transport=udp\";outbound2=\"sip:{sip};transport=tcp\""
    );
    let account = ("203", &*branch.password("203"));
    let mut phone = Phone::start_as(Make::Baresip, &branch, account, &more);
    let flows = branch.until("both flows", || {
        let phones = branch.ask(&["phones"]);
        let own = phones.as_array()?.iter().find(|line| line["extension"] == "203")?.clone();
        let flows = own["bindings"].as_array()?.clone();
        (flows.len() == 2).then(|| format!("{flows:?}"))
    });
    assert!(flows.contains("udp ") && flows.contains("tcp "), "{flows}");
    let caller = Party::new(branch.free + 100, FIRST);
    let keys = [("to", "203".to_owned()), ("rtp", caller.port.to_string())];
    let (password, port) = (branch.password("202"), branch.free + 2);
    let account = Some(("202", &*password));
    let setting = Setting { scenario: "phone_dials", port, keys: &keys, account, transport: "u1" };
    let _call = Sipp::start(&branch, &setting);
    branch
        .until("the phone to ring", || phone.program.log().contains("Incoming call").then_some(()));
    // What comes after is said to a phone that has read both, had there been two.
    phone.say("hangup", "");
    branch.until("the call to be over", || {
        phone.program.log().contains("rejecting incoming call").then_some(())
    });
    let rang = phone.program.log().matches("Incoming call").count();
    assert_eq!(rang, 1, "{}", phone.program.log());
}

/// The lamp for messages: dark, lit when a caller has left one, dark when it has been heard.
#[test]
fn baresip_shows_a_message_that_is_left_and_heard() {
    let branch = voicemail::branch();
    let mut phone = Phone::start(Make::Baresip, &branch, "201", "tulip");
    let shows = |phone: &Phone, waiting: &str, counts: &str| {
        let log = phone.program.log();
        let newest = log.rsplit("Messages-Waiting: ").next().unwrap_or_default();
        newest.starts_with(waiting) && newest.contains(&format!("Voice-Message: {counts}"))
    };
    branch.until("the lamp to be dark", || shows(&phone, "no", "0/0").then_some(()));
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| voicemail::leave_message(&branch));
        branch.until("the phone to ring", || {
            phone.program.log().contains("Incoming call").then_some(())
        });
        phone.say("hangup", "");
        caller.join().expect("the message is left");
    });
    branch.until("the lamp to burn", || shows(&phone, "yes", "1/0").then_some(()));
    let owner = Party::new(branch.free + 110, FIRST);
    let keys = [("to", "*97".to_owned()), ("rtp", owner.port.to_string())];
    let call = voicemail::phone(&branch, "phone_dials", 3, &keys);
    branch.until("the menu", || owner.heard().loud().then_some(()));
    owner.press(1);
    branch.until("the lamp to go out", || shows(&phone, "no", "0/1").then_some(()));
    drop(call);
}
