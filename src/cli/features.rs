//! `branchline features`: lists the feature codes of a site, and what each does.

use std::path::Path;
use std::process::ExitCode;

use crate::call::plan::Behind;
use crate::cli::{check, exit};
use crate::config::Settings;
use crate::driver::files;

/// Reads the configuration, prints, and gives the exit code.
pub fn main(config: &Path) -> ExitCode {
    match files::check(config) {
        Ok(checked) => {
            print!("{}", list(&checked.loaded.settings));
            ExitCode::SUCCESS
        }
        Err(found) => {
            eprint!("{}", check::problems(&found));
            ExitCode::from(exit::CONFIG)
        }
    }
}

/// One line for each code: how it is dialled, its key, what it does.
pub fn list(settings: &Settings) -> String {
    let codes = settings.features.each().into_iter().map(|(feature, code, key)| {
        let behind = match feature.behind() {
            Behind::Nothing => "",
            Behind::Number => "NUMBER",
        };
        (format!("{code}{behind}"), key.to_owned(), feature.words().to_owned())
    });
    let schedules = settings.schedules.iter().filter_map(|schedule| {
        let words = format!(
            "Overrides schedule {}: 1 open, 2 closed, 3 holiday, 0 by the calendar, nothing: tells.",
            schedule.name
        );
        Some((format!("{}[0-3]", schedule.code.as_ref()?), "schedule.code".to_owned(), words))
    });
    let slots = settings.parking.slots.clone();
    let slots = (
        String::from(slots),
        "parking.slots".to_owned(),
        "Fetches who is parked there.".to_owned(),
    );
    codes
        .chain(schedules)
        .chain([slots])
        .map(|(code, key, words)| format!("{code:<14} {key:<26} {words}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_with_what_it_does() {
        let loaded = crate::config::load(Path::new("g"), &|_| {
            Ok("[features]\npark = \"\"\npause = \"*9\"\n".to_owned())
        });
        let told = list(&loaded.unwrap().settings);
        assert!(
            told.contains("*72NUMBER      forward_always             Forwards every call"),
            "{told}"
        );
        assert!(told.contains("*9             pause                      No calls"), "{told}");
        assert!(!told.contains("Parks the call"), "it is off: {told}");
        assert!(told.contains("701-709        parking.slots"), "{told}");
    }
}
