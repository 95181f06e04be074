//! From a request about the configuration to an order, and from what came of it to an answer.

use crate::admin::Command;
use crate::admin::access::idempotency::Given;
use crate::admin::api::bodies::Page;
use crate::admin::api::operations::{Reading, json, nothing};
use crate::admin::api::problem::{Kind, Problem};
use crate::admin::api::table::{Operation, Route};
use crate::admin::configuring::{ConfigOrder, ConfigRefused, ConfigReply};

/// What a request asks for.
pub(super) fn ask(asked: &Reading<'_>) -> Result<Command, Problem> {
    let order = match asked.route.operation {
        Operation::CheckConfig => ConfigOrder::Check(asked.body()?),
        Operation::ApplyConfig => ConfigOrder::Apply { new: asked.body()?, seen: seen(asked)? },
        Operation::ConfirmConfig => ConfigOrder::Confirm,
        Operation::RollBackConfig => ConfigOrder::RollBack,
        Operation::ConfigVersions => ConfigOrder::History,
        Operation::ConfigVersion => {
            let text = asked.name("version")?;
            let version = text.parse().map_err(|_| Problem::nothing("version", text))?;
            ConfigOrder::Version { version }
        }
        _ => ConfigOrder::Show,
    };
    Ok(Command::Config { order })
}

/// The version that whoever asks has seen (RFC 9110 section 13.1.1); any where they say so, or nothing.
fn seen(asked: &Reading<'_>) -> Result<Option<String>, Problem> {
    let Some(text) = asked.asked.if_match.as_deref().map(str::trim).filter(|text| *text != "*")
    else {
        return Ok(None);
    };
    let named = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let digits =
        |name: &&str| (1..=18).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_digit());
    match named.filter(digits) {
        Some(name) => Ok(Some(name.to_owned())),
        None => {
            let detail = "If-Match is not the ETag of a configuration";
            let advice = "send the ETag of GET /api/v1/config as it came";
            Err(Problem::new(Kind::Malformed, detail, advice).at("header/If-Match"))
        }
    }
}

/// The answer to what came of an order.
pub(super) fn answer(route: &Route, reply: ConfigReply) -> Result<Given, Problem> {
    match reply {
        ConfigReply::Shown(shown) => {
            Ok(Given { etag: shown.digest.parse().ok(), ..json(route, &shown)? })
        }
        ConfigReply::Applied(applied) => {
            Ok(Given { etag: applied.digest.parse().ok(), ..json(route, &applied)? })
        }
        ConfigReply::Checked(checked) => json(route, &checked),
        ConfigReply::History(items) => json(route, &Page { items, next: None }),
        ConfigReply::Version(version) => json(route, &version),
        ConfigReply::Done(_) => Ok(nothing()),
        ConfigReply::Refused(why) => Err(refused(&why)),
    }
}

fn refused(why: &ConfigRefused) -> Problem {
    let told = why.to_string();
    match why {
        ConfigRefused::Stale(_) => {
            let advice = "read it again, and make the change on top of what it is now";
            Problem::new(Kind::Stale, told, advice).at("header/If-Match")
        }
        ConfigRefused::Trial(_) => {
            let advice = "POST /api/v1/config/confirm, or POST /api/v1/config/rollback";
            Problem::new(Kind::Conflict, told, advice)
        }
        ConfigRefused::NoTrial => Problem::new(
            Kind::Conflict,
            told,
            "GET /api/v1/config/versions tells what became of it",
        ),
        ConfigRefused::Same => {
            Problem::new(Kind::Conflict, told, "change something first").at("body/text")
        }
        ConfigRefused::NoVersion(version) => {
            Problem { detail: told, ..Problem::nothing("version", &version.to_string()) }
        }
        ConfigRefused::Wrong(_) => {
            let advice = "POST /api/v1/config/check lists every error with its line";
            Problem::new(Kind::Refused, told, advice).at("body/text")
        }
        ConfigRefused::Range(what, _) => {
            Problem::new(Kind::Malformed, told, "send what is allowed").at(format!("body/{what}"))
        }
        ConfigRefused::Files(_) => {
            let advice = "let the box write to the folder of its configuration";
            Problem::new(Kind::Refused, told, advice)
        }
        ConfigRefused::Busy => Problem::busy(),
    }
}
