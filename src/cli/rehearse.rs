//! `branchline rehearse`: whether the branch works by itself, tried and not believed.
//!
//! The line to head office is held down (the box lets it come back by itself, also when this command dies), and meanwhile a phone of
//! this command's own places real calls through the box: it is a small phone on loopback with an extension's account, which rings
//! nobody but who is called. What was tried, what came of it and what was not tried goes into a report that the box's own key signs.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::admin::{Command, Reply, UplinkLine};
use crate::appliance::rehearsal::{CONTEXT, LAST, Outcome, Report, Step, parted};
use crate::call::plan::{Asked, Destination, Origin, Plan, Target};
use crate::cli::demo::ear::TONES;
use crate::cli::demo::softphone::{Account, Noticed, Softphone};
use crate::cli::{ask, check, exit};
use crate::config::{SecretRef, Settings};
use crate::driver::{clock, files, whole};
use crate::id::ExtensionId;
use crate::journal::chain::{Sealer, hex, is_signed, unhex};

/// How long a call may take to be answered and heard.
const CALL: Duration = Duration::from_secs(20);
/// How often the phone looks at its sockets.
const TICK: Duration = Duration::from_millis(2);
/// How long the line may take to be up again after it was let go.
const BACK: Duration = Duration::from_secs(60);
/// How often it is asked how the line is.
const LOOK: Duration = Duration::from_millis(200);

/// What `branchline rehearse` takes.
#[derive(Debug, Args)]
pub struct Rehearse {
    /// The calls that disturb nobody, without cutting the line: as the timer does it every night.
    #[arg(long)]
    loop_call: bool,
    /// Seconds for which the line to head office is held down.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=300))]
    uplink_seconds: u16,
    /// A number outside that may be called: it has to answer.
    #[arg(long, value_name = "NUMBER")]
    trunk: Option<String>,
    /// The carrier's number for trying emergency calls, such as 933; never a real one.
    #[arg(long, value_name = "NUMBER")]
    emergency_test: Option<String>,
    /// A text to a number by a channel, as CHANNEL:NUMBER.
    #[arg(long, value_name = "CHANNEL:NUMBER")]
    sms: Option<String>,
    /// The extension whose account calls; the first whose password can be read when absent.
    #[arg(long, value_name = "EXTENSION")]
    from: Option<String>,
    /// The file that the report goes to; shown in any case.
    #[arg(short, long)]
    out: Option<PathBuf>,
    /// Say whether a report is as this box, or the box with `--key`, has signed it; nothing else is done.
    #[arg(long, value_name = "REPORT")]
    verify: Option<PathBuf>,
    /// The public key in hexadecimal; that in the data folder when absent.
    #[arg(long, requires = "verify")]
    key: Option<String>,
    /// The configuration file.
    #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
    config: PathBuf,
    /// The control socket of the box.
    #[arg(long, env = "BRANCHLINE_SOCKET", default_value = "/run/branchline/admin.sock")]
    socket: PathBuf,
}

/// Tries, prints, and gives the exit code.
pub fn main(asked: &Rehearse) -> ExitCode {
    let settings = match files::check(&asked.config) {
        Ok(checked) => checked.loaded.settings,
        Err(problems) => {
            eprint!("{}", check::problems(&problems));
            return exit::fail(exit::CONFIG, "nothing was tried; mend the configuration first");
        }
    };
    if let Some(report) = &asked.verify {
        return verify(report, asked.key.as_deref(), &settings.site.data_dir);
    }
    let seed = fs::read_to_string(settings.site.data_dir.join("keys/seal"));
    let sealer = seed.ok().and_then(|text| Sealer::from_seed(&unhex(text.trim())?).ok());
    let Some(sealer) = sealer else {
        let words = "the box's key cannot be read, and nobody could sign the report: be root, or user branchline";
        return exit::fail(exit::NO_INPUT, words);
    };
    let mut report = Report::new(&settings.site.name, env!("CARGO_PKG_VERSION"), clock::now().unix);
    let rehearsal = Rehearsal { asked, settings: &settings };
    rehearsal.play(&mut report);
    report.ended = clock::now().unix;
    let text = report.to_string();
    let signed = format!(
        "{text}signed {} by {}\n",
        sealer.sign(CONTEXT, text.as_bytes()),
        hex(sealer.public_key())
    );
    print!("{signed}");
    let last = settings.site.data_dir.join(LAST);
    let kept = asked.out.iter().chain(asked.loop_call.then_some(&last));
    for path in kept {
        // The folder is synced too, and a name alone has none.
        let at = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        if let Err(error) = whole::write(&at, signed.as_bytes(), 0o644) {
            return exit::fail(exit::IO, format!("{}: {error}", path.display()));
        }
    }
    match report.failed() {
        0 => ExitCode::SUCCESS,
        failed => exit::fail(exit::UNAVAILABLE, format!("{failed} of what was tried failed")),
    }
}

