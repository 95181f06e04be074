//! The pattern language of outbound rules: `9NXXXXXX`, `0.`, `011.`; what matches, and which of two is narrower.
//!
//! It knows digits only: no trunks, callers or classes of number.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::MAX_DIGITS;

/// A set of dialled numbers. `0-9`, `*`, `#` and a leading `+` stand for themselves, `X` is 0-9, `Z` is 1-9, `N` is
/// 2-9, and a `.` at the end is one or more of anything.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    symbols: Vec<Symbol>,
    open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Exactly(u8),
    FromTwo,
    FromOne,
    Any,
}

/// Why text is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAPattern {
    /// Nothing to match, or only a `.`: a rule for everything is how toll fraud begins, so it must name one digit.
    Empty,
    /// Longer than any number can be.
    TooLong,
    /// A character without a meaning here.
    Character(char),
    /// A `.` that is not at the end.
    DotInside,
}

impl fmt::Display for NotAPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotAPattern::Empty => f.write_str("a pattern names at least one digit"),
            NotAPattern::TooLong => write!(f, "a pattern has at most {MAX_DIGITS} places"),
            NotAPattern::Character(c) => {
                write!(
                    f,
                    "{c:?} has no meaning in a pattern; use 0-9 * # X (0-9) Z (1-9) N (2-9), + first, . last"
                )
            }
            NotAPattern::DotInside => f.write_str("a `.` may stand only at the end of a pattern"),
        }
    }
}

impl std::error::Error for NotAPattern {}

impl Symbol {
    fn matches(self, byte: u8) -> bool {
        match self {
            Symbol::Exactly(own) => own == byte,
            Symbol::FromTwo => (b'2'..=b'9').contains(&byte),
            Symbol::FromOne => (b'1'..=b'9').contains(&byte),
            Symbol::Any => byte.is_ascii_digit(),
        }
    }

    /// How many characters it stands for.
    fn width(self) -> u8 {
        match self {
            Symbol::Exactly(_) => 1,
            Symbol::FromTwo => 8,
            Symbol::FromOne => 9,
            Symbol::Any => 10,
        }
    }
}

/// Wider than any symbol: what a closing `.` counts as when patterns are ordered.
const OPEN_WIDTH: u8 = u8::MAX;

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, NotAPattern> {
        let (body, open) = text.strip_suffix('.').map_or((text, false), |body| (body, true));
        if body.is_empty() {
            return Err(NotAPattern::Empty);
        }
        if body.len() > MAX_DIGITS {
            return Err(NotAPattern::TooLong);
        }
        let symbols = body
            .chars()
            .enumerate()
            .map(|(place, c)| symbol(place, c))
            .collect::<Result<_, _>>()?;
        Ok(Pattern { symbols, open })
    }

    /// Every number that begins with `digits` and goes on.
    pub fn prefix(digits: &str) -> Result<Self, NotAPattern> {
        Pattern::parse(&format!("{digits}."))
    }

    /// Whether `dialled` is in the set.
    pub fn matches(&self, dialled: &str) -> bool {
        let bytes = dialled.as_bytes();
        let fits = if self.open {
            bytes.len() > self.symbols.len()
        } else {
            bytes.len() == self.symbols.len()
        };
        fits && self.symbols.iter().zip(bytes).all(|(symbol, byte)| symbol.matches(*byte))
    }

    /// Narrower first: the first place where two patterns differ decides, and there the smaller set comes first. A
    /// closing `.` is wider than any one place, so `911X` comes before `91.` and `9011.` before `9.`.
    pub fn narrower_first(&self, other: &Pattern) -> Ordering {
        self.widths().cmp(other.widths())
    }

    /// The characters that every number of the set begins with.
    pub fn leading(&self) -> String {
        let exact = self.symbols.iter().map_while(|symbol| match symbol {
            Symbol::Exactly(own) => Some(char::from(*own)),
            _ => None,
        });
        exact.collect()
    }

    /// Characters that a caller must have dialled at least.
    pub fn shortest(&self) -> usize {
        self.symbols.len() + usize::from(self.open)
    }

    fn widths(&self) -> impl Iterator<Item = u8> {
        self.symbols.iter().map(|s| s.width()).chain(self.open.then_some(OPEN_WIDTH))
    }
}

fn symbol(place: usize, c: char) -> Result<Symbol, NotAPattern> {
    match c {
        '0'..='9' | '*' | '#' => Ok(Symbol::Exactly(c as u8)),
        '+' if place == 0 => Ok(Symbol::Exactly(b'+')),
        'X' | 'x' => Ok(Symbol::Any),
        'Z' | 'z' => Ok(Symbol::FromOne),
        'N' | 'n' => Ok(Symbol::FromTwo),
        '.' => Err(NotAPattern::DotInside),
        other => Err(NotAPattern::Character(other)),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for symbol in &self.symbols {
            let c = match symbol {
                Symbol::Exactly(own) => char::from(*own),
                Symbol::FromTwo => 'N',
                Symbol::FromOne => 'Z',
                Symbol::Any => 'X',
            };
            write!(f, "{c}")?;
        }
        f.write_str(if self.open { "." } else { "" })
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Pattern {
    type Error = NotAPattern;
    fn try_from(text: String) -> Result<Self, NotAPattern> {
        Pattern::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn each_symbol_stands_for_its_digits() {
        assert!(pattern("9NXXZ").matches("92001"));
        assert!(!pattern("9NXXZ").matches("91001"));
        assert!(!pattern("9NXXZ").matches("92000"));
        assert!(!pattern("9NXXZ").matches("920012"));
        assert!(pattern("9.").matches("91"));
        assert!(!pattern("9.").matches("9"));
        assert!(pattern("+1.").matches("+1408"));
    }

    #[test]
    fn the_narrower_pattern_comes_first() {
        let mut all: Vec<_> = ["9.", "9X.", "9011.", "9N.", "911", "9NXXXXXX"].map(pattern).into();
        all.sort_by(Pattern::narrower_first);
        let order: Vec<_> = all.iter().map(Pattern::to_string).collect();
        assert_eq!(order, ["911", "9011.", "9NXXXXXX", "9N.", "9X.", "9."]);
    }

    #[test]
    fn text_without_meaning_is_refused() {
        assert_eq!(Pattern::parse(""), Err(NotAPattern::Empty));
        assert_eq!(Pattern::parse("."), Err(NotAPattern::Empty));
        assert_eq!(Pattern::parse("9.1"), Err(NotAPattern::DotInside));
        assert_eq!(Pattern::parse("9a"), Err(NotAPattern::Character('a')));
        assert_eq!(Pattern::parse("9+"), Err(NotAPattern::Character('+')));
        assert_eq!(Pattern::parse(&"9".repeat(33)), Err(NotAPattern::TooLong));
    }
}
