//! `branchline setup`: sets a box up from a site sheet, or says which line of it is wrong; makes the set-up code; puts a network
//! in force. The pages do the same by other ways; what a sheet makes stands in [`appliance::site`](crate::appliance::site).

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::admin::access::password;
use crate::admin::configuring::{ConfigOrder, ConfigRefused, ConfigReply, NewConfig};
use crate::admin::{Command, Reply};
use crate::appliance::site::{Admin, Card, Password, made};
use crate::appliance::trouble::is_own;
use crate::cli::{ask, check, exit, look};
use crate::config::Problem;
use crate::config::sheet::LONGEST;
use crate::driver::site::{Beside, Plan, put, request};
use crate::driver::{self, clock};
use crate::journal::act::{Role, User};

/// Where systemd-networkd reads what holds until the next start.
const NETWORKS: &str = "/run/systemd/network";

/// What it takes.
#[derive(Debug, Args)]
pub struct Setup {
    /// The site sheet; `-` for the input.
    file: Option<PathBuf>,
    /// Only say what is wrong with it, or what it would make.
    #[arg(long)]
    check: bool,
    /// Set up a box that is set up already. Passwords of phones that it has stay as they are.
    #[arg(long, conflicts_with = "check")]
    again: bool,
    /// Write what is printed to this file too, without passwords.
    #[arg(long)]
    result: Option<PathBuf>,
    /// How it was come by, for whoever reads the history.
    #[arg(long, default_value = "site sheet", hide = true)]
    by: String,
    /// The configuration file.
    #[arg(short, long, global = true, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
    /// The control socket of the box.
    #[arg(long, env = "BRANCHLINE_SOCKET", default_value = "/run/branchline/admin.sock")]
    socket: PathBuf,
    #[command(subcommand)]
    order: Option<Order>,
}

/// What root's units ask for.
#[derive(Debug, Subcommand)]
enum Order {
    /// Make the set-up code, where there is none yet.
    #[command(hide = true)]
    Code,
    /// As root: write what the sheet says of the network for systemd-networkd.
    #[command(
        after_help = "Example: branchline setup network --to /etc/systemd/network && networkctl reload"
    )]
    Network {
        /// Where the system's cards are.
        #[arg(long, default_value = "/sys/class/net")]
        cards: PathBuf,
        /// Where it is written.
        #[arg(long, default_value = NETWORKS)]
        to: PathBuf,
    },
    /// As root: link the branch's time zone to where the system looks for it, and say so where it was another.
    #[command(hide = true)]
    Zone {
        /// The link.
        #[arg(long, default_value = "/run/branchline-localtime")]
        to: PathBuf,
        /// Where the system's zones are.
        #[arg(long, default_value = "/usr/share/zoneinfo")]
        zones: PathBuf,
    },
}

/// Does it, says so, and gives the exit code.
pub fn main(asked: &Setup) -> ExitCode {
    let beside = Beside::new(&asked.config);
    match (&asked.order, &asked.file) {
        (Some(Order::Code), _) => code(&beside),
        (Some(Order::Network { cards, to }), _) => network(&beside, cards, to),
        (Some(Order::Zone { to, zones }), _) => zone(&asked.config, to, zones),
        (None, Some(file)) => told(asked, sheet(asked, &beside, file)),
        (None, None) => exit::fail(exit::USAGE, "which site sheet? `branchline setup site.toml`"),
    }
}

/// What is said on the terminal, and what of it may stand on a stick.
struct Said {
    terminal: String,
    stick: String,
    code: u8,
}

impl Said {
    fn wrong(code: u8, words: impl std::fmt::Display) -> Said {
        let text = format!("NOT set up: {words}\n");
        Said { terminal: text.clone(), stick: text, code }
    }
}

fn told(asked: &Setup, said: Said) -> ExitCode {
    match said.code {
        0 => print!("{}", said.terminal),
        _ => eprint!("{}", said.terminal),
    }
    if let Some(path) = &asked.result
        // A stick reads as a window would show it, whoever opens it.
        && let Err(error) = fs::write(path, said.stick.replace('\n', "\r\n"))
    {
        eprintln!("branchline: {}: {error}", path.display());
    }
    ExitCode::from(said.code)
}

