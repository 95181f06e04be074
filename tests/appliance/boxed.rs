//! A box in a container: the package in a root tree, booted, seen from its own network and from inside.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{root, run};

/// How long a container may take to run systemd, on a machine that others use too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Containers that boot side by side on a small machine are late: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Makes the package; `version` is what it calls itself. `BRANCHLINE_BINARY` names another program than the one that was built for
/// tests: what an optimised one takes is measured so.
pub fn package(version: &str) -> PathBuf {
    let own = env!("CARGO_BIN_EXE_branchline").to_owned();
    let binary = std::env::var("BRANCHLINE_BINARY").unwrap_or(own);
    let mut build = Command::new(root().join("systemd/debian/build"));
    build.args(["--binary", &binary, "--version", version, "--fast"]);
    build.arg("-o").arg(work());
    PathBuf::from(run(&mut build).trim())
}

/// Where this run keeps what it makes.
pub fn work() -> PathBuf {
    let folder = root().join("target/appliance/work");
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A root tree with the package in it, made once for a run.
pub fn installed() -> &'static Path {
    static TREE: OnceLock<PathBuf> = OnceLock::new();
    TREE.get_or_init(|| {
        assert!(nix::unistd::geteuid().is_root(), "containers want root, as tests/run does");
        let tar = run(&mut Command::new(root().join("tests/appliance/tree")));
        let tree = work().join("tree");
        run(Command::new("rm").arg("-rf").arg(&tree));
        fs::create_dir_all(&tree).expect("a folder");
        run(Command::new("tar").arg("-xf").arg(root().join(tar.trim())).arg("-C").arg(&tree));
        let file = package("0.1.0");
        fs::copy(&file, tree.join("branchline.deb")).expect("copied");
        run(Command::new("chroot").arg(&tree).args(["dpkg", "--install", "/branchline.deb"]));
        fs::write(tree.join("etc/machine-id"), "").expect("a file");
        tree
    })
}

/// A box that runs.
pub struct Boxed {
    nspawn: Child,
    init: i32,
    /// When its first program began, as after a kernel's start.
    pub on: Instant,
    _alone: MutexGuard<'static, ()>,
}

impl Boxed {
    /// Boots one. What it writes is gone with it.
    pub fn boot() -> Boxed {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let tree = installed();
        let log = File::create(work().join("console.log")).expect("a file");
        let nspawn = Command::new("systemd-nspawn")
            .args(["--quiet", "--volatile=overlay", "--register=no", "--keep-unit"])
            .args(["--private-network", "--console=pipe", "--boot"])
            // The container's own filter knows nothing of Landlock, which a real box has.
            .arg("--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self")
            .arg(format!("--directory={}", tree.display()))
            .stdin(Stdio::null())
            .stderr(log.try_clone().expect("a file"))
            .stdout(log)
            .spawn()
            .expect("systemd-nspawn starts");
        let mut boxed = Boxed { nspawn, init: 0, on: Instant::now(), _alone: alone };
        let id = boxed.nspawn.id();
        boxed.init = until("the container has an init", || first_child(id));
        boxed.on = Instant::now();
        boxed
    }

    /// The id of its first process, seen from here.
    pub fn init(&self) -> i32 {
        self.init
    }

    /// A command inside, as root; answers what it printed.
    #[track_caller]
    pub fn inside(&self, line: &str) -> String {
        run(&mut self.command(line))
    }

    /// The same, for one that may fail.
    pub fn try_inside(&self, line: &str) -> Option<String> {
        let output = self.command(line).output().expect("nsenter starts");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--all", "-t", &self.init.to_string(), "--", "sh", "-c", line]);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// A program of this machine in the box's network.
    pub fn beside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "-t", &self.init.to_string(), "--", program]);
        command
    }

    /// Goes into the box's network with the calling thread, which stays there.
    pub fn enter(&self) {
        let net = File::open(format!("/proc/{}/ns/net", self.init)).expect("a namespace");
        nix::sched::setns(net, nix::sched::CloneFlags::CLONE_NEWNET).expect("root may");
    }

    /// Waits until systemd has nothing left to start.
    pub fn settle(&self) {
        let settled = || {
            let said = self.try_inside("systemctl is-system-running || true")?;
            ["running", "degraded"].contains(&said.trim()).then_some(())
        };
        until("everything has started", settled);
    }

    /// Waits until the service has told systemd that it is ready.
    pub fn ready(&self) {
        until("the service is ready", || {
            self.try_inside("systemctl --quiet is-active branchline.service").map(drop)
        });
    }

    /// Writes a file inside.
    pub fn write(&self, path: &str, text: &str) {
        let inside = PathBuf::from(format!("/proc/{}/root{path}", self.init));
        fs::write(inside, text).expect("written");
    }
}

impl Drop for Boxed {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.try_inside("journalctl --no-pager --boot --lines=60");
            eprintln!("{}", log.unwrap_or_default());
        }
        // As the mains do: a container that is asked to stop takes seconds over it.
        if self.init > 0 {
            let init = nix::unistd::Pid::from_raw(self.init);
            let _ = nix::sys::signal::kill(init, nix::sys::signal::Signal::SIGKILL);
        }
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
    }
}

/// The first child of a process.
fn first_child(of: u32) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).ok()?;
    let init: i32 = children.split_whitespace().next()?.parse().ok()?;
    // Once it runs systemd, there is something to enter.
    fs::read_to_string(format!("/proc/{init}/comm")).ok()?.trim().eq("systemd").then_some(init)
}

/// Waits for a condition.
#[track_caller]
pub fn until<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(it) = there() {
            return it;
        }
        assert!(since.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
