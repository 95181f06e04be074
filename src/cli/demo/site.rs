//! The demo's site: its configuration, its passwords, and how it is shown to people and scripts.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::admin::{Command, access};
use crate::cli::ask;
use crate::cli::demo::texts::Sim;
use crate::cli::uplink::enrol_in;
use crate::driver::simulated::Plugged;
use crate::driver::uplink::is_enrolled;
use crate::driver::{Running, clock};
use crate::id::AgentId;
use crate::journal::act::{Role, Scope, Token, User};
use crate::sms::simulated::Make;
use crate::uplink::token;

/// The extensions of the demo and what they are for.
const ACCOUNTS: [(&str, &str); 3] = [("201", "reception"), ("202", "agent"), ("203", "agent")];
/// Users of the API: one of each role, of whom the agent is the one who sits at 202.
const USERS: [(&str, Role); 4] = [
    ("admin", Role::Admin),
    ("lead", Role::Supervisor),
    ("ann", Role::Agent),
    ("audit", Role::Auditor),
];
/// HTTPS is this far above the SIP port.
const HTTPS_OFFSET: u16 = 2;
/// RTP ports begin this far above the SIP port.
const RTP_OFFSET: u16 = 100;
/// The simulated carrier takes calls this far above the SIP port.
const CARRIER_OFFSET: u16 = 5;
/// RTP ports of the demo: 200 legs.
const RTP_PORTS: u16 = 400;
/// The configuration, with holes for what differs.
const CONFIG: &str = include_str!("gateway.toml");

/// A site on the disk, ready to be started.
#[derive(Debug)]
pub struct Site {
    /// Its configuration file.
    pub config: PathBuf,
    /// Where SIP over UDP is spoken.
    pub sip: SocketAddr,
    folder: PathBuf,
    temporary: bool,
    passwords: Vec<(String, String)>,
    port_base: u16,
}

/// Writes the site into `folder`, or into a new temporary one. A `gateway.toml` that is there already is kept as it is.
pub fn prepare(folder: Option<&Path>, port_base: u16) -> io::Result<Site> {
    let temporary = folder.is_none();
    let folder = match folder {
        Some(folder) => {
            fs::create_dir_all(folder)?;
            folder.canonicalize()?
        }
        None => new_folder()?,
    };
    own(&folder.join("secrets"))?;
    let passwords = passwords(&folder)?;
    let sip = SocketAddr::from((Ipv4Addr::LOCALHOST, port_base));
    let config = folder.join("gateway.toml");
    match fs::read_to_string(&config) {
        Ok(text) if text.contains(&format!("\"{sip}\"")) => {}
        Ok(_) => {
            let told = format!(
                "{} does not listen on {sip}: start with the --port-base it was made with",
                config.display()
            );
            return Err(io::Error::other(told));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&config)?;
            io::Write::write_all(&mut file, text(&folder, port_base).as_bytes())?;
        }
        Err(error) => return Err(error),
    }
    Ok(Site { config, sip, folder, temporary, passwords, port_base })
}

impl Site {
    /// Tells a hub what happens here from now on. A folder that was enrolled before needs no token.
    ///
    /// # Errors
    /// When the hub does not let it in, or the configuration cannot be written.
    pub fn enrol(&self, hub: &str, token: Option<&token::Token>) -> Result<(), String> {
        let text = fs::read_to_string(&self.config).map_err(|error| error.to_string())?;
        if !text.contains("\n[uplink]\n") {
            let section = format!("{text}\n[uplink]\nhub = [{hub:?}]\n");
            fs::write(&self.config, section).map_err(|error| error.to_string())?;
        }
        let data = self.folder.join("data");
        match token {
            Some(token) => enrol_in((&data, &self.config), hub, token)
                .map(|_| ())
                .map_err(|why| why.to_string()),
            None if is_enrolled(&data) => Ok(()),
            None => Err("give --token, as `branchline hub token SITE` prints it".to_owned()),
        }
    }
}

