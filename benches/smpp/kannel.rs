//! Kannel at the same centre.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Cost;
use crate::centre::Centre;

const BEARERBOX: &str = "/usr/sbin/bearerbox";
const SMSBOX: &str = "/usr/sbin/smsbox";
/// Connections to its `sendsms` that stay open.
const FEEDING: u64 = 16;
/// Clock ticks a second, of which the kernel counts processor time (proc(5)).
const TICKS: u64 = 100;

/// Whether it is there.
pub fn installed() -> bool {
    [BEARERBOX, SMSBOX].iter().all(|program| Path::new(program).exists())
}

/// What it sends, from HTTP to the receipt.
pub fn outgoing(window: usize, messages: u64) -> Cost {
    let centre = Centre::start(window, 0);
    let kannel = Kannel::start(centre.port, window);
    let (start, before) = (Instant::now(), kannel.cpu());
    let feeding: Vec<_> = (0..FEEDING)
        .map(|part| {
            let (port, page) = (kannel.sendsms, kannel.page);
            thread::spawn(move || {
                feed(port, page, part * messages / FEEDING..(part + 1) * messages / FEEDING)
            })
        })
        .collect();
    feeding.into_iter().for_each(|one| one.join().expect("it ends"));
    centre.wait(messages, |counts| &counts.delivered);
    Cost { messages, time: start.elapsed(), cpu: kannel.cpu() - before, syncs: None }
}

/// How many syncs it makes for a thousand messages, as strace counts them; in words where that cannot be.
pub fn syncs(messages: u64) -> String {
    let centre = Centre::start(10, 0);
    let kannel = Kannel::start(centre.port, 10);
    let list = kannel.folder.join("syncs");
    let calls = "trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync";
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", calls, "-o"]).arg(&list);
    kannel.processes.iter().for_each(|one| _ = strace.args(["-p", &one.id().to_string()]));
    let Ok(mut strace) = strace.stderr(Stdio::null()).spawn() else {
        return "an unknown number (strace is not installed)".to_owned();
    };
    let start = Instant::now();
    while !list.exists() && start.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(20));
    }
    feed(kannel.sendsms, kannel.page, 0..messages);
    centre.wait(messages, |counts| &counts.delivered);
    let ended = strace.try_wait().ok().flatten();
    let _ = strace.kill();
    let _ = strace.wait();
    match ended {
        Some(_) => "an unknown number (strace may not look)".to_owned(),
        None => {
            let lines = fs::read_to_string(&list).unwrap_or_default().lines().count() as u64;
            (lines * 1_000 / messages).to_string()
        }
    }
}

struct Kannel {
    processes: Vec<Child>,
    folder: PathBuf,
    sendsms: u16,
    page: u16,
}

impl Kannel {
    fn start(centre: u16, window: usize) -> Kannel {
        let (boxes, sendsms, page) = (free_port(), free_port(), page());
        let folder =
            std::env::temp_dir().join(format!("branchline-bench-{}-{sendsms}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("kannel.conf");
        fs::write(&file, settings(free_port(), boxes, sendsms, centre, window, &folder))
            .expect("written");
        let run = |program: &str| {
            let quiet = Stdio::null;
            let mut command = Command::new(program);
            command.args(["-v", "4"]).arg(&file).current_dir(&folder);
            command.stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().expect("it runs")
        };
        let mut processes = vec![run(BEARERBOX)];
        reachable(boxes);
        processes.push(run(SMSBOX));
        reachable(sendsms);
        // A box is known to the other a moment after it listens.
        thread::sleep(Duration::from_secs(1));
        Kannel { processes, folder, sendsms, page }
    }

    /// Processor time of its processes so far.
    fn cpu(&self) -> Duration {
        self.processes.iter().map(|process| cpu_of(process.id())).sum()
    }
}

/// Processor time of a process so far.
pub fn cpu_of(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    // Fields 14 and 15, counted from 1; the name is the second.
    let fields = behind_name.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS)
}

impl Drop for Kannel {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn settings(
    admin: u16,
    boxes: u16,
    sendsms: u16,
    centre: u16,
    window: usize,
    folder: &Path,
) -> String {
    let store = folder.join("store");
    let store = store.display();
    format!(
        "group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = secret
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
dlr-storage = internal
store-type = file
store-location = {store}
log-level = 4

group = smsc
smsc = smpp
host = 127.0.0.1
port = {centre}
smsc-username = shop
smsc-password = secret
system-type = \"\"
transceiver-mode = 1
max-pending-submits = {window}

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-level = 4

group = sendsms-user
username = u
password = p

group = sms-service
keyword = default
text = none
"
    )
}

/// Sends these, one after another on one connection.
fn feed(port: u16, page: u16, numbers: std::ops::Range<u64>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let _ = stream.set_nodelay(true);
    for number in numbers {
        let to = number % crate::RECEIVERS;
        let request = format!(
            "GET /cgi-bin/sendsms?username=u&password=p&from=15550100&to=1555{to:07}\
             &text=Your+appointment+is+tomorrow+at+10%3A30.+Reply+STOP+to+end.\
             &dlr-mask=1&dlr-url=http%3A%2F%2F127.0.0.1%3A{page}%2Fd HTTP/1.1\r\nHost: localhost\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it listens");
        let answer = answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    }
}

/// One answer with its body.
fn answer(stream: &mut TcpStream) -> String {
    let (mut all, mut piece) = (Vec::new(), [0; 1_024]);
    loop {
        let taken = stream.read(&mut piece).expect("it goes on");
        assert!(taken > 0, "it goes on");
        all.extend_from_slice(&piece[..taken]);
        let text = String::from_utf8_lossy(&all);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        if length
            .and_then(|length| length.trim().parse().ok())
            .is_none_or(|length: usize| body.len() >= length)
        {
            return text.into_owned();
        }
    }
}

/// Takes what Kannel says of receipts.
fn page() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("its address").port();
    thread::spawn(move || {
        for mut stream in socket.incoming().flatten() {
            thread::spawn(move || {
                let mut piece = [0; 4_096];
                while let Ok(1..) = stream.read(&mut piece) {
                    if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

pub fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("its address").port()
}

pub fn reachable(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(30), "nobody listens on {port}");
        thread::sleep(Duration::from_millis(50));
    }
}
