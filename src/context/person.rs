//! Which contacts are one person: merges, and why two might be.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::contact::Contact;
use super::identity::Kind;
use crate::id::{ActorId, ContactId, MergeId};
use crate::time::UnixTime;

/// Two contacts are one person. The edge is all there is to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// Names it.
    pub id: MergeId,
    /// Under whose name the person goes on.
    pub kept: ContactId,
    /// Who is the same person.
    pub gone: ContactId,
    /// By whom.
    pub by: ActorId,
    /// When.
    pub at: UnixTime,
    /// Why.
    pub evidence: BTreeSet<Evidence>,
}

/// Why two contacts might be one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Identities of both came in one interaction.
    SameInteraction,
    /// The same name.
    SameName,
    /// The same date of birth.
    SameBirthday,
    /// The same postal address.
    SameAddress,
    /// The same company.
    SameCompany,
    /// Mail addresses that differ only in what mail providers ignore.
    SimilarMail,
    /// Somebody says so.
    Said,
}

/// Two contacts that may be one person; nothing happens until somebody says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The lower id.
    pub a: ContactId,
    /// The higher one.
    pub b: ContactId,
    /// Why.
    pub evidence: BTreeSet<Evidence>,
    /// Since when.
    pub at: UnixTime,
    /// Somebody has said that they are two: it is not suggested again.
    #[serde(default)]
    pub refused: bool,
}

/// Under whose name a contact goes: the end of its merges. `parents` has them by who is gone.
pub fn root(parents: &BTreeMap<ContactId, Merge>, contact: ContactId) -> ContactId {
    let mut at = contact;
    // Merges join ends of trees alone, so there is no way round; the count is a net under that proof.
    for _ in 0..=parents.len() {
        match parents.get(&at) {
            Some(merge) => at = merge.kept,
            None => return at,
        }
    }
    at
}

/// Why two contacts might be one person; nothing when it is not worth somebody's time. A name alone is no evidence: there
/// are many of each.
pub fn probable(a: &Contact<String>, b: &Contact<String>) -> Option<BTreeSet<Evidence>> {
    let same = |name: &str| match (a.field(name), b.field(name)) {
        (Some(one), Some(other)) => !plain(one).is_empty() && plain(one) == plain(other),
        _ => false,
    };
    let fields = [
        ("name", Evidence::SameName),
        ("birthday", Evidence::SameBirthday),
        ("address", Evidence::SameAddress),
        ("company", Evidence::SameCompany),
    ];
    let mut found: BTreeSet<_> =
        fields.into_iter().filter(|(name, _)| same(name)).map(|(_, evidence)| evidence).collect();
    let mails = |contact: &Contact<String>| -> BTreeSet<String> {
        let mails = contact.identities.iter().filter(|link| link.identity.kind == Kind::Email);
        mails.map(|link| bare_mail(&link.identity.value)).collect()
    };
    if !mails(a).is_disjoint(&mails(b)) {
        found.insert(Evidence::SimilarMail);
    }
    (found.len() >= 2 && found.contains(&Evidence::SameName)
        || found.contains(&Evidence::SimilarMail))
    .then_some(found)
}

pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Without what follows a plus sign, and without dots before the `@`.
pub(super) fn bare_mail(address: &str) -> String {
    let (user, host) = address.rsplit_once('@').unwrap_or((address, ""));
    let user = user.split('+').next().unwrap_or(user).replace('.', "");
    format!("{user}@{host}")
}
