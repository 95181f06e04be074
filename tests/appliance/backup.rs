//! A backup of a branch that runs, brought back elsewhere: the same calls, the same people, the same journal; nothing of a
//! damaged one, and never half of one.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A demo with a call in it, which runs.
struct Demo {
    process: Child,
    socket: PathBuf,
}

impl Demo {
    /// Starts it in `folder` and waits until its call has gone through.
    fn start(folder: &Path, port: u16) -> Demo {
        let mut process = Command::new(env!("CARGO_BIN_EXE_branchline"))
            .args(["demo", "--json", "--port-base", &port.to_string(), "--dir"])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the demo starts");
        let mut line = String::new();
        let mut out = BufReader::new(process.stdout.take().expect("piped"));
        out.read_line(&mut line).expect("it says that it is ready");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        let socket = PathBuf::from(ready["socket"].as_str().expect("a socket"));
        Demo { process, socket }
    }

    fn ask(&self, words: &[&str]) -> String {
        let said = branchline(words).arg("--socket").arg(&self.socket).output().expect("it starts");
        assert!(said.status.success(), "{words:?}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).expect("text")
    }

    /// Pulls the plug.
    fn kill(mut self) {
        self.process.kill().expect("it ran");
        self.process.wait().expect("it ended");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let own = format!("branchline-backup-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(own);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        Folder(folder.canonicalize().expect("there"))
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn branchline(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_branchline"));
    command.args(words).stdin(Stdio::null());
    command
}

#[track_caller]
fn good(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert!(status.success(), "{command:?}: {status}\n{said}");
    said
}

#[track_caller]
fn refused(command: &mut Command, code: i32, words: &str) {
    let said = command.output().expect("it starts");
    let told = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(code), "{command:?}: {told}");
    assert!(told.contains(words), "{told}");
}

fn backup(demo: &Path, key: &Path, to: &Path) -> Command {
    let mut command = branchline(&["backup", "--key-file"]);
    command.arg(key).arg("-c").arg(demo.join("gateway.toml")).arg("--to").arg(to);
    command
}

fn restore(file: &Path, key: &Path, to: &Path) -> Command {
    let mut command = branchline(&["restore"]);
    command.arg(file).arg("--key-file").arg(key).arg("-c").arg(to.join("gateway.toml"));
    command
}

/// Every file of a data folder that is not made again, with what is in it.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let below = path.strip_prefix(folder).expect("below").to_owned();
            let stays = below.starts_with("data/before-restore-")
                || below.to_string_lossy().contains("before-restore-");
            if path.is_symlink() || stays || below == Path::new("data/lock") {
                continue;
            }
            match path.is_dir() {
                true => open.push(path),
                // The control socket of a box that was killed is no file.
                false if !path.is_file() => {}
                false => found.push((below, fs::read(&path).expect("read"))),
            }
        }
    }
    found.sort();
    found
}

