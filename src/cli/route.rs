//! `branchline route`: asks the dial plan where a number would go, and prints its answer.

use std::path::Path;
use std::process::ExitCode;

use crate::call::plan::{Asked, Decision, Origin, Plan};
use crate::cli::{check, exit};
use crate::config::problem::nearest;
use crate::driver::{clock, files};
use crate::id::{ExtensionId, TrunkId};

/// Asks, prints, and gives the exit code.
pub fn main(number: &str, from: &str, config: &Path) -> ExitCode {
    let loaded = match files::check(config) {
        Ok(checked) => checked.loaded,
        Err(found) => {
            eprint!("{}", check::problems(&found));
            return ExitCode::from(exit::CONFIG);
        }
    };
    let settings = &loaded.settings;
    let (origin, known): (_, Vec<&str>) = match from.strip_prefix("trunk:") {
        Some(trunk) => (
            Origin::Trunk(TrunkId::from(trunk)),
            settings.trunks.iter().map(|t| t.name.as_str()).collect(),
        ),
        None => (
            Origin::Extension(ExtensionId::from(from)),
            settings.extensions.iter().map(|e| e.number.as_str()).collect(),
        ),
    };
    let name = from.strip_prefix("trunk:").unwrap_or(from);
    if !known.contains(&name) {
        let near =
            nearest(name, known.iter().copied()).map(|near| format!("; did you mean {near}?"));
        return exit::fail(
            exit::USAGE,
            format!("nobody calls from {from} here{}", near.unwrap_or_default()),
        );
    }
    let asked = Asked { dialled: number, from: origin.clone(), unix: clock::now().unix };
    let decision = Plan::new(settings.dial_rules()).decide(&asked);
    print!("{}", answer(number, &origin, &decision));
    ExitCode::SUCCESS
}

/// The destination, and the steps that led there.
pub fn answer(dialled: &str, from: &Origin, decision: &Decision) -> String {
    let who = match from {
        Origin::Trunk(trunk) => format!("a caller on trunk {trunk}"),
        Origin::Extension(extension) => format!("extension {extension}"),
        Origin::Chat(chat) => format!("a visitor of chat {chat}"),
    };
    let shown: String = dialled.chars().filter(|c| !c.is_control()).collect();
    let steps: String = decision.because.iter().map(|step| format!("  - {step}\n")).collect();
    format!("{shown} from {who}\n{steps}=> {}\n", decision.destination)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    #[test]
    fn the_answer_ends_with_the_destination() {
        let loaded = crate::config::load(Path::new("g"), &|_| Ok(String::new())).unwrap();
        let from = Origin::Extension("201".into());
        let asked = Asked { dialled: "9911", from: from.clone(), unix: UnixTime(0) };
        let decision = Plan::new(loaded.settings.dial_rules()).decide(&asked);
        let told = answer("9911", &from, &decision);
        assert!(told.starts_with("9911 from extension 201\n  - "), "{told}");
        assert!(told.ends_with("=> EMERGENCY 911, but there is no trunk\n"), "{told}");
    }
}
