//! Forms and addresses as they come: names and values, and what of a URL a signature is over.

use std::collections::BTreeMap;

/// Fields that one form may have: Twilio's longest has some 60 and ten files.
const MOST_FIELDS: usize = 1_000;

/// A form's fields: every value of a name, in order.
#[derive(Debug, Default)]
pub struct Fields(BTreeMap<String, Vec<String>>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`; nothing when it has too many fields.
    pub fn read(body: &[u8]) -> Option<Fields> {
        let mut fields = BTreeMap::<String, Vec<String>>::new();
        for (count, (name, value)) in form_urlencoded::parse(body).enumerate() {
            if count == MOST_FIELDS {
                return None;
            }
            fields.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Some(Fields(fields))
    }

    /// Those of a URL's query.
    pub fn of_query(url: &str) -> Option<Fields> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        Fields::read(query.split('#').next().unwrap_or_default().as_bytes())
    }

    /// A value that is there once and is not empty.
    pub fn one(&self, name: &str) -> Option<&str> {
        match self.0.get(name).map(Vec::as_slice) {
            Some([value]) if !value.is_empty() => Some(value),
            _ => None,
        }
    }

    /// The same, owned.
    pub fn owned(&self, name: &str) -> Option<String> {
        self.one(name).map(str::to_owned)
    }

    /// Every value of a name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// Names in order, each with its values in order.
    pub fn sorted(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.0.iter().map(|(name, values)| {
            let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
            values.sort_unstable();
            (name.as_str(), values)
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a Content-Type is this one, whatever its parameters are.
pub fn is_mime(value: Option<&str>, mime: &str) -> bool {
    let own = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    own.trim().eq_ignore_ascii_case(mime)
}

/// The address without its port, and with it: services sign either.
pub fn with_and_without_port(url: &str) -> Option<[String; 2]> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let usual = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return None,
    };
    // A port stands behind the last colon, unless that is inside an IPv6 address.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, usual),
    };
    Some([format!("{scheme}://{host}{path}"), format!("{scheme}://{host}:{port}{path}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_added_and_taken_away_and_the_rest_stays_as_it_was() {
        let both = |url| with_and_without_port(url).unwrap();
        let plain = "https://box.example/in?a=1:2";
        assert_eq!(both(plain), [plain, "https://box.example:443/in?a=1:2"]);
        let own = ["http://box.example/in", "http://box.example:8080/in"];
        assert_eq!(both(own[1]), own);
        assert_eq!(both("https://[::1]/")[1], "https://[::1]:443/");
        assert_eq!(with_and_without_port("ftp://a/"), None);
    }
}
