//! The hub's page and its JSON: plain HTTP on loopback, HTTPS anywhere else, for whoever has the password.
//!
//! The user is `hub`; the password is a file's, made at the first start. It is asked for by the browser itself (RFC 7617):
//! there is nothing to do here but to look, so there is no session to steal. What a page may load is said as for the pages
//! of a branch: this hub's files and no others, nothing inside the document.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::{Router, routing};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::engine::Engine;
use super::files;
use super::watching;
use crate::driver::certificate::{Certificate, Due};
use crate::driver::identity::Identity;
use crate::driver::{clock, http, tls};
use crate::hub::fleet::Line;
use crate::hub::settings;
use crate::random::Random;
use crate::sip::trunk::Network;
use crate::time::{UnixTime, rfc3339};
use crate::web;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
/// Octets of a password that is made: as many as nobody guesses.
const PASSWORD: usize = 16;
/// The shortest password that somebody else may have chosen, in octets.
const SHORTEST: usize = 12;

/// How often the page's certificate is looked at: it is made anew two months before its end.
const LOOK_EVERY: Duration = Duration::from_secs(86_400);

/// Why there is no page.
#[derive(Debug)]
pub enum NoPage {
    /// The file of the password.
    Password(PathBuf, io::Error),
    /// The password is too short.
    Short(PathBuf),
    /// No identity for HTTPS.
    Identity(tls::NoIdentity),
}

impl fmt::Display for NoPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPage::Password(path, error) => write!(f, "{}: {error}", path.display()),
            NoPage::Short(path) => write!(
                f,
                "{}: the page's password has less than {SHORTEST} characters",
                path.display()
            ),
            NoPage::Identity(error) => write!(f, "no identity for the page: {error}"),
        }
    }
}

impl std::error::Error for NoPage {}

struct Shared {
    engine: Engine,
    /// Where it is noted what of files waits at each site.
    files: PathBuf,
    /// What a browser says that has the password.
    proof: String,
}

/// Starts the page. Answers where it is, and the file of its password.
///
/// # Errors
/// When it lacks something.
pub async fn start(
    dir: &Path,
    (said, files): (&settings::Page, PathBuf),
    names: &[String],
    engine: Engine,
    random: &mut Random,
) -> Result<(Vec<SocketAddr>, PathBuf), NoPage> {
    let path = said.password_file.clone().unwrap_or_else(|| dir.join("page.password"));
    let password = password(&path, said.password_file.is_none(), random)?;
    let proof = format!("Basic {}", BASE64_STANDARD.encode(format!("hub:{password}")));
    let shared = Arc::new(Shared { engine, files, proof });
    let router = Router::new()
        .route("/sites.json", routing::get(sites))
        .fallback(routing::get(file))
        .with_state(shared);
    let mut bound = Vec::new();
    for address in &said.listen {
        let at = match address.ip().is_loopback() {
            true => plain(*address, router.clone()).await,
            false => secure(*address, dir, said, names, router.clone())?,
        };
        match at {
            Ok(at) => bound.push(at),
            // Events are taken in whether anybody looks at the sites or not.
            Err(error) => tracing::error!(%address, %error, "the page cannot be there"),
        }
    }
    Ok((bound, path))
}

async fn plain(address: SocketAddr, router: Router) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(bound)
}

fn secure(
    address: SocketAddr,
    dir: &Path,
    said: &settings::Page,
    names: &[String],
    router: Router,
) -> Result<io::Result<SocketAddr>, NoPage> {
    let files = tls::Files {
        certificate: said.certificate.clone().unwrap_or_else(|| dir.join("page.pem")),
        key: said.key.clone().unwrap_or_else(|| dir.join("page-key.pem")),
    };
    let own = Certificate::new(files, names.to_vec());
    let now = clock::now().unix;
    own.begin(now).map_err(NoPage::Identity)?;
    renew(&own, now);
    let identity = Identity::open(own.files().clone()).map_err(NoPage::Identity)?;
    tokio::spawn(identity.clone().watch());
    tokio::spawn(keep(own));
    // Whoever has the password may ask from anywhere.
    let served = ["0.0.0.0/0", "::/0"].iter().filter_map(|all| Network::parse(all).ok()).collect();
    let sources = http::Sources { served, relays: Vec::new() };
    Ok(http::Server::new(&identity, sources, router).listen(&Handle::current(), address))
}

