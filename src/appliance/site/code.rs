//! The set-up code: whoever reads it off the box's own screen stands before the box.
//!
//! Twelve characters of thirty-two are sixty bits, which nobody guesses; after five wrong ones whoever mistypes waits, a minute at
//! most, and the right one is let in all the same: a stranger in the network does not shut out the one who stands there. It says
//! who may set the box up, once; after that it opens nothing.

use std::fmt;
use std::time::Duration;

use crate::random::Random;
use crate::time::Now;

/// Letters and digits that nobody takes for another: no 0, 1, I, O.
const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
/// Characters, without the dashes between fours.
pub const LENGTH: usize = 12;
/// Wrong ones that somebody may type before all wait.
const FREE: u32 = 5;
/// The first wait, which doubles, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A code, as it is compared: without dashes, in capitals.
#[derive(Clone, PartialEq, Eq)]
pub struct Code([u8; LENGTH]);

impl Code {
    /// A new one.
    pub fn make(random: &mut Random) -> Code {
        // 256 is a multiple of 32: every letter is as likely.
        let mut bytes = [0; LENGTH];
        random.fill(&mut bytes);
        Code(bytes.map(|byte| LETTERS[usize::from(byte % 32)]))
    }

    /// Reads one; spaces, dashes and small letters are forgiven.
    pub fn parse(text: &str) -> Option<Code> {
        let mut letters =
            text.bytes().filter(|b| !b" -\r\n\t".contains(b)).map(|b| b.to_ascii_uppercase());
        let mut code = [0; LENGTH];
        for place in &mut code {
            *place = letters.next().filter(|letter| LETTERS.contains(letter))?;
        }
        letters.next().is_none().then_some(Code(code))
    }

    /// Whether they are the same, in a time that does not tell how far they are.
    fn is(&self, other: &Code) -> bool {
        self.0.iter().zip(other.0).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

/// In fours.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, four) in self.0.chunks(4).enumerate() {
            let dash = if i == 0 { "" } else { "-" };
            write!(f, "{dash}{}", String::from_utf8_lossy(four))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(********)")
    }
}

/// What asks for the code.
#[derive(Debug)]
pub struct Door {
    code: Code,
    wrong: u32,
    shut_until: Option<Now>,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// The code is another.
    Wrong,
    /// Too many wrong ones: again after so long.
    Wait(Duration),
}

impl Door {
    /// With the code that is on the screen.
    pub fn new(code: Code) -> Door {
        Door { code, wrong: 0, shut_until: None }
    }

    /// Somebody shows a code. The right one is never kept waiting.
    pub fn handle_code(&mut self, now: Now, text: &str) -> Result<(), Shut> {
        if Code::parse(text).is_some_and(|code| self.code.is(&code)) {
            (self.wrong, self.shut_until) = (0, None);
            return Ok(());
        }
        if let Some(until) = self.shut_until
            && now.instant < until.instant
        {
            return Err(Shut::Wait(until.instant - now.instant));
        }
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong >= FREE {
            let wait = FIRST_WAIT.saturating_mul(1 << (self.wrong - FREE).min(10));
            self.shut_until = Some(now.after(wait.min(LONGEST_WAIT)));
        }
        Err(Shut::Wrong)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::time::UnixTime;

    fn now() -> Now {
        Now { instant: Instant::now(), unix: UnixTime(0) }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = Code::make(&mut Random::from_number(7));
        let shown = code.to_string();
        assert_eq!((shown.len(), shown.matches('-').count()), (14, 2), "{shown}");
        for typed in
            [shown.clone(), shown.to_lowercase(), shown.replace('-', " "), shown.replace('-', "")]
        {
            assert_eq!(Code::parse(&typed), Some(code.clone()), "{typed}");
        }
        for wrong in ["", "2345", "0000-0000-0000", &format!("{shown}2")] {
            assert_eq!(Code::parse(wrong), None, "{wrong}");
        }
        assert!(!format!("{code:?}").contains(&shown[..4]));
    }

    #[test]
    fn who_guesses_waits_and_the_right_code_never_does() {
        let code = Code::make(&mut Random::from_number(7));
        let (mut door, at) = (Door::new(code.clone()), now());
        for _ in 0..FREE {
            assert_eq!(door.handle_code(at, "2222-2222-2222"), Err(Shut::Wrong));
        }
        assert_eq!(door.handle_code(at, "x"), Err(Shut::Wait(FIRST_WAIT)));
        let later = at.after(FIRST_WAIT);
        assert_eq!(door.handle_code(later, "x"), Err(Shut::Wrong));
        assert_eq!(door.handle_code(later, "x"), Err(Shut::Wait(FIRST_WAIT * 2)));
        // A stranger who goes on keeps out nobody who stands before the box.
        assert_eq!(door.handle_code(later, &code.to_string()), Ok(()));
        assert_eq!(door.handle_code(later, "x"), Err(Shut::Wrong), "and it begins anew");
        let mut at = later;
        for _ in 0..20 {
            at = at.after(LONGEST_WAIT);
            assert_eq!(door.handle_code(at, "x"), Err(Shut::Wrong), "a minute at most");
        }
    }
}
