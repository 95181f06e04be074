//! Reading a site sheet: every mistake with its line and column, what is allowed, and the nearest key, as in `gateway.toml`.
//!
//! What a sheet is stands in [`appliance::site`](crate::appliance::site); here its text becomes one.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::document::{Document, Step};
use super::problem::{self, Problem};
use crate::appliance::site::{Fault, Phone, Place, Sheet, Way};
use crate::call::country::Country;

/// The longest sheet: two hundred phones with all that may be said of each.
pub const LONGEST: usize = 64 << 10;

/// The sections of a sheet.
const SECTIONS: [&str; 8] =
    ["site", "network", "trunk", "phones", "phone", "modem", "backup", "admin"];

/// Reads the sheet in `text`; `file` is what problems call it. What is wrong in one section hides nothing in another.
pub fn read(file: &Path, text: &str) -> Result<Sheet, Vec<Problem>> {
    let document = Document::parse(file, text)?;
    let mut problems = Vec::new();
    for (key, span) in document.keys(&[]).into_iter().filter(|(key, _)| !SECTIONS.contains(key)) {
        let problem = document.source.problem(span, key, format!("unknown section `{key}`"));
        problems.push(problem.suggesting(key, SECTIONS));
    }
    let mut reading = Reading { document: &document, problems, broken: Vec::new() };
    let sheet = Sheet {
        site: reading.section("site").unwrap_or_else(|| Place::named("")),
        network: reading.section("network").unwrap_or_default(),
        trunk: reading.section("trunk"),
        phones: reading.section("phones").unwrap_or_default(),
        phone: reading.phones(),
        modem: reading.section("modem"),
        backup: reading.section("backup"),
        admin: reading.section("admin"),
    };
    if document.value(&[Step::Key("site")]).is_none() {
        let problem = document.problem(&[], "`site` is missing");
        reading.problems.push(Problem { width: 1, ..problem }.allowing("a section `[site]`"));
        reading.broken.push("site");
    }
    let Reading { mut problems, broken, .. } = reading;
    // What was not read is not judged.
    let judged =
        |fault: &Fault| !matches!(fault.at.first(), Some(Way::Key(key)) if broken.contains(key));
    for fault in sheet.faults().into_iter().filter(judged) {
        let at: Vec<Step<'_>> = fault.at.iter().map(|way| step(*way)).collect();
        problems.push(document.problem(&at, fault.what).allowing(fault.allowed));
    }
    if let Err(unknown) = Country::from_code(&sheet.site.country)
        && !broken.contains(&"site")
    {
        let at = [Step::Key("site"), Step::Key("country")];
        let what = format!("`{}` is no country that the dial plan knows", unknown.0);
        let problem = document.problem(&at, what);
        problems.push(problem.suggesting(&unknown.0, Country::codes()));
    }
    problem::order(&mut problems);
    if problems.is_empty() { Ok(sheet) } else { Err(problems) }
}

/// One sheet being read.
struct Reading<'a> {
    document: &'a Document<'a>,
    problems: Vec<Problem>,
    /// Sections with mistakes.
    broken: Vec<&'static str>,
}

impl Reading<'_> {
    fn section<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        let before = self.problems.len();
        let read = self.document.read(&[Step::Key(name)], &mut self.problems);
        if self.problems.len() > before {
            self.broken.push(name);
        }
        read
    }

    fn phones(&mut self) -> Vec<Phone> {
        let all = [Step::Key("phone")];
        let Some(count) = self.document.len(&all) else {
            // No list: whatever it is, its type is told.
            return self.section("phone").unwrap_or_default();
        };
        let before = self.problems.len();
        let read = (0..count).filter_map(|place| {
            self.document.read(&[Step::Key("phone"), Step::At(place)], &mut self.problems)
        });
        let phones = read.collect();
        if self.problems.len() > before {
            self.broken.push("phone");
        }
        phones
    }
}

fn step(way: Way) -> Step<'static> {
    match way {
        Way::Key(key) => Step::Key(key),
        Way::Nth(place) => Step::At(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<Problem> {
        read(Path::new("site.toml"), text).expect_err("it has mistakes")
    }

    #[test]
    fn a_mistake_has_its_line_what_is_allowed_and_the_nearest_key() {
        let text = "[site]\nname = \"A\"\ntime_zome = \"UTC\"\ncountry = \"UK\"\nkind = \"offic\"\n\n[netwrok]\nlan = 7\n[admin]\nuser=\"a\"\npassword=\"x\"\n";
        let found = told(text);
        let lines: Vec<_> = found.iter().map(|own| (own.line, own.nearest.as_deref())).collect();
        assert_eq!(
            lines,
            [
                (1, None),
                (3, Some("time_zone")),
                (5, Some("office")),
                (7, Some("network")),
                (11, None)
            ],
            "{found:?}"
        );
        assert!(found[4].what.contains("guessed too easily"));
        assert!(found[0].what.contains("`time_zone` is missing"));
        let country = told("[site]\nname = \"A\"\ntime_zone = \"UTC\"\ncountry = \"UK\"\n");
        assert_eq!((country[0].line, country[0].column), (4, 11));
        assert!(country[0].allowed.as_deref().is_some_and(|all| all.contains("`GB`")));
    }

    #[test]
    fn cards_in_both_forms_are_told_about() {
        let with = |lan: &str| {
            format!(
                "[site]\nname = \"A\"\ntime_zone = \"UTC\"\ncountry = \"US\"\n[network]\nlan = {lan}\n"
            )
        };
        assert!(read(Path::new("s"), &with("\"dhcp\"")).is_ok());
        assert!(read(Path::new("s"), &with("{ address = \"10.0.0.2/8\" }")).is_ok());
        for wrong in [
            "\"static\"",
            "7",
            "{ adress = \"10.0.0.2/8\" }",
            "{ address = \"10.0.0.2\" }",
            "{ address = \"10.0.0.2/8\", gateway = \"here\" }",
        ] {
            let found = told(&with(wrong));
            assert!(found.iter().all(|own| own.line == 6), "{wrong}: {found:?}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let text = "[site]\nname = \"A\"\ntime_zone = \"UTC\"\ncountry = \"US\"\n[admin]\nuser = \"a\"\npassword = \"hunter2\"\n";
        let printed: String = told(text).iter().map(ToString::to_string).collect();
        assert!(printed.contains("site.toml:7") && !printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn rubbish_is_refused_without_harm() {
        for text in
            ["", "\0", "[[[", "site = 1", "[site]\nname = [[[[]]]]", "phone = {}\n[site]\nname=1"]
        {
            assert!(!told(text).is_empty(), "{text:?}");
        }
    }
}