/// Looks after the certificate that the hub makes for its page, for as long as the hub runs.
async fn keep(own: Certificate) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let own = own.clone();
        // A disk that hangs holds up this and nothing else.
        let _ = tokio::task::spawn_blocking(move || renew(&own, clock::now().unix)).await;
    }
}

fn renew(own: &Certificate, now: UnixTime) {
    match own.renew_where_due(now) {
        Ok(Due::Lacks(_) | Due::Dates) => tracing::info!("the page's certificate is made anew"),
        Ok(Due::NotOurs | Due::Nothing) => {}
        Err(error) => tracing::warn!(%error, "the page's certificate cannot be looked after"),
    }
}

/// Reads the password, or makes one where there is none and it is the hub's own.
fn password(path: &Path, own: bool, random: &mut Random) -> Result<String, NoPage> {
    let wrong = |error| NoPage::Password(path.to_owned(), error);
    match fs::read_to_string(path) {
        Ok(text) if text.trim().len() >= SHORTEST => Ok(text.trim().to_owned()),
        Ok(_) => Err(NoPage::Short(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && own => {
            let password = random.hex(PASSWORD);
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let mut file = file.map_err(wrong)?;
            writeln!(file, "{password}").and_then(|()| file.sync_all()).map_err(wrong)?;
            Ok(password)
        }
        Err(error) => Err(wrong(error)),
    }
}

/// Whether somebody has the password. Every character is compared, whatever the first one was.
fn is_let_in(shared: &Shared, headers: &HeaderMap) -> bool {
    let said = headers.get(header::AUTHORIZATION).map_or(&b""[..], HeaderValue::as_bytes);
    let right = shared.proof.as_bytes();
    let differ = said.iter().zip(right).fold(0, |differ, (a, b)| differ | (a ^ b));
    said.len() == right.len() && differ == 0
}

#[derive(Serialize)]
struct Sites {
    #[serde(with = "rfc3339")]
    now: UnixTime,
    sites: Vec<Line>,
}

async fn sites(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response<Body> {
    if !is_let_in(&shared, &headers) {
        return who_are_you();
    }
    let Ok(fleet) = watching::fleet(&shared.engine).await else {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "the cluster is away");
    };
    let now = clock::now().unix;
    let mut lines = fleet.lines(now);
    let waiting = files::waiting(&shared.files);
    for line in &mut lines {
        let own = waiting.get(&line.site).copied().unwrap_or_default();
        (line.files, line.files_octets) = (own.files, own.octets);
    }
    let sites = Sites { now, sites: lines };
    let body = serde_json::to_string(&sites).unwrap_or_default();
    answer(StatusCode::OK, "application/json", body)
}

async fn file(State(shared): State<Arc<Shared>>, headers: HeaderMap, uri: Uri) -> Response<Body> {
    if !is_let_in(&shared, &headers) {
        return who_are_you();
    }
    match web::hub::file(uri.path()) {
        Some((kind, text)) => answer(StatusCode::OK, kind, text),
        None => answer(StatusCode::NOT_FOUND, "text/plain", "there is nothing here"),
    }
}

fn who_are_you() -> Response<Body> {
    let mut response =
        answer(StatusCode::UNAUTHORIZED, "text/plain", "user `hub`, and its password");
    let how = HeaderValue::from_static("Basic realm=\"Branchline hub\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    response
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let fixed = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let fixed = fixed.map(|(name, value)| (name, HeaderValue::from_static(value)));
    response.headers_mut().extend(fixed);
    response
}
