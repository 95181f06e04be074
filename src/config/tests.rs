//! Each mistake an admin can make, and where the answer points.

use super::*;

const GOOD: &str = r#"
[site]
name = "Test"
time_zone = "America/Chicago"
country = "US"

[[extension]]
number = "201"
secret = { file = "/etc/branchline/secrets/201" }

[[extension]]
number = "202"
secret = { credential = "phone-202" }

[[trunk]]
name = "carrier"
accept_from = ["127.0.0.1", "192.0.2.0/24"]
servers = ["sip.example.net:5060"]
register = { username = "u", secret = { credential = "carrier" } }

[[inbound]]
number = "+15550100"
to = "ivr:main"

[[internal]]
number = "700"
to = "queue:support"

[[outbound]]
name = "outside"
prefix = "9"
strip = 1
trunks = ["carrier"]

[[queue]]
name = "support"
members = ["ann"]

[[agent]]
id = "ann"
extension = "201"
skills = { spanish = 5 }

[flow.main]
file = "flows/main.toml"

[flow.night]
start = "bye"

[emergency]
location = "office"

[[location]]
name = "office"
house_number = "12"
street = "Main St"
city = "Springfield"
"#;

fn try_load(text: &str) -> Result<Loaded, Vec<Problem>> {
    load(Path::new("/etc/branchline/gateway.toml"), &|path| match path.to_str() {
        Some("/etc/branchline/gateway.toml") => Ok(text.to_owned()),
        Some("/etc/branchline/flows/main.toml") => Ok("start = \"hello\"".to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    })
}

/// What is said of `GOOD` with `from` replaced.
fn broken(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    let problems = try_load(&text).expect_err("this is a mistake");
    problems.iter().map(Problem::to_string).collect()
}

#[track_caller]
fn one_saying(problems: &[String], parts: &[&str]) {
    assert_eq!(problems.len(), 1, "{}", problems.join("\n"));
    for part in parts {
        assert!(problems[0].contains(part), "no {part:?} in:\n{}", problems[0]);
    }
}

#[test]
fn a_good_file_loads_with_everything_in_it() {
    let loaded = try_load(GOOD).unwrap_or_else(|p| panic!("{}", p[0]));
    assert_eq!(loaded.settings.extensions.len(), 2);
    assert_eq!(loaded.settings.queues[0].music, "hold-music");
    assert_eq!(loaded.settings.media.port_min, 16_384);
    assert_eq!(loaded.settings.secrets().len(), 3);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let names: Vec<_> = loaded.flows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["main", "night"]);
    let read = |place: usize| loaded.flows[place].1.read::<BTreeMap<String, String>>().unwrap();
    assert_eq!((read(0)["start"].as_str(), read(1)["start"].as_str()), ("hello", "bye"));
}

#[test]
fn an_empty_file_is_a_branch_with_defaults_and_a_warning() {
    let loaded = try_load("").unwrap();
    assert_eq!(loaded.settings.sip.udp.len(), 2);
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].to_string().starts_with("warning: calls for help"));
}

#[test]
fn a_goal_that_no_flow_comes_to_is_told() {
    let said = |goals: &str| {
        let flow = "[flow.hours]\nstart = \"told\"\n[flow.hours.hang_up.told]\nprompt = \"bye\"\n";
        let text = format!("{flow}[reports]\ngoals = [{goals}]\n");
        let clips = BTreeSet::from(["bye".to_owned(), "hold-music".to_owned()]);
        let loaded = try_load(&text).unwrap_or_else(|problems| panic!("{}", problems[0]));
        let problems = loaded.flows(clips).err().unwrap_or_default();
        problems.iter().map(Problem::to_string).collect::<Vec<_>>()
    };
    assert!(said("\"told\"").is_empty());
    let wrong = ["no flow has a node `tolt`", "reports.goals[1]", "did you mean `told`?"];
    one_saying(&said("\"told\", \"tolt\""), &wrong);
}

#[test]
fn an_unknown_key_is_told_with_the_nearest() {
    let said = broken("strip = 1", "stirp = 1");
    one_saying(
        &said,
        &[
            "unknown key `stirp`",
            "gateway.toml:32:1",
            "^^^^^",
            "outbound[0].stirp",
            "did you mean `strip`?",
        ],
    );
}

