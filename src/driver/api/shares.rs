//! How many of something that lasts each user and each token has, so that nobody has all there is of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::admin::access::Principal;

/// Everybody's.
#[derive(Debug, Clone, Default)]
pub struct Shares(Arc<Mutex<BTreeMap<String, usize>>>);

impl Shares {
    /// One more of somebody's; nothing where they have `most` already.
    pub fn take(&self, who: &Principal, most: usize) -> Option<Share> {
        let who = who.who.to_string();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(who.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Share { who, all: self.clone() })
    }
}

/// One of somebody's; one less when it is dropped.
#[derive(Debug)]
pub struct Share {
    who: String,
    all: Shares,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::act::{Role, Who};

    #[test]
    fn each_has_a_share_and_whoever_lets_go_of_one_may_have_another() {
        let shares = Shares::default();
        let who = |name: &str| Principal {
            who: Who::Token(name.to_owned()),
            role: Role::Agent,
            scopes: None,
            agent: None,
            session: None,
        };
        let mut own: Vec<_> = (0..3).map(|_| shares.take(&who("bl_1"), 3)).collect();
        assert!(own.iter().all(Option::is_some));
        assert!(shares.take(&who("bl_1"), 3).is_none());
        assert!(shares.take(&who("bl_2"), 3).is_some(), "others have theirs");
        own.pop();
        assert!(shares.take(&who("bl_1"), 3).is_some());
        own.clear();
        assert!(shares.0.lock().expect("nobody panics").is_empty());
    }
}
