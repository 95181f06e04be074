//! The pages: the document at each page's path, and the files that it names.
//!
//! They are the same for everybody, so nobody has to say who they are; what is secret comes over the API. Headers say what
//! a browser may do with them: run scripts of this box and no others, none of them inside the document.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header};
use axum::{Extension, Router, routing};

use crate::driver::api::{Api, answering};
use crate::driver::clock;
use crate::driver::http::Peer;
use crate::web::{self, File};

/// What a page may load, and from where (Content Security Policy Level 3). Nothing inline, no other host, in no frame;
/// `connect-src 'self'` is the API, the feed and the socket of the desk.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; media-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'";
/// A page hears the microphone for calls, and nothing else of the machine.
const PERMISSIONS: &str = "microphone=(self), speaker-selection=(self), camera=(), geolocation=(), display-capture=(), usb=()";
/// The name changes with the content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// It names the files of this version: asked for each time.
const EACH_TIME: &str = "no-cache";

/// The routes of the pages. What stands behind a page's path is the page's own.
pub fn routes() -> Router<Api> {
    let mut routes = Router::new();
    for page in web::PAGES {
        let document = || routing::get(document).fallback(answering::wrong_method);
        routes = routes.route(page, document());
        if page != "/" {
            routes = routes.route(&format!("{page}/{{*rest}}"), document());
        }
    }
    routes
        .route("/assets/{name}", routing::get(asset).fallback(answering::wrong_method))
        .route("/favicon.svg", routing::get(icon).fallback(answering::wrong_method))
}

async fn document(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    send(&api, &peer, &headers, uri, web::document()).await
}

async fn asset(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    uri: Uri,
    Path(name): Path<String>,
) -> Response<Body> {
    send(&api, &peer, &headers, uri, web::file(&format!("assets/{name}"))).await
}

async fn icon(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    send(&api, &peer, &headers, uri, web::file("favicon.svg")).await
}

async fn send(
    api: &Api,
    peer: &Peer,
    headers: &HeaderMap,
    uri: Uri,
    file: Option<File>,
) -> Response<Body> {
    if let Err(denied) = api.access.hold().admit(clock::now(), peer.from) {
        return answering::refusal(&denied.into());
    }
    match file {
        Some(file) => response(file, takes_gzip(headers)),
        None => answering::nowhere(uri).await,
    }
}

/// Whether packed content is taken (RFC 9110 section 12.5.3).
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let never = matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case("gzip") && !never
    })
}

fn response(file: File, gzip: bool) -> Response<Body> {
    let packed = file.gzip.filter(|_| gzip);
    let mut response = Response::new(Body::from(packed.unwrap_or(file.plain)));
    *response.status_mut() = StatusCode::OK;
    let fixed = [
        (header::CONTENT_TYPE, file.content_type),
        (header::CACHE_CONTROL, if file.lasting { FOR_EVER } else { EACH_TIME }),
        (header::VARY, "accept-encoding"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let headers = response.headers_mut();
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if packed.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_is_sent_to_whoever_takes_it() {
        let takes = |value: &'static str| {
            takes_gzip(
                &[(header::ACCEPT_ENCODING, HeaderValue::from_static(value))].into_iter().collect(),
            )
        };
        assert!(takes("gzip, deflate, br") && takes("br;q=1.0, GZIP;q=0.5"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes(""));
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn no_page_may_run_what_stands_inside_it() {
        let page = response(web::document().expect("a document"), true);
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"));
        assert_eq!(page.headers()[header::CACHE_CONTROL], EACH_TIME);
    }
}
