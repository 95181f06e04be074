//! Files of a chat: taken from whoever has a token, given to whoever has a link.
//!
//! A link is as good as the file: the box made it for one visitor, and nobody makes one up. What is given is never run: a
//! browser that opens it by itself runs nothing in it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::{Door, Doors, door, for_page, not_ours, nowhere};
use crate::driver::clock;
use crate::messaging::chat::Visitor;
use crate::messaging::{Media, kind};

/// How long a file may take to come: the largest by a slow line.
const SLOWEST: Duration = Duration::from_secs(120);
/// Files of one visitor and of all in the last ten minutes: some pictures of what is broken, and no way to fill the disk in
/// a night.
const MOST_OF_ONE: usize = 10;
const MOST_OF_ALL: usize = 200;
const LATELY: Duration = Duration::from_secs(600);
/// Characters of a file's name.
const LONGEST_NAME: usize = 120;
/// What says a file's name, percent-encoded.
const NAME: &str = "x-file-name";
/// Pictures that a browser shows in a page.
const PICTURES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// What was taken lately, and from whom.
#[derive(Debug, Default)]
pub(super) struct Taken(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    all: VecDeque<(Instant, Visitor)>,
    each: BTreeMap<Visitor, usize>,
}

impl Taken {
    fn one_more(&self, now: Instant, visitor: &Visitor) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Lately { all, each } = &mut *taken;
        while let Some((_, old)) = all.pop_front_if(|(at, _)| now.duration_since(*at) > LATELY) {
            if let Some(count) = each.get_mut(&old) {
                *count -= 1;
                if *count == 0 {
                    each.remove(&old);
                }
            }
        }
        let own = each.get(visitor).copied().unwrap_or(0);
        if own >= MOST_OF_ONE || all.len() >= MOST_OF_ALL {
            return false;
        }
        all.push_back((now, visitor.clone()));
        *each.entry(visitor.clone()).or_default() += 1;
        true
    }
}

/// Before a page of another origin sends a file, its browser asks whether it may.
pub(super) async fn may_send(
    State(doors): State<Doors>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(door) = door(&doors, &name) else { return nowhere() };
    if door.admits(&headers).is_err() {
        return not_ours();
    }
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, x-file-name"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    for_page(&headers, (StatusCode::NO_CONTENT, allowed).into_response())
}

/// Takes a file, and answers by which name it may be said.
pub(super) async fn take(
    State(doors): State<Doors>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let Some(door) = door(&doors, &name) else { return nowhere() };
    let (head, body) = request.into_parts();
    if door.admits(&head.headers).is_err() {
        return not_ours();
    }
    let answer = match door.took(&head.headers, body).await {
        Ok(told) => (StatusCode::CREATED, axum::Json(told)).into_response(),
        Err(why) => why.answer(&door),
    };
    for_page(&head.headers, answer)
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotTaken {
    /// No token, or none of ours.
    Nobody,
    /// Larger than this channel takes.
    Large,
    /// Of a kind that nobody knows, or that is not what it says.
    Kind,
    /// Too many in too short a time.
    Often,
    /// It did not come whole in time.
    Torn,
    /// The disk does not take it now.
    Disk,
}

impl NotTaken {
    fn answer(self, door: &Door) -> Response {
        let most = door.largest();
        let (status, why) = match self {
            NotTaken::Nobody => (StatusCode::UNAUTHORIZED, "token"),
            NotTaken::Large => (StatusCode::PAYLOAD_TOO_LARGE, "large"),
            NotTaken::Kind => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "kind"),
            NotTaken::Often => (StatusCode::TOO_MANY_REQUESTS, "often"),
            NotTaken::Torn => (StatusCode::BAD_REQUEST, "torn"),
            NotTaken::Disk => (StatusCode::SERVICE_UNAVAILABLE, "later"),
        };
        (status, axum::Json(json!({ "why": why, "most": most }))).into_response()
    }
}

impl Door {
    fn largest(&self) -> usize {
        usize::from(self.settings.file_mb) << 20
    }