#[test]
fn a_capture_servers_key_stands_in_a_file_and_is_for_a_server() {
    let said = |text: &str| match try_load(&format!("{GOOD}\n[capture]\n{text}")) {
        Ok(loaded) => Ok(loaded.settings.secrets().len()),
        Err(problems) => Err(problems.iter().map(Problem::to_string).collect::<Vec<_>>()),
    };
    let key = "hep_key = { file = \"k\" }";
    assert_eq!(said(&format!("hep = \"192.0.2.7:9060\"\n{key}")), Ok(4));
    one_saying(&said(key).unwrap_err(), &["no capture server", "capture.hep_key"]);
    let clear = said("hep = \"192.0.2.7:9060\"\nhep_key = \"sesame\"").unwrap_err();
    one_saying(&clear, &["may not stand in the configuration in clear"]);
    assert!(!clear[0].contains("sesame"), "{clear:?}");
}

#[test]
fn an_unknown_section_is_told_with_the_nearest() {
    let said = broken("[flow.night]\nstart = \"bye\"", "[medai]");
    one_saying(&said, &["unknown section `medai`", "did you mean `media`?"]);
    assert!(super::SECTIONS.iter().all(|name| said[0].contains(&format!("`{name}`"))), "{said:?}");
    assert!(said[0].lines().all(|line| line.len() < 100), "no line runs over the edge: {said:?}");
}

#[test]
fn a_wrong_type_is_told_with_what_is_allowed() {
    let said = broken("strip = 1", "strip = \"one\"");
    one_saying(&said, &["gateway.toml:32:9", "outbound[0].strip", "a whole number from 0 to 255"]);
}

#[test]
fn a_missing_key_is_told_at_its_table() {
    one_saying(&broken("to = \"ivr:main\"\n", ""), &["`to` is missing", "inbound[0]", ":21:"]);
}

#[test]
fn a_value_out_of_range_is_told_with_the_range() {
    one_saying(
        &broken("spanish = 5", "spanish = 11"),
        &["11 is out of range", "1 to 10", "agent[0].skills.spanish"],
    );
    one_saying(
        &broken("[flow.night]", "[media]\nport_min = 80\n[flow.night]"),
        &["80 is out of range", "1024 to 65000"],
    );
}

#[test]
fn phones_need_some_hash() {
    one_saying(
        &broken("[site]", "[sip]\ndigests = []\n[site]"),
        &["no phone could prove", "sip.digests"],
    );
    one_saying(
        &broken("[site]", "[sip]\ndigests = [\"sha256\"]\n[site]"),
        &["did you mean `sha-256`"],
    );
}

#[test]
fn a_secret_in_clear_is_refused_and_not_repeated() {
    let said = broken("secret = { credential = \"phone-202\" }", "secret = \"hunter2\"");
    one_saying(&said, &["in clear", "extension[1].secret", "credential"]);
    assert!(!said[0].contains("hunter2"));
    let said = broken("secret = { credential = \"carrier\" }", "secret = \"hunter2\"");
    one_saying(&said, &["in clear", "trunk[0].register.secret"]);
    assert!(!said[0].contains("hunter2"));
    assert!(!format!("{:?}", try_load(GOOD).unwrap().settings).contains("phone-202"));
}

#[test]
fn duplicates_are_told_with_the_other_line() {
    one_saying(
        &broken("number = \"202\"", "number = \"201\""),
        &["another extension already, on line 8"],
    );
}

#[test]
fn overlapping_numbers_are_told() {
    one_saying(
        &broken("number = \"700\"", "number = \"201\""),
        &["201 is taken by the extension on line 8"],
    );
    one_saying(
        &broken("number = \"+15550100\"", "number = \"202\""),
        &["202 is taken by the extension"],
    );
    one_saying(
        &broken("number = \"700\"", "number = \"*41\""),
        &["*41 is taken by the internal number"],
    );
    one_saying(
        &broken("number = \"700\"", "number = \"911\""),
        &["911 reaches emergency services"],
    );
    one_saying(
        &broken("number = \"700\"", "number = \"9911\""),
        &["9911 reaches emergency services"],
    );
}

