//! Who is not let in, what is not read, and what is done once.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Api, Way};

const SESSION: &str = "/api/v1/session";

fn wrong_password(api: &Api, name: &str) -> crate::Answer {
    let body = json!({ "name": name, "password": "not the password" }).to_string();
    api.ask(&Way::default(), "POST", SESSION, Some(&body))
}

#[test]
fn a_session_is_a_cookie_that_no_page_reads_and_no_other_site_uses() {
    let api = Api::start();
    let (cookie, csrf) = api.sign_in("admin");
    let body = json!({ "name": "admin", "password": api.password("admin") }).to_string();
    let line = api.ask(&Way::default(), "POST", SESSION, Some(&body));
    let line = line.header("set-cookie").expect("a cookie").to_owned();
    assert!(line.starts_with("__Host-branchline="), "{line}");
    for flag in ["; Path=/", "; HttpOnly", "; Secure", "; SameSite=Strict"] {
        assert!(line.contains(flag), "{flag} in {line}");
    }
    assert!(!line.contains("Domain"), "{line}");
    // Reading needs the cookie alone; changing needs what another site cannot know.
    let read = Way(vec!["-H".to_owned(), format!("Cookie: {cookie}")]);
    assert_eq!(api.ask(&read, "GET", SESSION, None).json()["csrf"], csrf.as_str());
    api.ask(&read, "DELETE", "/api/v1/tokens/bl_00000000", None).is_problem(403, "csrf");
    let mut forged = read.clone();
    forged.0.extend(["-H".to_owned(), format!("X-CSRF-Token: {}", "0".repeat(64))]);
    api.ask(&forged, "DELETE", SESSION, None).is_problem(403, "csrf");
    let mut own = read.clone();
    own.0.extend(["-H".to_owned(), format!("X-CSRF-Token: {csrf}")]);
    assert_eq!(api.ask(&own, "DELETE", SESSION, None).status, 204);
    api.ask(&own, "GET", SESSION, None).is_problem(401, "sign-in-needed");
}

#[test]
fn guessing_is_slowed_down_and_the_console_is_never_locked_out() {
    let api = Api::start();
    for _ in 0..5 {
        wrong_password(&api, "admin").is_problem(401, "wrong-password");
    }
    let shut = wrong_password(&api, "admin");
    let since = Instant::now();
    shut.is_problem(429, "too-often");
    let wait: u64 = shut.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=4).contains(&wait), "{wait}");
    let right = json!({ "name": "admin", "password": api.password("admin") }).to_string();
    let answer = api.ask(&Way::default(), "POST", SESSION, Some(&right));
    // The right password is let in once the wait is over, which a slow machine may take for this one question.
    if since.elapsed() < Duration::from_secs(wait - 1) || answer.status == 429 {
        answer.is_problem(429, "too-often");
    }
    // Others are not hit, and whoever is at the box makes a user.
    api.sign_in("lead");
    let users = api.branch.ask(&["user", "role", "lead", "admin"]);
    assert_eq!(users["role"], "admin", "{users}");
    // A wrong name takes the same way as a wrong password.
    let nobody = wrong_password(&api, "nobody").is_problem(401, "wrong-password");
    let eve = wrong_password(&api, "audit").is_problem(401, "wrong-password");
    assert_eq!(nobody, eve);
}

#[test]
fn what_is_too_long_too_deep_or_no_json_is_refused_with_a_place() {
    let api = Api::start();
    let way = Way::token(&api.token);
    let users = "/api/v1/users";
    let file = api.branch.folder().join("long");
    std::fs::write(&file, vec![b' '; 10 << 20]).expect("a file");
    let long = format!("@{}", file.display());
    api.ask(&way, "POST", users, Some(&long)).is_problem(413, "too-long");
    let mut chunked = way.clone();
    chunked.0.extend(["-H".to_owned(), "Transfer-Encoding: chunked".to_owned()]);
    api.ask(&chunked, "POST", users, Some(&long)).is_problem(413, "too-long");
    std::fs::write(&file, "[".repeat(10_000)).expect("a file");
    api.ask(&way, "POST", users, Some(&long)).is_problem(400, "malformed");
    for body in ["{", "{\"name\":", "null", "\"x\"", "{\"name\":\"a\",\"extra\":1}", "\u{1}"] {
        let problem = api.ask(&way, "POST", users, Some(body)).is_problem(400, "malformed");
        assert_eq!(problem["at"], "body", "{body}");
    }
    let mut xml = way.clone();
    let headers = ["-H", "Content-Type: application/xml", "--data", "<a/>"];
    xml.0.extend(headers.map(str::to_owned));
    api.ask(&xml, "POST", users, None).is_problem(415, "wrong-type");
    for query in ["limit=0", "limit=abc", "after=%00", "nothing=1", "limit=1&limit=2"] {
        let path = format!("/api/v1/calls?{query}");
        api.ask(&way, "GET", &path, None).is_problem(400, "malformed");
    }
    for path in ["..", "..%2f..%2fetc%2fpasswd", "%3Cscript%3E", "%27%20OR%201=1", "*)(uid=*"] {
        let answer = api.ask(&way, "GET", &format!("/api/v1/calls/{path}"), None);
        answer.is_problem(404, "not-found");
        assert!(!answer.body.contains("<script>"), "{}", answer.body);
    }
}

