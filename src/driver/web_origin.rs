//! Whose pages may open connections to this box from a browser.
//!
//! A browser lets any page open a WebSocket anywhere, with the cookies of where it goes, and says whose page it was
//! (RFC 6455 section 10.2). Programs that are no browser say nothing, and could say anything.

use axum::http::{HeaderMap, header};

/// Pages of the box itself, and of these others.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// The box's own and `others`, such as `https://desk.example.com`.
    pub fn new(others: &[String]) -> Origins {
        Origins(others.iter().map(|other| other.trim_end_matches('/').to_owned()).collect())
    }

    /// Whether a request may go on: no page made it, or one of the box's own, or of another that is named.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        headers.get(header::ORIGIN).is_none() || self.is_page_of_ours(headers)
    }

    /// Whether one of those pages made it.
    pub fn is_page_of_ours(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(origin) = text(header::ORIGIN) else { return false };
        let own = text(header::HOST).is_some_and(|host| {
            origin.strip_prefix("https://").is_some_and(|from| from.eq_ignore_ascii_case(host))
        });
        own || self.0.iter().any(|other| other.eq_ignore_ascii_case(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "box.example:8443".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn own_pages_and_named_ones_may_and_others_may_not() {
        let origins = Origins::new(&["https://desk.example.com/".to_owned()]);
        for good in
            ["https://box.example:8443", "https://BOX.example:8443", "https://desk.example.com"]
        {
            assert!(origins.is_page_of_ours(&headers(Some(good))), "{good}");
        }
        for bad in [
            "https://evil.example",
            "http://box.example:8443",
            "https://box.example",
            "https://box.example:8443.evil.example",
            "null",
            "",
        ] {
            assert!(!origins.allow(&headers(Some(bad))), "{bad}");
        }
        assert!(origins.allow(&headers(None)), "a program that is no browser");
        assert!(!origins.is_page_of_ours(&headers(None)));
    }
}