    async fn took(&self, headers: &HeaderMap, body: Body) -> Result<serde_json::Value, NotTaken> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let token = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let visitor = token.and_then(|token| self.seal.visitor(clock::now().unix, token).ok());
        let visitor = visitor.ok_or(NotTaken::Nobody)?;
        let length = text("content-length").and_then(|text| text.parse::<usize>().ok());
        if length.is_some_and(|length| length > self.largest()) {
            return Err(NotTaken::Large);
        }
        let _place = self.uploads.try_acquire().map_err(|_| NotTaken::Often)?;
        if !self.taken.one_more(Instant::now(), &visitor) {
            return Err(NotTaken::Often);
        }
        let body = timeout(SLOWEST, Limited::new(body, self.largest()).collect()).await;
        let bytes = match body.map_err(|_| NotTaken::Torn)? {
            Ok(body) => body.to_bytes(),
            Err(why) if why.is::<LengthLimitError>() => return Err(NotTaken::Large),
            Err(_) => return Err(NotTaken::Torn),
        };
        let mime = kind::agreed(&bytes, text("content-type"));
        if bytes.is_empty() || mime == "application/octet-stream" {
            return Err(NotTaken::Kind);
        }
        let (shelf, size) = (self.shelf.clone(), bytes.len() as u64);
        let kept = spawn_blocking(move || shelf.keep(&bytes)).await;
        let content = kept.map_err(|_| NotTaken::Disk)?.map_err(|_| NotTaken::Disk)?;
        let media = Media { content, mime, name: text(NAME).and_then(called), size };
        let file = self.seal.link(&visitor, &media);
        Ok(json!({ "file": file, "mime": media.mime, "size": media.size, "name": media.name }))
    }
}

/// Gives a file to whoever has its link.
pub(super) async fn give(
    State(doors): State<Doors>,
    Path((name, link)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(door) = door(&doors, &name) else { return nowhere() };
    let Some(linked) = door.seal.linked(&link) else { return gone() };
    let (shelf, content) = (door.shelf.clone(), linked.media.content);
    let Ok(Some(bytes)) = spawn_blocking(move || shelf.read(content)).await else { return gone() };
    let picture = PICTURES.contains(&linked.media.mime.as_str());
    let mut response = Response::new(Body::from(bytes));
    let fixed = [
        (header::CACHE_CONTROL, "private, max-age=86400"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Pages of the site show pictures of the box.
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    let own = response.headers_mut();
    own.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    let mime = HeaderValue::from_str(&linked.media.mime);
    own.extend(mime.ok().map(|mime| (header::CONTENT_TYPE, mime)));
    if !picture {
        let name = linked.media.name.as_deref().unwrap_or("file");
        let line = format!("attachment; filename*=UTF-8''{}", encoded(name));
        let value = HeaderValue::from_str(&line);
        own.extend(value.ok().map(|value| (header::CONTENT_DISPOSITION, value)));
    }
    for_page(&headers, response)
}

fn gone() -> Response {
    (StatusCode::NOT_FOUND, "there is no such file\n").into_response()
}

/// A name as it may stand in a page and in a file system.
fn called(encoded: &str) -> Option<String> {
    let encoded = encoded.replace('+', "%2B");
    let name = form_urlencoded::parse(encoded.as_bytes()).next()?.0;
    let plain = name.chars().filter(|c| !c.is_control() && !r#"/\:*?"<>|"#.contains(*c));
    let plain: String = plain.take(LONGEST_NAME).collect();
    Some(plain.trim().to_owned()).filter(|name| !name.is_empty())
}

/// RFC 8187 section 3.2.1.
fn encoded(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_whatever_it_was() {
        for (said, name) in [
            ("Stra%C3%9Fe%201+2.png", Some("Straße 1+2.png")),
            ("..%2F..%2Fetc%2Fpasswd", Some("....etcpasswd")),
            ("%0D%0AX: y", Some("X y")),
            ("", None),
            ("%00", None),
        ] {
            assert_eq!(called(said).as_deref(), name, "{said}");
        }
        assert_eq!(encoded("Straße 1.png"), "Stra%C3%9Fe%201.png");
    }

    #[test]
    fn somebody_sends_some_files_and_no_heap_of_them() {
        let mut random = crate::random::Random::from_number(1);
        let (one, other) = (Visitor::new(&mut random), Visitor::new(&mut random));
        let (taken, now) = (Taken::default(), Instant::now());
        let count = (0..20).filter(|_| taken.one_more(now, &one)).count();
        assert_eq!(count, MOST_OF_ONE);
        assert!(taken.one_more(now, &other));
        assert!(taken.one_more(now + LATELY + Duration::from_secs(1), &one));
    }
}
