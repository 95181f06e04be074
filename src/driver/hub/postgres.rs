//! Tables for reporting tools: events of all streams as rows in PostgreSQL.
//!
//! Where it is in each stream stands in the database and is written in the same transaction as the rows: after a kill it
//! goes on where the rows end, and of several hubs on one database one at a time takes up a stream. It speaks without TLS,
//! over a socket or loopback. A database that is away is tried again for ever; nothing waits for it but its own rows.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio_postgres::{Client, Config, NoTls, Transaction};

use super::engine::{Engine, Kept};
use crate::hub::reporting::{Rows, Sheet};

/// What it is called among those who read.
pub const READER: &str = "postgres";
/// Version of the tables; each is a step from the one before.
const SCHEMA: [&str; 1] = [include_str!("postgres/1.sql")];
/// How long a database that is away is let be.
const REST: Duration = Duration::from_secs(2);
/// How often it is looked whether there are more streams.
const LOOK_FOR_STREAMS: Duration = Duration::from_secs(5);
/// Events that are taken up in one transaction, at least, where there are as many.
const TOGETHER: usize = 2_000;
/// How long one statement may take.
const LONGEST_STATEMENT: Duration = Duration::from_secs(60);

/// Why rows are not written.
#[derive(Debug)]
pub enum NotWritten {
    /// The file with its address.
    Url(PathBuf, std::io::Error),
    /// That is no address of a database.
    NoUrl(PathBuf),
    /// It is on another machine: everything would go there in clear.
    Elsewhere,
    /// It refused, or is away.
    Database(tokio_postgres::Error),
    /// Its tables are of a newer program.
    Newer(i32),
    /// The events cannot be read.
    Stream,
}

impl fmt::Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotWritten::Url(path, error) => write!(f, "{}: {error}", path.display()),
            NotWritten::NoUrl(path) => {
                write!(f, "{}: that is no address of a database", path.display())
            }
            NotWritten::Elsewhere => f.write_str(
                "the database is on another machine, and there is no TLS: use a socket, loopback, or a tunnel",
            ),
            NotWritten::Database(error) => match error.as_db_error() {
                Some(said) => write!(f, "the database says: {said}"),
                None => write!(f, "the database: {error}"),
            },
            NotWritten::Newer(version) => {
                write!(f, "the tables are of version {version}, which a newer hub has made")
            }
            NotWritten::Stream => f.write_str("the events cannot be read at this moment"),
        }
    }
}

impl std::error::Error for NotWritten {}

impl From<tokio_postgres::Error> for NotWritten {
    fn from(error: tokio_postgres::Error) -> Self {
        NotWritten::Database(error)
    }
}

/// Reads where the database is.
///
/// # Errors
/// When that cannot be read, or is on another machine.
pub fn read_url(path: &Path) -> Result<Config, NotWritten> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| NotWritten::Url(path.to_owned(), error))?;
    let config: Config = text.trim().parse().map_err(|_| NotWritten::NoUrl(path.to_owned()))?;
    let near = config.get_hosts().iter().all(|host| match host {
        tokio_postgres::config::Host::Unix(_) => true,
        tokio_postgres::config::Host::Tcp(name) => {
            name == "localhost"
                || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    });
    if near { Ok(config) } else { Err(NotWritten::Elsewhere) }
}

/// Writes rows for as long as the hub runs.
pub async fn run(engine: Engine, config: Config) {
    let mut told = String::new();
    loop {
        let Err(why) = follow(&engine, &config).await else { continue };
        // The same trouble again and again is told once.
        let why = why.to_string();
        if why != told {
            tracing::warn!(%why, "no rows are written to PostgreSQL for now");
            told = why;
        }
        tokio::time::sleep(REST).await;
    }
}

async fn follow(engine: &Engine, config: &Config) -> Result<(), NotWritten> {
    let mut client = connect(config).await?;
    tracing::info!("rows are written to PostgreSQL");
    loop {
        let mut idle = true;
        for stream in engine.streams().await.map_err(|_| NotWritten::Stream)? {
            while take_up(engine, &mut client, &stream).await? {
                idle = false;
            }
        }
        if idle {
            wait(engine, &mut client).await?;
        }
    }
}

/// Waits until there may be more.
async fn wait(engine: &Engine, client: &mut Client) -> Result<(), NotWritten> {
    let streams = engine.streams().await.map_err(|_| NotWritten::Stream)?;
    let [only] = &streams[..] else {
        tokio::time::sleep(super::jetstream::ASK_EVERY).await;
        return Ok(());
    };
    let next = position(&client.transaction().await?, only).await?;
    // One that is alone tells when it grows; another may come meanwhile.
    let _ = tokio::time::timeout(LOOK_FOR_STREAMS, engine.tail(only, next).grown()).await;
    Ok(())
}

