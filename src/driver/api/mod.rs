//! The API over HTTPS: axum's routing on one side, the table and the gateway on the other.
//!
//! `answering` lets a request in and carries it out; `doing` does what is not the gateway's: passwords, sessions,
//! files. What is decided is decided in [`admin::api`](crate::admin::api) and [`admin::access`](crate::admin::access).

mod answering;
mod audio;
mod desk;
mod doing;
pub mod door;
mod elsewhere;
mod feed;
mod figures;
mod files;
mod pages;
mod phones;
pub mod promises;
pub mod provider;
pub mod setting_up;
mod shares;
mod signed;
mod verifying;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{self, MethodFilter, MethodRouter};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::admin::access::Access;
use crate::admin::api::table::{Answer, Method, TABLE};
use crate::admin::api::{BASE, document};
use crate::admin::{Command, Reply};
use crate::driver::channels::Shelf;
use crate::driver::configuring::Configuring;
use crate::driver::mailbox::Sender;
use crate::driver::recordings::Keys;
use crate::driver::reports::Source;
use crate::driver::turn::Letter;
use crate::driver::web_origin::Origins;
use crate::gateway::By;
use crate::journal::act::Accounts;
use crate::random::Random;
use crate::sip::trunk::Network;

pub use feed::Feed;
pub use pages::takes_gzip;
pub use verifying::Verifier;

/// Questions that wait for the gateway at once; it answers thousands in a second.
const MAX_QUESTIONS: usize = 32;
/// Passwords that are looked at at once: each takes a core and 19 MiB for some 35 ms.
const MAX_HASHING: usize = 2;
/// How long the gateway and its disk may take.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Who is let in: shared by requests and the loop, which tells of changes; each holds it for microseconds.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Mutex<Access>>);

impl Guard {
    /// With the accounts that there are.
    pub fn new(accounts: Accounts, random: Random) -> Guard {
        Guard(Arc::new(Mutex::new(Access::new(accounts, random))))
    }

    /// Users or tokens have changed.
    pub fn handle_accounts(&self, accounts: Accounts) {
        self.hold().handle_accounts(accounts);
    }

    fn hold(&self) -> MutexGuard<'_, Access> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every request is answered with.
#[derive(Debug, Clone)]
pub struct Api {
    letters: Sender<Letter>,
    access: Guard,
    feed: Feed,
    questions: Arc<Semaphore>,
    hashing: Arc<Semaphore>,
    recordings: Arc<PathBuf>,
    keys: Keys,
    files: Option<Arc<Shelf>>,
    provider: Option<Arc<provider::Provider>>,
    reports: Source,
    configuring: Configuring,
    verifier: Verifier,
    /// Whose pages may open a channel.
    origins: Arc<Origins>,
    /// Places for such pages, and how many of them each has.
    pages: Arc<Semaphore>,
    pages_of: shares::Shares,
    /// Networks from which somebody may act as an admin; all when there are none.
    admins: Arc<[Network]>,
    document: Arc<OnceLock<String>>,
}

impl Api {
    /// Over a loop that reads `letters`, with recordings in that folder and what reads them, and a provider where there is
    /// one.
    pub fn new(
        letters: Sender<Letter>,
        (access, feed): (Guard, Feed),
        (configuring, verifier): (Configuring, Verifier),
        (recordings, keys): (PathBuf, Keys),
        provider: Option<provider::Provider>,
        reports: Source,
        admins: Vec<Network>,
    ) -> Api {
        Api {
            letters,
            access,
            feed,
            configuring,
            verifier,
            questions: Arc::new(Semaphore::new(MAX_QUESTIONS)),
            hashing: Arc::new(Semaphore::new(MAX_HASHING)),
            recordings: Arc::new(recordings),
            keys,
            files: None,
            provider: provider.map(Arc::new),
            reports,
            origins: Arc::default(),
            pages: Arc::new(Semaphore::new(desk::MOST_PAGES)),
            pages_of: shares::Shares::default(),
            admins: admins.into(),
            document: Arc::default(),
        }
    }

    /// Lets pages of these origins open a channel.
    pub fn serving(self, origins: &Origins) -> Api {
        Api { origins: Arc::new(origins.clone()), ..self }
    }

    /// Gives files of messages from here.
    pub fn keeping(self, files: Option<Arc<Shelf>>) -> Api {
        Api { files, ..self }
    }

    /// The OpenAPI document. It is made when somebody first asks for it: a start without it is 9 MB smaller.
    fn document(&self) -> &str {
        // Names and types are plain; there is nothing in them that JSON could not say.
        self.document.get_or_init(|| document::document().to_json().unwrap_or_default())
    }