/// A program that reads no answer before it has sent all there is to send, as most do.
const ALL_AND_THEN_READ: &str = r#"
import http.client, ssl, sys
host, port, certificate, token, path = sys.argv[1:]
box = http.client.HTTPSConnection(host, int(port), context=ssl.create_default_context(cafile=certificate))
box.request("POST", path, body=b" " * (10 << 20), headers={"Authorization": f"Bearer {token}"})
print(box.getresponse().status)
"#;

#[test]
fn who_sends_ten_megabytes_before_it_listens_hears_the_answer_all_the_same() {
    let api = Api::start();
    let (host, port) = api.url.trim_start_matches("https://").split_once(':').expect("a port");
    for path in
        ["/api/v1/users", "/api/v1/session", "/api/v1/nothing", "/nothing", "/chat/site/try"]
    {
        let asked = Command::new("python3")
            .args(["-c", ALL_AND_THEN_READ, host, port, &api.certificate, &api.token, path])
            .output()
            .expect("python runs");
        let told = String::from_utf8_lossy(&asked.stdout);
        let status: u16 = told
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("{path}: {told}{}", String::from_utf8_lossy(&asked.stderr)));
        assert!((400..500).contains(&status), "{path}: {status}");
        if path == "/api/v1/users" {
            assert_eq!(status, 413);
        }
    }
}

/// Answered, and kept open for as long as the box waits for whatever else they say.
const LINGERING: &str = r#"
import socket, ssl, sys
host, port, certificate = sys.argv[1:]
context = ssl.create_default_context(cafile=certificate)
context.check_hostname = False
held = []
while len(held) < 300:
    line = socket.create_connection((host, int(port)), source_address=("127.0.0.2", 0))
    try:
        line = context.wrap_socket(line)
        line.sendall(b"BAD\r\n\r\n")
        while line.recv(100):
            pass
    except OSError:
        pass
    held.append(line)
print("held", flush=True)
sys.stdin.read()
"#;

#[test]
fn who_leaves_many_connections_open_takes_no_answer_from_others() {
    let api = Api::start();
    let (host, port) = api.url.trim_start_matches("https://").split_once(':').expect("a port");
    let mut other = Command::new("python3")
        .args(["-c", LINGERING, host, port, &api.certificate])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut said = String::new();
    let out = other.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut said).expect("a line");
    assert_eq!(said, "held\n");
    let path = "/api/v1/users";
    let asked = Command::new("python3")
        .args(["-c", ALL_AND_THEN_READ, host, port, &api.certificate, &api.token, path])
        .output()
        .expect("python runs");
    drop(other.stdin.take());
    other.wait().expect("it ended");
    assert_eq!(String::from_utf8_lossy(&asked.stdout), "413\n");
}

#[test]
fn a_request_under_a_key_is_done_once() {
    let api = Api::start();
    let mut way = Way::token(&api.token);
    way.0.extend(["-H", "Idempotency-Key: 5f1c"].map(str::to_owned));
    let body = |name: &str| {
        json!({ "name": name, "role": "agent", "password": "tulips and roses" }).to_string()
    };
    let first = api.ask(&way, "POST", "/api/v1/users", Some(&body("eve")));
    assert_eq!(first.status, 201, "{}", first.body);
    let again = api.ask(&way, "POST", "/api/v1/users", Some(&body("eve")));
    assert_eq!((again.status, &again.body), (201, &first.body));
    api.ask(&way, "POST", "/api/v1/users", Some(&body("mallory"))).is_problem(409, "conflict");
    let plain = Way::token(&api.token);
    api.ask(&plain, "POST", "/api/v1/users", Some(&body("eve"))).is_problem(409, "conflict");
    let acts = api.order("GET", "/api/v1/acts", None);
    let items = acts["items"].as_array().expect("acts");
    let made: Vec<&Value> = items.iter().filter(|act| act["on"] == "eve").collect();
    assert_eq!(made.len(), 2, "once done and once refused: {acts}");
    assert!(!acts.to_string().contains("tulips"), "{acts}");
}

