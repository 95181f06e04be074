//! `branchline manual DIR`: man pages and shell completions, from the definitions that `--help` is made of.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{Arguments, exit};

/// Shells that completions are written for, and the folder of each.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// Writes `man/*.1`, `bash/branchline`, `fish/branchline.fish` and `zsh/_branchline` into `folder`.
pub fn main(folder: &Path) -> ExitCode {
    match write(folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::fail(exit::IO, format!("{}: {error}", folder.display())),
    }
}

fn write(folder: &Path) -> io::Result<()> {
    let pages = folder.join("man");
    fs::create_dir_all(&pages)?;
    clap_mangen::generate_to(Arguments::command(), &pages)?;
    for shell in SHELLS {
        let own = folder.join(shell.to_string());
        fs::create_dir_all(&own)?;
        let mut command = Arguments::command();
        match shell {
            // Where bash looks, the file has the command's name alone.
            Shell::Bash => {
                let mut file = fs::File::create(own.join("branchline"))?;
                clap_complete::generate(shell, &mut command, "branchline", &mut file);
            }
            _ => drop(clap_complete::generate_to(shell, &mut command, "branchline", &own)?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page_and_completions_know_it() {
        let folder = std::env::temp_dir().join(format!("branchline-manual-{}", std::process::id()));
        write(&folder).expect("written");
        let page = |name: &str| fs::read_to_string(folder.join("man").join(name)).expect(name);
        assert!(
            page("branchline.1").contains("branchline\\-run"),
            "the first page leads to the others"
        );
        assert!(page("branchline-drain.1").contains("\\-\\-wait"));
        assert!(page("branchline-hub-token.1").contains("HOURS"));
        let bash = fs::read_to_string(folder.join("bash/branchline")).expect("there");
        assert!(bash.contains("lift-caps"));
        assert!(
            folder.join("fish/branchline.fish").exists() && folder.join("zsh/_branchline").exists()
        );
        fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
