//! The fence: who may name whom, which crate lives in which file, and what only drivers do.
//!
//! It reads the text of `src/`, comments and string literals taken out first. Each rule is a function from a path and a
//! text to offences, and each has a test that plants an offence and demands that it is found.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest file, in lines: above it nobody reads top-down any more.
const LONGEST_FILE: usize = 1_200;

/// Names at the bottom that everybody may use.
const PROTOCOL: [&str; 5] = ["sip", "media", "sms", "smpp", "imap"];
const GROUND: [&str; 8] = ["id", "address", "time", "hours", "channel", "random", "stamp", "lib"];
const DOMAIN: [&str; 12] = [
    "appliance",
    "call",
    "ivr",
    "queue",
    "agent",
    "messaging",
    "context",
    "uplink",
    "report",
    "journey",
    "webhook",
    "crm",
];
const RECORD: [&str; 4] = ["admin", "config", "store", "journal"];

/// What a room may name besides itself and the ground.
fn may_name(room: &str) -> Option<Vec<&'static str>> {
    let all = |groups: &[&[&'static str]]| Some(groups.concat());
    match room {
        "main" => all(&[&["cli", "driver", "gateway", "hub", "web"], &RECORD, &DOMAIN, &PROTOCOL]),
        "cli" => all(&[&["driver", "gateway", "hub", "web"], &RECORD, &DOMAIN, &PROTOCOL]),
        "driver" => all(&[&["gateway", "hub", "web"], &RECORD, &DOMAIN, &PROTOCOL]),
        "gateway" => all(&[&RECORD, &DOMAIN, &PROTOCOL]),
        "hub" => all(&[&["config", "store", "journal"], &DOMAIN]),
        "admin" => all(&[&["config", "store", "journal"], &DOMAIN]),
        "config" => all(&[&DOMAIN, &PROTOCOL]),
        "store" => all(&[&["journal"], &DOMAIN]),
        "journal" => all(&[&DOMAIN]),
        "web" => all(&[&[]]),
        // SMPP carries what phones read: the GSM alphabets and the user data header are those of text messages.
        "smpp" => all(&[&["sms"]]),
        room if PROTOCOL.contains(&room) || DOMAIN.contains(&room) || GROUND.contains(&room) => {
            all(&[&[]])
        }
        _ => None,
    }
}

/// Crates that one file alone may name.
const FENCED_CRATES: [(&str, &[&str]); 13] = [
    ("jsonwebtoken", &["driver/api/signed.rs"]),
    ("ropus", &["media/codec/opus.rs"]),
    ("rsip", &["sip/message.rs", "sip/message_tests.rs"]),
    ("sled", &["driver/store.rs", "driver/hub/lookup.rs"]),
    ("rusqlite", &["driver/search.rs"]),
    ("rustix", &["driver/priority.rs", "driver/serial.rs"]),
    ("hickory_resolver", &["driver/dns.rs"]),
    // Box and hub share one: the line is the same at both ends.
    ("quinn", &["driver/quic.rs", "driver/quic/marked.rs"]),
    ("quinn_proto", &["driver/quic.rs"]),
    ("webrtc", &PEER),
    ("rtc", &PEER),
    ("rtc_srtp", &["media/srtp.rs", "media/srtp/tests.rs"]),
    ("rtc_shared", &["media/srtp.rs"]),
];

/// What browsers add to a media thread.
const PEER: [&str; 4] =
    ["driver/peer.rs", "driver/peer/check.rs", "driver/peer/link.rs", "driver/peer/tests.rs"];

/// What only drivers, `main.rs` and the command line do.
const DRIVERS_ONLY: [&str; 25] = [
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "thread::spawn",
    "thread::Builder",
    "thread::sleep",
    "thread::scope",
    "tokio::",
    "tokio_rustls::",
    "socket2::",
    "nix::",
    "std::fs",
    "std::process",
    "std::env",
    "net::TcpStream",
    "net::UdpSocket",
    "net::TcpListener",
    "sync::Mutex",
    "sync::RwLock",
    "sync::Condvar",
    "sync::mpsc",
    "OsRng",
    "SystemRandom",
    "thread_rng",
];

/// Allowed inside a `#[cfg(test)]` module all the same: tests need a first instant to count from.
const TESTS_MAY: &str = "Instant::now";

#[derive(Debug)]
struct Offence(String);

type Rule = fn(&str, &str) -> Vec<Offence>;

const RULES: [Rule; 5] = [direction, crates_in_their_rooms, drivers_only, length, no_unsafe];

#[test]
fn the_tree_keeps_to_the_fence() {
    let files = source_files();
    assert!(files.len() > 10, "only {} files were found: the fence looks at nothing", files.len());
    let offences: Vec<String> = files
        .iter()
        .flat_map(|(path, text)| RULES.iter().flat_map(move |rule| rule(path, text)))
        .map(|offence| offence.0)
        .collect();
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn unsafe_code_is_forbidden_for_the_whole_package() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    assert!(
        forbids_unsafe(&manifest),
        "[lints.rust] unsafe_code = \"forbid\" is gone from Cargo.toml"
    );
}

#[test]
fn clippy_keeps_its_half_of_the_fence() {
    let clippy = fs::read_to_string(root().join("clippy.toml")).expect("clippy.toml");
    for name in
        ["Instant::now", "SystemTime::now", "thread::spawn", "tokio::spawn", "std::sync::Mutex"]
    {
        assert!(clippy.contains(name), "{name} is not banned in clippy.toml");
    }
}

/// `use` paths and inline paths that begin at the crate's root.
fn direction(path: &str, text: &str) -> Vec<Offence> {
    let room = room(path);
    let Some(allowed) = may_name(room) else {
        return vec![Offence(format!(
            "{path}: `{room}` is no room of the map: give it a line in the table"
        ))];
    };
    let text = without_comments_and_strings(text);
    let root = if room == "main" { "branchline" } else { "crate" };
    let named = named_after(&text, root);
    let foreign = named.into_iter().filter(|(_, name)| {
        let known = may_name(name).is_some() && name != "lib";
        known
            && name != room
            && !GROUND.contains(&name.as_str())
            && !allowed.contains(&name.as_str())
    });
    foreign
        .map(|(line, name)| Offence(format!("{path}:{line}: `{room}` may not name `{name}`")))
        .collect()
}

fn crates_in_their_rooms(path: &str, text: &str) -> Vec<Offence> {
    let text = without_comments_and_strings(text);
    let fenced = FENCED_CRATES.iter().filter(|(_, homes)| !homes.contains(&path));
    let offences = fenced.flat_map(|(name, homes)| {
        let lines = lines_with_word(&text, name).into_iter();
        lines.map(move |line| {
            Offence(format!(
                "{path}:{line}: crate `{name}` may be named only in {}",
                homes.join(", ")
            ))
        })
    });
    offences.collect()
}

fn drivers_only(path: &str, text: &str) -> Vec<Offence> {
    if ["driver", "cli", "main"].contains(&room(path)) {
        return Vec::new();
    }
    let text = without_comments_and_strings(text);
    let outside_tests = without_test_modules(&text);
    let test_file = path.ends_with("/tests.rs") || path.contains("/tests/");
    let flat = |text: &str| unfolded(text);
    let mut offences = Vec::new();
    for name in DRIVERS_ONLY {
        let searched = match name == TESTS_MAY {
            true if test_file => continue,
            true => &outside_tests,
            false => &text,
        };
        for (line, words) in flat(searched) {
            if contains_path(&words, name) {
                offences.push(Offence(format!("{path}:{line}: `{name}` belongs in driver/")));
            }
        }
    }
    offences
}

fn length(path: &str, text: &str) -> Vec<Offence> {
    let lines = text.lines().count();
    let much = lines > LONGEST_FILE;
    much.then(|| Offence(format!("{path}: {lines} lines; {LONGEST_FILE} is the most")))
        .into_iter()
        .collect()
}

fn no_unsafe(path: &str, text: &str) -> Vec<Offence> {
    let text = without_comments_and_strings(text);
    let lines = lines_with_word(&text, "unsafe").into_iter();
    lines.map(|line| Offence(format!("{path}:{line}: unsafe code"))).collect()
}

fn forbids_unsafe(manifest: &str) -> bool {
    let section = manifest.split("[lints.rust]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    section.lines().any(|line| line.replace(' ', "").starts_with("unsafe_code=\"forbid\""))
}

