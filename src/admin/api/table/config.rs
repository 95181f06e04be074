//! The configuration: seen, checked, applied on trial, confirmed, rolled back.

use crate::admin::api::table::{
    ADMINS, AUDITORS, Answer, Method, Operation, Route, Shape, get, one, page,
};
use crate::admin::configuring::{
    ConfigApplied, ConfigChecked, ConfigShown, Draft, NewConfig, VersionText,
};
use crate::config::versions::Version;
use crate::journal::act::Scope;

/// These routes.
pub(super) const ROUTES: &[Route] = &[
    get("/config", Operation::Config, one::<ConfigShown>(200))
        .by(AUDITORS, Some(Scope::Admin))
        .says("The configuration as it is on the disk, what runs, and the trial that it is on."),
    get("/config", Operation::ApplyConfig, one::<ConfigApplied>(200))
        .with(Method::Put, Some(Shape::of::<NewConfig>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("Run this configuration. It goes back by itself unless it is confirmed in time, or if a carrier that worked fails."),
    get("/config/check", Operation::CheckConfig, one::<ConfigChecked>(200))
        .with(Method::Post, Some(Shape::of::<Draft>()))
        .by(ADMINS, Some(Scope::Admin))
        .says("What is wrong with a configuration, how it differs from what runs, and what waits for the next start."),
    get("/config/confirm", Operation::ConfirmConfig, Answer::Nothing)
        .with(Method::Post, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("Let the configuration on trial stay."),
    get("/config/rollback", Operation::RollBackConfig, Answer::Nothing)
        .with(Method::Post, None)
        .by(ADMINS, Some(Scope::Admin))
        .says("Put the configuration back that ran before the one on trial."),
    get("/config/versions", Operation::ConfigVersions, page::<Version>())
        .by(AUDITORS, Some(Scope::Admin))
        .says("Configurations that have run, the newest first: who, when, why, and what became of each."),
    get("/config/versions/{version}", Operation::ConfigVersion, one::<VersionText>(200))
        .by(AUDITORS, Some(Scope::Admin))
        .says("One of them, with its text and how it differs from the one before."),
];