#[test]
fn references_that_lead_nowhere_are_told_with_the_nearest() {
    one_saying(
        &broken("to = \"queue:support\"", "to = \"queue:suport\""),
        &["no queue `suport`", "did you mean `support`?"],
    );
    one_saying(
        &broken("to = \"ivr:main\"", "to = \"ivr:mian\""),
        &["no flow `mian`", "did you mean `main`?"],
    );
    one_saying(
        &broken("trunks = [\"carrier\"]", "trunks = [\"carier\"]"),
        &["no trunk `carier`", "outbound[0].trunks[0]"],
    );
    one_saying(
        &broken("members = [\"ann\"]", "members = [\"anne\"]"),
        &["no agent `anne`", "did you mean `ann`?"],
    );
    one_saying(&broken("extension = \"201\"", "extension = \"209\""), &["no extension `209`"]);
    one_saying(
        &broken("flows/main.toml", "flows/mian.toml"),
        &["the flow cannot be read", "mian.toml"],
    );
    one_saying(&broken("America/Chicago", "America/Chicgo"), &["did you mean `America/Chicago`?"]);
}

#[test]
fn a_rule_that_takes_everything_off_or_doubles_another_is_told() {
    one_saying(&broken("strip = 1", "strip = 2"), &["2 characters are taken off", "0 to 1"]);
    let twin =
        "[[outbound]]\nname = \"twin\"\npattern = \"9.\"\ntrunks = [\"carrier\"]\n\n[[queue]]";
    one_saying(&broken("[[queue]]", twin), &["`outside` and `twin` take the same numbers"]);
}

#[test]
fn every_mistake_is_listed_and_a_mistake_makes_no_others() {
    let text = GOOD
        .replacen("strip = 1", "strip = \"x\"\ncolour = 1", 1)
        .replacen("number = \"202\"\n", "", 1)
        .replacen("secret = { credential = \"phone-202\" }", "ring_time = \"long\"", 1)
        .replacen("members = [\"ann\"]", "members = [\"bob\", 7]", 1)
        .replacen("id = \"ann\"", "id = \"ann\"\nlevel = 3", 1);
    let problems = try_load(&text).unwrap_err();
    let keys: Vec<_> = problems.iter().map(|p| (p.line, p.what.as_str())).collect();
    let whats: Vec<_> = problems.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(problems.len(), 7, "{keys:?}");
    for key in [
        "outbound[0].strip",
        "outbound[0].colour",
        "extension[1].ring_time",
        "queue[0].members[1]",
        "agent[0].level",
    ] {
        assert!(whats.contains(&key), "{key} not in {whats:?}");
    }
}

#[test]
fn every_syntax_error_is_told() {
    let problems = try_load("[site\nname = \n[sip]\nrealm = \"x").unwrap_err();
    assert!(problems.len() >= 2, "{problems:?}");
    assert!(problems.iter().all(|p| p.line > 0));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let problems = load(Path::new("/nowhere"), &|_| Err(io::Error::from(io::ErrorKind::NotFound)))
        .unwrap_err();
    assert!(problems[0].to_string().contains("cannot be read"));
}