/// The folder or file at the top of `src/` that a path belongs to.
fn room(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// Names that stand right after `root::`, also inside `root::{a::b, c}`, with their lines.
fn named_after(text: &str, root: &str) -> Vec<(usize, String)> {
    let start = format!("{root}::");
    let mut found = Vec::new();
    for (at, _) in text.match_indices(&start) {
        if text[..at]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$')
        {
            continue;
        }
        let line = text[..at].matches('\n').count() + 1;
        let rest = &text[at + start.len()..];
        match rest.trim_start().strip_prefix('{') {
            Some(group) => found.extend(heads(group).into_iter().map(|name| (line, name))),
            None => found.push((line, word(rest.trim_start()))),
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

/// The first names of the elements of a `use` group, up to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let mut depth = 0usize;
    let mut expecting = true;
    let mut found = Vec::new();
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expecting = true,
            c if expecting && (c.is_alphanumeric() || c == '_') => {
                found.push(word(&group[at..]));
                expecting = false;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Lines on which `name` is used as a path's beginning: `name::` or `use name`.
fn lines_with_word(text: &str, name: &str) -> Vec<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut lines = Vec::new();
    for (at, _) in text.match_indices(name) {
        let before = &text[..at];
        let after = &text[at + name.len()..];
        if before.chars().next_back().is_some_and(is_word)
            || after.chars().next().is_some_and(is_word)
        {
            continue;
        }
        // Behind another path it is that path's own name; ` ::name` names the crate outright.
        let nested = before.ends_with("::") && !before.ends_with(" ::");
        let starts = !nested && !before.trim_end().ends_with('.');
        let path = after.trim_start().starts_with("::") && starts;
        let used =
            before.trim_end().ends_with("use") || before.trim_end().ends_with("extern crate");
        if path || used || name == "unsafe" {
            lines.push(before.matches('\n').count() + 1);
        }
    }
    lines
}

fn contains_path(line: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let free_before = !line[..at].chars().next_back().is_some_and(is_word);
        let ends_open = name.ends_with(':');
        free_before && (ends_open || !line[at + name.len()..].chars().next().is_some_and(is_word))
    })
}

/// Lines as they stand, and each `use` statement unfolded: `use std::{fs, net::{TcpStream, UdpSocket}};` becomes
/// `std::fs`, `std::net::TcpStream`, `std::net::UdpSocket`, so that no grouping hides a name.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<_> =
        text.lines().enumerate().map(|(i, line)| (i + 1, line.to_owned())).collect();
    for (at, _) in text.match_indices("use ") {
        let starts = text[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || c == ')');
        let Some(end) = text[at..].find(';') else { continue };
        let tree = &text[at + 4..at + end];
        if starts && tree.contains('{') {
            let line = text[..at].matches('\n').count() + 1;
            expand("", tree, &mut |path| lines.push((line, path)));
        }
    }
    lines
}

fn expand(prefix: &str, tree: &str, out: &mut dyn FnMut(String)) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        return out(format!("{prefix}{tree}"));
    };
    let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len()).max(open + 1)];
    let prefix = format!("{prefix}{}", tree[..open].replace(char::is_whitespace, ""));
    let mut depth = 0i32;
    let mut start = 0;
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &inner[start..at], out);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !inner[start..].trim().is_empty() {
        expand(&prefix, &inner[start..], out);
    }
}

