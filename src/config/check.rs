//! What no single section can know: ranges, duplicates, overlapping numbers, and references that lead nowhere.
//!
//! It reports places in the file and changes nothing.

mod desk;
mod encryption;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;

use super::Places;
use super::document::{Document, Step};
use super::problem::Problem;
use super::settings::{Queue, RecordNotice, Recording, Settings};
use crate::address::Number;
use crate::call::pattern::Pattern;
use crate::call::plan::{Outbound, Plan, Target};
use crate::id::{AgentId, ExtensionId, QueueId, SkillId};

mod api;
mod backup;
mod channels;
mod messages;
mod modems;
mod names;
mod oidc;
mod people;
mod phones;
mod reports;
mod smpp_server;
mod spending;
mod trunks;
mod update;
mod uplink;
mod work;

use names::{AllNames, Names};
use trunks::bits_of;

use Step::{At, Key};

mod places;
mod web;
mod webhooks;

/// Characters of an extension: one-digit ones would swallow outside prefixes, and nobody dials nine to a colleague.
const EXTENSION_DIGITS: RangeInclusive<usize> = 2..=8;

/// Reports everything that is wrong across sections.
pub(super) fn check(
    document: &Document<'_>,
    settings: &Settings,
    places: &Places,
    out: &mut Vec<Problem>,
) {
    let names = names::all(document, settings);
    let mut check = Check { document, settings, places, names, out };
    check.timers();
    check.media();
    check.limits();
    check.trust();
    check.capture();
    check.metrics();
    check.site();
    check.sip();
    check.addresses();
    check.records();
    check.names();
    check.numbers();
    check.targets();
    check.trunks();
    check.encryption();
    check.outbound();
    check.spending();
    check.people();
    check.webhooks();
    check.uplink();
    check.backup();
    check.update();
    check.api();
    check.oidc();
    check.pages();
    check.relays();
    check.browser_ports();
    check.messages();
    check.channels();
    check.smpp_server();
    check.reports();
    check.conferences();
    check.web();
    check.desk_phones();
    check.queues();
    check.overflow_circles();
    check.agents();
    check.emergency();
    places::check(&mut check);
    check.desk();
    work::check(&mut check);
}

struct Check<'c, 'i> {
    document: &'c Document<'i>,
    settings: &'c Settings,
    places: &'c Places,
    names: AllNames<'c>,
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

