//! curl as a desk phone, and as those who would like to be one.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::branch::Branch;

const CONFIG: &str = "[sip]\nudp = [\"127.0.0.1:@PORT@\"]\ntcp = []\ntls = []\n\
    [media]\nport_min = @RTP_FIRST@\nport_max = @RTP_LAST@\n\
    [http]\nlisten = [\"127.0.0.1:@CARRIER@\"]\n\
    [provisioning]\nurl = \"https://127.0.0.1:@CARRIER@\"\n\
    [[extension]]\nnumber = \"201\"\nname = \"Ann & Bob\"\nsecret = { file = \"@DIR@/secret\" }\n\
    [[phone]]\nmac = \"00:15:65:aa:bb:cc\"\nmake = \"yealink\"\nlines = [\"201\"]\n\
    [[phone]]\nmac = \"00:04:13:aa:bb:cc\"\nmake = \"snom\"\nlines = [\"201\"]\n\
    keys = [{ kind = \"lamp\", number = \"202\", label = \"<Eve>\" }]\n";

fn branch() -> (Branch, SocketAddr) {
    let branch = Branch::run_with(CONFIG, "127.0.0.1:@PORT@", &[("secret", "tulip & rose")]);
    let https = SocketAddr::from(([127, 0, 0, 1], branch.free + 1));
    branch.until("HTTPS", || TcpStream::connect(https).ok());
    (branch, https)
}

