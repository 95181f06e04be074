//! Whether a machine wrote a letter: then nothing is ever sent back by itself (RFC 3834 section 2).

use mail_parser::Message;

use super::part::header;

/// Names before the `@` that no person reads at, in any case (RFC 3834 section 2; the rest are customs).
const NOBODY: [&str; 8] = [
    "mailer-daemon",
    "postmaster",
    "noreply",
    "no-reply",
    "donotreply",
    "do-not-reply",
    "listserv",
    "majordomo",
];

/// Whether it did.
pub fn is_automatic(letter: &Message<'_>, from: &str) -> bool {
    let says = |name: &'static str| header(letter, name).map(|text| text.to_ascii_lowercase());
    let lists = letter
        .headers()
        .iter()
        .any(|one| one.name().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("list-")));
    // RFC 3834 section 5: everything but `no`.
    let submitted = says("Auto-Submitted").is_some_and(|text| !text.trim_start().starts_with("no"));
    let bulk = says("Precedence")
        .is_some_and(|text| ["bulk", "list", "junk", "auto_reply"].contains(&text.trim()));
    // What Exchange asks of whoever would answer by itself ([MS-OXCMAIL] section 2.2.3.2.14).
    let suppressed = says("X-Auto-Response-Suppress")
        .is_some_and(|text| ["all", "oof", "autoreply"].iter().any(|word| text.contains(word)));
    let customs =
        ["X-Autoreply", "X-Autorespond", "X-Loop"].iter().any(|name| says(name).is_some());
    let report = letter.parts.first().is_some_and(super::report::is_report);
    lists
        || submitted
        || bulk
        || suppressed
        || customs
        || report
        || no_way_back(letter)
        || nobody(from)
}

/// An empty Return-Path: nothing may be answered to (RFC 5321 section 4.5.5).
fn no_way_back(letter: &Message<'_>) -> bool {
    header(letter, "Return-Path").is_some_and(|path| path.trim() == "<>")
}

fn nobody(from: &str) -> bool {
    let user = from.split('@').next().unwrap_or_default();
    let list =
        user.starts_with("owner-") || user.ends_with("-request") || user.ends_with("-bounces");
    list || NOBODY.contains(&user)
}
