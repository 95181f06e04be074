//! `branchline check`: says everything that is wrong with a configuration, or what is in it.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::exit;
use crate::config::{Loaded, Problem, Severity};
use crate::driver::files;

/// The configuration of an installed box.
const INSTALLED: &str = "/etc/branchline/gateway.toml";

/// Checks, prints, and gives the exit code. Secrets are not read: who checks need not be allowed to.
pub fn main(config: Option<&Path>) -> ExitCode {
    let config = config.unwrap_or(Path::new(INSTALLED));
    match files::check(config) {
        Ok(checked) => {
            print!("{}", summary(config, &checked.loaded));
            ExitCode::SUCCESS
        }
        Err(found) => {
            eprint!("{}", problems(&found));
            ExitCode::from(exit::CONFIG)
        }
    }
}

/// `branchline schema`: what gateway.toml may have, for editors.
pub fn schema() -> ExitCode {
    // A reader that closed the pipe early has seen what it wanted.
    let _ = writeln!(io::stdout(), "{:#}", crate::config::schema::schema());
    ExitCode::SUCCESS
}

/// All problems, a blank line between them, and a last line that counts them.
pub fn problems(problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let told: String = problems.iter().map(|problem| format!("{problem}\n\n")).collect();
    let warnings = problems.len() - errors;
    format!("{told}{}, {}\n", counted(errors, "error"), counted(warnings, "warning"))
}

/// What a configuration without errors says: its warnings, and what is in it.
pub fn summary(path: &Path, loaded: &Loaded) -> String {
    let settings = &loaded.settings;
    let parts = [
        counted(settings.extensions.len(), "extension"),
        counted(settings.trunks.len(), "trunk"),
        counted(settings.queues.len(), "queue"),
        counted(settings.agents.len(), "agent"),
        counted(loaded.flows.len(), "flow"),
    ];
    let warnings: String = loaded.warnings.iter().map(|problem| format!("{problem}\n\n")).collect();
    format!("{warnings}{}: good; {}\n", path.display(), parts.join(", "))
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    #[test]
    fn problems_are_counted_and_a_good_file_says_what_is_in_it() {
        let path = Path::new("gateway.toml");
        let bad = load(path, &|_| Ok("[sit]\n[medai]\n".into())).unwrap_err();
        let told = problems(&bad);
        assert!(told.ends_with("2 errors, 1 warning\n"), "{told}");
        let good = load(path, &|_| Ok(String::new())).unwrap();
        assert!(
            summary(path, &good)
                .ends_with("good; 0 extensions, 0 trunks, 0 queues, 0 agents, 0 flows\n")
        );
    }
}
