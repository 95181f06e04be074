//! A question over HTTPS and its answer, as far as they matter to whoever decides: no stream, no header that nobody reads.

use std::net::IpAddr;

/// How something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To have it.
    Get,
    /// To know about it.
    Head,
    /// Anything else; no question of ours so far.
    Other,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// What: the path as it was sent, without a query.
    pub path: String,
    /// Who asks.
    pub from: IpAddr,
}

/// An answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// RFC 9110 section 15.
    pub status: u16,
    /// What the body is.
    pub content_type: &'static str,
    /// The body; not sent to who asked for the head alone.
    pub body: Vec<u8>,
    /// Seconds after which to ask again.
    pub retry_after_s: Option<u64>,
}

/// Bodies are secrets.
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.len())
    }
}

impl Response {
    /// A refusal: a status and a sentence.
    pub fn refusal(status: u16, words: &str) -> Response {
        let body = format!("{words}\n").into_bytes();
        Response { status, content_type: "text/plain; charset=utf-8", body, retry_after_s: None }
    }
}

/// Whether a path is one that any of our answers could have: letters, digits, dots, dashes and slashes, nothing that
/// climbs, nothing that is written in another way (bad-input table row 40).
pub fn is_plain(path: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
    path.len() <= MOST_PATH
        && path.starts_with('/')
        && path.bytes().all(known)
        && path.split('/').skip(1).all(|part| !part.starts_with('.'))
        && !path.contains("//")
}

/// Bytes of the longest path that we answer: a token and a file's name are far shorter.
const MOST_PATH: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_climb_or_hide_are_none_of_ours() {
        assert!(is_plain("/p/0123abcd/001565aabbcc.cfg") && is_plain("/"));
        for path in [
            "",
            "p",
            "/p/../x",
            "/../etc/passwd",
            "/p/..%2fx",
            "/%2e%2e/x",
            "//x",
            "/p//x",
            "/p/./x",
            "/p\\x",
            "/p/\0",
            "/p/ü",
            "/p;x",
            "*",
            "/.git/config",
        ] {
            assert!(!is_plain(path), "{path:?}");
        }
        assert!(!is_plain(&format!("/{}", "a".repeat(300))));
    }
}
