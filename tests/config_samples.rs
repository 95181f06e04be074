//! The samples an admin starts from are good, and `gateway.toml` explains every key there is.

use std::path::{Path, PathBuf};

use branchline::config::{self, Loaded};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config")
}

/// Reads a sample; flows are looked at by their own tests and may be any text here.
fn read(path: &Path) -> std::io::Result<String> {
    if path.components().any(|part| part.as_os_str() == "flows") {
        return Ok(String::new());
    }
    std::fs::read_to_string(path)
}

#[track_caller]
fn good(name: &str) -> Loaded {
    let loaded = config::load(&folder().join(name), &read);
    let loaded =
        loaded.unwrap_or_else(|problems| panic!("{}", branchline::cli::check::problems(&problems)));
    assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
    loaded
}

#[test]
fn every_sample_is_good() {
    good("gateway.toml");
    let mut sites = 0;
    for entry in std::fs::read_dir(folder().join("sites")).unwrap() {
        good(&format!("sites/{}", entry.unwrap().file_name().to_string_lossy()));
        sites += 1;
    }
    assert!(sites >= 3);
}

/// `gateway.toml` with its commented keys taken in: they must be real keys with real defaults.
#[test]
fn commented_keys_are_real_and_show_the_default() {
    let path = folder().join("gateway.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let opened: String = text.lines().map(|line| format!("{}\n", opened(line))).collect();
    let opened = opened.replace("\npattern = \"9.\"", "");
    let all = config::load(&path, &|p| if p == path { Ok(opened.clone()) } else { read(p) });
    let all =
        all.unwrap_or_else(|problems| panic!("{}", branchline::cli::check::problems(&problems)));
    let plain = good("gateway.toml");
    assert_eq!(all.settings.limits, plain.settings.limits);
    assert_eq!(all.settings.features, plain.settings.features);
    assert_eq!(all.settings.admin, plain.settings.admin);
    assert_eq!(all.settings.log, plain.settings.log);
    assert_eq!(all.settings.sip.timers, plain.settings.sip.timers);
    assert_eq!(all.settings.sip.udp, plain.settings.sip.udp);
    assert_eq!(all.settings.sip.tls, plain.settings.sip.tls);
    assert_eq!(all.settings.media.codecs, plain.settings.media.codecs);
    assert_eq!(all.settings.queues, plain.settings.queues);
    assert_eq!(all.settings.emergency.outside_prefixes, plain.settings.emergency.outside_prefixes);
}

fn opened(line: &str) -> &str {
    let is_key = |rest: &&str| {
        rest.split_once(" = ").is_some_and(|(key, _)| {
            key.bytes().all(|b| b.is_ascii_lowercase() || b"_0123456789".contains(&b))
        })
    };
    line.strip_prefix("# ").filter(is_key).unwrap_or(line)
}
