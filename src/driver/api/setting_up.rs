//! The set-up page over HTTPS: `/setup`, while the box is not set up, for whoever knows the code that is on its screen.
//!
//! What is asked and how it looks is [`web::setup`](crate::web::setup)'s, what a good answer is
//! [`appliance::site`](crate::appliance::site)'s; here both meet. Between the look and the act the plan stays here: no password goes back to a browser
//! before the box has taken it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::admin::access::password;
use crate::admin::configuring::{ConfigOrder, ConfigRefused, ConfigReply, NewConfig};
use crate::admin::{Command, Reply};
use crate::appliance::site::code::{Code, Door, Shut};
use crate::appliance::site::form::{self, FIELDS, Fields};
use crate::appliance::site::{Admin, Card, Password};
use crate::call::country::Country;
use crate::config::Problem;
use crate::driver::api::Api;
use crate::driver::clock;
use crate::driver::http::Peer;
use crate::driver::site::{Beside, Plan};
use crate::gateway::By;
use crate::journal::act::{Role, User, Who};
use crate::web::setup::{self, Form, Language};

/// Bytes of a form: two hundred phones with their names.
const MOST_FORM: usize = 32 << 10;
/// How long one may take to come.
const FORM_TIME: Duration = Duration::from_secs(10);
/// Nothing inline, nothing from elsewhere, and no script at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What answers while the box is not set up.
#[derive(Debug, Clone)]
pub struct SettingUp(Arc<Own>);

#[derive(Debug)]
struct Own {
    api: Api,
    beside: Beside,
    door: Mutex<Door>,
    /// What was looked at last, and the name that it has.
    plan: Mutex<Option<(String, Plan)>>,
    /// One sheet is carried out at a time.
    turn: Semaphore,
}

/// The routes, where there is a code.
pub fn router(api: &Api, beside: Beside, code: Code) -> Router {
    let own = Own {
        api: api.clone(),
        beside,
        door: Mutex::new(Door::new(code)),
        plan: Mutex::default(),
        turn: Semaphore::new(1),
    };
    Router::new()
        .route("/setup", get(show).post(look))
        .route("/setup/apply", post(apply))
        .route("/setup.css", get(style))
        .with_state(SettingUp(Arc::new(own)))
}

async fn show(State(own): State<SettingUp>, headers: HeaderMap) -> Response {
    if own.0.beside.is_set_up() {
        return gone();
    }
    let language = language(&headers);
    let country = if language == Language::German { "DE" } else { "US" };
    let usual = [
        ("site.country", country),
        ("site.time_zone", if country == "DE" { "Europe/Berlin" } else { "" }),
        ("lan.how", "dhcp"),
        ("trunk.how", "line"),
        ("phones.list", "201\n202\n203"),
        ("backup.how", "disk"),
    ];
    let fields = usual.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
    page(StatusCode::OK, drawn(fields, Vec::new(), language))
}

async fn style() -> Response {
    let kind = (header::CONTENT_TYPE, "text/css; charset=utf-8");
    ([kind, (header::CACHE_CONTROL, "no-cache")], setup::STYLE).into_response()
}

async fn look(
    State(own): State<SettingUp>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let (mut fields, language) = match own.admit(request).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let (text, url) = (form::sheet(&fields), url(peer.local));
    let beside = own.0.beside.clone();
    let planned =
        tokio::task::spawn_blocking(move || beside.plan(Path::new("site.toml"), &text, Some(url)))
            .await;
    match planned {
        Ok(Ok(plan)) => {
            let Some(name) = clock::random().map(|mut random| random.hex(16)) else {
                return busy();
            };
            let summary = summary(&plan, language);
            *own.plan() = Some((name.clone(), plan));
            let code = fields.remove("code").unwrap_or_default();
            page(StatusCode::OK, setup::review(&summary, &name, &code, language))
        }
        Ok(Err(problems)) => {
            let wrong = problems.iter().map(|problem| told(problem, language)).collect();
            page(StatusCode::UNPROCESSABLE_ENTITY, drawn(fields, wrong, language))
        }
        Err(_) => busy(),
    }
}

