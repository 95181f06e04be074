//! Encrypted sound (SRTP, keys by RFC 4568 over TLS): baresip and linphone through the box, to each other, to a phone
//! that cannot, to the box itself. Tones tell who hears whom; a capture of the wire tells what anybody else would hear.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::branch::{Branch, PATIENCE};
use crate::peer::{Setting, Sipp};
use crate::phones::samples;
use crate::sound::{Heard, Party, take};
use crate::tls::{Foreign, folder, tone_of};

/// What each sends, in hertz.
const BARESIP: f64 = 440.0;
const LINPHONE: f64 = 620.0;
const PLAIN: f64 = 900.0;

/// Ports of each phone, from the first that is free.
const OF_BARESIP: u16 = 200;
const OF_LINPHONE: u16 = 250;
const OF_PLAIN: u16 = 110;

/// 203 and 204 must, 202 may, 201 must and has keys in the clear of its own signalling.
fn branch() -> Branch {
    let phone = |number: &str, policy: &str| {
        format!(
            "[[extension]]\nnumber = \"{number}\"\nsecret = {{ file = \"@DIR@/phone\" }}\n{policy}\n"
        )
    };
    let required = "media_encryption = \"required\"";
    let text = format!(
        "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = [\"127.0.0.1:@SECOND@\"]\ndigests = [\"md5\"]\n\
         [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n{}{}{}{}\
         [[internal]]\nnumber = \"600\"\nto = \"echo\"\n",
        phone("201", "media_encryption = \"required\"\nmedia_keys_over = \"any\""),
        phone("202", "media_encryption = \"offered\"\nmedia_keys_over = \"any\""),
        phone("203", required),
        phone("204", required),
    );
    Branch::run_with(&text, "127.0.0.1:@PORT@", &[("phone", PASSWORD)])
}

const PASSWORD: &str = "phonesecret";

/// Where the box speaks TLS.
fn tls(branch: &Branch) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], branch.free + 2))
}

struct Phone {
    program: Foreign,
    control: Box<dyn Write>,
    is_baresip: bool,
    first: u16,
}

impl Phone {
    fn baresip(branch: &Branch) -> Phone {
        let (folder, first) = (folder(branch, "sealed-baresip"), branch.free + OF_BARESIP);
        tone_of(&folder.join("tone.wav"), BARESIP);
        let here = folder.display();
        let config = format!(
            "sip_listen 127.0.0.1:{first}\nrtp_ports {}-{}\nnet_interface 127.0.0.1\n\
             ctrl_tcp_listen 127.0.0.1:{}\nmodule_path /usr/lib/baresip/modules\n\
             module g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\nmodule srtp.so\n\
             module_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
             audio_source aufile,{here}/tone.wav\naudio_player aubridge,nil\nsnd_path {here}\n",
            first + 10,
            first + 30,
            first + 3,
        );
        fs::write(folder.join("config"), config).unwrap();
        let account = format!(
            "<sip:203@{};transport=tls>;auth_user=203;auth_pass={PASSWORD};regint=60;mediaenc=srtp-mand\n",
            tls(branch)
        );
        fs::write(folder.join("accounts"), account).unwrap();
        fs::write(folder.join("contacts"), "").unwrap();
        let arguments = ["-f".to_owned(), folder.display().to_string(), "-t".into(), "120".into()];
        let process = started("baresip", &arguments, &folder);
        let control = branch
            .until("baresip's control port", || TcpStream::connect(("127.0.0.1", first + 3)).ok());
        let program = Foreign { process, folder };
        let phone = Phone { program, control: Box::new(control), is_baresip: true, first };
        phone.registers(branch, "203");
        phone
    }

