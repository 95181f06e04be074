//! Units, accounts and rules by the tools that read them.

use std::path::PathBuf;
use std::process::Command;

use crate::boxed::installed;
use crate::{root, run};

/// What a unit may expose at most, by systemd's own reckoning: 2.0.
const EXPOSURE: &str = "--threshold=20";

/// And one of the image's that mounts somebody's disk or speaks with the firmware: 3.5.
const EXPOSURE_OF_MOUNTS: &str = "--threshold=35";
/// Those of the image that make, open and destroy its disk and its clock: they are nothing but power, and read nothing of
/// anybody's.
const MAKERS: [&str; 5] = ["clock", "clock-note", "erase", "init-data", "seed"];

fn units(ending: &str) -> Vec<PathBuf> {
    units_in("systemd", ending)
}

fn units_in(folder: &str, ending: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(root().join(folder)).expect("there are units");
    let mut units: Vec<_> = all
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|own| own == ending))
        .collect();
    units.sort();
    units
}

#[test]
fn no_service_exposes_more_than_two() {
    let services = units("service");
    assert!(services.len() >= 3);
    let makers = MAKERS.map(|name| format!("branchline-{name}.service"));
    let of_image = units_in("image/overlay/usr/lib/systemd/system", "service").into_iter();
    let of_image = of_image.filter(|path| !makers.iter().any(|maker| path.ends_with(maker)));
    let all = services.into_iter().map(|service| (service, EXPOSURE));
    for (service, most) in all.chain(of_image.map(|service| (service, EXPOSURE_OF_MOUNTS))) {
        let mut asked = Command::new("systemd-analyze");
        asked.args(["security", "--offline=true", most, "--no-pager"]).arg(&service);
        let said = run(&mut asked);
        let verdict = said.lines().rfind(|line| line.contains("Overall")).expect("a verdict");
        println!("{}", verdict.trim());
    }
}

#[test]
fn every_setting_of_the_sandbox_has_its_reason() {
    let text = std::fs::read_to_string(root().join("systemd/branchline.service")).expect("there");
    let mut said = false;
    let sandbox = text.lines().skip_while(|line| !line.starts_with("User=")).collect::<Vec<_>>();
    for pair in sandbox.windows(2) {
        let (line, next) = (pair[0], pair[1]);
        said = line.starts_with('#') || (said && !line.is_empty());
        assert!(!next.starts_with("Protect") || said || line.starts_with('#'), "{next}: why?");
    }
    assert!(!text.contains("@sandbox"), "systemd 252 does not know it");
}

#[test]
fn units_are_what_systemd_understands() {
    let tree = installed();
    let mut asked = Command::new("systemd-analyze");
    asked.arg(format!("--root={}", tree.display())).args(["--man=no", "verify"]);
    let names =
        ["service", "socket", "timer", "path", "target", "slice"].into_iter().flat_map(units);
    asked.args(names.map(|unit| unit.file_name().expect("a file").to_owned()));
    let said = run(&mut asked);
    assert!(!said.contains("branchline"), "{said}");
}

