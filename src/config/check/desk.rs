//! Mistakes about phones and what they share: groups, forwards, parking, schedules, feature codes.

use super::Step::{At, Key};
use super::{Check, Step};
use crate::address::Number;
use crate::call::desk::{Onward, group};
use crate::call::plan::{Behind, Destination, Plan, Target};
use crate::id::ExtensionId;
use crate::time::UnixTime;

/// Members of a group or a page.
const MEMBERS: std::ops::RangeInclusive<usize> = 1..=group::MOST_MEMBERS;

impl Check<'_, '_> {
    pub(super) fn desk(&mut self) {
        self.phones();
        self.groups();
        self.parking();
        self.within(&[Key("payment"), Key("limit")], self.settings.payment.limit, 30..=3_600);
        self.schedules();
        self.codes();
    }

    fn phones(&mut self) {
        let settings = self.settings;
        let plan = Plan::new(settings.dial_rules());
        for (index, extension) in settings.extensions.iter().enumerate() {
            let place = self.place("extension", index);
            if let Some(busy_at) = extension.busy_at {
                self.within(&[Key("extension"), At(place), Key("busy_at")], busy_at, 1..=100);
            }
            for (key, onward) in extension.forward.each() {
                let path = [Key("extension"), At(place), Key("forward"), Key(key)];
                self.onward(&plan, &path, &extension.number, onward);
            }
        }
    }

