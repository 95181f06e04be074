//! The branch under attack.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::line::{self, Place};

/// Where the box is.
pub const HOST: [u8; 4] = [192, 0, 2, 1];
/// Phones that the box knows.
pub const PHONES: usize = 200;
/// Their password.
pub const PASSWORD: &str = "a flood of strangers";
/// RTP ports of the box.
pub const PORTS: std::ops::RangeInclusive<u16> = 10_000..=19_999;
/// Those that browsers share, one of each media thread.
pub const SHARED: std::ops::RangeInclusive<u16> = 9_936..=9_999;
/// Where browsers are.
pub const BROWSERS_AT: [u8; 4] = [192, 0, 2, 50];
/// Most browsers at a time.
pub const BROWSERS: usize = 8;
/// What they know of the box.
pub const PLACE: Place = Place {
    sip: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5_060),
    pages: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 8_443),
    password: PASSWORD,
};

/// The box in a process of its own.
pub struct Branch {
    process: Child,
    folder: PathBuf,
}

impl Branch {
    /// Starts it.
    pub fn start() -> Branch {
        let folder = std::env::temp_dir().join(format!("branchline-flood-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("secret"), PASSWORD).expect("the password");
        let config = folder.join("gateway.toml");
        fs::write(&config, configuration(&folder)).expect("the configuration");
        let process = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(["run", "-c"])
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .expect("the box starts");
        std::thread::sleep(std::time::Duration::from_secs(1));
        Branch { process, folder }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Resident memory in MB.
pub fn memory(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: f64 =
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).expect("VmRSS");
    kilobytes / 1_024.0
}

fn configuration(folder: &Path) -> String {
    let mut text = format!(
        "[site]\ndata_dir = \"{0}/data\"\n[admin]\nsocket = \"{0}/admin.sock\"\n\
         [http]\nlisten = [\"192.0.2.1:8443\"]\nnetworks = [\"0.0.0.0/0\"]\n\
         [sip]\nudp = [\"192.0.2.1:5060\"]\ntcp = [\"192.0.2.1:5060\"]\ntls = []\n\
         [media]\nport_min = {1}\nport_max = {2}\n\
         [limits]\ncalls = 2000\nnew_calls_per_second = 1000\n\
         [[trunk]]\nname = \"carrier\"\naccept_from = [\"192.0.2.100\"]\nmax_calls = 2000\n",
        folder.display(),
        PORTS.start(),
        PORTS.end()
    );
    for phone in 0..PHONES {
        write!(
            text,
            "[[extension]]\nnumber = \"{0}\"\nsecret = {{ file = \"{1}/secret\" }}\n\
             [[inbound]]\nnumber = \"+1555{0}\"\nto = \"extension:{0}\"\n",
            2_000 + phone,
            folder.display()
        )
        .expect("text");
    }
    text + &line::extensions(BROWSERS, &format!("{}/secret", folder.display()))
}
