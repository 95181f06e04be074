//! What a person at the box types: one file per subcommand.
//!
//! Parses arguments, prints answers, chooses exit codes (sysexits). Decides nothing about calls.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::call::budget::Subject;

mod access;
mod ask;
mod backup;
mod calls;
mod certificate;
pub mod check;
mod config;
mod console;
mod contact;
mod crm;
pub mod demo;
mod drain;
mod erlang;
mod exit;
mod export;
pub mod features;
mod fence;
mod firewall;
mod hardware;
mod hub;
mod journal;
mod journey;
mod look;
mod manual;
mod modems;
mod owner;
mod policy;
mod queues;
mod recording;
mod rehearse;
mod replay;
mod report;
mod reset;
mod restore;
pub mod route;
mod run;
mod setup;
mod smpp;
mod status;
mod support;
mod text;
mod update;
mod uplink;
mod webhooks;
mod work;

/// A branch office's own exchange: SIP trunks and phones, IVR and queues on one box.
#[derive(Debug, Parser)]
#[command(name = "branchline", version, about, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Whose caps; everybody's when there is nobody.
#[derive(Debug, Clone)]
struct Whose(Option<Subject>);

fn whose_caps(text: &str) -> Result<Whose, String> {
    match text {
        "all" => Ok(Whose(None)),
        _ => match Subject::try_from(text.to_owned()) {
            Ok(subject) => Ok(Whose(Some(subject))),
            Err(_) => Err("`all`, `site`, `extension:NUMBER` or `trunk:NAME`".to_owned()),
        },
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a whole branch on loopback, place a call through it, and stay up.
    #[command(after_help = "Example: branchline demo --port-base 15000 --json")]
    Demo(demo::Options),
    /// Run the box from its configuration.
    #[command(after_help = "Example: branchline run -c /etc/branchline/gateway.toml")]
    Run {
        /// The configuration file.
        #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
        config: PathBuf,
    },
    /// Check a configuration and list everything that is wrong with it.
    #[command(
        after_help = "Examples: branchline check gateway.toml\n          branchline check -c gateway.toml"
    )]
    Check {
        /// The configuration file; `-c FILE` says the same. [default: /etc/branchline/gateway.toml]
        #[arg(conflicts_with = "config")]
        file: Option<PathBuf>,
        /// The configuration file, as for the other commands.
        #[arg(short, long)]
        config: Option<PathBuf>,
    },
    /// Print the JSON schema of gateway.toml, for editors.
    #[command(after_help = "Example: branchline schema > gateway.schema.json")]
    Schema,
    /// Say where a dialled number would go, and why, without calling.
    #[command(after_help = "Example: branchline route 95550123 --from 201")]
    Route {
        /// The number as it would be dialled.
        number: String,
        /// The extension or `trunk:NAME` that would dial it.
        #[arg(long)]
        from: String,
        /// The configuration file.
        #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
        config: PathBuf,
    },
    /// List the feature codes that phones can dial, and what each does.
    #[command(after_help = "Example: branchline features -c gateway.toml")]
    Features {
        /// The configuration file.
        #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
        config: PathBuf,
    },
    /// Print the firewall's rules that a configuration asks for, in nftables' words.
    #[command(after_help = "Example: branchline firewall | nft -f -")]
    Firewall(firewall::Firewall),
    /// Say which kind of box this is, and what is where on it.
    #[command(after_help = "Example: branchline hardware --json")]
    Hardware(hardware::Options),
    /// Show the running box at a glance.
    #[command(after_help = "Example: branchline status --json")]
    Status(status::Glance),
    /// List calls: records of ended ones, or those that are up.
    #[command(
        after_help = "Example: branchline calls --csv --limit 1000 > calls.csv",
        args_conflicts_with_subcommands = true
    )]
    Calls {
        /// Calls that are up instead of records.
        #[arg(long)]
        active: bool,
        /// Comma-separated values instead of a table.
        #[arg(long, conflicts_with_all = ["json", "active"])]
        csv: bool,
        /// At most this many records, the newest first.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        #[command(flatten)]
        options: ask::Options,
        #[command(subcommand)]
        one: Option<calls::One>,
    },
    /// Show or change what is known of a person: numbers, notes, merges, legal holds, erasure.
    #[command(after_help = "Example: branchline contact show +14085551200")]
    Contact {
        #[command(subcommand)]
        one: contact::One,
    },
    /// List queues and who waits in them.
    #[command(
        after_help = "Examples: branchline queues\n          branchline queues explain support"
    )]
    Queues(queues::Queues),
    /// List tasks and whatever else is to be done that nobody holds a line for; make, take, return and finish it.
    #[command(
        after_help = "Examples: branchline work\n          branchline work add support 'Call the plumber'"
    )]
    Work(work::Work),
    /// List agents and their states.
    #[command(after_help = "Example: branchline agents")]
    Agents(ask::Options),
    /// List trunks and their lamps.
    #[command(after_help = "Example: branchline trunks --json")]
    Trunks(ask::Options),
    /// List GSM modems: how they are, their SIMs, what was sent, what waits; find out what one lacks, ask its network.
    #[command(
        after_help = "Examples: branchline modems\n          branchline modems doctor front -o front.json"
    )]
    Modems(modems::Modems),
    /// Show SMPP both ways: links to carriers, applications that have bound here, windows, rates, the last errors.
    #[command(after_help = "Example: branchline smpp --json")]
    Smpp(ask::Options),
    /// List extensions and where their phones are registered.
    #[command(after_help = "Example: branchline phones")]
    Phones(ask::Options),
    /// Show what calls out have cost in the last hour and day, and how far each cap is used up.
    #[command(after_help = "Example: branchline spending --json")]
    Spending(ask::Options),
    /// Lift caps on spending for some hours; 0 hours puts them back in force.
    #[command(after_help = "Example: branchline lift-caps extension:201 --hours 2")]
    LiftCaps {
        /// Whose: `all`, `site`, `extension:NUMBER` or `trunk:NAME`.
        #[arg(value_parser = whose_caps)]
        of: Whose,
        /// For so many hours, 168 at most.
        #[arg(long, value_parser = clap::value_parser!(u16).range(0..=168))]
        hours: u16,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Tell the secret address that a desk phone fetches its configuration from.
    #[command(after_help = "Example: branchline phone-url 00:15:65:aa:bb:cc --once")]
    PhoneUrl {
        /// The phone's hardware address.
        mac: String,
        /// A short address for the first contact, to be keyed in: it can be used once, within a quarter of an hour.
        #[arg(long)]
        once: bool,
        /// Give the phone another address and shut the one it has, which somebody may have seen.
        #[arg(long)]
        renew: bool,
        #[command(flatten)]
        options: ask::Options,
    },
    /// List mailboxes and how many messages are in them.
    #[command(after_help = "Example: branchline voicemail --json")]
    Voicemail(ask::Options),
    /// Open one recording, which is sealed on the disk, into a WAV file; that it was opened is written down.
    #[command(after_help = "Example: branchline recording 5R2T0QW8N4K1C -o call.wav")]
    Recording(recording::Options),
    /// End a call that is up.
    #[command(after_help = "Example: branchline hangup 5R2T0QW8N4K1C")]
    Hangup {
        /// The call's id, as `branchline calls --active` shows it.
        call: crate::id::CallId,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Print every figure of the box in Prometheus's text format.
    #[command(after_help = "Example: branchline metrics | grep calls")]
    Metrics(ask::Options),
    /// List programs elsewhere that are told what happens: how far they are, and what keeps them.
    #[command(after_help = "Example: branchline webhooks replay crm --since 2026-03-01T08:00:00Z")]
    Webhooks(webhooks::Webhooks),
    /// Show how the site's CRM answers; try what it says of a number.
    #[command(after_help = "Example: branchline crm test +4930123456")]
    Crm(crm::Crm),
    /// Let this box in at head office's hub, by a token of the hub.
    #[command(
        after_help = "Example: branchline enroll hub.example.com:7443 -c gateway.toml --token -"
    )]
    Enroll(uplink::Enroll),
    /// Show how the line to head office is, and what waits for it.
    #[command(after_help = "Example: branchline uplink --json")]
    Uplink(ask::Options),
    /// Run head office's end of the line, which many branches connect to; let sites in and shut them out.
    #[command(
        after_help = "Examples: branchline hub --dir hub\n          branchline hub token berne --dir hub",
        args_conflicts_with_subcommands = false
    )]
    Hub(hub::Hub),
    /// List sources that are not heard: who guesses passwords, scans, or floods.
    #[command(after_help = "Example: branchline bans --json")]
    Bans(ask::Options),
    /// Hear a source again, and forget its wrong passwords.
    #[command(after_help = "Example: branchline unban 203.0.113.7")]
    Unban {
        /// Its address.
        address: std::net::IpAddr,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Make and change users of the API and the desktop. It works here whoever has forgotten whatever.
    #[command(after_help = "Example: branchline user add ann --role supervisor")]
    User {
        #[command(subcommand)]
        order: access::User,
        #[command(flatten)]
        options: access::Options,
    },
    /// Make and revoke tokens that programs use the API with.
    #[command(
        after_help = "Example: branchline token add crm --role supervisor --scope read --scope calls"
    )]
    Token {
        #[command(subcommand)]
        order: access::Token,
        #[command(flatten)]
        options: access::Options,
    },
    /// List who did what through the API and at the control socket, the newest first.
    #[command(after_help = "Example: branchline acts --limit 20")]
    Acts {
        /// At most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        #[command(flatten)]
        options: ask::Options,
    },
    /// Print the API's description as OpenAPI.
    #[command(after_help = "Example: branchline openapi > branchline.json")]
    Openapi,
    /// See, compare and change the configuration of the running box; a change goes back by itself unless it is confirmed.
    #[command(
        after_help = "Example: branchline config apply gateway.toml --confirm-within 5m && branchline config confirm"
    )]
    Config(config::Config),
    /// Start the program anew as soon as no call is up: what of a configuration waits for that is taken up then.
    #[command(after_help = "Example: branchline restart")]
    Restart(ask::Options),
    /// Take no new calls, and end when the last one is over.
    #[command(after_help = "Examples: branchline drain\n          branchline drain --wait 60")]
    Drain(drain::Drain),
    /// Read the journal from end to end and say whether it is whole: chain, seals, checksums.
    #[command(
        after_help = "Example: branchline journal /var/lib/branchline --key $(cat noted.pub)"
    )]
    Journal(journal::Options),
    /// Show what leaves the premises for head office: what would, and what did.
    #[command(after_help = "Example: branchline policy preview --contact +4930123456")]
    Policy(policy::Policy),
    /// Print figures of a span of time: service levels, waits, handle times and more, each by its formula's id.
    #[command(
        after_help = "Examples: branchline report --from 2026-11-01 --to 2026-11-30 --by queue\n          \
                      branchline report --interval 30m --by queue --formula F1,F3-asterisk-1 --csv\n          \
                      branchline report --interval 15m --wfm > november.csv\n          \
                      branchline report open F7 --queue support",
        args_conflicts_with_subcommands = true
    )]
    Report(Box<report::Options>),
    /// Say how many agents a load needs, or how it goes with some.
    #[command(
        after_help = "Examples: branchline erlang --calls 120 --aht 180 --target 80/20\n          \
                      branchline erlang --calls 120 --aht 180 --target 80/20 --patience 60"
    )]
    Erlang(erlang::Options),
    /// Write the branch's calls, messages and contacts as JSON lines or Parquet, for any other program.
    #[command(
        after_help = "Example: branchline export --since 2026-01-01 --format parquet --out branch.parquet"
    )]
    Export(export::Options),
    /// List journeys that run, tasks, and what came of the last steps and why; or stop a journey.
    #[command(
        after_help = "Examples: branchline journeys --json\n          branchline journeys stop 5R2T0QW8N4K1C",
        args_conflicts_with_subcommands = true
    )]
    Journeys(journey::Journeys),
    /// Check a rule of journeys, and say what it would do after an event, without doing it.
    #[command(
        after_help = "Example: branchline journey journeys/missed-call.toml --kind call-abandoned --set queue=support \
                      --zone Europe/Berlin --consent sms/service"
    )]
    Journey(Box<journey::Options>),
    /// Try from inside the fence what it must refuse, and list what came of it; for tests and auditors.
    #[command(hide = true)]
    TryFence {
        /// The configuration file.
        #[arg(short, long, default_value = "/etc/branchline/gateway.toml")]
        config: PathBuf,
    },
    /// Write man pages and shell completions into a folder; used when the package is made.
    #[command(hide = true)]
    Manual {
        /// Where they go.
        folder: PathBuf,
    },
    /// What stands on the box's own screen: where it is found, how it is, what is wrong and what to do; a menu, and no shell.
    #[command(after_help = "Example: branchline console --once")]
    Console(console::Options),
    /// Put this box back as it came. What it knew is kept aside for 24 hours, unless a regulated wipe was chosen.
    #[command(after_help = "Example: branchline reset --word RESET")]
    Reset(reset::Options),
    /// Set this box up from a site sheet: name, network, line, phones, admin.
    #[command(
        after_help = "Examples: branchline setup site.toml --check\n          branchline setup site.toml",
        args_conflicts_with_subcommands = true
    )]
    Setup(Box<setup::Setup>),
    /// Put everything that this box knows into one encrypted file, while it runs.
    #[command(
        after_help = "Examples: branchline backup --to /mnt/stick\n          branchline backup --passphrase-file - --to box.blbackup"
    )]
    Backup(backup::Options),
    /// Show the certificate that phones and browsers see, or renew the box's own.
    #[command(after_help = "Example: branchline certificate --json")]
    Certificate(certificate::Options),
    /// Bring a backup back, on this box or on new hardware; what is here already is set aside.
    #[command(
        after_help = "Examples: branchline restore box.blbackup --key-file paper.txt\n          branchline restore box.blbackup --check"
    )]
    Restore(restore::Options),
    /// Put what somebody needs who helps with this box into one file, without what is anybody's: no names, texts, secrets, numbers.
    #[command(
        after_help = "Examples: branchline support-bundle --preview\n          branchline support-bundle -o bundle.tar.gz"
    )]
    SupportBundle(support::Options),
    /// Try what the branch has to do when it is alone: hold the line to head office down for a minute, place real calls, and write a
    /// signed report. `--loop-call` is the short one of every night.
    #[command(
        after_help = "Examples: branchline rehearse --trunk +15550199 --out report.txt\n          branchline rehearse --verify report.txt"
    )]
    Rehearse(rehearse::Rehearse),
    /// Take a new version of the whole box into the slot that does not run, from a folder, a stick or the site's server; or say what
    /// became of the last.
    #[command(
        after_help = "Examples: branchline update /run/stick --now --restart\n          branchline update --fetch --now"
    )]
    Update(update::Options),
    /// Wait until the box answers and its trunks are as before the update; a failure makes room for the version before.
    #[command(after_help = "Example: branchline health --within 300")]
    Health(update::Health),
    /// Read a store in a process of its own, to learn whether it opens; used by the box itself.
    #[command(hide = true)]
    StoreCheck {
        /// The store's folder.
        store: PathBuf,
    },
}