    /// Asks the gateway; nothing if it is too busy to answer.
    async fn ask(&self, by: By, command: Command) -> Option<Reply> {
        if let Command::Config { order } = command {
            return Some(self.configuring.carry_out(by, order).await);
        }
        let _turn = self.questions.try_acquire().ok()?;
        let (answer, answered) = oneshot::channel();
        self.letters.deliver(Letter::Api(by, command, answer)).await.ok()?;
        timeout(ANSWER_TIME, answered).await.ok()?.ok()
    }
}

/// What is served at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// The API and the pages, and the phones' configuration for everything else.
    All,
    /// The phones' configuration.
    Phones,
    /// The API and the pages.
    Api,
}

/// What is served at an address; how the box is, at each.
pub fn router(api: Api, what: Serves) -> Router {
    match what {
        Serves::Api => routes(what).fallback(answering::nowhere),
        Serves::All | Serves::Phones => routes(what).fallback(phones::answer),
    }
    .with_state(api)
}

fn routes(what: Serves) -> Router<Api> {
    let routes = match what {
        Serves::Phones => Router::new(),
        Serves::All | Serves::Api => table().merge(pages::routes()),
    };
    routes
        .route("/healthz", routing::get(answering::health).fallback(answering::wrong_method))
        .route("/readyz", routing::get(answering::ready).fallback(answering::wrong_method))
}

/// The routes of the table.
fn table() -> Router<Api> {
    let mut paths: Vec<&str> = TABLE.iter().map(|route| route.path).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut router = Router::new();
    for path in paths {
        let own = TABLE.iter().filter(|route| route.path == path);
        let methods = own.fold(MethodRouter::new(), |methods, route| {
            let filter = filter(route.method);
            match route.answer {
                Answer::Channel => methods.on(filter, desk::open),
                _ => methods.on(filter, move |State(api): State<Api>, request| {
                    answering::answer(api, route, request)
                }),
            }
        });
        router = router.route(&format!("{BASE}{path}"), methods.fallback(answering::wrong_method));
    }
    router
        .route("/api", routing::any(answering::nowhere))
        .route("/api/{*rest}", routing::any(answering::nowhere))
}

fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::driver::browser_phones;
    use crate::web::PAGES;

    type Ways = BTreeMap<String, BTreeSet<String>>;

    /// What a router answers, and to which methods; to all of them where none is named. axum lists its routes nowhere but in
    /// what it prints for whoever looks for a mistake.
    fn served<S>(router: &Router<S>) -> Ways {
        let text = format!("{router:?}");
        let (own, _) = text.split_once("fallback_router").expect("axum prints both");
        let (mut paths, mut methods) = (BTreeMap::new(), BTreeMap::new());
        for piece in own.split("RouteId(").skip(1) {
            let (id, rest) = piece.split_once("): ").expect("an id and what is known of it");
            if let Some(path) = rest.strip_prefix('"') {
                paths.insert(id, path.split('"').next().expect("a text"));
            } else if let Some((_, allow)) = rest.split_once("Bytes(b\"") {
                let allow = allow.split('"').next().expect("a text");
                methods.insert(id, allow.split(',').map(str::to_owned).collect());
            }
        }
        let all = |(id, path): (&str, &str)| {
            (path.to_owned(), methods.get(id).cloned().unwrap_or_default())
        };
        paths.into_iter().map(all).collect()
    }

    #[test]
    fn whatever_is_served_stands_in_the_table_or_is_named_here() {
        let get = || BTreeSet::from(["GET".to_owned(), "HEAD".to_owned()]);
        let mut known = Ways::new();
        for route in TABLE {
            let own = known.entry(format!("{BASE}{}", route.path)).or_default();
            match route.method {
                Method::Get => own.extend(get()),
                method => drop(own.insert(method.name().to_owned())),
            }
        }
        // What else begins so is told that there is no such path.
        known.extend(["/api", "/api/{*rest}"].map(|path| (path.to_owned(), BTreeSet::new())));
        let phones = ["/healthz", "/readyz"].map(|path| (path.to_owned(), get()));
        known.extend(phones.clone());
        known.extend(["/assets/{name}", "/favicon.svg"].map(|path| (path.to_owned(), get())));
        for page in PAGES {
            known.insert(page.to_owned(), get());
            if page != "/" {
                known.insert(format!("{page}/{{*rest}}"), get());
            }
        }
        assert_eq!(served(&routes(Serves::All)), known);
        assert_eq!(served(&routes(Serves::Api)), known);
        assert_eq!(served(&routes(Serves::Phones)), Ways::from(phones));
        // SIP over WebSockets is the SIP side's; figures for Prometheus have an address of their own.
        assert_eq!(served(&browser_phones()), Ways::from([("/sip".to_owned(), get())]));
    }
}