    /// A forward opens nothing that its extension may not dial.
    fn onward(&mut self, plan: &Plan, path: &[Step<'_>], by: &ExtensionId, onward: &Onward) {
        let number = match onward {
            Onward::Target(target) => return self.target(path, target),
            Onward::Number(number) => number.clone(),
        };
        let to = Destination::Dial { number: number.clone(), by: by.clone() };
        match plan.onward(to, UnixTime(0)) {
            Destination::Nowhere(why) => {
                let what = format!("calls of {by} cannot go on to {number}: {why}");
                self.tell(path, what, "a number that the extension may dial, or a target");
            }
            Destination::Extension(other) if other == *by => {
                self.tell(path, format!("{by} forwards to itself"), "");
            }
            _ => {}
        }
    }

    fn members(&mut self, section: &'static str, place: usize, members: &[ExtensionId]) {
        let extensions = self.names_of("extension");
        let list = [Key(section), At(place), Key("members")];
        if !MEMBERS.contains(&members.len()) {
            let what = format!("{} members", members.len());
            self.tell(&list, what, &format!("{} to {}", MEMBERS.start(), MEMBERS.end()));
        }
        for (i, member) in members.iter().enumerate() {
            let path = [Key(section), At(place), Key("members"), At(i)];
            if members.iter().take(i).any(|before| before == member) {
                self.tell(&path, format!("{member} is a member already"), "");
            }
            self.known(&path, "extension", member.as_str(), &extensions);
        }
    }

    fn groups(&mut self) {
        let settings = self.settings;
        for (index, group) in settings.groups.iter().enumerate() {
            let place = self.place("group", index);
            let at = |key| [Key("group"), At(place), Key(key)];
            self.within(&at("ring_time"), group.ring_time, 5..=180);
            self.members("group", place, &group.members);
            if let Some(target) = &group.overflow {
                self.target(&at("overflow"), target);
                if self.group_circle(&group.name, target) {
                    let what =
                        format!("callers would go round from group {} to itself", group.name);
                    self.tell(&at("overflow"), what, "somewhere else");
                }
            }
        }
        for (index, page) in settings.pages.iter().enumerate() {
            let place = self.place("page", index);
            self.members("page", place, &page.members);
        }
    }

    /// Whether a group's overflow leads back to it over other groups alone.
    fn group_circle(&self, home: &crate::id::GroupId, from: &Target) -> bool {
        let mut target = Some(from);
        for _ in 0..=self.settings.groups.len() {
            let Some(Target::Group(name)) = target else { return false };
            if name == home {
                return true;
            }
            let next = self.settings.groups.iter().find(|group| group.name == *name);
            target = next.and_then(|group| group.overflow.as_ref());
        }
        false
    }

    fn parking(&mut self) {
        let parking = &self.settings.parking;
        if parking.comeback != 0 {
            self.within(&[Key("parking"), Key("comeback")], parking.comeback, 10..=3_600);
        }
        if let Some(target) = &parking.overflow {
            self.target(&[Key("parking"), Key("overflow")], target);
        }
    }

    fn schedules(&mut self) {
        let settings = self.settings;
        let calendars = self.names_of("calendar");
        let extensions = self.names_of("extension");
        for (index, schedule) in settings.schedules.iter().enumerate() {
            let place = self.place("schedule", index);
            let at = |key| [Key("schedule"), At(place), Key(key)];
            self.known(&at("calendar"), "calendar", &schedule.calendar, &calendars);
            for (key, target) in schedule.targets() {
                match target {
                    Target::Schedule(_) => {
                        self.tell(&at(key), "a schedule leads to no other one", "any other target");
                    }
                    target => self.target(&at(key), target),
                }
            }
            for (i, extension) in schedule.extensions.iter().enumerate() {
                let path = [Key("schedule"), At(place), Key("extensions"), At(i)];
                self.known(&path, "extension", extension.as_str(), &extensions);
            }
        }
    }

    /// A code behind which something is dialled takes every number that begins with it.
    fn codes(&mut self) {
        let settings = self.settings;
        let behind = settings.features.each().into_iter();
        let behind = behind.filter(|(feature, ..)| feature.behind() == Behind::Number);
        let inside = self.dialled_inside();
        for (_, code, key) in behind {
            let code = code.as_str();
            let hidden = inside
                .iter()
                .find(|(_, _, number)| number.len() > code.len() && number.starts_with(code));
            // A longer feature code is found before a shorter one.
            if let Some((_, kind, number)) = hidden.filter(|(_, kind, _)| *kind != "feature code") {
                let what =
                    format!("nobody could dial the {kind} {number}: it begins with this code");
                self.tell(&[Key("features"), Key(key)], what, "a code that nothing begins with");
            }
        }
        self.codes_of_carriers();
    }

    /// Codes of ours stand above patterns that let a carrier's codes through.
    fn codes_of_carriers(&mut self) {
        let settings = self.settings;
        for (_, code, key) in settings.features.each() {
            let taken = settings.outbound.iter().find(|rule| {
                rule.matcher().is_ok_and(|pattern| {
                    let leading = pattern.leading();
                    leading.contains(['*', '#']) && leading == code.as_str()
                })
            });
            if let Some(rule) = taken {
                let what = format!(
                    "rule `{}` takes nothing: {code} is the feature code `{key}`",
                    rule.name
                );
                let at = [Key("features"), Key(key)];
                self.out.push(
                    self.document
                        .problem(&at, what)
                        .allowing("another code, or \"\" for none")
                        .warning(),
                );
            }
        }
    }

    /// Numbers that phones share, with where each stands: groups, pages, schedules' codes, parking places.
    pub(super) fn shared_numbers(&self) -> Vec<(Vec<Step<'static>>, &'static str, String)> {
        let settings = self.settings;
        let at = |section: &'static str, index, key| {
            vec![Key(section), At(self.place(section, index)), Key(key)]
        };
        let text = |number: &Number| number.as_str().to_owned();
        let groups = settings.groups.iter().enumerate().filter_map(|(i, group)| {
            Some((at("group", i, "number"), "group", text(group.number.as_ref()?)))
        });
        let pages = settings.pages.iter().enumerate();
        let pages = pages.map(|(i, page)| (at("page", i, "number"), "page", text(&page.number)));
        let codes = settings.schedules.iter().enumerate().flat_map(|(i, schedule)| {
            let code = schedule.code.as_ref().map(text);
            let each = code
                .into_iter()
                .flat_map(|code| ["", "0", "1", "2", "3"].map(|order| format!("{code}{order}")));
            each.map(move |code| (at("schedule", i, "code"), "schedule's code", code))
                .collect::<Vec<_>>()
        });
        let written = self.document.value(&[Key("parking"), Key("slots")]).is_some();
        let slots = settings.parking.slots.each().filter(|_| written);
        let slots = slots
            .map(|slot| (vec![Key("parking"), Key("slots")], "parking place", slot.to_string()));
        groups.chain(pages).chain(codes).chain(slots).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Problem, load};

