//! `branchline try-fence`: does from inside the fence what somebody would who had taken the program over, and says of each
//! act whether it was refused. Run by the unit's own sandbox it tries both fences; each act alone does no harm.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use nix::sys::{personality, ptrace, signal, stat};
use nix::unistd::{Pid, Uid, chroot, sethostname, setuid};
use nix::{mount, sched, time};

use crate::cli::{check, exit};
use crate::driver::{self, fence};

/// An act, and what it is to somebody who reads the list.
type Act = (&'static str, fn(&Path) -> io::Result<()>);

/// What must not be possible.
const ACTS: [Act; 28] = [
    ("read the passwords of the system", |_| read("/etc/shadow")),
    ("list the homes of people", |_| fs::read_dir("/home").map(drop)),
    ("read root's home", |_| fs::read_dir("/root").map(drop)),
    ("read what belongs to another program", |_| read("/var/lib/dpkg/status")),
    ("read the environment of another process", |_| hidden(read("/proc/1/environ"))),
    ("write to its own program", |_| append("/usr/bin/branchline")),
    ("add a library", |_| create("/usr/lib/forbidden.so")),
    ("add a setting of the system", |_| create("/etc/forbidden")),
    ("add a folder of another program", |_| create("/var/lib/forbidden")),
    ("change a setting of the kernel", |_| hidden(append("/proc/sys/kernel/core_pattern"))),
    ("make a control group", |_| fs::create_dir("/sys/fs/cgroup/forbidden")),
    ("put root's secrets aside", |_| moved("/etc/branchline/credentials")),
    ("start a shell", |_| run("/bin/sh", &["-c", "exit 0"])),
    ("start a program that it has written", own_program),
    ("make a file that gives its owner's rights", set_user_id),
    ("make a device", device),
    ("mount a file system", mounted),
    ("take another root", |own| Ok(chroot(own)?)),
    ("make itself root in a namespace", |_| Ok(sched::unshare(sched::CloneFlags::CLONE_NEWUSER)?)),
    ("become root", |_| Ok(setuid(Uid::from_raw(0))?)),
    ("steer another process", |_| Ok(ptrace::attach(Pid::from_raw(1))?)),
    ("signal another account's process", |_| Ok(signal::kill(Pid::from_raw(1), None)?)),
    ("rename the machine", |_| Ok(sethostname("forbidden")?)),
    ("set the clock", set_clock),
    ("hear what is not for it on the network", |_| strange(AddressFamily::Packet, None)),
    ("send packets of its own making", |_| strange(AddressFamily::Inet, Some(SockProtocol::Icmp))),
    ("take a port of the system", |_| TcpListener::bind("127.0.0.1:81").map(drop)),
    ("switch the layout of memory off", |_| {
        Ok(personality::set(personality::Persona::ADDR_NO_RANDOMIZE).map(drop)?)
    }),
];

/// Puts the fence up as `run` does, tries each act, prints what came of it.
pub fn main(config: &Path) -> ExitCode {
    let loaded = match driver::files::load(config) {
        Ok(loaded) => loaded,
        Err(problems) => {
            eprint!("{}", check::problems(&problems));
            return ExitCode::from(exit::CONFIG);
        }
    };
    let settings = &loaded.checked.loaded.settings;
    let files = fence::shut_files(&fence::Files::of(settings, config));
    let calls = fence::shut_calls();
    println!("files: {files:?}, system calls: {calls:?}");
    let own = &settings.site.data_dir;
    let possible = ACTS.iter().filter(|act| is_possible(act, own)).count();
    match possible {
        0 => ExitCode::SUCCESS,
        _ => exit::fail(exit::SOFTWARE, format!("{possible} acts are possible that must not be")),
    }
}

fn is_possible((name, act): &Act, own: &Path) -> bool {
    match act(own) {
        Ok(()) => println!("POSSIBLE {name}"),
        Err(error) => {
            println!("refused  {name}: {error}");
            // What is not there was not refused.
            return error.kind() == io::ErrorKind::NotFound;
        }
    }
    true
}

fn read(path: &str) -> io::Result<()> {
    fs::read(path).map(drop)
}

/// What every system has and this process does not see is refused to it.
fn hidden(seen: io::Result<()>) -> io::Result<()> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    seen.map_err(
        |error| if gone(&error) { io::Error::other("it is not to be seen") } else { error },
    )
}

/// Where it goes it comes back: whoever tries this outside of a fence keeps it.
fn moved(path: &str) -> io::Result<()> {
    let aside = format!("{path}.aside");
    fs::rename(path, &aside)?;
    fs::rename(&aside, path)
}

fn append(path: &str) -> io::Result<()> {
    OpenOptions::new().append(true).open(path).map(drop)
}

/// Made and taken away again.
fn create(path: &str) -> io::Result<()> {
    File::create(path)?;
    fs::remove_file(path)
}

fn run(program: &str, arguments: &[&str]) -> io::Result<()> {
    Command::new(program).args(arguments).status().map(drop)
}

fn own_program(own: &Path) -> io::Result<()> {
    let program = own.join("forbidden");
    fs::copy("/bin/true", &program)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
    let ran = run(&program.to_string_lossy(), &[]);
    fs::remove_file(&program)?;
    ran
}

fn set_user_id(own: &Path) -> io::Result<()> {
    let file = own.join("forbidden");
    File::create(&file)?;
    let set = fs::set_permissions(&file, fs::Permissions::from_mode(0o4755));
    fs::remove_file(&file)?;
    set
}

fn device(own: &Path) -> io::Result<()> {
    let path = own.join("forbidden");
    let kind = stat::SFlag::S_IFCHR;
    stat::mknod(&path, kind, stat::Mode::S_IRUSR, stat::makedev(1, 1))?;
    fs::remove_file(&path)
}

fn mounted(own: &Path) -> io::Result<()> {
    let nothing: Option<&str> = None;
    mount::mount(Some("tmpfs"), own, Some("tmpfs"), mount::MsFlags::empty(), nothing)?;
    Ok(mount::umount(own)?)
}

/// To what it shows already.
fn set_clock(_: &Path) -> io::Result<()> {
    let clock = time::ClockId::CLOCK_REALTIME;
    Ok(time::clock_settime(clock, time::clock_gettime(clock)?)?)
}

fn strange(family: AddressFamily, protocol: Option<SockProtocol>) -> io::Result<()> {
    Ok(socket(family, SockType::Raw, SockFlag::empty(), protocol).map(drop)?)
}