fn verify(path: &Path, key: Option<&str>, data: &Path) -> ExitCode {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return exit::fail(exit::NO_INPUT, format!("{}: {error}", path.display())),
    };
    let own = || fs::read_to_string(data.join("keys/seal.pub")).ok();
    let Some(key) = key.map(str::to_owned).or_else(own).and_then(|key| unhex(key.trim())) else {
        return exit::fail(exit::NO_INPUT, "which key? --key, in hexadecimal");
    };
    let good = parted(&text)
        .is_some_and(|(report, signature)| is_signed(&key, CONTEXT, report.as_bytes(), signature));
    if !good {
        return exit::fail(
            exit::DATA,
            "this report is not as it was signed, or another box has signed it",
        );
    }
    println!("{}: as it was signed", path.display());
    ExitCode::SUCCESS
}

struct Rehearsal<'a> {
    asked: &'a Rehearse,
    settings: &'a Settings,
}

impl Rehearsal<'_> {
    fn play(&self, report: &mut Report) {
        let held = if self.asked.loop_call { None } else { Some(self.cut(report)) };
        let account = self.account();
        for (name, number) in self.calls() {
            let outcome = match (&account, number) {
                (Err(why), _) => Outcome::NotTried(why.clone()),
                (Ok(_), Err(why)) => Outcome::NotTried(why),
                (Ok(account), Ok(number)) => self.call(account, &number, name == "echo"),
            };
            report.add(Step { name, outcome });
        }
        if !self.asked.loop_call {
            report.add(Step { name: "text", outcome: self.text() });
        }
        if let Some(until) = held.flatten() {
            report.add(Step { name: "line back", outcome: self.back(until) });
        }
    }

    /// What is called, each with its number or why there is none.
    fn calls(&self) -> Vec<(&'static str, Result<String, String>)> {
        let to = |what: &str, is: fn(&Target) -> bool| {
            let found = self.settings.internal.iter().find(|internal| is(&internal.to));
            found
                .map(|internal| internal.number.to_string())
                .ok_or_else(|| format!("no [[internal]] number leads to {what}"))
        };
        let mut all = vec![
            ("echo", to("`echo`", |to| matches!(to, Target::Echo))),
            ("menu", to("a flow (`ivr:`)", |to| matches!(to, Target::Ivr(_)))),
        ];
        if !self.asked.loop_call {
            let outside = |number: &Option<String>, option: &str| {
                number.clone().ok_or_else(|| format!("say which number may be called: {option}"))
            };
            all.push(("queue", to("a queue (`queue:`)", |to| matches!(to, Target::Queue(_)))));
            all.push(("trunk", outside(&self.asked.trunk, "--trunk NUMBER")));
            all.push((
                "emergency test",
                outside(&self.asked.emergency_test, "--emergency-test 933"),
            ));
        }
        all
    }

    /// An extension whose password is in a file that can be read here.
    fn account(&self) -> Result<Account, String> {
        let wanted = self.asked.from.as_deref();
        let mut all = self.settings.extensions.iter();
        let own = all.find_map(|extension| {
            let SecretRef::File(path) = &extension.secret else { return None };
            let is = wanted.is_none_or(|wanted| extension.number.as_str() == wanted);
            let password = is.then(|| fs::read_to_string(path).ok()).flatten()?;
            Some(Account {
                user: extension.number.to_string(),
                password: Some(password.trim_end_matches(['\r', '\n']).to_owned()),
                tone: TONES[0],
                answers: false,
                hears_itself: true,
            })
        });
        own.ok_or_else(|| "no extension's password can be read from its file here".to_owned())
    }

    /// One call: answered, and heard; an echo has to bring back the very tone.
    fn call(&self, account: &Account, number: &str, echo: bool) -> Outcome {
        let asked = Asked {
            dialled: number,
            from: Origin::Extension(ExtensionId::from(account.user.as_str())),
            unix: clock::now().unix,
        };
        let decision = Plan::new(self.settings.dial_rules()).decide(&asked);
        if matches!(decision.destination, Destination::Emergency { .. }) {
            return Outcome::NotTried(format!(
                "{number} is a real emergency number: nobody tries that"
            ));
        }
        let wanted = if echo { Noticed::Tone(account.tone) } else { Noticed::Sound };
        match placed(account, gateway(self.settings), number, &wanted) {
            Ok(took) => Outcome::Passed(format!("{number} answered and heard after {took:.1} s")),
            Err(Missed::System(why)) => {
                Outcome::Failed(why, "look at the log of the box".to_owned())
            }
            Err(Missed::Noticed(all)) => {
                let todo = format!(
                    "`branchline route {number} --from {}` says where it goes",
                    account.user
                );
                Outcome::Failed(format!("{number} was not heard; {}", told(&all)), todo)
            }
        }
    }

    /// Until when the line is down, if there is one.
    fn cut(&self, report: &mut Report) -> Option<Instant> {
        let seconds = self.asked.uplink_seconds;
        let begun = Instant::now();
        let (outcome, until) = match self.uplink() {
            Err(why) => (Outcome::NotTried(why), None),
            Ok(line) if !line.up => {
                (Outcome::NotTried(format!("it is down by itself: {}", line.words)), None)
            }
            Ok(_) => match ask::ask(&self.asked.socket, &Command::HoldUplink { seconds }) {
                Ok(Reply::Done) => {
                    let until = begun + Duration::from_secs(seconds.into());
                    let down = self.waits(until, |line| !line.up);
                    let words =
                        format!("held down for {seconds} s; the calls were placed meanwhile");
                    match down {
                        true => (Outcome::Passed(words), Some(until)),
                        false => (
                            Outcome::Failed(
                                "it stayed up".to_owned(),
                                "look at the log".to_owned(),
                            ),
                            Some(until),
                        ),
                    }
                }
                Ok(reply) => (Outcome::NotTried(format!("the box refused: {reply:?}")), None),
                Err(error) => (Outcome::NotTried(error.to_string()), None),
            },
        };
        report.add(Step { name: "line down", outcome });
        until
    }

    /// It comes back by itself, and head office has everything.
    fn back(&self, until: Instant) -> Outcome {
        thread::sleep(until.saturating_duration_since(Instant::now()));
        let begun = Instant::now();
        match self.waits(begun + BACK, |line| line.up && line.backlog == 0) {
            true => {
                let took = begun.elapsed().as_secs_f64();
                Outcome::Passed(format!(
                    "up {took:.1} s after it was let go, and nothing waits for it"
                ))
            }
            false => {
                let words = self.uplink().map_or_else(|why| why, |line| line.words);
                Outcome::Failed(words, "`branchline uplink` says why".to_owned())
            }
        }
    }

    fn waits(&self, until: Instant, is: impl Fn(&UplinkLine) -> bool) -> bool {
        loop {
            if self.uplink().is_ok_and(|line| is(&line)) {
                return true;
            }
            if Instant::now() > until {
                return false;
            }
            thread::sleep(LOOK);
        }
    }

    fn uplink(&self) -> Result<UplinkLine, String> {
        match ask::ask(&self.asked.socket, &Command::Uplink) {
            Ok(Reply::Uplink(Some(line))) => Ok(*line),
            Ok(_) => Err("this box has no line to head office ([uplink] hub)".to_owned()),
            Err(error) => Err(format!("no box answers: {error}")),
        }
    }

    fn text(&self) -> Outcome {
        let Some((channel, to)) = self.asked.sms.as_deref().and_then(|own| own.split_once(':'))
        else {
            return Outcome::NotTried("say who may get one: --sms CHANNEL:NUMBER".to_owned());
        };
        let message = serde_json::json!({
            "channel": channel, "to": to, "text": "Branchline: a rehearsal. Nobody has to answer.", "purpose": "service",
        });
        let Ok(message) = serde_json::from_value(message) else {
            return Outcome::NotTried("this is no channel and number".to_owned());
        };
        let begun = Instant::now();
        let sent = ask::ask(&self.asked.socket, &Command::SendMessage { message, once: None });
        let id = match sent {
            Ok(Reply::Queued { message, .. }) => message,
            Ok(reply) => {
                return Outcome::Failed(
                    format!("the box refused: {reply:?}"),
                    format!("`branchline modems doctor {channel}`"),
                );
            }
            Err(error) => {
                return Outcome::Failed(error.to_string(), "is the box running?".to_owned());
            }
        };
        let mut state = "queued".to_owned();
        while begun.elapsed() < BACK {
            if let Ok(reply) = ask::ask(&self.asked.socket, &Command::Message { message: id }) {
                let shown = serde_json::to_value(&reply).unwrap_or_default();
                if let Some(now) =
                    shown["value"]["state"]["is"].as_str().or(shown["value"]["state"].as_str())
                {
                    now.clone_into(&mut state);
                }
                if matches!(state.as_str(), "sent" | "delivered") {
                    return Outcome::Passed(format!(
                        "{state} after {:.1} s",
                        begun.elapsed().as_secs_f64()
                    ));
                }
            }
            thread::sleep(LOOK);
        }
        Outcome::Failed(
            format!("it is {state} still"),
            format!("`branchline modems doctor {channel}` says what it lacks"),
        )
    }
}

