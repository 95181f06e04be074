//! What the system tells of a program.

use std::fs;
use std::process::{Command, Stdio};

/// Whether a program is there.
pub fn is_installed(program: &str) -> bool {
    let mut asking = Command::new("sh");
    asking.args(["-c", &format!("command -v {program}")]).stdout(Stdio::null());
    asking.status().is_ok_and(|status| status.success())
}

/// CPU time of all threads of a process, user and system, in microseconds.
pub fn cpu(process: u32) -> f64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { return 0.0 };
    let nanoseconds: f64 = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|line| line.split(' ').next()?.parse::<f64>().ok())
        .sum();
    nanoseconds / 1_000.0
}

/// Memory of a process, in kB; what processes share is divided among them.
pub fn memory(process: u32) -> f64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{process}/smaps_rollup")) else { return 0.0 };
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
