//! Builds the pages of `src/web` with npm and leaves them in `$OUT_DIR/web`, from where `src/web/mod.rs` embeds them.
//!
//! It runs again only when something of `src/web` has changed. Nothing is written beside the sources: npm works in
//! `target/node`, which builds of every profile share. Without npm the program is built all the same, with a page that
//! says what is missing, and one warning says so here.

// The fence of the program does not stand here: this runs before there is one.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What the pages are made of; `node_modules` of somebody who writes pages is not among it.
const SOURCES: [&str; 9] = [
    "package.json",
    "package-lock.json",
    ".npmrc",
    "tsconfig.json",
    "vite.config.ts",
    "index.html",
    "public",
    "pages",
    "chat",
];
/// What is shown where they could not be built.
const WITHOUT: &str = "src/web/without-npm.html";
/// npm waits for minutes for a registry that is not there, unless it is told. Milliseconds.
const PATIENCE: [&str; 4] = [
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=2000",
    "--fetch-timeout=20000",
];
/// What npm says when it did not reach the registry.
const UNREACHED: [&str; 8] = [
    "EAI_AGAIN",
    "ENOTFOUND",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ETIMEDOUT",
    "ERR_SOCKET_TIMEOUT",
];
/// Names another npm; with a name that is none, a build without pages can be tried.
const NPM: &str = "BRANCHLINE_NPM";

fn main() -> Outcome<()> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed=src/web/{source}");
    }
    println!("cargo::rerun-if-changed={WITHOUT}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={NPM}");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let pages = out.join("web");
    if let Err(why) = build(&out, &pages) {
        println!("cargo::warning=the box gets no pages: {why}; then `touch build.rs`, build again");
        empty(&pages)?;
        fs::copy(WITHOUT, pages.join("index.html"))?;
    }
    Ok(())
}

fn build(out: &Path, pages: &Path) -> Outcome<()> {
    let npm = env::var(NPM).unwrap_or_else(|_| "npm".to_owned());
    let shop = workshop(out);
    fs::create_dir_all(&shop)?;
    // Two profiles may be built at once; each waits for the other here.
    let lock = File::create(shop.join("lock"))?;
    lock.lock()?;
    for source in SOURCES {
        copy(&Path::new("src/web").join(source), &shop.join(source))?;
    }
    let wanted = fs::read(shop.join("package-lock.json"))?;
    let have = shop.join("installed.json");
    if fs::read(&have).ok().as_ref() != Some(&wanted) {
        tell(
            "npm fetches what the pages are made of (src/web/package-lock.json); once, and it needs the network",
        );
        run(Command::new(&npm).args(["ci", "--ignore-scripts"]).args(PATIENCE).current_dir(&shop))?;
        fs::write(&have, &wanted)?;
    }
    let mut vite = Command::new(&npm);
    vite.args([
        "run",
        "--silent",
        "build",
        "--",
        "--emptyOutDir",
        "--logLevel",
        "warn",
        "--outDir",
    ]);
    run(vite.arg(pages).current_dir(&shop))
}

/// `target/node`, of `target/PROFILE/build/PACKAGE/out`; there where cargo lays folders out in another way.
fn workshop(out: &Path) -> PathBuf {
    let build = out.ancestors().nth(2).filter(|folder| folder.ends_with("build"));
    build.and_then(|folder| folder.ancestors().nth(2)).unwrap_or(out).join("node")
}

/// Says to whoever sits there what is waited for. Cargo shows nothing of it before all is over.
fn tell(what: &str) {
    if let Ok(mut terminal) = File::options().write(true).open("/dev/tty") {
        let _ = writeln!(terminal, "\r   branchline: {what}");
    }
}

/// Runs it; what it says is what went wrong if it did, and what to do about that.
fn run(command: &mut Command) -> Outcome<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        format!("{program} does not start ({error}): install Node.js 18 or newer with npm")
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said);
    if let Some(why) = UNREACHED.iter().find(|why| said.contains(*why)) {
        let registry = "cannot fetch the packages that src/web/package-lock.json names";
        return Err(format!("{program} {registry} ({why}): give it its registry").into());
    }
    let lines = said.lines().filter(|line| !line.trim().is_empty() && !line.contains("npm warn"));
    let said: Vec<_> = lines.take(6).collect();
    Err(format!("{program} failed: {}", said.join(" / ")).into())
}

/// Copies a file, or a folder with nothing else left in it.
fn copy(from: &Path, to: &Path) -> Outcome<()> {
    if !from.is_dir() {
        fs::copy(from, to).map_err(|error| format!("{}: {error}", from.display()))?;
        return Ok(());
    }
    empty(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn empty(folder: &Path) -> Outcome<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}
