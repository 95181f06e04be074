//! What each key means, in the words that gateway.toml explains it with.
//!
//! The comments above a key are its explanation; a key without any shares those of the key before it. It knows the sample's
//! habits and no setting.

use std::collections::BTreeMap;

/// Explanations by section and key; a section's own stand under an empty key.
#[derive(Debug, Default)]
pub struct Words(BTreeMap<(String, String), String>);

impl Words {
    /// Reads a configuration whose keys are explained.
    pub fn of(sample: &str) -> Words {
        let mut reading = Reading::default();
        for line in sample.lines() {
            reading.take(line);
        }
        Words(reading.words)
    }

    /// What is said of `key` in `section`, such as `sip.timers`.
    pub fn about(&self, section: &str, key: &str) -> Option<&str> {
        self.0.get(&(section.to_owned(), key.to_owned())).map(String::as_str)
    }
}

#[derive(Default)]
struct Reading {
    words: BTreeMap<(String, String), String>,
    section: String,
    said: Vec<String>,
    /// Whether the last line was a key: the next comment begins anew.
    told: bool,
}

impl Reading {
    fn take(&mut self, line: &str) {
        let plain = line.trim_start_matches(['#', ' ']).trim_end();
        if let Some(section) = header(plain) {
            self.section = section;
            self.words
                .entry((self.section.clone(), String::new()))
                .or_insert_with(|| self.said.join(" "));
            self.said.clear();
        } else if let Some(key) = key(plain) {
            self.words
                .entry((self.section.clone(), key.to_owned()))
                .or_insert_with(|| self.said.join(" "));
            self.told = true;
        } else if line.starts_with('#') && !plain.is_empty() {
            if std::mem::take(&mut self.told) {
                self.said.clear();
            }
            self.said.push(plain.to_owned());
        } else if plain.is_empty() {
            self.said.clear();
        }
    }
}

/// `[sip.timers]` and `[[trunk]]`; of what has a name of the site's own, such as `[channels.texts.mail]`, the name is left out.
fn header(line: &str) -> Option<String> {
    let inner = line.strip_prefix('[')?.strip_suffix(']')?;
    let inner = inner.strip_prefix('[').map_or(Some(inner), |list| list.strip_suffix(']'))?;
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    let parts: Vec<&str> = inner.split('.').collect();
    if !parts.iter().all(|one| part(one)) {
        return None;
    }
    Some(match parts.as_slice() {
        [named @ ("channels" | "flow" | "journey"), _, rest @ ..] => {
            // `[channels.sms.sim.front]`, and each SIM has a name too.
            let rest = rest.first().map(|kind| format!(".*.{kind}")).unwrap_or(".*".into());
            format!("{named}{rest}")
        }
        ["smpp_server", "applications", _] => "smpp_server.applications.*".to_owned(),
        parts => parts.join("."),
    })
}

fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(" = ")?;
    (!key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b"_0123456789".contains(&b)))
        .then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_explained_by_what_stands_above_it() {
        let words = Words::of(
            "# Of the file.\n\n[site]\n# Shown in status.\n# [\"a\"]\nname = \"a\"\n# A zone.\nzone = 1\n\
             [sip.timers]\n# Both. [1, 2]\n# short = 1\n# long = 2\n\n#   [channels.post.mail]\n#   # Host.\n#   host = 1\n",
        );
        assert_eq!(words.about("site", "name"), Some("Shown in status. [\"a\"]"));
        assert_eq!(words.about("site", "zone"), Some("A zone."));
        assert_eq!(words.about("sip.timers", "long"), Some("Both. [1, 2]"));
        assert_eq!(words.about("channels.*.mail", "host"), Some("Host."));
        assert_eq!(words.about("site", "nothing"), None);
    }
}