fn sheet(asked: &Setup, beside: &Beside, file: &Path) -> Said {
    if !asked.check && !asked.again && beside.is_set_up() {
        let words = "this box is set up already: a factory reset on its console makes it new, --again takes the sheet all the same";
        return Said::wrong(exit::REFUSED, words);
    }
    let text = match read(file) {
        Ok(text) => text,
        Err(error) => return Said::wrong(exit::NO_INPUT, format!("{}: {error}", file.display())),
    };
    let name = if file == Path::new("-") { Path::new("site.toml") } else { file };
    let name = name.file_name().map_or(name, Path::new);
    let plan = match beside.plan(name, &text, own_url()) {
        Ok(plan) => plan,
        Err(problems) => return mistakes(&problems),
    };
    if asked.check {
        let text = format!("{}: good\n{}", name.display(), summary(&plan));
        return Said { terminal: text.clone(), stick: text, code: 0 };
    }
    match carry_out(asked, beside, &plan) {
        Ok(phones) => {
            let stick = format!("The box is set up.\n{}{}", summary(&plan), cards(&plan));
            let terminal =
                format!("{stick}\nFor the phones, shown once:\n{}", passwords(&plan, &phones));
            Said { terminal, stick, code: 0 }
        }
        Err((code, words)) => Said::wrong(code, words),
    }
}

fn mistakes(problems: &[Problem]) -> Said {
    let text = format!("NOT set up: nothing was changed.\n\n{}", check::problems(problems));
    Said { terminal: text.clone(), stick: text, code: exit::CONFIG }
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let source: Box<dyn Read> = match file == Path::new("-") {
        true => Box::new(io::stdin()),
        false => Box::new(fs::File::open(file)?),
    };
    source.take(LONGEST as u64 + 1).read_to_string(&mut text)?;
    if text.len() > LONGEST {
        return Err(io::Error::other(format!("longer than the {LONGEST} bytes of a sheet")));
    }
    // Some editors begin a file with a mark of its encoding.
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

type Failed = (u8, String);

/// Secrets first, so that the configuration finds them; the mark last, so that what was cut off in between is done again.
fn carry_out(
    asked: &Setup,
    beside: &Beside,
    plan: &Plan,
) -> Result<Vec<(String, Password)>, Failed> {
    let io = |error: io::Error| (exit::IO, error.to_string());
    let phones = beside.write_secrets(&plan.made).map_err(io)?;
    if let Some(admin) = &plan.sheet.admin {
        let hash =
            hashed(&admin.password).ok_or((exit::SYSTEM, "no memory for a password".to_owned()))?;
        enter(&asked.socket, admin, hash)?;
    }
    configure(&asked.socket, plan, &asked.by)?;
    beside.ask_for_network(&plan.made.network).map_err(io)?;
    beside.mark(&asked.by).map_err(io)?;
    beside.forget_code().map_err(io)?;
    Ok(phones)
}

fn hashed(password: &Password) -> Option<String> {
    let mut salt = [0; password::SALT];
    clock::random()?.fill(&mut salt);
    password::hash(password.reveal(), &salt)
}

fn enter(socket: &Path, admin: &Admin, hash: String) -> Result<(), Failed> {
    let name = admin.user.clone();
    let (role, password) = (Role::Admin, Some(hash));
    let new = Command::AddUser {
        user: User {
            name: name.clone(),
            role,
            agent: None,
            password: password.clone(),
            disabled: false,
            subject: None,
        },
    };
    match heard(socket, &new)? {
        Reply::Done | Reply::User(_) => return Ok(()),
        Reply::Refused(_) | Reply::Conflict(_) => {}
        _ => {
            return Err((exit::UNAVAILABLE, "the box did not make the admin's account".to_owned()));
        }
    }
    // There is one of this name from an earlier try.
    let change = Command::ChangeUser {
        name,
        role: Some(role),
        password,
        agent: None,
        disabled: Some(false),
    };
    match heard(socket, &change)? {
        Reply::Done | Reply::User(_) => Ok(()),
        Reply::Refused(why) | Reply::NotReady(why) | Reply::Conflict(why) => {
            Err((exit::REFUSED, why))
        }
        _ => Err((exit::UNAVAILABLE, "the box did not make the admin's account".to_owned())),
    }
}

fn heard(socket: &Path, command: &Command) -> Result<Reply, Failed> {
    ask::ask(socket, command).map_err(|error| {
        let words = format!(
            "the box does not answer ({error}); what to do: `systemctl restart branchline`"
        );
        (exit::UNAVAILABLE, words)
    })
}

/// Applied and confirmed at once: there is no earlier configuration that somebody would want back.
fn configure(socket: &Path, plan: &Plan, by: &str) -> Result<(), Failed> {
    let order = |order| match heard(socket, &Command::Config { order })? {
        Reply::Config(reply) => Ok(*reply),
        _ => Err((exit::UNAVAILABLE, "the box answered something else".to_owned())),
    };
    let text = plan.made.configuration.clone();
    let new = NewConfig { text, why: format!("set up by {by}"), confirm_within_s: None };
    match order(ConfigOrder::Apply { new, seen: None })? {
        ConfigReply::Refused(ConfigRefused::Same) => return Ok(()),
        ConfigReply::Refused(why) => return Err((exit::REFUSED, super::config::refusal(&why))),
        ConfigReply::Applied(applied) => {
            if let ConfigReply::Refused(why) = order(ConfigOrder::Confirm)? {
                return Err((exit::REFUSED, super::config::refusal(&why)));
            }
            if applied.changes.iter().any(|change| !change.live) {
                // No call is up before the first day: it begins anew at once.
                heard(socket, &Command::Restart)?;
            }
        }
        _ => return Err((exit::UNAVAILABLE, "the box answered something else".to_owned())),
    }
    Ok(())
}

/// What a plan comes to, for people: nothing in it is secret.
pub fn summary(plan: &Plan) -> String {
    let (sheet, made) = (&plan.sheet, &plan.made);
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {name:<9} {value}");
    };
    let place = &sheet.site;
    row("site", format!("{}, {}, {}", place.name.trim(), place.country, place.time_zone));
    let custom = made::kept(&place.country);
    let days = |days: u32| if days == 0 { "for ever".to_owned() } else { format!("{days} days") };
    row(
        "keeps",
        format!(
            "recordings {}, people {}",
            days(place.keep_recordings.unwrap_or(custom.recordings)),
            days(place.keep_people.unwrap_or(custom.people))
        ),
    );
    row(
        "network",
        card(&made.network.lan)
            + &made
                .network
                .wan
                .as_ref()
                .map_or(String::new(), |wan| format!("; the carrier's line: {}", card(wan))),
    );
    row(
        "trunk",
        sheet.trunk.as_ref().map_or(
            "none: nobody calls in or out, and help cannot be called".to_owned(),
            |line| {
                format!(
                    "{}; {}",
                    line.servers.join(", "),
                    if line.numbers.is_empty() {
                        "no numbers".to_owned()
                    } else {
                        line.numbers.join(", ")
                    }
                )
            },
        ),
    );
    let digit = sheet.phones.outside.as_deref().unwrap_or(made::outside(&place.country));
    let (first, last) = (made.phones.first(), made.phones.last());
    let numbers = |phone: Option<&crate::appliance::site::Phone>| {
        phone.map(|p| p.number.clone()).unwrap_or_default()
    };
    row(
        "phones",
        format!(
            "{}: {} to {}; an outside line with {}",
            made.phones.len(),
            numbers(first),
            numbers(last),
            if digit.is_empty() { "nothing" } else { digit }
        ),
    );
    if let Some(modem) = &sheet.modem {
        row("modem", modem.port.clone());
    }
    row(
        "backup",
        sheet
            .backup
            .as_ref()
            .map_or("none: what the box knows is lost with it".to_owned(), |backup| {
                format!("every night, to {}", backup.folder)
            }),
    );
    row("admin", sheet.admin.as_ref().map_or("none".to_owned(), |admin| admin.user.clone()));
    for warning in &plan.warnings {
        let _ = writeln!(text, "  note      {}", warning.what);
    }
    text
}

