//! `branchline user`, `branchline token`, `branchline openapi`: who may use the API. What is secret is made here and goes
//! to the box as a hash: no password or token crosses the control socket.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::admin::access::{new_token, password};
use crate::admin::api::bodies::{ActLine, TokenLine, UserLine};
use crate::admin::api::document;
use crate::admin::{Command, Reply};
use crate::cli::text::{clock, columns};
use crate::cli::{ask, exit};
use crate::driver;
use crate::id::AgentId;
use crate::journal::act::{self, Role, Scope};

/// What every order takes, before or behind it.
#[derive(Debug, Args)]
pub struct Options {
    /// JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// The control socket of the box.
    #[arg(
        long,
        global = true,
        env = "BRANCHLINE_SOCKET",
        default_value = "/run/branchline/admin.sock"
    )]
    socket: PathBuf,
}

impl From<Options> for ask::Options {
    fn from(own: Options) -> ask::Options {
        ask::Options { json: own.json, socket: own.socket }
    }
}

/// What `branchline user` takes.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Make a user; the password is asked for, or read as the first line of the input.
    Add {
        /// The name to sign in with.
        name: String,
        /// agent, supervisor, admin or auditor.
        #[arg(long)]
        role: Role,
        /// The agent that they are.
        #[arg(long)]
        agent: Option<String>,
    },
    /// List users.
    List,
    /// Give a user another password; every session of theirs ends.
    Password {
        /// Whose.
        name: String,
    },
    /// Give a user another role.
    Role {
        /// Whose.
        name: String,
        /// agent, supervisor, admin or auditor.
        role: Role,
    },
    /// Say which agent a user is.
    Agent {
        /// Whose.
        name: String,
        /// The agent.
        agent: String,
    },
    /// Keep a user from signing in; every session of theirs ends.
    Disable {
        /// Whom.
        name: String,
    },
    /// Let a user sign in again.
    Enable {
        /// Whom.
        name: String,
    },
}

/// What `branchline token` takes.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token. It is shown this once.
    Add {
        /// What it is for.
        name: String,
        /// What it may do at most: agent, supervisor, admin or auditor.
        #[arg(long)]
        role: Role,
        /// And of that, these: read, calls, control, agents, recordings, people, records, admin, audit.
        #[arg(long = "scope", required = true)]
        scopes: Vec<Scope>,
        /// After so many days it ends.
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: Option<u16>,
    },
    /// List tokens.
    List,
    /// Revoke a token.
    Revoke {
        /// Its first characters, as the list shows them.
        prefix: String,
    },
}

/// Carries out `branchline user`.
pub fn user(options: &ask::Options, order: User) -> ExitCode {
    let change = |name, role, agent: Option<String>, disabled| Command::ChangeUser {
        name,
        role,
        password: None,
        agent: agent.as_deref().map(AgentId::from),
        disabled,
    };
    let command = match order {
        User::List => Command::Users,
        User::Add { name, role, agent } => match new_password(&name) {
            Err(code) => return code,
            Ok(password) => {
                let agent = agent.as_deref().map(AgentId::from);
                let password = Some(password);
                let user =
                    act::User { name, role, agent, password, disabled: false, subject: None };
                Command::AddUser { user }
            }
        },
        User::Password { name } => match new_password(&name) {
            Err(code) => return code,
            Ok(password) => Command::ChangeUser {
                name,
                role: None,
                password: Some(password),
                agent: None,
                disabled: None,
            },
        },
        User::Role { name, role } => change(name, Some(role), None, None),
        User::Agent { name, agent } => change(name, None, Some(agent), None),
        User::Disable { name } => change(name, None, None, Some(true)),
        User::Enable { name } => change(name, None, None, Some(false)),
    };
    ask::main(options, &command, ask::Form::Text)
}