/// The demo's configuration.
fn text(folder: &Path, port_base: u16) -> String {
    CONFIG
        .replace("@DIR@", &folder.display().to_string())
        .replace("@SIP@", &port_base.to_string())
        .replace("@CARRIER@", &(port_base + CARRIER_OFFSET).to_string())
        .replace("@TLS@", &(port_base + 1).to_string())
        .replace("@HTTPS@", &(port_base + HTTPS_OFFSET).to_string())
        .replace("@RTP_FIRST@", &(port_base + RTP_OFFSET).to_string())
        .replace("@RTP_LAST@", &(port_base + RTP_OFFSET + RTP_PORTS - 1).to_string())
}

/// A new folder of our own: one that somebody else has made, with files of his choice in it, is never taken.
fn new_folder() -> io::Result<PathBuf> {
    let mut random = randomness()?;
    let folder = std::env::temp_dir().join(format!("branchline-demo-{}", random.hex(8)));
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    folder.canonicalize()
}

fn own(folder: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

fn randomness() -> io::Result<crate::random::Random> {
    clock::random().ok_or_else(|| io::Error::other("the system gave no randomness"))
}

/// Each account's password: made once, kept in a file that only its owner reads.
fn passwords(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut random = randomness()?;
    let phones = ACCOUNTS.iter().map(|(user, _)| (*user).to_owned());
    let users = USERS.iter().map(|(name, _)| format!("user-{name}"));
    phones
        .chain(users)
        .chain(["token".to_owned()])
        .map(|name| {
            let path = folder.join("secrets").join(&name);
            if !path.exists() {
                let secret = match name.as_str() {
                    "token" => access::new_token(&mut random).0,
                    _ => random.hex(8),
                };
                let mut options = fs::OpenOptions::new();
                let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
                io::Write::write_all(&mut file, secret.as_bytes())?;
            }
            Ok((name, fs::read_to_string(&path)?.trim().to_owned()))
        })
        .collect()
}

impl Site {
    /// An account's password; empty for an account that does not exist.
    pub fn password(&self, user: &str) -> &str {
        self.passwords.iter().find(|(name, _)| name == user).map_or("", |(_, password)| password)
    }

    /// Where HTTPS is spoken.
    fn https(&self) -> SocketAddr {
        SocketAddr::new(self.sip.ip(), self.port_base + HTTPS_OFFSET)
    }

    /// Makes the users and the token, unless an earlier demo in this folder has: what was made there is kept.
    pub fn make_users(&self, socket: &Path) -> io::Result<()> {
        let mut random = randomness()?;
        let agents = |name: &str| (name == "ann").then(|| AgentId::from("ann"));
        for (name, role) in USERS {
            let mut salt = [0; access::password::SALT];
            random.fill(&mut salt);
            let password = self.password(&format!("user-{name}"));
            let password = access::password::hash(password, &salt);
            let agent = agents(name);
            let (name, disabled, subject) = (name.to_owned(), false, None);
            let user = User { name, role, agent, password, disabled, subject };
            // A refusal means that there is one.
            ask::ask(socket, &Command::AddUser { user })?;
        }
        let token = self.password("token");
        let token = Token {
            prefix: token.get(..access::PREFIX).unwrap_or_default().to_owned(),
            hash: access::hash_token(token),
            name: "demo".to_owned(),
            role: Role::Admin,
            scopes: Scope::ALL.to_vec(),
            made: clock::now().unix,
            expires: None,
        };
        ask::ask(socket, &Command::AddToken { token }).map(|_| ())
    }

    /// A simulated modem at a port in the demo's folder. Nothing: the system has no pseudo terminal left, and the rest of
    /// the demo needs none.
    pub fn plug_in_modem(&self) -> Option<Plugged> {
        Plugged::new(&self.folder.join("modem"), Make::default()).ok()
    }

    /// The branch's own SIM.
    pub fn plug_in_sim(&self) -> Option<Sim> {
        Sim::new(&self.folder.join("sim"), &self.folder.join("texts")).ok()
    }

    /// One line of JSON for scripts.
    pub fn describe(
        &self,
        running: &Running,
        modem: Option<&Plugged>,
        sim: Option<&Sim>,
    ) -> String {
        let accounts: Vec<_> = ACCOUNTS
            .iter()
            .map(|(user, role)| {
                serde_json::json!({ "user": user, "password": self.password(user), "role": role })
            })
            .collect();
        let users: Vec<_> = USERS
            .iter()
            .map(|(name, role)| {
                let password = self.password(&format!("user-{name}"));
                serde_json::json!({ "name": name, "password": password, "role": role.name() })
            })
            .collect();
        serde_json::json!({
            "ready": true,
            "sip": {
                "udp": self.sip.to_string(),
                "tcp": self.sip.to_string(),
                "tls": SocketAddr::new(self.sip.ip(), self.port_base + 1).to_string(),
            },
            "https": self.https().to_string(),
            "certificate": self.folder.join("data/tls/certificate.pem").display().to_string(),
            "users": users,
            "token": self.password("token"),
            "chat": format!("https://{}/chat/site/try", self.https()),
            "modem": modem.map(|modem| modem.port().display().to_string()),
            "texts": sim.map(|sim| sim.pipe().display().to_string()),
            "accounts": accounts,
            "inbound_numbers": ["+15550100", "+15550101"],
            "socket": running.socket().display().to_string(),
            "dir": self.folder.display().to_string(),
            "pid": std::process::id(),
        })
        .to_string()
    }

    /// What to try next, for a person.
    pub fn tour(&self, running: &Running, modem: Option<&Plugged>, sim: Option<&Sim>) -> String {
        let mut out = String::new();
        let (sip, tls) = (self.sip, self.port_base + 1);
        let socket = running.socket().display();
        let (https, token) = (self.https(), self.password("token"));
        for (name, role) in USERS {
            let password = self.password(&format!("user-{name}"));
            let _ = writeln!(out, "  user    {name:<5} password {password}  {role}");
        }
        let _ = writeln!(out, "  token   {token}");
        let program = std::env::current_exe().unwrap_or_else(|_| "branchline".into());
        let program = program.display();
        let _ =
            writeln!(out, "\nThe branch stays up. SIP on {sip} (udp, tcp) and port {tls} (tls).\n");
        for (user, role) in ACCOUNTS {
            let _ = writeln!(out, "  account {user}  password {}  {role}", self.password(user));
        }
        if let Some(modem) = modem {
            let port = modem.port().display();
            let _ = writeln!(out, "  modem   {port}  simulated; speaks AT to any program");
        }
        if let Some(sim) = sim {
            let pipe = sim.pipe().display();
            let _ = writeln!(
                out,
                "  texts   write to the branch's SIM: echo '+14085551200 Is it ready?' > {pipe}\n\
                 \x20         answer: {program} modems shows the SIM; POST /api/v1/messages on channel \"sim\""
            );
        }
        let _ = write!(
            out,
            "\nTry, with a softphone on this machine:\n\
             \x20 register 202 and dial *41        sign in to the queues (*42 out, *43 pause, *44 resume)\n\
             \x20 register 201 and dial 500        the IVR: press 1, and 202 rings\n\
             \x20 dial 600                         an echo of yourself\n\
             \x20 dial 700                         the support queue\n\
             \n\
             Or call in as the carrier, from 127.0.0.1, to +15550100:\n\
             \x20 sipp -sn uac -s +15550100 {sip} -m 1\n\
             \n\
             Or in a browser, which must be told once to trust this box's own certificate:\n\
             \x20 https://{https}/desk   as ann; /watch as lead, /admin as admin\n\
             \x20 https://{https}/chat/site/try   a page with the chat: ann is asked to answer\n\
             \n\
             Look inside:\n\
             \x20 export BRANCHLINE_SOCKET={socket}\n\
             \x20 {program} status\n\
             \x20 {program} calls\n\
             \x20 curl -k -H 'Authorization: Bearer {token}' https://{https}/api/v1/status\n\
             \x20 {program} route 95550123 --from 201 -c {}\n\
             \n\
             Ctrl-C ends it.\n",
            self.config.display()
        );
        out
    }

    /// Removes a temporary folder.
    pub fn clean_up(&self) {
        if self.temporary {
            // What cannot be removed stays in the system's temporary folder, where it does no harm.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