    fn linphone(branch: &Branch) -> Phone {
        let (folder, first) = (folder(branch, "sealed-linphone"), branch.free + OF_LINPHONE);
        tone_of(&folder.join("tone.wav"), LINPHONE);
        let server = tls(branch);
        let config = format!(
            "[sip]\nsip_port=-1\nsip_tcp_port=-1\nsip_tls_port={first}\ndefault_proxy=0\n\
             media_encryption=srtp\nmedia_encryption_mandatory=1\nverify_server_certs=0\nverify_server_cn=0\n\
             [rtp]\naudio_rtp_port={}-{}\n\
             [auth_info_0]\nusername=204\npasswd={PASSWORD}\nrealm=branchline\n\
             [proxy_0]\nreg_proxy=<sip:{server};transport=tls>\nreg_identity=sip:204@{server}\nreg_sendregister=1\nreg_expires=300\n",
            first + 10,
            first + 30,
        );
        // linphone gives up when it cannot make its database.
        fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
        fs::write(folder.join("linphonerc"), config).unwrap();
        let arguments = ["-c".to_owned(), folder.join("linphonerc").display().to_string()];
        let mut process = started("linphonec", &arguments, &folder);
        let control = Box::new(process.stdin.take().expect("a keyboard"));
        let here = folder.display().to_string();
        let program = Foreign { process, folder };
        let mut phone = Phone { program, control, is_baresip: false, first };
        phone.registers(branch, "204");
        phone.say("soundcard use files", "");
        phone.say("play", &format!("{here}/tone.wav"));
        phone.say("record", &format!("{here}/heard-dec.wav"));
        phone
    }

