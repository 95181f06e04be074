//! PostgreSQL filled from the hub's stream: the same events give the same rows, whatever is killed and however often they are
//! read; and the query of the manual runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use branchline::driver::hub::embedded::Embedded;
use branchline::driver::hub::engine::{Batch, Engine, Outboxed};
use branchline::driver::hub::postgres;
use branchline::uplink::frame::{Amend, Class, Event};
use serde_json::json;
use tokio_postgres::NoTls;

use super::{PATIENCE, folder, runtime};

const TABLES: [&str; 7] =
    ["events", "lost", "outboxes", "calls", "messages", "contacts", "agent_states"];

/// Debian's PostgreSQL on a socket of its own.
struct Database {
    dir: PathBuf,
    bin: PathBuf,
    as_root: bool,
}

impl Database {
    fn start(name: &str) -> Database {
        let dir = folder(name);
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("Debian's postgresql");
        let bin = versions.map(|entry| entry.expect("an entry").path().join("bin")).max();
        let bin = bin.expect("a version");
        let who = Command::new("id").arg("-u").output().expect("id");
        let as_root = who.stdout.trim_ascii() == b"0";
        if as_root {
            // It does not run as root.
            let owned = Command::new("chown").arg("postgres").arg(&dir).status().expect("chown");
            assert!(owned.success());
        }
        let database = Database { dir, bin, as_root };
        database.run("initdb", &["--auth=trust", "--username=hub", "--no-sync", "-D"]);
        let options = format!("-c listen_addresses= -k {}", database.dir.display());
        database.run("pg_ctl", &["-w", "-s", "-l", "log", "-o", &options, "start", "-D"]);
        database
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.bin.join(program);
        let mut command = match self.as_root {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
                command.arg(program);
                command
            }
            false => Command::new(program),
        };
        let done = command.args(arguments).arg(self.dir.join("data")).current_dir(&self.dir);
        let done = done.stdout(Stdio::null()).status().expect("it runs");
        assert!(done.success(), "{arguments:?}");
    }

    fn create(&self, name: &str) -> tokio_postgres::Config {
        let run = async {
            let client = client(&self.url("postgres")).await;
            client.batch_execute(&format!("create database {name}")).await.expect("made");
        };
        runtime().block_on(run);
        self.url(name)
    }

    fn url(&self, name: &str) -> tokio_postgres::Config {
        let file = self.dir.join(format!("{name}.url"));
        let text = format!("host={} user=hub dbname={name}\n", self.dir.display());
        std::fs::write(&file, text).expect("written");
        postgres::read_url(&file).expect("an address")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-m", "immediate", "-s", "stop", "-D"]);
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

async fn client(config: &tokio_postgres::Config) -> tokio_postgres::Client {
    let (client, connection) = config.connect(NoTls).await.expect("connected");
    tokio::spawn(connection);
    client
}

/// What a branch with some life in it sends.
fn life(site: &str, n: u64) -> Event {
    let at = 1_790_000_000_000_000 + i64::try_from(n).expect("few") * 20_000_000;
    let call = n / 10;
    let (class, body) = match n % 10 {
        0..=2 => (
            Class::CALL,
            json!({"event": "call", "at": at, "call": format!("{site}-{n}"), "direction": "inbound",
                "from": "+155501…", "to": "h:4f2a", "arrived": at - 60_000_000, "answered": at - 50_000_000,
                "ended": at, "queue": if n.is_multiple_of(20) { "support" } else { "sales" }, "agent": "anna",
                "cause": "normal", "class": "success", "legs": [{}, {}]}),
        ),
        3 => (
            Class::MESSAGE,
            json!({"event": "message", "at": at, "message": format!("m{call}"), "conversation": "c",
                "contact": format!("p{call}"), "what": "queued", "pieces": [{"text": "Grüezi"}]}),
        ),
        4 => (
            Class::MESSAGE,
            json!({"event": "message", "at": at, "message": format!("m{call}"), "what": "became",
                "status": "delivered"}),
        ),
        5 => (
            Class::PERSON,
            json!({"event": "person", "at": at, "what": "created", "contact": format!("p{call}")}),
        ),
        6 => (
            Class::PERSON,
            json!({"event": "person", "at": at, "what": "field", "contact": format!("p{call}"), "name": "A. Muster"}),
        ),
        7 => (
            Class::WORK,
            json!({"event": "agent", "at": at, "agent": "anna", "presence": "ready", "idle_since": at}),
        ),
        8 if n.is_multiple_of(3) => {
            (Class::PERSON, json!({"event": "erased", "at": at, "contacts": [format!("p{call}")]}))
        }
        // What a newer branch may say, and what nobody should.
        8 => (Class(77), json!({"event": "new", "at": "?", "text": "\u{0}"})),
        _ => return Event { class: Class::METRICS, body: b"no JSON".to_vec() },
    };
    Event { class, body: body.to_string().into_bytes() }
}

async fn keep(engine: &Engine, site: &str, first: u64, count: u64) {
    let of = Outboxed { site: site.to_owned(), epoch: "e".to_owned() };
    let events = (first..first + count).map(|n| life(site, n)).collect();
    let kept = engine.keep(&of, Batch::Events { first, events }).await;
    assert_eq!(kept, Ok(Ok(first + count - 1)));
}

/// Waits until every event is a row.
async fn caught_up(client: &tokio_postgres::Client, count: i64) {
    let until = Instant::now() + PATIENCE;
    loop {
        let asked = "select (select count(*) from branchline.events), (select max(next) from branchline.positions)";
        if let Ok(row) = client.query_one(asked, &[]).await
            && row.get::<_, i64>(0) == count
            && row.get::<_, Option<i64>>(1).is_some_and(|next| next > count)
        {
            return;
        }
        assert!(Instant::now() < until, "the rows never come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every row of every table, in one word each.
async fn rows(client: &tokio_postgres::Client) -> Vec<(String, i64, Option<String>)> {
    let mut all = Vec::new();
    for table in TABLES {
        // When a hub took an event in is not the same at another hub; all else is.
        let asked = format!(
            "select count(*), md5(string_agg((to_jsonb(t) - 'received')::text, '|' order by (to_jsonb(t) - 'received')::text)) \
             from branchline.{table} t"
        );
        let row = client.query_one(&asked, &[]).await.expect(table);
        all.push((table.to_owned(), row.get(0), row.get(1)));
    }
    all
}

#[test]
fn the_same_events_give_the_same_rows_however_often_they_are_read() {
    let database = Database::start("postgres");
    let (broken, whole) = (database.create("broken"), database.create("whole"));
    let dir = folder("tables");
    runtime().block_on(async {
        let engine = Engine::Embedded(Embedded::open(&dir).expect("opened"));
        let client_of_broken = client(&broken).await;
        // It is broken off again and again while events come.
        for turn in 0..40 {
            keep(&engine, "berne", turn * 100 + 1, 100).await;
            keep(&engine, "basle", turn * 50 + 1, 50).await;
            let writes = tokio::spawn(postgres::run(engine.clone(), broken.clone()));
            tokio::time::sleep(Duration::from_millis(turn * 3)).await;
            writes.abort();
        }
        let of = Outboxed { site: "basle".to_owned(), epoch: "e".to_owned() };
        let lost = engine.keep(&of, Batch::Lost { from: 2_001, upto: 2_010 }).await;
        assert_eq!(lost, Ok(Ok(2_010)));
        let writes = tokio::spawn(postgres::run(engine.clone(), broken.clone()));
        caught_up(&client_of_broken, 6_000).await;
        writes.abort();
        let _ = writes.await;
        let before = rows(&client_of_broken).await;
        // From the beginning into the same tables, and by two at once into others.
        let again = "update branchline.positions set next = 1";
        client_of_broken.execute(again, &[]).await.expect("set back");
        let writes = tokio::spawn(postgres::run(engine.clone(), broken.clone()));
        caught_up(&client_of_broken, 6_000).await;
        writes.abort();
        assert_eq!(rows(&client_of_broken).await, before);
        let two: Vec<_> =
            (0..2).map(|_| tokio::spawn(postgres::run(engine.clone(), whole.clone()))).collect();
        let client_of_whole = client(&whole).await;
        caught_up(&client_of_whole, 6_000).await;
        two.iter().for_each(tokio::task::JoinHandle::abort);
        assert_eq!(rows(&client_of_whole).await, before);
        println!("rows, whatever was broken off and read again: {before:?}");
        manual(&client_of_whole).await;
    });
    std::fs::remove_dir_all(&dir).expect("cleaned up");
}

/// Somebody is erased: rows that were made of what they said have no word of theirs any more, also when all is read again.
#[test]
fn rows_of_whoever_was_erased_lose_what_they_said() {
    let database = Database::start("postgres-erased");
    let config = database.create("erased");
    let dir = folder("tables-erased");
    runtime().block_on(async {
        let engine = Engine::Embedded(Embedded::open(&dir).expect("opened"));
        let client = client(&config).await;
        let of = Outboxed { site: "berne".to_owned(), epoch: "e".to_owned() };
        let event = |class, body: serde_json::Value| Event { class, body: body.to_string().into_bytes() };
        let call = json!({"event": "call", "at": 5, "call": "c1", "direction": "inbound", "arrived": 4});
        let (mut with, other) = (call.clone(), json!({"event": "call", "at": 6, "call": "c2", "from": "+15550199"}));
        with["from"] = json!("+1555MARK");
        let message = json!({"event": "message", "at": 7, "message": "m1", "what": "arrived", "contact": "p"});
        let mut text = message.clone();
        text["pieces"] = json!([{"text": "MARK said"}]);
        let events = vec![event(Class::CALL, with), event(Class::CALL, other), event(Class::MESSAGE, text)];
        assert_eq!(engine.keep(&of, Batch::Events { first: 1, events }).await, Ok(Ok(3)));
        let writes = tokio::spawn(postgres::run(engine.clone(), config.clone()));
        caught_up(&client, 3).await;
        let asked = "select (select count(*) from branchline.events where body::text like '%MARK%') \
            + (select count(*) from branchline.calls where from_number like '%MARK%') \
            + (select count(*) from branchline.messages where text like '%MARK%')";
        let marks = async || client.query_one(asked, &[]).await.expect("counted").get::<_, i64>(0);
        assert_eq!(marks().await, 4);
        let left = vec![(1, event(Class::CALL, call)), (3, event(Class::MESSAGE, message))];
        let amend = Amend { mark: 1, epoch: "e".to_owned(), events: left };
        engine.amend("berne", amend).await.expect("done");
        caught_up(&client, 5).await;
        assert_eq!(marks().await, 0);
        let number = client.query_one("select from_number from branchline.calls where call = 'c2'", &[]).await;
        assert_eq!(number.expect("a call").get::<_, &str>(0), "+15550199", "others stay");
        let again = "truncate branchline.events, branchline.calls, branchline.messages; update branchline.positions set next = 1";
        client.batch_execute(again).await.expect("set back");
        caught_up(&client, 5).await;
        assert_eq!(marks().await, 0, "nor in what the tables are filled from");
        writes.abort();
    });
    std::fs::remove_dir_all(&dir).expect("cleaned up");
}

/// The query of the manual, with what Grafana puts in for its macros.
async fn manual(client: &tokio_postgres::Client) {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware-config/hub.md");
    let manual = std::fs::read_to_string(manual).expect("the manual");
    let query = manual.split("```sql\n").nth(1).and_then(|rest| rest.split("```").next());
    let query = query
        .expect("a query")
        .replace(
            "$__timeFilter(arrived)",
            "arrived between '2026-01-01T00:00:00Z' and '2027-01-01T00:00:00Z'",
        )
        .replace(
            "$__timeGroupAlias(arrived, '1h')",
            "to_timestamp(floor(extract(epoch from arrived) / 3600) * 3600) as \"time\"",
        );
    assert!(!query.contains("$__"), "{query}");
    let found = client.query(&query, &[]).await.expect("it runs");
    let calls: i64 = found.iter().map(|row| row.get::<_, i64>("calls")).sum();
    let there =
        client.query_one("select count(*) from branchline.calls", &[]).await.expect("calls");
    assert!(calls > 0);
    assert_eq!(calls, there.get::<_, i64>(0), "every call is in one hour and queue");
    println!("the manual's query: {} rows, {calls} calls", found.len());
}