/// Why a call did not come to what was wanted.
enum Missed {
    /// This machine.
    System(String),
    /// What came instead.
    Noticed(Vec<Noticed>),
}

/// Calls, waits for what is wanted, and hangs up. In seconds.
fn placed(
    account: &Account,
    gateway: SocketAddr,
    number: &str,
    wanted: &Noticed,
) -> Result<f64, Missed> {
    let system = |error: std::io::Error| Missed::System(error.to_string());
    let random = clock::random()
        .ok_or_else(|| Missed::System("the system gives no randomness".to_owned()))?;
    let mut phone = Softphone::new(account.clone(), gateway, random).map_err(system)?;
    phone.call(number).map_err(system)?;
    let begun = Instant::now();
    let mut all = Vec::new();
    let mut heard = None;
    while begun.elapsed() < CALL && heard.is_none() && !all.contains(&Noticed::Ended) {
        phone.turn();
        while let Some((_, noticed)) = phone.noticed() {
            if noticed == *wanted && heard.is_none() {
                heard = Some(begun.elapsed().as_secs_f64());
            }
            all.push(noticed);
        }
        thread::sleep(TICK);
    }
    phone.hang_up();
    let over = Instant::now() + Duration::from_secs(2);
    while Instant::now() < over && !all.contains(&Noticed::Ended) {
        phone.turn();
        all.extend(std::iter::from_fn(|| phone.noticed()).map(|(_, noticed)| noticed));
        thread::sleep(TICK);
    }
    heard.ok_or(Missed::Noticed(all))
}

fn told(all: &[Noticed]) -> String {
    let mut words = String::new();
    for noticed in all.iter().filter(|noticed| **noticed != Noticed::Ended) {
        let _ = match noticed {
            Noticed::Refused(status) => write!(words, "refused with {status}, "),
            Noticed::Ringing => write!(words, "it rang, "),
            Noticed::Answered => write!(words, "it was answered, "),
            Noticed::Sound => write!(words, "there was some sound, "),
            _ => Ok(()),
        };
    }
    match words.trim_end_matches(", ") {
        "" => format!("nothing came within {} s", CALL.as_secs()),
        some => some.to_owned(),
    }
}

/// Where the box takes SIP by UDP; loopback where it takes it everywhere.
fn gateway(settings: &Settings) -> SocketAddr {
    let own = settings.sip.udp.iter().find(|at| at.is_ipv4());
    let at = own.copied().unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)));
    match at.ip().is_unspecified() {
        true => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), at.port()),
        false => at,
    }
}