async fn connect(config: &Config) -> Result<Client, NotWritten> {
    let (mut client, connection) = config.connect(NoTls).await?;
    // It ends with the client; what went wrong the client says as well.
    tokio::spawn(connection);
    let limit = LONGEST_STATEMENT.as_millis();
    client.batch_execute(&format!("set statement_timeout = {limit}")).await?;
    migrate(&mut client).await?;
    Ok(client)
}

/// Brings the tables to this program's version.
async fn migrate(client: &mut Client) -> Result<(), NotWritten> {
    let step = client.transaction().await?;
    // Hubs that start together do this one after another.
    step.batch_execute(
        "select pg_advisory_xact_lock(7453001); create schema if not exists branchline; \
        create table if not exists branchline.schema_version (version integer not null)",
    )
    .await?;
    let found = step.query_opt("select version from branchline.schema_version", &[]).await?;
    let version: i32 = found.map_or(0, |row| row.get(0));
    let known = i32::try_from(SCHEMA.len()).unwrap_or(i32::MAX);
    if version > known {
        return Err(NotWritten::Newer(version));
    }
    for text in SCHEMA.iter().skip(usize::try_from(version).unwrap_or(0)) {
        step.batch_execute(text).await?;
    }
    if version < known {
        step.execute("delete from branchline.schema_version", &[]).await?;
        step.execute("insert into branchline.schema_version values ($1)", &[&known]).await?;
    }
    step.commit().await?;
    Ok(())
}

async fn position(step: &Transaction<'_>, stream: &str) -> Result<u64, NotWritten> {
    let found = step
        .query_opt("select next from branchline.positions where stream = $1", &[&stream])
        .await?;
    let next: i64 = found.map_or(1, |row| row.get(0));
    Ok(u64::try_from(next).unwrap_or(1))
}

/// Takes up some of a stream. Answers whether there was anything.
async fn take_up(engine: &Engine, client: &mut Client, stream: &str) -> Result<bool, NotWritten> {
    let step = client.transaction().await?;
    step.execute(
        "insert into branchline.positions (stream, next) values ($1, 1) on conflict do nothing",
        &[&stream],
    )
    .await?;
    // Another hub that is at it is waited for.
    let row = step
        .query_one("select next from branchline.positions where stream = $1 for update", &[&stream])
        .await?;
    let next: i64 = row.get(0);
    let mut tail = engine.tail(stream, u64::try_from(next).unwrap_or(1));
    let mut kept: Vec<Kept> = Vec::new();
    while kept.len() < TOGETHER {
        let page = tail.read().await.map_err(|_| NotWritten::Stream)?;
        if page.kept.is_empty() {
            break;
        }
        kept.extend(page.kept);
    }
    let to = i64::try_from(tail.next()).unwrap_or(i64::MAX);
    engine.hold(READER, u64::try_from(next).unwrap_or(0));
    if to == next {
        return Ok(false);
    }
    write(&step, &kept).await?;
    step.execute("update branchline.positions set next = $2 where stream = $1", &[&stream, &to])
        .await?;
    step.commit().await?;
    engine.hold(READER, tail.next());
    Ok(true)
}

async fn write(step: &Transaction<'_>, kept: &[Kept]) -> Result<(), NotWritten> {
    let mut sheet = Sheet::default();
    kept.iter().for_each(|kept| sheet.take(kept));
    let less = [
        (std::mem::take(&mut sheet.less_events), LESS_EVENTS),
        (std::mem::take(&mut sheet.less_calls), LESS_CALLS),
        (std::mem::take(&mut sheet.less_messages), LESS_MESSAGES),
    ];
    let Sheet { events, lost, outboxes, calls, messages, contacts, agent_states, .. } = sheet;
    for (rows, statement) in [
        (events, EVENTS),
        (lost, LOST),
        (outboxes, OUTBOXES),
        (calls, CALLS),
        (messages, MESSAGES),
        (contacts, CONTACTS),
        (agent_states, AGENT_STATES),
    ] {
        put(step, rows, statement).await?;
    }
    // Behind what they take from.
    for (rows, statement) in less {
        put(step, rows, statement).await?;
    }
    Ok(())
}

async fn put(step: &Transaction<'_>, rows: Rows, statement: &str) -> Result<(), NotWritten> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = Value::Array(rows.into_values().map(Value::Object).collect()).to_string();
    step.execute(statement, &[&rows]).await?;
    Ok(())
}

const EVENTS: &str = "insert into branchline.events (site, epoch, n, class, kind, at, received, body) \
    select site, epoch, n, class, kind, branchline.moment(at), branchline.moment(received), body \
    from jsonb_to_recordset($1::text::jsonb) as r(site text, epoch text, n bigint, class text, kind text, at bigint, received bigint, body jsonb) \
    on conflict (site, epoch, n) do nothing";