/// What `check` says about the flow in `flows/main.toml` when that reads `flow`, and about `gateway.toml`.
fn told_of_flow(flow: &str, gateway: &str) -> Vec<String> {
    let text = GOOD.replace("\n[flow.night]\nstart = \"bye\"\n", "") + gateway;
    let loaded = load(Path::new("/etc/branchline/gateway.toml"), &|path| match path.to_str() {
        Some("/etc/branchline/flows/main.toml") => Ok(flow.to_owned()),
        _ => Ok(text.clone()),
    });
    let clips = crate::ivr::prompts::builtin().map(|(name, _)| name.to_owned()).collect();
    let problems = loaded.unwrap().flows(clips).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_bad_flow_is_told_in_its_own_file_with_the_nearest() {
    let good =
        "start = \"m\"\n[menu.m]\nprompt = \"welcome\"\nchoices = { 1 = \"queue:support\" }\n";
    assert_eq!(told_of_flow(good, ""), [""; 0]);
    let told = |from: &str, to: &str| told_of_flow(&good.replace(from, to), "");
    one_saying(
        &told("welcome", "welcom"),
        &["no prompt `welcom`", "flows/main.toml:3:10", "did you mean `welcome`"],
    );
    one_saying(
        &told("queue:support", "queue:suport"),
        &["no queue `suport`", "flows/main.toml:4:17", "did you mean `support`"],
    );
    one_saying(
        &told("prompt", "retrys = 1\nprompt"),
        &["unknown key `retrys`", "flows/main.toml:3:1", "menu.m.retrys", "did you mean `retries`"],
    );
    one_saying(
        &told("start = \"m\"", "start = \"n\""),
        &["no node `n`", "flows/main.toml:1:9", "`m`"],
    );
    let lost = format!("{good}[say.lost]\nprompt = \"welcome\"\nnext = \"lsot\"\n");
    one_saying(
        &told_of_flow(&lost, ""),
        &["no node `lsot`", "flows/main.toml:7:8", "did you mean `lost`"],
    );
    let lost = format!("{good}[say.lost]\nprompt = \"welcome\"\nnext = \"m\"\n");
    one_saying(&told_of_flow(&lost, ""), &["no way leads to node `lost`", "flows/main.toml:5:6"]);
    let round = good.replace("prompt", "otherwise = \"m\"\nprompt");
    one_saying(&told_of_flow(&round, ""), &["go round for ever: m -> m", "flows/main.toml:2:7"]);
}

#[test]
fn a_bad_calendar_is_told_at_its_line() {
    let good =
        "start = \"m\"\n[menu.m]\nprompt = \"welcome\"\nchoices = { 1 = \"queue:support\" }\n";
    let calendar = "\n[[calendar]]\nname = \"office\"\nholidays = [\"31-12\"]\n";
    one_saying(
        &told_of_flow(good, calendar),
        &["this is not a date", "gateway.toml:58:13", "`2026-12-24`"],
    );
    let music = GOOD.replace("members = [\"ann\"]", "members = [\"ann\"]\nmusic = \"hold-musik\"");
    let loaded =
        load(Path::new("g"), &|_| Ok(music.replace("file = \"flows/main.toml\"", "start = \"x\"")))
            .unwrap();
    let clips = crate::ivr::prompts::builtin().map(|(name, _)| name.to_owned()).collect();
    let told: Vec<_> =
        loaded.flows(clips).err().unwrap_or_default().iter().map(ToString::to_string).collect();
    assert!(
        told[0].contains("no prompt `hold-musik`") && told[0].contains("did you mean `hold-music`"),
        "{told:?}"
    );
}

#[test]
fn queues_that_overflow_in_a_circle_are_told_once() {
    let sales = "[[queue]]\nname = \"sales\"\noverflow_no_agent = \"queue:support\"\n\n[[agent]]";
    let gateway = GOOD.replacen("[[agent]]", sales, 1);
    let gateway = gateway.replacen(
        "members = [\"ann\"]",
        "members = [\"ann\"]\noverflow = \"queue:sales\"",
        1,
    );
    let problems = try_load(&gateway).expect_err("a circle");
    let said: Vec<_> = problems.iter().map(Problem::to_string).collect();
    one_saying(&said, &["callers would go round: support -> sales -> support", "overflow"]);
    let onward = gateway.replacen("overflow_no_agent = \"queue:support\"", "", 1);
    assert!(try_load(&onward).is_ok());
}

#[test]
fn a_port_cannot_be_for_sip_and_for_audio() {
    let said = broken("[flow.night]", "[media]\nport_min = 5000\nport_max = 6000\n[flow.night]");
    one_saying(&said, &["port 5060 is for SIP", "media.port_min"]);
}

#[test]
fn a_network_of_all_addresses_is_refused_by_what_it_would_do() {
    let said = broken("192.0.2.0/24", "0.0.0.0/0");
    one_saying(&said, &["would let anybody call without a password"]);
    let said = broken("192.0.2.0/24", "192.0.2.0/33");
    one_saying(&said, &["is no address or network"]);
}

#[test]
fn two_agents_at_one_phone_are_told() {
    let agent = "[[agent]]\nid = \"bob\"\nextension = \"201\"\n\n[[agent]]";
    one_saying(&broken("[[agent]]", agent), &["201 is the phone of agent `bob`"]);
}

#[test]
fn a_rule_for_an_emergency_number_is_warned_of() {
    let text = GOOD.replacen("prefix = \"9\"\nstrip = 1", "pattern = \"911\"", 1);
    let loaded = try_load(&text).expect("only a warning");
    assert!(loaded.warnings[0].what.contains("rule `outside` takes nothing"));
}

#[test]
fn an_address_without_a_port_is_told_with_how_one_looks() {
    let said = broken("[flow.night]", "[sip]\nudp = [\"127.0.0.1\"]\n[flow.night]");
    one_saying(&said, &["this is no address with a port", "such as `0.0.0.0:5060`"]);
}

#[test]
fn a_table_that_should_be_a_list_is_told() {
    let said = broken("[[extension]]\nnumber = \"202\"", "[extension]\nnumber = \"202\"");
    assert!(said[0].contains("`[[extension]]` before each one"), "{}", said[0]);
}

#[test]
fn mistakes_of_flows_are_told_beside_those_of_the_main_file() {
    let text = GOOD.replacen("strip = 1", "strip = \"one\"", 1).replacen("members", "membres", 1);
    let text = text.replacen(
        "start = \"bye\"",
        "start = \"m\"\n[flow.night.goto.m]\nto = \"queue:suport\"",
        1,
    );
    let path = Path::new("/etc/branchline/gateway.toml");
    let main = "start = \"m\"\n[goto.m]\nto = \"queue:support\"";
    let read = |p: &Path| Ok(if p == path { text.clone() } else { main.to_owned() });
    let draft = draft(path, &read).unwrap();
    assert_eq!(draft.problems.len(), 2, "{:?}", draft.problems);
    let clips = BTreeSet::from(["goodbye".to_owned()]);
    let flows = draft.loaded.flows(clips).unwrap_err();
    let said: Vec<_> = flows.iter().map(Problem::to_string).collect();
    // The queue with a mistake of its own is known all the same.
    one_saying(&said, &["did you mean `support`?"]);
}

#[test]
fn a_missing_prompt_hides_no_mistake_of_a_flow() {
    let text = GOOD.replacen("members = [\"ann\"]", "members = [\"ann\"]\nmusic = \"jazz\"", 1);
    let text = text.replacen(
        "start = \"bye\"",
        "start = \"m\"\n[flow.night.goto.m]\nto = \"queue:suport\"",
        1,
    );
    let path = Path::new("/etc/branchline/gateway.toml");
    let main = "start = \"m\"\n[goto.m]\nto = \"queue:support\"";
    let read = |p: &Path| Ok(if p == path { text.clone() } else { main.to_owned() });
    let flows = draft(path, &read).unwrap().loaded.flows(BTreeSet::new()).unwrap_err();
    let said: Vec<_> = flows.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(said, ["there is no prompt `jazz`", "there is no queue `suport`"]);
}

#[test]
fn phones_that_help_would_not_find_are_named() {
    let warned = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        let loaded = try_load(&GOOD.replacen(from, to, 1)).expect("it is only a warning");
        loaded.warnings.iter().map(Problem::to_string).collect::<Vec<_>>()
    };
    let told = warned("location = \"office\"\n", "");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("help is not told where 201 is") && told[0].contains(":8:10"),
        "{told:?}"
    );
    let own = warned("number = \"201\"", "number = \"201\"\nlocation = \"office\"");
    assert!(own.is_empty(), "{own:?}");
    let none = GOOD.split("[emergency]").next().unwrap();
    let told = try_load(none).unwrap().warnings;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].what.contains("there is no [[location]]"));
    one_saying(&warned("city = \"Springfield\"\n", ""), &["help may not find `office`", "`city`"]);
    let callback = "city = \"Springfield\"\ncallback = \"+15550100\"";
    one_saying(&warned("city = \"Springfield\"", callback), &["for 12 hours", "+15550100"]);
}

