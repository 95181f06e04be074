//! Rules of journeys: files read and checked, their mistakes told like any other.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::document::{Document, Step};
use crate::config::settings::{JourneyFile, Settings};
use crate::config::{Fragment, Problem, Read, Severity};
use crate::journey::rule::{self, Known, Mistake, Rule};

/// Most rules: each is looked at for every event.
const MOST_RULES: usize = 100;

/// The rule in a file with this text, and what is probably not meant. Every mistake is listed.
///
/// # Errors
/// When there is any.
pub fn rule(file: &Path, text: &str, known: &Known) -> Result<(Rule, Vec<Problem>), Vec<Problem>> {
    let fragment = Fragment { file: file.to_owned(), text: text.into(), path: Vec::new() };
    let settings: rule::Settings = fragment.read()?;
    match Rule::new(&settings, known) {
        Ok(rule) => {
            let unheard = Rule::unheard(&settings, known);
            let warning =
                |problem| Problem { severity: Severity::Warning, ..tell(&fragment, problem) };
            Ok((rule, unheard.iter().map(warning).collect()))
        }
        Err(found) => {
            let mut problems: Vec<_> =
                found.iter().map(|problem| tell(&fragment, problem)).collect();
            super::problem::order(&mut problems);
            Err(problems)
        }
    }
}

fn tell(fragment: &Fragment, problem: &rule::Problem) -> Problem {
    let told = fragment.problem(problem.span.clone(), "", problem.mistake.to_string());
    let told = match problem.mistake.allowed() {
        Some(allowed) => told.allowing(allowed),
        None => told,
    };
    let named = matches!(
        problem.mistake,
        Mistake::Kind(_)
            | Mistake::Purpose(_)
            | Mistake::Of(_)
            | Mistake::Queue(_)
            | Mistake::Webhook(_)
    );
    match named {
        true => told.suggesting(&problem.written, problem.known.iter().map(String::as_str)),
        false => told,
    }
}

impl Settings {
    /// What there is that rules may name.
    pub fn known_to_rules(&self) -> Known {
        let hook =
            |hook: &super::settings::Webhook| (hook.name.to_string(), hook.is_told_of_journeys());
        Known {
            queues: self.queues.iter().map(|queue| queue.name.to_string()).collect(),
            webhooks: self.webhooks.iter().map(hook).collect(),
            carried: self.messages.carriers().into_keys().collect(),
        }
    }
}

