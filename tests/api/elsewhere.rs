//! Signing in at a provider: a foreign one, one that lies in every way, and one that is away.

use std::process::{Child, Command, Stdio};

use branchline::journal::act::Scope;
use serde_json::{Value, json};

use crate::fuzzing::tool;
use crate::{Api, Way};

const CONFIG: &str = r#"
[sip]
udp = ["127.0.0.1:@PORT@"]
tcp = []
tls = []
[media]
port_min = @RTP_FIRST@
port_max = @RTP_LAST@
[http]
listen = ["127.0.0.1:@SECOND@"]
[oidc]
issuer = "http://127.0.0.1:@CARRIER@"
client_id = "branch"
client_secret = { file = "@DIR@/oidc" }
here = "https://127.0.0.1:@SECOND@"
landing = "/desk"
private = true
agent_claim = "desk"
roles = [{ value = "bl-admins", role = "admin" }, { value = "bl-leads", role = "supervisor" }]
"#;
const BEGIN: &str = "/api/v1/session/provider";

/// A box of its own, whose provider is not there yet.
fn start() -> Api {
    let api = Api::start_own(CONFIG, &[("oidc", "a secret\n")]);
    let mut add = Command::new(env!("CARGO_BIN_EXE_branchline"))
        .args(["user", "add", "admin", "--role", "admin"])
        .env("BRANCHLINE_SOCKET", api.branch.folder().join("admin.sock"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the command line runs");
    let mut input = add.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut input, b"tulips and roses\n").expect("it reads");
    drop(input);
    assert!(add.wait().expect("it ends").success());
    api
}

/// Ends with the test.
struct Provider(Child);

impl Provider {
    fn start(api: &Api, program: &str, arguments: &[&str]) -> Provider {
        let port = (api.branch.free + 1).to_string();
        let mut command = Command::new(tool(program));
        let command = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let child = match program {
            "python3" => command.arg(port).spawn(),
            _ => command.args(["--port", &port]).spawn(),
        };
        let provider = Provider(child.expect("it runs; tests/run installs it"));
        let place =
            format!("http://127.0.0.1:{}/.well-known/openid-configuration", api.branch.free + 1);
        api.branch.until("the provider", || {
            let asked =
                Command::new("curl").args(["--silent", "--fail", "-o/dev/null", &place]).status();
            asked.expect("curl runs").success().then_some(())
        });
        provider
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a browser leaves with.
struct Away {
    url: String,
    cookie: String,
}

impl Away {
    fn begin(api: &Api) -> Away {
        let answer = api.branch.until("the provider to be known", || {
            let answer = api.curl(BEGIN, &[]);
            (answer.status != 503).then_some(answer)
        });
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
        for flag in ["__Host-branchline-away=", "; HttpOnly", "; Secure", "; SameSite=Lax"] {
            assert!(cookie.contains(flag), "{flag} in {cookie}");
        }
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        Away { url: answer.header("location").expect("a way").to_owned(), cookie }
    }

    fn parameter(&self, name: &str) -> &str {
        let pairs = self.url.split(['?', '&']).filter_map(|pair| pair.split_once('='));
        pairs.filter(|(own, _)| *own == name).map(|(_, value)| value).next().expect("a parameter")
    }

    /// What the provider is told to say.
    fn code(&self, what: &str) -> String {
        let (nonce, challenge) = (self.parameter("nonce"), self.parameter("code_challenge"));
        format!("code={what}.{nonce}.{challenge}&state={}", self.parameter("state"))
    }

    /// Comes back from an address of its own, so that no other's mistakes count.
    fn back(&self, api: &Api, from: u8, query: &str) -> crate::Answer {
        let (cookie, from) = (format!("Cookie: {}", self.cookie), format!("127.0.7.{from}"));
        api.curl(&format!("{BEGIN}/back?{query}"), &["-H", &cookie, "--interface", &from])
    }
}

fn session_of(answer: &crate::Answer) -> Way {
    let mut cookies = answer.head.lines().filter_map(|line| line.split_once(": "));
    let own = cookies.find(|(_, value)| value.starts_with("__Host-branchline="));
    let (_, cookie) = own.unwrap_or_else(|| panic!("no session in {}", answer.head));
    for flag in ["; HttpOnly", "; Secure", "; SameSite=Strict"] {
        assert!(cookie.contains(flag), "{flag} in {cookie}");
    }
    let pair = cookie.split(';').next().expect("a pair");
    Way(vec!["-H".to_owned(), format!("Cookie: {pair}")])
}

fn me(api: &Api, way: &Way) -> Value {
    let answer = api.ask(way, "GET", "/api/v1/session", None);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn with_password(api: &Api) -> Value {
    let body = json!({ "name": "admin", "password": "tulips and roses" }).to_string();
    let answer = api.ask(&Way::default(), "POST", "/api/v1/session", Some(&body));
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

#[test]
fn people_sign_in_at_a_foreign_provider_and_by_password_while_it_is_away() {
    let api = start();
    // Nobody is there yet: whoever has a password of this box is let in all the same.
    api.curl(BEGIN, &[]).is_problem(503, "busy");
    assert_eq!(with_password(&api)["role"], "admin");
    let ann = r#"{"sub":"u1","preferred_username":"Ann","groups":["staff","bl-leads"]}"#;
    let provider = Provider::start(
        &api,
        "oidc-provider-mock",
        &["--require-nonce", "true", "--user-claims", ann],
    );
    let sign_in = || {
        let away = Away::begin(&api);
        let mut form = Command::new("curl");
        let form =
            form.args(["--silent", "--output", "/dev/null", "--write-out", "%{redirect_url}"]);
        let output = form.args(["--data", "sub=u1", &away.url]).output().expect("curl runs");
        let back = String::from_utf8_lossy(&output.stdout).into_owned();
        let (here, query) = back.split_once('?').unwrap_or_else(|| panic!("{back}"));
        assert_eq!(here, format!("{}{BEGIN}/back", api.url));
        let answer = away.back(&api, 1, query);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains("0;url=/desk"), "{}", answer.body);
        session_of(&answer)
    };
    let way = sign_in();
    let ann = me(&api, &way);
    assert_eq!((&ann["who"]["name"], &ann["role"]), (&json!("ann"), &json!("supervisor")), "{ann}");
    assert!(ann["leave"].as_str().is_some_and(|url| url.contains("client_id=branch")), "{ann}");
    let status = api.ask(&way, "GET", "/api/v1/status", None).status;
    assert_eq!(status, 200, "a session is a session");
    assert_eq!(me(&api, &sign_in())["who"]["name"], "ann", "the second time she is known");
    let users = api.branch.ask(&["user", "list"]);
    assert_eq!(users.as_array().map(Vec::len), Some(2), "{users}");
    // An admin keeps her out; the provider's word does not let her in.
    api.branch.ask(&["user", "disable", "ann"]);
    let answer = api.ask(&way, "GET", "/api/v1/session", None);
    answer.is_problem(401, "sign-in-needed");
    drop(provider);
    assert_eq!(with_password(&api)["role"], "admin");
}

#[test]
fn whatever_a_provider_or_a_browser_makes_up_nobody_is_let_in() {
    let api = start();
    let _provider = Provider::start(
        &api,
        "python3",
        &[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/liar.py")],
    );
    // Good tokens first, of every kind of signature; clocks that differ a little; and keys that are new.
    for (at, good) in ["good", "PS384", "ES256", "ES384", "EdDSA", "skewed"].iter().enumerate() {
        let away = Away::begin(&api);
        let answer = away.back(&api, 10 + at as u8, &away.code(good));
        assert_eq!(answer.status, 200, "{good}: {}", answer.body);
        assert_eq!(me(&api, &session_of(&answer))["role"], "supervisor", "{good}");
    }
    let lies = [
        "forged",
        "enclosed",
        "none",
        "unsigned",
        "shared",
        "secret",
        "confused",
        "changed",
        "nonsense",
        "audience",
        "audiences",
        "expired",
        "early",
        "issuer",
        "nonce",
        "norole",
        "nosub",
        "taken",
        "hostile",
        "refused",
    ];
    for (at, lie) in lies.iter().enumerate() {
        let away = Away::begin(&api);
        let answer = away.back(&api, 30 + at as u8, &away.code(lie));
        answer.is_problem(403, "not-allowed");
        assert!(answer.header("set-cookie").is_none(), "{lie}: {}", answer.head);
    }
    let away = Away::begin(&api);
    away.back(&api, 60, &away.code("huge")).is_problem(503, "busy");
    // An agent whom nobody knows here is none.
    let away = Away::begin(&api);
    let bob = me(&api, &session_of(&away.back(&api, 61, &away.code("agent"))));
    assert_eq!(bob["agent"], Value::Null, "{bob}");
    // What the browser brings has to be what it left with, once, and from this provider.
    let (away, other) = (Away::begin(&api), Away::begin(&api));
    let foreign = Away { url: away.url.clone(), cookie: other.cookie.clone() };
    foreign.back(&api, 62, &away.code("good")).is_problem(403, "csrf");
    let nothing = Away { url: away.url.clone(), cookie: "x=y".to_owned() };
    nothing.back(&api, 63, &away.code("good")).is_problem(403, "csrf");
    let mixed = format!("{}&iss=http://127.0.0.1:1", away.code("good"));
    away.back(&api, 64, &mixed).is_problem(403, "not-allowed");
    let named =
        format!("{}&iss=http://127.0.0.1:{}&more=1", away.code("good"), api.branch.free + 1);
    assert_eq!(away.back(&api, 65, &named).status, 200);
    away.back(&api, 66, &away.code("good")).is_problem(403, "csrf");
    let denied = Away::begin(&api);
    let query = format!("error=access_denied&state={}", denied.parameter("state"));
    let problem = denied.back(&api, 67, &query).is_problem(403, "not-allowed");
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("access_denied")));
    // A key that the provider has had since: it is looked for, though not at every forged token.
    let mut from = 100;
    let answer = api.branch.until("the new key", || {
        let away = Away::begin(&api);
        from += 1;
        let answer = away.back(&api, from, &away.code("newer"));
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(me(&api, &session_of(&answer))["who"]["name"], "ann");
    // Whoever guesses waits, and whoever has a password does not wait for that.
    let statuses: Vec<u16> =
        (0..7).map(|_| nothing.back(&api, 99, &away.code("good")).status).collect();
    assert_eq!(statuses, [403, 403, 403, 403, 403, 429, 429]);
    with_password(&api);
    // Who came in how is in the journal; no name of a stranger is.
    let admin = with_password(&api);
    assert_eq!(admin["leave"], Value::Null, "{admin}");
    let users = api.branch.ask(&["user", "list"]).to_string();
    assert!(users.contains("ann") && users.contains("bob") && !users.contains("<b>"), "{users}");
}

/// Who signed in, out, or tried to, by the journal: who did what to whom.
fn acts(api: &Api) -> Vec<String> {
    let page = api.order("GET", "/api/v1/acts?limit=1000", None);
    let line = |act: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let (by, name) = (text(&act["who"]["by"]), text(&act["who"]["name"]));
        format!("{by} {name} {} {} {}", text(&act["what"]), text(&act["on"]), act["done"])
    };
    page["items"].as_array().expect("acts").iter().map(line).collect()
}

#[test]
fn whoever_signs_out_at_the_provider_is_signed_out_here() {
    let api = start();
    let _provider = Provider::start(
        &api,
        "python3",
        &[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/liar.py")],
    );
    let sign_in = |what: &str| {
        let away = Away::begin(&api);
        session_of(&away.back(&api, 1, &away.code(what)))
    };
    let token = |what: &str, name: &str| {
        let url = format!("http://127.0.0.1:{}/logout/{what}/{name}", api.branch.free + 1);
        let output = Command::new("curl").args(["--silent", &url]).output().expect("curl runs");
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        said["token"].as_str().expect("a token").to_owned()
    };
    let tell = |token: &str| {
        let form = format!("logout_token={token}");
        api.curl("/api/v1/session/provider/logout", &["--data", &form])
    };
    let is_in = |way: &Way| api.ask(way, "GET", "/api/v1/session", None).status == 200;
    let (desk1, desk2) = (sign_in("desk1"), sign_in("desk2"));
    let local = with_password(&api);
    assert!(is_in(&desk1) && is_in(&desk2));
    // Whatever is no logout token of this provider for this box ends nothing.
    let lies = [
        "nonce", "noevent", "audience", "issuer", "expired", "old", "noname", "nojti", "noend",
        "none", "forged",
    ];
    for lie in lies {
        tell(&token(lie, lie)).is_problem(400, "malformed");
    }
    for nonsense in ["", "a.b.c", "x"] {
        tell(nonsense).is_problem(400, "malformed");
    }
    let json = api.ask(&Way::default(), "POST", "/api/v1/session/provider/logout", Some("{}"));
    json.is_problem(415, "wrong-type");
    assert!(is_in(&desk1) && is_in(&desk2));
    // One desk alone; nobody; then everything of theirs. The same token a second time is none.
    let one = token("one", "t1");
    let told = tell(&one);
    assert_eq!((told.status, told.json()["users"].as_u64()), (200, Some(1)), "{}", told.body);
    assert_eq!(told.header("cache-control"), Some("no-store"));
    assert!(!is_in(&desk1) && is_in(&desk2));
    let again = sign_in("desk1");
    tell(&one).is_problem(400, "malformed");
    assert!(is_in(&again), "a token that was shown ends nothing any more");
    assert_eq!(tell(&token("nobody", "t2")).json()["users"], 0);
    assert!(is_in(&again) && is_in(&desk2));
    assert_eq!(tell(&token("all", "t3")).json()["users"], 1);
    assert!(!is_in(&again) && !is_in(&desk2));
    assert_eq!(local["role"], "admin");
    let acts = acts(&api);
    let ended = acts.iter().filter(|act| *act == "provider - end_sessions_at_provider ann true");
    assert_eq!(ended.count(), 2, "{acts:#?}");
}

#[test]
fn who_signs_in_or_fails_to_is_in_the_journal_and_what_they_typed_is_not() {
    let api = start();
    let sign_in = |name: &str, password: &str| {
        let body = json!({ "name": name, "password": password }).to_string();
        api.ask(&Way::default(), "POST", "/api/v1/session", Some(&body))
    };
    assert_eq!(sign_in("admin", "a guess of mine").status, 401);
    assert_eq!(sign_in("tulips and roses", "admin").status, 401);
    let answer = sign_in("admin", "tulips and roses");
    let csrf = answer.json()["csrf"].as_str().expect("text").to_owned();
    let Way(mut headers) = session_of(&answer);
    headers.extend(["-H".to_owned(), format!("X-CSRF-Token: {csrf}")]);
    let own = api.order("GET", "/api/v1/sessions", None)["items"].clone();
    assert_eq!(api.ask(&Way(headers), "DELETE", "/api/v1/session", None).status, 204);
    let answer = sign_in("admin", "tulips and roses");
    assert_eq!(answer.status, 201);
    let other = api.order("GET", "/api/v1/sessions", None)["items"].clone();
    assert_ne!(own, other);
    let id = other[0]["session"].as_str().expect("an id");
    api.order("DELETE", &format!("/api/v1/sessions/{id}"), None);
    let told = acts(&api);
    let sessions = told.iter().filter(|act| act.contains("sign_") || act.contains("end_session"));
    let prefix = told.iter().find(|act| act.contains("end_session")).expect("an end");
    let prefix = prefix.split(' ').nth(1).expect("a name").to_owned();
    let wanted = [
        format!("token {prefix} end_session admin true"),
        "user admin sign_in admin true".to_owned(),
        "user admin sign_out admin true".to_owned(),
        "user admin sign_in admin true".to_owned(),
        "stranger - sign_in - false".to_owned(),
        "stranger - sign_in admin false".to_owned(),
    ];
    assert_eq!(sessions.cloned().collect::<Vec<_>>(), wanted);
    assert!(!told.iter().any(|act| act.contains("tulips")), "a password typed as a name");
}

#[test]
fn a_token_makes_nothing_that_may_do_more_than_itself() {
    let api = start();
    let make = |way: &Way, what: &str, body: Value| {
        api.ask(way, "POST", &format!("/api/v1/{what}"), Some(&body.to_string()))
    };
    let weak = api.new_token("admin", &["admin", "read"]);
    let token = |scopes: &[&str], days: Value| json!({ "name": "t", "role": "admin", "scopes": scopes, "days": days });
    assert_eq!(make(&weak, "tokens", token(&["read"], Value::Null)).status, 201);
    let refused = make(&weak, "tokens", token(&["read", "recordings"], Value::Null));
    let problem = refused.is_problem(422, "refused");
    assert!(
        problem["detail"].as_str().is_some_and(|text| text.contains("recordings")),
        "{problem}"
    );
    // A user may do all that is for their role, which is more than this token.
    for role in ["agent", "admin", "auditor"] {
        let user = json!({ "name": "eve", "role": role, "password": "tulips and daisies" });
        make(&weak, "users", user).is_problem(409, "conflict");
    }
    let change = json!({ "password": "tulips and daisies" }).to_string();
    let changed = api.ask(&weak, "PATCH", "/api/v1/users/admin", Some(&change));
    assert!((409..=422).contains(&changed.status), "{}", changed.body);
    assert!(changed.body.contains("may do more than the token"), "{}", changed.body);
    assert_eq!(with_password(&api)["role"], "admin", "the password is what it was");
    // What ends makes nothing that lasts longer.
    let all: Vec<_> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    let short = make(&Way::token(&api.token), "tokens", token(&all, json!(2)));
    let made = short.json();
    let short = Way::token(made["token"].as_str().expect("text"));
    assert!(made["about"]["expires"].as_str().is_some_and(|end| end.ends_with('Z')), "{made}");
    make(&short, "tokens", token(&["read"], Value::Null)).is_problem(422, "refused");
    make(&short, "tokens", token(&["read"], json!(3))).is_problem(422, "refused");
    assert_eq!(make(&short, "tokens", token(&["read"], json!(1))).status, 201);
    let acts = acts(&api);
    let tried = |done: bool| {
        let end = format!(" {done}");
        acts.iter().filter(|act| act.contains(" add_token ") && act.ends_with(&end)).count()
    };
    assert_eq!((tried(true), tried(false)), (5, 3), "{acts:#?}");
}
