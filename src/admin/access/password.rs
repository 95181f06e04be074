//! Passwords: what is asked of them, and Argon2id. Slow by intent: the driver runs this away from whatever waits.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// Characters of the shortest password (NIST SP 800-63B asks for 8, and for 15 where there is nothing else).
pub const SHORTEST: usize = 10;
/// And bytes of the longest: hashing must not be work that a stranger hands out.
pub const LONGEST: usize = 256;
/// Random bytes of a salt (RFC 9106 section 3.1).
pub const SALT: usize = 16;

/// Memory in KiB, passes and lanes: the second setting that OWASP names for Argon2id, 19 MiB and two passes. It takes some
/// 35 ms of a core here, and small boxes have the memory for several at once.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash that no password has: whoever is nobody takes as long as everybody else.
pub const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IG5vYm9keQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weak {
    /// Fewer characters than [`SHORTEST`].
    Short,
    /// More bytes than [`LONGEST`].
    Long,
    /// It is the name, or one character over and over.
    Guessable,
}

impl std::fmt::Display for Weak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Weak::Short => write!(f, "a password has at least {SHORTEST} characters"),
            Weak::Long => write!(f, "a password has at most {LONGEST} bytes"),
            Weak::Guessable => {
                f.write_str("a password is not the user's name, nor one character over and over")
            }
        }
    }
}

impl std::error::Error for Weak {}

/// Whether a password can be taken for this user.
pub fn check(name: &str, password: &str) -> Result<(), Weak> {
    let first = password.chars().next();
    if password.chars().count() < SHORTEST {
        Err(Weak::Short)
    } else if password.len() > LONGEST {
        Err(Weak::Long)
    } else if password.eq_ignore_ascii_case(name) || password.chars().all(|c| Some(c) == first) {
        Err(Weak::Guessable)
    } else {
        Ok(())
    }
}

fn argon2() -> Argon2<'static> {
    // The numbers are within what RFC 9106 allows: the test below makes one.
    let params = Params::new(MEMORY, PASSES, LANES, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The hash that is kept, as a PHC string. Nothing where there is no memory for it.
pub fn hash(password: &str, salt: &[u8; SALT]) -> Option<String> {
    let hash = argon2().hash_password_with_salt(password.as_bytes(), salt).ok()?;
    Some(hash.to_string())
}

/// Whether a password matches what is kept. A hash that cannot be read matches nothing.
pub fn matches(password: &str, kept: &str) -> bool {
    let Ok(kept) = PasswordHash::new(kept) else { return false };
    password.len() <= LONGEST && argon2().verify_password(password.as_bytes(), &kept).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_matches_its_own_hash_alone() {
        let kept = hash("tulips and roses", &[7; SALT]).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(matches("tulips and roses", &kept));
        assert!(!matches("tulips and rosés", &kept) && !matches("", &kept));
        assert!(!matches("nobody", NOBODY) && PasswordHash::new(NOBODY).is_ok());
        assert!(!matches("x", "") && !matches("x", "$argon2id$"));
    }

    #[test]
    fn passwords_that_anybody_guesses_are_refused() {
        assert_eq!(check("ann", "short"), Err(Weak::Short));
        assert_eq!(check("administrator", "Administrator"), Err(Weak::Guessable));
        assert_eq!(check("ann", "aaaaaaaaaaaa"), Err(Weak::Guessable));
        assert_eq!(check("ann", &"ab".repeat(200)), Err(Weak::Long));
        assert_eq!(check("ann", "tulips and roses"), Ok(()));
    }
}