#[test]
fn places_and_networks_that_cannot_be_are_told() {
    let location = |line: &str| format!("city = \"Springfield\"\n{line}");
    one_saying(
        &broken("location = \"office\"", "location = \"ofice\""),
        &["there is no location `ofice`", "office"],
    );
    one_saying(
        &broken("number = \"202\"", "number = \"202\"\nlocation = \"hall\""),
        &["there is no location `hall`"],
    );
    one_saying(
        &broken("city = \"Springfield\"", &location("networks = [\"10.0.0.0/33\"]")),
        &["no network of phones"],
    );
    one_saying(
        &broken("city = \"Springfield\"", &location("country = \"usa\"")),
        &["`usa` is no country"],
    );
    one_saying(
        &broken("city = \"Springfield\"", &location(&format!("room = \"{}\"", "x".repeat(121)))),
        &["at most 120"],
    );
    one_saying(
        &broken("location = \"office\"", "location = \"office\"\nnetworks = [\"0.0.0.0/0\"]"),
        &["would let anybody call for help"],
    );
    one_saying(
        &broken("location = \"office\"", "location = \"office\"\ncallback_hours = 73"),
        &["0 to 72"],
    );
}

#[test]
fn lines_and_queues_have_no_key_to_ask_for_a_recording_with() {
    for (section, key) in [("trunk", "trunk[0].record"), ("queue", "queue[0].record")] {
        let heading = format!("[[{section}]]\n");
        let asked = format!("{heading}record = \"on-demand\"\n");
        one_saying(&broken(&heading, &asked), &[key, "only phones record on demand", "`always`"]);
    }
}