    fn registers(&self, branch: &Branch, number: &str) {
        let limit = Instant::now() + PATIENCE;
        loop {
            let phones = branch.ask(&["phones"]);
            let mut all = phones.as_array().expect("a list").iter();
            let own = all.find(|phone| phone["extension"] == number).expect("it is set up");
            if own["bindings"][0].as_str().is_some_and(|binding| binding.starts_with("tls ")) {
                assert_eq!(own["set"][0], "encryption required", "{own}");
                return;
            }
            assert!(Instant::now() < limit, "{number} does not register: {}", self.program.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn say(&mut self, command: &str, about: &str) {
        let json = format!("{{\"command\":\"{command}\",\"params\":\"{about}\"}}");
        let line = match self.is_baresip {
            true => format!("{}:{json},", json.len()),
            false => format!("{command} {about}\n"),
        };
        self.control.write_all(line.as_bytes()).expect("the phone listens");
        self.control.flush().expect("the phone listens");
    }

    fn call(&mut self, branch: &Branch, to: &str) {
        let command = if self.is_baresip { "dial" } else { "call" };
        self.say(command, &format!("sip:{to}@{};transport=tls", tls(branch)));
    }

    fn heard(&self) -> Heard {
        let files = fs::read_dir(&self.program.folder).into_iter().flatten();
        let paths = files.filter_map(|entry| Some(entry.ok()?.path()));
        let newest = paths
            .filter(|path| path.to_string_lossy().ends_with("dec.wav"))
            .max_by_key(|path| path.metadata().and_then(|file| file.modified()).ok());
        let bytes = newest.and_then(|path| fs::read(path).ok()).unwrap_or_default();
        Heard { samples: samples(&bytes), ..Heard::default() }
    }

    /// Its ports for sound.
    fn ports(&self) -> std::ops::RangeInclusive<u16> {
        self.first + 10..=self.first + 30
    }
}

fn started(program: &str, arguments: &[String], folder: &Path) -> Child {
    let log = fs::File::create(folder.join("log")).unwrap();
    Command::new(program)
        .args(arguments)
        .env("HOME", folder)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; tests/run installs it"))
}

/// Everything that is on the wire, in a file.
struct Wire {
    process: Child,
    file: PathBuf,
}

impl Wire {
    fn tap(branch: &Branch) -> Wire {
        let file = folder(branch, "wire").join("wire.pcap");
        let process = Command::new("tshark")
            .args(["-q", "-i", "lo", "-F", "pcap", "-f", "udp", "-w"])
            .arg(&file)
            .stderr(Stdio::null())
            .spawn()
            .expect("tshark starts; tests/run installs it");
        let wire = Wire { process, file };
        branch.until("the tap", || {
            fs::metadata(&wire.file).is_ok_and(|file| file.len() >= 24).then_some(())
        });
        wire
    }

    /// What somebody at the wire hears in each packet that `port` sends or is sent.
    fn heard(&self, port: impl Fn(u16) -> bool) -> Vec<Heard> {
        let mut all = Vec::new();
        let bytes = fs::read(&self.file).unwrap_or_default();
        let mut rest = bytes.get(24..).unwrap_or_default();
        while let Some((head, after)) = rest.split_at_checked(16) {
            let length = u32::from_le_bytes(head[8..12].try_into().unwrap()) as usize;
            let Some((packet, after)) = after.split_at_checked(length) else { break };
            rest = after;
            // Ethernet, IPv4 without options, UDP.
            let Some(udp) = packet.get(34..).filter(|_| packet.get(23) == Some(&17)) else {
                continue;
            };
            let two = |at: usize| u16::from_be_bytes([udp[at], udp[at + 1]]);
            let mut heard = Heard::default();
            if udp.len() > 8 && (port(two(0)) || port(two(2))) {
                take(&mut heard, &udp[8..]);
            }
            all.extend((heard.packets > 0).then_some(heard));
        }
        all
    }
}

/// The share of packets that are this tone.
fn with_tone(packets: &[Heard], tone: f64) -> f64 {
    let is = |packet: &&Heard| crate::sound::share(&packet.samples[..160], tone) > 0.5;
    let whole = packets.iter().filter(|packet| packet.samples.len() >= 160);
    whole.filter(is).count() as f64 / packets.len().max(1) as f64
}

impl Drop for Wire {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = self.file.parent().map(fs::remove_dir_all);
    }
}

fn until(what: &str, phones: &[&Phone], look: impl Fn() -> bool) {
    let limit = Instant::now() + PATIENCE;
    while !look() {
        let logs = || phones.iter().map(|phone| phone.program.log()).collect::<Vec<_>>();
        assert!(Instant::now() < limit, "waited in vain for {what}: {:#?}", logs());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Nobody at the wire hears any of the tones in the packets of these ports.
fn is_noise(wire: &Wire, ports: std::ops::RangeInclusive<u16>) {
    until("a second of sound at the tap", &[], || wire.heard(|p| ports.contains(&p)).len() > 100);
    let packets = wire.heard(|port| ports.contains(&port));
    for tone in [BARESIP, LINPHONE, PLAIN] {
        let share = with_tone(&packets, tone);
        assert!(share < 0.01, "{tone} Hz is on the wire, in {share} of the packets");
    }
}

fn sipp(branch: &Branch, scenario: &str, user: &str, keys: &[(&str, String)]) -> Sipp {
    let port = branch.free + 3;
    let account = Some((user, PASSWORD));
    Sipp::start(branch, &Setting { scenario, port, keys, account, transport: "u1" })
}

/// How the newest record says that legs were encrypted.
fn encryption(branch: &Branch, count: usize) -> Vec<String> {
    let record = branch.record(count);
    let all = record["encryption"].as_array().cloned().unwrap_or_default();
    all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

const SEALED: &str = "encrypted: SRTP AES_CM_128_HMAC_SHA1_80";

#[test]
fn baresip_and_linphone_hear_each_other_and_nobody_at_the_wire_does() {
    let branch = branch();
    let mut baresip = Phone::baresip(&branch);
    let mut linphone = Phone::linphone(&branch);
    let wire = Wire::tap(&branch);
    linphone.say("autoanswer enable", "");
    baresip.call(&branch, "204");
    until("linphone to hear baresip", &[&baresip, &linphone], || linphone.heard().hears(BARESIP));
    until("baresip to hear linphone", &[&baresip, &linphone], || baresip.heard().hears(LINPHONE));
    for phone in [&baresip, &linphone] {
        is_noise(&wire, phone.ports());
    }
    baresip.say("hangup", "");
    let told = encryption(&branch, 1);
    assert_eq!(told, [format!("extension 203 {SEALED}"), format!("extension 204 {SEALED}")]);
}

#[test]
fn linphone_calls_the_box_and_hears_itself() {
    let branch = branch();
    let mut linphone = Phone::linphone(&branch);
    let wire = Wire::tap(&branch);
    linphone.call(&branch, "600");
    until("linphone to hear itself", &[&linphone], || linphone.heard().hears(LINPHONE));
    is_noise(&wire, linphone.ports());
    linphone.say("terminate", "");
    assert_eq!(encryption(&branch, 1), [format!("extension 204 {SEALED}")]);
}

#[test]
fn baresip_talks_with_a_phone_that_cannot_and_with_the_box() {
    let branch = branch();
    let mut baresip = Phone::baresip(&branch);
    let plain = Party::new(branch.free + OF_PLAIN, PLAIN);
    sipp(&branch, "register", "202", &[("expires", "300".to_owned())]).succeeds();
    let keys = [("rtp", plain.port.to_string()), ("ring", "100".to_owned())];
    let phone = sipp(&branch, "phone_answers", "202", &keys);
    let wire = Wire::tap(&branch);
    baresip.call(&branch, "202");
    until("the plain phone to hear baresip", &[&baresip], || plain.heard().hears(BARESIP));
    until("baresip to hear the plain phone", &[&baresip], || baresip.heard().hears(PLAIN));
    let offered = phone.message("INVITE sip:202").expect("it was called");
    assert!(offered.contains("RTP/AVP") && offered.contains("a=crypto:1"), "{offered}");
    // The same tap hears what is in the clear, and on the other leg nothing of it.
    until("both tones at the tap", &[&baresip], || {
        let packets = wire.heard(|port| port == plain.port);
        with_tone(&packets, BARESIP) > 0.2 && with_tone(&packets, PLAIN) > 0.2
    });
    is_noise(&wire, baresip.ports());
    baresip.say("hangup", "");
    phone.succeeds();
    let told = encryption(&branch, 1);
    let clear = "extension 202 not encrypted: the other side has no key";
    assert_eq!(told, [&format!("extension 203 {SEALED}"), clear]);

    baresip.call(&branch, "600");
    until("baresip to hear itself", &[&baresip], || baresip.heard().hears(BARESIP));
    baresip.say("hangup", "");
    assert_eq!(encryption(&branch, 2), [format!("extension 203 {SEALED}")]);
}

#[test]
fn who_must_and_offers_sound_in_the_clear_is_told_so() {
    let branch = branch();
    let keys = [("to", "600".to_owned()), ("rtp", "19000".to_owned()), ("code", "488".to_owned())];
    let messages = sipp(&branch, "phone_is_refused", "201", &keys).succeeds();
    let warning = "Warning: 302 127.0.0.1 \"audio must be encrypted here";
    assert!(messages.contains(warning), "{messages}");
}

/// Sound that is not under the key that its phone told: nobody hears it, not even as noise, and it is counted.
#[test]
fn under_another_key_there_is_silence_and_a_count() {
    let branch = branch();
    let phone = Party::new(branch.free + OF_PLAIN, PLAIN);
    let keys =
        [("to", "600".to_owned()), ("rtp", phone.port.to_string()), ("talk", "3000".to_owned())];
    let caller = sipp(&branch, "phone_dials_sealed", "201", &keys);
    phone.speak_to(branch.until("the box to answer", || caller.answered_port()));
    let messages = caller.succeeds();
    assert!(messages.contains("RTP/SAVP 0") && messages.matches("a=crypto:1").count() >= 3);
    assert_eq!(phone.heard().packets, 0, "an echo of what nobody should have heard");
    let record = branch.record(1);
    let ladder = branch.ask_text(&["calls", "show", record["call"].as_str().expect("an id")]);
    assert!(ladder.contains("encrypted: SRTP AES_CM_128_HMAC_SHA1_80"), "{ladder}");
    let dropped =
        ladder.split_once("dropped: ").and_then(|(_, rest)| rest.split_once(" not under"));
    let dropped: u32 = dropped.and_then(|(count, _)| count.parse().ok()).unwrap_or_default();
    assert!(dropped > 50, "{ladder}");
}