/// One demo for all that follows: its start alone takes as long as everything else.
#[test]
fn a_backup_brings_the_branch_back() {
    let folder = Folder::new("whole");
    let (first, second, key) = (folder.join("first"), folder.join("second"), folder.join("key"));
    let file = folder.join("one.blbackup");
    let demo = Demo::start(&first, 26_060);
    demo.ask(&["contact", "show", "+15557654321"]);
    let said = good(&mut backup(&first, &key, &file));
    assert!(said.contains("Write it down") && said.contains("read back and whole"), "{said}");
    println!("{}", said.lines().last().expect("a line"));
    let again = good(&mut backup(&first, &key, &folder.join("two.blbackup")));
    assert!(!again.contains("Write it down"), "the key is shown once: {again}");
    let status = demo.ask(&["status"]);
    assert!(status.contains("the last one is 0 hours old"), "{status}");
    let (calls, known) =
        (demo.ask(&["calls", "--json"]), demo.ask(&["contact", "show", "+15557654321"]));
    assert!(calls.contains("+15550100") || calls.contains("15550100"), "{calls}");
    demo.kill();

    refused(&mut restore(&file, &folder.join("nokey"), &second), 65, "nokey");
    good(&mut restore(&file, &key, &second));
    let journal = good(branchline(&["journal"]).arg(second.join("data")));
    assert!(journal.starts_with("whole:"), "{journal}");
    for (path, content) in
        files(&second).iter().filter(|(path, _)| path.starts_with("data/recordings"))
    {
        assert_eq!(content, &fs::read(first.join(path)).expect("there"), "{}", path.display());
    }
    // The demo would take another port in another folder for another site.
    let restored = Demo::start(&second, 26_060);
    let now: Value = serde_json::from_str(&restored.ask(&["calls", "--json"])).expect("JSON");
    let before: Value = serde_json::from_str(&calls).expect("JSON");
    let (now, before) = (now.to_string(), before.to_string());
    let ids = |text: &str| -> Vec<String> {
        let parts = text.split("\"call\":\"").skip(1);
        parts.filter_map(|part| part.split('"').next().map(str::to_owned)).collect()
    };
    assert!(!ids(&before).is_empty());
    for id in ids(&before) {
        assert!(ids(&now).contains(&id), "call {id} is gone");
    }
    let known_now = restored.ask(&["contact", "show", "+15557654321"]);
    assert_eq!(known.lines().next(), known_now.lines().next(), "the same person");
    restored.kill();

    no_damage_is_taken(&folder, &file, &key);
    nothing_is_overwritten(&file, &key, &second);
    where_the_account_may_not_write_nothing_is_begun(&folder, &file, &key);
    what_this_box_cannot_run_is_refused(&folder, &first, &key);
    a_power_cut_leaves_one_or_the_other(&folder, &file, &key, &second);
}

/// Octets all over the file, and cuts: each is refused before a folder is made.
fn no_damage_is_taken(folder: &Folder, file: &Path, key: &Path) {
    let whole = fs::read(file).expect("read");
    let (damaged, to) = (folder.join("damaged"), folder.join("nowhere"));
    let step = whole.len() / 40;
    for place in (0..54).chain((0..40).map(|n| n * step)).chain([whole.len() - 1]) {
        let mut octets = whole.clone();
        octets[place] ^= 1 << (place % 8);
        fs::write(&damaged, &octets).expect("written");
        let said = restore(&damaged, key, &to).output().expect("it starts");
        assert_eq!(
            said.status.code(),
            Some(65),
            "octet {place}: {}",
            String::from_utf8_lossy(&said.stderr)
        );
        assert!(!to.exists(), "octet {place}");
    }
    for length in [0, 10, 53, whole.len() / 2, whole.len() - 1] {
        fs::write(&damaged, &whole[..length]).expect("written");
        refused(&mut restore(&damaged, key, &to), 65, "nothing was changed");
        assert!(!to.exists());
    }
    fs::write(folder.join("words"), "correct horse\n").expect("written");
    let mut words = branchline(&["restore", "--passphrase-file"]);
    words.arg(folder.join("words")).arg(file).arg("-c").arg(to.join("gateway.toml"));
    refused(&mut words, 65, "the other sort of key");
    fs::write(folder.join("other"), "00".repeat(32)).expect("written");
    refused(&mut restore(file, &folder.join("other"), &to), 65, "is not the one");
}

fn nothing_is_overwritten(file: &Path, key: &Path, to: &Path) {
    let before = files(to);
    refused(&mut restore(file, key, to), 77, "--over");
    assert_eq!(before.len(), files(to).len());
}

/// Root moves the files as the account whose data they are.
fn where_the_account_may_not_write_nothing_is_begun(folder: &Folder, file: &Path, key: &Path) {
    let (to, data) = (folder.join("theirs"), folder.join("theirs/data"));
    fs::create_dir_all(&data).expect("a folder");
    std::os::unix::fs::chown(&data, Some(65_534), Some(65_534)).expect("root may");
    let restore = || {
        let mut restore = restore(file, key, &to);
        restore.arg("--data").arg(&data);
        restore
    };
    refused(&mut restore(), 74, "Permission denied");
    assert!(!to.join(".restore").exists() && !data.join("journal").exists());
    fs::set_permissions(&to, PermissionsExt::from_mode(0o777)).expect("root may");
    good(&mut restore());
    assert!(to.join("gateway.toml").exists() && data.join("journal").exists());
}

