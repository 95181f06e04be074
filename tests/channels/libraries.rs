//! The providers' libraries, which `tests/run` puts into folders of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A file of this test, or of what it needs.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Has Python run a script of this test.
pub fn python(script: &str, arguments: &[&str]) -> String {
    let python = path("target/python/bin/python3");
    assert!(python.exists(), "tests/run puts Python's tools into target/python");
    let script = path("tests/channels").join(script);
    said(Command::new(python).arg(script).args(arguments).output(), "python3")
}

/// Has Node run a script of this test, which finds the modules that `NODE_PATH` names.
pub fn node(script: &str, arguments: &[&str]) -> String {
    let modules = path("target/phones/node_modules");
    assert!(modules.join("twilio").exists(), "tests/run puts Node's modules into target/phones");
    let script = path("tests/channels").join(script);
    let mut node = Command::new("node");
    said(node.env("NODE_PATH", modules).arg(script).args(arguments).output(), "node")
}

fn said(output: std::io::Result<Output>, what: &str) -> String {
    let output = output.unwrap_or_else(|why| panic!("{what}: {why}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}", &errors[errors.len().saturating_sub(2_000)..]);
    String::from_utf8(output.stdout).expect("UTF-8")
}