/// The text with comments and the inside of string and character literals blanked; lines stay where they are.
fn without_comments_and_strings(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = match (chars[i], chars.get(i + 1)) {
            ('/', Some('/')) => (i..chars.len()).find(|j| chars[*j] == '\n').unwrap_or(chars.len()),
            ('/', Some('*')) => block_comment(&chars, i),
            ('"', _) => quoted(&chars, i),
            ('r', Some('"' | '#')) if !follows_word(&chars, i) => {
                raw_string(&chars, i).unwrap_or(i)
            }
            ('\'', _) => character(&chars, i).unwrap_or(i),
            _ => i,
        };
        if end == i {
            out.push(chars[i]);
            i += 1;
        } else {
            out.extend(chars[i..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    out
}

fn follows_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_') && chars[at - 1] != 'b'
}

fn block_comment(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut i = start;
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') => {
                (depth, i) = (depth - 1, i + 2);
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    chars.len()
}

fn quoted(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

fn raw_string(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let closes =
        |at: &usize| chars[*at] == '"' && (1..=hashes).all(|k| chars.get(at + k) == Some(&'#'));
    Some((open + 1..chars.len()).find(closes).map_or(chars.len(), |at| at + hashes + 1))
}

/// The end of a character literal; nothing for a lifetime.
fn character(chars: &[char], start: usize) -> Option<usize> {
    match chars.get(start + 1)? {
        '\\' => {
            (start + 3..chars.len().min(start + 14)).find(|at| chars[*at] == '\'').map(|at| at + 1)
        }
        _ if chars.get(start + 2) == Some(&'\'') => Some(start + 3),
        _ => None,
    }
}

/// The text (already without comments) with the bodies of `#[cfg(test)]` modules blanked.
fn without_test_modules(text: &str) -> String {
    let mut out = text.to_owned();
    for (at, _) in text.match_indices("#[cfg(test)]") {
        let rest = &text[at..];
        let (Some(open), semicolon) = (rest.find('{'), rest.find(';')) else { continue };
        if semicolon.is_some_and(|s| s < open) || !rest[..open].contains("mod ") {
            continue;
        }
        let mut depth = 0i32;
        let end = rest[open..].char_indices().find_map(|(i, c)| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            (depth == 0).then_some(at + open + i)
        });
        let end = end.unwrap_or(text.len());
        let blank: String = text[at..end]
            .chars()
            .map(|c| if c == '\n' { "\n".into() } else { " ".repeat(c.len_utf8()) })
            .collect();
        out.replace_range(at..end, &blank);
    }
    out
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of `src/`, by its path from there.
fn source_files() -> Vec<(String, String)> {
    let src = root().join("src");
    let mut found = Vec::new();
    walk(&src, &mut |path| {
        let name = path.strip_prefix(&src).expect("under src").to_string_lossy().replace('\\', "/");
        found.push((name, fs::read_to_string(path).expect("readable source")));
    });
    found.sort();
    found
}

fn walk(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("readable folder") {
        let path = entry.expect("readable entry").path();
        if path.is_dir() {
            walk(&path, each);
        } else if path.extension().is_some_and(|e| e == "rs") {
            each(&path);
        }
    }
}

mod planted {
    //! Each rule finds what it is there for, and leaves alone what only looks like it.

    use super::*;

    #[track_caller]
    fn found(rule: Rule, path: &str, text: &str) {
        assert!(!rule(path, text).is_empty(), "not found in {path}: {text}");
    }

    #[track_caller]
    fn clean(rule: Rule, path: &str, text: &str) {
        let offences = rule(path, text);
        assert!(offences.is_empty(), "{offences:?} in {path}: {text}");
    }

    #[test]
    fn a_room_that_names_one_it_may_not() {
        found(direction, "queue/mod.rs", "use crate::agent::Roster;");
        found(direction, "sip/dialog.rs", "fn f() { crate::call::plan::x() }");
        found(direction, "call/plan.rs", "use crate::{id::CallId, sip::{wire::A, sdp::B}};");
        found(direction, "journal/mod.rs", "use crate::store::Batch;");
        found(direction, "gateway/mod.rs", "use crate::driver::Loop;");
        found(direction, "id.rs", "use crate::config::Settings;");
        found(direction, "config/mod.rs", "pub(in crate::driver) fn x() {}");
        found(direction, "unheard_of/mod.rs", "");
        found(direction, "sms/mod.rs", "use crate::smpp::pdu;");
        found(direction, "smpp/mod.rs", "use crate::sip::wire;");
    }

    #[test]
    fn a_room_that_names_what_it_may() {
        clean(
            direction,
            "gateway/mod.rs",
            "use crate::{sip::wire, queue::Queues, config::Settings, time::Now};",
        );
        clean(
            direction,
            "queue/mod.rs",
            "use crate::queue::x; use crate::id::AgentId; // crate::agent",
        );
        clean(direction, "queue/mod.rs", "const S: &str = \"crate::agent::x\";");
        clean(direction, "main.rs", "use branchline::cli;");
        clean(direction, "smpp/text.rs", "use crate::sms::alphabet;");
        clean(direction, "call/mod.rs", "use mycrate::sip::x;");
    }

    #[test]
    fn a_crate_outside_its_room() {
        found(crates_in_their_rooms, "sip/dialog.rs", "use rsip::Request;");
        found(crates_in_their_rooms, "store/mod.rs", "fn f(db: sled::Db) {}");
        found(crates_in_their_rooms, "driver/peer.rs", "use quinn::Endpoint;");
        found(crates_in_their_rooms, "media/srtp.rs", "let x = ::webrtc::api();");
        found(crates_in_their_rooms, "media/srtp.rs", "use rtc::x;");
        clean(crates_in_their_rooms, "sip/message.rs", "use rsip::Request;");
        clean(crates_in_their_rooms, "store/mod.rs", "//! sled::Db\nlet sled_like = 1;");
        clean(crates_in_their_rooms, "media/srtp.rs", "use rtc_srtp::x;");
    }

    #[test]
    fn what_only_drivers_do() {
        for name in DRIVERS_ONLY {
            let text = format!(
                "fn f() {{ let x = {name}{}; }}",
                if name.ends_with(':') { "x()" } else { "()" }
            );
            found(drivers_only, "gateway/mod.rs", &text);
            clean(drivers_only, "driver/mod.rs", &text);
            clean(drivers_only, "cli/run.rs", &text);
            clean(
                drivers_only,
                "gateway/mod.rs",
                &format!("// {name}\nconst S: &str = \"{name}\";"),
            );
        }
        found(drivers_only, "queue/mod.rs", "use std::{io, fs};");
        found(drivers_only, "queue/mod.rs", "use std::net::{IpAddr, UdpSocket};");
        found(drivers_only, "queue/mod.rs", "use std::{\n    sync::{Arc, Mutex},\n};");
        clean(drivers_only, "queue/mod.rs", "use std::{sync::Arc, net::{IpAddr, SocketAddr}};");
        clean(drivers_only, "sip/mod.rs", "struct MyInstant; MyInstant::nowhere();");
    }

    #[test]
    fn a_clock_in_tests_and_nowhere_else() {
        let in_tests =
            "fn f() {}\n#[cfg(test)]\nmod tests { fn g() { let a = Instant::now(); } }\n";
        clean(drivers_only, "queue/mod.rs", in_tests);
        found(drivers_only, "queue/mod.rs", &format!("{in_tests} fn h() {{ Instant::now(); }}"));
        found(drivers_only, "queue/mod.rs", &in_tests.replace("Instant::now", "std::fs::read"));
        found(drivers_only, "queue/mod.rs", "#[cfg(test)]\nmod tests;\nfn f() { Instant::now(); }");
    }

    #[test]
    fn a_file_that_is_too_long() {
        found(length, "queue/mod.rs", &"\n".repeat(LONGEST_FILE + 1));
        clean(length, "queue/mod.rs", &"\n".repeat(LONGEST_FILE));
    }

    #[test]
    fn unsafe_code() {
        found(no_unsafe, "media/mod.rs", "fn f() { unsafe { g() } }");
        clean(no_unsafe, "media/mod.rs", "// unsafe\n#![forbid(unsafe_code)]");
        assert!(forbids_unsafe("[lints.rust]\nunsafe_code = \"forbid\"\n[x]"));
        assert!(!forbids_unsafe(
            "[lints.rust]\nunsafe_code = \"warn\"\n[x]\nunsafe_code = \"forbid\""
        ));
    }

    #[test]
    fn comments_strings_and_lifetimes_are_told_apart() {
        let text = "a /* x /* y */ z */ b \"q\\\"r\" r#\"s\"t\"# 'c' '\\'' &'l str c";
        let left = without_comments_and_strings(text);
        assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["a", "b", "&'l", "str", "c"]);
        assert_eq!(left.len(), text.len());
    }
}
