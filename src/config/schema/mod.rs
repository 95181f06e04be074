//! The JSON schema of gateway.toml: which sections and keys there are, and what each may be.
//!
//! Made from the types that read the file, by a probe, and explained in the sample's own words, so that an editor
//! completes keys, shows what they mean and underlines a wrong type. What spans keys (references, ranges, numbers that two
//! rules claim) is found by `branchline check` alone. JSON Schema, draft 2020-12.

mod probe;
mod words;

use serde_json::{Map, Value, json};

use super::settings::{self, JourneyFile};
use crate::call::budget::{Cap, Rate};
use crate::call::plan::{Emergency, Features, Inbound, Internal, Outbound, Schedule};
use crate::hours;
use probe::{Shape, shape_of};
use words::Words;

/// The sample whose comments explain every key.
const SAMPLE: &str = include_str!("../../../firmware-config/gateway.toml");

/// The schema, as a document of its own.
pub fn schema() -> Value {
    let words = Words::of(SAMPLE);
    let sections = sections().into_iter().map(|(name, holds, shape)| {
        let mut own = match holds {
            Holds::One => written(&words, name, &shape),
            Holds::Several => {
                json!({ "type": "array", "items": written(&words, name, &shape) })
            }
            Holds::Named => {
                let of = written(&words, &format!("{name}.*"), &shape);
                json!({ "type": "object", "additionalProperties": of })
            }
        };
        if let Some(said) = words.about(name, "").filter(|said| !said.is_empty()) {
            explain(&mut own, said);
        }
        (name.to_owned(), own)
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Branchline: gateway.toml",
        "description": "`branchline check` finds more: what leads nowhere, what is out of its range, what contradicts itself.",
        "type": "object",
        "properties": sections.collect::<Map<_, _>>(),
        "additionalProperties": false,
    })
}

/// How often a section may be there.
#[derive(Debug, Clone, Copy)]
enum Holds {
    /// `[site]`.
    One,
    /// `[[trunk]]`.
    Several,
    /// `[channels.NAME]`.
    Named,
}

/// Every section with the shape of what reads it. A test holds the names against those that are read.
fn sections() -> Vec<(&'static str, Holds, Shape)> {
    use Holds::{Named, One, Several};
    vec![
        ("site", One, shape_of::<settings::Site>()),
        ("sip", One, shape_of::<settings::Sip>()),
        ("media", One, shape_of::<settings::Media>()),
        ("extension", Several, shape_of::<settings::Extension>()),
        ("trunk", Several, shape_of::<settings::Trunk>()),
        ("inbound", Several, shape_of::<Inbound>()),
        ("internal", Several, shape_of::<Internal>()),
        ("outbound", Several, shape_of::<Outbound>()),
        ("spending", One, shape_of::<settings::Spending>()),
        ("rate", Several, shape_of::<Rate>()),
        ("cap", Several, shape_of::<Cap>()),
        ("people", One, shape_of::<settings::People>()),
        ("disposition", Several, shape_of::<settings::Disposition>()),
        ("legal_hold", Several, shape_of::<settings::LegalHold>()),
        ("retention", One, shape_of::<settings::Retention>()),
        ("emergency", One, shape_of::<Emergency>()),
        ("conference", Several, shape_of::<settings::Conference>()),
        ("location", Several, shape_of::<settings::Location>()),
        ("queue", Several, shape_of::<settings::Queue>()),
        ("agent", Several, shape_of::<settings::Agent>()),
        ("group", Several, shape_of::<settings::Group>()),
        ("page", Several, shape_of::<settings::Page>()),
        ("distribution", One, shape_of::<settings::Distribution>()),
        ("parking", One, shape_of::<settings::Parking>()),
        ("supervision", One, shape_of::<settings::Supervision>()),
        ("payment", One, shape_of::<settings::Payment>()),
        ("schedule", Several, shape_of::<Schedule>()),
        ("features", One, shape_of::<Features>()),
        // A flow's own file, or the whole flow, which `branchline check` knows.
        ("flow", Named, Shape::Anything),
        ("calendar", Several, shape_of::<hours::Settings>()),
        ("prompts", One, shape_of::<settings::Prompts>()),
        ("http", One, shape_of::<settings::Http>()),
        ("api", One, shape_of::<settings::Api>()),
        ("oidc", One, shape_of::<settings::Oidc>()),
        ("web", One, shape_of::<settings::Web>()),
        ("reports", One, shape_of::<settings::Reports>()),
        ("provisioning", One, shape_of::<settings::Provisioning>()),
        ("phone", Several, shape_of::<settings::DeskPhone>()),
        ("admin", One, shape_of::<settings::Admin>()),
        ("limits", One, shape_of::<settings::Limits>()),
        ("trust", One, shape_of::<settings::Trust>()),
        ("capture", One, shape_of::<settings::Capture>()),
        ("metrics", One, shape_of::<settings::Metrics>()),
        ("webhook", Several, shape_of::<settings::Webhook>()),
        ("crm", One, shape_of::<settings::Crm>()),
        ("uplink", One, shape_of::<settings::Uplink>()),
        ("backup", One, shape_of::<settings::Backup>()),
        ("update", One, shape_of::<settings::Update>()),
        ("messages", One, shape_of::<settings::Messages>()),
        ("channels", Named, shape_of::<settings::Channel>()),
        ("smpp_server", One, shape_of::<settings::SmppServer>()),
        ("journey", Named, shape_of::<JourneyFile>()),
        ("appliance", One, shape_of::<settings::Appliance>()),
        ("log", One, shape_of::<settings::Log>()),
    ]
}