async fn apply(
    State(own): State<SettingUp>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Response {
    let (fields, language) = match own.admit(request).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    let Ok(_turn) = own.0.turn.try_acquire() else { return busy() };
    let plan = own.plan().take_if(|(name, _)| fields.get("plan") == Some(name));
    let Some((_, plan)) = plan.filter(|_| !own.0.beside.is_set_up()) else {
        return page(
            StatusCode::CONFLICT,
            drawn(BTreeMap::new(), vec![(String::new(), expired(language).to_owned())], language),
        );
    };
    match own.carry_out(&plan, peer.from).await {
        Ok(phones) => {
            let name = |number: &str| {
                plan.made
                    .phones
                    .iter()
                    .find(|phone| phone.number == number)
                    .map_or("", |phone| &phone.name)
            };
            let rows: Vec<_> = phones
                .iter()
                .map(|(number, password)| {
                    (number.clone(), name(number).to_owned(), password.reveal().to_owned())
                })
                .collect();
            let server = match &plan.made.network.lan {
                Card::Fixed(fixed) => {
                    fixed.address.split('/').next().unwrap_or_default().to_owned()
                }
                Card::Dhcp => peer.local.ip().to_canonical().to_string(),
            };
            page(StatusCode::OK, setup::done(&rows, &server, language))
        }
        Err(why) => page(
            StatusCode::SERVICE_UNAVAILABLE,
            drawn(BTreeMap::new(), vec![(String::new(), why)], language),
        ),
    }
}

impl SettingUp {
    fn plan(&self) -> MutexGuard<'_, Option<(String, Plan)>> {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was typed, of whoever has the code; or the page that says why not.
    async fn admit(&self, request: Request<Body>) -> Result<(Fields, Language), Response> {
        if self.0.beside.is_set_up() {
            return Err(gone());
        }
        let language = language(request.headers());
        let Some(fields) = fields(request).await else { return Err(too_long()) };
        match self.enter(&fields) {
            Ok(()) => Ok((fields, language)),
            Err(shut) => Err(self.refused(fields, shut, language)),
        }
    }

    fn enter(&self, fields: &Fields) -> Result<(), Shut> {
        let mut door = self.0.door.lock().unwrap_or_else(PoisonError::into_inner);
        door.handle_code(clock::now(), fields.get("code").map_or("", String::as_str))
    }

    fn refused(&self, fields: Fields, shut: Shut, language: Language) -> Response {
        let (status, words) = match (shut, language) {
            (Shut::Wrong, Language::English) => {
                (StatusCode::FORBIDDEN, "This is not the code on the box's screen.".to_owned())
            }
            (Shut::Wrong, Language::German) => (
                StatusCode::FORBIDDEN,
                "Das ist nicht der Code auf dem Bildschirm der Box.".to_owned(),
            ),
            (Shut::Wait(span), language) => {
                let seconds = span.as_secs() + 1;
                let words = match language {
                    Language::English => {
                        format!("Too many wrong codes: try again in {seconds} seconds.")
                    }
                    Language::German => {
                        format!("Zu viele falsche Codes: bitte in {seconds} Sekunden noch einmal.")
                    }
                };
                (StatusCode::TOO_MANY_REQUESTS, words)
            }
        };
        page(status, drawn(fields, vec![("code".to_owned(), words)], language))
    }

    /// Secrets first, so that the configuration finds them; the mark last.
    async fn carry_out(
        &self,
        plan: &Plan,
        from: IpAddr,
    ) -> Result<Vec<(String, Password)>, String> {
        let (beside, made) = (self.0.beside.clone(), plan.made.clone());
        let phones = tokio::task::spawn_blocking(move || beside.write_secrets(&made)).await;
        let phones =
            phones.map_err(|_| "no thread".to_owned())?.map_err(|error| error.to_string())?;
        let by = By { who: Who::Console, from: Some(from), own: None };
        if let Some(admin) = &plan.sheet.admin {
            self.make_admin(&by, admin).await?;
        }
        let again = self.configure(&by, plan).await?;
        let (beside, network) = (self.0.beside.clone(), plan.made.network.clone());
        let marked = tokio::task::spawn_blocking(move || {
            beside.ask_for_network(&network)?;
            beside.mark("the set-up page")
        });
        marked.await.map_err(|_| "no thread".to_owned())?.map_err(|error| error.to_string())?;
        if again {
            let _ = self.0.api.ask(by, Command::Restart).await;
        }
        Ok(phones)
    }

    async fn make_admin(&self, by: &By, admin: &Admin) -> Result<(), String> {
        let word = admin.password.clone();
        let hash = tokio::task::spawn_blocking(move || {
            let mut salt = [0; password::SALT];
            clock::random()?.fill(&mut salt);
            password::hash(word.reveal(), &salt)
        });
        let password = hash.await.ok().flatten().ok_or("there is no memory to hash a password")?;
        let (name, role) = (admin.user.clone(), Role::Admin);
        let user = User {
            name: name.clone(),
            role,
            agent: None,
            password: Some(password.clone()),
            disabled: false,
            subject: None,
        };
        if let Some(Reply::Done | Reply::User(_)) =
            self.0.api.ask(by.clone(), Command::AddUser { user }).await
        {
            return Ok(());
        }
        // There is one of this name from an earlier try.
        let change = Command::ChangeUser {
            name,
            role: Some(role),
            password: Some(password),
            agent: None,
            disabled: Some(false),
        };
        match self.0.api.ask(by.clone(), change).await {
            Some(Reply::Done | Reply::User(_)) => Ok(()),
            _ => Err("the admin's account could not be made".to_owned()),
        }
    }

    /// Whether the program has to begin anew for it.
    async fn configure(&self, by: &By, plan: &Plan) -> Result<bool, String> {
        let text = plan.made.configuration.clone();
        let new =
            NewConfig { text, why: "set up by the set-up page".to_owned(), confirm_within_s: None };
        let applied = match self.order(by, ConfigOrder::Apply { new, seen: None }).await? {
            ConfigReply::Refused(ConfigRefused::Same) => return Ok(false),
            ConfigReply::Refused(why) => return Err(why.to_string()),
            ConfigReply::Applied(applied) => applied,
            _ => return Err("the box answered something else".to_owned()),
        };
        match self.order(by, ConfigOrder::Confirm).await? {
            ConfigReply::Refused(why) => Err(why.to_string()),
            _ => Ok(applied.changes.iter().any(|change| !change.live)),
        }
    }

    async fn order(&self, by: &By, order: ConfigOrder) -> Result<ConfigReply, String> {
        match self.0.api.ask(by.clone(), Command::Config { order }).await {
            Some(Reply::Config(reply)) => Ok(*reply),
            _ => Err("the box is busy: try again".to_owned()),
        }
    }
}

fn drawn(fields: Fields, wrong: Vec<(String, String)>, language: Language) -> String {
    let mut fields = fields;
    // Typed once more rather than sent back.
    for secret in ["trunk.password", "backup.passphrase", "admin.password"] {
        fields.remove(secret);
    }
    let countries: Vec<_> = Country::codes().collect();
    let zones: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
    setup::form(&Form { fields, wrong, countries: &countries, zones: &zones }, language)
}

fn told(problem: &Problem, language: Language) -> (String, String) {
    let field = form::field(&problem.key);
    let field = if FIELDS.contains(&field) { field } else { "" };
    (field.to_owned(), language.mistake(&problem.what, problem.allowed.as_deref()))
}

/// What will be written: the configuration itself, which has no secret in it, below a line for the network.
fn summary(plan: &Plan, language: Language) -> String {
    let card = |card: &Card| match card {
        Card::Dhcp => "DHCP".to_owned(),
        Card::Fixed(own) => own.address.clone(),
    };
    let network = &plan.made.network;
    let wan = network.wan.as_ref().map_or(String::new(), |own| format!(", wan {}", card(own)));
    let files: Vec<_> = plan.made.secrets.iter().map(|secret| secret.name.as_str()).collect();
    let (word, secrets, note) = match language {
        Language::English => ("network", "secrets in files of their own", "note"),
        Language::German => ("Netz", "Geheimnisse in eigenen Dateien", "Hinweis"),
    };
    let notes: String =
        plan.warnings.iter().map(|problem| format!("{note}: {}\n", problem.what)).collect();
    format!(
        "{word}: lan {}{wan}\n{secrets}: {}\n{notes}\n{}",
        card(&network.lan),
        files.join(", "),
        plan.made.configuration
    )
}

fn expired(language: Language) -> &'static str {
    match language {
        Language::English => "This was looked at too long ago: begin again.",
        Language::German => "Das wurde vor zu langer Zeit angesehen: bitte von vorn beginnen.",
    }
}