/// Carries out what the arguments say.
pub fn main(arguments: Arguments) -> ExitCode {
    use crate::admin::Command as Ask;
    match arguments.command {
        Command::Demo(options) => demo::main(&options),
        Command::Run { config } => run::main(&config),
        Command::Check { file, config } => check::main(file.or(config).as_deref()),
        Command::Route { number, from, config } => route::main(&number, &from, &config),
        Command::Schema => check::schema(),
        Command::Hardware(options) => hardware::main(&options),
        Command::Features { config } => features::main(&config),
        Command::Firewall(asked) => firewall::main(&asked),
        Command::Status(options) => status::main(&options),
        Command::Calls { one: Some(one), .. } => calls::main(&one),
        Command::Calls { active, csv, limit, options, one: None } => {
            let command = if active {
                Ask::ActiveCalls
            } else {
                Ask::CallRecords { limit: limit as usize, after: None }
            };
            ask::main(&options, &command, if csv { ask::Form::Csv } else { ask::Form::Text })
        }
        Command::Contact { one } => contact::main(one),
        Command::Queues(asked) => queues::main(&asked),
        Command::Agents(options) => ask::main(&options, &Ask::Agents, ask::Form::Text),
        Command::Trunks(options) => ask::main(&options, &Ask::Trunks, ask::Form::Text),
        Command::Phones(options) => ask::main(&options, &Ask::Phones, ask::Form::Text),
        Command::Spending(options) => ask::main(&options, &Ask::Spending, ask::Form::Text),
        Command::LiftCaps { of, hours, options } => {
            ask::main(&options, &Ask::LiftCaps { of: of.0, hours }, ask::Form::Text)
        }
        Command::PhoneUrl { mac, once, renew, options } => {
            ask::main(&options, &Ask::PhoneUrl { mac, once, renew }, ask::Form::Text)
        }
        Command::Voicemail(options) => ask::main(&options, &Ask::Mailboxes, ask::Form::Text),
        Command::Recording(options) => recording::main(&options),
        Command::Hangup { call, options } => {
            ask::main(&options, &Ask::HangUp { call }, ask::Form::Text)
        }
        Command::Metrics(options) => ask::main(&options, &Ask::Metrics, ask::Form::Text),
        Command::Modems(asked) => modems::main(asked),
        Command::Smpp(options) => ask::main(&options, &Ask::Smpp, ask::Form::Text),
        Command::Enroll(asked) => uplink::enroll(&asked),
        Command::Uplink(options) => ask::main(&options, &Ask::Uplink, ask::Form::Text),
        Command::Hub(asked) => hub::main(&asked),
        Command::Webhooks(asked) => webhooks::main(asked),
        Command::Crm(asked) => crm::main(asked),
        Command::Bans(options) => ask::main(&options, &Ask::Bans, ask::Form::Text),
        Command::Unban { address, options } => {
            ask::main(&options, &Ask::Unban { address }, ask::Form::Text)
        }
        Command::User { order, options } => access::user(&options.into(), order),
        Command::Token { order, options } => access::token(&options.into(), order),
        Command::Acts { limit, options } => {
            let command = Ask::Acts { limit: limit as usize, after: None };
            ask::main(&options, &command, ask::Form::Text)
        }
        Command::Openapi => access::document(),
        Command::Config(asked) => config::main(asked),
        Command::Restart(options) => ask::main(&options, &Ask::Restart, ask::Form::Text),
        Command::Drain(asked) => drain::main(&asked),
        Command::Journal(options) => journal::main(&options),
        Command::Policy(asked) => policy::main(asked),
        Command::Report(options) => report::main(&options),
        Command::Erlang(options) => erlang::main(&options),
        Command::Export(options) => export::main(&options),
        Command::Journeys(asked) => journey::running(asked),
        Command::Work(asked) => work::main(asked),
        Command::Journey(options) => journey::main(&options),
        Command::TryFence { config } => fence::main(&config),
        Command::Manual { folder } => manual::main(&folder),
        Command::Console(options) => console::main(&options),
        Command::Reset(options) => reset::main(&options),
        Command::Setup(options) => setup::main(&options),
        Command::Backup(options) => backup::main(&options),
        Command::Certificate(options) => certificate::main(options),
        Command::Restore(options) => restore::main(&options),
        Command::Rehearse(options) => rehearse::main(&options),
        Command::SupportBundle(options) => support::main(&options),
        Command::Update(options) => update::main(&options),
        Command::Health(options) => update::health(&options),
        Command::StoreCheck { store } => run::store_check(&store),
    }
}