#[test]
fn tokens_end_and_who_asks_too_often_waits() {
    let api = Api::start();
    let way = api.new_token("supervisor", &["read"]);
    let mine = api.ask(&way, "GET", SESSION, None).json();
    assert_eq!((&mine["role"], &mine["scopes"]), (&json!("supervisor"), &json!(["read"])));
    let prefix = mine["who"]["name"].as_str().expect("text").to_owned();
    let urls = vec![format!("{}/api/v1/session", api.url); 400].join(" ");
    let listed = api.branch.folder().join("urls");
    std::fs::write(&listed, urls.replace(' ', "\n")).expect("a file");
    let mut curl = std::process::Command::new("curl");
    curl.args(["--silent", "--cacert", &api.certificate, "--write-out", "%{http_code}\\n"]);
    // From an address of its own: what is asked besides has a bucket of its own too.
    curl.args(["--interface", "127.0.0.77"]);
    let output = curl.args(&way.0).arg("-o/dev/null").args(
        std::fs::read_to_string(&listed)
            .expect("urls")
            .lines()
            .flat_map(|url| ["-o/dev/null", url]),
    );
    let output = output.output().expect("curl runs");
    let codes = String::from_utf8_lossy(&output.stdout).into_owned();
    let count = |code: &str| codes.lines().filter(|line| *line == code).count();
    assert!(count("429") > 50 && count("200") >= 150, "{} and {}", count("200"), count("429"));
    assert_eq!(count("200") + count("429"), 400);
    api.branch.until("the bucket to fill", || {
        (api.ask(&way, "GET", SESSION, None).status == 200).then_some(())
    });
    api.order("DELETE", &format!("/api/v1/tokens/{prefix}"), None);
    api.ask(&way, "GET", SESSION, None).is_problem(401, "sign-in-needed");
}

#[test]
fn health_is_told_to_anybody_and_phones_are_served_as_before() {
    let api = Api::start();
    assert_eq!(api.curl("/healthz", &[]).body, "ok\n");
    assert_eq!(api.curl("/readyz", &[]).body, "ready\n");
    assert_eq!(api.curl("/p/0123/001565aabbcc.cfg", &[]).body, "there is nothing here\n");
    let document = api.curl("/api/v1/openapi.json", &[]).json();
    assert_eq!(document["info"]["title"], "Branchline");
    let printed = api.branch.ask_text(&["openapi"]);
    assert_eq!(document, serde_json::from_str::<Value>(&printed).expect("JSON"));
}

/// The API has an address of its own; the phones' serves phones alone; and nobody runs the box from just anywhere.
const APART: &str = r#"
[sip]
udp = ["127.0.0.1:@PORT@"]
tcp = []
tls = []
[media]
port_min = @RTP_FIRST@
port_max = @RTP_LAST@
[http]
listen = ["127.0.0.1:@CARRIER@"]
[api]
listen = ["127.0.0.1:@SECOND@"]
networks = ["127.0.0.0/16", "127.9.0.0/16"]
admin_networks = ["127.9.0.0/16"]
"#;

#[test]
fn the_api_is_served_where_it_belongs_and_admins_are_where_they_may() {
    let api = Api::start_own(APART, &[]);
    let header = format!("Authorization: Bearer {}", api.token);
    let ask = |path: &str, from: &str| api.curl(path, &["-H", &header, "--interface", from]);
    assert_eq!(ask("/api/v1/status", "127.9.0.1").status, 200);
    ask("/api/v1/status", "127.0.0.5").is_problem(403, "not-allowed");
    // Others who are served may come, and those who are not are cut off before TLS.
    let lead = api.ask(
        &Way(["--interface", "127.9.0.1", "-H", &header].map(str::to_owned).to_vec()),
        "POST",
        "/api/v1/tokens",
        Some(r#"{"name":"lead","role":"supervisor","scopes":["read"]}"#),
    );
    let lead = format!("Authorization: Bearer {}", lead.json()["token"].as_str().expect("text"));
    let as_lead = |from: &str| api.curl("/api/v1/status", &["-H", &lead, "--interface", from]);
    assert_eq!(as_lead("127.0.0.5").status, 200);
    assert_eq!(as_lead("127.8.0.1").status, 0);
    // The phones' address knows nothing of the API, and the API's nothing of phones.
    let url = format!("https://127.0.0.1:{}/api/v1/status", api.branch.free + 1);
    let asked = std::process::Command::new("curl")
        .args([
            "--silent",
            "--cacert",
            &api.certificate,
            "-H",
            &header,
            "--write-out",
            "%{http_code}",
            &url,
        ])
        .output()
        .expect("curl runs");
    let told = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(told.ends_with("404") && !told.contains("problem"), "{told}");
    api.curl("/p/0123/001565aabbcc.cfg", &[]).is_problem(404, "not-found");
    assert_eq!(api.curl("/healthz", &[]).body, "ok\n");
}