    const SITE: &str = r#"
[[extension]]
number = "201"
secret = { file = "x" }
forward = { busy = "95550123", no_answer = "group:sales" }
[[extension]]
number = "202"
secret = { file = "x" }
[[trunk]]
name = "carrier"
servers = ["192.0.2.1"]
[[outbound]]
name = "outside"
prefix = "9"
strip = 1
trunks = ["carrier"]
[[group]]
name = "sales"
number = "300"
members = ["201", "202"]
overflow = "extension:202"
[parking]
slots = "701-709"
[[schedule]]
name = "day"
calendar = "office"
open = "group:sales"
closed = "extension:202"
code = "*28"
[[calendar]]
name = "office"
[features]
park = "*68"
"#;

    #[track_caller]
    fn told(from: &str, to: &str, part: &str) {
        assert!(SITE.contains(from), "{from}");
        let text = SITE.replacen(from, to, 1);
        let problems = match load(Path::new("g"), &|_| Ok(text.clone())) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        let told: Vec<_> = problems.iter().map(Problem::to_string).collect();
        assert!(told.iter().any(|told| told.contains(part)), "{}", told.join("\n"));
    }

    #[test]
    fn a_good_site_is_good() {
        let loaded = load(Path::new("g"), &|_| Ok(SITE.to_owned()));
        let loaded = loaded.unwrap_or_else(|problems| panic!("{}", problems[0]));
        let of_codes = |problem: &&Problem| problem.to_string().contains("feature");
        assert_eq!(loaded.warnings.iter().filter(of_codes).count(), 0);
    }

    #[test]
    fn a_forward_opens_nothing_that_its_extension_may_not_dial() {
        told("busy = \"95550123\"", "busy = \"9011442071234567\"", "does not allow");
        told("busy = \"95550123\"", "busy = \"911\"", "calls are not passed on to there");
        told("busy = \"95550123\"", "busy = \"*41\"", "calls are not passed on to there");
        told("busy = \"95550123\"", "busy = \"201\"", "201 forwards to itself");
        told("no_answer = \"group:sales\"", "no_answer = \"group:sale\"", "did you mean `sales`?");
        told("no_answer", "noanswer", "did you mean `no_answer`?");
    }

    #[test]
    fn groups_and_numbers_that_collide_are_told() {
        told("number = \"300\"", "number = \"202\"", "202 is taken by the extension");
        told("number = \"300\"", "number = \"705\"", "705 is taken by the group");
        told("number = \"300\"", "number = \"*282\"", "*282 is taken by the group");
        told("members = [\"201\", \"202\"]", "members = [\"201\", \"201\"]", "a member already");
        told("members = [\"201\", \"202\"]", "members = []", "1 to 32");
        told("overflow = \"extension:202\"", "overflow = \"group:sales\"", "would go round");
        told("slots = \"701-709\"", "slots = \"709-701\"", "is no row of at most 100 places");
    }

    #[test]
    fn codes_that_hide_numbers_or_one_another_are_told() {
        told("park = \"*68\"", "park = \"*41\"", "*41 is taken by the feature code");
        told("park = \"*68\"", "pickup = \"30\"", "nobody could dial the group 300");
        told("park = \"*68\"", "park = \"*28\"", "*28 is taken by the feature code");
        told("prefix = \"9\"\nstrip = 1", "pattern = \"*72.\"", "rule `outside` takes nothing");
    }

    #[test]
    fn schedules_lead_somewhere_by_a_calendar_that_there_is() {
        told("calendar = \"office\"", "calendar = \"ofice\"", "did you mean `office`?");
        told("open = \"group:sales\"", "open = \"schedule:day\"", "leads to no other one");
        told("closed = \"extension:202\"", "closed = \"extension:209\"", "no extension `209`");
    }
}
