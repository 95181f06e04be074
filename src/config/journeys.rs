//! Rules of journeys: a file read and checked, its mistakes told like any other.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::{Fragment, Problem};
use crate::journey::rule::{Mistake, Rule, Settings};

/// The rule in a file with this text; `queues` are all there are. Every mistake is listed.
pub fn rule(file: &Path, text: &str, queues: &BTreeSet<String>) -> Result<Rule, Vec<Problem>> {
    let fragment = Fragment { file: file.to_owned(), text: text.into(), path: Vec::new() };
    let settings: Settings = fragment.read()?;
    Rule::new(&settings, queues).map_err(|found| {
        let tell = |problem: &crate::journey::rule::Problem| {
            let told = fragment.problem(problem.span.clone(), "", problem.mistake.to_string());
            let told = match problem.mistake.allowed() {
                Some(allowed) => told.allowing(allowed),
                None => told,
            };
            let named = matches!(
                problem.mistake,
                Mistake::Kind(_) | Mistake::Purpose(_) | Mistake::Queue(_)
            );
            match named {
                true => told.suggesting(&problem.written, problem.known.iter().map(String::as_str)),
                false => told,
            }
        };
        let mut problems: Vec<_> = found.iter().map(tell).collect();
        super::problem::order(&mut problems);
        problems
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_its_line_and_what_was_meant() {
        let text = "on = \"call-abandoned\"\n[[step]]\ncallback = \"suport\"\n";
        let problems = rule(Path::new("j.toml"), text, &["support".to_owned()].into()).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let place = (problems[0].line, problems[0].column);
        assert_eq!((place, problems[0].nearest.as_deref()), ((3, 12), Some("support")));
        let text = "on = \"call-abandoned\"\nstepp = 1\n";
        let problems = rule(Path::new("j.toml"), text, &BTreeSet::new()).unwrap_err();
        assert_eq!((problems[0].line, problems[0].nearest.as_deref()), (2, Some("step")));
    }
}
