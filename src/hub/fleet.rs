//! The fleet: what a page shows of each site, from what is heard of its line and from its own events of health.
//!
//! [`Fleet`] is a view and no truth: it begins with what was kept of it, and follows the stream from there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::hub::kept::{Kept, OF_HUB, What};
use crate::time::{UnixTime, rfc3339};
use crate::uplink::Route;
use crate::uplink::frame::Class;

/// Octets of the longest event of health that is shown: a branch with every lamp has a few thousand.
const LONGEST_HEALTH: usize = 64 << 10;
/// With less left than this a certificate is to be renewed by a person: the box renews it long before.
const CERTIFICATE_SOON: i64 = 7 * 86_400;
/// With as much in use, in percent, a disk is told of.
const DISK_FULL: u64 = 90;

/// What is heard of a site beside its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// It was welcomed.
    Connected {
        /// By which route.
        route: Route,
        /// Its program's version.
        version: String,
        /// When its certificate ends; unknown where it has none that says so.
        certificate_ends: Option<UnixTime>,
        /// Which outbox it speaks of.
        epoch: String,
        /// The newest event in it.
        newest: u64,
    },
    /// Its line is gone.
    Gone,
}

/// A site as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Site {
    /// Whether its line is up.
    pub up: bool,
    /// Which hub has its line.
    pub hub: String,
    /// Since when it is up, or down.
    pub since: UnixTime,
    /// When something was heard of it last.
    pub heard: UnixTime,
    /// `quic` or `tls`.
    pub route: String,
    /// Its program's version.
    pub version: String,
    /// When its certificate ends.
    pub certificate_ends: Option<UnixTime>,
    /// Which outbox it speaks of.
    pub epoch: String,
    /// The newest event that it said to have.
    pub newest: u64,
    /// All of that outbox up to here is kept.
    pub have: u64,
    /// Whether it had another outbox before this one.
    #[serde(default)]
    pub follows: bool,
    /// Events that it has lost for good.
    pub lost: u64,
    /// When the newest event that is kept happened.
    pub event_at: UnixTime,
    /// What it said of its health last.
    pub health: Option<Value>,
}

impl Site {
    /// Something was heard of its line, by a hub. What a hub says of a line that another one has by now is old.
    pub fn handle_contact(&mut self, now: UnixTime, hub: &str, contact: Contact) {
        match contact {
            Contact::Connected { route, version, certificate_ends, epoch, newest } => {
                let route = if route == Route::Quic { "quic" } else { "tls" };
                self.speaks_of(&epoch);
                (self.up, self.since, self.hub) = (true, now, hub.to_owned());
                (self.route, self.version) = (route.to_owned(), version);
                (self.certificate_ends, self.newest) = (certificate_ends, newest);
            }
            Contact::Gone if self.hub == hub && self.up => (self.up, self.since) = (false, now),
            Contact::Gone => return,
        }
        self.heard = now;
    }

    /// Something of it was kept.
    pub fn handle_kept(&mut self, kept: &Kept) {
        // The hub's own words about a site are none of the site's.
        if *kept.epoch == *OF_HUB {
            return;
        }
        self.heard = self.heard.max(kept.at);
        self.speaks_of(&kept.epoch);
        match &kept.what {
            // What came before such an outbox came under another name.
            What::Lost { from: 1, upto } if self.have == 0 && self.follows => self.have = *upto,
            What::Lost { from, upto } => {
                self.have = self.have.max(*upto);
                self.lost += upto.saturating_sub(*from).saturating_add(1);
            }
            What::Event { n, event } => {
                self.have = self.have.max(*n);
                if event.class == Class::HEALTH && event.body.len() <= LONGEST_HEALTH {
                    self.handle_health(&event.body);
                }
                if let Some(at) = moment(&event.body) {
                    self.event_at = self.event_at.max(at);
                }
            }
        }
        self.newest = self.newest.max(self.have);
    }

    /// Which outbox it speaks of.
    fn speaks_of(&mut self, epoch: &str) {
        if self.epoch != epoch {
            self.follows = !self.epoch.is_empty();
            epoch.clone_into(&mut self.epoch);
            (self.have, self.newest) = (0, 0);
        }
    }

    fn handle_health(&mut self, body: &[u8]) {
        let Ok(said) = serde_json::from_slice::<Value>(body) else { return };
        if said["event"] == "health" {
            if let Some(version) = said["version"].as_str() {
                version.clone_into(&mut self.version);
            }
            self.health = Some(said);
        }
    }
}

/// When an event happened. Events are many: the whole of each is not read for it.
fn moment(body: &[u8]) -> Option<UnixTime> {
    #[derive(Deserialize)]
    struct At {
        at: UnixTime,
    }
    serde_json::from_slice::<At>(body).ok().map(|at| at.at)
}

/// All sites.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fleet {
    /// By their names.
    pub sites: BTreeMap<String, Site>,
    /// The number of the stream that is followed next.
    pub next: u64,
}

