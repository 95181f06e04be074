//! What no single section can know: ranges, duplicates, overlapping numbers, and references that lead nowhere.
//!
//! It reports places in the file and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use super::document::{Document, Step};
use super::problem::Problem;
use super::settings::{Settings, Trunk};
use super::{Fragment, Places, SecretRef};
use crate::address::Number;
use crate::call::plan::{Outbound, Plan, Target};

use Step::{At, Key};

/// Characters of an extension: one-digit ones would swallow outside prefixes, and nobody dials nine to a colleague.
const EXTENSION_DIGITS: RangeInclusive<usize> = 2..=8;

/// Reports everything that is wrong across sections.
pub(super) fn check(
    document: &Document<'_>,
    settings: &Settings,
    places: &Places,
    out: &mut Vec<Problem>,
) {
    let mut check = Check { document, settings, places, out };
    check.ranges();
    check.site();
    check.names();
    check.numbers();
    check.targets();
    check.trunks();
    check.outbound();
    check.queues_and_agents();
    check.emergency();
}

struct Check<'c, 'i> {
    document: &'c Document<'i>,
    settings: &'c Settings,
    places: &'c Places,
    out: &'c mut Vec<Problem>,
}

impl<'c> Check<'c, '_> {
    /// Where the `index`th readable element of a list stands in the file.
    fn place(&self, section: &str, index: usize) -> usize {
        self.places.get(section).and_then(|places| places.get(index)).copied().unwrap_or(index)
    }

    fn tell(&mut self, path: &[Step<'_>], what: impl Into<String>, allowed: &str) {
        let problem = self.document.problem(path, what);
        self.out.push(if allowed.is_empty() { problem } else { problem.allowing(allowed) });
    }

    fn within<T: PartialOrd + Display + Copy>(
        &mut self,
        path: &[Step<'_>],
        value: T,
        range: RangeInclusive<T>,
    ) {
        if !range.contains(&value) {
            let allowed = format!("{} to {}", range.start(), range.end());
            self.tell(path, format!("{value} is out of range"), &allowed);
        }
    }

    /// What the `key` of every element of a list says in the file, also of elements that could not be read.
    fn raw_names(&self, section: &str, key: &str) -> Vec<&'c str> {
        let count = self.document.len(&[Key(section)]).unwrap_or(0);
        (0..count).filter_map(|i| self.document.text(&[Key(section), At(i), Key(key)])).collect()
    }

    fn flow_names(&self) -> Vec<&'c str> {
        self.document.keys(&[Key("flow")]).into_iter().map(|(name, _)| name).collect()
    }

    fn known(&mut self, path: &[Step<'_>], kind: &str, name: &str, all: &[&str]) {
        if !all.contains(&name) {
            let what = format!("there is no {kind} `{name}`");
            let mut problem =
                self.document.problem(path, what).suggesting(name, all.iter().copied());
            if all.is_empty() {
                problem = problem.allowing(format!("no {kind} is configured yet"));
            }
            self.out.push(problem);
        }
    }

    fn ranges(&mut self) {
        let (timers, media, limits) =
            (&self.settings.sip.timers, &self.settings.media, &self.settings.limits);
        let timer = |key| [Key("sip"), Key("timers"), Key(key)];
        self.within(&timer("t1_ms"), timers.t1_ms, 100..=2_000);
        self.within(&timer("t2_ms"), timers.t2_ms, 1_000..=16_000);
        self.within(&timer("t4_ms"), timers.t4_ms, 1_000..=16_000);
        self.within(&timer("register_min_s"), timers.register_min_s, 30..=3_600);
        self.within(&timer("register_default_s"), timers.register_default_s, 60..=86_400);
        self.within(&timer("register_max_s"), timers.register_max_s, 60..=86_400);
        let span = timers.register_min_s..=timers.register_max_s;
        if !span.contains(&timers.register_default_s) {
            let allowed = "register_min_s <= register_default_s <= register_max_s";
            self.tell(
                &timer("register_default_s"),
                "the three registration times are out of order",
                allowed,
            );
        }
        self.within(&[Key("media"), Key("port_min")], media.port_min, 1_024..=65_000);
        if media.port_max < media.port_min.saturating_add(3) {
            let what = format!(
                "the pool from {} to {} has no room for one call",
                media.port_min, media.port_max
            );
            self.tell(
                &[Key("media"), Key("port_max")],
                what,
                "`port_max` at least 3 above `port_min`",
            );
        }
        if media.port_min % 2 != 0 {
            self.tell(
                &[Key("media"), Key("port_min")],
                "RTP begins at an even port",
                "an even number",
            );
        }
        self.within(&[Key("media"), Key("threads")], media.threads, 0..=64);
        if media.codecs.is_empty() {
            self.tell(
                &[Key("media"), Key("codecs")],
                "no codec is left",
                "`pcmu`, `pcma`, `g722`, `opus`",
            );
        }
        self.within(&[Key("limits"), Key("calls")], limits.calls, 1..=10_000);
        self.within(
            &[Key("limits"), Key("calls_per_extension")],
            limits.calls_per_extension,
            1..=100,
        );
        self.within(
            &[Key("limits"), Key("new_calls_per_second")],
            limits.new_calls_per_second,
            1..=1_000,
        );
    }

    fn site(&mut self) {
        let (site, sip) = (&self.settings.site, &self.settings.sip);
        let zones = jiff::tz::TimeZoneDatabase::bundled();
        if zones.get(&site.time_zone).is_err() {
            let names: Vec<String> =
                zones.available().map(|name| name.as_str().to_owned()).collect();
            let at = [Key("site"), Key("time_zone")];
            let what = format!("there is no time zone `{}`", site.time_zone);
            let problem =
                self.document.problem(&at, what).allowing("an IANA name such as `America/Chicago`");
            self.out.push(problem.suggesting(&site.time_zone, names.iter().map(String::as_str)));
        }
        if sip.certificate.is_some() != sip.private_key.is_some() {
            self.tell(
                &[Key("sip")],
                "`certificate` and `private_key` come together",
                "both, or neither",
            );
        }
        if sip.digests.is_empty() {
            self.out.push(
                self.document
                    .problem(&[Key("sip"), Key("digests")], "no phone could prove its password")
                    .allowing("`[\"sha-256\", \"md5\"]`, or one of the two"),
            );
        }
        if sip.realm.is_empty()
            || sip.realm.contains(['"', '\\'])
            || sip.realm.contains(char::is_control)
        {
            self.tell(
                &[Key("sip"), Key("realm")],
                "a realm is text without quotes",
                "such as `branch.example`",
            );
        }
        let overlap = |list: &[SocketAddr]| {
            (1..list.len()).find(|i| {
                list.get(..*i)
                    .is_some_and(|before| list.get(*i).is_some_and(|a| before.contains(a)))
            })
        };
        for (key, list) in [("udp", &sip.udp), ("tcp", &sip.tcp), ("tls", &sip.tls)] {
            if let Some(place) = overlap(list) {
                self.tell(
                    &[Key("sip"), Key(key), At(place)],
                    "this address stands in the list twice",
                    "",
                );
            }
        }
        if let Some(both) = sip.tls.iter().position(|address| sip.tcp.contains(address)) {
            self.tell(
                &[Key("sip"), Key("tls"), At(both)],
                "TCP listens at this address already",
                "",
            );
        }
    }

    /// No two things of a kind have one name.
    fn names(&mut self) {
        let kinds = [
            ("extension", "number"),
            ("trunk", "name"),
            ("queue", "name"),
            ("agent", "id"),
            ("outbound", "name"),
        ];
        for (section, key) in kinds {
            let mut first: BTreeMap<&str, usize> = BTreeMap::new();
            for place in 0..self.document.len(&[Key(section)]).unwrap_or(0) {
                let at = [Key(section), At(place), Key(key)];
                let Some(name) = self.document.text(&at) else { continue };
                if name.is_empty() {
                    self.tell(&at, format!("`{key}` is empty"), "at least one character");
                } else if let Some(before) = first.get(name) {
                    let line = self.line(&[Key(section), At(*before), Key(key)]);
                    self.tell(
                        &at,
                        format!(
                            "`{name}` is the {key} of another {section} already, on line {line}"
                        ),
                        "",
                    );
                } else {
                    first.insert(name, place);
                }
            }
        }
        for (index, extension) in self.settings.extensions.iter().enumerate() {
            let at = [Key("extension"), At(self.place("extension", index)), Key("number")];
            let text = extension.number.as_str();
            if !text.bytes().all(|b| b.is_ascii_digit()) || !EXTENSION_DIGITS.contains(&text.len())
            {
                self.tell(&at, format!("`{text}` cannot be an extension"), "2 to 8 digits");
            }
            let at = [Key("extension"), At(self.place("extension", index)), Key("ring_time")];
            self.within(&at, extension.ring_time, 5..=180);
        }
    }

    fn line(&self, path: &[Step<'_>]) -> usize {
        self.document.problem(path, "").line
    }

    /// No two rules take the same dialled number, and none takes one that is for help.
    fn numbers(&mut self) {
        let plan = Plan::new(self.settings.dial_rules());
        let help: BTreeSet<&str> = plan.emergency_forms().collect();
        let mut taken: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for (at, kind, number) in self.dialled_inside() {
            let line = self.line(&at);
            if help.contains(number.as_str()) {
                self.tell(
                    &at,
                    format!("{number} reaches emergency services and can be nothing else"),
                    "",
                );
            } else if let Some((other, line)) =
                taken.get(&number).filter(|(other, _)| *other != kind || kind != "extension")
            {
                self.tell(
                    &at,
                    format!("{number} is taken by the {other} on line {line} already"),
                    "",
                );
            } else {
                taken.insert(number, (kind.to_owned(), line));
            }
        }
        self.inbound_numbers(&taken);
    }

    /// Everything that an extension can dial as it stands, with where it stands.
    fn dialled_inside(&self) -> Vec<(Vec<Step<'static>>, &'static str, String)> {
        let settings = self.settings;
        let list = |section: &'static str, index| {
            vec![Key(section), At(self.place(section, index)), Key("number")]
        };
        let extensions = settings.extensions.iter().enumerate();
        let extensions =
            extensions.map(|(i, e)| (list("extension", i), "extension", e.number.to_string()));
        let internal = settings.internal.iter().enumerate();
        let internal =
            internal.map(|(i, n)| (list("internal", i), "internal number", n.number.to_string()));
        let features = settings.features.each().into_iter();
        let features = features.map(|(_, code, key)| {
            (vec![Key("features"), Key(key)], "feature code", code.to_string())
        });
        extensions.chain(internal).chain(features).collect()
    }

    fn inbound_numbers(&mut self, inside: &BTreeMap<String, (String, usize)>) {
        let bare = |number: &Number| number.as_str().trim_start_matches('+').to_owned();
        let mut seen = BTreeMap::new();
        for (index, rule) in self.settings.inbound.iter().enumerate() {
            let at = [Key("inbound"), At(self.place("inbound", index)), Key("number")];
            let number = bare(&rule.number);
            let line = self.line(&at);
            if let Some((kind, line)) = inside.get(&number) {
                self.tell(
                    &at,
                    format!("{number} is taken by the {kind} on line {line} already"),
                    "",
                );
            } else if let Some(line) = seen.insert((number, rule.trunk.clone()), line) {
                self.tell(
                    &at,
                    format!("{} is an inbound number on line {line} already", rule.number),
                    "",
                );
            }
        }
    }

    fn target(&mut self, path: &[Step<'_>], target: &Target) {
        match target {
            Target::Echo => {}
            Target::Ivr(name) => self.known(path, "flow", name.as_str(), &self.flow_names()),
            Target::Extension(name) => {
                self.known(
                    path,
                    "extension",
                    name.as_str(),
                    &self.raw_names("extension", "number"),
                );
            }
            Target::Queue(name) => {
                self.known(path, "queue", name.as_str(), &self.raw_names("queue", "name"))
            }
        }
    }

    fn targets(&mut self) {
        let settings = self.settings;
        let trunks = self.raw_names("trunk", "name");
        for (index, rule) in settings.inbound.iter().enumerate() {
            let place = self.place("inbound", index);
            self.target(&[Key("inbound"), At(place), Key("to")], &rule.to);
            if let Some(trunk) = &rule.trunk {
                self.known(
                    &[Key("inbound"), At(place), Key("trunk")],
                    "trunk",
                    trunk.as_str(),
                    &trunks,
                );
            }
        }
        for (index, rule) in settings.internal.iter().enumerate() {
            let place = self.place("internal", index);
            self.target(&[Key("internal"), At(place), Key("to")], &rule.to);
        }
    }

    fn trunks(&mut self) {
        let settings = self.settings;
        for (index, trunk) in settings.trunks.iter().enumerate() {
            let place = self.place("trunk", index);
            let at = |key| [Key("trunk"), At(place), Key(key)];
            self.within(&at("max_calls"), trunk.max_calls, 1..=10_000);
            for (i, network) in
                trunk.accept_from.iter().enumerate().filter(|(_, text)| !is_network(text))
            {
                let path = [Key("trunk"), At(place), Key("accept_from"), At(i)];
                self.tell(
                    &path,
                    format!("`{network}` is no address or network"),
                    "such as `192.0.2.7` or `192.0.2.0/24`",
                );
            }
            for (i, server) in trunk.servers.iter().enumerate().filter(|(_, text)| !is_server(text))
            {
                let path = [Key("trunk"), At(place), Key("servers"), At(i)];
                self.tell(
                    &path,
                    format!("`{server}` is no server"),
                    "`host`, `host:port`, `address` or `[v6]:port`",
                );
            }
            self.registration(trunk, place);
            if trunk.servers.is_empty() && trunk.accept_from.is_empty() {
                let what = format!("trunk `{}` can neither make nor take calls", trunk.name);
                self.tell(&[Key("trunk"), At(place)], what, "`servers`, `accept_from`, or both");
            }
        }
    }

    fn registration(&mut self, trunk: &Trunk, place: usize) {
        let Some(register) = &trunk.register else { return };
        let at = |key| [Key("trunk"), At(place), Key("register"), Key(key)];
        self.within(&at("expires"), register.expires, 60..=86_400);
        if register.username.is_empty() {
            self.tell(&at("username"), "the user name is empty", "at least one character");
        }
        if trunk.servers.is_empty() {
            self.tell(
                &[Key("trunk"), At(place), Key("register")],
                "there is no server to register with",
                "`servers`",
            );
        }
    }

    fn outbound(&mut self) {
        let settings = self.settings;
        let trunks = self.raw_names("trunk", "name");
        let extensions = self.raw_names("extension", "number");
        for (index, rule) in settings.outbound.iter().enumerate() {
            let place = self.place("outbound", index);
            self.pattern(rule, place);
            self.same_pattern(rule, index, place);
            if rule.trunks.is_empty() {
                self.tell(
                    &[Key("outbound"), At(place), Key("trunks")],
                    "no trunk to send calls over",
                    "at least one",
                );
            }
            let lists = [("trunks", &rule.trunks), ("from_trunks", &rule.from_trunks)];
            for (key, list) in lists {
                for (i, trunk) in list.iter().enumerate() {
                    self.known(
                        &[Key("outbound"), At(place), Key(key), At(i)],
                        "trunk",
                        trunk.as_str(),
                        &trunks,
                    );
                }
            }
            for (i, extension) in rule.extensions.iter().enumerate() {
                let path = [Key("outbound"), At(place), Key("extensions"), At(i)];
                self.known(&path, "extension", extension.as_str(), &extensions);
            }
        }
    }

    fn pattern(&mut self, rule: &Outbound, place: usize) {
        let given = usize::from(rule.pattern.is_some()) + usize::from(rule.prefix.is_some());
        if given != 1 {
            let what = format!("rule `{}` has {given} of `pattern` and `prefix`", rule.name);
            self.tell(&[Key("outbound"), At(place)], what, "exactly one");
            return;
        }
        match rule.matcher() {
            Ok(pattern) if usize::from(rule.strip) >= pattern.shortest() => {
                let what = format!(
                    "{} characters are taken off numbers that may have {}",
                    rule.strip,
                    pattern.shortest()
                );
                self.tell(
                    &[Key("outbound"), At(place), Key("strip")],
                    what,
                    &format!("0 to {}", pattern.shortest() - 1),
                );
            }
            Ok(_) => {}
            Err(why) => {
                self.tell(&[Key("outbound"), At(place), Key("prefix")], why.to_string(), "")
            }
        }
    }

    /// Two rules as narrow as each other that serve a common caller: which one is meant cannot be told.
    fn same_pattern(&mut self, rule: &Outbound, index: usize, place: usize) {
        let Ok(pattern) = rule.matcher() else { return };
        let before = self.settings.outbound.iter().take(index);
        let twin = before
            .into_iter()
            .find(|other| other.matcher() == Ok(pattern.clone()) && share_a_caller(rule, other));
        if let Some(twin) = twin {
            let what = format!(
                "rules `{}` and `{}` take the same numbers from the same callers",
                twin.name, rule.name
            );
            self.tell(
                &[Key("outbound"), At(place), Key("pattern")],
                what,
                "different patterns, or `extensions` apart",
            );
        }
    }

    fn queues_and_agents(&mut self) {
        let settings = self.settings;
        let agents = self.raw_names("agent", "id");
        let queues = self.raw_names("queue", "name");
        let extensions = self.raw_names("extension", "number");
        for (index, queue) in settings.queues.iter().enumerate() {
            let place = self.place("queue", index);
            let at = |key| [Key("queue"), At(place), Key(key)];
            self.within(&at("ring_time"), queue.ring_time, 5..=120);
            self.within(&at("wrap_up"), queue.wrap_up, 0..=3_600);
            self.within(&at("max_waiting"), queue.max_waiting, 1..=1_000);
            self.within(&at("max_wait"), queue.max_wait, 10..=86_400);
            self.within(&at("announce_every"), queue.announce_every, 0..=600);
            for (i, agent) in queue.members.iter().enumerate() {
                self.known(
                    &[Key("queue"), At(place), Key("members"), At(i)],
                    "agent",
                    agent.as_str(),
                    &agents,
                );
            }
            self.within(&at("priority"), queue.priority, 0..=1_000);
            self.within(&at("ageing"), queue.ageing, 0..=100);
            for (skill, level) in &queue.skills {
                let path = [Key("queue"), At(place), Key("skills"), Key(skill.as_str())];
                self.within(&path, *level, 1..=10);
            }
            let overflows = [
                ("overflow", &queue.overflow),
                ("overflow_full", &queue.overflow_full),
                ("overflow_wait", &queue.overflow_wait),
                ("overflow_no_agent", &queue.overflow_no_agent),
            ];
            for (key, target) in overflows {
                let Some(target) = target else { continue };
                self.target(&at(key), target);
                if *target == Target::Queue(queue.name.clone()) {
                    self.tell(
                        &at(key),
                        "a queue cannot overflow into itself",
                        "another queue, a flow, an extension",
                    );
                }
            }
        }
        for (index, agent) in settings.agents.iter().enumerate() {
            let place = self.place("agent", index);
            let path = [Key("agent"), At(place), Key("extension")];
            self.known(&path, "extension", agent.extension.as_str(), &extensions);
            for (i, queue) in agent.queues.iter().enumerate() {
                self.known(
                    &[Key("agent"), At(place), Key("queues"), At(i)],
                    "queue",
                    queue.as_str(),
                    &queues,
                );
            }
            for (skill, level) in &agent.skills {
                let path = [Key("agent"), At(place), Key("skills"), Key(skill.as_str())];
                self.within(&path, *level, 1..=10);
            }
        }
    }

    fn emergency(&mut self) {
        let settings = self.settings;
        let trunks = self.raw_names("trunk", "name");
        let extensions = self.raw_names("extension", "number");
        for (i, trunk) in settings.emergency.trunks.iter().enumerate() {
            self.known(&[Key("emergency"), Key("trunks"), At(i)], "trunk", trunk.as_str(), &trunks);
        }
        for (i, extension) in settings.emergency.notify.iter().enumerate() {
            self.known(
                &[Key("emergency"), Key("notify"), At(i)],
                "extension",
                extension.as_str(),
                &extensions,
            );
        }
        if settings.emergency.numbers.as_ref().is_some_and(Vec::is_empty) {
            self.tell(
                &[Key("emergency"), Key("numbers")],
                "no number reaches help",
                "at least one, or leave the key out",
            );
        }
        let all_read = settings.trunks.len() == self.document.len(&[Key("trunk")]).unwrap_or(0);
        if all_read && settings.trunks.iter().all(|trunk| trunk.servers.is_empty()) {
            let what = "calls for help cannot leave the branch: no trunk has `servers`";
            self.out.push(self.document.problem(&[Key("emergency")], what).warning());
        }
    }
}

fn share_a_caller(a: &Outbound, b: &Outbound) -> bool {
    let inside = a.extensions.is_empty()
        || b.extensions.is_empty()
        || a.extensions.iter().any(|e| b.extensions.contains(e));
    inside || a.from_trunks.iter().any(|trunk| b.from_trunks.contains(trunk))
}

fn is_network(text: &str) -> bool {
    let (address, bits) =
        text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    // A network of all addresses would let anybody call without a password.
    bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| (1..=most).contains(&bits)))
}

