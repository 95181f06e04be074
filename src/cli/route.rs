//! How `branchline route` prints the dial plan's answer. It decides nothing.

use crate::call::plan::{Decision, Origin};

/// The destination, and the steps that led there.
pub fn answer(dialled: &str, from: &Origin, decision: &Decision) -> String {
    let who = match from {
        Origin::Trunk(trunk) => format!("a caller on trunk {trunk}"),
        Origin::Extension(extension) => format!("extension {extension}"),
    };
    let shown: String = dialled.chars().filter(|c| !c.is_control()).collect();
    let steps: String = decision.because.iter().map(|step| format!("  - {step}\n")).collect();
    format!("{shown} from {who}\n{steps}=> {}\n", decision.destination)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::call::plan::{Asked, Plan};
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