impl Fleet {
    /// Lines that this hub had are gone when it starts anew.
    pub fn handle_start(&mut self, now: UnixTime, hub: &str) {
        for site in self.sites.values_mut() {
            site.handle_contact(now, hub, Contact::Gone);
        }
    }

    /// Something was heard of a site's line.
    pub fn handle_contact(&mut self, now: UnixTime, hub: &str, site: &str, contact: Contact) {
        self.sites.entry(site.to_owned()).or_default().handle_contact(now, hub, contact);
    }

    /// Something was kept.
    pub fn handle_kept(&mut self, kept: &Kept) {
        if !self.sites.contains_key(&*kept.site) {
            self.sites.insert(kept.site.to_string(), Site::default());
        }
        if let Some(site) = self.sites.get_mut(&*kept.site) {
            site.handle_kept(kept);
        }
        self.next = kept.number + 1;
    }

    /// What is shown, the sites that want attention first.
    pub fn lines(&self, now: UnixTime) -> Vec<Line> {
        let mut lines: Vec<_> =
            self.sites.iter().map(|(name, site)| Line::of(now, name, site)).collect();
        lines.sort_by(|a, b| (b.lamp, &a.site).cmp(&(a.lamp, &b.site)));
        lines
    }
}

/// Whether somebody has to look at something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lamp {
    /// All is well.
    Green,
    /// Somebody should look.
    Amber,
    /// Something does not work.
    Red,
}

/// A site as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its name.
    pub site: String,
    /// The worst of all that follows.
    pub lamp: Lamp,
    /// Whether its line is up.
    pub up: bool,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub since: UnixTime,
    /// By which route; empty when it never was.
    pub route: String,
    /// Its program's version.
    pub version: String,
    /// Events that it has and the hub does not, as far as the hub knows.
    pub lag_events: u64,
    /// Seconds since something was heard of it.
    pub silent_s: u64,
    /// When that was.
    #[serde(with = "rfc3339")]
    pub heard: UnixTime,
    /// Seconds that the newest event is old.
    pub event_age_s: u64,
    /// Events that are kept of its outbox.
    pub events: u64,
    /// Events that it has lost for good.
    pub lost: u64,
    /// Recordings and files of messages that wait there, as it said last.
    pub files: u64,
    /// Their octets.
    pub files_octets: u64,
    /// When its certificate ends.
    #[serde(with = "rfc3339::option")]
    pub certificate_ends: Option<UnixTime>,
    /// Percent of its disk that are in use, by its own word.
    pub disk_percent: Option<u64>,
    /// What it says of its parts: trunks, modems and the rest.
    pub parts: Vec<PartLine>,
    /// What a person is told, in words.
    pub why: Vec<String>,
}

/// A part of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartLine {
    /// What it is called, such as `trunk carrier`.
    pub part: String,
    /// How it is.
    pub lamp: Lamp,
    /// The same in words, where the site says any.
    pub words: String,
}

/// A line that is down is amber at once, and red when nothing was heard for so long: a branch works without it for days.
const RED_AFTER: u64 = 86_400;

impl Line {
    /// What is shown of a site.
    pub fn of(now: UnixTime, name: &str, site: &Site) -> Line {
        let age = |at: UnixTime| if at.0 == 0 { 0 } else { now.since(at).as_secs() };
        let health = site.health.as_ref().unwrap_or(&Value::Null);
        let mut line = Line {
            site: name.to_owned(),
            lamp: Lamp::Green,
            up: site.up,
            since: site.since,
            route: site.route.clone(),
            version: site.version.clone(),
            lag_events: site.newest.saturating_sub(site.have),
            silent_s: age(site.heard),
            heard: site.heard,
            event_age_s: age(site.event_at),
            events: site.have,
            lost: site.lost,
            files: 0,
            files_octets: 0,
            certificate_ends: site.certificate_ends,
            disk_percent: percent(&health["disk"]),
            parts: parts(&health["lamps"]),
            why: Vec::new(),
        };
        line.judge(now);
        line
    }

    fn judge(&mut self, now: UnixTime) {
        let mut found = Vec::new();
        if !self.up {
            let lamp = if self.silent_s > RED_AFTER { Lamp::Red } else { Lamp::Amber };
            found.push((lamp, "its line is down".to_owned()));
        }
        if let Some(ends) = self.certificate_ends {
            let left = ends.seconds() - now.seconds();
            if left <= 0 {
                found.push((Lamp::Red, "its certificate has ended".to_owned()));
            } else if left < CERTIFICATE_SOON {
                found
                    .push((Lamp::Amber, format!("its certificate ends in {} days", left / 86_400)));
            }
        }
        if let Some(percent) = self.disk_percent.filter(|percent| *percent >= DISK_FULL) {
            found.push((Lamp::Amber, format!("its disk is {percent} % full")));
        }
        for part in self.parts.iter().filter(|part| part.lamp != Lamp::Green) {
            let words = if part.words.is_empty() { "does not work" } else { &part.words };
            found.push((part.lamp, format!("{}: {words}", part.part)));
        }
        self.lamp = found.iter().map(|(lamp, _)| *lamp).max().unwrap_or(Lamp::Green);
        self.why = found.into_iter().map(|(_, words)| words).collect();
    }
}

