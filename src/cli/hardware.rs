//! `branchline hardware`: which kind of box this is, by what its firmware says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::appliance::hardware::Hardware;

/// Where the kernel shows what the firmware says.
pub const FIRMWARE: &str = "/sys/class/dmi/id";

/// How `branchline hardware` is asked.
#[derive(Debug, Args)]
pub struct Options {
    /// One JSON object.
    #[arg(long)]
    json: bool,
    /// Names for the network cards alone, one in a line, in the order of their places.
    #[arg(long, conflicts_with = "json")]
    cards: bool,
    /// Where the kernel shows what the firmware says.
    #[arg(long, default_value = FIRMWARE)]
    firmware: PathBuf,
}

/// Prints the kind that fits. A box whose firmware says nothing is one of the common kind.
pub fn main(options: &Options) -> ExitCode {
    let kind = kind(&options.firmware);
    match (options.json, options.cards) {
        (true, _) => println!("{}", serde_json::json!(kind)),
        (_, true) => kind.cards.iter().for_each(|name| println!("{name}")),
        _ => print!("{kind}"),
    }
    ExitCode::SUCCESS
}

/// The kind of this box, by what the kernel shows in `firmware`.
pub fn kind(firmware: &Path) -> Hardware {
    let said = |name: &str| said(firmware, name);
    Hardware::of(&said("sys_vendor"), &said("product_name"))
}

fn said(firmware: &Path, name: &str) -> String {
    fs::read_to_string(firmware.join(name)).unwrap_or_default().trim().to_owned()
}