fn is_server(text: &str) -> bool {
    if text.parse::<SocketAddr>().is_ok() || text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |l: &str| {
        !l.is_empty() && l.len() <= 63 && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.len() <= 253
        && host.split('.').all(label)
        && port.is_none_or(|p| p.parse::<u16>().is_ok_and(|p| p > 0))
}

impl Settings {
    /// Every secret that the drivers have to read, with where it is wanted.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &SecretRef)> {
        let phones = self.extensions.iter().map(|e| (e.number.as_str(), &e.secret));
        let lines = self
            .trunks
            .iter()
            .filter_map(|t| Some((t.name.as_str(), &t.register.as_ref()?.secret)));
        phones.chain(lines)
    }

    /// Problems with clips of the file `whole` that `known` does not have.
    pub fn missing_clips(&self, whole: &Fragment, known: &BTreeSet<String>) -> Vec<Problem> {
        let Ok(document) = Document::parse(&whole.file, whole.text()) else { return Vec::new() };
        let missing =
            self.queues.iter().enumerate().filter(|(_, queue)| !known.contains(&queue.music));
        let problem = |place, music: &str| {
            let at = [Key("queue"), At(place), Key("music")];
            document
                .problem(&at, format!("there is no prompt `{music}`"))
                .suggesting(music, known.iter().map(String::as_str))
        };
        missing.map(|(place, queue)| problem(place, &queue.music)).collect()
    }
}