/// The program may not change the box's cards: root's part of set-up does, for the system's own network.
fn cards(plan: &Plan) -> &'static str {
    let network = &plan.made.network;
    match network.lan == Card::Dhcp && network.wan.is_none() {
        true => "",
        false => {
            "  note      the cards follow where systemd-networkd has them (`systemctl status branchline-network`)\n"
        }
    }
}

fn card(card: &Card) -> String {
    match card {
        Card::Dhcp => "an address from the network".to_owned(),
        Card::Fixed(own) => {
            own.address.clone()
                + &own.gateway.map_or(String::new(), |way| format!(" by way of {way}"))
        }
    }
}

fn passwords(plan: &Plan, phones: &[(String, Password)]) -> String {
    let name = |number: &str| {
        plan.made.phones.iter().find(|phone| phone.number == number).map_or("", |phone| &phone.name)
    };
    let row = |(number, password): &(String, Password)| {
        format!("  {number:<9} {}  {}\n", password.reveal(), name(number))
    };
    phones.iter().map(row).collect()
}

/// Where phones fetch their configuration: the first address of the box that the network knows, not one that it gives itself.
fn own_url() -> Option<String> {
    let address = driver::own_addresses().into_iter().find(|address| !is_own(*address))?;
    let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    Some(format!("https://{host}:8443"))
}