/// README's own command makes the key that its boxes' updates are signed by, once.
#[test]
fn an_image_without_a_key_gets_one_of_its_owners() {
    let home = crate::boxed::work().join("config");
    let _ = std::fs::remove_dir_all(&home);
    let build = || {
        let mut build = Command::new(root().join("image/build"));
        build.args(["--binary", env!("CARGO_BIN_EXE_branchline"), "--out", "/dev/null/nowhere"]);
        let output = build.env("XDG_CONFIG_HOME", &home).output().expect("it starts");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let key = || std::fs::read(home.join("branchline/update.pem")).expect("a key");
    let said = build();
    assert!(said.contains("Keep a copy of it") && !said.contains("unbound"), "{said}");
    let first = key();
    let said = build();
    assert!(!said.contains("made") && !said.contains("unbound"), "{said}");
    assert_eq!(key(), first);
}

/// Everybody has the test key: no box that leaves the building takes what it signs.
#[test]
fn an_image_that_is_not_for_tests_refuses_the_test_key() {
    let ask = |more: &[&str]| {
        let mut build = Command::new(root().join("image/build"));
        build.args(["--binary", env!("CARGO_BIN_EXE_branchline"), "--trust", "image/test.pem"]);
        build.args(more).arg("--out").arg("/dev/null/nowhere").current_dir(root());
        let output = build.output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = ask(&[]);
    assert!(code == Some(65) && said.contains("test.pem is the test key"), "{code:?} {said}");
    // For tests it goes on, as far as the folder that is none.
    let (code, said) = ask(&["--quick"]);
    assert!(code != Some(65) && !said.contains("test key"), "{code:?} {said}");
}

/// The image's too, in a tree that has the image's files over the package's.
#[test]
fn units_of_the_image_are_what_systemd_understands() {
    let tree = crate::boxed::work().join("tree-of-the-image");
    run(Command::new("rm").arg("-rf").arg(&tree));
    // Links to the same files: what is laid over them takes their place.
    run(Command::new("cp").arg("-al").arg(installed()).arg(&tree));
    let overlay = root().join("image/overlay/.");
    run(Command::new("cp").args(["-a", "--remove-destination"]).arg(overlay).arg(&tree));
    let mut asked = Command::new("systemd-analyze");
    asked.arg(format!("--root={}", tree.display())).args(["--man=no", "verify"]);
    let folder = "image/overlay/usr/lib/systemd/system";
    let names = ["service", "timer", "path", "mount"].into_iter();
    let names = names.flat_map(|ending| units_in(folder, ending));
    asked.args(names.map(|unit| unit.file_name().expect("a file").to_owned()));
    let said = asked.output().expect("it starts").stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(!said.contains("branchline"), "{said}");
}

#[test]
fn accounts_can_be_made() {
    let tree = installed();
    let conf = root().join("systemd/sysusers.d/branchline.conf");
    run(Command::new("systemd-sysusers")
        .arg(format!("--root={}", tree.display()))
        .arg("--dry-run")
        .arg(conf));
}

/// Every sample's rules are read by nftables as it would load them, in a network of their own.
#[test]
fn every_sample_has_a_firewall() {
    let rules = root().join("firmware-config/nftables/branchline.nft");
    let sites = std::fs::read_dir(root().join("firmware-config/sites")).expect("there are samples");
    let sites = sites.map(|entry| entry.expect("an entry").path());
    let samples = ["gateway.toml", "defaults/site.toml"]
        .map(|name| root().join("firmware-config").join(name));
    let mut count = 0;
    for sample in sites.chain(samples) {
        let mut verb = Command::new(env!("CARGO_BIN_EXE_branchline"));
        verb.arg("firewall").arg("-c").arg(&sample).arg("--rules").arg(&rules);
        // Warnings go where errors go; rules alone where rules go.
        let made = verb.stderr(std::process::Stdio::null()).output().expect("it starts").stdout;
        let file = crate::boxed::work().join("rules.nft");
        std::fs::write(&file, &made).expect("written");
        assert!(
            String::from_utf8_lossy(&made).contains("branchline_trunks4"),
            "{}",
            sample.display()
        );
        run(Command::new("unshare").args(["--net", "nft", "--check", "--file"]).arg(&file));
        count += 1;
    }
    assert!(count >= 5);
}

/// What the rules let through, by packets: a stranger's SIP is dropped, the LAN's and the carrier's pass, sound passes, pages
/// are the LAN's.
#[test]
fn strangers_reach_sound_alone() {
    let script = root().join("tests/appliance/firewall");
    let said = run(Command::new("unshare")
        .args(["--net", "--mount"])
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_branchline"))
        .arg(root().join("firmware-config/nftables/branchline.nft"))
        .arg(crate::boxed::work()));
    let lines: Vec<_> = said.lines().filter(|line| line.contains(" -> ")).collect();
    assert_eq!(
        lines,
        [
            "lan -> sip: passes",
            "lan -> pages: passes",
            "lan -> sound: passes",
            "lan -> shell: dropped",
            "carrier -> sip: passes",
            "carrier -> pages: dropped",
            "carrier -> sound: passes",
            "stranger -> sip: dropped",
            "stranger -> pages: dropped",
            "stranger -> sound: passes",
            "laptop -> rescue: passes",
            "laptop -> link: passes",
            "laptop -> shell: dropped",
            "stranger -> rescue: dropped",
            "laptop at the carrier's line -> rescue: dropped",
        ],
        "{said}"
    );
}

/// Settings of the kernel: each has its reason above it, and this kernel knows it.
#[test]
fn settings_of_the_kernel_are_known_and_explained() {
    let text = std::fs::read_to_string(root().join("firmware-config/sysctl.d/60-branchline.conf"));
    let (mut reason, mut count) = (false, 0);
    for line in text.expect("there").lines() {
        if let Some((name, _)) = line.split_once(" = ") {
            let path = std::path::Path::new("/proc/sys").join(name.replace('.', "/"));
            // A kernel may be built without IPv6, BPF, kexec, Yama or magic keys; the backlog is shown in the machine's own network alone.
            let optional = ["ipv6", "bpf", "kexec", "yama", "sysrq", "netdev"];
            let optional = optional.iter().any(|part| name.contains(part));
            assert!(reason, "{name}: why?");
            assert!(optional || path.exists(), "{name}: there is no such setting");
            count += 1;
        }
        reason = line.starts_with('#') || (reason && !line.is_empty());
    }
    assert!(count > 20);
}

/// Whatever a profile of modems knows has an AT line.
#[test]
fn rules_for_modems_are_whole() {
    let text = rules("61-branchline-modem.rules");
    for vendor in ["2c7c", "1e0e", "1199", "12d1", "19d2", "1546"] {
        let at = |line: &str| line.contains(&format!("\"{vendor}\"")) && line.contains("\"at\"");
        assert!(text.lines().any(at), "{vendor}: which line takes commands?");
    }
}

/// The button is a key of the board's, and what udev calls it is what its service waits for and reads.
#[test]
fn the_button_of_the_rules_is_that_of_the_service() {
    let text = rules("62-branchline-button.rules");
    let named = text.lines().find(|line| line.contains("SYMLINK")).expect("a name");
    for term in [
        r#"ATTRS{id/bustype}=="0019""#,
        r#"SYMLINK+="branchline/button""#,
        r#"TAG+="systemd""#,
        r#"ENV{SYSTEMD_WANTS}+="branchline-button.service""#,
    ] {
        assert!(named.split(", ").any(|own| own == term), "{term}: {named}");
    }
    let unit = std::fs::read_to_string(root().join("systemd/branchline-button.service"));
    let unit = unit.expect("there");
    let escaped = run(Command::new("systemd-escape")
        .args(["--path", "--suffix=device"])
        .arg("/dev/branchline/button"));
    assert!(unit.contains(&format!("\nBindsTo={escaped}")), "{escaped}");
    assert!(unit.contains("--button /dev/branchline/button\n"));
    // What drives the keys is in the image.
    let modules = std::fs::read_to_string(root().join("image/modules.allow")).expect("there");
    for module in ["evdev", "gpio_keys", "gpio_keys_polled", "gpio-amd-fch", "pcengines-apuv2"] {
        assert!(modules.lines().any(|line| line == module), "{module}");
    }
}

/// Rules of udev: every operator is one, and every jump has its target.
fn rules(name: &str) -> String {
    let text = std::fs::read_to_string(root().join("firmware-config/udev").join(name));
    let text = text.expect("there");
    let mut jumps = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        // Commas stand between the terms, and inside of no value here.
        for term in line.split(", ") {
            let operator = ["==", "!=", "+=", ":=", "="].into_iter().find(|way| term.contains(way));
            let (key, value) = term.split_once(operator.expect(term)).expect("split");
            assert!(key.starts_with(|first: char| first.is_ascii_uppercase()), "{term}");
            assert!(value.starts_with('"') && value.ends_with('"') && value.len() > 1, "{term}");
            if key == "GOTO" || key == "LABEL" {
                jumps.push((key == "LABEL", value.to_owned()));
            }
        }
    }
    for (_, target) in &jumps {
        assert!(jumps.contains(&(true, target.clone())), "{target} is nowhere");
    }
    text
}

/// The first card by its place is lan0 for good; a card that comes later takes no name from it.
#[test]
fn cards_get_their_names_once() {
    let folder = crate::boxed::work().join("cards");
    let _ = std::fs::remove_dir_all(&folder);
    let (links, class) = (folder.join("links"), folder.join("class"));
    let card = |name: &str, place: &str, address: &str| {
        let device = folder.join("devices").join(place);
        std::fs::create_dir_all(&device).expect("a folder");
        let own = class.join(name);
        std::fs::create_dir_all(&own).expect("a folder");
        std::os::unix::fs::symlink(&device, own.join("device")).expect("a link");
        std::fs::write(own.join("address"), format!("{address}\n")).expect("written");
        std::fs::write(own.join("type"), "1\n").expect("written");
    };
    card("eth7", "0000:01:00.0", "02:00:00:00:00:01");
    card("eth2", "0000:02:00.0", "02:00:00:00:00:02");
    let pin = || {
        let script = root().join("firmware-config/network/pin");
        run(Command::new(script).arg(&links).arg(&class))
    };
    assert_eq!(pin(), "wan0 is 02:00:00:00:00:02\nlan0 is 02:00:00:00:00:01\n");
    card("usb0", "pci0000:00/usb1/1-1", "02:00:00:00:00:09");
    card("eth0", "pci0000:00/0000:00:00.0", "02:00:00:00:00:00");
    assert_eq!(pin(), "", "names are given once");
    let link = || std::fs::read_to_string(links.join("10-branchline-lan0.link")).expect("there");
    assert!(link().contains("PermanentMACAddress=02:00:00:00:00:01"));
    assert!(link().contains("Name=lan0"));
    // A card that was changed: the new one is what the old one was, before any at a USB socket.
    std::fs::remove_dir_all(class.join("eth7")).expect("removed");
    assert_eq!(pin(), "lan0 is 02:00:00:00:00:00\n");
    // The disk in another box.
    std::fs::remove_dir_all(&class).expect("removed");
    card("enp1s0", "0000:01:00.0", "02:00:00:00:01:01");
    assert_eq!(pin(), "lan0 is 02:00:00:00:01:01\n");
    assert!(link().contains("PermanentMACAddress=02:00:00:00:01:01"));
    // A cut before the last name was written: the others stay.
    card("enp2s0", "0000:02:00.0", "02:00:00:00:01:02");
    std::fs::write(links.join("10-branchline-lan0.link"), "").expect("written");
    let said = pin();
    assert!(said.ends_with("lan0 is 02:00:00:00:01:01\n"), "{said}");
    assert_eq!(pin(), "");
}

/// A version begins with the configuration of the one that ran, as it is then; one that is rolled back finds its own.
#[test]
fn the_configuration_follows_the_version() {
    let all = crate::boxed::work().join("configurations");
    let _ = std::fs::remove_dir_all(&all);
    std::fs::create_dir_all(all.join("1")).expect("a folder");
    let (release, script) =
        (all.join("release"), root().join("image/overlay/usr/lib/branchline/seed"));
    let seed = |version: &str, good: bool| {
        std::fs::write(&release, format!("IMAGE_VERSION={version}\n")).expect("written");
        let mut seed = Command::new(&script);
        seed.args(good.then_some("good")).env("BRANCHLINE_CONFIGS", &all);
        run(seed.env("BRANCHLINE_RELEASE", &release));
    };
    let config = |version: &str| all.join(version).join("gateway.toml");
    let write = |version: &str, text: &str| std::fs::write(config(version), text).expect("written");
    let read = |version: &str| std::fs::read_to_string(config(version)).expect("there");
    write("1", "january");
    seed("1", false);
    seed("1", true);
    // Tried, over two starts, and taken back.
    seed("2", false);
    write("2", "mended on trial");
    seed("2", false);
    assert_eq!(read("2"), "mended on trial", "a trial goes on with its own");
    seed("1", false);
    assert_eq!(read("1"), "january");
    write("1", "june");
    // The same once more, and the next one: with what the branch has by now.
    seed("2", false);
    assert_eq!(read("2"), "june");
    seed("1", false);
    seed("10", false);
    assert_eq!(read("10"), "june");
    seed("10", true);
    write("10", "july");
    // The other slot stands in, and the one that was good goes on afterwards.
    seed("1", false);
    assert_eq!(read("1"), "june", "its own, as it was");
    seed("1", true);
    seed("10", false);
    assert_eq!(read("10"), "july");
    seed("11", false);
    assert_eq!(read("11"), "june", "what was good last");
}

/// The list of parts names what is built in, with its sum and its licence, and nothing that only tests use.
#[test]
fn the_list_of_parts_is_whole() {
    let said = run(&mut Command::new(root().join("systemd/debian/sbom")));
    let list: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let parts = list["components"].as_array().expect("a list");
    let part = |purl: &str| {
        parts.iter().find(|part| part["purl"].as_str().is_some_and(|own| own.starts_with(purl)))
    };
    for crate_ in ["tokio", "rustls", "sled", "webrtc"] {
        let found = part(&format!("pkg:cargo/{crate_}@")).expect(crate_);
        assert_eq!(found["hashes"][0]["content"].as_str().map(str::len), Some(64), "{found}");
        assert!(found["licenses"][0]["expression"].is_string(), "{found}");
    }
    assert!(part("pkg:npm/").is_some(), "the pages have parts too");
    assert!(part("pkg:generic/rust-std@").is_some(), "nor is Rust's own library a crate");
    assert!(part("pkg:cargo/criterion@").is_none(), "benchmarks are not in the program");
}