/// Where phones fetch their configuration: where the browser has found the box.
fn url(local: std::net::SocketAddr) -> String {
    match local.ip().to_canonical() {
        IpAddr::V4(own) => format!("https://{own}:{}", local.port()),
        IpAddr::V6(own) => format!("https://[{own}]:{}", local.port()),
    }
}

async fn fields(request: Request<Body>) -> Option<Fields> {
    let body = timeout(FORM_TIME, axum::body::to_bytes(request.into_body(), MOST_FORM))
        .await
        .ok()?
        .ok()?;
    let known = |name: &str| FIELDS.contains(&name) || name == "plan";
    let all = form_urlencoded::parse(&body).filter(|(name, _)| known(name));
    Some(all.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}

fn language(headers: &HeaderMap) -> Language {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::of(accepted.unwrap_or_default())
}

fn page(status: StatusCode, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        // Passwords are on the last of them.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    (status, headers, text).into_response()
}

fn gone() -> Response {
    page(StatusCode::NOT_FOUND, "<!doctype html><title>404</title>".to_owned())
}

fn too_long() -> Response {
    page(StatusCode::PAYLOAD_TOO_LARGE, "<!doctype html><title>413</title>".to_owned())
}

fn busy() -> Response {
    page(StatusCode::SERVICE_UNAVAILABLE, "<!doctype html><title>503</title>".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::site::Sheet;

    /// Everything on the page that can be wrong, wrong in each of its ways.
    #[test]
    fn every_mistake_that_the_page_lets_one_make_is_in_the_table() {
        let wrong: [&[(&str, &str)]; 4] = [
            &[
                ("site.time_zone", "Europe/Berln"),
                ("site.kind", "shop"),
                ("lan.how", "fixed"),
                ("lan.address", "10.0.0.2"),
                ("trunk.how", "line"),
                ("trunk.user", "u"),
                ("trunk.numbers", "030"),
                ("trunk.accept_from", "0.0.0.0/0"),
                ("phones.list", "2 a\n201\n201\n202 \u{7}"),
                ("modem.port", ""),
                ("backup.how", "folder"),
                ("backup.folder", "/root"),
                ("backup.passphrase", "short"),
                ("admin.user", "a b"),
                ("admin.password", "aaaaaaaaaaaa"),
            ],
            &[
                ("site.name", "A"),
                ("site.address.street", "X"),
                ("site.address.state", "\u{7}"),
                ("lan.how", "fixed"),
                ("lan.address", "10.0.0.2/8"),
                ("lan.gateway", "192.168.1.1"),
                ("lan.dns", "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4"),
                ("trunk.how", "line"),
                ("trunk.servers", "sip.example.net/x"),
                ("trunk.password", "p"),
                ("modem.port", "COM1"),
            ],
            &[("trunk.how", "line"), ("trunk.user", "\u{7}"), ("trunk.password", "\u{7}")],
            &[("phones.list", &"201\n".repeat(201))],
        ];
        let mut told = 0;
        for fields in wrong {
            let mut all: Fields =
                [("lan.how", "dhcp"), ("site.time_zone", "UTC"), ("site.country", "DE")]
                    .iter()
                    .chain(fields)
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect();
            all.entry("admin.user".to_owned()).or_default();
            let sheet: Sheet = toml::from_str(&form::sheet(&all)).expect("a sheet");
            for fault in sheet.faults() {
                for words in [fault.what.as_str(), fault.allowed] {
                    assert_ne!(Language::German.mistake(words, None), words);
                    told += 1;
                }
            }
        }
        assert!(told > 40, "{told}");
    }
}