    /// What things of this kind are called.
    fn names_of(&self, kind: &str) -> Rc<Names<'c>> {
        self.names.get(kind).cloned().unwrap_or_default()
    }

    fn known(&mut self, path: &[Step<'_>], kind: &str, name: &str, names: &Names<'_>) {
        if !names.has(name) {
            let what = format!("there is no {kind} `{name}`");
            let all = &names.all;
            let mut problem =
                self.document.problem(path, what).suggesting(name, all.iter().copied());
            if all.is_empty() {
                problem = problem.allowing(format!("no {kind} is configured yet"));
            }
            self.out.push(problem);
        }
    }

    fn timers(&mut self) {
        let timers = &self.settings.sip.timers;
        let timer = |key| [Key("sip"), Key("timers"), Key(key)];
        self.within(&timer("t1_ms"), timers.t1_ms, 100..=2_000);
        self.within(&timer("t2_ms"), timers.t2_ms, 1_000..=16_000);
        self.within(&timer("t4_ms"), timers.t4_ms, 1_000..=16_000);
        if timers.session_s != 0 {
            self.within(&timer("session_s"), timers.session_s, 90..=86_400);
        }
        self.within(&timer("register_min_s"), timers.register_min_s, 30..=3_600);
        self.within(&timer("register_default_s"), timers.register_default_s, 60..=86_400);
        self.within(&timer("register_max_s"), timers.register_max_s, 60..=86_400);
        let span = timers.register_min_s..=timers.register_max_s;
        if !span.contains(&timers.register_default_s) {
            let what = "the three registration times are out of order";
            let allowed = "register_min_s <= register_default_s <= register_max_s";
            self.tell(&timer("register_default_s"), what, allowed);
        }
    }

    fn media(&mut self) {
        let media = &self.settings.media;
        let at = |key| [Key("media"), Key(key)];
        self.within(&at("port_min"), media.port_min, 1_024..=65_000);
        if media.port_max < media.port_min.saturating_add(3) {
            let (min, max) = (media.port_min, media.port_max);
            let what = format!("the pool from {min} to {max} has no room for one call");
            self.tell(&at("port_max"), what, "`port_max` at least 3 above `port_min`");
        }
        if !media.port_min.is_multiple_of(2) {
            self.tell(&at("port_min"), "RTP begins at an even port", "an even number");
        }
        self.within(&at("threads"), media.threads, 0..=64);
        if media.codecs.is_empty() {
            self.tell(&at("codecs"), "no codec is left", "`pcmu`, `pcma`, `g722`, `opus`");
        }
    }

    fn limits(&mut self) {
        let limits = &self.settings.limits;
        let at = |key| [Key("limits"), Key(key)];
        self.within(&at("calls"), limits.calls, 1..=10_000);
        self.within(&at("calls_per_extension"), limits.calls_per_extension, 1..=100);
        self.within(&at("new_calls_per_second"), limits.new_calls_per_second, 1..=1_000);
        if limits.lateness_ms != 0 {
            self.within(&at("lateness_ms"), limits.lateness_ms, 10..=1_000);
        }
    }

    fn metrics(&mut self) {
        let listen = self.settings.metrics.listen;
        if let Some(address) = listen.filter(|address| !address.ip().is_loopback()) {
            let what = format!(
                "{address} is not of this box alone: figures are given out without a password"
            );
            self.tell(
                &[Key("metrics"), Key("listen")],
                what,
                "such as `127.0.0.1:9464` or `[::1]:9464`",
            );
        }
    }

    fn capture(&mut self) {
        let capture = &self.settings.capture;
        self.within(&[Key("capture"), Key("memory_mb")], capture.memory_mb, 0..=1_024);
        if capture.hep.is_none() && capture.hep_key.is_some() {
            let what = "a key for a capture server, and no capture server";
            self.tell(&[Key("capture"), Key("hep_key")], what, "`hep` beside it");
        }
        if let Some(hep) = &capture.hep {
            let host = ["udp:", "tcp:"].iter().find_map(|way| hep.strip_prefix(way)).unwrap_or(hep);
            let port = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() || !trunks::is_server(host) {
                let what = format!("`{hep}` is no capture server");
                self.tell(
                    &[Key("capture"), Key("hep")],
                    what,
                    "such as `192.0.2.7:9060` or `tcp:homer.example:9060`",
                );
            }
        }
    }

    fn trust(&mut self) {
        let trust = &self.settings.trust;
        self.within(&[Key("trust"), Key("ban_s")], trust.ban_s, 60..=86_400);
        for (i, network) in trust.networks.iter().enumerate() {
            let what = match bits_of(network) {
                Some(0) => format!("`{network}` is everybody: nobody would ever be banned"),
                Some(_) => continue,
                None => format!("`{network}` is no address or network"),
            };
            let path = [Key("trust"), Key("networks"), At(i)];
            self.tell(
                &path,
                what,
                "such as `192.0.2.7` or `192.0.2.0/24`; `bans = false` turns bans off",
            );
        }
    }

    fn site(&mut self) {
        let zone = &self.settings.site.time_zone;
        let zones = jiff::tz::TimeZoneDatabase::bundled();
        if zones.get(zone).is_err() {
            let names: Vec<String> =
                zones.available().map(|name| name.as_str().to_owned()).collect();
            let at = [Key("site"), Key("time_zone")];
            let problem = self.document.problem(&at, format!("there is no time zone `{zone}`"));
            let problem = problem.allowing("an IANA name such as `America/Chicago`");
            self.out.push(problem.suggesting(zone, names.iter().map(String::as_str)));
        }
    }

    fn sip(&mut self) {
        let sip = &self.settings.sip;
        if sip.certificate.is_some() != sip.private_key.is_some() {
            let what = "`certificate` and `private_key` come together";
            self.tell(&[Key("sip")], what, "both, or neither");
        }
        if sip.digests.is_empty() {
            let what = "no phone could prove its password";
            let allowed = "`[\"sha-256\", \"md5\"]`, or one of the two";
            self.tell(&[Key("sip"), Key("digests")], what, allowed);
        }
        let quoted = sip.realm.contains(['"', '\\']) || sip.realm.contains(char::is_control);
        if sip.realm.is_empty() || quoted {
            let what = "a realm is text without quotes";
            self.tell(&[Key("sip"), Key("realm")], what, "such as `branch.example`");
        }
    }

    /// Nothing listens twice at one address, and no audio goes where signalling listens.
    fn addresses(&mut self) {
        let (sip, media) = (&self.settings.sip, &self.settings.media);
        for (key, list) in [("udp", &sip.udp), ("tcp", &sip.tcp), ("tls", &sip.tls)] {
            let twice = |i: &usize| list.iter().take(*i).any(|before| Some(before) == list.get(*i));
            if let Some(place) = (1..list.len()).find(twice) {
                let what = "this address stands in the list twice";
                self.tell(&[Key("sip"), Key(key), At(place)], what, "");
            }
        }
        if let Some(both) = sip.tls.iter().position(|address| sip.tcp.contains(address)) {
            let what = "TCP listens at this address already";
            self.tell(&[Key("sip"), Key("tls"), At(both)], what, "");
        }
        let audio = media.port_min..=media.port_max;
        let within =
            |address: &SocketAddr| media.port_min >= 1_024 && audio.contains(&address.port());
        if let Some(place) = sip.udp.iter().position(within) {
            let listens = [Key("sip"), Key("udp"), At(place)];
            let pool = [Key("media"), Key("port_min")];
            // At whichever of the two the admin wrote.
            let at: &[Step<'_>] =
                if self.document.value(&listens).is_some() { &listens } else { &pool };
            let port = sip.udp.get(place).map_or(0, SocketAddr::port);
            let what = format!("port {port} is for SIP and among those for audio, {audio:?}");
            self.tell(at, what, "a port outside `media.port_min` to `media.port_max`");
        }
    }

    /// A recording on demand is asked for by a phone: lines and queues have no keys.
    fn records(&mut self) {
        let lines = self.settings.trunks.iter().map(|trunk| trunk.record);
        let queues = self.settings.queues.iter().map(|queue| queue.record);
        let lines = lines.enumerate().map(|(place, record)| ("trunk", place, record));
        let queues = queues.enumerate().map(|(place, record)| ("queue", place, record));
        let wrong = lines.chain(queues).filter(|(.., record)| *record == Recording::OnDemand);
        for (section, place, _) in wrong.collect::<Vec<_>>() {
            let what =
                format!("nobody at a {section} can press `*1`: only phones record on demand");
            let allowed = "`never` or `always`; `on-demand` belongs to the `[[extension]]`";
            self.tell(&[Key(section), At(place), Key("record")], what, allowed);
        }
    }

    /// No two things of a kind have one name.
    fn names(&mut self) {
        let kinds = [
            ("extension", "number"),
            ("trunk", "name"),
            ("queue", "name"),
            ("conference", "name"),
            ("agent", "id"),
            ("outbound", "name"),
            ("location", "name"),
            ("group", "name"),
            ("page", "name"),
            ("schedule", "name"),
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
            self.mailbox(index);
        }
    }

    fn mailbox(&mut self, index: usize) {
        let settings = self.settings;
        let Some(own) = settings.extensions.get(index).and_then(|e| e.voicemail.as_ref()) else {
            return;
        };
        let place = self.place("extension", index);
        let at = |key| [Key("extension"), At(place), Key("voicemail"), Key(key)];
        self.within(&at("max_length"), own.max_length, 10..=3_600);
        self.within(&at("max_messages"), own.max_messages, 1..=1_000);
        self.within(&at("retention_days"), own.retention_days, 0..=3_650);
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
        let conferences = settings.conferences.iter().enumerate();
        let conferences =
            conferences.map(|(i, c)| (list("conference", i), "conference", c.number.to_string()));
        let features = settings.features.each().into_iter();
        let features = features.map(|(_, code, key)| {
            (vec![Key("features"), Key(key)], "feature code", code.to_string())
        });
        let numbers = extensions.chain(internal).chain(conferences).chain(features);
        numbers.chain(self.shared_numbers()).collect()
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
            Target::Echo | Target::Messages => {}
            Target::Voicemail(name) => {
                let all = self.names_of("mailbox");
                self.known(path, "mailbox", name.as_str(), &all);
            }
            Target::Group(name) => {
                self.known(path, "group", name.as_str(), &self.names_of("group"));
            }
            Target::Schedule(name) => {
                self.known(path, "schedule", name.as_str(), &self.names_of("schedule"));
            }
            Target::Ivr(name) => self.known(path, "flow", name.as_str(), &self.names_of("flow")),
            Target::Extension(name) => {
                self.known(path, "extension", name.as_str(), &self.names_of("extension"));
            }
            Target::Conference(name) => {
                let all = self.names_of("conference");
                self.known(path, "conference", name.as_str(), &all);
            }
            Target::Queue(name) => {
                self.known(path, "queue", name.as_str(), &self.names_of("queue"))
            }
        }
    }

    fn targets(&mut self) {
        let settings = self.settings;
        let trunks = self.names_of("trunk");
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

    fn outbound(&mut self) {
        let settings = self.settings;
        let trunks = self.names_of("trunk");
        let extensions = self.names_of("extension");
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
            Ok(pattern) if self.is_for_help(&pattern) => {
                let what =
                    format!("rule `{}` takes nothing: [emergency] has this number", rule.name);
                let at = [Key("outbound"), At(place), Key("pattern")];
                self.out.push(self.document.problem(&at, what).warning());
            }
            Ok(_) => {}
            Err(why) => {
                self.tell(&[Key("outbound"), At(place), Key("prefix")], why.to_string(), "")
            }
        }
    }

    fn is_for_help(&self, pattern: &Pattern) -> bool {
        let plan = Plan::new(self.settings.dial_rules());
        plan.emergency_forms().any(|number| pattern.to_string() == number)
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

    fn conferences(&mut self) {
        for (index, conference) in self.settings.conferences.iter().enumerate() {
            let place = self.place("conference", index);
            let at = [Key("conference"), At(place), Key("max_members")];
            self.within(&at, conference.max_members, 2..=32);
        }
    }

    fn queues(&mut self) {
        let settings = self.settings;
        let agents = self.names_of("agent");
        for (index, queue) in settings.queues.iter().enumerate() {
            let place = self.place("queue", index);
            let at = |key| [Key("queue"), At(place), Key(key)];
            self.within(&at("ring_time"), queue.ring_time, 5..=120);
            self.within(&at("wrap_up"), queue.wrap_up, 0..=3_600);
            self.within(&at("max_waiting"), queue.max_waiting, 1..=1_000);
            self.within(&at("max_wait"), queue.max_wait, 10..=86_400);
            self.within(&at("announce_every"), queue.announce_every, 0..=600);
            self.within(&at("priority"), queue.priority, 0..=1_000);
            self.within(&at("ageing"), queue.ageing, 0..=100);
            for (i, agent) in queue.members.iter().enumerate() {
                let path = [Key("queue"), At(place), Key("members"), At(i)];
                self.known(&path, "agent", agent.as_str(), &agents);
            }
            for (i, agent) in queue.supervisors.iter().enumerate() {
                let path = [Key("queue"), At(place), Key("supervisors"), At(i)];
                self.known(&path, "agent", agent.as_str(), &agents);
            }
            self.skills("queue", place, &queue.skills);
            if let Some(survey) = &queue.survey {
                let at = |key| [Key("queue"), At(place), Key("survey"), Key(key)];
                self.known(&at("flow"), "flow", survey.flow.as_str(), &self.names_of("flow"));
                self.within(&at("every_days"), survey.every_days, 0..=365);
            }
            for (key, target) in overflows(queue) {
                self.target(&at(key), target);
            }
            if let Some(notice) = &queue.record_notice {
                self.record_notice("queue", place, notice);
            }
        }
    }

    /// What is said before somebody is recorded.
    fn record_notice(&mut self, section: &'static str, place: usize, notice: &RecordNotice) {
        let at = |key| [Key(section), At(place), Key("record_notice"), Key(key)];
        self.within(&at("refuse_for"), notice.refuse_for, 0..=60);
        let key = notice.refuse_digit;
        if let Some(key) = key.filter(|key| !key.is_ascii_digit() && !matches!(key, '*' | '#')) {
            self.tell(&at("refuse_digit"), format!("`{key}` is no key"), "0 to 9, `*`, `#`");
        }
    }

    /// Queues that overflow into one another would pass a caller round and round, at once where nobody is signed in.
    fn overflow_circles(&mut self) {
        let settings = self.settings;
        let mut told: BTreeSet<&QueueId> = BTreeSet::new();
        for (index, queue) in settings.queues.iter().enumerate() {
            let ways = overflows(queue).filter(|(_, target)| matches!(target, Target::Queue(_)));
            for (key, target) in ways {
                let Some(round) = way_back(&settings.queues, target, &queue.name) else { continue };
                if round.iter().any(|name| told.contains(name)) {
                    continue;
                }
                told.extend(&round);
                let names: Vec<_> = round.iter().map(|name| name.as_str()).collect();
                let what =
                    format!("callers would go round: {} -> {}", queue.name, names.join(" -> "));
                let path = [Key("queue"), At(self.place("queue", index)), Key(key)];
                self.tell(&path, what, "a queue further on, a flow, an extension");
            }
        }
    }

    fn agents(&mut self) {
        let settings = self.settings;
        let queues = self.names_of("queue");
        let extensions = self.names_of("extension");
        let mut phones: BTreeMap<&ExtensionId, &AgentId> = BTreeMap::new();
        for (index, agent) in settings.agents.iter().enumerate() {
            let place = self.place("agent", index);
            let path = [Key("agent"), At(place), Key("extension")];
            self.known(&path, "extension", agent.extension.as_str(), &extensions);
            if let Some(other) = phones.insert(&agent.extension, &agent.id) {
                let what = format!(
                    "{} is the phone of agent `{other}`: a feature code dialled there could mean either",
                    agent.extension
                );
                self.tell(&path, what, "an extension for each agent");
            }
            for (i, queue) in agent.queues.iter().enumerate() {
                let path = [Key("agent"), At(place), Key("queues"), At(i)];
                self.known(&path, "queue", queue.as_str(), &queues);
            }
            self.skills("agent", place, &agent.skills);
        }
    }

    fn skills(&mut self, section: &str, place: usize, skills: &BTreeMap<SkillId, u8>) {
        for (skill, level) in skills {
            let path = [Key(section), At(place), Key("skills"), Key(skill.as_str())];
            self.within(&path, *level, 1..=10);
        }
    }

    fn emergency(&mut self) {
        let settings = self.settings;
        let trunks = self.names_of("trunk");
        let extensions = self.names_of("extension");
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

/// Where a queue sends callers it gives up, as far as it says so.
fn overflows(queue: &Queue) -> impl Iterator<Item = (&'static str, &Target)> {
    let each = [
        ("overflow", &queue.overflow),
        ("overflow_full", &queue.overflow_full),
        ("overflow_wait", &queue.overflow_wait),
        ("overflow_no_agent", &queue.overflow_no_agent),
    ];
    each.into_iter().filter_map(|(key, target)| Some((key, target.as_ref()?)))
}

/// The queues on the way from `from` to `home`, both included, if one leads there.
fn way_back<'q>(queues: &'q [Queue], from: &'q Target, home: &QueueId) -> Option<Vec<&'q QueueId>> {
    let mut ways = vec![vec![from]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let Some(Target::Queue(name)) = way.last() else { continue };
        let names = way.iter().filter_map(|target| match target {
            Target::Queue(name) => Some(name),
            _ => None,
        });
        if name == home {
            return Some(names.collect());
        }
        let Some(next) = queues.iter().find(|queue| queue.name == *name) else { continue };
        if seen.insert(name) {
            let further = overflows(next).map(|(_, target)| [way.as_slice(), &[target]].concat());
            ways.extend(further);
        }
    }
    None
}

fn share_a_caller(a: &Outbound, b: &Outbound) -> bool {
    let inside = a.extensions.is_empty()
        || b.extensions.is_empty()
        || a.extensions.iter().any(|e| b.extensions.contains(e));
    inside || a.from_trunks.iter().any(|trunk| b.from_trunks.contains(trunk))
}