/// A number, or an object with a member `percent`.
fn percent(disk: &Value) -> Option<u64> {
    disk.as_u64().or_else(|| disk["percent"].as_u64()).or_else(|| disk["used_percent"].as_u64())
}

/// Lamps as an object of names, or a list of objects with a name; a newer box may say them otherwise, and then none is shown.
fn parts(lamps: &Value) -> Vec<PartLine> {
    let read = |name: Option<&str>, value: &Value| {
        let lamp = value.as_str().or_else(|| value["lamp"].as_str())?;
        let lamp = match lamp {
            "green" => Lamp::Green,
            "amber" => Lamp::Amber,
            "red" => Lamp::Red,
            _ => return None,
        };
        let name = name.or_else(|| value["part"].as_str()).or_else(|| value["name"].as_str())?;
        let words = value["words"].as_str().unwrap_or_default().to_owned();
        Some(PartLine { part: name.to_owned(), lamp, words })
    };
    match lamps {
        Value::Object(lamps) => {
            lamps.iter().filter_map(|(name, value)| read(Some(name), value)).collect()
        }
        Value::Array(lamps) => lamps.iter().filter_map(|value| read(None, value)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::frame::Event;

    fn kept(number: u64, class: Class, body: &str) -> Kept {
        let event = Event { class, body: body.as_bytes().to_vec() };
        Kept {
            number,
            at: UnixTime(60_000_000),
            site: "berne".into(),
            epoch: "e".into(),
            what: What::Event { n: number, event },
        }
    }

    fn connected(newest: u64) -> Contact {
        Contact::Connected {
            route: Route::Quic,
            version: "0.1.0".to_owned(),
            certificate_ends: Some(UnixTime(40 * 86_400_000_000)),
            epoch: "e".to_owned(),
            newest,
        }
    }

    #[test]
    fn a_site_is_shown_as_it_and_its_line_say() {
        let mut fleet = Fleet::default();
        fleet.handle_contact(UnixTime(50_000_000), "h1", "berne", connected(9));
        fleet.handle_kept(&kept(1, Class::CALL, "{\"event\":\"call\",\"at\":55000000}"));
        let health = "{\"event\":\"health\",\"at\":58000000,\"version\":\"0.2.0\",\"disk\":91,\
                      \"lamps\":{\"trunk carrier\":\"red\",\"modem one\":{\"lamp\":\"green\",\"words\":\"ready\"}}}";
        fleet.handle_kept(&kept(2, Class::HEALTH, health));
        let line = fleet.lines(UnixTime(100_000_000)).remove(0);
        assert_eq!((line.up, line.lag_events, line.silent_s), (true, 7, 40));
        assert_eq!((line.version.as_str(), line.event_age_s), ("0.2.0", 42));
        assert_eq!((line.lamp, line.disk_percent), (Lamp::Red, Some(91)));
        assert_eq!(line.why, ["its disk is 91 % full", "trunk carrier: does not work"]);
        // A hub that does not have the line any more does not take it down.
        fleet.handle_contact(UnixTime(101_000_000), "h2", "berne", connected(9));
        fleet.handle_contact(UnixTime(102_000_000), "h1", "berne", Contact::Gone);
        assert!(fleet.sites["berne"].up);
        fleet.handle_contact(UnixTime(103_000_000), "h2", "berne", Contact::Gone);
        assert!(!fleet.sites["berne"].up);
    }

    #[test]
    fn who_wants_attention_stands_above() {
        let mut fleet = Fleet::default();
        for (site, up) in [("a", true), ("b", false), ("c", true)] {
            fleet.handle_contact(UnixTime(1), "h", site, connected(0));
            if !up {
                fleet.handle_contact(UnixTime(2), "h", site, Contact::Gone);
            }
        }
        let names = |now| -> Vec<_> {
            fleet.lines(UnixTime(now)).into_iter().map(|line| (line.site, line.lamp)).collect()
        };
        let (g, a, r) = (Lamp::Green, Lamp::Amber, Lamp::Red);
        let of = |lines: [(&str, Lamp); 3]| lines.map(|(site, lamp)| (site.to_owned(), lamp));
        assert_eq!(names(3), of([("b", a), ("a", g), ("c", g)]));
        let two_days = 2 * 86_400_000_000;
        assert_eq!(names(two_days), of([("b", r), ("a", g), ("c", g)]));
        assert_eq!(names(41 * 86_400_000_000), of([("a", r), ("b", r), ("c", r)]));
    }
}