/// curl, which proves the box by the certificate that it made for itself. Answers the status and the body.
fn curl(branch: &Branch, arguments: &[&str]) -> (u16, String) {
    let output = Command::new("curl")
        .args(["--silent", "--path-as-is", "--max-time", "20", "--write-out", "\n%{http_code}"])
        .arg("--cacert")
        .arg(branch.folder().join("data/tls/certificate.pem"))
        .args(arguments)
        .output()
        .expect("curl runs; tests/run installs it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, code) = text.rsplit_once('\n').expect("a status");
    (code.parse().expect("a number"), body.to_owned())
}

fn url(branch: &Branch, mac: &str, more: &[&str]) -> String {
    let arguments: Vec<_> = ["phone-url", mac].into_iter().chain(more.iter().copied()).collect();
    branch.ask(&arguments)["url"].as_str().expect("an address").to_owned()
}

#[test]
fn a_phone_fetches_its_configuration_and_an_admin_sees_that() {
    let (branch, _) = branch();
    let first = url(&branch, "00:15:65:aa:bb:cc", &["--once"]);
    let (status, file) = curl(&branch, &[&format!("{first}001565aabbcc.cfg")]);
    assert_eq!(status, 200, "{file}");
    assert!(file.contains("\naccount.1.password = tulip & rose\n"), "{file}");
    // The phone goes on at the address that it was told.
    let own =
        file.lines().find_map(|line| line.strip_prefix("static.auto_provision.server.url = "));
    let own = own.expect("an address of its own");
    assert_eq!(curl(&branch, &[&format!("{own}001565aabbcc.cfg")]).0, 200);
    assert_eq!(curl(&branch, &[&format!("{first}001565aabbcc.cfg")]).0, 404, "the code fits once");
    let snom = url(&branch, "00:04:13:aa:bb:cc", &[]);
    let (status, xml) = curl(&branch, &[&snom]);
    assert_eq!(status, 200);
    assert!(
        xml.contains("<user_realname idx=\"1\" perm=\"R\">Ann &amp; Bob</user_realname>"),
        "{xml}"
    );
    assert!(xml.contains("label=\"&lt;Eve&gt;\""), "{xml}");
    let phones = branch.ask(&["phones"]);
    let sheets = phones[0]["sheets"].as_array().expect("desk phones");
    assert!(sheets.iter().all(|sheet| sheet["fetched"].is_string()), "{phones}");
    assert_eq!(sheets[0]["url_command"], "branchline phone-url 001565aabbcc");
}

#[test]
fn strangers_get_nothing_by_any_way_of_asking() {
    let (branch, https) = branch();
    let own = url(&branch, "00:15:65:aa:bb:cc", &[]);
    let file = format!("{own}001565aabbcc.cfg");
    let base = format!("https://{https}");
    let asked = [
        (vec![format!("{base}/001565aabbcc.cfg")], 404),
        (vec![format!("{base}/p/{}/001565aabbcc.cfg", "0".repeat(32))], 404),
        (vec![format!("{own}000413aabbcc.xml")], 404),
        (vec![format!("{own}../../etc/passwd")], 400),
        (vec![format!("{own}..%2f..%2fetc%2fpasswd")], 400),
        (vec!["-X".to_owned(), "DELETE".to_owned(), file.clone()], 405),
        (
            vec![
                "-X".to_owned(),
                "PUT".to_owned(),
                "-d".to_owned(),
                "x".repeat(9_000),
                file.clone(),
            ],
            405,
        ),
        (vec!["-H".to_owned(), format!("X: {}", "x".repeat(20_000)), file.clone()], 431),
        (vec!["--http1.0".to_owned(), file.clone()], 200),
        (vec!["--head".to_owned(), file.clone()], 200),
    ];
    for (arguments, wanted) in asked {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let (status, body) = curl(&branch, &arguments);
        let shown: Vec<_> = arguments.iter().map(|a| a.get(..60).unwrap_or(a)).collect();
        assert_eq!(status, wanted, "{shown:?}");
        assert_eq!(body.contains("tulip"), shown.contains(&"--http1.0"), "{shown:?}");
    }
    // TLS 1.1, as bad-input table row 37 has it, and no TLS at all.
    assert_eq!(curl(&branch, &["--tls-max", "1.1", &file]).0, 0);
    assert_eq!(curl(&branch, &[&file.replace("https", "http")]).0, 0);
    for guess in 0..20 {
        curl(&branch, &[&format!("{base}/p/{guess:032}/001565aabbcc.cfg")]);
    }
    assert_eq!(curl(&branch, &[&file]).0, 429, "who guesses is not answered");
}

#[test]
fn half_open_connections_are_few_and_do_not_last() {
    let (branch, https) = branch();
    let began = Instant::now();
    let mut open: Vec<TcpStream> =
        (0..1_000).map(|_| TcpStream::connect(https).expect("the kernel takes it")).collect();
    let ended = |stream: &mut TcpStream, wait: Duration| {
        stream.set_read_timeout(Some(wait)).expect("a timeout");
        match stream.read(&mut [0; 1]) {
            Ok(count) => count == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    };
    // All but twenty are cut off at once, and those twenty once they have said nothing for ten seconds.
    branch.until("980 to be cut off", || {
        open.retain_mut(|stream| !ended(stream, Duration::from_millis(1)));
        (open.len() <= 20).then_some(())
    });
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    assert_eq!(open.len(), 20);
    branch.until("the others to be cut off", || {
        open.retain_mut(|stream| !ended(stream, Duration::from_millis(50)));
        open.is_empty().then_some(())
    });
    let silent = began.elapsed();
    assert!((9..15).contains(&silent.as_secs()), "ten seconds for the first word: {silent:?}");
    let own = url(&branch, "00:15:65:aa:bb:cc", &[]);
    assert_eq!(curl(&branch, &[&format!("{own}001565aabbcc.cfg")]).0, 200);
}

#[test]
fn a_head_that_never_ends_ends_the_connection() {
    let (branch, https) = branch();
    // openssl speaks TLS, and says one header line a second, for ever.
    let began = Instant::now();
    let mut slow = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &https.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs; tests/run installs it");
    let mut mouth = slow.stdin.take().expect("a pipe");
    mouth.write_all(b"GET / HTTP/1.1\r\n").expect("it is said");
    let mut said = Instant::now();
    branch.until("the connection to be cut off", || {
        if said.elapsed() > Duration::from_secs(1) {
            said = Instant::now();
            // Who is cut off says no more.
            let _ = mouth.write_all(b"X: y\r\n");
        }
        slow.try_wait().expect("it can be waited for")
    });
    assert!((9..20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}