/// Carries out `branchline token`.
pub fn token(options: &ask::Options, order: Token) -> ExitCode {
    let (name, role, scopes, days) = match order {
        Token::List => return ask::main(options, &Command::Tokens, ask::Form::Text),
        Token::Revoke { prefix } => {
            return ask::main(options, &Command::RevokeToken { prefix }, ask::Form::Text);
        }
        Token::Add { name, role, scopes, days } => (name, role, scopes, days),
    };
    let Some(mut random) = driver::clock::random() else {
        return exit::fail(exit::SYSTEM, "the system gives no randomness");
    };
    let made = driver::clock::now().unix;
    let (text, prefix, hash) = new_token(&mut random);
    let expires = days.map(|days| made + Duration::from_secs(u64::from(days) * 86_400));
    let token = act::Token { prefix, hash, name, role, scopes, made, expires };
    let about = TokenLine::from(&token);
    match ask::ask(&options.socket, &Command::AddToken { token }) {
        Ok(Reply::Done) => {
            let told = match options.json {
                true => serde_json::json!({ "token": text, "about": about }).to_string(),
                false => format!("{text}\nKeep it: it is not shown again."),
            };
            let _ = writeln!(io::stdout(), "{told}");
            ExitCode::SUCCESS
        }
        Ok(Reply::Refused(why) | Reply::NotReady(why)) => exit::fail(exit::REFUSED, why),
        Ok(_) => exit::fail(exit::UNAVAILABLE, "the box answered something else"),
        Err(error) => {
            let socket = options.socket.display();
            exit::fail(exit::UNAVAILABLE, format!("no box answers at {socket}: {error}"))
        }
    }
}

/// Carries out `branchline openapi`.
pub fn document() -> ExitCode {
    match document::document().to_pretty_json() {
        Ok(text) => {
            // A reader that closed the pipe early has seen what it wanted.
            let _ = writeln!(io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => exit::fail(exit::SOFTWARE, error),
    }
}

/// Asks for a password, at a terminal twice and unseen, and hashes it.
fn new_password(name: &str) -> Result<String, ExitCode> {
    let wrong = |words: &dyn std::fmt::Display| Err(exit::fail(exit::USAGE, words));
    let read = match io::stdin().is_terminal() {
        true => asked_twice(name),
        false => line(),
    };
    let text = match read {
        Ok(text) => text,
        Err(error) => return wrong(&error),
    };
    if let Err(weak) = password::check(name, &text) {
        return wrong(&weak);
    }
    let Some(mut random) = driver::clock::random() else {
        return Err(exit::fail(exit::SYSTEM, "the system gives no randomness"));
    };
    let mut salt = [0; password::SALT];
    random.fill(&mut salt);
    password::hash(&text, &salt)
        .ok_or_else(|| exit::fail(exit::SYSTEM, "there is no memory to hash a password"))
}

fn asked_twice(name: &str) -> io::Result<String> {
    use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
    let terminal = io::stdin();
    let before = tcgetattr(&terminal)?;
    let mut unseen = before.clone();
    unseen.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &unseen)?;
    let ask = |words: &str| {
        eprint!("{words}");
        let text = line();
        eprintln!();
        text
    };
    let first = ask(&format!("Password for {name}: "));
    let second = ask("Once more: ");
    tcsetattr(&terminal, SetArg::TCSAFLUSH, &before)?;
    let (first, second) = (first?, second?);
    if first == second { Ok(first) } else { Err(io::Error::other("these are two passwords")) }
}

/// The first line of the input, without its end.
fn line() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().take(4_096).read_line(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Users for a terminal.
pub fn user_table(users: &[UserLine]) -> String {
    let rows = users.iter().map(|user| {
        let state = match (user.disabled, user.has_password) {
            (true, _) => "disabled",
            (false, true) => "",
            (false, false) => "no password",
        };
        let agent = user.agent.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![user.name.clone(), user.role.to_string(), agent, state.to_owned()]
    });
    let empty = "there is no user: `branchline user add NAME --role admin` makes one";
    columns(&["USER", "ROLE", "AGENT", "STATE"], rows, empty)
}

/// Tokens for a terminal.
pub fn token_table(tokens: &[TokenLine]) -> String {
    let rows = tokens.iter().map(|token| {
        let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.name()).collect();
        vec![
            token.prefix.clone(),
            token.name.clone(),
            token.role.to_string(),
            scopes.join(" "),
            clock(token.made),
            token.expires.map(clock).unwrap_or_else(|| "never".to_owned()),
        ]
    });
    let heads = ["TOKEN", "FOR", "ROLE", "SCOPES", "MADE UTC", "ENDS UTC"];
    columns(&heads, rows, "there is no token: `branchline token add` makes one")
}

/// Acts for a terminal.
pub fn act_table(acts: &[ActLine]) -> String {
    let rows = acts.iter().map(|act| {
        vec![
            clock(act.at),
            act.who.to_string(),
            act.from.map(|from| from.to_string()).unwrap_or_default(),
            act.what.clone(),
            act.on.clone().unwrap_or_default(),
            if act.done { "" } else { "refused" }.to_owned(),
        ]
    });
    columns(&["AT UTC", "WHO", "FROM", "WHAT", "ON", ""], rows, "nobody has done anything yet")
}
