//! The branch under attack.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where the box is.
pub const HOST: [u8; 4] = [192, 0, 2, 1];
/// Phones that the box knows.
pub const PHONES: usize = 200;
/// Their password.
pub const PASSWORD: &str = "a flood of strangers";
/// RTP ports of the box.
pub const PORTS: std::ops::RangeInclusive<u16> = 10_000..=19_999;

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
    text
}