#[test]
fn a_relay_is_what_browsers_take_for_one_and_has_a_secret() {
    let with = |turn: &str| broken("[flow.night]", &format!("[web.turn]\n{turn}\n[flow.night]"));
    let secret = "secret = { file = \"/etc/branchline/secrets/turn\" }";
    for url in ["http://relay", "turn:", "turn:relay:0", "turn:a@b", "turn:relay?transport=sctp"] {
        let said = with(&format!("urls = [\"{url}\"]\n{secret}"));
        assert!(said.iter().any(|said| said.contains("is no relay")), "{url}: {said:?}");
    }
    assert!(with("urls = [\"turn:relay\"]").iter().any(|said| said.contains("passwords")));
    assert!(with(secret).iter().any(|said| said.contains("no relay")));
    for url in ["turn:relay", "turns:[2001:db8::1]:443?transport=tcp", "turn:192.0.2.7:3478"] {
        let said = with(&format!("urls = [\"{url}\"]\n{secret}\nhours = 90"));
        assert!(said.iter().all(|said| said.contains("hours")), "{url}: {said:?}");
    }
}

const CARRIER: &str = "[channels.texts]\nkind = \"smpp\"\n[channels.texts.smpp]\nhosts = [\"smpp.example.com:2775\"]\n\
                       system_id = \"branch\"\npassword = { credential = \"smpp\" }\n\n[emergency]";

#[test]
fn mistakes_about_a_carrier_of_text_messages_are_found() {
    let with = |from: &str, to: &str| {
        let own = CARRIER.replacen(from, to, 1);
        assert_ne!(own, CARRIER, "{from}");
        broken("[emergency]", &own)
    };
    let good = GOOD.replacen("[emergency]", CARRIER, 1);
    let loaded = try_load(&good).unwrap_or_else(|problems| panic!("{}", problems[0]));
    assert_eq!(loaded.settings.secrets().len(), 4);
    for (from, to, parts) in [
        (
            "smpp.example.com:2775",
            "smpp.example.com",
            &["`smpp.example.com` is no host with a port"][..],
        ),
        ("[\"smpp.example.com:2775\"]", "[]", &["a carrier has 0 hosts", "1 to 8"]),
        ("\"branch\"", "\"a name that is too long\"", &["SMPP has no room for that", "up to 15"]),
        ("\"branch\"", "\"branch\"\nenquire_s = 1", &["1 is out of range", "5 to 600"]),
        ("\"branch\"", "\"branch\"\nto_ton = 9", &["9 is out of range", "0 to 6"]),
        (
            "\"branch\"",
            "\"branch\"\nfrom = \"Our bakery in town\"",
            &["nobody can send from there"],
        ),
        ("\"branch\"", "\"branch\"\nauthorities = \"/a.pem\"", &["nothing is proved without TLS"]),
        ("\"branch\"", "\"branch\"\ndcs0 = \"ebcdic\"", &["`gsm`", "ebcdic"]),
        ("{ credential = \"smpp\" }", "\"hunter2\"", &["a secret may not stand", "password"]),
        ("kind = \"smpp\"", "kind = \"sip\"", &["this channel is no carrier's SMPP"]),
    ] {
        one_saying(&with(from, to), parts);
    }
    let alone = "[channels.texts]\nkind = \"smpp\"\n\n[emergency]";
    one_saying(
        &broken("[emergency]", alone),
        &["nothing says where the carrier is", "[channels.texts.smpp]"],
    );
}
