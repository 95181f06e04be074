//! The whole box between an application and a carrier.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use branchline::smpp::codec::Command;
use branchline::smpp::frame::{Framer, LONGEST};
use branchline::smpp::pdu::{Named, Pdu};
use branchline::smpp::status::Status;
use bytes::BytesMut;

use crate::centre::Centre;
use crate::kannel::{cpu_of, free_port, reachable};
use crate::{Cost, message};

/// How long an application waits that was told to send less.
const BREATH: Duration = Duration::from_millis(20);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// An application submits so many, each is on the disk before it is answered, goes to a carrier, and its receipt comes back
/// and is on the disk before the carrier's is answered. From the first bind that is taken to the last receipt.
pub fn measure(window: usize, messages: u64) -> Cost {
    let centre = Centre::start(window, 0);
    let own = Box::start(centre.port, window);
    // The first message of a box that has just begun waits for its look-up store.
    application(own.port, window, 0..100);
    let (start, before, synced) = (Instant::now(), own.cpu(), own.writes());
    application(own.port, window, 100..messages + 100);
    let (time, cpu) = (start.elapsed(), own.cpu() - before);
    Cost { messages, time, cpu, syncs: Some(own.writes() - synced) }
}

/// `branchline run`.
struct Box {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Box {
    fn start(carrier: u16, window: usize) -> Box {
        let (port, sip) = (free_port(), free_port());
        let folder = std::env::temp_dir().join(format!("branchline-smpp-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("password"), "secret").expect("written");
        let dir = folder.display();
        let text = format!(
            "[site]\ncountry = \"US\"\ndata_dir = \"{dir}/data\"\n[admin]\nsocket = \"{dir}/admin.sock\"\n\
             [log]\nlevel = \"error\"\n[sip]\nudp = [\"127.0.0.1:{sip}\"]\ntcp = []\ntls = []\n\
             [channels.out]\nkind = \"smpp\"\nwindow = {window}\n[channels.out.smpp]\n\
             hosts = [\"127.0.0.1:{carrier}\"]\nsystem_id = \"shop\"\npassword = {{ file = \"{dir}/password\" }}\n\
             [smpp_server]\nlisten = [\"127.0.0.1:{port}\"]\n[smpp_server.applications.bench]\n\
             system_id = \"shop\"\npassword = {{ file = \"{dir}/password\" }}\nchannels = [\"out\"]\n\
             sources = [\"*\"]\ndestinations = [\"+1*\"]\nrate = 10000\nwindow = 1000\npurpose = \"code\"\n"
        );
        let config = folder.join("gateway.toml");
        fs::write(&config, text).expect("written");
        let program = std::env::var_os("BOX");
        let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_branchline").into());
        let mut command = Program::new(program);
        command.args(["run", "-c"]).arg(&config).stdout(Stdio::null());
        let process = command.spawn().expect("it starts");
        reachable(port);
        Box { process, folder, port }
    }

    fn cpu(&self) -> Duration {
        cpu_of(self.process.id())
    }

    /// Writes of the journal's thread: each batch is one, and is synced once.
    fn writes(&self) -> u64 {
        let folder = format!("/proc/{}/task", self.process.id());
        let tasks = fs::read_dir(folder).expect("it runs").filter_map(Result::ok);
        let is = |task: &Path| {
            fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "journal")
        };
        let own = tasks.map(|task| task.path()).find(|task| is(task)).expect("its thread");
        let text = fs::read_to_string(own.join("io")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("syscw: "));
        line.and_then(|count| count.parse().ok()).unwrap_or_default()
    }
}

impl Drop for Box {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Sends these with its window full, again what was not taken, and ends when each has its receipt.
fn application(port: u16, window: usize, numbers: std::ops::Range<u64>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let _ = stream.set_nodelay(true);
    let (mut framer, mut out, mut piece) =
        (Framer::new(LONGEST), BytesMut::new(), vec![0; 64 << 10]);
    Command::new(Status::OK, 1, Pdu::Bind(crate::bind("shop"))).write(&mut out);
    let mut due: Vec<u64> = numbers.rev().collect();
    let (all, mut receipts, mut bound) = (due.len(), 0, false);
    let mut waiting = std::collections::BTreeMap::new();
    let (start, mut sequence) = (Instant::now(), 1);
    while receipts < all {
        while bound && waiting.len() < window {
            let Some(number) = due.pop() else { break };
            sequence += 1;
            waiting.insert(sequence, number);
            let pdu = Pdu::Submit(std::boxed::Box::new(message(number)));
            Command::new(Status::OK, sequence, pdu).write(&mut out);
        }
        stream.write_all(&out.split()).expect("it listens");
        let taken = stream.read(&mut piece).expect("it goes on");
        assert!(taken > 0, "the box closed after {receipts} of {all}");
        assert!(start.elapsed() < PATIENCE, "{receipts} of {all} receipts, {} wait", waiting.len());
        let at = Instant::now();
        framer.push(at, &piece[..taken]);
        let mut less = false;
        while let Ok(Some(frame)) = framer.next(at) {
            let command = Command::read(&frame).expect("a PDU");
            match command.pdu {
                Pdu::BindResp(..) => bound = command.status.is_ok(),
                Pdu::SubmitResp(_) => {
                    let number = waiting.remove(&command.sequence).expect("it was asked");
                    if !command.status.is_ok() {
                        (less, _) = (true, due.push(number));
                    }
                }
                Pdu::Deliver(_) => {
                    receipts += 1;
                    let answer = Pdu::DeliverResp(Named::default());
                    Command::new(Status::OK, command.sequence, answer).write(&mut out);
                }
                Pdu::EnquireLink => {
                    let answer = Pdu::EnquireLinkResp;
                    Command::new(Status::OK, command.sequence, answer).write(&mut out);
                }
                _ => {}
            }
        }
        if less {
            thread::sleep(BREATH);
        }
    }
}