/// Every rule that the file names, by name; mistakes and warnings go to `out`. `known` has also queues with mistakes.
pub(super) fn rules(
    document: &Document<'_>,
    read: Read<'_>,
    known: &Known,
    out: &mut Vec<Problem>,
) -> BTreeMap<String, Rule> {
    let mut rules = BTreeMap::new();
    for (name, _) in document.keys(&[Step::Key("journey")]) {
        let at = [Step::Key("journey"), Step::Key(name)];
        let Some(JourneyFile { file }) = document.read(&at, out) else { continue };
        let file = document.source.file.parent().unwrap_or(Path::new("")).join(file);
        let text = match read(&file) {
            Ok(text) => text,
            Err(why) => {
                let at = [Step::Key("journey"), Step::Key(name), Step::Key("file")];
                let what = format!("the rule cannot be read from {}: {why}", file.display());
                out.push(document.problem(&at, what));
                continue;
            }
        };
        match rule(&file, &text, known) {
            Ok((rule, warnings)) => {
                out.extend(warnings);
                rules.insert(name.to_owned(), rule);
            }
            Err(problems) => out.extend(problems),
        }
    }
    if rules.len() > MOST_RULES {
        let what = format!("there are more than {MOST_RULES} rules");
        out.push(document.problem(&[Step::Key("journey")], what));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::journey::Channel;

    fn known() -> Known {
        Known {
            queues: ["support".to_owned()].into(),
            webhooks: [("crm".to_owned(), true), ("wall".to_owned(), false)].into(),
            carried: [Channel::Sms].into(),
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_what_was_meant() {
        let text = "on = \"call-abandoned\"\n[[step]]\ncallback = \"suport\"\n";
        let problems = rule(Path::new("j.toml"), text, &known()).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let place = (problems[0].line, problems[0].column);
        assert_eq!((place, problems[0].nearest.as_deref()), ((3, 12), Some("support")));
        let text = "on = \"call-abandoned\"\nstepp = 1\n";
        let problems = rule(Path::new("j.toml"), text, &known()).unwrap_err();
        assert_eq!((problems[0].line, problems[0].nearest.as_deref()), (2, Some("step")));
        let text =
            "on = \"call-missed\"\n[[step]]\nwebhook = \"crn\"\n[[step]]\nwebhook = \"wall\"";
        let problems = rule(Path::new("j.toml"), text, &known()).unwrap_err();
        assert_eq!((problems[0].line, problems[0].nearest.as_deref()), (3, Some("crm")));
        assert!(problems[1].what.contains("journey.due"), "{}", problems[1].what);
    }

    #[test]
    fn a_channel_that_nobody_carries_is_said_plainly_and_is_no_error() {
        let text = "on = \"call-missed\"\n[[step]]\nmessage = \"sms\"\ntext = \"Hello.\"\n\
                    [[step]]\nmessage = \"mail\"\ntext = \"Hello.\"\n";
        let (_, warnings) = rule(Path::new("j.toml"), text, &known()).unwrap();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!((warnings[0].severity, warnings[0].line), (Severity::Warning, 5));
        assert!(warnings[0].what.contains("by mail"), "{}", warnings[0].what);
    }

    #[test]
    fn rules_are_read_beside_the_main_file_and_carriers_are_checked() {
        let main = "[journey.sorry]\nfile = \"sorry.toml\"\n[journey.lost]\nfile = \"lost.toml\"\n\
                    [journey.wrong]\nfil = \"x\"\n[messages]\nsms = \"webhook:sendr\"\nmail = \"pigeon\"\n\
                    [[webhook]]\nname = \"sender\"\nurl = \"https://example.com/\"\n\
                    events = [\"call.*\"]\nsecret = { file = \"x\" }\n";
        let read = |path: &Path| match path.to_str() {
            Some("etc/g.toml") => Ok(main.to_owned()),
            Some("etc/sorry.toml") => Ok("on = \"call-missd\"\n[[step]]\nstop = true\n".to_owned()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        let problems = config::load(Path::new("etc/g.toml"), &read).unwrap_err();
        let told: Vec<_> = problems
            .iter()
            .filter(|problem| problem.is_error())
            .map(|p| (p.file.to_str().unwrap(), p.line, p.nearest.as_deref()))
            .collect();
        let wanted = [
            ("etc/g.toml", 4, None),
            ("etc/g.toml", 6, Some("file")),
            ("etc/g.toml", 8, Some("sender")),
            ("etc/g.toml", 9, None),
            ("etc/sorry.toml", 1, Some("call-missed")),
        ];
        let missing: Vec<_> = wanted.iter().filter(|one| !told.contains(one)).collect();
        assert!(missing.is_empty(), "{missing:?} in {told:?}");
    }

    #[test]
    fn a_rule_of_the_time_says_when_and_is_about_somebody_or_does_nothing_with_anybody() {
        let read = |text: &str| {
            let text = format!("{text}\n[[step]]\ntask = 'support'\ntext = 'x'\n");
            rule(Path::new("j.toml"), &text, &known()).map(|_| ()).map_err(|found| {
                found.iter().map(|problem| problem.what.clone()).collect::<Vec<_>>().join("; ")
            })
        };
        assert_eq!(read("on = 'time'\nat = '09:00'"), Ok(()));
        assert_eq!(
            read("on = 'time'\nat = '09:00'\ndays = 'mon-fri'\nfield = 'birthday'\nyearly = true"),
            Ok(())
        );
        for (text, words) in [
            ("on = 'time'", "`at` goes with"),
            ("on = 'call-missed'\nat = '09:00'", "`at` goes with"),
            ("on = 'time'\nat = '25:00'", "no time of day"),
            ("on = 'time'\nat = '09:00'\ndays = 'caturday'", "no days of the week"),
            ("on = 'time'\nat = '09:00'\ndays_before = 3", "of a date in `field`"),
            (
                "on = 'time'\nat = '09:00'\nfield = 'x'\ndays_before = 3\ndays_after = 3",
                "one of `days_before`",
            ),
            ("on = 'time'\nat = '09:00'\nof = 'case'", "`of` goes with"),
            ("on = 'call-missed'\nof = 'case'", "`at` goes with"),
            ("on = 'time'\nat = '09:00'\nfield = 'x'\nof = 'cases'", "no dates of a `cases`"),
            ("on = 'time'\nat = '09:00'\n[[step]]\ntag = 'vip'", "about nobody"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(words), "{text}: {found}");
        }
    }
}
