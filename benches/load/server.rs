//! The servers under load: this box, and Kamailio.

use std::fmt::{self, Write as _};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{cpu, is_installed, memory};
use crate::wire::Peer;
use crate::{PASSWORD, PATIENCE, number};

/// Where a server listens.
const PORT: u16 = 28_060;

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// This box: both ends of a call are its own, the journal is on.
    Branchline,
    /// A proxy, from Debian's package.
    Kamailio,
}

impl Kind {
    pub fn is_there(self) -> bool {
        self == Kind::Branchline || is_installed("kamailio")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Branchline => "branchline",
            Kind::Kamailio => "kamailio",
        })
    }
}

/// A server under load.
pub struct Server {
    pub kind: Kind,
    process: Child,
    folder: PathBuf,
    pub sip: SocketAddr,
}

impl Server {
    /// Starts one that knows so many phones.
    pub fn start(kind: Kind, phones: usize) -> Server {
        let folder = std::env::temp_dir().join(format!("load-{kind}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        let process = match kind {
            Kind::Branchline => branchline(&folder, phones),
            Kind::Kamailio => kamailio(&folder),
        };
        Server { kind, process, folder, sip: SocketAddr::from(([127, 0, 0, 1], PORT)) }
    }

    /// Starts one with a few phones and stops it. Answers how long it took until an OPTIONS was answered with 200, and
    /// its memory then, in kB.
    pub fn time_start(kind: Kind) -> (Duration, f64) {
        let began = Instant::now();
        let server = Server::start(kind, 10);
        server.wait_until_up();
        (began.elapsed(), server.memory())
    }

    /// Asks until it answers.
    pub fn wait_until_up(&self) {
        let asking = Peer::new([127, 0, 0, 9], self.sip);
        let limit = Instant::now() + 4 * PATIENCE;
        let mut buffer = [0; 65_536];
        let mut turn = 0;
        while Instant::now() < limit {
            turn += 1;
            asking.try_send(&format!(
                "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {0};branch=z9hG4bKup{turn}\r\n\
                 From: <sip:up@{0}>;tag=up\r\nTo: <sip:127.0.0.1>\r\nCall-ID: up{turn}\r\nCSeq: 1 OPTIONS\r\n\
                 Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
                asking.at
            ));
            let again = Instant::now() + Duration::from_micros(500);
            while Instant::now() < again {
                if asking
                    .receive(&mut buffer)
                    .is_some_and(|answer| answer.starts_with("SIP/2.0 200"))
                {
                    return;
                }
            }
        }
        panic!("{} does not start", self.kind);
    }

    /// CPU time of all its threads, user and system, in microseconds.
    pub fn cpu(&self) -> f64 {
        processes(self.process.id()).into_iter().map(cpu).sum()
    }

    /// Its own memory in kB; what processes share is divided among them.
    pub fn memory(&self) -> f64 {
        processes(self.process.id()).into_iter().map(memory).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in processes(self.process.id()) {
            let _ = Command::new("kill").args(["-9", &process.to_string()]).status();
        }
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A process and those that it started.
fn processes(first: u32) -> Vec<u32> {
    let mut all = vec![first];
    let mut looked = 0;
    while let Some(parent) = all.get(looked).copied() {
        looked += 1;
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        all.extend(children.unwrap_or_default().split(' ').filter_map(|id| id.parse::<u32>().ok()));
    }
    all
}

/// A command on the cores that servers have.
pub fn on_its_cores(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0,1", program]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn branchline(folder: &Path, phones: usize) -> Child {
    fs::write(folder.join("secret"), PASSWORD).expect("the password");
    let config = folder.join("gateway.toml");
    fs::write(&config, configuration(folder, phones)).expect("the configuration");
    let mut command = on_its_cores(env!("CARGO_BIN_EXE_branchline"));
    command
        .args(["run", "-c"])
        .arg(&config)
        .spawn()
        .expect("taskset (util-linux) and the box start")
}

fn configuration(folder: &Path, phones: usize) -> String {
    let mut text = format!(
        "[site]\ndata_dir = \"{0}/data\"\n[admin]\nsocket = \"{0}/admin.sock\"\n\
         [sip]\nudp = [\"127.0.0.1:{PORT}\"]\ntcp = []\ntls = []\n\
         [media]\nport_min = 10000\nport_max = 27999\n\
         [limits]\ncalls = 10000\nnew_calls_per_second = 1000\n\
         [[trunk]]\nname = \"carrier\"\naccept_from = [\"127.0.0.9\"]\nmax_calls = 5000\n\
         media_encryption = \"offered\"\nmedia_keys_over = \"any\"\n\
         [[inbound]]\nnumber = \"+15550100\"\nto = \"ivr:keys\"\n\
         [flow.keys]\nstart = \"menu\"\n\
         [flow.keys.menu.menu]\nprompt = \"am\"\nchoices = {{ 1 = \"repeat\" }}\nwait = 60\notherwise = \"hang-up\"\n",
        folder.display()
    );
    for phone in 0..phones {
        write!(
            text,
            "[[extension]]\nnumber = \"{0}\"\nsecret = {{ file = \"{1}/secret\" }}\n\
             [[inbound]]\nnumber = \"+1555{0}\"\nto = \"extension:{0}\"\n",
            number(phone),
            folder.display()
        )
        .expect("text");
    }
    text
}

/// A registrar with digest and location in memory, and a proxy that stays in the dialogs: what a box does of SIP without
/// the calls themselves.
fn kamailio(folder: &Path) -> Child {
    let config = folder.join("kamailio.cfg");
    let text = format!(
        "#!KAMAILIO\ndebug=0\nlog_stderror=no\nfork=yes\nchildren=2\ndisable_tcp=yes\nauto_aliases=no\n\
         listen=udp:127.0.0.1:{PORT}\n{MODULES}\nrequest_route {{\n{ROUTE}}}\n"
    );
    fs::write(&config, text).expect("the configuration");
    let mut command = on_its_cores("kamailio");
    command.args(["-DD", "-E", "-m", "256", "-M", "16", "-Y"]).arg(folder).arg("-f").arg(&config);
    command.spawn().expect("kamailio starts")
}

const MODULES: &str = r#"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_contacts", 10)
"#;

const ROUTE: &str = r#"
    if (!mf_process_maxfwd_header("70")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("$td", "a load of phones", "0")) { www_challenge("$td", "1"); exit; }
        save("location");
        exit;
    }
    if (has_totag()) {
        if (loose_route()) { t_relay(); exit; }
        if (is_method("ACK")) { if (t_check_trans()) { t_relay(); } exit; }
        sl_send_reply("404", "Not here");
        exit;
    }
    if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
    record_route();
    $rU = $(rU{s.substr,5,0});
    if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
    t_relay();
"#;