/// A shape in the words of JSON Schema; `at` is where in the file its keys stand.
fn written(words: &Words, at: &str, shape: &Shape) -> Value {
    match shape {
        Shape::Anything => json!({}),
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Integer(least, most) => integer(*least, *most),
        Shape::Number => json!({ "type": "number" }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::List(of) => json!({ "type": "array", "items": written(words, at, of) }),
        Shape::Named(of) => {
            let of = written(words, &format!("{at}.*"), of);
            json!({ "type": "object", "additionalProperties": of })
        }
        Shape::Table(keys) => {
            let of = |(key, shape): &(&'static str, Shape)| {
                let mut own = written(words, &format!("{at}.{key}"), shape);
                if let Some(said) = words.about(at, key) {
                    explain(&mut own, said);
                }
                ((*key).to_owned(), own)
            };
            let keys: Map<_, _> = keys.iter().map(of).collect();
            json!({ "type": "object", "properties": keys, "additionalProperties": false })
        }
        Shape::Either(all) => {
            let all: Vec<_> = all.iter().map(|one| written(words, at, one)).collect();
            json!({ "anyOf": all })
        }
    }
}

/// A whole number; the widest ranges are those of no setting, and an editor rounds them.
fn integer(least: i128, most: i128) -> Value {
    let mut own = json!({ "type": "integer" });
    for (word, bound) in [("minimum", least), ("maximum", most)] {
        if let Ok(bound) =
            i32::try_from(bound).map(i64::from).or(u32::try_from(bound).map(i64::from))
        {
            own[word] = json!(bound);
        }
    }
    own
}

fn explain(own: &mut Value, said: &str) {
    own["description"] = json!(said);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SECTIONS;

    #[test]
    fn the_schema_has_every_section_that_is_read() {
        let own: Vec<_> = sections().into_iter().map(|(name, ..)| name).collect();
        assert_eq!(own, SECTIONS);
    }

    /// What nobody could tell would be a hole that an editor says nothing in.
    #[test]
    fn every_key_has_a_shape_and_words() {
        let words = Words::of(SAMPLE);
        for (name, _, shape) in sections() {
            let Shape::Table(keys) = shape else { continue };
            assert!(!keys.is_empty(), "{name}");
            for (key, shape) in keys {
                assert_ne!(shape, Shape::Anything, "{name}.{key}");
                let at = if matches!(name, "channels" | "journey") {
                    format!("{name}.*")
                } else {
                    name.to_owned()
                };
                let table = matches!(shape, Shape::Table(_) | Shape::Named(_));
                assert!(table || words.about(&at, key).is_some(), "{name}.{key} is not explained");
            }
        }
    }
}
