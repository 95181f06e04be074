//! The samples an admin starts from are good, and `gateway.toml` explains every key there is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use branchline::config::{self, Loaded};
use branchline::journey::rule::Known;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config")
}

fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

#[track_caller]
fn good(name: &str) -> Loaded {
    let loaded = config::load(&folder().join(name), &read);
    let loaded =
        loaded.unwrap_or_else(|problems| panic!("{}", branchline::cli::check::problems(&problems)));
    assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
    let clips = branchline::ivr::prompts::builtin().map(|(name, _)| name.to_owned()).collect();
    if let Err(problems) = loaded.flows(clips) {
        panic!("{}", branchline::cli::check::problems(&problems));
    }
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

/// A box that nobody has set up yet takes calls between its phones. It says that calls for help cannot leave it.
#[test]
fn the_factory_has_one_thing_left_to_say() {
    let loaded = config::load(&folder().join("defaults/site.toml"), &read);
    let loaded =
        loaded.unwrap_or_else(|problems| panic!("{}", branchline::cli::check::problems(&problems)));
    let said: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(said.len() == 1 && said[0].contains("calls for help"), "{said:?}");
    let clips = branchline::ivr::prompts::builtin().map(|(name, _)| name.to_owned()).collect();
    assert!(loaded.flows(clips).is_ok());
}

/// Every sample of a site sheet makes a configuration that has nothing to say.
#[test]
fn every_sheet_makes_a_good_configuration() {
    let folder = std::env::temp_dir().join(format!("branchline-sheets-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let beside = branchline::driver::site::Beside::new(&folder.join("gateway.toml"));
    let samples = std::fs::read_dir(self::folder().join("stick")).unwrap();
    let samples =
        samples.map(|entry| entry.unwrap().path()).chain([self::folder().join("site.toml")]);
    let mut count = 0;
    for sample in samples {
        let text = std::fs::read_to_string(&sample).unwrap();
        let plan = beside.plan(&sample, &text, None);
        let plan = plan
            .unwrap_or_else(|problems| panic!("{}", branchline::cli::check::problems(&problems)));
        assert!(plan.warnings.is_empty(), "{}: {:?}", sample.display(), plan.warnings);
        count += 1;
    }
    assert!(count >= 5);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The explained sheet has every key that a sheet can have, and none besides, with those that are commented out taken in.
#[test]
fn the_sheet_is_explained_both_ways() {
    use branchline::appliance::site::{Card, Sheet};
    let text = std::fs::read_to_string(folder().join("site.toml")).unwrap();
    let mut opened: String = text.lines().map(|line| format!("{}\n", self::opened(line))).collect();
    // A card is said in one of two ways.
    opened = opened.replacen("lan = \"dhcp\"", "", 1).replacen("# [modem]", "[modem]", 1);
    let opened = opened.replacen("# [backup]", "[backup]", 1);
    let file = Path::new("site.toml");
    let mut sheet = config::sheet::read(file, &opened)
        .unwrap_or_else(|problems| panic!("{}", branchline::cli::check::problems(&problems)));
    assert!(
        matches!(&sheet.network.lan, Card::Fixed(own) if own.gateway.is_some() && !own.dns.is_empty())
    );
    // Everything that may be left out is there: nothing is without its explanation.
    sheet.phone.retain(|phone| phone.mac.is_some());
    let keys = |table: &toml::Table| {
        fn walk(at: &str, value: &toml::Value, out: &mut Vec<String>) {
            match value {
                toml::Value::Table(table) => {
                    table.iter().for_each(|(key, value)| walk(&format!("{at}.{key}"), value, out));
                }
                toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
                    list.iter().for_each(|value| walk(at, value, out));
                }
                _ => out.push(at.to_owned()),
            }
        }
        let mut out = Vec::new();
        walk("", &toml::Value::Table(table.clone()), &mut out);
        out.sort();
        out.dedup();
        out
    };
    let explained: toml::Table = opened.parse().unwrap();
    let written = toml::Table::try_from(&sheet).unwrap();
    assert_eq!(keys(&written), keys(&explained));
    let absent: Vec<_> = serde_json::to_value(Sheet::clone(&sheet))
        .unwrap()
        .to_string()
        .matches("null")
        .map(str::to_owned)
        .collect();
    assert!(absent.is_empty(), "{absent:?}");
    assert!(
        sheet.modem.is_some()
            && sheet.admin.is_some()
            && sheet.network.wan.is_some()
            && sheet.site.keep_people.is_some()
    );
}

/// Sample flows that no sample site uses: good beside the calendar and the queue that they ask for.
#[test]
fn every_flow_is_good() {
    let path = folder().join("gateway.toml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let mut flows = 0;
    for entry in std::fs::read_dir(folder().join("flows")).unwrap() {
        let file = entry.unwrap().file_name().to_string_lossy().into_owned();
        let name = file.trim_end_matches(".toml");
        if !text.contains(&format!("[flow.{name}]")) {
            text += &format!("\n[flow.{name}]\nfile = \"flows/{file}\"\n");
        }
        flows += 1;
    }
    assert!(flows >= 3);
    let loaded = config::load(&path, &|p| if p == path { Ok(text.clone()) } else { read(p) });
    let loaded =
        loaded.unwrap_or_else(|problems| panic!("{}", branchline::cli::check::problems(&problems)));
    let clips = branchline::ivr::prompts::builtin().map(|(name, _)| name.to_owned()).collect();
    if let Err(problems) = loaded.flows(clips) {
        panic!("{}", branchline::cli::check::problems(&problems));
    }
}

/// Sample rules of journeys, beside the queue that they ask for; so are they with every commented key taken in.
#[test]
fn every_journey_is_good() {
    let mut journeys = 0;
    let carried = branchline::journey::Channel::ALL.into();
    let queues = ["support".to_owned()].into();
    let known = Known { queues, carried, ..Known::default() };
    for entry in std::fs::read_dir(folder().join("journeys")).unwrap() {
        let path = entry.unwrap().path();
        let text = read(&path).unwrap();
        let opened: String = text.lines().map(|line| format!("{}\n", opened(line))).collect();
        for text in [text, opened] {
            match config::journeys::rule(&path, &text, &known) {
                Ok((_, warnings)) => assert!(warnings.is_empty(), "{warnings:?}"),
                Err(problems) => panic!("{}", branchline::cli::check::problems(&problems)),
            }
        }
        journeys += 1;
    }
    assert!(journeys >= 3);
}

/// What each sample rule would do, as `branchline journey` tells it.
#[test]
fn every_journey_is_tried() {
    let site = folder().join("gateway.toml");
    let tried = |rule: &str, event: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_branchline"))
            .arg("journey")
            .arg(folder().join("journeys").join(rule))
            .arg("-c")
            .arg(&site)
            .args(["--zone", "Europe/Berlin", "--at", "2026-11-16T18:45:00Z"])
            .args(event)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let missed = tried("missed-call.toml", &["--kind", "call-missed", "--consent", "sms/service"]);
    assert!(missed[3].starts_with("Tue 2026-11-17 08:00:00  writes by sms: Sorry"), "{missed:?}");
    let silent = tried("missed-call.toml", &["--kind", "call-missed"]);
    assert!(silent[2].contains("they have not agreed to it"), "{silent:?}");
    let waiting = ["--kind", "call-abandoned", "--set", "queue=support"];
    let waiting = tried("gave-up-waiting.toml", &waiting);
    assert_eq!(waiting[2], "Mon 2026-11-16 19:55:00  has queue support call them");
    let late = ["--kind", "appointment", "--set", "at=2026-12-01T10:00:00Z"];
    let reminded = tried("appointment.toml", &[&late[..], &["--consent", "sms/service"]].concat());
    assert_eq!(reminded.len(), 4, "{reminded:?}");
    assert!(reminded[2].starts_with("Mon 2026-11-30 11:00:00  writes by sms: See you"));
    let over = ["--kind", "appointment", "--set", "at=2026-11-16T12:00:00Z"];
    let over = tried("appointment.toml", &over);
    assert!(over[1].ends_with("ends: what it was to come before is over"), "{over:?}");
}

/// `gateway.toml` with its commented keys taken in: they must be real keys with real defaults.
#[test]
fn commented_keys_are_real_and_show_the_default() {
    let path = folder().join("gateway.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let opened: String = text.lines().map(|line| format!("{}\n", opened(line))).collect();
    // A receiver that this file does not have.
    let opened = opened.replace("\nmail = \"webhook:sender\"", "");
    let opened = opened.replace("\npattern = \"9.\"", "");
    // A backup is locked with one of both.
    let opened = opened.replace("\npassphrase_file = \"/etc/branchline/secrets/backup\"", "");
    // A channel that it does not have.
    let opened = opened.replace("\nfallback = \"sim\"", "");
    let opened = opened.replace("\nfallback_after_s = 300", "");
    let all = config::load(&path, &|p| if p == path { Ok(opened.clone()) } else { read(p) });
    let all =
        all.unwrap_or_else(|problems| panic!("{}", branchline::cli::check::problems(&problems)));
    let mut plain = good("gateway.toml");
    // These default to another key that the file sets, or are an example of something that is off.
    for queue in &mut plain.settings.queues {
        queue.survey = all.settings.queues[0].survey.clone();
        queue.record_notice = all.settings.queues[0].record_notice.clone();
        queue.overflow_full = queue.overflow.clone();
        queue.overflow_wait = queue.overflow.clone();
        queue.overflow_no_agent = queue.overflow.clone();
    }
    assert_eq!(all.settings.limits, plain.settings.limits);
    assert_eq!(all.settings.trust, plain.settings.trust);
    assert_eq!(all.settings.capture.memory_mb, plain.settings.capture.memory_mb);
    assert_eq!(all.settings.capture.hep_id, plain.settings.capture.hep_id);
    assert_eq!(all.settings.features, plain.settings.features);
    assert_eq!(all.settings.admin, plain.settings.admin);
    assert_eq!(all.settings.log, plain.settings.log);
    assert_eq!(all.settings.sip.timers, plain.settings.sip.timers);
    assert_eq!(all.settings.sip.digests, plain.settings.sip.digests);
    assert_eq!(all.settings.sip.udp, plain.settings.sip.udp);
    assert_eq!(all.settings.sip.tls, plain.settings.sip.tls);
    assert_eq!(all.settings.media.codecs, plain.settings.media.codecs);
    assert_eq!(all.settings.queues, plain.settings.queues);
    assert_eq!(all.settings.emergency.outside_prefixes, plain.settings.emergency.outside_prefixes);
}

/// Asks the gateway itself which sections and keys there are, by a name that is none, and looks each up in the sample.
#[test]
fn every_section_and_every_key_is_explained() {
    let sample = std::fs::read_to_string(folder().join("gateway.toml")).unwrap();
    let sections = allowed("[zzz]");
    assert!(sections.len() > 15, "{sections:?}");
    for section in &sections {
        assert!(
            sample.contains(&format!("[{section}]")) || sample.contains(&format!("[{section}.")),
            "[{section}] is not in gateway.toml"
        );
        if section == "flow" || section == "journey" {
            continue; // Their keys are explained in flows/main.toml and in journeys/missed-call.toml.
        }
        let list = sample.contains(&format!("[[{section}]]"));
        let header = match list {
            true => format!("[[{section}]]"),
            // Each has a name.
            false if section == "channels" => "[channels.phones]".to_owned(),
            false => format!("[{section}]"),
        };
        let keys = allowed(&format!("{header}\nzzz = 1"));
        assert!(!keys.is_empty(), "{section}");
        for key in keys {
            let explained = sample.lines().any(|line| {
                let line = line.trim_start_matches("# ");
                let line = line.trim_start();
                let table = |line: &str| {
                    line.starts_with(&format!("[{section}.")) && line.contains(&format!(".{key}"))
                };
                line.starts_with(&format!("{key} = ")) || table(line)
            });
            assert!(explained, "`{key}` of {header} is not in gateway.toml");
        }
    }
}

/// Tables of channels stand there as examples, further in, since no channel has all of them.
#[test]
fn every_key_of_a_kind_of_channel_is_explained() {
    let sample = std::fs::read_to_string(folder().join("gateway.toml")).unwrap();
    for (table, example) in [("service", "texts"), ("smpp", "carrier"), ("mail", "post")] {
        let keys = allowed(&format!("[channels.a]\nkind = \"sip\"\n[channels.a.{table}]\nzzz = 1"));
        let from =
            sample.find(&format!("#   [channels.{example}.{table}]\n")).expect("it is there");
        let own = sample[from..].split("\n\n").next().expect("lines");
        for key in &keys {
            let line = format!("\n#   {key} = ");
            assert!(own.contains(&line), "`{key}` of `{table}` is not in gateway.toml");
        }
        let told = own.lines().filter(|line| line.starts_with("#   ") && line.contains(" = "));
        assert_eq!(told.count(), keys.len(), "{table}");
    }
}

/// The section of applications stands there as an example, since no box has any by itself: it is good, and whole.
#[test]
fn the_sample_of_applications_by_smpp_is_good() {
    let text = std::fs::read_to_string(folder().join("gateway.toml")).unwrap();
    let from = text.find("#   [smpp_server]\n").unwrap();
    let own = text[from..].split("\n\n").next().unwrap().lines();
    let own = own.filter_map(|line| line.strip_prefix("#   "));
    let own: String = own.map(|line| format!("{line}\n")).collect();
    let carrier = "[channels.carrier]\nkind = \"smpp\"\n[channels.carrier.smpp]\nhosts = [\"a:1\"]\n\
                   system_id = \"a\"\npassword = { credential = \"a\" }\n";
    let text = format!("{own}\n{carrier}");
    let path = folder().join("gateway.toml");
    let loaded = config::load(&path, &|p| if p == path { Ok(text.clone()) } else { read(p) });
    let loaded =
        loaded.unwrap_or_else(|problems| panic!("{}", branchline::cli::check::problems(&problems)));
    assert_eq!(loaded.settings.smpp_server.applications.len(), 1);
    for key in allowed("[smpp_server]\n[smpp_server.applications.a]\nzzz = 1") {
        let written = own.lines().any(|line| line.starts_with(&format!("{key} = ")));
        assert!(written, "`{key}` of an application is not in gateway.toml");
    }
}

/// The channel of modems, which no box has before somebody plugs one in: its keys are real, and every one is there.
#[test]
fn the_sample_of_a_channel_of_modems_is_good() {
    let text = std::fs::read_to_string(folder().join("gateway.toml")).unwrap();
    let from = text.find("#   [channels.sms]\n").unwrap();
    let own = text[from..].split("\n\n").next().unwrap().lines();
    let own = own.filter_map(|line| line.strip_prefix("#   "));
    let own: String = own.map(|line| format!("{line}\n")).collect();
    let site = "[[queue]]\nname = \"support\"\nmembers = []\n";
    let text = format!("{own}\n{site}");
    let path = folder().join("gateway.toml");
    let loaded = config::load(&path, &|p| if p == path { Ok(text.clone()) } else { read(p) });
    let loaded =
        loaded.unwrap_or_else(|problems| panic!("{}", branchline::cli::check::problems(&problems)));
    let sms = loaded.settings.channels.values().next().unwrap();
    let shared = sms.modem.clone().unwrap();
    assert_eq!((shared.max_parts, shared.reports), (10, true));
    for (header, keys) in [
        ("[channels.sms.modem]", allowed("[channels.sms]\nkind = 'modem'\nmodem = { zzz = 1 }")),
        (
            "[channels.sms.sim.front]",
            allowed("[channels.sms]\nkind = 'modem'\nsim.a = { zzz = 1 }"),
        ),
    ] {
        assert!(keys.len() > 5, "{keys:?}");
        for key in keys {
            let written = own.lines().any(|line| line.starts_with(&format!("{key} = ")));
            assert!(written, "`{key}` of {header} is not in gateway.toml");
        }
    }
}

/// What editors are given is what the program prints; a validator that others wrote takes every sample, and finds what is
/// wrong in one that is not.
#[test]
fn the_schema_is_the_programs_own_and_others_read_it() {
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_branchline"))
        .arg("schema")
        .output()
        .unwrap()
        .stdout;
    let file = folder().join("gateway.schema.json");
    assert!(
        printed == std::fs::read(&file).unwrap(),
        "firmware-config/gateway.schema.json is not what `branchline schema` prints"
    );
    let found = |samples: &[PathBuf]| {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python/bin/python3");
        let script = "import sys, json, tomllib, jsonschema\n\
            schema = json.load(open(sys.argv[1]))\n\
            jsonschema.Draft202012Validator.check_schema(schema)\n\
            for file in sys.argv[2:]:\n \
            for e in jsonschema.Draft202012Validator(schema).iter_errors(tomllib.load(open(file, 'rb'))):\n  \
            print('.'.join(map(str, e.absolute_path)), e.message)";
        let told = std::process::Command::new(python)
            .args(["-c", script])
            .arg(&file)
            .args(samples)
            .output()
            .expect("python: tests/run installs what this needs");
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8(told.stdout).unwrap()
    };
    let sites = std::fs::read_dir(folder().join("sites")).unwrap();
    let mut samples: Vec<_> = sites.map(|entry| entry.unwrap().path()).collect();
    samples.push(folder().join("gateway.toml"));
    samples.push(folder().join("defaults/site.toml"));
    assert_eq!(found(&samples), "");

    let wrong = std::env::temp_dir().join(format!("branchline-schema-{}.toml", std::process::id()));
    let text = "[site]\nnaem = 'x'\n[[trunk]]\nname = 'a'\nmax_calls = 70000\ntransport = 'pigeon'\n[zzz]\n";
    std::fs::write(&wrong, text).unwrap();
    let told = found(std::slice::from_ref(&wrong));
    std::fs::remove_file(&wrong).unwrap();
    for words in
        ["'naem' was unexpected", "70000 is greater", "'pigeon' is not one of", "'zzz' was"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
}

/// The names that the answer to the unknown name `zzz` lists.
fn allowed(text: &str) -> Vec<String> {
    let draft = config::draft(Path::new("g"), &|_| Ok(text.to_owned())).unwrap();
    let flows = draft.loaded.flows(Default::default()).err().unwrap_or_default();
    let mut problems = draft.problems.into_iter().chain(flows);
    let unknown = problems.find(|problem| problem.what.contains("`zzz`")).expect("zzz is unknown");
    let listed = unknown.allowed.expect("a list");
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn opened(line: &str) -> &str {
    let is_key = |rest: &&str| {
        rest.split_once(" = ").is_some_and(|(key, _)| {
            key.bytes().all(|b| b.is_ascii_lowercase() || b"_0123456789".contains(&b))
        })
    };
    line.strip_prefix("# ").filter(is_key).unwrap_or(line)
}

/// What this thread has computed so far: others on the same cores do not count.
fn spent() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).expect("every Linux has this clock").into()
}

/// Twice the phones take about twice the time: with a look at all names for each reference it was four times.
#[test]
fn thousands_of_extensions_are_checked_in_a_moment() {
    let branch = |count: usize| {
        let one = |number: usize| {
            format!(
                "[[extension]]\nnumber = \"{number}\"\nsecret = {{ credential = \"p\" }}\n\
                 [[inbound]]\nnumber = \"+49301{number}\"\nto = \"extension:{number}\"\n\
                 [[agent]]\nid = \"a{number}\"\nextension = \"{number}\"\n"
            )
        };
        (10_000..10_000 + count).map(one).collect::<String>()
    };
    let took = |text: &str| {
        let one = || {
            let began = spent();
            let loaded = config::load(Path::new("/etc/branchline/gateway.toml"), &|path| {
                if path.ends_with("gateway.toml") {
                    return Ok(text.to_owned());
                }
                Err(std::io::ErrorKind::NotFound.into())
            });
            let loaded = loaded.unwrap_or_else(|problems| panic!("{}", problems[0]));
            assert!(loaded.settings.extensions.len() >= 500);
            spent() - began
        };
        (0..3).map(|_| one()).min().expect("three")
    };
    let (few, many) = (took(&branch(500)), took(&branch(4_000)));
    println!("500 extensions: {few:?}, 4,000: {many:?}");
    assert!(many < few * 24, "500 extensions: {few:?}, 4,000: {many:?}");
}
