//! The lines of the README that show head office on the same machine, as they stand there.

use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::*;

/// Everything in it ends with the test.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The block of commands below a heading.
fn commands(heading: &str) -> Vec<String> {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let readme = readme.expect("the README");
    let below = readme.split_once(heading).expect("the heading").1;
    let block = below.split_once("```sh\n").expect("commands").1;
    let block = block.split_once("```").expect("their end").0;
    // What is said beside a command would go on to the end of whatever it is put into.
    let bare = block.lines().map(|line| line.split_once(" #").map_or(line, |(bare, _)| bare));
    bare.map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn three_lines_of_the_readme_show_the_demo_at_its_hub() {
    let lines = commands("## Head office on the same machine\n");
    let [hub, demo, look] = &lines[..] else { panic!("not three lines: {lines:#?}") };
    let folder = Folder::new("readme");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_branchline"), folder.0.join("branchline"))
        .expect("a link");
    // In a network of its own, where nobody else has these ports; the third again until there is nothing left to tell.
    let script = format!(
        "ip link set lo up && cd {folder} && export PATH={folder}:$PATH\n{hub}\n{demo} > demo.out 2>&1 &\n\
         while sleep 0.3; do ({look}) > look.new 2>&1; mv look.new look\n\
         curl -s -u \"hub:$(cat hub/page.password)\" http://127.0.0.1:7480/sites.json > sites.new; mv sites.new sites; done",
        folder = folder.0.display()
    );
    let mut shell = Command::new("unshare");
    shell.args(["--net", "--pid", "--fork", "--kill-child", "sh", "-c", &script]);
    let shell = Shell(shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("unshare"));
    let read = |name: &str| fs::read_to_string(folder.0.join(name)).unwrap_or_default();
    let begun = Instant::now();
    let done = |look: &str| look.contains("up by quic") && look.contains("waiting      0 events");
    // The demo's page of things to try comes when its call of itself is over.
    // As the hub's own page has it.
    let shown = |sites: &str| sites.contains("\"demo\"") && sites.contains("\"up\":true");
    while !(done(&read("look"))
        && read("demo.out").contains("Ctrl-C ends it")
        && shown(&read("sites")))
    {
        let (look, demo, sites) = (read("look"), read("demo.out"), read("sites"));
        assert!(begun.elapsed() < PATIENCE, "{look}\n{demo}\n{sites}");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(shell);
    // The hub ends a moment after the shell.
    let engine = loop {
        match Embedded::open(&folder.0.join("hub")) {
            Ok(engine) => break engine,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let kept = kept(&engine, "demo");
    let calls = kept.iter().filter(|(_, event)| {
        let said: Value = serde_json::from_slice(&event.body).expect("JSON");
        said["event"] == "call" && said["queue"] == "support"
    });
    assert_eq!(calls.count(), 1, "{} events, and the demo's call is not among them", kept.len());
}
