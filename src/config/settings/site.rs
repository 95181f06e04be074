//! `[site]`: which branch this is.

use std::path::PathBuf;

use serde::Deserialize;

use crate::call::country::Country;

/// `[site]`: which branch this is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Site {
    /// Shown in status and records. Default `Branch office`.
    pub name: String,
    /// IANA name of the time zone; opening hours use it. Default `UTC`.
    pub time_zone: String,
    /// ISO 3166-1 code: emergency numbers and what counts as international. Default `US`.
    pub country: Country,
    /// Where journal, store and recordings are kept. Default `/var/lib/branchline`.
    pub data_dir: PathBuf,
}

impl Default for Site {
    fn default() -> Self {
        Site {
            name: "Branch office".into(),
            time_zone: "UTC".into(),
            country: Country::default(),
            data_dir: "/var/lib/branchline".into(),
        }
    }
}
