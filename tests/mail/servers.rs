//! Postfix and Dovecot in a folder of their own, for the hosts `branch.test` and `shop.test`.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything here may take.
pub const SOON: Duration = Duration::from_secs(60);
/// The password of every account.
pub const PASSWORD: &str = "secret";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Both servers. They are stopped when this is dropped.
pub struct Servers {
    pub folder: PathBuf,
    /// SMTP as other servers speak it, in clear.
    pub incoming: u16,
    /// SMTP for the box, over TLS.
    pub submission: u16,
    /// The same, where TLS is begun.
    pub starting: u16,
    /// IMAP over TLS.
    pub imap: u16,
    /// Asks this port what to do at the end of each letter, and with each recipient, that is handed over by the box.
    pub policy: Option<(u16, &'static str)>,
}

impl Servers {
    pub fn start() -> Servers {
        Servers::start_with(None)
    }

    pub fn start_with(policy: Option<(u16, &'static str)>) -> Servers {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("branchline-post-{}-{number}", std::process::id()));
        let _ = Command::new("rm").arg("-rf").arg(&folder).status();
        for part in ["queue", "data", "run", "state", "mail", "etc"] {
            fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("its own folder");
        let ports: Vec<_> =
            (0..4).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let port = |n: usize| ports[n].local_addr().expect("bound").port();
        let servers = Servers {
            folder,
            incoming: port(0),
            submission: port(1),
            starting: port(2),
            imap: port(3),
            policy,
        };
        drop(ports);
        servers.identity();
        for (name, text) in [
            ("dovecot.conf", servers.dovecot_conf()),
            ("etc/main.cf", servers.main_cf()),
            ("etc/master.cf", servers.master_cf()),
        ] {
            fs::write(servers.folder.join(name), text).expect("a file");
        }
        root("chown", &["postfix", &servers.path("data")]);
        root("chown", &["mail", &servers.path("mail")]);
        servers.start_dovecot();
        servers.start_postfix();
        servers
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn identity(&self) {
        let made = rcgen::generate_simple_self_signed(vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
        ]);
        let made = made.expect("a certificate");
        fs::write(self.folder.join("cert.pem"), made.cert.pem()).expect("a file");
        fs::write(self.folder.join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
    }

    fn dovecot_conf(&self) -> String {
        let folder = self.folder.display();
        let Servers { imap, .. } = self;
        format!(
            "base_dir = {folder}/run\nstate_dir = {folder}/state\nlog_path = {folder}/dovecot.log\n\
             protocols = imap lmtp\nlisten = 127.0.0.1\nssl = required\n\
             ssl_cert = <{folder}/cert.pem\nssl_key = <{folder}/key.pem\n\
             mail_location = maildir:~/Maildir\nfirst_valid_uid = 1\nrecipient_delimiter = +\n\
             auth_mechanisms = plain login\n\
             passdb {{\n driver = static\n args = password={PASSWORD}\n}}\n\
             userdb {{\n driver = static\n args = uid=mail gid=mail home={folder}/mail/%u allow_all_users=yes\n}}\n\
             service imap-login {{\n chroot =\n inet_listener imap {{\n port = 0\n }}\n\
             inet_listener imaps {{\n port = {imap}\n ssl = yes\n }}\n}}\n\
             service anvil {{\n chroot =\n}}\n\
             service lmtp {{\n unix_listener {folder}/lmtp {{\n mode = 0666\n }}\n}}\n\
             service auth {{\n unix_listener {folder}/auth {{\n mode = 0666\n }}\n}}\n\
             namespace inbox {{\n inbox = yes\n mailbox Kept {{\n auto = create\n }}\n}}\n"
        )
    }

    fn main_cf(&self) -> String {
        let (folder, incoming) = (self.folder.display(), self.incoming);
        format!(
            "compatibility_level = 3.6\nqueue_directory = {folder}/queue\ndata_directory = {folder}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
             mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = mail.branch.test\nmydestination =\n\
             alias_maps =\nalias_database =\nlocal_recipient_maps =\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.1/32\n\
             recipient_delimiter = +\nvirtual_mailbox_domains = branch.test, shop.test\n\
             virtual_mailbox_maps = inline:{{ support@branch.test=x, ann@shop.test=x, bob@shop.test=x }}\n\
             virtual_transport = lmtp:unix:{folder}/lmtp\n\
             relay_domains = gone.test\ntransport_maps = inline:{{ gone.test=smtp:[127.0.0.1]:{incoming} }}\n\
             smtpd_tls_cert_file = {folder}/cert.pem\nsmtpd_tls_key_file = {folder}/key.pem\n\
             smtpd_sasl_type = dovecot\nsmtpd_sasl_path = {folder}/auth\n\
             smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination\n\
             smtpd_peername_lookup = no\nsmtp_dns_support_level = disabled\n\
             smtpd_policy_service_timeout = 60s\n\
             maillog_file = {folder}/postfix.log\nmaillog_file_prefixes = {folder}\n\
             minimal_backoff_time = 1s\nmaximal_backoff_time = 1s\nqueue_run_delay = 1s\n\
             transport_retry_time = 1s\nservice_throttle_time = 1s\n"
        )
    }

    fn master_cf(&self) -> String {
        let Servers { incoming, submission, starting, .. } = self;
        let asks = self.policy.map_or_else(String::new, |(port, at)| {
            format!(" -o {at}=check_policy_service,inet:127.0.0.1:{port}")
        });
        let sasl = format!("-o smtpd_sasl_auth_enable=yes{asks}");
        let plain = |(name, process)| format!("{name} unix - - n - - {process}\n");
        let own = ["proxymap", "smtp", "error", "retry", "discard", "lmtp"];
        let rest = own
            .map(|name| (name, name))
            .into_iter()
            .chain([("relay", "smtp"), ("rewrite", "trivial-rewrite")]);
        let rest: String = rest.map(plain).collect();
        let single = ["verify", "anvil", "scache"]
            .map(|name| format!("{name} unix - - n - 1 {name}\n"))
            .concat();
        let bounce = ["bounce", "defer", "trace"]
            .map(|name| format!("{name} unix - - n - 0 bounce\n"))
            .concat();
        format!(
            "127.0.0.1:{incoming} inet n - n - - smtpd\n\
             127.0.0.1:{submission} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes {sasl}\n\
             127.0.0.1:{starting} inet n - n - - smtpd -o smtpd_tls_security_level=encrypt {sasl}\n\
             cleanup unix n - n - 0 cleanup\nqmgr unix n - n 1 1 qmgr\n\
             tlsmgr unix - - n 1000? 1 tlsmgr\nflush unix n - n 1000? 0 flush\n\
             postlog unix-dgram n - n - 1 postlogd\n{single}{bounce}{rest}"
        )
    }

    pub fn start_dovecot(&self) {
        root("dovecot", &["-c", &self.path("dovecot.conf")]);
    }

    pub fn stop_dovecot(&self) {
        root("dovecot", &["-c", &self.path("dovecot.conf"), "stop"]);
    }

    pub fn start_postfix(&self) {
        root("postfix", &["-c", &self.path("etc"), "start"]);
    }

    pub fn stop_postfix(&self) {
        root("postfix", &["-c", &self.path("etc"), "stop"]);
    }

    /// Kills every process of Postfix' that speaks SMTP with somebody at this moment.
    pub fn kill_smtpd(&self) {
        let master = fs::read_to_string(self.folder.join("queue/pid/master.pid")).expect("it runs");
        let found = Command::new("pgrep")
            .args(["-P", master.trim(), "-x", "smtpd"])
            .output()
            .expect("pgrep");
        for process in String::from_utf8_lossy(&found.stdout).split_whitespace() {
            root("kill", &["-9", process]);
        }
    }

    /// Somebody sends a letter with their own program.
    pub fn swaks(&self, from: &str, to: &str, letter: &str) {
        let server = format!("127.0.0.1:{}", self.incoming);
        let mut swaks = Command::new("swaks")
            .args(["--server", &server, "--from", from, "--to", to, "--ehlo", "shop.test"])
            .args(["--silent", "2", "--data", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("swaks");
        swaks.stdin.take().expect("a pipe").write_all(letter.as_bytes()).expect("taken");
        assert!(swaks.wait().expect("an end").success(), "{to}\n{}", self.log());
    }

    /// What is in somebody's mailbox, new and read.
    pub fn letters(&self, account: &str) -> Vec<String> {
        let folders = ["new", "cur"]
            .map(|name| self.folder.join("mail").join(account).join("Maildir").join(name));
        let files = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        let mut files: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        files.sort();
        files
            .iter()
            .map(|file| String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned())
            .collect()
    }

    /// The marks of the letters in a folder of somebody's mailbox, as Maildir writes them: `S` for one that is read.
    pub fn marks(&self, account: &str, folder: &str) -> Vec<String> {
        let all = fs::read_dir(
            self.folder.join("mail").join(account).join("Maildir").join(folder).join("cur"),
        );
        let names =
            all.into_iter().flatten().filter_map(|file| file.ok()?.file_name().into_string().ok());
        names.map(|name| name.rsplit(",").next().unwrap_or_default().to_owned()).collect()
    }

    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        format!("{}{}", read("postfix.log"), read("dovecot.log"))
    }

    /// Waits until `look` finds something.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let end = Instant::now() + SOON;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < end, "{what} did not come\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for (program, arguments) in [
            ("postfix", ["-c", &self.path("etc"), "stop"]),
            ("dovecot", ["-c", &self.path("dovecot.conf"), "stop"]),
        ] {
            let _ = as_root(program, &arguments).status();
        }
        let _ = as_root("rm", &["-rf", &self.folder.display().to_string()]).status();
    }
}

/// A program that must succeed. Postfix' master gives its own rights away and has to have them first.
fn root(program: &str, arguments: &[&str]) {
    let status = as_root(program, arguments).status().expect(program);
    assert!(status.success(), "{program} {arguments:?}");
}

fn as_root(program: &str, arguments: &[&str]) -> Command {
    let place =
        ["/usr/sbin", "/usr/bin", "/bin"].iter().map(|folder| Path::new(folder).join(program));
    let found = place.into_iter().find(|path| path.exists()).unwrap_or_else(|| program.into());
    let own = fs::metadata("/proc/self").expect("it runs").uid();
    let mut command = match own == 0 {
        true => Command::new(found),
        false => {
            let mut sudo = Command::new("sudo");
            sudo.arg("-n").arg(found);
            sudo
        }
    };
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