/// A flow that lay beside the box is not on the new one; an admin who knows what he does mends it afterwards.
fn what_this_box_cannot_run_is_refused(folder: &Folder, first: &Path, key: &Path) {
    let (config, file, to) =
        (first.join("gateway.toml"), folder.join("fourth.blbackup"), folder.join("third"));
    let (before, flow) = (fs::read_to_string(&config).expect("read"), folder.join("aside.toml"));
    fs::write(&flow, "start = \"end\"\n[hang_up.end]\n").expect("written");
    let named = format!("{before}\n[flow.aside]\nfile = \"{}\"\n", flow.display());
    fs::write(&config, named).expect("written");
    fs::remove_file(first.join("secrets/203")).expect("a password");
    let said = good(&mut backup(first, key, &file));
    assert!(said.contains("aside.toml, which is elsewhere"), "{said}");
    let said = good(&mut restore(&file, key, &folder.join("fourth")));
    let absent = folder.join("fourth/secrets/203");
    assert!(said.contains(&format!("is not there yet: {}", absent.display())), "{said}");

    fs::remove_file(&flow).expect("there");
    refused(&mut restore(&file, key, &to), 78, &format!("{}:", to.join("gateway.toml").display()));
    refused(&mut restore(&file, key, &to), 78, "aside.toml");
    assert!(!to.join("gateway.toml").exists() && !to.join(".restore").exists());
    good(restore(&file, key, &to).arg("--unchecked"));
    assert!(fs::read_to_string(to.join("gateway.toml")).expect("read").contains("[flow.aside]"));
}

/// Killed at each of its moves, and at moments between: then the next command finds the old state or the new one.
fn a_power_cut_leaves_one_or_the_other(folder: &Folder, file: &Path, key: &Path, box_: &Path) {
    fs::write(box_.join("data/only-here"), "old").expect("written");
    let finished = |state: &Path| {
        let mut finish = branchline(&["restore"]);
        good(finish.arg("-c").arg(state.join("gateway.toml")));
        assert!(!state.join("data/.restore").exists() || state.join("data/only-here").exists());
        assert!(state.join("gateway.toml").exists());
        let journal = good(branchline(&["journal"]).arg(state.join("data")));
        assert!(journal.starts_with("whole:"), "{journal}");
        state.join("data/only-here").exists()
    };
    let (mut old, mut new, mut cuts) = (0, 0, 0);
    let mut cut = |command: &mut Command, state: &Path| {
        let mut killed =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let status = killed.wait().expect("it ended");
        // strace ends by the signal that its program got.
        if status.signal() != Some(9) {
            return false;
        }
        cuts += 1;
        match finished(state) {
            true => old += 1,
            false => new += 1,
        }
        true
    };
    for call in ["rename", "mkdir", "openat", "unlink,unlinkat,rmdir"] {
        for nth in 1..40 {
            // Of the many files that a start opens, each seventh.
            let nth = if call == "openat" { nth * 7 } else { nth };
            let state = folder.join("state");
            let _ = fs::remove_dir_all(&state);
            good(Command::new("cp").arg("-a").arg(box_).arg(&state));
            let mut traced = Command::new("strace");
            traced.args([
                "-f",
                "-q",
                "-o",
                "/dev/null",
                "-e",
                &format!("inject={call}:signal=KILL:when={nth}"),
            ]);
            traced.arg(env!("CARGO_BIN_EXE_branchline")).arg("restore").arg(file);
            traced
                .arg("--over")
                .arg("--key-file")
                .arg(key)
                .arg("-c")
                .arg(state.join("gateway.toml"));
            if !cut(&mut traced, &state) {
                break;
            }
        }
    }
    println!("{cuts} cuts: {old} times the old state, {new} times the new one");
    assert!(cuts >= 20 && old > 0 && new > 0, "{cuts} cuts: {old} old, {new} new");
    let state = folder.join("state");
    assert!(!finished(&state), "the last one went through");

    let kept = fs::read_dir(state.join("data")).expect("a folder");
    let aside = kept
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("before-restore-"));
    let aside: Vec<_> = aside.collect();
    assert!(
        aside.iter().any(|entry| entry.path().join("only-here").exists()),
        "the old data is set aside"
    );
}
