//! The console: a menu in place of a login. A line comes in, an act comes out; there is no shell behind it.
//!
//! It owns what is asked and in which order, and knows what no key does by itself: a factory reset wants a word typed out, and
//! switching off too. What acts do is the command line's.

/// The word that a factory reset wants.
pub const WORD: &str = "RESET";
/// The longest line that is looked at.
const LONGEST: usize = 64;

/// What somebody at the console wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// To see how everything is.
    Status,
    /// To see the network cards.
    Network,
    /// The telephone service begins anew.
    Restart,
    /// The box is as it came; said by its word.
    Reset,
    /// The power goes off.
    PowerOff,
    /// The first page again.
    Home,
    /// A question: this is to be printed, and the next line answers it.
    Ask(&'static str),
    /// This key has no meaning.
    Unknown,
}

/// What the next line answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Asked {
    #[default]
    Key,
    Word,
    Off,
}

/// The menu.
#[derive(Debug, Default)]
pub struct Console {
    asked: Asked,
}

/// Keys, for the last lines of the page.
pub const KEYS: &str =
    "s status   n network   r restart the service   f factory reset   o power off   Enter refresh";

impl Console {
    /// Whether a question waits: then the page must not be drawn over it.
    pub fn asks(&self) -> bool {
        self.asked != Asked::Key
    }

    /// A line was typed, without its end.
    pub fn handle_line(&mut self, line: &str) -> Act {
        let line = line.trim().get(..LONGEST).unwrap_or(line.trim());
        match std::mem::take(&mut self.asked) {
            Asked::Word if line == WORD => Act::Reset,
            Asked::Off if line.eq_ignore_ascii_case("yes") => Act::PowerOff,
            Asked::Word | Asked::Off => Act::Home,
            Asked::Key => self.key(line),
        }
    }

    /// Nobody answered for a while: an open question is no trap for the next one who comes by.
    pub fn handle_silence(&mut self) {
        self.asked = Asked::Key;
    }

    fn key(&mut self, line: &str) -> Act {
        match line {
            "" => Act::Home,
            "s" | "S" => Act::Status,
            "n" | "N" => Act::Network,
            "r" | "R" => Act::Restart,
            "f" | "F" => {
                self.asked = Asked::Word;
                Act::Ask(
                    "Everything this branch has told the box goes: configuration, passwords, calls, recordings. It is kept aside for \
                     24 hours, unless the site chose a regulated wipe.\nType RESET and Enter to do it, anything else to leave it: ",
                )
            }
            "o" | "O" => {
                self.asked = Asked::Off;
                Act::Ask(
                    "Calls end, and nobody can call until somebody switches the box on. Type yes and Enter to do it: ",
                )
            }
            _ => Act::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_wants_its_word_and_nothing_else_does_it() {
        let mut console = Console::default();
        assert!(matches!(console.handle_line("f"), Act::Ask(_)) && console.asks());
        assert_eq!(console.handle_line("RESET"), Act::Reset);
        for other in ["reset", "", "yes", "f", "RESET now"] {
            assert!(matches!(console.handle_line("f"), Act::Ask(_)));
            assert_eq!(console.handle_line(other), Act::Home, "{other}");
            assert!(!console.asks());
        }
        assert_eq!(
            console.handle_line("RESET"),
            Act::Unknown,
            "without the question it is no word"
        );
        assert!(matches!(console.handle_line("f"), Act::Ask(_)));
        console.handle_silence();
        assert_eq!(console.handle_line("RESET"), Act::Unknown, "the question has gone");
    }

    #[test]
    fn no_line_leads_out_of_the_menu() {
        let mut console = Console::default();
        for line in [
            "s",
            "n",
            "r",
            "o",
            "no",
            "!sh",
            "\u{1b}[A",
            &"x".repeat(10_000),
            "\0",
            "; reboot",
            "é".repeat(64).as_str(),
        ] {
            let act = console.handle_line(line);
            assert!(!matches!(act, Act::Reset | Act::PowerOff), "{line:?}");
        }
        assert!(matches!(console.handle_line("o"), Act::Ask(_)));
        assert_eq!(console.handle_line("yes"), Act::PowerOff);
    }
}