/// Known by its number and time: what came before a box was restored came under another name of its outbox.
const LESS_EVENTS: &str = "update branchline.events e set body = r.body \
    from jsonb_to_recordset($1::text::jsonb) as r(site text, epoch text, n bigint, kind text, at bigint, body jsonb) \
    where e.site = r.site and e.n = r.n and ((r.kind = 'gone' and e.epoch = r.epoch) or \
    (e.kind = r.kind and e.at is not distinct from branchline.moment(r.at)))";
const LESS_CALLS: &str = "update branchline.calls c set from_number = r.from_number, to_number = r.to_number, party = r.party \
    from jsonb_to_recordset($1::text::jsonb) as r(site text, call text, from_number text, to_number text, party text) \
    where c.site = r.site and c.call = r.call";
const LESS_MESSAGES: &str = "update branchline.messages m set subject = r.subject, text = r.text \
    from jsonb_to_recordset($1::text::jsonb) as r(site text, message text, subject text, text text) \
    where m.site = r.site and m.message = r.message";
const LOST: &str = "insert into branchline.lost (site, epoch, first_n, last_n) \
    select site, epoch, first_n, last_n \
    from jsonb_to_recordset($1::text::jsonb) as r(site text, epoch text, first_n bigint, last_n bigint) \
    on conflict (site, epoch, first_n) do update set last_n = greatest(lost.last_n, excluded.last_n)";
const OUTBOXES: &str = "insert into branchline.outboxes (site, epoch, upto, received) \
    select site, epoch, upto, branchline.moment(received) \
    from jsonb_to_recordset($1::text::jsonb) as r(site text, epoch text, upto bigint, received bigint) \
    on conflict (site, epoch) do update set upto = greatest(outboxes.upto, excluded.upto), \
    received = greatest(outboxes.received, excluded.received)";
const CALLS: &str = "insert into branchline.calls (site, call, direction, from_number, to_number, party, contact, arrived, \
    answered, connected, ended, queue, agent, cause, class, fee_millionths, legs, recordings) \
    select site, call, direction, from_number, to_number, party, contact, branchline.moment(arrived), \
    branchline.moment(answered), branchline.moment(connected), branchline.moment(ended), queue, agent, cause, class, \
    fee_millionths, legs, recordings \
    from jsonb_to_recordset($1::text::jsonb) as r(site text, call text, direction text, from_number text, to_number text, \
    party text, contact text, arrived bigint, answered bigint, connected bigint, ended bigint, queue text, agent text, \
    cause text, class text, fee_millionths bigint, legs integer, recordings integer) \
    on conflict (site, call) do nothing";
const MESSAGES: &str = "insert into branchline.messages as m (site, message, conversation, contact, direction, channel, subject, \
    text, status, begun, changed) \
    select site, message, conversation, contact, direction, channel, subject, text, status, branchline.moment(begun), \
    branchline.moment(changed) \
    from jsonb_to_recordset($1::text::jsonb) as r(site text, message text, conversation text, contact text, direction text, \
    channel text, subject text, text text, status text, begun bigint, changed bigint) \
    on conflict (site, message) do update set conversation = coalesce(m.conversation, excluded.conversation), \
    contact = coalesce(m.contact, excluded.contact), direction = coalesce(m.direction, excluded.direction), \
    channel = coalesce(m.channel, excluded.channel), subject = coalesce(m.subject, excluded.subject), \
    text = coalesce(m.text, excluded.text), begun = coalesce(m.begun, excluded.begun), \
    status = case when excluded.changed >= m.changed then coalesce(excluded.status, m.status) else m.status end, \
    changed = greatest(m.changed, excluded.changed)";
const CONTACTS: &str = "insert into branchline.contacts as c (site, contact, name, created, changed, erased) \
    select site, contact, case when erased is null then name end, branchline.moment(created), branchline.moment(changed), \
    branchline.moment(erased) \
    from jsonb_to_recordset($1::text::jsonb) as r(site text, contact text, name text, created bigint, changed bigint, erased bigint) \
    on conflict (site, contact) do update set \
    name = case when coalesce(excluded.erased, c.erased) is not null then null \
      when excluded.changed >= c.changed then coalesce(excluded.name, c.name) else c.name end, \
    created = coalesce(c.created, excluded.created), changed = greatest(c.changed, excluded.changed), \
    erased = coalesce(c.erased, excluded.erased)";
const AGENT_STATES: &str = "insert into branchline.agent_states (site, epoch, n, at, agent, presence, reason, idle_since) \
    select site, epoch, n, branchline.moment(at), agent, presence, reason, branchline.moment(idle_since) \
    from jsonb_to_recordset($1::text::jsonb) as r(site text, epoch text, n bigint, at bigint, agent text, presence text, \
    reason text, idle_since bigint) on conflict (site, epoch, n) do nothing";
