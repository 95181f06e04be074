//! The simulated modem is one to programs that others wrote for real ones: each receives a message from it and sends one.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use branchline::driver::simulated::Plugged;
use branchline::sms::simulated::{Make, Sent, deliver};

/// How long one of these programs may take for anything. Some look for work twice a minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder and a modem in it.
struct Bench {
    folder: PathBuf,
    modem: Plugged,
}

impl Bench {
    fn new(name: &str) -> Bench {
        let folder = std::env::temp_dir().join(format!("modem-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        let modem = Plugged::new(&folder.join("port"), Make::default()).expect("a modem");
        Bench { folder, modem }
    }

    fn folder(&self, name: &str) -> String {
        let path = self.folder.join(name);
        fs::create_dir_all(&path).expect("a folder");
        path.display().to_string()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    fn port(&self) -> String {
        self.modem.port().display().to_string()
    }

    fn start(&self, command: &mut Command) -> Program {
        let log = fs::File::create(self.folder.join("program.log")).expect("a log");
        let errors = log.try_clone().expect("a log");
        let child = command.stdout(log).stderr(errors).stdin(Stdio::null()).spawn();
        Program(child.expect("the program starts: tests/run installs it"))
    }

    fn receive(&self, from: &'static str, text: &'static str) {
        let taken = self.modem.with(move |now, modem| {
            let tpdu = deliver(from, text, now.unix);
            modem.receive(now, &tpdu)
        });
        assert_eq!(taken, Some(true), "the modem has no room");
    }

    fn sent(&self) -> Vec<Sent> {
        self.modem.with(|_, modem| modem.sent().to_vec()).expect("the modem runs")
    }

    /// Waits until something was sent, and answers the first of it.
    #[track_caller]
    fn wait_for_sent(&self) -> Sent {
        self.wait("nothing was sent", || self.sent().first().cloned())
    }

    /// Waits until a file in this folder says this.
    #[track_caller]
    fn wait_for_text(&self, folder: &str, text: &str) {
        let path = self.folder.join(folder);
        self.wait("it was not received", || {
            let texts = fs::read_dir(&path).ok()?.flatten();
            let read = |entry: fs::DirEntry| fs::read(entry.path()).unwrap_or_default();
            texts.map(read).find(|octets| String::from_utf8_lossy(octets).contains(text)).map(drop)
        });
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, mut until: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(found) = until() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read(self.folder.join("program.log")).unwrap_or_default();
        panic!("{what}\n{}", String::from_utf8_lossy(&log));
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A program, until the test ends.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The text of a message that was sent in the basic alphabet, in ASCII (TS 23.038 section 6.1.2.1.1).
fn septets(sent: &Sent) -> String {
    let start = 2 + sent.address().len() + 2 + if sent.tpdu[0] & 0x18 == 0x10 { 1 } else { 0 };
    let (length, octets) = (usize::from(sent.tpdu[start]), &sent.tpdu[start + 1..]);
    let bit = |n: usize| octets[n / 8] >> (n % 8) & 1;
    let septet = |at: usize| (0..7).fold(0, |value, n| value | bit(at * 7 + n) << n);
    (0..length).map(|at| char::from(septet(at))).collect()
}

#[test]
fn gammu_smsd_receives_and_sends() {
    let bench = Bench::new("gammu");
    let config = format!(
        "[gammu]\ndevice = {}\nconnection = at115200\n\n[smsd]\nservice = files\nlogfile = stdout\n\
         debuglevel = 255\nloopsleep = 1\ncommtimeout = 1\nreceivefrequency = 1\n\
         inboxpath = {}/\noutboxpath = {}/\nsentsmspath = {}/\nerrorsmspath = {}/\n",
        bench.port(),
        bench.folder("inbox"),
        bench.folder("outbox"),
        bench.folder("sent"),
        bench.folder("failed"),
    );
    let config = bench.file("smsd.conf", &config);
    let _program = bench.start(Command::new("gammu-smsd").arg("-c").arg(&config));
    bench.receive("+15550001", "From the network to gammu");
    bench.wait_for_text("inbox", "From the network to gammu");
    let told = Command::new("gammu-smsd-inject")
        .arg("-c")
        .arg(&config)
        .args(["TEXT", "+15550002", "-report", "-text", "From gammu to the network"])
        .output()
        .expect("gammu-smsd-inject");
    assert!(told.status.success(), "{told:?}");
    let sent = bench.wait_for_sent();
    assert_eq!(
        (sent.to().as_str(), septets(&sent).as_str()),
        ("+15550002", "From gammu to the network")
    );
    assert!(sent.wants_report());
    bench.wait_for_text("sent", "From gammu to the network");
}

#[test]
fn smstools_receives_and_sends() {
    let bench = Bench::new("smstools");
    let outgoing = bench.folder("outgoing");
    let config = format!(
        "devices = GSM1\nlogfile = 1\nloglevel = 7\ninfofile = {0}/working\npidfile = {0}/pid\n\
         outgoing = {outgoing}\nchecked = {1}\nfailed = {2}\nincoming = {3}\nsent = {4}\n\
         delaytime = 1\nerrorsleeptime = 1\ndecode_unicode_text = yes\nuser = root\n\n\
         [GSM1]\ndevice = {5}\nincoming = yes\nbaudrate = 115200\nreport = yes\n",
        bench.folder.display(),
        bench.folder("checked"),
        bench.folder("failed"),
        bench.folder("incoming"),
        bench.folder("sent"),
        bench.port(),
    );
    let config = bench.file("smsd.conf", &config);
    let _program = bench.start(Command::new("/usr/sbin/smsd").arg("-t").arg("-c").arg(&config));
    bench.receive("+15550001", "From the network to smstools");
    bench.wait_for_text("incoming", "From the network to smstools");
    // Written beside and moved, as its manual says.
    let draft = bench.file("draft", "To: 15550002\n\nFrom smstools to the network");
    fs::rename(draft, Path::new(&outgoing).join("one")).expect("a message");
    let sent = bench.wait_for_sent();
    assert_eq!(sent.to().trim_start_matches('+'), "15550002");
    assert_eq!(septets(&sent).trim_end(), "From smstools to the network");
    bench.wait_for_text("sent", "From smstools to the network");
}

fn free_port() -> u16 {
    let bound = TcpListener::bind("127.0.0.1:0").expect("a port");
    bound.local_addr().expect("its address").port()
}

/// The first line of the next request that comes, answered with nothing.
fn next_request(listener: &TcpListener) -> Option<String> {
    let (stream, _) = listener.accept().ok()?;
    stream.set_nonblocking(false).ok()?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).ok()?;
    (&stream)
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .ok()?;
    Some(line)
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut said = String::new();
    stream.read_to_string(&mut said).ok()?;
    Some(said)
}

#[test]
fn kannel_receives_and_sends() {
    let bench = Bench::new("kannel");
    let (admin, boxes, sending) = (free_port(), free_port(), free_port());
    let heard = TcpListener::bind("127.0.0.1:0").expect("a port");
    heard.set_nonblocking(true).expect("a listener");
    let hook = heard.local_addr().expect("its address");
    let config = format!(
        "group = core\nadmin-port = {admin}\nadmin-interface = 127.0.0.1\nadmin-password = x\n\
         smsbox-port = {boxes}\nsmsbox-interface = 127.0.0.1\nbox-allow-ip = 127.0.0.1\n\n\
         group = smsc\nsmsc = at\nsmsc-id = one\nmodemtype = generic\ndevice = {port}\nspeed = 115200\n\
         sms-center = +15550000000\nsim-buffering = true\nmy-number = 15550009\n\n\
         group = modems\nid = generic\nname = generic\ndetect-string = Simulated\n\n\
         group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {sending}\n\
         sendsms-interface = 127.0.0.1\n\n\
         group = sendsms-user\nusername = u\npassword = p\nmax-messages = 5\nconcatenation = true\n\n\
         group = sms-service\nkeyword = default\nget-url = \"http://{hook}/in?from=%p&text=%a\"\n\
         max-messages = 0\ncatch-all = true\n",
        port = bench.port(),
    );
    let config = bench.file("kannel.conf", &config);
    let _bearer = bench.start(Command::new("/usr/sbin/bearerbox").arg(&config));
    bench.wait("bearerbox does not listen", || {
        TcpStream::connect(("127.0.0.1", boxes)).ok().map(drop)
    });
    let quiet = Command::new("/usr/sbin/smsbox")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .spawn();
    let _smsbox = Program(quiet.expect("smsbox"));
    bench.receive("+15550001", "From the network to Kannel");
    // It hands UCS-2 on as it came.
    let request = bench.wait("Kannel told nothing", || next_request(&heard)).replace("%00", "");
    assert!(
        request.contains("15550001") && request.contains("From+the+network+to+Kannel"),
        "{request}"
    );
    let path = "/cgi-bin/sendsms?username=u&password=p&from=15550009&to=15550002&text=From+Kannel+to+the+network";
    let said = bench.wait("smsbox does not answer", || get(sending, path));
    assert!(said.contains("202 Accepted"), "{said}");
    let sent = bench.wait_for_sent();
    assert_eq!(sent.to().trim_start_matches('+'), "15550002");
    assert_eq!(septets(&sent), "From Kannel to the network");
}

/// Connects, says what it received on one line, sends, and says the reference on the next.
const GSMMODEM: &str = r#"
import sys, threading
from gsmmodem.modem import GsmModem
got = threading.Event()
def received(sms):
    print("got", sms.number, sms.text, flush=True)
    got.set()
modem = GsmModem(sys.argv[1], 115200, smsReceivedCallbackFunc=received)
modem.smsTextMode = False
modem.connect()
print("ready", modem.imei, flush=True)
got.wait(30)
sms = modem.sendSms("+15550002", "From Python to the network")
print("sent", sms.reference, flush=True)
modem.close()
"#;

#[test]
fn python_gsmmodem_receives_and_sends() {
    let bench = Bench::new("python");
    let script = bench.file("script.py", GSMMODEM);
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python3");
    let _program = bench.start(Command::new(python).arg(script).arg(bench.port()));
    let log = bench.folder.join("program.log");
    let said = |what: &str| {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.lines().find(|line| line.starts_with(what)).map(str::to_owned)
    };
    let ready = bench.wait("it did not connect", || said("ready"));
    assert_eq!(ready, "ready 490154203237518");
    bench.receive("+15550001", "From the network to Python");
    let got = bench.wait("it received nothing", || said("got"));
    assert_eq!(got, "got +15550001 From the network to Python");
    bench.wait("it did not send", || said("sent"));
    let sent = bench.wait_for_sent();
    assert_eq!(
        (sent.to().as_str(), septets(&sent).as_str()),
        ("+15550002", "From Python to the network")
    );
}