fn code(beside: &Beside) -> ExitCode {
    let Some(mut random) = clock::random() else {
        return exit::fail(exit::SYSTEM, "the system gives no randomness");
    };
    match beside.make_code(&mut random) {
        // It is the console's to show it.
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => exit::fail(exit::IO, format!("the set-up code cannot be kept: {error}")),
    }
}

/// Times of night are the branch's. What cannot be read changes nothing: the program says what is wrong with it.
fn zone(config: &Path, to: &Path, zones: &Path) -> ExitCode {
    let Ok(checked) = driver::files::check(config) else {
        eprintln!("{}: cannot be read; the time zone stays as it is", config.display());
        return ExitCode::SUCCESS;
    };
    let name = &checked.loaded.settings.site.time_zone;
    let file = zones.join(name);
    if !file.is_file() || fs::read_link(to).is_ok_and(|linked| linked == file) {
        return ExitCode::SUCCESS;
    }
    let early = to.with_extension("new");
    let linked = || -> io::Result<()> {
        // What a cut left behind.
        let _ = fs::remove_file(&early);
        std::os::unix::fs::symlink(&file, &early)?;
        fs::rename(&early, to)
    };
    match linked() {
        Ok(()) => {
            println!("the branch's time zone is {name}");
            ExitCode::SUCCESS
        }
        Err(error) => exit::fail(exit::IO, format!("{}: {error}", to.display())),
    }
}

/// As root: what was asked for becomes systemd-networkd's files. A request that is not good changes nothing.
fn network(beside: &Beside, cards: &Path, to: &Path) -> ExitCode {
    if beside.is_set_up()
        && let Err(error) = beside.forget_code()
    {
        eprintln!("branchline: the set-up code stays: {error}");
    }
    let path = beside.config().with_file_name("network.json");
    let network = match request(&path) {
        Ok(network) => network,
        // Nobody asks for one any more: what an earlier one made goes.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            for (name, _) in made::network_files(&Default::default(), "lan0", None) {
                let _ = fs::remove_file(to.join(name));
            }
            return ExitCode::SUCCESS;
        }
        Err(error) => return exit::fail(exit::DATA, format!("{}: {error}", path.display())),
    };
    let (lan, wan) = match names(cards) {
        Ok(names) => names,
        Err(error) => return exit::fail(exit::SYSTEM, format!("{}: {error}", cards.display())),
    };
    let Some(lan) = lan else {
        // The console says so too; the next start tries again.
        println!("this box has no network card");
        return ExitCode::SUCCESS;
    };
    let written = || -> io::Result<()> {
        fs::create_dir_all(to)?;
        for (name, text) in made::network_files(&network, &lan, wan.as_deref()) {
            match text {
                Some(text) => put(to, &name, &text, 0o644, None)?,
                None => drop(fs::remove_file(to.join(&name))),
            }
        }
        Ok(())
    };
    match written() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::fail(exit::IO, format!("{}: {error}", to.display())),
    }
}

/// The cards by their part: by name where they have been named, else by their order.
fn names(cards: &Path) -> io::Result<(Option<String>, Option<String>)> {
    let mut found: Vec<String> = fs::read_dir(cards)?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| look::is_card(&cards.join(name), name))
        .collect();
    found.sort_unstable();
    let named = |name: &str| found.iter().find(|own| *own == name).cloned();
    let lan = named("lan0").or_else(|| found.iter().find(|own| *own != "wan0").cloned());
    let wan =
        named("wan0").or_else(|| found.iter().find(|own| Some(*own) != lan.as_ref()).cloned());
    Ok((lan, wan))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_chosen_by_their_names_and_only_then_by_their_order() {
        let folder = std::env::temp_dir().join(format!("branchline-cards-{}", std::process::id()));
        let card = |name: &str| {
            fs::create_dir_all(folder.join(name).join("device")).expect("a folder");
            fs::write(folder.join(name).join("type"), "1\n").expect("written");
        };
        let chosen = || names(&folder).expect("a folder");
        let pair = |lan: &str, wan: &str| (Some(lan.to_owned()), Some(wan.to_owned()));
        card("enp9s0");
        card("eth0");
        assert_eq!(chosen(), pair("enp9s0", "eth0"));
        card("wan0");
        assert_eq!(chosen(), pair("enp9s0", "wan0"));
        card("lan0");
        assert_eq!(chosen(), pair("lan0", "wan0"));
        fs::remove_dir_all(&folder).expect("cleaned up");
    }
}
